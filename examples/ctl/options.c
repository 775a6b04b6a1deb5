/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of mcmpctl. Flags may stand anywhere; one that does not go with the command is
 * refused, since it would otherwise be passed over in silence.
 */
#include "options.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define FOR_ALL 0x1u
#define FOR_APP 0x2u
#define FOR_REPORT 0x4u
#define FOR_DRAIN 0x8u
#define FOR_WATCH 0x10u
#define FOR_EXPLAIN 0x20u
#define FOR_BENCH 0x40u
#define FOR_LIST 0x80u
#define FOR_LISTEN 0x100u

static const ctl_command commands[] = {
    { "status", "", "the proxy in one look: version, id, members, what is wrong", ctl_run_status, 0,
      0, FOR_LIST, 0 },
    { "nodes", "", "a line per node", ctl_run_nodes, 0, 0, FOR_LIST, 0 },
    { "contexts", "[ROUTE]", "a line per alias and context", ctl_run_contexts, 0, 1, FOR_LIST, 0 },
    { "info", "", "the proxy's own INFO", ctl_run_info, 0, 0, FOR_LIST | FOR_REPORT, 0 },
    { "dump", "", "the proxy's own DUMP", ctl_run_dump, 0, 0, FOR_LIST | FOR_REPORT, 0 },
    { "enable", "ROUTE[/CONTEXT]", "let it serve everything", ctl_run_enable, 1, 1, FOR_APP, 0 },
    { "disable", "ROUTE[/CONTEXT]", "let it serve its sessions only", ctl_run_disable, 1, 1,
      FOR_APP, 0 },
    { "stop", "ROUTE[/CONTEXT]", "let it serve nothing new", ctl_run_stop, 1, 1, FOR_APP, 0 },
    { "remove", "ROUTE[/CONTEXT]", "take it out of the proxy", ctl_run_remove, 1, 1, FOR_APP, 0 },
    { "ping", "[ROUTE | URL]", "does the proxy, a node, scheme://host:port answer", ctl_run_ping, 0,
      1, FOR_LIST, 0 },
    { "drain", "ROUTE[/CONTEXT]", "disable, then stop; --wait until no request runs", ctl_run_drain,
      1, 1, FOR_APP | FOR_DRAIN, 0 },
    { "config", "ROUTE KEY=VALUE..", "register a node, or change it", ctl_run_config, 1, 64, 0, 0 },
    { "watch", "", "the nodes as a table that renews itself", ctl_run_watch, 0, 0, FOR_WATCH, 0 },
    { "explain", "URL", "why this node, why 404, why 503", ctl_run_explain, 1, 1, FOR_EXPLAIN, 1 },
    { "listen", "", "the proxies that make themselves known by multicast, and if one would believe",
      ctl_run_listen, 0, 0, FOR_LISTEN, 1 },
    { "bench", "[KIND [ROUTE]]", "messages per second; of ping, info, version or status",
      ctl_run_bench, 0, 2, FOR_BENCH | FOR_LIST, 0 },
};

typedef struct ctl_flag ctl_flag;
typedef int (*flag_fn)(const ctl_flag *flag, void *field, const char *value);

struct ctl_flag {
    const char *name;
    const char *value; /* NULL: takes none */
    const char *help;
    flag_fn set;
    size_t offset;
    int64_t min;
    int64_t max;
    unsigned group;
};

static int set_text(const ctl_flag *flag, void *field, const char *value)
{
    (void)flag;
    memcpy(field, &value, sizeof(value));
    return value[0] != '\0' ? 0 : -1;
}

/* flag->min is the value to be set */
static int set_on(const ctl_flag *flag, void *field, const char *value)
{
    int32_t on = (int32_t)flag->min;

    (void)value;
    memcpy(field, &on, sizeof(on));
    return 0;
}

