/* What the shell is given: a command line that no message can change, and an environment. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <unistd.h>

#include "modules/exec/priv.h"

/* ---- command lines ---- */

/* How the shell reads the place we are at. */
enum quotes { PLAIN, SINGLE, DOUBLE };

/* End of what looks like a variable at s.p[at] ('$'): a name with brackets behind it, or brackets
 * alone. */
static size_t variable_end(struct str s, size_t at)
{
    size_t i = at + 1;
    while (i < s.len && (ascii_alpha(s.p[i]) || ascii_digit(s.p[i]) || s.p[i] == '_'))
        i++;
    if (i >= s.len || s.p[i] != '(')
        return i;
    for (unsigned depth = 0; i < s.len; i++) {
        depth += s.p[i] == '(';
        depth -= s.p[i] == ')';
        if (depth == 0)
            return i + 1;
    }
    return i;
}

/* Refers to the environment as the place demands: one word, whatever it holds. */
static void refer(struct buf *out, enum quotes q, const char *name, unsigned number)
{
    char text[32];
    if (number)
        snprintf(text, sizeof text, "%s%u", name, number);
    else
        snprintf(text, sizeof text, "%s", name);
    buf_printf(out, q == PLAIN ? "\"${%s}\"" : q == SINGLE ? "'\"${%s}\"'" : "${%s}", text);
}

/* Takes the variable at `at` when it is one; what is none is the shell's. */
static bool take_variable(struct prepare *p, struct exec_command *cmd, struct str text, size_t at,
                          size_t *end)
{
    const struct pv_ref *pv;
    size_t complaint = p->error->len;
    *end = variable_end(text, at);
    if (*end == at + 1 || cmd->values == EXEC_VALUES)
        return false;
    int rc = prepare_pv(p, str_sub(text, at, *end), &pv);
    p->error->len = complaint;
    if (p->hint)
        p->hint->len = 0;
    p->at = 0;
    if (rc == ERR_OK)
        cmd->value[cmd->values++] = pv;
    return rc == ERR_OK;
}

static enum quotes after(enum quotes q, char c)
{
    if (c == '\'' && q != DOUBLE)
        return q == SINGLE ? PLAIN : SINGLE;
    if (c == '"' && q != SINGLE)
        return q == DOUBLE ? PLAIN : DOUBLE;
    return q;
}

static void translate(struct prepare *p, struct exec_command *cmd, struct str text, struct buf *out)
{
    enum quotes q = PLAIN;
    for (size_t i = 0, end; i < text.len; i++) {
        if (text.p[i] == '\\' && q != SINGLE && i + 1 < text.len) {
            buf_add(out, str_sub(text, i, i + 2));
            i++;
        } else if (text.p[i] == '$' && take_variable(p, cmd, text, i, &end)) {
            refer(out, q, "SIP_VALUE_", cmd->values);
            i = end - 1;
        } else {
            q = after(q, text.p[i]);
            buf_char(out, text.p[i]);
        }
    }
}

int exec_prepare(struct prepare *p, struct str text, bool with_uri, struct exec_command **out)
{
    struct exec_command *cmd = arena_zalloc(p->arena, sizeof *cmd);
    struct buf line;
    if (!cmd)
        return ERR_NOMEM;
    if (str_trim(text).len == 0 || memchr(text.p, 0, text.len)) {
        buf_printf(p->error, "there is no command");
        return ERR_INVALID;
    }
    buf_init(&line, p->arena, text.len + 64);
    translate(p, cmd, text, &line);
    if (with_uri) {
        buf_char(&line, ' ');
        refer(&line, PLAIN, "SIP_RURI_ARG", 0);
    }
    buf_char(&line, 0);
    if (line.failed)
        return ERR_NOMEM;
    cmd->line = str_make(line.p, line.len - 1);
    *out = cmd;
    return ERR_OK;
}

/* ---- environments ---- */

struct env {
    struct call *c;
    char **v;
    unsigned n, cap;
    bool failed;
};

