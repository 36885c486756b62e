/* Log lines: threshold, level names, escaping, sink. */
/* SPDX-License-Identifier: MIT */
#include "core/base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

static atomic_int threshold = LOG_NOTICE_;
static log_sink sink;
static void *sink_user;

void log_set_level(int level)
{
    atomic_store_explicit(&threshold, level, memory_order_relaxed);
}

int log_level(void)
{
    return atomic_load_explicit(&threshold, memory_order_relaxed);
}

void log_set_sink(log_sink s, void *user)
{
    sink = s;
    sink_user = user;
}

static const char *level_name(int level)
{
    static const char *const names[] = {"alert",   "critical", "error", "error",
                                        "warning", "notice",   "info",  "debug"};
    int i = level + 3;
    return names[i < 0 ? 0 : i > 7 ? 7 : i];
}

/* One write a line: threads must not mix their bytes. */
static void to_stderr(struct str text)
{
    while (text.len) {
        ssize_t n = write(STDERR_FILENO, text.p, text.len);
        if (n <= 0)
            return;
        text = str_sub(text, (size_t)n, text.len);
    }
}

/* Copies text, control bytes as \xNN; returns the length used. */
static size_t escape(char *out, size_t cap, struct str text)
{
    static const char hex[] = "0123456789abcdef";
    size_t n = 0;
    for (size_t i = 0; i < text.len && n + 5 < cap; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            out[n++] = '\\';
            out[n++] = 'x';
            out[n++] = hex[c >> 4];
            out[n++] = hex[c & 15];
        } else {
            out[n++] = (char)c;
        }
    }
    return n;
}

void log_line(int level, const char *fmt, ...)
{
    char text[2048], line[4096];
    va_list ap;
    if (level > log_level())
        return;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (n < 0)
        return;
    size_t used = (size_t)n < sizeof text ? (size_t)n : sizeof text - 1;
    int at = sink ? 0 : snprintf(line, sizeof line, "signalbox: %s: ", level_name(level));
    size_t len = (size_t)at + escape(line + at, sizeof line - (size_t)at - 1, str_make(text, used));
    if (sink) {
        sink(sink_user, level, str_make(line, len));
        return;
    }
    line[len++] = '\n';
    to_stderr(str_make(line, len));
}

void log_raw(int level, struct str text)
{
    if (level > log_level())
        return;
    if (sink)
        sink(sink_user, level, text);
    else
        to_stderr(text);
}
