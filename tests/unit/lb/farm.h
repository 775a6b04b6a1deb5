/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cluster for the balancer's tests, set up by MCMP messages through the public API. A script is
 * messages separated by `|`: "COMMAND body", "COMMAND slash-star body" for the whole node, `!` before
 * a message whose probe fails, "+n" to let n milliseconds pass.
 */
#ifndef MCMP_TEST_FARM_H
#define MCMP_TEST_FARM_H

#include "support.h"

#include <libmcmp/libmcmp.h>

#include <stdarg.h>

#define START_TIME (1000 * MCMP_SEC)

/* Pieces of scripts */
#define JOIN(route, more) "CONFIG JVMRoute=" route "&Host=" route "&Port=8009" more "|"
#define LOAD(route, load) "STATUS JVMRoute=" route "&Load=" load "|"
#define NODE(route, more) JOIN(route, more) LOAD(route, "100")
#define APP(verb, route, alias, context) \
    verb "-APP JVMRoute=" route "&Alias=" alias "&Context=" context "|"
#define ON(route, context) APP("ENABLE", route, "localhost", context)
#define DISABLE(route, context) APP("DISABLE", route, "localhost", context)
#define STOP(route, context) APP("STOP", route, "localhost", context)
#define DROP(route, context) APP("REMOVE", route, "localhost", context)
#define FAIL(route) "+1100|!STATUS JVMRoute=" route "&Load=100|"
#define GONE(route) "REMOVE-APP /* JVMRoute=" route "|"
#define FREE "&StickySessionForce=No"
#define REMOVE "&StickySessionForce=No&StickySessionRemove=Yes"

typedef struct farm {
    mcmp_cluster *cluster;
    mcmp_response *response;
    mcmp_peer peer;
    mcmp_time now;
    uint64_t connection; /* each message comes on one of its own */
} farm;

SUPPORT_UNUSED static void farm_options(mcmp_cluster_options *opts)
{
    mcmp_cluster_options_init(opts);
    opts->max_nodes = 64;
    opts->max_aliases = 256;
    opts->max_contexts = 1024;
    opts->allow = "any";
    opts->random_seed = 42;
    opts->now = START_TIME;
}

SUPPORT_UNUSED static void farm_open(farm *f, const mcmp_cluster_options *opts)
{
    mcmp_error err;

    memset(f, 0, sizeof(*f));
    f->now = START_TIME;
    mcmp_peer_init(&f->peer);
    f->peer.has_address = 1;
    f->peer.address[15] = 1;
    mcmp_error_init(&err);
    ck_assert_msg(mcmp_cluster_open(&f->cluster, opts, &err) == MCMP_OK, "%s", err.message);
    ck_assert_int_eq(mcmp_response_new(&f->response, NULL, NULL), MCMP_OK);
}

SUPPORT_UNUSED static void farm_close(farm *f)
{
    mcmp_response_free(f->response);
    mcmp_cluster_close(f->cluster);
}

/* One message. Returns the result of the apply, after the probe when there was one. */
SUPPORT_UNUSED static int farm_apply(farm *f, mcmp_span command, mcmp_span target, mcmp_span body,
                                     int probe_ok)
{
    mcmp_request request;
    int rc;

    mcmp_request_init(&request);
    request.method = command;
    request.command = mcmp_command_of_method(command);
    request.target = target;
    request.flags = mcmp_request_flags(target, span_of(""));
    request.body = body;
    request.body_size = body.len;
    request.now = f->now;
    request.connection = ++f->connection;
    request.peer = &f->peer;
    rc = mcmp_apply(f->cluster, &request, f->response, NULL);
    while (rc == MCMP_PENDING)
        rc = mcmp_apply_resume(f->cluster, &request, f->response, probe_ok, f->now, NULL);
    return rc;
}

