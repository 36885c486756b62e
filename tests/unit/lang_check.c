/* The checker: the findings of a set of broken scripts, what is accepted, and what of it reaches
 * the program. */
/* SPDX-License-Identifier: MIT */
#include "tests/lib/unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "lang_catalog.h"

/* ---- broken scripts ---------------------------------------------------------------------------
 */

#define FOLDER "tests/lang/errors"

/* A whole file; NULL when there is none. */
static char *read_file(const char *path, size_t *len)
{
    FILE *f = fopen(path, "rb");
    char *text = malloc(1 << 20);
    *len = f ? fread(text, 1, (1 << 20) - 1, f) : 0;
    text[*len] = 0;
    if (f) {
        fclose(f);
        return text;
    }
    free(text);
    return NULL;
}

/* What a script's findings look like, with how many there are. */
static char *findings(const char *name, const char *text, size_t text_len)
{
    struct diag d;
    char *out = NULL;
    size_t size = 0;
    diag_init(&d);
    struct program *p =
        program_compile_text(str_from(name), str_make(text, text_len), &test_catalog, &d);
    FILE *f = open_memstream(&out, &size);
    diag_print(&d, f);
    fprintf(f, "-- %u errors, %u warnings, %u notes\n", d.errors, d.warnings, d.notes);
    fclose(f);
    assert_true((p == NULL) == (d.errors > 0));
    program_free(p);
    diag_free(&d);
    return out;
}

/* Compares one script with its expectation; with REWRITE in the environment writes that anew. */
static bool replay(const char *name)
{
    char path[512];
    size_t len, want_len;
    snprintf(path, sizeof path, "%s", name);
    char *text = read_file(path, &len);
    char *got = findings(name, text, len);
    snprintf(path, sizeof path, "%.*s.expected", (int)strlen(name) - 4, name);
    if (getenv("REWRITE")) {
        FILE *f = fopen(path, "wb");
        fputs(got, f);
        fclose(f);
    }
    char *want = read_file(path, &want_len);
    bool same = want && strcmp(got, want) == 0;
    if (!same)
        print_error("%s: expected\n%s\nfound\n%s\n", path, want ? want : "(no such file)", got);
    free(text);
    free(got);
    free(want);
    return same;
}

static void broken_scripts(void **state)
{
    unsigned scripts = 0, bad = 0;
    int home = open(".", O_DIRECTORY);
    (void)state;
    assert_int_equal(chdir(FOLDER), 0); /* scripts are named, and include others, from there */
    DIR *d = opendir(".");
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        size_t n = strlen(e->d_name);
        if (n < 5 || strcmp(e->d_name + n - 4, ".cfg"))
            continue;
        scripts++;
        bad += !replay(e->d_name);
    }
    closedir(d);
    assert_int_equal(fchdir(home), 0);
    close(home);
    assert_true(scripts >= 60);
    assert_int_equal(bad, 0);
}

/* ---- single statements ------------------------------------------------------------------------
 */

#define MODULES                                                                                    \
    "loadmodule \"tm.so\" loadmodule \"sl.so\" loadmodule \"textops.so\" loadmodule \"uri.so\"\n"  \
    "loadmodule \"xlog.so\" loadmodule \"rr.so\" loadmodule \"maxfwd.so\"\n"

static struct program *compile(struct diag *d, const char *text)
{
    diag_init(d);
    return program_compile_text(STR("t.cfg"), str_from(text), &test_catalog, d);
}

static void print_findings(const struct diag *d, const char *text)
{
    print_error("%s\n", text);
    diag_print(d, stderr);
}

static void accepted(const char *text)
{
    struct diag d;
    struct program *p = compile(&d, text);
    if (!p || d.first)
        print_findings(&d, text);
    assert_non_null(p);
    assert_null(d.first);
    program_free(p);
    diag_free(&d);
}

/* The script has one error, and its text has this in it. */
static void refused(const char *text, const char *why)
{
    struct diag d;
    struct program *p = compile(&d, text);
    if (p || d.errors != 1 || str_search(d.first->text, str_from(why), 0) < 0)
        print_findings(&d, text);
    assert_null(p);
    assert_int_equal(d.errors, 1);
    assert_true(str_search(d.first->text, str_from(why), 0) >= 0);
    diag_free(&d);
}

