/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When to save: at most once per second, when the version of the cluster has moved on; after a
 * failure every ten seconds. STATUS moves no version, so Loads and counters alone cause no writing;
 * they are in each save, and in the last one.
 */
#include "saver.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cluster.h"
#include "log.h"

#define EVERY MCMP_SEC
#define AFTER_FAILURE (10 * MCMP_SEC)
#define LONGEST_SAVE (10 * MCMP_SEC) /* that the end waits for */
#define LAST_TRIES 1000u             /* likewise, while another server saves */
#define NAMED_SKIPS 20u

/* How a save ended; exit codes, too. */
#define SAVE_DONE 0
#define SAVE_FAILED 1
#define SAVE_BUSY 2

static const struct timespec a_moment = { 0, 5000000 };

/* Names of what found no place, as many as anybody reads. */
static void on_skip(void *ctx, const mcmp_load_skip *skip)
{
    static const char *const kinds[] = {
        "entry", "balancer", "node", "alias", "context", "domain"
    };
    mcmp_span who = skip->kind == MCMP_STATE_BALANCER ? skip->balancer : skip->route;
    unsigned *count = ctx;

    if (++*count > NAMED_SKIPS)
        return;
    log_write(MCMP_LOG_WARN, "state", "no place for %s %.*s%s%.*s%s%.*s: see the limit of %s",
              kinds[skip->kind <= MCMP_STATE_DOMAIN ? skip->kind : 0], (int)who.len, who.ptr,
              skip->alias.len != 0 ? " " : "", (int)skip->alias.len, skip->alias.ptr,
              skip->context.len != 0 ? " " : "", (int)skip->context.len, skip->context.ptr,
              skip->limit);
}

/* Nothing is lost: who wants to know what it was finds it beside. */
static int put_aside(struct saver *saver, const mcmp_error *err, struct complaint *why)
{
    char aside[4200];
    struct stat there;
    long long stamp = (long long)time(NULL);

    if (stat(saver->path, &there) != 0 || !S_ISREG(there.st_mode)) {
        snprintf(why->text, sizeof(why->text), "can't load the state: %.300s", err->message);
        return -1; /* a folder or device that nobody meant to lose */
    }
    do {
        snprintf(aside, sizeof(aside), "%.4000s.damaged-%lld", saver->path, stamp++);
    } while (lstat(aside, &there) == 0);
    if (rename(saver->path, aside) != 0) {
        snprintf(why->text, sizeof(why->text), "can't put %.200s aside: %s (%.150s)", saver->path,
                 strerror(errno), err->message);
        return -1;
    }
    log_write(MCMP_LOG_ERROR, "state", "%s can't be used and is now %s: %s", saver->path, aside,
              err->message);
    log_write(MCMP_LOG_ERROR, "state", "starting without a state; nodes register again");
    return 0;
}

int saver_load(struct saver *saver, struct complaint *why)
{
    mcmp_load_options opts;
    mcmp_load_report report;
    mcmp_error err;
    unsigned skips = 0;
    int rc;

    if (saver->path[0] == '\0')
        return 0;
    mcmp_error_init(&err);
    mcmp_load_report_init(&report);
    mcmp_load_options_init(&opts);
    opts.now = clock_now();
    opts.skip = on_skip;
    opts.skip_ctx = &skips;
    rc = mcmp_cluster_load(saver->cluster, saver->path, &opts, &report, &err);
    if (rc == MCMP_OK) {
        log_write(MCMP_LOG_INFO, "state", "%s is loaded, saved by %s", saver->path,
                  report.product); /* the library tells what is in it */
        if (skips > NAMED_SKIPS)
            log_write(MCMP_LOG_WARN, "state", "and no place for %u more", skips - NAMED_SKIPS);
        return 0;
    }
    if (rc == MCMP_ERR_NOT_FOUND)
        return 0;               /* the first start */
    if (rc == MCMP_ERR_STATE) { /* memory that others share */
        log_write(MCMP_LOG_INFO, "state", "%s is not loaded: the cluster has nodes", saver->path);
        return 0;
    }
    if (rc == MCMP_ERR_FILE || rc == MCMP_ERR_UNSUPPORTED)
        return put_aside(saver, &err, why);
    snprintf(why->text, sizeof(why->text), "can't load the state: %.300s: %s", err.message,
             err.os_status != 0 ? strerror(err.os_status) : mcmp_strerror(rc));
    return -1;
}

