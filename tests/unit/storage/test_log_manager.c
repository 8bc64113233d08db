/* The manager over real partition logs on a disk in memory, its jobs run when the
 * test says so. */
#include <stdio.h>
#include <stdlib.h>

#include "storage/log_manager.h"
#include "storage/offset_checkpoint.h"
#include "tests/support/check_main.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_disk.h"
#include "tests/support/fake_executor.h"

#define DATA "data"
#define MARKER DATA "/.kafka_cleanshutdown"

struct reply {
    struct log_request request; /* first */
    int calls;
    int rc;
};

struct fixture {
    struct fake_disk disk;
    struct fake_clock clock;
    struct fake_executor executor;
    struct trace trace;
    char traced[4096];
    struct topic_config config;
    struct log_dir dir;
    struct log_manager *m;
    struct err err;
};

static void keep_line(const struct trace *trace, enum trace_level level,
                      const char *line)
{
    struct fixture *f = trace->context;
    (void)level;
    size_t used = strlen(f->traced);
    snprintf(f->traced + used, sizeof(f->traced) - used, "%s\n", line);
}

static void on_reply(struct log_request *request, int rc, const struct err *err)
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

static void expect(const struct reply *r, int rc)
{
    ck_assert_int_eq(r->calls, 1);
    ck_assert_int_eq(r->rc, rc);
}

static struct uuid id_of(uint8_t n)
{
    struct uuid id = UUID_ZERO;
    id.bytes[15] = n;
    id.bytes[0] = 7;
    return id;
}

/* Opens directory and manager: a start of the broker. */
static void start(struct fixture *f)
{
    struct log_dir_options dir = {
        .path = DATA, .disk = &f->disk.disk, .random = &random_system, .node_id = 1};
    int rc = log_dir_open(&dir, &f->dir, &f->err);
    ck_assert_msg(rc == 0, "%s", f->err.message);
    fake_executor_init(&f->executor);
    struct log_manager_options options = {.dir = &f->dir,
                                          .disk = &f->disk.disk,
                                          .clock = &f->clock.clock,
                                          .random = &random_system,
                                          .trace = &f->trace,
                                          .executor = &f->executor.executor,
                                          .recovery_threads = 4,
                                          .checkpoint_interval_ms = 60000,
                                          .file_delete_delay_ms = 60000,
                                          .producer_id_expiration_ms = 86400000,
                                          .producer_expiry_interval_ms = 600000};
    rc = log_manager_open(&options, &f->m, &f->err);
    ck_assert_msg(rc == 0, "%s", f->err.message);
}

static void open_fixture(struct fixture *f)
{
    memset(f, 0, sizeof(*f));
    fake_disk_init(&f->disk);
    fake_clock_init(&f->clock, 1700000000000LL);
    f->trace = (struct trace){TRACE_INFO, keep_line, f};
    f->config = (struct topic_config){.references = 1000,
                                      .segment_bytes = 1 << 30,
                                      .segment_ms = INT64_MAX,
                                      .segment_index_bytes = 10 << 20,
                                      .index_interval_bytes = 4096,
                                      .flush_messages = INT64_MAX,
                                      .flush_ms = INT64_MAX,
                                      .max_message_bytes = 1 << 20};
    start(f);
}

static void run(struct fixture *f)
{
    fake_executor_run(&f->executor);
}

/* The broker is killed: what was written stays, synced or not. */
static void kill_broker(struct fixture *f)
{
    run(f);
    log_manager_destroy(f->m);
    f->m = NULL;
    log_dir_close(&f->dir);
}

static void close_fixture(struct fixture *f)
{
    kill_broker(f);
    fake_disk_free(&f->disk);
}

static void stop(struct fixture *f)
{
    struct reply r = reply();
    log_manager_stop(f->m, 12, &r.request);
    ck_assert_int_eq(r.calls, 0);
    run(f);
    expect(&r, 0);
    kill_broker(f);
}

static void add(struct fixture *f, struct log_handle *h, const char *topic, uint8_t id,
                int32_t partition)
{
    int rc = log_manager_add(f->m, h, str_of(topic), id_of(id), partition, &f->config,
                             &f->err);
    ck_assert_msg(rc == 0, "%s", f->err.message);
}

static void create(struct fixture *f, struct log_handle *h, const char *topic,
                   uint8_t id, int32_t partition)
{
    struct reply r = reply();
    struct log_handle *handles[] = {h};
    add(f, h, topic, id, partition);
    ck_assert_int_eq(log_manager_create(f->m, handles, 1, &r.request, &f->err), 0);
    ck_assert_int_eq(r.calls, 0);
    run(f);
    expect(&r, 0);
}

static struct partition_log *must_open(struct fixture *f, struct log_handle *h)
{
    struct reply r = reply();
    int rc = log_manager_ensure_open(f->m, h, &r.request, &f->err);
    ck_assert_int_ge(rc, 0);
    run(f);
    if (rc == 0)
        expect(&r, 0);
    ck_assert_ptr_nonnull(log_handle_log(h));
    return log_handle_log(h);
}

