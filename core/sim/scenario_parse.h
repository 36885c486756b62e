/* From a scenario's bytes to its tree: scenario_lexer.l cuts words, scenario_tokens.c joins lines
 * that go on, scenario_parser.y sees the shape of each line and calls the builders here. Nothing of
 * it is visible outside of these files. */
/* SPDX-License-Identifier: MIT */
#ifndef SIM_SCENARIO_PARSE_H
#define SIM_SCENARIO_PARSE_H

#include "core/sim/scenario_ast.h"

struct scn_token {
    int kind;             /* a token of the grammar; 0 at the end */
    struct words word;    /* quotes removed, escapes resolved */
    uint32_t value, most; /* number; duration in ms and its upper end; percentage in 1/1000 */
};

/* One file being parsed. */
struct scn_parse {
    struct scenario *scenario;
    struct scn_token *token; /* all of them */
    unsigned n, cap, at;
    unsigned depth; /* of includes */
    uint16_t file;
    uint32_t line, column; /* while cutting */
    struct loc loc;
    struct str text;
    size_t from, to; /* of the word being cut */
    bool no_memory;
    struct block *block; /* where steps go */
    struct step *step;   /* the newest one */
    struct step *open;   /* the newest "sends" without a method: lines with | go there */
    int party;           /* who the line is about */
    enum step_kind verb; /* what a bare 180 or INVITE after a comma belongs to */
    bool has_verb;
    unsigned group, groups;
    struct row *row;
};

/* Reads a file and what it includes into p's scenario. at: where it was asked for, or NULL. */
void scn_parse_file(struct scn_parse *parent, struct scenario *s, struct str path,
                    const struct loc *at);

/* ---- the lexer ---- */

/* All words of p->text into p->token; false without memory. */
bool scn_cut(struct scn_parse *p);
void scn_begin(struct scn_parse *p, const char *text, size_t n);
/* The bytes of the word that scn_begin was told of, in the source itself: flex's copy goes away. */
struct str scn_seen(const struct scn_parse *p);
void scn_put(struct scn_parse *p, int kind, struct str text);
void scn_word(struct scn_parse *p, struct str text);
void scn_string(struct scn_parse *p, struct str text, bool closed);
void scn_stray(struct scn_parse *p, char c);
/* Lines that go on, "and" between things that are listed. */
void scn_join_lines(struct scn_parse *p);

/* ---- for the parser ---- */

/* The next word; its kind is 0 at the end. */
int scn_next(struct scn_parse *p, struct scn_token *out, struct loc *loc);
/* A syntax error in words. at_end: the file is over; names: what could have come. */
void scn_unexpected(struct scn_parse *p, const struct loc *at, bool at_end,
                    const char *const *names, unsigned n);

/* ---- builders, in the order of the grammar ---- */

/* Declarations: what stands before the tests. */
void scn_script(struct scn_parse *p, const struct scn_token *path);
void scn_override(struct scn_parse *p, const struct scn_token *module, const struct scn_token *name,
                  const struct scn_token *value);
void scn_domain(struct scn_parse *p, const struct scn_token *name);
void scn_include(struct scn_parse *p, const struct scn_token *path);
void scn_party(struct scn_parse *p, bool server, const struct scn_token *name,
               const struct scn_token *address);
void scn_password(struct scn_parse *p, const struct scn_token *word);
void scn_party_user(struct scn_parse *p, const struct scn_token *user,
                    const struct scn_token *name); /* user must be the word "user" */
void scn_contact(struct scn_parse *p, const struct scn_token *word);
/* A test, named steps (neither), or what is done before each test; then its table. */
void scn_block(struct scn_parse *p, const struct scn_token *name, bool test, bool before);
void scn_column(struct scn_parse *p, const struct scn_token *name);
void scn_row(struct scn_parse *p);
void scn_cell(struct scn_parse *p, const struct scn_token *value);

/* Who the line is about from here on. */
void scn_who(struct scn_parse *p, const struct scn_token *name);
/* A new step; what may be NULL. */
void scn_step(struct scn_parse *p, const struct loc *at, enum step_kind kind,
              const struct scn_token *what);
/* A step of the party the line is about. */
void scn_verb(struct scn_parse *p, const struct scn_token *verb, const struct scn_token *what);
void scn_reason(struct scn_parse *p, const struct scn_token *text);
void scn_raw(struct scn_parse *p, const struct scn_token *verb, const struct scn_token *text);
void scn_raw_line(struct scn_parse *p, const struct scn_token *line);
/* An expectation of "gets"; first: the verb stands before it. */
void scn_item(struct scn_parse *p, const struct scn_token *what);
void scn_gets(struct scn_parse *p, bool all);
void scn_never(struct scn_parse *p, const struct loc *at, const struct scn_token *what);
void scn_nothing(struct scn_parse *p, const struct loc *at);

