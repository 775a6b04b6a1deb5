/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The WebSocket echo: what goes back for frames of every kind, independent of how the bytes are
 * cut, and how broken frames are answered. Key and accept value are those of RFC 6455.
 */
#include "support.h"

#include "demo_ws.h"

typedef struct frame_row {
    const char *name;
    const char *in;
    size_t in_len;
    const char *out;
    size_t out_len;
    int result; /* of the last call */
} frame_row;

#define BYTES(text) text, sizeof(text) - 1

/* The mask is 01 02 03 04, so "Hi" is sent as 49 6b. */
static const frame_row rows[] = {
    { "text", BYTES("\x81\x82\x01\x02\x03\x04\x49\x6b"), BYTES("\x81\x02Hi"), DEMO_WS_MORE },
    { "binary", BYTES("\x82\x82\x01\x02\x03\x04\x49\x6b"), BYTES("\x82\x02Hi"), DEMO_WS_MORE },
    { "empty", BYTES("\x81\x80\x01\x02\x03\x04"), BYTES("\x81\x00"), DEMO_WS_MORE },
    { "two frames", BYTES("\x81\x81\x01\x02\x03\x04\x49\x81\x81\x01\x02\x03\x04\x49"),
      BYTES("\x81\x01H\x81\x01H"), DEMO_WS_MORE },
    { "fragments", BYTES("\x01\x81\x01\x02\x03\x04\x49\x80\x81\x01\x02\x03\x04\x49"),
      BYTES("\x01\x01H\x80\x01H"), DEMO_WS_MORE },
    { "ping between fragments",
      BYTES("\x01\x81\x01\x02\x03\x04\x49\x89\x80\x01\x02\x03\x04\x80\x81\x01\x02\x03\x04\x49"),
      BYTES("\x01\x01H\x8a\x00\x80\x01H"), DEMO_WS_MORE },
    { "ping", BYTES("\x89\x82\x01\x02\x03\x04\x49\x6b"), BYTES("\x8a\x02Hi"), DEMO_WS_MORE },
    { "pong", BYTES("\x8a\x82\x01\x02\x03\x04\x49\x6b"), BYTES(""), DEMO_WS_MORE },
    { "close", BYTES("\x88\x82\x01\x02\x03\x04\x02\xea"), BYTES("\x88\x02\x03\xe8"),
      DEMO_WS_CLOSE },
    { "empty close", BYTES("\x88\x80\x01\x02\x03\x04"), BYTES("\x88\x00"), DEMO_WS_CLOSE },
    { "no mask", BYTES("\x81\x02Hi"), BYTES("\x88\x02\x03\xea"), DEMO_WS_CLOSE },
    { "reserved bit", BYTES("\xc1\x80\x01\x02\x03\x04"), BYTES("\x88\x02\x03\xea"), DEMO_WS_CLOSE },
    { "unknown opcode", BYTES("\x83\x80\x01\x02\x03\x04"), BYTES("\x88\x02\x03\xea"),
      DEMO_WS_CLOSE },
    { "unknown control", BYTES("\x8b\x80\x01\x02\x03\x04"), BYTES("\x88\x02\x03\xea"),
      DEMO_WS_CLOSE },
    { "long ping", BYTES("\x89\xfe\x00\x7e"), BYTES("\x88\x02\x03\xea"), DEMO_WS_CLOSE },
    { "fragmented ping", BYTES("\x09\x80\x01\x02\x03\x04"), BYTES("\x88\x02\x03\xea"),
      DEMO_WS_CLOSE },
    { "continuation of nothing", BYTES("\x80\x80\x01\x02\x03\x04"), BYTES("\x88\x02\x03\xea"),
      DEMO_WS_CLOSE },
    { "text inside a message", BYTES("\x01\x80\x01\x02\x03\x04\x81\x80\x01\x02\x03\x04"),
      BYTES("\x01\x00\x88\x02\x03\xea"), DEMO_WS_CLOSE },
    { "length over 63 bits", BYTES("\x82\xff\x80\x00\x00\x00\x00\x00\x00\x00\x01\x02\x03\x04"),
      BYTES("\x88\x02\x03\xea"), DEMO_WS_CLOSE },
};

/* Feed in pieces; collects what is sent. */
static int feed(demo_ws *ws, const char *in, size_t in_len, size_t step, node_buf *sent)
{
    char *copy = malloc(in_len + 1);
    size_t at = 0;
    int rc = DEMO_WS_MORE;

    ck_assert_ptr_nonnull(copy);
    memcpy(copy, in, in_len);
    while (at < in_len && rc != DEMO_WS_CLOSE) {
        size_t end = at + step < in_len ? at + step : in_len;

        do {
            demo_ws_out out;
            size_t used = 0;

            rc = demo_ws_next(ws, copy + at, end - at, &used, &out);
            node_buf_add(sent, out.head, out.head_len);
            node_buf_add_span(sent, out.piece);
            at += used;
        } while (rc == DEMO_WS_SEND);
    }
    free(copy);
    return rc;
}

START_TEST(test_frames_go_back_however_they_are_cut)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        for (size_t step = 1; step <= rows[i].in_len; step++) {
            demo_ws ws = { 0 };
            node_buf sent = { 0 };

            row_int(rows[i].name, feed(&ws, rows[i].in, rows[i].in_len, step, &sent),
                    rows[i].result);
            row_bytes(rows[i].name, node_span(sent.data, sent.len), rows[i].out, rows[i].out_len);
            node_buf_clear(&sent);
        }
    }
}
END_TEST

/* Lengths around the borders of the three forms of a length. */
START_TEST(test_frames_of_every_length_form_go_back)
{
    static const size_t sizes[] = { 125, 126, 127, 65535, 65536, 100000 };

    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        size_t size = sizes[i];
        size_t ext = size > 65535 ? 8 : size > 125 ? 2 : 0;
        node_buf in = { 0 };
        node_buf want = { 0 };
        node_buf sent = { 0 };
        demo_ws ws = { 0 };
        unsigned char head[10] = { 0x82, (unsigned char)(ext == 8 ? 127 : ext == 2 ? 126 : size) };

        for (size_t b = 0; b < ext; b++)
            head[2 + b] = (unsigned char)(size >> (8 * (ext - 1 - b)));
        node_buf_add(&want, head, 2 + ext);
        head[1] |= 0x80;
        node_buf_add(&in, head, 2 + ext);
        node_buf_add(&in, "\x01\x02\x03\x04", 4);
        for (size_t b = 0; b < size; b++) {
            unsigned char plain = (unsigned char)(b * 7);
            unsigned char masked = plain ^ (unsigned char)((b & 3) + 1);

            node_buf_add(&want, &plain, 1);
            node_buf_add(&in, &masked, 1);
        }
        ck_assert_int_eq(feed(&ws, in.data, in.len, 1000, &sent), DEMO_WS_MORE);
        ck_assert_uint_eq(sent.len, want.len);
        ck_assert_mem_eq(sent.data, want.data, want.len);
        node_buf_clear(&in);
        node_buf_clear(&want);
        node_buf_clear(&sent);
    }
}
END_TEST

START_TEST(test_the_accept_value_is_that_of_the_rfc)
{
    char out[DEMO_WS_ACCEPT_SIZE];

    ck_assert_int_eq(demo_ws_accept(span_of("dGhlIHNhbXBsZSBub25jZQ=="), out), 0);
    ck_assert_str_eq(out, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_frames_go_back_however_they_are_cut,
        test_frames_of_every_length_form_go_back,
        test_the_accept_value_is_that_of_the_rfc,
    };

    return run_tests("demo_ws", tests, COUNT_OF(tests));
}
