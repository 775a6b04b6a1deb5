/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The workers of this process by node slot and generation. Contract of the concurrent part:
 *
 * - A slot of a table points to the current worker of a node index. Readers load it and count
 *   themselves into its state word; they never take the lock, which only making and burying take.
 * - A record is never freed, only used again, so a reader that comes late still counts in a word of
 *   this table. It looks at the node again once it is counted: a record of another node is given
 *   back and the slow way is gone.
 * - RETIRED in the state lets nobody in any more. Who takes the last hold of a retired record, or
 *   retires one that nobody holds, closes its connections; that happens once.
 *
 * mod_proxy marks a worker after errors and lets it rest; ours ignore errors, for whether a node
 * may be used is decided by the cluster, for all processes at once.
 */
#include "workers.h"

#include <apr_strings.h>
#include <apr_thread_mutex.h>
#include <stdatomic.h>

#include "module.h"

#define PAGE_SLOTS 256u
#define PAGES 4096u
#define RETIRED 0x80000000u
#define SWEEP_PERIOD (2 * MCMP_SEC)

struct node_worker {
    _Atomic uint32_t state; /* holders, and RETIRED */
    _Atomic mcmp_handle node;
    apr_pool_t *pool; /* everything of the worker; its own, not a child of any */
    proxy_worker *proxy;
    _Atomic uint64_t read_taken;
    _Atomic uint64_t sent_taken;
    struct node_worker *next_free; /* guarded by: lock */
};

struct page {
    _Atomic(struct node_worker *) slots[PAGE_SLOTS];
};

/* The workers of one kind. */
struct table {
    struct workers_kind kind;
    _Atomic(struct page *) pages[PAGES];
    _Atomic uint32_t used_pages; /* one more than the highest page there is */
};

static struct {
    apr_pool_t *pool;
    apr_thread_mutex_t *lock;
    struct table **tables; /* fixed once the first request comes */
    uint32_t table_count;
    struct node_worker *free; /* guarded by: lock */
    _Atomic mcmp_time next_sweep;
} all;

static int same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static struct workers_kind kind_of(const struct mcmp_httpd_host *host)
{
    struct workers_kind kind = { host->ajp_secret, host->ws_upgrade, host->response_field_size };

    if (ap_cstr_casecmp(kind.upgrade, "any") == 0)
        kind.upgrade = "*";
    return kind;
}

static uint32_t find_table(const struct workers_kind *kind)
{
    uint32_t i;

    for (i = 0; i < all.table_count; i++) {
        const struct workers_kind *other = &all.tables[i]->kind;

        if (same_text(kind->secret, other->secret) && same_text(kind->upgrade, other->upgrade) &&
            kind->field_size == other->field_size)
            break;
    }
    return i;
}

void workers_init(apr_pool_t *pool, server_rec *main_server)
{
    size_t servers = 0;

    for (server_rec *s = main_server; s != NULL; s = s->next)
        servers++;
    memset(&all, 0, sizeof(all));
    apr_pool_create(&all.pool, pool);
    apr_pool_tag(all.pool, "mcmp_workers");
    apr_thread_mutex_create(&all.lock, APR_THREAD_MUTEX_DEFAULT, all.pool);
    all.tables = apr_pcalloc(all.pool, servers * sizeof(*all.tables));
    for (server_rec *s = main_server; s != NULL; s = s->next) {
        struct mcmp_httpd_host *host = mcmp_httpd_host_of(s);
        struct workers_kind kind = kind_of(host);
        uint32_t at = find_table(&kind);

        if (at == all.table_count) {
            all.tables[at] = apr_pcalloc(all.pool, sizeof(struct table));
            all.tables[at]->kind = kind;
            all.table_count++;
        }
        host->workers_kind = at;
    }
}

/* Takes the record's pool away with all connections, and keeps the record for another node. */
static void bury(struct node_worker *record)
{
    apr_pool_destroy(record->pool);
    apr_thread_mutex_lock(all.lock);
    record->next_free = all.free;
    all.free = record;
    apr_thread_mutex_unlock(all.lock);
}

