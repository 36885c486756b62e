/* The machine: runs, suspends and resumes the routes of a program. */
/* SPDX-License-Identifier: MIT */
#include "lang/vm.h"

#include <assert.h>
#include <stdlib.h>

#include "core/base/err.h"
#include "core/base/log.h"
#include "lang/format.h"
#include "lang/vm_priv.h"

/* ---- life ---- */

struct vm *vm_new(const struct host *host, uint64_t max_steps)
{
    struct vm *vm = calloc(1, sizeof *vm);
    if (!vm)
        return NULL;
    vm->host = host;
    vm->max_steps = max_steps;
    return vm;
}

void vm_free(struct vm *vm)
{
    if (!vm)
        return;
    if (vm->patterns)
        regex_cache_free(vm->patterns);
    free(vm->patterns);
    free(vm->stack);
    free(vm->frames);
    free(vm);
}

void vm_trace(struct vm *vm, void (*line)(void *user, struct loc at), void *user)
{
    vm->trace = line;
    vm->trace_user = user;
}

struct loc vm_where(const struct vm *vm)
{
    return vm->p && vm->pc ? program_loc(vm->p, vm->pc - 1) : (struct loc){0, 0, 0, 0, 0};
}

/* ---- what instructions need ---- */

/* The result of an action becomes $rc, also where functions and formats look for it. */
static void set_rc(struct vm *vm, int32_t rc)
{
    vm->host->vars(vm->call)->rc = rc;
}

/* The array with room for need elements; NULL without memory, the array is as before then. */
static void *grow(void *array, uint32_t need, uint32_t *cap, size_t size)
{
    uint32_t more = *cap ? *cap : 16;
    while (more < need)
        more *= 2;
    if (array && more == *cap)
        return array;
    void *p = realloc(array, more * size);
    if (p)
        *cap = more;
    return p;
}

/* Begins a route; when it ends, its caller goes on at back. */
static bool enter(struct vm *vm, const struct route *r, uint32_t back)
{
    if (vm->depth >= VM_MAX_DEPTH) {
        log_err("too many recursive routing table lookups (%d)", VM_MAX_DEPTH);
        return false;
    }
    struct frame *frames = grow(vm->frames, vm->depth + 1, &vm->frame_cap, sizeof *frames);
    if (!frames)
        return false;
    vm->frames = frames;
    struct value *stack = grow(vm->stack, vm->sp + r->stack + 1, &vm->stack_cap, sizeof *vm->stack);
    if (!stack)
        return false;
    vm->stack = stack;
    vm->frames[vm->depth++] = (struct frame){back, vm->sp};
    vm->last = 1;
    vm->pc = r->start;
    return true;
}

/* Shows a new line to whoever traces the run. */
static void show_line(struct vm *vm)
{
    struct loc at = vm_where(vm);
    if (at.line == vm->traced.line && at.file == vm->traced.file)
        return;
    vm->traced = at;
    vm->trace(vm->trace_user, at);
}

/* Takes a slice of steps off the budget; 0 when steps or memory are spent. Under a trace it is cut
 * in ones. */
static uint32_t next_slice(struct vm *vm)
{
    uint32_t n = vm->trace ? 1 : VM_SLICE;
    if (vm->trace)
        show_line(vm);
    if (n > vm->steps)
        n = (uint32_t)vm->steps;
    if (n == 0)
        log_err("the script was stopped: it took more than %llu steps",
                (unsigned long long)vm->max_steps);
    vm->steps -= n;
    if (arena_size(vm->host->scratch(vm->call)) <= VM_MAX_SCRATCH)
        return n;
    log_err("the script was stopped: it took more than %d bytes", VM_MAX_SCRATCH);
    return 0;
}

/* Where the script is, for log lines. */
#define AT_FMT "%.*s:%u: "
#define AT_ARG(vm) STR_ARG(source_name(vm)), vm_where(vm).line

static struct str source_name(const struct vm *vm)
{
    unsigned file = vm_where(vm).file;
    return file < vm->p->n_sources ? vm->p->sources[file].name : STR_NONE;
}

/* $var = value or $other = value: 1, or -1 when there is no value or it is refused. */
static int store(struct vm *vm, const struct pv_ref *v, unsigned op, const struct value *value)
{
    if (value_is_null(value)) {
        log_err(AT_FMT "no value to assign to %.*s", AT_ARG(vm), STR_ARG(v->text));
        return -1;
    }
    int rc = pv_write(v, vm->call, vm->host, op, value);
    if (rc >= 0)
        return 1;
    log_err(AT_FMT "%.*s refused the value", AT_ARG(vm), STR_ARG(v->text));
    return -1;
}

