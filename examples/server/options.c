/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of all options: the file's keys, the flags, their defaults, ranges and help texts. Both
 * --help and the readers are driven by it, so nothing can be known to one and not to the other.
 */
#include "config.h"

#define AT(member) offsetof(struct config, member)
#define YEARS ((int64_t)365 * 86400 * 1000000)
#define SEC ((int64_t)1000000)
#define GIB ((int64_t)1 << 30)

static const char *const accept_words[] = { "spread", "shared", NULL };
static const char *const append_words[] = { "append", "replace", "off", NULL };
static const char *const host_words[] = { "preserve", "node", NULL };
static const char *const policy_words[] = { "lbfactor", "busyness", "two-choices", "hash", NULL };
static const char *const status_words[] = { "404", "503", NULL };
static const char *const replace_words[] = { "probe-old", "refuse", "last-writer", NULL };
static const char *const level_words[] = {
    "off", "error", "warn", "notice", "info", "debug", NULL
};
static const char *const protocol_words[] = { "http", "https", NULL };
static const char *const format_words[] = { "common", "json", NULL };

#define TEXT(s, k, m, d, arg, help, f)                        \
    {                                                         \
        s, k, OPTION_TEXT, AT(m), 0, 0, NULL, d, arg, help, f \
    }
#define BOOL(s, k, m, d, help, f)                                  \
    {                                                              \
        s, k, OPTION_BOOL, AT(m), 0, 1, NULL, d, "yes|no", help, f \
    }
#define INT(s, k, m, lo, hi, d, help, f)                       \
    {                                                          \
        s, k, OPTION_INT, AT(m), lo, hi, NULL, d, "N", help, f \
    }
#define SIZE(s, k, m, lo, hi, d, help, f)                           \
    {                                                               \
        s, k, OPTION_SIZE, AT(m), lo, hi, NULL, d, "BYTES", help, f \
    }
#define TIME(s, k, m, lo, hi, d, help, f)                          \
    {                                                              \
        s, k, OPTION_TIME, AT(m), lo, hi, NULL, d, "TIME", help, f \
    }
#define WORD(s, k, m, w, d, help, f)                          \
    {                                                         \
        s, k, OPTION_WORD, AT(m), 0, 0, w, d, "WORD", help, f \
    }
#define ADDR(s, k, m, d, help)                                                      \
    {                                                                               \
        s, k, OPTION_ADDRESS, AT(m), 0, 0, NULL, d, "ADDR:PORT", help, OPTION_FIXED \
    }

