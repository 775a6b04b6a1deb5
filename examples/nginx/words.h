/* SPDX-License-Identifier: Apache-2.0 */
/* Arguments of directives of the form key=value, by tables. */
#ifndef NGX_MCMP_WORDS_H
#define NGX_MCMP_WORDS_H

#include "core.h"

typedef enum {
    NGX_MCMP_WORD_COUNT,
    NGX_MCMP_WORD_SIZE,
    NGX_MCMP_WORD_TIME,
    NGX_MCMP_WORD_SWITCH, /* on or off */
    NGX_MCMP_WORD_TEXT,
    NGX_MCMP_WORD_TOKEN, /* of HTTP */
    NGX_MCMP_WORD_PATH   /* from / on, or * */
} ngx_mcmp_word_kind;

/* One key; a table ends with a NULL key. */
typedef struct {
    const char *key;
    ngx_mcmp_word_kind kind;
    size_t offset; /* in the struct that is filled: an ngx_uint_t, or an ngx_str_t for texts */
    ngx_uint_t least;
    ngx_uint_t most; /* NGX_MCMP_OFF: the word may be "off" */
} ngx_mcmp_word_t;

#define NGX_MCMP_DAY (24u * 3600u * 1000u)

ngx_uint_t *ngx_mcmp_number_at(void *base, size_t offset);
ngx_str_t *ngx_mcmp_text_at(void *base, size_t offset);
int ngx_mcmp_is_text(const ngx_str_t *value, const char *text);

/* One argument of the form key=value; what is wrong is logged. */
char *ngx_mcmp_set_argument(ngx_conf_t *cf, const ngx_mcmp_word_t *table, ngx_str_t *arg,
                            void *base);

/* The value alone. */
char *ngx_mcmp_set_word(ngx_conf_t *cf, const ngx_mcmp_word_t *w, ngx_str_t *value, void *base);

#endif
