/* Cuts a byte stream into messages (RFC 3261 18.3, 7.5): strict, because whoever disagrees with the
 * next hop about where a message ends can smuggle one. */
/* SPDX-License-Identifier: MIT */
#ifndef SIP_FRAME_H
#define SIP_FRAME_H

#include "core/base/str.h"

/* What the first bytes of a stream are. */
enum frame_result {
    FRAME_MORE,    /* not complete: read on */
    FRAME_MESSAGE, /* a message of *length bytes */
    FRAME_PING,    /* CRLFCRLF keep-alive of *length bytes (RFC 5626 3.5.1) */
    FRAME_PONG,    /* a single CRLF of *length bytes */
    FRAME_BAD,     /* close the connection; *length 0 */
};

/* Remembers how far it has looked, so that bytes are looked at once. Zeroed memory is the start. */
struct frame {
    size_t seen;   /* bytes looked at */
    size_t line;   /* where the logical line begins */
    size_t head;   /* length of the head with its empty line, 0 until that came */
    size_t body;   /* Content-Length */
    bool has_body; /* Content-Length was there */
};

/* bytes: what has arrived and was not consumed yet; max: most bytes a message may have. After any
 * result but FRAME_MORE the caller drops *length bytes. */
enum frame_result frame_next(struct frame *f, struct str bytes, size_t max, size_t *length);

#endif
