/* How many contacts there may be. */
/* SPDX-License-Identifier: MIT */
#include "modules/usrloc/limits.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { SLOTS = UINT16_MAX + 1, LOG_EVERY = 60 /* s */ };

/* Each kind of limit is logged by itself. */
enum kind { FULL_TOTAL, FULL_SOURCE, FULL_QUEUE, KINDS };

struct limits {
    _Atomic int64_t total;
    _Atomic uint32_t next_log[KINDS]; /* s since 1970 */
    _Atomic uint64_t silent[KINDS];   /* refused since the last line */
    _Atomic int32_t slot[SLOTS];      /* contacts by source */
};

struct limits *limits_new(void)
{
    return calloc(1, sizeof(struct limits));
}

void limits_free(struct limits *l)
{
    free(l);
}

uint16_t limits_slot(struct hash_key key, const struct ip *source)
{
    size_t n = source->family == 4 ? 4 : source->family == 6 ? 8 : 0;
    return n ? (uint16_t)(hash_bytes(key, source->b, n) % (SLOTS - 1) + 1) : 0;
}

void limits_count(struct limits *l, uint16_t slot, int n)
{
    atomic_fetch_add_explicit(&l->total, n, memory_order_relaxed);
    if (slot)
        atomic_fetch_add_explicit(&l->slot[slot], n, memory_order_relaxed);
}

/* Whether it is time for a line of that kind; *before: how many refusals had none. */
static bool may_log(struct limits *l, enum kind kind, uint32_t now, uint64_t *before)
{
    uint32_t due = atomic_load_explicit(&l->next_log[kind], memory_order_relaxed);
    if (now >= due && atomic_compare_exchange_strong(&l->next_log[kind], &due, now + LOG_EVERY)) {
        *before = atomic_exchange_explicit(&l->silent[kind], 0, memory_order_relaxed);
        return true;
    }
    atomic_fetch_add_explicit(&l->silent[kind], 1, memory_order_relaxed);
    return false;
}

static void complain(struct limits *l, const struct limits_claim *claim, enum kind kind)
{
    static const struct {
        const char *what, *parameter;
    } words[KINDS] = {
        [FULL_TOTAL] = {"no more contacts are taken", "max_total_contacts"},
        [FULL_SOURCE] = {"that source has as many contacts as one may have", "max_source_contacts"},
        [FULL_QUEUE] = {"too many contacts wait for the database", "max_unwritten_contacts"},
    };
    char text[IP_TEXT];
    uint64_t before;
    if (!may_log(l, kind, claim->now, &before))
        return;
    struct str source = claim->slot ? ip_text(text, &claim->source) : STR("unknown");
    log_warn("usrloc: REGISTER from %.*s refused, %s (%s); %llu more since the last line",
             STR_ARG(source), words[kind].what, words[kind].parameter, (unsigned long long)before);
}

bool limits_admit(struct limits *l, const struct limits_claim *claim, unsigned n)
{
    int64_t total = atomic_load_explicit(&l->total, memory_order_relaxed);
    int64_t mine =
        claim->slot ? atomic_load_explicit(&l->slot[claim->slot], memory_order_relaxed) : 0;
    enum kind kind = claim->total && total + n > claim->total                    ? FULL_TOTAL
                     : claim->of_source && mine + n > claim->of_source           ? FULL_SOURCE
                     : claim->unwritten && claim->waiting + n > claim->unwritten ? FULL_QUEUE
                                                                                 : KINDS;
    if (kind == KINDS)
        return true;
    complain(l, claim, kind);
    return false;
}
