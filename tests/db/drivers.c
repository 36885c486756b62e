/* The drivers of databases against real servers, on a loop of their own: every verb and type,
 * hostile values, servers that die, stay silent or speak garbage.
 *
 * drivers KIND URL [COMMAND]: KIND is mysql or postgres, COMMAND kills the server (argument "kill")
 * and starts it again ("start"). URL is that of an empty database. */
/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/base/log.h"
#include "core/db/driver.h"
#include "core/module.h"
#include "tests/db/rig.h"
#include "tests/lib/unit.h"

static const char *kind, *command;
static struct rig rig;

/* ---- helpers ---- */

static bool is_mysql(void)
{
    return strcmp(kind, "mysql") == 0;
}

/* A table with a column of each type. */
static const struct str columns[] = {STR_INIT("k"), STR_INIT("n"), STR_INIT("f"),
                                     STR_INIT("s"), STR_INIT("b"), STR_INIT("t")};
enum { COLUMNS = 6 };

static void sql(struct rig *r, const char *text)
{
    struct db_query q = {.verb = DB_SQL, .sql = str_from(text)};
    assert_int_equal(ask(r, &q), ERR_OK);
}

static void make_table(struct rig *r)
{
    sql(r, "DROP TABLE IF EXISTS things");
    sql(r, is_mysql() ? "CREATE TABLE things (k VARCHAR(64) NOT NULL PRIMARY KEY, n BIGINT, "
                        "f DOUBLE, s LONGTEXT, b LONGBLOB, t DATETIME)"
                      : "CREATE TABLE things (k VARCHAR(64) NOT NULL PRIMARY KEY, n BIGINT, "
                        "f DOUBLE PRECISION, s TEXT, b BYTEA, t TIMESTAMP)");
}

static struct db_query put_query(enum db_verb verb, const struct db_value *v)
{
    return (struct db_query){
        .verb = verb, .table = STR("things"), .columns = COLUMNS, .column = columns, .value = v};
}

static int put(struct rig *r, const struct db_value *v)
{
    struct db_query q = put_query(DB_INSERT, v);
    return ask(r, &q);
}

static int get(struct rig *r, struct str key)
{
    struct db_match m = {columns[0], DB_EQ, db_text(key)};
    struct db_query q = {.verb = DB_SELECT,
                         .table = STR("things"),
                         .columns = COLUMNS,
                         .column = columns,
                         .matches = 1,
                         .match = &m};
    return ask(r, &q);
}

static struct db_value bytes(const char *p, size_t n)
{
    return (struct db_value){.type = DB_BLOB, .s = {p, n}};
}

/* ---- what a database is for ---- */

static void test_types(void **state)
{
    struct rig *r = *state;
    const int64_t then = 1700000000;
    struct db_value v[] = {db_text(STR("all")),
                           db_int(-9007199254740993),
                           db_real(0.1),
                           db_text(STR("gr\xc3\xbc\xc3\x9f dich")),
                           bytes("\0\1\xff'\\", 5),
                           db_time(then)};
    make_table(r);
    assert_int_equal(put(r, v), ERR_OK);
    assert_int_equal(r->changed, 1);
    assert_int_equal(get(r, STR("all")), ERR_OK);
    assert_int_equal(r->rows, 1);
    assert_int_equal(r->columns, COLUMNS);
    assert_int_equal(cell(r, 0, 1)->type, DB_INT);
    assert_int_equal(cell(r, 0, 1)->i, -9007199254740993);
    assert_int_equal(cell(r, 0, 2)->type, DB_REAL);
    assert_true(cell(r, 0, 2)->d == 0.1);
    assert_int_equal(cell(r, 0, 3)->type, DB_TEXT);
    assert_str(cell(r, 0, 3)->s, "gr\xc3\xbc\xc3\x9f dich");
    assert_int_equal(cell(r, 0, 4)->type, DB_BLOB);
    assert_int_equal(cell(r, 0, 4)->s.len, 5);
    assert_memory_equal(cell(r, 0, 4)->s.p, "\0\1\xff'\\", 5);
    assert_int_equal(cell(r, 0, 5)->type, DB_TIME);
    assert_int_equal(cell(r, 0, 5)->i, then);
}

