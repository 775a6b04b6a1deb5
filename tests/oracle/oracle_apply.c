/* SPDX-License-Identifier: Apache-2.0 */
/* See oracle.h: messages, judged in the order of MCMP 1 from `node known` on. */
#include "oracle_parts.h"

#include <string.h>

void oracle_refuse(oracle_answer *out, int code, const char *before, const char *route,
                   const char *after)
{
    out->code = code;
    out->status = code == MCMP_ERR_DENIED ? 403 : 500;
    out->mess.len = 0;
    oracle_add(&out->mess, before);
    oracle_add(&out->mess, route);
    oracle_add(&out->mess, after);
}

static void refuse_unknown(oracle_answer *out, int route)
{
    oracle_refuse(out, MCMP_ERR_UNKNOWN_NODE, "MEM: Can't read node with \"", oracle_route[route],
                  "\" JVMRoute");
}

void oracle_refuse_denied(oracle_answer *out)
{
    oracle_refuse(out, MCMP_ERR_DENIED, "GENERAL: Not authorised", "", "");
}

int oracle_is_owner(const oracle *o, const oracle_message *m, const oracle_row *r)
{
    return !o->opts.ownership || r->owner == m->sender;
}

void oracle_ask_probe(oracle_answer *out, const oracle_row *r)
{
    mcmp_time ping = r->config.ping * MCMP_SEC;

    out->code = MCMP_PENDING;
    out->pending = MCMP_PENDING_PROBE;
    out->probe_id = r->id;
    out->probe_epoch = r->epoch;
    out->probe_host = r->config.host;
    out->probe_spelling = r->config.spelling;
    out->probe_port = r->config.port;
    out->probe_scheme = (uint32_t)r->config.type;
    out->probe_time = ping < 10 * MCMP_SEC ? ping : 10 * MCMP_SEC;
}

int oracle_came_back(const oracle_hint *hint, const oracle_row *r)
{
    return hint->resumed == MCMP_PENDING_PROBE && hint->probed_id == r->id &&
           hint->probed_epoch == r->epoch;
}

/* ENABLE-APP, DISABLE-APP, STOP-APP, REMOVE-APP (MCMP 4.2 to 4.4) */

static uint32_t status_of(uint32_t kind)
{
    return kind == MCMP_COMMAND_ENABLE_APP    ? MCMP_STATUS_ENABLED
           : kind == MCMP_COMMAND_DISABLE_APP ? MCMP_STATUS_DISABLED
                                              : MCMP_STATUS_STOPPED;
}

static void apply_whole(oracle *o, const oracle_message *m, oracle_row *r)
{
    if (m->kind == MCMP_COMMAND_REMOVE_APP) {
        oracle_remove(o, r->id, m->connection);
        oracle_drop_balancers(o, -1);
        return;
    }
    for (int a = 0; a < O_ALIASES; a++)
        for (int c = 0; c < O_CONTEXTS; c++)
            if (r->status[a][c] != 0)
                r->status[a][c] = (uint8_t)status_of(m->kind);
}

static void remove_pairs(oracle *o, oracle_row *r, const oracle_message *m, oracle_pairs *p)
{
    for (int i = 0; i < m->alias_count; i++)
        for (int k = 0; k < m->context_count; k++)
            if (r->status[m->alias[i]][m->context[k]] != 0) {
                oracle_remove_pair(o, r, m->alias[i], m->context[k]);
                p->done[i][k] = 1;
            }
}

static uint32_t running(const oracle *o, const oracle_row *r, const oracle_message *m)
{
    uint32_t sum = 0;

    for (int k = 0; k < m->context_count; k++) {
        int c = m->context[k];

        if (!o->opts.use_alias)
            sum += r->running[0][c];
        for (int i = 0; o->opts.use_alias && i < m->alias_count; i++)
            sum += r->running[m->alias[i]][c];
    }
    return sum;
}

