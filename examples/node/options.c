/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The settings of mcmp-node, see options.h: one table for the command line, the configuration file
 * and --help. A line of the file is `name value`, `name = value` or the name of a switch with yes,
 * no or nothing.
 */
#include "options.h"
#include "text.h"
#include "values.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define FIELD(name) offsetof(node_options, name)
#define LONGEST ((int64_t)INT32_MAX * MCMP_SEC)

static const node_flag flags[] = {
    { "Where to register", NULL, NULL, NULL, 0, 0, 0 },
    { "config", "FILE", "settings, one per line, without the dashes; flags come after it",
      node_set_name, FIELD(config_file), 0, 0 },
    { "proxy", "[https://]HOST:PORT[/PREFIX]", "management address of a balancer; may be repeated",
      node_add_proxy, 0, 0, 0 },
    { "advertise", NULL, "register with balancers that advertise themselves, too", node_set_true,
      FIELD(advertise), 0, 0 },
    { "advertise-group", "ADDRESS:PORT", "multicast group; 224.0.1.105:23364", node_set_name,
      FIELD(advertise_group), 0, 127 },
    { "advertise-interface", "NAME|ADDRESS", "interface to listen on; the system's choice",
      node_set_name, FIELD(advertise_interface), 0, 63 },
    { "advertise-key-file", "FILE", "datagrams must be signed by its first line", node_set_name,
      FIELD(advertise_key_file), 0, 0 },
    { "tls-ca", "FILE", "certificates that https balancers are checked by; the system's",
      node_set_name, FIELD(tls_ca), 0, 0 },
    { "tls-cert", "FILE", "certificate shown to https balancers", node_set_name, FIELD(tls_cert), 0,
      0 },
    { "tls-key", "FILE", "its key; that file", node_set_name, FIELD(tls_key), 0, 0 },
    { "tls-verify", "yes|no", "check the certificates of https balancers; yes", node_set_bool,
      FIELD(tls_verify), 0, 0 },
    { "The node", NULL, NULL, NULL, 0, 0, 0 },
    { "route", "NAME", "JVMRoute, the name of this node; required", node_set_name, FIELD(route),
      NAME_STRICT, 63 },
    { "backend", "HOST:PORT", "where the application listens; required", node_set_backend, 0, 0,
      0 },
    { "type", "ajp|http|https|ws|wss", "protocol of the backend; http", node_set_word,
      FIELD(scheme), 0, 0 },
    { "context", "/PATH[,/PATH..]", "paths that it serves; may be repeated; /", node_add_contexts,
      0, 0, 0 },
    { "alias", "NAME[,NAME..]", "host names that it serves; may be repeated; localhost",
      node_add_aliases, 0, 0, 0 },
    { "balancer", "NAME", "balancer that it belongs to", node_set_name, FIELD(balancer),
      NAME_BLANKS, 39 },
    { "domain", "NAME", "group of nodes that share sessions", node_set_name, FIELD(domain),
      NAME_BLANKS, 19 },
    { "load", "0..100|auto", "capacity told by STATUS, auto = from system load; 100", node_set_load,
      FIELD(load), 0, 0 },
    { "ping", "TIME", "time to connect and to answer a probe", node_set_duration, FIELD(ping), 0,
      LONGEST },
    { "ttl", "TIME", "life of idle connections above smax", node_set_duration, FIELD(ttl), 0,
      LONGEST },
    { "smax", "N", "idle connections kept, -1 = the balancer's default", node_set_number,
      FIELD(smax), -1, INT32_MAX },
    { "timeout", "TIME", "read and write timeout of forwarded requests", node_set_duration,
      FIELD(timeout), 0, LONGEST },
    { "flushpackets", "off|on|auto", "whether answers are passed on at once", node_set_word,
      FIELD(flushpackets), 0, 0 },
    { "flushwait", "TIME", "wait of flushpackets auto", node_set_duration, FIELD(flushwait), 0,
      LONGEST },
    { "The balancer's settings, sent with the node", NULL, NULL, NULL, 0, 0, 0 },
    { "sticky-session", "yes|no", "sessions stay at their node; yes", node_set_bool, FIELD(sticky),
      0, 0 },
    { "sticky-force", "yes|no", "fail rather than leave the node; no", node_set_bool,
      FIELD(sticky_force), 0, 0 },
    { "sticky-remove", "yes|no", "drop the session id when the node is left; no", node_set_bool,
      FIELD(sticky_remove), 0, 0 },
    { "sticky-cookie", "NAME", "cookie of the session; JSESSIONID", node_set_name,
      FIELD(sticky_cookie), NAME_STRICT, 29 },
    { "sticky-path", "NAME", "path parameter of the session; jsessionid", node_set_name,
      FIELD(sticky_path), NAME_STRICT, 29 },
    { "wait-worker", "TIME", "how long a request may wait for a usable node", node_set_duration,
      FIELD(wait_worker), 0, LONGEST },
    { "max-attempts", "N", "further tries after a failed forward", node_set_number,
      FIELD(max_attempts), 0, INT32_MAX },
    { "The load, told by STATUS", NULL, NULL, NULL, 0, 0, 0 },
    { "metric", "KIND[*WEIGHT][/CAPACITY][=SOURCE]",
      "cpu, loadavg, memory, command or url; may be repeated", node_add_metric, 0, 0, 0 },
    { "load-history", "0..100", "earlier values that count, too; 9", node_set_number,
      FIELD(load_history), 0, 100 },
    { "load-decay", "N", "each counts so many times less than the next one; 2", node_set_factor,
      FIELD(load_decay), 1, 1000 },
    { "The health of the application", NULL, NULL, NULL, 0, 0, 0 },
    { "check", "tcp|URL|COMMAND", "what tells that it is well; nothing is checked without",
      node_set_check, 0, 0, 0 },
    { "check-interval", "TIME", "between two checks; 5s", node_set_duration, FIELD(check_interval),
      10 * MCMP_MSEC, 3600 * MCMP_SEC },
    { "check-timeout", "TIME", "of a check; 2s", node_set_duration, FIELD(check_timeout),
      10 * MCMP_MSEC, 3600 * MCMP_SEC },
    { "check-fall", "N", "bad checks in a row until it is not well; 3", node_set_number,
      FIELD(check_fall), 1, 1000 },
    { "check-rise", "N", "good ones until it is well again; 1", node_set_number, FIELD(check_rise),
      1, 1000 },
    { "check-action", "broken|remove", "how balancers that know it are told; broken", node_set_word,
      FIELD(check_action), 0, 0 },
    { "How the agent works", NULL, NULL, NULL, 0, 0, 0 },
    { "interval", "TIME", "between two STATUS messages; 10s", node_set_duration, FIELD(interval),
      50 * MCMP_MSEC, 3600 * MCMP_SEC },
    { "connect-timeout", "TIME", "to reach a balancer; 5s", node_set_duration,
      FIELD(connect_timeout), MCMP_MSEC, 3600 * MCMP_SEC },
    { "answer-timeout", "TIME", "for an answer of a balancer; 20s", node_set_duration,
      FIELD(answer_timeout), MCMP_MSEC, 3600 * MCMP_SEC },
    { "drain-wait", "TIME", "at the end: between DISABLE-APP and STOP-APP; 1s", node_set_duration,
      FIELD(drain_wait), 0, 86400 * MCMP_SEC },
    { "drain-timeout", "TIME", "at the end: for the whole draining; 10s", node_set_duration,
      FIELD(drain_timeout), 0, 86400 * MCMP_SEC },
    { "ready-file", "FILE", "written with the backend's address once registered", node_set_name,
      FIELD(ready_file), 0, 0 },
    { "pid-file", "FILE", "holds the process id while it runs", node_set_name, FIELD(pid_file), 0,
      0 },
    { "log-file", "FILE", "log lines go there, opened anew at SIGHUP; stderr", node_set_name,
      FIELD(log_file), 0, 0 },
    { "log-level", "error|warn|notice|info|debug", "what is logged; info", node_set_word,
      FIELD(log_level), MCMP_LOG_ERROR, 0 },
    { "demo", NULL, "serve a small application on the backend address; port 0 = any", node_set_true,
      FIELD(demo), 0, 0 },
    { "ajp-secret-file", "FILE", "--demo by ajp: requests must carry the first line as secret",
      node_set_name, FIELD(ajp_secret_file), 0, 0 },
    { "ajp-packet", "8192..65536", "--demo by ajp: greatest packet sent; 8192", node_set_number,
      FIELD(ajp_packet), 8192, 65536 },
};

