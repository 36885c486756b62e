/* Contacts that several hosts share through Redis. */
/* SPDX-License-Identifier: MIT */
#include "modules/usrloc/cluster.h"

#include <stdlib.h>

#include "modules/usrloc/redis.h"

enum {
    VERSION = 1,
    NUMBERS = 13,      /* of the first line of a value */
    TEXTS = 5,         /* of them lengths */
    FLOW_NUMBERS = 15, /* with reg-id and the length of the instance, which then is the last text */
    FIELDS_MOST = 4096, /* of a hash that are looked at */
    DOUBT = 2,          /* s within which a contact may not be in Redis yet */
};

struct cluster {
    struct redis *redis;
    struct locations *l;
    struct writer *w;
    bool match_call_id;
    struct str self; /* lies behind */
};

/* Writes a field unless it is newer there, takes those away that ran out, and keeps the hash as
 * long as its last contact. KEYS: hash; ARGV: field, value, time of change, time. */
#define PUT_SCRIPT                                                                                 \
    "local key,now,last=KEYS[1],tonumber(ARGV[4]),0 "                                              \
    "local old=redis.call('HGET',key,ARGV[1]) "                                                    \
    "local t=old and tonumber(string.match(old,'^%d+ %d+ (%d+)')) "                                \
    "if t and t>tonumber(ARGV[3]) then return 0 end "                                              \
    "redis.call('HSET',key,ARGV[1],ARGV[2]) "                                                      \
    "local all=redis.call('HGETALL',key) "                                                         \
    "for i=1,#all,2 do "                                                                           \
    "local e=tonumber(string.match(all[i+1],'^%d+ (%d+)')) "                                       \
    "if e==0 then last=-1 "                                                                        \
    "elseif not e or e<=now then redis.call('HDEL',key,all[i]) "                                   \
    "elseif last>=0 and e>last then last=e end "                                                   \
    "end "                                                                                         \
    "if last<0 then redis.call('PERSIST',key) "                                                    \
    "elseif last>0 then redis.call('EXPIRE',key,last-now) end "                                    \
    "return 1"

/* ---- values ---- */

void cluster_value(struct buf *out, const struct ucontact *c, struct str edge)
{
    const struct str text[TEXTS] = {c->received, c->path, c->call_id, c->user_agent, edge};
    buf_printf(out, "%d %u %u %u %u %u %u %d", VERSION, c->expires, c->modified, c->cseq,
               (unsigned)(c->flags & ~USRLOC_REMOTE), c->cflags, c->methods, c->q);
    for (unsigned i = 0; i < TEXTS; i++)
        buf_printf(out, " %zu", text[i].len);
    if (c->instance.len)
        buf_printf(out, " %u %zu", c->reg_id, c->instance.len);
    buf_char(out, '\n');
    for (unsigned i = 0; i < TEXTS; i++)
        buf_add(out, text[i]);
    buf_add(out, c->instance);
}

/* The numbers of the first line; q, in thousandths, is the only one that may be below zero. */
static bool read_numbers(struct str line, uint32_t out[FLOW_NUMBERS], int *q)
{
    struct str one;
    for (unsigned i = 0; i < FLOW_NUMBERS; i++) {
        if (i == NUMBERS && line.len == 0)
            return true;
        if (!str_cut(&one, &line, ' '))
            return false;
        if (i == 7 && str_eq(one, STR("-1"))) {
            *q = NO_Q;
            continue;
        }
        if (str_u32(&out[i], one, i == 7 ? 1000 : UINT32_MAX) != ERR_OK)
            return false;
        if (i == 7)
            *q = (int)out[i];
    }
    return line.len == 0;
}

int cluster_parse(struct ucontact *out, struct str *edge, struct str value)
{
    uint32_t n[FLOW_NUMBERS] = {0};
    struct str text[TEXTS + 1];
    int q = NO_Q;
    ptrdiff_t end = str_find(value, '\n', 0);
    if (end < 0 || !read_numbers(str_sub(value, 0, (size_t)end), n, &q) || n[0] != VERSION)
        return ERR_SYNTAX;
    size_t at = (size_t)end + 1;
    for (unsigned i = 0; i <= TEXTS; i++) {
        size_t len = n[i < TEXTS ? NUMBERS - TEXTS + i : FLOW_NUMBERS - 1];
        if (len > USRLOC_PATH_MAX || len > value.len - at)
            return ERR_SYNTAX;
        text[i] = str_sub(value, at, at + len);
        at += len;
    }
    *out = (struct ucontact){.received = text[0],
                             .path = text[1],
                             .call_id = text[2],
                             .user_agent = text[3],
                             .instance = text[TEXTS],
                             .reg_id = n[NUMBERS],
                             .expires = n[1],
                             .modified = n[2],
                             .cseq = n[3],
                             .flags = (uint16_t)n[4],
                             .cflags = n[5],
                             .methods = n[6],
                             .q = (int16_t)q,
                             .socket = NO_SOCKET};
    *edge = text[4];
    return at == value.len ? ERR_OK : ERR_SYNTAX;
}

