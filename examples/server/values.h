/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts of the configuration to values. Every function returns 0, or -1 when the text is no such
 * value; nothing is set then.
 */
#ifndef SERVER_VALUES_H
#define SERVER_VALUES_H

#include <stddef.h>
#include <stdint.h>

#include "config.h"

int value_int(const char *text, int64_t *out);  /* -?digits */
int value_size(const char *text, int64_t *out); /* digits, optional k, m or g */
int value_time(const char *text, int64_t *out); /* us; digits with us ms s min h d */
int value_bool(const char *text, int64_t *out); /* yes no on off true false 1 0 */
int value_word(const char *text, const char *const *words, int64_t *out);
int value_address(const char *text, struct address *out); /* ADDR:PORT, [V6]:PORT, *:PORT */
/* "ADDR:PORT" of a socket address; out has room for 64 bytes. */
void value_address_text(const struct sockaddr *addr, char *out);

#endif
