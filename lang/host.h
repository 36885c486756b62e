/* Between the language and the program it is built into: what a module offers to scripts
 * (functions, parameters, pseudo-variables: all data, DESIGN 3.8), and what a running script may
 * ask of its host. The language knows no SIP; a struct call is a name to it. */
/* SPDX-License-Identifier: MIT */
#ifndef LANG_HOST_H
#define LANG_HOST_H

#include "core/base/addr.h"
#include "core/base/arena.h"
#include "lang/value.h"

struct call;   /* one message (or event) that a script works on: the host's */
struct format; /* a text with pseudo-variables, compiled */
struct regex;  /* a regular expression, compiled */
struct subst;  /* /regex/replacement/flags, compiled */
struct pv_ref; /* a pseudo-variable as a script names it, compiled */
struct avps;   /* AVPs of a message or transaction (lang/avp.h) */
struct vars;   /* script variables of a message or transaction (lang/vm.h) */

/* ---- route kinds ------------------------------------------------------------------------------
 */

/* Row: id, keyword, letter in manuals, bit. */
#define ROUTE_KIND_LIST(X)                                                                         \
    X(REQUEST, "route", 'R', 1)                                                                    \
    X(FAILURE, "failure_route", 'F', 2)                                                            \
    X(ONREPLY, "onreply_route", 'O', 4)                                                            \
    X(BRANCH, "branch_route", 'B', 8)                                                              \
    X(ERROR, "error_route", 'E', 16)                                                               \
    X(LOCAL, "local_route", 'L', 32)

enum route_kind {
#define X(id, keyword, letter, bit) ROUTE_##id = bit,
    ROUTE_KIND_LIST(X)
#undef X
        ROUTE_ANY = 63
};

/* ---- functions --------------------------------------------------------------------------------
 */

/* How an argument is written and what the function gets (MODULES 0.3). */
enum arg_kind {
    ARG_NONE,
    ARG_STR,        /* literal text, as is: v.s */
    ARG_UINT,       /* unsigned decimal, quoted or bare: v.i */
    ARG_INT,        /* signed number, quoted or bare: v.i */
    ARG_HEX,        /* decimal or 0x..: v.i */
    ARG_FMT,        /* text with pseudo-variables, evaluated: v.s (null prints as <null>) */
    ARG_CODE,       /* SIP status 100-699, literal or format, evaluated: v.i (0 when it is none) */
    ARG_IGP,        /* integer literal or one pseudo-variable, evaluated: v.i */
    ARG_RE,         /* extended regex, ignore case, ^ and $ at line ends: obj is struct regex */
    ARG_RENL,       /* the same with ^ and $ at the ends of the text only */
    ARG_SUBST,      /* obj is struct subst */
    ARG_PV,         /* one pseudo-variable, not evaluated: obj is struct pv_ref */
    ARG_AVP,        /* one $avp(..): obj is struct pv_ref */
    ARG_FLAG,       /* flag number 0-31: v.i */
    ARG_ROUTE_F,    /* name of a failure_route: v.i its index in the program, -1 for "0" (disarm) */
    ARG_ROUTE_O,    /* the same for onreply_route */
    ARG_ROUTE_B,    /* the same for branch_route */
    ARG_HOSTPORT,   /* [proto:]host[:port], quoted or bare: v.s as written; prepared by the function
                     */
    ARG_QVALUE,     /* "0" .. "1", up to three decimals: v.i in thousandths */
    ARG_CUSTOM,     /* fn_spec.prepare decides: obj */
    ARG_LIST,       /* name of a dst_blacklist, "dns" or "all": v.s */
    ARG_OR_PV = 64, /* added to ARG_STR/UINT/..: a bare $variable is taken too, evaluated */
};

enum { ARG_MAX = 6 };

struct arg {
    struct value v;
    const void *obj;
};

/* What a function may answer besides its number. */
enum { CALL_SUSPENDED = INT32_MIN }; /* the result comes later through vm_resume */

/* Given to prepare hooks while a script is compiled: where to complain, where to allocate. */
struct prepare {
    struct arena *arena; /* lives as long as the program */
    struct buf *error;   /* write one sentence here and return an error code */
    struct buf *hint;    /* and a way out of it ("did you mean ..."), or nothing; may be NULL */
    size_t at;           /* where in the text the mistake is, when known */
    void *compiler;      /* for the language's own prepare_* calls */
};
/* Compile a format, a regex or a variable inside a longer argument, as the arg kinds do. */
int prepare_format(struct prepare *p, struct str text, const struct format **out);
int prepare_regex(struct prepare *p, struct str text, bool newline, const struct regex **out);
int prepare_pv(struct prepare *p, struct str text, const struct pv_ref **out);
/* For conf_check: the AVP that a parameter names, as $avp(..) or, before 1.2, as s:name, i:5 or an
 * alias. Empty is none: *out stays as it is. What is wrong is said with the parameter's name. */
