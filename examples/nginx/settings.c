/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The directives that shape a zone. Each stands in the http block and takes zone=NAME as its last
 * argument; without it, it is about all zones that do not say otherwise. What is wrong is named
 * together with what is allowed.
 */
#include "words.h"

#define AT(member) offsetof(ngx_mcmp_settings_t, member)

static const ngx_mcmp_word_t limit_words[] = {
    { "nodes", NGX_MCMP_WORD_COUNT, AT(nodes), 1, 65535 },
    { "aliases", NGX_MCMP_WORD_COUNT, AT(aliases), 1, 1000000 },
    { "contexts", NGX_MCMP_WORD_COUNT, AT(contexts), 1, 10000000 },
    { "balancers", NGX_MCMP_WORD_COUNT, AT(balancers), 1, 65535 },
    { "processes", NGX_MCMP_WORD_COUNT, AT(processes), 2, 1024 },
    { "message", NGX_MCMP_WORD_SIZE, AT(message), 1024, 64u << 20 },
    { NULL, NGX_MCMP_WORD_COUNT, 0, 0, 0 },
};

static const ngx_mcmp_word_t timing_words[] = {
    { "recalc", NGX_MCMP_WORD_TIME, AT(recalc), 100, NGX_MCMP_DAY },
    { "silent_after", NGX_MCMP_WORD_TIME, AT(silent_after), 1000, NGX_MCMP_OFF },
    { "grace", NGX_MCMP_WORD_TIME, AT(grace), 1, NGX_MCMP_DAY },
    { "domain_memory", NGX_MCMP_WORD_TIME, AT(domain_memory), 1, NGX_MCMP_DAY },
    { "heal", NGX_MCMP_WORD_TIME, AT(heal), 1, NGX_MCMP_DAY },
    { "stop_hold", NGX_MCMP_WORD_TIME, AT(stop_hold), 1, NGX_MCMP_OFF },
    { NULL, NGX_MCMP_WORD_TIME, 0, 0, 0 },
};

static const ngx_mcmp_word_t probe_words[] = {
    { "deadline", NGX_MCMP_WORD_TIME, AT(probe_deadline), 10, 60000 },
    { "failures", NGX_MCMP_WORD_COUNT, AT(probe_failures), 1, 1000000 },
    { "good_below", NGX_MCMP_WORD_COUNT, AT(probe_good_below), 200, 600 },
    { "method", NGX_MCMP_WORD_TOKEN, AT(probe_method), 1, 32 },
    { "path", NGX_MCMP_WORD_PATH, AT(probe_path), 1, 256 },
    { "host", NGX_MCMP_WORD_TEXT, AT(probe_host), 1, 255 },
    { NULL, NGX_MCMP_WORD_TEXT, 0, 0, 0 },
};

ngx_mcmp_settings_t *ngx_mcmp_settings_of(ngx_conf_t *cf, ngx_mcmp_main_conf_t *mcf)
{
    ngx_str_t *last = (ngx_str_t *)cf->args->elts + cf->args->nelts - 1;
    ngx_mcmp_zone_t *zone;
    ngx_str_t name;

    if (last->len < 5 || ngx_strncmp(last->data, "zone=", 5) != 0)
        return &mcf->common;
    if (last->len == 5 || cf->args->nelts < 3) {
        ngx_mcmp_conf_error(cf, 0, "%s",
                            last->len == 5 ? "zone= needs the name of an mcmp_zone"
                                           : "a value is needed in front of zone=");
        return NULL;
    }
    name.data = last->data + 5;
    name.len = last->len - 5;
    cf->args->nelts--;
    zone = ngx_mcmp_zone_use(cf, &name);
    return zone != NULL ? &zone->settings : NULL;
}

