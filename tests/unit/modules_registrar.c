/* registrar: REGISTERs as bytes in, answers and Request-URIs out. usrloc is the real one; the proxy
 * around is played by the functions below. */
/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "modules/registrar/registrar_priv.h"
#include "tests/unit/modules_alone.h"

extern const struct module usrloc_module;

/* ---- the proxy, played ----------------------------------------------------------------------- */

static struct {
    void *conf[2], *state; /* [0] of usrloc */
    int64_t time;
    bool no_usrloc, send_fails, stateful;
    struct arena arena;
    struct call call;
    struct msg msg;
    struct addr socket[2];
    const char *avp; /* what any AVP reads as, NULL for nothing */
    int64_t stat[8];
    unsigned code, replies, cseq;
    char headers[65536]; /* of the last reply */
} world;

static struct call *const call = &world.call;
static char prepared[64]; /* the last variable that was prepared */

void *call_conf(const struct call *c, const struct module *m)
{
    (void)c;
    return world.conf[m == &registrar_module];
}

void *call_state(const struct call *c, const struct module *m)
{
    (void)c, (void)m;
    return world.state;
}

const void *call_api(const struct call *c, const char *module)
{
    (void)c;
    return world.no_usrloc || strcmp(module, "usrloc") != 0 ? NULL : usrloc_module.api;
}

int64_t call_time(const struct call *c)
{
    (void)c;
    return world.time;
}

struct hash_key call_hash_key(const struct call *c)
{
    (void)c;
    return (struct hash_key){1, 2};
}

void call_count(const struct call *c, const struct module *m, unsigned stat, int64_t n)
{
    (void)c;
    if (m == &registrar_module)
        world.stat[stat] += n;
}

const struct host *call_host(void)
{
    return NULL;
}

int pv_read(const struct pv_ref *v, struct call *c, const struct host *host, struct value *out)
{
    (void)v, (void)c, (void)host;
    *out = world.avp ? value_str(str_from(world.avp)) : VALUE_NULL;
    return ERR_OK;
}

int prepare_pv(struct prepare *p, struct str text, const struct pv_ref **out)
{
    (void)p;
    snprintf(prepared, sizeof prepared, "%.*s", STR_ARG(text));
    *out = (const struct pv_ref *)prepared;
    return ERR_OK;
}

int call_set_uri(struct call *c, struct str text)
{
    c->target.uri = arena_dup(c->arena, text);
    return ERR_OK;
}

int call_set_dst_uri(struct call *c, struct str uri)
{
    c->target.dst_uri = arena_dup(c->arena, uri);
    return ERR_OK;
}

int call_add_branch(struct call *c, const struct target *t)
{
    if (c->extras == CALL_MAX_BRANCHES - 1)
        return ERR_LIMIT;
    c->extra[c->extras++] = *t;
    return ERR_OK;
}

const struct nameaddr *call_to(struct call *c)
{
    return msg_to(c->msg);
}

int call_find_socket(const struct call *c, enum proto proto, struct str host, uint16_t port)
{
    struct ip ip;
    (void)c;
    for (int i = 0; i < 2; i++)
        if (world.socket[i].proto == proto && world.socket[i].port == port &&
            ip_parse(&ip, host) == ERR_OK && ip_eq(&ip, &world.socket[i].ip))
            return i;
    return NO_SOCKET;
}

const struct addr *call_socket(const struct call *c, unsigned i)
{
    (void)c;
    return &world.socket[i];
}

int call_sl_reply(struct call *c, unsigned code, struct str reason)
{
    (void)reason;
    world.code = code;
    world.replies++;
    snprintf(world.headers, sizeof world.headers, "%.*s", STR_ARG(buf_str(&c->reply_headers)));
    return world.send_fails ? -1 : 1;
}

int call_reply(struct call *c, unsigned code, struct str reason)
{
    world.stateful = true;
    return call_sl_reply(c, code, reason);
}

/* ---- scripts, in C --------------------------------------------------------------------------- */

/* Sets a parameter of usrloc (0) or registrar (1); value NULL: the number. */
static void set_param(int which, const char *name, const char *text, int32_t number)
{
    const struct module *m = which ? &registrar_module : &usrloc_module;
    char error[128];
    struct buf why;
    buf_fixed(&why, error, sizeof error);
    struct prepare prepare = {.arena = &world.arena, .error = &why};
    for (const struct param_spec *p = m->symbols.params; p->name; p++) {
        struct str s = str_from(text);
        struct value v = text ? value_str(s) : value_int(number);
        char *at = (char *)world.conf[which] + p->offset;
        if (strcmp(p->name, name) != 0)
            continue;
        if (p->set)
            assert_int_equal(p->set(&prepare, world.conf[which], &v), ERR_OK);
        else if (p->type == PARAM_STR)
            memcpy(at, &s, sizeof s);
        else
            memcpy(at, &number, sizeof number);
    }
}

static void set_int(const char *name, int32_t n)
{
    set_param(1, name, NULL, n);
}

static void defaults(int which)
{
    const struct module *m = which ? &registrar_module : &usrloc_module;
    world.conf[which] = calloc(1, m->symbols.conf_size);
    for (const struct param_spec *p = m->symbols.params; p->name; p++)
        if (!p->set)
            set_param(which, p->name, p->text, (int32_t)p->number);
}

