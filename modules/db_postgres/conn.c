/* Connections to PostgreSQL, and their blocking use: at start, for reloads and tools. */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "modules/db_postgres/priv.h"

/* The server writes and reads values in the ways this driver knows, whatever its administrator
 * likes. */
#define SERVER_OPTIONS                                                                             \
    "-c datestyle=ISO -c bytea_output=hex -c standard_conforming_strings=on "                      \
    "-c client_min_messages=error"

static const char *dup_z(struct arena *a, struct str s)
{
    return arena_printf(a, "%.*s", STR_ARG(s)).p;
}

int pg_words(struct pg_conn *c, struct arena *a, const char *words[PG_WORDS],
             const char *values[PG_WORDS])
{
    const struct db_url *u = c->base.url;
    const struct {
        const char *word, *value;
    } all[] = {
        {"host", u->host.len ? dup_z(a, u->host) : NULL},
        {"hostaddr", c->base.address},
        {"port", u->port ? arena_printf(a, "%u", u->port).p : NULL},
        {"user", u->user.len ? dup_z(a, u->user) : NULL},
        {"password", u->password.len ? dup_z(a, u->password) : NULL},
        {"dbname", dup_z(a, u->database)},
        {"client_encoding", "UTF8"},
        {"application_name", "signalbox"},
        {"options", SERVER_OPTIONS},
        {"connect_timeout", arena_printf(a, "%d", (int)pg_conf(c)->timeout_interval).p},
    };
    unsigned n = 0;
    for (unsigned i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i].value) {
            words[n] = all[i].word;
            values[n++] = all[i].value;
        }
    words[n] = values[n] = NULL;
    return arena_size(a) ? ERR_OK : ERR_NOMEM;
}

/* A message in one line. */
static void add_line(struct buf *why, const char *text)
{
    struct str s = str_trim(str_from(text ? text : ""));
    for (size_t i = 0; i < s.len; i++)
        buf_char(why, s.p[i] == '\n' || s.p[i] == '\t' ? ' ' : s.p[i]);
}

/* Whether the same query may well succeed elsewhere or later: classes of SQLSTATE (PostgreSQL,
 * appendix A). */
static bool passes(const char *state)
{
    static const char *const classes[] = {"08", "40", "53", "57", "58", "XX", "25006", "26000"};
    if (state && str_eq(str_from(state), STR("08P01")))
        return false; /* values and marks do not agree: so it would be everywhere */
    for (unsigned i = 0; state && i < sizeof classes / sizeof *classes; i++)
        if (str_starts(str_from(state), str_from(classes[i])))
            return true;
    return !state;
}

int pg_failed(struct pg_conn *c, const PGresult *r, struct buf *why)
{
    const char *state = r ? PQresultErrorField(r, PG_DIAG_SQLSTATE) : NULL;
    const char *text = r ? PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    add_line(why, text ? text : PQerrorMessage(c->pg));
    if (state)
        buf_printf(why, " (%s)", state);
    return PQstatus(c->pg) != CONNECTION_OK || passes(state) ? ERR_IO : ERR_INVALID;
}

void pg_close(struct db_conn *base)
{
    struct pg_conn *c = (struct pg_conn *)base;
    if (base->loop) {
        base->loop->unwatch(base->loop, &c->watch);
        wheel_cancel(base->loop->wheel, &c->tell);
    }
    if (c->pg)
        PQfinish(c->pg);
    for (unsigned i = 0; i < STATEMENTS; i++)
        pg_statement_forget(&c->cache[i]);
    arena_reset(&c->arena);
    arena_pool_free(&c->pool);
}

/* Notices belong into no log of ours. */
static void no_notice(void *arg, const PGresult *r)
{
    (void)arg;
    (void)r;
}

/* ---- blocking ---- */

int pg_connect_now(struct db_conn *base, struct buf *why)
{
    struct pg_conn *c = (struct pg_conn *)base;
    const char *words[PG_WORDS], *values[PG_WORDS];
    arena_pool_init(&c->pool, ARENA_KEEP);
    arena_init(&c->arena, &c->pool, ARENA_KEEP / 4);
    if (pg_words(c, &c->arena, words, values) == ERR_OK)
        c->pg = PQconnectdbParams(words, values, 0);
    if (!c->pg) {
        buf_printf(why, "out of memory");
        return ERR_NOMEM;
    }
    PQsetNoticeReceiver(c->pg, no_notice, NULL);
    if (PQstatus(c->pg) == CONNECTION_OK)
        return ERR_OK;
    add_line(why, PQerrorMessage(c->pg));
    return ERR_IO;
}

static int judge(struct pg_conn *c, PGresult *r, struct buf *why)
{
    ExecStatusType status = PQresultStatus(r);
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK ? ERR_OK : pg_failed(c, r, why);
}

static int command_now(struct pg_conn *c, const char *sql, struct buf *why)
{
    PGresult *r = PQexec(c->pg, sql);
    int rc = judge(c, r, why);
    PQclear(r);
    return rc;
}

static int prepare_now(struct pg_conn *c, const char *text, struct str sql, struct statement **out,
                       struct buf *why)
{
    struct statement *s = *out = pg_statement_find(c, sql);
    char name[NAME_MAX_BYTES], command[NAME_MAX_BYTES + 16];
    if (s)
        return ERR_OK;
    s = *out = pg_statement_place(c);
    int rc = ERR_OK;
    if (s->sql.len) {
        pg_statement_name(name, s);
        snprintf(command, sizeof command, "DEALLOCATE %s", name);
        rc = command_now(c, command, why);
        pg_statement_forget(s);
    }
    if (rc == ERR_OK)
        rc = pg_statement_new(c, s, sql);
    if (rc != ERR_OK)
        return rc;
    pg_statement_name(name, s);
    PGresult *r = PQprepare(c->pg, name, text, 0, NULL);
    rc = judge(c, r, why);
    PQclear(r);
    if (rc != ERR_OK)
        pg_statement_forget(s);
    return rc;
}

int pg_run_now(struct db_conn *base, const struct db_query *q, struct arena *a,
               struct db_result *out, struct buf *why)
{
    struct pg_conn *c = (struct pg_conn *)base;
    struct statement *s;
    struct pg_values v;
    struct str sql;
    char name[NAME_MAX_BYTES];
    const char *text = pg_statement_sql(q, a, &sql);
    int rc = text ? pg_values_make(&v, q, a, why) : ERR_NOMEM;
    if (rc == ERR_OK)
        rc = prepare_now(c, text, sql, &s, why);
    if (rc != ERR_OK)
        return rc;
    pg_statement_name(name, s);
    PGresult *r = PQexecPrepared(c->pg, name, (int)v.n, v.text, v.length, v.format, 0);
    rc = judge(c, r, why);
    if (rc == ERR_OK)
        rc = pg_result_read(r, a, out);
    PQclear(r);
    return rc;
}

int pg_create(struct db_conn *base, const struct db_table_spec *t, struct buf *why)
{
    struct pg_conn *c = (struct pg_conn *)base;
    char text[4096];
    struct buf sql;
    buf_fixed(&sql, text, sizeof text);
    db_sql_create(&sql, t, &pg_dialect);
    buf_char(&sql, 0);
    if (sql.failed)
        return ERR_LIMIT;
    PGresult *r = PQexec(c->pg, text);
    const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
    int rc = state && str_eq(str_from(state), STR("42P07")) ? ERR_EXISTS : judge(c, r, why);
    PQclear(r);
    return rc;
}
