/* Flags of the header names, for this folder only; the look-ups themselves are in msg.h. */
/* SPDX-License-Identifier: MIT */
#ifndef SIP_HEADER_H
#define SIP_HEADER_H

#include "core/sip/msg.h"

enum hdr_flag { HDR_IS_SINGLE = 1, HDR_IS_LIST = 2 };

/* The flags of the list for this id. */
unsigned hdr_flags(enum hdr_id id);

#endif
