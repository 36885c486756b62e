/* exec: programs that work on a message. */
/* SPDX-License-Identifier: MIT */
#include "modules/exec/priv.h"

/* ---- what programs answer ---- */

/* Whether a program ran to its end and said yes. */
static bool succeeded(int status, const struct exec_result *r)
{
    if (status == ERR_OK && r->status != 0)
        log_info("exec: a program ended with %d", r->status);
    return status == ERR_OK && r->status == 0;
}

/* The next line of output that is not empty. */
static bool next_line(struct str *rest, struct str *line)
{
    while (str_cut(line, rest, '\n')) {
        *line = str_trim(*line);
        if (line->len)
            return true;
    }
    return false;
}

static int message_done(struct call *c, void *arg, int status, const struct exec_result *r)
{
    (void)c, (void)arg;
    return succeeded(status, r) ? 1 : -1;
}

/* The first line becomes the R-URI, each further one a branch. */
static int destinations_done(struct call *c, void *arg, int status, const struct exec_result *r)
{
    struct str rest, line;
    (void)arg;
    if (!succeeded(status, r))
        return -1;
    rest = r->output;
    if (!next_line(&rest, &line) || call_set_uri(c, line) != ERR_OK) {
        log_err("exec: the program gave no URI");
        return -1;
    }
    while (next_line(&rest, &line)) {
        struct target t = {.uri = line, .q = NO_Q, .socket = NO_SOCKET};
        if (call_add_branch(c, &t) != ERR_OK) {
            log_err("exec: the program gave more URIs than there may be branches");
            return -1;
        }
    }
    return 1;
}

/* AVPs that lines go into; after the last one, or without any, $avp(i:1), $avp(i:2) and so on. */
struct avp_list {
    unsigned n;
    const struct pv_ref *avp[EXEC_VALUES];
};

static int avps_done(struct call *c, void *arg, int status, const struct exec_result *r)
{
    const struct avp_list *list = arg;
    struct str rest, line;
    if (!succeeded(status, r))
        return -1;
    rest = r->output;
    for (unsigned i = 0; next_line(&rest, &line); i++) {
        struct avp_name name = {.number = (uint16_t)(i + 1)};
        struct value v = value_str(line);
        if (list && (i >= list->n || avp_name_of(list->avp[i], c, call_host(), &name) != ERR_OK))
            break;
        if (i >= UINT16_MAX || avp_push(c->avps, &name, &v) != ERR_OK)
            return -1;
    }
    return 1;
}

/* ---- functions ---- */

static int run(struct call *c, const struct exec_command *cmd, struct exec_job *job, exec_done done,
               const void *arg)
{
    const struct exec_conf *conf = call_conf(c, &exec_module);
    job->line = cmd->line.p;
    job->environment = exec_environment(c, cmd, conf->setvars);
    if (!job->environment)
        return -1;
    return exec_run(c, call_state(c, &exec_module), job, done, (void *)(uintptr_t)arg);
}

static int exec_msg(struct call *c, const struct arg *args, unsigned n)
{
    struct exec_job job = {.input = c->msg->raw};
    (void)n;
    return run(c, args[0].obj, &job, message_done, NULL);
}

static int exec_dset(struct call *c, const struct arg *args, unsigned n)
{
    struct exec_job job = {.output = true};
    (void)n;
    return run(c, args[0].obj, &job, destinations_done, NULL);
}

static int exec_avp(struct call *c, const struct arg *args, unsigned n)
{
    struct exec_job job = {.output = true};
    return run(c, args[0].obj, &job, avps_done, n > 1 ? args[1].obj : NULL);
}

static int prepare_command(struct prepare *p, unsigned argn, struct str text, struct arg *out)
{
    struct exec_command *cmd;
    (void)argn;
    int rc = exec_prepare(p, text, false, &cmd);
    out->obj = rc == ERR_OK ? cmd : NULL;
    return rc;
}

