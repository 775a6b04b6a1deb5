/* SPDX-License-Identifier: Apache-2.0 */
/*
 * explain: the library's own account of a choice, taken from the cluster's named segment, to which
 * this attaches for reading only. Nothing is sent and nothing is counted.
 */
#include "out.h"

#include <stdlib.h>
#include <string.h>

/* [SCHEME://]HOST[:PORT]/PATH, or /PATH alone. */
static int take_url(mcmp_query *query, const char *url)
{
    const char *scheme = strstr(url, "://");
    const char *host = scheme != NULL ? scheme + 3 : url;
    size_t len = strcspn(host, "/?");

    if (url[0] == '\0' || (len == 0 && url[0] != '/'))
        return -1;
    query->host = (mcmp_span){ host, len };
    query->path = host[len] == '/' ? ctl_span(host + len) : ctl_span("/");
    return 0;
}

static int print(mcmp_cluster *cluster, const mcmp_query *query)
{
    char *text = NULL;
    size_t size = 0;
    size_t len = 0;
    mcmp_error err;
    int rc;

    mcmp_error_init(&err);
    do { /* the state may grow between two calls */
        char *more = realloc(text, size = len + 4096);

        if (more == NULL) {
            free(text);
            return ctl_fail(CTL_UNREACHABLE, "no memory for the explanation");
        }
        text = more;
        rc = mcmp_explain(cluster, query, text, size, &len, &err);
    } while (rc == MCMP_ERR_SPACE);
    if (rc == MCMP_OK)
        (void)fputs(text, stdout);
    free(text);
    if (rc != MCMP_OK)
        return ctl_fail(CTL_UNREACHABLE, "%s", err.message);
    return CTL_OK;
}

/* 0 when the choice has a node. */
static int has_no_node(mcmp_cluster *cluster, const mcmp_query *query)
{
    mcmp_selection selection;
    mcmp_query dry = *query;

    mcmp_selection_init(&selection);
    dry.flags = MCMP_QUERY_DRY_RUN;
    return mcmp_select_node(cluster, &dry, &selection, NULL) != MCMP_OK;
}

int ctl_run_explain(ctl *c)
{
    mcmp_cluster *cluster = NULL;
    mcmp_cluster_options opts;
    mcmp_query query;
    mcmp_span cookie;
    mcmp_error err;
    int rc;

    if (c->options.segment == NULL)
        return ctl_fail(CTL_USAGE, "explain needs --segment NAME, the cluster's named segment");
    mcmp_query_init(&query);
    if (take_url(&query, c->options.args[0]) != 0)
        return ctl_fail(CTL_USAGE, "\"%s\" is no URL; expected http://host/path",
                        c->options.args[0]);
    query.now = ctl_now();
    if (c->options.cookie != NULL) {
        cookie = ctl_span(c->options.cookie);
        query.cookies = &cookie;
        query.cookie_count = 1;
    }
    if (c->options.balancer != NULL)
        query.balancer = ctl_span(c->options.balancer);
    mcmp_error_init(&err);
    mcmp_cluster_options_init(&opts);
    opts.memory = MCMP_MEMORY_NAMED;
    opts.segment = c->options.segment;
    opts.attach = MCMP_ATTACH_READ;
    opts.now = query.now;
    if (mcmp_cluster_open(&cluster, &opts, &err) != MCMP_OK)
        return ctl_fail(CTL_UNREACHABLE, "segment %s: %s", c->options.segment, err.message);
    rc = print(cluster, &query);
    if (rc == CTL_OK && has_no_node(cluster, &query))
        rc = CTL_NOT_OK;
    mcmp_cluster_close(cluster);
    return rc;
}
