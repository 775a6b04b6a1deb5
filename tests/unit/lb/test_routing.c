/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of MCMP 5 as one table: a cluster told by messages, a request, and what must come of
 * it.
 */
#include "farm.h"

#define OK MCMP_OK
#define OURS MCMP_NOT_OURS
#define CONTEXT MCMP_NO_CONTEXT
#define NONE MCMP_NO_NODE
#define WAIT MCMP_WAIT
#define STICKY MCMP_REASON_STICKY
#define DOMAIN_ MCMP_REASON_DOMAIN
#define BALANCED MCMP_REASON_BALANCED
#define STANDBY MCMP_REASON_STANDBY
#define REDIRECTED MCMP_REASON_REDIRECTED
#define DISABLED MCMP_REASON_DISABLED
#define HASHED MCMP_REASON_HASHED
#define STATUS MCMP_REASON_STATUS
#define UNUSABLE MCMP_REASON_NONE_USABLE
#define FORCED MCMP_REASON_FORCED
#define HAS MCMP_SELECTION_HAS_SESSION
#define CUT (MCMP_SELECTION_HAS_SESSION | MCMP_SELECTION_REMOVE_SESSION)
#define ALIAS MCMP_CLUSTER_USE_ALIAS
#define RANKED MCMP_CLUSTER_RANKED_ROUTES

typedef struct row {
    const char *name;
    uint32_t options;        /* MCMP_CLUSTER_* */
    const char *unavailable; /* no_context_503 */
    const char *setup;
    const char *host; /* NULL = "localhost" */
    const char *path;
    const char *cookie; /* lines separated by \n */
    const char *session;
    const char *affinity;
    const char *balancer;
    const char *tried; /* routes, separated by commas */
    int waited;        /* ms since the first wait; 0 = not yet */
    int rc;
    const char *node;
    uint32_t reason;
    uint32_t flags; /* but for HELD */
    uint32_t status;
    const char *context; /* NULL = not looked at */
} row;

#define ONE NODE("n1", "") ON("n1", "/app")
#define TWO NODE("n1", "") NODE("n2", "") ON("n1", "/app") ON("n2", "/app")
#define TWO_FREE NODE("n1", FREE) NODE("n2", FREE) ON("n1", "/app") ON("n2", "/app")
#define TWO_CUT NODE("n1", REMOVE) NODE("n2", REMOVE) ON("n1", "/app") ON("n2", "/app")
#define LADDER     \
    NODE("n1", "") \
    NODE("n2", "") NODE("n3", "") ON("n1", "/") ON("n2", "/app") ON("n3", "/app/admin")
#define DOMAINS(more)            \
    NODE("n1", "&Domain=A" more) \
    NODE("n2", "&Domain=A" more) \
    NODE("n3", "&Domain=B" more) ON("n1", "/app") ON("n2", "/app") ON("n3", "/app")
#define BALANCERS              \
    NODE("n1", "&Balancer=b1") \
    NODE("n2", "&Balancer=b2&StickySessionCookie=SID") ON("n1", "/app") ON("n2", "/app")

