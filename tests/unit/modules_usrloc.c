/* usrloc: order, rules, expiry and limits of contacts; tables under several threads; the module's
 * parameters and life. Time is whatever a test says. */
/* SPDX-License-Identifier: MIT */
#include <malloc.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <cmocka.h>

#include "modules/usrloc/sweep.h"
#include "modules/usrloc/table.h"
#include "tests/unit/modules_alone.h"

/* ---- what the module asks of a call ---------------------------------------------------------- */

static struct {
    void *conf;
    int64_t stat[8];
} world;

void *call_conf(const struct call *c, const struct module *m)
{
    (void)c, (void)m;
    return world.conf;
}

void call_count(const struct call *c, const struct module *m, unsigned stat, int64_t n)
{
    (void)c, (void)m;
    world.stat[stat] += n;
}

/* ---- a table to play with -------------------------------------------------------------------- */

static const struct hash_key seed = {3, 4};
static const struct record_rules plain = {
    .now = 1000, .cseq_delay = 20, .max = USRLOC_CONTACTS_MAX};

struct bench {
    struct locations *l;
    struct arena arena;
    struct record_rules rules;
    struct ucontacts after;
};

/* All of a part at once. */
static void sweep(struct locations *l, uint32_t now, unsigned part, unsigned parts)
{
    struct sweep_place at = {0};
    assert_false(locations_sweep(l, now, part, parts, &at, SIZE_MAX));
}

static int setup(void **state)
{
    struct bench *b = calloc(1, sizeof *b);
    b->l = locations_new(2, false, NULL, NULL);
    arena_init(&b->arena, NULL, 4096);
    b->rules = plain;
    *state = b;
    return b->l ? 0 : -1;
}

static int teardown(void **state)
{
    struct bench *b = *state;
    locations_free(b->l);
    arena_reset(&b->arena);
    free(b);
    return 0;
}

static struct location_key key(const char *aor)
{
    return (struct location_key){seed, STR("location"), str_from(aor)};
}

static struct ucontact contact(const char *uri, int q, uint32_t cseq)
{
    return (struct ucontact){.uri = str_from(uri),
                             .call_id = STR("c1"),
                             .user_agent = STR("phone"),
                             .expires = 4600,
                             .cseq = cseq,
                             .methods = USRLOC_ALL_METHODS,
                             .q = (int16_t)q,
                             .socket = NO_SOCKET};
}

static int put_many(struct bench *b, const char *aor, const struct ucontact *v, unsigned n)
{
    struct location_key k = key(aor);
    struct usrloc_update u = {.table = k.table, .aor = k.aor, .change = {v, n}};
    return locations_update(b->l, &k, &u, &b->rules, &b->arena, &b->after);
}

static int put(struct bench *b, const char *aor, struct ucontact c)
{
    return put_many(b, aor, &c, 1);
}

/* The URIs of a list, blank separated. */
static const char *names(struct bench *b, const struct ucontacts *list)
{
    struct buf out;
    buf_init(&out, &b->arena, 64);
    for (unsigned i = 0; i < list->n; i++)
        buf_printf(&out, "%s%.*s", i ? " " : "", STR_ARG(list->v[i].uri));
    buf_char(&out, '\0');
    return out.p;
}

static const char *found(struct bench *b, const char *aor)
{
    struct ucontacts list;
    struct location_key k = key(aor);
    int rc = locations_find(b->l, &k, b->rules.now, &b->arena, &list);
    assert_int_equal(rc, list.n ? ERR_OK : ERR_NOTFOUND);
    assert_int_equal(locations_find(b->l, &k, b->rules.now, &b->arena, NULL), rc);
    return names(b, &list);
}

/* ---- order ----------------------------------------------------------------------------------- */

static void order_by_q(void **state)
{
    struct bench *b = *state;
    put(b, "al", contact("a", 100, 1));
    put(b, "al", contact("b", 900, 1));
    put(b, "al", contact("c", NO_Q, 1));
    put(b, "al", contact("d", 500, 1));
    put(b, "al", contact("e", 500, 1));
    put(b, "al", contact("f", NO_Q, 1));
    assert_string_equal(found(b, "al"), "b d e a c f");
    put(b, "al", contact("d", 500, 2)); /* keeps its place */
    assert_string_equal(found(b, "al"), "b d e a c f");
    put(b, "al", contact("d", 50, 3));
    assert_string_equal(found(b, "al"), "b e a d c f");
    put(b, "al", contact("c", 1000, 2));
    assert_string_equal(found(b, "al"), "c b e a d f");
    assert_string_equal(names(b, &b->after), "c b e a d f");
}

