#include "broker/server.h"

#include <stdlib.h>

#include "broker/address.h"
#include "broker/dynamic_config.h"
#include "broker/group/group_coordinator.h"
#include "broker/listener.h"
#include "protocol/kafka_error.h"
#include "replication/metadata_unused.h"
#include "replication/metadata_version.h"
#include "storage/metadata_log.h"

struct server {
    struct server_options options;
    struct node node;
    struct metadata_log *log;
    struct metadata_image *image;
    struct controller *controller;
    struct dynamic_config dynamic;

    /* What the steps of the start and the stop are given. */
    struct controller_request request;
    struct arena arena;
    struct create_topics_response created;
    struct metadata_log_request log_request;
    struct metadata_append *append; /* the controller's, under way */
    struct metadata_writer writer;
    struct metadata_log_request append_request;

    bool stop_asked;
    bool busy;          /* a step of the start is under way: the stop waits for it */
    struct err failure; /* the first one of the stop */
};

#define SERVER_OF(pointer, member) \
    ((struct server *)((char *)(pointer)-offsetof(struct server, member)))

/* ---- the controller's way to the metadata log ---------------------------- */

static int64_t writer_next_offset(struct metadata_writer *writer)
{
    return metadata_log_next_offset(SERVER_OF(writer, writer)->log);
}

static void on_appended(struct metadata_log_request *request, int rc,
                        const struct err *err)
{
    struct server *s = SERVER_OF(request, append_request);
    struct metadata_append *append = s->append;
    s->append = NULL;
    append->done(append, rc, err);
}

static int writer_append(struct metadata_writer *writer,
                         const struct metadata_record *records, int32_t count,
                         struct metadata_append *append, struct err *err)
{
    struct server *s = SERVER_OF(writer, writer);
    s->append_request.done = on_appended;
    int rc = metadata_log_append(s->log, records, count, &s->append_request, err);
    if (rc == 0)
        s->append = append;
    return rc;
}

/* ---- opening ------------------------------------------------------------- */

static int replay(void *context, const struct metadata_record *record, struct err *err)
{
    struct server *s = context;
    return metadata_image_apply(s->image, record, NULL, err);
}

/* Between the append of a change and its application image and log differ. */
static int write_image(void *context, metadata_emit emit, void *emit_context,
                       struct err *err)
{
    struct server *s = context;
    if (s->append != NULL || metadata_image_in_transaction(s->image))
        return ERR_BUSY;
    return metadata_image_write(s->image, emit, emit_context, err);
}

/* The feature levels of a new cluster, as records. NULL: out of memory. */
static struct metadata_record *bootstrap_records(struct arena *a, int32_t *count)
{
    struct metadata_record *records =
        arena_array(a, known_feature_count, sizeof(*records));
    struct feature_level_record *levels =
        arena_array(a, known_feature_count, sizeof(*levels));
    *count = 0;
    if (records == NULL || levels == NULL)
        return NULL;
    for (size_t i = 0; i < known_feature_count; i++) {
        if (known_features[i].initial == 0)
            continue;
        levels[i] =
            (struct feature_level_record){.name = str_of(known_features[i].name),
                                          .feature_level = known_features[i].initial};
        records[(*count)++] =
            (struct metadata_record){&feature_level_record_type, 0, &levels[i]};
    }
    return records;
}

static void on_settings_changed(struct dynamic_config *d)
{
    struct server *s = d->owner;
    node_follow_settings(&s->node);
}

static int open_metadata(struct server *s, struct err *err)
{
    const struct server_options *o = &s->options;
    s->image = metadata_image_create(err);
    if (s->image == NULL)
        return ERR_NOMEM;
    int32_t bootstrap_count;
    struct metadata_record *bootstrap = bootstrap_records(&s->arena, &bootstrap_count);
    if (bootstrap == NULL)
        return err_nomem(err);
    struct metadata_log_options log = {
        .dir = &s->node.dir,
        .disk = o->env.disk,
        .clock = o->env.clock,
        .random = o->env.random,
        .trace = o->env.trace,
        .executor = o->env.executor,
        .node_id = s->node.id,
        .segment_bytes = o->config->metadata_log_segment_bytes,
        .segment_ms = o->config->metadata_log_segment_ms,
        .max_bytes_between_snapshots =
            o->config->metadata_log_max_record_bytes_between_snapshots,
        .bootstrap = bootstrap,
        .bootstrap_count = bootstrap_count,
        .replay = replay,
        .write_image = write_image,
        .context = s,
    };
    int rc = metadata_log_open(&log, &s->log, err);
    if (rc != 0)
        return rc;
    s->writer = (struct metadata_writer){.next_offset = writer_next_offset,
                                         .append = writer_append};
    struct controller_options controller = {
        .node_id = s->node.id,
        .image = s->image,
        .writer = &s->writer,
        .config = o->config,
        .executor = o->env.executor,
        .clock = o->env.clock,
        .random = o->env.random,
        .trace = o->env.trace,
    };
    return controller_create(&controller, &s->controller, err);
}

