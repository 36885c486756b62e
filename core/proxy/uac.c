/* Requests of our own: a client transaction without a server side. */
/* SPDX-License-Identifier: MIT */
#include "core/proxy/uac.h"

#include "core/base/err.h"
#include "core/proxy/txn.h"

enum { MEMORY = 1024, RING = 120000 /* ms an INVITE of ours may ring */ };

struct uac {
    struct tx tx;
    struct list link; /* of engine.uacs */
    struct engine *engine;
    struct arena memory; /* this struct lies in it */
    const struct config *config;
    struct uac_request request;
    struct dest dest;
    struct way way;
    struct str branch, bytes;
    struct msg *written; /* bytes explained, for local_route */
    uac_done done;
    void *arg;
};

static void uac_free(struct uac *u)
{
    struct arena memory = u->memory;
    list_remove(&u->link);
    config_unref(u->config);
    arena_reset(&memory);
}

/* Once. */
static void tell(struct uac *u, unsigned code, struct msg *reply)
{
    uac_done done = u->done;
    u->done = NULL;
    if (done)
        done(u->arg, code, reply);
}

/* ---- what the machine tells ---- */

static struct uac *uac_of(struct tx *x)
{
    return container_of(x, struct uac, tx);
}

static void acknowledge(struct uac *u, const struct msg *reply)
{
    struct arena scratch;
    struct buf out;
    arena_init(&scratch, &u->engine->pool, 2048);
    buf_init(&out, &u->memory, 512);
    if (build_ack(&out, &scratch, u->bytes, reply, u->config->user_agent_header) == ERR_OK &&
        !out.failed)
        tx_client_ack(&u->engine->tx, &u->tx, buf_str(&out));
    arena_reset(&scratch);
}

static void response(struct tx *x, struct msg *m, void *ctx)
{
    struct uac *u = uac_of(x);
    (void)ctx;
    if (m->status >= 300 && x->kind == TX_ICT)
        acknowledge(u, m);
    if (m->status >= 200)
        tell(u, m->status, m);
    else if (x->kind == TX_ICT)
        tx_client_deadline(&u->engine->tx, x, RING);
}

static void timeout(struct tx *x, void *ctx)
{
    (void)ctx;
    tell(uac_of(x), 408, NULL);
}

static void failed(struct tx *x, void *ctx)
{
    (void)ctx;
    tell(uac_of(x), 477, NULL);
}

static void ended(struct tx *x, void *ctx)
{
    (void)ctx;
    uac_free(uac_of(x));
}

const struct tx_user uac_user = {
    .response = response, .timeout = timeout, .failed = failed, .ended = ended};

/* ---- writing ---- */

static void add_line(struct buf *out, struct str name, struct str value)
{
    buf_add(out, name);
    buf_add(out, value);
    buf_add(out, STR("\r\n"));
}

static void add_via(struct buf *out, const struct uac *u, const struct way *w)
{
    const struct config *g = u->config;
    const struct socket_info *s = &u->engine->shared->sockets[w->socket];
    struct str host = g->advertised_host.len ? g->advertised_host : s->host;
    unsigned port = g->advertised_port ? g->advertised_port : s->addr.port;
    buf_printf(out, "Via: SIP/2.0/%s %.*s:%u;branch=%.*s\r\n",
               w->dst.proto == PROTO_TCP   ? "TCP"
               : w->dst.proto == PROTO_TLS ? "TLS"
                                           : "UDP",
               STR_ARG(host), port, STR_ARG(u->branch));
}

static bool has_tag(struct str from)
{
    struct nameaddr n;
    struct str tag;
    return nameaddr_parse(&n, from) == ERR_OK && param_find(n.params, STR("tag"), &tag);
}

static void add_from(struct buf *out, const struct uac *u)
{
    struct str tag = str_sub(u->branch, 7, u->branch.len); /* as chance as the branch is */
    buf_printf(out, "From: %.*s%s%.*s\r\n", STR_ARG(u->request.from),
               has_tag(u->request.from) ? "" : ";tag=", has_tag(u->request.from) ? 0 : (int)tag.len,
               tag.p);
}

