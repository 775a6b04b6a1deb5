/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layout of the region (docs/store.md) and the handle of a cluster; internal to the store's files.
 *
 * Contract: offsets and indices only, never pointers, since each process maps the region elsewhere.
 * The header, the live rows and the counts are atomics changed in place. The two copies are changed
 * only through mcmp__put() under the writer lock, and only the one that is not published.
 */
#ifndef MCMP__REGION_H
#define MCMP__REGION_H

#include "base/base.h"
#include "base/os.h"
#include "model/read.h"
#include "model/store.h"

/* The lowest byte tells the size of a pointer, which that of the lock depends on; the order of the
 * bytes tells that of the machine. */
#define MCMP__REGION_KIND UINT64_C(0x6d636d7072656700)
#define MCMP__REGION_MAGIC (MCMP__REGION_KIND | sizeof(void *))
#define MCMP__REGION_SWAPPED UINT64_C(0x00676572706d636d)
#define MCMP__REGION_VERSION 5u
#define MCMP__BLOCK_WORDS 8u /* what the dirty log counts in: 64 bytes */
#define MCMP__GONE_RING 256u
#define MCMP__DEPTHS 64u
#define MCMP__INLINE_MEMBERS 3u
#define MCMP__CHAIN_MAX 4096u     /* longer chains do not occur: torn */
#define MCMP__WALK_MAX (1u << 20) /* nor so many meetings of hashes in one call */
#define MCMP__PAGE_COUNTS 512u    /* counts per bit of a process's touched map */
#define MCMP__MAX_PROCESSES 1024u

/* Words of the region's header */
enum mcmp__header_word {
    MCMP__R_MAGIC,
    MCMP__R_VERSION,
    MCMP__R_WORDS,       /* size of the region */
    MCMP__R_NODES,       /* max_nodes | max_aliases << 32 */
    MCMP__R_CONTEXTS,    /* max_contexts | max_balancers << 32 */
    MCMP__R_PROCESSES,   /* max_processes | use_alias << 32 */
    MCMP__R_NAMES,       /* lengths: route | domain | host | balancer, 16 bits each */
    MCMP__R_NAMES2,      /* cookie | alias | context */
    MCMP__R_SEED,        /* of all hashes */
    MCMP__R_ID,          /* MCMP 4.5 */
    MCMP__R_STATE,       /* 0, process that creates it, or MCMP__REGION_READY: written last */
    MCMP__R_PID_SPACE,   /* where the pids of the slots mean something; 0 = not known */
    MCMP__R_SUM,         /* over the words up to the seed, which never change */
    MCMP__R_RING,        /* bytes of the ring of changes, 0 = none */
    MCMP__R_PUB = 16,    /* version << 1 | work on the other copy has begun; a line of its own */
    MCMP__R_LOG = 24,    /* entries of the dirty log */
    MCMP__R_SHARED = 32, /* 16 words of lb */
    MCMP__R_LOCK = 48,   /* 16 words */
    MCMP__R_ACTIVE = 64, /* processes, one bit each: 16 words */
    MCMP__R_PID = 80     /* per process: who it is, as mcmp__os_self() says */
};
#define MCMP__REGION_READY (~UINT64_C(0))

/* Tables inside a copy. Row 0 of each stays zero; a free row's word 1 links the free list. */
enum mcmp__table_id {
    MCMP__T_NODE,
    MCMP__T_BALANCER,
    MCMP__T_ALIAS, /* (node, alias) */
    MCMP__T_VHOST, /* (node, number) */
    MCMP__T_PAIR,  /* (alias row, context) */
    MCMP__T_SEAT,  /* (node, place) */
    MCMP__T_PLACE, /* (alias text or 0, context text) */
    MCMP__T_GROUP, /* (place, balancer, domain or 0): the candidates */
    MCMP__T_CHUNK, /* 8 members, or 16 chunks below */
    MCMP__T_ATEXT, /* interned texts */
    MCMP__T_CTEXT,
    MCMP__T_DTEXT,
    MCMP__T_MEMORY, /* domains of removed nodes */
    MCMP__TABLES
};

/* Hash indexes: buckets of chains through a link word (hash << 32 | next row). */
enum mcmp__index_id {
    MCMP__I_ROUTE,
    MCMP__I_ENDPOINT,
    MCMP__I_BALANCER,
    MCMP__I_ALIAS,
    MCMP__I_VHOST,
    MCMP__I_PAIR,
    MCMP__I_SEAT,
    MCMP__I_PLACE,
    MCMP__I_GROUP,
    MCMP__I_ATEXT,
    MCMP__I_CTEXT,
    MCMP__I_DTEXT,
    MCMP__I_MEMORY,
    MCMP__INDEXES
};