int prepare_avp_param(struct prepare *p, const char *param, struct str text,
                      const struct pv_ref **out);
/* Takes the value of avp_aliases="name=s:x;n2=i:7". */
int prepare_avp_aliases(struct prepare *p, struct str text);
/* The module's configuration, complete when the routes are compiled; NULL when it has none. */
struct symbols;
void *prepare_conf(const struct prepare *p, const struct symbols *m);
/* A file name of the script: a relative one counts from the script's folder. p is NULL without
 * memory. */
struct str prepare_path(const struct prepare *p, struct str name);

/* Facts the checker uses. */
enum fn_flag {
    FN_NO_PARENS = 1, /* may be written without () */
    FN_REPLIES = 2,   /* answers the request */
    FN_RELAYS = 4,    /* sends the request on */
    FN_TARGET = 8,    /* changes where the request goes */
    FN_BRANCHES = 16, /* adds a branch */
    FN_ARMS = 32,     /* arms a route (t_on_*) */
    FN_MAY_STOP = 64, /* can return 0 and so end the script */
    FN_OUR_SOCKET =
        256, /* its argument must be one of our sockets: looked at when the server starts */
    FN_FIXED_HOP = 512, /* its argument is a host that must resolve when the server starts */
    FN_HANDS_ON = 1024, /* with FN_RELAYS: sends the request itself on, no copy of it */
    FN_METHOD = 2048,   /* true when the method is one of its argument, "A|B" */
    FN_BEGINS = 4096,   /* makes the transaction before anything is sent */
    FN_OLD = 8192,      /* an old spelling; doc says what is written today */
    FN_ENDS = 16384,    /* goes on only where it did not do what it is for */
    FN_WRITES = 32768,  /* assigns to the variable named by its first argument */
    FN_LOGS = 131072,   /* does nothing but log, and gives 1: at the level v.i of its first argument
                           when that is constant, at debug level when it has but one argument */
    FN_MISSING = 65536, /* not built yet, and no script can do without it: calling it is an error */
};

struct fn_spec {
    const char *name;
    /* > 0 true, < 0 false, 0 ends the script, CALL_SUSPENDED */
    int (*call)(struct call *c, const struct arg *args, unsigned n);
    uint8_t min, max;      /* number of arguments; several rows may share a name */
    uint8_t kind[ARG_MAX]; /* enum arg_kind by position */
    uint8_t routes;        /* where it may be called: ROUTE_* bits */
    uint32_t flags;        /* enum fn_flag */
    /* Makes each ARG_CUSTOM; when set it also sees the other arguments, behind their kind, and may
     * refuse them. Of a function that takes no argument it is asked once, with out NULL. */
    int (*prepare)(struct prepare *p, unsigned argn, struct str text, struct arg *out);
    const char *usage; /* "code, reason" */
    const char *doc;   /* what it does and returns, in a sentence or two */
};

/* ---- pseudo-variables -------------------------------------------------------------------------
 */

enum pv_flag {
    PV_INNER = 1,      /* needs an inner name: $hdr(name) */
    PV_INNER_OPT = 2,  /* may have one */
    PV_INDEX = 4,      /* may be indexed */
    PV_INNER_PV = 8,   /* the inner name may itself be a variable */
    PV_NULLABLE = 16,  /* = null is accepted */
    PV_CONST_MSG = 32, /* the same all through one message: may be read once */
    PV_TARGET = 64,    /* assigning changes where the request goes */
    PV_BRANCHES = 128, /* assigning adds a branch */
    PV_DIGITS = 256,   /* a text that often is a number (DEVIATIONS 5) */
};

/* A read or write as it happens: inner name and index evaluated. */
struct pv_use {
    const struct host *host;
    const struct pv_spec *spec;
    struct value inner;  /* inner name; VALUE_NULL without */
    int32_t index;       /* meaningful with has_index */
    bool has_index, all; /* all: [*] */
    const void *data;    /* what spec->prepare made of the inner name */
};

/* $x = v and $x := v; the compound operators reach set as '=' with the result computed. */
enum pv_assign { PV_SET, PV_RESET };