/* As the value of a URI's parameter. */
static void add_escaped(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.p[i];
        if (ascii_alpha(c) || ascii_digit(c) || (c && strchr(".:-_[]@", c)))
            buf_char(out, c);
        else
            buf_printf(out, "%%%02X", (unsigned)(unsigned char)c);
    }
}

struct str cluster_path(struct arena *a, const struct ucontact *c, struct str edge)
{
    struct buf b;
    buf_init(&b, a, 128);
    buf_char(&b, '<');
    buf_add(&b, edge);
    buf_add(&b, STR(";lr"));
    if (c->received.len && !c->path.len) {
        buf_add(&b, STR(";received="));
        add_escaped(&b, c->received);
    }
    buf_char(&b, '>');
    if (c->path.len) {
        buf_char(&b, ',');
        buf_add(&b, c->path);
    }
    return b.failed ? STR_NONE : buf_str(&b);
}

/* ---- names ---- */

static struct str key_name(struct arena *a, struct str table, struct str aor)
{
    return arena_printf(a, "signalbox:%.*s:%.*s", STR_ARG(table), STR_ARG(aor));
}

static struct str field_name(const struct cluster *k, struct arena *a, const struct ucontact *c)
{
    if (!k->match_call_id)
        return c->uri;
    return arena_printf(a, "%.*s\n%.*s", STR_ARG(c->uri), STR_ARG(c->call_id));
}

static struct str uri_of(struct str field)
{
    ptrdiff_t end = str_find(field, '\n', 0);
    return end < 0 ? field : str_sub(field, 0, (size_t)end);
}

/* ---- writing ---- */

static void written(void *arg, int status, const redisReply *r)
{
    (void)r;
    changes_done(arg, status == ERR_OK ? ERR_OK : ERR_IO); /* whatever it says, it may heal */
}

/* The words of the command that writes a contact; how many, 0 without memory. */
static unsigned put_words(const struct cluster *k, struct arena *a, struct str table,
                          struct str aor, const struct ucontact *c, bool gone, uint32_t now,
                          struct str word[8])
{
    struct str name = key_name(a, table, aor), field = field_name(k, a, c);
    struct buf value;
    if (gone) {
        word[0] = STR("HDEL");
        word[1] = name;
        word[2] = field;
        return name.p && field.p ? 3 : 0;
    }
    if (c->flags & USRLOC_REMOTE) { /* another host has it now */
        word[0] = STR("PING");
        return 1;
    }
    buf_init(&value, a, 512);
    cluster_value(&value, c, k->self);
    const struct str words[] = {STR("EVAL"),
                                STR(PUT_SCRIPT),
                                STR("1"),
                                name,
                                field,
                                buf_str(&value),
                                arena_printf(a, "%u", c->modified),
                                arena_printf(a, "%u", now)};
    memcpy(word, words, sizeof words);
    return name.p && field.p && !value.failed && word[6].p && word[7].p ? 8 : 0;
}

static int write_later(void *user, const struct worker_here *here, struct str table, struct str aor,
                       const struct ucontact *c, bool gone, struct flight *f)
{
    struct cluster *k = user;
    struct arena a;
    struct str word[8];
    arena_init(&a, NULL, 1024);
    unsigned n = put_words(k, &a, table, aor, c, gone, here->wall, word);
    int rc = n ? redis_ask(k->redis, here->index, here->loop, n, word, written, f) : ERR_NOMEM;
    arena_reset(&a);
    return rc;
}

static int write_now(void *user, struct str table, struct str aor, const struct ucontact *c,
                     bool gone)
{
    struct cluster *k = user;
    struct arena a;
    struct str word[8];
    arena_init(&a, NULL, 1024);
    unsigned n = put_words(k, &a, table, aor, c, gone, c->modified, word);
    int rc = n ? redis_tell_now(k->redis, n, word) : ERR_NOMEM;
    arena_reset(&a);
    return rc;
}

const struct writer_backend cluster_backend = {write_later, write_now};

/* ---- reading ---- */

/* A refresh as it goes on; in the call's arena. */
struct visit {
    struct cluster *k;
    struct location_key key;
    uint32_t asked; /* s since 1970 */
    cluster_fresh fresh;
    void *arg;
};

static const struct ucontact *find_in(const struct cluster *k, const struct ucontacts *list,
                                      const struct ucontact *c)
{
    for (unsigned i = 0; i < list->n; i++)
        if (str_eq(list->v[i].uri, c->uri) &&
            (!k->match_call_id || str_eq(list->v[i].call_id, c->call_id)))
            return &list->v[i];
    return NULL;
}

