/* The code generator: routes and statements. Conditions and values are in gen_expr.c.
 *
 * How statements become code, with $rc and the result as LANGUAGE 3.3 wants them:
 *
 *   action           if cond then else         while cond body      switch ($x) { cases default }
 *     CALL f           cond                      LOOP                 LOAD $x
 *     DONE             BRANCH else               top: ROUND end       SWITCH table
 *                      then                      cond                 case: statements
 *                      JUMP end                  BRANCH out           break: JUMP end
 *                    else: otherwise,            body                 JUMP end
 *                      or EMPTY                  JUMP top             default: statements
 *                    end:                      out: ONE             end: CLOSE
 *                                              end: LOOP_END
 */
/* SPDX-License-Identifier: MIT */
#include "lang/gen.h"

#include "core/base/err.h"
#include "lang/gen_priv.h"

/* ---- lists of statements ---- */

bool gen_is_empty(const struct node *first)
{
    for (; first; first = first->next)
        if (first->kind != NODE_NOP &&
            !(first->kind == NODE_BLOCK && gen_is_empty(first->block.first)))
            return false;
    return true;
}

/* The statements inside a block, or the statement itself. */
static const struct node *inside(const struct node *n)
{
    return n && n->kind == NODE_BLOCK ? n->block.first : n;
}

/* Whether a list ends with an if, after which $rc and the result may differ. */
static bool ends_with_if(const struct node *first)
{
    const struct node *last = NULL;
    for (; first; first = first->next)
        if (first->kind != NODE_NOP)
            last = first;
    if (last && last->kind == NODE_BLOCK)
        return ends_with_if(last->block.first);
    return last && last->kind == NODE_IF;
}

void gen_statements(struct gen *g, const struct node *first)
{
    for (; first && g->failed == ERR_OK; first = first->next)
        gen_statement(g, first);
}

static void gen_close(struct gen *g, const struct node *n)
{
    if (n && (n->kind == NODE_IF || ends_with_if(inside(n))))
        emit(g, OP_CLOSE, 0, 0, 0);
}

void gen_branch(struct gen *g, const struct node *n)
{
    if (gen_is_empty(n && n->kind == NODE_BLOCK ? n->block.first : n)) {
        emit(g, OP_EMPTY, 0, 0, 0);
        return;
    }
    if (n->kind == NODE_BLOCK)
        gen_statements(g, n->block.first);
    else
        gen_statement(g, n);
    gen_close(g, n);
}

static bool empty_branch(const struct node *n)
{
    return !n || gen_is_empty(inside(n));
}

/* ---- statements ---- */

/* The condition of an if and what it runs. True when no else can be reached. */
static bool gen_arm(struct gen *g, const struct node *n, uint32_t *ends)
{
    bool known, yes = gen_known(g, n->branch.cond, &known) && known;
    if (yes && !empty_branch(n->branch.then)) {
        gen_branch(g, n->branch.then);
        return true;
    }
    if (!yes && gen_known(g, n->branch.cond, &known) && !empty_branch(n->branch.otherwise))
        return false;
    gen_condition(g, n->branch.cond);
    uint32_t otherwise = emit_jump(g, OP_BRANCH, NO_JUMP);
    gen_branch(g, n->branch.then);
    *ends = emit_jump(g, OP_JUMP, *ends);
    patch(g, otherwise);
    return false;
}

/* An if with all its else-ifs; every branch ends at one place. */
static void gen_if(struct gen *g, const struct node *n)
{
    uint32_t ends = NO_JUMP;
    bool chained = false, done = false;
    for (;;) {
        unsigned choices = gen_choices(n);
        g->at = n->loc;
        chained |= choices > 0;
        if (choices)
            n = gen_choose(g, n, choices, &ends);
        else
            done = gen_arm(g, n, &ends);
        if (done || !n->branch.otherwise || n->branch.otherwise->kind != NODE_IF)
            break;
        n = n->branch.otherwise;
        chained = true;
    }
    if (!done)
        gen_branch(g, n->branch.otherwise);
    patch(g, ends);
    if (chained)
        emit(g, OP_CLOSE, 0, 0, 0);
}

