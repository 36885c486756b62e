/* Every message that scripts/relay.cfg relays, once more with a phone that answers: refused,
 * accepted, and given up by the caller. So odd requests go through ACK, CANCEL and the answers'
 * way back too. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "tests/messages/text.h"
#include "tests/messages/torture.h"

enum { LIFE_MS = 64000 };

/* One run of one message. */
struct run {
    struct world *w;
    const struct file *file;
    struct addr src;
    struct arena memory;
    struct str sent;   /* the request as it came to the phone */
    struct addr phone; /* where that was */
    bool invite;
    bool joined; /* the phone writes all Via headers in one line */
    char why[WHY];
};

/* ---- messages of the others ---- */

static void add_line(struct buf *out, const struct parts *p, const char *name, const char *compact)
{
    const struct line *l = parts_find(p, name, compact);
    if (l)
        buf_add(out, l->all);
}

static void add_vias(struct buf *out, const struct parts *p, size_t most)
{
    for (size_t i = 0; i < p->count && most; i++)
        if (is_via(&p->line[i])) {
            buf_add(out, p->line[i].all);
            most--;
        }
}

/* All Via headers in one line, as some phones write them. */
static void join_vias(struct buf *out, const struct parts *p)
{
    bool more = false;
    for (size_t i = 0; i < p->count; i++)
        if (is_via(&p->line[i])) {
            buf_add(out, more ? STR(", ") : STR("v: "));
            buf_add(out, p->line[i].value);
            more = true;
        }
    buf_add(out, STR("\r\n"));
}

static void add_to(struct buf *out, const struct parts *p, const char *tag)
{
    const struct line *to = parts_find(p, "To", "t");
    buf_add(out, STR("To: "));
    buf_add(out, to->value);
    if (str_search(to->value, STR("tag"), 0) < 0)
        buf_add(out, str_from(tag));
    buf_add(out, STR("\r\n"));
}

/* The phone's answer to a request. */
static void phone_answers(struct run *r, struct str request, const char *status)
{
    struct parts p;
    struct buf out;
    parts_cut(&p, request);
    buf_init(&out, &r->memory, request.len + 256);
    buf_add(&out, STR("SIP/2.0 "));
    buf_add(&out, str_from(status));
    buf_add(&out, STR("\r\n"));
    if (r->joined)
        join_vias(&out, &p);
    else
        add_vias(&out, &p, p.count);
    add_line(&out, &p, "From", "f");
    add_to(&out, &p, ";tag=phone");
    add_line(&out, &p, "Call-ID", "i");
    add_line(&out, &p, "CSeq", "CSeq");
    buf_add(&out, STR("Content-Length: 0\r\n\r\n"));
    parts_free(&p);
    world_feed(r->w, buf_str(&out), &r->phone);
}

/* The caller's ACK or CANCEL for its request: the same top Via, Request-URI and CSeq number. */
static void caller_sends(struct run *r, const char *method, const char *tag)
{
    struct parts p;
    struct buf out;
    parts_cut(&p, r->file->bytes);
    struct str uri = first_word(p.first, 1);
    buf_init(&out, &r->memory, r->file->bytes.len + 256);
    buf_add(&out, str_from(method));
    buf_char(&out, ' ');
    buf_add(&out, uri);
    buf_add(&out, STR(" SIP/2.0\r\n"));
    add_vias(&out, &p, 1);
    add_line(&out, &p, "From", "f");
    add_to(&out, &p, tag);
    add_line(&out, &p, "Call-ID", "i");
    buf_add(&out, STR("CSeq: "));
    buf_add(&out, first_word(parts_find(&p, "CSeq", "CSeq")->value, 0));
    buf_char(&out, ' ');
    buf_add(&out, str_from(method));
    buf_add(&out, STR("\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"));
    parts_free(&p);
    world_feed(r->w, buf_str(&out), &r->src);
}

/* ---- what the proxy sends ---- */

/* The only packet of that kind since world_clear: a status, or a method. NULL and a reason when
 * there is none, or another one besides. */
static const struct packet *only(struct run *r, unsigned status, const char *method)
{
    const struct packet *found = NULL;
    unsigned count = 0;
    for (size_t i = 0; i < r->w->count; i++) {
        const struct packet *p = &r->w->packet[i];
        bool fits = method ? str_eq(first_word(p->bytes, 0), str_from(method))
                           : status_of(p->bytes) == status;
        if (fits && count++ == 0)
            found = p;
    }
    snprintf(r->why, WHY, "%u times %u%s", count, status, method ? method : "");
    return count == 1 ? found : NULL;
}

/* A reply of the phone went up once, the way its request came. */
static bool went_up(struct run *r, unsigned status)
{
    const struct packet *p = only(r, status, NULL);
    if (!p || !vias_return(r->sent, p->bytes, r->why))
        return false;
    snprintf(r->why, WHY, "the %u does not go to the caller", status);
    return ip_eq(&p->dst.ip, &r->src.ip) && p->dst.port;
}

