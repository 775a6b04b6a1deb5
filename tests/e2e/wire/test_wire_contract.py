# SPDX-License-Identifier: Apache-2.0
"""The management port of a running mcmp-server against the wire contract, byte by byte.

Written from the contract alone, as a foreign client would see it: raw sockets, no help of the
library. Each test names the clause it checks.
"""
import json
import re
import socket
import threading
import time

import pytest

PARSE = ("SYNTAX: Can't parse MCMP message. It might have contained illegal symbols or unknown "
         "elements.")


class Answer:
    def __init__(self, status, reason, headers, body):
        self.status, self.reason, self.headers, self.body = status, reason, headers, body

    @property
    def text(self):
        return self.body.decode("ascii")

    def __repr__(self):
        return "%d %s %r %r" % (self.status, self.reason, self.headers, self.body)


def read_answer(stream, head_only=False):
    line = stream.readline()
    if not line:
        raise EOFError("closed before an answer")
    match = re.fullmatch(rb"HTTP/1\.1 (\d{3}) ([ -~]+)\r\n", line)
    assert match, line
    headers = {}
    while True:
        line = stream.readline()
        if line == b"\r\n":
            break
        name, sep, value = line.rstrip(b"\r\n").partition(b": ")
        assert sep and line.endswith(b"\r\n"), line
        assert name.lower().decode() not in headers, "header twice: %r" % name
        headers[name.lower().decode()] = value.decode("ascii")
    assert "content-length" in headers and "transfer-encoding" not in headers, headers
    length = 0 if head_only else int(headers["content-length"])
    body = stream.read(length)
    assert len(body) == length
    return Answer(int(match.group(1)), match.group(2).decode(), headers, body)


class Client:
    """One kept connection to the management port."""

    def __init__(self, address):
        self.sock = socket.create_connection(address, timeout=20)
        self.stream = self.sock.makefile("rb")

    def raw(self, data):
        self.sock.sendall(data)
        return self

    def answer(self, **kw):
        return read_answer(self.stream, **kw)

    def cmd(self, method, body=None, target="/", extra=""):
        head = "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\n" % (method, target)
        data = body.encode() if isinstance(body, str) else body
        if data:
            head += "Content-Length: %d\r\n" % len(data)
        self.raw((head + extra + "\r\n").encode() + (data or b""))
        return self.answer()

    def closed(self):
        return self.stream.read(1) == b""

    def close(self):
        self.stream.close()
        self.sock.close()


class StubNode:
    """Answers each request on a loopback port with 200 until it is stopped."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.requests = []
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while True:
            try:
                conn, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(conn,), daemon=True).start()

    def serve(self, conn):
        with conn:
            data = b""
            while b"\r\n\r\n" not in data:
                more = conn.recv(4096)
                if not more:
                    return
                data += more
            self.requests.append(data)
            conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(5)


@pytest.fixture
def node():
    stub = StubNode()
    yield stub
    try:
        stub.stop()
    except OSError:
        pass


@pytest.fixture
def mcmp(server):
    """A connection to a fresh server; `server` comes from conftest.py."""
    client = Client(server.management)
    yield client
    client.close()


def config(route, port=8009, more=""):
    return "JVMRoute=%s&Host=127.0.0.1&Port=%d&Type=http%s" % (route, port, more)


def ok(answer, body=b""):
    assert answer.status == 200, answer
    assert answer.body == body, answer
    return answer


def refused(answer, mess, kind=None, status=500):
    kind = kind or mess.split(":")[0]
    assert answer.status == status, answer
    assert answer.headers.get("mess") == mess, answer
    assert answer.headers.get("type") == kind, answer
    assert answer.headers.get("version") == "0.2.1", answer
    assert mess.encode() in answer.body and kind.encode() in answer.body, answer
    return answer


# --- 1. transport ---------------------------------------------------------------------------

@pytest.mark.parametrize("line", [
    b"PING / HTTP/1.1\r\n\r\n", b"PING / HTTP/1.0\r\n\r\n", b"ping / HTTP/1.1\r\n\r\n",
    b"PING * HTTP/1.1\r\n\r\n", b"PING /any/where HTTP/1.1\r\nHost: x\r\n\r\n",
    b"PING / HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
    b"PING / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"PING / HTTP/1.1\r\nExpect: 100-continue\r\n\r\n",
    b"PING / HTTP/1.1\r\nContent-Type: image/png\r\n\r\n",
])
def test_ping_is_taken_in_every_legal_http_form(mcmp, line):
    answer = mcmp.raw(line).answer()
    assert answer.status == 200
    assert re.fullmatch(rb"Type=PING-RSP&State=OK&id=\d{1,18}\n", answer.body), answer


@pytest.mark.parametrize("data", [
    b"NONSENSE\r\n\r\n", b"PING /\r\n\r\n", b"PING / HTTP/2.0\r\n\r\n", b"PING / HTTP/1.1\nHost: x\n\n",
    b"PING / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    b"PING / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"PING / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", b"PING / HTTP/1.1\r\nNoColon\r\n\r\n",
    b"PING / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", b"PING / HTTP/1.1\r\nContent-Length: 1x\r\n\r\n",
    b"PING / HTTP/1.1\r\nX: a\x00b\r\n\r\n", b"PING / HTTP/1.1\r\nX: a\r\n folded\r\n\r\n",
    b"PING / HTTP/1.1\r\nX: " + b"a" * 17000 + b"\r\n\r\n",
    b"PING / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
])
def test_what_is_no_http_gets_400_without_mcmp_headers_and_a_close(mcmp, data):
    answer = mcmp.raw(data).answer()
    assert answer.status == 400, answer
    assert answer.headers.get("connection", "").lower() == "close"
    for name in ("version", "type", "mess"):
        assert name not in answer.headers
    assert mcmp.closed()


@pytest.mark.parametrize("head", [b"PING / HTTP/1.0\r\n\r\n", b"PING / HTTP/1.1\r\nConnection: close\r\n\r\n"])
def test_close_is_announced_and_done(mcmp, head):
    answer = mcmp.raw(head).answer()
    assert answer.headers["connection"].lower() == "close"
    assert mcmp.closed()


def test_keep_alive_is_kept_without_announcing_close(mcmp):
    for _ in range(3):
        answer = mcmp.cmd("PING")
        assert answer.headers.get("connection", "").lower() != "close"


def test_error_keeps_the_connection(mcmp):
    refused(mcmp.cmd("STATUS", "JVMRoute=x"), 'MEM: Can\'t read node with "x" JVMRoute')
    assert mcmp.cmd("PING").status == 200


def test_chunked_body_is_accepted(mcmp):
    mcmp.raw(b"CONFIG / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nJVMRo\r\n4;x=y\r\nute=\r\n1\r\nq\r\n0\r\nT: v\r\n\r\n")
    ok(mcmp.answer())


@pytest.mark.parametrize("framing,body", [
    (b"Content-Length: 10\r\n", b"JVMRoute=q"),
    (b"Transfer-Encoding: chunked\r\n", b"a\r\nJVMRoute=q\r\n0\r\n\r\n"),
], ids=["length", "chunked"])
def test_expect_gets_no_interim_answer(mcmp, framing, body):
    """Clients don't know 1xx; one that waits for it sends its body after a moment."""
    mcmp.raw(b"CONFIG / HTTP/1.1\r\nExpect: 100-continue\r\n" + framing + b"\r\n")
    time.sleep(0.2)
    ok(mcmp.raw(body).answer())
    assert mcmp.cmd("PING").status == 200


