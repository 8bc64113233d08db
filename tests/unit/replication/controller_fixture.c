/* tests/unit/replication/controller_fixture.c */
#include "tests/unit/replication/controller_fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "storage/metadata_record.h"

/* ---- the log ------------------------------------------------------------------ */

static int64_t log_next_offset(struct metadata_writer *writer)
{
    return ((struct fake_log *)writer)->next_offset;
}

static int log_append(struct metadata_writer *writer,
                      const struct metadata_record *records, int32_t count,
                      struct metadata_append *append, struct err *err)
{
    struct fake_log *log = (struct fake_log *)writer;
    ck_assert_ptr_null(log->pending);
    ck_assert_int_gt(count, 0);
    if (log->refuse_append)
        return err_set(err, ERR_OFFLINE, "the metadata log is offline");
    for (int32_t i = 0; i < count; i++) {
        ck_assert_int_lt(log->record_count, FAKE_RECORDS_MAX);
        struct buf *out = &log->records[log->record_count++];
        struct err why = {0};
        *out = BUF_INIT;
        ck_assert_msg(metadata_record_encode(&records[i], out, &why) == 0, "%s: %s",
                      records[i].type->name, why.message);
    }
    log->next_offset += count;
    log->appends++;
    log->pending = append;
    return 0;
}

static struct metadata_record decode(const struct buf *bytes, struct arena *arena)
{
    struct metadata_record record;
    struct bytes value = {bytes->data, (int32_t)bytes->len};
    ck_assert_int_eq(metadata_record_decode(value, arena, &record, NULL), 0);
    return record;
}

int fake_log_count(const struct fake_log *log, const struct message_type *type)
{
    int count = 0;
    for (int i = 0; i < log->record_count; i++) {
        struct arena arena = ARENA_INIT;
        count += decode(&log->records[i], &arena).type == type;
        arena_reset(&arena);
    }
    return count;
}

struct metadata_image *fake_log_replay(const struct fake_log *log)
{
    struct metadata_image *image = metadata_image_create(NULL);
    for (int i = 0; i < log->record_count; i++) {
        struct arena arena = ARENA_INIT;
        struct err err = {0};
        struct metadata_record record = decode(&log->records[i], &arena);
        ck_assert_msg(metadata_image_apply(image, &record, NULL, &err) == 0, "%s",
                      err.message);
        arena_reset(&arena);
    }
    return image;
}

static int print_record(void *context, const struct metadata_record *record,
                        struct err *err)
{
    (void)err;
    buf_printf(context, "%s ", record->type->name);
    record->type->to_json(context, record->version, record->message);
    buf_append(context, "\n", 1);
    return 0;
}

struct buf image_text(const struct metadata_image *image)
{
    struct buf out = BUF_INIT;
    ck_assert_int_eq(metadata_image_write(image, print_record, &out, NULL), 0);
    buf_append(&out, "", 1);
    return out;
}

/* ---- the node ------------------------------------------------------------------- */

static void node_publish(struct metadata_publisher *publisher,
                         const struct metadata_delta *delta,
                         struct metadata_publish_wait *wait)
{
    struct fake_node *node = (struct fake_node *)publisher;
    ck_assert_ptr_null(node->pending);
    node->rounds++;
    node->topics_created = delta->topics_created_count;
    node->topics_removed = delta->topics_removed_count;
    node->configs = delta->config_count;
    node->partitions_added = node->partitions_changed = 0;
    for (int32_t i = 0; i < delta->partition_count; i++) {
        node->partitions_added += delta->partitions[i].added;
        node->partitions_changed += !delta->partitions[i].added;
    }
    if (node->at_once)
        metadata_publish_done(wait);
    else
        node->pending = wait;
}

/* ---- randomness and traces --------------------------------------------------------
 */

/* xorshift64*, from a fixed seed: what is tested holds for every order. */
static void random_bytes(const struct random *random, void *out, size_t len)
{
    uint64_t *state = ((const struct replaying_random *)random)->state;
    uint8_t *at = out;
    for (size_t i = 0; i < len; i++) {
        *state ^= *state >> 12;
        *state ^= *state << 25;
        *state ^= *state >> 27;
        at[i] = (uint8_t)((*state * 2685821657736338717ull) >> 56);
    }
}

static void swallow(const struct trace *trace, enum trace_level level, const char *line)
{
    (void)trace;
    (void)level;
    (void)line;
}

/* ---- the fixture --------------------------------------------------------------------
 */

static void on_done(struct controller_request *request, int rc, const struct err *err)
{
    struct controller_fixture *f =
        (struct controller_fixture *)((char *)request -
                                      offsetof(struct controller_fixture, request));
    f->answered++;
    f->rc = rc;
    f->err = *err;
}

static uint64_t seed(void)
{
    const char *text = getenv("SEED");
    uint64_t value = text != NULL ? strtoull(text, NULL, 10) : 88172645463325252ull;
    printf("SEED=%llu\n", (unsigned long long)value);
    return value == 0 ? 1 : value;
}

