/* SPDX-License-Identifier: Apache-2.0 */
/* Forward Requests byte for byte, AJP13 2 and 5: what goes out, what never does, what is over. */
#include "exchange.h"

#define GET "GET /a HTTP/1.1\r\nHost: h\r\n"
#define END "\r\n"
/* up to the header count, for Host h and nothing told of the client */
#define FIRST(method) "P[02 " method " s'HTTP/1.1' s'/a' s'' n s'h' 0050 00 "
#define HOST "A00B s'h' "

typedef struct setup {
    const char *host;
    const char *client;
    const char *cookie;
    const char *path;
    const char *via;
    mcmp_pair add;
    mcmp_span drop;
    uint32_t flags;
    uint32_t framing;
    uint64_t length;
} setup;

typedef struct forward_row {
    const char *name;
    const char *request;
    setup how;
    const char *want;
} forward_row;

static const forward_row rows[] = {
    { "nothing but Host", GET END, { .host = NULL }, FIRST("02") "0001 " HOST "FF]" },
    /* methods */
    { "OPTIONS *",
      "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n",
      { .host = NULL },
      "P[02 01 s'HTTP/1.1' s'*' s'' n s'h' 0050 00 0001 " HOST "FF]" },
    { "HEAD",
      "HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n",
      { .host = NULL },
      FIRST("03") "0001 " HOST "FF]" },
    { "PROPFIND",
      "PROPFIND /a HTTP/1.1\r\nHost: h\r\n\r\n",
      { .host = NULL },
      FIRST("08") "0001 " HOST "FF]" },
    { "MKACTIVITY",
      "MKACTIVITY /a HTTP/1.1\r\nHost: h\r\n\r\n",
      { .host = NULL },
      FIRST("1B") "0001 " HOST "FF]" },
    { "PATCH has no code",
      "PATCH /a HTTP/1.1\r\nHost: h\r\n\r\n",
      { .host = NULL },
      FIRST("FF") "0001 " HOST "0D s'PATCH' FF]" },
    { "a method in lower case is another one",
      "get /a HTTP/1.1\r\nHost: h\r\n\r\n",
      { .host = NULL },
      FIRST("FF") "0001 " HOST "0D s'get' FF]" },
    /* target */
    { "query",
      "GET /a?b=1&c HTTP/1.1\r\nHost: h\r\n\r\n",
      { .host = NULL },
      FIRST("02") "0001 " HOST "05 s'b=1&c' FF]" },
    { "an empty query",
      "GET /a? HTTP/1.1\r\nHost: h\r\n\r\n",
      { .host = NULL },
      FIRST("02") "0001 " HOST "05 s'' FF]" },
    { "an absolute target",
      "GET http://o:81/b?q HTTP/1.1\r\nHost: h\r\n\r\n",
      { .host = NULL },
      "P[02 02 s'HTTP/1.1' s'/b' s'' n s'o' 0051 00 0001 A00B s'o:81' 05 s'q' FF]" },
    { "the canonical path",
      "GET /x/../%61?%zz HTTP/1.1\r\nHost: h\r\n\r\n",
      { .host = NULL },
      FIRST("02") "0001 " HOST "05 s'%zz' FF]" },
    { "a parameter is taken out",
      "GET /a;s=1.n1/b;s=2;t=3?s=4 HTTP/1.1\r\nHost: h\r\n\r\n",
      { .path = "s" },
      "P[02 02 s'HTTP/1.1' s'/a/b;t=3' s'' n s'h' 0050 00 0001 " HOST "05 s's=4' FF]" },
    /* server name and port */
    { "a port in Host",
      "GET /a HTTP/1.1\r\nHost: h:8080\r\n\r\n",
      { .host = NULL },
      "P[02 02 s'HTTP/1.1' s'/a' s'' n s'h' 1F90 00 0001 A00B s'h:8080' FF]" },
    { "an IPv6 address as Host",
      "GET /a HTTP/1.1\r\nHost: [::1]\r\n\r\n",
      { .host = NULL },
      "P[02 02 s'HTTP/1.1' s'/a' s'' n s'[::1]' 0050 00 0001 A00B s'[::1]' FF]" },
    { "an IPv6 address with a port",
      "GET /a HTTP/1.1\r\nHost: [::1]:81\r\n\r\n",
      { .host = NULL },
      "P[02 02 s'HTTP/1.1' s'/a' s'' n s'[::1]' 0051 00 0001 A00B s'[::1]:81' FF]" },
    { "HTTP/1.0 without Host",
      "GET /a HTTP/1.0\r\n\r\n",
      { .host = NULL },
      "P[02 02 s'HTTP/1.0' s'/a' s'' n s'' 0050 00 0000 FF]" },
    { "HTTP/1.0 without Host, Host of the node",
      "GET /a HTTP/1.0\r\n\r\n",
      { .host = "node:8080" },
      "P[02 02 s'HTTP/1.0' s'/a' s'' n s'node' 1F90 00 0001 A00B s'node:8080' FF]" },
    { "Host of the node",
      GET END,
      { .host = "node:8080" },
      FIRST("02") "0001 A00B s'node:8080' FF]" },
    /* headers */
    { "every code of a request header",
      GET "Accept: 1\r\nACCEPT-CHARSET: 2\r\naccept-encoding: 3\r\nAccept-Language: 4\r\n"
          "Authorization: 5\r\nContent-Type: 7\r\nCookie: 9\r\nCookie2: 10\r\nPragma: 12\r\n"
          "Referer: 13\r\nUser-Agent: 14\r\n" END,
      { .host = NULL },
      FIRST("02") "000C " HOST "A001 s'1' A002 s'2' A003 s'3' A004 s'4' A005 s'5' A007 s'7' "
                  "A009 s'9' A00A s'10' A00C s'12' A00D s'13' A00E s'14' FF]" },
    { "others as they came, also repeated and empty",
      GET "X-A: 1\r\nx-a: 2\r\nE:\r\n" END,
      { .host = NULL },
      FIRST("02") "0004 " HOST "s'X-A' s'1' s'x-a' s'2' s'E' s'' FF]" },
    { "bytes above 7F",
      GET "X: caf\xe9\r\n" END,
      { .host = NULL },
      FIRST("02") "0002 " HOST "s'X' 0004 'caf' E9 00 FF]" },
    { "what ends at this hop",
      GET "Connection: close, X-Hop\r\nX-Hop: 1\r\nTE: trailers\r\nKeep-Alive: 5\r\n"
          "Upgrade: foo\r\nProxy-Authorization: x\r\nProxy-Connection: y\r\nTrailer: z\r\n"
          "Proxy-Authenticate: q\r\nA: b\r\n" END,
      { .host = NULL },
      FIRST("02") "0002 " HOST "s'A' s'b' FF]" },
    { "Expect and Proxy",
      GET "Content-Length: 1\r\nExpect: 100-continue\r\nProxy: evil\r\n" END,
      { .host = NULL },
      FIRST("02") "0002 " HOST "A008 s'1' FF]" },
    { "an upgrade",
      GET "Connection: Upgrade\r\nUpgrade: websocket\r\n" END,
      { .host = NULL },
      FIRST("02") "0001 " HOST "FF]" },
    { "drop and add",
      GET "A: 1\r\nB: 2\r\nC: 3\r\n" END,
      { .drop = TEXT("b"), .add = { TEXT("Accept"), TEXT("x") } },
      FIRST("02") "0004 " HOST "s'A' s'1' s'C' s'3' A001 s'x' FF]" },
    /* cookies */
    { "cookie lines are joined",
      GET "Cookie: a=1; b=2\r\nX: y\r\ncookie: c=3\r\n" END,
      { .host = NULL },
      FIRST("02") "0003 " HOST "A009 s'a=1; b=2; c=3' s'X' s'y' FF]" },
    { "an empty cookie line",
      GET "Cookie:\r\nCookie: c=3\r\n" END,
      { .host = NULL },
      FIRST("02") "0002 " HOST "A009 s'c=3' FF]" },
    { "nothing but empty cookie lines",
      GET "Cookie:\r\nCookie:\r\n" END,
      { .host = NULL },
      FIRST("02") "0001 " HOST "FF]" },
    { "the session is taken out",
      GET "Cookie: a=1; S=x.n1; b=2\r\nCookie: S=y; c=3\r\n" END,
      { .cookie = "S" },
      FIRST("02") "0002 " HOST "A009 s'a=1; b=2; c=3' FF]" },
    { "the session is all there was",
      GET "Cookie: S=x.n1\r\nA: 1\r\n" END,
      { .cookie = "S" },
      FIRST("02") "0002 " HOST "s'A' s'1' FF]" },
    { "cookies listed in Connection",
      GET "Connection: cookie\r\nCookie: a=1\r\n" END,
      { .host = NULL },
      FIRST("02") "0001 " HOST "FF]" },
    { "dropped cookies",
      GET "Cookie: a=1\r\n" END,
      { .drop = TEXT("Cookie") },
      FIRST("02") "0001 " HOST "FF]" },
    /* the body */
    { "Content-Length",
      "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\nA: b\r\n\r\n",
      { .host = NULL },
      FIRST("04") "0003 " HOST "s'A' s'b' A008 s'10' FF]" },
    { "Content-Length 0",
      "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
      { .host = NULL },
      FIRST("04") "0002 " HOST "A008 s'0' FF]" },
    { "chunked",
      "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n",
      { .host = NULL },
      FIRST("04") "0002 " HOST "s'transfer-encoding' s'chunked' FF]" },
    { "chunked, but the host knows the length",
      "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n",
      { .framing = MCMP_HTTP_FRAMING_LENGTH, .length = UINT64_C(5000000000) },
      FIRST("04") "0002 " HOST "A008 s'5000000000' FF]" },
    { "Content-Length, but the host has no body",
      "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n",
      { .framing = MCMP_HTTP_FRAMING_NONE },
      FIRST("04") "0001 " HOST "FF]" },
    { "Content-Length, but the host will send another length",
      "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n",
      { .framing = MCMP_HTTP_FRAMING_CHUNKED },
      FIRST("04") "0002 " HOST "s'transfer-encoding' s'chunked' FF]" },
    /* what the proxy adds */
    { "X-Forwarded",
      GET "X-Forwarded-For: 1.1.1.1\r\nForwarded: for=x\r\n" END,
      { .client = "192.0.2.1", .flags = MCMP_HTTP_FORWARD_X },
      "P[02 02 s'HTTP/1.1' s'/a' s'192.0.2.1' n s'h' 0050 00 0004 " HOST
      "s'X-Forwarded-For' s'192.0.2.1' s'X-Forwarded-Host' s'h' s'X-Forwarded-Proto' s'http' FF]" },
    { "X-Forwarded of a trusted client",
      GET "X-Forwarded-For: 1.1.1.1\r\n" END,
      { .client = "192.0.2.1", .flags = MCMP_HTTP_FORWARD_X | MCMP_HTTP_FORWARD_TRUSTED },
      "P[02 02 s'HTTP/1.1' s'/a' s'192.0.2.1' n s'h' 0050 00 0004 " HOST
      "s'X-Forwarded-For' s'1.1.1.1, 192.0.2.1' s'X-Forwarded-Host' s'h' "
      "s'X-Forwarded-Proto' s'http' FF]" },
    { "Forwarded and Via",
      GET "X-Forwarded-For: 1.1.1.1\r\nForwarded: for=x\r\nVia: 1.0 c\r\n" END,
      { .client = "192.0.2.1", .via = "p", .flags = MCMP_HTTP_FORWARD_RFC7239 },
      "P[02 02 s'HTTP/1.1' s'/a' s'192.0.2.1' n s'h' 0050 00 0004 " HOST
      "s'Via' s'1.0 c' s'Forwarded' s'for=192.0.2.1;host=h;proto=http' s'Via' s'1.1 p' FF]" },
    { "the client's own are left alone without flags",
      GET "X-Forwarded-For: 1.1.1.1\r\n" END,
      { .host = NULL },
      FIRST("02") "0002 " HOST "s'X-Forwarded-For' s'1.1.1.1' FF]" },
    { "Connection does not take away what the proxy adds",
      GET "Connection: X-Forwarded-For, X-Forwarded-Host\r\n" END,
      { .client = "192.0.2.1", .flags = MCMP_HTTP_FORWARD_X },
      "P[02 02 s'HTTP/1.1' s'/a' s'192.0.2.1' n s'h' 0050 00 0004 " HOST
      "s'X-Forwarded-For' s'192.0.2.1' s'X-Forwarded-Host' s'h' s'X-Forwarded-Proto' s'http' FF]" },
};

