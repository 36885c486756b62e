/* auth: digest authentication of requests, challenges, and Remote-Party-ID. */
/* SPDX-License-Identifier: MIT */
#include "modules/auth/priv.h"

/* ---- functions ---- */

static int www_challenge(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    return auth_challenge(c, AUTH_WWW, args[0].v.s, args[1].v.i != 0);
}

static int proxy_challenge(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    return auth_challenge(c, AUTH_PROXY, args[0].v.s, args[1].v.i != 0);
}

static bool read_text(struct call *c, const struct pv_ref *pv, const char *name, struct str *out)
{
    struct value v;
    if (pv && pv_read(pv, c, call_host(), &v) == ERR_OK && (v.flags & VAL_STR)) {
        *out = v.s;
        return true;
    }
    log_err("auth: the variable of %s has no value", name);
    return false;
}

/* User and password from variables. A wrong password is -5 here, as it always was. */
static int pv_authorize(struct call *c, enum auth_kind kind, struct str realm)
{
    const struct auth_conf *conf = call_conf(c, &auth_module);
    struct auth_claim claim;
    struct str user, password;
    int rc = auth_begin(c, kind, realm, &claim);
    if (rc != AUTH_ASK)
        return rc;
    if (!read_text(c, conf->username, "username_spec", &user) ||
        !read_text(c, conf->password, "password_spec", &password))
        return AUTH_ERROR;
    if (!str_eq(user, claim.user))
        return AUTH_UNKNOWN_USER;
    rc = auth_finish(c, &claim, password, !conf->calculate_ha1);
    return rc == AUTH_WRONG_PASSWORD ? AUTH_ERROR : rc;
}

static int pv_www_authorize(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    return pv_authorize(c, AUTH_WWW, args[0].v.s);
}

static int pv_proxy_authorize(struct call *c, const struct arg *args, unsigned n)
{
    (void)n;
    return pv_authorize(c, AUTH_PROXY, args[0].v.s);
}

static int consume_credentials(struct call *c, const struct arg *args, unsigned n)
{
    struct auth_slot *slot = call_slot(c, &auth_module);
    (void)args, (void)n;
    for (int kind = AUTH_WWW; slot && kind < AUTH_KINDS; kind++) {
        const struct hdr *h = slot->header[kind];
        if (!h)
            continue;
        size_t at = (size_t)(h->line.p - c->msg->raw.p);
        slot->header[kind] = NULL;
        if (edits_removed(&c->edits, at))
            return 1;
        return edits_replace(&c->edits, c->arena, at, h->line.len, STR_NONE) ? 1 : -1;
    }
    return -1;
}

/* ---- for other modules ---- */

static int give_up(struct call *c)
{
    return auth_answer(c, 500, "Server Internal Error");
}

static const struct auth_user *user_of(struct call *c)
{
    const struct auth_slot *slot = call_slot(c, &auth_module);
    return slot && slot->authorized ? &slot->user : NULL;
}

static const struct auth_api api = {auth_begin, auth_finish, give_up, user_of};

/* ---- rows ---- */

enum { STOPS = FN_MAY_STOP, CHALLENGES = FN_REPLIES | FN_MAY_STOP };