static void gen_while(struct gen *g, const struct node *n)
{
    struct breakable loop = {g->innermost, NO_JUMP};
    emit(g, OP_LOOP, 0, 0, 0);
    uint32_t top = g->n_code;
    loop.exits = emit_jump(g, OP_ROUND, NO_JUMP);
    bool known, for_ever = gen_known(g, n->loop.cond, &known) && known;
    uint32_t out = NO_JUMP;
    if (!for_ever) {
        gen_condition(g, n->loop.cond);
        out = emit_jump(g, OP_BRANCH, NO_JUMP);
    }
    g->innermost = &loop;
    gen_statements(g, n->loop.body->kind == NODE_BLOCK ? n->loop.body->block.first : n->loop.body);
    g->innermost = loop.outer;
    emit(g, OP_JUMP, 0, 0, top);
    if (!for_ever) {
        patch(g, out);
        emit(g, OP_ONE, 0, 0, 0);
    }
    patch(g, loop.exits);
    emit(g, OP_LOOP_END, 0, 0, 0);
}

/* Counts the cases, default aside. */
static uint32_t count_cases(const struct node *cases, bool texts)
{
    uint32_t n = 0;
    for (; cases; cases = cases->next)
        n += cases->entry.label && (cases->entry.label->kind == NODE_STRING) == texts;
    return n;
}

static struct switch_table *new_table(struct gen *g, const struct node *cases)
{
    struct arena *a = &g->p->arena;
    struct switch_table *t = arena_zalloc(a, sizeof *t);
    if (t) {
        t->numbers = arena_zalloc(a, count_cases(cases, false) * sizeof *t->numbers);
        t->texts = arena_zalloc(a, count_cases(cases, true) * sizeof *t->texts);
    }
    if (!t || !t->numbers || !t->texts)
        gen_fail(g, ERR_NOMEM);
    return g->failed == ERR_OK ? t : NULL;
}

static void add_case(struct gen *g, struct switch_table *t, const struct node *label)
{
    struct switch_case c = {.order = t->n_numbers + t->n_texts, .target = g->n_code};
    if (label->kind == NODE_STRING) {
        c.label = value_str(keep_text(g, label->text));
        t->texts[t->n_texts++] = c;
    } else {
        c.label = value_int(label->number.value);
        t->numbers[t->n_numbers++] = c;
    }
}

/* The cases in order, then default, into which none of them runs on. */
static void gen_cases(struct gen *g, const struct node *cases, struct switch_table *t,
                      struct breakable *here)
{
    const struct node *fallback = NULL;
    for (const struct node *c = cases; c; c = c->next) {
        if (!c->entry.label) {
            fallback = c;
            continue;
        }
        add_case(g, t, c->entry.label);
        gen_statements(g, c->entry.first);
        if (ends_with_if(c->entry.first))
            emit(g, OP_CLOSE, 0, 0, 0);
    }
    here->exits = emit_jump(g, OP_JUMP, here->exits);
    t->otherwise = g->n_code;
    if (fallback)
        gen_statements(g, fallback->entry.first);
    t->end = g->n_code;
}

static void gen_switch(struct gen *g, const struct node *n)
{
    struct breakable here = {g->innermost, NO_JUMP};
    struct switch_table *t = new_table(g, n->choice.cases);
    gen_load(g, n->choice.subject->variable.ref);
    emit(g, OP_SWITCH, 0, 0, add_object(g, OBJECT_SWITCH, t));
    if (!t)
        return;
    g->innermost = &here;
    gen_cases(g, n->choice.cases, t, &here);
    g->innermost = here.outer;
    switch_sort(t);
    patch(g, here.exits);
    emit(g, OP_CLOSE, 0, 0, 0);
}

static void gen_break(struct gen *g)
{
    if (!g->innermost)
        return; /* the checker has complained */
    emit(g, OP_CLOSE, 0, 0, 0);
    g->innermost->exits = emit_jump(g, OP_JUMP, g->innermost->exits);
}