def test_pipelined_requests_are_answered_in_order(mcmp):
    mcmp.raw(b"VERSION / HTTP/1.1\r\n\r\nPING / HTTP/1.1\r\n\r\nFOO / HTTP/1.1\r\n\r\n")
    assert mcmp.answer().body.startswith(b"release: ")
    assert mcmp.answer().body.startswith(b"Type=PING-RSP")
    refused(mcmp.answer(), "SYNTAX: Command is not supported")


# --- 2. error catalogue ------------------------------------------------------------------------

SYNTAX_ROWS = [
    ("CONFIG", "", PARSE), ("CONFIG", "JVMRoute", PARSE), ("CONFIG", "=x", PARSE),
    ("CONFIG", "JVMRoute=", PARSE), ("CONFIG", "JVMRoute=a&Host=", PARSE),
    ("CONFIG", "JVMRoute=a%", PARSE), ("CONFIG", "JVMRoute=a%4", PARSE), ("CONFIG", "JVMRoute=a%zz", PARSE),
    ("CONFIG", "JVMRoute=a%00", PARSE), ("CONFIG", "JVMRoute=a%0d%0a", PARSE), ("CONFIG", "JVMRoute=a%7f", PARSE),
    ("CONFIG", "JVMRoute=a<b", PARSE), ("CONFIG", "JVMRoute=a>b", PARSE), ("CONFIG", 'JVMRoute=a"b', PARSE),
    ("CONFIG", "JVMRoute=a'b", PARSE), ("CONFIG", "JVMRoute=a%3Cb", PARSE),
    ("CONFIG", "JVMRoute=a&X=%22", PARSE), ("CONFIG", "JVMRoute=a,b", PARSE), ("CONFIG", "JVMRoute=a[b", PARSE),
    ("CONFIG", "JVMRoute=a+b", PARSE), ("CONFIG", "JVMRoute=a&Domain=x,y", PARSE),
    ("CONFIG", "JVMRoute=a&Balancer=x[y", PARSE),
    ("CONFIG", "Host=127.0.0.1", "SYNTAX: JVMRoute can't be empty"),
    ("CONFIG", "JVMRoute=" + "r" * 64, "SYNTAX: JVMRoute field too big"),
    ("CONFIG", "JVMRoute=a&Balancer=" + "b" * 40, "SYNTAX: Balancer field too big"),
    ("CONFIG", "JVMRoute=a&Domain=" + "d" * 20, "SYNTAX: LBGroup field too big"),
    ("CONFIG", "JVMRoute=a&Host=" + "h" * 64, "SYNTAX: Host field too big"),
    ("CONFIG", "JVMRoute=a&Port=1234567", "SYNTAX: Port field too big"),
    ("CONFIG", "JVMRoute=a&Type=" + "t" * 16, "SYNTAX: Type field too big"),
    ("CONFIG", "JVMRoute=a&Alias=" + "a" * 255 + "&Context=/", "SYNTAX: Alias field too big"),
    ("CONFIG", "JVMRoute=a&Alias=a&Context=/" + "c" * 79, "SYNTAX: Context field too big"),
    ("CONFIG", "JVMRoute=a&StickySessionCookie=" + "c" * 30, "SYNTAX: A field is too big"),
    ("CONFIG", "JVMRoute=a&StickySessionPath=" + "c" * 30, "SYNTAX: A field is too big"),
    ("CONFIG", "JVMRoute=a&flushwait=-1", "SYNTAX: Flushwait field has bad value"),
    ("CONFIG", "JVMRoute=a&flushwait=1x", "SYNTAX: Flushwait field has bad value"),
    ("CONFIG", "JVMRoute=a&ping=x", "SYNTAX: Ping field has bad value"),
    ("CONFIG", "JVMRoute=a&PING=-2s", "SYNTAX: Ping field has bad value"),
    ("CONFIG", "JVMRoute=a&ttl=1d", "SYNTAX: TTL field has bad value"),
    ("CONFIG", "JVMRoute=a&Timeout=-1", "SYNTAX: Timeout field has bad value"),
    ("CONFIG", "JVMRoute=a&Host=0.0.0.0", "SYNTAX: Host field has bad value"),
    ("CONFIG", "JVMRoute=a&Host=::", "SYNTAX: Host field has bad value"),
    ("CONFIG", "JVMRoute=a&Host=[::]", "SYNTAX: Host field has bad value"),
    ("CONFIG", "JVMRoute=a&Host=*", "SYNTAX: Host field has bad value"),
    ("CONFIG", "JVMRoute=a&Port=0", "SYNTAX: Port field has bad value"),
    ("CONFIG", "JVMRoute=a&Port=65536", "SYNTAX: Port field has bad value"),
    ("CONFIG", "JVMRoute=a&Port=80x", "SYNTAX: Port field has bad value"),
    ("CONFIG", "JVMRoute=a&Type=ftp", "SYNTAX: Type field has bad value"),
    ("CONFIG", "JVMRoute=a&Alias=x", "SYNTAX: Alias without Context"),
    ("CONFIG", "JVMRoute=a&Context=/x", "SYNTAX: Context without Alias"),
    ("CONFIG", "JVMRoute=a&Alias=x,,y&Context=/", PARSE),
    ("CONFIG", "JVMRoute=a&Alias=x&Context=/,", PARSE),
    ("ENABLE-APP", "", "SYNTAX: JVMRoute can't be empty"),
    ("ENABLE-APP", "Alias=a&Context=/", "SYNTAX: JVMRoute can't be empty"),
    ("ENABLE-APP", "JVMRoute=&Alias=a&Context=/", "SYNTAX: JVMRoute can't be empty"),
    ("DISABLE-APP", "JVMRoute=a", "SYNTAX: No Context and Alias in APP command"),
    ("STOP-APP", "JVMRoute=a&Alias=x", "SYNTAX: Alias without Context"),
    ("REMOVE-APP", "JVMRoute=a&Context=/x", "SYNTAX: Context without Alias"),
    ("ENABLE-APP", "JVMRoute=a&Alias=&Context=/x", PARSE),
    ("STATUS", "", 'SYNTAX: Invalid field "" in message'),
    ("STATUS", "JVMRoute=a&Foo=1", 'SYNTAX: Invalid field "Foo" in message'),
    ("STATUS", "Load=1", "SYNTAX: JVMRoute can't be empty"),
    ("STATUS", "JVMRoute=a&Load=101", "SYNTAX: Load field has bad value"),
    ("STATUS", "JVMRoute=a&Load=-2", "SYNTAX: Load field has bad value"),
    ("STATUS", "JVMRoute=a&Load=%2B5", "SYNTAX: Load field has bad value"),
    ("STATUS", "JVMRoute=a&Load=1e1", "SYNTAX: Load field has bad value"),
    ("STATUS", "JVMRoute=a&Load=", "SYNTAX: Load field has bad value"),
    ("STATUS", "JVMRoute=a&Load=+5", "SYNTAX: Load field has bad value"),
    ("PING", "Foo=1", 'SYNTAX: Invalid field "Foo" in message'),
    ("PING", "Scheme=http", "SYNTAX: Mandatory field(s) missing in message"),
    ("PING", "Scheme=http&Host=a", "SYNTAX: Mandatory field(s) missing in message"),
    ("PING", "Scheme=ftp&Host=a&Port=1", 'SYNTAX: Scheme "ftp" is not supported'),
    ("FOO", "", "SYNTAX: Command is not supported"), ("ENABLE", "", "SYNTAX: Command is not supported"),
]


