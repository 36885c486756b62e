/* A whole engine around a script, for tests of modules: a script and messages go in, what would be
 * sent and logged comes out. Texts are written with LF and become CRLF. */
/* SPDX-License-Identifier: MIT */
#ifndef TESTS_MODULES_FIXTURE_H
#define TESTS_MODULES_FIXTURE_H

#include <unistd.h>

#include "core/module.h"
#include "core/proxy/engine.h"
#include "modules/registry.h"
#include "tests/lib/unit.h"

enum { WORLD_SENT = 8, WORLD_BYTES = 8192 };

static struct {
    struct shared shared;
    struct engine *engine;
    struct loop loop; /* without descriptors: databases are in memory, see db_set_new */
    struct diag findings;
    bool compiled;
    uint64_t now;
    unsigned sent;
    char bytes[WORLD_SENT][WORLD_BYTES]; /* with LF, ending in NUL */
    uint16_t socket[WORLD_SENT];
    struct addr dst[WORLD_SENT];
    char log[WORLD_BYTES]; /* all that was logged, one after the other */
    size_t logged;
} world;

static void world_send(void *user, uint16_t socket, const struct addr *dst, struct str bytes)
{
    char *out;
    (void)user;
    assert_true(world.sent < WORLD_SENT && bytes.len < WORLD_BYTES);
    out = world.bytes[world.sent];
    for (size_t i = 0; i < bytes.len; i++)
        if (bytes.p[i] != '\r')
            *out++ = bytes.p[i];
    *out = 0;
    world.socket[world.sent] = socket;
    world.dst[world.sent++] = *dst;
}

static int no_names(void *user, struct str name, enum dns_type type, void *token)
{
    (void)user, (void)name, (void)type, (void)token;
    return ERR_NOTFOUND;
}

static uint64_t world_random(void *user)
{
    (void)user;
    return 7;
}

static void world_log(void *user, int level, struct str text)
{
    (void)user, (void)level;
    if (world.logged + text.len < sizeof world.log) {
        memcpy(world.log + world.logged, text.p, text.len);
        world.logged += text.len;
    }
}

static void world_socket(const char *ip, uint16_t port)
{
    struct socket_info *s = &world.shared.sockets[world.shared.n_sockets++];
    assert_int_equal(ip_parse(&s->addr.ip, str_from(ip)), ERR_OK);
    s->addr.port = port;
    s->addr.proto = PROTO_UDP;
    s->name = s->host = str_from(ip);
}

/* The script in a file that vanishes at once. */
static struct config *world_compile(const char *script)
{
    char path[] = "/tmp/signalbox-modules-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, script, strlen(script)) == (ssize_t)strlen(script));
    close(fd);
    diag_init(&world.findings);
    struct config *c = config_load(module_set(), path, &world.findings);
    unlink(path);
    return c;
}

static void world_close(void)
{
    if (world.compiled)
        db_set_leave(world.shared.dbs, 0);
    engine_free(world.engine);
    if (world.compiled)
        shared_stop(&world.shared);
    diag_free(&world.findings);
    log_set_sink(NULL, NULL);
    memset(&world, 0, sizeof world);
}

/* Modules that most tests load. */
#define LOAD                                                                                       \
    "loadmodule \"tm.so\"\nloadmodule \"sl.so\"\nloadmodule \"maxfwd.so\"\nloadmodule \"rr.so\"\n" \
    "loadmodule \"textops.so\"\nloadmodule \"uri.so\"\nloadmodule \"xlog.so\"\n"

/* Of the engines that are started from now on: what is drawn at start. */
static struct hash_key world_key;

/* Starts an engine, after ending the last one, on a script, on 192.0.2.1:5060 and 192.0.2.1:5070;
 * false when it does not compile. */
