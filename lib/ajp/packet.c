/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Beginning and end of a packet, its first bytes over several feeds, and the bytes that texts may
 * hold. The getters are in wire.h: each checks its bound, the terminator included, before it looks
 * (CVE-2026-28780, -33857, -34032, -34059).
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

int mcmp__ajp_collect_slow(mcmp__ajp_small *small, uint32_t need, const char *data, size_t len,
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

/* Is one of 8 bytes below 0x20, TAB included, or DEL? */
static inline int has_control8(const char *text)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t word;
    uint64_t del;

    memcpy(&word, text, sizeof(word));
    del = word ^ (ones * 0x7f);
    return ((((word - ones * 0x20) & ~word) | ((del - ones) & ~del)) & (ones * 0x80)) != 0;
}

/* Steps overlap at the end, so that none goes beyond it. */
static int is_plain(mcmp_span text)
{
    size_t i = 0;

    if (text.len < 8)
        return 0;
#ifdef MCMP__CONTROLS16
    for (; i + 16 <= text.len; i += 16)
        if (MCMP__CONTROLS16(text.ptr + i) != 0)
            return 0;
    if (i != 0)
        return MCMP__CONTROLS16(text.ptr + text.len - 16) == 0;
#endif
    for (; i + 8 <= text.len; i += 8)
        if (has_control8(text.ptr + i))
            return 0;
    return !has_control8(text.ptr + text.len - 8);
}

size_t mcmp__ajp_text_bad(mcmp_span text)
{
    size_t i = 0;

    if (is_plain(text))
        return text.len;
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