static int append(struct fixture *f, struct log_handle *h)
{
    struct record_batch_builder b;
    struct append_result result;
    record_batch_builder_init(&b, 0);
    record_batch_builder_add(&b, 1700000000000LL, BYTES_NULL,
                             (struct bytes){(const uint8_t *)"hello", 5}, NULL, 0);
    ck_assert_int_eq(record_batch_builder_finish(&b, &f->err), 0);
    int rc = partition_log_append(log_handle_log(h), b.out.data, (int32_t)b.out.len, 0,
                                  APPEND_CLIENT, &result, &f->err);
    record_batch_builder_free(&b);
    return rc;
}

static void must_append(struct fixture *f, struct log_handle *h, int count)
{
    while (count-- > 0)
        ck_assert_msg(append(f, h) == 0, "%s", f->err.message);
}

static int delete_one(struct fixture *f, struct log_handle *h, struct reply *r)
{
    struct log_handle *handles[] = {h};
    *r = reply();
    return log_manager_delete(f->m, handles, 1, &r->request, &f->err);
}

struct search {
    const char *start;
    const char *end;
    char found[256];
    int count;
};

static int match(void *context, const struct disk_entry *entry)
{
    struct search *s = context;
    size_t len = strlen(entry->name);
    if (strncmp(entry->name, s->start, strlen(s->start)) != 0 || len < strlen(s->end) ||
        strcmp(entry->name + len - strlen(s->end), s->end) != 0)
        return 0;
    snprintf(s->found, sizeof(s->found), "%s", entry->name);
    s->count++;
    return 0;
}

static struct search find_folder(struct fixture *f, const char *begins,
                                 const char *ends)
{
    struct search s = {.start = begins, .end = ends};
    ck_assert_int_eq(f->disk.disk.ops->list(&f->disk.disk, DATA, match, &s, &f->err),
                     0);
    return s;
}

static int as_text(void *context, struct str topic, int32_t partition, int64_t offset)
{
    buf_printf(context, "%.*s-%d=%lld ", STR_ARGS(topic), partition, (long long)offset);
    return 0;
}

static void expect_checkpoint(struct fixture *f, const char *name, const char *text)
{
    char path[128];
    struct buf seen = BUF_INIT;
    snprintf(path, sizeof(path), DATA "/%s", name);
    ck_assert_int_eq(
        offset_checkpoint_read(&f->disk.disk, path, as_text, &seen, &f->err), 0);
    ck_assert_str_eq(seen.data == NULL ? "" : (char *)seen.data, text);
    buf_free(&seen);
}

/* ---- opening ------------------------------------------------------------- */

START_TEST(adding_a_replica_touches_no_disk)
{
    struct fixture f;
    struct log_handle handles[100];
    open_fixture(&f);
    unsigned opens = f.disk.opens;
    for (int i = 0; i < 100; i++)
        add(&f, &handles[i], "t", 1, i);
    ck_assert_uint_eq(f.disk.opens, opens);
    ck_assert_int_eq(f.executor.total, 0);
    ck_assert_ptr_eq(log_manager_find(f.m, id_of(1), 99), &handles[99]);
    ck_assert_ptr_null(log_manager_find(f.m, id_of(1), 100));
    ck_assert_int_eq(log_manager_add(f.m, &handles[0], STR_LITERAL("t"), id_of(1), 5,
                                     &f.config, &f.err),
                     ERR_EXISTS);
    ck_assert_uint_le(sizeof(struct log_handle), 128);
    close_fixture(&f);
}
END_TEST

START_TEST(a_created_log_takes_records_and_keeps_them)
{
    struct fixture f;
    struct log_handle h;
    open_fixture(&f);
    create(&f, &h, "t", 1, 0);
    ck_assert_int_eq(h.state, LOG_CLOSED);
    ck_assert(fake_disk_has(&f.disk, DATA "/t-0/partition.metadata"));
    must_open(&f, &h);
    must_append(&f, &h, 3);
    stop(&f);
    ck_assert(fake_disk_has(&f.disk, MARKER));

    start(&f);
    add(&f, &h, "t", 1, 0);
    log_manager_start(f.m);
    ck_assert_int_eq(partition_log_end_offset(must_open(&f, &h)), 3);
    ck_assert_str_eq(f.traced, "");
    close_fixture(&f);
}
END_TEST

START_TEST(callers_share_one_opening)
{
    struct fixture f;
    struct log_handle h;
    struct reply a = reply(), b = reply();
    open_fixture(&f);
    create(&f, &h, "t", 1, 0);
    int before = f.executor.total;
    ck_assert_int_eq(log_manager_ensure_open(f.m, &h, &a.request, &f.err), 0);
    ck_assert_int_eq(log_manager_ensure_open(f.m, &h, &b.request, &f.err), 0);
    ck_assert_int_eq(a.calls + b.calls, 0);
    run(&f);
    expect(&a, 0);
    expect(&b, 0);
    ck_assert_int_eq(f.executor.total, before + 1);
    ck_assert_int_eq(log_manager_ensure_open(f.m, &h, &a.request, &f.err), 1);
    close_fixture(&f);
}
END_TEST

