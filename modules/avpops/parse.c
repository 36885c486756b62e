/* The little languages in avpops' arguments: "$avp(s:x)/g", "add/i:3/g". */
/* SPDX-License-Identifier: MIT */
#include "modules/avpops/priv.h"

/* ---- pieces ---- */

static int refuse(struct prepare *p, const char *what, struct str text)
{
    buf_printf(p->error, "%s: \"%.*s\"", what, STR_ARG(text));
    return ERR_INVALID;
}

/* How long the variable is that text begins with. */
static size_t variable_length(struct str text)
{
    size_t i = 1;
    unsigned depth = 0;
    for (; i < text.len; i++) {
        char c = text.p[i];
        if (c == '(')
            depth++;
        else if (c == ')' && depth && --depth == 0)
            return i + 1;
        else if (depth == 0 && c == '/')
            break;
    }
    return i;
}

/* Cuts the next part off *rest: up to a slash, or a whole variable. */
static struct str cut_part(struct str *rest)
{
    struct str part;
    size_t n = rest->len && rest->p[0] == '$' ? variable_length(*rest) : 0;
    if (n == 0) {
        ptrdiff_t slash = str_find(*rest, '/', 0);
        n = slash < 0 ? rest->len : (size_t)slash;
    }
    part = str_sub(*rest, 0, n);
    *rest = n < rest->len ? str_sub(*rest, n + 1, rest->len) : STR_NONE;
    return part;
}

/* An AVP may be written without $avp(), as 1.0 did. */
static int parse_variable(struct prepare *p, struct str text, const struct pv_ref **out)
{
    if (text.len == 0)
        return refuse(p, "a variable is missing", text);
    if (text.p[0] != '$')
        text = arena_printf(p->arena, "$avp(%.*s)", STR_ARG(text));
    return text.p ? prepare_pv(p, text, out) : ERR_NOMEM;
}

static bool is_plain_avp(struct str text)
{
    if (text.len && text.p[0] != '$')
        return true;
    return (str_istarts(text, STR("$avp(")) || str_istarts(text, STR("$(avp("))) &&
           str_find(text, '[', 0) < 0 && str_find(text, '{', 0) < 0;
}

static int parse_flags(struct prepare *p, struct str text, const char *allowed, unsigned *out)
{
    static const struct {
        char letter;
        unsigned flag;
    } letters[] = {{'g', AVPOPS_ALL},  {'d', AVPOPS_DELETE}, {'n', AVPOPS_NUMBER},
                   {'s', AVPOPS_TEXT}, {'i', AVPOPS_NOCASE}, {'e', AVPOPS_EMPTY}};
    for (size_t i = 0; i < text.len; i++) {
        char l = ascii_lower(text.p[i]);
        if (!strchr(allowed, l))
            return refuse(p, "these flags are not understood here", text);
        for (unsigned k = 0; k < sizeof letters / sizeof *letters; k++)
            if (letters[k].letter == l)
                *out |= letters[k].flag;
    }
    return ERR_OK;
}

/* "variable[/second variable][/flags]". second: whether that may come. */
static int parse_operand(struct prepare *p, struct str text, bool second, const char *allowed,
                         struct operand_arg **out)
{
    struct operand_arg *a = arena_zalloc(p->arena, sizeof *a);
    struct str rest = text, part = cut_part(&rest);
    if (!a)
        return ERR_NOMEM;
    *out = a;
    a->is_avp = is_plain_avp(part);
    int rc = parse_variable(p, part, &a->pv);
    if (rc == ERR_OK && second && rest.len && rest.p[0] == '$') {
        part = cut_part(&rest);
        if (!is_plain_avp(part))
            return refuse(p, "not an AVP", part);
        rc = parse_variable(p, part, &a->dest);
    }
    return rc == ERR_OK ? parse_flags(p, rest, allowed, &a->flags) : rc;
}

/* The same for what must be an AVP. */
static int parse_avp(struct prepare *p, struct str text, bool second, const char *allowed,
                     struct operand_arg **out)
{
    int rc = parse_operand(p, text, second, allowed, out);
    if (rc == ERR_OK && !(*out)->is_avp)
        return refuse(p, "not an AVP", text);
    return rc;
}

