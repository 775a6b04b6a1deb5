/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of mcmp-node: what it makes of good ones, which text it gives for bad ones, and
 * that --help names every flag.
 */
#include "support.h"

#include "options.h"
#include "text.h"

#define ARGS_MAX 48

static node_options options;
static char why[200];

/* Parse a line whose words are separated by blanks; `_` inside a word stands for a blank. */
static int parse(const char *line)
{
    static char text[1024];
    static char program[] = "mcmp-node";
    const char *argv[ARGS_MAX] = { program };
    int argc = 1;

    ck_assert(strlen(line) < sizeof(text));
    memcpy(text, line, strlen(line) + 1);
    for (char *at = text; *at != '\0';) {
        char *end = strchr(at, ' ');

        ck_assert(argc < ARGS_MAX);
        argv[argc++] = at;
        if (end == NULL)
            break;
        *end = '\0';
        at = end + 1;
    }
    for (char *at = text; at < text + strlen(line); at++)
        if (*at == '_')
            *at = ' ';
    why[0] = '\0';
    return node_options_parse(&options, argc, argv, why, sizeof(why));
}

#define MIN "--route n1 --proxy 127.0.0.1:6666 --backend 127.0.0.1:8081"

START_TEST(test_the_shortest_line_has_the_documented_defaults)
{
    ck_assert_int_eq(parse(MIN), NODE_OPTIONS_RUN);
    ck_assert_str_eq(options.route, "n1");
    ck_assert_uint_eq(options.scheme, MCMP_SCHEME_HTTP);
    ck_assert_uint_eq(options.backend_port, 8081);
    ck_assert_int_eq(options.load, 100);
    ck_assert_int_eq(options.interval, 10 * MCMP_SEC);
    ck_assert_int_eq(options.answer_timeout, 20 * MCMP_SEC);
    ck_assert_int_eq(options.drain_timeout, 10 * MCMP_SEC);
    ck_assert_uint_eq(options.context_count, 1);
    ck_assert_str_eq(options.contexts[0], "/");
    ck_assert_str_eq(options.aliases[0], "localhost");
    ck_assert_uint_eq(options.proxy_count, 1);
    ck_assert_uint_eq(options.proxies[0].port, 6666);
    ck_assert_uint_eq(options.proxies[0].prefix.len, 0);
}
END_TEST

START_TEST(test_every_flag_sets_its_field)
{
    ck_assert_int_eq(
        parse("--route=r --proxy=[::1]:6666/mcmp/ --proxy h:1 --backend [::1]:8081 "
              "--type ajp --context /a --context /b --alias x --load auto --domain a_b "
              "--ping 1500ms --ttl 2mi --smax -1 --timeout 1.5 --flushpackets auto "
              "--demo=1"),
        NODE_OPTIONS_BAD);
    ck_assert_str_eq(why, "--demo=1: the flag takes no value");
    ck_assert_int_eq(parse("--route=r --proxy=[::1]:6666/mcmp/ --proxy h:1 --backend [::1]:8081 "
                           "--type ajp --context /a --context /b --alias x --load auto "
                           "--domain a_b --ping 1500ms"),
                     NODE_OPTIONS_RUN);
    ck_assert_uint_eq(options.proxy_count, 2);
    row_text("host", options.proxies[0].host, "::1");
    ck_assert_int_eq(options.proxies[0].tls, 0);
    row_text("prefix", options.proxies[0].prefix, "/mcmp");
    row_text("backend", options.backend_host, "[::1]");
    ck_assert_uint_eq(options.scheme, MCMP_SCHEME_AJP);
    ck_assert_uint_eq(options.context_count, 2);
    ck_assert_int_eq(options.load, -1);
    ck_assert_str_eq(options.domain, "a b");
    ck_assert_int_eq(options.ping, 1500 * MCMP_MSEC);
    ck_assert_int_eq(parse(MIN " --ttl 2mi --smax -1 --timeout 1.5 --flushpackets auto "
                               "--sticky-session no --sticky-remove on --max-attempts 3"),
                     NODE_OPTIONS_RUN);
    ck_assert_int_eq(options.ttl, 120 * MCMP_SEC);
    ck_assert_int_eq(options.smax, -1);
    ck_assert_int_eq(options.timeout, 1500 * MCMP_MSEC);
    ck_assert_int_eq(options.flushpackets, MCMP_FLUSH_AUTO);
    ck_assert_int_eq(options.sticky, 0);
    ck_assert_int_eq(options.sticky_remove, 1);
    ck_assert_int_eq(options.sticky_force, -1);
    ck_assert_int_eq(options.max_attempts, 3);
}
END_TEST

