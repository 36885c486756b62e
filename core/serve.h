/* The running server: sockets, workers, signals, reload. */
/* SPDX-License-Identifier: MIT */
#ifndef CORE_SERVE_H
#define CORE_SERVE_H

#include "core/options.h"
#include "core/proxy/shared.h"

/* Loads the script and serves until SIGTERM or SIGINT. The exit status of the program. */
int serve(const struct options *o, const struct module_set *set);

/* Fills the sockets of a shared part from the command line, else from the script. Fails with a
 * sentence in why. */
int sockets_fill(struct shared *s, const struct options *o, const struct program *p,
                 struct buf *why);
/* Whether the sockets and hosts that calls in the script name exist: what can be known only when
 * the server starts. Blocks for names. A sentence for each that does not, with its place, in why.
 */
bool sockets_serve(const struct shared *s, const struct program *p, struct buf *why);
/* Frees what sockets_fill allocated. */
void sockets_free(struct shared *s);

#endif
