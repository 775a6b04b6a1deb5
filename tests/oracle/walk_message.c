/* SPDX-License-Identifier: Apache-2.0 */
/* See walk.h: commands as they are sent, and their answers against those of the model. */
#include "walk.h"

#include <stdio.h>
#include <string.h>

typedef struct writer {
    char *at, *end;
    walk *w;
} writer;

static void put(writer *out, const char *text)
{
    size_t len = strlen(text);

    if (len < (size_t)(out->end - out->at)) {
        memcpy(out->at, text, len + 1);
        out->at += len;
    }
}

static void put_key(writer *out, const char *key, const char *value)
{
    put(out, key);
    put(out, "=");
    put(out, value);
    put(out, "&");
}

/* A number that is not sent when it is the default, mostly. */
static void put_number(writer *out, const char *key, int value, int standard)
{
    char text[16];

    if (value == standard && walk_pick(out->w, 4) != 0)
        return;
    (void)snprintf(text, sizeof(text), "%d", value);
    put_key(out, key, text);
}

static void put_flag(writer *out, const char *key, int value, int standard)
{
    static const char *const words[2][3] = { { "no", "Off", "0" }, { "Yes", "on", "true" } };

    if (value != standard || walk_pick(out->w, 4) == 0)
        put_key(out, key, words[value][walk_pick(out->w, 3)]);
}

static void put_text(writer *out, const char *key, const char *value, const char *standard)
{
    if (strcmp(value, standard) != 0 || walk_pick(out->w, 4) == 0)
        put_key(out, key, value);
}

/* An element as others may write it: an alias in upper case, a context with a last slash. */
static void put_element(writer *out, const char *text, int is_alias)
{
    char *from = out->at;

    put(out, text);
    if (is_alias && walk_pick(out->w, 4) == 0)
        for (char *c = from; c < out->at; c++)
            *c = (char)(*c >= 'a' && *c <= 'z' ? *c - 32 : *c);
    if (!is_alias && text[0] == '/' && text[1] != '\0' && walk_pick(out->w, 4) == 0)
        put(out, "/");
}

/* A comma list, the key several times, or both; some elements twice. */
static void put_list(writer *out, const char *key, const int *list, int count, int is_alias)
{
    const char *const *names = is_alias ? oracle_alias : oracle_context;

    for (int i = 0; i < count; i++) {
        int fresh = i == 0 || walk_pick(out->w, 4) == 0;

        put(out, fresh ? (i == 0 ? "" : "&") : ",");
        put(out, fresh ? key : "");
        put(out, fresh ? "=" : "");
        put_element(out, names[list[i]], is_alias);
        if (walk_pick(out->w, 8) == 0) {
            put(out, ",");
            put_element(out, names[list[walk_pick(out->w, (uint32_t)i + 1)]], is_alias);
        }
    }
    put(out, count > 0 ? "&" : "");
}

static void put_config(writer *out, const oracle_config *c)
{
    static const char *const flush[] = { "Off", "on", "AUTO" };

    put_text(out, "Balancer", oracle_balancer[c->balancer], oracle_balancer[0]);
    put_text(out, "Host", oracle_host[c->host][c->spelling], "localhost");
    put_number(out, "Port", (int)oracle_port[c->port], 8009);
    put_text(out, "Type", mcmp_scheme_name((uint32_t)c->type), "ajp");
    if (c->domain != 0)
        put_key(out, "domain", c->domain == 2 ? "west%2B1" : oracle_domain[c->domain]);
    put_flag(out, "Reversed", c->reversed, 0);
    put_number(out, "smax", c->smax, -1);
    put_number(out, "ttl", c->ttl, 60);
    put_text(out, "flushpackets", flush[c->flush], flush[0]);
    put_number(out, "flushwait", c->flushwait, 10);
    put_number(out, "Ping", c->ping, 10);
    put_number(out, "Timeout", c->timeout, 0);
    put_flag(out, "StickySession", c->sticky, 1);
    put_flag(out, "StickySessionForce", c->force, 1);
    put_flag(out, "StickySessionRemove", c->remove, 0);
    put_text(out, "StickySessionCookie", oracle_cookie[c->cookie], oracle_cookie[0]);
    put_text(out, "StickySessionPath", oracle_path_name[c->cookie], oracle_path_name[0]);
    put_number(out, "WaitWorker", c->wait, 0);
    put_number(out, "MaxAttempts", c->attempts, 1);
}

