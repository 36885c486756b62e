/* Replays calls through the engine without sockets, for counting: instructions under callgrind
 * (tests/bench/instructions), allocations and locks, bytes a transaction.
 *
 *     replay SCRIPT WORKLOAD CALLS [WARM] [live=N] [timers=N] [over=S] [users=N]
 *     replay SCRIPT waiting CALLS
 *     replay SCRIPT memory CALLS
 *
 * The first runs WARM calls, then CALLS measured ones, beside N more live transactions, armed
 * timers (of which the last fires after S seconds), registered users. The others tell the bytes
 * that a request keeps whose script waits, and those of a live and of a finished INVITE
 * transaction.
 *
 * One call begins every 20 ms of virtual time, so that calls of all ages are there at once, as
 * under load. The parties' own work happens outside measure(), which is all that callgrind counts.
 */
/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/err.h"
#include "core/base/pages.h"
#include "core/module.h"
#include "core/proxy/engine_priv.h"
#include "lang/diag.h"
#include "modules/registry.h"

enum { TEXT = 4096, STEP_MS = 20, AGE_STEP = 10, PROXY = 5560, CALLER = 5561, CALLEE = 5562 };
enum { VOICEMAIL = 5590, LINGER_MS = 34000, FIRST_TIMER_MS = 10000, RECORDS = 1000, QUEUE = 64 };

struct dialog {
    unsigned long number;
    char request[TEXT]; /* the last one that came to a callee */
    char answer[TEXT];  /* the last reply that came to the caller */
    uint16_t at;        /* port the request came to */
    uint64_t ns;        /* that the engine spent on it */
};

/* What is there besides the calls that are measured. */
struct crowd {
    unsigned long live, timers, users;
    unsigned long over; /* s after which the last of the timers fires */
};

struct packet {
    char text[TEXT];
    size_t len;
    uint16_t port;
};

struct world {
    struct shared shared;
    struct engine *engine;
    uint64_t now;
    struct packet queue[QUEUE]; /* sent and not delivered yet */
    unsigned queued;
    struct dialog *dialogs; /* in progress, a ring */
    unsigned long ring, users;
    struct timer *timers; /* armed by nobody who wants them; in large pages, as an engine's are */
    unsigned long armed;
    uint64_t *ns; /* of the measured calls, by their order */
    unsigned long measured;
    uint64_t ticks, longest_tick; /* ns */
};

/* ---- what the engine must not do for each message -----------------------------------------------
 */

static unsigned long allocations, locks;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
int __real_pthread_mutex_lock(pthread_mutex_t *m);
int __real_pthread_rwlock_rdlock(pthread_rwlock_t *l);
int __real_pthread_rwlock_wrlock(pthread_rwlock_t *l);

void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
int __wrap_pthread_mutex_lock(pthread_mutex_t *m);
int __wrap_pthread_rwlock_rdlock(pthread_rwlock_t *l);
int __wrap_pthread_rwlock_wrlock(pthread_rwlock_t *l);

void *__wrap_malloc(size_t n)
{
    allocations++;
    return __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    allocations++;
    return __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
    allocations++;
    return __real_realloc(p, n);
}

int __wrap_pthread_mutex_lock(pthread_mutex_t *m)
{
    locks++;
    return __real_pthread_mutex_lock(m);
}

int __wrap_pthread_rwlock_rdlock(pthread_rwlock_t *l)
{
    locks++;
    return __real_pthread_rwlock_rdlock(l);
}

int __wrap_pthread_rwlock_wrlock(pthread_rwlock_t *l)
{
    locks++;
    return __real_pthread_rwlock_wrlock(l);
}

/* ---- the world ---- */

static void die(const char *what)
{
    fprintf(stderr, "replay: %s\n", what);
    exit(2);
}

/* As the network does it: a copy into a queue. */
static void catch_packet(void *user, uint16_t socket, const struct addr *dst, struct str bytes)
{
    struct world *w = user;
    (void)socket;
    if (w->queued == QUEUE || bytes.len >= TEXT)
        die("too much is sent");
    struct packet *p = &w->queue[w->queued++];
    memcpy(p->text, bytes.p, bytes.len);
    p->len = bytes.len;
    p->port = dst->port;
}

/* Of CLOCK_MONOTONIC, cheap, for what is over at once; of CLOCK_THREAD_CPUTIME_ID, of which nobody
 * else has a part, for what may take long. */
