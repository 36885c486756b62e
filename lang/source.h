/* From a script's bytes to the tokens the parser sees. Three steps: lexer.l cuts the text into
 * tokens, source_tokens.c repairs brackets that do not match, so that one forgotten bracket is one
 * finding, and the parser asks for the next token. Nothing here is visible outside the compiler's
 * front. */
/* SPDX-License-Identifier: MIT */
#ifndef LANG_SOURCE_H
#define LANG_SOURCE_H

#include <setjmp.h>

#include "lang/ast.h"

/* What a token says besides its kind. */
struct lexeme {
    struct str text; /* name, text without quotes, number or variable as written */
    int32_t value;   /* number, operand, transport, operator ... see keyword.def; a string that is
                        not closed has -1 */
};

struct token {
    int kind; /* a token of parser.y; 0 at the end */
    struct lexeme word;
    struct loc loc;
};

struct node_list {
    struct node *first, *last;
};

/* What the grammar's symbols carry. */
union parse_value {
    struct lexeme word;
    struct node *node;
    struct node_list list;
    struct item *item;
    struct route_def *route;
    struct blacklist_rule *rule;
};

/* One text being scanned. */
struct scan {
    struct diag *diag;
    struct arena *arena; /* for texts with escapes resolved */
    struct str text;
    size_t start, at;      /* of the token being read: its first byte, the byte behind it */
    struct loc loc;        /* of the token being read */
    uint32_t line, column; /* of text.p[at] */
    bool fixed;            /* a name's value: all of it stands at loc */
    bool cut_short;        /* a comment ran to the end: what is missing behind it is no news */
    void *flex;
    jmp_buf no_memory;         /* flex ends here when it cannot allocate, in scan_open only */
    uint8_t keyword_slot[256]; /* hash of keyword.def: row number + 1 */
};

/* All of scan_open but the scanner proper. */
void scan_init(struct scan *s, struct diag *d, struct arena *a, int file);
/* Starts on source number file of d. ERR_NOMEM. */
int scan_open(struct scan *s, struct diag *d, struct arena *a, int file);
/* Starts on a text that takes the place of what stands at `at`. ERR_NOMEM. */
int scan_open_text(struct scan *s, struct diag *d, struct arena *a, struct str text, struct loc at);
/* Frees the scanner; safe on one that was not opened. */
void scan_close(struct scan *s);
/* What has not been scanned yet. */
struct str scan_rest(const struct scan *s);
/* Passes over n bytes of it. */
void scan_skip(struct scan *s, size_t n);
/* The next token; its kind is 0 at the end of the text. What cannot be a token is reported and
 * skipped. */
void scan_next(struct scan *s, struct token *out);
/* A line that begins with #!, given as a token. */
#define SCAN_DIRECTIVE (-2)

/* For the actions of lexer.l: the scanner has matched a few bytes, these look at what follows.
 * Those that return a size_t say how many bytes more belong to the token. */
