/* The embedded databases, SQLite and text files: every verb, every type, hostile values, threads.
 */
/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/db/driver.h"
#include "core/module.h"
#include "tests/lib/unit.h"

extern const struct module db_sqlite_module, db_text_module;

static const struct db_driver *drivers[3];

struct rig {
    struct db_set *set;
    struct db *db;
    struct arena arena;
    char folder[64], url[128];
};

static void open_db(struct rig *r, const char *kind, bool simulated)
{
    char text[256] = "";
    struct buf why;
    unsigned made;
    struct db_options o = {.limits = {.deadline = 2000}};
    drivers[0] = db_sqlite_module.driver;
    drivers[1] = db_text_module.driver;
    memset(r, 0, sizeof *r);
    snprintf(r->folder, sizeof r->folder, "/tmp/signalbox-db-XXXXXX");
    assert_non_null(mkdtemp(r->folder));
    snprintf(r->url, sizeof r->url, "%s://%s%s", kind, r->folder,
             strcmp(kind, "sqlite") == 0 ? "/file.db" : "");
    buf_fixed(&why, text, sizeof text - 1);
    arena_init(&r->arena, NULL, 4096);
    r->set = db_set_new(drivers, simulated);
    r->db = db_open(r->set, str_from(r->url), &o, &why);
    if (!r->db)
        fail_msg("%s", text);
    assert_int_equal(db_create_all(r->db, &made, &why), ERR_OK);
}

static void close_db(struct rig *r)
{
    char command[128];
    db_set_free(r->set);
    arena_reset(&r->arena);
    snprintf(command, sizeof command, "rm -rf %s", r->folder);
    assert_int_equal(system(command), 0);
}

static int run(struct rig *r, const struct db_query *q, struct db_result *out)
{
    char text[512] = "";
    struct buf why;
    buf_fixed(&why, text, sizeof text - 1);
    int rc = db_run_now(r->db, q, &r->arena, out, &why);
    assert_int_equal(rc == ERR_OK, why.len == 0);
    return rc;
}

/* A row of speed_dial: six of its texts. */
static void put(struct rig *r, const char *user, const char *short_, const char *uri)
{
    struct str column[] = {STR("username"), STR("sd_username"), STR("new_uri")};
    struct db_value value[] = {db_text(str_from(user)), db_text(str_from(short_)),
                               db_text(str_from(uri))};
    struct db_query q = {.verb = DB_INSERT,
                         .table = STR("speed_dial"),
                         .columns = 3,
                         .column = column,
                         .value = value};
    struct db_result out;
    assert_int_equal(run(r, &q, &out), ERR_OK);
    assert_int_equal(out.changed, 1);
}

static unsigned find(struct rig *r, const char *user, struct db_result *out)
{
    static const struct str column[] = {STR_INIT("new_uri"), STR_INIT("sd_username")};
    struct db_match m = {STR("username"), DB_EQ, db_text(str_from(user))};
    struct db_query q = {.verb = DB_SELECT,
                         .table = STR("speed_dial"),
                         .columns = 2,
                         .column = column,
                         .matches = 1,
                         .match = &m,
                         .order = STR("sd_username")};
    assert_int_equal(run(r, &q, out), ERR_OK);
    return out->rows;
}

static bool says(const struct db_value *v, const char *text)
{
    char mem[DB_VALUE_TEXT];
    return str_eq(db_value_text(v, mem), str_from(text));
}

