/* Names of /etc/hosts: read once, so that a worker never waits for a file. */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/err.h"
#include "core/net/worker.h"

enum { HOSTS_BYTES = 1 << 20, HOSTS_NAMES = 10000, HOSTS_TTL = 60 };

struct hosts {
    struct arena arena;
    unsigned n;
    struct {
        struct str name;
        struct ip ip;
    } entry[HOSTS_NAMES];
};

/* The next word of a line, or false. */
static bool word_cut(struct str *line, struct str *word)
{
    *line = str_trim(*line);
    size_t n = 0;
    while (n < line->len && line->p[n] != ' ' && line->p[n] != '\t')
        n++;
    *word = str_sub(*line, 0, n);
    *line = str_sub(*line, n, line->len);
    return n > 0;
}

static void read_line(struct hosts *h, struct str line)
{
    struct str word;
    struct ip ip;
    ptrdiff_t hash = str_find(line, '#', 0);
    if (hash >= 0)
        line = str_sub(line, 0, (size_t)hash);
    if (!word_cut(&line, &word) || ip_parse(&ip, word) != ERR_OK)
        return;
    while (h->n < HOSTS_NAMES && word_cut(&line, &word)) {
        h->entry[h->n].name = arena_dup(&h->arena, word);
        h->entry[h->n].ip = ip;
        h->n += h->entry[h->n].name.p != NULL;
    }
}

struct hosts *hosts_read(const char *path)
{
    FILE *f = fopen(path, "re");
    char *text = f ? malloc(HOSTS_BYTES) : NULL;
    struct hosts *h = text ? calloc(1, sizeof *h) : NULL;
    if (h) {
        struct str rest = str_make(text, fread(text, 1, HOSTS_BYTES, f)), line;
        arena_init(&h->arena, NULL, 1024);
        while (str_cut(&line, &rest, '\n'))
            read_line(h, line);
    }
    free(text);
    if (f)
        fclose(f);
    return h;
}

void hosts_free(struct hosts *h)
{
    if (h)
        arena_reset(&h->arena);
    free(h);
}

/* "_sip._udp.name" is about name. */
static struct str without_labels(struct str name)
{
    while (name.len && name.p[0] == '_') {
        ptrdiff_t dot = str_find(name, '.', 0);
        name = dot < 0 ? STR_NONE : str_sub(name, (size_t)dot + 1, name.len);
    }
    return name;
}

bool hosts_answer(const struct hosts *h, struct str name, enum dns_type type,
                  struct dns_answer *out)
{
    bool known = false;
    out->n = 0;
    out->ttl = HOSTS_TTL;
    name = without_labels(name);
    for (unsigned i = 0; h && i < h->n && out->n < DNS_RECORDS; i++) {
        if (!str_ieq(h->entry[i].name, name))
            continue;
        known = true;
        if (h->entry[i].ip.family == (type == DNS_A ? 4 : type == DNS_AAAA ? 6 : 0))
            out->record[out->n++] = (struct dns_record){.ip = h->entry[i].ip};
    }
    out->status = out->n ? DNS_FOUND : DNS_NONE;
    return known;
}