static int set_number(const ctl_flag *flag, void *field, const char *value)
{
    const char *end;
    int64_t number;

    if (ctl_parse_digits(value, flag->max, &number, &end) != 0 || *end != '\0' ||
        number < flag->min)
        return -1;
    memcpy(field, &number, sizeof(number));
    return 0;
}

static int set_time(const ctl_flag *flag, void *field, const char *value)
{
    static const struct {
        const char *name;
        mcmp_time unit;
    } units[] = { { "", MCMP_SEC },
                  { "s", MCMP_SEC },
                  { "ms", MCMP_MSEC },
                  { "mi", 60 * MCMP_SEC },
                  { "h", 3600 * MCMP_SEC } };
    const char *end;
    int64_t number;

    if (ctl_parse_digits(value, 86400000, &number, &end) != 0)
        return -1;
    for (size_t i = 0; i < CTL_COUNT(units); i++) {
        mcmp_time time = number * units[i].unit;

        if (strcmp(end, units[i].name) != 0)
            continue;
        if (time < flag->min || time > flag->max)
            return -1;
        memcpy(field, &time, sizeof(time));
        return 0;
    }
    return -1;
}

/* The colon before a port, NULL = there is none, or the text's start when there are too many. */
static const char *find_colon(mcmp_span text)
{
    const char *colon = NULL;

    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] == ':' && (text.ptr[0] != '[' || text.ptr[i - 1] == ']'))
            colon = colon == NULL ? text.ptr + i : text.ptr;
    return colon;
}

/* HOST:PORT, [IPv6]:PORT, HOST; *host without brackets. */
static int parse_authority(mcmp_span text, mcmp_span *host, uint32_t *port)
{
    const char *colon = find_colon(text);
    const char *end;
    int64_t number;

    if (colon == text.ptr)
        return -1;
    *host = text;
    if (colon != NULL) {
        host->len = (size_t)(colon - text.ptr);
        if (ctl_parse_digits(colon + 1, 65535, &number, &end) != 0 || end != text.ptr + text.len ||
            number == 0)
            return -1;
        *port = (uint32_t)number;
    }
    if (host->len > 2 && host->ptr[0] == '[' && host->ptr[host->len - 1] == ']') {
        host->ptr++;
        host->len -= 2;
    }
    return host->len != 0 && host->len < 256 ? 0 : -1;
}

/* [mcmp:|http:|mcmps:|https:]HOST[:PORT][/PREFIX], with two slashes after the scheme */
static int take_proxy(ctl_options *options, const char *value)
{
    static const struct {
        const char *scheme;
        int32_t tls;
    } schemes[] = { { "mcmp://", 0 }, { "http://", 0 }, { "mcmps://", 1 }, { "https://", 1 } };
    mcmp_span text = ctl_span(value);
    const char *slash;

    options->proxy = value;
    options->tls_by_scheme = 0;
    for (size_t i = 0; i < CTL_COUNT(schemes); i++) {
        size_t len = strlen(schemes[i].scheme);

        if (text.len > len && memcmp(text.ptr, schemes[i].scheme, len) == 0) {
            text = ctl_span(value + len);
            options->tls_by_scheme = schemes[i].tls;
            break;
        }
    }
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] <= 0x20 || (unsigned char)text.ptr[i] >= 0x7f)
            return -1;
    slash = memchr(text.ptr, '/', text.len);
    options->prefix = ctl_span(slash != NULL ? slash : "");
    while (options->prefix.len != 0 && options->prefix.ptr[options->prefix.len - 1] == '/')
        options->prefix.len--;
    options->authority = text;
    if (slash != NULL)
        options->authority.len = (size_t)(slash - text.ptr);
    options->port = 6666;
    return parse_authority(options->authority, &options->host, &options->port);
}

static int set_proxy(const ctl_flag *flag, void *field, const char *value)
{
    (void)flag;
    return take_proxy(field, value);
}

#define FIELD(name) offsetof(ctl_options, name)
#define YEAR (365 * 86400 * MCMP_SEC)

