/* Registrations in a database: every db_mode on an engine with an SQLite database in memory, whose
 * weather a test makes. Times are virtual. */
/* SPDX-License-Identifier: MIT */
#include "tests/unit/modules_fixture.h"

#include "modules/usrloc/cluster.h"
#include "modules/usrloc/rows.h"

#define REGISTER(user, cseq, contacts)                                                             \
    "REGISTER sip:example.com SIP/2.0\nVia: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bK" cseq          \
    "\nFrom: <sip:" user "@example.com>;tag=1\nTo: <sip:" user                                     \
    "@example.com>\nCall-ID: one\nCSeq: " cseq " REGISTER\n" contacts "Content-Length: 0\n\n"
#define OPTIONS(user)                                                                              \
    "OPTIONS sip:" user "@example.com SIP/2.0\nVia: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKo\n"    \
    "From: <sip:x@example.com>;tag=1\nTo: <sip:y@example.com>\nCall-ID: two\nCSeq: 1 OPTIONS\n"    \
    "Content-Length: 0\n\n"

static char script[1024];

static const char *with(const char *params)
{
    snprintf(script, sizeof script,
             LOAD "loadmodule \"usrloc.so\"\nloadmodule \"registrar.so\"\n%s\n"
                  "route { if (is_method(\"REGISTER\")) { save(\"location\"); exit; }\n"
                  "lookup(\"location\"); if ($rc < 0) { sl_send_reply(\"404\", \"$rc\"); "
                  "exit; } sl_send_reply(\"200\", \"$ru\"); }",
             params);
    return script;
}

/* The fixture's wall clock begins with the first tick. */
static void begin(const char *params)
{
    world_open(with(params));
    world_pass(5);
}

static void weather(uint32_t delay, bool silent, bool down)
{
    db_set_weather(world.shared.dbs, (struct db_weather){delay, silent, down});
}

/* Rows of the table that have something like that in a column. */
static unsigned cell(const char *name, const char *like)
{
    struct str column = str_from(name);
    struct db_match m = {column, DB_LIKE, db_text(str_from(like))};
    struct db_query q = {.verb = DB_SELECT,
                         .table = STR("location"),
                         .columns = 1,
                         .column = &column,
                         .matches = 1,
                         .match = &m};
    struct arena a;
    struct db_result r;
    char text[256];
    struct buf why;
    buf_fixed(&why, text, sizeof text);
    arena_init(&a, NULL, 1024);
    assert_int_equal(db_run_now(world_db("usrloc"), &q, &a, &r, &why), ERR_OK);
    arena_reset(&a);
    return r.rows;
}

static unsigned rows(const char *contact)
{
    return cell("contact", contact);
}

static void seconds(unsigned n)
{
    for (unsigned i = 0; i < 10 * n; i++)
        world_pass(100);
}

static void pass(unsigned ms)
{
    for (; ms; ms -= 5)
        world_pass(5);
}

static bool answered(const char *text)
{
    for (unsigned i = 0; i < world.sent; i++)
        if (strstr(world.bytes[i], text))
            return true;
    return false;
}

/* ---- db_mode 1 ---- */

static void through(void **state)
{
    (void)state;
    begin("modparam(\"usrloc\", \"db_mode\", 1)");
    weather(50, false, false);
    world_put(
        REGISTER("al", "1", "Contact: <sip:al@192.0.2.9>\nContact: <sip:al@192.0.2.8>;q=0.5\n"));
    assert_int_equal(world.sent, 0); /* nothing is promised before it is safe */
    pass(60);
    assert_int_equal(world.sent, 0); /* UPDATE has found no row */
    pass(60);
    assert_true(answered("SIP/2.0 200 OK"));
    assert_int_equal(rows("sip:al@%"), 2);

    world_put(REGISTER("al", "2", "Contact: <sip:al@192.0.2.9>;expires=0\n"));
    assert_int_equal(world.sent, 0);
    pass(60);
    assert_true(answered("SIP/2.0 200 OK"));
    assert_int_equal(rows("sip:al@192.0.2.9"), 0);
    assert_int_equal(rows("sip:al@192.0.2.8"), 1);

    /* a look needs no database */
    weather(0, true, false);
    world_put(OPTIONS("al"));
    assert_true(answered("200 sip:al@192.0.2.8"));
    world_put(REGISTER("al", "3", ""));
    assert_true(answered("SIP/2.0 200 OK"));
}

