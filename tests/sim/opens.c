/* For LD_PRELOAD: says on standard error what a program opens: files by name, sockets. */
/* SPDX-License-Identifier: MIT */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>

typedef int open_fn(const char *path, int flags, ...);
typedef int openat_fn(int dir, const char *path, int flags, ...);
typedef FILE *fopen_fn(const char *path, const char *mode);
typedef int socket_fn(int domain, int type, int protocol);

/* The function behind ours; a function pointer comes out of dlsym by way of a union. */
static void *behind(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

#define CALL(type, name)                                                                           \
    (((union {                                                                                     \
         void *p;                                                                                  \
         type *f;                                                                                  \
     }){behind(name)})                                                                             \
         .f)

static void tell(const char *what)
{
    dprintf(2, "opens %s\n", what);
}

int open(const char *path, int flags, ...)
{
    va_list ap;
    va_start(ap, flags);
    mode_t mode = flags & O_CREAT ? va_arg(ap, mode_t) : 0;
    va_end(ap);
    tell(path);
    return CALL(open_fn, "open")(path, flags, mode);
}

int openat(int dir, const char *path, int flags, ...)
{
    va_list ap;
    va_start(ap, flags);
    mode_t mode = flags & O_CREAT ? va_arg(ap, mode_t) : 0;
    va_end(ap);
    tell(path);
    return CALL(openat_fn, "openat")(dir, path, flags, mode);
}

FILE *fopen(const char *path, const char *mode)
{
    tell(path);
    return CALL(fopen_fn, "fopen")(path, mode);
}

int socket(int domain, int type, int protocol)
{
    tell("a socket");
    return CALL(socket_fn, "socket")(domain, type, protocol);
}
