/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recorded traffic of named peers, replayed against both roles in lock-step: what the recorded
 * proxy sent is decoded by our container role and encoded once more by our proxy role; what the
 * recorded container sent the other way round. One word for each packet says what became of it:
 *   F B P   request, body packet, CPing;  h c f e g p  head, content, flush, end, ask, CPong
 *   =  our own role would have sent these very bytes;  ~  it sends others;  ?  it sends none now
 *   !  refused, by which role and why; the exchange is over for that role;  * the same once more
 * tests/golden/ajp/outcomes.list has the words of each recording. The replay is repeated with each
 * direction's bytes cut at every place, which must not change a word.
 */
#include "exchange.h"
#include "recording.h"

typedef struct replay {
    mcmp_ajp_proxy *proxy;
    mcmp_ajp_container *container;
    mcmp_http_head *head;
    mcmp_http_target target;
    mcmp_http_forward forward;
    mcmp_ajp_facts facts;
    char room[1024];
    char text[80000];
    char out[80000];
    char held[80000]; /* bytes for the container that wait for their turn */
    size_t held_len;
    int proxy_over;
    int container_over;
    size_t cut[2]; /* offset in the bytes of a direction where they are cut */
    size_t seen[2];
    size_t body; /* content that the container role got of the packet in work */
    story words;
} replay;

static void word(replay *r, const char *text)
{
    char *last = r->words.text + r->words.len;
    size_t len = strlen(text);

    /* a run of the same word is written once, with a star */
    if (r->words.len > len && memcmp(last - len, text, len) == 0 && last[-(int)len - 1] == ' ') {
        story_line(&r->words, "*");
        return;
    }
    if (r->words.len > len + 1 && last[-1] == '*' && memcmp(last - len - 1, text, len) == 0)
        return;
    story_line(&r->words, " %s", text);
}

static void refused(replay *r, int *over, const char *role, int rc)
{
    char text[80];

    (void)snprintf(text, sizeof(text), "!%s:%s", role, mcmp_error_name(rc) + 9);
    word(r, text);
    *over = 1;
}

/* The two parts of a packet, given where its direction is cut. */
static size_t first_part(replay *r, int direction, size_t len)
{
    size_t cut = r->cut[direction];
    size_t seen = r->seen[direction];

    r->seen[direction] += len;
    return cut > seen && cut < seen + len ? cut - seen : len;
}

/* ---- from the recorded proxy ---- */

static int container_take(replay *r, const char *data, size_t len)
{
    const char *in = staged(data, len);
    size_t off = 0;
    int rc;

    do {
        mcmp_ajp_event event;
        size_t used = 0;

        mcmp_ajp_event_init(&event);
        rc = mcmp_ajp_container_feed(r->container, in + off, len - off, &used, &event, NULL);
        if (rc == MCMP_OK && event.type == MCMP_AJP_EVENT_BODY)
            r->body += event.data.len;
        off += used;
    } while (rc == MCMP_OK);
    if (rc == MCMP_PENDING) {
        memmove(r->held + r->held_len, in + off, len - off);
        r->held_len += len - off;
        rc = MCMP_OK;
    }
    return rc < 0 ? rc : MCMP_OK;
}

static void container_bytes(replay *r, const char *data, size_t len, size_t first)
{
    int rc;

    if (r->container_over)
        return;
    rc = container_take(r, data, first);
    if (rc == MCMP_OK && first < len)
        rc = container_take(r, data + first, len - first);
    if (rc != MCMP_OK)
        refused(r, &r->container_over, "container", rc);
}

/* What waited for the end of an exchange. */
static void container_go_on(replay *r)
{
    static char bytes[80000];
    size_t len = r->held_len;

    memcpy(bytes, r->held, len);
    r->held_len = 0;
    if (len != 0)
        container_bytes(r, bytes, len, len);
}

/* The request that the container role saw, as a client would have sent it. */
static size_t client_text(replay *r, const mcmp_ajp_request *q)
{
    size_t at = (size_t)snprintf(
        r->text, sizeof(r->text), "%.*s %.*s%s%.*s %.*s\r\n", (int)q->method_name.len,
        q->method_name.ptr, (int)q->uri.len, q->uri.ptr, q->has_query ? "?" : "", (int)q->query.len,
        q->query.ptr != NULL ? q->query.ptr : "", q->protocol.len != 0 ? (int)q->protocol.len : 8,
        q->protocol.len != 0 ? q->protocol.ptr : "HTTP/1.1");

    for (uint32_t i = 0; i < q->header_count; i++) {
        mcmp_pair line;

        ck_assert_int_eq(mcmp_ajp_container_header(r->container, i, &line), MCMP_OK);
        at += (size_t)snprintf(r->text + at, sizeof(r->text) - at, "%.*s: %.*s\r\n",
                               (int)line.name.len, line.name.ptr, (int)line.value.len,
                               line.value.ptr != NULL ? line.value.ptr : "");
    }
    return at + (size_t)snprintf(r->text + at, sizeof(r->text) - at, "\r\n");
}

