/* dialog's management commands. */
/* SPDX-License-Identifier: MIT */
#include "modules/dialog/priv.h"

static struct dialog_worker *worker_of(struct mi *m)
{
    return dialog_worker(mi_state(m), mi_engine(m));
}

/* ---- showing ---- */

static void put_party(struct mi *m, const struct dialog *d, enum side side)
{
    static const char *const names[2][6] = {{"from_uri", "from_tag", "caller_contact",
                                             "caller_cseq", "caller_route_set", "caller_bind_addr"},
                                            {"to_uri", "to_tag", "callee_contact", "callee_cseq",
                                             "callee_route_set", "callee_bind_addr"}};
    const struct dlg_party *p = &d->party[side];
    const char *const *name = names[side];
    char text[ADDR_TEXT];
    struct str socket = STR_NONE;
    if (p->socket >= 0)
        socket = addr_text(text, engine_socket(mi_engine(m), (unsigned)p->socket));
    mi_text(m, 1, name[0], p->uri);
    mi_text(m, 1, name[1], p->tag);
    mi_text(m, 1, name[2], p->contact);
    mi_line(m, 1, name[3], "%u", p->cseq);
    mi_text(m, 1, name[4], p->routes);
    mi_text(m, 1, name[5], socket);
}

static void put_dialog(struct mi *m, const struct dialog *d, bool context)
{
    int64_t left = ((int64_t)d->timer.due - (int64_t)engine_now(mi_engine(m))) / 1000;
    mi_text(m, 0, "dialog", STR_NONE);
    mi_attr(m, "hash", "%u:%u", d->entry, d->id);
    mi_line(m, 1, "state", "%u", d->state);
    mi_line(m, 1, "timestart", "%lld", (long long)d->start);
    mi_line(m, 1, "timeout", "%lld", (long long)(mi_time(m) + left));
    mi_text(m, 1, "callid", d->call_id);
    put_party(m, d, CALLER);
    put_party(m, d, CALLEE);
    if (!context || !d->links)
        return;
    mi_text(m, 1, "context", STR_NONE);
    for (const struct dlg_link *l = d->links; l; l = l->next)
        mi_text(m, 2, "profile", l->value.len ? l->value : l->name);
}

/* What each dialog is judged by. */
struct listing {
    struct mi *m;
    bool context;
    struct str name; /* a profile, or empty */
};

static bool in_profile(const struct dialog *d, struct str name, const struct str *value)
{
    for (const struct dlg_link *l = d->links; l; l = l->next)
        if (str_eq(l->name, name) && (!value || str_eq(l->value, *value)))
            return true;
    return false;
}

static void list_one(struct hnode *n, void *arg)
{
    struct listing *l = arg;
    const struct dialog *d = container_of(n, struct dialog, node);
    struct str value = mi_arg(l->m, 1);
    bool *found = mi_share(l->m);
    if (l->name.len) {
        if (!in_profile(d, l->name, mi_args(l->m) > 1 ? &value : NULL))
            return;
    } else if ((mi_args(l->m) && !str_eq(d->call_id, mi_arg(l->m, 0))) ||
               (mi_args(l->m) > 1 && !str_eq(d->party[CALLER].tag, value))) {
        return;
    }
    *found = true;
    put_dialog(l->m, d, l->context);
}

static enum mi_next list(struct mi *m, bool context, struct str profile)
{
    struct dialog_worker *w = worker_of(m);
    struct listing l = {m, context, profile};
    if (w)
        htable_each(&w->table, list_one, &l);
    return MI_NEXT;
}

static enum mi_next dlg_list(struct mi *m)
{
    return list(m, false, STR_NONE);
}

static enum mi_next dlg_list_ctx(struct mi *m)
{
    return list(m, true, STR_NONE);
}

static enum mi_next listed(struct mi *m)
{
    const bool *found = mi_share(m);
    return !mi_args(m) || *found ? MI_DONE : mi_fail(m, 404, "No such dialog");
}

static enum mi_next profile_list_dlgs(struct mi *m)
{
    if (profile_number(mi_conf(m), mi_arg(m, 0)) < 0)
        return mi_fail(m, 404, "Profile not found");
    return list(m, false, mi_arg(m, 0));
}

