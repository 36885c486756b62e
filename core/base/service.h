/* How much may wait for an outside service (a database, a name server, a program), and when to stop
 * asking it. Each worker has one struct service for each; nothing here is shared or locked.
 *
 * The breaker: after `failures` errors or missed deadlines in a row it opens, and every call fails
 * at once; after `pause` ms one call is let through as a probe, and its success closes it. */
/* SPDX-License-Identifier: MIT */
#ifndef BASE_SERVICE_H
#define BASE_SERVICE_H

#include <stdbool.h>
#include <stdint.h>

/* Settings, the same for all workers. */
struct service_limits {
    uint32_t deadline; /* ms that one call may take; 0: for ever */
    uint32_t waiting;  /* most calls at a time in a worker; 0: no limit */
    uint32_t failures; /* in a row that open the breaker; 0: never */
    uint32_t pause;    /* ms until the next probe */
};

struct service {
    const char *name; /* for logs and statistics */
    struct service_limits limits;
    uint32_t waiting;    /* calls begun and not ended */
    uint32_t in_a_row;   /* failures since the last success */
    uint64_t open_until; /* ms; 0: the breaker is closed */
    bool probing;        /* the one call of an open breaker is under way */
    /* counters since start */
    uint64_t begun, failed, late, refused_full, refused_open, opened;
};

enum service_end { SERVICE_OK, SERVICE_FAILED, SERVICE_LATE };

/* May a call begin now? ERR_OK (service_end must follow), ERR_LIMIT: too many wait already,
 * ERR_STATE: the breaker is open. */
int service_begin(struct service *s, uint64_t now);
/* A call that began has ended. Logs when the breaker opens or closes. */
void service_end(struct service *s, uint64_t now, enum service_end how);

#endif
