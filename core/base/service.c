/* Limits and breaker of an outside service. */
/* SPDX-License-Identifier: MIT */
#include "core/base/service.h"

#include "core/base/err.h"
#include "core/base/log.h"

int service_begin(struct service *s, uint64_t now)
{
    if (s->limits.waiting && s->waiting >= s->limits.waiting) {
        s->refused_full++;
        return ERR_LIMIT;
    }
    if (s->open_until) {
        if (now < s->open_until || s->probing) {
            s->refused_open++;
            return ERR_STATE;
        }
        s->probing = true;
    }
    s->waiting++;
    s->begun++;
    return ERR_OK;
}

static void opens(struct service *s, uint64_t now)
{
    if (!s->open_until) {
        s->opened++;
        log_warn("%s: %u failures in a row; it is left alone for %u ms", s->name, s->in_a_row,
                 s->limits.pause);
    }
    s->open_until = now + s->limits.pause;
    s->probing = false;
}

void service_end(struct service *s, uint64_t now, enum service_end how)
{
    s->waiting--;
    if (how == SERVICE_OK) {
        if (s->open_until)
            log_notice("%s: answers again", s->name);
        s->in_a_row = 0;
        s->open_until = 0;
        s->probing = false;
        return;
    }
    s->failed += how == SERVICE_FAILED;
    s->late += how == SERVICE_LATE;
    s->in_a_row++;
    if (s->limits.failures && s->in_a_row >= s->limits.failures)
        opens(s, now);
}
