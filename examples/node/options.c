/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of mcmp-node, see options.h. Limits are those of the protocol (MCMP 3), so that
 * a bad value is refused here with a clear text and not by the balancer with SYNTAX.
 */
#include "options.h"
#include "text.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

typedef struct node_flag node_flag;

/* 0, or -1 for a value that is not valid. */
typedef int (*flag_fn)(const node_flag *flag, void *field, const char *value);

struct node_flag {
    const char *name;
    const char *value; /* shown in --help; NULL: the flag takes none */
    const char *help;
    flag_fn set; /* NULL: a headline */
    size_t offset;
    int64_t min; /* of a number, or the flags of a name */
    int64_t max; /* of a number, or the greatest length */
};

#define NAME_STRICT 1 /* no `,`, brackets or blanks (MCMP 3.3) */
#define NAME_BLANKS 2 /* the same, blanks allowed */

static int set_name(const node_flag *flag, void *field, const char *value)
{
    size_t len = strlen(value);

    if (len == 0 || (flag->max > 0 && len > (size_t)flag->max))
        return -1;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)value[i];

        if (c < 0x20 || c == 0x7f || strchr("<>\"'", c) != NULL)
            return -1;
        if (flag->min != 0 && strchr(flag->min == NAME_STRICT ? ",[] " : ",[]", c) != NULL)
            return -1;
    }
    memcpy(field, &value, sizeof(value));
    return 0;
}

static int set_bool(const node_flag *flag, void *field, const char *value)
{
    static const char *const words[] = { "no", "yes", "off", "on", "false", "true", "0", "1" };

    (void)flag;
    for (size_t i = 0; i < NODE_COUNT(words); i++) {
        int32_t number = (int32_t)(i & 1);

        if (!node_span_is_nocase(node_span_of(value), words[i]))
            continue;
        memcpy(field, &number, sizeof(number));
        return 0;
    }
    return -1;
}

static int set_true(const node_flag *flag, void *field, const char *value)
{
    int32_t one = 1;

    (void)flag;
    (void)value;
    memcpy(field, &one, sizeof(one));
    return 0;
}

static int set_number(const node_flag *flag, void *field, const char *value)
{
    int negative = value[0] == '-';
    uint64_t digits;
    int64_t number;

    if (node_parse_uint(node_span_of(value + negative), INT32_MAX, &digits) != 0)
        return -1;
    number = negative ? -(int64_t)digits : (int64_t)digits;
    if (number < flag->min || number > flag->max)
        return -1;
    memcpy(field, &number, sizeof(number));
    return 0;
}

static int set_duration(const node_flag *flag, void *field, const char *value)
{
    mcmp_time time;

    if (node_parse_duration(node_span_of(value), &time) != 0 || time < flag->min ||
        time > flag->max)
        return -1;
    memcpy(field, &time, sizeof(time));
    return 0;
}

/* One of a list of words; the field gets its number. flag->value shows them as `a|b|c`. */
static int set_word(const node_flag *flag, void *field, const char *value)
{
    mcmp_span rest = node_span_of(flag->value);
    int32_t number = (int32_t)flag->min;

    for (; rest.ptr != NULL; number++) {
        mcmp_span word = node_span_cut(rest, '|', &rest);

        if (word.len != strlen(value) || !node_span_starts(node_span_of(value), word))
            continue;
        memcpy(field, &number, sizeof(number));
        return 0;
    }
    return -1;
}

static int set_load(const node_flag *flag, void *field, const char *value)
{
    int32_t load = -1;
    uint64_t number;

    (void)flag;
    if (!node_span_is(node_span_of(value), "auto")) {
        if (node_parse_uint(node_span_of(value), 100, &number) != 0)
            return -1;
        load = (int32_t)number;
    }
    memcpy(field, &load, sizeof(load));
    return 0;
}

static int set_backend(const node_flag *flag, void *field, const char *value)
{
    node_options *options = field;

    (void)flag;
    return node_parse_endpoint(node_span_of(value), 1, &options->backend_host,
                               &options->backend_port) != 0 ||
                   options->backend_host.len > 63
               ? -1
               : 0;
}

