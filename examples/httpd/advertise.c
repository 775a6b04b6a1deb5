/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Advertise: the process of the watchdog sends, and what the next one needs to go on is in memory
 * that all share and that outlives restarts: the id of each address, the last Sequence and the time
 * of the next datagram. So nodes see one server, whoever speaks. No thread of the parent does it,
 * since the parent forks, and a fork in the middle of a digest would leave locks behind. At the
 * real end the parent, alone again, says that the server goes.
 */
#include "advertise.h"

#include <ap_listen.h>
#include <apr_strings.h>
#include <apr_uri.h>
#include <http_core.h>
#include <http_protocol.h>
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define KEPT_KEY "mod_mcmp.advertise.1" /* the number changes with struct kept */
#define MOST_HOSTS 32

/* What is said of one address, over all processes and restarts. */
struct told {
    char id[40];
    char address[MCMP_MULTICAST_TEXT];
    char protocol[8];
    _Atomic uint64_t sequence;
    _Atomic uint32_t announced;
    uint32_t used; /* by this generation */
    _Atomic int64_t due;
    uint32_t goodbye_len; /* to be sent when the next generation has no such host; 0 = none */
    char group[MCMP_MULTICAST_TEXT];
    char bind[MCMP_MULTICAST_TEXT];
    char goodbye[MCMP_ADVERT_MAX];
};

struct kept {
    _Atomic uint32_t generation; /* of the configuration; older processes are silent */
    uint32_t reserved;
    struct told told[MOST_HOSTS];
};

/* One virtual host, of this generation and process. */
struct speaker {
    server_rec *server;
    const char *name; /* X-Manager-Host */
    struct told *told;
    mcmp_multicast *socket;
    mcmp_advertiser *advertiser;
    uint32_t ahead; /* numbers left out by the advertiser that is made next */
    int failing;
};

static struct kept *kept;
static struct speaker *speakers;
static int speaker_count;
static uint32_t generation;
static pid_t parent_pid;

static mcmp_span span_of(const char *text)
{
    mcmp_span span = { text, text != NULL ? strlen(text) : 0 };

    return span;
}

static int complain(const server_rec *s, const char *what, const mcmp_error *err)
{
    ap_log_error(APLOG_MARK, APLOG_EMERG, err->os_status, s, "ServerAdvertise: %s: %s", what,
                 err->message);
    return -1;
}

/* The address alone of ADDRESS[:PORT], which is what names an interface. */
static mcmp_span bind_address(const char *text)
{
    mcmp_span span = span_of(text);
    const char *end;

    if (span.len == 0)
        return span;
    if (text[0] == '[') {
        span.ptr++;
        end = strchr(span.ptr, ']');
    } else {
        end = strchr(text, ':');
    }
    span.len = end != NULL ? (size_t)(end - span.ptr) : strlen(span.ptr);
    return span;
}

static int open_group(mcmp_multicast **out, const char *group, const char *bind, mcmp_error *err)
{
    mcmp_multicast_options opts;

    mcmp_multicast_options_init(&opts);
    opts.group = span_of(group);
    opts.interface_name = bind_address(bind);
    return mcmp_multicast_open(out, &opts, err);
}

static int open_socket(struct speaker *speaker, mcmp_error *err)
{
    const struct mcmp_httpd_host *host = mcmp_httpd_host_of(speaker->server);

    return open_group(&speaker->socket, host->advertise_group, host->advertise_bind, err);
}

static int make_advertiser(struct speaker *speaker, uint32_t flags, mcmp_error *err)
{
    const struct mcmp_httpd_host *host = mcmp_httpd_host_of(speaker->server);
    mcmp_advertiser_options opts;

    mcmp_advertiser_options_init(&opts);
    opts.server = span_of(speaker->told->id);
    opts.address = span_of(speaker->told->address);
    opts.protocol = span_of(speaker->told->protocol);
    opts.host = span_of(speaker->name);
    opts.url = span_of(host->advertise_manager);
    opts.key = span_of(host->advertise_key);
    opts.frequency = host->advertise_frequency * MCMP_MSEC;
    opts.sequence = atomic_load(&speaker->told->sequence) + speaker->ahead;
    opts.flags = flags;
    if (atomic_load(&speaker->told->announced) != 0)
        opts.flags |= MCMP_ADVERTISER_ANNOUNCED;
    return mcmp_advertiser_new(&speaker->advertiser, &opts, err);
}

