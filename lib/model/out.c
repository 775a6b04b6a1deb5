/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Escaping for the forms of MCMP 4.7 to 4.13. Input are stored names: any bytes but what the walker
 * refuses; nothing here relies on that refusal. Output is ASCII in every form (MCMP 2).
 */
#include "out.h"

#include "base/compiler.h"

static const char hex_upper[] = "0123456789ABCDEF";

void mcmp__out_init(mcmp__out *out, mcmp_write_fn write, void *ctx)
{
    out->write = write;
    out->ctx = ctx;
    out->failed = MCMP_OK;
    out->len = 0;
}

static void flush(mcmp__out *out)
{
    if (out->len != 0 && out->failed == MCMP_OK && out->write(out->ctx, out->data, out->len) != 0)
        out->failed = MCMP_ERR_CALLBACK;
    out->len = 0;
}

int mcmp__out_end(mcmp__out *out)
{
    flush(out);
    return out->failed;
}

void mcmp__out_piece(mcmp__out *out, const char *data, size_t len)
{
    while (len != 0) {
        size_t room = sizeof(out->data) - out->len;
        size_t part = MCMP__MIN(room, len);

        memcpy(out->data + out->len, data, part);
        out->len += part;
        data += part;
        len -= part;
        if (out->len == sizeof(out->data))
            flush(out);
    }
}

void mcmp__out_uint(mcmp__out *out, uint64_t value)
{
    char digits[20];

    mcmp__out_bytes(out, digits, mcmp__format_uint(digits, value));
}

void mcmp__out_int(mcmp__out *out, int64_t value)
{
    if (value < 0)
        mcmp__out_char(out, '-');
    mcmp__out_uint(out, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

void mcmp__out_str_uint(mcmp__out *out, const char *text, uint64_t value)
{
    mcmp__out_str(out, text);
    mcmp__out_uint(out, value);
}

void mcmp__out_time(mcmp__out *out, mcmp_time value, mcmp_time unit)
{
    mcmp_time rest;

    if (value < 0)
        value = 0;
    mcmp__out_uint(out, (uint64_t)(value / unit));
    rest = value % unit;
    if (rest != 0)
        mcmp__out_char(out, '.');
    while (rest != 0) {
        unit /= 10;
        mcmp__out_char(out, (char)('0' + rest / unit));
        rest %= unit;
    }
}

static void out_percent(mcmp__out *out, unsigned char c)
{
    char code[3] = { '%', hex_upper[c >> 4], hex_upper[c & 15] };

    mcmp__out_bytes(out, code, sizeof(code));
}

/* What makes a byte need an escape in which form. */
enum { IN_TEXT = 1, IN_AMP = 2, IN_XML = 4, IN_JSON = 8, IN_LABEL = 16 };

static int needs_escape(unsigned char c, int form)
{
    static const uint8_t marks[128] = {
        ['%'] = IN_AMP,
        ['='] = IN_AMP,
        ['+'] = IN_AMP,
        [' '] = IN_AMP,
        ['&'] = IN_AMP | IN_XML | IN_JSON, /* JSON gets embedded in HTML */
        ['<'] = IN_XML | IN_JSON,
        ['>'] = IN_XML | IN_JSON,
        ['\''] = IN_XML | IN_JSON,
        ['"'] = IN_XML | IN_JSON | IN_LABEL,
        ['\\'] = IN_JSON | IN_LABEL,
    };

    return c < 0x20 || c > 0x7e || (marks[c] & form) != 0;
}

/* Copy the bytes from `from` on that need no escape; returns the first that does, or the end. */
static size_t out_run(mcmp__out *out, mcmp_span text, size_t from, int form)
{
    size_t i = from;

    while (i < text.len && !needs_escape((unsigned char)text.ptr[i], form))
        i++;
    mcmp__out_bytes(out, text.ptr + from, i - from);
    return i;
}

static void out_percent_all(mcmp__out *out, mcmp_span text, int form)
{
    for (size_t i = 0; i < text.len; i++) {
        i = out_run(out, text, i, form);
        if (i < text.len)
            out_percent(out, (unsigned char)text.ptr[i]);
    }
}

/*
 * The upper bit of a byte is set when one of the word is outside 0x20..0x7e: it shows in the word
 * itself when it is over 0x7f, in the sum when it is 0x7f, in the difference when it is below 0x20.
 * Where one byte disturbs the next there is a bad one already.
 */
static uint64_t unprintable(uint64_t word)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);

    return (word | (word + ones) | (word - 0x20 * ones)) & 0x80 * ones;
}

static uint64_t load64(const char *text)
{
    uint64_t word;

    memcpy(&word, text, sizeof(word));
    return word;
}

static uint64_t load32(const char *text)
{
    uint32_t half;

    memcpy(&half, text, sizeof(half));
    return half;
}