/* mcmp_limits, mcmp_timing, mcmp_probe */
char *ngx_mcmp_set_words(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    const ngx_mcmp_word_t *table = ngx_strcmp(cmd->name.data, "mcmp_limits") == 0   ? limit_words
                                   : ngx_strcmp(cmd->name.data, "mcmp_timing") == 0 ? timing_words
                                                                                    : probe_words;
    ngx_mcmp_settings_t *settings = ngx_mcmp_settings_of(cf, conf);
    ngx_str_t *args = cf->args->elts;

    if (settings == NULL)
        return NGX_CONF_ERROR;
    for (ngx_uint_t i = 1; i < cf->args->nelts; i++)
        if (ngx_mcmp_set_argument(cf, table, &args[i], settings) != NGX_CONF_OK)
            return NGX_CONF_ERROR;
    return NGX_CONF_OK;
}

/* mcmp_policy, mcmp_replace_policy, mcmp_use_alias: one name out of cmd->post's table. */
char *ngx_mcmp_set_choice(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_conf_enum_t *choices = cmd->post;
    ngx_mcmp_settings_t *settings = ngx_mcmp_settings_of(cf, conf);
    ngx_str_t *args = cf->args->elts;
    u_char allowed[128];
    u_char *at = allowed;

    if (settings == NULL)
        return NGX_CONF_ERROR;
    if (*ngx_mcmp_number_at(settings, cmd->offset) != NGX_CONF_UNSET_UINT)
        return "is duplicate";
    for (ngx_conf_enum_t *c = choices; c->name.len != 0; c++) {
        if (c->name.len == args[1].len &&
            ngx_strncmp(c->name.data, args[1].data, c->name.len) == 0 && cf->args->nelts == 2) {
            *ngx_mcmp_number_at(settings, cmd->offset) = c->value;
            return NGX_CONF_OK;
        }
        at = ngx_snprintf(at, (size_t)(allowed + sizeof(allowed) - at), "%s%V",
                          at == allowed ? "" : ", ", &c->name);
    }
    if (cf->args->nelts > 2)
        ngx_mcmp_conf_error(cf, 0, "unknown argument \"%V\", allowed is zone=", &args[2]);
    else
        ngx_mcmp_conf_error(cf, 0, "unknown value \"%V\", allowed are %*s", &args[1],
                            (size_t)(at - allowed), allowed);
    return NGX_CONF_ERROR;
}

static const struct {
    const char *name;
    ngx_uint_t flag;
} option_names[] = {
    { "all_or_nothing", MCMP_CLUSTER_ALL_OR_NOTHING },
    { "no_heal", MCMP_CLUSTER_NO_HEAL_RESET },
    { "ranked_routes", MCMP_CLUSTER_RANKED_ROUTES },
    { "deterministic", MCMP_CLUSTER_DETERMINISTIC },
    { "ping_any", MCMP_CLUSTER_PING_ANY },
    { "ownership", MCMP_CLUSTER_OWNERSHIP },
};

/* mcmp_options */
char *ngx_mcmp_set_options(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mcmp_settings_t *settings = ngx_mcmp_settings_of(cf, conf);
    ngx_str_t *args = cf->args->elts;
    size_t count = sizeof(option_names) / sizeof(option_names[0]);

    (void)cmd;
    if (settings == NULL)
        return NGX_CONF_ERROR;
    if (settings->options == NGX_CONF_UNSET_UINT)
        settings->options = 0;
    for (ngx_uint_t i = 1; i < cf->args->nelts; i++) {
        size_t k = 0;

        while (k < count && !ngx_mcmp_is_text(&args[i], option_names[k].name))
            k++;
        if (k == count) {
            ngx_mcmp_conf_error(cf, 0,
                                "unknown option \"%V\", allowed are all_or_nothing, no_heal, "
                                "ranked_routes, deterministic, ping_any, ownership",
                                &args[i]);
            return NGX_CONF_ERROR;
        }
        settings->options |= option_names[k].flag;
    }
    return NGX_CONF_OK;
}

/* mcmp_slow_start */
char *ngx_mcmp_set_time(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    const ngx_mcmp_word_t time_word = { "", NGX_MCMP_WORD_TIME, AT(slow_start), 0, NGX_MCMP_DAY };
    ngx_mcmp_settings_t *settings = ngx_mcmp_settings_of(cf, conf);
    ngx_str_t *args = cf->args->elts;

    (void)cmd;
    if (settings == NULL)
        return NGX_CONF_ERROR;
    if (settings->slow_start != NGX_CONF_UNSET_UINT)
        return "is duplicate";
    if (cf->args->nelts != 2) {
        ngx_mcmp_conf_error(cf, 0, "unknown argument \"%V\", allowed is zone=", &args[2]);
        return NGX_CONF_ERROR;
    }
    return ngx_mcmp_set_word(cf, &time_word, &args[1], settings);
}

