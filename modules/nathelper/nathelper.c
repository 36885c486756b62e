/* nathelper: phones behind NAT: noticing them and putting their addresses right. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "modules/nathelper/rtpproxy.h"

/* ---- prepare hooks ---- */

/* fix_nated_register() is of no use without the AVP. */
static int needs_avp(struct prepare *p, unsigned argn, struct str text, struct arg *out)
{
    const struct nathelper_conf *conf = prepare_conf(p, &nathelper_module.symbols);
    (void)argn, (void)text, (void)out;
    if (conf && conf->received_avp)
        return ERR_OK;
    buf_printf(p->error, "the parameter received_avp of nathelper is not set");
    return ERR_INVALID;
}

static int check_ip(struct prepare *p, unsigned argn, struct str text, struct arg *out)
{
    struct ip ip;
    (void)out;
    if (argn == 0 || str_find(text, '$', 0) >= 0 ||
        (ip_parse(&ip, text) == ERR_OK && ip.family == 4))
        return ERR_OK;
    buf_printf(p->error, "\"%.*s\" is no IPv4 address", STR_ARG(text));
    return ERR_INVALID;
}

/* ---- rows ---- */

enum {
    R = ROUTE_REQUEST,
    ROB = ROUTE_REQUEST | ROUTE_ONREPLY | ROUTE_BRANCH | ROUTE_LOCAL,
    ALL = ROB | ROUTE_FAILURE,
};

/* clang-format off */
static const struct fn_spec functions[] = {
    {"nat_uac_test", nathelper_uac_test, 1, 1, {ARG_UINT}, ALL, 0, NULL, "mask",
     "True when one of these tests is: 1 private address in Contact, 2 Via names another host than "
     "the sender, 4 private address in Via, 8 private address in SDP, 16 Via names another port."},
    {"fix_nated_contact", nathelper_fix_contact, 0, 0, {ARG_NONE}, ROB, 0, NULL, "",
     "Puts the sender's address and port into the first Contact. False when there is none to change."},
    {"fix_nated_sdp", nathelper_fix_sdp, 1, 1, {ARG_UINT}, ALL, 0, NULL, "mask",
     "Changes the SDP body: 1 adds a=direction:active, 2 puts the sender's address into c= lines, 4 "
     "adds nortpproxy_str, 8 puts it into o= lines. False without SDP and for IPv6."},
    {"fix_nated_sdp", nathelper_fix_sdp, 2, 2, {ARG_UINT, ARG_FMT}, ALL, 0, check_ip, "mask, address",
     "The same with this address."},
    {"fix_nated_register", nathelper_fix_register, 0, 0, {ARG_NONE}, R, 0, needs_avp, "",
     "Puts the sender as a URI into the AVP received_avp, for save() of registrar."},
    {"add_rcv_param", nathelper_add_rcv_param, 0, 1, {ARG_UINT}, R, 0, NULL, "[in URI]",
     "Adds the sender as parameter received to every Contact, to its URI when the number is not 0. "
     "False for *, and for what cannot be parsed."},
    {"force_rtp_proxy", nathelper_force_rtp, 0, 0, {ARG_NONE}, ALL, 0, nathelper_check_rtp, "",
     "Leads the media of the SDP body through RTPProxy: a request takes ports there, a reply gets what "
     "was taken. False without SDP, without a proxy, and when it was done already."},
    {"force_rtp_proxy", nathelper_force_rtp, 1, 2, {ARG_STR, ARG_FMT}, ALL, 0, nathelper_check_rtp,
     "flags[, address]", "The same by flags, a r l f i e w o c s, and with this address."},
    {"unforce_rtp_proxy", nathelper_unforce_rtp, 0, 0, {ARG_NONE}, ALL, 0, nathelper_check_rtp, "",
     "Gives the ports of the call back."},
    {"start_recording", nathelper_record, 0, 0, {ARG_NONE}, R | ROUTE_ONREPLY, 0, nathelper_check_rtp, "",
     "Has the media of the call recorded."},
    {"set_rtp_proxy_set", nathelper_rtp_set, 1, 1, {ARG_UINT}, ALL, 0, nathelper_check_set, "set",
     "Uses the proxies of that set for this message."},
    {.name = NULL},
};
/* clang-format on */

#define PARAM_CONF struct nathelper_conf

static const struct param_spec params[] = {
    PARAM_STRING("received_avp", received_avp_text, NULL,
                 "AVP in which fix_nated_register() leaves the sender; the one of registrar."),
    PARAM_STRING("nortpproxy_str", nortpproxy_str, "a=nortpproxy:yes",
                 "Line that fix_nated_sdp(\"4\") adds, or empty."),
    PARAM_NUMBER("natping_interval", natping_interval, 0, 86400, 0,
                 "How often each contact of usrloc is pinged; 0: never.", .unit = "s"),
    PARAM_SET("rtpproxy_sock", PARAM_STR, rtp_add_socks,
              "[set ==] url[=weight] url ...: the RTPProxies; may be given several times."),
    PARAM_NUMBER("rtpproxy_disable_tout", rtpproxy_disable_tout, 0, 86400, 60,
                 "How long an RTPProxy is left alone that does not answer.", .unit = "s"),
    PARAM_NUMBER("rtpproxy_retr", rtpproxy_retr, 0, 100, 5,
                 "How often a question is repeated over UDP."),
    PARAM_NUMBER("rtpproxy_tout", rtpproxy_tout, 0, 60, 1, "How long each answer is waited for.",
                 .unit = "s"),
    PARAM_OLD("rtpproxy_disable", PARAM_INT, "Taken, not used yet."),
    PARAM_SWITCH("ping_nated_only", ping_nated_only, 0,
                 "1: only contacts with usrloc's nat_bflag are pinged."),
    PARAM_FLAG("sipping_bflag", sipping_bflag,
               "Contacts with this branch flag are pinged by a request, others by four zero bytes.",
               .unit = "flag"),
    PARAM_STRING("sipping_from", sipping_from, NULL, "From of those requests; they need one."),
    PARAM_STRING("sipping_method", sipping_method, "OPTIONS", "Their method."),
    PARAM_STRING("force_socket", force_socket, NULL,
                 "Our socket, address:port, for contacts of which none is known."),
    PARAM_OLD("natping_processes", PARAM_INT, "Taken, not used yet."),
    PARAM_OLD("natping_socket", PARAM_STR, "Taken, not used yet."),
    {.name = NULL},
};

static int conf_check(struct prepare *p, void *data)
{
    struct nathelper_conf *conf = data;
    int rc = nathelper_check_ping(p, conf);
    if (rc != ERR_OK)
        return rc;
    return prepare_avp_param(p, "received_avp", conf->received_avp_text, &conf->received_avp);
}

static void *start(const struct module_start *begin, bool *failed)
{
    struct rtp_state *s = rtp_state_new();
    (void)begin;
    *failed = !s;
    return s;
}

static void stop(void *state)
{
    free(state);
}

static void leave(void *state, unsigned worker)
{
    rtp_state_leave(state, worker);
}

const struct module nathelper_module = {
    .abi = MODULE_ABI,
    .symbols = {.name = "nathelper",
                .doc = "Notices phones behind NAT, corrects their addresses, steers RTPProxy.",
                .functions = functions,
                .params = params,
                .conf_size = sizeof(struct nathelper_conf),
                .conf_check = conf_check},
    .slot_size = sizeof(struct nathelper_slot),
    .start = start,
    .stop = stop,
    .leave = leave,
    .on_second = nathelper_on_second,
    .commands = nathelper_commands,
};
