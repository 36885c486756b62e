/* A host and a catalog to try the language on: no SIP, no network, a log of what scripts did. */
/* SPDX-License-Identifier: MIT */
#ifndef LANG_FAKE_H
#define LANG_FAKE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/err.h"
#include "core/base/log.h"
#include "lang/format.h"
#include "lang/pv.h"
#include "lang/vm_priv.h"

#define UNUSED __attribute__((unused))

/* The one message of a test. */
struct call {
    struct arena arena;
    struct avps avps;
    struct vars vars;
    char log[65536]; /* what print() wrote, a line each */
    size_t log_len;
    char ru[256], ua[64]; /* $ru; $ua is null when empty */
    bool broken_from;     /* from_uri cannot be read */
    bool error;           /* as if a parser had complained */
    unsigned error_runs, names_asked;
    int error_answer; /* what error_route gives */
    int name_answer;  /* of name_is_ip; CALL_SUSPENDED to wait */
    struct vm *vm;
    bool wait_always; /* every function answers later */
    int later;        /* what it answers then */
    /* takes what print() writes instead of the log */
    void (*printed)(struct call *c, struct str s);
    void *user;
};

/* The answer of a function: at once or later. */
static UNUSED int fake_answer(struct call *c, int rc)
{
    c->later = rc;
    return c->wait_always ? CALL_SUSPENDED : rc;
}

static UNUSED void fake_log(struct call *c, struct str s)
{
    if (c->log_len + s.len + 1 >= sizeof c->log)
        return;
    if (s.len)
        memcpy(c->log + c->log_len, s.p, s.len);
    c->log_len += s.len;
    c->log[c->log_len++] = '\n';
    c->log[c->log_len] = 0;
}

/* ---- host ---- */

static UNUSED int fake_operand(struct call *c, enum operand o, struct value *out)
{
    static const char *const texts[] = {
        [OPERAND_METHOD] = "OPTIONS",
        [OPERAND_URI] = "sip:bob@example.test",
        [OPERAND_STATUS] = "sip:bob@example.test",
        [OPERAND_FROM_URI] = "sip:alice@example.test",
        [OPERAND_TO_URI] = "sip:bob@example.test",
        [OPERAND_SRC_IP] = "127.0.0.1",
        [OPERAND_DST_IP] = "127.0.0.2",
    };
    static const int numbers[] = {
        [OPERAND_SRC_PORT] = 5062, [OPERAND_DST_PORT] = 5060, [OPERAND_PROTO] = PROTO_UDP,
        [OPERAND_AF] = 2,          [OPERAND_MSG_LEN] = 297,
    };
    if (o == OPERAND_FROM_URI && c->broken_from)
        return ERR_SYNTAX;
    *out = o <= OPERAND_DST_IP ? value_str(str_from(texts[o])) : value_int(numbers[o]);
    return ERR_OK;
}

static UNUSED int fake_operand_ip(struct call *c, enum operand o, struct ip *out)
{
    (void)c;
    return ip_parse(out, o == OPERAND_SRC_IP ? STR("127.0.0.1") : STR("127.0.0.2"));
}

/* We are example.test and 127.0.0.1. */
static UNUSED int fake_myself(struct call *c, enum operand o, const struct str *text)
{
    struct value v;
    if (text)
        v = value_str(*text);
    else if (fake_operand(c, o, &v) != ERR_OK)
        return -1;
    return str_search(v.s, STR("example.test"), 0) >= 0 || str_eq(v.s, STR("127.0.0.1"));
}

static UNUSED int fake_name_is_ip(struct call *c, struct str name, const struct ip *ip)
{
    (void)ip;
    c->names_asked++;
    return c->name_answer == 1 ? str_eq(name, STR("localhost")) : c->name_answer;
}

static UNUSED struct avps *fake_avps(struct call *c)
{
    return &c->avps;
}

static UNUSED struct vars *fake_vars(struct call *c)
{
    return &c->vars;
}

static UNUSED struct arena *fake_scratch(struct call *c)
{
    return &c->arena;
}

static UNUSED bool fake_error_pending(struct call *c)
{
    bool was = c->error;
    c->error = false;
    return was;
}

static UNUSED int fake_error_run(struct call *c)
{
    c->error_runs++;
    return c->error_answer;
}

static UNUSED const struct host fake_host = {
    .operand = fake_operand,
    .operand_ip = fake_operand_ip,
    .myself = fake_myself,
    .name_is_ip = fake_name_is_ip,
    .avps = fake_avps,
    .vars = fake_vars,
    .scratch = fake_scratch,
    .error_pending = fake_error_pending,
    .error_run = fake_error_run,
};

/* ---- functions ---- */

