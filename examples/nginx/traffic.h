/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The traffic of ngx_http_mcmp_module: choice of a node, upstream peers, idle connections, AJP. One
 * ngx_mcmp_traffic_t stands for one request at one upstream, from the choice to the end.
 *
 * nginx's proxy module builds the request, reads the answer of HTTP nodes and has all proxy_*
 * directives. Which protocol a try speaks is decided in its get(): for an AJP node the head that
 * the proxy module wrote is translated, and the functions that write and read are replaced.
 *
 * Layers, each calling downwards only: conf, pass, peer, hold, try, ajp, head, idle, choose.
 */
#ifndef NGX_MCMP_TRAFFIC_H
#define NGX_MCMP_TRAFFIC_H

#include "module.h"

#define NGX_MCMP_TRIES 64    /* as mcmp_query.tried takes */
#define NGX_MCMP_COOKIES 100 /* Cookie lines that are looked at */

/* The upstream that mcmp_pass stands for; no name that a configuration would choose. */
#define NGX_MCMP_PASS_NAME "mcmp_pass"

/* A setting for all nodes, those of a balancer or one node. */
typedef struct {
    ngx_str_t node;     /* route; empty: any */
    ngx_str_t balancer; /* empty: any */
    ngx_str_t text;
    ngx_uint_t number;
} ngx_mcmp_setting_t;

/* Of a location, and of the server and http block around it. */
typedef struct {
    ngx_mcmp_zone_t *zone;           /* mcmp_pass */
    ngx_http_complex_value_t *named; /* mcmp_pass with a variable */
    ngx_http_handler_pt proxy;       /* content handler of the proxy module, called by ours */
    ngx_array_t *secrets;            /* of ngx_mcmp_setting_t: mcmp_ajp_secret */
    ngx_array_t *packets;            /* mcmp_ajp_packet_size */
    ngx_array_t *endpoints;          /* mcmp_upgrade port= */
    ngx_array_t *protocols;          /* of mcmp_span: mcmp_upgrade; NULL: websocket */
    ngx_flag_t upgrade;
    ngx_uint_t idle_most; /* mcmp_keepalive */
    ngx_msec_t idle_time;
    ngx_uint_t idle_requests;
    ngx_msec_t ajp_ping; /* idle for so long, an AJP connection is asked first */
} ngx_mcmp_loc_t;

/* Of an upstream block with mcmp_balancer. */
typedef struct {
    ngx_mcmp_zone_t *zone;
    ngx_str_t balancer; /* empty: any */
} ngx_mcmp_upstream_t;

/* What this worker knows of a node: its addresses and its idle connections. */
typedef struct {
    ngx_queue_t queue; /* of its bucket */
    mcmp_handle handle;
    uint32_t port;
    uint32_t scheme;
    ngx_uint_t users; /* requests that point here */
    unsigned answered : 1;
    ngx_uint_t count; /* of addresses; 0: a name that has to be looked up */
    ngx_mcmp_address_t list[NGX_MCMP_ADDRESSES];
    ngx_uint_t turn; /* the address to connect to */
    time_t valid;    /* until then its addresses are; 0: for ever */
    ngx_queue_t idle;
    ngx_uint_t idle_count;
    ngx_str_t name; /* host:port */
    ngx_str_t url;  /* scheme://host:port */
} ngx_mcmp_node_t;

typedef struct ngx_mcmp_traffic_s ngx_mcmp_traffic_t;
typedef struct ngx_mcmp_ajp_s ngx_mcmp_ajp_t;

/* What the proxy module set up, to speak HTTP by. */
typedef struct {
    ngx_http_upstream_conf_t *conf;
    ngx_chain_t *bufs;
    ngx_buf_t *head; /* of the request, as the proxy module wrote it */
    ngx_int_t (*reinit)(ngx_http_request_t *r);
    ngx_int_t (*process)(ngx_http_request_t *r);
    void (*finalize)(ngx_http_request_t *r, ngx_int_t rc);
    ngx_int_t (*filter_init)(void *data);
    ngx_int_t (*filter)(void *data, ssize_t bytes);
    ngx_event_pipe_input_filter_pt pipe_filter;
    ngx_output_chain_filter_pt output;
    void *output_ctx;
    unsigned ssl : 1;
    unsigned buffering : 1;
    unsigned cacheable : 1;
} ngx_mcmp_http_t;

