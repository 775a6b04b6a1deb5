/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The nodes that this worker met, by handle: a handle never stands for another node, so nothing
 * that was kept for one can reach another. Idle connections are closed by anything that comes from
 * the node, by their time, and when the node is gone.
 */
#include "traffic.h"

#define BUCKETS 1024 /* power of 2 */

typedef struct {
    ngx_queue_t queue; /* of the node, newest first */
    ngx_connection_t *connection;
    ngx_mcmp_node_t *node;
    ngx_msec_t since;
} idle_t;

typedef struct {
    ngx_queue_t buckets[BUCKETS];
} table_t;

ngx_int_t ngx_mcmp_idle_init(ngx_mcmp_zone_t *zone, ngx_pool_t *pool)
{
    table_t *table = ngx_palloc(pool, sizeof(table_t));

    if (table == NULL)
        return NGX_ERROR;
    for (ngx_uint_t i = 0; i < BUCKETS; i++) {
        ngx_queue_init(&table->buckets[i]);
    }
    zone->traffic = table;
    return NGX_OK;
}

static table_t *table_of(ngx_mcmp_zone_t *zone)
{
    return zone->traffic;
}

static ngx_queue_t *bucket_of(table_t *table, mcmp_handle handle)
{
    return &table->buckets[(handle ^ (handle >> 32)) & (BUCKETS - 1)];
}

static ngx_mcmp_node_t *make_node(const mcmp_selection *selection, ngx_log_t *log)
{
    size_t room = selection->host.len + sizeof("https://:65535");
    ngx_mcmp_node_t *node = ngx_calloc(sizeof(*node) + room, log);
    const char *scheme = mcmp_scheme_name(selection->scheme);

    if (node == NULL)
        return NULL;
    node->handle = selection->node;
    node->port = selection->port;
    node->scheme = selection->scheme;
    ngx_queue_init(&node->idle);
    node->url.data = (u_char *)(node + 1);
    node->url.len =
        (size_t)(ngx_snprintf(node->url.data, room, "%s://%*s:%uD", scheme, selection->host.len,
                              selection->host.ptr, selection->port) -
                 node->url.data);
    node->name = node->url;
    node->name.data += ngx_strlen(scheme) + 3;
    node->name.len -= ngx_strlen(scheme) + 3;
    if (!ngx_mcmp_literal(selection->host, selection->port, node->list, &node->count))
        node->count = 0;
    return node;
}

ngx_mcmp_node_t *ngx_mcmp_node_get(ngx_mcmp_zone_t *zone, const mcmp_selection *selection,
                                   ngx_log_t *log)
{
    ngx_queue_t *bucket = bucket_of(table_of(zone), selection->node);
    ngx_mcmp_node_t *node;

    for (ngx_queue_t *q = ngx_queue_head(bucket); q != bucket; q = ngx_queue_next(q)) {
        node = ngx_queue_data(q, ngx_mcmp_node_t, queue);
        if (node->handle == selection->node && node->port == selection->port &&
            node->scheme == selection->scheme) {
            node->users++;
            return node;
        }
    }
    node = make_node(selection, log);
    if (node != NULL) {
        ngx_queue_insert_head(bucket, &node->queue);
        node->users = 1;
    }
    return node;
}

void ngx_mcmp_node_put(ngx_mcmp_node_t *node)
{
    node->users--;
}

static void close_connection(ngx_connection_t *c)
{
#if (NGX_HTTP_SSL)
    if (c->ssl) {
        c->ssl->no_wait_shutdown = 1;
        c->ssl->no_send_shutdown = 1;
        if (ngx_ssl_shutdown(c) == NGX_AGAIN) {
            c->ssl->handler = close_connection;
            return;
        }
    }
#endif
    ngx_destroy_pool(c->pool);
    ngx_close_connection(c);
}

static ngx_connection_t *unlink_idle(idle_t *idle)
{
    ngx_connection_t *c = idle->connection;

    ngx_queue_remove(&idle->queue);
    idle->node->idle_count--;
    ngx_free(idle);
    return c;
}

static void on_read(ngx_event_t *ev)
{
    ngx_connection_t *c = ev->data;
    u_char byte;

    if (!c->close && !ev->timedout) {
        if (recv(c->fd, &byte, 1, MSG_PEEK) == -1 && ngx_socket_errno == NGX_EAGAIN) {
            ev->ready = 0;
            if (ngx_handle_read_event(ev, 0) == NGX_OK)
                return;
        }
    }
    close_connection(unlink_idle(c->data));
}

static void on_write(ngx_event_t *ev)
{
    (void)ev;
}