/* A row is read as a sentence. */
/* clang-format off */
static const row rows[] = {
    /* 5.1, 5.2: the longest context, at segment borders */
    { .name = "a context matches itself", .setup = ONE, .path = "/app", .node = "n1",
      .reason = BALANCED, .context = "/app" },
    { .name = "and what is below it", .setup = ONE, .path = "/app/x/y", .node = "n1",
      .reason = BALANCED, .context = "/app" },
    { .name = "and with a slash at the end", .setup = ONE, .path = "/app/", .node = "n1",
      .reason = BALANCED, .context = "/app" },
    { .name = "not a longer word", .setup = ONE, .path = "/application", .rc = OURS },
    { .name = "not a word with a dot", .setup = ONE, .path = "/app.html", .rc = OURS },
    { .name = "not a shorter word", .setup = ONE, .path = "/ap", .rc = OURS },
    { .name = "not another case", .setup = ONE, .path = "/APP", .rc = OURS },
    { .name = "not deeper down", .setup = ONE, .path = "/x/app", .rc = OURS },
    { .name = "not after two slashes", .setup = ONE, .path = "//app", .rc = OURS },
    { .name = "two slashes below are the host's matter", .setup = ONE, .path = "/app//x",
      .node = "n1", .reason = BALANCED, .context = "/app" },
    { .name = "the query is cut", .setup = ONE, .path = "/app?x=/y", .node = "n1",
      .reason = BALANCED, .context = "/app" },
    { .name = "the query is no path", .setup = ONE, .path = "/?/app", .rc = OURS },
    { .name = "a parameter is cut", .setup = ONE, .path = "/app;v=1", .node = "n1",
      .reason = BALANCED, .context = "/app" },
    { .name = "and all that follows it", .setup = LADDER, .path = "/app;v=1/admin",
      .node = "n2", .reason = BALANCED, .context = "/app" },
    { .name = "a parameter is no path", .setup = ONE, .path = "/;/app", .rc = OURS },
    { .name = "a parameter before a query", .setup = ONE, .path = "/app;v?x", .node = "n1",
      .reason = BALANCED, .context = "/app" },
    { .name = "a query before a parameter", .setup = ONE, .path = "/app?x;v", .node = "n1",
      .reason = BALANCED, .context = "/app" },
    { .name = "the root context matches the root", .setup = LADDER, .path = "/", .node = "n1",
      .reason = BALANCED, .context = "/" },
    { .name = "the root context matches all", .setup = LADDER, .path = "/x/y", .node = "n1",
      .reason = BALANCED, .context = "/" },
    { .name = "the root context matches a longer word", .setup = LADDER, .path = "/apple",
      .node = "n1", .reason = BALANCED, .context = "/" },
    { .name = "the middle context", .setup = LADDER, .path = "/app", .node = "n2",
      .reason = BALANCED, .context = "/app" },
    { .name = "the middle context by a near miss", .setup = LADDER, .path = "/app/adminx",
      .node = "n2", .reason = BALANCED, .context = "/app" },
    { .name = "the longest context", .setup = LADDER, .path = "/app/admin", .node = "n3",
      .reason = BALANCED, .context = "/app/admin" },
    { .name = "the longest context, below", .setup = LADDER, .path = "/app/admin/x",
      .node = "n3", .reason = BALANCED, .context = "/app/admin" },
    { .name = "the longest context, slash at the end", .setup = LADDER, .path = "/app/admin/",
      .node = "n3", .reason = BALANCED, .context = "/app/admin" },
    { .name = "no shorter context when the longest is stopped", .setup = LADDER
      STOP("n3", "/app/admin"), .path = "/app/admin", .rc = CONTEXT, .reason = STATUS,
      .status = 404 },
    { .name = "no shorter context when the longest is disabled", .setup = LADDER
      DISABLE("n3", "/app/admin"), .path = "/app/admin", .rc = CONTEXT, .reason = STATUS,
      .status = 404 },
    { .name = "no shorter context when the longest is in error", .setup = LADDER FAIL("n3"),
      .path = "/app/admin", .rc = NONE, .reason = UNUSABLE, .status = 503 },
    { .name = "no shorter context when the longest was tried", .setup = LADDER,
      .path = "/app/admin", .tried = "n3", .rc = NONE, .reason = UNUSABLE, .status = 503 },
    { .name = "the shorter context when the longest is removed", .setup = LADDER
      DROP("n3", "/app/admin"), .path = "/app/admin", .node = "n2", .reason = BALANCED,
      .context = "/app" },
    { .name = "the shorter context when the longest one's node is removed", .setup = LADDER
      GONE("n3"), .path = "/app/admin", .node = "n2", .reason = BALANCED, .context = "/app" },
    { .name = "a context without a slash never matches", .setup = NODE("n1", "")
      ON("n1", "app"), .path = "/app", .rc = OURS },
    { .name = "not even a path without a slash", .setup = NODE("n1", "") ON("n1", "app"),
      .path = "app", .rc = OURS },
    { .name = "a slash at the end of a context is dropped", .setup = NODE("n1", "")
      ON("n1", "/app/"), .path = "/app", .node = "n1", .reason = BALANCED, .context = "/app" },
    { .name = "a deep context", .setup = NODE("n1", "") ON("n1", "/a/b/c/d/e/f/g/h"),
      .path = "/a/b/c/d/e/f/g/h/i", .node = "n1", .reason = BALANCED,
      .context = "/a/b/c/d/e/f/g/h" },
    { .name = "a deep context, one short", .setup = NODE("n1", "")
      ON("n1", "/a/b/c/d/e/f/g/h"), .path = "/a/b/c/d/e/f/g", .rc = OURS },
    { .name = "bytes above 0x7f", .setup = NODE("n1", "") ON("n1", "/%C3%A9"),
      .path = "/\xc3\xa9/x", .node = "n1", .reason = BALANCED },
    { .name = "a blank in a context", .setup = NODE("n1", "") ON("n1", "/a+b"), .path = "/a b",
      .node = "n1", .reason = BALANCED },
    { .name = "an empty cluster", .setup = "", .path = "/app", .rc = OURS },
    { .name = "a node without contexts", .setup = NODE("n1", ""), .path = "/app", .rc = OURS },
    { .name = "a node whose contexts went", .setup = ONE DROP("n1", "/app"), .path = "/app",
      .rc = OURS },
    { .name = "a removed node", .setup = ONE GONE("n1"), .path = "/app", .rc = OURS },
    { .name = "contexts given with CONFIG start stopped",
      .setup = NODE("n1", "&Alias=localhost&Context=/app"), .path = "/app", .rc = CONTEXT,
      .reason = STATUS, .status = 404 },

    /* aliases */
    { .name = "without use_alias any host does", .setup = ONE, .host = "other", .path = "/app",
      .node = "n1", .reason = BALANCED },
    { .name = "without use_alias no host does, too", .setup = ONE, .host = "", .path = "/app",
      .node = "n1", .reason = BALANCED },
    { .name = "the host is the alias", .options = ALIAS, .setup = ONE, .path = "/app",
      .node = "n1", .reason = BALANCED },
    { .name = "the host in another case", .options = ALIAS, .setup = ONE, .host = "LocalHost",
      .path = "/app", .node = "n1", .reason = BALANCED },
    { .name = "the host with a port", .options = ALIAS, .setup = ONE, .host = "localhost:8443",
      .path = "/app", .node = "n1", .reason = BALANCED },
    { .name = "the host with a final dot", .options = ALIAS, .setup = ONE,
      .host = "localhost.", .path = "/app", .node = "n1", .reason = BALANCED },
    { .name = "another host", .options = ALIAS, .setup = ONE, .host = "other", .path = "/app",
      .rc = OURS },
    { .name = "a host that starts like the alias", .options = ALIAS, .setup = ONE,
      .host = "localhost.evil", .path = "/app", .rc = OURS },
    { .name = "no host", .options = ALIAS, .setup = ONE, .host = "", .path = "/app", .rc = OURS },
    { .name = "an alias in capitals", .options = ALIAS, .setup = NODE("n1", "")
      APP("ENABLE", "n1", "WWW.Example.COM", "/app"), .host = "www.example.com",
      .path = "/app", .node = "n1", .reason = BALANCED },
    { .name = "an IPv4 alias", .options = ALIAS, .setup = NODE("n1", "")
      APP("ENABLE", "n1", "127.0.0.1", "/app"), .host = "127.0.0.1:80", .path = "/app",
      .node = "n1", .reason = BALANCED },
    { .name = "an IPv6 alias in brackets", .options = ALIAS, .setup = NODE("n1", "")
      APP("ENABLE", "n1", "[::1]", "/app"), .host = "[::1]:80", .path = "/app", .node = "n1",
      .reason = BALANCED },
    { .name = "an IPv6 alias without brackets", .options = ALIAS, .setup = NODE("n1", "")
      APP("ENABLE", "n1", "::1", "/app"), .host = "[::1]:80", .path = "/app", .node = "n1",
      .reason = BALANCED },
    { .name = "one of two hosts", .options = ALIAS, .setup = NODE("n1", "") NODE("n2", "")
      APP("ENABLE", "n1", "a", "/app") APP("ENABLE", "n2", "b", "/app"), .host = "b",
      .path = "/app", .node = "n2", .reason = BALANCED },
    { .name = "a wildcard matches one label", .options = ALIAS, .setup = NODE("n1", "")
      APP("ENABLE", "n1", "*.example.com", "/app"), .host = "www.example.com", .path = "/app",
      .node = "n1", .reason = BALANCED },
    { .name = "a wildcard matches several labels", .options = ALIAS, .setup = NODE("n1", "")
      APP("ENABLE", "n1", "*.example.com", "/app"), .host = "a.b.example.com:80",
      .path = "/app", .node = "n1", .reason = BALANCED },
    { .name = "a wildcard does not match no label", .options = ALIAS, .setup = NODE("n1", "")
      APP("ENABLE", "n1", "*.example.com", "/app"), .host = "example.com", .path = "/app",
      .rc = OURS },
    { .name = "a wildcard stands for whole labels", .options = ALIAS, .setup = NODE("n1", "")
      APP("ENABLE", "n1", "*.example.com", "/app"), .host = "badexample.com", .path = "/app",
      .rc = OURS },
    { .name = "a wildcard and the name itself both count", .options = ALIAS,
      .setup = NODE("n1", "") NODE("n2", "") APP("ENABLE", "n1", "*.example.com", "/app")
      APP("ENABLE", "n2", "www.example.com", "/app"), .host = "www.example.com",
      .path = "/app", .tried = "n2", .node = "n1", .reason = BALANCED },
    { .name = "of both the name itself is there, too", .options = ALIAS,
      .setup = NODE("n1", "") NODE("n2", "") APP("ENABLE", "n1", "*.example.com", "/app")
      APP("ENABLE", "n2", "www.example.com", "/app"), .host = "www.example.com",
      .path = "/app", .tried = "n1", .node = "n2", .reason = BALANCED },
    { .name = "the longest context decides, not the best alias", .options = ALIAS,
      .setup = NODE("n1", "") NODE("n2", "") APP("ENABLE", "n1", "*.example.com", "/app/x")
      APP("ENABLE", "n2", "www.example.com", "/app"), .host = "www.example.com",
      .path = "/app/x", .node = "n1", .reason = BALANCED },
    { .name = "contexts of other aliases do not count", .options = ALIAS,
      .setup = NODE("n1", "") NODE("n2", "") APP("ENABLE", "n1", "other", "/app/x")
      APP("ENABLE", "n2", "localhost", "/app"), .path = "/app/x", .node = "n2",
      .reason = BALANCED, .context = "/app" },
    { .name = "stopped for this alias", .options = ALIAS, .setup = NODE("n1", "")
      APP("ENABLE", "n1", "a", "/app") APP("STOP", "n1", "b", "/app"), .host = "b",
      .path = "/app", .rc = CONTEXT, .reason = STATUS, .status = 404 },
    { .name = "enabled for this alias", .options = ALIAS, .setup = NODE("n1", "")
      APP("ENABLE", "n1", "a", "/app") APP("STOP", "n1", "b", "/app"), .host = "a",
      .path = "/app", .node = "n1", .reason = BALANCED },
    { .name = "the most serving status of two that count", .options = ALIAS,
      .setup = NODE("n1", "") APP("STOP", "n1", "www.example.com", "/app")
      APP("ENABLE", "n1", "*.example.com", "/app"), .host = "www.example.com", .path = "/app",
      .node = "n1", .reason = BALANCED },
    { .name = "the most serving status without use_alias", .setup = NODE("n1", "")
      APP("STOP", "n1", "a", "/app") APP("ENABLE", "n1", "b", "/app"), .host = "a",
      .path = "/app", .node = "n1", .reason = BALANCED },
    { .name = "disabled is more serving than stopped", .setup = NODE("n1", "")
      APP("STOP", "n1", "a", "/app") APP("DISABLE", "n1", "b", "/app"), .path = "/app",
      .cookie = "JSESSIONID=x.n1", .node = "n1", .reason = STICKY, .flags = HAS },

    /* status */
    { .name = "disabled serves no new session", .setup = ONE DISABLE("n1", "/app"),
      .path = "/app", .rc = CONTEXT, .reason = STATUS, .status = 404 },
    { .name = "disabled serves its own session", .setup = ONE DISABLE("n1", "/app"),
      .path = "/app", .cookie = "JSESSIONID=x.n1", .node = "n1", .reason = STICKY, .flags = HAS },
    { .name = "disabled serves a session of nobody known", .setup = ONE DISABLE("n1", "/app"),
      .path = "/app", .cookie = "JSESSIONID=x.n9", .node = "n1", .reason = DISABLED,
      .flags = HAS },
    { .name = "disabled serves a session without route", .setup = ONE DISABLE("n1", "/app"),
      .path = "/app", .cookie = "JSESSIONID=x", .node = "n1", .reason = DISABLED, .flags = HAS },
    { .name = "enabled goes before disabled", .setup = TWO DISABLE("n1", "/app"),
      .path = "/app", .cookie = "JSESSIONID=x.n9", .node = "n2", .reason = BALANCED,
      .flags = HAS },
    { .name = "enabled only, without a session", .setup = TWO DISABLE("n1", "/app"),
      .path = "/app", .node = "n2", .reason = BALANCED },
    { .name = "its own disabled node goes before an enabled one", .setup = TWO
      DISABLE("n1", "/app"), .path = "/app", .cookie = "JSESSIONID=x.n1", .node = "n1",
      .reason = STICKY, .flags = HAS },
    { .name = "disabled when the enabled one is in error", .setup = TWO DISABLE("n1", "/app")
      FAIL("n2"), .path = "/app", .cookie = "JSESSIONID=x.n9", .node = "n1",
      .reason = DISABLED, .flags = HAS },
    { .name = "not without a session, though", .setup = TWO DISABLE("n1", "/app") FAIL("n2"),
      .path = "/app", .rc = NONE, .reason = UNUSABLE, .status = 503 },
    { .name = "an enabled standby goes before a disabled one", .setup = TWO
      DISABLE("n1", "/app") LOAD("n2", "0"), .path = "/app", .cookie = "JSESSIONID=x.n9",
      .node = "n2", .reason = STANDBY, .flags = HAS },
    { .name = "stopped serves nothing", .setup = ONE STOP("n1", "/app"), .path = "/app",
      .rc = CONTEXT, .reason = STATUS, .status = 404 },
    { .name = "stopped serves no session", .setup = ONE STOP("n1", "/app"), .path = "/app",
      .cookie = "JSESSIONID=x.n1", .rc = CONTEXT, .reason = STATUS, .flags = HAS, .status = 404 },
    { .name = "a session leaves its stopped node", .setup = TWO_FREE STOP("n1", "/app"),
      .path = "/app", .cookie = "JSESSIONID=x.n1", .node = "n2", .reason = REDIRECTED,
      .flags = HAS },
    { .name = "a session may not leave its stopped node", .setup = TWO STOP("n1", "/app"),
      .path = "/app", .cookie = "JSESSIONID=x.n1", .rc = NONE, .reason = FORCED, .flags = HAS,
      .status = 503 },
    { .name = "503 while stopped everywhere", .options = MCMP_CLUSTER_NO_CONTEXT_503,
      .setup = ONE STOP("n1", "/app"), .path = "/app", .rc = CONTEXT, .reason = STATUS,
      .status = 503 },
    { .name = "503 while stopped, of the balancer named", .unavailable = "other, MyCluster",
      .setup = ONE STOP("n1", "/app"), .path = "/app", .rc = CONTEXT, .reason = STATUS,
      .status = 503 },
    { .name = "404 while stopped, of a balancer not named", .unavailable = "other,mycluster2",
      .setup = ONE STOP("n1", "/app"), .path = "/app", .rc = CONTEXT, .reason = STATUS,
      .status = 404 },
    { .name = "503 is not for what is not ours", .options = MCMP_CLUSTER_NO_CONTEXT_503,
      .setup = ONE STOP("n1", "/app"), .path = "/x", .rc = OURS },
    { .name = "the whole node stopped", .setup = ONE "STOP-APP /* JVMRoute=n1|",
      .path = "/app", .rc = CONTEXT, .reason = STATUS, .status = 404 },
    { .name = "the whole node enabled", .setup = ONE
      "STOP-APP /* JVMRoute=n1|ENABLE-APP /* JVMRoute=n1|", .path = "/app", .node = "n1",
      .reason = BALANCED },
    { .name = "the whole node disabled", .setup = TWO "DISABLE-APP /* JVMRoute=n1|",
      .path = "/app", .node = "n2", .reason = BALANCED },

    /* health */
    { .name = "the lower id of equals", .setup = TWO, .path = "/app", .node = "n1",
      .reason = BALANCED },
    { .name = "the lower id is the older node", .setup = NODE("n2", "") NODE("n1", "")
      ON("n1", "/app") ON("n2", "/app"), .path = "/app", .node = "n2", .reason = BALANCED },
    { .name = "not the one in error", .setup = TWO FAIL("n1"), .path = "/app", .node = "n2",
      .reason = BALANCED },
    { .name = "back after a STATUS", .setup = TWO FAIL("n1") FAIL("n2") LOAD("n1", "5"),
      .path = "/app", .node = "n1", .reason = BALANCED },
    { .name = "not Load -1", .setup = TWO LOAD("n1", "-1"), .path = "/app", .node = "n2",
      .reason = BALANCED },
    { .name = "all in error", .setup = TWO FAIL("n1") FAIL("n2"), .path = "/app", .rc = NONE,
      .reason = UNUSABLE, .status = 503 },
    { .name = "all Load -1", .setup = TWO LOAD("n1", "-1") LOAD("n2", "-1"), .path = "/app",
      .rc = NONE, .reason = UNUSABLE, .status = 503 },
    { .name = "Load -1 serves not even its session", .setup = TWO_FREE LOAD("n1", "-1"),
      .path = "/app", .cookie = "JSESSIONID=x.n1", .node = "n2", .reason = REDIRECTED,
      .flags = HAS },
    { .name = "Load -1 stays after a STATUS without Load", .setup = ONE LOAD("n1", "-1")
      "STATUS JVMRoute=n1|", .path = "/app", .rc = NONE, .reason = UNUSABLE, .status = 503 },
    { .name = "Load -1 ends with Load 0", .setup = ONE LOAD("n1", "-1") LOAD("n1", "0"),
      .path = "/app", .node = "n1", .reason = STANDBY },
    { .name = "not a standby", .setup = TWO LOAD("n1", "0"), .path = "/app", .node = "n2",
      .reason = BALANCED },
    { .name = "not a standby, be the other one ever so loaded", .setup = TWO LOAD("n1", "0")
      LOAD("n2", "1"), .path = "/app", .node = "n2", .reason = BALANCED },
    { .name = "a standby when the other one is in error", .setup = TWO LOAD("n1", "0")
      FAIL("n2"), .path = "/app", .node = "n1", .reason = STANDBY },
    { .name = "a standby when the other one was tried", .setup = TWO LOAD("n1", "0"),
      .path = "/app", .tried = "n2", .node = "n1", .reason = STANDBY },
    { .name = "a standby serves its own sessions", .setup = TWO LOAD("n1", "0"),
      .path = "/app", .cookie = "JSESSIONID=x.n1", .node = "n1", .reason = STICKY, .flags = HAS },
    { .name = "before its first STATUS a node is standby", .setup = JOIN("n1", "")
      ON("n1", "/app"), .path = "/app", .node = "n1", .reason = STANDBY },
    { .name = "a proven node goes before an unproven one", .setup = JOIN("n1", "")
      NODE("n2", "") ON("n1", "/app") ON("n2", "/app"), .path = "/app", .node = "n2",
      .reason = BALANCED },

    /* 5.4: sessions */
    { .name = "a session in a cookie", .setup = TWO, .path = "/app",
      .cookie = "JSESSIONID=x.n2", .node = "n2", .reason = STICKY, .flags = HAS },
    { .name = "a session in quotes", .setup = TWO, .path = "/app",
      .cookie = "a=b; JSESSIONID=\"x.n2\"", .node = "n2", .reason = STICKY, .flags = HAS },
    { .name = "a session in the second line", .setup = TWO, .path = "/app",
      .cookie = "a=b\nJSESSIONID=x.n2", .node = "n2", .reason = STICKY, .flags = HAS },
    { .name = "not inside another cookie", .setup = TWO, .path = "/app",
      .cookie = "a=JSESSIONID=x.n2", .node = "n1", .reason = BALANCED },
    { .name = "not of a longer name", .setup = TWO, .path = "/app",
      .cookie = "XJSESSIONID=x.n2; JSESSIONIDX=x.n2", .node = "n1", .reason = BALANCED },
    { .name = "of two cookies the known route wins", .setup = TWO, .path = "/app",
      .cookie = "JSESSIONID=x.n9; JSESSIONID=y.n2", .node = "n2", .reason = STICKY,
      .flags = HAS },
    { .name = "also over two lines", .setup = TWO, .path = "/app",
      .cookie = "JSESSIONID=x\nJSESSIONID=y.n2", .node = "n2", .reason = STICKY, .flags = HAS },
    { .name = "of two known ones the first", .setup = TWO, .path = "/app",
      .cookie = "JSESSIONID=x.n2; JSESSIONID=y.n1", .node = "n2", .reason = STICKY,
      .flags = HAS },
    { .name = "a session in the path", .setup = TWO, .path = "/app;jsessionid=x.n2",
      .node = "n2", .reason = STICKY, .flags = HAS },
    { .name = "a session in a segment", .setup = TWO, .path = "/app;jsessionid=x.n2/page",
      .node = "n2", .reason = STICKY, .flags = HAS },
    { .name = "a session before a query", .setup = TWO, .path = "/app/p;jsessionid=x.n2?a=b",
      .node = "n2", .reason = STICKY, .flags = HAS },
    { .name = "no session in the query", .setup = TWO, .path = "/app?jsessionid=x.n2",
      .node = "n1", .reason = BALANCED },
    { .name = "the cookie goes before the path", .setup = TWO, .path = "/app;jsessionid=x.n1",
      .cookie = "JSESSIONID=y.n2", .node = "n2", .reason = STICKY, .flags = HAS },
    { .name = "a known path goes before a stale cookie", .setup = TWO,
      .path = "/app;jsessionid=x.n2", .cookie = "JSESSIONID=y.n9", .node = "n2",
      .reason = STICKY, .flags = HAS },
    { .name = "the balancer's own cookie name", .setup = NODE("n1", "&StickySessionCookie=SID")
      NODE("n2", "&StickySessionCookie=SID") ON("n1", "/app") ON("n2", "/app"), .path = "/app",
      .cookie = "JSESSIONID=x.n1; SID=x.n2", .node = "n2", .reason = STICKY, .flags = HAS },
    { .name = "the balancer's own path name", .setup = NODE("n1", "&StickySessionPath=sid")
      NODE("n2", "&StickySessionPath=sid") ON("n1", "/app") ON("n2", "/app"),
      .path = "/app;jsessionid=x.n1;sid=x.n2", .node = "n2", .reason = STICKY, .flags = HAS },
    { .name = "a balancer that is not sticky", .setup = NODE("n1", "&StickySession=No")
      NODE("n2", "&StickySession=No") ON("n1", "/app") ON("n2", "/app"), .path = "/app",
      .cookie = "JSESSIONID=x.n2", .node = "n1", .reason = BALANCED },
    { .name = "and knows no sessions for disabled nodes",
      .setup = NODE("n1", "&StickySession=No") DISABLE("n1", "/app"), .path = "/app",
      .cookie = "JSESSIONID=x.n1", .rc = CONTEXT, .reason = STATUS, .status = 404 },
    { .name = "a session without a route", .setup = TWO, .path = "/app",
      .cookie = "JSESSIONID=x", .node = "n1", .reason = BALANCED, .flags = HAS },
    { .name = "a route with dots", .setup = NODE("n1", "") NODE("n.2", "") ON("n1", "/app")
      ON("n.2", "/app"), .path = "/app", .cookie = "JSESSIONID=x.n.2", .node = "n.2",
      .reason = STICKY, .flags = HAS },
    { .name = "the route starts at the first dot", .setup = NODE("n1", "") NODE("2", "")
      ON("n1", "/app") ON("2", "/app"), .path = "/app", .cookie = "JSESSIONID=x.n.2",
      .node = "n1", .reason = BALANCED, .flags = HAS },
    { .name = "routes have a case", .setup = TWO, .path = "/app", .cookie = "JSESSIONID=x.N2",
      .node = "n1", .reason = BALANCED, .flags = HAS },
    { .name = "a session that the host knows", .setup = TWO, .path = "/app", .session = "x.n2",
      .cookie = "JSESSIONID=x.n1", .node = "n2", .reason = STICKY, .flags = HAS },
    { .name = "an affinity cookie", .setup = TWO, .path = "/app", .affinity = "n2",
      .node = "n2", .reason = STICKY },
    { .name = "an affinity cookie goes before the route", .setup = TWO, .path = "/app",
      .affinity = "n2", .cookie = "JSESSIONID=x.n1", .node = "n2", .reason = STICKY,
      .flags = HAS },
    { .name = "a stale affinity cookie does not count", .setup = TWO, .path = "/app",
      .affinity = "n9", .cookie = "JSESSIONID=x.n2", .node = "n2", .reason = STICKY,
      .flags = HAS },
    { .name = "ranked routes: the first", .options = RANKED, .setup = TWO, .path = "/app",
      .cookie = "JSESSIONID=x.n2.n1", .node = "n2", .reason = STICKY, .flags = HAS },
    { .name = "ranked routes: the first known", .options = RANKED, .setup = TWO,
      .path = "/app", .cookie = "JSESSIONID=x.n9.n2", .node = "n2", .reason = STICKY,
      .flags = HAS },
    { .name = "ranked routes: the first usable", .options = RANKED, .setup = TWO FAIL("n2"),
      .path = "/app", .cookie = "JSESSIONID=x.n2.n1", .node = "n1", .reason = STICKY,
      .flags = HAS },
    { .name = "ranked routes: the first not tried", .options = RANKED, .setup = TWO,
      .path = "/app", .cookie = "JSESSIONID=x.n2.n1", .tried = "n2", .node = "n1",
      .reason = STICKY, .flags = HAS },
    { .name = "ranked routes: none usable", .options = RANKED, .setup = TWO FAIL("n1"),
      .path = "/app", .cookie = "JSESSIONID=x.n9.n1", .rc = NONE, .reason = FORCED,
      .flags = HAS, .status = 503 },
    { .name = "ranked routes are an option", .setup = TWO, .path = "/app",
      .cookie = "JSESSIONID=x.n2.n1", .node = "n1", .reason = BALANCED, .flags = HAS },
    { .name = "ranked affinity", .options = RANKED, .setup = TWO FAIL("n2"), .path = "/app",
      .affinity = "n2.n1", .node = "n1", .reason = STICKY },

    /* 5.5: force, remove, domains */
    { .name = "a stale route under Force is no 503", .setup = TWO, .path = "/app",
      .cookie = "JSESSIONID=x.n9", .node = "n1", .reason = BALANCED, .flags = HAS },
    { .name = "its node in error under Force", .setup = TWO FAIL("n2"), .path = "/app",
      .cookie = "JSESSIONID=x.n2", .rc = NONE, .reason = FORCED, .flags = HAS, .status = 503 },
    { .name = "its node in error without Force", .setup = TWO_FREE FAIL("n2"), .path = "/app",
      .cookie = "JSESSIONID=x.n2", .node = "n1", .reason = REDIRECTED, .flags = HAS },
    { .name = "its node tried under Force", .setup = TWO, .path = "/app",
      .cookie = "JSESSIONID=x.n2", .tried = "n2", .rc = NONE, .reason = FORCED, .flags = HAS,
      .status = 503 },
    { .name = "its node tried without Force", .setup = TWO_FREE, .path = "/app",
      .cookie = "JSESSIONID=x.n2", .tried = "n2", .node = "n1", .reason = REDIRECTED,
      .flags = HAS },
    { .name = "its node does not hold the context, without Force", .setup = TWO_FREE
      DROP("n2", "/app"), .path = "/app", .cookie = "JSESSIONID=x.n2", .node = "n1",
      .reason = REDIRECTED, .flags = HAS },
    { .name = "its node does not hold the context, under Force", .setup = TWO
      DROP("n2", "/app"), .path = "/app", .cookie = "JSESSIONID=x.n2", .rc = NONE,
      .reason = FORCED, .flags = HAS, .status = 503 },
    { .name = "the session is removed when it leaves", .setup = TWO_CUT FAIL("n2"),
      .path = "/app", .cookie = "JSESSIONID=x.n2", .node = "n1", .reason = REDIRECTED,
      .flags = CUT },
    { .name = "a stale session is removed", .setup = TWO_CUT, .path = "/app",
      .cookie = "JSESSIONID=x.n9", .node = "n1", .reason = BALANCED, .flags = CUT },
    { .name = "a session at home is kept", .setup = TWO_CUT, .path = "/app",
      .cookie = "JSESSIONID=x.n2", .node = "n2", .reason = STICKY, .flags = HAS },
    { .name = "a session without route is kept", .setup = TWO_CUT, .path = "/app",
      .cookie = "JSESSIONID=x", .node = "n1", .reason = BALANCED, .flags = HAS },
    { .name = "without a session there is nothing to remove", .setup = TWO_CUT, .path = "/app",
      .node = "n1", .reason = BALANCED },
    { .name = "in its domain", .setup = DOMAINS("") FAIL("n1"), .path = "/app",
      .cookie = "JSESSIONID=x.n1", .node = "n2", .reason = DOMAIN_, .flags = HAS },
    { .name = "in its domain, the other way", .setup = DOMAINS("") FAIL("n2"), .path = "/app",
      .cookie = "JSESSIONID=x.n2", .node = "n1", .reason = DOMAIN_, .flags = HAS },
    { .name = "in its domain without Force", .setup = DOMAINS(FREE) FAIL("n1"), .path = "/app",
      .cookie = "JSESSIONID=x.n1", .node = "n2", .reason = DOMAIN_, .flags = HAS },
    { .name = "in its domain the session is kept", .setup = DOMAINS(REMOVE) FAIL("n1"),
      .path = "/app", .cookie = "JSESSIONID=x.n1", .node = "n2", .reason = DOMAIN_,
      .flags = HAS },
    { .name = "in its domain when tried", .setup = DOMAINS(""), .path = "/app",
      .cookie = "JSESSIONID=x.n1", .tried = "n1", .node = "n2", .reason = DOMAIN_, .flags = HAS },
    { .name = "in its domain when stopped", .setup = DOMAINS("") STOP("n1", "/app"),
      .path = "/app", .cookie = "JSESSIONID=x.n1", .node = "n2", .reason = DOMAIN_,
      .flags = HAS },
    { .name = "in its domain a standby does", .setup = DOMAINS("") FAIL("n1") LOAD("n2", "0"),
      .path = "/app", .cookie = "JSESSIONID=x.n1", .node = "n2", .reason = DOMAIN_,
      .flags = HAS },
    { .name = "in its domain a disabled one does", .setup = DOMAINS("") FAIL("n1")
      DISABLE("n2", "/app"), .path = "/app", .cookie = "JSESSIONID=x.n1", .node = "n2",
      .reason = DOMAIN_, .flags = HAS },
    { .name = "nobody usable in its domain, under Force", .setup = DOMAINS("") FAIL("n1")
      FAIL("n2"), .path = "/app", .cookie = "JSESSIONID=x.n1", .rc = NONE, .reason = FORCED,
      .flags = HAS, .status = 503 },
    { .name = "nobody usable in its domain, without Force", .setup = DOMAINS(FREE) FAIL("n1")
      FAIL("n2"), .path = "/app", .cookie = "JSESSIONID=x.n1", .node = "n3",
      .reason = REDIRECTED, .flags = HAS },
    { .name = "the session is removed when it leaves its domain", .setup = DOMAINS(REMOVE)
      FAIL("n1") FAIL("n2"), .path = "/app", .cookie = "JSESSIONID=x.n1", .node = "n3",
      .reason = REDIRECTED, .flags = CUT },
    { .name = "alone in its domain, without Force", .setup = DOMAINS(FREE) FAIL("n3"),
      .path = "/app", .cookie = "JSESSIONID=x.n3", .node = "n1", .reason = REDIRECTED,
      .flags = HAS },
    { .name = "the domain of a removed node", .setup = DOMAINS("") GONE("n1"), .path = "/app",
      .cookie = "JSESSIONID=x.n1", .node = "n2", .reason = DOMAIN_, .flags = HAS },
    { .name = "the domain of a removed node after a while", .setup = DOMAINS("") GONE("n1")
      "+299000|", .path = "/app", .cookie = "JSESSIONID=x.n1", .node = "n2", .reason = DOMAIN_,
      .flags = HAS },
    { .name = "the domain of a removed node is forgotten", .setup = DOMAINS("") GONE("n1")
      "+301000|" FAIL("n2"), .path = "/app", .cookie = "JSESSIONID=x.n1", .node = "n3",
      .reason = BALANCED, .flags = HAS },
    { .name = "the remembered domain has nobody, under Force", .setup = DOMAINS("") GONE("n1")
      FAIL("n2"), .path = "/app", .cookie = "JSESSIONID=x.n1", .rc = NONE, .reason = FORCED,
      .flags = HAS, .status = 503 },
    { .name = "the remembered domain has nobody, without Force", .setup = DOMAINS(FREE)
      GONE("n1") FAIL("n2"), .path = "/app", .cookie = "JSESSIONID=x.n1", .node = "n3",
      .reason = REDIRECTED, .flags = HAS },
    { .name = "a removed node without domain is not known", .setup = TWO GONE("n2"),
      .path = "/app", .cookie = "JSESSIONID=x.n2", .node = "n1", .reason = BALANCED,
      .flags = HAS },
    { .name = "a removed node that came back", .setup = DOMAINS("") GONE("n1")
      NODE("n1", "&Domain=A") ON("n1", "/app"), .path = "/app", .cookie = "JSESSIONID=x.n1",
      .node = "n1", .reason = STICKY, .flags = HAS },

    /* several balancers */
    { .name = "of two balancers the first by registration", .setup = BALANCERS, .path = "/app",
      .node = "n1", .reason = BALANCED },
    { .name = "the order is not that of the names", .setup = NODE("n2", "&Balancer=b2")
      NODE("n1", "&Balancer=b1") ON("n1", "/app") ON("n2", "/app"), .path = "/app",
      .node = "n2", .reason = BALANCED },
    { .name = "of two balancers the one of the session", .setup = BALANCERS, .path = "/app",
      .cookie = "SID=x.n2", .node = "n2", .reason = STICKY, .flags = HAS },
    { .name = "by its own cookie only", .setup = BALANCERS, .path = "/app",
      .cookie = "JSESSIONID=x.n2", .node = "n1", .reason = BALANCED, .flags = HAS },
    { .name = "of two sessions the first balancer's", .setup = BALANCERS, .path = "/app",
      .cookie = "SID=x.n2; JSESSIONID=x.n1", .node = "n1", .reason = STICKY, .flags = HAS },
    { .name = "the balancer the host asks for", .setup = BALANCERS, .path = "/app",
      .balancer = "b2", .node = "n2", .reason = BALANCED },
    { .name = "the balancer in capitals", .setup = BALANCERS, .path = "/app", .balancer = "B2",
      .node = "n2", .reason = BALANCED },
    { .name = "a balancer that is not there", .setup = BALANCERS, .path = "/app",
      .balancer = "b3", .rc = OURS },
    { .name = "a balancer without the context", .setup = BALANCERS ON("n1", "/only"),
      .path = "/only", .balancer = "b2", .rc = OURS },
    { .name = "the longest context of all balancers", .setup = BALANCERS ON("n2", "/app/x"),
      .path = "/app/x/y", .node = "n2", .reason = BALANCED, .context = "/app/x" },
    { .name = "the longest context of the balancer asked for", .setup = BALANCERS
      ON("n2", "/app/x"), .path = "/app/x/y", .balancer = "b1", .node = "n1",
      .reason = BALANCED, .context = "/app" },

    /* 5.8, 5.9: tried nodes, waiting */
    { .name = "another one than was tried", .setup = TWO, .path = "/app", .tried = "n1",
      .node = "n2", .reason = BALANCED },
    { .name = "all were tried", .setup = TWO, .path = "/app", .tried = "n1,n2", .rc = NONE,
      .reason = UNUSABLE, .status = 503 },
    { .name = "wait for a node in error", .setup = NODE("n1", "&WaitWorker=2") ON("n1", "/app")
      FAIL("n1"), .path = "/app", .rc = WAIT, .reason = UNUSABLE, .status = 503 },
    { .name = "go on waiting", .setup = NODE("n1", "&WaitWorker=2") ON("n1", "/app")
      FAIL("n1"), .path = "/app", .waited = 1990, .rc = WAIT, .reason = UNUSABLE, .status = 503 },
    { .name = "the wait is over", .setup = NODE("n1", "&WaitWorker=2") ON("n1", "/app")
      FAIL("n1"), .path = "/app", .waited = 2000, .rc = NONE, .reason = UNUSABLE, .status = 503 },
    { .name = "a very long wait", .setup = NODE("n1", "&WaitWorker=9000000000000000000")
      ON("n1", "/app") FAIL("n1"), .path = "/app", .waited = 100000, .rc = WAIT,
      .reason = UNUSABLE, .status = 503 },
    { .name = "no wait when all were tried", .setup = NODE("n1", "&WaitWorker=2")
      ON("n1", "/app"), .path = "/app", .tried = "n1", .rc = NONE, .reason = UNUSABLE,
      .status = 503 },
    { .name = "wait for a node in error that was tried", .setup = NODE("n1", "&WaitWorker=2")
      ON("n1", "/app") FAIL("n1"), .path = "/app", .tried = "n1", .rc = WAIT, .reason = UNUSABLE,
      .status = 503 },
    { .name = "no wait when stopped", .setup = NODE("n1", "&WaitWorker=2") STOP("n1", "/app"),
      .path = "/app", .rc = CONTEXT, .reason = STATUS, .status = 404 },
    { .name = "wait for the session's node", .setup = NODE("n1", "&WaitWorker=2")
      NODE("n2", "&WaitWorker=2") ON("n1", "/app") ON("n2", "/app") FAIL("n2"), .path = "/app",
      .cookie = "JSESSIONID=x.n2", .rc = WAIT, .reason = FORCED, .flags = HAS, .status = 503 },

    /* 5.7: deterministic failover */
    { .name = "deterministic failover keeps who is at home",
      .options = MCMP_CLUSTER_DETERMINISTIC, .setup = TWO, .path = "/app",
      .cookie = "JSESSIONID=x.n2", .node = "n2", .reason = STICKY, .flags = HAS },
    { .name = "deterministic failover takes the only one left",
      .options = MCMP_CLUSTER_DETERMINISTIC, .setup = TWO_FREE FAIL("n2"), .path = "/app",
      .cookie = "JSESSIONID=x.n2", .node = "n1", .reason = HASHED, .flags = HAS },
    { .name = "deterministic failover is for sessions", .options = MCMP_CLUSTER_DETERMINISTIC,
      .setup = TWO, .path = "/app", .node = "n1", .reason = BALANCED },
    { .name = "deterministic failover stays in the domain",
      .options = MCMP_CLUSTER_DETERMINISTIC, .setup = DOMAINS("") FAIL("n1"), .path = "/app",
      .cookie = "JSESSIONID=x.n1", .node = "n2", .reason = DOMAIN_, .flags = HAS },
};
/* clang-format on */

