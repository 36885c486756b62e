/* Regular expressions as POSIX has them, on PCRE2; limits. */
/* SPDX-License-Identifier: MIT */
#include <regex.h>
#include <time.h>

#include "lang/regex.h"
#include "lang_bench.h"

/* 1 a match, 0 none, -1 a pattern that is refused. */
static int ours(const char *pattern, const char *text, bool newline)
{
    struct regex *re;
    char message[256];
    struct buf error;
    size_t at;
    buf_fixed(&error, message, sizeof message);
    if (regex_compile(str_from(pattern), REGEX_ICASE | (newline ? REGEX_NEWLINE : 0), &re, &error,
                      &at) != ERR_OK) {
        assert_true(error.len > 0);
        return -1;
    }
    int rc = regex_find(re, str_from(text), 0, NULL);
    regex_free(re);
    return rc;
}

static int libc(const char *pattern, const char *text, bool newline)
{
    regex_t re;
    int flags = REG_EXTENDED | REG_ICASE | REG_NOSUB | (newline ? REG_NEWLINE : 0);
    if (regcomp(&re, pattern, flags))
        return -1;
    int rc = regexec(&re, text, 0, NULL, 0) == 0;
    regfree(&re);
    return rc;
}

/* Where the C library has a mind of its own: without REG_NEWLINE it lets ^ in the middle match
 * behind a newline and $ before one, and with REG_ICASE an escaped letter matches nothing. */
static bool odd_in_libc(const char *pattern, const char *text, bool newline)
{
    size_t n = strlen(pattern);
    const char *caret = strrchr(pattern, '^'), *dollar = strchr(pattern, '$');
    const char *brace = strchr(pattern, '{');
    if (brace && strchr(brace, '\\'))
        return true;
    if (!newline && strchr(text, '\n') &&
        ((caret && caret > pattern) || (dollar && dollar + 1 < pattern + n)))
        return true;
    for (size_t i = 0; i + 1 < n; i++)
        if (pattern[i] == '\\') {
            i++;
            if (strchr("adntxQEpRK", pattern[i]))
                return true;
        }
    return false;
}

static void check_same(const char *pattern, const char *text)
{
    for (int newline = 0; newline < 2; newline++) {
        if (odd_in_libc(pattern, text, newline))
            continue;
        int a = ours(pattern, text, newline), b = libc(pattern, text, newline);
        if (a != b)
            fail_msg("/%s/ on \"%s\" (newline %d): %d, libc says %d", pattern, text, newline, a, b);
    }
}

/* clang-format off */
static const char *const extended[] = {
    /* plain ones */
    "", "abc", "a.c", "^abc$", "(ab|cd)[0-9]+", "[[:digit:]]{3}",
    /* a letter behind a backslash */
    "ab\\d+", "\\w+", "\\W", "\\s", "\\S", "\\bab", "\\Bb", "\\<ab", "ab\\>", "\\`a", "c\\'",
    /* brackets */
    "[]a]", "[^]a]", "[a\\]", "[\\n]", "[a-]", "[-a]", "[]-a]", "[[.-.]]", "[[=a=]]",
    "[a[:digit:]-]", "[[:nope:]]", "[b-a]", "[a",
    /* counts */
    "a{2}", "a{,2}", "a{1,}", "a{2,1}", "a{x}", "a{", "{1}", "a}", "a]", "]", "}",
    /* repeats of repeats, and of nothing */
    "a+?", "a*?b", "a*+", "(a+)?+", "*a", "+", "?a", "(*a)", "(?:a)", "(+a)", "a|*b", "^*a",
    /* alternatives and groups */
    "a|", "|a", "()", "(|a)b", "a||b", "(a", "a)", ")",
    /* back references */
    "(a)\\1", "\\1(a)", "(a)(b)\\2\\1", "(a\\1)",
    /* backslashes */
    "\\", "a\\", "\\.", "\\*", "\\Qa", "\\Ea", "\\x41", "\\n", "\\t", "\\/", "a\\{2}",
    "\\(a\\)",
    /* anchors */
    "^", "$", "^$", "a^b", "a$b", "$a", "(^a)", "(a$)", "x^",
    /* and again, in other company */
    "[^a]", "[^x]b", ".", "a.b", "^b", "a$", "[[:upper:]]", "[A-C]", "[[:space:]]", "a{0}",
    "a{0,1}b", "(a{2}){2}", "a{65536}", "\\^a", "[$]", "[.]1$", "[*]", "[(]", "#a", "a b",
    /* Perl's own */
    "(?#x)", "(?i)a", "(*UTF)a", "a(?=b)", "a\\Kb", "\\pL", "\\R",
};
/* clang-format on */

