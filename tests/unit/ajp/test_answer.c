/* SPDX-License-Identifier: Apache-2.0 */
/* What the container role sends, byte for byte, and what it refuses to send (AJP13 3). */
#include "serving.h"

#define REQ(method) "P[02 " method " n s'/a' n n n 0050 00 "
#define GET REQ("02") "0000 FF]"
#define POST REQ("04") "0001 A008 s'9' FF]"
#define CHUNKED REQ("04") "0001 s'transfer-encoding' s'chunked' FF]"

/* A container with an open exchange, of which the head was told. */
static void begin(server *v, const char *request)
{
    const wire *w = wire_of(request);
    mcmp_ajp_event event;
    size_t used;

    server_open(v, NULL);
    mcmp_ajp_event_init(&event);
    ck_assert_int_eq(mcmp_ajp_container_feed(v->container, w->bytes, w->len, &used, &event, NULL),
                     MCMP_OK);
    ck_assert_uint_eq(event.type, MCMP_AJP_EVENT_HEAD);
}

typedef struct head_row {
    const char *name;
    uint32_t status;
    mcmp_pair lines[4];
    size_t count;
    int code;
    const char *want;
} head_row;

static const head_row heads[] = {
    { "nothing but a status",
      200,
      { { TEXT(""), TEXT("") } },
      0,
      MCMP_OK,
      "C[04 00C8 s'200' 0000]" },
    { "the highest status", 599, { { TEXT(""), TEXT("") } }, 0, MCMP_OK, "C[04 0257 s'599' 0000]" },
    { "codes, in any case",
      200,
      { { TEXT("content-type"), TEXT("a/b") },
        { TEXT("Set-Cookie"), TEXT("c=d") },
        { TEXT("WWW-AUTHENTICATE"), TEXT("x") },
        { TEXT("Content-Length"), TEXT("0") } },
      4,
      MCMP_OK,
      "C[04 00C8 s'200' 0004 A001 s'a/b' A007 s'c=d' A00B s'x' A003 s'0']" },
    { "the other codes",
      200,
      { { TEXT("Content-Language"), TEXT("1") },
        { TEXT("Date"), TEXT("2") },
        { TEXT("Last-Modified"), TEXT("3") },
        { TEXT("Location"), TEXT("4") } },
      4,
      MCMP_OK,
      "C[04 00C8 s'200' 0004 A002 s'1' A004 s'2' A005 s'3' A006 s'4']" },
    { "the last codes",
      200,
      { { TEXT("Set-Cookie2"), TEXT("1") },
        { TEXT("Servlet-Engine"), TEXT("2") },
        { TEXT("Status"), TEXT("3") } },
      3,
      MCMP_OK,
      "C[04 00C8 s'200' 0003 A008 s'1' A009 s'2' A00A s'3']" },
    { "strings",
      404,
      { { TEXT("X-A"), TEXT("") }, { TEXT("x-a"), TEXT("caf\xe9\t") } },
      2,
      MCMP_OK,
      "C[04 0194 s'404' 0002 s'X-A' s'' s'x-a' 0005 'caf' E9 09 00]" },
    { "status 199", 199, { { TEXT(""), TEXT("") } }, 0, MCMP_ERR_INVALID, NULL },
    { "status 101", 101, { { TEXT(""), TEXT("") } }, 0, MCMP_ERR_INVALID, NULL },
    { "status 600", 600, { { TEXT(""), TEXT("") } }, 0, MCMP_ERR_INVALID, NULL },
    { "a name that is no token", 200, { { TEXT("A B"), TEXT("") } }, 1, MCMP_ERR_INVALID, NULL },
    { "an empty name", 200, { { TEXT(""), TEXT("x") } }, 1, MCMP_ERR_INVALID, NULL },
    { "LF in a value", 200, { { TEXT("A"), TEXT("x\ny") } }, 1, MCMP_ERR_INVALID, NULL },
    { "NUL in a value", 200, { { TEXT("A"), TEXT("x\0y") } }, 1, MCMP_ERR_INVALID, NULL },
    { "Connection", 200, { { TEXT("Connection"), TEXT("close") } }, 1, MCMP_ERR_INVALID, NULL },
    { "Transfer-Encoding",
      200,
      { { TEXT("transfer-encoding"), TEXT("x") } },
      1,
      MCMP_ERR_INVALID,
      NULL },
    { "Keep-Alive", 200, { { TEXT("keep-alive"), TEXT("x") } }, 1, MCMP_ERR_INVALID, NULL },
    { "Upgrade", 200, { { TEXT("Upgrade"), TEXT("x") } }, 1, MCMP_ERR_INVALID, NULL },
    { "a length that is none",
      200,
      { { TEXT("Content-Length"), TEXT("1x") } },
      1,
      MCMP_ERR_INVALID,
      NULL },
    { "two lengths",
      200,
      { { TEXT("Content-Length"), TEXT("1") }, { TEXT("content-length"), TEXT("1") } },
      2,
      MCMP_ERR_INVALID,
      NULL },
};

