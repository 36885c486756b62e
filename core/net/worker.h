/* Inside of core/net: the structures its files share. Nobody else includes this. */
/* SPDX-License-Identifier: MIT */
#ifndef NET_WORKER_H
#define NET_WORKER_H

#include <pthread.h>
#include <uv.h>

#include "core/base/list.h"
#include "core/base/loop.h"
#include "core/net/inbox.h"
#include "core/net/net.h"
#include "core/net/room.h"

enum {
    BATCH = 32,            /* datagrams received by one system call */
    BATCHES = 4,           /* so many before others of the loop have their turn */
    NEW_BATCH = 8,         /* new requests served at once, after which all else has its turn */
    NEW_BATCHES = 16,      /* of BATCH, read in a turn: those more wait in the room */
    TIMER_STEP = 16,       /* ms by which a timer may be late when nothing else happens */
    NEW_TURN_US = 100,     /* for those who wait there, after which all else has its turn */
    DATAGRAM_MAX = 65536,  /* more than UDP can carry */
    DATAGRAM_STEP = 70272, /* from buffer to buffer; not a power of two: their beginnings, the part
                              that is used, must not all fall into the same few cache sets */
    SEND_BATCH = 64,
    SEND_BYTES = 131072,       /* of queued datagrams, all of a thread together */
    BACKLOG_BYTES = 4 << 20,   /* kept a socket while the kernel takes no more */
    HANDOVER_BYTES = 32 << 20, /* of messages on their way between workers, per sender */
    UNREACHABLE_MAX = 32,      /* reports kept until the batch ends */
    SIGNALS_MAX = 8,
    PRESSING_US = 10000, /* new requests that waited so long want more threads */
};

/* A datagram that waits for the socket to be writable. */
struct backlog_entry {
    struct list link;
    struct addr dst;
    size_t len;
    char bytes[];
};

/* One listening address in one worker. Each has two where the kernel sorts what comes (steer.c):
 * one for new requests, from which is only read, and one for everything else. */
struct udp {
    uv_poll_t *poll; /* of the worker's seat */
    struct net_worker *worker;
    int fd; /* -1: not there */
    uint16_t number;
    bool wants_write;
    bool fresh;     /* for new requests */
    bool measured;  /* the kernel tells how long what is read from it has waited */
    uint32_t drops; /* its counter, as of the last batch */
    struct list backlog;
    size_t backlog_bytes;
};

/* Datagrams to go out by a listening address before the thread sleeps. */
struct out_queue {
    unsigned n;
    struct udp *from[SEND_BATCH]; /* whose failure it is */
    struct mmsghdr out[SEND_BATCH];
    struct iovec bytes[SEND_BATCH];
    struct sockaddr_in6 dst[SEND_BATCH]; /* holds an IPv4 one too */
};

/* Those of all workers that a thread runs. */
struct outbox {
    unsigned listens;
    struct out_queue *queue; /* one a listening address */
    char *bytes;
    size_t used;
};

/* Where datagrams are received; shared by the sockets of a worker. */
struct receive_ring {
    struct mmsghdr msgs[BATCH];
    struct iovec iov[BATCH];
    struct sockaddr_in6 src[BATCH];
    _Alignas(struct cmsghdr) char control[128]; /* of the first: when it came, drops so far */
    char *memory;
};

/* Where the descriptors of others are watched: a worker's loop, or the main thread's. */
struct poll_home {
    uv_loop_t *uv;
    struct list handles; /* of loop.c */
    void *user;
    void (*enter)(void *user); /* before ready is called: time passes */
    void (*leave)(void *user);
};

/* That nobody listens at dst, to be told when no call of the user is in progress. */
struct unreachable {
    struct addr dst;
    uint16_t socket;
};

/* Written by the worker alone, read by anyone. */
struct counters {
    atomic_uint_fast64_t received, sent, send_errors, handed_over, dropped, batches, kernel_drops;
    atomic_uint_fast64_t handled; /* packets that were its own, whoever read them */
};

