/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a zone: its region inside nginx's shared memory or in a named segment, and the handle
 * that each process has of it.
 *
 * A reload with equal limits finds the same region: the new master's handle is opened beside the
 * old one, and requests of old workers are counted in it until they end. With other limits nginx
 * makes a new zone, and the state moves over in ngx_mcmp_init_module(), from where a reload can't
 * fail any more; the old zone is marked as moved, and its workers take no message after that (the
 * senders repeat theirs). A handle is closed with the pool of its cycle.
 */
#include "core.h"

#include <sys/mman.h>
#include <sys/random.h>

#include "advertise.h"
#include "state.h"
#include "tick.h"

/* A secret of hexadecimal digits. */
static ngx_int_t make_token(char *out, size_t len)
{
    u_char bytes[32];

    if (getrandom(bytes, len / 2, 0) != (ssize_t)(len / 2))
        return NGX_ERROR;
    (void)ngx_hex_dump((u_char *)out, bytes, len / 2);
    return NGX_OK;
}

static ngx_int_t take_shared(ngx_shm_zone_t *shm, ngx_mcmp_zone_t *zone)
{
    ngx_slab_pool_t *pool = (ngx_slab_pool_t *)(void *)shm->shm.addr;
    ngx_mcmp_shared_t *shared;
    ngx_mcmp_options_t room;
    size_t size = 0;

    if (shm->shm.exists) {
        zone->shared = pool->data;
        return NGX_OK;
    }
    ngx_mcmp_options_fill(&room, zone);
    shared = ngx_slab_calloc(pool, sizeof(*shared));
    if (shared == NULL || mcmp_cluster_region_size(&room.options, &size, NULL) != MCMP_OK)
        return NGX_ERROR;
    if (zone->segment.len == 0) {
        shared->region = ngx_slab_alloc(pool, size);
        shared->region_size = size;
        if (shared->region == NULL)
            return NGX_ERROR;
    }
    ngx_mcmp_announcer_identity(shared->uuid);
    if (make_token(shared->token, sizeof(shared->token)) != NGX_OK)
        return NGX_ERROR;
    pool->data = shared;
    zone->shared = shared;
    return NGX_OK;
}

static ngx_int_t open_cluster(ngx_mcmp_zone_t *zone, ngx_log_t *log)
{
    ngx_mcmp_options_t room;
    mcmp_error err;

    if (ngx_test_config && zone->segment.len != 0)
        return NGX_OK; /* a test must not touch what a running server uses */
    mcmp_error_init(&err);
    ngx_mcmp_options_fill(&room, zone);
    if (mcmp_cluster_open(&zone->cluster, &room.options, &err) == MCMP_OK)
        return NGX_OK;
    ngx_log_error(NGX_LOG_EMERG, log, 0, "mcmp_zone \"%V\": %s: %s: %s", &zone->name,
                  mcmp_error_name(err.code), err.field, err.message);
    if (zone->segment.len != 0 && err.code == MCMP_ERR_REGION)
        ngx_log_error(
            NGX_LOG_EMERG, log, 0,
            "segment \"%V\" was made with other limits or by another version: name another "
            "one, or remove it by mcmp-server --segment %V --remove-segment",
            &zone->segment, &zone->segment);
    return NGX_ERROR;
}

static ngx_int_t init_zone(ngx_shm_zone_t *shm, void *data)
{
    ngx_mcmp_zone_t *zone = shm->data;
    ngx_mcmp_zone_t *old = data;

    if (old != NULL) {
        zone->shared = old->shared;
    } else if (take_shared(shm, zone) != NGX_OK) {
        ngx_log_error(NGX_LOG_EMERG, shm->shm.log, 0, "mcmp_zone \"%V\": no room for the region",
                      &zone->name);
        return NGX_ERROR;
    }
    return open_cluster(zone, shm->shm.log);
}

