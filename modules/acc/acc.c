/* acc: accounting: what became of calls, a line of the log or a row of a table each. */
/* SPDX-License-Identifier: MIT */
#include "modules/acc/priv.h"

/* ---- functions ---- */

/* A comment may begin with a status code. */
static struct acc_record record_of(const struct call *c, struct str comment)
{
    struct acc_record r = {
        .event = "request accounted", .to_tag = c->msg->to_tag, .reason = comment};
    if (comment.len > 2 && ascii_digit(comment.p[0]) && ascii_digit(comment.p[1]) &&
        ascii_digit(comment.p[2])) {
        r.code = str_sub(comment, 0, 3);
        r.reason = str_trim(str_sub(comment, 3, comment.len));
    }
    return r;
}

static int log_request(struct call *c, const struct arg *args, unsigned n)
{
    struct acc_record r = record_of(c, args[0].v.s);
    (void)n;
    return acc_write_line(c, &r);
}

static int db_request(struct call *c, const struct arg *args, unsigned n)
{
    struct acc_record r = record_of(c, args[0].v.s);
    (void)n;
    return acc_write_rows(c, &r, args[1].v.s);
}

static int check_comment(struct prepare *p, unsigned argn, struct str text, struct arg *out)
{
    (void)out;
    if (argn > 0 || text.len)
        return ERR_OK;
    buf_printf(p->error, "the comment is empty");
    return ERR_INVALID;
}

static int not_built(struct call *c, const struct arg *args, unsigned n)
{
    (void)c, (void)args, (void)n;
    return -1;
}

/* ---- transactions ---- */

static bool has(uint32_t flags, int32_t flag)
{
    return flag != ACC_NO_FLAG && flags & (uint32_t)1 << flag;
}

/* To tag and reason stand in the reply, when it came from outside. */
static void read_reply(struct call *c, struct acc_record *r, const struct txn_event *e)
{
    struct msg *m = e->reply.len ? arena_alloc(c->arena, sizeof *m) : NULL;
    r->to_tag = c->msg->to_tag;
    r->code = arena_printf(c->arena, "%u", e->code);
    if (!m || msg_scan(m, c->arena, e->reply) != ERR_OK)
        return;
    r->reason = m->reason;
    if (!e->local)
        r->to_tag = m->to_tag;
}

/* To the log and to a table, as the flags say. */
static void account(struct call *c, const struct txn_event *e, const char *event, bool log,
                    const struct str *table)
{
    struct acc_record r = {.event = event};
    if (!log && !table)
        return;
    read_reply(c, &r, e);
    if (log)
        acc_write_line(c, &r);
    if (table)
        acc_write_rows(c, &r, *table);
}

static uint32_t bit(int32_t flag)
{
    return flag == ACC_NO_FLAG ? 0 : (uint32_t)1 << flag;
}

static bool misses(const struct call *c, const struct txn_event *e, int32_t flag)
{
    return has(e->first_flags, flag) && has(c->flags, flag);
}

/* Once for each time the flags were set; they may be the same one. */
static void missed(struct call *c, const struct acc_conf *conf, const struct txn_event *e)
{
    if (c->msg->method != METHOD_INVITE || e->code < 300)
        return;
    bool log = misses(c, e, conf->log_missed_flag), row = misses(c, e, conf->db_missed_flag);
    c->flags &= ~((log ? bit(conf->log_missed_flag) : 0) | (row ? bit(conf->db_missed_flag) : 0));
    account(c, e, "call missed", log, row ? &conf->missed_table : NULL);
}

static bool counts(const struct acc_conf *conf, uint32_t flags, unsigned code)
{
    if (code < 200)
        return conf->early_media;
    return code < 300 || has(flags, conf->failed_transaction_flag);
}

static void on_transaction(struct call *c, const struct txn_event *e)
{
    const struct acc_conf *conf = call_conf(c, &acc_module);
    if (c->msg->method == METHOD_CANCEL && !conf->report_cancels)
        return;
    if (e->kind == TXN_ACKED) {
        if (conf->report_ack)
            account(c, e, "request acknowledged", has(e->flags, conf->log_flag),
                    has(e->flags, conf->db_flag) ? &conf->table : NULL);
        return;
    }
    missed(c, conf, e);
    if (e->kind == TXN_REPLIED && counts(conf, c->flags, e->code))
        account(c, e, "transaction answered", has(c->flags, conf->log_flag),
                has(c->flags, conf->db_flag) ? &conf->table : NULL);
}

