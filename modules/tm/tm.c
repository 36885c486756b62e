/* tm: transactions for scripts. The work is the proxy's (core/proxy); these rows lead to it. */
/* SPDX-License-Identifier: MIT */
#include "modules/tm/priv.h"

/* ---- relaying ---- */

/* t_relay(x): x is flags or a next hop; t_relay(hop, flags) has both. */
static int relay(struct call *c, const struct arg *args, unsigned n)
{
    struct str hop = n ? args[0].v.s : STR_NONE;
    unsigned flags = n > 1 ? (unsigned)args[1].v.i : n ? (unsigned)args[0].v.i : 0;
    return call_relay(c, hop, flags);
}

static bool hex_number(struct str text, int32_t *out)
{
    uint64_t n = 0;
    bool hex = str_istarts(text, STR("0x"));
    struct str digits = hex ? str_sub(text, 2, text.len) : text;
    for (size_t i = 0; i < digits.len; i++) {
        char l = ascii_lower(digits.p[i]);
        int d = ascii_digit(l) ? l - '0' : hex && l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
        if (d < 0 || n > INT32_MAX)
            return false;
        n = n * (hex ? 16 : 10) + (unsigned)d;
    }
    *out = (int32_t)n;
    return digits.len && n <= INT32_MAX;
}

static int prepare_flags_or_hop(struct prepare *p, unsigned argn, struct str text, struct arg *out)
{
    int32_t flags;
    (void)argn;
    if (text.len == 0) {
        buf_printf(p->error, "neither flags nor a next hop");
        return ERR_INVALID;
    }
    out->v = hex_number(text, &flags) ? value_both(STR_NONE, flags) : value_both(text, 0);
    return ERR_OK;
}

/* host, port as 1.0 had them. */
static int relay_over(struct call *c, const struct arg *args, enum proto proto)
{
    struct str hop =
        arena_printf(c->arena, "%s:%.*s:%d", proto_name(proto), STR_ARG(args[0].v.s), args[1].v.i);
    return hop.p ? call_relay(c, hop, 0) : -1;
}

static int relay_udp(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    return relay_over(c, args, PROTO_UDP);
}

static int relay_tcp(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    return relay_over(c, args, PROTO_TCP);
}

static int relay_tls(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    return relay_over(c, args, PROTO_TLS);
}

static int replicate(struct call *c, const struct arg *args, unsigned n)
{
    return call_replicate(c, args[0].v.s, n > 1 ? (unsigned)args[1].v.i : 0);
}

/* ---- the transaction ---- */

static int newtran(struct call *c, const struct arg *args, unsigned n)
{
    (void)args, (void)n;
    return call_newtran(c);
}

static int reply(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    return args[1].v.s.len ? call_reply(c, (unsigned)args[0].v.i, args[1].v.s) : -1;
}

static int check_trans(struct call *c, const struct arg *args, unsigned n)
{
    (void)args, (void)n;
    return call_check_trans(c);
}

static int release(struct call *c, const struct arg *args, unsigned n)
{
    (void)args, (void)n;
    return call_release(c);
}

static int flush_flags(struct call *c, const struct arg *args, unsigned n)
{
    (void)args, (void)n;
    return call_flush_flags(c);
}

static int was_cancelled(struct call *c, const struct arg *args, unsigned n)
{
    (void)args, (void)n;
    return call_was_cancelled(c);
}

static int local_replied(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    return call_local_replied(c, (enum local_which)args[0].v.i);
}

static int prepare_which(struct prepare *p, unsigned argn, struct str text, struct arg *out)
{
    static const char *const which[] = {
        [LOCAL_ALL] = "all", [LOCAL_BRANCH] = "branch", [LOCAL_LAST] = "last"};
    (void)argn;
    for (int i = LOCAL_ALL; i <= LOCAL_LAST; i++)
        if (str_eq(text, str_from(which[i]))) {
            out->v = value_int(i);
            return ERR_OK;
        }
    buf_printf(p->error, "\"%.*s\" is none of all, branch and last", STR_ARG(text));
    return ERR_INVALID;
}

static int check_status(struct call *c, const struct arg *args, unsigned n)
{
    struct regex_match m;
    char text[16];
    struct buf out;
    int code = call_reply_code(c);
    (void)n;
    if (code < 0 || c->kind == ROUTE_BRANCH)
        return -1;
    buf_fixed(&out, text, sizeof text);
    buf_u64(&out, (uint64_t)code);
    return regex_find(args[0].obj, buf_str(&out), 0, &m) > 0 ? 1 : -1;
}

/* ---- armed routes ---- */

static int on_failure(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    call_arm(c, ROUTE_FAILURE, args[0].v.i);
    return 1;
}

static int on_reply(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    call_arm(c, ROUTE_ONREPLY, args[0].v.i);
    return 1;
}

