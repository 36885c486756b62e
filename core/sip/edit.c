/* The list of changes beside a message, and writing bytes with them applied. */
/* SPDX-License-Identifier: MIT */
#include "core/base/err.h"
#include "core/sip/splice.h"

/* Most bytes a rendered edit may have when only its length is asked for. */
enum { RENDER_MAX = 4096 };

/* Whether a new edit at this place and order goes before e. */
static bool goes_before(const struct edit *e, size_t at, uint8_t order)
{
    if (e->at != at)
        return e->at > at;
    if (order == EDIT_EARLY)
        return true;
    return e->order > order;
}

static struct edit *edits_add(struct edits *l, struct arena *a, size_t at, uint8_t order)
{
    struct edit *e = at <= UINT32_MAX ? arena_zalloc(a, sizeof *e) : NULL;
    struct edit **p = &l->head;
    if (!e)
        return NULL;
    e->at = (uint32_t)at;
    e->order = order;
    while (*p && !goes_before(*p, at, order))
        p = &(*p)->next;
    e->next = *p;
    *p = e;
    l->count++;
    return e;
}

struct edit *edits_insert(struct edits *l, struct arena *a, size_t at, struct str text,
                          enum edit_order order)
{
    struct edit *e = edits_add(l, a, at, (uint8_t)order);
    if (e)
        e->insert = text;
    return e;
}

struct edit *edits_replace(struct edits *l, struct arena *a, size_t at, size_t remove,
                           struct str text)
{
    struct edit *e = remove <= UINT32_MAX ? edits_add(l, a, at, EDIT_PLAIN) : NULL;
    if (e) {
        e->remove = (uint32_t)remove;
        e->insert = text;
    }
    return e;
}

/* Copies plain bytes; NULL when memory is out. */
static void *copy_bytes(struct arena *a, const void *p, size_t n)
{
    void *mine = arena_alloc(a, n);
    if (mine && n)
        memcpy(mine, p, n);
    return mine;
}

struct edit *edits_render(struct edits *l, struct arena *a, size_t at, edit_render render,
                          const void *arg, size_t arg_size, enum edit_order order)
{
    void *mine = arg_size <= UINT32_MAX ? copy_bytes(a, arg, arg_size) : NULL;
    struct edit *e = mine ? edits_add(l, a, at, (uint8_t)order) : NULL;
    if (e) {
        e->render = render;
        e->arg = mine;
        e->arg_size = (uint32_t)arg_size;
    }
    return e;
}

int edits_copy(struct edits *out, const struct edits *in, struct arena *a)
{
    *out = (struct edits){0};
    struct edit **tail = &out->head;
    for (const struct edit *e = in->head; e; e = e->next) {
        struct edit *mine = copy_bytes(a, e, sizeof *e);
        if (!mine)
            return ERR_NOMEM;
        mine->next = NULL;
        mine->insert = arena_dup(a, e->insert);
        if (e->arg)
            mine->arg = copy_bytes(a, e->arg, e->arg_size);
        if (!mine->insert.p || (e->arg && !mine->arg))
            return ERR_NOMEM;
        *tail = mine;
        tail = &mine->next;
        out->count++;
    }
    return ERR_OK;
}

bool edits_removed(const struct edits *l, size_t at)
{
    for (const struct edit *e = l ? l->head : NULL; e && e->at <= at; e = e->next)
        if (at - e->at < e->remove)
            return true;
    return false;
}

struct edit *own_add(struct own_edits *o, size_t at, size_t remove, struct str text, uint8_t order)
{
    struct edit *e = &o->edit[o->count++], **p = &o->head;
    *e = (struct edit){
        .at = (uint32_t)at, .remove = (uint32_t)remove, .insert = text, .order = order};
    while (*p && (*p)->at <= at)
        p = &(*p)->next;
    e->next = *p;
    *p = e;
    return e;
}

/* Where bytes go: into a buffer, or only into a count. */
struct sink {
    struct buf *out;
    size_t count;
};

static void sink_add(struct sink *s, struct str text)
{
    s->count += text.len;
    if (s->out)
        buf_add(s->out, text);
}

static void sink_edit(struct sink *s, const struct edit *e, const struct send_info *info)
{
    char mem[RENDER_MAX];
    struct buf tmp;
    if (!e->render) {
        sink_add(s, e->insert);
    } else if (s->out) {
        e->render(s->out, e, info);
    } else {
        buf_fixed(&tmp, mem, sizeof mem);
        e->render(&tmp, e, info);
        s->count += tmp.len;
    }
}

/* The next edit of two sorted lists, those of a first where both have one. */
static const struct edit *take_next(const struct edit **a, const struct edit **b)
{
    const struct edit **from = *b && (!*a || (*b)->at < (*a)->at) ? b : a;
    const struct edit *e = *from;
    if (e)
        *from = e->next;
    return e;
}

/* One walk for writing and for counting. pos is the next received byte to copy; bytes before gone
 * are removed. */
static void splice(struct sink *s, const struct stretch *w)
{
    const struct edit *script = w->edits ? w->edits->head : NULL, *own = w->own, *e;
    size_t pos = w->from, gone = 0;
    while ((e = take_next(&script, &own)) != NULL) {
        if (e->at > w->to || (e->at == w->to && w->to < w->raw.len))
            break;
        if (e->at >= w->from) {
            if (e->at > pos && e->at > gone) {
                sink_add(s, str_sub(w->raw, pos > gone ? pos : gone, e->at));
                pos = e->at;
            }
            if (e->order != EDIT_UNLESS_GONE || e->at >= gone)
                sink_edit(s, e, w->info);
        }
        if (e->at + (size_t)e->remove > gone)
            gone = e->at + (size_t)e->remove;
    }
    sink_add(s, str_sub(w->raw, pos > gone ? pos : gone, w->to));
}

void edits_splice(struct buf *out, const struct stretch *w)
{
    struct sink s = {.out = out};
    splice(&s, w);
}

size_t edits_length(const struct stretch *w)
{
    struct sink s = {0};
    splice(&s, w);
    return s.count;
}

void edits_write(struct buf *out, struct str raw, size_t from, size_t to, const struct edits *l,
                 const struct send_info *info)
{
    struct stretch w = {.raw = raw, .from = from, .to = to, .edits = l, .info = info};
    if (from <= to && to <= raw.len)
        edits_splice(out, &w);
}