static void gen_return(struct gen *g, const struct node *n)
{
    if (!n->ret.value)
        emit(g, OP_INT, 0, 0, 1);
    else
        gen_value(g, n->ret.value);
    emit(g, OP_RETURN, 0, 0, 0);
}

/* The statements that hold others. */
static void gen_compound(struct gen *g, const struct node *n)
{
    if (n->kind == NODE_IF)
        gen_if(g, n);
    else if (n->kind == NODE_WHILE)
        gen_while(g, n);
    else
        gen_switch(g, n);
    if (g->p->error_route >= 0)
        emit(g, OP_ERRORS, 0, 0, 0);
}

void gen_statement(struct gen *g, const struct node *n)
{
    struct loc before = g->at;
    g->at = n->loc;
    switch (n->kind) {
    case NODE_BLOCK:
        gen_statements(g, n->block.first);
        break;
    case NODE_NOP:
        break;
    case NODE_IF:
    case NODE_WHILE:
    case NODE_SWITCH:
        gen_compound(g, n);
        break;
    case NODE_BREAK:
        gen_break(g);
        break;
    case NODE_EXIT:
        emit(g, OP_EXIT, 0, 0, 0);
        break;
    case NODE_DROP:
        emit(g, OP_DROP, 0, 0, 0);
        break;
    case NODE_RETURN:
        gen_return(g, n);
        break;
    default:
        gen_action(g, n);
        gen_after(g, OP_DONE);
    }
    g->at = before;
}

/* ---- routes ---- */

static void gen_route(struct gen *g, const struct route_def *def)
{
    struct route *r = &g->p->routes[def->index];
    const char *keyword = route_keyword(def->kind);
    r->kind = def->kind;
    r->name = keep_text(g, def->name);
    r->title = str_eq(def->name, STR("0"))
                   ? arena_printf(&g->p->arena, "%s", keyword)
                   : arena_printf(&g->p->arena, "%s[%.*s]", keyword, STR_ARG(def->name));
    r->loc = def->loc;
    r->start = g->n_code;
    g->depth = g->max_depth = 0;
    g->at = def->loc;
    gen_statement(g, def->body);
    g->at = def->end;
    emit(g, OP_END, 0, 0, 0);
    r->end = g->n_code;
    r->stack = g->max_depth;
}

/* Copies the sources, for dumps and traces to show lines of. */
static int keep_sources(struct program *p, const struct diag *d)
{
    p->n_sources = d->n_sources;
    p->sources = arena_alloc(&p->arena, d->n_sources * sizeof *p->sources);
    for (unsigned i = 0; p->sources && i < d->n_sources; i++) {
        p->sources[i].name = arena_dup(&p->arena, d->sources[i].name);
        p->sources[i].text = arena_dup(&p->arena, d->sources[i].text);
        if (!p->sources[i].name.p || !p->sources[i].text.p)
            return ERR_NOMEM;
    }
    return p->sources ? ERR_OK : ERR_NOMEM;
}

static int32_t find_error_route(const struct script *ast)
{
    for (const struct route_def *r = ast->routes; r; r = r->next)
        if (r->kind == ROUTE_ERROR)
            return r->index;
    return -1;
}

int gen_program(struct program *p, const struct script *ast, struct prepare_env *env,
                const struct diag *d)
{
    struct gen g = {.p = p};
    p->error_route = find_error_route(ast);
    p->n_routes = ast->n_routes;
    p->routes = arena_zalloc(&p->arena, p->n_routes * sizeof *p->routes);
    p->vars = env->vars;
    p->n_vars = *env->var_total;
    p->avp_aliases = env->aliases;
    p->max_loops = (uint32_t)program_setting_int(p, SETTING_MAX_WHILE_LOOPS);
    if (!p->routes)
        return ERR_NOMEM;
    for (const struct route_def *r = ast->routes; r; r = r->next)
        gen_route(&g, r);
    int rc = gen_finish(&g);
    gen_free(&g);
    if (rc == ERR_OK)
        rc = keep_sources(p, d);
    if (rc == ERR_OK)
        rc = program_digests(p);
    if (rc == ERR_OK) {
        p->regexes = env->regexes;
        env->regexes = NULL;
    }
    return rc;
}