static void test_null(void **state)
{
    struct rig *r = *state;
    struct db_value v[] = {
        db_text(STR("none")), db_null(), db_null(), db_null(), db_null(), db_null()};
    make_table(r);
    assert_int_equal(put(r, v), ERR_OK);
    assert_int_equal(get(r, STR("none")), ERR_OK);
    for (unsigned i = 1; i < COLUMNS; i++)
        assert_int_equal(cell(r, 0, i)->type, DB_NULL);
    struct db_match m[] = {{columns[1], DB_EQ, db_null()}, {columns[0], DB_NE, db_null()}};
    struct db_query q = {.verb = DB_SELECT, .table = STR("things"), .matches = 2, .match = m};
    assert_int_equal(ask(r, &q), ERR_OK);
    assert_int_equal(r->rows, 1);
    assert_int_equal(r->columns, COLUMNS);
    assert_str(r->name[0], "k");
}

static void test_times(void **state)
{
    struct rig *r = *state;
    static const int64_t times[] = {0, 1, 951782400, 2147483647, 4102444800};
    make_table(r);
    for (unsigned i = 0; i < sizeof times / sizeof *times; i++) {
        char key[16];
        snprintf(key, sizeof key, "t%u", i);
        struct db_value v[] = {db_text(str_from(key)), db_null(), db_null(), db_null(), db_null(),
                               db_time(times[i])};
        assert_int_equal(put(r, v), ERR_OK);
        assert_int_equal(get(r, str_from(key)), ERR_OK);
        assert_int_equal(cell(r, 0, 5)->type, DB_TIME);
        assert_int_equal(cell(r, 0, 5)->i, times[i]);
    }
    struct db_match m = {columns[5], DB_LT, db_time(951782401)};
    struct db_query q = {.verb = DB_DELETE, .table = STR("things"), .matches = 1, .match = &m};
    assert_int_equal(ask(r, &q), ERR_OK);
    assert_int_equal(r->changed, 3);
}

static void test_verbs(void **state)
{
    struct rig *r = *state;
    make_table(r);
    for (int i = 0; i < 5; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%d", i);
        struct db_value v[] = {db_text(str_from(key)), db_int(i % 3), db_real(i),
                               db_text(STR("x")),      db_null(),     db_null()};
        assert_int_equal(put(r, v), ERR_OK);
    }
    struct str one[] = {columns[0]};
    struct db_match m = {columns[1], DB_GE, db_int(1)};
    struct db_query q = {.verb = DB_SELECT,
                         .table = STR("things"),
                         .columns = 1,
                         .column = one,
                         .matches = 1,
                         .match = &m,
                         .order = STR("-k"),
                         .limit = 2};
    assert_int_equal(ask(r, &q), ERR_OK);
    assert_int_equal(r->rows, 2);
    assert_str(cell(r, 0, 0)->s, "k4");
    assert_str(cell(r, 1, 0)->s, "k2");

    /* an UPDATE that changes nothing has found its row all the same */
    struct db_value set = db_int(1);
    struct db_match where = {columns[0], DB_EQ, db_text(STR("k1"))};
    struct db_query u = {.verb = DB_UPDATE,
                         .table = STR("things"),
                         .columns = 1,
                         .column = &columns[1],
                         .value = &set,
                         .matches = 1,
                         .match = &where};
    assert_int_equal(ask(r, &u), ERR_OK);
    assert_int_equal(r->changed, 1);
    where.value = db_text(STR("nobody"));
    assert_int_equal(ask(r, &u), ERR_OK);
    assert_int_equal(r->changed, 0);

    struct db_match like = {columns[0], DB_LIKE, db_text(STR("k_"))};
    struct db_query d = {.verb = DB_DELETE, .table = STR("things"), .matches = 1, .match = &like};
    assert_int_equal(ask(r, &d), ERR_OK);
    assert_int_equal(r->changed, 5);
}

