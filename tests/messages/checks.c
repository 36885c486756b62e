/* checks.tsv: what single messages must show beyond their verdict. A row: message, script, check,
 * argument. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "core/base/err.h"
#include "core/sip/msg.h"
#include "tests/messages/text.h"
#include "tests/messages/torture.h"

enum { HOPS = 1000, TEXT_BYTES = 1024 };

/* One message in one world. */
struct subject {
    struct world *w;
    const struct file *file;
    struct seen seen;
    char want[TEXT_BYTES]; /* the argument, escapes resolved */
    size_t len;
    char why[WHY];
};

/* What the engine sent for it first: on to the phone, or back. */
static struct str sent(const struct subject *s)
{
    const struct packet *p = s->seen.forward ? s->seen.forward : s->seen.final;
    return p ? p->bytes : STR_NONE;
}

static bool holds(struct str text, const struct subject *s)
{
    return str_search(text, str_make(s->want, s->len), 0) >= 0;
}

/* ---- the checks ---- */

static bool check_answer(struct subject *s)
{
    char text[16];
    return spec_allows(s->want, outcome(&s->seen, text), true);
}

/* Where it was relayed to; anywhere without argument. */
static bool check_forward(struct subject *s)
{
    struct addr want = addr_of(s->want, PROTO_UDP);
    return s->seen.forward && !s->seen.final &&
           (s->len == 0 || addr_eq(&want, &s->seen.forward->dst));
}

static bool check_has(struct subject *s)
{
    return holds(sent(s), s);
}

static bool check_lacks(struct subject *s)
{
    return sent(s).len && !holds(sent(s), s);
}

static bool check_logs(struct subject *s)
{
    return holds(buf_str(&s->w->log), s);
}

static bool check_silent_on(struct subject *s)
{
    return s->w->log.len && !check_logs(s);
}

/* How many values of a header were sent on, our Via not counted: "2 Via". */
static bool check_values(struct subject *s)
{
    struct arena a;
    struct msg m;
    struct value_iter it = {.started = false};
    unsigned n = 0, want = (unsigned)strtoul(s->want, NULL, 10);
    enum hdr_id id = hdr_lookup(str_from(strchr(s->want, ' ') + 1));
    arena_init(&a, NULL, 4096);
    if (id != HDR_OTHER && msg_scan(&m, &a, sent(s)) == ERR_OK)
        while (msg_value_next(&m, id, &it))
            n++;
    arena_reset(&a);
    return n == want + (id == HDR_VIA && s->seen.forward);
}

/* How many lines of a name were sent on: "2 X-Name". */
static bool check_rows(struct subject *s)
{
    struct parts p;
    unsigned n = 0;
    const char *name = strchr(s->want, ' ') + 1;
    parts_cut(&p, sent(s));
    for (size_t i = 0; i < p.count; i++)
        n += line_is(&p.line[i], name, name);
    parts_free(&p);
    return n == strtoul(s->want, NULL, 10);
}

/* Bytes of the body. */
static bool check_body(struct subject *s)
{
    struct parts p;
    parts_cut(&p, sent(s));
    size_t n = p.body.len;
    parts_free(&p);
    return sent(s).len && n == strtoul(s->want, NULL, 10);
}

static bool check_lookups(struct subject *s)
{
    return s->w->lookups == strtoul(s->want, NULL, 10);
}

/* What is sent to ourselves comes in again; it must end with an answer after that many hops. */
static bool check_hops(struct subject *s)
{
    unsigned most = (unsigned)strtoul(s->want, NULL, 10), hops = 0;
    struct addr us = addr_of("127.0.0.1:5060", PROTO_UDP), caller = source_of(s->file->bytes);
    for (size_t i = 0; i < s->w->count && hops < HOPS; i++) {
        const struct packet p = s->w->packet[i];
        if (addr_eq(&p.dst, &us)) {
            world_feed(s->w, p.bytes, &us);
            hops += status_of(p.bytes) == 0 && !str_starts(p.bytes, STR("ACK "));
        }
    }
    look(&s->seen, s->w, &caller);
    snprintf(s->why, WHY, "%u hops, answer %u", hops, s->seen.code);
    return hops <= most && s->seen.finals == 1;
}

static bool check_in_transaction(struct subject *s)
{
    const char *got = in_transaction(s->w, s->file, s->why);
    snprintf(s->why, WHY, "got %s", got);
    return strcmp(got, s->want) == 0;
}

static const struct {
    const char *name;
    bool (*check)(struct subject *s);
} kinds[] = {
    {"answer", check_answer},
    {"forward", check_forward},
    {"has", check_has},
    {"lacks", check_lacks},
    {"logs", check_logs},
    {"values", check_values},
    {"rows", check_rows},
    {"body", check_body},
    {"lookups", check_lookups},
    {"hops", check_hops},
    {"silent-on", check_silent_on},
    {"in-transaction", check_in_transaction},
};

/* ---- rows ---- */

static int hex(char c)
{
    return ascii_digit(c) ? c - '0' : ascii_lower(c) - 'a' + 10;
}

/* \r \n \t \\ and \xNN. */
static void unescape(struct subject *s, const char *text)
{
    s->len = 0;
    for (; *text && s->len < TEXT_BYTES - 1; text++) {
        char c = *text;
        if (c == '\\' && text[1]) {
            c = *++text;
            c = c == 'r' ? '\r' : c == 'n' ? '\n' : c == 't' ? '\t' : c;
            if (c == 'x' && text[1] && text[2]) {
                c = (char)(hex(text[1]) * 16 + hex(text[2]));
                text += 2;
            }
        }
        s->want[s->len++] = c;
    }
    s->want[s->len] = 0;
}

static void check_row(struct world *w, const struct files *f, const struct row *r)
{
    struct subject s = {.w = w, .file = files_find(f, r->column[0])};
    const char *kind = r->column[2], *name = r->column[0];
    size_t i = 0;
    while (i < sizeof kinds / sizeof *kinds && strcmp(kinds[i].name, kind) != 0)
        i++;
    if (!s.file || i == sizeof kinds / sizeof *kinds) {
        failed("checks", name, "%s", s.file ? "no such check" : "no such message");
        return;
    }
    struct addr src = source_of(s.file->bytes);
    unescape(&s, r->column[3]);
    world_clear(w);
    world_feed(w, s.file->bytes, &src);
    look(&s.seen, w, &src);
    char detail[WHY], text[16];
    snprintf(detail, sizeof detail, "%s: %s %s", r->column[1], kind, r->column[3]);
    if (kinds[i].check(&s))
        passed("checks", name, detail);
    else
        failed("checks", name, "%s, got %s %s", detail, outcome(&s.seen, text), s.why);
}

/* Every good message of the grammar set that must show something has a row. */
static void all_shown(const struct files *f, const struct table *checks)
{
    for (size_t i = 0; i < f->count; i++) {
        const struct file *file = &f->file[i];
        bool found = !*file->must_see || !spec_allows(file->spec, "forward", false);
        for (size_t r = 0; r < checks->count && !found; r++)
            found = strcmp(checks->row[r].column[0], file->name) == 0;
        if (!found)
            failed("checks", file->name, "no row shows: %s", file->must_see);
    }
}

void checks_all(const struct files *f, const struct table *checks)
{
    all_shown(f, checks);
    for (size_t i = 0; i < checks->count; i++) {
        const struct row *r = &checks->row[i];
        char path[NAME_BYTES];
        snprintf(path, sizeof path, "tests/messages/scripts/%s.cfg", r->column[1]);
        struct world *w = world_new(path);
        check_row(w, f, r);
        world_free(w);
    }
}
