/* Load generator: callers, callees and a voicemail server in one process over UDP on loopback.
 *
 * Open loop: calls start by the clock, whatever the proxy does. Each call is INVITE, answers, ACK,
 * BYE, 200; other kinds are OPTIONS, REGISTER, and REGISTER with a look-up. Counts failures,
 * refusals (503), retransmissions, answer times, and, for the reload test, calls whose X-Route and
 * X-Failure headers name different versions of the script. */
/* SPDX-License-Identifier: MIT */
#include "load.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the loop ---- */

static void repeat_call(struct load *l, unsigned long n, double now)
{
    struct call *c = &l->call[n];
    if (c->state == DONE || c->state == FREE)
        return;
    if (now - c->started > l->give_up) {
        finish(l, c, false, now);
        return;
    }
    repeat_answer(l, c, now);
    if (c->next_send <= 0 || now < c->next_send)
        return;
    send_again(l, n);
    c->interval = c->interval < 4000 ? (unsigned short)(c->interval * 2) : 4000;
    c->next_send = now + c->interval;
}

/* Calls that may still need something lie between the oldest unfinished and the newest. */
static void repeat_all(struct load *l, unsigned long *oldest, double now)
{
    while (*oldest < l->started && l->call[*oldest].state == DONE)
        (*oldest)++;
    for (unsigned long n = *oldest; n < l->started; n++)
        repeat_call(l, n, now);
}

/* How many calls should have begun by now. */
static unsigned long due_calls(struct load *l, double now)
{
    static double phase_began;
    struct phase *p = &l->phase[l->now_phase];
    if (phase_began <= 0)
        phase_began = l->begin;
    if (p->rate <= 0)
        return l->done + l->window < p->calls ? l->done + l->window : p->calls;
    unsigned long before = l->now_phase ? p[-1].calls : 0;
    double due = (double)before + (now - phase_began) * p->rate / 1000 + 1;
    if (due < (double)p->calls)
        return (unsigned long)due;
    if (l->started == p->calls && l->now_phase + 1 < l->phases) {
        l->now_phase++;
        phase_began = now;
    }
    return p->calls;
}

static void run(struct load *l)
{
    struct pollfd p[PARTIES];
    unsigned long oldest = 0;
    double last_scan = 0;
    for (int i = 0; i < PARTIES; i++)
        p[i] = (struct pollfd){l->fd[i], POLLIN, 0};
    l->begin = now_ms();
    while (l->done < l->calls) {
        double now = now_ms();
        for (unsigned long due = due_calls(l, now), most = 256; l->started < due && most--;)
            start_call(l, l->started, now);
        send_later(l, now);
        if (now - last_scan > 50) {
            repeat_all(l, &oldest, now);
            last_scan = now;
        }
        flush(l);
        if (poll(p, PARTIES, 1) > 0)
            for (int i = 0; i < PARTIES; i++)
                if (p[i].revents)
                    read_socket(l, (enum party)i, now_ms(), take_message);
        flush(l);
    }
}

/* ---- the report: pairs of a name and a value, a line for all and one for each phase ---- */

static double percentile(const struct phase *p, double share)
{
    if (p->answered == 0)
        return 0;
    unsigned long wanted = (unsigned long)((double)p->answered * share), seen = 0;
    for (unsigned i = 0; i < HISTOGRAM; i++) {
        seen += p->answer[i];
        if (seen > wanted)
            return i * (TICK_US / 1000.0);
    }
    return HISTOGRAM * (TICK_US / 1000.0);
}

static void report_phase(const struct phase *p)
{
    printf("calls %lu completed %lu failed %lu refused %lu p50_ms %.2f p99_ms %.2f p999_ms %.2f",
           p->started, p->completed, p->failed, p->refused, percentile(p, 0.5), percentile(p, 0.99),
           percentile(p, 0.999));
}

