/* nathelper's management commands. */
/* SPDX-License-Identifier: MIT */
#include "modules/nathelper/rtpproxy.h"

static enum mi_next show(struct mi *m)
{
    const struct nathelper_conf *conf = mi_conf(m);
    for (struct rtp_set *s = conf->rtp_sets; s; s = s->next)
        for (unsigned i = 0; i < s->n; i++) {
            struct rtp_node *n = &s->node[i];
            mi_text(m, 0, NULL, n->url);
            mi_attr(m, "set", "%u", s->id);
            mi_line(m, 1, "index", "%u", i);
            mi_line(m, 1, "disabled", "%d", atomic_load(&n->off));
            mi_line(m, 1, "silent", "%d", atomic_load(&n->dead_until) != 0);
            mi_line(m, 1, "weight", "%u", n->weight);
        }
    return MI_DONE;
}

static enum mi_next enable(struct mi *m)
{
    const struct nathelper_conf *conf = mi_conf(m);
    struct str on = mi_arg(m, 1);
    bool found = false;
    if (!str_eq(on, STR("0")) && !str_eq(on, STR("1")))
        return mi_fail(m, 400, "Bad parameter: 0 or 1");
    for (struct rtp_set *s = conf->rtp_sets; s; s = s->next)
        for (unsigned i = 0; i < s->n; i++)
            if (str_eq(s->node[i].url, mi_arg(m, 0))) {
                atomic_store(&s->node[i].off, str_eq(on, STR("0")));
                atomic_store(&s->node[i].dead_until, 0);
                found = true;
            }
    return found ? MI_DONE : mi_fail(m, 404, "RTP proxy not found");
}

static enum mi_next enable_ping(struct mi *m)
{
    struct rtp_state *s = mi_state(m);
    struct str on = mi_arg(m, 0);
    if (!str_eq(on, STR("0")) && !str_eq(on, STR("1")))
        return mi_fail(m, 400, "Bad parameter: 0 or 1");
    atomic_store(&s->pings_off, str_eq(on, STR("0")));
    return MI_DONE;
}

const struct mi_command nathelper_commands[] = {
    {"nh_enable_ping", "0|1", "Stops pinging phones, or goes on.", 1, 1, 0, NULL, enable_ping},
    {"nh_show_rtpp", "", "The RTPProxies: set, number, whether switched off or silent, weight.", 0,
     0, 0, NULL, show},
    {"nh_enable_rtpp", "url 0|1", "Switches an RTPProxy off or on.", 2, 2, 0, NULL, enable},
    {.name = NULL},
};
