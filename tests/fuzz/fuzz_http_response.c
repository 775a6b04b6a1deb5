/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Response heads. The first two bytes choose cut, method and the client's side; the rest is the
 * head. Properties: cuts change nothing; what goes to the client is read by it as we meant it.
 */
#include "http_fuzz.h"

static void check_sent(const mcmp_http_head *head, const mcmp_http_reply *reply, const char *out,
                       size_t len)
{
    const mcmp_http_info *info = mcmp_http_head_info(head);
    mcmp_http_head *again;
    const mcmp_http_info *sent;

    if (len == 0) {
        MUST(info->status < 200 && reply->minor == 0);
        return;
    }
    MUST(mcmp_http_head_new(&again, NULL, NULL) == MCMP_OK);
    MUST(mcmp_http_head_parse_response(again, info->method, out, len, NULL) == MCMP_OK);
    sent = mcmp_http_head_info(again);
    MUST(sent->head_size == len && sent->status == info->status);
    MUST(sent->framing == reply->sent_framing && fuzz_same(sent->reason, info->reason));
    MUST(reply->minor != 0 || sent->framing != MCMP_HTTP_FRAMING_CHUNKED);
    MUST(sent->framing != MCMP_HTTP_FRAMING_LENGTH || sent->length == info->length);
    if (info->status >= 200)
        MUST((sent->flags & MCMP_HTTP_KEEP_ALIVE) == (reply->sent_flags & MCMP_HTTP_KEEP_ALIVE));
    MUST((sent->flags & MCMP_HTTP_UPGRADE) == (reply->sent_flags & MCMP_HTTP_UPGRADE));
    mcmp_http_head_free(again);
}

static void answer_it(const mcmp_http_head *head, unsigned choice)
{
    mcmp_http_reply reply;
    size_t need = 0;
    size_t len = 0;
    char *out;
    int rc;

    mcmp_http_reply_init(&reply);
    reply.minor = choice & 1;
    reply.flags = ((choice >> 1) & 1 ? MCMP_HTTP_KEEP_ALIVE : 0) |
                  ((choice >> 2) & 1 ? MCMP_HTTP_UPGRADE : 0);
    rc = mcmp_http_encode_response(head, &reply, NULL, 0, &need, NULL);
    if (rc == MCMP_ERR_HTTP_UPGRADE) {
        MUST(mcmp_http_head_info(head)->status == 101);
        return;
    }
    MUST(rc == MCMP_ERR_SPACE || (rc == MCMP_OK && need == 0));
    out = malloc(need != 0 ? need : 1);
    MUST(out != NULL);
    MUST(mcmp_http_encode_response(head, &reply, out, need, &len, NULL) == MCMP_OK);
    MUST(len == need);
    check_sent(head, &reply, out, len);
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mcmp_http_head *head;
    mcmp_error err;
    char *text;
    size_t len;
    int method;
    int rc;

    if (size < 2)
        return 0;
    len = size - 2;
    method = (data[1] >> 4) % 9;
    text = fuzz_copy(data + 2, len);
    head = fuzz_head();
    rc = fuzz_parse(head, method, text, len, &err);
    fuzz_cuts(head, rc, &err, method, text, len, 1);
    fuzz_cuts(head, rc, &err, method, text, len, (size_t)data[0] + 1);
    if (rc == MCMP_OK)
        answer_it(head, data[1]);
    mcmp_http_head_free(head);
    free(text);
    return 0;
}
