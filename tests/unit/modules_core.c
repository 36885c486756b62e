/* The core module: variables, flags, the R-URI, branches. */
/* SPDX-License-Identifier: MIT */
#include "tests/unit/modules_fixture.h"

static const char FULL[] =
    REQUEST("OPTIONS", "sip:bob:pw@example.org:5080;transport=tcp;x=1?h=v", "");
static const char PLAIN[] = REQUEST("OPTIONS", "sip:bob@example.org", "");

static void uri_parts_are_read(void **state)
{
    (void)state;
    expect_shown(SHOW("", "$rU $rd $rp $rP $ru"), FULL,
                 "bob example.org 5080 tcp sip:bob:pw@example.org:5080;transport=tcp;x=1?h=v");
    expect_shown(SHOW("", "$rU $rd $rp $rP $oU"), REQUEST("OPTIONS", "sips:example.org", ""),
                 "<null> example.org 5060 UDP <null>");
    expect_shown(SHOW("", "$rU $rd $rp"), REQUEST("OPTIONS", "tel:+12025550100", ""),
                 "+12025550100 <null> 5060");
    expect_shown(SHOW("$du = \"sips:h.test;transport=tls\";", "$du $dd $dp $dP"), PLAIN,
                 "sips:h.test;transport=tls h.test 5060 tls");
    expect_shown(SHOW("", "$du $dd"), PLAIN, "<null> <null>");
}

static void uri_parts_are_assigned(void **state)
{
    (void)state;
    expect_shown(SHOW("$rU = \"carol\"; $rd = \"x.test\"; $rp = 99;", "$ru $ou"), PLAIN,
                 "sip:carol@x.test:99 sip:bob@example.org");
    expect_shown(SHOW("$rU = null; $rp = null;", "$ru"), REQUEST("OPTIONS", "sip:b@x.test:5", ""),
                 "sip:x.test");
    expect_shown(SHOW("$rU = 5; $var(r) = $rc;", "$var(r) $ru"), PLAIN, "-1 sip:bob@example.org");
    expect_shown(SHOW("$var(i) = 5; $rU = $var(i);", "$ru"), PLAIN, "sip:5@example.org");
    expect_shown(SHOW("$ru = \"not a uri\";", "$ru $rU"), PLAIN, "<null> <null>");
    expect_shown(SHOW("$du = \"sip:a\"; $du = null;", "$du"), PLAIN, "<null>");
}

static void uri_functions(void **state)
{
    (void)state;
    expect_shown(SHOW("sethostport(\"h:7\"); setuserpass(\"u:p\"); prefix(\"9\");", "$ru"), PLAIN,
                 "sip:9u:p@h:7");
    expect_shown(SHOW("strip(1); strip_tail(1); sethost(\"h\"); setport(\"\");", "$ru"),
                 REQUEST("OPTIONS", "sips:robot@x:8;a", ""), "sips:obo@h;a");
    expect_shown(SHOW("strip(9);", "$rc $ru"), PLAIN, "1 sip:example.org");
    expect_shown(SHOW("seturi(\"sip:x@y\"); setdsturi(\"sip:d\"); revert_uri;", "$ru $du"), PLAIN,
                 "sip:bob@example.org sip:d");
    expect_shown(SHOW("if (isdsturiset) exit; setduri(\"sip:d\"); if (!isduriset()) exit;"
                      "resetduri;",
                      "$du"),
                 PLAIN, "<null>");
}

static void flags_of_three_kinds(void **state)
{
    (void)state;
    expect_shown(
        SHOW("setflag(0); setflag(31); setbflag(3); setsflag(4); resetflag(0);", "$mf $mF $bf $sF"),
        PLAIN, "2147483648 80000000 8 00000010");
    expect_shown(SHOW("append_branch(\"sip:t@t\"); setbflag(1,4); setbflag(5,1);", "$rc $bf"),
                 PLAIN, "-1 0");
    expect_shown(SHOW("append_branch(\"sip:t@t\"); setbflag(1,4);"
                      "if (isbflagset(1,4) && !isbflagset(4) && !isbflagset(4,1)) $var(x) = 1;",
                      "$var(x)"),
                 PLAIN, "1");
    expect_shown(SHOW("$mf = 5; $mf = \"9\"; $bf = -1; $sf = 3; $sf = null;", "$mf $bF $sf"), PLAIN,
                 "5 ffffffff 0");
}

static void branches_are_listed(void **state)
{
    (void)state;
    expect_shown(
        SHOW("append_branch(\"sip:one@1\"); append_branch(\"sip:two@2\",\"0.25\");", "$br|$bR|$ds"),
        PLAIN,
        "sip:one@1|sip:one@1, <sip:two@2>;q=0.25|Contact: sip:one@1, "
        "<sip:two@2>;q=0.25");
    expect_shown(SHOW("", "$br $bR"), PLAIN, "<null> <null>");
    expect_shown(SHOW("$du = \"sip:d\"; append_branch; $br = \"sip:more\";", "$du $bR"), PLAIN,
                 "<null> sip:bob@example.org, sip:more");
    expect_shown(SHOW("$ru = \"sip:n@n\";", "$ds"), PLAIN, "Contact: sip:n@n");
}

static void branches_one_after_the_other(void **state)
{
    (void)state;
    expect_shown(SHOW("append_branch(\"sip:b@b\",\"0.5\"); append_branch(\"sip:v@v\",\"0.9\");"
                      "append_branch(\"sip:w@w\",\"0.9\"); serialize_branches(1);"
                      "next_branches(); $var(a) = $ru + \"+\" + $bR;",
                      "$var(a)"),
                 PLAIN, "sip:v@v+sip:w@w");
    expect_shown(SHOW("append_branch(\"sip:b@b\",\"0.5\"); serialize_branches(0); next_branches();"
                      "$var(a) = $ru; next_branches(); $var(b) = $ru; next_branches();",
                      "$rc $var(a) $var(b)"),
                 PLAIN, "-1 sip:b@b sip:bob@example.org");
    expect_shown(SHOW("serialize_branches(1); next_branches();", "$rc"), PLAIN, "-1");
}

