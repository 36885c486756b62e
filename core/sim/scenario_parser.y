/* The shape of a scenario's lines. It takes more than makes sense (any modifier behind any verb): the
 * builders complain with words a syntax error has not. Every action is one call. */
/* SPDX-License-Identifier: MIT */
%code requires {
#include "core/sim/scenario_parse.h"
}
%code {
#define YYMAXDEPTH 20000
#define YYLLOC_DEFAULT(here, rhs, n)                                                               \
    (here) = (n) ? scn_join(YYRHSLOC(rhs, 1), YYRHSLOC(rhs, n)) : YYRHSLOC(rhs, 0)

static int scn_yylex(struct scn_token *value, struct loc *loc, struct scn_parse *p);
static void scn_yyerror(const struct loc *loc, struct scn_parse *p, const char *text);
}

%define api.pure full
%define api.prefix {scn_yy}
%define api.value.type {struct scn_token}
%define api.location.type {struct loc}
%define parse.error custom
%define parse.lac full
%locations
%expect 0
%param {struct scn_parse *p}
%initial-action { @$ = (struct loc){.line = 1, .column = 1, .end_line = 1, .end_column = 1}; }

%token YYEOF 0 "the end of the file"
%token NEWLINE "the end of the line"
%token RAW_LINE "a line with '|'"
%token STRING "a text in quotes" NUMBER "a number" CLASS "a class such as 4xx" TIME "a time such as 5s"
%token PERCENT "a percentage" METHOD "a method such as INVITE" NAME "a name" COLUMN "a '$name'"

%token PLAIN_VERB "a verb" TARGET_VERB "'invites'" ANSWERS "'answers'" SENDS "'sends'" REPEATS "'repeats'"
%token HANGS "'hangs up'" GETS "'gets'" GOT "'got'"

%token SCRIPT "'script'" PHONE "'phone'" SERVER "'server'" DOMAIN "'domain'" INCLUDE "'include'"
%token TEST "'test'" STEPS "'steps'" BEFORE "'before each test'" WAIT "'wait'" NO "'no transaction is left'"
%token NETWORK "'network'" LINK "'link'" LOSE "'lose'" DUPLICATE "'duplicate'" DELAY "'delay'"
%token RELOAD "'reload'" DNS "'dns'" LOG "'log'" DO "'do'"
%token FOR "'for'" EACH "'each'" IN "'in'" WITH "'with'" WITHOUT "'without'" AS "'as'" TO "'to'" FROM "'from'"
%token BY "'by'" AT "'at'" AFTER "'after'" WITHIN "'within'" WHERE "'where'" AND "'and'" NEVER "'never'"
%token NOTHING "'nothing'" ALL "'all of'" OF "'of'" AGAIN "'again'" TIMES "'N times'" ONCE "'once'"
%token TWICE "'twice'" NEXT "'next'" THE "'the'" UP "'up'" RAW "'raw'" IS "'is'" NOT "'not'"
%token ABSENT "'absent'" PRESENT "'present'" HAS "'has'" CONTAINS "'contains'" MATCHES "'matches'"
%token ORDINAL "a place such as 2nd" TRUNCATE "'truncate'" FLIP "'flip'" BIT "'bit'" BYTES "'bytes'"
%token MOMENT "'moment'" TAKES "'takes'" CLOCK "'clock'" JUMPS "'jumps'" BACK "'back'" MEMORY "'memory'"
%token OUT "'out'" EXPLORE "'explore'" SEED "'seed'" SMALL "'small'" TABLES "'tables'"
%token FLAG "'flag'" BRANCH "'branch'" SET "'set'"
%token TRANSACTION "'transaction'" LEFT "'left'" RAN "'ran'" LINE "'line'" LOSES "'loses'"
%token DUPLICATES "'duplicates'" DELAYS "'delays'" CUT "'cut'" WHOLE "'whole'" PASSWORD "'password'"
%token CONTACT "'contact'"
%token DATABASE "'database'" TABLE "'table'" ROW "'row'" ROWS "'rows'"
%token NEW "'new'" REQUESTS "'requests'" HAVE "'have'" WAITED "'waited'" WERE "'were'" DROPPED "'dropped'"

