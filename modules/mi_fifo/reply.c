/* Answers into the named pipes of clients. A client need not read: it costs a descriptor for a
 * moment and nothing else. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "modules/mi_fifo/priv.h"

enum {
    TRIES = 4,        /* to open the pipe, which the client may be late to read */
    PAUSE = 80,       /* ms in between */
    PATIENCE = 2000,  /* ms a client may leave its pipe full */
    WAITING_MAX = 64, /* answers at a time */
};

struct mi_fifo_reply {
    struct list link;
    struct mi_fifo *fifo;
    struct watch watch;
    struct timer timer;
    char *path, *text;
    size_t len, at;
    int tries;
};

static void reply_free(struct mi_fifo_reply *r)
{
    struct loop *l = r->fifo->pipe.loop;
    wheel_cancel(l->wheel, &r->timer);
    if (r->watch.fd >= 0) {
        l->unwatch(l, &r->watch);
        close(r->watch.fd);
    }
    list_remove(&r->link);
    r->fifo->waiting--;
    free(r->path);
    free(r->text);
    free(r);
}

static void give_up(struct mi_fifo_reply *r, const char *why)
{
    log_warn("mi_fifo: no answer into %s: %s", r->path, why);
    reply_free(r);
}

static void too_slow(struct timer *t, void *ctx)
{
    (void)ctx;
    give_up(container_of(t, struct mi_fifo_reply, timer), "nobody reads it");
}

static void go_on(struct mi_fifo_reply *r);

static void ready(struct watch *w, unsigned events)
{
    (void)events;
    go_on(container_of(w, struct mi_fifo_reply, watch));
}

/* Writes what the pipe takes; the rest when there is room again. */
static void go_on(struct mi_fifo_reply *r)
{
    struct loop *l = r->fifo->pipe.loop;
    while (r->at < r->len) {
        ssize_t n = write(r->watch.fd, r->text + r->at, r->len - r->at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno != EAGAIN) {
            give_up(r, strerror(errno));
            return;
        }
        if (n < 0) {
            wheel_arm(l->wheel, &r->timer, l->now + PATIENCE, too_slow);
            if (l->watch(l, &r->watch, LOOP_WRITE) != ERR_OK)
                give_up(r, "the system does not watch it");
            return;
        }
        r->at += (size_t)n;
    }
    reply_free(r);
}

static bool is_fifo(int fd)
{
    struct stat s;
    return fstat(fd, &s) == 0 && S_ISFIFO(s.st_mode);
}

static void try_open(struct timer *t, void *ctx)
{
    struct mi_fifo_reply *r = container_of(t, struct mi_fifo_reply, timer);
    struct loop *l = r->fifo->pipe.loop;
    (void)ctx;
    int fd = open(r->path, O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENXIO && ++r->tries < TRIES) { /* nobody reads it yet */
        wheel_arm(l->wheel, &r->timer, l->now + PAUSE, try_open);
    } else if (fd < 0) {
        give_up(r, errno == ENXIO ? "nobody reads it" : strerror(errno));
    } else if (!is_fifo(fd)) {
        close(fd);
        give_up(r, "it is no named pipe");
    } else {
        r->watch = (struct watch){.fd = fd, .ready = ready};
        go_on(r);
    }
}

/* A name of one file in the folder, not a way to another. */
static bool is_file_name(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (strchr("/\\.", s.p[i]) || (unsigned char)s.p[i] < ' ') /* NUL is found, too */
            return false;
    return s.len > 0 && s.len < 256;
}

static char *join(const char *dir, struct str name)
{
    size_t n = strlen(dir), room = n + 1 + name.len + 1;
    char *path = malloc(room);
    if (!path)
        return NULL;
    memcpy(path, dir, n);
    path[n++] = '/';
    memcpy(path + n, name.p, name.len);
    path[n + name.len] = 0;
    return path;
}

struct mi_fifo_reply *mi_fifo_reply_new(struct mi_fifo *f, struct str name)
{
    if (!is_file_name(name)) {
        if (name.len)
            log_warn("mi_fifo: \"%.*s\" is no name for an answer: it is a file in %s",
                     STR_ARG(name), f->dir);
        return NULL;
    }
    if (f->waiting == WAITING_MAX) {
        log_warn("mi_fifo: %d answers wait already, none for %.*s", WAITING_MAX, STR_ARG(name));
        return NULL;
    }
    struct mi_fifo_reply *r = calloc(1, sizeof *r);
    char *path = r ? join(f->dir, name) : NULL;
    if (!path) {
        free(r);
        return NULL;
    }
    *r = (struct mi_fifo_reply){.fifo = f, .watch = {.fd = -1}, .path = path};
    list_append(&f->replies, &r->link);
    f->waiting++;
    return r;
}

void mi_fifo_reply_send(void *reply, struct str answer)
{
    struct mi_fifo_reply *r = reply;
    r->text = malloc(answer.len + 1);
    if (!r->text) {
        give_up(r, "no memory");
        return;
    }
    memcpy(r->text, answer.p, answer.len);
    r->len = answer.len;
    try_open(&r->timer, NULL);
}

void mi_fifo_reply_free_all(struct mi_fifo *f)
{
    while (!list_empty(&f->replies))
        reply_free(container_of(f->replies.next, struct mi_fifo_reply, link));
}
