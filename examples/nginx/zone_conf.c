/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The zones of the http block: mcmp_zone, names that other directives use before it, and the checks
 * that need the whole block. A zone too small is refused here with the size it needs, so that
 * nginx -t says it.
 */
#include "core.h"

#define SEGMENT_ZONE (64u * 1024u)

void *ngx_mcmp_create_main_conf(ngx_conf_t *cf)
{
    ngx_mcmp_main_conf_t *mcf = ngx_pcalloc(cf->pool, sizeof(*mcf));

    if (mcf == NULL ||
        ngx_array_init(&mcf->zones, cf->pool, 2, sizeof(ngx_mcmp_zone_t *)) != NGX_OK)
        return NULL;
    ngx_mcmp_settings_init(&mcf->common);
    return mcf;
}

static ngx_mcmp_zone_t *find(const ngx_array_t *zones, const ngx_str_t *name)
{
    ngx_mcmp_zone_t **list = zones->elts;

    for (ngx_uint_t i = 0; i < zones->nelts; i++)
        if (list[i]->name.len == name->len &&
            ngx_strncmp(list[i]->name.data, name->data, name->len) == 0)
            return list[i];
    return NULL;
}

static void remember_place(ngx_conf_t *cf, ngx_mcmp_zone_t *zone)
{
    zone->file = cf->conf_file->file.name.data;
    zone->line = cf->conf_file->line;
}

ngx_mcmp_zone_t *ngx_mcmp_zone_use(ngx_conf_t *cf, ngx_str_t *name)
{
    ngx_mcmp_main_conf_t *mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_mcmp_module);
    ngx_mcmp_zone_t *zone = find(&mcf->zones, name);
    ngx_mcmp_zone_t **slot;

    if (zone != NULL)
        return zone;
    zone = ngx_pcalloc(cf->pool, sizeof(*zone));
    slot = zone != NULL ? ngx_array_push(&mcf->zones) : NULL;
    if (slot == NULL)
        return NULL;
    *slot = zone;
    zone->name = *name;
    ngx_mcmp_settings_init(&zone->settings);
    remember_place(cf, zone);
    return zone;
}

ngx_array_t *ngx_mcmp_zones(ngx_cycle_t *cycle)
{
    ngx_mcmp_main_conf_t *mcf = NULL;

    if (cycle->conf_ctx != NULL && cycle->conf_ctx[ngx_http_module.index] != NULL)
        mcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_mcmp_module);
    return mcf != NULL ? &mcf->zones : NULL;
}

ngx_mcmp_zone_t *ngx_mcmp_zone_find(ngx_str_t *name)
{
    ngx_array_t *zones = ngx_mcmp_zones((ngx_cycle_t *)ngx_cycle);

    return zones != NULL ? find(zones, name) : NULL;
}

/* The names that the library takes for segments. */
static int is_segment_name(const ngx_str_t *name)
{
    if (name->len == 0 || name->len > MCMP_SEGMENT_NAME_MAX)
        return 0;
    for (size_t i = 0; i < name->len; i++) {
        u_char c = name->data[i];
        u_char low = (u_char)(c | 0x20);

        if ((low < 'a' || low > 'z') && (c < '0' || c > '9') && c != '.' && c != '_' && c != '-')
            return 0;
    }
    return 1;
}

static char *set_segment(ngx_conf_t *cf, ngx_mcmp_zone_t *zone, ngx_str_t *arg)
{
    if (arg->len < 8 || ngx_strncmp(arg->data, "segment=", 8) != 0) {
        ngx_mcmp_conf_error(cf, 0, "unknown argument \"%V\", allowed is segment=NAME", arg);
        return NGX_CONF_ERROR;
    }
    zone->segment.data = arg->data + 8;
    zone->segment.len = arg->len - 8;
    if (is_segment_name(&zone->segment))
        return NGX_CONF_OK;
    ngx_mcmp_conf_error(cf, 0,
                        "bad name of a segment \"%V\": 1 to %d of A-Z a-z 0-9 . _ - are needed",
                        &zone->segment, MCMP_SEGMENT_NAME_MAX);
    return NGX_CONF_ERROR;
}