static void add_up(struct phase *all, const struct phase *p)
{
    all->started += p->started;
    all->answered += p->answered;
    all->completed += p->completed;
    all->refused += p->refused;
    all->failed += p->failed;
    for (unsigned i = 0; i < HISTOGRAM; i++)
        all->answer[i] += p->answer[i];
}

/* Returns whether every call went well. */
static bool report(const struct load *l)
{
    struct phase all = {.answer = calloc(HISTOGRAM, sizeof *all.answer)};
    double seconds = (now_ms() - l->begin) / 1000;
    if (!all.answer)
        die("calloc");
    for (unsigned i = 0; i < l->phases; i++)
        add_up(&all, &l->phase[i]);
    report_phase(&all);
    printf(" retransmitted %lu seconds %.2f rate %.0f mixed %lu version_a %lu version_b %lu\n",
           l->retransmitted, seconds, (double)all.started / seconds, l->mixed, l->version[0],
           l->version[1]);
    for (unsigned i = 0; i < l->phases && l->phases > 1; i++) {
        printf("phase %u wanted %.0f ", i, l->phase[i].rate);
        report_phase(&l->phase[i]);
        putchar('\n');
    }
    for (unsigned i = 0; i < SLOTS && l->timeline; i++)
        if (l->slot[i].started || l->slot[i].ended)
            printf("ms %u started %u completed %u refused %u ended %u\n", i * SLOT_MS,
                   l->slot[i].started, l->slot[i].completed, l->slot[i].refused, l->slot[i].ended);
    free(all.answer);
    return all.failed == 0 && all.refused == 0 && l->mixed == 0;
}

/* ---- arguments ---- */

static const char usage_text[] =
    "usage: load --proxy PORT --rate CALLS/S --calls N [options]\n"
    "Calls sip:bob@127.0.0.1 through the proxy on 127.0.0.1:PORT; exit 1 if a call fails.\n"
    "  --ports A,B,C[,D]     of the caller, the callee, the voicemail, a third phone\n"
    "  --phase RATE:SECONDS  instead of --rate and --calls; up to 8, one after the other\n"
    "  --window N            no rate: always N in progress\n"
    "  --ring --busy --fork  the callee says 180 first; says 486; answers 20 ms after it rang,\n"
    "                        while the voicemail and the third phone ring too\n"
    "  --hold                calls ring and are left so\n"
    "  --repeat N            each request, and each 2xx to INVITE, is sent N times at once\n"
    "  --options             OPTIONS to the proxy instead of calls\n"
    "  --fill                REGISTER of N users\n"
    "  --lookup --users N    REGISTER of one of N users, then OPTIONS to another\n"
    "  --password --users N  REGISTER of one of N users, uN, whose password pN is asked for\n"
    "  --give-up MS          after which an unfinished call has failed (16000)\n"
    "  --timeline            a line for each 100 ms, of the calls that began then\n";

static const struct option option_table[] = {{"proxy", required_argument, NULL, 'p'},
                                             {"rate", required_argument, NULL, 'r'},
                                             {"calls", required_argument, NULL, 'c'},
                                             {"phase", required_argument, NULL, 'P'},
                                             {"window", required_argument, NULL, 'w'},
                                             {"busy", no_argument, NULL, 'b'},
                                             {"ring", no_argument, NULL, 'i'},
                                             {"fork", no_argument, NULL, 'f'},
                                             {"hold", no_argument, NULL, 'h'},
                                             {"repeat", required_argument, NULL, 'R'},
                                             {"options", no_argument, NULL, 'O'},
                                             {"fill", no_argument, NULL, 'F'},
                                             {"lookup", no_argument, NULL, 'L'},
                                             {"users", required_argument, NULL, 'u'},
                                             {"password", no_argument, NULL, 'W'},
                                             {"give-up", required_argument, NULL, 'g'},
                                             {"timeline", no_argument, NULL, 't'},
                                             {"ports", required_argument, NULL, 'o'},
                                             {NULL, 0, NULL, 0}};

