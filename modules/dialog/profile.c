/* Profiles: how many dialogs have a mark, with a value or without. Dialogs of all workers count
 * together, so this one table is locked; it is touched when a mark is set and when a dialog ends.
 */
/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdlib.h>

#include "modules/dialog/priv.h"

struct profile_count {
    struct profile_count *next;
    unsigned dialogs;
    struct str name, value; /* texts lie behind */
};

enum { BUCKETS = 1024 };

struct profiles {
    pthread_mutex_t lock;
    struct profile_count *bucket[BUCKETS];
};

struct profiles *profiles_new(void)
{
    struct profiles *p = calloc(1, sizeof *p);
    if (p)
        pthread_mutex_init(&p->lock, NULL);
    return p;
}

void profiles_free(struct profiles *p)
{
    for (unsigned i = 0; i < BUCKETS; i++)
        for (struct profile_count *k = p->bucket[i], *next; k; k = next) {
            next = k->next;
            free(k);
        }
    pthread_mutex_destroy(&p->lock);
    free(p);
}

int profile_number(const struct dialog_conf *conf, struct str name)
{
    for (unsigned i = 0; i < conf->profiles; i++)
        if (str_eq(conf->profile[i], name))
            return (int)i;
    return -1;
}

static struct profile_count **place(struct profiles *p, struct str name, struct str value)
{
    static const struct hash_key key = {0x70726f66696c6573, 0x6469616c6f677321};
    const struct str texts[] = {name, value};
    struct profile_count **at = &p->bucket[hash_texts(key, texts, 2, 0) % BUCKETS];
    while (*at && !(str_eq((*at)->name, name) && str_eq((*at)->value, value)))
        at = &(*at)->next;
    return at;
}

static struct str copy_to(char *to, struct str s)
{
    if (s.len)
        memcpy(to, s.p, s.len);
    return str_make(to, s.len);
}

static struct profile_count *get(struct profiles *p, struct str name, struct str value)
{
    struct profile_count **at = place(p, name, value);
    if (*at)
        return *at;
    struct profile_count *k = calloc(1, sizeof *k + name.len + value.len);
    if (!k)
        return NULL;
    k->name = copy_to((char *)(k + 1), name);
    k->value = copy_to((char *)(k + 1) + name.len, value);
    *at = k;
    return k;
}

int profile_link(struct profiles *p, struct dialog *d, struct str name, struct str value)
{
    struct dlg_link *l = arena_zalloc(&d->memory, sizeof *l);
    if (!l || !dialog_keep(d, &l->name, name) || !dialog_keep(d, &l->value, value))
        return ERR_NOMEM;
    pthread_mutex_lock(&p->lock);
    l->count = get(p, name, value);
    if (l->count)
        l->count->dialogs++;
    pthread_mutex_unlock(&p->lock);
    if (!l->count)
        return ERR_NOMEM;
    l->next = d->links;
    d->links = l;
    return ERR_OK;
}

void profile_unlink_all(struct profiles *p, struct dialog *d)
{
    if (!d->links)
        return;
    pthread_mutex_lock(&p->lock);
    for (struct dlg_link *l = d->links; l; l = l->next) {
        if (--l->count->dialogs)
            continue;
        struct profile_count **at = place(p, l->name, l->value);
        struct profile_count *k = *at;
        *at = k->next;
        free(k);
    }
    pthread_mutex_unlock(&p->lock);
    d->links = NULL;
}

unsigned profile_size(struct profiles *p, struct str name, const struct str *value)
{
    unsigned n = 0;
    pthread_mutex_lock(&p->lock);
    if (value) {
        const struct profile_count *k = *place(p, name, *value);
        n = k ? k->dialogs : 0;
    }
    for (unsigned i = 0; !value && i < BUCKETS; i++)
        for (const struct profile_count *k = p->bucket[i]; k; k = k->next)
            n += str_eq(k->name, name) ? k->dialogs : 0;
    pthread_mutex_unlock(&p->lock);
    return n;
}