static int setup(void **state)
{
    bool failed;
    (void)state;
    memset(&world, 0, sizeof world);
    arena_init(&world.arena, NULL, 65536);
    defaults(0);
    defaults(1);
    world.time = 1000;
    world.state = usrloc_module.start(
        &(struct module_start){.module = &usrloc_module, .conf = world.conf[0]}, &failed);
    for (int i = 0; i < 2; i++) {
        world.socket[i] = (struct addr){.port = (uint16_t)(5060 + i), .proto = PROTO_UDP};
        ip_parse(&world.socket[i].ip, STR("192.0.2.1"));
    }
    return failed;
}

static int teardown(void **state)
{
    (void)state;
    usrloc_module.stop(world.state);
    free(world.conf[0]);
    free(world.conf[1]);
    arena_reset(&world.arena);
    return 0;
}

/* A request arrives: what stands in start, a header line or more with CRLF in headers. */
static void arrive(const char *start, const char *headers)
{
    struct str text = arena_printf(&world.arena,
                                   "%s SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\n"
                                   "From: <sip:f@example.test>;tag=1\r\n%s\r\n",
                                   start, headers);
    assert_int_equal(msg_scan(&world.msg, &world.arena, text), ERR_OK);
    *call = (struct call){.msg = &world.msg, .arena = &world.arena, .kind = ROUTE_REQUEST};
    call->target = (struct target){.uri = world.msg.uri, .q = NO_Q, .socket = NO_SOCKET};
    call->reply_headers.arena = &world.arena;
    world.code = 0;
    world.headers[0] = '\0';
}

static int run(const char *name, const char *a, int b)
{
    struct arg args[2] = {{.v = value_str(str_from(a))}, {.v = value_int(b)}};
    const struct fn_spec *f = registrar_module.symbols.functions;
    while (strcmp(f->name, name) != 0)
        f++;
    return f->call(call, args, b >= 0 ? 2 : 1);
}

static void arrive_register(const char *user, const char *headers)
{
    struct str all = arena_printf(&world.arena,
                                  "To: <sip:%s@example.test>\r\nCall-ID: c1\r\n"
                                  "CSeq: %u REGISTER\r\n%s",
                                  user, ++world.cseq, headers);
    arrive("REGISTER sip:example.test", all.p);
}

/* A REGISTER for al, with the next CSeq, and save("location"); its result. */
static int reg(const char *headers)
{
    arrive_register("al", headers);
    return run("save", "location", -1);
}

static void expect(unsigned code, const char *headers)
{
    assert_int_equal(world.code, code);
    assert_string_equal(world.headers, headers);
}

static int look(const char *uri)
{
    struct str start = arena_printf(&world.arena, "INVITE %s", uri);
    arrive(start.p, "To: <sip:x@example.test>\r\nCall-ID: c9\r\nCSeq: 1 INVITE\r\n");
    return run("lookup", "location", -1);
}

#define assert_str(s, lit) assert_true(str_eq(s, STR(lit)))

/* ---- save: what is entered ------------------------------------------------------------------- */

static void saves_and_answers(void **state)
{
    (void)state;
    assert_int_equal(reg(""), 1);
    expect(200, "");
    assert_int_equal(reg("Contact: <sip:al@192.0.2.9>\r\n"), 1);
    expect(200, "Contact: <sip:al@192.0.2.9>;expires=3600\r\n");
    world.time += 100;
    assert_int_equal(reg(""), 1);
    expect(200, "Contact: <sip:al@192.0.2.9>;expires=3500\r\n");
    assert_int_equal(reg("Contact: \"Al\" <sip:al@192.0.2.9>;expires=0\r\n"), 1);
    expect(200, "");
    assert_int_equal(call->reply_headers.len, 0);
    assert_int_equal(world.stat[STAT_ACCEPTED], 4);
}

static void order_of_contacts(void **state)
{
    (void)state;
    reg("Contact: <sip:a@h>, <sip:b@h>\r\nm: <sip:c@h>,<sip:d@h>\r\n");
    expect(200, "Contact: <sip:b@h>;expires=3600, <sip:a@h>;expires=3600, "
                "<sip:d@h>;expires=3600, <sip:c@h>;expires=3600\r\n");
    reg("Contact: *\r\nExpires: 0\r\n");
    expect(200, "");
    reg("Contact: <sip:a@h>;q=0.1, <sip:b@h>;q=0.9,\r\n <sip:c@h>;q=0.55, <sip:d@h>;q=1\r\n");
    expect(200, "Contact: <sip:d@h>;q=1;expires=3600, <sip:b@h>;q=0.9;expires=3600, "
                "<sip:c@h>;q=0.55;expires=3600, <sip:a@h>;q=0.1;expires=3600\r\n");
}