/* 1 when nobody holds it: then the caller buries it, after unlocking. */
static int retire(struct node_worker *record)
{
    return (atomic_fetch_or(&record->state, RETIRED) & ~RETIRED) == 0;
}

void workers_release(struct node_worker *held)
{
    if (atomic_fetch_sub(&held->state, 1) - 1 == RETIRED)
        bury(held);
}

static const char *scheme_of(uint32_t scheme)
{
    /* A node of ws or wss is one of http or https that may switch: mod_proxy_http does both. */
    static const char *const names[] = {
        [MCMP_SCHEME_AJP] = "ajp", [MCMP_SCHEME_HTTP] = "http", [MCMP_SCHEME_HTTPS] = "https",
        [MCMP_SCHEME_WS] = "http", [MCMP_SCHEME_WSS] = "https",
    };

    return scheme < sizeof(names) / sizeof(names[0]) ? names[scheme] : NULL;
}

static void copy_text(char *to, size_t size, const char *from, size_t len)
{
    if (len >= size)
        len = size - 1;
    memcpy(to, from, len);
    to[len] = '\0';
}

static int flush_of(const mcmp_selection *selection)
{
    if (selection->flushpackets == MCMP_FLUSH_AUTO)
        return flush_auto;
    return selection->flushpackets == MCMP_FLUSH_ON ? flush_on : flush_off;
}

/* Is all as it was that CONFIG may change of a live node? Connections take their timeouts when they
 * are made, so a change makes a new worker. */
static int is_tuned(const proxy_worker_shared *s, const mcmp_selection *selection)
{
    return s->conn_timeout == selection->ping && s->timeout == selection->timeout &&
           (int)s->flush_packets == flush_of(selection) &&
           s->flush_wait == (int)selection->flushwait;
}

/* Whether a request may turn the connection into a tunnel. */
static int may_switch(uint32_t scheme)
{
    if (scheme == MCMP_SCHEME_WS || scheme == MCMP_SCHEME_WSS)
        return 1;
    return scheme != MCMP_SCHEME_AJP && mcmp_httpd_settings()->ws_tunnel;
}

static void set_up(proxy_worker_shared *s, const struct workers_kind *kind,
                   const mcmp_selection *selection)
{
    s->smax = selection->smax >= 0 ? selection->smax : -1;
    s->ttl = selection->ttl;
    s->retry = 0;
    s->retry_set = 1;
    s->status |= PROXY_WORKER_IGNORE_ERRORS;
    copy_text(s->route, sizeof(s->route), selection->route.ptr, selection->route.len);
    if (may_switch(selection->scheme))
        copy_text(s->upgrade, sizeof(s->upgrade), kind->upgrade, strlen(kind->upgrade));
    if (kind->secret != NULL)
        copy_text(s->secret, sizeof(s->secret), kind->secret, strlen(kind->secret));
    s->response_field_size = (apr_size_t)kind->field_size;
    s->response_field_size_set = kind->field_size > 0;
    s->conn_timeout = selection->ping;
    s->conn_timeout_set = selection->ping > 0;
    s->ping_timeout = selection->ping;
    /* CPing before each AJP request. HTTP has only `Expect: 100-continue` to offer, which nodes
     * that don't know it leave without an answer. */
    s->ping_timeout_set = selection->ping > 0 && selection->scheme == MCMP_SCHEME_AJP;
    s->timeout = selection->timeout;
    s->timeout_set = selection->timeout > 0;
    s->flush_packets = flush_of(selection);
    s->flush_wait = (int)selection->flushwait;
}

/* Counts the caller in when the record is still that of the node, as it is set up now. */
static struct node_worker *try_hold(struct node_worker *record, const mcmp_selection *selection)
{
    uint32_t state;

    if (record == NULL)
        return NULL;
    state = atomic_load_explicit(&record->state, memory_order_relaxed);
    do {
        if ((state & RETIRED) != 0)
            return NULL;
    } while (!atomic_compare_exchange_weak(&record->state, &state, state + 1));
    if (atomic_load(&record->node) == selection->node && is_tuned(record->proxy->s, selection))
        return record;
    workers_release(record);
    return NULL;
}

