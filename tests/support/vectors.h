/* tests/support/vectors.h
 *
 * The golden messages of tests/data/vectors.tsv, made with Kafka's own library:
 * a line is API key, message name, version, the bytes in hex, the JSON that
 * Kafka's JsonConverter prints. The environment variable VECTORS names another
 * file. */
#ifndef GREGOR_TESTS_SUPPORT_VECTORS_H
#define GREGOR_TESTS_SUPPORT_VECTORS_H

#include "tests/support/tsv_file.h"

struct vector {
    int16_t api_key;
    const char *name;
    int16_t version;
    struct bytes bytes;
    const char *json;
};

struct vector_file {
    struct tsv_file tsv;
};

/* Ends the program, saying why, if the file cannot be read. */
void vector_file_open(struct vector_file *f);

/* False at the end. *out lives until the next call. Ends the program on a line
 * that is no vector. */
bool vector_file_next(struct vector_file *f, struct vector *out);

void vector_file_close(struct vector_file *f);

#endif