static void times(void **state)
{
    static const struct {
        const char *contact, *expires;
        int32_t max;
        unsigned want;
    } row[] = {
        {"", "Expires: 120\r\n", 0, 120},
        {";expires=200", "Expires: 120\r\n", 0, 200},
        {";expires=\"200\"", "", 0, 200},
        {"", "Expires: abc\r\n", 0, 3600},
        {"", "Expires: 5\r\n", 0, 60},
        {"", "Expires: 9999\r\n", 1000, 1000},
        {"", "", 1000, 1000},
        {"", "Expires: 4294967295\r\n", 0, 60},
        {"", "Expires: 99999999999999999999\r\n", 0, 3600},
        {"", "Expires: -1\r\n", 0, 3600},
    };
    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        set_int("max_expires", row[i].max);
        struct str h = arena_printf(&world.arena, "Contact: <sip:a@h>%s\r\n%s", row[i].contact,
                                    row[i].expires);
        struct str want =
            arena_printf(&world.arena, "Contact: <sip:a@h>;expires=%u\r\n", row[i].want);
        reg(h.p);
        expect(200, want.p);
    }
}

static void runs_out(void **state)
{
    (void)state;
    set_int("min_expires", 1);
    reg("Contact: <sip:a@h>\r\nExpires: 2\r\n");
    world.time += 1;
    assert_int_equal(look("sip:al@example.test"), 1);
    world.time += 1;
    assert_int_equal(look("sip:al@example.test"), -1);
}

static void default_q(void **state)
{
    (void)state;
    set_int("default_q", 500);
    reg("Contact: <sip:a@h>, <sip:b@h>;q=0.2, <sip:c@h>;q=0.6789\r\n");
    expect(200, "Contact: <sip:c@h>;q=0.678;expires=3600, <sip:a@h>;q=0.5;expires=3600, "
                "<sip:b@h>;q=0.2;expires=3600\r\n");
}

static void retransmission(void **state)
{
    (void)state;
    reg("Contact: <sip:a@h>\r\n");
    world.cseq--;
    assert_int_equal(reg("Contact: <sip:a@h>\r\nExpires: 100\r\n"), 1);
    expect(200, "Contact: <sip:a@h>;expires=3600\r\n");
    world.cseq -= 2;
    assert_int_equal(reg("Contact: <sip:a@h>\r\nExpires: 100\r\n"), 0);
    expect(400, "Contact: <sip:a@h>;expires=3600\r\nP-Registrar-Error: Invalid CSeq number\r\n");
    assert_int_equal(world.stat[STAT_REJECTED], 1);
}

static void on_any_method(void **state)
{
    (void)state;
    arrive("OPTIONS sip:bob@example.test", "To: <sip:bob@example.test>\r\nCall-ID: c\r\n"
                                           "CSeq: 1 OPTIONS\r\nContact: <sip:b@h>\r\n");
    assert_int_equal(run("save", "", -1), 1);
    expect(200, "Contact: <sip:b@h>;expires=3600\r\n");
}

static void flags(void **state)
{
    (void)state;
    arrive_register("al", "Contact: <sip:a@h>\r\n");
    assert_int_equal(run("save", "location", SAVE_NO_REPLY), 1);
    arrive_register("al", "Contact: <sip:a@h>;q=7\r\n");
    assert_int_equal(run("save", "location", SAVE_NO_REPLY), 0);
    assert_int_equal(run("save_noreply", "location", -1), 0);
    assert_int_equal(world.replies, 0);
    arrive_register("al", "Contact: <sip:b@h>\r\n");
    assert_int_equal(run("save_memory", "location", -1), 1);
    world.send_fails = true;
    assert_int_equal(reg(""), -1);
    assert_false(world.stateful);
    world.send_fails = false;
    arrive_register("al", "");
    call->txn = (struct txn *)&world;
    assert_int_equal(run("save", "location", -1), 1);
    assert_true(world.stateful);
}

/* ---- save: what is refused ------------------------------------------------------------------- */

static void refusals(void **state)
{
    static const struct {
        const char *headers;
        unsigned code;
        const char *error;
    } row[] = {
        {"Contact: <sip:a@h>;q=1.5\r\n", 400, "Invalid q param in contact"},
        {"Contact: <sip:a@h>;q=1.001\r\n", 400, "Invalid q param in contact"},
        {"Contact: <sip:a@h>;q=abc\r\n", 400, "Invalid q param in contact"},
        {"Contact: <sip:b@h>, <sip:a@h>;q=-1\r\n", 400, "Invalid q param in contact"},
        {"Contact: *\r\n", 400, "* used in contact and expires is not zero"},
        {"Contact: *\r\nExpires: 60\r\n", 400, "* used in contact and expires is not zero"},
        {"Contact: *\r\nExpires: 0\r\nContact: <sip:a@h>\r\n", 400,
         "* used in contact beside other contacts"},
        {"Contact: <sip:a@h>, *\r\nExpires: 0\r\n", 400, "* used in contact beside other contacts"},
        {"Contact: <sip:a@h>\r\nContact: *\r\nExpires: 0\r\n", 400,
         "* used in contact beside other contacts"},
        {"Contact: <sip:a@h\r\n", 400, "Contact parse error"},
        {"Contact: nonsense\r\n", 400, "Contact parse error"},
        {"Contact: <sip:a@h> <sip:b@h>\r\n", 400, "Contact parse error"},
        {"Contact: <sip:a@h\r\n ;x=y>\r\n", 400, "Contact parse error"},
        {"Contact:\r\n", 400, "Contact parse error"},
        {"Contact: <sip:b@h>,,<sip:a@h>\r\n", 400, "Contact parse error"},
    };
    (void)state;
    reg("Contact: <sip:x@h>\r\n");
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        const char *list = row[i].error[0] == 'I' ? "Contact: <sip:x@h>;expires=3600\r\n" : "";
        struct str want =
            arena_printf(&world.arena, "%sP-Registrar-Error: %s\r\n", list, row[i].error);
        assert_int_equal(reg(row[i].headers), 0);
        expect(row[i].code, want.p);
    }
    arrive_register("bo", "Contact: <sip:a@h>;q=abc\r\n"); /* nothing registered: no Contact */
    assert_int_equal(run("save", "location", -1), 0);
    expect(400, "P-Registrar-Error: Invalid q param in contact\r\n");
}

