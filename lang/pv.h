/* Pseudo-variables as scripts name them, compiled. */
/* SPDX-License-Identifier: MIT */
#ifndef LANG_PV_H
#define LANG_PV_H

#include "lang/prepare.h"
#include "lang/transform.h"
#include "lang/vm.h"

enum pv_index { PV_INDEX_NONE, PV_INDEX_NUMBER, PV_INDEX_ALL, PV_INDEX_PV };

struct pv_ref {
    const struct pv_spec *spec;
    struct str text;               /* as written */
    struct str inner;              /* literal inner name; empty without */
    const struct pv_ref *inner_pv; /* variable inner name, or NULL */
    const struct pv_ref *index_pv; /* with PV_INDEX_PV */
    int32_t index;
    uint8_t index_kind; /* enum pv_index */
    const void *data;   /* what spec->prepare made of the inner name */
    const struct transform *transforms;
};

/* Variables in variables in variables: no deeper than this. */
enum { PV_MAX_DEPTH = 16 };

/* pv_read that leaves a number without text: it is marked VAL_PRINTS instead. */
int pv_eval(const struct pv_ref *v, struct call *call, const struct host *host, struct value *out);
/* prepare_pv_at at a known depth. */
int pv_parse(struct prepare *p, struct str text, unsigned depth, size_t *used,
             const struct pv_ref **out);
/* Writes one sentence to p->error and the place in the text to p->at; returns ERR_SYNTAX. */
int prepare_fail(struct prepare *p, size_t at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Writes the way out to p->hint. */
void prepare_hint(struct prepare *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Parses s:name, i:5, s3:name or an alias. */
int avp_parse(struct prepare *p, struct str text, struct avp_name *out);

/* The name an $avp(..) stands for, inner name evaluated; ERR_INVALID when it is none. */
int avp_use_name(const struct pv_use *u, struct avp_name *out);

/* Slots of $var(..): a variable not written yet holds the number 0. */
struct value vars_get(const struct vars *vars, unsigned slot);
/* Stores a copy; total is how many the program has. ERR_NOMEM. */
int vars_set(struct vars *vars, unsigned slot, unsigned total, const struct value *v);
/* The slot behind a $var(..). */
const struct var_slot *pv_ref_slot(const struct pv_ref *v);

#endif
