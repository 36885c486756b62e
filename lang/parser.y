/* The grammar (LANGUAGE, Appendix A), wider than the reference's: what has a clear meaning is parsed
 * and judged by the builders (ast.c) or the checker, whose complaints say more than "syntax error"
 * can. Every action is one call. */
/* SPDX-License-Identifier: MIT */
%code requires {
#include "lang/source.h"
}
%code {
#include "lang/ast_build.h"

#define YYMAXDEPTH 60000
#define YYLLOC_DEFAULT(here, rhs, n)                                                               \
    (here) = (n) ? ast_join(YYRHSLOC(rhs, 1), YYRHSLOC(rhs, n)) : ast_behind(YYRHSLOC(rhs, 0))

static int lang_yylex(union parse_value *value, struct loc *loc, struct parse *p);
static void lang_yyerror(const struct loc *loc, struct parse *p, const char *text);
}

%define api.pure full
%define api.prefix {lang_yy}
%define api.value.type {union parse_value}
%define api.location.type {struct loc}
%define parse.error custom
%define parse.lac full
%locations
%expect 0
%param {struct parse *p}
%initial-action { @$ = (struct loc){.line = 1, .column = 1, .end_line = 1, .end_column = 1}; }

%token YYEOF 0 "the end of the script"
%token <word> ID "a name"
%token <word> SETTING "a parameter"
%token <word> HOSTNAME "a host name"
%token <word> IPV4 "an address" IPV6 "an IPv6 address"
%token <word> NUMBER "a number"
%token <word> STRING "a string"
%token <word> VARIABLE "a variable"
%token <word> OPERAND "a keyword such as method"
%token <word> PROTO "a transport"
%token ANY "'any'" MYSELF "'myself'" NIL "'null'"
%token <word> ROUTE "'route'"
%token <word> ROUTE_BLOCK "a route block"
%token IF "'if'" ELSE "'else'" ELSEIF "'elseif'" WHILE "'while'" SWITCH "'switch'" CASE "'case'" DEFAULT "'default'"
%token BREAK "'break'" EXIT "'exit'" DROP "'drop'" RETURN "'return'"
%token LOADMODULE "'loadmodule'" MODPARAM "'modparam'" MPATH "'mpath'" BLACKLIST "'dst_blacklist'"
%token <word> LISTEN "'listen'"
%token <word> TLS_DOMAIN "'tls_server_domain'"
%token <word> RELATION "a comparison" AND "'&&'" ASSIGN "':='" SHIFT "'<<'"
%token NOT "'!'"

/* Loosest first. && and || are one level (DEVIATIONS 11); an assignment inside a condition ends before
 * them; ! takes the whole comparison behind it. */
%precedence NOTHING
%precedence THEN
%precedence ELSE ELSEIF
%left AND
%precedence NOT
%precedence '=' ASSIGN
%nonassoc RELATION '<' '>'
%left '|'
%left '^'
%left '&'
%left SHIFT
%left '+' '-' '.'
%left '*' '/' '%'
%precedence '~' SIGN
%precedence VARIABLE ';'

%type <node> expr command bare variable block if rest stmt inner case arg hostname host value address
%type <list> args arg_list stmts body cases hosts
%type <word> semi route_name name_or_number port proto_or_any relation
%type <rule> rules rule

%%

script: items YYEOF
    ;

items: %empty
    | items item
    ;

item: SETTING '=' value         { ast_setting(p, @$, $1, @1, $3); }
    | LISTEN '=' hosts          { ast_listen(p, @$, $1, $3); }
    | MPATH '=' STRING          { ast_module(p, @$, ITEM_MPATH, $3, @3); }
    | LOADMODULE STRING         { ast_module(p, @$, ITEM_LOADMODULE, $2, @2); }
    | MODPARAM '(' args ')'     { ast_modparam(p, @$, $3); }
    | BLACKLIST '=' ID ':' '{' rules '}' { ast_blacklist(p, @$, $3, $6); }
    | tls_head '{' settings '}' { ast_tls_end(p); }
    | ROUTE block               { ast_route(p, @1, $1, NULL, $2); }
    | ROUTE route_name block    { ast_route(p, ast_join(@1, @2), $1, &$2, $3); }
    | ROUTE_BLOCK block         { ast_route(p, @1, $1, NULL, $2); }
    | ROUTE_BLOCK route_name block { ast_route(p, ast_join(@1, @2), $1, &$2, $3); }
    | ';'                       { dialect_ok(p->script->diag, DIALECT_SEMICOLON_OUTSIDE, @1); }
    | error                     { if (ast_lost(p).value) yyerrok; }
    ;

