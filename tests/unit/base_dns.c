/* Responses of name servers, good and bad. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "tests/lib/dns_bytes.h"
#include "tests/lib/unit.h"

static struct arena memory;
static struct dns_bytes b;

static struct dns_answer parse(const char *name, enum dns_type type)
{
    struct dns_answer a;
    assert_int_equal(dns_parse(&a, &memory, str_from(name), type, dns_str(&b)), ERR_OK);
    return a;
}

static int begin(void **state)
{
    (void)state;
    arena_init(&memory, NULL, 4096);
    return 0;
}

static int end(void **state)
{
    (void)state;
    arena_reset(&memory);
    return 0;
}

static void test_addresses(void **state)
{
    (void)state;
    dns_begin(&b, 1, 0, "a.example.com", DNS_A, 3, 0);
    dns_a(&b, NULL, 300, 0xc0000214);
    dns_a(&b, "A.EXAMPLE.com", 60, 0xc0000215);
    dns_a(&b, "other.example.com", 1, 0x01010101); /* nobody asked for it */
    struct dns_answer a = parse("a.example.COM", DNS_A);
    assert_int_equal(a.status, DNS_FOUND);
    assert_int_equal(a.n, 2);
    assert_int_equal(a.ttl, 60);
    assert_int_equal(a.record[0].ip.family, 4);
    assert_memory_equal(a.record[1].ip.b, "\xc0\0\x02\x15", 4);
    assert_int_equal(parse("a.example.com.", DNS_A).n, 2);
    assert_int_equal(parse("", DNS_A).n, 2); /* the question's own name */
    assert_int_equal(parse("a.example.com", DNS_AAAA).status, DNS_NONE);
}

static void test_srv_naptr(void **state)
{
    (void)state;
    dns_begin(&b, 1, 0, "_sip._udp.example.com", DNS_SRV, 2, 0);
    dns_srv(&b, 30, 10, 60, 5070, "a.example.com");
    dns_srv(&b, 90, 20, 0, 0, "");
    struct dns_answer a = parse("_sip._udp.example.com", DNS_SRV);
    assert_int_equal(a.n, 2);
    assert_int_equal(a.ttl, 30);
    assert_int_equal(a.record[0].order, 10);
    assert_int_equal(a.record[0].weight, 60);
    assert_int_equal(a.record[0].port, 5070);
    assert_str(a.record[0].name, "a.example.com");
    assert_int_equal(a.record[1].name.len, 0);
    dns_begin(&b, 1, 0, "example.com", DNS_NAPTR, 1, 0);
    dns_naptr(&b, 50, 60, "S", "SIP+D2U", "_sip._udp.example.com");
    a = parse("example.com", DNS_NAPTR);
    assert_int_equal(a.n, 1);
    assert_int_equal(a.record[0].flag, 's');
    assert_str(a.record[0].service, "SIP+D2U");
    assert_str(a.record[0].name, "_sip._udp.example.com");
}

static void cname(const char *from, const char *to)
{
    dns_record(&b, from, 5, 20);
    dns_name(&b, to);
    dns_end(&b);
}

static void test_cname(void **state)
{
    (void)state;
    dns_begin(&b, 1, 0, "a.example.com", DNS_A, 3, 0);
    dns_a(&b, "c.example.com", 300, 0xc0000214);
    cname("b.example.com", "c.example.com"); /* in any order */
    cname("a.example.com", "b.example.com");
    struct dns_answer a = parse("a.example.com", DNS_A);
    assert_int_equal(a.n, 1);
    assert_int_equal(a.ttl, 20);
    dns_begin(&b, 1, 0, "a.example.com", DNS_A, 2, 0);
    cname("a.example.com", "b.example.com");
    cname("b.example.com", "a.example.com"); /* round and round */
    assert_int_equal(parse("a.example.com", DNS_A).status, DNS_NONE);
}