static mcmp_span text(const char *text)
{
    return span_of(text != NULL ? text : "");
}

static void apply(player *p, const setup *how)
{
    mcmp_http_forward *f = &p->forward;

    f->host = text(how->host);
    f->client = text(how->client);
    f->remove_cookie = text(how->cookie);
    f->remove_path = text(how->path);
    f->via = text(how->via);
    f->add = &how->add;
    f->add_count = how->add.name.len != 0;
    f->drop = &how->drop;
    f->drop_count = how->drop.len != 0;
    f->flags = how->flags;
    f->framing = how->framing;
    f->length = how->length;
}

START_TEST(requests_are_encoded_byte_for_byte)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const forward_row *row = &rows[i];
        static const client c = { .head = "" };
        const wire *w;
        static player p;
        mcmp_error err;
        size_t len;

        mcmp_error_init(&err);
        player_open(&p, &c);
        player_parse(&p, row->request);
        apply(&p, &row->how);
        w = wire_of(row->want);
        for (size_t room = 0; room <= w->len; room++) {
            guard out = guard_copy(rows, room);
            int rc = mcmp_ajp_proxy_encode_request(p.proxy, p.head, &p.forward, &p.facts, out.ptr,
                                                   room, &len, &err);

            row_code(row->name, rc, room < w->len ? MCMP_ERR_SPACE : MCMP_OK);
            row_int(row->name, len, w->len);
            if (rc == MCMP_OK) {
                mcmp_span got = { out.ptr, len };

                row_bytes(row->name, got, w->bytes, w->len);
                row_int(row->name, p.forward.sent_upgrade, 0);
                row_true(row->name, p.forward.sent_framing != MCMP_HTTP_FRAMING_AUTO);
            }
            guard_free(&out);
        }
        player_close(&p);
    }
}
END_TEST

