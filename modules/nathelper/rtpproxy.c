/* Media through RTPProxy: what is asked for a message, and its SDP put right (RFC 4566). */
/* SPDX-License-Identifier: MIT */
#include "modules/nathelper/rtpproxy.h"

enum { MEDIA_MAX = 16 };

/* Letters of force_rtp_proxy. */
enum flag {
    F_ASYMMETRIC = 1,
    F_TRUST = 2,
    F_LOOKUP = 4,
    F_FORCE = 8,
    F_ORIGIN = 16,
    F_SESSION = 32,
    F_SWAP = 64,
};

/* A stream of the body. */
struct media {
    struct str port;     /* in its m= line */
    struct media_ip ip;  /* of its own c= line; text is empty without */
    struct str new_port; /* what the proxy said */
    struct str new_ip;
};

/* What one call of force_rtp_proxy is about; in the call's arena. */
struct job {
    struct str body;
    unsigned flags;
    char options[16]; /* for the proxy */
    struct rtp_set *set;
    bool lookup;
    struct str given_ip; /* by the script */
    struct media_ip session, origin;
    struct media media[MEDIA_MAX];
    unsigned n, at; /* streams; the one that is asked for */
};

/* ---- reading ---- */

static bool known_protocol(struct str s)
{
    static const char *const known[] = {"udp",      "udptl",     "rtp/avp",
                                        "rtp/savp", "rtp/savpf", "rtp/avpf"};
    for (unsigned i = 0; i < sizeof known / sizeof *known; i++)
        if (str_ieq(s, str_from(known[i])))
            return true;
    return false;
}

/* "m=audio 5004[/2] RTP/AVP 0" */
static bool read_media(struct job *j, struct str line)
{
    struct str word, rest = line, port, count;
    uint32_t n;
    if (j->n == MEDIA_MAX || !str_cut(&word, &rest, ' ') || !str_cut(&port, &rest, ' ') ||
        !str_cut(&word, &rest, ' ') || !known_protocol(word))
        return false;
    count = port;
    str_cut(&port, &count, '/');
    if (str_u32(&n, port, 65535) != ERR_OK)
        return false;
    j->media[j->n++] = (struct media){.port = port};
    return true;
}

static bool read_line(struct job *j, struct str line)
{
    struct media_ip ip;
    if (line.len < 2 || line.p[1] != '=')
        return true;
    if (line.p[0] == 'm')
        return read_media(j, line);
    if ((line.p[0] == 'c' || line.p[0] == 'o') && nathelper_line_ip(line, &ip)) {
        if (line.p[0] == 'o')
            j->origin = ip;
        else if (j->n)
            j->media[j->n - 1].ip = ip;
        else
            j->session = ip;
    }
    return true;
}

/* False for what we cannot steer: no stream, one of another protocol, no address. */
static bool read_body(struct job *j)
{
    struct str rest = j->body, line;
    while (str_cut(&line, &rest, '\n'))
        if (!read_line(j, str_trim(line)))
            return false;
    for (unsigned i = 0; i < j->n; i++)
        if (!j->media[i].ip.text.len && !j->session.text.len)
            return false;
    return j->n > 0;
}

static bool is_off(const struct media *m)
{
    return str_eq(m->port, STR("0"));
}

/* ---- asking ---- */

static struct rtp_set *set_of(struct call *c)
{
    const struct nathelper_slot *s = call_slot(c, &nathelper_module);
    return rtp_find_set(call_conf(c, &nathelper_module), s ? s->rtp_set : 0);
}

static bool is_on_hold(struct str ip)
{
    struct ip a;
    return ip_parse(&a, ip) == ERR_OK && ip_is_any(&a);
}

/* Texts of a command are words: nothing in a message may make two of one. */
static bool is_word(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.p[i] <= ' ' || s.p[i] == ';')
            return false;
    return s.len > 0;
}

static int asked(struct call *c, void *arg, int status, struct str answer);
static int apply(struct call *c, struct job *j);