/* Flags that add to a list. */
static int may_be_repeated(const node_flag *flag)
{
    return flag->set == node_add_proxy || flag->set == node_add_contexts ||
           flag->set == node_add_aliases || flag->set == node_add_metric;
}

static const node_flag *find_flag(mcmp_span name)
{
    for (size_t i = 0; i < NODE_COUNT(flags); i++)
        if (flags[i].set != NULL && node_span_is(name, flags[i].name))
            return &flags[i];
    return NULL;
}

static void set_defaults(node_options *options)
{
    memset(options, 0, sizeof(*options));
    options->scheme = MCMP_SCHEME_HTTP;
    options->tls_verify = 1;
    options->load_history = 9;
    options->load_decay = 2;
    options->check_interval = 5 * MCMP_SEC;
    options->check_timeout = 2 * MCMP_SEC;
    options->check_fall = 3;
    options->check_rise = 1;
    options->load = NODE_LOAD_STANDARD;
    options->log_level = MCMP_LOG_INFO;
    options->sticky = options->sticky_force = options->sticky_remove = options->flushpackets = -1;
    options->smax = options->max_attempts = NODE_NOT_GIVEN;
    options->flushwait = options->ping = options->ttl = NODE_NOT_GIVEN;
    options->timeout = options->wait_worker = NODE_NOT_GIVEN;
    options->interval = 10 * MCMP_SEC;
    options->connect_timeout = 5 * MCMP_SEC;
    options->answer_timeout = 20 * MCMP_SEC;
    options->drain_wait = MCMP_SEC;
    options->drain_timeout = 10 * MCMP_SEC;
}

