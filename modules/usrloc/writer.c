/* Changed contacts on their way to where they are kept. */
/* SPDX-License-Identifier: MIT */
#include "modules/usrloc/writer.h"

#include <stdlib.h>

/* The texts of a contact's name. */
enum { KEY_TABLE, KEY_AOR, KEY_URI, KEY_CALL_ID };

struct writer {
    struct changes *changes;
    struct hash_key key;
    struct locations *l;
    bool match_call_id;
    const struct writer_backend *backend;
    void *user;
};

static struct changes_key name_of(const struct writer *w, struct str table, struct str aor,
                                  const struct ucontact *c)
{
    struct changes_key k = {{[KEY_TABLE] = table, [KEY_AOR] = aor, [KEY_URI] = c->uri}};
    if (w->match_call_id)
        k.text[KEY_CALL_ID] = c->call_id;
    return k;
}

/* The contact as it is in memory, in a; a name of it when it is gone. now, in s since 1970, or 0 to
 * take those that have run out for what they are. */
static int find(const struct writer *w, const struct changes_key *key, uint32_t now,
                struct arena *a, struct ucontact *out, bool *gone)
{
    const struct location_key k = {w->key, key->text[KEY_TABLE], key->text[KEY_AOR]};
    int rc = locations_get(w->l, &k, key->text[KEY_URI], key->text[KEY_CALL_ID], a, out);
    *gone = rc == ERR_NOTFOUND || (rc == ERR_OK && now && out->expires && out->expires <= now);
    if (*gone)
        *out = (struct ucontact){.uri = key->text[KEY_URI], .call_id = key->text[KEY_CALL_ID]};
    return *gone ? ERR_OK : rc;
}

static int write_later(void *user, const struct worker_here *here, const struct changes_key *key,
                       struct flight *f)
{
    struct writer *w = user;
    struct arena a;
    struct ucontact c;
    bool gone;
    arena_init(&a, NULL, 1024);
    int rc = find(w, key, here->wall, &a, &c, &gone);
    if (rc == ERR_OK)
        rc =
            w->backend->write(w->user, here, key->text[KEY_TABLE], key->text[KEY_AOR], &c, gone, f);
    arena_reset(&a);
    return rc;
}

static int write_now(void *user, const struct changes_key *key)
{
    struct writer *w = user;
    struct arena a;
    struct ucontact c;
    bool gone;
    arena_init(&a, NULL, 1024);
    int rc = find(w, key, 0, &a, &c, &gone);
    if (rc == ERR_OK)
        rc = w->backend->write_now(w->user, key->text[KEY_TABLE], key->text[KEY_AOR], &c, gone);
    arena_reset(&a);
    return rc;
}

static void refused(void *user, const struct changes_key *key)
{
    (void)user;
    log_err("usrloc: the database refuses contact %.*s of %.*s: it is kept in memory only",
            STR_ARG(key->text[KEY_URI]), STR_ARG(key->text[KEY_AOR]));
}

static const struct changes_backend contacts = {write_later, write_now, refused};

struct writer *writer_new(struct hash_key key, struct locations *l, bool at_once,
                          bool match_call_id, const struct writer_backend *backend, void *user)
{
    struct writer *w = malloc(sizeof *w);
    if (!w)
        return NULL;
    *w = (struct writer){
        .key = key, .l = l, .match_call_id = match_call_id, .backend = backend, .user = user};
    w->changes = changes_new("usrloc", key, at_once, &contacts, w);
    if (w->changes)
        return w;
    free(w);
    return NULL;
}

void writer_free(struct writer *w)
{
    if (!w)
        return;
    changes_free(w->changes);
    free(w);
}

void writer_note(struct writer *w, struct str table, struct str aor, const struct ucontact *c)
{
    struct changes_key k = name_of(w, table, aor, c);
    if (changes_note(w->changes, &k) != ERR_OK)
        log_err("usrloc: no memory to note that %.*s of %.*s has changed", STR_ARG(c->uri),
                STR_ARG(aor));
}

bool writer_has(struct writer *w, struct str table, struct str aor, const struct ucontact *c)
{
    struct changes_key k = name_of(w, table, aor, c);
    return changes_has(w->changes, &k);
}

struct changes *writer_changes(struct writer *w)
{
    return w->changes;
}
