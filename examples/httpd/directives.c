/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of directives. The first three groups are those of mod_proxy_cluster, mod_manager and
 * mod_advertise, by their names; what is new begins with MCMP.
 */
#include "directives.h"

#define MOST INT32_MAX
#define MOST_ROWS 10000000 /* of a table of the cluster */
#define DAY 86400
#define TEXT 4000

#define SETTING(name, global, min, max, words)                                 \
    {                                                                          \
        0, global, offsetof(struct mcmp_httpd_settings, name), min, max, words \
    }
#define HOST(name, min, max, words)                                   \
    {                                                                 \
        1, 0, offsetof(struct mcmp_httpd_host, name), min, max, words \
    }

/* In the order of MCMP_POLICY_* and MCMP_REPLACE_*. */
static const char *const policies[] = { "lbfactor", "busyness", "two-choices", "hash", NULL };
static const char *const replacements[] = { "probe-old", "refuse", "last-writer", NULL };

static const struct directive create_balancers = HOST(create_balancers, 0, 2, NULL);
static const struct directive use_alias = SETTING(use_alias, 0, 0, 0, NULL);
static const struct directive recalc = SETTING(recalc, 0, 1, DAY, NULL);
static const struct directive grace = SETTING(grace, 0, 10, DAY, NULL);
static const struct directive enable_options = SETTING(enable_options, 0, 0, 0, NULL);
static const struct directive deterministic = SETTING(deterministic, 0, 0, 0, NULL);
static const struct directive cache_share = SETTING(cache_share, 0, 0, MOST, NULL);
static const struct directive use_nocanon = HOST(use_nocanon, 0, 0, NULL);
static const struct directive no_context_status = HOST(no_context_status, 200, 599, NULL);
static const struct directive threads = SETTING(threads, 0, 1, 1024, NULL);

static const struct directive memory_file = SETTING(memory_file, 1, 1, TEXT, NULL);
static const struct directive max_contexts = SETTING(max_contexts, 1, 1, MOST_ROWS, NULL);
static const struct directive max_nodes = SETTING(max_nodes, 1, 1, MOST_ROWS, NULL);
static const struct directive max_hosts = SETTING(max_hosts, 1, 1, MOST_ROWS, NULL);
static const struct directive max_sessions = SETTING(max_sessions, 1, 0, MOST, NULL);
static const struct directive max_message = HOST(max_message, 1024, MOST, NULL);
static const struct directive balancer_name = SETTING(balancer_name, 0, 1, 39, NULL);
static const struct directive persist = SETTING(persist, 1, 0, 0, NULL);
static const struct directive check_nonce = HOST(check_nonce, 0, 0, NULL);
static const struct directive allow_display = HOST(allow_display, 0, 0, NULL);
static const struct directive allow_commands = HOST(allow_commands, 0, 0, NULL);
static const struct directive reduce_display = HOST(reduce_display, 0, 0, NULL);
static const struct directive ws_tunnel = SETTING(ws_tunnel, 0, 0, 0, NULL);
static const struct directive ws_upgrade = HOST(ws_upgrade, 1, 15, NULL);
static const struct directive ajp_secret = HOST(ajp_secret, 1, 63, NULL);
static const struct directive response_field_size = HOST(response_field_size, 1, MOST, NULL);

static const struct directive advertise_group = HOST(advertise_group, 0, 0, NULL);
static const struct directive advertise_key = HOST(advertise_key, 1, TEXT, NULL);
static const struct directive advertise_manager = HOST(advertise_manager, 1, 256, NULL);
static const struct directive advertise_bind = HOST(advertise_bind, 0, 0, NULL);