/* One message of a script; it must be accepted, unless its probe is to fail. */
SUPPORT_UNUSED static void farm_say(farm *f, const char *text, size_t len)
{
    mcmp_span word[3] = { { text, 0 }, { "/", 1 }, { text, 0 } };
    const char *end = text + len;
    const char *blank;
    int probe_ok = 1;
    int rc;

    if (len == 0)
        return;
    if (*text == '+') {
        f->now += strtol(text + 1, NULL, 10) * MCMP_MSEC;
        return;
    }
    if (*text == '!') {
        probe_ok = 0;
        text++;
    }
    blank = memchr(text, ' ', (size_t)(end - text));
    ck_assert_msg(blank != NULL, "no blank in '%.*s'", (int)len, text);
    word[0].ptr = text;
    word[0].len = (size_t)(blank - text);
    text = blank + 1;
    if (*text == '/') {
        blank = memchr(text, ' ', (size_t)(end - text));
        ck_assert_ptr_nonnull(blank);
        word[1].ptr = text;
        word[1].len = (size_t)(blank - text);
        text = blank + 1;
    }
    word[2].ptr = text;
    word[2].len = (size_t)(end - text);
    rc = farm_apply(f, word[0], word[1], word[2], probe_ok);
    ck_assert_msg(rc == MCMP_OK, "'%.*s' gave %s", (int)word[2].len, word[2].ptr,
                  mcmp_error_name(rc));
}

SUPPORT_UNUSED static void farm_script(farm *f, const char *script)
{
    while (*script != '\0') {
        size_t len = strcspn(script, "|");

        farm_say(f, script, len);
        script += len + (script[len] == '|');
    }
}

/* One message made by printf; for loops. */
SUPPORT_UNUSED __attribute__((format(printf, 2, 3))) static void farm_sayf(farm *f, const char *fmt,
                                                                           ...)
{
    char text[512];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    farm_script(f, text);
}

/* What is known of a node; 0 when there is none of this route. */
SUPPORT_UNUSED static int farm_node(farm *f, mcmp_span route, mcmp_node_info *out)
{
    mcmp_view *view;
    int found = 0;

    ck_assert_int_eq(mcmp_view_new(&view, f->cluster, f->now, NULL), MCMP_OK);
    for (size_t i = 0; i < mcmp_view_node_count(view) && !found; i++) {
        mcmp_node_info_init(out);
        ck_assert_int_eq(mcmp_view_node(view, i, out), MCMP_OK);
        found = out->route.len == route.len && memcmp(out->route.ptr, route.ptr, route.len) == 0;
    }
    mcmp_view_free(view);
    return found;
}

SUPPORT_UNUSED static mcmp_handle farm_handle(farm *f, const char *route)
{
    mcmp_node_info info;

    ck_assert_msg(farm_node(f, span_of(route), &info), "no node %s", route);
    return info.handle;
}

SUPPORT_UNUSED static mcmp_node_info farm_info(farm *f, const char *route)
{
    mcmp_node_info info;

    ck_assert_msg(farm_node(f, span_of(route), &info), "no node %s", route);
    return info;
}

SUPPORT_UNUSED static int farm_release(farm *f, mcmp_selection *selection, uint32_t result)
{
    mcmp_outcome outcome;

    mcmp_outcome_init(&outcome);
    outcome.result = result;
    outcome.now = f->now;
    return mcmp_selection_release(f->cluster, selection, &outcome);
}

/* 12 of "n12". */
SUPPORT_UNUSED static uint32_t number_of(mcmp_span name)
{
    uint32_t number = 0;

    for (size_t i = 1; i < name.len; i++)
        number = number * 10 + (uint32_t)(name.ptr[i] - '0');
    return number;
}

/* Selects for a path, gives back at once; the number after the first letter of the route, or 0. */
SUPPORT_UNUSED static uint32_t farm_pick(farm *f, mcmp_query *query)
{
    mcmp_selection selection;

    mcmp_selection_init(&selection);
    query->now = f->now;
    if (mcmp_select_node(f->cluster, query, &selection, NULL) != MCMP_OK)
        return 0;
    ck_assert_int_eq(mcmp_selection_release(f->cluster, &selection, NULL), MCMP_OK);
    return number_of(selection.route);
}

#endif
