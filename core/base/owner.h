/* Whom a file that we make belongs to, and who may use it. */
/* SPDX-License-Identifier: MIT */
#ifndef BASE_OWNER_H
#define BASE_OWNER_H

#include "core/base/arena.h"

enum { OWNER_UNSET = -1 };

struct owner {
    long user, group; /* OWNER_UNSET leaves the process's own */
    unsigned mode;    /* permission bits */
};

/* The owner by names, or numbers, of a user and a group; an empty one is unset. ERR_OK, or
 * ERR_NOTFOUND with a sentence in why. May read files of the system. */
int owner_find(struct owner *out, struct str user, struct str group, unsigned mode,
               struct buf *why);
/* Gives the file at path to an owner and sets its permissions, whatever the umask. ERR_OK or ERR_IO
 * with errno. */
int owner_give(const char *path, const struct owner *o);

#endif