static void same_facts(replay *r, const mcmp_ajp_request *q, mcmp_pair *named)
{
    mcmp_ajp_facts *f = &r->facts;

    mcmp_ajp_facts_init(f);
    f->remote_addr = q->remote_addr;
    f->remote_host = q->remote_host;
    f->server_name = q->server_name;
    f->server_port = q->server_port;
    f->is_ssl = q->is_ssl;
    f->remote_user = q->remote_user;
    f->auth_type = q->auth_type;
    f->jvm_route = q->jvm_route;
    f->local_addr = q->local_addr;
    f->remote_port = q->remote_port;
    f->ssl_cert = q->ssl_cert;
    f->ssl_cipher = q->ssl_cipher;
    f->ssl_session = q->ssl_session;
    f->ssl_protocol = q->ssl_protocol;
    f->ssl_key_size = q->ssl_key_size;
    for (uint32_t i = 0; i < q->attribute_count; i++) {
        ck_assert_int_eq(mcmp_ajp_container_attribute(r->container, i, named), MCMP_OK);
        if (strncmp(named->name.ptr, "MY_ATTR", 7) != 0)
            continue;
        f->attributes = named;
        f->attribute_count = 1;
    }
}

/* The secret is not shown by the container role: take it from the packet. */
static void same_secret(replay *r, const char *packet, size_t len)
{
    static const char *const secrets[] = { "s3cret-1", "wrong-one", "bad" };

    for (size_t i = 0; i < COUNT_OF(secrets); i++)
        if (memmem(packet, len, secrets[i], strlen(secrets[i])) != NULL)
            r->facts.secret = span_of(secrets[i]);
}

static void compare(replay *r, const char *kind, const char *want, size_t want_len, const char *got,
                    size_t got_len)
{
    char text[8];
    int same = want_len == got_len && memcmp(want, got, got_len) == 0;

    (void)snprintf(text, sizeof(text), "%s%c", kind, same ? '=' : '~');
    word(r, text);
}

static void on_request(replay *r, const char *packet, size_t len)
{
    const mcmp_ajp_request *q = mcmp_ajp_container_request(r->container);
    mcmp_pair named;
    size_t out_len;
    size_t text_len;

    if (r->container_over || r->proxy_over || q == NULL) {
        r->proxy_over = 1;
        return;
    }
    text_len = client_text(r, q);
    same_facts(r, q, &named);
    same_secret(r, packet, len);
    mcmp_http_target_init(&r->target);
    mcmp_http_forward_init(&r->forward);
    r->forward.target = &r->target;
    mcmp_ajp_proxy_sent(r->proxy, 1 << 20);
    if (mcmp_http_head_parse_request(r->head, r->text, text_len, NULL) != MCMP_OK ||
        mcmp_http_target_parse(mcmp_http_head_info(r->head), MCMP_HTTP_PATH_KEEP_SLASHES, r->room,
                               sizeof(r->room), &r->target, NULL) != MCMP_OK ||
        mcmp_ajp_proxy_encode_request(r->proxy, r->head, &r->forward, &r->facts, r->out,
                                      sizeof(r->out), &out_len, NULL) != MCMP_OK) {
        word(r, "F?");
        r->proxy_over = 1;
        return;
    }
    compare(r, "F", packet, len, r->out, out_len);
}

static void on_body(replay *r, const char *packet, size_t len)
{
    size_t content = len > 6 ? len - 6 : 0;
    mcmp_ajp_frame frame;
    int rc;

    if (r->proxy_over)
        return;
    mcmp_ajp_frame_init(&frame);
    rc = mcmp_ajp_proxy_encode_body(r->proxy, content, content == 0 ? MCMP_AJP_BODY_LAST : 0,
                                    &frame, NULL);
    if (rc != MCMP_OK) {
        word(r, rc < 0 ? "B!" : "B?");
        return;
    }
    memcpy(r->out, frame.head, frame.head_len);
    memcpy(r->out + frame.head_len, packet + 6, frame.take);
    compare(r, "B", packet, len, r->out, frame.head_len + frame.take);
}