static UNUSED int fn_print(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    if (c->printed)
        c->printed(c, args[0].v.s);
    else
        fake_log(c, args[0].v.s);
    return fake_answer(c, 1);
}

static UNUSED int fn_ok(struct call *c, const struct arg *args, unsigned n)
{
    (void)args;
    (void)n;
    return fake_answer(c, 1);
}

static UNUSED int fn_fail(struct call *c, const struct arg *args, unsigned n)
{
    (void)args;
    (void)n;
    return fake_answer(c, -1);
}

/* give(n) gives n; wait() gives 7, later. */
static UNUSED int fn_give(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    return fake_answer(c, args[0].v.i);
}

static UNUSED int fn_wait(struct call *c, const struct arg *args, unsigned n)
{
    (void)args;
    (void)n;
    c->later = 7;
    return CALL_SUSPENDED;
}

static UNUSED int fn_trip(struct call *c, const struct arg *args, unsigned n)
{
    (void)args;
    (void)n;
    c->error = true;
    return fake_answer(c, 1);
}

static UNUSED int fn_show(struct call *c, const struct arg *args, unsigned n)
{
    char text[256];
    size_t len = 0;
    for (unsigned i = 0; i < n; i++) {
        struct value v = args[i].v;
        value_print(&v, &c->arena);
        len +=
            (size_t)snprintf(text + len, sizeof text - len, "%s%.*s", i ? "," : "", STR_ARG(v.s));
    }
    if (c->printed)
        c->printed(c, str_make(text, len));
    return fake_answer(c, 1);
}

static UNUSED int fn_match(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    return fake_answer(c, regex_find(args[0].obj, str_from(c->ru), 0, NULL) > 0 ? 1 : -1);
}

static UNUSED int fn_subst(struct call *c, const struct arg *args, unsigned n)
{
    struct str out;
    (void)n;
    int rc = subst_apply(args[0].obj, str_from(c->ru), c, &fake_host, &out);
    if (rc > 0)
        snprintf(c->ru, sizeof c->ru, "%.*s", STR_ARG(out));
    return fake_answer(c, rc > 0 ? 1 : -1);
}

static UNUSED const struct fn_spec fake_functions[] = {
    {"print", fn_print, 1, 1, {ARG_FMT}, ROUTE_ANY, 0, NULL, "text", "Writes a line."},
    {"ok", fn_ok, 0, 0, {0}, ROUTE_ANY, 0, NULL, "", "True."},
    {"fail", fn_fail, 0, 0, {0}, ROUTE_ANY, 0, NULL, "", "False."},
    {"whisper",
     fn_print,
     1,
     1,
     {ARG_FMT},
     ROUTE_ANY,
     FN_LOGS,
     NULL,
     "text",
     "Writes at debug level."},
    {"give", fn_give, 1, 1, {ARG_INT | ARG_OR_PV}, ROUTE_ANY, FN_MAY_STOP, NULL, "n", "Gives n."},
    {"wait", fn_wait, 0, 0, {0}, ROUTE_ANY, 0, NULL, "", "Waits for the test."},
    {"trip", fn_trip, 0, 0, {0}, ROUTE_ANY, 0, NULL, "", "Records an error."},
    {"show2", fn_show, 2, 2, {ARG_CODE, ARG_IGP}, ROUTE_ANY, 0, NULL, "code, n", "Shows them."},
    {"show3",
     fn_show,
     3,
     3,
     {ARG_STR | ARG_OR_PV, ARG_FLAG, ARG_QVALUE},
     ROUTE_ANY,
     0,
     NULL,
     "text, flag, q",
     "Shows them."},
    {"match_ru", fn_match, 1, 1, {ARG_RE}, ROUTE_ANY, 0, NULL, "re", "Whether $ru matches."},
    {"subst_ru", fn_subst, 1, 1, {ARG_SUBST}, ROUTE_ANY, 0, NULL, "subst", "Changes $ru."},
    {"request_only", fn_ok, 0, 0, {0}, ROUTE_REQUEST, 0, NULL, "", "Not everywhere."},
    {NULL, NULL, 0, 0, {0}, 0, 0, NULL, NULL, NULL},
};

/* ---- variables ---- */

enum { FAKE_RU, FAKE_RUSER, FAKE_RD, FAKE_RP, FAKE_RM, FAKE_CS, FAKE_UA, FAKE_ML, FAKE_BAD };

