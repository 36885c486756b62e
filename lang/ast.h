/* The syntax tree of a script. The parser builds it (parser.y through the ast_ functions below),
 * the checker fills in what names mean and brings comparisons into one form (check.c), the
 * generator reads it (gen.c). Everything lives in the tree's arena and is freed at once; what a
 * program keeps is allocated elsewhere: in the program's arena. */
/* SPDX-License-Identifier: MIT */
#ifndef LANG_AST_H
#define LANG_AST_H

#include "core/base/addr.h"
#include "lang/diag.h"
#include "lang/prepare.h"

enum node_kind {
#define NODE(id, name, doc) NODE_##id,
#include "lang/ast.def"
#undef NODE
};

/* Operators. Row: id, spelling. */
#define AST_OP_LIST(X)                                                                             \
    X(EQ, "==")                                                                                    \
    X(NE, "!=")                                                                                    \
    X(LT, "<")                                                                                     \
    X(GT, ">")                                                                                     \
    X(LE, "<=")                                                                                    \
    X(GE, ">=")                                                                                    \
    X(MATCH, "=~")                                                                                 \
    X(NOMATCH, "!~")                                                                               \
    X(AND, "&&")                                                                                   \
    X(OR, "||")                                                                                    \
    X(ADD, "+")                                                                                    \
    X(SUB, "-")                                                                                    \
    X(MUL, "*")                                                                                    \
    X(DIV, "/")                                                                                    \
    X(MOD, "%")                                                                                    \
    X(BITAND, "&")                                                                                 \
    X(BITOR, "|")                                                                                  \
    X(BITXOR, "^")                                                                                 \
    X(SHL, "<<")                                                                                   \
    X(SHR, ">>")                                                                                   \
    X(SET, "=")                                                                                    \
    X(RESET, ":=")

enum ast_op {
    AST_NONE,
#define X(id, spelling) AST_##id,
    AST_OP_LIST(X)
#undef X
};

struct route_def;

/* Which member of the union a kind uses stands behind the member. Pointers are NULL where the text
 * says "or NULL", never otherwise. Fields marked (check) are filled by the checker. */
struct node {
    uint8_t kind;      /* enum node_kind */
    uint8_t op;        /* enum ast_op: COMPARE, ARITH, ASSIGN */
    uint8_t joint;     /* inside a CHAIN: AND or OR with all that stands before it; first: NONE */
    bool broken;       /* a mistake was reported here: nothing more is said about it */
    bool grouped;      /* stood in ( ) */
    uint16_t depth;    /* nesting below this node, at most AST_MAX_DEPTH */
    struct loc loc;    /* from its first to its last token */
    struct node *next; /* next statement, case, argument or part of a CHAIN; or NULL */
    union {
        struct {                /* BLOCK */
            struct node *first; /* or NULL */
        } block;
        struct { /* IF; an else-if is an IF in otherwise: follow it in a loop, not by recursion */
            struct node *cond, *then, *otherwise; /* otherwise: or NULL */
        } branch;
        struct { /* WHILE */
            struct node *cond, *body;
        } loop;
        struct {                  /* SWITCH */
            struct node *subject; /* VARIABLE */
            struct node *cases;   /* CASE list, default (at most one) last */
        } choice;
        struct {                /* CASE */
            struct node *label; /* NUMBER or STRING; NULL for default */
            struct node *first; /* statements, or NULL. Without BREAK they run on into the next
                                   case, but never into default */
        } entry;
        struct { /* CALL */
            struct str name;
            struct node *args; /* or NULL */
            unsigned argc;
            bool brackets;            /* written with () */
            const struct fn_spec *fn; /* (check) */
            unsigned module;          /* (check) index in the catalog */
            struct call_arg *ready;   /* (check) argc of them, see lang/prepare.h */
        } call;
        struct { /* ROUTE */
            struct str name;
            const struct route_def *target; /* (check) */
        } route;
        struct {                 /* ASSIGN, op SET or RESET */
            struct node *target; /* VARIABLE */
            struct node *value;  /* a value, or NIL for = null */
            uint8_t compound;    /* enum ast_op: ADD for += ...; NONE for plain assignment */
        } assign;
        struct {                /* RETURN */
            struct node *value; /* NUMBER or VARIABLE; NULL means 1 */
        } ret;
        struct {                       /* CHAIN */
            struct node *first, *last; /* at least two */
        } chain;
        struct node *inner; /* NOT, TEST, COMPLEMENT */
        struct {            /* COMPARE, ARITH */
            struct node *left, *right;
            const struct regex *regex; /* (check) COMPARE =~ and !~ with a constant; or NULL */
        } binary;
        struct { /* NUMBER */
            int32_t value;
            struct str text; /* as written, without sign */
            char sign;       /* + or -, or 0 */
            bool proto;      /* udp, tcp, ...: value is the transport */
        } number;
        struct str text;              /* STRING, WORD */
        struct {                      /* VARIABLE */
            struct str text;          /* as written, with $ */
            const struct pv_ref *ref; /* (check) */
        } variable;
        enum operand operand; /* OPERAND */
        struct {              /* NET */
            struct ip ip;
            uint8_t bits;
            struct str text; /* as written */
        } net;
        struct {             /* HOST */
            struct str host; /* without proto, port and brackets */
            bool quoted;     /* host stood in quotes */
            uint16_t port;   /* 0: not said, or any */
            uint8_t proto;   /* enum proto; PROTO_ANY: not said, or any */
        } host;
    };
};

