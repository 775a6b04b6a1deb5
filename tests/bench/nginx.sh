#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# nginx with ngx_http_mcmp_module against nginx's own static upstream, and against httpd's
# mod_proxy_ajp; see nginx_rates.py --help for what can be set.
#
#   sh tests/bench/nginx.sh [--bin build/release/bin] [--rounds 5] [--seconds 4] [--only 200x10]
exec /usr/bin/python3 "$(dirname "$0")/nginx_rates.py" "$@"
