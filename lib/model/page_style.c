/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the page looks, and the headers that allow this look and nothing else.
 */
#include "page.h"

/* The hash is over mcmp__page_style; test_page and test_render check it. */
#define STYLE_ONLY                                                                          \
    "default-src 'none'; style-src 'sha256-GaehiAMprqHTE7yUygtTplYyVFgEL++r2UJWw81Ba04='; " \
    "base-uri 'none'; "

const char mcmp__page_policy[] = STYLE_ONLY "form-action 'none'; frame-ancestors 'none'";
const char mcmp__page_policy_forms[] = STYLE_ONLY "form-action 'self'; frame-ancestors 'none'";

const char mcmp__page_style[] =
    ":root{color-scheme:light dark;--bg:#f4f6f9;--card:#fff;--ink:#1c2530;--dim:#667385;"
    "--line:#dfe5ec;--ok:#1a7f4b;--idle:#2f6fb5;--warn:#a86200;--bad:#b3261e;--off:#7a8594}"
    "@media(prefers-color-scheme:dark){:root{--bg:#12171e;--card:#1b222c;--ink:#e4eaf2;"
    "--dim:#93a1b3;--line:#2c3643;--ok:#4cc38a;--idle:#6cabf0;--warn:#e8a64c;--bad:#f2756b;"
    "--off:#8a96a6}}"
    "*{box-sizing:border-box}"
    "body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.45 system-ui,sans-serif}"
    "header{padding:26px 32px 12px}h1{margin:0;font-size:22px;font-weight:650}"
    "header p{margin:2px 0 0;color:var(--dim)}main{padding:8px 32px 40px}"
    "h2{font-size:17px;margin:0;font-weight:650}h3{font-size:15px;margin:28px 0 8px}"
    ".tiles{display:flex;flex-wrap:wrap;gap:12px;margin:12px 0 20px;padding:0;list-style:none}"
    ".tiles li{background:var(--card);border:1px solid var(--line);border-radius:10px;"
    "padding:10px 18px;min-width:112px;color:var(--dim)}"
    ".tiles b{display:block;font-size:24px;line-height:1.2;color:var(--ink)}"
    ".grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(380px,1fr));gap:16px;"
    "align-items:start}"
    "article{background:var(--card);border:1px solid var(--line);border-left:5px solid var(--off);"
    "border-radius:10px;padding:14px 18px;overflow-wrap:anywhere}"
    ".active{border-left-color:var(--ok)}.standby,.unproven{border-left-color:var(--idle)}"
    ".error,.broken{border-left-color:var(--bad)}"
    ".top{display:flex;gap:10px;align-items:center;justify-content:space-between}"
    ".badge{font-size:12px;padding:2px 10px;border-radius:99px;color:#fff;background:var(--off)}"
    ".active .badge{background:var(--ok)}.standby .badge,.unproven .badge{background:var(--idle)}"
    ".error .badge,.broken .badge{background:var(--bad)}"
    "dl{display:grid;grid-template-columns:max-content 1fr;gap:2px 14px;margin:10px 0}"
    "dt{color:var(--dim)}dd{margin:0}meter{width:120px;height:12px;vertical-align:-1px}"
    "table{border-collapse:collapse;width:100%}"
    "th,td{text-align:left;padding:5px 10px 5px 0;border-top:1px solid var(--line);"
    "vertical-align:top}th{color:var(--dim);font-weight:500}"
    ".app{display:inline-block;font:13px/1.5 ui-monospace,monospace;border:1px solid var(--line);"
    "border-radius:6px;padding:0 7px;margin:0 5px 4px 0}"
    ".ENABLED{border-color:var(--ok)}.DISABLED{border-color:var(--warn);color:var(--warn)}"
    ".STOPPED{border-color:var(--bad);color:var(--bad)}"
    "nav{margin:8px 0 0}nav a{color:var(--idle);margin-right:16px}"
    ".notice{background:var(--card);border:1px solid var(--ok);border-left-width:5px;"
    "border-radius:10px;padding:10px 18px;margin:12px 0;overflow-wrap:anywhere}"
    ".refusal{border-color:var(--bad)}"
    "form{display:inline}button{font:inherit;font-size:13px;color:var(--ink);"
    "background:var(--bg);border:1px solid var(--line);border-radius:6px;padding:2px 10px;"
    "margin:2px 5px 2px 0;cursor:pointer}button:hover{border-color:var(--idle)}"
    ".acts{margin-top:10px;color:var(--dim)}.acts form{margin-left:8px}"
    ".apps{table-layout:fixed}.apps th:first-child{width:36%}"
    "summary{cursor:pointer}details.app[open]{padding:2px 7px 5px}";

int mcmp__page_headers(mcmp_response *response, const char *policy)
{
    const struct {
        const char *name;
        const char *value;
    } headers[] = {
        { "Content-Security-Policy", policy },
        { "X-Content-Type-Options", "nosniff" },
        { "Referrer-Policy", "no-referrer" },
        { "Cache-Control", "no-store" },
    };

    for (size_t i = 0; i < MCMP__COUNT(headers); i++) {
        int rc =
            mcmp_response_add_header(response, headers[i].name, mcmp__span_str(headers[i].value));

        if (rc != MCMP_OK)
            return rc;
    }
    return MCMP_OK;
}
