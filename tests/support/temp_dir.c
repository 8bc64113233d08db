#include "tests/support/temp_dir.h"

#include <check.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void temp_dir_open(struct temp_dir *t)
{
    t->disk.ops = &disk_system_ops;
    snprintf(t->path, sizeof(t->path), "/tmp/gregor-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(t->path));
}

void temp_dir_close(struct temp_dir *t)
{
    struct err err = {0};
    ck_assert_msg(disk_remove_tree(&t->disk, t->path, &err) == 0, "%s", err.message);
}

const char *temp_dir_path(const struct temp_dir *t, const char *name)
{
    static char paths[8][PATH_MAX];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, PATH_MAX, "%s/%s", t->path, name);
    return path;
}

void temp_dir_write(const struct temp_dir *t, const char *name, const char *text)
{
    FILE *f = fopen(temp_dir_path(t, name), "w");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(text, 1, strlen(text), f), strlen(text));
    ck_assert_int_eq(fclose(f), 0);
}

struct buf temp_dir_read(const struct temp_dir *t, const char *name)
{
    struct buf out = BUF_INIT;
    struct err err = {0};
    struct disk disk = t->disk;
    int rc = disk_read_file(&disk, temp_dir_path(t, name), 1 << 28, &out, &err);
    ck_assert_msg(rc == 0, "%s", err.message);
    buf_append(&out, "", 1);
    out.len--;
    return out;
}

bool temp_dir_has(const struct temp_dir *t, const char *name)
{
    return access(temp_dir_path(t, name), F_OK) == 0;
}

void temp_dir_copy(const struct temp_dir *t, const char *from, const char *name)
{
    char command[3 * PATH_MAX];
    snprintf(command, sizeof(command), "cp -r '%s' '%s'", from, temp_dir_path(t, name));
    ck_assert_int_eq(system(command), 0);
}
