/* The RTPProxies that a script names: "[set ==] url[=weight] url ...". */
/* SPDX-License-Identifier: MIT */
#include <sys/un.h>

#include "modules/nathelper/rtpproxy.h"

enum { DEFAULT_PORT = 22222 };

static int complain(struct prepare *p, struct str url, const char *what)
{
    buf_printf(p->error, "rtpproxy_sock \"%.*s\" %s", STR_ARG(url), what);
    return ERR_INVALID;
}

struct rtp_set *rtp_find_set(const struct nathelper_conf *conf, uint32_t id)
{
    struct rtp_set *s = conf->rtp_sets;
    while (s && s->id != id)
        s = s->next;
    return s;
}

static struct rtp_set *get_set(struct prepare *p, struct nathelper_conf *conf, uint32_t id)
{
    struct rtp_set *s = rtp_find_set(conf, id);
    if (s || !(s = arena_zalloc(p->arena, sizeof *s)))
        return s;
    s->id = id;
    s->next = conf->rtp_sets;
    conf->rtp_sets = s;
    return s;
}

/* "host[:port]", an IPv6 host in brackets, or as it is with six. */
static int read_address(struct prepare *p, struct rtp_node *n, struct str text, bool six)
{
    uint32_t port = DEFAULT_PORT;
    size_t colon = text.len;
    bool brackets = text.len && text.p[0] == '[';
    while (colon && text.p[colon - 1] != ':' && text.p[colon - 1] != ']')
        colon--;
    bool has_port = colon && text.p[colon - 1] == ':' && (!six || brackets || colon > 1);
    struct str host = has_port ? str_sub(text, 0, colon - 1) : text;
    if (str_eq(host, STR("localhost")))
        host = six ? STR("::1") : STR("127.0.0.1");
    if (has_port && (str_u32(&port, str_sub(text, colon, text.len), 65535) != ERR_OK || !port))
        return complain(p, n->url, "has an impossible port");
    if (ip_parse(&n->addr.ip, host) != ERR_OK || (n->addr.ip.family == 6) != six)
        return complain(p, n->url, "has no address there: names are not looked up");
    n->addr.port = (uint16_t)port;
    n->addr.proto = PROTO_UDP;
    return ERR_OK;
}

static int read_url(struct prepare *p, struct rtp_node *n, struct str url)
{
    n->url = url;
    if (str_istarts(url, STR("udp:")))
        return read_address(p, n, str_sub(url, 4, url.len), false);
    if (str_istarts(url, STR("udp6:")))
        return read_address(p, n, str_sub(url, 5, url.len), true);
    n->path = str_istarts(url, STR("unix:")) ? str_sub(url, 5, url.len) : url;
    if (n->path.len == 0 || n->path.p[0] != '/')
        return complain(p, url, "is neither udp:address:port, udp6:address:port nor a path");
    if (n->path.len >= sizeof((struct sockaddr_un *)NULL)->sun_path)
        return complain(p, url, "is too long a path");
    return ERR_OK;
}

static int add_one(struct prepare *p, struct rtp_set *s, struct str word)
{
    ptrdiff_t equal = str_find(word, '=', 0);
    struct str url = equal < 0 ? word : str_sub(word, 0, (size_t)equal);
    uint32_t weight = 1;
    if (equal >= 0 &&
        (str_u32(&weight, str_sub(word, (size_t)equal + 1, word.len), 1000) != ERR_OK || !weight))
        return complain(p, word, "has no weight from 1 to 1000");
    if (s->n == RTP_NODES)
        return complain(p, word, "is one too many for its set");
    struct rtp_node *n = &s->node[s->n++];
    n->weight = weight;
    return read_url(p, n, url);
}

int rtp_add_socks(struct prepare *p, void *data, const struct value *v)
{
    struct str rest = v->s, word;
    ptrdiff_t equals = str_search(rest, STR("=="), 0);
    uint32_t id = 0;
    if (equals >= 0) {
        if (str_u32(&id, str_trim(str_sub(rest, 0, (size_t)equals)), INT32_MAX) != ERR_OK)
            return complain(p, rest, "has no number of a set before ==");
        rest = str_sub(rest, (size_t)equals + 2, rest.len);
    }
    struct rtp_set *s = get_set(p, data, id);
    if (!s)
        return ERR_NOMEM;
    while (str_cut(&word, &rest, ' ')) {
        word = str_trim(word);
        int rc = word.len ? add_one(p, s, word) : ERR_OK;
        if (rc != ERR_OK)
            return rc;
    }
    return s->n ? ERR_OK : complain(p, v->s, "names no proxy");
}
