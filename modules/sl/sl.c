/* sl: replies without a transaction, and the ACKs they cause kept away from the script. */
/* SPDX-License-Identifier: MIT */
#include "core/module.h"

extern const struct module sl_module;

enum {
    STAT_1XX, /* the classes stand first, in their order */
    STAT_6XX = 5,
    STAT_SENT,
    STAT_SENT_ERR,
    STAT_ACKS
};

struct conf {
    int32_t enable_stats;
};

static void count(const struct call *c, unsigned stat)
{
    const struct conf *conf = call_conf(c, &sl_module);
    if (conf->enable_stats)
        call_count(c, &sl_module, stat, 1);
}

static int answer(struct call *c, unsigned code, struct str reason, unsigned stat)
{
    if (c->msg->method == METHOD_ACK || code < 100 || code > 699 || reason.len == 0)
        return -1;
    int rc = call_sl_reply(c, code, reason);
    if (rc < 0)
        return rc;
    count(c, STAT_1XX + code / 100 - 1);
    count(c, stat);
    return rc;
}

static int send_reply(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    return answer(c, (unsigned)args[0].v.i, args[1].v.s, STAT_SENT);
}

static int reply_error(struct call *c, const struct arg *args, unsigned n)
{
    struct str reason;
    int code = call_last_error(c, &reason);
    (void)args, (void)n;
    return answer(c, (unsigned)code, reason, STAT_SENT_ERR);
}

/* An ACK that carries the To tag of our own reply has done its work when it arrives: also that of a
 * reply which the engine sent without asking a script. */
static bool on_request(struct call *c)
{
    if (c->msg->method != METHOD_ACK || c->msg->to_tag.len == 0 ||
        !str_eq(c->msg->to_tag, call_sl_tag(c)))
        return true;
    count(c, STAT_ACKS);
    return false;
}

static const struct fn_spec functions[] = {
    {"sl_send_reply",
     send_reply,
     2,
     2,
     {ARG_CODE, ARG_FMT},
     ROUTE_REQUEST | ROUTE_ERROR,
     FN_REPLIES,
     call_check_reason,
     "code, reason",
     "Answers the request once, without a transaction. True when it was sent; false for an ACK, "
     "for a code outside 100-699 and when it cannot be sent."},
    {"sl_reply_error",
     reply_error,
     0,
     0,
     {ARG_NONE},
     ROUTE_REQUEST,
     FN_REPLIES,
     NULL,
     "",
     "Answers with the code and reason of the last internal error, 500 when there was none."},
    {.name = NULL},
};

#define PARAM_CONF struct conf

static const struct param_spec params[] = {
    PARAM_SWITCH("enable_stats", enable_stats, 1, "Whether the statistics are counted."),
    {.name = NULL},
};

static const struct stat_spec stats[] = {
    {"1xx_replies", false, "Stateless provisional replies."},
    {"2xx_replies", false, "Stateless positive replies."},
    {"3xx_replies", false, "Stateless redirections."},
    {"4xx_replies", false, "Stateless replies of class 4xx."},
    {"5xx_replies", false, "Stateless replies of class 5xx."},
    {"6xx_replies", false, "Stateless replies of class 6xx."},
    {"sent_replies", false, "Replies sent by sl_send_reply."},
    {"sent_err_replies", false, "Replies sent by sl_reply_error."},
    {"received_ACKs", false, "ACKs to stateless replies that the script did not see."},
    {.name = NULL},
};

const struct module sl_module = {
    .abi = MODULE_ABI,
    .symbols = {.name = "sl",
                .doc = "Replies without a transaction.",
                .functions = functions,
                .params = params,
                .conf_size = sizeof(struct conf)},
    .stats = stats,
    .on_request = on_request,
};
