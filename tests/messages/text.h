/* Reading messages without core/sip: what the oracles see must not depend on what they judge. */
/* SPDX-License-Identifier: MIT */
#ifndef MESSAGES_TEXT_H
#define MESSAGES_TEXT_H

#include "core/base/str.h"

/* Whether c is in a set of bytes; NUL is in none. */
static inline bool one_of(char c, const char *set)
{
    return c && strchr(set, c);
}

/* A header line with the lines folded into it. */
struct line {
    struct str all;   /* with its line end */
    struct str name;  /* without blanks behind it */
    struct str value; /* without blanks around */
};

/* The parts of a message, slices of its bytes. */
struct parts {
    struct str first; /* with its line end */
    struct line *line;
    size_t count;
    bool ended;       /* the empty line is there */
    struct str empty; /* the empty line */
    struct str body;  /* all that follows it */
};

/* Cuts a message into lines; parts_free is for what it keeps. */
void parts_cut(struct parts *p, struct str bytes);
void parts_free(struct parts *p);

/* Header names in full or compact form, any case. */
bool line_is(const struct line *l, const char *name, const char *compact);
bool is_via(const struct line *l);
/* The first line of that name; NULL when absent. */
const struct line *parts_find(const struct parts *p, const char *name, const char *compact);
/* The nth word of a first line, from 0 on. */
struct str first_word(struct str first, unsigned n);
/* Status of a response, 0 for anything else. */
unsigned status_of(struct str bytes);
/* The body as Content-Length cuts it. */
struct str body_of(const struct parts *p);

/* Whether silence would be wrong: a request, though perhaps a bad one, with a Via, and no ACK. */
bool answer_due(struct str bytes);

#endif
