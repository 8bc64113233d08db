/* What a disk or a stranger does to files that are dumped; what is printed of good
 * ones is compared with Kafka's tool in tests/integration/test_dump_log.py. */
#include "tools/dump/dump.h"

#include "protocol/base/crc32c.h"
#include "protocol/messages.h"
#include "storage/metadata_batch.h"
#include "tests/support/check_main.h"
#include "tests/support/fake_disk.h"

#define LOG "t-0/00000000000000000010.log"
#define INDEX "t-0/00000000000000000010.index"
#define TIMES "t-0/00000000000000000010.timeindex"

struct run {
    struct fake_disk disk;
    struct dump_options options;
    char *out;
    char *complaints;
    bool faulty;
};

static void run_open(struct run *r)
{
    *r = (struct run){.options = DUMP_OPTIONS_INIT};
    fake_disk_init(&r->disk);
    r->disk.disk.ops->mkdir(&r->disk.disk, "t-0", NULL);
}

static void run_close(struct run *r)
{
    ck_assert_int_eq(r->disk.open_descriptors, 0);
    free(r->out);
    free(r->complaints);
    fake_disk_free(&r->disk);
}

static void run_dump(struct run *r, const char *path)
{
    size_t out_len, complaints_len;
    struct dump d;
    free(r->out);
    free(r->complaints);
    FILE *out = open_memstream(&r->out, &out_len);
    FILE *complaints = open_memstream(&r->complaints, &complaints_len);
    dump_init(&d, &r->disk.disk, out, complaints, &r->options);
    dump_file(&d, path);
    r->faulty = d.faulty;
    dump_free(&d);
    fclose(out);
    fclose(complaints);
}

static void says(const char *text, const char *part)
{
    ck_assert_msg(strstr(text, part) != NULL, "no '%s' in: %s", part, text);
}

static void add_batch(struct buf *log, int64_t base_offset, int64_t timestamp)
{
    struct record_batch_builder b;
    record_batch_builder_init(&b, base_offset);
    record_batch_builder_add(&b, timestamp, BYTES_NULL,
                             (struct bytes){(const uint8_t *)"value", 5}, NULL, 0);
    ck_assert_int_eq(record_batch_builder_finish(&b, NULL), 0);
    buf_append(log, b.out.data, b.out.len);
    record_batch_builder_free(&b);
}

/* `count` batches from offset 10 on, each `step` offsets behind the one before. */
static size_t put_log(struct run *r, int count, int step)
{
    struct buf log = BUF_INIT;
    for (int i = 0; i < count; i++)
        add_batch(&log, 10 + (int64_t)i * step, 1000 + i);
    fake_disk_put(&r->disk, LOG, log.data, log.len);
    size_t size = log.len / (size_t)count;
    buf_free(&log);
    return size;
}

static void put_positions(struct run *r, const uint32_t *numbers, int count)
{
    uint8_t bytes[64];
    for (int i = 0; i < count; i++)
        store_be32(bytes + i * 4, numbers[i]);
    fake_disk_put(&r->disk, INDEX, bytes, (size_t)count * 4);
}

START_TEST(every_failure_of_the_disk_is_told)
{
    static const char *const files[] = {LOG, INDEX, TIMES};
    static const uint8_t time[12] = {[6] = 3, [7] = 0xe9, [11] = 1};
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        bool fired = true;
        for (unsigned nth = 1; fired; nth++) {
            struct run r;
            run_open(&r);
            uint32_t size = (uint32_t)put_log(&r, 3, 1);
            put_positions(&r, (uint32_t[]){1, size, 2, 2 * size}, 4);
            fake_disk_put(&r.disk, TIMES, time, sizeof(time));
            r.options.deep_iteration = true;
            fake_disk_fail_nth(&r.disk, nth);
            run_dump(&r, files[i]);
            fired = fake_disk_fired(&r.disk);
            ck_assert_int_eq(r.faulty, fired);
            if (fired)
                says(r.complaints, files[i]);
            else
                ck_assert_msg(strncmp(r.complaints, "Non-c", 5) == 0 ||
                                  r.complaints[0] == '\0',
                              "%s", r.complaints);
            run_close(&r);
        }
    }
}
END_TEST

