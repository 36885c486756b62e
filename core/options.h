/* The command line. */
/* SPDX-License-Identifier: MIT */
#ifndef CORE_OPTIONS_H
#define CORE_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

enum { OPTIONS_MAX_LISTEN = 16, OPTIONS_MAX_WARN = 32 };

/* Of the command "test". */
struct test_options {
    bool ladder, coverage;
    const char *html; /* --coverage=FILE */
    const char *junit, *seed, *only, *repeat, *over;
    const char *seeds, *orders; /* of "explore", which takes seed and only too */
};

struct options {
    const char *command; /* "check", "explain", "dump", "run", "test", "explore", "db", "help";
                            NULL: run the server */
    const char *file;    /* -f */
    bool check;          /* -c */
    const char *listen[OPTIONS_MAX_LISTEN]; /* -l */
    unsigned listens;
    unsigned workers; /* -n, 0: as the script says */
    int debug;        /* how often -d was given */
    const char *pidfile, *user, *group, *workdir, *chroot;
    bool trace;                         /* --trace */
    const char *from;                   /* run --from */
    const char *warn[OPTIONS_MAX_WARN]; /* check -W */
    unsigned warns;
    const char *format; /* check --format */
    struct test_options test;
    int argc;
    char **argv; /* the whole command line */
    char **args; /* what follows the options: files, names */
    int n_args;
};

/* Where the server's scripts are looked for without -f. */
#define DEFAULT_SCRIPT "/etc/signalbox/signalbox.cfg"

/* Explains argv. < 0: go on; else the exit status to end with (help, version, a mistake already
 * told to the user). argv's strings are kept. */
int options_parse(struct options *o, int argc, char **argv);

/* Says how o->command is used. Gives the exit status 2. */
int options_usage(const struct options *o);
/* The number that an option was given, 0 to most, into *out, which stays when text is NULL. 0, or
 * the exit status 2 after a complaint. */
int options_number(uint64_t *out, const char *option, const char *text, uint64_t most);

#endif
