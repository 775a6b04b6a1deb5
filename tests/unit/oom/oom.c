/* SPDX-License-Identifier: Apache-2.0 */
/* Wrappers of public functions that allocate, but for those that build answers; see oom.h. */
#include "oom.h"

#include <pthread.h>

/* The call, and again when it was refused memory: then `undone` tells what it must have left. */
#define CALL(call, undone)                                \
    for (;;) {                                            \
        oom_call call_ = oom_enter(__func__);             \
        int rc_ = (call);                                 \
                                                          \
        if (!oom_leave(call_, rc_))                       \
            return rc_;                                   \
        if (err != NULL)                                  \
            mcmp_error_init_sized(err, err->struct_size); \
        ck_assert_msg((undone), #undone);                 \
    }

/* The same of a cluster, which is as it was. */
#define CLUSTER_CALL(cluster, call, undone) \
    oom_state state_ = oom_look(cluster);   \
                                            \
    CALL(call, ((undone) && (oom_same(&state_, (cluster), __func__), 1)))

/* The options with the counting allocator. */
#define WITH_ALLOCATOR(type, opts)                                             \
    type own_;                                                                 \
                                                                               \
    if (oom_on() && ((opts) == NULL || (opts)->struct_size == sizeof(own_))) { \
        if ((opts) != NULL)                                                    \
            own_ = *(opts);                                                    \
        else                                                                   \
            type##_init(&own_);                                                \
        own_.allocator = oom_instead(own_.allocator);                          \
        (opts) = &own_;                                                        \
    } else {                                                                   \
        oom_outside();                                                         \
    }

/* Files, processes and threads of the scenario. */
char *__real_mkdtemp(char *name);
char *__wrap_mkdtemp(char *name);
char *__wrap_mkdtemp(char *name)
{
    oom_shared();
    return __real_mkdtemp(name);
}

WRAP(fork, void)
{
    oom_others();
    return __real_fork();
}

WRAP(pthread_create, pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *),
     void *arg)
{
    oom_others();
    return __real_pthread_create(thread, attr, start, arg);
}

WRAP(mcmp_cluster_open, mcmp_cluster **out, const mcmp_cluster_options *opts, mcmp_error *err)
{
    mcmp_cluster *before = out != NULL ? *out : NULL;

    if (opts != NULL && opts->memory != MCMP_MEMORY_HEAP)
        oom_shared();
    WITH_ALLOCATOR(mcmp_cluster_options, opts)
    CALL(__real_mcmp_cluster_open(out, opts, err), *out == before);
}

WRAP(mcmp_parser_new, mcmp_parser **out, const mcmp_parser_options *opts, mcmp_error *err)
{
    mcmp_parser *before = out != NULL ? *out : NULL;

    WITH_ALLOCATOR(mcmp_parser_options, opts)
    CALL(__real_mcmp_parser_new(out, opts, err), *out == before);
}

WRAP(mcmp_answer_new, mcmp_answer **out, const mcmp_answer_options *opts, mcmp_error *err)
{
    mcmp_answer *before = out != NULL ? *out : NULL;

    WITH_ALLOCATOR(mcmp_answer_options, opts)
    CALL(__real_mcmp_answer_new(out, opts, err), *out == before);
}

WRAP(mcmp_http_head_new, mcmp_http_head **out, const mcmp_http_options *opts, mcmp_error *err)
{
    mcmp_http_head *before = out != NULL ? *out : NULL;

    WITH_ALLOCATOR(mcmp_http_options, opts)
    CALL(__real_mcmp_http_head_new(out, opts, err), *out == before);
}

WRAP(mcmp_response_new, mcmp_response **out, const mcmp_allocator *allocator, mcmp_error *err)
{
    mcmp_response *before = out != NULL ? *out : NULL;

    allocator = oom_instead(allocator);
    CALL(__real_mcmp_response_new(out, allocator, err), *out == before);
}

WRAP(mcmp_decoder_new, mcmp_decoder **out, const mcmp_command_limits *limits,
     const mcmp_allocator *allocator, mcmp_error *err)
{
    mcmp_decoder *before = out != NULL ? *out : NULL;

    allocator = oom_instead(allocator);
    CALL(__real_mcmp_decoder_new(out, limits, allocator, err), *out == before);
}

WRAP(mcmp_decoder_decode, mcmp_decoder *decoder, const mcmp_request *request,
     const mcmp_command **out, uint32_t *refusal, mcmp_error *err)
{
    const mcmp_command *before = out != NULL ? *out : NULL;

    CALL(__real_mcmp_decoder_decode(decoder, request, out, refusal, err), *out == before);
}

