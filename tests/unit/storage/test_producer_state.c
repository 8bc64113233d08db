#include <stdio.h>

#include "storage/producer_state.h"
#include "tests/support/check_main.h"
#include "tests/support/temp_dir.h"

struct fixture {
    struct producer_state *p;
    struct err err;
    struct producer_batch duplicate;
    struct aborted_txn aborted;
    int64_t next_offset;
};

static void open_fixture(struct fixture *f)
{
    *f = (struct fixture){.p = producer_state_create()};
    ck_assert_ptr_nonnull(f->p);
}

static void close_fixture(struct fixture *f)
{
    producer_state_destroy(f->p);
}

static int32_t wrap(int64_t sequence)
{
    return (int32_t)(sequence > INT32_MAX ? sequence - INT32_MAX - 1 : sequence);
}

static struct record_batch batch_of(int64_t producer_id, int16_t producer_epoch,
                                    int32_t base_sequence, int32_t records)
{
    return (struct record_batch){
        .producer_id = producer_id,
        .producer_epoch = producer_epoch,
        .base_sequence = base_sequence,
        .last_sequence = wrap((int64_t)base_sequence + records - 1),
        .record_count = records,
        .max_timestamp = 1000,
    };
}

static int check(struct fixture *f, struct record_batch batch)
{
    return producer_state_check(f->p, &batch, &f->duplicate, &f->err);
}

static void remember(struct fixture *f, struct record_batch batch)
{
    batch.base_offset = f->next_offset;
    batch.last_offset = f->next_offset + batch.record_count - 1;
    f->next_offset += batch.record_count;
    ck_assert_int_eq(producer_state_update(f->p, &batch, NULL, &f->aborted, &f->err),
                     0);
}

static void append(struct fixture *f, struct record_batch batch)
{
    ck_assert_int_eq(check(f, batch), 0);
    remember(f, batch);
}

static struct record_batch in_txn(struct record_batch batch)
{
    batch.transactional = true;
    return batch;
}

static int mark(struct fixture *f, int64_t producer_id, int16_t producer_epoch,
                enum control_record_type type, int32_t coordinator_epoch)
{
    struct record_batch batch = batch_of(producer_id, producer_epoch, NO_SEQUENCE, 1);
    struct end_txn end = {type, coordinator_epoch};
    batch.transactional = batch.control = true;
    batch.base_offset = batch.last_offset = f->next_offset++;
    return producer_state_update(f->p, &batch, &end, &f->aborted, &f->err);
}

static int64_t unstable(struct fixture *f, int64_t high_watermark)
{
    return producer_state_first_unstable_offset(f->p, high_watermark);
}