static struct str write_request(struct uac *u, const struct way *w)
{
    const struct uac_request *r = &u->request;
    struct buf out;
    buf_init(&out, &u->memory, 512 + r->headers.len + r->body.len);
    buf_printf(&out, "%.*s %.*s SIP/2.0\r\n", STR_ARG(r->method), STR_ARG(r->ruri));
    add_via(&out, u, w);
    add_from(&out, u);
    add_line(&out, STR("To: "), r->to);
    add_line(&out, STR("Call-ID: "), r->call_id);
    buf_printf(&out, "CSeq: %u %.*s\r\nMax-Forwards: 70\r\n", r->cseq, STR_ARG(r->method));
    if (u->config->user_agent_header.len)
        add_line(&out, u->config->user_agent_header, STR_NONE);
    buf_add(&out, r->headers);
    buf_printf(&out, "Content-Length: %zu\r\n\r\n", r->body.len);
    buf_add(&out, r->body);
    return out.failed ? STR_NONE : buf_str(&out);
}

/* ---- sending ---- */

static enum failure find_way(struct uac *u, struct way *w)
{
    struct call *c = call_new(u->engine, u->config, ROUTE_LOCAL);
    if (!c)
        return FAIL_NO_MEMORY;
    enum failure f = dest_next(w, &u->dest, c, u->request.socket, 0);
    call_free(c);
    return f;
}

static void send_written(struct uac *u)
{
    struct engine *e = u->engine;
    uint32_t method = method_lookup(u->request.method);
    struct way w = u->way;
    struct flow flow = {.dst = w.dst, .socket = w.socket, .reliable = w.dst.proto != PROTO_UDP};
    txn_count(e, TM_STAT_UAC_transactions, 1);
    tx_client_start(&e->tx, &u->tx, method == METHOD_INVITE ? TX_ICT : TX_NICT, method, u->branch,
                    &flow, u->bytes, &u->config->times, &uac_user);
}

/* ---- local_route: what a script makes of it, but for where it goes ---- */

static void route_done(struct call *c, const struct vm_result *r)
{
    struct uac *u = c->owner;
    struct send_info info;
    struct buf out;
    (void)r;
    way_info(&info, c, &u->way);
    buf_init(&out, &u->memory, u->bytes.len + 256);
    build_edited(&out, u->written, &c->edits, &info);
    if (!out.failed)
        u->bytes = buf_str(&out);
    else
        log_err("local_route: no memory for its changes, %.*s goes as it was",
                STR_ARG(u->request.method));
    call_free(c);
    send_written(u);
}

/* Runs it, and sends the request then; false when there is no memory for that. */
static bool run_route(struct uac *u)
{
    struct engine *e = u->engine;
    struct call *c = call_new(e, u->config, ROUTE_LOCAL);
    struct msg *m = c ? arena_alloc(c->arena, sizeof *m) : NULL;
    if (!m || msg_scan(m, c->arena, u->bytes) != ERR_OK) {
        if (c)
            call_free(c);
        return false;
    }
    m->src = m->local = e->shared->sockets[u->way.socket].addr;
    m->socket = u->way.socket;
    u->written = m;
    call_begin(c, m);
    c->owner = u;
    call_run(c, u->config->local_route, route_done);
    return true;
}

static bool start(struct uac *u)
{
    if (find_way(u, &u->way) != FAIL_NONE)
        return false;
    u->bytes = write_request(u, &u->way);
    if (!u->bytes.p)
        return false;
    if (u->request.once) {
        engine_send(u->engine, u->way.socket, &u->way.dst, u->bytes);
        return true;
    }
    if (u->config->local_route < 0 || !run_route(u))
        send_written(u);
    return true;
}

static void resolved(struct dest *d, void *arg)
{
    struct uac *u = arg;
    if (!d) { /* the process stops */
        tell(u, 0, NULL);
        uac_free(u);
        return;
    }
    bool sent = u->dest.count && start(u);
    if (!sent)
        tell(u, u->dest.count ? 477 : 476, NULL);
    if (!sent || u->request.once)
        uac_free(u);
}

static int copy_texts(struct uac *u)
{
    struct uac_request *r = &u->request;
    struct str *texts[] = {&r->method, &r->ruri,    &r->next_hop, &r->from,
                           &r->to,     &r->call_id, &r->headers,  &r->body};
    for (unsigned i = 0; i < sizeof texts / sizeof *texts; i++) {
        *texts[i] = arena_dup(&u->memory, *texts[i]);
        if (!texts[i]->p)
            return ERR_NOMEM;
    }
    return ERR_OK;
}

