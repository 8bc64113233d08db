/* replication/controller_delete.c
 *
 * DeleteTopics, by name or by id (Kafka: ControllerApis.deleteTopics). A name or an
 * id that stands there twice deletes nothing, and so does a name together with the id
 * it stands for: what the client meant is not known. */
#include "replication/controller_internal.h"

typedef struct delete_topics_response_deletable_topic_result delete_result;

/* What a request names, from either form of it. */
struct naming {
    struct str name; /* null: by id */
    struct uuid id;
    const struct metadata_topic *topic; /* what it stands for; NULL: nothing */
    struct verdict verdict;
};

struct deletion {
    struct controller *c;
    struct arena *arena;
    struct naming *items;
    int32_t count;
};

static void collect(struct deletion *d, const struct delete_topics_request *request)
{
    for (int32_t i = 0; i < request->topic_names_count; i++)
        d->items[d->count++] = (struct naming){.name = request->topic_names[i]};
    for (int32_t i = 0; i < request->topics_count; i++)
        d->items[d->count++] = (struct naming){.name = request->topics[i].name,
                                               .id = request->topics[i].topic_id};
}

static struct verdict look_up(struct deletion *d, struct naming *item)
{
    const struct metadata_image *image = controller_image(d->c);
    bool has_id = !uuid_is_zero(item->id);
    if (item->name.data == NULL && !has_id)
        return verdict_of(d->arena, KAFKA_INVALID_REQUEST,
                          "Neither topic name nor id were specified.");
    if (item->name.data != NULL && has_id)
        return verdict_of(d->arena, KAFKA_INVALID_REQUEST,
                          "You may not specify both topic name and topic id.");
    if (has_id) {
        item->topic = metadata_image_topic_by_id(image, item->id);
        if (item->topic == NULL)
            return verdict_of(d->arena, KAFKA_UNKNOWN_TOPIC_ID,
                              "This server does not host this topic ID.");
        return VERDICT_OK;
    }
    item->topic = metadata_image_topic(image, item->name);
    if (item->topic == NULL)
        return verdict_of(d->arena, KAFKA_UNKNOWN_TOPIC_OR_PARTITION,
                          "This server does not host this topic-partition.");
    return VERDICT_OK;
}

/* The key under which repetitions are looked for: names and ids apart. */
static struct str key_of(struct arena *arena, const struct naming *item)
{
    char text[UUID_TEXT_SIZE];
    if (item->name.data != NULL)
        return arena_printf(arena, "n%.*s", STR_ARGS(item->name));
    return arena_printf(arena, "i%s", uuid_text(item->id, text));
}

/* Marks what is named twice in the same way; items that repeat another one's answer
 * have no answer of their own, and leave the list. */
static int drop_duplicates(struct deletion *d, struct err *err)
{
    struct str *keys = arena_array(d->arena, (size_t)d->count, sizeof(*keys));
    if (keys == NULL)
        return err_nomem(err);
    for (int32_t i = 0; i < d->count; i++) {
        keys[i] = key_of(d->arena, &d->items[i]);
        if (keys[i].data == NULL)
            return err_nomem(err);
    }
    uint8_t *uses;
    int rc = controller_name_uses(d->arena, keys, d->count, &uses, err);
    if (rc != 0)
        return rc;
    int32_t kept = 0;
    for (int32_t i = 0; i < d->count; i++) {
        struct naming item = d->items[i];
        bool malformed = item.verdict.code == KAFKA_INVALID_REQUEST;
        if (uses[i] == NAME_AGAIN && !malformed)
            continue;
        if (uses[i] == NAME_FIRST && !malformed) {
            item.verdict =
                verdict_of(d->arena, KAFKA_INVALID_REQUEST, "Duplicate topic %s.",
                           item.name.data != NULL ? "name" : "id");
            item.topic = NULL;
        }
        d->items[kept++] = item;
    }
    d->count = kept;
    return 0;
}

/* A name whose topic was given by id too: neither is done. The id's entry keeps no
 * answer of its own, as in Kafka. */
static int drop_names_of_ids(struct deletion *d, struct err *err)
{
    struct str *keys = arena_array(d->arena, (size_t)d->count, sizeof(*keys));
    if (keys == NULL)
        return err_nomem(err);
    for (int32_t i = 0; i < d->count; i++) {
        const struct metadata_topic *topic = d->items[i].topic;
        keys[i] = topic != NULL
                      ? metadata_topic_name(topic)
                      : arena_printf(d->arena, "/%d", i); /* no topic's name */
        if (keys[i].data == NULL)
            return err_nomem(err);
    }
    uint8_t *uses;
    int rc = controller_name_uses(d->arena, keys, d->count, &uses, err);
    if (rc != 0)
        return rc;
    int32_t kept = 0;
    for (int32_t i = 0; i < d->count; i++) {
        struct naming item = d->items[i];
        bool repeated = item.topic != NULL && uses[i] != NAME_ONCE;
        if (repeated && item.name.data == NULL)
            continue;
        if (repeated) {
            item.verdict = verdict_of(d->arena, KAFKA_INVALID_REQUEST,
                                      "The provided topic name maps to an ID that was "
                                      "already supplied.");
            item.id = item.topic->id;
            item.topic = NULL;
        }
        d->items[kept++] = item;
    }
    d->count = kept;
    return 0;
}

