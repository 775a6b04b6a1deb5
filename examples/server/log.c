/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The error log of a process. A line is `time level pid module: text`; control bytes and bytes
 * outside ASCII are written as \xHH, so no peer can forge a line. One write call per line on a file
 * opened for appending keeps the lines of several processes apart.
 */
#include "log.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LOG_LINE 2048
#define LIMIT_BURST 10

static struct {
    int fd;
    int level;
} state = { STDERR_FILENO, MCMP_LOG_INFO };

int log_open(const char *path, int level)
{
    int fd = -1;

    if (strcmp(path, "stderr") == 0) {
        fd = STDERR_FILENO;
    } else if (strcmp(path, "off") != 0) {
        fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
        if (fd < 0)
            return -1;
    }
    if (state.fd > STDERR_FILENO)
        close(state.fd);
    state.fd = fd;
    state.level = level;
    return 0;
}

int log_wanted(int level)
{
    return state.fd >= 0 && level <= state.level;
}

size_t log_escape(char *out, size_t size, const char *text, size_t len)
{
    static const char hex[] = "0123456789abcdef";
    size_t used = 0;

    for (size_t i = 0; i < len && used + 5 < size; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c >= 0x20 && c < 0x7f && c != '\\' && c != '"') {
            out[used++] = (char)c;
        } else if (c == '"' || c == '\\') {
            out[used++] = '\\';
            out[used++] = (char)c;
        } else {
            out[used++] = '\\';
            out[used++] = 'x';
            out[used++] = hex[c >> 4];
            out[used++] = hex[c & 15];
        }
    }
    out[used] = '\0';
    return used;
}

/* Control bytes only: our own texts have quotes, the peers' bytes in them were escaped before. */
static void mask_controls(char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || (unsigned char)*text >= 0x7f)
            *text = '?';
}

static void put_line(int level, const char *module, char *text)
{
    static const char *const names[] = { "off", "error", "warn", "notice", "info", "debug" };
    char line[LOG_LINE + 128];
    struct timespec ts;
    struct tm tm;
    char when[32];
    int len;

    clock_gettime(CLOCK_REALTIME, &ts);
    gmtime_r(&ts.tv_sec, &tm);
    strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
    mask_controls(text);
    len = snprintf(line, sizeof(line), "%s.%03ldZ %s %ld %s: %s\n", when, ts.tv_nsec / 1000000,
                   names[level >= 0 && level <= MCMP_LOG_DEBUG ? level : 0], (long)getpid(), module,
                   text);
    if (len >= (int)sizeof(line)) {
        len = sizeof(line) - 1;
        line[len - 1] = '\n';
    }
    if (write(state.fd, line, (size_t)len) < 0)
        return; /* nowhere left to complain */
}

void log_write(int level, const char *module, const char *format, ...)
{
    char text[LOG_LINE];
    va_list args;

    if (!log_wanted(level))
        return;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    put_line(level, module, text);
}

void log_library(void *ctx, int level, const char *module, const char *msg, size_t len)
{
    char text[LOG_LINE];

    (void)ctx;
    if (!log_wanted(level))
        return;
    if (len >= sizeof(text))
        len = sizeof(text) - 1;
    memcpy(text, msg, len);
    text[len] = '\0';
    put_line(level, module, text);
}

int log_allowed(struct log_limit *limit, mcmp_time now, uint32_t *dropped)
{
    *dropped = 0;
    if (now - limit->since > MCMP_SEC) {
        *dropped = limit->dropped;
        limit->since = now;
        limit->count = 0;
        limit->dropped = 0;
    }
    if (++limit->count <= LIMIT_BURST)
        return 1;
    limit->dropped++;
    return 0;
}
