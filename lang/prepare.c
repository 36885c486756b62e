/* Compiling the pieces of a script: the environment, AVP names, arguments of functions. */
/* SPDX-License-Identifier: MIT */
#include "lang/prepare.h"

#include <stdarg.h>
#include <stdio.h>

#include "core/base/err.h"
#include "lang/pv.h"
#include "lang/regex.h"

int prepare_env_init(struct prepare_env *env, struct arena *arena, const struct catalog *c,
                     const bool *loaded)
{
    *env = (struct prepare_env){.arena = arena, .catalog = c, .loaded = loaded};
    env->var_total = arena_zalloc(arena, sizeof *env->var_total);
    return env->var_total ? ERR_OK : ERR_NOMEM;
}

void prepare_env_free(struct prepare_env *env)
{
    htable_free(&env->patterns);
    regex_free_all(env->regexes);
    env->regexes = NULL;
}

struct prepare prepare_begin(struct prepare_env *env, struct buf *error, struct buf *hint)
{
    error->len = 0;
    if (hint)
        hint->len = 0;
    return (struct prepare){.arena = env->arena, .error = error, .hint = hint, .compiler = env};
}

void *prepare_conf(const struct prepare *p, const struct symbols *m)
{
    const struct prepare_env *env = p->compiler;
    for (unsigned i = 0; env->conf && i < env->catalog->count; i++)
        if (env->catalog->modules[i] == m)
            return env->conf[i];
    return NULL;
}

struct str prepare_path(const struct prepare *p, struct str name)
{
    const struct prepare_env *env = p->compiler;
    size_t folder = env->script.len;
    while (folder > 0 && env->script.p[folder - 1] != '/')
        folder--;
    if (name.len && name.p[0] == '/')
        folder = 0;
    return arena_printf(p->arena, "%.*s%.*s", (int)folder, folder ? env->script.p : "",
                        STR_ARG(name));
}

static void add_sentence(struct buf *b, const char *fmt, va_list ap)
{
    char text[512];
    int n = vsnprintf(text, sizeof text, fmt, ap);
    b->len = 0;
    if (n > 0)
        buf_add(b, str_make(text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1));
}

int prepare_fail(struct prepare *p, size_t at, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    add_sentence(p->error, fmt, ap);
    va_end(ap);
    p->at = at;
    return ERR_SYNTAX;
}

void prepare_hint(struct prepare *p, const char *fmt, ...)
{
    va_list ap;
    if (!p->hint)
        return;
    va_start(ap, fmt);
    add_sentence(p->hint, fmt, ap);
    va_end(ap);
}

/* ---- AVP names ---- */

/* What serialize_branches() uses; known without being declared. */
static const struct avp_name serial_branch = {STR_INIT(""), 0x3434, 0};

static const struct avp_name *find_alias(const struct prepare_env *env, struct str name)
{
    for (const struct avp_alias *a = env->aliases; a; a = a->next)
        if (str_eq(a->name, name))
            return &a->avp;
    return str_eq(name, STR("serial_branch")) ? &serial_branch : NULL;
}

static int avp_alias_name(struct prepare *p, struct str text, struct avp_name *out)
{
    const struct prepare_env *env = p->compiler;
    const struct avp_name *alias = find_alias(env, text);
    if (!alias && env->today && text.len) {
        *out = (struct avp_name){.text = arena_dup(p->arena, text)};
        return out->text.p ? ERR_OK : ERR_NOMEM;
    }
    if (!alias) {
        prepare_hint(p, "write $avp(s:%.*s), or declare it in avp_aliases", STR_ARG(text));
        return prepare_fail(p, p->at, "bad avp name [%.*s]: neither s:name, i:number nor an alias",
                            STR_ARG(text));
    }
    *out = *alias;
    return ERR_OK;
}

