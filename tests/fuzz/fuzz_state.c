/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a saved state, as they are and with checksums that fit. Must hold: an error and an
 * untouched cluster, or a cluster that passes its check, saves the same again, and shows printable
 * lines; in tables with room for all and in ones with room for little.
 */
#include "fuzz.h"

#include "../unit/model/seal.h"

#include <libmcmp/libmcmp.h>

typedef struct document {
    uint8_t data[1 << 18];
    size_t len;
} document;

static int collect(void *ctx, const void *data, size_t len)
{
    document *doc = ctx;

    MUST(len <= sizeof(doc->data) - doc->len);
    memcpy(doc->data + doc->len, data, len);
    doc->len += len;
    return 0;
}

static mcmp_cluster *open_cluster(int small)
{
    mcmp_cluster_options opts;
    mcmp_cluster *cluster;

    mcmp_cluster_options_init(&opts);
    opts.max_nodes = small ? 1 : 64;
    opts.max_aliases = small ? 2 : 4096;
    opts.max_contexts = small ? 2 : 4096;
    opts.random_seed = 1;
    opts.product = "fuzz";
    MUST(mcmp_cluster_open(&cluster, &opts, NULL) == MCMP_OK);
    return cluster;
}

static void check_lines(mcmp_cluster *cluster, mcmp_time now)
{
    static document doc;
    mcmp_view *view;

    MUST(mcmp_view_new(&view, cluster, now, NULL) == MCMP_OK);
    for (uint32_t form = MCMP_RENDER_INFO_TEXT; form <= MCMP_RENDER_METRICS; form++) {
        doc.len = 0;
        MUST(mcmp_view_render(view, form, collect, &doc, NULL) == MCMP_OK);
        for (size_t i = 0; form == MCMP_RENDER_INFO_TEXT && i < doc.len; i++)
            MUST(doc.data[i] == '\n' || (doc.data[i] >= 0x20 && doc.data[i] <= 0x7e));
    }
    mcmp_view_free(view);
}

/* What was loaded is saved, and loaded and saved again. */
static void check_rounds(mcmp_cluster *cluster, mcmp_time now, int small)
{
    static document first, second;
    mcmp_cluster *other = open_cluster(small);
    mcmp_load_options opts;

    first.len = 0;
    second.len = 0;
    mcmp_load_options_init(&opts);
    opts.now = now;
    MUST(mcmp_cluster_encode(cluster, now, collect, &first, NULL) == MCMP_OK);
    MUST(mcmp_cluster_decode(other, first.data, first.len, &opts, NULL, NULL) == MCMP_OK);
    MUST(mcmp_cluster_encode(other, now, collect, &second, NULL) == MCMP_OK);
    MUST(first.len == second.len && memcmp(first.data, second.data, first.len) == 0);
    mcmp_cluster_close(other);
}

static void load(const uint8_t *data, size_t size, int small)
{
    mcmp_cluster *cluster = open_cluster(small);
    uint64_t id = mcmp_cluster_id(cluster);
    mcmp_time now = 1000000 * MCMP_SEC;
    mcmp_load_options opts;
    mcmp_error err;
    int rc;

    mcmp_load_options_init(&opts);
    opts.now = now;
    mcmp_error_init(&err);
    rc = mcmp_cluster_decode(cluster, data, size, &opts, NULL, &err);
    MUST(rc == MCMP_OK || rc == MCMP_ERR_FILE || rc == MCMP_ERR_UNSUPPORTED);
    MUST(mcmp_cluster_check(cluster, NULL, NULL) == MCMP_OK);
    if (rc == MCMP_OK) {
        check_lines(cluster, now);
        check_rounds(cluster, now, small);
    } else {
        MUST(err.field[0] != '\0' && err.message[0] != '\0');
        MUST(mcmp_cluster_version(cluster) == 0 && mcmp_cluster_id(cluster) == id);
    }
    mcmp_cluster_close(cluster);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy;

    if (size > 20000)
        return 0;
    load(data, size, 0);
    if (size < MCMP__STATE_HEADER)
        return 0;
    copy = fuzz_copy(data, size);
    seal((uint8_t *)copy, size);
    load((const uint8_t *)copy, size, 0);
    load((const uint8_t *)copy, size, 1);
    free(copy);
    return 0;
}
