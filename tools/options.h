/* tools/options.h
 *
 * The options of a command line: --name, with its value behind '=' or as the next
 * argument. gregor and each of its commands list theirs in a table. */
#ifndef GREGOR_TOOLS_OPTIONS_H
#define GREGOR_TOOLS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/base/err.h"

/* What an option does with its value, or with none. */
enum option_kind {
    OPTION_FLAG,
    OPTION_TEXT,   /* may be given once */
    OPTION_LIST,   /* may be given again and again */
    OPTION_NUMBER, /* decimal, from 0 to INT32_MAX */
    OPTION_CHOICE, /* one of several words */
};

/* Where it goes: one of these, as its kind says. */
struct option {
    const char *name; /* "--name"; NULL ends the table */
    enum option_kind kind;
    const char **text;
    bool *flag;
    const char **list; /* with room for every argument */
    size_t *count;     /* of `list` */
    int32_t *number;
    const char *const *choices; /* ended by NULL */
    int *choice;                /* which of them */
};

/* Reads argv[1] and on; values are borrowed from it. What is no option goes to
 * `operands` (room for argc of them); NULL: there may be none. ERR_INVALID with one
 * sentence. */
int options_read(const struct option *options, int argc, char **argv,
                 const char **operands, size_t *operand_count, struct err *err);

#endif
