/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The types of the wire (AJP13 1): every getter checks its bound, the terminator included, before
 * it looks (CVE-2026-28780, -33857, -34032, -34059); the writers count on when the room is used up.
 */
#include "ajp.h"

#include "../base/compiler.h"

void mcmp__ajp_begin(mcmp__ajp_out *out, char *data, size_t size, uint32_t magic)
{
    out->data = data;
    out->size = size;
    out->len = 0;
    mcmp__ajp_put16(out, magic);
    mcmp__ajp_put16(out, 0);
}

int mcmp__ajp_finish(mcmp__ajp_out *out, size_t most, int over_code, size_t *out_len,
                     mcmp_error *err)
{
    if (out->len > most)
        return mcmp__fail(err, over_code, "max_packet",
                          "the packet would have %zu bytes, max_packet is %zu", out->len, most);
    *out_len = out->len;
    if (out->len > out->size)
        return mcmp__fail(err, MCMP_ERR_SPACE, "out", "the packet needs %zu bytes of room",
                          out->len);
    mcmp__ajp_set16(out->data + 2, (uint32_t)(out->len - MCMP__AJP_FRAME));
    return MCMP_OK;
}

int mcmp__ajp_take8(mcmp__ajp_in *in, uint32_t *out)
{
    if (in->len - in->at < 1)
        return -1;
    *out = (uint8_t)in->data[in->at++];
    return 0;
}

int mcmp__ajp_take16(mcmp__ajp_in *in, uint32_t *out)
{
    if (in->len - in->at < 2)
        return -1;
    *out = mcmp__ajp_get16(in->data + in->at);
    in->at += 2;
    return 0;
}

int mcmp__ajp_take_rest(mcmp__ajp_in *in, uint32_t len, mcmp_span *out)
{
    const char *text = in->data + in->at;

    if (len == MCMP__AJP_NULL) {
        *out = mcmp__span(NULL, 0);
        return 0;
    }
    if (in->len - in->at < (size_t)len + 1 || text[len] != '\0')
        return -1;
    if (len != 0 && memchr(text, '\0', len) != NULL)
        return -1;
    *out = mcmp__span(text, len);
    in->at += (size_t)len + 1;
    return 0;
}

int mcmp__ajp_take_string(mcmp__ajp_in *in, mcmp_span *out)
{
    mcmp__ajp_in ahead = *in;
    uint32_t len;

    if (mcmp__ajp_take16(&ahead, &len) != 0 || mcmp__ajp_take_rest(&ahead, len, out) != 0)
        return -1;
    *in = ahead;
    return 0;
}

int mcmp__ajp_collect(mcmp__ajp_small *small, uint32_t need, const char *data, size_t len,
                      size_t *used)
{
    size_t take = MCMP__MIN((size_t)(need - small->have), len - *used);

    memcpy(small->bytes + small->have, data + *used, take);
    small->have += (uint32_t)take;
    *used += take;
    return small->have == need;
}

int mcmp__ajp_fail_at(mcmp_error *err, int code, const char *field, uint64_t offset,
                      const char *text)
{
    (void)mcmp__fail(err, code, field, "%s", text);
    mcmp__error_at(err, offset);
    return code;
}

static inline int is_control(char c)
{
    return ((uint8_t)c < 0x20 && c != '\t') || c == 0x7f;
}

size_t mcmp__ajp_text_bad(mcmp_span text)
{
    size_t i = 0;

#ifdef MCMP__CONTROLS16
    while (i + 16 <= text.len && MCMP__CONTROLS16(text.ptr + i) == 0)
        i += 16;
#endif
    while (i < text.len && !is_control(text.ptr[i]))
        i++;
    return i;
}

int mcmp__ajp_is_token(mcmp_span text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!mcmp__is_token_char(text.ptr[i]))
            return 0;
    return text.len != 0;
}

void mcmp_ajp_event_init_sized(mcmp_ajp_event *event, size_t size)
{
    mcmp__sized_init(event, size);
}

void mcmp_ajp_frame_init_sized(mcmp_ajp_frame *frame, size_t size)
{
    mcmp__sized_init(frame, size);
}