static void put_ping(writer *out, const oracle_message *m)
{
    char port[16];

    if (m->ping_form == O_PING_ROUTE)
        put_key(out, "JVMRoute", oracle_route[m->route]);
    if (m->ping_form != O_PING_ENDPOINT)
        return;
    (void)snprintf(port, sizeof(port), "%u", (unsigned)oracle_port[m->ping_port]);
    put_key(out, "Scheme", "HTTP");
    put_key(out, "Host", oracle_host[m->ping_host][walk_pick(out->w, O_SPELLINGS)]);
    put_key(out, "Port", port);
}

static void write_body(walk *w, walk_waiting *s)
{
    const oracle_message *m = &s->message;
    writer out = { s->body, s->body + sizeof(s->body), w };

    s->body[0] = '\0';
    if (m->kind == MCMP_COMMAND_PING) {
        put_ping(&out, m);
        return;
    }
    put_key(&out, walk_pick(w, 4) == 0 ? "jvmroute" : "JVMRoute", oracle_route[m->route]);
    if (m->kind == MCMP_COMMAND_CONFIG)
        put_config(&out, &m->config);
    if (m->kind == MCMP_COMMAND_STATUS && m->has_load)
        put_number(&out, "Load", m->load, 1000);
    put_list(&out, "Alias", m->alias, m->alias_count, 1);
    put_list(&out, "Context", m->context, m->context_count, 0);
}

/* What is sent */

static int at_most(uint32_t n, uint32_t limit)
{
    return (int)(n < limit ? n : limit);
}

static void choose_lists(walk *w, oracle_message *m)
{
    unsigned seen = 0;
    const oracle_names *names = &w->o.opts.names;
    int want = at_most(1 + walk_pick(w, 3), names->aliases);

    while (m->alias_count < want) {
        uint32_t a = walk_pick(w, names->aliases);

        if ((seen >> a & 1) == 0)
            m->alias[m->alias_count++] = (int)a;
        seen |= 1u << a;
    }
    seen = 0;
    want = at_most(1 + walk_pick(w, 3), names->contexts);
    while (m->context_count < want) {
        uint32_t c = walk_pick(w, names->contexts);

        if ((seen >> c & 1) == 0)
            m->context[m->context_count++] = (int)c;
        seen |= 1u << c;
    }
}

static int seldom(walk *w, int usual, uint32_t other, int first)
{
    return walk_pick(w, 10) != 0 ? usual : first + (int)walk_pick(w, other);
}

/* Mostly what this route sends each time, so that it meets its own node again. */
static void choose_config(walk *w, oracle_message *m)
{
    const oracle_names *names = &w->o.opts.names;
    oracle_config *c = &m->config;

    c->balancer = seldom(w, m->route % at_most(2, names->balancers), names->balancers, 0);
    c->host = seldom(w, m->route % O_HOSTS, O_HOSTS, 0);
    c->port = seldom(w, m->route / O_HOSTS, names->ports, 0);
    c->spelling = (int)walk_pick(w, O_SPELLINGS);
    c->domain = seldom(w, m->route % O_DOMAINS, O_DOMAINS, 0);
    c->type = walk_pick(w, 24) == 0 ? MCMP_SCHEME_HTTPS : MCMP_SCHEME_AJP;
    c->reversed = walk_pick(w, 40) == 0;
    c->smax = walk_pick(w, 40) == 0 ? 5 : -1;
    c->ttl = walk_pick(w, 40) == 0 ? 61 : 60;
    c->flush = (int)walk_pick(w, 3);
    c->flushwait = seldom(w, 10, 3, 11);
    c->ping = seldom(w, 10, 30, 1);
    c->timeout = seldom(w, 0, 9, 0);
    c->sticky = walk_pick(w, 10) != 0;
    c->force = walk_pick(w, 2) != 0;
    c->remove = walk_pick(w, 2) != 0;
    c->cookie = seldom(w, 0, O_COOKIES, 0);
    c->wait = seldom(w, 0, 20, 0);
    c->attempts = seldom(w, 1, 4, 0);
}

