/* The torture sets of ../shared/torture through the whole engine, each message judged by its
 * INDEX.tsv. Usage: torture [TEXT], from the root of the tree; TEXT: only messages whose names hold
 * it, and their packets are shown. */
/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdlib.h>

#include "tests/messages/torture.h"

static unsigned passes, failures;

void passed(const char *phase, const char *name, const char *detail)
{
    passes++;
    printf("ok %s: %s%s%s\n", phase, name, *detail ? ": " : "", detail);
}

void failed(const char *phase, const char *name, const char *fmt, ...)
{
    va_list ap;
    failures++;
    printf("not ok %s: %s: ", phase, name);
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    putchar('\n');
}

static void unused_expectations(const struct table *expect)
{
    for (size_t i = 0; i < expect->count; i++)
        if (!expect->row[i].used)
            failed("index", expect->row[i].column[1], "no INDEX says that");
}

/* Keeps the messages whose names hold text. */
static void select_files(struct files *f, const char *text)
{
    size_t kept = 0;
    for (size_t i = 0; i < f->count; i++)
        if (strstr(f->file[i].name, text))
            f->file[kept++] = f->file[i];
        else
            free((void *)(uintptr_t)f->file[i].bytes.p);
    f->count = kept;
}

/* What scripts/relay.cfg makes of the selected messages. */
static void show(const struct files *f)
{
    struct world *w = world_new("tests/messages/scripts/relay.cfg");
    for (size_t i = 0; i < f->count; i++) {
        struct addr src = source_of(f->file[i].bytes);
        world_clear(w);
        world_feed(w, f->file[i].bytes, &src);
        printf("== %s (%s)\n%.*s", f->file[i].name, f->file[i].spec, STR_ARG(f->file[i].bytes));
        for (size_t k = 0; k < w->count; k++) {
            char where[ADDR_TEXT];
            struct str to = addr_text(where, &w->packet[k].dst);
            printf("-- to %.*s\n%.*s", STR_ARG(to), STR_ARG(w->packet[k].bytes));
        }
        puts("--");
        world_pass(w, 64000);
    }
    world_free(w);
}

static void run_all(struct files *f, struct table *expect)
{
    struct table leniencies, checks;
    table_read(&leniencies, "tests/messages/leniencies.tsv");
    table_read(&checks, "tests/messages/checks.tsv");
    unused_expectations(expect);
    judge_all(f, &leniencies);
    calls_all(f);
    checks_all(f, &checks);
    scripts_all(f);
    floods_all(f);
    prefixes_all(f);
    damage_all(f);
    table_free(&leniencies);
    table_free(&checks);
}

int main(int argc, char **argv)
{
    const char *folder = getenv("SIGNALBOX_TORTURE");
    struct table expect;
    struct files files;
    table_read(&expect, "tests/messages/expect.tsv");
    if (!files_read(&files, folder ? folder : "../shared/torture", &expect)) {
        puts("# ../shared/torture is not here: no messages to try, skipped");
    } else if (argc > 1) {
        select_files(&files, argv[1]);
        show(&files);
    } else {
        run_all(&files, &expect);
    }
    files_free(&files);
    table_free(&expect);
    printf("%u passed, %u failed\n", passes, failures);
    return failures != 0;
}