/* A pool that no other one owns, so that any thread may destroy it at any time. */
static apr_pool_t *pool_make(void)
{
    apr_allocator_t *allocator;
    apr_thread_mutex_t *mutex;
    apr_pool_t *pool;

    if (apr_allocator_create(&allocator) != APR_SUCCESS)
        return NULL;
    if (apr_pool_create_unmanaged_ex(&pool, NULL, allocator) != APR_SUCCESS) {
        apr_allocator_destroy(allocator);
        return NULL;
    }
    apr_allocator_owner_set(allocator, pool);
    apr_pool_tag(pool, "mcmp_worker");
    if (apr_thread_mutex_create(&mutex, APR_THREAD_MUTEX_DEFAULT, pool) != APR_SUCCESS) {
        apr_pool_destroy(pool);
        return NULL;
    }
    apr_allocator_mutex_set(allocator, mutex);
    return pool;
}

static proxy_worker *proxy_make(apr_pool_t *pool, server_rec *s, const struct workers_kind *kind,
                                const mcmp_selection *selection)
{
    const char *scheme = scheme_of(selection->scheme);
    proxy_worker *worker = NULL;
    const char *url;
    const char *problem;

    if (scheme == NULL)
        return NULL;
    url = apr_psprintf(pool, "%s://%.*s:%u", scheme, (int)selection->host.len, selection->host.ptr,
                       selection->port);
    problem = ap_proxy_define_worker(pool, &worker, NULL, NULL, url, 0);
    if (problem == NULL) {
        set_up(worker->s, kind, selection);
        if (ap_proxy_initialize_worker(worker, s, pool) == APR_SUCCESS)
            return worker;
        problem = "can't be initialised";
    }
    ap_log_error(APLOG_MARK, APLOG_ERR, 0, s, "no worker for node %.*s at %s: %s",
                 (int)selection->route.len, selection->route.ptr, url, problem);
    return NULL;
}

/* guarded by: lock */
static struct node_worker *record_make(server_rec *s, const struct workers_kind *kind,
                                       const mcmp_selection *selection)
{
    struct node_worker *record = all.free;
    apr_pool_t *pool = pool_make();
    proxy_worker *proxy = pool != NULL ? proxy_make(pool, s, kind, selection) : NULL;

    if (proxy == NULL) {
        if (pool != NULL)
            apr_pool_destroy(pool);
        return NULL;
    }
    if (record != NULL) {
        all.free = record->next_free;
    } else {
        record = apr_pcalloc(all.pool, sizeof(*record));
        atomic_init(&record->state, RETIRED);
    }
    record->pool = pool;
    record->proxy = proxy;
    atomic_store(&record->read_taken, 0);
    atomic_store(&record->sent_taken, 0);
    atomic_store(&record->node, selection->node);
    atomic_store(&record->state, 1); /* held by the caller */
    return record;
}

static struct page *page_of(struct table *table, uint32_t index)
{
    uint32_t number = index / PAGE_SLOTS;

    return number < PAGES ? atomic_load_explicit(&table->pages[number], memory_order_acquire)
                          : NULL;
}

/* guarded by: lock */
static struct page *page_make(struct table *table, uint32_t index)
{
    uint32_t number = index / PAGE_SLOTS;
    struct page *page = page_of(table, index);

    if (page != NULL || number >= PAGES)
        return page;
    page = apr_pcalloc(all.pool, sizeof(*page));
    atomic_store(&table->pages[number], page);
    if (number >= atomic_load(&table->used_pages))
        atomic_store(&table->used_pages, number + 1);
    return page;
}

/* The slow way: a node's first request here, or the first one of its generation. */
static struct node_worker *make(struct table *table, server_rec *s, const mcmp_selection *selection)
{
    uint32_t index = (uint32_t)selection->node;
    struct node_worker *record = NULL;
    struct node_worker *old = NULL;
    struct page *page;

