/* The running server: how the engine, the sockets and the signals come together. */
/* SPDX-License-Identifier: MIT */
#include "core/serve.h"

#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "core/base/err.h"
#include "core/base/log.h"
#include "core/base/owner.h"
#include "core/net/net.h"
#include "core/module.h"
#include "core/proxy/engine.h"
#include "core/trace.h"
#include "lang/diag.h"

enum { FREE_EVERY = 1000 /* ms */ };

struct server {
    const struct options *options;
    const struct module_set *set;
    struct shared shared;
    struct net *net;
    struct mi_server *mi;
    struct loop *loop;    /* the main thread's, while it serves */
    struct config *old;   /* versions before the present one, newest first */
    struct timer freeing; /* when those without calls are freed */
    int status;           /* of the program, when it cannot go on */
    /* reload: compiled aside on a thread of its own, one at a time */
    bool reloading, again;
    struct config *next;
    struct diag findings;
    double took_ms;
    struct buf why; /* what speaks against it */
    char refusal[2048];
};

/* One thread's share. */
struct worker {
    struct server *server;
    struct net_worker *net;
    struct engine *engine;
};

/* What net_post carries: the address tells which. */
static const char item_adopt, item_report;

/* ---- the engine's effects ---- */

static void send_packet(void *user, uint16_t socket, const struct addr *dst, struct str bytes)
{
    struct worker *w = user;
    if (w->server->options->trace)
        trace_message(false, dst, bytes);
    net_send(w->net, socket, dst, bytes);
}

static int ask_name(void *user, struct str name, enum dns_type type, void *token)
{
    struct worker *w = user;
    return net_ask(w->net, name, type, token);
}

static uint64_t random_number(void *user)
{
    uint64_t n = 0;
    (void)user;
    if (getrandom(&n, sizeof n, 0) != (ssize_t)sizeof n)
        log_warn("the system gives no random numbers");
    return n;
}

static int source(void *user, struct ip *ip, const struct addr *dst)
{
    (void)user;
    return net_source_for(ip, dst);
}

static void show_line(void *user, const struct program *p, struct loc at)
{
    (void)user;
    trace_line(p, at);
}

/* ---- the workers' events ---- */

static void *worker_start(void *user, unsigned index, struct net_worker *net, uint64_t now)
{
    struct server *s = user;
    struct worker *w = calloc(1, sizeof *w);
    if (!w)
        return NULL;
    struct engine_env env = {.user = w,
                             .send = send_packet,
                             .ask = ask_name,
                             .random = random_number,
                             .source = source,
                             .line = s->options->trace ? show_line : NULL,
                             .loop = net_loop(net)};
    w->server = s;
    w->net = net;
    w->engine = engine_new(&s->shared, index, &env, now);
    if (!w->engine) {
        free(w);
        return NULL;
    }
    return w;
}

static unsigned owner(void *user, const struct packet *p, unsigned workers)
{
    const struct server *s = user;
    return engine_owner(&s->shared, p->bytes, workers);
}

static void input(void *ctx, uint64_t now, uint64_t wall, const struct packet *p)
{
    struct worker *w = ctx;
    if (w->server->options->trace)
        trace_message(true, &p->src, p->bytes);
    engine_set_time(w->engine, now, wall);
    engine_input(w->engine, p->bytes, &p->src, p->socket);
}

static void queued(void *ctx, uint64_t now, uint64_t wall, const struct net_queue *n)
{
    struct worker *w = ctx;
    struct queue_state q = {.clock = n->clock, .waited = n->waited, .dropped = n->dropped};
    engine_set_time(w->engine, now, wall);
    engine_queued(w->engine, &q);
}

static void tick(void *ctx, uint64_t now, uint64_t wall)
{
    struct worker *w = ctx;
    engine_set_time(w->engine, now, wall);
    engine_tick(w->engine);
}

static uint64_t next_tick(void *ctx)
{
    const struct worker *w = ctx;
    return engine_next(w->engine);
}

static void log_counter(void *user, const char *text, int64_t n)
{
    const unsigned *worker = user;
    log_notice("worker %u: %s: %lld", *worker, text, (long long)n);
}

static void posted(void *ctx, uint64_t now, void *item)
{
    struct worker *w = ctx;
    (void)now;
    if (item == &item_adopt) {
        engine_adopt(w->engine);
        shared_settle(&w->server->shared);
    } else if (item == &item_report) {
        unsigned index = net_worker_index(w->net);
        engine_report(w->engine, log_counter, &index);
    }
}

