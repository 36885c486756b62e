/* The load generator's parties: the caller, the callees, the voicemail. */
/* SPDX-License-Identifier: MIT */
#include "load.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PICK_UP = 20 }; /* ms until a forked call is answered, that the other phones ring first */

static const char sdp[] = "v=0\r\no=a 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\n"
                          "t=0 0\r\nm=audio 4000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n";

/* The number of the call a message belongs to; -1 when it is none of this run. */
static long call_number(const struct load *l, const char *msg)
{
    unsigned run;
    long n;
    char id[64];
    if (!header(msg, "\nCall-ID: ", id, sizeof id) || sscanf(id, "load-%u-%ld@", &run, &n) != 2)
        return -1;
    return run == l->run && n >= 0 && (unsigned long)n < l->started ? n : -1;
}

static struct slot *slot_at(const struct load *l, double when)
{
    size_t i = (size_t)((when - l->begin) / SLOT_MS);
    return &l->slot[i < SLOTS ? i : SLOTS - 1];
}

static struct slot *slot_of(const struct load *l, const struct call *c)
{
    return slot_at(l, c->started);
}

/* ---- the caller's requests ---- */

static void send_request(struct load *l, const char *text, int len)
{
    for (unsigned i = 0; i < l->repeat; i++)
        send_text(l, CALLER, text, (size_t)len);
}

static void send_invite(struct load *l, unsigned long n)
{
    char text[BYTES];
    int len = snprintf(text, sizeof text,
                       "INVITE sip:bob@127.0.0.1:%u SIP/2.0\r\n"
                       "Via: SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bKi%u.%lu\r\n"
                       "Max-Forwards: 70\r\nFrom: <sip:alice@127.0.0.1>;tag=a%lu\r\n"
                       "To: <sip:bob@127.0.0.1>\r\nCall-ID: load-%u-%lu@127.0.0.1\r\n"
                       "CSeq: 1 INVITE\r\nContact: <sip:alice@127.0.0.1:%u>\r\n"
                       "User-Agent: signalbox load generator\r\nContent-Type: application/sdp\r\n"
                       "Content-Length: %zu\r\n\r\n%s",
                       ntohs(l->proxy.sin_port), l->port[CALLER], l->run, n, n, l->run, n,
                       l->port[CALLER], sizeof sdp - 1, sdp);
    send_request(l, text, len);
}

/* The ACK of a negative answer: a part of the INVITE's transaction. */
static void send_negative_ack(struct load *l, unsigned long n, const char *msg)
{
    char text[BYTES], to[160];
    if (!header(msg, "\nTo: ", to, sizeof to))
        return;
    int len = snprintf(text, sizeof text,
                       "ACK sip:bob@127.0.0.1:%u SIP/2.0\r\n"
                       "Via: SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bKi%u.%lu\r\n"
                       "Max-Forwards: 70\r\nFrom: <sip:alice@127.0.0.1>;tag=a%lu\r\n"
                       "To: %s\r\nCall-ID: load-%u-%lu@127.0.0.1\r\n"
                       "CSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n",
                       ntohs(l->proxy.sin_port), l->port[CALLER], l->run, n, n, to, l->run, n);
    send_text(l, CALLER, text, (size_t)len);
}

static void send_in_dialog(struct load *l, unsigned long n, const char *method, unsigned cseq)
{
    char text[BYTES];
    const struct dialog *d = l->call[n].dialog;
    int len = snprintf(text, sizeof text,
                       "%s %s SIP/2.0\r\n"
                       "Via: SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bK%c%u.%lu\r\n"
                       "Max-Forwards: 70\r\n%sFrom: <sip:alice@127.0.0.1>;tag=a%lu\r\n"
                       "To: <sip:bob@127.0.0.1>;tag=%s\r\nCall-ID: load-%u-%lu@127.0.0.1\r\n"
                       "CSeq: %u %s\r\nContent-Length: 0\r\n\r\n",
                       method, d->target, l->port[CALLER], method[0], l->run, n, d->route, n,
                       d->to_tag, l->run, n, cseq, method);
    if (method[0] == 'A')
        send_text(l, CALLER, text, (size_t)len);
    else
        send_request(l, text, len);
}

