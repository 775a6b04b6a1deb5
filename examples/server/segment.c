/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --check-segment and --remove-segment. The check attaches for writing, since only then it can take
 * the lock and compare both copies; limits are those of the segment, so that no option has to be
 * repeated but its name.
 */
#include "segment.h"

#include <stdio.h>

#include <libmcmp/libmcmp.h>

#include "cluster.h"

static int complain(const mcmp_error *err)
{
    fprintf(stderr, "mcmp-server: %s: %s\n", mcmp_error_name(err->code), err->message);
    return 1;
}

static int has_name(const struct config *config)
{
    if (config->segment[0] != '\0')
        return 1;
    fprintf(stderr, "mcmp-server: --segment names none\n");
    return 0;
}

static void print_check(const mcmp_check *check)
{
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {
        { "messages", check->messages }, { "nodes", check->nodes },
        { "leaving", check->leaving },   { "balancers", check->balancers },
        { "aliases", check->aliases },   { "contexts", check->contexts },
        { "groups", check->groups },     { "processes", check->processes },
        { "dead", check->dead },         { "used_bytes", check->used_bytes },
        { "repaired", check->repaired }, { "unfinished", check->unfinished },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        printf("%s %llu\n", rows[i].name, (unsigned long long)rows[i].value);
}

int segment_check(const struct config *config)
{
    mcmp_cluster_options opts;
    mcmp_cluster *cluster;
    mcmp_check check;
    mcmp_error err;
    int rc;

    if (!has_name(config))
        return 2;
    mcmp_error_init(&err);
    mcmp_check_init(&check);
    mcmp_cluster_options_init(&opts);
    opts.memory = MCMP_MEMORY_NAMED;
    opts.segment = config->segment;
    opts.attach = MCMP_ATTACH_EXISTING;
    opts.now = clock_now();
    if (mcmp_cluster_open(&cluster, &opts, &err) != MCMP_OK)
        return complain(&err);
    rc = mcmp_cluster_check(cluster, &check, &err);
    mcmp_cluster_close(cluster);
    print_check(&check);
    return rc == MCMP_OK ? 0 : complain(&err);
}

int segment_remove(const struct config *config)
{
    mcmp_error err;

    if (!has_name(config))
        return 2;
    mcmp_error_init(&err);
    return mcmp_segment_unlink(config->segment, 0, &err) == MCMP_OK ? 0 : complain(&err);
}