static int is_wildcard(mcmp_span host)
{
    return node_span_is(host, "0.0.0.0") || node_span_is(host, "[::]") || node_span_is(host, "*");
}

/* Who gives a certificate means TLS, and must not be served without. */
static int may_use_tls(const node_options *options)
{
    for (size_t i = 0; i < options->proxy_count; i++)
        if (options->proxies[i].tls)
            return 1;
    return options->advertise;
}

static const char *check_pairs(const node_options *options)
{
    if (options->metric_count > 0 && options->load != NODE_LOAD_STANDARD)
        return "--load does not go with --metric";
    if (options->tls_key != NULL && options->tls_cert == NULL)
        return "--tls-key needs --tls-cert";
    if ((options->tls_ca != NULL || options->tls_cert != NULL) && !may_use_tls(options))
        return "--tls-ca and --tls-cert go with --proxy https://HOST:PORT, or --advertise";
    if (!options->advertise &&
        (options->advertise_group != NULL || options->advertise_interface != NULL ||
         options->advertise_key_file != NULL))
        return "--advertise-group, --advertise-interface and --advertise-key-file need --advertise";
    return NULL;
}

static const char *check(node_options *options)
{
    if (options->route == NULL)
        return "--route is required";
    if (options->backend_host.len == 0)
        return "--backend is required";
    if (is_wildcard(options->backend_host))
        return "--backend: balancers need an address they can connect to, not a wildcard";
    if (options->proxy_count == 0 && !options->demo && !options->advertise)
        return "--proxy or --advertise is required";
    if (options->backend_port == 0 && !options->demo)
        return "--backend: port 0 goes with --demo only";
    if (options->demo && options->scheme != MCMP_SCHEME_HTTP && options->scheme != MCMP_SCHEME_WS &&
        options->scheme != MCMP_SCHEME_AJP)
        return "--demo speaks http (and ws) and ajp only";
    if (options->context_count == 0)
        options->contexts[options->context_count++] = "/";
    if (options->alias_count == 0)
        options->aliases[options->alias_count++] = "localhost";
    return check_pairs(options);
}

/* ---- the command line and the file ---- */

/* What the name of a value does not tell, or nothing. */
static void tell_limits(const node_flag *flag, char *out, size_t size)
{
    const char *blanks = flag->min == NAME_STRICT ? " and blanks" : "";

    out[0] = '\0';
    if (may_be_repeated(flag))
        (void)snprintf(out, size, "; the flag may be repeated");
    else if (flag->set == node_set_duration && flag->min > 0)
        (void)snprintf(out, size, ", %d ms or more", (int)(flag->min / MCMP_MSEC));
    else if (flag->set == node_set_number && strcmp(flag->value, "N") == 0)
        (void)snprintf(out, size, ", %d or more", (int)flag->min);
    else if (flag->set == node_set_name && flag->min != 0)
        (void)snprintf(out, size, ", 1 to %d characters without , [ ]%s", (int)flag->max, blanks);
}

