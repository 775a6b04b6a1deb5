#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds nginx itself, with ngx_http_mcmp_module, under AddressSanitizer and UBSan.
set -eu

usage() {
    echo "usage: sh scripts/nginx-asan.sh FOLDER LIBMCMP.A [SOURCE]"
    echo "  FOLDER     for nginx and the module: FOLDER/nginx, FOLDER/ngx_http_mcmp_module.so"
    echo "  LIBMCMP.A  a library with the same sanitizers, as the preset asan builds it"
    echo "  SOURCE     nginx's source, unpacked; without it the package's is fetched"
}

case ${1:-} in
--help | -h) usage && exit 0 ;;
esac
[ $# -ge 2 ] || { usage >&2 && exit 2; }
root=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$1"
out=$(cd "$1" && pwd)
library=$(cd "$(dirname "$2")" && pwd)/$(basename "$2")
version=1.22.1
source=${3:-$out/nginx-$version}

if [ ! -x "$source/configure" ]; then
    # beside the package, wherever apt would take that from
    folder=$(apt-get download --print-uris nginx 2>/dev/null | sed -n "s|^'\([^']*\)/[^/']*'.*|\1|p")
    [ -n "$folder" ] && curl -sSfL --max-time 120 -o "$out/nginx.tar.gz" \
        "$folder/nginx_$version.orig.tar.gz" || {
        echo "nginx-asan: the source of nginx $version can't be fetched" >&2
        exit 77
    }
    sum=$(sha256sum "$out/nginx.tar.gz" | cut -d' ' -f1)
    [ "$sum" = 9ebb333a9e82b952acd3e2b4aeb1d4ff6406f72491bab6cd9fe69f0dea737f31 ] || {
        echo "nginx-asan: the fetched source is another one: $sum" >&2
        exit 1
    }
    tar -C "$out" -xzf "$out/nginx.tar.gz"
fi

# nginx reads words past what is set, calls functions by other types and compares empty names.
flags="-O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined"
flags="$flags -fno-sanitize=alignment,nonnull-attribute,pointer-overflow -Wno-error"
cd "$source"
MCMP_CFLAGS="-I$root/include" MCMP_LIBS="$library -lapr-1 -lcrypto -lpthread" \
    ./configure --with-compat --with-debug --with-http_ssl_module --with-http_v2_module \
    --with-http_realip_module --with-http_auth_request_module --with-threads --builddir="$out/objs" --with-cc-opt="$flags" \
    --with-ld-opt="-fsanitize=address,undefined" --add-dynamic-module="$root/examples/nginx" \
    >"$out/configure.log" || {
    tail -5 "$out/configure.log" >&2
    exit 1
}
make -j2 -f "$out/objs/Makefile" build modules >"$out/make.log" 2>&1 || {
    tail -30 "$out/make.log" >&2
    exit 1
}
cp "$out/objs/nginx" "$out/objs/ngx_http_mcmp_module.so" "$out/"
echo "nginx-asan: $out/nginx and $out/ngx_http_mcmp_module.so"