static enum mi_next profile_get_size(struct mi *m)
{
    const struct dialog_state *s = mi_state(m);
    struct str name = mi_arg(m, 0), value = mi_arg(m, 1);
    if (profile_number(mi_conf(m), name) < 0)
        return mi_fail(m, 404, "Profile not found");
    mi_text(m, 0, "Profile", STR_NONE);
    mi_attr_text(m, "name", name);
    mi_attr_text(m, "value", value);
    mi_attr(m, "count", "%u", profile_size(s->profiles, name, mi_args(m) > 1 ? &value : NULL));
    return MI_DONE;
}

/* ---- ending ---- */

/* BYE to one side, as the other would send it. */
static void send_bye(struct mi *m, const struct dialog *d, enum side to)
{
    const struct dialog_conf *conf = mi_conf(m);
    struct dlg_party const *p = &d->party[to], *other = &d->party[!to];
    struct arena *a = mi_arena(m);
    struct str rest = p->routes, first;
    struct nameaddr route;
    struct buf headers;
    struct uac_request r = {.method = STR("BYE"), .ruri = p->contact, .call_id = d->call_id};
    buf_init(&headers, a, 256);
    if (p->routes.len)
        buf_printf(&headers, "Route: %.*s\r\n", STR_ARG(p->routes));
    buf_add(&headers, conf->extra_hdrs);
    if (mi_args(m) > 2)
        buf_add(&headers, mi_arg(m, 2));
    if (headers.len && !str_ends(buf_str(&headers), STR("\n")))
        buf_add(&headers, STR("\r\n"));
    if (value_cut(&rest, &first) && nameaddr_parse(&route, first) == ERR_OK)
        r.next_hop = route.uri;
    r.from = arena_printf(a, "<%.*s>;tag=%.*s", STR_ARG(other->uri), STR_ARG(other->tag));
    r.to = arena_printf(a, "<%.*s>;tag=%.*s", STR_ARG(p->uri), STR_ARG(p->tag));
    r.cseq = other->cseq + 1;
    r.headers = buf_str(&headers);
    r.socket = p->socket;
    int rc = uac_send(mi_engine(m), &r, NULL, NULL);
    if (rc != ERR_OK)
        log_err("dialog: no BYE for %.*s: %s", STR_ARG(d->call_id), err_text(rc));
}

struct wanted {
    uint32_t entry, id;
    struct dialog *found;
};

static void compare(struct hnode *n, void *arg)
{
    struct wanted *w = arg;
    struct dialog *d = container_of(n, struct dialog, node);
    if (d->entry == w->entry && d->id == w->id)
        w->found = d;
}

static enum mi_next dlg_end_dlg(struct mi *m)
{
    struct dialog_worker *w = worker_of(m);
    struct wanted k = {0};
    if (str_u32(&k.entry, mi_arg(m, 0), UINT32_MAX) != ERR_OK ||
        str_u32(&k.id, mi_arg(m, 1), UINT32_MAX) != ERR_OK)
        return mi_fail(m, 400, "Bad parameter: two numbers as dlg_list shows them");
    if (w)
        htable_each(&w->table, compare, &k);
    if (!k.found)
        return MI_NEXT;
    if (k.found->state < DLG_UNACKED)
        return mi_fail(m, 403, "Operation failed: the call is not answered yet");
    send_bye(m, k.found, CALLER);
    send_bye(m, k.found, CALLEE);
    wheel_cancel(engine_loop(mi_engine(m))->wheel, &k.found->timer);
    dialog_enter(k.found, mi_engine(m), DLG_DELETED);
    dialog_free(k.found);
    return MI_DONE;
}

static enum mi_next not_found(struct mi *m)
{
    return mi_fail(m, 404, "Requested Dialog not found");
}

const struct mi_command dialog_commands[] = {
    {"dlg_list", "[callid [fromtag]]", "All dialogs, or those of a call.", 0, 2, sizeof(bool),
     dlg_list, listed},
    {"dlg_list_ctx", "[callid [fromtag]]", "The same, with their profiles.", 0, 2, sizeof(bool),
     dlg_list_ctx, listed},
    {"dlg_end_dlg", "h_entry h_id [headers]",
     "Ends an answered call with a BYE to both sides. The numbers are those of hash= in dlg_list.",
     2, 3, 0, dlg_end_dlg, not_found},
    {"profile_get_size", "profile [value]", "How many dialogs are in a profile.", 1, 2, 0, NULL,
     profile_get_size},
    {"profile_list_dlgs", "profile [value]", "The dialogs in a profile.", 1, 2, sizeof(bool),
     profile_list_dlgs, NULL},
    {.name = NULL},
};
