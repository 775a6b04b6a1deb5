/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a container says, packet by packet (AJP13 3 and 4). One function per step of the input; the
 * table of types says how many bytes of a packet decide, and which function takes them. Content is
 * passed on where it lies; only a Send Headers that comes in parts is gathered. What an exchange
 * allows at which time is checked where the packet is taken, so that nothing is believed that comes
 * at the wrong time (AJP13 5: no resynchronising).
 */
#include "ajp.h"

#define STEP_PACKET 0 /* the first bytes of a packet */
#define STEP_GATHER 1 /* Send Headers, in parts */
#define STEP_DATA 2   /* content of Send Body Chunk */
#define STEP_NUL 3    /* the byte behind it */

#define MOST_INTERIM 16u
#define DECIDING (MCMP__AJP_FRAME + 1) /* bytes until the type is known */

/* One call of feed. */
typedef struct call {
    const char *data;
    size_t len;
    size_t used;
    mcmp_ajp_event *event;
    mcmp_error *err;
} call;

static int fail(mcmp_ajp_proxy *proxy, const call *c, int code, const char *field, const char *text)
{
    return mcmp__ajp_fail_at(c->err, code, field, proxy->packet_at, text);
}

static void forget(mcmp_ajp_proxy *proxy)
{
    const size_t kept = offsetof(mcmp_ajp_proxy, seen);

    memset((char *)proxy + kept, 0, sizeof(*proxy) - kept);
}

int mcmp_ajp_proxy_new(mcmp_ajp_proxy **out, const mcmp_ajp_options *opts, mcmp_error *err)
{
    mcmp_ajp_options taken;
    mcmp_http_options http;
    mcmp_allocator allocator;
    mcmp_ajp_proxy *proxy;
    size_t size;
    int rc;

    if (out == NULL)
        return mcmp__fail(err, MCMP_ERR_INVALID, "out", "out is NULL");
    rc = mcmp__ajp_options_take(&taken, opts, &allocator, err);
    if (rc != MCMP_OK)
        return rc;
    size =
        sizeof(*proxy) + taken.max_headers * sizeof(mcmp_pair) + taken.max_accept + taken.max_head;
    proxy = mcmp__alloc(&allocator, size);
    if (proxy == NULL)
        return mcmp__fail(err, MCMP_ERR_NOMEM, NULL, "no memory for a connection to a container");
    memset(proxy, 0, sizeof(*proxy));
    mcmp_http_options_init(&http);
    http.max_line = http.max_head = taken.max_head;
    http.max_headers = taken.max_headers;
    http.allocator = &allocator;
    rc = mcmp_http_head_new(&proxy->head, &http, err);
    if (rc != MCMP_OK) {
        mcmp__free(&allocator, proxy, size);
        return rc;
    }
    proxy->allocator = allocator;
    proxy->size = size;
    proxy->max_packet = taken.max_packet;
    proxy->max_accept = taken.max_accept;
    proxy->max_headers = taken.max_headers;
    proxy->text_size = taken.max_head;
    proxy->lines = (mcmp_pair *)(proxy + 1);
    proxy->packet = (char *)(proxy->lines + taken.max_headers);
    proxy->text = proxy->packet + taken.max_accept;
    *out = proxy;
    return MCMP_OK;
}

void mcmp_ajp_proxy_free(mcmp_ajp_proxy *proxy)
{
    if (proxy == NULL)
        return;
    mcmp_allocator allocator = proxy->allocator;
    mcmp_http_head_free(proxy->head);
    mcmp__free(&allocator, proxy, proxy->size);
}

void mcmp_ajp_proxy_reset(mcmp_ajp_proxy *proxy)
{
    mcmp_http_head_reset(proxy->head);
    forget(proxy);
}

static void give(const call *c, uint32_t type, uint32_t size, const char *data, size_t len)
{
    c->event->type = type;
    c->event->size = size;
    c->event->data = mcmp__span(data, len);
}

/* The packet is taken in full. MCMP_OK: it gave an event; MCMP_DONE: it did not. */
static int end_packet(mcmp_ajp_proxy *proxy, const call *c)
{
    proxy->step = STEP_PACKET;
    proxy->small.have = 0;
    return c->event->type != 0 ? MCMP_OK : MCMP_DONE;
}

