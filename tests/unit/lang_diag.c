/* Findings: order, places, long lines, tabs, hints. */
/* SPDX-License-Identifier: MIT */
#include "tests/lib/unit.h"

#include "lang/diag.h"

/* What diag_print writes; freed by the next call. */
static const char *printed(const struct diag *d)
{
    static char *text;
    size_t size = 0;
    free(text);
    text = NULL;
    FILE *f = open_memstream(&text, &size);
    diag_print(d, f);
    fclose(f);
    return text;
}

static struct loc at(unsigned line, unsigned column, unsigned length)
{
    return (struct loc){0, line, column, line, column + length};
}

static void order_and_places(void **state)
{
    struct diag d;
    (void)state;
    diag_init(&d);
    assert_int_equal(diag_source(&d, STR("a.cfg"), STR("one two\n\tthree four\r\nfive")), 0);
    diag_add(&d, DIAG_ERROR, NULL, at(3, 1, 4), "last");
    diag_add(&d, DIAG_WARNING, "code", at(2, 8, 4), "second");
    diag_hint(&d, "did you mean '%s'?", "for");
    diag_add(&d, DIAG_NOTE, NULL, at(1, 5, 3), "first");
    assert_string_equal(printed(&d), "a.cfg:1:5: note: first\n"
                                     "    one two\n"
                                     "        ^~~\n"
                                     "a.cfg:2:8: warning: second [code]\n"
                                     "    \tthree four\n"
                                     "    \t      ^~~~\n"
                                     "    hint: did you mean 'for'?\n"
                                     "a.cfg:3:1: error: last\n"
                                     "    five\n"
                                     "    ^~~~\n");
    assert_int_equal(d.errors, 1);
    assert_int_equal(d.warnings, 1);
    assert_int_equal(d.notes, 1);
    diag_free(&d);
    diag_free(&d);
}

static void said_once(void **state)
{
    struct diag d;
    (void)state;
    diag_init(&d);
    diag_source(&d, STR("a"), STR("x y\n"));
    diag_add(&d, DIAG_ERROR, NULL, at(1, 1, 1), "same");
    diag_add(&d, DIAG_ERROR, NULL, at(1, 1, 1), "same");
    diag_hint(&d, "goes nowhere");
    diag_add(&d, DIAG_ERROR, NULL, at(1, 1, 1), "other");
    assert_int_equal(d.errors, 2);
    assert_null(strstr(printed(&d), "nowhere"));
    diag_free(&d);
}

static void odd_places(void **state)
{
    struct diag d;
    (void)state;
    diag_init(&d);
    diag_source(&d, STR("a"), STR("x\n"));
    diag_add(&d, DIAG_ERROR, NULL, (struct loc){9, 1, 1, 1, 2}, "no such file");
    diag_add(&d, DIAG_ERROR, NULL, (struct loc){0, 0, 0, 0, 0}, "no line");
    diag_add(&d, DIAG_ERROR, NULL, at(1, 99, 5), "behind the line");
    diag_add(&d, DIAG_ERROR, NULL, at(77, 3, 5), "no such line");
    diag_add(&d, DIAG_ERROR, NULL, at(2, 1, 1), "empty line");
    diag_add(&d, DIAG_ERROR, NULL, at(1, 1, 1), "forged\n\033[31m line");
    assert_string_equal(printed(&d), "a: error: no line\n"
                                     "a:1:1: error: forged??[31m line\n"
                                     "    x\n"
                                     "    ^\n"
                                     "a:1:99: error: behind the line\n"
                                     "    x\n"
                                     "     ^\n"
                                     "a:2:1: error: empty line\n"
                                     "a:77:3: error: no such line\n"
                                     "(no file):1:1: error: no such file\n");
    diag_free(&d);
}

static void long_lines(void **state)
{
    struct diag d;
    char line[400];
    (void)state;
    memset(line, 'a', sizeof line);
    memcpy(line + 200, "here", 4);
    diag_init(&d);
    diag_source(&d, STR("a"), str_make(line, sizeof line));
    diag_add(&d, DIAG_ERROR, NULL, at(1, 201, 4), "in the middle");
    const char *text = printed(&d);
    const char *shown = strchr(text, '\n') + 1;
    const char *caret = strchr(shown, '^');
    const char *under = strchr(shown, '\n') + 1;
    assert_memory_equal(shown, " ...aaa", 7);
    assert_memory_equal(shown + (caret - under), "here", 4);
    assert_memory_equal(caret, "^~~~\n", 5);
    assert_non_null(strstr(shown, "a...\n"));
    diag_free(&d);
}

static void bytes_and_letters(void **state)
{
    struct diag d;
    (void)state;
    diag_init(&d);
    diag_source(&d, STR("a"), STR("\"\xc3\xa9\xc3\xa9\" x\x01y\n"));
    diag_add(&d, DIAG_ERROR, NULL, at(1, 8, 3), "columns are bytes");
    assert_string_equal(printed(&d), "a:1:8: error: columns are bytes\n"
                                     "    \"\xc3\xa9\xc3\xa9\" x?y\n"
                                     "         ^~~\n");
    diag_free(&d);
}

static void limits(void **state)
{
    struct diag d;
    (void)state;
    diag_init(&d);
    diag_source(&d, STR("a"), STR("x\n"));
    d.max_errors = 3;
    for (unsigned i = 0; i < 10; i++)
        diag_add(&d, DIAG_ERROR, NULL, at(1, i + 1, 1), "error %u", i);
    diag_add(&d, DIAG_WARNING, NULL, at(1, 1, 1), "still room");
    assert_int_equal(d.errors, 10);
    const char *text = printed(&d);
    assert_non_null(strstr(text, "error 2"));
    assert_null(strstr(text, "error 3"));
    assert_non_null(strstr(text, "still room"));
    assert_non_null(strstr(text, "... and 7 more errors\n"));
    for (unsigned i = 1; i < DIAG_MAX_SOURCES; i++)
        assert_int_equal(diag_source(&d, STR("b"), STR("")), (int)i);
    assert_int_equal(diag_source(&d, STR("b"), STR("")), ERR_LIMIT);
    diag_free(&d);
}

static void count_piece(void *user, const struct finding *f, struct str text)
{
    unsigned *n = user;
    assert_true(str_search(text, f->text, 0) > 0);
    ++*n;
}

static void piece_by_piece(void **state)
{
    struct diag d;
    unsigned n = 0;
    (void)state;
    diag_init(&d);
    diag_source(&d, STR("a"), STR("x y\n"));
    diag_add(&d, DIAG_ERROR, NULL, at(1, 1, 1), "one");
    diag_add(&d, DIAG_ERROR, NULL, at(1, 3, 1), "two");
    diag_each(&d, count_piece, &n);
    assert_int_equal(n, 2);
    diag_free(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_and_places),  cmocka_unit_test(said_once),
        cmocka_unit_test(odd_places),        cmocka_unit_test(long_lines),
        cmocka_unit_test(bytes_and_letters), cmocka_unit_test(limits),
        cmocka_unit_test(piece_by_piece),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
