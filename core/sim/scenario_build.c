/* Builders of the scenario's tree, one a production of scenario_parser.y. */
/* SPDX-License-Identifier: MIT */
#include "core/base/err.h"
#include "core/sim/scenario_parse.h"
#include "lang/source.h"

static struct diag *findings(struct scn_parse *p)
{
    return &p->scenario->diag;
}

void *scn_alloc(struct scn_parse *p, size_t n)
{
    void *out = arena_zalloc(&p->scenario->arena, n);
    if (!out)
        p->no_memory = true;
    return out;
}

const char *step_word(enum step_kind kind)
{
    static const char *const names[] = {
#define VERB(id, spelling, token, mods, text) [STEP_##id] = spelling,
#include "core/sim/scenario_verbs.def"
#undef VERB
        [STEP_NEVER] = "never",       [STEP_NOTHING] = "nothing",
        [STEP_WAIT] = "wait",         [STEP_LEFT] = "no transaction",
        [STEP_FAULT] = "link",        [STEP_NEXT] = "next",
        [STEP_RELOAD] = "reload",     [STEP_LOG] = "log",
        [STEP_RAN] = "script ran",    [STEP_VARIABLE] = "script left",
        [STEP_FLAG] = "flag",         [STEP_DO] = "do",
        [STEP_ROW] = "row",           [STEP_TABLE] = "table",
        [STEP_DATABASE] = "database", [STEP_MISHAP] = "mishap",
        [STEP_EVENT] = "event",       [STEP_EXPLORE] = "explore",
        [STEP_DNS] = "dns",           [STEP_DNS_SERVER] = "dns",
        [STEP_DNS_COUNT] = "dns has", [STEP_QUEUE] = "new requests",
    };
    return names[kind];
}

static unsigned step_mods(enum step_kind kind)
{
    static const unsigned mods[] = {
#define VERB(id, spelling, token, mods, text) [STEP_##id] = (mods),
#include "core/sim/scenario_verbs.def"
#undef VERB
        [STEP_NEVER] = MOD_WHERE | MOD_FROM | MOD_TO,
        [STEP_NOTHING] = MOD_FOR,
        [STEP_FAULT] = MOD_TIMES, /* what a 'lose next' is before its end is seen */
        [STEP_NEXT] = MOD_TIMES,
        [STEP_DO] = 0,
    };
    return mods[kind];
}

/* ---- declarations ---- */

void scn_script(struct scn_parse *p, const struct scn_token *path)
{
    if (p->scenario->script.text.len) {
        diag_add(findings(p), DIAG_ERROR, NULL, path->word.loc,
                 "a scenario is about one script, and has named one already");
        return;
    }
    p->scenario->script = path->word;
}

void scn_override(struct scn_parse *p, const struct scn_token *module, const struct scn_token *name,
                  const struct scn_token *value)
{
    struct override *o = scn_alloc(p, sizeof *o), **at = &p->scenario->overrides;
    if (!o)
        return;
    while (*at)
        at = &(*at)->next;
    *o = (struct override){NULL, module->word, name->word, value->word, value->word.plain};
    *at = o;
}

void scn_domain(struct scn_parse *p, const struct scn_token *name)
{
    p->scenario->domain = name->word;
}

void scn_include(struct scn_parse *p, const struct scn_token *path)
{
    scn_parse_file(p, p->scenario, path->word.text, &path->word.loc);
}

bool scn_address(struct addr *out, struct str s)
{
    size_t from = s.len && s.p[0] == '[' ? (size_t)(str_find(s, ']', 0) + 1) : 0;
    ptrdiff_t colon = str_find(s, ':', from);
    uint32_t port = 5060;
    *out = (struct addr){.proto = PROTO_UDP};
    if (ip_parse(&out->ip, s) != ERR_OK) {
        if (colon < 0 || ip_parse(&out->ip, str_sub(s, 0, (size_t)colon)) != ERR_OK ||
            str_u32(&port, str_sub(s, (size_t)colon + 1, s.len), 65535) != ERR_OK || port == 0)
            return false;
    }
    out->port = (uint16_t)port;
    return true;
}