static uint64_t clock_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static struct dialog *dialog_of(struct world *w, const char *text)
{
    const char *id = strstr(text, "\r\nCall-ID: r-");
    unsigned long n = id ? strtoul(id + 13, NULL, 10) : 0;
    struct dialog *d = &w->dialogs[n % w->ring];
    return id && d->number == n ? d : NULL;
}

static void deliver(struct world *w)
{
    for (unsigned i = 0; i < w->queued; i++) {
        struct packet *p = &w->queue[i];
        p->text[p->len] = 0;
        struct dialog *d = dialog_of(w, p->text);
        if (!d)
            continue;
        memcpy(p->port == CALLER ? d->answer : d->request, p->text, p->len + 1);
        if (p->port != CALLER)
            d->at = p->port;
    }
    w->queued = 0;
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

static void set_time(struct world *w)
{
    engine_set_time(w->engine, w->now, 1700000000000 + w->now);
}

static struct world *world_new(const char *script)
{
    struct world *w = calloc(1, sizeof *w);
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
    w->now = 1000000;
    w->ring = 8192;
    w->users = RECORDS;
    w->dialogs = calloc(w->ring, sizeof *w->dialogs);
    w->shared.workers = 1;
    w->shared.key = (struct hash_key){7, 8};
    w->shared.n_sockets = 1;
    w->shared.sockets[0] =
        (struct socket_info){loopback(PROXY), STR("127.0.0.1"), STR("127.0.0.1")};
    buf_fixed(&why, text, sizeof text);
    if (shared_start(&w->shared, module_set(), c, &why) != ERR_OK)
        die("a module does not start");
    struct engine_env env = {.user = w, .send = catch_packet, .ask = no_names, .random = chance};
    w->engine = engine_new(&w->shared, 0, &env, w->now);
    if (!w->engine)
        die("no engine");
    set_time(w);
    return w;
}

static void world_free(struct world *w)
{
    engine_free(w->engine);
    shared_stop(&w->shared);
    free(w->dialogs);
    pages_free(w->timers, w->armed, sizeof *w->timers);
    free(w->ns);
    free(w);
}

/* ---- measuring ----------------------------------------------------------------------------------
 * Each type of message enters through a function of its own, so that callgrind tells them apart. */

#define KINDS(X)                                                                                   \
    X(INVITE)                                                                                      \
    X(ACK)                                                                                         \
    X(BYE)                                                                                         \
    X(OPTIONS)                                                                                     \
    X(REGISTER)                                                                                    \
    X(180_INVITE)                                                                                  \
    X(200_INVITE)                                                                                  \
    X(486_INVITE)                                                                                  \
    X(200_BYE)                                                                                     \
    X(200_OPTIONS)

enum kind {
#define X(name) KIND_##name,
    KINDS(X)
#undef X
        KIND_COUNT
};

static volatile enum kind now_measured; /* keeps the functions below from being folded into one */

#define X(name)                                                                                    \
    __attribute__((noinline)) static void measure_##name(struct engine *e, struct str bytes,       \
                                                         const struct addr *src)                   \
    {                                                                                              \
        now_measured = KIND_##name;                                                                \
        engine_input(e, bytes, src, 0);                                                            \
        now_measured = KIND_COUNT;                                                                 \
    }
KINDS(X)
#undef X

__attribute__((noinline)) static void measure_timers(struct engine *e)
{
    engine_tick(e);
    now_measured = KIND_COUNT;
}

static void input(struct world *w, struct dialog *d, enum kind kind, const char *text,
                  uint16_t port)
{
    static void (*const measure[])(struct engine *, struct str, const struct addr *) = {
#define X(name) measure_##name,
        KINDS(X)
#undef X
    };
    struct addr src = loopback(port);
    uint64_t begin = clock_ns(CLOCK_MONOTONIC);
    measure[kind](w->engine, str_from(text), &src);
    d->ns += clock_ns(CLOCK_MONOTONIC) - begin;
    deliver(w);
}

static void pass(struct world *w, uint64_t ms)
{
    uint64_t end = w->now + ms;
    while (w->now < end) {
        uint64_t next = engine_next(w->engine);
        w->now = next < end ? (next > w->now ? next : w->now + 1) : end;
        set_time(w);
        uint64_t begin = clock_ns(CLOCK_THREAD_CPUTIME_ID);
        measure_timers(w->engine);
        uint64_t ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - begin;
        w->ticks += ns;
        w->longest_tick = ns > w->longest_tick ? ns : w->longest_tick;
        deliver(w);
    }
}

