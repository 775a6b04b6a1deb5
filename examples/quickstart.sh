#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds the project, starts mcmp-server and two nodes that register themselves over MCMP, and shows
# with plain requests what a balancer does: sharing, sessions, draining, a killed node. Then it
# stays up until Ctrl-C. All that it starts listens on 127.0.0.1 only and is ended by process id.
set -u

usage() {
    cat <<TXT
usage: sh examples/quickstart.sh [--once] [--bin DIR]
  (nothing)  installs missing packages, builds, shows, then stays up and prints the URLs
  --once     ends after the show; exit code 0 means that everything was as it should be
  --bin DIR  uses the programs in DIR: nothing is installed or built
TXT
}

once=0
bin=
while [ $# -gt 0 ]; do
    case $1 in
    --once) once=1 ;;
    --bin)
        [ $# -ge 2 ] || { usage >&2 && exit 2; }
        bin=$2
        shift
        ;;
    --help | -h) usage && exit 0 ;;
    *) usage >&2 && exit 2 ;;
    esac
    shift
done
[ -z "$bin" ] || bin=$(cd "$bin" && pwd) || exit 2
cd "$(dirname "$0")/.." || exit 1

run=$(mktemp -d "${TMPDIR:-/tmp}/mcmp-quickstart.XXXXXX") || exit 1
wrong=0

# ---- telling ----

if [ -t 1 ]; then
    bold=$(printf '\033[1m')
    green=$(printf '\033[32m')
    red=$(printf '\033[31m')
    plain=$(printf '\033[0m')
else
    bold='' green='' red='' plain=''
fi
title() { printf '\n%s%s%s\n' "$bold" "$1" "$plain"; }
say() { printf '  %s\n' "$1"; }
good() { printf '  %sok%s     %s\n' "$green" "$plain" "$1"; }
bad() {
    printf '  %sWRONG%s  %s\n' "$red" "$plain" "$1"
    wrong=$((wrong + 1))
}
# expect TEXT GOT WANTED
expect() {
    if [ "$2" = "$3" ]; then good "$1"; else bad "$1: got '$2', not '$3'"; fi
}

# ---- processes ----

# Each process that was started below has its id in a file until it is waited for.
pid_of() { cat "$run/$1.pid"; }
# end NAME [SIGNAL]: ends it; the result is its exit code
end() {
    [ -e "$run/$1.pid" ] || return 0
    pid=$(pid_of "$1")
    [ "${2:-}" = none ] || kill "-${2:-TERM}" "$pid" 2>/dev/null
    rm -f "$run/$1.pid"
    wait "$pid" 2>/dev/null
}
cleanup() {
    trap '' INT TERM
    for name in n1 n2 server; do
        end "$name"
    done
    rm -rf "$run"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

fail() {
    printf '%squickstart: %s%s\n' "$red" "$1" "$plain" >&2
    for log in "$run"/*.log; do
        [ -s "$log" ] && printf -- '--- %s\n' "${log##*/}" >&2 && tail -n 20 "$log" >&2
    done
    exit 1
}

# await NAME: until it wrote its ready file
await() {
    tries=0
    while [ ! -e "$run/$1.ready" ]; do
        kill -0 "$(pid_of "$1")" 2>/dev/null || fail "$1 ended at its start"
        tries=$((tries + 1))
        [ "$tries" -lt 600 ] || fail "$1 did not become ready in 30 s"
        sleep 0.05
    done
}

# ---- requests ----

# ask PATH [CURL ARGUMENT...]: prints `STATUS ROUTE`; the body goes to $run/body
ask() {
    path=$1
    shift
    curl -s --noproxy '*' --max-time 20 -o "$run/body" -w '%{http_code} %header{x-route}' "$@" \
        "http://$traffic$path"
}
# field NAME: of the JSON that ask got
field() { sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p" "$run/body"; }
# show N TEXT [CURL ARGUMENT...]: N requests, a line each with the route that answered, the status
# and what the application knows of the session; sets $seen to the routes
show() {
    times=$1
    text=$2
    shift 2
    seen=
    i=1
    while [ "$i" -le "$times" ]; do
        answer=$(ask /json "$@")
        visit="session $(field session | cut -c 1-4).., visit $(field count)"
        say "$text $i  ->  ${answer#* }  (${answer% *})  $visit"
        case $answer in
        "200 "*) seen="$seen ${answer#200 }" ;;
        *) seen="$seen failed" ;;
        esac
        i=$((i + 1))
    done
}
# count ROUTE: how often it occurs in $seen
count() {
    hits=0
    for route in $seen; do
        [ "$route" != "$1" ] || hits=$((hits + 1))
    done
    echo "$hits"
}

# free PORT: prints it when nobody answers there, else 0
free() {
    curl -s --noproxy '*' --max-time 2 -o "$run/probe" "http://127.0.0.1:$1/"
    if [ $? -eq 7 ]; then echo "$1"; else echo 0; fi
}

# info: what the balancer knows, as MCMP tells it
info() { curl -s --noproxy '*' --max-time 5 -X INFO "http://$management/"; }
# until_info PATTERN: waits until a line of it matches
until_info() {
    tries=0
    while ! info | grep -q "$1"; do
        tries=$((tries + 1))
        [ "$tries" -lt 100 ] || fail "INFO never showed: $1"
        sleep 0.05
    done
}

