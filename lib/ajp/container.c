/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a proxy sends (AJP13 2 and 4). The first four bytes of a packet do not tell whether it is
 * content; that depends on what is due, so a packet is looked at only when something is due: a
 * request or CPing between exchanges, a body packet when one was announced or asked for. What comes
 * at another time stays where it is. A request is gathered, as its views must last; content is not.
 */
#include "ajp.h"

#define STEP_FRAME 0  /* the first four bytes */
#define STEP_TYPE 1   /* the type of what is no content */
#define STEP_GATHER 2 /* a Forward Request */
#define STEP_INNER 3  /* inner length of a body packet */
#define STEP_DATA 4   /* its content */

#define DECIDING (MCMP__AJP_FRAME + 1)

typedef struct call {
    const char *data;
    size_t len;
    size_t used;
    mcmp_ajp_event *event;
    mcmp_error *err;
} call;

static int fail(const mcmp_ajp_container *container, const call *c, int code, const char *field,
                const char *text)
{
    return mcmp__ajp_fail_at(c->err, code, field, container->packet_at, text);
}

static void forget(mcmp_ajp_container *container)
{
    const size_t kept = offsetof(mcmp_ajp_container, seen);

    memset((char *)container + kept, 0, sizeof(*container) - kept);
}

/* The secret, then the names, one behind the other. */
static void copy_texts(mcmp_ajp_container *container, const mcmp_ajp_options *opts, char *room)
{
    container->secret = mcmp__span(room, opts->secret.len);
    if (opts->secret.len != 0)
        memcpy(room, opts->secret.ptr, opts->secret.len);
    room += opts->secret.len;
    container->allow_count = (uint32_t)opts->allow_count;
    for (size_t i = 0; i < opts->allow_count; i++) {
        mcmp_span name = opts->allow[i];

        if (name.len != 0)
            memcpy(room, name.ptr, name.len);
        container->allow[i] = mcmp__span(room, name.len);
        room += name.len;
    }
}

/* Bytes of the object with all that lies behind it; texts are the last part. */
static int size_of(const mcmp_ajp_options *opts, size_t *fixed, size_t *all)
{
    *fixed = sizeof(mcmp_ajp_container) +
             (opts->max_headers + MCMP__AJP_ATTRIBUTES) * sizeof(mcmp_pair) +
             opts->allow_count * sizeof(mcmp_span) + opts->max_accept;
    if (mcmp__add_size(*fixed, opts->secret.len, all) != 0)
        return -1;
    for (size_t i = 0; i < opts->allow_count; i++)
        if (mcmp__add_size(*all, opts->allow[i].len, all) != 0)
            return -1;
    return 0;
}

int mcmp_ajp_container_new(mcmp_ajp_container **out, const mcmp_ajp_options *opts, mcmp_error *err)
{
    mcmp_ajp_options taken;
    mcmp_allocator allocator;
    mcmp_ajp_container *container;
    size_t fixed;
    size_t size;
    int rc;

    if (out == NULL)
        return mcmp__fail(err, MCMP_ERR_INVALID, "out", "out is NULL");
    rc = mcmp__ajp_options_take(&taken, opts, &allocator, err);
    if (rc != MCMP_OK)
        return rc;
    if (size_of(&taken, &fixed, &size) != 0)
        return mcmp__fail(err, MCMP_ERR_INVALID, "allow", "the names are too long");
    container = mcmp__alloc(&allocator, size);
    if (container == NULL)
        return mcmp__fail(err, MCMP_ERR_NOMEM, NULL, "no memory for a connection of a proxy");
    memset(container, 0, sizeof(*container));
    container->allocator = allocator;
    container->size = size;
    container->max_packet = taken.max_packet;
    container->max_accept = taken.max_accept;
    container->max_headers = taken.max_headers;
    container->lines = (mcmp_pair *)(container + 1);
    container->attributes = container->lines + taken.max_headers;
    container->allow = (mcmp_span *)(container->attributes + MCMP__AJP_ATTRIBUTES);
    container->packet = (char *)(container->allow + taken.allow_count);
    copy_texts(container, &taken, (char *)container + fixed);
    *out = container;
    return MCMP_OK;
}

void mcmp_ajp_container_free(mcmp_ajp_container *container)
{
    if (container == NULL)
        return;
    mcmp_allocator allocator = container->allocator;
    mcmp__free(&allocator, container, container->size);
}

void mcmp_ajp_container_reset(mcmp_ajp_container *container)
{
    forget(container);
}

static int next_packet(mcmp_ajp_container *container, const call *c)
{
    container->step = STEP_FRAME;
    container->small.have = 0;
    return c->event->type != 0 ? MCMP_OK : MCMP_DONE;
}

/* The body packet is taken: nothing more is due. */
static int end_body_packet(mcmp_ajp_container *container, const call *c)
{
    container->phase = container->has_request ? MCMP__CONTAINER_WAIT : MCMP__CONTAINER_IDLE;
    return next_packet(container, c);
}

