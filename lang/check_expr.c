/* Checks conditions and values, and brings comparisons into the forms of lang/ast.h. */
/* SPDX-License-Identifier: MIT */
#include "core/base/err.h"
#include "lang/ast_build.h"
#include "lang/check.h"

static bool is_match(unsigned op)
{
    return op == AST_MATCH || op == AST_NOMATCH;
}

static bool is_equality(unsigned op)
{
    return op == AST_EQ || op == AST_NE;
}

static const char *operand_text(enum operand o)
{
    static const char *const texts[] = {
#define X(id, spelling) spelling,
        OPERAND_LIST(X)
#undef X
    };
    return texts[o];
}

/* The variable that says the same as an operand. */
static const char *operand_variable(enum operand o)
{
    static const char *const variables[] = {"$rm", "$ru", "$rs", "$fu", "$tu", "$si",
                                            "$Ri", "$sp", "$Rp", "$pr", "$af", "$ml"};
    return variables[o];
}

/* A bare word that is to be a string. */
static bool word_to_string(struct checker *c, struct node *n)
{
    for (size_t i = 0; i < n->text.len; i++)
        if (n->text.p[i] == '.' || n->text.p[i] == ':' || n->text.p[i] == '-') {
            check_error(c, n->loc, "this text must be in quotes");
            return false;
        }
    n->kind = NODE_STRING;
    return true;
}

/* A bare word where a command could stand: becomes a call when it is one. */
static bool word_to_call(struct checker *c, struct node *n)
{
    struct str name = n->text;
    if (!check_is_command(c, name))
        return false;
    n->kind = NODE_CALL;
    memset(&n->call, 0, sizeof n->call);
    n->call.name = name;
    check_call(c, n);
    return true;
}

static void constant_regex(struct checker *c, struct node *n)
{
    struct prepare p = check_begin(c);
    int rc = prepare_regex(&p, n->binary.right->text, false, &n->binary.regex);
    check_prepared(c, rc, &p, n->binary.right);
}

/* ---- comparisons with a variable on the left --------------------------------------------------
 */

static void variable_and(struct checker *c, struct node *n)
{
    struct node *right = n->binary.right;
    unsigned op = n->op;
    switch (right->kind) {
    case NODE_VARIABLE:
        check_variable(c, right);
        return;
    case NODE_WORD:
        if (!word_to_string(c, right))
            return;
        /* fall through */
    case NODE_STRING:
        if (is_match(op))
            constant_regex(c, n);
        return;
    case NODE_NUMBER:
        if (is_match(op))
            check_error(c, right->loc, "a pattern must be a string");
        return;
    case NODE_NIL:
    case NODE_MYSELF:
        if (!is_equality(op))
            check_error(c, n->loc, "with %s only == and != make sense", ast_kind_name(right->kind));
        return;
    case NODE_NET:
        check_error(c, right->loc, "an address must be in quotes here");
        return;
    case NODE_OPERAND:
        check_error(c, right->loc, "'%s' can stand on the left of a comparison only",
                    operand_text(right->operand));
        diag_hint(c->diag, "the same value is in %s", operand_variable(right->operand));
        return;
    default:
        check_error(c, right->loc, "the right side must be a variable or a constant");
    }
}

/* ---- comparisons with an operand on the left --------------------------------------------------
 */

static void bad_operator(struct checker *c, const struct node *n, const char *good)
{
    check_error(c, n->loc, "'%s' can be compared with %s only",
                operand_text(n->binary.left->operand), good);
}

/* Says what the right side of this operand should be. */
static void bad_right(struct checker *c, const struct node *n, const char *good)
{
    enum operand o = n->binary.left->operand;
    const struct node *right = n->binary.right;
    if (right->broken)
        return;
    check_error(c, right->loc, "'%s' can be compared with %s only", operand_text(o), good);
    if (right->kind == NODE_VARIABLE && o != OPERAND_AF &&
        !str_eq(right->variable.text, str_from(operand_variable(o))))
        diag_hint(c->diag, "to compare two variables write %s %s %.*s", operand_variable(o),
                  ast_op_text(n->op), STR_ARG(right->variable.text));
}