/* What Redis has, as contacts of ours. */
static unsigned read_reply(struct call *c, const struct visit *v, const redisReply *r,
                           struct ucontact *out)
{
    unsigned n = 0;
    for (size_t i = 0; i + 1 < r->elements && i < 2 * FIELDS_MOST && n < USRLOC_CONTACTS_MAX;
         i += 2) {
        const redisReply *f = r->element[i], *t = r->element[i + 1];
        struct str edge, field = str_make(f->str, f->str ? (size_t)f->len : 0);
        struct ucontact *u = &out[n];
        if (!t->str || cluster_parse(u, &edge, str_make(t->str, (size_t)t->len)) != ERR_OK)
            continue;
        u->uri = uri_of(field);
        if (u->expires && u->expires <= v->asked)
            continue;
        if (!str_eq(edge, v->k->self)) {
            u->path = cluster_path(c->arena, u, edge);
            u->flags |= USRLOC_REMOTE;
        }
        n++;
    }
    return n;
}

/* Brings the table in line with Redis. */
static void merge(struct call *c, const struct visit *v, const redisReply *r)
{
    const struct cluster *k = v->k;
    struct ucontacts now, there, change = {NULL, 0};
    struct ucontact *read = arena_alloc(c->arena, USRLOC_CONTACTS_MAX * sizeof *read);
    struct ucontact *todo = arena_alloc(c->arena, 2 * USRLOC_CONTACTS_MAX * sizeof *todo);
    if (!read || !todo || r->type != REDIS_REPLY_ARRAY)
        return;
    there = (struct ucontacts){read, read_reply(c, v, r, read)};
    int rc = locations_find(k->l, &v->key, v->asked, c->arena, &now);
    if (rc != ERR_OK && rc != ERR_NOTFOUND)
        return;
    for (unsigned i = 0; i < now.n; i++) {
        const struct ucontact *u = &now.v[i];
        if (find_in(k, &there, u) || u->modified + DOUBT >= v->asked ||
            u->flags & USRLOC_MEMORY_ONLY || writer_has(k->w, v->key.table, v->key.aor, u))
            continue;
        todo[change.n] = *u; /* another host has taken it away */
        todo[change.n++].remove = true;
    }
    for (unsigned i = 0; i < there.n; i++) {
        const struct ucontact *mine = find_in(k, &now, &there.v[i]);
        if (!mine || mine->modified < there.v[i].modified)
            todo[change.n++] = there.v[i];
    }
    if (!change.n)
        return;
    change.v = todo;
    struct usrloc_update u = {.table = v->key.table, .aor = v->key.aor, .change = change};
    struct record_rules rules = {.now = v->asked,
                                 .match_call_id = k->match_call_id,
                                 .any_cseq = true,
                                 .stored = true,
                                 .max = USRLOC_CONTACTS_MAX};
    locations_update(k->l, &v->key, &u, &rules, c->arena, NULL);
}

static int came(struct call *c, void *arg, int status, const void *answer)
{
    struct visit *v = arg;
    if (status == ERR_OK)
        merge(c, v, answer);
    return v->fresh(c, v->arg);
}

static void replied(void *arg, int status, const redisReply *r)
{
    wait_end(arg, status, r);
}

int cluster_refresh(struct call *c, struct cluster *k, const struct location_key *key,
                    cluster_fresh fresh, void *arg)
{
    const struct str word[] = {STR("HGETALL"), key_name(c->arena, key->table, key->aor)};
    struct visit *v = arena_alloc(c->arena, sizeof *v);
    int status;
    if (!v || !word[1].p)
        return fresh(c, arg);
    *v = (struct visit){k, *key, (uint32_t)call_time(c), fresh, arg};
    struct wait *w = call_wait(c, NULL, came, v, &status);
    if (!w)
        return fresh(c, arg);
    if (redis_ask(k->redis, call_worker(c), call_loop(c), 2, word, replied, w) == ERR_OK)
        return CALL_SUSPENDED;
    wait_drop(w);
    return fresh(c, arg);
}

/* ---- life ---- */

/* Redis may have lost all it had: what is registered here is written again. */
static void is_back(void *arg)
{
    struct cluster *k = arg;
    locations_note_all(k->l);
}

struct cluster *cluster_new(struct str url, struct str self, uint32_t deadline, bool match_call_id,
                            struct buf *why)
{
    struct cluster *k = malloc(sizeof *k + self.len);
    if (!k) {
        buf_printf(why, "out of memory");
        return NULL;
    }
    *k = (struct cluster){.match_call_id = match_call_id,
                          .self = str_make((char *)(k + 1), self.len)};
    memcpy(k + 1, self.p, self.len);
    k->redis = redis_new(url, deadline, is_back, k, why);
    if (k->redis)
        return k;
    free(k);
    return NULL;
}

void cluster_use(struct cluster *k, struct locations *l, struct writer *w)
{
    k->l = l;
    k->w = w;
}

void cluster_second(struct cluster *k, unsigned worker)
{
    redis_second(k->redis, worker);
}

void cluster_leave(struct cluster *k, unsigned worker)
{
    redis_leave(k->redis, worker);
}

void cluster_free(struct cluster *k)
{
    if (!k)
        return;
    redis_free(k->redis);
    free(k);
}
