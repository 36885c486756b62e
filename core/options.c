/* The command line: one table of options, from which parsing and --help are made. */
/* SPDX-License-Identifier: MIT */
#include "core/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/err.h"
#include "core/base/str.h"

/* Row: letter (0 for none), long name, name of the value (NULL for none), meaning. Letters mean
 * what they mean to OpenSER; a meaning that begins with '-' is accepted and does nothing. */
#define OPTION_LIST(X)                                                                             \
    X('f', "file", "FILE", "the routing script (" DEFAULT_SCRIPT ")")                              \
    X('c', "check", NULL, "check the script and end, as 'signalbox check FILE'")                   \
    X('l', "listen", "ADDR", "listen here instead of where the script says: [udp:]HOST[:PORT]")    \
    X('n', "workers", "N", "how many worker threads (at most one a core)")                         \
    X('d', "debug", NULL, "log more; each -d adds a level")                                        \
    X('P', "pid-file", "FILE", "write the process number there")                                   \
    X('u', "user", "NAME", "run as this user once the sockets are open")                           \
    X('g', "group", "NAME", "run as this group")                                                   \
    X('w', "workdir", "DIR", "change to this directory")                                           \
    X('t', "chroot", "DIR", "change the root directory")                                           \
    X(0, "trace", NULL, "log every message and every script line that decided")                    \
    X('V', "version", NULL, "print the version")                                                   \
    X('h', "help", NULL, "print this page")                                                        \
    X('v', "check-via", NULL, "-replies whose top Via is not ours are always dropped")             \
    X('D', "no-fork", NULL, "-stays in the foreground anyway")                                     \
    X('E', "log-stderr", NULL, "-logs to stderr anyway")                                           \
    X('C', "check-routes", NULL, "-'check' looks at everything")                                   \
    X('T', "no-tcp", NULL, "-no TCP yet")                                                          \
    X('N', "tcp-children", "N", "-workers serve all transports")                                   \
    X('m', "shared-memory", "MB", "-memory is taken as it is needed")                              \
    X('b', "max-buffer", "BYTES", "-set maxbuffer= in the script")                                 \
    X('r', "rev-dns", NULL, "-set rev_dns= in the script")                                         \
    X('R', "rev-dns-via", NULL, "-set rev_dns= in the script")                                     \
    X('G', "pgid-file", "FILE", "-there is one process")                                           \
    X('W', "warnings", "WHAT", "with 'check': error (warnings are errors), none, or CODE=off")     \
    X(0, "format", "json", "with 'check': one JSON object a finding")                              \
    X(0, "from", "ADDR", "with 'run': where the message comes from, HOST:PORT")                    \
    X(0, "ladder", NULL, "with 'test': draw every call, not only those that failed")               \
    X(0, "coverage", "?FILE", "with 'test': script lines and branches never run; as HTML in FILE") \
    X(0, "junit", "FILE", "with 'test': results for CI, as XML")                                   \
    X(0, "seed", "N", "with 'test' and 'explore': the seed (1)")                                   \
    X(0, "only", "TEXT", "with 'test': tests with TEXT in their name")                             \
    X(0, "repeat", "N", "with 'test': run each test N times (to measure)")                         \
    X(0, "seeds", "N", "with 'explore': how many histories to try (1000), from --seed on")         \
    X(0, "orders", "N", "with 'explore': N orders at most of what happens at the same time")       \
    X(0, "over", "udp", "with 'test': against the program itself, over real sockets, in real time")

struct option {
    char letter;
    const char *name, *value, *text;
};

static const struct option table[] = {
#define X(letter, name, value, text) {letter, name, value, text},
    OPTION_LIST(X)
#undef X
};

enum { OPTIONS = sizeof table / sizeof *table };

/* Row: command, what it takes, what it does; a second line stands under the first. */
#define COMMAND_LIST(X)                                                                            \
    X("check", "FILE...", "show every mistake in the scripts; exit 1 if there is one")             \
    X("explain", "[CODE]...", "what a warning means, with an example and its mend; all codes")     \
    X("dump", "FILE", "print the bytecode with its source lines")                                  \
    X("run", "FILE MESSAGE",                                                                       \
      "run the script on a SIP message from a file and print what it\nwould do; no socket is "     \
      "opened")                                                                                    \
    X("test", "FILE...",                                                                           \
      "run the scenarios in the files (examples/README.md); exit 1 when\none fails; no socket is " \
      "opened")                                                                                    \
    X("explore", "FILE...",                                                                        \
      "run them with losses, repeats and delays under many seeds and show\nthe shortest history "  \
      "that breaks a rule of SIP; exit 1 then")                                                    \
    X("db", "create|check URL",                                                                    \
      "make the tables that modules use, or see whether they fit;\nURL: "                          \
      "sqlite:///var/lib/signalbox/signalbox.db, mysql://USER:PASSWORD@HOST/DB")                   \
    X("ctl", "WHERE COMMAND...",                                                                   \
      "ask the server at a named pipe, a unix socket or\nudp:ADDRESS:PORT; 'which' lists the "     \
      "commands")                                                                                  \
    X("help", "[NAME]", "explain a function, parameter, variable or module")

