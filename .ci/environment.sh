# Sourced by the scripts beside it. They need a Python with venv and pip, and a C compiler; on a
# Debian machine where one is missing and we are root it is installed.
set -eu

ROOT=$(cd "$(dirname "$0")/.." && pwd)
PYTHON=${PYTHON:-python3}
export PIP_DISABLE_PIP_VERSION_CHECK=1

# What the caller has set for other programs must not decide what is tested here.
unset WSFAST_BACKEND WSFAST_ISA WSFAST_BUILD WSFAST_ADAPTERS WSFAST_DIST
unset PYTHONPATH PYTHONHOME PYTHONSTARTUP PYTHONWARNINGS PYTEST_ADDOPTS VIRTUAL_ENV

heading() {
    printf '\n==== %s\n\n' "$*"
}

fail() {
    printf '%s: %s\n' "$0" "$*" >&2
    exit 1
}

have() {
    command -v "$1" >/dev/null 2>&1
}

# install_tool PACKAGE…: Debian packages, where that is possible; false where it is not.
install_tool() {
    have apt-get && [ "$(id -u)" = 0 ] || return 1
    echo "installing $*"
    { DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@" ||
        { apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
            apt-get install -qq -y --no-install-recommends "$@"; }; } >/dev/null
}

# need_tool COMMAND PACKAGE…: fails where COMMAND is not there and can't be installed.
need_tool() {
    tool=$1
    shift
    have "$tool" || install_tool "$@" || fail "needs $tool; on Debian it is in $*"
}

need_python() {
    have "$PYTHON" || [ "$PYTHON" != python3 ] || install_tool python3 python3-venv || true
    have "$PYTHON" || fail "needs a Python of 3.10 or later: $PYTHON is not one (set PYTHON)"
    "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 10))' ||
        fail "needs a Python of 3.10 or later: $("$PYTHON" --version) (set PYTHON)"
    "$PYTHON" -c 'import ensurepip' 2>/dev/null || install_tool python3-venv ||
        fail "$PYTHON has no ensurepip; on Debian it is in python3-venv"
}

need_compiler() {
    have "${CC:-cc}" || install_tool gcc libc6-dev || fail "needs a C compiler: ${CC:-cc} (set CC)"
    "$PYTHON" - <<'END' || install_tool python3-dev || fail "Python.h is missing; on Debian it is in python3-dev"
import os, sys, sysconfig
sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))
END
}

# make_venv NAME: makes or reuses .venv/NAME-<Python>; sets VENV to it and BIN to its programs.
make_venv() {
    need_python
    VENV=$ROOT/.venv/$1-$("$PYTHON" -c '
import sys
print(sys.implementation.cache_tag + getattr(sys, "abiflags", ""))')
    case $(uname -s) in
    MINGW* | MSYS*) BIN=$VENV/Scripts ;;
    *) BIN=$VENV/bin ;;
    esac
    "$BIN/python" -m pip --version >/dev/null 2>&1 || "$PYTHON" -m venv --clear "$VENV"
}

pip_install() {
    "$BIN/python" -m pip install -qq "$@"
}

# build_wheel BUILD: builds the project as WSFAST_BUILD=BUILD says into VENV/build/dist, outside
# the tree: what an earlier build has left there would get into the wheel.
build_wheel() {
    rm -rf "$VENV/build"
    mkdir -p "$VENV/build"
    printf '[build]\nbuild_base = %s\n[egg_info]\negg_base = %s\n' \
        "$VENV/build" "$VENV/build" >"$VENV/build.cfg"
    DIST_EXTRA_CONFIG=$VENV/build.cfg WSFAST_BUILD=$1 "$BIN/python" -m pip wheel \
        --quiet --no-deps --wheel-dir "$VENV/build/dist" "$ROOT"
}

# install_wheel WHEEL [EXTRA]: also where a wheel of the same version is installed already.
install_wheel() {
    "$BIN/python" -m pip uninstall -qq --yes wsfast
    pip_install "$1${2:+[$2]}"
}

# install_package BUILD [EXTRA]: builds and installs the project with that extra into VENV.
install_package() {
    [ "$1" = python ] || need_compiler
    build_wheel "$1"
    install_wheel "$VENV"/build/dist/wsfast-*.whl "${2:-}"
}

# conformance PROGRAM [ARGUMENT…]: runs one of tests/conformance with VENV's package. Where a tool
# that it needs is not there it says so, and is left out.
conformance() {
    program=$1
    shift
    code=0
    "$BIN/python" "$ROOT/tests/conformance/$program" "$@" || code=$?
    [ "$code" = 0 ] || [ "$code" = 77 ] || fail "$program $* ended with $code"
}

# install_libraries: the extra `libraries` of the installed package, one by one: not all of them can
# be had for every Python, and none is needed.
install_libraries() {
    for library in $("$BIN/python" -c '
from importlib.metadata import requires
for line in requires("wsfast"):
    if line.endswith("extra == \"libraries\""):
        print(line.partition(";")[0].replace(" ", ""))'); do
        pip_install "$library" 2>/dev/null || echo "left out: $library can't be installed here"
    done
}
