/* Warnings: looking them up, silencing them, -W. */
/* SPDX-License-Identifier: MIT */
#include "lang/warning.h"

static const struct warning_text texts[] = {
#define WARNING(id, code, why, example, mend) {code, why, example, mend},
#include "lang/warning.def"
#undef WARNING
};

const struct warning_text *warning_text(enum warning w)
{
    return &texts[w];
}

enum warning warning_find(struct str code)
{
    unsigned w = 0;
    while (w < WARNINGS && !str_ieq(code, str_from(texts[w].code)))
        w++;
    return (enum warning)w;
}

const char *warning_like(struct str code)
{
    const char *best = NULL;
    unsigned distance = 4;
    for (unsigned w = 0; w < WARNINGS; w++) {
        unsigned d = str_distance(code, str_from(texts[w].code));
        if (d < distance) {
            distance = d;
            best = texts[w].code;
        }
    }
    return best;
}

/* ---- taking findings out ----------------------------------------------------------------------
 */

/* Walks all warnings and notes that have a code: fate says what becomes of each. */
static void sieve(struct diag *d, enum warning_fate (*fate)(void *user, const struct finding *f),
                  void *user)
{
    struct finding **link = &d->first;
    while (*link) {
        struct finding *f = *link;
        enum warning_fate what = f->level != DIAG_ERROR && f->code ? fate(user, f) : WARNING_SHOWN;
        *(f->level == DIAG_NOTE ? &d->notes : &d->warnings) -= what != WARNING_SHOWN;
        if (what == WARNING_ERROR) {
            f->level = DIAG_ERROR;
            d->errors++;
        }
        if (what == WARNING_OFF)
            *link = f->next;
        else
            link = &f->next;
    }
    d->last = link;
    d->newest = NULL;
}

/* ---- -W ---------------------------------------------------------------------------------------
 */

static void set_all(struct warning_policy *p, enum warning_fate fate)
{
    memset(p->fate, (int)fate, sizeof p->fate);
}

static bool fate_named(struct str name, uint8_t *out)
{
    static const struct {
        const char *name;
        enum warning_fate fate;
    } fates[] = {{"error", WARNING_ERROR}, {"off", WARNING_OFF}, {"on", WARNING_SHOWN}};
    for (unsigned i = 0; i < sizeof fates / sizeof *fates; i++)
        if (str_eq(name, str_from(fates[i].name))) {
            *out = (uint8_t)fates[i].fate;
            return true;
        }
    return false;
}

bool warning_policy_add(struct warning_policy *p, struct str text)
{
    struct str code;
    uint8_t fate;
    if (str_eq(text, STR("error")))
        set_all(p, WARNING_ERROR);
    else if (str_eq(text, STR("none")))
        set_all(p, WARNING_OFF);
    else if (str_eq(text, STR("all")))
        set_all(p, WARNING_SHOWN);
    else if (str_find(text, '=', 0) < 0 || !str_cut(&code, &text, '=') ||
             warning_find(code) == WARNINGS || !fate_named(text, &fate))
        return false;
    else
        p->fate[warning_find(code)] = fate;
    return true;
}

static enum warning_fate by_policy(void *user, const struct finding *f)
{
    const struct warning_policy *p = user;
    enum warning w = warning_find(str_from(f->code));
    enum warning_fate fate = w < WARNINGS ? (enum warning_fate)p->fate[w] : WARNING_SHOWN;
    return fate == WARNING_ERROR && f->level == DIAG_NOTE ? WARNING_SHOWN : fate;
}

void warning_policy_apply(const struct warning_policy *p, struct diag *d)
{
    struct warning_policy copy = *p;
    sieve(d, by_policy, &copy);
}

/* ---- # check: ignore --------------------------------------------------------------------------
 */

/* One comment of that kind. */
struct ignore {
    struct ignore *next;
    unsigned file;
    uint32_t line;
    bool alone;      /* nothing else on the line: it speaks of the next one */
    uint32_t column; /* of codes */
    struct str codes;
};

struct ignores {
    const struct diag *diag;
    struct ignore *first;
};

static const struct str mark = {"check: ignore", 13};

static bool is_comment(struct str before)
{
    before = str_trim(before);
    return str_ends(before, STR("#")) || str_ends(before, STR("//")) || str_ends(before, STR("/*"));
}

