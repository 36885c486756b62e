/* Load generator: callers, callees and a voicemail server in one process over UDP on loopback.
 *
 * Open loop: calls start by the clock, whatever the proxy does. Each call is INVITE, answers, ACK,
 * BYE, 200; in mode "busy" the callee says 486 and the voicemail answers. Counts failures,
 * retransmissions, answer times, and, for the reload test, calls whose X-Route and X-Failure
 * headers name different versions of the script. */
/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <getopt.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 64, BYTES = 4096, T1 = 500, GIVE_UP = 16000 };
enum party { CALLER, CALLEE, VOICEMAIL, PARTIES };
enum state { FREE, INVITED, RINGING, ENDING, DONE };

struct call {
    double started, next_send; /* ms; next_send 0: nothing to repeat */
    unsigned interval;
    enum state state;
    char to_tag[40], target[96], route[400]; /* of the answer: what BYE needs */
};

struct counters {
    unsigned long started, answered, completed, failed, retransmitted, mixed, version[2];
};

struct load {
    int fd[PARTIES];
    unsigned short port[PARTIES];
    struct sockaddr_in proxy;
    double rate, begin;
    unsigned long calls;
    bool busy, ring;
    unsigned run;
    struct call *call;
    unsigned *answer_ms; /* histogram: tenths of a millisecond, the last for all above */
    struct counters n;
};

enum { HISTOGRAM = 50000 };

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void die(const char *what)
{
    perror(what);
    exit(2);
}

static int open_socket(unsigned short port)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), size = 8 << 20;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) != 0)
        die("bind");
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
    return fd;
}

static void send_text(struct load *l, enum party from, const char *text, size_t len)
{
    struct pollfd p = {l->fd[from], POLLOUT, 0};
    while (sendto(l->fd[from], text, len, 0, (struct sockaddr *)&l->proxy, sizeof l->proxy) < 0)
        poll(&p, 1, 10);
}

/* ---- looking at messages --------------------------------------------------------------------- */

/* Copies the value of the first header of that name (given as "\nName: "); false without it. */
static bool header(const char *msg, const char *name, char *out, size_t cap)
{
    const char *p = strstr(msg, name);
    if (!p)
        return false;
    p += strlen(name);
    size_t n = strcspn(p, "\r\n");
    if (n >= cap)
        n = cap - 1;
    memcpy(out, p, n);
    out[n] = 0;
    return true;
}

/* All lines of a header, copied under another name; returns the length written. */
static size_t copy_lines(const char *msg, const char *name, const char *as, char *out, size_t cap)
{
    size_t len = 0;
    out[0] = 0;
    for (const char *p = msg; (p = strstr(p, name));) {
        p += strlen(name);
        len += (size_t)snprintf(out + len, cap - len, "%s%.*s\r\n", as, (int)strcspn(p, "\r\n"), p);
        if (len >= cap)
            die("a header is too long");
    }
    return len;
}

/* The number of the call a message belongs to; -1 when it is none of this run. */
static long call_number(const struct load *l, const char *msg)
{
    unsigned run;
    long n;
    char id[64];
    if (!header(msg, "\nCall-ID: ", id, sizeof id) || sscanf(id, "load-%u-%ld@", &run, &n) != 2)
        return -1;
    return run == l->run && n >= 0 && (unsigned long)n < l->calls ? n : -1;
}

/* ---- the caller ---------------------------------------------------------------------------------
 */

static void send_invite(struct load *l, long n)
{
    char text[BYTES];
    static const char sdp[] = "v=0\r\no=a 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\n"
                              "t=0 0\r\nm=audio 4000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n";
    int len = snprintf(text, sizeof text,
                       "INVITE sip:bob@127.0.0.1:%u SIP/2.0\r\n"
                       "Via: SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bKi%u.%ld\r\n"
                       "Max-Forwards: 70\r\nFrom: <sip:alice@127.0.0.1>;tag=a%ld\r\n"
                       "To: <sip:bob@127.0.0.1>\r\nCall-ID: load-%u-%ld@127.0.0.1\r\n"
                       "CSeq: 1 INVITE\r\nContact: <sip:alice@127.0.0.1:%u>\r\n"
                       "User-Agent: signalbox load generator\r\nContent-Type: application/sdp\r\n"
                       "Content-Length: %zu\r\n\r\n%s",
                       ntohs(l->proxy.sin_port), l->port[CALLER], l->run, n, n, l->run, n,
                       l->port[CALLER], sizeof sdp - 1, sdp);
    send_text(l, CALLER, text, (size_t)len);
}