static void add_lists(oracle_text *out, const oracle_message *m, uint32_t requests)
{
    oracle_add(out, "Type=STOP-APP-RSP&JvmRoute=");
    oracle_add(out, oracle_route[m->route]);
    oracle_add(out, "&Requests=");
    oracle_add_int(out, requests);
    for (int i = 0; i < m->alias_count; i++) {
        oracle_add(out, i == 0 ? "&Alias=" : ",");
        oracle_add(out, oracle_alias[m->alias[i]]);
    }
    for (int k = 0; k < m->context_count; k++) {
        oracle_add(out, k == 0 ? "&Context=" : ",");
        oracle_add(out, oracle_context[m->context[k]]);
    }
    oracle_add(out, "\n");
}

static void answer_app(const oracle_message *m, const oracle_pairs *p, uint32_t requests,
                       oracle_text *out)
{
    if (m->kind == MCMP_COMMAND_STOP_APP) {
        add_lists(out, m, requests);
    } else {
        oracle_add(out, "Type=");
        oracle_add(out, mcmp_command_name(m->kind));
        oracle_add(out, "-RSP\n");
    }
    oracle_add(out, "JvmRoute=");
    oracle_add(out, oracle_route[m->route]);
    oracle_add(out, "\n");
    for (int i = 0; i < m->alias_count; i++) {
        int any = 0;

        for (int k = 0; k < m->context_count; k++) {
            if (!p->done[i][k])
                continue;
            oracle_add(out, any ? "," : "Alias=");
            oracle_add(out, any ? "" : oracle_alias[m->alias[i]]);
            oracle_add(out, any ? "" : " Contexts=");
            oracle_add(out, oracle_context[m->context[k]]);
            any = 1;
        }
        oracle_add(out, any ? "\n" : "");
    }
}

/* Only the answer is made anew: the message was carried out before it was held. */
static void mark_existing(const oracle_row *r, const oracle_message *m, oracle_pairs *p)
{
    for (int i = 0; i < m->alias_count; i++)
        for (int k = 0; k < m->context_count; k++)
            p->done[i][k] = r->status[m->alias[i]][m->context[k]] != 0;
}

static void apply_app(oracle *o, const oracle_message *m, const oracle_hint *hint,
                      oracle_answer *out)
{
    oracle_row *r = oracle_live(o, m->route);
    uint32_t requests = 0;
    oracle_pairs p = { 0 };

    if (r == NULL) {
        refuse_unknown(out, m->route);
        return;
    }
    if (hint->resumed == 0 && !oracle_is_owner(o, m, r)) {
        oracle_refuse_denied(out);
        return;
    }
    if (m->whole) {
        apply_whole(o, m, r);
        return;
    }
    if (hint->resumed != 0)
        mark_existing(r, m, &p);
    else if (m->kind == MCMP_COMMAND_REMOVE_APP)
        remove_pairs(o, r, m, &p);
    else
        oracle_register(o, r, m, status_of(m->kind), 1, &p, out);
    out->mess.len = 0; /* a full table is no error here */
    if (m->kind == MCMP_COMMAND_STOP_APP)
        requests = running(o, r, m);
    if (hint->held) {
        out->code = MCMP_PENDING;
        out->pending = MCMP_PENDING_DELAY;
        if (requests == 0 || o->now >= m->arrived + o->opts.stop_hold)
            out->wrong = "a STOP-APP answer is held though nothing runs, or for too long";
        return;
    }
    answer_app(m, &p, requests, &out->body);
}

/* STATUS and PING (MCMP 4.5, 4.6) */

static void answer_state(const oracle *o, const char *type, int route, int ok, oracle_text *out)
{
    oracle_add(out, "Type=");
    oracle_add(out, type);
    if (route >= 0) {
        oracle_add(out, "&JVMRoute=");
        oracle_add(out, oracle_route[route]);
    }
    oracle_add(out, ok ? "&State=OK&id=" : "&State=NOTOK&id=");
    oracle_add_int(out, (int64_t)o->cluster_id);
    oracle_add(out, "\n");
}

