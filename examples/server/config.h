/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration of mcmp-server: one struct that the option table of options.c describes. Values
 * come from the table's defaults, then the file, then the flags; each is checked when it is read.
 */
#ifndef SERVER_CONFIG_H
#define SERVER_CONFIG_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>

#define CONFIG_MAX_ADDRESSES 16

/* Where a value came from; a later source replaces what an earlier one gave. */
#define SOURCE_DEFAULT 0
#define SOURCE_FILE 1
#define SOURCE_FLAG 2

struct address {
    struct sockaddr_storage addr;
    socklen_t len;
};

struct address_list {
    struct address item[CONFIG_MAX_ADDRESSES];
    int64_t count;
    int source;
};

#define FORMAT_COMMON 0
#define FORMAT_JSON 1
#define ACCEPT_SPREAD 0
#define ACCEPT_SHARED 1
#define FORWARDED_APPEND 0
#define FORWARDED_REPLACE 1
#define FORWARDED_OFF 2
#define HOST_PRESERVE 0
#define HOST_NODE 1

struct identities;
struct node_settings;

struct config {
    /* [server] */
    int64_t workers;
    int64_t accept;
    int64_t stop_timeout;
    char *pid_file;
    char *ready_file;
    char *state;
    /* [traffic] */
    struct address_list listen;
    struct address_list tls_listen;
    char *tls_certificate;
    char *tls_key;
    char *tls_client_ca;
    int64_t max_connections;
    int64_t max_head;
    int64_t max_headers;
    int64_t max_target;
    int64_t max_body;
    int64_t header_timeout;
    int64_t body_timeout;
    int64_t idle_timeout;
    int64_t send_timeout;
    int64_t tunnel_timeout;
    int64_t x_forwarded;
    int64_t forwarded;
    int64_t via;
    char *via_name;
    int64_t host_header;
    char *upgrade;
    int64_t retry_after;
    /* [nodes] */
    int64_t connect_timeout;
    int64_t node_timeout;
    int64_t smax;
    int64_t min;
    int64_t node_idle_timeout;
    int64_t max_node_connections;
    int64_t replay;
    int64_t max_response_head;
    int64_t tls_verify;
    char *tls_ca;
    int64_t ajp_ping_idle;
    char *node_settings_file;
    struct node_settings *node_settings; /* what that file says; NULL without one */
    /* [management] */
    struct address_list management;
    struct address_list tls_management;
    char *management_client_ca;
    char *identities_file;
    struct identities *identities; /* what that file says; NULL without one */
    char *allow;
    int64_t management_max_connections;
    int64_t management_timeout;
    int64_t management_idle_timeout;
    /* [advertise] */
    int64_t advertise;
    int64_t advertise_frequency;
    int64_t advertise_ttl;
    int64_t advertise_loop;
    int64_t advertise_protocol;
    int64_t advertise_hmac;
    char *advertise_group;
    char *advertise_interface;
    char *advertise_address;
    char *advertise_url;
    char *advertise_host;
    char *advertise_key_file;
    /* [cluster] */
    int64_t policy;
    int64_t use_alias;
    int64_t all_or_nothing;
    int64_t heal_reset;
    int64_t ranked_routes;
    int64_t deterministic;
    int64_t ping_any;
    int64_t ownership;
    int64_t no_context_status;
    int64_t replace_policy;
    int64_t silent_after;
    int64_t grace;
    int64_t recalc;
    int64_t domain_memory;
    int64_t slow_start;
    int64_t heal_window;
    int64_t stop_hold;
    int64_t probe_deadline;
    int64_t max_failed_probes;
    char *probe_method;
    char *probe_path;
    char *probe_host;
    char *no_context_503;
    int64_t probe_good_below;
    char *default_balancer;
    char *product;
    char *segment;
    /* [limits] */
    int64_t max_nodes;
    int64_t max_aliases;
    int64_t max_contexts;
    int64_t max_balancers;
    int64_t max_message;
    int64_t len_route;
    int64_t len_domain;
    int64_t len_host;
    int64_t len_port;
    int64_t len_type;
    int64_t len_balancer;
    int64_t len_cookie;
    int64_t len_alias;
    int64_t len_context;
    /* [log] */
    char *error_log;
    int64_t log_level;
    char *access_log;
    int64_t access_format;
    int64_t access_flush;
};

/* Kinds of values (values.c). */
enum option_kind {
    OPTION_TEXT,
    OPTION_BOOL,
    OPTION_INT,
    OPTION_SIZE,
    OPTION_TIME,
    OPTION_WORD,
    OPTION_ADDRESS
};

#define OPTION_FIXED 1u /* takes effect at a restart only, not at SIGHUP */
#define OPTION_NEVER 2u /* a time that may be "off" */

/* One option: key of a section in the file, --key as a flag. */
struct option {
    const char *section;
    const char *key;
    enum option_kind kind;
    size_t offset;
    int64_t min;
    int64_t max;
    const char *const *words; /* OPTION_WORD: NULL-terminated, the index is the value */
    const char *fallback;     /* default, as text */
    const char *arg;
    const char *help;
    unsigned flags;
};

extern const struct option option_table[];
extern const size_t option_count;

/* A message about a bad value; says what is allowed. */
struct complaint {
    char text[512];
};

/* Set one option from text. 0, or -1 with the complaint. */
int option_set(struct config *config, const struct option *option, const char *text, int source,
               struct complaint *why);
const struct option *option_find(const char *section, const char *key);

/* A fresh configuration with the defaults; config_free(NULL) is allowed. */
struct config *config_new(void);
void config_free(struct config *config);
/* Read a file. 0, or -1 with "FILE:LINE: ..." */
int config_read(struct config *config, const char *path, struct complaint *why);
/* What the whole must satisfy beyond single values; reads the files that it names. */
int config_check(struct config *config, struct complaint *why);
/* Name of the next OPTION_FIXED option that differs, from *at on; NULL when there is none. */
const char *config_fixed_change(const struct config *a, const struct config *b, size_t *at);
/* Take the OPTION_FIXED values of `from` over into config. */
void config_keep_fixed(struct config *config, const struct config *from);
/* As a file that config_read() takes. */
void config_print(const struct config *config, FILE *out);

#endif