static void order_by_time(void **state)
{
    struct bench *b = *state;
    b->rules.newest_first = true;
    put(b, "al", contact("a", 900, 1));
    put(b, "al", contact("b", 100, 1));
    put(b, "al", contact("c", 500, 1));
    assert_string_equal(found(b, "al"), "c b a");
    put(b, "al", contact("a", 900, 2));
    assert_string_equal(found(b, "al"), "a c b");
}

/* ---- rules ----------------------------------------------------------------------------------- */

static void cseq_rules(void **state)
{
    struct bench *b = *state;
    struct ucontact c = contact("a", NO_Q, 5);
    assert_int_equal(put(b, "al", c), ERR_OK);
    c.expires = 9000;
    b->rules.now = 1019; /* a retransmission: nothing changes */
    assert_int_equal(put(b, "al", c), ERR_OK);
    assert_int_equal(b->after.v[0].expires, 4600);
    b->rules.now = 1020; /* too late for one */
    assert_int_equal(put(b, "al", c), ERR_STATE);
    assert_int_equal(b->after.n, 1);
    c.cseq = 4;
    assert_int_equal(put(b, "al", c), ERR_STATE);
    c.remove = true;
    assert_int_equal(put(b, "al", c), ERR_STATE);
    c.remove = false;
    c.cseq = 6;
    assert_int_equal(put(b, "al", c), ERR_OK);
    assert_int_equal(b->after.v[0].expires, 9000);
    assert_int_equal(b->after.v[0].modified, 1020);
    c.call_id = STR("c2"); /* the phone was restarted */
    c.cseq = 1;
    assert_int_equal(put(b, "al", c), ERR_OK);
    assert_int_equal(b->after.n, 1);
    assert_int_equal(b->after.v[0].cseq, 1);
    b->rules.any_cseq = true;
    c.cseq = 0;
    assert_int_equal(put(b, "al", c), ERR_OK);
    assert_int_equal(b->after.v[0].cseq, 0);
}

static void matching_mode(void **state)
{
    struct bench *b = *state;
    struct ucontact c = contact("a", NO_Q, 5), other = c;
    other.call_id = STR("c2");
    b->rules.match_call_id = true;
    put(b, "al", c);
    put(b, "al", other);
    assert_string_equal(found(b, "al"), "a a");
    other.remove = true;
    other.cseq++;
    put(b, "al", other);
    assert_string_equal(found(b, "al"), "a");
    assert_true(str_eq(b->after.v[0].call_id, STR("c1")));
}

static void uris_byte_by_byte(void **state)
{
    struct bench *b = *state;
    put(b, "al", contact("sip:a@h", NO_Q, 1));
    put(b, "al", contact("sip:a@H", NO_Q, 1));
    put(b, "al", contact("sip:a@h;x=1", NO_Q, 1));
    assert_string_equal(found(b, "al"), "sip:a@h sip:a@H sip:a@h;x=1");
}

static void all_or_none(void **state)
{
    struct bench *b = *state;
    put(b, "al", contact("a", 100, 5));
    put(b, "al", contact("b", 200, 5));
    struct ucontact v[] = {contact("new", 900, 6), contact("a", 900, 6), contact("b", 100, 4)};
    v[1].remove = true;
    assert_int_equal(put_many(b, "al", v, 3), ERR_STATE);
    assert_string_equal(found(b, "al"), "b a");
    assert_string_equal(names(b, &b->after), "b a");
    v[2].cseq = 6;
    assert_int_equal(put_many(b, "al", v, 3), ERR_OK);
    assert_string_equal(names(b, &b->after), "new b");
}

static void nothing_new_stays(void **state)
{
    struct bench *b = *state;
    struct ucontact v[] = {contact("a", 100, 5), contact("b", 100, 5)};
    b->rules.max = 1;
    assert_int_equal(put_many(b, "al", v, 2), ERR_LIMIT);
    assert_int_equal(b->after.n, 0);
    assert_string_equal(found(b, "al"), "");
    v[0].remove = true; /* of nothing */
    assert_int_equal(put(b, "al", v[0]), ERR_OK);
    assert_int_equal(locations_take_counts(b->l).users, 0);
}

