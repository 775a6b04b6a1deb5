/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A random run of the store against a model of plain arrays: each step is one transaction, some are
 * aborted, limits are small enough to fill up. After each step a random lookup is compared with the
 * model, now and then everything.
 */
#ifndef MCMP_TEST_CHURN_H
#define MCMP_TEST_CHURN_H

#include "model/store.h"

#define CHURN_ROUTES 9
#define CHURN_ALIASES 6
#define CHURN_CONTEXTS 9
#define CHURN_BALANCERS 4
#define CHURN_MAX_NODES 6
#define CHURN_MAX_ALIASES 17
#define CHURN_MAX_PAIRS 40
#define CHURN_MAX_BALANCERS 3

typedef struct churn_node {
    int live;
    int balancer;
    int domain; /* 0 = none */
    int port;
    uint64_t id;
    uint32_t vhost[CHURN_ALIASES];
    uint32_t status[CHURN_ALIASES][CHURN_CONTEXTS];
} churn_node;

typedef struct churn {
    mcmp_cluster *cluster;
    int use_alias;
    uint64_t seed;
    uint64_t last_id;
    mcmp_time now;
    churn_node node[CHURN_ROUTES];
    const char *row;
} churn;

void churn_open(churn *c, int use_alias, uint64_t seed);
void churn_step(churn *c);
void churn_compare_match(churn *c);
void churn_compare_all(churn *c);
/* Steps with a lookup compared after each, and everything every so many. */
void churn_run(churn *c, int steps, int check_every);

#endif
