/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listen: the advertise datagrams of a multicast group as they come, judged as a node of this
 * library would: what is refused is shown with the reason. Nothing is sent.
 */
#include "out.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { KEY_MAX = 1024 };

typedef struct listening {
    mcmp_multicast *socket;
    mcmp_finder *finder;
    int has_key;
    int64_t heard;
    int64_t refused;
} listening;

/* One datagram and what became of it. */
typedef struct heard {
    char peer[MCMP_MULTICAST_TEXT];
    mcmp_advert advert; /* all empty when it can't be read */
    const char *verdict;
    const char *digest;
    int is_good;
} heard;

/* The first line of the file. */
static int read_key(const char *path, char *key)
{
    FILE *file = fopen(path, "re");
    int is_cut;

    if (file == NULL)
        return ctl_fail(CTL_USAGE, "--key-file: %s: %s", path, strerror(errno));
    if (fgets(key, KEY_MAX, file) == NULL)
        key[0] = '\0';
    (void)fclose(file);
    is_cut = strlen(key) == KEY_MAX - 1;
    key[strcspn(key, "\r\n")] = '\0';
    if (key[0] == '\0' || is_cut)
        return ctl_fail(CTL_USAGE, "--key-file: the first line of %s is no key of 1 to %d bytes",
                        path, KEY_MAX - 2);
    return CTL_OK;
}

static int open_finder(const ctl *c, listening *l)
{
    mcmp_finder_options opts;
    char key[KEY_MAX] = "";
    mcmp_error err;
    int rc = CTL_OK;

    if (c->options.key_file != NULL)
        rc = read_key(c->options.key_file, key);
    mcmp_error_init(&err);
    mcmp_finder_options_init(&opts);
    opts.key = ctl_span(key);
    opts.max_proxies = 4096;
    l->has_key = key[0] != '\0';
    if (rc == CTL_OK && mcmp_finder_new(&l->finder, &opts, &err) != MCMP_OK)
        rc = ctl_fail(CTL_USAGE, "%s", err.message);
    explicit_bzero(key, sizeof(key));
    return rc;
}

static int open_socket(const ctl *c, listening *l)
{
    mcmp_multicast_options opts;
    mcmp_error err;

    mcmp_error_init(&err);
    mcmp_multicast_options_init(&opts);
    opts.group = ctl_span(c->options.multicast_group);
    if (c->options.interface_name != NULL)
        opts.interface_name = ctl_span(c->options.interface_name);
    opts.flags = MCMP_MULTICAST_RECEIVE;
    if (mcmp_multicast_open(&l->socket, &opts, &err) == MCMP_OK)
        return CTL_OK;
    if (err.os_status != 0)
        return ctl_fail(CTL_UNREACHABLE, "%s: %s; try --interface", c->options.multicast_group,
                        strerror(err.os_status));
    return ctl_fail(CTL_USAGE, "%s", err.message);
}

static const char *change_name(uint32_t change, uint32_t status)
{
    static const char *const names[] = {
        [MCMP_FOUND_SAME] = "same", [MCMP_FOUND_NEW] = "new",   [MCMP_FOUND_BACK] = "back",
        [MCMP_FOUND_LEFT] = "left", [MCMP_FOUND_LOST] = "lost",
    };

    return change == MCMP_FOUND_SAME && status != 200 ? "away" : names[change];
}

static void judge(listening *l, const char *data, size_t len, heard *h, mcmp_error *err)
{
    mcmp_found found;
    int rc;

    mcmp_advert_init(&h->advert);
    mcmp_found_init(&found);
    (void)mcmp_advert_decode(data, len, &h->advert, NULL);
    rc = mcmp_finder_feed(l->finder, data, len, ctl_now(), (int64_t)time(NULL), &found, err);
    h->is_good = rc == MCMP_OK;
    h->verdict = h->is_good ? change_name(found.change, h->advert.status) : "refused";
    h->digest = "md5";
    if (!h->is_good)
        h->digest = "-";
    else if (!l->has_key)
        h->digest = "no key";
    else if (h->advert.flags & MCMP_ADVERT_HMAC)
        h->digest = "hmac";
    l->heard++;
    l->refused += !h->is_good;
}

static void print_cell(mcmp_span text, int width)
{
    ctl_out_text(text);
    (void)printf("%*s", (int)text.len < width ? width - (int)text.len + 2 : 2, "");
}

