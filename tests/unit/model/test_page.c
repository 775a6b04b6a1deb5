/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The manager page as hosts serve it: what a GET shows and can't change, each command by POST for
 * pair, node and domain, each refusal with its status, and the headers around it.
 */
#include "station.h"

#include <openssl/evp.h>

#define TOKEN "0123456789abcdef_-XY"
#define NONCE "nonce=" TOKEN "&"

static void must(station *s, const char *line, const char *body)
{
    row_code(body, say(s, line, body), MCMP_OK);
}

static void fill(station *s)
{
    must(s, "CONFIG /", "JVMRoute=n1&Host=10.0.0.1&Domain=east");
    must(s, "ENABLE-APP /", "JVMRoute=n1&Alias=a.example,b.example&Context=/,/shop");
    must(s, "CONFIG /", "JVMRoute=n2&Host=10.0.0.2&Domain=east");
    must(s, "ENABLE-APP /", "JVMRoute=n2&Alias=a.example&Context=/shop");
    must(s, "CONFIG /", "JVMRoute=n3&Host=10.0.0.3&Domain=grp+1");
    must(s, "ENABLE-APP /", "JVMRoute=n3&Alias=a.example&Context=/shop");
}

static int page(station *s, uint32_t flags, const char *line, const char *body)
{
    mcmp_page_options opts;
    mcmp_request request;

    mcmp_page_options_init(&opts);
    opts.flags = flags;
    opts.token = span_of(TOKEN);
    opts.max_form = 400;
    station_request(s, line, span_of(body), &request);
    return mcmp_page_serve(s->cluster, &opts, &request, s->response, &s->err);
}

static int body_has(const station *s, const char *text)
{
    mcmp_span body = answer_body(s);

    return body.len != 0 && memmem(body.ptr, body.len, text, strlen(text)) != NULL;
}

/* Letters of the statuses of all pairs, in INFO's order: nodes n3, n2, n1. */
static const char *statuses(station *s)
{
    static char out[64];
    mcmp_span info = info_text(s);
    size_t len = 0;

    for (size_t i = 0; i + 8 < info.len && len + 1 < sizeof(out); i++)
        if (memcmp(info.ptr + i, "Status: ", 8) == 0)
            out[len++] = info.ptr[i + 8];
    out[len] = '\0';
    return out;
}