static void test_replace(void **state)
{
    struct rig *r = *state;
    struct db_value v[] = {
        db_text(STR("same")), db_int(1), db_null(), db_null(), db_null(), db_null()};
    struct db_match m = {columns[0], DB_EQ, v[0]};
    struct db_query q = put_query(DB_REPLACE, v);
    make_table(r);
    q.matches = 1;
    q.match = &m;
    assert_int_equal(ask(r, &q), ERR_OK);
    v[1] = db_int(2);
    assert_int_equal(ask(r, &q), ERR_OK);
    struct db_query all = {.verb = DB_SELECT, .table = STR("things")};
    assert_int_equal(ask(r, &all), ERR_OK);
    assert_int_equal(r->rows, 1);
    assert_int_equal(cell(r, 0, 1)->i, 2);
}

static void test_given_sql(void **state)
{
    struct rig *r = *state;
    struct db_value v[] = {db_text(STR("a?b"))};
    struct db_query q = {.verb = DB_SQL,
                         .sql = STR("SELECT s, '?' FROM things WHERE k = ?"),
                         .columns = 1,
                         .value = v};
    make_table(r);
    struct db_value row[] = {v[0],      db_null(), db_null(), db_text(STR("found")),
                             db_null(), db_null()};
    assert_int_equal(put(r, row), ERR_OK);
    assert_int_equal(ask(r, &q), ERR_OK);
    assert_int_equal(r->rows, 1);
    assert_str(cell(r, 0, 0)->s, "found");
    assert_str(cell(r, 0, 1)->s, "?");
}

/* ---- what must not hurt ---- */

static void test_hostile_texts(void **state)
{
    struct rig *r = *state;
    static const char *const texts[] = {"'; DROP TABLE things; --",
                                        "\\'; DROP TABLE things; --",
                                        "\"",
                                        "`",
                                        "%s%n",
                                        "\\",
                                        "a\nb\r\tc",
                                        "?",
                                        "$1",
                                        "\x01\x1b\x7f",
                                        "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x93\x9e",
                                        ""};
    make_table(r);
    for (unsigned i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct db_value v[] = {db_text(str_from(texts[i])), db_int((int)i), db_null(),
                               db_text(str_from(texts[i])), db_null(),      db_null()};
        assert_int_equal(put(r, v), ERR_OK);
        assert_int_equal(get(r, str_from(texts[i])), ERR_OK);
        assert_int_equal(r->rows, 1);
        assert_str(cell(r, 0, 3)->s, texts[i]);
    }
    struct db_query all = {.verb = DB_SELECT, .table = STR("things")};
    assert_int_equal(ask(r, &all), ERR_OK);
    assert_int_equal(r->rows, sizeof texts / sizeof *texts);
}

static void test_big(void **state)
{
    struct rig *r = *state;
    enum { MEGABYTE = 1 << 20 };
    char *blob = malloc(MEGABYTE);
    make_table(r);
    for (unsigned i = 0; i < MEGABYTE; i++)
        blob[i] = (char)(i * 2654435761u >> 13);
    struct db_value v[] = {db_text(STR("big")),   db_null(), db_null(), db_null(),
                           bytes(blob, MEGABYTE), db_null()};
    assert_int_equal(put(r, v), ERR_OK);
    assert_int_equal(get(r, STR("big")), ERR_OK);
    assert_int_equal(cell(r, 0, 4)->s.len, MEGABYTE);
    assert_memory_equal(cell(r, 0, 4)->s.p, blob, MEGABYTE);
    free(blob);
}

/* The number that the server gives a connection. */
static int64_t connection(struct rig *r)
{
    struct db_query q = {.verb = DB_SQL,
                         .sql = is_mysql() ? STR("SELECT CONNECTION_ID()")
                                           : STR("SELECT pg_backend_pid()")};
    assert_int_equal(ask(r, &q), ERR_OK);
    return db_value_int(cell(r, 0, 0), -1);
}

