/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Datagrams of the worker that owns the clock. Which start of which server it is, and the last
 * Sequence, stand in the zone, so that workers can take turns and a reload goes on with both; the
 * master says the last word when the server ends.
 */
#include "advertise.h"

#include <sys/random.h>

struct ngx_mcmp_announcer_s {
    mcmp_multicast *socket;
    mcmp_advertiser *advertiser;
    ngx_uint_t failing;
};

void ngx_mcmp_announcer_identity(char out[MCMP_ADVERT_UUID])
{
    uint8_t random[16];

    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        ngx_memzero(random, sizeof(random));
    mcmp_advert_uuid(random, out);
}

static mcmp_span text_span(const char *text)
{
    mcmp_span span = { text, ngx_strlen(text) };

    return span;
}

static int open_socket(ngx_mcmp_announcer_t *announcer, const ngx_mcmp_advertise_t *a,
                       mcmp_error *err)
{
    mcmp_multicast_options opts;

    mcmp_multicast_options_init(&opts);
    opts.group = ngx_mcmp_span(&a->group);
    opts.interface_name = ngx_mcmp_span(&a->interface);
    opts.ttl = (uint32_t)(a->ttl == NGX_CONF_UNSET_UINT ? 0 : a->ttl);
    if (a->ttl == 0)
        opts.flags |= MCMP_MULTICAST_TTL_0;
    if (a->loop == 0)
        opts.flags |= MCMP_MULTICAST_NO_LOOP;
    return mcmp_multicast_open(&announcer->socket, &opts, err);
}

static int make_advertiser(ngx_mcmp_announcer_t *announcer, const ngx_mcmp_advertise_t *a,
                           const char *address, const ngx_mcmp_shared_t *shared, mcmp_error *err)
{
    mcmp_advertiser_options opts;
    char uuid[MCMP_ADVERT_UUID];

    ngx_mcmp_announcer_identity(uuid);
    mcmp_advertiser_options_init(&opts);
    opts.server = text_span(shared != NULL ? shared->uuid : uuid);
    opts.address = text_span(address);
    opts.url = ngx_mcmp_span(&a->url);
    opts.protocol = ngx_mcmp_span(&a->protocol);
    opts.host = ngx_mcmp_span(&a->host);
    opts.key = ngx_mcmp_span(&a->key);
    opts.frequency = a->frequency == NGX_CONF_UNSET_UINT ? 0 : (mcmp_time)a->frequency * MCMP_MSEC;
    if (a->key.len != 0 && a->hmac != 0)
        opts.flags |= MCMP_ADVERTISER_HMAC;
    if (shared != NULL) {
        opts.sequence = shared->sequence;
        if (shared->announced)
            opts.flags |= MCMP_ADVERTISER_ANNOUNCED;
    }
    return mcmp_advertiser_new(&announcer->advertiser, &opts, err);
}

ngx_mcmp_announcer_t *ngx_mcmp_announcer_open(const ngx_mcmp_advertise_t *a,
                                              const ngx_mcmp_shared_t *shared, mcmp_error *err)
{
    ngx_mcmp_announcer_t *announcer = ngx_calloc(sizeof(*announcer), ngx_cycle->log);
    char address[MCMP_MULTICAST_TEXT];
    int rc;

    if (announcer == NULL)
        return NULL;
    rc = open_socket(announcer, a, err);
    if (rc == MCMP_OK)
        rc = mcmp_multicast_announce(announcer->socket, ngx_mcmp_span(&a->address), address, err);
    if (rc == MCMP_OK)
        rc = make_advertiser(announcer, a, address, shared, err);
    if (rc == MCMP_OK)
        return announcer;
    ngx_mcmp_announcer_close(announcer);
    return NULL;
}

void ngx_mcmp_announcer_close(ngx_mcmp_announcer_t *announcer)
{
    if (announcer == NULL)
        return;
    mcmp_advertiser_free(announcer->advertiser);
    mcmp_multicast_close(announcer->socket);
    ngx_free(announcer);
}

/* A failure is told once, and its end too. */
static void send_datagram(ngx_mcmp_announcer_t *announcer, mcmp_span datagram)
{
    mcmp_error err;

    mcmp_error_init(&err);
    if (mcmp_multicast_send(announcer->socket, datagram.ptr, datagram.len, &err) == MCMP_OK) {
        if (announcer->failing) {
            ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0, "mcmp: datagrams are sent again");
        }
        announcer->failing = 0;
        return;
    }
    mcmp_advertiser_unsent(announcer->advertiser);
    if (!announcer->failing) {
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, err.os_status,
                      "mcmp: can't send a datagram, trying again");
    }
    announcer->failing = 1;
}

mcmp_time ngx_mcmp_announcer_turn(ngx_mcmp_announcer_t *announcer, ngx_mcmp_shared_t *shared,
                                  mcmp_time now)
{
    mcmp_time at = MCMP_NEVER;
    mcmp_span datagram;
    mcmp_error err;
    int rc;

    mcmp_error_init(&err);
    rc =
        mcmp_advertiser_next(announcer->advertiser, now, (int64_t)ngx_time(), &datagram, &at, &err);
    if (rc == MCMP_OK) {
        /* Before it is sent, since the worker may be killed or held up right behind that. */
        shared->sequence = mcmp_advertiser_sequence(announcer->advertiser);
        shared->announced = (ngx_atomic_uint_t)mcmp_advertiser_is_announced(announcer->advertiser);
        send_datagram(announcer, datagram);
        shared->announced = (ngx_atomic_uint_t)mcmp_advertiser_is_announced(announcer->advertiser);
    }
    if (rc < 0 && !announcer->failing) {
        ngx_mcmp_log_error(NGX_LOG_ERR, ngx_cycle->log, "no datagram can be made", &err);
        announcer->failing = 1;
    }
    return rc < 0 ? MCMP_NEVER : at;
}

void ngx_mcmp_announce_end(ngx_mcmp_zone_t *zone)
{
    ngx_mcmp_announcer_t *announcer;
    mcmp_error err;

    if (zone->advertise == NULL || zone->shared == NULL || !zone->shared->announced)
        return;
    mcmp_error_init(&err);
    announcer = ngx_mcmp_announcer_open(zone->advertise, zone->shared, &err);
    if (announcer == NULL) {
        ngx_mcmp_log_error(NGX_LOG_WARN, ngx_cycle->log, "no last datagram is sent", &err);
        return;
    }
    (void)mcmp_advertiser_stop(announcer->advertiser, 0);
    (void)ngx_mcmp_announcer_turn(announcer, zone->shared, ngx_mcmp_now());
    zone->shared->announced = 0;
    ngx_mcmp_announcer_close(announcer);
}
