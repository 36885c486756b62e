/* Which values an AVP has: deleting, copying, pushing, asking. */
/* SPDX-License-Identifier: MIT */
#include "modules/avpops/priv.h"

/* ---- walking over values ---- */

bool values_first(struct values *w, struct call *c, const struct pv_ref *pv, bool is_avp)
{
    *w = (struct values){.avp = is_avp};
    if (is_avp) {
        if (avp_name_of(pv, c, call_host(), &w->name) != ERR_OK)
            return false;
        w->at = avp_find(c->avps, &w->name, NULL);
        return w->at != NULL;
    }
    return pv_read(pv, c, call_host(), &w->one) == ERR_OK && !value_is_null(&w->one);
}

bool values_next(struct values *w, const struct call *c)
{
    if (!w->avp || !w->at)
        return false;
    w->at = avp_find(c->avps, &w->name, w->at);
    return w->at != NULL;
}

const struct value *values_now(const struct values *w)
{
    return w->avp ? &w->at->value : &w->one;
}

/* ---- avp_delete ---- */

static bool in_class(const struct operand_arg *a, const struct avp *avp)
{
    bool text = avp->name.text.len > 0;
    if (a->class_flags && !(a->class_flags & avp->name.flags))
        return false;
    return a->class == 'a' || (a->class == 's') == text;
}

static int delete_class(struct call *c, const struct operand_arg *a)
{
    int result = -1;
    for (struct avp *at = c->avps->head, *next; at; at = next) {
        next = at->next;
        if (!in_class(a, at))
            continue;
        avp_remove(c->avps, at);
        result = 1;
    }
    return result;
}

int avpops_delete(struct call *c, const struct arg *args, unsigned n)
{
    const struct operand_arg *a = args[0].obj;
    struct avp_name name;
    (void)n;
    if (a->class)
        return delete_class(c, a);
    if (avp_name_of(a->pv, c, call_host(), &name) != ERR_OK)
        return -1;
    if (a->flags & AVPOPS_ALL)
        return avp_clear(c->avps, &name) ? 1 : -1;
    struct avp *newest = avp_find(c->avps, &name, NULL);
    if (!newest)
        return -1;
    avp_remove(c->avps, newest);
    return 1;
}

/* ---- avp_copy ---- */

/* The number a text begins with, as the reference's casts read it; 0 without. */
static int32_t leading_number(struct str s)
{
    bool minus = s.len && s.p[0] == '-';
    int64_t n = 0;
    for (size_t i = minus; i < s.len && ascii_digit(s.p[i]) && n < INT32_MAX; i++)
        n = n * 10 + (s.p[i] - '0');
    return (int32_t)(minus ? -n : n > INT32_MAX ? INT32_MAX : n);
}

static struct value cast(struct call *c, struct value v, unsigned flags)
{
    char digits[VALUE_TEXT];
    if (flags & AVPOPS_NUMBER && !is_number(&v))
        return value_int(leading_number(v.s));
    if (flags & AVPOPS_TEXT && is_number(&v))
        return value_str(arena_dup(c->arena, value_text(&v, digits)));
    return v;
}

int avpops_copy(struct call *c, const struct arg *args, unsigned n)
{
    const struct operand_arg *from = args[0].obj, *to = args[1].obj;
    struct avp_name source, dest;
    (void)n;
    if (avp_name_of(from->pv, c, call_host(), &source) != ERR_OK ||
        avp_name_of(to->pv, c, call_host(), &dest) != ERR_OK)
        return -1;
    struct avp *at = avp_find(c->avps, &source, NULL), *next;
    int result = at ? 1 : -1;
    for (; at; at = next) {
        next = avp_find(c->avps, &source, at);
        struct value v = cast(c, at->value, to->flags);
        if (avp_push(c->avps, &dest, &v) != ERR_OK)
            return -1;
        if (to->flags & AVPOPS_DELETE)
            avp_remove(c->avps, at);
        if (!(to->flags & AVPOPS_ALL))
            break;
    }
    return result;
}

/* ---- avp_pushto ---- */

static int push_uri(struct call *c, enum push_target target, struct str text)
{
    switch (target) {
    case PUSH_URI:
        return call_set_uri(c, text);
    case PUSH_USER:
        return call_rewrite(c, PART_USER, text);
    default:
        return call_rewrite(c, PART_HOST, text);
    }
}

static int push_one(struct call *c, enum push_target target, struct str text, bool again)
{
    struct target branch = {.uri = text, .q = NO_Q, .socket = c->target.socket};
    if (target == PUSH_DST)
        return call_set_dst_uri(c, text);
    if (target == PUSH_BRANCH)
        return text.len ? call_add_branch(c, &branch) : ERR_INVALID;
    int rc = again ? call_append_current(c) : ERR_OK;
    return rc == ERR_OK ? push_uri(c, target, text) : rc;
}

int avpops_pushto(struct call *c, const struct arg *args, unsigned n)
{
    const struct operand_arg *a = args[1].obj;
    char digits[VALUE_TEXT];
    struct values w;
    (void)n;
    if (!values_first(&w, c, a->pv, a->is_avp))
        return -1;
    bool again = false;
    do {
        struct str text = value_text(values_now(&w), digits);
        if (push_one(c, (enum push_target)args[0].v.i, text, again) != ERR_OK)
            return -1;
        again = true;
    } while (a->flags & AVPOPS_ALL && values_next(&w, c));
    return 1;
}

/* ---- the rest ---- */

int avpops_write(struct call *c, const struct arg *args, unsigned n)
{
    const struct value_arg *from = args[0].obj;
    const struct operand_arg *to = args[1].obj;
    struct value v = from->constant;
    struct avp_name name;
    (void)n;
    if (from->pv && (pv_read(from->pv, c, call_host(), &v) != ERR_OK || value_is_null(&v)))
        return -1;
    if (avp_name_of(to->pv, c, call_host(), &name) != ERR_OK)
        return -1;
    return avp_push(c->avps, &name, &v) == ERR_OK ? 1 : -1;
}

int avpops_is_set(struct call *c, const struct arg *args, unsigned n)
{
    const struct operand_arg *a = args[0].obj;
    struct value v;
    (void)n;
    if (pv_read(a->pv, c, call_host(), &v) != ERR_OK || value_is_null(&v))
        return -1;
    if (a->flags & AVPOPS_NUMBER && !is_number(&v))
        return -1;
    if (a->flags & AVPOPS_TEXT && is_number(&v))
        return -1;
    bool empty = is_number(&v) ? v.i == 0 : v.s.len == 0;
    return a->flags & AVPOPS_EMPTY && !empty ? -1 : 1;
}

int avpops_print(struct call *c, const struct arg *args, unsigned n)
{
    char digits[VALUE_TEXT];
    (void)args, (void)n;
    for (const struct avp *a = c->avps->head; a; a = a->next) {
        struct str v = value_text(&a->value, digits);
        char kind = is_number(&a->value) ? 'i' : 's';
        if (a->name.text.len)
            log_info("AVP s:%.*s flags %u: %c:%.*s", STR_ARG(a->name.text), a->name.flags, kind,
                     STR_ARG(v));
        else
            log_info("AVP i:%u flags %u: %c:%.*s", a->name.number, a->name.flags, kind, STR_ARG(v));
    }
    return 1;
}
