/* Anything as a name server's response: what comes out has sense, and stays within its bounds. The
 * first byte of the input chooses the type. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "core/base/dns.h"
#include "core/base/err.h"

#define MUST(x)                                                                                    \
    do {                                                                                           \
        if (!(x))                                                                                  \
            abort();                                                                               \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum dns_type types[] = {DNS_A, DNS_AAAA, DNS_SRV, DNS_NAPTR};
    struct dns_answer a, copy;
    struct arena memory;
    if (size < 1)
        return 0;
    char *bytes = malloc(size);
    memcpy(bytes, data + 1, size - 1);
    arena_init(&memory, NULL, 1024);
    struct str name = data[0] & 4 ? STR_NONE : STR("example.com");
    MUST(dns_parse(&a, &memory, name, types[data[0] & 3], str_make(bytes, size - 1)) == ERR_OK);
    free(bytes);
    MUST(a.n <= DNS_RECORDS && a.ttl <= DNS_LONGEST);
    MUST((a.status == DNS_FOUND) == (a.n > 0));
    for (unsigned i = 0; i < a.n; i++) {
        const struct dns_record *r = &a.record[i];
        MUST(r->name.len <= DNS_NAME && r->service.len <= 255);
        for (size_t k = 0; k < r->name.len; k++)
            MUST(r->name.p[k] > ' ' && r->name.p[k] < 127);
    }
    MUST(dns_answer_copy(&copy, &a, &memory) == ERR_OK && copy.n == a.n);
    arena_reset(&memory);
    return 0;
}
