/* SPDX-License-Identifier: Apache-2.0 */
/*
 * WebSocket echo, see demo_ws.h. Text, binary and continuation frames go back as they came, a PING
 * becomes a PONG, a PONG is dropped, a CLOSE is answered and ends the connection. What breaks the
 * rules (no mask, reserved bits, unknown opcodes, long or fragmented control frames) is closed with
 * 1002.
 */
#include "demo_ws.h"

#include <openssl/evp.h>
#include <string.h>

#define OP_CONTINUATION 0x0
#define OP_BINARY 0x2
#define OP_CLOSE 0x8
#define OP_PING 0x9
#define OP_PONG 0xa
#define FIN 0x80
#define PROTOCOL_ERROR 1002

int demo_ws_accept(mcmp_span key, char out[DEMO_WS_ACCEPT_SIZE])
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    char text[128];

    if (key.len > sizeof(text) - sizeof(guid))
        return -1;
    memcpy(text, key.ptr, key.len);
    memcpy(text + key.len, guid, sizeof(guid) - 1);
    if (EVP_Digest(text, key.len + sizeof(guid) - 1, digest, &size, EVP_sha1(), NULL) != 1)
        return -1;
    return EVP_EncodeBlock((unsigned char *)out, digest, (int)size) == DEMO_WS_ACCEPT_SIZE - 1 ? 0
                                                                                               : -1;
}

static size_t head_need(const demo_ws *ws)
{
    uint8_t len7;

    if (ws->have < 2)
        return 2;
    len7 = ws->head[1] & 0x7f;
    return len7 == 127 ? 14 : len7 == 126 ? 8 : 6;
}

static uint64_t head_length(const demo_ws *ws)
{
    uint8_t len7 = ws->head[1] & 0x7f;
    size_t bytes = len7 == 127 ? 8 : len7 == 126 ? 2 : 0;
    uint64_t value = 0;

    if (bytes == 0)
        return len7;
    for (size_t i = 0; i < bytes; i++)
        value = value << 8 | ws->head[2 + i];
    return value;
}

/* Rules that the first two bytes can break. */
static int head_is_valid(const demo_ws *ws)
{
    uint8_t op = ws->head[0] & 0x0f;
    int control = op >= OP_CLOSE;

    if ((ws->head[0] & 0x70) != 0 || (ws->head[1] & 0x80) == 0)
        return 0;
    if (control)
        return op <= OP_PONG && (ws->head[0] & FIN) != 0 && (ws->head[1] & 0x7f) <= 125;
    if (op > OP_BINARY)
        return 0;
    return (op == OP_CONTINUATION) == (ws->in_message != 0);
}

static size_t write_head(uint8_t *out, uint8_t first, uint64_t length)
{
    size_t bytes = length > 0xffff ? 8 : length > 125 ? 2 : 0;

    out[0] = first;
    out[1] = bytes == 8 ? 127 : bytes == 2 ? 126 : (uint8_t)length;
    for (size_t i = 0; i < bytes; i++)
        out[2 + i] = (uint8_t)(length >> (8 * (bytes - 1 - i)));
    return 2 + bytes;
}

static int refuse(demo_ws_out *out)
{
    out->head_len = write_head(out->head, FIN | OP_CLOSE, 2);
    out->head[2] = PROTOCOL_ERROR >> 8;
    out->head[3] = PROTOCOL_ERROR & 0xff;
    out->head_len += 2;
    return DEMO_WS_CLOSE;
}

static int begin_frame(demo_ws *ws, demo_ws_out *out)
{
    uint8_t op = ws->head[0] & 0x0f;

    ws->left = head_length(ws);
    if (ws->left >> 63)
        return refuse(out);
    ws->at = 0;
    ws->opcode = op;
    ws->fin = (ws->head[0] & FIN) != 0;
    ws->in_frame = 1;
    if (op < OP_CLOSE)
        ws->in_message = !ws->fin;
    if (op != OP_PONG)
        out->head_len = write_head(
            out->head, op == OP_PING ? (FIN | OP_PONG) : (uint8_t)(ws->head[0]), ws->left);
    return DEMO_WS_SEND;
}

static void take_payload(demo_ws *ws, char *data, size_t len, demo_ws_out *out)
{
    const uint8_t *mask = ws->head + head_need(ws) - 4;

    for (size_t i = 0; i < len; i++)
        data[i] = (char)((uint8_t)data[i] ^ mask[(ws->at + i) & 3]);
    ws->at += len;
    ws->left -= len;
    if (ws->opcode != OP_PONG)
        out->piece = node_span(data, len);
}

int demo_ws_next(demo_ws *ws, char *data, size_t len, size_t *used, demo_ws_out *out)
{
    size_t take;

    *used = 0;
    out->head_len = 0;
    out->piece = node_span(NULL, 0);
    while (!ws->in_frame) {
        if (*used == len)
            return DEMO_WS_MORE;
        ws->head[ws->have++] = (uint8_t)data[(*used)++];
        if (ws->have == 2 && !head_is_valid(ws))
            return refuse(out);
        if (ws->have == head_need(ws) && begin_frame(ws, out) == DEMO_WS_CLOSE)
            return DEMO_WS_CLOSE;
    }
    take = ws->left < len - *used ? (size_t)ws->left : len - *used;
    if (take > 0)
        take_payload(ws, data + *used, take, out);
    *used += take;
    if (ws->left > 0)
        return take > 0 || out->head_len > 0 ? DEMO_WS_SEND : DEMO_WS_MORE;
    ws->in_frame = 0;
    ws->have = 0;
    return ws->opcode == OP_CLOSE ? DEMO_WS_CLOSE : DEMO_WS_SEND;
}