typedef struct bad_row {
    const char *line;
    const char *why;
} bad_row;

static const bad_row bad[] = {
    { "", "--route is required" },
    { "--route n1", "--backend is required" },
    { "--route n1 --backend 127.0.0.1:8081", "--proxy or --advertise is required" },
    { MIN " --wrong 1", "unknown flag --wrong" },
    { MIN " stray", "unknown flag stray" },
    { MIN " --load", "--load needs a value: 0..100|auto" },
    { MIN " --route a_b",
      "--route: bad value 'a b', wanted NAME, 1 to 63 characters without , [ ] and blanks" },
    { MIN " --domain a,b",
      "--domain: bad value 'a,b', wanted NAME, 1 to 19 characters without , [ ]" },
    { MIN " --tls-ca f",
      "--tls-ca and --tls-cert go with --proxy https://HOST:PORT, or --advertise" },
    { MIN " --load 101", "--load: bad value '101', wanted 0..100|auto" },
    { MIN " --load -1", "--load: bad value '-1', wanted 0..100|auto" },
    { MIN " --type ftp", "--type: bad value 'ftp', wanted ajp|http|https|ws|wss" },
    { MIN " --context app",
      "--context: bad value 'app', wanted /PATH[,/PATH..]; the flag may be repeated" },
    { MIN " --context /a,,/b",
      "--context: bad value '/a,,/b', wanted /PATH[,/PATH..]; the flag may be repeated" },
    { MIN " --context /a,/b/",
      "--context: bad value '/a,/b/', wanted /PATH[,/PATH..]; the flag may be repeated" },
    { MIN " --alias x,a_b",
      "--alias: bad value 'x,a b', wanted NAME[,NAME..]; the flag may be repeated" },
    { MIN " --alias x,",
      "--alias: bad value 'x,', wanted NAME[,NAME..]; the flag may be repeated" },
    { MIN " --interval 0", "--interval: bad value '0', wanted TIME, 50 ms or more" },
    { MIN " --interval 5x", "--interval: bad value '5x', wanted TIME, 50 ms or more" },
    { MIN " --smax -2", "--smax: bad value '-2', wanted N, -1 or more" },
    { MIN " --sticky-force maybe", "--sticky-force: bad value 'maybe', wanted yes|no" },
    { MIN " --proxy 127.0.0.1", "--proxy: bad value '127.0.0.1', wanted "
                                "[https://]HOST:PORT[/PREFIX]; the flag may be repeated" },
    { MIN " --proxy ::1:80", "--proxy: bad value '::1:80', wanted [https://]HOST:PORT[/PREFIX]; "
                             "the flag may be repeated" },
    { MIN " --proxy h:65536", "--proxy: bad value 'h:65536', wanted [https://]HOST:PORT[/PREFIX]; "
                              "the flag may be repeated" },
    { MIN " --backend 127.0.0.1:0", "--backend: port 0 goes with --demo only" },
    { MIN " --backend 0.0.0.0:1",
      "--backend: balancers need an address they can connect to, not a wildcard" },
    { MIN " --demo --type https", "--demo speaks http (and ws) and ajp only" },
    { MIN " --metric cpu --load 5", "--load does not go with --metric" },
    { MIN " --metric disk",
      "--metric: bad value 'disk', wanted KIND[*WEIGHT][/CAPACITY][=SOURCE]; the flag may be "
      "repeated" },
    { MIN " --metric command=x",
      "--metric: bad value 'command=x', wanted KIND[*WEIGHT][/CAPACITY][=SOURCE]; the flag may be "
      "repeated" },
    { MIN " --metric cpu*0",
      "--metric: bad value 'cpu*0', wanted KIND[*WEIGHT][/CAPACITY][=SOURCE]; the flag may be "
      "repeated" },
    { MIN " --load-decay 0.9", "--load-decay: bad value '0.9', wanted N" },
    { MIN " --check http://", "--check: bad value 'http://', wanted tcp|URL|COMMAND" },
    { MIN " --check-fall 0", "--check-fall: bad value '0', wanted N, 1 or more" },
    { MIN " --tls-key k", "--tls-key needs --tls-cert" },
    { MIN " --advertise-group [::1]:1",
      "--advertise-group, --advertise-interface and --advertise-key-file need --advertise" },
    { MIN " --config /no/such/file", "can't read /no/such/file: No such file or directory" },
    { MIN " --ajp-packet 8191", "--ajp-packet: bad value '8191', wanted 8192..65536" },
};

