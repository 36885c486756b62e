/* A compiled script: immutable, shared by all workers, one object a version (DESIGN 3.5, 3.7). */
/* SPDX-License-Identifier: MIT */
#ifndef LANG_PROGRAM_H
#define LANG_PROGRAM_H

#include <stdio.h>

#include "lang/diag.h"
#include "lang/host.h"

struct program;

/* Compiles the file (or the text, when given) with everything the catalog offers. Findings go to d.
 * NULL when there was an error. Runs no module code but prepare hooks, opens no socket. */
struct program *program_compile_file(const char *path, const struct catalog *c, struct diag *d);
struct program *program_compile_text(struct str name, struct str text, const struct catalog *c,
                                     struct diag *d);
void program_free(struct program *p);

/* Index of a route, -1 when there is none. The main request route has the name "0", as have the
 * default onreply_route and error_route. */
int program_route(const struct program *p, enum route_kind kind, struct str name);
unsigned program_route_count(const struct program *p);
struct str program_route_name(const struct program *p, int index); /* "failure_route[1]" */
enum route_kind program_route_kind(const struct program *p, int index);
/* Equal for routes whose code, constants and names are the same: tells a reload what changed. */
uint64_t program_route_digest(const struct program *p, int index);

/* ---- settings of the global section -----------------------------------------------------------
 */

enum setting_id {
#define SETTING(id, name, type, number, text, doc) SETTING_##id,
#include "lang/setting.def"
#undef SETTING
    SETTING_COUNT
};

/* The value given in the script, else the default of setting.def. */
int32_t program_setting_int(const struct program *p, enum setting_id id);
struct str program_setting_str(const struct program *p, enum setting_id id);
bool program_setting_given(const struct program *p, enum setting_id id);

/* One address of listen= or alias=. */
struct listen_spec {
    uint8_t proto;   /* enum proto; PROTO_ANY when not said */
    struct str host; /* address, host or interface name, without brackets */
    uint16_t port;   /* 0 when not said */
    struct loc loc;
};
unsigned program_listens(const struct program *p, const struct listen_spec **out);
unsigned program_aliases(const struct program *p, const struct listen_spec **out);

/* A dst_blacklist: destinations a script may keep itself from sending to (LANGUAGE 8.5). */
struct block_rule {
    bool negated;
    uint8_t proto; /* enum proto; PROTO_ANY for all */
    uint8_t bits;  /* of net */
    uint16_t port; /* 0: any */
    struct ip net;
    struct str pattern; /* shell pattern over the whole message, or empty; ends in NUL */
};
struct blacklist {
    struct str name;
    const struct block_rule *rules;
    unsigned count;
};
enum { MAX_BLACKLISTS = 32 };
/* The lists in the order of the script; at most MAX_BLACKLISTS. */
unsigned program_blacklists(const struct program *p, const struct blacklist **out);

/* Whether modules[index] of the catalog was loaded, and its filled configuration (NULL for none).
 */
bool program_loaded(const struct program *p, unsigned module);
void *program_conf(const struct program *p, unsigned module);
const struct catalog *program_catalog(const struct program *p);
/* A source the program was compiled from, by the file number of a struct loc; NULL for none. */
const struct source *program_source(const struct program *p, unsigned file);

/* Compiles the name of a pseudo-variable as the script would understand it: its modules, AVP
 * aliases and $var, of which no new one comes into being. For who looks at calls from outside; the
 * result lies in a. ERR_OK, ERR_NOMEM, or another error with a sentence in error, a way out in hint
 * (may be NULL) and the place in the text in at. */
int program_variable(const struct program *p, struct arena *a, struct str text, struct buf *error,
                     struct buf *hint, size_t *at, const struct pv_ref **out);
/* Tells of each call in the script: its arguments, as far as they are known without a message, and
 * where it stands. */
void program_each_call(const struct program *p,
                       void (*see)(void *user, const struct fn_spec *fn, const struct arg *args,
                                   unsigned n, struct loc at),
                       void *user);
/* The text of a source line, and in name that of its file. */
struct str program_source_line(const struct program *p, struct loc at, struct str *name);
/* Bytecode with its source lines, for people. */
void program_dump(const struct program *p, FILE *out);

#endif