START_TEST(a_replica_may_be_opened_while_it_is_made)
{
    struct fixture f;
    struct log_handle h;
    struct reply made = reply(), opened = reply();
    struct log_handle *handles[] = {&h};
    open_fixture(&f);
    add(&f, &h, "t", 1, 0);
    ck_assert_int_eq(log_manager_create(f.m, handles, 1, &made.request, &f.err), 0);
    ck_assert_int_eq(log_manager_ensure_open(f.m, &h, &opened.request, &f.err), 0);
    run(&f);
    expect(&made, 0);
    expect(&opened, 0);
    ck_assert_ptr_nonnull(log_handle_log(&h));
    close_fixture(&f);
}
END_TEST

START_TEST(a_log_that_cannot_be_opened_is_offline_and_others_go_on)
{
    struct fixture f;
    struct log_handle bad, good;
    struct reply r = reply();
    open_fixture(&f);
    create(&f, &bad, "bad", 1, 0);
    create(&f, &good, "good", 2, 0);
    ck_assert_int_eq(log_manager_ensure_open(f.m, &bad, &r.request, &f.err), 0);
    fake_disk_fail_nth(&f.disk, 1);
    run(&f);
    fake_disk_fail_nth(&f.disk, 0);
    expect(&r, ERR_IO);
    ck_assert_int_eq(bad.state, LOG_OFFLINE);
    ck_assert_int_eq(log_manager_ensure_open(f.m, &bad, &r.request, &f.err),
                     ERR_OFFLINE);
    ck_assert_ptr_nonnull(strstr(f.traced, "log bad-0 is offline"));
    must_open(&f, &good);
    must_append(&f, &good, 1);
    close_fixture(&f);
}
END_TEST

START_TEST(the_markers_removal_is_durable_before_a_log_is_opened)
{
    struct fixture f;
    struct log_handle h;
    open_fixture(&f);
    create(&f, &h, "t", 1, 0);
    stop(&f);
    start(&f);
    add(&f, &h, "t", 1, 0);
    fake_disk_crash(&f.disk);
    ck_assert(fake_disk_has(&f.disk, MARKER)); /* not yet: nothing was written */
    log_manager_destroy(f.m);
    log_dir_close(&f.dir);
    start(&f);
    add(&f, &h, "t", 1, 0);
    must_open(&f, &h);
    fake_disk_crash(&f.disk);
    ck_assert(!fake_disk_has(&f.disk, MARKER));
    close_fixture(&f);
}
END_TEST

START_TEST(creation_waits_for_no_device)
{
    struct fixture f;
    struct log_handle h;
    open_fixture(&f);
    unsigned before = f.disk.syncs;
    create(&f, &h, "t", 1, 0);
    ck_assert_uint_eq(f.disk.syncs, before);
    close_fixture(&f);
}
END_TEST

START_TEST(the_first_flush_makes_the_folder_durable_too)
{
    struct fixture f;
    struct log_handle h;
    struct reply r = reply();
    open_fixture(&f);
    create(&f, &h, "t", 1, 0);
    must_open(&f, &h);
    must_append(&f, &h, 3);
    ck_assert_int_eq(log_manager_flush(f.m, &h, &r.request, &f.err), 0);
    run(&f);
    expect(&r, 0);
    kill_broker(&f);
    fake_disk_crash(&f.disk);
    start(&f);
    add(&f, &h, "t", 1, 0);
    r = reply();
    ck_assert_int_eq(log_manager_recover_all(f.m, &r.request, &f.err), 0);
    run(&f);
    ck_assert_int_eq(partition_log_end_offset(log_handle_log(&h)), 3);
    close_fixture(&f);
}
END_TEST

START_TEST(a_power_cut_after_the_stop_takes_nothing)
{
    struct fixture f;
    struct log_handle h, empty;
    open_fixture(&f);
    create(&f, &h, "t", 1, 0);
    create(&f, &empty, "empty", 2, 0);
    must_open(&f, &h);
    must_open(&f, &empty);
    must_append(&f, &h, 3);
    stop(&f);
    fake_disk_crash(&f.disk);
    start(&f);
    ck_assert(f.dir.clean);
    add(&f, &h, "t", 1, 0);
    add(&f, &empty, "empty", 2, 0);
    log_manager_start(f.m);
    ck_assert_int_eq(partition_log_end_offset(must_open(&f, &h)), 3);
    ck_assert_int_eq(partition_log_end_offset(must_open(&f, &empty)), 0);
    must_append(&f, &empty, 1);
    close_fixture(&f);
}
END_TEST

/* ---- recovery ------------------------------------------------------------ */