/* With a topic its settings go. Kafka 4.3 forgets them only if its image had them
 * before the stretch of the log that it reads at once (ConfigurationsDelta.replay), so
 * after a restart a topic made anew under that name would have the old ones again.
 * Hence each is taken back by a record of its own. */
static int remove_configs(struct deletion *d, struct str name, struct err *err)
{
    struct metadata_configs configs =
        metadata_image_configs(controller_image(d->c), CONFIG_RESOURCE_TOPIC, name);
    for (int32_t i = 0; i < configs.count; i++) {
        struct config_record *record = controller_record(d->c, &config_record_type);
        if (record == NULL)
            return err_nomem(err);
        record->resource_type = CONFIG_RESOURCE_TOPIC;
        record->resource_name = name;
        record->name = arena_str(d->arena, configs.items[i].name);
        record->value = STR_NULL;
        if (record->name.data == NULL)
            return err_nomem(err);
    }
    return 0;
}

/* `name` is of the arena. */
static int remove_topic(struct deletion *d, struct uuid id, struct str name,
                        struct err *err)
{
    int rc = remove_configs(d, name, err);
    if (rc != 0)
        return rc;
    struct remove_topic_record *record =
        controller_record(d->c, &remove_topic_record_type);
    if (record == NULL)
        return err_nomem(err);
    record->topic_id = id;
    return 0;
}

static int fill(struct deletion *d, struct delete_topics_response *response,
                struct err *err)
{
    response->responses =
        arena_array(d->arena, (size_t)d->count, sizeof(*response->responses));
    if (response->responses == NULL)
        return err_nomem(err);
    for (int32_t i = 0; i < d->count; i++) {
        const struct naming *item = &d->items[i];
        delete_result *result = &response->responses[response->responses_count++];
        *result = DELETE_TOPICS_RESPONSE_DELETABLE_TOPIC_RESULT_INIT;
        result->name = item->name;
        result->topic_id = item->id;
        result->error_code = (int16_t)item->verdict.code;
        result->error_message = item->verdict.message;
        if (item->topic == NULL)
            continue;
        result->name = arena_str(d->arena, metadata_topic_name(item->topic));
        result->topic_id = item->topic->id;
        if (result->name.data == NULL)
            return err_nomem(err);
        int rc = remove_topic(d, result->topic_id, result->name, err);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int build_delete_topics(struct controller *c, struct controller_request *r,
                               struct err *err)
{
    const struct delete_topics_request *request = r->input;
    struct deletion d = {.c = c, .arena = r->arena};
    bool enabled = c->options.config->delete_topic_enable;
    d.items = arena_array(
        r->arena, (size_t)request->topic_names_count + (size_t)request->topics_count,
        sizeof(*d.items));
    if (d.items == NULL)
        return err_nomem(err);
    collect(&d, request);
    for (int32_t i = 0; i < d.count; i++)
        d.items[i].verdict = enabled
                                 ? look_up(&d, &d.items[i])
                                 : verdict_of(r->arena, KAFKA_TOPIC_DELETION_DISABLED,
                                              "Topic deletion is disabled.");
    int rc = 0;
    if (enabled)
        rc = drop_duplicates(&d, err);
    if (rc == 0 && enabled)
        rc = drop_names_of_ids(&d, err);
    return rc != 0 ? rc : fill(&d, r->output, err);
}

static void fail_delete_topics(struct controller_request *r, struct str message)
{
    struct delete_topics_response *response = r->output;
    for (int32_t i = 0; i < response->responses_count; i++) {
        delete_result *result = &response->responses[i];
        if (result->error_code != KAFKA_NONE)
            continue;
        result->error_code = KAFKA_UNKNOWN_SERVER_ERROR;
        result->error_message = message;
    }
}

void controller_delete_topics(struct controller *c, struct controller_request *r,
                              const struct delete_topics_request *request,
                              struct delete_topics_response *response)
{
    static const struct controller_operation operation = {.name = "DeleteTopics",
                                                          .build = build_delete_topics,
                                                          .fail = fail_delete_topics};
    controller_submit(c, r, &operation, request, response);
}
