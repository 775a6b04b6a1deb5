/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets as people write them, for tables of tests:
 *   C[ ... ]   a packet of a container, P[ ... ] of a proxy: magic, length of what is inside
 *   00C8       bytes in hex
 *   'text'     bytes
 *   s'text'    a string: length, bytes, NUL;  n  the null string
 *   r300'x'    the text 300 times;  S300'x'  a string of that
 */
#ifndef MCMP_TEST_AJP_WIRE_TEXT_H
#define MCMP_TEST_AJP_WIRE_TEXT_H

#include "support.h"

#define WIRE_ROOM ((size_t)256 << 10)

/* The bytes at the end of readable memory, always the same place: its last use is overwritten. */
SUPPORT_UNUSED static const char *staged(const void *bytes, size_t len)
{
    static char *end;
    static size_t last;

    if (end == NULL) {
        char *room = calloc(1, WIRE_ROOM);

        ck_assert(room != NULL);
        end = guard_copy(room, WIRE_ROOM).ptr + WIRE_ROOM;
        free(room);
    }
    ck_assert(len <= WIRE_ROOM);
    memset(end - last, '!', last);
    last = len;
    if (len != 0)
        memcpy(end - len, bytes, len);
    return end - len;
}

typedef struct wire {
    size_t len;
    char bytes[WIRE_ROOM];
} wire;

static inline void wire_add(wire *w, const void *bytes, size_t len)
{
    ck_assert(w->len + len <= WIRE_ROOM);
    memcpy(w->bytes + w->len, bytes, len);
    w->len += len;
}

static inline void wire_add16(wire *w, size_t value)
{
    const char bytes[2] = { (char)(value >> 8), (char)(value & 0xff) };

    wire_add(w, bytes, 2);
}

static inline int wire_hex(char c)
{
    const char *digits = "0123456789ABCDEF";
    const char *at = c != '\0' ? strchr(digits, c) : NULL;

    return at != NULL ? (int)(at - digits) : -1;
}

/* text points behind the first quote; returns behind the last. */
static inline const char *wire_quoted(wire *w, const char *text, size_t times, int is_string)
{
    const char *end = strchr(text, '\'');

    ck_assert(end != NULL);
    if (is_string)
        wire_add16(w, (size_t)(end - text) * times);
    for (size_t i = 0; i < times; i++)
        wire_add(w, text, (size_t)(end - text));
    if (is_string)
        wire_add(w, "", 1);
    return end + 1;
}

static inline void wire_close(wire *w, size_t open)
{
    size_t len = w->len - open - 4;

    w->bytes[open + 2] = (char)(len >> 8);
    w->bytes[open + 3] = (char)(len & 0xff);
}

static inline const char *wire_token(wire *w, const char *text, size_t *open)
{
    char high;

    if (text[1] == '[' && (*text == 'C' || *text == 'P')) {
        *open = w->len;
        wire_add(w, *text == 'C' ? "AB\0\0" : "\x12\x34\0\0", 4);
        return text + 2;
    }
    if (*text == ']') {
        wire_close(w, *open);
        return text + 1;
    }
    if (*text == 'n') {
        wire_add(w, "\xff\xff", 2);
        return text + 1;
    }
    if (*text == '\'' || (*text == 's' && text[1] == '\''))
        return wire_quoted(w, text + 1 + (*text == 's'), 1, *text == 's');
    if (*text == 'r' || *text == 'S') {
        char *quote;
        size_t times = strtoul(text + 1, &quote, 10);

        return wire_quoted(w, quote + 1, times, *text == 'S');
    }
    ck_assert_msg(wire_hex(text[0]) >= 0 && wire_hex(text[1]) >= 0, "packet text at: %s", text);
    high = (char)(wire_hex(text[0]) << 4 | wire_hex(text[1]));
    wire_add(w, &high, 1);
    return text + 2;
}

/* Appends. */
SUPPORT_UNUSED static void wire_text(wire *w, const char *text)
{
    size_t open = 0;

    while (*text != '\0') {
        if (*text == ' ' || *text == '\n')
            text++;
        else
            text = wire_token(w, text, &open);
    }
}

/* One for the whole program: too large for a stack. */
SUPPORT_UNUSED static wire *wire_of(const char *text)
{
    static wire w;

    w.len = 0;
    wire_text(&w, text);
    return &w;
}

#endif