static void send_options(struct load *l, unsigned long n)
{
    char text[BYTES], user[32] = "";
    if (l->kind == LOOKUP)
        snprintf(user, sizeof user, "u%lu@", scatter(~n, l->users));
    int len = snprintf(text, sizeof text,
                       "OPTIONS sip:%s127.0.0.1:%u SIP/2.0\r\n"
                       "Via: SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bKo%u.%lu\r\n"
                       "Max-Forwards: 70\r\nFrom: <sip:alice@127.0.0.1>;tag=a%lu\r\n"
                       "To: <sip:%s127.0.0.1>\r\nCall-ID: load-%u-%lu@127.0.0.1\r\n"
                       "CSeq: 1 OPTIONS\r\nContact: <sip:alice@127.0.0.1:%u>\r\n"
                       "Accept: application/sdp\r\nContent-Length: 0\r\n\r\n",
                       user, ntohs(l->proxy.sin_port), l->port[CALLER], l->run, n, n, user, l->run,
                       n, l->port[CALLER]);
    send_request(l, text, len);
}

/* ---- the caller's calls ---- */

static void enter(struct call *c, enum state s, double now)
{
    c->state = (unsigned char)s;
    c->interval = T1;
    c->next_send = now + T1;
}

static void ask(struct load *l, unsigned long n, double now)
{
    struct call *c = &l->call[n];
    c->asked = now;
    enter(c, ASKED, now);
    if (l->kind == CALLS)
        send_invite(l, n);
    else
        send_options(l, n);
}

void start_call(struct load *l, unsigned long n, double now)
{
    struct call *c = &l->call[n];
    c->started = now;
    c->phase = (unsigned char)l->now_phase;
    l->started++;
    l->phase[c->phase].started++;
    slot_of(l, c)->started++;
    if (l->kind == CALLS || l->kind == OPTIONS) {
        ask(l, n, now);
        return;
    }
    c->asked = now;
    enter(c, REGISTERING, now);
    send_register(l, n);
}

static void end(struct load *l, struct call *c)
{
    c->state = DONE;
    c->next_send = 0;
    free(c->dialog);
    free(c->ok);
    c->dialog = NULL;
    c->ok = NULL;
    l->done++;
}

void finish(struct load *l, struct call *c, bool good, double now)
{
    if (c->state == DONE)
        return;
    end(l, c);
    if (good) {
        l->phase[c->phase].completed++;
        slot_of(l, c)->completed++;
        slot_at(l, now)->ended++;
    } else {
        l->phase[c->phase].failed++;
    }
}

/* The proxy said that it has no time. */
static void refused(struct load *l, struct call *c)
{
    if (c->state == DONE)
        return;
    end(l, c);
    l->phase[c->phase].refused++;
    slot_of(l, c)->refused++;
}

static void note_answer(struct load *l, const struct call *c, double now)
{
    struct phase *p = &l->phase[c->phase];
    double ticks = (now - c->asked) * 1000 / TICK_US;
    p->answer[ticks < HISTOGRAM ? (unsigned)ticks : HISTOGRAM - 1]++;
    p->answered++;
}

static void take_answer(struct load *l, unsigned long n, const char *msg, double now)
{
    struct call *c = &l->call[n];
    char to[128], contact[128];
    bool first = c->state == ASKED || c->state == RINGING;
    if (first) {
        struct dialog *d = c->dialog = calloc(1, sizeof *d);
        note_answer(l, c, now);
        if (!d || !header(msg, "\nTo: ", to, sizeof to) ||
            !header(msg, "\nContact: ", contact, sizeof contact))
            die("an answer lacks To or Contact");
        char *tag = strstr(to, ";tag=");
        snprintf(d->to_tag, sizeof d->to_tag, "%s", tag ? tag + 5 : "");
        sscanf(contact, "<%95[^>]>", d->target);
        copy_lines(msg, "\nRecord-Route: ", "Route: ", d->route, sizeof d->route);
    }
    send_in_dialog(l, n, "ACK", 1);
    if (first) {
        enter(c, ENDING, now);
        send_in_dialog(l, n, "BYE", 2);
    }
}

