/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a worker: set up, loop, leave. Leaving means: no new connection is taken, idle ones
 * are closed, requests finish within stop-timeout, then everything is closed and freed.
 */
#include "worker.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "access_log.h"
#include "client.h"
#include "cluster.h"
#include "forward.h"
#include "listener.h"
#include "log.h"
#include "manage.h"
#include "pool.h"
#include "tick.h"
#include "tls.h"
#include "tls_front.h"

static void end_now(struct worker *w);

static void on_stop_timeout(struct timer *timer)
{
    struct worker *w = LINK_OWNER(struct worker, stop_timer, timer);

    log_write(MCMP_LOG_WARN, "worker", "stop-timeout: %u client connections are cut",
              w->client_count);
    end_now(w);
}

static void leave(struct worker *w)
{
    if (w->stopping)
        return;
    w->stopping = 1;
    log_write(MCMP_LOG_DEBUG, "worker", "leaving with %u client connections", w->client_count);
    for (unsigned i = 0; i < w->listener_count; i++)
        listener_close(&w->listeners[i]);
    timer_set(&w->timers, &w->stop_timer, w->config->stop_timeout);
    clients_leave(w);
    manage_leave(w);
    worker_check_end(w);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct worker *w = handle->data;

    if (number != SIGUSR1) {
        leave(w);
        return;
    }
    if (log_open(w->config->error_log, (int)w->config->log_level) != 0)
        log_write(MCMP_LOG_ERROR, "worker", "can't open %s: %s", w->config->error_log,
                  strerror(errno));
    access_log_reopen(w->access_log);
}

/* The master is dead: nobody would replace us or give back what we hold. */
static void on_life(struct io *io, unsigned events)
{
    struct worker *w = LINK_OWNER(struct worker, life, io);
    char byte;

    (void)events;
    if (read(io->fd, &byte, 1) < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    io_want(io, 0);
    log_write(MCMP_LOG_ERROR, "worker", "the master is gone");
    leave(w);
}

static void closed_nothing(struct io *io)
{
    (void)io;
}

static void block_signals(void)
{
    sigset_t all;

    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
}

/* Close every handle of the loop, which then ends by itself. */
static void end_now(struct worker *w)
{
    if (w->ended)
        return;
    w->ended = 1;
    block_signals(); /* without their handlers they would kill us on the last steps */
    clients_close(w);
    manage_close_all(w);
    tick_free(w->tick);
    pools_free(w->pools);
    tls_front_free(w);
    access_log_free(w->access_log);
    for (size_t i = 0; i < 3; i++)
        uv_close((uv_handle_t *)&w->signals[i], NULL);
    uv_close((uv_handle_t *)&w->end_timer, NULL);
    io_close(&w->life, closed_nothing);
    timers_close(&w->timers);
}

static void on_end(uv_timer_t *timer)
{
    end_now(timer->data);
}

void worker_check_end(struct worker *w)
{
    /* By a timer: the caller is in the middle of its own work. */
    if (w->stopping && !w->ended && w->client_count == 0 && w->manage_count == 0)
        uv_timer_start(&w->end_timer, on_end, 0, 0);
}

static void start_signals(struct worker *w)
{
    static const int numbers[] = { SIGQUIT, SIGTERM, SIGUSR1 };
    sigset_t none;

    for (size_t i = 0; i < 3; i++) {
        uv_signal_init(&w->loop, &w->signals[i]);
        w->signals[i].data = w;
        uv_signal_start(&w->signals[i], on_signal, numbers[i]);
    }
    /* The master blocked them before the fork: one that came meanwhile is delivered now. */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static int start_listeners(struct worker *w, const struct worker_start *start)
{
    w->listeners = calloc(start->sockets->count, sizeof(*w->listeners));
    if (w->listeners == NULL)
        return -1;
    for (unsigned i = 0; i < start->sockets->count; i++) {
        const struct listening *listening = &start->sockets->item[i];
        int fd = dup(sockets_fd(listening, start->slot));

        if (fd < 0 || listener_open(&w->listeners[i], w, fd, listening->kind) != 0)
            return -1;
        w->listener_count++;
    }
    /* A socket that a worker has but does not serve would outlive the master's. */
    sockets_close(start->sockets);
    return 0;
}

static int set_up(struct worker *w, const struct worker_start *start)
{
    mcmp_error err;

    w->config = start->config;
    w->cluster = start->cluster;
    /* Nobody else's who shares the cluster: another server counts its workers too. */
    w->next_connection =
        ((uint64_t)(w->config->segment[0] != '\0' ? (uint32_t)getpid() : start->serial) << 32) + 1;
    link_init(&w->clients);
    link_init(&w->manages);
    buffers_init(&w->buffers);
    clients_init(w);
    forward_init(w->config);
    mcmp_error_init(&err);
    if (mcmp_cluster_after_fork(w->cluster, &err) != MCMP_OK) {
        log_write(MCMP_LOG_ERROR, "worker", "can't join the cluster: %s", err.message);
        return -1;
    }
    if (uv_loop_init(&w->loop) != 0)
        return -1;
    timers_init(&w->timers, &w->loop);
    timer_init(&w->stop_timer, on_stop_timeout);
    uv_timer_init(&w->loop, &w->end_timer);
    w->end_timer.data = w;
    start_signals(w);
    if (io_open(&w->life, &w->loop, start->life_fd, on_life) != 0)
        return -1;
    io_want(&w->life, IO_READ);
    w->access_log = access_log_new(w);
    w->pools = pools_new(w);
    w->tick = tick_new(w);
    if (w->access_log == NULL || w->pools == NULL || w->tick == NULL)
        return -1;
    return start_listeners(w, start);
}

int worker_run(const struct worker_start *start)
{
    struct worker *w = calloc(1, sizeof(*w));
    int32_t pid = (int32_t)getpid();

    if (w == NULL || set_up(w, start) != 0) {
        log_write(MCMP_LOG_ERROR, "worker", "can't start");
        _exit(1); /* half of a worker; the system takes back what it holds */
    }
    if (write(start->ready_fd, &pid, sizeof(pid)) < 0)
        return 1;
    close(start->ready_fd);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    uv_loop_close(&w->loop);
    tls_free(w);
    mcmp_cluster_close(w->cluster);
    free(w->listeners);
    free(w);
    return 0;
}
