/* Runs every script of tests/lang/rows in a whole engine: the rows of the language's tables that
 * need SIP. FILE.cfg gets the messages of FILE.sip: texts with a line "----" between them; a line
 * "<- 486 Busy Here" instead of a message answers the last request that was sent, "<-1 486 Busy
 * Here" the first.
 *
 * What the script logs with "= " before it is expected in order, on the lines that log it, and so
 * are the first lines of what is sent if it says any:
 *
 *     xlog("= $rU\n"); # row 7.3/2 # expect: bob
 *     t_relay();       # sent: INVITE sip:bob@192.0.2.9 SIP/2.0
 */
/* SPDX-License-Identifier: MIT */
#include "tests/unit/modules_fixture.h"

#include <dirent.h>

#define FOLDER "tests/lang/rows"

enum { TEXT_MAX = 1 << 16, LIST_MAX = 400 };

/* Texts in the order in which they came, or should come. */
struct texts {
    char *text[LIST_MAX];
    unsigned n;
};

static struct {
    char script[TEXT_MAX], messages[TEXT_MAX];
    struct texts logs, want_logs, sent, want_sent, requests;
} test;

static void add(struct texts *l, struct str s)
{
    assert_true(l->n < LIST_MAX);
    char *copy = calloc(1, s.len + 1); /* strndup() looks for the end of a text that has none */
    assert_non_null(copy);
    if (s.len)
        memcpy(copy, s.p, s.len);
    l->text[l->n++] = copy;
}

static void forget(struct texts *l)
{
    while (l->n)
        free(l->text[--l->n]);
}

static bool read_file(const char *name, char *out)
{
    char path[512];
    snprintf(path, sizeof path, FOLDER "/%s", name);
    FILE *f = fopen(path, "r");
    size_t n = f ? fread(out, 1, TEXT_MAX - 1, f) : 0;
    out[n] = 0;
    if (f)
        fclose(f);
    return f != NULL;
}

/* All that stands behind a mark, up to the next " # " or the end of the line. */
static void marked(struct texts *l, const char *mark)
{
    struct str rest = str_from(test.script), line, m = str_from(mark);
    while (str_cut(&line, &rest, '\n'))
        for (ptrdiff_t at = str_search(line, m, 0), next; at >= 0; at = next) {
            ptrdiff_t end = str_search(line, STR(" # "), (size_t)at + m.len);
            next = str_search(line, m, (size_t)at + 1);
            add(l, str_trim(str_sub(line, (size_t)at + m.len, end < 0 ? line.len : (size_t)end)));
        }
}

static void keep_log(void *user, int level, struct str text)
{
    (void)user, (void)level;
    if (str_starts(text, STR("= ")))
        add(&test.logs, str_trim(str_sub(text, 2, text.len)));
}

static bool copied(struct str line)
{
    static const char *const names[] = {"Via:", "From:", "To:", "Call-ID:", "CSeq:"};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (str_starts(line, str_from(names[i])))
            return true;
    return false;
}

/* The answer to the last request sent: its status line given. */
static const char *answer_to(const char *request, const char *status)
{
    static char out[WORLD_BYTES];
    struct str rest = str_from(request), line;
    size_t n = (size_t)snprintf(out, sizeof out, "SIP/2.0 %s\n", status);
    while (str_cut(&line, &rest, '\n'))
        if (copied(line))
            n += (size_t)snprintf(out + n, sizeof out - n, "%.*s%s\n", STR_ARG(line),
                                  str_starts(line, STR("To:")) && status[0] != '1' ? ";tag=x" : "");
    snprintf(out + n, sizeof out - n, "Content-Length: 0\n\n");
    return out;
}

/* "<- 486 Busy Here" or "<-2 486 Busy Here". */
static void put_answer(char *line)
{
    char *status = line + 2 + strspn(line + 2, "0123456789");
    size_t which = line[2] == ' ' ? 0 : strtoul(line + 2, NULL, 10);
    if (which > test.requests.n || !test.requests.n)
        fail_msg("%u requests were sent, not %zu", test.requests.n, which);
    status[strcspn(status, "\n")] = 0;
    world_put(answer_to(test.requests.text[(which ? which : test.requests.n) - 1], status + 1));
}

static void put(char *message)
{
    if (strncmp(message, "<-", 2) == 0)
        put_answer(message);
    else
        world_put(message);
    for (unsigned i = 0; i < world.sent; i++) {
        struct str bytes = str_from(world.bytes[i]);
        add(&test.sent, str_sub(bytes, 0, strcspn(world.bytes[i], "\n")));
        if (!str_starts(bytes, STR("SIP/2.0")) && !str_starts(bytes, STR("ACK")))
            add(&test.requests, bytes);
    }
}

static void put_all(void)
{
    char *at = test.messages, *end;
    while ((end = strstr(at, "----\n"))) {
        *end = 0;
        put(at);
        at = end + 5;
    }
}

static unsigned differences(const char *name, const struct texts *got, const struct texts *want)
{
    unsigned bad = 0;
    for (unsigned i = 0; i < got->n || i < want->n; i++) {
        const char *g = i < got->n ? got->text[i] : "(nothing)";
        const char *w = i < want->n ? want->text[i] : "(nothing)";
        if (strcmp(g, w) == 0)
            continue;
        print_error("%s: number %u is \"%s\", expected \"%s\"\n", name, i + 1, g, w);
        if (++bad == 5)
            break;
    }
    return bad;
}

static unsigned replay(const char *name)
{
    char messages[256];
    snprintf(messages, sizeof messages, "%.*s.sip", (int)strlen(name) - 4, name);
    assert_true(read_file(name, test.script) && read_file(messages, test.messages));
    marked(&test.want_logs, "# expect: ");
    marked(&test.want_sent, "# sent: ");
    world_open(test.script);
    log_set_sink(keep_log, NULL);
    put_all();
    unsigned bad = differences(name, &test.logs, &test.want_logs);
    if (test.want_sent.n)
        bad += differences(name, &test.sent, &test.want_sent);
    world_close();
    forget(&test.logs), forget(&test.want_logs);
    forget(&test.sent), forget(&test.want_sent);
    forget(&test.requests);
    return bad;
}

static void all_scripts(void **state)
{
    unsigned scripts = 0, bad = 0;
    DIR *d = opendir(FOLDER);
    (void)state;
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));)
        if (str_ends(str_from(e->d_name), STR(".cfg"))) {
            bad += replay(e->d_name);
            scripts++;
        }
    closedir(d);
    assert_true(scripts > 5);
    assert_int_equal(bad, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(all_scripts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