static void verbs(const char *kind)
{
    static const char *const hostile[] = {"'; DROP TABLE speed_dial; --",
                                          "a\"b",
                                          "back\\slash",
                                          "tab\tnew\nline:colon",
                                          "`x`",
                                          "%",
                                          "\xc3\xa9\xff"};
    struct rig r;
    struct db_result out;
    open_db(&r, kind, false);
    put(&r, "alice", "2", "sip:bob@example.com");
    put(&r, "alice", "1", "sip:carol@example.com");
    assert_int_equal(find(&r, "alice", &out), 2);
    assert_true(says(db_cell(&out, 0, 0), "sip:carol@example.com"));
    assert_true(says(db_cell(&out, 1, 1), "2"));
    assert_true(str_eq(out.name[0], STR("new_uri")));
    assert_int_equal(find(&r, "ALICE", &out), 0);
    for (unsigned i = 0; i < sizeof hostile / sizeof *hostile; i++) {
        put(&r, hostile[i], "9", hostile[i]);
        assert_int_equal(find(&r, hostile[i], &out), 1);
        assert_true(says(db_cell(&out, 0, 0), hostile[i]));
    }
    struct str set[] = {STR("new_uri")};
    struct db_value to[] = {db_text(STR("sip:x@y"))};
    struct db_match m[] = {{STR("username"), DB_EQ, db_text(STR("alice"))},
                           {STR("sd_username"), DB_NE, db_text(STR("2"))}};
    struct db_query q = {.verb = DB_UPDATE,
                         .table = STR("speed_dial"),
                         .columns = 1,
                         .column = set,
                         .value = to,
                         .matches = 2,
                         .match = m};
    assert_int_equal(run(&r, &q, &out), ERR_OK);
    assert_int_equal(out.changed, 1);
    find(&r, "alice", &out);
    assert_true(says(db_cell(&out, 0, 0), "sip:x@y"));
    q.verb = DB_DELETE;
    q.columns = 0;
    assert_int_equal(run(&r, &q, &out), ERR_OK);
    assert_int_equal(find(&r, "alice", &out), 1);
    q.verb = DB_SELECT;
    q.matches = 0;
    q.limit = 3;
    assert_int_equal(run(&r, &q, &out), ERR_OK);
    assert_int_equal(out.rows, 3);
    assert_int_equal(out.columns, 9); /* all, with id */
    q.table = STR("no_such_table");
    assert_true(run(&r, &q, &out) != ERR_OK);
    q.table = STR("../etc/passwd");
    assert_true(run(&r, &q, &out) != ERR_OK);
    close_db(&r);
}

static void types(const char *kind)
{
    struct rig r;
    struct db_result out;
    char text[DB_VALUE_TEXT];
    struct str column[] = {STR("username"), STR("contact"), STR("expires"), STR("q"),
                           STR("cseq"),     STR("path"),    STR("methods")};
    struct db_value value[] = {db_text(STR("u")), db_text(STR("sip:u@h")), db_time(1700000000),
                               db_real(-1),       db_int(2147483647),      db_null(),
                               db_int(4294967295)};
    struct db_query q = {.verb = DB_INSERT,
                         .table = STR("location"),
                         .columns = 7,
                         .column = column,
                         .value = value};
    open_db(&r, kind, false);
    assert_int_equal(run(&r, &q, &out), ERR_OK);
    q.verb = DB_SELECT;
    assert_int_equal(run(&r, &q, &out), ERR_OK);
    assert_int_equal(out.rows, 1);
    assert_int_equal(db_cell(&out, 0, 2)->type, DB_TIME);
    assert_int_equal(db_cell(&out, 0, 2)->i, 1700000000);
    assert_true(db_cell(&out, 0, 3)->type == DB_REAL && db_cell(&out, 0, 3)->d == -1.0);
    assert_int_equal(db_value_int(db_cell(&out, 0, 4), 0), 2147483647);
    assert_int_equal(db_cell(&out, 0, 5)->type, DB_NULL);
    assert_int_equal(db_value_text(db_cell(&out, 0, 5), text).len, 0);
    assert_int_equal(db_value_int(db_cell(&out, 0, 6), 0), 4294967295);
    struct db_match none = {STR("path"), DB_EQ, db_null()},
                    late = {STR("expires"), DB_GE, db_time(1700000001)};
    q.matches = 1;
    q.match = &none;
    assert_int_equal(run(&r, &q, &out), ERR_OK);
    assert_int_equal(out.rows, 1);
    q.match = &late;
    assert_int_equal(run(&r, &q, &out), ERR_OK);
    assert_int_equal(out.rows, 0);
    close_db(&r);
}

