/* DescribeLogDirs (Kafka: ReplicaManager.describeLogDirs, KIP-113, KIP-827)
 *
 * One directory, so one result. Sizes come from a job of the log manager, since
 * logs that are not open are measured on disk. What is asked for but not here is
 * left out without an error, as in Kafka. */
#include "broker/api/api.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct describe_log_dirs_request_describable_log_dir_topic topic_request;
typedef struct describe_log_dirs_response_describe_log_dirs_topic topic_result;
typedef struct describe_log_dirs_response_describe_log_dirs_partition partition_result;
typedef struct describe_log_dirs_response_describe_log_dirs_result dir_result;

struct description {
    struct log_describe base; /* first: on_described() casts back */
    struct request *request;
};

/* A replica to be listed, or one that was asked for (size NULL). */
struct sized_replica {
    const struct metadata_topic *topic;
    int32_t partition;
    const struct log_size *size;
};

struct replica_list {
    struct sized_replica *items;
    int count;
};

static int compare_replicas(const void *a, const void *b)
{
    const struct sized_replica *x = a, *y = b;
    int order = x->topic == y->topic ? 0 : strcmp(x->topic->name, y->topic->name);
    if (order != 0)
        return order;
    return (x->partition > y->partition) - (x->partition < y->partition);
}

static void sort(struct replica_list *list)
{
    qsort(list->items, (size_t)list->count, sizeof(*list->items), compare_replicas);
}

static bool alloc_list(struct arena *arena, size_t size, struct replica_list *out)
{
    *out = (struct replica_list){arena_array(arena, size, sizeof(*out->items)), 0};
    return out->items != NULL;
}

static bool list_wanted(struct request *r, const struct describe_log_dirs_request *m,
                        struct replica_list *out)
{
    size_t total = 0;
    for (int32_t t = 0; t < m->topics_count; t++)
        total += (size_t)m->topics[t].partitions_count;
    if (!alloc_list(&r->arena, total, out))
        return false;
    for (int32_t t = 0; t < m->topics_count; t++) {
        const topic_request *wanted = &m->topics[t];
        const struct metadata_topic *topic =
            metadata_image_topic(r->node->image, wanted->topic);
        for (int32_t i = 0; topic != NULL && i < wanted->partitions_count; i++)
            out->items[out->count++] =
                (struct sized_replica){topic, wanted->partitions[i], NULL};
    }
    sort(out);
    return true;
}

/* Leaves out what was deleted since it was measured, and what cannot be read:
 * Kafka does not list the logs of a failed disk either. */
static bool list_replicas(struct description *d, const struct replica_list *wanted,
                          struct replica_list *out)
{
    struct request *r = d->request;
    if (!alloc_list(&r->arena, (size_t)d->base.count, out))
        return false;
    for (int i = 0; i < d->base.count; i++) {
        const struct log_size *size = &d->base.sizes[i];
        struct sized_replica replica = {
            metadata_image_topic_by_id(r->node->image, size->topic_id), size->partition,
            size};
        if (replica.topic == NULL || size->size_bytes < 0)
            continue;
        if (wanted != NULL && bsearch(&replica, wanted->items, (size_t)wanted->count,
                                      sizeof(replica), compare_replicas) == NULL)
            continue;
        out->items[out->count++] = replica;
    }
    sort(out);
    return true;
}

/* How far the log's end is behind the high watermark: only a follower's is. */
static int64_t offset_lag(const struct request *r, const struct sized_replica *replica)
{
    const struct partition *p =
        replica_manager_find(r->node->replicas, replica->topic->id, replica->partition);
    const struct partition_log *log = p == NULL ? NULL : partition_log_of(p);
    if (log == NULL)
        return 0;
    int64_t lag = partition_log_high_watermark(log) - partition_log_end_offset(log);
    return lag > 0 ? lag : 0;
}

