/* Where a request goes: from a next hop, written as a URI or as [proto:]host[:port], to addresses
 * and one of our sockets. */
/* SPDX-License-Identifier: MIT */
#ifndef PROXY_DEST_H
#define PROXY_DEST_H

#include "core/proxy/engine_priv.h"

/* Why nothing could be sent. Row: id, result for the script, code and text of the automatic reply,
 * number in its brackets (MODULES 1.1.1). */
#define FAILURE_LIST(X)                                                                            \
    X(NONE, 1, 500, "Server error occurred", 1)                                                    \
    X(GENERIC, -1, 500, "Server error occurred", 1)                                                \
    X(NO_MEMORY, -1, 500, "Server error occurred", 1)                                              \
    X(BAD_URI, -2, 475, "Bad URI", 475)                                                            \
    X(NO_DESTINATION, -3, 500, "Server error occurred", 19)                                        \
    X(UNRESOLVED, -4, 476, "Unresolvable destination", 476)                                        \
    X(BLOCKED, -5, 473, "Filtered destination", 473)                                               \
    X(NO_TRANSPORT, -6, 500, "Server error occurred", 2)                                           \
    X(SCHEME, -2, 416, "Unsupported URI Scheme", 416)                                              \
    X(BREADTH, -3, 440, "Max-Breadth Exceeded", 440)

enum failure {
#define X(id, result, code, text, number) FAIL_##id,
    FAILURE_LIST(X)
#undef X
        FAIL_WAIT /* not known yet: the name is being looked up */
};

/* What the script is told. */
int failure_result(enum failure f);
/* Code and reason of the automatic reply, by whom: "TM" or "SL". */
unsigned failure_reply(enum failure f, const char *who, struct arena *a, struct str *reason);

enum { DEST_ADDRS = 8 };

struct locate;

/* The addresses of one next hop, to be tried one after the other. */
struct dest {
    struct str host; /* lives as long as what it was read from */
    struct ip ip;    /* family 0: host is a name */
    uint16_t port;   /* as given, else the transport's own */
    uint8_t proto;
    bool port_given, proto_given; /* what is not may be found in DNS (RFC 3263 4) */
    uint8_t count, at;
    struct addr addr[DEST_ADDRS];
    struct locate *locate; /* while names are being looked up */
};

/* Whether a request with that Request-URI may go anywhere: one of a scheme we know nothing of
 * (urn:service:sos) only when the script has said where to with $du (RFC 3261 16.3 2). A next hop
 * for whatever comes does not say that. */
bool dest_scheme_ok(const struct uri *u, struct str dst_uri);
/* Reads a next hop: a URI, or [proto:]host[:port]. FAIL_NONE, or why it leads nowhere. */
enum failure dest_read(struct dest *d, struct str hop);
/* The same from a URI that is explained already; NULL: a malformed one. */
enum failure dest_read_uri(struct dest *d, const struct uri *u);
/* Told when a name was looked up; d->count is 0 when there is no such name. d NULL: the process
 * stops, free the call that waits. */
typedef void (*dest_done)(struct dest *d, void *arg);
/* Finds the addresses by RFC 3263: at once, or FAIL_WAIT and done is told later. d, a and arg live
 * until then. (locate.c) */
enum failure dest_resolve(struct engine *e, struct dest *d, struct arena *a, dest_done done,
                          void *arg);
/* The same for the addresses alone of a name, of one family or (0) of those we have sockets of;
 * port and proto are d's. */
enum failure dest_addresses(struct engine *e, struct dest *d, uint8_t family, struct arena *a,
                            dest_done done, void *arg);
/* Waits no longer; done is not told. */
void dest_forget(struct dest *d);
/* Gives up what waits for a name: the process stops. */
void dest_free_all(struct engine *e);
/* The next address we have a socket for, and that socket (LANGUAGE 8.3): forced (or NO_SOCKET) if
 * it fits, by mhomed, received (the one the request came in on) if it fits, else the first that
 * does. */
enum failure dest_next(struct way *out, struct dest *d, const struct call *c, int forced,
                       uint16_t received);
/* The socket to send to dst from by the same rules, -1 when there is none. */
int dest_socket(const struct call *c, const struct addr *dst, int forced, uint16_t received);

/* Whether a blacklist in use by the call keeps bytes from going to dst (blacklist.c). */
bool dest_blocked(const struct call *c, const struct addr *dst, struct str bytes);

#endif
