/* Inside of core/db. */
/* SPDX-License-Identifier: MIT */
#ifndef DB_PRIV_H
#define DB_PRIV_H

#include <pthread.h>

#include "core/base/list.h"
#include "core/db/driver.h"

enum {
    DB_MAX_WORKERS = 128,
    DB_MAX_CONNECTIONS = 8, /* of a worker to one database */
    DB_URL_MAX = 255,
    DB_BACKOFF_FIRST = 250,  /* ms until a lost database is asked again */
    DB_BACKOFF_MOST = 30000, /* doubling up to this */
    DB_CONNECT_MOST = 5000,  /* ms that connecting may take */
    DB_TRIES = 3,            /* connections that a query is given to at most */
    DB_TOGETHER = 16,        /* queries that a connection is given at most at a time */
};

/* One connection of a lane. */
struct link {
    struct lane *lane;
    enum { LINK_CLOSED, LINK_OPENING, LINK_IDLE, LINK_BUSY } state;
    struct list jobs; /* those it was given, in the order of their answers */
    struct db_conn *conn;
    struct lookup *lookup; /* while its address is asked for */
    struct timer opening;  /* until when it must be open */
    unsigned turn;         /* how often it was opened */
    char address[DB_ADDRESS_MAX];
};

/* A worker's share of a database: touched by its thread alone, but for finished. */
struct lane {
    struct loop_item wake; /* posted when finished has got its first entry */
    struct list finished;  /* jobs that the database's thread has done; under its lock */
    struct db *db;
    unsigned worker;
    struct loop *loop;
    struct service service;
    struct arena_pool pool;
    struct list queue;     /* jobs that wait for a connection */
    struct list running;   /* jobs of a simulated set */
    struct loop_item pump; /* gives connections what has come with one event */
    bool put_off;          /* it is to be called */
    struct timer retry;
    uint64_t backoff, retry_at; /* ms; no connection is opened before retry_at */
    bool closing;               /* nothing is asked any more */
    unsigned together;          /* SELECTs that a connection is given at most at a time */
    unsigned links;
    struct link link[DB_MAX_CONNECTIONS];
};

struct db {
    struct list link; /* of the set */
    struct db_set *set;
    const struct db_driver *driver;
    char text[DB_URL_MAX + 1], name[DB_URL_MAX + 1];
    struct db_url url;
    struct service_limits limits;
    pthread_mutex_t lock; /* of now */
    struct db_conn *now;  /* for blocking use, and the thread's */
    void *conf;           /* the driver's parameters */
    struct db_thread *thread;
    struct lane *lane[DB_MAX_WORKERS];
};

struct db_set {
    const struct db_driver *const *drivers;
    pthread_mutex_t lock;
    struct list dbs;
    bool simulated;
    struct db_weather weather;
};

/* A query on its way. */
struct job {
    struct list link; /* of queue, running, or the jobs of its link */
    struct lane *lane;
    struct link *on;
    struct arena memory; /* it lies in it, with the copy of the query */
    struct db_query query;
    struct timer timer; /* its deadline; in a simulated set its answer */
    db_done done;
    void *arg;
    unsigned tries; /* connections it was given to */
    bool queued;    /* waits for the thread; under its lock */
    bool late;      /* it is the thread's, and its caller has been told already */
    int status;
    struct db_result result;
};

/* A connection that is not open yet; NULL without memory. */
struct db_conn *conn_new(struct db *db, struct loop *loop, void *owner);
void conn_free(struct db_conn *c);
/* A worker's share, made at its first use; NULL without memory. (lane.c) */
struct lane *lane_of(struct db *db, unsigned worker, struct loop *loop);
/* Closes its connections and forgets its jobs. */
void lane_free(struct lane *l);
/* A copy of a query and all it points at, in a; false without memory. */
bool query_copy(struct arena *a, struct db_query *to, const struct db_query *from);
/* Takes a query; see db_run. */
int lane_run(struct lane *l, const struct db_query *q, db_done done, void *arg);

/* The thread of a threaded driver; NULL when the system gives none. (thread.c) */
struct db_thread *thread_new(struct db *db);
/* Finishes what is queued and ends. */
void thread_free(struct db_thread *t);
/* Gives it all of these jobs; they come back through the lane's finished list. */
void thread_push(struct db_thread *t, struct list *jobs);
/* Takes all that is finished for a lane, into a list of the caller's. */
void thread_take(struct db_thread *t, struct lane *l, struct list *out);
/* Takes a job back that has not begun; false when it has. */
bool thread_cancel(struct db_thread *t, struct job *j);
/* Waits until none of the lane's jobs is with the thread. */
void thread_settle(struct db_thread *t, struct lane *l);
/* Opens the blocking connection when it is not, and runs one query; under db->lock. */
int db_connect_now(struct db *db, struct buf *why);
void db_disconnect(struct db *db);

#endif