static const struct {
    const char *name;
    uint32_t flags;
    const char *line;
    const char *body;
    int code;
    uint32_t status;
    const char *says;     /* in the body */
    const char *statuses; /* afterwards */
} rows[] = {
    { "page", MCMP_PAGE_COMMANDS, "GET /m", "", MCMP_OK, 200, "Node n1", "EEEEEE" },
    { "head", MCMP_PAGE_COMMANDS, "HEAD /m", "", MCMP_OK, 200, "", "EEEEEE" },
    { "info", 0, "GET /m?Cmd=INFO", "", MCMP_OK, 200, "Node: [3],Name: n3", "EEEEEE" },
    { "info of old links", 0, "GET /m?nonce=x&Cmd=INFO&Range=ALL", "", MCMP_OK, 200, "Name: n1",
      "EEEEEE" },
    { "dump", 0, "GET /m?Cmd=dump", "", MCMP_OK, 200, "balancer: [1]", "EEEEEE" },
    { "version", 0, "GET /m?Cmd=VERSION", "", MCMP_OK, 200, "protocol: 0.2.1", "EEEEEE" },
    { "empty Cmd", 0, "GET /m?Cmd=", "", MCMP_OK, 200, "Node n1", "EEEEEE" },
    { "other Cmd", 0, "GET /m?Cmd=STATUS", "", MCMP_ERR_SYNTAX, 400, "INFO, DUMP or VERSION",
      "EEEEEE" },
    { "bad escape", 0, "GET /m?Cmd=%4", "", MCMP_ERR_SYNTAX, 400, "Cmd has a bad % escape",
      "EEEEEE" },
    { "refresh", 0, "GET /m?refresh=0", "", MCMP_ERR_SYNTAX, 400, "refresh is 1..3600", "EEEEEE" },
    { "change by GET", MCMP_PAGE_COMMANDS, "GET /m?" NONCE "Cmd=STOP-APP&Range=NODE&JVMRoute=n1",
      "", MCMP_ERR_SYNTAX, 405, "send it by POST", "EEEEEE" },
    { "other method", MCMP_PAGE_COMMANDS, "PUT /m", "", MCMP_ERR_SYNTAX, 405, "GET, HEAD and POST",
      "EEEEEE" },
    { "no commands here", 0, "POST /m", NONCE "Cmd=STOP-APP&Range=NODE&JVMRoute=n1",
      MCMP_ERR_DENIED, 403, "switched off", "EEEEEE" },
    { "no token", MCMP_PAGE_COMMANDS, "POST /m", "Cmd=STOP-APP&Range=NODE&JVMRoute=n1",
      MCMP_ERR_DENIED, 403, "out of date", "EEEEEE" },
    { "other token", MCMP_PAGE_COMMANDS, "POST /m",
      "nonce=0123456789abcdef_-Xy&Cmd=STOP-APP&Range=NODE&JVMRoute=n1", MCMP_ERR_DENIED, 403,
      "out of date", "EEEEEE" },
    { "part of the token", MCMP_PAGE_COMMANDS, "POST /m",
      "nonce=0123456789&Cmd=STOP-APP&Range=NODE&JVMRoute=n1", MCMP_ERR_DENIED, 403, "out of date",
      "EEEEEE" },
    { "token in the query", MCMP_PAGE_COMMANDS, "POST /m?nonce=" TOKEN,
      "Cmd=STOP-APP&Range=NODE&JVMRoute=n1", MCMP_ERR_DENIED, 403, "out of date", "EEEEEE" },
    { "no Cmd", MCMP_PAGE_COMMANDS, "POST /m", NONCE "Range=NODE&JVMRoute=n1", MCMP_ERR_SYNTAX, 400,
      "Cmd is ENABLE-APP, DISABLE-APP or STOP-APP", "EEEEEE" },
    { "removal is none of its commands", MCMP_PAGE_COMMANDS, "POST /m",
      NONCE "Cmd=REMOVE-APP&Range=NODE&JVMRoute=n1", MCMP_ERR_SYNTAX, 400, "Cmd is ENABLE-APP",
      "EEEEEE" },
    { "no Range", MCMP_PAGE_COMMANDS, "POST /m", NONCE "Cmd=STOP-APP&JVMRoute=n1", MCMP_ERR_SYNTAX,
      400, "Range is NODE, DOMAIN or CONTEXT", "EEEEEE" },
    { "no JVMRoute", MCMP_PAGE_COMMANDS, "POST /m", NONCE "Cmd=STOP-APP&Range=NODE",
      MCMP_ERR_SYNTAX, 400, "JVMRoute is missing for Range NODE", "EEEEEE" },
    { "no Domain", MCMP_PAGE_COMMANDS, "POST /m", NONCE "Cmd=STOP-APP&Range=DOMAIN&Domain=",
      MCMP_ERR_SYNTAX, 400, "Domain is missing for Range DOMAIN", "EEEEEE" },
    { "no Context", MCMP_PAGE_COMMANDS, "POST /m",
      NONCE "Cmd=STOP-APP&Range=CONTEXT&JVMRoute=n1&Alias=a.example", MCMP_ERR_SYNTAX, 400,
      "Context is missing for Range CONTEXT", "EEEEEE" },
    { "bad escape in a form", MCMP_PAGE_COMMANDS, "POST /m",
      NONCE "Cmd=STOP-APP&Range=NODE&JVMRoute=%zz", MCMP_ERR_SYNTAX, 400,
      "JVMRoute has a bad % escape", "EEEEEE" },
    { "unknown node", MCMP_PAGE_COMMANDS, "POST /m", NONCE "Cmd=STOP-APP&Range=NODE&JVMRoute=n9",
      MCMP_ERR_UNKNOWN_NODE, 404, "no member has this route", "EEEEEE" },
    { "unknown domain", MCMP_PAGE_COMMANDS, "POST /m",
      NONCE "Cmd=STOP-APP&Range=DOMAIN&Domain=west", MCMP_ERR_UNKNOWN_NODE, 404,
      "no member has this domain", "EEEEEE" },
    { "a pair that is not there is not made", MCMP_PAGE_COMMANDS, "POST /m",
      NONCE "Cmd=ENABLE-APP&Range=CONTEXT&JVMRoute=n2&Alias=a.example&Context=/x",
      MCMP_ERR_UNKNOWN_NODE, 404, "no member has this route, alias and context", "EEEEEE" },
    { "stop a pair", MCMP_PAGE_COMMANDS, "POST /m",
      NONCE "Cmd=STOP-APP&Range=CONTEXT&JVMRoute=n2&Alias=A.example&Context=%2Fshop", MCMP_OK, 200,
      "STOP-APP: n2 /shop, members changed: 1", "ESEEEE" },
    { "disable a node", MCMP_PAGE_COMMANDS, "POST /m",
      NONCE "Cmd=DISABLE-APP&Range=NODE&JVMRoute=n1", MCMP_OK, 200,
      "DISABLE-APP: n1, members changed: 1", "ESDDDD" },
    { "stop a domain", MCMP_PAGE_COMMANDS, "POST /m", NONCE "Cmd=STOP-APP&Range=DOMAIN&Domain=east",
      MCMP_OK, 200, "STOP-APP: east, members changed: 2", "ESSSSS" },
    { "a domain with a blank", MCMP_PAGE_COMMANDS, "POST /m",
      NONCE "Cmd=DISABLE-APP&Range=domain&Domain=grp+1", MCMP_OK, 200,
      "DISABLE-APP: grp 1, members changed: 1", "DSSSSS" },
    { "the last value counts", MCMP_PAGE_COMMANDS, "POST /m",
      NONCE "Cmd=STOP-APP&Range=NODE&JVMRoute=n3&Cmd=ENABLE-APP", MCMP_OK, 200,
      "ENABLE-APP: n3, members changed: 1", "ESSSSS" },
    { "without a token when none is asked for", MCMP_PAGE_COMMANDS | MCMP_PAGE_NO_TOKEN, "POST /m",
      "Cmd=ENABLE-APP&Range=DOMAIN&Domain=east", MCMP_OK, 200,
      "ENABLE-APP: east, members changed: 2", "EEEEEE" },
};