static int store_null(struct vm *vm, const struct pv_ref *v, unsigned op)
{
    int rc = pv_write(v, vm->call, vm->host, op, &VALUE_NULL);
    if (rc < 0)
        log_err(AT_FMT "%.*s refused null", AT_ARG(vm), STR_ARG(v->text));
    return rc < 0 ? -1 : 1;
}

static int store_var(struct vm *vm, struct vars *vars, unsigned slot, const struct value *value)
{
    if (value_is_null(value)) {
        log_err(AT_FMT "no value to assign", AT_ARG(vm));
        return -1;
    }
    return vars_set(vars, slot, vm->p->n_vars, value) == ERR_OK ? 1 : -1;
}

static struct value operand(struct vm *vm, enum operand o)
{
    struct value v = VALUE_NULL;
    if (vm->host->operand(vm->call, o, &v) != ERR_OK)
        return VALUE_FAILED;
    if ((v.flags & (VAL_STR | VAL_INT)) == VAL_INT)
        v.flags |= VAL_PRINTS;
    return v;
}

static struct value load(struct vm *vm, const struct pv_ref *ref)
{
    struct value v;
    return pv_eval(ref, vm->call, vm->host, &v) == ERR_OK ? v : VALUE_FAILED;
}

static struct value load_var(const struct vars *vars, unsigned slot)
{
    struct value v = vars_get(vars, slot);
    if (v.flags & VAL_INT)
        v.flags |= VAL_PRINTS;
    return v;
}

static int match_value(struct vm *vm, unsigned op, const struct value *subject,
                       const struct value *pattern)
{
    char number[VALUE_TEXT];
    if ((subject->flags | pattern->flags) & VAL_FAILED)
        return COND_ERROR;
    if (value_is_null(subject) || value_is_null(pattern))
        return COND_FALSE;
    if (!vm->patterns)
        vm->patterns = calloc(1, sizeof *vm->patterns);
    if (!vm->patterns)
        return COND_ERROR;
    return value_match(op, subject, regex_cache_get(vm->patterns, value_text(pattern, number)));
}

static int myself_value(struct vm *vm, unsigned op, const struct value *v)
{
    char number[VALUE_TEXT];
    if (v->flags & VAL_FAILED)
        return COND_ERROR;
    if (value_is_null(v))
        return op == AST_NE;
    struct str text = value_text(v, number);
    return condition_for(op, vm->host->myself(vm->call, OPERAND_URI, &text));
}

static int in_net(struct vm *vm, const struct insn *in, const struct net *net)
{
    struct ip ip;
    if (vm->host->operand_ip(vm->call, in->b, &ip) != ERR_OK)
        return COND_ERROR;
    return condition_for(in->a, ip_in(&ip, &net->ip, net->bits));
}

/* May answer CALL_SUSPENDED. */
static int is_host(struct vm *vm, const struct insn *in, const struct str *name)
{
    struct ip ip;
    if (vm->host->operand_ip(vm->call, in->b, &ip) != ERR_OK)
        return COND_ERROR;
    return vm->host->name_is_ip(vm->call, *name, &ip);
}

/* Arithmetic on the two topmost operands. */
static struct value arithmetic(struct vm *vm, enum opcode op, const struct value *two)
{
    struct value out;
    if (value_arith(op, &two[0], &two[1], vm->host->scratch(vm->call), &out) != ERR_OK)
        return VALUE_FAILED;
    return out;
}

static struct value join(struct vm *vm, const struct format *f, const struct value *values)
{
    struct str text;
    int rc = format_join(f, values, vm->host->scratch(vm->call), &text);
    if (rc == ERR_OK)
        return value_str(text);
    log_err("%.*s cannot be made: %s", STR_ARG(f->text), err_text(rc));
    return VALUE_FAILED;
}

/* Takes the cost of making or keeping a text off the slice, and what exceeds it off the budget. */
static uint32_t charge(struct vm *vm, uint32_t slice, const struct value *v)
{
    uint64_t cost = v->flags & VAL_STR ? v->s.len / 16 : 0;
    if (cost <= slice)
        return slice - (uint32_t)cost;
    cost -= slice;
    vm->steps -= cost < vm->steps ? cost : vm->steps;
    return 0;
}

/* Counts a round; false when there were enough, and the loop's result is that of its last body. */
static bool next_round(struct vm *vm, struct value *count)
{
    if ((uint32_t)count->i < vm->p->max_loops) {
        count->i++;
        return true;
    }
    log_info(AT_FMT "max while loops are encountered", AT_ARG(vm));
    if (vm->p->max_loops == 0)
        vm->last = -5; /* the reference's "never assigned" */
    set_rc(vm, vm->last);
    return false;
}