/* With the stronger digest where there is a key, and room for it. */
static int begin(struct speaker *speaker, mcmp_error *err)
{
    const struct mcmp_httpd_host *host = mcmp_httpd_host_of(speaker->server);
    int rc = speaker->socket == NULL ? open_socket(speaker, err) : MCMP_OK;

    if (rc != MCMP_OK || speaker->advertiser != NULL)
        return rc;
    if (host->advertise_key == NULL)
        return make_advertiser(speaker, 0, err);
    rc = make_advertiser(speaker, MCMP_ADVERTISER_HMAC, err);
    return rc == MCMP_ERR_ADVERT_SIZE ? make_advertiser(speaker, 0, err) : rc;
}

static void end(struct speaker *speaker)
{
    mcmp_advertiser_free(speaker->advertiser);
    mcmp_multicast_close(speaker->socket);
    speaker->advertiser = NULL;
    speaker->socket = NULL;
}

/* What is announced */

/* Where the port is listened at: `*` stands for addresses of both families. */
static const char *listener_at(apr_pool_t *pool, apr_port_t port)
{
    for (const ap_listen_rec *lr = ap_listeners; lr != NULL; lr = lr->next) {
        apr_sockaddr_t *at = lr->bind_addr;
        char *text = NULL;

        if (port != 0 && at->port != port)
            continue;
        if (apr_sockaddr_ip_get(&text, at) != APR_SUCCESS)
            continue;
        if (strcmp(text, "::") == 0)
            return apr_psprintf(pool, "*:%u", at->port);
        return apr_psprintf(pool, strchr(text, ':') != NULL ? "[%s]:%u" : "%s:%u", text, at->port);
    }
    return apr_psprintf(pool, "*:%u", port);
}

static const char *with_port(apr_pool_t *pool, apr_sockaddr_t *at, apr_port_t port)
{
    char *text = NULL;

    if (apr_sockaddr_ip_get(&text, at) != APR_SUCCESS || strcmp(text, "0.0.0.0") == 0 ||
        strcmp(text, "::") == 0)
        return listener_at(pool, port);
    return apr_psprintf(pool, strchr(text, ':') != NULL ? "[%s]:%u" : "%s:%u", text, port);
}

static apr_port_t port_of(const server_rec *s)
{
    if (s->addrs != NULL && s->addrs->host_port != 0)
        return s->addrs->host_port;
    return s->is_virtual ? s->port : 0; /* the main server: its first listener */
}

/* As the URL of ServerAdvertise has it, or the virtual host's own address. NULL: logged. */
static const char *listener_of(apr_pool_t *pool, const server_rec *s, const char *url)
{
    apr_sockaddr_t *at = NULL;
    apr_port_t port = port_of(s);
    apr_status_t rv;
    apr_uri_t uri;

    if (url == NULL)
        return s->addrs != NULL && s->addrs->host_addr != NULL && s->is_virtual
                   ? with_port(pool, s->addrs->host_addr, port)
                   : listener_at(pool, port);
    rv = apr_uri_parse(pool, url, &uri);
    if (rv == APR_SUCCESS)
        rv = apr_sockaddr_info_get(&at, uri.hostname, APR_UNSPEC, 0, 0, pool);
    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_EMERG, rv, s, "ServerAdvertise: %s has no address", url);
        return NULL;
    }
    if (uri.port_str != NULL)
        port = uri.port;
    else if (port == 0 && ap_listeners != NULL)
        port = ap_listeners->bind_addr->port;
    return with_port(pool, at, port);
}

/* https where the URL says so, or the host is one of mod_ssl. */
static const char *protocol_of(server_rec *s, const char *url)
{
    request_rec r = { .server = s }; /* all that those who answer look at */
    const char *scheme;

    if (url != NULL)
        return strncmp(url, "https:", 6) == 0 ? "https" : "http";
    scheme = ap_run_http_scheme(&r);
    return scheme != NULL && strcmp(scheme, "https") == 0 ? "https" : "http";
}

/* What was told of the address before this restart, or a new one. NULL: logged. */
static struct told *told_of(const server_rec *s, const char *address, const char *protocol)
{
    struct told *free_one = NULL;
    uint8_t random[16];

