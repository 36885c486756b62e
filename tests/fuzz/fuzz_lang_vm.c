/* Random programs: what the verifier lets pass must run without harm, whatever it does. The bytes
 * choose instructions; a first repair keeps most of them from being refused at once. */
/* SPDX-License-Identifier: MIT */
#include "lang/code.h"
#include "lang/regex.h"
#include "tests/unit/lang_fake.h"

enum { MAX_CODE = 200, ROUTES = 3, STACK = 6, STEPS = 3000 };

/* What the random instructions may name. */
struct pool {
    struct arena arena;
    struct prepare_env env;
    bool loaded[2];
    const void *objects[64];
    uint8_t kinds[64];
    unsigned n;
    struct insn code[MAX_CODE + ROUTES];
    struct route routes[ROUTES];
    int32_t depth[MAX_CODE + ROUTES];
    struct program p;
};

static void add(struct pool *pool, enum object_kind kind, const void *object)
{
    pool->objects[pool->n] = object;
    pool->kinds[pool->n++] = (uint8_t)kind;
}

static void *copy(struct pool *pool, const void *p, size_t n)
{
    void *c = arena_alloc(&pool->arena, n);
    return c ? memcpy(c, p, n) : NULL;
}

static void add_variables(struct pool *pool, struct prepare *p)
{
    static const char *const names[] = {
        "$ru",
        "$ua",
        "$bad",
        "$var(a)",
        "$(var(b){s.len})",
        "$avp(s:x)",
        "$(avp(s:x)[*])",
        "$avp($var(a))",
        "$(hdr(X-A)[$var(a)])",
        "$rc",
        "$(ru{uri.host}{s.substr,$var(a),0})",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct pv_ref *ref;
        if (prepare_pv(p, str_from(names[i]), &ref) == ERR_OK)
            add(pool, OBJECT_PV, ref);
    }
}

static void add_call(struct pool *pool, struct prepare *p, const char *name, const char *text)
{
    const struct fn_spec *fn = fake_functions;
    struct call_site *site = arena_zalloc(&pool->arena, sizeof *site);
    while (strcmp(fn->name, name))
        fn++;
    *site = (struct call_site){fn, (uint8_t)(text != NULL), 0, NULL, NULL};
    site->args = arena_zalloc(&pool->arena, sizeof *site->args);
    site->ready = arena_zalloc(&pool->arena, sizeof *site->ready);
    if (text) {
        prepare_arg(p, fn, 0, text[0] == '$' ? ARG_FORM_PV : ARG_FORM_STRING, str_from(text),
                    site->args);
        site->ready[0] = site->args[0].arg;
        site->given = site->args[0].mode != CALL_ARG_CONST;
    }
    add(pool, OBJECT_CALL, site);
}

static void add_format(struct pool *pool, struct prepare *p, const char *text)
{
    const struct format *f;
    if (prepare_format(p, str_from(text), &f) == ERR_OK)
        add(pool, OBJECT_FORMAT, f);
}

static void add_others(struct pool *pool, struct prepare *p)
{
    static const char *const patterns[] = {"^sip:", "(a|b)*c", ".*"};
    struct value texts[] = {value_str(STR("")), value_str(STR("sip:bob@example.test")),
                            value_str(STR("5")), value_both(STR("5060"), 5060)};
    struct net net = {.bits = 8};
    struct str host = STR("localhost"), names[] = {STR("5"), STR("bob"), STR("")};
    struct text_set set = {3, copy(pool, names, sizeof names)};
    ip_parse(&net.ip, STR("127.0.0.0"));
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        add(pool, OBJECT_VALUE, copy(pool, &texts[i], sizeof texts[i]));
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        const struct regex *re;
        if (prepare_regex(p, str_from(patterns[i]), false, &re) == ERR_OK)
            add(pool, OBJECT_REGEX, re);
    }
    add(pool, OBJECT_NET, copy(pool, &net, sizeof net));
    add(pool, OBJECT_HOST, copy(pool, &host, sizeof host));
    add(pool, OBJECT_TEXTS, copy(pool, &set, sizeof set));
    add_format(pool, p, "$var(a)");
    add_format(pool, p, "<$ru> $avp(s:x)");
    add_call(pool, p, "ok", NULL);
    add_call(pool, p, "fail", NULL);
    add_call(pool, p, "wait", NULL);
    add_call(pool, p, "trip", NULL);
    add_call(pool, p, "give", "$var(a)");
    add_call(pool, p, "print", "x $var(a) $(avp(s:x)[*])");
}