START_TEST(after_a_kill_all_logs_are_recovered_in_parallel)
{
    struct fixture f;
    struct log_handle handles[10];
    struct reply r = reply();
    size_t len;
    open_fixture(&f);
    for (int i = 0; i < 10; i++) {
        create(&f, &handles[i], "t", 1, i);
        must_open(&f, &handles[i]);
        must_append(&f, &handles[i], 2);
    }
    kill_broker(&f);
    /* The last batch of one of them was torn. */
    uint8_t *log =
        fake_disk_content(&f.disk, DATA "/t-3/00000000000000000000.log", &len);
    log[len - 1] ^= 1;

    f.traced[0] = '\0';
    start(&f);
    for (int i = 0; i < 10; i++)
        add(&f, &handles[i], "t", 1, i);
    ck_assert_int_eq(log_manager_recover_all(f.m, &r.request, &f.err), 0);
    ck_assert_int_eq(f.executor.count, 5); /* the scan, and four lanes */
    run(&f);
    expect(&r, 0);
    for (int i = 0; i < 10; i++) {
        ck_assert_int_eq(handles[i].state, LOG_ONLINE);
        ck_assert_int_eq(partition_log_end_offset(handles[i].log), i == 3 ? 1 : 2);
    }
    ck_assert_ptr_nonnull(strstr(f.traced, "log t-3: "));
    ck_assert_ptr_eq(strchr(f.traced, '\n'), strrchr(f.traced, '\n')); /* one line */
    close_fixture(&f);
}
END_TEST

START_TEST(recovery_of_nothing_ends_too)
{
    struct fixture f;
    struct reply r = reply();
    open_fixture(&f);
    ck_assert_int_eq(log_manager_recover_all(f.m, &r.request, &f.err), 0);
    ck_assert_int_eq(r.calls, 0);
    run(&f);
    expect(&r, 0);
    close_fixture(&f);
}
END_TEST

START_TEST(a_damaged_checkpoint_matters_only_after_a_clean_stop)
{
    struct fixture f;
    struct log_handle h;
    struct log_manager *m;
    open_fixture(&f);
    create(&f, &h, "t", 1, 0);
    must_open(&f, &h);
    must_append(&f, &h, 2);
    stop(&f);
    fake_disk_put(&f.disk, DATA "/" RECOVERY_POINT_CHECKPOINT, "0\n9\n", 4);

    struct log_dir_options dir = {
        .path = DATA, .disk = &f.disk.disk, .random = &random_system, .node_id = 1};
    ck_assert_int_eq(log_dir_open(&dir, &f.dir, &f.err), 0);
    struct log_manager_options options = {
        .dir = &f.dir, .disk = &f.disk.disk, .trace = &f.trace};
    ck_assert_int_eq(log_manager_open(&options, &m, &f.err), ERR_CORRUPT);
    log_dir_close(&f.dir);

    start(&f); /* the marker is gone by now */
    ck_assert_ptr_nonnull(strstr(f.traced, RECOVERY_POINT_CHECKPOINT));
    struct reply r = reply();
    add(&f, &h, "t", 1, 0);
    ck_assert_int_eq(log_manager_recover_all(f.m, &r.request, &f.err), 0);
    run(&f);
    ck_assert_int_eq(partition_log_end_offset(log_handle_log(&h)), 2);
    close_fixture(&f);
}
END_TEST

/* ---- strays and leftovers ------------------------------------------------ */

START_TEST(folders_that_nobody_knows_are_set_aside_not_deleted)
{
    struct fixture f;
    struct log_handle known, unknown, renumbered;
    open_fixture(&f);
    create(&f, &known, "known", 1, 0);
    create(&f, &unknown, "unknown", 2, 0);
    create(&f, &renumbered, "known", 1, 7);
    stop(&f);
    start(&f);
    add(&f, &known, "known", 1, 0);
    log_manager_start(f.m);
    run(&f);
    ck_assert_int_eq(find_folder(&f, "known-0", "-0").count, 1);
    ck_assert_int_eq(find_folder(&f, "unknown-0.", "-stray").count, 1);
    ck_assert_int_eq(find_folder(&f, "known-7.", "-stray").count, 1);
    ck_assert_int_eq(find_folder(&f, "unknown-0", "-0").count, 0);
    ck_assert_ptr_nonnull(strstr(f.traced, "unknown-0"));
    close_fixture(&f);
}
END_TEST

START_TEST(a_folder_of_another_topic_id_is_a_stray)
{
    struct fixture f;
    struct log_handle before, after;
    open_fixture(&f);
    create(&f, &before, "t", 1, 0);
    must_open(&f, &before);
    must_append(&f, &before, 5);
    stop(&f);
    start(&f);
    add(&f, &after, "t", 2, 0);
    log_manager_start(f.m);
    ck_assert_int_eq(partition_log_end_offset(must_open(&f, &after)), 0);
    ck_assert_int_eq(partition_log_high_watermark(log_handle_log(&after)), 0);
    struct search stray = find_folder(&f, "t-0.", "-stray");
    ck_assert_int_eq(stray.count, 1);
    ck_assert_uint_eq(strlen(stray.found), strlen("t-0.") + 32 + strlen("-stray"));
    char path[512];
    snprintf(path, sizeof(path), DATA "/%s/00000000000000000000.log", stray.found);
    ck_assert_int_gt(fake_disk_size(&f.disk, path), 0);
    ck_assert_ptr_nonnull(strstr(f.traced, "another topic id"));
    close_fixture(&f);
}
END_TEST