static void warn_condition(struct vm *vm)
{
    log_warn(AT_FMT "error in expression", AT_ARG(vm));
}

/* Where the ifs on one value lead; as a condition each of them would have been false, or an error.
 */
static uint32_t choose(struct vm *vm, const struct switch_table *t, const struct value *v)
{
    bool failed = (v->flags & VAL_FAILED) != 0;
    uint32_t target = failed ? t->otherwise : switch_find(t, v);
    vm->cond = failed ? COND_ERROR : target == t->otherwise ? COND_FALSE : COND_TRUE;
    if (failed)
        warn_condition(vm);
    return target;
}

/* ---- the loop ---- */

/* How a stretch of running ended. */
enum outcome { ENDED, EXITED, DROPPED, WAITING, SPENT };

/* Leaves the route with a value. True when there is a caller, who finds the value on the stack. */
static bool leave(struct vm *vm, int32_t value)
{
    struct frame *f = &vm->frames[--vm->depth];
    vm->sp = f->base;
    vm->pc = f->back;
    vm->last = value;
    if (vm->depth == 0)
        return false;
    vm->stack[vm->sp++] = value_int(value);
    return true;
}

/* Runs from vm->pc on. pc, sp and the script's variables live in locals. SAVE writes pc back before
 * anything that may look where we are, SAVE_ALL also sp before the route changes or waits; RESTORE
 * takes both again. A function may move the variables, into a transaction it makes. */
static enum outcome run(struct vm *vm)
{
    const struct insn *const code = vm->p->code;
    const void *const *const objects = vm->p->objects;
    const struct insn *pc = code + vm->pc;
    struct value *sp = vm->stack + vm->sp; /* the first free place */
    struct vars *vars = vm->host->vars(vm->call);
    uint32_t slice = 0; /* steps to go before the budget is looked at again */
    int n;

#define SAVE() (vm->pc = (uint32_t)(pc - code))
#define SAVE_ALL() (SAVE(), vm->sp = (uint32_t)(sp - vm->stack))
#define RESTORE() (pc = code + vm->pc, sp = vm->stack + vm->sp)
#define PUSH_INT(x) (*sp++ = value_int(x))
#define SET_RC(n) (vars->rc = (n))
#define WAIT()                                                                                     \
    do {                                                                                           \
        SAVE_ALL();                                                                                \
        vm->steps += slice;                                                                        \
        return WAITING;                                                                            \
    } while (0)

