/* Builds the nodes of statements and expressions. */
/* SPDX-License-Identifier: MIT */
#include "lang/ast_build.h"

#include "core/base/err.h"

static const char *const kind_names[] = {
#define NODE(id, name, doc) name,
#include "lang/ast.def"
#undef NODE
};

const char *ast_kind_name(enum node_kind k)
{
    return kind_names[k];
}

const char *ast_op_text(enum ast_op op)
{
    static const char *const texts[] = {"",
#define X(id, spelling) spelling,
                                        AST_OP_LIST(X)
#undef X
    };
    return texts[op];
}

bool dialect_ok(struct diag *d, enum dialect which, struct loc at)
{
    static const struct {
        bool accepted;
        const char *text;
    } rows[] = {
#define DIALECT(id, accepted, text) {accepted, text},
#include "lang/dialect.def"
#undef DIALECT
    };
    if (rows[which].accepted || d->today)
        return true;
    diag_add(d, DIAG_ERROR, NULL, at, "%s", rows[which].text);
    diag_hint(d, DIALECT_HINT);
    return false;
}

/* ---- places -----------------------------------------------------------------------------------
 */

struct loc ast_join(struct loc a, struct loc b)
{
    if (a.file != b.file)
        return a; /* it goes on in another file */
    a.end_line = b.end_line;
    a.end_column = b.end_column;
    return a;
}

struct loc ast_behind(struct loc l)
{
    l.line = l.end_line;
    l.column = l.end_column;
    return l;
}

/* ---- making nodes -----------------------------------------------------------------------------
 */

void parse_too_deep(struct parse *p, struct loc at)
{
    if (!p->quiet)
        diag_add(p->script->diag, DIAG_ERROR, NULL, at, "nested too deeply");
    p->quiet = p->stopped = true;
}

/* The same for a script with too many parts. */
static void too_large(struct parse *p, struct loc at)
{
    if (!p->quiet)
        diag_add(p->script->diag, DIAG_ERROR, NULL, at, "the script is too large");
    p->quiet = p->stopped = true;
}

static struct node *new_node(struct parse *p, struct loc at, enum node_kind kind)
{
    struct node *n = arena_zalloc(&p->script->arena, sizeof *n);
    if (++p->n_nodes > AST_MAX_NODES)
        too_large(p, at);
    if (!n) {
        p->no_memory = true;
        n = &p->spare;
        memset(n, 0, sizeof *n);
    }
    n->kind = (uint8_t)kind;
    n->loc = at;
    return n;
}

/* n holds part: counts the nesting. Where it is too deep, n loses what it holds. */
static void holds(struct parse *p, struct node *n, const struct node *part)
{
    if (!part)
        return;
    if (part->depth >= n->depth)
        n->depth = (uint16_t)(part->depth + 1);
    if (n->depth <= AST_MAX_DEPTH)
        return;
    parse_too_deep(p, n->loc);
    *n = (struct node){.kind = NODE_NOP, .loc = n->loc, .next = n->next, .broken = true};
}

static void holds_list(struct parse *p, struct node *n, const struct node *part)
{
    for (; part && n->kind != NODE_NOP; part = part->next)
        holds(p, n, part);
}

static void error_at(struct parse *p, struct loc at, const char *text)
{
    if (!p->quiet)
        diag_add(p->script->diag, DIAG_ERROR, NULL, at, "%s", text);
}

struct node_list ast_list(struct node *first)
{
    return (struct node_list){first, first};
}

struct node_list ast_append(struct node_list list, struct node *n)
{
    if (!list.first)
        return ast_list(n);
    list.last->next = n;
    list.last = n;
    return list;
}

static struct node *broken(struct parse *p, struct loc at)
{
    struct node *n = new_node(p, at, NODE_NIL);
    n->broken = true;
    return n;
}

struct node_list ast_broken(struct parse *p, struct loc at)
{
    return ast_list(broken(p, at));
}

struct node *ast_plain(struct parse *p, struct loc at, enum node_kind kind)
{
    return new_node(p, at, kind);
}

/* ---- values -----------------------------------------------------------------------------------
 */

struct node *ast_number(struct parse *p, struct loc at, struct lexeme w)
{
    struct node *n = new_node(p, at, NODE_NUMBER);
    n->number.value = w.value;
    n->number.text = w.text;
    return n;
}