static const struct directive policy = SETTING(policy, 0, 0, 0, policies);
static const struct directive replace_policy = SETTING(replace_policy, 0, 0, 0, replacements);
static const struct directive slow_start = SETTING(slow_start, 0, 0, DAY, NULL);
static const struct directive all_or_nothing = SETTING(all_or_nothing, 0, 0, 0, NULL);
static const struct directive silent_after = SETTING(silent_after, 0, 0, DAY, NULL);
static const struct directive ping_any = SETTING(ping_any, 0, 0, 0, NULL);
static const struct directive state_file = SETTING(state_file, 1, 1, TEXT, NULL);
static const struct directive probe_method = SETTING(probe_method, 0, 1, 32, NULL);
static const struct directive probe_path = SETTING(probe_path, 0, 1, 512, NULL);
static const struct directive probe_host = SETTING(probe_host, 0, 1, 253, NULL);
static const struct directive probe_below = SETTING(probe_below, 0, 101, 600, NULL);
static const struct directive probe_failures = SETTING(probe_failures, 0, 1, 1000000, NULL);
static const struct directive probe_deadline = SETTING(probe_deadline, 0, 1, 600, NULL);

/* httpd wants a pointer to what is not const. */
#define INFO(directive) ((void *)(uintptr_t) & (directive))
#define SWITCH(name, info, help) AP_INIT_TAKE1(name, set_switch, INFO(info), RSRC_CONF, help)
#define MAYBE(name, info, help) \
    AP_INIT_TAKE_ARGV(name, set_optional_switch, INFO(info), RSRC_CONF, help)
#define NUMBER(name, info, help) AP_INIT_TAKE1(name, set_number, INFO(info), RSRC_CONF, help)
#define WORD(name, info, help) AP_INIT_TAKE1(name, set_word, INFO(info), RSRC_CONF, help)
#define TEXT_OF(name, info, help) AP_INIT_TAKE1(name, set_text, INFO(info), RSRC_CONF, help)
#define TOKEN(name, info, help) AP_INIT_TAKE1(name, set_token, INFO(info), RSRC_CONF, help)

