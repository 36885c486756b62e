/* The parser: how scripts become trees. A tree is compared as text, written with brackets around
 * everything. */
/* SPDX-License-Identifier: MIT */
#include "tests/lib/unit.h"

#include "lang/source.h"

/* ---- trees as text ---- */

static void show(struct buf *b, const struct node *n);

static void show_list(struct buf *b, const char *name, const struct node *first)
{
    buf_printf(b, "(%s", name);
    for (; first; first = first->next) {
        buf_char(b, ' ');
        show(b, first);
    }
    buf_char(b, ')');
}

static void show_chain(struct buf *b, const struct node *n)
{
    buf_char(b, '(');
    for (const struct node *i = n->chain.first; i; i = i->next) {
        if (i->joint)
            buf_printf(b, " %s ", ast_op_text(i->joint));
        show(b, i);
    }
    buf_char(b, ')');
}

static void show_binary(struct buf *b, const struct node *n)
{
    buf_char(b, '(');
    show(b, n->binary.left);
    buf_printf(b, " %s ", ast_op_text(n->op));
    show(b, n->binary.right);
    buf_char(b, ')');
}

static void show_assign(struct buf *b, const struct node *n)
{
    buf_char(b, '(');
    show(b, n->assign.target);
    buf_printf(b, " %s%s ", ast_op_text(n->assign.compound), ast_op_text(n->op));
    show(b, n->assign.value);
    buf_char(b, ')');
}

static void show_statement(struct buf *b, const struct node *n)
{
    switch (n->kind) {
    case NODE_BLOCK:
        show_list(b, "block", n->block.first);
        return;
    case NODE_IF:
        buf_add(b, STR("(if "));
        show(b, n->branch.cond);
        buf_char(b, ' ');
        show(b, n->branch.then);
        if (n->branch.otherwise) {
            buf_add(b, STR(" else "));
            show(b, n->branch.otherwise);
        }
        buf_char(b, ')');
        return;
    case NODE_WHILE:
        buf_add(b, STR("(while "));
        show(b, n->loop.cond);
        buf_char(b, ' ');
        show(b, n->loop.body);
        buf_char(b, ')');
        return;
    case NODE_SWITCH:
        buf_add(b, STR("(switch "));
        show(b, n->choice.subject);
        show_list(b, "", n->choice.cases);
        buf_char(b, ')');
        return;
    case NODE_CASE:
        if (n->entry.label)
            show(b, n->entry.label);
        else
            buf_add(b, STR("default"));
        show_list(b, ":", n->entry.first);
        return;
    case NODE_RETURN:
        show_list(b, "return", n->ret.value);
        return;
    default:
        buf_printf(b, "%s", ast_kind_name(n->kind));
    }
}

static void show_host(struct buf *b, const struct node *n)
{
    buf_printf(b, "%s:%.*s:%u", proto_name(n->host.proto), STR_ARG(n->host.host), n->host.port);
}

static void show(struct buf *b, const struct node *n)
{
    char ip[IP_TEXT];
    switch (n->kind) {
    case NODE_CALL:
        buf_printf(b, "%.*s%s", STR_ARG(n->call.name), n->call.brackets ? "" : "!");
        show_list(b, "", n->call.args);
        return;
    case NODE_ROUTE:
        buf_printf(b, "route<%.*s>", STR_ARG(n->route.name));
        return;
    case NODE_ASSIGN:
        show_assign(b, n);
        return;
    case NODE_CHAIN:
        show_chain(b, n);
        return;
    case NODE_NOT:
    case NODE_TEST:
    case NODE_COMPLEMENT:
        show_list(b, n->kind == NODE_NOT ? "!" : n->kind == NODE_TEST ? "test" : "~", n->inner);
        return;
    case NODE_COMPARE:
    case NODE_ARITH:
        show_binary(b, n);
        return;
    case NODE_NUMBER:
        buf_printf(b, "%d", n->number.value);
        return;
    case NODE_STRING:
        buf_printf(b, "\"%.*s\"", STR_ARG(n->text));
        return;
    case NODE_WORD:
        buf_printf(b, "'%.*s", STR_ARG(n->text));
        return;
    case NODE_VARIABLE:
        buf_add(b, n->variable.text);
        return;
    case NODE_OPERAND:
        buf_printf(b, "operand%d", n->operand);
        return;
    case NODE_NET:
        buf_printf(b, "%.*s/%u", STR_ARG(ip_text(ip, &n->net.ip)), n->net.bits);
        return;
    case NODE_HOST:
        show_host(b, n);
        return;
    default:
        show_statement(b, n);
    }
}

/* ---- tests ---- */

struct parsed {
    struct diag diag;
    struct script script;
};

