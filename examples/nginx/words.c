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

static const char *form_of(ngx_mcmp_word_kind kind)
{
    static const char *const forms[] = {
        [NGX_MCMP_WORD_COUNT] = "a number",
        [NGX_MCMP_WORD_SIZE] = "a size in bytes",
        [NGX_MCMP_WORD_TIME] = "a time in milliseconds",
        [NGX_MCMP_WORD_SWITCH] = "on or off",
        [NGX_MCMP_WORD_TEXT] = "a text of a length",
        [NGX_MCMP_WORD_TOKEN] = "a token of a length",
        [NGX_MCMP_WORD_PATH] = "* or a path behind / of a length",
    };

    return forms[kind];
}

static char *bad_value(ngx_conf_t *cf, const ngx_mcmp_word_t *w, const ngx_str_t *value)
{
    const char *form = form_of(w->kind);
    u_char of[40];

    ngx_snprintf(of, sizeof(of), "%s%s%s%Z", w->key[0] != '\0' ? " of " : "", w->key,
                 w->key[0] != '\0' ? "=" : "");
    if (w->kind == NGX_MCMP_WORD_SWITCH)
        ngx_mcmp_conf_error(cf, 0, "bad value \"%V\"%s, allowed are on and off", value, of);
    else if (w->most == NGX_MCMP_OFF)
        ngx_mcmp_conf_error(cf, 0, "bad value \"%V\"%s: %s of at least %ui is needed, or \"off\"",
                            value, of, form, w->least);
    else
        ngx_mcmp_conf_error(cf, 0, "bad value \"%V\"%s: %s from %ui to %ui is needed", value, of,
                            form, w->least, w->most);
    return NGX_CONF_ERROR;
}

/* What a request line of ours can't carry is none. */
static int is_fit(ngx_mcmp_word_kind kind, const ngx_str_t *value)
{
    if (kind == NGX_MCMP_WORD_PATH)
        return value->data[0] == '/' || ngx_mcmp_is_text(value, "*");
    for (size_t i = 0; kind == NGX_MCMP_WORD_TOKEN && i < value->len; i++)
        if (strchr("\"(),/:;<=>?@[\\]{}", value->data[i]) != NULL)
            return 0;
    return 1;
}

static char *set_text_word(ngx_conf_t *cf, const ngx_mcmp_word_t *w, ngx_str_t *value, void *base)
{
    ngx_str_t *out = ngx_mcmp_text_at(base, w->offset);

    if (value->len < w->least || value->len > w->most)
        return bad_value(cf, w, value);
    for (size_t i = 0; i < value->len; i++)
        if (value->data[i] <= 0x20 || value->data[i] >= 0x7f)
            return bad_value(cf, w, value);
    if (!is_fit(w->kind, value))
        return bad_value(cf, w, value);
    *out = *value; /* arguments end with a NUL */
    return NGX_CONF_OK;
}

char *ngx_mcmp_set_word(ngx_conf_t *cf, const ngx_mcmp_word_t *w, ngx_str_t *value, void *base)
{
    ngx_int_t number = NGX_ERROR;

    if (w->kind >= NGX_MCMP_WORD_TEXT)
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
    ngx_mcmp_conf_error(cf, 0, "unknown argument \"%V\", allowed are %s", arg, allowed);
    return NGX_CONF_ERROR;
}
