/* SPDX-License-Identifier: Apache-2.0 */
/* Body packets of the proxy role: when one is due, how large it is, how it ends (AJP13 1, 4, 5). */
#include "exchange.h"

#define POST(n) "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: " n "\r\n\r\n"
#define CHUNKED "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
#define GET "GET /a HTTP/1.1\r\nHost: h\r\n\r\n"
#define LAST MCMP_AJP_BODY_LAST

static void begin(player *p, const client *c)
{
    size_t len;

    player_open(p, c);
    player_parse(p, c->head);
    ck_assert_int_eq(player_request(p, &len, NULL), MCMP_OK);
}

static int ask(player *p, uint32_t most)
{
    char packet[7] = { 'A', 'B', 0, 3, 6, (char)(most >> 8), (char)(most & 0xff) };
    mcmp_ajp_event event;
    size_t used;

    mcmp_ajp_event_init(&event);
    return mcmp_ajp_proxy_feed(p->proxy, packet, sizeof(packet), &used, &event, NULL);
}

static int body(player *p, size_t len, uint32_t flags, mcmp_ajp_frame *frame)
{
    mcmp_ajp_frame_init(frame);
    return mcmp_ajp_proxy_encode_body(p->proxy, len, flags, frame, NULL);
}

typedef struct size_row {
    const char *name;
    uint32_t max_packet;
    uint32_t most; /* of Get Body Chunk */
    size_t have;
    size_t want;
} size_row;

static const size_row sizes[] = {
    { "all there is", 0, 8186, 1, 1 },
    { "max_packet - 6", 0, 65535, 20000, 8186 },
    { "max_packet 65536", 65536, 65535, 70000, 65530 },
    { "max_packet 65536, asked for less", 65536, 65529, 70000, 65529 },
    { "max_packet 8193", 8193, 65535, 70000, 8187 },
    { "what was asked for", 0, 100, 20000, 100 },
    { "one byte", 0, 1, 20000, 1 },
    /* AJP13 5: the first byte of the packet must not look like a type */
    { "511", 0, 8186, 511, 511 },
    { "512", 0, 8186, 512, 511 },
    { "767", 0, 8186, 767, 511 },
    { "768", 0, 8186, 768, 768 },
    { "1791", 0, 8186, 1791, 1791 },
    { "1792", 0, 8186, 1792, 1791 },
    { "2047", 0, 8186, 2047, 1791 },
    { "2048", 0, 8186, 2048, 1791 },
    { "2303", 0, 8186, 2303, 1791 },
    { "2304", 0, 8186, 2304, 2304 },
    { "2559", 0, 8186, 2559, 2559 },
    { "2560", 0, 8186, 2560, 2559 },
    { "2815", 0, 8186, 2815, 2559 },
    { "2816", 0, 8186, 2816, 2816 },
    { "512 by being asked", 0, 512, 8000, 511 },
    { "2560 by being asked", 0, 2560, 8000, 2559 },
};

START_TEST(packets_hold_what_fits_and_what_was_asked_for)
{
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        const size_row *row = &sizes[i];
        const client c = { .head = CHUNKED, .max_packet = row->max_packet };
        mcmp_ajp_frame frame;
        static player p;

        begin(&p, &c);
        row_code(row->name, body(&p, row->have, 0, &frame), MCMP_DONE);
        row_code(row->name, ask(&p, row->most), MCMP_OK);
        row_code(row->name, body(&p, row->have, 0, &frame), MCMP_OK);
        row_int(row->name, frame.take, row->want);
        row_int(row->name, frame.head_len, 6);
        row_int(row->name, frame.tail_len, 0);
        row_int(row->name, frame.head[0], 0x12);
        row_int(row->name, frame.head[1], 0x34);
        row_int(row->name, (uint8_t)frame.head[2] << 8 | (uint8_t)frame.head[3], row->want + 2);
        row_int(row->name, (uint8_t)frame.head[4] << 8 | (uint8_t)frame.head[5], row->want);
        row_code(row->name, body(&p, row->have, 0, &frame), MCMP_DONE);
        player_close(&p);
    }
}
END_TEST

