/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mod_mcmp: libmcmp inside Apache httpd. The record of the module and its life: settings are read,
 * the parent opens the cluster, each child enters it. What requests see is in the other files.
 */
#include "module.h"

#include <ap_mpm.h>
#include <http_connection.h>
#include <http_core.h>
#include <mpm_common.h>

#include "advertise.h"
#include "directives.h"
#include "hc_expr.h"
#include "manager.h"
#include "receive.h"
#include "save.h"
#include "settings.h"
#include "state.h"
#include "traffic.h"
#include "watchdog.h"

static int pre_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp)
{
    const char *rival = mcmp_httpd_rival();

    (void)ptemp;
    settings_begin(pconf);
    hc_expr_forget();
    if (rival == NULL)
        return OK;
    ap_log_perror(APLOG_MARK, APLOG_EMERG, 0, plog,
                  "%s is loaded, too: mod_mcmp takes its place, so only one of them can be", rival);
    return HTTP_INTERNAL_SERVER_ERROR;
}

/* The configuration is read; it may be looked at only. */
static int check_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s)
{
    (void)plog;
    (void)ptemp;
    settings_finish(pconf, s);
    return state_check(s) == 0 ? OK : HTTP_INTERNAL_SERVER_ERROR;
}

static int post_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s)
{
    (void)plog;
    (void)ptemp;
    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG)
        return OK; /* it is read once more before the start */
    settings_tell(s);
    if (state_open(pconf, s) != 0 || watchdog_register(pconf, s) != 0 ||
        manager_begin(pconf, s) != 0 || advertise_open(pconf, s) != 0)
        return HTTP_INTERNAL_SERVER_ERROR;
    return OK;
}

static void child_status(server_rec *s, pid_t pid, ap_generation_t gen, int slot,
                         mpm_child_status state)
{
    (void)s;
    (void)gen;
    (void)slot;
    if (state == MPM_CHILD_EXITED) /* one that lost its slot in the scoreboard still runs */
        state_child_gone(pid);
}

static int monitor(apr_pool_t *pool, server_rec *s)
{
    (void)pool;
    save_now_and_then(s);
    return OK;
}

static void register_hooks(apr_pool_t *pool)
{
    ap_hook_pre_config(pre_config, NULL, NULL, APR_HOOK_FIRST);
    ap_hook_check_config(check_config, NULL, NULL, APR_HOOK_LAST); /* the MPM knows its sizes */
    ap_hook_post_config(post_config, NULL, NULL, APR_HOOK_FIRST);
    ap_hook_child_init(state_enter_child, NULL, NULL, APR_HOOK_FIRST);
    ap_hook_child_status(child_status, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_monitor(monitor, NULL, NULL, APR_HOOK_MIDDLE);
    receive_register(pool);
    manager_register(pool);
    mcmp_httpd_register_traffic(pool);
}

MCMP_API module AP_MODULE_DECLARE_DATA mcmp_module = {
    STANDARD20_MODULE_STUFF,
    NULL, /* per directory */
    NULL,
    host_create,
    host_merge,
    directive_table,
    register_hooks,
    AP_MODULE_FLAG_NONE,
};
