/* SPDX-License-Identifier: Apache-2.0 */
/* See walk.h: the options of the clusters that are walked. */
#include "walk.h"

#define LIMITS(nodes, aliases, contexts, balancers, failed)                     \
    .max_nodes = (nodes), .max_aliases = (aliases), .max_contexts = (contexts), \
    .max_balancers = (balancers), .max_failed_probes = (failed)
#define TIMES(silent, rest)                                                                   \
    .silent_after = (silent)*MCMP_SEC, .grace = (rest)*MCMP_SEC, .heal_window = 5 * MCMP_SEC, \
    .domain_memory = 300 * MCMP_SEC, .stop_hold = 50 * MCMP_MSEC
#define FEW .names = { 8, 3, 4, 6, 10 }
#define MANY(routes, balancers, aliases, contexts) \
    .names = { (routes), (routes) / O_HOSTS + 1, (balancers), (aliases), (contexts) }

const walk_setup walk_small[] = {
    { "plain", { FEW, LIMITS(5, 8, 20, 3, 4), TIMES(15, 10) }, MCMP_POLICY_LBFACTOR, 0, 1 },
    { "use_alias",
      { FEW, LIMITS(5, 8, 20, 3, 4), TIMES(15, 10), .use_alias = 1 },
      MCMP_POLICY_LBFACTOR,
      0,
      1 },
    { "all_or_nothing, refuse",
      { FEW, LIMITS(4, 6, 12, 2, 4), TIMES(15, 10), .all_or_nothing = 1,
        .replace_policy = MCMP_REPLACE_REFUSE },
      MCMP_POLICY_BUSYNESS,
      0,
      1 },
    { "use_alias, last_writer, no heal_reset",
      { FEW, LIMITS(6, 10, 24, 4, 4), TIMES(15, 10), .use_alias = 1, .no_heal_reset = 1,
        .replace_policy = MCMP_REPLACE_LAST_WRITER },
      MCMP_POLICY_TWO_CHOICES,
      0,
      1 },
    { "ownership",
      { FEW, LIMITS(5, 9, 20, 2, 4), TIMES(15, 10), .ownership = 1 },
      MCMP_POLICY_LBFACTOR,
      0,
      1 },
    { "hash, ping_any, short times",
      { FEW, LIMITS(8, 16, 40, 4, 4), .ping_any = 1, .use_alias = 1, TIMES(3, 1) },
      MCMP_POLICY_HASH,
      0,
      1 },
    { "all_or_nothing, use_alias",
      { FEW, LIMITS(3, 5, 9, 2, 4), TIMES(15, 10), .all_or_nothing = 1, .use_alias = 1 },
      MCMP_POLICY_LBFACTOR,
      0,
      1 },
    { "one of each",
      { FEW, LIMITS(1, 2, 3, 1, 4), TIMES(15, 10), .replace_policy = MCMP_REPLACE_LAST_WRITER },
      MCMP_POLICY_LBFACTOR,
      0,
      1 },
    { "plenty", { FEW, LIMITS(8, 48, 480, 4, 4), TIMES(15, 10) }, MCMP_POLICY_LBFACTOR, 0, 1 },
};

/* Some have room for all, in others nodes, aliases and pairs run out while groups are large. */
const walk_setup walk_many[] = {
    { "64 nodes",
      { MANY(120, 4, 3, 4), LIMITS(64, 180, 500, 4, 2), TIMES(15, 10) },
      MCMP_POLICY_LBFACTOR,
      600,
      2 },
    { "300 nodes, one balancer",
      { MANY(320, 1, 2, 3), LIMITS(300, 600, 1800, 1, 2), TIMES(15, 10) },
      MCMP_POLICY_LBFACTOR,
      2000,
      6 },
    { "64 nodes, use_alias",
      { MANY(72, 3, 6, 8), LIMITS(64, 300, 900, 3, 2), TIMES(15, 10), .use_alias = 1 },
      MCMP_POLICY_TWO_CHOICES,
      600,
      2 },
    { "200 nodes, use_alias, last_writer",
      { MANY(320, 2, 3, 3), LIMITS(200, 800, 2000, 2, 2), TIMES(15, 10), .use_alias = 1,
        .replace_policy = MCMP_REPLACE_LAST_WRITER },
      MCMP_POLICY_BUSYNESS,
      2000,
      6 },
    { "64 nodes, hash, all_or_nothing",
      { MANY(70, 2, 2, 3), LIMITS(64, 80, 180, 2, 2), TIMES(15, 10), .all_or_nothing = 1 },
      MCMP_POLICY_HASH,
      600,
      2 },
    { "300 nodes, few pairs",
      { MANY(320, 2, 2, 2), LIMITS(300, 300, 350, 2, 2), TIMES(15, 10) },
      MCMP_POLICY_LBFACTOR,
      2000,
      6 },
};

const int walk_small_count = sizeof(walk_small) / sizeof(walk_small[0]);
const int walk_many_count = sizeof(walk_many) / sizeof(walk_many[0]);
