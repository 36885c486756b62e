/* A scenario file as it was understood: declarations, tests, steps. Made by the parser's builders,
 * judged by scenario_check.c, read by whoever runs it. Nothing changes it after loading; all of it
 * lies in the scenario's arena. */
/* SPDX-License-Identifier: MIT */
#ifndef SIM_SCENARIO_AST_H
#define SIM_SCENARIO_AST_H

#include "core/base/addr.h"
#include "core/sim/look.h"
#include "core/sim/scenario.h"
#include "lang/diag.h"
#include "lang/regex.h"

/* A text of the file; `$name` in it stands for a column of the test's table. */
struct words {
    struct str text;
    struct loc loc;
    bool vars;  /* has a `$` */
    bool plain; /* was written without quotes */
};

/* One condition of "where". */
enum cond_op { COND_IS, COND_IS_NOT, COND_CONTAINS, COND_MATCHES, COND_ABSENT, COND_PRESENT };
struct cond {
    struct cond *next;
    struct words field; /* header name, or ruri, body, reason, source */
    struct words value;
    enum cond_op op;
    struct regex *regex; /* COND_MATCHES without variables: compiled */
};

/* A message that is waited for. */
enum pattern_kind { PATTERN_REQUEST, PATTERN_REPLY, PATTERN_EITHER };
struct pattern {
    struct words what; /* INVITE, 486, 4xx, $code; empty: any */
    struct words to;   /* for a reply: the method of what it answers; may be empty */
    struct cond *conds;
    int from; /* number of a party, -1: whoever */
    bool again;
};

/* Something a message has besides what it has anyway: a header line, a body, or a header less. */
enum extra_kind { EXTRA_HEADER, EXTRA_LINE, EXTRA_BODY, EXTRA_WITHOUT, EXTRA_USER, EXTRA_PASSWORD };
struct extra {
    struct extra *next;
    enum extra_kind kind;
    struct words name, value;
};

enum step_kind {
#define VERB(id, spelling, token, mods, text) STEP_##id,
#include "core/sim/scenario_verbs.def"
#undef VERB
    STEP_NEVER,   /* the party must not get this until the test ends */
    STEP_NOTHING, /* silence for ms */
    STEP_WAIT,
    STEP_LEFT,  /* no transaction after ms */
    STEP_FAULT, /* one link or all: loss, duplication, delay, cut for ms */
    STEP_NEXT,  /* what happens to the next n messages like the pattern */
    STEP_RELOAD,
    STEP_DNS,        /* a line for the name server */
    STEP_DNS_SERVER, /* never: it is silent; else after ms */
    STEP_DNS_COUNT,  /* it was asked n times in this test */
    STEP_QUEUE,      /* new requests have waited for ms, n were dropped */
    STEP_LOG,
    STEP_RAN,
    STEP_MISHAP,   /* to one packet, or to the order of what is due at once */
    STEP_EVENT,    /* the clock, the script, memory */
    STEP_EXPLORE,  /* the rules count, not what the test expects */
    STEP_VARIABLE, /* as the script left it */
    STEP_FLAG,
    STEP_ROW,      /* a row is put into a table: extras are its columns */
    STEP_TABLE,    /* a table has n rows like extras */
    STEP_DATABASE, /* how it fares from now on: what, or ms until it answers */
    STEP_DO
};

enum fault_kind { FAULT_LOSS, FAULT_DUPLICATE, FAULT_DELAY, FAULT_CUT, FAULT_WHOLE };
enum direction { DIRECTION_BOTH, DIRECTION_FROM, DIRECTION_TO };

enum modifier {
    MOD_WITH = 1,
    MOD_AS = 2,
    MOD_IN = 4,
    MOD_TO = 8,
    MOD_FROM = 16,
    MOD_WITHIN = 32,
    MOD_FOR = 64,
    MOD_AGAIN = 128,
    MOD_TIMES = 256,
    MOD_WHERE = 512,
    MOD_AT = 1024
};

struct step {
    struct step *next;
    struct loc loc;
    enum step_kind kind;
    int party;           /* who acts; -1: nobody */
    unsigned mods;       /* which modifiers were written */
    struct words what;   /* method or status sent, a target, text of a log line, file, route, name,
                            variable */
    struct words reason; /* of an answer */
    struct words target; /* TO, AT, value of a variable */
    struct words call;   /* AS or IN; the route that left something */
    struct extra *extras;
    struct pattern pattern;
    struct words raw; /* bytes as they are */
    bool has_raw;
    bool never;   /* log, ran, flag: must not be */
    bool matches; /* log: a regular expression */
    struct regex *regex;
    unsigned group;  /* gets all of: equal for those of one group, 0 for none */
    uint32_t ms;     /* WITHIN, FOR, AFTER, WAIT, delay */
    uint32_t ms_max; /* delay: up to */
    bool timed;      /* ms was given */
    uint32_t n; /* TIMES, next N, a line number, a flag, a seed, which packet; ms of an event */
    enum flag_kind flag;
    enum fault_kind fault;
    enum mishap_kind mishap;
    enum direction direction;
    uint32_t permille;
    const struct block *block; /* DO */
};

/* A row of a table. */
struct row {
    struct row *next;
    struct words *value; /* as many as the table has names */
    unsigned n;
    struct loc loc;
};

/* A test, or steps with a name. */
struct block {
    struct block *next;
    struct loc loc;
    struct words name;
    bool is_test, is_before;
    struct words column[SCENARIO_MAX_COLUMNS];
    unsigned columns;
    struct row *rows, **rows_end;
    struct step *first, **last;
};

struct override {
    struct override *next;
    struct words module, name, value;
    bool number;
};

struct party_decl {
    struct words name;
    struct words address, user, password, contact;
    struct addr addr;
    bool server;
};

struct case_row {
    const struct block *test;
    const struct row *row; /* NULL without table */
    struct str name;
};

struct scenario {
    struct arena arena;
    struct diag diag;      /* its sources, and what was found in them */
    struct regex *regexes; /* all that were compiled */
    struct words script;
    struct str script_path; /* as seen from where we run */
    struct override *overrides;
    struct words domain;
    struct party_decl party[SCENARIO_MAX_PARTIES];
    unsigned parties;
    struct step *table_rows, **table_rows_end; /* in the tables before the script starts */
    struct block *blocks, **blocks_end;
    const struct block *before;
    bool no_memory;
    struct case_row *cases;
    unsigned n_cases;
};

/* "INVITE", "gets": the word of a kind of step, for messages. */
const char *step_word(enum step_kind kind);
/* A text with the row's values in place of `$name`; the text itself when there is none. */
struct str scenario_expand(struct arena *a, const struct block *b, const struct row *r,
                           const struct words *w);
/* A path as the file that names it means it. */
struct str scenario_beside(const struct scenario *s, struct arena *a, const struct words *path);
/* Names, references, values: complains to s->diag. */
void scenario_check(struct scenario *s);
/* What the steps say of the script's variables and routes, against the script itself. */
void scenario_check_script(const struct scenario *s, const struct program *p, struct diag *d);

#endif
