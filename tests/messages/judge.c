/* Every message once through scripts/relay.cfg, whose phone never answers, held against its INDEX:
 * what may become of it, what the bytes sent must be like, and that nothing is left of it 64 s
 * later.
 */
/* SPDX-License-Identifier: MIT */
#include <fnmatch.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include "core/base/err.h"
#include "core/sip/frame.h"
#include "core/sip/msg.h"
#include "tests/messages/text.h"
#include "tests/messages/torture.h"

enum {
    LIFE_MS = 64000,  /* 64*T1 of a transaction and 32 s more */
    LONG_MS = 240000, /* longer than any phone may ring */
    CPU_MS = 500,     /* most that one message may cost, under the sanitizers */
};

/* ---- what happened ---- */

static void look_at(struct seen *s, const struct packet *p, const struct addr *src)
{
    unsigned code = status_of(p->bytes);
    if (code == 0 && s->forward) {
        s->forwards += !str_eq(s->forward->bytes, p->bytes);
    } else if (code == 0) {
        s->forward = p;
        s->forwards = 1;
    } else if (!ip_eq(&p->dst.ip, &src->ip)) {
        s->others++;
    } else if (code >= 200 && !s->final) {
        s->final = p;
        s->code = code;
        s->finals = 1;
    } else if (code >= 200 && !str_eq(s->final->bytes, p->bytes)) {
        s->finals++;
    }
}

void look(struct seen *s, const struct world *w, const struct addr *src)
{
    *s = (struct seen){.forwards = 0};
    for (size_t i = 0; i < w->count; i++)
        look_at(s, &w->packet[i], src);
}

struct addr source_of(struct str bytes)
{
    struct parts p;
    parts_cut(&p, bytes);
    const struct line *via = parts_find(&p, "Via", "v");
    struct str hop = via ? via->value : STR_NONE;
    hop = str_sub(hop, 0, (size_t)str_find(hop, ';', 0));
    bool v6 = str_find(hop, '[', 0) >= 0;
    parts_free(&p);
    return addr_of(v6 ? "[2001:db8::9:1]:40000" : "198.51.100.7:40000", PROTO_UDP);
}

const char *outcome(const struct seen *s, char text[static 16])
{
    if (s->others)
        return "something else";
    snprintf(text, 16, "%u", s->code);
    if (s->forward && s->final)
        return "forward and an answer";
    return s->forward ? "forward" : s->final ? text : "drop";
}

/* One word of a spec: an outcome, a class of codes as "4xx", "any", or "quiet" for silence where no
 * answer is due. */
static bool word_allows(struct str word, const char *outcome, bool due)
{
    struct str got = str_from(outcome);
    bool code = got.len == 3 && ascii_digit(got.p[0]);
    if (str_eq(word, STR("any")))
        return code || str_eq(got, STR("forward")) || (str_eq(got, STR("drop")) && !due);
    if (str_eq(word, STR("quiet")))
        return str_eq(got, STR("drop")) && !due;
    if (code && word.len == 3 && str_ends(word, STR("xx")))
        return word.p[0] == got.p[0];
    return str_eq(word, got);
}

bool spec_allows(const char *spec, const char *outcome, bool due)
{
    struct str word, rest = str_from(spec);
    while (str_cut(&word, &rest, ' '))
        if (word_allows(word, outcome, due))
            return true;
    return false;
}

/* Whether leniencies.tsv has this outcome of this message. */
static bool lenient(struct table *leniencies, const char *name, const char *outcome)
{
    bool found = false;
    for (size_t i = 0; i < leniencies->count; i++) {
        struct row *r = &leniencies->row[i];
        if (fnmatch(r->column[0], name, 0) == 0 && strcmp(r->column[1], outcome) == 0)
            r->used = found = true;
    }
    return found;
}

/* ---- requests ---- */

/* An ordinary request is served as if nothing had been. */
static bool still_serves(struct world *w, char *why)
{
    static const char request[] = "OPTIONS sip:bob@example.com SIP/2.0\r\n"
                                  "Via: SIP/2.0/UDP 198.51.100.7:40000;branch=z9hG4bKnext\r\n"
                                  "From: <sip:alice@example.com>;tag=a\r\n"
                                  "To: <sip:bob@example.com>\r\nCall-ID: next\r\n"
                                  "CSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\n\r\n";
    struct addr src = addr_of("198.51.100.7:40000", PROTO_UDP);
    struct seen s;
    world_clear(w);
    world_feed(w, str_from(request), &src);
    look(&s, w, &src);
    snprintf(why, WHY, "the next request is not served");
    return s.forward && !s.final && relayed_well(str_from(request), s.forward->bytes, &src, why);
}

