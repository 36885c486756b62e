/* Responses of name servers: every length is looked at, and no name makes the reader go back. */
/* SPDX-License-Identifier: MIT */
#include "core/base/dns.h"

#include "core/base/err.h"

enum {
    HEADER = 12,
    TYPE_CNAME = 5,
    TYPE_SOA = 6,
    CLASS_IN = 1,
    RCODE_NAME_ERROR = 3,
    CHAIN = 8,    /* CNAMEs that lead to each other */
    WALKED = 128, /* records of a section that are looked at */
};

struct reader {
    const uint8_t *p;
    size_t at, end, len; /* the next byte, where the part at hand ends, all there is */
    bool failed;
};

static uint32_t number(struct reader *r, unsigned bytes)
{
    uint32_t v = 0;
    if (r->failed || r->end - r->at < bytes) {
        r->failed = true;
        return 0;
    }
    while (bytes--)
        v = v << 8 | r->p[r->at++];
    return v;
}

static bool label_fits(const uint8_t *p, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (p[i] <= ' ' || p[i] >= 127 || p[i] == '.')
            return false;
    return true;
}

/* A name in dots into mem. A pointer must lead to a place before the one it was met at, so that it
 * cannot lead round. Labels of other than visible bytes make no name of a host. */
static struct str read_name(struct reader *r, char mem[DNS_NAME + 1])
{
    size_t at = r->at, n = 0, bound = r->at;
    bool jumped = false;
    while (!r->failed) {
        if (at >= r->len || (!jumped && at >= r->end))
            break;
        unsigned c = r->p[at];
        if (c == 0) {
            if (!jumped)
                r->at = at + 1;
            return str_make(mem, n);
        }
        if (c >= 0xc0) {
            if (at + 1 >= r->len)
                break;
            size_t to = (c & 0x3fu) << 8 | r->p[at + 1];
            if (!jumped)
                r->at = at + 2;
            jumped = true;
            if (to >= bound)
                break;
            at = bound = to;
            continue;
        }
        if (c > 63 || at + 1 + c > r->len || n + c + 1 > DNS_NAME || !label_fits(r->p + at + 1, c))
            break;
        if (n)
            mem[n++] = '.';
        memcpy(mem + n, r->p + at + 1, c);
        n += c;
        at += c + 1;
    }
    r->failed = true;
    return STR_NONE;
}

static struct str read_text(struct reader *r)
{
    size_t n = number(r, 1);
    if (r->failed || r->end - r->at < n) {
        r->failed = true;
        return STR_NONE;
    }
    struct str s = str_make((const char *)r->p + r->at, n);
    r->at += n;
    return s;
}

/* The head of a record; the reader is then bound to its data. */
struct head {
    char mem[DNS_NAME + 1];
    struct str owner;
    uint32_t type, class, ttl;
    size_t next;
};

static bool read_head(struct reader *r, struct head *h)
{
    r->end = r->len;
    h->owner = read_name(r, h->mem);
    h->type = number(r, 2);
    h->class = number(r, 2);
    h->ttl = number(r, 4);
    size_t n = number(r, 2);
    if (r->failed || r->len - r->at < n) {
        r->failed = true;
        return false;
    }
    if (h->ttl > INT32_MAX)
        h->ttl = 0; /* RFC 2181 8 */
    r->end = h->next = r->at + n;
    return true;
}

static bool keep(struct str *out, struct str text, struct arena *a)
{
    *out = text.len ? arena_dup(a, text) : STR_NONE;
    return text.len == 0 || out->p;
}

/* The data of one record. False without memory; r->failed when it makes no sense. */
static bool read_data(struct reader *r, enum dns_type type, struct dns_record *out, struct arena *a)
{
    char mem[DNS_NAME + 1];
    struct str flags, text = STR_NONE;
    *out = (struct dns_record){.ip = {.family = 0}};
    switch (type) {
    case DNS_A:
    case DNS_AAAA:
        out->ip.family = type == DNS_A ? 4 : 6;
        for (unsigned i = 0; i < (type == DNS_A ? 4 : 16); i++)
            out->ip.b[i] = (uint8_t)number(r, 1);
        return true;
    case DNS_SRV:
        out->order = (uint16_t)number(r, 2);
        out->weight = (uint16_t)number(r, 2);
        out->port = (uint16_t)number(r, 2);
        break;
    case DNS_NAPTR:
        out->order = (uint16_t)number(r, 2);
        out->weight = (uint16_t)number(r, 2);
        flags = read_text(r);
        out->flag = flags.len == 1 ? ascii_lower(flags.p[0]) : 0;
        text = read_text(r);
        read_text(r); /* a regular expression: nothing that RFC 3263 uses */
        break;
    }
    struct str name = read_name(r, mem);
    return r->failed || (keep(&out->service, text, a) && keep(&out->name, name, a));
}

/* Puts the reader behind the questions; the name of the first is returned, in mem. */
static struct str read_questions(struct reader *r, unsigned n, char mem[DNS_NAME + 1])
{
    char other[DNS_NAME + 1];
    struct str first = STR_NONE;
    r->end = r->len;
    for (unsigned i = 0; i < n && !r->failed; i++) {
        struct str name = read_name(r, i ? other : mem);
        first = i ? first : name;
        number(r, 4);
    }
    return first;
}

