/* The core as a module: what every script has without loading anything. */
/* SPDX-License-Identifier: MIT */
#include "modules/core/priv.h"

#define A0                                                                                         \
    {                                                                                              \
        ARG_NONE                                                                                   \
    }
#define A1(a)                                                                                      \
    {                                                                                              \
        a                                                                                          \
    }
#define A2(a, b)                                                                                   \
    {                                                                                              \
        a, b                                                                                       \
    }

static const struct fn_spec functions[] = {
#define FN(name, function, min, max, kinds, flags, usage, doc)                                     \
    {name, function, min, max, kinds, ROUTE_ANY, flags, NULL, usage, doc},
#include "modules/core/function.def"
#undef FN
    {.name = NULL},
};

static const struct pv_spec variables[] = {
#define PV(name, get, set, prepare, code, flags, doc) {name, get, set, prepare, code, flags, doc},
#include "modules/core/variable.def"
#undef PV
    {.name = NULL},
};

const struct module core_module = {
    .abi = MODULE_ABI,
    .symbols = {.name = "core",
                .doc = "Functions and variables that every script has.",
                .functions = functions,
                .variables = variables},
    .commands = mi_core_commands,
};
