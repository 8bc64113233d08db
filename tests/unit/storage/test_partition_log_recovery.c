#include "tests/support/check_main.h"
#include "tests/support/log_fixture.h"

#include "protocol/base/random.h"

static struct log_fixture f;

static void setup(void)
{
    log_fixture_init(&f);
    log_fixture_open(&f, true);
}

static void teardown(void)
{
    log_fixture_free(&f);
    ck_assert_int_eq(f.disk.open_descriptors, 0);
}

static void append_many(int count, int value_size)
{
    for (int i = 0; i < count; i++)
        log_fixture_must_append(&f, (struct fixture_batch){.value_size = value_size,
                                                           .timestamp = 1000 + i});
}

static struct buf copy_file(const char *path)
{
    struct buf out = BUF_INIT;
    size_t len;
    const uint8_t *data = fake_disk_content(&f.disk, path, &len);
    buf_append(&out, data, len);
    return out;
}

static void check_file(const char *path, const struct buf *expected)
{
    struct buf now = copy_file(path);
    ck_assert_msg(now.len == expected->len, "%s has %zu bytes, not %zu", path, now.len,
                  expected->len);
    ck_assert(now.len == 0 || memcmp(now.data, expected->data, now.len) == 0);
    buf_free(&now);
}

static void put_cut(const char *path, const struct buf *content, size_t len)
{
    fake_disk_put(&f.disk, path, content->data, len);
}

START_TEST(torn_tail_is_cut_to_the_last_whole_batch)
{
    setup();
    append_many(5, 100);
    int64_t whole = partition_log_size_bytes(f.log);
    append_many(1, 100);
    struct buf log = copy_file(fixture_path(0, ".log"));
    log_fixture_close(&f);
    for (size_t len = (size_t)whole; len < log.len; len++) {
        put_cut(fixture_path(0, ".log"), &log, len);
        log_fixture_open(&f, false);
        ck_assert_int_eq(partition_log_end_offset(f.log), 5);
        ck_assert_int_eq(partition_log_size_bytes(f.log), whole);
        ck_assert_int_eq(fake_disk_size(&f.disk, fixture_path(0, ".log")), whole);
        ck_assert_int_eq(f.recovery.bytes_truncated, (int64_t)len - whole);
        append_many(1, 0);
        ck_assert_int_eq(f.result.base_offset, 5);
        log_fixture_close(&f);
    }
    buf_free(&log);
    teardown();
}
END_TEST

START_TEST(every_flipped_byte_is_found_or_harmless)
{
    setup();
    append_many(3, 40);
    struct buf log = copy_file(fixture_path(0, ".log"));
    log_fixture_close(&f);
    size_t batch = log.len / 3;
    for (size_t at = 0; at < batch; at++) {
        /* The leader epoch lies outside the CRC; so does the base offset, but
         * a batch of another offset does not follow. */
        if (at >= 12 && at < 16)
            continue;
        log.data[batch + at] ^= 0x40;
        put_cut(fixture_path(0, ".log"), &log, log.len);
        log.data[batch + at] ^= 0x40;
        log_fixture_open(&f, false);
        int64_t end = partition_log_end_offset(f.log);
        if (at < 8)
            ck_assert_int_ne(end, 3); /* a gap may open, as compaction leaves */
        else
            ck_assert_int_eq(end, 1);
        log_fixture_close(&f);
    }
    buf_free(&log);
    teardown();
}
END_TEST

/* Against an index as appends made it. */
static void check_indexes_come_back(void (*damage)(const char *path, struct buf *was))
{
    static const char *const suffixes[] = {".index", ".timeindex"};
    for (int k = 0; k < 2; k++) {
        setup();
        f.config.index_interval_bytes = 200;
        append_many(40, 90);
        log_fixture_seal_and_close(&f);
        f.recovery_point = 0;
        struct buf index = copy_file(fixture_path(0, ".index"));
        struct buf times = copy_file(fixture_path(0, ".timeindex"));
        ck_assert_uint_gt(index.len, 80);
        damage(fixture_path(0, suffixes[k]), k == 0 ? &index : &times);
        log_fixture_open(&f, false);
        ck_assert_int_eq(partition_log_end_offset(f.log), 40);
        log_fixture_close(&f);
        check_file(fixture_path(0, ".index"), &index);
        check_file(fixture_path(0, ".timeindex"), &times);
        buf_free(&index);
        buf_free(&times);
        teardown();
    }
}

static void leave(const char *path, struct buf *was)
{
    (void)path;
    (void)was;
}