static void through_refused(void **state)
{
    (void)state;
    begin("modparam(\"usrloc\", \"db_mode\", 1)\ndb_deadline=500");
    weather(5, false, true);
    world_put(REGISTER("al", "1", "Contact: <sip:al@192.0.2.9>\n"));
    pass(10);
    assert_true(answered("SIP/2.0 500"));
    assert_true(answered("could not be stored"));
    world_put(OPTIONS("al")); /* it is found all the same */
    assert_true(answered("200 sip:al@192.0.2.9"));

    /* the same again is a retransmission, and no less unsafe */
    world_put(REGISTER("al", "1", "Contact: <sip:al@192.0.2.9>\n"));
    pass(10);
    assert_true(answered("SIP/2.0 500"));
    weather(5, true, false);
    world_put(REGISTER("al", "2", "Contact: <sip:al@192.0.2.9>\n"));
    pass(400);
    assert_int_equal(world.sent, 0);
    pass(200);
    assert_true(answered("SIP/2.0 500"));

    /* nothing is lost: it is tried until it is there */
    assert_int_equal(rows("sip:al%"), 0);
    weather(5, false, false);
    seconds(3);
    assert_int_equal(rows("sip:al@192.0.2.9"), 1);
    world_put(REGISTER("al", "2", "Contact: <sip:al@192.0.2.9>\n"));
    assert_true(answered("SIP/2.0 200 OK")); /* it is safe already */
}

/* A refresh while the row is on its way waits for its own change. */
static void through_overtaken(void **state)
{
    (void)state;
    begin("modparam(\"usrloc\", \"db_mode\", 1)");
    weather(50, false, false);
    world_put(REGISTER("al", "1", "Contact: <sip:al@192.0.2.9>\n"));
    pass(20);
    world_put(REGISTER("al", "2", "Contact: <sip:al@192.0.2.9>;expires=0\n"));
    pass(90);
    assert_true(answered("CSeq: 1 REGISTER"));
    assert_false(answered("CSeq: 2 REGISTER"));
    assert_int_equal(rows("sip:al%"), 1);
    pass(60);
    assert_true(answered("CSeq: 2 REGISTER"));
    assert_int_equal(rows("sip:al%"), 0);
}

/* ---- db_mode 2 ---- */

static void back(void **state)
{
    (void)state;
    begin("modparam(\"usrloc\", \"db_mode\", 2)\nmodparam(\"usrloc\", "
          "\"timer_interval\", 10)");
    seconds(1);
    world_put(REGISTER("al", "1", "Contact: <sip:al@192.0.2.9>\n"));
    assert_true(answered("SIP/2.0 200 OK"));
    world_put(REGISTER("bo", "1", "Contact: <sip:bo@192.0.2.9>\n"));
    assert_int_equal(rows("sip:%"), 0);
    seconds(12);
    assert_int_equal(rows("sip:%"), 2);
    weather(1, false, true);
    world_put(REGISTER("al", "2", "Contact: <sip:al@192.0.2.9>;expires=0\n"));
    world_put(REGISTER("bo", "2", "Contact: <sip:bo@192.0.2.7>\n"));
    assert_true(answered("SIP/2.0 200 OK"));
    seconds(25);
    assert_int_equal(rows("sip:%"), 2);
    weather(1, false, false);
    seconds(12);
    assert_int_equal(rows("sip:al%"), 0);
    assert_int_equal(rows("sip:bo@192.0.2.7"), 1);
}

/* ul_flush does not wait for the interval, nor for the time until what failed is tried again. */
static void flushed(void **state)
{
    (void)state;
    begin("modparam(\"usrloc\", \"db_mode\", 2)\nmodparam(\"usrloc\", "
          "\"timer_interval\", 3600)\ndb_failures=0");
    seconds(1);
    for (char user[] = "aa"; user[0] <= 'z'; user[0]++) {
        char text[512];
        snprintf(text, sizeof text, REGISTER("%s", "1", "Contact: <sip:%s@192.0.2.9>\n"), user,
                 user, user);
        world_put(text);
        assert_true(answered("SIP/2.0 200 OK"));
    }
    seconds(5);
    assert_int_equal(rows("sip:%"), 0);
    assert_string_equal(world_ask(":ul_flush:\n"), "200 OK\n\n");
    pass(100);
    assert_int_equal(rows("sip:%"), 26);
    weather(1, false, true);
    world_put(REGISTER("aa", "2", "Contact: <sip:aa@192.0.2.9>;expires=0\n"));
    world_ask(":ul_flush:\n");
    pass(10);
    weather(1, false, false);
    assert_int_equal(rows("sip:%"), 26);
    world_ask(":ul_flush:\n");
    pass(10);
    assert_int_equal(rows("sip:%"), 25);
    begin(""); /* in memory alone there is nothing to do */
    assert_string_equal(world_ask(":ul_flush:\n"), "200 OK\n\n");
}

