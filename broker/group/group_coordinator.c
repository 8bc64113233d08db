#include "broker/group/group_coordinator.h"

#include <stdlib.h>
#include <utlist.h>

#include "broker/api/api.h"
#include "broker/group/group_expiry.h"
#include "broker/group/group_hash.h"

#define OFFSETS_TOPIC STR_LITERAL("__consumer_offsets")

struct answer {
    struct request *request;
    const void *response;
    struct answer *next;
};

struct group_coordinator {
    struct group_env env; /* first: its functions cast back */
    struct metadata_publisher publisher;
    struct node *node;
    struct group_shard **shards; /* by partition; NULL: nobody has asked for it */
    int32_t shard_count;
    struct deadline expiry;
    struct answer *answers, *last_answer;
    bool settling;
    bool stopped;
};

/* ---- what groups need ---------------------------------------------------- */

static struct group_coordinator *of_env(struct group_env *env)
{
    return (struct group_coordinator *)env;
}

static void arm(struct group_env *env, struct deadline *d, int64_t delay_ms)
{
    struct node *node = of_env(env)->node;
    node_deadline_cancel(node, d);
    if (!node_deadline(node, d, delay_ms))
        trace_warn(env->trace, "no memory for a timer of a group");
}

static void disarm(struct group_env *env, struct deadline *d)
{
    node_deadline_cancel(of_env(env)->node, d);
}

static struct group_shard *shard_of(struct group_coordinator *c, struct str group_id)
{
    if (c->shard_count == 0)
        return NULL;
    return c->shards[group_partition_of(group_id, c->shard_count)];
}

static void store(struct group_env *env, struct classic_group *g,
                  struct group_write *write)
{
    struct group_coordinator *c = of_env(env);
    struct group_shard *shard = shard_of(c, g->id);
    struct arena arena = ARENA_INIT;
    struct group_metadata_value value;
    struct group_records records;
    enum kafka_error error = KAFKA_UNKNOWN_SERVER_ERROR;
    if (shard == NULL) {
        error = KAFKA_NOT_COORDINATOR;
    } else if (classic_group_value(g, g->state == GROUP_COMPLETING_REBALANCE, &arena,
                                   &value)) {
        group_records_init(&records, clock_wall_ms(env->clock));
        group_records_group(&records, g->id, &value);
        error = group_shard_append(shard, &records, write);
    }
    arena_reset(&arena);
    if (error == KAFKA_NONE)
        group_shard_commit(shard, write);
    else
        write->done(write, error);
}

static struct group_shard *active_shard(struct group_coordinator *c,
                                        struct str group_id)
{
    struct group_shard *shard = shard_of(c, group_id);
    return shard == NULL || shard->state != SHARD_ACTIVE ? NULL : shard;
}

static struct group_table *table(struct group_env *env, struct str group_id)
{
    struct group_shard *shard = active_shard(of_env(env), group_id);
    return shard == NULL ? NULL : &shard->table;
}

static enum kafka_error change(struct group_env *env, struct str group_id,
                               struct group_records *records, struct group_write *write)
{
    struct group_shard *shard = active_shard(of_env(env), group_id);
    if (shard != NULL)
        return group_shard_change(shard, records, write);
    group_records_free(records);
    return KAFKA_NOT_COORDINATOR;
}

static void commit(struct group_env *env, struct group_write *write)
{
    (void)env;
    group_shard_commit(write->shard, write);
}

static void hold(struct group_env *env)
{
    of_env(env)->node->in_flight++;
}

static void release(struct group_env *env)
{
    struct node *node = of_env(env)->node;
    node->in_flight--;
    node_handle_closed(node);
}

static void settled(struct group_env *env)
{
    group_coordinator_settle(of_env(env));
}

/* ---- answers ------------------------------------------------------------- */

void group_coordinator_answer(struct group_coordinator *c, struct request *r,
                              const void *response)
{
    struct answer *a = arena_alloc(&r->arena, sizeof(*a));
    if (a == NULL) {
        request_refuse(r, "no memory for its answer");
        return;
    }
    a->request = r;
    a->response = response;
    if (c->answers == NULL)
        c->answers = a;
    else
        c->last_answer->next = a;
    c->last_answer = a;
}

void group_coordinator_settle(struct group_coordinator *c)
{
    if (c->settling)
        return;
    c->settling = true;
    while (c->answers != NULL) {
        struct answer *a = c->answers;
        c->answers = a->next;
        request_respond(a->request, a->response);
    }
    c->settling = false;
}