static void named_twice(void **state)
{
    struct bench *b = *state;
    struct ucontact v[] = {contact("a", 100, 5), contact("a", 900, 5), contact("b", 500, 5)};
    assert_int_equal(put_many(b, "al", v, 3), ERR_OK);
    assert_string_equal(names(b, &b->after), "b a");
    assert_int_equal(b->after.v[1].q, 100);
}

static void removal_and_clear(void **state)
{
    struct bench *b = *state;
    struct ucontact gone = contact("a", NO_Q, 2);
    put(b, "al", contact("a", NO_Q, 1));
    put(b, "al", contact("b", NO_Q, 1));
    gone.remove = true;
    assert_int_equal(put(b, "al", gone), ERR_OK);
    assert_string_equal(found(b, "al"), "b");
    struct location_key k = key("al");
    struct usrloc_update u = {.table = k.table, .aor = k.aor, .clear = true};
    assert_int_equal(locations_update(b->l, &k, &u, &b->rules, &b->arena, &b->after), ERR_OK);
    assert_int_equal(b->after.n, 0);
    assert_string_equal(found(b, "al"), "");
    struct location_counts n = locations_take_counts(b->l);
    assert_int_equal(n.users, 0);
    assert_int_equal(n.contacts, 0);
}

/* ---- limits ---------------------------------------------------------------------------------- */

static void most_contacts(void **state)
{
    struct bench *b = *state;
    char uri[16];
    for (int i = 0; i < USRLOC_CONTACTS_MAX; i++) {
        snprintf(uri, sizeof uri, "c%d", i);
        assert_int_equal(put(b, "al", contact(uri, NO_Q, 1)), ERR_OK);
    }
    assert_int_equal(put(b, "al", contact("more", NO_Q, 1)), ERR_LIMIT);
    assert_int_equal(b->after.n, USRLOC_CONTACTS_MAX);
    b->rules.max = 1; /* lowered while more are there: refresh and removal still work */
    assert_int_equal(put(b, "al", contact("c7", NO_Q, 2)), ERR_OK);
    struct ucontact gone = contact("c8", NO_Q, 2);
    gone.remove = true;
    assert_int_equal(put(b, "al", gone), ERR_OK);
    assert_int_equal(b->after.n, USRLOC_CONTACTS_MAX - 1);
    assert_int_equal(put(b, "al", contact("more", NO_Q, 1)), ERR_LIMIT);
}

static void long_texts(void **state)
{
    struct bench *b = *state;
    static char text[5000];
    memset(text, 'x', sizeof text);
    struct ucontact c = contact("a", NO_Q, 1);
    c.path = str_make(text, USRLOC_PATH_MAX);
    c.received = c.call_id = c.user_agent = c.uri = str_make(text, USRLOC_TEXT_MAX);
    assert_int_equal(put(b, "al", c), ERR_OK);
    assert_int_equal(b->after.v[0].path.len, USRLOC_PATH_MAX);
    assert_true(str_eq(b->after.v[0].received, c.received));
    struct ucontact d = contact("b", NO_Q, 1);
    d.uri = str_make(text, sizeof text);
    assert_int_equal(put(b, "al", d), ERR_LIMIT);
    d = contact("b", NO_Q, 1);
    d.path = str_make(text, USRLOC_PATH_MAX + 1);
    assert_int_equal(put(b, "al", d), ERR_LIMIT);
    assert_int_equal(b->after.n, 1);
    text[USRLOC_AOR_MAX + 1] = '\0';
    assert_int_equal(put(b, text, contact("b", NO_Q, 1)), ERR_LIMIT);
    text[USRLOC_AOR_MAX] = '\0';
    assert_int_equal(put(b, text, contact("b", NO_Q, 1)), ERR_OK);
    assert_string_equal(found(b, text), "b");
}