static const ctl_flag flags[] = {
    { "proxy", "HOST:PORT[/PREFIX]",
      "management address; 127.0.0.1:6666, or MCMPCTL_PROXY in the environment", set_proxy, 0, 0, 0,
      FOR_ALL },
    { "tls", NULL, "speak TLS, as https:// before the address does", set_on, FIELD(tls), 1, 0,
      FOR_ALL },
    { "ca", "FILE", "certificates to trust; the system's", set_text, FIELD(ca), 0, 0, FOR_ALL },
    { "cert", "FILE", "certificate to show, with its chain", set_text, FIELD(cert), 0, 0, FOR_ALL },
    { "key", "FILE", "its key; in the same file", set_text, FIELD(key), 0, 0, FOR_ALL },
    { "insecure", NULL, "do not check the proxy's certificate", set_on, FIELD(insecure), 1, 0,
      FOR_ALL },
    { "timeout", "TIME", "for each question, connecting included; 15s", set_time, FIELD(timeout),
      MCMP_MSEC, YEAR, FOR_ALL },
    { "json", NULL, "answer in JSON, for scripts", set_on, FIELD(form), CTL_JSON, 0,
      FOR_LIST | FOR_REPORT | FOR_LISTEN },
    { "xml", NULL, "answer in XML", set_on, FIELD(form), CTL_XML, 0, FOR_REPORT },
    { "text", NULL, "answer in text, as is the default", set_on, FIELD(form), CTL_TEXT, 0,
      FOR_LIST | FOR_REPORT },
    { "alias", "NAME", "this alias only; all aliases that have the context", set_text, FIELD(alias),
      0, 0, FOR_APP },
    { "wait", NULL, "wait until no request runs, and show how many do", set_on, FIELD(wait), 1, 0,
      FOR_DRAIN },
    { "sessions", "TIME", "between DISABLE-APP and STOP-APP; 0", set_time, FIELD(sessions), 0, YEAR,
      FOR_DRAIN },
    { "most", "TIME", "how long --wait waits; 60s", set_time, FIELD(most), 0, YEAR, FOR_DRAIN },
    { "interval", "TIME", "between two looks; 2s", set_time, FIELD(interval), 50 * MCMP_MSEC, YEAR,
      FOR_WATCH },
    { "count", "N", "looks, or datagrams; 0 = until interrupted", set_number, FIELD(count), 0,
      INT32_MAX, FOR_WATCH | FOR_LISTEN },
    { "group", "ADDR[:PORT]", "multicast group; 224.0.1.105:23364", set_text,
      FIELD(multicast_group), 0, 0, FOR_LISTEN },
    { "interface", "NAME", "name or address of the interface to listen on; the system's choice",
      set_text, FIELD(interface_name), 0, 0, FOR_LISTEN },
    { "key-file", "FILE", "its first line is the security key of the proxies; none", set_text,
      FIELD(key_file), 0, 0, FOR_LISTEN },
    { "for", "TIME", "how long to listen; 0 = until interrupted", set_time, FIELD(duration), 0,
      YEAR, FOR_LISTEN },
    { "cookie", "TEXT", "Cookie header of the request", set_text, FIELD(cookie), 0, 0,
      FOR_EXPLAIN },
    { "balancer", "NAME", "this balancer only", set_text, FIELD(balancer), 0, 0, FOR_EXPLAIN },
    { "segment", "NAME", "named segment of the cluster, see mcmp-server(8); required", set_text,
      FIELD(segment), 0, 0, FOR_EXPLAIN },
    { "messages", "N", "how many to send; 10000", set_number, FIELD(messages), 1, INT32_MAX,
      FOR_BENCH },
};

static void help_line(const char *before, const char *name, const char *value, const char *text)
{
    int used = printf("  %s%s %s", before, name, value != NULL ? value : "");

    (void)printf("%*s%s\n", used < 31 ? 32 - used : 1, "", text);
}

