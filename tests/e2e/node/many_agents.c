/* SPDX-License-Identifier: Apache-2.0 */
/*
 * many_agents COUNT INTERVAL_MS ROUNDS PORT: so many agents in one process, each with a connection
 * of its own to the management port of one real server on loopback, and each with a small HTTP
 * backend that answers the server's probes. Runs until each has told that many STATUS, drains all,
 * and prints `statuses least most`, `late_ms worst mean`, `memory_kb before after` and `removed`.
 * An epoll host of agent.h: one timer, sockets that do not block.
 */
#include <libmcmp/libmcmp.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define EVENTS 256
#define PATIENCE (120 * MCMP_SEC)

typedef enum kind { KIND_LISTENER, KIND_BACKEND, KIND_LINK } kind;

typedef struct node {
    mcmp_agent *agent;
    mcmp_handle proxy;
    mcmp_time due;
    mcmp_time last;    /* when the last STATUS was answered */
    uint64_t statuses; /* that were seen here */
    int is_over;
} node;

typedef struct endpoint {
    kind kind;
    int fd;
    node *owner;         /* of a link */
    uint64_t connection; /* of a link */
    int is_open;
    struct endpoint *next; /* of those to be freed, or of the open links */
} endpoint;

static int epoll_fd;
static node *nodes;
static size_t count;
static endpoint *links;
static endpoint *listeners;
static endpoint *dead;
static mcmp_time interval;
static uint32_t port;
static mcmp_time worst;
static double late_sum;
static uint64_t late_count;

static mcmp_time now_of(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (mcmp_time)ts.tv_sec * MCMP_SEC + ts.tv_nsec / 1000;
}

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static endpoint *watch(kind what, int fd, uint32_t events)
{
    endpoint *end = calloc(1, sizeof(*end));
    struct epoll_event event = { .events = events };

    if (end == NULL)
        die("calloc");
    end->kind = what;
    end->fd = fd;
    event.data.ptr = end;
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
        die("epoll_ctl");
    return end;
}

/* Events of the same round may still name it. */
static void drop(endpoint *end)
{
    endpoint **at = &links;

    while (*at != NULL && *at != end)
        at = &(*at)->next;
    if (*at == end)
        *at = end->next;
    (void)close(end->fd);
    end->fd = -1;
    end->next = dead;
    dead = end;
}

static int open_socket(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        die("socket");
    return fd;
}

static struct sockaddr_in loopback(uint32_t number)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)number) };

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

/* ---- backends ---- */

static uint32_t open_backend(void)
{
    struct sockaddr_in address = loopback(0);
    socklen_t len = sizeof(address);
    int fd = open_socket();
    endpoint *listener;

    if (bind(fd, (struct sockaddr *)&address, len) != 0 || listen(fd, 8) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) != 0)
        die("listen");
    listener = watch(KIND_LISTENER, fd, EPOLLIN);
    listener->next = listeners;
    listeners = listener;
    return ntohs(address.sin_port);
}

static void serve_listener(const endpoint *listener)
{
    int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd >= 0)
        (void)watch(KIND_BACKEND, fd, EPOLLIN);
}

/* A probe comes in one piece; whatever it is, the answer is the same. */
static void serve_backend(endpoint *end)
{
    static const char answer[] =
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    char bytes[4096];

    if (recv(end->fd, bytes, sizeof(bytes), 0) > 0)
        (void)send(end->fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL);
    drop(end);
}

/* ---- agents ---- */

static endpoint *find_link(const node *owner, uint64_t connection)
{
    endpoint *link = links;

    while (link != NULL && (link->owner != owner || link->connection != connection))
        link = link->next;
    return link;
}

static void open_link(node *owner, const mcmp_agent_step *step)
{
    struct sockaddr_in address = loopback(port);
    int fd = open_socket();
    endpoint *link;

    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0 && errno != EINPROGRESS) {
        (void)mcmp_agent_closed(owner->agent, step->proxy, step->connection, now_of(),
                                strerror(errno), NULL);
        (void)close(fd);
        return;
    }
    link = watch(KIND_LINK, fd, EPOLLIN | EPOLLOUT);
    link->owner = owner;
    link->connection = step->connection;
    link->next = links;
    links = link;
}