    for (uint32_t i = 0; i < MOST_HOSTS; i++) {
        struct told *told = &kept->told[i];

        if (!told->used && strcmp(told->address, address) == 0 &&
            strcmp(told->protocol, protocol) == 0) {
            told->used = 1;
            told->goodbye_len = 0;
            return told;
        }
        if (told->address[0] == '\0' && free_one == NULL)
            free_one = told;
    }
    if (free_one == NULL || apr_generate_random_bytes(random, sizeof(random)) != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_EMERG, 0, s,
                     free_one == NULL ? "ServerAdvertise: more than %d hosts"
                                      : "ServerAdvertise: no random bytes for %d hosts",
                     MOST_HOSTS);
        return NULL;
    }
    memset(free_one, 0, sizeof(*free_one));
    mcmp_advert_uuid(random, free_one->id);
    apr_cpystrn(free_one->address, address, sizeof(free_one->address));
    apr_cpystrn(free_one->protocol, protocol, sizeof(free_one->protocol));
    free_one->used = 1;
    return free_one;
}

/* Everything that can go wrong goes wrong here, and not in a child that nobody watches. */
static int prepare(apr_pool_t *pconf, struct speaker *speaker, server_rec *s)
{
    const char *url = mcmp_httpd_host_of(s)->advertise_url;
    const char *listener = listener_of(pconf, s, url);
    char address[MCMP_MULTICAST_TEXT];
    mcmp_error err;
    int rc;

    if (listener == NULL)
        return -1;
    mcmp_error_init(&err);
    speaker->server = s;
    speaker->name = s->server_hostname;
    if (open_socket(speaker, &err) != MCMP_OK)
        return complain(s, "the group or AdvertiseBindAddress", &err);
    if (mcmp_multicast_announce(speaker->socket, span_of(listener), address, &err) != MCMP_OK)
        return complain(s,
                        apr_pstrcat(pconf, "for ", listener,
                                    " give an address, ServerAdvertise On http://ADDRESS[:PORT]",
                                    NULL),
                        &err);
    speaker->told = told_of(s, address, protocol_of(s, url));
    if (speaker->told == NULL)
        return -1;
    rc = begin(speaker, &err);
    end(speaker);
    if (rc != MCMP_OK)
        return complain(s, err.field, &err);
    ap_log_error(APLOG_MARK, APLOG_INFO, 0, s, "announcing %s to %s as %s", address,
                 mcmp_httpd_host_of(s)->advertise_group, speaker->told->id);
    return 0;
}

/* Shared by all processes to come; nothing of it is given back before the server ends. Where
 * nothing was ever announced and nothing is to be, there is none. */
