/* SPDX-License-Identifier: Apache-2.0 */
/* Directives with one value: switches, numbers, words, texts. */
#include "directives.h"

#include <apr_strings.h>
#include <strings.h>

void *directive_target(cmd_parms *cmd)
{
    const struct directive *what = cmd->info;

    return what->host ? (void *)mcmp_httpd_host_of(cmd->server) : (void *)mcmp_httpd_settings();
}

const char *directive_refuse(cmd_parms *cmd, const char *what, const char *arg)
{
    return apr_psprintf(cmd->pool, "%s must be %s, not \"%s\"", cmd->cmd->name, what, arg);
}

static const char *misplaced(cmd_parms *cmd)
{
    const struct directive *what = cmd->info;

    return ap_check_cmd_context(cmd, what->global ? GLOBAL_ONLY : NOT_IN_DIR_CONTEXT);
}

static void store(cmd_parms *cmd, int64_t value)
{
    const struct directive *what = cmd->info;
    char *object = directive_target(cmd);

    *(int64_t *)(void *)(object + what->offset) = value;
}

const char *set_switch(cmd_parms *cmd, void *unused, const char *arg)
{
    const char *wrong = misplaced(cmd);

    (void)unused;
    if (wrong != NULL)
        return wrong;
    if (strcasecmp(arg, "on") == 0 || strcmp(arg, "1") == 0)
        store(cmd, 1);
    else if (strcasecmp(arg, "off") == 0 || strcmp(arg, "0") == 0)
        store(cmd, 0);
    else
        return directive_refuse(cmd, "On, Off, 1 or 0", arg);
    return NULL;
}

const char *set_optional_switch(cmd_parms *cmd, void *unused, int argc, char *const argv[])
{
    if (argc > 1)
        return apr_psprintf(cmd->pool, "%s takes no argument, On or Off, not %d of them",
                            cmd->cmd->name, argc);
    return set_switch(cmd, unused, argc == 1 ? argv[0] : "on");
}

const char *set_number(cmd_parms *cmd, void *unused, const char *arg)
{
    const struct directive *what = cmd->info;
    const char *wrong = misplaced(cmd);
    char *end = NULL;
    int64_t value;

    (void)unused;
    if (wrong != NULL)
        return wrong;
    errno = 0;
    value = apr_strtoi64(arg, &end, 10);
    if (end == arg || *end != '\0' || errno != 0 || value < what->min || value > what->max)
        return directive_refuse(
            cmd,
            apr_psprintf(cmd->pool, "a whole number from %" APR_INT64_T_FMT " to %" APR_INT64_T_FMT,
                         what->min, what->max),
            arg);
    store(cmd, value);
    return NULL;
}

const char *set_word(cmd_parms *cmd, void *unused, const char *arg)
{
    const struct directive *what = cmd->info;
    const char *wrong = misplaced(cmd);
    const char *all = "";

    (void)unused;
    if (wrong != NULL)
        return wrong;
    for (int i = 0; what->words[i] != NULL; i++) {
        if (strcasecmp(arg, what->words[i]) == 0) {
            store(cmd, i);
            return NULL;
        }
        all = apr_pstrcat(cmd->pool, all, i > 0 ? ", " : "", what->words[i], NULL);
    }
    return directive_refuse(cmd, apr_pstrcat(cmd->pool, "one of ", all, NULL), arg);
}

/* min and max are its length; values are not repeated, they may be secrets. */
const char *set_text(cmd_parms *cmd, void *unused, const char *arg)
{
    const struct directive *what = cmd->info;
    const char *wrong = misplaced(cmd);
    int64_t len = (int64_t)strlen(arg);

    (void)unused;
    if (wrong != NULL)
        return wrong;
    if (len < what->min || len > what->max)
        return apr_psprintf(cmd->pool,
                            "%s must have %" APR_INT64_T_FMT " to %" APR_INT64_T_FMT
                            " characters, not %" APR_INT64_T_FMT,
                            cmd->cmd->name, what->min, what->max, len);
    for (const char *at = arg; *at != '\0'; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            return apr_psprintf(cmd->pool, "%s must have no control characters", cmd->cmd->name);
    *(const char **)(void *)((char *)directive_target(cmd) + what->offset) = arg;
    return NULL;
}

/* A text that stands in a line of a request. */
const char *set_token(cmd_parms *cmd, void *unused, const char *arg)
{
    for (const char *at = arg; *at != '\0'; at++)
        if ((unsigned char)*at <= ' ' || (unsigned char)*at >= 0x7f)
            return directive_refuse(cmd, "printable ASCII without blanks", arg);
    return set_text(cmd, unused, arg);
}

/* Of HTTP. */
const char *set_probe_method(cmd_parms *cmd, void *unused, const char *arg)
{
    for (const char *at = arg; *at != '\0'; at++)
        if ((unsigned char)*at <= ' ' || (unsigned char)*at >= 0x7f ||
            strchr("\"(),/:;<=>?@[\\]{}", *at) != NULL)
            return directive_refuse(cmd, "a method, such as OPTIONS or GET", arg);
    return set_text(cmd, unused, arg);
}

const char *set_probe_path(cmd_parms *cmd, void *unused, const char *arg)
{
    if (arg[0] != '/' && strcmp(arg, "*") != 0)
        return directive_refuse(cmd, "* or a path that begins with /", arg);
    return set_token(cmd, unused, arg);
}