START_TEST(test_page_shows_by_get_and_changes_by_post)
{
    station s;

    station_open(&s, NULL);
    fill(&s);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        row_code(rows[i].name, page(&s, rows[i].flags, rows[i].line, rows[i].body), rows[i].code);
        row_int(rows[i].name, mcmp_response_status(s.response), rows[i].status);
        if (rows[i].says[0] == '\0')
            row_int(rows[i].name, answer_body(&s).len, 0);
        else
            ck_assert_msg(body_has(&s, rows[i].says), "%s: %.*s", rows[i].name,
                          (int)answer_body(&s).len, answer_body(&s).ptr);
        row_text(rows[i].name, span_of(statuses(&s)), rows[i].statuses);
    }
    station_close(&s);
}
END_TEST

START_TEST(test_page_refuses_forms_over_their_limit_and_senders_without_right)
{
    station s;
    char body[600];

    station_open(&s, NULL);
    fill(&s);
    memset(body, 'x', sizeof(body));
    body[400] = '\0';
    row_code("at the limit", page(&s, MCMP_PAGE_COMMANDS, "POST /m", body), MCMP_ERR_DENIED);
    body[400] = 'x';
    body[401] = '\0';
    row_code("over it", page(&s, MCMP_PAGE_COMMANDS, "POST /m", body), MCMP_ERR_BODY_SIZE);
    row_int("status", mcmp_response_status(s.response), 413);
    ck_assert(body_has(&s, "over its limit of 400 bytes"));
    station_address(&s, 192, 0, 2, 1);
    row_code("GET", page(&s, MCMP_PAGE_COMMANDS, "GET /m", ""), MCMP_ERR_DENIED);
    row_int("status", mcmp_response_status(s.response), 403);
    row_code("POST",
             page(&s, MCMP_PAGE_COMMANDS, "POST /m", NONCE "Cmd=STOP-APP&Range=NODE&JVMRoute=n1"),
             MCMP_ERR_DENIED);
    row_int("status", mcmp_response_status(s.response), 403);
    station_close(&s);
}
END_TEST

