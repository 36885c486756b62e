/* The modules of this tree, in one list: built ones and those known by name only. */
/* SPDX-License-Identifier: MIT */
#ifndef MODULES_REGISTRY_H
#define MODULES_REGISTRY_H

#include "core/proxy/shared.h"

/* All modules; [0] is the core, always loaded. Lives as long as the program. */
const struct module_set *module_set(void);

#endif
