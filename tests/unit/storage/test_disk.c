/* The system's disk, on the real one. */
#include "storage/disk.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/check_main.h"
#include "tests/support/temp_dir.h"

static struct temp_dir t;
static struct err err;

static int open_file(const char *name, int flags)
{
    int fd;
    int rc = t.disk.ops->open(&t.disk, temp_dir_path(&t, name), flags, &fd, &err);
    return rc == 0 ? fd : rc;
}

START_TEST(writes_many_parts_at_their_place)
{
    temp_dir_open(&t);
    struct iovec parts[40];
    char bytes[40];
    char got[64] = {0};
    for (int i = 0; i < 40; i++) {
        bytes[i] = (char)('a' + i % 26);
        parts[i] = (struct iovec){.iov_base = &bytes[i], .iov_len = i % 5 != 0};
    }
    int fd = open_file("f", DISK_WRITE | DISK_CREATE);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(t.disk.ops->write(&t.disk, fd, parts, 40, 3, &err), 0);
    ck_assert_int_eq(t.disk.ops->size(&t.disk, fd, &err), 35);
    ck_assert_int_eq(t.disk.ops->read(&t.disk, fd, got, sizeof(got), 3, &err), 32);
    ck_assert_str_eq(got, "bcdeghijlmnoqrstvwxyabcdfghiklmn");
    ck_assert_int_eq(t.disk.ops->sync(&t.disk, fd, &err), 0);
    ck_assert(t.disk.ops->cached(&t.disk, fd, 0, 35));
    ck_assert_int_eq(t.disk.ops->truncate(&t.disk, fd, 4, &err), 0);
    ck_assert_int_eq(t.disk.ops->read(&t.disk, fd, got, sizeof(got), 3, &err), 1);
    ck_assert_int_eq(t.disk.ops->read(&t.disk, fd, got, sizeof(got), 9, &err), 0);
    t.disk.ops->close(&t.disk, fd);
    temp_dir_close(&t);
}
END_TEST

START_TEST(open_tells_missing_from_existing_and_makes_0644)
{
    struct stat st;
    temp_dir_open(&t);
    umask(022);
    ck_assert_int_eq(open_file("f", DISK_READ), ERR_NOT_FOUND);
    int fd = open_file("f", DISK_WRITE | DISK_CREATE | DISK_EXCLUSIVE);
    ck_assert_int_ge(fd, 0);
    fstat(fd, &st);
    ck_assert_int_eq(st.st_mode & 0777, 0644);
    t.disk.ops->close(&t.disk, fd);
    ck_assert_int_eq(open_file("f", DISK_WRITE | DISK_CREATE | DISK_EXCLUSIVE),
                     ERR_EXISTS);
    temp_dir_close(&t);
}
END_TEST

START_TEST(lock_keeps_others_out_until_it_is_closed)
{
    int first, second;
    temp_dir_open(&t);
    const char *path = temp_dir_path(&t, ".lock");
    ck_assert_int_eq(t.disk.ops->lock(&t.disk, path, &first, &err), 0);
    ck_assert_int_eq(t.disk.ops->lock(&t.disk, path, &second, &err), ERR_BUSY);
    t.disk.ops->close(&t.disk, first);
    ck_assert_int_eq(t.disk.ops->lock(&t.disk, path, &second, &err), 0);
    t.disk.ops->close(&t.disk, second);
    temp_dir_close(&t);
}
END_TEST

START_TEST(folders_are_made_once_and_removed_with_what_is_in_them)
{
    temp_dir_open(&t);
    const char *folder = temp_dir_path(&t, "a");
    ck_assert_int_eq(t.disk.ops->mkdir(&t.disk, folder, &err), 0);
    ck_assert_int_eq(t.disk.ops->mkdir(&t.disk, folder, &err), 0);
    ck_assert_int_eq(t.disk.ops->mkdir(&t.disk, temp_dir_path(&t, "a/b"), &err), 0);
    temp_dir_write(&t, "a/f", "x");
    temp_dir_write(&t, "a/b/g", "x");
    temp_dir_write(&t, "file", "x");
    ck_assert_int_eq(t.disk.ops->mkdir(&t.disk, temp_dir_path(&t, "file"), &err),
                     ERR_EXISTS);
    ck_assert_int_eq(disk_remove_tree(&t.disk, folder, &err), 0);
    ck_assert(!temp_dir_has(&t, "a"));
    ck_assert(temp_dir_has(&t, "file"));
    ck_assert_int_eq(disk_remove_tree(&t.disk, folder, &err), ERR_NOT_FOUND);
    temp_dir_close(&t);
}
END_TEST

START_TEST(atomic_write_replaces_and_leaves_nothing_beside)
{
    temp_dir_open(&t);
    const char *path = temp_dir_path(&t, "f");
    struct buf got = BUF_INIT;
    ck_assert_int_eq(disk_write_file_atomically(&t.disk, path, "first", 5, &err), 0);
    ck_assert_int_eq(disk_write_file_atomically(&t.disk, path, "2nd", 3, &err), 0);
    ck_assert_int_eq(disk_read_file(&t.disk, path, 3, &got, &err), 0);
    ck_assert_uint_eq(got.len, 3);
    ck_assert_mem_eq(got.data, "2nd", 3);
    ck_assert_int_eq(disk_read_file(&t.disk, path, 2, &got, &err), ERR_CORRUPT);
    ck_assert(!temp_dir_has(&t, "f.tmp"));
    buf_free(&got);
    temp_dir_close(&t);
}
END_TEST

GREGOR_TESTS("disk", writes_many_parts_at_their_place,
             open_tells_missing_from_existing_and_makes_0644,
             lock_keeps_others_out_until_it_is_closed,
             folders_are_made_once_and_removed_with_what_is_in_them,
             atomic_write_replaces_and_leaves_nothing_beside)
