/* SPDX-License-Identifier: MIT */
#include "core/proxy/directory.h"

#include <string.h>

#include "core/module.h"

static unsigned name_place(const char *name)
{
    uint64_t key = 0;
    for (; *name; name++)
        key = key * 31 + (unsigned char)*name;
    return directory_place(key);
}

static void put(uint8_t *table, unsigned at, unsigned index)
{
    while (table[at] != DIRECTORY_NONE)
        at = (at + 1) % DIRECTORY_SIZE;
    table[at] = (uint8_t)index;
}

void directory_fill(struct directory *d, const struct module *const *modules, unsigned n)
{
    memset(d, DIRECTORY_NONE, sizeof *d);
    for (unsigned i = 0; i < n; i++) {
        put(d->by_address, directory_place((uintptr_t)modules[i]), i);
        put(d->by_name, name_place(modules[i]->symbols.name), i);
    }
}

unsigned directory_named(const struct directory *d, const struct module *const *modules,
                         const char *name)
{
    unsigned at = name_place(name);
    while (d->by_name[at] != DIRECTORY_NONE &&
           strcmp(modules[d->by_name[at]]->symbols.name, name) != 0)
        at = (at + 1) % DIRECTORY_SIZE;
    return d->by_name[at];
}