static int set(node_options *options, const node_flag *flag, const char *value, char *why,
               size_t size)
{
    char limits[64];

    if (flag->set(flag, (char *)options + flag->offset, value) == 0)
        return 0;
    tell_limits(flag, limits, sizeof(limits));
    (void)snprintf(why, size, "--%s: bad value '%.80s', wanted %s%s", flag->name,
                   value != NULL ? value : "", flag->value != NULL ? flag->value : "none", limits);
    return -1;
}

/* One argument, with its value in `--name=value` or in the next one. */
static int take(node_options *options, int argc, const char *const *argv, int *at, char *why,
                size_t size)
{
    mcmp_span inline_value;
    mcmp_span arg = node_span_of(argv[*at]);
    mcmp_span name = node_span_cut(arg, '=', &inline_value);
    const node_flag *flag = NULL;
    const char *value = inline_value.ptr;

    if (name.len > 2 && memcmp(name.ptr, "--", 2) == 0)
        flag = find_flag(node_span(name.ptr + 2, name.len - 2));
    if (flag == NULL || (flag->value == NULL && value != NULL)) {
        (void)snprintf(why, size, flag == NULL ? "unknown flag %s" : "%s: the flag takes no value",
                       argv[*at]);
        return -1;
    }
    if (flag->value != NULL && value == NULL) {
        if (*at + 1 >= argc) {
            (void)snprintf(why, size, "--%s needs a value: %s", flag->name, flag->value);
            return -1;
        }
        value = argv[++*at];
    }
    return set(options, flag, value, why, size);
}

/* A switch of the file: on by itself or with yes. */
static int set_switch(node_options *options, const node_flag *flag, const char *value)
{
    int32_t on = 1;

    if (value[0] != '\0' && node_set_bool(flag, &on, value) != 0)
        return -1;
    memcpy((char *)options + flag->offset, &on, sizeof(on));
    return 0;
}

/* A line of the file, NUL-terminated, which stays where it is. */
static int take_line(node_options *options, char *line, char *why, size_t size)
{
    mcmp_span text = node_span_trim(node_span_of(line));
    const node_flag *flag;
    size_t len = 0;
    char *value;

    if (text.len == 0 || text.ptr[0] == '#')
        return 0;
    while (len < text.len && strchr(" \t=", text.ptr[len]) == NULL)
        len++;
    flag = find_flag(node_span(text.ptr, len));
    if (flag == NULL || node_span_is(node_span(text.ptr, len), "config")) {
        (void)snprintf(why, size, "unknown setting '%.*s'", (int)(len < 60 ? len : 60), text.ptr);
        return -1;
    }
    value = line + (text.ptr - line) + len;
    line[text.ptr - line + (ptrdiff_t)text.len] = '\0';
    value += strspn(value, " \t");
    value += *value == '=';
    value += strspn(value, " \t");
    if (flag->value != NULL)
        return set(options, flag, value, why, size);
    if (set_switch(options, flag, value) == 0)
        return 0;
    (void)snprintf(why, size, "--%s: bad value '%.80s', wanted yes or no", flag->name, value);
    return -1;
}

static int read_file(node_options *options, const char *name, size_t *len, char *why, size_t size)
{
    FILE *file = fopen(name, "r");

    if (file == NULL) {
        (void)snprintf(why, size, "can't read %.100s: %s", name, strerror(errno));
        return -1;
    }
    *len = fread(options->file, 1, sizeof(options->file), file);
    (void)fclose(file);
    if (*len == sizeof(options->file)) {
        (void)snprintf(why, size, "%.100s has more than %d bytes", name, NODE_FILE_MAX);
        return -1;
    }
    if (memchr(options->file, '\0', *len) == NULL) {
        options->file[*len] = '\0';
        return 0;
    }
    (void)snprintf(why, size, "%.100s is no text", name);
    return -1;
}

static int take_file(node_options *options, const char *name, char *why, size_t size)
{
    char what[200];
    char *line = options->file;
    unsigned number = 1;
    size_t len;

    if (read_file(options, name, &len, why, size) != 0)
        return -1;
    for (; line < options->file + len; number++) {
        char *end = line + strcspn(line, "\n");

        *end = '\0';
        if (end > line && end[-1] == '\r')
            end[-1] = '\0';
        if (take_line(options, line, what, sizeof(what)) != 0) {
            (void)snprintf(why, size, "%.60s:%u: %.120s", name, number, what);
            return -1;
        }
        line = end + 1;
    }
    return 0;
}

