/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state file. The parent alone reads and writes it, with its own rights: children may not even
 * be allowed to. It is written when httpd looks after its children (about every ten seconds) and
 * something has changed, and at each end of a generation.
 */
#include "save.h"

#include <apr_file_io.h>
#include <apr_strings.h>

#define NAMED_SKIPS 20u

struct skips {
    server_rec *server;
    unsigned count;
};

static uint64_t saved; /* the version of the cluster that is in the file */
static int failing;    /* the last save failed: that is said once */

/* Names of what found no place, as many as anybody reads. */
static void on_skip(void *ctx, const mcmp_load_skip *skip)
{
    struct skips *skips = ctx;
    mcmp_span who = skip->kind == MCMP_STATE_BALANCER ? skip->balancer : skip->route;

    if (++skips->count > NAMED_SKIPS)
        return;
    ap_log_error(APLOG_MARK, APLOG_WARNING, 0, skips->server,
                 "no place for what %.*s has%s%.*s%s%.*s: the limit %s is met", (int)who.len,
                 who.ptr, skip->alias.len != 0 ? ", alias " : "", (int)skip->alias.len,
                 skip->alias.ptr, skip->context.len != 0 ? ", context " : "",
                 (int)skip->context.len, skip->context.ptr, skip->limit);
}

static void set_options(mcmp_load_options *opts, struct skips *skips)
{
    mcmp_load_options_init(opts);
    opts->now = mcmp_httpd_now();
    opts->skip = on_skip;
    opts->skip_ctx = skips;
}

static void say_rest(const struct skips *skips)
{
    if (skips->count > NAMED_SKIPS)
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, skips->server, "and no place for %u more",
                     skips->count - NAMED_SKIPS);
}

int save_decode(mcmp_cluster *cluster, const void *data, size_t len, server_rec *s, mcmp_error *err)
{
    struct skips skips = { s, 0 };
    mcmp_load_options opts;
    int rc;

    set_options(&opts, &skips);
    rc = mcmp_cluster_decode(cluster, data, len, &opts, NULL, err);
    say_rest(&skips);
    return rc;
}

/* What can't be used is kept beside, and the server starts without. */
static int put_aside(const char *path, server_rec *s, const mcmp_error *err)
{
    apr_pool_t *pool;
    apr_status_t rv;
    char *aside;

    apr_pool_create(&pool, s->process->pool);
    aside = apr_psprintf(pool, "%s.damaged-%" APR_TIME_T_FMT, path, apr_time_sec(apr_time_now()));
    rv = apr_file_rename(path, aside, pool);
    if (rv != APR_SUCCESS)
        ap_log_error(APLOG_MARK, APLOG_EMERG, rv, s, "%s can't be used (%s) nor put aside", path,
                     err->message);
    else
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, s,
                     "%s can't be used and is now %s, nodes register again: %s", path, aside,
                     err->message);
    apr_pool_destroy(pool);
    return rv == APR_SUCCESS ? 0 : -1;
}

int save_load(mcmp_cluster *cluster, server_rec *s)
{
    const char *path = mcmp_httpd_settings()->state_file;
    struct skips skips = { s, 0 };
    mcmp_load_report report;
    mcmp_load_options opts;
    mcmp_error err;
    int rc;

    if (path == NULL)
        return 0;
    mcmp_error_init(&err);
    mcmp_load_report_init(&report);
    set_options(&opts, &skips);
    rc = mcmp_cluster_load(cluster, path, &opts, &report, &err);
    say_rest(&skips);
    if (rc == MCMP_OK)
        ap_log_error(APLOG_MARK, APLOG_INFO, 0, s, "%s is loaded: %u nodes, %u contexts", path,
                     report.nodes, report.contexts);
    if (rc == MCMP_OK || rc == MCMP_ERR_NOT_FOUND)
        return 0;
    if (rc == MCMP_ERR_FILE || rc == MCMP_ERR_UNSUPPORTED)
        return put_aside(path, s, &err);
    ap_log_error(APLOG_MARK, APLOG_EMERG, err.os_status, s, "can't load the state of %s: %s", path,
                 err.message);
    return -1;
}

void save_begin(server_rec *s)
{
    saved = 0;
    failing = 0;
    save_now_and_then(s); /* a path that can't be written is known at once */
}

static void save(server_rec *s, uint64_t version)
{
    const char *path = mcmp_httpd_settings()->state_file;
    mcmp_error err;
    int rc;

    mcmp_error_init(&err);
    rc = mcmp_cluster_save(mcmp_httpd_cluster(), path, mcmp_httpd_now(), &err);
    if (rc == MCMP_OK) {
        if (failing)
            ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, s, "the state is saved again");
        failing = 0;
        saved = version;
        return;
    }
    if (!failing)
        ap_log_error(APLOG_MARK, APLOG_ERR, err.os_status, s, "can't save the state in %s: %s",
                     path, err.message);
    failing = 1;
}

static int has_file(void)
{
    return mcmp_httpd_cluster() != NULL && mcmp_httpd_settings()->state_file != NULL;
}

void save_now_and_then(server_rec *s)
{
    uint64_t version;

    if (!has_file())
        return;
    version = mcmp_cluster_version(mcmp_httpd_cluster()) + 1; /* 0 = nothing was saved */
    if (version != saved)
        save(s, version);
}

/* Loads and counters change without a new version, so it is saved whatever the version says. */
void save_last(server_rec *s)
{
    if (has_file())
        save(s, mcmp_cluster_version(mcmp_httpd_cluster()) + 1);
}
