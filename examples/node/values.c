/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of flags and of the configuration file, see values.h. Limits are those of the protocol
 * (MCMP 3), so that a bad value is refused here with a clear text and not by the balancer with
 * SYNTAX.
 */
#include "values.h"
#include "text.h"

#include <string.h>

int node_set_name(const node_flag *flag, void *field, const char *value)
{
    size_t len = strlen(value);

    if (len == 0 || (flag->max > 0 && len > (size_t)flag->max))
        return -1;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)value[i];

        if (c < 0x20 || c == 0x7f || strchr("<>\"'", c) != NULL)
            return -1;
        if (flag->min != 0 && strchr(flag->min == NAME_STRICT ? ",[] " : ",[]", c) != NULL)
            return -1;
    }
    memcpy(field, &value, sizeof(value));
    return 0;
}

int node_set_bool(const node_flag *flag, void *field, const char *value)
{
    static const char *const words[] = { "no", "yes", "off", "on", "false", "true", "0", "1" };

    (void)flag;
    for (size_t i = 0; i < NODE_COUNT(words); i++) {
        int32_t number = (int32_t)(i & 1);

        if (!node_span_is_nocase(node_span_of(value), words[i]))
            continue;
        memcpy(field, &number, sizeof(number));
        return 0;
    }
    return -1;
}

int node_set_true(const node_flag *flag, void *field, const char *value)
{
    int32_t one = 1;

    (void)flag;
    (void)value;
    memcpy(field, &one, sizeof(one));
    return 0;
}

int node_set_number(const node_flag *flag, void *field, const char *value)
{
    int negative = value[0] == '-';
    uint64_t digits;
    int64_t number;

    if (node_parse_uint(node_span_of(value + negative), INT32_MAX, &digits) != 0)
        return -1;
    number = negative ? -(int64_t)digits : (int64_t)digits;
    if (number < flag->min || number > flag->max)
        return -1;
    memcpy(field, &number, sizeof(number));
    return 0;
}

int node_set_duration(const node_flag *flag, void *field, const char *value)
{
    mcmp_time time;

    if (node_parse_duration(node_span_of(value), &time) != 0 || time < flag->min ||
        time > flag->max)
        return -1;
    memcpy(field, &time, sizeof(time));
    return 0;
}

/* One of a list of words; the field gets its number. flag->value shows them as `a|b|c`. */
int node_set_word(const node_flag *flag, void *field, const char *value)
{
    mcmp_span rest = node_span_of(flag->value);
    int32_t number = (int32_t)flag->min;

    for (; rest.ptr != NULL; number++) {
        mcmp_span word = node_span_cut(rest, '|', &rest);

        if (word.len != strlen(value) || !node_span_starts(node_span_of(value), word))
            continue;
        memcpy(field, &number, sizeof(number));
        return 0;
    }
    return -1;
}

int node_set_load(const node_flag *flag, void *field, const char *value)
{
    int32_t load = -1;
    uint64_t number;

    (void)flag;
    if (!node_span_is(node_span_of(value), "auto")) { /* which is -1 */
        if (node_parse_uint(node_span_of(value), 100, &number) != 0)
            return -1;
        load = (int32_t)number;
    }
    memcpy(field, &load, sizeof(load));
    return 0;
}

int node_set_backend(const node_flag *flag, void *field, const char *value)
{
    node_options *options = field;

    (void)flag;
    return node_parse_endpoint(node_span_of(value), 1, &options->backend_host,
                               &options->backend_port) != 0 ||
                   options->backend_host.len > 63
               ? -1
               : 0;
}

/* `https://` or `http://` in front says whether the port speaks TLS; it does not without one. */
static mcmp_span cut_scheme(const char *value, int32_t *tls)
{
    mcmp_span text = node_span_of(value);
    mcmp_span secure = node_span_of("https://");
    mcmp_span plain = node_span_of("http://");
    size_t cut = 0;

    *tls = node_span_starts(text, secure);
    if (*tls)
        cut = secure.len;
    else if (node_span_starts(text, plain))
        cut = plain.len;
    return node_span(text.ptr + cut, text.len - cut);
}