static void take_invite_reply(struct load *l, unsigned long n, unsigned status, const char *msg,
                              double now)
{
    struct call *c = &l->call[n];
    if (status >= 300)
        send_negative_ack(l, n, msg);
    if (c->state == DONE)
        return;
    if (status >= 300 && status != 503)
        finish(l, c, false, now);
    else if (status >= 300)
        refused(l, c);
    else if (status >= 200)
        take_answer(l, n, msg, now);
    else if (status > 100 && l->hold)
        finish(l, c, true, now);
    else if (c->state == ASKED)
        enter(c, RINGING, now), c->next_send = 0;
}

static void take_other_reply(struct load *l, unsigned long n, unsigned status, const char *cseq,
                             const char *msg, double now)
{
    struct call *c = &l->call[n];
    bool reg = strstr(cseq, "REGISTER") != NULL, bye = strstr(cseq, "BYE") != NULL;
    if (status < 200 || c->state != (reg ? REGISTERING : bye ? ENDING : ASKED))
        return;
    if (status == 503 && !bye) {
        refused(l, c);
        return;
    }
    if (status == 401 && l->kind == PASSWORD && c->state == REGISTERING) {
        if (!strstr(cseq, " REGISTER") || strtoul(cseq, NULL, 10) != n + 1)
            finish(l, c, false, now); /* the password was not enough */
        else if (!send_password(l, n, msg))
            die("a challenge lacks realm or nonce");
        return;
    }
    if (status < 300 && !bye && !(reg && l->kind == LOOKUP))
        note_answer(l, c, now);
    if (status < 300 && reg && l->kind == LOOKUP)
        ask(l, n, now);
    else
        finish(l, c, status < 300, now);
}

static void caller_input(struct load *l, const char *msg, double now)
{
    long n = call_number(l, msg);
    unsigned status = 0;
    char cseq[32] = "";
    if (n < 0 || sscanf(msg, "SIP/2.0 %u", &status) != 1 ||
        !header(msg, "\nCSeq: ", cseq, sizeof cseq))
        return;
    if (strstr(cseq, "INVITE"))
        take_invite_reply(l, (unsigned long)n, status, msg, now);
    else
        take_other_reply(l, (unsigned long)n, status, cseq, msg, now);
}

void send_again(struct load *l, unsigned long n)
{
    struct call *c = &l->call[n];
    l->retransmitted++;
    if (c->state == ENDING)
        send_in_dialog(l, n, "BYE", 2);
    else if (c->state == REGISTERING)
        send_register(l, n);
    else if (l->kind == CALLS)
        send_invite(l, n);
    else
        send_options(l, n);
}

/* ---- the callee and the voicemail ---- */

static struct later *later_new(enum party p, const char *text, size_t len, double due)
{
    struct later *r = malloc(sizeof *r + len);
    if (!r)
        die("malloc");
    *r = (struct later){.due = due, .party = p, .len = len};
    memcpy(r->text, text, len);
    return r;
}

static void send_after(struct load *l, struct later *r)
{
    *l->later_end = r;
    l->later_end = &r->next;
}

/* RFC 3261 13.3.1.4: a 2xx is repeated until it is known to have arrived. */
static void keep_answer(struct load *l, const char *msg, struct later *r)
{
    long n = call_number(l, msg);
    if (n < 0 || l->call[n].state == DONE) {
        free(r);
        return;
    }
    free(l->call[n].ok);
    l->call[n].ok = r;
}

void repeat_answer(struct load *l, struct call *c, double now)
{
    if (!c->ok || c->state >= ENDING || now < c->ok->due)
        return;
    l->retransmitted++;
    send_text(l, c->ok->party, c->ok->text, c->ok->len);
    c->ok->due = now + T1;
}

void send_later(struct load *l, double now)
{
    while (l->later && l->later->due <= now) {
        struct later *r = l->later;
        send_text(l, r->party, r->text, r->len);
        l->later = r->next;
        if (!l->later)
            l->later_end = &l->later;
        free(r);
    }
}

struct answer {
    unsigned code;
    const char *reason, *cseq, *more_via; /* cseq, more_via: NULL as in the request */
    bool dialog;                          /* with Contact and Record-Route */
    unsigned times;
    double due;  /* 0: now */
    double keep; /* it is repeated from then on; 0: never */
};

