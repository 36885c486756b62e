/* The load generator's phones that register, and prove a password when they are asked for one. */
/* SPDX-License-Identifier: MIT */
#include "load.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "core/base/sum.h"

unsigned long scatter(unsigned long i, unsigned long n)
{
    unsigned long long z = (i + 1) * 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    return (unsigned long)((z ^ (z >> 31)) % n);
}

static unsigned long user_of(const struct load *l, unsigned long n)
{
    return l->kind == FILL ? n : scatter(n, l->users);
}

static void send_with(struct load *l, unsigned long n, unsigned long cseq, const char *credentials)
{
    char text[BYTES];
    unsigned long user = user_of(l, n);
    int len = snprintf(text, sizeof text,
                       "REGISTER sip:127.0.0.1:%u SIP/2.0\r\n"
                       "Via: SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bKr%u.%lu.%lu\r\n"
                       "Max-Forwards: 70\r\nFrom: <sip:u%lu@127.0.0.1>;tag=a%lu\r\n"
                       "To: <sip:u%lu@127.0.0.1>\r\nCall-ID: load-%u-%lu@127.0.0.1\r\n"
                       "CSeq: %lu REGISTER\r\nContact: <sip:u%lu@127.0.0.1:%u>\r\n%s"
                       "Expires: 3600\r\nContent-Length: 0\r\n\r\n",
                       ntohs(l->proxy.sin_port), l->port[CALLER], l->run, n, cseq, user, n, user,
                       l->run, n, cseq, user, l->port[CALLEE], credentials);
    for (unsigned i = 0; i < l->repeat; i++)
        send_text(l, CALLER, text, (size_t)len);
}

void send_register(struct load *l, unsigned long n)
{
    send_with(l, n, n + 1, "");
}

/* The value of a quoted parameter of a challenge. */
static bool quoted(const char *challenge, const char *name, char *out, size_t cap)
{
    const char *p = strstr(challenge, name);
    if (!p)
        return false;
    p += strlen(name);
    size_t n = strcspn(p, "\"");
    if (n >= cap)
        return false;
    memcpy(out, p, n);
    out[n] = 0;
    return true;
}

enum { MD5_DIGITS = 32 };

static void md5(char out[MD5_DIGITS + 1], const char *text)
{
    uint8_t bytes[SUM_MOST];
    struct sum s;
    sum_begin(&s, SUM_MD5);
    sum_add(&s, str_from(text));
    sum_end(&s, bytes);
    for (unsigned i = 0; i < MD5_DIGITS / 2; i++)
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

bool send_password(struct load *l, unsigned long n, const char *msg)
{
    char challenge[512], realm[64], nonce[256], text[512], ha1[MD5_DIGITS + 1], ha2[MD5_DIGITS + 1];
    char response[MD5_DIGITS + 1];
    unsigned long user = user_of(l, n);
    unsigned port = ntohs(l->proxy.sin_port);
    if (!header(msg, "\nWWW-Authenticate: ", challenge, sizeof challenge) ||
        !quoted(challenge, "realm=\"", realm, sizeof realm) ||
        !quoted(challenge, "nonce=\"", nonce, sizeof nonce))
        return false;
    snprintf(text, sizeof text, "u%lu:%s:p%lu", user, realm, user);
    md5(ha1, text);
    snprintf(text, sizeof text, "REGISTER:sip:127.0.0.1:%u", port);
    md5(ha2, text);
    snprintf(text, sizeof text, "%s:%s:%s", ha1, nonce, ha2);
    md5(response, text);
    snprintf(text, sizeof text,
             "Authorization: Digest username=\"u%lu\", realm=\"%s\", nonce=\"%s\", "
             "uri=\"sip:127.0.0.1:%u\", response=\"%s\", algorithm=MD5\r\n",
             user, realm, nonce, port, response);
    send_with(l, n, n + 2, text);
    return true;
}