static const char *repeat(const char *before, unsigned n, const char *after)
{
    struct buf b;
    buf_init(&b, &world.arena, n + 100);
    buf_add(&b, str_from(before));
    for (unsigned i = 0; i < n; i++)
        buf_char(&b, 'x');
    buf_add(&b, str_from(after));
    buf_char(&b, '\0');
    return b.p;
}

#define FLOW(uri, instance, reg_id)                                                                \
    "Contact: <sip:" uri ">;+sip.instance=\"<urn:uuid:" instance ">\";reg-id=" reg_id "\r\n"
#define HAS_FLOW(uri, instance, reg_id)                                                            \
    "<sip:" uri ">;expires=3600;+sip.instance=\"<urn:uuid:" instance ">\";reg-id=" reg_id

/* RFC 5626: a phone that comes back with another address replaces its flow, and no other. */
static void flows(void **state)
{
    (void)state;
    reg(FLOW("a@h:1", "1", "1"));
    expect(200, "Contact: " HAS_FLOW("a@h:1", "1", "1") "\r\n");
    reg(FLOW("a@h:2", "1", "1"));
    expect(200, "Contact: " HAS_FLOW("a@h:2", "1", "1") "\r\n");
    reg(FLOW("a@h:3", "1", "2"));
    expect(200, "Contact: " HAS_FLOW("a@h:2", "1", "1") ", " HAS_FLOW("a@h:3", "1", "2") "\r\n");
    reg(FLOW("a@h:4", "2", "1"));
    expect(200, "Contact: " HAS_FLOW("a@h:2", "1", "1") ", " HAS_FLOW("a@h:3", "1", "2") ", " //
           HAS_FLOW("a@h:4", "2", "1") "\r\n");
    /* the URI of the second is now the first one's: it gives way */
    reg(FLOW("a@h:3", "1", "1"));
    expect(200, "Contact: " HAS_FLOW("a@h:3", "1", "1") ", " HAS_FLOW("a@h:4", "2", "1") "\r\n");
    reg("Contact: <sip:x@h>;+sip.instance=\"<urn:uuid:2>\";reg-id=1;expires=0\r\n");
    expect(200, "Contact: " HAS_FLOW("a@h:3", "1", "1") "\r\n");
    reg("Contact: *\r\nExpires: 0\r\n");
    expect(200, "");
}

/* Without both parts it is the URI that counts. */
static void half_flows(void **state)
{
    (void)state;
    reg("Contact: <sip:a@h:1>;+sip.instance=\"<urn:uuid:1>\"\r\n");
    expect(200, "Contact: <sip:a@h:1>;expires=3600;+sip.instance=\"<urn:uuid:1>\"\r\n");
    reg("Contact: <sip:a@h:2>;+sip.instance=\"<urn:uuid:1>\"\r\n");
    expect(200, "Contact: <sip:a@h:1>;expires=3600;+sip.instance=\"<urn:uuid:1>\", "
                "<sip:a@h:2>;expires=3600;+sip.instance=\"<urn:uuid:1>\"\r\n");
    reg("Contact: *\r\nExpires: 0\r\n");
    reg("Contact: <sip:a@h:1>;reg-id=1\r\n");
    reg("Contact: <sip:a@h:2>;reg-id=1\r\n");
    expect(200, "Contact: <sip:a@h:1>;expires=3600, <sip:a@h:2>;expires=3600\r\n");
    reg("Contact: *\r\nExpires: 0\r\n");
    static const char *const no_id[] = {"0", "-1", "x", "2147483648", "99999999999999999999"};
    for (unsigned i = 0; i < sizeof no_id / sizeof *no_id; i++) {
        struct str contact = arena_printf(
            &world.arena, "Contact: <sip:a@h:%u>;+sip.instance=\"<urn:x>\";reg-id=%s\r\n", i + 1,
            no_id[i]);
        reg(contact.p);
        assert_int_equal(world.code, 200);
        assert_null(strstr(world.headers, "reg-id"));
    }
    assert_non_null(strstr(world.headers, "<sip:a@h:5>"));
    assert_non_null(strstr(world.headers, "<sip:a@h:1>"));
}

static void bad_flows(void **state)
{
    (void)state;
    assert_int_equal(reg(FLOW("a@h:1", "1", "1") FLOW("a@h:2", "1", "2")), 0);
    expect(400, "P-Registrar-Error: A contact with reg-id stands alone\r\n");
    reg(FLOW("a@h:1", "1", "1") "Contact: <sip:b@h>;expires=0\r\n"); /* one comes, one goes */
    assert_int_equal(world.code, 200);
    reg(repeat("Contact: <sip:b@h>;+sip.instance=\"", 255, "\"\r\n"));
    assert_int_equal(world.code, 200);
    reg(repeat("Contact: <sip:c@h>;+sip.instance=\"", 256, "\"\r\n"));
    assert_int_equal(world.code, 400);
}

