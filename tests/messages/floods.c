/* The messages in quantity: through the examples' scripts, prefix by prefix, with single bytes
 * changed, as floods; and what must not be answered or passed on. */
/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <fnmatch.h>
#include <stdlib.h>

#include "core/base/err.h"
#include "core/proxy/engine_priv.h"
#include "tests/messages/text.h"
#include "tests/messages/torture.h"

enum { LIFE_MS = 64000, LONG_MS = 240000 };

/* ---- through scripts that do more than relay ---- */

static bool script_takes(struct world *w, const struct file *f, char *why)
{
    struct addr src = source_of(f->bytes);
    struct seen s;
    world_clear(w);
    world_feed(w, f->bytes, &src);
    world_pass(w, LONG_MS); /* a script may try one phone after the other */
    look(&s, w, &src);
    bool silent = status_of(f->bytes) || str_starts(f->bytes, STR("ACK "));
    snprintf(why, WHY, "%u final answers", s.finals);
    if (s.finals > (silent ? 0 : 1))
        return false;
    for (size_t i = 0; i < w->count; i++)
        if (!head_is_clean(w->packet[i].bytes, why))
            return false;
    if (s.final && !answered_well(f->bytes, s.final->bytes, &s.final->dst, &src, why))
        return false;
    snprintf(why, WHY, "in the end %s", world_left(w) ? world_left(w) : "");
    return !world_left(w);
}

static void script_runs(const char *path, const struct files *f)
{
    struct world *w = world_new(path);
    unsigned bad = 0;
    for (size_t i = 0; i < f->count; i++) {
        char why[WHY];
        if (file_is(&f->file[i], ".tcp") || script_takes(w, &f->file[i], why))
            continue;
        failed("script", path, "%s: %s", f->file[i].name, why);
        bad++;
    }
    if (!bad)
        passed("script", path, "takes all of them");
    world_free(w);
}

void scripts_all(const struct files *f)
{
    static const char *const folders[] = {"tests/messages/scripts", "examples"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        struct dirent **entry;
        int n = scandir(folders[i], &entry, NULL, alphasort);
        for (int k = 0; k < n; k++) {
            char path[512];
            snprintf(path, sizeof path, "%s/%s", folders[i], entry[k]->d_name);
            if (fnmatch("*.cfg", entry[k]->d_name, 0) == 0)
                script_runs(path, f);
            free(entry[k]);
        }
        free(n < 0 ? NULL : entry);
    }
}

/* ---- prefixes ---- */

static bool prefix_taken(struct world *w, struct str bytes, const struct addr *src, char *why)
{
    struct seen s;
    world_clear(w);
    world_feed(w, bytes, src);
    if (world_left(w))
        world_pass(w, LIFE_MS);
    look(&s, w, src);
    snprintf(why, WHY, "%u final answers", s.finals);
    if (s.finals > 1)
        return false;
    snprintf(why, WHY, "%s", world_left(w) ? world_left(w) : "");
    return !world_left(w);
}

/* All prefixes of a message of usual size; of a larger one the short ones and a choice. */
static unsigned prefixes_of(struct world *w, const struct file *f)
{
    enum { ALL = 4000, CHOICE = 200 };
    size_t step = f->bytes.len > ALL ? (f->bytes.len - ALL) / CHOICE + 1 : 1;
    struct addr src = source_of(f->bytes);
    unsigned count = 0;
    char why[WHY];
    for (size_t n = 0; n < f->bytes.len; n += n < ALL ? 1 : step, count++)
        if (!prefix_taken(w, str_sub(f->bytes, 0, n), &src, why)) {
            failed("prefixes", f->name, "its first %zu bytes: %s", n, why);
            break;
        }
    return count;
}

static void prefixes_through(const char *script, const struct files *f)
{
    struct world *w = world_new(script);
    unsigned count = 0;
    char text[64];
    for (size_t i = 0; i < f->count; i++)
        count += prefixes_of(w, &f->file[i]);
    world_free(w);
    snprintf(text, sizeof text, "%u of them", count);
    passed("prefixes", script, text);
}

void prefixes_all(const struct files *f)
{
    prefixes_through("tests/messages/scripts/relay.cfg", f);
    prefixes_through("examples/proxy.cfg", f);
}

/* ---- damage ---- */