/* clang-format off */
const struct option option_table[] = {
    INT("server", "workers", workers, 0, 256, "0",
        "number of worker processes; 0 = one per core", OPTION_FIXED),
    WORD("server", "accept", accept, accept_words, "spread",
        "spread: a queue of new connections per worker (SO_REUSEPORT, kept open by the master); "
        "shared: one queue for all workers", OPTION_FIXED),
    TIME("server", "stop-timeout", stop_timeout, 0, 3600 * SEC, "30s",
        "how long a worker that stops may finish its requests", 0),
    TEXT("server", "pid-file", pid_file, "", "FILE",
        "write the master's process id there", OPTION_FIXED),
    TEXT("server", "ready-file", ready_file, "", "FILE",
        "write the real addresses there once all workers serve; one `listen ADDR:PORT`, "
        "`tls-listen`, `management` or `tls-management` likewise, per line", OPTION_FIXED),
    TEXT("server", "state", state, "", "FILE",
        "keep nodes, contexts and sessions over a restart: the state is loaded from there at the "
        "start, saved when it changes, at most once per second, and at the end", OPTION_FIXED),

    ADDR("traffic", "listen", listen, "127.0.0.1:8000",
        "address for HTTP traffic; repeatable; port 0 takes a free one; `none` for no listener"),
    ADDR("traffic", "tls-listen", tls_listen, "none",
        "address for HTTPS traffic; repeatable; port 0 takes a free one; needs tls-certificate"),
    TEXT("traffic", "tls-certificate", tls_certificate, "", "FILE",
        "certificate of tls-listen and tls-management, and those that vouch for it (PEM)", 0),
    TEXT("traffic", "tls-key", tls_key, "", "FILE",
        "its private key (PEM); empty = in the same file", 0),
    TEXT("traffic", "tls-client-ca", tls_client_ca, "", "FILE",
        "authorities for certificates of clients (PEM): clients are asked for one, and ajp nodes "
        "are told it; empty = not asked", 0),
    INT("traffic", "max-connections", max_connections, 1, 1000000, "10000",
        "client connections of a worker; more wait in the queue of the system", 0),
    SIZE("traffic", "max-head", max_head, 1024, 65536, "16k",
        "request line and headers; more is answered 431", 0),
    INT("traffic", "max-headers", max_headers, 10, 1000, "100",
        "header lines of a request; more are answered 431", 0),
    SIZE("traffic", "max-target", max_target, 256, 65536, "8k",
        "request target; more is answered 414", 0),
    SIZE("traffic", "max-body", max_body, 0, INT64_MAX, "0",
        "request body; more is answered 413; 0 = no limit", 0),
    TIME("traffic", "header-timeout", header_timeout, SEC / 10, 3600 * SEC, "10s",
        "from the first byte of a request to the end of its head; then 408", 0),
    TIME("traffic", "body-timeout", body_timeout, SEC / 10, 3600 * SEC, "60s",
        "longest pause of a client that sends a body; then 408", 0),
    TIME("traffic", "idle-timeout", idle_timeout, SEC / 10, 86400 * SEC, "60s",
        "life of an idle client connection", 0),
    TIME("traffic", "send-timeout", send_timeout, SEC / 10, 3600 * SEC, "60s",
        "longest pause of a client that takes an answer", 0),
    TIME("traffic", "tunnel-timeout", tunnel_timeout, SEC / 10, YEARS, "1h",
        "longest silence of an upgraded connection (WebSocket)", 0),
    WORD("traffic", "x-forwarded", x_forwarded, append_words, "append",
        "X-Forwarded-For, -Host and -Proto: append to what the client sent, replace it, or send "
        "nothing of ours", 0),
    BOOL("traffic", "forwarded", forwarded, "no", "add Forwarded (RFC 7239)", 0),
    BOOL("traffic", "via", via, "yes", "add Via to requests and answers", 0),
    TEXT("traffic", "via-name", via_name, "mcmp-server", "NAME", "our name in Via", 0),
    WORD("traffic", "host-header", host_header, host_words, "preserve",
        "preserve: the node gets the client's Host; node: its own", 0),
    TEXT("traffic", "upgrade", upgrade, "websocket", "LIST",
        "protocols that a client may upgrade to; empty for none", 0),
    TIME("traffic", "retry-after", retry_after, 0, 86400 * SEC, "5s",
        "Retry-After of 503 answers where the cluster knows no better", 0),

    TIME("nodes", "connect-timeout", connect_timeout, SEC / 100, 3600 * SEC, "10s",
        "cap of the time to connect to a node, which is its own `ping`", 0),
    TIME("nodes", "node-timeout", node_timeout, SEC / 100, 86400 * SEC, "60s",
        "longest silence of a node that has no Timeout of its own", 0),
    INT("nodes", "smax", smax, 0, 100000, "64",
        "idle connections per node and worker above which they are closed after the node's ttl; "
        "where the node says nothing", 0),
    INT("nodes", "min", min, 0, 100000, "0",
        "idle connections kept per node and worker whatever their age", 0),
    TIME("nodes", "node-idle-timeout", node_idle_timeout, SEC / 100, 86400 * SEC, "15s",
        "life of other idle connections up to smax; to be shorter than the nodes' own", 0),
    INT("nodes", "max-node-connections", max_node_connections, 0, 1000000, "0",
        "connections to one node per worker; more are answered 503; 0 = no limit", 0),
    SIZE("nodes", "replay", replay, 0, 65536, "64k",
        "request body kept to be sent again to another node", 0),
    SIZE("nodes", "max-response-head", max_response_head, 1024, 65536, "32k",
        "status line and headers of a node's answer; more is answered 502", 0),
    BOOL("nodes", "tls-verify", tls_verify, "yes",
        "https and wss nodes must show a certificate for their name", 0),
    TEXT("nodes", "tls-ca", tls_ca, "", "FILE",
        "authorities for these certificates (PEM); empty = those of the system", 0),
    TIME("nodes", "ajp-ping-idle", ajp_ping_idle, 0, YEARS, "1s",
        "a connection to an ajp node that was idle for longer is asked by CPing before it gets a "
        "request; 0 asks always", OPTION_NEVER),
    TEXT("nodes", "node-settings", node_settings_file, "", "FILE",
        "what nodes do not tell, in sections [*], [balancer NAME] and [node ROUTE]: secret and "
        "max-packet of ajp nodes, upgrade-endpoint", 0),

    ADDR("management", "management", management, "127.0.0.1:6666",
        "address for MCMP messages, INFO and the page; repeatable; `none` for no listener"),
    ADDR("management", "tls-management", tls_management, "none",
        "the same over TLS; repeatable; needs tls-certificate"),
    TEXT("management", "management-client-ca", management_client_ca, "", "FILE",
        "authorities for certificates of nodes and tools (PEM): nobody gets in over TLS without "
        "one; empty = not asked", 0),
    TEXT("management", "identities", identities_file, "", "FILE",
        "which certificate may manage which nodes: a section [identities] with lines ROUTES = "
        "SUBJECT; then nobody else may, over TLS or without", OPTION_FIXED),
    TEXT("management", "allow", allow, "private", "LIST",
        "who may manage: comma list of addresses, CIDRs, loopback, private (includes loopback), "
        "any", 0),
    INT("management", "management-max-connections", management_max_connections, 1, 100000, "1000",
        "management connections of a worker", 0),
    TIME("management", "management-timeout", management_timeout, SEC / 10, 3600 * SEC, "20s",
        "time for one message and its answer", 0),
    TIME("management", "management-idle-timeout", management_idle_timeout, SEC / 10, 86400 * SEC,
        "10min", "life of an idle management connection", 0),

    BOOL("advertise", "advertise", advertise, "no",
        "make the server known to nodes by multicast: at once, every advertise-frequency, and when "
        "it stops", OPTION_FIXED),
    TEXT("advertise", "advertise-group", advertise_group, "224.0.1.105:23364", "ADDR:PORT",
        "multicast group; IPv6 in brackets", OPTION_FIXED),
    TEXT("advertise", "advertise-interface", advertise_interface, "", "NAME",
        "name or address of the interface; empty = the system's choice for the group",
        OPTION_FIXED),
    TIME("advertise", "advertise-frequency", advertise_frequency, SEC / 1000, 86400 * SEC, "10s",
        "time between two datagrams", OPTION_FIXED),
    INT("advertise", "advertise-ttl", advertise_ttl, 0, 255, "10",
        "how many routers a datagram may pass; 0 = it stays on this host", OPTION_FIXED),
    BOOL("advertise", "advertise-loop", advertise_loop, "yes",
        "nodes of this host hear it too", OPTION_FIXED),
    TEXT("advertise", "advertise-address", advertise_address, "", "ADDR:PORT",
        "what nodes connect to; empty = the first management address, with the interface's for a "
        "wildcard", OPTION_FIXED),
    TEXT("advertise", "advertise-url", advertise_url, "", "URL",
        "X-Manager-Url; empty = a slash and the id of this start", OPTION_FIXED),
    WORD("advertise", "advertise-protocol", advertise_protocol, protocol_words, "http",
        "X-Manager-Protocol, for management behind a TLS front", OPTION_FIXED),
    TEXT("advertise", "advertise-host", advertise_host, "", "NAME",
        "X-Manager-Host; empty = the name of this host", OPTION_FIXED),
    TEXT("advertise", "advertise-key-file", advertise_key_file, "", "FILE",
        "its first line is the security key that nodes must have too; empty = no key",
        OPTION_FIXED),
    BOOL("advertise", "advertise-hmac", advertise_hmac, "yes",
        "with a key, send HMAC-SHA256 over the datagram too; the digest of the protocol is MD5 and "
        "leaves the address out", OPTION_FIXED),

    WORD("cluster", "policy", policy, policy_words, "lbfactor",
        "how a node is chosen where no session decides", OPTION_FIXED),
    BOOL("cluster", "use-alias", use_alias, "no",
        "the request's host name must be an alias of the node", OPTION_FIXED),
    BOOL("cluster", "all-or-nothing", all_or_nothing, "no",
        "refuse a CONFIG of which a part does not fit, whole", OPTION_FIXED),
    BOOL("cluster", "heal-reset", heal_reset, "yes",
        "make a node that took itself out and came back register its contexts anew", OPTION_FIXED),
    BOOL("cluster", "ranked-routes", ranked_routes, "no",
        "session ids may name several routes, `id.a.b.c`; the first usable wins", OPTION_FIXED),
    BOOL("cluster", "deterministic-failover", deterministic, "no",
        "sessions of a lost node go where a hash of their id says", OPTION_FIXED),
    BOOL("cluster", "ping-any", ping_any, "no",
        "PING may probe any endpoint, also names", OPTION_FIXED),
    BOOL("cluster", "ownership", ownership, "no",
        "only the peer that registered a node may change it", OPTION_FIXED),
    WORD("cluster", "no-context-status", no_context_status, status_words, "404",
        "answer when a context is known but disabled or stopped on all nodes", OPTION_FIXED),
    TEXT("cluster", "no-context-503", no_context_503, "", "LIST",
        "balancers for which that answer is 503; empty = none", OPTION_FIXED),
    WORD("cluster", "replace-policy", replace_policy, replace_words, "probe-old",
        "a changed CONFIG of a live node: probe the old endpoint first, refuse, or always take it",
        OPTION_FIXED),
    TIME("cluster", "silent-after", silent_after, SEC, YEARS, "15s",
        "a node whose last STATUS is older counts as silent", OPTION_FIXED | OPTION_NEVER),
    TIME("cluster", "grace", grace, SEC / 10, YEARS, "10s",
        "how long a removed node is shown under its name, and again as REMOVED", OPTION_FIXED),
    TIME("cluster", "recalc", recalc, SEC / 10, 3600 * SEC, "5s",
        "period of the load measure and of probes of idle nodes", OPTION_FIXED),
    TIME("cluster", "domain-memory", domain_memory, SEC, YEARS, "300s",
        "how long the domain of a removed node is known for its sessions", OPTION_FIXED),
    TIME("cluster", "slow-start", slow_start, SEC / 10, YEARS, "off",
        "time in which a new or recovered node comes to its full share",
        OPTION_FIXED | OPTION_NEVER),
    TIME("cluster", "heal-window", heal_window, SEC / 10, 3600 * SEC, "5s",
        "time in which heal-reset looks for the sequence", OPTION_FIXED),
    TIME("cluster", "stop-hold", stop_hold, 1000, 10 * SEC, "50ms",
        "how long a STOP-APP answer may wait for running requests", OPTION_FIXED | OPTION_NEVER),
    TIME("cluster", "probe-deadline", probe_deadline, SEC / 10, 60 * SEC, "10s",
        "cap of a probe's time, which is the node's `ping`", OPTION_FIXED),
    INT("cluster", "max-failed-probes", max_failed_probes, 1, 1000000, "60",
        "failed probes in a row after which a node is removed", OPTION_FIXED),
    TEXT("cluster", "probe-method", probe_method, "OPTIONS", "METHOD",
        "request that probes http nodes", OPTION_FIXED),
    TEXT("cluster", "probe-path", probe_path, "*", "PATH", "its target", OPTION_FIXED),
    TEXT("cluster", "probe-host", probe_host, "", "HOST", "its Host; empty = the node's",
        OPTION_FIXED),
    INT("cluster", "probe-good-below", probe_good_below, 200, 1000, "500",
        "an answer with a lower status means the node is up", OPTION_FIXED),
    TEXT("cluster", "default-balancer", default_balancer, "mycluster", "NAME",
        "balancer of nodes that name none", OPTION_FIXED),
    TEXT("cluster", "product", product, "", "TEXT", "release of VERSION; empty = the library's own",
        OPTION_FIXED),
    TEXT("cluster", "segment", segment, "", "NAME",
        "keep the cluster in shared memory of this name, which other servers with the same limits "
        "use too and which stays when they end; empty = in memory of this server alone",
        OPTION_FIXED),

    INT("limits", "max-nodes", max_nodes, 1, 1000000, "4096", "nodes", OPTION_FIXED),
    INT("limits", "max-aliases", max_aliases, 1, 16777216, "65536", "aliases of all nodes",
        OPTION_FIXED),
    INT("limits", "max-contexts", max_contexts, 1, 16777216, "1048576",
        "pairs of alias and context of all nodes", OPTION_FIXED),
    INT("limits", "max-balancers", max_balancers, 0, 1000000, "0", "balancers; 0 = as many as nodes",
        OPTION_FIXED),
    SIZE("limits", "max-message", max_message, 0, GIB, "0",
        "body of a management message; 0 = by the tables' sizes, at most 1m", OPTION_FIXED),
    INT("limits", "max-route-length", len_route, 1, 255, "63", "bytes of a JVMRoute", OPTION_FIXED),
    INT("limits", "max-domain-length", len_domain, 1, 255, "19", "bytes of a Domain", OPTION_FIXED),
    INT("limits", "max-host-length", len_host, 1, 255, "63", "bytes of a Host", OPTION_FIXED),
    INT("limits", "max-port-length", len_port, 1, 255, "6", "bytes of a Port", OPTION_FIXED),
    INT("limits", "max-type-length", len_type, 1, 255, "15", "bytes of a Type", OPTION_FIXED),
    INT("limits", "max-balancer-length", len_balancer, 1, 255, "39", "bytes of a Balancer",
        OPTION_FIXED),
    INT("limits", "max-cookie-length", len_cookie, 1, 255, "29",
        "bytes of StickySessionCookie and StickySessionPath", OPTION_FIXED),
    INT("limits", "max-alias-length", len_alias, 1, 255, "254", "bytes of an Alias", OPTION_FIXED),
    INT("limits", "max-context-length", len_context, 1, 1023, "79", "bytes of a Context",
        OPTION_FIXED),

    TEXT("log", "error-log", error_log, "stderr", "FILE", "stderr, off or a file", 0),
    WORD("log", "log-level", log_level, level_words, "info", "highest level written", 0),
    TEXT("log", "access-log", access_log, "off", "FILE", "off, stdout or a file", 0),
    WORD("log", "access-format", access_format, format_words, "common",
        "common: combined log lines with route, reason, tries and times behind; json: one object "
        "per line", 0),
    TIME("log", "access-flush", access_flush, SEC / 100, 60 * SEC, "1s",
        "how long lines of the access log are collected", 0),
};
/* clang-format on */

const size_t option_count = sizeof(option_table) / sizeof(option_table[0]);
