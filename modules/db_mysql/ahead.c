/* SELECTs sent ahead: several in one piece, before the answer to the first is there. The library
 * sends one at a time, so their COM_STMT_EXECUTE are written here; it reads the answers, one after
 * the other, and believes that it has sent each. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <sys/socket.h>

#include "modules/db_mysql/priv.h"

enum { PACKET_HEADER = 4, ONE_BYTE_MOST = 250, TWO_BYTES_FOLLOW = 0xfc, BOUND_ANEW = 1 };

/* ---- writing (numbers have their lowest byte first) ---- */

/* The packet that is written; full: there is no room for it. */
struct packet_out {
    unsigned char *at, *end;
    bool full;
};

static void put(struct packet_out *p, const void *bytes, size_t n)
{
    if ((size_t)(p->end - p->at) < n) {
        p->full = true;
        return;
    }
    if (n)
        memcpy(p->at, bytes, n);
    p->at += n;
}

static void put_number(struct packet_out *p, uint64_t value, unsigned bytes)
{
    unsigned char b[8];
    for (unsigned i = 0; i < bytes; i++)
        b[i] = (unsigned char)(value >> 8 * i);
    put(p, b, bytes);
}

/* All of them are shorter than what is sent ahead. */
static void put_text(struct packet_out *p, struct str text)
{
    if (text.len >= AHEAD_BYTES) {
        p->full = true;
        return;
    }
    if (text.len > ONE_BYTE_MOST) {
        put_number(p, TWO_BYTES_FOLLOW, 1);
        put_number(p, text.len, 2);
    } else {
        put_number(p, text.len, 1);
    }
    put(p, text.p, text.len);
}

/* False for what has no such form. */
static bool put_time(struct packet_out *p, int64_t seconds)
{
    MYSQL_TIME t;
    if (!maria_time(&t, seconds))
        return false;
    put_number(p, 7, 1);
    put_number(p, t.year, 2);
    put_number(p, t.month, 1);
    put_number(p, t.day, 1);
    put_number(p, t.hour, 1);
    put_number(p, t.minute, 1);
    put_number(p, t.second, 1);
    return true;
}

static bool put_value(struct packet_out *p, const struct db_value *v)
{
    uint64_t bits;
    switch (v->type) {
    case DB_INT:
        put_number(p, (uint64_t)v->i, 8);
        break;
    case DB_REAL:
        memcpy(&bits, &v->d, sizeof bits);
        put_number(p, bits, 8);
        break;
    case DB_TEXT:
    case DB_BLOB:
        put_text(p, v->s);
        break;
    case DB_TIME:
        return put_time(p, v->i);
    case DB_NULL:
        break;
    }
    return true;
}

static unsigned type_of(const struct db_value *v)
{
    static const unsigned char type[] = {
        [DB_NULL] = MYSQL_TYPE_NULL,   [DB_INT] = MYSQL_TYPE_LONGLONG,
        [DB_REAL] = MYSQL_TYPE_DOUBLE, [DB_TEXT] = MYSQL_TYPE_STRING,
        [DB_BLOB] = MYSQL_TYPE_BLOB,   [DB_TIME] = MYSQL_TYPE_DATETIME,
    };
    return type[v->type];
}

static bool put_values(struct packet_out *p, const struct db_query *q, unsigned n)
{
    for (unsigned i = 0; i < n; i += 8) {
        unsigned nulls = 0;
        for (unsigned k = i; k < n && k < i + 8; k++)
            nulls |= db_sql_value(q, k)->type == DB_NULL ? 1u << (k - i) : 0;
        put_number(p, nulls, 1);
    }
    put_number(p, BOUND_ANEW, 1);
    for (unsigned i = 0; i < n; i++)
        put_number(p, type_of(db_sql_value(q, i)), 2);
    for (unsigned i = 0; i < n; i++)
        if (!put_value(p, db_sql_value(q, i)))
            return false;
    return true;
}

/* COM_STMT_EXECUTE: statement, flags, a count that is always 1, and the values. */
static bool put_execute(struct packet_out *p, MYSQL_STMT *stmt, const struct db_query *q)
{
    unsigned char *begin = p->at;
    unsigned n = db_sql_values(q);
    if (n != mysql_stmt_param_count(stmt))
        return false;
    put_number(p, 0, PACKET_HEADER);
    put_number(p, COM_STMT_EXECUTE, 1);
    put_number(p, stmt->stmt_id, 4);
    put_number(p, 0, 1);
    put_number(p, 1, 4);
    if ((n && !put_values(p, q, n)) || p->full)
        return false;
    struct packet_out header = {begin, begin + PACKET_HEADER, false};
    put_number(&header, (uint64_t)(p->at - begin) - PACKET_HEADER, 3);
    return true;
}

bool maria_ahead_add(struct maria_conn *c, struct statement *s, const struct db_query *q)
{
    struct packet_out p = {c->out + c->out_len, c->out + sizeof c->out, false};
    if (!c->library || q->verb != DB_SELECT || !put_execute(&p, s->stmt, q))
        return false;
    c->out_len = (size_t)(p.at - c->out);
    return true;
}

/* ---- sending ---- */

int maria_ahead_send(struct maria_conn *c)
{
    while (c->out_sent < c->out_len) {
        ssize_t n = send(mysql_get_socket(c->my), c->out + c->out_sent, c->out_len - c->out_sent,
                         MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n > 0)
            c->out_sent += (size_t)n;
        else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return MYSQL_WAIT_WRITE;
        else if (n == 0 || errno != EINTR)
            c->failed = n < 0 ? errno : EPIPE, c->out_len = c->out_sent;
    }
    return 0;
}

/* ---- what the library believes ---- */

/* In the place of its function that sends a command. */
static int send_command(MYSQL *my, enum enum_server_command command, const char *arg, size_t length,
                        my_bool skip_check, void *extra)
{
    struct maria_conn *c = container_of(my->methods, struct maria_conn, methods);
    if (command != COM_STMT_EXECUTE || c->step != STEP_EXECUTE || c->at >= c->ahead)
        return c->library->db_command(my, command, arg, length, skip_check, extra);
    my->info = NULL;
    my->affected_rows = ~0ULL;
    my->net.last_errno = 0;
    my->net.last_error[0] = 0;
    my->net.pkt_nr = 1; /* the answer's first packet */
    return 0;
}

void maria_ahead_init(struct maria_conn *c)
{
    if (mysql_get_ssl_cipher(c->my) || c->my->net.compress)
        return; /* what is on the wire is not what we would write */
    c->library = c->my->methods;
    c->methods = *c->library;
    c->methods.db_command = send_command;
    c->my->methods = &c->methods;
}

void maria_ahead_end(struct maria_conn *c)
{
    if (c->library)
        c->my->methods = c->library;
    c->library = NULL;
}