/* The file of the last --config, so that flags come after all of its settings. */
static const char *config_of(int argc, const char *const *argv)
{
    const char *name = NULL;

    for (int i = 1; i < argc; i++) {
        mcmp_span value;
        mcmp_span flag = node_span_cut(node_span_of(argv[i]), '=', &value);

        if (!node_span_is(flag, "--config"))
            continue;
        name = value.ptr != NULL ? value.ptr : i + 1 < argc ? argv[++i] : NULL;
    }
    return name;
}

int node_options_parse(node_options *options, int argc, const char *const *argv, char *why,
                       size_t size)
{
    const char *wrong;

    set_defaults(options);
    options->config_file = config_of(argc, argv);
    if (options->config_file != NULL && take_file(options, options->config_file, why, size) != 0)
        return NODE_OPTIONS_BAD;
    for (int i = 1; i < argc; i++) {
        mcmp_span arg = node_span_of(argv[i]);

        if (node_span_is(arg, "--help") || node_span_is(arg, "-h"))
            return NODE_OPTIONS_HELP;
        if (node_span_is(arg, "--version"))
            return NODE_OPTIONS_VERSION;
        if (take(options, argc, argv, &i, why, size) != 0)
            return NODE_OPTIONS_BAD;
    }
    wrong = check(options);
    if (options->load == NODE_LOAD_STANDARD)
        options->load = 100;
    if (options->load < 0) /* auto */
        options->metrics[options->metric_count++] =
            (node_metric){ .kind = NODE_METRIC_LOADAVG, .weight = 1 };
    if (wrong != NULL) {
        (void)snprintf(why, size, "%s", wrong);
        return NODE_OPTIONS_BAD;
    }
    return NODE_OPTIONS_RUN;
}

void node_options_help(void (*write)(const char *text))
{
    char line[160];

    write(
        "usage: mcmp-node --proxy HOST:PORT --route NAME --backend HOST:PORT [flags]\n\n"
        "Registers an application that knows nothing of MCMP with ModCluster balancers: INFO,\n"
        "CONFIG, ENABLE-APP, then STATUS at each interval. Registers again when a balancer lost\n"
        "it. SIGTERM or SIGINT: DISABLE-APP, wait, STOP-APP until no request runs or the time is\n"
        "over, REMOVE-APP, then exit. A second signal ends at once. SIGHUP: opens the log anew.\n");
    for (size_t i = 0; i < NODE_COUNT(flags); i++) {
        const node_flag *flag = &flags[i];
        char left[64];

        if (flag->set == NULL) {
            (void)snprintf(line, sizeof(line), "\n%s:\n", flag->name);
        } else {
            (void)snprintf(left, sizeof(left), "--%s %s", flag->name,
                           flag->value != NULL ? flag->value : "");
            (void)snprintf(line, sizeof(line), "  %-40s %s\n", left, flag->help);
        }
        write(line);
    }
    write(
        "  --help                                   this text\n"
        "  --version                                version of the library\n\n"
        "TIME is a number with ms, s, mi or h; a bare number means seconds. After the semicolon\n"
        "stands the default; settings without one are left to the balancer.\n\n"
        "Pages of --demo, at / and below each context: / (route, session counter, headers), "
        "/json,\n"
        "/echo, /upload (size and SHA-256 of the body), /stream?bytes=N[&chunked=1], /slow?ms=N,\n"
        "/status?code=N, /ws (WebSocket echo, not by ajp); OPTIONS * is answered 200.\n\n"
        "CAPACITY is the value of a metric that means full: by itself the processors of loadavg, 1 "
        "of\n"
        "cpu and memory. SOURCE is the command or URL that prints the number. COMMAND runs in sh;\n"
        "exit code 0 means well. A URL means well when the status is 200 to 399.\n\n"
        "Output: log lines on stderr; on stdout `listening on HOST:PORT` with --demo.\n\n"
        "Exit codes:\n"
        "  0  removed from every balancer that knew the node, nothing was cut off\n"
        "  1  could not start (address in use, file that can't be read or written, no memory)\n"
        "  2  bad flags or configuration file\n"
        "  3  every balancer refused the node for good (answer of type SYNTAX)\n"
        "  4  left with requests still running, or a balancer could not be told\n");
}
