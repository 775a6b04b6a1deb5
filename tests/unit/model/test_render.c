/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every form of INFO, DUMP, JSON, page and metrics: golden documents of one cluster, well
 * formed by the judgement of others, hostile names, the rules of the page (MCMP 4.7 to 4.13).
 */
#include "station.h"

#include <jansson.h>
#include <openssl/evp.h>

static void must(station *s, const char *line, const char *body)
{
    row_code(body, say(s, line, body), MCMP_OK);
}

/* Three balancers' worth of everything: statuses, numbers, a broken node, a grace row. */
static void fill(station *s)
{
    must(s, "CONFIG /", "JVMRoute=gone&Host=10.0.0.9&Alias=g&Context=/g&Balancer=old");
    must(s, "CONFIG /",
         "JVMRoute=n1&Host=10.0.0.1&Port=8443&Type=https&Domain=grp+1&flushpackets=Auto"
         "&flushwait=25&ping=3&smax=5&ttl=90&Timeout=7&WaitWorker=2&Maxattempts=4"
         "&StickySessionRemove=yes&StickySessionForce=no&StickySessionCookie=SID");
    must(s, "ENABLE-APP /", "JVMRoute=n1&Alias=www.example,example&Context=/,/app");
    must(s, "DISABLE-APP /", "JVMRoute=n1&Alias=example&Context=/app");
    must(s, "STOP-APP /", "JVMRoute=n1&Alias=intern&Context=/admin");
    must(s, "STATUS /", "JVMRoute=n1&Load=80");
    must(s, "CONFIG /", "JVMRoute=n2&Host=::1&Port=9000&Type=ws&Balancer=b2&Reversed=1");
    must(s, "STATUS /", "JVMRoute=n2&Load=-1");
    must(s, "REMOVE-APP /*", "JVMRoute=gone");
    s->now += 2 * MCMP_SEC;
}

typedef struct collected {
    char *data;
    size_t len;
    size_t cap;
} collected;

static int collect(void *ctx, const void *data, size_t len)
{
    collected *c = ctx;

    if (c->len + len + 1 > c->cap) {
        c->cap = (c->len + len + 1) * 2;
        c->data = realloc(c->data, c->cap);
        ck_assert(c->data != NULL);
    }
    memcpy(c->data + c->len, data, len);
    c->len += len;
    c->data[c->len] = '\0';
    return 0;
}

static collected render(station *s, uint32_t form)
{
    collected c = { NULL, 0, 0 };
    mcmp_view *view;

    ck_assert_int_eq(mcmp_view_new(&view, s->cluster, s->now, &s->err), MCMP_OK);
    ck_assert_int_eq(mcmp_view_render(view, form, collect, &c, &s->err), MCMP_OK);
    mcmp_view_free(view);
    if (c.data == NULL)
        (void)collect(&c, "", 0);
    return c;
}

static const struct {
    uint32_t form;
    const char *file;
    const char *line;
    const char *accept;
} forms[] = {
    { MCMP_RENDER_INFO_TEXT, "info.txt", "INFO /", NULL },
    { MCMP_RENDER_INFO_XML, "info.xml", "INFO /", "text/xml" },
    { MCMP_RENDER_DUMP_TEXT, "dump.txt", "DUMP /", NULL },
    { MCMP_RENDER_DUMP_XML, "dump.xml", "DUMP /", "text/xml" },
    { MCMP_RENDER_JSON, "state.json", "INFO /", "application/json" },
    { MCMP_RENDER_PAGE, "page.html", "GET /", NULL },
    { MCMP_RENDER_METRICS, "metrics.txt", "GET /mcmp/metrics?x=/", NULL },
};

