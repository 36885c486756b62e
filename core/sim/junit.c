/* JUnit's XML. */
/* SPDX-License-Identifier: MIT */
#include "core/sim/junit.h"

static void put_text(FILE *out, struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c == '&' || c == '<' || c == '>' || c == '"')
            fprintf(out, "&#%u;", c);
        else
            fputc(c < 0x20 && c != '\n' && c != '\t' ? '?' : c, out);
    }
}

void junit_begin(FILE *out)
{
    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"signalbox\">\n", out);
}

void junit_case(FILE *out, struct str file, struct str name, double seconds, struct str failure)
{
    fputs("  <testcase classname=\"", out);
    put_text(out, file);
    fputs("\" name=\"", out);
    put_text(out, name);
    fprintf(out, "\" time=\"%.6f\"", seconds);
    if (!failure.len) {
        fputs("/>\n", out);
        return;
    }
    fputs("><failure>", out);
    put_text(out, failure);
    fputs("</failure></testcase>\n", out);
}

void junit_end(FILE *out)
{
    fputs("</testsuite>\n", out);
}