/* A connection that is none, while the request waits: for a node, for an address, or to be answered
 * by us. nginx takes it for one that is being established. */
typedef struct {
    ngx_connection_t connection;
    ngx_event_t read;
    ngx_event_t write;
    ngx_event_t wake;
    ngx_sockaddr_t address;
    ngx_resolver_ctx_t *lookup;
    unsigned on : 1;
} ngx_mcmp_hold_t;

struct ngx_mcmp_traffic_s {
    ngx_queue_t queue; /* of all that run in this worker; then of the free ones */
    ngx_http_request_t *request;
    ngx_http_upstream_t *upstream;
    ngx_mcmp_zone_t *zone;
    ngx_mcmp_loc_t *conf;
    ngx_mcmp_ctx_t *record;
    ngx_mcmp_node_t *node;
    ngx_mcmp_ajp_t *ajp; /* NULL: this try speaks HTTP */
    ngx_mcmp_http_t http;

    int chosen;           /* what mcmp_select_node() said last */
    ngx_int_t answer;     /* status to answer ourselves; 0: none */
    ngx_int_t ended;      /* how nginx ended the request; NGX_AGAIN: not yet */
    ngx_int_t last;       /* MCMP_OUTCOME_* of the last try; -1: none */
    ngx_uint_t addresses; /* of the node that could not be connected to */
    off_t counted_in;     /* bytes of this try that were counted already */
    off_t counted_out;
    mcmp_time since; /* when the node was selected */

    unsigned passed : 1;    /* by mcmp_pass */
    unsigned ready : 1;     /* prepared by mcmp_pass for its upstream */
    unsigned held : 1;      /* the selection is to be released */
    unsigned settled : 1;   /* the node and its endpoint are those that are spoken to */
    unsigned fresh : 1;     /* the next try takes a new connection to the same node */
    unsigned was_stale : 1; /* that happened once */
    unsigned diverted : 1;  /* to the endpoint for upgrades of an AJP node */
    unsigned upgrades : 1;  /* the client asks for an upgrade that is allowed */
    unsigned final : 1;     /* the node replied: never to be sent again */
    unsigned broken : 1;    /* the answer broke the rules of AJP */
    unsigned foreign : 1;   /* and was no AJP at all */
    unsigned spent : 1;     /* no try is left */
    unsigned limited : 1;   /* the tries are those that the node's balancer allows */

    /* from here on nothing is cleared for a new request but what is read before it is written */
    ngx_mcmp_hold_t hold;
    ngx_http_upstream_conf_t own; /* copy of nginx's, where a try needs another */
    size_t tried_count;
    size_t tried_well; /* the first of them: failed, but not in error */
    mcmp_handle tried[NGX_MCMP_TRIES];
    mcmp_span cookies[NGX_MCMP_COOKIES];
    mcmp_http_target target;
    mcmp_query query;
    mcmp_selection selection;
};

/* Copies a text, which may be none at all; where it ends. */
static inline u_char *ngx_mcmp_put(u_char *p, mcmp_span text)
{
    return text.len > 0 ? ngx_cpymem(p, text.ptr, text.len) : p;
}

/* traffic_choose.c */
ngx_mcmp_traffic_t *ngx_mcmp_traffic_new(ngx_http_request_t *r, ngx_mcmp_zone_t *zone);
/* Of the request's upstream now; other modules may stand before us in u->peer. NULL: none. */
ngx_mcmp_traffic_t *ngx_mcmp_traffic_of(ngx_http_request_t *r);
/* Fill the query; NGX_OK, or a status: the target can't be served. */
ngx_int_t ngx_mcmp_traffic_ask(ngx_mcmp_traffic_t *t, const ngx_str_t *balancer);
/* Choose a node, held from here on; with dry only look. MCMP_*, also in t->chosen. */
int ngx_mcmp_choose(ngx_mcmp_traffic_t *t, ngx_uint_t dry);
/* The status for a choice that found none, with Retry-After set. */
ngx_int_t ngx_mcmp_choice_status(ngx_mcmp_traffic_t *t);
ngx_int_t ngx_mcmp_unavailable(ngx_mcmp_traffic_t *t);
void ngx_mcmp_release(ngx_mcmp_traffic_t *t, ngx_int_t outcome);
/* A try failed: the node is not chosen again for this request. */
void ngx_mcmp_tried(ngx_mcmp_traffic_t *t, ngx_int_t outcome);
ngx_uint_t ngx_mcmp_upgrade_asked(ngx_http_request_t *r, const ngx_mcmp_loc_t *conf);

