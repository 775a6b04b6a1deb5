/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Callers compiled against an older or newer header than the library (STYLE A3): each function that
 * takes a sized struct is called with a shorter one, a longer one whose unknown tail is zero, a
 * longer one that asks for something unknown, and one that was never initialised. Structs that the
 * library fills keep the caller's size and nothing behind it is touched.
 */
#include "support.h"

#include <libmcmp/libmcmp.h>

#define TAIL 32

typedef union room {
    size_t struct_size;
    unsigned char bytes[4096];
    uint64_t align;
} room;

/* Calls one function with the struct; gives its result and frees what it made. */
typedef int (*use_fn)(void *in);

static mcmp_cluster *open_cluster(void)
{
    mcmp_cluster *cluster = NULL;

    row_code("open", mcmp_cluster_open(&cluster, NULL, NULL), MCMP_OK);
    return cluster;
}

static int use_parser_options(void *in)
{
    mcmp_parser *parser = NULL;
    int rc = mcmp_parser_new(&parser, in, NULL);

    mcmp_parser_free(parser);
    return rc;
}

static int use_answer_options(void *in)
{
    mcmp_answer *answer = NULL;
    int rc = mcmp_answer_new(&answer, in, NULL);

    mcmp_answer_free(answer);
    return rc;
}

static int use_command_limits(void *in)
{
    mcmp_decoder *decoder = NULL;
    int rc = mcmp_decoder_new(&decoder, in, NULL, NULL);

    mcmp_decoder_free(decoder);
    return rc;
}

static int use_allocator(void *in)
{
    mcmp_response *response = NULL;
    int rc = mcmp_response_new(&response, in, NULL);

    mcmp_response_free(response);
    return rc;
}

static int use_cluster_options(void *in)
{
    mcmp_cluster *cluster = NULL;
    int rc = mcmp_cluster_open(&cluster, in, NULL);

    mcmp_cluster_close(cluster);
    return rc;
}

static int use_region_options(void *in)
{
    size_t size;

    return mcmp_cluster_region_size(in, &size, NULL);
}

static int use_limits_in_options(void *in)
{
    mcmp_cluster_options opts;

    mcmp_cluster_options_init(&opts);
    opts.limits = in;
    return use_cluster_options(&opts);
}

static int use_query(void *in)
{
    mcmp_cluster *cluster = open_cluster();
    mcmp_query *query = in;
    mcmp_selection selection;
    int rc;

    query->path.ptr = "/";
    query->path.len = 1;
    mcmp_selection_init(&selection);
    rc = mcmp_select_node(cluster, query, &selection, NULL);
    mcmp_cluster_close(cluster);
    return rc;
}

static int use_request(void *in)
{
    mcmp_cluster *cluster = open_cluster();
    mcmp_response *response = NULL;
    mcmp_request *request = in;
    mcmp_peer peer;
    int rc;

    mcmp_peer_init(&peer);
    peer.has_address = 1;
    peer.address[15] = 1;
    request->command = MCMP_COMMAND_INFO;
    request->peer = &peer;
    row_code("response", mcmp_response_new(&response, NULL, NULL), MCMP_OK);
    rc = mcmp_apply(cluster, request, response, NULL);
    mcmp_response_free(response);
    mcmp_cluster_close(cluster);
    return rc;
}

static int use_message(void *in)
{
    char buf[512];
    size_t len;

    ((mcmp_message *)in)->command = MCMP_COMMAND_INFO;
    return mcmp_message_encode(in, buf, sizeof(buf), &len, NULL);
}

static int use_probe(void *in)
{
    mcmp_probe_exchange exchange;
    char packet[MCMP_PROBE_PING_LEN];
    mcmp_span agent = { NULL, 0 };
    size_t len;
    int rc = mcmp_probe_encode(in, agent, packet, sizeof(packet), &len, NULL);

    mcmp_probe_exchange_init(&exchange);
    row_code("both read it alike", mcmp_probe_exchange_start(&exchange, in, NULL), rc);
    return rc;
}

