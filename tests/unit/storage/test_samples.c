/* Kafka's own files: a data directory written by Apache Kafka 4.3.0 opens, every
 * batch comes back byte for byte, and indexes made from its logs are the ones
 * that Kafka wrote. */
#include "tests/support/check_main.h"
#include "tests/support/log_fixture.h"

#include <dirent.h>
#include <stdio.h>

#include "storage/log_path.h"

static struct log_fixture f;

struct sample {
    const char *folder;
    int64_t log_end_offset;
    int index_interval_bytes; /* what the topic was made with */
    /* Batches are missing and the roll was the cleaner's: epochs and segments
     * do not follow from what is left. */
    bool compacted;
};

static const struct sample samples[] = {
    {"__cluster_metadata-0", 201, 4096},
    {"__consumer_offsets-0", 17, 4096},
    {"__transaction_state-0", 10, 4096},
    {"appendtime-0", 3, 4096},
    {"codec-gzip-0", 20, 4096},
    {"codec-lz4-0", 20, 4096},
    {"codec-snappy-0", 20, 4096},
    {"codec-zstd-0", 20, 4096},
    {"compacted-0", 14, 4096, true},
    {"idem-0", 5, 4096},
    {"plain-0", 4, 4096},
    {"plain-1", 3, 4096},
    {"segments-0", 40, 200},
    {"txn-0", 9, 4096},
};

#define SAMPLES ((int)(sizeof(samples) / sizeof(*samples)))

static struct buf read_sample(const char *folder, const char *name)
{
    char path[PATH_MAX];
    struct disk disk = {.ops = &disk_system_ops};
    struct buf out = BUF_INIT;
    struct err err;
    snprintf(path, sizeof(path), "%s/%s/%s", SAMPLE_DATA, folder, name);
    int rc = disk_read_file(&disk, path, 1 << 24, &out, &err);
    ck_assert_msg(rc == 0, "%s", err.message);
    return out;
}

/* Calls `each` with every file of the sample's folder whose name ends so. */
static int each_file(const struct sample *s, const char *suffix,
                     void (*each)(const struct sample *s, const char *name))
{
    char path[PATH_MAX];
    int count = 0;
    snprintf(path, sizeof(path), "%s/%s", SAMPLE_DATA, s->folder);
    DIR *dir = opendir(path);
    ck_assert_ptr_nonnull(dir);
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        if (e->d_name[0] == '.' || !ends_with(e->d_name, suffix))
            continue;
        each(s, e->d_name);
        count++;
    }
    closedir(dir);
    return count;
}

static void copy_in(const struct sample *s, const char *name)
{
    char path[PATH_MAX];
    struct buf content = read_sample(s->folder, name);
    snprintf(path, sizeof(path), "%s/%s", FIXTURE_DIR, name);
    fake_disk_put(&f.disk, path, content.data, content.len);
    buf_free(&content);
}

static void check_same(const struct sample *s, const char *name)
{
    char path[PATH_MAX];
    size_t len;
    struct buf kafkas = read_sample(s->folder, name);
    snprintf(path, sizeof(path), "%s/%s", FIXTURE_DIR, name);
    ck_assert_msg(fake_disk_has(&f.disk, path), "%s/%s is missing", s->folder, name);
    const uint8_t *ours = fake_disk_content(&f.disk, path, &len);
    ck_assert_msg(
        len == kafkas.len && (len == 0 || memcmp(ours, kafkas.data, len) == 0),
        "%s/%s differs: %zu bytes, Kafka wrote %zu", s->folder, name, len, kafkas.len);
    buf_free(&kafkas);
}

static void setup(const struct sample *s)
{
    log_fixture_init(&f);
    f.disk.disk.ops->mkdir(&f.disk.disk, FIXTURE_DIR, NULL);
    each_file(s, "", copy_in);
    f.config.index_interval_bytes = s->index_interval_bytes;
    /* The sample's records are from one day; its producers have not expired. */
    f.clock.wall_now_ms = 1795228470000;
}

static void teardown(void)
{
    log_fixture_free(&f);
    ck_assert_int_eq(f.disk.open_descriptors, 0);
}

