#!/bin/sh
# Makes the field parts of docs/provinces/*.md anew; what is written by hand above them stays.
#   tools/province_pages.sh [yingqiao]
set -eu
cd "$(dirname "$0")/.."
yingqiao=${1:-build/asan/yingqiao}
for page in docs/provinces/*.md; do
    name=$(basename "$page" .md)
    new=$(mktemp)
    sed '/^<!-- Below: made by /,$d' "$page" > "$new"
    "$yingqiao" fields "$name" --markdown >> "$new"
    cat "$new" > "$page"
    rm "$new"
done
