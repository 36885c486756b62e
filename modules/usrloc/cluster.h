/* Contacts that several hosts share through Redis. Each address of record is a hash
 * "signalbox:TABLE:AOR" with a field for each contact; it ends with the last of them.
 *
 * A host asks Redis before it looks or saves and brings its own tables up to date with what it is
 * told; while Redis is away the tables are what there is, and what was saved meanwhile is written
 * when it is back. A contact is owned by the host it registered at: the others reach it through
 * that host, by a Path. */
/* SPDX-License-Identifier: MIT */
#ifndef USRLOC_CLUSTER_H
#define USRLOC_CLUSTER_H

#include "modules/usrloc/writer.h"

struct cluster;

/* url: see redis_new; self: the SIP URI at which the other hosts reach this one. NULL with a
 * sentence in why. */
struct cluster *cluster_new(struct str url, struct str self, uint32_t deadline, bool match_call_id,
                            struct buf *why);
/* The tables and the writer that it works with, which are made after it. */
void cluster_use(struct cluster *k, struct locations *l, struct writer *w);
/* Once a second on each worker. */
void cluster_second(struct cluster *k, unsigned worker);
/* A worker ends, on its thread. */
void cluster_leave(struct cluster *k, unsigned worker);
void cluster_free(struct cluster *k);

/* Brings the address of record up to date, then goes on. Nothing is told but that it is over:
 * whether Redis has answered or not, the tables are what there is. For a function to return. */
typedef int (*cluster_fresh)(struct call *c, void *arg);
int cluster_refresh(struct call *c, struct cluster *k, const struct location_key *key,
                    cluster_fresh fresh, void *arg);

/* user is a struct cluster. */
extern const struct writer_backend cluster_backend;

/* ---- for tests ---- */

/* A contact as the value of its field. */
void cluster_value(struct buf *out, const struct ucontact *c, struct str edge);
/* Reads one; texts point into value, which anybody may have written. ERR_OK, ERR_SYNTAX. */
int cluster_parse(struct ucontact *out, struct str *edge, struct str value);
/* The Path through the host that owns a contact, in front of the contact's own. */
struct str cluster_path(struct arena *a, const struct ucontact *c, struct str edge);

#endif
