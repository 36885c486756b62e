/* Inside of the tm module. */
/* SPDX-License-Identifier: MIT */
#ifndef MODULES_TM_PRIV_H
#define MODULES_TM_PRIV_H

#include "core/module.h"

extern const struct module tm_module;

enum { TW_ELEMENTS = 32, TM_WORKERS = 128 };

/* write.c: t_write_req and t_write_unix, their second argument, and tw_append; what waits for room
 * lies in the module's state. */
int tm_write_req(struct call *c, const struct arg *args, unsigned n);
int tm_write_unix(struct call *c, const struct arg *args, unsigned n);
int tm_prepare_info(struct prepare *p, unsigned argn, struct str text, struct arg *out);
int tm_add_append(struct prepare *p, void *conf, const struct value *v);
void *tm_start(const struct module_start *begin, bool *failed);
void tm_stop(void *state);
void tm_leave(void *state, unsigned worker);

/* Management commands (mi.c). */
extern const struct mi_command tm_commands[];

#endif