void scan_begin(struct scan *s, size_t n);   /* a token of n bytes starts */
void scan_advance(struct scan *s, size_t n); /* the token goes on for n bytes */
bool scan_at_line(const struct scan *s);     /* whether the token is the first of its line */
void scan_slashes(struct scan *s);           /* a comment that begins with // */
struct str scan_text(const struct scan *s);  /* the token's bytes */
size_t scan_comment(struct scan *s);
size_t scan_string(struct scan *s, struct lexeme *out);
size_t scan_variable(struct scan *s, struct lexeme *out);
int scan_word(struct scan *s, struct lexeme *out); /* keyword, number word or name: its token */
size_t scan_stray(struct scan *s);                 /* bytes that begin no token */
void scan_error(struct scan *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* What #!define gave a meaning. */
struct define {
    struct define *next;
    struct str name, value;
    struct loc loc; /* of the #!define */
};

/* All the texts of one script, as one row of tokens. */
struct pre {
    struct diag *diag;
    struct arena *arena;
    struct pre_input *input;  /* innermost of the files and names being scanned */
    struct define *defines;   /* newest first */
    struct pre_subst *substs; /* replacements in strings, in the order of the script */
    unsigned depth, replaced;
    struct token held; /* to be given next */
    bool holds;
    bool cut_short; /* of any of the scans */
    bool no_memory;
};

/* Starts on source number file of d. ERR_NOMEM. */
int pre_open(struct pre *p, struct diag *d, struct arena *a, int file);
/* Frees all scanners. */
void pre_close(struct pre *p);
/* The next token: files included, names replaced, conditions settled. */
void pre_next(struct pre *p, struct token *out);

/* An opening bracket that waits for its closing one. */
struct bracket {
    char kind;       /* ( [ { */
    uint32_t indent; /* column of the first token on its line */
    bool statements; /* a ( with statements inside: ({...}) or (if ...) */
    struct loc loc;
};

enum { TOKEN_AHEAD = 8 };

/* One run of the parser. */
struct parse {
    struct script *script;
    struct pre pre;
    struct token ahead[TOKEN_AHEAD]; /* read, not yet given to the parser */
    unsigned n_ahead;
    struct token now, before, earlier; /* last three given to the parser */
    struct bracket open[AST_MAX_DEPTH + 1];
    unsigned n_open;
    uint32_t indent;      /* column of the first token on the current one's line */
    struct loc suspect;   /* a { whose } stands further left: perhaps its own is missing */
    bool in_settings;     /* inside a TLS domain: name = value is a setting there */
    bool skip;            /* a syntax error was reported: on to where the parser can go on */
    bool at_item;         /* that is where it stumbled: a statement of the global section */
    unsigned skip_open;   /* brackets that are open there */
    uint32_t skip_indent; /* where the line with the error begins */
    bool in_label;        /* between case and its colon */
    bool quiet;           /* brackets are beyond repair, the rest has been said */
    unsigned n_nodes;     /* of the tree so far */
    bool stopped;         /* too deep or too large: the script ends here */
    bool foreign_block;   /* the block that comes next belongs to a statement that is none */
    bool lost;            /* a piece outside of routes was not understood: names may be missing */
    bool no_memory;
    struct node spare;       /* stands in for nodes there was no memory for */
    struct item **items_end; /* where the next item goes: inside a TLS domain, or the script's */
    struct item **tls_next;  /* inside a TLS domain: where items go behind it */
};

/* The next token for the parser. */
int parse_token(struct parse *p, struct lexeme *word, struct loc *loc);
/* After a syntax error: the next token given will be one at which the parser can go on. */
void parse_skip(struct parse *p);
/* The place right behind the token before the current one: where something is missing. */
struct loc parse_gap(const struct parse *p);

/* A whole file as a source of d: its number, or an error code. Complains to d itself, at `at`. */
int source_load(struct diag *d, const char *path, const struct loc *at);
/* The same for a text in memory; a byte order mark is taken off. */
int source_add(struct diag *d, struct str name, struct str text);
/* Bytes of the source between two places of one file. */
struct str source_slice(const struct diag *d, const struct loc *loc);
/* The place of byte `at` of a string's text, which stands at `string` with its quotes. */
struct loc source_inside(const struct diag *d, struct loc string, size_t at);
/* Resolves the escapes of a "text" without its quotes (LANGUAGE 1.2), up to the first NUL they
 * make; p is NULL without memory. */
struct str source_unescape(struct arena *a, struct str raw);
/* A number as scripts write it: decimal, octal, hexadecimal; wraps at 32 bits like the reference.
 */
int32_t source_number(struct str text);

/* Parses source number file of d. The script is complete even after errors, as far as it was
 * understood. ERR_NOMEM. */
int parse_script(struct script *out, struct diag *d, int file);
void script_free(struct script *s);

#endif
