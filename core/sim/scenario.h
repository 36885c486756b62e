/* Scenarios: tests of a routing script, written as what phones and servers around it do and must
 * see (examples/README.md). A file is loaded once; each of its tests can be run any number of
 * times, in worlds as bad as one likes.
 *
 *     load -> struct scenario (immutable) -> scenario_run(one test, a seed) -> struct
 * scenario_result
 */
/* SPDX-License-Identifier: MIT */
#ifndef SIM_SCENARIO_H
#define SIM_SCENARIO_H

#include <stdio.h>

#include "core/sim/check.h"
#include "core/sim/weather.h"
#include "lang/diag.h"

struct scenario;

enum { SCENARIO_MAX_PARTIES = 32, SCENARIO_MAX_COLUMNS = 8, SCENARIO_MAX_INCLUDES = 8 };

/* ---- loading ---- */

/* Reads a scenario and everything it includes. Findings are in scenario_findings; with errors among
 * them it has no tests. NULL only without memory. */
struct scenario *scenario_load(const char *path);
/* The same for a text in memory, named name. */
struct scenario *scenario_load_text(struct str name, struct str text);
void scenario_free(struct scenario *s);
/* What is wrong with it; its sources, for places in results. */
const struct diag *scenario_findings(const struct scenario *s);
/* The script it is about, as a path from the working directory. */
struct str scenario_script(const struct scenario *s);

/* Tests count from 0; a row of a table is a test of its own. */
unsigned scenario_tests(const struct scenario *s);
struct str scenario_test_name(const struct scenario *s, unsigned test);
struct loc scenario_test_loc(const struct scenario *s, unsigned test);

/* ---- what it declares, for who builds a world himself ---- */

/* Those of phone and server lines. */
unsigned scenario_parties(const struct scenario *s);
struct str scenario_party_name(const struct scenario *s, unsigned party);
struct addr scenario_party_addr(const struct scenario *s, unsigned party);

/* Compiles the scenario's script (path NULL: its own), parameters overridden as it says. Findings
 * go to d; NULL on error. */
struct config *scenario_config(const struct scenario *s, const struct module_set *set,
                               const char *path, struct diag *d);

/* The same with short timers of tm, whose parameters are scenario_quick; NULL when the script (its
 * compiled program: base) has no tm, or on error. */
struct config *scenario_config_quick(const struct scenario *s, const struct module_set *set,
                                     const struct program *base, struct diag *d);
/* How a script line says it: " with tm fr_timer=2 ...". */
const char *scenario_quick(void);

/* ---- running ---- */

struct scenario_setup {
    const struct module_set *set;
    struct config *config; /* from scenario_config; stays the caller's */
    uint64_t seed;
    bool lines; /* observers get script lines, also for 'script ran' (which asks for them itself) */
    /* Called when the world is there and before the first step: links, a plan, observers of the
     * caller's own. May be NULL. */
    void (*prepare)(void *user, struct world *w);
    /* Called after the last step, also after a failed one, while everything is still there. May be
     * NULL. */
    void (*finish)(void *user, struct world *w);
    void *user;
    /* Somebody else than the engine inside plays the proxy (--over udp); NULL: the engine. */
    const struct scenario_driver *driver;
    /* Bad weather, NULL for none. Then a message that does not come, or one that is not mentioned,
     * ends the test early (result.stopped) but is no failure; only what must never come is. What
     * always has to be true is checked instead (check.h): result.broken. */
    const struct weather *weather;
    uint64_t most_steps;         /* happenings until a test is stopped as endless; 0: 5,000,000 */
    bool watch_order;            /* fills result.moments */
    void (*inside)(bool engine); /* as in struct world_conf */
};

/* How a scenario runs against a program outside of the world. */
struct scenario_driver {
    void *user;
    struct addr inside; /* an address nobody has, for the engine inside, which is idle */
    struct addr proxy;  /* the program's */
    int (*start)(void *user, struct world *w);
    void (*stop)(void *user);
    /* Lets the world live until `until` or done, in the program's time. */
    enum world_stop (*run)(void *user, struct world *w, uint64_t until, bool (*done)(void *user),
                           void *done_user);
    int (*reload)(void *user, const char *path);
    uint64_t (*live)(void *user); /* transactions alive */
};

struct scenario_result {
    bool passed;
    bool stopped;          /* relaxed: something that was waited for did not come */
    struct loc at;         /* of the step that failed */
    struct arena arena;    /* what is below lies here */
    struct str text;       /* what was expected */
    struct str came;       /* what came instead, a sentence; may be empty */
    struct ladder *ladder; /* of the whole run, see ladder.h */
    uint64_t ms;           /* virtual time it took */
    bool broken;           /* in bad weather: a rule */
    struct violation violation;
    struct mishap *mishaps; /* with broken: all that went wrong */
    unsigned n_mishaps;
    uint8_t *moments; /* see world_moments */
    unsigned n_moments;
};

/* Runs a test in a world of its own. ERR_OK also when it fails; ERR_NOMEM, ERR_INVALID (why in
 * out->text) when it could not be run. out is filled in either case and must be given to
 * scenario_result_free. */
int scenario_run(const struct scenario *s, unsigned test, const struct scenario_setup *setup,
                 struct scenario_result *out);
void scenario_result_free(struct scenario_result *r);
/* The finding as the compiler prints its own: place, source line, caret, what came, ladder. */
void scenario_result_print(const struct scenario *s, const struct scenario_result *r, FILE *out);

#endif
