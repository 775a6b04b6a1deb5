/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pools and the life of a connection to a node: resolve, connect (each address in turn, within one
 * deadline), TLS, busy, idle. An idle connection on which anything happens is closed: the node left
 * it, or says something nobody asked for.
 */
#include "pool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cluster.h"
#include "exchange.h"
#include "wire_ajp.h"

#define BUCKETS 1024u
#define RESOLVE_LIFE (10 * MCMP_SEC)

struct pools {
    struct worker *worker;
    struct pool *bucket[BUCKETS];
    struct upstream *free;
};

static void connect_next(struct upstream *up);
static void fail_address(struct upstream *up, const char *why);
static void on_ready(struct io *io, unsigned events);

struct pools *pools_new(struct worker *w)
{
    struct pools *pools = calloc(1, sizeof(*pools));

    if (pools != NULL)
        pools->worker = w;
    return pools;
}

/* Wait for events; TLS may need another one than it seems. */
void upstream_want(struct upstream *up, unsigned events)
{
    if (up->stream.ssl != NULL && events != 0)
        events |= up->stream.need;
    io_want(&up->io, events);
}

static struct upstream *upstream_new(struct pool *pool)
{
    struct pools *pools = pool->worker->pools;
    struct upstream *up = pools->free;
    mcmp_http_head *head;
    mcmp_ajp_proxy *ajp = NULL;
    uint32_t ajp_packet = 0;

    if (up != NULL) {
        pools->free = up->next_free;
        head = up->head;
        ajp = up->ajp;
        ajp_packet = up->ajp_packet;
    } else {
        mcmp_http_options opts;

        mcmp_http_options_init(&opts);
        opts.max_head = (uint32_t)pool->worker->config->max_response_head;
        opts.max_line = opts.max_head;
        opts.max_headers = 1000;
        up = malloc(sizeof(*up));
        if (up == NULL || mcmp_http_head_new(&head, &opts, NULL) != MCMP_OK) {
            free(up);
            return NULL;
        }
    }
    memset(up, 0, sizeof(*up));
    up->head = head;
    up->ajp = ajp;
    up->ajp_packet = ajp_packet;
    up->worker = pool->worker;
    up->pool = pool;
    up->stream.fd = -1;
    out_init(&up->out);
    mcmp_http_body_init(&up->body);
    if (pool->scheme == MCMP_SCHEME_AJP && wire_ajp_prepare(up, pool->setting.max_packet) != 0) {
        up->next_free = pools->free;
        pools->free = up;
        return NULL;
    }
    link_add(&pool->used, &up->link);
    pool->total++;
    return up;
}

static void pool_unused(struct pool *pool)
{
    struct pools *pools = pool->worker->pools;
    struct pool **at = &pools->bucket[(uint32_t)pool->node % BUCKETS];

    if (!pool->gone || pool->total > 0 || pool->resolve != NULL)
        return;
    while (*at != NULL && *at != pool)
        at = &(*at)->next;
    if (*at == pool)
        *at = pool->next;
    free(pool);
}

static void upstream_free(struct io *io)
{
    struct upstream *up = LINK_OWNER(struct upstream, io, io);
    struct pools *pools = up->worker->pools;

    if (pools == NULL) {
        mcmp_http_head_free(up->head);
        mcmp_ajp_proxy_free(up->ajp);
        free(up);
        return;
    }
    mcmp_http_head_reset(up->head);
    up->next_free = pools->free;
    pools->free = up;
}

static void upstream_close(struct upstream *up)
{
    struct pool *pool = up->pool;

    if (up->phase == UPSTREAM_CLOSED)
        return;
    if (up->phase == UPSTREAM_IDLE)
        pool->idle_count--;
    up->phase = UPSTREAM_CLOSED;
    up->exchange = NULL;
    timer_drop(&up->timer);
    link_remove(&up->link);
    out_clear(&up->out, &up->worker->buffers);
    slab_put(&up->worker->buffers, up->in);
    up->in = NULL;
    stream_clear(&up->stream);
    pool->total--;
    up->pool = NULL;
    if (up->open)
        io_close(&up->io, upstream_free);
    else
        upstream_free(&up->io);
    pool_unused(pool);
}

/* How long an idle connection may live, as its pool is now. */
static mcmp_time idle_life(const struct upstream *up)
{
    const struct config *config = up->worker->config;
    mcmp_time life = config->node_idle_timeout;

    if (up->pool->idle_count <= config->min)
        return INT64_MAX;
    return up->pool->idle_count > up->smax && up->ttl < life ? up->ttl : life;
}

/* When to look again: the pool may have grown or shrunk until then. */
static mcmp_time next_look(const struct upstream *up)
{
    mcmp_time life = up->worker->config->node_idle_timeout;

    return up->ttl < life ? up->ttl : life;
}

