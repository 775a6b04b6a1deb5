/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shows: a policy of the host's own (mcmp_better_fn) in place of the built-in ones, with a context
 * pointer. The rules of the protocol stay: sessions, status, errors come before any policy.
 * Imitates: a host that pays by node and fills the cheapest one first, up to a number of requests.
 */
#include "example.h"

#define ROOM 2 /* requests that one node serves well at a time */

/* Nodes cost more in the order of their Load, which this host uses as the price. */
typedef struct price_list {
    uint64_t questions; /* how often the policy was asked */
} price_list;

static mcmp_cluster *cluster;
static mcmp_response *response;

/* 1 when b is better than a: a node with room beats a full one, then the cheaper one wins. */
static int is_cheaper(void *ctx, const mcmp_candidate *a, const mcmp_candidate *b)
{
    price_list *prices = ctx;
    int a_full = a->busy >= ROOM;
    int b_full = b->busy >= ROOM;

    prices->questions++;
    if (a_full != b_full)
        return a_full;
    return b->load < a->load;
}

static void tell(uint32_t command, const char *body)
{
    mcmp_request request;
    mcmp_error err;
    int rc;

    mcmp_error_init(&err);
    mcmp_request_init(&request);
    request.command = command;
    request.target = text_of("/");
    request.body = text_of(body);
    request.body_size = request.body.len;
    request.now = MCMP_SEC;
    rc = mcmp_apply(cluster, &request, response, &err);
    while (rc == MCMP_PENDING) /* STATUS: the probe of this node went well */
        rc = mcmp_apply_resume(cluster, &request, response, 1, MCMP_SEC, &err);
    check(rc == MCMP_OK, err.message);
}

static void add_node(int number, int price)
{
    char body[160];

    (void)snprintf(body, sizeof(body), "JVMRoute=n%d&Host=127.0.0.1&Port=%d&Type=http", number,
                   8080 + number);
    tell(MCMP_COMMAND_CONFIG, body);
    (void)snprintf(body, sizeof(body), "JVMRoute=n%d&Alias=localhost&Context=/", number);
    tell(MCMP_COMMAND_ENABLE_APP, body);
    (void)snprintf(body, sizeof(body), "JVMRoute=n%d&Load=%d", number, price);
    tell(MCMP_COMMAND_STATUS, body);
}

/* Choose for one request, which then runs until it is released. */
static void begin(mcmp_selection *selection, const char *cookie, const char *want)
{
    mcmp_span line = text_of(cookie);
    mcmp_query query;
    mcmp_error err;

    mcmp_error_init(&err);
    mcmp_query_init(&query);
    query.now = 2 * MCMP_SEC;
    query.path = text_of("/");
    query.cookies = &line;
    query.cookie_count = cookie[0] != '\0';
    mcmp_selection_init(selection);
    check(mcmp_select_node(cluster, &query, selection, &err) == MCMP_OK, "no node");
    (void)printf("%-18s -> %.*s (%s)\n", cookie, (int)selection->route.len, selection->route.ptr,
                 mcmp_reason_name(selection->reason));
    check(is_text(selection->route, want), want);
}

int main(void)
{
    static const char *const wanted[] = { "n2", "n2", "n3", "n3", "n1", "n1", "n2" };
    mcmp_selection running[8];
    mcmp_cluster_options options;
    mcmp_error err;
    price_list prices = { 0 };

    mcmp_error_init(&err);
    mcmp_cluster_options_init(&options);
    options.now = MCMP_SEC;
    options.allow = "any";
    options.policy = MCMP_POLICY_CUSTOM;
    options.better = is_cheaper;
    options.better_ctx = &prices; /* kept: lives as long as the cluster */
    check(mcmp_cluster_open(&cluster, &options, &err) == MCMP_OK, err.message);
    check(mcmp_response_new(&response, NULL, &err) == MCMP_OK, err.message);
    add_node(1, 90);
    add_node(2, 20);
    add_node(3, 50);

    /* The cheapest one is filled, then the next, then the dearest; then all are full. */
    for (int i = 0; i < 7; i++)
        begin(&running[i], "", wanted[i]);
    check(prices.questions > 0, "the policy was not asked");

    /* A session is at home whatever the price. */
    begin(&running[7], "JSESSIONID=a.n1", "n1");
    for (int i = 0; i < 8; i++)
        check(mcmp_selection_release(cluster, &running[i], NULL) == MCMP_OK, "not released");
    begin(&running[0], "", "n2");
    check(mcmp_selection_release(cluster, &running[0], NULL) == MCMP_OK, "not released");

    mcmp_response_free(response);
    mcmp_cluster_close(cluster);
    (void)puts("custom_policy: ok");
    return 0;
}
