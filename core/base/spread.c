/* Which of several workers a call belongs to. */
/* SPDX-License-Identifier: MIT */
#include "core/base/spread.h"

struct spread spread_from(struct hash_key key)
{
    uint64_t h = hash_str(key, STR("spread"));
    return (struct spread){(uint32_t)h, (uint32_t)(h >> 32) | 1};
}

unsigned spread_owner(const struct spread *s, struct str call_id, unsigned n)
{
    uint32_t h = s->start;
    for (size_t i = 0; i < call_id.len && i < SPREAD_BYTES; i++) {
        uint8_t byte = (uint8_t)call_id.p[i];
        if (byte <= ' ')
            break;
        h = h * s->factor + byte;
    }
    h = (h ^ h >> SPREAD_SHIFT_1) * SPREAD_FACTOR;
    return (h ^ h >> SPREAD_SHIFT_2) % n;
}
