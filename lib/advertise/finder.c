/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which proxies there are, told from datagrams. Each server is remembered with its last datagram,
 * also when it is gone, so that nothing old of it counts again. Whatever is refused changes
 * nothing. A datagram is judged in this order: form, digests, date, sequence, what it says.
 */
#include "values.h"

#include "base/digest.h"

#define DEFAULT_WINDOW (300 * MCMP_SEC)
#define DEFAULT_PROXIES 64
#define MAX_PROXIES 4096

enum { THERE, LEFT, LOST };

typedef struct proxy {
    char datagram[MCMP_ADVERT_MAX]; /* the last one; advert has views into it */
    mcmp_advert advert;
    mcmp_time heard;
    int state;
} proxy;

struct mcmp_finder {
    mcmp_allocator allocator;
    size_t size; /* of this block, table and key included */
    mcmp_span key;
    mcmp_time window;
    mcmp_time lost_after;
    uint32_t flags;
    uint32_t room;
    uint32_t count;
    proxy *proxies[];
};

void mcmp_finder_options_init_sized(mcmp_finder_options *opts, size_t size)
{
    mcmp__sized_init(opts, size);
}

void mcmp_found_init_sized(mcmp_found *found, size_t size)
{
    mcmp__sized_init(found, size);
}

static int check_options(mcmp_finder_options *own, mcmp_error *err)
{
    if (own->window == 0)
        own->window = DEFAULT_WINDOW;
    if (own->max_proxies == 0)
        own->max_proxies = DEFAULT_PROXIES;
    if (own->window < 0 && own->window != MCMP_NEVER)
        return mcmp__fail(err, MCMP_ERR_INVALID, "window", "the window is negative");
    if (own->lost_after < 0)
        return mcmp__fail(err, MCMP_ERR_INVALID, "lost_after", "lost_after is negative");
    if (own->max_proxies > MAX_PROXIES)
        return mcmp__fail(err, MCMP_ERR_INVALID, "max_proxies", "max_proxies is over %d",
                          MAX_PROXIES);
    if ((own->flags & ~MCMP_FINDER_HMAC) != 0)
        return mcmp__fail(err, MCMP_ERR_UNSUPPORTED, "flags", "a flag that is not known");
    if ((own->flags & MCMP_FINDER_HMAC) != 0 && own->key.len == 0)
        return mcmp__fail(err, MCMP_ERR_INVALID, "key", "X-Manager-Digest needs a security key");
    return MCMP_OK;
}

int mcmp_finder_new(mcmp_finder **out, const mcmp_finder_options *opts, mcmp_error *err)
{
    mcmp_finder_options own;
    mcmp_allocator allocator;
    mcmp_finder *finder;
    size_t size;
    int rc = mcmp__sized_in(&own, sizeof(own), opts, sizeof(own.struct_size));

    if (rc != MCMP_OK)
        return mcmp__fail(err, rc, "mcmp_finder_options", "options are not initialised or too new");
    if ((rc = check_options(&own, err)) != MCMP_OK)
        return rc;
    if ((rc = mcmp__allocator_take(&allocator, own.allocator)) != MCMP_OK)
        return mcmp__fail(err, rc, "allocator", "the allocator is not valid");
    if (mcmp__add_size(sizeof(*finder) + own.max_proxies * sizeof(proxy *), own.key.len, &size) !=
        0)
        return mcmp__fail(err, MCMP_ERR_INVALID, "key", "the key is too long");
    if ((finder = mcmp__calloc(&allocator, 1, size)) == NULL)
        return mcmp__fail(err, MCMP_ERR_NOMEM, NULL, "no memory for a finder");
    finder->allocator = allocator;
    finder->size = size;
    finder->window = own.window;
    finder->lost_after = own.lost_after;
    finder->flags = own.flags;
    finder->room = own.max_proxies;
    finder->key = mcmp__span((char *)&finder->proxies[own.max_proxies], own.key.len);
    if (own.key.len != 0)
        memcpy(&finder->proxies[own.max_proxies], own.key.ptr, own.key.len);
    *out = finder;
    return MCMP_OK;
}