static void parse(struct parsed *p, const char *text)
{
    diag_init(&p->diag);
    int file = source_add(&p->diag, STR("t.cfg"), str_from(text));
    assert_int_equal(file, 0);
    assert_int_equal(parse_script(&p->script, &p->diag, file), ERR_OK);
}

static void unparse(struct parsed *p)
{
    script_free(&p->script);
    diag_free(&p->diag);
}

/* The statements of a route as text; "error: ..." for the first mistake. */
static void expect(const char *statements, const char *tree)
{
    struct parsed p;
    struct arena a;
    struct buf b;
    char text[4096];
    snprintf(text, sizeof text, "route { %s }", statements);
    parse(&p, text);
    arena_init(&a, NULL, 4096);
    buf_init(&b, &a, 1024);
    if (p.diag.first)
        buf_printf(&b, "error: %.*s", STR_ARG(p.diag.first->text));
    for (const struct node *n = p.diag.first ? NULL : p.script.routes->body->block.first; n;
         n = n->next) {
        show(&b, n);
        buf_add(&b, n->next ? STR(" ") : STR(""));
    }
    buf_char(&b, 0);
    assert_string_equal(b.p, tree);
    arena_reset(&a);
    unparse(&p);
}

/* A condition. */
static void condition(const char *cond, const char *tree)
{
    char statement[2048], want[2048];
    snprintf(statement, sizeof statement, "if (%s) exit;", cond);
    snprintf(want, sizeof want, "(if %s exit)", tree);
    expect(statement, want);
}

/* The right side of an assignment. */
static void value(const char *text, const char *tree)
{
    char statement[2048], want[2048];
    snprintf(statement, sizeof statement, "$var(x) = %s;", text);
    snprintf(want, sizeof want, "($var(x) = %s)", tree);
    expect(statement, want);
}

static void precedence(void **state)
{
    (void)state;
    condition("1 || 2 && 3", "(1 || 2 && 3)");
    condition("1 && 2 || 3 and 4 or 5", "(1 && 2 || 3 && 4 || 5)");
    condition("1 || (2 && 3)", "(1 || (2 && 3))");
    condition("(1 || 2) && 3", "((1 || 2) && 3)");
    condition("!uri == myself && not 1", "((! (operand1 == myself)) && (! 1))");
    condition("!!$rU", "(! (! $rU))");
    condition("[$var(x) & 1 << 2 | 3 ^ ~4]", "(test (($var(x) & (1 << 2)) | (3 ^ (~ 4))))");
    condition("$var(x) = 5 && 1", "(($var(x) = 5) && 1)");
    value("2 + 3 * 4 - 5", "((2 + (3 * 4)) - 5)");
    value("(2 + 3) * 4 % 5 / 6", "((((2 + 3) * 4) % 5) / 6)");
    value("7-10", "(7 - 10)");
    value("-7 / +2", "(-7 / 2)");
    value("- 5", "-5");
    value("~5 + 1", "((~ 5) + 1)");
    value("$rU == \"bob\"", "($rU == \"bob\")");
    value("\"a\" + 'b' + $rU", "((\"a\" + \"b\") + $rU)");
}

static void numbers(void **state)
{
    (void)state;
    value("0", "0");
    value("00", "0");
    value("010", "8");
    value("0x1F", "31");
    value("0xfFfFfFfF", "-1");
    value("99999999999", "1215752191");
    value("4294967295", "-1");
    value("yes", "1");
    value("disable", "0");
    value("INET6", "10");
    value("max_len", "65535");
    value("forwarding", "'forwarding");
}

static void strings(void **state)
{
    (void)state;
    value("\"a\\tb\\\\c\\\"d\\q\\1\"", "\"a\tb\\c\"d\\q\\1\"");
    value("\"a\\000b\"", "\"a\"");
    value("\"\\101\\x41\\x4g\\8\\07\"", "\"AA\x04g\\8\a\"");
    value("\"one\\\ntwo\\\r\nthree\"", "\"onetwothree\"");
    value("\"one\n two\"", "\"one\n two\"");
    value("'a\\nb'", "\"a\\nb\"");
    value("\"# no /* comment */ // here\"", "\"# no /* comment */ // here\"");
    value("\"\"", "\"\"");
    value("\"h\xc3\xa9\"", "\"h\xc3\xa9\"");
}

static void comments(void **state)
{
    (void)state;
    expect("exit; # and the rest ' \" { \n drop;", "exit drop");
    expect("/* a /* b */ c */ exit /**/;/***/", "exit");
    expect("exit; # no end of line: \\\n drop;", "exit drop");
    expect("exit\\\n;\\\r\n drop\b;", "exit drop");
    struct parsed p;
    parse(&p, "route { exit; } # no newline at the end");
    assert_int_equal(p.diag.errors, 0);
    unparse(&p);
}