static void good_statements(void **state)
{
    static const char *const statements[] = {
        "setflag(5); setflag(on); resetflag(0x1F); setbflag(0, 3); isflagset(0);",
        "log(\"x\"); log(-1, \"x\"); append_branch; append_branch(\"sip:a@b\", \"0.5\");",
        "forward(); forward(\"10.0.0.1:5060\"); forward(udp:[::1]:5060); forward(gw-1.x.net);",
        "set_advertised_address(1.2.3.4); set_advertised_address(\"x\");",
        "set_advertised_address(my-host);",
        "sl_send_reply(\"200\", \"$ru\"); sl_send_reply(200, \"ok\"); t_on_branch(\"0\");",
        "t_reply(\"$var(code)\", \"x\"); subst('/a/b/gi'); search(\"^a|b$\");",
        "pv_printf($var(x), \"$ru\"); pv_printf(\"$var(x)\", \"$ru\"); revert_uri; revert_uri();",
        "if (isdsturiset) exit; if (!isdsturiset) exit; $var(a) = isdsturiset;",
        "if (method==INVITE || method=~\"^A\" || uri==a.b || uri!=myself) exit;",
        "if (from_uri=~\"x\" || to_uri==\"sip:a@b\" || status==\"200\" || status=~\"2..\") exit;",
        "if (src_ip==10.0.0.1 || dst_ip!=10.0.0.0/8 || src_ip==localhost || src_ip==[::1]) exit;",
        "if (src_ip==\"10.0.0.1\" || src_ip=~\"^10\" || myself==src_ip || src_ip!=myself) exit;",
        "if (src_port>=1024 || dst_port!=5060 || af==inet6 || msg:len<max_len) exit;",
        "if (proto==TLS || proto!=any) exit;",
        "if ($ru==myself || $rU==null || $rU!=bob || $rU=~\"a\" || $rU!~$var(r) || $rs>=-1) exit;",
        "if ($rU) exit; if (!$rU) exit; if (-1) exit; if (yes) exit; if ([$rs & 1]) exit;",
        "if (route(1)) exit; if ($var(x) = 5) exit; if (is_method(\"A\") && t_relay()) exit;",
        "$var(a) = 1 + is_method(\"A\"); $var(a) = route(1); $var(a) = $rU == \"x\";",
        "$var(a) = ~(5 + 1) << 2; $ru = \"sip:\" + $rU + \"@x\"; $var(w) = word;",
        "$avp(s:a) := null; $avp(i:5) = null; $(avp(s:a)[0]) = 1; $rU = null; $rd = null;",
        "while ($var(i) < 3) { $var(i) += 1; if ($var(i) == 2) break; }",
        "switch ($rm) { case \"A\": case 2: if (1) break; exit; break; default: drop; break; }",
        "switch ($retcode) { case -1: exit; }",
        "if (1) { } else { }; ;; if (1) ; else ;",
        "return; return(1); return(-5); return($var(x)); exit(); drop();",
        "route(1); route(\"1\"); route(RELAY); route(\"RELAY\");",
    };
    (void)state;
    for (unsigned i = 0; i < sizeof statements / sizeof *statements; i++) {
        char text[1024];
        snprintf(text, sizeof text, MODULES "route { %s }\nroute[1] { exit; } route<RELAY> {}",
                 statements[i]);
        accepted(text);
    }
}

/* The constructs of the configuration that OpenSER 1.3 installs, the commented ones switched on,
 * with modules of the test's catalog. */
