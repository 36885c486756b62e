/* The life of a call: memory, machine, running, waiting, the end. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "core/base/err.h"
#include "core/base/log.h"
#include "core/module.h"
#include "core/proxy/engine_priv.h"

enum {
    CALL_ARENA = 4096,  /* first block: the call, the header index and what a plain route needs */
    MAX_STEPS = 200000, /* of one run; a script that loops for ever stops here */
};

/* A call with what only this file touches. The call comes first: a struct call * is a struct run *.
 */
struct run {
    struct call call;
    struct arena memory;
    struct vm *vm; /* while it runs or waits */
    call_done done;
    int route;
    bool parked;
};

static struct run *run_of(struct call *c)
{
    return (struct run *)c;
}

struct call *call_new(struct engine *e, const struct config *config, enum route_kind kind)
{
    struct arena memory;
    arena_init(&memory, &e->pool, CALL_ARENA);
    struct run *r = arena_alloc(&memory, sizeof *r);
    if (!r) {
        engine_count(e, COUNT_NO_MEMORY);
        return NULL;
    }
    struct call *c = &r->call;
    char *rest = (char *)c->extra + sizeof c->extra; /* half of it, which a count guards */
    memset(r, 0, offsetof(struct run, call.extra));
    memset(rest, 0, sizeof *r - (size_t)(rest - (char *)r));
    r->memory = memory;
    c->engine = e;
    c->config = config_ref(config);
    c->kind = kind;
    c->arena = &r->memory;
    c->target.q = NO_Q;
    c->target.socket = NO_SOCKET;
    c->armed = (struct armed){-1, -1, -1};
    avps_init(&c->own_avps, c->arena);
    c->avps = &c->own_avps;
    c->own_vars.arena = c->arena;
    c->vars = &c->own_vars;
    c->reply_headers.arena = c->arena;
    return c;
}

void call_begin(struct call *c, struct msg *m)
{
    c->msg = m;
    if (m->request)
        c->target.uri = m->uri;
}

void call_free(struct call *c)
{
    struct run *r = run_of(c);
    struct arena memory = r->memory; /* the call lies in it */
    if (r->parked)
        call_abandon(c);
    config_unref(c->config);
    arena_reset(&memory);
}

static void tell_line(void *user, struct loc at)
{
    const struct call *c = user;
    c->engine->env.line(c->engine->env.user, c->config->program, at);
}

static struct vm *vm_take(struct call *c)
{
    struct engine *e = c->engine;
    struct vm *vm = e->idle_vms ? e->idle_vm[--e->idle_vms] : vm_new(call_host(), MAX_STEPS);
    if (vm && e->env.line)
        vm_trace(vm, tell_line, c);
    return vm;
}

static void vm_give(struct engine *e, struct vm *vm)
{
    if (e->idle_vms < sizeof e->idle_vm / sizeof *e->idle_vm)
        e->idle_vm[e->idle_vms++] = vm;
    else
        vm_free(vm);
}

static void warn_fuel(const struct call *c, const struct vm *vm)
{
    struct loc at = vm_where(vm);
    engine_count(c->engine, COUNT_FUEL);
    log_err("script stopped after %d steps in line %u: it seems to run in circles", MAX_STEPS,
            at.line);
}

static void tell_ran(struct call *c, int route)
{
    const struct engine_env *env = &c->engine->env;
    if (env->ran)
        env->ran(env->user, c, route);
}

/* The machine has stopped: keep it while the script waits, else tell how it ended. */
static void settle(struct run *r, enum vm_status status, struct vm_result *result)
{
    struct engine *e = r->call.engine;
    if (status == VM_SUSPENDED) {
        r->parked = true;
        r->call.fresh = false;                 /* others come meanwhile */
        r->call.sent = e->sent - r->call.sent; /* what is sent meanwhile is not this script's */
        e->parked++;
        e->pauses++;
        parked_add(&r->call);
        return;
    }
    if (status == VM_FUEL) {
        warn_fuel(&r->call, r->vm);
        *result = (struct vm_result){.value = -1, .exited = true};
    }
    if (result->starved)
        engine_count(e, COUNT_NO_MEMORY);
    vm_give(e, r->vm);
    r->vm = NULL;
    tell_ran(&r->call, r->route);
    r->call.dropped = result->dropped;
    r->done(&r->call, result);
}

void call_run(struct call *c, int route, call_done done)
{
    struct run *r = run_of(c);
    struct vm_result result = {.value = 1};
    r->done = done;
    r->route = route;
    c->script_flags = 0;
    c->blacklists = 0;
    r->vm = route < 0 ? NULL : vm_take(c);
    if (!r->vm && route >= 0)
        engine_count(c->engine, COUNT_NO_MEMORY);
    if (!r->vm) {
        done(c, &result);
        return;
    }
    settle(r, vm_run(r->vm, c->config->program, route, c, &result), &result);
}

void call_resume(struct call *c, int value)
{
    struct run *r = run_of(c);
    struct vm_result result = {.value = 1};
    if (!r->parked)
        return;
    r->parked = false;
    c->sent = c->engine->sent - c->sent;
    c->engine->parked--;
    parked_remove(c);
    settle(r, vm_resume(r->vm, value, &result), &result);
}

void call_abandon(struct call *c)
{
    struct run *r = run_of(c);
    if (!r->parked)
        return;
    r->parked = false;
    c->engine->parked--;
    parked_remove(c);
    host_forget(c);
    wait_forget(c);
    vm_abandon(r->vm);
    vm_give(c->engine, r->vm);
    r->vm = NULL;
}

int call_run_nested(struct call *c, int route)
{
    struct vm_result result = {.value = 1};
    struct vm *vm = vm_take(c);
    if (!vm)
        return -1;
    enum vm_status status = vm_run(vm, c->config->program, route, c, &result);
    if (status == VM_SUSPENDED) {
        log_err("error_route cannot wait: its run was given up");
        host_forget(c);
        wait_forget(c);
        vm_abandon(vm);
    } else if (status == VM_FUEL) {
        warn_fuel(c, vm);
    }
    vm_give(c->engine, vm);
    tell_ran(c, route);
    return result.exited ? 0 : 1;
}