    apr_thread_mutex_lock(all.lock);
    page = page_make(table, index);
    if (page != NULL) {
        _Atomic(struct node_worker *) *slot = &page->slots[index % PAGE_SLOTS];

        old = atomic_load(slot);
        /* another thread was quicker? What is in a slot is not retired while the lock is held, so
         * giving it back never buries it here */
        record = try_hold(old, selection);
        if (record != NULL) {
            old = NULL;
        } else {
            record = record_make(s, &table->kind, selection);
            if (record != NULL)
                atomic_store(slot, record);
            if (record == NULL || (old != NULL && !retire(old)))
                old = NULL;
        }
    }
    apr_thread_mutex_unlock(all.lock);
    if (old != NULL)
        bury(old);
    return record;
}

struct node_worker *workers_hold(server_rec *s, const mcmp_selection *selection)
{
    struct table *table = all.tables[mcmp_httpd_host_of(s)->workers_kind];
    uint32_t index = (uint32_t)selection->node;
    struct page *page = page_of(table, index);
    struct node_worker *record = NULL;

    if (page != NULL)
        record =
            try_hold(atomic_load_explicit(&page->slots[index % PAGE_SLOTS], memory_order_acquire),
                     selection);
    return record != NULL ? record : make(table, s, selection);
}

proxy_worker *workers_proxy(const struct node_worker *held)
{
    return held->proxy;
}

/* mod_proxy counts without a lock, so its total may fall back a little: then nothing is new. */
static uint64_t take(_Atomic uint64_t *taken, apr_off_t total)
{
    uint64_t now = total > 0 ? (uint64_t)total : 0;
    uint64_t before = atomic_exchange_explicit(taken, now, memory_order_relaxed);

    return now > before ? now - before : 0;
}

void workers_take_bytes(struct node_worker *held, uint64_t *out_read, uint64_t *out_sent)
{
    *out_read = take(&held->read_taken, held->proxy->s->read);
    *out_sent = take(&held->sent_taken, held->proxy->s->transferred);
}

/* Retires what a slot holds when `is_over` says so of its node. */
static void clear_slot(_Atomic(struct node_worker *) *slot, int (*is_over)(void *, mcmp_handle),
                       void *ctx)
{
    struct node_worker *record = atomic_load(slot);
    int is_mine = 0;

    if (record == NULL || !is_over(ctx, atomic_load(&record->node)))
        return;
    apr_thread_mutex_lock(all.lock);
    if (atomic_load(slot) == record && is_over(ctx, atomic_load(&record->node))) {
        atomic_store(slot, NULL);
        is_mine = retire(record);
    }
    apr_thread_mutex_unlock(all.lock);
    if (is_mine)
        bury(record);
}

static int is_gone(void *ctx, mcmp_handle node)
{
    return !mcmp_node_is_current(ctx, node);
}

static int is_node(void *ctx, mcmp_handle node)
{
    return node == *(mcmp_handle *)ctx;
}

void workers_sweep(mcmp_cluster *cluster, mcmp_time now)
{
    mcmp_time due = atomic_load_explicit(&all.next_sweep, memory_order_relaxed);

    if (now < due || !atomic_compare_exchange_strong(&all.next_sweep, &due, now + SWEEP_PERIOD))
        return;
    for (uint32_t t = 0; t < all.table_count; t++) {
        struct table *table = all.tables[t];
        uint32_t pages = atomic_load(&table->used_pages);

        for (uint32_t i = 0; i < pages * PAGE_SLOTS; i++) {
            struct page *page = page_of(table, i);

            if (page != NULL)
                clear_slot(&page->slots[i % PAGE_SLOTS], is_gone, cluster);
        }
    }
}

void mcmp_httpd_node_gone(mcmp_handle node)
{
    uint32_t index = (uint32_t)node;

    for (uint32_t t = 0; t < all.table_count; t++) {
        struct page *page = page_of(all.tables[t], index);

        if (page != NULL)
            clear_slot(&page->slots[index % PAGE_SLOTS], is_node, &node);
    }
}