%%

file: lines last YYEOF
    ;

lines: %empty
    | lines line NEWLINE
    | lines error NEWLINE   { yyerrok; }
    ;

last: line
    | error
    ;

line: %empty
    | SCRIPT path overrides
    | PHONE NAME address
    | SERVER NAME server
    | DOMAIN text           { scn_domain(p, &$2); }
    | INCLUDE path          { scn_include(p, &$2); }
    | TEST STRING           { scn_block(p, &$2, true, false); }
    | test_head FOR EACH columns IN rows
    | STEPS NAME            { scn_block(p, &$2, false, false); }
    | BEFORE EACH TEST      { scn_block(p, &$1, false, true); }
    | RAW_LINE              { scn_raw_line(p, &$1); }
    | ROW db_name           { scn_table_row(p, &@$, &$2); } pairs
    | steps
    ;

/* ---- declarations ---------------------------------------------------------------------------- */

path: text                  { $$ = $1; }
    ;

text: STRING | NAME
    ;

overrides: %empty           { scn_script(p, &$0); }
    | overrides WITH db_name NAME '=' value { scn_override(p, &$3, &$4, &$6); }
    | overrides AND db_name NAME '=' value  { scn_override(p, &$3, &$4, &$6); }
    ;

value: NUMBER | STRING
    ;

address: text               { scn_party(p, false, &$0, &$1); }
    | address PASSWORD text { scn_password(p, &$3); }
    | address NAME text     { scn_party_user(p, &$2, &$3); }
    | address CONTACT STRING { scn_contact(p, &$3); }
    ;

server: text                { scn_party(p, true, &$0, &$1); }
    ;

test_head: TEST STRING      { scn_block(p, &$2, true, false); }
    ;

columns: NAME               { scn_column(p, &$1); }
    | columns ',' NAME      { scn_column(p, &$3); }
    ;

rows: row
    | rows ',' row
    ;

row: cell
    | row cell_more
    ;

cell: any_cell              { scn_row(p); scn_cell(p, &$1); }
    ;

cell_more: any_cell         { scn_cell(p, &$1); }
    ;

any_cell: STRING | NUMBER | CLASS | TIME | METHOD | NAME
    ;

/* ---- steps ----------------------------------------------------------------------------------- */

steps: clause
    | steps ';' clause
    | steps ';'
    ;

clause: who actions
    | WAIT TIME             { scn_step(p, &@$, STEP_WAIT, NULL); scn_time(p, &$2); }
    | left
    | left AFTER TIME       { scn_time(p, &$3); }
    | network faults
    | LINK link faults
    | next_kind
    | next_kind BY TIME     { scn_time(p, &$3); }
    | RELOAD WITH text      { scn_step(p, &@$, STEP_RELOAD, &$3); }
    | DNS STRING            { scn_step(p, &@$, STEP_DNS, &$2); }
    | DNS IS CUT            { scn_dns_server(p, &@$, true, NULL); }
    | DNS IS WHOLE          { scn_dns_server(p, &@$, false, NULL); }
    | DNS DELAYS TIME       { scn_dns_server(p, &@$, false, &$3); }
    | DNS HAS NUMBER        { scn_dns_count(p, &@$, &$3); }
    | LOG HAS STRING        { scn_check_step(p, &@$, STEP_LOG, false, false, &$3); }
    | LOG MATCHES STRING    { scn_check_step(p, &@$, STEP_LOG, false, true, &$3); }
    | LOG NEVER HAS STRING  { scn_check_step(p, &@$, STEP_LOG, true, false, &$4); }
    | LOG NEVER MATCHES STRING { scn_check_step(p, &@$, STEP_LOG, true, true, &$4); }
    | SCRIPT RAN ran        { scn_check_step(p, &@$, STEP_RAN, false, false, &$3); }
    | SCRIPT NEVER RAN ran  { scn_check_step(p, &@$, STEP_RAN, true, false, &$4); }
    | mishap
    | event                 { scn_event_now(p); }
    | AT TIME event         { scn_event_at(p, &@$, &$2); }
    | explore
    | SCRIPT LEFT variable value_cond in_route
    | flag IS SET           { scn_flag(p, &@$, false); } in_route
    | flag IS NOT SET       { scn_flag(p, &@$, true); } in_route
    | DO NAME               { scn_step(p, &@$, STEP_DO, &$2); }
    | TABLE db_name HAS NUMBER row_word { scn_table(p, &@$, &$2, &$4); } table_where
    | DATABASE IS NAME      { scn_database(p, &@$, &$3); }
    | DATABASE IS BACK      { scn_database(p, &@$, &$3); }
    | DATABASE DELAYS TIME  { scn_database(p, &@$, NULL); scn_time(p, &$3); }
    | queue
    ;