/* What of a worker lives in the loop of the thread that runs it (seat.c). */
struct seat {
    struct net_worker *worker;
    struct runner *runner;
    struct list link; /* of the runner */
    unsigned open;    /* handles that libuv has not let go of */
    bool busy;        /* has messages read by another worker's sockets, which leaves for it, too */
    uv_poll_t wake;
    uv_timer_t timer;
    uv_poll_t sockets[];
};

/* A thread and its loop: runs the workers that sit there, one, several or none (runner.c). */
struct runner {
    struct net *net;
    unsigned index;
    int wake_fd; /* someone arrives, or it ends; an eventfd like the worker's */
    atomic_bool ending;
    _Atomic(struct net_worker *) arrivals; /* newest first */
    atomic_uint seated;                    /* workers here or on their way here */
    struct list seats;                     /* of those who are here; this and what follows is the
                                              thread's own */
    struct net_worker **here;              /* the same by number; NULL: elsewhere */
    struct outbox outbox;
    uv_thread_t thread;
    uv_loop_t loop;
    uv_poll_t wake;
    uv_prepare_t before_sleep;
};

struct net_worker {
    struct inbox inbox;
    _Alignas(CACHE_LINE) atomic_bool asleep; /* waits in the kernel, or is about to */
    atomic_bool stopping;

    _Alignas(CACHE_LINE) struct net *net;
    unsigned index;
    int wake_fd; /* an eventfd of ours, not uv_async: valid from net_open to net_free, so that
                    nobody needs to know whether the loop still runs */
    struct seat *seat;
    atomic_uint wanted;              /* number of the thread that is to run it */
    atomic_bool pressed;             /* it could not keep up; the main thread clears it */
    struct net_worker *next_arrival; /* while it moves */
    uint64_t now;                    /* of this batch, ms of the monotonic clock */
    uint64_t timer_due;              /* what the timer is armed for; UINT64_MAX: not armed */
    uint64_t wall;                   /* time of day of this batch, ms */
    uint64_t wall_us;                /* the same in us */
    void *ctx;

    struct udp *sockets; /* one a listening address, then one for new requests for each */
    struct receive_ring *ring;
    struct room room;
    uint32_t drops_untold; /* new requests that found no room since the user heard of any */
    struct inbox_pool pool;
    struct inbox_chain *outgoing; /* one a worker: messages to hand over when the batch ends */
    struct unreachable unreachable[UNREACHABLE_MAX];
    unsigned unreachables;
    struct resolver *resolver;
    struct loop others;                       /* loop.c */
    struct loop_item *put_off, **put_off_end; /* until the event of now is handled */
    struct poll_home polls;
    struct counters count;
};

/* The main thread's loop as others see it (main_loop.c). */
struct posted_item {
    struct posted_item *next;
    struct loop_item *item;
};
struct main_loop {
    struct loop loop;
    struct poll_home polls;
    struct wheel wheel;
    uv_timer_t timer;
    int wake_fd;
    uv_mutex_t lock; /* for what follows */
    struct posted_item *first, **last;
    bool ended;
};

struct signal_watch {
    struct net *net;
    uv_signal_t handle;
    int signum;
    void (*fn)(void *user, int signum);
    void *user;
};

struct net {
    struct net_ops ops;
    struct net_dns dns;
    char *dns_servers;
    bool names_open;
    struct hosts *hosts;
    struct addr *listen; /* ports filled in where 0 was asked for */
    unsigned listens, workers;
    unsigned sockets; /* a worker */
    bool sorted;      /* new requests are to have sockets of their own */
    const struct spread *spread;
    unsigned *reader; /* whose sockets get what is worker i's; the main thread's */
    struct net_worker **worker;
    unsigned started;
    struct runner *runner; /* as many as workers */
    struct gather *gather; /* NULL: each thread runs its own worker, always */
    bool apart;            /* and that is what is wanted */
    uv_sem_t ended;        /* posted once by each worker that began */
    int wake_fd;
    atomic_bool stopping;
    atomic_int status; /* what net_run returns */
    bool running;
    uv_loop_t loop;
    uv_poll_t wake;
    struct main_loop main;
    bool main_begun; /* main.lock is there */
    bool serving;    /* ops.main_start was called */
    struct signal_watch signals[SIGNALS_MAX];
    unsigned signal_count;
};