static void on_idle_timer(struct timer *timer)
{
    struct upstream *up = LINK_OWNER(struct upstream, timer, timer);

    if (up->phase == UPSTREAM_IDLE) {
        mcmp_time age = clock_now() - up->idle_since;

        if (age + MCMP_MSEC >= idle_life(up))
            upstream_close(up);
        else
            timer_set(&up->worker->timers, timer, next_look(up));
    } else if (up->phase == UPSTREAM_TLS) {
        fail_address(up, "TLS timeout");
    } else if (up->phase == UPSTREAM_PING) {
        upstream_is_dead(up, "no answer to CPing in time");
    } else if (up->phase == UPSTREAM_CONNECT && up->next == 0) {
        exchange_connect_failed(up->exchange, "the name service does not answer");
    } else if (up->phase == UPSTREAM_CONNECT) {
        fail_address(up, up->open ? "connect timeout" : up->why);
    }
}

void upstream_release(struct upstream *up, int keep)
{
    struct pool *pool = up->pool;

    up->exchange = NULL;
    if (!keep || pool->gone || up->worker->stopping || stream_has_more(&up->stream)) {
        upstream_close(up);
        return;
    }
    slab_put(&up->worker->buffers, up->in);
    up->in = NULL;
    up->phase = UPSTREAM_IDLE;
    up->reused = 1;
    link_remove(&up->link);
    link_add(&pool->idle, &up->link);
    pool->idle_count++;
    up->idle_since = clock_now();
    timer_set(&up->worker->timers, &up->timer, next_look(up));
    up->stream.need = 0;
    upstream_want(up, IO_READ);
}

static void fail_address(struct upstream *up, const char *why)
{
    struct exchange *x = up->exchange;

    if (up->next < up->pool->count && clock_now() < up->deadline) {
        struct pool *pool = up->pool;
        unsigned next = up->next;
        mcmp_time deadline = up->deadline;
        struct upstream *again;

        /* The old object goes when its handle is closed; a new one takes the next address. */
        again = upstream_new(pool);
        upstream_close(up);
        x->up = again;
        if (again != NULL) {
            again->exchange = x;
            again->next = next;
            again->deadline = deadline;
            connect_next(again);
            return;
        }
    }
    exchange_connect_failed(x, why);
}

void upstream_is_ready(struct upstream *up)
{
    timer_clear(&up->timer);
    up->phase = UPSTREAM_BUSY;
    exchange_connected(up->exchange);
}

/* A fresh connection is always safe to take instead; when that one is silent, too, the node is. */
void upstream_is_dead(struct upstream *up, const char *why)
{
    struct exchange *x = up->exchange;

    if (x->suspicious) {
        exchange_connect_failed(x, why);
        return;
    }
    upstream_close(up);
    x->up = NULL;
    x->suspicious = 1;
    x->fresh = 1;
    exchange_connect_again(x);
}

static void connected(struct upstream *up)
{
    struct exchange *x = up->exchange;

    timer_clear(&up->timer);
    if (!x->suspicious || up->pool->scheme != MCMP_SCHEME_AJP)
        upstream_is_ready(up);
    else if (ajp_ping_start(up, up->ping) != 0)
        upstream_is_dead(up, "CPing can't be sent");
}

static void do_handshake(struct upstream *up)
{
    const char *why = "";
    int rc = stream_handshake(&up->stream, &why);

    if (rc < 0)
        fail_address(up, why);
    else if (rc == 0)
        io_want(&up->io, up->stream.need);
    else
        connected(up);
}

static void on_connect(struct upstream *up)
{
    struct pool *pool = up->pool;
    mcmp_span host = { pool->host, pool->host_len };
    int error = 0;
    socklen_t len = sizeof(error);
    const char *why = "";

    getsockopt(up->io.fd, SOL_SOCKET, SO_ERROR, &error, &len);
    if (error != 0) {
        fail_address(up, strerror(error));
    } else if (pool->scheme != MCMP_SCHEME_HTTPS && pool->scheme != MCMP_SCHEME_WSS) {
        connected(up);
    } else if (stream_start_tls(&up->stream, up->worker, host, &why) != 0) {
        fail_address(up, why);
    } else {
        up->phase = UPSTREAM_TLS;
        do_handshake(up);
    }
}

static void on_ready(struct io *io, unsigned events)
{
    struct upstream *up = LINK_OWNER(struct upstream, io, io);

    if (up->phase == UPSTREAM_CONNECT)
        on_connect(up);
    else if (up->phase == UPSTREAM_TLS)
        do_handshake(up);
    else if (up->phase == UPSTREAM_PING)
        ajp_ping_readable(up);
    else if (up->phase == UPSTREAM_BUSY)
        exchange_node_ready(up->exchange, events);
    else if (up->phase == UPSTREAM_IDLE)
        upstream_close(up);
}