static void tables_by_name(void **state)
{
    struct bench *b = *state;
    struct location_key k = key("al");
    struct ucontact c = contact("a", NO_Q, 1);
    char name[16];
    int last = ERR_OK;
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "t%d", i);
        k.table = i ? str_from(name) : STR("");
        struct usrloc_update u = {.table = k.table, .aor = k.aor, .change = {&c, 1}};
        last = locations_update(b->l, &k, &u, &b->rules, &b->arena, NULL);
        assert_int_equal(locations_find(b->l, &k, 1000, &b->arena, NULL),
                         last == ERR_OK ? ERR_OK : ERR_NOTFOUND);
    }
    assert_int_equal(last, ERR_LIMIT); /* 64 tables */
    assert_string_equal(found(b, "al"), "");
}

/* ---- time ------------------------------------------------------------------------------------ */

static void runs_out(void **state)
{
    struct bench *b = *state;
    struct ucontact c = contact("a", NO_Q, 9), ever = contact("ever", NO_Q, 1);
    c.expires = 1010;
    ever.expires = 0;
    put(b, "al", c);
    put(b, "bo", c);
    put(b, "bo", ever);
    b->rules.now = 1009;
    assert_string_equal(found(b, "al"), "a");
    b->rules.now = 1010;
    assert_string_equal(found(b, "al"), "");
    assert_string_equal(found(b, "bo"), "ever");
    c.cseq = 1; /* what has run out has no say */
    c.expires = 1100;
    assert_int_equal(put(b, "al", c), ERR_OK);
    assert_string_equal(found(b, "al"), "a");
    struct location_counts n = locations_take_counts(b->l);
    assert_int_equal(n.users, 2);
    assert_int_equal(n.contacts, 3);
    assert_int_equal(n.expired, 1);
    sweep(b->l, 1099, 0, 1);
    n = locations_take_counts(b->l);
    assert_int_equal(n.contacts, -1); /* a of bo */
    assert_int_equal(n.users, 0);
    sweep(b->l, 1100, 0, 1);
    n = locations_take_counts(b->l);
    assert_int_equal(n.users, -1);
    assert_int_equal(n.expired, 1);
    b->rules.now = UINT32_MAX;
    assert_string_equal(found(b, "bo"), "ever");
}

static void swept_in_parts(void **state)
{
    struct bench *b = *state;
    char aor[16];
    int64_t users = 0;
    for (int i = 0; i < 500; i++) {
        snprintf(aor, sizeof aor, "u%d", i);
        put(b, aor, contact("a", NO_Q, 1));
    }
    locations_take_counts(b->l);
    for (unsigned part = 0; part < 7; part++) { /* 4 shards: some parts have none */
        sweep(b->l, 5000, part, 7);
        users += locations_take_counts(b->l).users;
    }
    assert_int_equal(users, -500);
}

/* ---- against a plain model ------------------------------------------------------------------- */

enum { MODEL_CONTACTS = 6 };

/* Random REGISTERs of one contact; the model knows when each runs out and with what CSeq. */
static void random_registers(void **state)
{
    struct bench *b = *state;
    static const char *const uri[MODEL_CONTACTS] = {"a", "b", "c", "d", "e", "f"};
    struct {
        uint32_t expires, cseq;
    } model[MODEL_CONTACTS] = {0};
    srand(7);
    for (int round = 0; round < 20000; round++) {
        int i = rand() % MODEL_CONTACTS;
        struct ucontact c = contact(uri[i], rand() % 4 * 100, (uint32_t)(rand() % 50));
        bool live = model[i].expires > b->rules.now;
        c.expires = b->rules.now + 1 + (uint32_t)rand() % 30;
        c.remove = rand() % 4 == 0;
        int want = live && c.cseq < model[i].cseq ? ERR_STATE : ERR_OK;
        bool again = live && c.cseq == model[i].cseq;
        b->rules.cseq_delay = 100;
        assert_int_equal(put(b, "al", c), want);
        if (want == ERR_OK && !again) {
            model[i].expires = c.remove ? 0 : c.expires;
            model[i].cseq = c.cseq;
        }
        unsigned alive = 0;
        for (int j = 0; j < MODEL_CONTACTS; j++)
            alive += model[j].expires > b->rules.now;
        assert_int_equal(b->after.n, alive);
        for (unsigned j = 1; j < b->after.n; j++)
            assert_true(b->after.v[j - 1].q >= b->after.v[j].q);
        b->rules.now += rand() % 3 == 0;
        if (rand() % 50 == 0)
            sweep(b->l, b->rules.now, 0, 1);
        arena_reset(&b->arena);
    }
}

