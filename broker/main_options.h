/* broker/main_options.h
 *
 * The command line of the program gregor. */
#ifndef GREGOR_BROKER_MAIN_OPTIONS_H
#define GREGOR_BROKER_MAIN_OPTIONS_H

#include <stdio.h>

#include "broker/gregor.h"

struct main_options {
    struct gregor_options broker;
    const char *ready_file; /* NULL: none */
    bool exit_with_parent;
    bool print_config;
    bool version;
    bool help;
    const char **settings; /* owned; what broker.settings and .topics point at */
    const char **topics;
};

/* 0, or -1 with one sentence in `error` (GREGOR_ERROR_SIZE bytes) and nothing to
 * free. */
int main_options_read(int argc, char **argv, struct main_options *out, char *error);
void main_options_free(struct main_options *o);
void main_options_help(FILE *out);

#endif