START_TEST(test_a_bad_line_is_refused_with_its_reason)
{
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        row_int(bad[i].line, parse(bad[i].line), NODE_OPTIONS_BAD);
        row_text(bad[i].line, span_of(why), bad[i].why);
    }
}
END_TEST

START_TEST(test_contexts_and_aliases_may_be_lists_and_repeated)
{
    ck_assert_int_eq(parse(MIN " --context /a,/,/b/c --context=/d --alias x,Y.example --alias z"),
                     NODE_OPTIONS_RUN);
    ck_assert_uint_eq(options.context_count, 4);
    ck_assert_str_eq(options.contexts[0], "/a");
    ck_assert_str_eq(options.contexts[1], "/");
    ck_assert_str_eq(options.contexts[2], "/b/c");
    ck_assert_str_eq(options.contexts[3], "/d");
    ck_assert_uint_eq(options.alias_count, 3);
    ck_assert_str_eq(options.aliases[1], "Y.example");
    ck_assert_str_eq(options.aliases[2], "z");
}
END_TEST

START_TEST(test_names_have_the_limits_of_the_protocol)
{
    static const struct {
        const char *flag;
        size_t most;
    } rows[] = { { "route", 63 },         { "balancer", 39 },    { "domain", 19 },
                 { "sticky-cookie", 29 }, { "sticky-path", 29 }, { "alias", 254 },
                 { "context", 79 } };
    char line[600];

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        for (size_t len = rows[i].most - 1; len <= rows[i].most + 1; len++) {
            int head = snprintf(line, sizeof(line), "%s --%s /", MIN, rows[i].flag);

            memset(line + head, 'x', len - 1);
            line[(size_t)head + len - 1] = '\0';
            row_int(rows[i].flag, parse(line),
                    len <= rows[i].most ? NODE_OPTIONS_RUN : NODE_OPTIONS_BAD);
        }
    }
}
END_TEST

START_TEST(test_metrics_have_weight_capacity_and_source)
{
    ck_assert_int_eq(parse(MIN
                           " --metric cpu --metric loadavg*2/1.5 "
                           "--metric command*3/200=busy_-n=/a --metric url/50=http://[::1]:80/b?c "
                           "--load-decay 1.5 --load-history 3"),
                     NODE_OPTIONS_RUN);
    ck_assert_uint_eq(options.metric_count, 4);
    ck_assert_int_eq(options.metrics[0].kind, NODE_METRIC_CPU);
    ck_assert_uint_eq(options.metrics[0].weight, 1);
    ck_assert(options.metrics[0].capacity == 0);
    ck_assert_int_eq(options.metrics[1].kind, NODE_METRIC_LOADAVG);
    ck_assert_uint_eq(options.metrics[1].weight, 2);
    ck_assert(options.metrics[1].capacity == 1.5);
    ck_assert_uint_eq(options.metrics[2].weight, 3);
    ck_assert(options.metrics[2].capacity == 200);
    ck_assert_str_eq(options.metrics[2].source, "busy -n=/a");
    row_text("host", options.metrics[3].url.host, "::1");
    row_text("path", options.metrics[3].url.path, "/b?c");
    ck_assert(options.load_decay == 1.5);
    ck_assert_int_eq(options.load_history, 3);
}
END_TEST

START_TEST(test_a_check_is_a_connection_a_url_or_a_command)
{
    ck_assert_int_eq(parse(MIN " --check tcp"), NODE_OPTIONS_RUN);
    ck_assert_int_eq(options.check, NODE_CHECK_TCP);
    ck_assert_int_eq(parse(MIN " --check http://app/health"), NODE_OPTIONS_RUN);
    ck_assert_int_eq(options.check, NODE_CHECK_URL);
    row_text("host", options.check_url.host, "app");
    ck_assert_uint_eq(options.check_url.port, 80);
    ck_assert_int_eq(parse(MIN " --check /bin/app_--ok --check-action remove"), NODE_OPTIONS_RUN);
    ck_assert_int_eq(options.check, NODE_CHECK_COMMAND);
    ck_assert_str_eq(options.check_text, "/bin/app --ok");
    ck_assert_int_eq(options.check_action, 1);
}
END_TEST

static char file_name[] = "/tmp/mcmp-node-options-XXXXXX";

