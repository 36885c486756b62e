/* What the workers share: start, publication of versions, end. */
/* SPDX-License-Identifier: MIT */
#include "core/proxy/shared.h"

#include <stdlib.h>

#include "core/base/err.h"
#include "core/base/log.h"
#include "core/module.h"
#include "core/proxy/memtable.h"

/* What a module is told, with room for the addresses of our sockets. */
static struct module_start describe(const struct shared *s, const struct config *c,
                                    const struct module *m, struct buf *why,
                                    struct addr room[SHARED_MAX_SOCKETS])
{
    for (unsigned i = 0; i < s->n_sockets; i++)
        room[i] = s->sockets[i].addr;
    return (struct module_start){.module = m,
                                 .db = config_db(s, c, m),
                                 .why = why,
                                 .key = s->key,
                                 .socket = room,
                                 .sockets = s->n_sockets};
}

/* Starts the modules that this version loads and that no version before it did. */
static int start_modules(struct shared *s, const struct config *c, struct buf *why)
{
    size_t before = why->len;
    struct addr room[SHARED_MAX_SOCKETS];
    for (unsigned i = 0; i < s->set->count; i++) {
        const struct module *m = s->set->modules[i];
        bool failed = false;
        if (!m->start || s->module_state[i] || !program_loaded(c->program, i))
            continue;
        struct module_start begin = describe(s, c, m, why, room);
        begin.conf = program_conf(c->program, i);
        s->module_state[i] = m->start(&begin, &failed);
        if (failed) {
            if (why->len == before)
                buf_printf(why, "module %s does not start", m->symbols.name);
            return ERR_STATE;
        }
    }
    return ERR_OK;
}

static void number_stats(struct shared *s)
{
    unsigned n = 0;
    for (unsigned i = 0; i < s->set->count; i++) {
        s->stat_base[i] = n;
        for (const struct stat_spec *t = s->set->modules[i]->stats; t && t->name; t++)
            n++;
    }
    s->n_stats = n;
}

static void list_hooks(struct shared *s)
{
#define X(hook) s->hook.n = 0;
    HOOK_LIST(X)
#undef X
    s->n_slots = 0;
    for (unsigned i = 0; i < s->set->count; i++) {
        const struct module *m = s->set->modules[i];
#define X(hook)                                                                                    \
    if (m->hook)                                                                                   \
        s->hook.module[s->hook.n++] = (uint8_t)i;
        HOOK_LIST(X)
#undef X
        if (m->slot_size)
            s->slot[i] = (uint8_t)s->n_slots++;
    }
}

int shared_start(struct shared *s, const struct module_set *set, struct config *first,
                 struct buf *why)
{
    s->set = set;
    directory_fill(&s->directory, set->modules, set->count);
    s->spread = spread_from(s->key);
    first->version = 1;
    number_stats(s);
    list_hooks(s);
    int rc = memtables_start(s);
    if (rc == ERR_OK)
        rc = shared_open_dbs(s, first, why);
    if (rc == ERR_OK && !memtables_read(s, first, why))
        rc = ERR_STATE;
    if (rc == ERR_OK)
        rc = start_modules(s, first, why);
    if (rc != ERR_OK)
        return rc;
    memtables_use(s, first);
    atomic_store(&s->current, first);
    return ERR_OK;
}

void shared_stop(struct shared *s)
{
    for (unsigned i = 0; s->set && i < s->set->count; i++)
        if (s->module_state[i] && s->set->modules[i]->stop)
            s->set->modules[i]->stop(s->module_state[i]);
    config_unref(atomic_exchange(&s->retiring, NULL));
    config_unref(atomic_load(&s->current));
    memtables_stop(s);
    db_set_free(s->dbs);
    arena_reset(&s->arena);
}

/* ---- reload ---- */

/* Settings that are looked at once, when the process starts. */
static const struct {
    enum setting_id id;
    const char *name;
    bool text;
} fixed[] = {
    {SETTING_PORT, "port", false},
    {SETTING_CHILDREN, "children", false},
    {SETTING_USER, "user", true},
    {SETTING_GROUP, "group", true},
    {SETTING_CHROOT, "chroot", true},
    {SETTING_WORKDIR, "workdir", true},
    {SETTING_MAXBUFFER, "maxbuffer", false},
    {SETTING_DNS_SERVER, "dns_server", true},
    {SETTING_DNS_RETR_TIME, "dns_retr_time", false},
    {SETTING_DNS_RETR_NO, "dns_retr_no", false},
    {SETTING_DNS_SERVERS_NO, "dns_servers_no", false},
    {SETTING_DNS_USE_SEARCH_LIST, "dns_use_search_list", false},
};

