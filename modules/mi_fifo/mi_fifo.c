/* mi_fifo: management commands through a named pipe. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
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
    struct mi_fifo *f = container_of(w, struct mi_fifo, watch);
    struct loop *l = f->loop;
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

static int complain(struct buf *why, const struct mi_fifo *f, const char *what)
{
    buf_printf(why, "mi_fifo: %s: %s", f->path, what);
    return ERR_IO;
}

/* Makes the pipe anew: an old one may belong to somebody else. Opened for both directions, so that
 * it never ends when the last writer goes. */
static int make_pipe(struct mi_fifo *f, struct buf *why)
{
    struct stat s;
    if (lstat(f->path, &s) == 0) {
        if (!S_ISFIFO(s.st_mode))
            return complain(why, f, "it exists and is no named pipe");
        if (unlink(f->path) != 0)
            return complain(why, f, strerror(errno));
    }
    if (mkfifo(f->path, 0600) != 0)
        return complain(why, f, strerror(errno));
    f->watch.fd = open(f->path, O_RDWR | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    if (f->watch.fd < 0 || owner_give(f->path, &f->owner) != ERR_OK)
        return complain(why, f, strerror(errno));
    return ERR_OK;
}

static void unserve(void *state)
{
    struct mi_fifo *f = state;
    if (!f->loop)
        return;
    mi_fifo_reply_free_all(f);
    wheel_cancel(f->loop->wheel, &f->stale);
    if (f->watch.fd >= 0) {
        f->loop->unwatch(f->loop, &f->watch);
        close(f->watch.fd);
        f->watch.fd = -1;
        unlink(f->path);
    }
    f->loop = NULL;
}

static int serve(void *state, struct mi_server *server, struct buf *why)
{
    struct mi_fifo *f = state;
    f->server = server;
    f->loop = mi_loop(server);
    f->watch = (struct watch){.fd = -1, .ready = ready};
    int rc = make_pipe(f, why);
    return rc == ERR_OK ? f->loop->watch(f->loop, &f->watch, LOOP_READ) : rc;
}

/* ---- life ---- */

static void stop(void *state)
{
    struct mi_fifo *f = state;
    free(f->path);
    free(f->dir);
    free(f->indent);
    free(f);
}

static char *c_string(struct str s)
{
    return strndup(s.p ? s.p : "", s.len);
}

static void *start(const struct module_start *begin, bool *failed)
{
    const struct mi_fifo_conf *conf = begin->conf;
    struct mi_fifo *f = calloc(1, sizeof *f);
    *failed = true;
    if (!f)
        return NULL;
    list_init(&f->replies);
    f->path = c_string(conf->fifo_name);
    f->dir = c_string(conf->reply_dir);
    f->indent = c_string(conf->reply_indent);
    f->owner = conf->owner;
    if (!f->path || !f->dir || !f->indent) {
        stop(f);
        return NULL;
    }
    *failed = false;
    return f;
}

static bool reload(void *state, const void *old_conf, const struct module_start *next)
{
    const struct mi_fifo_conf *a = old_conf, *b = next->conf;
    (void)state;
    if (str_eq(a->fifo_name, b->fifo_name) && str_eq(a->reply_dir, b->reply_dir) &&
        str_eq(a->reply_indent, b->reply_indent) && a->mode == b->mode &&
        a->owner.user == b->owner.user && a->owner.group == b->owner.group)
        return true;
    buf_printf(next->why, "%smi_fifo: its pipe is made at start and cannot be changed live",
               next->why->len ? "; " : "");
    return false;
}

/* ---- rows ---- */

static int keep_name(struct prepare *p, struct str *out, const struct value *v)
{
    char digits[VALUE_TEXT];
    *out = arena_dup(p->arena, value_text(v, digits));
    return out->p ? ERR_OK : ERR_NOMEM;
}

static int set_user(struct prepare *p, void *conf, const struct value *v)
{
    struct mi_fifo_conf *k = conf;
    return keep_name(p, &k->user, v);
}

static int set_group(struct prepare *p, void *conf, const struct value *v)
{
    struct mi_fifo_conf *k = conf;
    return keep_name(p, &k->group, v);
}

#define TEXT(name_, text_, doc_)                                                                   \
    {                                                                                              \
        .name = #name_, .type = PARAM_STR, .offset = offsetof(struct mi_fifo_conf, name_),         \
        .text = text_, .doc = doc_                                                                 \
    }

static const struct param_spec params[] = {
    TEXT(fifo_name, NULL, "the named pipe that commands are written into; mandatory"),
    {.name = "fifo_mode",
     .type = PARAM_INT,
     .offset = offsetof(struct mi_fifo_conf, mode),
     .min = 0,
     .max = 0777,
     .number = 0660,
     .doc = "permissions of the pipe"},
    {.name = "fifo_user",
     .type = PARAM_ANY,
     .set = set_user,
     .doc = "who the pipe belongs to, by name or number"},
    {.name = "fifo_group",
     .type = PARAM_ANY,
     .set = set_group,
     .doc = "its group, by name or number"},
    TEXT(reply_dir, "/tmp/", "folder of the pipes that answers are written into"),
    TEXT(reply_indent, "\t", "what a level of an answer is moved to the right by"),
    {.name = NULL},
};

static int conf_check(struct prepare *p, void *data)
{
    struct mi_fifo_conf *conf = data;
    conf->owner =
        (struct owner){owner_user(conf->user), owner_group(conf->group), (unsigned)conf->mode};
    if (conf->fifo_name.len == 0)
        buf_printf(p->error, "fifo_name is not set: mi_fifo needs the name of its pipe");
    else if (conf->owner.user == OWNER_UNKNOWN)
        buf_printf(p->error, "there is no user %.*s", STR_ARG(conf->user));
    else if (conf->owner.group == OWNER_UNKNOWN)
        buf_printf(p->error, "there is no group %.*s", STR_ARG(conf->group));
    else
        return ERR_OK;
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
    .reload = reload,
    .serve = serve,
    .unserve = unserve,
};
