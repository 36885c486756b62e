/* Inside of the dialplan module: its parameters and the rules in memory. */
/* SPDX-License-Identifier: MIT */
#ifndef MODULES_DIALPLAN_PRIV_H
#define MODULES_DIALPLAN_PRIV_H

#include "core/module.h"

extern const struct module dialplan_module;

/* Where a number comes from and goes to. */
struct way {
    const struct pv_ref *in, *out;
    bool target; /* out is the R-URI or its user */
};

struct dp_conf {
    struct str db_url, table_name, dpid_col, pr_col, match_op_col, match_exp_col, match_len_col;
    struct str subst_exp_col, repl_exp_col, attrs_col, attrs_text;
    const struct pv_ref *attrs_pvar; /* or NULL */
    struct way user;                 /* from the user of the R-URI and back */
    int32_t fetch_rows;
};

struct rule {
    int64_t dpid, priority, length; /* length 0: any */
    unsigned number;                /* of the row */
    struct str equal;               /* without match: what the input must be */
    struct regex *match, *subst;    /* or NULL */
    struct str replacement, attrs;
};

/* Sorted by dpid, length, priority, row. */
struct rules {
    unsigned n;
    struct rule *rule;
};

/* The whole table in memory, a struct rules (rules.c). */
extern const struct memtable dp_table;

/* The rule for an input, as the reference looks: those for its length, then those for any, by
 * priority. NULL when none fits. */
const struct rule *rules_find(const struct rules *l, int64_t dpid, struct str input);
/* What a rule makes of the input, in a: ERR_OK; ERR_NOTFOUND when its subst_exp does not fit;
 * ERR_NOMEM. */
int rule_apply(const struct rule *r, struct arena *a, struct str input, struct str *out);

#endif
