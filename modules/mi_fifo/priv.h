/* Inside of the mi_fifo module. */
/* SPDX-License-Identifier: MIT */
#ifndef MODULES_MI_FIFO_PRIV_H
#define MODULES_MI_FIFO_PRIV_H

#include "core/module.h"

extern const struct module mi_fifo_module;

struct mi_fifo_conf {
    struct str fifo_name, reply_dir, reply_indent, user, group;
    struct owner owner;
    int32_t mode;
};

/* What outlives versions of the script; on the main thread only. */
struct mi_fifo {
    struct mi_server *server;
    struct inlet pipe;
    struct timer stale; /* a request that came in half is thrown away */
    struct arena arena; /* of the texts */
    const char *dir, *indent;
    struct list replies;
    unsigned waiting; /* replies in the list */
    size_t len;       /* bytes in text */
    char text[MI_REQUEST_MAX + 4096];
};

/* An answer on its way to a client, or the place for one (reply.c). */
struct mi_fifo_reply;
/* One for the client that named that file; NULL, with a line in the log, when the name is no name,
 * or too many answers wait. */
struct mi_fifo_reply *mi_fifo_reply_new(struct mi_fifo *f, struct str name);
/* mi_client.answer: sends it, in its own time, and frees the reply. */
void mi_fifo_reply_send(void *reply, struct str answer);
/* Gives all up: the server stops. */
void mi_fifo_reply_free_all(struct mi_fifo *f);

#endif
