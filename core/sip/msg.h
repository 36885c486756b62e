/* A SIP message: the received bytes, untouched, and an index over them (DESIGN 3.1).
 *
 * msg_scan makes one bounded pass and slices what every message needs. Values are explained when
 * somebody asks, and the answer is kept on the message. Slices point into the bytes, which the
 * caller keeps alive, or into the message's arena. Accessors give empty slices for what is absent,
 * never NULL pointers in a str that has length. */
/* SPDX-License-Identifier: MIT */
#ifndef SIP_MSG_H
#define SIP_MSG_H

#include "core/base/addr.h"
#include "core/base/arena.h"
#include "core/sip/uri.h"

enum hdr_id {
    HDR_OTHER,
#define HDR(id, name, compact, flags, source) HDR_##id,
#include "core/sip/header.def"
#undef HDR
    HDR_COUNT
};

enum method {
#define METHOD(id, name, bit) METHOD_##id = bit,
#include "core/sip/method.def"
#undef METHOD
    METHOD_OTHER = 16384
};

/* Limits on one message; each has a counter and an answer. A request may legally have 71 Vias, one
 * a hop of Max-Forwards 70 and the first sender's. */
enum { MSG_MAX_HEADERS = 512, MSG_MAX_VIAS = 100, MSG_MAX_BYTES = 65535 };

struct hdr {
    struct str name;  /* as written */
    struct str value; /* without blanks around it; line folds inside are kept */
    struct str line;  /* all of it, from the first byte of the name past the last CRLF */
    uint16_t next;    /* number + 1 of the next header of the same id, 0 at the end */
    uint8_t id;       /* enum hdr_id */
};

/* One via-parm. */
struct via {
    struct str text;      /* the whole via-parm */
    struct str version;   /* "2.0" */
    struct str transport; /* "UDP" as written */
    struct str host;      /* sent-by host, IPv6 with brackets */
    struct str params;    /* without the first ';' */
    struct str branch, received, rport, maddr;
    uint16_t port;  /* 0 when absent */
    bool has_port;  /* one is written there, perhaps an impossible one: port is 0 then */
    bool has_rport; /* ;rport is there, with or without value */
    bool odd;       /* not what RFC 3261 25.1 allows, though good enough to be answered */
};

/* name-addr or addr-spec with its header parameters: From, To, Contact, Route, ... */
struct nameaddr {
    struct str text;    /* the whole value */
    struct str display; /* as written, quotes included; no blank at the end */
    struct str uri;     /* without angle brackets */
    struct str params;  /* header parameters without the first ';' */
    bool angle;         /* written in angle brackets */
};

/* Why a message cannot be used as it is: the answer the RFC names, reason short enough for a phone.
 * code 0: nothing is wrong. */
struct fault {
    uint16_t code;
    const char *reason; /* static text */
};

struct msg {
    struct arena *arena;   /* lazily explained values go here */
    struct str raw;        /* head and body, and nothing behind (RFC 3261 18.3) */
    struct str first_line; /* without CRLF */
    bool request;
    /* request */
    uint32_t method; /* enum method; for replies that of CSeq */
    struct str method_text;
    struct str uri; /* Request-URI as received */
    /* reply */
    uint16_t status;
    struct str reason;
    struct str version;

    struct hdr *hdr;
    uint16_t count;
    uint16_t first[HDR_COUNT]; /* number + 1 of the first header of each id, 0 when absent */
    struct str body;

    /* sliced by the scan, empty when absent or unusable */
    struct via via; /* the topmost via-parm */
    struct str call_id;
    struct str from_tag, to_tag;
    struct str cseq_number, cseq_method;
    uint32_t cseq;

    struct fault fault; /* first thing the scan found wrong */

    /* filled in by whoever received it */
    struct addr src;   /* where it came from */
    struct addr local; /* our socket that received it */
    uint16_t socket;   /* number of that socket */
    bool force_rport;  /* act as if the top Via had ;rport */

    struct msg_values *values; /* cache of explained values; msg.c only */
};

/* Indexes bytes. ERR_OK: usable, though fault may be set. ERR_SYNTAX: not a SIP message or without
 * a usable top Via, to be dropped and counted. ERR_NOMEM. bytes must outlive m; m itself need not
 * be initialised. */
int msg_scan(struct msg *m, struct arena *a, struct str bytes);
/* Full check of a request by RFC 3261 16.3 and of what routing needs: the first fault (400, 420,
 * 505, ...), or code 0. Judged once and kept. */
struct fault msg_check(struct msg *m);

static inline const struct hdr *msg_header(const struct msg *m, enum hdr_id id)
{
    return m->first[id] ? &m->hdr[m->first[id] - 1] : NULL;
}
static inline const struct hdr *msg_header_next(const struct msg *m, const struct hdr *h)
{
    return h->next ? &m->hdr[h->next - 1] : NULL;
}
/* First header of that name in full or compact form and any case; after = NULL for the first, else
 * the one behind it. */
const struct hdr *msg_header_named(const struct msg *m, struct str name, const struct hdr *after);
/* The id of a header name, in full or compact form and any case; HDR_OTHER when not known. */
enum hdr_id hdr_lookup(struct str name);
const char *hdr_name(enum hdr_id id);
/* The bit of a method name (case-sensitive, RFC 3261 7.1); METHOD_OTHER when not known. */
uint32_t method_lookup(struct str name);
const char *method_name(uint32_t method);

/* Walks the comma separated values of all headers of an id:
 *   struct value_iter it = {0};
 *   while (msg_value_next(m, HDR_ROUTE, &it)) use(it.text); */
struct value_iter {
    const struct hdr *hdr; /* the row the value stands in */
    struct str text;       /* the value */
    struct str rest;       /* internal */
    bool started;
};
bool msg_value_next(const struct msg *m, enum hdr_id id, struct value_iter *it);
/* Cuts one value off a comma list, quotes and angle brackets respected; false at its end. */
bool value_cut(struct str *rest, struct str *out);

/* Explained values: NULL when the header is absent or malformed. */
const struct nameaddr *msg_from(struct msg *m);
const struct nameaddr *msg_to(struct msg *m);
/* The Request-URI as received. */
const struct uri *msg_uri(struct msg *m);
/* Splits one name-addr. ERR_SYNTAX when it is none. */
int nameaddr_parse(struct nameaddr *out, struct str text);
/* Splits one via-parm. ERR_SYNTAX when it names no transport or host; lesser faults set odd. */
int via_parse(struct via *out, struct str text);
/* Content-Length as a number; ERR_NOTFOUND when absent, ERR_SYNTAX when no number. */
int msg_content_length(const struct msg *m, uint32_t *out);

#endif
