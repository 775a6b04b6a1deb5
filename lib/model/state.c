/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Saving and loading: the public calls. Reading and writing of files is done by the OS layer
 * through its table, in the calling thread; the store's lock is never held meanwhile.
 */
#include "model/state.h"

#define MAX_FILE (UINT64_C(1) << 30)

void mcmp_load_options_init_sized(mcmp_load_options *opts, size_t size)
{
    mcmp__sized_init(opts, size);
}

void mcmp_load_report_init_sized(mcmp_load_report *report, size_t size)
{
    mcmp__sized_init(report, size);
}

/* Saving */

int mcmp__state_save(mcmp_cluster *cluster, const mcmp__file_ops *ops, const char *path,
                     mcmp_time now, mcmp_error *err)
{
    mcmp__state_image image;
    int rc = mcmp__state_image_make(&image, cluster, now, err);

    if (rc == MCMP_OK)
        rc = mcmp__file_replace(ops, path, image.pieces, MCMP__COUNT(image.pieces), err);
    mcmp__state_image_clear(&image);
    return rc;
}

int mcmp_cluster_save(mcmp_cluster *cluster, const char *path, mcmp_time now, mcmp_error *err)
{
    if (cluster == NULL || path == NULL)
        return mcmp__fail(err, MCMP_ERR_INVALID, "path", "no cluster, or no path");
    return mcmp__state_save(cluster, &mcmp__file_system, path, now, err);
}

int mcmp_cluster_encode(mcmp_cluster *cluster, mcmp_time now, mcmp_write_fn write, void *ctx,
                        mcmp_error *err)
{
    mcmp__state_image image;
    int rc;

    if (cluster == NULL || write == NULL)
        return mcmp__fail(err, MCMP_ERR_INVALID, "write", "no cluster, or nowhere to write");
    rc = mcmp__state_image_make(&image, cluster, now, err);
    for (size_t i = 0; rc == MCMP_OK && i < MCMP__COUNT(image.pieces); i++)
        if (image.pieces[i].len != 0 && write(ctx, image.pieces[i].ptr, image.pieces[i].len) != 0)
            rc = mcmp__fail(err, MCMP_ERR_CALLBACK, "write", "the callback stopped the call");
    mcmp__state_image_clear(&image);
    return rc;
}

/* Loading */

static int take_options(const mcmp_load_options *opts, const mcmp_load_report *out,
                        mcmp_load_options *own, mcmp_error *err)
{
    int rc = mcmp__sized_in(own, sizeof(*own), opts, sizeof(size_t));

    if (rc != MCMP_OK)
        return mcmp__fail(err, rc, "options", "the options can't be read");
    if (out != NULL && out->struct_size < sizeof(out->struct_size))
        return mcmp__fail(err, MCMP_ERR_INVALID, "report",
                          "it was not made ready by mcmp_load_report_init()");
    own->struct_size = sizeof(*own);
    if (own->max_file == 0)
        own->max_file = MAX_FILE;
    return MCMP_OK;
}

static void tell(const mcmp_load_options *opts, mcmp_load_skip *skip, uint32_t why,
                 uint32_t *loaded, uint32_t *skipped)
{
    if (why == MCMP__SKIP_NONE) {
        ++*loaded;
        return;
    }
    ++*skipped;
    skip->struct_size = sizeof(*skip);
    skip->limit = mcmp__skip_name(why);
    if (opts->skip != NULL)
        opts->skip(opts->skip_ctx, skip);
}

static void tell_nodes(const mcmp__state *state, const mcmp_load_options *opts,
                       mcmp_load_report *report)
{
    for (uint32_t i = 0; i < state->count[MCMP__SECTION_BALANCERS]; i++) {
        const mcmp__state_balancer *balancer = &state->balancers[i];
        mcmp_load_skip skip = { .kind = MCMP_STATE_BALANCER, .balancer = balancer->data.name };

        tell(opts, &skip, balancer->skip, &report->balancers, &report->skipped_balancers);
    }
    for (uint32_t i = 0; i < state->count[MCMP__SECTION_NODES]; i++) {
        const mcmp__state_node *node = &state->nodes[i];
        mcmp_load_skip skip = { .kind = MCMP_STATE_NODE,
                                .balancer = state->balancers[node->balancer].data.name,
                                .route = node->data.route };

        tell(opts, &skip, node->skip, &report->nodes, &report->skipped_nodes);
    }
}