/* The database refuses; the connection goes on. */
static void test_refused(void **state)
{
    struct rig *r = *state;
    struct db_value v[] = {
        db_text(STR("a")), db_text(STR("no number")), db_null(), db_null(), db_null(), db_null()};
    make_table(r);
    int64_t first = connection(r);
    assert_int_equal(put(r, v), ERR_INVALID);
    struct db_query no_table = {.verb = DB_SELECT, .table = STR("no_such_table")};
    assert_int_equal(ask(r, &no_table), ERR_INVALID);
    struct db_query no_sql = {.verb = DB_SQL, .sql = STR("SELEC nonsense")};
    assert_int_equal(ask(r, &no_sql), ERR_INVALID);
    struct db_query marks = {.verb = DB_SQL, .sql = STR("SELECT ? ")};
    assert_int_equal(ask(r, &marks), ERR_INVALID);
    v[1] = db_int(1);
    assert_int_equal(put(r, v), ERR_OK);
    assert_int_equal(put(r, v), ERR_INVALID); /* the key is there */
    assert_int_equal(get(r, STR("a")), ERR_OK);
    if (!is_mysql()) {
        v[0] = db_text(str_make("a\0b", 3));
        assert_int_equal(put(r, v), ERR_INVALID);
    }
    assert_int_equal(connection(r), first);
}

/* More statements than a connection keeps. */
static void test_many_statements(void **state)
{
    struct rig *r = *state;
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 150; i++) {
            char text[64];
            snprintf(text, sizeof text, "SELECT %d + 0", i);
            struct db_query q = {.verb = DB_SQL, .sql = str_from(text)};
            assert_int_equal(ask(r, &q), ERR_OK);
            assert_int_equal(db_value_int(cell(r, 0, 0), -1), i);
        }
}

static void test_many_rows(void **state)
{
    struct rig *r = *state;
    make_table(r);
    for (int i = 0; i < 300; i++) {
        char key[16];
        snprintf(key, sizeof key, "row%03d", i);
        struct db_value v[] = {db_text(str_from(key)), db_int(i), db_null(),
                               db_text(str_from(key)), db_null(), db_null()};
        ask_later(r, &(struct db_query){.verb = DB_INSERT,
                                        .table = STR("things"),
                                        .columns = COLUMNS,
                                        .column = columns,
                                        .value = v});
    }
    assert_int_equal(wait_all(r), 300); /* all succeeded */
    struct db_query all = {.verb = DB_SELECT, .table = STR("things"), .order = STR("k")};
    assert_int_equal(ask(r, &all), ERR_OK);
    assert_int_equal(r->rows, 300);
    assert_int_equal(cell(r, 299, 1)->i, 299);
}

/* ---- blocking use ---- */

static void test_blocking(void **state)
{
    struct rig *r = *state;
    char text[256];
    struct buf why;
    struct arena a;
    struct db_result out;
    struct db_value v[] = {db_text(STR("now")), db_int(7), db_real(2.5),
                           db_text(STR("x")),   db_null(), db_time(1700000000)};
    struct db_query q = put_query(DB_INSERT, v), all = {.verb = DB_SELECT, .table = STR("things")};
    make_table(r);
    buf_fixed(&why, text, sizeof text);
    arena_init(&a, NULL, 4096);
    assert_int_equal(db_run_now(r->db, &q, &a, &out, &why), ERR_OK);
    assert_int_equal(out.changed, 1);
    assert_int_equal(db_run_now(r->db, &all, &a, &out, &why), ERR_OK);
    assert_int_equal(out.rows, 1);
    assert_int_equal(db_cell(&out, 0, 1)->i, 7);
    assert_int_equal(db_cell(&out, 0, 5)->i, 1700000000);
    all.table = STR("no_such_table");
    assert_int_equal(db_run_now(r->db, &all, &a, &out, &why), ERR_INVALID);
    assert_true(why.len > 0);
    arena_reset(&a);
}

