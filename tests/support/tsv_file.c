#include "tests/support/tsv_file.h"

#include <stdlib.h>
#include <string.h>

static void give_up(const struct tsv_file *f, const char *why)
{
    fprintf(stderr, "%s, line %u: %s\n", f->path, f->number, why);
    exit(EXIT_FAILURE);
}

void tsv_file_open(struct tsv_file *f, const char *path)
{
    *f = (struct tsv_file){.path = path, .file = fopen(path, "r")};
    if (f->file == NULL) {
        perror(path);
        exit(EXIT_FAILURE);
    }
}

bool tsv_file_next(struct tsv_file *f, char *columns[], int count)
{
    if (getline(&f->line, &f->line_size, f->file) < 0)
        return false;
    f->number++;
    char *rest = f->line;
    for (int i = 0; i < count; i++)
        columns[i] = strsep(&rest, i == count - 1 ? "\n" : "\t");
    if (columns[count - 1] == NULL)
        give_up(f, "too few columns");
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* In place: the bytes are shorter than their text. */
struct bytes tsv_file_hex(const struct tsv_file *f, char *column)
{
    size_t len = strlen(column);
    uint8_t *bytes = (uint8_t *)column;
    for (size_t i = 0; i < len / 2; i++) {
        int high = hex_digit(column[2 * i]);
        int low = hex_digit(column[2 * i + 1]);
        if (high < 0 || low < 0)
            give_up(f, "not hex");
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    return (struct bytes){bytes, (int32_t)(len / 2)};
}

void tsv_file_close(struct tsv_file *f)
{
    fclose(f->file);
    free(f->line);
}