static uint32_t transaction_flags(const void *data)
{
    const struct acc_conf *conf = data;
    return bit(conf->log_flag) | bit(conf->log_missed_flag) | bit(conf->db_flag) |
           bit(conf->db_missed_flag);
}

/* ---- life: the state is the journal, NULL without a database ---- */

static void *start(const struct module_start *begin, bool *failed)
{
    const struct acc_conf *conf = begin->conf;
    struct journal *j = begin->db ? journal_new(begin->db, (unsigned)conf->db_waiting) : NULL;
    *failed = begin->db && !j;
    return j;
}

static void stop(void *state)
{
    journal_free(state);
}

static bool reload(void *state, const void *old_conf, const struct module_start *next)
{
    const struct acc_conf *a = old_conf, *b = next->conf;
    (void)state;
    if (str_eq(a->db_url, b->db_url) && a->db_waiting == b->db_waiting)
        return true;
    buf_printf(next->why, "%sacc: %s cannot be changed live: rows may wait for the database",
               next->why->len ? "; " : "",
               a->db_waiting == b->db_waiting ? "db_url" : "db_waiting");
    return false;
}

enum { STAT_WRITTEN, STAT_REFUSED, STAT_LOST };
static const struct stat_spec stats[] = {
    [STAT_WRITTEN] = {"acc_rows", false, "rows written to the database"},
    [STAT_REFUSED] = {"acc_refused", false, "rows that the database did not take"},
    [STAT_LOST] = {"acc_lost", false, "rows lost because too many waited for the database"},
    {0},
};

static void on_second(struct engine *e, void *state, const void *conf)
{
    (void)conf;
    if (!state)
        return;
    journal_second(state, engine_index(e), engine_loop(e));
    if (engine_index(e) != 0)
        return;
    struct journal_counts n = journal_take_counts(state);
    engine_count_stat(e, &acc_module, STAT_WRITTEN, (int64_t)n.written);
    engine_count_stat(e, &acc_module, STAT_REFUSED, (int64_t)n.refused);
    engine_count_stat(e, &acc_module, STAT_LOST, (int64_t)n.lost);
}

/* ---- what scripts see ---- */

enum { ROUTES = ROUTE_REQUEST | ROUTE_FAILURE | ROUTE_BRANCH | ROUTE_LOCAL };

/* clang-format off */
static const struct fn_spec functions[] = {
    {"acc_log_request", log_request, 1, 1, {ARG_STR}, ROUTES, 0, check_comment, "comment",
     "Accounts the request now. Three digits at the beginning of the comment are the code, the rest is "
     "the reason."},
    {"acc_db_request", db_request, 2, 2, {ARG_STR, ARG_STR}, ROUTES, 0, check_comment,
     "comment, table", "Accounts the request now in that table. -1 without db_url, or when too many rows "
     "wait for the database."},
    {"acc_rad_request", not_built, 1, 1, {ARG_STR}, ROUTES, FN_MISSING, NULL, "comment",
     "acc cannot account by RADIUS"},
    {"acc_diam_request", not_built, 1, 1, {ARG_STR}, ROUTES, FN_MISSING, NULL, "comment",
     "acc cannot account by Diameter"},
    {.name = NULL},
};
/* clang-format on */

static const struct db_use db_use = {.url = offsetof(struct acc_conf, db_url), .optional = true};

const struct module acc_module = {
    .abi = MODULE_ABI,
    .symbols = {.name = "acc",
                .doc = "Accounts calls: a line of the log, a row of a table each.",
                .functions = functions,
                .params = acc_params,
                .conf_size = sizeof(struct acc_conf),
                .conf_check = acc_conf_check},
    .stats = stats,
    .db = &db_use,
    .start = start,
    .stop = stop,
    .reload = reload,
    .on_second = on_second,
    .on_transaction = on_transaction,
    .transaction_flags = transaction_flags,
};
