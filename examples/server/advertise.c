/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's part of advertise: the key from its file, the address from the listeners, random bytes
 * for the id, and the clock. What is sent when is the library's.
 */
#include "advertise.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "values.h"

#define KEY_MAX 1024

static mcmp_span span_of(const char *text)
{
    mcmp_span span = { text, strlen(text) };

    return span;
}

/* The first line of the file. 0, or -1 with the complaint. */
static int read_key(const char *path, char *key, struct complaint *why)
{
    const char *wrong = NULL;
    FILE *file;

    key[0] = '\0';
    if (path[0] == '\0')
        return 0;
    file = fopen(path, "re");
    if (file == NULL) {
        wrong = strerror(errno);
    } else {
        if (fgets(key, KEY_MAX, file) == NULL)
            key[0] = '\0';
        fclose(file);
        if (strlen(key) == KEY_MAX - 1)
            wrong = "its first line is too long";
        key[strcspn(key, "\r\n")] = '\0';
        if (wrong == NULL && key[0] == '\0')
            wrong = "its first line is empty";
    }
    if (wrong == NULL)
        return 0;
    explicit_bzero(key, KEY_MAX);
    snprintf(why->text, sizeof(why->text),
             "can't take a key from %.300s for advertise-key-file: %s", path, wrong);
    return -1;
}

int advertise_check(const struct config *config, struct complaint *why)
{
    char key[KEY_MAX];
    int rc;

    if (!config->advertise)
        return 0;
    if (config->management.count == 0 && config->advertise_address[0] == '\0') {
        snprintf(why->text, sizeof(why->text),
                 "advertise needs a management listener, or an advertise-address");
        return -1;
    }
    rc = read_key(config->advertise_key_file, key, why);
    explicit_bzero(key, sizeof(key));
    return rc;
}

static int fail(struct complaint *why, const char *what, const mcmp_error *err)
{
    if (err->os_status != 0)
        snprintf(why->text, sizeof(why->text), "can't advertise: %s: %s", what,
                 strerror(err->os_status));
    else
        snprintf(why->text, sizeof(why->text), "can't advertise: %s: %s", what, err->message);
    return -1;
}

static int open_socket(struct advertise *a, const struct config *config, struct complaint *why)
{
    mcmp_multicast_options opts;
    mcmp_error err;

    mcmp_error_init(&err);
    mcmp_multicast_options_init(&opts);
    opts.group = span_of(config->advertise_group);
    opts.interface_name = span_of(config->advertise_interface);
    opts.ttl = (uint32_t)config->advertise_ttl;
    if (config->advertise_ttl == 0)
        opts.flags |= MCMP_MULTICAST_TTL_0;
    if (!config->advertise_loop)
        opts.flags |= MCMP_MULTICAST_NO_LOOP;
    if (mcmp_multicast_open(&a->socket, &opts, &err) == MCMP_OK)
        return 0;
    return fail(why,
                strcmp(err.field, "group") == 0            ? "advertise-group"
                : strcmp(err.field, "interface_name") == 0 ? "advertise-interface"
                                                           : "multicast",
                &err);
}

/* What is announced: as configured, or the first management listener's, never a wildcard. */
static int find_address(struct advertise *a, const struct config *config,
                        const struct listening_set *sockets, char *out, struct complaint *why)
{
    char listener[MCMP_MULTICAST_TEXT] = "";
    mcmp_error err;

    mcmp_error_init(&err);
    snprintf(listener, sizeof(listener), "%s", config->advertise_address);
    for (unsigned i = 0; i < sockets->count && listener[0] == '\0'; i++)
        if (listening_is_management(sockets->item[i].kind) &&
            (sockets->item[i].kind == LISTENING_TLS_MANAGEMENT) ==
                (config->advertise_protocol == 1))
            value_address_text((const struct sockaddr *)&sockets->item[i].address.addr, listener);
    if (mcmp_multicast_announce(a->socket, span_of(listener), out, &err) == MCMP_OK)
        return 0;
    return fail(why, "advertise-address", &err);
}

