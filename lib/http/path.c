/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The canonical form of a path. First each byte: unreserved ones are decoded, others encoded with
 * upper-case digits, what no two parsers agree on is refused. Then the segments: dots resolved,
 * empty ones merged. Matching and forwarding both come from the result (AJP13 5, CVE-2018-11759).
 */
#include "http.h"

static const char hex_digits[] = "0123456789ABCDEF";

/* 1 when the path needs no rewriting: plain segments, none empty, none beginning with a dot. */
int mcmp__http_path_is_canonical(mcmp_span raw)
{
    for (size_t i = 0; i < raw.len; i++) {
        if (raw.ptr[i] == '/') {
            char next = i + 1 < raw.len ? raw.ptr[i + 1] : 'x';

            if (next == '/' || next == '.' || next == ';')
                return 0;
        } else if (!mcmp__http_char_is(raw.ptr[i], MCMP__CHAR_PATH)) {
            return 0;
        }
    }
    return 1;
}

static int refuse(mcmp__path *path, size_t at, const char *reason)
{
    path->bad_at = at;
    path->reason = reason;
    return -1;
}

static size_t put_code(char *out, uint8_t byte)
{
    out[0] = '%';
    out[1] = hex_digits[byte >> 4];
    out[2] = hex_digits[byte & 15];
    return 3;
}

size_t mcmp__http_encode_high(const char *text, size_t len, char *out)
{
    size_t used = 0;

    for (size_t i = 0; i < len; i++) {
        if ((uint8_t)text[i] > 0x7f)
            used += put_code(out + used, (uint8_t)text[i]);
        else
            out[used++] = text[i];
    }
    return used;
}

/* An ASCII character in two or more bytes: some decoders make `.` or `/` of it (CVE-2008-2938). */
static int is_overlong(uint8_t before, uint8_t byte)
{
    if (byte < 0x80 || byte > 0xbf)
        return 0;
    return before == 0xc0 || before == 0xc1 || (before == 0xe0 && byte < 0xa0) ||
           (before == 0xf0 && byte < 0x90);
}

/* One code `%XX` at raw[i]; what it stands for goes to fwd. */
static int take_code(mcmp__path *path, size_t i, uint8_t *out_byte)
{
    int high = -1;
    int low = -1;
    uint8_t byte;

    if (path->raw.len - i >= 3) {
        high = mcmp__hex_value(path->raw.ptr[i + 1]);
        low = mcmp__hex_value(path->raw.ptr[i + 2]);
    }
    if (high < 0 || low < 0)
        return refuse(path, i, "a percent sign without two hexadecimal digits");
    byte = (uint8_t)(high * 16 + low);
    if (byte == 0)
        return refuse(path, i, "an encoded NUL");
    if ((byte == '/' || byte == '\\') && (path->flags & MCMP_HTTP_PATH_ENCODED_SLASH) == 0)
        return refuse(path, i, "an encoded slash or backslash");
    if (mcmp__http_char_is((char)byte, MCMP__CHAR_PLAIN))
        path->fwd[path->fwd_len++] = (char)byte;
    else
        path->fwd_len += put_code(path->fwd + path->fwd_len, byte);
    *out_byte = byte;
    return 0;
}

static int take_bytes(mcmp__path *path)
{
    uint8_t before = 0;
    size_t i = 0;

    path->fwd_len = 0;
    while (i < path->raw.len) {
        uint8_t byte = (uint8_t)path->raw.ptr[i];
        size_t step = 1;

        if (byte == '%') {
            if (take_code(path, i, &byte) != 0)
                return -1;
            step = 3;
        } else if (byte == '\\' || byte == '#') {
            return refuse(path, i, "a backslash or `#` in the path");
        } else if (byte == '/' || mcmp__http_char_is((char)byte, MCMP__CHAR_PATH)) {
            path->fwd[path->fwd_len++] = (char)byte;
        } else {
            path->fwd_len += put_code(path->fwd + path->fwd_len, byte);
        }
        if (is_overlong(before, byte))
            return refuse(path, i, "an overlong UTF-8 sequence");
        before = byte;
        i += step;
    }
    return 0;
}