static void end_body(mcmp_ajp_container *container)
{
    container->end_due = !container->body.ended && container->has_request;
    container->body.ended = 1;
}

static int begin_request(mcmp_ajp_container *container, const call *c)
{
    const mcmp_ajp_request *request = &container->request;
    int rc = mcmp__ajp_request_take(container, container->payload, c->err);
    int has_body;

    if (rc != MCMP_OK)
        return rc;
    has_body = request->framing == MCMP_HTTP_FRAMING_CHUNKED || request->length != 0;
    container->body.framing = request->framing;
    container->body.left = request->length;
    container->body.ended = !has_body;
    container->end_due = !has_body;
    container->has_request = 1;
    container->has_head = 0;
    container->stray = !has_body;
    container->phase = request->length != 0 ? MCMP__CONTAINER_BODY : MCMP__CONTAINER_WAIT;
    c->event->type = MCMP_AJP_EVENT_HEAD;
    return next_packet(container, c);
}

static int gather(mcmp_ajp_container *container, call *c)
{
    size_t take = MCMP__MIN((size_t)(container->payload - container->gathered), c->len - c->used);

    memcpy(container->packet + container->gathered, c->data + c->used, take);
    container->gathered += (uint32_t)take;
    c->used += take;
    return container->gathered < container->payload ? MCMP_NEED_MORE : begin_request(container, c);
}

/* Between exchanges: AJP13 2. Shutdown is refused like all that is no request and no CPing. */
static int take_type(mcmp_ajp_container *container, call *c)
{
    uint8_t type;

    if (!mcmp__ajp_collect(&container->small, DECIDING, c->data, c->len, &c->used))
        return MCMP_NEED_MORE;
    type = (uint8_t)container->small.bytes[MCMP__AJP_FRAME];
    if (type == MCMP__AJP_PING && container->payload == 1) {
        container->pong_due = 1;
        c->event->type = MCMP_AJP_EVENT_PING;
        return next_packet(container, c);
    }
    if (type != MCMP__AJP_FORWARD)
        return fail(container, c, MCMP_ERR_AJP_PACKET, "packet",
                    "neither a request nor a CPing of one byte");
    if (container->payload + MCMP__AJP_FRAME > container->max_accept)
        return fail(container, c, MCMP_ERR_AJP_SIZE, "max_accept", "a packet over max_accept");
    container->packet[0] = MCMP__AJP_FORWARD;
    container->gathered = 1;
    container->step = STEP_GATHER;
    return container->gathered < container->payload ? MCMP_DONE : begin_request(container, c);
}

/* AJP13 4.3: an empty packet ends the body; one that is announced as longer was cut off. */
static int take_empty(mcmp_ajp_container *container, const call *c)
{
    if (container->body.framing == MCMP_HTTP_FRAMING_LENGTH && container->body.left != 0 &&
        container->has_request)
        return fail(container, c, MCMP_ERR_AJP_LENGTH, "content-length",
                    "the body is shorter than its content-length");
    end_body(container);
    return end_body_packet(container, c);
}

static int take_inner(mcmp_ajp_container *container, call *c)
{
    if (!mcmp__ajp_collect(&container->small, MCMP__AJP_FRAME + MCMP__AJP_DATA, c->data, c->len,
                           &c->used))
        return MCMP_NEED_MORE;
    container->left = mcmp__ajp_get16(container->small.bytes + MCMP__AJP_FRAME);
    if (container->left + MCMP__AJP_DATA != container->payload)
        return fail(container, c, MCMP_ERR_AJP_PACKET, "body packet",
                    "the length of the data is not that of the packet");
    if (container->left == 0)
        return take_empty(container, c);
    if (container->body.ended && container->has_request)
        return fail(container, c, MCMP_ERR_AJP_LENGTH, "body packet",
                    "content behind the end of the body");
    if (container->body.framing == MCMP_HTTP_FRAMING_LENGTH) {
        if (container->left > container->body.left)
            return fail(container, c, MCMP_ERR_AJP_LENGTH, "content-length",
                        "the body is longer than its content-length");
        container->body.left -= container->left;
    }
    container->step = STEP_DATA;
    return MCMP_DONE;
}

static int take_data(mcmp_ajp_container *container, call *c)
{
    size_t take = MCMP__MIN((size_t)container->left, c->len - c->used);

    if (container->has_request) {
        c->event->type = MCMP_AJP_EVENT_BODY;
        c->event->data = mcmp__span(c->data + c->used, take);
    }
    c->used += take;
    container->left -= (uint32_t)take;
    if (container->left != 0)
        return c->event->type != 0 ? MCMP_OK : MCMP_NEED_MORE;
    if (container->body.framing == MCMP_HTTP_FRAMING_LENGTH && container->body.left == 0)
        end_body(container);
    return end_body_packet(container, c);
}

