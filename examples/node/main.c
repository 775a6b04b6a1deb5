/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mcmp-node: registers an application that knows nothing of MCMP with ModCluster balancers, and
 * with --demo is such an application itself. Uses the client side of libmcmp only.
 */
#include "agent.h"
#include "demo.h"
#include "discover.h"
#include "health.h"
#include "log.h"
#include "metrics.h"
#include "notify.h"
#include "text.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEMO_CONNECTIONS 4096
#define GRACE_MS 2000u /* for what still runs in the demonstration when every balancer was told */
#define GRACE_POLL_MS 20u
#define CLOSE_ROUNDS 8 /* of the loop, for the callbacks of what was closed */

typedef struct node_program {
    uv_loop_t loop;
    uv_signal_t term;
    uv_signal_t interrupt;
    uv_signal_t hangup;
    uv_timer_t grace;
    uv_timer_t watchdog;
    const node_options *options;
    demo_server *demo;
    node_tls *tls;
    node_agent *agent;
    node_metrics *metrics;
    node_health *health;
    node_discover *discover;
    uint64_t give_up_at;
    int signals;
    int exit_code;
    int has_pid_file;
    uint32_t port;
    char secret[256];
} node_program;

static void print(const char *text)
{
    (void)fputs(text, stdout);
}

/* Written aside and renamed, so that a script never reads half of it. */
static int write_file(const char *path, const char *text)
{
    char name[4096];
    FILE *file;
    int len = snprintf(name, sizeof(name), "%s.new", path);

    if (len < 0 || (size_t)len >= sizeof(name))
        return -1;
    file = fopen(name, "w");
    if (file == NULL)
        return -1;
    (void)fputs(text, file);
    if (fclose(file) == 0 && rename(name, path) == 0)
        return 0;
    (void)unlink(name);
    return -1;
}

static int write_ready_file(const node_program *program)
{
    mcmp_span host = program->options->backend_host;
    char text[128];

    (void)snprintf(text, sizeof(text), "%.*s:%u\n", (int)host.len, host.ptr, program->port);
    return write_file(program->options->ready_file, text);
}

static void on_ready(void *ctx)
{
    node_program *program = ctx;

    if (program->options->ready_file != NULL && write_ready_file(program) != 0)
        node_log(MCMP_LOG_ERROR, "mcmp-node", "can't write %s", program->options->ready_file);
    (void)node_notify("STATUS=registered");
}

static void leave(node_program *program)
{
    if (program->options->ready_file != NULL)
        (void)unlink(program->options->ready_file);
    if (program->options->pid_file != NULL && program->has_pid_file)
        (void)unlink(program->options->pid_file);
    node_discover_free(program->discover);
    node_health_free(program->health);
    node_agent_free(program->agent);
    node_metrics_free(program->metrics);
    if (program->demo != NULL)
        demo_close(program->demo);
    program->agent = NULL;
    program->demo = NULL;
    program->discover = NULL;
    program->health = NULL;
    program->metrics = NULL;
    uv_close((uv_handle_t *)&program->term, NULL);
    uv_close((uv_handle_t *)&program->interrupt, NULL);
    uv_close((uv_handle_t *)&program->hangup, NULL);
    uv_close((uv_handle_t *)&program->grace, NULL);
    uv_close((uv_handle_t *)&program->watchdog, NULL);
    uv_stop(&program->loop);
}

static void on_grace(uv_timer_t *timer)
{
    node_program *program = timer->data;

    if (program->demo != NULL && demo_connections(program->demo) > 0 &&
        uv_now(&program->loop) < program->give_up_at)
        return;
    leave(program);
}

/* Every balancer was told: what still runs here is finished, then the program ends. */
static void on_ended(void *ctx)
{
    node_program *program = ctx;

    program->exit_code = node_agent_exit_code(program->agent);
    if (program->demo != NULL)
        demo_stop(program->demo);
    program->give_up_at = uv_now(&program->loop) + GRACE_MS;
    uv_timer_start(&program->grace, on_grace, 0, GRACE_POLL_MS);
}

static void on_signal(uv_signal_t *handle, int number)
{
    node_program *program = handle->data;

    (void)number;
    if (program->signals++ == 0) {
        node_log(MCMP_LOG_INFO, "mcmp-node", "drains; a second signal ends at once");
        (void)node_notify("STOPPING=1\nSTATUS=draining");
        node_agent_drain(program->agent);
        return;
    }
    if (program->agent == NULL)
        return;
    node_log(MCMP_LOG_WARN, "mcmp-node", "ends at once");
    program->exit_code = node_agent_exit_code(program->agent);
    leave(program);
}

