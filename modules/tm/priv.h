/* Inside of the tm module. */
/* SPDX-License-Identifier: MIT */
#ifndef MODULES_TM_PRIV_H
#define MODULES_TM_PRIV_H

#include "core/module.h"

/* Management commands (mi.c). */
extern const struct mi_command tm_commands[];

#endif