static bool world_try(const char *script)
{
    struct engine_env env = {
        .send = world_send, .ask = no_names, .random = world_random, .loop = &world.loop};
    char why[256];
    struct buf b;
    world_close();
    struct config *c = world_compile(script);
    if (!c)
        return false;
    buf_fixed(&b, why, sizeof why);
    world.now = 100000;
    world.shared.workers = 1;
    world.shared.simulated = true;
    world.shared.key = world_key;
    world_socket("192.0.2.1", 5060);
    world_socket("192.0.2.1", 5070);
    assert_int_equal(shared_start(&world.shared, module_set(), c, &b), ERR_OK);
    world.compiled = true;
    world.engine = engine_new(&world.shared, 0, &env, world.now);
    assert_non_null(world.engine);
    engine_set_time(world.engine, world.now, 1000000000000);
    log_set_sink(world_log, NULL);
    return true;
}

static void world_open(const char *script)
{
    if (!world_try(script)) {
        diag_print(&world.findings, stderr);
        fail_msg("the script does not compile");
    }
}

/* A message from 198.51.100.7:5060 arrives on socket 0. */
static void world_put(const char *message)
{
    static char bytes[WORLD_BYTES];
    struct addr src = {.ip = {4, {198, 51, 100, 7}}, .port = 5060, .proto = PROTO_UDP};
    size_t n = 0;
    for (const char *p = message; *p; p++) {
        assert_true(n + 2 < sizeof bytes);
        if (*p == '\n')
            bytes[n++] = '\r';
        bytes[n++] = *p;
    }
    world.sent = 0;
    world.logged = 0;
    engine_input(world.engine, str_make(bytes, n), &src, 0);
    world.log[world.logged] = 0;
}

static inline void world_pass(uint64_t ms)
{
    world.now += ms;
    engine_set_time(world.engine, world.now, 1000000000000 + world.now);
    engine_tick(world.engine);
}

/* ---- management commands ---- */

static inline int world_post(void *user, unsigned worker, struct loop_item *i)
{
    (void)user, (void)worker;
    i->fn(i);
    return ERR_OK;
}

static inline int world_post_home(struct loop *l, struct loop_item *i)
{
    (void)l;
    i->fn(i);
    return ERR_OK;
}

static inline int64_t world_wall(void *user)
{
    (void)user;
    return 1000000000;
}

static inline void world_answer(void *user, struct str answer)
{
    char *out = user;
    assert_true(answer.len < WORLD_BYTES);
    memcpy(out, answer.p, answer.len);
    out[answer.len] = 0;
}

static struct mi_server *world_server;

/* Asks a management request, given without its empty line. The answer, "" while there is none: it
 * may come until world_stop_asking. */
static inline const char *world_keep_asking(const char *request)
{
    static char text[WORLD_BYTES], later[WORLD_BYTES];
    static struct loop home = {.post = world_post_home};
    struct mi_env env = {.loop = &home, .post = world_post, .wall = world_wall};
    char *answer = world_server ? text : later;
    struct mi_client client = {world_answer, answer, "  ", WORLD_BYTES - 1};
    struct mi_request r;
    struct arena a;
    size_t used;
    if (!world_server)
        world_server = mi_server_new(&world.shared, &env);
    assert_non_null(world_server);
    arena_init(&a, NULL, 256);
    answer[0] = 0;
    assert_int_equal(mi_parse(&r, &a, str_from(request), true, &used), ERR_OK);
    mi_begin(world_server, &r, &client);
    arena_reset(&a);
    return answer;
}

static inline void world_stop_asking(void)
{
    mi_server_free(world_server);
    world_server = NULL;
}

/* The same for a request that is answered at once. */
static inline const char *world_ask(const char *request)
{
    bool kept = world_server != NULL;
    const char *answer = world_keep_asking(request);
    if (!kept)
        world_stop_asking();
    return answer;
}

/* The other side answers the request that was sent i-th: "200 OK", then lines of more headers. */
static inline void world_reply(unsigned i, const char *first_line, const char *more)
{
    static const char *const names[] = {"\nVia: ", "\nFrom: ", "\nTo: ", "\nCall-ID: ", "\nCSeq: "};
    static char reply[WORLD_BYTES];
    char *out = reply + sprintf(reply, "SIP/2.0 %s\n", first_line);
    for (unsigned k = 0; k < 5; k++) {
        const char *at = strstr(world.bytes[i], names[k]);
        assert_non_null(at);
        const char *end = strchr(at + 1, '\n');
        out += sprintf(out, "%.*s\n", (int)(end - at - 1), at + 1);
    }
    sprintf(out, "%sContent-Length: 0\n\n", more);
    world_put(reply);
}

