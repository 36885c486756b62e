/* What can be told of a message without indexing it: for one that may not be worth that. */
/* SPDX-License-Identifier: MIT */
#ifndef SIP_GLANCE_H
#define SIP_GLANCE_H

#include "core/base/str.h"

/* Whether it may belong to something that has begun: it is an answer, a request that only occurs in
 * a dialog or after another one, or its To header may have a tag (RFC 3261 12.2). True when in
 * doubt. */
bool glance_continues(struct str bytes);

#endif
