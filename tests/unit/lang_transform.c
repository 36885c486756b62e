/* Transformations (LANGUAGE 7.6), each with what it refuses. */
/* SPDX-License-Identifier: MIT */
#include "lang_bench.h"

/* What {transformation} makes of input; "!" when the read fails. */
static const char *apply(const char *input, const char *transformation)
{
    static char out[1024];
    struct bench b;
    const struct pv_ref *ref;
    char text[128], number[VALUE_TEXT];
    struct value v = value_str(str_from(input));
    bench_init(&b);
    assert_int_equal(prepare_pv(bench_prepare(&b), STR("$var(in)"), &ref), ERR_OK);
    assert_true(pv_write(ref, b.call, &fake_host, PV_SET, &v) > 0);
    snprintf(text, sizeof text, "$(var(in){%s})", transformation);
    if (prepare_pv(bench_prepare(&b), str_from(text), &ref) != ERR_OK)
        snprintf(out, sizeof out, "!!%.*s", STR_ARG(buf_str(&b.error)));
    else if (pv_read(ref, b.call, &fake_host, &v) != ERR_OK)
        strcpy(out, "!");
    else
        snprintf(out, sizeof out, "%s%.*s", v.flags & VAL_TYPED ? "#" : "",
                 STR_ARG(value_text(&v, number)));
    bench_free(&b);
    return out;
}

/* Input, transformation, result: "#" before an int-typed one, "!" for a failed read. */
struct row {
    const char *input, *transformation, *result;
};

static void check_rows(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *got = apply(rows[i].input, rows[i].transformation);
        if (strcmp(got, rows[i].result))
            fail_msg("%s{%s}: %s, expected %s", rows[i].input, rows[i].transformation, got,
                     rows[i].result);
    }
}

#define URI "sip:alice:pw@example.test:5080;transport=tcp;x=1;lr?h=v&k=w"
#define KNOWN "sip:x@y.test;transport=udp;ttl=5;user=phone;maddr=1.2.3.4;method=INVITE;lr=on;r2=on"
#define LIST "p1=one;p2=\"two;x\";flag;p4=4"

static void strings(void **state)
{
    static const struct row rows[] = {
        {"Hello World", "s.len", "#11"},
        {"", "s.len", "#0"},
        {"Hello", "S.LEN", "#5"},
        {"042", "s.int", "#042"},
        {"-5", "s.int", "#-5"},
        {"12abc", "s.int", "!"},
        {" 7", "s.int", "!"},
        {"abc", "s.int", "!"},
        {"", "s.md5", "d41d8cd98f00b204e9800998ecf8427e"},
        {"abc", "s.md5", "900150983cd24fb0d6963f7d28e17f72"},
        {"12345678901234567890123456789012345678901234567890123456789012345678901234567890",
         "s.md5", "57edf4a22be3c955ac49da2e2107b67a"},
        {"Hello World", "s.substr,0,5", "Hello"},
        {"Hello World", "s.substr,6,5", "World"},
        {"Hello World", "s.substr,6,0", "World"},
        {"Hello World", "s.substr,-5,3", "Wor"},
        {"Hello World", "s.substr, -5, 0", "World"},
        {"Hello World", "s.substr,3,100", "lo World"},
        {"Hello", "s.substr,5,0", "!"},
        {"Hello", "s.substr,-6,0", "!"},
        {"Hello", "s.substr,0,-1", "!"},
        {"Hello", "s.substr,$ml,0", "!"},
        {"", "s.substr,0,0", "!"},
        {"a,b,,d", "s.select,0,,", "a"},
        {"a,b,,d", "s.select,2,,", ""},
        {"a,b,,d", "s.select,3,,", "d"},
        {"a,b,,d", "s.select,4,,", ""},
        {"a,b,,d", "s.select,-1,,", "d"},
        {"a,b,,d", "s.select,-4,,", "a"},
        {"a,b,,d", "s.select,-5,,", ""},
        {"a b", "s.select,1, ", "b"},
        {"", "s.select,0,,", ""},
        {"Hello", "s.encode.hexa", "48656c6c6f"},
        {"48656c6C6f", "s.decode.hexa", "Hello"},
        {"48656", "s.decode.hexa", "He"},
        {"xyz", "s.decode.hexa", "!"},
        {"a'b\"c\\d", "s.escape.common", "a\\'b\\\"c\\\\d"},
        {"a\\'b\\\"c\\\\d\\e", "s.unescape.common", "a'b\"c\\d\\e"},
        {"a b@c:d", "s.escape.user", "a%20b%40c%3ad"},
        {"a-_.!~*'()&=+$,;?", "s.escape.user", "a-_.!~*'()&=+$,;?"},
        {"a\tb", "s.escape.user", "!"},
        {"a%20b%40c", "s.unescape.user", "a b@c"},
        {"a%2", "s.unescape.user", "!"},
        {"a%zz", "s.unescape.user", "!"},
        {"a%00b", "s.unescape.user", "!"},
        {"a b@c:d;e/f?", "s.escape.param", "a%20b@c:d%3be/f%3f"},
        {"a%20b%40c", "s.unescape.param", "a b@c"},
        {"Hello 1", "s.tolower", "hello 1"},
        {"Hello 1", "s.toupper", "HELLO 1"},
    };
    (void)state;
    check_rows(rows, sizeof rows / sizeof *rows);
}

