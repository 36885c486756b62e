/* The words of the language, from the tables that the compiler itself is made of. */
/* SPDX-License-Identifier: MIT */
#include "lang/words.h"

#include <stdio.h>
#include <string.h>

#include "lang/pv.h"
#include "lang/resolve.h"

enum kind { KEYWORD_WORD, DIRECTIVE_WORD, TRANSFORM_WORD };

struct row {
    enum kind kind;
    const char *name, *params, *doc;
};

/* What stands before the dot, by class of transform.def. */
#define CLASS_STRING "s."
#define CLASS_URI "uri."
#define CLASS_PARAM "param."
#define CLASS_NAMEADDR "nameaddr."

static const struct row rows[] = {
#define KEYWORD(text, token, value, doc) {KEYWORD_WORD, text, "", doc},
#include "lang/keyword.def"
#undef KEYWORD
    {KEYWORD_WORD, "msg:len", "", "length of the message in bytes"},
#define DIRECTIVE(word, what, how, doc) {DIRECTIVE_WORD, word, "", doc},
#include "lang/directive.def"
#undef DIRECTIVE
#define TRANSFORM(class, name, params, fn, code, doc)                                              \
    {TRANSFORM_WORD, CLASS_##class name, params, doc},
#include "lang/transform.def"
#undef TRANSFORM
};

enum { ROWS = sizeof rows / sizeof *rows };

/* {s.substr,number,number} */
static void transform_form(const struct row *r, struct word *out)
{
    size_t n = (size_t)snprintf(out->text, sizeof out->text, "$(name{%s", r->name);
    for (const char *p = r->params; *p; p++)
        n += (size_t)snprintf(out->text + n, sizeof out->text - n, ",%s",
                              *p == 'i'   ? "number"
                              : *p == 'c' ? "character"
                                          : "text");
    snprintf(out->text + n, sizeof out->text - n, "})");
}

static void from_row(const struct row *r, struct word *out)
{
    static const char *const kinds[] = {"keyword", "line of the preprocessor", "transformation"};
    out->name = r->name;
    out->kind = kinds[r->kind];
    out->doc = r->doc;
    if (r->kind == TRANSFORM_WORD)
        transform_form(r, out);
    else
        snprintf(out->text, sizeof out->text, "%s%s", r->kind == DIRECTIVE_WORD ? "#!" : "",
                 r->name);
}

static void from_variable(const struct pv_spec *v, struct word *out)
{
    out->name = v->name;
    out->kind = v->set ? "variable of the language, may be assigned" : "variable of the language";
    out->doc = v->doc;
    snprintf(out->text, sizeof out->text, "$%s%s", v->name, v->flags & PV_INNER ? "(name)" : "");
}

static void from_setting(const struct setting_row *s, struct word *out)
{
    bool text = s->type == SET_TEXT || s->type == SET_NAME || s->type == SET_HOST || s->text;
    out->name = s->name;
    out->kind = s->type >= SET_OLD_BOOL ? "global parameter of older versions, without effect"
                                        : "global parameter";
    out->doc = s->doc;
    if (!text)
        snprintf(out->text, sizeof out->text, "%s = %ld", s->name, s->number);
    else
        snprintf(out->text, sizeof out->text, "%s = %s%s%s", s->name, s->text ? "\"" : "",
                 s->text ? s->text : "...", s->text ? "\"" : "");
}

bool word_at(unsigned i, struct word *out)
{
    memset(out, 0, sizeof *out);
    out->form = out->text;
    if (i < ROWS) {
        from_row(&rows[i], out);
        return true;
    }
    i -= ROWS;
    const struct pv_spec *v = pv_language_list();
    for (; v->name && i > 0; v++)
        i--;
    if (v->name) {
        from_variable(v, out);
        return true;
    }
    if (i >= SETTING_COUNT)
        return false;
    from_setting(setting_row((enum setting_id)i), out);
    return true;
}