/* A message with one byte changed, left out or put in; which one depends on seed alone. */
static struct str damaged(struct buf *out, struct str bytes, uint64_t seed)
{
    static const char odd[] = "\0\r\n\t \"<>;,:@%[]=?*\\\x7f\xff"
                              "0aZ";
    uint64_t z = (seed + 1) * 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z ^= z >> 27;
    size_t at = (size_t)(z % bytes.len);
    char byte = odd[(z >> 32) % (sizeof odd - 1)];
    unsigned how = (z >> 48) % 3;
    buf_add(out, str_sub(bytes, 0, at));
    if (how < 2)
        buf_char(out, byte);
    buf_add(out, str_sub(bytes, at + (how != 1), bytes.len));
    return buf_str(out);
}

/* Whatever is made of a damaged message, what is sent is as it must be. */
static bool damage_taken(struct world *w, struct str bytes, const struct addr *src, char *why)
{
    struct seen s;
    world_clear(w);
    world_feed(w, bytes, src);
    look(&s, w, src);
    for (size_t i = 0; i < w->count; i++)
        if (!head_is_clean(w->packet[i].bytes, why))
            return false;
    if (s.forward && !relayed_well(bytes, s.forward->bytes, src, why))
        return false;
    if (s.final && !answered_well(bytes, s.final->bytes, &s.final->dst, src, why))
        return false;
    if (world_left(w))
        world_pass(w, LIFE_MS);
    look(&s, w, src);
    snprintf(why, WHY, "%u final answers, %s", s.finals, world_left(w) ? world_left(w) : "");
    return s.finals <= 1 && !world_left(w);
}

void damage_all(const struct files *f)
{
    enum { EACH = 100, MOST = 8000 };
    struct world *w = world_new("tests/messages/scripts/relay.cfg");
    unsigned count = 0;
    char text[64], why[WHY];
    for (size_t i = 0; i < f->count; i++) {
        const struct file *file = &f->file[i];
        struct addr src = source_of(file->bytes);
        for (unsigned k = 0; k < EACH && file->bytes.len && file->bytes.len < MOST; k++, count++) {
            struct arena a;
            struct buf out;
            arena_init(&a, NULL, 4096);
            buf_init(&out, &a, file->bytes.len + 1);
            if (!damage_taken(w, damaged(&out, file->bytes, i * EACH + k), &src, why)) {
                failed("damage", file->name, "number %u: %s", k, why);
                if (getenv("SHOW_DAMAGE"))
                    printf("%.*s\n", STR_ARG(buf_str(&out)));
                world_pass(w, LONG_MS);
            }
            arena_reset(&a);
        }
    }
    world_free(w);
    snprintf(text, sizeof text, "%u of them", count);
    passed("damage", "to all messages", text);
}

/* ---- floods ---- */

/* The message with number in the place of what stands behind "cve" and "z9hG4bK". */
static struct str renumbered(struct buf *out, struct str bytes, unsigned number)
{
    char text[16];
    snprintf(text, sizeof text, "%08x", number);
    static const struct str marks[] = {STR_INIT("z9hG4bK"), STR_INIT("Call-ID: ")};
    for (size_t i = 0; i < bytes.len; i++) {
        for (size_t m = 0; m < sizeof marks / sizeof *marks; m++)
            if (str_ends(str_make(bytes.p, i), marks[m]))
                buf_add(out, str_from(text));
        buf_char(out, bytes.p[i]);
    }
    return buf_str(out);
}

/* Many of one kind: the engine's memory is back where it was when they have ended, and nothing is
 * kept for those that are refused. */
static void flood(const struct files *f, const char *name, const char *script)
{
    enum { MANY = 3000 };
    const struct file *file = files_find(f, name);
    struct world *w = world_new(script);
    if (!file) {
        failed("flood", name, "no such message");
        return;
    }
    struct addr src = source_of(file->bytes);
    size_t most = 0;
    for (unsigned i = 0; i < MANY; i++) {
        struct arena a;
        struct buf out;
        arena_init(&a, NULL, 4096);
        buf_init(&out, &a, file->bytes.len + 64);
        world_clear(w);
        world_feed(w, renumbered(&out, file->bytes, i), &src);
        arena_reset(&a);
        most = w->engine->pool.live > most ? w->engine->pool.live : most;
    }
    world_pass(w, LIFE_MS);
    if (world_left(w))
        failed("flood", name, "%s", world_left(w));
    else if (most > MANY * (file->bytes.len * 4 + 8192))
        failed("flood", name, "%zu bytes for %u of them", most, MANY);
    else
        passed("flood", name, "memory is back");
    world_free(w);
}

