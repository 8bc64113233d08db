/* replication/controller_auto_create.c
 *
 * Topics made because somebody named them (Kafka: AutoTopicCreationManager): a
 * CreateTopics request that nobody sent, with defaults, or for an internal topic
 * with what its coordinator wants. */
#include "replication/controller_internal.h"

typedef struct create_topics_request_creatable_topic creatable_topic;
typedef struct create_topics_request_creatable_topic_config topic_config_entry;

static int add_config(struct arena *arena, creatable_topic *topic, const char *name,
                      struct str value, struct err *err)
{
    if (topic->configs == NULL)
        topic->configs = arena_array(arena, 8, sizeof(*topic->configs));
    if (topic->configs == NULL || value.data == NULL)
        return err_nomem(err);
    topic->configs[topic->configs_count++] =
        (topic_config_entry){.name = str_of(name), .value = value};
    return 0;
}

static int group_offsets(const struct broker_config *config, struct arena *arena,
                         creatable_topic *topic, struct err *err)
{
    topic->num_partitions = config->offsets_topic_num_partitions;
    topic->replication_factor = (int16_t)config->offsets_topic_replication_factor;
    int rc = add_config(arena, topic, "cleanup.policy", STR_LITERAL("compact"), err);
    if (rc == 0)
        rc = add_config(arena, topic, "segment.bytes",
                        arena_printf(arena, "%d", config->offsets_topic_segment_bytes),
                        err);
    if (rc == 0)
        rc = add_config(arena, topic, "compression.type", STR_LITERAL("producer"), err);
    return rc;
}

static int transaction_state(const struct broker_config *config, struct arena *arena,
                             creatable_topic *topic, struct err *err)
{
    topic->num_partitions = config->transaction_state_log_num_partitions;
    topic->replication_factor =
        (int16_t)config->transaction_state_log_replication_factor;
    int rc = add_config(arena, topic, "unclean.leader.election.enable",
                        STR_LITERAL("false"), err);
    if (rc == 0)
        rc = add_config(arena, topic, "compression.type", STR_LITERAL("uncompressed"),
                        err);
    if (rc == 0)
        rc = add_config(arena, topic, "cleanup.policy", STR_LITERAL("compact"), err);
    if (rc == 0)
        rc = add_config(
            arena, topic, "min.insync.replicas",
            arena_printf(arena, "%d", config->transaction_state_log_min_isr), err);
    if (rc == 0)
        rc = add_config(
            arena, topic, "segment.bytes",
            arena_printf(arena, "%d", config->transaction_state_log_segment_bytes),
            err);
    return rc;
}

static int64_t integer_setting(const struct broker_config *config, const char *name)
{
    struct setting_value value = {0};
    struct str text;
    enum setting_source source;
    const struct setting *setting = setting_find(&broker_settings, str_of(name));
    if (setting != NULL && broker_config_get(config, str_of(name), &text, &source) &&
        setting_parse(setting, text, &value, NULL) == 0)
        return value.integer;
    return -1;
}

static int share_group_state(const struct broker_config *config, struct arena *arena,
                             creatable_topic *topic, struct err *err)
{
    topic->num_partitions = (int32_t)integer_setting(
        config, "share.coordinator.state.topic.num.partitions");
    topic->replication_factor = (int16_t)integer_setting(
        config, "share.coordinator.state.topic.replication.factor");
    int64_t min_isr = integer_setting(config, "share.coordinator.state.topic.min.isr");
    int64_t segment =
        integer_setting(config, "share.coordinator.state.topic.segment.bytes");
    int rc = add_config(arena, topic, "cleanup.policy", STR_LITERAL("delete"), err);
    if (rc == 0)
        rc = add_config(arena, topic, "compression.type", STR_LITERAL("producer"), err);
    if (rc == 0)
        rc = add_config(arena, topic, "segment.bytes",
                        arena_printf(arena, "%lld", (long long)segment), err);
    if (rc == 0)
        rc = add_config(arena, topic, "min.insync.replicas",
                        arena_printf(arena, "%lld", (long long)min_isr), err);
    if (rc == 0)
        rc = add_config(arena, topic, "retention.ms", STR_LITERAL("-1"), err);
    return rc;
}

static int default_topic(const struct broker_config *config, struct arena *arena,
                         creatable_topic *topic, struct err *err)
{
    (void)config;
    (void)arena;
    (void)err;
    topic->num_partitions = -1;
    topic->replication_factor = -1;
    return 0;
}

static int describe(const struct broker_config *config, struct arena *arena,
                    struct str name, creatable_topic *topic, struct err *err)
{
    *topic = CREATE_TOPICS_REQUEST_CREATABLE_TOPIC_INIT;
    topic->name = name;
    if (str_is(name, "__consumer_offsets"))
        return group_offsets(config, arena, topic, err);
    if (str_is(name, "__transaction_state"))
        return transaction_state(config, arena, topic, err);
    if (str_is(name, "__share_group_state"))
        return share_group_state(config, arena, topic, err);
    return default_topic(config, arena, topic, err);
}

static int build_auto_create(struct controller *c, struct controller_request *r,
                             struct err *err)
{
    const struct controller_auto_create *wanted = r->input;
    struct create_topics_request *request = arena_alloc(r->arena, sizeof(*request));
    if (request == NULL)
        return err_nomem(err);
    *request = CREATE_TOPICS_REQUEST_INIT;
    request->topics =
        arena_array(r->arena, (size_t)wanted->name_count, sizeof(*request->topics));
    if (request->topics == NULL)
        return err_nomem(err);
    request->topics_count = wanted->name_count;
    for (int32_t i = 0; i < wanted->name_count; i++) {
        int rc = describe(c->options.config, r->arena, wanted->names[i],
                          &request->topics[i], err);
        if (rc != 0)
            return rc;
    }
    r->input = request;
    return controller_create_topics_operation.build(c, r, err);
}

static void fail_auto_create(struct controller_request *r, struct str message)
{
    controller_create_topics_operation.fail(r, message);
}

void controller_auto_create_topics(struct controller *c, struct controller_request *r,
                                   const struct controller_auto_create *topics,
                                   struct create_topics_response *response)
{
    static const struct controller_operation operation = {
        .name = "auto-create", .build = build_auto_create, .fail = fail_auto_create};
    controller_submit(c, r, &operation, topics, response);
}