static void twelve_branches_at_most(void **state)
{
    (void)state;
    expect_shown(SHOW("while (append_branch(\"sip:b@b\")) $var(n) += 1;", "$var(n)"), PLAIN, "11");
}

static void headers_by_name(void **state)
{
    static const char message[] =
        REQUEST("OPTIONS", "sip:b@x", "X-A: 1\nx-a:  2  \nSubject: s\nX-E:\nX-A: 3\n");
    (void)state;
    expect_shown(SHOW("", "$hdr(X-A) $(hdr(x-a)[1])| $(hdr(X-A)[-1]) $(hdr(X-A)[3]) $hdr(s)"),
                 message, "1 2  | 3 <null> s");
    expect_shown(SHOW("", "$(hdr(X-A)[*])/$hdr(X-E)/$hdr(None)/$(hdr(X-A)[-4])"), message,
                 "1, 2  , 3//<null>/<null>");
    expect_shown(SHOW("$avp(s:n) = \"Call-ID\";", "$hdr($avp(s:n)) $hdr(i)"), message,
                 "c1@test c1@test");
}

static void parties(void **state)
{
    static const char message[] = REQUEST(
        "INVITE", "sip:b@x",
        "Diversion: <sip:div@dv.test>;reason=user-busy;privacy=full\nRefer-To: <sip:ref@rf>\n"
        "Remote-Party-ID: \"Al\" <sip:5@rp.test>;party=calling\nP-Asserted-Identity: <sip:pai@pa>\n"
        "P-Preferred-Identity: \"P\" <sip:ppi@pp>\n");
    (void)state;
    expect_shown(SHOW("", "$fu $fU $fd $fn $ft $tu $tt $tn"), message,
                 "sip:alice@example.org alice example.org \"Alice\" ft sip:bob@example.org <null> "
                 "<null>");
    expect_shown(
        SHOW("", "$di $dir $dip $rt $re $ai $pu $pU $pd $pn"), message,
        "sip:div@dv.test user-busy full sip:ref@rf sip:5@rp.test sip:pai@pa sip:ppi@pp ppi "
        "pp \"P\"");
    expect_shown(SHOW("", "$di $re $Au"), PLAIN, "<null> <null> alice@example.org");
}

static void credentials(void **state)
{
    static const char message[] = REQUEST(
        "INVITE", "sip:b@x",
        "Proxy-Authorization: Digest username=\"u@d.test\", realm=\"r, s\",uri=\"sip:b@x\"\n");
    (void)state;
    expect_shown(SHOW("", "$au $ad $aU $ar $adu"), message, "u d.test u@d.test r, s sip:b@x");
    expect_shown(SHOW("", "$au $ar"), PLAIN, "<null> <null>");
}

static void message_and_network(void **state)
{
    (void)state;
    expect_shown(SHOW("", "$rm $rs $rr $ci $cs $cl $rb $ua $mi"), PLAIN,
                 "OPTIONS <null> <null> c1@test 1 <null> <null> <null> 1");
    expect_shown(SHOW("", "$rb/$cl/$cT"),
                 REQUEST_TO("INFO", "sip:b@x", "<sip:c@d>",
                            "Content-Type: text/plain\nContent-Length: 4\n", "body"),
                 "body/4/text/plain");
    expect_shown(SHOW("", "$si:$sp $Ri:$Rp $pr $src_ip"), PLAIN,
                 "198.51.100.7:5060 192.0.2.1:5060 udp 198.51.100.7");
    expect_shown(SHOW("$fs = \"udp:192.0.2.1:5070\"; $var(a) = $fs; $fs = \"udp:192.0.2.9:1\";",
                      "$var(a) $fs $rc"),
                 PLAIN, "udp:192.0.2.1:5070 udp:192.0.2.1:5070 1");
    expect_shown(SHOW("force_send_socket(192.0.2.1:5070);", "$fs"), PLAIN, "udp:192.0.2.1:5070");
    expect_shown(SHOW("", "$err.class $(err.info)."), PLAIN, "0 .");
}

static void printf_into_variables(void **state)
{
    (void)state;
    expect_shown(
        SHOW("pv_printf(\"$rU\", \"$rm-$fU\"); avp_printf($var(x), \"<$rU>\");", "$ru $var(x)"),
        PLAIN, "sip:OPTIONS-alice@example.org <OPTIONS-alice>");
}

static void forwarding_says_how(void **state)
{
    (void)state;
    run(LOAD "route { force_rport; force_local_rport(); set_advertised_address(\"p.test\");"
             "set_advertised_port(99); forward(\"203.0.113.5:7\"); }",
        PLAIN);
    expect_text(0, "Via: SIP/2.0/UDP p.test:99;");
    expect_text(0, ";rport");
    assert_int_equal(world.dst[0].port, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(uri_parts_are_read),
        TEST(uri_parts_are_assigned),
        TEST(uri_functions),
        TEST(flags_of_three_kinds),
        TEST(branches_are_listed),
        TEST(branches_one_after_the_other),
        TEST(twelve_branches_at_most),
        TEST(headers_by_name),
        TEST(parties),
        TEST(credentials),
        TEST(message_and_network),
        TEST(printf_into_variables),
        TEST(forwarding_says_how),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
