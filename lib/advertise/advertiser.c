/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When which datagram of a server is to be sent (MCMP 8): at once, every frequency, at a change of
 * the status, and a last one at the stop. Clients that have not seen the server would add it for a
 * status of any kind, so none but 200 goes out before a 200 did. No clock: time is a parameter.
 */
#include "values.h"

#include "base/digest.h"

#define DEFAULT_FREQUENCY (10 * MCMP_SEC)
#define MAX_FREQUENCY (86400 * MCMP_SEC)

enum { RUNNING, STOPPING, STOPPED };

struct mcmp_advertiser {
    mcmp_allocator allocator;
    size_t size; /* of this block, texts included */
    mcmp_advert advert;
    mcmp_span key;
    mcmp_time frequency;
    mcmp_time due;
    int is_due; /* at once, whatever the time */
    int state;
    int is_announced;
    int is_first; /* the last datagram made it so */
    char datagram[MCMP_ADVERT_MAX];
    char texts[];
};

void mcmp_advertiser_options_init_sized(mcmp_advertiser_options *opts, size_t size)
{
    mcmp__sized_init(opts, size);
}

/* What does not depend on the datagram; that is tried out in the end. */
static int check_options(mcmp_advertiser_options *own, mcmp_error *err)
{
    if (own->frequency == 0)
        own->frequency = DEFAULT_FREQUENCY;
    if (own->status == 0)
        own->status = 200;
    if (own->frequency < MCMP_MSEC || own->frequency > MAX_FREQUENCY)
        return mcmp__fail(err, MCMP_ERR_INVALID, "frequency",
                          "the frequency is not in 1 ms .. 1 day");
    if (own->sequence > INT64_MAX)
        return mcmp__fail(err, MCMP_ERR_INVALID, "sequence", "the sequence is over 2^63 - 1");
    if ((own->flags & ~(MCMP_ADVERTISER_HMAC | MCMP_ADVERTISER_ANNOUNCED)) != 0)
        return mcmp__fail(err, MCMP_ERR_UNSUPPORTED, "flags", "a flag that is not known");
    return MCMP_OK;
}

/* The longest datagram there can be; nothing of it is kept. */
static int try_longest(const mcmp_advertiser *a, mcmp_error *err)
{
    mcmp_advert longest = a->advert;
    char datagram[MCMP_ADVERT_MAX];
    size_t len;
    int rc = mcmp_advert_encode(&a->advert, a->key, datagram, sizeof(datagram), &len, err);

    if (rc != MCMP_OK)
        return rc;
    longest.status = 503;
    longest.sequence = UINT64_MAX;
    return mcmp_advert_encode(&longest, a->key, datagram, sizeof(datagram), &len, err);
}

static void keep(char **at, mcmp_span *dst, mcmp_span src)
{
    *dst = mcmp__span(*at, src.len);
    if (src.len != 0)
        memcpy(*at, src.ptr, src.len);
    *at += src.len;
}

static void fill(mcmp_advertiser *a, const mcmp_advertiser_options *own)
{
    char *at = a->texts;

    mcmp_advert_init(&a->advert);
    keep(&at, &a->advert.server, own->server);
    keep(&at, &a->advert.address, own->address);
    keep(&at, &a->advert.url, own->url);
    keep(&at, &a->advert.protocol, own->protocol);
    keep(&at, &a->advert.host, own->host);
    keep(&at, &a->key, own->key);
    a->advert.status = own->status;
    a->advert.sequence = own->sequence;
    a->advert.flags = (own->flags & MCMP_ADVERTISER_HMAC) != 0 ? MCMP_ADVERT_HMAC : 0;
    a->is_announced = (own->flags & MCMP_ADVERTISER_ANNOUNCED) != 0;
    a->frequency = own->frequency;
    a->is_due = 1;
}

