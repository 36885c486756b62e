/* AVPs in tables: loaded, stored, removed, and the results of queries as AVPs. */
/* SPDX-License-Identifier: MIT */
#include "modules/avpops/db.h"

/* Bits of the column type. */
enum { TYPE_INT_VALUE = 1, TYPE_INT_NAME = 2, TYPES = 4 };

static int failed(const struct call *c, const char *what, struct str table, int status)
{
    const struct db *db = call_db(c, &avpops_module);
    log_err("avpops: %s %.*s: %s%s%s", what, STR_ARG(table), err_text(status),
            db ? ", asking " : "", db ? db_name(db) : "");
    return -1;
}

/* ---- whose ---- */

/* Columns that tell users apart, with the values of one. */
struct keys {
    unsigned n;
    struct db_match match[4]; /* room for two more */
};

static void add_key(struct keys *k, struct str column, struct str value)
{
    if (column.len)
        k->match[k->n++] = (struct db_match){column, DB_EQ, db_text(value)};
}

/* The user, or the host, of a text that may be a URI; as it stands when it is none. */
static struct str part_of(struct str text, bool host)
{
    struct uri u;
    if (uri_parse(&u, text) != ERR_OK || (u.scheme != URI_SIP && u.scheme != URI_SIPS))
        return text;
    return host ? u.host : u.user;
}

static bool read_keys(struct call *c, const struct db_source *s, const struct db_names *names,
                      struct keys *k)
{
    const struct avpops_conf *conf = call_conf(c, &avpops_module);
    const struct scheme *scheme = names->scheme;
    struct str uuid = scheme ? scheme->uuid_col : conf->uuid_column;
    struct str username = scheme ? scheme->username_col : conf->username_column;
    struct str domain = scheme ? scheme->domain_col : conf->domain_column;
    struct value v = value_str(s->constant);
    struct uri u;
    k->n = 0;
    if (s->pv && (pv_read(s->pv, c, call_host(), &v) != ERR_OK ||
                  value_print(&v, c->arena) != ERR_OK || !(v.flags & VAL_STR)))
        return false;
    if (s->mode == SOURCE_UUID)
        add_key(k, uuid, v.s);
    else if (s->mode == SOURCE_USERNAME)
        add_key(k, username, part_of(v.s, false));
    else if (s->mode == SOURCE_DOMAIN)
        add_key(k, domain, part_of(v.s, true));
    else if (uri_parse(&u, v.s) == ERR_OK && u.user.len) {
        add_key(k, username, u.user);
        if (conf->use_domain)
            add_key(k, domain, u.host);
    }
    return k->n > 0 && k->match[0].value.s.len > 0;
}

/* The value of column attribute for a name. */
static struct str attribute_of(struct call *c, const struct avp_name *name)
{
    return name->text.len ? name->text : arena_u64(c->arena, name->number, 0);
}

/* What a query says of the AVPs in question. */
static bool read_names(struct call *c, const struct db_names *n, struct avp_name *name,
                       struct keys *k)
{
    const struct avpops_conf *conf = call_conf(c, &avpops_module);
    if (n->avp) {
        if (avp_name_of(n->avp, c, call_host(), name) != ERR_OK)
            return false;
        struct str attribute = attribute_of(c, name);
        if (!n->scheme)
            k->match[k->n++] = (struct db_match){conf->attribute_column, DB_EQ, db_text(attribute)};
        return attribute.p != NULL;
    }
    if (n->class != 'a')
        k->match[k->n++] = (struct db_match){conf->type_column, n->class == 's' ? DB_LT : DB_GE,
                                             db_int(TYPE_INT_NAME)};
    return true;
}

/* ---- avp_db_load ---- */

struct load {
    const struct db_names *names;
    struct avp_name name; /* of the one AVP */
};

/* The value of a cell; false when it is NULL, or no number where one is due. */
static bool cell_value(struct call *c, const struct db_value *cell, bool number, struct value *out)
{
    char mem[DB_VALUE_TEXT];
    if (cell->type == DB_NULL)
        return false;
    if (number) {
        int64_t i = db_value_int(cell, INT64_MIN);
        *out = value_int((int32_t)i);
        return i >= INT32_MIN && i <= UINT32_MAX;
    }
    *out = value_str(arena_dup(c->arena, db_value_text(cell, mem)));
    return out->s.p != NULL;
}