static void send_in_dialog(struct load *l, long n, const char *method, unsigned cseq)
{
    char text[BYTES];
    struct call *c = &l->call[n];
    int len = snprintf(text, sizeof text,
                       "%s %s SIP/2.0\r\n"
                       "Via: SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bK%c%u.%ld\r\n"
                       "Max-Forwards: 70\r\n%sFrom: <sip:alice@127.0.0.1>;tag=a%ld\r\n"
                       "To: <sip:bob@127.0.0.1>;tag=%s\r\nCall-ID: load-%u-%ld@127.0.0.1\r\n"
                       "CSeq: %u %s\r\nContent-Length: 0\r\n\r\n",
                       method, c->target, l->port[CALLER], method[0], l->run, n, c->route, n,
                       c->to_tag, l->run, n, cseq, method);
    send_text(l, CALLER, text, (size_t)len);
}

static void keep_sending(struct call *c, double now)
{
    c->interval = T1;
    c->next_send = now + T1;
}

static void start_call(struct load *l, long n, double now)
{
    struct call *c = &l->call[n];
    c->started = now;
    c->state = INVITED;
    keep_sending(c, now);
    l->n.started++;
    send_invite(l, n);
}

static void finish(struct load *l, struct call *c, bool good)
{
    if (c->state == DONE)
        return;
    c->state = DONE;
    c->next_send = 0;
    if (good)
        l->n.completed++;
    else
        l->n.failed++;
}

static void take_answer(struct load *l, long n, const char *msg, double now)
{
    struct call *c = &l->call[n];
    char to[128], contact[128];
    bool first = c->state == INVITED || c->state == RINGING;
    if (first) {
        unsigned tenths = (unsigned)((now - c->started) * 10);
        l->answer_ms[tenths < HISTOGRAM ? tenths : HISTOGRAM - 1]++;
        l->n.answered++;
        if (!header(msg, "\nTo: ", to, sizeof to) ||
            !header(msg, "\nContact: ", contact, sizeof contact))
            die("an answer lacks To or Contact");
        char *tag = strstr(to, ";tag=");
        snprintf(c->to_tag, sizeof c->to_tag, "%s", tag ? tag + 5 : "");
        sscanf(contact, "<%95[^>]>", c->target);
        copy_lines(msg, "\nRecord-Route: ", "Route: ", c->route, sizeof c->route);
    }
    send_in_dialog(l, n, "ACK", 1);
    if (first) {
        c->state = ENDING;
        keep_sending(c, now);
        send_in_dialog(l, n, "BYE", 2);
    }
}

static void caller_input(struct load *l, const char *msg, double now)
{
    long n = call_number(l, msg);
    unsigned status = 0;
    char cseq[32] = "";
    if (n < 0 || sscanf(msg, "SIP/2.0 %u", &status) != 1 ||
        !header(msg, "\nCSeq: ", cseq, sizeof cseq))
        return;
    struct call *c = &l->call[n];
    bool invite = strstr(cseq, "INVITE") != NULL;
    if (invite && status < 200) {
        if (c->state == INVITED) {
            c->state = RINGING;
            c->next_send = 0;
        }
    } else if (invite && status < 300) {
        if (c->state != DONE)
            take_answer(l, n, msg, now);
    } else if (invite) {
        finish(l, c, false);
    } else if (c->state == ENDING) {
        finish(l, c, status < 300);
    }
}

/* ---- the callee and the voicemail
 * ------------------------------------------------------------------ */