/* Of a hundred messages the first of CONFIG, of APP commands and of STATUS; the others are PING. Of
 * seven APP commands each kind, and one of so many is of the whole node. Of three CONFIG so many
 * have lists. */
static const struct {
    uint32_t config, app, status, whole, lists;
    uint32_t kinds[7];
} tides[WALK_TIDES] = {
    { 28,
      68,
      95,
      8,
      1,
      { MCMP_COMMAND_ENABLE_APP, MCMP_COMMAND_ENABLE_APP, MCMP_COMMAND_ENABLE_APP,
        MCMP_COMMAND_ENABLE_APP, MCMP_COMMAND_DISABLE_APP, MCMP_COMMAND_STOP_APP,
        MCMP_COMMAND_REMOVE_APP } },
    { 45,
      70,
      99,
      24,
      2,
      { MCMP_COMMAND_ENABLE_APP, MCMP_COMMAND_ENABLE_APP, MCMP_COMMAND_ENABLE_APP,
        MCMP_COMMAND_ENABLE_APP, MCMP_COMMAND_ENABLE_APP, MCMP_COMMAND_DISABLE_APP,
        MCMP_COMMAND_STOP_APP } },
    { 8,
      80,
      98,
      4,
      1,
      { MCMP_COMMAND_REMOVE_APP, MCMP_COMMAND_REMOVE_APP, MCMP_COMMAND_REMOVE_APP,
        MCMP_COMMAND_REMOVE_APP, MCMP_COMMAND_REMOVE_APP, MCMP_COMMAND_STOP_APP,
        MCMP_COMMAND_ENABLE_APP } },
};

static void choose_message(walk *w, oracle_message *m)
{
    static const char loads[] = { -1, 0, 0, 1, 50, 50, 99, 100, 100, 100 };
    uint32_t kind = walk_pick(w, 100);

    memset(m, 0, sizeof(*m));
    m->route = (int)walk_pick(w, w->o.opts.names.routes);
    m->connection = walk_pick(w, 4);
    m->sender = walk_pick(w, 6) == 0;
    m->arrived = w->now;
    if (kind < tides[w->tide].config) {
        m->kind = MCMP_COMMAND_CONFIG;
        choose_config(w, m);
        if (walk_pick(w, 3) < tides[w->tide].lists)
            choose_lists(w, m);
    } else if (kind < tides[w->tide].app) {
        m->kind = tides[w->tide].kinds[walk_pick(w, 7)];
        m->whole = walk_pick(w, tides[w->tide].whole) == 0;
        if (!m->whole || walk_pick(w, 2) == 0)
            choose_lists(w, m);
    } else if (kind < tides[w->tide].status) {
        m->kind = MCMP_COMMAND_STATUS;
        m->has_load = walk_pick(w, 5) != 0;
        m->load = (signed char)loads[walk_pick(w, sizeof(loads))];
    } else {
        m->kind = MCMP_COMMAND_PING;
        m->ping_form = (int)walk_pick(w, 3);
        m->ping_host = (int)walk_pick(w, O_HOSTS);
        m->ping_port = (int)walk_pick(w, w->o.opts.names.ports);
    }
}

static void fill_request(walk *w, walk_waiting *s)
{
    const oracle_message *m = &s->message;
    mcmp_request *r = &s->request;

    (void)snprintf(s->method, sizeof(s->method), "%s", mcmp_command_name(m->kind));
    (void)snprintf(s->target, sizeof(s->target), "%s",
                   !m->whole         ? "/"
                   : walk_pick(w, 2) ? "/*"
                                     : "*");
    mcmp_request_init(r);
    r->method = (mcmp_span){ s->method, strlen(s->method) };
    r->target = (mcmp_span){ s->target, strlen(s->target) };
    r->command = mcmp_command_of_method(r->method);
    r->flags = mcmp_request_flags(r->target, (mcmp_span){ "", 0 });
    r->body = (mcmp_span){ s->body, strlen(s->body) };
    r->body_size = r->body.len;
    r->now = w->now;
    r->connection = m->connection;
    r->peer = &w->peer[m->sender];
}

/* What came back */

static int same_text(walk *w, const char *what, mcmp_span got, const oracle_text *want)
{
    if (got.len == want->len && (got.len == 0 || memcmp(got.ptr, want->data, got.len) == 0))
        return 1;
    return walk_fail(w, "%s is\n%.*s\nnot\n%.*s", what, (int)got.len, got.ptr, (int)want->len,
                     want->data);
}