static inline void count_add(atomic_uint_fast64_t *c, uint64_t n)
{
    /* one writer: no locked instruction needed */
    uint64_t v = atomic_load_explicit(c, memory_order_relaxed);
    atomic_store_explicit(c, v + n, memory_order_relaxed);
}

/* worker.c */

/* Memory and sockets of a worker; nothing of libuv yet. */
int worker_new(struct net_worker **out, struct net *n, unsigned index);
void worker_free(struct net_worker *w);
/* Sits down in its first seat and starts the user; net_stop is called when that fails. */
void worker_begin(struct net_worker *w);
/* It cannot go on: ends it and the whole net, which returns status. */
void worker_give_up(struct net_worker *w, int status);
/* Last batch, then the user is stopped and everything of libuv closed; net->ended is posted. */
void worker_end(struct net_worker *w);
/* Makes sure that the worker looks at its inbox soon. Any thread. */
void worker_wake(struct net_worker *w);
/* The time of day. */
uint64_t wall_clock_us(void);
/* A callback of the loop begins: the worker is awake and knows what time it is. */
void worker_enter(struct net_worker *w);
/* It ends: hand over, read the inbox, set the timer. What it sends goes out before the thread
 * sleeps. */
void worker_leave(struct net_worker *w);
/* Gives a received packet to its owner: this worker, another one here, or one elsewhere. */
void worker_deliver(struct net_worker *w, const struct packet *p);
/* Of new requests that this worker read: how long they waited is told to all who are here. */
void worker_queued(struct net_worker *w, const struct net_queue *q);
/* Remembers a report; delivered by worker_leave, to every worker when everyone is set. */
void worker_unreachable(struct net_worker *w, uint16_t socket, const struct addr *dst,
                        bool everyone);
static inline uint64_t worker_now(const struct net_worker *w)
{
    return w->now;
}
/* What it does before the thread sleeps, if its inbox or a failure to send wants something. */
void worker_before_sleep(struct net_worker *w);

/* eventfd writing and reading, errors ignored: a full counter wakes as well. */
void wake_write(int fd);
void wake_read(int fd);

/* seat.c */

/* A seat in r's loop, nothing open yet; NULL without memory. */
struct seat *seat_new(struct net_worker *w, struct runner *r);
/* The worker sits there from now on: its handles are opened, on r's thread. An error of libuv
 * leaves what was opened. */
int seat_open(struct seat *s);
/* It gets up: its handles are closed, and the seat is freed when libuv has let go of them. */
void seat_close(struct seat *s);
/* Goes to the thread that w->wanted names, if it sits elsewhere and memory allows. */
void seat_change(struct net_worker *w);

/* runner.c */

/* Memory, and the descriptor by which it is woken; n knows its workers and addresses. ERR_OK,
 * ERR_IO, ERR_NOMEM. */
int runner_init(struct runner *r, struct net *n, unsigned index);
void runner_free(struct runner *r);
/* Begins the thread, with w as its first worker. An error of libuv. */
int runner_start(struct runner *r, struct net_worker *w);
/* Ends it, after its last worker has. */
void runner_stop(struct runner *r);
/* A worker that got up elsewhere is to sit here. */
void runner_receive(struct runner *r, struct net_worker *w);

/* gather.c */

/* Begins to look at the load now and then, on the main loop, once the threads run. An error of
 * libuv. */
int gather_begin(struct net *n);
/* No look any more; before the threads end. */
void gather_end(struct net *n);
/* After the main loop's end. */
void gather_free(struct net *n);
/* Looks now, if a worker asked for it. On the main thread, like all but the next. */
void gather_check(struct net *n);
/* A worker could not keep up: asks for it, unless it has its thread for itself. */
void gather_press(struct net_worker *w);

/* loop.c */

/* Fills w->others; before the worker begins. */
void loop_init(struct net_worker *w);
/* All that is watched leaves its loop; false without memory, nothing has changed then. On its
 * thread. */
