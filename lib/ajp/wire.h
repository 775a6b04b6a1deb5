/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The few types of AJP's wire, AJP13 1: writers that count on when the room is used up, getters
 * that check every bound, the first bytes of a packet over several feeds.
 */
#ifndef MCMP__AJP_WIRE_H
#define MCMP__AJP_WIRE_H

#include "../base/base.h"

#define MCMP__AJP_FRAME 4u /* magic and payload length */
#define MCMP__AJP_DATA 2u  /* inner length of a body packet */
#define MCMP__AJP_CHUNK 3u /* type and length of Send Body Chunk */
#define MCMP__AJP_NULL 0xffffu
#define MCMP__AJP_CODED 0xa000u /* names from here on are codes */

#define MCMP__AJP_TO_CONTAINER 0x1234u
#define MCMP__AJP_TO_PROXY 0x4142u

/* packet.c: writing. len goes on counting when the room is used up, so the size needed is known. */
typedef struct mcmp__ajp_out {
    char *data;
    size_t size;
    size_t len;
} mcmp__ajp_out;

static inline void mcmp__ajp_set16(char *at, uint32_t value)
{
    at[0] = (char)(value >> 8);
    at[1] = (char)(value & 0xff);
}
static inline void mcmp__ajp_put8(mcmp__ajp_out *out, uint32_t value)
{
    if (out->len < out->size)
        out->data[out->len] = (char)value;
    out->len++;
}
static inline void mcmp__ajp_put16(mcmp__ajp_out *out, uint32_t value)
{
    out->len += 2;
    if (out->len <= out->size)
        mcmp__ajp_set16(out->data + out->len - 2, value);
}
static inline void mcmp__ajp_put_bytes(mcmp__ajp_out *out, const char *bytes, size_t len)
{
    out->len += len;
    if (out->len <= out->size && len != 0)
        memcpy(out->data + out->len - len, bytes, len);
}
/* A string: length, bytes, NUL. One that is too long leaves no packet room in any case. */
static inline void mcmp__ajp_put_string(mcmp__ajp_out *out, mcmp_span text)
{
    size_t before = out->len;
    char *at;

    out->len += text.len + 3;
    if (out->len > out->size)
        return;
    at = out->data + before;
    mcmp__ajp_set16(at, (uint32_t)text.len);
    if (text.len != 0)
        memcpy(at + 2, text.ptr, text.len);
    at[2 + text.len] = '\0';
}
/* Magic now, the length at the end by mcmp__ajp_finish(). */
void mcmp__ajp_begin(mcmp__ajp_out *out, char *data, size_t size, uint32_t magic);
/* MCMP_OK, or MCMP_ERR_SPACE with the size needed in *out_len; over most: over_code. */
int mcmp__ajp_finish(mcmp__ajp_out *out, size_t most, int over_code, size_t *out_len,
                     mcmp_error *err);

/* Reading a payload that is complete. Nothing moves when a getter fails. */
typedef struct mcmp__ajp_in {
    const char *data;
    size_t len;
    size_t at;
} mcmp__ajp_in;

static inline uint32_t mcmp__ajp_get16(const char *at)
{
    return (uint32_t)((uint8_t)at[0] << 8 | (uint8_t)at[1]);
}
/* 0, or -1 at the end of the payload */
static inline int mcmp__ajp_take8(mcmp__ajp_in *in, uint32_t *out)
{
    if (in->len - in->at < 1)
        return -1;
    *out = (uint8_t)in->data[in->at++];
    return 0;
}
static inline int mcmp__ajp_take16(mcmp__ajp_in *in, uint32_t *out)
{
    if (in->len - in->at < 2)
        return -1;
    *out = mcmp__ajp_get16(in->data + in->at);
    in->at += 2;
    return 0;
}
/*
 * The string whose length was taken, its terminator included: 0 or -1. A null string has ptr NULL.
 * NULs inside are the caller's to find, who looks for other control bytes as well.
 */
static inline int mcmp__ajp_take_rest(mcmp__ajp_in *in, uint32_t len, mcmp_span *out)
{
    const char *text = in->data + in->at;

    if (len == MCMP__AJP_NULL) {
        *out = mcmp__span(NULL, 0);
        return 0;
    }
    if (in->len - in->at < (size_t)len + 1 || text[len] != '\0')
        return -1;
    *out = mcmp__span(text, len);
    in->at += (size_t)len + 1;
    return 0;
}
static inline int mcmp__ajp_take_string(mcmp__ajp_in *in, mcmp_span *out)
{
    size_t before = in->at;
    uint32_t len;

    if (mcmp__ajp_take16(in, &len) == 0 && mcmp__ajp_take_rest(in, len, out) == 0)
        return 0;
    in->at = before;
    return -1;
}

/* The first bytes of a packet, collected over several feeds. */
typedef struct mcmp__ajp_small {
    uint32_t have;
    char bytes[16]; /* 8 more than the last one that is looked at */
} mcmp__ajp_small;
/* Part by part; see below. */
int mcmp__ajp_collect_slow(mcmp__ajp_small *small, uint32_t need, const char *data, size_t len,
                           size_t *used);
/* 1 when need bytes, up to 8, are there; used moves over what was taken. */
static inline int mcmp__ajp_collect(mcmp__ajp_small *small, uint32_t need, const char *data,
                                    size_t len, size_t *used)
{
    if (len - *used < 8)
        return mcmp__ajp_collect_slow(small, need, data, len, used);
    memcpy(small->bytes + small->have, data + *used, 8);
    *used += need - small->have;
    small->have = need;
    return 1;
}

#endif
