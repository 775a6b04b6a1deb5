#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Request rates of Apache httpd through mod_mcmp and through mod_proxy_balancer; see httpd.py.
#
#   sh tests/bench/httpd.sh [BIN] [FLAGS]   BIN: folder beside modules/; default build/release/bin
set -eu

here=$(cd "$(dirname "$0")" && pwd)
bin=${1:-$here/../../build/release/bin}
[ $# -eq 0 ] || shift
for tool in wrk nginx apache2; do
    command -v $tool >/dev/null || { echo "httpd.sh: $tool is not installed" >&2; exit 2; }
done
[ -f "$bin/../modules/mod_mcmp.so" ] || { echo "httpd.sh: no $bin/../modules/mod_mcmp.so" >&2; exit 2; }
exec /usr/bin/python3 "$here/httpd.py" --bin "$bin" "$@"
