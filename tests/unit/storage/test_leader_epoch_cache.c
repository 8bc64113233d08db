#include "storage/leader_epoch_cache.h"
#include "tests/support/check_main.h"
#include "tests/support/temp_dir.h"

#define FILE_NAME "leader-epoch-checkpoint"

struct fixture {
    struct temp_dir t;
    struct leader_epoch_cache *c;
    struct err err;
};

static void reopen(struct fixture *f)
{
    leader_epoch_cache_close(f->c);
    f->c = NULL;
    int rc = leader_epoch_cache_open(&f->t.disk, temp_dir_path(&f->t, FILE_NAME), &f->c,
                                     &f->err);
    ck_assert_msg(rc == 0, "%s", f->err.message);
}

static void open_fixture(struct fixture *f)
{
    *f = (struct fixture){0};
    temp_dir_open(&f->t);
    reopen(f);
}

static void close_fixture(struct fixture *f)
{
    leader_epoch_cache_close(f->c);
    temp_dir_close(&f->t);
}

static void assign(struct fixture *f, int32_t leader_epoch, int64_t start_offset)
{
    ck_assert_int_eq(
        leader_epoch_cache_assign(f->c, leader_epoch, start_offset, &f->err), 0);
}

static void expect_file(struct fixture *f, const char *text)
{
    struct buf in = temp_dir_read(&f->t, FILE_NAME);
    ck_assert_str_eq((const char *)in.data, text);
    buf_free(&in);
}

static void expect_end(struct fixture *f, int32_t asked, int32_t found, int64_t end)
{
    int32_t found_epoch;
    int64_t end_offset;
    leader_epoch_cache_end_offset(f->c, asked, 100, &found_epoch, &end_offset);
    ck_assert_int_eq(found_epoch, found);
    ck_assert_int_eq(end_offset, end);
}

START_TEST(epochs_are_kept_in_kafkas_format)
{
    struct fixture f;
    open_fixture(&f);
    assign(&f, 0, 0);
    assign(&f, 2, 10);
    assign(&f, 2, 15); /* the epoch goes on: nothing to note */
    expect_file(&f, "0\n2\n0 0\n2 10\n");
    reopen(&f);
    struct leader_epoch_entry last;
    ck_assert(leader_epoch_cache_latest(f.c, &last));
    ck_assert_int_eq(last.leader_epoch, 2);
    ck_assert_int_eq(last.start_offset, 10);
    close_fixture(&f);
}
END_TEST

START_TEST(a_newer_leader_replaces_what_conflicts)
{
    struct fixture f;
    open_fixture(&f);
    assign(&f, 1, 0);
    assign(&f, 2, 10);
    assign(&f, 3, 20);
    assign(&f, 4, 10); /* nothing was written in 2 and 3 */
    expect_file(&f, "0\n2\n1 0\n4 10\n");
    assign(&f, 4, 5); /* the same epoch, earlier */
    expect_file(&f, "0\n2\n1 0\n4 5\n");
    assign(&f, 2, 7);
    expect_file(&f, "0\n2\n1 0\n2 7\n");
    close_fixture(&f);
}
END_TEST

START_TEST(an_empty_cache_knows_nothing)
{
    struct fixture f;
    open_fixture(&f);
    struct leader_epoch_entry last;
    ck_assert(!leader_epoch_cache_latest(f.c, &last));
    ck_assert_int_eq(leader_epoch_cache_epoch_of(f.c, 0), -1);
    expect_end(&f, 0, -1, -1);
    close_fixture(&f);
}
END_TEST

START_TEST(an_epoch_ends_where_the_next_begins)
{
    struct fixture f;
    open_fixture(&f);
    assign(&f, 2, 10);
    assign(&f, 4, 20);
    assign(&f, 7, 30);
    expect_end(&f, 7, 7, 100); /* still being written: the log's end */
    expect_end(&f, -1, -1, -1);
    expect_end(&f, -2, -2, 10); /* a number like any that is older than all */
    expect_end(&f, 4, 4, 30);
    expect_end(&f, 5, 4, 30); /* wrote nothing: the one before */
    expect_end(&f, 2, 2, 20);
    expect_end(&f, 1, 1, 10); /* gone: where the log begins now */
    expect_end(&f, 8, -1, -1);
    expect_end(&f, -1, -1, -1);
    close_fixture(&f);
}
END_TEST