bool poll_home_leave(struct poll_home *home);
/* And is watched from another, on that one's thread. An error of libuv. */
int poll_home_enter(struct poll_home *home, uv_loop_t *uv);
/* Nothing is watched any more, whoever may have forgotten to say so. */
void poll_home_end(struct poll_home *home);
/* Calls what was put off to the end of the event (loop->after). */
void loop_run_put_off(struct net_worker *w);
/* watch and unwatch of a struct loop that lives there. */
int poll_watch(struct poll_home *home, struct watch *w, unsigned events);
void poll_unwatch(struct watch *w);
/* net_post, for either kind of item. (net.c) */
int net_post_kind(struct net *n, unsigned worker, enum inbox_kind kind, void *item);

/* main_loop.c */

/* Begins and ends the loop of others on the main thread; after the end nothing is posted any more,
 * and what was is forgotten. Both 0 or an error of libuv. */
int main_loop_begin(struct main_loop *l, uv_loop_t *uv, int wake_fd);
void main_loop_end(struct main_loop *l);
/* wake_fd was written to: runs what was posted. */
void main_loop_posted(struct main_loop *l);
/* Something was armed from outside a callback. */
void main_loop_settle(struct main_loop *l);

/* udp.c */

/* Has the kernel choose among the sockets of an address, one a worker in their order, then one a
 * worker for new requests, by the method and the Call-ID of each datagram: the socket of worker
 * reader[i], i or a lower one that reads for itself, gets what is worker i's. Again at any time.
 * False when it will not. (steer.c) */
bool steer(int fd, const struct spread *s, unsigned workers, const unsigned reader[]);
/* Asks the kernel to tell when a datagram came and how many it dropped. */
void udp_measure(struct udp *u);
/* Opens and binds. *port 0 lets the system choose and is then set. first: the address must be
 * free; later sockets of the same net share it. Returns the descriptor, or -1 with errno. */
int udp_open(struct addr *a, const struct net_config *c, bool first, bool shared);
/* Watches it from a seat's loop; the seat's closing ends that. An error of libuv. */
int udp_sit(struct udp *u, uv_loop_t *loop, uv_poll_t *poll);
/* A while for the new requests that wait; wakes the worker again while there are any. */
void udp_serve_room(struct net_worker *w);
/* Sets up the buffers of a worker. */
struct receive_ring *receive_ring_new(void);
void receive_ring_free(struct receive_ring *r);

/* send.c */

/* Memory of an outbox: ERR_OK, ERR_NOMEM, after which free is wanted too. */
int outbox_init(struct outbox *o, unsigned listens);
void outbox_free(struct outbox *o);
/* Sends all that is queued. */
void outbox_flush(struct outbox *o);
/* The socket is writable again. */
void send_backlog(struct udp *u);
void send_drop_backlog(struct udp *u);
/* Watches for what the socket's state calls for. */
void udp_watch(struct udp *u);

/* icmp.c */

/* Has errors of packets sent earlier reported to the socket. */
void icmp_enable(int fd, bool six);
/* Reads the error queue empty. */
void icmp_drain(struct udp *u);

/* dns.c */

/* Reads the system's settings; on the worker's thread, its loop must be there. ERR_OK; on failure
 * names are not found, and the log says so. */
void resolver_start(struct net_worker *w);
/* Cancels what is in progress; no answer is delivered any more. */
void resolver_stop(struct net_worker *w);
/* When resolver_tick is wanted, as worker_now counts; UINT64_MAX: not. */
uint64_t resolver_next(const struct net_worker *w);
void resolver_tick(struct net_worker *w);

/* hosts.c */

/* The names of a file like /etc/hosts, or NULL when there is none. */
struct hosts *hosts_read(const char *path);
void hosts_free(struct hosts *h);
/* Answers from it: false when the name is not there. NAPTR and SRV of a name that is there do not
 * exist. out->record must have room for DNS_RECORDS. */
bool hosts_answer(const struct hosts *h, struct str name, enum dns_type type,
                  struct dns_answer *out);

#endif