/* mcmp_no_context_status 404 | 503 [balancers=a,b] */
char *ngx_mcmp_set_no_context(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mcmp_settings_t *settings = ngx_mcmp_settings_of(cf, conf);
    ngx_str_t *args = cf->args->elts;
    ngx_int_t status;

    (void)cmd;
    if (settings == NULL)
        return NGX_CONF_ERROR;
    if (settings->no_context != NGX_CONF_UNSET_UINT)
        return "is duplicate";
    status = ngx_atoi(args[1].data, args[1].len);
    if (status != 404 && status != 503) {
        ngx_mcmp_conf_error(cf, 0, "bad status \"%V\", allowed are 404 and 503", &args[1]);
        return NGX_CONF_ERROR;
    }
    settings->no_context = (ngx_uint_t)status;
    if (cf->args->nelts == 2)
        return NGX_CONF_OK;
    if (status != 503 || cf->args->nelts > 3 || args[2].len <= 10 ||
        ngx_strncmp(args[2].data, "balancers=", 10) != 0) {
        ngx_mcmp_conf_error(
            cf, 0, "bad argument \"%V\": 503 may be followed by balancers=NAME,NAME", &args[2]);
        return NGX_CONF_ERROR;
    }
    settings->no_context = 404;
    settings->no_context_503.data = args[2].data + 10;
    settings->no_context_503.len = args[2].len - 10;
    return NGX_CONF_OK;
}

static char *add_identity(ngx_conf_t *cf, ngx_mcmp_settings_t *settings, ngx_str_t *args)
{
    mcmp_pair *pair;

    if (settings->identities == NULL)
        settings->identities = ngx_array_create(cf->pool, 4, sizeof(mcmp_pair));
    pair = settings->identities != NULL ? ngx_array_push(settings->identities) : NULL;
    if (pair == NULL)
        return NGX_CONF_ERROR;
    pair->name = ngx_mcmp_span(&args[0]);
    pair->value = ngx_mcmp_span(&args[1]);
    return NGX_CONF_OK;
}

/* The library itself judges a network. */
static int is_network(const ngx_str_t *word)
{
    mcmp_cluster_options opts;
    mcmp_cluster *cluster = NULL;

    mcmp_cluster_options_init(&opts);
    opts.max_nodes = opts.max_aliases = opts.max_contexts = 1;
    opts.allow = (const char *)word->data;
    if (word->len == 0 || ngx_strchr(word->data, ',') != NULL ||
        mcmp_cluster_open(&cluster, &opts, NULL) != MCMP_OK)
        return 0;
    mcmp_cluster_close(cluster);
    return 1;
}

/* The arguments as one comma list. */
static char *set_allow(ngx_conf_t *cf, ngx_str_t *out)
{
    ngx_str_t *args = cf->args->elts;
    size_t size = 0;
    u_char *at;

    for (ngx_uint_t i = 1; i < cf->args->nelts; i++) {
        if (!is_network(&args[i])) {
            ngx_mcmp_conf_error(cf, 0,
                                "bad network \"%V\", allowed are private, loopback, any, "
                                "ADDRESS and ADDRESS/BITS",
                                &args[i]);
            return NGX_CONF_ERROR;
        }
        size += args[i].len + 1;
    }
    at = ngx_pnalloc(cf->pool, size);
    if (at == NULL)
        return NGX_CONF_ERROR;
    out->data = at;
    for (ngx_uint_t i = 1; i < cf->args->nelts; i++) {
        at = ngx_cpymem(at, args[i].data, args[i].len);
        *at++ = ',';
    }
    at[-1] = '\0';
    out->len = (size_t)(at - out->data) - 1;
    return NGX_CONF_OK;
}

