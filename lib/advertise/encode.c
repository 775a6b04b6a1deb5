/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A datagram as bytes (MCMP 8). Java clients read 512 bytes, want Server before X-Manager-Address,
 * the names in this very case, and Digest even without a key: so the order of lines is fixed, and
 * what would not fit or not be understood is an error here instead of a client that hears nothing.
 */
#include "values.h"

typedef struct writer {
    char data[MCMP_ADVERT_MAX];
    size_t len;
    int is_full;
} writer;

static void put(writer *w, mcmp_span text)
{
    if (w->is_full || text.len > sizeof(w->data) - w->len) {
        w->is_full = 1;
        return;
    }
    if (text.len != 0)
        memcpy(w->data + w->len, text.ptr, text.len);
    w->len += text.len;
}

static void put_line(writer *w, const char *name, mcmp_span value)
{
    put(w, mcmp__span_str(name));
    put(w, value);
    put(w, mcmp__span_str("\r\n"));
}

static mcmp_span reason_of(const mcmp_advert *advert)
{
    if (advert->reason.len != 0)
        return advert->reason;
    if (advert->status == 200)
        return mcmp__span_str("OK");
    if (advert->status == 410)
        return mcmp__span_str("Gone");
    return mcmp__span_str(advert->status == 503 ? "Service Unavailable" : "Status");
}

static int check_texts(const mcmp_advert *advert, mcmp_error *err)
{
    mcmp__advert_address address;
    const char *wrong;

    if ((wrong = mcmp__advert_bad_address(advert->address, &address)) != NULL)
        return mcmp__fail(err, MCMP_ERR_ADVERT_ADDRESS, "address", "X-Manager-Address: %s", wrong);
    if ((wrong = mcmp__advert_bad_server(advert->server)) != NULL)
        return mcmp__fail(err, MCMP_ERR_INVALID, "server", "Server: %s", wrong);
    if (!mcmp__advert_is_printable(advert->reason))
        return mcmp__fail(err, MCMP_ERR_INVALID, "reason", "the reason is not printable ASCII");
    if (!mcmp__advert_is_visible(advert->url))
        return mcmp__fail(err, MCMP_ERR_INVALID, "url", "X-Manager-Url is not visible ASCII");
    if (!mcmp__advert_is_visible(advert->host))
        return mcmp__fail(err, MCMP_ERR_INVALID, "host", "X-Manager-Host is not visible ASCII");
    if (advert->protocol.len != 0 && !mcmp__span_is(advert->protocol, "http") &&
        !mcmp__span_is(advert->protocol, "https"))
        return mcmp__fail(err, MCMP_ERR_INVALID, "protocol",
                          "X-Manager-Protocol is neither http nor https");
    return MCMP_OK;
}

static int check_values(const mcmp_advert *advert, mcmp_span key, mcmp_error *err)
{
    if (advert->status < 100 || advert->status > 999)
        return mcmp__fail(err, MCMP_ERR_INVALID, "status", "the status is not in 100..999");
    if (advert->date < 0 || advert->date > MCMP__ADVERT_DATE_MAX)
        return mcmp__fail(err, MCMP_ERR_INVALID, "date", "Date is not in the years 1970..9999");
    if ((advert->flags & ~MCMP_ADVERT_HMAC) != 0)
        return mcmp__fail(err, MCMP_ERR_UNSUPPORTED, "flags", "a flag that is not known");
    if ((advert->flags & MCMP_ADVERT_HMAC) != 0 && key.len == 0)
        return mcmp__fail(err, MCMP_ERR_INVALID, "key", "X-Manager-Digest needs a security key");
    return check_texts(advert, err);
}

/* Status line to Server: what the Digest covers, and itself. 0, or -1 */
static int put_front(writer *w, const mcmp_advert *advert, mcmp_span key)
{
    char status[20];
    char sequence[20];
    char date[MCMP__ADVERT_DATE_LEN];
    char digest[32];
    mcmp_span sequence_text = mcmp__span(sequence, mcmp__format_uint(sequence, advert->sequence));

    mcmp__advert_date_write(advert->date, date);
    if (mcmp__advert_digest(mcmp__span(date, sizeof(date)), sequence_text, advert->server, key,
                            digest) != 0)
        return -1;
    put(w, mcmp__span_str("HTTP/1.0 "));
    put(w, mcmp__span(status, mcmp__format_uint(status, advert->status)));
    put_line(w, " ", reason_of(advert));
    put_line(w, "Date: ", mcmp__span(date, sizeof(date)));
    put_line(w, "Sequence: ", sequence_text);
    put_line(w, "Digest: ", mcmp__span(digest, sizeof(digest)));
    put_line(w, "Server: ", advert->server);
    return 0;
}

static void put_manager(writer *w, const mcmp_advert *advert)
{
    put_line(w, "X-Manager-Address: ", advert->address);
    put(w, mcmp__span_str("X-Manager-Url: "));
    if (advert->url.len == 0)
        put_line(w, "/", advert->server);
    else
        put_line(w, "", advert->url);
    put_line(w, "X-Manager-Protocol: ",
             advert->protocol.len != 0 ? advert->protocol : mcmp__span_str("http"));
    if (advert->host.len != 0)
        put_line(w, "X-Manager-Host: ", advert->host);
}

/* The last line, and the empty one. 0, or -1 */
static int put_end(writer *w, const mcmp_advert *advert, mcmp_span key)
{
    const mcmp_span end = mcmp__span_str("\r\n");
    char hmac[64];

    w->is_full |= end.len > sizeof(w->data) - w->len;
    if ((advert->flags & MCMP_ADVERT_HMAC) != 0 && !w->is_full) {
        if (mcmp__advert_hmac(mcmp__span(w->data, w->len), end, key, hmac) != 0)
            return -1;
        put_line(w, MCMP__ADVERT_HMAC_NAME, mcmp__span(hmac, sizeof(hmac)));
    }
    put(w, end);
    return 0;
}

void mcmp_advert_init_sized(mcmp_advert *advert, size_t size)
{
    mcmp__sized_init(advert, size);
}

int mcmp_advert_encode(const mcmp_advert *advert, mcmp_span key, void *buf, size_t size,
                       size_t *out_len, mcmp_error *err)
{
    mcmp_advert own;
    writer w = { .len = 0 };
    int rc = mcmp__sized_in(&own, sizeof(own), advert, sizeof(own.struct_size));

    if (rc != MCMP_OK)
        return mcmp__fail(err, rc, "mcmp_advert", "the datagram is not initialised or too new");
    if ((rc = check_values(&own, key, err)) != MCMP_OK)
        return rc;
    if (put_front(&w, &own, key) != 0)
        return mcmp__fail(err, MCMP_ERR_OS, "Digest", "the cryptographic provider refuses MD5");
    put_manager(&w, &own);
    if (put_end(&w, &own, key) != 0)
        return mcmp__fail(err, MCMP_ERR_OS, "X-Manager-Digest",
                          "the cryptographic provider refuses HMAC-SHA256");
    if (w.is_full)
        return mcmp__fail(err, MCMP_ERR_ADVERT_SIZE, "X-Manager-Url",
                          "the datagram would be over %d bytes: shorten X-Manager-Url or "
                          "X-Manager-Host",
                          MCMP_ADVERT_MAX);
    *out_len = w.len;
    if (w.len > size)
        return mcmp__fail(err, MCMP_ERR_SPACE, NULL, "%zu bytes are needed", w.len);
    memcpy(buf, w.data, w.len);
    return MCMP_OK;
}
