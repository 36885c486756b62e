/* Formats: splitting a text at its variables, and putting it together again with their values. The
 * variables are read by instructions of their own, see gen_format(). */
/* SPDX-License-Identifier: MIT */
#include "lang/format.h"

#include "core/base/err.h"
#include "lang/vm_priv.h"

#define STR_NULL STR("<null>")

/* Most parts a text can have: every dollar sign gives one, and text between. */
static size_t count_parts(struct str text)
{
    size_t n = 1;
    for (size_t i = 0; i < text.len; i++)
        n += text.p[i] == '$' ? 2 : 0;
    return n;
}

static void add_text(struct format *f, struct str s)
{
    struct format_part *last = f->n ? &f->part[f->n - 1] : NULL;
    if (s.len == 0)
        return;
    if (last && !last->pv && last->text.p + last->text.len == s.p)
        last->text.len += s.len;
    else
        f->part[f->n++] = (struct format_part){s, NULL};
}

/* Splits f->text, which is in the program's memory already. */
static int split(struct prepare *p, struct format *f)
{
    struct str text = f->text;
    for (size_t at = 0; at < text.len;) {
        ptrdiff_t dollar = str_find(text, '$', at);
        size_t end = dollar < 0 ? text.len : (size_t)dollar, used;
        add_text(f, str_sub(text, at, end));
        at = end;
        if (dollar < 0)
            break;
        if (at + 1 < text.len && text.p[at + 1] == '$') {
            add_text(f, str_sub(text, at, at + 1));
            at += 2;
            continue;
        }
        if (f->gaps++ == FORMAT_MAX_GAPS)
            return prepare_fail(p, at, "a text can have no more than %d variables",
                                FORMAT_MAX_GAPS);
        struct format_part *part = &f->part[f->n++];
        part->text = STR_NONE;
        int rc = prepare_pv_at(p, str_sub(text, at, text.len), &used, &part->pv);
        if (rc != ERR_OK) {
            p->at += at;
            return rc;
        }
        at += used;
    }
    return ERR_OK;
}

/* A text whose only dollars are doubled ones becomes one constant. */
static int join_constant(struct prepare *p, struct format *f)
{
    struct buf b;
    for (unsigned i = 0; i < f->n; i++)
        if (f->part[i].pv)
            return ERR_OK;
    if (f->n < 2)
        return ERR_OK;
    buf_init(&b, p->arena, f->text.len);
    for (unsigned i = 0; i < f->n; i++)
        buf_add(&b, f->part[i].text);
    f->part[0].text = buf_str(&b);
    f->n = 1;
    return b.failed ? ERR_NOMEM : ERR_OK;
}

int prepare_format(struct prepare *p, struct str text, const struct format **out)
{
    size_t parts = count_parts(text);
    struct format *f = arena_alloc(p->arena, sizeof *f + parts * sizeof *f->part);
    if (!f)
        return ERR_NOMEM;
    f->n = f->gaps = 0;
    f->length = 0;
    f->text = arena_dup(p->arena, text);
    *out = f;
    if (!f->text.p)
        return ERR_NOMEM;
    int rc = split(p, f);
    for (unsigned i = 0; i < f->n; i++)
        f->length += f->part[i].text.len;
    return rc == ERR_OK ? join_constant(p, f) : rc;
}

bool format_is_constant(const struct format *f, struct str *out)
{
    if (f->n == 0)
        *out = STR("");
    else if (f->n == 1 && !f->part[0].pv)
        *out = f->part[0].text;
    else
        return false;
    return true;
}

void format_walk(const struct format *f, void (*see)(void *user, const struct pv_ref *v),
                 void *user)
{
    for (unsigned i = 0; i < f->n; i++)
        if (f->part[i].pv)
            pv_ref_walk(f->part[i].pv, see, user);
}

/* Least room a value takes: no number is longer than VALUE_TEXT. */
static size_t value_room(const struct value *v)
{
    if (v->flags & VAL_FAILED)
        return 0;
    if (v->flags & VAL_STR)
        return v->s.len;
    return v->flags & VAL_INT ? VALUE_TEXT : STR_NULL.len;
}

static char *put(char *at, struct str s)
{
    if (s.len)
        memcpy(at, s.p, s.len);
    return at + s.len;
}

static char *put_value(char *at, const struct value *v)
{
    char number[VALUE_TEXT];
    if (v->flags & VAL_FAILED)
        return at;
    return put(at, value_is_null(v) ? STR_NULL : value_text(v, number));
}

int format_join(const struct format *f, const struct value *values, struct arena *a,
                struct str *out)
{
    size_t room = f->length;
    if (f->n == 1 && f->gaps && values->flags & VAL_STR) {
        *out = values->s;
        return out->len <= FORMAT_MAX ? ERR_OK : ERR_LIMIT;
    }
    for (unsigned i = 0; i < f->gaps; i++)
        room += value_room(&values[i]);
    if (room > FORMAT_MAX + (size_t)f->gaps * VALUE_TEXT)
        return ERR_LIMIT;
    char *start = arena_alloc(a, room + 1), *at = start;
    if (!start)
        return ERR_NOMEM;
    for (unsigned i = 0; i < f->n; i++)
        at = f->part[i].pv ? put_value(at, values++) : put(at, f->part[i].text);
    *out = str_make(start, (size_t)(at - start));
    return out->len <= FORMAT_MAX ? ERR_OK : ERR_LIMIT;
}

int format_eval(const struct format *f, struct call *call, const struct host *host, struct str *out)
{
    struct arena *a = host->scratch(call);
    struct value *values = arena_alloc(a, (f->gaps + 1) * sizeof *values);
    unsigned n = 0;
    if (!values)
        return ERR_NOMEM;
    for (unsigned i = 0; i < f->n; i++) {
        if (!f->part[i].pv)
            continue;
        if (pv_eval(f->part[i].pv, call, host, &values[n]) != ERR_OK)
            values[n] = (struct value){.flags = VAL_FAILED};
        n++;
    }
    return format_join(f, values, a, out);
}
