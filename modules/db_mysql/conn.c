/* Connections to MySQL and MariaDB, and their blocking use: at start, for reloads and tools. */
/* SPDX-License-Identifier: MIT */
#include <errmsg.h>
#include <mysqld_error.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "modules/db_mysql/priv.h"

enum { CLIENT_ERRORS = 2000, CLIENT_ERRORS_END = 3000, PACKET_MAX = 64 << 20 };

static void copy(char *to, struct str from)
{
    size_t n = from.len < TEXT_MAX ? from.len : TEXT_MAX;
    if (n)
        memcpy(to, from.p, n);
    to[n] = 0;
}

static void set_timeouts(struct maria_conn *c)
{
    unsigned s = (unsigned)maria_conf(c)->timeout_interval;
    if (s == 0)
        return;
    mysql_options(c->my, MYSQL_OPT_CONNECT_TIMEOUT, &s);
    mysql_options(c->my, MYSQL_OPT_READ_TIMEOUT, &s);
    mysql_options(c->my, MYSQL_OPT_WRITE_TIMEOUT, &s);
}

int maria_conn_init(struct maria_conn *c, bool on_loop)
{
    const struct db_url *u = c->base.url;
    unsigned no = 0;
    unsigned long packet = PACKET_MAX;
    my_bool off = 0;
    c->my = mysql_init(NULL);
    if (!c->my)
        return ERR_NOMEM;
    if (on_loop && mysql_options(c->my, MYSQL_OPT_NONBLOCK, NULL) != 0)
        return ERR_NOMEM;
    if (!on_loop)
        set_timeouts(c); /* on the loop, core/db's deadlines end what takes too long */
    mysql_options(c->my, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    mysql_options(c->my, MYSQL_OPT_LOCAL_INFILE, &no); /* no server reads our files */
    mysql_options(c->my, MYSQL_OPT_RECONNECT, &off);   /* that is core/db's */
    mysql_options(c->my, MYSQL_OPT_MAX_ALLOWED_PACKET, &packet);
    copy(c->host, u->host);
    copy(c->user, u->user);
    copy(c->password, u->password);
    copy(c->database, u->database);
    return ERR_OK;
}

/* Errors of the server after which the same query may well succeed elsewhere or later. */
static bool passes(unsigned code)
{
    switch (code) {
    case ER_SERVER_SHUTDOWN:
    case ER_CON_COUNT_ERROR:
    case ER_TOO_MANY_USER_CONNECTIONS:
    case ER_CONNECTION_KILLED:
    case ER_LOCK_WAIT_TIMEOUT:
    case ER_LOCK_DEADLOCK:
    case ER_OPTION_PREVENTS_STATEMENT:
    case ER_DISK_FULL:
    case ER_RECORD_FILE_FULL:
    case ER_UNKNOWN_STMT_HANDLER:
    case ER_NEED_REPREPARE:
        return true;
    case 0: /* the library has failed without a word: who knows what it has read */
        return true;
    default:
        return code >= CLIENT_ERRORS && code < CLIENT_ERRORS_END;
    }
}

int maria_conn_failed(struct maria_conn *c, unsigned code, const char *text, struct buf *why)
{
    (void)c;
    buf_printf(why, "%s (error %u)", text, code);
    return passes(code) ? ERR_IO : ERR_INVALID;
}

void maria_conn_close(struct db_conn *base)
{
    struct maria_conn *c = (struct maria_conn *)base;
    if (base->loop) {
        base->loop->unwatch(base->loop, &c->watch);
        wheel_cancel(base->loop->wheel, &c->tell);
        /* the farewell that mysql_close sends must not wait for a server that reads nothing */
        if (c->my && c->step != STEP_IDLE && (int)mysql_get_socket(c->my) >= 0)
            shutdown(mysql_get_socket(c->my), SHUT_RDWR);
    }
    maria_ahead_end(c);
    if (c->my)
        mysql_close(c->my);
    for (unsigned i = 0; i < STATEMENTS; i++) {
        if (c->cache[i].stmt)
            mysql_stmt_close(c->cache[i].stmt); /* the connection is gone: nothing is sent */
        maria_statement_forget(&c->cache[i]);
    }
    arena_reset(&c->arena);
    arena_pool_free(&c->pool);
}

/* ---- blocking ---- */

int maria_connect_now(struct db_conn *base, struct buf *why)
{
    struct maria_conn *c = (struct maria_conn *)base;
    arena_pool_init(&c->pool, ARENA_KEEP);
    arena_init(&c->arena, &c->pool, ARENA_KEEP / 4);
    if (maria_conn_init(c, false) != ERR_OK) {
        buf_printf(why, "out of memory");
        return ERR_NOMEM;
    }
    if (mysql_real_connect(c->my, c->host, c->user, c->password, c->database, base->url->port, NULL,
                           CLIENT_FOUND_ROWS))
        return ERR_OK;
    maria_conn_failed(c, mysql_errno(c->my), mysql_error(c->my), why);
    return ERR_IO;
}

static int prepare_now(struct maria_conn *c, struct str sql, struct statement **out,
                       struct buf *why)
{
    struct statement *s = *out = maria_statement_find(c, sql);
    if (s)
        return ERR_OK;
    s = *out = maria_statement_place(c);
    if (s->stmt)
        mysql_stmt_close(s->stmt);
    maria_statement_forget(s);
    int rc = maria_statement_new(c, s, sql);
    if (rc == ERR_OK && mysql_stmt_prepare(s->stmt, sql.p, sql.len) != 0) {
        rc = maria_conn_failed(c, mysql_stmt_errno(s->stmt), mysql_stmt_error(s->stmt), why);
        mysql_stmt_close(s->stmt);
        maria_statement_forget(s);
    }
    if (rc == ERR_OK)
        s->meta = mysql_stmt_result_metadata(s->stmt);
    return rc;
}

int maria_run_now(struct db_conn *base, const struct db_query *q, struct arena *a,
                  struct db_result *out, struct buf *why)
{
    struct maria_conn *c = (struct maria_conn *)base;
    struct statement *s;
    struct buf sql;
    buf_init(&sql, a, 512);
    db_sql_text(&sql, q, &maria_dialect);
    int rc = sql.failed ? ERR_NOMEM : prepare_now(c, buf_str(&sql), &s, why);
    if (rc == ERR_OK)
        rc = maria_statement_bind(c, s, q, a, why);
    if (rc != ERR_OK)
        return rc;
    if (mysql_stmt_execute(s->stmt) != 0 || (s->meta && mysql_stmt_store_result(s->stmt) != 0))
        rc = maria_conn_failed(c, mysql_stmt_errno(s->stmt), mysql_stmt_error(s->stmt), why);
    else
        rc = maria_statement_read(c, s, a, out, why);
    mysql_stmt_free_result(s->stmt);
    return rc;
}

int maria_create(struct db_conn *base, const struct db_table_spec *t, struct buf *why)
{
    struct maria_conn *c = (struct maria_conn *)base;
    char text[4096];
    struct buf sql;
    buf_fixed(&sql, text, sizeof text);
    db_sql_create(&sql, t, &maria_dialect);
    if (sql.failed)
        return ERR_LIMIT;
    if (mysql_real_query(c->my, sql.p, sql.len) == 0)
        return ERR_OK;
    if (mysql_errno(c->my) == ER_TABLE_EXISTS_ERROR)
        return ERR_EXISTS;
    return maria_conn_failed(c, mysql_errno(c->my), mysql_error(c->my), why);
}
