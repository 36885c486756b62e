/* Ends of the script, and routes as wholes. */
/* SPDX-License-Identifier: MIT */
#include "lang/flow.h"

void flow_end(struct flow *f, struct loc at)
{
    f->now->ends = true;
    if (flow_may(&f->at, FACT_SILENT)) {
        flow_warn(f, WARN_NO_ANSWER, at,
                  "on some path the script ends here without reply, relay or drop: the caller is "
                  "left waiting");
        diag_hint(f->diag, "reply before it, or write drop where silence is meant");
    }
    if (flow_may(&f->at, FACT_BRANCH_WAITS)) {
        flow_warn(f, WARN_NO_RELAY, at,
                  "on some path a branch was added and the script ends here without sending "
                  "anything to it");
        diag_hint(f->diag, "t_relay() behind append_branch()");
    }
    f->at.live = false;
}

/* ---- never used -------------------------------------------------------------------------------
 */

static void unused(struct flow *f, const struct route_def *r)
{
    struct str title = check_route_title(f->c, r);
    if (r->kind == ROUTE_REQUEST && !r->reached && !flow_is_top(r)) {
        flow_warn(f, WARN_UNUSED, r->loc, "%.*s is never called", STR_ARG(title));
        diag_hint(f->diag, "route(%.*s) calls it", STR_ARG(r->name));
    }
    bool armable = r->kind == ROUTE_FAILURE || r->kind == ROUTE_BRANCH ||
                   (r->kind == ROUTE_ONREPLY && r->named);
    if (!armable || r->armed)
        return;
    const char *arm = r->kind == ROUTE_FAILURE  ? "t_on_failure"
                      : r->kind == ROUTE_BRANCH ? "t_on_branch"
                                                : "t_on_reply";
    flow_warn(f, WARN_NEVER_ARMED, r->loc, "%.*s never runs: no %s() arms it", STR_ARG(title), arm);
    diag_hint(f->diag, "%s(\"%.*s\") before the relay", arm, STR_ARG(r->name));
}

/* ---- failure routes ---- */

static void goes_nowhere(struct flow *f, const struct flow_route *r)
{
    if (r->def->kind != ROUTE_FAILURE || !r->target ||
        r->does & (FN_RELAYS | FN_REPLIES | FN_BRANCHES))
        return;
    struct str title = check_route_title(f->c, r->def);
    flow_warn(f, WARN_NO_RELAY, r->target->loc,
              "%.*s changes the target here and never relays: the caller gets the old answer",
              STR_ARG(title));
    diag_hint(f->diag, "append_branch(); t_relay(); behind it");
}

void flow_routes(struct flow *f)
{
    bool main = false;
    for (unsigned i = 0; i < f->n; i++)
        main |= f->routes[i].def->kind == ROUTE_REQUEST && flow_is_top(f->routes[i].def);
    for (unsigned i = 0; i < f->n; i++) {
        if (main)
            unused(f, f->routes[i].def);
        goes_nowhere(f, &f->routes[i]);
    }
}