START_TEST(a_folder_without_partition_metadata_is_a_stray)
{
    struct fixture f;
    struct log_handle h;
    open_fixture(&f);
    create(&f, &h, "t", 1, 0);
    must_open(&f, &h);
    stop(&f);
    fake_disk_drop(&f.disk, DATA "/t-0/partition.metadata");
    start(&f);
    add(&f, &h, "t", 1, 0);
    must_open(&f, &h);
    ck_assert_int_eq(find_folder(&f, "t-0.", "-stray").count, 1);
    close_fixture(&f);
}
END_TEST

START_TEST(leftovers_of_deletions_are_removed_at_start)
{
    struct fixture f;
    open_fixture(&f);
    struct disk *d = &f.disk.disk;
    const char *path = DATA "/t-0.00112233445566778899aabbccddeeff-delete";
    d->ops->mkdir(d, path, &f.err);
    fake_disk_put(&f.disk,
                  DATA "/t-0.00112233445566778899aabbccddeeff-delete/"
                       "00000000000000000000.log",
                  "x", 1);
    log_manager_start(f.m);
    run(&f);
    ck_assert_int_eq(find_folder(&f, "t-0", "-delete").count, 0);
    close_fixture(&f);
}
END_TEST

/* ---- deletion ------------------------------------------------------------ */

START_TEST(a_deleted_log_is_renamed_first_and_removed_later)
{
    struct fixture f;
    struct log_handle h;
    struct reply r;
    open_fixture(&f);
    create(&f, &h, "t", 1, 0);
    must_open(&f, &h);
    must_append(&f, &h, 1);
    ck_assert_int_eq(delete_one(&f, &h, &r), 0);
    ck_assert_int_eq(r.calls, 0);
    run(&f);
    expect(&r, 0);
    ck_assert_ptr_null(log_manager_find(f.m, id_of(1), 0));
    ck_assert_int_eq(find_folder(&f, "t-0.", "-delete").count, 1);
    ck_assert_int_eq(find_folder(&f, "t-0", "-0").count, 0);
    expect_checkpoint(&f, RECOVERY_POINT_CHECKPOINT, "");

    int64_t now = clock_mono_ms(&f.clock.clock);
    log_manager_tick(f.m, now + 59999);
    run(&f);
    ck_assert_int_eq(find_folder(&f, "t-0.", "-delete").count, 1);
    log_manager_tick(f.m, now + 60000);
    run(&f);
    ck_assert_int_eq(find_folder(&f, "t-0.", "-delete").count, 0);
    close_fixture(&f);
}
END_TEST

START_TEST(a_name_may_be_made_anew_at_once)
{
    struct fixture f;
    struct log_handle old, new;
    struct reply deleted, made = reply();
    struct log_handle *handles[] = {&new};
    open_fixture(&f);
    create(&f, &old, "t", 1, 0);
    must_open(&f, &old);
    must_append(&f, &old, 4);
    ck_assert_int_eq(delete_one(&f, &old, &deleted), 0);
    add(&f, &new, "t", 2, 0);
    ck_assert_int_eq(log_manager_create(f.m, handles, 1, &made.request, &f.err), 0);
    run(&f);
    expect(&deleted, 0);
    expect(&made, 0);
    ck_assert_int_eq(partition_log_end_offset(must_open(&f, &new)), 0);
    ck_assert_int_eq(find_folder(&f, "t-0.", "-stray").count, 0);
    close_fixture(&f);
}
END_TEST

START_TEST(a_name_is_not_made_anew_while_the_old_log_is_busy)
{
    struct fixture f;
    struct log_handle old, new;
    struct reply opened = reply(), deleted, made = reply();
    struct log_handle *handles[] = {&new};
    open_fixture(&f);
    create(&f, &old, "t", 1, 0);
    ck_assert_int_eq(log_manager_ensure_open(f.m, &old, &opened.request, &f.err), 0);
    ck_assert_int_eq(delete_one(&f, &old, &deleted), 0);
    add(&f, &new, "t", 2, 0);
    ck_assert_int_eq(log_manager_create(f.m, handles, 1, &made.request, &f.err), 0);
    run(&f);
    expect(&deleted, 0);
    expect(&made, 0);
    ck_assert_int_eq(find_folder(&f, "t-0.", "-delete").count, 1);
    ck_assert_int_eq(find_folder(&f, "t-0.", "-stray").count, 0);
    close_fixture(&f);
}
END_TEST

