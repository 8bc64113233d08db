/* tests/support/tsv_file.h
 *
 * Golden data in lines of columns with tabs between, bytes as hex. Whatever is not
 * so ends the program, saying where: there is no test without its data. */
#ifndef GREGOR_TESTS_SUPPORT_TSV_FILE_H
#define GREGOR_TESTS_SUPPORT_TSV_FILE_H

#include <stdio.h>

#include "protocol/base/view.h"

struct tsv_file {
    const char *path;
    FILE *file;
    char *line;
    size_t line_size;
    unsigned number; /* of the line last read */
};

/* `path` is kept until tsv_file_close(). */
void tsv_file_open(struct tsv_file *f, const char *path);

/* False at the end. The columns live until the next call; the last one takes the
 * rest of the line. */
bool tsv_file_next(struct tsv_file *f, char *columns[], int count);

/* Decodes a column in place. */
struct bytes tsv_file_hex(const struct tsv_file *f, char *column);

void tsv_file_close(struct tsv_file *f);

#endif