/* What differs between POSIX and Perl, and some that does not, against the C library. */
static void like_libc(void **state)
{
    static const char *const texts[] = {
        "",     "a",    "abc", "ABC", "aab", "ab123",     "a\nb", "b\na\n",
        "x]y",  "a\\b", "a-b", "a}",  "a)",  "aa",        "aaaa", "abba",
        ".",    "*",    "a b", "n",   "d",   "127.0.0.1", "\n",   "ab ab",
        "a{2}", "Q",    "#a",  "$",   "^a",  "(",         "x41",  "=a",
    };
    (void)state;
    for (size_t i = 0; i < sizeof extended / sizeof *extended; i++)
        for (size_t j = 0; j < sizeof texts / sizeof *texts; j++)
            check_same(extended[i], texts[j]);
}

/* Random patterns and texts over a small alphabet of everything that is special. */
static void random_like_libc(void **state)
{
    static const char alphabet[] = "aab.*+?()|[]^$\\{}1,-n\n";
    unsigned seed = 1;
    (void)state;
    for (int i = 0; i < 20000; i++) {
        char pattern[12], text[12];
        size_t n = (size_t)rand_r(&seed) % 10, m = (size_t)rand_r(&seed) % 10;
        for (size_t j = 0; j < n; j++)
            pattern[j] = alphabet[(size_t)rand_r(&seed) % (sizeof alphabet - 1)];
        for (size_t j = 0; j < m; j++)
            text[j] = "aab\n-]1"[(size_t)rand_r(&seed) % 7];
        pattern[n] = text[m] = 0;
        check_same(pattern, text);
    }
}

static void bytes(void **state)
{
    struct regex *re;
    char message[256];
    struct buf error;
    size_t at;
    (void)state;
    buf_fixed(&error, message, sizeof message);
    assert_int_equal(regex_compile(STR("a\0b"), 0, &re, &error, &at), ERR_OK);
    assert_int_equal(regex_find(re, STR("xa\0bx"), 0, NULL), 1);
    assert_int_equal(regex_find(re, STR("xab"), 0, NULL), 0);
    regex_free(re);
    assert_int_equal(regex_compile(STR("^.x$"), 0, &re, &error, &at), ERR_OK);
    assert_int_equal(regex_find(re, STR("\xffx"), 0, NULL), 1);
    assert_int_equal(regex_find(re, STR_NONE, 0, NULL), 0);
    regex_free(re);
}

static void groups(void **state)
{
    struct regex *re;
    struct regex_match m;
    char message[256];
    struct buf error;
    size_t at;
    (void)state;
    buf_fixed(&error, message, sizeof message);
    assert_int_equal(regex_compile(STR("sip:([^@]*)@(x)?(.*)"), REGEX_JIT, &re, &error, &at),
                     ERR_OK);
    assert_int_equal(regex_find(re, STR("to sip:bob@here"), 0, &m), 1);
    assert_true(str_eq(m.group[0], STR("sip:bob@here")));
    assert_true(str_eq(m.group[1], STR("bob")));
    assert_null(m.group[2].p);
    assert_true(str_eq(m.group[3], STR("here")));
    assert_null(m.group[9].p);
    assert_int_equal(regex_find(re, STR("to sip:bob@here"), 4, &m), 0);
    regex_free(re);
}

/* More groups than there are places for them are no harm. */
static void many_groups(void **state)
{
    struct bench b;
    const struct regex *re;
    struct regex_match m;
    (void)state;
    bench_init(&b);
    assert_int_equal(
        prepare_regex(bench_prepare(&b), STR("(a)(b)(c)(d)(e)(f)(g)(h)(i)(j)(k)"), false, &re),
        ERR_OK);
    assert_int_equal(regex_find(re, STR("abcdefghijk"), 0, &m), 1);
    assert_true(str_eq(m.group[9], STR("i")));
    bench_free(&b);
}

static void error_places(void **state)
{
    struct bench b;
    const struct regex *re;
    (void)state;
    bench_init(&b);
    assert_int_equal(prepare_regex(bench_prepare(&b), STR("ab*(c"), false, &re), ERR_SYNTAX);
    assert_true(str_eq(buf_str(&b.error), STR("bad re: unmatched (")));
    assert_int_equal(prepare_regex(bench_prepare(&b), STR("ab[[:foo:]]"), false, &re), ERR_SYNTAX);
    assert_int_equal(b.p.at, 5);
    assert_int_equal(prepare_regex(bench_prepare(&b), STR("ab+*(*c)"), false, &re), ERR_SYNTAX);
    assert_int_equal(b.p.at, 5);
    bench_free(&b);
}