/* MCMP_GOLDEN_WRITE=1 in the environment writes the documents instead of comparing them. */
START_TEST(test_the_forms_of_one_cluster_are_as_recorded)
{
    station s;

    station_open(&s, NULL);
    fill(&s);
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        collected got = render(&s, forms[i].form);
        char name[200];
        char *text;
        size_t len;
        mcmp_span span = { got.data, got.len };

        (void)snprintf(name, sizeof(name), "golden/model/%s", forms[i].file);
        if (getenv("MCMP_GOLDEN_WRITE") != NULL) {
            char path[1024];
            FILE *file;
            char id[24];
            char *at;

            (void)snprintf(path, sizeof(path), "%s/%s", MCMP_TEST_DIR, name);
            (void)snprintf(id, sizeof(id), "%llu", (unsigned long long)mcmp_cluster_id(s.cluster));
            file = fopen(path, "wb");
            ck_assert(file != NULL);
            at = strlen(id) > 3 ? strstr(got.data, id) : NULL;
            if (at != NULL) {
                (void)fwrite(got.data, 1, (size_t)(at - got.data), file);
                (void)fputs("{id}", file);
                (void)fputs(at + strlen(id), file);
            } else {
                (void)fwrite(got.data, 1, got.len, file);
            }
            (void)fclose(file);
        }
        text = read_test_file(name, &len);
        text = realloc(text, len + 1);
        ck_assert(text != NULL);
        text[len] = '\0';
        row_text(forms[i].file, span, with_id(&s, text));
        s.accept = forms[i].accept;
        row_code(forms[i].file, say(&s, forms[i].line, ""), MCMP_OK);
        row_text(forms[i].file, answer_body(&s), with_id(&s, text));
        free(text);
        free(got.data);
    }
    station_close(&s);
}
END_TEST

/* libxml2's own program reads the document; a test that can't run it says so. */
static void check_xml(const char *name, const char *text)
{
    FILE *pipe = popen("xmllint --noout --nonet - >/dev/null 2>&1", "w");
    int status;

    ck_assert(pipe != NULL);
    (void)fputs(text, pipe);
    status = pclose(pipe);
    ck_assert_msg(status == 0, "%s: xmllint says %d", name, status);
}

static json_t *check_json(const char *name, const char *text)
{
    json_error_t error;
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &error);

    ck_assert_msg(root != NULL, "%s: %s at %d", name, error.text, error.position);
    return root;
}

/* Names with every mark that means something somewhere; some are refused on entry. */
static const char *const hostile[] = {
    "a%26b",     "a%25b", "a;b",     "%5C%5C", "%c3%a4%ff",  "--%5D%5D%3E",
    "Node:+%5B", "%7B",   "%26amp;", "$(x)`",  "%2e%2e/%2e", "-->",
};

static size_t check_lines(const char *name, const collected *got)
{
    size_t lines = 0;

    for (size_t k = 0; k < got->len; k++) {
        lines += got->data[k] == '\n';
        row_true(name, got->data[k] == '\n' || (got->data[k] >= 0x20 && got->data[k] < 0x7f));
    }
    return lines;
}

START_TEST(test_hostile_names_forge_no_line_tag_or_field)
{
    size_t taken = 0;

    for (size_t i = 0; i < COUNT_OF(hostile); i++) {
        char body[400];
        const char *name = hostile[i];
        const char *route = name;
        collected got;
        station s;
        json_t *root;
        int done;

        station_open(&s, NULL);
        (void)snprintf(body, sizeof(body), "JVMRoute=%s&Host=10.0.0.1", name);
        if (say(&s, "CONFIG /", body) != MCMP_OK) {
            row_code(name, s.err.code, MCMP_ERR_SYNTAX);
            route = "plain";
            must(&s, "CONFIG /", "JVMRoute=plain&Host=10.0.0.1");
        }
        (void)snprintf(body, sizeof(body), "JVMRoute=%s&Alias=%s&Context=/%s", route, name, name);
        done = say(&s, "ENABLE-APP /", body) == MCMP_OK;
        taken += (size_t)done;
        got = render(&s, MCMP_RENDER_INFO_TEXT);
        row_int(name, check_lines(name, &got), done ? 3 : 1);
        free(got.data);
        got = render(&s, MCMP_RENDER_DUMP_TEXT);
        row_int(name, check_lines(name, &got), done ? 4 : 2);
        free(got.data);
        got = render(&s, MCMP_RENDER_INFO_XML);
        check_xml(name, got.data);
        free(got.data);
        got = render(&s, MCMP_RENDER_DUMP_XML);
        check_xml(name, got.data);
        free(got.data);
        got = render(&s, MCMP_RENDER_JSON);
        root = check_json(name, got.data);
        ck_assert_uint_eq(json_array_size(json_object_get(root, "nodes")), 1);
        json_decref(root);
        free(got.data);
        station_close(&s);
    }
    ck_assert_uint_ge(taken, 8);
}
END_TEST