/* The list is sorted, so a topic's replicas lie together. */
static bool fill_topics(struct request *r, const struct replica_list *list,
                        dir_result *result)
{
    size_t count = (size_t)list->count;
    partition_result *partitions = arena_array(&r->arena, count, sizeof(*partitions));
    result->topics = arena_array(&r->arena, count, sizeof(topic_result));
    if (partitions == NULL || result->topics == NULL)
        return false;
    for (int i = 0; i < list->count; i++) {
        const struct sized_replica *replica = &list->items[i];
        if (i == 0 || replica->topic != list->items[i - 1].topic)
            result->topics[result->topics_count++] =
                (topic_result){.name = metadata_topic_name(replica->topic),
                               .partitions = &partitions[i]};
        result->topics[result->topics_count - 1].partitions_count++;
        partitions[i] = (partition_result){
            .partition_index = replica->partition,
            .partition_size = replica->size->size_bytes,
            .offset_lag = offset_lag(r, replica),
        };
    }
    return true;
}

static bool is_cordoned(const struct node *node)
{
    const struct metadata_broker *self = metadata_image_broker(node->image, node->id);
    for (int32_t i = 0; self != NULL && i < self->cordoned_directory_count; i++) {
        if (uuid_equal(self->cordoned_directories[i], node->dir.directory_id))
            return true;
    }
    return false;
}

static struct str absolute_path(struct request *r)
{
    const char *path = r->node->dir.path;
    char folder[PATH_MAX];
    if (path[0] == '/' || getcwd(folder, sizeof(folder)) == NULL)
        return str_of(path);
    return arena_printf(&r->arena, "%s/%s", folder, path);
}

static bool fill(struct description *d, dir_result *result)
{
    struct request *r = d->request;
    const struct describe_log_dirs_request *m = r->message;
    bool all = m->topics_count < 0;
    struct replica_list wanted, list;
    result->log_dir = absolute_path(r);
    result->total_bytes = d->base.total_bytes;
    result->usable_bytes = d->base.usable_bytes;
    result->is_cordoned = is_cordoned(r->node);
    return result->log_dir.data != NULL && (all || list_wanted(r, m, &wanted)) &&
           list_replicas(d, all ? NULL : &wanted, &list) &&
           fill_topics(r, &list, result);
}

static void respond(struct request *r, dir_result *result)
{
    struct describe_log_dirs_response response = DESCRIBE_LOG_DIRS_RESPONSE_INIT;
    response.results = result;
    response.results_count = 1;
    request_respond(r, &response);
}

static void respond_failed(struct request *r, int rc, const struct err *err)
{
    dir_result result = DESCRIBE_LOG_DIRS_RESPONSE_DESCRIBE_LOG_DIRS_RESULT_INIT;
    trace_warn(r->node->env.trace, "%s cannot be described: %s", r->node->dir.path,
               err->message);
    result.log_dir = absolute_path(r);
    result.error_code = error_to_kafka(rc);
    if (result.log_dir.data == NULL)
        request_refuse(r, "no memory for its answer");
    else
        respond(r, &result);
}

static void on_described(struct log_request *base, int rc, const struct err *err)
{
    struct description *d = (struct description *)base;
    dir_result result = DESCRIBE_LOG_DIRS_RESPONSE_DESCRIBE_LOG_DIRS_RESULT_INIT;
    if (rc != 0) {
        respond_failed(d->request, rc, err);
        return;
    }
    bool ok = fill(d, &result);
    log_manager_describe_end(&d->base);
    if (ok)
        respond(d->request, &result);
    else
        request_refuse(d->request, "no memory for its answer");
}

static void handle(struct request *r)
{
    struct err err = {0};
    struct description *d = arena_alloc(&r->arena, sizeof(*d));
    if (d == NULL) {
        request_refuse(r, "no memory for its answer");
        return;
    }
    d->request = r;
    d->base.request.done = on_described;
    int rc = log_manager_describe(r->node->logs, &d->base, &err);
    if (rc != 0)
        respond_failed(r, rc, &err);
}

const struct api api_describe_log_dirs = {
    .key = API_DESCRIBE_LOG_DIRS,
    .min_version = 0,
    .max_version = 5,
    .request = &describe_log_dirs_request_type,
    .response = &describe_log_dirs_response_type,
    .handle = handle,
};