/* Begin to connect to the next address; the result always comes from the loop. */
static void connect_next(struct upstream *up)
{
    struct pool *pool = up->pool;
    const struct address *address = &pool->list[up->next++];
    mcmp_time left = up->deadline - clock_now();
    int fd = stream_connect(&address->addr, address->len);

    up->phase = UPSTREAM_CONNECT;
    timer_init(&up->timer, on_idle_timer);
    if (fd >= 0 && io_open(&up->io, &up->worker->loop, fd, on_ready) != 0) {
        close(fd);
        fd = -1;
    }
    if (fd < 0) {
        up->why = strerror(errno);
        timer_set(&up->worker->timers, &up->timer, 0);
        return;
    }
    up->open = 1;
    up->stream.fd = fd;
    timer_set(&up->worker->timers, &up->timer, left / (mcmp_time)(pool->count - up->next + 1));
    io_want(&up->io, IO_WRITE);
}

static void start_waiting(struct pool *pool, const char *error)
{
    /* Each call may change the ring, so it is taken from the front until none waits. */
    while (pool->resolve == NULL) {
        struct upstream *found = NULL;

        for (struct link *at = pool->used.next; at != &pool->used && found == NULL; at = at->next) {
            struct upstream *up = LINK_OWNER(struct upstream, link, at);

            if (up->phase == UPSTREAM_CONNECT && !up->open && up->next == 0)
                found = up;
        }
        if (found == NULL)
            return;
        if (pool->count == 0) {
            exchange_connect_failed(found->exchange, error);
            continue;
        }
        connect_next(found);
    }
}

static void on_resolved(void *ctx, const struct address *list, unsigned count, const char *error)
{
    struct pool *pool = ctx;

    pool->resolve = NULL;
    memcpy(pool->list, list, count * sizeof(*list));
    pool->count = count;
    pool->resolved_at = clock_now();
    pool->total++; /* keeps the pool while its waiting connections fail */
    start_waiting(pool, error);
    pool->total--;
    pool_unused(pool);
}

/* 1: addresses are known; 0: they are being looked up; -1: they can't be. */
static int find_addresses(struct pool *pool)
{
    mcmp_span host = { pool->host, pool->host_len };

    if (pool->count > 0 && pool->resolved_at + RESOLVE_LIFE > clock_now())
        return 1;
    if (resolve_literal(host, pool->port, &pool->list[0])) {
        pool->count = 1;
        pool->resolved_at = INT64_MAX - RESOLVE_LIFE;
        return 1;
    }
    if (pool->resolve == NULL)
        pool->resolve = resolve_start(pool->worker, host, pool->port, on_resolved, pool);
    return pool->resolve != NULL ? 0 : -1;
}

static void drop_pool(struct pool *pool)
{
    pool->gone = 1;
    pool->total++;
    while (pool->idle.next != &pool->idle)
        upstream_close(LINK_OWNER(struct upstream, link, pool->idle.next));
    pool->total--;
    pool_unused(pool);
}

static struct pool *pool_new(struct pools *pools, const mcmp_selection *sel)
{
    struct pool *pool = calloc(1, sizeof(*pool));
    struct pool **bucket = &pools->bucket[(uint32_t)sel->node % BUCKETS];

    if (pool == NULL || sel->host.len >= sizeof(pool->host) ||
        sel->route.len >= sizeof(pool->route)) {
        free(pool);
        return NULL;
    }
    pool->worker = pools->worker;
    pool->node = sel->node;
    pool->scheme = sel->scheme;
    pool->port = sel->port;
    memcpy(pool->host, sel->host.ptr, sel->host.len);
    pool->host_len = sel->host.len;
    memcpy(pool->route, sel->route.ptr, sel->route.len);
    node_settings_find(pools->worker->config->node_settings, sel->route, sel->balancer,
                       &pool->setting);
    link_init(&pool->idle);
    link_init(&pool->used);
    pool->next = *bucket;
    *bucket = pool;
    return pool;
}

static int is_pool_of(const struct pool *pool, const mcmp_selection *sel)
{
    return !pool->gone && pool->node == sel->node && pool->port == sel->port &&
           pool->scheme == sel->scheme && pool->host_len == sel->host.len &&
           memcmp(pool->host, sel->host.ptr, sel->host.len) == 0;
}

/* A node has one pool, and a second one when it takes upgrades elsewhere. */
static struct pool *pool_find(struct pools *pools, const mcmp_selection *sel)
{
    struct pool *pool = pools->bucket[(uint32_t)sel->node % BUCKETS];

