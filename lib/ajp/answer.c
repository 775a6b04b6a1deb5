/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the container role sends (AJP13 3): Send Headers, Send Body Chunk, End Response, Get Body
 * Chunk, CPong. A Content-Length is kept to the byte, and nothing is said that a proxy would have
 * to refuse.
 */
#include "ajp.h"

#define CHUNK_HEAD (MCMP__AJP_FRAME + MCMP__AJP_CHUNK)
#define MOST_ASKED 65533u

static int can_answer(const mcmp_ajp_container *container)
{
    return container->has_request || container->phase == MCMP__CONTAINER_REFUSED;
}

/* Content-Length decides; the others are only checked. */
static int check_line(const mcmp_pair *line, uint64_t *length, uint32_t *lengths, mcmp_error *err)
{
    if (!mcmp__ajp_is_token(line->name) || line->name.len > MCMP__AJP_NAME_MAX)
        return mcmp__fail(err, MCMP_ERR_INVALID, "lines",
                          "the name of a header is no token of up to 255 bytes");
    if (mcmp__ajp_text_bad(line->value) != line->value.len)
        return mcmp__fail(err, MCMP_ERR_INVALID, "lines",
                          "the value of a header holds a control byte");
    if (mcmp__ajp_is_hop(line->name))
        return mcmp__fail(err, MCMP_ERR_INVALID, "lines", "a header that ends at this hop");
    if (!mcmp__span_is_nocase(line->name, "content-length"))
        return MCMP_OK;
    if ((*lengths)++ != 0 || mcmp__parse_uint(line->value, (uint64_t)INT64_MAX, length) != 0)
        return mcmp__fail(err, MCMP_ERR_INVALID, "content-length", "repeated, or not a number");
    return MCMP_OK;
}

static void put_line(mcmp__ajp_out *out, const mcmp_pair *line)
{
    uint32_t code = mcmp__ajp_response_code(line->name);

    if (code != 0)
        mcmp__ajp_put16(out, MCMP__AJP_CODED + code);
    else
        mcmp__ajp_put_string(out, line->name);
    mcmp__ajp_put_string(out, line->value);
}

static uint32_t framing_of(const mcmp_ajp_container *container, uint32_t status, uint32_t lengths)
{
    if (container->request.method == MCMP_HTTP_HEAD || status == 204 || status == 304)
        return MCMP_HTTP_FRAMING_NONE;
    return lengths != 0 ? MCMP_HTTP_FRAMING_LENGTH : MCMP_HTTP_FRAMING_CLOSE;
}

/* The message is the status once more, as Tomcat has it. */
static void put_status(mcmp__ajp_out *out, uint32_t status, size_t count)
{
    char digits[20];

    mcmp__ajp_put8(out, MCMP__AJP_SEND_HEADERS);
    mcmp__ajp_put16(out, status);
    mcmp__ajp_put_string(out, mcmp__span(digits, mcmp__format_uint(digits, status)));
    mcmp__ajp_put16(out, (uint32_t)count);
}

int mcmp_ajp_container_encode_head(mcmp_ajp_container *container, uint32_t status,
                                   const mcmp_pair *lines, size_t count, char *out, size_t size,
                                   size_t *out_len, mcmp_error *err)
{
    mcmp__ajp_out packet;
    uint64_t length = 0;
    uint32_t lengths = 0;
    int rc = MCMP_OK;

    if (!can_answer(container) || container->has_head)
        return mcmp__fail(err, MCMP_ERR_STATE, NULL, "no exchange waits for a head");
    if (status < 200 || status > 599)
        return mcmp__fail(err, MCMP_ERR_INVALID, "status", "the status is not 200..599");
    if (count > container->max_headers)
        return mcmp__fail(err, MCMP_ERR_AJP_SIZE, "max_headers", "too many header lines");
    mcmp__ajp_begin(&packet, out, size, MCMP__AJP_TO_PROXY);
    put_status(&packet, status, count);
    for (size_t i = 0; i < count && rc == MCMP_OK; i++) {
        rc = check_line(&lines[i], &length, &lengths, err);
        put_line(&packet, &lines[i]);
    }
    if (rc == MCMP_OK)
        rc = mcmp__ajp_finish(&packet, container->max_packet, MCMP_ERR_AJP_SIZE, out_len, err);
    if (rc != MCMP_OK)
        return rc;
    container->has_head = 1;
    container->answer_framing = framing_of(container, status, lengths);
    container->answer_left = container->answer_framing == MCMP_HTTP_FRAMING_LENGTH ? length : 0;
    return MCMP_OK;
}