static void unreachable(void *ctx, uint64_t now, uint16_t socket, const struct addr *dst)
{
    struct worker *w = ctx;
    (void)now;
    engine_unreachable(w->engine, socket, dst);
}

static void answered(void *ctx, uint64_t now, void *token, const struct dns_answer *a)
{
    struct worker *w = ctx;
    (void)now;
    engine_answered(w->engine, token, a);
}

static void worker_stop(void *ctx)
{
    struct worker *w = ctx;
    engine_free(w->engine);
    free(w);
}

/* ---- reload ---- */

static void post_all(struct server *s, const char *item)
{
    for (unsigned i = 0; i < s->shared.workers; i++)
        net_post(s->net, i, (void *)item);
}

static double ms_between(const struct timespec *a, const struct timespec *b)
{
    return (double)(b->tv_sec - a->tv_sec) * 1e3 + (double)(b->tv_nsec - a->tv_nsec) / 1e6;
}

/* On its own thread: workers never wait for the compiler. */
static void reload_work(void *arg)
{
    struct server *s = arg;
    struct timespec begin, end, pause = {0, 1000000};
    while (!shared_settle(&s->shared)) /* the reload before this one is still being taken up */
        nanosleep(&pause, NULL);
    clock_gettime(CLOCK_MONOTONIC, &begin);
    diag_init(&s->findings);
    s->findings.warn = true;
    s->next = config_load(s->set, s->options->file, &s->findings);
    buf_fixed(&s->why, s->refusal, sizeof s->refusal);
    if (s->next)
        sockets_serve(&s->shared, s->next->program, &s->why); /* may wait for names */
    if (s->next && s->why.len == 0)
        shared_open_dbs(&s->shared, s->next, &s->why);
    clock_gettime(CLOCK_MONOTONIC, &end);
    s->took_ms = ms_between(&begin, &end);
}

/* Warnings are said in one line: 'signalbox check' shows the rest. */
static struct str brief(const struct finding *f, struct str text)
{
    ptrdiff_t end = f->level == DIAG_ERROR ? -1 : str_find(text, '\n', 0);
    return end < 0 ? text : str_sub(text, 0, (size_t)end + 1);
}

static void log_finding(void *user, const struct finding *f, struct str text)
{
    struct str line;
    (void)user;
    text = brief(f, text);
    while (str_cut(&line, &text, '\n'))
        if (line.len)
            log_line(f->level == DIAG_ERROR ? LOG_ERR_ : LOG_WARN_, "%.*s", STR_ARG(line));
}

/* Freeing a large script takes a millisecond, which is not a worker's to spend: each version before
 * the present one has a reference of ours, the last to be dropped. */
static void free_old(struct timer *t, void *ctx)
{
    struct server *s = container_of(t, struct server, freeing);
    (void)ctx;
    for (struct config **at = &s->old; *at;) {
        struct config *c = *at;
        if (config_is_last(c)) {
            *at = c->older;
            config_unref(c);
        } else {
            at = &c->older;
        }
    }
    if (s->old)
        wheel_arm(s->loop->wheel, &s->freeing, s->loop->now + FREE_EVERY, free_old);
}

static void keep_old(struct server *s, struct config *c)
{
    c->older = s->old;
    s->old = c;
    if (s->loop && !timer_armed(&s->freeing))
        wheel_arm(s->loop->wheel, &s->freeing, s->loop->now + FREE_EVERY, free_old);
}

static void put_in_force(struct server *s)
{
    struct config *old = (struct config *)config_ref(atomic_load(&s->shared.current));
    char text[4096];
    struct buf changed;
    buf_fixed(&changed, text, sizeof text);
    if (s->why.len || !shared_can_reload(&s->shared, s->next, &s->why)) {
        log_err("reload refused, version %u stays in force: %.*s; restart to change that",
                atomic_load(&s->shared.current)->version, STR_ARG(buf_str(&s->why)));
        config_free(s->next);
        config_unref(old);
        return;
    }
    config_changes(&changed, atomic_load(&s->shared.current), s->next);
    unsigned version = shared_publish(&s->shared, s->next);
    if (version == 0) {
        log_err("reload refused: a module does not start");
        config_free(s->next);
        config_unref(old);
        return;
    }
    keep_old(s, old);
    post_all(s, &item_adopt);
    s->why.len = 0;
    if (s->mi && mi_server_open(s->mi, &s->why) != ERR_OK)
        log_err("cannot serve: %.*s", STR_ARG(buf_str(&s->why)));
    log_notice("script version %u in force after %.1f ms; changed routes: %.*s", version,
               s->took_ms, STR_ARG(changed.len ? buf_str(&changed) : STR("none")));
}

