/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loading, moving and saving the state of a zone. A save writes and synchronises a file, so it runs
 * in a thread of its own, one at a time, and never in the worker's event loop; the thread touches
 * nothing of nginx but the struct below.
 */
#include "state.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/stat.h>

#define EVERY MCMP_SEC
#define AFTER_FAILURE (10 * MCMP_SEC)
#define NAMED_SKIPS 20u

typedef struct {
    ngx_log_t *log;
    ngx_uint_t count;
} skips;

static void on_skip(void *ctx, const mcmp_load_skip *skip)
{
    mcmp_span who = skip->kind == MCMP_STATE_BALANCER ? skip->balancer : skip->route;
    skips *s = ctx;

    if (++s->count <= NAMED_SKIPS) {
        ngx_log_error(NGX_LOG_WARN, s->log, 0,
                      "mcmp: no place for what \"%*s\" has in the saved state, see the limit of %s",
                      who.len, who.ptr, skip->limit);
    }
}

/* Nothing is lost: who wants to know what it was finds it beside. */
static void put_aside(const ngx_str_t *path, ngx_log_t *log, const mcmp_error *err)
{
    u_char aside[NGX_MAX_PATH];

    ngx_snprintf(aside, sizeof(aside), "%V.damaged-%T%Z", path, ngx_time());
    ngx_mcmp_log_error(NGX_LOG_ERR, log, "the saved state can't be used", err);
    if (ngx_rename_file(path->data, aside) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ERR, log, ngx_errno, "mcmp: can't rename \"%V\"", path);
    } else {
        ngx_log_error(NGX_LOG_ERR, log, 0, "mcmp: it is now \"%s\"; nodes register again", aside);
    }
}

void ngx_mcmp_state_load(ngx_mcmp_zone_t *zone, ngx_log_t *log)
{
    const ngx_str_t *path = &zone->settings.state;
    skips found = { log, 0 };
    mcmp_load_options opts;
    mcmp_error err;
    int rc;

    if (path->len == 0 || zone->cluster == NULL || mcmp_cluster_version(zone->cluster) != 0)
        return;
    mcmp_error_init(&err);
    mcmp_load_options_init(&opts);
    opts.now = ngx_mcmp_now();
    opts.skip = on_skip;
    opts.skip_ctx = &found;
    rc = mcmp_cluster_load(zone->cluster, (const char *)path->data, &opts, NULL, &err);
    if (rc == MCMP_OK) {
        ngx_log_error(NGX_LOG_NOTICE, log, 0, "mcmp zone \"%V\": \"%V\" is loaded", &zone->name,
                      path);
    } else if (rc == MCMP_ERR_FILE || rc == MCMP_ERR_UNSUPPORTED) {
        put_aside(path, log, &err);
    } else if (rc != MCMP_ERR_NOT_FOUND && rc != MCMP_ERR_STATE) {
        ngx_mcmp_log_error(NGX_LOG_ERR, log, "can't load the state", &err);
    }
}

/* Bytes of a state on their way. */
typedef struct {
    u_char *data;
    size_t len;
    size_t room;
} bytes;

static int append(void *ctx, const void *data, size_t len)
{
    bytes *b = ctx;

    if (b->room - b->len < len) {
        size_t room = 2 * b->room + len;
        u_char *grown = realloc(b->data, room);

        if (grown == NULL)
            return -1;
        b->data = grown;
        b->room = room;
    }
    ngx_memcpy(b->data + b->len, data, len);
    b->len += len;
    return 0;
}

void ngx_mcmp_state_move(ngx_mcmp_zone_t *from, ngx_mcmp_zone_t *to, ngx_log_t *log)
{
    bytes state = { NULL, 0, 0 };
    skips found = { log, 0 };
    mcmp_load_options opts;
    mcmp_error err;
    int rc;

    mcmp_error_init(&err);
    mcmp_load_options_init(&opts);
    opts.now = ngx_mcmp_now();
    opts.skip = on_skip;
    opts.skip_ctx = &found;
    rc = mcmp_cluster_encode(from->cluster, opts.now, append, &state, &err);
    if (rc == MCMP_OK)
        rc = mcmp_cluster_decode(to->cluster, state.data, state.len, &opts, NULL, &err);
    free(state.data);
    if (rc == MCMP_OK) {
        ngx_log_error(NGX_LOG_NOTICE, log, 0,
                      "mcmp zone \"%V\": the state moved to the new size and limits", &to->name);
    } else {
        ngx_mcmp_log_error(NGX_LOG_ERR, log, "the state can't move to the new limits", &err);
    }
}

