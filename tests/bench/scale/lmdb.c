/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same state in LMDB, as one would build it there: a row per node, one per context with the
 * nodes that serve it, one per pair. A choice looks for the longest prefix of the path, then at
 * each candidate's row; it reads no cookies and counts nothing, since a reader of LMDB can't write.
 * In memory (/dev/shm), without any sync.
 */
#include "scale.h"

#ifndef MCMP_SCALE_LMDB
const scale_engine scale_lmdb = { 0 };
#else
#include <lmdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAP_SIZE ((size_t)8 << 30)
#define FLAGS (MDB_NOSYNC | MDB_NOMETASYNC | MDB_WRITEMAP | MDB_NOTLS)
#define MOST_NODES 1024u /* of a context */

typedef struct node_row {
    uint32_t load;
    uint32_t port;
    uint64_t elected;
    char route[16];
    char host[32];
} node_row;

static char folder[64];
static MDB_env *env;
static MDB_dbi table;
static unsigned all_contexts;
static _Thread_local MDB_txn *reader;
static _Thread_local node_row chosen;

static MDB_val value_of(const void *data, size_t len)
{
    MDB_val value = { len, (void *)(uintptr_t)data };

    return value;
}

static void open_env(void)
{
    MDB_txn *txn;

    scale_must("env", mdb_env_create(&env) == 0 && mdb_env_set_mapsize(env, MAP_SIZE) == 0 &&
                          mdb_env_set_maxreaders(env, 64) == 0 &&
                          mdb_env_open(env, folder, FLAGS, 0600) == 0);
    scale_must("table", mdb_txn_begin(env, NULL, MDB_RDONLY, &txn) == 0 &&
                            mdb_dbi_open(txn, NULL, 0, &table) == 0 && mdb_txn_commit(txn) == 0);
}

static void enter(int is_process)
{
    if (is_process)
        open_env(); /* an environment does not survive fork */
    scale_must("reader", mdb_txn_begin(env, NULL, MDB_RDONLY, &reader) == 0);
    mdb_txn_reset(reader);
}

static void leave(void)
{
    mdb_txn_abort(reader);
}

static void create(unsigned nodes, unsigned contexts)
{
    (void)nodes;
    all_contexts = contexts;
    (void)snprintf(folder, sizeof(folder), "/dev/shm/mcmp-scale-XXXXXX");
    scale_must("folder", mkdtemp(folder) != NULL);
    open_env();
    enter(0);
}

static void destroy(void)
{
    char path[96];

    leave();
    mdb_env_close(env);
    (void)snprintf(path, sizeof(path), "%s/data.mdb", folder);
    (void)unlink(path);
    (void)snprintf(path, sizeof(path), "%s/lock.mdb", folder);
    (void)unlink(path);
    (void)rmdir(folder);
}

static size_t touched(void)
{
    MDB_envinfo info;
    MDB_stat stat;

    scale_must("stat", mdb_env_info(env, &info) == 0 && mdb_env_stat(env, &stat) == 0);
    return (info.me_last_pgno + 1) * stat.ms_psize;
}

static MDB_txn *begin(void)
{
    MDB_txn *txn;

    scale_must("begin", mdb_txn_begin(env, NULL, 0, &txn) == 0);
    return txn;
}

static void put(MDB_txn *txn, const char *key, int len, const void *data, size_t size)
{
    MDB_val k = value_of(key, (size_t)len);
    MDB_val v = value_of(data, size);

    scale_must("put", mdb_put(txn, table, &k, &v, 0) == 0);
}

/* The node among those that serve the context, and its pair. */
static void put_pair(MDB_txn *txn, unsigned node, const char *context, int len)
{
    uint32_t nodes[MOST_NODES];
    char key[96];
    MDB_val k, v;
    size_t count = 0;
    uint32_t enabled = 1;
    int n = snprintf(key, sizeof(key), "C%.*s", len, context);

    k = value_of(key, (size_t)n);
    if (mdb_get(txn, table, &k, &v) == 0 && v.mv_size < sizeof(nodes)) {
        memcpy(nodes, v.mv_data, v.mv_size);
        count = v.mv_size / sizeof(nodes[0]);
    }
    nodes[count++] = node;
    put(txn, key, n, nodes, count * sizeof(nodes[0]));
    n = snprintf(key, sizeof(key), "P%u localhost %.*s", node, len, context);
    put(txn, key, n, &enabled, sizeof(enabled));
}