/* The tables of every module, with their versions. */
static void test_tables(void **state)
{
    struct rig *r = *state;
    char text[256];
    struct buf why;
    unsigned made = 0;
    buf_fixed(&why, text, sizeof text - 1);
    assert_int_equal(db_create_all(r->db, &made, &why), ERR_OK);
    assert_true(made > 20);
    assert_int_equal(db_create_all(r->db, &made, &why), ERR_OK);
    assert_int_equal(made, 0);
    assert_int_equal(db_check_version(r->db, STR("location"), 1004, 1004, &why), ERR_OK);
    assert_int_equal(db_check_version(r->db, STR("location"), 1005, 1005, &why), ERR_STATE);
}

/* ---- servers that die ---- */

static void server(const char *what)
{
    char text[512];
    snprintf(text, sizeof text, "%s %s", command, what);
    assert_int_equal(system(text), 0);
}

static void test_killed(void **state)
{
    struct rig *r = *state;
    struct db_query one = {.verb = DB_SQL, .sql = STR("SELECT 1")};
    struct db_query slow = {
        .verb = DB_SQL, .sql = is_mysql() ? STR("SELECT SLEEP(20)") : STR("SELECT pg_sleep(20)")};
    if (!command)
        skip();
    assert_int_equal(ask(r, &one), ERR_OK);
    ask_later(r, &slow);
    pass_time(r, 200);
    server("kill");
    assert_int_equal(wait_all(r), 0);
    assert_int_equal(r->status, ERR_IO);
    int rc = ask(r, &one); /* away */
    assert_true(rc == ERR_IO || rc == ERR_STATE);
    server("start");
    for (int i = 0; i < 100 && rc != ERR_OK; i++) {
        pass_time(r, 100);
        rc = ask(r, &one);
    }
    assert_int_equal(rc, ERR_OK);

    /* one that dies while nothing is asked is not noticed by those who ask afterwards */
    server("kill");
    server("start");
    pass_time(r, 100);
    assert_int_equal(ask(r, &one), ERR_OK);
}

static void test_late(void **state)
{
    struct rig *r = *state;
    struct db_query one = {.verb = DB_SQL, .sql = STR("SELECT 1")};
    struct db_query slow = {
        .verb = DB_SQL, .sql = is_mysql() ? STR("SELECT SLEEP(20)") : STR("SELECT pg_sleep(20)")};
    assert_int_equal(ask(r, &slow), ERR_TIMEOUT);
    assert_int_equal(ask(r, &one), ERR_OK);
}

/* ---- servers that are none ---- */

/* Listens on loopback; each connection gets these bytes, or none and silence. */
struct impostor {
    int fd, port;
    const char *says;
    size_t len;
    pthread_t thread;
};

static void *impostor_main(void *arg)
{
    struct impostor *m = arg;
    int open[64], n = 0;
    for (;;) {
        int fd = accept(m->fd, NULL, NULL);
        if (fd < 0)
            break;
        if (m->len && write(fd, m->says, m->len) < 0)
            perror("write");
        if (n < 64)
            open[n++] = fd;
        else
            close(fd);
    }
    while (n)
        close(open[--n]);
    return NULL;
}

static void impostor_begin(struct impostor *m, const char *says, size_t len)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    *m = (struct impostor){.fd = socket(AF_INET, SOCK_STREAM, 0), .says = says, .len = len};
    assert_int_equal(bind(m->fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(m->fd, 16), 0);
    getsockname(m->fd, (struct sockaddr *)&at, &size);
    m->port = ntohs(at.sin_port);
    pthread_create(&m->thread, NULL, impostor_main, m);
}

static void impostor_end(struct impostor *m)
{
    shutdown(m->fd, SHUT_RDWR);
    pthread_join(m->thread, NULL);
    close(m->fd);
}

static int ask_impostor(const char *says, size_t len)
{
    struct impostor m;
    struct rig r;
    char url[128];
    struct db_query one = {.verb = DB_SQL, .sql = STR("SELECT 1")};
    impostor_begin(&m, says, len);
    snprintf(url, sizeof url, "%s://u:p@127.0.0.1:%d/x", kind, m.port);
    rig_open(&r, url, 700, true);
    int rc = ask(&r, &one);
    rig_close(&r);
    impostor_end(&m);
    return rc;
}

