/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a proxy knows, read from INFO, which every server of the protocol has. Rows keep INFO's
 * order: newest node first.
 */
#ifndef CTL_STATE_H
#define CTL_STATE_H

#include "ctl.h"

typedef struct ctl_pair {
    size_t node; /* index */
    mcmp_span alias;
    mcmp_span path;
    uint32_t status; /* MCMP_STATUS_* */
} ctl_pair;

/* Texts are as they stand in INFO, with its %XX escapes. */
typedef struct ctl_state {
    char *text; /* the body that the spans point into */
    mcmp_info_line *nodes;
    size_t node_count;
    ctl_pair *pairs; /* alias "" when the proxy does not tell which it is about */
    size_t pair_count;
} ctl_state;

/* Ask and read. An exit code, told. */
int ctl_state_ask(ctl *c, ctl_state *out);
void ctl_state_clear(ctl_state *state);

/* The index of a node by its route as a person types it, or node_count. */
size_t ctl_state_find(const ctl_state *state, mcmp_span route);
/* 1: a span of INFO is this text. */
int ctl_state_is(mcmp_span escaped, mcmp_span text);
const char *ctl_status_name(uint32_t status);

#endif