static void put_node(MDB_txn *txn, unsigned node, unsigned load)
{
    node_row row = { load, 8080, 0, "", "" };
    char key[16];

    (void)snprintf(row.route, sizeof(row.route), "n%u", node);
    (void)snprintf(row.host, sizeof(row.host), "10.%u.%u.%u", node >> 16, node >> 8 & 255,
                   node & 255);
    put(txn, key, snprintf(key, sizeof(key), "N%u", node), &row, sizeof(row));
}

/* As many transactions as the cluster gets messages. */
static void add_node(unsigned node)
{
    MDB_txn *txn = begin();
    char context[64];

    put_node(txn, node, 0);
    scale_must("commit", mdb_txn_commit(txn) == 0);
    txn = begin();
    for (unsigned c = 0; c < all_contexts; c++)
        put_pair(txn, node, context,
                 snprintf(context, sizeof(context), "/g%u/c%u", node / SCALE_SHARING, c));
    scale_must("commit", mdb_txn_commit(txn) == 0);
    txn = begin();
    put_node(txn, node, 100);
    scale_must("commit", mdb_txn_commit(txn) == 0);
}

/* The longest prefix of the path that is a context. */
static int find_context(const char *path, size_t len, MDB_val *out)
{
    char key[128];

    key[0] = 'C';
    memcpy(key + 1, path, len);
    for (;;) {
        MDB_val k = value_of(key, len + 1);

        if (mdb_get(reader, table, &k, out) == 0)
            return 1;
        while (len > 0 && path[--len] != '/')
            ;
        if (len == 0)
            return 0;
    }
}

static void choose(unsigned path)
{
    size_t len;
    const char *text = scale_path(path, &len);
    uint32_t best = 0;
    MDB_val nodes;

    scale_must("renew", mdb_txn_renew(reader) == 0);
    scale_must("context", find_context(text, len + sizeof("/items/4711") - 1, &nodes));
    for (size_t i = 0; i < nodes.mv_size / sizeof(uint32_t); i++) {
        char key[16];
        uint32_t node;
        MDB_val k, v;

        memcpy(&node, (const char *)nodes.mv_data + i * sizeof(node), sizeof(node));
        k = value_of(key, (size_t)snprintf(key, sizeof(key), "N%u", node));
        scale_must("node", mdb_get(reader, table, &k, &v) == 0);
        if (((const node_row *)v.mv_data)->load > best) {
            memcpy(&chosen, v.mv_data, sizeof(chosen));
            best = chosen.load;
        }
    }
    mdb_txn_reset(reader);
    scale_must("a node", best != 0);
}

static void status(const scale_message *m)
{
    MDB_txn *txn = begin();

    put_node(txn, m->node, m->value);
    scale_must("commit", mdb_txn_commit(txn) == 0);
}

static void pair(const scale_message *m)
{
    MDB_txn *txn = begin();
    char context[32];

    put_pair(txn, m->node, context, snprintf(context, sizeof(context), "/new%u", m->value));
    scale_must("commit", mdb_txn_commit(txn) == 0);
}

static void stop_inside(void)
{
    MDB_txn *txn = begin();

    put_node(txn, 0, 50);
    (void)raise(SIGSTOP);
    mdb_txn_abort(txn);
}

static int is_inside(pid_t writer)
{
    (void)writer;
    return 1; /* it stopped itself there */
}

const scale_engine scale_lmdb = { "LMDB", create, destroy, touched,     add_node,
                                  enter,  leave,  choose,  NULL,        NULL,
                                  NULL,   status, pair,    stop_inside, is_inside };
#endif
