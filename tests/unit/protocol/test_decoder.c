/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies into typed commands: every refusal that decoding can give, the order of judgement, and the
 * walker, which reads out of memory that ends at a guard page.
 */
#include "golden.h"
#include "support.h"

#include <libmcmp/command.h>
#include <libmcmp/response.h>

typedef struct result {
    int rc;
    uint32_t refusal;
    const mcmp_command *command;
    mcmp_error err;
} result;

static mcmp_decoder *decoder;

/* What has been decoded is handed out by any decoder of the same limits, and judged alike. */
static void check_handed_out(mcmp_request *request, const result *r)
{
    mcmp_decoder *other = NULL;
    result again = { 0, 0, NULL, { 0 } };
    mcmp_span culprit;

    ck_assert_int_eq(mcmp_decoder_new(&other, NULL, NULL, NULL), MCMP_OK);
    request->decoded = decoder;
    mcmp_error_init(&again.err);
    again.rc = mcmp_decoder_decode(other, request, &again.command, &again.refusal, &again.err);
    ck_assert_int_eq(again.rc, r->rc);
    ck_assert_uint_eq(again.refusal, r->refusal);
    ck_assert_ptr_eq(again.command, r->command);
    ck_assert_mem_eq(&again.err, &r->err, sizeof(r->err));
    ck_assert_ptr_eq(mcmp_request_command(request, NULL), r->command);
    culprit = mcmp_decoder_culprit(decoder);
    row_bytes("culprit", mcmp_decoder_culprit(other), culprit.ptr, culprit.len);
    mcmp_decoder_free(other);
}

static result decode_bytes(uint32_t command, uint32_t flags, mcmp_span body)
{
    guard copy = guard_copy(body.ptr, body.len);
    mcmp_request request;
    result r = { 0, 0, NULL, { 0 } };

    mcmp_request_init(&request);
    request.command = command;
    request.flags = flags;
    request.body.ptr = body.len > 0 ? copy.ptr : NULL;
    request.body.len = body.len;
    mcmp_error_init(&r.err);
    r.rc = mcmp_decoder_decode(decoder, &request, &r.command, &r.refusal, &r.err);
    check_handed_out(&request, &r);
    guard_free(&copy); /* the command must not look into the body any more */
    return r;
}

typedef struct row {
    const char *name;
    uint32_t command;
    mcmp_span body;
    uint32_t refusal;
    uint64_t offset;
    const char *mess;
    uint32_t flags;
} row;

#define PARSE_MESS                                                                          \
    "SYNTAX: Can't parse MCMP message. It might have contained illegal symbols or unknown " \
    "elements."

static void check_rows(const row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const row *one = &rows[i];
        result r = decode_bytes(one->command, one->flags, one->body);

        if (one->refusal == MCMP_REFUSAL_NONE) {
            ck_assert_msg(r.rc == MCMP_OK, "row '%s': %s", one->name, r.err.message);
            continue;
        }
        row_code(one->name, r.rc, MCMP_ERR_SYNTAX);
        row_int(one->name, r.refusal, one->refusal);
        row_int(one->name, r.err.wire_class, MCMP_WIRE_SYNTAX);
        row_int(one->name, r.err.offset, one->offset);
        if (one->mess != NULL)
            row_text(one->name, span_of(r.err.message), one->mess);
        row_true(one->name, r.command == NULL);
    }
}

#define CONFIG MCMP_COMMAND_CONFIG
#define ENABLE MCMP_COMMAND_ENABLE_APP
#define REMOVE MCMP_COMMAND_REMOVE_APP
#define STATUS MCMP_COMMAND_STATUS
#define PING MCMP_COMMAND_PING