/* clang-format off */
static const struct fn_spec functions[] = {
    {"www_challenge", www_challenge, 2, 2, {ARG_FMT, ARG_UINT}, ROUTE_REQUEST, CHALLENGES, NULL,
     "realm, qop", "Answers 401 with a challenge and ends the script. An empty realm is the domain of To in a "
     "REGISTER, else of From; qop 1 offers what the parameter qop says. False when it could not be sent."},
    {"proxy_challenge", proxy_challenge, 2, 2, {ARG_FMT, ARG_UINT}, ROUTE_REQUEST, CHALLENGES, NULL,
     "realm, qop", "The same with 407, for requests that this server only passes on."},
    {"pv_www_authorize", pv_www_authorize, 1, 1, {ARG_FMT}, ROUTE_REQUEST, STOPS, NULL, "realm",
     "Checks Authorization against username_spec and password_spec: 1, 0 after an answer of 400, -1 unknown user, "
     "-3 stale nonce, -4 no credentials for this realm, -5 wrong password, -6 nonce used before."},
    {"pv_proxy_authorize", pv_proxy_authorize, 1, 1, {ARG_FMT}, ROUTE_REQUEST, STOPS, NULL, "realm",
     "The same for Proxy-Authorization."},
    {"consume_credentials", consume_credentials, 0, 0, {ARG_NONE}, ROUTE_REQUEST, 0, NULL, "",
     "Removes the header with the credentials that were accepted, so that nobody further on sees them. False when "
     "there is none."},
    {"is_rpid_user_e164", auth_is_rpid_user_e164, 0, 0, {ARG_NONE}, ROUTE_REQUEST, 0, NULL, "",
     "True when the user of the URI in rpid_avp is a + and 2 to 15 digits."},
    {"append_rpid_hf", auth_append_rpid_hf, 0, 0, {ARG_NONE}, ROUTE_REQUEST | ROUTE_BRANCH | ROUTE_FAILURE, 0,
     NULL, "", "Adds Remote-Party-ID with the value of rpid_avp between rpid_prefix and rpid_suffix. False without "
     "a value."},
    {"append_rpid_hf", auth_append_rpid_hf, 2, 2, {ARG_STR, ARG_STR}, ROUTE_REQUEST | ROUTE_BRANCH | ROUTE_FAILURE,
     0, NULL, "prefix, suffix", "The same between these two."},
    {.name = NULL},
};
/* clang-format on */

#define PARAM_CONF struct auth_conf

static const struct param_spec params[] = {
    PARAM_STRING("secret", secret, NULL,
                 "Key of the nonces, at least 16 bytes: servers that share it accept each other's. "
                 "Without it one is drawn at start."),
    PARAM_NUMBER("nonce_expire", nonce_expire, 1, 14400, 300, "How long a nonce may be answered.",
                 .unit = "s"),
    PARAM_STRING(
        "algorithm", algorithm_text, "MD5",
        "What is offered and accepted, the best first, with commas: MD5, SHA-256, SHA-512-256."),
    PARAM_STRING("qop", qop_text, "auth",
                 "What a challenge with qop 1 offers: auth, auth-int or auth,auth-int."),
    PARAM_STRING("realm_prefix", realm_prefix, "",
                 "Start of a host that does not count when the realm is taken from From or To."),
    PARAM_SWITCH("check_uri", check_uri, 1,
                 "0: a digest for another URI than the request's is taken too."),
    PARAM_SWITCH("disable_nonce_check", disable_nonce_check, 0,
                 "1: a nonce may be used again and again until it expires."),
    PARAM_NUMBER("nonce_slots", nonce_slots, 1024, 1 << 24, 131072,
                 "Nonces whose use is remembered, 8 bytes each.", .unit = "nonces",
                 .fixed = "its memory is taken at start"),
    PARAM_STRING("username_spec", username_text, NULL,
                 "Variable with the user name for the pv functions."),
    PARAM_STRING("password_spec", password_text, NULL, "Variable with the password, or with HA1."),
    PARAM_SWITCH("calculate_ha1", calculate_ha1, 0,
                 "1: password_spec has the plain password; 0: H(user:realm:password)."),
    PARAM_STRING("rpid_avp", rpid_text, "$avp(s:rpid)", "AVP with the value of Remote-Party-ID."),
    PARAM_STRING("rpid_prefix", rpid_prefix, "", "What stands before it."),
    PARAM_STRING("rpid_suffix", rpid_suffix, ";party=calling;id-type=subscriber;screen=yes",
                 "What stands behind it."),
    {.name = NULL},
};

static const struct stat_spec stats[] = {
    {"challenges", false, "Challenges sent."},
    {"accepted", false, "Requests whose sender was authorized."},
    {"refused", false, "Wrong passwords."},
    {"stale", false, "Nonces that were not ours or too old."},
    {"replayed", false, "Nonces that were used before."},
    {"malformed", false, "Credentials that were answered with 400."},
    {.name = NULL},
};

/* ---- configuration ---- */