static bool sent_well(const struct world *w, const struct seen *s, struct str in,
                      const struct addr *src, char *why)
{
    for (size_t i = 0; i < w->count; i++)
        if (!head_is_clean(w->packet[i].bytes, why))
            return false;
    if (s->forward && !relayed_well(in, s->forward->bytes, src, why))
        return false;
    return !s->final || answered_well(in, s->final->bytes, &s->final->dst, src, why);
}

/* The message comes once more, as over UDP it may, and its time passes. */
static bool ended_well(struct world *w, const struct file *f, const struct addr *src, char *why)
{
    struct seen s;
    world_feed(w, f->bytes, src);
    world_pass(w, LIFE_MS);
    look(&s, w, src);
    snprintf(why, WHY, "%u different requests and %u different final answers", s.forwards,
             s.finals);
    if (s.forwards > 1 || s.finals > 1)
        return false;
    const char *left = world_left(w);
    snprintf(why, WHY, "64 s later %s", left ? left : "");
    return !left && still_serves(w, why);
}

static double cpu_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void judge_request(struct world *w, struct file *f, struct table *leniencies)
{
    struct addr src = source_of(f->bytes);
    struct seen s;
    char text[16], why[WHY];
    world_clear(w);
    double began = cpu_ms();
    world_feed(w, f->bytes, &src);
    double took = cpu_ms() - began;
    look(&s, w, &src);
    const char *got = outcome(&s, text);
    f->forwarded = s.forward != NULL;
    if (!spec_allows(f->spec, got, answer_due(f->bytes)) && !lenient(leniencies, f->name, got))
        failed("relay", f->name, "expected %s, got %s", f->spec, got);
    else if (!sent_well(w, &s, f->bytes, &src, why) || !ended_well(w, f, &src, why))
        failed("relay", f->name, "%s", why);
    else if (took > CPU_MS)
        failed("relay", f->name, "took %.0f ms for %zu bytes", took, f->bytes.len);
    else
        passed("relay", f->name, got);
    world_pass(w, LONG_MS);
}

/* ---- responses ---- */

/* The request that a response answers, as the caller would have sent it; false when the response
 * has no Via to go by. */
static bool asked_for(struct buf *out, const struct parts *r)
{
    const struct line *cseq = parts_find(r, "CSeq", "CSeq");
    struct str method = cseq ? first_word(cseq->value, 1) : STR_NONE;
    uint32_t number;
    if (method.len == 0)
        method = STR("OPTIONS");
    buf_add(out, method);
    buf_add(out, STR(" sip:bob@example.com SIP/2.0\r\n"));
    for (size_t i = 0; i < r->count; i++)
        if (is_via(&r->line[i]) || line_is(&r->line[i], "From", "f") ||
            line_is(&r->line[i], "To", "t") || line_is(&r->line[i], "Call-ID", "i"))
            buf_add(out, r->line[i].all);
    bool usable = cseq && str_u32(&number, first_word(cseq->value, 0), 0x7fffffff) == ERR_OK;
    buf_add(out, STR("CSeq: "));
    buf_add(out, usable ? first_word(cseq->value, 0) : STR("1"));
    buf_char(out, ' ');
    buf_add(out, method);
    buf_add(out, STR("\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"));
    return parts_find(r, "Via", "v") != NULL;
}

/* Sends the response with the Via of a request that we relayed on top. */
static void answer_with(struct world *w, const struct parts *r, struct str response,
                        const struct packet *request)
{
    struct arena a;
    struct buf out;
    struct parts sent;
    parts_cut(&sent, request->bytes);
    arena_init(&a, NULL, 4096);
    buf_init(&out, &a, response.len + 200);
    buf_add(&out, r->first);
    buf_add(&out, parts_find(&sent, "Via", "v")->all);
    buf_add(&out, str_make(r->first.p + r->first.len,
                           (size_t)(response.p + response.len - r->first.p) - r->first.len));
    struct addr from = request->dst;
    world_clear(w);
    world_feed(w, buf_str(&out), &from);
    arena_reset(&a);
    parts_free(&sent);
}

/* What went up must be the response, byte for byte, without what follows its body. */
static bool same_response(const struct parts *r, const struct packet *up, char *why)
{
    size_t head = r->ended ? (size_t)(r->body.p - r->first.p) : 0;
    snprintf(why, WHY, "(passed on: %.*s)", STR_ARG(up->bytes));
    return str_eq(str_make(r->first.p, head + body_of(r).len), up->bytes);
}

