/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cluster before and after a call that found no memory: the bytes that it would save, and its
 * invariants. These are left to scenarios that see the library from inside: some damage a cluster,
 * leave what a dead writer left, or hold the lock.
 */
#include "run.h"

/* One that takes more bytes than this is looked at less often, once for so many of them. */
enum { OOM_LARGE = 16384, OOM_SELDOM = 256 };

int __real_mcmp_cluster_encode(mcmp_cluster *cluster, mcmp_time now, mcmp_write_fn write, void *ctx,
                               mcmp_error *err);
int __real_mcmp_cluster_check(mcmp_cluster *cluster, mcmp_check *out, mcmp_error *err);

static int sum_up(void *ctx, const void *data, size_t len)
{
    oom_state *state = ctx;
    const uint8_t *bytes = data;

    for (size_t i = 0; i < len; i++)
        state->sum = (state->sum ^ bytes[i]) * UINT64_C(1099511628211);
    state->bytes += len;
    return 0;
}

oom_state oom_look(mcmp_cluster *cluster)
{
    static _Thread_local size_t turn, last;
    oom_state state = { 0 };

    if (cluster == NULL || oom_is_inside() || !oom_is_counted() || oom_own.skip ||
        oom_own.outside || oom_own.watched || oom_own.mode == OOM_COUNT ||
        oom_own.mode == OOM_FAIL || (oom_own.is_copy && atomic_load(&oom_own.failed) != 0) ||
        (last > OOM_LARGE && turn++ % (last / OOM_SELDOM) != 0))
        return state;
    state.is_known = 1;
    oom_pause(1);
    state.rc = __real_mcmp_cluster_encode(cluster, 0, sum_up, &state, NULL);
    oom_pause(0);
    last = state.bytes;
    return state;
}

void oom_same(const oom_state *before, mcmp_cluster *cluster, const char *function)
{
    oom_state after = { 0 };

    if (!before->is_known)
        return;
    oom_pause(1);
    after.rc = __real_mcmp_cluster_encode(cluster, 0, sum_up, &after, NULL);
#ifdef MCMP_OOM_PUBLIC
    ck_assert_msg(__real_mcmp_cluster_check(cluster, NULL, NULL) == MCMP_OK,
                  "%s found no memory, and the cluster is damaged", function);
#endif
    oom_pause(0);
    ck_assert_msg(after.rc == before->rc && after.sum == before->sum,
                  "%s found no memory, and the cluster holds something else", function);
    atomic_fetch_add(&oom_result->same, 1);
}
