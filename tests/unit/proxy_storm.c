/* Many calls at once in bad weather: packets are lost and repeated, phones ring, refuse, answer,
 * say nothing or answer and refuse at once, callers give up, names resolve late or never. Whatever
 * happens, the rules below hold and no byte of memory stays. One seed, one history. */
/* SPDX-License-Identifier: MIT */
#include "tests/unit/proxy_world.h"

#ifndef SEEDS
#define SEEDS 4 /* more in one's own build: -DSEEDS=200 */
#endif

enum { CALLS = 400, EVENTS = 4096, BRANCHES = 12 };

/* What one of the phones below has seen of a branch. */
struct leg_seen {
    char branch[80];
    bool rang; /* a provisional reply reached the proxy */
};

struct seen {
    bool sent, success;
    char negative[WORLD_TEXT]; /* first final reply that was none, as sent up */
    struct leg_seen leg[BRANCHES];
    unsigned legs;
};

struct event {
    uint64_t due;
    void (*act)(struct event *e);
    unsigned call;
    int code;
    char *text; /* request to be answered, or bytes to be sent */
};

static struct storm {
    struct world *w;
    uint64_t seed;
    struct event event[EVENTS];
    unsigned events;
    struct seen seen[CALLS];
    unsigned loss; /* per cent */
} storm;

/* ---- chance and time ---- */

static unsigned chance(unsigned n)
{
    storm.seed ^= storm.seed << 13;
    storm.seed ^= storm.seed >> 7;
    storm.seed ^= storm.seed << 17;
    return (unsigned)((storm.seed >> 11) % n);
}

static void later(unsigned ms, void (*act)(struct event *e), unsigned call, int code,
                  const char *text)
{
    assert_true(storm.events < EVENTS);
    storm.event[storm.events++] = (struct event){
        .due = storm.w->now + ms, .act = act, .call = call, .code = code, .text = strdup(text)};
}

static void look(void);

static void deliver(const char *from, const char *text)
{
    if (chance(100) >= storm.loss) {
        hear(storm.w, from, text);
        look();
    }
}

/* ---- the caller ---- */

static unsigned call_of(const char *text)
{
    const char *at = strstr(text, "Call-ID: storm");
    assert_non_null(at);
    unsigned n = (unsigned)strtoul(at + 14, NULL, 10);
    assert_true(n < CALLS);
    return n;
}

static void caller_request(unsigned call, const char *method, const char *branch, const char *to)
{
    char text[1024];
    snprintf(text, sizeof text,
             "%s sip:bob%u@192.0.2.%u SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bK%s%u\n"
             "From: <sip:alice@example.com>;tag=a%u\nTo: <sip:bob@example.com>%s\n"
             "Call-ID: storm%u\nCSeq: 1 %s\nMax-Forwards: 70\nContent-Length: 0\n\n",
             method, call, 20 + call % 3, branch, call, call, to, call, method);
    deliver("192.0.2.10", text);
}

static void send_invite(struct event *e)
{
    storm.seen[e->call].sent = true;
    caller_request(e->call, "INVITE", "-i", "");
}

static void send_cancel(struct event *e)
{
    caller_request(e->call, "CANCEL", "-i", "");
}

static void caller_got(const char *text)
{
    struct seen *s = &storm.seen[call_of(text)];
    int code = atoi(text + 8);
    const char *to = strstr(text, "To: "), *tag = strstr(to, ";tag=");
    char tag_text[128] = "";
    if (strstr(text, "\r\nCSeq: 1 INVITE") == NULL || code < 200)
        return;
    if (tag && tag < strstr(to, "\r\n"))
        snprintf(tag_text, sizeof tag_text, "%.*s", (int)(strstr(to, "\r\n") - tag), tag);
    if (code < 300) {
        s->success = true;
        caller_request(call_of(text), "ACK", "-a", tag_text);
        return;
    }
    if (s->negative[0])
        assert_string_equal(s->negative, text); /* one negative final, repeated as it is */
    else
        assert_false(s->success); /* and none after a 2xx */
    snprintf(s->negative, sizeof s->negative, "%s", text);
    caller_request(call_of(text), "ACK", "-i", tag_text);
}