/* Where the CNAMEs of the answers lead from name; mem holds it. */
static struct str follow(const struct reader *from, unsigned answers, struct str name,
                         char mem[DNS_NAME + 1], uint32_t *ttl)
{
    for (unsigned hops = 0; hops < CHAIN; hops++) {
        struct reader r = *from;
        struct head h;
        bool found = false;
        for (unsigned i = 0; i < answers && i < WALKED && !found && read_head(&r, &h); i++) {
            if (h.type == TYPE_CNAME && h.class == CLASS_IN && str_ieq(h.owner, name)) {
                char target[DNS_NAME + 1];
                struct str to = read_name(&r, target);
                if (r.failed)
                    return name;
                memcpy(mem, to.p, to.len);
                name = str_make(mem, to.len);
                *ttl = h.ttl < *ttl ? h.ttl : *ttl;
                found = true;
            }
            r.at = h.next;
        }
        if (!found)
            break;
    }
    return name;
}

static int collect(struct dns_answer *out, struct arena *a, struct reader *r, unsigned answers,
                   struct str name, enum dns_type type)
{
    struct head h;
    for (unsigned i = 0; i < answers && i < WALKED && out->n < DNS_RECORDS && read_head(r, &h);
         i++) {
        if (h.type == type && h.class == CLASS_IN && str_ieq(h.owner, name)) {
            struct reader data = *r;
            if (!read_data(&data, type, &out->record[out->n], a))
                return ERR_NOMEM;
            if (!data.failed) {
                out->n++;
                out->ttl = h.ttl < out->ttl ? h.ttl : out->ttl;
            }
        }
        r->at = h.next;
    }
    return ERR_OK;
}

/* How long the absence may be believed: the lesser of the SOA's own TTL and its last number (RFC
 * 2308 5). 0 without SOA. */
static uint32_t negative_ttl(struct reader r, unsigned answers, unsigned authorities)
{
    struct head h;
    char mem[DNS_NAME + 1];
    for (unsigned i = 0; i < answers + authorities && i < 2 * WALKED && read_head(&r, &h); i++) {
        if (i >= answers && h.type == TYPE_SOA) {
            read_name(&r, mem);
            read_name(&r, mem);
            for (unsigned k = 0; k < 4; k++)
                number(&r, 4);
            uint32_t least = number(&r, 4);
            least = r.failed ? 0 : least < h.ttl ? least : h.ttl;
            return least < DNS_LONGEST_NEGATIVE ? least : DNS_LONGEST_NEGATIVE;
        }
        r.at = h.next;
    }
    return 0;
}

int dns_parse(struct dns_answer *out, struct arena *a, struct str name, enum dns_type type,
              struct str bytes)
{
    struct reader r = {.p = (const uint8_t *)bytes.p, .end = bytes.len, .len = bytes.len};
    char mem[DNS_NAME + 1], question[DNS_NAME + 1];
    *out = (struct dns_answer){.status = DNS_BROKEN};
    if (bytes.len < HEADER)
        return ERR_OK;
    number(&r, 2);
    unsigned flags = number(&r, 2), questions = number(&r, 2), answers = number(&r, 2);
    unsigned authorities = number(&r, 2), rcode = flags & 15;
    number(&r, 2);
    struct str asked = read_questions(&r, questions, question);
    if (!(flags >> 15) || r.failed || (rcode != 0 && rcode != RCODE_NAME_ERROR))
        return ERR_OK;
    if (name.len == 0)
        name = asked;
    else if (name.p[name.len - 1] == '.')
        name.len--;
    struct reader start = r;
    out->record = arena_zalloc(a, DNS_RECORDS * sizeof *out->record);
    if (!out->record)
        return ERR_NOMEM;
    out->ttl = DNS_LONGEST;
    name = follow(&start, answers, name, mem, &out->ttl);
    int rc = collect(out, a, &r, answers, name, type);
    out->status = out->n ? DNS_FOUND : DNS_NONE;
    if (out->n == 0)
        out->ttl = negative_ttl(start, answers, authorities);
    return rc;
}

const char *dns_type_name(enum dns_type t)
{
    return t == DNS_A ? "A" : t == DNS_AAAA ? "AAAA" : t == DNS_SRV ? "SRV" : "NAPTR";
}

int dns_answer_copy(struct dns_answer *out, const struct dns_answer *in, struct arena *a)
{
    *out = *in;
    out->record = in->n ? arena_alloc(a, in->n * sizeof *out->record) : NULL;
    if (in->n && !out->record)
        return ERR_NOMEM;
    for (unsigned i = 0; i < in->n; i++) {
        out->record[i] = in->record[i];
        if (!keep(&out->record[i].service, in->record[i].service, a) ||
            !keep(&out->record[i].name, in->record[i].name, a))
            return ERR_NOMEM;
    }
    return ERR_OK;
}