/* The comma is an "and": scn_join_lines makes one of it before a number. */
queue: NEW REQUESTS HAVE WAITED TIME { scn_queue(p, &@$, &$5, NULL); }
    | NEW REQUESTS HAVE WAITED TIME ',' NUMBER WERE DROPPED { scn_queue(p, &@$, &$5, &$7); }
    ;

row_word: ROW | ROWS
    ;

pairs: pair
    | pairs pair
    ;

pair: db_name STRING      { scn_pair(p, &$1, &$2); }
    | db_name NUMBER      { scn_pair(p, &$1, &$2); }
    | db_name COLUMN      { scn_pair(p, &$1, &$2); }
    ;

db_name: NAME | DOMAIN | PASSWORD | CONTACT
    ;

table_where: %empty
    | WHERE pair
    | table_where AND pair
    ;

variable: COLUMN            { scn_variable(p, &@$, &$1); }
    | STRING                { scn_variable(p, &@$, &$1); }
    ;

flag: FLAG NUMBER           { scn_flag_step(p, &@$, FLAG_MESSAGE, &$2); }
    | BRANCH FLAG NUMBER    { scn_flag_step(p, &@$, FLAG_BRANCH, &$3); }
    | SCRIPT FLAG NUMBER    { scn_flag_step(p, &@$, FLAG_SCRIPT, &$3); }
    ;

in_route: %empty
    | IN NAME               { scn_in_route(p, &$2); }
    ;

left: NO TRANSACTION IS LEFT { scn_step(p, &@$, STEP_LEFT, NULL); }
    ;

ran: text | LINE NUMBER     { $$ = $2; }
    ;

who: NAME                   { scn_who(p, &$1); }
    ;

network: NETWORK            { scn_link(p, &@$, DIRECTION_BOTH, NULL); }
    ;

link: NAME                  { scn_link(p, &@$, DIRECTION_BOTH, &$1); }
    | FROM NAME             { scn_link(p, &@$, DIRECTION_FROM, &$2); }
    | TO NAME               { scn_link(p, &@$, DIRECTION_TO, &$2); }
    ;

faults: fault
    | fault FOR TIME        { scn_time(p, &$3); }
    | faults AND fault
    | faults AND fault FOR TIME { scn_time(p, &$5); }
    ;

fault: LOSES PERCENT        { scn_fault(p, &@$, FAULT_LOSS, &$2); }
    | DUPLICATES PERCENT    { scn_fault(p, &@$, FAULT_DUPLICATE, &$2); }
    | DELAYS TIME           { scn_fault(p, &@$, FAULT_DELAY, &$2); }
    | IS CUT                { scn_fault(p, &@$, FAULT_CUT, NULL); }
    | IS WHOLE              { scn_fault(p, &@$, FAULT_WHOLE, NULL); }
    ;

next_kind: LOSE next item next_link times { scn_next_ones(p, &@$, FAULT_LOSS, &$3); }
    | DUPLICATE next item next_link times { scn_next_ones(p, &@$, FAULT_DUPLICATE, &$3); }
    | DELAY next item next_link times { scn_next_ones(p, &@$, FAULT_DELAY, &$3); }
    ;

next: the NEXT
    ;

