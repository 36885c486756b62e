/* xlog: log lines with pseudo-variables, and colours for them. */
/* SPDX-License-Identifier: MIT */
#include "core/module.h"

extern const struct module xlog_module;

struct conf {
    int32_t buf_size, force_color;
};

/* First argument of xlog(level, text): a level, or the variable that holds one. */
struct level {
    const struct pv_ref *pv; /* NULL: number counts */
    int number;
};

static int write_text(const struct call *c, int level, struct str text)
{
    const struct conf *conf = call_conf(c, &xlog_module);
    if (level > log_level())
        return 1;
    if (text.len > (size_t)conf->buf_size) {
        log_err("xlog: a text of %zu bytes is longer than buf_size %d and was dropped", text.len,
                conf->buf_size);
        return -1;
    }
    log_raw(level, text);
    return 1;
}

static int xlog_text(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    return write_text(c, LOG_ERR_, args[0].v.s);
}

static int xlog_level(struct call *c, const struct arg *args, unsigned n)
{
    const struct level *l = args[0].obj;
    struct value v = value_int(l->number);
    (void)n;
    if (l->pv && (pv_read(l->pv, c, call_host(), &v) != ERR_OK || !(v.flags & VAL_INT)))
        return -1;
    return write_text(c, v.i, args[1].v.s);
}

static int xdbg(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    return write_text(c, LOG_DBG_, args[0].v.s);
}

/* The third character decides, as in L_ERR. */
static bool level_number(struct str text, int *out)
{
    static const struct {
        char letter;
        int level;
    } levels[] = {{'A', LOG_ALERT_},  {'C', LOG_CRIT_}, {'E', LOG_ERR_}, {'W', LOG_WARN_},
                  {'N', LOG_NOTICE_}, {'I', LOG_INFO_}, {'D', LOG_DBG_}};
    for (unsigned i = 0; i < sizeof levels / sizeof *levels && text.len > 2; i++)
        if (text.p[2] == levels[i].letter) {
            *out = levels[i].level;
            return true;
        }
    return false;
}

static int prepare_level(struct prepare *p, unsigned argn, struct str text, struct arg *out)
{
    if (argn > 0)
        return ERR_OK; /* the text is prepared by its kind */
    struct level *l = arena_zalloc(p->arena, sizeof *l);
    if (!l)
        return ERR_NOMEM;
    out->obj = l;
    if (text.len && text.p[0] == '$')
        return prepare_pv(p, text, &l->pv);
    if (level_number(text, &l->number)) {
        out->v = value_int(l->number); /* for FN_LOGS */
        return ERR_OK;
    }
    buf_printf(p->error, "\"%.*s\" is no log level", STR_ARG(text));
    if (p->hint)
        buf_printf(p->hint, "levels are L_ALERT L_CRIT L_ERR L_WARN L_NOTICE L_INFO L_DBG");
    return ERR_INVALID;
}

/* ---- $C(fb) ---- */

static const char colors[] = "srgybpcw"; /* in the order of their ANSI numbers, black first */

/* The ANSI number of a letter behind base (30 or 40): 9 stands for the terminal's own colour. */
static int color_number(char letter, int base)
{
    const char *at = strchr(colors, ascii_lower(letter));
    return base + (at ? (int)(at - colors) : 9);
}

static bool is_color(char letter)
{
    char l = ascii_lower(letter);
    return l == 'x' || (l && strchr(colors, l));
}

static int prepare_color(struct prepare *p, struct str inner, const void **data)
{
    char mem[32];
    struct buf out;
    *data = NULL;
    if (inner.len != 2 || !is_color(inner.p[0]) || !is_color(inner.p[1])) {
        buf_printf(p->error, "$C(%.*s): two letters of x%s are needed", STR_ARG(inner), colors);
        return ERR_INVALID;
    }
    bool bright = ascii_lower(inner.p[0]) != inner.p[0];
    buf_fixed(&out, mem, sizeof mem);
    buf_printf(&out, "\033[%d;%d;%dm", bright, color_number(inner.p[0], 30),
               color_number(inner.p[1], 40));
    struct str *text = arena_alloc(p->arena, sizeof *text);
    if (!text)
        return ERR_NOMEM;
    *text = arena_dup(p->arena, buf_str(&out));
    *data = text;
    return text->p ? ERR_OK : ERR_NOMEM;
}

static int get_color(struct call *c, const struct pv_use *u, struct value *out)
{
    const struct conf *conf = call_conf(c, &xlog_module);
    bool shown = conf->force_color || program_setting_int(call_program(c), SETTING_LOG_STDERROR);
    *out = value_str(shown && u->data ? *(const struct str *)u->data : STR_NONE);
    return ERR_OK;
}

enum {
    ROUTES =
        ROUTE_REQUEST | ROUTE_FAILURE | ROUTE_ONREPLY | ROUTE_BRANCH | ROUTE_ERROR | ROUTE_LOCAL
};

static const struct fn_spec functions[] = {
    {"xlog",
     xlog_text,
     1,
     1,
     {ARG_FMT},
     ROUTES,
     0,
     NULL,
     "text",
     "Writes the text to the log at level L_ERR. No newline is added."},
    {"xlog",
     xlog_level,
     2,
     2,
     {ARG_CUSTOM, ARG_FMT},
     ROUTES,
     FN_LOGS,
     prepare_level,
     "level, text",
     "Writes the text to the log at that level: L_ALERT L_CRIT L_ERR L_WARN L_NOTICE L_INFO "
     "L_DBG, or a variable with the number. False when the variable holds none."},
    {"xdbg",
     xdbg,
     1,
     1,
     {ARG_FMT},
     ROUTES,
     FN_LOGS,
     NULL,
     "text",
     "Writes the text to the log at level L_DBG."},
    {.name = NULL},
};

static const struct pv_spec variables[] = {
    {"C", get_color, NULL, prepare_color, 0, PV_INNER,
     "Escape sequence that colours what follows: text and background, each a letter of x s r g y b "
     "p c w"},
    {.name = NULL},
};

#define PARAM_CONF struct conf

static const struct param_spec params[] = {
    PARAM_NUMBER("buf_size", buf_size, 1, 1 << 20, 4096, "Longer texts are not written.",
                 .unit = "bytes"),
    PARAM_SWITCH("force_color", force_color, 0,
                 "Colours also when the log does not go to the terminal."),
    {.name = NULL},
};

const struct module xlog_module = {
    .abi = MODULE_ABI,
    .symbols = {.name = "xlog",
                .doc = "Log lines with variables in them.",
                .functions = functions,
                .variables = variables,
                .params = params,
                .conf_size = sizeof(struct conf)},
};