@pytest.mark.parametrize("method,body,mess", SYNTAX_ROWS)
def test_syntax_row(mcmp, method, body, mess):
    refused(mcmp.cmd(method, body), mess)
    assert mcmp.cmd("INFO").body == b"", "a refused message left a trace"


LIMITS_THAT_FIT = [
    "JVMRoute=" + "r" * 63, "JVMRoute=a&Balancer=" + "b" * 39, "JVMRoute=a&Domain=" + "d" * 19,
    "JVMRoute=a&Host=" + "h" * 63, "JVMRoute=a&Port=065535", "JVMRoute=a&Type=AJP", "JVMRoute=a&Type=wss",
    "JVMRoute=a&Alias=" + "a" * 254 + "&Context=/" + "c" * 78, "JVMRoute=a&StickySessionCookie=" + "c" * 29,
    "JVMRoute=a&StickySessionPath=" + "c" * 29, "JVMRoute=a&flushwait=0", "JVMRoute=a&ping=1500MS",
    "JVMRoute=a&ttl=2mi", "JVMRoute=a&Timeout=1H", "JVMRoute=a&smax=abc", "JVMRoute=a&WaitWorker=3000",
    "JVMRoute=a&Maxattempts=-1", "JVMRoute=a&Unknown=key=value&&", "jvmroute=a&HOST=127.0.0.1&port=80",
    "JVMRoute=b&JVMRoute=a", "JVMRoute=a&StickySession=maybe&flushpackets=what", "JVMRoute=a&Domain=grp+1",
    "JVMRoute=a&Host=%5B0%3A0%3A0%3A0%3A0%3A0%3A0%3A1%5D", "JVMRoute=a&Host=fe80::1%25eth0",
]


