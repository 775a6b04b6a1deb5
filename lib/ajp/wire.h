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
int mcmp__ajp_take8(mcmp__ajp_in *in, uint32_t *out);  /* 0 or -1 */
int mcmp__ajp_take16(mcmp__ajp_in *in, uint32_t *out); /* 0 or -1 */
/* The string whose length was taken: 0 or -1. A null string has ptr NULL. NULs inside: -1. */
int mcmp__ajp_take_rest(mcmp__ajp_in *in, uint32_t len, mcmp_span *out);
int mcmp__ajp_take_string(mcmp__ajp_in *in, mcmp_span *out);

/* The first bytes of a packet, collected over several feeds. */
typedef struct mcmp__ajp_small {
    uint32_t have;
    char bytes[12];
} mcmp__ajp_small;
/* 1 when need bytes are there; used moves over what was taken. */
int mcmp__ajp_collect(mcmp__ajp_small *small, uint32_t need, const char *data, size_t len,
                      size_t *used);

#endif