static void test_silent(void **state)
{
    (void)state;
    assert_int_equal(ask_impostor(NULL, 0), ERR_TIMEOUT);
}

static void test_garbage(void **state)
{
    (void)state;
    static char noise[70000];
    uint32_t x = 1;
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (char)((x = x * 1664525u + 1013904223u) >> 24);
    /* what begins as a greeting of the right kind, and then is none */
    static const char greeting[] = "\x4a\0\0\0\x0a"
                                   "5.5.5-10.11\0\1\0\0\0aaaaaaaa\0\xff\xff\x2d\x02\0\xff\xff\x15";
    static const char huge[] = "\xff\xff\xff\0\x0a";
    static const char http[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
    /* N: no TLS here; R with 0: logged in */
    static const char auth[] = "NR\0\0\0\x08\0\0\0\0Z\xff\xff\xff\xff";
    static const char row[] = "NR\0\0\0\x08\0\0\0\0Z\0\0\0\5IT\0\0\0\x0a\x7f\xff\0\0\0\0";
    static const char sasl[] = "NR\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256";
    const struct {
        const char *p;
        size_t len;
    } all[] = {{noise, sizeof noise},   {noise + 9, 9},          {greeting, sizeof greeting},
               {greeting, 7},           {huge, sizeof huge - 1}, {http, sizeof http - 1},
               {auth, sizeof auth - 1}, {row, sizeof row - 1},   {sasl, sizeof sasl - 1}};
    for (unsigned i = 0; i < sizeof all / sizeof *all; i++) {
        int rc = ask_impostor(all[i].p, all[i].len);
        if (rc != ERR_IO && rc != ERR_TIMEOUT && rc != ERR_STATE && rc != ERR_INVALID)
            fail_msg("garbage %u: %d", i, rc);
    }
}

static void test_refuses_connections(void **state)
{
    struct impostor m;
    struct rig r;
    char url[128];
    struct db_query one = {.verb = DB_SQL, .sql = STR("SELECT 1")};
    (void)state;
    impostor_begin(&m, NULL, 0);
    impostor_end(&m); /* a port that nobody listens on */
    snprintf(url, sizeof url, "%s://u:p@127.0.0.1:%d/x", kind, m.port);
    rig_open(&r, url, 2000, true);
    assert_int_equal(ask(&r, &one), ERR_IO);
    assert_int_equal(ask(&r, &one), ERR_STATE); /* it was away a moment ago: no wait at all */
    rig_close(&r);
}

/* A name is looked up before; one that nobody knows is an error. */
static void test_names(void **state)
{
    struct rig *now = *state, r;
    char url[256];
    struct db_query one = {.verb = DB_SQL, .sql = STR("SELECT 1")};
    const char *at = strstr(now->url, "127.0.0.1");
    assert_non_null(at);
    snprintf(url, sizeof url, "%.*slocalhost.localdomain%s", (int)(at - now->url), now->url,
             at + strlen("127.0.0.1"));
    rig_open(&r, url, 5000, true);
    int rc = ask(&r, &one); /* with or without such a name in /etc/hosts: no crash, an answer */
    assert_true(rc == ERR_OK || rc == ERR_IO);
    rig_close(&r);
    snprintf(url, sizeof url, "%s://u:p@no-such-host.invalid/x", kind);
    rig_open(&r, url, 5000, true);
    rc = ask(&r, &one);
    assert_true(rc == ERR_IO || rc == ERR_TIMEOUT);
    rig_close(&r);
}

static void test_wrong_password(void **state)
{
    struct rig *now = *state, r;
    char url[256];
    const char *at = strstr(now->url, "secret");
    struct db_query one = {.verb = DB_SQL, .sql = STR("SELECT 1")};
    assert_non_null(at);
    snprintf(url, sizeof url, "%.*swrong%s", (int)(at - now->url), now->url, at + 6);
    rig_open(&r, url, 5000, true);
    assert_int_equal(ask(&r, &one), ERR_IO);
    rig_close(&r);
}

/* ---- many at once ---- */

enum { MANY = 60 };

struct question {
    struct db_match match;
    struct str wanted; /* key of the only row; empty: none */
    int status;
    unsigned answers;
    bool right;
};

static unsigned open_questions;

static void take_row(void *arg, int status, const struct db_result *r)
{
    struct question *q = arg;
    q->status = status;
    q->answers++;
    q->right = r && (q->wanted.len ? r->rows == 1 && str_eq(db_cell(r, 0, 0)->s, q->wanted)
                                   : r->rows == 0);
    open_questions--;
}

static void select_later(struct rig *r, struct str table, struct question *q)
{
    struct db_query query = {.verb = DB_SELECT,
                             .table = table,
                             .columns = 2,
                             .column = columns,
                             .matches = 1,
                             .match = &q->match};
    assert_int_equal(db_run(r->db, 0, &r->loop, &query, take_row, q), ERR_OK);
    assert_int_equal(q->answers, 0); /* never from inside */
    open_questions++;
}

static void until_answered(struct rig *r)
{
    while (open_questions)
        pass_time(r, 1);
}

static struct question about(unsigned column, enum db_compare how, struct db_value v,
                             const char *wanted)
{
    return (struct question){{columns[column], how, v}, str_from(wanted), 0, 0, false};
}

static void all_right(const struct question *q, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        assert_int_equal(q[i].status, ERR_OK);
        assert_int_equal(q[i].answers, 1);
        assert_true(q[i].right);
    }
}

