/* SPDX-License-Identifier: Apache-2.0 */
/* ProxyPassReverse of our balancers: mod_proxy knows no members of them. */
#ifndef MCMP_HTTPD_REVERSE_H
#define MCMP_HTTPD_REVERSE_H

#include "exchange.h"

/* Turns the URLs in the answer's headers that point to the node back into those of the client. */
void reverse_headers(struct exchange *x);

#endif