static int on_branch(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    call_arm(c, ROUTE_BRANCH, args[0].v.i);
    return 1;
}

/* ---- variables ---- */

static int get_branch_index(struct call *c, const struct pv_use *u, struct value *out)
{
    (void)u;
    *out = value_int(c->branch_index);
    return ERR_OK;
}

static int get_reply_code(struct call *c, const struct pv_use *u, struct value *out)
{
    int code = call_reply_code(c);
    (void)u;
    *out = value_int(code > 0 ? code : 0);
    return ERR_OK;
}

/* ---- rows ---- */

enum {
    R = ROUTE_REQUEST,
    F = ROUTE_FAILURE,
    O = ROUTE_ONREPLY,
    B = ROUTE_BRANCH,
    COPIES = FN_RELAYS | FN_MAY_STOP,
    RELAYS = COPIES | FN_HANDS_ON
};

/* clang-format off */
static const struct fn_spec functions[] = {
    {"t_relay", relay, 0, 0, {ARG_NONE}, R | F | O, RELAYS, NULL, "",
     "Forwards the request to R-URI and branches, in a transaction made for it when there is none "
     "yet. 1 sent; 0, and so the end of the script, for a retransmission and when it could not be "
     "sent and the caller was told so; below 0 in a failure route and behind t_newtran()."},
    {"t_relay", relay, 1, 1, {ARG_CUSTOM}, R | F | O, RELAYS, prepare_flags_or_hop,
     "flags or [proto:]host[:port]",
     "The same with flags (1 no automatic 100, 2 no automatic negative reply, 4 no further address "
     "when one fails), or to that next hop instead of where the URIs lead."},
    {"t_relay", relay, 2, 2, {ARG_HOSTPORT, ARG_HEX}, R | F | O, RELAYS, NULL,
     "[proto:]host[:port], flags", "The same with a next hop and flags."},
    {"t_relay_to_udp", relay_udp, 2, 2, {ARG_STR, ARG_UINT}, R | F, RELAYS | FN_OLD, NULL, "host, port",
     "The name of 1.0 for t_relay(\"udp:host:port\")."},
    {"t_relay_to_tcp", relay_tcp, 2, 2, {ARG_STR, ARG_UINT}, R | F, RELAYS | FN_OLD, NULL, "host, port",
     "The name of 1.0 for t_relay(\"tcp:host:port\")."},
    {"t_relay_to_tls", relay_tls, 2, 2, {ARG_STR, ARG_UINT}, R | F, RELAYS | FN_OLD, NULL, "host, port",
     "The name of 1.0 for t_relay(\"tls:host:port\")."},
    {"t_replicate", replicate, 1, 1, {ARG_STR}, R, COPIES, NULL, "uri",
     "Sends a copy of the request to that URI; its replies go nowhere."},
    {"t_replicate", replicate, 2, 2, {ARG_STR, ARG_HEX}, R, COPIES, NULL, "uri, flags",
     "The same with the flags of t_relay."},
    {"t_newtran", newtran, 0, 0, {ARG_NONE}, R, FN_MAY_STOP | FN_BEGINS, NULL, "",
     "Makes the transaction without sending anything. 1 made, or an ACK, which has none; 0, and so "
     "the end of the script, for a retransmission; below 0 when there is one already."},
    {"t_reply", reply, 2, 2, {ARG_CODE, ARG_FMT}, R | F, FN_REPLIES, call_check_reason, "code, reason",
     "Answers the request in its transaction. False without one, for an ACK, and after a final "
     "reply."},
    {"t_release", release, 0, 0, {ARG_NONE}, R, 0, NULL, "",
     "Ends the transaction without a reply."},
    {"t_check_trans", check_trans, 0, 0, {ARG_NONE}, R | B, FN_MAY_STOP, NULL, "",
     "Tells whether the request belongs to a transaction: for CANCEL that of the INVITE, for ACK "
     "that of the answered INVITE. A retransmission is answered again and ends the script."},
    {"t_on_failure", on_failure, 1, 1, {ARG_ROUTE_F}, R | F | O | B, FN_ARMS, NULL, "route",
     "Runs that failure_route once when every branch has failed; 0 takes it back."},
    {"t_on_reply", on_reply, 1, 1, {ARG_ROUTE_O}, R | F | O | B, FN_ARMS, NULL, "route",
     "Runs that onreply_route for every reply of the transaction; 0 takes it back."},
    {"t_on_branch", on_branch, 1, 1, {ARG_ROUTE_B}, R | F | O | B, FN_ARMS, NULL, "route",
     "Runs that branch_route for every branch before it is sent; 0 takes it back."},
    {"t_check_status", check_status, 1, 1, {ARG_RE}, R | F | O | B, 0, NULL, "expression",
     "True when the expression matches the status code: of the reply in an onreply_route, of the "
     "chosen reply in a failure_route, of the last one sent elsewhere."},
    {"t_flush_flags", flush_flags, 0, 0, {ARG_NONE}, R | B, 0, NULL, "",
     "Copies the message flags into the transaction now. False without one."},
    {"t_local_replied", local_replied, 1, 1, {ARG_CUSTOM}, R | F | O | B, 0, prepare_which,
     "\"all\", \"branch\" or \"last\"",
     "True when no branch got an answer from outside (all), the chosen branch got none (branch), or "
     "the last reply was made here (last)."},
    {"t_was_cancelled", was_cancelled, 0, 0, {ARG_NONE}, F | O, 0, NULL, "",
     "True when the caller has cancelled."},
    {"t_write_req", tm_write_req, 2, 2, {ARG_CUSTOM, ARG_CUSTOM}, R | F | B, FN_RELAYS, tm_prepare_info,
     "fifo, action[/append]",
     "Describes the request to the program that reads a named pipe, which answers it by the management "
     "command t_reply. 1: it has got it; -1: without transaction, or nobody reads."},
    {"t_write_unix", tm_write_unix, 2, 2, {ARG_CUSTOM, ARG_CUSTOM}, R | F | B, FN_RELAYS, tm_prepare_info,
     "socket, action[/append]", "The same through a unix datagram socket."},
    {.name = NULL},
};
/* clang-format on */