/* ---- phones ---- */

static const char sdp[] = "v=0\r\no=a 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\n"
                          "t=0 0\r\nm=audio 4000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n";

static struct dialog *begin(struct world *w, unsigned long n)
{
    struct dialog *d = &w->dialogs[n % w->ring];
    *d = (struct dialog){.number = n};
    return d;
}

static void invite(struct world *w, struct dialog *d)
{
    char text[TEXT];
    unsigned long n = d->number;
    snprintf(text, sizeof text,
             "INVITE sip:bob@127.0.0.1:5560 SIP/2.0\r\n"
             "Via: SIP/2.0/UDP 127.0.0.1:5561;branch=z9hG4bKi%lu\r\n"
             "Max-Forwards: 70\r\nFrom: <sip:alice@127.0.0.1>;tag=a%lu\r\n"
             "To: <sip:bob@127.0.0.1>\r\nCall-ID: r-%lu@127.0.0.1\r\nCSeq: 1 INVITE\r\n"
             "Contact: <sip:alice@127.0.0.1:5561>\r\nUser-Agent: signalbox load generator\r\n"
             "Content-Type: application/sdp\r\nContent-Length: %zu\r\n\r\n%s",
             n, n, n, sizeof sdp - 1, sdp);
    input(w, d, KIND_INVITE, text, CALLER);
}

/* The line of a header, "" when it is absent; goes on behind *at when that is set. */
static const char *line(const char *text, const char *name, int *len)
{
    char want[40];
    snprintf(want, sizeof want, "\r\n%s: ", name);
    const char *p = strstr(text, want);
    *len = p ? (int)strcspn(p + 2, "\r") : 0;
    return p ? p + 2 : "";
}

static size_t add_lines(char *out, size_t at, const char *text, const char *name, const char *as)
{
    int len;
    for (const char *p = line(text, name, &len); len; p = line(p, name, &len)) {
        size_t skip = strlen(name);
        at += (size_t)snprintf(out + at, TEXT - at, "%s%.*s\r\n", as, len - (int)skip, p + skip);
        p += len;
    }
    return at;
}

static void reply(struct world *w, struct dialog *d, enum kind kind, const char *first,
                  bool contact)
{
    char text[TEXT];
    int len;
    size_t n = (size_t)snprintf(text, sizeof text, "SIP/2.0 %s\r\n", first);
    n = add_lines(text, n, d->request, "Via", "Via");
    if (contact)
        n = add_lines(text, n, d->request, "Record-Route", "Record-Route");
    n = add_lines(text, n, d->request, "From", "From");
    const char *to = line(d->request, "To", &len);
    bool tagged = memmem(to, (size_t)len, ";tag=", 5) != NULL;
    n += (size_t)snprintf(text + n, sizeof text - n, "%.*s%s\r\n", len, to,
                          tagged ? "" : ";tag=callee");
    n = add_lines(text, n, d->request, "Call-ID", "Call-ID");
    n = add_lines(text, n, d->request, "CSeq", "CSeq");
    if (contact)
        n += (size_t)snprintf(text + n, sizeof text - n, "Contact: <sip:bob@127.0.0.1:%u>\r\n",
                              d->at);
    snprintf(text + n, sizeof text - n, "Content-Length: 0\r\n\r\n");
    input(w, d, kind, text, d->at);
}

static void in_dialog(struct world *w, struct dialog *d, enum kind kind, const char *method,
                      unsigned cseq)
{
    char text[TEXT];
    unsigned long id = d->number;
    size_t n = (size_t)snprintf(text, sizeof text,
                                "%s sip:bob@127.0.0.1:%u SIP/2.0\r\n"
                                "Via: SIP/2.0/UDP 127.0.0.1:5561;branch=z9hG4bK%c%lu\r\n"
                                "Max-Forwards: 70\r\n",
                                method, d->at, method[0], id);
    n = add_lines(text, n, d->answer, "Record-Route", "Route");
    snprintf(text + n, sizeof text - n,
             "From: <sip:alice@127.0.0.1>;tag=a%lu\r\nTo: <sip:bob@127.0.0.1>;tag=callee\r\n"
             "Call-ID: r-%lu@127.0.0.1\r\nCSeq: %u %s\r\nContent-Length: 0\r\n\r\n",
             id, id, cseq, method);
    input(w, d, kind, text, CALLER);
}