/* One empty packet after a request without a body: lighttpd's mod_ajp13 sends it unasked. */
static int take_stray(mcmp_ajp_container *container, const call *c)
{
    if (!container->stray)
        return fail(container, c, MCMP_ERR_AJP_PACKET, "packet", "an empty packet");
    container->stray = 0;
    return next_packet(container, c);
}

static int take_frame(mcmp_ajp_container *container, call *c)
{
    const char *bytes = container->small.bytes;

    if (container->small.have == 0)
        container->packet_at = container->seen + c->used;
    if (!mcmp__ajp_collect(&container->small, MCMP__AJP_FRAME, c->data, c->len, &c->used))
        return MCMP_NEED_MORE;
    container->payload = mcmp__ajp_get16(bytes + 2);
    if (mcmp__ajp_get16(bytes) != MCMP__AJP_TO_CONTAINER)
        return fail(container, c, MCMP_ERR_AJP_PACKET, "packet",
                    "not the first bytes of a proxy's packet");
    if (container->payload == 0)
        return container->phase == MCMP__CONTAINER_BODY ? take_empty(container, c)
                                                        : take_stray(container, c);
    container->step = container->phase == MCMP__CONTAINER_BODY ? STEP_INNER : STEP_TYPE;
    if (container->step == STEP_INNER &&
        container->payload + MCMP__AJP_FRAME > container->max_accept)
        return fail(container, c, MCMP_ERR_AJP_SIZE, "max_accept", "a packet over max_accept");
    return MCMP_DONE;
}

static int (*const steps[])(mcmp_ajp_container *container, call *c) = {
    [STEP_FRAME] = take_frame, [STEP_TYPE] = take_type, [STEP_GATHER] = gather,
    [STEP_INNER] = take_inner, [STEP_DATA] = take_data,
};

/* 1 when the bytes may be looked at now. */
static int is_due(const mcmp_ajp_container *container)
{
    if (container->pong_due)
        return 0;
    return container->phase == MCMP__CONTAINER_IDLE || container->phase == MCMP__CONTAINER_BODY;
}

/* An answer is possible when one is due and did not begin. */
static uint32_t phase_after(const mcmp_ajp_container *container, int rc)
{
    int due =
        container->has_request ? !container->has_head : container->phase == MCMP__CONTAINER_IDLE;

    return due && mcmp_ajp_container_status_of(rc) != 0 ? MCMP__CONTAINER_REFUSED
                                                        : MCMP__CONTAINER_FAILED;
}

static int tell_end(mcmp_ajp_container *container, const call *c)
{
    container->end_due = 0;
    c->event->type = MCMP_AJP_EVENT_END;
    return MCMP_OK;
}

static int feed(mcmp_ajp_container *container, call *c)
{
    int rc = MCMP_DONE;

    if (container->phase >= MCMP__CONTAINER_CLOSED)
        return mcmp__fail(c->err, MCMP_ERR_STATE, NULL, "the connection is to be closed");
    if (container->end_due)
        return tell_end(container, c);
    while (rc == MCMP_DONE) {
        if (c->used == c->len)
            rc = MCMP_NEED_MORE;
        else if (!is_due(container))
            rc = MCMP_PENDING;
        else
            rc = steps[container->step](container, c);
        if (rc == MCMP_DONE && container->end_due)
            rc = tell_end(container, c);
    }
    if (rc < 0)
        container->phase = phase_after(container, rc);
    return rc;
}

int mcmp_ajp_container_feed(mcmp_ajp_container *container, const void *data, size_t len,
                            size_t *used, mcmp_ajp_event *event, mcmp_error *err)
{
    mcmp_ajp_event local = { .struct_size = sizeof(local) };
    call c = { data, len, 0, &local, err };
    int rc;

    if (event == NULL || event->struct_size < sizeof(event->struct_size))
        return mcmp__fail(err, MCMP_ERR_INVALID, "event", "event is not initialised");
    rc = feed(container, &c);
    container->seen += c.used;
    *used = c.used;
    if (rc != MCMP_OK)
        local.type = 0;
    (void)mcmp__sized_out(event, &local, sizeof(local));
    return rc;
}

const mcmp_ajp_request *mcmp_ajp_container_request(const mcmp_ajp_container *container)
{
    return container->has_request ? &container->request : NULL;
}

int mcmp_ajp_container_header(const mcmp_ajp_container *container, uint32_t index, mcmp_pair *out)
{
    if (!container->has_request || index >= container->request.header_count)
        return MCMP_ERR_NOT_FOUND;
    *out = container->lines[index];
    return MCMP_OK;
}

int mcmp_ajp_container_attribute(const mcmp_ajp_container *container, uint32_t index,
                                 mcmp_pair *out)
{
    if (!container->has_request || index >= container->request.attribute_count)
        return MCMP_ERR_NOT_FOUND;
    *out = container->attributes[index];
    return MCMP_OK;
}

int mcmp_ajp_container_wants_body(const mcmp_ajp_container *container)
{
    return container->phase == MCMP__CONTAINER_WAIT && !container->body.ended;
}