START_TEST(offsets_are_traced_to_their_epoch)
{
    struct fixture f;
    open_fixture(&f);
    assign(&f, 2, 10);
    assign(&f, 4, 20);
    ck_assert_int_eq(leader_epoch_cache_epoch_of(f.c, 9), -1);
    ck_assert_int_eq(leader_epoch_cache_epoch_of(f.c, 10), 2);
    ck_assert_int_eq(leader_epoch_cache_epoch_of(f.c, 19), 2);
    ck_assert_int_eq(leader_epoch_cache_epoch_of(f.c, 20), 4);
    ck_assert_int_eq(leader_epoch_cache_epoch_of(f.c, 99), 4);
    close_fixture(&f);
}
END_TEST

START_TEST(truncation_from_the_end_forgets_epochs_that_began_there)
{
    struct fixture f;
    open_fixture(&f);
    assign(&f, 2, 10);
    assign(&f, 4, 20);
    assign(&f, 7, 30);
    ck_assert_int_eq(leader_epoch_cache_truncate_from_end(f.c, 31, &f.err), 0);
    expect_file(&f, "0\n3\n2 10\n4 20\n7 30\n");
    ck_assert_int_eq(leader_epoch_cache_truncate_from_end(f.c, 20, &f.err), 0);
    expect_file(&f, "0\n1\n2 10\n");
    close_fixture(&f);
}
END_TEST

START_TEST(truncation_from_the_start_moves_the_first_epoch_up)
{
    struct fixture f;
    open_fixture(&f);
    assign(&f, 2, 10);
    assign(&f, 4, 20);
    assign(&f, 7, 30);
    ck_assert_int_eq(leader_epoch_cache_truncate_from_start(f.c, 9, &f.err), 0);
    expect_file(&f, "0\n3\n2 10\n4 20\n7 30\n");
    ck_assert_int_eq(leader_epoch_cache_truncate_from_start(f.c, 25, &f.err), 0);
    expect_file(&f, "0\n2\n4 25\n7 30\n");
    ck_assert_int_eq(leader_epoch_cache_truncate_from_start(f.c, 30, &f.err), 0);
    expect_file(&f, "0\n1\n7 30\n");
    close_fixture(&f);
}
END_TEST

START_TEST(sync_writes_only_what_changed)
{
    struct fixture f;
    open_fixture(&f);
    ck_assert_int_eq(leader_epoch_cache_sync(f.c, &f.err), 0);
    ck_assert(!temp_dir_has(&f.t, FILE_NAME));
    assign(&f, 1, 0);
    temp_dir_write(&f.t, FILE_NAME, "lost in a power cut");
    ck_assert_int_eq(leader_epoch_cache_sync(f.c, &f.err), 0);
    expect_file(&f, "0\n1\n1 0\n");
    temp_dir_write(&f.t, FILE_NAME, "0\n0\n");
    ck_assert_int_eq(leader_epoch_cache_sync(f.c, &f.err), 0);
    expect_file(&f, "0\n0\n");
    close_fixture(&f);
}
END_TEST

START_TEST(files_that_are_no_checkpoint_are_refused)
{
    static const char *const bad[] = {"",
                                      "0\n",
                                      "1\n1\n0 0\n",
                                      "0\n2\n0 0\n",
                                      "0\n1\n0\n",
                                      "0\n1\nx 0\n",
                                      "0\n1\n0 -1\n",
                                      "0\n1\n-1 0\n",
                                      "0\n1\n0 0 0\n",
                                      "0\n0\n0 0\n",
                                      "0 0\n0\n",
                                      "0\n1\n2147483648 0\n",
                                      "0\n1\n0 9223372036854775808\n"};
    struct fixture f;
    open_fixture(&f);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct leader_epoch_cache *c = NULL;
        temp_dir_write(&f.t, "bad", bad[i]);
        int rc =
            leader_epoch_cache_open(&f.t.disk, temp_dir_path(&f.t, "bad"), &c, &f.err);
        ck_assert_msg(rc == ERR_CORRUPT, "%s: %d", bad[i], rc);
        ck_assert_ptr_null(c);
    }
    close_fixture(&f);
}
END_TEST

GREGOR_TESTS("leader_epoch_cache", epochs_are_kept_in_kafkas_format,
             a_newer_leader_replaces_what_conflicts, an_empty_cache_knows_nothing,
             an_epoch_ends_where_the_next_begins, offsets_are_traced_to_their_epoch,
             truncation_from_the_end_forgets_epochs_that_began_there,
             truncation_from_the_start_moves_the_first_epoch_up,
             sync_writes_only_what_changed, files_that_are_no_checkpoint_are_refused)
