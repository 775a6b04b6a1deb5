/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The record of ngx_http_mcmp_module and its directives. What they mean stands in README.md; what
 * they do, in the file of each setter.
 */
#include "core.h"

#include "advertise.h"
#include "manager.h"
#include "receive.h"

static ngx_conf_enum_t policies[] = {
    { ngx_string("lbfactor"), MCMP_POLICY_LBFACTOR },
    { ngx_string("busyness"), MCMP_POLICY_BUSYNESS },
    { ngx_string("two_choices"), MCMP_POLICY_TWO_CHOICES },
    { ngx_string("hash"), MCMP_POLICY_HASH },
    { ngx_null_string, 0 },
};

static ngx_conf_enum_t replace_policies[] = {
    { ngx_string("probe_old"), MCMP_REPLACE_PROBE_OLD },
    { ngx_string("refuse"), MCMP_REPLACE_REFUSE },
    { ngx_string("last_writer"), MCMP_REPLACE_LAST_WRITER },
    { ngx_null_string, 0 },
};

static ngx_conf_enum_t on_off[] = {
    { ngx_string("on"), 1 },
    { ngx_string("off"), 0 },
    { ngx_null_string, 0 },
};

#define AT(member) offsetof(ngx_mcmp_settings_t, member)
#define HTTP NGX_HTTP_MAIN_CONF
#define PLACE (NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF)

static ngx_command_t commands[] = {
    { ngx_string("mcmp_zone"), HTTP | NGX_CONF_TAKE23, ngx_mcmp_set_zone, NGX_HTTP_MAIN_CONF_OFFSET,
      0, NULL },
    { ngx_string("mcmp_limits"), HTTP | NGX_CONF_1MORE, ngx_mcmp_set_words,
      NGX_HTTP_MAIN_CONF_OFFSET, 0, NULL },
    { ngx_string("mcmp_timing"), HTTP | NGX_CONF_1MORE, ngx_mcmp_set_words,
      NGX_HTTP_MAIN_CONF_OFFSET, 0, NULL },
    { ngx_string("mcmp_probe"), HTTP | NGX_CONF_1MORE, ngx_mcmp_set_words,
      NGX_HTTP_MAIN_CONF_OFFSET, 0, NULL },
    { ngx_string("mcmp_options"), HTTP | NGX_CONF_1MORE, ngx_mcmp_set_options,
      NGX_HTTP_MAIN_CONF_OFFSET, 0, NULL },
    { ngx_string("mcmp_policy"), HTTP | NGX_CONF_TAKE12, ngx_mcmp_set_choice,
      NGX_HTTP_MAIN_CONF_OFFSET, AT(policy), policies },
    { ngx_string("mcmp_replace_policy"), HTTP | NGX_CONF_TAKE12, ngx_mcmp_set_choice,
      NGX_HTTP_MAIN_CONF_OFFSET, AT(replace_policy), replace_policies },
    { ngx_string("mcmp_use_alias"), HTTP | NGX_CONF_TAKE12, ngx_mcmp_set_choice,
      NGX_HTTP_MAIN_CONF_OFFSET, AT(use_alias), on_off },
    { ngx_string("mcmp_slow_start"), HTTP | NGX_CONF_TAKE12, ngx_mcmp_set_time,
      NGX_HTTP_MAIN_CONF_OFFSET, 0, NULL },
    { ngx_string("mcmp_no_context_status"), HTTP | NGX_CONF_TAKE123, ngx_mcmp_set_no_context,
      NGX_HTTP_MAIN_CONF_OFFSET, 0, NULL },
    { ngx_string("mcmp_authorize"), HTTP | NGX_CONF_1MORE, ngx_mcmp_set_authorize,
      NGX_HTTP_MAIN_CONF_OFFSET, 0, NULL },
    { ngx_string("mcmp_default_balancer"), HTTP | NGX_CONF_TAKE12, ngx_mcmp_set_text,
      NGX_HTTP_MAIN_CONF_OFFSET, AT(default_balancer), NULL },
    { ngx_string("mcmp_state"), HTTP | NGX_CONF_TAKE12, ngx_mcmp_set_text,
      NGX_HTTP_MAIN_CONF_OFFSET, AT(state), NULL },
    { ngx_string("mcmp_receive"), PLACE | NGX_CONF_TAKE1, ngx_mcmp_set_receive,
      NGX_HTTP_LOC_CONF_OFFSET, 0, NULL },
    { ngx_string("mcmp_manager"), NGX_HTTP_LOC_CONF | NGX_CONF_TAKE12, ngx_mcmp_set_manager,
      NGX_HTTP_LOC_CONF_OFFSET, 0, NULL },
    { ngx_string("mcmp_advertise"), NGX_HTTP_SRV_CONF | NGX_CONF_1MORE, ngx_mcmp_set_advertise,
      NGX_HTTP_SRV_CONF_OFFSET, 0, NULL },
    ngx_null_command,
};

static void *create_loc_conf(ngx_conf_t *cf)
{
    ngx_mcmp_loc_conf_t *conf = ngx_pcalloc(cf->pool, sizeof(*conf));

    if (conf != NULL)
        conf->commands = NGX_CONF_UNSET_UINT;
    return conf;
}

/* Nothing is inherited: the port and the page are where they are named. MCMP has a limit of its own
 * for messages, and refuses in its own words what is over it. */
static char *merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_mcmp_loc_conf_t *conf = child;
    ngx_http_core_loc_conf_t *clcf;

    (void)parent;
    if (conf->receive == NULL && conf->manager == NULL)
        return NGX_CONF_OK;
    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->client_max_body_size = 0;
    return NGX_CONF_OK;
}

static ngx_http_module_t module_ctx = {
    ngx_mcmp_add_variables,    /* preconfiguration */
    ngx_mcmp_check_advertise,  /* postconfiguration */
    ngx_mcmp_create_main_conf, /* create main configuration */
    ngx_mcmp_init_main_conf,   /* init main configuration */
    NULL,                      /* create server configuration */
    NULL,                      /* merge server configuration */
    create_loc_conf,           /* create location configuration */
    merge_loc_conf,            /* merge location configuration */
};

ngx_module_t ngx_http_mcmp_module = {
    NGX_MODULE_V1,
    &module_ctx,           /* module context */
    commands,              /* module directives */
    NGX_HTTP_MODULE,       /* module type */
    NULL,                  /* init master */
    ngx_mcmp_init_module,  /* init module */
    ngx_mcmp_init_process, /* init process */
    NULL,                  /* init thread */
    NULL,                  /* exit thread */
    ngx_mcmp_exit_process, /* exit process */
    ngx_mcmp_exit_master,  /* exit master */
    NGX_MODULE_V1_PADDING,
};