const char *in_transaction(struct world *w, const struct file *f, char *why)
{
    struct addr src = addr_of("198.51.100.7:40000", PROTO_UDP);
    struct parts r;
    struct arena a;
    struct buf request;
    struct seen s;
    const char *result = "drop";
    parts_cut(&r, f->bytes);
    arena_init(&a, NULL, 4096);
    buf_init(&request, &a, 1024);
    world_clear(w);
    *why = 0;
    if (asked_for(&request, &r)) {
        world_feed(w, buf_str(&request), &src);
        look(&s, w, &src);
        if (s.forward) {
            answer_with(w, &r, f->bytes, s.forward);
            const struct packet *up = NULL;
            for (size_t i = 0; i < w->count; i++)
                up = ip_eq(&w->packet[i].dst.ip, &src.ip) ? &w->packet[i] : up;
            bool same = !up || same_response(&r, up, why);
            world_pass(w, 4000);
            look(&s, w, &src);
            result = !same        ? "another response"
                     : up         ? "forward"
                     : s.forwards ? "discard"
                                  : "absorb";
        }
    }
    world_pass(w, LONG_MS);
    arena_reset(&a);
    parts_free(&r);
    return world_left(w) ? world_left(w) : result;
}

/* A response that nobody waits for goes nowhere; one that is to be passed on is tried again with a
 * request. */
static void judge_response(struct world *w, struct file *f, struct table *leniencies)
{
    struct addr src = addr_of(PHONE, PROTO_UDP);
    char why[WHY] = "";
    world_clear(w);
    world_feed(w, f->bytes, &src);
    if (w->count) {
        failed("relay", f->name, "a response that nobody waits for was passed on");
        return;
    }
    bool asked = spec_allows(f->spec, "forward", false) || spec_allows(f->spec, "absorb", false);
    const char *got = asked ? in_transaction(w, f, why) : "drop";
    if (!spec_allows(f->spec, got, false) && !lenient(leniencies, f->name, got))
        failed("relay", f->name, "expected %s, got %s %s", f->spec, got, why);
    else
        passed("relay", f->name, got);
}

/* ---- streams ---- */

/* Cuts the stream into messages and feeds them. How many there were; *closed when it must be. */
static unsigned feed_stream(struct world *w, struct str bytes, const struct addr *src, bool *closed)
{
    struct frame frame = {0};
    unsigned count = 0;
    for (;;) {
        size_t length;
        enum frame_result r = frame_next(&frame, bytes, MSG_MAX_BYTES, &length);
        *closed = r == FRAME_BAD;
        if (r == FRAME_BAD || r == FRAME_MORE)
            return count;
        if (r == FRAME_MESSAGE) {
            world_feed(w, str_sub(bytes, 0, length), src);
            count++;
        }
        bytes = str_make(bytes.p + length, bytes.len - length);
    }
}

/* "close" when nothing was taken for a message, "serve-N" when N were relayed. */
static void judge_stream(struct world *w, struct file *f, struct table *leniencies)
{
    struct addr src = addr_of("198.51.100.7:40000", PROTO_TCP);
    char got[32], why[WHY];
    bool closed;
    world_clear(w);
    unsigned count = feed_stream(w, f->bytes, &src, &closed), requests = 0;
    for (size_t i = 0; i < w->count; i++)
        requests += status_of(w->packet[i].bytes) == 0;
    snprintf(got, sizeof got, "serve-%u%s", requests, closed ? "-close" : "");
    if (count == 0 && closed)
        snprintf(got, sizeof got, "close");
    if (count != requests)
        failed("relay", f->name, "%u messages, but %u relayed", count, requests);
    else if (!spec_allows(f->spec, got, false) && !lenient(leniencies, f->name, got))
        failed("relay", f->name, "expected %s, got %s", f->spec, got);
    else if (world_pass(w, LIFE_MS), world_left(w) || !still_serves(w, why))
        failed("relay", f->name, "%s", world_left(w) ? world_left(w) : why);
    else
        passed("relay", f->name, got);
    world_pass(w, LONG_MS);
}

/* ---- all ---- */

void judge_all(struct files *f, struct table *leniencies)
{
    struct world *w = world_new("tests/messages/scripts/relay.cfg");
    for (size_t i = 0; i < f->count; i++) {
        struct file *file = &f->file[i];
        if (file_is(file, ".tcp"))
            judge_stream(w, file, leniencies);
        else if (str_istarts(file->bytes, STR("SIP/")))
            judge_response(w, file, leniencies);
        else
            judge_request(w, file, leniencies);
    }
    world_free(w);
    for (size_t i = 0; i < leniencies->count; i++) {
        const struct row *r = &leniencies->row[i];
        if (!r->used && strcmp(r->column[0], "-") != 0)
            failed("leniencies", r->column[0], "\"%s\" is listed, but does not occur any more",
                   r->column[1]);
    }
}
