/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One HTTP/1 message out of a stream: lines, headers, framing, body. The request parser and the
 * answer parser are two owners of it; each supplies what differs (start line, its own headers, what
 * a head without a length means). Sans-I/O; the result does not depend on how the bytes were cut.
 *
 * All bytes of a message live in one buffer: the head as sent, then the body, then the chunk or
 * trailer line that is being read. It may move while it grows, so owners keep ranges, not pointers.
 */
#ifndef MCMP__FRAME_H
#define MCMP__FRAME_H

#include "base/base.h"

/* What the owner says at the end of a head. */
#define MCMP__BODY_FRAMED 0   /* as the lengths say; none when there are none */
#define MCMP__BODY_TO_CLOSE 1 /* as the lengths say; to the end of the stream when there are none */
#define MCMP__BODY_NONE 2     /* none, whatever the lengths say */
#define MCMP__BODY_SKIP 3     /* none, and the head is passed over: the next one counts */

/* A part of the message, by its place in the buffer. */
typedef struct mcmp__range {
    size_t off;
    size_t len;
} mcmp__range;

typedef struct mcmp__frame mcmp__frame;

/* start and header return NULL, or what is wrong with the line, as static text. */
typedef struct mcmp__frame_ops {
    const char *(*start)(void *owner, mcmp__frame *frame, mcmp_span line);
    const char *(*header)(void *owner, mcmp__frame *frame, mcmp_span name, mcmp_span value);
    int (*head_end)(void *owner); /* MCMP__BODY_* */
} mcmp__frame_ops;

struct mcmp__frame {
    /* fixed */
    const mcmp__frame_ops *ops;
    void *owner;
    uint64_t max_body;    /* bytes kept */
    uint64_t max_drop;    /* bytes read and dropped of a longer one; 0 = a longer one is an error */
    uint32_t max_head;    /* bytes */
    uint32_t max_headers; /* lines */
    int bad_code;         /* what a malformed message is called */
    /* of the stream */
    uint64_t stream; /* bytes taken so far */
    mcmp__buf text;  /* see above */
    /* of the message */
    int state;
    uint32_t header_count;
    uint32_t stray;     /* empty lines before the start line */
    uint32_t cr;        /* the last byte taken was a CR that waits for its LF */
    size_t line;        /* where the line being read starts in text */
    size_t head_len;    /* bytes of the complete head */
    size_t room;        /* bytes that this part of the message may still take */
    size_t ext_room;    /* likewise for chunk extensions of the whole message */
    uint64_t line_at;   /* where the line being read starts in the stream */
    uint64_t length;    /* Content-Length */
    uint64_t remaining; /* body bytes to come, of the message or the chunk */
    uint64_t received;  /* body bytes taken, dropped ones too */
    uint64_t total;     /* body bytes announced so far */
    uint8_t has_length;
    uint8_t has_coding; /* Transfer-Encoding: chunked */
    uint8_t http10;
    uint8_t close;      /* Connection names close */
    uint8_t keep_alive; /* Connection names keep-alive */
    uint8_t oversize;   /* the body is over max_body and is being dropped */
    uint8_t to_close;   /* the body ends with the stream */
    uint8_t linger;     /* the body is over max_drop and was left unread from there on */
};

/* The caller has set the fixed fields; allocator must stay. */
void mcmp__frame_init(mcmp__frame *frame, const mcmp_allocator *allocator);
void mcmp__frame_clear(mcmp__frame *frame);
/* Forget the stream, keep the memory. */
void mcmp__frame_reset(mcmp__frame *frame);

/* MCMP_OK (message complete), MCMP_NEED_MORE, bad_code, HEAD_SIZE, BODY_SIZE, NOMEM, STATE */
int mcmp__frame_feed(mcmp__frame *frame, const void *data, size_t len, size_t *used,
                     mcmp_error *err);
/* MCMP_OK (that completed a message), MCMP_DONE (none had begun), TRUNCATED, STATE */
int mcmp__frame_end(mcmp__frame *frame, mcmp_error *err);
int mcmp__frame_is_complete(const mcmp__frame *frame);

mcmp__range mcmp__frame_range(const mcmp__frame *frame, mcmp_span part);
mcmp_span mcmp__frame_span(const mcmp__frame *frame, mcmp__range range);
mcmp_span mcmp__frame_body(const mcmp__frame *frame);

/* Is it "HTTP/1.0" or "HTTP/1.1"? Sets frame->http10. */
int mcmp__frame_version(mcmp__frame *frame, mcmp_span text);
/*
 * The next element of a comma list, blanks around it dropped, commas in quotes kept; 0 at the end.
 * rest moves on.
 */
int mcmp__list_next(mcmp_span *rest, mcmp_span *element);
mcmp_span mcmp__trim(mcmp_span text);

#endif
