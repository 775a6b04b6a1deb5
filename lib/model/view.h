/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A copied state as the renderers see it: arrays in INFO's order (MCMP 4.7), texts in blocks that
 * never move. Nothing here refers to the region any more, so rendering takes as long as it likes.
 */
#ifndef MCMP__MODEL_VIEW_H
#define MCMP__MODEL_VIEW_H

#include "base/base.h"
#include "out.h"

#include <libmcmp/view.h>

typedef struct mcmp__view_balancer {
    mcmp_span name;
    mcmp_span cookie;
    mcmp_span path;
    uint32_t flags; /* MCMP_COMMAND_STICKY .. */
    uint32_t max_attempts;
    mcmp_time wait_worker;
} mcmp__view_balancer;

typedef struct mcmp__view_node {
    mcmp_node_info info;
    size_t first_alias;
    size_t alias_count;
    size_t first_pair;
    size_t pair_count;
} mcmp__view_node;

/* Aliases of a node by registration; the index plus 1 is the running id of its line. */
typedef struct mcmp__view_alias {
    mcmp_span name;
    uint32_t vhost;
    uint32_t node;  /* index of its node */
    uint32_t first; /* into by_alias */
    uint32_t count;
} mcmp__view_alias;

/* Pairs of a node: STOPPED, DISABLED, ENABLED, each by registration. */
typedef struct mcmp__view_pair {
    mcmp_span path;
    uint32_t alias; /* index of its alias */
    uint32_t status;
    uint32_t requests;
    uint32_t node;
} mcmp__view_pair;

struct mcmp_view {
    mcmp_allocator allocator;
    mcmp_time now;
    uint64_t id;
    mcmp_span product;
    mcmp__view_balancer *balancers; /* in order of appearance */
    size_t balancer_count;
    mcmp__view_node *nodes; /* newest first, grace rows included */
    size_t node_count;
    mcmp__view_alias *aliases; /* node by node */
    size_t alias_count;
    mcmp__view_pair *pairs; /* node by node */
    size_t pair_count;
    uint32_t *by_alias; /* indices of pairs, alias by alias */
    size_t balancer_cap;
    size_t node_cap;
    size_t alias_cap;
    size_t pair_cap;
    size_t by_alias_cap;
    struct mcmp__snapshot *snapshot; /* the texts are in it */
};

/* must: a view that writers overtake takes their lock for the moment of copying; else
 * MCMP_ERR_OVERTAKEN. */
int mcmp__view_take(mcmp_view **out, mcmp_cluster *cluster, mcmp_time now, int must,
                    mcmp_error *err);
const char *mcmp__status_name(uint32_t status); /* "ENABLED" .. */
const char *mcmp__flush_name(uint32_t flushpackets);

/* One renderer per file; each writes a whole document. */
void mcmp__render_info_text(const mcmp_view *view, mcmp__out *out);
void mcmp__render_dump_text(const mcmp_view *view, mcmp__out *out);
void mcmp__render_info_xml(const mcmp_view *view, mcmp__out *out);
void mcmp__render_dump_xml(const mcmp_view *view, mcmp__out *out);
void mcmp__render_json(const mcmp_view *view, mcmp__out *out);
void mcmp__render_page(const mcmp_view *view, mcmp__out *out);
void mcmp__render_metrics(const mcmp_view *view, mcmp__out *out);

#endif