/* ---- shards -------------------------------------------------------------- */

static void forget_shards(struct group_coordinator *c)
{
    for (int32_t i = 0; i < c->shard_count; i++) {
        if (c->shards[i] == NULL)
            continue;
        group_shard_unload(c->shards[i]);
        free(c->shards[i]);
    }
    free(c->shards);
    c->shards = NULL;
    c->shard_count = 0;
}

/* One shard more or less would send groups elsewhere, so the number counts as it is
 * when first asked for. */
static bool know_shards(struct group_coordinator *c)
{
    const struct metadata_topic *topic =
        metadata_image_topic(c->node->image, OFFSETS_TOPIC);
    if (c->shards != NULL || topic == NULL)
        return c->shards != NULL;
    c->shards = calloc((size_t)topic->partition_count, sizeof(struct group_shard *));
    if (c->shards != NULL)
        c->shard_count = topic->partition_count;
    return c->shards != NULL;
}

static int32_t leader_of(const struct group_coordinator *c, int32_t index)
{
    const struct metadata_topic *topic =
        metadata_image_topic(c->node->image, OFFSETS_TOPIC);
    const struct metadata_partition *p =
        topic == NULL ? NULL : metadata_topic_partition(topic, index);
    return p == NULL ? NO_LEADER : p->leader;
}

static void on_loaded(struct group_shard *shard);

/* The shard, made if this node leads it; NULL otherwise, or without memory. */
static struct group_shard *led_shard(struct group_coordinator *c, int32_t index)
{
    if (leader_of(c, index) != c->node->id)
        return NULL;
    if (c->shards[index] != NULL)
        return c->shards[index];
    struct group_shard *shard = malloc(sizeof(*shard));
    if (shard == NULL)
        return NULL;
    const struct metadata_topic *topic =
        metadata_image_topic(c->node->image, OFFSETS_TOPIC);
    group_shard_init(shard, c->node, &c->env, topic->id, index);
    shard->loaded = on_loaded;
    c->shards[index] = shard;
    return shard;
}

enum kafka_error group_coordinator_leader(struct group_coordinator *c,
                                          struct str group_id, int32_t *leader)
{
    if (c->stopped)
        return KAFKA_COORDINATOR_NOT_AVAILABLE;
    if (!know_shards(c))
        return KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    *leader = leader_of(c, group_partition_of(group_id, c->shard_count));
    return *leader == NO_LEADER ? KAFKA_COORDINATOR_NOT_AVAILABLE : KAFKA_NONE;
}

enum kafka_error group_coordinator_shard(struct group_coordinator *c,
                                         struct str group_id, struct group_shard **out)
{
    *out = NULL;
    if (c->stopped)
        return KAFKA_COORDINATOR_NOT_AVAILABLE;
    if (!know_shards(c))
        return KAFKA_NOT_COORDINATOR;
    struct group_shard *shard =
        led_shard(c, group_partition_of(group_id, c->shard_count));
    if (shard == NULL)
        return KAFKA_NOT_COORDINATOR;
    group_shard_load(shard);
    if (shard->state == SHARD_LOADING)
        return KAFKA_COORDINATOR_LOAD_IN_PROGRESS;
    if (shard->state != SHARD_ACTIVE)
        return KAFKA_NOT_COORDINATOR;
    *out = shard;
    return KAFKA_NONE;
}

/* ---- waiting for shards -------------------------------------------------- */

struct waiting_request {
    struct shard_waiter base;
    struct request *request;
};

static void on_shard_ready(struct shard_waiter *waiter)
{
    struct request *r = ((struct waiting_request *)waiter)->request;
    r->api->handle(r);
}

/* True: `r` waits. */
static bool wait_for(struct group_shard *shard, struct request *r)
{
    if (shard == NULL)
        return false;
    group_shard_load(shard);
    if (shard->state != SHARD_LOADING)
        return false;
    struct waiting_request *w = arena_alloc(&r->arena, sizeof(*w));
    if (w == NULL)
        return false;
    w->base.done = on_shard_ready;
    w->request = r;
    group_shard_wait(shard, &w->base);
    return true;
}

bool group_coordinator_wait(struct group_coordinator *c, struct request *r,
                            struct str group_id)
{
    if (c->stopped || !know_shards(c))
        return false;
    return wait_for(led_shard(c, group_partition_of(group_id, c->shard_count)), r);
}

