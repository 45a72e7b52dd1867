#!/bin/sh
# gallery.sh: one picture of everything: frame 1 of every real test file, of presentation states the image as they show
# it, and of the sample studies. To be looked at, picture by picture, after a change in image/ or dcm/.
#
#   tools/gallery.sh [FOLDER...]      -> build/asan/gallery/sheet.png, with list.txt of what is where and why not
#
# Real test files are taken from $YQ_TESTDATA or ../shared/testdata. Nothing of them belongs into the repository.
. "$(dirname "$0")/common.sh"

need_packages test
export YQ_TESTDATA="${YQ_TESTDATA:-$root/../shared/testdata}"
build asan show
build asan yingqiao
out=$root/build/asan/gallery
rm -rf "$out" && mkdir -p "$out"
if [ $# = 0 ]; then
    "$root/build/asan/yingqiao" demo --out "$out/demo" >/dev/null
    set -- "$out/demo"
    if [ -f "$YQ_TESTDATA/manifest.csv" ]; then
        set -- "$YQ_TESTDATA" "$@"
    else
        say "No real test files at $YQ_TESTDATA: the sheet shows the sample studies only."
    fi
fi
exec /usr/bin/python3 -W ignore "$root/tests/image/sheet.py" "$root/build/asan/show" "$out" "$@"