static void print_line(const heard *h, const mcmp_error *err)
{
    char when[16] = "";
    char number[24];
    time_t now = time(NULL);
    struct tm local;
    mcmp_span server = h->advert.server;

    if (localtime_r(&now, &local) != NULL)
        (void)strftime(when, sizeof(when), "%H:%M:%S", &local);
    server.len = server.len > 8 ? 8 : server.len;
    print_cell(ctl_span(when), 8);
    print_cell(ctl_span(h->peer), 21);
    print_cell(h->advert.server.len != 0 ? h->advert.address : ctl_span("-"), 21);
    print_cell(h->advert.server.len != 0 ? h->advert.protocol : ctl_span("-"), 5);
    (void)snprintf(number, sizeof(number), "%u", (unsigned)h->advert.status);
    print_cell(ctl_span(h->advert.server.len != 0 ? number : "-"), 6);
    print_cell(server.len != 0 ? server : ctl_span("-"), 8);
    (void)snprintf(number, sizeof(number), "%llu", (unsigned long long)h->advert.sequence);
    print_cell(ctl_span(h->advert.server.len != 0 ? number : "-"), 8);
    print_cell(ctl_span(h->digest), 6);
    (void)fputs(h->verdict, stdout);
    if (!h->is_good) {
        (void)fputs(": ", stdout);
        ctl_out_text(ctl_span(err->message));
    }
    (void)putchar('\n');
}

static void print_json(const heard *h, const mcmp_error *err)
{
    ctl_json_open(NULL, '{');
    ctl_json_int("time", (int64_t)time(NULL));
    ctl_json_str("from", h->peer);
    ctl_json_str("verdict", h->verdict);
    if (h->is_good)
        ctl_json_str("digest", h->digest);
    else
        ctl_json_str("reason", err->message);
    if (h->advert.server.len != 0) {
        ctl_json_int("status", h->advert.status);
        ctl_json_text("server", h->advert.server);
        ctl_json_int("sequence", (int64_t)h->advert.sequence);
        ctl_json_text("date", h->advert.date_text);
        ctl_json_text("address", h->advert.address);
        ctl_json_text("protocol", h->advert.protocol);
        ctl_json_text("url", h->advert.url);
        ctl_json_text("host", h->advert.host);
    }
    ctl_json_close('}');
    ctl_json_end();
}

/* Milliseconds until the end, at most a minute; 0 when it is over. */
static int time_left(mcmp_time end)
{
    mcmp_time left = end - ctl_now();

    if (end == MCMP_NEVER || left > 60 * MCMP_SEC)
        return 60000;
    return left <= 0 ? 0 : (int)((left + MCMP_MSEC - 1) / MCMP_MSEC);
}

static int take_one(const ctl *c, listening *l)
{
    char data[MCMP_ADVERT_MAX + 1];
    mcmp_error err;
    size_t len;
    heard h;
    int rc;

    mcmp_error_init(&err);
    rc = mcmp_multicast_receive(l->socket, data, sizeof(data), &len, h.peer, &err);
    if (rc == MCMP_WAIT)
        return CTL_OK;
    if (rc != MCMP_OK)
        return ctl_fail(CTL_UNREACHABLE, "receiving: %s", strerror(err.os_status));
    judge(l, data, len, &h, &err);
    if (c->options.form == CTL_JSON)
        print_json(&h, &err);
    else
        print_line(&h, &err);
    (void)fflush(stdout);
    return CTL_OK;
}

static int hear(const ctl *c, listening *l)
{
    mcmp_time end = c->options.duration != 0 ? ctl_now() + c->options.duration : MCMP_NEVER;
    struct pollfd wait = { .fd = mcmp_multicast_fd(l->socket), .events = POLLIN };
    int rc = CTL_OK;

    if (c->options.form != CTL_JSON) {
        (void)printf("%-8s  %-21s  %-21s  %-5s  %-6s  %-8s  %-8s  %-6s  %s\n", "TIME", "FROM",
                     "ADDRESS", "PROTO", "STATUS", "SERVER", "SEQUENCE", "DIGEST", "VERDICT");
        (void)fflush(stdout);
    }
    while (rc == CTL_OK && !ferror(stdout) &&
           (c->options.count == 0 || l->heard < c->options.count)) {
        int left = time_left(end);

        if (left == 0)
            break;
        if (poll(&wait, 1, left) == 1)
            rc = take_one(c, l);
    }
    if (rc != CTL_OK)
        return rc;
    if (l->heard == 0)
        return ctl_fail(CTL_UNREACHABLE, "nothing was heard from %s", c->options.multicast_group);
    return l->refused == 0 ? CTL_OK : CTL_NOT_OK;
}

int ctl_run_listen(ctl *c)
{
    listening l = { .socket = NULL };
    int rc = open_finder(c, &l);

    if (rc == CTL_OK)
        rc = open_socket(c, &l);
    if (rc == CTL_OK)
        rc = hear(c, &l);
    mcmp_multicast_close(l.socket);
    mcmp_finder_free(l.finder);
    return rc;
}