typedef struct facts_row {
    const char *name;
    mcmp_ajp_facts facts;
    mcmp_pair named;
    const char *want; /* behind the fixed part; NULL: the code below */
    int code;
} facts_row;

static const facts_row facts_rows[] = {
    { "nothing told",
      { .is_ssl = 0 },
      { { NULL, 0 }, { NULL, 0 } },
      "s'' n s'h' 0050 00 0001 " HOST "FF]",
      0 },
    { "the client",
      { .remote_addr = TEXT("::1"),
        .remote_host = TEXT("c.example"),
        .remote_port = 65535,
        .local_addr = TEXT("10.0.0.1"),
        .server_name = TEXT("s.example"),
        .server_port = 8443 },
      { { NULL, 0 }, { NULL, 0 } },
      "s'::1' s'c.example' s's.example' 20FB 00 0001 " HOST
      "0A s'AJP_REMOTE_PORT' s'65535' 0A s'AJP_LOCAL_ADDR' s'10.0.0.1' FF]",
      0 },
    { "TLS",
      { .is_ssl = 1,
        .ssl_cert = TEXT("-----BEGIN\nAA\n"),
        .ssl_cipher = TEXT("TLS_X"),
        .ssl_session = TEXT("00ff"),
        .ssl_protocol = TEXT("TLSv1.3"),
        .ssl_key_size = 256 },
      { { NULL, 0 }, { NULL, 0 } },
      "s'' n s'h' 01BB 01 0001 " HOST "07 000E '-----BEGIN' 0A 'AA' 0A 00 08 s'TLS_X' 09 s'00ff' "
      "0B 0100 0A s'AJP_SSL_PROTOCOL' s'TLSv1.3' FF]",
      0 },
    { "user, route, secret, activation",
      { .remote_user = TEXT("bob"),
        .auth_type = TEXT("Basic"),
        .jvm_route = TEXT("n1"),
        .secret = TEXT("geheim"),
        .activation = TEXT("DIS") },
      { { NULL, 0 }, { NULL, 0 } },
      "s'' n s'h' 0050 00 0001 " HOST
      "03 s'bob' 04 s'Basic' 06 s'n1' 0C s'geheim' 0A s'JK_LB_ACTIVATION' s'DIS' FF]",
      0 },
    { "a named attribute",
      { .is_ssl = 0 },
      { TEXT("MY"), TEXT("v") },
      "s'' n s'h' 0050 00 0001 " HOST "0A s'MY' s'v' FF]",
      0 },
    { "a port by name",
      { .is_ssl = 0 },
      { TEXT("AJP_REMOTE_PORT"), TEXT("81") },
      "s'' n s'h' 0050 00 0001 " HOST "0A s'AJP_REMOTE_PORT' s'81' FF]",
      0 },
    { "a port that is none",
      { .is_ssl = 0 },
      { TEXT("AJP_REMOTE_PORT"), TEXT("8x") },
      NULL,
      MCMP_ERR_INVALID },
    { "an empty name", { .is_ssl = 0 }, { TEXT(""), TEXT("v") }, NULL, MCMP_ERR_INVALID },
    { "a value with LF", { .is_ssl = 0 }, { TEXT("MY"), TEXT("v\n") }, NULL, MCMP_ERR_INVALID },
    { "context", { .is_ssl = 0 }, { TEXT("context"), TEXT("v") }, NULL, MCMP_ERR_AJP_ATTRIBUTE },
    { "servlet_path",
      { .is_ssl = 0 },
      { TEXT("servlet_path"), TEXT("v") },
      NULL,
      MCMP_ERR_AJP_ATTRIBUTE },
    { "remote_user",
      { .is_ssl = 0 },
      { TEXT("remote_user"), TEXT("v") },
      NULL,
      MCMP_ERR_AJP_ATTRIBUTE },
    { "auth_type",
      { .is_ssl = 0 },
      { TEXT("auth_type"), TEXT("v") },
      NULL,
      MCMP_ERR_AJP_ATTRIBUTE },
    { "query_string",
      { .is_ssl = 0 },
      { TEXT("query_string"), TEXT("v") },
      NULL,
      MCMP_ERR_AJP_ATTRIBUTE },
    { "route", { .is_ssl = 0 }, { TEXT("route"), TEXT("v") }, NULL, MCMP_ERR_AJP_ATTRIBUTE },
    { "ssl_cert", { .is_ssl = 0 }, { TEXT("ssl_cert"), TEXT("v") }, NULL, MCMP_ERR_AJP_ATTRIBUTE },
    { "ssl_cipher",
      { .is_ssl = 0 },
      { TEXT("ssl_cipher"), TEXT("v") },
      NULL,
      MCMP_ERR_AJP_ATTRIBUTE },
    { "ssl_session",
      { .is_ssl = 0 },
      { TEXT("ssl_session"), TEXT("v") },
      NULL,
      MCMP_ERR_AJP_ATTRIBUTE },
    { "req_attribute",
      { .is_ssl = 0 },
      { TEXT("req_attribute"), TEXT("v") },
      NULL,
      MCMP_ERR_AJP_ATTRIBUTE },
    { "ssl_key_size",
      { .is_ssl = 0 },
      { TEXT("ssl_key_size"), TEXT("v") },
      NULL,
      MCMP_ERR_AJP_ATTRIBUTE },
    { "secret", { .is_ssl = 0 }, { TEXT("Secret"), TEXT("v") }, NULL, MCMP_ERR_AJP_ATTRIBUTE },
    { "stored_method",
      { .is_ssl = 0 },
      { TEXT("stored_method"), TEXT("v") },
      NULL,
      MCMP_ERR_AJP_ATTRIBUTE },
    { "is_ssl 2", { .is_ssl = 2 }, { { NULL, 0 }, { NULL, 0 } }, NULL, MCMP_ERR_INVALID },
    { "server_port",
      { .server_port = 65536 },
      { { NULL, 0 }, { NULL, 0 } },
      NULL,
      MCMP_ERR_INVALID },
    { "remote_port",
      { .remote_port = 65536 },
      { { NULL, 0 }, { NULL, 0 } },
      NULL,
      MCMP_ERR_INVALID },
    { "key size", { .ssl_key_size = 65536 }, { { NULL, 0 }, { NULL, 0 } }, NULL, MCMP_ERR_INVALID },
    { "NUL in a certificate",
      { .ssl_cert = TEXT("a\0b") },
      { { NULL, 0 }, { NULL, 0 } },
      NULL,
      MCMP_ERR_INVALID },
    { "NUL in a secret",
      { .secret = TEXT("a\0b") },
      { { NULL, 0 }, { NULL, 0 } },
      NULL,
      MCMP_ERR_INVALID },
    { "LF in an address",
      { .remote_addr = TEXT("1\n") },
      { { NULL, 0 }, { NULL, 0 } },
      NULL,
      MCMP_ERR_INVALID },
    { "NUL in a name",
      { .server_name = TEXT("a\0") },
      { { NULL, 0 }, { NULL, 0 } },
      NULL,
      MCMP_ERR_INVALID },
};

