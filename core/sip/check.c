/* Whether a request is one that a proxy may route (RFC 3261 16.3): what it must understand is
 * checked strictly, everything else is let through. */
/* SPDX-License-Identifier: MIT */
#include "core/base/err.h"
#include "core/sip/text.h"
#include "core/sip/values.h"

enum { CSEQ_LIMIT = 0x7fffffff, MAX_FORWARDS_LIMIT = 255 };

static const struct fault fine = {0, ""};

static struct fault bad(const char *reason)
{
    return (struct fault){400, reason};
}

static struct fault check_uri(struct msg *m)
{
    return msg_uri(m) ? fine : bad("Bad Request-URI");
}

/* Enough for a URI that is only carried along: a scheme and something visible behind it. RFC 3261
 * itself once writes one without scheme (23.4.3), so "bob@example.com" passes too. */
static bool uri_plausible(struct str text)
{
    struct str scheme = uri_scheme_text(text);
    if (scheme.len)
        return text.len > scheme.len + 1 && str_find(text, ' ', 0) < 0 &&
               find_control(text.p, text.p + text.len) == text.p + text.len;
    for (size_t i = 0; i < text.len; i++)
        if (!char_is(text.p[i], CH_USER | CH_PARAM) && text.p[i] != '@')
            return false;
    return text.len && (ascii_alpha(text.p[0]) || ascii_digit(text.p[0]));
}

/* From or To: one tag at most, and not an empty one. */
static struct fault check_party(const struct nameaddr *n, struct str tag, const char *missing,
                                const char *wrong, bool there)
{
    struct str rest, name, value;
    unsigned tags = 0;
    if (!there)
        return bad(missing);
    if (!n || !uri_plausible(n->uri))
        return bad(wrong);
    if (tag.len && tag.len + 4 == n->params.len) /* "tag=" and the tag, as nearly always */
        return fine;
    for (rest = n->params; rest.len && param_next(&rest, &name, &value);)
        if (text_ieq(name, STR("tag")) && (++tags > 1 || value.len == 0))
            return bad(wrong);
    return fine;
}

static struct fault check_call_id(const struct msg *m)
{
    if (!msg_header(m, HDR_CALL_ID))
        return bad("Missing Call-ID");
    for (size_t i = 0; i < m->call_id.len; i++)
        if ((uint8_t)m->call_id.p[i] <= 0x20)
            return bad("Bad Call-ID");
    return m->call_id.len ? fine : bad("Bad Call-ID");
}

static struct fault check_cseq(const struct msg *m)
{
    if (!msg_header(m, HDR_CSEQ))
        return bad("Missing CSeq");
    if (m->cseq > CSEQ_LIMIT)
        return bad("Bad CSeq");
    return str_eq(m->cseq_method, m->method_text) ? fine : bad("CSeq Method Mismatch");
}

static struct fault check_max_forwards(const struct msg *m)
{
    const struct hdr *h = msg_header(m, HDR_MAX_FORWARDS);
    uint32_t n;
    return h && str_u32(&n, h->value, MAX_FORWARDS_LIMIT) ? bad("Bad Max-Forwards") : fine;
}

/* The branch must be more than its cookie (RFC 4475 3.2.1), and there must be no more hops than we
 * count. */
static struct fault check_vias(const struct msg *m)
{
    unsigned count = 0;
    struct str rest, one;
    if (str_eq(m->via.branch, STR("z9hG4bK")))
        return bad("Bad Via Branch");
    for (const struct hdr *h = msg_header(m, HDR_VIA); h; h = msg_header_next(m, h))
        for (rest = h->value; value_cut(&rest, &one);) {
            if (one.len == 0)
                return bad("Bad Via");
            if (++count > MSG_MAX_VIAS)
                return bad("Too Many Vias");
        }
    return fine;
}

/* 0 to 1 with up to three decimals; a missing one is fine. */
static bool qvalue_valid(const struct nameaddr *n)
{
    struct str q;
    if (!param_find(n->params, STR("q"), &q))
        return true;
    if (q.len == 0 || q.len > 5 || (q.p[0] != '0' && q.p[0] != '1') || (q.len > 1 && q.p[1] != '.'))
        return false;
    for (size_t i = 2; i < q.len; i++)
        if (!ascii_digit(q.p[i]) || (q.p[0] == '1' && q.p[i] != '0'))
            return false;
    return true;
}

/* In a REGISTER the q value is left to the registrar, which says more about it. */
static bool contact_valid(const struct msg *m, struct str text)
{
    struct nameaddr n;
    struct uri u;
    return nameaddr_parse(&n, text) == ERR_OK && uri_parse(&u, n.uri) == ERR_OK &&
           (m->method == METHOD_REGISTER || qvalue_valid(&n));
}

/* Contact becomes a target by registration or redirection, so all of it must be well-formed. */
static struct fault check_contacts(const struct msg *m)
{
    unsigned count = 0, stars = 0;
    struct str rest, one;
    for (const struct hdr *h = msg_header(m, HDR_CONTACT); h; h = msg_header_next(m, h))
        for (rest = h->value; value_cut(&rest, &one); count++) {
            if (str_eq(one, STR("*")))
                stars++;
            else if (!contact_valid(m, one))
                return bad("Bad Contact");
        }
    return stars && count > 1 ? bad("Bad Contact") : fine;
}

static struct fault check_extensions(const struct msg *m)
{
    struct value_iter it = {0};
    if (msg_value_next(m, HDR_PROXY_REQUIRE, &it))
        return (struct fault){420, "Bad Extension"};
    return fine;
}

static struct fault check_all(struct msg *m)
{
    struct fault f = m->fault;
    if (!f.code)
        f = check_vias(m);
    if (!f.code)
        f = check_cseq(m);
    if (!f.code)
        f = check_call_id(m);
    if (!f.code)
        f = check_party(msg_from(m), m->from_tag, "Missing From", "Bad From",
                        msg_header(m, HDR_FROM));
    if (!f.code)
        f = check_party(msg_to(m), m->to_tag, "Missing To", "Bad To", msg_header(m, HDR_TO));
    if (!f.code)
        f = check_max_forwards(m);
    if (!f.code)
        f = check_uri(m);
    if (!f.code)
        f = check_contacts(m);
    if (!f.code)
        f = check_extensions(m);
    return f;
}

struct fault msg_check(struct msg *m)
{
    struct msg_values *v = msg_values_of(m);
    if (!v)
        return (struct fault){500, "Out of Memory"};
    if (!v->was_checked) {
        v->checked = m->request ? check_all(m) : m->fault;
        v->was_checked = true;
    }
    return v->checked;
}
