/* Plays the scenarios of tests/fsm/ and proves that together they take every row of fsm.def.
 *
 *   == title            a case begins: a new world at time 0
 *   # ...               a comment
 *   < TIME what ...     something is done to the transaction
 *   > TIME ... what     what it must do; several times stand for as many lines
 *
 * What can be done: "times FIELD MS", "start KIND udp|tcp", "reply STATUS", "request [METHOD]",
 * "ack", "tu STATUS [local]", "tu ack", "error", "deadline MS", "resend", "stop". After the last
 * line time runs until no timer is armed, and the transaction must be gone. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/fsm/world.h"

#define CLIENT_VIA "UDP 192.0.2.1;branch=z9hG4bKours"
#define SERVER_VIA "UDP 192.0.2.9:5060;branch=z9hG4bKtheirs"

static struct world world;

static struct str word(struct str *rest)
{
    struct str w = STR_NONE;
    str_cut(&w, rest, ' ');
    return w;
}

static unsigned number(struct str s)
{
    uint32_t n = 0;
    assert_int_equal(str_u32(&n, s, UINT32_MAX), ERR_OK);
    return n;
}

static void note_refusal(struct world *w, int err)
{
    if (err)
        world_note(w, err == ERR_STATE ? "refused" : "invalid", STR_NONE);
}

static void do_times(struct world *w, struct str args)
{
    struct str field = word(&args);
    uint32_t ms = number(word(&args));
    if (str_eq(field, STR("no_reply")))
        w->times.no_reply = ms;
    else if (str_eq(field, STR("no_ack")))
        w->times.no_ack = ms;
    else if (str_eq(field, STR("linger")))
        w->times.linger = ms;
    else
        fail_msg("no such time: %.*s", STR_ARG(field));
}

static void do_start(struct world *w, struct str args)
{
    struct str kind = word(&args);
    bool invite = str_eq(kind, STR("ict")) || str_eq(kind, STR("ist"));
    w->flow.reliable = str_eq(word(&args), STR("tcp"));
    w->method = invite ? STR("INVITE") : STR("OPTIONS");
    if (str_eq(kind, STR("ict")) || str_eq(kind, STR("nict"))) {
        tx_client_start(&w->layer, &w->t, invite ? TX_ICT : TX_NICT, method_lookup(w->method),
                        STR("z9hG4bKours"), &w->flow, world_request(w, w->method, CLIENT_VIA),
                        &w->times, &world_user);
    } else {
        struct msg *m = world_scan(w, world_request(w, w->method, SERVER_VIA));
        tx_server_start(&w->layer, &w->t, m, world_key(w, m), &w->flow, &w->times, &world_user);
    }
}

/* What arrives must match the transaction while there is one. */
static void input(struct world *w, struct str bytes)
{
    struct msg *m = world_scan(w, bytes);
    struct tx *t = m->request ? tx_match_request(&w->layer, m) : tx_match_response(&w->layer, m);
    uint64_t ignored = w->layer.ignored;
    if (!t) {
        world_note(w, "unmatched", STR_NONE);
        return;
    }
    assert_ptr_equal(t, &w->t);
    tx_input(&w->layer, t, m, w);
    if (w->layer.ignored != ignored)
        world_note(w, "ignored", STR_NONE);
}

static void do_reply(struct world *w, struct str args)
{
    input(w, world_reply(w, number(word(&args)), w->method, CLIENT_VIA));
}

static void do_request(struct world *w, struct str args)
{
    struct str method = word(&args);
    input(w, world_request(w, method.len ? method : w->method, SERVER_VIA));
}

static void do_ack(struct world *w, struct str args)
{
    (void)args;
    input(w, world_request(w, STR("ACK"), SERVER_VIA));
}

static void do_tu(struct world *w, struct str args)
{
    struct str what = word(&args);
    if (str_eq(what, STR("ack")) && w->t.kind == TX_IST) {
        tx_server_ack(&w->layer, &w->t);
    } else if (str_eq(what, STR("ack"))) {
        struct str ack = world_request(w, STR("ACK"), CLIENT_VIA);
        note_refusal(w, tx_client_ack(&w->layer, &w->t, ack));
    } else {
        unsigned status = number(what);
        struct str bytes = world_reply(w, status, w->method, SERVER_VIA);
        bool local = str_eq(word(&args), STR("local"));
        note_refusal(w, local ? tx_respond_local(&w->layer, &w->t, status, bytes)
                              : tx_respond(&w->layer, &w->t, status, bytes));
    }
}

static void do_error(struct world *w, struct str args)
{
    (void)args;
    tx_transport_error(&w->layer, &w->t, w);
}