/* Each has the answer to its own question, whatever it asks by. */
static void test_together(void **state)
{
    struct rig *r = *state;
    static char key[MANY][16], big[6000];
    struct question q[MANY];
    memset(big, 'x', sizeof big);
    make_table(r);
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(key[i], sizeof key[i], "key%u", i);
        const struct db_value v[] = {db_text(str_from(key[i])),  db_int(i - 30LL),
                                     db_real(i / 4.0),           db_text(str_make(big, i * 100)),
                                     bytes("\0\xff\x01", i % 4), db_time(1700000000 + i)};
        assert_int_equal(put(r, v), ERR_OK);
    }
    for (unsigned round = 0; round < 3; round++) { /* the first prepares */
        for (unsigned i = 0; i < MANY; i++) {
            switch (i % 6) {
            case 0:
                q[i] = about(0, DB_EQ, db_text(str_from(key[i])), key[i]);
                break;
            case 1:
                q[i] = about(1, DB_EQ, db_int(i - 30LL), key[i]);
                break;
            case 2:
                q[i] = about(2, DB_EQ, db_real(i / 4.0), key[i]);
                break;
            case 3: /* up to 5,700 bytes: not all can be sent together */
                q[i] = about(3, DB_EQ, db_text(str_make(big, i * 100)), key[i]);
                break;
            case 4:
                q[i] = about(5, DB_EQ, db_time(1700000000 + i), key[i]);
                break;
            default: /* nothing equals NULL */
                q[i] = about(0, DB_EQ, i % 4 ? db_null() : db_text(STR("no key")), "");
            }
            select_later(r, STR("things"), &q[i]);
        }
        until_answered(r);
        all_right(q, MANY);
    }
}

/* A query that is refused does no harm to those beside it. */
static void test_together_refused(void **state)
{
    struct rig *r = *state;
    struct question q[10];
    const struct db_value row[] = {db_text(STR("a")), db_int(1), db_null(),
                                   db_null(),         db_null(), db_null()};
    make_table(r);
    assert_int_equal(put(r, row), ERR_OK);
    for (unsigned round = 0; round < 3; round++) {
        if (round == 0) {
            sql(r, "DROP TABLE IF EXISTS short_lived");
            sql(r, "CREATE TABLE short_lived (k VARCHAR(8), n BIGINT)");
        } else if (round == 2) {
            sql(r, "DROP TABLE short_lived");
        }
        for (unsigned i = 0; i < 10; i++) {
            bool other = i % 3 == 1;
            q[i] = about(0, DB_EQ, db_text(STR("a")), other ? "" : "a");
            select_later(r, other ? STR("short_lived") : STR("things"), &q[i]);
        }
        until_answered(r);
        for (unsigned i = 0; i < 10; i++) {
            bool gone = i % 3 == 1 && round == 2;
            assert_int_equal(q[i].answers, 1);
            assert_int_equal(q[i].status, gone ? ERR_INVALID : ERR_OK);
            assert_int_equal(q[i].right, !gone);
        }
    }
}