/* Words of a copy's header */
enum mcmp__copy_word {
    MCMP__H_NODE_SEQ,   /* last id given */
    MCMP__H_ORDER_SEQ,  /* of balancers, aliases and pairs */
    MCMP__H_NODES,      /* newest | oldest << 32 */
    MCMP__H_COUNTS,     /* live nodes | leaving nodes << 32 */
    MCMP__H_LEAVING,    /* oldest | newest << 32 */
    MCMP__H_BALANCERS,  /* first | last << 32 */
    MCMP__H_MEMORIES,   /* oldest | newest << 32 */
    MCMP__H_FIX,        /* node replaced last: its health word may still carry the old generation */
    MCMP__H_DEPTHS,     /* bit d: contexts with d segments exist */
    MCMP__H_WILD,       /* interned aliases that are wildcards */
    MCMP__H_GONE,       /* handles ever reported gone */
    MCMP__H_CHANGES,    /* words ever written to the ring of changes */
    MCMP__H_SEQUENCE,   /* changes ever made */
    MCMP__H_TABLE = 16, /* free | highest << 32 */
    MCMP__H_USED = MCMP__H_TABLE + MCMP__TABLES,         /* rows in use */
    MCMP__H_INDEX = MCMP__H_USED + MCMP__TABLES,         /* buckets | entries << 32 */
    MCMP__H_DEPTH_COUNT = MCMP__H_INDEX + MCMP__INDEXES, /* contexts by depth */
    MCMP__H_RING = MCMP__H_DEPTH_COUNT + MCMP__DEPTHS,   /* gone handles */
    MCMP__H_WORDS = MCMP__H_RING + MCMP__GONE_RING
};

typedef struct mcmp__table {
    size_t base;    /* words from the start of the copy */
    uint32_t words; /* per row */
    uint32_t cap;   /* highest index */
} mcmp__table;

typedef struct mcmp__index {
    size_t base;
    uint32_t cap; /* buckets, a power of two */
    uint32_t table;
    uint32_t link;
} mcmp__index;

/* Where a text of read.h lives in its row. */
typedef struct mcmp__text_place {
    uint32_t table;
    uint32_t len_word;
    uint32_t len_shift;
    uint32_t word;
    uint32_t max; /* bytes */
    uint32_t cap; /* of the table, as base and stride */
    size_t base;
    size_t stride;
} mcmp__text_place;

struct mcmp__layout {
    mcmp__table table[MCMP__TABLES];
    mcmp__index index[MCMP__INDEXES];
    mcmp__text_place text[MCMP__TEXT_KINDS];
    size_t copy_words;
    uint64_t seed;
    uint32_t use_alias;
    uint32_t max_context; /* bytes */
    uint32_t root_hash;   /* of the context `/` */
    /* of snapshots, else NULL */
    const mcmp__live *live;
    const uint32_t *running_node;
    const uint32_t *running_seat;
    /* the region, in words from its start */
    size_t live_base;
    size_t counts_base;  /* process 0: counts of nodes, of seats, touched map */
    size_t counts_words; /* per process */
    size_t seats_at;     /* inside of it */
    size_t touched_at;
    size_t bitmap_base; /* a bit per block of a copy: it is in the log */
    size_t log_base;
    size_t copy_base[2];
    size_t ring_base;    /* of the changes: words of control, then the ring */
    uint64_t ring_words; /* a power of two; 0 = none */
    size_t region_words;
    uint32_t max_nodes, max_aliases, max_contexts, max_balancers, max_processes;
};

struct mcmp_cluster {
    mcmp__layout layout;
    mcmp__word *region;
    mcmp__word *counts; /* of this process */
    mcmp__lock lock;
    mcmp__config config;
    mcmp__local local;
    mcmp__access *access;
    uint64_t id;      /* MCMP__R_ID when the text was written */
    char id_text[20]; /* the same in decimal */
    uint32_t id_len;
    uint32_t process; /* its slot */
    uint64_t self;    /* what stands in the slot */
    int64_t pid;
    size_t mapped; /* bytes to unmap at close; 0 = the host's */
    int segment;   /* descriptor that holds the segment's lock; -1 = none */
    char *texts;   /* copies of the options' texts */
    size_t texts_size;
};

#endif
