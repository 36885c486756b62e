/* Arguments of the avp_db_ functions: "$fu/username", "$avp(s:x)/table", "*", AVPs for columns. */
/* SPDX-License-Identifier: MIT */
#include "modules/avpops/db.h"

static int refuse(struct prepare *p, const char *what, struct str text)
{
    buf_printf(p->error, "%s: \"%.*s\"", what, STR_ARG(text));
    return ERR_INVALID;
}

/* Cuts "rest/part" at the last slash that is outside of parentheses; part is empty without one. */
static struct str cut_last(struct str *rest)
{
    unsigned depth = 0;
    for (size_t i = rest->len; i-- > 0;) {
        depth += rest->p[i] == ')';
        depth -= rest->p[i] == '(' && depth > 0;
        if (rest->p[i] == '/' && depth == 0) {
            struct str part = str_sub(*rest, i + 1, rest->len);
            *rest = str_sub(*rest, 0, i);
            return part;
        }
    }
    return STR_NONE;
}

/* ---- whose ---- */

static bool is_uri_variable(struct str text)
{
    static const char *const names[] = {"$ru", "$ruri", "$ou", "$ouri",
                                        "$fu", "$from", "$tu", "$to"};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (str_eq(text, str_from(names[i])))
            return true;
    return false;
}

static bool read_mode(struct str text, enum source_mode *out)
{
    static const char *const names[] = {[SOURCE_UUID] = "uuid",
                                        [SOURCE_USERNAME] = "username",
                                        [SOURCE_DOMAIN] = "domain",
                                        [SOURCE_URI] = "uri"};
    for (int i = SOURCE_UUID; i <= SOURCE_URI; i++)
        if (str_ieq(text, str_from(names[i]))) {
            *out = (enum source_mode)i;
            return true;
        }
    return false;
}

static int prepare_source(struct prepare *p, struct str text, struct arg *out)
{
    struct db_source *s = arena_zalloc(p->arena, sizeof *s);
    struct str who = text, mode = cut_last(&who);
    if (!s)
        return ERR_NOMEM;
    out->obj = s;
    s->mode = is_uri_variable(who) ? SOURCE_URI : SOURCE_UUID;
    if (mode.len && !read_mode(mode, &s->mode))
        return refuse(p, "none of uuid, username, domain and uri", mode);
    if (who.len == 0)
        return refuse(p, "whose AVPs?", text);
    s->constant = who;
    return who.p[0] == '$' ? prepare_pv(p, who, &s->pv) : ERR_OK;
}

/* ---- which ---- */

static bool read_class(struct str text, struct db_names *n)
{
    uint32_t flags = 0;
    char l = text.len ? ascii_lower(text.p[0]) : 0;
    if (!l || !strchr("sia*", l) ||
        (text.len > 1 && str_u32(&flags, str_sub(text, 1, text.len), AVP_IN_DB - 1) != ERR_OK))
        return false;
    n->class = l == '*' ? 'a' : l;
    n->flags = (uint8_t)flags;
    return true;
}

static int find_scheme(struct prepare *p, const struct avpops_conf *conf, struct str name,
                       struct db_names *n)
{
    for (n->scheme = conf->schemes; n->scheme; n->scheme = n->scheme->next)
        if (str_eq(n->scheme->name, name))
            return n->avp ? ERR_OK : refuse(p, "a scheme loads one AVP, no class", name);
    return refuse(p, "no db_scheme has that name", name);
}

static int prepare_names(struct prepare *p, const struct avpops_conf *conf, bool schemes,
                         struct str text, struct arg *out)
{
    struct db_names *n = arena_zalloc(p->arena, sizeof *n);
    struct str which = text, table = cut_last(&which);
    if (!n)
        return ERR_NOMEM;
    out->obj = n;
    n->table = table.len ? table : conf->avp_table;
    if (!read_class(which, n)) {
        if (which.len && which.p[0] != '$') /* the notation of 1.0 */
            which = arena_printf(p->arena, "$avp(%.*s)", STR_ARG(which));
        if (!which.p)
            return ERR_NOMEM;
        if (!str_istarts(which, STR("$avp(")))
            return refuse(p, "neither an AVP nor a class", text);
        int rc = prepare_pv(p, which, &n->avp);
        if (rc != ERR_OK)
            return rc;
    }
    if (table.len && table.p[0] == '$') {
        if (!schemes)
            return refuse(p, "a scheme can only be loaded", text);
        return find_scheme(p, conf, str_sub(table, 1, table.len), n);
    }
    return n->table.len ? ERR_OK : refuse(p, "avpops needs its parameter avp_table", text);
}

/* ---- prepare hooks ---- */