static void reload_begin(struct server *s);

static void reload_done(void *arg)
{
    struct server *s = arg;
    diag_each(&s->findings, log_finding, s);
    if (s->next)
        put_in_force(s);
    else
        log_err("reload refused, version %u stays in force: %u error%s in %s",
                atomic_load(&s->shared.current)->version, s->findings.errors,
                s->findings.errors == 1 ? "" : "s", s->options->file);
    diag_free(&s->findings);
    s->reloading = false;
    if (s->again) {
        s->again = false;
        reload_begin(s);
    }
}

static void reload_begin(struct server *s)
{
    if (s->reloading) {
        s->again = true; /* the file may have changed since: read it once more */
        return;
    }
    s->reloading = true;
    if (net_work(s->net, reload_work, reload_done, s) != ERR_OK) {
        s->reloading = false;
        log_err("reload: no thread to compile on");
    }
}

/* What the network counts, all workers together. */
static void report_net(const struct server *s)
{
    struct net_stats n;
    net_stats(s->net, &n);
    const struct {
        const char *text;
        uint64_t value;
    } lines[] = {{"datagrams received", n.received},
                 {"batches they came in", n.batches},
                 {"datagrams sent", n.sent},
                 {"datagrams that could not be sent", n.send_errors},
                 {"messages handed from worker to worker", n.handed_over},
                 {"messages dropped", n.dropped},
                 {"new requests the kernel dropped", n.kernel_drops},
                 {"threads that run workers now", n.threads}};
    for (unsigned i = 0; i < sizeof lines / sizeof *lines; i++)
        if (lines[i].value)
            log_notice("network: %s: %llu", lines[i].text, (unsigned long long)lines[i].value);
}

static void on_signal(void *user, int signum)
{
    struct server *s = user;
    if (signum == SIGHUP) {
        reload_begin(s);
    } else if (signum == SIGUSR1) {
        report_net(s);
        post_all(s, &item_report);
    } else {
        net_stop(s->net);
    }
}

/* ---- management commands ---- */

static int post_item(void *user, unsigned worker, struct loop_item *i)
{
    struct server *s = user;
    return net_post_loop(s->net, worker, i);
}

static int64_t wall_seconds(void *user)
{
    (void)user;
    return (int64_t)time(NULL);
}

static void stop_server(void *user)
{
    struct server *s = user;
    net_stop(s->net);
}

static void main_start(void *user, struct loop *loop)
{
    struct server *s = user;
    char text[512];
    struct buf why;
    s->loop = loop;
    struct mi_env env = {.user = s,
                         .loop = loop,
                         .post = post_item,
                         .wall = wall_seconds,
                         .stop = stop_server,
                         .argc = s->options->argc,
                         .argv = s->options->argv};
    buf_fixed(&why, text, sizeof text);
    s->mi = mi_server_new(&s->shared, &env);
    if (s->mi && mi_server_open(s->mi, &why) == ERR_OK)
        return;
    log_err("cannot serve: %.*s", STR_ARG(why.len ? buf_str(&why) : STR("out of memory")));
    s->status = 1;
    net_stop(s->net);
}

static void main_stop(void *user)
{
    struct server *s = user;
    if (s->mi)
        mi_server_close(s->mi);
    if (s->loop)
        wheel_cancel(s->loop->wheel, &s->freeing);
    s->loop = NULL;
}

/* ---- start ---- */

/* By errno. */
static int fail(const char *what, const char *which)
{
    log_err("%s %s: %s", what, which, strerror(errno));
    return 1;
}

static int write_pidfile(const char *path)
{
    FILE *f = fopen(path, "w");
    if (!f)
        return fail("cannot write the pid file", path);
    fprintf(f, "%ld\n", (long)getpid());
    fclose(f);
    return 0;
}

