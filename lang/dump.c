/* Bytecode for people: an instruction as text, a program beside its source lines. */
/* SPDX-License-Identifier: MIT */
#include "core/base/hash.h"
#include "core/base/err.h"
#include "core/base/log.h"
#include "lang/code.h"
#include "lang/format.h"
#include "lang/regex.h"

/* ---- operands ---- */

static void print_quoted(struct str s, struct buf *out)
{
    buf_char(out, '"');
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c == '"' || c == '\\')
            buf_printf(out, "\\%c", c);
        else if (c < 32 || c == 127)
            buf_printf(out, "\\x%02x", c);
        else
            buf_char(out, (char)c);
    }
    buf_char(out, '"');
}

static void print_value(const struct value *v, struct buf *out)
{
    char number[VALUE_TEXT];
    if (v->flags & VAL_STR)
        print_quoted(v->s, out);
    else
        buf_add(out, value_text(v, number));
}

static void print_number(int32_t n, struct buf *out)
{
    char digits[VALUE_TEXT];
    struct value v = value_int(n);
    buf_add(out, value_text(&v, digits));
}

static void print_call(const struct call_site *site, struct buf *out)
{
    buf_add(out, str_from(site->fn->name));
    buf_char(out, '(');
    for (unsigned i = 0; i < site->n; i++) {
        if (i)
            buf_add(out, STR(", "));
        print_quoted(site->args[i].text, out);
    }
    buf_char(out, ')');
}

static void print_texts(const struct text_set *set, struct buf *out)
{
    for (uint32_t i = 0; i < set->n; i++) {
        if (i)
            buf_add(out, STR(", "));
        print_quoted(set->text[i], out);
    }
}

static void print_case(const struct switch_case *c, uint32_t base, struct buf *out)
{
    print_value(&c->label, out);
    buf_printf(out, ": %u, ", c->target - base);
}

static void print_switch(const struct switch_table *t, uint32_t base, struct buf *out)
{
    for (uint32_t i = 0; i < t->n_numbers; i++)
        print_case(&t->numbers[i], base, out);
    for (uint32_t i = 0; i < t->n_texts; i++)
        print_case(&t->texts[i], base, out);
    buf_printf(out, "else: %u, end: %u", t->otherwise - base, t->end - base);
}

static void print_slot(const struct program *p, uint32_t slot, struct buf *out)
{
    const struct var_slot *s = p->vars;
    while (s && s->slot != slot)
        s = s->next;
    buf_add(out, STR("$var("));
    buf_add(out, s ? s->name : STR("?"));
    buf_char(out, ')');
}

static const char *operand_name(unsigned o)
{
    static const char *const names[] = {
#define X(id, spelling) spelling,
        OPERAND_LIST(X)
#undef X
    };
    return o < sizeof names / sizeof *names ? names[o] : "?";
}

static void print_net(const struct net *net, struct buf *out)
{
    char text[IP_TEXT];
    buf_printf(out, "%.*s/%u", STR_ARG(ip_text(text, &net->ip)), net->bits);
}

/* One of the operands that are objects. */
static void print_object(const struct program *p, char letter, uint32_t k, uint32_t base,
                         struct buf *out)
{
    const void *o = p->objects[k];
    switch (letter) {
    case 'v':
        print_value(o, out);
        break;
    case 'p':
        buf_add(out, ((const struct pv_ref *)o)->text);
        break;
    case 'r':
        print_quoted(((const struct regex *)o)->text, out);
        break;
    case 'f':
        print_call(o, out);
        break;
    case 'n':
        print_net(o, out);
        break;
    case 'e':
        print_texts(o, out);
        break;
    case 'm':
        print_quoted(((const struct format *)o)->text, out);
        break;
    case 'h':
        print_quoted(*(const struct str *)o, out);
        break;
    default:
        print_switch(o, base, out);
    }
}

