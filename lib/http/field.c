/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers of known header names and methods. A name's length, first and last letter give its only
 * possible slot; the constants were searched so that no two names share one (a test resolves each).
 */
#include "http.h"

#define SLOTS 64
#define CASE8 UINT64_C(0x2020202020202020)

typedef struct field_name {
    uint32_t len;
    char text[20]; /* lower case: letters and `-` */
} field_name;

#define FIELD(id, text) [id] = { sizeof(text) - 1, text }

static const field_name names[MCMP__HTTP_FIELDS] = {
    FIELD(MCMP_HTTP_FIELD_HOST, "host"),
    FIELD(MCMP_HTTP_FIELD_CONTENT_LENGTH, "content-length"),
    FIELD(MCMP_HTTP_FIELD_TRANSFER_ENCODING, "transfer-encoding"),
    FIELD(MCMP_HTTP_FIELD_CONNECTION, "connection"),
    FIELD(MCMP_HTTP_FIELD_KEEP_ALIVE, "keep-alive"),
    FIELD(MCMP_HTTP_FIELD_PROXY_CONNECTION, "proxy-connection"),
    FIELD(MCMP_HTTP_FIELD_PROXY_AUTHENTICATE, "proxy-authenticate"),
    FIELD(MCMP_HTTP_FIELD_PROXY_AUTHORIZATION, "proxy-authorization"),
    FIELD(MCMP_HTTP_FIELD_TE, "te"),
    FIELD(MCMP_HTTP_FIELD_TRAILER, "trailer"),
    FIELD(MCMP_HTTP_FIELD_UPGRADE, "upgrade"),
    FIELD(MCMP_HTTP_FIELD_EXPECT, "expect"),
    FIELD(MCMP_HTTP_FIELD_COOKIE, "cookie"),
    FIELD(MCMP_HTTP_FIELD_SET_COOKIE, "set-cookie"),
    FIELD(MCMP_HTTP_FIELD_X_FORWARDED_FOR, "x-forwarded-for"),
    FIELD(MCMP_HTTP_FIELD_X_FORWARDED_HOST, "x-forwarded-host"),
    FIELD(MCMP_HTTP_FIELD_X_FORWARDED_PROTO, "x-forwarded-proto"),
    FIELD(MCMP_HTTP_FIELD_FORWARDED, "forwarded"),
    FIELD(MCMP_HTTP_FIELD_VIA, "via"),
    FIELD(MCMP_HTTP_FIELD_PROXY, "proxy"),
    FIELD(MCMP_HTTP_FIELD_USER_AGENT, "user-agent"),
    FIELD(MCMP_HTTP_FIELD_REFERER, "referer"),
    FIELD(MCMP_HTTP_FIELD_CONTENT_TYPE, "content-type"),
    FIELD(MCMP_HTTP_FIELD_ACCEPT, "accept"),
    FIELD(MCMP_HTTP_FIELD_AUTHORIZATION, "authorization"),
    FIELD(MCMP_HTTP_FIELD_RETRY_AFTER, "retry-after"),
    FIELD(MCMP_HTTP_FIELD_LOCATION, "location"),
    FIELD(MCMP_HTTP_FIELD_DATE, "date"),
    FIELD(MCMP_HTTP_FIELD_SERVER, "server"),
};

/* clang-format off */
static const uint8_t slots[SLOTS] = {
    13, 0, 0, 0, 3, 28, 23, 0, 0, 15, 0, 0, 16, 0, 6, 0,
    1, 8, 0, 0, 0, 0, 0, 22, 0, 0, 0, 26, 0, 29, 0, 0,
    0, 24, 25, 0, 0, 10, 0, 7, 17, 0, 27, 2, 0, 4, 20, 0,
    0, 21, 0, 9, 14, 0, 0, 18, 0, 0, 0, 0, 5, 12, 19, 11,
};
/* clang-format on */

static inline uint64_t load8(const char *text)
{
    uint64_t word;

    memcpy(&word, text, sizeof(word));
    return word;
}

static inline uint32_t load4(const char *text)
{
    uint32_t word;

    memcpy(&word, text, sizeof(word));
    return word;
}

/* Loads overlap at the end, so that none goes beyond it. */
static inline int same(const char *text, const char *lower, size_t len)
{
    uint64_t differ = 0;
    size_t i = 0;

    if (len >= 8) {
        for (; i + 8 < len; i += 8)
            differ |= (load8(text + i) | CASE8) ^ load8(lower + i);
        differ |= (load8(text + len - 8) | CASE8) ^ load8(lower + len - 8);
    } else if (len >= 4) {
        differ = (load4(text) | (uint32_t)CASE8) ^ load4(lower);
        differ |= (load4(text + len - 4) | (uint32_t)CASE8) ^ load4(lower + len - 4);
    } else {
        for (; i < len; i++)
            differ |= (uint64_t)(uint8_t)((text[i] | 0x20) ^ lower[i]);
    }
    return differ == 0;
}

/* With 0x20 set, only a letter, digit or `-` becomes itself in lower case, control bytes apart. */
int mcmp__http_same(const char *text, const char *lower, size_t len)
{
    return same(text, lower, len);
}

uint32_t mcmp__http_field_id(const char *name, size_t len)
{
    uint32_t first = (uint8_t)name[0] | 0x20u;
    uint32_t last = (uint8_t)name[len - 1] | 0x20u;
    uint32_t id = slots[((uint32_t)len + first * 7 + last * 33) % SLOTS];
    const field_name *known = &names[id];

    if (known->len != len || !same(name, known->text, len))
        return MCMP_HTTP_FIELD_OTHER;
    return id;
}

uint32_t mcmp__http_method_id(mcmp_span name)
{
    static const struct {
        uint32_t id;
        uint32_t len;
        char text[8];
    } methods[] = {
        { MCMP_HTTP_GET, 3, "GET" },         { MCMP_HTTP_POST, 4, "POST" },
        { MCMP_HTTP_HEAD, 4, "HEAD" },       { MCMP_HTTP_PUT, 3, "PUT" },
        { MCMP_HTTP_DELETE, 6, "DELETE" },   { MCMP_HTTP_PATCH, 5, "PATCH" },
        { MCMP_HTTP_OPTIONS, 7, "OPTIONS" }, { MCMP_HTTP_TRACE, 5, "TRACE" },
    };

    for (size_t i = 0; i < MCMP__COUNT(methods); i++)
        if (methods[i].len == name.len && memcmp(methods[i].text, name.ptr, name.len) == 0)
            return methods[i].id;
    return MCMP_HTTP_OTHER;
}

int mcmp_http_is_idempotent(uint32_t method)
{
    return method != MCMP_HTTP_OTHER && method != MCMP_HTTP_POST && method != MCMP_HTTP_PATCH &&
           method <= MCMP_HTTP_PATCH;
}