START_TEST(test_decoder_refuses_bodies_that_are_no_pairs)
{
#define PARSE(at) MCMP_REFUSAL_PARSE, at, PARSE_MESS, 0
    static const row rows[] = {
        { "key without =", STATUS, TEXT("JVMRoute"), PARSE(0) },
        { "key without = later", STATUS, TEXT("JVMRoute=a&Load"), PARSE(11) },
        { "key without = before &", STATUS, TEXT("Load&JVMRoute=a"), PARSE(0) },
        { "empty key", STATUS, TEXT("=a"), PARSE(0) },
        { "empty key later", ENABLE, TEXT("JVMRoute=a&=b"), PARSE(11) },
        { "only =", PING, TEXT("="), PARSE(0) },
        { "% at the end", STATUS, TEXT("JVMRoute=%"), PARSE(9) },
        { "% and one digit", STATUS, TEXT("JVMRoute=%4"), PARSE(9) },
        { "% and no hex", STATUS, TEXT("JVMRoute=%4g"), PARSE(9) },
        { "% and no hex first", STATUS, TEXT("JVMRoute=a%g4"), PARSE(10) },
        { "% cut by &", STATUS, TEXT("JVMRoute=%4&Load=1"), PARSE(9) },
        { "% in a key", STATUS, TEXT("JVM%zzRoute=a"), PARSE(3) },
        { "NUL", STATUS, TEXT("JVMRoute=a\0b"), PARSE(10) },
        { "NUL as %00", STATUS, TEXT("JVMRoute=a%00b"), PARSE(10) },
        { "CR", STATUS, TEXT("JVMRoute=a\r"), PARSE(10) },
        { "LF", STATUS, TEXT("JVMRoute=a\n"), PARSE(10) },
        { "LF as %0A", STATUS, TEXT("JVMRoute=a%0A"), PARSE(10) },
        { "tab as %09", STATUS, TEXT("JVMRoute=a%09"), PARSE(10) },
        { "0x1f", STATUS, TEXT("JVMRoute=a%1f"), PARSE(10) },
        { "DEL", STATUS, TEXT("JVMRoute=a%7F"), PARSE(10) },
        { "<", STATUS, TEXT("JVMRoute=<"), PARSE(9) },
        { ">", STATUS, TEXT("JVMRoute=>"), PARSE(9) },
        { "quote", STATUS, TEXT("JVMRoute=%22"), PARSE(9) },
        { "apostrophe", STATUS, TEXT("JVMRoute=%27"), PARSE(9) },
        { "< in a key", CONFIG, TEXT("a<b=c&JVMRoute=a"), PARSE(1) },
        { "in a pair that is ignored", CONFIG, TEXT("JVMRoute=a&Foo=%3c"), PARSE(15) },
        { "before anything else is judged", STATUS, TEXT("Foo=1&JVMRoute=a&x"), PARSE(17) },
        { "in CONFIG an empty body", CONFIG, TEXT(""), PARSE(0) },
        { "in CONFIG only &", CONFIG, TEXT("&&"), PARSE(2) },
        { "in CONFIG an empty value", CONFIG, TEXT("JVMRoute=a&Domain="), PARSE(11) },
        { "in CONFIG an empty value of no field", CONFIG, TEXT("JVMRoute=a&Foo="), PARSE(11) },
        { "in CONFIG an empty JVMRoute", CONFIG, TEXT("JVMRoute="), PARSE(0) },
        { "in CONFIG an empty Host", CONFIG, TEXT("JVMRoute=a&&Host=&Port=1"), PARSE(12) },
        { "in CONFIG an empty Alias", CONFIG, TEXT("JVMRoute=a&Alias=&Context=/"), PARSE(11) },
        { "empty alias", ENABLE, TEXT("JVMRoute=a&Alias=&Context=/"), PARSE(11) },
        { "empty context", ENABLE, TEXT("JVMRoute=a&Context=&Alias=b"), PARSE(11) },
        { "empty element first", ENABLE, TEXT("Alias=,b&JVMRoute=a&Context=/"), PARSE(0) },
        { "empty element last", ENABLE, TEXT("JVMRoute=a&Alias=b,&Context=/"), PARSE(11) },
        { "empty element inside", ENABLE, TEXT("JVMRoute=a&Alias=b&Context=/,,/x"), PARSE(19) },
        { "REMOVED is no node's name", CONFIG, TEXT("JVMRoute=REMOVED"), PARSE(0) },
        { "comma in JVMRoute", STATUS, TEXT("JVMRoute=a,b"), PARSE(0) },
        { "bracket in JVMRoute", STATUS, TEXT("JVMRoute=a[b"), PARSE(0) },
        { "other bracket in JVMRoute", STATUS, TEXT("JVMRoute=a%5Db"), PARSE(0) },
        { "blank in JVMRoute", STATUS, TEXT("JVMRoute=a+b"), PARSE(0) },
        { "comma in Domain", CONFIG, TEXT("JVMRoute=a&Domain=a%2Cb"), PARSE(11) },
        { "bracket in Domain", CONFIG, TEXT("JVMRoute=a&Domain=[b"), PARSE(11) },
        { "comma in Balancer", CONFIG, TEXT("JVMRoute=a&Balancer=a,b"), PARSE(11) },
        { "bracket in Balancer", CONFIG, TEXT("JVMRoute=a&Balancer=b]"), PARSE(11) },
        { "blank in the cookie", CONFIG, TEXT("JVMRoute=a&StickySessionCookie=b+c"), PARSE(11) },
        { "comma in the path", CONFIG, TEXT("JVMRoute=a&StickySessionPath=b,c"), PARSE(11) },
        { "comma in Host", CONFIG, TEXT("JVMRoute=a&Host=b,c"), PARSE(11) },
        { "blank in Host", CONFIG, TEXT("JVMRoute=a&Host=b+c"), PARSE(11) },
        { "bracket in Host", CONFIG, TEXT("JVMRoute=a&Host=[::1"), PARSE(11) },
        { "bracket inside brackets", CONFIG, TEXT("JVMRoute=a&Host=[::1]]"), PARSE(11) },
    };
#undef PARSE

    check_rows(rows, COUNT_OF(rows));
}
END_TEST