static void do_step(node *owner, const mcmp_agent_step *step)
{
    endpoint *link;

    if (step->action == MCMP_AGENT_CONNECT) {
        open_link(owner, step);
        return;
    }
    link = find_link(owner, step->connection);
    if (link == NULL)
        return;
    if (step->action == MCMP_AGENT_CLOSE)
        drop(link);
    else if (send(link->fd, step->bytes.ptr, step->bytes.len, MSG_NOSIGNAL) !=
             (ssize_t)step->bytes.len) /* a request fits into an empty socket buffer */
        (void)mcmp_agent_closed(owner->agent, step->proxy, step->connection, now_of(), "send",
                                NULL);
}

/* How late each STATUS is: an interval after the one before it. */
static void note_status(node *owner, mcmp_time now)
{
    mcmp_agent_info info;
    mcmp_time late;

    mcmp_agent_info_init(&info);
    if (mcmp_agent_get(owner->agent, owner->proxy, &info) != MCMP_OK ||
        info.statuses == owner->statuses)
        return;
    owner->statuses = info.statuses;
    late = owner->last == 0 ? 0 : now - owner->last - interval;
    owner->last = now;
    worst = late > worst ? late : worst;
    late_sum += (double)(late > 0 ? late : 0);
    late_count++;
}

static void pump(node *owner)
{
    mcmp_agent_step step;
    mcmp_time now = now_of();
    int rc;

    mcmp_agent_step_init(&step);
    note_status(owner, now);
    while ((rc = mcmp_agent_next(owner->agent, now, &step, NULL)) == MCMP_OK)
        do_step(owner, &step);
    owner->due = rc == MCMP_WAIT ? step.until : INT64_MAX;
    owner->is_over = rc == MCMP_DONE;
}

static void link_opens(endpoint *link)
{
    struct epoll_event event = { .events = EPOLLIN };
    int error = 0;
    socklen_t len = sizeof(error);

    (void)getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &error, &len);
    if (error != 0) {
        (void)mcmp_agent_closed(link->owner->agent, link->owner->proxy, link->connection, now_of(),
                                strerror(error), NULL);
        drop(link);
        return;
    }
    event.data.ptr = link;
    (void)epoll_ctl(epoll_fd, EPOLL_CTL_MOD, link->fd, &event);
    link->is_open = 1;
    (void)mcmp_agent_connected(link->owner->agent, link->owner->proxy, link->connection, now_of());
}

static void serve_link(endpoint *link)
{
    node *owner = link->owner;
    char bytes[16384];
    ssize_t got;
    size_t used;

    if (!link->is_open) {
        link_opens(link);
        pump(owner);
        return;
    }
    got = recv(link->fd, bytes, sizeof(bytes), 0);
    if (got > 0) {
        (void)mcmp_agent_received(owner->agent, owner->proxy, link->connection, now_of(), bytes,
                                  (size_t)got, &used, NULL);
    } else if (got == 0 || errno != EAGAIN) {
        (void)mcmp_agent_closed(owner->agent, owner->proxy, link->connection, now_of(),
                                got == 0 ? NULL : strerror(errno), NULL);
        drop(link);
    }
    pump(owner);
}

static void serve(endpoint *end)
{
    if (end->fd < 0)
        return;
    if (end->kind == KIND_LISTENER)
        serve_listener(end);
    else if (end->kind == KIND_BACKEND)
        serve_backend(end);
    else
        serve_link(end);
}

/* ---- the run ---- */

static void start_node(node *owner, size_t number)
{
    mcmp_agent_options opts;
    mcmp_agent_proxy proxy;
    mcmp_message message;
    char route[32];

    mcmp_message_init(&message);
    mcmp_agent_options_init(&opts);
    mcmp_agent_proxy_init(&proxy);
    message.given = MCMP_FIELD_JVMROUTE | MCMP_FIELD_HOST | MCMP_FIELD_PORT | MCMP_FIELD_TYPE;
    message.jvm_route =
        (mcmp_span){ route, (size_t)snprintf(route, sizeof(route), "n%zu", number) };
    message.host = (mcmp_span){ "127.0.0.1", 9 };
    message.port = open_backend();
    message.scheme = MCMP_SCHEME_HTTP;
    opts.node = &message;
    opts.interval = interval;
    opts.drain_wait = MCMP_NEVER;
    opts.drain_timeout = 30 * MCMP_SEC;
    opts.seed = number;
    proxy.host = message.host;
    proxy.port = port;
    if (mcmp_agent_new(&owner->agent, &opts, NULL) != MCMP_OK ||
        mcmp_agent_add(owner->agent, &proxy, now_of(), &owner->proxy, NULL) != MCMP_OK)
        die("agent");
}

