/* SPDX-License-Identifier: Apache-2.0 */
/* Messages: requests with a method of MCMP in hosts that take them. */
#ifndef MCMP_HTTPD_RECEIVE_H
#define MCMP_HTTPD_RECEIVE_H

#include "module.h"

void receive_register(apr_pool_t *pool);

#endif