/* mcmp_authorize address ...; mcmp_authorize identity SUBJECT ROUTES; */
char *ngx_mcmp_set_authorize(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mcmp_settings_t *settings = ngx_mcmp_settings_of(cf, conf);
    ngx_str_t *args = cf->args->elts;

    (void)cmd;
    if (settings == NULL)
        return NGX_CONF_ERROR;
    if (ngx_mcmp_is_text(&args[1], "identity")) {
        if (cf->args->nelts == 4 && args[2].len != 0 && args[3].len != 0)
            return add_identity(cf, settings, &args[2]);
        ngx_mcmp_conf_error(
            cf, 0, "%s", "identity needs the subject of a certificate and a comma list of routes");
        return NGX_CONF_ERROR;
    }
    if (settings->allow.data != NULL)
        return "is duplicate";
    return set_allow(cf, &settings->allow);
}

/* The file need not be there, its folder must. */
static char *set_file(ngx_conf_t *cf, ngx_str_t *name)
{
    ngx_file_info_t info;
    u_char folder[NGX_MAX_PATH];
    size_t len;

    if (name->len == 0 || name->data[name->len - 1] == '/') {
        ngx_mcmp_conf_error(cf, 0, "bad file \"%V\": the name of a file is needed", name);
        return NGX_CONF_ERROR;
    }
    if (ngx_conf_full_name(cf->cycle, name, 0) != NGX_OK)
        return NGX_CONF_ERROR;
    len = (size_t)((u_char *)strrchr((const char *)name->data, '/') - name->data) + 1;
    if (len < sizeof(folder))
        ngx_cpystrn(folder, name->data, len + 1);
    if (len < sizeof(folder) && ngx_file_info(folder, &info) != NGX_FILE_ERROR)
        return NGX_CONF_OK;
    ngx_mcmp_conf_error(cf, ngx_errno, "there is no folder for \"%V\"", name);
    return NGX_CONF_ERROR;
}

/* mcmp_state, mcmp_default_balancer */
char *ngx_mcmp_set_text(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mcmp_settings_t *settings = ngx_mcmp_settings_of(cf, conf);
    ngx_str_t *args = cf->args->elts;
    ngx_str_t *out;

    if (settings == NULL)
        return NGX_CONF_ERROR;
    out = ngx_mcmp_text_at(settings, cmd->offset);
    if (out->data != NULL)
        return "is duplicate";
    if (cf->args->nelts != 2) {
        ngx_mcmp_conf_error(cf, 0, "unknown argument \"%V\", allowed is zone=", &args[2]);
        return NGX_CONF_ERROR;
    }
    *out = args[1];
    return cmd->offset == AT(state) ? set_file(cf, out) : NGX_CONF_OK;
}

/* The numbers, which stand first, and the texts behind them. */
#define NUMBERS (AT(probe_method) / sizeof(ngx_uint_t))
#define TEXTS ((AT(identities) - AT(probe_method)) / sizeof(ngx_str_t))

void ngx_mcmp_settings_init(ngx_mcmp_settings_t *settings)
{
    ngx_memzero(settings, sizeof(*settings));
    for (size_t i = 0; i < NUMBERS; i++)
        *ngx_mcmp_number_at(settings, i * sizeof(ngx_uint_t)) = NGX_CONF_UNSET_UINT;
}

void ngx_mcmp_settings_merge(ngx_mcmp_settings_t *settings, const ngx_mcmp_settings_t *common)
{
    ngx_mcmp_settings_t from = *common;

    for (size_t i = 0; i < NUMBERS; i++) {
        ngx_uint_t *number = ngx_mcmp_number_at(settings, i * sizeof(ngx_uint_t));

        if (*number == NGX_CONF_UNSET_UINT)
            *number = *ngx_mcmp_number_at(&from, i * sizeof(ngx_uint_t));
    }
    for (size_t i = 0; i < TEXTS; i++) {
        size_t offset = AT(probe_method) + i * sizeof(ngx_str_t);

        if (ngx_mcmp_text_at(settings, offset)->data == NULL)
            *ngx_mcmp_text_at(settings, offset) = *ngx_mcmp_text_at(&from, offset);
    }
    if (settings->identities == NULL)
        settings->identities = from.identities;
}
