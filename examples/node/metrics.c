/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics, see metrics.h. Those of the system are read when Load is wanted; commands and URLs are
 * asked at each interval, and what they said last counts. All proxies are told the same: a sample
 * is taken once in an interval.
 */
#include "metrics.h"
#include "load.h"
#include "log.h"
#include "probe.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct metric_state {
    node_metrics *metrics;
    const node_metric *setting;
    node_history history;
    node_probe *probe;
    uint64_t cpu[2];
    double latest; /* of a command or URL; below 0: unknown */
    int failed;    /* the last time */
} metric_state;

struct node_metrics {
    uv_loop_t *loop;
    const node_options *options;
    uv_timer_t *timer;
    uint64_t sampled_at; /* ms */
    int32_t load;
    size_t count;
    metric_state states[NODE_METRICS_MAX];
};

static int read_text(const char *name, char *text, size_t size)
{
    FILE *file = fopen(name, "r");
    size_t len;

    if (file == NULL)
        return -1;
    len = fread(text, 1, size - 1, file);
    text[len] = '\0';
    (void)fclose(file);
    return 0;
}

double node_cpu_share(const char *text, uint64_t state[2])
{
    mcmp_span line = node_span_of(text);
    mcmp_span rest;
    uint64_t all = 0;
    uint64_t idle = 0;
    double share = -1;

    line = node_span_cut(line, '\n', &rest);
    if (!node_span_starts(line, node_span_of("cpu ")))
        return -1;
    rest = node_span_trim(node_span(line.ptr + 4, line.len - 4));
    for (int i = 0; rest.ptr != NULL && i < 8; i++) { /* guest time is part of user time */
        uint64_t ticks;

        if (node_parse_uint(node_span_cut(rest, ' ', &rest), UINT64_MAX / 16, &ticks) != 0)
            return -1;
        all += ticks;
        idle += i == 3 || i == 4 ? ticks : 0; /* idle, and waiting for I/O */
    }
    if (state[0] != 0 && all > state[0] && idle >= state[1])
        share = 1.0 - (double)(idle - state[1]) / (double)(all - state[0]);
    state[0] = all;
    state[1] = idle;
    return share;
}

static int find_kilobytes(const char *text, const char *name, uint64_t *out)
{
    const char *at = strstr(text, name);
    size_t digits;

    if (at == NULL)
        return -1;
    at += strlen(name);
    at += strspn(at, " ");
    digits = strspn(at, "0123456789");
    return node_parse_uint(node_span(at, digits), UINT64_MAX / 1024, out);
}

double node_memory_share(const char *text)
{
    uint64_t all;
    uint64_t available;

    if (find_kilobytes(text, "MemTotal:", &all) != 0 ||
        find_kilobytes(text, "MemAvailable:", &available) != 0 || all == 0 || available > all)
        return -1;
    return 1.0 - (double)available / (double)all;
}

/* ---- commands and URLs ---- */

/* The first number of the text, which blanks may be around. */
static int first_number(const char *text, double *out)
{
    mcmp_span fraction;
    mcmp_span number;
    mcmp_span whole;
    uint64_t digits;
    uint64_t tail = 0;
    double scale = 1;

    text += strspn(text, " \t\r\n");
    number = node_span(text, strspn(text, "0123456789."));
    if (strchr(" \t\r\n", text[number.len]) == NULL)
        return -1;
    whole = node_span_cut(number, '.', &fraction);
    if (fraction.len > 6)
        fraction.len = 6;
    if (node_parse_uint(whole, (uint64_t)1 << 50, &digits) != 0 ||
        (fraction.ptr != NULL && node_parse_uint(fraction, 999999, &tail) != 0))
        return -1;
    for (size_t i = 0; i < fraction.len; i++)
        scale *= 10;
    *out = (double)digits + (double)tail / scale;
    return 0;
}

static void on_answer(void *ctx, int ok, const char *text)
{
    metric_state *state = ctx;
    const char *why = ok ? "no number" : text;
    double number;

    state->probe = NULL;
    if (ok && first_number(text, &number) == 0) {
        if (state->failed)
            node_log(MCMP_LOG_INFO, "metric", "%s answers again", state->setting->source);
        state->failed = 0;
        state->latest = number / state->setting->capacity;
        return;
    }
    node_log(state->failed ? MCMP_LOG_DEBUG : MCMP_LOG_WARN, "metric", "%s is left out: %s",
             state->setting->source, why);
    state->failed = 1;
    state->latest = -1;
}

