/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options as what CONFIG and the *-APP commands say. Pure.
 */
#ifndef NODE_REGISTRATION_H
#define NODE_REGISTRATION_H

#include "options.h"

typedef struct node_registration {
    mcmp_message message; /* the node of mcmp_agent_options */
    mcmp_span aliases[NODE_ALIASES_MAX];
    mcmp_span contexts[NODE_CONTEXTS_MAX];
} node_registration;

/* Views into the options; port is that of the backend. */
void node_registration_fill(node_registration *registration, const node_options *options,
                            uint32_t port);

#endif