START_TEST(test_decoder_accepts_odd_but_legal_bodies)
{
    static const row rows[] = {
        { "empty pairs", STATUS, TEXT("&&JVMRoute=a&&Load=1&"), 0, 0, NULL, 0 },
        { "keys in any case", STATUS, TEXT("jvmroute=a&LOAD=1"), 0, 0, NULL, 0 },
        { "escaped key", STATUS, TEXT("%4AVMRoute=a"), 0, 0, NULL, 0 },
        { "no field but ignored", CONFIG, TEXT("JVMRoute=a&Foo=b&Load=x&Scheme=y"), 0, 0, NULL, 0 },
        { "fields of CONFIG in *-APP", ENABLE, TEXT("JVMRoute=a&Alias=b&Context=/&Port=x&Foo="), 0,
          0, NULL, 0 },
        { "REMOVED elsewhere", STATUS, TEXT("JVMRoute=REMOVED"), 0, 0, NULL, 0 },
        { "removed", CONFIG, TEXT("JVMRoute=removed"), 0, 0, NULL, 0 },
        { "blank in Domain", CONFIG, TEXT("JVMRoute=a&Domain=grp+1"), 0, 0, NULL, 0 },
        { "bytes above 0x7f", CONFIG, TEXT("JVMRoute=%c3%a4\xc3\xb6"), 0, 0, NULL, 0 },
        { "INFO ignores any body", MCMP_COMMAND_INFO, TEXT("%"), 0, 0, NULL, 0 },
        { "DUMP ignores any body", MCMP_COMMAND_DUMP, TEXT("<>"), 0, 0, NULL, 0 },
        { "VERSION ignores any body", MCMP_COMMAND_VERSION, TEXT("="), 0, 0, NULL, 0 },
        { "plain PING", PING, TEXT(""), 0, 0, NULL, 0 },
        { "PING with empty pairs", PING, TEXT("&"), 0, 0, NULL, 0 },
        { "PING of a route", PING, TEXT("JVMRoute=a"), 0, 0, NULL, 0 },
        { "PING of an endpoint", PING, TEXT("Host=h&Port=1&Scheme=http"), 0, 0, NULL, 0 },
        { "PING with everything", PING, TEXT("Host=h&JVMRoute=a"), 0, 0, NULL, 0 },
        { "PING with nothing but empty values", PING, TEXT("Host=&JVMRoute=&Port=&Scheme="), 0, 0,
          NULL, 0 },
        { "PING of a wildcard is the store's matter", PING, TEXT("Host=0.0.0.0&Port=1&Scheme=http"),
          0, 0, NULL, 0 },
        { "whole node", REMOVE, TEXT("JVMRoute=a"), 0, 0, NULL, MCMP_REQUEST_WHOLE_NODE },
        { "whole node ignores lists", REMOVE, TEXT("JVMRoute=a&Alias=,&Context="), 0, 0, NULL,
          MCMP_REQUEST_WHOLE_NODE },
    };

    check_rows(rows, COUNT_OF(rows));
}
END_TEST

