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
};

/* One connection of a lane. */
struct link {
    struct lane *lane;
    enum { LINK_CLOSED, LINK_OPENING, LINK_IDLE, LINK_BUSY } state;
    struct job *job;
    struct db_conn *conn;
};

/* A worker's share of a database: touched by its thread alone. */
struct lane {
    struct db *db;
    unsigned worker;
    struct loop *loop;
    struct service service;
    struct arena_pool pool;
    struct list queue; /* jobs that wait for a connection */
    struct list running;
    struct timer retry;
    uint64_t backoff, retry_at; /* ms; no connection is opened before retry_at */
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
    struct db_conn *now;  /* for blocking use */
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
    struct list link; /* of queue or running */
    struct lane *lane;
    struct link *on;
    struct arena memory; /* it lies in it, with the copy of the query */
    struct db_query query;
    struct timer timer; /* its deadline; in a simulated set its answer */
    db_done done;
    void *arg;
};

/* A connection that is not open yet; NULL without memory. */
struct db_conn *conn_new(struct db *db, struct loop *loop, void *owner);
void conn_free(struct db_conn *c);
/* A worker's share, made at its first use; NULL without memory. (lane.c) */
struct lane *lane_of(struct db *db, unsigned worker, struct loop *loop);
/* Closes its connections and forgets its jobs. */
void lane_free(struct lane *l);
/* Takes a query; see db_run. */
int lane_run(struct lane *l, const struct db_query *q, db_done done, void *arg);

#endif