static void ask(metric_state *state)
{
    const node_options *options = state->metrics->options;
    node_probe_target target = { .timeout = options->interval };

    if (state->setting->kind < NODE_METRIC_COMMAND || state->probe != NULL)
        return;
    target.kind = state->setting->kind == NODE_METRIC_URL ? NODE_CHECK_URL : NODE_CHECK_COMMAND;
    target.url = &state->setting->url;
    target.command = state->setting->source;
    state->probe = node_probe_start(state->metrics->loop, &target, on_answer, state);
}

static void on_interval(uv_timer_t *timer)
{
    node_metrics *metrics = timer->data;

    for (size_t i = 0; i < metrics->count; i++)
        ask(&metrics->states[i]);
}

/* ---- samples ---- */

/* The share that is used now, below 0 when it is not known. */
static double sample(metric_state *state)
{
    double averages[3] = { 0, 0, 0 };
    double capacity = state->setting->capacity;
    char text[4096];
    double share;

    switch (state->setting->kind) {
    case NODE_METRIC_CPU:
        share = read_text("/proc/stat", text, sizeof(text)) == 0 ? node_cpu_share(text, state->cpu)
                                                                 : -1;
        break;
    case NODE_METRIC_MEMORY:
        share = read_text("/proc/meminfo", text, sizeof(text)) == 0 ? node_memory_share(text) : -1;
        break;
    case NODE_METRIC_LOADAVG:
        uv_loadavg(averages);
        return averages[0] / (capacity > 0 ? capacity : (double)uv_available_parallelism());
    default:
        return state->latest;
    }
    return share < 0 || capacity <= 0 ? share : share / capacity;
}

static void take_sample(node_metrics *metrics)
{
    double used[NODE_METRICS_MAX];
    uint32_t weights[NODE_METRICS_MAX];
    int32_t load;

    for (size_t i = 0; i < metrics->count; i++) {
        metric_state *state = &metrics->states[i];
        double now = sample(state);

        if (now >= 0)
            node_history_add(&state->history, now, (size_t)metrics->options->load_history + 1);
        weights[i] = state->setting->weight;
        used[i] = state->history.count > 0 && now >= 0
                      ? node_history_mean(&state->history, metrics->options->load_decay)
                      : -1;
    }
    load = node_load_of(used, weights, metrics->count);
    metrics->load = load >= 0 ? load : 100;
}

int32_t node_metrics_load(node_metrics *metrics)
{
    uint64_t now = uv_hrtime() / 1000000;
    uint64_t half = (uint64_t)(metrics->options->interval / MCMP_MSEC) / 2;

    if (metrics->sampled_at != 0 && now - metrics->sampled_at < half)
        return metrics->load;
    metrics->sampled_at = now;
    take_sample(metrics);
    return metrics->load;
}

static void on_timer_closed(uv_handle_t *handle)
{
    free(handle);
}

node_metrics *node_metrics_start(uv_loop_t *loop, const node_options *options)
{
    node_metrics *metrics = calloc(1, sizeof(*metrics));

    if (metrics != NULL)
        metrics->timer = calloc(1, sizeof(*metrics->timer));
    if (metrics == NULL || metrics->timer == NULL) {
        free(metrics);
        return NULL;
    }
    metrics->loop = loop;
    metrics->options = options;
    metrics->count = options->metric_count;
    metrics->load = 100;
    for (size_t i = 0; i < metrics->count; i++) {
        metrics->states[i].metrics = metrics;
        metrics->states[i].setting = &options->metrics[i];
        metrics->states[i].latest = -1;
        if (options->metrics[i].kind == NODE_METRIC_CPU)
            (void)sample(&metrics->states[i]); /* shares are between two samples */
    }
    uv_timer_init(loop, metrics->timer);
    metrics->timer->data = metrics;
    uv_timer_start(metrics->timer, on_interval, 0, (uint64_t)(options->interval / MCMP_MSEC));
    return metrics;
}

void node_metrics_free(node_metrics *metrics)
{
    if (metrics == NULL)
        return;
    for (size_t i = 0; i < metrics->count; i++)
        node_probe_cancel(metrics->states[i].probe);
    uv_close((uv_handle_t *)metrics->timer, on_timer_closed);
    free(metrics);
}