#define NODE "JVMRoute=a&"
static const row refusal_rows[] = {
    { "unknown command", MCMP_COMMAND_UNKNOWN, TEXT("%"), MCMP_REFUSAL_BAD_COMMAND, 0,
      "SYNTAX: Command is not supported", 0 },
    { "route missing in CONFIG", CONFIG, TEXT("Host=a"), MCMP_REFUSAL_NO_ROUTE, 6,
      "SYNTAX: JVMRoute can't be empty", 0 },
    { "route missing in ENABLE-APP", ENABLE, TEXT("Alias=a&Context=/"), MCMP_REFUSAL_NO_ROUTE, 17,
      NULL, 0 },
    { "empty body in ENABLE-APP", ENABLE, TEXT(""), MCMP_REFUSAL_NO_ROUTE, 0, NULL, 0 },
    { "empty body in REMOVE-APP /*", REMOVE, TEXT(""), MCMP_REFUSAL_NO_ROUTE, 0, NULL,
      MCMP_REQUEST_WHOLE_NODE },
    { "route missing in STATUS", STATUS, TEXT("Load=1"), MCMP_REFUSAL_NO_ROUTE, 6, NULL, 0 },
    { "route empty in STATUS", STATUS, TEXT("JVMRoute="), MCMP_REFUSAL_NO_ROUTE, 9, NULL, 0 },
    { "the last route is empty", STATUS, TEXT("JVMRoute=a&JVMRoute="), MCMP_REFUSAL_NO_ROUTE, 20,
      NULL, 0 },
    { "empty body in STATUS", STATUS, TEXT(""), MCMP_REFUSAL_BAD_FIELD, 0,
      "SYNTAX: Invalid field \"\" in message", 0 },
    { "only & in STATUS", STATUS, TEXT("&"), MCMP_REFUSAL_BAD_FIELD, 1,
      "SYNTAX: Invalid field \"\" in message", 0 },
    { "unknown key in STATUS", STATUS, TEXT(NODE "Foo=b"), MCMP_REFUSAL_BAD_FIELD, 11,
      "SYNTAX: Invalid field \"Foo\" in message", 0 },
    { "key of another command in STATUS", STATUS, TEXT(NODE "Alias=b"), MCMP_REFUSAL_BAD_FIELD, 11,
      "SYNTAX: Invalid field \"Alias\" in message", 0 },
    { "unknown key in PING", PING, TEXT("Type=ajp"), MCMP_REFUSAL_BAD_FIELD, 0,
      "SYNTAX: Invalid field \"Type\" in message", 0 },
    { "a key is escaped", STATUS, TEXT("%C3%A4+b=1"), MCMP_REFUSAL_BAD_FIELD, 0,
      "SYNTAX: Invalid field \"%C3%A4 b\" in message", 0 },
    { "a key is cut at 64 bytes", PING,
      TEXT("12345678901234567890123456789012345678901234567890123456789012345=1"),
      MCMP_REFUSAL_BAD_FIELD, 0,
      "SYNTAX: Invalid field \"1234567890123456789012345678901234567890123456789012345678901234"
      "\" in message",
      0 },
    { "no escape is cut", PING,
      TEXT("12345678901234567890123456789012345678901234567890123456789012%C3=1"),
      MCMP_REFUSAL_BAD_FIELD, 0,
      "SYNTAX: Invalid field \"12345678901234567890123456789012345678901234567890123456789012\""
      " in message",
      0 },
    { "PING: Scheme alone", PING, TEXT("Scheme=http"), MCMP_REFUSAL_MISSING_FIELD, 11,
      "SYNTAX: Mandatory field(s) missing in message", 0 },
    { "PING: Host and Port", PING, TEXT("Host=a&Port=1"), MCMP_REFUSAL_MISSING_FIELD, 13, NULL, 0 },
    { "PING: empty Port", PING, TEXT("Host=a&Port=&Scheme=ws"), MCMP_REFUSAL_MISSING_FIELD, 22,
      NULL, 0 },
    { "PING: unknown scheme", PING, TEXT("Scheme=ftp&Host=a&Port=1"), MCMP_REFUSAL_BAD_SCHEME, 0,
      "SYNTAX: Scheme \"ftp\" is not supported", 0 },
    { "alias without context", ENABLE, TEXT(NODE "Alias=b"), MCMP_REFUSAL_NO_CONTEXT, 18,
      "SYNTAX: Alias without Context", 0 },
    { "context without alias", ENABLE, TEXT(NODE "Context=/"), MCMP_REFUSAL_NO_ALIAS, 20,
      "SYNTAX: Context without Alias", 0 },
    { "alias without context in CONFIG", CONFIG, TEXT(NODE "Alias=b"), MCMP_REFUSAL_NO_CONTEXT, 18,
      NULL, 0 },
    { "context without alias in CONFIG", CONFIG, TEXT(NODE "Context=/"), MCMP_REFUSAL_NO_ALIAS, 20,
      NULL, 0 },
    { "neither", ENABLE, TEXT("JVMRoute=a"), MCMP_REFUSAL_NO_APP, 10,
      "SYNTAX: No Context and Alias in APP command", 0 },
    { "flushwait", CONFIG, TEXT(NODE "flushwait=-1"), MCMP_REFUSAL_BAD_FLUSHWAIT, 11,
      "SYNTAX: Flushwait field has bad value", 0 },
    { "ping", CONFIG, TEXT(NODE "ping=x"), MCMP_REFUSAL_BAD_PING, 11,
      "SYNTAX: Ping field has bad value", 0 },
    { "ttl", CONFIG, TEXT(NODE "ttl=1x"), MCMP_REFUSAL_BAD_TTL, 11,
      "SYNTAX: TTL field has bad value", 0 },
    { "Timeout", CONFIG, TEXT(NODE "Timeout=1+s"), MCMP_REFUSAL_BAD_TIMEOUT, 11,
      "SYNTAX: Timeout field has bad value", 0 },
    { "Host", CONFIG, TEXT(NODE "Host=*"), MCMP_REFUSAL_BAD_HOST, 11,
      "SYNTAX: Host field has bad value", 0 },
    { "Port", CONFIG, TEXT(NODE "Port=0"), MCMP_REFUSAL_BAD_PORT, 11,
      "SYNTAX: Port field has bad value", 0 },
    { "Type", CONFIG, TEXT(NODE "Type=ftp"), MCMP_REFUSAL_BAD_TYPE, 11,
      "SYNTAX: Type field has bad value", 0 },
    { "Load", STATUS, TEXT(NODE "Load=101"), MCMP_REFUSAL_BAD_LOAD, 11,
      "SYNTAX: Load field has bad value", 0 },
    { "empty Load", STATUS, TEXT(NODE "Load="), MCMP_REFUSAL_BAD_LOAD, 11, NULL, 0 },
    { "each occurrence is checked", STATUS, TEXT(NODE "Load=x&Load=1"), MCMP_REFUSAL_BAD_LOAD, 11,
      NULL, 0 },
    { "also after a good one", STATUS, TEXT(NODE "Load=1&Load=x"), MCMP_REFUSAL_BAD_LOAD, 18, NULL,
      0 },
};

START_TEST(test_decoder_tells_each_refusal_by_its_row)
{

    check_rows(refusal_rows, COUNT_OF(refusal_rows));
}
END_TEST

