/* signalbox run: a script on one message from disk, its effects printed instead of done. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/err.h"
#include "core/base/log.h"
#include "core/net/net.h"
#include "core/proxy/engine.h"
#include "core/serve.h"
#include "core/sip/msg.h"
#include "core/tools.h"
#include "lang/diag.h"

enum { MESSAGE_MAX = 65536 };

/* The world of one run: nothing leaves it. */
struct dry_run {
    const struct program *program;
    unsigned effects;
    bool lines;
};

/* ---- effects ---- */

static void print_effect(const struct msg *m, const char *where)
{
    if (m->request)
        printf("would relay %.*s to %.*s (%s)\n", STR_ARG(m->method_text), STR_ARG(m->uri), where);
    else
        printf("would answer %u %.*s (to %s)\n", m->status, STR_ARG(m->reason), where);
}

static void dry_send(void *user, uint16_t socket, const struct addr *dst, struct str bytes)
{
    struct dry_run *d = user;
    struct arena a;
    struct msg m;
    char where[ADDR_TEXT];
    (void)socket;
    d->effects++;
    addr_text(where, dst);
    arena_init(&a, NULL, 4096);
    if (msg_scan(&m, &a, bytes) == ERR_OK)
        print_effect(&m, where);
    else
        printf("would send %zu bytes (to %s)\n", bytes.len, where);
    printf("%.*s", STR_ARG(bytes));
    if (!str_ends(bytes, STR("\n")))
        putchar('\n');
    puts("--");
    arena_reset(&a);
}

static int dry_ask(void *user, struct str name, enum dns_type type, void *token)
{
    struct dry_run *d = user;
    (void)type, (void)token;
    d->effects++;
    printf("would look up the address of %.*s, and send there\n", STR_ARG(name));
    return ERR_OK;
}

static uint64_t dry_random(void *user)
{
    (void)user;
    return 4; /* the same output every time */
}

/* ---- the message ---- */

/* Reads a file; line ends become CRLF when it has none, as texts from an editor do. */
static int read_message(struct str *out, const char *path)
{
    FILE *f = fopen(path, "rb");
    char *raw = malloc(MESSAGE_MAX), *text = malloc(2 * MESSAGE_MAX);
    size_t n = f && raw && text ? fread(raw, 1, MESSAGE_MAX, f) : 0, len = 0;
    bool crlf = n && memmem(raw, n, "\r\n", 2);
    for (size_t i = 0; i < n; i++) {
        if (raw[i] == '\n' && !crlf)
            text[len++] = '\r';
        text[len++] = raw[i];
    }
    if (f)
        fclose(f);
    free(raw);
    *out = str_make(text, len);
    return len ? ERR_OK : ERR_IO;
}

/* Where the message comes from: --from, else the sent-by of its top Via, else ourselves. */
static void source_of(struct addr *src, const struct options *o, struct str bytes)
{
    struct arena a;
    struct msg m;
    *src = (struct addr){.proto = PROTO_UDP, .port = 5060};
    ip_parse(&src->ip, STR("127.0.0.1"));
    if (o->from) {
        struct str host = str_from(o->from);
        ptrdiff_t colon = str_find(host, ':', 0);
        uint32_t port = 5060;
        if (colon >= 0)
            str_u32(&port, str_sub(host, (size_t)colon + 1, host.len), 65535);
        src->port = (uint16_t)port;
        ip_parse(&src->ip, colon >= 0 ? str_sub(host, 0, (size_t)colon) : host);
        return;
    }
    arena_init(&a, NULL, 4096);
    struct ip ip;
    if (msg_scan(&m, &a, bytes) == ERR_OK && ip_parse(&ip, m.via.host) == ERR_OK) {
        src->ip = ip;
        src->port = m.via.port ? m.via.port : 5060;
    }
    arena_reset(&a);
}

/* ---- the run ---- */

enum { LONGEST_WAIT = 100000 }; /* ms of virtual time that a script may wait */

static int run_message(struct shared *s, const struct options *o, struct dry_run *d,
                       struct str bytes)
{
    struct engine_env env = {.user = d, .send = dry_send, .ask = dry_ask, .random = dry_random};
    struct addr src;
    struct engine *e = engine_new(s, 0, &env, 1000);
    if (!e)
        return 1;
    source_of(&src, o, bytes);
    engine_set_time(e, 1000, (uint64_t)1700000000 * 1000);
    engine_input(e, bytes, &src, 0);
    for (uint64_t now = 1000; engine_waiting(e) && now < LONGEST_WAIT; now = engine_next(e)) {
        engine_set_time(e, now, (uint64_t)1700000000 * 1000 + now);
        engine_tick(e);
    }
    if (d->effects == 0)
        puts("would do nothing: the message is neither answered nor sent on");
    engine_free(e);
    return 0;
}

static int run_script(struct config *c, const struct options *o, const struct module_set *set,
                      struct str bytes)
{
    char text[512];
    struct buf why;
    struct shared s = {
        .workers = 1, .key = {1, 2}, .simulated = true}; /* tables in memory, empty */
    struct dry_run d = {.program = c->program};
    struct options listen = *o;
    buf_fixed(&why, text, sizeof text);
    if (o->listens == 0 && program_listens(c->program, &(const struct listen_spec *){NULL}) == 0) {
        listen.listen[0] = "udp:127.0.0.1:5060";
        listen.listens = 1;
    }
    int rc = 1;
    if (sockets_fill(&s, &listen, c->program, &why) != ERR_OK ||
        shared_start(&s, set, c, &why) != ERR_OK)
        fprintf(stderr, "signalbox: %.*s\n", STR_ARG(buf_str(&why)));
    else
        rc = run_message(&s, o, &d, bytes);
    shared_stop(&s);
    return rc;
}

int tool_run(const struct options *o, const struct module_set *set)
{
    struct str bytes = STR_NONE;
    struct diag d;
    if (o->n_args != 2)
        return options_usage(o);
    errno = 0;
    if (read_message(&bytes, o->args[1]) != ERR_OK) {
        fprintf(stderr, "%s: error: cannot be read: %s\n", o->args[1],
                errno ? strerror(errno) : "it is empty");
        free((char *)bytes.p);
        return 2;
    }
    diag_init(&d);
    struct config *c = config_load(set, o->args[0], &d);
    diag_print(&d, stderr);
    int rc = c ? run_script(c, o, set, bytes) : 1;
    diag_free(&d);
    free((char *)bytes.p);
    return rc;
}
