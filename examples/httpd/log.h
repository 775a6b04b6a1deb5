/* SPDX-License-Identifier: Apache-2.0 */
/* Events of the library in httpd's error log. */
#ifndef MCMP_HTTPD_LOG_H
#define MCMP_HTTPD_LOG_H

#include "module.h"

/* A logger that writes to the error log of s; s is kept. */
void log_init(mcmp_logger *logger, server_rec *s);

#endif