/* mcmp_zone name size [segment=NAME] */
char *ngx_mcmp_set_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t *args = cf->args->elts;
    ngx_mcmp_zone_t *zone;
    ssize_t size;

    (void)cmd;
    (void)conf;
    if (args[1].len == 0) {
        ngx_mcmp_conf_error(cf, 0, "%s", "a zone needs a name");
        return NGX_CONF_ERROR;
    }
    zone = ngx_mcmp_zone_use(cf, &args[1]);
    if (zone == NULL)
        return NGX_CONF_ERROR;
    if (zone->size != 0) {
        ngx_mcmp_conf_error(cf, 0, "zone \"%V\" is already defined in %s:%ui", &zone->name,
                            zone->file, zone->line);
        return NGX_CONF_ERROR;
    }
    remember_place(cf, zone);
    size = ngx_parse_size(&args[2]);
    if (size <= 0) {
        ngx_mcmp_conf_error(cf, 0,
                            "bad size \"%V\" of zone \"%V\": bytes are needed, also with k or m",
                            &args[2], &zone->name);
        return NGX_CONF_ERROR;
    }
    zone->size = (size_t)size;
    return cf->args->nelts == 4 ? set_segment(cf, zone, &args[3]) : NGX_CONF_OK;
}

/* What the zone must have, so that the slab allocator finds the region's pages in one piece. */
static size_t zone_size(size_t region)
{
    size_t pages = region / ngx_pagesize + 8;
    size_t size = pages * (ngx_pagesize + sizeof(ngx_slab_page_t)) + 2 * ngx_pagesize;

    return (size + 1023) / 1024 * 1024;
}

static char *check_size(ngx_conf_t *cf, ngx_mcmp_zone_t *zone)
{
    ngx_mcmp_options_t room;
    mcmp_error err;
    size_t region;
    size_t needed = SEGMENT_ZONE;

    mcmp_error_init(&err);
    ngx_mcmp_options_fill(&room, zone);
    if (mcmp_cluster_region_size(&room.options, &region, &err) != MCMP_OK) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0, "mcmp_zone \"%V\" in %s:%ui: %s: %s", &zone->name,
                      zone->file, zone->line, err.field, err.message);
        return NGX_CONF_ERROR;
    }
    if (zone->segment.len == 0)
        needed = zone_size(region);
    if (zone->size >= needed)
        return NGX_CONF_OK;
    ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                  "mcmp_zone \"%V\" in %s:%ui is too small for mcmp_limits nodes=%uD aliases=%uD "
                  "contexts=%uD processes=%uD: %uzk are needed, %uzk are given",
                  &zone->name, zone->file, zone->line, room.options.max_nodes,
                  room.options.max_aliases, room.options.max_contexts, room.options.max_processes,
                  needed / 1024, zone->size / 1024);
    return NGX_CONF_ERROR;
}

/* Two clusters in one file or segment would be one too many. */
static char *check_shared_names(ngx_conf_t *cf, ngx_mcmp_zone_t **zones, ngx_uint_t count)
{
    for (ngx_uint_t i = 0; i < count; i++) {
        for (ngx_uint_t k = 0; k < i; k++) {
            const ngx_str_t *a = &zones[i]->settings.state;
            const ngx_str_t *b = &zones[k]->settings.state;
            const char *what = NULL;

            if (a->len != 0 && a->len == b->len && ngx_strncmp(a->data, b->data, a->len) == 0)
                what = "mcmp_state file";
            a = &zones[i]->segment;
            b = &zones[k]->segment;
            if (a->len != 0 && a->len == b->len && ngx_strncmp(a->data, b->data, a->len) == 0)
                what = "segment";
            if (what == NULL)
                continue;
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0, "zones \"%V\" and \"%V\" have the same %s",
                          &zones[k]->name, &zones[i]->name, what);
            return NGX_CONF_ERROR;
        }
    }
    return NGX_CONF_OK;
}

char *ngx_mcmp_init_main_conf(ngx_conf_t *cf, void *conf)
{
    ngx_mcmp_main_conf_t *mcf = conf;
    ngx_mcmp_zone_t **zones = mcf->zones.elts;
    ngx_http_core_loc_conf_t *clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    for (ngx_uint_t i = 0; i < mcf->zones.nelts; i++) {
        ngx_mcmp_zone_t *zone = zones[i];

        if (zone->size == 0) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "zone \"%V\" is used in %s:%ui, but no mcmp_zone defines it", &zone->name,
                          zone->file, zone->line);
            return NGX_CONF_ERROR;
        }
        ngx_mcmp_settings_merge(&zone->settings, &mcf->common);
        zone->resolver = clcf->resolver;
        zone->resolver_timeout = clcf->resolver_timeout;
        if (check_size(cf, zone) != NGX_CONF_OK || ngx_mcmp_zone_add(cf, zone) != NGX_OK)
            return NGX_CONF_ERROR;
    }
    return check_shared_names(cf, zones, mcf->zones.nelts);
}
