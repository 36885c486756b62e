/* A loop on poll(2) and a database on it, for the tests of drivers. */
/* SPDX-License-Identifier: MIT */
#ifndef TESTS_DB_RIG_H
#define TESTS_DB_RIG_H

#include "core/db/db.h"

enum { RIG_WATCHES = 32 };

struct rig {
    struct loop loop;
    struct wheel wheel;
    struct {
        struct watch *watch;
        unsigned events;
    } watched[RIG_WATCHES];
    int pipe[2]; /* posted items come through it */
    struct loop_item *put_off, **put_off_end;
    struct db_set *set;
    struct db *db;
    char url[256];
    /* how the last query ended */
    bool over;
    int status;
    uint64_t changed;
    unsigned columns, rows;
    struct str *name;
    struct db_value *cell;
    struct arena memory;
    /* of ask_later */
    unsigned waiting, succeeded;
};

/* deadline in ms; later: the database need not be there. Fails the test when it cannot. */
void rig_open(struct rig *r, const char *url, uint32_t deadline, bool later);
void rig_close(struct rig *r);
/* Runs a query and the loop until it is over; its status. The result stays until the next. */
int ask(struct rig *r, const struct db_query *q);
/* Only begins it. */
void ask_later(struct rig *r, const struct db_query *q);
/* Until all of ask_later are over: how many succeeded; r->status is that of the last. */
unsigned wait_all(struct rig *r);
/* Runs the loop for that long, in ms. */
void pass_time(struct rig *r, unsigned ms);
static inline const struct db_value *cell(const struct rig *r, unsigned row, unsigned column)
{
    return &r->cell[(size_t)row * r->columns + column];
}

#endif