/* The log is opened anew, for those who rename it. */
static void on_hangup(uv_signal_t *handle, int number)
{
    const node_program *program = handle->data;
    const char *file = program->options->log_file;

    (void)number;
    if (file != NULL && node_log_open(file) != 0)
        node_log(MCMP_LOG_ERROR, "mcmp-node", "can't open %s: %s", file, strerror(errno));
}

static void on_watchdog(uv_timer_t *timer)
{
    (void)timer;
    (void)node_notify("WATCHDOG=1");
}

static int32_t on_load(void *ctx)
{
    node_program *program = ctx;

    return program->metrics != NULL ? node_metrics_load(program->metrics) : program->options->load;
}

static void on_health(void *ctx, int is_well)
{
    node_program *program = ctx;
    uint32_t ill = program->options->check_action == 1 ? MCMP_AGENT_AWAY : MCMP_AGENT_BROKEN;

    node_agent_set_health(program->agent, is_well ? MCMP_AGENT_UP : ill);
}

/* The first line of the file. 0, or -1. */
static int read_secret(node_program *program)
{
    FILE *file = fopen(program->options->ajp_secret_file, "r");
    int ok = file != NULL && fgets(program->secret, sizeof(program->secret), file) != NULL;

    if (file != NULL)
        (void)fclose(file);
    program->secret[strcspn(program->secret, "\r\n")] = '\0';
    if (ok && program->secret[0] != '\0')
        return 0;
    node_log(MCMP_LOG_ERROR, "mcmp-node", "no secret can be read from %s",
             program->options->ajp_secret_file);
    return -1;
}

static int start_demo(node_program *program)
{
    const node_options *options = program->options;
    char host[64];
    demo_options demo = {
        .port = options->backend_port,
        .route = options->route,
        .cookie = options->sticky_cookie != NULL ? options->sticky_cookie : "JSESSIONID",
        .context = options->contexts,
        .context_count = options->context_count,
        .max_connections = DEMO_CONNECTIONS,
        .ajp = options->scheme == MCMP_SCHEME_AJP,
        .max_packet = (uint32_t)options->ajp_packet,
    };
    mcmp_span name = options->backend_host;
    const char *why;

    if (options->ajp_secret_file != NULL && read_secret(program) != 0)
        return -1;
    demo.secret = node_span_of(program->secret);
    if (name.ptr[0] == '[')
        name = node_span(name.ptr + 1, name.len - 2);
    memcpy(host, name.ptr, name.len);
    host[name.len] = '\0';
    demo.host = host;
    program->demo = demo_start(&program->loop, &demo, &why);
    if (program->demo == NULL) {
        node_log(MCMP_LOG_ERROR, "mcmp-node", "can't listen on %.*s:%u: %s",
                 (int)options->backend_host.len, options->backend_host.ptr, options->backend_port,
                 why);
        return -1;
    }
    program->port = demo_port(program->demo);
    (void)printf("listening on %.*s:%u\n", (int)options->backend_host.len,
                 options->backend_host.ptr, program->port);
    (void)fflush(stdout);
    return 0;
}

static void open_handles(node_program *program)
{
    uv_signal_init(&program->loop, &program->term);
    uv_signal_init(&program->loop, &program->interrupt);
    uv_timer_init(&program->loop, &program->grace);
    uv_signal_init(&program->loop, &program->hangup);
    uv_timer_init(&program->loop, &program->watchdog);
    program->term.data = program->interrupt.data = program->grace.data = program;
    program->hangup.data = program->watchdog.data = program;
    uv_signal_start(&program->hangup, on_hangup, SIGHUP);
    uv_signal_start(&program->term, on_signal, SIGTERM);
    uv_signal_start(&program->interrupt, on_signal, SIGINT);
}

static int wants_tls(const node_options *options)
{
    for (size_t i = 0; i < options->proxy_count; i++)
        if (options->proxies[i].tls)
            return 1;
    return options->advertise || options->tls_cert != NULL;
}

static int start_tls(node_program *program)
{
    const node_options *options = program->options;
    node_tls_options tls = { options->tls_ca, options->tls_cert, options->tls_key,
                             options->tls_verify };
    const char *why;

    if (!wants_tls(options))
        return 0;
    program->tls = node_tls_new(&tls, &why);
    if (program->tls != NULL)
        return 0;
    node_log(MCMP_LOG_ERROR, "mcmp-node", "%s", why);
    return -1;
}

/* Until the first check nobody knows whether the application is well. */
static int start_checks(node_program *program)
{
    const node_options *options = program->options;

    if (options->metric_count > 0) {
        program->metrics = node_metrics_start(&program->loop, options);
        if (program->metrics == NULL)
            return -1;
    }
    if (options->check == NODE_CHECK_NONE)
        return 0;
    node_agent_set_health(program->agent, MCMP_AGENT_BROKEN);
    program->health = node_health_start(&program->loop, options, program->port, on_health, program);
    return program->health != NULL ? 0 : -1;
}