/* ---- the phones ---- */

static struct leg_seen *leg_of(unsigned call, const char *text)
{
    struct seen *s = &storm.seen[call];
    const char *at = strstr(text, ";branch=");
    char branch[80];
    snprintf(branch, sizeof branch, "%.*s", (int)strcspn(at, "\r"), at);
    for (unsigned i = 0; i < s->legs; i++)
        if (strcmp(s->leg[i].branch, branch) == 0)
            return &s->leg[i];
    assert_true(s->legs < BRANCHES);
    struct leg_seen *l = &s->leg[s->legs++];
    memcpy(l->branch, branch, sizeof branch);
    return l;
}

static void phone_answers(struct event *e)
{
    struct caught c = {.dst = world_addr("192.0.2.20")};
    struct leg_seen *l = leg_of(e->call, e->text);
    if (chance(100) < storm.loss)
        return;
    snprintf(c.text, sizeof c.text, "%s", e->text);
    if (!strncmp(e->text, "INVITE", 6) && e->code < 200)
        l->rang = true;
    answer_with(storm.w, &c, e->code, "Answer", "p", "");
    look();
}

static int some_final(void)
{
    static const int codes[] = {200, 200, 200, 486, 486, 404, 302, 408, 480, 487,
                                500, 503, 600, 603, 202, 401, 407, 488, 606, 486};
    return codes[chance(sizeof codes / sizeof *codes)];
}

static void phone_got_invite(unsigned call, const char *text)
{
    unsigned when = chance(400);
    leg_of(call, text);
    if (chance(8) == 0)
        return; /* says nothing, this time */
    if (chance(2))
        later(when, phone_answers, call, 100, text);
    if (chance(3)) {
        later(when += chance(300), phone_answers, call, 180 + (int)chance(4), text);
        if (chance(3) == 0)
            return; /* rings for ever, unless asked again */
    }
    later(when += chance(5000), phone_answers, call, some_final(), text);
    while (chance(3) == 0)
        later(when += 500, phone_answers, call, some_final(), text);
}

static void phone_got_cancel(unsigned call, const char *text)
{
    char invite[WORLD_TEXT];
    later(chance(50), phone_answers, call, 200, text);
    if (strstr(strstr(text, "Via:") + 4, "Via:"))
        return;                            /* the caller's own, of an INVITE that never came */
    assert_true(leg_of(call, text)->rang); /* RFC 3261 9.1 */
    snprintf(invite, sizeof invite, "INVITE%s", text + 6);
    char *cseq = strstr(invite, "CSeq: 1 CANCEL");
    memcpy(cseq + 8, "INVITE", 6);
    if (chance(4))
        later(chance(200), phone_answers, call, 487, invite);
}

static void phone_got(const char *text)
{
    if (!strncmp(text, "INVITE", 6))
        phone_got_invite(call_of(text), text);
    else if (!strncmp(text, "CANCEL", 6))
        phone_got_cancel(call_of(text), text);
}

static void look(void)
{
    struct world *w = storm.w;
    while (w->read < w->n) {
        struct caught *c = &w->caught[w->read++];
        char *text = strdup(c->text);
        if (w->read == w->n)
            w->read = w->n = 0;
        if (!strncmp(text, "SIP/2.0", 7))
            caller_got(text);
        else if (chance(100) >= storm.loss)
            phone_got(text);
        free(text);
    }
}

/* ---- the storm ---- */

static void answer_names(void)
{
    struct world *w = storm.w;
    while (w->lookups && chance(3)) {
        char name[256];
        snprintf(name, sizeof name, "%s", w->asked[0].name);
        resolved(w, name, chance(4) ? "192.0.2.99" : NULL);
        look();
    }
}