static void reply(struct load *l, enum party p, const char *msg, unsigned code, const char *reason,
                  bool contact)
{
    char text[BYTES], via[1024], rr[512], from[160], to[160], id[80], cseq[40];
    copy_lines(msg, "\nVia: ", "Via: ", via, sizeof via);
    copy_lines(msg, "\nRecord-Route: ", "Record-Route: ", rr, sizeof rr);
    if (!header(msg, "\nFrom: ", from, sizeof from) || !header(msg, "\nTo: ", to, sizeof to) ||
        !header(msg, "\nCall-ID: ", id, sizeof id) || !header(msg, "\nCSeq: ", cseq, sizeof cseq))
        return;
    char where[64] = "";
    if (contact)
        snprintf(where, sizeof where, "Contact: <sip:bob@127.0.0.1:%u>\r\n", l->port[p]);
    int len = snprintf(text, sizeof text,
                       "SIP/2.0 %u %s\r\n%s%sFrom: %s\r\nTo: %s%s\r\nCall-ID: %s\r\nCSeq: %s\r\n"
                       "%sContent-Length: 0\r\n\r\n",
                       code, reason, via, contact ? rr : "", from, to,
                       strstr(to, ";tag=") ? "" : ";tag=callee", id, cseq, where);
    send_text(l, p, text, (size_t)len);
}

/* Did one version of the script handle all of this call? */
static void check_version(struct load *l, const char *msg)
{
    char route[16], failure[16];
    if (!header(msg, "\nX-Route: ", route, sizeof route) ||
        !header(msg, "\nX-Failure: ", failure, sizeof failure))
        return;
    if (strcmp(route, failure) != 0)
        l->n.mixed++;
    else
        l->n.version[route[0] == 'B']++;
}

static void callee_input(struct load *l, enum party p, const char *msg)
{
    if (strncmp(msg, "INVITE ", 7) == 0) {
        if (p == CALLEE && l->busy) {
            reply(l, p, msg, 486, "Busy Here", false);
            return;
        }
        if (p == VOICEMAIL)
            check_version(l, msg);
        if (l->ring)
            reply(l, p, msg, 180, "Ringing", true);
        reply(l, p, msg, 200, "OK", true);
    } else if (strncmp(msg, "BYE ", 4) == 0 || strncmp(msg, "CANCEL ", 7) == 0) {
        reply(l, p, msg, 200, "OK", false);
    }
}

/* ---- the loop
 * ------------------------------------------------------------------------------------------ */

static void read_socket(struct load *l, enum party p, double now)
{
    static char bytes[BATCH][BYTES];
    struct mmsghdr m[BATCH];
    struct iovec v[BATCH];
    memset(m, 0, sizeof m);
    for (int i = 0; i < BATCH; i++) {
        v[i] = (struct iovec){bytes[i], BYTES - 1};
        m[i].msg_hdr.msg_iov = &v[i];
        m[i].msg_hdr.msg_iovlen = 1;
    }
    int n = recvmmsg(l->fd[p], m, BATCH, 0, NULL);
    for (int i = 0; i < n; i++) {
        bytes[i][m[i].msg_len] = 0;
        if (p == CALLER)
            caller_input(l, bytes[i], now);
        else
            callee_input(l, p, bytes[i]);
    }
}

static void repeat_call(struct load *l, long n, double now)
{
    struct call *c = &l->call[n];
    if (c->state == DONE || c->state == FREE)
        return;
    if (now - c->started > GIVE_UP) {
        finish(l, c, false);
        return;
    }
    if (c->next_send == 0 || now < c->next_send)
        return;
    l->n.retransmitted++;
    if (c->state == ENDING)
        send_in_dialog(l, n, "BYE", 2);
    else
        send_invite(l, n);
    c->interval = c->interval < 4000 ? c->interval * 2 : 4000;
    c->next_send = now + c->interval;
}

/* Calls that may still need something lie between the oldest unfinished and the newest. */
static void repeat_all(struct load *l, unsigned long *oldest, double now)
{
    while (*oldest < l->n.started && l->call[*oldest].state == DONE)
        (*oldest)++;
    for (unsigned long n = *oldest; n < l->n.started; n++)
        repeat_call(l, (long)n, now);
}