/* By words; the last one, or the second half of a short one, may overlap. */
int mcmp__is_plain_text(mcmp_span text)
{
    uint64_t bad = 0;
    size_t i = 0;

    if (text.len >= 8) {
        for (; text.len - i > 8; i += 8)
            bad |= unprintable(load64(text.ptr + i));
        return (bad | unprintable(load64(text.ptr + text.len - 8))) == 0;
    }
    if (text.len >= 4)
        return unprintable(load32(text.ptr) | load32(text.ptr + text.len - 4) << 32) == 0;
    while (i < text.len && text.ptr[i] >= 0x20 && text.ptr[i] <= 0x7e)
        i++;
    return i == text.len;
}

MCMP__COLD static void out_escaped(mcmp__out *out, mcmp_span text)
{
    out_percent_all(out, text, IN_TEXT);
}

void mcmp__out_text(mcmp__out *out, mcmp_span text)
{
    if (mcmp__is_plain_text(text)) /* nearly always */
        mcmp__out_bytes(out, text.len != 0 ? text.ptr : "", text.len);
    else
        out_escaped(out, text);
}

void mcmp__out_amp(mcmp__out *out, mcmp_span text)
{
    out_percent_all(out, text, IN_AMP);
}

int mcmp__is_plain_amp(mcmp_span text)
{
    size_t i = 0;

    while (i < text.len && !needs_escape((unsigned char)text.ptr[i], IN_AMP))
        i++;
    return i == text.len;
}

void mcmp__out_xml(mcmp__out *out, mcmp_span text)
{
    for (size_t i = 0; i < text.len; i++) {
        i = out_run(out, text, i, IN_XML);
        if (i == text.len)
            break;
        switch (text.ptr[i]) {
        case '&':
            mcmp__out_str(out, "&amp;");
            break;
        case '<':
            mcmp__out_str(out, "&lt;");
            break;
        case '>':
            mcmp__out_str(out, "&gt;");
            break;
        case '"':
            mcmp__out_str(out, "&quot;");
            break;
        case '\'':
            mcmp__out_str(out, "&#39;");
            break;
        default:
            out_percent(out, (unsigned char)text.ptr[i]);
        }
    }
}

/* Code point of the UTF-8 sequence at text[i] and its length; 0 when it is none (RFC 3629). */
static size_t utf8_at(mcmp_span text, size_t i, uint32_t *out_code)
{
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    unsigned char first = (unsigned char)text.ptr[i];
    size_t len = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    uint32_t code = first & (0xffu >> (len + 1));

    if (first < 0xc2 || first > 0xf4 || text.len - i < len)
        return 0;
    for (size_t k = 1; k < len; k++) {
        unsigned char next = (unsigned char)text.ptr[i + k];

        if ((next & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (next & 0x3fu);
    }
    if (code < least[len] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
        return 0;
    *out_code = code;
    return len;
}

static void out_json_unit(mcmp__out *out, uint32_t unit)
{
    char code[6] = { '\\',
                     'u',
                     hex_upper[unit >> 12 & 15],
                     hex_upper[unit >> 8 & 15],
                     hex_upper[unit >> 4 & 15],
                     hex_upper[unit & 15] };

    mcmp__out_bytes(out, code, sizeof(code));
}

static void out_json_code(mcmp__out *out, uint32_t code)
{
    if (code < 0x10000) {
        out_json_unit(out, code);
        return;
    }
    out_json_unit(out, 0xd800 + ((code - 0x10000) >> 10));
    out_json_unit(out, 0xdc00 + ((code - 0x10000) & 0x3ff));
}

void mcmp__out_json(mcmp__out *out, mcmp_span text)
{
    mcmp__out_char(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        uint32_t code = 0;
        size_t len;

        i = out_run(out, text, i, IN_JSON);
        if (i == text.len)
            break;
        if ((unsigned char)text.ptr[i] < 0x80) {
            out_json_unit(out, (unsigned char)text.ptr[i]);
            continue;
        }
        len = utf8_at(text, i, &code);
        if (len == 0) {
            out_percent(out, (unsigned char)text.ptr[i]);
            continue;
        }
        out_json_code(out, code);
        i += len - 1;
    }
    mcmp__out_char(out, '"');
}

void mcmp__out_label(mcmp__out *out, mcmp_span text)
{
    for (size_t i = 0; i < text.len; i++) {
        i = out_run(out, text, i, IN_LABEL);
        if (i == text.len)
            break;
        if (text.ptr[i] == '"' || text.ptr[i] == '\\') {
            mcmp__out_char(out, '\\');
            mcmp__out_char(out, text.ptr[i]);
        } else {
            out_percent(out, (unsigned char)text.ptr[i]);
        }
    }
}