struct ngx_mcmp_saver_s {
    ngx_mcmp_zone_t *zone;
    pthread_t thread;
    int running;      /* a thread was made and not yet joined */
    atomic_int ended; /* it has written what follows */
    int rc;
    mcmp_error err;
    uint64_t saving; /* version of the cluster that is being saved */
    uint64_t saved;
    mcmp_time next;
    int failing;
    ino_t inode; /* of the file that was saved last; 0: none yet */
};

ngx_mcmp_saver_t *ngx_mcmp_saver_new(ngx_mcmp_zone_t *zone, ngx_pool_t *pool)
{
    ngx_mcmp_saver_t *saver = ngx_pcalloc(pool, sizeof(*saver));

    if (saver == NULL)
        return NULL;
    saver->zone = zone;
    saver->saved = UINT64_MAX;
    return saver;
}

static const char *path_of(const ngx_mcmp_saver_t *saver)
{
    return (const char *)saver->zone->settings.state.data;
}

static void *save(void *ctx)
{
    ngx_mcmp_saver_t *saver = ctx;

    mcmp_error_init(&saver->err);
    saver->rc =
        mcmp_cluster_save(saver->zone->cluster, path_of(saver), ngx_mcmp_now(), &saver->err);
    atomic_store(&saver->ended, 1);
    return NULL;
}

/* Signals stay with the worker's own thread. */
static void start(ngx_mcmp_saver_t *saver)
{
    sigset_t all;
    sigset_t before;

    sigfillset(&all);
    atomic_store(&saver->ended, 0);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    saver->running = pthread_create(&saver->thread, NULL, save, saver) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!saver->running)
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0, "mcmp: no thread to save the state");
}

static void finish(ngx_mcmp_saver_t *saver, mcmp_time now)
{
    struct stat file;

    pthread_join(saver->thread, NULL);
    saver->running = 0;
    if (saver->rc == MCMP_OK) {
        saver->saved = saver->saving;
        saver->failing = 0;
        saver->inode = stat(path_of(saver), &file) == 0 ? file.st_ino : 0;
        return;
    }
    saver->next = now + AFTER_FAILURE;
    if (saver->rc != MCMP_ERR_STATE && !saver->failing) {
        ngx_mcmp_log_error(NGX_LOG_ERR, ngx_cycle->log, "can't save the state", &saver->err);
        saver->failing = 1;
    }
}

void ngx_mcmp_saver_turn(ngx_mcmp_saver_t *saver, mcmp_time now)
{
    if (saver->running && atomic_load(&saver->ended))
        finish(saver, now);
    if (saver->running || now < saver->next || saver->zone->shared->moved)
        return;
    saver->next = now + EVERY;
    saver->saving = mcmp_cluster_version(saver->zone->cluster);
    if (saver->saving != saver->saved)
        start(saver);
}

/* Loads and counters move no version, so the last save is made also when it has not changed; not
 * over the file of somebody else, such as the server that follows this one. */
void ngx_mcmp_saver_end(ngx_mcmp_saver_t *saver, int owner)
{
    struct stat file;

    if (saver->running)
        finish(saver, ngx_mcmp_now());
    if (!owner || saver->zone->shared->moved || saver->inode == 0 ||
        stat(path_of(saver), &file) != 0 || file.st_ino != saver->inode)
        return;
    saver->saving = mcmp_cluster_version(saver->zone->cluster);
    save(saver);
    if (saver->rc != MCMP_OK && saver->rc != MCMP_ERR_STATE)
        ngx_mcmp_log_error(NGX_LOG_ERR, ngx_cycle->log, "can't save the state", &saver->err);
}
