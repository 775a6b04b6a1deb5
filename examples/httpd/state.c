/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cluster's memory over the life of the server, and its handle in each process.
 *
 * The memory is mapped once in the parent, which all children inherit, and is noted in the pool of
 * the process: that outlives the pool of the configuration, and the module itself, which httpd
 * unloads and loads again at each restart. So a restart opens a new handle over the same memory;
 * requests in flight in old children go on being counted there. When sizes have changed, or
 * UseAlias, the state moves into memory of the new sizes, and old children keep what they inherited
 * until they end.
 */
#include "state.h"

#include <ap_mpm.h>
#include <apr_strings.h>
#include <mpm_common.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "save.h"

#define KEPT_KEY "mod_mcmp.region.1" /* the number changes with struct kept */
#define SPARE_PROCESSES 64
#define MOST_PROCESSES 1024

/* In the pool of the process; written by one load of the module, read by the next. */
struct kept {
    void *memory;
    size_t size;
    uint32_t max_nodes;
    uint32_t max_aliases;
    uint32_t max_contexts;
    uint32_t max_processes;
    uint32_t flags; /* those that the layout depends on */
    uint32_t reserved;
};

static mcmp_cluster *current;
static pid_t parent_pid;
static char product[64];

mcmp_cluster *mcmp_httpd_cluster(void)
{
    return current;
}

mcmp_time mcmp_httpd_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (mcmp_time)ts.tv_sec * MCMP_SEC + ts.tv_nsec / 1000;
}

const char *mcmp_httpd_product(void)
{
    if (product[0] == '\0')
        apr_snprintf(product, sizeof(product), "mod_cluster/2.%d.%d.Final", MCMP_VERSION_MINOR,
                     MCMP_VERSION_PATCH);
    return product;
}

static uint32_t layout_flags(const struct mcmp_httpd_settings *settings)
{
    return settings->use_alias ? MCMP_CLUSTER_USE_ALIAS : 0;
}

static uint32_t flags_of(const struct mcmp_httpd_settings *settings)
{
    uint32_t flags = layout_flags(settings);

    flags |= settings->all_or_nothing ? MCMP_CLUSTER_ALL_OR_NOTHING : 0;
    flags |= settings->deterministic ? MCMP_CLUSTER_DETERMINISTIC : 0;
    flags |= settings->ping_any ? MCMP_CLUSTER_PING_ANY : 0;
    return flags;
}

static mcmp_time seconds(int64_t value)
{
    return value == 0 ? MCMP_NEVER : value * MCMP_SEC;
}

static uint32_t process_limit(void)
{
    int limit = 0;

    if (ap_mpm_query(AP_MPMQ_HARD_LIMIT_DAEMONS, &limit) != APR_SUCCESS || limit < 1)
        limit = 1;
    limit += SPARE_PROCESSES;
    return limit < MOST_PROCESSES ? (uint32_t)limit : MOST_PROCESSES;
}

static void set_options(mcmp_cluster_options *opts, mcmp_command_limits *limits,
                        mcmp_logger *logger, server_rec *s)
{
    const struct mcmp_httpd_settings *settings = mcmp_httpd_settings();

    log_init(logger, s);
    mcmp_command_limits_init(limits);
    limits->max_message = (uint64_t)settings->max_message;
    mcmp_cluster_options_init(opts);
    opts->memory = MCMP_MEMORY_HOST;
    opts->flags = flags_of(settings);
    opts->max_nodes = (uint32_t)settings->max_nodes;
    opts->max_aliases = (uint32_t)settings->max_hosts;
    opts->max_contexts = (uint32_t)settings->max_contexts;
    opts->max_processes = process_limit();
    opts->replace_policy = (uint32_t)settings->replace_policy;
    opts->policy = (uint32_t)settings->policy;
    opts->max_failed_probes = (uint32_t)settings->probe_failures;
    opts->limits = limits;
    opts->default_balancer = settings->balancer_name;
    opts->product = mcmp_httpd_product();
    opts->allow = settings->allow;
    if (settings->identities != NULL) {
        opts->identities = (const mcmp_pair *)(const void *)settings->identities->elts;
        opts->identity_count = (size_t)settings->identities->nelts;
    }
    opts->silent_after = seconds(settings->silent_after);
    opts->grace = settings->grace * MCMP_SEC;
    opts->recalc_period = settings->recalc * MCMP_SEC;
    opts->probe_period = settings->hc_interval;
    opts->slow_start = seconds(settings->slow_start);
    opts->probe_deadline = settings->probe_deadline * MCMP_SEC;
    opts->probe_method = settings->probe_method;
    opts->probe_path = settings->probe_path;
    opts->probe_host = settings->probe_host;
    opts->probe_good_below = (uint32_t)settings->probe_below;
    opts->logger = logger;
    opts->now = mcmp_httpd_now();
}