static void expect(const char *text, const char *start)
{
    if (strncmp(text, start, strlen(start)) != 0) {
        fprintf(stderr, "replay: expected \"%s\", got:\n%s\n", start, text);
        exit(2);
    }
}

static void answered(struct world *w, struct dialog *d)
{
    reply(w, d, KIND_200_INVITE, "200 OK", true);
    expect(d->answer, "SIP/2.0 200");
    in_dialog(w, d, KIND_ACK, "ACK", 1);
    expect(d->request, "ACK ");
}

static void hang_up(struct world *w, struct dialog *d)
{
    in_dialog(w, d, KIND_BYE, "BYE", 2);
    expect(d->request, "BYE ");
    reply(w, d, KIND_200_BYE, "200 OK", false);
    expect(d->answer, "SIP/2.0 200");
}

/* ---- workloads: what a call does at each age; an age is AGE_STEP steps ---- */

static void basic(struct world *w, struct dialog *d, unsigned age)
{
    if (age == 0)
        invite(w, d);
    else if (age == 1)
        reply(w, d, KIND_180_INVITE, "180 Ringing", true);
    else if (age == 2)
        answered(w, d);
    else
        hang_up(w, d);
}

static void busy(struct world *w, struct dialog *d, unsigned age)
{
    if (age == 1) {
        reply(w, d, KIND_486_INVITE, "486 Busy Here", false);
        expect(d->request, "INVITE sip:bob@127.0.0.1:5590");
        reply(w, d, KIND_180_INVITE, "180 Ringing", true);
    } else {
        basic(w, d, age);
    }
}

/* A call that a worker without time turns away. */
static void refused(struct world *w, struct dialog *d, unsigned age)
{
    char text[TEXT];
    int len;
    struct queue_state q = {.waited = 200000, .dropped = true}; /* refusing takes no time here */
    if (age)
        return;
    engine_queued(w->engine, &q);
    invite(w, d);
    expect(d->answer, "SIP/2.0 503");
    const char *to = line(d->answer, "To", &len);
    snprintf(text, sizeof text,
             "ACK sip:bob@127.0.0.1:5560 SIP/2.0\r\n"
             "Via: SIP/2.0/UDP 127.0.0.1:5561;branch=z9hG4bKi%lu\r\n"
             "Max-Forwards: 70\r\nFrom: <sip:alice@127.0.0.1>;tag=a%lu\r\n%.*s\r\n"
             "Call-ID: r-%lu@127.0.0.1\r\nCSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n",
             d->number, d->number, len, to, d->number);
    input(w, d, KIND_ACK, text, CALLER);
    if (d->request[0])
        die("the ACK of a refusal was passed on");
}

static void options(struct world *w, struct dialog *d, unsigned age)
{
    char text[TEXT];
    unsigned long n = d->number;
    if (age)
        return;
    snprintf(text, sizeof text,
             "OPTIONS sip:127.0.0.1:5560 SIP/2.0\r\n"
             "Via: SIP/2.0/UDP 127.0.0.1:5561;branch=z9hG4bKo%lu\r\n"
             "Max-Forwards: 70\r\nFrom: <sip:alice@127.0.0.1>;tag=a%lu\r\n"
             "To: <sip:127.0.0.1>\r\nCall-ID: r-%lu@127.0.0.1\r\nCSeq: 1 OPTIONS\r\n"
             "Contact: <sip:alice@127.0.0.1:5561>\r\nAccept: application/sdp\r\n"
             "Content-Length: 0\r\n\r\n",
             n, n, n);
    input(w, d, KIND_OPTIONS, text, CALLER);
    expect(d->answer, "SIP/2.0 200");
}

