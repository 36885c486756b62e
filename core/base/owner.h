/* Whom a file that we make belongs to, and who may use it. */
/* SPDX-License-Identifier: MIT */
#ifndef BASE_OWNER_H
#define BASE_OWNER_H

#include "core/base/str.h"

enum { OWNER_UNSET = -1, OWNER_UNKNOWN = -2 };

struct owner {
    long user, group; /* OWNER_UNSET leaves the process's own */
    unsigned mode;    /* permission bits */
};

/* Number of a user or group by name or number; OWNER_UNSET for an empty text, OWNER_UNKNOWN when
 * there is none. May read files of the system. */
long owner_user(struct str name);
long owner_group(struct str name);
/* Gives the file at path to an owner and sets its permissions, whatever the umask. ERR_OK or ERR_IO
 * with errno. */
int owner_give(const char *path, const struct owner *o);

#endif
