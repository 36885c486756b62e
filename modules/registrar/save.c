/* save(): what a REGISTER does to the location table (RFC 3261 10.3). */
/* SPDX-License-Identifier: MIT */
#include "modules/registrar/registrar_priv.h"

/* One save() as it goes on; in the call's arena, since a database may be asked. */
struct saving {
    const struct usrloc_api *tables;
    struct usrloc_update update;
    struct str path;      /* that was stored with the contacts of this REGISTER */
    enum verdict refusal; /* when only the list is missing for it */
    unsigned flags;
};

static enum verdict verdict_of(int rc)
{
    switch (rc) {
    case ERR_OK:
        return VERDICT_OK;
    case ERR_STATE:
        return VERDICT_CSEQ;
    case ERR_LIMIT:
        return VERDICT_TOO_MANY;
    case ERR_FULL:
        return VERDICT_FULL;
    case ERR_NOMEM:
        return VERDICT_NO_MEMORY;
    default:
        return VERDICT_NOT_STORED;
    }
}

/* The end: list is what is registered now. */
static int finish(struct call *c, const struct saving *s, enum verdict v,
                  const struct ucontacts *list)
{
    bool good = v == VERDICT_OK;
    call_count(c, &registrar_module, good ? STAT_ACCEPTED : STAT_REJECTED, 1);
    if (v == VERDICT_FULL)
        call_count(c, &registrar_module, STAT_FULL, 1);
    if (!good)
        log_info("registrar: %.*s of %.*s refused: %.*s", STR_ARG(c->msg->method_text),
                 STR_ARG(s->update.aor), STR_ARG(verdict_text(v)));
    bool sent = s->flags & SAVE_NO_REPLY || registrar_answer(c, v, list, s->path);
    if (!good)
        return 0;
    return sent ? 1 : -1;
}

static int refuse(struct call *c, const struct saving *s, enum verdict v)
{
    static const struct ucontacts none = {NULL, 0};
    return finish(c, s, v, &none);
}

static int listed(struct call *c, void *arg, int status, const struct ucontacts *list)
{
    const struct saving *s = arg;
    enum verdict v = status == ERR_OK || status == ERR_NOTFOUND ? VERDICT_OK
                     : status == ERR_NOMEM                      ? VERDICT_NO_MEMORY
                                                                : VERDICT_NOT_STORED;
    return finish(c, s, s->refusal != VERDICT_OK ? s->refusal : v, list);
}

/* Answers v with what is registered. */
static int query(struct call *c, struct saving *s, enum verdict v)
{
    s->refusal = v;
    return s->tables->lookup(c, s->update.table, s->update.aor, listed, s);
}

static int saved(struct call *c, void *arg, int status, const struct ucontacts *list)
{
    return finish(c, arg, verdict_of(status), list);
}

static int change(struct call *c, struct saving *s)
{
    struct ucontact common;
    struct wishes wishes = {0};
    enum verdict v = registrar_common(c, s->flags, &common);
    if (v == VERDICT_OK)
        v = registrar_wishes(c, &common, &wishes);
    if (v >= VERDICT_CALL_ID_LENGTH)
        return query(c, s, v);
    if (v != VERDICT_OK)
        return refuse(c, s, v);
    s->path = wishes.star ? STR_NONE : common.path;
    s->update.clear = wishes.star;
    s->update.change = (struct ucontacts){wishes.v, wishes.n};
    return s->tables->save(c, &s->update, saved, s);
}

int registrar_save(struct call *c, struct str table, unsigned flags)
{
    const struct registrar_conf *conf = registrar_conf(c);
    const struct nameaddr *to = call_to(c);
    struct saving none = {.flags = flags}, *s = arena_alloc(c->arena, sizeof *s);
    if (!to)
        return refuse(c, &none, VERDICT_NO_TO);
    if (!s)
        return refuse(c, &none, VERDICT_NO_MEMORY);
    *s = (struct saving){.tables = registrar_tables(c),
                         .update.table = table,
                         .refusal = VERDICT_OK,
                         .flags = flags};
    if (!s->tables)
        return refuse(c, s, VERDICT_NO_USRLOC);
    s->update.newest_first = conf->desc_time_order;
    s->update.max_contacts = conf->max_contacts > 0 ? (unsigned)conf->max_contacts : 0;
    enum verdict v = registrar_aor(c, to->uri, &s->update.aor);
    if (v != VERDICT_OK)
        return refuse(c, s, v);
    return msg_header(c->msg, HDR_CONTACT) ? change(c, s) : query(c, s, VERDICT_OK);
}
