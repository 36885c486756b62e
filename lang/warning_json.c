/* Findings as JSON, for editors and CI. */
/* SPDX-License-Identifier: MIT */
#include "lang/warning.h"

static void put_text(FILE *out, struct str s)
{
    fputc('"', out);
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c == '"' || c == '\\')
            fprintf(out, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            fprintf(out, "\\u%04x", c);
        else
            fputc(c, out);
    }
    fputc('"', out);
}

struct json {
    const struct diag *diag;
    FILE *out;
};

static void put_finding(void *user, const struct finding *f, struct str text)
{
    static const char *const levels[] = {"error", "warning", "note"};
    const struct json *j = user;
    const struct loc *l = &f->loc;
    struct str file = l->file < j->diag->n_sources ? j->diag->sources[l->file].name : STR_NONE;
    (void)text;
    fputs("{\"file\":", j->out);
    put_text(j->out, file);
    fprintf(j->out, ",\"line\":%u,\"column\":%u,\"endLine\":%u,\"endColumn\":%u", l->line,
            l->column, l->end_line, l->end_column);
    fprintf(j->out, ",\"level\":\"%s\",\"code\":", levels[f->level]);
    put_text(j->out, str_from(f->code ? f->code : ""));
    fputs(",\"text\":", j->out);
    put_text(j->out, f->text);
    fputs(",\"hint\":", j->out);
    put_text(j->out, f->hint);
    fputs("}\n", j->out);
}

void diag_print_json(const struct diag *d, FILE *out)
{
    struct json j = {d, out};
    diag_each(d, put_finding, &j);
}
