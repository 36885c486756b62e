/* The program as a process, the parties' sockets, and the time between them. */
/* SPDX-License-Identifier: MIT */
#include "core/outside.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/base/err.h"
#include "core/sip/msg.h"

enum { START_MS = 5000, REPORT_MS = 200 };

struct outside {
    const struct scenario *scenario;
    struct scenario_driver driver;
    struct world *world;
    struct endpoint proxy; /* where parties send to */
    int fd[SCENARIO_MAX_PARTIES];
    pid_t child;
    char script[64], log[64]; /* files of ours: what the child reads and writes */
    struct timespec begun;
    char trouble[200];
};

/* ---- time ---- */

static uint64_t elapsed(const struct outside *o)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    int64_t ns = (int64_t)(t.tv_sec - o->begun.tv_sec) * 1000000000 + t.tv_nsec - o->begun.tv_nsec;
    return (uint64_t)(ns / 1000000);
}

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

/* ---- sockets ---- */

static int open_socket(const struct addr *at)
{
    struct sockaddr_storage name;
    socklen_t len = addr_to_sockaddr(&name, at);
    int fd = socket(name.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && bind(fd, (struct sockaddr *)&name, len) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static int party_at(const struct outside *o, const struct addr *a)
{
    for (unsigned i = 0; i < scenario_parties(o->scenario); i++) {
        struct addr at = scenario_party_addr(o->scenario, i);
        if (addr_eq(&at, a))
            return (int)i;
    }
    return -1;
}

/* A party has sent something to the proxy. */
static void leaves(void *user, const struct packet *p)
{
    struct outside *o = user;
    struct sockaddr_storage name;
    int i = party_at(o, &p->src);
    if (i < 0)
        return;
    socklen_t len = addr_to_sockaddr(&name, &p->dst);
    if (sendto(o->fd[i], p->bytes.p, p->bytes.len, 0, (struct sockaddr *)&name, len) < 0)
        snprintf(o->trouble, sizeof o->trouble, "sending failed (errno %d)", errno);
}

static void enters(struct outside *o, unsigned i)
{
    char bytes[MSG_MAX_BYTES + 1];
    struct addr at = scenario_party_addr(o->scenario, i), from = {.proto = PROTO_UDP};
    struct sockaddr_storage name;
    socklen_t len = sizeof name;
    ssize_t n;
    while ((n = recvfrom(o->fd[i], bytes, sizeof bytes, 0, (struct sockaddr *)&name, &len)) >= 0) {
        addr_from_sockaddr(&from, (struct sockaddr *)&name);
        from.proto = PROTO_UDP;
        world_send(o->world, &from, &at, str_make(bytes, (size_t)n));
        len = sizeof name;
    }
}

static void listen_for(struct outside *o, int ms)
{
    struct pollfd p[SCENARIO_MAX_PARTIES];
    unsigned n = scenario_parties(o->scenario);
    for (unsigned i = 0; i < n; i++)
        p[i] = (struct pollfd){.fd = o->fd[i], .events = POLLIN};
    poll(p, n, ms);
    for (unsigned i = 0; i < n; i++)
        if (p[i].revents)
            enters(o, i);
}

static enum world_stop run(void *user, struct world *w, uint64_t until, bool (*done)(void *user),
                           void *done_user)
{
    struct outside *o = user;
    for (;;) {
        uint64_t now = elapsed(o);
        enum world_stop stop = world_run(w, now < until ? now : until, done, done_user);
        if (stop != STOP_TIME || now >= until)
            return stop;
        listen_for(o, 1);
    }
}

/* ---- the process ---- */

static int copy_script(const struct outside *o, const char *path)
{
    FILE *in = fopen(path, "rb"), *out = in ? fopen(o->script, "wb") : NULL;
    char bytes[4096];
    size_t n;
    while (out && (n = fread(bytes, 1, sizeof bytes, in)) > 0)
        fwrite(bytes, 1, n, out);
    if (in)
        fclose(in);
    return out && fclose(out) == 0 ? ERR_OK : ERR_IO;
}

/* Only calls that are allowed between fork and exec. */
static void become_program(const struct outside *o)
{
    int log = open(o->log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (log >= 0)
        dup2(log, 2);
    execl("/proc/self/exe", "signalbox", "-f", o->script, "-n", "1", (char *)NULL);
    _exit(127);
}

/* The program listens when its address cannot be taken any more. */
static bool wait_for_program(struct outside *o)
{
    for (unsigned i = 0; i < START_MS / 10; i++) {
        int fd = open_socket(&o->driver.proxy);
        if (fd < 0)
            return true;
        close(fd);
        if (waitpid(o->child, NULL, WNOHANG) == o->child) {
            o->child = 0;
            return false;
        }
        pause_ms(10);
    }
    return false;
}

static int start(void *user, struct world *w)
{
    struct outside *o = user;
    o->world = w;
    o->trouble[0] = 0;
    int taken = open_socket(&o->driver.proxy);
    if (taken < 0) {
        snprintf(o->trouble, sizeof o->trouble, "the proxy's address is in use or not ours");
        return ERR_EXISTS;
    }
    close(taken);
    for (unsigned i = 0; i < scenario_parties(o->scenario); i++) {
        struct addr at = scenario_party_addr(o->scenario, i);
        o->fd[i] = open_socket(&at);
        if (o->fd[i] < 0) {
            snprintf(o->trouble, sizeof o->trouble, "the address of %.*s is in use or not ours",
                     STR_ARG(scenario_party_name(o->scenario, i)));
            return ERR_EXISTS;
        }
    }
    o->proxy = (struct endpoint){.at = o->driver.proxy, .user = o, .receive = leaves};
    if (copy_script(o, scenario_script(o->scenario).p) != ERR_OK ||
        world_attach(w, &o->proxy) != ERR_OK)
        return ERR_IO;
    o->child = fork();
    if (o->child == 0)
        become_program(o);
    if (o->child < 0 || !wait_for_program(o)) {
        snprintf(o->trouble, sizeof o->trouble, "the program did not start; its log: %s", o->log);
        return ERR_IO;
    }
    clock_gettime(CLOCK_MONOTONIC, &o->begun);
    return ERR_OK;
}

static void stop(void *user)
{
    struct outside *o = user;
    if (o->child > 0) {
        kill(o->child, SIGTERM);
        waitpid(o->child, NULL, 0);
    }
    o->child = 0;
    for (unsigned i = 0; i < scenario_parties(o->scenario); i++) {
        if (o->fd[i] >= 0)
            close(o->fd[i]);
        o->fd[i] = -1;
    }
    if (o->world && o->proxy.user)
        world_detach(o->world, &o->proxy);
    o->world = NULL;
}

static int reload(void *user, const char *path)
{
    struct outside *o = user;
    if (copy_script(o, path) != ERR_OK || kill(o->child, SIGHUP) != 0)
        return ERR_IO;
    pause_ms(REPORT_MS);
    return ERR_OK;
}

/* What the program says of itself when asked: the last "transactions alive" in its log. */
static uint64_t live(void *user)
{
    struct outside *o = user;
    unsigned long long n = 0;
    char line[512];
    kill(o->child, SIGUSR1);
    pause_ms(REPORT_MS);
    FILE *f = fopen(o->log, "r");
    while (f && fgets(line, sizeof line, f)) {
        const char *at = strstr(line, "transactions alive");
        const char *digits = at ? strpbrk(at, "0123456789") : NULL;
        if (digits)
            n = strtoull(digits, NULL, 10);
    }
    if (f)
        fclose(f);
    return n;
}

/* ---- birth and death ---- */

static bool proxy_address(struct addr *out, const struct program *p)
{
    const struct listen_spec *l;
    if (program_listens(p, &l) == 0 || ip_parse(&out->ip, l->host) != ERR_OK)
        return false;
    out->proto = PROTO_UDP;
    out->port = l->port ? l->port : 5060;
    return true;
}

struct outside *outside_new(const struct scenario *s, const struct program *p)
{
    struct outside *o = calloc(1, sizeof *o);
    if (!o)
        return NULL;
    o->scenario = s;
    o->driver = (struct scenario_driver){
        .user = o, .start = start, .stop = stop, .run = run, .reload = reload, .live = live};
    o->driver.inside = (struct addr){.proto = PROTO_UDP, .port = 9};
    ip_parse(&o->driver.inside.ip, STR("127.255.255.254"));
    for (unsigned i = 0; i < SCENARIO_MAX_PARTIES; i++)
        o->fd[i] = -1;
    snprintf(o->script, sizeof o->script, "/tmp/signalbox-test-%d.cfg", (int)getpid());
    snprintf(o->log, sizeof o->log, "/tmp/signalbox-test-%d.log", (int)getpid());
    if (!proxy_address(&o->driver.proxy, p)) {
        free(o);
        return NULL;
    }
    return o;
}

void outside_free(struct outside *o)
{
    if (!o)
        return;
    unlink(o->script);
    if (!o->trouble[0])
        unlink(o->log);
    free(o);
}

const struct scenario_driver *outside_driver(struct outside *o)
{
    return &o->driver;
}

struct str outside_trouble(const struct outside *o)
{
    return str_from(o->trouble);
}
