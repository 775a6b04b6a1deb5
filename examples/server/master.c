/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The master: no traffic passes through it. It forks the workers after the shared region and the
 * sockets are open, replaces one that dies (what it held in the cluster is given back first; one
 * that dies at once waits, longer each time), and turns signals into actions:
 *   SIGTERM, SIGINT, SIGQUIT  stop: workers finish their requests; a second one ends them at once
 *   SIGHUP           read the configuration again; new workers take over, then the old ones finish
 *   SIGUSR1          open the logs again
 * Workers tell over a pipe that they serve; they see the master's death as the end of another pipe.
 */
#include "master.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "advertise.h"
#include "cluster.h"
#include "log.h"
#include "saver.h"
#include "sockets.h"
#include "worker.h"

#define MAX_CHILDREN 1024
#define BACKOFF_MIN (100 * MCMP_MSEC)
#define BACKOFF_MAX (10 * MCMP_SEC)
#define QUICK_DEATH (1 * MCMP_SEC)
#define RELOAD_PATIENCE (5 * MCMP_SEC)

struct child {
    pid_t pid;
    unsigned slot;
    uint32_t generation;
    mcmp_time started;
    mcmp_time kill_at; /* told to leave: killed at this time; 0 = serves */
    int ready;
};

struct slot {
    mcmp_time restart_at; /* 0 = nothing to start */
    mcmp_time backoff;
};

struct master {
    struct config *config;
    struct acl acl; /* the cluster's callback looks here, in every process */
    config_again_fn again;
    void *again_ctx;
    mcmp_cluster *cluster;
    struct listening_set sockets;
    struct child children[MAX_CHILDREN];
    unsigned child_count;
    struct saver saver;
    struct advertise advertise;
    struct slot *slots;
    unsigned slot_count;
    uint32_t generation;
    uint32_t next_serial;
    int announced;
    int stopping;
    int reload_wanted;
    mcmp_time reloaded_at;
    int signal_fd;
    int ready_pipe[2];
    int life_pipe[2];
};

static unsigned count_slots(const struct config *config)
{
    long cores;

    if (config->workers > 0)
        return (unsigned)config->workers;
    cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores < 1 ? 1 : cores > 256 ? 256 : (unsigned)cores;
}

static void watched_signals(sigset_t *set)
{
    static const int numbers[] = { SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGCHLD };

    sigemptyset(set);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        sigaddset(set, numbers[i]);
}

/* In the child: never returns. Signals stay blocked until the worker can take them. */
static void run_worker(struct master *m, unsigned slot, uint32_t serial)
{
    struct worker_start start = { 0 };

    close(m->signal_fd);
    close(m->ready_pipe[0]);
    close(m->life_pipe[1]);
    advertise_close(&m->advertise);
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    start.config = m->config;
    start.cluster = m->cluster;
    start.sockets = &m->sockets;
    start.slot = slot;
    start.serial = serial;
    start.ready_fd = m->ready_pipe[1];
    start.life_fd = m->life_pipe[0];
    exit(worker_run(&start));
}

static void start_worker(struct master *m, unsigned slot)
{
    struct child *child = &m->children[m->child_count];
    uint32_t serial = ++m->next_serial;
    pid_t pid;

    m->slots[slot].restart_at = 0;
    if (m->child_count == MAX_CHILDREN) {
        m->slots[slot].restart_at = clock_now() + MCMP_SEC;
        return;
    }
    fflush(NULL);
    pid = fork();
    if (pid == 0)
        run_worker(m, slot, serial);
    if (pid < 0) {
        log_write(MCMP_LOG_ERROR, "master", "can't fork: %s", strerror(errno));
        m->slots[slot].restart_at = clock_now() + MCMP_SEC;
        return;
    }
    memset(child, 0, sizeof(*child));
    child->pid = pid;
    child->slot = slot;
    child->generation = m->generation;
    child->started = clock_now();
    m->child_count++;
    log_write(MCMP_LOG_DEBUG, "master", "worker %ld started in slot %u", (long)pid, slot);
}

