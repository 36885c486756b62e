/* What a worker's thread offers to whoever waits for something outside the process: readiness of a
 * descriptor, an item from another thread, a timer. The real one stands on libuv (core/net), the
 * simulated world's has no descriptors. On the worker's own thread only, but for post. */
/* SPDX-License-Identifier: MIT */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include "core/base/wheel.h"

enum { LOOP_READ = 1, LOOP_WRITE = 2 };

/* A descriptor that is looked at. Lives inside its owner; zeroed memory watches nothing. */
struct watch {
    int fd;
    void (*ready)(struct watch *w, unsigned events); /* LOOP_READ, LOOP_WRITE; both on an error */
    void *handle;                                    /* the loop's own */
};

/* What another thread hands over, or what is put off to the end of an event. Lives inside its
 * owner, until fn is called. */
struct loop_item {
    void (*fn)(struct loop_item *i);
    struct loop_item *next; /* the loop's own */
};

struct loop {
    void *user;
    struct wheel *wheel; /* for timers; due times count as now does */
    uint64_t now;        /* ms of a monotonic clock, fixed while one event is handled */
    /* Calls w->ready when w->fd is ready for events; changes what is waited for when it is watched
     * already. NULL in a world without descriptors. ERR_NOMEM, ERR_IO. */
    int (*watch)(struct loop *l, struct watch *w, unsigned events);
    /* Ends it, before the descriptor is closed. ready is not called any more. */
    void (*unwatch)(struct loop *l, struct watch *w);
    /* Calls i->fn on the loop's thread, soon, in the order of posting. Any thread; never from
     * inside post. ERR_STATE when the thread is ending: fn will not be called. */
    int (*post)(struct loop *l, struct loop_item *i);
    /* Calls i->fn once when all that came with the event of now has been handled, before the thread
     * sleeps: for what is done better for many at once. On the loop's thread; i must not be put off
     * already. NULL where nothing can be put off. */
    void (*after)(struct loop *l, struct loop_item *i);
};

#endif