/* traffic_conf.c: of the most exact setting that fits the selection; NULL: none does. */
const ngx_mcmp_setting_t *ngx_mcmp_setting(ngx_array_t *list, const mcmp_selection *selection);

/* traffic_idle.c */
ngx_mcmp_node_t *ngx_mcmp_node_get(ngx_mcmp_zone_t *zone, const mcmp_selection *selection,
                                   ngx_log_t *log);
void ngx_mcmp_node_put(ngx_mcmp_node_t *node);
/* An idle connection, ready for use, and since when it was idle; NULL: none. With look it is asked
 * of the system whether something came that nginx was not told of yet. */
ngx_connection_t *ngx_mcmp_idle_take(ngx_mcmp_node_t *node, ngx_uint_t look, ngx_log_t *log,
                                     ngx_msec_t *since);
/* Keep it for others; NGX_DECLINED: it is the caller's still, to be closed. */
ngx_int_t ngx_mcmp_idle_keep(ngx_mcmp_node_t *node, ngx_connection_t *c, const ngx_mcmp_loc_t *conf,
                             const mcmp_selection *selection);
void ngx_mcmp_idle_sweep(ngx_mcmp_zone_t *zone);
ngx_int_t ngx_mcmp_idle_init(ngx_mcmp_zone_t *zone, ngx_pool_t *pool);

/* traffic_head.c: the request's head for a node. */
ngx_int_t ngx_mcmp_head_for_http(ngx_mcmp_traffic_t *t);
/* A parser of this worker that holds the head which the proxy module wrote, with its body's start;
 * NULL: it can't be parsed, see err. */
mcmp_http_head *ngx_mcmp_head_parse(ngx_mcmp_traffic_t *t, mcmp_http_target *target,
                                    mcmp_error *err);
mcmp_span ngx_mcmp_head_host(ngx_mcmp_traffic_t *t, const mcmp_http_head *head);

/* traffic_ajp.c */
/* Let this try speak AJP. NGX_OK, or the status to answer. */
ngx_int_t ngx_mcmp_ajp_begin(ngx_mcmp_traffic_t *t);
void ngx_mcmp_ajp_end(ngx_mcmp_traffic_t *t);
ngx_uint_t ngx_mcmp_ajp_can_keep(const ngx_mcmp_traffic_t *t);
ngx_uint_t ngx_mcmp_ajp_is_pinging(const ngx_mcmp_traffic_t *t);
/* The connection is an idle one that is to be asked by CPing before anything is sent. */
void ngx_mcmp_ajp_ask(ngx_mcmp_traffic_t *t);

/* traffic_try.c */
/* Choose a node when none is held, and make all ready to speak to it. NGX_OK: connect; NGX_DONE:
 * with an idle connection; NGX_AGAIN: wait (for an address when a node is held, else for a node);
 * NGX_DECLINED: t->answer is to be answered. */
ngx_int_t ngx_mcmp_decide(ngx_mcmp_traffic_t *t, ngx_peer_connection_t *pc);
/* The node could not be connected to. */
void ngx_mcmp_unreachable(ngx_mcmp_traffic_t *t, ngx_peer_connection_t *pc);
/* Remember what the proxy module set up. */
void ngx_mcmp_keep_http(ngx_mcmp_traffic_t *t);

/* traffic_hold.c: let the request wait, or be answered with t->answer. */
ngx_int_t ngx_mcmp_hold(ngx_mcmp_traffic_t *t, ngx_peer_connection_t *pc);
void ngx_mcmp_hold_end(ngx_mcmp_traffic_t *t);

/* traffic_peer.c */
ngx_int_t ngx_mcmp_peer_init(ngx_http_request_t *r, ngx_http_upstream_srv_conf_t *us);

/* traffic_pass.c */
ngx_int_t ngx_mcmp_pass(ngx_http_request_t *r);

/* traffic_hop.c: no node of mcmp_pass sees the client's hop-by-hop headers. NGX_OK or a status. */
ngx_int_t ngx_mcmp_hide_hop_by_hop(ngx_http_request_t *r);

#endif