/* The one whose name or address this party would take, or NULL. */
static const struct party_decl *rival(const struct scenario *s, const struct party_decl *d)
{
    for (unsigned i = 0; i < s->parties; i++)
        if (str_eq(s->party[i].name.text, d->name.text) || addr_eq(&s->party[i].addr, &d->addr))
            return &s->party[i];
    return NULL;
}

void scn_party(struct scn_parse *p, bool server, const struct scn_token *name,
               const struct scn_token *address)
{
    struct scenario *s = p->scenario;
    struct party_decl d = {.name = name->word, .address = address->word, .server = server};
    if (!scn_address(&d.addr, address->word.text)) {
        diag_add(findings(p), DIAG_ERROR, NULL, address->word.loc, "'%.*s' is no address",
                 STR_ARG(address->word.text));
        diag_hint(findings(p), "an address is written 192.0.2.10 or 192.0.2.10:5062");
    }
    const struct party_decl *other = rival(s, &d);
    if (other) {
        diag_add(findings(p), DIAG_ERROR, NULL, name->word.loc, "%.*s has that %s already",
                 STR_ARG(other->name.text),
                 str_eq(other->name.text, d.name.text) ? "name" : "address");
    } else if (s->parties == SCENARIO_MAX_PARTIES) {
        diag_add(findings(p), DIAG_ERROR, NULL, name->word.loc, "more than %d parties",
                 SCENARIO_MAX_PARTIES);
    } else {
        s->party[s->parties++] = d;
    }
}

void scn_password(struct scn_parse *p, const struct scn_token *word)
{
    if (p->scenario->parties)
        p->scenario->party[p->scenario->parties - 1].password = word->word;
}

void scn_party_user(struct scn_parse *p, const struct scn_token *user, const struct scn_token *name)
{
    if (!str_eq(user->word.text, STR("user"))) {
        diag_add(findings(p), DIAG_ERROR, NULL, user->word.loc,
                 "a phone has a user, a password and a contact, no '%.*s'",
                 STR_ARG(user->word.text));
        return;
    }
    if (p->scenario->parties)
        p->scenario->party[p->scenario->parties - 1].user = name->word;
}

void scn_contact(struct scn_parse *p, const struct scn_token *word)
{
    if (p->scenario->parties)
        p->scenario->party[p->scenario->parties - 1].contact = word->word;
}

/* ---- tests ---- */

void scn_block(struct scn_parse *p, const struct scn_token *name, bool test, bool before)
{
    struct block *b = scn_alloc(p, sizeof *b);
    if (!b)
        return;
    b->name = name->word;
    b->loc = name->word.loc;
    b->is_test = test;
    b->is_before = before;
    b->last = &b->first;
    b->rows_end = &b->rows;
    if (before && p->scenario->before)
        diag_add(findings(p), DIAG_ERROR, NULL, b->loc, "'before each test' was there already");
    if (before)
        p->scenario->before = b;
    *p->scenario->blocks_end = b;
    p->scenario->blocks_end = &b->next;
    p->block = b;
    p->step = p->open = NULL;
}

void scn_column(struct scn_parse *p, const struct scn_token *name)
{
    struct block *b = p->block;
    if (!b)
        return;
    if (b->columns == SCENARIO_MAX_COLUMNS)
        diag_add(findings(p), DIAG_ERROR, NULL, name->word.loc, "more than %d names",
                 SCENARIO_MAX_COLUMNS);
    else
        b->column[b->columns++] = name->word;
}

void scn_row(struct scn_parse *p)
{
    struct row *r = scn_alloc(p, sizeof *r);
    p->row = r;
    if (!r || !p->block)
        return;
    r->value = scn_alloc(p, (p->block->columns + 1) * sizeof *r->value);
    *p->block->rows_end = r;
    p->block->rows_end = &r->next;
}

void scn_cell(struct scn_parse *p, const struct scn_token *value)
{
    struct row *r = p->row;
    if (!r || !r->value)
        return;
    if (r->n == 0)
        r->loc = value->word.loc;
    if (r->n < p->block->columns)
        r->value[r->n] = value->word;
    r->n++;
}

