/* SPDX-License-Identifier: Apache-2.0 */
/*
 * INFO, DUMP, VERSION, the page and the metrics (MCMP 4.7 to 4.13): which form a request wants, and
 * the answer around it.
 */
#include "apply.h"
#include "page.h"

#include <libmcmp/version.h>

typedef struct report {
    uint32_t form; /* MCMP_RENDER_* */
    const char *content_type;
} report;

/* The last segment of the path, for scrapers: `GET /metrics`, also under a prefix. */
static int wants_metrics(mcmp_span target)
{
    static const char path[] = "/metrics";
    const size_t len = sizeof(path) - 1;
    const char *query = target.len != 0 ? memchr(target.ptr, '?', target.len) : NULL;

    if (query != NULL)
        target.len = (size_t)(query - target.ptr);
    return target.len >= len && memcmp(target.ptr + target.len - len, path, len) == 0;
}

static report report_of(const mcmp_request *request)
{
    static const report info = { MCMP_RENDER_INFO_TEXT, "text/plain" };
    static const report dump = { MCMP_RENDER_DUMP_TEXT, "text/plain" };
    static const report info_xml = { MCMP_RENDER_INFO_XML, "text/xml" };
    static const report dump_xml = { MCMP_RENDER_DUMP_XML, "text/xml" };
    static const report json = { MCMP_RENDER_JSON, "application/json" };
    static const report page = { MCMP_RENDER_PAGE, "text/html; charset=utf-8" };
    static const report metrics = { MCMP_RENDER_METRICS, "text/plain; version=0.0.4" };
    int is_info = request->command == MCMP_COMMAND_INFO;

    if (request->command == MCMP_COMMAND_PAGE)
        return wants_metrics(request->target) ? metrics : page;
    if (request->flags & MCMP_REQUEST_WANT_XML)
        return is_info ? info_xml : dump_xml;
    if (request->flags & MCMP_REQUEST_WANT_JSON)
        return json;
    return is_info ? info : dump;
}

static int report_version(mcmp__call *call)
{
    uint32_t flags = call->request->flags;
    mcmp_span product = mcmp__span_str(call->config->opts.product);
    mcmp__out out;

    if (flags & MCMP_REQUEST_WANT_XML) {
        mcmp__answer_begin(call, &out, "text/xml");
        mcmp__out_str(&out, "<version><release>");
        mcmp__out_xml(&out, product);
        mcmp__out_str(&out, "</release><protocol>" MCMP_PROTOCOL_VERSION "</protocol></version>\n");
    } else if (flags & MCMP_REQUEST_WANT_JSON) {
        mcmp__answer_begin(call, &out, "application/json");
        mcmp__out_str(&out, "{\"release\":");
        mcmp__out_json(&out, product);
        mcmp__out_str(&out, ",\"protocol\":\"" MCMP_PROTOCOL_VERSION "\"}\n");
    } else {
        mcmp__answer_begin(call, &out, "text/plain");
        mcmp__out_str(&out, "release: ");
        mcmp__out_text(&out, product);
        mcmp__out_str(&out, ", protocol: " MCMP_PROTOCOL_VERSION "\n");
    }
    return mcmp__answer_end(call, &out);
}

static int render(mcmp__call *call, const mcmp_view *view, report what)
{
    mcmp__out out;

    mcmp__answer_begin(call, &out, what.content_type);
    if (what.form == MCMP_RENDER_PAGE &&
        mcmp__page_headers(call->response, mcmp__page_policy) != MCMP_OK)
        out.failed = MCMP_ERR_CALLBACK;
    switch (what.form) {
    case MCMP_RENDER_INFO_TEXT:
        mcmp__render_info_text(view, &out);
        break;
    case MCMP_RENDER_INFO_XML:
        mcmp__render_info_xml(view, &out);
        break;
    case MCMP_RENDER_DUMP_TEXT:
        mcmp__render_dump_text(view, &out);
        break;
    case MCMP_RENDER_DUMP_XML:
        mcmp__render_dump_xml(view, &out);
        break;
    case MCMP_RENDER_PAGE:
        mcmp__render_page(view, &out);
        break;
    case MCMP_RENDER_METRICS:
        mcmp__render_metrics(view, &out);
        break;
    default:
        mcmp__render_json(view, &out);
    }
    return mcmp__answer_end(call, &out);
}

int mcmp__apply_report(mcmp__call *call)
{
    mcmp_view *view;
    int rc;

    if (call->request->command == MCMP_COMMAND_VERSION)
        return report_version(call);
    rc = mcmp__view_take(&view, call->cluster, call->now, 1, call->err);
    if (rc != MCMP_OK)
        return rc;
    rc = render(call, view, report_of(call->request));
    mcmp_view_free(view);
    return rc;
}
