/* From a host to addresses (RFC 3263 4). A name without transport and port is asked for NAPTR,
 * which say the transports; a name without port for SRV of each transport, in their order, until
 * one has some; what they name, or the name itself, for addresses. Everything known is used at
 * once; else it waits for the answer (dns.h) and goes on. */
/* SPDX-License-Identifier: MIT */
#include "core/base/err.h"
#include "core/base/log.h"
#include "core/proxy/dest.h"

enum { SERVICES = 6, HOSTS = 12 };

enum stage { ASK_NAPTR, ASK_SRV, ASK_ADDRESS, FOUND };

/* An SRV name to be asked, or (plain) a host to go to. */
struct service_name {
    struct str name;
    uint8_t proto;
    bool plain;
};

struct place {
    struct str name;
    uint16_t port;
    uint8_t proto;
    bool asked_v4;
};

struct locate {
    struct list link; /* of engine.lookups, while it waits */
    struct engine *engine;
    struct dest *dest;
    struct arena *arena;
    dest_done done;
    void *arg;
    struct dns_wait wait;
    enum stage stage;
    bool v4, v6;  /* families to look for */
    bool refused; /* an SRV says that there is no such service */
    unsigned services, at_service, hosts, at_host;
    struct service_name service[SERVICES];
    struct place host[HOSTS];
};

/* ---- addresses ---- */

/* Nothing is sent to port 0, to everybody, or to nobody, whatever a URI or DNS says. */
static bool addr_usable(const struct addr *a)
{
    const uint8_t *b = a->ip.b;
    if (a->port == 0 || ip_is_any(&a->ip))
        return false;
    if (a->ip.family == 4)
        return b[0] < 224;
    return a->ip.family == 6 && b[0] != 0xff;
}

static void add_addr(struct dest *d, const struct ip *ip, uint16_t port, uint8_t proto)
{
    struct addr a = {.ip = *ip, .port = port, .proto = proto};
    if (d->count == DEST_ADDRS || !addr_usable(&a))
        return;
    for (unsigned i = 0; i < d->count; i++)
        if (addr_eq(&d->addr[i], &a))
            return;
    d->addr[d->count++] = a;
}

static bool has_socket(const struct engine *e, uint8_t proto, uint8_t family)
{
    for (unsigned i = 0; i < e->shared->n_sockets; i++) {
        const struct addr *a = &e->shared->sockets[i].addr;
        if (a->proto == proto && (family == 0 || a->ip.family == family))
            return true;
    }
    return false;
}

/* ---- what comes next ---- */

static void add_host(struct locate *l, struct str name, uint16_t port, uint8_t proto)
{
    if (l->hosts < HOSTS)
        l->host[l->hosts++] = (struct place){.name = name, .port = port, .proto = proto};
}

static uint16_t default_port(uint8_t proto)
{
    return proto == PROTO_TLS ? 5061 : 5060;
}

static void add_service(struct locate *l, struct str name, uint8_t proto, bool plain)
{
    if (name.p && l->services < SERVICES && has_socket(l->engine, proto, 0))
        l->service[l->services++] = (struct service_name){name, proto, plain};
}

/* The SRV name of the destination for a transport (RFC 3263 4.1). */
static void add_transport(struct locate *l, uint8_t proto)
{
    static const char *const prefix[] = {[PROTO_UDP] = "_sip._udp.",
                                         [PROTO_TCP] = "_sip._tcp.",
                                         [PROTO_TLS] = "_sips._tcp.",
                                         [PROTO_SCTP] = "_sip._sctp."};
    if (has_socket(l->engine, proto, 0))
        add_service(l, arena_printf(l->arena, "%s%.*s", prefix[proto], STR_ARG(l->dest->host)),
                    proto, false);
}

/* Every transport we have, the one the RFC has for a sip: URI first. */
static void add_transports(struct locate *l)
{
    add_transport(l, PROTO_UDP);
    add_transport(l, PROTO_TCP);
    add_transport(l, PROTO_TLS);
}

/* No name server says where it is but the name's own address. */
static void only_host(struct locate *l)
{
    const struct dest *d = l->dest;
    if (!l->refused)
        add_host(l, d->host, d->port, d->proto);
}

static void ask_hosts(struct locate *l)
{
    l->stage = ASK_ADDRESS;
    struct ip ip;
    for (unsigned i = 1; i < l->hosts; i++) /* all at once: the answers are there when needed */
        if (host_ip(&ip, l->host[i].name) != ERR_OK)
            dns_look(l->engine, l->host[i].name, l->v4 ? DNS_A : DNS_AAAA, NULL, NULL);
}