/* In the process that saves: were it to hang, it would keep addresses taken and the end unseen. */
static void leave_to_save(void *ctx)
{
    struct master *m = ctx;

    close(m->signal_fd);
    close(m->ready_pipe[0]);
    close(m->ready_pipe[1]);
    close(m->life_pipe[0]);
    close(m->life_pipe[1]);
    advertise_close(&m->advertise);
    sockets_close(&m->sockets);
}

static void tell_to_leave(struct master *m, struct child *child)
{
    if (child->kill_at != 0)
        return;
    child->kill_at = clock_now() + m->config->stop_timeout + 5 * MCMP_SEC;
    kill(child->pid, SIGQUIT);
}

static int write_file(const char *path, const struct master *m)
{
    char temp[4096];
    FILE *file;

    if (path[0] == '\0')
        return 0;
    snprintf(temp, sizeof(temp), "%s.tmp", path);
    file = fopen(temp, "we");
    if (file == NULL) {
        log_write(MCMP_LOG_ERROR, "master", "can't write %s: %s", path, strerror(errno));
        return -1;
    }
    if (m != NULL)
        sockets_print(&m->sockets, file);
    else
        fprintf(file, "%ld\n", (long)getpid());
    return fclose(file) == 0 && rename(temp, path) == 0 ? 0 : -1;
}

static unsigned count_ready(const struct master *m)
{
    unsigned ready = 0;

    for (unsigned i = 0; i < m->child_count; i++)
        if (m->children[i].generation == m->generation && m->children[i].ready)
            ready++;
    return ready;
}

/* All slots serve: tell the world once; after a reload let the old generation go. */
static void check_ready(struct master *m)
{
    if (count_ready(m) < m->slot_count)
        return;
    if (!m->announced) {
        m->announced = 1;
        sockets_print(&m->sockets, stdout);
        fflush(stdout);
        write_file(m->config->ready_file, m);
    }
    for (unsigned i = 0; i < m->child_count; i++)
        if (m->children[i].generation != m->generation)
            tell_to_leave(m, &m->children[i]);
}

static void read_ready(struct master *m)
{
    int32_t pids[64];
    ssize_t n = read(m->ready_pipe[0], pids, sizeof(pids));

    for (ssize_t i = 0; i < n / (ssize_t)sizeof(pids[0]); i++)
        for (unsigned k = 0; k < m->child_count; k++)
            if (m->children[k].pid == pids[i])
                m->children[k].ready = 1;
    check_ready(m);
}

static void log_death(const struct child *child, int status)
{
    if (WIFSIGNALED(status))
        log_write(MCMP_LOG_ERROR, "master", "worker %ld was killed by signal %d", (long)child->pid,
                  WTERMSIG(status));
    else if (child->kill_at == 0)
        log_write(MCMP_LOG_ERROR, "master", "worker %ld ended with code %d", (long)child->pid,
                  WEXITSTATUS(status));
}

static void child_died(struct master *m, unsigned index, int status)
{
    struct child child = m->children[index];
    struct slot *slot = &m->slots[child.slot];
    mcmp_time now = clock_now();

    mcmp_cluster_process_gone(m->cluster, child.pid);
    log_death(&child, status);
    m->children[index] = m->children[--m->child_count];
    if (m->stopping || child.kill_at != 0 || child.generation != m->generation)
        return;
    if (now - child.started > QUICK_DEATH)
        slot->backoff = 0;
    slot->restart_at = now + slot->backoff;
    slot->backoff = slot->backoff == 0 ? BACKOFF_MIN : slot->backoff * 2;
    if (slot->backoff > BACKOFF_MAX)
        slot->backoff = BACKOFF_MAX;
}

static void reap(struct master *m)
{
    int status;

    if (m->saver.pid != 0 && waitpid(m->saver.pid, &status, WNOHANG) == m->saver.pid)
        saver_ended(&m->saver, status, clock_now());
    for (unsigned i = 0; i < m->child_count;) {
        if (waitpid(m->children[i].pid, &status, WNOHANG) == m->children[i].pid)
            child_died(m, i, status);
        else
            i++;
    }
}

