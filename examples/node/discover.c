/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listening to advertise, see discover.h. Datagrams that are refused change nothing; the log says
 * why, the first of a kind in a row as a warning.
 */
#include "discover.h"
#include "log.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define READS_MAX 32 /* datagrams at once, so that a flood does not hold up the rest */

struct node_discover {
    node_agent *agent;
    mcmp_multicast *socket;
    mcmp_finder *finder;
    uv_poll_t *poll;
    int refused; /* the code of the last refusal; 0: the last one was good */
};

static void log_refusal(node_discover *discover, int code, const mcmp_error *err, const char *peer)
{
    int is_first = discover->refused != code;

    discover->refused = code;
    node_log(is_first ? MCMP_LOG_WARN : MCMP_LOG_DEBUG, "advertise",
             "a datagram of %s is refused: %s", peer,
             err->message[0] != '\0' ? err->message : mcmp_strerror(code));
}

static void tell_agent(node_discover *discover, const mcmp_found *found, const char *peer)
{
    int is_new = found->change == MCMP_FOUND_NEW || found->change == MCMP_FOUND_BACK;
    int tls = node_span_is(found->protocol, "https");

    if (is_new)
        node_log(MCMP_LOG_INFO, "advertise", "%.*s is there (%s)", (int)found->address.len,
                 found->address.ptr, peer);
    if (found->change == MCMP_FOUND_LEFT) {
        node_log(MCMP_LOG_INFO, "advertise", "%.*s goes away (status %u)", (int)found->address.len,
                 found->address.ptr, found->status);
        node_agent_left(discover->agent, found->host, found->port);
    } else if (found->status == 200) {
        node_agent_found(discover->agent, found->host, found->port, tls, is_new);
    }
}

/* 1: there was one. */
static int take_datagram(node_discover *discover)
{
    char bytes[MCMP_ADVERT_MAX + 1];
    char peer[MCMP_MULTICAST_TEXT];
    mcmp_found found;
    mcmp_error err;
    size_t len;
    int rc = mcmp_multicast_receive(discover->socket, bytes, sizeof(bytes), &len, peer, NULL);

    if (rc != MCMP_OK)
        return 0;
    mcmp_found_init(&found);
    mcmp_error_init(&err);
    rc = mcmp_finder_feed(discover->finder, bytes, len, (mcmp_time)(uv_hrtime() / 1000),
                          (int64_t)time(NULL), &found, &err);
    if (rc != MCMP_OK) {
        log_refusal(discover, rc, &err, peer);
        return 1;
    }
    discover->refused = 0;
    if (found.host.len > 0)
        tell_agent(discover, &found, peer);
    return 1;
}

static void on_input(uv_poll_t *poll, int status, int events)
{
    (void)events;
    if (status != 0)
        return;
    for (int i = 0; i < READS_MAX && take_datagram(poll->data); i++)
        ;
}

static int open_finder(node_discover *discover, const node_options *options, mcmp_error *err)
{
    char key[256] = "";
    mcmp_finder_options opts;
    FILE *file;
    int rc;

    mcmp_finder_options_init(&opts);
    opts.max_proxies = NODE_PROXIES_MAX;
    if (options->advertise_key_file != NULL) {
        file = fopen(options->advertise_key_file, "r");
        if (file == NULL || fgets(key, sizeof(key), file) == NULL)
            key[0] = '\0';
        if (file != NULL)
            (void)fclose(file);
        key[strcspn(key, "\r\n")] = '\0';
        if (key[0] == '\0') {
            (void)snprintf(err->message, sizeof(err->message), "no key can be read from %.100s",
                           options->advertise_key_file);
            return -1;
        }
    }
    opts.key = node_span_of(key);
    rc = mcmp_finder_new(&discover->finder, &opts, err);
    memset(key, 0, sizeof(key));
    return rc == MCMP_OK ? 0 : -1;
}

static int open_socket(node_discover *discover, const node_options *options, mcmp_error *err)
{
    mcmp_multicast_options opts;

    mcmp_multicast_options_init(&opts);
    opts.group = node_span_of(options->advertise_group);
    opts.interface_name = node_span_of(options->advertise_interface);
    opts.flags = MCMP_MULTICAST_RECEIVE;
    return mcmp_multicast_open(&discover->socket, &opts, err) == MCMP_OK ? 0 : -1;
}

static void on_poll_closed(uv_handle_t *handle)
{
    free(handle);
}

void node_discover_free(node_discover *discover)
{
    if (discover == NULL)
        return;
    if (discover->poll != NULL)
        uv_close((uv_handle_t *)discover->poll, on_poll_closed);
    mcmp_multicast_close(discover->socket);
    mcmp_finder_free(discover->finder);
    free(discover);
}

node_discover *node_discover_start(uv_loop_t *loop, const node_options *options, node_agent *agent,
                                   char *why, size_t size)
{
    node_discover *discover = calloc(1, sizeof(*discover));
    uv_poll_t *poll = calloc(1, sizeof(*poll));
    mcmp_error err;

    mcmp_error_init(&err);
    (void)snprintf(err.message, sizeof(err.message), "no memory");
    if (discover == NULL || poll == NULL || open_finder(discover, options, &err) != 0 ||
        open_socket(discover, options, &err) != 0 ||
        uv_poll_init(loop, poll, mcmp_multicast_fd(discover->socket)) != 0) {
        (void)snprintf(why, size, "--advertise: %s", err.message);
        node_discover_free(discover);
        free(poll);
        return NULL;
    }
    discover->agent = agent;
    discover->poll = poll;
    poll->data = discover;
    uv_poll_start(poll, UV_READABLE, on_input);
    return discover;
}