int mcmp_advertiser_new(mcmp_advertiser **out, const mcmp_advertiser_options *opts, mcmp_error *err)
{
    mcmp_advertiser_options own;
    mcmp_allocator allocator;
    mcmp_advertiser *a;
    size_t size = sizeof(*a);
    int rc = mcmp__sized_in(&own, sizeof(own), opts, sizeof(own.struct_size));

    if (rc != MCMP_OK)
        return mcmp__fail(err, rc, "mcmp_advertiser_options",
                          "options are not initialised or too new");
    if ((rc = check_options(&own, err)) != MCMP_OK)
        return rc;
    if ((rc = mcmp__allocator_take(&allocator, own.allocator)) != MCMP_OK)
        return mcmp__fail(err, rc, "allocator", "the allocator is not valid");
    const size_t lengths[] = { own.server.len,   own.address.len, own.url.len,
                               own.protocol.len, own.host.len,    own.key.len };
    for (size_t i = 0; i < MCMP__COUNT(lengths); i++)
        if (mcmp__add_size(size, lengths[i], &size) != 0)
            return mcmp__fail(err, MCMP_ERR_INVALID, NULL, "a text is too long");
    if ((a = mcmp__calloc(&allocator, 1, size)) == NULL)
        return mcmp__fail(err, MCMP_ERR_NOMEM, NULL, "no memory for an advertiser");
    a->allocator = allocator;
    a->size = size;
    fill(a, &own);
    if ((rc = try_longest(a, err)) != MCMP_OK) {
        mcmp_advertiser_free(a);
        return rc;
    }
    *out = a;
    return MCMP_OK;
}

void mcmp_advertiser_free(mcmp_advertiser *advertiser)
{
    mcmp_allocator allocator;
    size_t size;

    if (advertiser == NULL)
        return;
    allocator = advertiser->allocator;
    size = advertiser->size;
    mcmp__wipe(advertiser, size);
    mcmp__free(&allocator, advertiser, size);
}

/* The datagram of the status as it is now. */
static int make(mcmp_advertiser *a, int64_t date, mcmp_span *out, mcmp_error *err)
{
    mcmp_advert advert = a->advert;
    size_t len;
    int rc;

    advert.sequence++;
    advert.date = date;
    rc = mcmp_advert_encode(&advert, a->key, a->datagram, sizeof(a->datagram), &len, err);
    if (rc != MCMP_OK)
        return rc;
    a->advert.sequence = advert.sequence;
    a->is_first = advert.status == 200 && !a->is_announced;
    a->is_announced |= advert.status == 200;
    *out = mcmp__span(a->datagram, len);
    return MCMP_OK;
}

static int next_of_stop(mcmp_advertiser *a, int64_t date, mcmp_span *out, mcmp_time *out_at,
                        mcmp_error *err)
{
    int rc;

    if (a->state == STOPPED || !a->is_announced) {
        a->state = STOPPED;
        return MCMP_DONE;
    }
    if ((rc = make(a, date, out, err)) != MCMP_OK)
        return rc;
    a->state = STOPPED;
    *out_at = MCMP_NEVER;
    return MCMP_OK;
}

int mcmp_advertiser_next(mcmp_advertiser *advertiser, mcmp_time now, int64_t date, mcmp_span *out,
                         mcmp_time *out_at, mcmp_error *err)
{
    mcmp_advertiser *a = advertiser;
    int rc;

    if (a->state != RUNNING)
        return next_of_stop(a, date, out, out_at, err);
    if (a->advert.status != 200 && !a->is_announced) {
        *out_at = MCMP_NEVER;
        return MCMP_WAIT;
    }
    if (!a->is_due && now < a->due) {
        *out_at = a->due;
        return MCMP_WAIT;
    }
    if ((rc = make(a, date, out, err)) != MCMP_OK)
        return rc;
    a->is_due = 0;
    a->due = now + a->frequency;
    *out_at = a->due;
    return MCMP_OK;
}

void mcmp_advertiser_unsent(mcmp_advertiser *advertiser)
{
    if (advertiser->is_first)
        advertiser->is_announced = 0;
    advertiser->is_first = 0;
}

int mcmp_advertiser_set_status(mcmp_advertiser *advertiser, uint32_t status)
{
    if (advertiser->state != RUNNING)
        return MCMP_ERR_STATE;
    if (status < 100 || status > 999)
        return MCMP_ERR_INVALID;
    advertiser->is_due |= status != advertiser->advert.status;
    advertiser->advert.status = status;
    return MCMP_OK;
}

int mcmp_advertiser_stop(mcmp_advertiser *advertiser, uint32_t status)
{
    if (status == 0)
        status = 410;
    if (status < 100 || status > 999 || status == 200)
        return MCMP_ERR_INVALID;
    if (advertiser->state == RUNNING) {
        advertiser->advert.status = status;
        advertiser->state = STOPPING;
    }
    return MCMP_OK;
}

uint64_t mcmp_advertiser_sequence(const mcmp_advertiser *advertiser)
{
    return advertiser->advert.sequence;
}

int mcmp_advertiser_is_announced(const mcmp_advertiser *advertiser)
{
    return advertiser->is_announced;
}
