/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench: how many messages per second a proxy takes over one connection, one after the other, as a
 * node sends them, and how long each takes.
 */
#include "conn.h"
#include "out.h"

#include <stdlib.h>
#include <string.h>

static int take_message(ctl *c, mcmp_message *message)
{
    static const struct {
        const char *name;
        uint32_t command;
        int args;
    } kinds[] = { { "ping", MCMP_COMMAND_PING, 1 },
                  { "info", MCMP_COMMAND_INFO, 1 },
                  { "version", MCMP_COMMAND_VERSION, 1 },
                  { "status", MCMP_COMMAND_STATUS, 2 } };
    const char *name = c->options.arg_count > 0 ? c->options.args[0] : "ping";
    int args = c->options.arg_count > 0 ? c->options.arg_count : 1;

    mcmp_message_init(message);
    for (size_t i = 0; i < CTL_COUNT(kinds); i++) {
        if (strcmp(kinds[i].name, name) != 0 || kinds[i].args != args)
            continue;
        message->command = kinds[i].command;
        if (args == 2) {
            message->given = MCMP_FIELD_JVMROUTE;
            message->jvm_route = ctl_span(c->options.args[1]);
        }
        return CTL_OK;
    }
    return ctl_fail(CTL_USAGE, "bench takes ping, info, version or status ROUTE");
}

static int compare(const void *a, const void *b)
{
    const mcmp_time *one = a;
    const mcmp_time *two = b;

    return (*one > *two) - (*one < *two);
}

static mcmp_time at(const mcmp_time *times, size_t count, size_t permille)
{
    return times[(count - 1) * permille / 1000];
}

static void report(const ctl *c, mcmp_time *times, size_t count, mcmp_time total)
{
    double rate = (double)count * MCMP_SEC / (double)(total > 0 ? total : 1);

    qsort(times, count, sizeof(*times), compare);
    if (c->options.form == CTL_JSON) {
        ctl_json_open(NULL, '{');
        ctl_json_int("messages", (int64_t)count);
        ctl_json_int("perSecond", (int64_t)rate);
        ctl_json_int("medianUs", at(times, count, 500));
        ctl_json_int("p99Us", at(times, count, 990));
        ctl_json_int("maxUs", times[count - 1]);
        ctl_json_close('}');
        ctl_json_end();
        return;
    }
    (void)printf("%zu messages in %.2f s: %.0f per second\n", count, (double)total / MCMP_SEC,
                 rate);
    (void)printf("latency: median %lld us, 99 %% %lld us, longest %lld us\n",
                 (long long)at(times, count, 500), (long long)at(times, count, 990),
                 (long long)times[count - 1]);
}

int ctl_run_bench(ctl *c)
{
    size_t count = (size_t)c->options.messages;
    const mcmp_answer_info *answer;
    mcmp_message message;
    mcmp_time start;
    mcmp_time *times;
    int rc = take_message(c, &message);

    if (rc != CTL_OK)
        return rc;
    times = calloc(count, sizeof(*times));
    if (times == NULL)
        return ctl_fail(CTL_UNREACHABLE, "no memory for %zu times", count);
    start = ctl_now();
    for (size_t i = 0; rc == CTL_OK && i < count; i++) {
        mcmp_time sent = ctl_now();

        rc = ctl_must(c, &message, &answer);
        times[i] = ctl_now() - sent;
    }
    if (rc == CTL_OK)
        report(c, times, count, ctl_now() - start);
    free(times);
    return rc;
}