int avp_parse(struct prepare *p, struct str text, struct avp_name *out)
{
    ptrdiff_t colon = str_find(text, ':', 0);
    char type = text.len ? ascii_lower(text.p[0]) : 0;
    uint32_t flags = 0, number = 0;
    if (colon < 0)
        return avp_alias_name(p, text, out);
    struct str name = str_sub(text, (size_t)colon + 1, text.len);
    if ((type != 's' && type != 'i') ||
        (colon > 1 && str_u32(&flags, str_sub(text, 1, (size_t)colon), 255) != ERR_OK))
        return prepare_fail(p, p->at,
                            "bad avp name [%.*s]: a name begins with s: or i:", STR_ARG(text));
    *out = (struct avp_name){.flags = (uint8_t)flags};
    if (type == 's') {
        out->text = arena_dup(p->arena, name);
        return out->text.p ? ERR_OK : ERR_NOMEM; /* an empty one is found never, as is number 0 */
    }
    if (str_u32(&number, name, UINT32_MAX) != ERR_OK)
        return prepare_fail(p, p->at,
                            "bad avp name [%.*s]: a number must follow i:", STR_ARG(text));
    out->number = (uint16_t)number; /* so many bits the reference looks at */
    return ERR_OK;
}

static bool same_avp(const struct avp_name *a, const struct avp_name *b)
{
    return str_eq(a->text, b->text) && a->number == b->number;
}

static int add_alias(struct prepare *p, struct str name, struct str target)
{
    struct prepare_env *env = p->compiler;
    struct avp_alias *alias = arena_alloc(p->arena, sizeof *alias);
    if (!alias)
        return ERR_NOMEM;
    if (name.len == 0 || str_find(target, ':', 0) < 0)
        return prepare_fail(p, p->at, "avp_aliases is a list like \"name=s:text;other=i:7\"");
    int rc = avp_parse(p, target, &alias->avp);
    if (rc != ERR_OK)
        return rc;
    for (const struct avp_alias *a = env->aliases; a; a = a->next)
        if (str_eq(a->name, name) || same_avp(&a->avp, &alias->avp))
            return prepare_fail(p, p->at, "the alias %.*s or its AVP is declared already",
                                STR_ARG(name));
    alias->name = arena_dup(p->arena, name);
    alias->next = env->aliases;
    env->aliases = alias;
    return alias->name.p ? ERR_OK : ERR_NOMEM;
}

int prepare_avp_aliases(struct prepare *p, struct str text)
{
    struct str rest = text, one;
    while (str_cut(&one, &rest, ';')) {
        p->at = (size_t)(one.p - text.p);
        ptrdiff_t equals = str_find(one, '=', 0);
        struct str name = equals < 0 ? one : str_sub(one, 0, (size_t)equals);
        struct str target = equals < 0 ? STR_NONE : str_sub(one, (size_t)equals + 1, one.len);
        int rc = add_alias(p, str_trim(name), str_trim(target));
        if (rc != ERR_OK)
            return rc;
    }
    return ERR_OK;
}

/* ---- arguments ---- */

/* A number, which a bare one of the script may write in octal or hexadecimal; 32 bits. */
static bool parse_number(struct str s, enum arg_form form, bool hex, int64_t *out)
{
    bool minus = s.len && s.p[0] == '-';
    int base = 10;
    if (s.len && (s.p[0] == '-' || s.p[0] == '+'))
        s = str_sub(s, 1, s.len);
    if ((hex || form == ARG_FORM_NUMBER) && str_istarts(s, STR("0x"))) {
        base = 16;
        s = str_sub(s, 2, s.len);
    } else if (form == ARG_FORM_NUMBER && s.len > 1 && s.p[0] == '0') {
        base = 8;
    }
    *out = 0;
    for (size_t i = 0; i < s.len; i++) {
        int d = ascii_hex(s.p[i]);
        if (d < 0 || d >= base || *out > UINT32_MAX)
            return false;
        *out = *out * base + d;
    }
    if (minus)
        *out = -*out;
    return s.len && *out >= INT32_MIN && *out <= UINT32_MAX;
}

/* One of the kinds that take a number, with its limits. */
static int prepare_number(struct prepare *p, enum arg_kind kind, enum arg_form form,
                          struct str text, struct call_arg *out)
{
    int64_t n;
    if (!parse_number(text, form, kind == ARG_HEX, &n))
        return prepare_fail(p, 0, "number expected");
    if (n < 0 && kind != ARG_INT && kind != ARG_IGP)
        return prepare_fail(p, 0, "a number without a sign is expected");
    if (kind == ARG_FLAG && n > 31)
        return prepare_fail(p, 0, "flag (%d) out of range 0..31", (int)n);
    if (kind == ARG_CODE && (n < 100 || n > 699))
        return prepare_fail(p, 0, "a status code is a number from 100 to 699");
    out->arg.v = value_int((int32_t)n);
    return ERR_OK;
}