void mcmp_finder_free(mcmp_finder *finder)
{
    mcmp_allocator allocator;
    size_t size;

    if (finder == NULL)
        return;
    allocator = finder->allocator;
    size = finder->size;
    for (uint32_t i = 0; i < finder->count; i++)
        mcmp__free(&allocator, finder->proxies[i], sizeof(proxy));
    mcmp__wipe(finder, size);
    mcmp__free(&allocator, finder, size);
}

static proxy *find(const mcmp_finder *finder, mcmp_span server)
{
    for (uint32_t i = 0; i < finder->count; i++)
        if (mcmp__span_eq(finder->proxies[i]->advert.server, server))
            return finder->proxies[i];
    return NULL;
}

/* With a key only: without one anybody can make any date. */
static int check_date(const mcmp_finder *finder, const mcmp_advert *advert, int64_t date,
                      mcmp_error *err)
{
    int64_t most = finder->window / MCMP_SEC;

    if (finder->key.len == 0 || finder->window == MCMP_NEVER)
        return MCMP_OK;
    if (advert->date == MCMP_ADVERT_NO_DATE)
        return mcmp__fail(err, MCMP_ERR_ADVERT_DATE, "Date", "Date can't be understood");
    if (advert->date > date + most || advert->date < date - most)
        return mcmp__fail(err, MCMP_ERR_ADVERT_DATE, "Date",
                          "Date is %lld s from now, more than the window of %lld s",
                          (long long)(advert->date - date), (long long)most);
    return MCMP_OK;
}

static int check_digests(const mcmp_finder *finder, const mcmp_advert *advert, const proxy *known,
                         mcmp_error *err)
{
    int rc = mcmp_advert_verify(advert, finder->key, err);

    if (rc != MCMP_OK || finder->key.len == 0 || (advert->flags & MCMP_ADVERT_HMAC) != 0)
        return rc;
    if ((finder->flags & MCMP_FINDER_HMAC) != 0)
        return mcmp__fail(err, MCMP_ERR_ADVERT_DIGEST, "X-Manager-Digest",
                          "X-Manager-Digest is missing");
    if (known != NULL && (known->advert.flags & MCMP_ADVERT_HMAC) != 0)
        return mcmp__fail(err, MCMP_ERR_ADVERT_DIGEST, "X-Manager-Digest",
                          "X-Manager-Digest is missing, which this server sent before");
    return MCMP_OK;
}

static int check_known(const proxy *known, const mcmp_advert *advert, mcmp_error *err)
{
    if (advert->sequence <= known->advert.sequence)
        return mcmp__fail(
            err, MCMP_ERR_ADVERT_REPLAY, "Sequence", "Sequence %llu is not newer than %llu",
            (unsigned long long)advert->sequence, (unsigned long long)known->advert.sequence);
    if (!mcmp__span_eq(advert->address, known->advert.address) ||
        !mcmp__span_eq(advert->protocol, known->advert.protocol))
        return mcmp__fail(err, MCMP_ERR_ADVERT_ADDRESS, "X-Manager-Address",
                          "X-Manager-Address or Protocol is not what this server said before");
    return MCMP_OK;
}

/* A place for one more: a new one, or that of the proxy that is gone for longest. */
static proxy *make_place(mcmp_finder *finder, int *rc, mcmp_error *err)
{
    proxy *place = NULL;

    if (finder->count < finder->room) {
        if ((place = mcmp__calloc(&finder->allocator, 1, sizeof(*place))) != NULL)
            finder->proxies[finder->count++] = place;
        else
            *rc = mcmp__fail(err, MCMP_ERR_NOMEM, NULL, "no memory for a proxy");
        return place;
    }
    for (uint32_t i = 0; i < finder->count; i++) {
        proxy *other = finder->proxies[i];

        if (other->state != THERE && (place == NULL || other->heard < place->heard))
            place = other;
    }
    if (place == NULL)
        *rc = mcmp__fail(err, MCMP_ERR_LIMIT, "max_proxies", "max_proxies (%u) are there",
                         (unsigned)finder->room);
    return place;
}

