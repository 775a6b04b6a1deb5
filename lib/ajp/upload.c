/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client's body on its way to the container (AJP13 4.1 to 4.3): which packet is due, how much
 * of what the host has fits into it, and what still keeps the connection from being used again.
 */
#include "ajp.h"

/*
 * AJP13 5: lengths whose first byte would look like a type of packet (2, 7, 8, 10) to a container
 * that expects none of content; they are cut to one below the range.
 */
static const struct {
    uint32_t from;
    uint32_t to;
} mistakable[] = {
    { 512, 767 },   /* 02xx: Forward Request */
    { 1792, 2303 }, /* 07xx: Shutdown, 08xx: an old ping */
    { 2560, 2815 }, /* 0Axx: CPing */
};

static size_t cut(size_t len)
{
    for (size_t i = 0; i < MCMP__COUNT(mistakable); i++)
        if (len >= mistakable[i].from && len <= mistakable[i].to)
            return mistakable[i].from - 1;
    return len;
}

static int is_due(const mcmp_ajp_proxy *proxy)
{
    return proxy->first_due || (proxy->get_due && proxy->phase != MCMP__PROXY_ENDED);
}

/* Most bytes that the packet may hold. */
static size_t room(const mcmp_ajp_proxy *proxy)
{
    size_t most = proxy->max_packet - MCMP__AJP_FRAME - MCMP__AJP_DATA;

    if (!proxy->first_due)
        most = MCMP__MIN(most, proxy->get_most);
    if (proxy->body_framing == MCMP_HTTP_FRAMING_LENGTH)
        most = (size_t)MCMP__MIN((uint64_t)most, proxy->body_left);
    return most;
}

static void note_sent(mcmp_ajp_proxy *proxy, size_t take, int last)
{
    proxy->body_sent += take;
    if (proxy->body_framing == MCMP_HTTP_FRAMING_LENGTH) {
        proxy->body_left -= take;
        last = proxy->body_left == 0;
    }
    proxy->body_ended = proxy->body_ended || last;
    if (proxy->first_due)
        proxy->first_due = 0;
    else
        proxy->get_due = 0;
    proxy->unsent += MCMP__AJP_FRAME + MCMP__AJP_DATA + take;
}

static void fill(mcmp_ajp_frame *frame, size_t take)
{
    mcmp_ajp_frame local = { .struct_size = sizeof(local) };

    local.take = take;
    local.head_len = MCMP__AJP_FRAME + MCMP__AJP_DATA;
    mcmp__ajp_set16(local.head, MCMP__AJP_TO_CONTAINER);
    mcmp__ajp_set16(local.head + 2, (uint32_t)(take + MCMP__AJP_DATA));
    mcmp__ajp_set16(local.head + 4, (uint32_t)take);
    (void)mcmp__sized_out(frame, &local, sizeof(local));
}

/* AJP13 4.3: an empty packet would make a complete body of what is not. */
static int is_short(const mcmp_ajp_proxy *proxy, size_t len, uint32_t flags)
{
    return (flags & MCMP_AJP_BODY_LAST) != 0 && proxy->body_framing == MCMP_HTTP_FRAMING_LENGTH &&
           len < proxy->body_left;
}

int mcmp_ajp_proxy_encode_body(mcmp_ajp_proxy *proxy, size_t len, uint32_t flags,
                               mcmp_ajp_frame *frame, mcmp_error *err)
{
    size_t take = 0;
    int last = (flags & MCMP_AJP_BODY_LAST) != 0;

    if ((flags & ~MCMP_AJP_BODY_LAST) != 0)
        return mcmp__fail(err, MCMP_ERR_UNSUPPORTED, "flags", "unknown flags");
    if (frame == NULL || frame->struct_size < sizeof(frame->struct_size))
        return mcmp__fail(err, MCMP_ERR_INVALID, "frame", "frame is not initialised");
    if (proxy->phase < MCMP__PROXY_OPEN || proxy->phase > MCMP__PROXY_ENDED)
        return mcmp__fail(err, MCMP_ERR_STATE, NULL, "no exchange is open");
    if (!is_due(proxy))
        return MCMP_DONE;
    if (!proxy->body_ended) {
        if (is_short(proxy, len, flags)) {
            proxy->phase = MCMP__PROXY_FAILED;
            return mcmp__fail(err, MCMP_ERR_AJP_BODY_SHORT, "Content-Length",
                              "the client's body is shorter than its Content-Length");
        }
        take = cut(MCMP__MIN(len, room(proxy)));
        if (take == 0 && !last)
            return MCMP_NEED_MORE;
    }
    fill(frame, take);
    note_sent(proxy, take, last && take == len);
    return MCMP_OK;
}

int mcmp_ajp_proxy_encode_ping(mcmp_ajp_proxy *proxy, char *out, size_t size, size_t *out_len,
                               mcmp_error *err)
{
    mcmp__ajp_out packet;
    int rc;

    if (!mcmp_ajp_proxy_can_reuse(proxy))
        return mcmp__fail(err, MCMP_ERR_STATE, NULL, "the connection is not between exchanges");
    mcmp__ajp_begin(&packet, out, size, MCMP__AJP_TO_CONTAINER);
    mcmp__ajp_put8(&packet, MCMP__AJP_PING);
    rc = mcmp__ajp_finish(&packet, proxy->max_packet, MCMP_ERR_INVALID, out_len, err);
    if (rc != MCMP_OK)
        return rc;
    proxy->phase = MCMP__PROXY_PING;
    proxy->has_reply = 0;
    proxy->unsent += packet.len;
    return MCMP_OK;
}

void mcmp_ajp_proxy_sent(mcmp_ajp_proxy *proxy, uint64_t len)
{
    proxy->unsent -= MCMP__MIN(len, proxy->unsent);
}

int mcmp_ajp_proxy_can_reuse(const mcmp_ajp_proxy *proxy)
{
    int between = proxy->phase == MCMP__PROXY_IDLE || proxy->phase == MCMP__PROXY_ENDED;

    return between && proxy->unsent == 0 && !proxy->first_due && !proxy->get_due && !proxy->behind;
}

void mcmp_ajp_progress_init_sized(mcmp_ajp_progress *progress, size_t size)
{
    mcmp__sized_init(progress, size);
}

int mcmp_ajp_proxy_progress(const mcmp_ajp_proxy *proxy, mcmp_ajp_progress *out)
{
    const mcmp_ajp_progress local = {
        .struct_size = sizeof(local),
        .body_sent = proxy->body_sent,
        .body_taken = proxy->answer_taken,
        .unsent = proxy->unsent,
        .has_reply = proxy->has_reply,
        .has_head = proxy->has_head,
        .has_ended = proxy->phase == MCMP__PROXY_ENDED || proxy->phase == MCMP__PROXY_CLOSED,
        .packets_due = proxy->first_due + proxy->get_due,
    };

    return mcmp__sized_out(out, &local, sizeof(local));
}
