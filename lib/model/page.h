/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page for people, in two uses: read-only as the answer to a GET on the management port, and
 * with links and buttons where a host serves it (libmcmp/page.h).
 */
#ifndef MCMP__MODEL_PAGE_H
#define MCMP__MODEL_PAGE_H

#include "out.h"
#include "view.h"

#include <libmcmp/page.h>

typedef struct mcmp__page {
    uint32_t flags;   /* MCMP_PAGE_* */
    mcmp_span path;   /* where forms and links go; empty = there are none */
    mcmp_span token;  /* of forms */
    mcmp_span notice; /* a line at the top; empty = none */
    int is_refusal;   /* the notice tells why something was not done */
} mcmp__page;

/* The whole document. */
void mcmp__page_write(const mcmp_view *view, const mcmp__page *page, mcmp__out *out);

/* 1: rows have buttons. */
static inline int mcmp__page_has_forms(const mcmp__page *page)
{
    return (page->flags & MCMP_PAGE_COMMANDS) != 0 && page->path.len != 0;
}

/* Pieces of page_forms.c; without forms or path they write nothing. */
void mcmp__page_links(mcmp__out *out, const mcmp__page *page);
void mcmp__page_node_form(mcmp__out *out, const mcmp__page *page, const mcmp_node_info *node);
void mcmp__page_pair_form(mcmp__out *out, const mcmp__page *page, mcmp_span route, mcmp_span alias,
                          const mcmp__view_pair *pair);
void mcmp__page_domains(mcmp__out *out, const mcmp__page *page, const mcmp_view *view);

extern const char mcmp__page_style[];
/* Values of Content-Security-Policy: the page's own style and nothing else; with forms that go to
 * the page's own origin. */
extern const char mcmp__page_policy[];
extern const char mcmp__page_policy_forms[];

/* What keeps the page from being framed, cached or scripted. MCMP_OK, or what add_header says. */
int mcmp__page_headers(mcmp_response *response, const char *policy);

/* The last value of a field in a form or query, percent-decoded into buf; names in any case.
 * MCMP_OK, MCMP_ERR_NOT_FOUND, MCMP_ERR_SPACE, MCMP_ERR_SYNTAX (a bad escape). */
int mcmp__form_field(mcmp_span form, const char *name, char *buf, size_t size, mcmp_span *out);

#endif