/* REGISTER of a user, age 1: OPTIONS to one. */
static void register_user(struct world *w, struct dialog *d, unsigned long user, unsigned age)
{
    char text[TEXT];
    unsigned long n = d->number;
    snprintf(text, sizeof text,
             "%s sip:%s%lu%s127.0.0.1:5560 SIP/2.0\r\n"
             "Via: SIP/2.0/UDP 127.0.0.1:5561;branch=z9hG4bKr%u.%lu\r\n"
             "Max-Forwards: 70\r\nFrom: <sip:u%lu@127.0.0.1>;tag=a%lu\r\n"
             "To: <sip:u%lu@127.0.0.1>\r\nCall-ID: r-%lu@127.0.0.1\r\nCSeq: %lu %s\r\n"
             "Contact: <sip:u%lu@127.0.0.1:5562>\r\n%sContent-Length: 0\r\n\r\n",
             age ? "OPTIONS" : "REGISTER", age ? "u" : "", user, age ? "@" : ".", age, n, user, n,
             user, n, n + age, age ? "OPTIONS" : "REGISTER", user, age ? "" : "Expires: 3600\r\n");
    input(w, d, age ? KIND_OPTIONS : KIND_REGISTER, text, CALLER);
}

/* A phone registers, and another asks it for its OPTIONS. */
static void registrar(struct world *w, struct dialog *d, unsigned age)
{
    if (age > 1)
        return;
    register_user(w, d, d->number * 0x9e3779b1 % w->users, age);
    if (age == 0) {
        expect(d->answer, "SIP/2.0 200");
        return;
    }
    expect(d->request, "OPTIONS ");
    reply(w, d, KIND_200_OPTIONS, "200 OK", false);
}

static const struct {
    const char *name;
    void (*step)(struct world *w, struct dialog *d, unsigned age);
    unsigned ages;
} workloads[] = {{"basic", basic, 4},
                 {"busy", busy, 4},
                 {"options", options, 1},
                 {"refused", refused, 1},
                 {"register", registrar, 2}};

static void take_time(struct world *w, const struct dialog *d)
{
    if (w->ns)
        w->ns[w->measured++] = d->ns;
}

static void run(struct world *w, unsigned which, unsigned long from, unsigned long to)
{
    unsigned last = workloads[which].ages - 1;
    for (unsigned long n = from; n < to; n++) {
        begin(w, n);
        for (unsigned age = 0; age <= last; age++)
            if (n >= age * AGE_STEP)
                workloads[which].step(w, &w->dialogs[(n - age * AGE_STEP) % w->ring], age);
        if (n >= last * AGE_STEP)
            take_time(w, &w->dialogs[(n - last * AGE_STEP) % w->ring]);
        pass(w, STEP_MS);
    }
}

/* ---- a crowd ---- */

static void nothing(struct timer *t, void *ctx)
{
    (void)t, (void)ctx;
}

/* Calls that ring and go on ringing, timers over an hour or what was asked for, users of the
 * registrar. Their numbers
 * are beyond those of the measured calls. */
static void gather(struct world *w, const struct crowd *c)
{
    const unsigned long beyond = 1000000000;
    for (unsigned long i = 0; i < c->live; i++) {
        struct dialog *d = begin(w, beyond + i);
        invite(w, d);
        reply(w, d, KIND_180_INVITE, "180 Ringing", true);
    }
    w->armed = c->timers;
    w->timers = c->timers ? pages_zalloc(c->timers, sizeof *w->timers) : NULL;
    for (unsigned long i = 0; i < c->timers; i++)
        wheel_arm(&w->engine->wheel, &w->timers[i],
                  w->now + FIRST_TIMER_MS + i * 7919 % (c->over * 1000 - FIRST_TIMER_MS), nothing);
    w->users = c->users ? c->users : RECORDS;
    for (unsigned long i = 0; i < c->users; i++)
        register_user(w, begin(w, beyond + i), i, 0);
    memset(w->dialogs, 0, w->ring * sizeof *w->dialogs);
}

/* ---- the measured part begins ---- */

__attribute__((noinline)) static void measured_run(struct world *w, unsigned which,
                                                   unsigned long from, unsigned long to)
{
    allocations = locks = 0;
    w->measured = w->ticks = w->longest_tick = 0;
    w->ns = __real_calloc(to - from, sizeof *w->ns);
    if (!w->ns)
        die("no memory");
    run(w, which, from, to);
    now_measured = KIND_COUNT;
}