static void star(void **state)
{
    (void)state;
    reg("Contact: <sip:a@h>, <sip:b@h>\r\n");
    reg("Contact: *, <sip:c@h>\r\nExpires: 0\r\n"); /* what is behind the star does not count */
    expect(200, "");
    reg("Contact: *\r\nExpires: 0\r\n");
    expect(200, "");
}

static void most_contacts(void **state)
{
    (void)state;
    set_int("max_contacts", 1);
    reg("Contact: <sip:a@h>\r\n");
    assert_int_equal(reg("Contact: <sip:b@h>\r\n"), 0);
    expect(503, "Contact: <sip:a@h>;expires=3600\r\n"
                "P-Registrar-Error: Too many registered contacts\r\n");
    set_int("retry_after", 30);
    reg("Contact: <sip:b@h>\r\n");
    expect(503, "Contact: <sip:a@h>;expires=3600\r\n"
                "P-Registrar-Error: Too many registered contacts\r\nRetry-After: 30\r\n");
    reg("Contact: <sip:b@h>, <sip:a@h>;expires=0\r\n"); /* one goes, one comes */
    expect(200, "Contact: <sip:b@h>;expires=3600\r\n");
}

/* 33 contacts in one message, whether the table would take them or not. */
static void many_contacts(void **state)
{
    struct buf b;
    (void)state;
    buf_init(&b, &world.arena, 1024);
    for (int i = 0; i < 33; i++)
        buf_printf(&b, "Contact: <sip:a%d@h>\r\n", i);
    buf_char(&b, '\0');
    assert_int_equal(reg(b.p), 0);
    expect(503, "P-Registrar-Error: Too many registered contacts\r\n");
    buf_init(&b, &world.arena, 1024);
    buf_printf(&b, "Contact: <sip:a@h>");
    for (int i = 0; i < 1000; i++)
        buf_printf(&b, ",<sip:a%d@h>", i);
    buf_printf(&b, "\r\n");
    buf_char(&b, '\0');
    assert_int_equal(reg(b.p), 0);
    assert_int_equal(world.code, 503);
}

static void long_texts(void **state)
{
    (void)state;
    reg(repeat("Contact: <sip:", 255 - 4 - 2, "@h>\r\n"));
    assert_int_equal(world.code, 200);
    reg(repeat("Contact: <sip:", 255 - 4 - 1, "@h>\r\n"));
    assert_non_null(strstr(world.headers, "Contact URI or received is too long"));
    reg(repeat("Contact: <sip:", 4096, "@h>\r\n"));
    assert_int_equal(world.code, 400);
    reg(repeat("Contact: <sip:a@h>;received=\"sip:", 300, "\"\r\n"));
    assert_int_equal(world.code, 400);
    reg(repeat("Contact: <sip:a@h>\r\nUser-Agent: ", 5000, "\r\n"));
    assert_int_equal(world.code, 200);
    arrive("REGISTER sip:h", repeat("To: <sip:al@h>\r\nCSeq: 1 REGISTER\r\nContact: <sip:a@h>\r\n"
                                    "Call-ID: ",
                                    256, "\r\n"));
    run("save", "location", -1);
    assert_non_null(strstr(world.headers, "Call-ID is too long"));
    arrive_register(repeat("", 65, ""), "Contact: <sip:a@h>\r\n");
    assert_int_equal(run("save", "location", -1), 0);
    expect(500, "P-Registrar-Error: Address of record is too long\r\n");
    arrive_register(repeat("", 64, ""), "Contact: <sip:a@h>\r\n");
    assert_int_equal(run("save", "location", -1), 1);
    assert_int_equal(look(repeat("sip:", 65, "@example.test")), -3);
}

static void missing_parts(void **state)
{
    (void)state;
    arrive("REGISTER sip:h", "Call-ID: c\r\nCSeq: 1 REGISTER\r\nContact: <sip:a@h>\r\n");
    assert_int_equal(run("save", "location", -1), 0);
    expect(400, "P-Registrar-Error: No usable To header\r\n");
    arrive("REGISTER sip:h", "To: <sip:a@h>\r\nCSeq: 1 REGISTER\r\nContact: <sip:a@h>\r\n");
    assert_int_equal(run("save", "location", -1), 0);
    assert_int_equal(world.code, 400);
    arrive("REGISTER sip:h", "To: <sip:a@h>\r\nCall-ID: c\r\nContact: <sip:a@h>\r\n");
    assert_int_equal(run("save", "location", -1), 0);
    assert_int_equal(world.code, 400);
    world.no_usrloc = true;
    reg("Contact: <sip:a@h>\r\n");
    expect(500, "P-Registrar-Error: Location table is not available\r\n");
    assert_int_equal(look("sip:al@example.test"), -3);
}

/* ---- addresses of record --------------------------------------------------------------------- */

