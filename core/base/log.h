/* Log lines with the reference's levels. Any thread may log. */
/* SPDX-License-Identifier: MIT */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "core/base/str.h"

enum log_level {
    LOG_ALERT_ = -3, /* trailing underscore: syslog.h owns the plain names */
    LOG_CRIT_ = -2,
    LOG_ERR_ = -1,
    LOG_WARN_ = 1,
    LOG_NOTICE_ = 2,
    LOG_INFO_ = 3,
    LOG_DBG_ = 4,
};

/* Receives each line that passes the threshold; text has no final newline of ours. */
typedef void (*log_sink)(void *user, int level, struct str text);

/* Highest level that is logged; 2 (NOTICE) until set. */
void log_set_level(int level);
int log_level(void);
/* Where lines go; NULL restores stderr. Set before threads start. */
void log_set_sink(log_sink sink, void *user);
/* One line: "name: text", with the level's name. Control bytes other than tab are written as \xNN,
 * so that no input can forge a line. */
void log_line(int level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* What a script wrote itself: the bytes as they are, no name before and no newline added. */
void log_raw(int level, struct str text);

#define log_err(...) log_line(LOG_ERR_, __VA_ARGS__)
#define log_warn(...) log_line(LOG_WARN_, __VA_ARGS__)
#define log_notice(...) log_line(LOG_NOTICE_, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO_, __VA_ARGS__)
#define log_dbg(...)                                                                               \
    do {                                                                                           \
        if (log_level() >= LOG_DBG_)                                                               \
            log_line(LOG_DBG_, __VA_ARGS__);                                                       \
    } while (0)

#endif
