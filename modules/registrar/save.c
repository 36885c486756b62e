/* save(): what a REGISTER does to the location table (RFC 3261 10.3). */
/* SPDX-License-Identifier: MIT */
#include "modules/registrar/registrar_priv.h"

/* One save() as it goes on. */
struct saving {
    struct call *c;
    const struct usrloc_api *tables;
    struct usrloc_update update;
    struct ucontacts now; /* what is registered when all is done */
    struct str path;      /* that was stored with the contacts of this REGISTER */
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
    default:
        return VERDICT_NO_MEMORY;
    }
}

static enum verdict query(struct saving *s)
{
    int rc = s->tables->find(s->c, s->update.table, s->update.aor, &s->now);
    return rc == ERR_NOMEM ? VERDICT_NO_MEMORY : VERDICT_OK;
}

static enum verdict change(struct saving *s)
{
    struct ucontact common;
    struct wishes wishes = {0};
    enum verdict v = registrar_common(s->c, s->flags, &common);
    if (v == VERDICT_OK)
        v = registrar_wishes(s->c, &common, &wishes);
    if (v >= VERDICT_CALL_ID_LENGTH)
        query(s);
    if (v != VERDICT_OK)
        return v;
    s->path = wishes.star ? STR_NONE : common.path;
    s->update.clear = wishes.star;
    s->update.change = (struct ucontacts){wishes.v, wishes.n};
    return verdict_of(s->tables->update(s->c, &s->update, &s->now));
}

static enum verdict save(struct saving *s)
{
    const struct registrar_conf *conf = registrar_conf(s->c);
    const struct nameaddr *to = call_to(s->c);
    if (!to)
        return VERDICT_NO_TO;
    if (!s->tables)
        return VERDICT_NO_USRLOC;
    s->update.newest_first = conf->desc_time_order;
    s->update.max_contacts = conf->max_contacts > 0 ? (unsigned)conf->max_contacts : 0;
    enum verdict v = registrar_aor(s->c, to->uri, &s->update.aor);
    if (v != VERDICT_OK)
        return v;
    return msg_header(s->c->msg, HDR_CONTACT) ? change(s) : query(s);
}

int registrar_save(struct call *c, struct str table, unsigned flags)
{
    struct saving s = {
        .c = c, .tables = registrar_tables(c), .update.table = table, .flags = flags};
    enum verdict v = save(&s);
    bool good = v == VERDICT_OK;
    call_count(c, &registrar_module, good ? STAT_ACCEPTED : STAT_REJECTED, 1);
    if (!good)
        log_info("registrar: %.*s of %.*s refused: %.*s", STR_ARG(c->msg->method_text),
                 STR_ARG(s.update.aor), STR_ARG(verdict_text(v)));
    bool sent = flags & SAVE_NO_REPLY || registrar_answer(c, v, &s.now, s.path);
    if (!good)
        return 0;
    return sent ? 1 : -1;
}