static int parse_file(const char *text, const char *more)
{
    char line[256];
    int fd;
    int rc;

    (void)snprintf(file_name, sizeof(file_name), "/tmp/mcmp-node-options-XXXXXX");
    fd = mkstemp(file_name);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    (void)close(fd);
    (void)snprintf(line, sizeof(line), "%s --config %s", more, file_name);
    rc = parse(line);
    (void)unlink(file_name);
    return rc;
}

START_TEST(test_a_file_says_the_same_as_flags_and_flags_come_after_it)
{
    ck_assert_int_eq(parse_file("# the shop\n"
                                "route = n1\r\n"
                                "  backend 127.0.0.1:8081  \n"
                                "proxy=https://p1:6666\n"
                                "proxy = p2:6667/mcmp\n"
                                "\n"
                                "context = /a, /b\n",
                                "--load 7"),
                     NODE_OPTIONS_BAD);
    ck_assert_ptr_nonnull(strstr(why, ":7: --context: bad value '/a, /b'"));
    ck_assert_int_eq(parse_file("route = n1\nbackend = 127.0.0.1:8081\nload = 5\ninterval 3s\n"
                                "proxy=https://p1:6666\nproxy = p2:6667/mcmp\n"
                                "context = /a,/b\nadvertise\nalias=x",
                                "--load 7 --context /c"),
                     NODE_OPTIONS_RUN);
    ck_assert_str_eq(options.route, "n1");
    ck_assert_int_eq(options.load, 7);
    ck_assert_int_eq(options.interval, 3 * MCMP_SEC);
    ck_assert_int_eq(options.advertise, 1);
    ck_assert_uint_eq(options.context_count, 3);
    ck_assert_str_eq(options.aliases[0], "x");
    ck_assert_uint_eq(options.proxy_count, 2);
    ck_assert_int_eq(options.proxies[0].tls, 1);
    ck_assert_str_eq(options.proxies[0].name, "https://p1:6666");
    row_text("host", options.proxies[0].host, "p1");
    ck_assert_int_eq(options.proxies[1].tls, 0);
    row_text("prefix", options.proxies[1].prefix, "/mcmp");
}
END_TEST

START_TEST(test_a_bad_line_of_the_file_is_named)
{
    static const struct {
        const char *text;
        const char *why;
    } rows[] = {
        { "\nwrong = 1\n", ":2: unknown setting 'wrong'" },
        { "config = x\n", ":1: unknown setting 'config'" },
        { "advertise = perhaps\n", ":1: --advertise: bad value 'perhaps', wanted yes or no" },
        { "load\n", ":1: --load: bad value '', wanted 0..100|auto" },
        { "load = 101", ":1: --load: bad value '101'" },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        row_int(rows[i].text, parse_file(rows[i].text, MIN), NODE_OPTIONS_BAD);
        ck_assert_msg(strstr(why, rows[i].why) != NULL, "row %zu: %s", i, why);
    }
    ck_assert_int_eq(parse_file("advertise = no\n", MIN), NODE_OPTIONS_RUN);
    ck_assert_int_eq(options.advertise, 0);
}
END_TEST

static char help[16384];

static void keep(const char *text)
{
    size_t len = strlen(help);

    ck_assert(len + strlen(text) < sizeof(help));
    memcpy(help + len, text, strlen(text) + 1);
}

START_TEST(test_help_names_flags_and_exit_codes)
{
    static const char *const wanted[] = { "--proxy",     "--route",         "--backend",
                                          "--interval",  "--drain-timeout", "--ready-file",
                                          "--demo",      "--sticky-cookie", "--wait-worker",
                                          "Exit codes:", "  4  left with" };

    help[0] = '\0';
    node_options_help(keep);
    for (size_t i = 0; i < COUNT_OF(wanted); i++)
        row_true(wanted[i], strstr(help, wanted[i]) != NULL);
    ck_assert_int_eq(parse("--help"), NODE_OPTIONS_HELP);
    ck_assert_int_eq(parse("--version"), NODE_OPTIONS_VERSION);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_the_shortest_line_has_the_documented_defaults,
        test_every_flag_sets_its_field,
        test_a_bad_line_is_refused_with_its_reason,
        test_contexts_and_aliases_may_be_lists_and_repeated,
        test_names_have_the_limits_of_the_protocol,
        test_metrics_have_weight_capacity_and_source,
        test_a_check_is_a_connection_a_url_or_a_command,
        test_a_file_says_the_same_as_flags_and_flags_come_after_it,
        test_a_bad_line_of_the_file_is_named,
        test_help_names_flags_and_exit_codes,
    };

    return run_tests("options", tests, COUNT_OF(tests));
}