mishap: LOSE packet         { scn_mishap(p, &@$, MISHAP_LOSS, NULL); }
    | DUPLICATE packet AFTER TIME { scn_mishap(p, &@$, MISHAP_DUPLICATE, &$4); }
    | DELAY packet BY TIME  { scn_mishap(p, &@$, MISHAP_DELAY, &$4); }
    | TRUNCATE packet AFTER NUMBER BYTES { scn_mishap(p, &@$, MISHAP_TRUNCATE, &$4); }
    | FLIP BIT NUMBER OF packet { scn_mishap(p, &@$, MISHAP_FLIP, &$3); }
    | MOMENT NUMBER TAKES the ORDINAL { scn_moment(p, &@$, &$2, &$5); }
    ;

packet: the ORDINAL thing FROM end TO end { scn_packet(p, &$2, &$3, &$5, &$7); }
    | the ORDINAL thing OF METHOD FROM end TO end { scn_packet(p, &$2, &$3, &$7, &$9); scn_packet_of(p, &$5); }
    ;

thing: item | NAME
    ;

end: NAME | STRING
    ;

event: RELOAD               { scn_event(p, &@$, MISHAP_RELOAD, NULL, false); }
    | the CLOCK JUMPS BY TIME { scn_event(p, &@$, MISHAP_JUMP, &$5, false); }
    | the CLOCK JUMPS BACK BY TIME { scn_event(p, &@$, MISHAP_JUMP, &$6, true); }
    | MEMORY IS OUT FOR TIME { scn_event(p, &@$, MISHAP_MEMORY, &$5, false); }
    ;

explore: EXPLORE WITH SEED NUMBER { scn_explore(p, &@$, &$4, NULL, false); }
    | EXPLORE WITH SEED NUMBER AND DELAY TIME { scn_explore(p, &@$, &$4, &$7, false); }
    | EXPLORE WITH SEED NUMBER AND DELAY TIME AND SMALL TABLES { scn_explore(p, &@$, &$4, &$7, true); }
    ;

the: %empty | THE
    ;

next_link: FROM name        { scn_link(p, &@$, DIRECTION_FROM, &$2); }
    | TO name               { scn_link(p, &@$, DIRECTION_TO, &$2); }
    ;

name: NAME | COLUMN
    ;

times: %empty               { scn_mod_times(p, &@$, 1); }
    | ONCE                  { scn_mod_times(p, &@$, 1); }
    | TWICE                 { scn_mod_times(p, &@$, 2); }
    | TIMES                 { scn_mod_times(p, &@$, $1.value); }
    ;

/* ---- what parties do ------------------------------------------------------------------------- */

actions: action
    | actions ',' action
    ;

action: head
    | action mod
    ;

head: PLAIN_VERB            { scn_verb(p, &$1, NULL); }
    | TARGET_VERB target    { scn_verb(p, &$1, &$2); }
    | ANSWERS item          { scn_verb(p, &$1, &$2); }
    | ANSWERS item STRING   { scn_verb(p, &$1, &$2); scn_reason(p, &$3); }
    | SENDS METHOD          { scn_verb(p, &$1, &$2); }
    | SENDS COLUMN          { scn_verb(p, &$1, &$2); }
    | SENDS RAW STRING      { scn_raw(p, &$1, &$3); }
    | SENDS RAW             { scn_raw(p, &$1, NULL); }
    | REPEATS               { scn_verb(p, &$1, NULL); }
    | REPEATS item          { scn_verb(p, &$1, &$2); }
    | HANGS UP              { scn_verb(p, &$1, NULL); }
    | gets item             { scn_item(p, &$2); }
    | gets ALL OF item      { scn_gets(p, true); scn_item(p, &$4); }
    | gets NOTHING          { scn_nothing(p, &@2); }
    | NOTHING               { scn_nothing(p, &@1); }
    | GOT item              { scn_verb(p, &$1, &$2); }
    | item                  { scn_item(p, &$1); }
    | item STRING           { scn_item(p, &$1); scn_reason(p, &$2); }
    | NEVER item            { scn_never(p, &@$, &$2); }
    | GETS NEVER item       { scn_never(p, &@$, &$3); }
    ;

