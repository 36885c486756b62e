/* Variables of the branch set and of flags. */
/* SPDX-License-Identifier: MIT */
#include "modules/core/priv.h"

int core_get_br(struct call *c, const struct pv_use *u, struct value *out)
{
    (void)u;
    *out = c->extras ? value_str(c->extra[0].uri) : VALUE_NULL;
    return ERR_OK;
}

int core_set_br(struct call *c, const struct pv_use *u, enum pv_assign op, const struct value *v)
{
    struct target t = {.q = NO_Q, .socket = c->target.socket};
    char mem[VALUE_TEXT];
    (void)u, (void)op;
    t.uri = value_text(v, mem);
    if (!value_has_text(v) || t.uri.len == 0)
        return -1;
    return script_result(call_add_branch(c, &t));
}

/* q in thousandths, as 1 or 0.xyz without zeros at the end. */
static void add_q(struct buf *out, int q)
{
    if (q >= 1000 || q <= 0) {
        buf_add(out, q > 0 ? STR("1") : STR("0"));
        return;
    }
    char digits[4] = {(char)('0' + q / 100), (char)('0' + q / 10 % 10), (char)('0' + q % 10)};
    size_t len = digits[2] != '0' ? 3 : digits[1] != '0' ? 2 : 1;
    buf_add(out, STR("0."));
    buf_add(out, str_make(digits, len));
}

/* The URI, in angle brackets and with its q when there is one; a comma before all but the first. */
static void add_target(struct buf *out, const struct target *t, bool *first)
{
    if (!*first)
        buf_add(out, STR(", "));
    *first = false;
    if (t->q == NO_Q) {
        buf_add(out, t->uri);
        return;
    }
    buf_char(out, '<');
    buf_add(out, t->uri);
    buf_add(out, STR(">;q="));
    add_q(out, t->q);
}

static int list_targets(struct call *c, struct str start, bool with_uri, struct value *out)
{
    struct buf text;
    bool first = true;
    *out = VALUE_NULL;
    if (!with_uri && c->extras == 0)
        return ERR_OK;
    buf_init(&text, c->arena, 256);
    buf_add(&text, start);
    if (with_uri)
        add_target(&text, &c->target, &first);
    for (unsigned i = 0; i < c->extras; i++)
        add_target(&text, &c->extra[i], &first);
    *out = value_str(buf_str(&text));
    return text.failed ? ERR_NOMEM : ERR_OK;
}

int core_get_bR(struct call *c, const struct pv_use *u, struct value *out)
{
    (void)u;
    return list_targets(c, STR_NONE, false, out);
}

int core_get_ds(struct call *c, const struct pv_use *u, struct value *out)
{
    (void)u;
    return list_targets(c, STR("Contact: "), c->uri_changed, out);
}

/* ---- flags ---- */

static uint32_t *flags_of(struct call *c, const struct pv_use *u)
{
    return u->spec->code == FLAGS_MESSAGE  ? &c->flags
           : u->spec->code == FLAGS_BRANCH ? &c->target.flags
                                           : &c->script_flags;
}

int core_get_flags(struct call *c, const struct pv_use *u, struct value *out)
{
    uint32_t flags = *flags_of(c, u);
    *out = value_int((int32_t)flags);
    if (flags <= INT32_MAX)
        return ERR_OK;
    out->s = arena_printf(c->arena, "%u", flags); /* flag 31 is no sign */
    out->flags |= VAL_STR;
    return out->s.p ? ERR_OK : ERR_NOMEM;
}

int core_get_flags_hex(struct call *c, const struct pv_use *u, struct value *out)
{
    uint32_t flags = *flags_of(c, u);
    struct str text = arena_printf(c->arena, "%08x", flags);
    *out = value_both(text, (int32_t)flags);
    return text.p ? ERR_OK : ERR_NOMEM;
}

int core_set_flags(struct call *c, const struct pv_use *u, enum pv_assign op, const struct value *v)
{
    (void)op;
    if (!value_is_null(v) && !(v->flags & VAL_INT))
        return -1;
    *flags_of(c, u) = value_is_null(v) ? 0 : (uint32_t)v->i;
    return 1;
}
