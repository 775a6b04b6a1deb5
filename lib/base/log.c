/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finished text to the host's log callback (STYLE 11). No global logger; peer bytes are made
 * printable before they get here.
 */
#include "base.h"

#include <stdarg.h>
#include <stdio.h>

void mcmp_logger_init_sized(mcmp_logger *logger, size_t size)
{
    mcmp__sized_init(logger, size);
}

int mcmp__log_wanted(const mcmp_logger *logger, int level)
{
    if (logger == NULL || logger->fn == NULL)
        return 0;
    return level <= (logger->level != 0 ? logger->level : MCMP_LOG_INFO);
}

void mcmp__log(const mcmp_logger *logger, int level, const char *module, const char *fmt, ...)
{
    char text[512];
    va_list args;
    int len;

    if (!mcmp__log_wanted(logger, level))
        return;
    va_start(args, fmt);
    len = vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    if (len < 0)
        return;
    logger->fn(logger->ctx, level, module, text, MCMP__MIN((size_t)len, sizeof(text) - 1));
}

const char *mcmp__printable(char *out, size_t size, mcmp_span text)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t len = 0;

    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if (c >= 0x20 && c <= 0x7e) {
            if (len + 1 >= size)
                break;
            out[len++] = (char)c;
            continue;
        }
        if (len + 3 >= size)
            break;
        out[len++] = '%';
        out[len++] = hex[c >> 4];
        out[len++] = hex[c & 15];
    }
    out[len] = '\0';
    return out;
}