START_TEST(attributes_come_from_the_host_alone)
{
    for (size_t i = 0; i < COUNT_OF(facts_rows); i++) {
        const facts_row *row = &facts_rows[i];
        static const client c = { .head = "" };
        char want[1024];
        mcmp_span got;
        static player p;
        size_t len = 77;
        int rc;

        player_open(&p, &c);
        player_parse(&p, GET END);
        p.facts = row->facts;
        p.facts.struct_size = sizeof(p.facts);
        p.facts.attributes = &row->named;
        p.facts.attribute_count = row->named.value.ptr != NULL;
        rc = player_request(&p, &len, NULL);
        row_code(row->name, rc, row->code);
        if (row->want != NULL) {
            const wire *w;

            (void)snprintf(want, sizeof(want), "P[02 02 s'HTTP/1.1' s'/a' %s", row->want);
            w = wire_of(want);
            got = (mcmp_span){ p.out, len };
            row_bytes(row->name, got, w->bytes, w->len);
        } else {
            row_int(row->name, len, 77);
            row_true(row->name, mcmp_ajp_proxy_can_reuse(p.proxy));
        }
        player_close(&p);
    }
}
END_TEST

/* Size of the packet around a header value of one byte, and then what just fits. */
static void check_size(uint32_t max_packet)
{
    const client c = { .head = "", .max_packet = max_packet };
    static char head[70000];
    static player p;
    mcmp_error err;
    size_t len;

    mcmp_error_init(&err);
    player_open(&p, &c);
    player_parse(&p, GET "X: v\r\n" END);
    ck_assert_int_eq(
        mcmp_ajp_proxy_encode_request(p.proxy, p.head, &p.forward, &p.facts, NULL, 0, &len, NULL),
        MCMP_ERR_SPACE);
    mcmp_http_head_free(p.head);
    {
        mcmp_http_options opts;

        mcmp_http_options_init(&opts);
        opts.max_line = opts.max_head = 1 << 20;
        ck_assert_int_eq(mcmp_http_head_new(&p.head, &opts, NULL), MCMP_OK);
    }
    for (size_t over = 0; over < 2; over++) {
        size_t fill = max_packet - len + 1 + over;
        size_t at = (size_t)snprintf(head, sizeof(head), GET "X: ");

        memset(head + at, 'v', fill);
        memcpy(head + at + fill, "\r\n\r\n", 5);
        player_parse(&p, head);
        if (over == 0) {
            size_t got;

            ck_assert_int_eq(player_request(&p, &got, NULL), MCMP_OK);
            ck_assert_uint_eq(got, max_packet);
            mcmp_ajp_proxy_reset(p.proxy);
        } else {
            ck_assert_int_eq(player_request(&p, &len, &err), MCMP_ERR_AJP_REQUEST_SIZE);
            ck_assert_str_eq(err.field, "max_packet");
            ck_assert_ptr_nonnull(strstr(err.message, "max_packet is"));
            ck_assert(mcmp_ajp_proxy_can_reuse(p.proxy));
        }
    }
    player_close(&p);
}