static int complain(server_rec *s, const char *what, const mcmp_error *err)
{
    ap_log_error(APLOG_MARK, APLOG_EMERG, 0, s, "can't %s: %s: %s%s%s", what,
                 mcmp_error_name(err->code), err->field, err->field[0] != '\0' ? ": " : "",
                 err->message);
    return -1;
}

/* New memory for these options, with an empty cluster in it. */
static int create(mcmp_cluster **out, mcmp_cluster_options *opts, struct kept *kept,
                  mcmp_error *err)
{
    size_t size;
    void *memory;
    int rc = mcmp_cluster_region_size(opts, &size, err);

    if (rc != MCMP_OK)
        return rc;
    memory =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        err->code = MCMP_ERR_NOMEM;
        apr_snprintf(err->message, sizeof(err->message),
                     "no shared memory of %" APR_SIZE_T_FMT
                     " bytes; see Maxnode, Maxhost and Maxcontext",
                     size);
        return MCMP_ERR_NOMEM;
    }
    opts->host_memory = memory;
    opts->host_memory_size = size;
    rc = mcmp_cluster_open(out, opts, err);
    if (rc != MCMP_OK) {
        munmap(memory, size);
        return rc;
    }
    kept->memory = memory;
    kept->size = size;
    kept->max_nodes = opts->max_nodes;
    kept->max_aliases = opts->max_aliases;
    kept->max_contexts = opts->max_contexts;
    kept->max_processes = opts->max_processes;
    kept->flags = layout_flags(mcmp_httpd_settings());
    return MCMP_OK;
}

static int fits(const struct kept *kept, const mcmp_cluster_options *opts)
{
    return kept->max_nodes == opts->max_nodes && kept->max_aliases == opts->max_aliases &&
           kept->max_contexts == opts->max_contexts && kept->max_processes == opts->max_processes &&
           kept->flags == layout_flags(mcmp_httpd_settings());
}

/* The memory of the last generation under the sizes it was made with. */
static int reopen(mcmp_cluster **out, const struct kept *kept, const mcmp_cluster_options *opts,
                  mcmp_error *err)
{
    mcmp_cluster_options old = *opts;

    old.host_memory = kept->memory;
    old.host_memory_size = kept->size;
    old.max_nodes = kept->max_nodes;
    old.max_aliases = kept->max_aliases;
    old.max_contexts = kept->max_contexts;
    old.max_processes = kept->max_processes;
    old.flags = (opts->flags & ~MCMP_CLUSTER_USE_ALIAS) | kept->flags;
    return mcmp_cluster_open(out, &old, err);
}

struct bytes {
    char *data;
    size_t len;
    size_t room;
};

static int collect(void *ctx, const void *data, size_t len)
{
    struct bytes *bytes = ctx;

    if (bytes->room - bytes->len < len) {
        size_t room = 2 * (bytes->len + len) + 4096;
        char *more = realloc(bytes->data, room);

        if (more == NULL)
            return -1;
        bytes->data = more;
        bytes->room = room;
    }
    memcpy(bytes->data + bytes->len, data, len);
    bytes->len += len;
    return 0;
}

/* What is in the old cluster comes into the new one; what has no place there is logged. */
static int move_state(mcmp_cluster *from, mcmp_cluster *to, server_rec *s, mcmp_error *err)
{
    struct bytes bytes = { NULL, 0, 0 };
    int rc = mcmp_cluster_encode(from, mcmp_httpd_now(), collect, &bytes, err);

    if (rc == MCMP_OK)
        rc = save_decode(to, bytes.data, bytes.len, s, err);
    free(bytes.data);
    return rc;
}

/* Over to memory of other sizes. The old memory goes from this process only: old children hold it
 * until they end. */