static bool text_right(struct checker *c, struct node *right, bool host)
{
    struct str text;
    switch (right->kind) {
    case NODE_STRING:
        return true;
    case NODE_WORD:
        if (host)
            right->kind = NODE_STRING;
        return host || word_to_string(c, right);
    case NODE_NET:
    case NODE_ARITH:
        text = host && !right->broken ? ast_host_text(right) : STR_NONE;
        if (text.p) {
            right->kind = NODE_STRING;
            right->text = text;
        }
        return text.p != NULL;
    default:
        return false;
    }
}

/* method, uri, status, from_uri, to_uri */
static void text_operand(struct checker *c, struct node *n)
{
    enum operand o = n->binary.left->operand;
    struct node *right = n->binary.right;
    bool uri = o == OPERAND_URI || o == OPERAND_FROM_URI || o == OPERAND_TO_URI;
    if (uri && right->kind == NODE_MYSELF) {
        if (!is_equality(n->op))
            bad_operator(c, n, "'myself' by == and !=");
        return;
    }
    if (!is_equality(n->op) && !is_match(n->op)) {
        bad_operator(c, n, "a text by ==, !=, =~ and !~");
        return;
    }
    if (o == OPERAND_STATUS && right->kind == NODE_NUMBER) {
        if (dialect_ok(c->diag, DIALECT_STATUS_NUMBER, right->loc)) {
            struct str digits = right->number.text;
            right->kind = NODE_STRING;
            right->text = digits;
        }
        return;
    }
    if (!text_right(c, right, uri))
        bad_right(c, n, uri ? "a string, a host or 'myself'" : "a string");
    else if (is_match(n->op))
        constant_regex(c, n);
}

/* A string that is an address is one: a /32 or /128. */
static bool string_to_net(struct node *n)
{
    struct ip ip;
    struct str text = n->text;
    if (n->kind != NODE_STRING || ip_parse(&ip, n->text) != ERR_OK)
        return false;
    n->kind = NODE_NET;
    n->net.ip = ip;
    n->net.bits = ip.family == 4 ? 32 : 128;
    n->net.text = text;
    return true;
}

/* src_ip, dst_ip */
static void address_operand(struct checker *c, struct node *n)
{
    struct node *right = n->binary.right;
    if (right->kind == NODE_MYSELF || right->kind == NODE_NET) {
        if (!is_equality(n->op))
            bad_operator(c, n, "an address or 'myself' by == and !=");
    } else if (!text_right(c, right, true)) {
        bad_right(c, n, "an address, a network, a host or 'myself'");
    } else if (!is_equality(n->op) && !is_match(n->op)) {
        bad_operator(c, n, "something by ==, != and =~");
    } else if (is_equality(n->op)) {
        string_to_net(right);
    } else if (string_to_net(right)) {
        check_error(c, right->loc, "an address is no pattern: compare it with == or !=");
    } else {
        constant_regex(c, n);
    }
}

/* src_port, dst_port, af, msg:len, proto */
static void number_operand(struct checker *c, struct node *n)
{
    struct node *right = n->binary.right;
    bool proto = n->binary.left->operand == OPERAND_PROTO;
    bool word = right->kind == NODE_NUMBER && right->number.proto;
    if (is_match(n->op))
        bad_operator(c, n, "a number by ==, !=, <, >, <= and >=");
    else if (right->kind != NODE_NUMBER || right->number.sign || proto != word)
        bad_right(c, n, proto ? "udp, tcp, tls or any" : "a number");
    else if (word && right->number.value == PROTO_SCTP)
        check_error(c, right->loc, "signalbox has no SCTP transport");
}

static void operand_and(struct checker *c, struct node *n)
{
    switch (n->binary.left->operand) {
    case OPERAND_METHOD:
    case OPERAND_URI:
    case OPERAND_STATUS:
    case OPERAND_FROM_URI:
    case OPERAND_TO_URI:
        text_operand(c, n);
        break;
    case OPERAND_SRC_IP:
    case OPERAND_DST_IP:
        address_operand(c, n);
        break;
    default:
        number_operand(c, n);
    }
}

/* ---- comparisons ------------------------------------------------------------------------------
 */