START_TEST(deletion_waits_for_the_job_under_way_and_tells_those_who_wait)
{
    struct fixture f;
    struct log_handle h;
    struct reply opened = reply(), deleted;
    open_fixture(&f);
    create(&f, &h, "t", 1, 0);
    ck_assert_int_eq(log_manager_ensure_open(f.m, &h, &opened.request, &f.err), 0);
    fake_executor_work(&f.executor); /* open, but nobody knows yet */
    ck_assert_int_eq(delete_one(&f, &h, &deleted), 0);
    struct reply late = reply();
    ck_assert_int_eq(log_manager_ensure_open(f.m, &h, &late.request, &f.err),
                     ERR_NOT_FOUND);
    run(&f);
    expect(&opened, ERR_NOT_FOUND);
    expect(&deleted, 0);
    ck_assert_int_eq(find_folder(&f, "t-0.", "-delete").count, 1);
    ck_assert_int_eq(f.disk.open_descriptors, 1); /* the lock */
    close_fixture(&f);
}
END_TEST

START_TEST(long_names_are_cut_to_what_a_folder_may_have)
{
    char topic[250];
    struct fixture f;
    struct log_handle h;
    struct reply r;
    memset(topic, 'x', 249);
    topic[249] = '\0';
    open_fixture(&f);
    create(&f, &h, topic, 1, 12345);
    ck_assert_int_eq(delete_one(&f, &h, &r), 0);
    run(&f);
    expect(&r, 0);
    struct search s = find_folder(&f, "xxx", "-delete");
    ck_assert_int_eq(s.count, 1);
    ck_assert_uint_eq(strlen(s.found), 255);
    const char *tail = s.found + 255 - strlen("-12345.") - 32 - strlen("-delete");
    ck_assert_mem_eq(tail, "-12345.", 7);
    close_fixture(&f);
}
END_TEST

/* ---- flushing and checkpoints -------------------------------------------- */

START_TEST(flushes_that_come_during_one_share_the_next)
{
    struct fixture f;
    struct log_handle h;
    struct reply a = reply(), b = reply(), c = reply();
    open_fixture(&f);
    create(&f, &h, "t", 1, 0);
    must_open(&f, &h);
    must_append(&f, &h, 1);
    int before = f.executor.total;
    ck_assert_int_eq(log_manager_flush(f.m, &h, &a.request, &f.err), 0);
    must_append(&f, &h, 1);
    ck_assert_int_eq(log_manager_flush(f.m, &h, &b.request, &f.err), 0);
    ck_assert_int_eq(log_manager_flush(f.m, &h, &c.request, &f.err), 0);
    ck_assert(fake_executor_run_one(&f.executor));
    expect(&a, 0);
    ck_assert_int_eq(b.calls, 0);
    ck_assert_int_eq(partition_log_recovery_point(h.log), 1);
    run(&f);
    expect(&b, 0);
    expect(&c, 0);
    ck_assert_int_eq(f.executor.total, before + 2);
    ck_assert_int_eq(partition_log_recovery_point(h.log), 2);
    close_fixture(&f);
}
END_TEST

START_TEST(a_failed_flush_takes_the_log_offline_and_is_told_once)
{
    struct fixture f;
    struct log_handle h;
    struct reply a = reply(), b = reply();
    open_fixture(&f);
    create(&f, &h, "t", 1, 0);
    must_open(&f, &h);
    must_append(&f, &h, 1);
    ck_assert_int_eq(log_manager_flush(f.m, &h, &a.request, &f.err), 0);
    ck_assert_int_eq(log_manager_flush(f.m, &h, &b.request, &f.err), 0);
    fake_disk_fail_nth(&f.disk, 1);
    run(&f);
    ck_assert(fake_disk_fired(&f.disk));
    expect(&a, ERR_IO);
    expect(&b, ERR_OFFLINE);
    ck_assert_ptr_null(log_handle_log(&h));
    ck_assert(log_manager_check(f.m, &h));
    ck_assert_ptr_nonnull(strstr(f.traced, "t-0 goes offline"));
    ck_assert_ptr_eq(strchr(f.traced, '\n'), strrchr(f.traced, '\n'));
    ck_assert_int_eq(log_manager_flush(f.m, &h, &a.request, &f.err), ERR_OFFLINE);
    close_fixture(&f);
}
END_TEST

START_TEST(a_failed_append_takes_the_log_offline)
{
    struct fixture f;
    struct log_handle h;
    open_fixture(&f);
    create(&f, &h, "t", 1, 0);
    must_open(&f, &h);
    ck_assert(!log_manager_check(f.m, &h));
    fake_disk_fail_nth(&f.disk, 1);
    ck_assert_int_ne(append(&f, &h), 0);
    fake_disk_fail_nth(&f.disk, 0);
    ck_assert(log_manager_check(f.m, &h));
    ck_assert_ptr_null(log_handle_log(&h));
    close_fixture(&f);
}
END_TEST

START_TEST(flush_ms_is_honoured_by_the_tick)
{
    struct fixture f;
    struct log_handle h;
    open_fixture(&f);
    f.config.flush_ms = 500;
    create(&f, &h, "t", 1, 0);
    must_open(&f, &h);
    must_append(&f, &h, 1);
    int64_t wait = log_manager_tick(f.m, clock_mono_ms(&f.clock.clock));
    ck_assert_int_le(wait, 500);
    run(&f);
    ck_assert_int_eq(partition_log_recovery_point(h.log), 0);
    fake_clock_advance_ms(&f.clock, 501);
    log_manager_tick(f.m, clock_mono_ms(&f.clock.clock));
    run(&f);
    ck_assert_int_eq(partition_log_recovery_point(h.log), 1);
    close_fixture(&f);
}
END_TEST