int node_add_proxy(const node_flag *flag, void *field, const char *value)
{
    node_options *options = field;
    node_proxy *proxy = &options->proxies[options->proxy_count];
    mcmp_span authority;
    mcmp_span rest;
    mcmp_span text;

    (void)flag;
    if (options->proxy_count == NODE_PROXIES_MAX)
        return -1;
    text = cut_scheme(value, &proxy->tls);
    proxy->name = value;
    authority = node_span_cut(text, '/', &rest);
    proxy->prefix = node_span(text.ptr + authority.len, text.len - authority.len);
    while (proxy->prefix.len > 0 && proxy->prefix.ptr[proxy->prefix.len - 1] == '/')
        proxy->prefix.len--;
    if (node_parse_endpoint(authority, 0, &proxy->host, &proxy->port) != 0)
        return -1;
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] <= 0x20 || (unsigned char)text.ptr[i] >= 0x7f)
            return -1;
    if (proxy->host.ptr[0] == '[')
        proxy->host = node_span(proxy->host.ptr + 1, proxy->host.len - 2);
    options->proxy_count++;
    return 0;
}

/* Digits with an optional fraction, more than 0. */
static int parse_capacity(mcmp_span text, double *out)
{
    mcmp_span fraction;
    mcmp_span whole = node_span_cut(text, '.', &fraction);
    uint64_t digits;
    uint64_t tail = 0;
    double scale = 1;

    if (node_parse_uint(whole, INT32_MAX, &digits) != 0 ||
        (fraction.ptr != NULL && node_parse_uint(fraction, 999999, &tail) != 0))
        return -1;
    for (size_t i = 0; i < fraction.len; i++)
        scale *= 10;
    *out = (double)digits + (double)tail / scale;
    return *out > 0 ? 0 : -1;
}

int node_set_factor(const node_flag *flag, void *field, const char *value)
{
    double number;

    if (parse_capacity(node_span_of(value), &number) != 0 || number < (double)flag->min ||
        number > (double)flag->max)
        return -1;
    memcpy(field, &number, sizeof(number));
    return 0;
}

static int metric_kind(mcmp_span name, int32_t *out)
{
    static const char *const kinds[] = { "cpu", "loadavg", "memory", "command", "url" };

    for (size_t i = 0; i < NODE_COUNT(kinds); i++) {
        if (!node_span_is(name, kinds[i]))
            continue;
        *out = (int32_t)i;
        return 0;
    }
    return -1;
}

/* KIND[*WEIGHT][/CAPACITY][=SOURCE] */
int node_add_metric(const node_flag *flag, void *field, const char *value)
{
    node_options *options = field;
    node_metric *metric = &options->metrics[options->metric_count];
    mcmp_span source;
    mcmp_span capacity;
    mcmp_span weight;
    mcmp_span front = node_span_cut(node_span_of(value), '=', &source);
    mcmp_span name = node_span_cut(node_span_cut(front, '/', &capacity), '*', &weight);
    uint64_t number = 1;

    (void)flag;
    if (options->metric_count == NODE_METRICS_MAX || metric_kind(name, &metric->kind) != 0)
        return -1;
    if (weight.ptr != NULL && (node_parse_uint(weight, 1000, &number) != 0 || number == 0))
        return -1;
    metric->weight = (uint32_t)number;
    metric->capacity = 0;
    if (capacity.ptr != NULL && parse_capacity(capacity, &metric->capacity) != 0)
        return -1;
    metric->source = source.ptr;
    if (metric->kind < NODE_METRIC_COMMAND)
        return source.ptr == NULL ? (options->metric_count++, 0) : -1;
    if (source.ptr == NULL || source.len == 0 || metric->capacity <= 0)
        return -1;
    if (metric->kind == NODE_METRIC_URL && node_parse_url(source, &metric->url) != 0)
        return -1;
    options->metric_count++;
    return 0;
}

/* tcp, a URL, or a command for the shell. */
int node_set_check(const node_flag *flag, void *field, const char *value)
{
    node_options *options = field;

    (void)flag;
    options->check = NODE_CHECK_COMMAND;
    options->check_text = value;
    if (node_span_is(node_span_of(value), "tcp"))
        options->check = NODE_CHECK_TCP;
    else if (node_span_starts(node_span_of(value), node_span_of("http://")))
        options->check = NODE_CHECK_URL;
    if (options->check == NODE_CHECK_URL)
        return node_parse_url(node_span_of(value), &options->check_url);
    return value[0] != '\0' ? 0 : -1;
}

/* One element of a comma list as a text of its own; NULL when it is not valid. */
static const char *add_text(node_options *options, mcmp_span text, size_t most)
{
    char *copy = options->texts + options->texts_len;
    struct node_flag name = { .min = NAME_STRICT, .max = (int64_t)most };
    const char *checked;

    if (text.len > most || text.len >= sizeof(options->texts) - options->texts_len)
        return NULL;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    if (node_set_name(&name, &checked, copy) != 0)
        return NULL;
    options->texts_len += text.len + 1;
    return checked;
}

