/* Inside of the load generator: what its files share. load.c says what it is. */
/* SPDX-License-Identifier: MIT */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

enum { BYTES = 4096, T1 = 500, PHASES = 8, SLOT_MS = 100, SLOTS = 4096 };
enum { TICK_US = 10, HISTOGRAM = 500000 }; /* up to 5 s, the last for all above */

/* Who has a socket. THIRD is the third phone of a forked call. */
enum party { CALLER, CALLEE, VOICEMAIL, THIRD, PARTIES };

enum kind {
    CALLS,    /* INVITE 200 ACK BYE 200 */
    OPTIONS,  /* OPTIONS answered by the proxy */
    FILL,     /* REGISTER of user after user */
    LOOKUP,   /* REGISTER of one user, then OPTIONS to another, who answers */
    PASSWORD, /* REGISTER of one user u<N>, and again with the password p<N> */
};

enum state { FREE, REGISTERING, ASKED, RINGING, ENDING, DONE };

/* Of the answer: what ACK and BYE need. */
struct dialog {
    char to_tag[64], target[96], route[400];
};

struct call {
    double started, asked, next_send; /* ms; next_send 0: nothing to repeat */
    struct dialog *dialog;
    struct later
        *ok; /* the callee's 2xx to INVITE, until the call ends; due: when it is repeated */
    unsigned short interval;
    unsigned char state, phase;
};

/* Calls of one rate; what became of them is counted where they began. */
struct phase {
    double rate, seconds; /* rate 0: as many at a time as --window says */
    unsigned long calls;  /* of this and of the phases before it */
    unsigned long started, answered, completed, refused, failed;
    unsigned *answer; /* histogram of answer times, in TICK_US */
};

/* 100 ms. Of the calls that began then: how many were completed and refused; ended: calls that were
 * completed then. */
struct slot {
    unsigned started, completed, refused, ended;
};

/* An answer that is due later. */
struct later {
    struct later *next;
    double due;
    enum party party;
    size_t len;
    char text[];
};

struct load {
    int fd[PARTIES];
    unsigned short port[PARTIES];
    struct sockaddr_in proxy;
    enum kind kind;
    bool busy, ring, fork, hold, timeline;
    unsigned repeat;       /* how often each request, and each 2xx to INVITE, is sent at once */
    unsigned long users;   /* of FILL, LOOKUP and PASSWORD */
    unsigned long window;  /* calls in progress at most where a phase has no rate */
    double give_up, begin; /* ms */
    unsigned run;
    struct phase phase[PHASES];
    unsigned phases, now_phase;
    unsigned long calls, started, done, retransmitted, mixed, version[2];
    struct call *call;
    struct slot *slot;
    struct later *later, **later_end;
};

double now_ms(void);
void die(const char *what);

/* ---- load_io.c ---- */

int open_socket(unsigned short port);
/* Queues a datagram to the proxy; flush sends what is queued. */
void send_text(struct load *l, enum party from, const char *text, size_t len);
void flush(struct load *l);
/* Reads one batch and gives each message to take; returns how many there were. */
int read_socket(struct load *l, enum party p, double now,
                void (*take)(struct load *l, enum party p, const char *msg, double now));
/* Copies the value of the first header of that name (given as "\nName: "); false without it. */
bool header(const char *msg, const char *name, char *out, size_t cap);
/* All lines of a header, copied under another name; returns the length written. */
size_t copy_lines(const char *msg, const char *name, const char *as, char *out, size_t cap);

/* ---- load_register.c ---- */

/* A number below n that neighbours do not share. */
unsigned long scatter(unsigned long i, unsigned long n);
void send_register(struct load *l, unsigned long n);
/* The same once more with what the challenge of msg asks for; false when that cannot be read. */
bool send_password(struct load *l, unsigned long n, const char *msg);

/* ---- load_phones.c ---- */

void start_call(struct load *l, unsigned long n, double now);
/* A call is over; good: as it was meant to be. */
void finish(struct load *l, struct call *c, bool good, double now);
void take_message(struct load *l, enum party p, const char *msg, double now);
/* Sends what call n waits for an answer to once more. */
void send_again(struct load *l, unsigned long n);
/* The callee repeats its answer, when that is due. */
void repeat_answer(struct load *l, struct call *c, double now);
/* Sends the answers that have become due. */
void send_later(struct load *l, double now);

#endif
