/* Steering: a classic BPF program, which needs no rights, chooses the socket of a datagram among
 * those of all workers by its Call-ID, as spread_owner does. Without it the kernel chooses by
 * addresses, and half or more of all messages have to be handed from worker to worker, a wake-up
 * each. What the program does not find (a compact or oddly written header, one that stands far
 * down) goes the old way; so does everything where the kernel does not take it.
 *
 * Each worker has two sockets: answers and requests of calls in progress never wait behind new
 * requests, nor are they dropped because too many of those come. The method tells them apart.
 * CANCEL must not overtake its INVITE; a re-INVITE is with the new ones, but only waits like them.
 */
/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <linux/filter.h>
#include <sys/socket.h>

#include "core/net/worker.h"

/* "\nCall-ID: " and how its four-byte windows read. One that is looked at every seventh byte meets
 * exactly one of them: a load is sixteen instructions of the kernel's, and their number is limited.
 */
static const char header[] = "\nCall-ID: ";
enum { FIRST = 20, NAME = sizeof header - 1, WINDOW = 4, STRIDE = NAME - WINDOW + 1 };
/* Instructions for: a place to look at, a byte of the value, all that comes behind the search. */
enum { PLACE = 1 + 3 * STRIDE, BYTE = 8, CHECK = 9 };
enum { REST = 1 + CHECK + 3 + SPREAD_BYTES * BYTE + 12 + 2 /* rounding of redirect */ };
/* How the first line of what goes before new requests begins. */
static const char *const first[] = {"SIP/", "ACK ", "BYE ", "PRAC", "UPDA", "INFO", "NOTI", "REFE"};
enum { FIRSTS = sizeof first / sizeof *first, SORT = FIRSTS + 6 };
enum { PLACES = (BPF_MAXINSNS - REST - SORT) / PLACE };
/* Scratch memory: the sum so far, where the header was found, the first socket of the kind. */
enum { SUM, FOUND, KIND };

_Static_assert(SPREAD_BYTES *BYTE <= UINT8_MAX, "a conditional jump reaches that far");

struct code {
    struct sock_filter at[BPF_MAXINSNS];
    unsigned short n;
};

static void add(struct code *c, unsigned op, unsigned yes, unsigned no, uint32_t k)
{
    c->at[c->n++] = (struct sock_filter){(uint16_t)op, (uint8_t)yes, (uint8_t)no, k};
}

/* No choice: the kernel's own holds. */
static void give_up(struct code *c)
{
    add(c, BPF_RET | BPF_K, 0, 0, UINT32_MAX);
}

static uint32_t word(const char *at)
{
    uint32_t v;
    memcpy(&v, at, WINDOW);
    return ntohl(v);
}

static uint32_t window(unsigned at)
{
    return word(header + at);
}

/* Notes where the sockets of this kind of datagram begin: at 0, or behind those. */
static void sort(struct code *c, unsigned workers)
{
    add(c, BPF_LD | BPF_W | BPF_ABS, 0, 0, 0);
    for (unsigned i = 0; i < FIRSTS; i++)
        add(c, BPF_JMP | BPF_JEQ | BPF_K, FIRSTS - i + 1, 0, word(first[i]));
    add(c, BPF_LD | BPF_IMM, 0, 0, workers);
    add(c, BPF_JMP | BPF_JA, 0, 0, 1);
    add(c, BPF_LD | BPF_IMM, 0, 0, 0);
    add(c, BPF_ST, 0, 0, KIND);
}

/* X becomes the place of the header's line end before it. A load behind the end of the datagram
 * ends the program with worker 0. */
static void search(struct code *c, unsigned places)
{
    unsigned end = c->n + places * PLACE;
    for (unsigned i = 0; i < places; i++) {
        unsigned place = FIRST + i * STRIDE;
        add(c, BPF_LD | BPF_W | BPF_ABS, 0, 0, place);
        for (unsigned k = 0; k < STRIDE; k++) {
            add(c, BPF_JMP | BPF_JEQ | BPF_K, 0, 2, window(k));
            add(c, BPF_LDX | BPF_IMM, 0, 0, place - k);
            add(c, BPF_JMP | BPF_JA, 0, 0, end - c->n); /* over give_up */
        }
    }
    give_up(c);
}

