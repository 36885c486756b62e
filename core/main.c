/* signalbox: arguments, then a command or the server. */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/options.h"
#include "core/serve.h"
#include "core/tools.h"
#include "modules/registry.h"

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(const struct options *o, const struct module_set *set);
    } commands[] = {{"check", tool_check}, {"explain", tool_explain}, {"dump", tool_dump},
                    {"run", tool_run},     {"test", tool_test},       {"explore", tool_explore},
                    {"db", tool_db},       {"ctl", tool_ctl},         {"help", tool_help}};
    struct options o;
    int rc = options_parse(&o, argc, argv);
    if (rc >= 0)
        return rc;
    const struct module_set *set = module_set();
    for (unsigned i = 0; o.command && i < sizeof commands / sizeof *commands; i++)
        if (strcmp(o.command, commands[i].name) == 0)
            return commands[i].run(&o, set);
    if (!o.file && access(DEFAULT_SCRIPT, F_OK) != 0) {
        fputs("signalbox: which script? There is no " DEFAULT_SCRIPT "; 'signalbox -f FILE' runs "
              "FILE, 'signalbox --help' tells more\n",
              stderr);
        return 2;
    }
    if (!o.file)
        o.file = DEFAULT_SCRIPT;
    return o.check ? tool_check(&o, set) : serve(&o, set);
}