START_TEST(gaps_beyond_count_are_counted)
{
    struct run r;
    run_open(&r);
    put_log(&r, 1500, 2);
    r.options.deep_iteration = true;
    run_dump(&r, LOG);
    says(r.complaints, "Non-consecutive offsets in " LOG "\n  -1 is followed by 10\n");
    says(r.complaints, "  10 is followed by 12\n");
    says(r.complaints, "\n  and 500 more\n");
    int lines = 0;
    for (const char *at = r.complaints; *at != '\0'; at++)
        lines += *at == '\n';
    ck_assert_int_eq(lines, 1 + 1000 + 1);
    ck_assert(!r.faulty); /* compaction leaves gaps */
    run_close(&r);
}
END_TEST

START_TEST(a_batch_of_an_impossible_size_ends_the_file)
{
    struct run r;
    size_t len;
    run_open(&r);
    size_t size = put_log(&r, 3, 1);
    uint8_t *log = fake_disk_content(&r.disk, LOG, &len);
    store_be32(log + size + 8, 3);
    run_dump(&r, LOG);
    ck_assert(r.faulty);
    says(r.out, "baseOffset: 10 ");
    ck_assert_ptr_null(strstr(r.out, "baseOffset: 11 "));
    says(r.complaints, "no batch at position");
    run_close(&r);
}
END_TEST

/* What is inside cannot be expanded: the batch is shown, and the next one too. */
START_TEST(records_that_cannot_be_read_do_not_end_the_file)
{
    struct run r;
    size_t len;
    run_open(&r);
    size_t size = put_log(&r, 2, 1);
    uint8_t *log = fake_disk_content(&r.disk, LOG, &len);
    for (uint8_t codec = 1; codec < 8; codec++) {
        log[22] = codec;
        store_be32(log + 17, crc32c(log + 21, size - 21));
        r.options.deep_iteration = true;
        run_dump(&r, LOG);
        ck_assert(r.faulty);
        says(r.out, "isvalid: true\nbaseOffset: 11 ");
        says(r.complaints, codec > 4 ? "is unknown" : "cannot be expanded");
    }
    run_close(&r);
}
END_TEST

START_TEST(a_delete_horizon_is_shown)
{
    struct run r;
    struct record_batch_builder b;
    run_open(&r);
    record_batch_builder_init(&b, 10);
    b.batch.has_delete_horizon = true;
    b.batch.base_timestamp = 7000;
    record_batch_builder_add(&b, 5, BYTES_NULL, BYTES_NULL, NULL, 0);
    ck_assert_int_eq(record_batch_builder_finish(&b, NULL), 0);
    fake_disk_put(&r.disk, LOG, b.out.data, b.out.len);
    record_batch_builder_free(&b);
    run_dump(&r, LOG);
    says(r.out, " deleteHorizonMs: OptionalLong[7000] ");
    run_close(&r);
}
END_TEST

static void control_says(enum control_record_type type, struct bytes value,
                         const char *shown, const char *complaint)
{
    struct run r;
    struct record_batch_builder b;
    run_open(&r);
    record_batch_builder_init(&b, 10);
    metadata_control_add_raw(&b, 1, type, value);
    ck_assert_int_eq(record_batch_builder_finish(&b, NULL), 0);
    fake_disk_put(&r.disk, LOG, b.out.data, b.out.len);
    record_batch_builder_free(&b);
    r.options.deep_iteration = true;
    run_dump(&r, LOG);
    says(r.out, shown);
    says(r.complaints, complaint);
    ck_assert_int_eq(r.faulty, complaint[0] == 'o');
    run_close(&r);
}

