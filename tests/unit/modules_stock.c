/* The constructs of OpenSER 1.3's own configuration, its comments switched on: nothing is wrong
 * with them, apart from modules that are not built yet. */
/* SPDX-License-Identifier: MIT */
#include "tests/unit/modules_fixture.h"

static void the_stock_configuration_is_clean(void **state)
{
    struct diag d;
    unsigned wrong = 0;
    (void)state;
    diag_init(&d);
    struct config *c = config_load(module_set(), "tests/lang/stock-1.3.cfg", &d);
    for (const struct finding *f = d.first; f; f = f->next)
        if (f->level == DIAG_ERROR && str_search(f->text, STR("not built yet"), 0) < 0) {
            print_error("line %u: %.*s\n", f->loc.line, STR_ARG(f->text));
            wrong++;
        }
    print_message("%u modules or features are not built yet\n", d.errors - wrong);
    assert_int_equal(wrong, 0);
    assert_true((c == NULL) == (d.errors > 0));
    config_free(c);
    diag_free(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_stock_configuration_is_clean)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
