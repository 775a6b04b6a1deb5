/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Codes, their names and sentences, and the caller-owned error object (STYLE 6). One table is the
 * only place that lists the codes; a test walks it. Numbers are never reused.
 */
#include "base.h"

#include <libmcmp/version.h>

#include <stdarg.h>
#include <stdio.h>

typedef struct code_row {
    int code;
    const char *name;
    const char *text;
} code_row;

#define ROW(code, text)   \
    {                     \
        code, #code, text \
    }

static const code_row code_rows[] = {
    ROW(MCMP_OK, "done"),
    ROW(MCMP_NEED_MORE, "more bytes are needed"),
    ROW(MCMP_DONE, "nothing further will come"),
    ROW(MCMP_PENDING, "the host has to do something first"),
    ROW(MCMP_NO_CONTEXT, "a context matches, but none may serve this request by its status"),
    ROW(MCMP_NO_NODE, "candidates exist, but none is usable"),
    ROW(MCMP_WAIT, "no node is usable now, ask again later"),
    ROW(MCMP_NOT_OURS, "no context matches"),
    ROW(MCMP_ERR_NOMEM, "no memory"),
    ROW(MCMP_ERR_INVALID, "an argument is not valid"),
    ROW(MCMP_ERR_UNSUPPORTED, "this version of the library does not know what the caller asks for"),
    ROW(MCMP_ERR_LIMIT, "a limit of the options was met"),
    ROW(MCMP_ERR_CALLBACK, "a callback stopped the call"),
    ROW(MCMP_ERR_SPACE, "the buffer is too small"),
    ROW(MCMP_ERR_STATE, "the call does not fit the state of the object"),
    ROW(MCMP_ERR_OS, "the operating system refused"),
    ROW(MCMP_ERR_STALE, "what the handle named is gone"),
    ROW(MCMP_ERR_NOT_FOUND, "not found"),
    ROW(MCMP_ERR_HTTP, "not a valid HTTP request"),
    ROW(MCMP_ERR_HEAD_SIZE, "the head of the request is over its limit"),
    ROW(MCMP_ERR_BODY_SIZE, "the body of the request is over its limit"),
    ROW(MCMP_ERR_SYNTAX, "the message breaks the rules of the protocol"),
    ROW(MCMP_ERR_TRUNCATED, "the stream ended inside a message"),
    ROW(MCMP_ERR_ANSWER, "the answer of the proxy can't be understood"),
    ROW(MCMP_ERR_FULL, "a table of the cluster is full"),
    ROW(MCMP_ERR_UNKNOWN_NODE, "there is no node of this JVMRoute"),
    ROW(MCMP_ERR_CONFLICT, "the message contradicts a live node"),
    ROW(MCMP_ERR_DENIED, "the sender is not allowed to do this"),
    ROW(MCMP_ERR_OVERTAKEN, "writers were faster, ask again"),
    ROW(MCMP_ERR_REGION, "the memory is no region, or one of other layout or limits"),
    ROW(MCMP_ERR_DAMAGED, "the region is damaged"),
    ROW(MCMP_ERR_FILE, "the saved state is damaged, cut short, or is none at all"),
    ROW(MCMP_ERR_POLICY, "the policy is not known or gave no valid choice"),
    ROW(MCMP_ERR_RELEASED, "the selection is not held"),
    ROW(MCMP_ERR_AJP_PACKET, "not an AJP packet that may stand here"),
    ROW(MCMP_ERR_AJP_STRING, "a malformed string or number in an AJP packet"),
    ROW(MCMP_ERR_AJP_HEADER, "bad header in an AJP packet"),
    ROW(MCMP_ERR_AJP_STATUS, "bad status in an AJP packet"),
    ROW(MCMP_ERR_AJP_ORDER, "an AJP packet that the exchange does not allow now"),
    ROW(MCMP_ERR_AJP_SIZE, "an AJP packet or head is over its limit"),
    ROW(MCMP_ERR_AJP_LENGTH, "the body is not as long as its Content-Length"),
    ROW(MCMP_ERR_AJP_REQUEST_SIZE, "the head of the request does not fit into an AJP packet"),
    ROW(MCMP_ERR_AJP_BODY_SHORT, "the body of the request ended before its Content-Length"),
    ROW(MCMP_ERR_AJP_METHOD, "the method is not known, or named in two ways"),
    ROW(MCMP_ERR_AJP_ATTRIBUTE, "an attribute that is not known, allowed or well-formed"),
    ROW(MCMP_ERR_AJP_SECRET, "the secret is wrong or missing"),
    ROW(MCMP_ERR_AJP_TARGET, "the path or query is not one of a request"),
    ROW(MCMP_ERR_AJP_FRAMING, "the length of the request's body is ambiguous or not valid"),
    ROW(MCMP_ERR_HTTP_LINE, "bad request or status line"),
    ROW(MCMP_ERR_HTTP_HEADER, "bad header line"),
    ROW(MCMP_ERR_HTTP_FRAMING, "the length of the body is ambiguous or not valid"),
    ROW(MCMP_ERR_HTTP_SIZE, "the head is over its limit"),
    ROW(MCMP_ERR_HTTP_CHUNK, "bad chunk"),
    ROW(MCMP_ERR_HTTP_VERSION, "the HTTP version is not 1.0 or 1.1"),
    ROW(MCMP_ERR_HTTP_HOST, "Host is missing, repeated or malformed"),
    ROW(MCMP_ERR_HTTP_TARGET_SIZE, "the request target is over its limit"),
    ROW(MCMP_ERR_HTTP_CODING, "a transfer coding other than chunked"),
    ROW(MCMP_ERR_HTTP_METHOD, "a method that is not forwarded"),
    ROW(MCMP_ERR_HTTP_UPGRADE, "a change of protocol that nobody asked for"),
    ROW(MCMP_ERR_HTTP_BODY_SIZE, "the body is over its limit"),
    ROW(MCMP_ERR_ADVERT_SYNTAX, "an advertise datagram that is malformed or cut short"),
    ROW(MCMP_ERR_ADVERT_SIZE, "an advertise datagram is over its limit"),
    ROW(MCMP_ERR_ADVERT_DIGEST, "a digest of the advertise datagram is wrong or missing"),
    ROW(MCMP_ERR_ADVERT_REPLAY, "the advertise datagram is not newer than the last one"),
    ROW(MCMP_ERR_ADVERT_DATE, "the date of the advertise datagram is too far from now"),
    ROW(MCMP_ERR_ADVERT_ADDRESS, "an address that can't be announced"),
};