@pytest.mark.parametrize("body", LIMITS_THAT_FIT)
def test_config_at_the_limit_is_taken(mcmp, body):
    ok(mcmp.cmd("CONFIG", body))
    assert mcmp.cmd("INFO").body.count(b"Node: ") == 1


@pytest.mark.parametrize("method,body", [
    ("STATUS", "JVMRoute=x&Load=5"), ("STATUS", "JVMRoute=x"), ("PING", "JVMRoute=x"),
    ("ENABLE-APP", "JVMRoute=x&Alias=a&Context=/"), ("DISABLE-APP", "JVMRoute=x&Alias=a&Context=/"),
    ("STOP-APP", "JVMRoute=x&Alias=a&Context=/"), ("REMOVE-APP", "JVMRoute=x&Alias=a&Context=/"),
])
def test_unknown_node_is_mem(mcmp, method, body):
    refused(mcmp.cmd(method, body), 'MEM: Can\'t read node with "x" JVMRoute')


@pytest.mark.parametrize("method", ["ENABLE-APP", "DISABLE-APP", "STOP-APP", "REMOVE-APP"])
@pytest.mark.parametrize("target", ["/*", "*", "/mcmp/*"])
def test_unknown_node_is_mem_for_the_whole_node_too(mcmp, method, target):
    refused(mcmp.cmd(method, "JVMRoute=x", target=target), 'MEM: Can\'t read node with "x" JVMRoute')


def test_body_over_the_limit_is_refused_whole(mcmp):
    body = b"JVMRoute=a&X=" + b"x" * (2 << 20)
    answer = mcmp.cmd("CONFIG", body)
    assert answer.status == 500 and answer.headers["type"] == "MEM"
    assert re.fullmatch("MEM: Message of %d bytes exceeds the limit of \\d+" % len(body), answer.headers["mess"])
    assert mcmp.cmd("PING").status == 200


def test_quoted_key_is_escaped_and_cut(mcmp):
    answer = mcmp.cmd("STATUS", "JVMRoute=a&" + "k" * 100 + "=1")
    assert answer.headers["mess"] == 'SYNTAX: Invalid field "%s" in message' % ("k" * 64)
    answer = mcmp.cmd("STATUS", "JVMRoute=%C3%A4")
    assert answer.headers["mess"] == 'MEM: Can\'t read node with "%C3%A4" JVMRoute'


# --- order of judgement --------------------------------------------------------------------------

@pytest.mark.parametrize("method,body,mess", [
    ("STATUS", "Foo=1&X=%zz", PARSE), ("STATUS", "Foo=1&Load=999", 'SYNTAX: Invalid field "Foo" in message'),
    ("STATUS", "Load=999&Foo=1", "SYNTAX: Load field has bad value"),
    ("CONFIG", "Port=0&JVMRoute=" + "r" * 64, "SYNTAX: Port field has bad value"),
    ("CONFIG", "JVMRoute=" + "r" * 64 + "&Port=0", "SYNTAX: JVMRoute field too big"),
    ("CONFIG", "Port=0", "SYNTAX: Port field has bad value"),
    ("CONFIG", "Alias=x", "SYNTAX: JVMRoute can't be empty"),
    ("ENABLE-APP", "JVMRoute=nope&Alias=x", "SYNTAX: Alias without Context"),
    ("CONFIG", "JVMRoute=a&ping=x&ping=1", "SYNTAX: Ping field has bad value"),
])
def test_first_failure_is_the_answer(mcmp, method, body, mess):
    refused(mcmp.cmd(method, body), mess)


# --- 4.1 CONFIG, 4.7 INFO -------------------------------------------------------------------------

def test_info_of_an_empty_cluster_is_empty(mcmp):
    answer = ok(mcmp.cmd("INFO"))
    assert answer.headers["content-length"] == "0"


def test_config_answers_empty_and_info_shows_every_default(mcmp):
    ok(mcmp.cmd("CONFIG", "JVMRoute=n1"))
    answer = mcmp.cmd("INFO")
    match = re.fullmatch(
        r"Node: \[(\d+)\],Name: n1,Balancer: mycluster,LBGroup: ,Host: localhost,Port: 8009,Type: ajp,"
        r"Flushpackets: Off,Flushwait: 10,Ping: 10,Smax: -1,Ttl: 60,Elected: 0,Read: 0,Transfered: 0,"
        r"Connected: 0,Load: 0\n", answer.text)
    assert match, answer
    dump = mcmp.cmd("DUMP").text.splitlines()
    assert re.fullmatch(r"balancer: \[\d+\] Name: mycluster Sticky: 1 \[JSESSIONID\]/\[jsessionid\] "
                        r"remove: 0 force: 1 Timeout: 0 maxAttempts: 1", dump[0]), dump
    n = match.group(1)
    assert dump[1] == ("node: [%s:%s],Balancer: mycluster,JVMRoute: n1,LBGroup: [],Host: localhost,Port: 8009,"
                       "Type: ajp,flushpackets: 0,flushwait: 10,ping: 10,smax: -1,ttl: 60,timeout: 0" % (n, n))
    assert len(dump) == 2


