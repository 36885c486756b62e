/* path: adds Path (RFC 3327), so that calls to the one who registers come back through here. */
/* SPDX-License-Identifier: MIT */
#include "core/module.h"

extern const struct module path_module;

struct conf {
    int32_t use_received;
};

/* What an edit keeps until it is rendered. No pointers: it is copied as it is. */
struct entry {
    struct addr received; /* port 0: not told */
    char user[];
};

static void add_address(struct buf *out, const struct ip *ip, uint16_t port)
{
    char mem[IP_TEXT];
    buf_printf(out, ip->family == 6 ? "[%.*s]:%u" : "%.*s:%u", STR_ARG(ip_text(mem, ip)), port);
}

static void add_transport(struct buf *out, uint8_t proto, const char *equals)
{
    if (proto != PROTO_UDP && proto != PROTO_ANY)
        buf_printf(out, "transport%s%s", equals, proto_name(proto));
}

/* The URI of where the request came from is a parameter's value: what would end it is escaped. */
static void add_received(struct buf *out, const struct addr *a)
{
    buf_add(out, STR(";received=sip:"));
    add_address(out, &a->ip, a->port);
    if (a->proto != PROTO_UDP) {
        buf_add(out, STR("%3B"));
        add_transport(out, a->proto, "%3D");
    }
}

static void render(struct buf *out, const struct edit *e, const struct send_info *info)
{
    const struct entry *x = e->arg;
    size_t user = e->arg_size - sizeof *x;
    uint16_t port = info->port ? info->port : info->src.port;
    buf_add(out, STR("Path: <sip:"));
    if (user) {
        buf_add(out, str_make(x->user, user));
        buf_char(out, '@');
    }
    if (info->host.len)
        buf_printf(out, "%.*s:%u", STR_ARG(info->host), port);
    else
        add_address(out, &info->src.ip, port);
    if (info->src.proto != PROTO_UDP)
        buf_char(out, ';');
    add_transport(out, info->src.proto, "=");
    buf_add(out, STR(";lr"));
    if (x->received.port)
        add_received(out, &x->received);
    buf_add(out, STR(">\r\n"));
}

/* Before the first Path, else behind the last header. */
static size_t place(const struct msg *m)
{
    const struct hdr *first = msg_header(m, HDR_PATH);
    struct str last = m->hdr[m->count - 1].line;
    const char *at = first ? first->line.p : last.p + last.len;
    return (size_t)(at - m->raw.p);
}

static int add(struct call *c, struct str user, bool received)
{
    size_t size = sizeof(struct entry) + user.len;
    struct entry *x = arena_zalloc(c->arena, size);
    if (!x)
        return -1;
    if (received)
        x->received = c->msg->src;
    if (user.len)
        memcpy(x->user, user.p, user.len);
    return edits_render(&c->edits, c->arena, place(c->msg), render, x, size, EDIT_PLAIN) ? 1 : -1;
}

static int add_path(struct call *c, const struct arg *args, unsigned n)
{
    return add(c, n ? args[0].v.s : STR_NONE, false);
}

static int add_path_received(struct call *c, const struct arg *args, unsigned n)
{
    return add(c, n ? args[0].v.s : STR_NONE, true);
}

static int check_user(struct prepare *p, unsigned argn, struct str text, struct arg *out)
{
    struct uri u;
    char mem[300];
    struct buf b;
    (void)argn, (void)out;
    buf_fixed(&b, mem, sizeof mem);
    buf_printf(&b, "sip:%.*s@h", STR_ARG(text));
    if (text.len && !b.failed && uri_parse(&u, buf_str(&b)) == ERR_OK && str_eq(u.user, text))
        return ERR_OK;
    buf_printf(p->error, "\"%.*s\" cannot be the user of a URI", STR_ARG(text));
    return ERR_INVALID;
}

/* ---- a call to the one who registered: our Path entry is its Route now ---- */

/* %3B and its like; the escaped text is never longer. */
static struct str unescape(struct call *c, struct str s)
{
    struct buf out;
    buf_init(&out, c->arena, s.len + 1);
    for (size_t i = 0; i < s.len; i++) {
        struct str hex = str_sub(s, i + 1, i + 3);
        if (s.p[i] == '%' && (str_ieq(hex, STR("3B")) || str_ieq(hex, STR("3D")))) {
            buf_char(&out, ascii_lower(hex.p[1]) == 'b' ? ';' : '=');
            i += 2;
        } else {
            buf_char(&out, s.p[i]);
        }
    }
    return out.failed ? STR_NONE : buf_str(&out);
}

static void on_loose_route(struct call *c, struct str params)
{
    const struct conf *conf = call_conf(c, &path_module);
    struct str received;
    struct uri u;
    if (!conf->use_received || !params.len ||
        !param_find(str_sub(params, 1, params.len), STR("received"), &received))
        return;
    received = unescape(c, received);
    if (uri_parse(&u, received) == ERR_OK)
        call_set_dst_uri(c, received);
    else
        log_warn("path: the received parameter of a Route is no URI and was not used");
}

/* ---- rows ---- */

#define ROWS(name, call, doc, doc_user)                                                            \
    {name, call, 0, 0, {ARG_NONE}, ROUTE_REQUEST, 0, NULL, "", doc},                               \
        {name, call, 1, 1, {ARG_STR}, ROUTE_REQUEST, 0, check_user, "user", doc_user},

static const struct fn_spec functions[] = {
    ROWS("add_path", add_path,
         "Adds a Path header with our address, before those that are there. False without memory.",
         "The same with a user in our URI.")
        ROWS("add_path_received", add_path_received,
             "The same, with the address the request came from as parameter received.",
             "The same with a user in our URI."){.name = NULL},
};

#define PARAM_CONF struct conf

static const struct param_spec params[] = {
    PARAM_SWITCH(
        "use_received", use_received, 0,
        "1: loose_route() sends a request to the received parameter of a Route that it takes off."),
    {.name = NULL},
};

const struct module path_module = {
    .abi = MODULE_ABI,
    .symbols = {.name = "path",
                .doc = "Adds the Path header to REGISTER.",
                .functions = functions,
                .params = params,
                .conf_size = sizeof(struct conf)},
    .on_loose_route = on_loose_route,
};
