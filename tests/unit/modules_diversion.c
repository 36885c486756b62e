/* diversion. */
/* SPDX-License-Identifier: MIT */
#include "tests/unit/modules_fixture.h"

#define LOAD_DIVERSION LOAD "loadmodule \"diversion.so\"\n"

static void diversions(void **state)
{
    (void)state;
    run(LOAD_DIVERSION "route { rewriteuser(\"vm\"); add_diversion(\"user-busy\"); forward(); }",
        REQUEST("INVITE", "sip:bob@203.0.113.5", "X: y\n"));
    expect_text(0, "INVITE sip:vm@203.0.113.5");
    expect_text(0, "X: y\nDiversion: <sip:bob@203.0.113.5>;reason=user-busy\n\n");
    run(LOAD_DIVERSION "modparam(\"diversion\", \"suffix\", \";user=phone\")\n"
                       "route { add_diversion(\"away\"); forward(); }",
        REQUEST("INVITE", "sip:1@203.0.113.5", "Diversion: <sip:old@x>\nX: y\n"));
    expect_text(0, "\nDiversion: <sip:1@203.0.113.5;user=phone>;reason=away\nDiversion: <sip:old");
    assert_false(world_try(LOAD_DIVERSION "route { add_diversion(\"\"); }"));
    assert_false(world_try(LOAD_DIVERSION "route { add_diversion(\"a b\"); }"));
    assert_true(world_try(LOAD_DIVERSION "route { add_diversion(\"\\\"a b\\\"\"); }"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(diversions)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
