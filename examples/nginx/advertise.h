/* SPDX-License-Identifier: Apache-2.0 */
/* Making the management port known by multicast: mcmp_advertise (MCMP 8). */
#ifndef NGX_MCMP_ADVERTISE_H
#define NGX_MCMP_ADVERTISE_H

#include "core.h"

/* What the directive says. The numbers stand first, see ngx_mcmp_set_words(). */
struct ngx_mcmp_advertise_s {
    ngx_uint_t frequency; /* milliseconds */
    ngx_uint_t ttl;
    ngx_uint_t loop;   /* 0 or 1 */
    ngx_uint_t hmac;   /* 0 or 1 */
    ngx_str_t address; /* host:port; empty: where the server listens */
    ngx_str_t group;
    ngx_str_t interface;
    ngx_str_t url;
    ngx_str_t protocol;
    ngx_str_t host;
    ngx_str_t key_file;
    ngx_str_t key; /* secret */
    ngx_http_core_srv_conf_t *server;
    u_char *file;
    ngx_uint_t line;
};

/* advertise_conf.c */
char *ngx_mcmp_set_advertise(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
ngx_int_t ngx_mcmp_check_advertise(ngx_conf_t *cf);

/* advertise.c */
typedef struct ngx_mcmp_announcer_s ngx_mcmp_announcer_t;

/* What a start of a server keeps in its zone. */
void ngx_mcmp_announcer_identity(char out[MCMP_ADVERT_UUID]);

/* NULL: *err and *what, a word of the directive, tell why. shared NULL: a trial. */
ngx_mcmp_announcer_t *ngx_mcmp_announcer_open(const ngx_mcmp_advertise_t *a,
                                              const ngx_mcmp_shared_t *shared, mcmp_error *err);
void ngx_mcmp_announcer_close(ngx_mcmp_announcer_t *announcer);

/* The owner's turn: sends what is due; when to come again. */
mcmp_time ngx_mcmp_announcer_turn(ngx_mcmp_announcer_t *announcer, ngx_mcmp_shared_t *shared,
                                  mcmp_time now);

/* The last datagram of a server that was announced. */
void ngx_mcmp_announce_end(ngx_mcmp_zone_t *zone);

#endif
