/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arguments of the form key=value: a table says which keys there are, where their values go and
 * what they may be; a mistake is told with what is allowed.
 */
#include "words.h"

ngx_uint_t *ngx_mcmp_number_at(void *base, size_t offset)
{
    return (ngx_uint_t *)(void *)((u_char *)base + offset);
}

ngx_str_t *ngx_mcmp_text_at(void *base, size_t offset)
{
    return (ngx_str_t *)(void *)((u_char *)base + offset);
}

int ngx_mcmp_is_text(const ngx_str_t *value, const char *text)
{
    return value->len == ngx_strlen(text) && ngx_strncmp(value->data, text, value->len) == 0;
}

/* The words of a table as "a=, b=, c=", for messages. */
static void list_words(const ngx_mcmp_word_t *table, u_char *out, size_t size)
{
    u_char *at = out;

    for (; table->key != NULL; table++)
        at = ngx_snprintf(at, (size_t)(out + size - at - 1), "%s%s=", at == out ? "" : ", ",
                          table->key);
    *at = '\0';
}

static char *bad_value(ngx_conf_t *cf, const ngx_mcmp_word_t *w, const ngx_str_t *value)
{
    const char *form = w->kind == NGX_MCMP_WORD_COUNT  ? "a number"
                       : w->kind == NGX_MCMP_WORD_SIZE ? "a size in bytes"
                       : w->kind == NGX_MCMP_WORD_TIME ? "a time in milliseconds"
                                                       : "a text of a length";

    if (w->kind == NGX_MCMP_WORD_SWITCH)
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "bad value \"%V\" of %s=, allowed are on and off",
                           value, w->key);
    else if (w->most == NGX_MCMP_OFF)
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "bad value \"%V\" of %s=: %s of at least %ui is needed, or \"off\"",
                           value, w->key, form, w->least);
    else
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "bad value \"%V\" of %s=: %s from %ui to %ui is needed", value, w->key,
                           form, w->least, w->most);
    return NGX_CONF_ERROR;
}

static char *set_text_word(ngx_conf_t *cf, const ngx_mcmp_word_t *w, ngx_str_t *value, void *base)
{
    ngx_str_t *out = ngx_mcmp_text_at(base, w->offset);

    if (value->len < w->least || value->len > w->most)
        return bad_value(cf, w, value);
    for (size_t i = 0; i < value->len; i++)
        if (value->data[i] <= 0x20 || value->data[i] >= 0x7f)
            return bad_value(cf, w, value);
    *out = *value; /* arguments end with a NUL */
    return NGX_CONF_OK;
}

char *ngx_mcmp_set_word(ngx_conf_t *cf, const ngx_mcmp_word_t *w, ngx_str_t *value, void *base)
{
    ngx_int_t number = NGX_ERROR;

    if (w->kind == NGX_MCMP_WORD_TEXT)
        return set_text_word(cf, w, value, base);
    if (w->most == NGX_MCMP_OFF && ngx_mcmp_is_text(value, "off")) {
        *ngx_mcmp_number_at(base, w->offset) = NGX_MCMP_OFF;
        return NGX_CONF_OK;
    }
    if (w->kind == NGX_MCMP_WORD_SWITCH)
        number = ngx_mcmp_is_text(value, "on") ? 1 : ngx_mcmp_is_text(value, "off") ? 0 : NGX_ERROR;
    else if (w->kind == NGX_MCMP_WORD_COUNT)
        number = ngx_atoi(value->data, value->len);
    else if (w->kind == NGX_MCMP_WORD_SIZE)
        number = ngx_parse_size(value);
    else
        number = ngx_parse_time(value, 0);
    if (number == NGX_ERROR || (ngx_uint_t)number < w->least ||
        (ngx_uint_t)number > (w->most == NGX_MCMP_OFF ? NGX_MCMP_DAY : w->most))
        return bad_value(cf, w, value);
    *ngx_mcmp_number_at(base, w->offset) = (ngx_uint_t)number;
    return NGX_CONF_OK;
}

char *ngx_mcmp_set_argument(ngx_conf_t *cf, const ngx_mcmp_word_t *table, ngx_str_t *arg,
                            void *base)
{
    u_char allowed[256];

    for (const ngx_mcmp_word_t *w = table; w->key != NULL; w++) {
        size_t len = ngx_strlen(w->key);
        ngx_str_t value;

        if (arg->len <= len || ngx_strncmp(arg->data, w->key, len) != 0 || arg->data[len] != '=')
            continue;
        value.data = arg->data + len + 1;
        value.len = arg->len - len - 1;
        return ngx_mcmp_set_word(cf, w, &value, base);
    }
    list_words(table, allowed, sizeof(allowed));
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "unknown argument \"%V\", allowed are %s", arg,
                       allowed);
    return NGX_CONF_ERROR;
}
