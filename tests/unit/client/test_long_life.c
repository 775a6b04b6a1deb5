/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An agent over 10 000 intervals of a simulated clock, with proxies that lose their state, break
 * off, stay mute, are out of reach, and come and go by advertise. Memory and proxies in use are the
 * same at the end as after the first hundred; a proxy that is well misses no STATUS.
 */
#include "drive.h"

#define INTERVALS 10000
#define PROXIES 8
#define INTERVAL (10 * MCMP_SEC)

/* A proxy of the test. */
typedef struct model {
    int is_up;
    int knows; /* has CONFIG */
    uint64_t id;
    mcmp_time last_status;
    size_t statuses;
} model;

static model models[PROXIES + 1];
static uint64_t entropy;
static size_t losses;
static long intervals;

/* As drive_answer(), without the guard page that would take most of the time here. */
static void answer(unsigned status, const char *type, const char *body)
{
    char bytes[1024];
    size_t used;
    int len = snprintf(bytes, sizeof(bytes),
                       "HTTP/1.1 %u Word\r\nType: %s\r\nContent-Length: %zu\r\n\r\n%s", status,
                       type, strlen(body), body);

    ck_assert(len > 0 && (size_t)len < sizeof(bytes));
    ck_assert_int_eq(mcmp_agent_received(drive.agent, drive.proxy, drive.connection, drive.now,
                                         bytes, (size_t)len, &used, NULL),
                     MCMP_OK);
}

static void answer_bytes(model *m, int command)
{
    char body[512] = "";
    const char *info =
        "Node: [3],Name: n1,Balancer: b,LBGroup: ,Host: 127.0.0.1,Port: 2,Type: http\n"
        "Vhost: [3:1:1], Alias: localhost\n"
        "Context: [3:1:1], Context: /app, Status: ENABLED\n"
        "Context: [3:1:1], Context: /old, Status: ENABLED\n";

    if (command == MCMP_COMMAND_INFO && (test_random(&entropy) & 1) != 0)
        (void)snprintf(body, sizeof(body), "%s", info);
    if (command == MCMP_COMMAND_CONFIG)
        m->knows = 1;
    if (command != MCMP_COMMAND_INFO && !m->knows) {
        losses++;
        answer(500, "MEM", "");
        return;
    }
    if (command == MCMP_COMMAND_STATUS) {
        m->statuses++;
        m->last_status = drive.now;
        (void)snprintf(body, sizeof(body), "Type=STATUS-RSP&State=OK&id=%llu\n",
                       (unsigned long long)m->id);
    }
    answer(200, "NONE", body);
}

/* What happens to a request of a proxy that has its troubles. */
static void trouble(model *m, int command)
{
    switch (test_random(&entropy) % 16) {
    case 0: /* it was restarted */
        m->knows = 0;
        m->id++;
        break;
    case 1:
        drive_break("connection reset");
        return;
    case 2: /* it stays mute */
        return;
    case 3:
        drive_feed("nonsense\r\n", 10);
        return;
    case 4:
        m->is_up = 0;
        break;
    case 5:
        m->is_up = 1;
        break;
    default:
        break;
    }
    if (m->is_up)
        answer_bytes(m, command);
    else
        drive_break("connection refused");
}

/* Datagrams of proxies that are never reached, at ever new ports. */
static void announce(void)
{
    mcmp_agent_proxy proxy;
    int rc;

    mcmp_agent_proxy_init(&proxy);
    proxy.host = span_of("127.0.0.1");
    proxy.port = 1000 + test_random(&entropy) % 60000;
    proxy.flags = MCMP_AGENT_FOUND;
    rc = mcmp_agent_add(drive.agent, &proxy, drive.now, NULL, NULL);
    ck_assert(rc == MCMP_OK || rc == MCMP_ERR_LIMIT);
}

static size_t heap_after;

static void live(const mcmp_agent_options *opts, test_heap *heap)
{
    mcmp_time next_announcement = 0;
    mcmp_time middle = intervals / 20 * INTERVAL;

    drive_begin(opts);
    for (uint32_t i = 1; i <= PROXIES; i++)
        drive_add("127.0.0.1", i, 0);
    while (drive.now < intervals * INTERVAL) {
        int command = drive_next();

        if (drive.now >= next_announcement) {
            announce();
            next_announcement = drive.now + 3 * INTERVAL;
        }
        if (command == DRIVE_WAITS) {
            drive.now = drive.step.until;
        } else {
            mcmp_agent_info info;
            model *m = NULL;

            mcmp_agent_info_init(&info);
            (void)mcmp_agent_get(drive.agent, drive.proxy, &info);
            if (info.port > PROXIES)
                drive_break("connection refused");
            else if (info.port == PROXIES) /* the one that is well */
                answer_bytes(m = &models[info.port], command);
            else
                trouble(m = &models[info.port], command);
        }
        drive.log[0] = '\0';
        if (middle != 0 && drive.now >= middle) {
            heap_after = heap->live_bytes;
            middle = 0;
        }
    }
}

START_TEST(test_ten_thousand_intervals_in_constant_memory)
{
    mcmp_agent_options opts;
    test_heap heap;
    size_t most;

    intervals = as_often(INTERVALS, 100);
    test_heap_init(&heap, 0);
    mcmp_agent_options_init(&opts);
    opts.allocator = &heap.allocator;
    opts.max_proxies = 24;
    opts.seed = 4711;
    entropy = 1;
    for (size_t i = 1; i <= PROXIES; i++)
        models[i] = (model){ .is_up = 1, .id = i };
    live(&opts, &heap);
    most = heap_after + 24 * 4096; /* proxies that were announced come and go */
    ck_assert_msg(heap.live_bytes <= most,
                  "%zu bytes are in use, %zu were after a twentieth of the time", heap.live_bytes,
                  heap_after);
    ck_assert_uint_eq(models[PROXIES].statuses, (size_t)intervals);
    ck_assert_int_eq(drive.now - models[PROXIES].last_status <= INTERVAL, 1);
    ck_assert_uint_gt(losses, (size_t)intervals / 100); /* the troubles were real */
    for (size_t i = 1; i < PROXIES; i++)
        ck_assert_uint_gt(models[i].statuses, (size_t)intervals / 20);
    drive_end();
    ck_assert_uint_eq(heap.live_blocks, 0);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = { test_ten_thousand_intervals_in_constant_memory };

    return run_tests("long_life", tests, COUNT_OF(tests));
}
