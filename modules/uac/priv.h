/* Inside of the uac module. */
/* SPDX-License-Identifier: MIT */
#ifndef MODULES_UAC_PRIV_H
#define MODULES_UAC_PRIV_H

#include "core/module.h"

extern const struct module uac_module;

enum restore_mode { RESTORE_NONE, RESTORE_MANUAL, RESTORE_AUTO };

/* Who we are to a server. */
struct uac_credential {
    struct uac_credential *next;
    struct str user, realm, password;
};

/* A parameter that names an AVP. */
struct uac_avp {
    struct str text;
    const struct pv_ref *pv; /* made of it, or NULL */
};

struct uac_conf {
    struct str mode_text, rr_store_param, from_passwd;
    enum restore_mode mode; /* made of mode_text */
    struct uac_credential *credentials;
    struct uac_avp auth_user, auth_realm, auth_password;
};

/* auth.c: takes the parameter credential; the script's function. */
int uac_credential(struct prepare *p, void *data, const struct value *v);
int uac_auth(struct call *c, const struct arg *args, unsigned n);

/* Longest URI that is hidden in a Record-Route. */
enum { UAC_MASK_MAX = 255 };

/* mask.c: one URI and another become a text from which, with either of them, the other can be had:
 * their difference, and that to a password, in base64 with '-' at the end. */

/* ERR_LIMIT when one of them is too long, ERR_NOMEM. */
int uac_mask(struct str *out, struct arena *a, struct str one, struct str other,
             struct str password);
/* ERR_SYNTAX when the text is none, or what comes out is no URI. */
int uac_unmask(struct str *other, struct arena *a, struct str masked, struct str one,
               struct str password);

#endif