/* What was written is there when it is opened again; versions are checked. */
static void lasts(const char *kind)
{
    struct rig r;
    char text[256] = "";
    struct buf why;
    struct db_result out;
    struct db_options o = {.limits = {.deadline = 0}};
    open_db(&r, kind, false);
    put(&r, "alice", "1", "sip:x");
    db_set_free(r.set);
    buf_fixed(&why, text, sizeof text - 1);
    r.set = db_set_new(drivers, false);
    r.db = db_open(r.set, str_from(r.url), &o, &why);
    assert_non_null(r.db);
    assert_ptr_equal(db_open(r.set, str_from(r.url), &o, &why), r.db);
    assert_int_equal(find(&r, "alice", &out), 1);
    assert_int_equal(db_check_version(r.db, STR("subscriber"), 6, 6, &why), ERR_OK);
    assert_int_equal(why.len, 0);
    assert_int_equal(db_check_version(r.db, STR("subscriber"), 7, 7, &why), ERR_STATE);
    assert_non_null(strstr(text, "has version 6, wanted is 7"));
    unsigned made = 1;
    why.len = 0;
    assert_int_equal(db_create_all(r.db, &made, &why), ERR_OK);
    assert_int_equal(made, 0);
    close_db(&r);
}

static void sqlite_verbs(void **state)
{
    (void)state;
    verbs("sqlite");
    types("sqlite");
    lasts("sqlite");
}

static void text_verbs(void **state)
{
    (void)state;
    verbs("text");
    types("text");
    lasts("text");
}

/* ---- on the loop, with the thread ---- */

struct fake_loop {
    struct loop loop;
    struct wheel wheel;
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct loop_item *item[16];
    unsigned items;
};

static int fake_post(struct loop *l, struct loop_item *i)
{
    struct fake_loop *f = l->user;
    pthread_mutex_lock(&f->lock);
    assert_true(f->items < 16);
    f->item[f->items++] = i;
    pthread_cond_signal(&f->more);
    pthread_mutex_unlock(&f->lock);
    return ERR_OK;
}

static void fake_init(struct fake_loop *f)
{
    memset(f, 0, sizeof *f);
    wheel_init(&f->wheel, 1000);
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->more, NULL);
    f->loop = (struct loop){.user = f, .wheel = &f->wheel, .now = 1000, .post = fake_post};
}

static void fake_turn(struct fake_loop *f)
{
    pthread_mutex_lock(&f->lock);
    while (!f->items)
        pthread_cond_wait(&f->more, &f->lock);
    struct loop_item *i = f->item[--f->items];
    pthread_mutex_unlock(&f->lock);
    i->fn(i);
}

struct tally {
    unsigned ok, late, other, rows;
};

static void count(void *arg, int status, const struct db_result *r)
{
    struct tally *t = arg;
    t->ok += status == ERR_OK;
    t->late += status == ERR_TIMEOUT;
    t->other += status != ERR_OK && status != ERR_TIMEOUT;
    t->rows += r ? r->rows : 0;
}

static void threaded(const char *kind)
{
    enum { MANY = 1000 };
    struct rig r;
    struct fake_loop f;
    struct tally t = {0};
    struct str column[] = {STR("username"), STR("new_uri")};
    open_db(&r, kind, false);
    fake_init(&f);
    for (unsigned i = 0; i < MANY; i++) {
        char name[16];
        snprintf(name, sizeof name, "u%u", i);
        struct db_value value[] = {db_text(str_from(name)), db_text(STR("sip:x"))};
        struct db_query q = {.verb = i % 2 ? DB_INSERT : DB_SELECT,
                             .table = STR("speed_dial"),
                             .columns = 2,
                             .column = column,
                             .value = value};
        if (i % 2) /* the unique key has more columns, their defaults differ from none */
            q.column = column;
        assert_int_equal(db_run(r.db, 0, &f.loop, &q, count, &t), ERR_OK);
        memset(name, 'x', sizeof name); /* everything was copied */
    }
    while (t.ok + t.other + t.late < MANY)
        fake_turn(&f);
    assert_int_equal(t.ok, MANY);
    struct db_query bad = {.verb = DB_SELECT, .table = STR("nothing")};
    assert_int_equal(db_run(r.db, 0, &f.loop, &bad, count, &t), ERR_OK);
    while (!t.other)
        fake_turn(&f);
    db_set_leave(r.set, 0);
    close_db(&r);
}

static void threads(void **state)
{
    (void)state;
    threaded("sqlite");
    threaded("text");
}