static void reply(struct load *l, enum party p, const char *msg, const struct answer *a)
{
    char text[BYTES], via[1024], rr[512], from[160], to[160], id[80], cseq[40];
    copy_lines(msg, "\nVia: ", "Via: ", via, sizeof via);
    copy_lines(msg, "\nRecord-Route: ", "Record-Route: ", rr, sizeof rr);
    if (!header(msg, "\nFrom: ", from, sizeof from) || !header(msg, "\nTo: ", to, sizeof to) ||
        !header(msg, "\nCall-ID: ", id, sizeof id) || !header(msg, "\nCSeq: ", cseq, sizeof cseq))
        return;
    char where[64] = "", tag[16] = "";
    if (a->dialog)
        snprintf(where, sizeof where, "Contact: <sip:bob@127.0.0.1:%u>\r\n", l->port[p]);
    if (!strstr(to, ";tag="))
        snprintf(tag, sizeof tag, ";tag=callee%d", (int)p);
    int len = snprintf(text, sizeof text,
                       "SIP/2.0 %u %s\r\n%s%s%sFrom: %s\r\nTo: %s%s\r\nCall-ID: %s\r\nCSeq: %s\r\n"
                       "%sContent-Length: 0\r\n\r\n",
                       a->code, a->reason, via, a->more_via ? a->more_via : "", a->dialog ? rr : "",
                       from, to, tag, id, a->cseq ? a->cseq : cseq, where);
    for (unsigned i = 0; i < (a->times ? a->times : 1); i++)
        if (a->due > 0)
            send_after(l, later_new(p, text, (size_t)len, a->due));
        else
            send_text(l, p, text, (size_t)len);
    if (a->keep > 0)
        keep_answer(l, msg, later_new(p, text, (size_t)len, a->keep));
}

/* Did one version of the script handle all of this call? */
static void check_version(struct load *l, const char *msg)
{
    char route[16], failure[16];
    if (!header(msg, "\nX-Route: ", route, sizeof route) ||
        !header(msg, "\nX-Failure: ", failure, sizeof failure))
        return;
    if (strcmp(route, failure) != 0)
        l->mixed++;
    else
        l->version[route[0] == 'B']++;
}

static void take_invite(struct load *l, enum party p, const char *msg, double now)
{
    static const struct answer busy = {.code = 486, .reason = "Busy Here"},
                               ringing = {.code = 180, .reason = "Ringing", .dialog = true};
    struct answer ok = {.code = 200, .reason = "OK", .dialog = true, .times = l->repeat};
    if (p == CALLEE && l->busy) {
        reply(l, p, msg, &busy);
        return;
    }
    if (p == VOICEMAIL)
        check_version(l, msg);
    if (l->ring || l->fork || l->hold)
        reply(l, p, msg, &ringing);
    if (l->hold || (l->fork && p != CALLEE))
        return;
    if (l->fork)
        ok.due = now + PICK_UP;
    ok.keep = now + PICK_UP + T1;
    reply(l, p, msg, &ok);
}

/* The CANCEL carries the proxy's Via only; the INVITE it ends had the caller's below it. */
static void take_cancel(struct load *l, enum party p, const char *msg)
{
    char via[128];
    static const struct answer ok = {.code = 200, .reason = "OK"};
    long n = call_number(l, msg);
    reply(l, p, msg, &ok);
    snprintf(via, sizeof via, "Via: SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bKi%u.%ld\r\n",
             l->port[CALLER], l->run, n);
    reply(l, p, msg,
          &(struct answer){
              .code = 487, .reason = "Request Terminated", .cseq = "1 INVITE", .more_via = via});
}

void take_message(struct load *l, enum party p, const char *msg, double now)
{
    static const struct answer ok = {.code = 200, .reason = "OK"};
    if (p == CALLER)
        caller_input(l, msg, now);
    else if (strncmp(msg, "INVITE ", 7) == 0)
        take_invite(l, p, msg, now);
    else if (strncmp(msg, "CANCEL ", 7) == 0)
        take_cancel(l, p, msg);
    else if (strncmp(msg, "BYE ", 4) == 0 || strncmp(msg, "OPTIONS ", 8) == 0)
        reply(l, p, msg, &ok);
}