/* A pattern that backtracks without end is given up in bounded time. */
static void limits(void **state)
{
    static char text[65001];
    static const char *const evil[] = {"^(a+)+$",      "(a|aa)+$", "^(a|b|ab)*c$",
                                       "(.*)*x(.*)*y", "(x+x+)+y", "^((a*)*)*b\\1"};
    (void)state;
    log_set_level(-3);
    memset(text, 'a', 65000);
    text[64999] = '!';
    for (size_t i = 0; i < sizeof evil / sizeof *evil; i++) {
        clock_t start = clock();
        assert_true(ours(evil[i], text, false) <= 0);
        assert_true((double)(clock() - start) / CLOCKS_PER_SEC < 2);
    }
    log_set_level(2);
}

static void cache(void **state)
{
    struct regex_cache c = {.now = 0};
    char text[16];
    (void)state;
    log_set_level(-3);
    const struct regex *first = regex_cache_get(&c, STR("a+b"));
    assert_non_null(first);
    assert_ptr_equal(regex_cache_get(&c, STR("a+b")), first);
    assert_null(regex_cache_get(&c, STR("a(")));
    for (int i = 0; i < 100; i++) {
        snprintf(text, sizeof text, "x%d", i);
        assert_non_null(regex_cache_get(&c, str_from(text)));
        assert_ptr_equal(regex_cache_get(&c, STR("a+b")), first); /* in use, so kept */
    }
    regex_cache_free(&c);
    log_set_level(2);
}

/* 1 a match, 0 none, -1 refused; in one of the other dialects. */
static int in_dialect(const char *pattern, const char *text, unsigned flags)
{
    struct regex *re;
    char message[256];
    struct buf error;
    size_t at;
    buf_fixed(&error, message, sizeof message);
    if (regex_compile(str_from(pattern), flags, &re, &error, &at) != ERR_OK)
        return -1;
    int rc = regex_find(re, str_from(text), 0, NULL);
    regex_free(re);
    return rc;
}

/* Basic ones mean what the C library takes them for, letter case included. */
static void basic_ones(void **state)
{
    static const char *const patterns[] = {
        "^sip:al.*",     "a+b",           "a\\+b",        "a?b",
        "a\\?b",         "(a)",           "\\(a\\)b\\1",  "a{2}",
        "a\\{2\\}b",     "a|b",           "^a\\|b$",      "*a",
        "\\(*a\\)",      "a^b",           "a$b",          "[a^]b",
        "[]a]b",         "[[:digit:]]*@", "^sip:[^@]*@x", "x.y\\.z",
        "\\(^a\\|b$\\)", "[a-z]\\+[(]x",  "^*a",          "\\(a\\{1,2\\}\\)\\{2\\}"};
    static const char *const texts[] = {"sip:alice@x.test",
                                        "SIP:ALICE",
                                        "a+b",
                                        "aab",
                                        "ab",
                                        "b",
                                        "(a)",
                                        "aba",
                                        "a{2}",
                                        "aab",
                                        "a|b",
                                        "cb",
                                        "*a",
                                        "a^b",
                                        "^b",
                                        "a$b",
                                        "]b",
                                        "12@",
                                        "sip:bob@x",
                                        "xay.z",
                                        "xay-z",
                                        "abc(x",
                                        "aaaa",
                                        "",
                                        "a?b",
                                        "a(x"};
    (void)state;
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++)
        for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
            regex_t re;
            if (regcomp(&re, patterns[i], REG_NOSUB))
                fail_msg("the C library refuses \"%s\"", patterns[i]);
            int want = regexec(&re, texts[k], 0, NULL, 0) == 0;
            regfree(&re);
            if (in_dialect(patterns[i], texts[k], REGEX_BASIC) != want)
                fail_msg("basic \"%s\" on \"%s\" should give %d", patterns[i], texts[k], want);
        }
    assert_int_equal(in_dialect("a\\", "a\\", REGEX_BASIC), -1);
    assert_int_equal(in_dialect("[a", "[a", REGEX_BASIC), -1);
    assert_int_equal(in_dialect("\\(a", "a", REGEX_BASIC), -1);
}

static void perls_own(void **state)
{
    (void)state;
    assert_int_equal(in_dialect("^\\d{3}$", "123", REGEX_PERL), 1);
    assert_int_equal(in_dialect("^\\d{3}$", "12a", REGEX_PERL), 0);
    assert_int_equal(in_dialect("^\\d{3}$", "ddd", 0), 1); /* in POSIX a letter is a letter */
    assert_int_equal(in_dialect("(a", "a", REGEX_PERL), -1);
    assert_int_equal(in_dialect("\\C", "a", REGEX_PERL), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(basic_ones),  cmocka_unit_test(perls_own),
        cmocka_unit_test(like_libc),   cmocka_unit_test(random_like_libc),
        cmocka_unit_test(bytes),       cmocka_unit_test(groups),
        cmocka_unit_test(many_groups), cmocka_unit_test(error_places),
        cmocka_unit_test(limits),      cmocka_unit_test(cache),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
