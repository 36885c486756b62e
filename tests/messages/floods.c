/* The messages through the examples' scripts, their prefixes, and floods of them. */
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
    enum { ALL = 2000, CHOICE = 40 };
    size_t step = f->bytes.len > ALL ? (f->bytes.len - ALL) / CHOICE + 1 : 1;
    struct addr src = source_of(f->bytes);
    unsigned count = 0;
    char why[WHY];
    for (size_t n = 0; n < f->bytes.len; n += n < ALL ? 1 : step, count++)
        if (!prefix_taken(w, str_sub(f->bytes, 0, n), &src, why))
            failed("prefixes", f->name, "its first %zu bytes: %s", n, why);
    return count;
}

void prefixes_all(const struct files *f)
{
    struct world *w = world_new("tests/messages/scripts/relay.cfg");
    unsigned count = 0;
    char text[64];
    for (size_t i = 0; i < f->count; i++)
        count += prefixes_of(w, &f->file[i]);
    world_free(w);
    snprintf(text, sizeof text, "%u of them", count);
    passed("prefixes", "of all messages", text);
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

/* A reply that would go to everybody on the network (RFC 4475 3.3.10), made provisional, as a final
 * one that nobody waits for is dropped anyhow, and ours by its top Via. */
static void broadcast(const struct files *f)
{
    static const char reply[] = "SIP/2.0 183 Progress\r\n"
                                "Via: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK1324923";
    const struct file *file = files_find(f, "rfc4475/bcast.dat");
    struct addr src = addr_of(PHONE, PROTO_UDP);
    struct parts p;
    struct arena a;
    struct buf out;
    if (!file)
        return;
    struct world *w = world_new("tests/messages/scripts/relay.cfg");
    parts_cut(&p, file->bytes);
    arena_init(&a, NULL, 4096);
    buf_init(&out, &a, file->bytes.len + 64);
    buf_add(&out, STR(reply));
    struct str rest = file->bytes;
    size_t from = (size_t)(parts_find(&p, "Via", "v")->value.p - rest.p) +
                  parts_find(&p, "Via", "v")->value.len;
    buf_add(&out, str_sub(rest, from, rest.len));
    world_feed(w, buf_str(&out), &src);
    if (w->count)
        failed("broadcast", file->name, "was sent on");
    else
        passed("broadcast", file->name, "goes nowhere");
    arena_reset(&a);
    parts_free(&p);
    world_free(w);
}

void floods_all(const struct files *f)
{
    flood(f, "cve/fs_2021_41145_register.sip", "tests/messages/scripts/registrar.cfg");
    flood(f, "cve/pj_2026_hashflood.sip", "tests/messages/scripts/relay.cfg");
    flood(f, "rfc4475/insuf.dat", "tests/messages/scripts/relay.cfg");
    broadcast(f);
}