/* value, attribute, type; or the one value of a scheme. */
static bool take_row(struct call *c, const struct load *l, const struct db_result *r, unsigned row)
{
    const struct db_names *n = l->names;
    struct avp_name name = l->name;
    char mem[DB_VALUE_TEXT];
    struct value v;
    int64_t type =
        n->scheme ? (n->scheme->number ? TYPE_INT_VALUE : 0) : db_value_int(db_cell(r, row, 2), -1);
    if (type < 0 || type >= TYPES ||
        !cell_value(c, db_cell(r, row, 0), type & TYPE_INT_VALUE, &v)) {
        log_warn("avpops: row %u of an answer is no AVP", row + 1);
        return false;
    }
    if (!n->avp) {
        struct str attribute = db_value_text(db_cell(r, row, 1), mem);
        uint32_t number = 0;
        if (attribute.len == 0 ||
            (type & TYPE_INT_NAME && str_u32(&number, attribute, UINT16_MAX) != ERR_OK)) {
            log_warn("avpops: \"%.*s\" is no name of an AVP", STR_ARG(attribute));
            return false;
        }
        name = (struct avp_name){.number = (uint16_t)number};
        if (!(type & TYPE_INT_NAME))
            name.text = attribute;
    }
    name.flags = (uint8_t)(n->flags | name.flags | AVP_IN_DB);
    return avp_push(c->avps, &name, &v) == ERR_OK;
}

static int loaded(struct call *c, void *arg, int status, const struct db_result *r)
{
    const struct load *l = arg;
    const struct scheme *scheme = l->names->scheme;
    bool any = false;
    if (status == ERR_OK && r->columns < (scheme ? 1 : 3))
        status = ERR_INVALID;
    if (status != ERR_OK)
        return failed(c, "loading from", scheme ? scheme->table : l->names->table, status);
    for (unsigned i = r->rows; i-- > 0;) /* AVPs are stacks: the first row shall be on top */
        any = take_row(c, l, r, i) || any;
    return any ? 1 : -1;
}

int avpops_db_load(struct call *c, const struct arg *args, unsigned n)
{
    const struct avpops_conf *conf = call_conf(c, &avpops_module);
    const struct db_names *names = args[1].obj;
    const struct scheme *scheme = names->scheme;
    struct load *l = arena_zalloc(c->arena, sizeof *l);
    struct keys k;
    (void)n;
    if (!l || !read_keys(c, args[0].obj, names, &k) || !read_names(c, names, &l->name, &k))
        return -1;
    l->names = names;
    const struct str column[] = {scheme ? scheme->value_col : conf->value_column,
                                 conf->attribute_column, conf->type_column};
    const struct db_query q = {.verb = DB_SELECT,
                               .table = scheme ? scheme->table : names->table,
                               .columns = scheme ? 1 : 3,
                               .column = column,
                               .matches = k.n,
                               .match = k.match};
    return call_query(c, call_db(c, &avpops_module), &q, loaded, l);
}

/* ---- avp_db_store ---- */

struct store {
    const struct db_names *names;
    struct avp_name name;
    struct keys keys;
    struct avp *at; /* the one that is on its way, or NULL */
    bool any;
};

static bool is_wanted(const struct store *s, const struct avp *a)
{
    const struct db_names *n = s->names;
    if (a->name.flags & AVP_IN_DB || (n->flags && !(a->name.flags & n->flags)))
        return false;
    if (n->avp)
        return s->name.text.len ? str_eq(a->name.text, s->name.text)
                                : a->name.text.len == 0 && a->name.number == s->name.number;
    return n->class == 'a' || (n->class == 's') == (a->name.text.len > 0);
}

static int stored(struct call *c, void *arg, int status, const struct db_result *r);

/* Sends the next one on its way. */
static int store_next(struct call *c, struct store *s)
{
    const struct avpops_conf *conf = call_conf(c, &avpops_module);
    struct str column[5];
    struct db_value value[5];
    unsigned n;
    s->at = c->avps->head;
    while (s->at && !is_wanted(s, s->at))
        s->at = s->at->next;
    if (!s->at)
        return s->any ? 1 : -1;
    bool number = is_number(&s->at->value);
    for (n = 0; n < s->keys.n; n++) {
        column[n] = s->keys.match[n].column;
        value[n] = s->keys.match[n].value;
    }
    column[n] = conf->attribute_column;
    value[n++] = db_text(attribute_of(c, &s->at->name));
    column[n] = conf->type_column;
    value[n++] = db_int((number ? TYPE_INT_VALUE : 0) | (s->at->name.text.len ? 0 : TYPE_INT_NAME));
    column[n] = conf->value_column;
    value[n++] = db_text(number ? arena_printf(c->arena, "%d", s->at->value.i) : s->at->value.s);
    const struct db_query q = {.verb = DB_INSERT,
                               .table = s->names->table,
                               .columns = n,
                               .column = column,
                               .value = value};
    return call_query(c, call_db(c, &avpops_module), &q, stored, s);
}

