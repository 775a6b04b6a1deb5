/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A datagram taken apart (MCMP 8). As strict as the Java client, which loses headers before Server,
 * and stricter: CRLF only, printable ASCII, known headers once, all that the digest covers there,
 * and an empty line at the end of the bytes, so that one that was cut is none.
 */
#include "values.h"

typedef struct reader {
    mcmp_span data;
    size_t offset; /* of the line */
    size_t next;   /* of the next one */
    mcmp_advert advert;
    uint32_t given; /* bits of rows */
} reader;

typedef const char *(*take_fn)(reader *r, mcmp_span value);

static const char *take_date(reader *r, mcmp_span value)
{
    r->advert.date_text = value;
    r->advert.date = mcmp__advert_date_read(value);
    return NULL;
}

static const char *take_sequence(reader *r, mcmp_span value)
{
    r->advert.sequence_text = value;
    return mcmp__parse_uint(value, UINT64_MAX, &r->advert.sequence) == 0 ? NULL : "not a number";
}

static int is_hex(mcmp_span value, size_t len)
{
    if (value.len != len)
        return 0;
    for (size_t i = 0; i < len; i++)
        if (mcmp__hex_value(value.ptr[i]) < 0)
            return 0;
    return 1;
}

static const char *take_digest(reader *r, mcmp_span value)
{
    r->advert.digest = value;
    return is_hex(value, 32) ? NULL : "not 32 hex digits";
}

static const char *take_server(reader *r, mcmp_span value)
{
    r->advert.server = value;
    return mcmp__advert_bad_server(value);
}

static const char *take_address(reader *r, mcmp_span value)
{
    r->advert.address = value;
    return r->advert.server.len != 0 ? NULL : "before Server, where Java clients lose it";
}

static const char *take_url(reader *r, mcmp_span value)
{
    r->advert.url = value;
    return mcmp__advert_is_visible(value) ? NULL : "a blank inside";
}

static const char *take_protocol(reader *r, mcmp_span value)
{
    r->advert.protocol = value;
    return mcmp__span_is(value, "http") || mcmp__span_is(value, "https") ? NULL
                                                                         : "neither http nor https";
}

static const char *take_host(reader *r, mcmp_span value)
{
    r->advert.host = value;
    return mcmp__advert_is_visible(value) ? NULL : "a blank inside";
}

/* Digests of kinds that are not known are passed over like headers that are not known. */
static const char *take_hmac(reader *r, mcmp_span value)
{
    static const mcmp_span kind = MCMP__SPAN("hmac-sha256 ");

    if (value.len < kind.len || memcmp(value.ptr, kind.ptr, kind.len) != 0)
        return NULL;
    r->advert.hmac = mcmp__span(value.ptr + kind.len, value.len - kind.len);
    r->advert.hmac_front = mcmp__span(r->data.ptr, r->offset);
    r->advert.hmac_back = mcmp__span(r->data.ptr + r->next, r->data.len - r->next);
    r->advert.flags |= MCMP_ADVERT_HMAC;
    return is_hex(r->advert.hmac, 64) ? NULL : "not hmac-sha256 and 64 hex digits";
}

static const struct row {
    const char *name;
    take_fn take;
    int is_needed;
} rows[] = {
    { "Date", take_date, 1 },
    { "Sequence", take_sequence, 1 },
    { "Digest", take_digest, 1 },
    { "Server", take_server, 1 },
    { "X-Manager-Address", take_address, 1 },
    { "X-Manager-Url", take_url, 0 },
    { "X-Manager-Protocol", take_protocol, 0 },
    { "X-Manager-Host", take_host, 0 },
    { "X-Manager-Digest", take_hmac, 0 },
};

static int fail_at(reader *r, const char *field, const char *wrong, mcmp_error *err)
{
    (void)mcmp__fail(err, MCMP_ERR_ADVERT_SYNTAX, field, "%s: %s", field, wrong);
    mcmp__error_at(err, r->offset);
    return MCMP_ERR_ADVERT_SYNTAX;
}

