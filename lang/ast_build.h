/* What the grammar calls: one builder for each construct. They allocate, join places, keep count of
 * nesting and complain about shapes the grammar is too wide for. Out of memory, they return a spare
 * node and the compilation fails at its end. */
/* SPDX-License-Identifier: MIT */
#ifndef LANG_AST_BUILD_H
#define LANG_AST_BUILD_H

#include "lang/source.h"

enum dialect {
#define DIALECT(id, accepted, text) DIALECT_##id,
#include "lang/dialect.def"
#undef DIALECT
};
/* Whether this spelling is accepted; a refused one is an error there. */
bool dialect_ok(struct diag *d, enum dialect which, struct loc at);

/* From the first to the last token of both. */
struct loc ast_join(struct loc a, struct loc b);
/* The place right behind l. */
struct loc ast_behind(struct loc l);

/* Values. */
struct node *ast_number(struct parse *p, struct loc at, struct lexeme w);
struct node *ast_transport(struct parse *p, struct loc at, struct lexeme w); /* udp, any ... */
struct node *ast_string(struct parse *p, struct loc at, struct lexeme w);
struct node *ast_word(struct parse *p, struct loc at, struct lexeme w);
struct node *ast_variable(struct parse *p, struct loc at, struct lexeme w);
struct node *ast_operand(struct parse *p, struct loc at, struct lexeme w);
struct node *ast_address(struct parse *p, struct loc at, struct lexeme w); /* an IP address */
struct node *ast_plain(struct parse *p, struct loc at,
                       enum node_kind kind); /* a node and no more */
/* + or - before a value; only numbers can have one. */
struct node *ast_sign(struct parse *p, struct loc at, char sign, struct node *value);
/* left op right; an address / bits becomes a network. */
struct node *ast_arith(struct parse *p, struct loc at, enum ast_op op, struct node *left,
                       struct node *right);
struct node *ast_complement(struct parse *p, struct loc at, struct node *inner);
/* [proto:]host[:port]; proto and port may be NULL. */
struct node *ast_host(struct parse *p, struct loc at, const struct lexeme *proto, struct node *host,
                      const struct lexeme *port);
/* The text of a host: a string, an address, words joined by hyphens. p is NULL when n is none. */
struct str ast_host_text(const struct node *n);

/* Conditions. */
struct node *ast_compare(struct parse *p, struct loc at, enum ast_op op, struct node *left,
                         struct node *right);
/* left && right or left || right; joins on to a chain that left is already. */
struct node *ast_chain(struct parse *p, struct loc at, enum ast_op op, struct node *left,
                       struct node *right);
struct node *ast_not(struct parse *p, struct loc at, struct node *inner);
struct node *ast_test(struct parse *p, struct loc at, struct node *inner); /* [ value ] */
struct node *ast_group(struct node *inner); /* ( inner ): closes a chain */

/* Commands. */
struct node *ast_call(struct parse *p, struct loc at, struct lexeme name, struct node_list args);
struct node *ast_route_call(struct parse *p, struct loc at, struct node_list args);
struct node *ast_assign(struct parse *p, struct loc at, enum ast_op op, struct node *target,
                        struct node *value);
/* exit and drop: neither takes an argument. */
struct node *ast_end(struct parse *p, struct loc at, enum node_kind kind, struct node_list args);
struct node *ast_return(struct parse *p, struct loc at, struct node_list args, bool brackets);
struct node *ast_route_square(struct parse *p, struct loc at,
                              struct node_list args); /* a mistake */
/* A list of one broken node: a syntax error was reported there. */
struct node_list ast_broken(struct parse *p, struct loc at);

/* Statements. */
/* A command as a statement; open: its semicolon is missing. */
struct node *ast_command(struct parse *p, struct node *command, bool open);
struct node *ast_break(struct parse *p, struct loc at, bool open);
struct node *ast_else_alone(struct parse *p, struct loc at); /* a mistake */
struct node *ast_block(struct parse *p, struct loc at, struct node_list statements);
struct node *ast_block_alone(struct parse *p, struct node *block);
struct node *ast_if(struct parse *p, struct loc at, struct node *cond, struct node *then,
                    struct node *otherwise);
/* The rest of an if that begins with elseif: a mistake. */
struct node *ast_elseif(struct parse *p, struct loc at, struct node *rest);
/* n, with its place. */
struct node *ast_at(struct loc at, struct node *n);
struct node *ast_while(struct parse *p, struct loc at, struct node *cond, struct node *body);
struct node *ast_switch(struct parse *p, struct loc at, struct node *subject,
                        struct node_list cases);
struct node *ast_case(struct parse *p, struct loc at, struct node *label,
                      struct node_list statements);

struct node_list ast_list(struct node *first); /* NULL: empty */
struct node_list ast_append(struct node_list list, struct node *n);

/* The global section. */
void ast_setting(struct parse *p, struct loc at, struct lexeme name, struct loc name_at,
                 struct node *value);
void ast_listen(struct parse *p, struct loc at, struct lexeme which, struct node_list hosts);
void ast_module(struct parse *p, struct loc at, enum item_kind kind, struct lexeme text,
                struct loc text_at);
void ast_modparam(struct parse *p, struct loc at, struct node_list args);
void ast_blacklist(struct parse *p, struct loc at, struct lexeme name,
                   struct blacklist_rule *rules);
struct blacklist_rule *ast_rules(struct blacklist_rule *before, struct blacklist_rule *r);
struct blacklist_rule *ast_rule(struct parse *p, struct loc at, bool negated, struct lexeme proto,
                                struct node *net, struct lexeme port, struct lexeme pattern);
/* Opens a TLS domain: settings that follow go into it until ast_tls_end. */
void ast_tls_begin(struct parse *p, struct loc at, struct lexeme which, struct node *name);
void ast_tls_end(struct parse *p);

/* A piece of the global section was not understood: gives an empty name, and whether the parser
 * goes on with the very token it stumbled over. */
struct lexeme ast_lost(struct parse *p);
/* A route's name: digits without leading zeros, everything else as it is. */
struct str ast_route_text(struct parse *p, struct str name);
/* The same for a number, which may be octal. */
struct lexeme ast_route_number(struct parse *p, struct lexeme w);
/* A route block; name may be NULL. */
void ast_route(struct parse *p, struct loc at, struct lexeme kind, const struct lexeme *name,
               struct node *body);

/* The token p->now begins no statement of the global section. */
void parse_outside(struct parse *p);
/* The script nests deeper than the limit: says so once. */
void parse_too_deep(struct parse *p, struct loc at);
/* A syntax error at the token p->now: what could stand there instead. */
void parse_unexpected(struct parse *p, const char *const *expected, unsigned n);

#endif