static mcmp_span header_of(const mcmp_response *response, const char *name)
{
    mcmp_pair pair;

    for (size_t i = 0; mcmp_response_header(response, i, &pair) == MCMP_OK; i++)
        if (pair.name.len == strlen(name) && memcmp(pair.name.ptr, name, pair.name.len) == 0)
            return pair.value;
    return (mcmp_span){ "", 0 };
}

static int compare_probe(walk *w, walk_waiting *s, const mcmp_pending *pending)
{
    const oracle_answer *want = &w->answer;
    const oracle_row *r = want->probe_id != 0 ? oracle_by_id(&w->o, want->probe_id) : NULL;
    const mcmp_probe *probe = pending->probe;
    const char *host = oracle_host[want->probe_host][want->probe_spelling];

    s->hint.probed_id = want->probe_id;
    s->hint.probed_epoch = want->probe_epoch;
    if (probe == NULL)
        return walk_fail(w, "there is no probe to make");
    if (r != NULL &&
        (probe->host.len != strlen(host) || memcmp(probe->host.ptr, host, probe->host.len) != 0))
        return walk_fail(w, "the probe goes to %.*s, not to %s", (int)probe->host.len,
                         probe->host.ptr, host);
    if (probe->port != oracle_port[want->probe_port] || probe->scheme != want->probe_scheme ||
        probe->deadline != w->now + want->probe_time)
        return walk_fail(w, "the probe has another port, scheme or deadline");
    if (r != NULL && probe->node != r->handle)
        return walk_fail(w, "the probe is of node %llx, not %llx", (unsigned long long)probe->node,
                         (unsigned long long)r->handle);
    if (r == NULL && probe->node != 0)
        return walk_fail(w, "the probe of a free endpoint names a node");
    return 1;
}

static int compare_pending(walk *w, walk_waiting *s)
{
    const mcmp_pending *pending = mcmp_response_pending(s->response);

    w->counts.pending++;
    if (pending == NULL || pending->kind != w->answer.pending)
        return walk_fail(w, "it waits for something else");
    s->hint.resumed = pending->kind;
    s->resume_at = pending->resume_at;
    if (pending->kind == MCMP_PENDING_PROBE)
        return compare_probe(w, s, pending);
    if (pending->resume_at <= w->now ||
        pending->resume_at > s->message.arrived + w->o.opts.stop_hold)
        return walk_fail(w, "the answer is held for another time");
    return 1;
}

/* One turn of a message through the cluster gave rc: the model takes it as well. */
static int take_turn(walk *w, walk_waiting *s, int rc)
{
    const oracle_answer *want = &w->answer;
    const mcmp_pending *pending = mcmp_response_pending(s->response);

    s->hint.reused = rc != MCMP_PENDING;
    s->hint.held = rc == MCMP_PENDING && pending != NULL && pending->kind == MCMP_PENDING_DELAY;
    oracle_apply(&w->o, &s->message, &s->hint, &w->answer);
    if (want->wrong != NULL)
        return walk_fail(w, "%s", want->wrong);
    if (rc != want->code)
        return walk_fail(w, "the result is %s, not %s (%.*s)", mcmp_error_name(rc),
                         mcmp_error_name(want->code), (int)want->mess.len, want->mess.data);
    if (rc == MCMP_PENDING)
        return compare_pending(w, s);
    w->counts.unknown += rc == MCMP_ERR_UNKNOWN_NODE;
    w->counts.conflict += rc == MCMP_ERR_CONFLICT;
    w->counts.denied += rc == MCMP_ERR_DENIED;
    w->counts.full += rc == MCMP_ERR_FULL;
    if (rc < 0 && w->err.code != rc)
        return walk_fail(w, "the error says %s", mcmp_error_name(w->err.code));
    if (mcmp_response_status(s->response) != want->status)
        return walk_fail(w, "the status is %u", (unsigned)mcmp_response_status(s->response));
    if (rc < 0)
        return same_text(w, "Mess", header_of(s->response, "Mess"), &want->mess);
    return same_text(w, "the body", mcmp_response_body(s->response), &want->body);
}