int mcmp_ajp_container_encode_body(mcmp_ajp_container *container, size_t len, mcmp_ajp_frame *frame,
                                   mcmp_error *err)
{
    size_t take = MCMP__MIN(len, container->max_packet - CHUNK_HEAD - 1);
    mcmp_ajp_frame local = { .struct_size = sizeof(local) };

    if (frame == NULL || frame->struct_size < sizeof(frame->struct_size))
        return mcmp__fail(err, MCMP_ERR_INVALID, "frame", "frame is not initialised");
    if (!can_answer(container) || !container->has_head)
        return mcmp__fail(err, MCMP_ERR_STATE, NULL, "no head was sent");
    if (len != 0 && container->answer_framing == MCMP_HTTP_FRAMING_NONE)
        return mcmp__fail(err, MCMP_ERR_STATE, NULL, "this answer has no body");
    if (container->answer_framing == MCMP_HTTP_FRAMING_LENGTH) {
        if (len > container->answer_left)
            return mcmp__fail(err, MCMP_ERR_AJP_LENGTH, "content-length",
                              "more content than Content-Length");
        container->answer_left -= take;
    }
    local.take = take;
    local.head_len = CHUNK_HEAD;
    local.tail_len = 1;
    mcmp__ajp_set16(local.head, MCMP__AJP_TO_PROXY);
    mcmp__ajp_set16(local.head + 2, (uint32_t)(take + MCMP__AJP_CHUNK + 1));
    local.head[MCMP__AJP_FRAME] = MCMP__AJP_SEND_CHUNK;
    mcmp__ajp_set16(local.head + MCMP__AJP_FRAME + 1, (uint32_t)take);
    return mcmp__sized_out(frame, &local, sizeof(local));
}

/* A packet of a type and one number of bytes; 0 bytes: the type alone. */
static int put_small(uint32_t type, uint32_t value, uint32_t bytes, char *out, size_t size,
                     size_t *out_len, mcmp_error *err)
{
    mcmp__ajp_out packet;

    mcmp__ajp_begin(&packet, out, size, MCMP__AJP_TO_PROXY);
    mcmp__ajp_put8(&packet, type);
    if (bytes == 1)
        mcmp__ajp_put8(&packet, value);
    if (bytes == 2)
        mcmp__ajp_put16(&packet, value);
    return mcmp__ajp_finish(&packet, MCMP_AJP_PACKET_MIN, MCMP_ERR_INVALID, out_len, err);
}

int mcmp_ajp_container_encode_end(mcmp_ajp_container *container, uint32_t reuse, char *out,
                                  size_t size, size_t *out_len, mcmp_error *err)
{
    int refused = container->phase == MCMP__CONTAINER_REFUSED;
    int rc;

    if (!can_answer(container) || !container->has_head)
        return mcmp__fail(err, MCMP_ERR_STATE, NULL, "no head was sent");
    if (container->answer_left != 0)
        return mcmp__fail(err, MCMP_ERR_AJP_LENGTH, "content-length",
                          "less content than Content-Length");
    reuse = reuse != 0 && !refused;
    rc = put_small(MCMP__AJP_END, reuse, 1, out, size, out_len, err);
    if (rc != MCMP_OK)
        return rc;
    memset(&container->request, 0, sizeof(container->request)); /* says nothing of a refusal */
    container->has_request = 0;
    container->has_head = 0;
    container->end_due = 0;
    if (!reuse)
        container->phase = MCMP__CONTAINER_CLOSED;
    else if (container->phase == MCMP__CONTAINER_WAIT)
        container->phase = MCMP__CONTAINER_IDLE;
    return MCMP_OK;
}

int mcmp_ajp_container_encode_get_body(mcmp_ajp_container *container, uint32_t most, char *out,
                                       size_t size, size_t *out_len, mcmp_error *err)
{
    int rc;

    if (most > MOST_ASKED)
        return mcmp__fail(err, MCMP_ERR_INVALID, "most", "a packet holds at most 65533 bytes");
    if (container->phase != MCMP__CONTAINER_WAIT)
        return mcmp__fail(err, MCMP_ERR_STATE, NULL,
                          "no exchange is open, or a body packet is on its way");
    if (most == 0)
        most = container->max_packet - MCMP__AJP_FRAME - MCMP__AJP_DATA;
    rc = put_small(MCMP__AJP_GET_CHUNK, most, 2, out, size, out_len, err);
    if (rc == MCMP_OK)
        container->phase = MCMP__CONTAINER_BODY;
    return rc;
}

int mcmp_ajp_container_encode_pong(mcmp_ajp_container *container, char *out, size_t size,
                                   size_t *out_len, mcmp_error *err)
{
    int rc;

    if (!container->pong_due || container->phase >= MCMP__CONTAINER_CLOSED)
        return mcmp__fail(err, MCMP_ERR_STATE, NULL, "nobody asked");
    rc = put_small(MCMP__AJP_PONG, 0, 0, out, size, out_len, err);
    if (rc == MCMP_OK)
        container->pong_due = 0;
    return rc;
}