static int need_url(struct prepare *p, struct avpops_conf **out)
{
    *out = prepare_conf(p, &avpops_module.symbols);
    if (!*out)
        return ERR_OK;
    (*out)->asks = true;
    if ((*out)->db_url.len)
        return ERR_OK;
    buf_printf(p->error, "this asks a database: avpops needs its parameter db_url");
    return ERR_INVALID;
}

static int prepare_two(struct prepare *p, bool schemes, unsigned argn, struct str text,
                       struct arg *out)
{
    struct avpops_conf *conf;
    int rc = need_url(p, &conf);
    if (rc != ERR_OK || !conf)
        return rc;
    return argn == 0 ? prepare_source(p, text, out) : prepare_names(p, conf, schemes, text, out);
}

int avpops_prepare_db(struct prepare *p, unsigned argn, struct str text, struct arg *out)
{
    return prepare_two(p, false, argn, text, out);
}

int avpops_prepare_db_load(struct prepare *p, unsigned argn, struct str text, struct arg *out)
{
    return prepare_two(p, true, argn, text, out);
}

/* "$avp(a);$avp(b)" */
static int prepare_dest(struct prepare *p, struct str text, struct arg *out)
{
    struct db_dest *d = arena_zalloc(p->arena, sizeof *d);
    struct str item, rest = text;
    unsigned most = 1;
    for (size_t i = 0; i < text.len; i++)
        most += text.p[i] == ';';
    if (!d || !(d->avp = arena_zalloc(p->arena, most * sizeof *d->avp)))
        return ERR_NOMEM;
    out->obj = d;
    while (str_cut(&item, &rest, ';')) {
        item = str_trim(item);
        if (item.len == 0)
            continue;
        if (item.p[0] != '$')
            item = arena_printf(p->arena, "$avp(%.*s)", STR_ARG(item));
        if (!item.p)
            return ERR_NOMEM;
        if (!str_istarts(item, STR("$avp(")))
            return refuse(p, "not an AVP", item);
        int rc = prepare_pv(p, item, &d->avp[d->n++]);
        if (rc != ERR_OK)
            return rc;
    }
    return ERR_OK;
}

int avpops_prepare_db_query(struct prepare *p, unsigned argn, struct str text, struct arg *out)
{
    struct statement *s = NULL;
    struct avpops_conf *conf;
    int rc = need_url(p, &conf);
    if (rc != ERR_OK)
        return rc;
    if (argn > 0)
        return prepare_dest(p, text, out);
    rc = avpops_prepare_sql(p, text, &s);
    out->obj = s;
    return rc;
}

/* ---- db_scheme ---- */

static int read_field(struct prepare *p, struct scheme *s, struct str item)
{
    const struct {
        const char *name;
        struct str *to;
    } fields[] = {{"username_col", &s->username_col},
                  {"domain_col", &s->domain_col},
                  {"uuid_col", &s->uuid_col},
                  {"value_col", &s->value_col},
                  {"table", &s->table}};
    ptrdiff_t equals = str_find(item, '=', 0);
    struct str name = str_trim(str_sub(item, 0, equals < 0 ? 0 : (size_t)equals));
    struct str value = str_trim(str_sub(item, (size_t)(equals + 1), item.len));
    for (unsigned i = 0; i < sizeof fields / sizeof *fields; i++)
        if (str_ieq(name, str_from(fields[i].name))) {
            *fields[i].to = value;
            return ERR_OK;
        }
    bool number = str_ieq(value, STR("integer"));
    if (!str_ieq(name, STR("value_type")) || (!number && !str_ieq(value, STR("string"))))
        return refuse(p, "a scheme does not know this", item);
    s->number = number;
    return ERR_OK;
}

int avpops_add_scheme(struct prepare *p, void *data, const struct value *v)
{
    struct avpops_conf *conf = data;
    struct scheme *s = arena_zalloc(p->arena, sizeof *s);
    ptrdiff_t colon = str_find(v->s, ':', 0);
    struct str rest = str_sub(v->s, (size_t)(colon + 1), v->s.len), item;
    int rc = ERR_OK;
    if (!s)
        return ERR_NOMEM;
    s->name = str_trim(str_sub(v->s, 0, colon < 0 ? 0 : (size_t)colon));
    while (rc == ERR_OK && str_cut(&item, &rest, ';'))
        if (str_trim(item).len)
            rc = read_field(p, s, str_trim(item));
    if (rc != ERR_OK)
        return rc;
    if (s->name.len == 0 || s->value_col.len == 0 || s->table.len == 0)
        return refuse(p, "a scheme is written name:value_col=...;table=...", v->s);
    s->next = conf->schemes;
    conf->schemes = s;
    return ERR_OK;
}