START_TEST(checkpoints_come_with_time_and_only_when_something_changed)
{
    struct fixture f;
    struct log_handle h;
    struct reply r = reply();
    open_fixture(&f);
    create(&f, &h, "t", 1, 0);
    must_open(&f, &h);
    must_append(&f, &h, 3);
    partition_log_set_high_watermark(h.log, 2);
    ck_assert_int_eq(log_manager_flush(f.m, &h, &r.request, &f.err), 0);
    run(&f);
    int64_t now = clock_mono_ms(&f.clock.clock);
    int64_t wait = log_manager_tick(f.m, now);
    ck_assert_int_le(wait, 60000);
    log_manager_tick(f.m, now + 59999);
    run(&f);
    ck_assert(!fake_disk_has(&f.disk, DATA "/" RECOVERY_POINT_CHECKPOINT));
    log_manager_tick(f.m, now + 60000);
    run(&f);
    expect_checkpoint(&f, RECOVERY_POINT_CHECKPOINT, "t-0=3 ");
    expect_checkpoint(&f, HIGH_WATERMARK_CHECKPOINT, "t-0=2 ");
    expect_checkpoint(&f, LOG_START_CHECKPOINT, "");
    unsigned writes = f.disk.writes;
    log_manager_tick(f.m, now + 120000);
    run(&f);
    ck_assert_uint_eq(f.disk.writes, writes);
    close_fixture(&f);
}
END_TEST

/* ---- the stop ------------------------------------------------------------ */

START_TEST(logs_never_opened_keep_their_checkpointed_offsets)
{
    struct fixture f;
    struct log_handle a, b;
    open_fixture(&f);
    create(&f, &a, "a", 1, 0);
    create(&f, &b, "b", 2, 0);
    must_open(&f, &a);
    must_append(&f, &a, 3);
    partition_log_set_high_watermark(a.log, 3);
    stop(&f);
    expect_checkpoint(&f, RECOVERY_POINT_CHECKPOINT, "a-0=3 b-0=0 ");

    start(&f);
    add(&f, &a, "a", 1, 0);
    add(&f, &b, "b", 2, 0);
    log_manager_start(f.m);
    must_open(&f, &b);
    must_append(&f, &b, 1);
    stop(&f);
    expect_checkpoint(&f, RECOVERY_POINT_CHECKPOINT, "a-0=3 b-0=1 ");
    expect_checkpoint(&f, HIGH_WATERMARK_CHECKPOINT, "a-0=3 b-0=0 ");

    start(&f);
    add(&f, &a, "a", 1, 0);
    ck_assert_int_eq(partition_log_high_watermark(must_open(&f, &a)), 3);
    close_fixture(&f);
}
END_TEST

START_TEST(a_stop_waits_for_what_is_under_way)
{
    struct fixture f;
    struct log_handle h;
    struct reply opened = reply(), stopped = reply();
    open_fixture(&f);
    create(&f, &h, "t", 1, 0);
    ck_assert_int_eq(log_manager_ensure_open(f.m, &h, &opened.request, &f.err), 0);
    log_manager_stop(f.m, 1, &stopped.request);
    run(&f);
    expect(&opened, 0);
    expect(&stopped, 0);
    ck_assert_int_eq(f.disk.open_descriptors, 1); /* the lock */
    ck_assert(fake_disk_has(&f.disk, MARKER));
    close_fixture(&f);
}
END_TEST

START_TEST(no_marker_is_written_when_a_log_failed)
{
    struct fixture f;
    struct log_handle h;
    struct reply r = reply();
    open_fixture(&f);
    create(&f, &h, "t", 1, 0);
    must_open(&f, &h);
    fake_disk_fail_nth(&f.disk, 1);
    ck_assert_int_ne(append(&f, &h), 0);
    fake_disk_fail_nth(&f.disk, 0);
    log_manager_check(f.m, &h);
    log_manager_stop(f.m, 1, &r.request);
    run(&f);
    ck_assert_int_eq(r.calls, 1);
    ck_assert(!fake_disk_has(&f.disk, MARKER));
    close_fixture(&f);
}
END_TEST

/* Whichever disk call of the stop fails: the marker is there only if all went
 * well, and the next start finds every record. */
