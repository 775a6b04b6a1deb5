/* SPDX-License-Identifier: Apache-2.0 */
/* Sections [*], [balancer NAME] and [node ROUTE] with what holds for their nodes. */
#include "node_settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include <libmcmp/ajp.h>

#include "ini.h"
#include "values.h"

enum rank { RANK_ALL, RANK_BALANCER, RANK_NODE };

struct entry {
    struct entry *next;
    enum rank rank;
    char *name; /* of the node or balancer */
    char *secret;
    int64_t max_packet;
    int64_t upgrade_port;
};

struct node_settings {
    struct entry *first;
    struct entry *last;
    int has_secret;
};

static int begin_section(struct node_settings *settings, const char *section, struct complaint *why)
{
    static const struct {
        const char *prefix;
        enum rank rank;
    } kinds[] = { { "balancer ", RANK_BALANCER }, { "node ", RANK_NODE } };
    const char *name = strcmp(section, "*") == 0 ? "*" : NULL;
    enum rank rank = RANK_ALL;
    struct entry *entry;

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && name == NULL; i++)
        if (strncmp(section, kinds[i].prefix, strlen(kinds[i].prefix)) == 0) {
            rank = kinds[i].rank;
            name = section + strlen(kinds[i].prefix);
        }
    if (name == NULL) {
        snprintf(why->text, sizeof(why->text),
                 "unknown section [%.100s]; allowed: *, balancer NAME, node ROUTE", section);
        return -1;
    }
    entry = calloc(1, sizeof(*entry));
    if (entry == NULL || (entry->name = strdup(name)) == NULL) {
        free(entry);
        snprintf(why->text, sizeof(why->text), "no memory");
        return -1;
    }
    entry->rank = rank;
    if (settings->last != NULL)
        settings->last->next = entry;
    else
        settings->first = entry;
    settings->last = entry;
    return 0;
}

static int set_number(const char *key, const char *text, int64_t min, int64_t max, int64_t *out,
                      struct complaint *why)
{
    int64_t value;

    if (value_size(text, &value) == 0 && value >= min && value <= max) {
        *out = value;
        return 0;
    }
    snprintf(why->text, sizeof(why->text), "bad value \"%.100s\" for %s; allowed: %lld to %lld",
             text, key, (long long)min, (long long)max);
    return -1;
}

static int on_pair(void *ctx, const char *section, const char *key, const char *value,
                   struct complaint *why)
{
    struct node_settings *settings = ctx;
    struct entry *entry = settings->last;

    if (key == NULL)
        return begin_section(settings, section, why);
    if (strcmp(key, "max-packet") == 0)
        return set_number(key, value, MCMP_AJP_PACKET_MIN, MCMP_AJP_PACKET_MAX, &entry->max_packet,
                          why);
    if (strcmp(key, "upgrade-endpoint") == 0)
        return set_number(key, value, 1, 65535, &entry->upgrade_port, why);
    if (strcmp(key, "secret") != 0) {
        snprintf(why->text, sizeof(why->text),
                 "unknown key \"%.40s\"; allowed: secret, max-packet, upgrade-endpoint", key);
        return -1;
    }
    free(entry->secret);
    entry->secret = strdup(value);
    settings->has_secret = 1;
    return entry->secret != NULL ? 0 : -1;
}

struct node_settings *node_settings_read(const char *path, struct complaint *why)
{
    struct node_settings *settings = calloc(1, sizeof(*settings));
    FILE *file = fopen(path, "re");
    struct stat info;
    int rc = -1;

    if (settings == NULL || file == NULL || fstat(fileno(file), &info) != 0) {
        snprintf(why->text, sizeof(why->text), "node-settings %.200s: %s", path, strerror(errno));
    } else {
        rc = ini_read(file, path, on_pair, settings, why);
        if (rc == 0 && settings->has_secret && (info.st_mode & 077) != 0) {
            snprintf(why->text, sizeof(why->text),
                     "node-settings %.200s holds a secret and is open to others: chmod 600", path);
            rc = -1;
        }
    }
    if (file != NULL)
        fclose(file);
    if (rc == 0)
        return settings;
    node_settings_free(settings);
    return NULL;
}

void node_settings_free(struct node_settings *settings)
{
    if (settings == NULL)
        return;
    while (settings->first != NULL) {
        struct entry *entry = settings->first;

        settings->first = entry->next;
        if (entry->secret != NULL)
            explicit_bzero(entry->secret, strlen(entry->secret));
        free(entry->secret);
        free(entry->name);
        free(entry);
    }
    free(settings);
}

/* Routes as they are; balancers without case, as the cluster has them. */
static int is_of(const struct entry *entry, mcmp_span route, mcmp_span balancer)
{
    mcmp_span name = entry->rank == RANK_NODE ? route : balancer;

    if (entry->rank == RANK_ALL)
        return 1;
    if (strlen(entry->name) != name.len)
        return 0;
    return entry->rank == RANK_NODE ? memcmp(entry->name, name.ptr, name.len) == 0
                                    : strncasecmp(entry->name, name.ptr, name.len) == 0;
}

void node_settings_find(const struct node_settings *settings, mcmp_span route, mcmp_span balancer,
                        struct node_setting *out)
{
    out->secret = "";
    out->max_packet = MCMP_AJP_PACKET_MIN;
    out->upgrade_port = 0;
    for (int rank = RANK_ALL; settings != NULL && rank <= RANK_NODE; rank++)
        for (const struct entry *at = settings->first; at != NULL; at = at->next) {
            if ((int)at->rank != rank || !is_of(at, route, balancer))
                continue;
            if (at->secret != NULL)
                out->secret = at->secret;
            if (at->max_packet != 0)
                out->max_packet = (uint32_t)at->max_packet;
            if (at->upgrade_port != 0)
                out->upgrade_port = (uint32_t)at->upgrade_port;
        }
}