static int stored(struct call *c, void *arg, int status, const struct db_result *r)
{
    struct store *s = arg;
    (void)r;
    if (status != ERR_OK)
        return failed(c, "storing to", s->names->table, status);
    s->at->name.flags |= AVP_IN_DB;
    s->any = true;
    return store_next(c, s);
}

int avpops_db_store(struct call *c, const struct arg *args, unsigned n)
{
    struct store *s = arena_zalloc(c->arena, sizeof *s);
    (void)n;
    if (!s)
        return -1;
    s->names = args[1].obj;
    if (!read_keys(c, args[0].obj, s->names, &s->keys))
        return -1;
    if (s->names->avp && avp_name_of(s->names->avp, c, call_host(), &s->name) != ERR_OK)
        return -1;
    return store_next(c, s);
}

/* ---- avp_db_delete ---- */

static int deleted(struct call *c, void *arg, int status, const struct db_result *r)
{
    const struct db_names *names = arg;
    (void)r;
    return status == ERR_OK ? 1 : failed(c, "deleting from", names->table, status);
}

int avpops_db_delete(struct call *c, const struct arg *args, unsigned n)
{
    const struct db_names *names = args[1].obj;
    struct avp_name name = {.number = 0};
    struct keys k;
    (void)n;
    if (!read_keys(c, args[0].obj, names, &k) || !read_names(c, names, &name, &k))
        return -1;
    const struct db_query q = {
        .verb = DB_DELETE, .table = names->table, .matches = k.n, .match = k.match};
    return call_query(c, call_db(c, &avpops_module), &q, deleted, (void *)(uintptr_t)names);
}

/* ---- avp_db_query ---- */

/* A variable by itself is a number when it is one or its text is digits; null is NULL. */
static bool bind_variable(struct call *c, const struct pv_ref *pv, struct db_value *out)
{
    struct value v;
    int64_t digits;
    if (pv_read(pv, c, call_host(), &v) != ERR_OK)
        return false;
    if (value_is_null(&v))
        *out = db_null();
    else if (is_number(&v))
        *out = db_int(v.i);
    else if (value_digits(&v, &digits) && (v.s.len == 1 || v.s.p[0] != '0'))
        *out = db_int(digits);
    else
        *out = db_text(v.s);
    return true;
}

static bool bind_all(struct call *c, const struct statement *s, struct db_value *value)
{
    for (unsigned i = 0; i < s->values; i++) {
        struct str text;
        if (s->value[i].pv) {
            if (!bind_variable(c, s->value[i].pv, &value[i]))
                return false;
            continue;
        }
        if (format_eval(s->value[i].text, c, call_host(), &text) != ERR_OK)
            return false;
        value[i] = db_text(text);
    }
    return true;
}

/* The AVP of a column: as the script says, else $avp(i:1) and so on. */
static bool column_name(struct call *c, const struct db_dest *dest, unsigned column,
                        struct avp_name *out)
{
    if (!dest) {
        *out = (struct avp_name){.number = (uint16_t)(column + 1)};
        return true;
    }
    return column < dest->n && avp_name_of(dest->avp[column], c, call_host(), out) == ERR_OK;
}

static bool is_empty(const struct db_value *cell)
{
    return cell->type == DB_NULL ||
           ((cell->type == DB_TEXT || cell->type == DB_BLOB) && cell->s.len == 0);
}

static int queried(struct call *c, void *arg, int status, const struct db_result *r)
{
    const struct db_dest *dest = arg;
    if (status != ERR_OK)
        return failed(c, "a query", STR_NONE, status);
    for (unsigned row = r->rows; row-- > 0;) /* the first row shall be on top */
        for (unsigned i = 0; i < r->columns && i < UINT16_MAX; i++) {
            const struct db_value *cell = db_cell(r, row, i);
            bool number = cell->type == DB_INT && cell->i >= INT32_MIN && cell->i <= INT32_MAX;
            struct avp_name name;
            struct value v;
            if (is_empty(cell) || !column_name(c, dest, i, &name))
                continue;
            if (!cell_value(c, cell, number, &v) || avp_push(c->avps, &name, &v) != ERR_OK)
                return -1;
        }
    return r->rows ? 1 : -1;
}

int avpops_db_query(struct call *c, const struct arg *args, unsigned n)
{
    const struct statement *s = args[0].obj;
    struct db_value *value = arena_alloc(c->arena, (s->values + 1) * sizeof *value);
    if (!value || !bind_all(c, s, value))
        return -1;
    const struct db_query q = {.verb = DB_SQL, .sql = s->sql, .columns = s->values, .value = value};
    return call_query(c, call_db(c, &avpops_module), &q, queried,
                      n > 1 ? (void *)(uintptr_t)args[1].obj : NULL);
}