/* ---- db_mode 3 ---- */

static void only(void **state)
{
    (void)state;
    begin("modparam(\"usrloc\", \"db_mode\", 3)\ndb_deadline=500");
    weather(20, false, false);
    world_put(REGISTER("al", "1", "Contact: <sip:al@192.0.2.9>;q=0.2, <sip:al@192.0.2.8>;q=0.7\n"));
    assert_int_equal(world.sent, 0);
    pass(125);
    assert_true(answered("SIP/2.0 200 OK"));
    assert_true(answered("Contact: <sip:al@192.0.2.8>;q=0.7;expires=3600, <sip:al@192.0.2.9>"));
    assert_int_equal(rows("sip:al@%"), 2);
    world_put(OPTIONS("al"));
    assert_int_equal(world.sent, 0);
    pass(25);
    assert_true(answered("200 sip:al@192.0.2.8"));
    world_put(OPTIONS("nobody"));
    pass(25);
    assert_true(answered("SIP/2.0 404 -1"));
    world_put(REGISTER("al", "2", "Contact: *\nExpires: 0\n"));
    pass(125);
    assert_true(answered("SIP/2.0 200 OK"));
    assert_int_equal(rows("sip:al@%"), 0);
    weather(20, false, true);
    world_put(REGISTER("al", "3", "Contact: <sip:al@192.0.2.9>\n"));
    pass(25);
    assert_true(answered("SIP/2.0 500"));
    world_put(OPTIONS("al"));
    pass(25);
    assert_true(answered("SIP/2.0 404 -3"));
}

/* ---- the same contact a second time with another CSeq, in the database only ---- */

static void only_refresh(void **state)
{
    (void)state;
    begin("modparam(\"usrloc\", \"db_mode\", 3)");
    for (unsigned i = 1; i <= 2; i++) {
        world_put(i == 1 ? REGISTER("al", "5", "Contact: <sip:al@192.0.2.9>\n")
                         : REGISTER("al", "6", "Contact: <sip:al@192.0.2.9>;q=0.3\n"));
        seconds(1);
        assert_true(answered("SIP/2.0 200 OK"));
        assert_int_equal(rows("sip:al@%"), 1);
    }
    world_put(REGISTER("al", "4", "Contact: <sip:al@192.0.2.9>\n"));
    seconds(1);
    assert_true(answered("SIP/2.0 400"));
}

#define FLOW(uri) "Contact: <" uri ">;+sip.instance=\"<urn:uuid:1>\";reg-id=3\n"

/* A flow with a new URI is a new row, and the old one is gone; with the columns it has. */
static void flows_as_rows(void **state)
{
    (void)state;
    for (unsigned mode = 1; mode <= 3; mode++) {
        char params[128];
        snprintf(params, sizeof params,
                 "modparam(\"usrloc\", \"db_mode\", %u)\nmodparam(\"usrloc\", "
                 "\"timer_interval\", 1)",
                 mode);
        begin(params);
        world_put(REGISTER("al", "1", FLOW("sip:al@192.0.2.9:1")));
        seconds(3);
        assert_int_equal(rows("sip:al@192.0.2.9:1"), 1);
        world_put(REGISTER("al", "2", FLOW("sip:al@192.0.2.9:2")));
        seconds(3);
        assert_int_equal(rows("sip:al@192.0.2.9:1"), 0);
        assert_int_equal(rows("sip:al@192.0.2.9:2"), 1);
        assert_int_equal(cell("instance", "<urn:uuid:1>"), 1);
        assert_int_equal(cell("reg_id", "3"), 1);
        world_put(REGISTER("al", "3", FLOW("sip:al@192.0.2.9:2")));
        seconds(3);
        assert_int_equal(rows("sip:al@%"), 1);
    }
}

/* The tables of OpenSER have no such columns: flows are told apart all the same, until a restart.
 */
static void tables_without_flows(void **state)
{
    (void)state;
    begin("modparam(\"usrloc\", \"db_mode\", 1)\n"
          "modparam(\"usrloc\", \"instance_column\", \"no_such_column\")");
    world_put(REGISTER("al", "1", FLOW("sip:al@192.0.2.9:1")));
    seconds(1);
    world_put(REGISTER("al", "2", FLOW("sip:al@192.0.2.9:2")));
    seconds(1);
    assert_int_equal(rows("sip:al@192.0.2.9:1"), 0);
    assert_int_equal(rows("sip:al@192.0.2.9:2"), 1);
    assert_int_equal(cell("instance", "<urn:uuid:1>"), 0);
    begin("modparam(\"usrloc\", \"db_mode\", 1)\nmodparam(\"usrloc\", \"reg_id_column\", \"\")");
    world_put(REGISTER("al", "1", FLOW("sip:al@192.0.2.9:1")));
    seconds(1);
    assert_int_equal(rows("sip:al@192.0.2.9:1"), 1);
    assert_int_equal(cell("instance", "<urn:uuid:1>"), 0);
}

