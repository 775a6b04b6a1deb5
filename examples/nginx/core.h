/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of ngx_http_mcmp_module share among themselves. */
#ifndef NGX_MCMP_CORE_H
#define NGX_MCMP_CORE_H

#include "module.h"

/* Configuration of the http block. */
typedef struct {
    ngx_array_t zones;          /* of ngx_mcmp_zone_t * */
    ngx_mcmp_settings_t common; /* what was said without zone= */
} ngx_mcmp_main_conf_t;

/* Configuration of a location, or of a server outside of its locations. */
typedef struct {
    ngx_mcmp_zone_t *receive;
    ngx_mcmp_zone_t *manager;
    ngx_uint_t commands; /* the page may change something; NGX_CONF_UNSET_UINT: not said */
} ngx_mcmp_loc_conf_t;

/* At the start of what the module keeps inside the shared zone. */
struct ngx_mcmp_shared_s {
    ngx_atomic_t owner; /* pid of the worker that ticks; 0: none */
    ngx_atomic_t beat;  /* its last sign of life, milliseconds of the monotonic clock */
    ngx_atomic_t moved; /* 1: a reload with other limits took the state elsewhere */
    void *region;       /* page aligned; NULL with a named segment */
    size_t region_size;
    char token[32];              /* of the page's forms; not NUL-terminated */
    char uuid[MCMP_ADVERT_UUID]; /* of this start of the server, for datagrams */
    ngx_atomic_t sequence;       /* of the last datagram */
    ngx_atomic_t announced;      /* 1: a datagram said that the server is there */
    ngx_atomic_t silent;         /* 1: a new configuration does not advertise any more */
};

/* settings.c */
void ngx_mcmp_settings_init(ngx_mcmp_settings_t *settings);
void ngx_mcmp_settings_merge(ngx_mcmp_settings_t *settings, const ngx_mcmp_settings_t *common);
char *ngx_mcmp_set_words(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_mcmp_set_choice(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_mcmp_set_options(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_mcmp_set_time(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_mcmp_set_no_context(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_mcmp_set_authorize(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_mcmp_set_text(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* The settings that a directive is about: of its last argument zone=NAME, which is taken away, or
 * the common ones. NULL: the error is logged. */
ngx_mcmp_settings_t *ngx_mcmp_settings_of(ngx_conf_t *cf, ngx_mcmp_main_conf_t *mcf);

/* zone_conf.c */
void *ngx_mcmp_create_main_conf(ngx_conf_t *cf);
char *ngx_mcmp_init_main_conf(ngx_conf_t *cf, void *conf);
char *ngx_mcmp_set_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* options.c: from settings to the library's options; the structs pointed to live in room. */
typedef struct {
    mcmp_cluster_options options;
    mcmp_command_limits limits;
    mcmp_logger logger;
} ngx_mcmp_options_t;

void ngx_mcmp_options_fill(ngx_mcmp_options_t *room, const ngx_mcmp_zone_t *zone);
int ngx_mcmp_same_limits(const ngx_mcmp_settings_t *a, const ngx_mcmp_settings_t *b);

/* zone.c */
ngx_int_t ngx_mcmp_zone_add(ngx_conf_t *cf, ngx_mcmp_zone_t *zone);
ngx_int_t ngx_mcmp_init_module(ngx_cycle_t *cycle);
ngx_int_t ngx_mcmp_init_process(ngx_cycle_t *cycle);
void ngx_mcmp_exit_process(ngx_cycle_t *cycle);
void ngx_mcmp_exit_master(ngx_cycle_t *cycle);

/* log.c */
void ngx_mcmp_log_library(void *ctx, int level, const char *module, const char *msg, size_t len);

/* variables.c */
ngx_int_t ngx_mcmp_add_variables(ngx_conf_t *cf);

#endif
