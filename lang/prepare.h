/* Compiling the pieces that stand inside a script: variables, formats, regular expressions,
 * substitutions, arguments of functions. The checker calls these; what they make lives in the
 * program's arena and is read by the VM. */
/* SPDX-License-Identifier: MIT */
#ifndef LANG_PREPARE_H
#define LANG_PREPARE_H

#include "core/base/hash.h"
#include "lang/avp.h"
#include "lang/host.h"

/* ---- what names mean in one script ---- */

/* avp_aliases: name=s:text. */
struct avp_alias {
    struct avp_alias *next;
    struct str name;
    struct avp_name avp;
};

/* A $var(name) of the script; slots are given in the order of appearance. */
struct var_slot {
    struct var_slot *next;
    struct str name;
    unsigned slot;
    const unsigned *total; /* how many the finished program has */
};

/* One compilation: what the script loaded and named so far. prepare.compiler points here. */
struct prepare_env {
    struct arena *arena; /* the program's */
    const struct catalog *catalog;
    const bool *loaded;     /* by module number, owned by the caller; [0] counts as loaded */
    struct regex *regexes;  /* all compiled so far; gen_program hands them to the program */
    struct htable patterns; /* the same by text and flags, from the first one on */
    struct avp_alias *aliases;
    struct var_slot *vars; /* newest first */
    unsigned *var_total;
    /* The value of $def(name), false when there is none; may be NULL. */
    bool (*define)(void *user, struct str name, struct str *value);
    void *define_user;
    void *const *conf; /* configurations by module number; may be NULL */
    struct str script; /* name of the script's file, or empty */
    bool today;        /* it has the spellings of today: $avp(name) is $avp(s:name) */
};

/* loaded must outlive the compilation and may be filled while it goes on. ERR_NOMEM. */
int prepare_env_init(struct prepare_env *env, struct arena *arena, const struct catalog *c,
                     const bool *loaded);
/* Frees the regular expressions no program took over. */
void prepare_env_free(struct prepare_env *env);
/* What to hand to prepare_* and to the prepare hooks of modules: complaints go to error, a way out
 * to hint (both may be empty buffers of the caller; hint may be NULL). */
struct prepare prepare_begin(struct prepare_env *env, struct buf *error, struct buf *hint);

/* ---- variables ---- */

/* host.h: int prepare_pv(p, text, out): text is one variable and nothing else. */
/* The variable that text begins with; *used is how many bytes it took. text[0] is '$'. */
int prepare_pv_at(struct prepare *p, struct str text, size_t *used, const struct pv_ref **out);
/* An AVP: $avp(..) or, as before 1.2, s:name, i:5 or an alias. */
int prepare_avp(struct prepare *p, struct str text, const struct pv_ref **out);

const struct pv_spec *pv_ref_spec(const struct pv_ref *v); /* the row it was found in */
struct str pv_ref_text(const struct pv_ref *v);            /* as written: "$(hdr(Via)[0]{s.len})" */
struct str pv_ref_inner(const struct pv_ref *v);           /* literal inner name; empty without */
bool pv_ref_inner_is_pv(const struct pv_ref *v);           /* $avp($var(n)) */
bool pv_ref_writable(const struct pv_ref *v);              /* its spec can be set */
bool pv_ref_nullable(const struct pv_ref *v);              /* "= null" is accepted */
bool pv_ref_is_avp(const struct pv_ref *v);                /* $avp(..): ":= null" is accepted too */
bool pv_ref_is_rc(const struct pv_ref *v);                 /* $rc, $retcode */
bool pv_ref_indexed(const struct pv_ref *v);               /* written with [..] */
bool pv_ref_transformed(const struct pv_ref *v);           /* written with {..} */
int pv_ref_var(const struct pv_ref *v);                    /* slot of a $var(..), else -1 */
/* Calls see for v and each variable inside it (inner name, index, parameters). */
void pv_ref_walk(const struct pv_ref *v, void (*see)(void *user, const struct pv_ref *v),
                 void *user);
/* Variables of the language itself ($avp, $var, $rc, ...): a list ending with a row without name.
 */
const struct pv_spec *pv_language_list(void);

/* ---- formats ---- */

/* host.h: int prepare_format(p, text, out). */
/* Whether it has no variable: then *out is its text. */
bool format_is_constant(const struct format *f, struct str *out);
/* Calls see for each variable in it. */
void format_walk(const struct format *f, void (*see)(void *user, const struct pv_ref *v),
                 void *user);

/* ---- substitutions ---- */

/* host.h: int prepare_regex(p, text, newline, out): always ignores case. */
/* text is /regex/replacement/flags (MODULES 0.3). */
int prepare_subst(struct prepare *p, struct str text, const struct subst **out);

/* ---- arguments ---- */

/* An argument as the VM finds it: constant, or evaluated at each call. */
enum call_arg_mode {
    CALL_ARG_CONST,  /* arg is complete */
    CALL_ARG_FORMAT, /* arg.v is the text of format */
    CALL_ARG_CODE,   /* the same, as a status code */
    CALL_ARG_PV,     /* arg.v is the value of pv */
};
struct call_arg {
    uint8_t mode; /* enum call_arg_mode */
    uint8_t kind; /* enum arg_kind, without ARG_OR_PV */
    struct arg arg;
    const struct format *format;
    const struct pv_ref *pv;
    struct str text; /* as written, for dumps */
};

/* How the script wrote an argument. */
enum arg_form {
    ARG_FORM_STRING, /* "..." */
    ARG_FORM_NUMBER, /* bare number, sign included */
    ARG_FORM_WORD,   /* other bare text: an address, a name */
    ARG_FORM_PV,     /* bare $variable */
};
/* Compiles argument number i of fn from its text (without quotes). Not for ARG_ROUTE_*: the checker
 * knows the routes and fills mode CALL_ARG_CONST, arg.v = value_int(index) itself. */
int prepare_arg(struct prepare *p, const struct fn_spec *fn, unsigned i, enum arg_form form,
                struct str text, struct call_arg *out);

#endif