/* The next line without its CRLF; -1 when there is no whole one. */
static int next_line(reader *r, mcmp_span *out)
{
    const char *from = r->data.ptr + r->next;
    size_t left = r->data.len - r->next;
    const char *end = left != 0 ? memchr(from, '\n', left) : NULL;

    r->offset = r->next;
    if (end == NULL || end == from || end[-1] != '\r')
        return -1;
    *out = mcmp__span(from, (size_t)(end - from) - 1);
    r->next += out->len + 2;
    return mcmp__advert_is_printable(*out) ? 0 : -1;
}

/* HTTP/1.x NNN text */
static int read_status_line(reader *r, mcmp_error *err)
{
    mcmp_span line;
    uint64_t status;

    if (next_line(r, &line) != 0 || line.len < 14 || memcmp(line.ptr, "HTTP/1.", 7) != 0 ||
        !mcmp__is_digit(line.ptr[7]) || line.ptr[8] != ' ' || line.ptr[12] != ' ')
        return fail_at(r, "status line", "not HTTP/1.x, a status and a text", err);
    if (mcmp__parse_uint(mcmp__span(line.ptr + 9, 3), 999, &status) != 0 || status < 100)
        return fail_at(r, "status line", "the status is no number in 100..999", err);
    r->advert.status = (uint32_t)status;
    r->advert.reason = mcmp__span(line.ptr + 13, line.len - 13);
    return MCMP_OK;
}

static int read_header(reader *r, mcmp_span line, mcmp_error *err)
{
    const char *colon = memchr(line.ptr, ':', line.len);
    size_t name_len = colon != NULL ? (size_t)(colon - line.ptr) : 0;
    mcmp_span value;

    if (name_len == 0 || name_len + 2 >= line.len || colon[1] != ' ')
        return fail_at(r, "header", "not a name, a colon, a blank and a value", err);
    value = mcmp__span(colon + 2, line.len - name_len - 2);
    for (uint32_t i = 0; i < MCMP__COUNT(rows); i++) {
        const char *wrong;

        if (!mcmp__span_is(mcmp__span(line.ptr, name_len), rows[i].name))
            continue;
        if ((r->given & 1u << i) != 0)
            return fail_at(r, rows[i].name, "given twice", err);
        r->given |= 1u << i;
        wrong = rows[i].take(r, value);
        return wrong == NULL ? MCMP_OK : fail_at(r, rows[i].name, wrong, err);
    }
    return MCMP_OK;
}

static int check_whole(reader *r, mcmp_error *err)
{
    mcmp__advert_address address;
    const char *wrong;

    if (r->next != r->data.len)
        return fail_at(r, "end", "bytes follow the empty line", err);
    for (uint32_t i = 0; i < MCMP__COUNT(rows); i++)
        if (rows[i].is_needed && (r->given & 1u << i) == 0)
            return fail_at(r, rows[i].name, "missing", err);
    if ((wrong = mcmp__advert_bad_address(r->advert.address, &address)) != NULL)
        return mcmp__fail(err, MCMP_ERR_ADVERT_ADDRESS, "X-Manager-Address",
                          "X-Manager-Address: %s", wrong);
    if (r->advert.protocol.len == 0)
        r->advert.protocol = mcmp__span_str("http");
    return MCMP_OK;
}

int mcmp_advert_decode(const void *data, size_t len, mcmp_advert *out, mcmp_error *err)
{
    reader r = { .data = { data, len } };
    mcmp_span line;
    int rc;

    if (len > MCMP_ADVERT_MAX)
        return mcmp__fail(err, MCMP_ERR_ADVERT_SIZE, NULL, "a datagram of more than %d bytes",
                          MCMP_ADVERT_MAX);
    if ((rc = read_status_line(&r, err)) != MCMP_OK)
        return rc;
    for (;;) {
        if (next_line(&r, &line) != 0)
            return fail_at(&r, "line", "not printable ASCII that ends in CRLF", err);
        if (line.len == 0)
            break;
        if ((rc = read_header(&r, line, err)) != MCMP_OK)
            return rc;
    }
    if ((rc = check_whole(&r, err)) != MCMP_OK)
        return rc;
    if (mcmp__sized_out(out, &r.advert, sizeof(r.advert)) != MCMP_OK)
        return mcmp__fail(err, MCMP_ERR_INVALID, "mcmp_advert", "the result is not initialised");
    return MCMP_OK;
}