/* Two faults in one body: which one is told (MCMP 1, order of judgement). */
START_TEST(test_decoder_judges_in_the_order_of_the_contract)
{
#define LONG_ROUTE "JVMRoute=1234567890123456789012345678901234567890123456789012345678901234"
    static const row rows[] = {
        { "walker before unknown key", STATUS, TEXT("Foo=1&x"), MCMP_REFUSAL_PARSE, 6, NULL, 0 },
        { "walker before length", CONFIG, TEXT(LONG_ROUTE "&x=%"), MCMP_REFUSAL_PARSE, 76, NULL,
          0 },
        { "walker before missing route", CONFIG, TEXT("Host=a&=b"), MCMP_REFUSAL_PARSE, 7, NULL,
          0 },
        { "first pair first: form before unknown key", STATUS, TEXT("Load=x&Foo=1"),
          MCMP_REFUSAL_BAD_LOAD, 0, NULL, 0 },
        { "first pair first: unknown key before form", STATUS, TEXT("Foo=1&Load=x"),
          MCMP_REFUSAL_BAD_FIELD, 0, NULL, 0 },
        { "first pair first: form before length", CONFIG, TEXT("ping=x&" LONG_ROUTE),
          MCMP_REFUSAL_BAD_PING, 0, NULL, 0 },
        { "first pair first: length before form", CONFIG, TEXT(LONG_ROUTE "&ping=x"),
          MCMP_REFUSAL_BIG_ROUTE, 0, NULL, 0 },
        { "empty value before the next pair's length", CONFIG, TEXT("Domain=&" LONG_ROUTE),
          MCMP_REFUSAL_PARSE, 0, NULL, 0 },
        { "in one pair: unknown key before empty value", PING, TEXT("Foo="), MCMP_REFUSAL_BAD_FIELD,
          0, NULL, 0 },
        { "in one pair: length before form", CONFIG, TEXT("JVMRoute=a&Type=no-such-type-at-all"),
          MCMP_REFUSAL_BIG_TYPE, 11, NULL, 0 },
        { "in one pair: length of Host before its form", CONFIG,
          TEXT("JVMRoute=a&Host=,234567890123456789012345678901234567890123456789012345678901234"),
          MCMP_REFUSAL_BIG_HOST, 11, NULL, 0 },
        { "in one list: length before an empty element", ENABLE,
          TEXT("JVMRoute=a&Alias=b&Context=,/2345678901234567890123456789012345678901234567890123"
               "4567890123456789012345678901"),
          MCMP_REFUSAL_BIG_CONTEXT, 19, NULL, 0 },
        { "any pair before the missing route", CONFIG, TEXT("Port=x"), MCMP_REFUSAL_BAD_PORT, 0,
          NULL, 0 },
        { "empty element before the missing route", ENABLE, TEXT("Alias="), MCMP_REFUSAL_PARSE, 0,
          NULL, 0 },
        { "missing route before the pairing", ENABLE, TEXT("Alias=a"), MCMP_REFUSAL_NO_ROUTE, 7,
          NULL, 0 },
        { "missing route before neither", ENABLE, TEXT("Foo=a"), MCMP_REFUSAL_NO_ROUTE, 5, NULL,
          0 },
        { "a bad scheme before missing fields", PING, TEXT("Scheme=x"), MCMP_REFUSAL_BAD_SCHEME, 0,
          NULL, 0 },
        { "a bad scheme also when JVMRoute alone counts", PING, TEXT("JVMRoute=a&Scheme=x"),
          MCMP_REFUSAL_BAD_SCHEME, 11, NULL, 0 },
    };

    check_rows(rows, COUNT_OF(rows));
}
END_TEST

START_TEST(test_decoder_shows_the_culprit)
{
    result r = decode_bytes(STATUS, 0, span_of("JVMRoute=a&F%C3o=b"));

    ck_assert_int_eq(r.refusal, MCMP_REFUSAL_BAD_FIELD);
    row_text("raw bytes of the key", mcmp_decoder_culprit(decoder), "F\xc3o");
    row_text("field of the error", span_of(r.err.field), "F%C3o");
    r = decode_bytes(PING, 0, span_of("Scheme=gopher"));
    row_text("scheme", mcmp_decoder_culprit(decoder), "gopher");
    r = decode_bytes(PING, 0, span_of("x"));
    row_text("forgotten", mcmp_decoder_culprit(decoder), "");
    row_text("field of a bad pair", span_of(decode_bytes(CONFIG, 0, span_of("TTL=x")).err.field),
             "TTL");
}
END_TEST

/* Repeats: lists grow, other keys take the last value (MCMP 1). */
START_TEST(test_decoder_takes_the_last_of_repeated_keys)
{
    result r =
        decode_bytes(CONFIG, 0,
                     span_of("JVMRoute=a&Port=1&jvmroute=b&smax=x&PORT=2&smax=7&"
                             "StickySession=no&StickySession=perhaps&Balancer=X&Balancer=y"));

    ck_assert_int_eq(r.rc, MCMP_OK);
    row_text("route", r.command->jvm_route, "b");
    row_int("port", r.command->port, 2);
    row_int("smax", r.command->smax, 7);
    row_int("defaulted", r.command->defaulted, MCMP_FIELD_STICKY);
    row_int("flags", r.command->flags, MCMP_COMMAND_STICKY | MCMP_COMMAND_STICKY_FORCE);
    row_text("balancer", r.command->balancer, "y");
}
END_TEST

