/* Any bytes as a script: findings or a program, which is then dumped. */
/* SPDX-License-Identifier: MIT */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "../unit/lang_catalog.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void count(void *user, const struct finding *f, struct str text)
{
    size_t *bytes = user;
    if (f->text.len == 0)
        abort(); /* a finding without words */
    *bytes += text.len;
}

static void check_places(const struct diag *d, size_t size)
{
    for (const struct finding *f = d->first; f; f = f->next)
        if (f->loc.line > size + 1 || f->loc.column > size + 1)
            abort(); /* a place outside of the script */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct diag d;
    size_t bytes = 0;
    diag_init(&d);
    d.warn = true;
    struct program *p = program_compile_text(STR("fuzz.cfg"), str_make((const char *)data, size),
                                             &test_catalog, &d);
    if ((p == NULL) != (d.errors > 0))
        abort(); /* refused without a reason, or accepted with one */
    check_places(&d, size);
    diag_each(&d, count, &bytes);
    FILE *nowhere = p ? fopen("/dev/null", "w") : NULL;
    if (nowhere) {
        program_dump(p, nowhere);
        fclose(nowhere);
    }
    program_free(p);
    diag_free(&d);
    return 0;
}
