/* Functions of the core that write to the log, send, and say how to send. */
/* SPDX-License-Identifier: MIT */
#include "modules/core/priv.h"

/* ---- log ---- */

static int clamp_level(int32_t level)
{
    return level < LOG_ALERT_ ? LOG_ALERT_ : level > LOG_DBG_ ? LOG_DBG_ : level;
}

int core_log(struct call *c, const struct arg *args, unsigned n)
{
    (void)c, (void)n;
    log_raw(LOG_DBG_, args[0].v.s);
    return 1;
}

int core_log_level(struct call *c, const struct arg *args, unsigned n)
{
    (void)c, (void)n;
    log_raw(clamp_level(args[0].v.i), args[1].v.s);
    return 1;
}

int core_error(struct call *c, const struct arg *args, unsigned n)
{
    (void)c, (void)n;
    log_err("error(\"%.*s\", ...) does nothing", STR_ARG(args[0].v.s));
    return 1;
}

int core_setdebug(struct call *c, const struct arg *args, unsigned n)
{
    (void)c, (void)n;
    log_set_level(clamp_level(args[0].v.i));
    return 1;
}

int core_setdebug_default(struct call *c, const struct arg *args, unsigned n)
{
    (void)args, (void)n;
    log_set_level(program_setting_int(call_program(c), SETTING_DEBUG));
    return 1;
}

int core_nothing(struct call *c, const struct arg *args, unsigned n)
{
    (void)c, (void)args, (void)n;
    return 1;
}

/* ---- sending ---- */

int core_forward(struct call *c, const struct arg *args, unsigned n)
{
    (void)args, (void)n;
    return call_forward(c, STR_NONE);
}

int core_forward_to(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    return call_forward(c, args[0].v.s);
}

int core_send(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    return call_send_raw(c, args[0].v.s);
}

int core_force_rport(struct call *c, const struct arg *args, unsigned n)
{
    (void)args, (void)n;
    c->msg->force_rport = true;
    return 1;
}

int core_force_local_rport(struct call *c, const struct arg *args, unsigned n)
{
    (void)args, (void)n;
    c->local_rport = true;
    return 1;
}

int core_force_tcp_alias(struct call *c, const struct arg *args, unsigned n)
{
    (void)args, (void)n;
    return c->msg->src.proto == PROTO_UDP ? 1 : -1; /* streams have no aliases yet */
}

int core_set_advertised_address(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    c->advertised_host = args[0].v.s; /* a literal: lives as long as the program */
    return 1;
}

int core_set_advertised_port(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    if (args[0].v.i < 1 || args[0].v.i > 65535)
        return -1;
    c->advertised_port = (uint16_t)args[0].v.i;
    return 1;
}

/* Takes "proto:" off the front; PROTO_ANY when there is none. */
static int cut_proto(struct str *text)
{
    ptrdiff_t colon = str_find(*text, ':', 0);
    int proto = colon < 0 ? -1 : proto_parse(str_sub(*text, 0, (size_t)colon));
    if (proto < 0)
        return PROTO_ANY;
    *text = str_sub(*text, (size_t)colon + 1, text->len);
    return proto;
}

/* Takes ":port" off the end of "host:port" or "[v6]:port"; 0 when there is none, -1 for a bad one.
 */
static int cut_port(struct str *text)
{
    ptrdiff_t bracket = str_find(*text, ']', 0);
    ptrdiff_t colon = str_find(*text, ':', bracket < 0 ? 0 : (size_t)bracket);
    uint32_t port = 0;
    if (colon < 0 || (bracket < 0 && str_find(*text, ':', (size_t)colon + 1) >= 0))
        return 0; /* none, or a bare IPv6 address */
    struct str digits = str_sub(*text, (size_t)colon + 1, text->len);
    *text = str_sub(*text, 0, (size_t)colon);
    return str_u32(&port, digits, 65535) == ERR_OK ? (int)port : -1;
}

int core_find_socket(const struct call *c, struct str text)
{
    int proto = cut_proto(&text);
    int port = cut_port(&text);
    return port < 0 ? NO_SOCKET : call_find_socket(c, proto, text, (uint16_t)port);
}

int core_force_send_socket(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    int socket = core_find_socket(c, args[0].v.s);
    if (socket == NO_SOCKET) {
        log_warn("force_send_socket: no listening socket %.*s", STR_ARG(args[0].v.s));
        return -1;
    }
    c->target.socket = (int16_t)socket;
    return 1;
}

static int choose_blacklist(struct call *c, struct str name, bool use)
{
    if (call_use_blacklist(c, name, use) == ERR_OK)
        return 1;
    log_warn("there is no dst_blacklist %.*s", STR_ARG(name));
    return -1;
}

int core_use_blacklist(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    return choose_blacklist(c, args[0].v.s, true);
}

int core_unuse_blacklist(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    return choose_blacklist(c, args[0].v.s, false);
}

/* ---- variables ---- */

int core_pv_printf(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    struct value text = value_str(args[1].v.s);
    return pv_write(args[0].obj, c, call_host(), PV_SET, &text) > 0 ? 1 : -1;
}
