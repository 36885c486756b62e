/* The commands that run no server. */
/* SPDX-License-Identifier: MIT */
#ifndef CORE_TOOLS_H
#define CORE_TOOLS_H

#include "core/options.h"
#include "core/proxy/shared.h"

/* Each returns the exit status of the program: 0 fine, 1 mistakes found, 2 cannot be used so. */
int tool_check(const struct options *o, const struct module_set *set);
int tool_explain(const struct options *o, const struct module_set *set);
int tool_dump(const struct options *o, const struct module_set *set);
int tool_run(const struct options *o, const struct module_set *set);
int tool_test(const struct options *o, const struct module_set *set);
int tool_explore(const struct options *o, const struct module_set *set);
int tool_db(const struct options *o, const struct module_set *set);
int tool_ctl(const struct options *o, const struct module_set *set);
int tool_help(const struct options *o, const struct module_set *set);

#endif