/* All the .log files of the sample, one behind the other. */
static struct buf all_logs(const struct sample *s)
{
    struct buf all = BUF_INIT;
    for (int64_t base = 0; base <= s->log_end_offset; base++) {
        size_t len;
        if (!fake_disk_has(&f.disk, fixture_path(base, ".log")))
            continue;
        const uint8_t *data =
            fake_disk_content(&f.disk, fixture_path(base, ".log"), &len);
        buf_append(&all, data, len);
    }
    return all;
}

static void check_content(const struct sample *s)
{
    struct buf expected = all_logs(s);
    struct buf got = BUF_INIT;
    ck_assert_msg(partition_log_end_offset(f.log) == s->log_end_offset,
                  "%s ends at %lld", s->folder,
                  (long long)partition_log_end_offset(f.log));
    ck_assert_int_eq(log_fixture_read_all(&f, 0, INT64_MAX, &got), s->log_end_offset);
    ck_assert_uint_eq(got.len, expected.len);
    ck_assert_mem_eq(got.data, expected.data, got.len);
    buf_free(&expected);
    buf_free(&got);
}

START_TEST(clean_open_serves_every_byte_and_changes_none)
{
    const struct sample *s = &samples[_i];
    setup(s);
    log_fixture_open(&f, true);
    ck_assert_int_eq(f.recovery.segments_recovered, 0);
    check_content(s);
    log_fixture_close(&f);
    each_file(s, "", check_same);
    teardown();
}
END_TEST

START_TEST(recovery_makes_the_files_that_kafka_wrote)
{
    const struct sample *s = &samples[_i];
    setup(s);
    log_fixture_open(&f, false);
    ck_assert_int_gt(f.recovery.segments_recovered, 0);
    ck_assert_int_eq(f.recovery.bytes_truncated, 0);
    check_content(s);
    log_fixture_close(&f);
    each_file(s, "", check_same);
    teardown();
}
END_TEST

static void drop_file(const struct sample *s, const char *name)
{
    char path[PATH_MAX];
    (void)s;
    snprintf(path, sizeof(path), "%s/%s", FIXTURE_DIR, name);
    fake_disk_drop(&f.disk, path);
}

START_TEST(logs_alone_are_enough)
{
    const struct sample *s = &samples[_i];
    setup(s);
    each_file(s, "index", drop_file);
    each_file(s, ".snapshot", drop_file);
    if (!s->compacted)
        each_file(s, "leader-epoch-checkpoint", drop_file);
    log_fixture_open(&f, false);
    check_content(s);
    log_fixture_close(&f);
    each_file(s, "", check_same);
    teardown();
}
END_TEST

/* Appends the sample's batches to a new log, as a leader gets them. */
START_TEST(appending_makes_the_files_that_kafka_wrote)
{
    const struct sample *s = &samples[_i];
    struct record_batch batch;
    if (s->compacted)
        return;
    setup(s);
    struct buf logs = all_logs(s);
    each_file(s, "", drop_file);
    if (strcmp(s->folder, "segments-0") == 0)
        f.config.segment_bytes = 1200;
    log_fixture_open(&f, true);
    for (size_t at = 0; at < logs.len; at += (size_t)batch.size) {
        ck_assert_int_eq(
            record_batch_read(logs.data + at, logs.len - at, &batch, &f.err), 0);
        int rc = partition_log_append(f.log, logs.data + at, batch.size, 0,
                                      APPEND_REPLICATION, &f.result, &f.err);
        ck_assert_msg(rc == 0, "%s", f.err.message);
    }
    log_fixture_seal_and_close(&f);
    each_file(s, ".log", check_same);
    each_file(s, "index", check_same);
    each_file(s, "leader-epoch-checkpoint", check_same);
    buf_free(&logs);
    teardown();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("samples");
    TCase *cases = tcase_create("samples");
    tcase_add_loop_test(cases, clean_open_serves_every_byte_and_changes_none, 0,
                        SAMPLES);
    tcase_add_loop_test(cases, recovery_makes_the_files_that_kafka_wrote, 0, SAMPLES);
    tcase_add_loop_test(cases, logs_alone_are_enough, 0, SAMPLES);
    tcase_add_loop_test(cases, appending_makes_the_files_that_kafka_wrote, 0, SAMPLES);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