static int use_probe_exchange(void *in)
{
    mcmp_probe probe;

    mcmp_probe_init(&probe);
    return mcmp_probe_exchange_start(in, &probe, NULL);
}

static int use_http_options(void *in)
{
    mcmp_http_head *head = NULL;
    int rc = mcmp_http_head_new(&head, in, NULL);

    mcmp_http_head_free(head);
    return rc;
}

static int use_http_answer(void *in)
{
    char buf[512];
    size_t len;

    ((mcmp_http_answer *)in)->status = 404;
    return mcmp_http_encode_answer(in, buf, sizeof(buf), &len, NULL);
}

static int use_ajp_options(void *in)
{
    mcmp_ajp_container *container = NULL;
    mcmp_ajp_proxy *proxy = NULL;
    int rc = mcmp_ajp_proxy_new(&proxy, in, NULL);

    row_code("container", mcmp_ajp_container_new(&container, in, NULL), rc);
    mcmp_ajp_proxy_free(proxy);
    mcmp_ajp_container_free(container);
    return rc;
}

static int use_ajp_facts(void *in)
{
    static const char request[] = "GET / HTTP/1.0\r\n\r\n";
    mcmp_http_target target;
    mcmp_http_forward forward;
    mcmp_http_head *head = NULL;
    mcmp_ajp_proxy *proxy = NULL;
    char out[256];
    size_t len;
    int rc;

    mcmp_http_target_init(&target);
    mcmp_http_forward_init(&forward);
    forward.target = &target;
    row_code("head", mcmp_http_head_new(&head, NULL, NULL), MCMP_OK);
    row_code("proxy", mcmp_ajp_proxy_new(&proxy, NULL, NULL), MCMP_OK);
    row_code("parse", mcmp_http_head_parse_request(head, request, sizeof(request) - 1, NULL),
             MCMP_OK);
    row_code("target",
             mcmp_http_target_parse(mcmp_http_head_info(head), 0, out, sizeof(out), &target, NULL),
             MCMP_OK);
    rc = mcmp_ajp_proxy_encode_request(proxy, head, &forward, in, out, sizeof(out), &len, NULL);
    mcmp_ajp_proxy_free(proxy);
    mcmp_http_head_free(head);
    return rc;
}

/* older: a size that ends after the last member the row sets; the rest counts as zero. */
static const struct {
    const char *name;
    use_fn use;
    size_t size;
    size_t older;
    int rc;
} inputs[] = {
    { "mcmp_parser_new", use_parser_options, sizeof(mcmp_parser_options),
      offsetof(mcmp_parser_options, max_drop), MCMP_OK },
    { "mcmp_answer_new", use_answer_options, sizeof(mcmp_answer_options),
      offsetof(mcmp_answer_options, allocator), MCMP_OK },
    { "mcmp_decoder_new", use_command_limits, sizeof(mcmp_command_limits),
      offsetof(mcmp_command_limits, alias), MCMP_OK },
    { "mcmp_response_new", use_allocator, sizeof(mcmp_allocator), 0, MCMP_OK },
    { "mcmp_cluster_open", use_cluster_options, sizeof(mcmp_cluster_options),
      offsetof(mcmp_cluster_options, probe_good_below), MCMP_OK },
    { "mcmp_cluster_open, limits", use_limits_in_options, sizeof(mcmp_command_limits),
      offsetof(mcmp_command_limits, alias), MCMP_OK },
    { "mcmp_cluster_region_size", use_region_options, sizeof(mcmp_cluster_options),
      offsetof(mcmp_cluster_options, authorize), MCMP_OK },
    { "mcmp_select_node", use_query, sizeof(mcmp_query), offsetof(mcmp_query, waiting_since),
      MCMP_NOT_OURS },
    { "mcmp_apply", use_request, sizeof(mcmp_request), 0, MCMP_OK },
    { "mcmp_message_encode", use_message, sizeof(mcmp_message),
      offsetof(mcmp_message, max_attempts), MCMP_OK },
    { "mcmp_probe_encode, mcmp_probe_exchange_start", use_probe, sizeof(mcmp_probe),
      offsetof(mcmp_probe, good_below), MCMP_OK },
    { "mcmp_probe_exchange_start", use_probe_exchange, sizeof(mcmp_probe_exchange), 0, MCMP_OK },
    { "mcmp_http_head_new", use_http_options, sizeof(mcmp_http_options),
      offsetof(mcmp_http_options, allocator), MCMP_OK },
    { "mcmp_http_encode_answer", use_http_answer, sizeof(mcmp_http_answer), 0, MCMP_OK },
    { "mcmp_ajp_proxy_new, mcmp_ajp_container_new", use_ajp_options, sizeof(mcmp_ajp_options),
      offsetof(mcmp_ajp_options, allocator), MCMP_OK },
    { "mcmp_ajp_proxy_encode_request", use_ajp_facts, sizeof(mcmp_ajp_facts),
      offsetof(mcmp_ajp_facts, secret), MCMP_OK },
};

