/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules of the values of a datagram, and its digests (MCMP 8). The Digest of the protocol is MD5
 * over salt, Date, Sequence and Server; the extension's is HMAC-SHA256 over all bytes but its own
 * line.
 */
#include "values.h"

#include "base/digest.h"

#define SERVER_MAX 64

static const uint8_t mapped_v4[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

static const char *bad_bytes(const uint8_t bytes[16])
{
    static const uint8_t zero[16] = { 0 };
    int is_v4 = memcmp(bytes, mapped_v4, sizeof(mapped_v4)) == 0;

    if (memcmp(is_v4 ? bytes + 12 : bytes, zero, is_v4 ? 4 : 16) == 0)
        return "the wildcard address is none that can be reached";
    if (is_v4 ? bytes[12] >= 224 : bytes[0] == 0xff)
        return "a multicast or broadcast address is none that can be connected to";
    return NULL;
}

const char *mcmp__advert_bad_address(mcmp_span text, mcmp__advert_address *out)
{
    static const char form[] = "not IP:PORT with an address literal, IPv6 in brackets";
    int in_brackets = text.len != 0 && text.ptr[0] == '[';
    const char *end = text.len != 0 ? memchr(text.ptr, in_brackets ? ']' : ':', text.len) : NULL;
    uint8_t bytes[16];
    uint64_t port;
    size_t at;

    if (end == NULL)
        return form;
    out->host = mcmp__span(text.ptr + in_brackets, (size_t)(end - text.ptr) - (size_t)in_brackets);
    at = (size_t)(end - text.ptr) + (size_t)in_brackets;
    if (at >= text.len || text.ptr[at] != ':' || mcmp__address_parse(out->host, bytes) != 0)
        return form;
    if (in_brackets != (memchr(out->host.ptr, ':', out->host.len) != NULL) ||
        memchr(out->host.ptr, '[', out->host.len) != NULL ||
        memchr(out->host.ptr, '%', out->host.len) != NULL)
        return form;
    if (mcmp__parse_uint(mcmp__span(text.ptr + at + 1, text.len - at - 1), 65535, &port) != 0 ||
        port == 0)
        return "the port is not in 1..65535";
    out->port = (uint32_t)port;
    return bad_bytes(bytes);
}

const char *mcmp__advert_bad_server(mcmp_span text)
{
    if (text.len == 0 || text.len > SERVER_MAX)
        return "not 1 to 64 bytes long";
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        char low = mcmp__lower(c);

        if (!mcmp__is_digit(c) && (low < 'a' || low > 'z') && c != '.' && c != '_' && c != ':' &&
            c != '-')
            return "a byte that is none of A-Z a-z 0-9 . _ : -";
    }
    return NULL;
}

static int is_between(mcmp_span text, char least)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] < least || text.ptr[i] > 0x7e)
            return 0;
    return 1;
}

int mcmp__advert_is_visible(mcmp_span text)
{
    return is_between(text, 0x21);
}

int mcmp__advert_is_printable(mcmp_span text)
{
    return is_between(text, 0x20);
}

static void write_hex(const uint8_t *bytes, size_t len, char *out)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < len; i++) {
        *out++ = digits[bytes[i] >> 4];
        *out++ = digits[bytes[i] & 15];
    }
}

int mcmp__advert_digest(mcmp_span date, mcmp_span sequence, mcmp_span server, mcmp_span key,
                        char out[32])
{
    uint8_t text[16 + MCMP_ADVERT_MAX] = { 0 }; /* without a key the salt is 16 zero bytes */
    const mcmp_span parts[] = { date, sequence, server };
    size_t len = 16;
    uint8_t digest[16];
    int rc;

    if (key.len != 0 && mcmp__md5(key.ptr, key.len, text) != 0)
        return -1;
    for (size_t i = 0; i < MCMP__COUNT(parts); i++) {
        if (parts[i].len > sizeof(text) - len)
            return -1;
        if (parts[i].len != 0)
            memcpy(text + len, parts[i].ptr, parts[i].len);
        len += parts[i].len;
    }
    rc = mcmp__md5(text, len, digest);
    mcmp__wipe(text, 16);
    write_hex(digest, sizeof(digest), out);
    return rc;
}

int mcmp__advert_hmac(mcmp_span front, mcmp_span back, mcmp_span key, char out[64])
{
    char text[MCMP_ADVERT_MAX];
    uint8_t digest[32];

    if (front.len > sizeof(text) || back.len > sizeof(text) - front.len)
        return -1;
    if (front.len != 0)
        memcpy(text, front.ptr, front.len);
    if (back.len != 0)
        memcpy(text + front.len, back.ptr, back.len);
    if (mcmp__hmac_sha256(key.ptr, key.len, text, front.len + back.len, digest) != 0)
        return -1;
    write_hex(digest, sizeof(digest), out);
    return 0;
}

void mcmp_advert_uuid(const uint8_t *random, char *out)
{
    uint8_t bytes[16];
    char hex[32];
    size_t len = 0;

    memcpy(bytes, random, sizeof(bytes));
    bytes[6] = (uint8_t)((bytes[6] & 0x0f) | 0x40); /* version 4 */
    bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80); /* variant of RFC 9562 */
    write_hex(bytes, sizeof(bytes), hex);
    for (size_t i = 0; i < sizeof(hex); i++) {
        if (i == 8 || i == 12 || i == 16 || i == 20)
            out[len++] = '-';
        out[len++] = hex[i];
    }
    out[len] = '\0';
}
