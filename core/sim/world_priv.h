/* The inside of a world, for core/sim only. */
/* SPDX-License-Identifier: MIT */
#ifndef SIM_WORLD_PRIV_H
#define SIM_WORLD_PRIV_H

#include "core/base/hash.h"
#include "core/base/list.h"
#include "core/sim/world.h"

enum { MISHAP_TEXT = 40, MOST_MOMENTS = 4096 };

/* The engine's clock when the world's says 0. */
#define ENGINE_EPOCH 1000000

/* A packet on its way. */
struct flying {
    struct happening arrival;
    struct packet packet;
    unsigned worker; /* of ours: who sent it, then who received it */
    char bytes[];
};

struct rule {
    struct rule *next;
    bool any_from, any_to;
    struct addr from, to;
    struct link link;
};

/* A mishap to come, with the kind of packet it is for. */
struct planned {
    struct mishap mishap;
    uint64_t key;
};

/* How many packets of one kind went from one end to another. */
struct kind_count {
    struct hnode node;
    uint32_t n;
};

/* A record of the world's name server. */
struct zone_record {
    struct str name;
    uint32_t ttl;
    enum dns_status status; /* FOUND: of type; NONE: there is no such name; BROKEN: SERVFAIL */
    enum dns_type type;
    struct dns_record data;
};

/* A question of an engine. */
struct lookup {
    struct happening answer;
    struct lookup *next;
    struct node *node;
    void *token;
    enum dns_type type;
    size_t len;
    char name[];
};

/* One worker. */
struct node {
    struct world *world;
    struct engine *engine;
    unsigned index;
    uint64_t next; /* when its engine wants to be ticked, ms of the world */
};

struct world {
    uint64_t now, start_wall;
    int64_t wall_jump;
    uint64_t seed, random; /* as given; the state of world_random */
    uint64_t order, most_steps;
    bool shuffle, logs, lines;
    void (*inside)(bool engine);
    struct happening **heap;
    size_t planned, heap_room;

    struct shared shared;
    struct node *node;
    unsigned nodes;
    struct config *config;    /* until shared_start took it over */
    struct zone_record *zone; /* ZONE_RECORDS of them, made with the first */
    unsigned records;
    uint32_t dns_delay;
    bool dns_silent;
    struct lookup *lookups;

    struct arena arena; /* rules, names, counts of kinds */
    struct endpoint *endpoints;
    struct observer *observers;
    struct rule *rules;
    struct htable kinds;
    struct mishap *mishaps; /* that happened */
    unsigned n_mishaps, mishap_room;
    struct planned *plan; /* that shall happen, of packets and orders */
    unsigned n_plan, plan_room;
    bool planned_only;  /* nothing else */
    bool ordered;       /* what is due at the same time has an order of its own */
    uint8_t *moments;   /* see world_moments */
    unsigned n_moments; /* all of them, MOST_MOMENTS are kept */
    void (*reload)(void *user);
    void *reload_user;
    struct happening fed; /* when engines have memory again */
    struct world_count count;
    uint64_t packets;
};

static inline uint64_t splitmix(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Plans with an order of the caller's. */
int world_plan_at(struct world *w, struct happening *h, uint64_t due, uint64_t order,
                  void (*act)(struct world *w, struct happening *h));

/* ---- mishaps.c ---- */

/* Which of the n happenings that are due now comes first. */
unsigned mishap_order(struct world *w, unsigned n);
/* Notes a mishap that happened. */
void mishap_note(struct world *w, const struct mishap *m);
/* Whether one of this kind is planned for a packet, and its ms. */
bool mishap_planned(const struct world *w, enum mishap_kind kind, uint64_t key, uint32_t nth,
                    uint32_t *ms);
void mishaps_free(struct world *w); /* lists of past and planned ones */

/* ---- network.c ---- */

/* What names a packet but for its number among its like. */
uint64_t network_kind(const struct addr *from, const struct addr *to, const char *what);

/* Links, addresses and the queue of packets, all empty. ERR_NOMEM. */
int network_init(struct world *w);
void network_free(struct world *w); /* with the packets in flight */
/* Puts a packet on the wire; worker: of ours, or -1. */
int network_send(struct world *w, const struct addr *src, const struct addr *dst, struct str bytes,
                 int worker, unsigned socket);

/* ---- node.c ---- */

/* The script's workers, one engine each. An error with a sentence in why. */
int nodes_start(struct world *w, const struct world_conf *conf, struct buf *why);
/* Ends them; what they still had is told as left behind. */
void nodes_free(struct world *w);
/* A packet for one of our sockets has come. Whether it was for us. */
bool nodes_receive(struct world *w, struct flying *f);
/* Nobody is at a packet's destination, and its sender was one of us. */
void nodes_refused(struct world *w, const struct flying *f);
/* A packet that another worker had received comes to its owner. */
void node_handed_over(struct world *w, struct happening *h);
/* Ticks the worker. */
void node_tick(struct node *n);
/* Its engine learns what time it is and begins to run; and ends. */
void node_enter(struct node *n);
void node_leave(struct node *n);
/* The engine is at work, or has handed something to the world. */
void node_inside(const struct world *w, bool engine);

/* ---- names.c ---- */

/* What an engine asks (engine_env); user is the struct node. */
int names_ask(void *user, struct str name, enum dns_type type, void *token);
/* Forgets the questions of one worker, or of all (NULL). */
void names_forget(struct world *w, const struct node *of);
void names_free(struct world *w);

#endif