static void pool_init(struct pool *pool)
{
    char text[512];
    struct buf error;
    memset(pool, 0, sizeof *pool);
    pool->loaded[0] = true;
    arena_init(&pool->arena, NULL, 8192);
    prepare_env_init(&pool->env, &pool->arena, &fake_catalog, pool->loaded);
    buf_fixed(&error, text, sizeof text);
    struct prepare p = prepare_begin(&pool->env, &error, NULL);
    add_variables(pool, &p);
    add_others(pool, &p);
}

/* ---- code out of bytes ---- */

/* The number of an object of that kind, chosen by n. */
static uint32_t pick(const struct pool *pool, int kind, unsigned n)
{
    for (unsigned i = 0; i < pool->n; i++) {
        unsigned k = (n + i) % pool->n;
        if (pool->kinds[k] == kind)
            return k;
    }
    return 0;
}

static uint8_t comparison(unsigned op, uint8_t n)
{
    if (op == OP_MATCH || op == OP_MATCH_VALUE)
        return n % 2 ? AST_MATCH : AST_NOMATCH;
    if (op == OP_COMPARE || op == OP_COMPARE_INT || op == OP_COMPARE_TEXT)
        return (uint8_t)(AST_EQ + n % 6);
    return n % 2 ? AST_EQ : AST_NE;
}

static uint32_t random_switch(struct pool *pool, const struct route *r, unsigned n)
{
    struct switch_table *t = arena_zalloc(&pool->arena, sizeof *t);
    uint32_t size = r->end - r->start;
    t->numbers = arena_zalloc(&pool->arena, 2 * sizeof *t->numbers);
    t->texts = arena_zalloc(&pool->arena, 2 * sizeof *t->texts);
    for (uint32_t i = 0; i < 2; i++) {
        t->numbers[i] = (struct switch_case){value_int((int)(n % 3 + i)), i, r->start + n % size};
        t->texts[i] =
            (struct switch_case){value_str(i ? STR("5") : STR("")), 2 + i, r->start + n * 7 % size};
    }
    t->n_numbers = t->n_texts = 2;
    t->otherwise = r->start + n * 3 % size;
    t->end = r->start + n * 5 % size;
    switch_sort(t);
    if (pool->n < sizeof pool->objects / sizeof *pool->objects)
        add(pool, OBJECT_SWITCH, t);
    return pool->n - 1;
}

static struct insn random_insn(struct pool *pool, const struct route *r, const uint8_t *b)
{
    struct insn in = {(uint8_t)(b[0] % OPCODES), 0, 0, b[2]};
    for (const char *letter = op_info(in.op)->operands; *letter; letter++) {
        if (*letter == 'c')
            in.a = comparison(in.op, b[1]);
        else if (*letter == 'l')
            in.a = b[1] % 8;
        else if (*letter == 'a')
            in.a = b[1] % 2;
        else if (*letter == 'o')
            in.b = b[1] % (OPERAND_MSG_LEN + 1);
        else if (*letter == 's')
            in.k = b[2] % 2;
        else if (*letter == 'R')
            in.k = b[2] % ROUTES;
        else if (*letter == 't' || *letter == 'T')
            in.k = r->start + b[2] % (r->end - r->start);
        else if (*letter == 'w')
            in.k = random_switch(pool, r, b[2]);
        else if (*letter != 'i')
            in.k = pick(pool, operand_object(*letter), b[2]);
    }
    return in;
}

/* How many operands it takes. */
static int32_t pops(const struct pool *pool, const struct insn *in)
{
    bool object = in->op == OP_CALL || in->op == OP_FORMAT;
    return (int32_t)insn_pops(in, object ? pool->objects[in->k] : NULL);
}

