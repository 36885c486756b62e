/* The list of modules, expanded from module.def and planned.def. */
/* SPDX-License-Identifier: MIT */
#include "modules/registry.h"

#include "core/module.h"

#define MODULE(name) extern const struct module name##_module;
#include "modules/module.def"
#undef MODULE

enum {
#define PLANNED(id, name, doc) PLANNED_##id,
#include "modules/planned.def"
#undef PLANNED
    PLANNED_COUNT
};

static const struct module planned[PLANNED_COUNT] = {
#define PLANNED(id, name_, doc_)                                                                   \
    [PLANNED_##id] = {.abi = MODULE_ABI, .symbols = {.name = name_, .doc = doc_, .planned = true}},
#include "modules/planned.def"
#undef PLANNED
};

static const struct module *const modules[] = {
#define MODULE(name) &name##_module,
#include "modules/module.def"
#undef MODULE
#define PLANNED(id, name, doc) &planned[PLANNED_##id],
#include "modules/planned.def"
#undef PLANNED
    NULL,
};

static const struct symbols *const symbols[] = {
#define MODULE(name) &name##_module.symbols,
#include "modules/module.def"
#undef MODULE
#define PLANNED(id, name, doc) &planned[PLANNED_##id].symbols,
#include "modules/planned.def"
#undef PLANNED
    NULL,
};

enum { MODULES = sizeof modules / sizeof *modules - 1 };

const struct module_set *module_set(void)
{
    static const struct module_set set = {modules, MODULES, {symbols, MODULES}};
    return &set;
}
