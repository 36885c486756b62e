/* Variables of addresses, of the process and of the time. */
/* SPDX-License-Identifier: MIT */
#include "modules/core/priv.h"

#include <time.h>
#include <unistd.h>

static const struct addr *end_of(const struct call *c, const struct pv_use *u)
{
    return u->spec->code == END_SOURCE ? &c->msg->src : &c->msg->local;
}

int core_get_ip(struct call *c, const struct pv_use *u, struct value *out)
{
    char mem[IP_TEXT];
    const struct addr *a = end_of(c, u);
    *out = VALUE_NULL;
    if (a->ip.family == 0)
        return ERR_OK; /* a request of our own */
    struct str text = arena_dup(c->arena, ip_text_long(mem, &a->ip));
    *out = value_str(text);
    return text.p ? ERR_OK : ERR_NOMEM;
}

int core_get_port(struct call *c, const struct pv_use *u, struct value *out)
{
    const struct addr *a = end_of(c, u);
    *out = a->ip.family == 0 ? VALUE_NULL : value_int(a->port);
    return ERR_OK;
}

int core_get_proto(struct call *c, const struct pv_use *u, struct value *out)
{
    enum proto p = c->msg->src.proto;
    (void)u;
    *out = p == PROTO_ANY ? VALUE_NULL : value_both(str_from(proto_name(p)), (int32_t)p);
    return ERR_OK;
}

int core_get_fs(struct call *c, const struct pv_use *u, struct value *out)
{
    char mem[ADDR_TEXT];
    (void)u;
    *out = VALUE_NULL;
    if (c->target.socket == NO_SOCKET)
        return ERR_OK;
    const struct addr *a = call_socket(c, (unsigned)c->target.socket);
    struct str text = arena_dup(c->arena, addr_text(mem, a));
    *out = value_str(text);
    return text.p ? ERR_OK : ERR_NOMEM;
}

int core_set_fs(struct call *c, const struct pv_use *u, enum pv_assign op, const struct value *v)
{
    (void)u, (void)op;
    if (value_is_null(v)) {
        c->target.socket = NO_SOCKET;
        return 1;
    }
    if (!(v->flags & VAL_STR))
        return -1;
    int socket = core_find_socket(c, v->s);
    if (socket == NO_SOCKET)
        log_warn("$fs: no listening socket %.*s", STR_ARG(v->s));
    else
        c->target.socket = (int16_t)socket;
    return 1;
}

int core_get_pid(struct call *c, const struct pv_use *u, struct value *out)
{
    (void)c, (void)u;
    *out = value_int((int32_t)getpid());
    return ERR_OK;
}

int core_get_time(struct call *c, const struct pv_use *u, struct value *out)
{
    (void)u;
    *out = value_int((int32_t)call_time(c));
    return ERR_OK;
}

int core_get_time_text(struct call *c, const struct pv_use *u, struct value *out)
{
    char mem[64];
    struct tm parts;
    time_t now = (time_t)call_time(c);
    (void)u;
    if (!localtime_r(&now, &parts))
        return ERR_STATE;
    size_t n = strftime(mem, sizeof mem, "%a %b %e %H:%M:%S %Y", &parts);
    struct str text = arena_dup(c->arena, str_make(mem, n));
    *out = value_both(text, (int32_t)now);
    return text.p ? ERR_OK : ERR_NOMEM;
}