static void run(struct load *l)
{
    struct pollfd p[PARTIES];
    unsigned long oldest = 0;
    double last_scan = 0;
    for (int i = 0; i < PARTIES; i++)
        p[i] = (struct pollfd){l->fd[i], POLLIN, 0};
    l->begin = now_ms();
    while (l->n.completed + l->n.failed < l->calls) {
        double now = now_ms();
        double due = l->begin + (double)l->n.started * 1000 / l->rate;
        while (l->n.started < l->calls && due <= now) {
            start_call(l, (long)l->n.started, now);
            due = l->begin + (double)l->n.started * 1000 / l->rate;
        }
        if (now - last_scan > 50) {
            repeat_all(l, &oldest, now);
            last_scan = now;
        }
        if (poll(p, PARTIES, 1) > 0)
            for (int i = 0; i < PARTIES; i++)
                if (p[i].revents)
                    read_socket(l, (enum party)i, now_ms());
    }
}

/* ---- the report
 * ------------------------------------------------------------------------------------------ */

static double percentile(const struct load *l, double share)
{
    unsigned long wanted = (unsigned long)((double)l->n.answered * share), seen = 0;
    for (int i = 0; i < HISTOGRAM; i++) {
        seen += l->answer_ms[i];
        if (seen > wanted)
            return i / 10.0;
    }
    return HISTOGRAM / 10.0;
}

static void report(const struct load *l)
{
    double seconds = (now_ms() - l->begin) / 1000;
    printf("calls %lu completed %lu failed %lu retransmitted %lu seconds %.2f rate %.0f "
           "p50_ms %.1f p99_ms %.1f p999_ms %.1f mixed %lu version_a %lu version_b %lu\n",
           l->n.started, l->n.completed, l->n.failed, l->n.retransmitted, seconds,
           (double)l->n.started / seconds, percentile(l, 0.5), percentile(l, 0.99),
           percentile(l, 0.999), l->n.mixed, l->n.version[0], l->n.version[1]);
}

static void usage(void)
{
    fputs("usage: load --proxy PORT --rate CALLS/S --calls N [--busy] [--ring]\n"
          "            [--ports CALLER,CALLEE,VOICEMAIL]\n"
          "Calls sip:bob@127.0.0.1 through the proxy on 127.0.0.1:PORT; exit 1 if a call fails.\n",
          stderr);
    exit(2);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"proxy", required_argument, NULL, 'p'},
                                            {"rate", required_argument, NULL, 'r'},
                                            {"calls", required_argument, NULL, 'c'},
                                            {"busy", no_argument, NULL, 'b'},
                                            {"ring", no_argument, NULL, 'i'},
                                            {"ports", required_argument, NULL, 'o'},
                                            {NULL, 0, NULL, 0}};
    struct load l = {.rate = 100, .calls = 1000, .port = {5061, 5062, 5090}};
    int opt;
    l.proxy.sin_family = AF_INET;
    l.proxy.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    l.proxy.sin_port = htons(5060);
    while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (opt == 'p')
            l.proxy.sin_port = htons((unsigned short)atoi(optarg));
        else if (opt == 'r')
            l.rate = atof(optarg);
        else if (opt == 'c')
            l.calls = strtoul(optarg, NULL, 10);
        else if (opt == 'b')
            l.busy = true;
        else if (opt == 'i')
            l.ring = true;
        else if (opt != 'o' ||
                 sscanf(optarg, "%hu,%hu,%hu", &l.port[0], &l.port[1], &l.port[2]) != 3)
            usage();
    }
    if (l.rate <= 0 || l.calls == 0)
        usage();
    l.run = (unsigned)getpid();
    l.call = calloc(l.calls, sizeof *l.call);
    l.answer_ms = calloc(HISTOGRAM, sizeof *l.answer_ms);
    if (!l.call || !l.answer_ms)
        die("calloc");
    for (int i = 0; i < PARTIES; i++)
        l.fd[i] = open_socket(l.port[i]);
    run(&l);
    report(&l);
    return l.n.failed || l.n.mixed ? 1 : 0;
}
