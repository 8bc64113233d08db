/* The metadata log over a real partition log: on a disk in memory where failures
 * matter, on the real one for Apache Kafka's own files. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "protocol/messages.h"
#include "storage/metadata_log.h"
#include "tests/support/check_main.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_disk.h"
#include "tests/support/fake_executor.h"
#include "tests/support/temp_dir.h"

#define FOLDER "data/" METADATA_LOG_FOLDER
#define LOG_FILE "/00000000000000000000.log"
#define NAMES_MAX 4096

struct reply {
    struct metadata_log_request request; /* first */
    int calls;
    int rc;
};

/* The image of these tests: the names of topics, in order. */
struct fixture {
    struct fake_disk fake;
    struct disk *disk;
    const char *path;
    struct fake_clock clock;
    struct fake_executor executor;
    struct trace trace;
    int lines; /* traced */
    struct log_dir dir;
    int64_t snapshot_bytes;
    int segment_bytes; /* 0: 1 GiB */
    struct metadata_log *l;
    char names[NAMES_MAX][8];
    int count;
    bool busy; /* write_image() says so */
    struct err err;
};

static void count_line(const struct trace *trace, enum trace_level level,
                       const char *line)
{
    (void)level;
    (void)line;
    ((struct fixture *)trace->context)->lines++;
}

static void on_reply(struct metadata_log_request *request, int rc,
                     const struct err *err)
{
    struct reply *r = (struct reply *)request;
    ck_assert_ptr_nonnull(err);
    r->calls++;
    r->rc = rc;
}

static struct reply reply(void)
{
    return (struct reply){.request = {.done = on_reply}};
}

static int replay_name(void *context, const struct metadata_record *record,
                       struct err *err)
{
    struct fixture *f = context;
    (void)err;
    if (record->type != &topic_record_type)
        return 0;
    const struct topic_record *t = record->message;
    snprintf(f->names[f->count++], sizeof(f->names[0]), "%.*s", STR_ARGS(t->name));
    return 0;
}