struct command {
    const char *name, *takes, *text;
};

static const struct command commands[] = {
#define X(name, takes, text) {name, takes, text},
    COMMAND_LIST(X)
#undef X
};

enum { COMMANDS = sizeof commands / sizeof *commands };

static const char outro[] =
    "\n"
    "Signals: HUP loads the script anew (calls in progress stay on the version they began with; a\n"
    "script with mistakes changes nothing), USR1 logs the counters, TERM and INT end the server.\n";

static void print_command(const char *usage, const char *text)
{
    struct str line, rest = str_from(text);
    str_cut(&line, &rest, '\n');
    printf("  signalbox %-21s %.*s\n", usage, STR_ARG(line));
    while (str_cut(&line, &rest, '\n'))
        printf("%34s%.*s\n", "", STR_ARG(line));
}

static void print_help(void)
{
    puts("signalbox runs SIP routing scripts (openser.cfg, kamailio.cfg).\n");
    print_command("-f FILE [options]", "run the script, log to stderr, until SIGTERM");
    for (unsigned i = 0; i < COMMANDS; i++) {
        char usage[64];
        snprintf(usage, sizeof usage, "%s %s", commands[i].name, commands[i].takes);
        print_command(usage, commands[i].text);
    }
    puts("\nOptions:");
    for (unsigned i = 0; i < OPTIONS; i++) {
        const struct option *o = &table[i];
        char names[48];
        if (o->text[0] == '-')
            continue;
        char letter[5] = "    ";
        if (o->letter)
            snprintf(letter, sizeof letter, "-%c, ", o->letter);
        bool maybe = o->value && o->value[0] == '?';
        snprintf(names, sizeof names, "%s--%s%s%s%s", letter, o->name,
                 maybe      ? "[="
                 : o->value ? " "
                            : "",
                 o->value ? o->value + maybe : "", maybe ? "]" : "");
        printf("  %-24s %s\n", names, o->text);
    }
    printf("\nTaken from OpenSER, of no effect here:");
    for (unsigned i = 0; i < OPTIONS; i++)
        if (table[i].text[0] == '-')
            printf(" -%c", table[i].letter);
    putchar('\n');
    fputs(outro, stdout);
}

static int complain(const char *what, const char *which)
{
    fprintf(stderr, "signalbox: %s '%s'; see 'signalbox --help'\n", what, which);
    return 2;
}

int options_usage(const struct options *o)
{
    for (unsigned i = 0; i < COMMANDS; i++)
        if (strcmp(o->command, commands[i].name) == 0)
            fprintf(stderr, "signalbox: usage: signalbox %s %s; see 'signalbox --help'\n",
                    commands[i].name, commands[i].takes);
    return 2;
}

int options_number(uint64_t *out, const char *option, const char *text, uint64_t most)
{
    if (!text || str_u64(out, str_from(text), most) == ERR_OK)
        return 0;
    fprintf(stderr, "signalbox: %s takes a number", option);
    if (most < UINT64_MAX)
        fprintf(stderr, " up to %llu", (unsigned long long)most);
    fprintf(stderr, ", not '%s'\n", text);
    return 2;
}

/* A word that is no command: perhaps a mistyped one, or the script itself. */
static int unknown_command(const char *word)
{
    const char *nearest = NULL;
    unsigned best = 3;
    for (unsigned i = 0; i < COMMANDS; i++) {
        unsigned d = str_distance(str_from(word), str_from(commands[i].name));
        if (d < best) {
            best = d;
            nearest = commands[i].name;
        }
    }
    fprintf(stderr, "signalbox: there is no command '%s'", word);
    if (nearest)
        fprintf(stderr, "; did you mean '%s'?\n", nearest);
    else if (access(word, F_OK) == 0)
        fprintf(stderr, "; 'signalbox -f %s' runs a script of that name\n", word);
    else
        fputs("; see 'signalbox --help'\n", stderr);
    return 2;
}

static int parse_workers(struct options *o, const char *value)
{
    uint32_t n = 0;
    if (str_u32(&n, str_from(value), 128) != ERR_OK || n == 0)
        return complain("the number of workers is 1 to 128, not", value);
    o->workers = n;
    return -1;
}

static int add_listen(struct options *o, const char *value)
{
    if (o->listens == OPTIONS_MAX_LISTEN)
        return complain("too many addresses to listen on at", value);
    o->listen[o->listens++] = value;
    return -1;
}

/* OpenSER's -W names a poll method: taken, and of no use. */
static int add_warn(struct options *o, const char *value)
{
    bool check = o->check || (o->command && strcmp(o->command, "check") == 0);
    if (!check)
        fputs("signalbox: note: -W has no effect without 'check': libuv chooses how to poll\n",
              stderr);
    else if (o->warns == OPTIONS_MAX_WARN)
        return complain("too many -W at", value);
    else
        o->warn[o->warns++] = value;
    return -1;
}