def test_config_of_the_java_client_with_every_field(mcmp):
    ok(mcmp.cmd("CONFIG", "JVMRoute=t2&Balancer=MyBal&Domain=grp+1&Host=127.0.0.1&Maxattempts=17&Port=18443"
                "&StickySession=No&StickySessionRemove=Yes&Timeout=15&Type=https&WaitWorker=16&flushpackets=On"
                "&flushwait=11&ping=12&smax=13&ttl=14"))
    assert (",Name: t2,Balancer: mybal,LBGroup: grp 1,Host: 127.0.0.1,Port: 18443,Type: https,Flushpackets: On,"
            "Flushwait: 11,Ping: 12,Smax: 13,Ttl: 14,") in mcmp.cmd("INFO").text
    dump = mcmp.cmd("DUMP").text
    assert "Sticky: 0 [JSESSIONID]/[jsessionid] remove: 1 force: 1 Timeout: 16 maxAttempts: 17\n" in dump
    assert "LBGroup: [grp 1],Host: 127.0.0.1,Port: 18443,Type: https,flushpackets: 1,flushwait: 11,ping: 12,smax: 13,ttl: 14,timeout: 15\n" in dump


def test_newest_registration_comes_first(mcmp):
    for i, name in enumerate("abc"):
        ok(mcmp.cmd("CONFIG", config(name, 9000 + i)))
    assert re.findall("Name: (.)", mcmp.cmd("INFO").text) == ["c", "b", "a"]
    ok(mcmp.cmd("CONFIG", config("a", 9000)))
    assert re.findall("Name: (.)", mcmp.cmd("INFO").text) == ["c", "b", "a"]


@pytest.mark.parametrize("change,taken", [
    ("&ping=20", True), ("&Timeout=3", True), ("&flushpackets=Auto", True), ("&flushwait=7", True),
    ("&Domain=d", True), ("&StickySession=No", True), ("&Maxattempts=3", True), ("&WaitWorker=1", True),
    ("&smax=5", False), ("&ttl=5", False), ("&Balancer=other", False), ("&Reversed=true", False),
    ("&Type=ws", False),
])
def test_what_may_change_on_a_live_node(mcmp, node, change, taken):
    ok(mcmp.cmd("CONFIG", config("n1", node.port)))
    before = mcmp.cmd("DUMP").body
    answer = mcmp.cmd("CONFIG", config("n1", node.port) + change)
    if taken:
        ok(answer)
        assert mcmp.cmd("DUMP").body != before
    else:
        refused(answer, 'MEM: Node with "n1" JVMRoute already exists')
        assert mcmp.cmd("DUMP").body == before


def test_changed_endpoint_is_refused_while_the_old_one_answers_and_taken_when_it_is_dead(mcmp, node):
    ok(mcmp.cmd("CONFIG", config("n1", node.port, "&Alias=h&Context=/app")))
    ok(mcmp.cmd("ENABLE-APP", "JVMRoute=n1&Alias=h&Context=/app"),
       b"Type=ENABLE-APP-RSP\nJvmRoute=n1\nAlias=h Contexts=/app\n")
    ok(mcmp.cmd("STATUS", "JVMRoute=n1&Load=77"), status_ok(mcmp, "n1"))
    old = re.search(r"Node: \[(\d+)\]", mcmp.cmd("INFO").text).group(1)
    other = StubNode()
    refused(mcmp.cmd("CONFIG", config("n1", other.port)), 'MEM: Node with "n1" JVMRoute already exists')
    node.stop()
    ok(mcmp.cmd("CONFIG", config("n1", other.port)))
    text = mcmp.cmd("INFO").text
    assert "Node: [%s],Name: n1," % old in text and "Port: %d," % other.port in text
    assert "Load: 77\n" in text and "Context: /app, Status: ENABLED" in text
    other.stop()


def test_another_route_for_a_live_endpoint_is_refused(mcmp, node):
    ok(mcmp.cmd("CONFIG", config("n1", node.port)))
    refused(mcmp.cmd("CONFIG", config("n2", node.port)), "MEM: Another for the same worker already exist")
    refused(mcmp.cmd("CONFIG", config("n2", node.port).replace("http", "ajp")),
            "MEM: Another for the same worker already exist")


# --- 3.3 virtual hosts, 4.2 - 4.4 -------------------------------------------------------------------

def status_ok(mcmp, route):
    ident = re.search(rb"id=(\d+)", mcmp.cmd("PING").body).group(1)
    return b"Type=STATUS-RSP&JVMRoute=%s&State=OK&id=%s\n" % (route.encode(), ident)


def app(mcmp, verb, aliases, contexts, route="n1"):
    return mcmp.cmd(verb + "-APP", "JVMRoute=%s&Alias=%s&Context=%s" % (route, aliases, contexts))


def vhosts(mcmp):
    return re.findall(r"^Vhost: \[\d+:(\d+):\d+\], Alias: (.*)$", mcmp.cmd("INFO").text, re.M)


def contexts(mcmp):
    return re.findall(r"^Context: \[\d+:(\d+):\d+\], Context: (.*), Status: (\w+)$", mcmp.cmd("INFO").text, re.M)


def test_three_aliases_and_three_contexts(mcmp):
    ok(mcmp.cmd("CONFIG", config("n1")))
    ok(app(mcmp, "ENABLE", "A,b,c,b", "/x,/y/,/z"),
       b"Type=ENABLE-APP-RSP\nJvmRoute=n1\nAlias=a Contexts=/x,/y,/z\nAlias=b Contexts=/x,/y,/z\n"
       b"Alias=c Contexts=/x,/y,/z\n")
    assert vhosts(mcmp) == [("1", "a"), ("1", "b"), ("1", "c")]
    assert contexts(mcmp) == [("1", p, "ENABLED") for _ in "abc" for p in ("/x", "/y", "/z")]
    text = mcmp.cmd("INFO").text
    thirds = re.findall(r"^Vhost: \[\d+:\d+:(\d+)\]", text, re.M)
    assert re.findall(r"^Context: \[\d+:\d+:(\d+)\]", text, re.M) == [i for i in thirds for _ in "xyz"]