static void variables(void **state)
{
    (void)state;
    value("$ru", "$ru");
    value("$ruri.user+1", "($ruri.user + 1)");
    value("$hdr(X-(a) b;c)", "$hdr(X-(a) b;c)");
    value("$(avp(s:x)[$var(i)]{s.substr,0,$(var(l){s.len})})",
          "$(avp(s:x)[$var(i)]{s.substr,0,$(var(l){s.len})})");
    value("$$", "$$");
    condition("[1+$rc]", "(test (1 + $rc))");
    condition("$var(a)==1&&!0||0", "(($var(a) == 1) && (! 0) || 0)");
    expect("$var(a-b)=1;$avp(s:x):=null;", "($var(a-b) = 1) ($avp(s:x) := null)");
    expect("$var(a) += 1; $var(a) ^= 2;", "($var(a) += 1) ($var(a) ^= 2)");
}

static void statements(void **state)
{
    (void)state;
    expect(";;exit;;", "empty statement empty statement exit empty statement");
    expect("if (1) if (0) exit; else drop;", "(if 1 (if 0 exit else drop))");
    expect("if (1) { } else if 2 drop; else { exit; };",
           "(if 1 (block) else (if 2 drop else (block exit))) empty statement");
    expect("if is_method(\"X\") exit;", "(if is_method( \"X\") exit)");
    expect("while ($var(i) < 3) $var(i) = $var(i) + 1;",
           "(while ($var(i) < 3) ($var(i) = ($var(i) + 1)))");
    expect("switch ($rm) { case \"A\": case -1: exit; break; default: drop; esac; }",
           "(switch $rm( \"A\"(:) -1(: exit break) default(: drop break)))");
    expect("return; return(); return(-1); return($rc);",
           "(return) (return) (return -1) (return $rc)");
    expect("exit(); drop();", "exit drop");
    expect("revert_uri; revert_uri();", "revert_uri!() revert_uri()");
    expect("route(1); route(\"a\"); route(RELAY); route(010); route(\"02\");",
           "route<1> route<a> route<RELAY> route<8> route<2>");
    condition("{ exit; }", "(block exit)");
    condition("if (1) exit;", "(if 1 exit)");
}

static void operands(void **state)
{
    (void)state;
    condition("method == INVITE", "(operand0 == 'INVITE)");
    condition("src_ip==10.0.0.0/8", "(operand5 == 10.0.0.0/8)");
    condition("src_ip==10.0.0.0/255.240.0.0", "(operand5 == 10.0.0.0/12)");
    condition("src_ip == [2001:db8::1]", "(operand5 == 2001:db8::1/128)");
    condition("dst_ip == ::1/64", "(operand6 == ::1/64)");
    condition("src_ip == 010.0.0.1", "(operand5 == 8.0.0.1/32)");
    condition("src_ip == gw-1.example.com", "(operand5 == 'gw-1.example.com)");
    condition("proto==udp or proto != any", "((operand9 == 1) || (operand9 != 0))");
    condition("msg:len >= max_len", "(operand11 >= 65535)");
    condition("af == INET6", "(operand10 == 10)");
}

static void arguments(void **state)
{
    (void)state;
    expect("f(1, -1, \"a\", $rU, b, udp);", "error: expected ':', found ')'");
    expect("f(1, -1, \"a\", $rU, b);", "f( 1 -1 \"a\" $rU 'b)");
    expect("f(10.0.0.1:5060, udp:[::1]:5061, tcp:a.b, any:x-y:any);",
           "f( any:10.0.0.1:5060 udp:::1:5061 tcp:a.b:0 any:x-y:0)");
}

static void routes(void **state)
{
    struct parsed p;
    (void)state;
    parse(&p, "route[1] {}\nroute<relay> {}\nroute {}\nfailure_route[\"07\"] {}\nreply_route {}\n"
              "request_route {}\nbranch_route[0x10] {}\nerror_route {}\nlocal_route {}");
    static const struct {
        enum route_kind kind;
        const char *name;
    } want[] = {{ROUTE_REQUEST, "1"}, {ROUTE_REQUEST, "relay"}, {ROUTE_REQUEST, "0"},
                {ROUTE_FAILURE, "7"}, {ROUTE_ONREPLY, "0"},     {ROUTE_REQUEST, "0"},
                {ROUTE_BRANCH, "16"}, {ROUTE_ERROR, "0"},       {ROUTE_LOCAL, "0"}};
    assert_int_equal(p.diag.errors, 0);
    assert_int_equal(p.script.n_routes, 9);
    const struct route_def *r = p.script.routes;
    for (unsigned i = 0; i < 9; i++, r = r->next) {
        assert_int_equal(r->kind, want[i].kind);
        assert_str(r->name, want[i].name);
        assert_int_equal(r->index, i);
        assert_int_equal(r->loc.line, i + 1);
    }
    unparse(&p);
}