/* AJP13 4.4: what may come before the final head is nothing but an interim one. */
static int take_status(mcmp_ajp_proxy *proxy, const call *c)
{
    const mcmp_http_info *info = mcmp_http_head_info(proxy->head);

    if (info->status == 101)
        return fail(proxy, c, MCMP_ERR_AJP_STATUS, "status", "101, which AJP has no use for");
    if (info->status < 200 && ++proxy->interims > MOST_INTERIM)
        return fail(proxy, c, MCMP_ERR_AJP_ORDER, "status", "too many interim heads");
    if (info->status < 200)
        return MCMP_OK;
    proxy->has_head = 1;
    proxy->phase = MCMP__PROXY_ANSWER;
    proxy->answer_framing = info->framing;
    proxy->answer_left = info->framing == MCMP_HTTP_FRAMING_LENGTH ? info->length : 0;
    give(c, MCMP_AJP_EVENT_HEAD, 0, NULL, 0);
    return MCMP_OK;
}

static int take_headers(mcmp_ajp_proxy *proxy, const call *c, const char *payload)
{
    int rc = mcmp__ajp_reply_head(proxy, payload, proxy->payload, c->err);

    if (rc == MCMP_OK)
        rc = take_status(proxy, c);
    return rc == MCMP_OK ? end_packet(proxy, c) : rc;
}

static int on_headers(mcmp_ajp_proxy *proxy, call *c)
{
    const char *rest = c->data + c->used;

    if (proxy->phase != MCMP__PROXY_OPEN)
        return fail(proxy, c, MCMP_ERR_AJP_ORDER, "Send Headers",
                    "a second final head, or one that nobody asked for");
    if (proxy->payload + MCMP__AJP_FRAME > proxy->max_accept)
        return fail(proxy, c, MCMP_ERR_AJP_SIZE, "max_accept", "Send Headers is over max_accept");
    if (c->used >= 1 && c->len - c->used >= proxy->payload - 1) {
        c->used += proxy->payload - 1;
        return take_headers(proxy, c, rest - 1);
    }
    proxy->packet[0] = MCMP__AJP_SEND_HEADERS;
    proxy->gathered = 1;
    proxy->step = STEP_GATHER;
    return MCMP_DONE;
}

static int gather(mcmp_ajp_proxy *proxy, call *c)
{
    size_t take = MCMP__MIN((size_t)(proxy->payload - proxy->gathered), c->len - c->used);

    memcpy(proxy->packet + proxy->gathered, c->data + c->used, take);
    proxy->gathered += (uint32_t)take;
    c->used += take;
    if (proxy->gathered < proxy->payload)
        return MCMP_NEED_MORE;
    return take_headers(proxy, c, proxy->packet);
}

/* AJP13 4.5: a Content-Length is kept to the byte. */
static int check_length(mcmp_ajp_proxy *proxy, const call *c, uint32_t len)
{
    if (proxy->answer_framing != MCMP_HTTP_FRAMING_LENGTH)
        return MCMP_OK;
    if (len > proxy->answer_left)
        return fail(proxy, c, MCMP_ERR_AJP_LENGTH, "Content-Length",
                    "more content than Content-Length");
    proxy->answer_left -= len;
    return MCMP_OK;
}

static int on_chunk(mcmp_ajp_proxy *proxy, call *c)
{
    uint32_t len = mcmp__ajp_get16(proxy->small.bytes + DECIDING);
    int rc;

    if (proxy->payload != len + MCMP__AJP_CHUNK && proxy->payload != len + MCMP__AJP_CHUNK + 1)
        return fail(proxy, c, MCMP_ERR_AJP_STRING, "Send Body Chunk",
                    "the chunk's length is not that of its packet");
    if (proxy->phase != MCMP__PROXY_ANSWER && (proxy->phase != MCMP__PROXY_OPEN || len != 0))
        return fail(proxy, c, MCMP_ERR_AJP_ORDER, "Send Body Chunk", "content without a head");
    rc = check_length(proxy, c, len);
    if (rc != MCMP_OK)
        return rc;
    proxy->left = len;
    proxy->step = len != 0 ? STEP_DATA : STEP_NUL;
    if (len != 0)
        return MCMP_DONE;
    proxy->left = proxy->payload - MCMP__AJP_CHUNK;
    if (proxy->left != 0)
        return MCMP_DONE;
    if (proxy->phase == MCMP__PROXY_ANSWER)
        give(c, MCMP_AJP_EVENT_FLUSH, 0, NULL, 0);
    return end_packet(proxy, c);
}

