#include "tests/support/vectors.h"

#include <stdlib.h>
#include <string.h>

#define COLUMNS 5

static void give_up(const struct vector_file *f, const char *why)
{
    fprintf(stderr, "vectors, line %u: %s\n", f->number, why);
    exit(EXIT_FAILURE);
}

void vector_file_open(struct vector_file *f)
{
    const char *path = getenv("VECTORS");
    if (path == NULL)
        path = TEST_DATA_DIR "/vectors.tsv";
    *f = (struct vector_file){.file = fopen(path, "r")};
    if (f->file == NULL) {
        perror(path);
        exit(EXIT_FAILURE);
    }
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* In place: the bytes are shorter than their text. */
static struct bytes parse_hex(const struct vector_file *f, char *text)
{
    size_t len = strlen(text);
    uint8_t *bytes = (uint8_t *)text;
    for (size_t i = 0; i < len / 2; i++) {
        int high = hex_digit(text[2 * i]);
        int low = hex_digit(text[2 * i + 1]);
        if (high < 0 || low < 0)
            give_up(f, "not hex");
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    return (struct bytes){bytes, (int32_t)(len / 2)};
}

bool vector_file_next(struct vector_file *f, struct vector *out)
{
    if (getline(&f->line, &f->line_size, f->file) < 0)
        return false;
    f->number++;
    char *rest = f->line;
    char *columns[COLUMNS];
    for (int i = 0; i < COLUMNS; i++)
        columns[i] = strsep(&rest, i == COLUMNS - 1 ? "\n" : "\t");
    if (columns[COLUMNS - 1] == NULL)
        give_up(f, "too few columns");
    *out = (struct vector){.api_key = (int16_t)atoi(columns[0]),
                           .name = columns[1],
                           .version = (int16_t)atoi(columns[2]),
                           .bytes = parse_hex(f, columns[3]),
                           .json = columns[4]};
    return true;
}

void vector_file_close(struct vector_file *f)
{
    fclose(f->file);
    free(f->line);
}