/* The command line's word, else the script's. Copies: settings need not end in NUL. */
static const char *chosen(const char *option, const struct program *p, enum setting_id id,
                          char *mem, size_t cap)
{
    struct str s = program_setting_str(p, id);
    if (option)
        return option;
    if (!program_setting_given(p, id) || s.len == 0 || s.len >= cap)
        return NULL;
    memcpy(mem, s.p, s.len);
    mem[s.len] = 0;
    return mem;
}

/* chroot, working directory, group and user, in the order that still permits each. */
static int change_identity(const struct options *o, const struct program *p)
{
    char mem[4][256];
    const char *root = chosen(o->chroot, p, SETTING_CHROOT, mem[0], sizeof mem[0]);
    const char *dir = chosen(o->workdir, p, SETTING_WORKDIR, mem[1], sizeof mem[1]);
    const char *group = chosen(o->group, p, SETTING_GROUP, mem[2], sizeof mem[2]);
    const char *user = chosen(o->user, p, SETTING_USER, mem[3], sizeof mem[3]);
    char text[128];
    struct owner who;
    struct buf why;
    buf_fixed(&why, text, sizeof text);
    if (owner_find(&who, str_from(user), str_from(group), 0, &why) != ERR_OK) {
        log_err("%.*s", STR_ARG(buf_str(&why)));
        return 1;
    }
    if (root && (chroot(root) != 0 || chdir("/") != 0))
        return fail("cannot change the root directory to", root);
    if (dir && chdir(dir) != 0)
        return fail("cannot change to directory", dir);
    if (group && (setgroups(0, NULL) != 0 || setgid((gid_t)who.group) != 0))
        return fail("cannot become group", group);
    if (user && setuid((uid_t)who.user) != 0)
        return fail("cannot become user", user);
    return 0;
}

/* setrlimit as the script asks; what the system refuses is only said. */
static void set_limits(const struct program *p)
{
    struct rlimit none = {0, 0}, files;
    int wanted = program_setting_int(p, SETTING_OPEN_FILES_LIMIT);
    if (program_setting_int(p, SETTING_DISABLE_CORE_DUMP) && setrlimit(RLIMIT_CORE, &none) != 0)
        log_warn("core files cannot be switched off here");
    if (wanted <= 0 || getrlimit(RLIMIT_NOFILE, &files) != 0)
        return;
    files.rlim_cur = (rlim_t)wanted;
    if (files.rlim_max < files.rlim_cur)
        files.rlim_max = files.rlim_cur;
    if (setrlimit(RLIMIT_NOFILE, &files) != 0)
        log_warn("open_files_limit=%d: the system does not permit it", wanted);
}

/* Settings that are known and change nothing, said once when the script gives them. Not those every
 * script has (fork, log_stderror). */
static void name_idle_settings(const struct program *p)
{
    static const struct {
        enum setting_id id;
        const char *name, *why;
    } idle[] = {
        {SETTING_LOG_FACILITY, "log_facility", "the log goes to stderr"},
        {SETTING_LOG_NAME, "log_name", "the log goes to stderr"},
        {SETTING_TCP_ACCEPT_ALIASES, "tcp_accept_aliases", "only UDP is built yet"},
        {SETTING_TLS_CERTIFICATE, "tls_certificate", "only UDP is built yet"},
        {SETTING_MCAST_TTL, "mcast_ttl", "nothing is sent to multicast addresses"},
        {SETTING_DISABLE_DNS_BLACKLIST, "disable_dns_blacklist",
         "a destination that failed is left out for that request only"},
    };
    for (unsigned i = 0; i < sizeof idle / sizeof *idle; i++)
        if (program_setting_given(p, idle[i].id))
            log_notice("%s= has no effect: %s", idle[i].name, idle[i].why);
}

static unsigned worker_count(const struct options *o, const struct program *p)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    long n = o->workers ? (long)o->workers : program_setting_int(p, SETTING_CHILDREN);
    if (!o->workers && n > cores)
        n = cores; /* deviation 14: at most one a core, unless -n insists */
    return n < 1 ? 1 : n > SHARED_MAX_WORKERS ? SHARED_MAX_WORKERS : (unsigned)n;
}

