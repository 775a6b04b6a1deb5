/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random messages against a small cluster, then every form of its state. Input: lines of
 * `<mark><METHOD> <target> <body>`; the mark's low bits say what a probe shows, how far the clock
 * moves and on which connection the message comes. One cluster decodes the bodies itself, another
 * gets them decoded. Must hold: an answer to everything, the same of both, printable INFO lines
 * whose ids have occurred before (MCMP 4.7), and no error of a sanitizer.
 */
#include "fuzz.h"

#include <libmcmp/libmcmp.h>

typedef struct field_walk {
    const char *ptr;
    const char *end;
} field_walk;

static mcmp_span next_word(field_walk *walk, char until)
{
    mcmp_span word = { walk->ptr, 0 };

    while (walk->ptr < walk->end && *walk->ptr != until)
        walk->ptr++;
    word.len = (size_t)(walk->ptr - word.ptr);
    if (walk->ptr < walk->end)
        walk->ptr++;
    return word;
}

static void check_answer(const mcmp_response *response, int rc)
{
    uint32_t status = mcmp_response_status(response);

    MUST(rc == MCMP_OK || rc < 0);
    MUST(rc == MCMP_OK ? status == 200 : status == 500 || status == 403);
    MUST(rc == MCMP_OK || mcmp_response_body(response).len != 0);
    MUST(mcmp_response_head(response).len != 0);
    MUST(mcmp_response_pending(response) == NULL);
}

/* A cluster, what it answers and what decodes its bodies; NULL: it does that itself. */
typedef struct side {
    mcmp_cluster *cluster;
    mcmp_response *response;
    mcmp_decoder *decoder;
} side;

/* Returns the time when the answer was there. */
static mcmp_time apply(const side *on, mcmp_request request, int probe_ok)
{
    const mcmp_command *command;
    mcmp_time now = request.now;
    int rc;

    if (on->decoder != NULL) {
        (void)mcmp_decoder_decode(on->decoder, &request, &command, NULL, NULL);
        request.decoded = on->decoder;
    }
    rc = mcmp_apply(on->cluster, &request, on->response, NULL);
    for (int turn = 0; rc == MCMP_PENDING && turn < 20; turn++) {
        now = mcmp_response_pending(on->response)->resume_at;
        rc = mcmp_apply_resume(on->cluster, &request, on->response, probe_ok, now, NULL);
    }
    check_answer(on->response, rc);
    return now;
}

static void send_line(const side sides[2], mcmp_span line, mcmp_time *now)
{
    field_walk walk = { line.ptr + 1, line.ptr + line.len };
    mcmp_request request;
    mcmp_peer peer;
    mcmp_span none = { NULL, 0 };
    int mark = (unsigned char)line.ptr[0];

    mcmp_peer_init(&peer);
    peer.has_address = 1;
    peer.address[15] = 1;
    mcmp_request_init(&request);
    request.method = next_word(&walk, ' ');
    request.target = next_word(&walk, ' ');
    request.command = mcmp_command_of_method(request.method);
    request.flags = mcmp_request_flags(request.target, none);
    if (mark & 0x10)
        request.flags |= MCMP_REQUEST_WANT_XML;
    request.body.ptr = walk.ptr;
    request.body.len = (size_t)(walk.end - walk.ptr);
    request.body_size = request.body.len;
    request.now = *now + ((mark & 2) ? 7 * MCMP_SEC : MCMP_MSEC);
    request.connection = 1 + (mark >> 2 & 1);
    request.peer = &peer;
    *now = apply(&sides[0], request, mark & 1);
    MUST(apply(&sides[1], request, mark & 1) == *now);
    MUST(fuzz_same(mcmp_response_head(sides[0].response), mcmp_response_head(sides[1].response)));
    MUST(fuzz_same(mcmp_response_body(sides[0].response), mcmp_response_body(sides[1].response)));
}

typedef struct document {
    char data[1 << 18];
    size_t len;
} document;

static int collect(void *ctx, const void *data, size_t len)
{
    document *doc = ctx;

    MUST(doc->len + len < sizeof(doc->data));
    memcpy(doc->data + doc->len, data, len);
    doc->len += len;
    return 0;
}

/* Each id that a Vhost or Context line names stands, with its bracket, in an earlier line. */
static void check_ids(document *doc)
{
    char *line = doc->data;

    doc->data[doc->len] = '\0';
    while (*line != '\0') {
        char *end = strchr(line, '\n');
        char *id = strchr(line, '[');
        char want[80];
        char kept = *line;
        int is_context = kept == 'C';

        MUST(end != NULL && id != NULL && id < end);
        for (char *c = line; c < end; c++)
            MUST(*c >= 0x20 && *c <= 0x7e);
        if (kept != 'N') {
            int len = (int)strcspn(id, is_context ? "]" : ":");

            (void)snprintf(want, sizeof(want), "%s%.*s]", is_context ? "Vhost: " : "Node: ", len,
                           id);
            *line = '\0';
            MUST(strstr(doc->data, want) != NULL);
            *line = kept;
        }
        line = end + 1;
    }
}

static void render_all(mcmp_cluster *cluster, mcmp_time now)
{
    static document doc;
    mcmp_view *view;

    MUST(mcmp_view_new(&view, cluster, now, NULL) == MCMP_OK);
    for (uint32_t form = MCMP_RENDER_INFO_TEXT; form <= MCMP_RENDER_METRICS; form++) {
        doc.len = 0;
        MUST(mcmp_view_render(view, form, collect, &doc, NULL) == MCMP_OK);
        if (form == MCMP_RENDER_INFO_TEXT)
            check_ids(&doc);
    }
    mcmp_view_free(view);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mcmp_cluster_options opts;
    side sides[2] = { { NULL, NULL, NULL } };
    field_walk walk = { (const char *)data, (const char *)data + size };
    mcmp_time now = 1000 * MCMP_SEC;

    if (size > 20000)
        return 0;
    mcmp_cluster_options_init(&opts);
    opts.max_nodes = 4;
    opts.max_aliases = 8;
    opts.max_contexts = 16;
    opts.random_seed = 1;
    opts.now = now;
    for (int i = 0; i < 2; i++) {
        MUST(mcmp_cluster_open(&sides[i].cluster, &opts, NULL) == MCMP_OK);
        MUST(mcmp_response_new(&sides[i].response, NULL, NULL) == MCMP_OK);
    }
    MUST(mcmp_decoder_new(&sides[1].decoder, mcmp_cluster_limits(sides[1].cluster), NULL, NULL) ==
         MCMP_OK);
    while (walk.ptr < walk.end) {
        mcmp_span line = next_word(&walk, '\n');

        if (line.len > 1)
            send_line(sides, line, &now);
    }
    for (int i = 0; i < 2; i++) {
        render_all(sides[i].cluster, now);
        mcmp_response_free(sides[i].response);
        mcmp_decoder_free(sides[i].decoder);
        mcmp_cluster_close(sides[i].cluster);
    }
    return 0;
}
