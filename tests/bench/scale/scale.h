/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scale bench: the same reads and writes on a cluster and on LMDB. Node i serves the contexts
 * /g<i / 4>/c0 .. with three others. An engine keeps its state in static variables: one at a time.
 */
#ifndef MCMP_SCALE_H
#define MCMP_SCALE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SCALE_SHARING 4u
#define SCALE_PATHS 4096u
#define SCALE_HELD 16u       /* choices held at one time */
#define SCALE_NOW 1000000000 /* us; the host's clock stands still */

/* A STATUS with the Load `value`, or a new context of this number. */
typedef struct scale_message {
    unsigned node, value;
    size_t len;
    char body[96];
} scale_message;

typedef struct scale_engine {
    const char *name;
    void (*create)(unsigned nodes, unsigned contexts); /* empty; before any fork */
    void (*destroy)(void);
    size_t (*touched)(void); /* bytes of memory so far */
    void (*add_node)(unsigned node);
    void (*enter)(int is_process); /* a worker begins, a new thread or a child */
    void (*leave)(void);
    void (*choose)(unsigned path); /* a node for this path */
    void (*release)(void);         /* of the oldest choice held; NULL: nothing to do */
    void (*write_status)(scale_message *message); /* body and len, as they come by the network; */
    void (*write_pair)(scale_message *message);   /* NULL: this engine knows no messages */
    void (*status)(const scale_message *message);
    void (*pair)(const scale_message *message); /* one new context */
    void (*stop_inside)(void);      /* begins a long message in which the process can be stopped */
    int (*is_inside)(pid_t writer); /* 1: the stopped writer is inside of it */
} scale_engine;

extern const scale_engine scale_cluster;
extern const scale_engine scale_lmdb; /* name NULL: built without it */

/* "/g1/c2/items/4711", for path < SCALE_PATHS; the first prefix that is a context has *out_len. */
const char *scale_path(unsigned path, size_t *out_len);
void scale_make_paths(unsigned nodes, unsigned contexts);

/* Ends the program with a message unless it holds. */
void scale_must(const char *what, int holds);

#endif