/* ---- answers ---- */

static int transport_of(struct str service)
{
    if (str_ieq(service, STR("SIP+D2U")))
        return PROTO_UDP;
    if (str_ieq(service, STR("SIP+D2T")))
        return PROTO_TCP;
    return str_ieq(service, STR("SIPS+D2T")) ? PROTO_TLS : -1;
}

static bool goes_before(const struct dns_record *a, const struct dns_record *b)
{
    return a->order != b->order ? a->order < b->order : a->weight < b->weight;
}

/* By order, then preference; only what we can send by (RFC 3263 4.1). */
static void take_naptr(struct locate *l, const struct dns_answer *a)
{
    bool taken[DNS_RECORDS] = {false};
    for (unsigned round = 0; round < a->n; round++) {
        int best = -1;
        for (unsigned i = 0; i < a->n; i++)
            if (!taken[i] && (best < 0 || goes_before(&a->record[i], &a->record[best])))
                best = (int)i;
        const struct dns_record *r = &a->record[best];
        taken[best] = true;
        int proto = transport_of(r->service);
        if (proto >= 0 && r->name.len && (r->flag == 's' || r->flag == 'a'))
            add_service(l, arena_dup(l->arena, r->name), (uint8_t)proto, r->flag == 'a');
    }
    if (l->services == 0)
        add_transports(l);
    l->stage = ASK_SRV;
}

/* One of the records of a priority, by weight: the number drawn falls into its share (RFC 2782).
 * Those of weight 0 have hardly any. */
static int draw(struct engine *e, const struct dns_answer *a, const bool *taken, uint16_t priority)
{
    uint64_t sum = 0, at = 0;
    int last = -1;
    for (unsigned i = 0; i < a->n; i++)
        if (!taken[i] && a->record[i].order == priority)
            sum += a->record[i].weight * 100ul + 1;
    uint64_t drawn = sum ? e->env.random(e->env.user) % sum : 0;
    for (unsigned i = 0; i < a->n; i++) {
        if (taken[i] || a->record[i].order != priority)
            continue;
        last = (int)i;
        at += a->record[i].weight * 100ul + 1;
        if (drawn < at)
            break;
    }
    return last;
}

static void take_srv(struct locate *l, const struct dns_answer *a, uint8_t proto)
{
    bool taken[DNS_RECORDS] = {false};
    if (a->n == 1 && a->record[0].name.len == 0) {
        l->refused = true; /* "." (RFC 2782) */
        return;
    }
    for (unsigned round = 0; round < a->n; round++) {
        uint32_t lowest = UINT32_MAX;
        for (unsigned i = 0; i < a->n; i++)
            if (!taken[i] && a->record[i].order < lowest)
                lowest = a->record[i].order;
        int i = draw(l->engine, a, taken, (uint16_t)lowest);
        taken[i] = true;
        struct str name = arena_dup(l->arena, a->record[i].name);
        if (name.p && name.len)
            add_host(l, name, a->record[i].port, proto);
    }
}

/* The answer to the question at hand. */
static void take_answer(struct locate *l, const struct dns_answer *a)
{
    struct place *h = &l->host[l->at_host];
    switch (l->stage) {
    case ASK_NAPTR:
        if (a->status == DNS_SILENT)
            l->stage = FOUND; /* nobody will answer the next question either */
        else
            take_naptr(l, a);
        break;
    case ASK_SRV:
        if (a->status == DNS_SILENT && l->hosts == 0)
            l->stage = FOUND;
        take_srv(l, a, l->service[l->at_service++].proto);
        break;
    default:
        for (unsigned i = 0; i < a->n; i++)
            add_addr(l->dest, &a->record[i].ip, h->port, h->proto);
        bool found = a->n > 0;
        if (!found && !h->asked_v4 && l->v4 && l->v6)
            h->asked_v4 = true; /* and now the other family */
        else
            l->at_host++;
    }
}

/* The question that comes next; false when there is none any more. */
static bool next_question(struct locate *l, struct str *name, enum dns_type *type)
{
    while (l->stage == ASK_SRV) {
        if (l->hosts || l->at_service == l->services) {
            if (l->hosts == 0)
                only_host(l);
            ask_hosts(l);
        } else if (l->service[l->at_service].plain) {
            const struct service_name *s = &l->service[l->at_service++];
            add_host(l, s->name, default_port(s->proto), s->proto);
        } else {
            *name = l->service[l->at_service].name;
            *type = DNS_SRV;
            return true;
        }
    }
    if (l->stage == FOUND || l->dest->count == DEST_ADDRS)
        return false;
    if (l->stage == ASK_NAPTR) {
        *name = l->dest->host;
        *type = DNS_NAPTR;
        return true;
    }
    while (l->at_host < l->hosts) {
        const struct place *h = &l->host[l->at_host];
        struct ip ip;
        if (host_ip(&ip, h->name) == ERR_OK) { /* an address in place of a name: seen in SRV */
            add_addr(l->dest, &ip, h->port, h->proto);
            l->at_host++;
            continue;
        }
        *name = h->name;
        *type = l->v4 && !h->asked_v4 ? DNS_A : DNS_AAAA;
        return true;
    }
    return false;
}

