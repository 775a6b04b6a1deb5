/* SPDX-License-Identifier: Apache-2.0 */
/* The Date header of answers that have none (RFC 9110 6.6.1). */
#ifndef SERVER_DATE_H
#define SERVER_DATE_H

#include <libmcmp/base.h>

/* The line with the time of now; view, valid until the next second is asked for. */
const mcmp_pair *date_header(void);

#endif
