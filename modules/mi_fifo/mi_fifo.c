/* mi_fifo: management commands through a named pipe. */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "modules/mi_fifo/priv.h"

enum {
    STALE = 2000,          /* ms in which the rest of a request must come */
    ANSWER_MAX = 64 << 20, /* bytes of an answer */
};

/* ---- requests ---- */

static void no_answer(void *user, struct str answer)
{
    (void)user, (void)answer;
}

static struct mi_client client_of(struct mi_fifo *f, struct str name)
{
    struct mi_fifo_reply *r = mi_fifo_reply_new(f, name);
    return (struct mi_client){r ? mi_fifo_reply_send : no_answer, r, f->indent, ANSWER_MAX};
}

/* Takes one request off the text; false when it is not there whole. */
static bool take_request(struct mi_fifo *f)
{
    struct mi_request r;
    struct arena a;
    size_t used;
    arena_init(&a, NULL, 1024);
    int rc = mi_parse(&r, &a, str_make(f->text, f->len), false, &used);
    if (rc == ERR_OK) {
        struct mi_client client = client_of(f, r.reply);
        mi_begin(f->server, &r, &client);
    } else if (rc != ERR_STATE) {
        log_warn("mi_fifo: a request cannot be read: %s", err_text(rc));
        if (r.command.len) {
            struct mi_client client = client_of(f, r.reply);
            mi_refuse(f->server, &r, &client);
        }
    }
    arena_reset(&a);
    f->len -= used;
    memmove(f->text, f->text + used, f->len);
    return rc != ERR_STATE && f->len > 0;
}

static void half_a_request(struct timer *t, void *ctx)
{
    struct mi_fifo *f = container_of(t, struct mi_fifo, stale);
    (void)ctx;
    log_warn("mi_fifo: a request of which only a part came was thrown away");
    f->len = 0;
}

static void ready(struct watch *w, unsigned events)
{
    struct mi_fifo *f = container_of(w, struct mi_fifo, pipe.watch);
    struct loop *l = f->pipe.loop;
    (void)events;
    ssize_t n = read(w->fd, f->text + f->len, sizeof f->text - f->len);
    if (n <= 0)
        return;
    f->len += (size_t)n;
    while (take_request(f))
        ;
    if (f->len)
        wheel_arm(l->wheel, &f->stale, l->now + STALE, half_a_request);
    else
        wheel_cancel(l->wheel, &f->stale);
}

/* ---- the pipe ---- */

/* Opened for both directions, so that it never ends when the last writer goes. */
static int make_pipe(struct inlet *e, struct buf *why)
{
    int rc = inlet_clear(e, S_IFIFO, why);
    if (rc != ERR_OK)
        return rc;
    if (mkfifo(e->path, 0600) != 0)
        return inlet_failed(e->path, why);
    e->watch.fd = open(e->path, O_RDWR | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    return e->watch.fd < 0 ? inlet_failed(e->path, why) : ERR_OK;
}

static void unserve(void *state)
{
    struct mi_fifo *f = state;
    if (!f->pipe.loop)
        return;
    mi_fifo_reply_free_all(f);
    wheel_cancel(f->pipe.loop->wheel, &f->stale);
    inlet_close(&f->pipe);
}

static int serve(void *state, struct mi_server *server, struct buf *why)
{
    struct mi_fifo *f = state;
    f->server = server;
    return inlet_open(&f->pipe, mi_loop(server), make_pipe, ready, why);
}

/* ---- life ---- */

static void stop(void *state)
{
    struct mi_fifo *f = state;
    if (f)
        arena_reset(&f->arena);
    free(f);
}

static void *start(const struct module_start *begin, bool *failed)
{
    const struct mi_fifo_conf *conf = begin->conf;
    struct mi_fifo *f = calloc(1, sizeof *f);
    *failed = !f;
    if (!f)
        return NULL;
    arena_init(&f->arena, NULL, 256);
    list_init(&f->replies);
    f->pipe.path = arena_dup(&f->arena, conf->fifo_name).p;
    f->pipe.owner = conf->owner;
    f->dir = arena_dup(&f->arena, conf->reply_dir).p;
    f->indent = arena_dup(&f->arena, conf->reply_indent).p;
    *failed = !f->pipe.path || !f->dir || !f->indent;
    return f;
}

/* ---- rows ---- */

static const char made[] = "the pipe is made at start";

#define PARAM_CONF struct mi_fifo_conf

static const struct param_spec params[] = {
    PARAM_STRING("fifo_name", fifo_name, NULL,
                 "the named pipe that commands are written into; mandatory", .fixed = made),
    PARAM_NUMBER("fifo_mode", mode, 0, 0777, 0660, "permissions of the pipe", .fixed = made),
    PARAM_ROW("fifo_user", PARAM_TEXT, user, "who the pipe belongs to, by name or number",
              .fixed = made),
    PARAM_ROW("fifo_group", PARAM_TEXT, group, "its group, by name or number", .fixed = made),
    PARAM_STRING("reply_dir", reply_dir, "/tmp/",
                 "folder of the pipes that answers are written into", .fixed = made),
    PARAM_STRING("reply_indent", reply_indent, "\t",
                 "what a level of an answer is moved to the right by", .fixed = made),
    {.name = NULL},
};

static int conf_check(struct prepare *p, void *data)
{
    struct mi_fifo_conf *conf = data;
    if (conf->fifo_name.len)
        return owner_find(&conf->owner, conf->user, conf->group, (unsigned)conf->mode, p->error);
    buf_printf(p->error, "fifo_name is not set: mi_fifo needs the name of its pipe");
    return ERR_INVALID;
}

const struct module mi_fifo_module = {
    .abi = MODULE_ABI,
    .symbols = {.name = "mi_fifo",
                .doc = "Management commands through a named pipe.",
                .params = params,
                .conf_size = sizeof(struct mi_fifo_conf),
                .conf_check = conf_check},
    .start = start,
    .stop = stop,
    .serve = serve,
    .unserve = unserve,
};