static int parse_number(struct prepare *p, struct str text, struct value *out)
{
    bool minus = text.len && text.p[0] == '-', hex;
    struct str digits = minus ? str_sub(text, 1, text.len) : text;
    int64_t n = 0;
    hex = str_istarts(digits, STR("0x"));
    digits = hex ? str_sub(digits, 2, digits.len) : digits;
    for (size_t i = 0; i < digits.len && n <= UINT32_MAX; i++) {
        int d = ascii_hex(digits.p[i]);
        if (d < 0 || (d > 9 && !hex))
            return refuse(p, "not a number", text);
        n = n * (hex ? 16 : 10) + d;
    }
    if (digits.len == 0 || n > UINT32_MAX)
        return refuse(p, "not a number", text);
    *out = value_int((int32_t)(minus ? -n : n));
    return ERR_OK;
}

/* i:5, i:0x1f, s:text or text. */
static int parse_constant(struct prepare *p, struct str text, struct value *out)
{
    struct str rest = str_sub(text, 2, text.len);
    if (str_istarts(text, STR("i:")))
        return parse_number(p, rest, out);
    *out = value_str(str_istarts(text, STR("s:")) ? rest : text);
    return ERR_OK;
}

/* ---- "op/value/flags" ---- */

static const char *const spellings[] = {
#define X(id, spelling) spelling,
    AVPOPS_OPERATOR_LIST(X)
#undef X
};

static int parse_operator(struct prepare *p, struct str text, enum avpops_operator first,
                          enum avpops_operator last, enum avpops_operator *out)
{
    for (unsigned i = first; i <= last; i++)
        if (str_ieq(text, str_from(spellings[i]))) {
            *out = (enum avpops_operator)i;
            return ERR_OK;
        }
    return refuse(p, "no such operator", text);
}

/* Flags may stand behind the last slash of a constant, which may hold slashes itself. */
static void split_flags(struct str *value, struct str *flags)
{
    size_t i = value->len;
    while (i > 0 && value->p[i - 1] != '/')
        i--;
    *flags = i ? str_sub(*value, i, value->len) : STR_NONE;
    *value = i ? str_sub(*value, 0, i - 1) : *value;
}

static int parse_right_side(struct prepare *p, struct str rest, const char *allowed,
                            struct value_arg *a)
{
    struct str flags = rest, value = rest;
    if (rest.len && rest.p[0] == '$') {
        value = cut_part(&flags);
        a->is_avp = is_plain_avp(value);
        int rc = prepare_pv(p, value, &a->pv);
        return rc == ERR_OK ? parse_flags(p, flags, allowed, &a->flags) : rc;
    }
    split_flags(&value, &flags);
    int rc = parse_constant(p, value, &a->constant);
    return rc == ERR_OK ? parse_flags(p, flags, allowed, &a->flags) : rc;
}

static int parse_value(struct prepare *p, struct str text, enum avpops_operator first,
                       enum avpops_operator last, const char *allowed, struct arg *out)
{
    struct value_arg *a = arena_zalloc(p->arena, sizeof *a);
    ptrdiff_t slash = str_find(text, '/', 0);
    if (!a)
        return ERR_NOMEM;
    out->obj = a;
    if (slash < 0)
        return refuse(p, "an operator, a slash and a value are needed", text);
    int rc = parse_operator(p, str_sub(text, 0, (size_t)slash), first, last, &a->op);
    if (rc == ERR_OK)
        rc = parse_right_side(p, str_sub(text, (size_t)slash + 1, text.len), allowed, a);
    return rc;
}

/* ---- prepare hooks ---- */

/* avp_delete: a class, with user flags, instead of an AVP. */
static bool parse_class(struct str text, struct operand_arg *a)
{
    uint32_t flags = 0;
    char l = text.len ? ascii_lower(text.p[0]) : 0;
    if (!l || !strchr("sia*", l))
        return false;
    if (text.len > 1 && str_u32(&flags, str_sub(text, 1, text.len), 255) != ERR_OK)
        return false;
    a->class = l == '*' ? 'a' : l;
    a->class_flags = (uint8_t)flags;
    return true;
}

int avpops_prepare_delete(struct prepare *p, unsigned argn, struct str text, struct arg *out)
{
    struct operand_arg *a = arena_zalloc(p->arena, sizeof *a);
    struct str rest = text, part = cut_part(&rest);
    (void)argn;
    if (!a)
        return ERR_NOMEM;
    out->obj = a;
    if (parse_class(part, a))
        return parse_flags(p, rest, "g", &a->flags);
    int rc = parse_avp(p, text, false, "g", &a);
    out->obj = a;
    return rc;
}

int avpops_prepare_copy(struct prepare *p, unsigned argn, struct str text, struct arg *out)
{
    struct operand_arg *a = NULL;
    int rc = parse_avp(p, text, false, argn == 0 ? "" : "gdns", &a);
    out->obj = a;
    if (rc == ERR_OK && (a->flags & AVPOPS_NUMBER) && (a->flags & AVPOPS_TEXT))
        return refuse(p, "a value cannot become both a number and a text", text);
    return rc;
}