static void *prepare(room *r, size_t size, unsigned char tail)
{
    memset(r, 0, sizeof(*r));
    memset(r->bytes + size, tail, sizeof(r->bytes) - size);
    r->struct_size = size;
    return r;
}

START_TEST(test_inputs_of_the_same_age_are_taken)
{
    for (size_t i = 0; i < COUNT_OF(inputs); i++) {
        room r;

        row_code(inputs[i].name, inputs[i].use(prepare(&r, inputs[i].size, 0xa5)), inputs[i].rc);
    }
}
END_TEST

START_TEST(test_inputs_of_older_callers_are_completed_with_zero)
{
    for (size_t i = 0; i < COUNT_OF(inputs); i++) {
        room r;

        if (inputs[i].older != 0)
            row_code(inputs[i].name, inputs[i].use(prepare(&r, inputs[i].older, 0xa5)),
                     inputs[i].rc);
    }
}
END_TEST

START_TEST(test_inputs_of_newer_callers_are_taken_when_nothing_new_is_asked)
{
    for (size_t i = 0; i < COUNT_OF(inputs); i++) {
        room r;

        row_code(inputs[i].name, inputs[i].use(prepare(&r, inputs[i].size + TAIL, 0xa5)),
                 inputs[i].rc);
    }
}
END_TEST

START_TEST(test_inputs_that_ask_for_something_unknown_are_refused)
{
    for (size_t i = 0; i < COUNT_OF(inputs); i++) {
        room r;
        void *in = prepare(&r, inputs[i].size + TAIL, 0);

        r.bytes[inputs[i].size + TAIL - 1] = 1;
        row_code(inputs[i].name, inputs[i].use(in), MCMP_ERR_UNSUPPORTED);
    }
}
END_TEST

START_TEST(test_inputs_that_were_not_initialised_are_refused)
{
    for (size_t i = 0; i < COUNT_OF(inputs); i++) {
        room r;

        row_code(inputs[i].name, inputs[i].use(prepare(&r, 0, 0)), MCMP_ERR_INVALID);
    }
}
END_TEST

static int fill_version(mcmp_cluster *cluster, void *out)
{
    (void)cluster;
    return mcmp_version(out);
}

static int fill_work(mcmp_cluster *cluster, void *out)
{
    return mcmp_tick(cluster, 0, out, NULL) == MCMP_DONE ? MCMP_OK : MCMP_ERR_STATE;
}

static int fill_selection(mcmp_cluster *cluster, void *out)
{
    mcmp_query query;
    int rc;

    mcmp_query_init(&query);
    query.path.ptr = "/";
    query.path.len = 1;
    rc = mcmp_select_node(cluster, &query, out, NULL);
    return rc == MCMP_NOT_OURS ? MCMP_OK : rc;
}