/* nginx frees the memory of a zone before the pool of its cycle. Handles are closed before that in
 * ngx_mcmp_init_module(), but for a new configuration without this module. */
static int is_mapped(const ngx_mcmp_zone_t *zone)
{
    unsigned char there;

    return mincore(zone->shm->shm.addr, 1, &there) == 0;
}

static void close_zone(void *data)
{
    ngx_mcmp_zone_t *zone = data;

    if (zone->cluster != NULL && is_mapped(zone))
        mcmp_cluster_close(zone->cluster);
    zone->cluster = NULL;
}

/* The zone of this name in the cycle that is being replaced. */
static ngx_mcmp_zone_t *find_old(const ngx_str_t *name)
{
    ngx_list_part_t *part = (ngx_list_part_t *)&ngx_cycle->shared_memory.part;

    for (; part != NULL; part = part->next) {
        ngx_shm_zone_t *list = part->elts;

        for (ngx_uint_t i = 0; i < part->nelts; i++)
            if (list[i].tag == &ngx_http_mcmp_module && list[i].shm.name.len == name->len &&
                ngx_strncmp(list[i].shm.name.data, name->data, name->len) == 0)
                return list[i].data;
    }
    return NULL;
}

static int same_text(const ngx_str_t *a, const ngx_str_t *b)
{
    return a->len == b->len && (a->len == 0 || ngx_strncmp(a->data, b->data, a->len) == 0);
}

ngx_int_t ngx_mcmp_zone_add(ngx_conf_t *cf, ngx_mcmp_zone_t *zone)
{
    ngx_mcmp_zone_t *old = find_old(&zone->name);
    ngx_pool_cleanup_t *cleanup = ngx_pool_cleanup_add(cf->pool, 0);

    if (cleanup == NULL)
        return NGX_ERROR;
    cleanup->handler = close_zone;
    cleanup->data = zone;
    zone->log = cf->cycle->log;
    zone->shm = ngx_shared_memory_add(cf, &zone->name, zone->size, &ngx_http_mcmp_module);
    if (zone->shm == NULL)
        return NGX_ERROR;
    zone->shm->init = init_zone;
    zone->shm->data = zone;
    if (old != NULL && (old->size != zone->size || !same_text(&old->segment, &zone->segment) ||
                        !ngx_mcmp_same_limits(&old->settings, &zone->settings))) {
        zone->shm->noreuse = 1; /* for this reload only, see ngx_mcmp_init_module() */
        zone->previous = old;
    }
    return NGX_OK;
}

/* From here on the old zone is one that nginx frees, and the new one is like any other. */
static void take_over(ngx_mcmp_zone_t *zone, ngx_log_t *log)
{
    ngx_mcmp_zone_t *old = zone->previous;

    zone->previous = NULL;
    zone->shm->noreuse = 0;
    old->shm->noreuse = 1;
    ngx_memcpy(zone->shared->token, old->shared->token, sizeof(old->shared->token));
    ngx_memcpy(zone->shared->uuid, old->shared->uuid, sizeof(old->shared->uuid));
    zone->shared->sequence = old->shared->sequence;
    zone->shared->announced = old->shared->announced;
    if (old->cluster == NULL || zone->cluster == NULL)
        return;
    old->shared->moved = 1;
    ngx_memory_barrier();
    ngx_mcmp_state_move(old, zone, log);
    if (old->segment.len != 0 && !same_text(&old->segment, &zone->segment))
        (void)mcmp_segment_unlink((const char *)old->segment.data, MCMP_SEGMENT_FORCE, NULL);
}

static int is_advertised(ngx_cycle_t *cycle, const ngx_str_t *name)
{
    ngx_array_t *zones = ngx_mcmp_zones(cycle);
    ngx_mcmp_zone_t **list = zones != NULL ? zones->elts : NULL;

    for (ngx_uint_t i = 0; zones != NULL && i < zones->nelts; i++)
        if (same_text(&list[i]->name, name))
            return list[i]->advertise != NULL;
    return 0;
}