static int open_net(struct server *s, const struct program *p, struct buf *why)
{
    struct addr listen[SHARED_MAX_SOCKETS];
    struct net_ops ops = {.user = s,
                          .start = worker_start,
                          .owner = owner,
                          .input = input,
                          .queued = queued,
                          .tick = tick,
                          .next = next_tick,
                          .posted = posted,
                          .unreachable = unreachable,
                          .answered = answered,
                          .stop = worker_stop,
                          .main_start = main_start,
                          .main_stop = main_stop};
    struct net_config c = {.workers = s->shared.workers,
                           .listen = listen,
                           .listens = s->shared.n_sockets,
                           .apart = program_setting_int(p, SETTING_WORKERS_APART) != 0,
                           .spread = &s->shared.spread,
                           .tos = program_setting_int(p, SETTING_TOS),
                           .receive_buffer = program_setting_int(p, SETTING_MAXBUFFER)};
    c.dns = (struct net_dns){
        .servers = program_setting_str(p, SETTING_DNS_SERVER),
        .timeout = program_setting_int(p, SETTING_DNS_RETR_TIME) * 1000,
        .tries = program_setting_int(p, SETTING_DNS_RETR_NO) < 0
                     ? 0
                     : program_setting_int(p, SETTING_DNS_RETR_NO) + 1,
        .max_servers = program_setting_int(p, SETTING_DNS_SERVERS_NO),
        .search = program_setting_int(p, SETTING_DNS_USE_SEARCH_LIST),
    };
    for (unsigned i = 0; i < s->shared.n_sockets; i++)
        listen[i] = s->shared.sockets[i].addr;
    int rc = net_open(&s->net, &c, &ops, why);
    for (unsigned i = 0; i < 4 && rc == ERR_OK; i++) {
        static const int signals[] = {SIGHUP, SIGUSR1, SIGTERM, SIGINT};
        rc = net_on_signal(s->net, signals[i], on_signal, s);
    }
    return rc;
}

static void print_finding(void *user, const struct finding *f, struct str text)
{
    text = brief(f, text);
    fwrite(text.p, 1, text.len, user);
}

/* The first version, its findings shown to whoever starts the server. */
static struct config *first_config(const struct options *o, const struct module_set *set)
{
    struct diag d;
    diag_init(&d);
    d.warn = true;
    struct config *c = config_load(set, o->file, &d);
    diag_each(&d, print_finding, stderr);
    if (!c)
        fprintf(stderr, "signalbox: %u error%s in %s: not started\n", d.errors,
                d.errors == 1 ? "" : "s", o->file);
    diag_free(&d);
    return c;
}

static void announce(const struct server *s)
{
    char text[ADDR_TEXT];
    for (unsigned i = 0; i < s->shared.n_sockets; i++) {
        addr_text(text, &s->shared.sockets[i].addr);
        log_notice("listening on %s", text);
    }
    log_notice("signalbox %s runs %s with %u worker%s", SIGNALBOX_VERSION, s->options->file,
               s->shared.workers, s->shared.workers == 1 ? "" : "s");
}

/* From a good configuration to the end of the server. */
static int run_server(struct server *s, struct config *first)
{
    char text[1024];
    struct buf why;
    const struct program *p = first->program;
    buf_fixed(&why, text, sizeof text);
    set_limits(p);
    s->shared.workers = worker_count(s->options, p);
    s->shared.key = (struct hash_key){random_number(NULL), random_number(NULL)};
    if (sockets_fill(&s->shared, s->options, p, &why) != ERR_OK ||
        !sockets_serve(&s->shared, p, &why) ||
        shared_start(&s->shared, s->set, first, &why) != ERR_OK || open_net(s, p, &why) != ERR_OK) {
        log_err("not started: %.*s", STR_ARG(buf_str(&why)));
        return 1;
    }
    if ((s->options->pidfile && write_pidfile(s->options->pidfile)) ||
        change_identity(s->options, p))
        return 1;
    announce(s);
    name_idle_settings(p);
    int rc = net_run(s->net);
    log_notice("signalbox ends");
    return rc == ERR_OK ? s->status : 1;
}

int serve(const struct options *o, const struct module_set *set)
{
    struct server s = {.options = o, .set = set};
    struct config *first = first_config(o, set);
    if (!first)
        return 1;
    log_set_level(program_setting_int(first->program, SETTING_DEBUG) + o->debug);
    int rc = run_server(&s, first);
    if (s.net)
        net_free(s.net);
    mi_server_free(s.mi);
    for (struct config *c = s.old, *older; c; c = older) {
        older = c->older;
        config_unref(c);
    }
    shared_stop(&s.shared);
    return rc;
}