/* What the checker leaves of conditions and values.
 *
 * A condition is CHAIN, NOT, TEST, COMPARE, NUMBER (true unless 0), VARIABLE (LANGUAGE 4.2), CALL,
 * ROUTE, ASSIGN, EXIT, DROP, RETURN, or a BLOCK or IF (true when its last action gave > 0).
 *
 * A value (right side of an assignment, inside TEST) is NUMBER, STRING, VARIABLE, ARITH,
 * COMPLEMENT, COMPARE (1, 0 or -1), CALL or ROUTE (its result).
 *
 * COMPARE has one of these pairs:
 *   VARIABLE            == != < > <= >= =~ !~   VARIABLE, STRING
 *   VARIABLE            == != < > <= >=         NUMBER
 *   VARIABLE            == !=                   NIL, MYSELF
 *   METHOD URI STATUS FROM_URI TO_URI   == != =~ !~   STRING
 *   URI FROM_URI TO_URI SRC_IP DST_IP   == !=         MYSELF
 *   SRC_IP DST_IP       == !=                   NET, or STRING: a host name (host.name_is_ip)
 *   SRC_IP DST_IP       =~ !~                   STRING: regex on the printed address
 *   SRC_PORT DST_PORT AF MSG_LEN PROTO  == != < > <= >=   NUMBER
 * With =~ and !~ against a STRING, regex is set; against a VARIABLE it is NULL. */

/* A route block. */
struct route_def {
    struct route_def *next;
    enum route_kind kind;
    struct str name;   /* "0" for route{}, onreply_route{}, error_route{}, local_route{} */
    struct loc loc;    /* of the header: route[1] */
    struct loc end;    /* of the closing brace */
    struct node *body; /* BLOCK */
    bool named;        /* written with [..] or <..> */
    bool numeric;      /* by a number */
    bool broken;       /* the name was not understood */
    int index;         /* in the program, in order of definition from 0 */
    bool armed;        /* (check) by t_on_failure() and its like */
    unsigned reached;  /* (check) ROUTE_* bits of the top-level blocks that lead here */
};

/* ---- the global section -----------------------------------------------------------------------
 */

enum item_kind {
    ITEM_SETTING,    /* name = value */
    ITEM_LISTEN,     /* listen = hosts */
    ITEM_ALIAS,      /* alias = hosts */
    ITEM_MPATH,      /* mpath = "dir" */
    ITEM_LOADMODULE, /* loadmodule "name" */
    ITEM_MODPARAM,   /* modparam("mods", "name", value) */
    ITEM_BLACKLIST,  /* dst_blacklist = name: { rules } */
    ITEM_TLS_DOMAIN, /* tls_server_domain[ip:port] { settings }, tls_client_domain the same */
};

/* A rule of a dst_blacklist (LANGUAGE 8.5). */
struct blacklist_rule {
    struct blacklist_rule *next;
    struct loc loc;
    bool negated;
    uint8_t proto; /* enum proto */
    struct ip net;
    uint8_t bits;
    uint16_t port; /* 0: any */
    struct str pattern;
};

/* A statement of the global section, in order. */
struct item {
    struct item *next;
    enum item_kind kind;
    struct loc loc;
    struct loc name_loc;
    struct str name;    /* SETTING: parameter; MODPARAM: parameter; BLACKLIST, TLS_DOMAIN: name */
    struct str modules; /* MODPARAM: the expression naming modules */
    struct loc modules_loc;
    struct node *value; /* SETTING, MODPARAM, MPATH, LOADMODULE: NUMBER, STRING, WORD, HOST, NET;
                           LISTEN, ALIAS: list of HOST */
    struct blacklist_rule *rules; /* BLACKLIST */
    struct item *inner;           /* TLS_DOMAIN: its settings */
    bool server;                  /* TLS_DOMAIN */
};

/* A name that #!define gave a meaning (lang/source.h). */
struct define;
/* The newest meaning of a name, or NULL. */
const struct define *define_find(const struct define *list, struct str name);

/* A parsed script. */
struct script {
    struct arena arena;
    struct diag *diag;
    struct item *items;
    struct route_def *routes, **routes_end;
    unsigned n_routes;
    const struct define *defines;
    int source; /* number of the main file in diag */
    bool lost;  /* a piece outside of routes was not understood: names may be missing */
};

enum { AST_MAX_DEPTH = 200, AST_MAX_NODES = 2000000 };

/* What messages call it. */
const char *ast_kind_name(enum node_kind k);
/* "==" and so on; empty for NONE. */
const char *ast_op_text(enum ast_op op);
/* "failure_route" */
const char *route_keyword(enum route_kind k);

#endif