static UNUSED int fake_get(struct call *c, const struct pv_use *u, struct value *out)
{
    switch (u->spec->code) {
    case FAKE_RU:
        *out = value_str(str_from(c->ru));
        return ERR_OK;
    case FAKE_RUSER:
        *out = value_str(STR("bob"));
        return ERR_OK;
    case FAKE_RD:
        *out = value_str(STR("example.test"));
        return ERR_OK;
    case FAKE_RP:
        *out = value_both(STR("5060"), 5060);
        return ERR_OK;
    case FAKE_RM:
        *out = value_both(STR("OPTIONS"), 32);
        return ERR_OK;
    case FAKE_CS:
        *out = value_str(STR("1"));
        return ERR_OK;
    case FAKE_UA:
        *out = c->ua[0] ? value_str(str_from(c->ua)) : VALUE_NULL;
        return ERR_OK;
    case FAKE_ML:
        *out = value_int(297);
        return ERR_OK;
    default:
        return ERR_SYNTAX;
    }
}

/* As $ru: takes texts only. */
static UNUSED int fake_set(struct call *c, const struct pv_use *u, enum pv_assign op,
                           const struct value *v)
{
    (void)u;
    (void)op;
    if (!(v->flags & VAL_STR))
        return -1;
    snprintf(c->ru, sizeof c->ru, "%.*s", STR_ARG(v->s));
    return 1;
}

/* $hdr(X-A) has the values one, two, three; $hdr(From) one; others are absent. */
static UNUSED int fake_hdr(struct call *c, const struct pv_use *u, struct value *out)
{
    static const char *const values[] = {"one", "two", "three"};
    int index = u->has_index ? (u->index < 0 ? 3 + u->index : u->index) : 0;
    (void)c;
    if (str_ieq(u->inner.s, STR("From")))
        *out = value_str(STR("<sip:alice@example.test>;tag=1"));
    else if (u->all && str_ieq(u->inner.s, STR("X-A")))
        *out = value_str(STR("one, two, three"));
    else if (str_ieq(u->inner.s, STR("X-A")) && index >= 0 && index < 3)
        *out = value_str(str_from(values[index]));
    return ERR_OK;
}

static UNUSED const struct pv_spec fake_variables[] = {
    {"ru", fake_get, fake_set, NULL, FAKE_RU, 0, "request URI"},
    {"rU", fake_get, NULL, NULL, FAKE_RUSER, 0, "user"},
    {"rd", fake_get, NULL, NULL, FAKE_RD, 0, "domain"},
    {"rp", fake_get, NULL, NULL, FAKE_RP, 0, "port"},
    {"rm", fake_get, NULL, NULL, FAKE_RM, 0, "method"},
    {"cs", fake_get, NULL, NULL, FAKE_CS, 0, "sequence number, a text"},
    {"ua", fake_get, NULL, NULL, FAKE_UA, 0, "null unless a test sets it"},
    {"ml", fake_get, NULL, NULL, FAKE_ML, 0, "length"},
    {"bad", fake_get, NULL, NULL, FAKE_BAD, 0, "cannot be read"},
    {"hdr", fake_hdr, NULL, NULL, 0, PV_INNER | PV_INDEX | PV_INNER_PV, "header"},
    {NULL, NULL, NULL, NULL, 0, 0, NULL},
};

static UNUSED const struct pv_spec other_variables[] = {
    {"T_code", fake_get, NULL, NULL, FAKE_ML, 0, "of a module not loaded"},
    {NULL, NULL, NULL, NULL, 0, 0, NULL},
};

static UNUSED const struct symbols fake_core = {
    .name = "core",
    .doc = "What tests have.",
    .functions = fake_functions,
    .variables = fake_variables,
};
static UNUSED const struct symbols fake_other = {
    .name = "other",
    .doc = "A module that tests do not load.",
    .variables = other_variables,
};
static UNUSED const struct symbols *const fake_modules[] = {&fake_core, &fake_other};
static UNUSED const struct catalog fake_catalog = {fake_modules, 2};

/* ---- calls ---- */

static UNUSED void fake_call_init(struct call *c)
{
    memset(c, 0, sizeof *c);
    arena_init(&c->arena, NULL, 4096);
    avps_init(&c->avps, &c->arena);
    c->vars.arena = &c->arena;
    c->name_answer = 1;
    c->error_answer = 1;
    strcpy(c->ru, "sip:bob@example.test");
}

static UNUSED void fake_call_free(struct call *c)
{
    arena_reset(&c->arena);
}

/* A format's text, made as the instructions of a script do: its variables, then the join. */
static UNUSED int fake_format(const struct format *f, struct call *c, struct str *out)
{
    struct value values[FORMAT_MAX_GAPS];
    unsigned gaps = 0;
    for (unsigned i = 0; i < f->n; i++)
        if (f->part[i].pv && pv_eval(f->part[i].pv, c, &fake_host, &values[gaps++]) != ERR_OK)
            values[gaps - 1] = VALUE_FAILED;
    return format_join(f, values, &c->arena, out);
}

#endif