static void begin_stop(struct master *m)
{
    int at_once = m->stopping;

    log_write(MCMP_LOG_INFO, "master", at_once ? "stopping at once" : "stopping");
    m->stopping = 1;
    advertise_stop(&m->advertise, clock_now());
    sockets_close(&m->sockets);
    for (unsigned i = 0; i < m->child_count; i++) {
        if (at_once)
            kill(m->children[i].pid, SIGKILL);
        else
            tell_to_leave(m, &m->children[i]);
    }
}

static void reopen_logs(struct master *m)
{
    if (log_open(m->config->error_log, (int)m->config->log_level) != 0)
        log_write(MCMP_LOG_ERROR, "master", "can't open %s: %s", m->config->error_log,
                  strerror(errno));
    for (unsigned i = 0; i < m->child_count; i++)
        kill(m->children[i].pid, SIGUSR1);
}

static void reload(struct master *m)
{
    struct complaint why = { "" };
    struct config *fresh = m->again(m->again_ctx, &why);
    const char *bad;
    const char *name;
    size_t at = 0;

    if (fresh == NULL) {
        log_write(MCMP_LOG_ERROR, "master", "reload refused: %s", why.text);
        return;
    }
    while ((name = config_fixed_change(m->config, fresh, &at)) != NULL)
        log_write(MCMP_LOG_WARN, "master", "reload: %s changes at a restart only", name);
    config_keep_fixed(fresh, m->config);
    config_free(m->config);
    m->config = fresh;
    m->saver.path = fresh->state;
    acl_parse(&m->acl, fresh->allow, &bad); /* was checked when it was read */
    reopen_logs(m);
    m->generation++;
    m->reloaded_at = clock_now();
    log_write(MCMP_LOG_INFO, "master", "reloaded");
    for (unsigned i = 0; i < m->slot_count; i++) {
        m->slots[i].backoff = 0;
        start_worker(m, i);
    }
}

/*
 * One generation after the other: the cluster has room for so many processes only. One that does
 * not come up may be replaced after a while.
 */
static void reload_if_wanted(struct master *m)
{
    int settled = count_ready(m) >= m->slot_count || clock_now() - m->reloaded_at > RELOAD_PATIENCE;

    if (!m->reload_wanted || m->stopping || !settled || m->child_count > 3 * m->slot_count)
        return;
    m->reload_wanted = 0;
    reload(m);
}

static void read_signals(struct master *m)
{
    struct signalfd_siginfo info;

    while (read(m->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT || info.ssi_signo == SIGQUIT)
            begin_stop(m);
        else if (info.ssi_signo == SIGHUP)
            m->reload_wanted = 1;
        else if (info.ssi_signo == SIGUSR1)
            reopen_logs(m);
    }
    reap(m);
}

static mcmp_time sooner(mcmp_time a, mcmp_time b)
{
    return a < b ? a : b;
}

/* When something other than a child is due. */
static mcmp_time run_services(struct master *m, mcmp_time now)
{
    mcmp_time next = sooner(saver_run(&m->saver, now),
                            now + (m->reload_wanted ? MCMP_SEC / 10 : 3600 * MCMP_SEC));
    mcmp_time at = m->announced ? advertise_run(&m->advertise, now) : MCMP_NEVER;

    return at != MCMP_NEVER ? sooner(next, at) : next;
}

/* Start and kill what is due; returns milliseconds until the next such thing. */
static int run_due(struct master *m)
{
    mcmp_time now = clock_now();
    mcmp_time next = run_services(m, now);

    for (unsigned i = 0; i < m->slot_count && !m->stopping; i++) {
        mcmp_time at = m->slots[i].restart_at;

        if (at != 0 && at <= now)
            start_worker(m, i);
        at = m->slots[i].restart_at;
        if (at != 0 && at < next)
            next = at;
    }
    for (unsigned i = 0; i < m->child_count; i++) {
        mcmp_time at = m->children[i].kill_at;

        if (at != 0 && at <= now)
            kill(m->children[i].pid, SIGKILL);
        if (at != 0 && at < next)
            next = at > now ? at : now + MCMP_SEC;
    }
    return next <= now ? 0 : (int)((next - now) / MCMP_MSEC) + 1;
}