static void keys(void **state)
{
    (void)state;
    arrive_register("A%6c%00x", "Contact: <sip:%00@h>,<sip:%00%00@h>\r\n"); /* RFC 4475 3.1.1.4 */
    assert_int_equal(run("save", "location", -1), 1);
    expect(200, "Contact: <sip:%00%00@h>;expires=3600, <sip:%00@h>;expires=3600\r\n");
    assert_int_equal(look("sip:al@example.test"), -1);
    assert_int_equal(look("sip:%61L%00X@other.test:5070"), 1);
    set_int("case_sensitive", 1);
    arrive_register("Bo", "Contact: <sip:b@h>\r\n");
    run("save", "location", -1);
    assert_int_equal(look("sip:bo@example.test"), -1);
    assert_int_equal(look("sip:Bo@example.test"), 1);
    set_int("case_sensitive", 0);
    arrive("REGISTER sip:h", "To: <tel:+1-202>\r\nCall-ID: c\r\nCSeq: 1 REGISTER\r\n"
                             "Contact: <tel:+12025550100>\r\n");
    assert_int_equal(run("save", "location", -1), 1);
    assert_int_equal(look("sip:+1-202@example.test"), 1);
}

static void domains(void **state)
{
    (void)state;
    set_param(0, "use_domain", NULL, 1);
    set_param(1, "realm_prefix", "sip.", 0);
    reg("Contact: <sip:a@h>\r\n");
    assert_int_equal(look("sip:al@other.test"), -1);
    assert_int_equal(look("sip:AL@EXAMPLE.test"), 1);
    assert_int_equal(look("sip:al@sip.example.test"), 1);
    assert_int_equal(look("sip:al@sip."), -1);
    assert_int_equal(look("sip:example.test"), -1);
    arrive("REGISTER sip:h", "To: <sip:example.test>\r\nCall-ID: c\r\nCSeq: 1 REGISTER\r\n"
                             "Contact: <sip:pbx@h>\r\n");
    assert_int_equal(run("save", "location", -1), 1);
    assert_int_equal(look("sip:example.test"), 1);
}

static void aor_avp(void **state)
{
    (void)state;
    set_param(1, "aor_avp", "$avp(s:aor)", 0);
    world.avp = "sip:zoe@h";
    reg("Contact: <sip:z@h>\r\n");
    assert_int_equal(look("sip:nobody@h"), 1);
    world.avp = NULL;
    assert_int_equal(look("sip:zoe@h"), 1);
    assert_int_equal(look("sip:al@h"), -1);
    world.avp = "not a uri";
    assert_int_equal(look("sip:zoe@h"), -3);
}

static void avp_notations(void **state)
{
    static const char *const row[][2] = {{"$avp(i:42)", "$avp(i:42)"},
                                         {"$(avp(s:x))", "$(avp(s:x))"},
                                         {"i:42", "$avp(i:42)"},
                                         {"s:rcv", "$avp(s:rcv)"},
                                         {"rcv", "$avp(rcv)"}};
    char text[64] = "";
    struct buf error;
    struct prepare p = {.arena = &world.arena, .error = &error};
    struct value v = value_str(STR("$ru"));
    const struct param_spec *s = registrar_module.symbols.params;
    (void)state;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        set_param(1, "received_avp", row[i][0], 0);
        assert_string_equal(prepared, row[i][1]);
    }
    set_int("received_avp", 42);
    assert_string_equal(prepared, "$avp(i:42)");
    buf_fixed(&error, text, sizeof text);
    while (strcmp(s->name, "received_avp") != 0)
        s++;
    assert_int_equal(s->set(&p, world.conf[1], &v), ERR_INVALID);
    assert_true(error.len > 0);
}

/* ---- where phones really are ----------------------------------------------------------------- */

static void received(void **state)
{
    (void)state;
    set_param(1, "received_avp", "$avp(s:rcv)", 0);
    world.avp = "sip:203.0.113.5:7";
    reg("Contact: <sip:a@10.0.0.1>\r\n");
    expect(200, "Contact: <sip:a@10.0.0.1>;expires=3600;received=\"sip:203.0.113.5:7\"\r\n");
    assert_int_equal(look("sip:al@h"), 1);
    assert_str(call->target.uri, "sip:a@10.0.0.1");
    assert_str(call->target.dst_uri, "sip:203.0.113.5:7");
    reg("Contact: <sip:a@10.0.0.1>;received=\"sip:192.0.2.4;transport=tcp\"\r\n");
    set_param(1, "received_param", "rcv", 0);
    reg("");
    expect(200, "Contact: <sip:a@10.0.0.1>;expires=3600;rcv=\"sip:192.0.2.4;transport=tcp\"\r\n");
    world.avp = "sip:x\"\r\nEvil: 1"; /* no header of its own */
    reg("Contact: <sip:a@10.0.0.1>\r\n");
    expect(200, "Contact: <sip:a@10.0.0.1>;expires=3600\r\n");
}