static void do_deadline(struct world *w, struct str args)
{
    tx_client_deadline(&w->layer, &w->t, number(word(&args)));
}

static void do_resend(struct world *w, struct str args)
{
    (void)args;
    tx_resend(&w->layer, &w->t);
}

static void do_stop(struct world *w, struct str args)
{
    (void)args;
    tx_stop(&w->layer, &w->t);
}

static const struct verb {
    const char *name;
    void (*run)(struct world *w, struct str args);
} verbs[] = {
    {"times", do_times},   {"start", do_start}, {"reply", do_reply}, {"request", do_request},
    {"ack", do_ack},       {"tu", do_tu},       {"error", do_error}, {"deadline", do_deadline},
    {"resend", do_resend}, {"stop", do_stop},
};

static void play(struct world *w, struct str line)
{
    unsigned at = number(word(&line));
    struct str name = word(&line);
    world_advance(w, at);
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (str_eq(name, str_from(verbs[i].name))) {
            verbs[i].run(w, line);
            return;
        }
    fail_msg("no such verb: %.*s", STR_ARG(name));
}

/* "500 1500 send INVITE" gives two lines. */
static void expect(struct buf *out, struct str line)
{
    struct str what = line;
    while (what.len && ascii_digit(what.p[0]))
        word(&what);
    for (struct str rest = line; rest.p != what.p;) {
        struct str time = word(&rest);
        buf_printf(out, "%.*s %.*s\n", STR_ARG(time), STR_ARG(what));
    }
}

/* Plays one case; text begins behind its "==". */
static void play_case(struct world *w, const char *file, struct str text)
{
    struct str title, line;
    struct buf expected;
    world_begin(w);
    buf_init(&expected, &w->arena, 256);
    str_cut(&title, &text, '\n');
    while (str_cut(&line, &text, '\n')) {
        if (str_starts(line, STR("< ")))
            play(w, str_sub(line, 2, line.len));
        else if (str_starts(line, STR("> ")))
            expect(&expected, str_sub(line, 2, line.len));
        else
            assert_true(line.len == 0 || line.p[0] == '#');
    }
    world_drain(w);
    if (!str_eq(buf_str(&expected), buf_str(&w->log)) || w->layer.live)
        fail_msg("%s:%.*s\nexpected:\n%.*s\ngot:\n%.*s\n%llu alive", file, STR_ARG(title),
                 STR_ARG(buf_str(&expected)), STR_ARG(buf_str(&w->log)),
                 (unsigned long long)w->layer.live);
    assert_int_equal(w->wheel.armed, 0);
    assert_int_equal(w->layer.servers.count + w->layer.clients.count, 0);
    world_end(w);
}

static void play_file(const char *path)
{
    static char mem[1 << 16];
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    struct str text = str_make(mem, fread(mem, 1, sizeof mem, f));
    assert_true(text.len < sizeof mem);
    fclose(f);
    ptrdiff_t at = str_search(text, STR("\n=="), 0);
    assert_true(at >= 0);
    while (at >= 0) {
        ptrdiff_t next = str_search(text, STR("\n=="), (size_t)at + 1);
        size_t end = next < 0 ? text.len : (size_t)next;
        play_case(&world, path, str_sub(text, (size_t)at + 3, end));
        at = next;
    }
}

static void invite_client(void **state)
{
    (void)state;
    play_file("tests/fsm/ict.fsm");
}

static void other_client(void **state)
{
    (void)state;
    play_file("tests/fsm/nict.fsm");
}

static void invite_server(void **state)
{
    (void)state;
    play_file("tests/fsm/ist.fsm");
}

static void other_server(void **state)
{
    (void)state;
    play_file("tests/fsm/nist.fsm");
}

/* Runs last. */
static void every_row_is_taken(void **state)
{
    static const char *const names[] = {
        [ROW_NONE] = "",
#define ROW(machine, row_state, event, next, actions, section)                                     \
#machine " " #row_state " " #event " (" section ")",
#include "core/tx/fsm.def"
    };
    unsigned missing = 0;
    (void)state;
    for (unsigned i = 1; i < ROW_COUNT; i++)
        if (!world.reached[i]) {
            print_error("never taken: %s\n", names[i]);
            missing++;
        }
    print_message("%u of %u rows taken\n", ROW_COUNT - 1 - missing, ROW_COUNT - 1);
    assert_int_equal(missing, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(invite_client),      cmocka_unit_test(other_client),
        cmocka_unit_test(invite_server),      cmocka_unit_test(other_server),
        cmocka_unit_test(every_row_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