/* What stands in a table when the process starts. */
static void prepared_table(const char *folder)
{
    char path[128];
    FILE *f;
    snprintf(path, sizeof path, "%s/version", folder);
    f = fopen(path, "w");
    assert_non_null(f);
    fputs("table_name(string) table_version(int)\nlocation:1004\n", f);
    fclose(f);
    snprintf(path, sizeof path, "%s/location", folder);
    f = fopen(path, "w");
    fputs("id(int,auto) username(string) domain(string,null) contact(string) received(string,null) "
          "path(string,null) expires(int) q(double) callid(string) cseq(int) last_modified(int) "
          "flags(int) cflags(int) user_agent(string) socket(string,null) methods(int,null)\n"
          "1:al:example.com:sip\\:low@192.0.2.1:::2000000000:0.1:cid:1:0:0:0:ua::\n"
          "2:al:example.com:sip\\:high@192.0.2.2:sip\\:192.0.2.77:<sip\\:p1;lr>:0:0.9:cid:1:0:0:64:"
          "ua:udp\\:192.0.2.1\\:5070:4294967295\n"
          "3:al:example.com:sip\\:high@192.0.2.2:::2000000000:0.9:cid:1:0:0:0:ua::\n" /* twice */
          "4:bo:example.com:sip\\:old@192.0.2.3:::999999999:-1:cid:1:0:0:0:ua::\n"    /* ran out */
          "5:bo:example.com::::2000000000:-1:cid:1:0:0:0:ua::\n"                 /* no contact */
          "6:bo:example.com:sip\\:bad@192.0.2.3:::2000000000:-1::1:0:0:0:ua::\n" /* no Call-ID */
          "7:bo:example.com:sip\\:bo@192.0.2.4:::2000000000:-1:cid:1:0:0:0:ua::1\n",
          f);
    fclose(f);
}

struct loaded {
    char text[1024];
    struct buf out;
};

static int take(void *arg, struct str aor, const struct ucontact *c)
{
    struct loaded *l = arg;
    buf_printf(&l->out, "%.*s %.*s q=%d expires=%u socket=%d methods=%x\n", STR_ARG(aor),
               STR_ARG(c->uri), c->q, c->expires, c->socket, c->methods);
    return ERR_OK;
}

static const struct str names[ROW_COLUMNS] = {
#define X(id, parameter, name) [ROW_##id] = STR_INIT(name),
    ROW_COLUMN_LIST(X)
#undef X
        [ROW_MODIFIED] = STR_INIT("last_modified")};

static void read_table(const char *folder, bool use_domain, struct loaded *l)
{
    extern const struct module db_text_module;
    const struct db_driver *drivers[] = {db_text_module.driver, NULL};
    struct db_set *set = db_set_new(drivers, true);
    struct row_form f = {.use_domain = use_domain, .fetch = 2, .sockets = 2};
    struct db_options o = {.limits = {.deadline = 1000}};
    char url[128], text[256];
    struct buf why;
    buf_fixed(&why, text, sizeof text);
    buf_fixed(&l->out, l->text, sizeof l->text - 1);
    snprintf(url, sizeof url, "text://%s", folder);
    memcpy(f.column, names, sizeof names);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(ip_parse(&f.socket[i].ip, STR("192.0.2.1")), ERR_OK);
        f.socket[i].proto = PROTO_UDP;
        f.socket[i].port = (uint16_t)(5060 + 10 * i);
    }
    f.db = db_open(set, str_from(url), &o, &why);
    assert_non_null(f.db);
    assert_int_equal(rows_load(&f, STR("location"), take, l), ERR_OK);
    l->text[l->out.len] = 0;
    db_set_free(set);
}