static void path(void **state)
{
    (void)state;
    reg("Contact: <sip:a@h>\r\nPath: <sip:edge;lr>\r\nSupported: path\r\n");
    expect(200, "Contact: <sip:a@h>;expires=3600\r\n"); /* use_path is off */
    set_int("use_path", 1);
    reg("Contact: <sip:a@h>\r\nPath: <sip:p1;lr>, <sip:p2;lr>\r\nPath: <sip:p3>\r\n"
        "Supported: timer, PATH\r\n");
    expect(200, "Contact: <sip:a@h>;expires=3600\r\n"
                "Path: <sip:p1;lr>,<sip:p2;lr>,<sip:p3>\r\n");
    assert_int_equal(look("sip:al@h"), 1);
    assert_str(call->target.uri, "sip:a@h");
    assert_str(call->target.dst_uri, "sip:p1;lr");
    assert_str(call->target.path, "<sip:p1;lr>,<sip:p2;lr>,<sip:p3>");
    assert_int_equal(reg("Contact: <sip:b@h>\r\nPath: <sip:p1;lr>\r\n"), 1);
    assert_int_equal(world.code, 420);
    assert_non_null(strstr(world.headers, "Unsupported: path\r\nPath: <sip:p1;lr>\r\n"
                                          "P-Registrar-Error: "));
    assert_non_null(strstr(world.headers, "<sip:b@h>;expires=3600")); /* it is stored */
    assert_int_equal(reg("Path: <sip:p1;lr>\r\n"), 1); /* asks only: nothing is stored */
    assert_int_equal(world.code, 200);
    set_int("path_mode", PATH_LAZY);
    reg("Contact: <sip:b@h>;expires=0, <sip:a@h>;expires=70\r\nPath: <sip:p1;lr>\r\n");
    expect(200, "Contact: <sip:a@h>;expires=70\r\n");
    set_int("path_mode", PATH_NEVER);
    reg("Contact: <sip:a@h>;expires=70\r\nPath: <sip:p1;lr>\r\nSupported: path\r\n");
    expect(200, "Contact: <sip:a@h>;expires=70\r\n");
}

static void bad_paths(void **state)
{
    static const char *const row[] = {"<sip:p1>", "sip:p1;lr", "<sip:p1;lr", "<:;lr>",
                                      "<sip:p1;lr>, <p2>"};
    (void)state;
    set_int("use_path", 1);
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct str h = arena_printf(&world.arena, "Contact: <sip:a@h>\r\nPath: %s\r\n", row[i]);
        if (reg(h.p) != 0)
            fail_msg("accepted: %s", row[i]);
        expect(400, "P-Registrar-Error: Path parse error\r\n");
    }
    assert_int_equal(reg(repeat("Contact: <sip:a@h>\r\nPath: <sip:", 1100, ";lr>\r\n")), 0);
}

static void path_received(void **state)
{
    (void)state;
    set_int("use_path", 1);
    set_int("path_use_received", 1);
    set_int("path_mode", PATH_NEVER);
    set_param(0, "nat_bflag", NULL, 6);
    reg("Contact: <sip:a@10.0.0.1>;received=\"sip:9.9.9.9\"\r\n"
        "Path: <sip:p1;lr;received=sip:203.0.113.5:7%3Btransport%3dtcp>, <sip:p2;lr>\r\n");
    expect(200, "Contact: <sip:a@10.0.0.1>;expires=3600;"
                "received=\"sip:203.0.113.5:7;transport=tcp\"\r\n");
    assert_int_equal(look("sip:al@h"), 1);
    assert_int_equal(call->target.flags, 1 << 6);
    assert_str(call->target.dst_uri, "sip:p1;lr;received=sip:203.0.113.5:7%3Btransport%3dtcp");
}

static void sockets(void **state)
{
    (void)state;
    arrive_register("al", "Contact: <sip:a@h>\r\n");
    call->msg->socket = 1;
    call->target.flags = 5;
    run("save", "location", -1);
    look("sip:al@h");
    assert_int_equal(call->target.socket, 1);
    assert_int_equal(call->target.flags, 5);
    set_int("sock_flag", 3);
    set_param(1, "sock_hdr_name", "Sock-Info", 0);
    static const struct {
        const char *value;
        int want;
    } row[] = {{"udp:192.0.2.1:5061", 1},
               {"udp:198.51.100.1:5060", NO_SOCKET},
               {"garbage", 0},
               {"udp:", 0},
               {":", 0},
               {"", 0},
               {"udp::99999", 0}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct str h =
            arena_printf(&world.arena, "Contact: <sip:a@h>\r\nsock-info: %s\r\n", row[i].value);
        arrive_register("al", h.p);
        call->flags = 1 << 3;
        assert_int_equal(run("save", "location", -1), 1);
        look("sip:al@h");
        assert_int_equal(call->target.socket, row[i].want);
    }
}

static void nat_flag(void **state)
{
    (void)state;
    set_int("nat_flag", 4);
    arrive_register("al", "Contact: <sip:a@h>\r\n");
    call->flags = 1 << 4;
    run("save", "location", -1);
    look("sip:al@h");
    assert_int_equal(call->flags, 1 << 4);
    reg("Contact: <sip:a@h>\r\n");
    look("sip:al@h");
    assert_int_equal(call->flags, 0);
}

static void adds_socket_header(void **state)
{
    struct buf out;
    (void)state;
    arrive_register("al", "Contact: <sip:a@h>\r\n");
    assert_int_equal(run("add_sock_hdr", "Sock-Info", -1), 1);
    buf_init(&out, &world.arena, 1024);
    edits_write(&out, call->msg->raw, 0, call->msg->raw.len, &call->edits, NULL);
    assert_true(str_ends(buf_str(&out),
                         STR("Contact: <sip:a@h>\r\nSock-Info: udp:192.0.2.1:5060\r\n\r\n")));
}