/* Modifiers of the newest step; those that it does not take are complained about. */
void scn_mod_call(struct scn_parse *p, const struct loc *at, enum modifier m,
                  const struct scn_token *name);
void scn_mod_target(struct scn_parse *p, const struct loc *at, enum modifier m,
                    const struct scn_token *word);
void scn_mod_from(struct scn_parse *p, const struct loc *at, const struct scn_token *name);
void scn_mod_time(struct scn_parse *p, const struct loc *at, enum modifier m,
                  const struct scn_token *time);
void scn_mod(struct scn_parse *p, const struct loc *at, enum modifier m);
void scn_mod_times(struct scn_parse *p, const struct loc *at, uint32_t n);
void scn_extra(struct scn_parse *p, const struct scn_token *name, const struct scn_token *value);
void scn_extra_without(struct scn_parse *p, const struct scn_token *name);
void scn_cond(struct scn_parse *p, const struct scn_token *field, enum cond_op op,
              const struct scn_token *value);

/* Network, script, log. scn_time: how long, for the newest step. */
void scn_time(struct scn_parse *p, const struct scn_token *time);
void scn_fault(struct scn_parse *p, const struct loc *at, enum fault_kind kind,
               const struct scn_token *amount);
/* Which way a fault is about; name NULL: all. Makes the step that the next calls fill. */
void scn_link(struct scn_parse *p, const struct loc *at, enum direction d,
              const struct scn_token *name);
void scn_next_ones(struct scn_parse *p, const struct loc *at, enum fault_kind kind,
                   const struct scn_token *what);
void scn_dns_server(struct scn_parse *p, const struct loc *at, bool silent,
                    const struct scn_token *delay);
void scn_dns_count(struct scn_parse *p, const struct loc *at, const struct scn_token *n);
void scn_queue(struct scn_parse *p, const struct loc *at, const struct scn_token *waited,
               const struct scn_token *dropped);
void scn_check_step(struct scn_parse *p, const struct loc *at, enum step_kind kind, bool never,
                    bool matches, const struct scn_token *what);
/* One mishap of one packet; its amount: ms, bytes or a bit, NULL for none. */
void scn_packet(struct scn_parse *p, const struct scn_token *nth, const struct scn_token *what,
                const struct scn_token *from, const struct scn_token *to);
void scn_packet_of(struct scn_parse *p, const struct scn_token *method);
void scn_mishap(struct scn_parse *p, const struct loc *at, enum mishap_kind kind,
                const struct scn_token *amount);
/* Of what is due in the number-th moment the nth comes first. */
void scn_moment(struct scn_parse *p, const struct loc *at, const struct scn_token *number,
                const struct scn_token *nth);
/* What happens to all, now or at a time. */
void scn_event(struct scn_parse *p, const struct loc *at, enum mishap_kind kind,
               const struct scn_token *amount, bool back);
void scn_event_now(struct scn_parse *p);
void scn_event_at(struct scn_parse *p, const struct loc *at, const struct scn_token *time);
/* The weather of a seed; with a delay nothing is drawn from it. */
void scn_explore(struct scn_parse *p, const struct loc *at, const struct scn_token *seed,
                 const struct scn_token *delay, bool small);

/* What the script left; the value is what scn_value says of the newest step. */
void scn_variable(struct scn_parse *p, const struct loc *at, const struct scn_token *name);
void scn_value(struct scn_parse *p, enum cond_op op, const struct scn_token *value);
void scn_flag_step(struct scn_parse *p, const struct loc *at, enum flag_kind kind,
                   const struct scn_token *number);
void scn_flag(struct scn_parse *p, const struct loc *at, bool never);
void scn_in_route(struct scn_parse *p, const struct scn_token *title);

/* Tables (scenario_database.c). A row stands in a test, or before all of them; pairs belong to the
 * newest row or table. how NULL: it answers late. */
void scn_table_row(struct scn_parse *p, const struct loc *at, const struct scn_token *table);
void scn_table(struct scn_parse *p, const struct loc *at, const struct scn_token *table,
               const struct scn_token *rows);
void scn_pair(struct scn_parse *p, const struct scn_token *column, const struct scn_token *value);
void scn_database(struct scn_parse *p, const struct loc *at, const struct scn_token *how);

/* ---- helpers of the builders ---- */

/* Zeroed memory of the scenario; NULL sets no_memory. */
void *scn_alloc(struct scn_parse *p, size_t n);
int scn_party_number(const struct scenario *s, struct str name);
/* The same of a word; an unknown name is complained about. */
int scn_need_party(struct scn_parse *p, const struct scn_token *name);
/* A regular expression, unless variables stand in it. */
void scn_compile(struct scn_parse *p, const struct words *text, struct regex **out);
struct loc scn_join(struct loc a, struct loc b);
/* "192.0.2.10", "127.0.0.1:5090", "[2001:db8::1]:5060"; false when it is no address. */
bool scn_address(struct addr *out, struct str s);

#endif