/* A start that failed before any log was opened has spoilt nothing: the next one
 * need not recover. */
static void leave_clean(struct server *s)
{
    struct log_dir *dir = &s->node.dir;
    struct err err = {0};
    if (dir->path == NULL || !dir->clean || dir->fresh)
        return;
    if (log_dir_mark_clean(dir, dir->last_broker_epoch, &err) != 0)
        trace_warn(s->options.env.trace, "the next start will recover all logs: %s",
                   err.message);
}

int server_open(const struct server_options *options, struct server **out,
                struct err *err)
{
    struct server *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return err_nomem(err);
    s->options = *options;
    struct node_options node = {
        .env = options->env, .config = options->config, .data_dir = options->data_dir};
    int rc = node_open(&node, &s->node, err);
    if (rc == 0)
        rc = open_metadata(s, err);
    if (rc == 0) {
        dynamic_config_init(&s->dynamic, s->node.id, s->image, options->config,
                            options->env.trace);
        s->dynamic.changed = on_settings_changed;
        s->dynamic.owner = s;
        rc = node_load(&s->node, s->controller, s->image, err);
    }
    if (rc != 0) {
        leave_clean(s);
        server_close(s);
        return rc;
    }
    s->node.owner = s;
    struct broker_ids here = {&s->node.id, 1};
    metadata_unused_report(s->image, here, options->env.trace);
    controller_add_publisher(s->controller, &s->dynamic.publisher);
    controller_add_publisher(s->controller,
                             replica_manager_publisher(s->node.replicas));
    controller_add_publisher(s->controller,
                             group_coordinator_publisher(s->node.groups));
    *out = s;
    return 0;
}

void server_close(struct server *s)
{
    node_close(&s->node);
    controller_destroy(s->controller);
    metadata_log_close(s->log);
    metadata_image_destroy(s->image);
    dynamic_config_free(&s->dynamic);
    arena_reset(&s->arena);
    free(s);
}

void server_bootstrap(const struct server *s, char *out, int size)
{
    const struct listener *l = s->node.listeners;
    address_text(l->advertised_host, l->advertised_port, out, size);
}

/* ---- starting ------------------------------------------------------------ */

static void begin_stop(struct server *s);

/* A step of the start has ended. True: the start is over, since the step failed
 * or somebody asked to stop meanwhile. */
static bool start_is_over(struct server *s, int rc, const struct err *err)
{
    if (rc == 0 && !s->stop_asked)
        return false;
    s->busy = false;
    if (s->stop_asked)
        begin_stop(s);
    else
        s->options.on_ready(s->options.context, rc, err);
    return true;
}

static void serve(struct server *s)
{
    struct err err = {0};
    int rc = node_serve(&s->node, &err);
    if (start_is_over(s, rc, &err))
        return;
    s->busy = false;
    s->options.on_ready(s->options.context, 0, NULL);
}

static int judge_topic(
    struct server *s, const struct create_topics_request_creatable_topic *asked,
    const struct create_topics_response_creatable_topic_result *result, struct err *err)
{
    const struct metadata_topic *there = metadata_image_topic(s->image, asked->name);
    if (result->error_code != KAFKA_NONE &&
        result->error_code != KAFKA_TOPIC_ALREADY_EXISTS)
        return err_set(err, ERR_INVALID, "topic %.*s cannot be made: %.*s",
                       STR_ARGS(asked->name), STR_ARGS(result->error_message));
    if (there != NULL && asked->num_partitions > 0 &&
        asked->num_partitions != there->partition_count)
        trace_warn(s->options.env.trace,
                   "topic %.*s is there already, with %d partitions instead of %d",
                   STR_ARGS(asked->name), there->partition_count,
                   asked->num_partitions);
    return 0;
}