START_TEST(test_xml_and_json_of_a_full_cluster_are_read_by_other_libraries)
{
    station s;
    collected got;
    json_t *root;
    json_t *node;
    json_t *alias;
    json_t *context;

    station_open(&s, NULL);
    got = render(&s, MCMP_RENDER_INFO_XML);
    ck_assert_str_eq(got.data, "<?xml version=\"1.0\" standalone=\"yes\" ?>\n<Info><Nodes></Nodes>"
                               "<Vhosts></Vhosts><Contexts></Contexts></Info>");
    free(got.data);
    got = render(&s, MCMP_RENDER_DUMP_XML);
    ck_assert_str_eq(got.data, "<Dump><Balancers></Balancers><Nodes></Nodes><Hosts></Hosts>"
                               "<Contexts></Contexts></Dump>");
    free(got.data);
    fill(&s);
    for (uint32_t form = MCMP_RENDER_INFO_XML; form <= MCMP_RENDER_DUMP_XML; form += 2) {
        got = render(&s, form);
        check_xml("full", got.data);
        free(got.data);
    }
    got = render(&s, MCMP_RENDER_JSON);
    root = check_json("full", got.data);
    free(got.data);
    ck_assert_int_eq(json_integer_value(json_object_get(root, "id")),
                     (json_int_t)mcmp_cluster_id(s.cluster));
    ck_assert_str_eq(json_string_value(json_object_get(root, "protocol")), "0.2.1");
    ck_assert_uint_eq(json_array_size(json_object_get(root, "balancers")), 3);
    ck_assert_uint_eq(json_array_size(json_object_get(root, "nodes")), 3);
    node = json_array_get(json_object_get(root, "nodes"), 1);
    ck_assert_str_eq(json_string_value(json_object_get(node, "route")), "n1");
    ck_assert_str_eq(json_string_value(json_object_get(node, "state")), "active");
    ck_assert_int_eq(json_integer_value(json_object_get(node, "lastStatus")), 2);
    alias = json_array_get(json_object_get(node, "aliases"), 1);
    ck_assert_str_eq(json_string_value(json_object_get(alias, "name")), "example");
    ck_assert_int_eq(json_integer_value(json_object_get(alias, "vhost")), 1);
    context = json_array_get(json_object_get(alias, "contexts"), 0);
    ck_assert_str_eq(json_string_value(json_object_get(context, "path")), "/app");
    ck_assert_str_eq(json_string_value(json_object_get(context, "status")), "DISABLED");
    ck_assert_int_eq(json_integer_value(json_object_get(context, "requests")), 0);
    json_decref(root);
    station_close(&s);
}
END_TEST

static size_t count_of(const char *text, const char *word)
{
    size_t count = 0;

    while ((text = strstr(text, word)) != NULL) {
        count++;
        text++;
    }
    return count;
}

START_TEST(test_the_page_says_node_once_per_row_and_nowhere_else)
{
    station s;
    collected got;

    station_open(&s, NULL);
    got = render(&s, MCMP_RENDER_PAGE);
    ck_assert_uint_eq(count_of(got.data, "Node"), 0);
    ck_assert_uint_eq(count_of(got.data, "node"), 0);
    free(got.data);
    fill(&s);
    got = render(&s, MCMP_RENDER_PAGE);
    ck_assert_uint_eq(count_of(got.data, "Node"), 3);
    ck_assert_uint_eq(count_of(got.data, "Node n1<"), 1);
    ck_assert_uint_eq(count_of(got.data, "Node n2<"), 1);
    ck_assert_uint_eq(count_of(got.data, "Node gone<"), 1);
    ck_assert_uint_eq(count_of(got.data, "<script"), 0);
    ck_assert_uint_eq(count_of(got.data, "style="), 0);
    ck_assert_uint_eq(count_of(got.data, "src="), 0);
    ck_assert_uint_eq(count_of(got.data, "href="), 0);
    ck_assert_uint_eq(count_of(got.data, "<form"), 0);
    free(got.data);
    s.now += 10 * MCMP_SEC;
    got = render(&s, MCMP_RENDER_PAGE);
    ck_assert_uint_eq(count_of(got.data, "Node REMOVED<"), 1);
    free(got.data);
    station_close(&s);
}
END_TEST

