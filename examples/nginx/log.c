/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The library's events in nginx's error log: membership at info, what was left out at warn. Its
 * texts are finished and escaped.
 */
#include "core.h"

static ngx_uint_t level_of(int level)
{
    static const ngx_uint_t levels[] = { NGX_LOG_ERR,    NGX_LOG_ERR,  NGX_LOG_WARN,
                                         NGX_LOG_NOTICE, NGX_LOG_INFO, NGX_LOG_DEBUG };

    return level >= 0 && level <= MCMP_LOG_DEBUG ? levels[level] : NGX_LOG_ERR;
}

void ngx_mcmp_log_library(void *ctx, int level, const char *module, const char *msg, size_t len)
{
    const ngx_mcmp_zone_t *zone = ctx;
    ngx_log_t *log = ngx_cycle->log;

    ngx_log_error(level_of(level), log, 0, "mcmp zone \"%V\": %s: %*s", &zone->name, module, len,
                  msg);
}

void ngx_mcmp_log_error(ngx_uint_t level, ngx_log_t *log, const char *what, const mcmp_error *err)
{
    ngx_log_error(level, log, (ngx_err_t)err->os_status, "mcmp: %s: %s: %s", what,
                  mcmp_error_name(err->code), err->message);
}