static const struct pv_spec variables[] = {
    {"T_branch_idx", get_branch_index, NULL, NULL, 0, 0,
     "In a branch_route the number of the branch, from 1; else 0"},
    {"T_reply_code", get_reply_code, NULL, NULL, 0, 0,
     "Code of the reply in an onreply_route, of the chosen one in a failure_route, of the last one "
     "sent elsewhere; else 0"},
    {.name = NULL},
};

#define PARAM_CONF struct tm_conf
#define X(name, number, lowest, unit_, doc)                                                        \
    PARAM_NUMBER(#name, name, lowest, INT32_MAX, number, doc, .unit = unit_),

static const struct param_spec params[] = {
    /* clang-format off */
    TM_NUMBER_LIST(X)
    /* clang-format on */
    PARAM_STRING("fr_timer_avp", fr_timer_avp_text, NULL,
                 "AVP with a fr_timer for one transaction, in seconds"),
    PARAM_STRING("fr_inv_timer_avp", fr_inv_timer_avp_text, NULL,
                 "AVP with a fr_inv_timer for one transaction, in seconds"),
    PARAM_SET("tw_append", PARAM_STR, tm_add_append,
              "name:element;element, what t_write_req and t_write_unix add: label=$variable, or "
              "$rb for the body"),
    PARAM_OLD("noisy_ctimer", PARAM_INT,
              "of 1.0-1.3: taken and not used, a timeout is always told"),
    PARAM_OLD("branch_flag_mask", PARAM_INT, "of 1.0 and 1.1: taken and not used, see setbflag"),
    PARAM_OLD("retr_timer1p1", PARAM_INT, "of 1.0 and 1.1: taken and not used, see T1_timer"),
    PARAM_OLD("retr_timer1p2", PARAM_INT, "of 1.0 and 1.1: taken and not used, see T1_timer"),
    PARAM_OLD("retr_timer1p3", PARAM_INT, "of 1.0 and 1.1: taken and not used, see T1_timer"),
    PARAM_OLD("retr_timer2", PARAM_INT, "of 1.0 and 1.1: taken and not used, see T2_timer"),
    {.name = NULL},
};
#undef X

static int conf_check(struct prepare *p, void *data)
{
    struct tm_conf *conf = data;
    if (conf->T2_timer <= conf->T1_timer) {
        buf_printf(p->error, "T2_timer (%d ms) must be longer than T1_timer (%d ms)",
                   conf->T2_timer, conf->T1_timer);
        return ERR_INVALID;
    }
    int rc = prepare_avp_param(p, "fr_timer_avp", conf->fr_timer_avp_text, &conf->fr_timer_avp);
    if (rc != ERR_OK)
        return rc;
    return prepare_avp_param(p, "fr_inv_timer_avp", conf->fr_inv_timer_avp_text,
                             &conf->fr_inv_timer_avp);
}

#define STAT(name_, doc_) {#name_, TM_STAT_##name_ == TM_STATS - 1, doc_},
static const struct stat_spec stats[] = {TM_STAT_LIST(STAT){.name = NULL}};

const struct module tm_module = {
    .abi = MODULE_ABI,
    .symbols = {.name = "tm",
                .doc = "Transactions: forwarding with retransmission, forking and failure routes.",
                .functions = functions,
                .variables = variables,
                .params = params,
                .conf_size = sizeof(struct tm_conf),
                .conf_check = conf_check},
    .stats = stats,
    .start = tm_start,
    .stop = tm_stop,
    .leave = tm_leave,
    .commands = tm_commands,
};
