/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The head of a node's response on its way to the client: end-to-end headers as they came, Set-
 * Cookie lines each by itself, and our own decision on framing and on the life of the client's
 * connection.
 */
#include "http.h"

void mcmp_http_reply_init_sized(mcmp_http_reply *reply, size_t size)
{
    mcmp__sized_init(reply, size);
}

/* How the body goes on, given what the client understands. */
static uint32_t framing_for(const mcmp_http_info *info, uint32_t minor)
{
    if (info->framing == MCMP_HTTP_FRAMING_CHUNKED || info->framing == MCMP_HTTP_FRAMING_CLOSE)
        return minor == 0 ? MCMP_HTTP_FRAMING_CLOSE : MCMP_HTTP_FRAMING_CHUNKED;
    return info->framing;
}

/* RFC 9110 8.6: 1xx and 204 never carry Content-Length; HEAD and 304 may, without a body. */
static void put_framing(mcmp__out *out, const mcmp_http_info *info, uint32_t framing)
{
    if (framing == MCMP_HTTP_FRAMING_CHUNKED) {
        MCMP__PUT(out, "Transfer-Encoding: chunked\r\n");
    } else if ((info->flags & MCMP_HTTP_HAS_LENGTH) != 0 && info->status >= 200 &&
               info->status != 204) {
        MCMP__PUT(out, "Content-Length: ");
        mcmp__http_put_uint(out, info->length);
        MCMP__PUT(out, "\r\n");
    }
}

static void put_connection(mcmp__out *out, const mcmp_http_info *info, mcmp_http_reply *reply)
{
    int keep = (reply->flags & MCMP_HTTP_KEEP_ALIVE) != 0 &&
               reply->sent_framing != MCMP_HTTP_FRAMING_CLOSE;

    reply->sent_flags = keep ? MCMP_HTTP_KEEP_ALIVE : 0;
    if (info->status == 101) {
        reply->sent_flags = MCMP_HTTP_UPGRADE;
        MCMP__PUT(out, "Connection: upgrade\r\nUpgrade: ");
        mcmp__http_put_span(out, info->upgrade);
        MCMP__PUT(out, "\r\n");
    } else if (info->status >= 200 && !keep) {
        MCMP__PUT(out, "Connection: close\r\n");
    } else if (info->status >= 200 && reply->minor == 0) {
        MCMP__PUT(out, "Connection: keep-alive\r\n");
    }
}

static void put_status_line(mcmp__out *out, const mcmp_http_info *info)
{
    char code[4];

    code[0] = (char)('0' + info->status / 100);
    code[1] = (char)('0' + info->status / 10 % 10);
    code[2] = (char)('0' + info->status % 10);
    code[3] = ' ';
    MCMP__PUT(out, "HTTP/1.1 ");
    mcmp__http_put(out, code, sizeof(code));
    mcmp__http_put_span(out, info->reason);
    MCMP__PUT(out, "\r\n");
}

static void put_head(mcmp__out *out, const mcmp_http_head *head, mcmp_http_reply *reply)
{
    const mcmp__copy copy = { .head = head,
                              .skip = MCMP__BIT(MCMP_HTTP_FIELD_CONTENT_LENGTH),
                              .drop = reply->drop,
                              .drop_count = reply->drop_count };

    put_status_line(out, &head->info);
    mcmp__http_put_fields(out, &copy);
    if (reply->via.len != 0) {
        mcmp__http_put(out, head->info.minor == 0 ? "Via: 1.0 " : "Via: 1.1 ", 9);
        mcmp__http_put_span(out, reply->via);
        MCMP__PUT(out, "\r\n");
    }
    for (size_t i = 0; i < reply->add_count; i++)
        mcmp__http_put_line(out, reply->add[i].name, reply->add[i].value);
    put_connection(out, &head->info, reply);
    put_framing(out, &head->info, reply->sent_framing);
    MCMP__PUT(out, "\r\n");
}

static int check(const mcmp_http_head *response, const mcmp_http_reply *reply, mcmp_error *err)
{
    const uint32_t known =
        MCMP_HTTP_KEEP_ALIVE | MCMP_HTTP_UPGRADE | MCMP_HTTP_EXPECT_CONTINUE | MCMP_HTTP_HAS_LENGTH;
    const mcmp_http_info *info = &response->info;
    int rc;

    if (response->state != MCMP__HEAD_DONE || !response->response)
        return mcmp__fail(err, MCMP_ERR_STATE, NULL, "there is no complete response head");
    if ((reply->flags & ~known) != 0)
        return mcmp__fail(err, MCMP_ERR_UNSUPPORTED, "flags", "unknown flags");
    if (info->status == 101 && (reply->flags & info->flags & MCMP_HTTP_UPGRADE) == 0)
        return mcmp__fail(err, MCMP_ERR_HTTP_UPGRADE, "Upgrade",
                          "101 without Upgrade, or nobody asked for it");
    rc = mcmp__http_check_texts(&reply->via, 1, err);
    if (rc == MCMP_OK)
        rc = mcmp__http_check_lines(reply->add, reply->add_count, err);
    return rc;
}

int mcmp_http_encode_response(const mcmp_http_head *response, mcmp_http_reply *reply, char *out,
                              size_t size, size_t *out_len, mcmp_error *err)
{
    mcmp__out writer = { out, size, 0 };
    mcmp_http_reply local;
    int rc = mcmp__sized_in(&local, sizeof(local), reply, sizeof(local.struct_size));

    if (rc != MCMP_OK)
        return mcmp__fail(err, rc, "reply", "the struct is of a size that is not known");
    rc = check(response, &local, err);
    if (rc != MCMP_OK)
        return rc;
    local.sent_framing = framing_for(&response->info, local.minor);
    local.sent_flags = local.flags & MCMP_HTTP_KEEP_ALIVE;
    /* RFC 9110 15.2: an HTTP/1.0 client knows no interim responses */
    if (local.minor != 0 || response->info.status >= 200)
        put_head(&writer, response, &local);
    rc = mcmp__http_put_done(&writer, out_len, err);
    if (rc == MCMP_OK)
        (void)mcmp__sized_out(reply, &local, sizeof(local));
    return rc;
}