START_TEST(heads_are_written_byte_for_byte)
{
    for (size_t i = 0; i < COUNT_OF(heads); i++) {
        const head_row *row = &heads[i];
        size_t want = row->want != NULL ? wire_of(row->want)->len : 1;
        server v;

        begin(&v, GET);
        for (size_t room = 0; room <= want; room++) {
            const wire *w = row->want != NULL ? wire_of(row->want) : NULL;
            guard out = guard_copy(heads, room);
            mcmp_span got = { out.ptr, 77 };
            int rc = mcmp_ajp_container_encode_head(v.container, row->status, row->lines,
                                                    row->count, out.ptr, room, &got.len, NULL);

            if (w == NULL) {
                row_code(row->name, rc, row->code);
                row_int(row->name, got.len, 77);
            } else {
                row_code(row->name, rc, room < want ? MCMP_ERR_SPACE : MCMP_OK);
                row_int(row->name, got.len, want);
            }
            if (rc == MCMP_OK)
                row_bytes(row->name, got, w->bytes, w->len);
            guard_free(&out);
        }
        mcmp_ajp_container_free(v.container);
    }
}
END_TEST

START_TEST(a_head_over_max_packet_is_an_error_that_names_it)
{
    static char value[9000];
    mcmp_pair line = { TEXT("X"), { value, 0 } };
    static char out[9000];
    mcmp_error err;
    size_t len;
    server v;

    memset(value, 'v', sizeof(value));
    mcmp_error_init(&err);
    begin(&v, GET);
    line.value.len = 8192 - 21;
    ck_assert_int_eq(
        mcmp_ajp_container_encode_head(v.container, 200, &line, 1, out, sizeof(out), &len, &err),
        MCMP_ERR_AJP_SIZE);
    ck_assert_str_eq(err.field, "max_packet");
    line.value.len--;
    ck_assert_int_eq(
        mcmp_ajp_container_encode_head(v.container, 200, &line, 1, out, sizeof(out), &len, &err),
        MCMP_OK);
    ck_assert_uint_eq(len, 8192);
    mcmp_ajp_container_free(v.container);
    begin(&v, GET);
    ck_assert_int_eq(
        mcmp_ajp_container_encode_head(v.container, 200, &line, 101, out, sizeof(out), &len, &err),
        MCMP_ERR_AJP_SIZE);
    ck_assert_str_eq(err.field, "max_headers");
    mcmp_ajp_container_free(v.container);
}
END_TEST

static int send_head(server *v, uint32_t status, const char *length)
{
    const mcmp_pair line = { TEXT("Content-Length"), span_of(length != NULL ? length : "") };
    char out[64];
    size_t len;

    return mcmp_ajp_container_encode_head(v->container, status, &line, length != NULL, out,
                                          sizeof(out), &len, NULL);
}

static int send_end(server *v, uint32_t reuse, char *out)
{
    size_t len;

    return mcmp_ajp_container_encode_end(v->container, reuse, out, 6, &len, NULL);
}

static int chunk(server *v, size_t len, mcmp_ajp_frame *frame)
{
    mcmp_ajp_frame_init(frame);
    return mcmp_ajp_container_encode_body(v->container, len, frame, NULL);
}