static mcmp_time look_at_nodes(void)
{
    mcmp_time next = INT64_MAX;
    mcmp_time now = now_of();

    for (size_t i = 0; i < count; i++) {
        if (nodes[i].due <= now)
            pump(&nodes[i]);
        next = nodes[i].due < next ? nodes[i].due : next;
    }
    return next;
}

static void free_dead(void)
{
    while (dead != NULL) {
        endpoint *end = dead;

        dead = end->next;
        free(end);
    }
}

static void round_of_events(void)
{
    struct epoll_event events[EVENTS];
    mcmp_time next = look_at_nodes();
    mcmp_time wait = next - now_of();
    int timeout = next == INT64_MAX || wait > MCMP_SEC ? 1000
                  : wait < 0                           ? 0
                                                       : (int)(wait / 1000) + 1;
    int got = epoll_wait(epoll_fd, events, EVENTS, timeout);

    for (int i = 0; i < got; i++)
        serve(events[i].data.ptr);
    free_dead();
}

static uint64_t least_statuses(uint64_t *out_most)
{
    uint64_t least = UINT64_MAX;

    *out_most = 0;
    for (size_t i = 0; i < count; i++) {
        least = nodes[i].statuses < least ? nodes[i].statuses : least;
        *out_most = nodes[i].statuses > *out_most ? nodes[i].statuses : *out_most;
    }
    return least;
}

static size_t over_nodes(void)
{
    size_t over = 0;

    for (size_t i = 0; i < count; i++)
        over += (size_t)nodes[i].is_over;
    return over;
}

static long memory_kb(void)
{
    struct rusage usage;

    (void)getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

static void run(uint64_t rounds)
{
    mcmp_time give_up = now_of() + (mcmp_time)rounds * interval + PATIENCE;
    long before = 0;
    uint64_t most;

    while (least_statuses(&most) < rounds && now_of() < give_up) {
        round_of_events();
        if (before == 0 && least_statuses(&most) >= 2)
            before = memory_kb();
    }
    (void)printf("statuses %llu ", (unsigned long long)least_statuses(&most));
    (void)printf("%llu\n", (unsigned long long)most);
    (void)printf("late_ms %lld %.2f\n", (long long)(worst / MCMP_MSEC),
                 late_sum / (double)(late_count > 0 ? late_count : 1) / 1000);
    (void)printf("memory_kb %ld %ld\n", before, memory_kb());
    for (size_t i = 0; i < count; i++) {
        (void)mcmp_agent_drain(nodes[i].agent, 0, now_of());
        pump(&nodes[i]);
    }
    while (over_nodes() < count && now_of() < give_up)
        round_of_events();
    (void)printf("removed %zu\n", over_nodes());
}

static uint32_t number_of(const char *text)
{
    char *end;
    unsigned long number = strtoul(text, &end, 10);

    if (*text == '\0' || *end != '\0' || number == 0 || number > 1000000)
        die(text);
    return (uint32_t)number;
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        (void)fprintf(stderr, "usage: many_agents COUNT INTERVAL_MS ROUNDS PORT\n");
        return 2;
    }
    count = number_of(argv[1]);
    interval = (mcmp_time)number_of(argv[2]) * MCMP_MSEC;
    port = number_of(argv[4]);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    nodes = calloc(count, sizeof(*nodes));
    if (epoll_fd < 0 || nodes == NULL)
        die("start");
    for (size_t i = 0; i < count; i++)
        start_node(&nodes[i], i);
    run(number_of(argv[3]));
    for (size_t i = 0; i < count; i++)
        mcmp_agent_free(nodes[i].agent);
    while (links != NULL)
        drop(links);
    while (listeners != NULL) {
        endpoint *next = listeners->next;

        drop(listeners);
        listeners = next;
    }
    free_dead();
    free(nodes);
    return 0;
}
