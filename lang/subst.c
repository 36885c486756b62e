/* Substitutions: parsing them, and replacing what they find. */
/* SPDX-License-Identifier: MIT */
#include "lang/subst.h"

#include "core/base/err.h"
#include "lang/pv.h"

/* ---- parsing ---- */

/* Takes the text up to the next separator that no backslash stands before. */
static bool take_section(struct str *rest, char separator, struct str *out)
{
    for (size_t i = 0; i < rest->len; i++)
        if (rest->p[i] == separator && (i == 0 || rest->p[i - 1] != '\\')) {
            *out = str_sub(*rest, 0, i);
            *rest = str_make(rest->p + i + 1, rest->len - i - 1);
            return true;
        }
    return false;
}

static int parse_flags(struct prepare *p, struct str text, size_t at, struct subst *s,
                       unsigned *regex_flags)
{
    *regex_flags = REGEX_NEWLINE;
    for (size_t i = 0; i < text.len; i++) {
        if (text.p[i] == 'i')
            *regex_flags |= REGEX_ICASE;
        else if (text.p[i] == 's')
            *regex_flags &= ~(unsigned)REGEX_NEWLINE;
        else if (text.p[i] == 'g')
            s->all = true;
        else
            return prepare_fail(p, at + i, "unknown flag '%c' of a substitution: i, g and s are",
                                text.p[i]);
    }
    return ERR_OK;
}

static void add_part(struct subst *s, struct str text, int group, const struct pv_ref *pv)
{
    if (text.len || group >= 0 || pv)
        s->part[s->n++] = (struct subst_part){text, pv, (int8_t)group};
}

/* \n \r \t \\, a group, or the separator; other pairs stay as they are. */
static int parse_escape(struct subst *s, struct str text, size_t at, char separator)
{
    static const struct {
        char c;
        struct str text;
    } escapes[] = {{'n', STR_INIT("\n")}, {'r', STR_INIT("\r")}, {'t', STR_INIT("\t")}};
    char c = at + 1 < text.len ? text.p[at + 1] : 0;
    if (ascii_digit(c)) {
        add_part(s, STR_NONE, c - '0', NULL);
        return 2;
    }
    for (size_t i = 0; i < sizeof escapes / sizeof *escapes; i++)
        if (escapes[i].c == c) {
            add_part(s, escapes[i].text, -1, NULL);
            return 2;
        }
    if (c == '\\' || c == '$' || (c == separator && c))
        add_part(s, str_sub(text, at + 1, at + 2), -1, NULL);
    else
        add_part(s, str_sub(text, at, at + 2), -1, NULL);
    return 2;
}

static int parse_dollar(struct prepare *p, struct subst *s, struct str text, size_t *at)
{
    const struct pv_ref *pv;
    size_t used;
    if (*at + 1 < text.len && text.p[*at + 1] == '$') {
        add_part(s, str_sub(text, *at, *at + 1), -1, NULL);
        *at += 2;
        return ERR_OK;
    }
    int rc = prepare_pv_at(p, str_sub(text, *at, text.len), &used, &pv);
    if (rc != ERR_OK) {
        p->at += *at;
        return rc;
    }
    add_part(s, STR_NONE, -1, pv);
    *at += used;
    return ERR_OK;
}

static int parse_replacement(struct prepare *p, struct subst *s, struct str text, char separator)
{
    s->part = arena_alloc(p->arena, (text.len + 1) * sizeof *s->part);
    if (!s->part)
        return ERR_NOMEM;
    for (size_t at = 0; at < text.len;) {
        size_t from = at;
        while (at < text.len && text.p[at] != '\\' && text.p[at] != '$')
            at++;
        add_part(s, str_sub(text, from, at), -1, NULL);
        if (at < text.len && text.p[at] == '\\') {
            at += (size_t)parse_escape(s, text, at, separator);
        } else if (at < text.len) {
            int rc = parse_dollar(p, s, text, &at);
            if (rc != ERR_OK)
                return rc;
        }
    }
    return ERR_OK;
}

/* Highest group the replacement names must be one of the ten there are: it always is. The three
 * sections are cut first, then each is parsed. */
