/* The scheme of the R-URI: the reference makes sip: of it whenever a part is changed, and loses
 * what belongs to telephone numbers (DEVIATIONS 6 and 23). A warning where a script shows that it
 * meets such URIs: a condition asks for them, or it makes one. */
/* SPDX-License-Identifier: MIT */
#include "lang/flow.h"

enum { SCHEMES = FACT_SIPS | FACT_TEL | FACT_PHONE };

/* What a text, or a plain expression, says of a URI: may is what it may be, cannot what it is not.
 */
struct words {
    unsigned may, cannot;
};

static struct words words_of(struct str text)
{
    struct words w = {0, 0};
    while (text.len && (text.p[0] == '^' || text.p[0] == '('))
        text = str_sub(text, 1, text.len);
    bool sips = str_istarts(text, STR("sips:")), tel = str_istarts(text, STR("tel:"));
    if (sips || tel || str_istarts(text, STR("sip:")))
        w.cannot = FACT_SIPS | FACT_TEL;
    w.may = sips ? FACT_SIPS : tel ? FACT_TEL : 0;
    if (str_search(text, STR("user=phone"), 0) >= 0)
        w.may |= FACT_PHONE;
    return w;
}

static bool is_uri(const struct node *n)
{
    return (n->kind == NODE_OPERAND && n->operand == OPERAND_URI) ||
           (n->kind == NODE_VARIABLE &&
            (str_eq(n->variable.text, STR("$ru")) || str_eq(n->variable.text, STR("$ruri"))));
}

void flow_refine_uri(const struct node *n, struct flow_state *yes, struct flow_state *no)
{
    if (!is_uri(n->binary.left) || n->binary.right->kind != NODE_STRING)
        return;
    struct words w = words_of(n->binary.right->text);
    bool same = n->op == AST_EQ || n->op == AST_MATCH;
    if (!same && n->op != AST_NE && n->op != AST_NOMATCH)
        return;
    flow_clear(same ? yes : no, w.cannot);
    flow_set(same ? yes : no, w.may);
    if (n->op == AST_MATCH || n->op == AST_NOMATCH)
        flow_clear(same ? no : yes, w.may);
}

/* ---- changes ---- */

/* Functions and variables that change the R-URI, and whether its host. */
enum change { CHANGES_NOTHING, CHANGES_ALL, CHANGES_HOST, CHANGES_PART };

static enum change change_of(const char *name)
{
    static const struct {
        const char *name;
        enum change change;
    } changes[] = {
        {"rewriteuri", CHANGES_ALL},   {"seturi", CHANGES_ALL},
        {"ru", CHANGES_ALL},           {"ruri", CHANGES_ALL},
        {"rewritehost", CHANGES_HOST}, {"sethost", CHANGES_HOST},
        {"seth", CHANGES_HOST},        {"rewritehostport", CHANGES_HOST},
        {"sethostport", CHANGES_HOST}, {"sethp", CHANGES_HOST},
        {"rd", CHANGES_HOST},          {"ruri.domain", CHANGES_HOST},
        {"rewriteport", CHANGES_PART}, {"setport", CHANGES_PART},
        {"setp", CHANGES_PART},        {"rp", CHANGES_PART},
        {"rewriteuser", CHANGES_PART}, {"setuser", CHANGES_PART},
        {"setu", CHANGES_PART},        {"rU", CHANGES_PART},
        {"ruri.user", CHANGES_PART},   {"rewriteuserpass", CHANGES_PART},
        {"setuserpass", CHANGES_PART}, {"setup", CHANGES_PART},
        {"prefix", CHANGES_PART},      {"strip", CHANGES_PART},
        {"strip_tail", CHANGES_PART},
    };
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
        if (strcmp(changes[i].name, name) == 0)
            return changes[i].change;
    return CHANGES_NOTHING;
}

static void warn(struct flow *f, const struct node *n, enum change change)
{
    if (flow_may(&f->at, FACT_SIPS))
        flow_warn(f, WARN_SCHEME, n->loc,
                  "the R-URI may be sips: here: it stays so, the reference makes sip: of it "
                  "(deviation 6)");
    else if (flow_may(&f->at, FACT_TEL))
        flow_warn(f, WARN_SCHEME, n->loc,
                  "the R-URI may be tel: here: its number is changed, the reference makes sip: of "
                  "it or destroys it (deviation 23)");
    else if (flow_may(&f->at, FACT_PHONE) && change == CHANGES_HOST)
        flow_warn(f, WARN_SCHEME, n->loc,
                  "the R-URI may have user=phone here: it stays, the reference loses it with "
                  "another host (deviation 23)");
    else
        return;
    diag_hint(f->diag, "rewriteuri() with the whole URI does the same in both");
}

void flow_uri_changes(struct flow *f, const struct node *n, const char *name, struct str text)
{
    enum change change = change_of(name);
    if (change == CHANGES_ALL) {
        flow_clear(&f->at, SCHEMES);
        flow_set(&f->at, words_of(text).may);
    } else if (change != CHANGES_NOTHING) {
        warn(f, n, change);
    }
}
