/* Pipes and sockets with a name. */
/* SPDX-License-Identifier: MIT */
#include "core/base/inlet.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/err.h"

int inlet_failed(const char *where, struct buf *why)
{
    buf_printf(why, "%s: %s", where, strerror(errno));
    return ERR_IO;
}

int inlet_clear(struct inlet *e, mode_t type, struct buf *why)
{
    struct stat s;
    if (lstat(e->path, &s) != 0)
        return ERR_OK;
    if ((s.st_mode & S_IFMT) != type) {
        buf_printf(why, "%s: it exists and is no %s", e->path,
                   type == S_IFIFO ? "named pipe" : "socket");
        return ERR_IO;
    }
    return unlink(e->path) == 0 ? ERR_OK : inlet_failed(e->path, why);
}

int inlet_open(struct inlet *e, struct loop *l, int (*make)(struct inlet *e, struct buf *why),
               void (*ready)(struct watch *w, unsigned events), struct buf *why)
{
    e->loop = l;
    e->watch = (struct watch){.fd = -1, .ready = ready};
    int rc = make(e, why);
    if (rc == ERR_OK && e->path && owner_give(e->path, &e->owner) != ERR_OK)
        rc = inlet_failed(e->path, why);
    return rc == ERR_OK ? l->watch(l, &e->watch, LOOP_READ) : rc;
}

void inlet_close(struct inlet *e)
{
    if (!e->loop)
        return;
    if (e->watch.fd >= 0) {
        e->loop->unwatch(e->loop, &e->watch);
        close(e->watch.fd);
        e->watch.fd = -1;
        if (e->path)
            unlink(e->path);
    }
    e->loop = NULL;
}
