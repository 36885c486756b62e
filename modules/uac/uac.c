/* uac: shows another From to those called, and the right one to the caller. */
/* SPDX-License-Identifier: MIT */
#include "modules/rr/rr.h"
#include "modules/uac/priv.h"

/* Of one message. */
struct slot {
    struct edit *from;  /* what became of From, or NULL */
    struct str display; /* as it stands now, with its quotes */
    struct str uri;
    struct str masked; /* of the Route that loose_route() took off, or empty */
    bool upstream;     /* the request goes from callee to caller */
};

/* ---- changing a party ---- */

/* Display and URI in angle brackets, or the URI alone where that is allowed: in place of those. */
static struct edit *replace_party(struct call *c, const struct nameaddr *n, struct str display,
                                  struct str uri, struct edit *old)
{
    bool brackets = n->angle || display.len;
    const char *from = n->text.p;
    const char *to = n->uri.p + n->uri.len + (n->angle ? 1 : 0);
    struct str text =
        arena_printf(c->arena, "%.*s%s%s%.*s%s", STR_ARG(display), display.len ? " " : "",
                     brackets ? "<" : "", STR_ARG(uri), brackets ? ">" : "");
    if (!text.p)
        return NULL;
    if (old) {
        old->insert = text;
        return old;
    }
    return edits_replace(&c->edits, c->arena, (size_t)(from - c->msg->raw.p), (size_t)(to - from),
                         text);
}

/* The text as a quoted string (RFC 3261 25.1); p is NULL without memory. */
static struct str quoted(struct call *c, struct str text)
{
    struct buf out;
    buf_init(&out, c->arena, text.len + 16);
    buf_char(&out, '"');
    for (size_t i = 0; i < text.len; i++) {
        if (text.p[i] == '"' || text.p[i] == '\\')
            buf_char(&out, '\\');
        if ((uint8_t)text.p[i] >= ' ') /* a line end would begin a header */
            buf_char(&out, text.p[i]);
    }
    buf_char(&out, '"');
    return out.failed ? STR_NONE : buf_str(&out);
}

/* Leaves what is needed to know the dialog's other requests in Record-Route. */
static bool store(struct call *c, const struct uac_conf *conf, struct str was, struct str is)
{
    const struct rr_api *rr = call_api(c, "rr");
    struct str masked, param;
    if (conf->mode == RESTORE_NONE)
        return true;
    call_restore_party(c, PARTY_IN_FROM);
    if (str_eq(was, is))
        return true;
    if (!rr || uac_mask(&masked, c->arena, was, is, conf->from_passwd) != ERR_OK)
        return false;
    param = arena_printf(c->arena, ";%.*s=%.*s", STR_ARG(conf->rr_store_param), STR_ARG(masked));
    return param.p && rr->add_param(c, param);
}

static int replace_from(struct call *c, const struct str *display, struct str uri)
{
    const struct uac_conf *conf = call_conf(c, &uac_module);
    const struct nameaddr *from = call_from(c);
    struct slot *s = call_slot(c, &uac_module);
    struct uri parsed;
    if (!s || !from || (uri.len && uri_parse(&parsed, uri) != ERR_OK))
        return -1;
    if (conf->mode == RESTORE_AUTO && c->msg->to_tag.len) {
        log_err("uac_replace_from() inside a dialog: the From there is restored by itself");
        return -1;
    }
    if (!s->from) {
        s->display = from->display;
        s->uri = from->uri;
    }
    if (display)
        s->display = display->len ? quoted(c, *display) : STR_NONE;
    if (uri.len)
        s->uri = uri;
    s->from = replace_party(c, from, s->display, s->uri, s->from);
    return s->from && (uri.len == 0 || store(c, conf, from->uri, uri)) ? 1 : -1;
}

static int replace_uri(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    return replace_from(c, NULL, args[0].v.s);
}

static int replace_both(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    return replace_from(c, &args[0].v.s, args[1].v.s);
}

/* ---- other requests of the dialog ---- */

/* Downstream From, upstream To is what the far side knows another URI for. */
static int restore(struct call *c, const struct slot *s)
{
    const struct uac_conf *conf = call_conf(c, &uac_module);
    const struct nameaddr *party = s->upstream ? call_to(c) : call_from(c);
    struct str uri;
    if (!party || s->masked.len == 0)
        return -1;
    if (uac_unmask(&uri, c->arena, s->masked, party->uri, conf->from_passwd) != ERR_OK) {
        log_warn("uac: the parameter %.*s of a Route does not fit this dialog",
                 STR_ARG(conf->rr_store_param));
        return -1;
    }
    if (!replace_party(c, party, party->display, uri, NULL))
        return -1;
    call_restore_party(c, s->upstream ? PARTY_IN_TO : PARTY_IN_FROM);
    return 1;
}

