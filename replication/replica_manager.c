/* Following the metadata
 *
 * The image says which replicas this node has; the manager keeps a struct
 * partition for each, and their folders, in step with it. A change comes as a
 * delta and is answered, through metadata_publish_done(), when
 *
 *   - the folders of new replicas are there,
 *   - those of deleted topics are renamed, so that their names are free.
 *
 * A struct partition is valid until the end of the turn in which it was found.
 * Who waits longer looks it up again, or holds a watch: deletion tells the
 * watches (partition->gone) before the memory goes. */
#include "replication/replica_manager.h"

#include <stdlib.h>
#include <uthash.h>

#include "replication/metadata_delta.h"
#include "replication/partition_internal.h"

struct replica_topic {
    struct uuid id;
    struct topic_config *config;   /* one reference */
    struct partition **partitions; /* by partition id; NULL: not on this node */
    int32_t partition_count;
    struct replica_topic *next_doomed;
    UT_hash_handle hh;
};

struct replica_manager {
    struct partition_context context; /* first: partition_context_of() */
    struct log_owner owner;           /* what the logs ask and tell */
    struct metadata_publisher publisher;
    struct metadata_image *image; /* sorts its topics on demand, else only read */
    const struct broker_config *config;
    struct topic_config *default_config; /* of topics without overrides */
    struct replica_topic *topics;
};

/* One change being carried out. */
struct publishing {
    struct replica_manager *manager;
    struct metadata_publish_wait *wait;
    int pending; /* jobs of the log manager, and one while they are begun */
    struct log_request created;
    struct log_request deleted;
    struct replica_topic *doomed; /* topics being deleted, through next_doomed */
};

/* ---- topics and their configs -------------------------------------------- */

static struct replica_topic *find_topic(struct replica_manager *m, struct uuid id)
{
    struct replica_topic *t = NULL;
    HASH_FIND(hh, m->topics, &id, sizeof(id), t);
    return t;
}

static int make_config(struct replica_manager *m, struct str topic,
                       struct topic_config **out, struct err *err)
{
    struct metadata_configs o =
        metadata_image_configs(m->image, CONFIG_RESOURCE_TOPIC, topic);
    if (o.count == 0) {
        *out = topic_config_acquire(m->default_config);
        return 0;
    }
    return topic_config_create(m->config, o.items, (size_t)o.count, out, err);
}

/* As make_config, falling back on the defaults: settings that another version
 * stored and that do not hold here must not take a topic away. */
static struct topic_config *config_of(struct replica_manager *m, struct str topic)
{
    struct topic_config *config;
    struct err err = {0};
    if (make_config(m, topic, &config, &err) == 0)
        return config;
    trace_error(m->context.trace, "topic %.*s keeps to the default settings: %s",
                STR_ARGS(topic), err.message);
    return topic_config_acquire(m->default_config);
}

static void refresh_config(struct replica_manager *m, struct replica_topic *t,
                           struct str name)
{
    struct topic_config *old = t->config;
    t->config = config_of(m, name);
    log_manager_set_config(m->context.logs, t->id, t->config);
    topic_config_release(old);
}

static struct replica_topic *topic_add(struct replica_manager *m,
                                       const struct metadata_topic *topic)
{
    struct replica_topic *t = calloc(1, sizeof(*t));
    if (t == NULL)
        return NULL;
    t->id = topic->id;
    t->config = config_of(m, metadata_topic_name(topic));
    HASH_ADD(hh, m->topics, id, sizeof(t->id), t);
    return t;
}

/* ---- partitions ---------------------------------------------------------- */

static bool make_place(struct replica_topic *t, int32_t partition)
{
    if (partition < t->partition_count)
        return true;
    int32_t count = partition + 1;
    struct partition **grown = realloc(t->partitions, (size_t)count * sizeof(*grown));
    if (grown == NULL)
        return false;
    for (int32_t i = t->partition_count; i < count; i++)
        grown[i] = NULL;
    t->partitions = grown;
    t->partition_count = count;
    return true;
}

static void follow(struct partition *p, const struct metadata_partition *state)
{
    p->leader_id = state->leader;
    p->leader_epoch = state->leader_epoch;
    p->in_sync_count = metadata_partition_isr(state).count;
    p->replica_count = metadata_partition_replicas(state).count;
}