/* Each element once, in order of appearance, in canonical form. */
static void join(char *out, size_t size, const mcmp_span *items, size_t count)
{
    size_t len = 0;

    out[0] = '\0';
    for (size_t i = 0; i < count; i++)
        len += (size_t)snprintf(out + len, size - len, "%s%.*s", i > 0 ? " " : "",
                                (int)items[i].len, items[i].ptr);
}

START_TEST(test_decoder_collects_alias_and_context_lists)
{
    static const struct {
        const char *name;
        const char *body;
        const char *aliases;
        const char *contexts;
    } rows[] = {
        { "one each", "JVMRoute=a&Alias=b&Context=/c", "b", "/c" },
        { "comma lists", "JVMRoute=a&Alias=b%2Cc,d&Context=%2F,/x", "b c d", "/ /x" },
        { "repeats add", "Alias=b&JVMRoute=a&Context=/x&Alias=c,d&Context=/", "b c d", "/x /" },
        { "the same counts once", "JVMRoute=a&Alias=b,c,b&alias=C&Context=/,/x,/x/,/", "b c",
          "/ /x" },
        { "aliases are lower-cased, contexts not", "JVMRoute=a&Alias=B.Example&Context=/Ab,/ab",
          "b.example", "/Ab /ab" },
        { "trailing slashes go", "JVMRoute=a&Alias=b&Context=/x/,/y//,//,z/", "b", "/x /y / z" },
        { "root anywhere", "JVMRoute=a&Alias=b&Context=/x,/,/y", "b", "/x / /y" },
        { "without a slash at the front", "JVMRoute=a&Alias=b&Context=x", "b", "x" },
    };
    static const uint32_t commands[] = { CONFIG, ENABLE, MCMP_COMMAND_DISABLE_APP,
                                         MCMP_COMMAND_STOP_APP, REMOVE };
    char text[256];

    for (size_t i = 0; i < COUNT_OF(rows); i++)
        for (size_t k = 0; k < COUNT_OF(commands); k++) {
            result r = decode_bytes(commands[k], 0, span_of(rows[i].body));

            row_code(rows[i].name, r.rc, MCMP_OK);
            row_int(rows[i].name, r.command->kind, commands[k]);
            join(text, sizeof(text), r.command->aliases, r.command->alias_count);
            row_text(rows[i].name, span_of(text), rows[i].aliases);
            join(text, sizeof(text), r.command->contexts, r.command->context_count);
            row_text(rows[i].name, span_of(text), rows[i].contexts);
        }
}
END_TEST

/* 1 MiB of elements: half of them repeats, far apart. */
START_TEST(test_decoder_finds_repeats_in_huge_lists)
{
    size_t cap = 1 << 20;
    char *body = malloc(cap);
    size_t len = (size_t)snprintf(body, cap, "JVMRoute=a&Context=/&Alias=x");
    size_t count = 100000;
    result r;

    for (size_t i = 0; i < count; i++)
        len += (size_t)snprintf(body + len, cap - len, ",%zx", i % (count / 2));
    ck_assert_uint_lt(len, cap - 1);
    r = decode_bytes(ENABLE, 0, (mcmp_span){ body, len });
    ck_assert_int_eq(r.rc, MCMP_OK);
    ck_assert_uint_eq(r.command->alias_count, count / 2 + 1);
    for (size_t i = 0; i < count / 2; i += 997) {
        char want[20];

        (void)snprintf(want, sizeof(want), "%zx", i);
        row_text("in order", r.command->aliases[i + 1], want);
    }
    r = decode_bytes(ENABLE, 0, span_of("JVMRoute=a&Context=/&Alias=x,y"));
    ck_assert_uint_eq(r.command->alias_count, 2);
    free(body);
}
END_TEST

START_TEST(test_decoder_marks_the_whole_node)
{
    result r = decode_bytes(MCMP_COMMAND_STOP_APP, MCMP_REQUEST_WHOLE_NODE,
                            span_of("JVMRoute=a&Alias=b&Context=/"));

    ck_assert_uint_eq(r.command->flags & MCMP_COMMAND_WHOLE_NODE, MCMP_COMMAND_WHOLE_NODE);
    ck_assert_uint_eq(r.command->alias_count + r.command->context_count, 0);
    ck_assert_uint_eq(r.command->given, MCMP_FIELD_JVMROUTE);
    r = decode_bytes(CONFIG, MCMP_REQUEST_WHOLE_NODE, span_of("JVMRoute=a&Alias=b&Context=/"));
    ck_assert_uint_eq(r.command->flags & MCMP_COMMAND_WHOLE_NODE, 0);
    ck_assert_uint_eq(r.command->alias_count, 1);
}
END_TEST