static int parse_sections(struct prepare *p, struct str text, struct subst *s)
{
    unsigned flags;
    struct str rest = str_sub(text, 1, text.len), pattern, replacement;
    char separator = text.p[0];
    if (!take_section(&rest, separator, &pattern))
        return prepare_fail(p, 0,
                            "no separator '%c' found behind the expression: write "
                            "/expression/replacement/flags",
                            separator);
    if (!take_section(&rest, separator, &replacement))
        return prepare_fail(p, text.len, "the separator '%c' behind the replacement is missing",
                            separator);
    int rc = parse_flags(p, rest, (size_t)(rest.p - text.p), s, &flags);
    if (rc != ERR_OK)
        return rc;
    rc = prepare_regex_flags(p, pattern, flags, &s->regex);
    if (rc != ERR_OK) {
        p->at += 1;
        return rc;
    }
    rc = parse_replacement(p, s, replacement, separator);
    if (rc != ERR_OK)
        p->at += (size_t)(replacement.p - text.p);
    return rc;
}

int prepare_subst(struct prepare *p, struct str text, const struct subst **out)
{
    struct subst *s = arena_zalloc(p->arena, sizeof *s);
    *out = s;
    text = arena_dup(p->arena, text);
    if (!s || !text.p)
        return ERR_NOMEM;
    if (text.len < 3)
        return prepare_fail(p, 0,
                            "the substitution is too short: write "
                            "/expression/replacement/flags");
    return parse_sections(p, text, s);
}

/* ---- replacing ---- */

/* The new text for one match; NULL text on lack of memory. */
static struct str replacement_text(const struct subst *s, const struct regex_match *m,
                                   struct call *call, const struct host *host)
{
    struct buf b;
    char number[VALUE_TEXT];
    struct value v;
    buf_init(&b, host->scratch(call), 64);
    for (unsigned i = 0; i < s->n && b.len <= SUBST_MAX; i++) {
        const struct subst_part *part = &s->part[i];
        if (part->group >= 0)
            buf_add(&b, m->group[part->group]);
        else if (!part->pv)
            buf_add(&b, part->text);
        else if (pv_eval(part->pv, call, host, &v) == ERR_OK)
            buf_add(&b, value_is_null(&v) ? STR("<null>") : value_text(&v, number));
    }
    return b.failed ? STR_NONE : buf_str(&b);
}

int subst_each(const struct subst *s, struct str text, struct call *call, const struct host *host,
               int (*hit)(void *user, struct str piece, struct str with), void *user)
{
    struct regex_match m;
    size_t at = 0;
    int count = 0;
    while (at <= text.len) {
        int rc = regex_find(s->regex, text, at, &m);
        if (rc <= 0)
            return rc < 0 ? rc : count;
        struct str with = replacement_text(s, &m, call, host);
        if (!with.p)
            return ERR_NOMEM;
        rc = hit(user, m.group[0], with);
        if (rc != ERR_OK)
            return rc;
        count++;
        /* a match of nothing moves on by one, or it would be found for ever */
        at = (size_t)(m.group[0].p - text.p) + (m.group[0].len ? m.group[0].len : 1);
        if (!s->all)
            break;
    }
    return count;
}

/* The text so far, and how far into the old one it has come. */
struct splice {
    struct buf out;
    const char *done;
};

static int splice_hit(void *user, struct str piece, struct str with)
{
    struct splice *w = user;
    buf_add(&w->out, str_make(w->done, (size_t)(piece.p - w->done)));
    buf_add(&w->out, with);
    w->done = piece.p + piece.len;
    if (w->out.len > SUBST_MAX)
        return ERR_LIMIT;
    return w->out.failed ? ERR_NOMEM : ERR_OK;
}

int subst_apply(const struct subst *s, struct str text, struct call *call, const struct host *host,
                struct str *out)
{
    struct splice w;
    if (!text.p)
        text = STR("");
    buf_init(&w.out, host->scratch(call), text.len + 64);
    w.done = text.p;
    int count = subst_each(s, text, call, host, splice_hit, &w);
    if (count <= 0)
        return count;
    buf_add(&w.out, str_make(w.done, (size_t)(text.p + text.len - w.done)));
    *out = buf_str(&w.out);
    return w.out.failed ? ERR_NOMEM : count;
}
