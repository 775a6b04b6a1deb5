/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Internal helpers of all folders: sized structs, errors, memory, growing buffers, text.
 * Nothing here does I/O. Every function is safe to call from any thread on separate data.
 */
#ifndef MCMP__BASE_H
#define MCMP__BASE_H

#include <libmcmp/base.h>

#include <string.h>

#ifdef NDEBUG
#define MCMP__ASSERT(x) ((void)0)
#else
#include <assert.h>
#define MCMP__ASSERT(x) assert(x)
#endif

#define MCMP__COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define MCMP__MIN(a, b) ((a) < (b) ? (a) : (b))
#define MCMP__MAX(a, b) ((a) > (b) ? (a) : (b))

/* A span over a string literal, also in initialisers. */
#define MCMP__SPAN(literal)            \
    {                                  \
        (literal), sizeof(literal) - 1 \
    }

/* The parts of a handle */
#define MCMP__HANDLE_PARTS
static inline uint32_t mcmp__handle_index(mcmp_handle handle)
{
    return (uint32_t)handle;
}
static inline uint32_t mcmp__handle_generation(mcmp_handle handle)
{
    return (uint32_t)(handle >> 32);
}

/* Structs that cross the border (STYLE A2, A3) */
void mcmp__sized_init(void *dst, size_t size);
int mcmp__sized_in(void *dst, size_t dst_size, const void *src, size_t min_size);
int mcmp__sized_out(void *dst, const void *src, size_t src_size);