static void loaded(void **state)
{
    char folder[] = "/tmp/signalbox-usrloc-XXXXXX", command[64];
    struct loaded l;
    (void)state;
    assert_non_null(mkdtemp(folder));
    prepared_table(folder);
    read_table(folder, false, &l);
    assert_string_equal(
        l.text, "al sip:low@192.0.2.1 q=100 expires=2000000000 socket=-1 methods=ffffffff\n"
                "al sip:high@192.0.2.2 q=900 expires=0 socket=1 methods=ffffffff\n"
                "al sip:high@192.0.2.2 q=900 expires=2000000000 socket=-1 methods=ffffffff\n"
                "bo sip:old@192.0.2.3 q=-1 expires=999999999 socket=-1 methods=ffffffff\n"
                "bo sip:bo@192.0.2.4 q=-1 expires=2000000000 socket=-1 methods=1\n");
    read_table(folder, true, &l);
    assert_non_null(strstr(l.text, "bo@example.com sip:bo@192.0.2.4"));
    snprintf(command, sizeof command, "rm -rf %s", folder);
    assert_int_equal(system(command), 0);
}

/* ---- Redis ---- */

static void values_in_redis(void **state)
{
    char mem[512];
    struct buf b;
    struct str edge;
    struct arena a;
    struct ucontact back, c = {.received = STR("sip:1.2.3.4:5;transport=tcp"),
                               .call_id = STR("id\n1 2"),
                               .user_agent = STR("UA"),
                               .expires = 2000000000,
                               .modified = 1700000000,
                               .cseq = UINT32_MAX,
                               .methods = USRLOC_ALL_METHODS,
                               .cflags = 64,
                               .flags = USRLOC_NAT,
                               .q = NO_Q,
                               .socket = 1};
    (void)state;
    buf_fixed(&b, mem, sizeof mem);
    cluster_value(&b, &c, STR("sip:192.0.2.1:5060"));
    assert_int_equal(cluster_parse(&back, &edge, buf_str(&b)), ERR_OK);
    assert_str(edge, "sip:192.0.2.1:5060");
    assert_int_equal(back.instance.len + back.reg_id, 0);
    assert_str(back.received, "sip:1.2.3.4:5;transport=tcp");
    assert_str(back.call_id, "id\n1 2");
    assert_int_equal(back.cseq, UINT32_MAX);
    assert_int_equal(back.q, NO_Q);
    assert_int_equal(back.flags, USRLOC_NAT);
    assert_int_equal(back.socket, NO_SOCKET);
    for (size_t n = 0; n < b.len; n++) /* cut off anywhere */
        assert_int_equal(cluster_parse(&back, &edge, str_make(mem, n)), ERR_SYNTAX);
    c.instance = STR("<urn:uuid:1>");
    c.reg_id = 7;
    buf_fixed(&b, mem, sizeof mem);
    cluster_value(&b, &c, STR("sip:192.0.2.1:5060"));
    for (size_t n = 0; n < b.len; n++)
        assert_int_equal(cluster_parse(&back, &edge, str_make(mem, n)), ERR_SYNTAX);
    assert_int_equal(cluster_parse(&back, &edge, buf_str(&b)), ERR_OK);
    assert_str(back.instance, "<urn:uuid:1>");
    assert_str(back.call_id, "id\n1 2");
    assert_int_equal(back.reg_id, 7);
    static const char *const bad[] = {"",
                                      "\n",
                                      "1\n",
                                      "2 0 0 0 0 0 0 1 0 0 0 0 0\n",
                                      "1 0 0 0 0 0 0 1001 0 0 0 0 0\n",
                                      "1 0 0 0 0 0 0 -2 0 0 0 0 0\n",
                                      "1 0 0 0 0 0 0 1 4294967295 0 0 0 0\n",
                                      "1 0 0 0 0 0 0 1 0 0 0 0 0\nmore",
                                      "1 0 0 0 0 0 0 1 0 0 0 0 0 0\n",
                                      "1 4294967296 0 0 0 0 0 1 0 0 0 0 0\n"};
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(cluster_parse(&back, &edge, str_from(bad[i])), ERR_SYNTAX);

    arena_init(&a, NULL, 1024);
    edge = STR("sip:192.0.2.1:5060");
    assert_str(cluster_path(&a, &c, edge), "<sip:192.0.2.1:5060;lr;received=sip:1.2.3.4:5%3B"
                                           "transport%3Dtcp>");
    c.path = STR("<sip:p;lr>");
    assert_str(cluster_path(&a, &c, edge), "<sip:192.0.2.1:5060;lr>,<sip:p;lr>");
    arena_reset(&a);
}

static int end(void **state)
{
    (void)state;
    world_close();
    return 0;
}

#define T(f) cmocka_unit_test_teardown(f, end)

int main(void)
{
    const struct CMUnitTest tests[] = {T(through),      T(through_refused), T(through_overtaken),
                                       T(back),         T(flushed),         T(only),
                                       T(only_refresh), T(flows_as_rows),   T(tables_without_flows),
                                       T(loaded),       T(values_in_redis)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