/* The first text of the form /x.y.z.Final. */
static const char *first_release(const char *text, size_t *len)
{
    for (; (text = strchr(text, '/')) != NULL; text++) {
        size_t n = strspn(text + 1, "0123456789.");

        if (n >= 6 && text[n] == '.' && strncmp(text + 1 + n, "Final", 5) == 0) {
            *len = n + 6;
            return text;
        }
    }
    return NULL;
}

START_TEST(test_the_first_release_on_the_page_is_that_of_version)
{
    mcmp_cluster_options opts;
    station s;
    collected got;
    const char *found;
    size_t len = 0;

    mcmp_cluster_options_init(&opts);
    opts.product = "mod_cluster/2.3.4.Final";
    station_open(&s, &opts);
    must(&s, "CONFIG /", "JVMRoute=/9.9.9.Final&Host=10.0.0.1&Balancer=/8.8.8.Final");
    got = render(&s, MCMP_RENDER_PAGE);
    found = first_release(got.data, &len);
    ck_assert(found != NULL && len == strlen("/2.3.4.Final"));
    ck_assert(memcmp(found - 11, "mod_cluster/2.3.4.Final", 23) == 0);
    free(got.data);
    station_close(&s);
}
END_TEST

START_TEST(test_the_policy_of_the_page_allows_its_own_style_and_nothing_else)
{
    station s;
    mcmp_span body;
    const char *from;
    const char *to;
    unsigned char digest[32];
    unsigned char text[48];
    unsigned int len = 0;
    char want[200];

    station_open(&s, NULL);
    must(&s, "GET /some/page?x=1", "");
    body = answer_body(&s);
    from = memmem(body.ptr, body.len, "<style>", 7);
    ck_assert(from != NULL);
    from += 7;
    to = memmem(from, body.len - (size_t)(from - body.ptr), "</style>", 8);
    ck_assert(to != NULL);
    ck_assert_int_eq(EVP_Digest(from, (size_t)(to - from), digest, &len, EVP_sha256(), NULL), 1);
    (void)EVP_EncodeBlock(text, digest, 32);
    (void)snprintf(want, sizeof(want),
                   "default-src 'none'; style-src 'sha256-%s'; base-uri 'none'; "
                   "form-action 'none'; frame-ancestors 'none'",
                   text);
    row_text("policy", answer_header(&s, "Content-Security-Policy"), want);
    row_text("sniff", answer_header(&s, "X-Content-Type-Options"), "nosniff");
    ck_assert_uint_eq(mcmp_response_status(s.response), 200);
    /* read-only: a HEAD has no body, a GET changes nothing */
    must(&s, "HEAD /", "");
    station_close(&s);
}
END_TEST

static int stop(void *ctx, const void *data, size_t len)
{
    (void)ctx;
    (void)data;
    (void)len;
    return 1;
}

START_TEST(test_render_reports_unknown_forms_and_receivers_that_stop)
{
    station s;
    mcmp_view *view;
    collected c = { NULL, 0, 0 };

    station_open(&s, NULL);
    fill(&s);
    ck_assert_int_eq(mcmp_view_new(&view, s.cluster, s.now, &s.err), MCMP_OK);
    ck_assert_int_eq(mcmp_view_render(view, 0, collect, &c, &s.err), MCMP_ERR_INVALID);
    ck_assert_int_eq(mcmp_view_render(view, 8, collect, &c, &s.err), MCMP_ERR_INVALID);
    ck_assert_int_eq(mcmp_view_render(view, 1, NULL, &c, &s.err), MCMP_ERR_INVALID);
    for (uint32_t form = MCMP_RENDER_INFO_TEXT; form <= MCMP_RENDER_METRICS; form++)
        ck_assert_int_eq(mcmp_view_render(view, form, stop, NULL, &s.err), MCMP_ERR_CALLBACK);
    mcmp_view_free(view);
    station_close(&s);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_the_forms_of_one_cluster_are_as_recorded,
        test_hostile_names_forge_no_line_tag_or_field,
        test_xml_and_json_of_a_full_cluster_are_read_by_other_libraries,
        test_the_page_says_node_once_per_row_and_nowhere_else,
        test_the_first_release_on_the_page_is_that_of_version,
        test_the_policy_of_the_page_allows_its_own_style_and_nothing_else,
        test_render_reports_unknown_forms_and_receivers_that_stop,
    };

    return run_tests("render", tests, COUNT_OF(tests));
}