static void test_negative(void **state)
{
    (void)state;
    dns_begin(&b, 1, 3, "no.example.com", DNS_A, 0, 1);
    dns_soa(&b, 100, 40);
    assert_int_equal(parse("no.example.com", DNS_A).status, DNS_NONE);
    assert_int_equal(parse("no.example.com", DNS_A).ttl, 40);
    dns_begin(&b, 1, 0, "no.example.com", DNS_A, 0, 1);
    dns_soa(&b, 30, 86400);
    assert_int_equal(parse("no.example.com", DNS_A).ttl, 30);
    dns_begin(&b, 1, 0, "no.example.com", DNS_A, 0, 1);
    dns_soa(&b, 100000, 86400);
    assert_int_equal(parse("no.example.com", DNS_A).ttl, DNS_LONGEST_NEGATIVE);
    dns_begin(&b, 1, 3, "no.example.com", DNS_A, 0, 0);
    assert_int_equal(parse("no.example.com", DNS_A).ttl, 0); /* RFC 2308 5: not to be kept */
    dns_begin(&b, 1, 2, "no.example.com", DNS_A, 0, 0);
    assert_int_equal(parse("no.example.com", DNS_A).status, DNS_BROKEN);
}

static void test_bad(void **state)
{
    (void)state;
    dns_begin(&b, 1, 0, "a.example.com", DNS_A, 1, 0);
    b.p[2] = 1; /* a question */
    assert_int_equal(parse("a.example.com", DNS_A).status, DNS_BROKEN);
    dns_begin(&b, 1, 0, "a.example.com", DNS_A, 1, 0);
    b.p[12] = 0xc0; /* a name that points at itself */
    b.p[13] = 12;
    assert_int_equal(parse("a.example.com", DNS_A).status, DNS_BROKEN);
    dns_begin(&b, 1, 0, "a.example.com", DNS_A, 9, 0); /* more said than there is */
    dns_a(&b, NULL, 300, 0xc0000214);
    assert_int_equal(parse("a.example.com", DNS_A).n, 1);
    dns_begin(&b, 1, 0, "a.example.com", DNS_A, 1, 0);
    dns_record(&b, NULL, DNS_A, 60);
    dns_u16(&b, 1); /* half an address */
    dns_end(&b);
    assert_int_equal(parse("a.example.com", DNS_A).n, 0);
    dns_begin(&b, 1, 0, "example.com", DNS_SRV, 1, 0);
    dns_srv(&b, 60, 1, 1, 1, "with blank.example.com"); /* no host name */
    assert_int_equal(parse("example.com", DNS_SRV).n, 0);
}

static void test_many(void **state)
{
    (void)state;
    dns_begin(&b, 1, 0, "a.example.com", DNS_A, 60, 0);
    for (unsigned i = 0; i < 60; i++)
        dns_a(&b, NULL, 300, 0xc0000200 + i);
    assert_int_equal(parse("a.example.com", DNS_A).n, DNS_RECORDS);
}

/* Every prefix, in memory of just that size: the sanitizer sees a step too far. */
static void test_prefixes(void **state)
{
    (void)state;
    dns_begin(&b, 1, 0, "example.com", DNS_NAPTR, 2, 1);
    dns_naptr(&b, 50, 60, "S", "SIP+D2U", "_sip._udp.example.com");
    cname("example.com", "b.example.com");
    dns_soa(&b, 1, 1);
    for (size_t n = 0; n < b.n; n++) {
        char *copy = malloc(n ? n : 1);
        struct dns_answer a;
        memcpy(copy, b.p, n);
        assert_int_equal(dns_parse(&a, &memory, STR("example.com"), DNS_NAPTR, str_make(copy, n)),
                         ERR_OK);
        free(copy);
    }
}

static void test_copy(void **state)
{
    struct dns_answer a, copy;
    (void)state;
    dns_begin(&b, 1, 0, "_sip._udp.example.com", DNS_SRV, 1, 0);
    dns_srv(&b, 30, 10, 60, 5070, "a.example.com");
    a = parse("_sip._udp.example.com", DNS_SRV);
    assert_int_equal(dns_answer_copy(&copy, &a, &memory), ERR_OK);
    assert_ptr_not_equal(copy.record, a.record);
    assert_str(copy.record[0].name, "a.example.com");
    assert_string_equal(dns_type_name(DNS_NAPTR), "NAPTR");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_addresses, begin, end),
        cmocka_unit_test_setup_teardown(test_srv_naptr, begin, end),
        cmocka_unit_test_setup_teardown(test_cname, begin, end),
        cmocka_unit_test_setup_teardown(test_negative, begin, end),
        cmocka_unit_test_setup_teardown(test_bad, begin, end),
        cmocka_unit_test_setup_teardown(test_many, begin, end),
        cmocka_unit_test_setup_teardown(test_prefixes, begin, end),
        cmocka_unit_test_setup_teardown(test_copy, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