static void drop(const char *path, struct buf *was)
{
    (void)was;
    fake_disk_drop(&f.disk, path);
}

static void cut(const char *path, struct buf *was)
{
    put_cut(path, was, was->len - 5);
}

static void scramble(const char *path, struct buf *was)
{
    struct buf bad = BUF_INIT;
    buf_append(&bad, was->data, was->len);
    for (size_t i = 0; i < bad.len; i++)
        bad.data[i] ^= (uint8_t)(0x55 + i);
    put_cut(path, &bad, bad.len);
    buf_free(&bad);
}

static void fill_with_zeros(const char *path, struct buf *was)
{
    struct buf zeros = BUF_INIT;
    buf_append(&zeros, was->data, was->len / 24 * 24);
    memset(buf_extend(&zeros, 12000), 0, 12000);
    put_cut(path, &zeros, zeros.len);
    buf_free(&zeros);
}

START_TEST(recovery_makes_the_indexes_that_appends_made)
{
    check_indexes_come_back(leave);
}
END_TEST

START_TEST(missing_indexes_are_made_anew)
{
    check_indexes_come_back(drop);
}
END_TEST

START_TEST(cut_and_scrambled_indexes_are_made_anew)
{
    check_indexes_come_back(cut);
    check_indexes_come_back(scramble);
}
END_TEST

START_TEST(preallocated_indexes_are_made_anew)
{
    check_indexes_come_back(fill_with_zeros);
}
END_TEST

START_TEST(missing_index_below_the_recovery_point_is_made_anew)
{
    setup();
    f.config.segment_bytes = 1000;
    f.config.index_interval_bytes = 200;
    append_many(20, 90);
    log_fixture_seal_and_close(&f);
    struct buf index = copy_file(fixture_path(0, ".index"));
    fake_disk_drop(&f.disk, fixture_path(0, ".index"));
    log_fixture_open(&f, true);
    ck_assert_int_eq(f.recovery.segments_recovered, 1);
    ck_assert_int_eq(partition_log_end_offset(f.log), 20);
    check_file(fixture_path(0, ".index"), &index);
    buf_free(&index);
    teardown();
}
END_TEST

START_TEST(zeros_behind_a_trusted_index_do_not_count)
{
    setup();
    f.config.index_interval_bytes = 200;
    append_many(40, 90);
    log_fixture_seal_and_close(&f);
    static const char *const suffixes[] = {".index", ".timeindex"};
    for (int k = 0; k < 2; k++) {
        struct buf index = copy_file(fixture_path(0, suffixes[k]));
        memset(buf_extend(&index, 4800), 0, 4800);
        put_cut(fixture_path(0, suffixes[k]), &index, index.len);
        buf_free(&index);
    }
    log_fixture_open(&f, true);
    ck_assert_int_eq(f.recovery.segments_recovered, 0);
    struct buf got = BUF_INIT;
    ck_assert_int_eq(log_fixture_read_all(&f, 17, INT64_MAX, &got), 40);
    append_many(1, 90);
    ck_assert_int_eq(f.result.base_offset, 40);
    buf_free(&got);
    teardown();
}
END_TEST

START_TEST(torn_end_after_a_clean_stop_is_recovered_all_the_same)
{
    setup();
    append_many(5, 100);
    log_fixture_seal_and_close(&f);
    struct buf log = copy_file(fixture_path(0, ".log"));
    put_cut(fixture_path(0, ".log"), &log, log.len - 3);
    log_fixture_open(&f, true);
    ck_assert_int_eq(f.recovery.segments_recovered, 1);
    ck_assert_int_eq(partition_log_end_offset(f.log), 4);
    /* Recovery wrote files that are not synced. */
    ck_assert_int_eq(partition_log_recovery_point(f.log), 4);
    buf_free(&log);
    teardown();
}
END_TEST

START_TEST(segments_behind_a_corrupt_one_go)
{
    setup();
    f.config.segment_bytes = 1000;
    append_many(20, 200); /* three each */
    log_fixture_close(&f);
    size_t len;
    uint8_t *log = fake_disk_content(&f.disk, fixture_path(6, ".log"), &len);
    log[len - 1] ^= 1;
    log_fixture_open(&f, false);
    ck_assert_int_eq(partition_log_end_offset(f.log), 8);
    ck_assert(!fake_disk_has(&f.disk, fixture_path(9, ".log")));
    ck_assert(!fake_disk_has(&f.disk, fixture_path(9, ".snapshot")));
    ck_assert(fake_disk_has(&f.disk, fixture_path(9, ".log.deleted")));
    append_many(3, 200);
    ck_assert_int_eq(f.result.base_offset, 10);
    teardown();
}
END_TEST

