/* Times the interpreter: sends messages through the engine and looks at the clock around each run
 * of the main route, which is all that is measured; callgrind counts measure_script()
 * (tests/bench/lang).
 *
 *     lang_route SCRIPT MESSAGES COUNT METHOD...    the messages of these methods, COUNT times each
 *
 * MESSAGES is a file, a line "--" between one and the next. Prints how many routes ran, nanoseconds
 * and instructions of the machine a route.
 */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/err.h"
#include "core/module.h"
#include "core/proxy/engine_priv.h"
#include "lang/diag.h"
#include "lang/vm_priv.h"
#include "modules/registry.h"

enum { PORT = 5570, MAX_MESSAGES = 32, ROUNDS = 5 };

struct bench {
    struct shared shared;
    struct loop loop;
    struct engine *engine;
    struct addr source;
    struct str message[MAX_MESSAGES];
    unsigned n;
};

static void die(const char *what)
{
    fprintf(stderr, "lang_route: %s\n", what);
    exit(2);
}

/* ---- what is measured ---------------------------------------------------------------------------
 * The linker sends every vm_run() of the engine here. */

static uint64_t nanoseconds, runs, instructions;
static bool counting; /* instructions, one by one: too slow to be timed */

static uint64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* A trace is told of new lines only: forgetting the last one makes every instruction new. */
static void count_instruction(void *user, struct loc at)
{
    struct vm *vm = user;
    (void)at;
    vm->traced = (struct loc){0, 0, 0, 0, 0};
    instructions++;
}

enum vm_status __real_vm_run(struct vm *vm, const struct program *p, int route, struct call *call,
                             struct vm_result *out);
enum vm_status __wrap_vm_run(struct vm *vm, const struct program *p, int route, struct call *call,
                             struct vm_result *out);

__attribute__((noinline)) static enum vm_status measure_script(struct vm *vm,
                                                               const struct program *p, int route,
                                                               struct call *call,
                                                               struct vm_result *out)
{
    enum vm_status s = __real_vm_run(vm, p, route, call, out);
    runs++;
    return s;
}

enum vm_status __wrap_vm_run(struct vm *vm, const struct program *p, int route, struct call *call,
                             struct vm_result *out)
{
    vm_trace(vm, counting ? count_instruction : NULL, vm);
    uint64_t start = now();
    enum vm_status s = measure_script(vm, p, route, call, out);
    nanoseconds += now() - start;
    return s;
}

/* ---- the engine ---- */

static void no_send(void *user, uint16_t socket, const struct addr *dst, struct str bytes)
{
    (void)user, (void)socket, (void)dst, (void)bytes;
    die("the script sent something");
}

static int no_names(void *user, struct str name, enum dns_type type, void *token)
{
    (void)user, (void)name, (void)type, (void)token;
    return ERR_UNSUPPORTED;
}

static uint64_t chance(void *user)
{
    (void)user;
    return 4;
}

static struct addr loopback(uint16_t port)
{
    struct addr a = {.proto = PROTO_UDP, .port = port};
    a.ip.family = 4;
    memcpy(a.ip.b, (uint8_t[]){127, 0, 0, 1}, 4);
    return a;
}

static void begin(struct bench *b, const char *script)
{
    struct diag d;
    struct buf why;
    char text[256];
    diag_init(&d);
    struct config *c = config_load(module_set(), script, &d);
    if (!c) {
        diag_print(&d, stderr);
        die("the script does not compile");
    }
    diag_free(&d);
    b->source = loopback(5561);
    b->shared.workers = 1;
    b->shared.n_sockets = 1;
    b->shared.sockets[0] = (struct socket_info){loopback(PORT), STR("127.0.0.1"), STR("127.0.0.1")};
    buf_fixed(&why, text, sizeof text);
    if (shared_start(&b->shared, module_set(), c, &why) != ERR_OK)
        die("a module does not start");
    struct engine_env env = {.send = no_send, .ask = no_names, .random = chance, .loop = &b->loop};
    b->engine = engine_new(&b->shared, 0, &env, 1000000);
    if (!b->engine)
        die("no engine");
    engine_set_time(b->engine, 1000000, 1700000000000);
}

/* ---- messages ---- */

/* Puts a message with its line ends into the list. */
static void add_message(struct bench *b, struct str text)
{
    char *copy = malloc(2 * text.len + 1), *at = copy;
    if (!copy || b->n == MAX_MESSAGES)
        die("too many messages");
    for (size_t i = 0; i < text.len; i++) {
        if (text.p[i] == '\n')
            *at++ = '\r';
        *at++ = text.p[i];
    }
    b->message[b->n++] = str_make(copy, (size_t)(at - copy));
}

static bool wanted(struct str message, char **methods)
{
    for (; *methods; methods++)
        if (str_starts(message, str_from(*methods)))
            return true;
    return false;
}

static void read_messages(struct bench *b, const char *path, char **methods)
{
    static char text[65536];
    FILE *f = fopen(path, "rb");
    size_t n = f ? fread(text, 1, sizeof text, f) : 0;
    struct str all = str_make(text, n);
    if (!f || n == sizeof text)
        die("no messages");
    fclose(f);
    while (all.len) {
        ptrdiff_t end = str_search(all, STR("--\n"), 0);
        size_t len = end < 0 ? all.len : (size_t)end;
        if (wanted(all, methods))
            add_message(b, str_sub(all, 0, len));
        all = str_sub(all, end < 0 ? all.len : len + 3, all.len);
    }
}

static void play(struct bench *b, unsigned long count)
{
    for (unsigned long i = 0; i < count; i++)
        for (unsigned m = 0; m < b->n; m++)
            engine_input(b->engine, b->message[m], &b->source, 0);
}

/* The quickest of some rounds: whatever disturbs makes it slower. */
static double quickest(struct bench *b, unsigned long count)
{
    double best = 0;
    for (unsigned i = 0; i < ROUNDS; i++) {
        nanoseconds = runs = 0;
        play(b, count);
        double each = (double)nanoseconds / (double)runs;
        if (i == 0 || each < best)
            best = each;
    }
    return best;
}

int main(int argc, char **argv)
{
    static struct bench b;
    if (argc < 5)
        die("usage: lang_route SCRIPT MESSAGES COUNT METHOD...");
    unsigned long count = strtoul(argv[3], NULL, 10);
    read_messages(&b, argv[2], argv + 4);
    begin(&b, argv[1]);
    play(&b, count / 10 + 1);
    double each = quickest(&b, count);
    counting = true;
    runs = 0;
    play(&b, 1);
    printf("messages %u\nruns %lu\nns %.1f\ninstructions %.1f\n", b.n,
           (count / 10 + 1 + ROUNDS * count + 1) * b.n, each, (double)instructions / (double)runs);
    engine_free(b.engine);
    shared_stop(&b.shared);
    for (unsigned i = 0; i < b.n; i++)
        free((char *)b.message[i].p);
    return 0;
}
