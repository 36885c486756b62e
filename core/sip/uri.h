/* SIP, SIPS and tel URIs as slices of their text. Identity is always the raw text: nothing is
 * unescaped behind anybody's back (admin%00x is not admin). */
/* SPDX-License-Identifier: MIT */
#ifndef SIP_URI_H
#define SIP_URI_H

#include "core/base/addr.h"

enum uri_scheme { URI_SIP, URI_SIPS, URI_TEL, URI_OTHER };

/* Every slice is empty when the part is absent. params and headers come without their first ';' and
 * '?'. For tel and other schemes user holds what follows the colon up to the parameters. */
struct uri {
    struct str text; /* the whole URI */
    enum uri_scheme scheme;
    struct str scheme_text; /* without the colon */
    struct str user;        /* with its own ;parameters, escaped as written */
    struct str password;
    struct str host; /* IPv6 with brackets */
    struct str port_text;
    struct str params;
    struct str headers;
    uint16_t port; /* 0 when absent */
    bool has_user; /* an '@' was there */
};

/* Splits and checks text by RFC 3261 25.1 (and RFC 3966 for tel). ERR_SYNTAX when it is no URI.
 * A scheme we do not know is URI_OTHER and no error. */
int uri_parse(struct uri *out, struct str text);
/* The scheme at the beginning of a URI, without its colon; empty when there is none. */
struct str uri_scheme_text(struct str uri);
/* Finds ;name or ;name=value among ;parameters, the name in any case and with %-escapes seen
 * through; value (may be NULL) gets the text after '='. params as in struct uri. */
bool param_find(struct str params, struct str name, struct str *value);
/* Walks ;parameters: quotes respected. False at the end. */
bool param_next(struct str *rest, struct str *name, struct str *value);
/* The transport the URI asks for: its parameter, else TLS for sips, else UDP; -1 when it names one
 * we do not know. */
int uri_transport(const struct uri *u);
/* Port as in uri, else 5061 for sips and transport=tls, else 5060. */
uint16_t uri_port(const struct uri *u);
/* Whether this is a host name of at most 253 bytes, an IPv4 address or an IPv6 address in brackets.
 */
bool host_valid(struct str host);
/* The address that a host part is, as ip_parse reads it. The ABNF of RFC 3261 allowed three colons
 * before an embedded IPv4 address: they count as two (RFC 5118 4.10). */
int host_ip(struct ip *out, struct str host);
/* Whether a user is '+' and 2 to 15 digits (ITU-T E.164). */
bool user_is_e164(struct str user);
/* RFC 3261 19.1.4 equality. */
bool uri_same(const struct uri *a, const struct uri *b);

#endif