static void check(struct code *c, unsigned size, unsigned at, uint32_t wanted)
{
    add(c, BPF_LD | size | BPF_IND, 0, 0, at);
    add(c, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, wanted);
    give_up(c);
}

static void check_name(struct code *c)
{
    check(c, BPF_W, 0, window(0));
    check(c, BPF_W, 4, window(4));
    check(c, BPF_H, 8, window(6) & 0xffff);
}

static void sum_up(struct code *c, const struct spread *s)
{
    add(c, BPF_STX, 0, 0, FOUND);
    add(c, BPF_LD | BPF_IMM, 0, 0, s->start);
    add(c, BPF_ST, 0, 0, SUM);
    for (unsigned i = 0; i < SPREAD_BYTES; i++) {
        add(c, BPF_LDX | BPF_MEM, 0, 0, FOUND);
        add(c, BPF_LD | BPF_B | BPF_IND, 0, 0, NAME + i);
        add(c, BPF_JMP | BPF_JGT | BPF_K, 0, (SPREAD_BYTES - i) * BYTE - 3, ' ');
        add(c, BPF_MISC | BPF_TAX, 0, 0, 0);
        add(c, BPF_LD | BPF_MEM, 0, 0, SUM);
        add(c, BPF_ALU | BPF_MUL | BPF_K, 0, 0, s->factor);
        add(c, BPF_ALU | BPF_ADD | BPF_X, 0, 0, 0);
        add(c, BPF_ST, 0, 0, SUM);
    }
}

/* A becomes the worker. */
static void choose(struct code *c, unsigned workers)
{
    add(c, BPF_LD | BPF_MEM, 0, 0, SUM);
    add(c, BPF_MISC | BPF_TAX, 0, 0, 0);
    add(c, BPF_ALU | BPF_RSH | BPF_K, 0, 0, SPREAD_SHIFT_1);
    add(c, BPF_ALU | BPF_XOR | BPF_X, 0, 0, 0);
    add(c, BPF_ALU | BPF_MUL | BPF_K, 0, 0, SPREAD_FACTOR);
    add(c, BPF_MISC | BPF_TAX, 0, 0, 0);
    add(c, BPF_ALU | BPF_RSH | BPF_K, 0, 0, SPREAD_SHIFT_2);
    add(c, BPF_ALU | BPF_XOR | BPF_X, 0, 0, 0);
    add(c, BPF_ALU | BPF_MOD | BPF_K, 0, 0, workers);
}

/* A becomes the worker whose sockets are read for it. No reader is redirected itself. */
static void redirect(struct code *c, unsigned workers, const unsigned reader[])
{
    for (unsigned i = 0; i < workers; i++)
        if (reader[i] != i) {
            add(c, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, i);
            add(c, BPF_LD | BPF_IMM, 0, 0, reader[i]);
        }
}

/* The socket of that worker for this kind of datagram. */
static void answer(struct code *c)
{
    add(c, BPF_LDX | BPF_MEM, 0, 0, KIND);
    add(c, BPF_ALU | BPF_ADD | BPF_X, 0, 0, 0);
    add(c, BPF_RET | BPF_A, 0, 0, 0);
}

static bool attach(int fd, const struct spread *s, unsigned workers, const unsigned reader[],
                   unsigned places)
{
    struct code c = {.n = 0};
    sort(&c, workers);
    if (places) {
        search(&c, places);
        check_name(&c);
        sum_up(&c, s);
        choose(&c, workers);
        redirect(&c, workers, reader);
    } else {
        add(&c, BPF_LD | BPF_IMM, 0, 0, reader[0]);
    }
    answer(&c);
    struct sock_fprog program = {c.n, c.at};
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof program) == 0;
}

/* Older kernels have room for a shorter search only (net.core.optmem_max). Where one worker reads
 * everything there is nothing to search for. */
bool steer(int fd, const struct spread *s, unsigned workers, const unsigned reader[])
{
    unsigned redirected = 0, other = 0;
    for (unsigned i = 0; i < workers; i++) {
        redirected += reader[i] != i;
        other += reader[i] != reader[0];
    }
    if (!other)
        return attach(fd, s, workers, reader, 0);
    if (2 * redirected > BPF_MAXINSNS / 2)
        return false;
    for (unsigned places = PLACES - 2 * redirected / PLACE; places > 20; places -= places / 8)
        if (attach(fd, s, workers, reader, places))
            return true;
    return false;
}
