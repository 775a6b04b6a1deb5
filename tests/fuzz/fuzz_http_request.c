/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Request heads. The first two bytes choose cut and options; the rest is the head. Properties: cuts
 * change nothing; what is forwarded is a request again, of the same method and framing, with a
 * target that is canonical; no hop-by-hop header of the client is in it.
 */
#include "http_fuzz.h"

static void check_forwarded(const mcmp_http_head *head, const mcmp_http_forward *forward,
                            const char *out, size_t len)
{
    const mcmp_http_info *info = mcmp_http_head_info(head);
    mcmp_http_head *again;
    const mcmp_http_info *sent;

    MUST(mcmp_http_head_new(&again, NULL, NULL) == MCMP_OK);
    if (forward->target->host.len == 0) { /* HTTP/1.0 without Host: nothing to forward it as */
        MUST(mcmp_http_head_parse_request(again, out, len, NULL) == MCMP_ERR_HTTP_HOST);
        mcmp_http_head_free(again);
        return;
    }
    MUST(mcmp_http_head_parse_request(again, out, len, NULL) == MCMP_OK);
    sent = mcmp_http_head_info(again);
    MUST(sent->head_size == len && sent->framing == info->framing);
    MUST(sent->framing == forward->sent_framing);
    MUST(sent->framing != MCMP_HTTP_FRAMING_LENGTH || sent->length == info->length);
    MUST(fuzz_same(sent->method_name, info->method_name));
    MUST(fuzz_same(sent->host, forward->target->host));
    for (uint32_t i = 0; i < sent->header_count; i++) {
        mcmp_pair pair;
        uint32_t id;
        uint32_t flags;

        MUST(mcmp_http_head_header(again, i, &pair, &id, &flags) == MCMP_OK);
        if (flags != 0)
            MUST(id == MCMP_HTTP_FIELD_CONNECTION || id == MCMP_HTTP_FIELD_TRANSFER_ENCODING ||
                 (id == MCMP_HTTP_FIELD_UPGRADE && forward->sent_upgrade));
    }
    mcmp_http_head_free(again);
}

static void forward_it(const mcmp_http_head *head, unsigned choice)
{
    static const mcmp_span client = { "2001:db8::1", 11 };
    static const mcmp_span session = { "S", 1 };
    static const mcmp_span parameter = { "s", 1 };
    const mcmp_http_info *info = mcmp_http_head_info(head);
    size_t room = 4 * info->target.len + 8;
    char *buf = malloc(room);
    mcmp_http_target target;
    mcmp_http_forward forward;
    size_t need = 0;
    size_t len = 0;
    char *out;

    MUST(buf != NULL);
    mcmp_http_target_init(&target);
    if (mcmp_http_target_parse(info, choice & 3, buf, room, &target, NULL) != MCMP_OK) {
        free(buf);
        return;
    }
    mcmp_http_forward_init(&forward);
    forward.target = &target;
    forward.flags = (choice >> 2) & 0x3f;
    forward.client = client;
    if ((choice & 1) != 0) {
        forward.remove_cookie = session;
        forward.remove_path = parameter;
        forward.via = parameter;
    }
    MUST(mcmp_http_encode_request(head, &forward, NULL, 0, &need, NULL) == MCMP_ERR_SPACE);
    out = malloc(need);
    MUST(out != NULL);
    MUST(mcmp_http_encode_request(head, &forward, out, need, &len, NULL) == MCMP_OK);
    MUST(len == need);
    check_forwarded(head, &forward, out, len);
    free(out);
    free(buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mcmp_http_head *head;
    mcmp_error err;
    char *text;
    size_t len;
    int rc;

    if (size < 2)
        return 0;
    len = size - 2;
    text = fuzz_copy(data + 2, len);
    head = fuzz_head();
    rc = fuzz_parse(head, -1, text, len, &err);
    fuzz_cuts(head, rc, &err, -1, text, len, 1);
    fuzz_cuts(head, rc, &err, -1, text, len, (size_t)data[0] + 1);
    if (rc == MCMP_OK)
        forward_it(head, data[1]);
    mcmp_http_head_free(head);
    free(text);
    return 0;
}
