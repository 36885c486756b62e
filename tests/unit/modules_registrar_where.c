/* registrar: where phones really are (received, Path, sockets, NAT), and lookup(). */
/* SPDX-License-Identifier: MIT */
#include "tests/unit/registrar_alone.h"

/* ---- where phones really are ----------------------------------------------------------------- */

static void received(void **state)
{
    (void)state;
    set_param(1, "received_avp", "$avp(s:rcv)", 0);
    world.avp = "sip:203.0.113.5:7";
    reg("Contact: <sip:a@10.0.0.1>\r\n");
    expect(200, "Contact: <sip:a@10.0.0.1>;expires=3600;received=\"sip:203.0.113.5:7\"\r\n");
    assert_int_equal(look("sip:al@h"), 1);
    assert_str(call->target.uri, "sip:a@10.0.0.1");
    assert_str(call->target.dst_uri, "sip:203.0.113.5:7");
    reg("Contact: <sip:a@10.0.0.1>;received=\"sip:192.0.2.4;transport=tcp\"\r\n");
    set_param(1, "received_param", "rcv", 0);
    reg("");
    expect(200, "Contact: <sip:a@10.0.0.1>;expires=3600;rcv=\"sip:192.0.2.4;transport=tcp\"\r\n");
    world.avp = "sip:x\"\r\nEvil: 1"; /* no header of its own */
    reg("Contact: <sip:a@10.0.0.1>\r\n");
    expect(200, "Contact: <sip:a@10.0.0.1>;expires=3600\r\n");
}

static void path(void **state)
{
    (void)state;
    reg("Contact: <sip:a@h>\r\nPath: <sip:edge;lr>\r\nSupported: path\r\n");
    expect(200, "Contact: <sip:a@h>;expires=3600\r\n"); /* use_path is off */
    set_int("use_path", 1);
    reg("Contact: <sip:a@h>\r\nPath: <sip:p1;lr>, <sip:p2;lr>\r\nPath: <sip:p3>\r\n"
        "Supported: timer, PATH\r\n");
    expect(200, "Contact: <sip:a@h>;expires=3600\r\n"
                "Path: <sip:p1;lr>,<sip:p2;lr>,<sip:p3>\r\n");
    assert_int_equal(look("sip:al@h"), 1);
    assert_str(call->target.uri, "sip:a@h");
    assert_str(call->target.dst_uri, "sip:p1;lr");
    assert_str(call->target.path, "<sip:p1;lr>,<sip:p2;lr>,<sip:p3>");
    assert_int_equal(reg("Contact: <sip:b@h>\r\nPath: <sip:p1;lr>\r\n"), 1);
    assert_int_equal(world.code, 420);
    assert_non_null(strstr(world.headers, "Unsupported: path\r\nPath: <sip:p1;lr>\r\n"
                                          "P-Registrar-Error: "));
    assert_non_null(strstr(world.headers, "<sip:b@h>;expires=3600")); /* it is stored */
    assert_int_equal(reg("Path: <sip:p1;lr>\r\n"), 1); /* asks only: nothing is stored */
    assert_int_equal(world.code, 200);
    set_int("path_mode", PATH_LAZY);
    reg("Contact: <sip:b@h>;expires=0, <sip:a@h>;expires=70\r\nPath: <sip:p1;lr>\r\n");
    expect(200, "Contact: <sip:a@h>;expires=70\r\n");
    set_int("path_mode", PATH_NEVER);
    reg("Contact: <sip:a@h>;expires=70\r\nPath: <sip:p1;lr>\r\nSupported: path\r\n");
    expect(200, "Contact: <sip:a@h>;expires=70\r\n");
}

static void bad_paths(void **state)
{
    static const char *const row[] = {"<sip:p1>", "sip:p1;lr", "<sip:p1;lr", "<:;lr>",
                                      "<sip:p1;lr>, <p2>"};
    (void)state;
    set_int("use_path", 1);
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct str h = arena_printf(&world.arena, "Contact: <sip:a@h>\r\nPath: %s\r\n", row[i]);
        if (reg(h.p) != 0)
            fail_msg("accepted: %s", row[i]);
        expect(400, "P-Registrar-Error: Path parse error\r\n");
    }
    assert_int_equal(reg(repeat("Contact: <sip:a@h>\r\nPath: <sip:", 1100, ";lr>\r\n")), 0);
}

