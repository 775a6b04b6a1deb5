/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events of the library in httpd's error log. The levels keep their meaning: what an administrator
 * has to look at is a warning or an error, membership is info, everything else debug.
 */
#include "log.h"

static int level_of(int level)
{
    static const int levels[] = { APLOG_DEBUG,  APLOG_ERR,  APLOG_WARNING,
                                  APLOG_NOTICE, APLOG_INFO, APLOG_DEBUG };

    return levels[level >= MCMP_LOG_ERROR && level <= MCMP_LOG_DEBUG ? level : 0];
}

static void write_event(void *ctx, int level, const char *module_name, const char *msg, size_t len)
{
    server_rec *s = ctx;

    ap_log_error(APLOG_MARK, level_of(level), 0, s, "%s: %.*s", module_name, (int)len, msg);
}

/* What the error log drops anyway is not even made. */
static int32_t wanted_level(server_rec *s)
{
    int level = ap_get_server_module_loglevel(s, APLOG_MODULE_INDEX);

    if (level >= APLOG_DEBUG)
        return MCMP_LOG_DEBUG;
    if (level >= APLOG_INFO)
        return MCMP_LOG_INFO;
    if (level >= APLOG_NOTICE)
        return MCMP_LOG_NOTICE;
    return level >= APLOG_WARNING ? MCMP_LOG_WARN : MCMP_LOG_ERROR;
}

void log_init(mcmp_logger *logger, server_rec *s)
{
    mcmp_logger_init(logger);
    logger->fn = write_event;
    logger->ctx = s;
    logger->level = wanted_level(s);
}
