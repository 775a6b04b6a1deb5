/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of sections in brackets and `key = value` lines; comments begin a line with # or ;. What
 * sections and keys there are is the caller's business.
 */
#ifndef SERVER_INI_H
#define SERVER_INI_H

#include <stdio.h>

#include "config.h"

/* A section begins (key NULL), or a pair of the last one. 0, or -1 with the complaint. */
typedef int (*ini_fn)(void *ctx, const char *section, const char *key, const char *value,
                      struct complaint *why);

/* Read all of an open file. 0, or -1 with "PATH:LINE: ..." */
int ini_read(FILE *file, const char *path, ini_fn fn, void *ctx, struct complaint *why);

#endif
