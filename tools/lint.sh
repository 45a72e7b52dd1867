#!/bin/sh
# lint.sh: clang-format over all sources, clang-tidy over those that changed since it last liked them.
#
#   tools/lint.sh [FILE...]     (default: all of src, include, tests)
. "$(dirname "$0")/common.sh"
cd "$root"

failed=0
if [ $# = 0 ]; then
    # shellcheck disable=SC2046 # no blanks in our file names
    set -- $(find src include tests -name '*.[ch]' -o -name '*.cc' | LC_ALL=C sort)
fi
clang-format --dry-run -Werror "$@" || failed=1

# clang-tidy takes seconds a file: what it liked is remembered by the digest of the file, of all headers and of its
# configuration.
[ -f build/asan/compile_commands.json ] || build asan
liked=build/lint
mkdir -p "$liked"
common=$(find include src tests -name '*.h' -exec cat {} + | cat - .clang-tidy tools/tidy.h | sha256sum | cut -c1-16)
todo=$(mktemp)
trap 'rm -f "$todo"' EXIT
for file; do
    case $file in *.h) continue ;; esac
    grep -q "/$file\"" build/asan/compile_commands.json || continue
    digest=$(sha256sum <"$file" | cut -c1-16)
    [ -e "$liked/$common-$digest" ] || printf '%s %s\n' "$file" "$liked/$common-$digest"
done >"$todo"
if [ -s "$todo" ]; then
    say "clang-tidy: $(wc -l <"$todo") files"
    # shellcheck disable=SC2016 # expanded by the inner shell
    xargs -P "$(nproc)" -L 1 sh -c '
        case $0 in
        *.cc) more=--extra-arg-before=-std=gnu++17 ;;                     # gcc has it by default, clang 14 has not
        src/base/err.c | src/base/file.c) more= ;;                         # define what tidy.h speaks of
        *) more="--extra-arg-before=-include --extra-arg-before=$PWD/tools/tidy.h" ;;
        esac
        out=$(clang-tidy -p build/asan --quiet $more "$0" 2>&1) && touch "$1" ||
            { printf "%s: clang-tidy does not like it\n%s\n" "$0" "$out" >&2; exit 1; }' <"$todo" || failed=1
fi
exit $failed