/* Number of dots when the text is `.` or `..`, with or without a parameter behind; else 0. */
static size_t dots_of(const char *text, size_t len, int *out_more)
{
    size_t dots = 0;
    size_t rest;

    while (dots < len && dots < 3 && text[dots] == '.')
        dots++;
    rest = len - dots;
    *out_more = rest != 0;
    if (dots == 0 || dots > 2)
        return 0;
    if (rest == 0 || text[dots] == ';' || (rest >= 3 && memcmp(text + dots, "%3B", 3) == 0))
        return dots;
    return 0;
}

/* With encoded slashes let through: dots between them would climb at a node that decodes them. */
static int hides_dots(const char *text, size_t len)
{
    size_t from = 0;
    int codes = 0;
    int more;

    for (size_t i = 0; i + 3 <= len; i++) {
        if (memcmp(text + i, "%2F", 3) != 0 && memcmp(text + i, "%5C", 3) != 0)
            continue;
        codes = 1;
        if (dots_of(text + from, i - from, &more) != 0)
            return 1;
        from = i + 3;
        i += 2;
    }
    return codes && dots_of(text + from, len - from, &more) != 0;
}

/* Takes the last segment off out[0..len), which ends with a slash. 0: there was none. */
static size_t climb(const char *out, size_t len)
{
    if (len <= 1)
        return 0;
    len--;
    while (out[len - 1] != '/')
        len--;
    return len;
}

static const char *segment_fault(const char *text, size_t len, int last)
{
    int more;
    size_t dots = dots_of(text, len, &more);

    if (dots != 0 && more)
        return "a dot segment with a parameter";
    if (hides_dots(text, len))
        return "a dot segment beside an encoded slash";
    if (len != 0 && text[0] == ';' && !last)
        return "a parameter of an empty segment";
    return NULL;
}

/*
 * Resolves the segments of fwd in place; fwd begins with a slash. out ends with a slash whenever a
 * segment begins.
 */
static int take_segments(mcmp__path *path)
{
    char *fwd = path->fwd;
    size_t in = 1;
    size_t out = 1;

    for (;;) {
        const char *slash = memchr(fwd + in, '/', path->fwd_len - in);
        size_t len = slash != NULL ? (size_t)(slash - fwd) - in : path->fwd_len - in;
        const char *fault = segment_fault(fwd + in, len, slash == NULL);
        int more;
        size_t dots = dots_of(fwd + in, len, &more);

        if (fault != NULL)
            return refuse(path, 0, fault);
        if (dots == 2) {
            out = climb(fwd, out);
            if (out == 0)
                return refuse(path, 0, "the path climbs above the root");
        } else if (dots == 0) {
            int keep = len != 0 || (path->flags & MCMP_HTTP_PATH_KEEP_SLASHES) != 0;

            memmove(fwd + out, fwd + in, len);
            out += len;
            if (slash != NULL && keep)
                fwd[out++] = '/';
        }
        if (slash == NULL)
            break;
        in += len + 1;
    }
    path->fwd_len = out;
    return 0;
}

int mcmp__http_path_canonical(mcmp__path *path)
{
    if (take_bytes(path) != 0)
        return -1;
    return take_segments(path);
}

/* What must stay encoded for matching: delimiters, and bytes that no context may hold. */
static int stays_encoded(uint8_t byte)
{
    return byte < 0x20 || byte == 0x7f || byte == '/' || byte == '\\' || byte == ';' ||
           byte == '?' || byte == '%';
}

size_t mcmp__http_path_decode(const char *fwd, size_t len, char *out)
{
    size_t used = 0;

    for (size_t i = 0; i < len;) {
        if (fwd[i] == '%') {
            uint8_t byte =
                (uint8_t)(mcmp__hex_value(fwd[i + 1]) * 16 + mcmp__hex_value(fwd[i + 2]));

            if (!stays_encoded(byte)) {
                out[used++] = (char)byte;
                i += 3;
                continue;
            }
        }
        out[used++] = fwd[i++];
    }
    return used;
}