static void finish_status(oracle *o, const oracle_message *m, oracle_row *r, int ok, int probed,
                          oracle_answer *out)
{
    if (ok) {
        r->proven = 1;
        if (m->has_load)
            r->load = m->load;
        if (!m->has_load || m->load >= 0)
            r->error = 0;
    } else {
        r->error = 1;
    }
    if (ok && probed) {
        r->ok_probe = o->now;
        r->failed = 0;
    }
    answer_state(o, "STATUS-RSP", m->route, ok, &out->body);
}

static void apply_status(oracle *o, const oracle_message *m, const oracle_hint *hint,
                         oracle_answer *out)
{
    oracle_row *r = oracle_live(o, m->route);
    int fires;

    if (r == NULL) {
        refuse_unknown(out, m->route);
        return;
    }
    if (!oracle_is_owner(o, m, r)) {
        oracle_refuse_denied(out);
        return;
    }
    r->last_status = o->now;
    fires =
        r->heal_connection != 0 && r->heal_connection == m->connection && o->now <= r->heal_until;
    r->heal_connection = 0; /* only the first STATUS is answered so */
    if (fires)
        refuse_unknown(out, m->route);
    else if (m->has_load && m->load < 0)
        finish_status(o, m, r, 1, 0, out);
    else if (oracle_came_back(hint, r))
        finish_status(o, m, r, hint->probe_ok, 1, out);
    else if (!hint->reused)
        oracle_ask_probe(out, r);
    else if (r->ok_probe == 0 || o->now - r->ok_probe >= MCMP_SEC || r->error)
        out->wrong = "a STATUS was answered without a probe younger than a second";
    else
        finish_status(o, m, r, 1, 0, out);
}

static int may_ping(oracle *o, const oracle_message *m)
{
    int allowed = o->opts.ping_any || strcmp(oracle_host[m->ping_host][0], "localhost") == 0;

    for (int i = 0; i < o->rows; i++)
        allowed |= o->row[i].live && o->row[i].config.host == m->ping_host &&
                   o->row[i].config.port == m->ping_port;
    return allowed;
}

static void ping_endpoint(oracle *o, const oracle_message *m, const oracle_hint *hint,
                          oracle_answer *out)
{
    if (!may_ping(o, m)) {
        answer_state(o, "PING-RSP", -1, 0, &out->body);
        return;
    }
    if (hint->resumed == MCMP_PENDING_PROBE) {
        answer_state(o, "PING-RSP", -1, hint->probe_ok, &out->body);
        return;
    }
    out->code = MCMP_PENDING;
    out->pending = MCMP_PENDING_PROBE;
    out->probe_host = m->ping_host;
    out->probe_port = m->ping_port;
    out->probe_scheme = MCMP_SCHEME_HTTP;
    out->probe_time = 10 * MCMP_SEC;
}

static void apply_ping(oracle *o, const oracle_message *m, const oracle_hint *hint,
                       oracle_answer *out)
{
    oracle_row *r = oracle_live(o, m->route);

    if (m->ping_form == O_PING_ENDPOINT)
        ping_endpoint(o, m, hint, out);
    else if (m->ping_form == O_PING_PLAIN)
        answer_state(o, "PING-RSP", -1, 1, &out->body);
    else if (r == NULL)
        refuse_unknown(out, m->route);
    else if (oracle_came_back(hint, r))
        answer_state(o, "PING-RSP", m->route, hint->probe_ok, &out->body);
    else
        oracle_ask_probe(out, r);
}

void oracle_apply(oracle *o, const oracle_message *m, const oracle_hint *hint, oracle_answer *out)
{
    out->code = MCMP_OK;
    out->status = 200;
    out->pending = 0;
    out->wrong = NULL;
    out->probe_id = 0;
    out->probe_epoch = 0;
    out->probe_spelling = 0;
    out->mess.len = 0;
    out->body.len = 0;
    oracle_forget_old(o);
    switch (m->kind) {
    case MCMP_COMMAND_CONFIG:
        oracle_apply_config(o, m, hint, out);
        break;
    case MCMP_COMMAND_STATUS:
        apply_status(o, m, hint, out);
        break;
    case MCMP_COMMAND_PING:
        apply_ping(o, m, hint, out);
        break;
    default:
        apply_app(o, m, hint, out);
    }
}