static void path_received(void **state)
{
    (void)state;
    set_int("use_path", 1);
    set_int("path_use_received", 1);
    set_int("path_mode", PATH_NEVER);
    set_param(0, "nat_bflag", NULL, 6);
    reg("Contact: <sip:a@10.0.0.1>;received=\"sip:9.9.9.9\"\r\n"
        "Path: <sip:p1;lr;received=sip:203.0.113.5:7%3Btransport%3dtcp>, <sip:p2;lr>\r\n");
    expect(200, "Contact: <sip:a@10.0.0.1>;expires=3600;"
                "received=\"sip:203.0.113.5:7;transport=tcp\"\r\n");
    assert_int_equal(look("sip:al@h"), 1);
    assert_int_equal(call->target.flags, 1 << 6);
    assert_str(call->target.dst_uri, "sip:p1;lr;received=sip:203.0.113.5:7%3Btransport%3dtcp");
}

static void sockets(void **state)
{
    (void)state;
    arrive_register("al", "Contact: <sip:a@h>\r\n");
    call->msg->socket = 1;
    call->target.flags = 5;
    run("save", "location", -1);
    look("sip:al@h");
    assert_int_equal(call->target.socket, 1);
    assert_int_equal(call->target.flags, 5);
    set_int("sock_flag", 3);
    set_param(1, "sock_hdr_name", "Sock-Info", 0);
    static const struct {
        const char *value;
        int want;
    } row[] = {{"udp:192.0.2.1:5061", 1},
               {"udp:198.51.100.1:5060", NO_SOCKET},
               {"garbage", 0},
               {"udp:", 0},
               {":", 0},
               {"", 0},
               {"udp::99999", 0}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct str h =
            arena_printf(&world.arena, "Contact: <sip:a@h>\r\nsock-info: %s\r\n", row[i].value);
        arrive_register("al", h.p);
        call->flags = 1 << 3;
        assert_int_equal(run("save", "location", -1), 1);
        look("sip:al@h");
        assert_int_equal(call->target.socket, row[i].want);
    }
}

static void nat_flag(void **state)
{
    (void)state;
    set_int("nat_flag", 4);
    arrive_register("al", "Contact: <sip:a@h>\r\n");
    call->flags = 1 << 4;
    run("save", "location", -1);
    look("sip:al@h");
    assert_int_equal(call->flags, 1 << 4);
    reg("Contact: <sip:a@h>\r\n");
    look("sip:al@h");
    assert_int_equal(call->flags, 0);
}

static void adds_socket_header(void **state)
{
    struct buf out;
    (void)state;
    arrive_register("al", "Contact: <sip:a@h>\r\n");
    assert_int_equal(run("add_sock_hdr", "Sock-Info", -1), 1);
    buf_init(&out, &world.arena, 1024);
    edits_write(&out, call->msg->raw, 0, call->msg->raw.len, &call->edits, NULL);
    assert_true(str_ends(buf_str(&out),
                         STR("Contact: <sip:a@h>\r\nSock-Info: udp:192.0.2.1:5060\r\n\r\n")));
}

/* ---- lookup ---------------------------------------------------------------------------------- */

static void looks_up(void **state)
{
    (void)state;
    reg("Contact: <sip:a@h>;q=0.1, <sip:b@h>;q=0.9, <sip:c@h>\r\n");
    assert_int_equal(look("sip:al@example.test"), 1);
    assert_str(call->target.uri, "sip:b@h");
    assert_int_equal(call->target.q, 900);
    assert_int_equal(call->extras, 2);
    assert_str(call->extra[0].uri, "sip:a@h");
    assert_int_equal(call->extra[0].q, 100);
    assert_str(call->extra[1].uri, "sip:c@h");
    assert_int_equal(call->extra[1].q, NO_Q);
    set_int("append_branches", 0);
    look("sip:al@example.test");
    assert_int_equal(call->extras, 0);
    assert_int_equal(look("sip:bo@example.test"), -1);
    assert_str(call->target.uri, "sip:bo@example.test");
    arrive("INVITE sip:al@h", "");
    assert_int_equal(run("lookup", "aliases", -1), -1);
    assert_int_equal(run("registered", "location", -1), 1);
    assert_int_equal(run("registered", "aliases", -1), -1);
    assert_str(call->target.uri, "sip:al@h");
}

