/* Where requests of others on this machine arrive: a descriptor that a loop looks at, perhaps with
 * a name in the file system (a named pipe, a unix socket), which is made when it opens and removed
 * when it closes. */
/* SPDX-License-Identifier: MIT */
#ifndef BASE_INLET_H
#define BASE_INLET_H

#include <sys/types.h>

#include "core/base/arena.h"
#include "core/base/loop.h"
#include "core/base/owner.h"

struct inlet {
    const char *path; /* its name, or NULL */
    struct owner owner;
    struct loop *loop; /* NULL while it is closed */
    struct watch watch;
};

/* Opens it: make fills e->watch.fd, ERR_OK or an error with a sentence in why; then ready is called
 * for what arrives. After an error inlet_close is still due. */
int inlet_open(struct inlet *e, struct loop *l, int (*make)(struct inlet *e, struct buf *why),
               void (*ready)(struct watch *w, unsigned events), struct buf *why);
/* Closes it and removes its name. Nothing happens to one that is closed. */
void inlet_close(struct inlet *e);
/* For make: what another server left at the path goes, if it is of that type (S_IFIFO, S_IFSOCK):
 * it may belong to somebody else. Anything else stays, and that is an error. */
int inlet_clear(struct inlet *e, mode_t type, struct buf *why);
/* For make: says in why what went wrong where, by errno. Gives ERR_IO. */
int inlet_failed(const char *where, struct buf *why);

#endif
