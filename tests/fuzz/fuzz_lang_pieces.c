/* Any bytes as a format, a variable, a pattern, a substitution, AVP aliases; what compiles is used.
 */
/* SPDX-License-Identifier: MIT */
#include "lang/regex.h"
#include "tests/unit/lang_fake.h"

static void use_format(struct prepare *p, struct str text, struct call *c)
{
    const struct format *f;
    struct str out;
    if (prepare_format(p, text, &f) == ERR_OK)
        fake_format(f, c, &out);
    else if (p->at > text.len)
        abort(); /* complaints point into the text */
}

static void use_variable(struct prepare *p, struct str text, struct call *c)
{
    const struct pv_ref *ref;
    struct value v = value_int(3);
    if (prepare_pv(p, text, &ref) != ERR_OK)
        return;
    if (pv_ref_text(ref).len != text.len)
        abort();
    if (pv_ref_writable(ref) && !pv_ref_transformed(ref))
        pv_write(ref, c, &fake_host, PV_SET, &v);
    pv_read(ref, c, &fake_host, &v);
}

static void use_regex(struct prepare *p, struct str text, struct str subject)
{
    struct regex_match m;
    for (unsigned newline = 0; newline < 2; newline++) {
        const struct regex *re;
        if (prepare_regex(p, text, newline, &re) == ERR_OK && regex_find(re, subject, 0, &m) == 1 &&
            (m.group[0].p < subject.p || m.group[0].len > subject.len))
            abort();
    }
}

static void use_subst(struct prepare *p, struct str text, struct str subject, struct call *c)
{
    const struct subst *s;
    struct str out;
    if (prepare_subst(p, text, &s) == ERR_OK)
        subst_apply(s, subject, c, &fake_host, &out);
}

/* The first byte chooses, a NUL parts the piece from the text it works on. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct prepare_env env;
    bool loaded[2] = {true, false};
    char text[2][512];
    struct buf error, hint;
    if (size < 2 || size > 4096)
        return 0;
    struct call *c = malloc(sizeof *c);
    fake_call_init(c);
    log_set_level(-3);
    arena_init(&arena, NULL, 1024);
    prepare_env_init(&env, &arena, &fake_catalog, loaded);
    buf_fixed(&error, text[0], sizeof text[0]);
    buf_fixed(&hint, text[1], sizeof text[1]);
    struct prepare p = prepare_begin(&env, &error, &hint);
    struct str all = str_make((const char *)data + 1, size - 1);
    ptrdiff_t nul = str_find(all, 0, 0);
    struct str piece = nul < 0 ? all : str_sub(all, 0, (size_t)nul);
    struct str subject =
        nul < 0 ? STR("sip:bob@example.test") : str_sub(all, (size_t)nul + 1, all.len);
    switch (data[0] % 5) {
    case 0:
        use_format(&p, all, c);
        break;
    case 1:
        use_variable(&p, all, c);
        break;
    case 2:
        use_regex(&p, piece, subject.p ? subject : STR(""));
        break;
    case 3:
        use_subst(&p, piece, subject, c);
        break;
    default:
        prepare_avp_aliases(&p, all);
    }
    prepare_env_free(&env);
    arena_reset(&arena);
    fake_call_free(c);
    free(c);
    return 0;
}
