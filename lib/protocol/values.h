/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The forms of MCMP 3.4 as pure functions: text in, value out. Each returns 0, or -1 when the text
 * has not the form; then the output is untouched. Numbers too great for their type saturate.
 */
#ifndef MCMP__VALUES_H
#define MCMP__VALUES_H

#include "base/base.h"

#define MCMP__WAIT_MAX ((mcmp_time)1 << 62)

int mcmp__value_bool(mcmp_span text, int *out);
int mcmp__value_flush(mcmp_span text, uint32_t *out);
/* integer with unit ms, s, mi, min, h in any case; unit is that of a bare number */
int mcmp__value_duration(mcmp_span text, mcmp_time unit, mcmp_time *out);
int mcmp__value_int(mcmp_span text, int64_t min, int64_t max, int64_t *out);
int mcmp__value_seconds(mcmp_span text, mcmp_time *out);
int mcmp__value_load(mcmp_span text, int32_t *out);
int mcmp__value_scheme(mcmp_span text, uint32_t *out);

/* What a Host turned out to be. */
#define MCMP__HOST_OK 0
#define MCMP__HOST_CHARS 1    /* a comma, bracket or blank where none may be */
#define MCMP__HOST_BAD 2      /* neither a name nor an address */
#define MCMP__HOST_WILDCARD 3 /* an address or sign that stands for all of them */

/*
 * The canonical form of a Host: IPv6 in brackets, without zone; otherwise as sent. out has room for
 * text.len + 2; it is filled for OK and WILDCARD.
 */
int mcmp__value_host(mcmp_span text, char *out, size_t *out_len);

#endif
