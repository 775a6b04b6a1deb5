/* SPDX-License-Identifier: Apache-2.0 */
/* Messages, clock and spans, see ctl.h. */
#include "ctl.h"

#include <stdarg.h>
#include <string.h>
#include <time.h>

int ctl_fail(int code, const char *format, ...)
{
    va_list args;

    (void)fflush(stdout);
    (void)fputs("mcmpctl: ", stderr);
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)fputc('\n', stderr);
    return code;
}

mcmp_time ctl_now(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (mcmp_time)now.tv_sec * MCMP_SEC + now.tv_nsec / 1000;
}

void ctl_sleep(mcmp_time time)
{
    struct timespec wait = { time / MCMP_SEC, time % MCMP_SEC * 1000 };

    if (time > 0)
        (void)nanosleep(&wait, NULL);
}

mcmp_span ctl_span(const char *text)
{
    mcmp_span span = { text, strlen(text) };

    return span;
}

int ctl_span_is(mcmp_span span, const char *text)
{
    return span.len == strlen(text) && memcmp(span.ptr, text, span.len) == 0;
}

int ctl_parse_digits(const char *text, int64_t max, int64_t *out, const char **out_end)
{
    int64_t value = 0;

    if (*text < '0' || *text > '9')
        return -1;
    for (; *text >= '0' && *text <= '9'; text++) {
        value = value * 10 + (*text - '0');
        if (value > max)
            return -1;
    }
    *out = value;
    *out_end = text;
    return 0;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
        return (c | 0x20) - 'a' + 10;
    return -1;
}

int ctl_unescape(mcmp_span text, char *out, size_t size, size_t *out_len)
{
    *out_len = 0;
    for (size_t i = 0; i < text.len; i++) {
        int high = text.ptr[i] == '%' && text.len - i >= 3 ? hex_digit(text.ptr[i + 1]) : -1;
        int low = high >= 0 ? hex_digit(text.ptr[i + 2]) : -1;
        int byte = low >= 0 ? high * 16 + low : ' ';

        if (*out_len == size)
            return -1;
        if (byte < 0x20 || byte > 0x7e)
            i += 2;
        else
            byte = text.ptr[i];
        out[(*out_len)++] = (char)byte;
    }
    return 0;
}
