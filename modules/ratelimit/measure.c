/* Load of the machine, and queues of our sockets. */
/* SPDX-License-Identifier: MIT */
#include "modules/ratelimit/measure.h"

#include <stdio.h>
#include <stdlib.h>

enum { LINE = 512 };

struct measure {
    FILE *stat, *udp, *udp6; /* udp6 may be missing */
    unsigned sockets;
    struct addr socket[];
};

/* ---- lines ---- */

/* The next of texts between blanks; empty at the end. */
static struct str word(struct str *rest)
{
    size_t from = 0, to;
    while (from < rest->len && ascii_blank(rest->p[from]))
        from++;
    for (to = from; to < rest->len && !ascii_blank(rest->p[to]);)
        to++;
    struct str w = str_sub(*rest, from, to);
    *rest = str_sub(*rest, to, rest->len);
    return w;
}

bool cpu_line(struct str line, struct cpu_time *out)
{
    enum { IDLE = 3, IOWAIT = 4, STEAL = 7 };
    uint64_t n, all = 0, idle = 0;
    if (!str_eq(word(&line), STR("cpu")))
        return false;
    for (unsigned i = 0; i <= STEAL; i++) {
        struct str w = word(&line);
        if (w.len == 0 && i > IDLE)
            break; /* an old kernel says less */
        if (str_u64(&n, w, UINT64_MAX / 16) != ERR_OK)
            return false;
        all += n;
        idle += i == IDLE || i == IOWAIT ? n : 0;
    }
    *out = (struct cpu_time){.busy = all - idle, .all = all};
    return true;
}

/* Hexadecimal digits, all of s, eight at most. */
static bool hex(struct str s, uint32_t *out)
{
    uint32_t v = 0;
    for (size_t i = 0; i < s.len; i++) {
        int digit = ascii_hex(s.p[i]);
        if (digit < 0)
            return false;
        v = v << 4 | (uint32_t)digit;
    }
    *out = v;
    return s.len > 0 && s.len <= 8;
}

/* Words of eight digits, each in the order of this machine. */
static bool hex_ip(struct str s, struct ip *ip)
{
    *ip = (struct ip){.family = s.len == 8 ? 4 : 6};
    if (s.len != 8 && s.len != 32)
        return false;
    for (size_t i = 0; i < s.len / 8; i++) {
        uint32_t v;
        if (!hex(str_sub(s, i * 8, i * 8 + 8), &v))
            return false;
        memcpy(ip->b + i * 4, &v, 4);
    }
    return true;
}

bool udp_line(struct str line, struct addr *local, uint64_t *waiting)
{
    struct str number = word(&line), address = word(&line), remote = word(&line),
               state = word(&line), queues = word(&line), part;
    uint32_t port, bytes;
    if (!str_ends(number, STR(":")) || remote.len == 0 || state.len == 0 ||
        !str_cut(&part, &address, ':') || !hex_ip(part, &local->ip) || !hex(address, &port) ||
        port > UINT16_MAX || !str_cut(&part, &queues, ':') || !hex(queues, &bytes))
        return false;
    local->port = (uint16_t)port;
    local->proto = PROTO_UDP;
    *waiting = bytes;
    return true;
}

/* ---- files ---- */

struct measure *measure_new(const struct addr *socket, unsigned sockets, struct buf *why)
{
    struct measure *m = calloc(1, sizeof *m + sockets * sizeof *socket);
    if (!m) {
        buf_printf(why, "no memory");
        return NULL;
    }
    m->sockets = sockets;
    for (unsigned i = 0; i < sockets; i++)
        m->socket[i] = socket[i];
    m->stat = fopen("/proc/stat", "re");
    m->udp = fopen("/proc/net/udp", "re");
    m->udp6 = fopen("/proc/net/udp6", "re");
    if (m->stat && m->udp)
        return m;
    buf_printf(why, "/proc/stat and /proc/net/udp cannot be read");
    measure_free(m);
    return NULL;
}

static void close_file(FILE *f)
{
    if (f)
        fclose(f);
}

void measure_free(struct measure *m)
{
    if (!m)
        return;
    close_file(m->stat);
    close_file(m->udp);
    close_file(m->udp6);
    free(m);
}

/* To the beginning, and what was read before is forgotten: the kernel writes it anew. */
static void again(FILE *f)
{
    rewind(f);
    fflush(f);
}

bool measure_cpu(struct measure *m, struct cpu_time *out)
{
    char line[LINE];
    again(m->stat);
    return fgets(line, sizeof line, m->stat) && cpu_line(str_from(line), out);
}

static bool ours(const struct measure *m, const struct addr *a)
{
    for (unsigned i = 0; i < m->sockets; i++)
        if (m->socket[i].port == a->port && ip_eq(&m->socket[i].ip, &a->ip))
            return true;
    return false;
}

static uint64_t waiting_in(struct measure *m, FILE *f)
{
    char line[LINE];
    uint64_t sum = 0, bytes;
    struct addr a;
    if (!f)
        return 0;
    again(f);
    while (fgets(line, sizeof line, f))
        if (udp_line(str_from(line), &a, &bytes) && ours(m, &a))
            sum += bytes;
    return sum;
}

uint64_t measure_waiting(struct measure *m)
{
    return waiting_in(m, m->udp) + waiting_in(m, m->udp6);
}