def test_virtual_host_numbers(mcmp):
    ok(mcmp.cmd("CONFIG", config("n1")))
    app(mcmp, "ENABLE", "a,b", "/x")
    app(mcmp, "ENABLE", "c,d", "/x")
    assert vhosts(mcmp) == [("1", "a"), ("1", "b"), ("2", "c"), ("2", "d")]
    app(mcmp, "ENABLE", "e,c", "/y")
    assert vhosts(mcmp) == [("1", "a"), ("1", "b"), ("2", "c"), ("2", "d"), ("2", "e")]
    app(mcmp, "ENABLE", "a,c", "/z")
    assert dict((a, v) for v, a in vhosts(mcmp)) == {"a": "1", "b": "1", "c": "2", "d": "2", "e": "2"}
    app(mcmp, "STOP", "a", "/x")
    assert dict((a, v) for v, a in vhosts(mcmp))["a"] == "1"
    app(mcmp, "REMOVE", "a", "/x,/z")
    assert ("1", "a") in vhosts(mcmp), "an alias keeps its line until its number goes"
    app(mcmp, "REMOVE", "b", "/x")
    assert [a for _, a in vhosts(mcmp)] == ["c", "d", "e"]
    app(mcmp, "ENABLE", "new", "/n")
    assert dict((a, v) for v, a in vhosts(mcmp))["new"] == "1", "lowest number free"


def test_contexts_are_shown_stopped_disabled_enabled(mcmp):
    ok(mcmp.cmd("CONFIG", config("n1", more="&Alias=h&Context=/a,/b,/c")))
    assert [c[2] for c in contexts(mcmp)] == ["STOPPED"] * 3
    app(mcmp, "ENABLE", "h", "/a")
    app(mcmp, "DISABLE", "h", "/b")
    assert contexts(mcmp) == [("1", "/c", "STOPPED"), ("1", "/b", "DISABLED"), ("1", "/a", "ENABLED")]
    ok(mcmp.cmd("CONFIG", config("n1", more="&Alias=h&Context=/a,/d")))
    assert ("1", "/a", "ENABLED") in contexts(mcmp) and ("1", "/d", "STOPPED") in contexts(mcmp)
    dump = mcmp.cmd("DUMP").text
    assert re.search(r"^context: \d+ \[/b\] vhost: 1 node: \d+ status: 2$", dump, re.M), dump
    assert re.search(r"^host: \d+ \[h\] vhost: 1 node: \d+$", dump, re.M), dump


@pytest.mark.parametrize("verb,status", [("ENABLE", "ENABLED"), ("DISABLE", "DISABLED"), ("STOP", "STOPPED")])
def test_whole_node(mcmp, verb, status):
    ok(mcmp.cmd("CONFIG", config("n1", more="&Alias=h,i&Context=/a,/b")))
    ok(mcmp.cmd(verb + "-APP", "JVMRoute=n1&Alias=ignored", target="/*"))
    assert {c[2] for c in contexts(mcmp)} == {status}
    assert len(contexts(mcmp)) == 4


def test_stop_app_answer(mcmp):
    ok(mcmp.cmd("CONFIG", config("n1")))
    app(mcmp, "ENABLE", "h,i", "/a,/b")
    ok(app(mcmp, "STOP", "h,i", "/a,/b"),
       b"Type=STOP-APP-RSP&JvmRoute=n1&Requests=0&Alias=h,i&Context=/a,/b\n"
       b"JvmRoute=n1\nAlias=h Contexts=/a,/b\nAlias=i Contexts=/a,/b\n")


def test_remove_names_only_what_existed(mcmp):
    ok(mcmp.cmd("CONFIG", config("n1")))
    app(mcmp, "ENABLE", "h", "/a")
    ok(app(mcmp, "REMOVE", "h,none", "/a,/b"), b"Type=REMOVE-APP-RSP\nJvmRoute=n1\nAlias=h Contexts=/a\n")
    ok(app(mcmp, "REMOVE", "h", "/a"), b"Type=REMOVE-APP-RSP\nJvmRoute=n1\n")
    assert vhosts(mcmp) == []


def test_removed_node_stays_visible_and_comes_back_new(mcmp):
    ok(mcmp.cmd("CONFIG", config("n1", more="&Alias=h&Context=/a")))
    first = re.search(r"\[(\d+)\]", mcmp.cmd("INFO").text).group(1)
    ok(mcmp.cmd("REMOVE-APP", "JVMRoute=n1", target="/*"))
    text = mcmp.cmd("INFO").text
    assert "Name: n1," in text and "Vhost" not in text and "Context" not in text
    refused(mcmp.cmd("REMOVE-APP", "JVMRoute=n1", target="/*"), 'MEM: Can\'t read node with "n1" JVMRoute')
    ok(mcmp.cmd("CONFIG", config("n1")))
    text = mcmp.cmd("INFO").text
    assert text.count("Node: ") == 1 and "Load: 0\n" in text and "Vhost" not in text
    assert re.search(r"\[(\d+)\]", text).group(1) != first


def test_removed_is_no_name(mcmp):
    assert mcmp.cmd("CONFIG", "JVMRoute=REMOVED").status != 200
    assert mcmp.cmd("INFO").body == b""