struct node *ast_transport(struct parse *p, struct loc at, struct lexeme w)
{
    struct node *n = ast_number(p, at, w);
    n->number.proto = true;
    return n;
}

struct node *ast_string(struct parse *p, struct loc at, struct lexeme w)
{
    struct node *n = new_node(p, at, NODE_STRING);
    n->text = w.text;
    n->broken = w.value < 0;
    return n;
}

struct node *ast_word(struct parse *p, struct loc at, struct lexeme w)
{
    struct node *n = new_node(p, at, NODE_WORD);
    n->text = w.text;
    return n;
}

struct node *ast_variable(struct parse *p, struct loc at, struct lexeme w)
{
    struct node *n = new_node(p, at, NODE_VARIABLE);
    n->variable.text = w.text;
    n->broken = w.text.len == 0;
    return n;
}

struct node *ast_operand(struct parse *p, struct loc at, struct lexeme w)
{
    struct node *n = new_node(p, at, NODE_OPERAND);
    n->operand = (enum operand)w.value;
    return n;
}

/* Four numbers with dots; one that begins with 0 is octal, as in the reference. */
static bool parse_ipv4(struct ip *ip, struct str text)
{
    struct str octet;
    *ip = (struct ip){.family = 4};
    for (unsigned i = 0; i < 4; i++) {
        if (!str_cut(&octet, &text, '.') || octet.len > 4)
            return false;
        int32_t v = source_number(octet);
        if (v < 0 || v > 255)
            return false;
        ip->b[i] = (uint8_t)v;
    }
    return true;
}

struct node *ast_address(struct parse *p, struct loc at, struct lexeme w)
{
    struct node *n = new_node(p, at, NODE_NET);
    bool v4 = str_find(w.text, ':', 0) < 0;
    bool good = v4 ? parse_ipv4(&n->net.ip, w.text) : ip_parse(&n->net.ip, w.text) == ERR_OK;
    n->net.bits = v4 ? 32 : 128;
    n->net.text = w.text;
    n->broken = !good;
    if (!good)
        diag_add(p->script->diag, DIAG_ERROR, NULL, at, "'%.*s' is not an %s address",
                 STR_ARG(w.text), v4 ? "IPv4" : "IPv6");
    return n;
}

struct node *ast_sign(struct parse *p, struct loc at, char sign, struct node *value)
{
    if (value->kind != NODE_NUMBER) {
        if (!value->broken)
            error_at(p, at, "a sign can only stand before a number");
        return broken(p, at);
    }
    if (sign == '-')
        value->number.value = (int32_t)(0u - (uint32_t)value->number.value);
    value->loc = at;
    value->number.sign = sign;
    return value;
}

/* Bits of a mask such as 255.255.0.0; -1 when it has holes. */
static int mask_bits(const struct ip *mask)
{
    int bits = 0, size = mask->family == 4 ? 32 : 128;
    while (bits < size && mask->b[bits / 8] >> (7 - bits % 8) & 1)
        bits++;
    for (int i = bits; i < size; i++)
        if (mask->b[i / 8] >> (7 - i % 8) & 1)
            return -1;
    return bits;
}

/* address / mask */
static struct node *network(struct parse *p, struct loc at, struct node *net,
                            const struct node *mask)
{
    int bits = -1;
    if (mask->kind == NODE_NUMBER && !mask->number.sign)
        bits = mask->number.value;
    else if (mask->kind == NODE_NET && mask->net.ip.family == net->net.ip.family)
        bits = mask_bits(&mask->net.ip);
    bool good = bits >= 0 && bits <= (net->net.ip.family == 4 ? 32 : 128);
    net->broken |= mask->broken || !good;
    if (!good && !mask->broken)
        error_at(p, mask->loc, "this is not a mask of the address before it");
    net->net.bits = (uint8_t)bits;
    net->loc = at;
    return net;
}

struct node *ast_arith(struct parse *p, struct loc at, enum ast_op op, struct node *left,
                       struct node *right)
{
    if (op == AST_DIV && left->kind == NODE_NET && !left->broken)
        return network(p, at, left, right);
    struct node *n = new_node(p, at, NODE_ARITH);
    n->op = (uint8_t)op;
    n->binary.left = left;
    n->binary.right = right;
    holds(p, n, left);
    holds(p, n, right);
    return n;
}

