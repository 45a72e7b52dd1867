#!/bin/sh
# run.sh: from a fresh Debian 12 machine to a running node.
#
#   tools/run.sh [--demo] [--data DIR] [further options of yingqiao, e.g. --set dicom.port=11113]
#
# Installs what is missing, builds build/release/yingqiao, starts it on ./var. --demo makes and loads sample studies
# first, once. Stop it with Ctrl-C.
. "$(dirname "$0")/common.sh"

demo=
data=$root/var
passed=0
options=$#
while [ "$passed" -lt "$options" ]; do # what is not ours goes back to the end of the list
    word=$1
    shift
    passed=$((passed + 1))
    case $word in
    --demo) demo=1 ;;
    --data)
        [ "$passed" -lt "$options" ] || stop "--data needs a folder."
        data=$1
        shift
        passed=$((passed + 1))
        ;;
    --data=*) data=${word#--data=} ;;
    -h | --help) sed -n '2,/^\. /{s/^# \{0,1\}//p}' "$0"; exit 0 ;;
    *) set -- "$@" "$word" ;;
    esac
done

need_packages run
build release
program=$root/build/release/yingqiao

mkdir -p "$data"
data=$(cd "$data" && pwd)
if [ -n "$demo" ] && [ ! -f "$data/demo-loaded" ]; then
    say "Making sample studies ..."
    "$program" demo --data "$data" "$@" >&2 || stop "The sample studies could not be loaded; see above."
    : >"$data/demo-loaded"
fi

# value SECTION KEY DEFAULT: a setting as the node will see it
if ! effective=$("$program" check --data "$data" "$@" 2>/dev/null); then
    "$program" check --data "$data" "$@" >/dev/null || stop "This cannot be started; see above. The configuration is in $data/conf."
fi
value() {
    found=$(printf '%s\n' "$effective" |
        sed -n '/^  "'"$1"'": {/,/^  }/s/^    "'"$2"'": "\{0,1\}\([^",]*\)"\{0,1\},\{0,1\}$/\1/p')
    printf '%s' "${found:-$3}"
}
aet=$(value dicom aet YINGQIAO)
dicom=$(value dicom port 11112)
http=$(value http port 8080)
addresses=$(hostname -I 2>/dev/null | tr ' ' '\n' | grep -v -e '^$' -e '^169\.254\.' -e '^fe80:' | head -n 4 | tr '\n' ' ')

say ""
say "Point a modality at     AE title $aet, host ${addresses:-127.0.0.1 }port $dicom"
if [ "$(value dicom unknown_peers refuse)" = refuse ]; then
    say "  and let it in with    $program ae add ITS_AE_TITLE ITS_ADDRESS ITS_PORT --data $data"
fi
if [ "$http" != 0 ]; then
    say "Point a browser at      http://localhost:$http/api/v1/studies"
    # objects/<2 hex>/<study>/<series>/<instance>.<8 hex>.dcm says all that a WADO URL needs; the first image will do.
    object=$(find "$data/objects" -name '*.dcm' 2>/dev/null | LC_ALL=C sort | head -n 1)
    if [ -n "$object" ]; then
        instance=${object##*/}
        instance=${instance%.*.dcm}
        series=${object%/*}
        study=${series%/*}
        say "  an image of yours at  http://localhost:$http/wado?requestType=WADO&studyUID=${study##*/}&seriesUID=${series##*/}&objectUID=$instance&contentType=image/jpeg"
    fi
fi
say ""
exec "$program" serve --data "$data" "$@"
