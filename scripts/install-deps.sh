#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian packages that are missing, and nothing else. Quick when nothing is missing.
# Groups: build (library and programs), test (what tests/run.sh uses), bench (rivals of the benchmarks).
set -u

build_packages="cmake ninja-build gcc g++ pkgconf libapr1-dev libssl-dev libxxhash-dev libuv1-dev
curl"
test_packages="git patch python3 python3-pytest check clang-14 libclang-rt-14-dev clang-format-14 valgrind
doxygen graphviz mandoc openssl jq libxml2-utils libjansson-dev libhttp-parser-dev
tomcat10 default-jdk-headless apache2 apache2-dev libapache2-mod-jk lighttpd tshark spin
nginx nginx-dev iproute2 php-cli nodejs"
bench_packages="wrk haproxy liblmdb-dev"

usage() {
    cat <<TXT
usage: sh scripts/install-deps.sh [build|test|bench] [--list]
  build   what the library, the programs and examples/quickstart.sh need
  test    build, and what sh tests/run.sh needs (the default)
  bench   test, and what tests/bench/proxy.sh, ajp.py and httpd.sh compare with
  --list  print the names instead of installing
TXT
}

group=test
list=0
for arg in "$@"; do
    case $arg in
    build | test | bench) group=$arg ;;
    --list) list=1 ;;
    --help | -h) usage && exit 0 ;;
    *) usage >&2 && exit 2 ;;
    esac
done

packages=$build_packages
[ "$group" = build ] || packages="$packages $test_packages"
[ "$group" != bench ] || packages="$packages $bench_packages"

if [ "$list" = 1 ]; then
    printf '%s\n' $packages
    exit 0
fi

if ! command -v dpkg-query >/dev/null 2>&1; then
    echo "install-deps: no dpkg here; install the equivalents of: $packages" >&2
    exit 0
fi

missing=
for package in $packages; do
    state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)
    [ "$state" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null 2>&1; then
        echo "install-deps: run as root, or install:$missing" >&2
        exit 1
    fi
    as_root=sudo
fi

# Packages of servers must not start them here: the tests start their own on loopback.
policy=/usr/sbin/policy-rc.d
made_policy=0
cleanup() {
    [ "$made_policy" = 0 ] || $as_root rm -f "$policy"
}
if [ "$group" != build ] && [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null && made_policy=1
    trap cleanup EXIT INT TERM
    $as_root chmod 755 "$policy"
fi

echo "install-deps: installing$missing"
install() {
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        -o Dpkg::Use-Pty=0 $missing </dev/null
}
$as_root apt-get update -qq </dev/null || echo "install-deps: apt-get update failed, trying anyway" >&2
install || {
    echo "install-deps: could not install:$missing" >&2
    exit 1
}