/* Lines of a cookie field, or routes of a list. */
static size_t split(const char *text, const char *mark, mcmp_span *out, size_t room)
{
    size_t count = 0;

    while (text != NULL && *text != '\0' && count < room) {
        size_t len = strcspn(text, mark);

        out[count].ptr = text;
        out[count++].len = len;
        text += len + (text[len] != '\0');
    }
    return count;
}

static mcmp_span optional(const char *text)
{
    return span_of(text != NULL ? text : "");
}

static void check_row(farm *f, const row *r, const mcmp_query *query)
{
    mcmp_selection got;
    mcmp_error err;

    mcmp_selection_init(&got);
    mcmp_error_init(&err);
    row_code(r->name, mcmp_select_node(f->cluster, query, &got, &err), r->rc);
    row_int(r->name, got.reason, r->rc == OURS ? MCMP_REASON_NOT_OURS : r->reason);
    row_int(r->name, got.status, r->rc == OURS ? 404 : r->status);
    row_int(r->name, got.flags & ~MCMP_SELECTION_HELD, r->flags);
    row_int(r->name, (got.flags & MCMP_SELECTION_HELD) != 0, r->rc == OK);
    if (r->context != NULL)
        row_text(r->name, got.path_context, r->context);
    if (r->rc == WAIT)
        row_true(r->name, got.retry_at > f->now && got.retry_at <= f->now + MCMP_SEC);
    if (r->rc == NONE)
        row_true(r->name, got.retry_at > f->now);
    if (r->rc == OK) {
        row_text(r->name, got.route, r->node);
        row_text(r->name, got.host, r->node);
        row_int(r->name, got.port, 8009);
        row_code(r->name, farm_release(f, &got, MCMP_OUTCOME_OK), MCMP_OK);
    }
    row_code(r->name, farm_release(f, &got, MCMP_OUTCOME_OK), MCMP_ERR_RELEASED);
}

