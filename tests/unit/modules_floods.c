/* Floods of registrations: made-up users and contacts fill neither memory nor the queue of the
 * database, and whoever is registered stays so. Times are virtual. */
/* SPDX-License-Identifier: MIT */
#include "tests/unit/modules_fixture.h"

static char script[1024];

static void begin(const char *params)
{
    snprintf(script, sizeof script,
             LOAD "loadmodule \"usrloc.so\"\nloadmodule \"registrar.so\"\n%s\n"
                  "route { save(\"location\"); }",
             params);
    world_open(script);
    world_pass(5);
}

#define LIMIT(name, n) "modparam(\"usrloc\", \"" name "\", " #n ")\n"

/* A REGISTER of a user from an address; the log begins anew, as in world_put. */
static void register_from(const char *ip, unsigned user, const char *contact, const char *expires)
{
    static unsigned cseq;
    char text[1024];
    struct addr src = {.port = 5060, .proto = PROTO_UDP};
    assert_int_equal(ip_parse(&src.ip, str_from(ip)), ERR_OK);
    cseq++;
    int n = snprintf(text, sizeof text,
                     "REGISTER sip:example.com SIP/2.0\r\n"
                     "Via: SIP/2.0/UDP %s%s%s;branch=z9hG4bKr%u\r\n"
                     "From: <sip:u%u@example.com>;tag=1\r\nTo: <sip:u%u@example.com>\r\n"
                     "Call-ID: flood\r\nCSeq: %u REGISTER\r\nContact: <sip:%s>\r\nExpires: %s\r\n"
                     "Content-Length: 0\r\n\r\n",
                     src.ip.family == 6 ? "[" : "", ip, src.ip.family == 6 ? "]" : "", cseq, user,
                     user, cseq, contact, expires);
    world.sent = 0;
    world.logged = 0;
    engine_input(world.engine, str_make(text, (size_t)n), &src, 0);
    world.log[world.logged] = 0;
}

static void taken(const char *ip, unsigned user)
{
    register_from(ip, user, "a@192.0.2.9", "60");
    expect_line(0, "SIP/2.0 200 OK");
}

static void refused(const char *ip, unsigned user)
{
    register_from(ip, user, "a@192.0.2.9", "60");
    expect_line(0, "SIP/2.0 503 Service Unavailable");
    expect_text(0, "\nRetry-After: 60\n");
    expect_text(0, "\nP-Registrar-Error: No room for more contacts\n");
}

static void gone(const char *ip, unsigned user)
{
    register_from(ip, user, "a@192.0.2.9", "0");
    expect_line(0, "SIP/2.0 200 OK");
}

static void logged(const char *text)
{
    if (!strstr(world.log, text))
        fail_msg("no <%s> in <%s>", text, world.log);
}

static void limited(int n)
{
    char want[128];
    snprintf(want, sizeof want, "200 OK\nregistrar:limited_regs = %d\n\n", n);
    assert_string_equal(world_ask(":get_statistics:\nlimited_regs\n"), want);
}

#define FLOOD "198.51.100.7"

static void one_source(void **state)
{
    (void)state;
    begin(LIMIT("max_source_contacts", 3));
    for (unsigned user = 1; user <= 3; user++)
        taken(FLOOD, user);
    refused(FLOOD, 4);
    logged("REGISTER from 198.51.100.7 refused, that source has as many contacts as one may have "
           "(max_source_contacts)");
    for (unsigned user = 5; user < 105; user++) {
        refused(FLOOD, user);
        assert_string_equal(world.log, ""); /* one line a minute */
    }
    limited(101);
    taken(FLOOD, 2); /* who is in can stay */
    taken("198.51.100.8", 4);
    gone(FLOOD, 1);
    taken(FLOOD, 5); /* one goes, one comes */
    refused(FLOOD, 6);
    world_seconds(130); /* all have run out and were swept */
    for (unsigned user = 11; user <= 13; user++)
        taken(FLOOD, user);
    refused(FLOOD, 14);
    logged("; 101 more since the last line");
}

static void a_network_of_ipv6(void **state)
{
    (void)state;
    begin(LIMIT("max_source_contacts", 2));
    taken("2001:db8:1::1", 1);
    taken("2001:db8:1::ffff:2", 2);
    refused("2001:db8:1::3", 3);
    taken("2001:db8:1:1::1", 4);
}

/* The phone has moved: the contact counts for the address it came from last. */
static void a_phone_that_moves(void **state)
{
    (void)state;
    begin(LIMIT("max_source_contacts", 1));
    taken(FLOOD, 1);
    refused(FLOOD, 2);
    taken("198.51.100.8", 1);
    taken(FLOOD, 2);
    refused("198.51.100.8", 3);
}

static void all_sources_together(void **state)
{
    char ip[32];
    (void)state;
    begin(LIMIT("max_total_contacts", 1000) LIMIT("max_source_contacts", 400));
    for (unsigned user = 0; user < 20000; user++) {
        snprintf(ip, sizeof ip, "198.51.%u.%u", user % 7, user % 13);
        register_from(ip, user, "a@192.0.2.9", "3600");
        expect_line(0, user < 1000 ? "SIP/2.0 200 OK" : "SIP/2.0 503 Service Unavailable");
    }
    assert_string_equal(world_ask(":get_statistics:\nregistered_contacts\n"),
                        "200 OK\nusrloc:registered_contacts = 1000\n\n");
    limited(19000);
    taken("203.0.113.1", 999);
    refused("203.0.113.1", 20001);
    register_from("203.0.113.1", 999, "b@192.0.2.9>,<sip:c@192.0.2.9", "60");
    expect_line(0, "SIP/2.0 503 Service Unavailable"); /* and nothing of it is entered */
    assert_string_equal(world_ask(":get_statistics:\nregistered_contacts\n"),
                        "200 OK\nusrloc:registered_contacts = 1000\n\n");
}

static void no_limits(void **state)
{
    (void)state;
    begin(LIMIT("max_total_contacts", 0) LIMIT("max_source_contacts", 0)
              LIMIT("max_unwritten_contacts", 0));
    for (unsigned user = 0; user < 2000; user++)
        taken(FLOOD, user);
}

/* While the database is away changes wait; only so many new contacts may join them. */
static void the_queue_of_the_database(void **state)
{
    (void)state;
    begin("modparam(\"usrloc\", \"db_mode\", 2)\ndb_failures=0\n"
          "modparam(\"usrloc\", \"timer_interval\", 1)\n" LIMIT("max_unwritten_contacts", 3));
    db_set_weather(world.shared.dbs, (struct db_weather){.delay = 10, .down = true});
    for (unsigned user = 1; user <= 3; user++)
        taken(FLOOD, user);
    refused("203.0.113.1", 4);
    logged("too many contacts wait for the database (max_unwritten_contacts)");
    taken(FLOOD, 1);
    db_set_weather(world.shared.dbs, (struct db_weather){.delay = 10});
    for (unsigned i = 0; i < 50; i++)
        world_pass(100);
    taken("203.0.113.1", 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_source),           TEST(a_network_of_ipv6), TEST(a_phone_that_moves),
        TEST(all_sources_together), TEST(no_limits),         TEST(the_queue_of_the_database),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