static void keeps_what_was_set(void **state)
{
    (void)state;
    reg("Contact: <sip:a@h>\r\n");
    arrive("INVITE sip:al@h", "");
    call->target.dst_uri = STR("sip:proxy");
    call->target.flags = 2;
    call->extras = 1;
    assert_int_equal(run("lookup", "location", -1), 1);
    assert_str(call->target.dst_uri, "sip:proxy");
    assert_int_equal(call->target.flags, 2);
    assert_int_equal(call->extras, 1);
}

static void branches_are_limited(void **state)
{
    struct buf b;
    (void)state;
    buf_init(&b, &world.arena, 1024);
    for (int i = 0; i < 30; i++)
        buf_printf(&b, "Contact: <sip:a%d@h>\r\n", i);
    buf_char(&b, '\0');
    reg(b.p);
    assert_int_equal(world.code, 200);
    assert_int_equal(look("sip:al@h"), 1);
    assert_int_equal(call->extras, CALL_MAX_BRANCHES - 1);
}

static void methods(void **state)
{
    (void)state;
    reg("Contact: <sip:a@h>;methods=\"SUBSCRIBE, MESSAGE\"\r\n");
    assert_int_equal(look("sip:al@h"), 1); /* not filtered */
    set_int("method_filtering", 1);
    assert_int_equal(look("sip:al@h"), -2);
    assert_str(call->target.uri, "sip:al@h");
    reg("Contact: <sip:b@h>\r\nAllow: ACK, BYE\r\nAllow: INVITE\r\n");
    assert_int_equal(look("sip:al@h"), 1);
    assert_str(call->target.uri, "sip:b@h");
    assert_int_equal(call->extras, 0);
    arrive("FROB sip:al@h", "");
    assert_int_equal(run("lookup", "location", -1), -2);
    reg("Contact: <sip:c@h>\r\n");
    arrive("FROB sip:al@h", "");
    assert_int_equal(run("lookup", "location", -1), 1);
}

/* Every prefix of a REGISTER, in memory of exactly its size. */
static void cut_short(void **state)
{
    static const char head[] = "REGISTER sip:h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\n";
    static const char tail[] =
        "To: <sip:al@h>\r\nCall-ID: c\r\nCSeq: 1 REGISTER\r\nPath: <sip:p;lr;received=sip:x%3b>\r\n"
        "Sock: udp:192.0.2.1:5060\r\nSupported: path\r\nAllow: INVITE,ACK\r\nExpires: 100\r\n"
        "Contact: \"a\" <sip:a@h;x=1>;q=0.5;expires=\"7\";methods=\"INVITE\";received=\"sip:r\", "
        "sip:b@h;q=1\r\n\r\n";
    (void)state;
    set_int("use_path", 1);
    set_int("path_use_received", 1);
    set_int("sock_flag", 0);
    set_param(1, "sock_hdr_name", "Sock", 0);
    for (size_t n = 0; n < sizeof tail; n++) {
        size_t len = sizeof head - 1 + n;
        char *bytes = malloc(len);
        memcpy(bytes, head, sizeof head - 1);
        memcpy(bytes + sizeof head - 1, tail, n);
        arrive("REGISTER sip:h", "");
        if (msg_scan(&world.msg, &world.arena, str_make(bytes, len)) == ERR_OK) {
            call->flags = 1;
            int rc = run("save", "location", -1);
            assert_true(rc == 0 || rc == 1);
        }
        free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T3(received, path, bad_paths),
        T3(path_received, sockets, nat_flag),
        T3(adds_socket_header, looks_up, keeps_what_was_set),
        T3(branches_are_limited, methods, cut_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
