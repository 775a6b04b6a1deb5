/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log lines of mcmp-node, see log.h. One write per line, so that lines of several processes on one
 * stream stay whole.
 */
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 1024

static int wanted = MCMP_LOG_INFO;
static int sink = STDERR_FILENO;

void node_log_level(int level)
{
    wanted = level;
}

int node_log_open(const char *file)
{
    int fd = open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);

    if (fd < 0)
        return -1;
    if (sink != STDERR_FILENO)
        (void)close(sink);
    sink = fd;
    return 0;
}

static const char *level_name(int level)
{
    static const char *const names[] = { "error", "warn", "notice", "info", "debug" };

    return level >= MCMP_LOG_ERROR && level <= MCMP_LOG_DEBUG ? names[level - 1] : "?";
}

static size_t stamp(char *out, size_t size)
{
    struct timeval now;
    struct tm utc;
    size_t len;

    (void)gettimeofday(&now, NULL);
    if (gmtime_r(&now.tv_sec, &utc) == NULL)
        return 0;
    len = strftime(out, size, "%Y-%m-%dT%H:%M:%S", &utc);
    return len + (size_t)snprintf(out + len, size - len, ".%03dZ", (int)(now.tv_usec / 1000));
}

static size_t escape(char *out, size_t size, const char *text)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t len = 0;

    for (; *text != '\0' && len + 4 < size; text++) {
        unsigned char c = (unsigned char)*text;

        if (c >= 0x20 && c <= 0x7e) {
            out[len++] = (char)c;
            continue;
        }
        out[len++] = '%';
        out[len++] = digits[c >> 4];
        out[len++] = digits[c & 15];
    }
    return len;
}

/* A whole line: stamp, level, text with other bytes than 0x20..0x7e escaped. */
static void write_line(int level, const char *text)
{
    char line[LINE_MAX_BYTES];
    size_t len = stamp(line, 40);

    len += (size_t)snprintf(line + len, sizeof(line) - len, " %-6s ", level_name(level));
    len += escape(line + len, sizeof(line) - len - 1, text);
    line[len++] = '\n';
    while (write(sink, line, len) < 0)
        if (errno != EINTR)
            return;
}

void node_log_line(int level, const char *text)
{
    if (level <= wanted)
        write_line(level, text);
}

void node_log(int level, const char *subject, const char *fmt, ...)
{
    char text[LINE_MAX_BYTES / 2];
    size_t len;
    va_list args;

    if (level > wanted)
        return;
    len = (size_t)snprintf(text, sizeof(text), "%.200s: ", subject);
    va_start(args, fmt);
    (void)vsnprintf(text + len, sizeof(text) - len, fmt, args);
    va_end(args);
    write_line(level, text);
}