/* Among others there is one that takes longer than any may. */
static void ask_with_a_slow_one(struct rig *r, struct question *q, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        q[i] = about(0, DB_EQ, db_text(STR("a")), "a");
        select_later(r, i == 2 ? STR("slow") : STR("things"), &q[i]);
    }
}

static void make_slow(struct rig *r)
{
    const struct db_value row[] = {db_text(STR("a")), db_int(1), db_null(),
                                   db_null(),         db_null(), db_null()};
    sql(r, "DROP VIEW IF EXISTS slow");
    make_table(r);
    assert_int_equal(put(r, row), ERR_OK);
    sql(r, is_mysql() ? "CREATE VIEW slow AS SELECT k, SLEEP(4) AS n FROM things"
                      : "CREATE VIEW slow AS SELECT k, pg_sleep(4)::text AS n FROM things");
}

static void test_together_late(void **state)
{
    struct rig *r = *state;
    struct question q[8];
    make_slow(r);
    for (unsigned round = 0; round < 2; round++) {
        ask_with_a_slow_one(r, q, 8);
        until_answered(r);
        for (unsigned i = 0; i < 8; i++) {
            assert_int_equal(q[i].answers, 1);
            assert_true(q[i].status == (i == 2 ? ERR_TIMEOUT : ERR_OK) ||
                        (i > 2 && q[i].status == ERR_TIMEOUT)); /* it was behind it */
        }
        assert_int_equal(get(r, STR("a")), ERR_OK); /* on another connection */
        assert_int_equal(r->rows, 1);
    }
}

static void test_together_killed(void **state)
{
    struct rig *r = *state;
    struct question q[8];
    int rc = ERR_IO;
    if (!command)
        skip();
    make_slow(r);
    for (unsigned round = 0; round < 2; round++) { /* the second is sent ahead */
        ask_with_a_slow_one(r, q, 8);
        if (round == 0)
            until_answered(r);
    }
    pass_time(r, 200);
    server("kill");
    until_answered(r);
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(q[i].answers, 1);
        assert_true(q[i].right || q[i].status == ERR_IO);
    }
    assert_int_equal(q[2].status, ERR_IO);
    server("start");
    for (int i = 0; i < 100 && rc != ERR_OK; i++) {
        pass_time(r, 100);
        rc = get(r, STR("a"));
    }
    assert_int_equal(rc, ERR_OK);
}

static int setup(void **state)
{
    *state = &rig;
    return 0;
}

#define TEST(f) cmocka_unit_test_setup(f, setup)

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: drivers mysql|postgres URL [COMMAND]\n");
        return 2;
    }
    kind = argv[1];
    command = argc > 3 ? argv[3] : NULL;
    signal(SIGPIPE, SIG_IGN);
    rig_open(&rig, argv[2], 3000, false);
    const struct CMUnitTest tests[] = {
        TEST(test_types),          TEST(test_null),
        TEST(test_times),          TEST(test_verbs),
        TEST(test_replace),        TEST(test_given_sql),
        TEST(test_hostile_texts),  TEST(test_big),
        TEST(test_refused),        TEST(test_many_statements),
        TEST(test_many_rows),      TEST(test_blocking),
        TEST(test_tables),         TEST(test_late),
        TEST(test_silent),         TEST(test_garbage),
        TEST(test_names),          TEST(test_refuses_connections),
        TEST(test_wrong_password), TEST(test_killed),
        TEST(test_together),       TEST(test_together_refused),
        TEST(test_together_late),  TEST(test_together_killed),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    rig_close(&rig);
    return failed != 0;
}