static int fill_error(mcmp_cluster *cluster, void *out)
{
    size_t size;
    mcmp_cluster_options opts;

    (void)cluster;
    mcmp_cluster_options_init(&opts);
    opts.memory = 77;
    return mcmp_cluster_region_size(&opts, &size, out) < 0 ? MCMP_OK : MCMP_ERR_STATE;
}

static int fill_progress(mcmp_cluster *cluster, void *out)
{
    mcmp_ajp_proxy *proxy = NULL;
    int rc;

    (void)cluster;
    row_code("proxy", mcmp_ajp_proxy_new(&proxy, NULL, NULL), MCMP_OK);
    rc = mcmp_ajp_proxy_progress(proxy, out);
    mcmp_ajp_proxy_free(proxy);
    return rc;
}

static int fill_event(mcmp_cluster *cluster, void *out)
{
    mcmp_ajp_proxy *proxy = NULL;
    size_t used;
    int rc;

    (void)cluster;
    row_code("proxy", mcmp_ajp_proxy_new(&proxy, NULL, NULL), MCMP_OK);
    rc = mcmp_ajp_proxy_feed(proxy, NULL, 0, &used, out, NULL);
    mcmp_ajp_proxy_free(proxy);
    return rc == MCMP_NEED_MORE ? MCMP_OK : MCMP_ERR_STATE;
}

static const struct {
    const char *name;
    int (*fill)(mcmp_cluster *cluster, void *out);
    size_t size;
    size_t older; /* 0: older callers are refused, the struct holds texts */
} outputs[] = {
    { "mcmp_version", fill_version, sizeof(mcmp_version_info),
      offsetof(mcmp_version_info, protocol) },
    { "mcmp_tick", fill_work, sizeof(mcmp_work), offsetof(mcmp_work, probe) },
    { "mcmp_select_node", fill_selection, sizeof(mcmp_selection), 0 },
    { "mcmp_error", fill_error, sizeof(mcmp_error), offsetof(mcmp_error, line) },
    { "mcmp_ajp_proxy_progress", fill_progress, sizeof(mcmp_ajp_progress),
      offsetof(mcmp_ajp_progress, packets_due) },
    { "mcmp_ajp_proxy_feed", fill_event, sizeof(mcmp_ajp_event), offsetof(mcmp_ajp_event, data) },
};

/* The library may write the struct's own bytes only. */
static void fill_and_look(size_t i, mcmp_cluster *cluster, size_t size)
{
    room r;

    (void)prepare(&r, size, 0xa5);
    row_code(outputs[i].name, outputs[i].fill(cluster, &r), MCMP_OK);
    row_int(outputs[i].name, r.struct_size, size);
    for (size_t at = size; at < sizeof(r.bytes); at++)
        row_int(outputs[i].name, r.bytes[at], 0xa5);
}

START_TEST(test_outputs_keep_the_size_of_their_caller)
{
    mcmp_cluster *cluster = open_cluster();

    for (size_t i = 0; i < COUNT_OF(outputs); i++) {
        fill_and_look(i, cluster, outputs[i].size);
        fill_and_look(i, cluster, outputs[i].size + TAIL);
        if (outputs[i].older != 0)
            fill_and_look(i, cluster, outputs[i].older);
    }
    mcmp_cluster_close(cluster);
}
END_TEST

int main(void)
{
    const TTest *tests[] = {
        test_inputs_of_the_same_age_are_taken,
        test_inputs_of_older_callers_are_completed_with_zero,
        test_inputs_of_newer_callers_are_taken_when_nothing_new_is_asked,
        test_inputs_that_ask_for_something_unknown_are_refused,
        test_inputs_that_were_not_initialised_are_refused,
        test_outputs_keep_the_size_of_their_caller,
    };

    return run_tests("callers", tests, COUNT_OF(tests));
}
