/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LIBMCMP_PAGE_H
#define LIBMCMP_PAGE_H

#include <libmcmp/base.h>
#include <libmcmp/cluster.h>
#include <libmcmp/parser.h>
#include <libmcmp/response.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * @defgroup mcmp_page Manager page
 * @brief The page for people, with commands, so that every host shows the same one (MCMP 4.12).
 *
 * A GET shows the page; `?refresh=N` lets the browser load it again every N seconds (1..3600), and
 * `?Cmd=INFO`, `DUMP` or `VERSION` gives that command's answer instead, as text, or as XML or JSON
 * when the request's flags want it. A GET never changes anything.
 *
 * A POST changes the status of contexts. Its body is a form, as the page's own buttons send it:
 * | field | value |
 * |---|---|
 * | nonce | the token of the options |
 * | Cmd | ENABLE-APP, DISABLE-APP or STOP-APP |
 * | Range | NODE, DOMAIN or CONTEXT |
 * | JVMRoute | NODE, CONTEXT: the node |
 * | Domain | DOMAIN: all nodes of this domain |
 * | Alias, Context | CONTEXT: as in MCMP 3.3 |
 *
 * The answer is the page, with what was done or what was wrong at its top. Each node's change is
 * one message, judged as if it had come over MCMP: allow list, identities and ownership apply.
 * @{
 */

/** @name Flags of a page */
/** @{ */
#define MCMP_PAGE_COMMANDS 0x1u /**< with buttons; else every POST is refused */
#define MCMP_PAGE_REDUCED 0x2u  /**< without counters and the table of balancers */
#define MCMP_PAGE_NO_TOKEN 0x4u /**< forms need no token: any page of the web can send them */
/** @} */

/** How a page is served. Sized; zero means default. */
typedef struct mcmp_page_options {
    size_t struct_size; /**< set by mcmp_page_options_init() */
    uint32_t flags;     /**< MCMP_PAGE_* */
    uint32_t max_form;  /**< bytes of a form; 0 = 16 KiB */
    /** URL path of the page, where forms and links go; empty = the target's path */
    mcmp_span path;
    /** the secret that forms carry, 16..128 visible ASCII characters, new at least at each start
     * of the host; needed with COMMANDS unless NO_TOKEN */
    mcmp_span token;
} mcmp_page_options;

/**
 * @brief Clear the struct and set its size.
 * @param[out] opts the struct
 * @param[in]  size its size; the macro gives it
 * @mt_any @reentrant yes
 * @since 0.1
 */
MCMP_API void mcmp_page_options_init_sized(mcmp_page_options *opts, size_t size);
/** Initialise with this header's size. */
#define mcmp_page_options_init(o) mcmp_page_options_init_sized((o), sizeof(*(o)))

/**
 * @brief Answer a request to the page.
 * @param[in]     cluster  the cluster; @borrowed
 * @param[in]     opts     NULL = a page without commands; @borrowed for the call
 * @param[in]     request  method, target, flags, body (POST), now and peer are used; a body over
 * max_form need not be read to its end: MCMP_REQUEST_OVERSIZE; @borrowed for the call
 * @param[in,out] response the answer: status, Content-Type, and headers that keep the page from
 * being framed, cached or scripted
 * @param[out]    err      detail; may be NULL
 * @return MCMP_OK; and with an answer that says so: MCMP_ERR_DENIED (403: the sender, the token,
 * or no commands here), MCMP_ERR_SYNTAX (400: the form; 405: the method), MCMP_ERR_BODY_SIZE
 * (413), MCMP_ERR_UNKNOWN_NODE (404: no such node or domain), and what mcmp_apply() refused the
 * change for; without an answer: MCMP_ERR_NOMEM (a change may have been carried out, for some of
 * its nodes or all: it can be repeated), MCMP_ERR_INVALID, MCMP_ERR_UNSUPPORTED, MCMP_ERR_OS,
 * MCMP_ERR_DAMAGED
 * @mt_any @reentrant no
 * @since 0.1
 */
MCMP_API int mcmp_page_serve(mcmp_cluster *cluster, const mcmp_page_options *opts,
                             const mcmp_request *request, mcmp_response *response, mcmp_error *err);

/** @} */

#ifdef __cplusplus
}
#endif
#endif
