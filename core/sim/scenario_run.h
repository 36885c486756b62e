/* A test that runs: who is where, what is waited for, what failed. For scenario_*.c only. */
/* SPDX-License-Identifier: MIT */
#ifndef SIM_SCENARIO_RUN_H
#define SIM_SCENARIO_RUN_H

#include "core/sim/ladder.h"
#include "core/sim/party.h"
#include "core/sim/scenario_ast.h"

enum {
    PATIENCE = 4000, /* ms that "gets" waits unless it says more */
    SILENCE = 1000,  /* ms of "nothing" unless it says more */
    LAST_LOOK = 500, /* ms that a test goes on after its last step */
    MOST_WAIT = 86400000,
    MOST_STEPS = 5000000, /* happenings of a test */
};

/* A call somebody gave a name. */
struct named_call {
    struct named_call *next;
    struct str name, call_id;
    struct leg *leg;
    int party;
};

/* A message that must not come. */
struct ban {
    struct ban *next;
    const struct step *step;
};

/* What happens to the next messages of a kind. */
struct next_rule {
    struct next_rule *next;
    const struct step *step;
    int party;
    uint32_t left;
};

/* A link that is bad for a while. */
struct spell {
    struct spell *next;
    struct happening end;
    struct run *run;
    const struct step *step;
};

/* What the latest run of a route left where a step will look. */
struct left {
    struct left *next;
    const struct step *step;
    const struct program *program; /* ref is of */
    const struct pv_ref *ref;      /* NULL: not a variable of that program */
    struct str route;              /* title of the route that ran; empty: none yet */
    struct buf value;
    bool absent, unknown; /* null; the version of the script that ran has no such variable */
    bool set;             /* a flag */
};

struct actor {
    struct party *party;
    struct leg *leg;           /* of the call that goes on */
    struct got *again_from;    /* last repeat that was asked for */
    struct got *to_answer;     /* a BYE or CANCEL that is answered unless the next step does */
    struct link from, to;      /* as "link" steps made it */
    struct got *last_answered; /* what "repeats" is about: the newer of these two */
    struct sent *last_sent;
    struct got *last_2xx; /* of an INVITE */
    bool bad;             /* its links were changed */
};

struct run {
    const struct scenario *scenario;
    const struct scenario_setup *setup;
    const struct block *test;
    const struct row *row;
    const struct weather *weather; /* NULL: fair */
    struct weather own_weather;    /* when the scenario itself says it */
    uint64_t seed;
    struct check *check; /* in bad weather */
    struct world *world;
    struct ladder *ladder;
    struct scenario_result *result;
    struct arena *arena; /* of the result */
    struct actor actor[SCENARIO_MAX_PARTIES];
    struct link all;
    struct named_call *calls;
    struct ban *bans;
    struct next_rule *rules;
    struct spell *spells;
    bool bent; /* a link was changed for one packet */
    struct addr bent_from, bent_to;
    struct observer observer;
    struct buf log;
    struct str domain;
    struct left *left;
    struct ran_line *ran;
    const struct step *step; /* the one that is at work */
    const struct step *late; /* a ban that was broken, or NULL */
    bool stopped;            /* in bad weather: what was waited for did not come */
    bool failed;
    uint64_t begun;
};

/* A script line that ran. */
struct ran_line {
    struct ran_line *next;
    const struct program *program;
    struct loc at;
};

/* ---- what all of them use (scenario_run.c) ---- */

/* The first failure of a test; later ones are forgotten. */
void run_fail(struct run *r, const struct step *s, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* What came instead. */
void run_came(struct run *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A text with the values of this row. */
struct str run_text(struct run *r, const struct words *w);
struct str run_party_name(const struct run *r, int party);
/* Lets the world live for ms at most, until done is true or the test has failed. Whether done. */
bool run_world(struct run *r, uint64_t ms, bool (*done)(void *user), void *user);
/* Runs one step after the other. */
void run_steps(struct run *r, const struct block *b);

/* ---- what parties do (scenario_act.c) ---- */

/* Does one step. */
void act_step(struct run *r, const struct step *s);
/* Answers a BYE or CANCEL that the test did not. but: the party that is about to answer itself. */
void act_overdue(struct run *r, int but);
/* sip:bob@domain, of a party or as written. */
struct str act_uri(struct run *r, const struct words *target);

/* ---- what they get (scenario_expect.c) ---- */

/* Waits for what a step says, or looks at what has come. */
void expect_step(struct run *r, const struct step *s);
/* All steps of one "all of"; returns the last of them. */
const struct step *expect_group(struct run *r, const struct step *s);
bool expect_matches(struct run *r, const struct pattern *p, const struct got *g);
/* What is left when the test is over. */
void expect_end(struct run *r);
/* "INVITE sip:bob@..." or "486 Busy Here". */
struct str expect_name(struct run *r, const struct got *g);

/* Whether a value fits what a condition asks; it is there. */
bool expect_value(struct run *r, const struct cond *c, struct str have);

/* ---- what the script left (scenario_left.c) ---- */

/* Notes what the steps of a block will look at. */
void left_prepare(struct run *r, const struct block *b);
/* A route has run to its end. */
void left_ran(struct run *r, struct call *c, int route);
void left_step(struct run *r, const struct step *s);

/* ---- tables (scenario_database.c) ---- */

/* Does or checks what one step says of tables and the database. */
void database_step(struct run *r, const struct step *s);
/* Puts the rows of the file into the tables, before the script starts; world_conf.fill. */
int database_fill(void *run, struct db *db, struct buf *why);

/* ---- bad weather (scenario_weather.c) ---- */

/* What an "explore" step of the test says takes the place of fair weather. */
void weather_of_test(struct run *r);
/* Begins it in the world that was made, ends it and looks at the rules. */
int weather_start(struct run *r);
void weather_end(struct run *r);
/* Does what a mishap step says. */
void weather_step(struct run *r, const struct step *s);
/* Loads the script again, as it is. */
void weather_reload(void *user);

/* ---- network, script, log (scenario_circumstance.c) ---- */

/* Does or checks what one step says. */
void circumstance_step(struct run *r, const struct step *s);
/* A packet is about to be sent: one of the next rules may be about it. */
void circumstance_packet(struct run *r, const struct packet *p);
void circumstance_end(struct run *r);
void circumstance_cut(struct run *r, int party, bool cut);

#endif