struct node *ast_complement(struct parse *p, struct loc at, struct node *inner)
{
    struct node *n = new_node(p, at, NODE_COMPLEMENT);
    n->inner = inner;
    holds(p, n, inner);
    return n;
}

/* ---- hosts ------------------------------------------------------------------------------------
 */

/* The node of a name-with-hyphens that stands first or last in the text. */
static const struct node *edge(const struct node *n, bool last)
{
    while (n->kind == NODE_ARITH)
        n = last ? n->binary.right : n->binary.left;
    return n;
}

static struct str bytes_of(const struct node *n)
{
    switch (n->kind) {
    case NODE_STRING:
    case NODE_WORD:
        return n->text;
    case NODE_NET:
        return n->net.text;
    case NODE_NUMBER:
        return n->number.text;
    default:
        return STR_NONE;
    }
}

/* Whether n is made of names and hyphens only. */
static bool is_host(const struct node *n)
{
    while (n->kind == NODE_ARITH && n->op == AST_SUB &&
           edge(n->binary.right, true) == n->binary.right)
        n = n->binary.left;
    return bytes_of(n).p && !(n->kind == NODE_NET && n->broken);
}

struct str ast_host_text(const struct node *n)
{
    struct str from, to;
    if (n->kind != NODE_ARITH)
        return is_host(n) ? bytes_of(n) : STR_NONE;
    const struct loc *first = &edge(n, false)->loc, *last = &edge(n, true)->loc;
    from = is_host(n) ? bytes_of(edge(n, false)) : STR_NONE;
    to = bytes_of(edge(n, true));
    if (!from.p || !to.p || first->line != last->line || first->column > last->column ||
        from.p + (last->column - first->column) != to.p)
        return STR_NONE; /* not one piece of one text */
    return str_make(from.p, (size_t)(to.p - from.p) + to.len);
}

static bool port_of(struct parse *p, struct loc at, const struct lexeme *port, uint16_t *out)
{
    *out = port ? (uint16_t)port->value : 0;
    if (!port || (port->value >= 0 && port->value <= 65535))
        return true;
    error_at(p, at, "a port is a number from 0 to 65535");
    return false;
}

struct node *ast_host(struct parse *p, struct loc at, const struct lexeme *proto, struct node *host,
                      const struct lexeme *port)
{
    struct node *n = new_node(p, at, NODE_HOST);
    n->host.host = ast_host_text(host);
    n->host.quoted = host->kind == NODE_STRING;
    n->host.proto = (uint8_t)(proto ? proto->value : PROTO_ANY);
    n->broken = host->broken || !port_of(p, at, port, &n->host.port);
    if (!n->broken && !n->host.host.len) {
        error_at(p, host->loc, "a host name or an address was expected here");
        n->broken = true;
    }
    if (!n->broken && proto && proto->value == PROTO_SCTP) {
        error_at(p, at, "signalbox has no SCTP transport");
        n->broken = true;
    }
    return n;
}

/* ---- conditions -------------------------------------------------------------------------------
 */

struct node *ast_compare(struct parse *p, struct loc at, enum ast_op op, struct node *left,
                         struct node *right)
{
    struct node *n = new_node(p, at, NODE_COMPARE);
    n->op = (uint8_t)op;
    n->binary.left = left;
    n->binary.right = right;
    n->broken = left->broken || right->broken;
    holds(p, n, left);
    holds(p, n, right);
    return n;
}

struct node *ast_chain(struct parse *p, struct loc at, enum ast_op op, struct node *left,
                       struct node *right)
{
    struct node *n = left;
    if (left->kind != NODE_CHAIN || left->grouped) {
        n = new_node(p, at, NODE_CHAIN);
        n->chain.first = n->chain.last = left;
        holds(p, n, left);
    }
    if (n->kind != NODE_CHAIN)
        return n;
    right->joint = (uint8_t)op;
    n->chain.last->next = right;
    n->chain.last = right;
    n->loc = at;
    holds(p, n, right);
    return n;
}

struct node *ast_not(struct parse *p, struct loc at, struct node *inner)
{
    struct node *n = new_node(p, at, NODE_NOT);
    n->inner = inner;
    holds(p, n, inner);
    return n;
}

