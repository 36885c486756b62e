/* Tables and messages on disk. */
/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <stdlib.h>

#include "tests/messages/torture.h"

enum { FILE_BYTES = 1 << 20, ROW_BYTES = 4096 };

/* ---- tables ---- */

static struct row *row_add(struct table *t, char *line)
{
    t->row = realloc(t->row, (t->count + 1) * sizeof *t->row);
    struct row *r = &t->row[t->count++];
    r->used = false;
    for (unsigned i = 0; i < TSV_COLUMNS; i++) {
        char *tab = line ? strchr(line, '\t') : NULL;
        if (tab && i < TSV_COLUMNS - 1)
            *tab = 0;
        r->column[i] = strdup(line ? line : "");
        line = tab ? tab + 1 : NULL;
    }
    return r;
}

void table_read(struct table *t, const char *path)
{
    char line[ROW_BYTES];
    *t = (struct table){.count = 0};
    FILE *f = fopen(path, "r");
    if (!f) {
        fprintf(stderr, "cannot read %s\n", path);
        exit(1);
    }
    for (bool head = true; fgets(line, sizeof line, f);) {
        line[strcspn(line, "\n")] = 0;
        if (!head && *line && *line != '#')
            row_add(t, line);
        head = false;
    }
    fclose(f);
}

void table_free(struct table *t)
{
    for (size_t i = 0; i < t->count; i++)
        for (unsigned c = 0; c < TSV_COLUMNS; c++)
            free(t->row[i].column[c]);
    free(t->row);
}

/* ---- messages ---- */

/* The sets, and which columns of their INDEX.tsv say what has to happen and what may. */
static const struct set {
    const char *name;
    unsigned must, may, see; /* column numbers; 0: none */
} sets[] = {
    {"rfc4475", 3, 4, 0}, {"rfc5118", 3, 0, 0},      {"grammar", 1, 0, 3},
    {"cve", 6, 0, 0},     {"rfc_examples", 0, 0, 0},
};

/* A file in memory of exactly its size. */
static struct str slurp(const char *path)
{
    char *mem = malloc(FILE_BYTES);
    FILE *f = fopen(path, "rb");
    if (!f) {
        fprintf(stderr, "cannot read %s\n", path);
        exit(1);
    }
    size_t n = fread(mem, 1, FILE_BYTES, f);
    fclose(f);
    return str_make(realloc(mem, n ? n : 1), n);
}

/* Adds what expect.tsv says about a phrase of an INDEX: its row with the longest beginning. */
static void explain(struct file *f, const char *set, const char *phrase, const struct table *expect)
{
    struct row *best = NULL;
    size_t longest = 0;
    for (size_t i = 0; i < expect->count; i++) {
        struct row *r = &expect->row[i];
        size_t n = strlen(r->column[1]);
        if (strcmp(r->column[0], set) == 0 && strncmp(phrase, r->column[1], n) == 0 &&
            n >= longest) {
            best = r;
            longest = n;
        }
    }
    if (!best) {
        failed("index", f->name, "expect.tsv does not explain \"%s\"", phrase);
        return;
    }
    best->used = true;
    size_t at = strlen(f->spec);
    snprintf(f->spec + at, sizeof f->spec - at, "%s%s", at ? " " : "", best->column[2]);
}

static struct file *file_add(struct files *all, const char *folder, const char *set,
                             const char *name)
{
    char path[512];
    all->file = realloc(all->file, (all->count + 1) * sizeof *all->file);
    struct file *f = &all->file[all->count++];
    memset(f, 0, sizeof *f);
    snprintf(f->name, sizeof f->name, "%s/%s", set, name);
    snprintf(path, sizeof path, "%s/%s", folder, f->name);
    f->bytes = slurp(path);
    return f;
}

static void read_index(struct files *all, const char *folder, const struct set *s,
                       const struct table *expect)
{
    char path[512];
    struct table index;
    snprintf(path, sizeof path, "%s/%s/INDEX.tsv", folder, s->name);
    table_read(&index, path);
    for (size_t i = 0; i < index.count; i++) {
        char **column = index.row[i].column;
        struct file *f = file_add(all, folder, s->name, column[0]);
        explain(f, s->name, column[s->must], expect);
        if (s->may && strcmp(column[s->may], "-") != 0)
            explain(f, s->name, column[s->may], expect);
        if (s->see)
            snprintf(f->must_see, sizeof f->must_see, "%s", column[s->see]);
    }
    table_free(&index);
}

/* A set without index: every message is a good one. */
static void read_folder(struct files *all, const char *folder, const struct set *s,
                        const struct table *expect)
{
    char path[512];
    struct dirent **entry;
    snprintf(path, sizeof path, "%s/%s", folder, s->name);
    int n = scandir(path, &entry, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        if (entry[i]->d_name[0] != '.')
            explain(file_add(all, folder, s->name, entry[i]->d_name), s->name, "", expect);
        free(entry[i]);
    }
    free(n < 0 ? NULL : entry);
}

bool files_read(struct files *f, const char *folder, const struct table *expect)
{
    DIR *d = opendir(folder);
    *f = (struct files){.count = 0};
    if (!d)
        return false;
    closedir(d);
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        (sets[i].must ? read_index : read_folder)(f, folder, &sets[i], expect);
    return true;
}

void files_free(struct files *f)
{
    for (size_t i = 0; i < f->count; i++)
        free((void *)(uintptr_t)f->file[i].bytes.p);
    free(f->file);
}

const struct file *files_find(const struct files *f, const char *name)
{
    for (size_t i = 0; i < f->count; i++)
        if (strcmp(f->file[i].name, name) == 0)
            return &f->file[i];
    return NULL;
}

bool file_is(const struct file *f, const char *extension)
{
    return str_ends(str_from(f->name), str_from(extension));
}