static const code_row *find_row(int code)
{
    for (size_t i = 0; i < MCMP__COUNT(code_rows); i++)
        if (code_rows[i].code == code)
            return &code_rows[i];
    return NULL;
}

const char *mcmp_strerror(int code)
{
    const code_row *row = find_row(code);

    return row != NULL ? row->text : "unknown code";
}

const char *mcmp_error_name(int code)
{
    const code_row *row = find_row(code);

    return row != NULL ? row->name : "MCMP_?";
}

void mcmp_error_init_sized(mcmp_error *err, size_t size)
{
    mcmp__sized_init(err, size);
}

/* An error object of another size than ours is served through a local one. */
static void publish(mcmp_error *err, const mcmp_error *local)
{
    if (err->struct_size == sizeof(*local)) {
        *err = *local;
        return;
    }
    (void)mcmp__sized_out(err, local, sizeof(*local));
}

static void fetch(mcmp_error *local, const mcmp_error *err)
{
    memset(local, 0, sizeof(*local));
    memcpy(local, err, MCMP__MIN(err->struct_size, sizeof(*local)));
    local->struct_size = sizeof(*local);
}

int mcmp__fail(mcmp_error *err, int code, const char *field, const char *fmt, ...)
{
    mcmp_error local;
    va_list args;

    if (err == NULL || err->struct_size < sizeof(err->struct_size))
        return code;
    memset(&local, 0, sizeof(local));
    local.struct_size = sizeof(local);
    local.code = code;
    if (field != NULL)
        (void)snprintf(local.field, sizeof(local.field), "%s", field);
    va_start(args, fmt);
    (void)vsnprintf(local.message, sizeof(local.message), fmt, args);
    va_end(args);
    publish(err, &local);
    return code;
}

int mcmp__fail_os(mcmp_error *err, int os_status, const char *what)
{
    mcmp_error local;
    int code =
        mcmp__fail(err, MCMP_ERR_OS, NULL, "%s: the system refused (status %d)", what, os_status);

    if (err != NULL) {
        fetch(&local, err);
        local.os_status = os_status;
        publish(err, &local);
    }
    return code;
}

void mcmp__error_wire(mcmp_error *err, uint32_t wire_class)
{
    mcmp_error local;

    if (err == NULL)
        return;
    fetch(&local, err);
    local.wire_class = wire_class;
    publish(err, &local);
}

void mcmp__error_at(mcmp_error *err, uint64_t offset)
{
    mcmp_error local;

    if (err == NULL)
        return;
    fetch(&local, err);
    local.offset = offset;
    publish(err, &local);
}

void mcmp_version_info_init_sized(mcmp_version_info *info, size_t size)
{
    mcmp__sized_init(info, size);
}

int mcmp_version(mcmp_version_info *info)
{
    const mcmp_version_info own = {
        .struct_size = sizeof(own),
        .number = MCMP_VERSION_NUM,
        .text = MCMP_VERSION,
        .protocol = MCMP_PROTOCOL_VERSION,
    };

    return mcmp__sized_out(info, &own, sizeof(own));
}