static int prepare_with_uri(struct prepare *p, unsigned argn, struct str text, struct arg *out)
{
    struct exec_command *cmd;
    (void)argn;
    int rc = exec_prepare(p, text, true, &cmd);
    out->obj = rc == ERR_OK ? cmd : NULL;
    return rc;
}

static int read_list(struct prepare *p, struct str text, struct arg *out)
{
    struct avp_list *list = arena_zalloc(p->arena, sizeof *list);
    struct str one;
    if (!list)
        return ERR_NOMEM;
    while (str_cut(&one, &text, ';')) {
        one = str_trim(one);
        if (one.len == 0)
            continue;
        if (!str_istarts(one, STR("$avp(")) || list->n == EXEC_VALUES) {
            buf_printf(p->error, "\"%.*s\" is no AVP", STR_ARG(one));
            return ERR_INVALID;
        }
        int rc = prepare_pv(p, one, &list->avp[list->n++]);
        if (rc != ERR_OK)
            return rc;
    }
    out->obj = list;
    return ERR_OK;
}

static int prepare_exec_avp(struct prepare *p, unsigned argn, struct str text, struct arg *out)
{
    return argn == 0 ? prepare_command(p, argn, text, out) : read_list(p, text, out);
}

/* ---- rows ---- */

enum { R = ROUTE_REQUEST, F = ROUTE_FAILURE, L = ROUTE_LOCAL };

static const struct fn_spec functions[] = {
    {"exec_msg",
     exec_msg,
     1,
     1,
     {ARG_CUSTOM},
     R | F | L,
     0,
     prepare_command,
     "command",
     "Runs the command with the received message as its standard input. 1 when it ended with 0."},
    {"exec_dset",
     exec_dset,
     1,
     1,
     {ARG_CUSTOM},
     R | F,
     FN_TARGET | FN_BRANCHES,
     prepare_with_uri,
     "command",
     "Runs the command with the R-URI as its last argument. The first line it writes becomes the "
     "R-URI, each further one a branch. 1 when it ended with 0 and gave a line."},
    {"exec_avp",
     exec_avp,
     1,
     2,
     {ARG_CUSTOM, ARG_CUSTOM},
     R | F | L,
     0,
     prepare_exec_avp,
     "command[, avp;avp;...]",
     "Runs the command and puts the lines it writes into the AVPs, in their order; without a list "
     "into $avp(i:1), $avp(i:2) and so on. 1 when it ended with 0."},
    {.name = NULL},
};

#define PARAM_CONF struct exec_conf

static const struct param_spec params[] = {
    PARAM_SWITCH("setvars", setvars, 1,
                 "1: programs find the message in their environment, SIP_HF_*"),
    PARAM_NUMBER("time_to_kill", time_to_kill, 0, 86400, 10,
                 "after this a program is killed; 0: never", .unit = "s"),
    PARAM_NUMBER("programs", programs, 0, 100000, 100,
                 "most programs at a time of one worker; 0: no limit"),
    PARAM_NUMBER("failures", failures, 0, INT32_MAX, 0,
                 "programs in a row that could not be run or were killed, before none is run for a "
                 "while; 0: never"),
    PARAM_NUMBER("pause", pause, 1, INT32_MAX, 5000, "how long that is", .unit = "ms"),
    {.name = NULL},
};

static void *start(const struct module_start *begin, bool *failed)
{
    struct exec_state *s = exec_state_new();
    *failed = !s;
    if (s)
        exec_state_limits(s, begin->conf);
    return s;
}

static void stop(void *state)
{
    exec_state_free(state);
}

static void leave(void *state, unsigned worker)
{
    exec_state_leave(state, worker);
}

static void reloaded(void *state, const void *old_conf, const struct module_start *next)
{
    (void)old_conf;
    exec_state_limits(state, next->conf);
}

const struct module exec_module = {
    .abi = MODULE_ABI,
    .symbols = {.name = "exec",
                .doc = "Runs programs for a message while the script waits.",
                .functions = functions,
                .params = params,
                .conf_size = sizeof(struct exec_conf)},
    .start = start,
    .stop = stop,
    .leave = leave,
    .reloaded = reloaded,
};
