/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Internals of the HTTP forwarding codec. A parsed head is an array of rows that hold offsets into
 * the host's bytes, so that the host may move them; what decides framing and routing is settled
 * once at the end of the head and kept in the public info.
 */
#ifndef MCMP__HTTP_H
#define MCMP__HTTP_H

#include "../base/base.h"

#include <libmcmp/http.h>

#define MCMP__HTTP_FIELDS 30
#define MCMP__HTTP_EMPTY_LINES 8
#define MCMP__HTTP_MAX_OPTIONS 32

#define MCMP__BIT(id) (UINT64_C(1) << (id))

/* Headers that end at this hop whatever Connection says (RFC 9110 7.6.1, AJP13 6). */
#define MCMP__HTTP_HOP_FIELDS                                                                      \
    (MCMP__BIT(MCMP_HTTP_FIELD_CONNECTION) | MCMP__BIT(MCMP_HTTP_FIELD_KEEP_ALIVE) |               \
     MCMP__BIT(MCMP_HTTP_FIELD_PROXY_CONNECTION) | MCMP__BIT(MCMP_HTTP_FIELD_PROXY_AUTHENTICATE) | \
     MCMP__BIT(MCMP_HTTP_FIELD_PROXY_AUTHORIZATION) | MCMP__BIT(MCMP_HTTP_FIELD_TE) |              \
     MCMP__BIT(MCMP_HTTP_FIELD_TRAILER) | MCMP__BIT(MCMP_HTTP_FIELD_TRANSFER_ENCODING) |           \
     MCMP__BIT(MCMP_HTTP_FIELD_UPGRADE))

/* One header line: offsets from the head's first byte. */
typedef struct mcmp__http_row {
    uint32_t name; /* also where the line begins */
    uint32_t name_len;
    uint32_t value;
    uint32_t value_len;
    uint8_t id;
    uint8_t hop; /* listed in Connection; for names without a number */
    uint16_t unused;
} mcmp__http_row;

#define MCMP__HEAD_FRESH 0
#define MCMP__HEAD_FIRST 1   /* waiting for the first line */
#define MCMP__HEAD_FIELDS 2  /* waiting for header lines */
#define MCMP__HEAD_DONE 3    /* complete */
#define MCMP__HEAD_SETTLED 4 /* failed: the next parse begins anew */

struct mcmp_http_head {
    mcmp_allocator allocator;
    size_t size; /* of this object, for the allocator */
    uint32_t max_line;
    uint32_t max_headers;
    uint32_t max_head;
    uint32_t state;
    uint32_t line; /* where the line in work begins */
    uint32_t scan; /* where the search for its end goes on */
    uint32_t empty_lines;
    uint32_t response; /* 1 when parsing responses */
    uint32_t odd;      /* the line in work has a byte that no line may have */
    uint32_t unused;
    const char *base;
    uint64_t seen;                     /* bit per field number */
    uint64_t repeated;                 /* bit per field number seen more than once */
    uint64_t listed;                   /* bit per field number named in Connection */
    uint32_t start;                    /* where the request line begins */
    uint32_t request_method;           /* a response's: of the request it answers */
    uint32_t first[MCMP__HTTP_FIELDS]; /* row of the first one; valid when seen */
    mcmp_http_info info;
    mcmp__http_row rows[];
};

/* chars.c: classes of bytes */
#define MCMP__CHAR_TOKEN 0x1u /* tchar of RFC 9110 */
#define MCMP__CHAR_PATH 0x2u  /* pchar of RFC 3986 without `%`: stays as it is in a path */
#define MCMP__CHAR_PLAIN 0x4u /* unreserved of RFC 3986: never percent-encoded */
#define MCMP__CHAR_HOST 0x8u  /* in a host name */
#define MCMP__CHAR_HEX 0x10u
#define MCMP__CHAR_TEXT 0x20u /* in a header value: TAB, SP.., obs-text */
extern const uint8_t mcmp__http_chars[256];

static inline int mcmp__http_char_is(char c, unsigned mask)
{
    return (mcmp__http_chars[(uint8_t)c] & mask) != 0;
}

/* Index of the first byte that can't be in a header value (or a target), or len. */
size_t mcmp__http_text_bad(const char *text, size_t len);
size_t mcmp__http_target_bad(const char *text, size_t len);
/*
 * Index of the first LF. Without one: len, or the index of a CR at the very end, from where to go
 * on. odd becomes 1 when a byte was passed that is in no line: a control byte, a CR without LF.
 */
size_t mcmp__http_line_end(const char *text, size_t len, uint32_t *odd);
int mcmp__http_has_high(const char *text, size_t len); /* 1 when a byte is above 0x7f */
int mcmp__http_is_token(mcmp_span text);
/* Next element of a comma list, without blanks; empty ones are skipped. 0 at the end. */
int mcmp__http_list_next(mcmp_span *rest, mcmp_span *out);

