/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET /metrics: a view of the cluster rendered by the library. It is this server's own page, so the
 * allow list is asked here; the library judges the rest.
 */
#include "metrics.h"

#include <string.h>

#include "acl.h"
#include "worker.h"

int metrics_wanted(const mcmp_request *request)
{
    return request->command == MCMP_COMMAND_PAGE && request->target.len == 8 &&
           memcmp(request->target.ptr, "/metrics", 8) == 0;
}

static int put(void *ctx, const void *data, size_t len)
{
    return mcmp_response_write(ctx, data, len);
}

int metrics_answer(struct worker *w, const mcmp_request *request, mcmp_response *response)
{
    mcmp_view *view;
    int rc;

    if (!acl_matches(w->acl, request->peer)) {
        mcmp_response_refuse(response, request, MCMP_REFUSAL_DENIED, NULL, 0);
        return MCMP_ERR_DENIED;
    }
    rc = mcmp_view_new(&view, w->cluster, request->now, NULL);
    if (rc == MCMP_OK) {
        rc = mcmp_response_begin(response, request, "text/plain; version=0.0.4");
        if (rc == MCMP_OK)
            rc = mcmp_view_render(view, MCMP_RENDER_METRICS, put, response, NULL);
        if (rc == MCMP_OK)
            rc = mcmp_response_end(response);
        mcmp_view_free(view);
    }
    return rc;
}