route_name: '[' name_or_number ']' { $$ = $2; }
    | '<' name_or_number '>'       { $$ = $2; }
    | '[' error ']'                { yyerrok; $$ = ast_lost(p); }
    ;

name_or_number: NUMBER      { $$ = ast_route_number(p, $1); }
    | ID
    | STRING
    ;

/* ---- the global section -------------------------------------------------------------------- */

value: NUMBER       { $$ = ast_number(p, @$, $1); }
    | '-' NUMBER    { $$ = ast_sign(p, @$, '-', ast_number(p, @2, $2)); }
    | '+' NUMBER    { $$ = ast_sign(p, @$, '+', ast_number(p, @2, $2)); }
    | hostname
    ;

hosts: host         { $$ = ast_list($1); }
    | hosts host    { $$ = ast_append($1, $2); }
    ;

host: hostname                              { $$ = ast_host(p, @$, NULL, $1, NULL); }
    | hostname ':' port                     { $$ = ast_host(p, @$, NULL, $1, &$3); }
    | proto_or_any ':' hostname             { $$ = ast_host(p, @$, &$1, $3, NULL); }
    | proto_or_any ':' hostname ':' port    { $$ = ast_host(p, @$, &$1, $3, &$5); }
    ;

hostname: ID            { $$ = ast_word(p, @$, $1); }
    | HOSTNAME          { $$ = ast_word(p, @$, $1); }
    | STRING            { $$ = ast_string(p, @$, $1); }
    | address
    | hostname '-' ID   { $$ = ast_arith(p, @$, AST_SUB, $1, ast_word(p, @3, $3)); }
    ;

address: IPV4           { $$ = ast_address(p, @$, $1); }
    | IPV6              { $$ = ast_address(p, @$, $1); }
    | '[' IPV6 ']'      { $$ = ast_address(p, @$, $2); }
    ;

port: NUMBER | any      { $$ = (struct lexeme){STR_NONE, 0}; }
    ;

proto_or_any: PROTO | any { $$ = (struct lexeme){STR_NONE, PROTO_ANY}; }
    ;

/* Releases before 1.2 wrote a star. */
any: ANY | '*'
    ;

rules: rule
    | rules ',' rule    { $$ = ast_rules($1, $3); }
    ;

rule: '(' proto_or_any ',' expr ',' port ',' STRING ')' { $$ = ast_rule(p, @$, false, $2, $4, $6, $8); }
    | '(' error ')'     { yyerrok; $$ = NULL; }
    | NOT '(' proto_or_any ',' expr ',' port ',' STRING ')' { $$ = ast_rule(p, @$, true, $3, $5, $7, $9); }
    ;

tls_head: TLS_DOMAIN '[' host ']' { ast_tls_begin(p, @$, $1, $3); }
    | TLS_DOMAIN '[' error ']'  { yyerrok; ast_tls_begin(p, @$, $1, NULL); }
    ;

settings: %empty
    | settings SETTING '=' value { ast_setting(p, ast_join(@2, @4), $2, @2, $4); }
    | settings error
    ;

/* ---- statements ---------------------------------------------------------------------------- */

block: '{' stmts '}'        { $$ = ast_block(p, @$, $2); }
    | '{' stmts error '}'   { yyerrok; $$ = ast_block(p, @$, $2); }
    ;