static bool is_alone(struct str before)
{
    before = str_trim(before);
    return before.len <= 2;
}

static void find_ignores(struct ignores *list, struct arena *a, unsigned file)
{
    struct str text = list->diag->sources[file].text;
    size_t start = 0; /* of the line */
    uint32_t line = 1;
    for (ptrdiff_t at = 0; (at = str_search(text, mark, (size_t)at)) >= 0;
         at += (ptrdiff_t)mark.len) {
        for (ptrdiff_t nl; (nl = str_find(text, '\n', start)) >= 0 && nl < at; line++)
            start = (size_t)nl + 1;
        ptrdiff_t end = str_find(text, '\n', (size_t)at);
        struct str before = str_sub(text, start, (size_t)at);
        struct ignore *i = is_comment(before) ? arena_zalloc(a, sizeof *i) : NULL;
        if (!i)
            continue;
        size_t from = (size_t)at + mark.len;
        *i = (struct ignore){.next = list->first, .file = file, .line = line};
        i->alone = is_alone(before);
        i->column = (uint32_t)(from - start) + 1;
        i->codes = str_sub(text, from, end < 0 ? text.len : (size_t)end);
        list->first = i;
    }
}

enum next { NEXT_NONE, NEXT_CODE, NEXT_UNKNOWN };

/* Cuts the next code off. A word that is none counts where a code has to stand: first, or behind a
 * comma. Elsewhere it begins a sentence for people, as in "ignore no-answer on purpose". */
static enum next next_code(struct str *rest, bool first, struct str *code)
{
    size_t from = 0;
    bool comma = false;
    for (; from < rest->len && strchr(" \t:,", rest->p[from]); from++)
        comma |= rest->p[from] == ',';
    size_t end = from;
    while (end < rest->len && (ascii_alpha(rest->p[end]) || rest->p[end] == '-'))
        end++;
    *code = str_sub(*rest, from, end);
    *rest = str_sub(*rest, end, rest->len);
    if (warning_find(*code) != WARNINGS)
        return NEXT_CODE;
    return code->len && (first || comma) ? NEXT_UNKNOWN : NEXT_NONE;
}

static bool names_code(struct str codes, struct str wanted)
{
    struct str code;
    for (bool first = true; next_code(&codes, first, &code) != NEXT_NONE; first = false)
        if (str_ieq(code, wanted))
            return true;
    return false;
}

static enum warning_fate by_comment(void *user, const struct finding *f)
{
    const struct ignores *list = user;
    for (const struct ignore *i = list->first; i; i = i->next)
        if (i->file == f->loc.file &&
            (i->line == f->loc.line || (i->alone && i->line + 1 == f->loc.line)) &&
            names_code(i->codes, str_from(f->code)))
            return WARNING_OFF;
    return WARNING_SHOWN;
}

static void report_code(struct diag *d, const struct ignore *i, struct str code)
{
    uint32_t column = i->column + (uint32_t)(code.p - i->codes.p);
    uint32_t end = column + (uint32_t)code.len;
    struct loc at = {(uint16_t)i->file, i->line, column, i->line, end};
    const char *like = warning_like(code);
    diag_add(d, DIAG_WARNING, warning_text(WARN_BAD_IGNORE)->code, at,
             "there is no warning '%.*s' to ignore", STR_ARG(code));
    if (like)
        diag_hint(d, "did you mean '%s'?", like);
}

static void check_codes(struct diag *d, const struct ignore *i)
{
    struct str rest = i->codes, code;
    enum next what;
    for (bool first = true; (what = next_code(&rest, first, &code)) != NEXT_NONE; first = false)
        if (what == NEXT_UNKNOWN)
            report_code(d, i, code);
}

void warning_silence(struct diag *d)
{
    struct ignores list = {d, NULL};
    struct arena a;
    arena_init(&a, NULL, 1024);
    for (unsigned file = 0; file < d->n_sources; file++)
        find_ignores(&list, &a, file);
    for (const struct ignore *i = list.first; i; i = i->next)
        check_codes(d, i);
    if (list.first)
        sieve(d, by_comment, &list);
    arena_reset(&a);
}
