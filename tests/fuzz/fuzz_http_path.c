/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Request targets. The first byte chooses flags and method; the rest is the target. Properties: the
 * result is canonical (parsing it again changes nothing), ASCII, without dot segments, and what is
 * matched is what a node decodes from what is forwarded.
 */
#include "http_fuzz.h"

static int hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

/* What a node makes of a path: all codes decoded. */
static size_t decode(mcmp_span text, char *out)
{
    size_t len = 0;

    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '%') {
            out[len++] = text.ptr[i];
            continue;
        }
        out[len++] = (char)(hex(text.ptr[i + 1]) * 16 + hex(text.ptr[i + 2]));
        i += 2;
    }
    return len;
}

static void check_segments(mcmp_span path, unsigned flags)
{
    size_t from = 1;

    MUST(path.len > 0 && path.ptr[0] == '/');
    for (size_t i = 1; i <= path.len; i++) {
        size_t len = i - from;

        if (i < path.len && path.ptr[i] != '/')
            continue;
        MUST(!(len == 1 && path.ptr[from] == '.'));
        MUST(!(len == 2 && path.ptr[from] == '.' && path.ptr[from + 1] == '.'));
        MUST(!(len > 2 && memcmp(path.ptr + from, "..;", 3) == 0));
        MUST(len != 0 || i == path.len || (flags & MCMP_HTTP_PATH_KEEP_SLASHES) != 0);
        from = i + 1;
    }
}

static void check(const mcmp_http_info *info, const mcmp_http_target *target, unsigned flags)
{
    size_t room = 12 * info->target.len + 64;
    char *buf = malloc(room);
    char *node = malloc(room);
    char *match = malloc(room);
    mcmp_http_info sent = *info;
    mcmp_http_target again;
    size_t len;

    MUST(buf != NULL && node != NULL && match != NULL);
    for (size_t i = 0; i < target->target.len; i++)
        MUST((uint8_t)target->target.ptr[i] > 0x20 && (uint8_t)target->target.ptr[i] < 0x7f);
    sent.target = target->target;
    mcmp_http_target_init(&again);
    MUST(mcmp_http_target_parse(&sent, flags, buf, room, &again, NULL) == MCMP_OK);
    MUST(fuzz_same(again.target, target->target) && fuzz_same(again.path, target->path));
    if (target->path.ptr[0] != '*') {
        check_segments(target->path, flags);
        check_segments(target->forward, flags);
        len = decode(target->forward, node);
        MUST(len == decode(target->path, match) && memcmp(node, match, len) == 0);
        MUST(memchr(node, '\0', len) == NULL);
    }
    free(match);
    free(node);
    free(buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const mcmp_span host = { "h", 1 };
    mcmp_http_info info;
    mcmp_http_target target;
    unsigned flags;
    size_t room;
    char *text;
    char *buf;

    if (size < 1)
        return 0;
    for (size_t i = 1; i < size; i++)
        if (data[i] <= 0x20 || data[i] == 0x7f)
            return 0; /* no target: the head parser lets none in */
    flags = data[0] & 3;
    text = fuzz_copy(data + 1, size - 1);
    mcmp_http_info_init(&info);
    info.method = (data[0] & 4) != 0 ? MCMP_HTTP_OPTIONS : MCMP_HTTP_GET;
    info.target.ptr = text;
    info.target.len = size - 1;
    info.host = host;
    mcmp_http_target_init(&target);
    (void)mcmp_http_target_parse(&info, flags, NULL, 0, &target, NULL);
    room = target.needed; /* exactly what it asks for */
    MUST(room <= 4 * (size - 1) + 8);
    buf = malloc(room != 0 ? room : 1);
    MUST(buf != NULL);
    if (mcmp_http_target_parse(&info, flags, buf, room, &target, NULL) == MCMP_OK)
        check(&info, &target, flags);
    free(buf);
    free(text);
    return 0;
}
