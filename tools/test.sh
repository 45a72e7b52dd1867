#!/bin/sh
# test.sh: installs what is missing, builds with sanitizers and as release, looks at the form of the code, and runs every
# test through CTest, and those of the walks once more under ThreadSanitizer. Needs no input and no network once the
# packages are there.
#
#   tools/test.sh [options of ctest, e.g. -R cases.store]     (then without ThreadSanitizer)
#
# Real test files are taken from $YQ_TESTDATA or ../shared/testdata; where there are none, their cases are skipped and say so.
. "$(dirname "$0")/common.sh"

need_packages test
export YQ_TESTDATA="${YQ_TESTDATA:-$root/../shared/testdata}"
[ -f "$YQ_TESTDATA/manifest.csv" ] || say "No real test files at $YQ_TESTDATA: the cases that need them will be skipped."

build release
build asan

lint=0
"$root/tools/lint.sh" || lint=$?

tests=0
fixed=
# run_tests BUILD [options of ctest]
run_tests() {
    folder=$root/build/$1
    shift
    rm -rf "$folder/cases" && mkdir -p "$folder/cases"
    $fixed ctest --test-dir "$folder" -j 2 --output-on-failure --no-tests=error "$@" </dev/null || tests=$?
    echo
    /usr/bin/python3 "$root/tests/cases/summary.py" "$folder" || tests=1
}
run_tests asan "$@"
if [ $# = 0 ]; then
    build tsan
    # ThreadSanitizer of gcc 12 does not start where the kernel scatters addresses over more bits than it knows of.
    ! setarch -R true 2>/dev/null || fixed="setarch -R"
    run_tests tsan -L walks
fi

[ "$lint" = 0 ] && echo "lint: fine" || echo "lint: FAILED, see above"
[ "$tests" = 0 ] && echo "tests: passed" || echo "tests: FAILED, see above"
[ "$lint" = 0 ] && [ "$tests" = 0 ]
