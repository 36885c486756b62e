/* Inside of the exec module. */
/* SPDX-License-Identifier: MIT */
#ifndef MODULES_EXEC_PRIV_H
#define MODULES_EXEC_PRIV_H

#include "core/module.h"

extern const struct module exec_module;

enum {
    EXEC_VALUES = 32,       /* variables in one command */
    EXEC_OUTPUT_MAX = 65536 /* bytes of output that are looked at; more ends the program */
};

struct exec_conf {
    int32_t setvars, time_to_kill, programs, failures, pause;
};

/* ---- commands (command.c) ---- */

/* A command line as the shell gets it: where the script has a variable, it refers to the
 * environment, so that the value is never read as a command. */
struct exec_command {
    struct str line; /* ends in NUL */
    const struct pv_ref *value[EXEC_VALUES];
    unsigned values;
};

/* Makes one at compile time: fn_spec.prepare of a first argument. */
int exec_prepare(struct prepare *p, struct str text, bool with_uri, struct exec_command **out);

/* The program's environment: ours, what setvars asks for, and the values of cmd. NULL-terminated,
 * in the call's arena; NULL without memory. */
char **exec_environment(struct call *c, const struct exec_command *cmd, bool setvars);

/* ---- programs (program.c) ---- */

struct exec_state;
/* What all workers share; NULL without memory. */
struct exec_state *exec_state_new(void);
/* Ends the thread that begins programs. All workers must have left. */
void exec_state_free(struct exec_state *s);
/* Ends what runs for a worker, which ends. */
void exec_state_leave(struct exec_state *s, unsigned worker);
/* New limits for all workers. */
void exec_state_limits(struct exec_state *s, const struct exec_conf *conf);

/* How a program ended. */
struct exec_result {
    int status; /* 0-255 as it exited, -1: by a signal */
    struct str output;
};
/* Told on the worker's thread; status as for wait_done. The result lives during the call. */
typedef int (*exec_done)(struct call *c, void *arg, int status, const struct exec_result *r);

struct exec_job {
    const char *line;
    char **environment;
    struct str input; /* for its standard input */
    bool output;      /* its standard output is wanted */
};
/* Runs a program for a call. Texts are copied. For a script function to return. */
int exec_run(struct call *c, struct exec_state *s, const struct exec_job *job, exec_done done,
             void *arg);

#endif