/* ---- lookup ---------------------------------------------------------------------------------- */

static void looks_up(void **state)
{
    (void)state;
    reg("Contact: <sip:a@h>;q=0.1, <sip:b@h>;q=0.9, <sip:c@h>\r\n");
    assert_int_equal(look("sip:al@example.test"), 1);
    assert_str(call->target.uri, "sip:b@h");
    assert_int_equal(call->target.q, 900);
    assert_int_equal(call->extras, 2);
    assert_str(call->extra[0].uri, "sip:a@h");
    assert_int_equal(call->extra[0].q, 100);
    assert_str(call->extra[1].uri, "sip:c@h");
    assert_int_equal(call->extra[1].q, NO_Q);
    set_int("append_branches", 0);
    look("sip:al@example.test");
    assert_int_equal(call->extras, 0);
    assert_int_equal(look("sip:bo@example.test"), -1);
    assert_str(call->target.uri, "sip:bo@example.test");
    arrive("INVITE sip:al@h", "");
    assert_int_equal(run("lookup", "aliases", -1), -1);
    assert_int_equal(run("registered", "location", -1), 1);
    assert_int_equal(run("registered", "aliases", -1), -1);
    assert_str(call->target.uri, "sip:al@h");
}

static void keeps_what_was_set(void **state)
{
    (void)state;
    reg("Contact: <sip:a@h>\r\n");
    arrive("INVITE sip:al@h", "");
    call->target.dst_uri = STR("sip:proxy");
    call->target.flags = 2;
    call->extras = 1;
    assert_int_equal(run("lookup", "location", -1), 1);
    assert_str(call->target.dst_uri, "sip:proxy");
    assert_int_equal(call->target.flags, 2);
    assert_int_equal(call->extras, 1);
}

static void branches_are_limited(void **state)
{
    struct buf b;
    (void)state;
    buf_init(&b, &world.arena, 1024);
    for (int i = 0; i < 30; i++)
        buf_printf(&b, "Contact: <sip:a%d@h>\r\n", i);
    buf_char(&b, '\0');
    reg(b.p);
    assert_int_equal(world.code, 200);
    assert_int_equal(look("sip:al@h"), 1);
    assert_int_equal(call->extras, CALL_MAX_BRANCHES - 1);
}

static void methods(void **state)
{
    (void)state;
    reg("Contact: <sip:a@h>;methods=\"SUBSCRIBE, MESSAGE\"\r\n");
    assert_int_equal(look("sip:al@h"), 1); /* not filtered */
    set_int("method_filtering", 1);
    assert_int_equal(look("sip:al@h"), -2);
    assert_str(call->target.uri, "sip:al@h");
    reg("Contact: <sip:b@h>\r\nAllow: ACK, BYE\r\nAllow: INVITE\r\n");
    assert_int_equal(look("sip:al@h"), 1);
    assert_str(call->target.uri, "sip:b@h");
    assert_int_equal(call->extras, 0);
    arrive("FROB sip:al@h", "");
    assert_int_equal(run("lookup", "location", -1), -2);
    reg("Contact: <sip:c@h>\r\n");
    arrive("FROB sip:al@h", "");
    assert_int_equal(run("lookup", "location", -1), 1);
}

/* Every prefix of a REGISTER, in memory of exactly its size. */
static void cut_short(void **state)
{
    static const char head[] = "REGISTER sip:h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\n";
    static const char tail[] =
        "To: <sip:al@h>\r\nCall-ID: c\r\nCSeq: 1 REGISTER\r\nPath: <sip:p;lr;received=sip:x%3b>\r\n"
        "Sock: udp:192.0.2.1:5060\r\nSupported: path\r\nAllow: INVITE,ACK\r\nExpires: 100\r\n"
        "Contact: \"a\" <sip:a@h;x=1>;q=0.5;expires=\"7\";methods=\"INVITE\";received=\"sip:r\", "
        "sip:b@h;q=1\r\n\r\n";
    (void)state;
    set_int("use_path", 1);
    set_int("path_use_received", 1);
    set_int("sock_flag", 0);
    set_param(1, "sock_hdr_name", "Sock", 0);
    for (size_t n = 0; n < sizeof tail; n++) {
        size_t len = sizeof head - 1 + n;
        char *bytes = malloc(len);
        memcpy(bytes, head, sizeof head - 1);
        memcpy(bytes + sizeof head - 1, tail, n);
        arrive("REGISTER sip:h", "");
        if (msg_scan(&world.msg, &world.arena, str_make(bytes, len)) == ERR_OK) {
            call->flags = 1;
            int rc = run("save", "location", -1);
            assert_true(rc == 0 || rc == 1);
        }
        free(bytes);
    }
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define T3(a, b, c) T(a), T(b), T(c)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T3(saves_and_answers, order_of_contacts, times),
        T3(runs_out, default_q, retransmission),
        T3(on_any_method, flags, refusals),
        T3(star, most_contacts, many_contacts),
        T3(flows, half_flows, bad_flows),
        T3(long_texts, missing_parts, keys),
        T3(domains, aor_avp, avp_notations),
        T3(received, path, bad_paths),
        T3(path_received, sockets, nat_flag),
        T3(adds_socket_header, looks_up, keeps_what_was_set),
        T3(branches_are_limited, methods, cut_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
