#!/bin/sh
# The kernels' tests, outside the extension. Nothing is left in the tree.
#
#   run.sh               unit tests under the address and undefined-behaviour sanitizers
#   run.sh fuzz SECONDS  each fuzz target for so long (default 30); needs clang
#   run.sh aarch64       unit tests of the NEON kernels under qemu-aarch64-static
#   run.sh s390x         unit tests on a big-endian machine under qemu-s390x-static
#
# CC, CFLAGS and CLANG take the place of cc, "-O2 -g" and clang-14 or clang.
set -eu

src=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
build=$(mktemp -d "${TMPDIR:-/tmp}/wsf-tests.XXXXXX")
trap 'rm -rf -- "$build"' EXIT
trap 'exit 1' HUP INT TERM

warnings="-std=c11 -D_DEFAULT_SOURCE -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror"
sanitize="-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer"
sources=$(find "$src" -name '*.c' ! -path '*/tests/*')

# build COMPILER NAME FLAG...
build() {
    compiler=$1 name=$2
    shift 2
    # shellcheck disable=SC2086  # lists of words
    $compiler $warnings ${CFLAGS:--O2 -g} "$@" "$src/tests/$name.c" $sources -o "$build/$name"
}

# unit COMPILER RUNNER FLAG...
unit() {
    compiler=$1 runner=$2
    shift 2
    for name in test_header test_kernels; do
        build "$compiler" "$name" "$@"
        $runner "$build/$name"
    done
    echo "passed: unit tests, $compiler $*"
}

sanitized() {
    # shellcheck disable=SC2086
    unit "${CC:-cc}" '' $sanitize
}

fuzz() {
    clang=${CLANG:-$(command -v clang-14 || command -v clang)}
    for name in fuzz_header fuzz_mask fuzz_utf8 fuzz_text; do
        # shellcheck disable=SC2086
        build "$clang" "$name" $sanitize -fsanitize=fuzzer
        (cd "$build" && "./$name" -max_total_time="$1" -max_len=600 -print_final_stats=1 \
            >"$name.log" 2>&1) || { cat "$build/$name.log"; exit 1; }
        runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$build/$name.log")
        echo "passed: $name, $runs runs"
    done
}

case ${1-} in
    '') sanitized ;;
    fuzz) fuzz "${2:-30}" ;;
    aarch64) unit aarch64-linux-gnu-gcc qemu-aarch64-static -static ;;
    s390x) unit s390x-linux-gnu-gcc qemu-s390x-static -static ;;
    *) sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
