/* Formats: splitting a text at its variables, and putting it together again with their values. */
/* SPDX-License-Identifier: MIT */
#include "lang/format.h"

#include "core/base/err.h"

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
    f->n = 0;
    f->text = arena_dup(p->arena, text);
    *out = f;
    if (!f->text.p)
        return ERR_NOMEM;
    int rc = split(p, f);
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

/* Adds a variable's value: null shows as <null>, a failed read not at all. */
static void add_value(struct buf *b, const struct pv_ref *v, struct call *call,
                      const struct host *host)
{
    char number[VALUE_TEXT];
    struct value value;
    if (pv_eval(v, call, host, &value) != ERR_OK)
        return;
    buf_add(b, value_is_null(&value) ? STR("<null>") : value_text(&value, number));
}

int format_eval(const struct format *f, struct call *call, const struct host *host, struct str *out)
{
    struct buf b;
    if (format_is_constant(f, out))
        return ERR_OK;
    buf_init(&b, host->scratch(call), f->text.len + 64);
    for (unsigned i = 0; i < f->n && b.len <= FORMAT_MAX; i++) {
        if (f->part[i].pv)
            add_value(&b, f->part[i].pv, call, host);
        else
            buf_add(&b, f->part[i].text);
    }
    *out = buf_str(&b);
    if (b.failed)
        return ERR_NOMEM;
    return b.len <= FORMAT_MAX ? ERR_OK : ERR_LIMIT;
}
