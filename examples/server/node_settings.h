/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the administrator knows of nodes and the nodes do not tell: secrets of AJP connectors,
 * packet sizes, endpoints for upgrades. A file of its own, since it may hold secrets: they are
 * never printed, and the file must be closed to others then.
 */
#ifndef SERVER_NODE_SETTINGS_H
#define SERVER_NODE_SETTINGS_H

#include <libmcmp/base.h>

#include "config.h"

struct node_setting {
    const char *secret;    /* "" = none */
    uint32_t max_packet;   /* bytes of an AJP packet sent, 8192..65536 */
    uint32_t upgrade_port; /* where an ajp node takes upgrades by HTTP; 0 = nowhere */
};

struct node_settings;

/* Read a file. NULL with the complaint. */
struct node_settings *node_settings_read(const char *path, struct complaint *why);
void node_settings_free(struct node_settings *settings);

/* What holds for a node: of its own section, else of its balancer's, else of [*]; key by key.
 * settings may be NULL. Texts live as long as the settings. */
void node_settings_find(const struct node_settings *settings, mcmp_span route, mcmp_span balancer,
                        struct node_setting *out);

#endif
