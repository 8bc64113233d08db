#include "tests/unit/replication/replica_fixture.h"

#include <check.h>
#include <stdio.h>

#include "protocol/messages.h"
#include "tests/support/log_fixture.h"

void metadata_publish_done(struct metadata_publish_wait *wait)
{
    wait->f->published++;
}

static void keep_line(const struct trace *trace, enum trace_level level,
                      const char *line)
{
    struct replica_fixture *f = trace->context;
    (void)level;
    size_t used = strlen(f->traced);
    snprintf(f->traced + used, sizeof(f->traced) - used, "%s\n", line);
}

static void open_logs(struct replica_fixture *f)
{
    struct log_dir_options dir = {.path = "data",
                                  .disk = &f->disk.disk,
                                  .random = &random_system,
                                  .node_id = REPLICA_NODE};
    ck_assert_int_eq(log_dir_open(&dir, &f->dir, &f->err), 0);
    struct log_manager_options logs = {.dir = &f->dir,
                                       .disk = &f->disk.disk,
                                       .clock = &f->clock.clock,
                                       .random = &random_system,
                                       .trace = &f->trace,
                                       .executor = &f->executor.executor,
                                       .recovery_threads = 1,
                                       .checkpoint_interval_ms = 60000,
                                       .file_delete_delay_ms = 60000,
                                       .producer_id_expiration_ms = 86400000,
                                       .producer_expiry_interval_ms = 600000,
                                       .initial_task_delay_ms = 30000,
                                       .retention_check_interval_ms = 300000};
    ck_assert_int_eq(log_manager_open(&logs, &f->logs, &f->err), 0);
}

void replica_fixture_open(struct replica_fixture *f)
{
    memset(f, 0, sizeof(*f));
    fake_disk_init(&f->disk);
    fake_clock_init(&f->clock, FIXTURE_NOW);
    fake_executor_init(&f->executor);
    f->trace = (struct trace){TRACE_WARN, keep_line, f};
    struct broker_config_input input = {.profile = PROFILE_DEV};
    ck_assert_int_eq(broker_config_create(&input, &f->config, &f->err), 0);
    f->image = metadata_image_create(&f->err);
    ck_assert_ptr_nonnull(f->image);
    open_logs(f);
    struct replica_manager_options options = {.node_id = REPLICA_NODE,
                                              .logs = f->logs,
                                              .image = f->image,
                                              .config = f->config,
                                              .trace = &f->trace};
    ck_assert_int_eq(replica_manager_create(&options, &f->m, &f->err), 0);
}

static void on_stopped(struct log_request *request, int rc, const struct err *err)
{
    (void)rc;
    (void)err;
    request->done = NULL;
}

void replica_fixture_close(struct replica_fixture *f)
{
    struct log_request stop = {.done = on_stopped};
    log_manager_stop(f->logs, 1, &stop);
    fake_executor_run(&f->executor);
    ck_assert(stop.done == NULL);
    replica_manager_destroy(f->m);
    log_manager_destroy(f->logs);
    log_dir_close(&f->dir);
    metadata_delta_clear(&f->delta);
    metadata_image_destroy(f->image);
    broker_config_destroy(f->config);
    fake_disk_free(&f->disk);
}

struct uuid replica_topic_id(int n)
{
    struct uuid id = UUID_ZERO;
    id.bytes[0] = 9;
    id.bytes[15] = (uint8_t)n;
    return id;
}

static void apply(struct replica_fixture *f, const struct message_type *type,
                  const void *message)
{
    struct metadata_record record = {type, type->max_version, message};
    int rc = metadata_image_apply(f->image, &record, &f->delta, &f->err);
    ck_assert_msg(rc == 0, "%s", f->err.message);
}

void put_topic(struct replica_fixture *f, int id, const char *name)
{
    struct topic_record record = {.name = str_of(name),
                                  .topic_id = replica_topic_id(id)};
    apply(f, &topic_record_type, &record);
}

void put_partition(struct replica_fixture *f, int id, int32_t partition, int32_t leader,
                   int32_t other)
{
    int32_t replicas[] = {leader, other};
    struct uuid directories[2] = {UUID_ZERO, UUID_ZERO};
    struct partition_record record = PARTITION_RECORD_INIT;
    record.topic_id = replica_topic_id(id);
    record.partition_id = partition;
    record.replicas = record.isr = replicas;
    record.replicas_count = record.isr_count = other == 0 ? 1 : 2;
    record.directories = directories;
    record.directories_count = record.replicas_count;
    record.leader = leader;
    record.leader_epoch = record.partition_epoch = 0;
    apply(f, &partition_record_type, &record);
}

void put_leader(struct replica_fixture *f, int id, int32_t partition, int32_t leader)
{
    struct partition_change_record record = PARTITION_CHANGE_RECORD_INIT;
    record.topic_id = replica_topic_id(id);
    record.partition_id = partition;
    record.leader = leader;
    apply(f, &partition_change_record_type, &record);
}

void put_removal(struct replica_fixture *f, int id)
{
    struct remove_topic_record record = {.topic_id = replica_topic_id(id)};
    apply(f, &remove_topic_record_type, &record);
}

void put_config(struct replica_fixture *f, enum config_resource_type type,
                const char *resource, const char *name, const char *value)
{
    struct config_record record = {.resource_type = (int8_t)type,
                                   .resource_name = str_of(resource),
                                   .name = str_of(name),
                                   .value = str_of(value)};
    apply(f, &config_record_type, &record);
}

void publish(struct replica_fixture *f)
{
    /* Outlives the call, as the controller's does; one round at a time. */
    static struct metadata_publish_wait wait;
    struct metadata_publisher *publisher = replica_manager_publisher(f->m);
    wait.f = f;
    publisher->publish(publisher, &f->delta, &wait);
    metadata_delta_clear(&f->delta);
}

void publish_and_run(struct replica_fixture *f)
{
    int before = f->published;
    publish(f);
    fake_executor_run(&f->executor);
    ck_assert_int_eq(f->published, before + 1);
}

struct opening {
    struct log_request request; /* first */
    bool done;
};

static void on_opened(struct log_request *request, int rc, const struct err *err)
{
    ck_assert_msg(rc == 0, "%s", err->message);
    ((struct opening *)request)->done = true;
}

struct partition *open_partition(struct replica_fixture *f, int id, int32_t partition)
{
    struct partition *p = replica_manager_find(f->m, replica_topic_id(id), partition);
    ck_assert_ptr_nonnull(p);
    struct opening opening = {.request = {.done = on_opened}};
    int rc = log_manager_ensure_open(f->logs, &p->handle, &opening.request, &f->err);
    ck_assert_int_ge(rc, 0);
    fake_executor_run(&f->executor);
    ck_assert(rc == 1 || opening.done);
    ck_assert_ptr_nonnull(partition_log_of(p));
    return p;
}

int append_one(struct replica_fixture *f, struct partition *p)
{
    struct append_result result;
    struct log_fixture *builder = calloc(1, sizeof(*builder));
    ck_assert_ptr_nonnull(builder);
    struct buf batch = fixture_build(
        builder, (struct fixture_batch){.timestamp = f->clock.wall_now_ms});
    int rc = partition_append(p, batch.data, (int32_t)batch.len, APPEND_CLIENT, &result,
                              &f->err);
    buf_free(&batch);
    free(builder);
    return rc;
}