START_TEST(only_segments_past_the_recovery_point_are_read)
{
    setup();
    f.config.segment_bytes = 1000;
    append_many(9, 200); /* three each */
    log_fixture_flush(&f);
    f.recovery_point = partition_log_recovery_point(f.log);
    append_many(9, 200);
    log_fixture_close(&f);
    size_t len;
    fake_disk_content(&f.disk, fixture_path(0, ".log"), &len)[70] ^= 1;
    log_fixture_open(&f, false);
    /* One of them ends at the point: its indexes were not synced. */
    ck_assert_int_eq(f.recovery.segments_recovered, 4);
    ck_assert_int_eq(partition_log_end_offset(f.log), 18);
    ck_assert_int_eq(partition_log_recovery_point(f.log), 9);
    teardown();
}
END_TEST

START_TEST(producers_and_transactions_come_back)
{
    for (int with_snapshots = 0; with_snapshots < 2; with_snapshots++) {
        setup();
        f.config.segment_bytes = 400;
        for (int i = 0; i < 12; i++) {
            log_fixture_must_append(&f, (struct fixture_batch){.producer_id = 9,
                                                               .base_sequence = i,
                                                               .transactional = true});
            log_fixture_must_append(
                &f, (struct fixture_batch){.producer_id = 9,
                                           .end_txn = true,
                                           .abort = i % 3 == 0,
                                           .origin = APPEND_COORDINATOR});
        }
        log_fixture_must_append(&f, (struct fixture_batch){.producer_id = 9,
                                                           .base_sequence = 12,
                                                           .transactional = true});
        struct buf before = BUF_INIT;
        struct buf after = BUF_INIT;
        partition_log_aborted_txns(f.log, 0, 25, &before, NULL);
        ck_assert_uint_eq(before.len, 4 * sizeof(struct aborted_txn));
        log_fixture_close(&f);
        for (int base = 0; with_snapshots == 0 && base < 30; base++)
            fake_disk_drop(&f.disk, fixture_path(base, ".snapshot"));
        f.recovery_point = with_snapshots == 0 ? 0 : 7;

        log_fixture_open(&f, false);
        partition_log_aborted_txns(f.log, 0, 25, &after, NULL);
        ck_assert_uint_eq(before.len, after.len);
        ck_assert_mem_eq(before.data, after.data, after.len);
        ck_assert_int_eq(partition_log_last_stable_offset(f.log), 24);
        struct fixture_batch next = {
            .producer_id = 9, .base_sequence = 12, .transactional = true};
        log_fixture_must_append(&f, next);
        ck_assert(f.result.duplicate);
        next.base_sequence = 14;
        ck_assert_int_eq(log_fixture_append(&f, next),
                         ERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
        next.base_sequence = 13;
        log_fixture_must_append(&f, next);
        buf_free(&before);
        buf_free(&after);
        teardown();
    }
}
END_TEST

START_TEST(leader_epochs_come_back_from_the_batches)
{
    setup();
    for (int i = 0; i < 6; i++)
        log_fixture_must_append(&f, (struct fixture_batch){.leader_epoch = i / 2});
    log_fixture_close(&f);
    fake_disk_drop(&f.disk, FIXTURE_DIR "/leader-epoch-checkpoint");
    log_fixture_open(&f, false);
    struct leader_epoch_cache *epochs = partition_log_leader_epochs(f.log);
    for (int i = 0; i < 6; i++)
        ck_assert_int_eq(leader_epoch_cache_epoch_of(epochs, i), i / 2);
    teardown();
}
END_TEST

START_TEST(log_that_ends_below_its_start_begins_anew_there)
{
    setup();
    append_many(5, 10);
    log_fixture_seal_and_close(&f);
    f.log_start_offset = 50;
    log_fixture_open(&f, true);
    ck_assert_int_eq(partition_log_start_offset(f.log), 50);
    ck_assert_int_eq(partition_log_end_offset(f.log), 50);
    append_many(1, 10);
    ck_assert_int_eq(f.result.base_offset, 50);
    teardown();
}
END_TEST

START_TEST(leftovers_of_a_crash_are_cleared)
{
    setup();
    append_many(5, 10);
    log_fixture_seal_and_close(&f);
    static const char *const gone[] = {".log.deleted", ".index.cleaned",
                                       ".snapshot.tmp", ".log.cleaned", ".log.swap"};
    for (int i = 0; i < 5; i++)
        fake_disk_put(&f.disk, fixture_path(77, gone[i]), "x", 1);
    fake_disk_put(&f.disk, fixture_path(33, ".timeindex"), "x", 1); /* no .log */
    fake_disk_put(&f.disk, FIXTURE_DIR "/partition.metadata", "x", 1);
    fake_disk_put(&f.disk,
                  FIXTURE_DIR "/00000000000000000005-0000000001.checkpoint.deleted",
                  "x", 1);
    log_fixture_open(&f, true);
    for (int i = 0; i < 5; i++)
        ck_assert(!fake_disk_has(&f.disk, fixture_path(77, gone[i])));
    ck_assert(!fake_disk_has(&f.disk, fixture_path(33, ".timeindex")));
    ck_assert(fake_disk_has(&f.disk, FIXTURE_DIR "/partition.metadata"));
    ck_assert(fake_disk_has(&f.disk, FIXTURE_DIR
                            "/00000000000000000005-0000000001.checkpoint.deleted"));
    ck_assert_int_eq(partition_log_end_offset(f.log), 5);
    teardown();
}
END_TEST

START_TEST(finished_compaction_takes_the_place_of_what_it_replaced)
{
    setup();
    f.config.segment_bytes = 400;
    append_many(9, 50); /* segments 0, 3, 6 */
    log_fixture_seal_and_close(&f);
    ck_assert(fake_disk_has(&f.disk, fixture_path(3, ".log")));
    /* Segments 0 and 3 were made into one that keeps only offsets 1 and 5. */
    struct buf first = copy_file(fixture_path(0, ".log"));
    struct buf second = copy_file(fixture_path(3, ".log"));
    struct buf swap = BUF_INIT;
    size_t batch = first.len / 3;
    buf_append(&swap, first.data + batch, batch);
    buf_append(&swap, second.data + 2 * batch, batch);
    fake_disk_put(&f.disk, fixture_path(0, ".log.swap"), swap.data, swap.len);
    fake_disk_put(&f.disk, fixture_path(0, ".index.swap"), "", 0);
    fake_disk_put(&f.disk, fixture_path(0, ".timeindex.swap"), "", 0);
    log_fixture_open(&f, true);
    ck_assert(!fake_disk_has(&f.disk, fixture_path(3, ".log")));
    struct buf got = BUF_INIT;
    ck_assert_int_eq(log_fixture_read_all(&f, 0, INT64_MAX, &got), 9);
    ck_assert_uint_eq(got.len, 5 * batch);
    ck_assert_mem_eq(got.data, swap.data, swap.len);
    buf_free(&first);
    buf_free(&second);
    buf_free(&swap);
    buf_free(&got);
    teardown();
}
END_TEST

/* Nothing of a segment was left. An old .txnindex would name transactions whose markers
 * are gone, and readers would wait for those. */
START_TEST(a_segment_that_compaction_emptied_leaves_no_old_index_behind)
{
    struct buf txns = BUF_INIT;
    setup();
    f.config.segment_bytes = 400;
    log_fixture_must_append(
        &f, (struct fixture_batch){.producer_id = 5, .transactional = true});
    log_fixture_must_append(&f, (struct fixture_batch){.producer_id = 5,
                                                       .end_txn = true,
                                                       .abort = true,
                                                       .origin = APPEND_COORDINATOR});
    append_many(9, 50);
    log_fixture_seal_and_close(&f);
    ck_assert(fake_disk_has(&f.disk, fixture_path(0, ".txnindex")));
    fake_disk_put(&f.disk, fixture_path(0, ".log.swap"), "", 0);
    fake_disk_put(&f.disk, fixture_path(0, ".index.swap"), "", 0);
    fake_disk_put(&f.disk, fixture_path(0, ".timeindex.swap"), "", 0);
    log_fixture_open(&f, true);
    ck_assert(!fake_disk_has(&f.disk, fixture_path(0, ".txnindex")));
    ck_assert_int_eq(partition_log_aborted_txns(f.log, 0, 11, &txns, &f.err), 0);
    ck_assert_uint_eq(txns.len, 0);
    ck_assert_int_eq(partition_log_end_offset(f.log), 11);
    buf_free(&txns);
    teardown();
}
END_TEST

START_TEST(old_message_formats_are_refused_not_cut)
{
    setup();
    log_fixture_close(&f);
    uint8_t v1[48] = {0};
    store_be32(v1 + 8, sizeof(v1) - 12);
    v1[16] = 1;
    fake_disk_put(&f.disk, fixture_path(0, ".log"), v1, sizeof(v1));
    ck_assert_int_eq(log_fixture_try_open(&f, false),
                     ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT);
    ck_assert_int_eq(fake_disk_size(&f.disk, fixture_path(0, ".log")), sizeof(v1));
    teardown();
}
END_TEST

START_TEST(corrupt_snapshot_is_passed_over)
{
    setup();
    for (int i = 0; i < 5; i++)
        log_fixture_must_append(
            &f, (struct fixture_batch){.producer_id = 9, .base_sequence = i});
    log_fixture_seal_and_close(&f);
    fake_disk_put(&f.disk, fixture_path(5, ".snapshot"), "garbage", 7);
    log_fixture_open(&f, true);
    ck_assert_int_eq(producer_state_count(partition_log_producers(f.log)), 1);
    teardown();
}
END_TEST

static void check_epochs(int64_t end)
{
    struct leader_epoch_cache *epochs = partition_log_leader_epochs(f.log);
    for (int64_t i = 0; i < end; i++)
        ck_assert_int_eq(leader_epoch_cache_epoch_of(epochs, i), i / 4);
}

/* What was flushed survives a power cut, and so do the indexes and epochs below
 * the recovery point, which recovery does not make again. */
START_TEST(flushed_batches_survive_a_power_cut)
{
    for (int flushed = 0; flushed <= 30; flushed += 3) {
        setup();
        fake_disk_put(&f.disk, "data/anchor", "", 0);
        f.disk.disk.ops->sync_dir(&f.disk.disk, "data", NULL);
        f.config.segment_bytes = 1000;
        f.config.index_interval_bytes = 100;
        for (int i = 0; i < 30; i++) {
            log_fixture_must_append(
                &f, (struct fixture_batch){.value_size = 90, .leader_epoch = i / 4});
            if (i + 1 == flushed)
                ck_assert_int_eq(log_fixture_flush(&f), 0);
        }
        f.recovery_point = partition_log_recovery_point(f.log);
        ck_assert_int_eq(f.recovery_point, flushed);
        struct buf index = copy_file(fixture_path(0, ".index"));
        struct buf times = copy_file(fixture_path(0, ".timeindex"));
        log_fixture_close(&f);
        fake_disk_crash(&f.disk);
        log_fixture_open(&f, false);
        struct buf got = BUF_INIT;
        ck_assert_int_ge(partition_log_end_offset(f.log), flushed);
        int64_t end = log_fixture_read_all(&f, 0, INT64_MAX, &got);
        ck_assert_int_eq(end, partition_log_end_offset(f.log));
        check_epochs(end);
        if (flushed > 12) { /* the first segment was rolled before */
            check_file(fixture_path(0, ".index"), &index);
            check_file(fixture_path(0, ".timeindex"), &times);
        }
        buf_free(&got);
        buf_free(&index);
        buf_free(&times);
        teardown();
    }
}
END_TEST

START_TEST(epochs_that_a_power_cut_emptied_are_found_again)
{
    setup();
    for (int i = 0; i < 12; i++)
        log_fixture_must_append(&f, (struct fixture_batch){.leader_epoch = i / 4});
    log_fixture_close(&f);
    fake_disk_put(&f.disk, FIXTURE_DIR "/leader-epoch-checkpoint", "", 0);
    ck_assert_int_eq(log_fixture_try_open(&f, true), ERR_CORRUPT);
    log_fixture_open(&f, false);
    check_epochs(12);
    teardown();
}
END_TEST

GREGOR_TESTS(
    "partition_log_recovery", torn_tail_is_cut_to_the_last_whole_batch,
    every_flipped_byte_is_found_or_harmless,
    recovery_makes_the_indexes_that_appends_made, missing_indexes_are_made_anew,
    cut_and_scrambled_indexes_are_made_anew, preallocated_indexes_are_made_anew,
    missing_index_below_the_recovery_point_is_made_anew,
    zeros_behind_a_trusted_index_do_not_count,
    torn_end_after_a_clean_stop_is_recovered_all_the_same,
    segments_behind_a_corrupt_one_go, only_segments_past_the_recovery_point_are_read,
    producers_and_transactions_come_back, leader_epochs_come_back_from_the_batches,
    log_that_ends_below_its_start_begins_anew_there, leftovers_of_a_crash_are_cleared,
    finished_compaction_takes_the_place_of_what_it_replaced,
    a_segment_that_compaction_emptied_leaves_no_old_index_behind,
    old_message_formats_are_refused_not_cut, corrupt_snapshot_is_passed_over,
    flushed_batches_survive_a_power_cut,
    epochs_that_a_power_cut_emptied_are_found_again)