static int write_names(void *context, metadata_emit emit, void *emit_context,
                       struct err *err)
{
    struct fixture *f = context;
    if (f->busy)
        return ERR_BUSY;
    for (int i = 0; i < f->count; i++) {
        struct topic_record t = TOPIC_RECORD_INIT;
        t.name = str_of(f->names[i]);
        struct metadata_record record = {&topic_record_type, 0, &t};
        int rc = emit(emit_context, &record, err);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int try_start(struct fixture *f)
{
    static const struct feature_level_record feature = {
        .name = {"metadata.version", 16}, .feature_level = 30};
    static const struct metadata_record bootstrap[] = {
        {&feature_level_record_type, 0, &feature}};
    struct log_dir_options dir = {
        .path = f->path, .disk = f->disk, .random = &random_system, .node_id = 1};
    int rc = log_dir_open(&dir, &f->dir, &f->err);
    if (rc != 0)
        return rc;
    fake_executor_init(&f->executor);
    f->count = 0;
    struct metadata_log_options options = {
        .dir = &f->dir,
        .disk = f->disk,
        .clock = &f->clock.clock,
        .random = &random_system,
        .trace = &f->trace,
        .executor = &f->executor.executor,
        .node_id = 1,
        .segment_bytes = f->segment_bytes == 0 ? 1 << 30 : f->segment_bytes,
        .segment_ms = INT64_MAX,
        .max_bytes_between_snapshots = f->snapshot_bytes,
        .bootstrap = bootstrap,
        .bootstrap_count = 1,
        .replay = replay_name,
        .write_image = write_names,
        .context = f,
    };
    rc = metadata_log_open(&options, &f->l, &f->err);
    if (rc != 0)
        log_dir_close(&f->dir);
    return rc;
}

static void start(struct fixture *f)
{
    int rc = try_start(f);
    ck_assert_msg(rc == 0, "%s", f->err.message);
}

static void prepare(struct fixture *f)
{
    memset(f, 0, sizeof(*f));
    fake_disk_init(&f->fake);
    fake_clock_init(&f->clock, 1700000000000LL);
    f->disk = &f->fake.disk;
    f->path = "data";
    f->snapshot_bytes = INT64_MAX;
    f->trace = (struct trace){TRACE_INFO, count_line, f};
}

static struct fixture *open_fixture(void)
{
    struct fixture *f = malloc(sizeof(*f));
    prepare(f);
    start(f);
    return f;
}

static void run(struct fixture *f)
{
    fake_executor_run(&f->executor);
}

static void kill_broker(struct fixture *f)
{
    run(f);
    metadata_log_close(f->l);
    f->l = NULL;
    log_dir_close(&f->dir);
}

static void close_fixture(struct fixture *f)
{
    kill_broker(f);
    fake_disk_free(&f->fake);
    free(f);
}

static int append(struct fixture *f, const char *name, struct reply *r)
{
    struct topic_record t = TOPIC_RECORD_INIT;
    t.name = str_of(name);
    struct metadata_record record = {&topic_record_type, 0, &t};
    int rc = metadata_log_append(f->l, &record, 1, &r->request, &f->err);
    if (rc == 0)
        snprintf(f->names[f->count++], sizeof(f->names[0]), "%s", name);
    return rc;
}

static void must_append(struct fixture *f, const char *name)
{
    struct reply r = reply();
    ck_assert_msg(append(f, name, &r) == 0, "%s", f->err.message);
    ck_assert_int_eq(r.calls, 0);
    run(f);
    ck_assert_int_eq(r.calls, 1);
    ck_assert_int_eq(r.rc, 0);
}

static void stop(struct fixture *f)
{
    struct reply r = reply();
    metadata_log_stop(f->l, &r.request);
    ck_assert_int_eq(r.calls, 0);
    run(f);
    ck_assert_int_eq(r.calls, 1);
    ck_assert_int_eq(r.rc, 0);
    kill_broker(f);
}

static void expect_file(struct fixture *f, const char *path, const char *text)
{
    size_t len;
    const char *content = (const char *)fake_disk_content(&f->fake, path, &len);
    ck_assert_uint_eq(len, strlen(text));
    ck_assert_mem_eq(content, text, len);
}

/* ---- the log ------------------------------------------------------------- */

START_TEST(a_new_directory_is_furnished_as_kafkas)
{
    struct fixture *f = open_fixture();
    ck_assert(metadata_log_is_new(f->l));
    ck_assert_int_eq(metadata_log_next_offset(f->l), 1); /* after the LeaderChange */
    ck_assert_int_eq(metadata_log_leader_epoch(f->l), 1);
    expect_file(f, FOLDER "/quorum-state",
                "{\"clusterId\":\"\",\"leaderId\":1,\"leaderEpoch\":1,\"votedId\":-1,"
                "\"appliedOffset\":0,\"currentVoters\":[{\"voterId\":1}],"
                "\"data_version\":0}");
    expect_file(f, FOLDER "/partition.metadata",
                "version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAQ");
    ck_assert(fake_disk_has(&f->fake, "data/bootstrap.checkpoint"));
    close_fixture(f);
}
END_TEST

START_TEST(a_new_directory_costs_few_syncs)
{
    struct fixture *f = open_fixture();
    must_append(f, "a");
    /* meta.properties and its folder; log, leader epochs and their two folders. */
    ck_assert_uint_le(f->fake.syncs, 6);
    unsigned before = f->fake.syncs;
    must_append(f, "b");
    ck_assert_uint_eq(f->fake.syncs, before + 1);
    close_fixture(f);
}
END_TEST

START_TEST(records_come_back_in_order_in_a_new_epoch)
{
    struct fixture *f = open_fixture();
    must_append(f, "a");
    must_append(f, "b");
    stop(f);
    start(f);
    ck_assert_int_eq(f->count, 2);
    ck_assert_str_eq(f->names[0], "a");
    ck_assert_str_eq(f->names[1], "b");
    ck_assert(!metadata_log_is_new(f->l));
    ck_assert_int_eq(metadata_log_leader_epoch(f->l), 2);
    ck_assert_int_eq(metadata_log_next_offset(f->l), 4);
    close_fixture(f);
}
END_TEST

START_TEST(the_first_append_of_a_run_waits_for_no_device)
{
    struct fixture *f = open_fixture();
    struct reply a = reply();
    ck_assert_uint_eq(f->fake.syncs, 0);
    ck_assert_int_eq(append(f, "a", &a), 0);
    fake_disk_fail_nth(&f->fake, 1);
    run(f);
    ck_assert_int_eq(a.calls, 1);
    ck_assert_int_eq(a.rc, 0);
    /* What comes after it hears that the disk refused. */
    struct reply b = reply();
    ck_assert_int_eq(append(f, "b", &b), ERR_OFFLINE);
    close_fixture(f);
}
END_TEST

START_TEST(a_start_without_a_change_syncs_nothing)
{
    struct fixture *f = open_fixture();
    must_append(f, "a");
    ck_assert_int_eq(log_dir_mark_clean(&f->dir, 1, &f->err), 0);
    stop(f);
    unsigned before = f->fake.syncs;
    start(f);
    ck_assert_uint_eq(f->fake.syncs, before);
    close_fixture(f);
}
END_TEST

START_TEST(appends_during_a_sync_share_the_next)
{
    struct fixture *f = open_fixture();
    struct reply a = reply(), b = reply(), c = reply();
    must_append(f, "0");
    int before = f->executor.total;
    ck_assert_int_eq(append(f, "a", &a), 0);
    ck_assert_int_eq(append(f, "b", &b), 0);
    ck_assert_int_eq(append(f, "c", &c), 0);
    ck_assert(fake_executor_run_one(&f->executor));
    ck_assert_int_eq(a.calls, 1);
    ck_assert_int_eq(b.calls + c.calls, 0);
    run(f);
    ck_assert_int_eq(b.calls, 1);
    ck_assert_int_eq(c.calls, 1);
    ck_assert_int_eq(f->executor.total, before + 2);
    close_fixture(f);
}
END_TEST

START_TEST(a_failed_sync_refuses_all_that_follows)
{
    struct fixture *f = open_fixture();
    struct reply a = reply(), b = reply(), c = reply();
    must_append(f, "0");
    ck_assert_int_eq(append(f, "a", &a), 0);
    ck_assert_int_eq(append(f, "b", &b), 0);
    fake_disk_fail_nth(&f->fake, 1);
    run(f);
    ck_assert_int_eq(a.rc, ERR_IO);
    ck_assert_int_eq(b.rc, ERR_OFFLINE);
    ck_assert_int_eq(append(f, "c", &c), ERR_OFFLINE);
    ck_assert_int_eq(c.calls, 0);
    close_fixture(f);
}
END_TEST

/* Whichever disk call fails, and the power with it: what was called back as
 * durable is there, in order, and the log opens. */
/* The disk is full, and appends are refused; the offset that the next one would get. */
static int64_t fill_disk(struct fixture *f, int64_t space)
{
    struct reply r = reply();
    int64_t next = metadata_log_next_offset(f->l);
    fake_disk_limit_space(&f->fake, space);
    ck_assert_int_eq(append(f, "full", &r), ERR_NO_SPACE);
    ck_assert_int_eq(r.calls, 0);
    return next;
}

START_TEST(a_full_disk_is_tried_again_by_the_next_append)
{
    for (int64_t space = 0; space < 60; space += 11) {
        struct fixture *f = open_fixture();
        struct reply r = reply();
        must_append(f, "0");
        must_append(f, "1");
        int64_t next = fill_disk(f, space);
        ck_assert_int_eq(append(f, "x", &r), 0);
        f->count--;
        run(f);
        ck_assert_int_eq(r.calls, 1);
        ck_assert_int_eq(r.rc, ERR_NO_SPACE);
        ck_assert_int_eq(metadata_log_next_offset(f->l), next);
        fake_disk_limit_space(&f->fake, 1 << 30);
        must_append(f, "2");
        ck_assert_int_eq(metadata_log_next_offset(f->l), next + 1);
        must_append(f, "3");
        ck_assert_int_eq(f->lines, 2); /* at both ends */
        stop(f);
        start(f);
        ck_assert_int_eq(f->count, 4);
        ck_assert_str_eq(f->names[2], "2");
        close_fixture(f);
    }
}
END_TEST

/* What the image does not have may be in the log then. */
START_TEST(a_sync_without_space_refuses_all_that_follows)
{
    struct fixture *f = open_fixture();
    struct reply r = reply();
    must_append(f, "0");
    ck_assert_int_eq(append(f, "a", &r), 0);
    f->fake.fail_code = ERR_NO_SPACE;
    fake_disk_fail_nth(&f->fake, 1);
    run(f);
    ck_assert_int_eq(r.rc, ERR_NO_SPACE);
    fake_disk_fail_nth(&f->fake, 0);
    ck_assert_int_eq(append(f, "b", &r), ERR_OFFLINE);
    close_fixture(f);
}
END_TEST

START_TEST(coming_back_survives_each_disk_failure)
{
    bool fired = true;
    for (unsigned nth = 1; fired; nth++) {
        struct fixture *f = open_fixture();
        struct reply r = reply();
        must_append(f, "0");
        must_append(f, "1");
        fill_disk(f, 20);
        fake_disk_limit_space(&f->fake, 1 << 30);
        fake_disk_fail_nth(&f->fake, nth);
        ck_assert_int_eq(append(f, "2", &r), 0);
        run(f);
        fired = fake_disk_fired(&f->fake);
        fake_disk_fail_nth(&f->fake, 0);
        ck_assert_int_eq(r.calls, 1);
        ck_assert(fired || r.rc == 0);
        bool told = r.rc == 0;
        kill_broker(f);
        start(f);
        ck_assert_int_ge(f->count, told ? 3 : 2);
        ck_assert_int_le(f->count, 3);
        must_append(f, "4");
        close_fixture(f);
    }
}
END_TEST

START_TEST(a_stop_waits_for_the_log_to_come_back)
{
    struct fixture *f = open_fixture();
    struct reply r = reply();
    must_append(f, "0");
    fill_disk(f, 0);
    fake_disk_limit_space(&f->fake, 1 << 30);
    ck_assert_int_eq(append(f, "1", &r), 0);
    stop(f);
    ck_assert_int_eq(r.rc, 0);
    ck_assert_int_eq(r.calls, 1);
    start(f);
    ck_assert_int_eq(f->count, 2);
    close_fixture(f);
}
END_TEST

START_TEST(a_power_cut_takes_nothing_that_was_acknowledged)
{
    bool fired = true;
    for (unsigned nth = 1; fired; nth++) {
        struct fixture *f = malloc(sizeof(*f));
        prepare(f);
        f->snapshot_bytes = 250;
        start(f);
        must_append(f, "0");
        int durable = 1;
        fake_disk_fail_nth(&f->fake, nth);
        for (int i = 1; i < 8; i++) {
            struct reply r = reply();
            char name[8];
            snprintf(name, sizeof(name), "%d", i);
            int rc = append(f, name, &r);
            run(f);
            if (rc == 0 && r.rc == 0)
                durable = i + 1;
        }
        fired = fake_disk_fired(&f->fake);
        fake_disk_fail_nth(&f->fake, 0);
        metadata_log_close(f->l);
        log_dir_close(&f->dir);
        fake_disk_crash(&f->fake);
        start(f);
        ck_assert_int_ge(f->count, durable);
        for (int i = 0; i < f->count; i++)
            ck_assert_int_eq(atoi(f->names[i]), i);
        close_fixture(f);
        ck_assert_uint_lt(nth, 1000);
    }
}
END_TEST

START_TEST(a_torn_tail_is_cut_off)
{
    struct fixture *f = open_fixture();
    size_t len;
    must_append(f, "a");
    must_append(f, "b");
    kill_broker(f);
    uint8_t *log = fake_disk_content(&f->fake, FOLDER LOG_FILE, &len);
    log[len - 3] ^= 1;
    start(f);
    ck_assert_int_eq(f->count, 1);
    ck_assert_int_eq(f->lines, 1);
    must_append(f, "c");
    close_fixture(f);
}
END_TEST

START_TEST(an_unreadable_quorum_state_is_made_anew_from_the_log)
{
    struct fixture *f = open_fixture();
    must_append(f, "a");
    stop(f);
    fake_disk_put(&f->fake, FOLDER "/quorum-state", "{", 1);
    start(f);
    ck_assert_int_eq(metadata_log_leader_epoch(f->l), 2);
    ck_assert_int_eq(f->lines, 1);
    close_fixture(f);
}
END_TEST

START_TEST(records_of_a_later_kafka_are_refused)
{
    static const uint8_t later[] = {1, 99, 0, 0};
    struct arena arena = ARENA_INIT;
    struct metadata_record record;
    struct err err;
    struct bytes value = {later, sizeof(later)};
    ck_assert_int_eq(metadata_record_decode(value, &arena, &record, &err),
                     ERR_UNSUPPORTED_VERSION);
    value.len = 2;
    ck_assert_int_eq(metadata_record_decode(value, &arena, &record, &err), ERR_CORRUPT);
    arena_reset(&arena);
}
END_TEST

static void refused_as_it_is(struct fixture *f, const char *voters)
{
    struct buf before = BUF_INIT;
    size_t len;
    const uint8_t *log = fake_disk_content(&f->fake, FOLDER LOG_FILE, &len);
    buf_append(&before, log, len);
    unsigned writes = f->fake.writes;
    ck_assert_int_eq(try_start(f), ERR_MISMATCH);
    ck_assert_msg(strstr(f->err.message, voters) != NULL, "%s", f->err.message);
    ck_assert_uint_eq(f->fake.writes, writes);
    log = fake_disk_content(&f->fake, FOLDER LOG_FILE, &len);
    ck_assert_uint_eq(len, before.len);
    ck_assert_mem_eq(log, before.data, len);
    buf_free(&before);
}

START_TEST(a_quorum_of_others_is_refused)
{
    static const struct {
        const char *state;
        const char *voters;
    } quorums[] = {
        {"{\"leaderId\":2,\"leaderEpoch\":7,\"currentVoters\":[{\"voterId\":1},"
         "{\"voterId\":2},{\"voterId\":3}],\"data_version\":0}",
         "the quorum of 1, 2, 3"},
        {"{\"leaderId\":9,\"leaderEpoch\":7,\"currentVoters\":[{\"voterId\":9}],"
         "\"data_version\":0}",
         "the quorum of 9"},
    };
    struct fixture *f = open_fixture();
    must_append(f, "a");
    stop(f);
    for (size_t i = 0; i < sizeof(quorums) / sizeof(quorums[0]); i++) {
        fake_disk_put(&f->fake, FOLDER "/quorum-state", quorums[i].state,
                      strlen(quorums[i].state));
        refused_as_it_is(f, quorums[i].voters);
        expect_file(f, FOLDER "/quorum-state", quorums[i].state);
    }
    fake_disk_drop(&f->fake, FOLDER "/quorum-state");
    start(f);
    close_fixture(f);
}
END_TEST

/* Appends a VotersRecord to the log of a broker that was stopped. */
static void add_voters(struct fixture *f, int64_t offset, int32_t count)
{
    struct voters_record record = VOTERS_RECORD_INIT;
    struct voters_record_voter voters[3];
    struct record_batch_builder b;
    struct buf log = BUF_INIT;
    size_t len;
    for (int32_t i = 0; i < count; i++)
        voters[i] = (struct voters_record_voter){.voter_id = i + 1};
    record.voters = voters;
    record.voters_count = count;
    record_batch_builder_init(&b, offset);
    b.batch.leader_epoch = 1;
    ck_assert_int_eq(metadata_control_add(&b, 1, CONTROL_KRAFT_VOTERS,
                                          &voters_record_type, 0, &record, NULL),
                     0);
    ck_assert_int_eq(record_batch_builder_finish(&b, NULL), 0);
    const uint8_t *content = fake_disk_content(&f->fake, FOLDER LOG_FILE, &len);
    buf_append(&log, content, len);
    buf_append(&log, b.out.data, b.out.len);
    fake_disk_put(&f->fake, FOLDER LOG_FILE, log.data, log.len);
    record_batch_builder_free(&b);
    buf_free(&log);
}

START_TEST(a_quorum_of_others_in_the_log_is_refused)
{
    struct fixture *f = open_fixture();
    must_append(f, "a");
    int64_t next = metadata_log_next_offset(f->l);
    stop(f);
    add_voters(f, next, 1);
    start(f);
    next = metadata_log_next_offset(f->l);
    must_append(f, "b");
    next = metadata_log_next_offset(f->l);
    stop(f);
    add_voters(f, next, 3);
    ck_assert_int_eq(try_start(f), ERR_MISMATCH);
    ck_assert_ptr_nonnull(strstr(f->err.message, "the quorum of 1, 2, 3"));
    expect_file(f, FOLDER "/quorum-state",
                "{\"clusterId\":\"\",\"leaderId\":1,\"leaderEpoch\":2,\"votedId\":-1,"
                "\"appliedOffset\":0,\"currentVoters\":[{\"voterId\":1}],"
                "\"data_version\":0}");
    close_fixture(f);
}
END_TEST

/* ---- snapshots ----------------------------------------------------------- */

static int newest_snapshot(void *context, const struct disk_entry *entry)
{
    struct metadata_snapshot_id id;
    struct metadata_snapshot_id *all = context;
    if (metadata_snapshot_parse_name(entry->name, &id)) {
        all[1] = id;
        all[0].leader_epoch++;
    }
    return 0;
}

static int count_snapshots(struct fixture *f, struct metadata_snapshot_id *id)
{
    struct metadata_snapshot_id found[2] = {{0}};
    ck_assert_int_eq(
        f->disk->ops->list(f->disk, FOLDER, newest_snapshot, found, &f->err), 0);
    *id = found[1];
    return found[0].leader_epoch;
}

START_TEST(a_grown_log_is_snapshot_and_replayed_from_there)
{
    struct fixture *f = malloc(sizeof(*f));
    struct metadata_snapshot_id id;
    prepare(f);
    f->snapshot_bytes = 1000;
    start(f);
    for (int i = 0; i < 100; i++)
        must_append(f, "t");
    ck_assert_int_eq(count_snapshots(f, &id), 1); /* older ones are gone */
    ck_assert_int_gt(id.end_offset, 80);
    ck_assert_int_eq(id.leader_epoch, 1);
    stop(f);
    start(f);
    ck_assert_int_eq(f->count, 100);
    close_fixture(f);
}
END_TEST

static int count_segment(void *context, const struct disk_entry *entry)
{
    *(int *)context += strstr(entry->name, ".log") != NULL;
    return 0;
}

START_TEST(segments_below_a_snapshot_are_removed)
{
    struct fixture *f = malloc(sizeof(*f));
    int segments = 0;
    prepare(f);
    f->snapshot_bytes = 2000;
    f->segment_bytes = 500;
    start(f);
    for (int i = 0; i < 200; i++)
        must_append(f, "t");
    ck_assert(!fake_disk_has(&f->fake, FOLDER "/00000000000000000000.log"));
    ck_assert_int_eq(
        f->disk->ops->list(f->disk, FOLDER, count_segment, &segments, NULL), 0);
    ck_assert_int_lt(segments, 10); /* of some fifty */
    ck_assert_int_eq(f->lines, 0);
    stop(f);
    start(f);
    ck_assert_int_eq(f->count, 200);
    close_fixture(f);
}
END_TEST

START_TEST(a_busy_image_is_asked_again_later)
{
    struct fixture *f = malloc(sizeof(*f));
    struct metadata_snapshot_id id;
    prepare(f);
    f->snapshot_bytes = 500;
    start(f);
    f->busy = true;
    for (int i = 0; i < 20; i++)
        must_append(f, "t");
    ck_assert_int_eq(count_snapshots(f, &id), 0);
    f->busy = false;
    must_append(f, "t");
    ck_assert_int_eq(count_snapshots(f, &id), 1);
    ck_assert_int_eq(id.end_offset, 22);
    close_fixture(f);
}
END_TEST

START_TEST(a_failed_snapshot_harms_nothing)
{
    struct fixture *f = malloc(sizeof(*f));
    struct metadata_snapshot_id id;
    struct reply r = reply();
    prepare(f);
    f->snapshot_bytes = 300;
    start(f);
    must_append(f, "0");
    must_append(f, "1");
    ck_assert_int_eq(append(f, "a", &r), 0);
    ck_assert(fake_executor_run_one(&f->executor));
    ck_assert_int_eq(f->executor.count, 1); /* the snapshot */
    fake_disk_fail_nth(&f->fake, 2);
    run(f);
    ck_assert_int_eq(count_snapshots(f, &id), 0);
    ck_assert_int_eq(f->lines, 1);
    must_append(f, "b");
    kill_broker(f);
    start(f);
    ck_assert_int_eq(f->count, 4);
    close_fixture(f);
}
END_TEST

START_TEST(a_damaged_snapshot_is_refused)
{
    struct fixture *f = malloc(sizeof(*f));
    struct metadata_snapshot_id id;
    char path[128], name[METADATA_SNAPSHOT_NAME_SIZE];
    size_t len;
    prepare(f);
    f->snapshot_bytes = 150;
    start(f);
    must_append(f, "a");
    must_append(f, "b");
    ck_assert_int_eq(count_snapshots(f, &id), 1);
    stop(f);
    metadata_snapshot_name(name, id);
    snprintf(path, sizeof(path), FOLDER "/%s", name);
    uint8_t *bytes = fake_disk_content(&f->fake, path, &len);
    struct buf cut = BUF_INIT;
    struct buf bytes_before = BUF_INIT;
    buf_append(&bytes_before, bytes, len);
    buf_append(&cut, bytes, len - 75); /* the footer */
    fake_disk_put(&f->fake, path, cut.data, cut.len);
    ck_assert_int_eq(try_start(f), ERR_CORRUPT);
    ck_assert_ptr_nonnull(strstr(f->err.message, name));
    cut.len = 0;
    buf_append(&cut, bytes_before.data, bytes_before.len);
    /* What the checksum of the first batch, the header's, covers. */
    for (size_t i = 21; i < 83; i++) {
        cut.data[i] ^= 0x20;
        fake_disk_put(&f->fake, path, cut.data, cut.len);
        cut.data[i] ^= 0x20;
        int rc = try_start(f);
        ck_assert_msg(rc == ERR_CORRUPT, "%zu: %d", i, rc);
    }
    buf_free(&bytes_before);
    buf_free(&cut);
    fake_disk_free(&f->fake);
    free(f);
}
END_TEST

/* ---- Apache Kafka's files ------------------------------------------------ */

/* FEATURE_LEVEL_RECORD for FeatureLevelRecord. */
static void dump_name(char *out, const char *name)
{
    for (const char *at = name; *at != '\0'; at++) {
        if (*at >= 'A' && *at <= 'Z' && at != name)
            *out++ = '_';
        *out++ = (char)(*at >= 'a' && *at <= 'z' ? *at - 'a' + 'A' : *at);
    }
    *out = '\0';
}

struct dump {
    FILE *file;
    int records;
};

static json_t *next_payload(struct dump *d)
{
    char line[8192];
    while (fgets(line, sizeof(line), d->file) != NULL) {
        const char *payload = strstr(line, "payload: ");
        if (payload != NULL)
            return json_loads(payload + strlen("payload: "), 0, NULL);
    }
    return NULL;
}

static int compare_record(void *context, const struct metadata_record *record,
                          struct err *err)
{
    struct dump *d = context;
    char name[128];
    struct buf text = BUF_INIT;
    json_t *theirs = next_payload(d);
    (void)err;
    ck_assert_ptr_nonnull(theirs);
    dump_name(name, record->type->name);
    ck_assert_str_eq(json_string_value(json_object_get(theirs, "type")), name);
    ck_assert_int_eq(json_integer_value(json_object_get(theirs, "version")),
                     record->version);
    record->type->to_json(&text, record->version, record->message);
    json_t *ours = json_loadb((char *)text.data, text.len, 0, NULL);
    ck_assert_msg(json_equal(ours, json_object_get(theirs, "data")), "%d: %s: %.*s",
                  d->records, name, (int)text.len, (char *)text.data);
    json_decref(ours);
    json_decref(theirs);
    buf_free(&text);
    d->records++;
    return 0;
}

static struct dump open_dump(const char *name)
{
    char path[1024];
    snprintf(path, sizeof(path), "%s/%s", SAMPLE_DUMPS, name);
    struct dump d = {fopen(path, "r"), 0};
    ck_assert_ptr_nonnull(d.file);
    return d;
}

START_TEST(apache_kafkas_log_replays_as_its_dump_says)
{
    struct temp_dir t;
    struct fixture *f = malloc(sizeof(*f));
    temp_dir_open(&t);
    temp_dir_copy(&t, SAMPLE_DATA, "sample");
    prepare(f);
    f->disk = &t.disk;
    f->path = temp_dir_path(&t, "sample");
    struct log_dir_options dir = {
        .path = f->path, .disk = f->disk, .random = &random_system, .node_id = 1};
    ck_assert_int_eq(log_dir_open(&dir, &f->dir, &f->err), 0);
    fake_executor_init(&f->executor);
    struct dump d = open_dump("__cluster_metadata-0_00000000000000000000.log.txt");
    struct metadata_log_options options = {.dir = &f->dir,
                                           .disk = f->disk,
                                           .clock = &f->clock.clock,
                                           .random = &random_system,
                                           .trace = &f->trace,
                                           .executor = &f->executor.executor,
                                           .node_id = 1,
                                           .segment_bytes = 1 << 30,
                                           .segment_ms = INT64_MAX,
                                           .max_bytes_between_snapshots = INT64_MAX,
                                           .replay = compare_record,
                                           .context = &d};
    int rc = metadata_log_open(&options, &f->l, &f->err);
    ck_assert_msg(rc == 0, "%s", f->err.message);
    ck_assert_int_eq(d.records, 200);
    ck_assert_ptr_null(next_payload(&d));
    ck_assert_int_eq(metadata_log_leader_epoch(f->l), 2);
    ck_assert_int_eq(metadata_log_next_offset(f->l), 202);
    fclose(d.file);
    close_fixture(f);
    temp_dir_close(&t);
}
END_TEST

static int compare_snapshot_record(void *context, const struct metadata_record *record,
                                   int64_t offset, struct err *err)
{
    (void)offset;
    return compare_record(context, record, err);
}

START_TEST(apache_kafkas_bootstrap_checkpoint_is_read)
{
    struct disk disk = {&disk_system_ops};
    struct err err;
    struct dump d = open_dump("bootstrap.checkpoint.txt");
    struct metadata_visitor v = {.record = compare_snapshot_record, .context = &d};
    int rc =
        metadata_snapshot_read(&disk, SAMPLE_DATA "/bootstrap.checkpoint", &v, &err);
    ck_assert_msg(rc == 0, "%s", err.message);
    ck_assert_int_eq(d.records, 6);
    fclose(d.file);
}
END_TEST

/* Kafka's own bytes, written by us from its records. */
struct rewriting {
    struct metadata_snapshot_writer w;
};

static int rewrite_record(void *context, const struct metadata_record *record,
                          int64_t offset, struct err *err)
{
    (void)offset;
    struct rewriting *r = context;
    return metadata_snapshot_add(&r->w, record, err);
}

START_TEST(a_snapshot_written_here_is_kafkas_but_for_its_times)
{
    struct disk disk = {&disk_system_ops};
    struct err err;
    struct rewriting r;
    struct buf theirs = BUF_INIT;
    struct metadata_visitor v = {.record = rewrite_record, .context = &r};
    const char *path = SAMPLE_DATA "/bootstrap.checkpoint";
    ck_assert_int_eq(metadata_snapshot_begin(&r.w, 0, 0, 1795228455762, NULL, &err), 0);
    ck_assert_int_eq(metadata_snapshot_read(&disk, path, &v, &err), 0);
    ck_assert_int_eq(metadata_snapshot_finish(&r.w, &err), 0);
    ck_assert_int_eq(disk_read_file(&disk, path, 4096, &theirs, &err), 0);
    ck_assert_uint_eq(r.w.out.len, theirs.len);
    /* The middle batch has the time that was asked for: it is the same in full. */
    ck_assert_mem_eq(r.w.out.data + 83, theirs.data + 83, 253);
    metadata_snapshot_free(&r.w);
    buf_free(&theirs);
}
END_TEST

GREGOR_TESTS("metadata_log", a_new_directory_is_furnished_as_kafkas,
             a_new_directory_costs_few_syncs, records_come_back_in_order_in_a_new_epoch,
             the_first_append_of_a_run_waits_for_no_device,
             a_start_without_a_change_syncs_nothing,
             appends_during_a_sync_share_the_next,
             a_failed_sync_refuses_all_that_follows,
             a_full_disk_is_tried_again_by_the_next_append,
             a_sync_without_space_refuses_all_that_follows,
             coming_back_survives_each_disk_failure,
             a_stop_waits_for_the_log_to_come_back,
             a_power_cut_takes_nothing_that_was_acknowledged, a_torn_tail_is_cut_off,
             an_unreadable_quorum_state_is_made_anew_from_the_log,
             a_quorum_of_others_is_refused, a_quorum_of_others_in_the_log_is_refused,
             records_of_a_later_kafka_are_refused,
             a_grown_log_is_snapshot_and_replayed_from_there,
             segments_below_a_snapshot_are_removed, a_busy_image_is_asked_again_later,
             a_failed_snapshot_harms_nothing, a_damaged_snapshot_is_refused,
             apache_kafkas_log_replays_as_its_dump_says,
             apache_kafkas_bootstrap_checkpoint_is_read,
             a_snapshot_written_here_is_kafkas_but_for_its_times)