/* A Call-ID whose answers come to this worker: one in as many tries as there are workers. */
static int make_call_id(struct uac *u)
{
    struct engine *e = u->engine;
    const struct shared *s = e->shared;
    char text[64];
    do {
        struct buf b;
        buf_fixed(&b, text, sizeof text);
        buf_printf(&b, "%016llx%08llx", (unsigned long long)engine_random(e),
                   (unsigned long long)++e->id & 0xffffffff);
        u->request.call_id = buf_str(&b);
    } while (s->workers > 1 &&
             spread_owner(&s->spread, u->request.call_id, s->workers) != e->index);
    u->request.call_id = arena_dup(&u->memory, u->request.call_id);
    return u->request.call_id.p ? ERR_OK : ERR_NOMEM;
}

static bool is_token(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!ascii_alpha(s.p[i]) && !ascii_digit(s.p[i]) && !strchr("-.!%*_+`'~", s.p[i]))
            return false;
    return s.len > 0;
}

/* One line each: whoever made them from what others sent must not forge headers. */
static bool one_line(struct str s)
{
    return str_find(s, '\n', 0) < 0 && str_find(s, '\r', 0) < 0;
}

static bool sensible(const struct uac_request *r)
{
    struct uri u;
    return is_token(r->method) && uri_parse(&u, r->ruri) == ERR_OK && one_line(r->ruri) &&
           one_line(r->from) && one_line(r->to) && one_line(r->call_id) && r->from.len && r->to.len;
}

static struct uac *uac_new(struct engine *e, const struct uac_request *r, uac_done done, void *arg)
{
    struct arena memory;
    arena_init(&memory, &e->pool, MEMORY);
    struct uac *u = arena_zalloc(&memory, sizeof *u);
    if (!u)
        return NULL;
    u->memory = memory;
    u->engine = e;
    u->config = config_ref(e->config);
    u->request = *r;
    u->done = done;
    u->arg = arg;
    list_append(&e->uacs, &u->link);
    u->branch = token_branch(e, &u->memory);
    if (!r->cseq)
        u->request.cseq = 1;
    if (!u->branch.p || copy_texts(u) != ERR_OK ||
        (r->call_id.len == 0 && make_call_id(u) != ERR_OK)) {
        uac_free(u);
        return NULL;
    }
    return u;
}

int uac_send(struct engine *e, const struct uac_request *r, uac_done done, void *arg)
{
    if (!sensible(r))
        return ERR_SYNTAX;
    struct uac *u = uac_new(e, r, done, arg);
    if (!u)
        return ERR_NOMEM;
    enum failure f = dest_read(&u->dest, r->next_hop.len ? u->request.next_hop : u->request.ruri);
    if (f == FAIL_NONE)
        f = dest_resolve(e, &u->dest, &u->memory, resolved, u);
    if (f == FAIL_WAIT)
        return ERR_OK;
    bool sent = f == FAIL_NONE && start(u);
    if (sent && !u->request.once)
        return ERR_OK;
    uac_free(u);
    if (sent)
        return ERR_OK;
    return f == FAIL_BAD_URI ? ERR_SYNTAX : ERR_NOROUTE;
}

static struct uac *find_invite(struct engine *e, struct str call_id, uint32_t cseq)
{
    for (struct list *l = e->uacs.next; l != &e->uacs; l = l->next) {
        struct uac *u = container_of(l, struct uac, link);
        if (u->request.cseq == cseq && str_eq(u->request.call_id, call_id) &&
            str_eq(u->request.method, STR("INVITE")))
            return u;
    }
    return NULL;
}