/* Who looks at it and what it logs to, while it is idle and when it is not. */
static void set_log(ngx_connection_t *c, ngx_log_t *log)
{
    c->log = log;
    c->pool->log = log;
    c->read->log = log;
    c->write->log = log;
}

/* 1: the node closed it, or sent what nobody asked for, and the event is still to come. */
static ngx_uint_t is_dead(ngx_connection_t *c)
{
    u_char byte;

    return recv(c->fd, &byte, 1, MSG_PEEK) != -1 || ngx_socket_errno != NGX_EAGAIN;
}

ngx_connection_t *ngx_mcmp_idle_take(ngx_mcmp_node_t *node, ngx_uint_t look, ngx_log_t *log,
                                     ngx_msec_t *since)
{
    while (!ngx_queue_empty(&node->idle)) {
        idle_t *idle = ngx_queue_data(ngx_queue_head(&node->idle), idle_t, queue);
        ngx_connection_t *c;

        *since = idle->since;
        c = unlink_idle(idle);
        if (look && c->ssl == NULL && is_dead(c)) {
            close_connection(c);
            continue;
        }
        c->idle = 0;
        c->sent = 0;
        c->data = NULL;
        set_log(c, log);
        if (c->read->timer_set)
            ngx_del_timer(c->read);
        return c;
    }
    return NULL;
}

static ngx_msec_t life_of(const ngx_mcmp_node_t *node, const ngx_mcmp_loc_t *conf,
                          const mcmp_selection *selection)
{
    mcmp_time ttl = selection->ttl > 0 ? selection->ttl / MCMP_MSEC : 60000;

    if (selection->smax < 0 || node->idle_count < (ngx_uint_t)selection->smax ||
        (ngx_msec_t)ttl > conf->idle_time)
        return conf->idle_time;
    return (ngx_msec_t)ttl;
}

static ngx_uint_t may_keep(const ngx_connection_t *c, const ngx_mcmp_loc_t *conf)
{
    /* a worker that is short of connections has none to lie idle */
    return conf->idle_most > 0 && ngx_cycle->free_connection_n > ngx_cycle->connection_n / 8 &&
           !c->read->eof && !c->read->error && !c->read->timedout && !c->write->error &&
           !c->write->timedout && c->requests < conf->idle_requests && !ngx_terminate &&
           !ngx_exiting && !ngx_quit;
}

ngx_int_t ngx_mcmp_idle_keep(ngx_mcmp_node_t *node, ngx_connection_t *c, const ngx_mcmp_loc_t *conf,
                             const mcmp_selection *selection)
{
    idle_t *idle;

    if (!may_keep(c, conf) || ngx_handle_read_event(c->read, 0) != NGX_OK)
        return NGX_DECLINED;
    idle = ngx_alloc(sizeof(*idle), c->log);
    if (idle == NULL)
        return NGX_DECLINED;
    if (node->idle_count >= conf->idle_most)
        close_connection(unlink_idle(ngx_queue_data(ngx_queue_last(&node->idle), idle_t, queue)));
    idle->connection = c;
    idle->node = node;
    idle->since = ngx_current_msec;
    c->read->delayed = 0;
    ngx_add_timer(c->read, life_of(node, conf, selection));
    if (c->write->timer_set)
        ngx_del_timer(c->write);
    ngx_queue_insert_head(&node->idle, &idle->queue);
    node->idle_count++;
    c->read->handler = on_read;
    c->write->handler = on_write;
    c->data = idle;
    c->idle = 1;
    set_log(c, ngx_cycle->log);
    if (c->read->ready)
        on_read(c->read);
    return NGX_OK;
}

void ngx_mcmp_idle_sweep(ngx_mcmp_zone_t *zone)
{
    table_t *table = table_of(zone);

    if (zone->cluster == NULL)
        return;
    for (ngx_uint_t i = 0; i < BUCKETS; i++) {
        ngx_queue_t *bucket = &table->buckets[i];
        ngx_queue_t *next;

        for (ngx_queue_t *q = ngx_queue_head(bucket); q != bucket; q = next) {
            ngx_mcmp_node_t *node = ngx_queue_data(q, ngx_mcmp_node_t, queue);

            next = ngx_queue_next(q);
            if (mcmp_node_is_current(zone->cluster, node->handle))
                continue;
            while (!ngx_queue_empty(&node->idle))
                close_connection(
                    unlink_idle(ngx_queue_data(ngx_queue_head(&node->idle), idle_t, queue)));
            if (node->users == 0) {
                ngx_queue_remove(&node->queue);
                ngx_free(node);
            }
        }
    }
}