START_TEST(test_decoder_decodes_the_recorded_session)
{
    golden_session session;

    golden_load(&session);
    for (size_t i = 0; i < session.count; i++) {
        mcmp_span head = { session.requests[i].bytes, 0 };
        mcmp_span body = { head.ptr + session.requests[i].head_len,
                           session.requests[i].len - session.requests[i].head_len };
        mcmp_span target;
        result r;

        while (head.ptr[head.len] != ' ')
            head.len++;
        target.ptr = head.ptr + head.len + 1;
        target.len = target.ptr[1] == '*' ? 2 : 1;
        r = decode_bytes(mcmp_command_of_method(head), mcmp_request_flags(target, span_of("")),
                         body);
        ck_assert_msg(r.rc == MCMP_OK, "request %zu: %s", i, r.err.message);
        if (body.len > 0)
            row_text("route", r.command->jvm_route, "t1");
        if (r.command->kind == CONFIG) {
            row_int("port", r.command->port, 18009);
            row_int("flags", r.command->flags, MCMP_COMMAND_STICKY);
        }
        if ((r.command->given & MCMP_FIELD_ALIAS) != 0) {
            row_int("aliases", r.command->alias_count, 3);
            row_text("second alias", r.command->aliases[1], "t1.example");
        }
    }
    golden_free(&session);
}
END_TEST

static int decode_once(const mcmp_allocator *allocator, void *ctx)
{
    static const char body[] =
        "JVMRoute=a&Alias=1,2,3,4,5,6,7,8,9,a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t,u,v,w,x,y,z"
        "&Context=/1,/2,/3,/4,/5,/6,/7,/8,/9,/a,/b,/c,/d,/e,/f,/g,/h,/i,/j,/k";
    mcmp_decoder *own = NULL;
    const mcmp_command *command = NULL;
    mcmp_request request;
    int rc = mcmp_decoder_new(&own, NULL, allocator, NULL);

    (void)ctx;
    if (rc != MCMP_OK)
        return rc;
    mcmp_request_init(&request);
    request.command = ENABLE;
    request.body = span_of(body);
    rc = mcmp_decoder_decode(own, &request, &command, NULL, NULL);
    ck_assert((rc == MCMP_OK) == (command != NULL));
    mcmp_decoder_free(own);
    return rc;
}

START_TEST(test_decoder_survives_any_failed_allocation)
{
    run_with_oom("decode", decode_once, NULL);
    mcmp_decoder_free(NULL);
}
END_TEST

START_TEST(test_decoder_allocates_nothing_once_it_has_grown)
{
    test_heap heap;
    mcmp_decoder *own = NULL;
    const mcmp_command *command;
    mcmp_request request;
    size_t calls = 0;

    test_heap_init(&heap, 0);
    ck_assert_int_eq(mcmp_decoder_new(&own, NULL, &heap.allocator, NULL), MCMP_OK);
    mcmp_request_init(&request);
    request.command = ENABLE;
    request.body = span_of("JVMRoute=a&Alias=b,c&Context=/d,/e");
    for (int i = 0; i < 3; i++) {
        if (i == 1)
            calls = heap.calls;
        ck_assert_int_eq(mcmp_decoder_decode(own, &request, &command, NULL, NULL), MCMP_OK);
    }
    ck_assert_uint_eq(heap.calls, calls);
    mcmp_decoder_free(own);
}
END_TEST

/* Hosts that parse HTTP by themselves may be older or newer than the library. */
START_TEST(test_decoder_and_response_check_the_size_of_a_request)
{
    struct {
        mcmp_request request;
        uint64_t tail;
    } newer;
    const mcmp_command *command = NULL;
    mcmp_response *response = NULL;

    ck_assert_int_eq(mcmp_response_new(&response, NULL, NULL), MCMP_OK);
    mcmp_request_init_sized(&newer.request, sizeof(newer));
    newer.request.command = STATUS;
    newer.request.body = span_of("JVMRoute=a");
    ck_assert_int_eq(mcmp_decoder_decode(decoder, &newer.request, &command, NULL, NULL), MCMP_OK);
    row_text("route", command->jvm_route, "a");
    ck_assert_int_eq(mcmp_response_begin(response, &newer.request, NULL), MCMP_OK);
    ck_assert_int_eq(mcmp_response_end(response), MCMP_OK);
    newer.tail = 1;
    ck_assert_int_eq(mcmp_decoder_decode(decoder, &newer.request, &command, NULL, NULL),
                     MCMP_ERR_UNSUPPORTED);
    ck_assert_int_eq(mcmp_response_begin(response, &newer.request, NULL), MCMP_ERR_UNSUPPORTED);
    newer.request.struct_size = 0;
    ck_assert_int_eq(mcmp_decoder_decode(decoder, &newer.request, &command, NULL, NULL),
                     MCMP_ERR_INVALID);
    ck_assert_int_eq(mcmp_response_refuse(response, &newer.request, MCMP_REFUSAL_PARSE, NULL, 0),
                     MCMP_ERR_INVALID);
    ck_assert_uint_eq(mcmp_response_status(response), 200); /* still the answer before */
    mcmp_response_free(response);
}
END_TEST