/* Bytes of memory in use, divided by the calls there are. */
static void memory(struct world *w, unsigned long calls)
{
    size_t before = w->engine->pool.live;
    for (unsigned long n = 0; n < calls; n++)
        invite(w, begin(w, n));
    printf("live %zu\n", (w->engine->pool.live - before) / calls);
    for (unsigned long n = 0; n < calls; n++)
        answered(w, &w->dialogs[n]);
    printf("finished %zu\n", (w->engine->pool.live - before) / calls);
    for (unsigned long n = 0; n < calls; n++)
        hang_up(w, &w->dialogs[n]);
    printf("with BYE %zu\n", (w->engine->pool.live - before) / calls);
    pass(w, 2 * LINGER_MS);
    printf("after 64 s %zu\n", w->engine->pool.live - before);
}

/* Bytes of memory that a request keeps whose script waits. */
static void waiting(struct world *w, unsigned long calls)
{
    size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
    for (unsigned long n = 0; n < calls; n++) {
        char text[1024];
        snprintf(text, sizeof text,
                 "INVITE sip:bob@127.0.0.1:5560 SIP/2.0\r\n"
                 "Via: SIP/2.0/UDP 127.0.0.1:5561;branch=z9hG4bKw%lu\r\nMax-Forwards: 70\r\n"
                 "From: <sip:alice@127.0.0.1>;tag=a%lu\r\nTo: <sip:bob@127.0.0.1>\r\n"
                 "Call-ID: w-%lu@127.0.0.1\r\nCSeq: 1 INVITE\r\n"
                 "Contact: <sip:alice@127.0.0.1:5561>\r\nContent-Length: 0\r\n\r\n",
                 n, n, n);
        input(w, begin(w, n), KIND_INVITE, text, CALLER);
    }
    if (engine_live(w->engine) != calls)
        die("not every script waits");
    printf("waiting %zu\n", (mallinfo2().uordblks + mallinfo2().hblkhd - before) / calls);
}

static int by_size(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

/* What callgrind does not tell: times, of which the median is what counts. */
static void tell_times(struct world *w, unsigned long calls)
{
    qsort(w->ns, w->measured, sizeof *w->ns, by_size);
    printf("ns %llu\ntimers_ns %llu\nlongest_us %llu\n", (unsigned long long)w->ns[w->measured / 2],
           (unsigned long long)(w->ticks / calls), (unsigned long long)(w->longest_tick / 1000));
}

static void read_crowd(struct crowd *c, char **argv, int argc)
{
    for (int i = 0; i < argc; i++)
        if (sscanf(argv[i], "live=%lu", &c->live) != 1 &&
            sscanf(argv[i], "timers=%lu", &c->timers) != 1 &&
            sscanf(argv[i], "users=%lu", &c->users) != 1 &&
            (sscanf(argv[i], "over=%lu", &c->over) != 1 || c->over * 1000 <= FIRST_TIMER_MS))
            die("live=N, timers=N, over=S or users=N");
}

static void replay(struct world *w, const char *workload, unsigned long calls, unsigned long warm,
                   const struct crowd *crowd)
{
    unsigned which = 0, count = sizeof workloads / sizeof *workloads;
    while (which < count && strcmp(workload, workloads[which].name) != 0)
        which++;
    if (which == count || calls == 0)
        die("no such workload");
    gather(w, crowd);
    run(w, which, 0, warm);
    uint64_t blocks = w->engine->pool.mallocs;
    measured_run(w, which, warm, warm + calls);
    allocations += w->engine->pool.mallocs - blocks; /* from slabs, which are no malloc */
    printf("calls %lu\nallocations %lu\nlocks %lu\n", calls, allocations, locks);
    tell_times(w, calls);
}

int main(int argc, char **argv)
{
    struct crowd crowd = {.over = 3600};
    if (argc < 4)
        die("usage: replay SCRIPT basic|busy|refused|options|register|memory|waiting CALLS [WARM] "
            "[live=N] "
            "[timers=N] [over=S] [users=N]");
    unsigned long calls = strtoul(argv[3], NULL, 10);
    unsigned long warm = argc > 4 ? strtoul(argv[4], NULL, 10) : LINGER_MS / STEP_MS;
    if (argc > 5)
        read_crowd(&crowd, argv + 5, argc - 5);
    struct world *w = world_new(argv[1]);
    if (strcmp(argv[2], "memory") == 0 && (calls == 0 || calls > w->ring))
        die("CALLS is at most 8192");
    if (strcmp(argv[2], "memory") == 0)
        memory(w, calls);
    else if (strcmp(argv[2], "waiting") == 0)
        waiting(w, calls);
    else
        replay(w, argv[2], calls, warm, &crowd);
    world_free(w);
    return 0;
}