/* Ownership: a browser is not the node, and learns it in words. */
START_TEST(test_page_is_judged_like_a_message_of_its_sender)
{
    mcmp_cluster_options opts;
    station s;

    mcmp_cluster_options_init(&opts);
    opts.flags = MCMP_CLUSTER_OWNERSHIP;
    station_open(&s, &opts);
    fill(&s);
    station_address(&s, 127, 0, 0, 2);
    row_code("another sender",
             page(&s, MCMP_PAGE_COMMANDS, "POST /m", NONCE "Cmd=STOP-APP&Range=NODE&JVMRoute=n1"),
             MCMP_ERR_DENIED);
    row_int("status", mcmp_response_status(s.response), 403);
    ck_assert(body_has(&s, "the sender is not allowed to do this"));
    station_address(&s, 127, 0, 0, 1);
    row_text("nothing changed", span_of(statuses(&s)), "EEEEEE");
    station_close(&s);
}
END_TEST

static size_t count_of(mcmp_span text, const char *word)
{
    size_t count = 0;
    size_t len = strlen(word);

    for (size_t i = 0; i + len <= text.len; i++)
        count += memcmp(text.ptr + i, word, len) == 0;
    return count;
}

START_TEST(test_page_says_node_only_for_its_rows_and_escapes_names)
{
    station s;

    station_open(&s, NULL);
    row_code("empty", page(&s, MCMP_PAGE_COMMANDS, "GET /m\"><i>", ""), MCMP_OK);
    row_int("empty", count_of(answer_body(&s), "Node"), 0);
    row_int("target", count_of(answer_body(&s), "<i>"), 0);
    row_code("refused",
             page(&s, MCMP_PAGE_COMMANDS, "POST /m", NONCE "Cmd=STOP-APP&Range=NODE&JVMRoute=x"),
             MCMP_ERR_UNKNOWN_NODE);
    row_int("refused", count_of(answer_body(&s), "Node"), 0);
    fill(&s);
    must(&s, "CONFIG /", "JVMRoute=a%26b&Host=10.0.0.9&Domain=c%26d");
    row_code("full", page(&s, MCMP_PAGE_COMMANDS, "GET /m", ""), MCMP_OK);
    row_int("rows", count_of(answer_body(&s), "Node "), 4);
    row_int("rows", count_of(answer_body(&s), "Node"), 4);
    ck_assert(body_has(&s, "value=\"a&amp;b\""));
    ck_assert(body_has(&s, "value=\"c&amp;d\""));
    /* a form per pair, node and domain; each with the token */
    row_int("forms", count_of(answer_body(&s), "<form method=\"post\" action=\"/m\">"), 6 + 4 + 3);
    row_int("tokens", count_of(answer_body(&s), TOKEN), 6 + 4 + 3);
    row_code("reduced", page(&s, MCMP_PAGE_REDUCED, "GET /m", ""), MCMP_OK);
    row_int("no forms", count_of(answer_body(&s), "<form"), 0);
    row_int("no token", count_of(answer_body(&s), TOKEN), 0);
    row_int("no counters", count_of(answer_body(&s), "Elected"), 0);
    station_close(&s);
}
END_TEST

