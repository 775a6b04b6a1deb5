/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Internals of the AJP codec: the codes of packets and attributes, the tables of names, and what
 * both roles know of their connection. AJP13 is the contract that comments here refer to.
 */
#ifndef MCMP__AJP_H
#define MCMP__AJP_H

#include "wire.h"

#include <libmcmp/ajp.h>

/* Types of packets, AJP13 2 and 3 */
#define MCMP__AJP_FORWARD 2
#define MCMP__AJP_SEND_CHUNK 3
#define MCMP__AJP_SEND_HEADERS 4
#define MCMP__AJP_END 5
#define MCMP__AJP_GET_CHUNK 6
#define MCMP__AJP_SHUTDOWN 7
#define MCMP__AJP_PONG 9
#define MCMP__AJP_PING 10

/* Attributes */
#define MCMP__AJP_QUERY 5
#define MCMP__AJP_NAMED 10
#define MCMP__AJP_KEY_SIZE 11
#define MCMP__AJP_SECRET 12
#define MCMP__AJP_STORED_METHOD 13
#define MCMP__AJP_LAST 0xff

/* Request header codes that decide something */
#define MCMP__AJP_CONTENT_TYPE 7
#define MCMP__AJP_CONTENT_LENGTH 8
#define MCMP__AJP_COOKIE 9
#define MCMP__AJP_HOST 11

#define MCMP__AJP_METHODS 27u
#define MCMP__AJP_REQUEST_CODES 14u
#define MCMP__AJP_RESPONSE_CODES 11u
#define MCMP__AJP_NAME_MAX 255u /* AJP13 2: longer names could be read as codes */

/* packet.c */
/* Fails with the place in the connection's input. */
int mcmp__ajp_fail_at(mcmp_error *err, int code, const char *field, uint64_t offset,
                      const char *text);
/* Index of the first control byte (TAB is none), or len; and of one that is not printable ASCII. */
size_t mcmp__ajp_text_bad(mcmp_span text);
int mcmp__ajp_is_token(mcmp_span text);

/* names.c */
#define MCMP__AJP_FIELDS 30u
extern const uint8_t mcmp__ajp_field_codes[MCMP__AJP_FIELDS]; /* by MCMP_HTTP_FIELD_*; 0: none */
extern const mcmp_span mcmp__ajp_methods[MCMP__AJP_METHODS + 1];
extern const mcmp_span mcmp__ajp_request_names[MCMP__AJP_REQUEST_CODES + 1];
extern const mcmp_span mcmp__ajp_response_names[MCMP__AJP_RESPONSE_CODES + 1];
uint32_t mcmp__ajp_method_code(mcmp_span name);   /* 1..27, or 255 */
uint32_t mcmp__ajp_http_method(mcmp_span name);   /* MCMP_HTTP_* */
uint32_t mcmp__ajp_request_code(mcmp_span name);  /* of a token, not empty: 1..14, or 0 */
uint32_t mcmp__ajp_response_code(mcmp_span name); /* 1..11, or 0 */
int mcmp__ajp_is_hop(mcmp_span name);             /* ends at this hop, or is our own framing */
int mcmp__ajp_is_reserved(mcmp_span name);        /* a coded attribute's name: never a named one */

/* options.c */
int mcmp__ajp_options_take(mcmp_ajp_options *dst, const mcmp_ajp_options *src,
                           mcmp_allocator *allocator, mcmp_error *err);

/* Where a proxy's exchange stands. */
#define MCMP__PROXY_IDLE 0   /* fresh, or all was well: see can_reuse */
#define MCMP__PROXY_PING 1   /* CPong is due */
#define MCMP__PROXY_OPEN 2   /* the head is due */
#define MCMP__PROXY_ANSWER 3 /* End Response is due */
#define MCMP__PROXY_ENDED 4  /* with reuse 1 */
#define MCMP__PROXY_CLOSED 5 /* ended, not to be used again */
#define MCMP__PROXY_FAILED 6