/* ---- stores ---------------------------------------------------------------------------------- */

struct tape {
    char text[512];
    struct buf out;
};

static int tape_load(void *store, struct str table, store_put put_one, void *arg)
{
    struct ucontact c = contact("stored", 100, 1), d = contact("better", 900, 1);
    (void)store;
    if (!str_eq(table, STR("location")))
        return ERR_OK;
    d.uri = STR("better");
    int rc = put_one(arg, STR("old"), &c);
    return rc == ERR_OK ? put_one(arg, STR("old"), &d) : rc;
}

static void tape_note(void *store, enum store_event event, struct str table, struct str aor,
                      const struct ucontact *c)
{
    struct tape *t = store;
    (void)table;
    buf_printf(&t->out, "%c:%.*s:%.*s ", "IUR"[event], STR_ARG(aor), STR_ARG(c->uri));
}

static void store_is_told(void **state)
{
    static const struct location_store driver = {
        .name = "tape", .load = tape_load, .note = tape_note};
    struct bench *b = *state;
    struct tape tape;
    buf_fixed(&tape.out, tape.text, sizeof tape.text);
    locations_free(b->l);
    b->l = locations_new(2, false, &driver, &tape);
    assert_string_equal(found(b, "old"), "better stored");
    struct ucontact v[] = {contact("a", 1, 1), contact("b", 1, 1), contact("m", 1, 1)};
    v[2].flags = USRLOC_MEMORY_ONLY;
    put_many(b, "al", v, 3);
    v[0].cseq = v[1].cseq = 2;
    v[1].remove = true;
    put_many(b, "al", v, 2);
    v[1].cseq = 0;
    v[1].remove = false;
    v[0].cseq = 1;
    put_many(b, "al", v, 2); /* refused: told of nothing */
    assert_true(str_eq(buf_str(&tape.out), STR("I:al:b I:al:a R:al:b U:al:a ")) ||
                str_eq(buf_str(&tape.out), STR("I:al:a I:al:b R:al:b U:al:a ")));
    assert_int_equal(locations_take_counts(b->l).users, 2);
}

/* ---- several threads ------------------------------------------------------------------------- */

enum { THREADS = 4, ROUNDS = 8000, USERS = 64 };

struct hammer {
    struct locations *l;
    unsigned number;
    uint64_t done;
};

static void *hammer(void *arg)
{
    struct hammer *h = arg;
    struct arena a;
    arena_init(&a, NULL, 4096);
    unsigned seed_ = h->number;
    for (unsigned i = 0; i < ROUNDS; i++) {
        char aor[16], uri[16];
        struct record_rules rules = plain;
        struct ucontacts list;
        rules.now = 1000 + i / 8;
        rules.any_cseq = true;
        snprintf(aor, sizeof aor, "u%d", rand_r(&seed_) % USERS);
        snprintf(uri, sizeof uri, "c%d", rand_r(&seed_) % 8);
        struct location_key k = key(aor);
        struct ucontact c = contact(uri, rand_r(&seed_) % 10, i);
        c.expires = rules.now + 1 + (unsigned)rand_r(&seed_) % 40;
        c.remove = rand_r(&seed_) % 4 == 0;
        struct usrloc_update u = {.table = k.table, .aor = k.aor, .change = {&c, 1}};
        h->done += locations_update(h->l, &k, &u, &rules, &a, &list) == ERR_OK;
        if (locations_find(h->l, &k, rules.now, &a, &list) == ERR_OK)
            for (unsigned j = 0; j < list.n; j++)
                h->done += !str_eq(list.v[j].call_id, STR("c1")) * 1000000u;
        if (i % 64 == 0)
            sweep(h->l, rules.now, h->number, THREADS);
        arena_reset(&a);
    }
    return NULL;
}

static void many_threads(void **state)
{
    struct bench *b = *state;
    pthread_t thread[THREADS];
    struct hammer h[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        h[i] = (struct hammer){b->l, i, 0};
        pthread_create(&thread[i], NULL, hammer, &h[i]);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(thread[i], NULL);
        assert_int_equal(h[i].done, ROUNDS);
    }
    sweep(b->l, UINT32_MAX, 0, 1);
    struct location_counts n = locations_take_counts(b->l);
    assert_int_equal(n.users, 0);
    assert_int_equal(n.contacts, 0);
    assert_true(n.expired > 0);
}