    for (;;) {
        const struct insn *in = pc++;
        if (slice == 0) {
            SAVE();
            slice = next_slice(vm);
            if (slice == 0)
                return SPENT;
        }
        slice--;
        switch ((enum opcode)in->op) {

        /* ---- values ---- */
        case OP_INT: /* a number */
            PUSH_INT((int32_t)in->k);
            break;
        case OP_CONST: /* a constant */
            *sp++ = *(const struct value *)objects[in->k];
            break;
        case OP_LOAD: /* a variable; its get function may want to know where we are */
            SAVE();
            *sp++ = load(vm, objects[in->k]);
            break;
        case OP_VAR: /* $var */
            *sp++ = load_var(vars, in->k);
            break;
        case OP_RC: /* $rc */
            PUSH_INT(vars->rc);
            sp[-1].flags |= VAL_PRINTS;
            break;
        case OP_OPERAND: /* method, uri, ... */
            SAVE();
            *sp++ = operand(vm, in->b);
            break;
        case OP_LAST: /* the result of the last action */
            PUSH_INT(vm->last);
            break;
        case OP_FORMAT: { /* a text around values */
            const struct format *format = objects[in->k];
            sp -= format->gaps;
            sp[0] = join(vm, format, sp);
            slice = charge(vm, slice, sp++);
            break;
        }

        /* ---- arithmetic ---- */
        case OP_ADD: /* all these take two operands and leave one */
        case OP_SUB:
        case OP_MUL:
        case OP_DIV:
        case OP_MOD:
        case OP_BITAND:
        case OP_BITOR:
        case OP_BITXOR:
        case OP_SHL:
        case OP_SHR:
            sp--;
            sp[-1] = arithmetic(vm, in->op, sp - 1);
            slice = charge(vm, slice, &sp[-1]);
            break;
        case OP_COMPLEMENT: /* ~ */
            if (!value_complement(&sp[-1], &sp[-1]))
                sp[-1] = VALUE_FAILED;
            break;

        /* ---- conditions ---- */
        case OP_COMPARE_INT: /* with a number of the script */
            sp[-1] = value_int(value_compare_int(in->a, &sp[-1], (int32_t)in->k));
            break;
        case OP_COMPARE_TEXT: /* with a text of the script */
            sp[-1] = value_int(value_compare_text(in->a, &sp[-1], objects[in->k]));
            break;
        case OP_AMONG: /* with several texts of the script */
            sp[-1] = value_int(value_among(in->a, &sp[-1], objects[in->k]));
            break;
        case OP_COMPARE: /* two values */
            sp--;
            sp[-1] = value_int(value_compare(in->a, &sp[-1], &sp[0]));
            break;
        case OP_IS_NULL: /* == null, != null */
            sp[-1] = value_int(value_is_nil(in->a, &sp[-1]));
            break;
        case OP_MATCH: /* a pattern of the script */
            sp[-1] = value_int(value_match(in->a, &sp[-1], objects[in->k]));
            break;
        case OP_MATCH_VALUE: /* a pattern out of a variable */
            sp--;
            sp[-1] = value_int(match_value(vm, in->a, &sp[-1], &sp[0]));
            break;
        case OP_MYSELF: /* uri == myself */
            SAVE();
            PUSH_INT(condition_for(in->a, vm->host->myself(vm->call, in->b, NULL)));
            break;
        case OP_MYSELF_VALUE: /* $x == myself */
            SAVE();
            sp[-1] = value_int(myself_value(vm, in->a, &sp[-1]));
            break;
        case OP_IN_NET: /* src_ip == 10.0.0.0/8 */
            PUSH_INT(in_net(vm, in, objects[in->k]));
            break;
        case OP_IS_HOST: /* src_ip == name: the resolver may take its time */
            SAVE();
            n = is_host(vm, in, objects[in->k]);
            if (n == CALL_SUSPENDED)
                WAIT();
            PUSH_INT(condition_for(in->a, n));
            break;
        case OP_TRUTH: /* $x alone */
            sp[-1] = value_int(value_truth(&sp[-1]));
            break;
        case OP_TEST: /* [ ] */
            sp[-1] = value_int(value_test(&sp[-1]));
            break;
        case OP_NOT: /* ! */
            if (sp[-1].i != COND_ERROR)
                sp[-1].i = !sp[-1].i;
            break;

        /* ---- jumps ---- */
        case OP_JUMP: /* always */
            pc = code + in->k;
            break;
        case OP_AND: /* &&: what is not true is the answer */
            if (sp[-1].i != COND_TRUE)
                pc = code + in->k;
            else
                sp--;
            break;
        case OP_OR: /* ||: what is not false is the answer */
            if (sp[-1].i != COND_FALSE)
                pc = code + in->k;
            else
                sp--;
            break;
        case OP_BRANCH: /* if and while */
            vm->cond = (--sp)->i;
            if (vm->cond == COND_ERROR) {
                SAVE();
                warn_condition(vm);
            }
            if (vm->cond != COND_TRUE)
                pc = code + in->k;
            break;
        case OP_SWITCH: { /* to a case */
            const struct switch_table *t = objects[in->k];
            bool failed = ((--sp)->flags & VAL_FAILED) != 0;
            vm->last = failed ? -1 : 1;
            SET_RC(vm->last);
            pc = code + (failed ? t->end : switch_find(t, sp));
            break;
        }
        case OP_CHOOSE: /* to the if whose text it is */
            sp--;
            SAVE();
            pc = code + choose(vm, objects[in->k], sp);
            break;
        case OP_LOUD: /* a log line that nobody would see is not made */
            if (in->a + LOG_ALERT_ > log_level())
                pc = code + in->k;
            break;
        case OP_LOOP: /* the count of rounds lies under the operands of the loop */
            PUSH_INT(0);
            break;
        case OP_ROUND: /* one round more */
            SAVE();
            if (!next_round(vm, &sp[-1]))
                pc = code + in->k;
            break;
        case OP_LOOP_END: /* the count goes */
            sp--;
            break;

        /* ---- actions ---- */
        case OP_CALL: { /* a function */
            const struct call_site *site = objects[in->k];
            sp -= site->given;
            SAVE();
            n = site->given ? call_function(site, sp, vm->call, vm->host)
                            : site->fn->call(vm->call, site->ready, site->n);
            if (n == CALL_SUSPENDED)
                WAIT();
            vars = vm->host->vars(vm->call);
            PUSH_INT(n);
            break;
        }
        case OP_ROUTE: /* another route */
            SAVE_ALL();
            if (!enter(vm, &vm->p->routes[in->k], vm->pc))
                vm->stack[vm->sp++] = value_int(-1);
            RESTORE();
            break;
        case OP_STORE: /* $x = value */
            SAVE();
            slice = charge(vm, slice, &sp[-1]);
            sp[-1] = value_int(store(vm, objects[in->k], in->a, &sp[-1]));
            break;
        case OP_STORE_NULL: /* $x = null */
            SAVE();
            PUSH_INT(store_null(vm, objects[in->k], in->a));
            break;
        case OP_STORE_VAR: /* $var(x) = value */
            SAVE();
            slice = charge(vm, slice, &sp[-1]);
            sp[-1] = value_int(store_var(vm, vars, in->k, &sp[-1]));
            break;
        case OP_DONE: /* a statement */
            vm->last = (--sp)->i;
            SET_RC(vm->last);
            if (vm->last == 0)
                return EXITED;
            break;
        case OP_DECIDE: /* an action as a condition */
            SET_RC(sp[-1].i);
            if (sp[-1].i == 0)
                return EXITED;
            sp[-1].i = sp[-1].i > 0;
            break;
        case OP_KEEP: /* an action as a value */
            SET_RC(sp[-1].i);
            if (sp[-1].i == 0)
                return EXITED;
            break;
        case OP_EMPTY: /* an if of which nothing ran */
            SET_RC(vm->cond);
            vm->last = 1;
            break;
        case OP_CLOSE: /* a list of actions that ended with an if */
            SET_RC(vm->last);
            break;
        case OP_ONE: /* a loop whose condition turned false */
            vm->last = 1;
            SET_RC(1);
            break;
        case OP_ERRORS: /* error_route */
            SAVE();
            if (!vm->host->error_pending(vm->call))
                break;
            n = vm->host->error_run(vm->call);
            if (n == CALL_SUSPENDED)
                WAIT();
            if (n == 0)
                return EXITED;
            vars = vm->host->vars(vm->call);
            break;

        /* ---- ends ---- */
        case OP_RETURN: /* return(value) */
            n = value_returned(--sp);
            if (n == 0)
                return EXITED;
            if (!leave(vm, n))
                return ENDED;
            RESTORE();
            break;
        case OP_END: /* the end of the block */
            if (!leave(vm, vm->last))
                return ENDED;
            RESTORE();
            break;
        case OP_EXIT: /* exit */
            return EXITED;
        case OP_DROP: /* drop */
            return DROPPED;
        case OPCODES:
            return SPENT;
        }
    }
#undef SAVE
#undef SAVE_ALL
#undef SET_RC
#undef RESTORE
#undef PUSH_INT
#undef WAIT
}

