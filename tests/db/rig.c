/* A loop on poll(2) and a database on it. */
/* SPDX-License-Identifier: MIT */
#include "tests/db/rig.h"

#include <poll.h>
#include <time.h>
#include <unistd.h>

#include "core/base/err.h"
#include "core/db/driver.h"
#include "core/module.h"
#include "tests/lib/unit.h"

extern const struct module db_mysql_module, db_postgres_module;

static const struct db_driver *drivers[3];

static uint64_t clock_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* ---- the loop ---- */

static int watch(struct loop *l, struct watch *w, unsigned events)
{
    struct rig *r = l->user;
    unsigned i = 0;
    while (i < RIG_WATCHES && r->watched[i].watch != (w->handle ? w : NULL))
        i++;
    assert_true(i < RIG_WATCHES);
    w->handle = w;
    r->watched[i].watch = w;
    r->watched[i].events = events;
    return ERR_OK;
}

static void unwatch(struct loop *l, struct watch *w)
{
    struct rig *r = l->user;
    for (unsigned i = 0; w->handle && i < RIG_WATCHES; i++)
        if (r->watched[i].watch == w)
            r->watched[i].watch = NULL;
    w->handle = NULL;
}

static int post(struct loop *l, struct loop_item *i)
{
    struct rig *r = l->user;
    return write(r->pipe[1], &i, sizeof i) == sizeof i ? ERR_OK : ERR_STATE;
}

static void after(struct loop *l, struct loop_item *i)
{
    struct rig *r = l->user;
    i->next = NULL;
    *r->put_off_end = i;
    r->put_off_end = &i->next;
}

static void run_put_off(struct rig *r)
{
    struct loop_item *i = r->put_off;
    r->put_off = NULL;
    r->put_off_end = &r->put_off;
    while (i) {
        struct loop_item *next = i->next;
        i->fn(i);
        i = next;
    }
}

static void turn(struct rig *r, int most)
{
    run_put_off(r);
    struct pollfd fd[RIG_WATCHES + 1] = {{.fd = r->pipe[0], .events = POLLIN}};
    struct watch *who[RIG_WATCHES + 1];
    unsigned n = 1;
    for (unsigned i = 0; i < RIG_WATCHES; i++) {
        struct watch *w = r->watched[i].watch;
        if (!w)
            continue;
        who[n] = w;
        fd[n++] =
            (struct pollfd){.fd = w->fd,
                            .events = (short)((r->watched[i].events & LOOP_READ ? POLLIN : 0) |
                                              (r->watched[i].events & LOOP_WRITE ? POLLOUT : 0))};
    }
    uint64_t due = wheel_next(&r->wheel);
    int ms = due == UINT64_MAX ? most : due <= r->loop.now ? 0 : (int)(due - r->loop.now);
    poll(fd, n, ms < most ? ms : most);
    r->loop.now = clock_ms();
    if (fd[0].revents & POLLIN) {
        struct loop_item *item;
        assert_int_equal(read(r->pipe[0], &item, sizeof item), sizeof item);
        item->fn(item);
    }
    for (unsigned i = 1; i < n; i++) {
        short got = fd[i].revents;
        unsigned k = 0;
        while (k < RIG_WATCHES && r->watched[k].watch != who[i])
            k++;
        if (!got || k == RIG_WATCHES) /* one before it may have ended it */
            continue;
        who[i]->ready(who[i], got & (POLLERR | POLLNVAL)
                                  ? LOOP_READ | LOOP_WRITE
                                  : (got & (POLLIN | POLLHUP) ? LOOP_READ : 0u) |
                                        (got & POLLOUT ? LOOP_WRITE : 0u));
    }
    wheel_advance(&r->wheel, r->loop.now, NULL);
}

/* ---- the database ---- */

void rig_open(struct rig *r, const char *url, uint32_t deadline, bool later)
{
    char text[512] = "";
    struct buf why;
    struct db_options o = {.limits = {.deadline = deadline}, .later = later};
    memset(r, 0, sizeof *r);
    drivers[0] = db_mysql_module.driver;
    drivers[1] = db_postgres_module.driver;
    snprintf(r->url, sizeof r->url, "%s", url);
    assert_int_equal(pipe(r->pipe), 0);
    r->loop = (struct loop){.user = r,
                            .wheel = &r->wheel,
                            .now = clock_ms(),
                            .watch = watch,
                            .unwatch = unwatch,
                            .post = post,
                            .after = after};
    r->put_off_end = &r->put_off;
    wheel_init(&r->wheel, r->loop.now);
    arena_init(&r->memory, NULL, 1 << 16);
    r->set = db_set_new(drivers, false);
    buf_fixed(&why, text, sizeof text - 1);
    r->db = db_open(r->set, str_from(url), &o, &why);
    if (!r->db) {
        fprintf(stderr, "%s: %s\n", url, text);
        exit(1);
    }
}

void rig_close(struct rig *r)
{
    db_set_leave(r->set, 0);
    db_set_free(r->set);
    arena_reset(&r->memory);
    close(r->pipe[0]);
    close(r->pipe[1]);
}

static void keep(struct rig *r, const struct db_result *out)
{
    arena_reset(&r->memory);
    arena_init(&r->memory, NULL, 1 << 16);
    r->columns = out->columns;
    r->rows = out->rows;
    r->changed = out->changed;
    r->name = arena_alloc(&r->memory, out->columns * sizeof *r->name + 1);
    for (unsigned i = 0; i < out->columns; i++)
        r->name[i] = arena_dup(&r->memory, out->name[i]);
    size_t n = (size_t)out->rows * out->columns;
    r->cell = arena_alloc(&r->memory, n * sizeof *r->cell + 1);
    for (size_t i = 0; i < n; i++) {
        r->cell[i] = out->cell[i];
        if (r->cell[i].type == DB_TEXT || r->cell[i].type == DB_BLOB)
            r->cell[i].s = arena_dup(&r->memory, out->cell[i].s);
    }
}

static void answered(void *arg, int status, const struct db_result *out)
{
    struct rig *r = arg;
    assert_int_equal(status == ERR_OK, out != NULL);
    r->over = true;
    r->status = status;
    if (out)
        keep(r, out);
}

int ask(struct rig *r, const struct db_query *q)
{
    r->over = false;
    r->loop.now = clock_ms();
    int rc = db_run(r->db, 0, &r->loop, q, answered, r);
    assert_false(r->over); /* never from inside */
    if (rc != ERR_OK)
        return rc;
    while (!r->over)
        turn(r, 1000);
    return r->status;
}

static void answered_later(void *arg, int status, const struct db_result *out)
{
    struct rig *r = arg;
    (void)out;
    r->waiting--;
    r->succeeded += status == ERR_OK;
    r->status = status;
}

void ask_later(struct rig *r, const struct db_query *q)
{
    r->loop.now = clock_ms();
    assert_int_equal(db_run(r->db, 0, &r->loop, q, answered_later, r), ERR_OK);
    r->waiting++;
}

unsigned wait_all(struct rig *r)
{
    while (r->waiting)
        turn(r, 1000);
    unsigned n = r->succeeded;
    r->succeeded = 0;
    return n;
}

void pass_time(struct rig *r, unsigned ms)
{
    uint64_t end = clock_ms() + ms;
    while (clock_ms() < end)
        turn(r, 10);
}