static int start_agent(node_program *program)
{
    static const node_agent_events events = { on_ready, on_ended, on_load };
    const node_options *options = program->options;
    const char *why = "no memory";
    char text[300];

    program->agent = node_agent_start(&program->loop, options, program->tls, program->port, &events,
                                      program, &why);
    if (program->agent == NULL || start_checks(program) != 0) {
        node_log(MCMP_LOG_ERROR, "mcmp-node", "%s", why);
        return -1;
    }
    if (!options->advertise)
        return 0;
    program->discover =
        node_discover_start(&program->loop, options, program->agent, text, sizeof(text));
    if (program->discover != NULL)
        return 0;
    node_log(MCMP_LOG_ERROR, "mcmp-node", "%s", text);
    return -1;
}

static int write_pid_file(node_program *program)
{
    char text[32];

    if (program->options->pid_file == NULL)
        return 0;
    (void)snprintf(text, sizeof(text), "%ld\n", (long)getpid());
    if (write_file(program->options->pid_file, text) == 0) {
        program->has_pid_file = 1;
        return 0;
    }
    node_log(MCMP_LOG_ERROR, "mcmp-node", "can't write %s: %s", program->options->pid_file,
             strerror(errno));
    return -1;
}

/* The manager is told when the work begins; when balancers answer is not in our hands. */
static void tell_manager(node_program *program)
{
    uint64_t period = node_notify_watchdog();

    if (node_notify("READY=1\nSTATUS=registers") < 0)
        node_log(MCMP_LOG_WARN, "mcmp-node", "can't tell the service manager: %s", strerror(errno));
    if (period > 0)
        uv_timer_start(&program->watchdog, on_watchdog, period, period);
}

static int start(node_program *program)
{
    const node_options *options = program->options;

    program->port = options->backend_port;
    if (options->ready_file != NULL)
        (void)unlink(options->ready_file); /* of an earlier run */
    if (write_pid_file(program) != 0 || start_tls(program) != 0 ||
        (options->demo && start_demo(program) != 0) || start_agent(program) != 0)
        return -1;
    if (options->proxy_count == 0 && !options->advertise)
        on_ready(program);
    tell_manager(program);
    return 0;
}

/* Names are resolved in threads: one for each balancer, so that none waits for another. */
static void set_threads(const node_options *options)
{
    char count[16];

    (void)snprintf(count, sizeof(count), "%zu", options->proxy_count + 1);
    (void)setenv("UV_THREADPOOL_SIZE", count, 0);
}

static int run(const node_options *options)
{
    static node_program program; /* libuv's handles must stay where they are */

    program.options = options;
    if (uv_loop_init(&program.loop) != 0)
        return NODE_EXIT_START;
    (void)signal(SIGPIPE, SIG_IGN);
    set_threads(options);
    node_log_level(options->log_level);
    if (options->log_file != NULL && node_log_open(options->log_file) != 0) {
        (void)fprintf(stderr, "mcmp-node: can't open %s: %s\n", options->log_file, strerror(errno));
        return NODE_EXIT_START;
    }
    open_handles(&program);
    if (start(&program) != 0) {
        program.exit_code = NODE_EXIT_START;
        leave(&program);
    }
    (void)uv_run(&program.loop, UV_RUN_DEFAULT);
    for (int i = 0; i < CLOSE_ROUNDS && uv_run(&program.loop, UV_RUN_NOWAIT) != 0; i++)
        ;
    if (uv_loop_close(&program.loop) == UV_EBUSY) {
        (void)fflush(NULL);
        _exit(program.exit_code); /* a name is being resolved: libuv would wait for its end */
    }
    node_tls_free(program.tls);
    return program.exit_code;
}

int main(int argc, char **argv)
{
    static node_options options;
    mcmp_version_info version;
    char why[200];

    /* the cast only adds const */
    switch (node_options_parse(&options, argc, (const char *const *)argv, why, sizeof(why))) {
    case NODE_OPTIONS_HELP:
        node_options_help(print);
        return NODE_EXIT_OK;
    case NODE_OPTIONS_VERSION:
        mcmp_version_info_init(&version);
        if (mcmp_version(&version) != MCMP_OK)
            return NODE_EXIT_START;
        (void)printf("mcmp-node (libmcmp %s, protocol %s)\n", version.text, version.protocol);
        return NODE_EXIT_OK;
    case NODE_OPTIONS_BAD:
        (void)fprintf(stderr, "mcmp-node: %s\nTry mcmp-node --help.\n", why);
        return NODE_EXIT_USAGE;
    default:
        return run(&options);
    }
}