static bool same_setting(const struct program *a, const struct program *b, unsigned i)
{
    if (fixed[i].text)
        return str_eq(program_setting_str(a, fixed[i].id), program_setting_str(b, fixed[i].id));
    return program_setting_int(a, fixed[i].id) == program_setting_int(b, fixed[i].id);
}

static bool same_listen(const struct listen_spec *a, const struct listen_spec *b)
{
    return a->proto == b->proto && a->port == b->port && str_eq(a->host, b->host);
}

static bool same_listens(const struct program *a, const struct program *b)
{
    const struct listen_spec *x, *y;
    unsigned n = program_listens(a, &x);
    if (n != program_listens(b, &y))
        return false;
    for (unsigned i = 0; i < n; i++)
        if (!same_listen(&x[i], &y[i]))
            return false;
    return true;
}

static void refuse(struct buf *why, const char *what)
{
    buf_printf(why, "%s%s", why->len ? "; " : "", what);
}

static bool same_param(const struct param_spec *p, const char *a, const char *b)
{
    if (p->type == PARAM_INT)
        return memcmp(a + p->offset, b + p->offset, sizeof(int32_t)) == 0;
    return str_eq(*(const struct str *)(a + p->offset), *(const struct str *)(b + p->offset));
}

/* What a module makes once, when it starts. */
static void compare_params(const struct module *m, const void *a, const void *b, struct buf *why)
{
    for (const struct param_spec *p = m->symbols.params; p && p->name; p++)
        if (p->fixed && !same_param(p, a, b)) {
            refuse(why, m->symbols.name);
            buf_printf(why, ": %s cannot be changed live: %s", p->name, p->fixed);
        }
}

bool shared_can_reload(const struct shared *s, struct config *next, struct buf *why)
{
    struct addr room[SHARED_MAX_SOCKETS];
    const struct config *now = atomic_load(&s->current);
    const struct program *a = now->program, *b = next->program;
    if (!same_listens(a, b))
        refuse(why, "listen= differs");
    for (unsigned i = 0; i < sizeof fixed / sizeof *fixed; i++)
        if (!same_setting(a, b, i)) {
            refuse(why, fixed[i].name);
            buf_printf(why, "= differs");
        }
    for (unsigned i = 0; i < s->set->count; i++)
        if (program_loaded(a, i) && program_loaded(b, i))
            compare_params(s->set->modules[i], program_conf(a, i), program_conf(b, i), why);
    if (why->len == 0)
        memtables_read(s, next, why);
    for (unsigned i = 0; i < s->set->count; i++) {
        const struct module *m = s->set->modules[i];
        struct module_start begin = describe(s, next, m, why, room);
        if (!m->reload || !s->module_state[i] || !program_loaded(b, i) || !program_loaded(a, i))
            continue;
        begin.conf = program_conf(b, i);
        if (!m->reload(s->module_state[i], program_conf(a, i), &begin) && why->len == 0)
            refuse(why, m->symbols.name);
    }
    return why->len == 0;
}

static void tell_reloaded(const struct shared *s, const struct config *old, struct config *next)
{
    struct addr room[SHARED_MAX_SOCKETS];
    for (unsigned i = 0; i < s->set->count; i++) {
        const struct module *m = s->set->modules[i];
        if (!m->reloaded || !s->module_state[i] || !program_loaded(old->program, i) ||
            !program_loaded(next->program, i))
            continue;
        struct module_start begin = describe(s, next, m, NULL, room);
        begin.conf = program_conf(next->program, i);
        m->reloaded(s->module_state[i], program_conf(old->program, i), &begin);
    }
}

unsigned shared_publish(struct shared *s, struct config *next)
{
    struct config *old = atomic_load(&s->current);
    char text[128];
    struct buf why;
    buf_fixed(&why, text, sizeof text);
    if (start_modules(s, next, &why) != ERR_OK)
        return 0;
    tell_reloaded(s, old, next);
    next->version = old->version + 1;
    memtables_use(s, next);
    atomic_store(&s->retiring, old);
    atomic_store_explicit(&s->current, next, memory_order_release);
    return next->version;
}

static bool all_adopted(const struct shared *s)
{
    const struct config *now = atomic_load(&s->current);
    for (unsigned i = 0; i < s->workers; i++) {
        const struct config *at = atomic_load_explicit(&s->adopted[i], memory_order_acquire);
        if (at && at != now)
            return false;
    }
    return true;
}

bool shared_settle(struct shared *s)
{
    if (!all_adopted(s))
        return false;
    config_unref(atomic_exchange(&s->retiring, NULL));
    return true;
}
