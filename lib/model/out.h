/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stream of rendered bytes on its way to a mcmp_write_fn, with one escaper per format (DESIGN 6).
 * Pieces are collected in a small buffer, so a callback is made per 2 KiB and not per field. The
 * first failure is kept: writers check once, at the end.
 */
#ifndef MCMP__MODEL_OUT_H
#define MCMP__MODEL_OUT_H

#include "base/base.h"

#include <libmcmp/view.h>

typedef struct mcmp__out {
    mcmp_write_fn write;
    void *ctx;
    int failed; /* MCMP_OK or MCMP_ERR_CALLBACK */
    size_t len;
    char data[2048];
} mcmp__out;

void mcmp__out_init(mcmp__out *out, mcmp_write_fn write, void *ctx);
int mcmp__out_end(mcmp__out *out); /* hands over the rest; the result of the whole stream */

void mcmp__out_piece(mcmp__out *out, const char *data, size_t len); /* of any length */

static inline void mcmp__out_bytes(mcmp__out *out, const char *data, size_t len)
{
    if (len >= sizeof(out->data) || out->len + len >= sizeof(out->data)) {
        mcmp__out_piece(out, data, len);
        return;
    }
    memcpy(out->data + out->len, data, len);
    out->len += len;
}

static inline void mcmp__out_str(mcmp__out *out, const char *text) /* as it is */
{
    mcmp__out_bytes(out, text, strlen(text));
}

static inline void mcmp__out_char(mcmp__out *out, char c)
{
    mcmp__out_bytes(out, &c, 1);
}

void mcmp__out_uint(mcmp__out *out, uint64_t value);
void mcmp__out_int(mcmp__out *out, int64_t value);
/* Text followed by a number, the most frequent pair in the line forms. */
void mcmp__out_str_uint(mcmp__out *out, const char *text, uint64_t value);
/* A time in the unit given (MCMP_MSEC, MCMP_SEC), as decimal fraction without trailing zeros. */
void mcmp__out_time(mcmp__out *out, mcmp_time value, mcmp_time unit);

/* Names of peers. MCMP 2: bytes outside 0x20..0x7e become %XX in every text form. */
void mcmp__out_text(mcmp__out *out, mcmp_span text);
int mcmp__is_plain_text(mcmp_span text);              /* 1: out_text() changes nothing */
void mcmp__out_amp(mcmp__out *out, mcmp_span text);   /* a value in an answer joined by & */
int mcmp__is_plain_amp(mcmp_span text);               /* 1: out_amp() changes nothing */
void mcmp__out_xml(mcmp__out *out, mcmp_span text);   /* XML and HTML, text or quoted attribute */
void mcmp__out_json(mcmp__out *out, mcmp_span text);  /* with its quotes */
void mcmp__out_label(mcmp__out *out, mcmp_span text); /* value of a Prometheus label */

/* Short texts in one piece: append to room that is known to suffice; the new end. */
static inline char *mcmp__add_span(char *at, mcmp_span text)
{
    memcpy(at, text.ptr, text.len);
    return at + text.len;
}

#define MCMP__ADD(at, literal) \
    ((char *)memcpy((at), (literal), sizeof(literal) - 1) + sizeof(literal) - 1)

#endif