static int take_data(mcmp_ajp_proxy *proxy, call *c)
{
    size_t take = MCMP__MIN((size_t)proxy->left, c->len - c->used);
    const char *data = c->data + c->used;

    c->used += take;
    proxy->left -= (uint32_t)take;
    if (take != 0 && proxy->answer_framing != MCMP_HTTP_FRAMING_NONE) {
        proxy->answer_taken += take;
        give(c, MCMP_AJP_EVENT_BODY, 0, data, take);
    }
    if (proxy->left != 0)
        return c->event->type != 0 ? MCMP_OK : MCMP_NEED_MORE;
    proxy->step = STEP_NUL;
    proxy->left = proxy->payload - MCMP__AJP_CHUNK - mcmp__ajp_get16(proxy->small.bytes + DECIDING);
    if (proxy->left == 0)
        return end_packet(proxy, c);
    return c->event->type != 0 ? MCMP_OK : MCMP_DONE;
}

static int take_nul(mcmp_ajp_proxy *proxy, call *c)
{
    int is_flush = mcmp__ajp_get16(proxy->small.bytes + DECIDING) == 0;

    if (c->used == c->len)
        return MCMP_NEED_MORE;
    if (c->data[c->used] != '\0')
        return fail(proxy, c, MCMP_ERR_AJP_STRING, "Send Body Chunk",
                    "the byte behind the content is not 0");
    c->used++;
    if (is_flush && proxy->phase == MCMP__PROXY_ANSWER)
        give(c, MCMP_AJP_EVENT_FLUSH, 0, NULL, 0);
    return end_packet(proxy, c);
}

/* AJP13 4.5, 5: End Response closes the exchange, it does not prove that the answer is complete. */
static int on_end(mcmp_ajp_proxy *proxy, call *c)
{
    if (proxy->phase != MCMP__PROXY_ANSWER)
        return fail(proxy, c, MCMP_ERR_AJP_ORDER, "End Response", "an end without a final head");
    if (proxy->answer_left != 0)
        return fail(proxy, c, MCMP_ERR_AJP_LENGTH, "Content-Length",
                    "less content than Content-Length");
    proxy->phase = proxy->small.bytes[DECIDING] == 1 ? MCMP__PROXY_ENDED : MCMP__PROXY_CLOSED;
    proxy->behind = c->used < c->len;
    give(c, MCMP_AJP_EVENT_END, 0, NULL, 0);
    return end_packet(proxy, c);
}

static int on_get(mcmp_ajp_proxy *proxy, call *c)
{
    uint32_t most = mcmp__ajp_get16(proxy->small.bytes + DECIDING);

    if (proxy->phase != MCMP__PROXY_OPEN && proxy->phase != MCMP__PROXY_ANSWER)
        return fail(proxy, c, MCMP_ERR_AJP_ORDER, "Get Body Chunk", "no exchange is open");
    if (most == 0 || proxy->get_due)
        return fail(proxy, c, MCMP_ERR_AJP_ORDER, "Get Body Chunk",
                    "of length 0, or while one is open");
    proxy->get_due = 1;
    proxy->get_most = most;
    give(c, MCMP_AJP_EVENT_GET_BODY, most, NULL, 0);
    return end_packet(proxy, c);
}

static int on_pong(mcmp_ajp_proxy *proxy, call *c)
{
    if (proxy->phase != MCMP__PROXY_PING)
        return fail(proxy, c, MCMP_ERR_AJP_ORDER, "CPong", "nobody asked");
    proxy->phase = MCMP__PROXY_IDLE;
    proxy->behind = c->used < c->len;
    give(c, MCMP_AJP_EVENT_PONG, 0, NULL, 0);
    return end_packet(proxy, c);
}

typedef struct packet_type {
    uint32_t least; /* bytes of payload at least */
    uint32_t most;
    uint32_t deciding; /* of them those that `take` looks at, the type included */
    int (*take)(mcmp_ajp_proxy *proxy, call *c);
} packet_type;

static const packet_type types[] = {
    [MCMP__AJP_SEND_CHUNK] = { 3, 65535, 3, on_chunk },
    [MCMP__AJP_SEND_HEADERS] = { 7, 65535, 1, on_headers },
    [MCMP__AJP_END] = { 2, 2, 2, on_end },
    [MCMP__AJP_GET_CHUNK] = { 3, 3, 3, on_get },
    [MCMP__AJP_PONG] = { 1, 1, 1, on_pong },
};