START_TEST(sequences_follow_each_other)
{
    struct fixture f;
    open_fixture(&f);
    append(&f, batch_of(7, 0, 0, 10));
    append(&f, batch_of(7, 0, 10, 5));
    ck_assert_int_eq(check(&f, batch_of(7, 0, 16, 1)),
                     ERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    ck_assert_int_eq(check(&f, batch_of(7, 0, 14, 1)),
                     ERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    append(&f, batch_of(7, 0, 15, 1));
    close_fixture(&f);
}
END_TEST

START_TEST(zero_follows_the_largest_sequence)
{
    struct fixture f;
    open_fixture(&f);
    append(&f, batch_of(7, 0, INT32_MAX - 4, 5));
    append(&f, batch_of(7, 0, 0, 3));
    close_fixture(&f);
}
END_TEST

START_TEST(a_batch_may_wrap_and_is_known_again)
{
    struct fixture f;
    open_fixture(&f);
    append(&f, batch_of(7, 0, INT32_MAX - 1, 5)); /* MAX-1, MAX, 0, 1, 2 */
    ck_assert_int_eq(check(&f, batch_of(7, 0, INT32_MAX - 1, 5)), 1);
    ck_assert_int_eq(f.duplicate.first_sequence, INT32_MAX - 1);
    ck_assert_int_eq(f.duplicate.last_sequence, 2);
    append(&f, batch_of(7, 0, 3, 1));
    close_fixture(&f);
}
END_TEST

START_TEST(an_unknown_producer_may_begin_anywhere)
{
    struct fixture f;
    open_fixture(&f);
    append(&f, batch_of(7, 3, 700, 10));
    append(&f, batch_of(7, 3, 710, 1));
    close_fixture(&f);
}
END_TEST

START_TEST(the_last_five_batches_are_recognised)
{
    struct fixture f;
    open_fixture(&f);
    for (int i = 0; i < 6; i++)
        append(&f, batch_of(7, 0, i * 10, 10));
    for (int i = 1; i < 6; i++) {
        ck_assert_int_eq(check(&f, batch_of(7, 0, i * 10, 10)), 1);
        ck_assert_int_eq(f.duplicate.first_offset, i * 10);
        ck_assert_int_eq(f.duplicate.last_offset, i * 10 + 9);
        ck_assert_int_eq(f.duplicate.timestamp, 1000);
    }
    ck_assert_int_eq(check(&f, batch_of(7, 0, 0, 10)),
                     ERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    /* The same start but another length is no duplicate. */
    ck_assert_int_eq(check(&f, batch_of(7, 0, 50, 9)),
                     ERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    close_fixture(&f);
}
END_TEST

START_TEST(a_new_epoch_begins_at_zero_and_fences_the_old)
{
    struct fixture f;
    open_fixture(&f);
    ck_assert_int_eq(check(&f, batch_of(7, -2, 0, 1)), ERR_INVALID_PRODUCER_EPOCH);
    append(&f, batch_of(7, 0, 0, 10));
    ck_assert_int_eq(check(&f, batch_of(7, 1, 10, 1)),
                     ERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    append(&f, batch_of(7, 1, 0, 10));
    ck_assert_int_eq(check(&f, batch_of(7, 0, 10, 1)), ERR_INVALID_PRODUCER_EPOCH);
    /* Sequences of the old epoch are no duplicates of the new one's. */
    ck_assert_int_eq(check(&f, batch_of(7, 0, 0, 10)), ERR_INVALID_PRODUCER_EPOCH);
    close_fixture(&f);
}
END_TEST

START_TEST(after_a_marker_that_brought_an_epoch_data_begins_at_zero)
{
    struct fixture f;
    open_fixture(&f);
    append(&f, in_txn(batch_of(7, 0, 0, 3)));
    ck_assert_int_eq(mark(&f, 7, 1, CONTROL_ABORT, 0), 1);
    ck_assert_int_eq(check(&f, in_txn(batch_of(7, 1, 3, 1))),
                     ERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    append(&f, in_txn(batch_of(7, 1, 0, 1)));
    close_fixture(&f);
}
END_TEST

START_TEST(a_marker_of_the_same_epoch_leaves_the_sequences)
{
    struct fixture f;
    open_fixture(&f);
    append(&f, in_txn(batch_of(7, 0, 0, 3)));
    ck_assert_int_eq(mark(&f, 7, 0, CONTROL_COMMIT, 0), 0);
    ck_assert_int_eq(check(&f, in_txn(batch_of(7, 0, 0, 3))), 1);
    append(&f, in_txn(batch_of(7, 0, 3, 1)));
    close_fixture(&f);
}
END_TEST

START_TEST(plain_writes_are_refused_while_a_transaction_is_open)
{
    struct fixture f;
    open_fixture(&f);
    append(&f, in_txn(batch_of(7, 0, 0, 3)));
    ck_assert_int_eq(check(&f, batch_of(7, 0, 3, 1)), ERR_INVALID_TXN_STATE);
    mark(&f, 7, 0, CONTROL_COMMIT, 0);
    append(&f, batch_of(7, 0, 3, 1));
    close_fixture(&f);
}
END_TEST

START_TEST(an_open_transaction_holds_the_stable_offset)
{
    struct fixture f;
    open_fixture(&f);
    append(&f, batch_of(1, 0, 0, 4));
    ck_assert_int_eq(unstable(&f, 4), INT64_MAX);
    append(&f, in_txn(batch_of(7, 0, 0, 3))); /* 4..6 */
    append(&f, in_txn(batch_of(8, 0, 0, 3))); /* 7..9 */
    append(&f, in_txn(batch_of(7, 0, 3, 3))); /* 10..12 */
    ck_assert_int_eq(unstable(&f, 13), 4);
    mark(&f, 7, 0, CONTROL_COMMIT, 0); /* 13 */
    /* The marker has to be below the high watermark first. */
    ck_assert_int_eq(unstable(&f, 13), 4);
    ck_assert_int_eq(unstable(&f, 14), 7);
    mark(&f, 8, 0, CONTROL_COMMIT, 0); /* 14 */
    ck_assert_int_eq(unstable(&f, 15), INT64_MAX);
    close_fixture(&f);
}
END_TEST

START_TEST(an_aborted_transaction_is_told_with_its_range)
{
    struct fixture f;
    open_fixture(&f);
    append(&f, in_txn(batch_of(7, 0, 0, 3)));              /* 0..2 */
    append(&f, in_txn(batch_of(8, 0, 0, 3)));              /* 3..5 */
    ck_assert_int_eq(mark(&f, 7, 0, CONTROL_ABORT, 0), 1); /* 6 */
    ck_assert_int_eq(f.aborted.producer_id, 7);
    ck_assert_int_eq(f.aborted.first_offset, 0);
    ck_assert_int_eq(f.aborted.last_offset, 6);
    ck_assert_int_eq(f.aborted.last_stable_offset, 3);
    ck_assert_int_eq(mark(&f, 8, 0, CONTROL_ABORT, 0), 1); /* 7 */
    ck_assert_int_eq(f.aborted.last_stable_offset, 8);
    /* Nothing was begun, so nothing was aborted. */
    ck_assert_int_eq(mark(&f, 7, 0, CONTROL_ABORT, 0), 0);
    close_fixture(&f);
}
END_TEST

START_TEST(silent_producers_are_forgotten_unless_a_transaction_is_open)
{
    struct fixture f;
    open_fixture(&f);
    append(&f, batch_of(1, 0, 0, 1));
    append(&f, in_txn(batch_of(2, 0, 0, 1)));
    struct record_batch late = batch_of(3, 0, 0, 1);
    late.max_timestamp = 5000;
    append(&f, late);
    ck_assert_int_eq(producer_state_expire(f.p, 1999, 1000), 0);
    ck_assert_int_eq(producer_state_expire(f.p, 2000, 1000), 1);
    ck_assert_int_eq(producer_state_count(f.p), 2);
    mark(&f, 2, 0, CONTROL_COMMIT, 0);
    ck_assert_int_eq(producer_state_expire(f.p, 2000, 1000), 1);
    append(&f, batch_of(1, 0, 500, 1));
    close_fixture(&f);
}
END_TEST

START_TEST(batches_without_a_producer_change_nothing)
{
    struct fixture f;
    open_fixture(&f);
    remember(&f, batch_of(NO_PRODUCER_ID, -1, NO_SEQUENCE, 3));
    ck_assert_int_eq(producer_state_count(f.p), 0);
    close_fixture(&f);
}
END_TEST

static void collect(void *context, const struct producer_info *info)
{
    struct producer_info *all = context;
    all[info->producer_id] = *info;
}

START_TEST(a_snapshot_brings_the_state_back)
{
    struct fixture f, g;
    struct temp_dir t;
    temp_dir_open(&t);
    open_fixture(&f);
    open_fixture(&g);
    const char *path = temp_dir_path(&t, "00000000000000000020.snapshot");
    for (int i = 0; i < 3; i++)
        append(&f, batch_of(1, 2, i * 4, 4));
    append(&f, in_txn(batch_of(2, 0, 0, 3))); /* 12..14 */
    ck_assert_int_eq(mark(&f, 3, 5, CONTROL_COMMIT, 9), 0);
    ck_assert_int_eq(producer_state_write(f.p, &t.disk, path, &f.err), 0);
    append(&g, batch_of(0, 0, 0, 1)); /* is replaced */
    ck_assert_int_eq(producer_state_read(g.p, &t.disk, path, &g.err), 0);

    ck_assert_int_eq(producer_state_count(g.p), 3);
    struct producer_info all[4];
    producer_state_each(g.p, collect, all);
    ck_assert_int_eq(all[1].producer_epoch, 2);
    ck_assert_int_eq(all[1].last_sequence, 11);
    ck_assert_int_eq(all[1].last_timestamp, 1000);
    ck_assert_int_eq(all[2].current_txn_first_offset, 12);
    ck_assert_int_eq(all[3].producer_epoch, 5);
    ck_assert_int_eq(all[3].coordinator_epoch, 9);
    ck_assert_int_eq(all[3].last_sequence, NO_SEQUENCE);
    ck_assert_int_eq(unstable(&g, 15), 12);
    ck_assert_int_eq(check(&g, batch_of(1, 2, 8, 4)), 1);
    ck_assert_int_eq(g.duplicate.first_offset, 8);
    append(&g, batch_of(1, 2, 12, 1));
    ck_assert(!temp_dir_has(&t, "00000000000000000020.snapshot.tmp"));
    close_fixture(&f);
    close_fixture(&g);
    temp_dir_close(&t);
}
END_TEST

START_TEST(snapshots_of_apache_kafka_are_read_and_written_alike)
{
    static const char *const names[] = {"idem-0/00000000000000000005.snapshot",
                                        "txn-0/00000000000000000009.snapshot",
                                        "plain-0/00000000000000000004.snapshot"};
    static const int counts[] = {1, 1, 0};
    struct temp_dir t;
    temp_dir_open(&t);
    for (int i = 0; i < 3; i++) {
        struct fixture f;
        open_fixture(&f);
        char path[1024];
        snprintf(path, sizeof(path), "%s/%s", SAMPLE_DATA, names[i]);
        ck_assert_int_eq(producer_state_read(f.p, &t.disk, path, &f.err), 0);
        ck_assert_int_eq(producer_state_count(f.p), counts[i]);
        ck_assert_int_eq(
            producer_state_write(f.p, &t.disk, temp_dir_path(&t, "ours"), &f.err), 0);
        struct buf theirs = BUF_INIT;
        struct buf ours = temp_dir_read(&t, "ours");
        ck_assert_int_eq(disk_read_file(&t.disk, path, 4096, &theirs, &f.err), 0);
        ck_assert_uint_eq(ours.len, theirs.len);
        ck_assert_mem_eq(ours.data, theirs.data, ours.len);
        buf_free(&ours);
        buf_free(&theirs);
        close_fixture(&f);
    }
    temp_dir_close(&t);
}
END_TEST

/* Every byte matters: whichever is flipped, the file is refused. */
START_TEST(a_damaged_snapshot_is_refused_and_leaves_nothing)
{
    struct fixture f;
    struct temp_dir t;
    temp_dir_open(&t);
    open_fixture(&f);
    append(&f, batch_of(1, 2, 0, 4));
    append(&f, batch_of(2, 2, 0, 4));
    const char *path = temp_dir_path(&t, "s");
    ck_assert_int_eq(producer_state_write(f.p, &t.disk, path, &f.err), 0);
    struct buf good = temp_dir_read(&t, "s");
    for (size_t i = 0; i < good.len; i++) {
        FILE *file = fopen(path, "w");
        good.data[i] ^= 0x10;
        fwrite(good.data, 1, good.len, file);
        good.data[i] ^= 0x10;
        fclose(file);
        ck_assert_int_eq(producer_state_read(f.p, &t.disk, path, &f.err), ERR_CORRUPT);
        ck_assert_int_eq(producer_state_count(f.p), 0);
    }
    for (size_t len = 0; len < good.len; len++) {
        FILE *file = fopen(path, "w");
        fwrite(good.data, 1, len, file);
        fclose(file);
        ck_assert_int_eq(producer_state_read(f.p, &t.disk, path, &f.err), ERR_CORRUPT);
    }
    buf_free(&good);
    close_fixture(&f);
    temp_dir_close(&t);
}
END_TEST

GREGOR_TESTS("producer_state", sequences_follow_each_other,
             zero_follows_the_largest_sequence, a_batch_may_wrap_and_is_known_again,
             an_unknown_producer_may_begin_anywhere,
             the_last_five_batches_are_recognised,
             a_new_epoch_begins_at_zero_and_fences_the_old,
             after_a_marker_that_brought_an_epoch_data_begins_at_zero,
             a_marker_of_the_same_epoch_leaves_the_sequences,
             plain_writes_are_refused_while_a_transaction_is_open,
             an_open_transaction_holds_the_stable_offset,
             an_aborted_transaction_is_told_with_its_range,
             silent_producers_are_forgotten_unless_a_transaction_is_open,
             batches_without_a_producer_change_nothing,
             a_snapshot_brings_the_state_back,
             snapshots_of_apache_kafka_are_read_and_written_alike,
             a_damaged_snapshot_is_refused_and_leaves_nothing)