/* In whatever process calls it. SAVE_DONE, SAVE_BUSY, or SAVE_FAILED and why. */
static int save(struct saver *saver, char *why, size_t size)
{
    mcmp_error err;
    int rc;

    mcmp_error_init(&err);
    rc = mcmp_cluster_save(saver->cluster, saver->path, clock_now(), &err);
    if (rc == MCMP_OK)
        return SAVE_DONE;
    if (rc == MCMP_ERR_STATE) /* another server that shares cluster and file does it just now */
        return SAVE_BUSY;
    snprintf(why, size, "%.300s: %s", err.message,
             err.os_status != 0 ? strerror(err.os_status) : mcmp_strerror(rc));
    return SAVE_FAILED;
}

int saver_begin(struct saver *saver, struct complaint *why)
{
    char text[400];
    int done;

    if (saver->path[0] == '\0')
        return 0;
    saver->saving = mcmp_cluster_version(saver->cluster);
    saver->next = clock_now() + EVERY;
    done = save(saver, text, sizeof(text));
    saver->saved = done == SAVE_DONE ? saver->saving : saver->saving - 1;
    if (done != SAVE_FAILED)
        return 0;
    snprintf(why->text, sizeof(why->text), "can't save the state: %s", text);
    return -1;
}

/* The child: never returns. Signals stay blocked, so that it finishes what takes but a moment. */
static void save_and_exit(struct saver *saver)
{
    char text[400];
    int done;

    saver->in_child(saver->ctx);
    done = save(saver, text, sizeof(text));
    if (done == SAVE_FAILED && !saver->failing)
        log_write(MCMP_LOG_ERROR, "state", "can't save the state: %s", text);
    _exit(done);
}

mcmp_time saver_run(struct saver *saver, mcmp_time now)
{
    if (saver->path[0] == '\0' || saver->pid != 0)
        return INT64_MAX; /* its end is a signal */
    if (now < saver->next)
        return saver->next;
    saver->next = now + EVERY;
    saver->saving = mcmp_cluster_version(saver->cluster);
    if (saver->saving == saver->saved)
        return saver->next;
    fflush(NULL);
    saver->pid = fork();
    if (saver->pid == 0)
        save_and_exit(saver);
    if (saver->pid < 0) {
        log_write(MCMP_LOG_ERROR, "state", "can't fork: %s", strerror(errno));
        saver->pid = 0;
    }
    return saver->next;
}

void saver_ended(struct saver *saver, int status, mcmp_time now)
{
    saver->pid = 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == SAVE_BUSY)
        return;
    if (WIFEXITED(status) && WEXITSTATUS(status) == SAVE_DONE) {
        saver->saved = saver->saving;
        if (saver->failing)
            log_write(MCMP_LOG_INFO, "state", "the state is saved again");
        saver->failing = 0;
        return;
    }
    if (WIFSIGNALED(status))
        log_write(MCMP_LOG_ERROR, "state", "the process that saves was killed by signal %d",
                  WTERMSIG(status));
    saver->failing = 1;
    saver->next = now + AFTER_FAILURE;
}

/* Let a running save come to its end, but not for ever. */
static void await_child(struct saver *saver)
{
    mcmp_time until = clock_now() + LONGEST_SAVE;
    int status;

    while (saver->pid != 0 && waitpid(saver->pid, &status, WNOHANG) == 0) {
        if (clock_now() > until)
            kill(saver->pid, SIGKILL);
        nanosleep(&a_moment, NULL);
    }
    saver->pid = 0;
}

int saver_finish(struct saver *saver)
{
    char text[400];
    unsigned tries = 0;
    int done;

    if (saver->path[0] == '\0')
        return 0;
    await_child(saver);
    while ((done = save(saver, text, sizeof(text))) == SAVE_BUSY && tries++ < LAST_TRIES)
        nanosleep(&a_moment, NULL);
    if (done != SAVE_FAILED)
        return 0;
    log_write(MCMP_LOG_ERROR, "state", "can't save the state: %s", text);
    return -1;
}