/* Each change makes another request of it, or asks for something else. */
START_TEST(test_decoder_hands_out_only_what_was_decoded_from_this_request)
{
    static const char body[] = "JVMRoute=abc&Alias=h&Context=/";
    static const char *const names[] = { "nothing changed", "no decoder", "command",
                                         "whole node",      "place",      "length",
                                         "other limits",    "older host" };
    char copy[sizeof(body)];

    memcpy(copy, body, sizeof(body));
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        mcmp_command_limits limits;
        mcmp_decoder *other = NULL;
        const mcmp_command *first = NULL;
        const mcmp_command *command = NULL;
        mcmp_request request;

        mcmp_command_limits_init(&limits);
        mcmp_request_init(&request);
        request.command = ENABLE;
        request.body = span_of(body);
        ck_assert_int_eq(mcmp_decoder_decode(decoder, &request, &first, NULL, NULL), MCMP_OK);
        request.decoded = i == 1 ? NULL : decoder;
        request.command = i == 2 ? MCMP_COMMAND_STOP_APP : ENABLE;
        request.flags = i == 3 ? MCMP_REQUEST_WHOLE_NODE : 0;
        request.body.ptr = i == 4 ? copy : body;
        request.body.len -= i == 5 ? sizeof("&Alias=h&Context=/") - 1 : 0;
        limits.jvm_route = i == 6 ? 2 : 0;
        if (i == 7)
            request.struct_size = offsetof(mcmp_request, decoded);
        ck_assert_int_eq(mcmp_decoder_new(&other, &limits, NULL, NULL), MCMP_OK);
        row_code(names[i], mcmp_decoder_decode(other, &request, &command, NULL, NULL),
                 i == 5 || i == 6 ? MCMP_ERR_SYNTAX : MCMP_OK);
        row_int(names[i], command == first, i == 0);
        row_true(names[i], (mcmp_request_command(&request, NULL) == first) == (i == 0 || i == 6));
        if (command != NULL)
            row_text(names[i], command->jvm_route, "abc");
        mcmp_decoder_free(other);
    }
}
END_TEST

START_TEST(test_decoder_tells_bytes_outside_of_ascii)
{
    static const struct {
        const char *name;
        mcmp_span body;
        uint32_t want;
    } rows[] = {
        { "plain", TEXT("JVMRoute=a&Domain=b ~%20%7e+"), 0 },
        { "a byte", TEXT("JVMRoute=\x80"), MCMP_COMMAND_NOT_ASCII },
        { "the greatest", TEXT("JVMRoute=abcdefghijklmnopqrstuvwxyz\xff"), MCMP_COMMAND_NOT_ASCII },
        { "an escape", TEXT("JVMRoute=%c3%a4"), MCMP_COMMAND_NOT_ASCII },
        { "in a list", TEXT("JVMRoute=a&Alias=b,\xc3\xa4&Context=/"), MCMP_COMMAND_NOT_ASCII },
        { "in a key",
          TEXT("JVMRoute=a&\xe4"
               "=1"),
          MCMP_COMMAND_NOT_ASCII },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        result r = decode_bytes(CONFIG, 0, rows[i].body);

        row_code(rows[i].name, r.rc, MCMP_OK);
        row_int(rows[i].name, r.command->flags & MCMP_COMMAND_NOT_ASCII, rows[i].want);
    }
}
END_TEST

START_TEST(test_decoder_computes_the_message_limit)
{
    static const struct {
        const char *name;
        uint32_t aliases;
        uint32_t contexts;
        uint64_t want;
    } rows[] = {
        { "nothing", 0, 0, 1024 },
        { "just below the floor", 3, 2, 1024 },
        { "just above the floor", 3, 3, 9 + 64 + 3 * 255 + 7 + 3 * 80 + 8 },
        { "httpd's defaults", 20, 100, 9 + 64 + 20 * 255 + 7 + 100 * 80 + 8 },
        { "at the cap", 4000, 1000, 1 << 20 },
        { "no overflow", UINT32_MAX, UINT32_MAX, 1 << 20 },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++)
        row_int(rows[i].name, mcmp_message_limit(rows[i].aliases, rows[i].contexts), rows[i].want);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_decoder_refuses_bodies_that_are_no_pairs,
        test_decoder_accepts_odd_but_legal_bodies,
        test_decoder_tells_each_refusal_by_its_row,
        test_decoder_judges_in_the_order_of_the_contract,
        test_decoder_shows_the_culprit,
        test_decoder_takes_the_last_of_repeated_keys,
        test_decoder_collects_alias_and_context_lists,
        test_decoder_finds_repeats_in_huge_lists,
        test_decoder_marks_the_whole_node,
        test_decoder_decodes_the_recorded_session,
        test_decoder_survives_any_failed_allocation,
        test_decoder_allocates_nothing_once_it_has_grown,
        test_decoder_and_response_check_the_size_of_a_request,
        test_decoder_hands_out_only_what_was_decoded_from_this_request,
        test_decoder_tells_bytes_outside_of_ascii,
        test_decoder_computes_the_message_limit,
    };
    int rc;

    if (mcmp_decoder_new(&decoder, NULL, NULL, NULL) != MCMP_OK)
        return 1;
    rc = run_tests("decoder", tests, COUNT_OF(tests));
    mcmp_decoder_free(decoder);
    return rc;
}