static int serve(struct master *m)
{
    struct pollfd fds[2] = { { m->signal_fd, POLLIN, 0 }, { m->ready_pipe[0], POLLIN, 0 } };

    for (unsigned i = 0; i < m->slot_count; i++)
        start_worker(m, i);
    while (!m->stopping || m->child_count > 0) {
        int timeout = run_due(m);

        if (poll(fds, 2, timeout) < 0 && errno != EINTR)
            return 1;
        if (fds[1].revents & POLLIN)
            read_ready(m);
        read_signals(m);
        reload_if_wanted(m);
    }
    return 0;
}

/* Two descriptors per request: what the system allows at most, not what it gives by default. */
static void raise_limits(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

/* A log that can't be written is an error at the start, not a surprise later. */
static int check_access_log(const struct config *config, struct complaint *why)
{
    int fd;

    if (strcmp(config->access_log, "off") == 0 || strcmp(config->access_log, "stdout") == 0)
        return 0;
    fd = open(config->access_log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0) {
        snprintf(why->text, sizeof(why->text), "can't open %.300s: %s", config->access_log,
                 strerror(errno));
        return -1;
    }
    close(fd);
    return 0;
}

/* The state comes before the addresses: who can connect finds everything as it was. A second server
 * that finds them taken has written nothing. */
static int open_state(struct master *m, struct complaint *why)
{
    m->saver.path = m->config->state;
    m->saver.cluster = m->cluster;
    m->saver.in_child = leave_to_save;
    m->saver.ctx = m;
    if (saver_load(&m->saver, why) != 0)
        return -1;
    if (sockets_open(&m->sockets, m->config, m->slot_count, why) != 0)
        return -1;
    if (advertise_open(&m->advertise, m->config, &m->sockets, why) != 0)
        return -1;
    return saver_begin(&m->saver, why);
}

static int prepare(struct master *m, struct complaint *why)
{
    const char *bad = "";
    sigset_t set;

    m->slot_count = count_slots(m->config);
    m->slots = calloc(m->slot_count, sizeof(*m->slots));
    if (m->slots == NULL || acl_parse(&m->acl, m->config->allow, &bad) != 0)
        return -1;
    raise_limits();
    if (check_access_log(m->config, why) != 0)
        return -1;
    if (m->config->ready_file[0] != '\0')
        unlink(m->config->ready_file); /* of an earlier run that was killed */
    /* After a reload two generations serve side by side, for a while perhaps more. */
    if (cluster_open(&m->cluster, m->config, &m->acl, m->slot_count * 4 + 8, why) != 0)
        return -1;
    if (open_state(m, why) != 0)
        return -1;
    watched_signals(&set);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    m->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (m->signal_fd < 0 || pipe(m->ready_pipe) != 0 || pipe(m->life_pipe) != 0) {
        snprintf(why->text, sizeof(why->text), "can't start: %s", strerror(errno));
        return -1;
    }
    if (write_file(m->config->pid_file, NULL) == 0)
        return 0;
    snprintf(why->text, sizeof(why->text), "can't write %.300s", m->config->pid_file);
    return -1;
}

int master_run(struct config *config, config_again_fn again, void *ctx)
{
    struct master *m = calloc(1, sizeof(*m));
    struct complaint why = { "" };
    int code = 1;

    if (m == NULL)
        return 1;
    m->config = config;
    m->again = again;
    m->again_ctx = ctx;
    if (log_open(config->error_log, (int)config->log_level) != 0)
        fprintf(stderr, "mcmp-server: can't open %s: %s\n", config->error_log, strerror(errno));
    else if (prepare(m, &why) != 0)
        fprintf(stderr, "mcmp-server: %s\n", why.text);
    else
        code = serve(m) | (saver_finish(&m->saver) != 0);
    if (code == 0 && m->config->pid_file[0] != '\0')
        unlink(m->config->pid_file);
    if (m->announced && m->config->ready_file[0] != '\0')
        unlink(m->config->ready_file);
    mcmp_cluster_close(m->cluster);
    advertise_close(&m->advertise);
    sockets_close(&m->sockets);
    config_free(m->config);
    free(m->slots);
    free(m);
    return code;
}
