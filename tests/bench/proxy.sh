#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Request rates of mcmp-server, nginx and HAProxy as reverse proxies: one worker each, the same two
# nginx backends (keep-alive, 64-byte answer), loaded by wrk in turn, several rounds. Prints the
# rates, and the ratios of each round, since machines differ and drift.
#
#   sh tests/bench/proxy.sh [BIN]      BIN: folder of mcmp-server; default build/release/bin
#   ROUNDS=3 SECONDS_EACH=5 CONNECTIONS=50 set the effort; EXTRA gives mcmp-server more flags
set -eu

here=$(cd "$(dirname "$0")/../.." && pwd)
bin=${1:-$here/build/release/bin}
rounds=${ROUNDS:-3}
seconds=${SECONDS_EACH:-5}
connections=${CONNECTIONS:-50}
run=$(mktemp -d)
pids=

finish() {
    for pid in $pids; do
        kill "$pid" 2>/dev/null || true
    done
    for pid in $pids; do
        wait "$pid" 2>/dev/null || true
    done
    rm -rf "$run"
}
trap finish EXIT
trap 'exit 1' INT TERM

for tool in wrk nginx haproxy curl; do
    command -v $tool >/dev/null || { echo "proxy.sh: $tool is not installed" >&2; exit 2; }
done
[ -x "$bin/mcmp-server" ] || { echo "proxy.sh: no $bin/mcmp-server" >&2; exit 2; }

free_ports() {
    /usr/bin/python3 -c '
import socket
socks = [socket.socket() for _ in range(4)]
for sock in socks:
    sock.bind(("127.0.0.1", 0))
print(*[sock.getsockname()[1] for sock in socks])'
}
# shellcheck disable=SC2046 # four words
set -- $(free_ports)
port_a=$1 port_b=$2 port_nginx=$3 port_haproxy=$4

# start_nginx NAME HTTP-LINES: an nginx with one worker whose files are all in $run/NAME
start_nginx() {
    mkdir -p "$run/$1"
    {
        echo "daemon off; worker_processes 1; pid $run/$1/pid; error_log $run/$1/error.log;"
        echo "events { worker_connections 4096; }"
        echo "http { access_log off; keepalive_requests 1000000000; keepalive_timeout 300s;"
        for kind in client_body proxy fastcgi uwsgi scgi; do
            echo "${kind}_temp_path $run/$1/$kind;"
        done
        echo "$2 }"
    } >"$run/$1/nginx.conf"
    nginx -p "$run/$1" -c "$run/$1/nginx.conf" 2>/dev/null &
    pids="$pids $!"
}

body=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
for node in a:"$port_a" b:"$port_b"; do
    start_nginx "node-${node%:*}" "server { listen 127.0.0.1:${node#*:};
        location / { default_type text/plain; return 200 $body; } }"
done
start_nginx proxy "upstream nodes { server 127.0.0.1:$port_a; server 127.0.0.1:$port_b;
        keepalive 64; keepalive_requests 1000000000; }
    server { listen 127.0.0.1:$port_nginx; location / { proxy_pass http://nodes;
        proxy_http_version 1.1; proxy_set_header Connection \"\";
        proxy_set_header X-Forwarded-For \$proxy_add_x_forwarded_for; } }"

cat >"$run/haproxy.cfg" <<CFG
global
    nbthread 1
    maxconn 4000
defaults
    mode http
    timeout connect 5s
    timeout client 300s
    timeout server 300s
frontend front
    bind 127.0.0.1:$port_haproxy
    default_backend nodes
backend nodes
    balance roundrobin
    option forwardfor
    http-reuse always
    server a 127.0.0.1:$port_a
    server b 127.0.0.1:$port_b
CFG
haproxy -f "$run/haproxy.cfg" >/dev/null 2>&1 &
pids="$pids $!"

# shellcheck disable=SC2086 # EXTRA is a list of flags
"$bin/mcmp-server" --listen 127.0.0.1:0 --management 127.0.0.1:0 --workers 1 \
    --ready-file "$run/ready" --error-log "$run/error.log" ${EXTRA:-} >/dev/null &
pids="$pids $!"

# wait_for WHAT COMMAND...: at most 10 s
wait_for() {
    what=$1
    shift
    tries=0
    until "$@" >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ $tries -lt 100 ] || { echo "proxy.sh: $what does not come up" >&2; exit 1; }
        sleep 0.1
    done
}
wait_for mcmp-server test -s "$run/ready"
port_mcmp=$(sed -n 's/^listen .*://p' "$run/ready")
management=$(sed -n 's/^management //p' "$run/ready")
for port in "$port_a" "$port_b"; do
    wait_for "a backend" curl -sf "http://127.0.0.1:$port/"
done
for port in "$port_a" "$port_b"; do
    for message in "CONFIG JVMRoute=n$port&Host=127.0.0.1&Port=$port&Type=http&StickySession=No" \
        "ENABLE-APP JVMRoute=n$port&Alias=localhost&Context=/" "STATUS JVMRoute=n$port&Load=100"; do
        curl -sf -X "${message%% *}" --data "${message#* }" "http://$management/" >/dev/null
    done
done
for port in "$port_mcmp" "$port_nginx" "$port_haproxy"; do
    wait_for "a proxy" curl -sf "http://127.0.0.1:$port/"
    [ "$(curl -s "http://127.0.0.1:$port/")" = "$body" ]
done

# rate PORT: requests per second
rate() {
    wrk -t1 -c"$connections" -d"${seconds}s" "http://127.0.0.1:$1/" >"$run/wrk"
    if grep -q 'Non-2xx\|Socket errors' "$run/wrk"; then
        cat "$run/wrk" >&2
        exit 1
    fi
    awk '/^Requests\/sec:/ { print $2 }' "$run/wrk"
}

echo "one worker each, $connections connections, $seconds s, requests per second"
printf '%-8s %12s %12s %12s %16s %16s\n' round mcmp-server nginx haproxy mcmp/nginx mcmp/haproxy
round=1
while [ $round -le "$rounds" ]; do
    ours=$(rate "$port_mcmp")
    nginx_rate=$(rate "$port_nginx")
    haproxy_rate=$(rate "$port_haproxy")
    echo "$round $ours $nginx_rate $haproxy_rate" | tee -a "$run/rates" | awk '{
        printf "%-8s %12.0f %12.0f %12.0f %16.2f %16.2f\n", $1, $2, $3, $4, $2 / $3, $2 / $4 }'
    round=$((round + 1))
done
awk '{ a += $2; b += $3; c += $4 } END {
    printf "%-8s %12.0f %12.0f %12.0f %16.2f %16.2f\n", "mean", a / NR, b / NR, c / NR, a / b, a / c
}' "$run/rates"