/* Makes each instruction find its operands, read from top to bottom. */
static void repair_depth(struct pool *pool, const struct route *r)
{
    int32_t depth = 0;
    for (uint32_t pc = r->start; pc < r->end; pc++) {
        struct insn *in = &pool->code[pc];
        int32_t after = depth - pops(pool, in) + op_info(in->op)->pushes;
        if (depth < pops(pool, in) || after > STACK || (in->op == OP_ROUND && depth < 1))
            *in = (struct insn){depth < STACK ? OP_INT : OP_DONE, 0, 0, in->k};
        pool->depth[pc] = depth;
        depth += op_info(in->op)->pushes - pops(pool, in);
    }
}

/* Makes each jump go to the next place where the stack is as it needs it. */
static void repair_jumps(struct pool *pool, const struct route *r)
{
    for (uint32_t pc = r->start; pc < r->end; pc++) {
        struct insn *in = &pool->code[pc];
        const struct op_info *info = op_info(in->op);
        bool plain = strchr(info->operands, 't') != NULL;
        if (!plain && !strchr(info->operands, 'T'))
            continue;
        int32_t want = plain ? pool->depth[pc] - info->pops + info->pushes : pool->depth[pc];
        for (uint32_t i = 0; i < r->end - r->start && pool->depth[in->k] != want; i++)
            in->k = r->start + (in->k + 1 - r->start) % (r->end - r->start);
    }
}

static void build(struct pool *pool, const uint8_t *data, size_t size)
{
    uint32_t each = (uint32_t)(size / 3 / ROUTES);
    if (each > MAX_CODE / ROUTES)
        each = MAX_CODE / ROUTES;
    uint32_t pc = 0;
    for (unsigned i = 0; i < ROUTES; i++) {
        struct route *r = &pool->routes[i];
        *r = (struct route){
            ROUTE_REQUEST, STR("r"), STR("route"), {0, 0, 0, 0, 0}, pc, pc + each + 1, STACK, 0};
        for (uint32_t n = 0; n < each; n++, pc++)
            pool->code[pc] = random_insn(pool, r, data + 3 * pc - 3 * i);
        pool->code[pc++] = (struct insn){OP_END, 0, 0, 0};
        repair_depth(pool, r);
        repair_jumps(pool, r);
    }
    pool->p = (struct program){
        .catalog = &fake_catalog,
        .code = pool->code,
        .n_code = pc,
        .routes = pool->routes,
        .n_routes = ROUTES,
        .objects = pool->objects,
        .object_kind = pool->kinds,
        .n_objects = pool->n,
        .vars = pool->env.vars,
        .n_vars = *pool->env.var_total,
        .max_loops = 5,
        .error_route = 0,
    };
}

/* ---- runs ---- */

static void run(const struct program *p, uint8_t how)
{
    struct call *c = malloc(sizeof *c);
    struct vm_result result;
    fake_call_init(c);
    c->vm = vm_new(&fake_host, STEPS);
    c->wait_always = how & 1;
    c->name_answer = how & 2 ? CALL_SUSPENDED : 1;
    for (int i = 0; i < 2; i++) {
        enum vm_status s = vm_run(c->vm, p, i, c, &result);
        while (s == VM_SUSPENDED)
            s = vm_resume(c->vm, c->later, &result);
        c->log_len = 0;
    }
    vm_free(c->vm);
    fake_call_free(c);
    free(c);
}

static void print(const struct program *p)
{
    char text[4096];
    struct buf b;
    for (uint32_t pc = 0; pc < p->n_code; pc++) {
        buf_fixed(&b, text, sizeof text);
        insn_print(p, &p->code[pc], 0, &b);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pool *pool = malloc(sizeof *pool);
    char text[256];
    struct buf why;
    log_set_level(-3);
    pool_init(pool);
    if (size > 12) {
        build(pool, data + 1, size - 1);
        buf_fixed(&why, text, sizeof text);
        if (program_verify(&pool->p, &why) == ERR_OK) {
            print(&pool->p);
            run(&pool->p, data[0]);
        }
    }
    prepare_env_free(&pool->env);
    arena_reset(&pool->arena);
    free(pool);
    return 0;
}