START_TEST(a_head_that_does_not_fit_is_an_error_that_names_the_limit)
{
    check_size(8192);
    check_size(8193);
    check_size(32768);
    check_size(65535);
    check_size(65536);
}
END_TEST

START_TEST(names_and_numbers_of_headers_have_limits)
{
    static const client c = { .head = "", .max_headers = 3 };
    static char head[1024];
    static player p;
    mcmp_error err;
    size_t len;

    mcmp_error_init(&err);
    player_open(&p, &c);
    player_parse(&p, GET "A: 1\r\nB: 1\r\n" END);
    ck_assert_int_eq(player_request(&p, &len, &err), MCMP_OK);
    mcmp_ajp_proxy_reset(p.proxy);
    player_parse(&p, GET "A: 1\r\nB: 1\r\nC: 1\r\n" END);
    ck_assert_int_eq(player_request(&p, &len, &err), MCMP_ERR_AJP_REQUEST_SIZE);
    ck_assert_str_eq(err.field, "max_headers");
    for (int size = 255; size <= 256; size++) {
        int at = snprintf(head, sizeof(head), GET);

        memset(head + at, 'n', (size_t)size);
        (void)snprintf(head + at + size, sizeof(head) - (size_t)(at + size), ": 1\r\n\r\n");
        player_parse(&p, head);
        ck_assert_int_eq(player_request(&p, &len, &err),
                         size == 255 ? MCMP_OK : MCMP_ERR_AJP_REQUEST_SIZE);
        mcmp_ajp_proxy_reset(p.proxy);
    }
    ck_assert_str_eq(err.field, "name");
    player_close(&p);
}
END_TEST