START_TEST(content_goes_in_chunks_with_a_nul_behind)
{
    mcmp_ajp_frame frame;
    char out[6];
    server v;

    begin(&v, GET);
    ck_assert_int_eq(send_head(&v, 200, NULL), MCMP_OK);
    ck_assert_int_eq(chunk(&v, 3, &frame), MCMP_OK);
    ck_assert_uint_eq(frame.take, 3);
    ck_assert_uint_eq(frame.head_len, 7);
    ck_assert_uint_eq(frame.tail_len, 1);
    ck_assert_int_eq(memcmp(frame.head, "AB\0\x07\x03\0\x03", 7), 0);
    ck_assert_int_eq(chunk(&v, 0, &frame), MCMP_OK); /* flush */
    ck_assert_uint_eq(frame.take, 0);
    ck_assert_int_eq(memcmp(frame.head, "AB\0\x04\x03\0\0", 7), 0);
    ck_assert_int_eq(chunk(&v, 100000, &frame), MCMP_OK);
    ck_assert_uint_eq(frame.take, 8184); /* max_packet - 8 */
    ck_assert_int_eq(memcmp(frame.head, "AB\x1f\xfc\x03\x1f\xf8", 7), 0);
    ck_assert_int_eq(send_end(&v, 1, out), MCMP_OK);
    ck_assert_int_eq(memcmp(out, "AB\0\x02\x05\x01", 6), 0);
    ck_assert_int_eq(chunk(&v, 1, &frame), MCMP_ERR_STATE);
    mcmp_ajp_container_free(v.container);
}
END_TEST

START_TEST(a_content_length_is_kept_to_the_byte)
{
    mcmp_ajp_frame frame;
    char out[6];
    server v;

    begin(&v, GET);
    ck_assert_int_eq(chunk(&v, 1, &frame), MCMP_ERR_STATE);
    ck_assert_int_eq(send_end(&v, 1, out), MCMP_ERR_STATE);
    ck_assert_int_eq(send_head(&v, 200, "5"), MCMP_OK);
    ck_assert_int_eq(send_head(&v, 200, "5"), MCMP_ERR_STATE);
    ck_assert_int_eq(chunk(&v, 6, &frame), MCMP_ERR_AJP_LENGTH);
    ck_assert_int_eq(chunk(&v, 3, &frame), MCMP_OK);
    ck_assert_int_eq(send_end(&v, 1, out), MCMP_ERR_AJP_LENGTH);
    ck_assert_int_eq(send_end(&v, 0, out), MCMP_ERR_AJP_LENGTH);
    ck_assert_int_eq(chunk(&v, 3, &frame), MCMP_ERR_AJP_LENGTH);
    ck_assert_int_eq(chunk(&v, 2, &frame), MCMP_OK);
    ck_assert_int_eq(chunk(&v, 0, &frame), MCMP_OK);
    ck_assert_int_eq(send_end(&v, 0, out), MCMP_OK);
    ck_assert_int_eq(out[5], 0);
    mcmp_ajp_container_free(v.container);
}
END_TEST

START_TEST(answers_without_a_body_get_none)
{
    static const struct {
        const char *name;
        const char *request;
        uint32_t status;
    } rows[] = {
        { "HEAD", REQ("03") "0000 FF]", 200 },
        { "HEAD by name", REQ("FF") "0000 0D s'HEAD' FF]", 200 },
        { "204", GET, 204 },
        { "304", GET, 304 },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        mcmp_ajp_frame frame;
        char out[6];
        server v;

        begin(&v, rows[i].request);
        row_code(rows[i].name, send_head(&v, rows[i].status, "5"), MCMP_OK);
        row_code(rows[i].name, chunk(&v, 5, &frame), MCMP_ERR_STATE);
        row_code(rows[i].name, chunk(&v, 0, &frame), MCMP_OK);
        row_code(rows[i].name, send_end(&v, 1, out), MCMP_OK);
        mcmp_ajp_container_free(v.container);
    }
}
END_TEST

static int ask(server *v, uint32_t most, const char *want)
{
    char out[8];
    size_t len = 0;
    int rc = mcmp_ajp_container_encode_get_body(v->container, most, out, sizeof(out), &len, NULL);

    if (rc == MCMP_OK)
        row_bytes("Get Body Chunk", ((mcmp_span){ out, len }), wire_of(want)->bytes, (size_t)7);
    return rc;
}

