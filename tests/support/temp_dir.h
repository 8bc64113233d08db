/* tests/support/temp_dir.h
 *
 * A folder of the test's own on the real disk, and small files in it. What
 * fails here fails the test. */
#ifndef GREGOR_TESTS_SUPPORT_TEMP_DIR_H
#define GREGOR_TESTS_SUPPORT_TEMP_DIR_H

#include <stdbool.h>

#include "protocol/base/buf.h"
#include "storage/disk.h"

struct temp_dir {
    char path[64];
    struct disk disk; /* the system's */
};

void temp_dir_open(struct temp_dir *t);
void temp_dir_close(struct temp_dir *t); /* removes everything in it */

/* `name` in the folder; valid until the next but seven calls. */
const char *temp_dir_path(const struct temp_dir *t, const char *name);

void temp_dir_write(const struct temp_dir *t, const char *name, const char *text);
/* The whole file, terminated; the caller ends it with buf_free(). */
struct buf temp_dir_read(const struct temp_dir *t, const char *name);
bool temp_dir_has(const struct temp_dir *t, const char *name);

/* Copies a folder of plain files and folders into temp_dir_path(name). */
void temp_dir_copy(const struct temp_dir *t, const char *from, const char *name);

#endif