START_TEST(what_the_host_gets_wrong_is_refused)
{
    static const mcmp_pair bad[] = {
        { TEXT("Content-Length"), TEXT("3") }, { TEXT("transfer-encoding"), TEXT("chunked") },
        { TEXT("Connection"), TEXT("close") }, { TEXT("X Y"), TEXT("1") },
        { TEXT("X"), TEXT("1\r\nY: 2") },
    };
    static const client c = { .head = "" };
    static player p;
    size_t len = 77;

    player_open(&p, &c);
    ck_assert_int_eq(player_request(&p, &len, NULL), MCMP_ERR_STATE); /* no head */
    player_parse(&p, GET END);
    p.forward.target = NULL;
    ck_assert_int_eq(player_request(&p, &len, NULL), MCMP_ERR_INVALID);
    p.forward.target = &p.target;
    p.forward.framing = MCMP_HTTP_FRAMING_CLOSE;
    ck_assert_int_eq(player_request(&p, &len, NULL), MCMP_ERR_INVALID);
    p.forward.framing = 0;
    p.forward.flags = MCMP_HTTP_FORWARD_OWN_LINES;
    ck_assert_int_eq(player_request(&p, &len, NULL), MCMP_ERR_UNSUPPORTED);
    p.forward.flags = 0;
    p.forward.host = span_of("h\r\n");
    ck_assert_int_eq(player_request(&p, &len, NULL), MCMP_ERR_INVALID);
    p.forward.host = span_of("");
    p.forward.client = span_of("1\n");
    ck_assert_int_eq(player_request(&p, &len, NULL), MCMP_ERR_INVALID);
    p.forward.client = span_of("");
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        p.forward.add = &bad[i];
        p.forward.add_count = 1;
        row_code(bad[i].name.ptr, player_request(&p, &len, NULL), MCMP_ERR_INVALID);
    }
    p.forward.add_count = 0;
    ck_assert_uint_eq(len, 77);
    ck_assert_int_eq(player_request(&p, &len, NULL), MCMP_OK);
    ck_assert_int_eq(player_request(&p, &len, NULL), MCMP_ERR_STATE); /* one is open */
    player_close(&p);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        requests_are_encoded_byte_for_byte,
        attributes_come_from_the_host_alone,
        a_head_that_does_not_fit_is_an_error_that_names_the_limit,
        names_and_numbers_of_headers_have_limits,
        what_the_host_gets_wrong_is_refused,
    };

    return run_tests("ajp forward", tests, COUNT_OF(tests));
}
