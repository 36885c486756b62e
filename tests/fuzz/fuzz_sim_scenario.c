/* Any bytes as a scenario: findings or a tree, never more. */
/* SPDX-License-Identifier: MIT */
#include <stddef.h>
#include <stdint.h>

#include "core/sim/scenario.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 20000)
        return 0;
    struct scenario *s = scenario_load_text(STR("fuzz.scn"), str_make((const char *)data, size));
    FILE *out = s ? fopen("/dev/null", "w") : NULL;
    if (out) {
        diag_print(scenario_findings(s), out);
        fclose(out);
    }
    scenario_free(s);
    return 0;
}
