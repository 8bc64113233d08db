/* storage/log_path.h
 *
 * The names of a partition folder's files: a base offset in 20 digits and a
 * suffix. Any thread. */
#ifndef GREGOR_STORAGE_LOG_PATH_H
#define GREGOR_STORAGE_LOG_PATH_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define LOG_SUFFIX ".log"
#define OFFSET_INDEX_SUFFIX ".index"
#define TIME_INDEX_SUFFIX ".timeindex"
#define TXN_INDEX_SUFFIX ".txnindex"
#define SNAPSHOT_SUFFIX ".snapshot"
#define DELETED_SUFFIX ".deleted"
#define CLEANED_SUFFIX ".cleaned"
#define SWAP_SUFFIX ".swap"

/* A folder's path may not be longer, so that log_path() never cuts. */
#define LOG_DIR_MAX (PATH_MAX - 64)

/* `out` has PATH_MAX bytes, `dir` at most LOG_DIR_MAX. */
static inline void log_path(char *out, const char *dir, int64_t base_offset,
                            const char *suffix)
{
    snprintf(out, PATH_MAX, "%s/%020lld%s", dir, (long long)base_offset, suffix);
}

/* The same of a file that is being made: `stage` is .cleaned, .swap, or "" for one
 * that is live. */
static inline void log_path_staged(char *out, const char *dir, int64_t base_offset,
                                   const char *suffix, const char *stage)
{
    snprintf(out, PATH_MAX, "%s/%020lld%s%s", dir, (long long)base_offset, suffix,
             stage);
}

/* Whether `name` is 20 digits with a suffix behind; *suffix points into it. A base
 * offset that leaves no room for the relative ones of indexes is none. */
static inline bool log_path_parse(const char *name, int64_t *base_offset,
                                  const char **suffix)
{
    int64_t value = 0;
    for (int i = 0; i < 20; i++) {
        if (name[i] < '0' || name[i] > '9' ||
            __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, name[i] - '0', &value))
            return false;
    }
    if (name[20] != '.' || value > INT64_MAX - UINT32_MAX)
        return false;
    *base_offset = value;
    *suffix = name + 20;
    return true;
}

static inline bool ends_with(const char *text, const char *end)
{
    size_t a = strlen(text);
    size_t b = strlen(end);
    return a >= b && strcmp(text + a - b, end) == 0;
}

#endif