/* "U callid address port from_tag;n to_tag;n", L when it is only looked up. */
static int ask_next(struct call *c, struct job *j)
{
    const struct msg *m = c->msg;
    char mem[IP_TEXT];
    while (j->at < j->n && is_off(&j->media[j->at]))
        j->at++;
    if (j->at == j->n)
        return apply(c, j);
    const struct media *d = &j->media[j->at];
    struct media_ip ip = d->ip.text.len ? d->ip : j->session;
    bool trust = j->flags & (F_TRUST | F_ASYMMETRIC) || is_on_hold(ip.text);
    struct str address = trust ? ip.text : ip_text(mem, &m->src.ip);
    bool six = trust ? ip.family == 6 : m->src.ip.family == 6;
    struct str command = arena_printf(
        c->arena, "%c%s%s %.*s %.*s %.*s %.*s;%u%s%.*s", j->lookup ? 'L' : 'U', j->options,
        six ? "6" : "", STR_ARG(m->call_id), STR_ARG(address), STR_ARG(d->port),
        STR_ARG(m->from_tag), j->at + 1, m->to_tag.len ? " " : "", STR_ARG(m->to_tag));
    if (m->to_tag.len && command.p)
        command = arena_printf(c->arena, "%.*s;%u", STR_ARG(command), j->at + 1);
    return command.p && is_word(ip.text) ? rtp_ask(c, j->set, command, asked, j) : -1;
}

/* "35000" or "35000 192.0.2.1"; 0 says no. */
static int asked(struct call *c, void *arg, int status, struct str answer)
{
    struct job *j = arg;
    struct media *d = &j->media[j->at];
    char mem[IP_TEXT];
    struct str port, rest = answer;
    struct ip ip = c->msg->local.ip;
    uint32_t n;
    if (status != ERR_OK)
        return -1;
    str_cut(&port, &rest, ' ');
    struct str address;
    if (str_u32(&n, port, 65535) != ERR_OK || n == 0) {
        if (!j->lookup)
            log_err("nathelper: RTPProxy refuses: %.*s", STR_ARG(answer));
        return -1;
    }
    if (rest.p && str_cut(&address, &rest, ' ') && str_trim(address).len &&
        ip_parse(&ip, str_trim(address)) != ERR_OK)
        return -1;
    if (j->given_ip.len && ip_parse(&ip, j->given_ip) != ERR_OK)
        return -1;
    d->new_port = arena_dup(c->arena, port);
    d->new_ip = arena_dup(c->arena, ip_text(mem, &ip));
    if (!d->new_port.p || !d->new_ip.p)
        return -1;
    j->at++;
    return ask_next(c, j);
}

/* ---- writing ---- */

static bool replace(struct call *c, struct str old, struct str new)
{
    return edits_replace(&c->edits, c->arena, offset_of(c, old.p), old.len, new) != NULL;
}

/* The address, and the family before it when that changes; 0.0.0.0 means hold and stays. */
static bool replace_ip(struct call *c, const struct media_ip *old, struct str new)
{
    bool six = str_find(new, ':', 0) >= 0;
    if (is_on_hold(old->text))
        return true;
    if (six != (old->family == 6)) {
        struct str digit = str_make(old->text.p - 2, 1); /* "IP4 address" */
        if (!replace(c, digit, six ? STR("6") : STR("4")))
            return false;
    }
    return replace(c, old->text, new);
}

static bool append_mark(struct call *c, const struct job *j)
{
    const struct nathelper_conf *conf = call_conf(c, &nathelper_module);
    struct str mark = conf->nortpproxy_str;
    if (mark.len == 0 || str_search(j->body, mark, 0) >= 0)
        return true;
    struct str text = arena_printf(c->arena, "%s%.*s\r\n",
                                   str_ends(j->body, STR("\n")) ? "" : "\r\n", STR_ARG(mark));
    return text.p && edits_insert(&c->edits, c->arena, offset_of(c, j->body.p + j->body.len), text,
                                  EDIT_PLAIN);
}

static int apply(struct call *c, struct job *j)
{
    struct str session = STR_NONE; /* what the session's c= line becomes */
    bool good = true;
    for (unsigned i = 0; i < j->n && good; i++) {
        const struct media *d = &j->media[i];
        if (!d->new_port.len)
            continue;
        good = replace(c, d->port, d->new_port);
        if (d->ip.text.len)
            good = good && replace_ip(c, &d->ip, d->new_ip);
        if (!session.len && (!d->ip.text.len || j->flags & F_SESSION))
            session = d->new_ip;
    }
    if (session.len && j->session.text.len)
        good = good && replace_ip(c, &j->session, session);
    for (unsigned i = 0; i < j->n && j->flags & F_ORIGIN && j->origin.text.len; i++)
        if (j->media[i].new_ip.len) {
            good = good && replace_ip(c, &j->origin, j->media[i].new_ip);
            break;
        }
    return good && append_mark(c, j) ? 1 : -1;
}

/* ---- functions ---- */

