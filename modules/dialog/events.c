/* What messages do to dialogs. */
/* SPDX-License-Identifier: MIT */
#include "modules/dialog/priv.h"
#include "modules/rr/rr.h"

/* ---- the beginning ---- */

/* Seconds of the AVP, or the default. */
static uint32_t lifetime(struct call *c, const struct dialog_conf *conf)
{
    struct avp_name name;
    int64_t n = 0;
    if (conf->timeout_avp && avp_name_of(conf->timeout_avp, c, call_host(), &name) == ERR_OK) {
        const struct avp *a = avp_find(c->avps, &name, NULL);
        if (a && a->value.flags & VAL_INT)
            n = a->value.i;
        else if (a && !value_digits(&a->value, &n))
            n = 0;
    }
    return n > 0 && n <= INT32_MAX ? (uint32_t)n : (uint32_t)conf->default_timeout;
}

static bool add_did(struct call *c, const struct dialog_conf *conf, const struct dialog *d)
{
    const struct rr_api *rr = call_api(c, "rr");
    struct buf b;
    buf_init(&b, c->arena, 64);
    buf_printf(&b, ";%.*s=", STR_ARG(conf->rr_param));
    dialog_write_did(&b, d);
    return rr && !b.failed && rr->add_param(c, buf_str(&b));
}

static void link_pending(struct call *c, struct dialog *d)
{
    const struct dialog_conf *conf = call_conf(c, &dialog_module);
    const struct dialog_state *s = call_state(c, &dialog_module);
    const struct dialog_slot *slot = call_slot(c, &dialog_module);
    for (const struct pending *p = slot ? slot->links : NULL; p; p = p->next)
        profile_link(s->profiles, d, conf->profile[p->profile], p->value);
}

void dialog_on_begin(struct call *c)
{
    const struct dialog_conf *conf = call_conf(c, &dialog_module);
    enum side from;
    if (c->msg->to_tag.len || c->msg->method == METHOD_CANCEL || dialog_by_tags(c, &from))
        return;
    struct dialog *d = dialog_new(c);
    if (!d) {
        log_err("dialog: %.*s is not followed: it has not one Contact, or memory is out",
                STR_ARG(c->msg->call_id));
        return;
    }
    call_count(c, &dialog_module, STAT_PROCESSED, 1);
    d->lifetime = lifetime(c, conf);
    dialog_arm(d, c->engine);
    link_pending(c, d);
    if (conf->match_mode != MATCH_TAGS && !add_did(c, conf, d))
        log_err("dialog: no parameter for Record-Route: is module rr loaded?");
}

/* ---- its transaction ---- */

static void end(struct call *c, struct dialog *d)
{
    wheel_cancel(call_loop(c)->wheel, &d->timer);
    dialog_enter(d, c->engine, DLG_DELETED);
    dialog_free(d);
}

/* Record-Route above ours in the 2xx, nearest first: the way on to the callee. */
static struct str callee_routes(const struct call *c, const struct msg *reply)
{
    struct value_iter it = {0};
    struct str list = STR_NONE;
    while (msg_value_next(reply, HDR_RECORD_ROUTE, &it)) {
        struct nameaddr n;
        struct uri u;
        if (nameaddr_parse(&n, it.text) != ERR_OK || uri_parse(&u, n.uri) != ERR_OK ||
            call_uri_is_self(c, &u))
            break;
        list = list.len ? arena_printf(c->arena, "%.*s,%.*s", STR_ARG(it.text), STR_ARG(list))
                        : it.text;
        if (!list.p)
            return STR_NONE;
    }
    return list;
}

static void learn_callee(struct call *c, struct dialog *d, const struct msg *reply)
{
    struct dlg_party *callee = &d->party[CALLEE];
    struct value_iter it = {0};
    struct nameaddr n;
    dialog_keep(d, &callee->tag, reply->to_tag);
    if (msg_value_next(reply, HDR_CONTACT, &it) && nameaddr_parse(&n, it.text) == ERR_OK)
        dialog_keep(d, &callee->contact, n.uri);
    dialog_keep(d, &callee->routes, callee_routes(c, reply));
}

static void answered(struct call *c, struct dialog *d, const struct txn_event *e)
{
    struct msg *reply = arena_alloc(c->arena, sizeof *reply);
    if (d->state >= DLG_UNACKED)
        return; /* another phone's 2xx */
    if (reply && msg_scan(reply, c->arena, e->reply) == ERR_OK)
        learn_callee(c, d, reply);
    dialog_enter(d, c->engine, DLG_UNACKED);
}

/* The dialog that a transaction's request began, as long as nobody has answered it with a tag. */
static struct dialog *own_dialog(struct call *c)
{
    enum side from;
    return c->msg->to_tag.len ? NULL : dialog_by_tags(c, &from);
}

void dialog_on_transaction(struct call *c, const struct txn_event *e)
{
    struct dialog *d;
    if (e->kind == TXN_FAILED || e->kind == TXN_ACKED || !(d = own_dialog(c)))
        return;
    if (e->kind == TXN_RELEASED || e->code >= 300) {
        if (d->state < DLG_UNACKED) {
            call_count(c, &dialog_module, STAT_FAILED, 1);
            end(c, d);
        }
    } else if (e->code >= 200) {
        answered(c, d, e);
    } else if (d->state == DLG_UNCONFIRMED) {
        dialog_enter(d, c->engine, DLG_EARLY);
    }
}

/* ---- requests inside ---- */

static struct dialog *find(struct call *c, const struct dialog_conf *conf, struct str params,
                           enum side *from)
{
    struct str did;
    uint32_t entry, id;
    if (conf->match_mode != MATCH_TAGS && param_find(params, conf->rr_param, &did) &&
        dialog_read_did(did, &entry, &id)) {
        struct dialog *d = dialog_by_did(c, entry, id);
        return d && dialog_side(d, c->msg, from) ? d : NULL;
    }
    return conf->match_mode == MATCH_DID ? NULL : dialog_by_tags(c, from);
}

static void take_request(struct call *c, struct dialog *d, enum side from)
{
    const struct dialog_conf *conf = call_conf(c, &dialog_module);
    uint32_t method = c->msg->method;
    if (method == METHOD_ACK) {
        if (d->state == DLG_UNACKED)
            dialog_enter(d, c->engine, DLG_CONFIRMED);
        return;
    }
    if (c->msg->cseq > d->party[from].cseq)
        d->party[from].cseq = c->msg->cseq;
    if (method != METHOD_PRACK && d->state == DLG_CONFIRMED) {
        d->lifetime = lifetime(c, conf);
        dialog_arm(d, c->engine);
    }
    dialog_changed(d, c->engine);
}

void dialog_on_loose_route(struct call *c, struct str params)
{
    const struct dialog_conf *conf = call_conf(c, &dialog_module);
    struct dialog_slot *slot = call_slot(c, &dialog_module);
    enum side from;
    struct dialog *d = find(c, conf, params, &from);
    if (!d || !slot)
        return;
    slot->start = d->start;
    if (c->msg->method == METHOD_BYE && d->state >= DLG_UNACKED) {
        slot->state = DLG_DELETED;
        end(c, d);
        return;
    }
    take_request(c, d, from);
    slot->state = d->state;
}