/* ---- steps ---- */

int scn_party_number(const struct scenario *s, struct str name)
{
    for (unsigned i = 0; i < s->parties; i++)
        if (str_eq(s->party[i].name.text, name))
            return (int)i;
    return -1;
}

int scn_need_party(struct scn_parse *p, const struct scn_token *name)
{
    const struct scenario *s = p->scenario;
    int n = scn_party_number(s, name->word.text);
    unsigned best = 3;
    const char *near = NULL;
    size_t near_len = 0;
    if (n >= 0)
        return n;
    diag_add(findings(p), DIAG_ERROR, NULL, name->word.loc, "nobody is called '%.*s'",
             STR_ARG(name->word.text));
    for (unsigned i = 0; i < s->parties; i++) {
        unsigned d = str_distance(name->word.text, s->party[i].name.text);
        if (d < best) {
            best = d;
            near = s->party[i].name.text.p;
            near_len = s->party[i].name.text.len;
        }
    }
    if (near)
        diag_hint(findings(p), "did you mean '%.*s'?", (int)near_len, near);
    else
        diag_hint(findings(p), "declare it: phone %.*s 192.0.2.10", STR_ARG(name->word.text));
    return -1;
}

void scn_who(struct scn_parse *p, const struct scn_token *name)
{
    p->party = scn_need_party(p, name);
    p->has_verb = false;
    p->group = 0;
}

void scn_step(struct scn_parse *p, const struct loc *at, enum step_kind kind,
              const struct scn_token *what)
{
    struct step *s = scn_alloc(p, sizeof *s);
    p->step = s;
    p->open = NULL;
    if (!s)
        return;
    s->kind = kind;
    s->loc = *at;
    s->party = -1;
    s->pattern.from = -1;
    if (what)
        s->what = what->word;
    if (!p->block) {
        diag_add(findings(p), DIAG_ERROR, NULL, *at, "a step stands in a test");
        diag_hint(findings(p), "begin one with: test \"what it shows\"");
        return;
    }
    *p->block->last = s;
    p->block->last = &s->next;
}