/* The master's handles of the cycle that is replaced; its workers have their own. */
static void close_old(ngx_cycle_t *cycle)
{
    ngx_array_t *zones = ngx_mcmp_zones((ngx_cycle_t *)ngx_cycle);
    ngx_mcmp_zone_t **list = zones != NULL ? zones->elts : NULL;

    for (ngx_uint_t i = 0; zones != NULL && i < zones->nelts; i++) {
        if (list[i]->shared != NULL && !is_advertised(cycle, &list[i]->name)) {
            list[i]->shared->silent = 1; /* its workers run on for a moment */
            ngx_mcmp_announce_end(list[i]);
        }
        close_zone(list[i]);
    }
}

ngx_int_t ngx_mcmp_init_module(ngx_cycle_t *cycle)
{
    ngx_array_t *zones = ngx_mcmp_zones(cycle);
    ngx_mcmp_zone_t **list = zones != NULL ? zones->elts : NULL;

    for (ngx_uint_t i = 0; zones != NULL && i < zones->nelts && !ngx_test_config; i++) {
        list[i]->log = cycle->log;
        list[i]->shared->silent = 0;
        if (list[i]->previous != NULL)
            take_over(list[i], cycle->log);
        else
            ngx_mcmp_state_load(list[i], cycle->log);
    }
    if (!ngx_is_init_cycle(ngx_cycle) && ngx_process == NGX_PROCESS_MASTER)
        close_old(cycle);
    return NGX_OK;
}

/* A respawned worker finds the pid of the one whose place it has; its requests are over. */
static void enter(ngx_mcmp_zone_t *zone, ngx_cycle_t *cycle)
{
    mcmp_error err;

    mcmp_error_init(&err);
    if (zone->cluster == NULL)
        return;
    if (ngx_process == NGX_PROCESS_WORKER &&
        mcmp_cluster_after_fork(zone->cluster, &err) != MCMP_OK) {
        ngx_mcmp_log_error(NGX_LOG_EMERG, cycle->log,
                           "the worker has no place in its zone, see mcmp_limits processes=", &err);
        zone->cluster = NULL;
        return;
    }
    if (ngx_process == NGX_PROCESS_WORKER && ngx_processes[ngx_process_slot].pid > 0)
        (void)mcmp_cluster_process_gone(zone->cluster, ngx_processes[ngx_process_slot].pid);
}

ngx_int_t ngx_mcmp_init_process(ngx_cycle_t *cycle)
{
    ngx_array_t *zones = ngx_mcmp_zones(cycle);
    ngx_mcmp_zone_t **list = zones != NULL ? zones->elts : NULL;

    if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE)
        return NGX_OK;
    for (ngx_uint_t i = 0; zones != NULL && i < zones->nelts; i++) {
        enter(list[i], cycle);
        if (list[i]->cluster != NULL && ngx_mcmp_tick_start(list[i], cycle) != NGX_OK)
            return NGX_ERROR;
    }
    return NGX_OK;
}

void ngx_mcmp_exit_process(ngx_cycle_t *cycle)
{
    ngx_array_t *zones = ngx_mcmp_zones(cycle);
    ngx_mcmp_zone_t **list = zones != NULL ? zones->elts : NULL;

    for (ngx_uint_t i = 0; zones != NULL && i < zones->nelts; i++)
        if (list[i]->worker != NULL)
            ngx_mcmp_tick_stop(list[i]);
}

/* The end of the server, but not that of a binary which a newer one follows. */
void ngx_mcmp_exit_master(ngx_cycle_t *cycle)
{
    ngx_array_t *zones = ngx_mcmp_zones(cycle);
    ngx_mcmp_zone_t **list = zones != NULL ? zones->elts : NULL;

    for (ngx_uint_t i = 0; zones != NULL && i < zones->nelts && ngx_new_binary == 0; i++)
        ngx_mcmp_announce_end(list[i]);
}
