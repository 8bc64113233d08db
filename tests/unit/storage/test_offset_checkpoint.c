#include "storage/offset_checkpoint.h"
#include "storage/partition_metadata.h"
#include "tests/support/check_main.h"
#include "tests/support/temp_dir.h"

static int print_entry(void *context, struct str topic, int32_t partition,
                       int64_t offset)
{
    buf_printf(context, "%.*s/%d=%lld ", STR_ARGS(topic), partition, (long long)offset);
    return 0;
}

START_TEST(what_is_written_is_read_back)
{
    struct temp_dir t;
    struct err err = {0};
    struct buf seen = BUF_INIT;
    struct offset_checkpoint c = OFFSET_CHECKPOINT_INIT;
    temp_dir_open(&t);
    const char *path = temp_dir_path(&t, RECOVERY_POINT_CHECKPOINT);
    offset_checkpoint_add(&c, STR_LITERAL("b-1"), 10, 7);
    offset_checkpoint_add(&c, STR_LITERAL("a"), 0, INT64_MAX);
    ck_assert_int_eq(offset_checkpoint_write(&c, &t.disk, path, &err), 0);
    struct buf text = temp_dir_read(&t, RECOVERY_POINT_CHECKPOINT);
    ck_assert_str_eq((char *)text.data, "0\n2\nb-1 10 7\na 0 9223372036854775807\n");
    ck_assert_int_eq(offset_checkpoint_read(&t.disk, path, print_entry, &seen, &err),
                     0);
    ck_assert_str_eq((char *)seen.data, "b-1/10=7 a/0=9223372036854775807 ");
    offset_checkpoint_free(&c);
    buf_free(&text);
    buf_free(&seen);
    temp_dir_close(&t);
}
END_TEST

START_TEST(a_missing_or_empty_checkpoint_has_no_entries)
{
    struct temp_dir t;
    struct err err = {0};
    struct buf seen = BUF_INIT;
    temp_dir_open(&t);
    ck_assert_int_eq(offset_checkpoint_read(&t.disk, temp_dir_path(&t, "missing"),
                                            print_entry, &seen, &err),
                     0);
    ck_assert_int_eq(offset_checkpoint_read(&t.disk,
                                            SAMPLE_DATA "/log-start-offset-checkpoint",
                                            print_entry, &seen, &err),
                     0);
    ck_assert_uint_eq(seen.len, 0);
    temp_dir_close(&t);
}
END_TEST

START_TEST(apache_kafkas_checkpoint_is_read)
{
    struct temp_dir t;
    struct err err = {0};
    struct buf seen = BUF_INIT;
    temp_dir_open(&t);
    ck_assert_int_eq(
        offset_checkpoint_read(&t.disk, SAMPLE_DATA "/recovery-point-offset-checkpoint",
                               print_entry, &seen, &err),
        0);
    ck_assert_ptr_nonnull(strstr((char *)seen.data, "segments/0=40 "));
    ck_assert_ptr_nonnull(strstr((char *)seen.data, "__consumer_offsets/0=17 "));
    buf_free(&seen);
    temp_dir_close(&t);
}
END_TEST

START_TEST(damaged_entries_are_refused)
{
    static const char *const bad[] = {
        "0\n1\na 0\n", "0\n1\na x 0\n",          "0\n1\na 0 -1\n", "0\n1\na 0 0 0\n",
        "0\n1\n\n",    "0\n1\na 2147483648 0\n", "0\n2\na 0 0\n"};
    struct temp_dir t;
    struct err err = {0};
    struct buf seen = BUF_INIT;
    temp_dir_open(&t);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        temp_dir_write(&t, "bad", bad[i]);
        int rc = offset_checkpoint_read(&t.disk, temp_dir_path(&t, "bad"), print_entry,
                                        &seen, &err);
        ck_assert_msg(rc == ERR_CORRUPT, "%s: %d", bad[i], rc);
        ck_assert_ptr_nonnull(strstr(err.message, "/bad: "));
    }
    buf_free(&seen);
    temp_dir_close(&t);
}
END_TEST

START_TEST(partition_metadata_is_kafkas_to_the_byte)
{
    struct temp_dir t;
    struct err err = {0};
    struct uuid id, again;
    temp_dir_open(&t);
    ck_assert_int_eq(
        partition_metadata_read(&t.disk, SAMPLE_DATA "/plain-0", &id, &err), 0);
    char text[UUID_TEXT_SIZE];
    ck_assert_str_eq(uuid_text(id, text), "pCj5ox7MRi2CutXGlrDO1Q");
    ck_assert_int_eq(partition_metadata_write(&t.disk, t.path, id, &err), 0);
    struct buf ours = temp_dir_read(&t, "partition.metadata");
    ck_assert_str_eq((char *)ours.data, "version: 0\ntopic_id: pCj5ox7MRi2CutXGlrDO1Q");
    ck_assert_int_eq(partition_metadata_read(&t.disk, t.path, &again, &err), 0);
    ck_assert(uuid_equal(id, again));
    buf_free(&ours);
    temp_dir_close(&t);
}
END_TEST

START_TEST(partition_metadata_without_a_topic_id_is_corrupt)
{
    static const char *const bad[] = {"", "version: 0\n",
                                      "version: 1\ntopic_id: pCj5ox7MRi2CutXGlrDO1Q",
                                      "version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAA",
                                      "version: 0\ntopic_id: pCj5ox7MRi2CutXGlrDO1"};
    struct temp_dir t;
    struct err err = {0};
    struct uuid id;
    temp_dir_open(&t);
    ck_assert_int_eq(partition_metadata_read(&t.disk, t.path, &id, &err),
                     ERR_NOT_FOUND);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        temp_dir_write(&t, "partition.metadata", bad[i]);
        ck_assert_int_eq(partition_metadata_read(&t.disk, t.path, &id, &err),
                         ERR_CORRUPT);
    }
    temp_dir_close(&t);
}
END_TEST

GREGOR_TESTS("offset_checkpoint", what_is_written_is_read_back,
             a_missing_or_empty_checkpoint_has_no_entries,
             apache_kafkas_checkpoint_is_read, damaged_entries_are_refused,
             partition_metadata_is_kafkas_to_the_byte,
             partition_metadata_without_a_topic_id_is_corrupt)
