/* Names of headers and methods, and the way from a name to its number. */
/* SPDX-License-Identifier: MIT */
#include "core/sip/header.h"

#include "core/sip/text.h"

enum { NONE = 0, SINGLE = HDR_IS_SINGLE, LIST = HDR_IS_LIST };

/* The name stands in the row itself: one load less on the way to it. */
struct row {
    char name[28];
    uint8_t length;
    char compact;
    uint8_t flags;
};

static const struct row rows[HDR_COUNT] = {
#define HDR(id, name, compact, flags, source) [HDR_##id] = {name, sizeof(name) - 1, compact, flags},
#include "core/sip/header.def"
#undef HDR
};

static const struct {
    struct str name;
    uint32_t bit;
} methods[] = {
#define METHOD(id, name, bit) {STR_INIT(name), bit},
#include "core/sip/method.def"
#undef METHOD
};

/* Filled from the list before main and constant from then on: slots of an open hash of the full
 * names, and the ids of the compact ones by letter. */
enum { SLOTS = 256 };
static uint8_t slots[SLOTS];
static uint8_t compact_ids[26];

_Static_assert(HDR_COUNT < SLOTS / 2, "the table of header names is too full");

static struct str row_name(const struct row *r)
{
    return str_make(r->name, r->length);
}

/* Without collisions over the names of the list. */
static inline unsigned slot_of(struct str s)
{
    unsigned first = (uint8_t)s.p[0] | 0x20, last = (uint8_t)s.p[s.len - 1] | 0x20;
    unsigned middle = (uint8_t)s.p[s.len / 2] | 0x20;
    return ((unsigned)s.len * 5 + first * 9 + last * 16 + middle * 7) % SLOTS;
}

__attribute__((constructor)) static void fill_slots(void)
{
    for (unsigned id = 1; id < HDR_COUNT; id++) {
        unsigned at = slot_of(row_name(&rows[id]));
        while (slots[at])
            at = (at + 1) % SLOTS;
        slots[at] = (uint8_t)id;
        if (rows[id].compact)
            compact_ids[rows[id].compact - 'a'] = (uint8_t)id;
    }
}

/* Whether the bytes are the same, letter for letter: words that overlap. Both have n >= 2. */
static inline bool same_spelling(const char *a, const char *b, size_t n)
{
    if (n < 4)
        return a[0] == b[0] && a[1] == b[1] && a[n - 1] == b[n - 1];
    if (n < 8) {
        uint32_t head[2], tail[2];
        memcpy(&head[0], a, 4);
        memcpy(&head[1], b, 4);
        memcpy(&tail[0], a + n - 4, 4);
        memcpy(&tail[1], b + n - 4, 4);
        return head[0] == head[1] && tail[0] == tail[1];
    }
    for (size_t i = 0; i + 8 < n; i += 8)
        if (load_word(a + i) != load_word(b + i))
            return false;
    return load_word(a + n - 8) == load_word(b + n - 8);
}

/* The same in any case, past collisions. */
static __attribute__((noinline)) enum hdr_id search(struct str name)
{
    for (unsigned at = slot_of(name); slots[at]; at = (at + 1) % SLOTS)
        if (str_ieq(row_name(&rows[slots[at]]), name))
            return slots[at];
    return HDR_OTHER;
}

enum hdr_id hdr_lookup(struct str name)
{
    if (name.len < 2)
        return name.len && ascii_alpha(name.p[0]) ? compact_ids[ascii_lower(name.p[0]) - 'a']
                                                  : HDR_OTHER;
    unsigned id = slots[slot_of(name)];
    if (id && rows[id].length == name.len && same_spelling(rows[id].name, name.p, name.len))
        return id; /* as the RFCs write it */
    return search(name);
}

const char *hdr_name(enum hdr_id id)
{
    return id > HDR_OTHER && id < HDR_COUNT ? rows[id].name : "";
}

unsigned hdr_flags(enum hdr_id id)
{
    return rows[id].flags;
}

uint32_t method_lookup(struct str name)
{
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (name.len && methods[i].name.p[0] == name.p[0] && str_eq(methods[i].name, name))
            return methods[i].bit;
    return METHOD_OTHER;
}

const char *method_name(uint32_t method)
{
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (methods[i].bit == method)
            return methods[i].name.p;
    return "";
}
