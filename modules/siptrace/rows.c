/* Messages as rows of a table. */
/* SPDX-License-Identifier: MIT */
#include "modules/siptrace/priv.h"

/* Bytes that the columns of the reference's table hold, 0 for what is no text. */
static const size_t room[COLUMNS] = {
    [COL_CALL_ID] = 255, [COL_USER] = 128,   [COL_MSG] = MSG_MAX_BYTES, [COL_METHOD] = 50,
    [COL_STATUS] = 128,  [COL_FROM_IP] = 50, [COL_TO_IP] = 50,          [COL_FROM_TAG] = 64};

/* ---- texts ---- */

/* How many bytes the character at the beginning of s has, 0 when it is none (RFC 3629). */
static size_t character(struct str s)
{
    const unsigned char *p = (const unsigned char *)s.p;
    if (p[0] < 0x80)
        return p[0] != 0;
    size_t n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4 || s.len < n)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    bool longer = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xf0 && p[1] < 0x90);
    bool beyond = (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf4 && p[1] > 0x8f);
    return longer || beyond ? 0 : n;
}

/* Where the first character stands that is none, from at on; s.len when all are good. */
static size_t first_bad(struct str s, size_t at)
{
    size_t n;
    while (at < s.len && (n = character(str_sub(s, at, s.len))))
        at += n;
    return at;
}

struct str trace_text(struct arena *a, struct str s, size_t most)
{
    s = str_sub(s, 0, most);
    size_t at = first_bad(s, 0);
    if (at == s.len)
        return s.p ? s : STR("");
    struct str copy = arena_dup(a, s);
    char *p = (char *)(uintptr_t)copy.p;
    for (; p && at < s.len; at = first_bad(s, at + 1))
        p[at] = '?';
    return copy;
}

/* "udp:192.0.2.1:5060"; an IPv6 address has no brackets, as in the reference: so it fits. */
static struct str address(struct call *c, const struct addr *a)
{
    char text[IP_TEXT];
    struct str ip = ip_text_long(text, &a->ip);
    return arena_printf(c->arena, "%s:%.*s:%u", proto_name((enum proto)a->proto), STR_ARG(ip),
                        a->port);
}

/* ---- rows ---- */

struct avp *trace_avp(struct call *c, const struct pv_ref *pv, const struct avp *after)
{
    struct avp_name name;
    if (!pv || avp_name_of(pv, c, call_host(), &name) != ERR_OK)
        return NULL;
    return avp_find(c->avps, &name, after);
}

/* A name that a database may be asked about: letters, digits and _. */
static bool is_table(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!ascii_alpha(s.p[i]) && !ascii_digit(s.p[i]) && s.p[i] != '_')
            return false;
    return s.len > 0 && s.len <= 64;
}

static struct str table_of(struct call *c, const struct conf *conf)
{
    const struct avp *a = trace_avp(c, conf->table_avp, NULL);
    if (a && a->value.flags & VAL_STR && is_table(a->value.s))
        return a->value.s;
    return conf->table;
}

/* Everything but the user. */
static bool fill(struct call *c, const struct conf *conf, const struct passing *p,
                 struct db_value value[COLUMNS])
{
    const struct msg *m = c->msg;
    bool ours_from = p->out && conf->local_ip.len, ours_to = !p->out && conf->local_ip.len;
    const struct str text[COLUMNS] = {
        [COL_CALL_ID] = m->call_id,
        [COL_MSG] = p->bytes,
        [COL_METHOD] = m->request ? m->method_text : m->cseq_method,
        [COL_STATUS] = m->request ? STR_NONE : arena_u64(c->arena, m->status, 3),
        [COL_FROM_IP] = ours_from ? conf->local_ip : address(c, &p->from),
        [COL_TO_IP] = ours_to ? conf->local_ip : address(c, &p->to),
        [COL_FROM_TAG] = m->from_tag,
    };
    for (unsigned i = 0; i < COLUMNS; i++) {
        struct str s = room[i] ? trace_text(c->arena, text[i], room[i]) : STR("");
        if (!s.p)
            return false;
        value[i] = db_text(s);
    }
    value[COL_DATE] = db_time(call_time(c));
    value[COL_DIRECTION] = db_text(p->out ? STR("out") : STR("in"));
    return true;
}

static bool give(struct call *c, const struct db_query *q)
{
    struct state *s = call_state(c, &siptrace_module);
    return journal_add(s->journal, call_worker(c), call_loop(c), q) == ERR_OK;
}

bool trace_rows(struct call *c, const struct passing *p, bool flagged)
{
    const struct conf *conf = call_conf(c, &siptrace_module);
    struct db_value value[COLUMNS];
    struct db_query q = {.verb = DB_INSERT,
                         .table = table_of(c, conf),
                         .columns = COLUMNS,
                         .column = conf->column,
                         .value = value};
    if (!fill(c, conf, p, value))
        return false;
    bool good = !flagged || give(c, &q);
    const struct avp *user = trace_avp(c, conf->user_avp, NULL);
    for (; user; user = trace_avp(c, conf->user_avp, user)) {
        char digits[VALUE_TEXT];
        struct str text = value_text(&user->value, digits);
        value[COL_USER] = db_text(trace_text(c->arena, text, room[COL_USER]));
        good = give(c, &q) && good;
    }
    return good;
}
