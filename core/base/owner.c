/* Owners and permissions of files. */
/* SPDX-License-Identifier: MIT */
#include "core/base/owner.h"

#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/err.h"

enum { OWNER_UNKNOWN = -2, NAME_MAX_ = 64, ID_MAX = 0x7ffffffe };

/* The name as a C string in mem, NULL when it is too long to be one. */
static const char *c_string(char mem[static NAME_MAX_], struct str s)
{
    if (s.len >= NAME_MAX_)
        return NULL;
    memcpy(mem, s.p, s.len);
    mem[s.len] = 0;
    return mem;
}

static long find_user(struct str name)
{
    char mem[NAME_MAX_], more[2048];
    struct passwd p, *found = NULL;
    uint32_t n;
    if (name.len == 0)
        return OWNER_UNSET;
    if (str_u32(&n, name, ID_MAX) == ERR_OK)
        return (long)n;
    if (!c_string(mem, name) || getpwnam_r(mem, &p, more, sizeof more, &found) != 0 || !found)
        return OWNER_UNKNOWN;
    return (long)found->pw_uid;
}

static long find_group(struct str name)
{
    char mem[NAME_MAX_], more[2048];
    struct group g, *found = NULL;
    uint32_t n;
    if (name.len == 0)
        return OWNER_UNSET;
    if (str_u32(&n, name, ID_MAX) == ERR_OK)
        return (long)n;
    if (!c_string(mem, name) || getgrnam_r(mem, &g, more, sizeof more, &found) != 0 || !found)
        return OWNER_UNKNOWN;
    return (long)found->gr_gid;
}

int owner_find(struct owner *out, struct str user, struct str group, unsigned mode, struct buf *why)
{
    *out = (struct owner){find_user(user), find_group(group), mode};
    if (out->user == OWNER_UNKNOWN)
        buf_printf(why, "there is no user %.*s", STR_ARG(user));
    else if (out->group == OWNER_UNKNOWN)
        buf_printf(why, "there is no group %.*s", STR_ARG(group));
    else
        return ERR_OK;
    return ERR_NOTFOUND;
}

int owner_give(const char *path, const struct owner *o)
{
    if (chmod(path, (mode_t)o->mode) != 0)
        return ERR_IO;
    if (o->user == OWNER_UNSET && o->group == OWNER_UNSET)
        return ERR_OK;
    return chown(path, (uid_t)o->user, (gid_t)o->group) == 0 ? ERR_OK : ERR_IO;
}