/* Of one command, or of all: NULL. */
static void help(const ctl_command *only)
{
    if (only == NULL) {
        (void)printf("usage: mcmpctl [flags] COMMAND [arguments]\n\nCommands\n");
        for (size_t i = 0; i < CTL_COUNT(commands); i++)
            help_line("", commands[i].name, commands[i].args, commands[i].help);
    } else {
        (void)printf("usage: mcmpctl [flags] %s%s%s\n\n%s\n", only->name,
                     only->args[0] != '\0' ? " " : "", only->args, only->help);
    }
    (void)printf("\nFlags\n");
    for (size_t i = 0; i < CTL_COUNT(flags); i++)
        if (only == NULL || flags[i].group & (only->group | FOR_ALL))
            help_line("--", flags[i].name, flags[i].value, flags[i].help);
    (void)printf("%-32s%s\n%-32s%s\n", "  --help", "this text, then end", "  --version",
                 "print the version, then end");
    (void)printf("\nTIME is a number with ms, s, mi or h; a bare number means seconds.\n"
                 "Exit status: 0 done, 1 refused by the proxy, 2 wrong command line, 3 no answer,\n"
                 "4 drain: requests still run, 5 something is not well. See mcmpctl(1).\n");
}

static const ctl_flag *find_flag(mcmp_span name)
{
    for (size_t i = 0; i < CTL_COUNT(flags); i++)
        if (ctl_span_is(name, flags[i].name))
            return &flags[i];
    return NULL;
}