START_TEST(no_packet_begins_like_one_of_another_type)
{
    static const client c = { .head = CHUNKED };
    static player p;

    begin(&p, &c);
    for (uint32_t most = 1; most <= 8200; most++) {
        mcmp_ajp_frame frame;

        ck_assert_int_eq(ask(&p, most), MCMP_OK);
        ck_assert_int_eq(body(&p, 9000, 0, &frame), MCMP_OK);
        ck_assert(frame.take != 0 && frame.take <= most);
        ck_assert(frame.head[4] != 2 && frame.head[4] != 7 && frame.head[4] != 8 &&
                  frame.head[4] != 10);
    }
    player_close(&p);
}
END_TEST

START_TEST(a_body_of_known_length_begins_unasked_and_ends_by_itself)
{
    static const client c = { .head = POST("10") };
    mcmp_ajp_frame frame;
    static player p;

    begin(&p, &c);
    ck_assert_int_eq(body(&p, 0, 0, &frame), MCMP_NEED_MORE);
    ck_assert_int_eq(body(&p, 4, 0, &frame), MCMP_OK);
    ck_assert_uint_eq(frame.take, 4);
    ck_assert_int_eq(body(&p, 6, LAST, &frame), MCMP_DONE);
    ck_assert_int_eq(ask(&p, 8186), MCMP_OK);
    ck_assert_int_eq(body(&p, 0, 0, &frame), MCMP_NEED_MORE);
    ck_assert_int_eq(body(&p, 20, 0, &frame), MCMP_OK);
    ck_assert_uint_eq(frame.take, 6); /* never more than Content-Length */
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(ask(&p, 8186), MCMP_OK);
        ck_assert_int_eq(body(&p, 14, 0, &frame), MCMP_OK);
        ck_assert_uint_eq(frame.take, 0);
        ck_assert_uint_eq(frame.head_len, 6);
        ck_assert_int_eq(memcmp(frame.head, "\x12\x34\0\x02\0\0", 6), 0);
    }
    player_close(&p);
}
END_TEST

START_TEST(get_body_before_the_first_packet_waits_for_its_turn)
{
    static const client c = { .head = POST("10") };
    mcmp_ajp_progress now;
    mcmp_ajp_frame frame;
    static player p;

    mcmp_ajp_progress_init(&now);
    begin(&p, &c);
    ck_assert_int_eq(ask(&p, 2), MCMP_OK);
    ck_assert_int_eq(mcmp_ajp_proxy_progress(p.proxy, &now), MCMP_OK);
    ck_assert_uint_eq(now.packets_due, 2);
    ck_assert_int_eq(body(&p, 5, 0, &frame), MCMP_OK);
    ck_assert_uint_eq(frame.take, 5);
    ck_assert_int_eq(body(&p, 5, 0, &frame), MCMP_OK);
    ck_assert_uint_eq(frame.take, 2);
    ck_assert_int_eq(body(&p, 3, 0, &frame), MCMP_DONE);
    player_close(&p);
}
END_TEST

START_TEST(a_body_of_unknown_length_ends_by_an_empty_packet)
{
    static const client c = { .head = CHUNKED };
    mcmp_ajp_frame frame;
    static player p;

    begin(&p, &c);
    ck_assert_int_eq(body(&p, 0, LAST, &frame), MCMP_DONE);
    ck_assert_int_eq(ask(&p, 8186), MCMP_OK);
    ck_assert_int_eq(body(&p, 0, 0, &frame), MCMP_NEED_MORE);
    ck_assert_int_eq(body(&p, 600, LAST, &frame), MCMP_OK);
    ck_assert_uint_eq(frame.take, 511); /* not the last after all */
    ck_assert_int_eq(ask(&p, 8186), MCMP_OK);
    ck_assert_int_eq(body(&p, 89, LAST, &frame), MCMP_OK);
    ck_assert_uint_eq(frame.take, 89);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(ask(&p, 8186), MCMP_OK);
        ck_assert_int_eq(body(&p, 0, 0, &frame), MCMP_OK);
        ck_assert_uint_eq(frame.take, 0);
    }
    player_close(&p);
    begin(&p, &c);
    ck_assert_int_eq(ask(&p, 8186), MCMP_OK);
    ck_assert_int_eq(body(&p, 0, LAST, &frame), MCMP_OK);
    ck_assert_uint_eq(frame.take, 0);
    player_close(&p);
}
END_TEST