static enum step_kind verb_kind(struct str word)
{
    static const struct {
        const char *text;
        enum step_kind kind;
    } verbs[] = {
#define VERB(id, spelling, token, mods, text) {spelling, STEP_##id},
#include "core/sim/scenario_verbs.def"
#undef VERB
    };
    for (unsigned i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (str_eq(word, str_from(verbs[i].text)))
            return verbs[i].kind;
    return STEP_GET;
}

void scn_verb(struct scn_parse *p, const struct scn_token *verb, const struct scn_token *what)
{
    struct loc at = what ? scn_join(verb->word.loc, what->word.loc) : verb->word.loc;
    enum step_kind kind = verb_kind(verb->word.text);
    scn_step(p, &at, kind, what);
    p->verb = kind;
    p->has_verb = true;
    p->group = 0;
    if (p->step)
        p->step->party = p->party;
    if (p->step && what)
        p->step->pattern.what = what->word;
}

void scn_reason(struct scn_parse *p, const struct scn_token *text)
{
    if (p->step && p->step->kind != STEP_ANSWER)
        diag_add(findings(p), DIAG_ERROR, NULL, text->word.loc,
                 "only an answer has words of its own; to compare them: where reason is \"%.*s\"",
                 STR_ARG(text->word.text));
    else if (p->step)
        p->step->reason = text->word;
}

void scn_raw(struct scn_parse *p, const struct scn_token *verb, const struct scn_token *text)
{
    scn_verb(p, verb, NULL);
    if (!p->step)
        return;
    p->step->has_raw = true;
    if (text)
        p->step->raw = text->word;
    else
        p->open = p->step;
}

void scn_raw_line(struct scn_parse *p, const struct scn_token *line)
{
    struct str text = str_sub(line->word.text, 1, line->word.text.len);
    struct step *s = p->open;
    if (!s) {
        diag_add(findings(p), DIAG_ERROR, NULL, line->word.loc,
                 "lines with '|' stand below a line that ends in 'sends raw'");
        return;
    }
    if (text.len && text.p[0] == ' ')
        text = str_sub(text, 1, text.len);
    if (text.len && text.p[text.len - 1] == '\r')
        text.len--;
    s->raw.text =
        arena_printf(&p->scenario->arena, "%.*s%.*s\r\n", STR_ARG(s->raw.text), STR_ARG(text));
    s->raw.vars = str_find(s->raw.text, '$', 0) >= 0;
    s->raw.loc = line->word.loc;
}

/* ---- what somebody gets ---- */

void scn_gets(struct scn_parse *p, bool all)
{
    p->verb = STEP_GET;
    p->has_verb = true;
    p->group = all ? ++p->groups : 0;
}

static void party_step(struct scn_parse *p, const struct loc *at, enum step_kind kind,
                       const struct scn_token *what)
{
    scn_step(p, at, kind, what);
    if (!p->step)
        return;
    p->step->party = p->party;
    if (what)
        p->step->pattern.what = what->word;
}

void scn_item(struct scn_parse *p, const struct scn_token *what)
{
    if (!p->has_verb || (p->verb != STEP_GET && p->verb != STEP_ANSWER)) {
        diag_add(findings(p), DIAG_ERROR, NULL, what->word.loc, "what is to be done with '%.*s'?",
                 STR_ARG(what->word.text));
        diag_hint(findings(p), "'gets %.*s' or 'answers 200'?", STR_ARG(what->word.text));
    }
    party_step(p, &what->word.loc, p->verb == STEP_ANSWER ? STEP_ANSWER : STEP_GET, what);
    if (p->step && p->step->kind == STEP_GET)
        p->step->group = p->group;
}

void scn_never(struct scn_parse *p, const struct loc *at, const struct scn_token *what)
{
    party_step(p, at, STEP_NEVER, what);
}

void scn_nothing(struct scn_parse *p, const struct loc *at)
{
    party_step(p, at, STEP_NOTHING, NULL);
}

/* ---- modifiers ---- */

static bool takes(struct scn_parse *p, const struct loc *at, enum modifier m)
{
    struct step *s = p->step;
    if (!s)
        return false;
    if (!(step_mods(s->kind) & (unsigned)m)) {
        struct str word = source_slice(findings(p), at);
        diag_add(findings(p), DIAG_ERROR, NULL, *at, "'%.*s' makes no sense with '%s'",
                 STR_ARG(word), step_word(s->kind));
        return false;
    }
    if (s->mods & (unsigned)m && !(m & (MOD_WITH | MOD_WHERE)))
        diag_add(findings(p), DIAG_ERROR, NULL, *at, "that was said already");
    s->mods |= m;
    s->loc = scn_join(s->loc, *at);
    return true;
}

void scn_mod_call(struct scn_parse *p, const struct loc *at, enum modifier m,
                  const struct scn_token *name)
{
    if (takes(p, at, m))
        p->step->call = name->word;
}

void scn_mod_target(struct scn_parse *p, const struct loc *at, enum modifier m,
                    const struct scn_token *word)
{
    if (!takes(p, at, m))
        return;
    p->step->target = word->word;
    if (p->step->kind == STEP_GET || p->step->kind == STEP_GOT || p->step->kind == STEP_NEVER)
        p->step->pattern.to = word->word;
}

void scn_mod_from(struct scn_parse *p, const struct loc *at, const struct scn_token *name)
{
    if (takes(p, at, MOD_FROM))
        p->step->pattern.from = scn_need_party(p, name);
}

void scn_dns_server(struct scn_parse *p, const struct loc *at, bool silent,
                    const struct scn_token *delay)
{
    scn_step(p, at, STEP_DNS_SERVER, NULL);
    if (!p->step)
        return;
    p->step->never = silent;
    p->step->ms = delay ? delay->value : 0;
}

void scn_dns_count(struct scn_parse *p, const struct loc *at, const struct scn_token *n)
{
    scn_step(p, at, STEP_DNS_COUNT, NULL);
    if (p->step)
        p->step->n = n->value;
}

void scn_queue(struct scn_parse *p, const struct loc *at, const struct scn_token *waited,
               const struct scn_token *dropped)
{
    scn_step(p, at, STEP_QUEUE, NULL);
    if (!p->step)
        return;
    p->step->ms = waited->value;
    p->step->n = dropped ? dropped->value : 0;
}

void scn_time(struct scn_parse *p, const struct scn_token *time)
{
    if (!p->step)
        return;
    p->step->timed = true;
    if (p->step->kind == STEP_NEXT && p->step->fault != FAULT_DELAY)
        diag_add(findings(p), DIAG_ERROR, NULL, time->word.loc, "only 'delay' has a time");
    p->step->ms = time->value;
    if (p->step->kind != STEP_FAULT)
        p->step->ms_max = time->most;
    p->step->loc = scn_join(p->step->loc, time->word.loc);
}

void scn_mod_time(struct scn_parse *p, const struct loc *at, enum modifier m,
                  const struct scn_token *time)
{
    if (takes(p, at, m))
        scn_time(p, time);
}

void scn_mod(struct scn_parse *p, const struct loc *at, enum modifier m)
{
    if (takes(p, at, m) && m == MOD_AGAIN)
        p->step->pattern.again = true;
}

void scn_mod_times(struct scn_parse *p, const struct loc *at, uint32_t n)
{
    if (takes(p, at, MOD_TIMES))
        p->step->n = n;
}

static void add_extra(struct scn_parse *p, enum extra_kind kind, const struct words *name,
                      const struct words *value)
{
    struct extra *e = scn_alloc(p, sizeof *e), **at;
    if (!e)
        return;
    for (at = &p->step->extras; *at; at = &(*at)->next)
        ;
    *e = (struct extra){NULL, kind, *name, *value};
    *at = e;
}

void scn_extra(struct scn_parse *p, const struct scn_token *name, const struct scn_token *value)
{
    struct loc at = scn_join(name->word.loc, value->word.loc);
    if (!takes(p, &at, MOD_WITH))
        return;
    enum extra_kind kind = str_eq(name->word.text, STR("header"))     ? EXTRA_LINE
                           : str_eq(name->word.text, STR("body"))     ? EXTRA_BODY
                           : str_eq(name->word.text, STR("user"))     ? EXTRA_USER
                           : str_eq(name->word.text, STR("password")) ? EXTRA_PASSWORD
                                                                      : EXTRA_HEADER;
    add_extra(p, kind, &name->word, &value->word);
}

void scn_extra_without(struct scn_parse *p, const struct scn_token *name)
{
    if (takes(p, &name->word.loc, MOD_WITH))
        add_extra(p, EXTRA_WITHOUT, &name->word, &name->word);
}

/* ---- conditions ---- */

void scn_compile(struct scn_parse *p, const struct words *text, struct regex **out)
{
    char why[200];
    struct buf error;
    size_t at = 0;
    if (text->vars)
        return;
    buf_fixed(&error, why, sizeof why - 1);
    if (regex_compile(text->text, 0, out, &error, &at) == ERR_OK) {
        (*out)->next = p->scenario->regexes;
        p->scenario->regexes = *out;
        return;
    }
    struct loc place = source_inside(findings(p), text->loc, at);
    diag_add(findings(p), DIAG_ERROR, NULL, place, "%.*s", STR_ARG(buf_str(&error)));
}

void scn_cond(struct scn_parse *p, const struct scn_token *field, enum cond_op op,
              const struct scn_token *value)
{
    struct loc at = value ? scn_join(field->word.loc, value->word.loc) : field->word.loc;
    struct cond *c = scn_alloc(p, sizeof *c), **last;
    if (!c || !takes(p, &at, MOD_WHERE))
        return;
    c->field = field->word;
    c->op = op;
    if (value)
        c->value = value->word;
    if (op == COND_MATCHES)
        scn_compile(p, &c->value, &c->regex);
    for (last = &p->step->pattern.conds; *last; last = &(*last)->next)
        ;
    *last = c;
}