# --- 4.5 STATUS, 4.6 PING ------------------------------------------------------------------------------

def test_status_probes_and_stores_the_load(mcmp, node):
    ok(mcmp.cmd("CONFIG", config("n1", node.port)))
    ok(mcmp.cmd("STATUS", "JVMRoute=n1&Load=42.9"), status_ok(mcmp, "n1"))
    assert node.requests[0].startswith(b"OPTIONS * HTTP/1.1\r\n")
    assert b"connection: close" in node.requests[0].lower() and b"host: " in node.requests[0].lower()
    assert "Load: 42\n" in mcmp.cmd("INFO").text
    node.stop()
    time.sleep(1.2)
    answer = mcmp.cmd("STATUS", "JVMRoute=n1&Load=50")
    assert answer.status == 200 and b"&State=NOTOK&id=" in answer.body, answer
    assert "Load: 42\n" in mcmp.cmd("INFO").text
    ok(mcmp.cmd("STATUS", "JVMRoute=n1&Load=-1"), status_ok(mcmp, "n1"))
    assert "Load: -1\n" in mcmp.cmd("INFO").text


def test_ping_forms(mcmp, node):
    ident = mcmp.cmd("PING").text.split("id=")[1]
    ok(mcmp.cmd("CONFIG", config("n1", node.port)))
    ok(mcmp.cmd("PING", "JVMRoute=n1"), ("Type=PING-RSP&JVMRoute=n1&State=OK&id=" + ident).encode())
    ok(mcmp.cmd("PING", "Scheme=http&Host=127.0.0.1&Port=%d" % node.port), ("Type=PING-RSP&State=OK&id=" + ident).encode())
    ok(mcmp.cmd("PING", "Scheme=HTTP&Host=localhost&Port=%d" % node.port), ("Type=PING-RSP&State=OK&id=" + ident).encode())
    ok(mcmp.cmd("PING", "JVMRoute=n1&Scheme=http"), ("Type=PING-RSP&JVMRoute=n1&State=OK&id=" + ident).encode())
    start = time.monotonic()
    ok(mcmp.cmd("PING", "Scheme=http&Host=192.0.2.1&Port=80"), ("Type=PING-RSP&State=NOTOK&id=" + ident).encode())
    ok(mcmp.cmd("PING", "Scheme=http&Host=example.org&Port=80"), ("Type=PING-RSP&State=NOTOK&id=" + ident).encode())
    assert time.monotonic() - start < 2, "a foreign endpoint is answered without a probe"
    node.stop()
    ok(mcmp.cmd("PING", "JVMRoute=n1"), ("Type=PING-RSP&JVMRoute=n1&State=NOTOK&id=" + ident).encode())


def test_names_can_not_forge_fields_of_joined_answers(mcmp):
    ok(mcmp.cmd("CONFIG", "JVMRoute=a%26Requests%3D9%25%2B&Type=http&Port=1"))
    answer = mcmp.cmd("STATUS", "JVMRoute=a%26Requests%3D9%25%2B&Load=-1")
    assert answer.text.startswith("Type=STATUS-RSP&JVMRoute=a%26Requests%3D9%25%2B&State=OK&id="), answer
    answer = mcmp.cmd("STOP-APP", "JVMRoute=a%26Requests%3D9%25%2B&Alias=h&Context=/x%26Requests%3D8%26y")
    fields = [part.split("=") for part in answer.text.strip().split("&")]  # as the Java client does
    assert [f[1] for f in fields if len(f) == 2 and f[0] == "Requests"] == ["0"], answer


# --- 4.8, 4.10, 4.11 - 4.13 -------------------------------------------------------------------------------

XML = "Accept: text/xml\r\n"
DECL = '<?xml version="1.0" standalone="yes" ?>\n'


def test_xml_of_an_empty_cluster(mcmp):
    answer = ok(mcmp.cmd("INFO", extra=XML), (DECL + "<Info><Nodes></Nodes><Vhosts></Vhosts><Contexts></Contexts></Info>").encode())
    assert answer.headers["content-type"].startswith("text/xml")
    both = mcmp.cmd("INFO", extra="Accept: application/json, text/xml\r\n")
    assert both.body == answer.body


def test_xml_forms(mcmp):
    ok(mcmp.cmd("CONFIG", "JVMRoute=n%26&Host=127.0.0.1&Port=80&Type=http&Domain=d%26e&Alias=h&Context=/a"))
    text = mcmp.cmd("INFO", extra=XML).text
    n = re.search(r'<Node id="(\d+)"', text).group(1)
    i = re.search(r'<Context id="(\d+)"', text).group(1)
    assert text == DECL + (
        '<Info><Nodes><Node id="%s" name="n&amp;"><Balancer>mycluster</Balancer><LBGroup>d&amp;e</LBGroup>'
        '<Host>127.0.0.1</Host><Port>80</Port><Type>http</Type><Flushpackets>Off</Flushpackets>'
        '<Flushwait>10</Flushwait><Ping>10</Ping><Smax>-1</Smax><Ttl>60</Ttl><Elected>0</Elected><Read>0</Read>'
        '<Transfered>0</Transfered><Connected>0</Connected><Load>0</Load></Node></Nodes>'
        '<Vhosts><Vhost id="1" alias="h"><Node id="%s"/></Vhost></Vhosts>'
        '<Contexts><Context id="%s"><Status id="3">STOPPED</Status><Context>/a</Context><Node id="%s"/>'
        '<Vhost id="1"/></Context></Contexts></Info>' % (n, n, i, n)), text
    dump = mcmp.cmd("DUMP", extra=XML).text
    assert dump.startswith("<Dump><Balancers><Balancer id=") and dump.endswith("</Dump>"), dump
    assert "<StickySession><Enabled>1</Enabled><Cookie>JSESSIONID</Cookie><Path>jsessionid</Path><Remove>0</Remove><Force>1</Force></StickySession>" in dump
    assert '<Context id="' in dump and 'path="/a"' in dump and '<Status id="3">STOPPED</Status>' in dump