bool group_coordinator_wait_all(struct group_coordinator *c, struct request *r)
{
    if (c->stopped || !know_shards(c))
        return false;
    for (int32_t i = 0; i < c->shard_count; i++) {
        if (wait_for(led_shard(c, i), r))
            return true;
    }
    return false;
}

void group_coordinator_each(struct group_coordinator *c,
                            void (*visit)(void *context, struct group_shard *shard),
                            void *context)
{
    for (int32_t i = 0; i < c->shard_count; i++) {
        if (c->shards[i] != NULL && c->shards[i]->state == SHARD_ACTIVE)
            visit(context, c->shards[i]);
    }
}

/* ---- time and metadata --------------------------------------------------- */

static void expire_shard(void *context, struct group_shard *shard)
{
    (void)context;
    group_expire_offsets(shard);
}

static void arm_expiry(struct group_coordinator *c)
{
    arm(&c->env, &c->expiry, c->node->config->offsets_retention_check_interval_ms);
}

/* Shards that nobody has needed yet are loaded for it, and looked through next time. */
static void on_expiry(struct deadline *d)
{
    struct group_coordinator *c =
        (struct group_coordinator *)((char *)d -
                                     offsetof(struct group_coordinator, expiry));
    group_coordinator_each(c, expire_shard, NULL);
    if (know_shards(c)) {
        for (int32_t i = 0; i < c->shard_count; i++) {
            struct group_shard *shard = led_shard(c, i);
            if (shard != NULL)
                group_shard_load(shard);
        }
    }
    arm_expiry(c);
    group_coordinator_settle(c);
}

/* Topics may have been deleted while the shard was not loaded. */
static void on_loaded(struct group_shard *shard)
{
    group_forget_unknown_topics(shard);
}

static void forget_topic(void *context, struct group_shard *shard)
{
    group_forget_topic(shard, *(const struct str *)context);
}

static void follow_leaders(struct group_coordinator *c)
{
    for (int32_t i = 0; i < c->shard_count; i++) {
        if (c->shards[i] != NULL && leader_of(c, i) != c->node->id)
            group_shard_unload(c->shards[i]);
    }
}

static void publish(struct metadata_publisher *publisher,
                    const struct metadata_delta *delta,
                    struct metadata_publish_wait *wait)
{
    struct group_coordinator *c =
        (struct group_coordinator *)((char *)publisher -
                                     offsetof(struct group_coordinator, publisher));
    for (int32_t i = 0; i < delta->topics_removed_count; i++) {
        struct str name = delta->topics_removed[i].name;
        if (str_equal(name, OFFSETS_TOPIC))
            forget_shards(c);
        else
            group_coordinator_each(c, forget_topic, &name);
    }
    if (delta->topics_created_count > 0 || delta->partition_count > 0 ||
        delta->topics_removed_count > 0)
        c->env.topics_version = controller_metadata_offset(c->node->controller);
    if (delta->topics_created_count > 0)
        c->env.new_topics_version = c->env.topics_version;
    follow_leaders(c);
    group_coordinator_settle(c);
    metadata_publish_done(wait);
}

struct metadata_publisher *group_coordinator_publisher(struct group_coordinator *c)
{
    return &c->publisher;
}

/* ---- birth and end ------------------------------------------------------- */

struct group_coordinator *group_coordinator_create(struct node *node)
{
    struct group_coordinator *c = calloc(1, sizeof(*c));
    if (c == NULL)
        return NULL;
    c->node = node;
    c->env = (struct group_env){
        .clock = node->env.clock,
        .random = node->env.random,
        .trace = node->env.trace,
        .config = node->config,
        .executor = node->env.executor,
        .image = node->image,
        .arm = arm,
        .disarm = disarm,
        .table = table,
        .change = change,
        .commit = commit,
        .store = store,
        .hold = hold,
        .release = release,
        .settled = settled,
    };
    c->publisher.publish = publish;
    c->expiry.expired = on_expiry;
    return c;
}

void group_coordinator_start(struct group_coordinator *c)
{
    c->env.topics_version = controller_metadata_offset(c->node->controller);
    c->env.new_topics_version = c->env.topics_version;
    arm_expiry(c);
}

void group_coordinator_stop(struct group_coordinator *c)
{
    c->stopped = true;
    disarm(&c->env, &c->expiry);
    forget_shards(c);
    group_coordinator_settle(c);
}

void group_coordinator_destroy(struct group_coordinator *c)
{
    if (c == NULL)
        return;
    forget_shards(c);
    free(c);
}
