/* SPDX-License-Identifier: Apache-2.0 */
/* The file of node settings: which section holds, what is refused, and that secrets stay closed. */
#include "support.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node_settings.h"

static struct node_settings *read_text(const char *text, mode_t mode, struct complaint *why)
{
    char path[] = "/tmp/mcmp-node-settings-XXXXXX";
    int fd = mkstemp(path);
    struct node_settings *settings;

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    ck_assert_int_eq(fchmod(fd, mode), 0);
    close(fd);
    why->text[0] = '\0';
    settings = node_settings_read(path, why);
    unlink(path);
    return settings;
}

START_TEST(the_nearest_section_holds_key_by_key)
{
    static const struct {
        const char *route;
        const char *balancer;
        const char *secret;
        unsigned max_packet;
        unsigned upgrade_port;
    } rows[] = {
        { "n1", "b1", "of-n1", 16384, 8080 },
        { "n2", "b1", "of-b1", 16384, 0 },
        { "n2", "b2", "of-all", 9000, 0 },
        { "N1", "b2", "of-all", 9000, 0 },
    };
    struct complaint why;
    struct node_settings *settings = read_text("# first\n[*]\nsecret = of-all\nmax-packet = 9000\n"
                                               "[node n1]\nsecret=of-n1\nupgrade-endpoint = 8080\n"
                                               "[balancer B1]\nsecret = of-b1\nmax-packet = 16k\n",
                                               0600, &why);

    ck_assert_msg(settings != NULL, "%s", why.text);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct node_setting out;
        mcmp_span route = { rows[i].route, strlen(rows[i].route) };
        mcmp_span balancer = { rows[i].balancer, strlen(rows[i].balancer) };

        node_settings_find(settings, route, balancer, &out);
        ck_assert_str_eq(out.secret, rows[i].secret);
        row_int(rows[i].route, out.max_packet, rows[i].max_packet);
        row_int(rows[i].route, out.upgrade_port, rows[i].upgrade_port);
    }
    node_settings_free(settings);
}
END_TEST

START_TEST(without_a_file_the_defaults_hold)
{
    struct node_setting out;
    mcmp_span none = { "", 0 };

    node_settings_find(NULL, none, none, &out);
    ck_assert_str_eq(out.secret, "");
    ck_assert_uint_eq(out.max_packet, 8192);
    ck_assert_uint_eq(out.upgrade_port, 0);
}
END_TEST

START_TEST(what_is_wrong_is_named_with_its_line)
{
    static const struct {
        const char *text;
        mode_t mode;
        const char *says;
    } rows[] = {
        { "[nodes n1]\n", 0600, ":1: unknown section [nodes n1]; allowed: *, balancer NAME" },
        { "[*]\n\nsecrets = a\n", 0600, ":3: unknown key \"secrets\"; allowed: secret" },
        { "secret = a\n", 0600, ":1: a key before the first [section]" },
        { "[*]\nmax-packet = 8191\n", 0600, ":2: bad value \"8191\" for max-packet" },
        { "[*]\nmax-packet = 65537\n", 0600, "allowed: 8192 to 65536" },
        { "[*]\nupgrade-endpoint = 0\n", 0600, "allowed: 1 to 65535" },
        { "[*]\nsecret = a\n", 0640, "is open to others: chmod 600" },
        { "[*]\nsecret = a\n", 0604, "is open to others: chmod 600" },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct complaint why;

        ck_assert_msg(read_text(rows[i].text, rows[i].mode, &why) == NULL, "%s", rows[i].text);
        ck_assert_msg(strstr(why.text, rows[i].says) != NULL, "%s: %s", rows[i].text, why.text);
    }
}
END_TEST

START_TEST(a_file_without_secrets_may_be_open)
{
    struct complaint why;
    struct node_settings *settings = read_text("[*]\nmax-packet = 64k\n", 0644, &why);

    ck_assert_msg(settings != NULL, "%s", why.text);
    node_settings_free(settings);
}
END_TEST

int main(void)
{
    const TTest *tests[] = { the_nearest_section_holds_key_by_key, without_a_file_the_defaults_hold,
                             what_is_wrong_is_named_with_its_line,
                             a_file_without_secrets_may_be_open };

    return run_tests("server node settings", tests, COUNT_OF(tests));
}
