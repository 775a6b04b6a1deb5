/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The error catalogue of MCMP 2 (STYLE E5): one row per MCMP_REFUSAL_* with its class, HTTP status
 * and text. Tools match on the texts, so they are fixed.
 */
#ifndef MCMP__REFUSAL_H
#define MCMP__REFUSAL_H

#include "base/base.h"

#define MCMP__MESS_MAX 4096 /* bytes of a Mess */
#define MCMP__KEY_MAX 64    /* bytes of a quoted key */

typedef struct mcmp__refusal {
    uint32_t wire_class; /* MCMP_WIRE_* */
    uint32_t status;     /* HTTP */
    const char *text; /* `$` stands for the next argument, `#` for one of at most KEY_MAX bytes */
} mcmp__refusal;

/* NULL for NONE and unknown codes. */
const mcmp__refusal *mcmp__refusal_row(uint32_t refusal);
/* "SYNTAX", "MEM", "GENERAL"; "?" for others */
const char *mcmp__wire_name(uint32_t wire_class);
/* The Mess: printable, at most MESS_MAX bytes; returns its length. out has room for MESS_MAX. */
size_t mcmp__refusal_mess(const mcmp__refusal *row, const mcmp_span *args, size_t count, char *out);
/* Append text to out[0..len): bytes outside 0x20..0x7e as %XX, whole or not at all beyond max. */
size_t mcmp__mess_add(char *out, size_t len, size_t max, mcmp_span text);

#endif