static void on_topics_made(struct controller_request *request, int rc,
                           const struct err *err)
{
    struct server *s = SERVER_OF(request, request);
    const struct create_topics_request *asked = s->options.topics;
    struct err why = {0};
    if (rc != 0)
        why = *err;
    for (int32_t i = 0; i < s->created.topics_count && rc == 0; i++)
        rc = judge_topic(s, &asked->topics[i], &s->created.topics[i], &why);
    if (!start_is_over(s, rc, &why))
        serve(s);
}

static void make_topics(struct server *s)
{
    if (s->options.topics->topics_count == 0) {
        serve(s);
        return;
    }
    s->created = CREATE_TOPICS_RESPONSE_INIT;
    s->request.done = on_topics_made;
    s->request.arena = &s->arena;
    controller_create_topics(s->controller, &s->request, s->options.topics,
                             &s->created);
}

static void on_recovered(struct node *node, int rc, const struct err *err)
{
    struct server *s = node->owner;
    if (!start_is_over(s, rc, err))
        make_topics(s);
}

static void recover(struct server *s)
{
    struct err err = {0};
    if (s->node.dir.clean) {
        log_manager_start(s->node.logs);
        make_topics(s);
        return;
    }
    int rc = node_recover(&s->node, on_recovered, &err);
    if (rc != 0)
        start_is_over(s, rc, &err);
}

static void on_registered(struct controller_request *request, int rc,
                          const struct err *err)
{
    struct server *s = SERVER_OF(request, request);
    if (!start_is_over(s, rc, err))
        recover(s);
}

static int32_t list_endpoints(struct server *s, struct metadata_endpoint **out)
{
    int32_t count = 0;
    for (struct listener *l = s->node.listeners; l != NULL; l = l->next)
        count++;
    struct metadata_endpoint *e = arena_array(&s->arena, (size_t)count, sizeof(*e));
    *out = e;
    if (e == NULL)
        return -1;
    for (struct listener *l = s->node.listeners; l != NULL; l = l->next, e++) {
        e->name = str_of(l->name);
        e->host = str_of(l->advertised_host);
        e->port = (uint16_t)l->advertised_port;
    }
    return count;
}

void server_start(struct server *s)
{
    struct metadata_endpoint *endpoints;
    int32_t count = list_endpoints(s, &endpoints);
    struct controller_broker *broker = arena_alloc(&s->arena, sizeof(*broker));
    struct controller_start *start = arena_alloc(&s->arena, sizeof(*start));
    if (count < 0 || broker == NULL || start == NULL) {
        struct err err = {0};
        s->options.on_ready(s->options.context, err_nomem(&err), &err);
        return;
    }
    *broker = (struct controller_broker){
        .id = s->node.id,
        .incarnation = uuid_random(s->options.env.random),
        .rack = str_of(s->options.config->broker_rack),
        .endpoints = endpoints,
        .endpoint_count = count,
        .directories = &s->node.dir.directory_id,
        .directory_count = 1,
        .unclean = !s->node.dir.clean,
    };
    *start = (struct controller_start){
        .brokers = broker,
        .broker_count = 1,
        .controller_incarnation = uuid_random(s->options.env.random),
    };
    s->busy = true;
    s->request = (struct controller_request){.done = on_registered, .arena = &s->arena};
    controller_start(s->controller, &s->request, start);
}

/* ---- stopping ------------------------------------------------------------ */

static void note_failure(struct server *s, int rc, const struct err *err)
{
    if (rc != 0 && s->failure.code == 0)
        s->failure = *err;
}

static void on_log_stopped(struct metadata_log_request *request, int rc,
                           const struct err *err)
{
    struct server *s = SERVER_OF(request, log_request);
    note_failure(s, rc, err);
    s->options.on_stopped(s->options.context, s->failure.code, &s->failure);
}

static void on_node_stopped(struct node *node, int rc, const struct err *err)
{
    struct server *s = node->owner;
    note_failure(s, rc, err);
    s->log_request.done = on_log_stopped;
    metadata_log_stop(s->log, &s->log_request);
}

static void on_controller_stopped(struct controller_request *request, int rc,
                                  const struct err *err)
{
    struct server *s = SERVER_OF(request, request);
    note_failure(s, rc, err);
    node_stop(&s->node, on_node_stopped);
}

static void begin_stop(struct server *s)
{
    s->request =
        (struct controller_request){.done = on_controller_stopped, .arena = &s->arena};
    controller_stop(s->controller, &s->request);
}

void server_stop(struct server *s)
{
    s->stop_asked = true;
    if (!s->busy)
        begin_stop(s);
}