struct mcmp_ajp_proxy {
    mcmp_allocator allocator;
    size_t size;
    uint32_t max_packet;
    uint32_t max_accept;
    uint32_t max_headers;
    uint32_t text_size;
    mcmp_http_head *head;
    mcmp_pair *lines; /* max_headers */
    char *packet;     /* a Send Headers that came in parts: max_accept */
    char *text;       /* the answer's head as HTTP/1.1; own lines while encoding: text_size */
    /* all below is cleared by reset */
    uint64_t seen; /* bytes of input before this feed */
    uint64_t packet_at;
    uint64_t unsent;
    uint64_t body_left; /* of a request's body of known length */
    uint64_t body_sent;
    uint64_t answer_left;
    uint64_t answer_taken;
    uint32_t phase;
    uint32_t method; /* MCMP_HTTP_* */
    uint32_t body_framing;
    uint32_t body_ended;
    uint32_t first_due; /* the packet that goes unasked */
    uint32_t get_due;   /* an answer to Get Body Chunk */
    uint32_t get_most;
    uint32_t answer_framing;
    uint32_t has_reply;
    uint32_t has_head;
    uint32_t behind; /* bytes lay behind End Response */
    uint32_t interims;
    uint32_t step;    /* of the input */
    uint32_t payload; /* of the packet in work */
    uint32_t left;    /* of its content */
    uint32_t gathered;
    mcmp__ajp_small small;
};

/* reply.c: a complete payload of Send Headers becomes proxy->head. */
int mcmp__ajp_reply_head(mcmp_ajp_proxy *proxy, const char *payload, size_t len, mcmp_error *err);
/* facts.c: attributes of a Forward Request. */
int mcmp__ajp_facts_check(const mcmp_ajp_facts *facts, mcmp_error *err);
int mcmp__ajp_put_facts(mcmp__ajp_out *out, const mcmp_ajp_facts *facts,
                        const mcmp_http_target *target, mcmp_span stored_method, mcmp_error *err);

/* Where a container's exchange stands. */
#define MCMP__CONTAINER_IDLE 0   /* a request or CPing is due */
#define MCMP__CONTAINER_BODY 1   /* a body packet is due: the first, or one that was asked for */
#define MCMP__CONTAINER_WAIT 2   /* nothing is due until the host asks or ends */
#define MCMP__CONTAINER_CLOSED 3 /* ended without reuse */
#define MCMP__CONTAINER_FAILED 4
#define MCMP__CONTAINER_REFUSED 5 /* failed, but an answer may go out */

typedef struct mcmp__ajp_body {
    uint64_t left; /* for a known length */
    uint32_t framing;
    uint32_t ended;
} mcmp__ajp_body;

struct mcmp_ajp_container {
    mcmp_allocator allocator;
    size_t size;
    uint32_t max_packet;
    uint32_t max_accept;
    uint32_t max_headers;
    uint32_t allow_count;
    mcmp_span secret;
    mcmp_span *allow;
    mcmp_pair *lines;      /* max_headers */
    mcmp_pair *attributes; /* MCMP__AJP_ATTRIBUTES */
    char *packet;          /* max_accept: the request's views point here */
    /* all below is cleared by reset */
    uint64_t seen;
    uint64_t packet_at;
    mcmp__ajp_body body;
    uint64_t answer_left;
    uint32_t phase;
    uint32_t step;
    uint32_t payload;
    uint32_t left;
    uint32_t gathered;
    uint32_t has_request; /* an exchange is open */
    uint32_t end_due;     /* the END event of a body is still to be told */
    uint32_t stray;       /* one empty packet after a request without a body is swallowed */
    uint32_t pong_due;
    uint32_t has_head;
    uint32_t answer_framing;
    uint32_t codes_seen; /* bit per attribute code, while decoding */
    uint32_t names_seen; /* bit per known named attribute */
    mcmp__ajp_small small;
    mcmp_ajp_request request;
};

#define MCMP__AJP_ATTRIBUTES 64u
/* request.c: a complete payload of a Forward Request becomes container->request. */
int mcmp__ajp_request_take(mcmp_ajp_container *container, size_t len, mcmp_error *err);

#endif