struct pv_spec {
    const char *name; /* without $; an alias is another row */
    /* ERR_OK with a value (perhaps null), or an error: the read failed, which is not null */
    int (*get)(struct call *c, const struct pv_use *u, struct value *out);
    /* NULL: read-only. v null: = null. > 0 done, < 0 refused. */
    int (*set)(struct call *c, const struct pv_use *u, enum pv_assign op, const struct value *v);
    int (*prepare)(struct prepare *p, struct str inner, const void **data); /* may be NULL */
    int code;       /* lets one get/set serve several rows */
    uint16_t flags; /* enum pv_flag */
    const char *doc;
};

/* ---- parameters -------------------------------------------------------------------------------
 */

enum param_type {
    PARAM_INT,
    PARAM_STR,
    PARAM_TEXT, /* a number or a text, kept as a text */
};

struct param_spec {
    const char *name;
    enum param_type type;
    size_t offset;    /* of an int32_t or a struct str in the module's configuration */
    long min, max;    /* for PARAM_INT, when max > min */
    long number;      /* default of a PARAM_INT */
    const char *text; /* default of a PARAM_STR, NULL for unset */
    /* instead of storing at offset; repeatable parameters use it. conf is the module's
     * configuration. ERR_OK with a reason in the hint: it is taken and has no effect. */
    int (*set)(struct prepare *p, void *conf, const struct value *v);
    const char *unit; /* "s", "ms", "flag", ... or NULL */
    const char *doc;
    bool ignored;      /* accepted for old scripts, of no effect: doc says why. Stores nothing. */
    const char *fixed; /* why a reload cannot change it; NULL: it can. Not with set. */
};

/* ---- what a module shows to scripts -----------------------------------------------------------
 */

struct symbols {
    const char *name; /* as in loadmodule, without path and .so */
    const char *doc;
    const char *const *old_names; /* of earlier releases, for loadmodule and modparam too; ends with
                                     NULL, or NULL */
    const struct fn_spec *functions; /* each list ends with a row without name; may be NULL */
    const struct pv_spec *variables;
    const struct param_spec *params;
    size_t conf_size; /* bytes of the configuration that params are stored in */
    /* looks at a filled configuration; complain through p->error */
    int (*conf_check)(struct prepare *p, void *conf);
    bool planned; /* known, but not built yet: loading it is an error that says so */
};

/* All modules a program may load. [0] is the core: always loaded. */
struct catalog {
    const struct symbols *const *modules;
    unsigned count;
};

/* ---- what the VM asks of its host -------------------------------------------------------------
 */

/* Keyword operands (LANGUAGE 5). Row: id, spelling. */
#define OPERAND_LIST(X)                                                                            \
    X(METHOD, "method")                                                                            \
    X(URI, "uri")                                                                                  \
    X(STATUS, "status")                                                                            \
    X(FROM_URI, "from_uri")                                                                        \
    X(TO_URI, "to_uri")                                                                            \
    X(SRC_IP, "src_ip")                                                                            \
    X(DST_IP, "dst_ip")                                                                            \
    X(SRC_PORT, "src_port")                                                                        \
    X(DST_PORT, "dst_port")                                                                        \
    X(PROTO, "proto")                                                                              \
    X(AF, "af")                                                                                    \
    X(MSG_LEN, "msg:len")

enum operand {
#define X(id, spelling) OPERAND_##id,
    OPERAND_LIST(X)
#undef X
};

struct host {
    /* Value of an operand; an error when it cannot be read (a bad From header, say). */
    int (*operand)(struct call *c, enum operand o, struct value *out);
    /* The address behind src_ip or dst_ip. */
    int (*operand_ip)(struct call *c, enum operand o, struct ip *out);
    /* Whether uri, from_uri, to_uri, src_ip or dst_ip is one of ours: 1, 0, or -1 for an error.
     * text: a variable's value to be judged instead, or NULL. */
    int (*myself)(struct call *c, enum operand o, const struct str *text);
    /* Whether the host name stands for this address; 1, 0, or CALL_SUSPENDED. */
    int (*name_is_ip)(struct call *c, struct str name, const struct ip *ip);
    /* The AVP list and the variables in force; never NULL. */
    struct avps *(*avps)(struct call *c);
    struct vars *(*vars)(struct call *c);
    /* Memory for values made during the run. */
    struct arena *(*scratch)(struct call *c);
    /* An error was recorded while an action ran: run error_route. 0: the script ends, else goes on.
     */
    bool (*error_pending)(struct call *c);
    int (*error_run)(struct call *c);
};

#endif