start_node() {
    rm -f "$run/$1.ready"
    "$bin/mcmp-node" --demo --route "$1" --backend 127.0.0.1:0 --proxy "$management" --context / \
        --interval 1s --drain-wait 3s --ready-file "$run/$1.ready" >>"$run/$1.out" \
        2>>"$run/$1.log" </dev/null &
    echo $! >"$run/$1.pid"
}

# ---- the programs ----

if [ -z "$bin" ]; then
    title "Building (this takes a minute the first time)"
    sh scripts/install-deps.sh build || fail "packages are missing"
    tests=ON
    pkg-config --exists check || tests=OFF
    { cmake --preset release "-DMCMP_BUILD_TESTS=$tests" &&
        cmake --build build/release --target mcmp-server mcmp-node; } >"$run/build.log" 2>&1 ||
        fail "it does not build"
    bin=$PWD/build/release/bin
    good "mcmp-server and mcmp-node are in build/release/bin"
fi
for program in mcmp-server mcmp-node; do
    [ -x "$bin/$program" ] || fail "$bin/$program is missing"
done
command -v curl >/dev/null || fail "curl is missing"

title "A balancer and two nodes"
# 6666 is usual for MCMP, but browsers do not open it, and the status page is there
"$bin/mcmp-server" --listen "127.0.0.1:$(free 8080)" --management "127.0.0.1:$(free 6680)" \
    --workers 2 --ready-file "$run/server.ready" >"$run/server.out" 2>"$run/server.log" </dev/null &
echo $! >"$run/server.pid"
await server
traffic=$(sed -n 's/^listen //p' "$run/server.ready" | head -n 1)
management=$(sed -n 's/^management //p' "$run/server.ready" | head -n 1)
say "mcmp-server takes requests at http://$traffic/ and MCMP at $management"
expect "without a node the answer is 404: no context matches" "$(ask /json)" "404 "
start_node n1
start_node n2
await n1
await n2
for node in n1 n2; do
    address=$(cat "$run/$node.ready")
    good "$node serves at $address and registered itself: CONFIG, ENABLE-APP, STATUS"
done

title "Requests without a session are shared out"
say "both nodes told the same load, so each gets half"
show 6 request
expect "each node served three of six" "$(count n1) $(count n2)" "3 3"

title "A session stays at its node"
say "the node sets a cookie that ends in its route; the balancer follows it"
show 4 request -b "$run/cookies" -c "$run/cookies"
home=${seen##* }
case $home in
n1) other=n2 ;;
*) other=n1 ;;
esac
cookie=$(sed -n 's/.*JSESSIONID[^0-9A-F]*//p' "$run/cookies")
expect "all four came to $home: JSESSIONID=$cookie" "$(count "$home")" 4

title "Draining: $home is told to end while it serves a request of 5 s"
say "it says DISABLE-APP, later STOP-APP until no request runs, then REMOVE-APP"
curl -s --noproxy '*' --max-time 30 -o "$run/slow" -w '%{http_code} %header{x-route}' \
    -b "$run/cookies" "http://$traffic/slow?ms=5000" >"$run/slow.answer" &
slow=$!
until_info "Name: $home,.*Connected: 1,"
kill -TERM "$(pid_of "$home")"
until_info 'Status: DISABLED'
show 2 "new request"
expect "new requests go to $other" "$(count "$other")" 2
show 2 "request of the session" -b "$run/cookies"
expect "the session is still served by $home" "$(count "$home")" 2
wait "$slow"
expect "the request of 5 s is finished, by $home" "$(cat "$run/slow.answer")" "200 $home"
end "$home" none
expect "then $home removed itself and ended" "exit code $?" "exit code 0"
show 2 "request of the session" -b "$run/cookies"
expect "now $other serves the session" "$(count "$other")" 2

title "A killed node: $home is back, then $other is killed"
say "the balancer notices at the first connection that fails, and takes the other node"
start_node "$home"
await "$home"
end "$other" KILL
show 4 request
expect "every request is answered, by $home" "$(count "$home")" 4
start_node "$other"
await "$other"
tries=0
seen=
while [ "$(count "$other")" = 0 ] && [ "$tries" -lt 100 ]; do
    answer=$(ask /json)
    seen="$seen ${answer#200 }"
    tries=$((tries + 1))
    sleep 0.1
done
expect "$other is back and serves" "$([ "$(count "$other")" -gt 0 ] && echo yes)" yes

title "What the balancer knows"
info | sed 's/^/  /'
page=$(curl -s --noproxy '*' --max-time 5 "http://$management/" | grep -o 'Node n[12]' | sort -u |
    tr '\n' ' ')
expect "the status page at http://$management/ names both nodes" "$page" "Node n1 Node n2 "

if [ "$wrong" -gt 0 ]; then
    title "$wrong of the checks above went wrong"
    [ "$once" = 1 ] && exit 1
fi
if [ "$once" = 1 ]; then
    [ "$wrong" -gt 0 ] || title "All was as it should be."
    exit 0
fi
title "It stays up. Ctrl-C ends it."
say "application  http://$traffic/        (reload: the session stays; delete the cookie: it moves)"
say "status page  http://$management/"
say "logs         $run"
wait "$(pid_of server)"
fail "mcmp-server ended"
