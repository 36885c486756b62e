/* What the parts of the torture test share: the messages, what is expected of them, the report. */
/* SPDX-License-Identifier: MIT */
#ifndef MESSAGES_TORTURE_H
#define MESSAGES_TORTURE_H

#include "tests/messages/oracle.h"
#include "tests/messages/world.h"

enum { TSV_COLUMNS = 10, NAME_BYTES = 160, SPEC_BYTES = 200 };

/* ---- tables (files.c) ---- */

struct row {
    char *column[TSV_COLUMNS]; /* never NULL; absent ones are empty */
    bool used;                 /* for whoever wants to know which rows were */
};

struct table {
    struct row *row;
    size_t count;
};

/* Reads a file of tab separated columns without its first line; comments begin with '#'. */
void table_read(struct table *t, const char *path);
void table_free(struct table *t);

/* ---- messages (files.c) ---- */

struct file {
    char name[NAME_BYTES]; /* "rfc4475/wsinv.dat" */
    struct str bytes;
    char spec[SPEC_BYTES]; /* what may happen to it, in the words of expect.tsv */
    char must_see[NAME_BYTES];
    bool forwarded; /* by scripts/relay.cfg, as was found */
};

struct files {
    struct file *file;
    size_t count;
};

/* All sets below a folder, judged by their INDEX.tsv as expect.tsv explains it. False when the
 * folder is not there. */
bool files_read(struct files *f, const char *folder, const struct table *expect);
void files_free(struct files *f);
const struct file *files_find(const struct files *f, const char *name);
bool file_is(const struct file *f, const char *extension);

/* ---- what happened ---- */

/* What a script made of one message, read off the packets of a world. */
struct seen {
    const struct packet *forward; /* the first request that went to a phone, or NULL */
    const struct packet *final;   /* the first final answer to src, or NULL */
    unsigned forwards;            /* different ones */
    unsigned finals;              /* different ones */
    unsigned code;                /* of the first */
    unsigned others;              /* packets that are neither, provisional answers not counted */
};

/* Looks at all that was sent since world_clear, for a message that came from src. */
void look(struct seen *s, const struct world *w, const struct addr *src);
/* Where the test sends a message from: an IPv6 host when its top Via names one. */
struct addr source_of(struct str bytes);
/* "forward", "drop", or the code of the answer. */
const char *outcome(const struct seen *s, char text[static 16]);
/* Whether a word of the spec allows it; due: silence would be wrong. */
bool spec_allows(const char *spec, const char *outcome, bool due);

/* ---- report ---- */

void passed(const char *phase, const char *name, const char *detail);
void failed(const char *phase, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- the parts, each reports what it finds ---- */

/* Every message through scripts/relay.cfg, held against its INDEX (judge.c). */
void judge_all(struct files *f, struct table *leniencies);
/* What becomes of a response that answers a request we relayed: "forward", "discard" when the
 * request goes on being repeated, "absorb" when it does not; or a sentence. more in why (judge.c).
 */
const char *in_transaction(struct world *w, const struct file *f, char *why);
/* Every message that is relayed, with a phone that answers, and with a caller that gives up
 * (calls.c). */
void calls_all(const struct files *f);
/* The rows of checks.tsv (checks.c). */
void checks_all(const struct files *f, const struct table *checks);
/* Every message through the examples' scripts; every prefix; each with single bytes changed; floods
 * (floods.c). */
void scripts_all(const struct files *f);
void prefixes_all(const struct files *f);
void damage_all(const struct files *f);
void floods_all(const struct files *f);

#endif
