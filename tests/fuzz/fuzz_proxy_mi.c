/* Requests for management commands, whole and in parts. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "core/base/err.h"
#include "core/proxy/mi.h"

#define MUST(x)                                                                                    \
    do {                                                                                           \
        if (!(x))                                                                                  \
            abort();                                                                               \
    } while (0)

/* What was read must be in order, and there must be some way on. */
static int read_one(struct str text, bool whole, size_t *used)
{
    struct mi_request r;
    struct arena a;
    size_t bytes = 0;
    arena_init(&a, NULL, 512);
    int rc = mi_parse(&r, &a, text, whole, used);
    MUST(*used <= text.len && r.args <= MI_ARGS_MAX);
    for (unsigned i = 0; i < r.args; i++)
        bytes += r.arg[i].name.len + r.arg[i].value.len;
    MUST(bytes <= text.len);
    if (rc == ERR_OK)
        MUST(*used > 0 && r.command.len > 0);
    else if (rc != ERR_STATE)
        MUST(*used > 0);
    arena_reset(&a);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = str_make((const char *)data, size);
    size_t used, rounds = 0;
    int rc;
    read_one(text, true, &used);
    do {
        rc = read_one(text, false, &used);
        text = str_sub(text, used, text.len);
        MUST(++rounds <= size + 1);
    } while (rc != ERR_STATE && text.len);
    return 0;
}
