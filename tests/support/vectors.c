#include "tests/support/vectors.h"

#include <stdlib.h>

#define COLUMNS 5

void vector_file_open(struct vector_file *f)
{
    const char *path = getenv("VECTORS");
    tsv_file_open(&f->tsv, path != NULL ? path : TEST_DATA_DIR "/vectors.tsv");
}

bool vector_file_next(struct vector_file *f, struct vector *out)
{
    char *columns[COLUMNS];
    if (!tsv_file_next(&f->tsv, columns, COLUMNS))
        return false;
    *out = (struct vector){.api_key = (int16_t)atoi(columns[0]),
                           .name = columns[1],
                           .version = (int16_t)atoi(columns[2]),
                           .bytes = tsv_file_hex(&f->tsv, columns[3]),
                           .json = columns[4]};
    return true;
}

void vector_file_close(struct vector_file *f)
{
    tsv_file_close(&f->tsv);
}