static void store(proxy *place, const void *data, size_t len, mcmp_time now)
{
    memcpy(place->datagram, data, len);
    mcmp_advert_init(&place->advert);
    (void)mcmp_advert_decode(place->datagram, len, &place->advert, NULL);
    place->heard = now;
    place->state = place->advert.status == 200 ? THERE : LEFT;
}

static int report(const mcmp_finder *finder, const proxy *p, uint32_t change, mcmp_found *out)
{
    mcmp_found found = { .struct_size = sizeof(found), .change = change };
    mcmp__advert_address address = { .port = 0 };

    if (p != NULL) {
        (void)mcmp__advert_bad_address(p->advert.address, &address);
        found.status = p->advert.status;
        found.sequence = p->advert.sequence;
        found.date = p->advert.date;
        found.heard = p->heard;
        found.server = p->advert.server;
        found.address = p->advert.address;
        found.host = address.host;
        found.port = address.port;
        found.url = p->advert.url;
        found.protocol = p->advert.protocol;
        found.name = p->advert.host;
        found.flags = finder->key.len != 0 ? p->advert.flags & MCMP_ADVERT_HMAC : 0;
    }
    return mcmp__sized_out(out, &found, sizeof(found));
}

static uint32_t change_of(int before, int after)
{
    if (after == THERE)
        return before == THERE ? MCMP_FOUND_SAME : MCMP_FOUND_BACK;
    return before == THERE ? MCMP_FOUND_LEFT : MCMP_FOUND_SAME;
}

int mcmp_finder_feed(mcmp_finder *finder, const void *data, size_t len, mcmp_time now, int64_t date,
                     mcmp_found *out, mcmp_error *err)
{
    mcmp_advert advert;
    proxy *known;
    proxy *place;
    int before;
    int rc;

    if (out == NULL || out->struct_size < sizeof(out->struct_size))
        return mcmp__fail(err, MCMP_ERR_INVALID, "mcmp_found", "the result is not initialised");
    mcmp_advert_init(&advert);
    if ((rc = mcmp_advert_decode(data, len, &advert, err)) != MCMP_OK)
        return rc;
    known = find(finder, advert.server);
    if ((rc = check_digests(finder, &advert, known, err)) != MCMP_OK ||
        (rc = check_date(finder, &advert, date, err)) != MCMP_OK)
        return rc;
    if (known == NULL) {
        if (advert.status != 200)
            return report(finder, NULL, MCMP_FOUND_SAME, out);
        if ((place = make_place(finder, &rc, err)) == NULL)
            return rc;
        store(place, data, len, now);
        return report(finder, place, MCMP_FOUND_NEW, out);
    }
    if ((rc = check_known(known, &advert, err)) != MCMP_OK)
        return rc;
    before = known->state;
    store(known, data, len, now);
    return report(finder, known, change_of(before, known->state), out);
}

int mcmp_finder_expire(mcmp_finder *finder, mcmp_time now, mcmp_found *out, mcmp_time *out_at)
{
    mcmp_time first = MCMP_NEVER;
    int rc;

    for (uint32_t i = 0; i < finder->count && finder->lost_after != 0; i++) {
        proxy *p = finder->proxies[i];
        mcmp_time at = p->heard + finder->lost_after;

        if (p->state != THERE)
            continue;
        if (now >= at) {
            rc = report(finder, p, MCMP_FOUND_LOST, out);
            p->state = rc == MCMP_OK ? LOST : p->state;
            return rc;
        }
        first = first == MCMP_NEVER ? at : MCMP__MIN(first, at);
    }
    *out_at = first;
    return MCMP_DONE;
}

size_t mcmp_finder_count(const mcmp_finder *finder)
{
    return finder->count;
}

int mcmp_finder_get(const mcmp_finder *finder, size_t index, mcmp_found *out)
{
    static const uint32_t changes[] = {
        [THERE] = MCMP_FOUND_NEW,
        [LEFT] = MCMP_FOUND_LEFT,
        [LOST] = MCMP_FOUND_LOST,
    };

    if (index >= finder->count)
        return MCMP_ERR_NOT_FOUND;
    return report(finder, finder->proxies[index], changes[finder->proxies[index]->state], out);
}