START_TEST(a_body_that_ends_early_is_never_completed)
{
    static const client c = { .head = POST("10") };
    mcmp_ajp_frame frame;
    static player p;

    for (int first = 0; first < 2; first++) {
        begin(&p, &c);
        if (first)
            ck_assert_int_eq(body(&p, 4, 0, &frame), MCMP_OK);
        if (first)
            ck_assert_int_eq(ask(&p, 8186), MCMP_OK);
        ck_assert_int_eq(body(&p, 5, LAST, &frame), MCMP_ERR_AJP_BODY_SHORT);
        ck_assert_int_eq(body(&p, 10, LAST, &frame), MCMP_ERR_STATE);
        ck_assert(!mcmp_ajp_proxy_can_reuse(p.proxy));
        player_close(&p);
    }
}
END_TEST

START_TEST(lengths_have_64_bits)
{
    static const client c = { .head = POST("6442450944"), .max_packet = 65536 }; /* 6 GiB */
    mcmp_ajp_progress now;
    uint64_t sent = 0;
    static player p;

    mcmp_ajp_progress_init(&now);
    begin(&p, &c);
    while (sent < UINT64_C(6442450944)) {
        mcmp_ajp_frame frame;

        if (sent != 0)
            ck_assert_int_eq(ask(&p, 65530), MCMP_OK);
        ck_assert_int_eq(body(&p, (size_t)1 << 20, 0, &frame), MCMP_OK);
        ck_assert_uint_ne(frame.take, 0);
        mcmp_ajp_proxy_sent(p.proxy, frame.head_len + frame.take);
        sent += frame.take;
    }
    ck_assert_int_eq(mcmp_ajp_proxy_progress(p.proxy, &now), MCMP_OK);
    ck_assert(sent == UINT64_C(6442450944) && now.body_sent == sent && now.unsent == 0);
    player_close(&p);
}
END_TEST

START_TEST(calls_that_do_not_fit_are_refused)
{
    static const client c = { .head = GET };
    mcmp_ajp_frame frame;
    mcmp_ajp_event event;
    char out[8];
    static player p;
    size_t used = 0;
    size_t len = 77;

    player_open(&p, &c);
    ck_assert_int_eq(body(&p, 0, 0, &frame), MCMP_ERR_STATE);
    ck_assert_int_eq(body(&p, 0, 2, &frame), MCMP_ERR_UNSUPPORTED);
    ck_assert_int_eq(mcmp_ajp_proxy_encode_body(p.proxy, 0, 0, NULL, NULL), MCMP_ERR_INVALID);
    ck_assert_int_eq(mcmp_ajp_proxy_feed(p.proxy, "", 0, &used, NULL, NULL), MCMP_ERR_INVALID);
    ck_assert_int_eq(mcmp_ajp_proxy_encode_ping(p.proxy, out, 4, &len, NULL), MCMP_ERR_SPACE);
    ck_assert_uint_eq(len, 5);
    ck_assert_int_eq(mcmp_ajp_proxy_encode_ping(p.proxy, out, 5, &len, NULL), MCMP_OK);
    ck_assert_int_eq(memcmp(out, "\x12\x34\0\x01\x0a", 5), 0);
    ck_assert_int_eq(mcmp_ajp_proxy_encode_ping(p.proxy, out, 5, &len, NULL), MCMP_ERR_STATE);
    mcmp_ajp_event_init(&event);
    ck_assert_int_eq(mcmp_ajp_proxy_feed(p.proxy, "AB\0\x01\x09", 5, &used, &event, NULL), MCMP_OK);
    ck_assert_uint_eq(event.type, MCMP_AJP_EVENT_PONG);
    ck_assert(!mcmp_ajp_proxy_can_reuse(p.proxy)); /* the CPing was not reported as sent */
    mcmp_ajp_proxy_sent(p.proxy, 5);
    ck_assert(mcmp_ajp_proxy_can_reuse(p.proxy));
    ck_assert_int_eq(mcmp_ajp_proxy_encode_ping(p.proxy, out, 5, &len, NULL), MCMP_OK);
    player_close(&p);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        packets_hold_what_fits_and_what_was_asked_for,
        no_packet_begins_like_one_of_another_type,
        a_body_of_known_length_begins_unasked_and_ends_by_itself,
        get_body_before_the_first_packet_waits_for_its_turn,
        a_body_of_unknown_length_ends_by_an_empty_packet,
        a_body_that_ends_early_is_never_completed,
        lengths_have_64_bits,
        calls_that_do_not_fit_are_refused,
    };

    return run_tests("ajp upload", tests, COUNT_OF(tests));
}