/* Registers the replica if it is this node's; *out NULL if it is not. */
static int partition_add(struct replica_manager *m, const struct metadata_topic *topic,
                         int32_t id, struct partition **out, struct err *err)
{
    *out = NULL;
    const struct metadata_partition *state = metadata_topic_partition(topic, id);
    if (state == NULL ||
        !broker_ids_have(metadata_partition_replicas(state), m->context.node_id))
        return 0;
    struct replica_topic *t = find_topic(m, topic->id);
    if (t == NULL)
        t = topic_add(m, topic);
    struct partition *p = calloc(1, sizeof(*p));
    if (t == NULL || p == NULL || !make_place(t, id)) {
        free(p);
        return err_nomem(err);
    }
    partition_init(p, m);
    follow(p, state);
    int rc = log_manager_add(m->context.logs, &p->handle, metadata_topic_name(topic),
                             topic->id, id, t->config, err);
    if (rc != 0) {
        free(p);
        return rc;
    }
    t->partitions[id] = p;
    *out = p;
    return 0;
}

static void forget_move(struct replica_manager *m, struct partition *p)
{
    struct moved_list *list = &m->context.moved;
    struct partition *before = NULL;
    for (struct partition *at = list->first; at != NULL; at = at->next_moved) {
        if (at != p) {
            before = at;
            continue;
        }
        if (before == NULL)
            list->first = p->next_moved;
        else
            before->next_moved = p->next_moved;
        if (list->last == p)
            list->last = before;
        return;
    }
}

/* Whoever still watches learns that the partition is gone, and leaves. */
static void partition_free(struct replica_manager *m, struct partition *p)
{
    p->gone = true;
    partition_tell_watches(p);
    if (p->moved)
        forget_move(m, p);
    partition_detach(p);
    free(p);
}

/* For a new replica that gets no folder: it must not be found, since its log would
 * be opened in a folder that nobody prepared. */
static void partition_withdraw(struct replica_manager *m, struct partition *p)
{
    struct replica_topic *t = find_topic(m, log_handle_topic_id(&p->handle));
    t->partitions[p->handle.partition] = NULL;
    log_manager_remove(m->context.logs, &p->handle);
    partition_free(m, p);
}

static void topic_free(struct replica_manager *m, struct replica_topic *t)
{
    for (int32_t i = 0; i < t->partition_count; i++) {
        if (t->partitions[i] != NULL)
            partition_free(m, t->partitions[i]);
    }
    topic_config_release(t->config);
    free(t->partitions);
    free(t);
}

/* ---- publishing ---------------------------------------------------------- */

static void publishing_step(struct publishing *pub)
{
    if (--pub->pending > 0)
        return;
    struct metadata_publish_wait *wait = pub->wait;
    free(pub);
    metadata_publish_done(wait);
}

static void on_created(struct log_request *r, int rc, const struct err *err)
{
    struct publishing *pub =
        (struct publishing *)((char *)r - offsetof(struct publishing, created));
    if (rc != 0)
        trace_error(pub->manager->context.trace, "new partitions are offline: %s",
                    err->message);
    publishing_step(pub);
}

static void free_doomed(struct publishing *pub)
{
    while (pub->doomed != NULL) {
        struct replica_topic *t = pub->doomed;
        pub->doomed = t->next_doomed;
        topic_free(pub->manager, t);
    }
}

static void on_deleted(struct log_request *r, int rc, const struct err *err)
{
    struct publishing *pub =
        (struct publishing *)((char *)r - offsetof(struct publishing, deleted));
    if (rc != 0)
        trace_error(pub->manager->context.trace,
                    "a deleted topic's folders are still there: %s", err->message);
    free_doomed(pub);
    publishing_step(pub);
}

/* Takes a removed topic out of the map: it answers nobody any more, and goes
 * when its folders have been renamed. Returns how many handles were added. */
static int doom(struct publishing *pub, struct replica_topic *t,
                struct log_handle **handles)
{
    int count = 0;
    HASH_DEL(pub->manager->topics, t);
    t->next_doomed = pub->doomed;
    pub->doomed = t;
    for (int32_t n = 0; n < t->partition_count; n++) {
        struct partition *p = t->partitions[n];
        if (p == NULL)
            continue;
        p->gone = true;
        partition_moved(p);
        handles[count++] = &p->handle;
    }
    return count;
}

