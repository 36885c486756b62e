/* Outgoing messages, each written in one pass from received bytes, edits and what the sender adds.
 */
/* SPDX-License-Identifier: MIT */
#ifndef SIP_BUILD_H
#define SIP_BUILD_H

#include "core/sip/edit.h"
#include "core/sip/msg.h"

/* A request on its way out. */
struct request_out {
    struct str uri;        /* Request-URI to write */
    struct str via_branch; /* our branch parameter, with the magic cookie */
    struct str via_extra;  /* more parameters for our Via, with their ';', or empty (";rport") */
    struct str route;      /* Route header lines to put on top of the others (Path), or empty */
    const struct edits *edits;    /* of the message; may be NULL */
    const struct send_info *info; /* Via transport, host and port come from here */
    bool content_length;          /* add Content-Length when absent (streams) */
    uint32_t max_breadth;         /* value of Max-Breadth (RFC 5393 5.3.3); 0: as it came */
};

/* RFC 3261 16.6: our Via on top, received and rport on the one below, the edits, the new
 * Request-URI; everything else byte for byte. buf fails when there is no room. */
void build_request(struct buf *out, const struct msg *m, const struct request_out *o);

/* A reply passed on: the topmost via-parm removed, edits applied (RFC 3261 16.7). */
void build_relayed_reply(struct buf *out, const struct msg *m, const struct edits *edits,
                         const struct send_info *info);

/* A request of our own with edits applied, and Content-Length as they need it. */
void build_edited(struct buf *out, const struct msg *m, const struct edits *edits,
                  const struct send_info *info);

/* A reply of our own to a request (RFC 3261 8.2.6), Via with received and rport. to_tag is added
 * when not empty and the request has none. headers: more header lines, each with CRLF. body may be
 * empty. */
struct reply_out {
    unsigned code;
    struct str reason;
    struct str to_tag;
    struct str headers;
    struct str server; /* whole Server line without CRLF, or empty */
    struct str body;
};
void build_reply(struct buf *out, const struct msg *m, const struct reply_out *o);

/* The header lines that the answer to a fault of m must have: Unsupported with the option tags of
 * Proxy-Require for a 420. */
void build_fault_headers(struct buf *out, const struct msg *m, struct fault f);

/* ACK for a negative answer, and CANCEL (RFC 3261 17.1.1.3, 9.1): made from the request as we sent
 * it. reply gives the To of an ACK. agent: whole User-Agent line without CRLF, or empty. ERR_SYNTAX
 * when sent is not a request. */
int build_ack(struct buf *out, struct arena *scratch, struct str sent, const struct msg *reply,
              struct str agent);
int build_cancel(struct buf *out, struct arena *scratch, struct str sent, struct str agent);

/* Where a reply to m goes by RFC 3261 18.2.2 and RFC 3581. For a request: back to its source
 * address, on streams to the very connection; on UDP to the source port with rport, or when that of
 * the top Via cannot be read, else to the port of the top Via. to_via sends it where that Via says
 * instead (reply_to_via). For a reply that is passed on: where the via-parm below ours says.
 * ERR_NOTFOUND when that needs a name to be resolved; *host then holds it. ERR_INVALID for a
 * broadcast or multicast address, port 0 or no such via-parm; ERR_UNSUPPORTED for a transport we do
 * not have. */
int reply_destination(struct addr *out, struct str *host, const struct msg *m, bool to_via);
/* The same for one via-parm alone: maddr, received, rport, sent-by. */
int via_destination(struct addr *out, struct str *host, const struct via *v);

#endif