static void from_proxy(replay *r, const char *packet, size_t len)
{
    int had_request = mcmp_ajp_container_request(r->container) != NULL;
    size_t out_len;

    r->body = 0;
    container_bytes(r, packet, len, first_part(r, 0, len));
    if (len == 5 && packet[4] == 10) {
        if (mcmp_ajp_proxy_encode_ping(r->proxy, r->out, 5, &out_len, NULL) == MCMP_OK)
            compare(r, "P", packet, len, r->out, out_len);
        else
            word(r, "P?");
    } else if (!had_request && len > 20) {
        on_request(r, packet, len);
    } else {
        on_body(r, packet, len);
        if (!r->container_over && r->held_len == 0 && len > 6)
            ck_assert_uint_eq(r->body, len - 6);
    }
    mcmp_ajp_proxy_sent(r->proxy, 1 << 20);
}

/* ---- from the recorded container ---- */

static void answer_head(replay *r, const char *packet, size_t len)
{
    static mcmp_pair lines[100];
    const mcmp_http_head *head = mcmp_ajp_proxy_head(r->proxy);
    const mcmp_http_info *info = mcmp_http_head_info(head);
    size_t out_len;
    int rc;

    for (uint32_t i = 0; i < info->header_count; i++)
        ck_assert_int_eq(mcmp_http_head_header(head, i, &lines[i], NULL, NULL), MCMP_OK);
    rc = mcmp_ajp_container_encode_head(r->container, info->status, lines, info->header_count,
                                        r->out, sizeof(r->out), &out_len, NULL);
    if (rc == MCMP_OK)
        compare(r, "h", packet, len, r->out, out_len);
    else
        word(r, "h?");
}

static void answer_chunk(replay *r, const char *packet, size_t len)
{
    size_t content = (size_t)(uint8_t)packet[5] << 8 | (uint8_t)packet[6];
    mcmp_ajp_frame frame;
    int rc;

    mcmp_ajp_frame_init(&frame);
    rc = mcmp_ajp_container_encode_body(r->container, content, &frame, NULL);
    if (rc != MCMP_OK) {
        word(r, content != 0 ? "c?" : "f?");
        return;
    }
    memcpy(r->out, frame.head, frame.head_len);
    memcpy(r->out + frame.head_len, packet + 7, frame.take);
    r->out[frame.head_len + frame.take] = '\0';
    compare(r, content != 0 ? "c" : "f", packet, len, r->out,
            frame.head_len + frame.take + frame.tail_len);
}

static void answer_small(replay *r, const char *packet, size_t len, const char *kind)
{
    size_t out_len = 0;
    uint32_t value = (uint32_t)(uint8_t)packet[5] << 8 | (len > 6 ? (uint8_t)packet[6] : 0);
    int rc = MCMP_ERR_STATE;
    char text[8];

    if (kind[0] == 'e')
        rc = mcmp_ajp_container_encode_end(r->container, (uint8_t)packet[5], r->out, 16, &out_len,
                                           NULL);
    if (kind[0] == 'g')
        rc = mcmp_ajp_container_encode_get_body(r->container, value, r->out, 16, &out_len, NULL);
    if (kind[0] == 'p')
        rc = mcmp_ajp_container_encode_pong(r->container, r->out, 16, &out_len, NULL);
    if (rc == MCMP_OK) {
        compare(r, kind, packet, len, r->out, out_len);
        return;
    }
    (void)snprintf(text, sizeof(text), "%s?", kind);
    word(r, text);
}

static int proxy_take(replay *r, const char *data, size_t len)
{
    const char *in = staged(data, len);
    size_t off = 0;
    int rc;

    do {
        mcmp_ajp_event event;
        size_t used = 0;

        mcmp_ajp_event_init(&event);
        rc = mcmp_ajp_proxy_feed(r->proxy, in + off, len - off, &used, &event, NULL);
        off += used;
        if (rc == MCMP_OK && event.type == MCMP_AJP_EVENT_BODY)
            r->body += event.data.len;
        if (rc == MCMP_OK && event.type == MCMP_AJP_EVENT_END)
            break;
    } while (rc == MCMP_OK);
    return rc < 0 ? rc : MCMP_OK;
}