static int read_algorithms(struct prepare *p, struct auth_conf *conf)
{
    struct str rest = conf->algorithm_text, item;
    while (str_cut(&item, &rest, ',')) {
        enum digest_algorithm a;
        item = str_trim(item);
        if (item.len == 0 || !digest_algorithm_find(&a, item) || conf->offered & 1u << a) {
            buf_printf(p->error,
                       "algorithm: \"%.*s\" is none of MD5, SHA-256 and SHA-512-256, or "
                       "stands there twice",
                       STR_ARG(item));
            return ERR_INVALID;
        }
        conf->offered |= 1u << a;
        conf->order[conf->n_order++] = (uint8_t)a;
    }
    return ERR_OK;
}

static int read_qop(struct prepare *p, struct auth_conf *conf)
{
    struct str rest = conf->qop_text, item;
    while (str_cut(&item, &rest, ',')) {
        item = str_trim(item);
        if (str_eq(item, STR("auth")))
            conf->qop |= QOP_AUTH;
        else if (str_eq(item, STR("auth-int")))
            conf->qop |= QOP_AUTH_INT;
        else {
            buf_printf(p->error, "qop is auth, auth-int or both with a comma");
            return ERR_INVALID;
        }
    }
    return ERR_OK;
}

static void read_secret(struct auth_conf *conf)
{
    struct sum s;
    sum_begin(&s, SUM_SHA256);
    sum_add(&s, STR("signalbox auth nonce:"));
    sum_add(&s, conf->secret);
    sum_end(&s, conf->key);
}

static int read_variable(struct prepare *p, struct str text, const struct pv_ref **out)
{
    if (text.len == 0)
        return ERR_OK;
    if (text.p[0] != '$') /* the AVP notation of 1.1 */
        text = arena_printf(p->arena, "$avp(%.*s)", STR_ARG(text));
    return text.p ? prepare_pv(p, text, out) : ERR_NOMEM;
}

static bool has_line_end(struct str s)
{
    return str_find(s, '\r', 0) >= 0 || str_find(s, '\n', 0) >= 0;
}

static int conf_check(struct prepare *p, void *data)
{
    struct auth_conf *conf = data;
    if (has_line_end(conf->rpid_prefix) || has_line_end(conf->rpid_suffix)) {
        buf_printf(p->error, "rpid_prefix or rpid_suffix has a line end in it");
        return ERR_INVALID;
    }
    read_secret(conf);
    int rc = read_algorithms(p, conf);
    if (rc == ERR_OK)
        rc = read_qop(p, conf);
    if (rc == ERR_OK)
        rc = read_variable(p, conf->rpid_text, &conf->rpid_avp);
    if (rc == ERR_OK)
        rc = read_variable(p, conf->username_text, &conf->username);
    return rc == ERR_OK ? read_variable(p, conf->password_text, &conf->password) : rc;
}

/* ---- life ---- */

enum { SECRET_BYTES = 16 };

static void *start(const struct module_start *begin, bool *failed)
{
    const struct auth_conf *conf = begin->conf;
    if (conf->secret.len && conf->secret.len < SECRET_BYTES)
        log_warn("auth: a secret of less than %d bytes can be guessed", SECRET_BYTES);
    struct nonces *n = nonces_new((unsigned)conf->nonce_slots, conf->secret.len > 0);
    *failed = n == NULL;
    return n;
}

/* The tables of nonces stay as they were made. */
static bool reload(void *state, const void *old_conf, const struct module_start *next)
{
    const struct auth_conf *old = old_conf, *conf = next->conf;
    (void)state;
    if ((old->secret.len == 0) != (conf->secret.len == 0)) {
        buf_printf(next->why, "auth: there was a secret and is none now, or the other way round");
        return false;
    }
    return true;
}

static void stop(void *state)
{
    nonces_free(state);
}

const struct module auth_module = {
    .abi = MODULE_ABI,
    .symbols = {.name = "auth",
                .doc = "Digest authentication: challenges and checks.",
                .functions = functions,
                .params = params,
                .conf_size = sizeof(struct auth_conf),
                .conf_check = conf_check},
    .stats = stats,
    .slot_size = sizeof(struct auth_slot),
    .api = &api,
    .start = start,
    .reload = reload,
    .stop = stop,
};