static void run_next(void)
{
    unsigned next = 0;
    struct event e;
    for (unsigned i = 1; i < storm.events; i++)
        if (storm.event[i].due < storm.event[next].due)
            next = i;
    e = storm.event[next];
    storm.event[next] = storm.event[--storm.events];
    if (e.due > storm.w->now)
        pass(storm.w, e.due - storm.w->now);
    look();
    e.act(&e);
    free(e.text);
    answer_names();
}

static void begin_calls(void)
{
    for (unsigned i = 0; i < CALLS; i++) {
        unsigned when = chance(20000);
        later(when, send_invite, i, 0, "");
        while (chance(3) == 0)
            later(when += chance(1000), send_invite, i, 0, "");
        if (chance(3) == 0)
            later(when + chance(4000), send_cancel, i, 0, "");
    }
}

/* Every INVITE that arrived has had its answer by now. */
static void check_answers(void)
{
    for (unsigned i = 0; storm.loss == 0 && i < CALLS; i++)
        assert_true(storm.seen[i].success || storm.seen[i].negative[0]);
}

static void weather(const char *script, unsigned loss, uint64_t seed)
{
    memset(&storm, 0, sizeof storm);
    storm.w = world_new(script);
    storm.seed = seed * 0x9e3779b97f4a7c15u + 1;
    storm.loss = loss;
    begin_calls();
    while (storm.events)
        run_next();
    while (storm.w->lookups)
        answer_names();
    for (unsigned s = 0; s < 400; s++) {
        pass(storm.w, 1000);
        look();
        while (storm.events)
            run_next();
    }
    check_answers();
    world_end(storm.w);
}

static void seeds(const char *script)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        weather(script, seed % 2 ? 0 : 15, seed);
}

#define ACKS_AND_CANCELS "if (is_method(\"ACK\") || is_method(\"CANCEL\")) { t_relay(); exit; }"

static void test_plain(void **state)
{
    (void)state;
    seeds("route { t_relay(); }");
}

static void test_fork_and_failure_route(void **state)
{
    (void)state;
    seeds("modparam(\"tm\", \"fr_inv_timer\", 20) route { " ACKS_AND_CANCELS
          " append_branch(\"sip:c@192.0.2.31\"); append_branch(\"sip:d@192.0.2.32\"); "
          "t_on_failure(\"1\"); t_on_branch(\"1\"); t_relay(); } "
          "branch_route[1] { append_hf(\"X-B: $T_branch_idx\\r\\n\"); if ($rU == \"d\") "
          "rewriteuser(\"e\"); } "
          "failure_route[1] { $var(n) = $var(n) + 1; if (t_was_cancelled()) exit; "
          "if ($var(n) < 3) { t_on_failure(\"1\"); append_branch(\"sip:v@192.0.2.90\"); "
          "append_branch(\"sip:u@192.0.2.91\"); t_relay(); } else t_reply(\"480\", \"Gone\"); }");
}

static void test_onreply_branches(void **state)
{
    (void)state;
    seeds(
        "modparam(\"tm\", \"fr_inv_timer\", 20) modparam(\"tm\", \"onreply_avp_mode\", 1) route { "
        "$avp(s:a) = \"x\"; t_on_reply(\"1\"); append_branch(\"sip:c@192.0.2.31\"); t_relay(); } "
        "onreply_route[1] { append_hf(\"X-R: $avp(s:a)\\r\\n\"); if (status =~ \"4..\") { "
        "rewritehost(\"192.0.2.90\"); append_branch(); t_relay(); } }");
}

static void test_names(void **state)
{
    (void)state;
    seeds("modparam(\"tm\", \"fr_inv_timer\", 20) route { " ACKS_AND_CANCELS
          " rewritehost(\"one.example.com\"); append_branch(\"sip:c@two.example.com\"); "
          "t_on_failure(\"1\"); t_relay(); } "
          "failure_route[1] { append_branch(\"sip:v@three.example.com\"); t_relay(); }");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_fork_and_failure_route),
        cmocka_unit_test(test_onreply_branches),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
