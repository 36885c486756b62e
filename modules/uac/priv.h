/* Inside of the uac module. */
/* SPDX-License-Identifier: MIT */
#ifndef MODULES_UAC_PRIV_H
#define MODULES_UAC_PRIV_H

#include "core/module.h"

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
