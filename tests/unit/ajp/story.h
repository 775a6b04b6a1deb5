/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happened in an exchange, as text: one line for each event. Content of neighbouring events is
 * one line, so that the text does not depend on cuts.
 */
#ifndef MCMP_TEST_AJP_STORY_H
#define MCMP_TEST_AJP_STORY_H

#include "wire_text.h"

#include <stdarg.h>

#define STORY_ROOM ((size_t)192 << 10)

typedef struct story {
    char text[STORY_ROOM];
    size_t len;
    int in_body;
} story;

SUPPORT_UNUSED static void story_bytes(story *s, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len && s->len + 8 < STORY_ROOM; i++) {
        uint8_t byte = (uint8_t)bytes[i];

        s->len += (size_t)snprintf(s->text + s->len, 8,
                                   byte >= 0x20 && byte < 0x7f ? "%c" : "\\x%02x", byte);
    }
}

SUPPORT_UNUSED static void story_line(story *s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
SUPPORT_UNUSED static void story_line(story *s, const char *format, ...)
{
    va_list args;
    int len;

    if (s->in_body)
        story_bytes(s, "|", 1);
    s->in_body = 0;
    va_start(args, format);
    len = vsnprintf(s->text + s->len, STORY_ROOM - s->len, format, args);
    va_end(args);
    s->len += (size_t)len;
    ck_assert(s->len + 8 < STORY_ROOM);
}

SUPPORT_UNUSED static void story_body(story *s, mcmp_span data)
{
    if (!s->in_body)
        story_line(s, "BODY ");
    s->in_body = 1;
    story_bytes(s, data.ptr, data.len);
}

#endif