static void begin_deletions(struct publishing *pub, const struct metadata_delta *delta)
{
    struct replica_manager *m = pub->manager;
    size_t most = 1;
    for (int32_t i = 0; i < delta->topics_removed_count; i++)
        most += (size_t)delta->topics_removed[i].partition_count;
    struct log_handle **handles = calloc(most, sizeof(*handles));
    struct err err = {0};
    if (handles == NULL) {
        trace_error(m->context.trace,
                    "no memory to delete topics: restart to finish it");
        return;
    }
    int count = 0;
    for (int32_t i = 0; i < delta->topics_removed_count; i++) {
        struct replica_topic *t = find_topic(m, delta->topics_removed[i].id);
        if (t != NULL)
            count += doom(pub, t, handles + count);
    }
    pub->deleted.done = on_deleted;
    if (count == 0) {
        free_doomed(pub); /* topics without a replica here */
    } else {
        pub->pending++;
        if (log_manager_delete(m->context.logs, handles, count, &pub->deleted, &err) !=
            0) {
            /* Out of memory. The handles stay the log manager's, so what they are
             * part of must stay too; the next start makes strays of the folders. */
            trace_error(m->context.trace, "topics cannot be deleted from the disk: %s",
                        err.message);
            pub->pending--;
        }
    }
    free(handles);
}

static void begin_creation(struct publishing *pub, struct log_handle *const *fresh,
                           int count)
{
    struct replica_manager *m = pub->manager;
    struct err err = {0};
    if (count == 0)
        return;
    pub->created.done = on_created;
    pub->pending++;
    if (log_manager_create(m->context.logs, fresh, count, &pub->created, &err) == 0)
        return;
    pub->pending--;
    trace_error(m->context.trace, "%d new partitions are missing until a restart: %s",
                count, err.message);
    for (int i = 0; i < count; i++)
        partition_withdraw(m, (struct partition *)fresh[i]);
}

/* New replicas get their folders; others follow their leader. */
static void begin_changes(struct publishing *pub, const struct metadata_delta *delta)
{
    struct replica_manager *m = pub->manager;
    struct log_handle **fresh =
        calloc((size_t)delta->partition_count + 1, sizeof(struct log_handle *));
    int count = 0;
    for (int32_t i = 0; i < delta->partition_count; i++) {
        const struct metadata_partition_change *change = &delta->partitions[i];
        const struct metadata_topic *topic =
            metadata_image_topic_by_id(m->image, change->topic_id);
        struct partition *p =
            replica_manager_find(m, change->topic_id, change->partition);
        if (p != NULL) {
            follow(p, metadata_topic_partition(topic, change->partition));
            partition_moved(p);
            continue;
        }
        struct err err = {0};
        int rc = fresh == NULL ? err_nomem(&err)
                               : partition_add(m, topic, change->partition, &p, &err);
        if (rc != 0)
            trace_error(m->context.trace, "%s-%d is missing until a restart: %s",
                        topic->name, change->partition, err.message);
        else if (p != NULL)
            fresh[count++] = &p->handle;
    }
    begin_creation(pub, fresh, count);
    free(fresh);
}

static void refresh_all_configs(struct replica_manager *m)
{
    struct topic_config *defaults;
    struct err err = {0};
    if (topic_config_create(m->config, NULL, 0, &defaults, &err) != 0) {
        trace_error(m->context.trace, "the topics' defaults stay as they were: %s",
                    err.message);
        return;
    }
    struct topic_config *old = m->default_config;
    m->default_config = defaults;
    struct replica_topic *t, *next;
    HASH_ITER (hh, m->topics, t, next) {
        const struct metadata_topic *topic =
            metadata_image_topic_by_id(m->image, t->id);
        if (topic != NULL)
            refresh_config(m, t, metadata_topic_name(topic));
    }
    topic_config_release(old);
}

