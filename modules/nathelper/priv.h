/* Inside of the nathelper module. */
/* SPDX-License-Identifier: MIT */
#ifndef MODULES_NATHELPER_PRIV_H
#define MODULES_NATHELPER_PRIV_H

#include "core/module.h"

extern const struct module nathelper_module;

struct nathelper_conf {
    struct str received_avp_text, nortpproxy_str, unused;
    const struct pv_ref *received_avp; /* made of its text, or NULL */
    int32_t natping_interval, number;
};

/* What was done to this message already. */
struct nathelper_slot {
    bool contact_fixed;
    uint32_t sdp_fixed; /* bits of fix_nated_sdp */
};

/* A function as scripts call it; what each does stands in its row in nathelper.c. */
typedef int script_function(struct call *c, const struct arg *args, unsigned n);

/* contact.c: looking at and changing addresses in headers. */
script_function nathelper_uac_test, nathelper_fix_contact, nathelper_fix_register,
    nathelper_add_rcv_param;
/* sdp.c */
script_function nathelper_fix_sdp;

/* Whether the text is an address of RFC 1918. */
bool nathelper_is_private(struct str host);
/* Whether the first c= line of the body has such an address. */
bool nathelper_sdp_is_private(const struct msg *m);

/* Offset of a piece of the message in its bytes. */
static inline size_t offset_of(const struct call *c, const char *p)
{
    return (size_t)(p - c->msg->raw.p);
}

#endif