void controller_fixture_open(struct controller_fixture *f,
                             const struct fixture_options *options)
{
    memset(f, 0, sizeof(*f));
    struct err err = {0};
    struct broker_config_input input = {.profile = options->profile,
                                        .brokers = options->brokers,
                                        .file_name = "server.properties",
                                        .file = str_of(options->settings)};
    ck_assert_msg(broker_config_create(&input, &f->config, &err) == 0, "%s",
                  err.message);
    f->image = metadata_image_create(NULL);
    fake_executor_init(&f->executor);
    f->log.writer.next_offset = log_next_offset;
    f->log.writer.append = log_append;
    f->log.next_offset = 1; /* behind the leader change */
    f->log.records = calloc(FAKE_RECORDS_MAX, sizeof(*f->log.records));
    f->node.publisher.publish = node_publish;
    f->node.at_once = true;
    f->random_state = seed();
    f->random = (struct replaying_random){{random_bytes}, &f->random_state};
    f->trace = (struct trace){.level = TRACE_ERROR, .write = swallow};
    struct controller_options controller = {.node_id = 1,
                                            .image = f->image,
                                            .writer = &f->log.writer,
                                            .config = f->config,
                                            .executor = &f->executor.executor,
                                            .clock = &clock_system,
                                            .random = &f->random.random,
                                            .trace = &f->trace};
    ck_assert_int_eq(controller_create(&controller, &f->controller, &err), 0);
    controller_add_publisher(f->controller, &f->node.publisher);
    if (options->brokers > 0)
        controller_fixture_start(f, options->brokers, false, options->racks);
}

void controller_fixture_close(struct controller_fixture *f)
{
    controller_destroy(f->controller);
    metadata_image_destroy(f->image);
    broker_config_destroy(f->config);
    for (int i = 0; i < f->log.record_count; i++)
        buf_free(&f->log.records[i]);
    free(f->log.records);
    arena_reset(&f->arena);
}

struct controller_request *controller_fixture_request(struct controller_fixture *f)
{
    f->request =
        (struct controller_request){.done = on_done, .arena = &f->arena, .node_id = 1};
    f->answered = 0;
    f->rc = 1;
    return &f->request;
}

void controller_fixture_turn(struct controller_fixture *f)
{
    fake_executor_run(&f->executor);
}

void controller_fixture_sync(struct controller_fixture *f)
{
    struct metadata_append *append = f->log.pending;
    struct err err = {0};
    ck_assert_ptr_nonnull(append);
    f->log.pending = NULL;
    int rc = f->log.refuse_sync ? err_set(&err, ERR_IO, "the disk refuses") : 0;
    append->done(append, rc, &err);
}

void controller_fixture_ready(struct controller_fixture *f)
{
    struct metadata_publish_wait *wait = f->node.pending;
    ck_assert_ptr_nonnull(wait);
    f->node.pending = NULL;
    metadata_publish_done(wait);
}

void controller_fixture_run(struct controller_fixture *f)
{
    for (int turns = 0; f->answered == 0; turns++) {
        ck_assert_int_lt(turns, 100);
        controller_fixture_turn(f);
        if (f->log.pending != NULL)
            controller_fixture_sync(f);
        if (f->node.pending != NULL)
            controller_fixture_ready(f);
    }
    ck_assert_int_eq(f->answered, 1);
}

void controller_fixture_start(struct controller_fixture *f, int count, bool unclean,
                              const char *const *racks)
{
    static const struct metadata_endpoint endpoint = {
        STR_LITERAL("PLAINTEXT"), STR_LITERAL("127.0.0.1"), 9092, 0};
    struct controller_broker brokers[8] = {{0}};
    struct uuid directories[8] = {{{0}}};
    for (int i = 0; i < count; i++) {
        directories[i].bytes[0] = (uint8_t)(i + 1);
        directories[i].bytes[1] = 0xd1;
        brokers[i] = (struct controller_broker){
            .id = i + 1,
            .incarnation = directories[i],
            .rack = racks == NULL ? STR_NULL : str_of(racks[i]),
            .endpoints = &endpoint,
            .endpoint_count = 1,
            .directories = &directories[i],
            .directory_count = 1,
            .unclean = unclean};
    }
    struct controller_start start = {.brokers = brokers,
                                     .broker_count = count,
                                     .controller_endpoints = &endpoint,
                                     .controller_endpoint_count = 1};
    controller_start(f->controller, controller_fixture_request(f), &start);
    controller_fixture_run(f);
    ck_assert_msg(f->rc == 0, "%s", f->err.message);
}

void controller_fixture_topic(struct controller_fixture *f, const char *name,
                              int32_t partitions, int16_t factor)
{
    struct create_topics_request_creatable_topic topic =
        CREATE_TOPICS_REQUEST_CREATABLE_TOPIC_INIT;
    topic.name = str_of(name);
    topic.num_partitions = partitions;
    topic.replication_factor = factor;
    struct create_topics_request request = CREATE_TOPICS_REQUEST_INIT;
    request.topics = &topic;
    request.topics_count = 1;
    struct create_topics_response response = CREATE_TOPICS_RESPONSE_INIT;
    controller_create_topics(f->controller, controller_fixture_request(f), &request,
                             &response);
    controller_fixture_run(f);
    ck_assert_msg(response.topics[0].error_code == KAFKA_NONE, "%.*s",
                  STR_ARGS(response.topics[0].error_message));
}

const struct metadata_partition *controller_fixture_partition(
    struct controller_fixture *f, const char *topic, int32_t partition)
{
    const struct metadata_topic *t = metadata_image_topic(f->image, str_of(topic));
    return t == NULL ? NULL : metadata_topic_partition(t, partition);
}
