/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one entry of all renderers: which form is written by whom.
 */
#include "view.h"

typedef void (*render_fn)(const mcmp_view *view, mcmp__out *out);

static const render_fn renderers[] = {
    [MCMP_RENDER_INFO_TEXT] = mcmp__render_info_text,
    [MCMP_RENDER_INFO_XML] = mcmp__render_info_xml,
    [MCMP_RENDER_DUMP_TEXT] = mcmp__render_dump_text,
    [MCMP_RENDER_DUMP_XML] = mcmp__render_dump_xml,
    [MCMP_RENDER_JSON] = mcmp__render_json,
    [MCMP_RENDER_PAGE] = mcmp__render_page,
    [MCMP_RENDER_METRICS] = mcmp__render_metrics,
};

int mcmp_view_render(const mcmp_view *view, uint32_t form, mcmp_write_fn write, void *ctx,
                     mcmp_error *err)
{
    mcmp__out out;

    if (view == NULL || write == NULL)
        return mcmp__fail(err, MCMP_ERR_INVALID, NULL, "an argument is missing");
    if (form >= MCMP__COUNT(renderers) || renderers[form] == NULL)
        return mcmp__fail(err, MCMP_ERR_INVALID, "form", "there is no form %u", form);
    mcmp__out_init(&out, write, ctx);
    renderers[form](view, &out);
    if (mcmp__out_end(&out) != MCMP_OK)
        return mcmp__fail(err, MCMP_ERR_CALLBACK, NULL, "the receiver stopped the rendering");
    return MCMP_OK;
}
