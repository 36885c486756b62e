/* signalbox ctl: asks a running server, through the named pipe or socket it serves. */
/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/addr.h"
#include "core/base/err.h"
#include "core/proxy/mi.h"
#include "core/tools.h"

enum { PATIENCE = 40000 /* ms: longer than a request of t_uac_dlg may take */ };

/* What is wrong with where. */
static int complain(const char *where, const char *what)
{
    fprintf(stderr, "signalbox: %s: %s\n", where, what);
    return 2;
}

/* ":command:reply", an argument a line in quotes, an empty line. */
static struct str write_request(struct arena *a, const struct options *o, const char *reply)
{
    struct buf b;
    buf_init(&b, a, 256);
    buf_printf(&b, ":%s:%s\n", o->args[1], reply);
    for (int i = 2; i < o->n_args; i++) {
        buf_char(&b, '"');
        for (const char *p = o->args[i]; *p; p++) {
            if (*p == '"' || *p == '\\')
                buf_char(&b, '\\');
            buf_char(&b, *p);
        }
        buf_add(&b, STR("\"\n"));
    }
    buf_char(&b, '\n');
    return buf_str(&b);
}

/* Prints an answer; 0 when its code says yes. */
static int show(struct str text, bool *begun, bool *good)
{
    if (!*begun && text.len) {
        *begun = true;
        *good = text.p[0] == '2';
    }
    fwrite(text.p, 1, text.len, stdout);
    return 0;
}

/* Reads to the end of what the server sends: the end of a pipe, or one datagram. */
static int read_answer(const char *where, int fd, bool datagram)
{
    char text[65536];
    bool begun = false, good = false;
    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (poll(&p, 1, PATIENCE) <= 0)
            return complain(where, "no answer came");
        ssize_t n = read(fd, text, sizeof text);
        if (n <= 0)
            break;
        show(str_make(text, (size_t)n), &begun, &good);
        if (datagram)
            break;
    }
    return begun && good ? 0 : 1;
}

/* ---- a named pipe ---- */

static int send_to_pipe(const char *path, struct str request)
{
    int fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return complain(path, "no server listens there");
    bool whole = write(fd, request.p, request.len) == (ssize_t)request.len;
    close(fd);
    return whole ? 0 : complain(path, "the request does not fit");
}

/* The answer comes by a pipe of our own, where the server looks for it unless reply_dir differs. */
static int ask_pipe(struct arena *a, const struct options *o)
{
    char path[64];
    snprintf(path, sizeof path, "/tmp/signalbox_ctl_%ld", (long)getpid());
    if (mkfifo(path, 0622) != 0 || chmod(path, 0622) != 0)
        return complain(path, strerror(errno));
    int rc = 2, fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0)
        rc = send_to_pipe(o->args[0], write_request(a, o, path + strlen("/tmp/")));
    if (fd >= 0 && rc == 0)
        rc = read_answer(o->args[0], fd, false);
    if (fd >= 0)
        close(fd);
    unlink(path);
    return rc;
}

/* ---- datagrams ---- */

static int ask_datagram(int fd, const struct sockaddr *to, socklen_t len, struct arena *a,
                        const struct options *o)
{
    struct str request = write_request(a, o, "");
    if (sendto(fd, request.p, request.len, 0, to, len) != (ssize_t)request.len)
        return complain(o->args[0], "no server listens there");
    return read_answer(o->args[0], fd, true);
}

static int ask_unix(struct arena *a, const struct options *o)
{
    struct sockaddr_un own = {.sun_family = AF_UNIX}, to = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    snprintf(own.sun_path, sizeof own.sun_path, "/tmp/signalbox_ctl_%ld", (long)getpid());
    snprintf(to.sun_path, sizeof to.sun_path, "%s", o->args[0]);
    if (fd < 0 || bind(fd, (struct sockaddr *)&own, sizeof own) != 0)
        return complain(own.sun_path, strerror(errno));
    chmod(own.sun_path, 0622);
    int rc = ask_datagram(fd, (struct sockaddr *)&to, sizeof to, a, o);
    unlink(own.sun_path);
    close(fd);
    return rc;
}

/* "udp:address:port" */
static int ask_udp(struct arena *a, const struct options *o)
{
    struct str text = str_from(o->args[0] + 4), host;
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    struct ip ip;
    uint32_t port;
    size_t colon = text.len;
    while (colon && text.p[colon - 1] != ':')
        colon--;
    host = str_sub(text, 0, colon ? colon - 1 : 0);
    if (ip_parse(&ip, host) != ERR_OK ||
        str_u32(&port, str_sub(text, colon, text.len), 65535) != ERR_OK)
        return complain(o->args[0], "it is written udp:ADDRESS:PORT");
    in.sin_port = in6.sin6_port = htons((uint16_t)port);
    memcpy(&in.sin_addr, ip.b, sizeof in.sin_addr);
    memcpy(&in6.sin6_addr, ip.b, sizeof in6.sin6_addr);
    int fd = socket(ip.family == 4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return complain(o->args[0], strerror(errno));
    int rc = ip.family == 4 ? ask_datagram(fd, (struct sockaddr *)&in, sizeof in, a, o)
                            : ask_datagram(fd, (struct sockaddr *)&in6, sizeof in6, a, o);
    close(fd);
    return rc;
}

int tool_ctl(const struct options *o, const struct module_set *set)
{
    struct stat s;
    struct arena a;
    int rc;
    (void)set;
    if (o->n_args < 2)
        return options_usage(o);
    arena_init(&a, NULL, 1024);
    if (strncmp(o->args[0], "udp:", 4) == 0)
        rc = ask_udp(&a, o);
    else if (stat(o->args[0], &s) != 0)
        rc = complain(o->args[0], strerror(errno));
    else if (S_ISFIFO(s.st_mode))
        rc = ask_pipe(&a, o);
    else if (S_ISSOCK(s.st_mode))
        rc = ask_unix(&a, o);
    else
        rc = complain(o->args[0], "it is neither a named pipe nor a unix socket");
    arena_reset(&a);
    return rc;
}
