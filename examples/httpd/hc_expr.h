/* SPDX-License-Identifier: Apache-2.0 */
/* hcexpr: an expression of ProxyHCExpr that judges the answer to a probe. */
#ifndef MCMP_HTTPD_HC_EXPR_H
#define MCMP_HTTPD_HC_EXPR_H

#include "module.h"

/* What NAME has in a directive of this kind ("ProxyHCExpr", "ProxyHCTemplate"), without the name;
 * NULL when there is none. */
const char *hc_find(apr_pool_t *pool, const char *directive, const char *name);
/* Take the expression of that name: NULL, or what is wrong. */
const char *hc_expr_set(cmd_parms *cmd, const char *name);
/* Before a configuration is read. */
void hc_expr_forget(void);
int hc_expr_has(void);
/* 1 good, 0 bad, -1: there is no expression. head is the answer's, as far as it came. */
int hc_expr_judge(int status, const char *head, size_t len);

#endif