/* ---- size ------------------------------------------------------------------------------------ */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { MEASURE = 0 };
#else
enum { MEASURE = 1 };
#endif

static void small_contacts(void **state)
{
    enum { MANY = 50000 };
    struct bench *b = *state;
    char aor[40], uri[80], call_id[80];
    locations_free(b->l);
    size_t before = mallinfo2().uordblks;
    b->l = locations_new(9, false, NULL, NULL);
    for (int i = 0; i < MANY; i++) {
        snprintf(aor, sizeof aor, "subscriber%d@example.test", i);
        snprintf(uri, sizeof uri, "sip:subscriber%d@192.168.100.23:5060;transport=udp", i);
        snprintf(call_id, sizeof call_id, "3c26700857a8-%d-tq5w2ezl@192.168.100.23", i);
        struct ucontact c = contact(uri, NO_Q, 1);
        c.call_id = str_from(call_id);
        c.received = STR("sip:203.0.113.17:40012");
        c.user_agent = STR("ExamplePhone 360/10.1.54.7");
        assert_int_equal(put(b, aor, c), ERR_OK);
        arena_reset(&b->arena);
    }
    size_t each = (mallinfo2().uordblks - before) / MANY;
    print_message("          %zu bytes a contact\n", each);
    assert_true(!MEASURE || each < 400);
}

/* ---- the module ------------------------------------------------------------------------------ */

extern const struct module usrloc_module;

/* Sets a number among the parameters; the rest have their defaults. */
static void set_param(void *conf, const char *name, int32_t value)
{
    const struct param_spec *p = usrloc_module.symbols.params;
    for (; p->name; p++)
        if (strcmp(p->name, name) == 0)
            memcpy((char *)conf + p->offset, &value, sizeof value);
}

static void *new_conf(void)
{
    char *conf = calloc(1, usrloc_module.symbols.conf_size);
    for (const struct param_spec *p = usrloc_module.symbols.params; p->name; p++)
        if (p->type == PARAM_INT)
            set_param(conf, p->name, (int32_t)p->number);
    return conf;
}

/* A row that stands twice in a table is one contact. */
static void loaded_once(void **state)
{
    (void)state;
    struct record *r = record_new(STR("al"));
    struct ucontact c = contact("a", NO_Q, 1);
    assert_int_equal(record_load(r, &c, false), ERR_OK);
    assert_int_equal(record_load(r, &c, false), ERR_EXISTS);
    c.call_id = STR("another");
    assert_int_equal(record_load(r, &c, false), ERR_EXISTS);
    assert_int_equal(record_load(r, &c, true), ERR_OK);
    assert_int_equal(r->count, 2);
    record_free(r);
}

static void reload_refused(const char *name, int32_t value, bool wanted)
{
    char text[256] = "";
    struct buf why;
    bool failed;
    void *old_conf = new_conf(), *next = new_conf();
    void *state = usrloc_module.start(&(struct module_start){.conf = old_conf}, &failed);
    assert_false(failed);
    buf_fixed(&why, text, sizeof text - 1);
    set_param(next, name, value);
    assert_int_equal(
        usrloc_module.reload(state, old_conf, &(struct module_start){.conf = next, .why = &why}),
        wanted);
    assert_int_equal(why.len == 0, wanted);
    if (!wanted)
        assert_non_null(strstr(text, name));
    usrloc_module.stop(state);
    free(old_conf);
    free(next);
}

static void reloads(void **state)
{
    (void)state;
    reload_refused("hash_size", 10, false);
    reload_refused("hash_size", 1, true); /* means 9 */
    reload_refused("use_domain", 1, false);
    reload_refused("desc_time_order", 1, true);
    reload_refused("matching_mode", 1, true);
    reload_refused("timer_interval", 1, true);
}

static struct wheel wheel;
static struct loop loop = {.wheel = &wheel};

static void second_passes(unsigned worker, unsigned workers)
{
    alone.index = worker;
    alone.workers = workers;
    alone.loop = &loop;
    usrloc_module.on_second(NULL, alone.state, world.conf);
}