static void tell_contexts(const mcmp__state *state, const mcmp_load_options *opts,
                          mcmp_load_report *report)
{
    for (uint32_t i = 0; i < state->count[MCMP__SECTION_ALIASES]; i++) {
        const mcmp__state_alias *alias = &state->aliases[i];
        mcmp_load_skip skip = { .kind = MCMP_STATE_ALIAS,
                                .route = state->nodes[alias->node].data.route,
                                .alias = alias->name };

        tell(opts, &skip, alias->skip, &report->aliases, &report->skipped_aliases);
    }
    for (uint32_t i = 0; i < state->count[MCMP__SECTION_CONTEXTS]; i++) {
        const mcmp__state_context *context = &state->contexts[i];
        const mcmp__state_alias *alias = &state->aliases[context->alias];
        mcmp_load_skip skip = { .kind = MCMP_STATE_CONTEXT,
                                .route = state->nodes[alias->node].data.route,
                                .alias = alias->name,
                                .context = mcmp__span(context->path, context->len) };

        tell(opts, &skip, context->skip, &report->contexts, &report->skipped_contexts);
    }
    for (uint32_t i = 0; i < state->count[MCMP__SECTION_DOMAINS]; i++) {
        const mcmp__state_domain *domain = &state->domains[i];
        mcmp_load_skip skip = { .kind = MCMP_STATE_DOMAIN,
                                .route = domain->route,
                                .domain = domain->domain };

        tell(opts, &skip, domain->skip, &report->domains, &report->skipped_domains);
    }
}

static void log_loaded(const mcmp_logger *logger, const mcmp_load_report *report)
{
    mcmp__log(logger, MCMP_LOG_INFO, "cluster",
              "state loaded: %u nodes, %u aliases, %u contexts, id %llu", report->nodes,
              report->aliases, report->contexts, (unsigned long long)report->id);
    if (report->skipped_nodes + report->skipped_aliases + report->skipped_contexts != 0)
        mcmp__log(logger, MCMP_LOG_WARN, "cluster",
                  "state loaded in part: no place for %u nodes, %u aliases, %u contexts",
                  report->skipped_nodes, report->skipped_aliases, report->skipped_contexts);
}

static int load(mcmp_cluster *cluster, const void *data, size_t len, const mcmp_load_options *opts,
                mcmp_load_report *out, mcmp_error *err)
{
    const mcmp__config *config = mcmp__config_of(cluster);
    mcmp_load_report report = { .struct_size = sizeof(report), .version = MCMP__STATE_VERSION };
    mcmp__state state;
    int rc = mcmp__state_read(&state, &config->allocator, data, len, err);

    if (rc != MCMP_OK)
        return rc;
    rc = mcmp__state_load(cluster, &state, opts->now, err);
    if (rc == MCMP_OK) {
        report.id = state.id;
        (void)mcmp__printable(report.product, sizeof(report.product), state.product);
        tell_nodes(&state, opts, &report);
        tell_contexts(&state, opts, &report);
        log_loaded(&config->logger, &report);
        if (out != NULL)
            (void)mcmp__sized_out(out, &report, sizeof(report)); /* its size was checked */
    }
    mcmp__state_clear(&state);
    return rc;
}

int mcmp_cluster_decode(mcmp_cluster *cluster, const void *data, size_t len,
                        const mcmp_load_options *opts, mcmp_load_report *out, mcmp_error *err)
{
    mcmp_load_options own;
    int rc;

    if (cluster == NULL || (data == NULL && len != 0))
        return mcmp__fail(err, MCMP_ERR_INVALID, "data", "no cluster, or no bytes");
    rc = take_options(opts, out, &own, err);
    return rc == MCMP_OK ? load(cluster, data, len, &own, out, err) : rc;
}

int mcmp_cluster_load(mcmp_cluster *cluster, const char *path, const mcmp_load_options *opts,
                      mcmp_load_report *out, mcmp_error *err)
{
    mcmp_load_options own;
    char *data = NULL;
    size_t len = 0;
    int rc;

    if (cluster == NULL || path == NULL)
        return mcmp__fail(err, MCMP_ERR_INVALID, "path", "no cluster, or no path");
    rc = take_options(opts, out, &own, err);
    if (rc != MCMP_OK)
        return rc;
    rc = mcmp__file_read(&mcmp__file_system, &cluster->config.allocator, path, own.max_file, &data,
                         &len, err);
    if (rc != MCMP_OK)
        return rc;
    rc = load(cluster, data, len, &own, out, err);
    mcmp__free(&cluster->config.allocator, data, len);
    return rc;
}
