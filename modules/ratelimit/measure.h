/* How busy the machine is, and how much waits in the kernel for our sockets: read from /proc, on
 * the main thread, so that no worker waits for the kernel to count. */
/* SPDX-License-Identifier: MIT */
#ifndef RATELIMIT_MEASURE_H
#define RATELIMIT_MEASURE_H

#include "core/module.h"

/* Time of all processors since they were started, in the kernel's ticks. */
struct cpu_time {
    uint64_t busy, all;
};

struct measure;

/* Opens what is to be read; the addresses of our sockets are copied. NULL with a sentence in why.
 */
struct measure *measure_new(const struct addr *socket, unsigned sockets, struct buf *why);
void measure_free(struct measure *m);
/* False when it cannot be read. */
bool measure_cpu(struct measure *m, struct cpu_time *out);
/* Bytes of the kernel's memory that datagrams to our sockets take up until they are read. */
uint64_t measure_waiting(struct measure *m);

/* ---- lines of /proc, for tests ---- */

/* "cpu  user nice system idle iowait ..." of /proc/stat. False for any other line. */
bool cpu_line(struct str line, struct cpu_time *out);
/* A line of /proc/net/udp or udp6: the socket's own address and port and what waits for it. False
 * for its first line, and what is no such line. */
bool udp_line(struct str line, struct addr *local, uint64_t *waiting);

#endif