static void stock_configuration(void **state)
{
    (void)state;
    accepted(
        "# a comment\n"
        "debug=3            # debug level (cmd line: -dddddddddd)\n"
        "fork=yes\nlog_stderror=no\tcheck_via=no\ndns=no\nrev_dns=no\nport=5060\nchildren=4\n"
        "disable_tls = no\nlisten = tls:your_IP:5061\ntls_verify_server = 1\n"
        "tls_verify_client = 1\ntls_require_client_certificate = 0\ntls_method = TLSv1\n"
        "tls_certificate = \"/usr/local/etc/openser/tls/user/user-cert.pem\"\n"
        "tls_private_key = \"/usr/local/etc/openser/tls/user/user-privkey.pem\"\n"
        "tls_ca_list = \"/usr/local/etc/openser/tls/user/user-calist.pem\"\n"
        "mpath=\"/usr/local/lib/openser/modules/\"\n"
        "loadmodule \"sl.so\"\nloadmodule \"tm.so\"\nloadmodule \"rr.so\"\n"
        "loadmodule \"maxfwd.so\"\nloadmodule \"textops.so\"\nloadmodule \"registrar.so\"\n"
        "modparam(\"tm\", \"fr_timer\", 5)\nmodparam(\"sl\", \"enable_stats\", no)\n"
        "route{\n"
        "\tif (!mf_process_maxfwd_header(\"10\")) {\n"
        "\t\tsl_send_reply(\"483\",\"Too Many Hops\");\n\t\texit;\n\t};\n"
        "\tif (msg:len >=  2048 ) {\n\t\tsl_send_reply(\"513\", \"Message too "
        "big\");\n\t\texit;\n\t};\n"
        "\tif (!method==\"REGISTER\")\n\t\trecord_route();\n"
        "\tif (loose_route()) {\n\t\tappend_hf(\"P-hint: rr-enforced\\r\\n\"); "
        "\n\t\troute(1);\n\t};\n"
        "\tif (!uri==myself) {\n\t\tappend_hf(\"P-hint: outbound\\r\\n\"); \n\t\troute(1);\n\t};\n"
        "\tif (uri==myself) {\n"
        "\t\tif (method==\"REGISTER\") {\n\t\t\tsave(\"location\");\n\t\t\texit;\n\t\t};\n"
        "\t\tif (!lookup(\"location\")) {\n"
        "\t\t\tsl_send_reply(\"404\", \"Not Found\");\n\t\t\texit;\n\t\t};\n"
        "\t\tappend_hf(\"P-hint: usrloc applied\\r\\n\"); \n\t};\n\troute(1);\n}\n"
        "route[1] {\n\t# send it out now\n\tif (!t_relay()) {\n\t\tsl_reply_error();\n\t};\n"
        "\texit;\n}\n");
}

static void odd_texts(void **state)
{
    (void)state;
    accepted("");
    accepted("\xef\xbb\xbf# only a comment");
    accepted("debug=1\r\nfork=no\r\nroute{\r\nexit;\r\n}\r\n");
    accepted("\\\nroute{exit;}\\\n");
    refused("route{ exit; } }", "'}' closes nothing here");
    refused("route{ exit; };", "no ';' can stand outside");
}

/* Function allowed in failure_route alone: fine in route[n] when only failure routes lead there. */
static void kinds_through_calls(void **state)
{
    (void)state;
    accepted(MODULES "failure_route[1] { route(1); } route[1] { route(2); }\n"
                     "route[2] { if (t_was_cancelled()) exit; route(1); }");
    accepted(MODULES "route[5] { t_was_cancelled(); }");
    refused(MODULES "route { route(1); } route[1] { t_was_cancelled(); }",
            "t_was_cancelled() cannot be used in route: route calls route[1] in line 3");
    refused(MODULES "onreply_route { route(1); } route[1] { sl_send_reply(\"200\", \"x\"); }",
            "cannot be used in onreply_route: onreply_route calls route[1] in line 3");
    refused(MODULES "error_route { t_relay(); }", "cannot be used in error_route");
}

/* One module missing is one finding, not one for each of its functions. */
static void one_cause_one_finding(void **state)
{
    (void)state;
    refused("loadmodule \"acc.so\"\nmodparam(\"acc\", \"log_flag\", 1)\n"
            "route { acc_log_request(\"x\"); if ($acc_thing == 1) exit; }",
            "\"acc\" is known, but not built yet");
    refused("loadmodule tm.so\nmodparam(\"tm\", \"fr_timer\", 5)\nroute { t_relay(); }",
            "must be in quotes");
    refused("route[1 2] { exit; }\nroute { route(1); }", "expected ']', found '2'");
}

/* ---- what reaches the program -----------------------------------------------------------------
 */