static void uris(void **state)
{
    static const struct row rows[] = {
        {URI, "uri.user", "alice"},
        {URI, "uri.passwd", "pw"},
        {URI, "uri.host", "example.test"},
        {URI, "uri.domain", "example.test"},
        {URI, "uri.port", "#5080"},
        {"sip:x@y.test", "uri.port", "#"},
        {"sip:x@y.test", "uri.port}{s.len", "#0"},
        {URI, "uri.params", "transport=tcp;x=1;lr"},
        {URI, "uri.transport", "tcp"},
        {URI, "uri.param,x", "1"},
        {URI, "uri.param,X", "1"},
        {URI, "uri.param,lr", ""},
        {URI, "uri.param,none", ""},
        {URI, "uri.lr", ""},
        {KNOWN, "uri.ttl", "5"},
        {KNOWN, "uri.uparam", "phone"},
        {KNOWN, "uri.maddr", "1.2.3.4"},
        {KNOWN, "uri.method", "INVITE"},
        {KNOWN, "uri.lr", "on"},
        {KNOWN, "uri.r2", ""},
        {"sips:h.test", "uri.host", "h.test"},
        {"sips:h.test", "uri.user", ""},
        {"sip:x@[2001:db8::1]:5070", "uri.host", "[2001:db8::1]"},
        {"sip:x@[2001:db8::1]:5070", "uri.port", "#5070"},
        {"sip:x@[2001:db8::1]", "uri.port", "#"},
        {"tel:+12025550100;ext=5", "uri.user", "+12025550100"},
        {"tel:+12025550100;ext=5", "uri.host", ""},
        {"tel:+12025550100;ext=5", "uri.params", "ext=5"},
        {"not a uri", "uri.user", "!"},
        {"http://x", "uri.host", "!"},
        {"sip:", "uri.host", "!"},
        {"sip:a@", "uri.host", "!"},
        {"sip:a@b:x", "uri.host", "!"},
        {"sip:a@b:65536", "uri.host", "!"},
        {"sip:a@[::1", "uri.host", "!"},
        {"sip:a@[::1]x", "uri.host", "!"},
        {"", "uri.user", "!"},
        {"sip:@h.test", "uri.host", "!"},
        {"sip::pw@h.test", "uri.host", "!"},
        {"SIP:Bob@H.test", "uri.user", "Bob"},
    };
    (void)state;
    check_rows(rows, sizeof rows / sizeof *rows);
}

static void params(void **state)
{
    static const struct row rows[] = {
        {LIST, "param.value,p1", "one"},
        {LIST, "param.value,P2", "two;x"},
        {LIST, "param.value,flag", ""},
        {LIST, "param.value,zz", ""},
        {LIST, "param.valueat,0", "one"},
        {LIST, "param.valueat,1", "two;x"},
        {LIST, "param.valueat,2", ""},
        {LIST, "param.valueat,4", ""},
        {LIST, "param.valueat,-1", "4"},
        {LIST, "param.name,0", "p1"},
        {LIST, "param.name,-2", "flag"},
        {LIST, "param.name,-5", ""},
        {LIST, "param.count", "#4"},
        {"one", "param.count", "#1"},
        {"a=1;b=2;", "param.count", "#2"},
        {"x=1;x=2", "param.value,x", "2"},
        {"x = 1 ; y=2", "param.value,x", "1"},
        {"x = 1 ; y=2", "param.count", "#2"},
        {"a=1;b=", "param.value,a", "!"},
        {"a=1;;b", "param.count", "!"},
        {"a=\"x", "param.count", "!"},
        {"a=1 2", "param.count", "!"},
        {"=1", "param.count", "!"},
        {"", "param.count", "!"},
    };
    (void)state;
    check_rows(rows, sizeof rows / sizeof *rows);
}

static void nameaddrs(void **state)
{
    static const struct row rows[] = {
        {"\"Al <x>\" <sip:a@b>;tag=1", "nameaddr.name", "\"Al <x>\" "},
        {"\"Al <x>\" <sip:a@b>;tag=1", "nameaddr.uri", "sip:a@b"},
        {"\"Al\" <sip:a@b>;tag=1", "nameaddr.len", "#14"},
        {"<sip:a@b>", "nameaddr.name", ""},
        {"sip:a@b", "nameaddr.name", "!"},
        {"sip:a@b", "nameaddr.uri", "!"},
        {"sip:a@b", "nameaddr.len", "#0"},
        {"<sip:a@b", "nameaddr.uri", "!"},
    };
    (void)state;
    check_rows(rows, sizeof rows / sizeof *rows);
}

static void chains(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b);
    assert_string_equal(apply(URI, "uri.user}{s.len"), "#5");
    assert_string_equal(apply(URI, "uri.host}{s.substr,0,3}{s.toupper"), "EXA");
    assert_string_equal(apply("Hello World", "s.len}{s.len"), "#2");
    assert_string_equal(bench_format(&b, "$(ml{s.len}) $(rp{s.substr,0,1})"), "3 5");
    assert_string_equal(bench_format(&b, "[$(ua{s.len})] [$(hdr(X-A)[*]{s.len})]"), "[] [15]");
    assert_string_equal(bench_format(&b, "$(rU{s.substr,$(var(o)),$(rU{s.len})})"), "bob");
    bench_free(&b);
}

/* Every row of the list can be found by its name, and its letters are known. */
static void the_list(void **state)
{
    unsigned n;
    const struct transform_spec *list = transform_list(&n);
    (void)state;
    assert_true(n > 30);
    for (unsigned i = 0; i < n; i++) {
        assert_true(strspn(list[i].params, "ict") == strlen(list[i].params));
        assert_true(strlen(list[i].params) <= TRANSFORM_MAX_PARAMS);
        assert_non_null(transform_class_name(list[i].class_id));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings),   cmocka_unit_test(uris),   cmocka_unit_test(params),
        cmocka_unit_test(nameaddrs), cmocka_unit_test(chains), cmocka_unit_test(the_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
