/* Transformations of a variable's value: $(name{class.function,parameters}). */
/* SPDX-License-Identifier: MIT */
#ifndef LANG_TRANSFORM_H
#define LANG_TRANSFORM_H

#include "core/base/str.h"
#include "lang/host.h"

/* Row: id, spelling, whether an empty text fails as null does. */
#define TRANSFORM_CLASS_LIST(X)                                                                    \
    X(STRING, "s", false)                                                                          \
    X(URI, "uri", true)                                                                            \
    X(PARAM, "param", true)                                                                        \
    X(NAMEADDR, "nameaddr", true)

enum transform_class {
#define X(id, name, refuses_empty) TRANSFORM_##id,
    TRANSFORM_CLASS_LIST(X)
#undef X
};

enum { TRANSFORM_MAX_PARAMS = 2, TRANSFORM_MAX_TEXT = 65535 };

/* A transformation at work: what it may look at. */
struct transform_use {
    struct str in;                            /* the text to transform */
    struct value param[TRANSFORM_MAX_PARAMS]; /* evaluated */
    struct arena *arena;                      /* for new texts */
    int code;                                 /* of the row */
};

/* A row of transform.def. */
struct transform_spec {
    uint8_t class_id; /* enum transform_class */
    const char *name, *params;
    /* makes the new *v of u->in; an error makes the read fail */
    int (*fn)(const struct transform_use *u, struct value *v);
    int code;
    const char *doc;
};

/* One {...} of a variable. */
struct transform {
    const struct transform *next; /* applied after this one; or NULL */
    const struct transform_spec *spec;
    struct value param[TRANSFORM_MAX_PARAMS];
    const struct pv_ref *param_pv[TRANSFORM_MAX_PARAMS]; /* instead, when set */
};

/* All of them; *n is how many. */
const struct transform_spec *transform_list(unsigned *n);
/* "s", "uri", ... */
const char *transform_class_name(enum transform_class c);
/* Parses the {...} that text begins with; *used is how many bytes it took. depth: how deep in other
 * variables it stands. */
int transform_parse(struct prepare *p, struct str text, unsigned depth, size_t *used,
                    struct transform **out);
/* Applies the chain to *v. */
int transform_apply(const struct transform *t, struct call *call, const struct host *host,
                    struct value *v);

/* ---- the functions of transform.def, by file ---- */

enum { ESCAPE_USER, ESCAPE_PARAM };
enum { URI_USER, URI_HOST, URI_PASSWORD, URI_PARAMS };
enum { KNOWN_TRANSPORT, KNOWN_TTL, KNOWN_USER, KNOWN_MADDR, KNOWN_METHOD, KNOWN_LR, KNOWN_R2 };
enum { PARAM_NAME, PARAM_VALUE };
enum { NAMEADDR_NAME, NAMEADDR_URI, NAMEADDR_LEN };

#define TRANSFORM(class_id, name, params, fn, code, doc)                                           \
    int fn(const struct transform_use *u, struct value *v);
#include "lang/transform.def"
#undef TRANSFORM

#endif