def test_version(mcmp):
    answer = mcmp.cmd("VERSION")
    assert re.fullmatch(r"release: [A-Za-z_]+/\d+\.\d+\.\d+\.(Final|Beta\d+|CR\d+), protocol: 0\.2\.1\n", answer.text), answer
    xml = mcmp.cmd("VERSION", extra=XML)
    assert re.fullmatch(r"<version><release>[^<]+</release><protocol>0\.2\.1</protocol></version>\n", xml.text), xml
    js = json.loads(mcmp.cmd("VERSION", extra="Accept: application/json\r\n").text)
    assert js["protocol"] == "0.2.1" and js["release"] in answer.text


def test_json(mcmp, node):
    ok(mcmp.cmd("CONFIG", config("n1", node.port, "&Alias=h&Context=/a")))
    accept = "Accept: application/json\r\n"
    for method in ("INFO", "DUMP"):
        doc = json.loads(mcmp.cmd(method, extra=accept).text)
        assert doc["protocol"] == "0.2.1" and doc["balancers"][0]["name"] == "mycluster"
        entry = doc["nodes"][0]
        assert entry["route"] == "n1" and entry["port"] == node.port and entry["load"] == 0
        assert entry["aliases"] == [{"name": "h", "vhost": 1, "contexts": [{"path": "/a", "status": "STOPPED", "requests": 0}]}]
    assert json.loads(mcmp.cmd("PING", extra=accept).text)["state"] == "OK"
    assert json.loads(mcmp.cmd("STATUS", "JVMRoute=n1&Load=9", extra=accept).text)["state"] == "OK"


def test_page(mcmp):
    page = mcmp.raw(b"GET /whatever HTTP/1.1\r\nHost: x\r\n\r\n").answer()
    assert page.status == 200 and page.headers["content-type"].startswith("text/html")
    assert b"Node" not in page.body
    release = re.search(r"release: (\S+),", mcmp.cmd("VERSION").text).group(1)
    first = re.search(r"\S*/\d+\.\d+\.\d+\.Final", page.text).group(0)
    assert first.endswith(release), (first, release)
    ok(mcmp.cmd("CONFIG", "JVMRoute=n%26x"))
    text = mcmp.raw(b"GET / HTTP/1.1\r\n\r\n").answer().text
    assert text.count("Node") == 1 and "Node n&amp;x" in text


def test_info_dump_version_ignore_any_body(mcmp):
    for method in ("INFO", "DUMP", "VERSION"):
        assert mcmp.cmd(method, "%%%=<<<").status == 200


# --- what only a real connection shows -----------------------------------------------------------

def reset(client, port):
    """What the Java client sends when its aliases differ: everything but the contexts."""
    ok(client.cmd("REMOVE-APP", "JVMRoute=h", target="/*"))
    ok(client.cmd("CONFIG", config("h", port)))


def test_first_status_after_a_reset_on_one_connection_is_mem_once(mcmp, node):
    ok(mcmp.cmd("CONFIG", config("h", node.port)))
    reset(mcmp, node.port)
    refused(mcmp.cmd("STATUS", "JVMRoute=h&Load=5"), 'MEM: Can\'t read node with "h" JVMRoute')
    assert b"State=OK" in mcmp.cmd("STATUS", "JVMRoute=h&Load=5").body


def test_a_reset_on_two_connections_is_none(mcmp, node, server):
    ok(mcmp.cmd("CONFIG", config("h", node.port)))
    reset(mcmp, node.port)
    other = Client(server.management)
    assert b"State=OK" in other.cmd("STATUS", "JVMRoute=h&Load=5").body
    other.close()
    assert b"State=OK" in mcmp.cmd("STATUS", "JVMRoute=h&Load=5").body


@pytest.mark.parametrize("chunked", [False, True])
def test_a_huge_body_is_dropped_answered_and_the_connection_closed(mcmp, chunked):
    size = 16 * 1024 * 1024 + 1
    if chunked:
        mcmp.raw(b"CONFIG / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n" % size)
    else:
        mcmp.raw(b"CONFIG / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % size)
    mcmp.raw(b"a" * size)
    answer = refused(mcmp.answer(), "MEM: Message of %d bytes exceeds the limit of 1048576" % size)
    assert answer.headers["connection"].lower() == "close"
    assert mcmp.closed()


def test_a_body_just_over_the_limit_keeps_the_connection(mcmp):
    body = b"&" * 1048577
    refused(mcmp.cmd("CONFIG", body), "MEM: Message of 1048577 bytes exceeds the limit of 1048576")
    refused(mcmp.cmd("CONFIG", body[:-1]), PARSE)


def test_two_routes_that_register_one_endpoint_at_once_have_one_winner(server, node):
    clients = [Client(server.management) for _ in range(6)]
    for i, client in enumerate(clients):
        body = config("w%d" % i, node.port).encode()
        client.raw(b"CONFIG / HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    answers = [client.answer() for client in clients]
    assert [a.status for a in answers].count(200) == 1
    for answer in answers:
        if answer.status != 200:
            refused(answer, "MEM: Another for the same worker already exist")
    for client in clients:
        client.close()