WRAP(mcmp_response_decoder, mcmp_response *response, const mcmp_command_limits *limits,
     mcmp_decoder **out, mcmp_error *err)
{
    mcmp_decoder *before = out != NULL ? *out : NULL;

    CALL(__real_mcmp_response_decoder(response, limits, out, err), *out == before);
}

WRAP(mcmp_apply, mcmp_cluster *cluster, const mcmp_request *request, mcmp_response *response,
     mcmp_error *err)
{
    CLUSTER_CALL(cluster, __real_mcmp_apply(cluster, request, response, err),
                 mcmp_response_status(response) == 0 && mcmp_response_pending(response) == NULL);
}

WRAP(mcmp_apply_resume, mcmp_cluster *cluster, const mcmp_request *request, mcmp_response *response,
     int probe_ok, mcmp_time now, mcmp_error *err)
{
    CLUSTER_CALL(cluster, __real_mcmp_apply_resume(cluster, request, response, probe_ok, now, err),
                 mcmp_response_pending(response) != NULL);
}

WRAP(mcmp_tick, mcmp_cluster *cluster, mcmp_time now, mcmp_work *work, mcmp_error *err)
{
    CLUSTER_CALL(cluster, __real_mcmp_tick(cluster, now, work, err), work != NULL);
}

WRAP(mcmp_view_new, mcmp_view **out, mcmp_cluster *cluster, mcmp_time now, mcmp_error *err)
{
    mcmp_view *before = out != NULL ? *out : NULL;

    CLUSTER_CALL(cluster, __real_mcmp_view_new(out, cluster, now, err), *out == before);
}

WRAP(mcmp_cluster_check, mcmp_cluster *cluster, mcmp_check *out, mcmp_error *err)
{
    CLUSTER_CALL(cluster, __real_mcmp_cluster_check(cluster, out, err), cluster != NULL);
}

WRAP(mcmp_cluster_save, mcmp_cluster *cluster, const char *path, mcmp_time now, mcmp_error *err)
{
    oom_shared();
    CLUSTER_CALL(cluster, __real_mcmp_cluster_save(cluster, path, now, err), cluster != NULL);
}

WRAP(mcmp_cluster_encode, mcmp_cluster *cluster, mcmp_time now, mcmp_write_fn write, void *ctx,
     mcmp_error *err)
{
    CLUSTER_CALL(cluster, __real_mcmp_cluster_encode(cluster, now, write, ctx, err),
                 cluster != NULL);
}

WRAP(mcmp_cluster_load, mcmp_cluster *cluster, const char *path, const mcmp_load_options *opts,
     mcmp_load_report *out, mcmp_error *err)
{
    CLUSTER_CALL(cluster, __real_mcmp_cluster_load(cluster, path, opts, out, err), cluster != NULL);
}

WRAP(mcmp_cluster_decode, mcmp_cluster *cluster, const void *data, size_t len,
     const mcmp_load_options *opts, mcmp_load_report *out, mcmp_error *err)
{
    CLUSTER_CALL(cluster, __real_mcmp_cluster_decode(cluster, data, len, opts, out, err),
                 cluster != NULL);
}

WRAP(mcmp_observer_new, mcmp_observer **out, mcmp_cluster *cluster,
     const mcmp_observer_options *opts, mcmp_error *err)
{
    mcmp_observer *before = out != NULL ? *out : NULL;

    WITH_ALLOCATOR(mcmp_observer_options, opts)
    CLUSTER_CALL(cluster, __real_mcmp_observer_new(out, cluster, opts, err), *out == before);
}

WRAP(mcmp_observer_next, mcmp_observer *observer, mcmp_change *out, mcmp_error *err)
{
    CALL(__real_mcmp_observer_next(observer, out, err), observer != NULL);
}

static int is_form(const mcmp_request *request)
{
    return request != NULL && request->method.len == 4 &&
           memcmp(request->method.ptr, "POST", 4) == 0;
}

WRAP(mcmp_page_serve, mcmp_cluster *cluster, const mcmp_page_options *opts,
     const mcmp_request *request, mcmp_response *response, mcmp_error *err)
{
    /* A form may have been carried out already, of which the page finds no memory. */
    mcmp_cluster *unchanged = is_form(request) ? NULL : cluster;

    CLUSTER_CALL(unchanged, __real_mcmp_page_serve(cluster, opts, request, response, err),
                 response != NULL);
}

WRAP(mcmp_ajp_proxy_new, mcmp_ajp_proxy **out, const mcmp_ajp_options *opts, mcmp_error *err)
{
    mcmp_ajp_proxy *before = out != NULL ? *out : NULL;

    WITH_ALLOCATOR(mcmp_ajp_options, opts)
    CALL(__real_mcmp_ajp_proxy_new(out, opts, err), *out == before);
}

