/* The memory for names, and questions under way. */
/* SPDX-License-Identifier: MIT */
#include "core/proxy/dns.h"

#include <stdlib.h>

#include "core/base/err.h"
#include "core/base/log.h"
#include "core/proxy/engine_priv.h"

enum { TABLE_BITS = 6, STALE = 86400 /* s */ };

struct entry {
    struct hnode node;
    struct list used;
    struct list link;    /* of dns.asking while a question is under way */
    struct list waiting; /* struct dns_wait */
    struct timer deadline;
    struct engine *engine;
    struct question *question; /* under way, or NULL */
    struct arena memory;       /* of the answer */
    struct dns_answer answer;
    uint64_t expires, forgotten; /* ms: of the answer; until it may be used when it is stale */
    bool known;                  /* there is an answer, perhaps an old one */
    bool telling;                /* its waits are being told */
    enum dns_type type;
    size_t len;
    char name[];
};

/* What the environment carries: outlives an entry that has waited too long. */
struct question {
    struct entry *entry; /* NULL: nobody is interested any more */
    struct engine *engine;
    struct list link; /* of dns.asking */
};

static const struct dns_answer silence = {.status = DNS_SILENT};

static struct str name_of(const struct entry *x)
{
    return str_make(x->name, x->len);
}

static uint64_t name_hash(const struct engine *e, struct str name, enum dns_type type)
{
    char lower[DNS_NAME];
    for (size_t i = 0; i < name.len; i++)
        lower[i] = ascii_lower(name.p[i]);
    struct str text = str_make(lower, name.len);
    return hash_texts(e->shared->key, &text, 1, type);
}

static struct entry *entry_of(struct engine *e, struct str name, enum dns_type type, uint64_t hash)
{
    for (struct hnode *n = htable_first(&e->dns.entries, hash); n; n = htable_next(n)) {
        struct entry *x = container_of(n, struct entry, node);
        if (x->type == type && str_ieq(name_of(x), name))
            return x;
    }
    return NULL;
}

static void entry_free(struct entry *x)
{
    struct dns *d = &x->engine->dns;
    htable_remove(&d->entries, &x->node);
    list_remove(&x->used);
    d->count--;
    arena_reset(&x->memory);
    free(x);
}

/* The oldest that nothing goes on with makes room. */
static void make_room(struct engine *e)
{
    struct dns *d = &e->dns;
    for (struct list *at = d->used.next, *next; d->count >= DNS_ENTRIES && at != &d->used;
         at = next) {
        struct entry *x = container_of(at, struct entry, used);
        next = at->next;
        if (!x->question && !x->telling)
            entry_free(x);
    }
}

static struct entry *entry_new(struct engine *e, struct str name, enum dns_type type, uint64_t hash)
{
    make_room(e);
    struct entry *x = calloc(1, sizeof *x + name.len);
    if (!x)
        return NULL;
    x->engine = e;
    x->type = type;
    x->len = name.len;
    memcpy(x->name, name.p, name.len);
    list_init(&x->waiting);
    arena_init(&x->memory, NULL, 256);
    htable_insert(&e->dns.entries, &x->node, hash);
    list_append(&e->dns.used, &x->used);
    e->dns.count++;
    return x;
}

/* ---- telling ---- */

/* Those who wait now are told; whoever begins to wait meanwhile waits for the next answer. */
static void tell(struct entry *x, const struct dns_answer *a)
{
    struct list told;
    list_init(&told);
    while (!list_empty(&x->waiting)) {
        struct list *first = x->waiting.next;
        list_remove(first);
        list_append(&told, first);
    }
    x->telling = true;
    while (!list_empty(&told)) {
        struct dns_wait *w = container_of(told.next, struct dns_wait, link);
        list_remove(&w->link);
        w->told(w, a);
    }
    x->telling = false;
}

/* An old answer when there is one, and it is an answer. */
static const struct dns_answer *stale_or(const struct entry *x, const struct dns_answer *other)
{
    if (!x->known || x->answer.status != DNS_FOUND || x->engine->now >= x->forgotten)
        return other;
    x->engine->dns.stale++;
    return &x->answer;
}

static void remember(struct entry *x, const struct dns_answer *a)
{
    uint64_t ttl = a->ttl < DNS_LONGEST ? a->ttl : DNS_LONGEST;
    if (x->telling)
        return; /* the old one is being read */
    arena_reset(&x->memory);
    arena_init(&x->memory, NULL, 256);
    x->known = dns_answer_copy(&x->answer, a, &x->memory) == ERR_OK;
    x->expires = x->engine->now + ttl * 1000;
    x->forgotten = x->expires + (uint64_t)STALE * 1000;
}