/* ---- what must not be answered or passed on ---- */

/* Every message that is refused, once more as an ACK: nobody answers one. */
static void refused_acks(const struct files *f)
{
    struct world *w = world_new("tests/messages/scripts/relay.cfg");
    unsigned count = 0, bad = 0;
    for (size_t i = 0; i < f->count; i++) {
        const struct file *file = &f->file[i];
        struct addr src = source_of(file->bytes);
        struct arena a;
        struct buf out;
        struct seen s;
        ptrdiff_t blank = str_find(file->bytes, ' ', 0);
        if (file->forwarded || blank <= 0 || !answer_due(file->bytes))
            continue;
        arena_init(&a, NULL, 4096);
        buf_init(&out, &a, file->bytes.len + 8);
        buf_add(&out, STR("ACK"));
        buf_add(&out, str_sub(file->bytes, (size_t)blank, file->bytes.len));
        world_clear(w);
        world_feed(w, buf_str(&out), &src);
        look(&s, w, &src);
        arena_reset(&a);
        count++;
        bad += s.final != NULL;
        if (s.final)
            failed("acks", file->name, "answered with %u when it is an ACK", s.code);
    }
    world_free(w);
    char text[64];
    snprintf(text, sizeof text, "%u of them, no answer", count);
    if (!bad)
        passed("acks", "of what is refused", text);
}

/* Replies that belong to nothing we sent: to everybody on the network (RFC 4475 3.3.10), made
 * provisional as a final one is dropped anyhow; late final ones (RFC 6026); through somebody else
 * (RFC 3261 18.1.2); and, passed on, one to a request that may have been sent statelessly. */
static void strays(void)
{
#define US "SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK13249"
    static const struct {
        const char *name, *first, *top, *below, *method;
        unsigned sent;
    } cases[] = {
        {"to everybody", "183 Progress", US, "SIP/2.0/UDP 255.255.255.255", "INVITE", 0},
        {"to a group", "183 Progress", US, "SIP/2.0/UDP 224.0.1.75", "INVITE", 0},
        {"to nobody", "183 Progress", US, "SIP/2.0/UDP 0.0.0.0", "INVITE", 0},
        {"to port 0", "183 Progress", US, "SIP/2.0/UDP 198.51.100.7:0", "INVITE", 0},
        {"late 200", "200 OK", US, "SIP/2.0/UDP 198.51.100.7", "INVITE", 0},
        {"late 486", "486 Busy", US, "SIP/2.0/UDP 198.51.100.7", "INVITE", 0},
        {"of others", "183 Progress", "SIP/2.0/UDP 192.0.2.198;branch=z9hG4bK13249",
         "SIP/2.0/UDP 198.51.100.7", "INVITE", 0},
        {"provisional", "183 Progress", US, "SIP/2.0/UDP 198.51.100.7", "INVITE", 1},
    };
#undef US
    struct world *w = world_new("tests/messages/scripts/relay.cfg");
    struct addr src = addr_of(PHONE, PROTO_UDP);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[1024];
        snprintf(text, sizeof text,
                 "SIP/2.0 %s\r\nVia: %s\r\nVia: %s;branch=z9hG4bK1saber\r\n"
                 "From: <sip:a@example.com>;tag=1\r\nTo: <sip:b@example.com>;tag=2\r\n"
                 "Call-ID: stray\r\nCSeq: 35 %s\r\nContent-Length: 0\r\n\r\n",
                 cases[i].first, cases[i].top, cases[i].below, cases[i].method);
        world_clear(w);
        world_feed(w, str_from(text), &src);
        if (w->count == cases[i].sent)
            passed("strays", cases[i].name, "");
        else
            failed("strays", cases[i].name, "%zu packets", w->count);
    }
    world_free(w);
}

void floods_all(const struct files *f)
{
    flood(f, "cve/fs_2021_41145_register.sip", "tests/messages/scripts/registrar.cfg");
    flood(f, "cve/pj_2026_hashflood.sip", "tests/messages/scripts/relay.cfg");
    flood(f, "rfc4475/insuf.dat", "tests/messages/scripts/relay.cfg");
    refused_acks(f);
    strays();
}