stmts: %empty           { $$ = ast_list(NULL); }
    | stmts stmt        { $$ = ast_append($1, $2); }
    | stmts block       { $$ = ast_append($1, ast_block_alone(p, $2)); }
    | stmts error ';'   { yyerrok; }
    ;

inner: stmt | block
    ;

stmt: command semi      { $$ = ast_command(p, $1, $2.value); }
    | ';'               { $$ = ast_plain(p, @$, NODE_NOP); }
    | if
    | WHILE expr inner  { $$ = ast_while(p, @$, $2, $3); }
    | SWITCH '(' expr ')' '{' cases '}' { $$ = ast_switch(p, @$, $3, $6); }
    | BREAK semi        { $$ = ast_break(p, @1, $2.value); }
    | ELSE inner        { $$ = ast_else_alone(p, @1); }
    ;

semi: ';'                  { $$.value = false; }
    | %empty %prec NOTHING { $$.value = true; }
    ;

if: IF rest                     { $$ = ast_at(@$, $2); }
    ;

rest: expr inner %prec THEN     { $$ = ast_if(p, @$, $1, $2, NULL); }
    | expr inner ELSE inner     { $$ = ast_if(p, @$, $1, $2, $4); }
    | expr inner ELSEIF rest    { $$ = ast_if(p, @$, $1, $2, ast_elseif(p, @3, $4)); }
    ;

cases: %empty           { $$ = ast_list(NULL); }
    | error             { $$ = ast_list(NULL); }
    | cases case        { $$ = ast_append($1, $2); }
    ;

case: CASE expr ':' body    { $$ = ast_case(p, @$, $2, $4); }
    | CASE error ':' body   { yyerrok; $$ = ast_case(p, @$, ast_broken(p, @1).first, $4); }
    | DEFAULT ':' body      { $$ = ast_case(p, @$, NULL, $3); }
    ;

body: stmts
    | stmts error       { $$ = $1; }
    ;

/* ---- commands ------------------------------------------------------------------------------ */

command: ID %prec NOTHING           { $$ = ast_word(p, @$, $1); }
    | ID '(' args ')'               { $$ = ast_call(p, @$, $1, $3); }
    | ROUTE '(' args ')'            { $$ = ast_route_call(p, @$, $3); }
    | ROUTE '[' args ']'            { $$ = ast_route_square(p, @$, $3); }
    | variable '=' expr             { $$ = ast_assign(p, @$, AST_SET, $1, $3); }
    | variable ASSIGN expr          { $$ = ast_assign(p, @$, $2.value, $1, $3); }
    | EXIT %prec NOTHING            { $$ = ast_plain(p, @$, NODE_EXIT); }
    | EXIT '(' args ')'             { $$ = ast_end(p, @$, NODE_EXIT, $3); }
    | DROP %prec NOTHING            { $$ = ast_plain(p, @$, NODE_DROP); }
    | DROP '(' args ')'             { $$ = ast_end(p, @$, NODE_DROP, $3); }
    | RETURN %prec NOTHING          { $$ = ast_return(p, @$, ast_list(NULL), true); }
    | RETURN '(' args ')'           { $$ = ast_return(p, @$, $3, true); }
    | RETURN bare                   { $$ = ast_return(p, @$, ast_list($2), false); }
    ;

bare: NUMBER            { $$ = ast_number(p, @$, $1); }
    | '-' NUMBER        { $$ = ast_sign(p, @$, '-', ast_number(p, @2, $2)); }
    | '+' NUMBER        { $$ = ast_sign(p, @$, '+', ast_number(p, @2, $2)); }
    | variable
    ;

args: %empty            { $$ = ast_list(NULL); }
    | arg_list
    | error             { $$ = ast_broken(p, @$); }
    ;

arg_list: arg               { $$ = ast_list($1); }
    | arg_list ',' arg      { $$ = ast_append($1, $3); }
    ;

arg: expr                           { $$ = $1; }
    | expr ':' port                 { $$ = ast_host(p, @$, NULL, $1, &$3); }
    | proto_or_any ':' expr         { $$ = ast_host(p, @$, &$1, $3, NULL); }
    | proto_or_any ':' expr ':' port { $$ = ast_host(p, @$, &$1, $3, &$5); }
    ;