static void places(void **state)
{
    struct parsed p;
    (void)state;
    parse(&p, "\xef\xbb\xbfroute {\r\n  if (1)\r\n\tsl_send_reply(\"200\",\r\n   \"ok\");\r\n}");
    const struct node *n = p.script.routes->body->block.first;
    assert_int_equal(p.script.routes->loc.column, 1);
    assert_int_equal(n->loc.line, 2);
    assert_int_equal(n->loc.column, 3);
    n = n->branch.then;
    assert_int_equal(n->loc.line, 3);
    assert_int_equal(n->loc.column, 2);
    assert_int_equal(n->loc.end_line, 4);
    assert_int_equal(n->loc.end_column, 9);
    assert_int_equal(n->call.args->next->loc.column, 4);
    unparse(&p);
}

static void global_section(void **state)
{
    struct parsed p;
    (void)state;
    parse(&p, "debug = 3 fork=no\nlisten=udp:1.2.3.4:5060 eth0 tcp:[::1] my-host.x\n"
              "alias=a b:5060 alias=\"c\"\nmpath=\"/x/\" loadmodule \"tm.so\"\n"
              "modparam(\"tm|sl\", \"a\", -1) modparam(\"tm\",\"b\",yes)\n"
              "dst_blacklist = b:{(udp, 10.0.0.0/8, 5060, \"\"), !(any, ::1, any, \"*x*\")}\n"
              "tls_server_domain[1.2.3.4:5061] { tls_method = SSLv23 tls_ca_list=\"x\" }\n"
              "advertised_address=10.0.0.1 user=nobody tos=IPTOS_LOWDELAY");
    static const enum item_kind want[] = {
        ITEM_SETTING,    ITEM_SETTING,    ITEM_LISTEN,   ITEM_ALIAS,    ITEM_ALIAS,
        ITEM_MPATH,      ITEM_LOADMODULE, ITEM_MODPARAM, ITEM_MODPARAM, ITEM_BLACKLIST,
        ITEM_TLS_DOMAIN, ITEM_SETTING,    ITEM_SETTING,  ITEM_SETTING};
    assert_int_equal(p.diag.errors, 0);
    const struct item *i = p.script.items;
    for (unsigned n = 0; n < sizeof want / sizeof *want; n++, i = i->next) {
        assert_non_null(i);
        assert_int_equal(i->kind, want[n]);
        if (i->kind == ITEM_BLACKLIST) {
            assert_int_equal(i->rules->port, 5060);
            assert_true(i->rules->next->negated);
            assert_null(i->rules->next->next);
        }
        if (i->kind == ITEM_TLS_DOMAIN)
            assert_str(i->inner->next->name, "tls_ca_list");
        if (i->kind == ITEM_LISTEN) {
            assert_str(i->value->next->host.host, "eth0");
            assert_str(i->value->next->next->next->host.host, "my-host.x");
        }
    }
    assert_null(i);
    unparse(&p);
}

/* Whatever the bytes: mistakes, but an end. */
static void bounds(void **state)
{
    static const char *const pieces[] = {
        "(",  "[",  "{",       "if ",     "! ",   "~",   "$(",          "\"",
        "'",  "/*", "else ",   "route{",  "-",    "1+",  "a(",          "=",
        "))", "}",  "case 1:", "switch(", "\xff", "$x=", "if(1){}else "};
    (void)state;
    for (unsigned i = 0; i < sizeof pieces / sizeof *pieces; i++)
        for (unsigned inside = 0; inside < 2; inside++) {
            size_t unit = strlen(pieces[i]), n = 20000;
            char *text = malloc(unit * n + 16);
            strcpy(text, inside ? "route{" : "");
            size_t len = strlen(text);
            for (size_t k = 0; k < n; k++, len += unit)
                memcpy(text + len, pieces[i], unit + 1);
            struct parsed p;
            parse(&p, text);
            unparse(&p);
            free(text);
        }
}

static void zero_bytes(void **state)
{
    struct diag d;
    struct script s;
    (void)state;
    diag_init(&d);
    int file = source_add(&d, STR("t"), str_make("route { log(\"a\0b\"); \0 exit; }", 29));
    assert_int_equal(parse_script(&s, &d, file), ERR_OK);
    assert_int_equal(d.errors, 1);
    assert_int_equal(d.first->loc.column, 21);
    assert_int_equal(s.routes->body->block.first->call.args->text.len, 3);
    script_free(&s);
    diag_free(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(precedence),     cmocka_unit_test(numbers),
        cmocka_unit_test(strings),        cmocka_unit_test(comments),
        cmocka_unit_test(variables),      cmocka_unit_test(statements),
        cmocka_unit_test(operands),       cmocka_unit_test(arguments),
        cmocka_unit_test(routes),         cmocka_unit_test(places),
        cmocka_unit_test(global_section), cmocka_unit_test(bounds),
        cmocka_unit_test(zero_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