static void print_operand(const struct program *p, const struct insn *in, char letter,
                          uint32_t base, struct buf *out)
{
    switch (letter) {
    case 'i':
        print_number((int32_t)in->k, out);
        break;
    case 's':
        print_slot(p, in->k, out);
        break;
    case 'o':
        buf_add(out, str_from(operand_name(in->b)));
        break;
    case 'c':
        buf_add(out, str_from(ast_op_text(in->a)));
        break;
    case 'l':
        print_number(in->a + LOG_ALERT_, out);
        break;
    case 'a':
        buf_add(out, in->a == PV_RESET ? STR(":=") : STR("="));
        break;
    case 'R':
        buf_add(out, p->routes[in->k].title);
        break;
    case 't':
    case 'T':
        buf_add(out, STR("-> "));
        buf_u64(out, in->k - base);
        break;
    default:
        print_object(p, letter, in->k, base, out);
    }
}

enum { NAME_WIDTH = 12 };

/* Every instruction is printed when a program is made, for the digests: hence no printf here. */
void insn_print(const struct program *p, const struct insn *in, uint32_t base, struct buf *out)
{
    const struct op_info *info = op_info(in->op);
    struct str name = str_from(info->name);
    buf_add(out, name);
    if (info->operands[0])
        buf_add(out, str_sub(STR("            "), name.len, NAME_WIDTH));
    for (const char *letter = info->operands; *letter; letter++) {
        buf_char(out, ' ');
        print_operand(p, in, *letter, base, out);
    }
}

/* ---- programs ---- */

/* Line number n of a source, without its end. */
static struct str source_line(const struct source *s, uint32_t n)
{
    struct str rest = s->text, line = STR_NONE;
    for (uint32_t i = 0; i < n; i++)
        if (!str_cut(&line, &rest, '\n'))
            return STR_NONE;
    return str_trim(line);
}

struct str program_source_line(const struct program *p, struct loc at, struct str *name)
{
    *name = STR_NONE;
    if (at.file >= p->n_sources)
        return STR_NONE;
    *name = p->sources[at.file].name;
    return source_line(&p->sources[at.file], at.line);
}

static void dump_line(const struct program *p, struct loc at, FILE *out)
{
    if (at.file < p->n_sources) {
        struct str text = source_line(&p->sources[at.file], at.line);
        fprintf(out, "  %.*s:%u: %.*s\n", STR_ARG(p->sources[at.file].name), at.line,
                STR_ARG(text));
    }
}

static void dump_insn(const struct program *p, uint32_t pc, struct arena *a, FILE *out)
{
    struct arena_mark mark = arena_mark(a);
    struct buf b;
    buf_init(&b, a, 256);
    insn_print(p, &p->code[pc], 0, &b);
    fprintf(out, "    %5u  %.*s\n", pc, STR_ARG(buf_str(&b)));
    arena_rewind(a, mark);
}

static void dump_route(const struct program *p, const struct route *r, struct arena *a, FILE *out)
{
    struct loc shown = {0, 0, 0, 0, 0};
    fprintf(out, "%.*s (%u operands)\n", STR_ARG(r->title), r->stack);
    for (uint32_t pc = r->start; pc < r->end; pc++) {
        struct loc at = program_loc(p, pc);
        if (at.line != shown.line || at.file != shown.file)
            dump_line(p, at, out);
        shown = at;
        dump_insn(p, pc, a, out);
    }
}

void program_dump(const struct program *p, FILE *out)
{
    struct arena a;
    arena_init(&a, NULL, 4096);
    for (uint32_t i = 0; i < p->n_routes; i++) {
        if (i)
            fputc('\n', out);
        dump_route(p, &p->routes[i], &a, out);
    }
    arena_reset(&a);
}

/* ---- digests ---- */

static void route_digest(const struct program *p, struct route *r, struct buf *b)
{
    const struct hash_key key = {0, 0};
    uint64_t h = hash_str(key, r->title);
    for (uint32_t pc = r->start; pc < r->end; pc++) {
        b->len = 0;
        insn_print(p, &p->code[pc], r->start, b);
        h = hash_mix(h, hash_str(key, buf_str(b)));
    }
    r->digest = h;
}

int program_digests(struct program *p)
{
    struct arena a;
    struct buf b;
    arena_init(&a, NULL, 4096);
    buf_init(&b, &a, 1024);
    for (uint32_t i = 0; i < p->n_routes && !b.failed; i++)
        route_digest(p, &p->routes[i], &b);
    arena_reset(&a);
    return b.failed ? ERR_NOMEM : ERR_OK;
}
