/* Asking destinations whether they live, by requests of our own. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "modules/dispatcher/priv.h"

/* Whom a ping went to. By name: the list may be read anew before it is answered. */
struct ping {
    struct engine *engine;
    uint32_t set;
    size_t len;
    char uri[];
};

struct ds_dest *ds_find_dest(const struct ds_list *l, uint32_t set, struct str uri)
{
    struct ds_set *s = ds_find_set(l, set);
    for (unsigned i = 0; s && i < s->n; i++)
        if (str_eq(s->dest[i].uri, uri))
            return &s->dest[i];
    return NULL;
}

void ds_mark(const struct ds_conf *conf, struct ds_dest *d, uint32_t state)
{
    if (state == DS_PROBING) {
        uint32_t failures = atomic_fetch_add(&d->failures, 1) + 1;
        if (failures >= (uint32_t)conf->probing_threshold)
            atomic_fetch_or(&d->state, DS_PROBING);
        return;
    }
    atomic_store(&d->failures, 0);
    if (state == DS_INACTIVE)
        atomic_fetch_or(&d->state, DS_INACTIVE);
    else
        atomic_store(&d->state, 0);
}

/* Whether the answer says that somebody is there who takes requests. */
static bool alive(unsigned code)
{
    return code / 100 == 2 || code == 501 || code == 403;
}

static void judge(const struct ds_conf *conf, const struct ping *p, unsigned code)
{
    struct str uri = str_make(p->uri, p->len);
    struct ds_dest *d = ds_find_dest(engine_table(p->engine, &ds_table), p->set, uri);
    if (!d)
        return; /* it is in no list any more */
    uint32_t before = atomic_load(&d->state);
    if (alive(code))
        ds_mark(conf, d, 0);
    else if (conf->probing_mode)
        ds_mark(conf, d, DS_PROBING);
    uint32_t after = atomic_load(&d->state);
    if (before != after)
        log_notice("dispatcher: %.*s of set %u is %s", STR_ARG(uri), p->set,
                   after ? "probing: it does not answer" : "active: it answers");
}

/* A failure is silence, or that nothing could be sent. */
static void answered(void *arg, unsigned code, struct msg *reply)
{
    struct ping *p = arg;
    const struct ds_conf *conf = code ? engine_conf(p->engine, &dispatcher_module) : NULL;
    if (conf && (!reply || alive(code)))
        judge(conf, p, code);
    free(p);
}

static void send_ping(struct engine *e, const struct ds_conf *conf, const struct ds_set *s,
                      const struct ds_dest *d)
{
    struct ping *p = malloc(sizeof *p + d->uri.len);
    char to[512];
    struct buf b;
    if (!p)
        return;
    *p = (struct ping){.engine = e, .set = s->id, .len = d->uri.len};
    memcpy(p->uri, d->uri.p, d->uri.len);
    buf_fixed(&b, to, sizeof to);
    buf_printf(&b, "<%.*s>", STR_ARG(d->uri));
    struct uac_request r = {.method = conf->ping_method,
                            .ruri = d->uri,
                            .from = conf->ping_from,
                            .to = buf_str(&b),
                            .socket = NO_SOCKET};
    int rc = b.failed ? ERR_LIMIT : uac_send(e, &r, answered, p);
    if (rc == ERR_OK)
        return;
    log_warn("dispatcher: %.*s cannot be pinged: %s", STR_ARG(d->uri), err_text(rc));
    if (rc == ERR_NOROUTE)
        judge(conf, p, 477);
    free(p);
}

/* Each destination has its second within the interval, and its worker, so that pings are spread. */
void ds_on_second(struct engine *e, void *state, const void *data)
{
    const struct ds_conf *conf = data;
    const struct ds_list *l = engine_table(e, &ds_table);
    unsigned number = 0, workers = engine_workers(e);
    unsigned interval = (unsigned)conf->ping_interval;
    (void)state;
    if (!interval || !l)
        return;
    unsigned second = (unsigned)(engine_time(e) % interval);
    for (const struct ds_set *s = l->sets; s; s = s->next)
        for (unsigned i = 0; i < s->n; i++, number++) {
            const struct ds_dest *d = &s->dest[i];
            bool wanted = conf->probing_mode || atomic_load(&d->state) & DS_PROBING;
            if (wanted && number % interval == second && number % workers == engine_index(e))
                send_ping(e, conf, s, d);
        }
}
