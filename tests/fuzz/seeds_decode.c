/* Writes the golden vectors as a corpus for fuzz_decode: seeds_decode DIR. */
#include "protocol/message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/support/vectors.h"

static size_t index_of(const char *name)
{
    for (size_t i = 0; i < message_type_count; i++) {
        if (strcmp(message_types[i]->name, name) == 0)
            return i;
    }
    fprintf(stderr, "%s is unknown\n", name);
    exit(EXIT_FAILURE);
}

static void write_seed(const char *dir, unsigned number, const struct vector *v)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/%05u", dir, number);
    FILE *out = fopen(path, "wb");
    size_t index = index_of(v->name);
    int version = v->version - message_types[index]->min_version;
    uint8_t head[3] = {(uint8_t)(index >> 8), (uint8_t)index, (uint8_t)version};
    if (out == NULL || fwrite(head, 1, sizeof(head), out) != sizeof(head) ||
        fwrite(v->bytes.data, 1, (size_t)v->bytes.len, out) != (size_t)v->bytes.len ||
        fclose(out) != 0) {
        perror(path);
        exit(EXIT_FAILURE);
    }
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s DIR\n", argv[0]);
        return EXIT_FAILURE;
    }
    if (mkdir(argv[1], 0777) != 0 && errno != EEXIST) {
        perror(argv[1]);
        return EXIT_FAILURE;
    }
    struct vector_file f;
    struct vector v;
    vector_file_open(&f);
    while (vector_file_next(&f, &v))
        write_seed(argv[1], f.tsv.number, &v);
    vector_file_close(&f);
    return EXIT_SUCCESS;
}