static int add_proxy(const node_flag *flag, void *field, const char *value)
{
    node_options *options = field;
    node_proxy *proxy = &options->proxies[options->proxy_count];
    mcmp_span rest;
    mcmp_span text = node_span_of(value);

    (void)flag;
    if (options->proxy_count == NODE_PROXIES_MAX)
        return -1;
    proxy->name = value;
    proxy->authority = node_span_cut(text, '/', &rest);
    proxy->prefix = node_span(value + proxy->authority.len, text.len - proxy->authority.len);
    while (proxy->prefix.len > 0 && proxy->prefix.ptr[proxy->prefix.len - 1] == '/')
        proxy->prefix.len--;
    if (node_parse_endpoint(proxy->authority, 0, &proxy->host, &proxy->port) != 0)
        return -1;
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)value[i] <= 0x20 || (unsigned char)value[i] >= 0x7f)
            return -1;
    if (proxy->host.ptr[0] == '[')
        proxy->host = node_span(proxy->host.ptr + 1, proxy->host.len - 2);
    options->proxy_count++;
    return 0;
}

/* One element of a comma list as a text of its own; NULL when it is not valid. */
static const char *add_text(node_options *options, mcmp_span text, size_t most)
{
    char *copy = options->texts + options->texts_len;
    struct node_flag name = { .min = NAME_STRICT, .max = (int64_t)most };
    const char *checked;

    if (text.len > most || text.len >= sizeof(options->texts) - options->texts_len)
        return NULL;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    if (set_name(&name, &checked, copy) != 0)
        return NULL;
    options->texts_len += text.len + 1;
    return checked;
}

static int add_contexts(const node_flag *flag, void *field, const char *value)
{
    node_options *options = field;
    mcmp_span rest = node_span_of(value);

    (void)flag;
    while (rest.ptr != NULL) {
        const char *text = add_text(options, node_span_cut(rest, ',', &rest), 79);

        if (text == NULL || text[0] != '/' || options->context_count == NODE_CONTEXTS_MAX)
            return -1;
        if (text[1] != '\0' && text[strlen(text) - 1] == '/')
            return -1;
        options->contexts[options->context_count++] = text;
    }
    return 0;
}

static int add_aliases(const node_flag *flag, void *field, const char *value)
{
    node_options *options = field;
    mcmp_span rest = node_span_of(value);

    (void)flag;
    while (rest.ptr != NULL) {
        const char *text = add_text(options, node_span_cut(rest, ',', &rest), 254);

        if (text == NULL || options->alias_count == NODE_ALIASES_MAX)
            return -1;
        options->aliases[options->alias_count++] = text;
    }
    return 0;
}

/* Flags that add to a list. */
static int may_be_repeated(const node_flag *flag)
{
    return flag->set == add_proxy || flag->set == add_contexts || flag->set == add_aliases;
}

#define FIELD(name) offsetof(node_options, name)
#define LONGEST ((int64_t)INT32_MAX * MCMP_SEC)

