/* What --trace shows: each message in and out and each script line that ran, one log line each. */
/* SPDX-License-Identifier: MIT */
#ifndef CORE_TRACE_H
#define CORE_TRACE_H

#include "core/base/addr.h"
#include "lang/program.h"

/* "<- udp:192.0.2.1:5060  INVITE sip:bob@example.com  a84b4c@host"; in: received, else sent. */
void trace_message(bool in, const struct addr *peer, struct str bytes);
/* "   voicemail.cfg:42  t_relay();" */
void trace_line(const struct program *p, struct loc at);

#endif
