/* The list of destinations: a file of lines "set uri [flags]". */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>

#include "modules/dispatcher/priv.h"

enum { LINE_BYTES = 1024, FIRST_ROOM = 8 };

struct ds_set *ds_find_set(const struct ds_conf *conf, uint32_t id)
{
    struct ds_set *s = conf->sets;
    while (s && s->id != id)
        s = s->next;
    return s;
}

static struct ds_set *make_set(struct prepare *p, struct ds_conf *conf, uint32_t id)
{
    struct ds_set *s = ds_find_set(conf, id);
    if (s)
        return s;
    s = arena_zalloc(p->arena, sizeof *s);
    if (s) {
        s->id = id;
        s->next = conf->sets;
        conf->sets = s;
    }
    return s;
}

static struct ds_dest *add_dest(struct prepare *p, struct ds_set *s)
{
    if (s->n == s->room) {
        unsigned room = s->room ? s->room * 2 : FIRST_ROOM;
        struct ds_dest *more = arena_zalloc(p->arena, room * sizeof *more);
        if (!more)
            return NULL;
        for (unsigned i = 0; i < s->n; i++) {
            more[i].uri = s->dest[i].uri;
            more[i].ip = s->dest[i].ip;
            more[i].port = s->dest[i].port;
            atomic_init(&more[i].state, atomic_load(&s->dest[i].state));
        }
        s->dest = more;
        s->room = room;
    }
    return &s->dest[s->n++];
}

/* The next word of a line; empty at its end. */
static struct str next_word(struct str *rest)
{
    *rest = str_trim(*rest);
    size_t n = 0;
    while (n < rest->len && rest->p[n] != ' ' && rest->p[n] != '\t')
        n++;
    struct str word = str_sub(*rest, 0, n);
    *rest = str_sub(*rest, n, rest->len);
    return word;
}

static int read_line(struct prepare *p, struct ds_conf *conf, struct str line)
{
    struct str rest = line, set = next_word(&rest), uri = next_word(&rest);
    struct str flags = next_word(&rest);
    uint32_t id, state = 0;
    struct uri u;
    if (str_u32(&id, set, INT32_MAX) != ERR_OK || uri_parse(&u, uri) != ERR_OK || u.host.len == 0 ||
        (flags.len && str_u32(&state, flags, 3) != ERR_OK))
        return ERR_SYNTAX;
    struct ds_set *s = make_set(p, conf, id);
    struct ds_dest *d = s ? add_dest(p, s) : NULL;
    if (!d)
        return ERR_NOMEM;
    d->uri = arena_dup(p->arena, uri);
    d->port = u.port;
    atomic_init(&d->state, state);
    if (ip_parse(&d->ip, u.host) != ERR_OK)
        d->ip.family = 0;
    return d->uri.p ? ERR_OK : ERR_NOMEM;
}

static int read_lines(struct prepare *p, struct ds_conf *conf, FILE *f)
{
    char bytes[LINE_BYTES];
    for (unsigned number = 1; fgets(bytes, sizeof bytes, f); number++) {
        struct str line = str_trim(str_from(bytes));
        if (line.len == 0 || line.p[0] == '#')
            continue;
        int rc = read_line(p, conf, line);
        if (rc == ERR_NOMEM)
            return rc;
        if (rc != ERR_OK) {
            buf_printf(p->error, "%.*s, line %u: \"%.*s\" is not written: set uri [flags]",
                       STR_ARG(conf->list_file), number, STR_ARG(line));
            return rc;
        }
    }
    if (conf->sets)
        return ERR_OK;
    buf_printf(p->error, "%.*s has no destination", STR_ARG(conf->list_file));
    return ERR_INVALID;
}

int ds_read_list(struct prepare *p, struct ds_conf *conf)
{
    struct str path = prepare_path(p, conf->list_file);
    FILE *f = path.p ? fopen(path.p, "r") : NULL;
    if (!f && path.len > conf->list_file.len) /* not beside the script: from where we run */
        f = fopen(path.p + (path.len - conf->list_file.len), "r");
    if (!f) {
        buf_printf(p->error, "cannot read the list of destinations %.*s: %s", STR_ARG(path),
                   strerror(errno));
        return ERR_IO;
    }
    int rc = read_lines(p, conf, f);
    fclose(f);
    return rc;
}
