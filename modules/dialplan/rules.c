/* Rules of a dial plan: read from a table, found, applied. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "modules/dialplan/priv.h"

enum { EQUALITY, EXPRESSION, COLUMNS = 8 };

/* ---- reading ---- */

static void free_rules(void *data)
{
    struct rules *l = data;
    for (unsigned i = 0; i < l->n; i++) {
        regex_free(l->rule[i].match);
        regex_free(l->rule[i].subst);
    }
}

static int compare(int64_t a, int64_t b)
{
    return a < b ? -1 : a > b;
}

static int by_use(const void *a, const void *b)
{
    const struct rule *x = a, *y = b;
    int c = compare(x->dpid, y->dpid);
    if (c == 0)
        c = compare(x->length, y->length);
    if (c == 0)
        c = compare(x->priority, y->priority);
    return c ? c : compare(x->number, y->number);
}

/* The dialect is that of PCRE2, which knows what the reference's does. */
static bool compile(struct str text, struct regex **out, struct buf *why)
{
    size_t at = 0;
    *out = NULL;
    return text.len == 0 || regex_compile(text, REGEX_PERL | REGEX_JIT, out, why, &at) == ERR_OK;
}

static bool read_rule(struct memtable_reading *reading, const struct db_result *r, unsigned row)
{
    char mem[COLUMNS][DB_VALUE_TEXT];
    struct rules *l = reading->data;
    struct buf *why = reading->why;
    struct rule *rule = &l->rule[l->n];
    struct str text[COLUMNS];
    for (unsigned i = 0; i < COLUMNS; i++)
        text[i] = db_value_text(db_cell(r, row, i), mem[i]);
    int64_t op = db_value_int(db_cell(r, row, 2), -1);
    rule->dpid = db_value_int(db_cell(r, row, 0), -1);
    rule->priority = db_value_int(db_cell(r, row, 1), 0);
    rule->length = db_value_int(db_cell(r, row, 4), 0);
    rule->number = row;
    if (rule->dpid < 0 || rule->length < 0 || (op != EQUALITY && op != EXPRESSION) ||
        (op == EXPRESSION && text[3].len == 0)) {
        buf_printf(why,
                   "row %u makes no sense: dpid \"%.*s\", match_op \"%.*s\", match_exp \"%.*s\"",
                   row + 1, STR_ARG(text[0]), STR_ARG(text[2]), STR_ARG(text[3]));
        return false;
    }
    l->n++; /* free_rules sees what is compiled from here on */
    if ((op == EXPRESSION && !compile(text[3], &rule->match, why)) ||
        !compile(text[5], &rule->subst, why)) {
        buf_printf(why, " in row %u", row + 1);
        return false;
    }
    rule->equal = arena_dup(reading->arena, text[3]);
    rule->replacement = arena_dup(reading->arena, text[6]);
    rule->attrs = arena_dup(reading->arena, text[7]);
    return rule->equal.p && rule->replacement.p && rule->attrs.p;
}

static bool read_rules(struct memtable_reading *reading)
{
    const struct dp_conf *c = reading->conf;
    const struct str column[COLUMNS] = {c->dpid_col,      c->pr_col,        c->match_op_col,
                                        c->match_exp_col, c->match_len_col, c->subst_exp_col,
                                        c->repl_exp_col,  c->attrs_col};
    struct rules *l = reading->data = arena_zalloc(reading->arena, sizeof *l);
    struct db_result r;
    if (!l || !memtable_select(reading, c->table_name, COLUMNS, column, &r))
        return false;
    l->rule = arena_zalloc(reading->arena, (r.rows + 1) * sizeof *l->rule);
    for (unsigned i = 0; l->rule && i < r.rows; i++)
        if (!read_rule(reading, &r, i))
            return false;
    if (l->rule)
        qsort(l->rule, l->n, sizeof *l->rule, by_use);
    return l->rule != NULL;
}

const struct memtable dp_table = {
    .name = "the rules",
    .reload = {"dp_reload", "", "Reads the rules anew.", 0, 0, 0, NULL, mi_reload_table},
    .read = read_rules,
    .free = free_rules};

/* ---- using ---- */

static bool fits(const struct rule *r, struct str input)
{
    return r->match ? regex_find(r->match, input, 0, NULL) > 0 : str_eq(r->equal, input);
}

/* The first that fits of those with this length. */
static const struct rule *find(const struct rules *l, int64_t dpid, int64_t length,
                               struct str input)
{
    unsigned low = 0, high = l->n;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        const struct rule *r = &l->rule[middle];
        if (r->dpid < dpid || (r->dpid == dpid && r->length < length))
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < l->n && l->rule[low].dpid == dpid && l->rule[low].length == length; low++)
        if (fits(&l->rule[low], input))
            return &l->rule[low];
    return NULL;
}

const struct rule *rules_find(const struct rules *l, int64_t dpid, struct str input)
{
    const struct rule *r = input.len ? find(l, dpid, (int64_t)input.len, input) : NULL;
    return r ? r : find(l, dpid, 0, input);
}

int rule_apply(const struct rule *r, struct arena *a, struct str input, struct str *out)
{
    struct regex_match m = {.group = {STR_NONE}};
    struct buf text;
    *out = r->replacement;
    if (!r->subst) {
        if (r->replacement.len == 0)
            *out = input;
        return ERR_OK;
    }
    if (regex_find(r->subst, input, 0, &m) <= 0)
        return ERR_NOTFOUND;
    buf_init(&text, a, r->replacement.len + input.len + 1);
    for (size_t i = 0; i < r->replacement.len; i++) {
        char c = r->replacement.p[i];
        if (c == '\\' && i + 1 < r->replacement.len) {
            c = r->replacement.p[++i];
            if (ascii_digit(c)) {
                buf_add(&text, m.group[c - '0']);
                continue;
            }
        }
        buf_char(&text, c);
    }
    *out = buf_str(&text);
    return text.failed ? ERR_NOMEM : ERR_OK;
}