static const node_flag flags[] = {
    { "Where to register", NULL, NULL, NULL, 0, 0, 0 },
    { "proxy", "HOST:PORT[/PREFIX]", "management address of a balancer; may be repeated", add_proxy,
      0, 0, 0 },
    { "The node", NULL, NULL, NULL, 0, 0, 0 },
    { "route", "NAME", "JVMRoute, the name of this node; required", set_name, FIELD(route),
      NAME_STRICT, 63 },
    { "backend", "HOST:PORT", "where the application listens; required", set_backend, 0, 0, 0 },
    { "type", "ajp|http|https|ws|wss", "protocol of the backend; http", set_word, FIELD(scheme), 0,
      0 },
    { "context", "/PATH[,/PATH..]", "paths that it serves; may be repeated; /", add_contexts, 0, 0,
      0 },
    { "alias", "NAME[,NAME..]", "host names that it serves; may be repeated; localhost",
      add_aliases, 0, 0, 0 },
    { "balancer", "NAME", "balancer that it belongs to", set_name, FIELD(balancer), NAME_BLANKS,
      39 },
    { "domain", "NAME", "group of nodes that share sessions", set_name, FIELD(domain), NAME_BLANKS,
      19 },
    { "load", "0..100|auto", "capacity told by STATUS, auto = from system load; 100", set_load,
      FIELD(load), 0, 0 },
    { "ping", "TIME", "time to connect and to answer a probe", set_duration, FIELD(ping), 0,
      LONGEST },
    { "ttl", "TIME", "life of idle connections above smax", set_duration, FIELD(ttl), 0, LONGEST },
    { "smax", "N", "idle connections kept, -1 = the balancer's default", set_number, FIELD(smax),
      -1, INT32_MAX },
    { "timeout", "TIME", "read and write timeout of forwarded requests", set_duration,
      FIELD(timeout), 0, LONGEST },
    { "flushpackets", "off|on|auto", "whether answers are passed on at once", set_word,
      FIELD(flushpackets), 0, 0 },
    { "flushwait", "TIME", "wait of flushpackets auto", set_duration, FIELD(flushwait), 0,
      LONGEST },
    { "The balancer's settings, sent with the node", NULL, NULL, NULL, 0, 0, 0 },
    { "sticky-session", "yes|no", "sessions stay at their node; yes", set_bool, FIELD(sticky), 0,
      0 },
    { "sticky-force", "yes|no", "fail rather than leave the node; no", set_bool,
      FIELD(sticky_force), 0, 0 },
    { "sticky-remove", "yes|no", "drop the session id when the node is left; no", set_bool,
      FIELD(sticky_remove), 0, 0 },
    { "sticky-cookie", "NAME", "cookie of the session; JSESSIONID", set_name, FIELD(sticky_cookie),
      NAME_STRICT, 29 },
    { "sticky-path", "NAME", "path parameter of the session; jsessionid", set_name,
      FIELD(sticky_path), NAME_STRICT, 29 },
    { "wait-worker", "TIME", "how long a request may wait for a usable node", set_duration,
      FIELD(wait_worker), 0, LONGEST },
    { "max-attempts", "N", "further tries after a failed forward", set_number, FIELD(max_attempts),
      0, INT32_MAX },
    { "How the agent works", NULL, NULL, NULL, 0, 0, 0 },
    { "interval", "TIME", "between two STATUS messages; 10s", set_duration, FIELD(interval),
      50 * MCMP_MSEC, 3600 * MCMP_SEC },
    { "connect-timeout", "TIME", "to reach a balancer; 5s", set_duration, FIELD(connect_timeout),
      MCMP_MSEC, 3600 * MCMP_SEC },
    { "answer-timeout", "TIME", "for an answer of a balancer; 20s", set_duration,
      FIELD(answer_timeout), MCMP_MSEC, 3600 * MCMP_SEC },
    { "drain-wait", "TIME", "at the end: between DISABLE-APP and STOP-APP; 1s", set_duration,
      FIELD(drain_wait), 0, 86400 * MCMP_SEC },
    { "drain-timeout", "TIME", "at the end: for the whole draining; 10s", set_duration,
      FIELD(drain_timeout), 0, 86400 * MCMP_SEC },
    { "ready-file", "FILE", "written with the backend's address once registered", set_name,
      FIELD(ready_file), 0, 0 },
    { "log-level", "error|warn|notice|info|debug", "what is logged; info", set_word,
      FIELD(log_level), MCMP_LOG_ERROR, 0 },
    { "demo", NULL, "serve a small application on the backend address; port 0 = any", set_true,
      FIELD(demo), 0, 0 },
    { "ajp-secret-file", "FILE", "--demo by ajp: requests must carry the first line as secret",
      set_name, FIELD(ajp_secret_file), 0, 0 },
    { "ajp-packet", "8192..65536", "--demo by ajp: greatest packet sent; 8192", set_number,
      FIELD(ajp_packet), 8192, 65536 },
};