static void swap_sides(struct node *n)
{
    struct node *left = n->binary.left;
    n->binary.left = n->binary.right;
    n->binary.right = left;
    static const uint8_t turned[] = {
        [AST_LT] = AST_GT, [AST_GT] = AST_LT, [AST_LE] = AST_GE, [AST_GE] = AST_LE};
    if (n->op < sizeof turned && turned[n->op])
        n->op = turned[n->op];
}

/* A bare word on the left may be a keyword with a slip in it. */
static void hint_left(struct checker *c, struct str word)
{
    struct nearest near = nearest_to(word);
#define X(id, spelling) nearest_offer(&near, STR(spelling));
    OPERAND_LIST(X)
#undef X
    nearest_offer(&near, STR("retcode"));
    struct str like = nearest_found(&near);
    if (like.len)
        diag_hint(c->diag, "did you mean '%s%.*s'?", str_eq(like, STR("retcode")) ? "$" : "",
                  STR_ARG(like));
}

static void bad_left(struct checker *c, const struct node *n)
{
    const struct node *left = n->binary.left;
    if (left->kind == NODE_ARITH || left->kind == NODE_COMPLEMENT || left->kind == NODE_CHAIN) {
        check_error(c, left->loc, "a condition can compare variables, not calculations");
        diag_hint(c->diag, "put the result into a variable first, or test it: if ([...])");
    } else if (left->kind == NODE_WORD && str_eq(left->text, STR("retcode"))) {
        check_error(c, left->loc, "retcode is written $retcode since OpenSER 1.2");
    } else if (left->kind == NODE_WORD && str_starts(left->text, STR("uri:"))) {
        check_error(c, left->loc, "%.*s is written %s since OpenSER 1.2", STR_ARG(left->text),
                    str_eq(left->text, STR("uri:host")) ? "$rd" : "$rp");
    } else {
        check_error(c, left->loc,
                    "a comparison has a variable or a keyword such as method on its left");
        if (left->kind == NODE_WORD)
            hint_left(c, left->text);
    }
}

static bool is_constant(const struct node *n)
{
    return n->kind == NODE_NUMBER || n->kind == NODE_STRING || n->kind == NODE_NIL ||
           n->kind == NODE_NET || n->kind == NODE_MYSELF;
}

/* Puts the variable or operand on the left; false when that was reported as a mistake. */
static bool turn_round(struct checker *c, struct node *n)
{
    const struct node *left = n->binary.left, *right = n->binary.right;
    if (!is_constant(left) || (right->kind != NODE_VARIABLE && right->kind != NODE_OPERAND))
        return true;
    bool usual = left->kind == NODE_MYSELF && right->kind == NODE_OPERAND;
    if (!usual && !dialect_ok(c->diag, DIALECT_REVERSED, n->loc))
        return false;
    swap_sides(n);
    return true;
}

static void check_compare(struct checker *c, struct node *n)
{
    if (n->binary.left->broken || n->binary.right->broken || !turn_round(c, n))
        return;
    struct node *left = n->binary.left;
    if (left->kind == NODE_OPERAND)
        operand_and(c, n);
    else if (left->kind != NODE_VARIABLE)
        bad_left(c, n);
    else if (check_variable(c, left))
        variable_and(c, n);
}

/* ---- conditions -------------------------------------------------------------------------------
 */

/* What cannot be a condition. */
static void bad_condition(struct checker *c, const struct node *n)
{
    switch (n->kind) {
    case NODE_ARITH:
    case NODE_COMPLEMENT:
        check_error(c, n->loc, "arithmetic in a condition stands in square brackets: if ([...])");
        return;
    case NODE_OPERAND:
        check_error(c, n->loc, "'%s' must be compared with something", operand_text(n->operand));
        return;
    case NODE_WORD:
        check_error(c, n->loc, "'%.*s' is no condition", STR_ARG(n->text));
        if (str_eq(n->text, STR("retcode")))
            diag_hint(c->diag, "write $retcode");
        return;
    default:
        check_error(c, n->loc, "%s is no condition", ast_kind_name(n->kind));
    }
}

static void check_chain(struct checker *c, struct node *n)
{
    for (struct node *part = n->chain.first; part; part = part->next)
        check_condition(c, part);
}

