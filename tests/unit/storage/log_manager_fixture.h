/* tests/unit/storage/log_manager_fixture.h
 *
 * A log manager over real partition logs on a disk in memory, whose jobs run when
 * the test says so: what the tests of its files share. */
#ifndef GREGOR_TESTS_UNIT_STORAGE_LOG_MANAGER_FIXTURE_H
#define GREGOR_TESTS_UNIT_STORAGE_LOG_MANAGER_FIXTURE_H

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

static inline void keep_line(const struct trace *trace, enum trace_level level,
                             const char *line)
{
    struct fixture *f = trace->context;
    (void)level;
    size_t used = strlen(f->traced);
    snprintf(f->traced + used, sizeof(f->traced) - used, "%s\n", line);
}

static inline void on_reply(struct log_request *request, int rc, const struct err *err)
{
    struct reply *r = (struct reply *)request;
    ck_assert_ptr_nonnull(err);
    r->calls++;
    r->rc = rc;
}

static inline struct reply reply(void)
{
    return (struct reply){.request = {.done = on_reply}};
}

static inline void expect(const struct reply *r, int rc)
{
    ck_assert_int_eq(r->calls, 1);
    ck_assert_int_eq(r->rc, rc);
}

static inline struct uuid id_of(uint8_t n)
{
    struct uuid id = UUID_ZERO;
    id.bytes[15] = n;
    id.bytes[0] = 7;
    return id;
}

/* Opens directory and manager: a start of the broker. */
static inline void start(struct fixture *f)
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
                                          .producer_expiry_interval_ms = 600000,
                                          .initial_task_delay_ms = 30000,
                                          .retention_check_interval_ms = 300000};
    rc = log_manager_open(&options, &f->m, &f->err);
    ck_assert_msg(rc == 0, "%s", f->err.message);
}

static inline void open_fixture(struct fixture *f)
{
    memset(f, 0, sizeof(*f));
    fake_disk_init(&f->disk);
    fake_clock_init(&f->clock, 1700000000000LL);
    f->disk.clock = &f->clock.clock;
    f->trace = (struct trace){TRACE_INFO, keep_line, f};
    f->config = (struct topic_config){.references = 1000,
                                      .retention_ms = -1,
                                      .retention_bytes = -1,
                                      .cleanup_delete = true,
                                      .segment_bytes = 1 << 30,
                                      .segment_ms = INT64_MAX,
                                      .segment_index_bytes = 10 << 20,
                                      .index_interval_bytes = 4096,
                                      .flush_messages = INT64_MAX,
                                      .flush_ms = INT64_MAX,
                                      .max_message_bytes = 1 << 20};
    start(f);
}

static inline void run(struct fixture *f)
{
    fake_executor_run(&f->executor);
}

/* The broker is killed: what was written stays, synced or not. */
static inline void kill_broker(struct fixture *f)
{
    run(f);
    log_manager_destroy(f->m);
    f->m = NULL;
    log_dir_close(&f->dir);
}

static inline void close_fixture(struct fixture *f)
{
    kill_broker(f);
    fake_disk_free(&f->disk);
}

static inline void stop(struct fixture *f)
{
    struct reply r = reply();
    log_manager_stop(f->m, 12, &r.request);
    ck_assert_int_eq(r.calls, 0);
    run(f);
    expect(&r, 0);
    kill_broker(f);
}

static inline void add(struct fixture *f, struct log_handle *h, const char *topic,
                       uint8_t id, int32_t partition)
{
    int rc = log_manager_add(f->m, h, str_of(topic), id_of(id), partition, &f->config,
                             &f->err);
    ck_assert_msg(rc == 0, "%s", f->err.message);
}

static inline void create(struct fixture *f, struct log_handle *h, const char *topic,
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

static inline struct partition_log *must_open(struct fixture *f, struct log_handle *h)
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

static inline int append(struct fixture *f, struct log_handle *h)
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

static inline void must_append(struct fixture *f, struct log_handle *h, int count)
{
    while (count-- > 0)
        ck_assert_msg(append(f, h) == 0, "%s", f->err.message);
}

static inline int delete_one(struct fixture *f, struct log_handle *h, struct reply *r)
{
    struct log_handle *handles[] = {h};
    *r = reply();
    return log_manager_delete(f->m, handles, 1, &r->request, &f->err);
}

static inline int64_t tick(struct fixture *f)
{
    return log_manager_tick(f->m, clock_mono_ms(&f->clock.clock));
}

static inline void pass_time(struct fixture *f, int64_t ms)
{
    fake_clock_advance_ms(&f->clock, ms);
    tick(f);
}

/* Who has the logs: counts what it is told, and may say that nobody else has a say in
 * what is committed. */
struct owner {
    struct log_owner owner; /* first */
    int moved;
    bool alone;
};

static inline void on_moved(struct log_owner *owner, struct log_handle *h)
{
    ck_assert_ptr_nonnull(h);
    ((struct owner *)owner)->moved++;
}

static inline bool is_alone(struct log_owner *owner, const struct log_handle *h)
{
    ck_assert_ptr_nonnull(h);
    return ((struct owner *)owner)->alone;
}

static inline void take_ownership(struct fixture *f, struct owner *o)
{
    *o = (struct owner){.owner = {on_moved, is_alone}, .alone = true};
    log_manager_set_owner(f->m, &o->owner);
}

struct search {
    const char *start;
    const char *end;
    char found[256];
    int count;
};

static inline int match(void *context, const struct disk_entry *entry)
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

static inline struct search find_folder(struct fixture *f, const char *begins,
                                        const char *ends)
{
    struct search s = {.start = begins, .end = ends};
    ck_assert_int_eq(f->disk.disk.ops->list(&f->disk.disk, DATA, match, &s, &f->err),
                     0);
    return s;
}

static inline int as_text(void *context, struct str topic, int32_t partition,
                          int64_t offset)
{
    buf_printf(context, "%.*s-%d=%lld ", STR_ARGS(topic), partition, (long long)offset);
    return 0;
}

static inline void expect_checkpoint(struct fixture *f, const char *name,
                                     const char *text)
{
    char path[128];
    struct buf seen = BUF_INIT;
    snprintf(path, sizeof(path), DATA "/%s", name);
    ck_assert_int_eq(
        offset_checkpoint_read(&f->disk.disk, path, as_text, &seen, &f->err), 0);
    ck_assert_str_eq(seen.data == NULL ? "" : (char *)seen.data, text);
    buf_free(&seen);
}

#endif