const command_rec directive_table[] = {
    NUMBER("CreateBalancers", create_balancers,
           "0|1|2: look requests up in the cluster in all hosts, in none, in the main server only"),
    SWITCH("UseAlias", use_alias, "On|Off: the Host of a request must equal an alias"),
    NUMBER("LBstatusRecalTime", recalc, "seconds between recalculations and idle probes"),
    NUMBER("WaitBeforeRemove", grace, "seconds that a removed node stays visible, at least 10"),
    MAYBE("EnableOptions", enable_options, "[On|Off]: probe http nodes by OPTIONS, not by connect"),
    SWITCH("DeterministicFailover", deterministic, "On|Off: fail over by the session id"),
    NUMBER("CacheShareFor", cache_share, "seconds; accepted, no effect"),
    AP_INIT_TAKE_ARGV(
        "ModProxyClusterHCTemplate", set_hc_template, NULL, RSRC_CONF,
        "key=value...: hcinterval, hcpasses, hcfails, hcmethod, hcuri, hcexpr, hctemplate"),
    SWITCH("UseNocanon", use_nocanon, "On|Off: forward the path as it was sent"),
    NUMBER("ResponseStatusCodeOnNoContext", no_context_status,
           "status of requests whose context nobody serves"),
    NUMBER("ModProxyClusterThreadCount", threads, "probes at one time"),

    AP_INIT_TAKE_ARGV("EnableMCMPReceive", set_receive, NULL, RSRC_CONF,
                      "[On|Off]: this virtual host takes messages"),
    AP_INIT_TAKE_ARGV("EnableMCPMReceive", set_receive, NULL, RSRC_CONF,
                      "old spelling of EnableMCMPReceive"),
    TEXT_OF("MemManagerFile", memory_file, "path: names the file of PersistSlots"),
    NUMBER("Maxcontext", max_contexts, "pairs of alias and context of all nodes"),
    NUMBER("Maxnode", max_nodes, "nodes"),
    NUMBER("Maxhost", max_hosts, "aliases of all nodes"),
    NUMBER("Maxsessionid", max_sessions, "accepted, no effect"),
    NUMBER("MaxMCMPMessSize", max_message, "bytes of a message, at least 1024"),
    TEXT_OF("ManagerBalancerName", balancer_name, "balancer of nodes that name none"),
    SWITCH("PersistSlots", persist, "On|Off: keep the state over a stop"),
    SWITCH("CheckNonce", check_nonce, "On|Off: commands of the page need its token"),
    SWITCH("AllowDisplay", allow_display, "On|Off: the page shows contexts of all nodes"),
    SWITCH("AllowCmd", allow_commands, "On|Off: the page has commands"),
    SWITCH("ReduceDisplay", reduce_display, "On|Off: the page shows less of each node"),
    MAYBE("EnableWsTunnel", ws_tunnel, "[On|Off]: http nodes are ws ones, https are wss"),
    TOKEN("WSUpgradeHeader", ws_upgrade, "value of Upgrade that opens a tunnel"),
    TEXT_OF("AJPSecret", ajp_secret, "secret of ajp nodes"),
    NUMBER("ResponseFieldSize", response_field_size, "bytes of a header line of http nodes"),

    AP_INIT_TAKE12("ServerAdvertise", set_advertise, NULL, RSRC_CONF,
                   "On|Off [URL]: tell nodes of this host by multicast"),
    AP_INIT_TAKE1("AdvertiseGroup", set_advertise_address, INFO(advertise_group), RSRC_CONF,
                  "ADDRESS[:PORT] of the group"),
    AP_INIT_TAKE1("AdvertiseFrequency", set_advertise_frequency, NULL, RSRC_CONF,
                  "SECONDS[.MILLISECONDS] between two datagrams"),
    TEXT_OF("AdvertiseSecurityKey", advertise_key, "key of the digest"),
    TOKEN("AdvertiseManagerUrl", advertise_manager, "value of X-Manager-Url"),
    AP_INIT_TAKE1("AdvertiseBindAddress", set_advertise_address, INFO(advertise_bind), RSRC_CONF,
                  "ADDRESS[:PORT] to send from"),

    WORD("MCMPPolicy", policy, "lbfactor|busyness|two-choices|hash: how a node is chosen"),
    WORD("MCMPReplacePolicy", replace_policy,
         "probe-old|refuse|last-writer: what a changed CONFIG of a live node does"),
    NUMBER("MCMPSlowStart", slow_start, "seconds until a new node has its full share; 0 = off"),
    SWITCH("MCMPAllOrNothing", all_or_nothing, "On|Off: a CONFIG that does not fit is refused"),
    NUMBER("MCMPSilentAfter", silent_after, "seconds without STATUS; 0 = never"),
    AP_INIT_TAKE_ARGV("MCMPAuthorize", set_authorize, NULL, RSRC_CONF,
                      "NETWORK..., or certificate NAME ROUTE...: who may send messages"),
    TEXT_OF("MCMPStateFile", state_file, "path of the file that keeps the state over a stop"),
    AP_INIT_TAKE1("MCMPProbeMethod", set_probe_method, INFO(probe_method), RSRC_CONF,
                  "method of probes of http nodes"),
    AP_INIT_TAKE1("MCMPProbePath", set_probe_path, INFO(probe_path), RSRC_CONF,
                  "path of probes of http nodes"),
    TOKEN("MCMPProbeHost", probe_host, "Host of probes of http nodes"),
    NUMBER("MCMPProbeGoodBelow", probe_below, "a status below is good"),
    NUMBER("MCMPProbeFailures", probe_failures, "failed probes until a node is removed"),
    NUMBER("MCMPProbeDeadline", probe_deadline, "seconds that a probe may take at most"),
    SWITCH("MCMPProbeAnyEndpoint", ping_any, "On|Off: PING may probe any endpoint"),
    { NULL, { NULL }, NULL, 0, RAW_ARGS, NULL },
};