static void settings(void **state)
{
    struct diag d;
    (void)state;
    struct program *p = compile(
        &d, "debug=1 debug=4\nfork=0x0 uid=\"nobody\" gid=users\nserver_header=\"Server: x\"\n"
            "advertised_address=sip.on.com\nadvertised_port=0x10\ntos=IPTOS_THROUGHPUT\n"
            "log_facility=log_local3 mhomed=7 tcp_poll_method=\"/dev/poll\"\n"
            "memlog=5 fifo=\"/tmp/f\" syn_branch=0\n");
    assert_non_null(p);
    assert_int_equal(d.notes, 3);
    assert_int_equal(program_setting_int(p, SETTING_DEBUG), 4);
    assert_int_equal(program_setting_int(p, SETTING_FORK), 0);
    assert_int_equal(program_setting_int(p, SETTING_CHILDREN), 8);
    assert_int_equal(program_setting_int(p, SETTING_MHOMED), 1);
    assert_int_equal(program_setting_int(p, SETTING_TOS), 8);
    assert_int_equal(program_setting_int(p, SETTING_ADVERTISED_PORT), 16);
    assert_str(program_setting_str(p, SETTING_USER), "nobody");
    assert_str(program_setting_str(p, SETTING_GROUP), "users");
    assert_str(program_setting_str(p, SETTING_SERVER_HEADER), "Server: x");
    assert_str(program_setting_str(p, SETTING_ADVERTISED_ADDRESS), "sip.on.com");
    assert_str(program_setting_str(p, SETTING_LOG_FACILITY), "LOG_LOCAL3");
    assert_str(program_setting_str(p, SETTING_WORKDIR), "/");
    assert_true(program_setting_given(p, SETTING_FORK));
    assert_false(program_setting_given(p, SETTING_CHILDREN));
    program_free(p);
    diag_free(&d);
}

static void check_listen(const struct listen_spec *l, int proto, const char *host, int port)
{
    assert_int_equal(l->proto, proto);
    assert_str(l->host, host);
    assert_int_equal(l->port, port);
}

static void addresses(void **state)
{
    struct diag d;
    const struct listen_spec *l;
    (void)state;
    struct program *p = compile(&d, "listen=udp:10.0.0.1:5070 eth0\nalias=a.b:any \"c.d:5060\"\n"
                                    "listen = tcp : [2001:db8::1] : 5061 any:lo alias=my-host\n");
    assert_non_null(p);
    assert_int_equal(program_listens(p, &l), 4);
    check_listen(&l[0], PROTO_UDP, "10.0.0.1", 5070);
    check_listen(&l[1], PROTO_ANY, "eth0", 0);
    check_listen(&l[2], PROTO_TCP, "2001:db8::1", 5061);
    check_listen(&l[3], PROTO_ANY, "lo", 0);
    assert_int_equal(l[2].loc.line, 3);
    assert_int_equal(program_aliases(p, &l), 3);
    check_listen(&l[0], PROTO_ANY, "a.b", 0);
    check_listen(&l[1], PROTO_ANY, "c.d:5060", 0);
    check_listen(&l[2], PROTO_ANY, "my-host", 0);
    program_free(p);
    diag_free(&d);
}

/* The name of an earlier release stands for the same module everywhere. */
/* Releases before 1.2 wrote a star for any. */
static void stars(void **state)
{
    (void)state;
    accepted("listen=*:127.0.0.1:5070\nlisten=udp:127.0.0.2:*\nalias=*:example.org:*\n"
             "dst_blacklist=b:{ ( * , 10.0.0.0/8 , * , \"\" ) }\n"
             "route { if (proto == *) exit; if (proto != * && $var(x) == 2) exit; drop; }");
    refused("route { $var(x) = * 3; }", "expected a value, found '*'");
}

static void old_names(void **state)
{
    struct diag d;
    (void)state;
    struct program *p = compile(&d, "loadmodule \"tm_of_old.so\"\n"
                                    "modparam(\"tm_of_old\", \"fr_timer\", 7)\n"
                                    "modparam(\"tm\", \"fr_inv_timer\", 9)\n"
                                    "route { t_relay(); }\n");
    assert_non_null(p);
    assert_true(program_loaded(p, MODULE_TM));
    const struct tm_conf *tm = program_conf(p, MODULE_TM);
    assert_int_equal(tm->fr_timer, 7);
    assert_int_equal(tm->fr_inv_timer, 9);
    program_free(p);
    diag_free(&d);
    refused("loadmodule \"tm.so\"\nloadmodule \"tm_of_old.so\"\nroute { exit; }",
            "\"tm_of_old\" was loaded in line 1");
}