static void usage(void)
{
    fputs(usage_text, stderr);
    exit(2);
}

static void add_phase(struct load *l, const char *text)
{
    struct phase *p = &l->phase[l->phases];
    if (l->phases == PHASES || sscanf(text, "%lf:%lf", &p->rate, &p->seconds) != 2 || p->rate <= 0)
        usage();
    p->calls = l->calls += (unsigned long)(p->rate * p->seconds);
    l->phases++;
}

static void set_number(struct load *l, int opt, const char *text)
{
    unsigned long n = strtoul(text, NULL, 10);
    switch (opt) {
    case 'p':
        l->proxy.sin_port = htons((unsigned short)n);
        break;
    case 'w':
        l->window = n;
        break;
    case 'R':
        l->repeat = n ? (unsigned)n : 1;
        break;
    case 'u':
        l->users = n;
        break;
    default:
        l->give_up = (double)n;
    }
}

static void set_flag(struct load *l, int opt)
{
    switch (opt) {
    case 'b':
        l->busy = true;
        break;
    case 'i':
        l->ring = true;
        break;
    case 'f':
        l->fork = true;
        break;
    case 'h':
        l->hold = true;
        break;
    case 't':
        l->timeline = true;
        break;
    case 'O':
        l->kind = OPTIONS;
        break;
    case 'F':
        l->kind = FILL;
        break;
    case 'L':
        l->kind = LOOKUP;
        break;
    case 'W':
        l->kind = PASSWORD;
        break;
    default:
        usage();
    }
}

static void parse(struct load *l, int argc, char **argv)
{
    double rate = 100;
    unsigned long calls = 1000;
    int opt;
    while ((opt = getopt_long(argc, argv, "", option_table, NULL)) != -1) {
        if (opt == 'r')
            rate = atof(optarg);
        else if (opt == 'c')
            calls = strtoul(optarg, NULL, 10);
        else if (opt == 'P')
            add_phase(l, optarg);
        else if (opt == 'o' && sscanf(optarg, "%hu,%hu,%hu,%hu", &l->port[0], &l->port[1],
                                      &l->port[2], &l->port[3]) < 3)
            usage();
        else if (opt != 'o' && optarg)
            set_number(l, opt, optarg);
        else if (opt != 'o')
            set_flag(l, opt);
    }
    if (l->window)
        rate = 0;
    if (l->phases == 0) {
        l->phase[0] = (struct phase){.rate = rate, .calls = calls};
        l->calls = calls;
        l->phases = 1;
    }
    if ((rate <= 0 && !l->window) || l->calls == 0)
        usage();
}

/* On a machine of its own a generator takes no core from the server; here its waking would do so in
 * the midst of the server's sending, once a call, and what that costs is no server's. */
static void let_others_finish(void)
{
    struct sched_param p = {0};
    sched_setscheduler(0, SCHED_BATCH, &p);
}

int main(int argc, char **argv)
{
    static struct load l = {
        .port = {5061, 5062, 5090, 5091}, .repeat = 1, .give_up = 16000, .users = 1};
    l.proxy.sin_family = AF_INET;
    l.proxy.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    l.proxy.sin_port = htons(5060);
    parse(&l, argc, argv);
    let_others_finish();
    l.run = (unsigned)getpid();
    l.later_end = &l.later;
    l.call = calloc(l.calls, sizeof *l.call);
    l.slot = calloc(SLOTS, sizeof *l.slot);
    for (unsigned i = 0; i < l.phases; i++)
        l.phase[i].answer = calloc(HISTOGRAM, sizeof *l.phase[i].answer);
    if (!l.call || !l.slot || !l.phase[l.phases - 1].answer)
        die("calloc");
    for (int i = 0; i < PARTIES; i++)
        l.fd[i] = open_socket(l.port[i]);
    run(&l);
    return report(&l) ? 0 : 1;
}
