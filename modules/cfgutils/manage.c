/* cfgutils' management commands: the probability, shared variables, and the file of hash_file. */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "modules/cfgutils/priv.h"

/* ---- the probability ---- */

static enum mi_next set_prob(struct mi *m)
{
    struct cfgutils_state *s = mi_state(m);
    uint32_t percent;
    if (str_u32(&percent, mi_arg(m, 0), 100) != ERR_OK)
        return mi_fail(m, 400, "Bad parameter: a probability from 0 to 100");
    atomic_store(&s->probability, (int32_t)percent);
    return MI_DONE;
}

static enum mi_next reset_prob(struct mi *m)
{
    struct cfgutils_state *s = mi_state(m);
    const struct cfgutils_conf *conf = mi_conf(m);
    atomic_store(&s->probability, conf->initial_probability);
    return MI_DONE;
}

static enum mi_next get_prob(struct mi *m)
{
    struct cfgutils_state *s = mi_state(m);
    mi_line(m, 0, NULL, "The actual probability is %d percent.", atomic_load(&s->probability));
    return MI_DONE;
}

/* ---- shared variables ---- */

static void put_shv(void *arg, struct str name, const struct value *v)
{
    struct mi *m = arg;
    char digits[VALUE_TEXT];
    mi_text(m, 0, "VAR", name);
    mi_attr_text(m, "type", v->flags & VAL_STR ? STR("string") : STR("integer"));
    mi_attr_text(m, "value", value_text(v, digits));
}

static enum mi_next shv_get(struct mi *m)
{
    struct str name = mi_args(m) ? mi_arg(m, 0) : STR_NONE;
    unsigned n = cfgutils_each_shv(mi_state(m), mi_conf(m), name, put_shv, m);
    return n || !name.len ? MI_DONE : mi_fail(m, 404, "Not found");
}

static enum mi_next shv_set(struct mi *m)
{
    struct str type = mi_arg(m, 1), text = mi_arg(m, 2);
    bool minus = text.len && text.p[0] == '-';
    struct value v = value_str(text);
    uint32_t n;
    if (str_ieq(type, STR("int")) || str_ieq(type, STR("integer"))) {
        if (str_u32(&n, str_sub(text, minus, text.len), INT32_MAX) != ERR_OK)
            return mi_fail(m, 400, "Bad value: no number");
        v = value_int(minus ? -(int32_t)n : (int32_t)n);
    } else if (!str_ieq(type, STR("str")) && !str_ieq(type, STR("string"))) {
        return mi_fail(m, 400, "Bad type: int and str are");
    }
    if (mi_arg(m, 0).len == 0)
        return mi_fail(m, 400, "Bad name");
    return cfgutils_keep_shv(mi_state(m), mi_arg(m, 0), &v) ? MI_DONE
                                                            : mi_fail(m, 500, "Out of memory");
}

/* ---- the file ---- */

bool cfgutils_hash_file(const char *path, char out[CFGUTILS_HASH])
{
    static const char hex[] = "0123456789abcdef";
    struct sum s;
    uint8_t sum[SUM_MOST];
    char piece[4096];
    size_t n, total = 0;
    FILE *f = fopen(path, "re");
    if (!f)
        return false;
    sum_begin(&s, SUM_MD5);
    while (total < CFGUTILS_FILE_MAX && (n = fread(piece, 1, sizeof piece, f)) > 0) {
        sum_add(&s, str_make(piece, n));
        total += n;
    }
    bool good = !ferror(f) && feof(f);
    fclose(f);
    n = sum_end(&s, sum);
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = hex[sum[i] >> 4];
        out[2 * i + 1] = hex[sum[i] & 15];
    }
    out[2 * n] = 0;
    return good;
}

static enum mi_next get_hash(struct mi *m)
{
    const struct cfgutils_conf *conf = mi_conf(m);
    if (!conf->hash_file.len)
        return mi_fail(m, 404, "hash_file is not set");
    mi_line(m, 0, NULL, "%s", conf->hash);
    return MI_DONE;
}

static enum mi_next check_hash(struct mi *m)
{
    const struct cfgutils_conf *conf = mi_conf(m);
    char now[CFGUTILS_HASH];
    if (!conf->hash_file.len)
        return mi_fail(m, 404, "hash_file is not set");
    if (!cfgutils_hash_file(conf->hash_file.p, now))
        return mi_fail(m, 500, "The file cannot be read");
    if (strcmp(now, conf->hash) != 0)
        return mi_fail(m, 400, "The actual config file hash is not identical to the stored one.");
    mi_line(m, 0, NULL, "The actual config file hash is identical to the stored one.");
    return MI_DONE;
}

const struct mi_command cfgutils_commands[] = {
    {"rand_set_prob", "percent", "Sets the probability of rand_event().", 1, 1, 0, NULL, set_prob},
    {"rand_reset_prob", "", "Puts it back to initial_probability.", 0, 0, 0, NULL, reset_prob},
    {"rand_get_prob", "", "Shows it.", 0, 0, 0, NULL, get_prob},
    {"shv_get", "[name]", "Shows a $shv, or all.", 0, 1, 0, NULL, shv_get},
    {"shv_set", "name int|str value", "Sets a $shv.", 3, 3, 0, NULL, shv_set},
    {"get_config_hash", "", "The MD5 sum that hash_file had when the script was loaded.", 0, 0, 0,
     NULL, get_hash},
    {"check_config_hash", "", "Whether it is the same now.", 0, 0, 0, NULL, check_hash},
    {.name = NULL},
};
