# shellcheck shell=sh
# common.sh: what run.sh, test.sh and lint.sh share. Sourced, not run.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)

say() { printf '%s\n' "$*" >&2; }
stop() { say "$*"; exit 1; }

# need_packages run|test|bench: installs what is missing of tools/packages.txt. Asks apt only when something is missing.
need_packages() {
    if ! command -v dpkg-query >/dev/null; then
        say "This is no Debian system: nothing is installed here. tools/packages.txt says what is needed."
        return
    fi
    missing=
    wanted=$(awk -v all="$1" '$1 == "run" || $1 == all { print $2 }' "$root/tools/packages.txt")
    # shellcheck disable=SC2086
    have=" $(dpkg-query -W -f '${db:Status-Abbrev}${Package} ' $wanted 2>/dev/null || true)"
    for package in $wanted; do
        case $have in *" ii  $package "* | *" ii $package "*) ;; *) missing="$missing $package" ;; esac
    done
    [ -n "$missing" ] || return 0
    say "Installing from Debian:$missing"
    as_root=
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || stop "Cannot install without root. As root, run:
  apt-get update && apt-get install --no-install-recommends$missing"
        as_root=sudo
    fi
    $as_root apt-get update >&2 || say "apt-get update failed; trying all the same."
    # database servers for the tests are among them: nothing of them is started here
    policy=/usr/sbin/policy-rc.d
    [ ! -e "$policy" ] || policy=
    [ -z "$policy" ] || { printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null && $as_root chmod 755 "$policy"; }
    installed=yes
    # shellcheck disable=SC2086
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing >&2 </dev/null ||
        installed=
    [ -z "$policy" ] || $as_root rm -f "$policy"
    [ -n "$installed" ] ||
        stop "apt-get could not install them (its reason is above). Install by hand, then try again:
  apt-get install --no-install-recommends$missing"
}

# build PRESET [target]: configures when needed and builds; quiet when there is nothing to do.
build() {
    folder=$root/build/$1
    # A clone that was copied or moved keeps a cache of the old place, which CMake refuses.
    if [ -f "$folder/CMakeCache.txt" ] && ! grep -q "^CMAKE_HOME_DIRECTORY:INTERNAL=$root\$" "$folder/CMakeCache.txt"; then
        rm -rf "$folder"
    fi
    [ -f "$folder/build.ninja" ] || (cd "$root" && cmake --preset "$1" >&2) || stop "Configuring $1 failed; see above."
    if ninja -C "$folder" -n ${2:+"$2"} | grep -q 'no work to do'; then
        return
    fi
    say "Building $1 ..."
    ninja -C "$folder" -j "$(nproc)" --quiet ${2:+"$2"} >&2 || stop "Building $1 failed; see above."
}