START_TEST(a_body_is_asked_for_once_at_a_time)
{
    static story s;
    char out[8];
    size_t len;
    server v;

    begin(&v, CHUNKED);
    v.early = 1;
    ck_assert(mcmp_ajp_container_wants_body(v.container));
    ck_assert_int_eq(mcmp_ajp_container_encode_get_body(v.container, 0, out, 6, &len, NULL),
                     MCMP_ERR_SPACE);
    ck_assert_uint_eq(len, 7);
    ck_assert_int_eq(ask(&v, 65534, ""), MCMP_ERR_INVALID);
    ck_assert_int_eq(ask(&v, 0, "C[06 1FFA]"), MCMP_OK);
    ck_assert(!mcmp_ajp_container_wants_body(v.container));
    ck_assert_int_eq(ask(&v, 0, ""), MCMP_ERR_STATE);
    ck_assert_int_eq(server_feed(&v, &s, "\x12\x34\0\x03\0\x01x", 7, NULL), MCMP_NEED_MORE);
    ck_assert_int_eq(ask(&v, 65533, "C[06 FFFD]"), MCMP_OK);
    mcmp_ajp_container_free(v.container);
    begin(&v, POST); /* the first packet comes unasked */
    ck_assert(!mcmp_ajp_container_wants_body(v.container));
    ck_assert_int_eq(ask(&v, 0, ""), MCMP_ERR_STATE);
    mcmp_ajp_container_free(v.container);
    begin(&v, GET); /* allowed without a body, too: the answer is an empty packet */
    ck_assert(!mcmp_ajp_container_wants_body(v.container));
    ck_assert_int_eq(ask(&v, 1, "C[06 0001]"), MCMP_OK);
    mcmp_ajp_container_free(v.container);
    server_open(&v, NULL);
    ck_assert_int_eq(ask(&v, 0, ""), MCMP_ERR_STATE);
    ck_assert_int_eq(send_head(&v, 200, NULL), MCMP_ERR_STATE);
    ck_assert_int_eq(mcmp_ajp_container_encode_pong(v.container, out, sizeof(out), &len, NULL),
                     MCMP_ERR_STATE);
    mcmp_ajp_container_free(v.container);
}
END_TEST

START_TEST(asking_behind_the_end_of_a_body_gives_no_event)
{
    char out[6];
    server v;

    begin(&v, GET);
    ck_assert_int_eq(ask(&v, 0, "C[06 1FFA]"), MCMP_OK);
    {
        mcmp_ajp_event event;
        size_t used;

        mcmp_ajp_event_init(&event);
        ck_assert_int_eq(mcmp_ajp_container_feed(v.container, "", 0, &used, &event, NULL), MCMP_OK);
        ck_assert_uint_eq(event.type, MCMP_AJP_EVENT_END);
        ck_assert_int_eq(
            mcmp_ajp_container_feed(v.container, "\x12\x34\0\x02\0\0", 6, &used, &event, NULL),
            MCMP_NEED_MORE);
        ck_assert_uint_eq(used, 6);
    }
    ck_assert_int_eq(send_head(&v, 200, NULL), MCMP_OK);
    ck_assert_int_eq(send_end(&v, 1, out), MCMP_OK);
    ck_assert_ptr_null(mcmp_ajp_container_request(v.container));
    mcmp_ajp_container_free(v.container);
}
END_TEST

START_TEST(every_code_has_a_status_or_none)
{
    static const struct {
        int code;
        uint32_t status;
    } codes[] = {
        { MCMP_ERR_AJP_PACKET, 0 },      { MCMP_ERR_AJP_STRING, 0 },   { MCMP_ERR_AJP_HEADER, 400 },
        { MCMP_ERR_AJP_METHOD, 400 },    { MCMP_ERR_AJP_SIZE, 431 },   { MCMP_ERR_AJP_LENGTH, 400 },
        { MCMP_ERR_AJP_ATTRIBUTE, 403 }, { MCMP_ERR_AJP_SECRET, 403 }, { MCMP_ERR_AJP_TARGET, 400 },
        { MCMP_ERR_AJP_FRAMING, 400 },   { MCMP_ERR_STATE, 0 },        { MCMP_OK, 0 },
    };

    for (size_t i = 0; i < COUNT_OF(codes); i++)
        row_int(mcmp_error_name(codes[i].code), mcmp_ajp_container_status_of(codes[i].code),
                codes[i].status);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        heads_are_written_byte_for_byte,
        a_head_over_max_packet_is_an_error_that_names_it,
        content_goes_in_chunks_with_a_nul_behind,
        a_content_length_is_kept_to_the_byte,
        answers_without_a_body_get_none,
        a_body_is_asked_for_once_at_a_time,
        asking_behind_the_end_of_a_body_gives_no_event,
        every_code_has_a_status_or_none,
    };

    return run_tests("ajp answer", tests, COUNT_OF(tests));
}