/* Before new partitions, so that those begin with the newest settings. */
static void follow_configs(struct replica_manager *m,
                           const struct metadata_delta *delta)
{
    bool brokers_changed = false;
    for (int32_t i = 0; i < delta->config_count; i++)
        brokers_changed |= delta->configs[i].type == CONFIG_RESOURCE_BROKER;
    if (brokers_changed) {
        refresh_all_configs(m);
        return;
    }
    for (int32_t i = 0; i < delta->config_count; i++) {
        const struct metadata_config_resource *resource = &delta->configs[i];
        if (resource->type != CONFIG_RESOURCE_TOPIC)
            continue;
        const struct metadata_topic *topic =
            metadata_image_topic(m->image, resource->name);
        struct replica_topic *t = topic == NULL ? NULL : find_topic(m, topic->id);
        if (t != NULL)
            refresh_config(m, t, resource->name);
    }
}

static void publish(struct metadata_publisher *publisher,
                    const struct metadata_delta *delta,
                    struct metadata_publish_wait *wait)
{
    struct replica_manager *m =
        (struct replica_manager *)((char *)publisher -
                                   offsetof(struct replica_manager, publisher));
    follow_configs(m, delta);
    struct publishing *pub = calloc(1, sizeof(*pub));
    if (pub == NULL) {
        trace_error(m->context.trace, "no memory to follow the metadata");
        metadata_publish_done(wait);
        return;
    }
    pub->manager = m;
    pub->wait = wait;
    pub->pending = 1;
    begin_deletions(pub, delta);
    begin_changes(pub, delta);
    publishing_step(pub);
}

/* ---- the logs' owner ----------------------------------------------------- */

static void on_log_moved(struct log_owner *owner, struct log_handle *h)
{
    (void)owner;
    partition_moved((struct partition *)h);
}

static bool commits_alone(struct log_owner *owner, const struct log_handle *h)
{
    (void)owner;
    return partition_commits_alone((const struct partition *)h);
}

/* ---- the manager --------------------------------------------------------- */

int replica_manager_create(const struct replica_manager_options *o,
                           struct replica_manager **out, struct err *err)
{
    struct replica_manager *m = calloc(1, sizeof(*m));
    if (m == NULL)
        return err_nomem(err);
    m->context = (struct partition_context){
        .node_id = o->node_id, .logs = o->logs, .trace = o->trace};
    m->owner = (struct log_owner){on_log_moved, commits_alone};
    m->publisher.publish = publish;
    m->image = o->image;
    m->config = o->config;
    int rc = topic_config_create(m->config, NULL, 0, &m->default_config, err);
    if (rc != 0) {
        free(m);
        return rc;
    }
    log_manager_set_owner(o->logs, &m->owner);
    *out = m;
    return 0;
}

void replica_manager_destroy(struct replica_manager *m)
{
    if (m == NULL)
        return;
    struct replica_topic *t, *next;
    HASH_ITER (hh, m->topics, t, next) {
        HASH_DEL(m->topics, t);
        topic_free(m, t);
    }
    topic_config_release(m->default_config);
    free(m);
}

int replica_manager_load(struct replica_manager *m, struct err *err)
{
    int32_t count;
    const struct metadata_topic *const *topics =
        metadata_image_topics(m->image, &count);
    if (count < 0)
        return err_nomem(err);
    for (int32_t i = 0; i < count; i++) {
        for (int32_t n = 0; n < topics[i]->partition_count; n++) {
            struct partition *p;
            int rc = partition_add(m, topics[i], n, &p, err);
            if (rc != 0)
                return rc;
        }
    }
    return 0;
}

struct metadata_publisher *replica_manager_publisher(struct replica_manager *m)
{
    return &m->publisher;
}

struct partition *replica_manager_find(struct replica_manager *m, struct uuid topic_id,
                                       int32_t partition)
{
    struct replica_topic *t = find_topic(m, topic_id);
    if (t == NULL || partition < 0 || partition >= t->partition_count)
        return NULL;
    return t->partitions[partition];
}

bool replica_manager_has_moved(const struct replica_manager *m)
{
    return m->context.moved.first != NULL;
}

void replica_manager_run_watches(struct replica_manager *m)
{
    struct moved_list list = m->context.moved;
    m->context.moved = (struct moved_list){NULL, NULL};
    while (list.first != NULL) {
        struct partition *p = list.first;
        list.first = p->next_moved;
        p->moved = false;
        partition_tell_watches(p);
    }
}
