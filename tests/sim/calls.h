/* Random calls through a script: callers, phones and a voicemail server that answer, refuse, say
 * nothing, cancel, hang up and misbehave as the seed says, in weather as bad as one likes. */
/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SIM_CALLS_H
#define TESTS_SIM_CALLS_H

#include <stdio.h>

#include "core/sim/world.h"

struct calls_conf {
    struct config *config; /* of the script */
    uint64_t seed;
    unsigned calls;
    unsigned gap;     /* ms between the starts of two calls, on average */
    struct link link; /* every link */
    bool rude;        /* some phones send what they must not: second finals, late 2xx */
    bool shuffle;
    unsigned workers;
    unsigned reloads; /* how often the script is loaded again meanwhile */
    const char *path; /* of the script, for reloads */
    bool planned;     /* exactly these mishaps, instead of what link says */
    const struct mishap *plan;
    unsigned n_plan;
    FILE *trace;                      /* every packet; NULL: none */
    void (*inside)(bool engine);      /* as in struct world_conf */
    void (*prepare)(struct world *w); /* called when the world is there; may be NULL */
    bool lasting;                     /* only what is left at the end counts */
};

struct calls_result {
    uint64_t transactions, packets, lost, steps, ms;
    unsigned violations; /* of the rules of core/sim/check.h */
    char first[512];     /* the first of them */
    uint64_t first_at;
    uint64_t digest;                    /* of every packet: the same seed gives the same */
    unsigned answered, refused, silent; /* calls, as the callers saw them */
    struct mishap *mishaps;             /* the caller's to free */
    unsigned n_mishaps;
};

/* ERR_OK, or an error when no world could be made. */
int calls_run(const struct calls_conf *conf, struct calls_result *out);

#endif