static int migrate(struct kept *kept, mcmp_cluster_options *opts, server_rec *s, mcmp_error *err)
{
    struct kept made = { NULL, 0, 0, 0, 0, 0, 0, 0 };
    mcmp_cluster *old = NULL;
    mcmp_cluster *cluster = NULL;
    int rc = create(&cluster, opts, &made, err);

    if (rc != MCMP_OK)
        return complain(s, "create the cluster anew with the changed sizes", err);
    rc = reopen(&old, kept, opts, err);
    if (rc == MCMP_OK)
        rc = move_state(old, cluster, s, err);
    mcmp_cluster_close(old);
    if (rc != MCMP_OK)
        ap_log_error(APLOG_MARK, APLOG_ERR, 0, s,
                     "the state can't be moved into the changed sizes, nodes register again: %s",
                     err->message);
    munmap(kept->memory, kept->size);
    *kept = made;
    current = cluster;
    return 0;
}

/* The first start of this process. */
static int start(struct kept *kept, mcmp_cluster_options *opts, server_rec *s, mcmp_error *err)
{
    mcmp_cluster *cluster = NULL;

    if (create(&cluster, opts, kept, err) != MCMP_OK)
        return complain(s, "create the cluster", err);
    current = cluster;
    return save_load(cluster, s);
}

static int take_over(struct kept *kept, mcmp_cluster_options *opts, server_rec *s, mcmp_error *err)
{
    if (fits(kept, opts)) {
        opts->host_memory = kept->memory;
        opts->host_memory_size = kept->size;
        if (mcmp_cluster_open(&current, opts, err) == MCMP_OK)
            return 0;
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s,
                     "the cluster of the last generation can't be used as it is: %s", err->message);
    }
    return migrate(kept, opts, s, err);
}

/* The configuration goes: at a restart, and at the end. A child that ends leaves its slot to the
 * parent, which hears of its end: other pools may still have something to give back. */
static apr_status_t leave(void *data)
{
    if (getpid() != parent_pid)
        return APR_SUCCESS;
    save_last(data);
    mcmp_cluster_close(current);
    current = NULL;
    return APR_SUCCESS;
}

/* What sets an option of the library. */
static const char *directive_of(const char *field)
{
    static const struct {
        const char *field;
        const char *directive;
    } rows[] = {
        { "max_nodes", "Maxnode" },
        { "max_aliases", "Maxhost" },
        { "max_contexts", "Maxcontext" },
        { "max_message", "MaxMCMPMessSize" },
        { "default_balancer", "ManagerBalancerName" },
        { "identities", "MCMPAuthorize certificate" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        if (strcmp(rows[i].field, field) == 0)
            return rows[i].directive;
    return field;
}

int state_check(server_rec *s)
{
    mcmp_cluster_options opts;
    mcmp_command_limits limits;
    mcmp_logger logger;
    mcmp_error err;
    size_t size;

    mcmp_error_init(&err);
    set_options(&opts, &limits, &logger, s);
    if (mcmp_cluster_region_size(&opts, &size, &err) == MCMP_OK)
        return 0;
    ap_log_error(APLOG_MARK, APLOG_EMERG, 0, s, "%s: %s", directive_of(err.field), err.message);
    return -1;
}

int state_open(apr_pool_t *pconf, server_rec *s)
{
    struct kept *kept = NULL;
    mcmp_cluster_options opts;
    mcmp_command_limits limits;
    mcmp_logger logger;
    mcmp_error err;
    void *data = NULL;
    int rc;

    mcmp_error_init(&err);
    parent_pid = getpid();
    set_options(&opts, &limits, &logger, s);
    apr_pool_userdata_get(&data, KEPT_KEY, s->process->pool);
    kept = data;
    if (kept == NULL) {
        kept = apr_pcalloc(s->process->pool, sizeof(*kept));
        rc = start(kept, &opts, s, &err);
        if (rc == 0)
            apr_pool_userdata_set(kept, KEPT_KEY, NULL, s->process->pool);
    } else {
        rc = take_over(kept, &opts, s, &err);
    }
    if (rc != 0)
        return rc;
    save_begin(s);
    apr_pool_cleanup_register(pconf, s, leave, apr_pool_cleanup_null);
    return 0;
}

void state_enter_child(apr_pool_t *pchild, server_rec *s)
{
    mcmp_error err;

    (void)pchild;
    if (current == NULL || getpid() == parent_pid) /* one process: it is its own child */
        return;
    mcmp_error_init(&err);
    if (mcmp_cluster_after_fork(current, &err) != MCMP_OK) {
        complain(s, "enter the cluster, this process serves nothing of it", &err);
        current = NULL;
    }
}

void state_child_gone(pid_t pid)
{
    if (current != NULL)
        (void)mcmp_cluster_process_gone(current, pid);
}