/* A deadline tells the caller, whatever the thread does; the end of a worker tells all the rest. */
static void deadlines(void **state)
{
    struct rig r;
    struct fake_loop f;
    struct tally t = {0};
    struct db_query q = {
        .verb = DB_SQL,
        .sql =
            STR("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000)"
                " SELECT max(i) FROM n")};
    (void)state;
    open_db(&r, "sqlite", false);
    fake_init(&f);
    for (int i = 0; i < 3; i++)
        assert_int_equal(db_run(r.db, 0, &f.loop, &q, count, &t), ERR_OK);
    f.loop.now = 4000;
    wheel_advance(&f.wheel, f.loop.now, NULL);
    assert_int_equal(t.late + t.ok, 3);
    assert_true(t.late >= 1);
    assert_int_equal(db_run(r.db, 0, &f.loop, &q, count, &t), ERR_OK);
    db_set_leave(r.set, 0);
    assert_int_equal(t.late + t.ok + t.other, 4);
    close_db(&r);
}

static void weather(void **state)
{
    struct rig r;
    struct fake_loop f;
    struct tally t = {0};
    struct db_query q = {.verb = DB_SELECT, .table = STR("subscriber")};
    (void)state;
    open_db(&r, "sqlite", true);
    fake_init(&f);
    assert_int_equal(db_run(r.db, 0, &f.loop, &q, count, &t), ERR_OK);
    assert_int_equal(t.ok, 0);
    wheel_advance(&f.wheel, f.loop.now += 1, NULL);
    assert_int_equal(t.ok, 1);
    db_set_weather(r.set, (struct db_weather){.silent = true});
    assert_int_equal(db_run(r.db, 0, &f.loop, &q, count, &t), ERR_OK);
    wheel_advance(&f.wheel, f.loop.now += 1999, NULL);
    assert_int_equal(t.late, 0);
    wheel_advance(&f.wheel, f.loop.now += 1, NULL);
    assert_int_equal(t.late, 1);
    db_set_weather(r.set, (struct db_weather){.down = true});
    assert_int_equal(db_run(r.db, 0, &f.loop, &q, count, &t), ERR_OK);
    wheel_advance(&f.wheel, f.loop.now += 1, NULL);
    assert_int_equal(t.other, 1);
    db_set_leave(r.set, 0);
    close_db(&r);
}

/* ---- texts ---- */

static void urls(void **state)
{
    static const struct {
        const char *text, *user, *password, *host, *database;
        uint16_t port;
        int rc;
    } row[] = {
        {"mysql://u:p@h:33/db", "u", "p", "h", "db", 33, ERR_OK},
        {"postgres://localhost/openser", "", "", "localhost", "openser", 0, ERR_OK},
        {"mysql://u@h/a/b", "u", "", "h", "a/b", 0, ERR_OK},
        {"text:///etc/x", "", "", "", "/etc/x", 0, ERR_OK},
        {"sqlite://x.db", "", "", "", "x.db", 0, ERR_OK},
        {"mysql://h", "", "", "", "", 0, ERR_SYNTAX},
        {"mysql://h/", "", "", "", "", 0, ERR_SYNTAX},
        {"nothing", "", "", "", "", 0, ERR_SYNTAX},
        {"://x/y", "", "", "", "", 0, ERR_SYNTAX},
        {"mysql://h:x/d", "", "", "", "", 0, ERR_SYNTAX},
        {"mysql://h:99999/d", "", "", "", "", 0, ERR_SYNTAX},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof row / sizeof *row; i++) {
        char text[256];
        struct buf why;
        struct db_url u;
        buf_fixed(&why, text, sizeof text);
        assert_int_equal(db_url_parse(&u, str_from(row[i].text), &why), row[i].rc);
        assert_int_equal(why.len == 0, row[i].rc == ERR_OK);
        if (row[i].rc != ERR_OK)
            continue;
        assert_true(str_eq(u.user, str_from(row[i].user)));
        assert_true(str_eq(u.password, str_from(row[i].password)));
        assert_true(str_eq(u.host, str_from(row[i].host)));
        assert_true(str_eq(u.database, str_from(row[i].database)));
        assert_int_equal(u.port, row[i].port);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sqlite_verbs), cmocka_unit_test(text_verbs), cmocka_unit_test(threads),
        cmocka_unit_test(deadlines),    cmocka_unit_test(weather),    cmocka_unit_test(urls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