struct node *ast_test(struct parse *p, struct loc at, struct node *inner)
{
    if (inner->kind == NODE_NET && inner->net.ip.family == 6) {
        inner->loc = at;
        return inner;
    }
    struct node *n = new_node(p, at, NODE_TEST);
    n->inner = inner;
    holds(p, n, inner);
    return n;
}

struct node *ast_group(struct node *inner)
{
    inner->grouped = true;
    return inner;
}

/* ---- commands ---------------------------------------------------------------------------------
 */

static unsigned length(struct node_list l)
{
    unsigned n = 0;
    for (const struct node *i = l.first; i; i = i->next)
        n++;
    return n;
}

static bool any_broken(struct node_list l)
{
    for (const struct node *i = l.first; i; i = i->next)
        if (i->broken)
            return true;
    return false;
}

struct node *ast_call(struct parse *p, struct loc at, struct lexeme name, struct node_list args)
{
    struct node *n = new_node(p, at, NODE_CALL);
    n->call.name = name.text;
    n->call.args = args.first;
    n->call.argc = length(args);
    n->call.brackets = true;
    holds_list(p, n, args.first);
    return n;
}

struct str ast_route_text(struct parse *p, struct str name)
{
    uint64_t v;
    if (str_u64(&v, name, UINT32_MAX) != ERR_OK)
        return name;
    return arena_printf(&p->script->arena, "%lu", (unsigned long)v);
}

struct lexeme ast_route_number(struct parse *p, struct lexeme w)
{
    w.text = arena_printf(&p->script->arena, "%d", w.value);
    return w;
}

struct node *ast_route_call(struct parse *p, struct loc at, struct node_list args)
{
    struct node *n = new_node(p, at, NODE_ROUTE), *target = args.first;
    n->broken = any_broken(args);
    if (!target || target->next) {
        n->broken = true;
        error_at(p, at, "route() takes one thing: the number or name of a route");
    } else if (target->kind == NODE_NUMBER) {
        n->route.name = arena_printf(&p->script->arena, "%d", target->number.value);
    } else if (target->kind == NODE_STRING || target->kind == NODE_WORD) {
        n->route.name = ast_route_text(p, target->text);
    } else if (!n->broken) {
        n->broken = true;
        error_at(p, target->loc, "the target of route() must be a number or a name");
    }
    return n;
}

struct node *ast_route_square(struct parse *p, struct loc at, struct node_list args)
{
    (void)args;
    error_at(p, at, "a route is called with round brackets: route(1)");
    return broken(p, at);
}

static enum ast_op compound_of(enum ast_op op)
{
    return op == AST_SET || op == AST_RESET ? AST_NONE : op;
}

struct node *ast_assign(struct parse *p, struct loc at, enum ast_op op, struct node *target,
                        struct node *value)
{
    struct node *n = new_node(p, at, NODE_ASSIGN);
    n->assign.compound = (uint8_t)compound_of(op);
    n->op = (uint8_t)(n->assign.compound ? AST_SET : op);
    n->assign.target = target;
    n->assign.value = value;
    holds(p, n, value);
    return n;
}

struct node *ast_end(struct parse *p, struct loc at, enum node_kind kind, struct node_list args)
{
    struct node *n = new_node(p, at, kind);
    n->broken = any_broken(args);
    if (args.first && !n->broken)
        diag_add(p->script->diag, DIAG_ERROR, NULL, args.first->loc, "%s takes no argument",
                 ast_kind_name(kind));
    return n;
}

struct node *ast_return(struct parse *p, struct loc at, struct node_list args, bool brackets)
{
    struct node *n = new_node(p, at, NODE_RETURN), *value = args.first;
    n->ret.value = value;
    n->broken = any_broken(args);
    if (n->broken || !value)
        return n;
    if (value->next || (value->kind != NODE_NUMBER && value->kind != NODE_VARIABLE)) {
        n->broken = true;
        error_at(p, value->next ? value->next->loc : value->loc,
                 "return takes one number or variable");
    } else if (!brackets && !p->quiet) {
        n->broken = !dialect_ok(p->script->diag, DIALECT_RETURN_BARE, value->loc);
    }
    return n;
}