static int keep(server_rec *s, int wanted)
{
    void *data = NULL;

    apr_pool_userdata_get(&data, KEPT_KEY, s->process->pool);
    if (data == NULL && wanted == 0)
        return 0;
    if (data == NULL) {
        data = mmap(NULL, sizeof(*kept), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (data == MAP_FAILED) {
            ap_log_error(APLOG_MARK, APLOG_EMERG, APR_FROM_OS_ERROR(errno), s,
                         "ServerAdvertise: no shared memory");
            return -1;
        }
        apr_pool_userdata_set(data, KEPT_KEY, NULL, s->process->pool);
    }
    kept = data;
    generation = atomic_fetch_add(&kept->generation, 1) + 1;
    for (uint32_t i = 0; i < MOST_HOSTS; i++)
        kept->told[i].used = 0;
    return 0;
}

/* Sending */

static void send_one(struct speaker *speaker, mcmp_span datagram)
{
    mcmp_error err;
    uint32_t before;

    mcmp_error_init(&err);
    /* before it is sent: a restart right behind the first datagram owes a good bye */
    before = atomic_exchange(&speaker->told->announced, 1);
    if (mcmp_multicast_send(speaker->socket, datagram.ptr, datagram.len, &err) == MCMP_OK) {
        speaker->failing = 0;
        return;
    }
    atomic_store(&speaker->told->announced, before);
    mcmp_advertiser_unsent(speaker->advertiser);
    if (!speaker->failing)
        ap_log_error(APLOG_MARK, APLOG_WARNING, err.os_status, speaker->server,
                     "can't advertise, trying again: %s", err.message);
    speaker->failing = 1;
}

static void speak(struct speaker *speaker, mcmp_time now)
{
    mcmp_span datagram;
    mcmp_time at = now + 10 * MCMP_SEC;
    mcmp_error err;
    int rc;

    mcmp_error_init(&err);
    rc = begin(speaker, &err);
    if (rc == MCMP_OK)
        rc = mcmp_advertiser_next(speaker->advertiser, now, (int64_t)time(NULL), &datagram, &at,
                                  &err);
    /* before it is sent: who goes on after us must not use a number twice */
    atomic_store(&speaker->told->due, at);
    if (rc == MCMP_OK) {
        atomic_store(&speaker->told->sequence, mcmp_advertiser_sequence(speaker->advertiser));
        send_one(speaker, datagram);
    } else if (rc < 0) {
        ap_log_error(APLOG_MARK, APLOG_ERR, err.os_status, speaker->server, "can't advertise: %s",
                     err.message);
    }
}

mcmp_time advertise_step(mcmp_time now)
{
    mcmp_time next = now + 3600 * MCMP_SEC;

    if (speaker_count == 0 || atomic_load(&kept->generation) != generation)
        return next;
    for (int i = 0; i < speaker_count; i++) {
        struct told *told = speakers[i].told;

        if (now >= atomic_load(&told->due))
            speak(&speakers[i], now);
        if (atomic_load(&told->due) < next)
            next = atomic_load(&told->due);
    }
    return next;
}

void advertise_pause(void)
{
    for (int i = 0; i < speaker_count; i++)
        end(&speakers[i]);
}

/* With children still there, numbers are left out for what one may send meanwhile. */
static void prepare_goodbye(struct speaker *speaker, int is_alone)
{
    const struct mcmp_httpd_host *host = mcmp_httpd_host_of(speaker->server);
    struct told *told = speaker->told;
    mcmp_span datagram;
    mcmp_time at;

    told->goodbye_len = 0;
    end(speaker);
    speaker->ahead = is_alone ? 0 : 16;
    if (atomic_load(&told->announced) == 0 || begin(speaker, NULL) != MCMP_OK)
        return;
    (void)mcmp_advertiser_stop(speaker->advertiser, 0);
    if (mcmp_advertiser_next(speaker->advertiser, 0, (int64_t)time(NULL), &datagram, &at, NULL) !=
        MCMP_OK)
        return;
    apr_cpystrn(told->group, host->advertise_group, sizeof(told->group));
    apr_cpystrn(told->bind, host->advertise_bind != NULL ? host->advertise_bind : "",
                sizeof(told->bind));
    memcpy(told->goodbye, datagram.ptr, datagram.len);
    told->goodbye_len = (uint32_t)datagram.len;
}

static void say_goodbye(struct told *told)
{
    mcmp_multicast *socket = NULL;

    if (told->goodbye_len != 0 && open_group(&socket, told->group, told->bind, NULL) == MCMP_OK)
        (void)mcmp_multicast_send(socket, told->goodbye, told->goodbye_len, NULL);
    mcmp_multicast_close(socket);
    told->goodbye_len = 0;
    told->address[0] = '\0'; /* free for another one */
}

/* The configuration goes, in the parent: at a restart, and at the end. */
static apr_status_t leave(void *unused)
{
    int is_ending;

    (void)unused;
    if (getpid() != parent_pid)
        return APR_SUCCESS;
    is_ending = ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_EXITING;
    for (int i = 0; i < speaker_count; i++) {
        prepare_goodbye(&speakers[i], is_ending);
        if (is_ending)
            say_goodbye(speakers[i].told);
        end(&speakers[i]);
    }
    speaker_count = 0;
    return APR_SUCCESS;
}

int advertise_open(apr_pool_t *pconf, server_rec *s)
{
    int wanted = 0;

    parent_pid = getpid();
    speaker_count = 0;
    for (const server_rec *host = s; host != NULL; host = host->next)
        wanted += mcmp_httpd_host_of(host)->advertise != 0;
    if (keep(s, wanted) != 0)
        return -1;
    if (kept == NULL)
        return 0;
    speakers = apr_pcalloc(pconf, ((apr_size_t)wanted + 1) * sizeof(*speakers));
    for (server_rec *host = s; host != NULL; host = host->next) {
        if (mcmp_httpd_host_of(host)->advertise == 0)
            continue;
        if (prepare(pconf, &speakers[speaker_count], host) != 0) {
            end(&speakers[speaker_count]);
            return -1;
        }
        speaker_count++;
    }
    for (uint32_t i = 0; i < MOST_HOSTS; i++)
        if (!kept->told[i].used)
            say_goodbye(&kept->told[i]);
    apr_pool_cleanup_register(pconf, NULL, leave, apr_pool_cleanup_null);
    return 0;
}
