/* Inside of a compiled script. The front of the compiler (compile.c) makes one with program_new and
 * fills in settings, addresses and configurations; gen.c adds the code; from then on nothing
 * changes any more. */
/* SPDX-License-Identifier: MIT */
#ifndef LANG_PROGRAM_PRIV_H
#define LANG_PROGRAM_PRIV_H

#include "lang/prepare.h"
#include "lang/program.h"

/* A value of the global section. */
struct setting {
    bool given;
    int32_t number;
    struct str text;
};

struct insn;

/* One route block. Routes are numbered as in the AST: in the order of the script. */
struct route {
    enum route_kind kind;
    struct str name;  /* "0", "1", "RELAY" */
    struct str title; /* "route", "failure_route[1]" */
    struct loc loc;
    uint32_t start, end; /* its instructions */
    uint32_t stack;      /* most operands it holds at once */
    uint64_t digest;
};

/* From instruction pc on, code belongs to this place. */
struct line {
    uint32_t pc;
    struct loc loc;
};

struct program {
    struct arena arena; /* holds all that follows */
    const struct catalog *catalog;
    bool *loaded; /* by module number */
    void **conf;  /* by module number; NULL for none */
    struct setting settings[SETTING_COUNT + 1];
    struct listen_spec *listens, *aliases;
    unsigned n_listens, n_aliases;
    struct blacklist blacklists[MAX_BLACKLISTS];
    unsigned n_blacklists;
    struct source *sources; /* by file number */
    unsigned n_sources;

    struct insn *code;
    uint32_t n_code;
    struct line *lines; /* ascending pc */
    uint32_t n_lines;
    struct route *routes;
    uint32_t n_routes;
    const void **objects; /* what instructions refer to: values, variables, calls, ... */
    uint8_t *object_kind; /* enum object_kind (code.h) of each, for the verifier */
    uint32_t n_objects;
    const struct var_slot *vars; /* names of the $var, newest first */
    uint32_t n_vars;
    struct avp_alias *avp_aliases; /* avp_aliases, for variables that are named later */
    uint32_t max_loops;            /* max_while_loops */
    int32_t error_route;           /* index, or -1 */
    struct regex *regexes;
};

/* An empty program with room for the catalog's modules. NULL without memory. */
struct program *program_new(const struct catalog *c);

#endif
