/* Variables with a first value: $shv, which all messages share, and presets of $var. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "modules/cfgutils/priv.h"

/* A $shv that was set. Texts are malloc'ed: they outlive any message. */
struct shared_var {
    struct shared_var *next;
    struct value value; /* a text of its own */
    size_t len;
    char name[]; /* of len bytes */
};

/* ---- presets ---- */

/* "name=i:5" or "name=s:text". */
static int parse_preset(struct prepare *p, struct str text, struct preset *out)
{
    ptrdiff_t equals = str_find(text, '=', 0);
    struct str value = equals > 0 ? str_sub(text, (size_t)equals + 1, text.len) : STR_NONE;
    struct str rest = str_sub(value, 2, value.len);
    bool minus = rest.len && rest.p[0] == '-';
    uint32_t number;
    out->name = equals > 0 ? str_sub(text, 0, (size_t)equals) : STR_NONE;
    if (str_istarts(value, STR("s:"))) {
        out->value = value_str(rest);
        return ERR_OK;
    }
    if (str_istarts(value, STR("i:")) &&
        str_u32(&number, str_sub(rest, minus, rest.len), INT32_MAX) == ERR_OK) {
        out->value = value_int(minus ? -(int32_t)number : (int32_t)number);
        return ERR_OK;
    }
    buf_printf(p->error, "\"%.*s\": written name=s:text or name=i:number", STR_ARG(text));
    return ERR_INVALID;
}

static int add_preset(struct prepare *p, struct preset **list, const struct value *v)
{
    struct preset *s = arena_zalloc(p->arena, sizeof *s);
    int rc = s ? parse_preset(p, v->s, s) : ERR_NOMEM;
    if (rc == ERR_OK) {
        s->next = *list;
        *list = s;
    }
    return rc;
}

int cfgutils_add_shv(struct prepare *p, void *conf, const struct value *v)
{
    struct cfgutils_conf *c = conf;
    return add_preset(p, &c->shvs, v);
}

int cfgutils_add_var(struct prepare *p, void *conf, const struct value *v)
{
    struct cfgutils_conf *c = conf;
    int rc = add_preset(p, &c->vars, v);
    if (rc != ERR_OK)
        return rc;
    struct str name = arena_printf(p->arena, "$var(%.*s)", STR_ARG(c->vars->name));
    return name.p ? prepare_pv(p, name, &c->vars->pv) : ERR_NOMEM;
}

/* The list is newest first: the first line of the script is written last and must not win. */
static void write_presets(struct call *c, const struct preset *s)
{
    if (!s)
        return;
    write_presets(c, s->next);
    pv_write(s->pv, c, call_host(), PV_SET, &s->value);
}

bool cfgutils_on_request(struct call *c)
{
    const struct cfgutils_conf *conf = call_conf(c, &cfgutils_module);
    write_presets(c, conf->vars);
    return true;
}

/* ---- $shv ---- */

struct cfgutils_state *cfgutils_state_new(void)
{
    struct cfgutils_state *s = calloc(1, sizeof *s);
    if (s && pthread_mutex_init(&s->lock, NULL) != 0) {
        free(s);
        return NULL;
    }
    return s;
}

static void free_text(struct shared_var *v)
{
    free((char *)(uintptr_t)v->value.s.p);
    v->value = VALUE_NULL;
}

void cfgutils_state_free(void *state)
{
    struct cfgutils_state *s = state;
    if (!s)
        return;
    for (struct shared_var *v = s->vars, *next; v; v = next) {
        next = v->next;
        free_text(v);
        free(v);
    }
    pthread_mutex_destroy(&s->lock);
    free(s);
}

int cfgutils_prepare_shv(struct prepare *p, struct str inner, const void **data)
{
    *data = NULL;
    if (inner.len)
        return ERR_OK;
    buf_printf(p->error, "$shv() needs a name");
    return ERR_INVALID;
}

static struct shared_var *find(const struct cfgutils_state *s, struct str name)
{
    struct shared_var *v = s->vars;
    while (v && !str_eq(str_make(v->name, v->len), name))
        v = v->next;
    return v;
}

static struct shared_var *make(struct cfgutils_state *s, struct str name)
{
    struct shared_var *v = calloc(1, sizeof *v + name.len);
    if (!v)
        return NULL;
    v->len = name.len;
    memcpy(v->name, name.p, name.len);
    v->next = s->vars;
    s->vars = v;
    return v;
}

/* What it holds before it was ever set. */
static struct value first_value(const struct call *c, struct str name)
{
    const struct cfgutils_conf *conf = call_conf(c, &cfgutils_module);
    for (const struct preset *s = conf->shvs; s; s = s->next)
        if (str_eq(s->name, name))
            return s->value;
    return value_int(0);
}

int cfgutils_get_shv(struct call *c, const struct pv_use *u, struct value *out)
{
    struct cfgutils_state *s = call_state(c, &cfgutils_module);
    pthread_mutex_lock(&s->lock);
    const struct shared_var *v = find(s, u->inner.s);
    *out = v ? v->value : first_value(c, u->inner.s);
    if (v && v->value.s.p)
        out->s = arena_dup(c->arena, v->value.s);
    pthread_mutex_unlock(&s->lock);
    return out->flags & VAL_STR && !out->s.p && out->s.len ? ERR_NOMEM : ERR_OK;
}

/* A copy that lives on; false without memory. */
static bool keep_value(struct shared_var *v, const struct value *in)
{
    struct value copy = *in;
    char *text = NULL;
    if (in->flags & VAL_TYPED || value_is_null(in)) {
        copy = value_int(value_is_null(in) ? 0 : in->i);
    } else {
        text = malloc(in->s.len + 1);
        if (!text)
            return false;
        if (in->s.len)
            memcpy(text, in->s.p, in->s.len);
        copy = value_str(str_make(text, in->s.len));
    }
    free_text(v);
    v->value = copy;
    return true;
}

bool cfgutils_keep_shv(struct cfgutils_state *s, struct str name, const struct value *v)
{
    pthread_mutex_lock(&s->lock);
    struct shared_var *var = find(s, name);
    if (!var)
        var = make(s, name);
    bool kept = var && keep_value(var, v);
    pthread_mutex_unlock(&s->lock);
    return kept;
}

int cfgutils_set_shv(struct call *c, const struct pv_use *u, enum pv_assign op,
                     const struct value *v)
{
    (void)op;
    return cfgutils_keep_shv(call_state(c, &cfgutils_module), u->inner.s, v) ? 1 : -1;
}

unsigned cfgutils_each_shv(struct cfgutils_state *s, const struct cfgutils_conf *conf,
                           struct str name,
                           void (*fn)(void *arg, struct str name, const struct value *v), void *arg)
{
    unsigned n = 0;
    pthread_mutex_lock(&s->lock);
    for (const struct shared_var *v = s->vars; v; v = v->next) {
        struct str own = str_make(v->name, v->len);
        if (name.len && !str_eq(own, name))
            continue;
        fn(arg, own, &v->value);
        n++;
    }
    for (const struct preset *p = conf->shvs; p; p = p->next) {
        if ((name.len && !str_eq(p->name, name)) || find(s, p->name))
            continue;
        fn(arg, p->name, &p->value);
        n++;
    }
    pthread_mutex_unlock(&s->lock);
    return n;
}