/* ---- statements -------------------------------------------------------------------------------
 */

/* A semicolon is missing behind the statement just read. */
static void no_semicolon(struct parse *p)
{
    if (p->quiet)
        return;
    diag_add(p->script->diag, DIAG_ERROR, NULL, parse_gap(p), "missing ';' after this command");
}

/* for (..) {, foreach (..) {: words that other languages have. */
static bool is_foreign(const struct node *n)
{
    return n->kind == NODE_CALL && n->call.brackets;
}

struct node *ast_command(struct parse *p, struct node *command, bool open)
{
    if (open && p->now.kind == '{' && is_foreign(command) && !p->quiet) {
        diag_add(p->script->diag, DIAG_ERROR, NULL, command->loc,
                 "'%.*s' is no statement that takes a block", STR_ARG(command->call.name));
        command->broken = true;
        p->foreign_block = true;
    } else if (open) {
        no_semicolon(p);
    }
    if (command->kind == NODE_WORD) {
        struct str name = command->text;
        command->kind = NODE_CALL;
        memset(&command->call, 0, sizeof command->call);
        command->call.name = name;
    }
    return command;
}

struct node *ast_break(struct parse *p, struct loc at, bool open)
{
    if (open)
        no_semicolon(p);
    return new_node(p, at, NODE_BREAK);
}

struct node *ast_block(struct parse *p, struct loc at, struct node_list statements)
{
    struct node *n = new_node(p, at, NODE_BLOCK);
    n->block.first = statements.first;
    holds_list(p, n, statements.first);
    return n;
}

struct node *ast_block_alone(struct parse *p, struct node *block)
{
    struct loc at = block->loc;
    at.end_line = at.line;
    at.end_column = at.column + 1;
    if (!p->foreign_block && !p->quiet)
        dialect_ok(p->script->diag, DIALECT_BLOCK_ALONE, at);
    p->foreign_block = false;
    return block;
}

struct node *ast_else_alone(struct parse *p, struct loc at)
{
    error_at(p, at, "this 'else' has no 'if' before it");
    if (!p->quiet)
        diag_hint(p->script->diag, "no ';' can stand between the statement of an if and its else");
    return new_node(p, at, NODE_NOP);
}

struct node *ast_if(struct parse *p, struct loc at, struct node *cond, struct node *then,
                    struct node *otherwise)
{
    struct node *n = new_node(p, at, NODE_IF);
    n->branch.cond = cond;
    n->branch.then = then;
    n->branch.otherwise = otherwise;
    holds(p, n, cond);
    holds(p, n, then);
    if (otherwise && otherwise->kind == NODE_IF && n->depth < otherwise->depth)
        n->depth = otherwise->depth;
    else if (otherwise && otherwise->kind != NODE_IF)
        holds(p, n, otherwise);
    return n;
}

struct node *ast_elseif(struct parse *p, struct loc at, struct node *rest)
{
    error_at(p, at, "this is written 'else if'");
    return rest;
}

struct node *ast_at(struct loc at, struct node *n)
{
    n->loc = at;
    return n;
}

struct node *ast_while(struct parse *p, struct loc at, struct node *cond, struct node *body)
{
    struct node *n = new_node(p, at, NODE_WHILE);
    n->loop.cond = cond;
    n->loop.body = body;
    holds(p, n, cond);
    holds(p, n, body);
    return n;
}

struct node *ast_switch(struct parse *p, struct loc at, struct node *subject,
                        struct node_list cases)
{
    struct node *n = new_node(p, at, NODE_SWITCH);
    n->choice.subject = subject;
    n->choice.cases = cases.first;
    holds(p, n, subject);
    holds_list(p, n, cases.first);
    return n;
}

struct node *ast_case(struct parse *p, struct loc at, struct node *label,
                      struct node_list statements)
{
    struct node *n = new_node(p, at, NODE_CASE);
    n->entry.label = label;
    n->entry.first = statements.first;
    holds(p, n, label);
    holds_list(p, n, statements.first);
    return n;
}

const char *route_keyword(enum route_kind k)
{
    switch (k) {
#define X(id, keyword, letter, bit)                                                                \
    case ROUTE_##id:                                                                               \
        return keyword;
        ROUTE_KIND_LIST(X)
#undef X
    default:
        return "";
    }
}
