/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A saved state between file and store (docs/state-file.md): constants of format version 1 and what
 * its records say. Reading fills mcmp__state from bytes without looking at any cluster; loading
 * plans what fits into one, then writes it in one transaction.
 */
#ifndef MCMP__STATE_H
#define MCMP__STATE_H

#include "base/os_file.h"
#include "model/region.h"

#include <libmcmp/state.h>

#define MCMP__STATE_VERSION 1u
#define MCMP__STATE_HEADER 40u  /* bytes */
#define MCMP__STATE_SECTION 32u /* bytes of a section's header */
#define MCMP__STATE_MAX_ID UINT64_C(999999999999999999)
#define MCMP__STATE_MAX_TIME ((mcmp_time)1 << 60)
#define MCMP__STATE_NAME 255u /* bytes of most names; a host may have brackets */
#define MCMP__STATE_HOST 257u
#define MCMP__STATE_CONTEXT 1023u
#define MCMP__STATE_PRODUCT 127u

/* Flags of records */
#define MCMP__STATE_STICKY 1u
#define MCMP__STATE_FORCE 2u
#define MCMP__STATE_REMOVE 4u
#define MCMP__STATE_REVERSED 1u

/* Sections in the order of the file */
enum mcmp__state_section {
    MCMP__SECTION_CLUSTER,
    MCMP__SECTION_BALANCERS,
    MCMP__SECTION_NODES,
    MCMP__SECTION_ALIASES,
    MCMP__SECTION_CONTEXTS,
    MCMP__SECTION_DOMAINS,
    MCMP__SECTIONS
};

typedef struct mcmp__section_kind {
    char tag[4];
    const char *name;    /* in errors */
    uint32_t min_record; /* bytes, so that a count can be judged before memory is taken for it */
} mcmp__section_kind;

extern const mcmp__section_kind mcmp__section_kinds[MCMP__SECTIONS];
extern const uint8_t mcmp__state_magic[8];

/* Why a record is left out; 0 = it is loaded. */
enum mcmp__skip {
    MCMP__SKIP_NONE,
    MCMP__SKIP_NODES,
    MCMP__SKIP_BALANCERS,
    MCMP__SKIP_ALIASES,
    MCMP__SKIP_CONTEXTS,
    MCMP__SKIP_ROUTE,
    MCMP__SKIP_DOMAIN,
    MCMP__SKIP_HOST,
    MCMP__SKIP_BALANCER,
    MCMP__SKIP_COOKIE,
    MCMP__SKIP_ALIAS,
    MCMP__SKIP_CONTEXT,
    MCMP__SKIPS
};

typedef struct mcmp__state_balancer {
    mcmp__balancer_data data;
    uint32_t row; /* in the store, once it is there */
    uint32_t taken;
    uint32_t skip;
    uint32_t nodes; /* of the file */
} mcmp__state_balancer;

typedef struct mcmp__state_node {
    mcmp__node_data data;
    uint64_t id;
    uint64_t elected;
    uint64_t bytes_read;
    uint64_t bytes_sent;
    mcmp_time status_age; /* -1 = no STATUS yet */
    int32_t load;
    uint32_t balancer; /* index of its record */
    uint32_t row;
    uint32_t skip;
} mcmp__state_node;

typedef struct mcmp__state_alias {
    mcmp_span name;
    uint32_t node; /* index */
    uint32_t vhost;
    uint32_t row;
    uint32_t skip;
} mcmp__state_alias;

typedef struct mcmp__state_context {
    const char *path;
    uint32_t alias; /* index */
    uint16_t len;
    uint8_t status;
    uint8_t skip;
} mcmp__state_context;

typedef struct mcmp__state_domain {
    mcmp_span route;
    mcmp_span domain;
    mcmp_time age;
    uint32_t skip;
    uint32_t reserved;
} mcmp__state_domain;

/* Texts are views into the bytes that were read. */
typedef struct mcmp__state {
    mcmp_allocator allocator;
    uint64_t id;
    uint64_t node_seq; /* last node id given */
    mcmp_span product;
    uint32_t count[MCMP__SECTIONS];
    uint64_t offset[MCMP__SECTIONS]; /* of the payloads in the file */
    mcmp__state_balancer *balancers;
    mcmp__state_node *nodes;
    mcmp__state_alias *aliases;
    mcmp__state_context *contexts;
    mcmp__state_domain *domains;
} mcmp__state;

/* The bytes as records (state_read.c): everything that can be judged without a cluster is judged.
 * MCMP_OK, MCMP_ERR_FILE, MCMP_ERR_UNSUPPORTED, MCMP_ERR_NOMEM */
int mcmp__state_read(mcmp__state *state, const mcmp_allocator *allocator, const uint8_t *data,
                     size_t len, mcmp_error *err);
void mcmp__state_clear(mcmp__state *state);
/* "record 3 of section nodes: ..." */
int mcmp__state_bad(mcmp_error *err, enum mcmp__state_section section, uint32_t record,
                    const char *what);

/* Forms (state_form.c): NULL, or what is wrong. */
const char *mcmp__form_balancer(const mcmp__state_balancer *balancer);
const char *mcmp__form_node(const mcmp__state_node *node);
const char *mcmp__form_alias(const mcmp__state_alias *alias);
const char *mcmp__form_context(const mcmp__state_context *context);
const char *mcmp__form_domain(const mcmp__state_domain *domain);

/* A copied state as bytes (state_write.c): a header and the payloads with theirs. */
typedef struct mcmp__state_image {
    mcmp__buf payload[MCMP__SECTIONS];
    uint32_t count[MCMP__SECTIONS];
    uint8_t header[MCMP__STATE_HEADER];
    uint8_t heads[MCMP__SECTIONS][MCMP__STATE_SECTION];
    mcmp_span pieces[1 + 2 * MCMP__SECTIONS];
} mcmp__state_image;

/* Clear it in any case. MCMP_OK, MCMP_ERR_NOMEM, MCMP_ERR_DAMAGED */
int mcmp__state_image_make(mcmp__state_image *image, mcmp_cluster *cluster, mcmp_time now,
                           mcmp_error *err);
void mcmp__state_image_clear(mcmp__state_image *image);

/* Into an empty cluster (state_load.c): what fits. MCMP_OK, MCMP_ERR_STATE, MCMP_ERR_OS,
 * MCMP_ERR_FILE (names that occur twice; nothing was written) */
int mcmp__state_load(mcmp_cluster *cluster, mcmp__state *state, mcmp_time now, mcmp_error *err);
const char *mcmp__skip_name(uint32_t skip);

/* The public calls with the file system given (state.c), for tests. */
int mcmp__state_save(mcmp_cluster *cluster, const mcmp__file_ops *ops, const char *path,
                     mcmp_time now, mcmp_error *err);

/* Live row of a node that the transaction has added (live.c). */
void mcmp__live_restore(mcmp__tx *tx, const mcmp__state_node *node);

#endif
