/* Values of contacts in Redis, which anybody may have written: what is read can be written and read
 * again as the same. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "modules/usrloc/cluster.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ucontact c, again;
    struct str edge, edge_again;
    struct arena a;
    struct buf b;
    if (cluster_parse(&c, &edge, str_make((const char *)data, size)) != ERR_OK)
        return 0;
    arena_init(&a, NULL, 4096);
    buf_init(&b, &a, 512);
    cluster_value(&b, &c, edge);
    if (b.failed || cluster_parse(&again, &edge_again, buf_str(&b)) != ERR_OK ||
        !str_eq(edge, edge_again) || !str_eq(c.call_id, again.call_id) || c.q != again.q ||
        !str_eq(c.path, again.path) || c.expires != again.expires)
        abort();
    struct str path = cluster_path(&a, &c, edge);
    if (!path.p || path.p[0] != '<')
        abort();
    arena_reset(&a);
    return 0;
}
