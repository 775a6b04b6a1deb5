/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ring of changes: what observers get to see, written by the transaction that makes the change
 * and published by its commit (docs/store.md 6). Everything here does nothing when the cluster has
 * no ring.
 */
#ifndef MCMP__CHANGE_H
#define MCMP__CHANGE_H

#include "model/store.h"
#include "model/region.h"

#include <libmcmp/client.h>
#include <libmcmp/observer.h>

/* Words of control in front of the ring. Positions count words ever written and wrap at 2^64. */
enum mcmp__change_word {
    MCMP__C_FROM, /* nothing before this position is whole any more: moved on before overwriting */
    /* A health word is about to change: what the next writer needs if this one dies before the
     * change is published. The handle is set last and cleared after the commit. */
    MCMP__C_HANDLE,
    MCMP__C_BEFORE,   /* its health | MCMP__HEALTH_* event */
    MCMP__C_MESSAGE,  /* 1: it is that of a STATUS */
    MCMP__C_SEQUENCE, /* changes published before it */
    MCMP__C_TIME,
    MCMP__C_WORDS = 8
};

/* Words of an entry's head; then route, text and message, one after the other. */
enum mcmp__entry_word {
    MCMP__E_SIZE, /* words of all | kind 8, flags 8, state before 8, state after 8 */
    MCMP__E_SEQUENCE,
    MCMP__E_VERSION,
    MCMP__E_TIME,
    MCMP__E_NODE,
    MCMP__E_LENS, /* message | route 16, text 16 */
    MCMP__E_WORDS
};

static inline int mcmp__changes_on(const mcmp_cluster *cluster)
{
    return cluster->layout.ring_words != 0;
}

static inline mcmp__word *mcmp__change_control(const mcmp_cluster *cluster)
{
    return cluster->region + cluster->layout.ring_base;
}

/* Inside a transaction, for a row that is not free; text is static or short. */
void mcmp__change_event(mcmp__tx *tx, uint32_t kind, uint32_t node, const char *text);
/* A change that a message makes, or would make: with the bytes of that message. */
void mcmp__change_message(mcmp__tx *tx, uint32_t kind, uint32_t node, const char *text,
                          const mcmp_message *message);
/* The node is about to be removed and no REMOVE-APP says so. */
void mcmp__change_removal(mcmp__tx *tx, uint32_t kind, uint32_t node, const char *text);
/* One state of the node became another; nothing when they are the same. */
void mcmp__change_health(mcmp__tx *tx, uint32_t node, uint32_t event, uint32_t before,
                         uint32_t after);

/* mcmp__live_event() as a transaction of its own, with what it means to observers. is_status: with
 * the canonical STATUS. Outside of transactions. */
int mcmp__change_live(mcmp_cluster *cluster, mcmp_handle node, uint32_t event, int load,
                      mcmp_time now, int is_status, uint32_t *before, uint32_t *after);

/* At the beginning of a transaction: 1 when a writer died between the change of a health word and
 * the commit. Its entries are written now; the caller commits them before anything else. */
int mcmp__change_recover(mcmp__tx *tx);
void mcmp__change_settle(mcmp_cluster *cluster); /* after the commit */

/* Under the lock: 0, or what is wrong with the ring. */
const char *mcmp__change_check(mcmp__read *rd);

/* Commands that were carried out, as canonical messages (record.c) */

enum { MCMP__RECORD_ROOM = 16 };

/* Aliases that found a place, for messages of which only a part fitted. */
typedef struct mcmp__record {
    mcmp_span *kept;
    size_t size; /* bytes of an allocated one, or 0 */
    mcmp_span room[MCMP__RECORD_ROOM];
} mcmp__record;

struct mcmp__call;
struct mcmp__pairs;

/* Before the lock is taken. MCMP_OK, MCMP_ERR_NOMEM */
int mcmp__record_open(mcmp__record *record, const struct mcmp__call *call);
void mcmp__record_close(mcmp__record *record, const struct mcmp__call *call);
/* At the end of the transaction, before the commit. */
void mcmp__record_config(mcmp__record *record, mcmp__tx *tx, uint32_t node,
                         const struct mcmp__call *call, const mcmp__balancer_data *balancer,
                         const struct mcmp__pairs *pairs);
void mcmp__record_app(mcmp__record *record, mcmp__tx *tx, uint32_t node,
                      const struct mcmp__call *call, const struct mcmp__pairs *pairs);

#endif
