/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The error log: one line per event, written whole, whatever bytes a peer managed to get into it
 * are escaped. Levels are those of the library (MCMP_LOG_*).
 */
#ifndef SERVER_LOG_H
#define SERVER_LOG_H

#include <stddef.h>
#include <stdint.h>

#include <libmcmp/base.h>

/* Suppresses floods of one kind of event: a burst, then one line per second with a count. */
struct log_limit {
    mcmp_time since;
    uint32_t count;
    uint32_t dropped;
};

/* Open (or open again) the log: "stderr", "off" or a path. 0, or -1 (the old one stays). */
int log_open(const char *path, int level);
int log_wanted(int level);
void log_write(int level, const char *module, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* 1 when an event may be written now; *dropped tells how many were not since the last one. */
int log_allowed(struct log_limit *limit, mcmp_time now, uint32_t *dropped);
/* mcmp_log_fn */
void log_library(void *ctx, int level, const char *module, const char *msg, size_t len);
/* Escape what is no printable ASCII, backslash and quote; returns the length, always < size. */
size_t log_escape(char *out, size_t size, const char *text, size_t len);

#endif
