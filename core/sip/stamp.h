/* received and rport: what the top Via of a request gets (RFC 3261 18.2.1, RFC 3581), for this
 * folder only. */
/* SPDX-License-Identifier: MIT */
#ifndef SIP_STAMP_H
#define SIP_STAMP_H

#include "core/sip/build.h"
#include "core/sip/splice.h"

/* Memory for the two texts. */
struct stamp {
    char memory[80];
};

/* Adds the edits that put them there. received is due when sent-by is not the source address or
 * when somebody wrote another one; rport when it was asked for or forced. What is there is
 * overwritten in place. What is new goes where the reference puts it: behind sent-by in a request
 * that is passed on (front), received first; at the end of the via-parm in a reply of our own,
 * rport first. */
void stamp_add(struct own_edits *own, const struct msg *m, struct stamp *s, bool front);
/* What to call ourselves; mem has room for IP_TEXT + 2 bytes. */
struct str info_host(char *mem, const struct send_info *info);

#endif
