/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hcexpr: an expression of ProxyHCExpr that judges the answer to a probe. mod_proxy_hcheck keeps
 * its expressions to itself, so they are read from the configuration as it stands there. They see
 * the status (REQUEST_STATUS) and the headers (resp) of the answer.
 */
#include "hc_expr.h"

#include <ap_expr.h>
#include <apr_strings.h>
#include <http_core.h>
#include <http_protocol.h>
#include <strings.h>

static const ap_expr_info_t *expression; /* of the generation; NULL = none */
static server_rec *of_server;

static const char *find_in(apr_pool_t *pool, const ap_directive_t *at, const char *directive,
                           const char *name)
{
    for (; at != NULL; at = at->next) {
        const char *args = at->args;
        const char *inside;

        if (strcasecmp(at->directive, directive) == 0 &&
            strcasecmp(ap_getword_conf(pool, &args), name) == 0)
            return args;
        inside = at->first_child != NULL ? find_in(pool, at->first_child, directive, name) : NULL;
        if (inside != NULL)
            return inside;
    }
    return NULL;
}

const char *hc_find(apr_pool_t *pool, const char *directive, const char *name)
{
    return find_in(pool, ap_conftree, directive, name);
}

const char *hc_expr_set(cmd_parms *cmd, const char *name)
{
    const char *text = hc_find(cmd->temp_pool, "ProxyHCExpr", name);
    const char *end = text != NULL ? strrchr(text, '}') : NULL;
    const char *err = NULL;

    if (end == NULL || *text != '{')
        return "the name of a ProxyHCExpr";
    text = apr_pstrmemdup(cmd->pool, text + 1, (apr_size_t)(end - text - 1));
    expression = ap_expr_parse_cmd(cmd, text, 0, &err, NULL);
    of_server = cmd->server;
    return err == NULL ? NULL : apr_pstrcat(cmd->pool, "an expression (", err, ")", NULL);
}

void hc_expr_forget(void)
{
    expression = NULL;
}

int hc_expr_has(void)
{
    return expression != NULL;
}

/* As much of a request as an expression about an answer may look at. */
static request_rec *make_request(apr_pool_t *pool, int status)
{
    request_rec *r = apr_pcalloc(pool, sizeof(*r));
    conn_rec *c = apr_pcalloc(pool, sizeof(*c));

    c->pool = pool;
    c->base_server = of_server;
    c->conn_config = ap_create_conn_config(pool);
    c->notes = apr_table_make(pool, 1);
    r->pool = pool;
    r->connection = c;
    r->server = of_server;
    r->per_dir_config = of_server->lookup_defaults; /* not changed */
    r->request_config = ap_create_request_config(pool);
    r->headers_in = apr_table_make(pool, 1);
    r->headers_out = apr_table_make(pool, 8);
    r->err_headers_out = apr_table_make(pool, 1);
    r->subprocess_env = apr_table_make(pool, 1);
    r->notes = apr_table_make(pool, 1);
    r->method = "OPTIONS";
    r->protocol = apr_pstrdup(pool, "HTTP/1.1");
    r->uri = r->unparsed_uri = apr_pstrdup(pool, "/");
    r->the_request = apr_pstrdup(pool, "OPTIONS / HTTP/1.1");
    r->status = status;
    r->request_time = apr_time_now();
    return r;
}

static void add_headers(request_rec *r, const char *head, size_t len)
{
    char *text = apr_pstrmemdup(r->pool, head, len);
    char *last = NULL;
    char *line = apr_strtok(text, "\r\n", &last); /* the status line */

    while ((line = apr_strtok(NULL, "\r\n", &last)) != NULL) {
        char *value = strchr(line, ':');

        if (value == NULL)
            return; /* the body begins */
        *value++ = '\0';
        while (*value == ' ' || *value == '\t')
            value++;
        apr_table_add(r->headers_out, line, value);
    }
}

int hc_expr_judge(int status, const char *head, size_t len)
{
    const char *err = NULL;
    apr_pool_t *pool;
    request_rec *r;
    int rc;

    if (expression == NULL)
        return -1;
    apr_pool_create(&pool, NULL);
    r = make_request(pool, status);
    add_headers(r, head, len);
    rc = ap_expr_exec(r, expression, &err);
    apr_pool_destroy(pool);
    return rc > 0;
}