/* ---- expressions --------------------------------------------------------------------------- */

variable: VARIABLE      { $$ = ast_variable(p, @$, $1); }
    ;

expr: NUMBER            { $$ = ast_number(p, @$, $1); }
    | STRING            { $$ = ast_string(p, @$, $1); }
    | HOSTNAME          { $$ = ast_word(p, @$, $1); }
    | IPV4              { $$ = ast_address(p, @$, $1); }
    | IPV6              { $$ = ast_address(p, @$, $1); }
    | OPERAND           { $$ = ast_operand(p, @$, $1); }
    | MYSELF            { $$ = ast_plain(p, @$, NODE_MYSELF); }
    | NIL               { $$ = ast_plain(p, @$, NODE_NIL); }
    | variable %prec NOTHING
    | command
    | '(' expr ')'      { $$ = ast_group($2); }
    | '(' block ')'     { $$ = $2; }
    | '(' if ')'        { $$ = $2; }
    | '(' error ')'     { yyerrok; $$ = ast_broken(p, @$).first; }
    | '[' expr ']'      { $$ = ast_test(p, @$, $2); }
    | '[' error ']'     { yyerrok; $$ = ast_broken(p, @$).first; }
    | NOT expr          { $$ = ast_not(p, @$, $2); }
    | expr AND expr     { $$ = ast_chain(p, @$, $2.value, $1, $3); }
    | expr relation expr %prec RELATION { $$ = ast_compare(p, @$, $2.value, $1, $3); }
    | expr relation proto_or_any { $$ = ast_compare(p, @$, $2.value, $1, ast_transport(p, @3, $3)); }
    | expr '|' expr     { $$ = ast_arith(p, @$, AST_BITOR, $1, $3); }
    | expr '^' expr     { $$ = ast_arith(p, @$, AST_BITXOR, $1, $3); }
    | expr '&' expr     { $$ = ast_arith(p, @$, AST_BITAND, $1, $3); }
    | expr SHIFT expr   { $$ = ast_arith(p, @$, $2.value, $1, $3); }
    | expr '+' expr     { $$ = ast_arith(p, @$, AST_ADD, $1, $3); }
    | expr '.' expr     { $$ = ast_broken(p, @$).first; }
    | expr '-' expr     { $$ = ast_arith(p, @$, AST_SUB, $1, $3); }
    | expr '*' expr     { $$ = ast_arith(p, @$, AST_MUL, $1, $3); }
    | expr '/' expr     { $$ = ast_arith(p, @$, AST_DIV, $1, $3); }
    | expr '%' expr     { $$ = ast_arith(p, @$, AST_MOD, $1, $3); }
    | '~' expr          { $$ = ast_complement(p, @$, $2); }
    | '-' expr %prec SIGN { $$ = ast_sign(p, @$, '-', $2); }
    | '+' expr %prec SIGN { $$ = ast_sign(p, @$, '+', $2); }
    ;

relation: RELATION | '<' { $$.value = AST_LT; } | '>' { $$.value = AST_GT; }
    ;

%%

static int lang_yylex(union parse_value *value, struct loc *loc, struct parse *p)
{
    return parse_token(p, &value->word, loc);
}

/* Only for what is no syntax error: the parser's stack is full. */
static void lang_yyerror(const struct loc *loc, struct parse *p, const char *text)
{
    (void)text;
    parse_too_deep(p, *loc);
}

static int yyreport_syntax_error(const yypcontext_t *context, struct parse *p)
{
    yysymbol_kind_t kinds[YYNTOKENS];
    const char *names[YYNTOKENS];
    int n = yypcontext_expected_tokens(context, kinds, YYNTOKENS);
    for (int i = 0; i < n; i++)
        names[i] = yysymbol_name(kinds[i]);
    parse_unexpected(p, names, n > 0 ? (unsigned)n : 0);
    return 0;
}