START_TEST(test_page_comes_with_headers_that_fence_it_in)
{
    station s;
    mcmp_span body;
    const char *from;
    const char *to;
    unsigned char digest[32];
    unsigned char text[48];
    char want[200];

    station_open(&s, NULL);
    row_code("page", page(&s, MCMP_PAGE_COMMANDS, "GET /m?refresh=10", ""), MCMP_OK);
    body = answer_body(&s);
    from = (const char *)memmem(body.ptr, body.len, "<style>", 7) + 7;
    to = memmem(from, body.len - (size_t)(from - body.ptr), "</style>", 8);
    ck_assert(to != NULL);
    ck_assert_int_eq(EVP_Digest(from, (size_t)(to - from), digest, NULL, EVP_sha256(), NULL), 1);
    (void)EVP_EncodeBlock(text, digest, 32);
    (void)snprintf(want, sizeof(want),
                   "default-src 'none'; style-src 'sha256-%s'; base-uri 'none'; "
                   "form-action 'self'; frame-ancestors 'none'",
                   text);
    row_text("policy", answer_header(&s, "Content-Security-Policy"), want);
    row_text("type", answer_header(&s, "Content-Type"), "text/html; charset=utf-8");
    row_text("sniff", answer_header(&s, "X-Content-Type-Options"), "nosniff");
    row_text("cache", answer_header(&s, "Cache-Control"), "no-store");
    row_text("refresh", answer_header(&s, "Refresh"), "10");
    row_code("method", page(&s, 0, "PUT /m", ""), MCMP_ERR_SYNTAX);
    row_text("allow", answer_header(&s, "Allow"), "GET, HEAD, POST");
    ck_assert(memmem(answer_header(&s, "Content-Security-Policy").ptr, 200, "form-action 'none'",
                     18) != NULL);
    station_close(&s);
}
END_TEST

START_TEST(test_page_refuses_options_that_would_not_protect)
{
    static const struct {
        const char *name;
        const char *token;
        uint32_t flags;
        int code;
        const char *field;
    } bad[] = {
        { "no token", "", MCMP_PAGE_COMMANDS, MCMP_ERR_INVALID, "token" },
        { "15 characters", "0123456789abcde", MCMP_PAGE_COMMANDS, MCMP_ERR_INVALID, "token" },
        { "a quote", "0123456789abcdef\"", MCMP_PAGE_COMMANDS, MCMP_ERR_INVALID, "token" },
        { "unknown flag", TOKEN, 0x8, MCMP_ERR_UNSUPPORTED, "flags" },
        { "16 characters", "0123456789abcdef", MCMP_PAGE_COMMANDS, MCMP_OK, "" },
        { "not needed", "", MCMP_PAGE_COMMANDS | MCMP_PAGE_NO_TOKEN, MCMP_OK, "" },
        { "not needed", "", 0, MCMP_OK, "" },
    };
    mcmp_page_options opts;
    mcmp_request request;
    station s;

    station_open(&s, NULL);
    station_request(&s, "GET /m", span_of(""), &request);
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        mcmp_page_options_init(&opts);
        opts.flags = bad[i].flags;
        opts.token = span_of(bad[i].token);
        mcmp_error_init(&s.err);
        row_code(bad[i].name, mcmp_page_serve(s.cluster, &opts, &request, s.response, &s.err),
                 bad[i].code);
        row_text(bad[i].name, span_of(s.err.field), bad[i].field);
    }
    row_code("defaults", mcmp_page_serve(s.cluster, NULL, &request, s.response, NULL), MCMP_OK);
    row_code("no cluster", mcmp_page_serve(NULL, NULL, &request, s.response, NULL),
             MCMP_ERR_INVALID);
    row_code("no request", mcmp_page_serve(s.cluster, NULL, NULL, s.response, NULL),
             MCMP_ERR_INVALID);
    row_code("no answer", mcmp_page_serve(s.cluster, NULL, &request, NULL, NULL), MCMP_ERR_INVALID);
    station_close(&s);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_page_shows_by_get_and_changes_by_post,
        test_page_refuses_forms_over_their_limit_and_senders_without_right,
        test_page_is_judged_like_a_message_of_its_sender,
        test_page_says_node_only_for_its_rows_and_escapes_names,
        test_page_comes_with_headers_that_fence_it_in,
        test_page_refuses_options_that_would_not_protect,
    };

    return run_tests("page", tests, COUNT_OF(tests));
}