START_TEST(a_stop_that_fails_anywhere_loses_nothing)
{
    bool fired = true;
    for (unsigned nth = 1; fired; nth++) {
        struct fixture f;
        struct log_handle h;
        struct reply r = reply();
        open_fixture(&f);
        create(&f, &h, "t", 1, 0);
        must_open(&f, &h);
        must_append(&f, &h, 2);
        fake_disk_fail_nth(&f.disk, nth);
        log_manager_stop(f.m, 1, &r.request);
        run(&f);
        fired = fake_disk_fired(&f.disk);
        fake_disk_fail_nth(&f.disk, 0);
        ck_assert_int_eq(r.calls, 1);
        ck_assert(r.rc == 0 || fired);
        /* A log that could not be sealed is reason enough for no marker. */
        ck_assert(!fake_disk_has(&f.disk, MARKER) ||
                  strstr(f.traced, "offline") == NULL);
        kill_broker(&f);

        start(&f);
        struct reply again = reply();
        add(&f, &h, "t", 1, 0);
        if (f.dir.clean)
            must_open(&f, &h);
        else
            ck_assert_int_eq(log_manager_recover_all(f.m, &again.request, &f.err), 0);
        run(&f);
        ck_assert_int_eq(partition_log_end_offset(log_handle_log(&h)), 2);
        close_fixture(&f);
        ck_assert_uint_lt(nth, 500);
    }
}
END_TEST

START_TEST(ten_thousand_idle_partitions_stop_in_few_jobs)
{
    struct fixture f;
    struct log_handle *handles = calloc(10000, sizeof(*handles));
    open_fixture(&f);
    for (int i = 0; i < 10000; i++)
        add(&f, &handles[i], "t", 1, i);
    int before = f.executor.total;
    struct reply r = reply();
    log_manager_stop(f.m, 1, &r.request);
    run(&f);
    expect(&r, 0);
    ck_assert_int_eq(f.executor.total, before + 1);
    close_fixture(&f);
    free(handles);
}
END_TEST

struct sizes_reply {
    struct log_describe d; /* first */
    int calls;
};

static void on_sizes(struct log_request *request, int rc, const struct err *err)
{
    ck_assert_msg(rc == 0, "%s", err->message);
    ((struct sizes_reply *)request)->calls++;
}

START_TEST(sizes_are_told_of_logs_not_open_too)
{
    struct fixture f;
    struct log_handle a, b;
    struct sizes_reply r = {.d = {.request = {.done = on_sizes}}};
    open_fixture(&f);
    create(&f, &a, "a", 1, 0);
    must_open(&f, &a);
    must_append(&f, &a, 3);
    int64_t size = partition_log_size_bytes(a.log);
    stop(&f);
    start(&f);
    add(&f, &a, "a", 1, 0);
    create(&f, &b, "b", 2, 3);
    must_open(&f, &b);
    must_append(&f, &b, 1);
    ck_assert_int_eq(log_manager_describe(f.m, &r.d, &f.err), 0);
    ck_assert_int_eq(r.calls, 0);
    run(&f);
    ck_assert_int_eq(r.calls, 1);
    ck_assert_int_eq(r.d.count, 2);
    ck_assert(uuid_equal(r.d.sizes[0].topic_id, id_of(1)));
    ck_assert_int_eq(r.d.sizes[0].size_bytes, size);
    ck_assert_int_eq(r.d.sizes[1].partition, 3);
    ck_assert_int_eq(r.d.sizes[1].size_bytes, size / 3);
    log_manager_describe_end(&r.d);
    close_fixture(&f);
}
END_TEST

GREGOR_TESTS("log_manager", adding_a_replica_touches_no_disk,
             a_created_log_takes_records_and_keeps_them, callers_share_one_opening,
             a_replica_may_be_opened_while_it_is_made,
             a_log_that_cannot_be_opened_is_offline_and_others_go_on,
             the_markers_removal_is_durable_before_a_log_is_opened,
             creation_waits_for_no_device, the_first_flush_makes_the_folder_durable_too,
             a_power_cut_after_the_stop_takes_nothing,
             after_a_kill_all_logs_are_recovered_in_parallel,
             recovery_of_nothing_ends_too,
             a_damaged_checkpoint_matters_only_after_a_clean_stop,
             folders_that_nobody_knows_are_set_aside_not_deleted,
             a_folder_of_another_topic_id_is_a_stray,
             a_folder_without_partition_metadata_is_a_stray,
             leftovers_of_deletions_are_removed_at_start,
             a_deleted_log_is_renamed_first_and_removed_later,
             a_name_may_be_made_anew_at_once,
             a_name_is_not_made_anew_while_the_old_log_is_busy,
             deletion_waits_for_the_job_under_way_and_tells_those_who_wait,
             long_names_are_cut_to_what_a_folder_may_have,
             flushes_that_come_during_one_share_the_next,
             a_failed_flush_takes_the_log_offline_and_is_told_once,
             a_failed_append_takes_the_log_offline, flush_ms_is_honoured_by_the_tick,
             checkpoints_come_with_time_and_only_when_something_changed,
             logs_never_opened_keep_their_checkpointed_offsets,
             a_stop_waits_for_what_is_under_way, no_marker_is_written_when_a_log_failed,
             a_stop_that_fails_anywhere_loses_nothing,
             ten_thousand_idle_partitions_stop_in_few_jobs,
             sizes_are_told_of_logs_not_open_too)