/* name=value; what a text may not hold there, NUL, ends it. */
static void put(struct env *e, struct str name, struct str value)
{
    const char *end = value.len ? memchr(value.p, 0, value.len) : NULL;
    if (end)
        value.len = (size_t)(end - value.p);
    struct str s = arena_printf(e->c->arena, "%.*s=%.*s", STR_ARG(name), STR_ARG(value));
    if (!s.p || e->n + 1 >= e->cap)
        e->failed = true;
    else
        e->v[e->n++] = (char *)(uintptr_t)s.p;
}

/* SIP_HF_ and the name in capitals; other bytes than letters and digits become '_'. */
static struct str header_name(struct arena *a, struct str name)
{
    struct buf b;
    buf_init(&b, a, name.len + 8);
    buf_add(&b, STR("SIP_HF_"));
    for (size_t i = 0; i < name.len; i++) {
        char c = ascii_lower(name.p[i]);
        buf_char(&b, c >= 'a' && c <= 'z' ? (char)(c & ~0x20) : ascii_digit(c) ? c : '_');
    }
    return buf_str(&b);
}

static struct str full_name(const struct hdr *h)
{
    return h->id == HDR_OTHER ? h->name : str_from(hdr_name(h->id));
}

/* All values of a name, with commas between. */
static void put_header(struct env *e, const struct msg *m, unsigned first)
{
    struct str name = full_name(&m->hdr[first]);
    struct buf b;
    for (unsigned i = 0; i < first; i++)
        if (str_ieq(full_name(&m->hdr[i]), name))
            return; /* it came with an earlier one */
    buf_init(&b, e->c->arena, 128);
    for (unsigned i = first; i < m->count; i++) {
        if (!str_ieq(full_name(&m->hdr[i]), name))
            continue;
        buf_add(&b, i == first ? STR_NONE : STR(","));
        buf_add(&b, m->hdr[i].value);
    }
    put(e, header_name(e->c->arena, name), buf_str(&b));
}

static struct str user_of(struct str text)
{
    struct uri u;
    return uri_parse(&u, text) == ERR_OK ? u.user : STR_NONE;
}

static void put_message(struct env *e)
{
    struct call *c = e->c;
    const struct msg *m = c->msg;
    char ip[IP_TEXT];
    put(e, STR("SIP_SRCIP"), ip_text(ip, &m->src.ip));
    put(e, STR("SIP_RURI"), c->target.uri);
    put(e, STR("SIP_ORURI"), m->uri);
    put(e, STR("SIP_USER"), user_of(c->target.uri));
    put(e, STR("SIP_OUSER"), user_of(m->uri));
    put(e, STR("SIP_TID"), m->via.branch);
    put(e, STR("SIP_DID"), m->to_tag);
    for (unsigned i = 0; i < m->count; i++)
        put_header(e, m, i);
}

static void put_values(struct env *e, const struct exec_command *cmd)
{
    for (unsigned i = 0; i < cmd->values; i++) {
        char name[32], digits[VALUE_TEXT];
        struct value v;
        if (pv_read(cmd->value[i], e->c, call_host(), &v) != ERR_OK)
            v = VALUE_NULL;
        snprintf(name, sizeof name, "SIP_VALUE_%u", i + 1);
        put(e, str_from(name), value_is_null(&v) ? STR("<null>") : value_text(&v, digits));
    }
    put(e, STR("SIP_RURI_ARG"), e->c->target.uri);
}

/* Nothing of that name may come from outside of this message. */
static bool is_ours(const char *setting)
{
    return strncmp(setting, "SIP_", 4) == 0;
}

char **exec_environment(struct call *c, const struct exec_command *cmd, bool setvars)
{
    unsigned inherited = 0;
    while (environ[inherited])
        inherited++;
    struct env e = {.c = c, .cap = inherited + cmd->values + c->msg->count + 16};
    e.v = arena_zalloc(c->arena, e.cap * sizeof *e.v);
    if (!e.v)
        return NULL;
    for (unsigned i = 0; i < inherited; i++)
        if (!is_ours(environ[i]))
            e.v[e.n++] = environ[i];
    if (setvars)
        put_message(&e);
    put_values(&e, cmd);
    return e.failed ? NULL : e.v;
}
