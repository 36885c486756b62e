/* What every message that the engine sends must be like, whatever it received. Each says why not in
 * why, of WHY bytes. */
/* SPDX-License-Identifier: MIT */
#ifndef MESSAGES_ORACLE_H
#define MESSAGES_ORACLE_H

#include "core/base/addr.h"

enum { WHY = 400 };

/* A request went on: the bytes are those received, but for our Via, the stamps on the Via below it,
 * Max-Forwards, and headers or three colons gone from the Request-URI. src: where it came from. */
bool relayed_well(struct str in, struct str out, const struct addr *src, char *why);
/* An answer of ours to a request: where it goes, and the lines that it repeats. */
bool answered_well(struct str in, struct str out, const struct addr *dst, const struct addr *src,
                   char *why);
/* The Via lines of a reply are those of the request as it was sent to the phone, without ours. */
bool vias_return(struct str sent, struct str reply, char *why);
/* No bare CR and no NUL that is not escaped before the body: nobody after us may see another
 * header. */
bool head_is_clean(struct str out, char *why);

#endif