static const char *server_name(const struct config *config, char *room, size_t size)
{
    if (config->advertise_host[0] != '\0')
        return config->advertise_host;
    if (gethostname(room, size) != 0)
        room[0] = '\0';
    room[size - 1] = '\0';
    return room;
}

static int make_advertiser(struct advertise *a, const struct config *config, const char *address,
                           const char *key, struct complaint *why)
{
    mcmp_advertiser_options opts;
    char uuid[MCMP_ADVERT_UUID];
    uint8_t random[16];
    char name[256];
    mcmp_error err;

    mcmp_error_init(&err);
    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random)) {
        snprintf(why->text, sizeof(why->text), "can't advertise: no random bytes: %s",
                 strerror(errno));
        return -1;
    }
    mcmp_advert_uuid(random, uuid);
    mcmp_advertiser_options_init(&opts);
    opts.server = span_of(uuid);
    opts.address = span_of(address);
    opts.url = span_of(config->advertise_url);
    opts.protocol = span_of(config->advertise_protocol == 1 ? "https" : "http");
    opts.host = span_of(server_name(config, name, sizeof(name)));
    opts.key = span_of(key);
    opts.frequency = config->advertise_frequency;
    if (key[0] != '\0' && config->advertise_hmac)
        opts.flags |= MCMP_ADVERTISER_HMAC;
    if (mcmp_advertiser_new(&a->advertiser, &opts, &err) != MCMP_OK)
        return fail(why, err.field, &err);
    log_write(MCMP_LOG_INFO, "advertise", "announcing %s to %s as %s%s", address,
              config->advertise_group, uuid, key[0] != '\0' ? ", with a key" : "");
    return 0;
}

int advertise_open(struct advertise *a, const struct config *config,
                   const struct listening_set *sockets, struct complaint *why)
{
    char address[MCMP_MULTICAST_TEXT];
    char key[KEY_MAX];
    int rc = -1;

    memset(a, 0, sizeof(*a));
    if (!config->advertise)
        return 0;
    if (read_key(config->advertise_key_file, key, why) == 0 && open_socket(a, config, why) == 0 &&
        find_address(a, config, sockets, address, why) == 0)
        rc = make_advertiser(a, config, address, key, why);
    explicit_bzero(key, sizeof(key));
    if (rc != 0)
        advertise_close(a);
    return rc;
}

/* A failure is told once, and its end too. */
static void send_datagram(struct advertise *a, mcmp_span datagram)
{
    mcmp_error err;

    mcmp_error_init(&err);
    if (mcmp_multicast_send(a->socket, datagram.ptr, datagram.len, &err) == MCMP_OK) {
        if (a->failing)
            log_write(MCMP_LOG_INFO, "advertise", "datagrams are sent again");
        a->failing = 0;
        return;
    }
    mcmp_advertiser_unsent(a->advertiser);
    if (!a->failing)
        log_write(MCMP_LOG_WARN, "advertise", "can't send a datagram, trying again: %s",
                  strerror(err.os_status));
    a->failing = 1;
}

mcmp_time advertise_run(struct advertise *a, mcmp_time now)
{
    mcmp_time at = MCMP_NEVER;
    mcmp_span datagram;
    mcmp_error err;
    int rc;

    if (a->advertiser == NULL)
        return MCMP_NEVER;
    mcmp_error_init(&err);
    rc = mcmp_advertiser_next(a->advertiser, now, (int64_t)time(NULL), &datagram, &at, &err);
    if (rc == MCMP_OK)
        send_datagram(a, datagram);
    if (rc >= 0)
        return at;
    log_write(MCMP_LOG_ERROR, "advertise", "no datagram can be made: %s", err.message);
    return now + 60 * MCMP_SEC;
}

void advertise_stop(struct advertise *a, mcmp_time now)
{
    if (a->advertiser == NULL)
        return;
    (void)mcmp_advertiser_stop(a->advertiser, 0);
    (void)advertise_run(a, now);
    advertise_close(a);
}

void advertise_close(struct advertise *a)
{
    mcmp_advertiser_free(a->advertiser);
    mcmp_multicast_close(a->socket);
    a->advertiser = NULL;
    a->socket = NULL;
}