gets: GETS                  { scn_gets(p, false); }
    ;

target: NAME | STRING | COLUMN
    ;

item: METHOD | NUMBER | CLASS | COLUMN
    ;

mod: AS NAME                { scn_mod_call(p, &@$, MOD_AS, &$2); }
    | IN NAME               { scn_mod_call(p, &@$, MOD_IN, &$2); }
    | TO target             { scn_mod_target(p, &@$, MOD_TO, &$2); }
    | TO METHOD             { scn_mod_target(p, &@$, MOD_TO, &$2); }
    | AT STRING             { scn_mod_target(p, &@$, MOD_AT, &$2); }
    | FROM NAME             { scn_mod_from(p, &@$, &$2); }
    | WITHIN TIME           { scn_mod_time(p, &@$, MOD_WITHIN, &$2); }
    | FOR TIME              { scn_mod_time(p, &@$, MOD_FOR, &$2); }
    | AGAIN                 { scn_mod(p, &@$, MOD_AGAIN); }
    | TIMES                 { scn_mod_times(p, &@$, $1.value); }
    | ONCE                  { scn_mod_times(p, &@$, 1); }
    | TWICE                 { scn_mod_times(p, &@$, 2); }
    | WITH extra
    | AND extra
    | WITHOUT NAME          { scn_extra_without(p, &$2); }
    | WHERE cond
    | AND cond
    ;

extra: NAME STRING          { scn_extra(p, &$1, &$2); }
    | NAME COLUMN           { scn_extra(p, &$1, &$2); }
    | PASSWORD STRING       { scn_extra(p, &$1, &$2); }
    | PASSWORD COLUMN       { scn_extra(p, &$1, &$2); }
    ;

value_cond: cond_value      { scn_value(p, COND_IS, &$1); }
    | IS cond_value         { scn_value(p, COND_IS, &$2); }
    | IS NOT cond_value     { scn_value(p, COND_IS_NOT, &$3); }
    | IS ABSENT             { scn_value(p, COND_ABSENT, NULL); }
    | IS PRESENT            { scn_value(p, COND_PRESENT, NULL); }
    | CONTAINS cond_value   { scn_value(p, COND_CONTAINS, &$2); }
    | MATCHES STRING        { scn_value(p, COND_MATCHES, &$2); }
    ;

cond: field IS cond_value   { scn_cond(p, &$1, COND_IS, &$3); }
    | field IS NOT cond_value { scn_cond(p, &$1, COND_IS_NOT, &$4); }
    | field IS ABSENT       { scn_cond(p, &$1, COND_ABSENT, NULL); }
    | field IS PRESENT      { scn_cond(p, &$1, COND_PRESENT, NULL); }
    | field CONTAINS cond_value { scn_cond(p, &$1, COND_CONTAINS, &$3); }
    | field MATCHES STRING  { scn_cond(p, &$1, COND_MATCHES, &$3); }
    ;

field: NAME | CONTACT
    ;

cond_value: STRING | NUMBER | NAME | METHOD | COLUMN
    ;

%%

static int scn_yylex(struct scn_token *value, struct loc *loc, struct scn_parse *p)
{
    return scn_next(p, value, loc);
}

/* Only for what is no syntax error: the parser's stack is full. */
static void scn_yyerror(const struct loc *loc, struct scn_parse *p, const char *text)
{
    diag_add(&p->scenario->diag, DIAG_ERROR, NULL, *loc, "%s", text);
}

static int yyreport_syntax_error(const yypcontext_t *context, struct scn_parse *p)
{
    yysymbol_kind_t kinds[YYNTOKENS];
    const char *names[YYNTOKENS];
    int n = yypcontext_expected_tokens(context, kinds, YYNTOKENS);
    for (int i = 0; i < n; i++)
        names[i] = yysymbol_name(kinds[i]);
    scn_unexpected(p, yypcontext_location(context), yypcontext_token(context) == YYSYMBOL_YYEOF,
                   names, n > 0 ? (unsigned)n : 0);
    return 0;
}
