/* siptrace: keeps messages: as rows of a table, as copies to somebody who collects them. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "modules/siptrace/priv.h"

enum { STAT_REQUESTS, STAT_REPLIES, STAT_WRITTEN, STAT_REFUSED, STAT_LOST };
static const struct stat_spec stats[] = {
    [STAT_REQUESTS] = {"traced_requests", false, "requests traced"},
    [STAT_REPLIES] = {"traced_replies", false, "replies traced"},
    [STAT_WRITTEN] = {"trace_rows", false, "rows written to the database"},
    [STAT_REFUSED] = {"trace_refused", false, "rows that the database did not take"},
    [STAT_LOST] = {"trace_lost", false, "rows lost because too many waited for the database"},
    {0},
};

/* ---- tracing ---- */

static bool flagged(const struct call *c, const struct conf *conf)
{
    return conf->flag >= 0 && c->flags & (uint32_t)1 << conf->flag;
}

/* Whether a message of this call is traced as things are now. */
static bool wanted(struct call *c)
{
    const struct conf *conf = call_conf(c, &siptrace_module);
    struct state *s = call_state(c, &siptrace_module);
    return atomic_load(&s->on) && (flagged(c, conf) || trace_avp(c, conf->user_avp, NULL));
}

static void send_copy(struct call *c, const struct conf *conf, struct str bytes)
{
    int socket = engine_socket_for(c->engine, &conf->copy_to, -1);
    if (socket >= 0)
        engine_send_raw(c->engine, (unsigned)socket, &conf->copy_to, bytes);
}

/* True when it is kept, as far as it can be known now. */
static bool trace(struct call *c, const struct passing *p)
{
    const struct conf *conf = call_conf(c, &siptrace_module);
    const struct state *s = call_state(c, &siptrace_module);
    if (!wanted(c))
        return false;
    call_count(c, &siptrace_module, c->msg->request ? STAT_REQUESTS : STAT_REPLIES, 1);
    if (conf->copy_to.ip.family)
        send_copy(c, conf, p->bytes);
    return !s->journal || trace_rows(c, p, flagged(c, conf));
}

static int sip_trace(struct call *c, const struct arg *args, unsigned n)
{
    const struct msg *m = c->msg;
    struct passing p = {.bytes = m->raw, .from = m->src, .to = m->local, .socket = m->socket};
    (void)args, (void)n;
    return trace(c, &p) ? 1 : -1;
}

static void on_passing(struct call *c, const struct passing *p)
{
    const struct conf *conf = call_conf(c, &siptrace_module);
    if (p->out || c->msg->method != METHOD_ACK || conf->ack)
        trace(c, p);
}

/* ---- life ---- */

static bool ours(const struct module_start *begin, const struct addr *a)
{
    for (unsigned i = 0; i < begin->sockets; i++) {
        const struct addr *s = &begin->socket[i];
        if (s->port == a->port && (ip_eq(&s->ip, &a->ip) || ip_is_any(&s->ip)))
            return true;
    }
    return false;
}

/* A copy that comes back to us would be traced for ever. */
static bool copies_go_elsewhere(const struct module_start *begin)
{
    const struct conf *conf = begin->conf;
    if (!conf->copy_to.ip.family || !ours(begin, &conf->copy_to))
        return true;
    buf_printf(begin->why, "%ssiptrace: duplicate_uri is one of our own sockets",
               begin->why->len ? "; " : "");
    return false;
}

static void *start(const struct module_start *begin, bool *failed)
{
    const struct conf *conf = begin->conf;
    *failed = true;
    struct state *s = copies_go_elsewhere(begin) ? calloc(1, sizeof *s) : NULL;
    if (!s)
        return NULL;
    atomic_init(&s->on, conf->on);
    s->journal = begin->db ? journal_new(begin->db, (unsigned)conf->db_waiting) : NULL;
    *failed = begin->db && !s->journal;
    return s;
}

static void stop(void *state)
{
    struct state *s = state;
    journal_free(s->journal);
    free(s);
}

static bool reload(void *state, const void *old_conf, const struct module_start *next)
{
    const struct state *s = state;
    (void)old_conf;
    if (!next->db != !s->journal) {
        buf_printf(next->why, "%ssiptrace: rows cannot begin or end live",
                   next->why->len ? "; " : "");
        return false;
    }
    return copies_go_elsewhere(next);
}

/* What sip_trace on or off said holds until the script says otherwise. */
static void reloaded(void *state, const void *old_conf, const struct module_start *next)
{
    const struct conf *a = old_conf, *b = next->conf;
    struct state *s = state;
    if (a->on != b->on)
        atomic_store(&s->on, b->on);
}

static void on_second(struct engine *e, void *state, const void *conf)
{
    struct state *s = state;
    (void)conf;
    if (!s->journal)
        return;
    journal_second(s->journal, engine_index(e), engine_loop(e));
    if (engine_index(e) != 0)
        return;
    struct journal_counts n = journal_take_counts(s->journal);
    engine_count_stat(e, &siptrace_module, STAT_WRITTEN, (int64_t)n.written);
    engine_count_stat(e, &siptrace_module, STAT_REFUSED, (int64_t)n.refused);
    engine_count_stat(e, &siptrace_module, STAT_LOST, (int64_t)n.lost);
}

/* ---- management command ---- */

