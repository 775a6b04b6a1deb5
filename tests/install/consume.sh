#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs a build with DESTDIR and by prefix, then builds and runs a consumer by CMake and by
# pkg-config, shared and static.
# Usage: consume.sh BUILD-DIR WORK-DIR
set -eu
build=$1
work=$2
here=$(cd "$(dirname "$0")" && pwd)
rm -rf "$work"
mkdir -p "$work"

say() { printf '== %s\n' "$1"; }
need() {
    for file in "$@"; do
        [ -e "$file" ] || { echo "not installed: $file" && exit 1; }
    done
}

say "install with DESTDIR"
DESTDIR=$work/stage cmake --install "$build" --prefix /opt/mcmp >"$work/install.log"
root=$work/stage/opt/mcmp
pc=$(find "$root" -name libmcmp.pc)
lib=${pc%/pkgconfig/libmcmp.pc}
need "$root/include/libmcmp/libmcmp.h" "$lib/libmcmp.so" "$lib/libmcmp.so.0.1" "$lib/libmcmp.a" \
    "$lib/cmake/libmcmp/libmcmpConfig.cmake" "$lib/cmake/libmcmp/libmcmpConfigVersion.cmake"
outside=$(find "$work/stage" -type f ! -path "$root/*")
[ -z "$outside" ] || { echo "outside of the prefix: $outside" && exit 1; }
readelf -d "$lib/libmcmp.so" | grep -q 'SONAME.*\[libmcmp.so.0.1\]' || { echo "wrong soname" && exit 1; }
grep -q '^prefix=/opt/mcmp$' "$pc" || { echo "wrong prefix in $pc" && exit 1; }
if grep -rlF "$build" "$root/include" "$lib/cmake" "$pc"; then
    echo "the files above name the build directory" && exit 1
fi

say "pkg-config, shared and static"
export PKG_CONFIG_PATH="$lib/pkgconfig"
flags() { pkg-config "--define-variable=prefix=$root" "$@" libmcmp; }
[ "$(flags --modversion)" = 0.1.0 ] || { echo "wrong version in $pc" && exit 1; }
cc -std=c11 -Wall -Wextra -Werror "$here/consumer.c" $(flags --cflags --libs) -o "$work/pc-shared"
LD_LIBRARY_PATH=$lib "$work/pc-shared"
needed=$(flags --static --libs | sed 's/-lmcmp/-l:libmcmp.a/')
cc -std=c11 "$here/consumer.c" $(flags --cflags) $needed -o "$work/pc-static"
"$work/pc-static"

say "CMake, from the same place"
cmake -G Ninja -S "$here" -B "$work/cmake" -DCMAKE_PREFIX_PATH="$root" >"$work/cmake.log" 2>&1 ||
    { cat "$work/cmake.log" && exit 1; }
cmake --build "$work/cmake" >"$work/cmake.log" 2>&1 || { cat "$work/cmake.log" && exit 1; }
"$work/cmake/by_shared"
"$work/cmake/by_static"
if ldd "$work/cmake/by_static" | grep libmcmp; then
    echo "by_static links the shared library" && exit 1
fi
say "installed programs"
for program in "$root"/bin/*; do
    [ -x "$program" ] || continue
    "$program" --help >/dev/null || { echo "$program --help fails" && exit 1; }
    echo "$program"
done