static int prepare_push_target(struct prepare *p, struct str text, struct arg *out)
{
    static const struct {
        const char *text;
        enum push_target target;
    } targets[] = {{"$ru", PUSH_URI},           {"$ruri", PUSH_URI},
                   {"$ru/username", PUSH_USER}, {"$ruri/username", PUSH_USER},
                   {"$ru/domain", PUSH_DOMAIN}, {"$ruri/domain", PUSH_DOMAIN},
                   {"$du", PUSH_DST},           {"$duri", PUSH_DST},
                   {"$br", PUSH_BRANCH},        {"$branch", PUSH_BRANCH}};
    for (unsigned i = 0; i < sizeof targets / sizeof *targets; i++)
        if (str_ieq(text, str_from(targets[i].text))) {
            out->v = value_int((int32_t)targets[i].target);
            return ERR_OK;
        }
    return refuse(p, "none of $ru, $ru/username, $ru/domain, $du and $br", text);
}

int avpops_prepare_pushto(struct prepare *p, unsigned argn, struct str text, struct arg *out)
{
    struct operand_arg *a = NULL;
    if (argn == 0)
        return prepare_push_target(p, text, out);
    int rc = parse_operand(p, text, false, "g", &a);
    out->obj = a;
    return rc;
}

int avpops_prepare_check(struct prepare *p, unsigned argn, struct str text, struct arg *out)
{
    struct operand_arg *a = NULL;
    if (argn == 0) {
        int rc = parse_operand(p, text, false, "", &a);
        out->obj = a;
        return rc;
    }
    int rc = parse_value(p, text, AVPOPS_EQ, AVPOPS_XOR, "gi", out);
    struct value_arg *v = (struct value_arg *)(uintptr_t)out->obj;
    if (rc != ERR_OK || v->op != AVPOPS_RE)
        return rc;
    if (v->pv || is_number(&v->constant))
        return refuse(p, "an expression must stand here itself; with variables write $x =~ $y",
                      text);
    return prepare_regex(p, v->constant.s, true, &v->regex);
}

int avpops_prepare_op(struct prepare *p, unsigned argn, struct str text, struct arg *out)
{
    struct operand_arg *a = NULL;
    if (argn == 0) {
        int rc = parse_avp(p, text, true, "", &a);
        out->obj = a;
        return rc;
    }
    int rc = parse_value(p, text, AVPOPS_AND, AVPOPS_NOT, "gd", out);
    const struct value_arg *v = out->obj;
    if (rc == ERR_OK && !v->pv && !is_number(&v->constant))
        return refuse(p, "a number (i:5) or a variable is needed", text);
    return rc;
}

int avpops_prepare_subst(struct prepare *p, unsigned argn, struct str text, struct arg *out)
{
    struct operand_arg *a = NULL;
    if (argn > 0)
        return ERR_OK; /* its kind has compiled it */
    int rc = parse_avp(p, text, true, "gd", &a);
    out->obj = a;
    return rc;
}

int avpops_prepare_set(struct prepare *p, unsigned argn, struct str text, struct arg *out)
{
    struct operand_arg *a = NULL;
    (void)argn;
    int rc = parse_operand(p, text, false, "ens", &a);
    out->obj = a;
    if (rc == ERR_OK && text.p[0] == '$' && !str_istarts(text, STR("$avp(")) &&
        !str_istarts(text, STR("$(avp(")))
        return refuse(p, "not an AVP", text);
    return rc;
}

/* avp_write of 1.0: what is written may be part of a URI. */
int avpops_prepare_write(struct prepare *p, unsigned argn, struct str text, struct arg *out)
{
    struct operand_arg *a = NULL;
    struct value_arg *v = NULL;
    int rc;
    if (argn > 0) {
        rc = parse_avp(p, text, false, "", &a);
        out->obj = a;
        return rc;
    }
    v = arena_zalloc(p->arena, sizeof *v);
    if (!v)
        return ERR_NOMEM;
    out->obj = v;
    if (text.len == 0 || text.p[0] != '$')
        return parse_constant(p, text, &v->constant);
    if (str_ends(text, STR("/username")))
        text = arena_printf(p->arena, "$(%.*s{uri.user})", STR_ARG(str_sub(text, 1, text.len - 9)));
    else if (str_ends(text, STR("/domain")))
        text = arena_printf(p->arena, "$(%.*s{uri.host})", STR_ARG(str_sub(text, 1, text.len - 7)));
    return text.p ? prepare_pv(p, text, &v->pv) : ERR_NOMEM;
}