static void settle_service(struct entry *x, enum service_end how)
{
    struct engine *e = x->engine;
    wheel_cancel(&e->wheel, &x->deadline);
    service_end(&e->dns.service, e->now, how);
}

static void too_late(struct timer *t, void *ctx)
{
    struct entry *x = container_of(t, struct entry, deadline);
    (void)ctx;
    x->question->entry = NULL; /* its answer, if it comes yet, is for nobody */
    x->question = NULL;
    settle_service(x, SERVICE_LATE);
    tell(x, stale_or(x, &silence));
}

void engine_answered(struct engine *e, void *token, const struct dns_answer *a)
{
    struct question *q = token;
    if (!e->dns.inside)
        engine_tick(e);
    struct entry *x = q->entry;
    list_remove(&q->link);
    free(q);
    if (!x)
        return;
    x->question = NULL;
    settle_service(x, a->status == DNS_SILENT ? SERVICE_FAILED : SERVICE_OK);
    if (a->status == DNS_FOUND || a->status == DNS_NONE) {
        remember(x, a);
        tell(x, x->known ? &x->answer : a);
    } else {
        tell(x, stale_or(x, a));
    }
}

/* ---- asking ---- */

/* Puts the question; false when that cannot be. It may be answered at once, from inside. */
static bool ask(struct engine *e, struct entry *x)
{
    struct service *s = &e->dns.service;
    struct question *q;
    int32_t seconds = program_setting_int(e->config->program, SETTING_DNS_DEADLINE);
    s->limits.deadline = (uint32_t)(seconds < 1 ? 1 : seconds > 60 ? 60 : seconds) * 1000;
    if (!e->env.ask || service_begin(s, e->now) != ERR_OK)
        return false;
    q = calloc(1, sizeof *q);
    if (q) {
        *q = (struct question){.entry = x, .engine = e};
        list_append(&e->dns.asking, &q->link);
        x->question = q;
        wheel_arm(&e->wheel, &x->deadline, e->now + s->limits.deadline, too_late);
        e->dns.inside = true;
        int rc = e->env.ask(e->env.user, name_of(x), x->type, q);
        e->dns.inside = false;
        if (rc == ERR_OK)
            return true;
        x->question = NULL;
        wheel_cancel(&e->wheel, &x->deadline);
        list_remove(&q->link);
        free(q);
    }
    service_end(s, e->now, SERVICE_OK);
    return false;
}

/* RFC 6761: nobody has such names, so nobody is asked. */
static bool never_exists(struct str name)
{
    struct str last = STR(".invalid");
    return str_ieq(name, STR("invalid")) ||
           (name.len > last.len && str_ieq(str_sub(name, name.len - last.len, name.len), last));
}

const struct dns_answer *dns_look(struct engine *e, struct str name, enum dns_type type,
                                  struct dns_wait *w, dns_told told)
{
    static const struct dns_answer none = {.status = DNS_NONE};
    if (name.len && name.p[name.len - 1] == '.')
        name.len--;
    if (name.len == 0 || name.len > DNS_NAME - 1 || never_exists(name))
        return &none;
    uint64_t hash = name_hash(e, name, type);
    struct entry *x = entry_of(e, name, type, hash);
    if (!x && !(x = entry_new(e, name, type, hash)))
        return &silence;
    list_remove(&x->used);
    list_append(&e->dns.used, &x->used);
    if (x->known && e->now < x->expires) {
        e->dns.hits++;
        return &x->answer;
    }
    if (!x->question && !ask(e, x))
        return stale_or(x, &silence);
    if (!x->question) /* answered from inside */
        return x->known ? &x->answer : &silence;
    if (w) {
        w->told = told;
        list_append(&x->waiting, &w->link);
    }
    return NULL;
}

void dns_forget(struct dns_wait *w)
{
    if (w && w->link.next)
        list_remove(&w->link);
}

/* ---- birth and death ---- */

int dns_init(struct engine *e)
{
    list_init(&e->dns.used);
    list_init(&e->dns.asking);
    e->dns.service = (struct service){
        .name = "name servers",
        .limits = {.deadline = 5000, .waiting = 1000, .failures = 10, .pause = 5000},
    };
    return htable_init(&e->dns.entries, TABLE_BITS);
}

void dns_free(struct engine *e)
{
    struct dns *d = &e->dns;
    while (!list_empty(&d->asking)) {
        struct question *q = container_of(d->asking.next, struct question, link);
        list_remove(&q->link);
        free(q);
    }
    while (!list_empty(&d->used))
        entry_free(container_of(d->used.next, struct entry, used));
    htable_free(&d->entries);
}