/* Errors: each returns its code, so that `return mcmp__fail(err, CODE, ...)` reads in one line. */
int mcmp__fail(mcmp_error *err, int code, const char *field, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
int mcmp__fail_os(mcmp_error *err, int os_status, const char *what);
void mcmp__error_wire(mcmp_error *err, uint32_t wire_class);
void mcmp__error_at(mcmp_error *err, uint64_t offset);

/* Memory. An allocator that went through mcmp__allocator_take() has no NULL entry. */
int mcmp__allocator_take(mcmp_allocator *dst, const mcmp_allocator *src);
void *mcmp__alloc(const mcmp_allocator *a, size_t size);
void *mcmp__calloc(const mcmp_allocator *a, size_t count, size_t size);
void *mcmp__realloc(const mcmp_allocator *a, void *ptr, size_t old_size, size_t new_size);
void mcmp__free(const mcmp_allocator *a, void *ptr, size_t size);
/* 0 and *out = a * b or a + b; -1 on overflow */
int mcmp__mul_size(size_t a, size_t b, size_t *out);
int mcmp__add_size(size_t a, size_t b, size_t *out);

/* A growing byte buffer. A failed append is kept: mcmp__buf_failed() tells at the end. */
typedef struct mcmp__buf {
    const mcmp_allocator *allocator;
    char *data;
    size_t len;
    size_t cap;
    size_t limit; /* 0 = none */
    int failed;   /* 0, MCMP_ERR_NOMEM or MCMP_ERR_LIMIT */
} mcmp__buf;

void mcmp__buf_init(mcmp__buf *buf, const mcmp_allocator *allocator, size_t limit);
void mcmp__buf_clear(mcmp__buf *buf); /* frees */
/* keeps the memory */
static inline void mcmp__buf_reset(mcmp__buf *buf)
{
    buf->len = 0;
    buf->failed = 0;
}

int mcmp__buf_reserve(mcmp__buf *buf, size_t more);
void mcmp__buf_add_slow(mcmp__buf *buf, const void *data, size_t len); /* may have to grow */
static inline void mcmp__buf_add(mcmp__buf *buf, const void *data, size_t len)
{
    if (len == 0 || len > buf->cap - buf->len || buf->limit != 0 || buf->failed != 0) {
        mcmp__buf_add_slow(buf, data, len);
        return;
    }
    memcpy(buf->data + buf->len, data, len);
    buf->len += len;
}
void mcmp__buf_add_span(mcmp__buf *buf, mcmp_span span);
void mcmp__buf_add_str(mcmp__buf *buf, const char *text);
void mcmp__buf_add_char(mcmp__buf *buf, char c);
void mcmp__buf_add_uint(mcmp__buf *buf, uint64_t value);
void mcmp__buf_add_int(mcmp__buf *buf, int64_t value);

/* Text. No locale, no NUL terminators. Inline where a call would cost more than the work. */
static inline mcmp_span mcmp__span(const char *ptr, size_t len)
{
    mcmp_span span = { ptr, len };

    return span;
}

static inline mcmp_span mcmp__span_str(const char *text)
{
    return mcmp__span(text, text != NULL ? strlen(text) : 0);
}

static inline int mcmp__span_eq(mcmp_span a, mcmp_span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline int mcmp__span_is(mcmp_span a, const char *text)
{
    return mcmp__span_eq(a, mcmp__span_str(text));
}

static inline char mcmp__lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

/* For short names: by words, the last of which may overlap. */
static inline int mcmp__bytes_eq(const char *a, const char *b, size_t len)
{
    if (len < 4)
        return len == 0 || (a[0] == b[0] && a[len / 2] == b[len / 2] && a[len - 1] == b[len - 1]);
    if (len < 8)
        return memcmp(a, b, 4) == 0 && memcmp(a + len - 4, b + len - 4, 4) == 0;
    for (size_t i = 0; i < len - 8; i += 8)
        if (memcmp(a + i, b + i, 8) != 0)
            return 0;
    return memcmp(a + len - 8, b + len - 8, 8) == 0;
}

int mcmp__bytes_eq_nocase(const char *a, const char *b, size_t len);
static inline int mcmp__span_eq_nocase(mcmp_span a, mcmp_span b)
{
    if (a.len != b.len)
        return 0;
    return a.len == 0 || (mcmp__lower(a.ptr[0]) == mcmp__lower(b.ptr[0]) &&
                          mcmp__bytes_eq_nocase(a.ptr, b.ptr, a.len));
}

static inline int mcmp__span_is_nocase(mcmp_span a, const char *text)
{
    return mcmp__span_eq_nocase(a, mcmp__span_str(text));
}

static inline int mcmp__is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline mcmp_span mcmp__trimmed(mcmp_span text)
{
    while (text.len != 0 && (text.ptr[0] == ' ' || text.ptr[0] == '\t')) {
        text.ptr++;
        text.len--;
    }
    while (text.len != 0 && (text.ptr[text.len - 1] == ' ' || text.ptr[text.len - 1] == '\t'))
        text.len--;
    return text;
}

/* No byte below first, and no DEL: from 0x20 on a header stays whole, from 0x21 on a target is one
 * word. */
static inline int mcmp__is_clean(mcmp_span text, uint8_t first)
{
    for (size_t i = 0; i < text.len; i++)
        if ((uint8_t)text.ptr[i] < first || text.ptr[i] == 0x7f)
            return 0;
    return 1;
}

/* RFC 9110 tchar */
extern const uint8_t mcmp__token_chars[256]; /* 1 or 0 */
static inline int mcmp__is_token_char(char c)
{
    return mcmp__token_chars[(uint8_t)c];
}

/* Of the token at the front, 0 = none. A byte that is in no token ends it, and has to be there. */
static inline size_t mcmp__token_len(const char *text)
{
    const char *end = text;

    while (mcmp__is_token_char(*end))
        end++;
    return (size_t)(end - text);
}

int mcmp__lower_in_place(char *text, size_t len); /* 1: it has changed something */

/* 0..15, or -1 */
static inline int mcmp__hex_value(char c)
{
    char low = mcmp__lower(c);

    if (mcmp__is_digit(c))
        return c - '0';
    return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

/* Decimal digits only, whole span. 0, or -1 when not a number or over max. */
int mcmp__parse_uint(mcmp_span text, uint64_t max, uint64_t *out);
/* Is the word one of a comma list? Any case; blanks around an element do not count. */
int mcmp__list_has(mcmp_span list, mcmp_span word);
/* Write decimal digits; returns their number. out has room for 20. */
size_t mcmp__format_uint(char *out, uint64_t value);

/*
 * An address literal as 16 bytes, IPv4 mapped into IPv6; brackets and a zone are allowed around and
 * in an IPv6 one and dropped. 0, or -1 when the text is no address.
 */
int mcmp__address_parse(mcmp_span text, uint8_t out[16]);

/*
 * Edits of what goes to a node that does not own the session: the pairs of a Cookie value but for
 * the named one, and the pieces of a path without the named parameter. from begins at 0; 0 at the
 * end. Pairs come without their `;`, with the blanks around them.
 */
int mcmp__cookie_rest(mcmp_span value, mcmp_span cookie, size_t *from, mcmp_span *out);
int mcmp__path_rest(mcmp_span path, mcmp_span name, size_t *from, mcmp_span *out);

/* Log through a logger that may be silent; text is built only when the level is wanted. */
int mcmp__log_wanted(const mcmp_logger *logger, int level);
void mcmp__log(const mcmp_logger *logger, int level, const char *module, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* Peer bytes as printable text: others than 0x20..0x7e become %XX. Cut at size - 1; returns out. */
const char *mcmp__printable(char *out, size_t size, mcmp_span text);

#endif