/* Time passes second by second; what was sent in the last one is there to be seen. */
static inline void world_seconds(unsigned n)
{
    while (n--) {
        world.sent = 0;
        world_pass(1000);
    }
}

/* The database of a module, as the script has it; NULL when the module needs none. */
static inline struct db *world_db(const char *module)
{
    const struct module_set *set = module_set();
    for (unsigned i = 0; i < set->count; i++)
        if (strcmp(set->modules[i]->symbols.name, module) == 0)
            return config_db(&world.shared, atomic_load(&world.shared.current), set->modules[i]);
    return NULL;
}

/* Runs SQL there. The first column of all rows, joined by blanks; valid until the next. */
static inline const char *world_sql(const char *module, const char *text)
{
    static char out[1024];
    struct db_query q = {.verb = DB_SQL, .sql = str_from(text)};
    struct arena a;
    struct db_result r;
    char error[256], digits[DB_VALUE_TEXT];
    struct buf why, b;
    buf_fixed(&why, error, sizeof error);
    buf_fixed(&b, out, sizeof out - 1);
    arena_init(&a, NULL, 1024);
    if (db_run_now(world_db(module), &q, &a, &r, &why) != ERR_OK)
        fail_msg("%s: %.*s", text, STR_ARG(buf_str(&why)));
    for (unsigned i = 0; i < r.rows; i++)
        buf_printf(&b, "%s%.*s", i ? " " : "", STR_ARG(db_value_text(db_cell(&r, i, 0), digits)));
    assert_false(b.failed);
    out[b.len] = 0;
    arena_reset(&a);
    return out;
}

/* A request, its first line, more headers (each with its LF) and body given. */
#define REQUEST_TO(method, uri, to, headers, body)                                                 \
    method " " uri " SIP/2.0\n"                                                                    \
           "Via: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bKone\n"                                \
           "From: \"Alice\" <sip:alice@example.org>;tag=ft\n"                                      \
           "To: " to "\n"                                                                          \
           "Call-ID: c1@test\n"                                                                    \
           "CSeq: 1 " method "\n" headers "\n" body
#define REQUEST(method, uri, headers) REQUEST_TO(method, uri, "<sip:bob@example.org>", headers, "")
#define IN_DIALOG(method, uri, headers)                                                            \
    REQUEST_TO(method, uri, "<sip:bob@example.org>;tag=tt", headers, "")

/* Runs one script on one message; the world stays open. */
static inline void run(const char *script, const char *message)
{
    world_open(script);
    world_put(message);
}

/* First line of what was sent. */
static inline void expect_line(unsigned i, const char *line)
{
    assert_true(i < world.sent);
    char *end = strchr(world.bytes[i], '\n');
    assert_non_null(end);
    *end = 0;
    assert_string_equal(world.bytes[i], line);
    *end = '\n';
}

static inline void expect_text(unsigned i, const char *text)
{
    assert_true(i < world.sent);
    if (!strstr(world.bytes[i], text))
        fail_msg("no <%s> in\n%s", text, world.bytes[i]);
}

static inline void expect_no_text(unsigned i, const char *text)
{
    assert_true(i < world.sent);
    if (strstr(world.bytes[i], text))
        fail_msg("<%s> in\n%s", text, world.bytes[i]);
}

/* The script of a test that shows values in the reason phrase of its answer. */
#define SHOW(actions, reason)                                                                      \
    LOAD "route {\n" actions "\n    sl_send_reply(\"200\", \"" reason "\");\n}\n"

static inline void expect_shown(const char *script, const char *message, const char *reason)
{
    char line[512];
    snprintf(line, sizeof line, "SIP/2.0 200 %s", reason);
    run(script, message);
    expect_line(0, line);
}

static inline int teardown(void **state)
{
    (void)state;
    world_close();
    return 0;
}

#define TEST(f) cmocka_unit_test_teardown(f, teardown)

#endif