int node_parse_duration(mcmp_span text, mcmp_time *out)
{
    static const struct {
        const char *name;
        mcmp_time factor;
    } units[] = { { "", MCMP_SEC },
                  { "ms", MCMP_MSEC },
                  { "s", MCMP_SEC },
                  { "mi", 60 * MCMP_SEC },
                  { "h", 3600 * MCMP_SEC } };
    size_t digits = 0;
    mcmp_span fraction;
    mcmp_span whole;
    uint64_t value;
    uint64_t tail = 0;
    mcmp_time scale = 1;

    while (digits < text.len &&
           (text.ptr[digits] == '.' || (text.ptr[digits] >= '0' && text.ptr[digits] <= '9')))
        digits++;
    whole = node_span_cut(node_span(text.ptr, digits), '.', &fraction);
    if (node_parse_uint(whole, INT32_MAX, &value) != 0 ||
        (fraction.ptr != NULL && node_parse_uint(fraction, 999999, &tail) != 0))
        return -1;
    for (size_t i = 0; i < fraction.len; i++)
        scale *= 10;
    text = node_span(text.ptr + digits, text.len - digits);
    for (size_t i = 0; i < NODE_COUNT(units); i++) {
        if (!node_span_is_nocase(text, units[i].name))
            continue;
        *out = (mcmp_time)value * units[i].factor + (mcmp_time)tail * units[i].factor / scale;
        return 0;
    }
    return -1;
}

int node_parse_endpoint(mcmp_span text, int zero_port, mcmp_span *host, uint32_t *port)
{
    size_t colon = text.len;
    uint64_t number;

    while (colon > 0 && text.ptr[colon - 1] != ':')
        colon--;
    if (colon < 2)
        return -1;
    *host = node_span(text.ptr, colon - 1);
    if (node_parse_uint(node_span(text.ptr + colon, text.len - colon), 65535, &number) != 0 ||
        (number == 0 && !zero_port))
        return -1;
    *port = (uint32_t)number;
    if (host->ptr[0] == '[')
        return host->len > 2 && host->ptr[host->len - 1] == ']' ? 0 : -1;
    return memchr(host->ptr, ':', host->len) == NULL ? 0 : -1;
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
    options->load = 100;
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

static const char *check(node_options *options)
{
    if (options->route == NULL)
        return "--route is required";
    if (options->backend_host.len == 0)
        return "--backend is required";
    if (is_wildcard(options->backend_host))
        return "--backend: balancers need an address they can connect to, not a wildcard";
    if (options->proxy_count == 0 && !options->demo)
        return "--proxy is required";
    if (options->backend_port == 0 && !options->demo)
        return "--backend: port 0 goes with --demo only";
    if (options->demo && options->scheme != MCMP_SCHEME_HTTP && options->scheme != MCMP_SCHEME_WS &&
        options->scheme != MCMP_SCHEME_AJP)
        return "--demo speaks http (and ws) and ajp only";
    if (options->context_count == 0)
        options->contexts[options->context_count++] = "/";
    if (options->alias_count == 0)
        options->aliases[options->alias_count++] = "localhost";
    return NULL;
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
        (void)snprintf(why, size, "unknown flag %s", argv[*at]);
        return -1;
    }
    if (flag->value != NULL && value == NULL) {
        if (*at + 1 >= argc) {
            (void)snprintf(why, size, "--%s needs a value: %s", flag->name, flag->value);
            return -1;
        }
        value = argv[++*at];
    }
    if (flag->set(flag, (char *)options + flag->offset, value) != 0) {
        (void)snprintf(why, size, "--%s: bad value '%.80s', wanted %s%s", flag->name,
                       value != NULL ? value : "", flag->value != NULL ? flag->value : "none",
                       may_be_repeated(flag) ? "; the flag may be repeated" : "");
        return -1;
    }
    return 0;
}

int node_options_parse(node_options *options, int argc, const char *const *argv, char *why,
                       size_t size)
{
    const char *wrong;

    set_defaults(options);
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
        "over, REMOVE-APP, then exit. A second signal ends at once.\n");
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
        "Output: log lines on stderr; on stdout `listening on HOST:PORT` with --demo.\n\n"
        "Exit codes:\n"
        "  0  removed from every balancer that knew the node, nothing was cut off\n"
        "  1  could not start (address in use, no memory)\n"
        "  2  bad flags\n"
        "  3  every balancer refused the node for good (answer of type SYNTAX)\n"
        "  4  left with requests still running, or a balancer could not be told\n");
}