WRAP(mcmp_ajp_container_new, mcmp_ajp_container **out, const mcmp_ajp_options *opts,
     mcmp_error *err)
{
    mcmp_ajp_container *before = out != NULL ? *out : NULL;

    WITH_ALLOCATOR(mcmp_ajp_options, opts)
    CALL(__real_mcmp_ajp_container_new(out, opts, err), *out == before);
}

WRAP(mcmp_advertiser_new, mcmp_advertiser **out, const mcmp_advertiser_options *opts,
     mcmp_error *err)
{
    mcmp_advertiser *before = out != NULL ? *out : NULL;

    WITH_ALLOCATOR(mcmp_advertiser_options, opts)
    CALL(__real_mcmp_advertiser_new(out, opts, err), *out == before);
}

WRAP(mcmp_finder_new, mcmp_finder **out, const mcmp_finder_options *opts, mcmp_error *err)
{
    mcmp_finder *before = out != NULL ? *out : NULL;

    WITH_ALLOCATOR(mcmp_finder_options, opts)
    CALL(__real_mcmp_finder_new(out, opts, err), *out == before);
}

WRAP(mcmp_finder_feed, mcmp_finder *finder, const void *data, size_t len, mcmp_time now,
     int64_t date, mcmp_found *out, mcmp_error *err)
{
    size_t before = mcmp_finder_count(finder);

    CALL(__real_mcmp_finder_feed(finder, data, len, now, date, out, err),
         mcmp_finder_count(finder) == before);
}

WRAP(mcmp_multicast_open, mcmp_multicast **out, const mcmp_multicast_options *opts, mcmp_error *err)
{
    mcmp_multicast *before = out != NULL ? *out : NULL;

    oom_shared(); /* a copy would take what was sent to this process */
    WITH_ALLOCATOR(mcmp_multicast_options, opts)
    CALL(__real_mcmp_multicast_open(out, opts, err), *out == before);
}

WRAP(mcmp_agent_new, mcmp_agent **out, const mcmp_agent_options *opts, mcmp_error *err)
{
    mcmp_agent *before = out != NULL ? *out : NULL;

    WITH_ALLOCATOR(mcmp_agent_options, opts)
    CALL(__real_mcmp_agent_new(out, opts, err), *out == before);
}

WRAP(mcmp_agent_add, mcmp_agent *agent, const mcmp_agent_proxy *proxy, mcmp_time now,
     mcmp_handle *out, mcmp_error *err)
{
    mcmp_handle before = out != NULL ? *out : 0;

    CALL(__real_mcmp_agent_add(agent, proxy, now, out, err), out == NULL || *out == before);
}

WRAP(mcmp_agent_next, mcmp_agent *agent, mcmp_time now, mcmp_agent_step *step, mcmp_error *err)
{
    uint32_t before = step != NULL ? step->action : 0;

    CALL(__real_mcmp_agent_next(agent, now, step, err), step->action == before);
}

WRAP(mcmp_agent_closed, mcmp_agent *agent, mcmp_handle proxy, uint64_t connection, mcmp_time now,
     const char *why, mcmp_error *err)
{
    CALL(__real_mcmp_agent_closed(agent, proxy, connection, now, why, err), agent != NULL);
}

/* Those that take bytes: what was taken before the failure stays taken. */
#define FEED(call, used)                         \
    const char *rest = data;                     \
    size_t first = 0;                            \
                                                 \
    for (;;) {                                   \
        oom_call call_ = oom_enter(__func__);    \
        int rc_ = (call);                        \
                                                 \
        if (!oom_leave(call_, rc_)) {            \
            if (first != 0)                      \
                *(used) += first;                \
            return rc_;                          \
        }                                        \
        ck_assert_uint_le(*(used), len - first); \
        if (*(used) == 0)                        \
            continue;                            \
        oom_progress();                          \
        first += *(used);                        \
        rest = (const char *)data + first;       \
    }

WRAP(mcmp_parser_feed, mcmp_parser *parser, const void *data, size_t len, size_t *used,
     mcmp_error *err)
{
    FEED(__real_mcmp_parser_feed(parser, rest, len - first, used, err), used);
}

WRAP(mcmp_answer_feed, mcmp_answer *answer, const void *data, size_t len, size_t *used,
     mcmp_error *err)
{
    FEED(__real_mcmp_answer_feed(answer, rest, len - first, used, err), used);
}

WRAP(mcmp_agent_received, mcmp_agent *agent, mcmp_handle proxy, uint64_t connection, mcmp_time now,
     const void *data, size_t len, size_t *used, mcmp_error *err)
{
    FEED(__real_mcmp_agent_received(agent, proxy, connection, now, rest, len - first, used, err),
         used);
}