/* To is that of the request, or for an ACK that of the phone's answer. */
static bool to_fits(struct run *r, const struct parts *request, const struct parts *p,
                    bool answered)
{
    struct buf want;
    const struct line *to = parts_find(p, "To", "t");
    buf_init(&want, &r->memory, 256);
    add_to(&want, request, answered ? ";tag=phone" : "");
    return to && str_eq(to->value, str_trim(str_sub(buf_str(&want), 4, want.len)));
}

static bool same_line(const struct parts *a, const struct parts *b, const char *name,
                      const char *compact)
{
    const struct line *l = parts_find(a, name, compact), *m = parts_find(b, name, compact);
    return l && m && str_eq(l->value, m->value);
}

/* ACK or CANCEL of ours to the phone: Request-URI, top Via and CSeq number of the request. */
static bool went_down(struct run *r, const char *method)
{
    const struct packet *p = only(r, 0, method);
    struct parts a, b;
    if (!p)
        return false;
    parts_cut(&a, r->sent);
    parts_cut(&b, p->bytes);
    const struct line *seq = parts_find(&a, "CSeq", "CSeq"), *too = parts_find(&b, "CSeq", "CSeq");
    bool same = str_eq(first_word(a.first, 1), first_word(b.first, 1)) &&
                same_line(&a, &b, "Via", "v") && same_line(&a, &b, "Call-ID", "i") &&
                same_line(&a, &b, "From", "f") && too &&
                to_fits(r, &a, &b, str_eq(first_word(b.first, 0), STR("ACK"))) &&
                strtoul(first_word(seq->value, 0).p, NULL, 10) ==
                    strtoul(first_word(too->value, 0).p, NULL, 10) &&
                str_eq(first_word(too->value, 1), str_from(method)) && addr_eq(&p->dst, &r->phone);
    snprintf(r->why, WHY, "the %s does not fit the request", method);
    parts_free(&a);
    parts_free(&b);
    return same;
}

/* ---- runs ---- */

static bool refused(struct run *r)
{
    phone_answers(r, r->sent, "486 Busy Here");
    if (!went_up(r, 486) || (r->invite && !went_down(r, "ACK")))
        return false;
    if (!r->invite)
        return true;
    caller_sends(r, "ACK", ";tag=phone");
    world_clear(r->w);
    world_pass(r->w, 3000);
    snprintf(r->why, WHY, "the 486 is repeated after its ACK");
    return r->w->count == 0;
}

static bool accepted(struct run *r)
{
    r->joined = true;
    phone_answers(r, r->sent, "200 OK");
    return went_up(r, 200);
}

static bool given_up(struct run *r)
{
    if (!r->invite)
        return true;
    phone_answers(r, r->sent, "180 Ringing");
    if (!went_up(r, 180))
        return false;
    world_clear(r->w);
    caller_sends(r, "CANCEL", "");
    if (!only(r, 200, NULL) || !went_down(r, "CANCEL"))
        return false;
    const struct packet *cancel = only(r, 0, "CANCEL");
    struct str copy = arena_dup(&r->memory, cancel->bytes);
    world_clear(r->w);
    phone_answers(r, copy, "200 OK");
    phone_answers(r, r->sent, "487 Request Terminated");
    return went_up(r, 487) && went_down(r, "ACK");
}

static bool run_one(struct world *w, const struct file *f, bool (*call)(struct run *r), char *why)
{
    struct run r = {.w = w, .file = f, .src = source_of(f->bytes)};
    struct seen s;
    bool well = false;
    world_clear(w);
    arena_init(&r.memory, NULL, 8192);
    world_feed(w, f->bytes, &r.src);
    look(&s, w, &r.src);
    if (s.forward) {
        r.sent = arena_dup(&r.memory, s.forward->bytes);
        r.phone = s.forward->dst;
        r.invite = str_eq(first_word(r.sent, 0), STR("INVITE"));
        world_clear(w);
        well = call(&r);
    }
    world_pass(w, 2 * LIFE_MS);
    snprintf(why, WHY, "%s", s.forward ? r.why : "is not relayed again");
    arena_reset(&r.memory);
    if (well && world_left(w)) {
        snprintf(why, WHY, "%s", world_left(w));
        return false;
    }
    return well;
}

void calls_all(const struct files *f)
{
    static const struct {
        const char *name;
        bool (*run)(struct run *r);
    } calls[] = {{"refused", refused}, {"accepted", accepted}, {"given up", given_up}};
    struct world *w = world_new("tests/messages/scripts/relay.cfg");
    for (size_t i = 0; i < f->count; i++) {
        const struct file *file = &f->file[i];
        char why[WHY];
        bool well = true;
        if (!file->forwarded || str_starts(file->bytes, STR("ACK ")) ||
            str_starts(file->bytes, STR("CANCEL ")))
            continue;
        for (size_t c = 0; c < sizeof calls / sizeof *calls; c++)
            if (!run_one(w, file, calls[c].run, why)) {
                failed("calls", file->name, "%s: %s", calls[c].name, why);
                well = false;
            }
        if (well)
            passed("calls", file->name, "");
    }
    world_free(w);
}