START_TEST(test_routing_follows_every_row)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const row *r = &rows[i];
        mcmp_cluster_options opts;
        mcmp_handle tried[4];
        mcmp_span routes[4];
        mcmp_span lines[4];
        mcmp_query query;
        farm f;

        farm_options(&opts);
        opts.flags = r->options;
        opts.no_context_503 = r->unavailable;
        farm_open(&f, &opts);
        farm_script(&f, r->setup);
        mcmp_query_init(&query);
        query.now = f.now;
        query.host = span_of(r->host != NULL ? r->host : "localhost");
        query.path = span_of(r->path);
        query.cookies = lines;
        query.cookie_count = split(r->cookie, "\n", lines, COUNT_OF(lines));
        query.session = optional(r->session);
        query.affinity = optional(r->affinity);
        query.balancer = optional(r->balancer);
        query.tried_count = split(r->tried, ",", routes, COUNT_OF(routes));
        query.tried = tried;
        for (size_t k = 0; k < query.tried_count; k++) {
            mcmp_node_info info;

            row_true(r->name, farm_node(&f, routes[k], &info));
            tried[k] = info.handle;
        }
        query.waiting_since = r->waited != 0 ? f.now - r->waited * MCMP_MSEC : 0;
        check_row(&f, r, &query);
        farm_close(&f);
    }
}
END_TEST

START_TEST(test_routing_has_enough_rows)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        for (size_t k = 0; k < i; k++)
            ck_assert_str_ne(rows[i].name, rows[k].name);
    ck_assert_uint_ge(COUNT_OF(rows), 150);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_routing_follows_every_row,
        test_routing_has_enough_rows,
    };

    return run_tests("routing", tests, COUNT_OF(tests));
}