void check_condition(struct checker *c, struct node *n)
{
    if (n->broken)
        return;
    switch (n->kind) {
    case NODE_CHAIN:
        check_chain(c, n);
        break;
    case NODE_NOT:
        check_condition(c, n->inner);
        break;
    case NODE_TEST:
        check_value(c, n->inner);
        break;
    case NODE_COMPARE:
        check_compare(c, n);
        break;
    case NODE_VARIABLE:
        check_variable(c, n);
        break;
    case NODE_WORD:
        if (!word_to_call(c, n))
            bad_condition(c, n);
        break;
    case NODE_NUMBER:
        if (n->number.proto)
            bad_condition(c, n);
        break;
    case NODE_ARITH:
    case NODE_COMPLEMENT:
    case NODE_STRING:
    case NODE_OPERAND:
    case NODE_MYSELF:
    case NODE_NIL:
    case NODE_NET:
    case NODE_HOST:
        bad_condition(c, n);
        break;
    default: /* commands, blocks, ifs */
        check_statement(c, n);
    }
}

/* ---- values -----------------------------------------------------------------------------------
 */

static void bad_value(struct checker *c, const struct node *n)
{
    switch (n->kind) {
    case NODE_OPERAND:
        check_error(c, n->loc, "'%s' can stand in comparisons only", operand_text(n->operand));
        diag_hint(c->diag, "the same value is in %s", operand_variable(n->operand));
        return;
    case NODE_CHAIN:
        check_error(c, n->loc, "'&&' and '||' belong to conditions, this is a value");
        return;
    case NODE_NOT:
    case NODE_TEST:
        check_error(c, n->loc, "'%s' belongs to conditions, this is a value",
                    ast_kind_name(n->kind));
        return;
    case NODE_NET:
        check_error(c, n->loc, "an address must be in quotes here");
        return;
    case NODE_NIL:
        check_error(c, n->loc, "null can only be assigned alone");
        return;
    default:
        check_error(c, n->loc, "%s is no value", ast_kind_name(n->kind));
    }
}

void check_value(struct checker *c, struct node *n)
{
    if (n->broken)
        return;
    switch (n->kind) {
    case NODE_STRING:
        break;
    case NODE_NUMBER:
        if (n->number.proto)
            bad_value(c, n);
        break;
    case NODE_WORD:
        if (!word_to_call(c, n))
            word_to_string(c, n);
        break;
    case NODE_VARIABLE:
        check_variable(c, n);
        break;
    case NODE_ARITH:
        check_value(c, n->binary.left);
        check_value(c, n->binary.right);
        break;
    case NODE_COMPLEMENT:
        check_value(c, n->inner);
        break;
    case NODE_COMPARE:
        check_compare(c, n);
        break;
    case NODE_CALL:
        check_call(c, n);
        break;
    case NODE_ROUTE:
        check_route_call(c, n);
        break;
    default:
        bad_value(c, n);
    }
}

/* ---- assignments ------------------------------------------------------------------------------
 */

static bool check_target(struct checker *c, struct node *target)
{
    if (!check_variable(c, target))
        return false;
    struct str text = target->variable.text;
    if (pv_ref_transformed(target->variable.ref))
        check_error(c, target->loc,
                    "invalid left operand in assignment: a transformation "
                    "cannot be assigned to");
    else if (!pv_ref_writable(target->variable.ref))
        check_error(c, target->loc, "invalid left operand in assignment: %.*s can only be read",
                    STR_ARG(text));
    else
        return true;
    return false;
}

void check_assign(struct checker *c, struct node *n)
{
    struct node *value = n->assign.value;
    bool target = check_target(c, n->assign.target);
    if (value->kind != NODE_NIL || value->broken) {
        check_value(c, value);
    } else if (n->assign.compound) {
        check_error(c, value->loc, "null cannot be calculated with");
    } else if (n->op == AST_RESET && target && !pv_ref_is_avp(n->assign.target->variable.ref)) {
        check_error(c, n->assign.target->loc,
                    "invalid left operand in NULL assignment: := null is for AVPs only");
        diag_hint(c->diag, "write = null");
    }
}