static void on_loose_route(struct call *c, struct str params)
{
    const struct uac_conf *conf = call_conf(c, &uac_module);
    struct slot *s = call_slot(c, &uac_module);
    struct str list = str_sub(params, 1, params.len), tag;
    if (!s || !param_find(list, conf->rr_store_param, &s->masked))
        return;
    s->upstream = param_find(list, STR("ftag"), &tag) && !str_eq(tag, c->msg->from_tag);
    if (conf->mode == RESTORE_AUTO)
        restore(c, s);
}

static int restore_from(struct call *c, const struct arg *args, unsigned n)
{
    const struct uac_conf *conf = call_conf(c, &uac_module);
    const struct slot *s = call_slot(c, &uac_module);
    (void)args, (void)n;
    return s && conf->mode == RESTORE_MANUAL ? restore(c, s) : -1;
}

/* ---- rows ---- */

/* clang-format off */
static const struct fn_spec functions[] = {
    {"uac_replace_from", replace_uri, 1, 1, {ARG_FMT}, ROUTE_REQUEST, 0, NULL, "uri",
     "Puts another URI into From. False when it is none, and inside a dialog in mode auto."},
    {"uac_replace_from", replace_both, 2, 2, {ARG_FMT, ARG_FMT}, ROUTE_REQUEST, 0, NULL, "display, uri",
     "Puts another display name, which is quoted, and URI into From; an empty name is removed, with an "
     "empty URI the old one stays."},
    {"uac_restore_from", restore_from, 0, 0, {ARG_NONE}, ROUTE_REQUEST, 0, NULL, "",
     "In mode manual, after loose_route(): puts the URI that the far side knows into From or To. False "
     "when nothing was changed in this dialog."},
    {"uac_auth", uac_auth, 0, 0, {ARG_NONE}, ROUTE_FAILURE, FN_TARGET | FN_BRANCHES, NULL, "",
     "Answers the challenge of a 401 or 407 with credentials for its realm, in a new branch to where "
     "it came from. False when there are none. t_relay() sends it."},
    {.name = NULL},
};
/* clang-format on */

#define PARAM_CONF struct uac_conf

static const struct param_spec params[] = {
    PARAM_STRING("from_restore_mode", mode_text, "auto",
                 "none: never; manual: by uac_restore_from(); auto: by loose_route()."),
    PARAM_STRING("rr_store_param", rr_store_param, "vsf", "Parameter of Record-Route for it."),
    PARAM_STRING("from_passwd", from_passwd, "", "Password that hides the URI there."),
    PARAM_SET("credential", PARAM_STR, uac_credential,
              "user:realm:password, for uac_auth(); one for each realm."),
    PARAM_STRING("auth_username_avp", auth_user.text, NULL,
                 "AVP of a user name that goes before them."),
    PARAM_STRING("auth_realm_avp", auth_realm.text, NULL, "AVP of its realm."),
    PARAM_STRING("auth_password_avp", auth_password.text, NULL, "AVP of its password."),
    {.name = NULL},
};

/* All three AVPs or none of them. */
static int check_avps(struct prepare *p, struct uac_conf *conf)
{
    const struct {
        const char *name;
        struct uac_avp *avp;
    } avps[] = {{"auth_username_avp", &conf->auth_user},
                {"auth_realm_avp", &conf->auth_realm},
                {"auth_password_avp", &conf->auth_password}};
    unsigned given = 0;
    for (unsigned i = 0; i < 3; i++) {
        struct uac_avp *avp = avps[i].avp;
        int rc = prepare_avp_param(p, avps[i].name, avp->text, &avp->pv);
        if (rc != ERR_OK)
            return rc;
        given += avp->pv != NULL;
    }
    if (given == 0 || given == 3)
        return ERR_OK;
    buf_printf(p->error, "auth_username_avp, auth_realm_avp and auth_password_avp belong together");
    return ERR_INVALID;
}

static int conf_check(struct prepare *p, void *data)
{
    static const char *const modes[] = {
        [RESTORE_NONE] = "none", [RESTORE_MANUAL] = "manual", [RESTORE_AUTO] = "auto"};
    struct uac_conf *conf = data;
    if (conf->rr_store_param.len == 0) {
        buf_printf(p->error, "rr_store_param is empty");
        return ERR_INVALID;
    }
    for (int i = RESTORE_NONE; i <= RESTORE_AUTO; i++)
        if (str_eq(conf->mode_text, str_from(modes[i]))) {
            conf->mode = (enum restore_mode)i;
            return check_avps(p, conf);
        }
    buf_printf(p->error, "from_restore_mode is none, manual or auto");
    return ERR_INVALID;
}

const struct module uac_module = {
    .abi = MODULE_ABI,
    .symbols = {.name = "uac",
                .doc = "Shows another From to those called; answers challenges of servers.",
                .functions = functions,
                .params = params,
                .conf_size = sizeof(struct uac_conf),
                .conf_check = conf_check},
    .slot_size = sizeof(struct slot),
    .on_loose_route = on_loose_route,
};