static void told(struct dns_wait *w, const struct dns_answer *a);

static enum failure go(struct locate *l)
{
    struct str name;
    enum dns_type type;
    while (next_question(l, &name, &type)) {
        const struct dns_answer *a = dns_look(l->engine, name, type, &l->wait, told);
        if (!a) {
            if (!l->link.next)
                list_append(&l->engine->lookups, &l->link);
            return FAIL_WAIT;
        }
        take_answer(l, a);
    }
    return l->dest->count ? FAIL_NONE : FAIL_UNRESOLVED;
}

static void told(struct dns_wait *w, const struct dns_answer *a)
{
    struct locate *l = container_of(w, struct locate, wait);
    take_answer(l, a);
    if (go(l) == FAIL_WAIT)
        return;
    list_remove(&l->link);
    l->dest->locate = NULL;
    l->done(l->dest, l->arg);
}

/* ---- beginning and end ---- */

static struct locate *locate_new(struct engine *e, struct dest *d, struct arena *a, dest_done done,
                                 void *arg)
{
    struct locate *l = arena_zalloc(a, sizeof *l);
    if (!l)
        return NULL;
    l->engine = e;
    l->dest = d;
    l->arena = a;
    l->done = done;
    l->arg = arg;
    d->locate = l;
    return l;
}

static enum failure finished(struct dest *d, enum failure f)
{
    if (f != FAIL_WAIT)
        d->locate = NULL;
    return f;
}

enum failure dest_addresses(struct engine *e, struct dest *d, uint8_t family, struct arena *a,
                            dest_done done, void *arg)
{
    struct locate *l = locate_new(e, d, a, done, arg);
    if (!l)
        return FAIL_NO_MEMORY;
    l->v4 = family == 4 || (family == 0 && has_socket(e, d->proto, 4));
    l->v6 = family == 6 || (family == 0 && has_socket(e, d->proto, 6));
    only_host(l);
    l->stage = ASK_ADDRESS;
    return finished(d, go(l));
}

enum failure dest_resolve(struct engine *e, struct dest *d, struct arena *a, dest_done done,
                          void *arg)
{
    if (!d->proto_given && !has_socket(e, d->proto, 0) && has_socket(e, PROTO_TCP, 0))
        d->proto = PROTO_TCP;
    if (!has_socket(e, d->proto, 0)) /* sips: without TLS leads nowhere, as in the reference */
        return d->proto == PROTO_TLS ? FAIL_UNRESOLVED : FAIL_NO_TRANSPORT;
    if (d->ip.family) {
        add_addr(d, &d->ip, d->port, d->proto);
        return d->count ? FAIL_NONE : FAIL_UNRESOLVED;
    }
    if (d->port_given)
        return dest_addresses(e, d, 0, a, done, arg);
    struct locate *l = locate_new(e, d, a, done, arg);
    if (!l)
        return FAIL_NO_MEMORY;
    l->v4 =
        has_socket(e, PROTO_UDP, 4) || has_socket(e, PROTO_TCP, 4) || has_socket(e, PROTO_TLS, 4);
    l->v6 =
        has_socket(e, PROTO_UDP, 6) || has_socket(e, PROTO_TCP, 6) || has_socket(e, PROTO_TLS, 6);
    if (d->proto_given)
        add_transport(l, d->proto);
    else if (!program_setting_int(e->config->program, SETTING_DNS_TRY_NAPTR))
        add_transports(l);
    l->stage = l->services ? ASK_SRV : ASK_NAPTR;
    return finished(d, go(l));
}

void dest_forget(struct dest *d)
{
    struct locate *l = d->locate;
    if (!l)
        return;
    dns_forget(&l->wait);
    if (l->link.next)
        list_remove(&l->link);
    d->locate = NULL;
}

void dest_free_all(struct engine *e)
{
    while (!list_empty(&e->lookups)) {
        struct locate *l = container_of(e->lookups.next, struct locate, link);
        dest_forget(l->dest);
        l->done(NULL, l->arg);
    }
}