static enum mi_next mi_switch(struct mi *m)
{
    struct state *s = mi_state(m);
    struct str how = mi_arg(m, 0);
    if (mi_args(m) == 0) {
        mi_line(m, 0, NULL, "%s", atomic_load(&s->on) ? "on" : "off");
        return MI_DONE;
    }
    if (!str_ieq(how, STR("on")) && !str_ieq(how, STR("off")))
        return mi_fail(m, 400, "Bad parameter: on or off");
    atomic_store(&s->on, str_ieq(how, STR("on")));
    return MI_DONE;
}

static const struct mi_command commands[] = {
    {"sip_trace", "[on|off]", "Switches tracing on or off, or tells whether it is on.", 0, 1, 0,
     NULL, mi_switch},
    {.name = NULL},
};

/* ---- parameters ---- */

/* Where copies go: nothing is looked up for it, so it is an address. */
static int prepare_copies(struct prepare *p, struct conf *conf)
{
    struct uri u;
    struct str text = conf->duplicate_uri;
    if (text.len == 0)
        return ERR_OK;
    if (uri_parse(&u, text) == ERR_OK && u.scheme == URI_SIP && uri_transport(&u) == PROTO_UDP &&
        host_ip(&conf->copy_to.ip, u.host) == ERR_OK) {
        conf->copy_to.port = uri_port(&u);
        conf->copy_to.proto = PROTO_UDP;
        return ERR_OK;
    }
    buf_printf(p->error, "duplicate_uri is not sip:address:port, by UDP: \"%.*s\"", STR_ARG(text));
    return ERR_INVALID;
}

static int conf_check(struct prepare *p, void *data)
{
    struct conf *conf = data;
    int rc = prepare_avp_param(p, "traced_user_avp", conf->user_avp_text, &conf->user_avp);
    if (rc == ERR_OK)
        rc = prepare_avp_param(p, "trace_table_avp", conf->table_avp_text, &conf->table_avp);
    return rc == ERR_OK ? prepare_copies(p, conf) : rc;
}

/* Copies alone need no database. */
static bool uses_database(const void *data)
{
    const struct conf *conf = data;
    return conf->db_url.len || !conf->duplicate_uri.len;
}

#define ROWS_WAIT "rows may wait for the database"

#define PARAM_CONF struct conf

static const struct param_spec params[] = {
    PARAM_FLAG("trace_flag", flag, "Message flag of what is traced."),
    PARAM_SWITCH("trace_on", on, 0, "1: tracing is on from the start."),
    PARAM_SWITCH("enable_ack_trace", ack, 0,
                 "1: the ACK for a reply that ends here is traced too."),
    PARAM_STRING("traced_user_avp", user_avp_text, NULL,
                 "AVP of the users for whom a message is traced."),
    PARAM_STRING("trace_table_avp", table_avp_text, NULL,
                 "AVP of the table to write to instead of table."),
    PARAM_STRING("duplicate_uri", duplicate_uri, NULL,
                 "Where a copy of each message goes: sip:address:port."),
    PARAM_STRING("trace_local_ip", local_ip, NULL, "What stands for our own address in rows."),
    PARAM_STRING("db_url", db_url, NULL, "The database.", .fixed = ROWS_WAIT),
    PARAM_STRING("table", table, "sip_trace", "The table."),
    PARAM_STRING("date_column", column[COL_DATE], "time_stamp", "Column of the time."),
    PARAM_STRING("callid_column", column[COL_CALL_ID], "callid", "Column of the Call-ID."),
    PARAM_STRING("traced_user_column", column[COL_USER], "traced_user", "Column of the user."),
    PARAM_STRING("msg_column", column[COL_MSG], "msg", "Column of the message."),
    PARAM_STRING("method_column", column[COL_METHOD], "method", "Column of the method."),
    PARAM_STRING("status_column", column[COL_STATUS], "status", "Column of the status code."),
    PARAM_STRING("fromip_column", column[COL_FROM_IP], "fromip",
                 "Column of the address it comes from."),
    PARAM_STRING("toip_column", column[COL_TO_IP], "toip", "Column of the address it goes to."),
    PARAM_STRING("fromtag_column", column[COL_FROM_TAG], "fromtag", "Column of the From tag."),
    PARAM_STRING("direction_column", column[COL_DIRECTION], "direction", "Column of in and out."),
    PARAM_NUMBER("db_waiting", db_waiting, 1, 10000000, 10000,
                 "Rows that may wait while the database is away.", .fixed = ROWS_WAIT),
    {.name = NULL},
};

enum { ROUTES = ROUTE_REQUEST | ROUTE_FAILURE | ROUTE_ONREPLY | ROUTE_BRANCH | ROUTE_LOCAL };

/* clang-format off */
static const struct fn_spec functions[] = {
    {"sip_trace", sip_trace, 0, 0, {ARG_NONE}, ROUTES, 0, NULL, "",
     "Traces the message as it was received. -1 when tracing is off, neither flag nor AVP is set, or the "
     "row is lost."},
    {.name = NULL},
};
/* clang-format on */

static const struct db_use db_use = {.url = offsetof(struct conf, db_url), .wanted = uses_database};

const struct module siptrace_module = {
    .abi = MODULE_ABI,
    .symbols = {.name = "siptrace",
                .doc = "Keeps messages in a table, or sends copies of them.",
                .functions = functions,
                .params = params,
                .conf_size = sizeof(struct conf),
                .conf_check = conf_check},
    .stats = stats,
    .db = &db_use,
    .start = start,
    .stop = stop,
    .reload = reload,
    .reloaded = reloaded,
    .watches = wanted,
    .on_passing = on_passing,
    .on_second = on_second,
    .commands = commands,
};
