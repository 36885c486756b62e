/* Which threads run which workers: few while the load is light, because a thread that sleeps and is
 * woken for each message costs more than the message; as many as there are when it is not. Workers
 * move whole, so a call stays with its worker. Pure: no thread, no clock. */
/* SPDX-License-Identifier: MIT */
#ifndef NET_BALANCE_H
#define NET_BALANCE_H

#include <stdbool.h>
#include <stdint.h>

enum {
    BALANCE_FULL = 600000, /* millionths of a core: a thread that uses more gives workers away */
    BALANCE_ROOM = 350000, /* up to so much a thread is filled with the workers of others */
    BALANCE_CALM = 5,      /* looks without a full thread, after which workers are gathered */
};

/* What is known of a thread, and worked out by balance. */
struct balance_thread {
    uint64_t share; /* of a core that it used since the last look, in millionths */
    bool pressed;   /* it could not keep up, whatever it used */
    unsigned seated;
};

struct balance_worker {
    uint64_t weight; /* messages since the last look */
    uint64_t work;   /* its part of its thread's share */
    unsigned thread; /* that runs it; changed to the one that should */
};

/* Looks at n threads and as many workers; worker i's own thread is i. *calm is kept between looks;
 * BALANCE_CALM at first gathers at once. Returns how many workers are to move. */
unsigned balance(unsigned *calm, unsigned n, struct balance_thread *t, struct balance_worker *w);

#endif