static const ctl_command *find_command(const char *name)
{
    for (size_t i = 0; i < CTL_COUNT(commands); i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

/* What was given, to be judged when the command is known. */
typedef struct line {
    const char *words[72]; /* command and arguments */
    int word_count;
    const ctl_flag *given[32];
    int given_count;
} line;

static int fail_value(const ctl_flag *f, const char *value)
{
    if (f->set == set_time && f->min != 0)
        return ctl_fail(CTL_USAGE, "--%s: \"%s\" is not valid, expected TIME, %d ms or more",
                        f->name, value, (int)(f->min / MCMP_MSEC));
    if (f->set == set_number)
        return ctl_fail(CTL_USAGE, "--%s: \"%s\" is not valid, expected N, %d or more", f->name,
                        value, (int)f->min);
    return ctl_fail(CTL_USAGE, "--%s: \"%s\" is not valid, expected %s", f->name, value, f->value);
}

static int take_flag(ctl_options *options, line *l, int argc, const char *const *argv, int *at)
{
    const char *arg = argv[*at] + 2;
    const char *equals = strchr(arg, '=');
    mcmp_span name = { arg, equals != NULL ? (size_t)(equals - arg) : strlen(arg) };
    const ctl_flag *f = find_flag(name);
    const char *value = equals != NULL ? equals + 1 : NULL;

    if (f == NULL)
        return ctl_fail(CTL_USAGE, "unknown flag %s; --help lists them", argv[*at]);
    if (f->value == NULL && value != NULL)
        return ctl_fail(CTL_USAGE, "--%s takes no value", f->name);
    if (f->value != NULL && value == NULL) {
        if (*at + 1 >= argc)
            return ctl_fail(CTL_USAGE, "--%s needs a value: %s", f->name, f->value);
        value = argv[++*at];
    }
    if (l->given_count == (int)CTL_COUNT(l->given))
        return ctl_fail(CTL_USAGE, "more than %zu flags", CTL_COUNT(l->given));
    if (f->set(f, (char *)options + f->offset, value) != 0)
        return fail_value(f, value);
    l->given[l->given_count++] = f;
    return CTL_OK;
}

static int take_line(ctl_options *options, line *l, int argc, const char *const *argv)
{
    int only_words = 0;

    for (int i = 1; i < argc; i++) {
        int rc = CTL_OK;

        if (!only_words && strcmp(argv[i], "--") == 0)
            only_words = 1;
        else if (!only_words && strncmp(argv[i], "--", 2) == 0)
            rc = take_flag(options, l, argc, argv, &i);
        else if (l->word_count == (int)CTL_COUNT(l->words))
            rc = ctl_fail(CTL_USAGE, "more than %zu arguments", CTL_COUNT(l->words));
        else
            l->words[l->word_count++] = argv[i];
        if (rc != CTL_OK)
            return rc;
    }
    return CTL_OK;
}

/* Who gives a certificate means TLS, and must not be served without. */
static int is_of_tls(const ctl_flag *f)
{
    return f->offset == FIELD(ca) || f->offset == FIELD(cert) || f->offset == FIELD(key) ||
           f->offset == FIELD(insecure);
}

static int check(const ctl_command *command, const line *l, const ctl_options *options)
{
    if (l->word_count - 1 < command->least)
        return ctl_fail(CTL_USAGE, "usage: mcmpctl %s %s", command->name, command->args);
    if (l->word_count - 1 > command->most)
        return ctl_fail(CTL_USAGE, "\"%s\" is one argument too many; usage: mcmpctl %s%s%s",
                        l->words[command->most + 1], command->name,
                        command->args[0] != '\0' ? " " : "", command->args);
    for (int i = 0; i < l->given_count; i++) {
        if (!(l->given[i]->group & (command->group | FOR_ALL)))
            return ctl_fail(CTL_USAGE, "--%s does not go with %s", l->given[i]->name,
                            command->name);
        if (is_of_tls(l->given[i]) && !options->tls)
            return ctl_fail(CTL_USAGE,
                            "--%s goes with TLS only: add --tls, or https:// before the address",
                            l->given[i]->name);
    }
    return CTL_OK;
}

static int set_defaults(ctl_options *options)
{
    const char *proxy = getenv("MCMPCTL_PROXY");

    memset(options, 0, sizeof(*options));
    options->timeout = 15 * MCMP_SEC;
    options->most = 60 * MCMP_SEC;
    options->interval = 2 * MCMP_SEC;
    options->messages = 10000;
    options->form = CTL_TEXT;
    options->multicast_group = MCMP_MULTICAST_GROUP;
    if (proxy == NULL || proxy[0] == '\0')
        proxy = "127.0.0.1:6666";
    if (take_proxy(options, proxy) != 0)
        return ctl_fail(CTL_USAGE, "MCMPCTL_PROXY: \"%s\" is no HOST:PORT", proxy);
    return CTL_OK;
}

static const ctl_command *first_command(int argc, const char *const *argv)
{
    const ctl_command *command = NULL;

    for (int i = 1; i < argc && command == NULL; i++)
        command = find_command(argv[i]);
    return command;
}

static int wants_help(int argc, const char *const *argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            help(first_command(argc, argv));
            return 1;
        }
        if (strcmp(argv[i], "--version") == 0) {
            (void)printf("mcmpctl %s\n", MCMP_VERSION);
            return 1;
        }
    }
    return 0;
}

const ctl_command *ctl_options_take(ctl_options *options, int argc, const char *const *argv,
                                    int *out_code)
{
    static line l; /* the words outlive this call */
    const ctl_command *command;

    *out_code = CTL_OK;
    if (wants_help(argc, argv))
        return NULL;
    *out_code = set_defaults(options);
    if (*out_code == CTL_OK)
        *out_code = take_line(options, &l, argc, argv);
    if (*out_code != CTL_OK)
        return NULL;
    *out_code = CTL_USAGE;
    if (l.word_count == 0) {
        (void)ctl_fail(CTL_USAGE, "which command? --help lists them");
        return NULL;
    }
    command = find_command(l.words[0]);
    if (command == NULL) {
        (void)ctl_fail(CTL_USAGE, "unknown command \"%s\"; --help lists them", l.words[0]);
        return NULL;
    }
    options->tls |= options->tls_by_scheme;
    if (check(command, &l, options) != CTL_OK)
        return NULL;
    options->args = l.words + 1;
    options->arg_count = l.word_count - 1;
    return command;
}