int uac_cancel(struct engine *e, struct str call_id, uint32_t cseq)
{
    struct uac *u = find_invite(e, call_id, cseq);
    struct arena scratch;
    struct buf out;
    if (!u)
        return ERR_NOTFOUND;
    if (u->tx.state != TX_PROCEEDING)
        return ERR_STATE;
    struct uac *c = uac_new(e, &u->request, NULL, NULL);
    if (!c)
        return ERR_NOMEM;
    arena_init(&scratch, &e->pool, 4096);
    buf_init(&out, &c->memory, 512);
    int rc = build_cancel(&out, &scratch, u->bytes, c->config->user_agent_header);
    arena_reset(&scratch);
    c->branch = arena_dup(&c->memory, u->branch);
    if (rc != ERR_OK || out.failed || !c->branch.p) {
        uac_free(c);
        return ERR_NOMEM;
    }
    c->request.method = STR("CANCEL");
    c->bytes = buf_str(&out);
    tx_client_start(&e->tx, &c->tx, TX_NICT, METHOD_CANCEL, c->branch, &u->tx.flow, c->bytes,
                    &c->config->times, &uac_user);
    return ERR_OK;
}

/* A name that is being looked up has been told already (dest_free_all). */
void uac_free_all(struct engine *e)
{
    while (!list_empty(&e->uacs)) {
        struct uac *u = container_of(e->uacs.next, struct uac, link);
        tx_stop(&e->tx, &u->tx);
        tell(u, 0, NULL);
        uac_free(u);
    }
}

void uac_take(struct call *c, struct tx *x)
{
    struct engine *e = c->engine;
    txn_count(e, TM_STAT_received_replies, 1);
    tx_input(&e->tx, x, c->msg, e);
    call_free(c);
}

/* ---- the worker ---- */

unsigned engine_owner_of(const struct engine *e, struct str call_id)
{
    return e->shared->workers < 2 ? 0
                                  : spread_owner(&e->shared->spread, call_id, e->shared->workers);
}

uint64_t engine_transactions(const struct engine *e)
{
    return e->live_txns;
}

unsigned engine_index(const struct engine *e)
{
    return e->index;
}

unsigned engine_workers(const struct engine *e)
{
    return e->shared->workers;
}

uint64_t engine_now(const struct engine *e)
{
    return e->now;
}

int64_t engine_time(const struct engine *e)
{
    return (int64_t)(e->wall / 1000);
}

uint64_t engine_random(struct engine *e)
{
    return e->env.random(e->env.user);
}

unsigned engine_sockets(const struct engine *e)
{
    return e->shared->n_sockets;
}

const struct addr *engine_socket(const struct engine *e, unsigned i)
{
    return &e->shared->sockets[i].addr;
}

int engine_socket_for(struct engine *e, const struct addr *dst, int forced)
{
    struct call *c = call_new(e, e->config, ROUTE_LOCAL);
    if (!c)
        return -1;
    int i = dest_socket(c, dst, forced, 0);
    call_free(c);
    return i;
}

void engine_send_raw(struct engine *e, unsigned socket, const struct addr *dst, struct str bytes)
{
    e->env.send(e->env.user, (uint16_t)socket, dst, bytes);
}

/* Its number in the set; the count of modules when it is not there. */
static unsigned number_of(const struct engine *e, const struct module *m)
{
    const struct module_set *set = e->shared->set;
    unsigned i = 0;
    while (i < set->count && set->modules[i] != m)
        i++;
    return i;
}

void engine_count_stat(struct engine *e, const struct module *m, unsigned stat, int64_t n)
{
    unsigned i = number_of(e, m);
    if (i < e->shared->set->count)
        e->module_stats[e->shared->stat_base[i] + stat] += n;
}

void *engine_state(const struct engine *e, const struct module *m)
{
    unsigned i = number_of(e, m);
    return i < e->shared->set->count ? e->shared->module_state[i] : NULL;
}

const void *engine_conf(const struct engine *e, const struct module *m)
{
    unsigned i = number_of(e, m);
    bool loaded = i < e->shared->set->count && program_loaded(e->config->program, i);
    return loaded ? program_conf(e->config->program, i) : NULL;
}

const void *engine_api(const struct engine *e, const char *module)
{
    const struct module_set *set = e->shared->set;
    for (unsigned i = 0; i < set->count; i++)
        if (strcmp(set->modules[i]->symbols.name, module) == 0)
            return program_loaded(e->config->program, i) ? set->modules[i]->api : NULL;
    return NULL;
}

const struct config *version_hold(const struct call *c)
{
    return config_ref(c->config);
}

void version_release(const struct config *v)
{
    config_unref(v);
}

struct loop *engine_loop(struct engine *e)
{
    return e->loop;
}