int node_add_contexts(const node_flag *flag, void *field, const char *value)
{
    node_options *options = field;
    mcmp_span rest = node_span_of(value);

    (void)flag;
    while (rest.ptr != NULL) {
        const char *text = add_text(options, node_span_cut(rest, ',', &rest), 79);

        if (text == NULL || text[0] != '/' || options->context_count == NODE_CONTEXTS_MAX)
            return -1;
        if (text[1] != '\0' && text[strlen(text) - 1] == '/')
            return -1;
        options->contexts[options->context_count++] = text;
    }
    return 0;
}

int node_add_aliases(const node_flag *flag, void *field, const char *value)
{
    node_options *options = field;
    mcmp_span rest = node_span_of(value);

    (void)flag;
    while (rest.ptr != NULL) {
        const char *text = add_text(options, node_span_cut(rest, ',', &rest), 254);

        if (text == NULL || options->alias_count == NODE_ALIASES_MAX)
            return -1;
        options->aliases[options->alias_count++] = text;
    }
    return 0;
}

int node_parse_duration(mcmp_span text, mcmp_time *out)
{
    static const struct {
        const char *name;
        mcmp_time factor;
    } units[] = { { "", MCMP_SEC },
                  { "ms", MCMP_MSEC },
                  { "s", MCMP_SEC },
                  { "mi", 60 * MCMP_SEC },
                  { "h", 3600 * MCMP_SEC } };
    size_t digits = 0;
    mcmp_span fraction;
    mcmp_span whole;
    uint64_t value;
    uint64_t tail = 0;
    mcmp_time scale = 1;

    while (digits < text.len &&
           (text.ptr[digits] == '.' || (text.ptr[digits] >= '0' && text.ptr[digits] <= '9')))
        digits++;
    whole = node_span_cut(node_span(text.ptr, digits), '.', &fraction);
    if (node_parse_uint(whole, INT32_MAX, &value) != 0 ||
        (fraction.ptr != NULL && node_parse_uint(fraction, 999999, &tail) != 0))
        return -1;
    for (size_t i = 0; i < fraction.len; i++)
        scale *= 10;
    text = node_span(text.ptr + digits, text.len - digits);
    for (size_t i = 0; i < NODE_COUNT(units); i++) {
        if (!node_span_is_nocase(text, units[i].name))
            continue;
        *out = (mcmp_time)value * units[i].factor + (mcmp_time)tail * units[i].factor / scale;
        return 0;
    }
    return -1;
}

int node_parse_endpoint(mcmp_span text, int zero_port, mcmp_span *host, uint32_t *port)
{
    size_t colon = text.len;
    uint64_t number;

    while (colon > 0 && text.ptr[colon - 1] != ':')
        colon--;
    if (colon < 2)
        return -1;
    *host = node_span(text.ptr, colon - 1);
    if (node_parse_uint(node_span(text.ptr + colon, text.len - colon), 65535, &number) != 0 ||
        (number == 0 && !zero_port))
        return -1;
    *port = (uint32_t)number;
    if (host->ptr[0] == '[')
        return host->len > 2 && host->ptr[host->len - 1] == ']' ? 0 : -1;
    return memchr(host->ptr, ':', host->len) == NULL ? 0 : -1;
}

int node_parse_url(mcmp_span text, node_url *out)
{
    mcmp_span scheme = node_span_of("http://");
    mcmp_span rest;
    mcmp_span authority;

    if (!node_span_starts(text, scheme))
        return -1;
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] <= 0x20 || (unsigned char)text.ptr[i] >= 0x7f)
            return -1;
    text = node_span(text.ptr + scheme.len, text.len - scheme.len);
    authority = node_span_cut(text, '/', &rest);
    out->path = node_span(text.ptr + authority.len, text.len - authority.len);
    if (out->path.len == 0)
        out->path = node_span_of("/");
    out->authority = authority;
    if (node_parse_endpoint(authority, 0, &out->host, &out->port) != 0) {
        out->host = authority;
        out->port = 80;
    }
    if (out->host.len > 2 && out->host.ptr[0] == '[')
        out->host = node_span(out->host.ptr + 1, out->host.len - 2);
    return out->host.len > 0 && out->host.len < 256 ? 0 : -1;
}