static int take_frame(mcmp_ajp_proxy *proxy, call *c)
{
    const char *bytes = proxy->small.bytes;

    if (!mcmp__ajp_collect(&proxy->small, MCMP__AJP_FRAME, c->data, c->len, &c->used))
        return MCMP_NEED_MORE;
    proxy->payload = mcmp__ajp_get16(bytes + 2);
    if (mcmp__ajp_get16(bytes) != MCMP__AJP_TO_PROXY || proxy->payload == 0)
        return fail(proxy, c, MCMP_ERR_AJP_PACKET, "packet",
                    "not the first bytes of a container's packet");
    return MCMP_OK;
}

static int take_packet(mcmp_ajp_proxy *proxy, call *c)
{
    const packet_type *type;
    uint8_t code;

    if (proxy->small.have == 0)
        proxy->packet_at = proxy->seen + c->used;
    if (proxy->small.have < MCMP__AJP_FRAME) {
        int rc = take_frame(proxy, c);

        if (rc != MCMP_OK)
            return rc;
    }
    if (proxy->small.have < DECIDING &&
        !mcmp__ajp_collect(&proxy->small, DECIDING, c->data, c->len, &c->used))
        return MCMP_NEED_MORE;
    code = (uint8_t)proxy->small.bytes[MCMP__AJP_FRAME];
    type = code < MCMP__COUNT(types) ? &types[code] : &types[0];
    if (type->take == NULL || proxy->payload < type->least || proxy->payload > type->most)
        return fail(proxy, c, MCMP_ERR_AJP_PACKET, "packet",
                    "a type that containers don't send, or not of its length");
    if (!mcmp__ajp_collect(&proxy->small, MCMP__AJP_FRAME + type->deciding, c->data, c->len,
                           &c->used))
        return MCMP_NEED_MORE;
    return type->take(proxy, c);
}

static int (*const steps[])(mcmp_ajp_proxy *proxy, call *c) = {
    [STEP_PACKET] = take_packet,
    [STEP_GATHER] = gather,
    [STEP_DATA] = take_data,
    [STEP_NUL] = take_nul,
};

static int feed(mcmp_ajp_proxy *proxy, call *c)
{
    int rc = MCMP_DONE;

    if (proxy->phase == MCMP__PROXY_FAILED || proxy->phase == MCMP__PROXY_CLOSED)
        return mcmp__fail(c->err, MCMP_ERR_STATE, NULL, "the connection is to be closed");
    if (c->len == 0)
        return MCMP_NEED_MORE;
    proxy->has_reply = 1;
    if (proxy->phase == MCMP__PROXY_IDLE || proxy->phase == MCMP__PROXY_ENDED) {
        proxy->packet_at = proxy->seen;
        rc = fail(proxy, c, MCMP_ERR_AJP_ORDER, "packet", "bytes between two exchanges");
    }
    while (rc == MCMP_DONE)
        rc = c->used < c->len ? steps[proxy->step](proxy, c) : MCMP_NEED_MORE;
    if (rc < 0)
        proxy->phase = MCMP__PROXY_FAILED;
    return rc;
}

int mcmp_ajp_proxy_feed(mcmp_ajp_proxy *proxy, const void *data, size_t len, size_t *used,
                        mcmp_ajp_event *event, mcmp_error *err)
{
    mcmp_ajp_event local = { .struct_size = sizeof(local) };
    call c = { data, len, 0, &local, err };
    int rc;

    if (event == NULL || event->struct_size < sizeof(event->struct_size))
        return mcmp__fail(err, MCMP_ERR_INVALID, "event", "event is not initialised");
    rc = feed(proxy, &c);
    proxy->seen += c.used;
    *used = c.used;
    if (rc != MCMP_OK)
        local.type = 0;
    if (event->struct_size == sizeof(local))
        *event = local;
    else
        (void)mcmp__sized_out(event, &local, sizeof(local));
    return rc;
}

int mcmp_ajp_proxy_end(mcmp_ajp_proxy *proxy, mcmp_error *err)
{
    uint32_t phase = proxy->phase;

    proxy->phase = phase == MCMP__PROXY_FAILED ? phase : MCMP__PROXY_CLOSED;
    if (phase == MCMP__PROXY_IDLE || phase == MCMP__PROXY_ENDED || phase == MCMP__PROXY_CLOSED)
        return MCMP_DONE;
    proxy->phase = MCMP__PROXY_FAILED;
    return mcmp__ajp_fail_at(err, MCMP_ERR_TRUNCATED, "packet", proxy->seen,
                             "the connection ended before End Response");
}

const mcmp_http_head *mcmp_ajp_proxy_head(const mcmp_ajp_proxy *proxy)
{
    return proxy->has_head ? proxy->head : NULL;
}