/* "0" to "1" in thousandths. */
static int prepare_qvalue(struct prepare *p, struct str text, struct call_arg *out)
{
    uint32_t whole = 0, part = 0, scale = 1000;
    struct str digits = text.len > 1 ? str_sub(text, 2, text.len) : STR_NONE;
    bool good = str_u32(&whole, str_sub(text, 0, 1), 1) == ERR_OK && text.len <= 5 &&
                (text.len < 2 || text.p[1] == '.') &&
                (digits.len == 0 || str_u32(&part, digits, 999) == ERR_OK);
    for (size_t i = 0; i < digits.len; i++)
        scale /= 10;
    if (!good || whole * 1000 + part * scale > 1000)
        return prepare_fail(p, 0, "bad argument, q value expected: 0 to 1, at most three decimals");
    out->arg.v = value_int((int32_t)(whole * 1000 + part * scale));
    return ERR_OK;
}

/* A format; one without variables is a constant. */
static int prepare_text(struct prepare *p, enum arg_kind kind, struct str text,
                        struct call_arg *out)
{
    struct str constant;
    int rc = prepare_format(p, text, &out->format);
    if (rc != ERR_OK)
        return rc;
    if (!format_is_constant(out->format, &constant)) {
        out->mode = kind == ARG_CODE ? CALL_ARG_CODE : CALL_ARG_FORMAT;
        return ERR_OK;
    }
    if (kind == ARG_CODE)
        return prepare_number(p, kind, ARG_FORM_STRING, constant, out);
    out->arg.v = value_str(constant);
    return ERR_OK;
}

static int prepare_value(struct prepare *p, struct str text, struct call_arg *out)
{
    out->mode = CALL_ARG_PV;
    return prepare_pv(p, text, &out->pv);
}

/* The kinds that are objects to the function. */
static int prepare_object(struct prepare *p, enum arg_kind kind, struct str text,
                          struct call_arg *out)
{
    const struct regex *regex = NULL;
    const struct subst *subst = NULL;
    const struct pv_ref *pv = NULL;
    int rc;
    switch (kind) {
    case ARG_RE:
    case ARG_RENL:
        rc = prepare_regex(p, text, kind == ARG_RE, &regex);
        out->arg.obj = regex;
        return rc;
    case ARG_SUBST:
        rc = prepare_subst(p, text, &subst);
        out->arg.obj = subst;
        return rc;
    default:
        rc = kind == ARG_AVP ? prepare_avp(p, text, &pv) : prepare_pv(p, text, &pv);
        out->arg.obj = pv;
        return rc;
    }
}

static int prepare_by_kind(struct prepare *p, const struct fn_spec *fn, unsigned i,
                           enum arg_form form, struct str text, struct call_arg *out)
{
    uint8_t kind = fn->kind[i] & (ARG_OR_PV - 1);
    text = arena_dup(p->arena, text);
    *out = (struct call_arg){.mode = CALL_ARG_CONST, .kind = kind, .text = text};
    p->at = 0;
    if (!text.p)
        return ERR_NOMEM;
    if (form == ARG_FORM_PV && fn->kind[i] & ARG_OR_PV)
        return prepare_value(p, text, out);
    switch (kind) {
    case ARG_UINT:
    case ARG_INT:
    case ARG_HEX:
    case ARG_FLAG:
        return prepare_number(p, kind, form, text, out);
    case ARG_IGP:
        if (text.len && text.p[0] == '$')
            return prepare_value(p, text, out);
        return prepare_number(p, kind, form, text, out);
    case ARG_FMT:
    case ARG_CODE:
        return prepare_text(p, kind, text, out);
    case ARG_RE:
    case ARG_RENL:
    case ARG_SUBST:
    case ARG_PV:
    case ARG_AVP:
        return prepare_object(p, kind, text, out);
    case ARG_QVALUE:
        return prepare_qvalue(p, text, out);
    case ARG_CUSTOM:
        return fn->prepare(p, i, text, &out->arg);
    default: /* ARG_STR, ARG_HOSTPORT */
        out->arg.v = value_str(text);
        return ERR_OK;
    }
}

int prepare_arg(struct prepare *p, const struct fn_spec *fn, unsigned i, enum arg_form form,
                struct str text, struct call_arg *out)
{
    int rc = prepare_by_kind(p, fn, i, form, text, out);
    if (rc == ERR_OK && fn->prepare && out->kind != ARG_CUSTOM)
        rc = fn->prepare(p, i, out->text, &out->arg);
    return rc;
}