static void configurations(void **state)
{
    struct diag d;
    (void)state;
    struct program *p = compile(&d, "loadmodule \"modules/tm/tm.so\" loadmodule \"sl\"\n"
                                    "modparam(\"TM|nosuch\", \"fr_timer\", 7)\n"
                                    "modparam(\"t.\", \"fr_inv_timer\", +9)\n"
                                    "modparam(\"tm\", \"fr_timer_avp\", \"$avp(s:x)\")\n");
    assert_non_null(p);
    assert_true(program_loaded(p, MODULE_CORE));
    assert_true(program_loaded(p, MODULE_TM));
    assert_true(program_loaded(p, MODULE_SL));
    assert_false(program_loaded(p, 3));
    const struct tm_conf *tm = program_conf(p, MODULE_TM);
    assert_int_equal(tm->fr_timer, 7);
    assert_int_equal(tm->fr_inv_timer, 9);
    assert_int_equal(tm->pass_provisional_replies, 0);
    assert_str(tm->fr_timer_avp, "$avp(s:x)");
    const struct sl_conf *sl = program_conf(p, MODULE_SL);
    assert_int_equal(sl->enable_stats, 1);
    assert_null(program_conf(p, 3));
    program_free(p);
    diag_free(&d);
}

static void route_numbers(void **state)
{
    struct diag d;
    (void)state;
    struct program *p = compile(&d, MODULES "failure_route[busy] { exit; } route { exit; }\n"
                                            "onreply_route { exit; } route[2] { exit; }");
    assert_non_null(p);
    assert_int_equal(program_route_count(p), 4);
    assert_int_equal(program_route(p, ROUTE_FAILURE, STR("busy")), 0);
    assert_int_equal(program_route(p, ROUTE_REQUEST, STR("0")), 1);
    assert_int_equal(program_route(p, ROUTE_ONREPLY, STR("0")), 2);
    assert_int_equal(program_route(p, ROUTE_REQUEST, STR("2")), 3);
    assert_int_equal(program_route(p, ROUTE_REQUEST, STR("7")), -1);
    program_free(p);
    diag_free(&d);
}

static void files(void **state)
{
    struct diag d;
    (void)state;
    diag_init(&d);
    assert_null(program_compile_file("tests/lang/no-such-file.cfg", &test_catalog, &d));
    assert_int_equal(d.errors, 1);
    assert_null(program_compile_file("tests/lang", &test_catalog, &d));
    assert_int_equal(d.errors, 2);
    assert_null(program_compile_file(FOLDER "/five-mistakes.cfg", &test_catalog, &d));
    assert_int_equal(d.errors, 7);
    diag_free(&d);
}

/* 10,000 lines in well under a second, also with the sanitizers. */
static void many_lines(void **state)
{
    size_t n = 0, size = 4 << 20;
    char *text = malloc(size);
    (void)state;
    n += (size_t)sprintf(text + n, MODULES);
    for (unsigned i = 0; i < 1000; i++)
        n += (size_t)sprintf(
            text + n,
            "route[R%u] {\n  if (method == \"INVITE\" && src_ip == 10.0.%u.0/24) {\n"
            "    $var(a) = $var(a) + %u;\n    xlog(\"L_INFO\", \"now $ru $si\\n\");\n"
            "    setflag(3);\n  } else {\n    sl_send_reply(\"404\", \"no\");\n"
            "    exit;\n  }\n  route(R%u); }\n",
            i, i % 256, i, i / 2);
    accepted(text);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(broken_scripts),
        cmocka_unit_test(good_statements),
        cmocka_unit_test(stock_configuration),
        cmocka_unit_test(odd_texts),
        cmocka_unit_test(kinds_through_calls),
        cmocka_unit_test(one_cause_one_finding),
        cmocka_unit_test(settings),
        cmocka_unit_test(addresses),
        cmocka_unit_test(configurations),
        cmocka_unit_test(stars),
        cmocka_unit_test(old_names),
        cmocka_unit_test(route_numbers),
        cmocka_unit_test(files),
        cmocka_unit_test(many_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