/* field.c */
/* Compares a part of a checked line with lower-case letters, digits and `-`, in any case. */
int mcmp__http_same(const char *text, const char *lower, size_t len);
#define MCMP__HTTP_IS(span, literal) \
    ((span).len == sizeof(literal) - 1 && mcmp__http_same((span).ptr, (literal), (span).len))
uint32_t mcmp__http_field_id(const char *name, size_t len); /* name is a token */
uint32_t mcmp__http_method_id(mcmp_span name);

/* framing.c: what the whole head means */
int mcmp__http_head_settle_request(mcmp_http_head *head, mcmp_error *err);
int mcmp__http_head_settle_response(mcmp_http_head *head, mcmp_error *err);

/* host.c: 1 when the text is host [":" port] by our own grammar */
int mcmp__http_host_is_valid(mcmp_span host);

/* head.c */
void mcmp__http_head_begin(mcmp_http_head *head, uint32_t response);
int mcmp__http_fail_at(mcmp_error *err, int code, const char *field, uint64_t offset,
                       const char *text);
static inline mcmp_span mcmp__row_name(const mcmp_http_head *head, const mcmp__http_row *row)
{
    mcmp_span span = { head->base + row->name, row->name_len };

    return span;
}
static inline mcmp_span mcmp__row_value(const mcmp_http_head *head, const mcmp__http_row *row)
{
    mcmp_span span = { head->base + row->value, row->value_len };

    return span;
}
static inline const mcmp__http_row *mcmp__head_first(const mcmp_http_head *head, uint32_t id)
{
    return &head->rows[head->first[id]];
}
static inline int mcmp__row_is_hop(const mcmp_http_head *head, const mcmp__http_row *row)
{
    return row->hop || (((MCMP__HTTP_HOP_FIELDS | head->listed) >> row->id) & 1) != 0;
}
static inline int mcmp__head_has(const mcmp_http_head *head, uint32_t id)
{
    return (head->seen & MCMP__BIT(id)) != 0;
}

/* A known header is about to get the next row. */
static inline void mcmp__head_note(mcmp_http_head *head, uint32_t id)
{
    if (mcmp__head_has(head, id)) {
        head->repeated |= MCMP__BIT(id);
        return;
    }
    head->seen |= MCMP__BIT(id);
    head->first[id] = head->info.header_count;
}

/* path.c: canonical form of a raw path. fwd has room for 3 * raw.len, match for fwd's length. */
typedef struct mcmp__path {
    mcmp_span raw;
    uint32_t flags;
    char *fwd;
    size_t fwd_len;
    size_t bad_at;      /* offset in raw of what was refused */
    const char *reason; /* why */
} mcmp__path;
int mcmp__http_path_is_canonical(mcmp_span raw);
int mcmp__http_path_canonical(mcmp__path *path); /* 0, or -1 */
size_t mcmp__http_path_decode(const char *fwd, size_t len, char *out);
size_t mcmp__http_encode_high(const char *text, size_t len, char *out);

/* write.c: bytes into the host's buffer; len goes on counting when the room is used up. */
typedef struct mcmp__out {
    char *data;
    size_t size;
    size_t len;
} mcmp__out;
static inline void mcmp__http_put(mcmp__out *out, const char *text, size_t len)
{
    out->len += len;
    if (out->len <= out->size && len != 0)
        memcpy(out->data + out->len - len, text, len);
}
#define MCMP__PUT(out, literal) mcmp__http_put((out), (literal), sizeof(literal) - 1)
static inline void mcmp__http_put_span(mcmp__out *out, mcmp_span span)
{
    mcmp__http_put(out, span.ptr, span.len);
}
void mcmp__http_put_uint(mcmp__out *out, uint64_t value);
void mcmp__http_put_line(mcmp__out *out, mcmp_span name, mcmp_span value);
/* Header lines of a head but for the mask's, those listed in Connection, and drop's names. */
typedef struct mcmp__copy {
    const mcmp_http_head *head;
    uint64_t skip; /* bit per field number */
    const mcmp_span *drop;
    size_t drop_count;
    mcmp_span remove_cookie; /* cut this cookie out of Cookie lines */
} mcmp__copy;
void mcmp__http_put_fields(mcmp__out *out, const mcmp__copy *copy);
void mcmp__http_put_cookie(mcmp__out *out, mcmp_span name, mcmp_span value, mcmp_span cookie);
void mcmp__http_put_target(mcmp__out *out, const mcmp_http_target *target, mcmp_span remove);
int mcmp__http_check_texts(const mcmp_span *texts, size_t count, mcmp_error *err);
int mcmp__http_check_lines(const mcmp_pair *lines, size_t count, mcmp_error *err);
int mcmp__http_put_done(const mcmp__out *out, size_t *out_len, mcmp_error *err);

#endif
