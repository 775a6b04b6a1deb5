/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What encoder, decoder and verifier of a datagram share (MCMP 8): the rules of its values, its
 * date and its digests.
 */
#ifndef MCMP__ADVERTISE_VALUES_H
#define MCMP__ADVERTISE_VALUES_H

#include "base/base.h"

#include <libmcmp/advertise.h>

#define MCMP__ADVERT_HMAC_NAME "X-Manager-Digest: hmac-sha256 "
#define MCMP__ADVERT_DATE_LEN 29 /* Fri, 20 Nov 2026 04:32:41 GMT */
#define MCMP__ADVERT_DATE_MAX INT64_C(253402300799)

typedef struct mcmp__advert_address {
    mcmp_span host; /* without brackets */
    uint32_t port;
} mcmp__advert_address;

/* Each says what is wrong, or NULL. */
const char *mcmp__advert_bad_address(mcmp_span text, mcmp__advert_address *out);
const char *mcmp__advert_bad_server(mcmp_span text);
int mcmp__advert_is_visible(mcmp_span text);   /* 0x21..0x7e */
int mcmp__advert_is_printable(mcmp_span text); /* 0x20..0x7e */

/* date is in 0..MCMP__ADVERT_DATE_MAX; exactly MCMP__ADVERT_DATE_LEN bytes */
void mcmp__advert_date_write(int64_t date, char *out);
int64_t mcmp__advert_date_read(mcmp_span text); /* or MCMP_ADVERT_NO_DATE */

/* Of the values that it covers; 0, or -1 when the provider refuses. out is not NUL-terminated. */
int mcmp__advert_digest(mcmp_span date, mcmp_span sequence, mcmp_span server, mcmp_span key,
                        char out[32]);
int mcmp__advert_hmac(mcmp_span front, mcmp_span back, mcmp_span key, char out[64]);

#endif
