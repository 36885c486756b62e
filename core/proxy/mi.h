/* Management commands: what an operator asks of the running server. A command is a row of a module;
 * transports (mi_fifo, mi_datagram, `signalbox ctl`) read requests and write answers as text.
 *
 * A request is one struct mi. It begins on the main thread and goes from thread to thread like a
 * baton: to each worker in turn when the command asks something of them, then to the main thread.
 * Whoever holds it may write the answer, so nothing of it is locked, and no worker waits for
 * another. */
/* SPDX-License-Identifier: MIT */
#ifndef PROXY_MI_H
#define PROXY_MI_H

#include "core/base/arena.h"
#include "core/base/hash.h"
#include "core/base/list.h"
#include "core/base/loop.h"

struct db;
struct engine;
struct mi;
struct mi_server;
struct module;
struct shared;

/* What a handler answers: that was all, on to the next thread, or mi_finish will be called later on
 * this same thread. */
enum mi_next { MI_DONE, MI_NEXT, MI_LATER };

struct mi_command {
    const char *name;
    const char *usage; /* "table aor" */
    const char *doc;   /* a sentence or two */
    uint8_t min, max;  /* number of arguments */
    uint32_t share;    /* bytes of mi_share */
    /* On each worker's thread, one after the other; NULL when nothing of theirs is asked. */
    enum mi_next (*worker)(struct mi *m);
    /* On the main thread, at the end unless a worker was done; may be NULL. */
    enum mi_next (*run)(struct mi *m);
};

/* The commands of the core (mi_core.c), for its module. */
extern const struct mi_command mi_core_commands[];

/* ---- for commands: the question ---- */

/* How many arguments the request has. */
unsigned mi_args(const struct mi *m);
/* An argument by its place from 0, without name and quotes; empty behind the last. */
struct str mi_arg(const struct mi *m, unsigned i);
/* Its name when it was written name::value, else empty. */
struct str mi_arg_name(const struct mi *m, unsigned i);
/* Memory of the request's life. */
struct arena *mi_arena(struct mi *m);
/* Zeroed memory of command.share bytes, the same on all threads. */
void *mi_share(struct mi *m);
/* State and configuration of the command's module, in the version in force at the beginning. */
void *mi_state(const struct mi *m);
const void *mi_conf(const struct mi *m);
/* The module's database in that version, by its db_use, or NULL. Blocking queries (db_run_now) are
 * fine on the main thread. */
struct db *mi_db(const struct mi *m);
/* The worker whose thread this is, with its number, its loop and how many there are; NULL and 0 on
 * the main thread. */
struct engine *mi_engine(const struct mi *m);
unsigned mi_worker(const struct mi *m);
unsigned mi_workers(const struct mi *m);
/* The key of hashes that strangers must not foresee (call_hash_key). */
struct hash_key mi_hash_key(const struct mi *m);
/* Seconds since 1970. */
int64_t mi_time(const struct mi *m);

/* ---- for commands: the answer, a tree of lines ---- */

/* A line "name:: value", or only the value when name is NULL, depth levels below the top. */
void mi_line(struct mi *m, unsigned depth, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* The same with a text that may hold anything: what would break the lines is quoted. */
void mi_text(struct mi *m, unsigned depth, const char *name, struct str value);
/* An attribute of the line written last. */
void mi_attr(struct mi *m, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void mi_attr_text(struct mi *m, const char *name, struct str value);
/* The status line, "200 OK" unless set; the lines stay. */
void mi_status(struct mi *m, unsigned code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* A refusal: the status line without lines. For a handler to return. */
enum mi_next mi_fail(struct mi *m, unsigned code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The end of MI_LATER, on the thread that said it. */
void mi_finish(struct mi *m);

/* ---- for transports ---- */

/* A request as it was read (mi_parse.c). */
struct mi_argument {
    struct str name, value;
};
enum { MI_ARGS_MAX = 64, MI_COMMAND_MAX = 1024, MI_REQUEST_MAX = 65536 };
struct mi_request {
    struct str command, reply; /* name of the command, and where the answer is wanted */
    struct mi_argument arg[MI_ARGS_MAX];
    unsigned args;
};
/* Reads one request of the reference's form (MODULES 1.31): ":command:reply\n", a line for each
 * argument, an empty line. whole: nothing follows, so that the end of the text may stand for the
 * empty line. ERR_OK and how many bytes it took in used; ERR_STATE: the rest has not arrived yet;
 * ERR_SYNTAX, ERR_LIMIT, ERR_NOMEM: command may be set, used is what to throw away. Texts point
 * into text or into a. */
int mi_parse(struct mi_request *out, struct arena *a, struct str text, bool whole, size_t *used);

/* Told on the main thread when the answer is there: whole, from the status line to the empty line.
 * The text lives during the call only. */
typedef void (*mi_answer)(void *user, struct str answer);

/* How an answer is written and where it goes. */
struct mi_client {
    mi_answer answer;
    void *user;
    const char *indent; /* of a level */
    size_t limit;       /* bytes an answer may have; a longer one becomes an error */
};

/* Begins a request; the answer comes through client, perhaps before this returns, and not at all
 * when the server stops first. Main thread only. */
void mi_begin(struct mi_server *s, const struct mi_request *r, const struct mi_client *client);
/* Answers "400 parse error in command 'x'" for what mi_parse refused. */
void mi_refuse(struct mi_server *s, const struct mi_request *r, const struct mi_client *client);
/* The main thread's loop. */
struct loop *mi_loop(const struct mi_server *s);

/* ---- for who runs the server ---- */

struct mi_env {
    void *user;
    struct loop *loop; /* of the main thread */
    /* Calls i->fn on a worker's thread. ERR_STATE when all is ending. */
    int (*post)(void *user, unsigned worker, struct loop_item *i);
    /* Seconds since 1970. */
    int64_t (*wall)(void *user);
    /* The command kill. */
    void (*stop)(void *user);
    int argc;
    char **argv;
};

/* The commands of all modules of the version in force. Main thread. NULL without memory. */
struct mi_server *mi_server_new(struct shared *shared, const struct mi_env *env);
/* Forgets requests that are under way. Workers must be gone. */
void mi_server_free(struct mi_server *s);
/* Starts the transports of the modules that are loaded (struct module, serve) and not started yet:
 * at the beginning, and when a reload has brought others. ERR_OK, or an error with a sentence in
 * why. mi_server_close ends them. */
int mi_server_open(struct mi_server *s, struct buf *why);
void mi_server_close(struct mi_server *s);

#endif
