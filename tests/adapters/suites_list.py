"""The suites of the libraries: their releases, how they are run, what they need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

UNITTEST = str(Path(__file__).parent / "suites_unittest.py")


@dataclass(frozen=True)
class Suite:
    """How a library's tests are had and run. `name` is its distribution."""

    name: str
    version: str
    # Arguments after `python`; {results} is the file that the run writes its outcomes to.
    command: Sequence[str]
    # The part of it for --quick; empty: the suite is left out there.
    quick: Sequence[str] = ()
    # What its tests need besides the library.
    needs: Sequence[str] = ()
    environment: dict[str, str] = field(default_factory=dict)
    # Where the tests come from: "sdist", "debian", "wheel" (they are in the package), "checkout".
    source: str = "sdist"
    # Of the sources, only these: else the package in them would be imported, not the wheel.
    keep: Sequence[str] = ()
    # Which adapter is enabled: that of the same name, if not said.
    adapter: str = ""
    # What tells it from another suite of the same library.
    label: str = ""

    @property
    def title(self) -> str:
        return f"{self.name} {self.version}{self.label and ', '}{self.label}"


def pytest_command(*arguments: str) -> tuple[str, ...]:
    return ("-m", "pytest", "-q", "--junitxml={results}", *arguments)


def unittest_command(*names: str) -> tuple[str, ...]:
    return (UNITTEST, "{results}", *names)


AIOHTTP_TESTS = [
    f"tests/test_{name}.py"
    for name in (
        "websocket_parser",
        "websocket_writer",
        "websocket_data_queue",
        "websocket_handshake",
        "client_ws",
        "client_ws_functional",
        "web_websocket",
        "web_websocket_functional",
    )
]
AIOHTTP_OPTIONS = (
    *("-n0", "--no-cov", "-o", "addopts=", "-W", "ignore"),
    *("-m", "not dev_mode and not autobahn and not internal"),
)
AIOHTTP_NEEDS = (
    *("freezegun", "pytest-mock", "pytest-cov", "pytest-timeout", "pytest-xdist", "blockbuster"),
    *("trustme", "proxy.py", "zlib_ng", "isal", "re-assert", "time-machine"),
)
AIOHTTP_KEEP = ("tests", "setup.cfg", "pytest.ini", "pyproject.toml", "requirements")
AUTOBAHN_NEEDS = ("pytest-asyncio", "twisted", "txaio")
UVICORN_NEEDS = ("websockets==17.4", "wsproto==1.3.2", "httpx2", "httptools", "trustme", "a2wsgi")
WEBSOCKETS_ENVIRONMENT = {
    "WEBSOCKETS_TESTS_TIMEOUT_FACTOR": "20",
    "PYTHONASYNCIODEBUG": "1",
    "PYTHON_CONTEXT_AWARE_WARNINGS": "0",
}
AUTOBAHN_OPTIONS = ("--import-mode=importlib", "-W", "ignore")
AUTOBAHN_TESTS = tuple(
    f"autobahn.{name}" for name in ("websocket.test", "nvx.test", "asyncio.test.test_aio_websocket")
)

SUITES = (
    Suite(
        "websockets",
        "15.0.1",
        unittest_command("tests"),
        quick=unittest_command("tests.test_protocol", "tests.test_frames", "tests.test_streams"),
        needs=("python-socks[asyncio]", "werkzeug"),
        environment=WEBSOCKETS_ENVIRONMENT,
        source="debian",
        keep=("tests",),
    ),
    Suite(
        "wsproto",
        "1.3.2",
        pytest_command("tests"),
        quick=pytest_command("tests"),
    ),
    Suite(
        "aiohttp",
        "3.14.5",
        pytest_command(*AIOHTTP_OPTIONS, *AIOHTTP_TESTS),
        quick=pytest_command(*AIOHTTP_OPTIONS, *AIOHTTP_TESTS[:4]),
        needs=AIOHTTP_NEEDS,
        keep=AIOHTTP_KEEP,
    ),
    Suite(
        "aiohttp",
        "3.14.5",
        pytest_command(*AIOHTTP_OPTIONS, *AIOHTTP_TESTS),
        needs=AIOHTTP_NEEDS,
        environment={"AIOHTTP_NO_EXTENSIONS": "1"},
        keep=AIOHTTP_KEEP,
        label="pure",
    ),
    Suite(
        "tornado",
        "6.6.1",
        unittest_command("--quiet=tornado.access", "tornado.test.websocket_test"),
        quick=unittest_command("--quiet=tornado.access", "tornado.test.websocket_test"),
        source="wheel",
    ),
    Suite(
        "tornado",
        "6.6.1",
        unittest_command("--quiet=tornado.access", "tornado.test.websocket_test"),
        environment={"TORNADO_EXTENSION": "0"},
        source="wheel",
        label="pure",
    ),
    Suite(
        "websocket-client",
        "1.9.2",
        pytest_command("-p", "no:asyncio", "websocket/tests"),
        quick=pytest_command("-p", "no:asyncio", "websocket/tests"),
        needs=("python-socks",),
    ),
    Suite(
        "websocket-client",
        "1.9.2",
        pytest_command("-p", "no:asyncio", "websocket/tests"),
        needs=("python-socks",),
        adapter="wsaccel",
        label="by the name of wsaccel",
    ),
    Suite(
        "autobahn",
        "26.10.2",
        pytest_command(*AUTOBAHN_OPTIONS, "--pyargs", *AUTOBAHN_TESTS),
        quick=pytest_command(*AUTOBAHN_OPTIONS, "--pyargs", *AUTOBAHN_TESTS),
        needs=AUTOBAHN_NEEDS,
        environment={"USE_ASYNCIO": "1", "AUTOBAHN_USE_NVX": "1"},
        source="wheel",
    ),
    Suite(
        "autobahn",
        "26.10.2",
        pytest_command(*AUTOBAHN_OPTIONS, "--pyargs", *AUTOBAHN_TESTS),
        needs=AUTOBAHN_NEEDS,
        environment={"USE_ASYNCIO": "1", "AUTOBAHN_USE_NVX": "0"},
        source="wheel",
        label="without NVX",
    ),
    Suite(
        "ws4py",
        "0.6.0",
        pytest_command("test", "--ignore", "test/test_cherrypy.py"),
        quick=pytest_command("test", "--ignore", "test/test_cherrypy.py"),
        needs=("tornado", "gevent"),
    ),
    Suite(
        "uvicorn",
        "0.54.0",
        pytest_command("-o", "addopts=", "-W", "ignore", "tests/protocols/test_websocket.py"),
        needs=UVICORN_NEEDS,
        keep=("tests", "pyproject.toml"),
        adapter="websockets,wsproto",
    ),
)