/* Another module at work through the API, workers' seconds passing. */
static void api_and_seconds(void **state)
{
    struct bench *b = *state;
    bool failed;
    struct msg m = {0};
    struct call c = {.arena = &b->arena, .msg = &m};
    const struct usrloc_api *api = usrloc_module.api;
    struct ucontacts list;
    memset(&world, 0, sizeof world);
    memset(&alone, 0, sizeof alone);
    world.conf = new_conf();
    set_param(world.conf, "timer_interval", 5);
    set_param(world.conf, "nat_bflag", 6);
    alone.state = usrloc_module.start(&(struct module_start){.conf = world.conf}, &failed);
    alone.time = 1000;
    assert_int_equal(api->settings(&c)->nat_bflag, 6);
    struct ucontact a = contact("a", NO_Q, 1), x = contact("x", 500, 1);
    a.expires = 1003;
    struct usrloc_update u = {.table = STR("location"), .aor = STR("al"), .change = {&a, 1}};
    assert_int_equal(api->update(&c, &u, NULL), ERR_OK);
    assert_int_equal(api->insert(&c, u.table, u.aor, &x), ERR_OK);
    assert_int_equal(api->insert(&c, u.table, u.aor, &x), ERR_OK);
    assert_int_equal(api->find(&c, u.table, u.aor, &list), ERR_OK);
    assert_string_equal(names(b, &list), "x a");
    assert_int_equal(world.stat[0], 1);
    assert_int_equal(world.stat[1], 2);
    for (; alone.time < 1012; alone.time++)
        for (unsigned worker = 0; worker < 3; worker++)
            second_passes(worker, 3);
    assert_int_equal(api->remove(&c, u.table, u.aor, STR("a")), ERR_NOTFOUND);
    assert_int_equal(api->remove(&c, u.table, u.aor, STR("x")), ERR_OK);
    assert_int_equal(api->remove(&c, u.table, u.aor, STR_NONE), ERR_NOTFOUND);
    assert_int_equal(world.stat[0], 0);
    assert_int_equal(world.stat[1], 0);
    assert_int_equal(world.stat[2], 1);
    usrloc_module.stop(alone.state);
    free(world.conf);
}

static void put_users(struct bench *b, unsigned n)
{
    char aor[16];
    for (unsigned i = 0; i < n; i++) {
        snprintf(aor, sizeof aor, "u%u", i);
        put(b, aor, contact("a", NO_Q, 1));
    }
    locations_take_counts(b->l);
}

/* The work of a second comes in pieces, and nothing of it is left to another round. */
static void swept_bit_by_bit(void **state)
{
    struct bench *b = *state;
    struct sweep s = {.locations = NULL};
    unsigned pieces = 0, most = 0, left = 3000;
    wheel_init(&wheel, 0);
    loop.now = 0;
    put_users(b, left);
    for (; loop.now < 2000; loop.now++) {
        wheel_advance(&wheel, loop.now, NULL);
        if (loop.now % 1000 == 0)
            sweep_second(&s, b->l, &loop, 5000, 0, 1, 1);
        unsigned freed = (unsigned)-locations_take_counts(b->l).users;
        pieces += freed > 0;
        most = freed > most ? freed : most;
        left -= freed;
        if (loop.now == 999)
            assert_int_equal(left, 0);
    }
    assert_true(pieces > 2);
    assert_true(most < 1500);
    assert_true(wheel_next(&wheel) == UINT64_MAX);
    put_users(b, 3000);
    sweep_second(&s, b->l, &loop, 5001, 0, 1, 1);
    assert_true(timer_armed(&s.timer));
    sweep_stop(&s);
    assert_false(timer_armed(&s.timer));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(order_by_q),        T(order_by_time),   T(cseq_rules),        T(matching_mode),
        T(uris_byte_by_byte), T(all_or_none),     T(nothing_new_stays), T(named_twice),
        T(removal_and_clear), T(most_contacts),   T(long_texts),        T(tables_by_name),
        T(runs_out),          T(swept_in_parts),  T(random_registers),  T(store_is_told),
        T(many_threads),      T(small_contacts),  T(loaded_once),       T(reloads),
        T(api_and_seconds),   T(swept_bit_by_bit)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
