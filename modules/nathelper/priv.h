/* Inside of the nathelper module. */
/* SPDX-License-Identifier: MIT */
#ifndef MODULES_NATHELPER_PRIV_H
#define MODULES_NATHELPER_PRIV_H

#include "core/module.h"

extern const struct module nathelper_module;

struct nathelper_conf {
    struct str received_avp_text, nortpproxy_str;
    const struct pv_ref *received_avp; /* made of its text, or NULL */
    int32_t natping_interval, ping_nated_only, sipping_bflag;
    struct str sipping_from, sipping_method, force_socket;
    struct rtp_set *rtp_sets; /* of rtpproxy_sock */
    int32_t rtpproxy_disable_tout, rtpproxy_retr, rtpproxy_tout;
};

/* What was done to this message already. */
struct nathelper_slot {
    bool contact_fixed;
    uint32_t sdp_fixed; /* bits of fix_nated_sdp */
    uint32_t rtp_set;   /* of set_rtp_proxy_set */
};

/* A function as scripts call it; what each does stands in its row in nathelper.c. */
typedef int script_function(struct call *c, const struct arg *args, unsigned n);

/* contact.c: looking at and changing addresses in headers. */
script_function nathelper_uac_test, nathelper_fix_contact, nathelper_fix_register,
    nathelper_add_rcv_param;
/* sdp.c */
script_function nathelper_fix_sdp;
/* rtpproxy.c */
script_function nathelper_force_rtp, nathelper_unforce_rtp, nathelper_record, nathelper_rtp_set;
/* Prepare hooks: proxies must be there, letters known, the set declared. */
int nathelper_check_rtp(struct prepare *p, unsigned argn, struct str text, struct arg *out);
int nathelper_check_set(struct prepare *p, unsigned argn, struct str text, struct arg *out);
/* ping.c: the pings of this second; whether the parameters for them fit. */
void nathelper_on_second(struct engine *e, void *state, const void *conf);
int nathelper_check_ping(struct prepare *p, struct nathelper_conf *conf);
/* Management commands (mi.c). */
extern const struct mi_command nathelper_commands[];

/* Whether the text is an address of RFC 1918. */
bool nathelper_is_private(struct str host);
/* The body when it is SDP; without Content-Type it is taken for that. */
struct str nathelper_sdp(const struct msg *m);
/* An address in a line: "IN IP4 address"; family is that of the line. */
struct media_ip {
    struct str text;
    unsigned family;
};
/* Address of a c= or o= line; a multicast TTL behind it is not part of it. */
bool nathelper_line_ip(struct str line, struct media_ip *out);
/* Whether the first c= line of the body has such an address. */
bool nathelper_sdp_is_private(const struct msg *m);

/* Offset of a piece of the message in its bytes. */
static inline size_t offset_of(const struct call *c, const char *p)
{
    return (size_t)(p - c->msg->raw.p);
}

#endif