/* Those of "test". */
static const char **test_option(struct options *o, const char *name)
{
    const struct {
        const char *name, **value;
    } values[] = {{"junit", &o->test.junit}, {"seed", &o->test.seed},
                  {"only", &o->test.only},   {"repeat", &o->test.repeat},
                  {"over", &o->test.over},   {"coverage", &o->test.html},
                  {"seeds", &o->test.seeds}, {"orders", &o->test.orders}};
    for (unsigned i = 0; i < sizeof values / sizeof *values; i++)
        if (strcmp(name, values[i].name) == 0)
            return values[i].value;
    return NULL;
}

/* Options that only keep their value. */
static const char **text_option(struct options *o, const struct option *opt)
{
    switch (opt->letter) {
    case 'f':
        return &o->file;
    case 'P':
        return &o->pidfile;
    case 'u':
        return &o->user;
    case 'g':
        return &o->group;
    case 'w':
        return &o->workdir;
    case 't':
        return &o->chroot;
    default:
        if (strcmp(opt->name, "format") == 0)
            return &o->format;
        return strcmp(opt->name, "from") == 0 ? &o->from : test_option(o, opt->name);
    }
}

static int apply(struct options *o, const struct option *opt, const char *value)
{
    const char **text = text_option(o, opt);
    o->test.coverage = o->test.coverage || strcmp(opt->name, "coverage") == 0;
    if (text) {
        *text = value;
        return -1;
    }
    switch (opt->letter) {
    case 'c':
        o->check = true;
        return -1;
    case 'l':
        return add_listen(o, value);
    case 'n':
        return parse_workers(o, value);
    case 'W':
        return add_warn(o, value);
    case 'd':
        o->debug++;
        return -1;
    case 'V':
        printf("signalbox %s\n", SIGNALBOX_VERSION);
        return 0;
    case 'h':
        print_help();
        return 0;
    }
    if (strcmp(opt->name, "trace") == 0)
        o->trace = true;
    else if (strcmp(opt->name, "ladder") == 0)
        o->test.ladder = true;
    else
        fprintf(stderr, "signalbox: note: -%c has no effect: %s\n", opt->letter, opt->text + 1);
    return -1;
}

static const struct option *by_letter(char c)
{
    for (unsigned i = 0; i < OPTIONS; i++)
        if (table[i].letter == c)
            return &table[i];
    return NULL;
}

static const struct option *by_name(const char *name, size_t len)
{
    for (unsigned i = 0; i < OPTIONS; i++)
        if (strlen(table[i].name) == len && memcmp(table[i].name, name, len) == 0)
            return &table[i];
    return NULL;
}

/* "--name", "--name=value", "--name value". *i moves over a value that stands apart. */
static int long_option(struct options *o, int argc, char **argv, int *i)
{
    const char *name = argv[*i] + 2, *eq = strchr(name, '=');
    const struct option *opt = by_name(name, eq ? (size_t)(eq - name) : strlen(name));
    if (!opt)
        return complain("unknown option", argv[*i]);
    if (!opt->value)
        return eq ? complain("this option takes no value:", argv[*i]) : apply(o, opt, NULL);
    if (eq || opt->value[0] == '?') /* a value that may be left out stands behind '=' */
        return apply(o, opt, eq ? eq + 1 : NULL);
    if (*i + 1 >= argc)
        return complain("a value is missing after", argv[*i]);
    return apply(o, opt, argv[++*i]);
}

/* "-dd", "-f FILE", "-fFILE". */
static int short_options(struct options *o, int argc, char **argv, int *i)
{
    for (const char *p = argv[*i] + 1; *p; p++) {
        const struct option *opt = by_letter(*p);
        int rc;
        if (!opt)
            return complain("unknown option", argv[*i]);
        if (opt->value && p[1])
            return apply(o, opt, p + 1);
        if (opt->value && *i + 1 >= argc)
            return complain("a value is missing after", argv[*i]);
        rc = apply(o, opt, opt->value ? argv[++*i] : NULL);
        if (rc >= 0 || opt->value)
            return rc;
    }
    return -1;
}

static bool is_command(const char *word)
{
    for (unsigned i = 0; i < COMMANDS; i++)
        if (strcmp(word, commands[i].name) == 0)
            return true;
    return false;
}

int options_parse(struct options *o, int argc, char **argv)
{
    memset(o, 0, sizeof *o);
    o->argc = argc;
    o->argv = argv;
    o->args = argv; /* words that are no options are gathered at its start */
    for (int i = 1; i < argc; i++) {
        int rc = -1;
        if (o->command && o->n_args && strcmp(o->command, "ctl") == 0)
            argv[o->n_args++] = argv[i]; /* the server's words, whatever they begin with */
        else if (strncmp(argv[i], "--", 2) == 0)
            rc = long_option(o, argc, argv, &i);
        else if (argv[i][0] == '-' && argv[i][1])
            rc = short_options(o, argc, argv, &i);
        else if (!o->command && o->n_args == 0 && is_command(argv[i]))
            o->command = argv[i];
        else
            argv[o->n_args++] = argv[i];
        if (rc >= 0)
            return rc;
    }
    if (!o->command && o->n_args)
        return unknown_command(o->args[0]);
    return -1;
}
