/* What siptrace makes of a stranger's text is one that every database takes: UTF-8 without NUL, not
 * longer than the column, and the same when it is looked at again. And lines as the kernel might
 * write them in /proc, for ratelimit. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "modules/ratelimit/measure.h"
#include "modules/siptrace/priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = str_make((const char *)data, size);
    struct cpu_time cpu;
    struct addr local;
    struct arena a;
    uint64_t waiting;
    size_t most = size ? data[0] : 0;
    arena_init(&a, NULL, 1024);
    struct str kept = trace_text(&a, text, most);
    if (!kept.p || kept.len != (size < most ? size : most) || str_find(kept, 0, 0) >= 0)
        abort();
    struct str again = trace_text(&a, kept, most);
    if (again.p != kept.p && kept.len)
        abort(); /* something was still bad */
    if (cpu_line(text, &cpu) && cpu.busy > cpu.all)
        abort();
    if (udp_line(text, &local, &waiting) && (waiting > UINT32_MAX || !local.ip.family))
        abort();
    arena_reset(&a);
    return 0;
}
