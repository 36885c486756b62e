/* Tables in a scenario: rows that are there before the script starts or come later, what the script
 * has written, and a database that is slow, silent or down. */
/* SPDX-License-Identifier: MIT */
#include "core/base/err.h"
#include "core/db/db.h"
#include "core/sim/scenario_parse.h"
#include "core/sim/scenario_run.h"

enum { MAX_PAIRS = 32 };

/* ---- from the parser ---- */

void scn_table_row(struct scn_parse *p, const struct loc *at, const struct scn_token *table)
{
    if (p->block) {
        scn_step(p, at, STEP_ROW, table);
        return;
    }
    struct scenario *s = p->scenario;
    p->step = scn_alloc(p, sizeof *p->step);
    if (!p->step)
        return;
    *p->step = (struct step){.kind = STEP_ROW, .loc = *at, .party = -1, .what = table->word};
    if (!s->table_rows)
        s->table_rows_end = &s->table_rows;
    *s->table_rows_end = p->step;
    s->table_rows_end = &p->step->next;
}

void scn_table(struct scn_parse *p, const struct loc *at, const struct scn_token *table,
               const struct scn_token *rows)
{
    scn_step(p, at, STEP_TABLE, table);
    if (p->step)
        p->step->n = rows->value;
}

void scn_pair(struct scn_parse *p, const struct scn_token *column, const struct scn_token *value)
{
    struct extra *e = scn_alloc(p, sizeof *e), **at;
    if (!e || !p->step)
        return;
    unsigned n = 0;
    for (at = &p->step->extras; *at; at = &(*at)->next)
        n++;
    if (n == MAX_PAIRS) {
        diag_add(&p->scenario->diag, DIAG_ERROR, NULL, column->word.loc,
                 "more than %d columns in a row", MAX_PAIRS);
        return;
    }
    *e = (struct extra){.kind = EXTRA_HEADER, .name = column->word, .value = value->word};
    *at = e;
}

void scn_database(struct scn_parse *p, const struct loc *at, const struct scn_token *how)
{
    scn_step(p, at, STEP_DATABASE, how);
    if (!how || !p->step)
        return;
    struct str word = how->word.text;
    if (!str_eq(word, STR("silent")) && !str_eq(word, STR("down")) && !str_eq(word, STR("back"))) {
        diag_add(&p->scenario->diag, DIAG_ERROR, NULL, how->word.loc,
                 "a database is silent, down or back, not '%.*s'", STR_ARG(word));
        diag_hint(&p->scenario->diag, "or: database delays 300ms");
    }
}

/* ---- at work ---- */

/* Digits without quotes are a number. */
static struct db_value value_of(struct run *r, const struct words *w)
{
    struct str text = run_text(r, w);
    uint64_t n;
    if (w->plain && str_u64(&n, text, INT64_MAX) == ERR_OK)
        return db_int((int64_t)n);
    return db_text(text);
}

static unsigned pairs_of(struct run *r, const struct step *s, struct str column[MAX_PAIRS],
                         struct db_value value[MAX_PAIRS])
{
    unsigned n = 0;
    for (const struct extra *e = s->extras; e && n < MAX_PAIRS; e = e->next) {
        column[n] = e->name.text;
        value[n++] = value_of(r, &e->value);
    }
    return n;
}

static int insert(struct run *r, struct db *db, const struct step *s, struct buf *why)
{
    struct str column[MAX_PAIRS];
    struct db_value value[MAX_PAIRS];
    struct db_result out;
    if (!db) {
        buf_printf(why, "the script uses no database: no module of it has one");
        return ERR_STATE;
    }
    struct db_query q = {.verb = DB_INSERT,
                         .table = run_text(r, &s->what),
                         .columns = pairs_of(r, s, column, value),
                         .column = column,
                         .value = value};
    return db_run_now(db, &q, r->arena, &out, why);
}

int database_fill(void *run, struct db *db, struct buf *why)
{
    struct run *r = run;
    int rc = ERR_OK;
    for (const struct step *s = r->scenario->table_rows; s && rc == ERR_OK; s = s->next) {
        buf_printf(why, "row in line %u: ", s->loc.line);
        rc = insert(r, db, s, why);
        if (rc == ERR_OK)
            why->len = 0;
    }
    return rc;
}

static void check_table(struct run *r, const struct step *s, struct buf *why)
{
    struct str column[MAX_PAIRS];
    struct db_value value[MAX_PAIRS];
    struct db_match match[MAX_PAIRS];
    struct db_result out;
    struct db *db = world_db(r->world);
    struct db_query q = {.verb = DB_SELECT, .table = run_text(r, &s->what), .match = match};
    q.matches = pairs_of(r, s, column, value);
    for (unsigned i = 0; i < q.matches; i++)
        match[i] = (struct db_match){column[i], DB_EQ, value[i]};
    int rc = db ? db_run_now(db, &q, r->arena, &out, why) : ERR_STATE;
    if (rc != ERR_OK)
        run_fail(r, s, "table %.*s cannot be read: %.*s", STR_ARG(q.table),
                 STR_ARG(db ? buf_str(why) : STR("the script uses no database")));
    else if (out.rows != s->n) {
        run_fail(r, s, "table %.*s should have %u such row%s", STR_ARG(q.table), s->n,
                 s->n == 1 ? "" : "s");
        run_came(r, "it has %u", out.rows);
    }
}

static void set_weather(struct run *r, const struct step *s)
{
    struct str how = s->what.text;
    struct db_weather w = {.delay = s->timed ? s->ms : 1,
                           .silent = str_eq(how, STR("silent")),
                           .down = str_eq(how, STR("down"))};
    struct db_set *dbs = world_shared(r->world)->dbs;
    if (dbs)
        db_set_weather(dbs, w);
}

void database_step(struct run *r, const struct step *s)
{
    char text[256];
    struct buf why;
    buf_fixed(&why, text, sizeof text);
    if (r->setup->driver) {
        run_fail(r, s, "tables can be looked at in the simulated world only, not --over udp");
        return;
    }
    switch (s->kind) {
    case STEP_ROW:
        if (insert(r, world_db(r->world), s, &why) != ERR_OK)
            run_fail(r, s, "the row cannot be written: %.*s", STR_ARG(buf_str(&why)));
        break;
    case STEP_TABLE:
        check_table(r, s, &why);
        break;
    default:
        set_weather(r, s);
    }
}