/* ---- runs ---- */

/* Runs on and tells the caller how it went. */
static enum vm_status go(struct vm *vm, struct vm_result *out)
{
    enum outcome how = run(vm);
    vm->suspended = how == WAITING;
    *out = (struct vm_result){.exited = how != ENDED, .dropped = how == DROPPED};
    if (how == WAITING)
        return VM_SUSPENDED;
    if (how == ENDED)
        out->value = vm->last;
    vm_abandon(vm);
    return how == SPENT ? VM_FUEL : VM_DONE;
}

enum vm_status vm_run(struct vm *vm, const struct program *p, int route, struct call *call,
                      struct vm_result *out)
{
    assert(vm->depth == 0 && route >= 0 && (unsigned)route < p->n_routes);
    vm->p = p;
    vm->call = call;
    vm->cond = 0;
    vm->sp = 0;
    vm->steps = vm->max_steps;
    vm->traced = (struct loc){0, 0, 0, 0, 0};
    set_rc(vm, 1);
    if (!enter(vm, &p->routes[route], 0)) {
        *out = (struct vm_result){.value = -1, .exited = true, .starved = true};
        return VM_DONE;
    }
    return go(vm, out);
}

enum vm_status vm_resume(struct vm *vm, int result, struct vm_result *out)
{
    const struct insn *in = &vm->p->code[vm->pc - 1];
    assert(vm->suspended && result != CALL_SUSPENDED);
    if (in->op == OP_CALL) {
        vm->stack[vm->sp++] = value_int(result);
    } else if (in->op == OP_IS_HOST) {
        vm->stack[vm->sp++] = value_int(condition_for(in->a, result));
    } else if (result == 0) { /* error_route ended the script */
        vm_abandon(vm);
        *out = (struct vm_result){.exited = true};
        return VM_DONE;
    }
    return go(vm, out);
}

void vm_abandon(struct vm *vm)
{
    vm->suspended = false;
    vm->depth = 0;
    vm->sp = 0;
    vm->p = NULL; /* the program may go before the machine does */
}