static int come_back(walk *w, walk_waiting *s)
{
    int rc;

    s->hint.probe_ok = walk_pick(w, 4) != 0;
    if (s->hint.resumed == MCMP_PENDING_DELAY && s->resume_at > w->now) {
        w->now = s->resume_at;
        w->o.now = w->now;
    }
    walk_say(w, "  back: %s",
             s->hint.resumed == MCMP_PENDING_DELAY ? "delay"
             : s->hint.probe_ok                    ? "probe ok"
                                                   : "probe failed");
    rc = mcmp_apply_resume(w->cluster, &s->request, s->response, s->hint.probe_ok, w->now, &w->err);
    s->used = rc == MCMP_PENDING;
    return take_turn(w, s, rc);
}

/* Through to its answer, unless it is left waiting while others go on. */
static int go_on(walk *w, walk_waiting *s)
{
    int leave = walk_pick(w, 4) == 0;

    for (int turn = 0; s->used && !(leave && turn == 0); turn++) {
        if (turn == 100)
            return walk_fail(w, "it never ends");
        if (!come_back(w, s))
            return 0;
        leave = leave && walk_pick(w, 2) == 0;
    }
    return 1;
}

int walk_message(walk *w)
{
    walk_waiting *s = &w->waiting[walk_pick(w, WALK_WAITING)];
    int rc;

    if (s->used) {
        walk_say(w, "%s %s %s", s->method, s->target, s->body);
        return come_back(w, s);
    }
    choose_message(w, &s->message);
    write_body(w, s);
    fill_request(w, s);
    memset(&s->hint, 0, sizeof(s->hint));
    walk_say(w, "%s %s %s (connection %u, sender %d)", s->method, s->target, s->body,
             (unsigned)s->message.connection, s->message.sender);
    w->counts.messages++;
    rc = mcmp_apply(w->cluster, &s->request, s->response, &w->err);
    s->used = rc == MCMP_PENDING;
    return take_turn(w, s, rc) && go_on(w, s);
}

int walk_nonsense(walk *w)
{
    static const struct {
        const char *method, *body, *mess;
    } rows[] = {
        { "CONFIG", "JVMRoute=n0&Alias=a", "SYNTAX: Alias without Context" },
        { "CONFIG", "JVMRoute=n0&Context=/a", "SYNTAX: Context without Alias" },
        { "CONFIG", "Host=h", "SYNTAX: JVMRoute can't be empty" },
        { "CONFIG", "JVMRoute=n0&Port=x", "SYNTAX: Port field has bad value" },
        { "ENABLE-APP", "JVMRoute=n0", "SYNTAX: No Context and Alias in APP command" },
        { "STATUS", "JVMRoute=n0&Load=101", "SYNTAX: Load field has bad value" },
        { "STATUS", "JVMRoute=n0&Foo=1", "SYNTAX: Invalid field \"Foo\" in message" },
        { "PING", "Scheme=http&Host=h", "SYNTAX: Mandatory field(s) missing in message" },
        { "FROB", "JVMRoute=n0", "SYNTAX: Command is not supported" },
        { "REMOVE-APP", "JVMRoute=n0&Alias=a,,b&Context=/",
          "SYNTAX: Can't parse MCMP message. It might have contained illegal symbols or unknown "
          "elements." },
    };
    uint32_t i = walk_pick(w, sizeof(rows) / sizeof(rows[0]));
    walk_waiting *s = &w->waiting[0];
    oracle_text *want = &w->text[1];

    if (s->used)
        return 1;
    want->len = 0;
    memset(&s->message, 0, sizeof(s->message));
    s->message.kind = MCMP_COMMAND_STATUS;
    fill_request(w, s);
    s->request.method = (mcmp_span){ rows[i].method, strlen(rows[i].method) };
    s->request.command = mcmp_command_of_method(s->request.method);
    s->request.body = (mcmp_span){ rows[i].body, strlen(rows[i].body) };
    walk_say(w, "%s %s", rows[i].method, rows[i].body);
    if (mcmp_apply(w->cluster, &s->request, s->response, &w->err) != MCMP_ERR_SYNTAX)
        return walk_fail(w, "nonsense is taken: %s %s", rows[i].method, rows[i].body);
    oracle_add(want, rows[i].mess);
    return same_text(w, "Mess", header_of(s->response, "Mess"), want);
}