START_TEST(control_records_are_shown_as_what_they_are)
{
    static const uint8_t kraft[] = {0, 0, 0, 1, 0};
    static const uint8_t abort[] = {0, 0, 0, 0, 0, 5};
    /* Version 1 of a leader change has a directory with each voter. */
    static const uint8_t leader[] = {0, 1, 0, 0, 0, 1, 2, 0, 0, 0, 1, 0, 0, 0, 0,
                                     0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 1, 0};
    control_says(CONTROL_KRAFT_VERSION, (struct bytes){kraft, sizeof(kraft)},
                 " KRaftVersion {\"version\":0,\"kRaftVersion\":1}\n", "");
    control_says(CONTROL_ABORT, (struct bytes){abort, sizeof(abort)},
                 " endTxnMarker: ABORT coordinatorEpoch: 5\n", "");
    control_says(CONTROL_LEADER_CHANGE, (struct bytes){leader, sizeof(leader)},
                 "\"voters\":[{\"voterId\":1,\"voterDirectoryId\":"
                 "\"AAAAAAAAAAAAAAAAAAAACQ\"}]",
                 "");
    control_says(99, BYTES_EMPTY, " controlType: UNKNOWN(99)\n", "");
    control_says(CONTROL_COMMIT, BYTES_EMPTY, "headerKeys: []\n",
                 "offset 10: a transaction's marker cannot be read");
    control_says(CONTROL_KRAFT_VOTERS, BYTES_NULL, "headerKeys: []\n",
                 "offset 10: a VotersRecord cannot be read");
}
END_TEST

START_TEST(an_entry_may_not_lead_to_a_batch_that_is_too_large)
{
    struct run r;
    run_open(&r);
    uint32_t size = (uint32_t)put_log(&r, 2, 1);
    put_positions(&r, (uint32_t[]){1, size}, 2);
    run_dump(&r, INDEX);
    ck_assert(!r.faulty);
    r.options.max_message_size = (int32_t)size - 1;
    run_dump(&r, INDEX);
    ck_assert(r.faulty);
    says(r.complaints, "  Index offset: 11, log offset: -1\n");
    run_close(&r);
}
END_TEST

START_TEST(an_index_without_its_log_is_told)
{
    struct run r;
    run_open(&r);
    put_positions(&r, (uint32_t[]){1, 70}, 2);
    run_dump(&r, INDEX);
    ck_assert(r.faulty);
    says(r.complaints, INDEX ": ");
    says(r.complaints, LOG);
    put_positions(&r, NULL, 0);
    run_dump(&r, INDEX);
    ck_assert(!r.faulty);
    says(r.out, INDEX " is empty.\n");
    run_close(&r);
}
END_TEST

START_TEST(the_sanity_check_is_kafkas)
{
    struct run r;
    run_open(&r);
    r.options.index_sanity_check = true;
    put_positions(&r, (uint32_t[]){5, 70, (uint32_t)-3, 9}, 4);
    run_dump(&r, INDEX);
    ck_assert(r.faulty);
    put_positions(&r, (uint32_t[]){5, 70, 9}, 3);
    run_dump(&r, INDEX);
    ck_assert(r.faulty);
    says(r.complaints, "no whole number of entries");
    run_close(&r);
}
END_TEST

START_TEST(names_that_tell_no_offset_are_refused)
{
    static const char *const names[] = {"t-0/copy.log", "t-0/.log", "t-0/1.index",
                                        "t-0/x.checkpoint",
                                        "t-0/09223372036854775807.index"};
    struct run r;
    run_open(&r);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        fake_disk_put(&r.disk, names[i], "x", 1);
        run_dump(&r, names[i]);
        ck_assert(r.faulty);
        says(r.complaints, "its name ");
    }
    run_dump(&r, "t-0/");
    says(r.complaints, "Ignoring unknown file t-0/");
    run_dump(&r, ".deleted");
    says(r.complaints, "Ignoring unknown file .deleted");
    run_close(&r);
}
END_TEST

GREGOR_TESTS("dump", every_failure_of_the_disk_is_told, gaps_beyond_count_are_counted,
             a_batch_of_an_impossible_size_ends_the_file,
             records_that_cannot_be_read_do_not_end_the_file, a_delete_horizon_is_shown,
             control_records_are_shown_as_what_they_are,
             an_entry_may_not_lead_to_a_batch_that_is_too_large,
             an_index_without_its_log_is_told, the_sanity_check_is_kafkas,
             names_that_tell_no_offset_are_refused)