static bool read_flags(struct job *j, struct str letters)
{
    unsigned n = 0;
    for (size_t i = 0; i < letters.len; i++) {
        static const char known[] = "arlfiewocs";
        char l = ascii_lower(letters.p[i]);
        if (!l || !strchr(known, l))
            return false;
        j->flags |= l == 'a'   ? F_ASYMMETRIC
                    : l == 'r' ? F_TRUST
                    : l == 'l' ? F_LOOKUP
                    : l == 'f' ? F_FORCE
                    : l == 'o' ? F_ORIGIN
                    : l == 'c' ? F_SESSION
                    : l == 's' ? F_SWAP
                               : 0u;
        const char *said = l == 'a' ? "A" : l == 'i' ? "I" : l == 'e' ? "E" : l == 'w' ? "S" : "";
        if (*said && n + 2 < sizeof j->options)
            j->options[n++] = *said;
    }
    return true;
}

int nathelper_force_rtp(struct call *c, const struct arg *args, unsigned n)
{
    const struct nathelper_conf *conf = call_conf(c, &nathelper_module);
    struct job *j = arena_zalloc(c->arena, sizeof *j);
    if (!j || (n && !read_flags(j, args[0].v.s)))
        return -1;
    j->body = nathelper_sdp(c->msg);
    j->set = set_of(c);
    j->given_ip = n > 1 ? arena_dup(c->arena, args[1].v.s) : STR_NONE;
    bool marked = conf->nortpproxy_str.len && str_search(j->body, conf->nortpproxy_str, 0) >= 0;
    if (j->body.len == 0 || !j->set || (marked && !(j->flags & F_FORCE)) || !read_body(j))
        return -1;
    j->lookup = c->msg->request == ((j->flags & F_SWAP) != 0) || j->flags & F_LOOKUP;
    if (!is_word(c->msg->call_id) || !is_word(c->msg->from_tag) ||
        (c->msg->to_tag.len ? !is_word(c->msg->to_tag) : j->lookup))
        return -1;
    return ask_next(c, j);
}

static int told(struct call *c, void *arg, int status, struct str answer)
{
    (void)c, (void)arg;
    return status == ERR_OK && !str_starts(answer, STR("E")) ? 1 : -1;
}

static int simple(struct call *c, char letter)
{
    const struct msg *m = c->msg;
    struct rtp_set *set = set_of(c);
    if (!set || !is_word(m->call_id) || !is_word(m->from_tag) ||
        (m->to_tag.len && !is_word(m->to_tag)))
        return -1;
    struct str command =
        arena_printf(c->arena, "%c %.*s %.*s%s%.*s", letter, STR_ARG(m->call_id),
                     STR_ARG(m->from_tag), m->to_tag.len ? " " : "", STR_ARG(m->to_tag));
    return command.p ? rtp_ask(c, set, command, told, NULL) : -1;
}

int nathelper_unforce_rtp(struct call *c, const struct arg *args, unsigned n)
{
    (void)args, (void)n;
    return simple(c, 'D');
}

int nathelper_record(struct call *c, const struct arg *args, unsigned n)
{
    (void)args, (void)n;
    return simple(c, 'R');
}

int nathelper_rtp_set(struct call *c, const struct arg *args, unsigned n)
{
    struct nathelper_slot *s = call_slot(c, &nathelper_module);
    (void)n;
    if (s)
        s->rtp_set = (uint32_t)args[0].v.i;
    return s ? 1 : -1;
}

/* ---- at load ---- */

int nathelper_check_rtp(struct prepare *p, unsigned argn, struct str text, struct arg *out)
{
    const struct nathelper_conf *conf = prepare_conf(p, &nathelper_module.symbols);
    struct job j = {.flags = 0};
    (void)out;
    if (conf && !conf->rtp_sets) {
        buf_printf(p->error, "the parameter rtpproxy_sock of nathelper is not set");
        return ERR_INVALID;
    }
    if (argn == 0 && text.len && !read_flags(&j, text)) {
        buf_printf(p->error, "\"%.*s\" has a letter that is none of a r l f i e w o c s",
                   STR_ARG(text));
        return ERR_INVALID;
    }
    return ERR_OK;
}

int nathelper_check_set(struct prepare *p, unsigned argn, struct str text, struct arg *out)
{
    const struct nathelper_conf *conf = prepare_conf(p, &nathelper_module.symbols);
    uint32_t id;
    (void)argn, (void)out;
    if (conf && str_u32(&id, text, INT32_MAX) == ERR_OK && rtp_find_set(conf, id))
        return ERR_OK;
    buf_printf(p->error, "rtpproxy_sock declares no set %.*s", STR_ARG(text));
    return ERR_NOTFOUND;
}