    while (pool != NULL && !is_pool_of(pool, sel))
        pool = pool->next;
    return pool != NULL ? pool : pool_new(pools, sel);
}

/* An idle connection that is still alive as far as this side can tell. */
static struct upstream *take_idle(struct pool *pool, int look)
{
    while (pool->idle.prev != &pool->idle) {
        struct upstream *up = LINK_OWNER(struct upstream, link, pool->idle.prev);
        char byte;

        if (look && (recv(up->io.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || errno != EAGAIN)) {
            upstream_close(up);
            continue;
        }
        link_remove(&up->link);
        link_add(&pool->used, &up->link);
        pool->idle_count--;
        timer_clear(&up->timer);
        return up;
    }
    return NULL;
}

static void set_limits(struct upstream *up, const mcmp_selection *sel, const struct config *config)
{
    mcmp_time connect =
        sel->ping > 0 && sel->ping < config->connect_timeout ? sel->ping : config->connect_timeout;

    up->deadline = clock_now() + connect;
    up->ttl = sel->ttl > 0 ? sel->ttl : 60 * MCMP_SEC;
    up->ping = connect;
    up->smax = sel->smax >= 0 ? sel->smax : config->smax;
}

/* 1 when it is to be asked first: it was idle for long, and the node's ping is not 0. */
static int is_doubtful(const struct upstream *up, const mcmp_selection *sel)
{
    mcmp_time limit = up->worker->config->ajp_ping_idle;

    return up->pool->scheme == MCMP_SCHEME_AJP && sel->ping > 0 && limit >= 0 &&
           clock_now() - up->idle_since >= limit;
}

/* An idle connection that may serve the exchange. POOL_READY, POOL_COMING; POOL_FAILED: none. */
static int reuse(struct pool *pool, struct exchange *x)
{
    struct upstream *up;

    /* A request that can't be repeated must not meet a connection that the node closed, and no
     * answer of AJP bytes that came before it was asked for (AJP13 5). */
    int look = !x->idempotent || pool->scheme == MCMP_SCHEME_AJP;

    while ((up = take_idle(pool, look)) != NULL) {
        up->exchange = x;
        up->phase = UPSTREAM_BUSY;
        if (!is_doubtful(up, &x->selection)) {
            x->up = up;
            return POOL_READY;
        }
        if (ajp_ping_start(up, up->ping) == 0) {
            x->up = up;
            return POOL_COMING;
        }
        upstream_close(up);
    }
    return POOL_FAILED;
}

int pool_acquire(struct pools *pools, struct exchange *x, int fresh, const char **why)
{
    const struct config *config = pools->worker->config;
    struct pool *pool = pool_find(pools, &x->selection);
    struct upstream *up;
    int known;

    *why = "no memory for the node's pool";
    if (pool == NULL)
        return POOL_FAILED;
    known = fresh ? POOL_FAILED : reuse(pool, x);
    if (known != POOL_FAILED)
        return known;
    *why = "max-node-connections is met";
    if (config->max_node_connections > 0 && pool->total >= config->max_node_connections)
        return POOL_FULL;
    known = find_addresses(pool);
    *why = "the node's name can't be looked up";
    if (known < 0)
        return POOL_FAILED;
    up = upstream_new(pool);
    *why = "no memory for a connection";
    if (up == NULL)
        return POOL_FAILED;
    set_limits(up, &x->selection, config);
    up->exchange = x;
    x->up = up;
    up->phase = UPSTREAM_CONNECT;
    timer_init(&up->timer, on_idle_timer);
    if (known)
        connect_next(up);
    else
        timer_set(&up->worker->timers, &up->timer, up->deadline - clock_now());
    return POOL_COMING;
}

void pools_node_gone(struct pools *pools, mcmp_handle node)
{
    struct pool *next;

    for (struct pool *pool = pools->bucket[(uint32_t)node % BUCKETS]; pool != NULL; pool = next) {
        next = pool->next;
        if (pool->node == node && !pool->gone)
            drop_pool(pool);
    }
}

void pools_free(struct pools *pools)
{
    struct worker *w = pools->worker;

    for (unsigned i = 0; i < BUCKETS; i++)
        while (pools->bucket[i] != NULL) {
            struct pool *pool = pools->bucket[i];

            resolve_cancel(pool->resolve);
            pool->resolve = NULL;
            drop_pool(pool);
        }
    while (pools->free != NULL) {
        struct upstream *up = pools->free;

        pools->free = up->next_free;
        mcmp_http_head_free(up->head);
        mcmp_ajp_proxy_free(up->ajp);
        free(up);
    }
    free(pools);
    w->pools = NULL; /* objects whose handles are still closing free themselves */
}
