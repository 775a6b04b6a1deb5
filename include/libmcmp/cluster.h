/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIBMCMP_CLUSTER_H
#define LIBMCMP_CLUSTER_H

#include <libmcmp/base.h>
#include <libmcmp/command.h>
#include <libmcmp/parser.h>
#include <libmcmp/response.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * @defgroup mcmp_cluster Cluster state
 * @brief The transactional store that all threads and processes of a balancer share (MCMP 4,
 * DESIGN 3): opening, applying commands, and the work that time brings.
 *
 * A message is applied whole or not at all. Readers take no lock. Everything is addressed by
 * handles with generations, so a stale one is recognised. Nothing here blocks on I/O, sleeps or
 * reads a clock.
 * @{
 */

/** @name Where the state lives */
/** @{ */
#define MCMP_MEMORY_HEAP 0   /**< one process, from the allocator or anonymous pages */
#define MCMP_MEMORY_SHARED 1 /**< anonymous pages that children inherit over fork */
#define MCMP_MEMORY_HOST 2   /**< memory of the host, e.g. an nginx zone or httpd slotmem */
#define MCMP_MEMORY_NAMED 3  /**< shared memory with a name, which other programs can attach */
/** @} */

/** @name How a named segment is opened
 * With EXISTING and READ, limits that the options leave 0 are those of the segment. */
/** @{ */
#define MCMP_ATTACH_ANY 0      /**< attach, or create when there is none */
#define MCMP_ATTACH_CREATE 1   /**< create; one that exists is refused */
#define MCMP_ATTACH_EXISTING 2 /**< attach; none is created */
#define MCMP_ATTACH_READ 3     /**< attach an existing one for reading only */
/** @} */

/** Longest name of a segment. */
#define MCMP_SEGMENT_NAME_MAX 64

/** @name Flags of mcmp_segment_unlink() */
/** @{ */
#define MCMP_SEGMENT_FORCE 0x1u /**< also while processes are attached */
/** @} */

/** @name What a changed CONFIG of a live node does (MCMP 4.1) */
/** @{ */
#define MCMP_REPLACE_PROBE_OLD 0   /**< replace when the old endpoint fails a probe or is silent */
#define MCMP_REPLACE_REFUSE 1      /**< always refuse */
#define MCMP_REPLACE_LAST_WRITER 2 /**< always replace */
/** @} */

/** @name Policies of choice (MCMP 5.6, 5.7 and 7) */
/** @{ */
#define MCMP_POLICY_LBFACTOR 0 /**< by Load and picks of the period (MCMP 5.6) */
#define MCMP_POLICY_BUSYNESS 1 /**< fewest requests in flight per Load */
#define MCMP_POLICY_TWO_CHOICES \
    2 /**< the better of two random ones, on requests in flight and Load */
#define MCMP_POLICY_HASH \
    3 /**< rendezvous hash of query.key, else of the session id, else of the path */
#define MCMP_POLICY_CUSTOM 4 /**< mcmp_better_fn of the options */
/** @} */

/** @name Flags of a cluster */
/** @{ */
#define MCMP_CLUSTER_USE_ALIAS 0x1u      /**< the request's host name must equal an alias */
#define MCMP_CLUSTER_ALL_OR_NOTHING 0x2u /**< a CONFIG that does not fit is refused whole */
#define MCMP_CLUSTER_NO_HEAL_RESET 0x4u  /**< switch heal_reset off (MCMP 4.1) */
#define MCMP_CLUSTER_RANKED_ROUTES 0x8u  /**< `id.a.b.c`: first usable route wins */
#define MCMP_CLUSTER_DETERMINISTIC 0x10u /**< failover by hash of the session id (MCMP 5.7) */
#define MCMP_CLUSTER_PING_ANY 0x20u      /**< PING may probe any endpoint (MCMP 4.6) */
#define MCMP_CLUSTER_OWNERSHIP \
    0x40u /**< only the peer identity or address that registered a node may change it */
#define MCMP_CLUSTER_NO_CONTEXT_503 \
    0x80u /**< selection.status is 503, not 404, for MCMP_NO_CONTEXT */
/** @} */

/** What an authorisation callback judges. Sized; only read by the host. */
typedef struct mcmp_access {
    size_t struct_size;    /**< set by the library */
    uint32_t command;      /**< MCMP_COMMAND_* */
    uint32_t flags;        /**< 0 */
    const mcmp_peer *peer; /**< NULL: nothing known */
    mcmp_span jvm_route;   /**< the node concerned; empty when the command itself is judged */
} mcmp_access;

/**
 * 0 = allowed, anything else = not. Called without a lock, once for the command and once for the
 * node.
 */
typedef int (*mcmp_authorize_fn)(void *ctx, const mcmp_access *access);

/** One candidate as a custom policy sees it. Sized. */
typedef struct mcmp_candidate {
    size_t struct_size; /**< set by the library */
    mcmp_handle node;   /**< its handle */
    int32_t load;       /**< 0..100 */
    uint32_t busy;      /**< requests in flight in all processes */
    uint64_t elected;   /**< picks since it registered */
    uint64_t score;     /**< the measure of MCMP 5.6, less is better */
} mcmp_candidate;

/**
 * A custom policy: asked whether `b` is a better choice than `a`.
 * @return 1 when b is better, 0 when a is at least as good
 */
typedef int (*mcmp_better_fn)(void *ctx, const mcmp_candidate *a, const mcmp_candidate *b);

/**
 * Options of a cluster, fixed when it is opened. Sized; zero means default, MCMP_NEVER switches a
 * time off.
 */
typedef struct mcmp_cluster_options {
    size_t struct_size;         /**< set by mcmp_cluster_options_init() */
    uint32_t memory;            /**< MCMP_MEMORY_* */
    uint32_t flags;             /**< MCMP_CLUSTER_* */
    void *host_memory;          /**< MEMORY_HOST: page aligned, outlives all handles */
    size_t host_memory_size;    /**< at least mcmp_cluster_region_size() */
    uint32_t max_nodes;         /**< 4096 */
    uint32_t max_aliases;       /**< 65536 */
    uint32_t max_contexts;      /**< pairs (alias, context) of nodes; 1048576 */
    uint32_t max_balancers;     /**< 0 = max_nodes */
    uint32_t max_processes;     /**< processes that select at one time; 64, HEAP: 1 */
    uint32_t replace_policy;    /**< MCMP_REPLACE_* */
    uint32_t policy;            /**< MCMP_POLICY_* */
    uint32_t max_failed_probes; /**< idle probes that fail in a row until the node is removed; 60 */
    /** name lengths and message limit; NULL = defaults; copied */
    const mcmp_command_limits *limits;
    const char *default_balancer; /**< "mycluster"; copied */
    const char *product;          /**< release of VERSION; "libmcmp/<x.y.z>.Final"; copied */
    /** who may manage: comma list of CIDRs, "loopback", "private" (includes loopback), "local"
     * (senders without an address, e.g. of a Unix socket), "any"; NULL = "private"; copied */
    const char *allow;
    const mcmp_pair *identities; /**< TLS identity -> comma list of routes with `*` globs; copied */
    /** 0: identities are not asked for; else a peer without an entry is refused */
    size_t identity_count;
    mcmp_time silent_after;  /**< 15 s; MCMP_NEVER */
    mcmp_time grace;         /**< each of the two periods of MCMP 4.4; 10 s */
    mcmp_time recalc_period; /**< MCMP 5.6; 5 s */
    mcmp_time domain_memory; /**< 300 s */
    /** time over which a new or recovered node comes to its full share; off */
    mcmp_time slow_start;
    mcmp_time heal_window;    /**< 5 s */
    mcmp_time probe_deadline; /**< cap of the deadline min(ping, cap); 10 s */
    mcmp_time stop_hold;      /**< how long a STOP-APP answer may be held back; 50 ms; MCMP_NEVER */
    mcmp_authorize_fn authorize;     /**< asked in addition to allow and identities; NULL = no */
    void *authorize_ctx;             /**< kept: must outlive the cluster */
    mcmp_better_fn better;           /**< MCMP_POLICY_CUSTOM */
    void *better_ctx;                /**< kept: must outlive the cluster */
    const mcmp_allocator *allocator; /**< for the handle; copied; NULL = libc */
    const mcmp_logger *logger;       /**< copied; NULL = silent */
    const char *probe_method;        /**< "OPTIONS"; copied */
    const char *probe_path;          /**< "*"; copied */
    const char *probe_host;          /**< Host of probes; NULL = the node's; copied */
    uint32_t probe_good_below;       /**< 500 */
    uint32_t reserved;               /**< 0 */
    uint64_t random_seed;            /**< 0 = from the system; tests give one */
    mcmp_time now;                   /**< the host's monotonic clock at opening */
    const char *no_context_503;      /**< comma list of balancers for which selection.status is 503,
                                          as the flag says it for all; NULL = none; copied */
    const char *segment; /**< MEMORY_NAMED: 1..MCMP_SEGMENT_NAME_MAX of A-Z a-z 0-9 . _ -; copied */
    uint32_t attach;     /**< MEMORY_NAMED: MCMP_ATTACH_* */
    uint32_t reserved2;  /**< 0 */
    /** bytes kept of past changes for observers (observer.h), rounded up to a power of two of at
     * least 4096, at most 2^30; 0 = there are no observers, and STATUS takes no lock (MEMORY_NAMED:
     * or as the segment has it) */
    uint64_t change_ring;
    mcmp_time probe_period; /**< between two idle probes of a node; 0 = recalc_period */
} mcmp_cluster_options;

/** @name Pieces of work of mcmp_tick() */
/** @{ */
#define MCMP_WORK_PROBE 1     /**< make work.probe, then mcmp_probe_report() */
#define MCMP_WORK_NODE_GONE 2 /**< work.node is gone or has a new endpoint: drop its connections */
/** @} */

/** One piece of work. Sized; filled by mcmp_tick(). */
typedef struct mcmp_work {
    size_t struct_size;      /**< set by mcmp_work_init() */
    uint32_t kind;           /**< MCMP_WORK_* */
    uint32_t reserved;       /**< 0 */
    mcmp_time next_at;       /**< with MCMP_DONE: call again at this time at the latest */
    mcmp_handle node;        /**< NODE_GONE */
    const mcmp_probe *probe; /**< PROBE; view, valid until the next tick of this handle */
} mcmp_work;

/** A cluster as one process sees it. */
typedef struct mcmp_cluster mcmp_cluster;

/**
 * @brief Clear the struct and set its size.
 * @param[out] opts the struct
 * @param[in]  size its size; the macro gives it
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API void mcmp_cluster_options_init_sized(mcmp_cluster_options *opts, size_t size);
/** Initialise with this header's size. */
#define mcmp_cluster_options_init(o) mcmp_cluster_options_init_sized((o), sizeof(*(o)))

/**
 * @brief Clear the struct and set its size.
 * @param[out] work the struct
 * @param[in]  size its size; the macro gives it
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API void mcmp_work_init_sized(mcmp_work *work, size_t size);
/** Initialise with this header's size. */
#define mcmp_work_init(w) mcmp_work_init_sized((w), sizeof(*(w)))

/**
 * @brief Bytes of address space that a region with these options needs.
 * @param[in]  opts     NULL = defaults
 * @param[out] out_size bytes, a multiple of the page size
 * @param[out] err      detail; may be NULL
 * @return MCMP_OK, MCMP_ERR_INVALID, MCMP_ERR_LIMIT (err names the option), MCMP_ERR_UNSUPPORTED
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API int mcmp_cluster_region_size(const mcmp_cluster_options *opts, size_t *out_size,
                                      mcmp_error *err);

/**
 * @brief Create a cluster, or attach to the one that host memory or a named segment already holds.
 *
 * A named segment belongs to one user: another owner, a mode other than 0600, other limits, another
 * layout, a size that does not fit and a damaged header are refused before anything in it is used,
 * and err says what differs. Who attaches for writing also has the content checked as
 * mcmp_cluster_check() does. What a creator that died left unfinished is created anew. The call
 * may wait up to ten seconds for another process that is creating the segment or holds its lock.
 * All programs that share one must give `now` from the same clock (CLOCK_MONOTONIC).
 *
 * Attached with MCMP_ATTACH_READ, nothing of the segment is written: views, INFO, DUMP, VERSION and
 * the page, observers, mcmp_explain(), dry runs, mcmp_node_is_current() and mcmp_cluster_check()
 * work; what would change something gives MCMP_ERR_STATE.
 * @param[out] out  the cluster; @owned, free with mcmp_cluster_close()
 * @param[in]  opts NULL = defaults; copied
 * @param[out] err  detail; may be NULL
 * @return MCMP_OK, MCMP_ERR_NOMEM, MCMP_ERR_INVALID, MCMP_ERR_LIMIT, MCMP_ERR_OS, MCMP_ERR_REGION,
 * MCMP_ERR_FULL (max_processes), MCMP_ERR_UNSUPPORTED; of named segments also MCMP_ERR_NOT_FOUND
 * (EXISTING, READ), MCMP_ERR_STATE (CREATE: it exists), MCMP_ERR_DENIED (owner or mode) and
 * MCMP_ERR_DAMAGED
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API int mcmp_cluster_open(mcmp_cluster **out, const mcmp_cluster_options *opts,
                               mcmp_error *err);

/**
 * @brief Leave a cluster; NULL is allowed. Selections that this process still holds are given back.
 * Host memory is left as it is; other memory is unmapped in this process. A named segment stays,
 * with everything in it, until mcmp_segment_unlink() or the end of the system.
 * @param[in] cluster the cluster; taken; may be NULL
 * @mt_setup @reentrant no
 * @since 0.1
 */
MCMP_API void mcmp_cluster_close(mcmp_cluster *cluster);

/**
 * @brief Make the inherited cluster the child's own, so that its selections are counted as its own.
 * Called once in the child, after fork and before the first select.
 * @param[in]  cluster the cluster; @borrowed
 * @param[out] err     detail; may be NULL
 * @return MCMP_OK, MCMP_ERR_FULL (max_processes), MCMP_ERR_STATE (heap memory, or attached for
 * reading only)
 * @mt_setup @reentrant no
 * @since 0.1
 */
MCMP_API int mcmp_cluster_after_fork(mcmp_cluster *cluster, mcmp_error *err);

/**
 * @brief Remove a named segment. Who is attached keeps what he has, and is alone with it: the next
 * to open the name creates another one.
 * @param[in]  name  as in mcmp_cluster_options.segment; @borrowed
 * @param[in]  flags 0 or MCMP_SEGMENT_FORCE
 * @param[out] err   detail; may be NULL
 * @return MCMP_OK, MCMP_ERR_NOT_FOUND, MCMP_ERR_STATE (a process is attached; err names it),
 * MCMP_ERR_DENIED (another owner), MCMP_ERR_INVALID, MCMP_ERR_UNSUPPORTED, MCMP_ERR_OS
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API int mcmp_segment_unlink(const char *name, uint32_t flags, mcmp_error *err);

/** What mcmp_cluster_check() found. Sized. */
typedef struct mcmp_check {
    size_t struct_size;    /**< set by mcmp_check_init() */
    uint64_t messages;     /**< messages that changed something, since the region was created */
    uint64_t used_bytes;   /**< of one copy: rows and indexes that were ever in use */
    uint64_t region_bytes; /**< address space of the region */
    uint64_t repaired;     /**< blocks of 64 bytes that were brought up to date before checking */
    uint32_t unfinished;   /**< 1: a message that was begun and not committed was taken back */
    uint32_t compared;     /**< 1: both copies were compared; 0: read-only, one was looked at */
    uint32_t nodes;        /**< live ones */
    uint32_t leaving;      /**< removed ones that are still shown or remembered */
    uint32_t balancers;    /**< rows */
    uint32_t aliases;      /**< rows: of all nodes */
    uint32_t contexts;     /**< pairs (alias, context) of all nodes */
    uint32_t groups;       /**< sets of candidates */
    uint32_t processes;    /**< slots in use */
    uint32_t dead;         /**< of these, slots whose owner has died */
} mcmp_check;

/**
 * @brief Clear the struct and set its size.
 * @param[out] check the struct
 * @param[in]  size  its size; the macro gives it
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API void mcmp_check_init_sized(mcmp_check *check, size_t size);
/** Initialise with this header's size. */
#define mcmp_check_init(c) mcmp_check_init_sized((c), sizeof(*(c)))

/**
 * @brief Check every invariant of the whole region, after finishing or taking back what a dead
 * writer left. Writers wait meanwhile; the cost is in proportion to what is registered. A cluster
 * attached for reading checks a copy of one whole state, without a lock.
 * @param[in]  cluster the cluster; @borrowed
 * @param[out] out     figures; also of a damaged region as far as it was looked at; may be NULL
 * @param[out] err     of a damaged region: field is the table, offset the row, message the rule
 * @return MCMP_OK, MCMP_ERR_DAMAGED, MCMP_ERR_NOMEM, MCMP_ERR_OS (the lock), MCMP_ERR_OVERTAKEN
 * (read-only: writers were always faster), MCMP_ERR_INVALID
 * @mt_any @reentrant no
 * @since 0.1
 */
MCMP_API int mcmp_cluster_check(mcmp_cluster *cluster, mcmp_check *out, mcmp_error *err);

/**
 * @brief Give back what a dead process held: its selections no longer count as running. Processes
 * that nobody reports are found by mcmp_tick() within ten seconds.
 * @param[in] cluster the cluster; @borrowed
 * @param[in] pid     process id as the host's wait call told it
 * @return MCMP_OK, MCMP_ERR_NOT_FOUND (also when the pid is that of a new process), MCMP_ERR_STATE
 * (attached for reading only)
 * @mt_any @reentrant no
 * @since 0.1
 */
MCMP_API int mcmp_cluster_process_gone(mcmp_cluster *cluster, int64_t pid);

/**
 * @brief The greatest body that mcmp_apply() takes, for mcmp_parser_options.max_body.
 * @param[in] cluster the cluster; @borrowed
 * @return bytes
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API uint64_t mcmp_cluster_max_message(const mcmp_cluster *cluster);

/**
 * @brief The limits under which mcmp_apply() decodes bodies, for mcmp_parser_options.limits.
 * @param[in] cluster the cluster; @borrowed
 * @return view into the cluster, valid until it is closed; every default is filled in
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API const mcmp_command_limits *mcmp_cluster_limits(const mcmp_cluster *cluster);

/**
 * @brief The `id` of STATUS and PING (MCMP 4.5).
 * @param[in] cluster the cluster; @borrowed
 * @return the number
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API uint64_t mcmp_cluster_id(const mcmp_cluster *cluster);

/**
 * @brief A number that grows with each message that changed something, and with each load; a host
 * that compares it knows whether there is something new to save. STATUS changes live counters and
 * health only, so it leaves the number alone.
 * @param[in] cluster the cluster; @borrowed
 * @return the number
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API uint64_t mcmp_cluster_version(const mcmp_cluster *cluster);

/**
 * @brief Apply one MCMP command to the cluster.
 *
 * The answer is in response, also to a refused command: everything the sender should see is there
 * whatever the result is, except on MCMP_PENDING and the errors after the semicolon below. INFO,
 * DUMP, VERSION and the page are answered too. A sender of whom nothing is known is refused.
 * @param[in]  cluster  the cluster; @borrowed
 * @param[in]  request  a complete request with now, connection and peer set; @borrowed. After
 * MCMP_PENDING it and its bytes must stay until the resume.
 * @param[out] response what to send back
 * @param[out] err      detail; may be NULL
 * @return MCMP_OK, MCMP_PENDING (see mcmp_response_pending(), then mcmp_apply_resume()),
 * MCMP_ERR_SYNTAX, MCMP_ERR_UNKNOWN_NODE, MCMP_ERR_CONFLICT, MCMP_ERR_FULL (err names the limit),
 * MCMP_ERR_DENIED, MCMP_ERR_BODY_SIZE; nothing is answered with MCMP_ERR_NOMEM (and nothing was
 * changed: the command can be repeated), MCMP_ERR_OS (the lock), MCMP_ERR_DAMAGED,
 * MCMP_ERR_INVALID, MCMP_ERR_UNSUPPORTED, MCMP_ERR_STATE (attached for reading only),
 * MCMP_ERR_OVERTAKEN (the same, and writers were always faster)
 * @mt_any @reentrant no
 * @since 0.1
 */
MCMP_API int mcmp_apply(mcmp_cluster *cluster, const mcmp_request *request, mcmp_response *response,
                        mcmp_error *err);

/**
 * @brief Go on after MCMP_PENDING. Everything from `node known` on is judged again (MCMP 1).
 * @param[in]     cluster  the cluster; @borrowed
 * @param[in]     request  the request that is answered; @borrowed for the call
 * @param[in,out] response the answer; @borrowed
 * @param[in]     probe_ok 1: the probed endpoint answered; 0: it did not, or the deadline passed.
 * Without meaning for MCMP_PENDING_DELAY.
 * @param[in]     now      time of the resume
 * @param[out]    err      detail; may be NULL
 * @return as mcmp_apply(), but where nothing is answered (MCMP_ERR_NOMEM and those after it) the
 * answer waits as before and can be resumed again; MCMP_ERR_STATE when it does not wait
 * @mt_any @reentrant no
 * @since 0.1
 */
MCMP_API int mcmp_apply_resume(mcmp_cluster *cluster, const mcmp_request *request,
                               mcmp_response *response, int probe_ok, mcmp_time now,
                               mcmp_error *err);

/**
 * @brief Do what time brings, and hand out one piece of work for the host.
 *
 * Call it in a loop until MCMP_DONE. Any process may call it: no probe is handed out twice.
 * @param[in]     cluster the cluster; @borrowed
 * @param[in]     now     monotonic time
 * @param[in,out] work    initialised; filled
 * @param[out]    err     detail; may be NULL
 * @return MCMP_OK (one piece of work), MCMP_DONE (work->next_at says when to come again),
 * MCMP_ERR_NOMEM (first call of a handle), MCMP_ERR_INVALID, MCMP_ERR_STATE (attached for reading
 * only)
 * @mt_handle @reentrant no
 * @since 0.1
 */
MCMP_API int mcmp_tick(mcmp_cluster *cluster, mcmp_time now, mcmp_work *work, mcmp_error *err);

/**
 * @brief Report the result of a probe of mcmp_tick().
 * @param[in]  cluster the cluster; @borrowed
 * @param[in]  node    mcmp_probe.node
 * @param[in]  ticket  mcmp_probe.ticket; an overtaken one is ignored
 * @param[in]  ok      1: the node answered as it should
 * @param[in]  now     monotonic time
 * @param[out] err     detail; may be NULL
 * @return MCMP_OK, MCMP_ERR_STALE (the node is gone), MCMP_ERR_INVALID, MCMP_ERR_OS (the node was
 * to be removed, but the lock can't be taken; the next failed probe tries again), MCMP_ERR_STATE
 * (attached for reading only)
 * @mt_any @reentrant no
 * @since 0.1
 */
MCMP_API int mcmp_probe_report(mcmp_cluster *cluster, mcmp_handle node, uint64_t ticket, int ok,
                               mcmp_time now, mcmp_error *err);

/**
 * @brief 1 while the handle names a node that may be used under the same endpoint.
 * @param[in] cluster the cluster; @borrowed
 * @param[in] node    handle of a node
 * @return 1 or 0
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API int mcmp_node_is_current(mcmp_cluster *cluster, mcmp_handle node);

/** @} */

#ifdef __cplusplus
}
#endif
#endif
