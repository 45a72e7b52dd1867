#!/bin/sh
# bench.sh: measures this node beside DCMTK's storescp and dcmqrscp and Debian's Orthanc, on this machine, in turns.
#
#   tools/bench.sh [--quick] [--only store,retrieve,pictures,catalog,house,records,messages,deliveries] [--rounds N] [--studies N]
#
# Installs what is missing, builds the release and the load generator, and writes build/bench/report.md; docs/performance.md
# says how to read it. About a quarter of an hour, --quick two minutes; some 25 GB of disk meanwhile. Let nothing else run.
. "$(dirname "$0")/common.sh"

had_orthanc=$(command -v Orthanc || true)
need_packages bench
if [ -z "$had_orthanc" ] && command -v systemctl >/dev/null; then # Debian starts what it installs
    systemctl disable --now orthanc >/dev/null 2>&1 || true
fi
build release
build release bench
build release bench_records
build release bench_platform
exec /usr/bin/python3 "$root/tests/bench/run.py" "$@"