static void from_container(replay *r, const char *packet, size_t len)
{
    size_t first = first_part(r, 1, len);
    int rc;

    if (r->proxy_over)
        return;
    r->body = 0;
    rc = proxy_take(r, packet, first);
    if (rc == MCMP_OK && first < len)
        rc = proxy_take(r, packet + first, len - first);
    if (rc != MCMP_OK) {
        refused(r, &r->proxy_over, "proxy", rc);
        return;
    }
    switch (packet[4]) {
    case 4:
        if (mcmp_ajp_proxy_head(r->proxy) != NULL)
            answer_head(r, packet, len);
        break;
    case 3:
        answer_chunk(r, packet, len);
        break;
    case 5:
        answer_small(r, packet, len, mcmp_ajp_proxy_can_reuse(r->proxy) ? "e1" : "e0");
        break;
    case 6:
        answer_small(r, packet, len, "g");
        break;
    default:
        answer_small(r, packet, len, "p");
        break;
    }
    container_go_on(r);
}

static void begin_connection(replay *r)
{
    mcmp_ajp_proxy_reset(r->proxy);
    mcmp_ajp_container_reset(r->container);
    r->held_len = 0;
    r->proxy_over = 0;
    r->container_over = 0;
}

static void play(replay *r, const recording *rec, size_t cut_out, size_t cut_in)
{
    r->words.len = 0;
    r->words.text[0] = '\0';
    r->cut[0] = cut_out;
    r->cut[1] = cut_in;
    memset(r->seen, 0, sizeof(r->seen));
    begin_connection(r);
    for (size_t i = 0; i < rec->count; i++) {
        const recorded *packet = &rec->packets[i];
        const char *bytes = rec->bytes + packet->at;

        if (packet->direction == 'n')
            begin_connection(r);
        else if (packet->direction == '>')
            from_proxy(r, bytes, packet->len);
        else
            from_container(r, bytes, packet->len);
    }
}

static void open_replay(replay *r)
{
    static const mcmp_span names[] = { TEXT("MY_ATTR") };
    mcmp_ajp_options opts;
    mcmp_http_options http;

    memset(r, 0, sizeof(*r));
    mcmp_ajp_options_init(&opts);
    opts.allow = names;
    opts.allow_count = 1;
    opts.max_packet = 65536;
    ck_assert_int_eq(mcmp_ajp_proxy_new(&r->proxy, &opts, NULL), MCMP_OK);
    opts.max_packet = 8192;
    ck_assert_int_eq(mcmp_ajp_container_new(&r->container, &opts, NULL), MCMP_OK);
    mcmp_http_options_init(&http);
    http.max_line = http.max_head = 80000;
    ck_assert_int_eq(mcmp_http_head_new(&r->head, &http, NULL), MCMP_OK);
}

static void close_replay(replay *r)
{
    mcmp_ajp_proxy_free(r->proxy);
    mcmp_ajp_container_free(r->container);
    mcmp_http_head_free(r->head);
}

static void check_cuts(const char *name, replay *r, const recording *rec, const char *want)
{
    size_t total = r->seen[0] > r->seen[1] ? r->seen[0] : r->seen[1];
    size_t stride = total < 4000 || getenv("MCMP_EVERY_CUT") != NULL ? 1 : total / 300;

    stride *= (size_t)as_often(1, 11);
    for (size_t cut = 1; cut < total; cut += cut < 300 ? (size_t)as_often(1, 11) : stride) {
        play(r, rec, cut, cut);
        ck_assert_msg(strcmp(r->words.text, want) == 0, "%s cut at %zu:%s\ninstead of%s", name, cut,
                      r->words.text, want);
    }
}

START_TEST(recorded_exchanges_are_understood_by_both_roles)
{
    static replay r;
    static char want[STORY_ROOM];
    size_t len;
    char *list = read_test_file("golden/ajp/outcomes.list", &len);
    int count = 0;

    open_replay(&r);
    for (char *line = list, *end; line < list + len; line = end + 1) {
        static recording rec;
        char *colon;

        end = memchr(line, '\n', len - (size_t)(line - list));
        ck_assert(end != NULL);
        *end = '\0';
        if (line[0] == '#' || line[0] == '\0')
            continue;
        colon = strchr(line, ':');
        ck_assert(colon != NULL);
        *colon = '\0';
        recording_load(&rec, line);
        play(&r, &rec, 0, 0);
        (void)snprintf(want, sizeof(want), "%s", colon + 1);
        ck_assert_msg(strcmp(r.words.text, want) == 0, "%s:%s\ninstead of%s", line, r.words.text,
                      want);
        check_cuts(line, &r, &rec, want);
        free(rec.bytes);
        count++;
    }
    ck_assert_int_gt(count, 100);
    close_replay(&r);
    free(list);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { recorded_exchanges_are_understood_by_both_roles };

    return run_tests("ajp golden", tests, COUNT_OF(tests));
}
