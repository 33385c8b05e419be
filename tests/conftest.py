from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from guard import GuardedPages
from hypothesis import HealthCheck, settings
from implementations import Implementation, implementation_names

settings.register_profile(
    "suite",
    deadline=None,
    derandomize=True,
    database=None,
    max_examples=100,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.register_profile(
    "deep", settings.get_profile("suite"), derandomize=False, max_examples=5000
)
settings.load_profile("suite")

_names: list[str] = []
_missing: str | None = None


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--backend",
        choices=("auto", "c", "python"),
        default=None,
        help="test both sides where there (auto), both or fail (c), or only the pure one (python); "
        "as WSFAST_BACKEND where not given",
    )


def pytest_configure(config: pytest.Config) -> None:
    global _missing
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # So a shell starts what runs in the background; the tests' own processes would inherit it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    backend = config.getoption("--backend") or os.environ.get("WSFAST_BACKEND", "auto")
    if backend not in ("auto", "c", "python"):
        raise pytest.UsageError(f"WSFAST_BACKEND={backend!r}: expected auto, c or python")
    try:
        names, _missing = implementation_names(backend)
    except ImportError as error:
        raise pytest.UsageError(f"the compiled side is demanded, but missing: {error}") from error
    _names[:] = names


def pytest_report_header() -> str:
    why = f" (compiled side left out: {_missing})" if _missing else ""
    return f"implementations: {', '.join(_names)}{why}"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "implementation" in metafunc.fixturenames:
        metafunc.parametrize("implementation", _names, indirect=True, scope="session")


@pytest.fixture(scope="session")
def implementation(request: pytest.FixtureRequest) -> Iterator[Implementation]:
    chosen = Implementation(request.param)
    chosen.choose_kernels()
    yield chosen
    chosen.restore_kernels()


@pytest.fixture(scope="session")
def compiled() -> Implementation:
    """The compiled side, for tests that need both; its kernels as they are."""
    if len(_names) == 1:
        pytest.skip(f"compiled side left out: {_missing}")
    return Implementation("c")


@pytest.fixture(scope="session")
def pure() -> Implementation:
    return Implementation("python")


@pytest.fixture(scope="session")
def guarded() -> Iterator[GuardedPages]:
    pages = GuardedPages(1 << 18)
    yield pages
    pages.close()
