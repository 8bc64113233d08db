/* replication/metadata_topics.c
 *
 * Topics by name and by id. The name's hash takes '.' for '_', so that names which
 * collide for Kafka share a hash, and the question whether a new name collides with
 * any other looks through one bucket instead of all topics. */
#include <stdlib.h>

#include "replication/metadata_image_internal.h"

/* More in one topic than Kafka could hold in a cluster; a gap in the partition ids
 * must not make us allocate whatever a damaged record says. */
#define PARTITION_ID_MAX 1000000

static char unify(char c)
{
    return c == '.' ? '_' : c;
}

/* FNV-1a */
static unsigned name_hash(struct str name)
{
    uint32_t hash = 2166136261u;
    for (int32_t i = 0; i < name.len; i++)
        hash = (hash ^ (uint8_t)unify(name.data[i])) * 16777619u;
    return hash;
}

static bool names_collide(struct str a, struct str b)
{
    if (a.len != b.len)
        return false;
    for (int32_t i = 0; i < a.len; i++)
        if (unify(a.data[i]) != unify(b.data[i]))
            return false;
    return true;
}

static struct metadata_topic *find_by_name(const struct metadata_image *image,
                                           struct str name)
{
    struct metadata_topic *topic = NULL;
    if (name.len > 0)
        HASH_FIND_BYHASHVALUE(by_name, image->topics_by_name, name.data,
                              (unsigned)name.len, name_hash(name), topic);
    return topic;
}

static struct metadata_topic *find_by_id(const struct metadata_image *image,
                                         struct uuid id)
{
    struct metadata_topic *topic = NULL;
    HASH_FIND(by_id, image->topics_by_id, &id, sizeof(id), topic);
    return topic;
}

static int find_or_corrupt(const struct metadata_image *image, struct uuid id,
                           const char *record, struct metadata_topic **out,
                           struct err *err)
{
    *out = find_by_id(image, id);
    if (*out != NULL)
        return 0;
    char text[UUID_TEXT_SIZE];
    return err_set(err, ERR_CORRUPT, "%s for topic id %s, which is none", record,
                   uuid_text(id, text));
}

const struct metadata_topic *metadata_image_topic(const struct metadata_image *image,
                                                  struct str name)
{
    return find_by_name(image, name);
}

const struct metadata_topic *metadata_image_topic_by_id(
    const struct metadata_image *image, struct uuid id)
{
    return find_by_id(image, id);
}

int32_t metadata_image_topic_count(const struct metadata_image *image)
{
    return (int32_t)HASH_CNT(by_id, image->topics_by_id);
}

int32_t metadata_image_partition_count(const struct metadata_image *image)
{
    return image->partition_count;
}

const struct metadata_topic *metadata_image_colliding_topic(
    const struct metadata_image *image, struct str name)
{
    if (image->topics_by_name == NULL)
        return NULL;
    UT_hash_table *table = image->topics_by_name->by_name.tbl;
    unsigned hash = name_hash(name);
    UT_hash_handle *at = table->buckets[hash & (table->num_buckets - 1)].hh_head;
    for (; at != NULL; at = at->hh_next) {
        const struct metadata_topic *topic = ELMT_FROM_HH(table, at);
        if (at->hashv == hash && names_collide(metadata_topic_name(topic), name))
            return topic;
    }
    return NULL;
}

static int compare_topics(const void *a, const void *b)
{
    const struct metadata_topic *const *one = a;
    const struct metadata_topic *const *other = b;
    return str_compare(metadata_topic_name(*one), metadata_topic_name(*other));
}

const struct metadata_topic *const *metadata_image_topics(
    const struct metadata_image *image, int32_t *count)
{
    struct topic_listing *listing = image->listing;
    *count = metadata_image_topic_count(image);
    if (*count == 0)
        return NULL;
    if (listing->fresh)
        return listing->items;
    if (listing->cap < *count) {
        void *bigger =
            realloc(listing->items, (size_t)*count * sizeof(*listing->items));
        if (bigger == NULL) {
            *count = -1;
            return NULL;
        }
        listing->items = bigger;
        listing->cap = *count;
    }
    int32_t at = 0;
    for (const struct metadata_topic *t = image->topics_by_id; t != NULL;
         t = t->by_id.next)
        listing->items[at++] = t;
    qsort(listing->items, (size_t)at, sizeof(*listing->items), compare_topics);
    listing->fresh = true;
    return listing->items;
}

bool metadata_topic_is_internal(struct str name)
{
    return str_is(name, "__consumer_offsets") || str_is(name, "__transaction_state") ||
           str_is(name, "__share_group_state");
}

const struct metadata_partition *metadata_topic_partition(
    const struct metadata_topic *t, int32_t partition)
{
    if (partition < 0 || partition >= t->partition_count ||
        !t->partitions[partition].present)
        return NULL;
    return &t->partitions[partition];
}

static void topic_free(struct metadata_topic *topic)
{
    for (int32_t i = 0; i < topic->partition_count; i++)
        metadata_partition_free(&topic->partitions[i]);
    free(topic->partitions);
    free(topic);
}

void metadata_topics_free(struct metadata_image *image)
{
    struct metadata_topic *topic = image->topics_by_id;
    HASH_CLEAR(by_name, image->topics_by_name);
    HASH_CLEAR(by_id, image->topics_by_id); /* leaves the topics, and their links */
    while (topic != NULL) {
        struct metadata_topic *next = topic->by_id.next;
        topic_free(topic);
        topic = next;
    }
    free(image->listing->items);
    free(image->listing);
}

static int add_topic(struct metadata_image *image, struct metadata_topic *topic,
                     struct err *err)
{
    HASH_ADD(by_id, image->topics_by_id, id, sizeof(topic->id), topic);
    if (topic->by_id.tbl == NULL)
        return err_nomem(err);
    struct str name = metadata_topic_name(topic);
    HASH_ADD_KEYPTR_BYHASHVALUE(by_name, image->topics_by_name, topic->name,
                                (unsigned)name.len, name_hash(name), topic);
    if (topic->by_name.tbl == NULL) {
        HASH_DELETE(by_id, image->topics_by_id, topic);
        return err_nomem(err);
    }
    image->listing->fresh = false;
    return 0;
}

int metadata_apply_topic(struct metadata_image *image, const void *message,
                         struct metadata_delta *delta, struct err *err)
{
    const struct topic_record *record = message;
    struct str name = record->name;
    if (name.len == 0)
        return err_set(err, ERR_CORRUPT, "a topic without a name");
    if (find_by_name(image, name) != NULL ||
        find_by_id(image, record->topic_id) != NULL)
        return err_set(err, ERR_CORRUPT, "topic '%.*s' or its id is there already",
                       STR_ARGS(name));

    struct metadata_topic *topic = calloc(1, sizeof(*topic) + (size_t)name.len + 1);
    if (topic == NULL)
        return err_nomem(err);
    topic->id = record->topic_id;
    topic->name_len = name.len;
    memcpy(topic->name, name.data, (size_t)name.len);
    int rc = add_topic(image, topic, err);
    if (rc != 0) {
        topic_free(topic);
        return rc;
    }
    return metadata_delta_topic_created(delta, topic->id, err);
}

int metadata_apply_remove_topic(struct metadata_image *image, const void *message,
                                struct metadata_delta *delta, struct err *err)
{
    const struct remove_topic_record *record = message;
    struct metadata_topic *topic;
    int rc =
        find_or_corrupt(image, record->topic_id, "a RemoveTopicRecord", &topic, err);
    if (rc != 0)
        return rc;
    rc = metadata_delta_topic_removed(delta, topic, err);
    metadata_configs_remove(image, CONFIG_RESOURCE_TOPIC, metadata_topic_name(topic));
    for (int32_t i = 0; i < topic->partition_count; i++)
        image->partition_count -= topic->partitions[i].present;
    HASH_DELETE(by_name, image->topics_by_name, topic);
    HASH_DELETE(by_id, image->topics_by_id, topic);
    topic_free(topic);
    image->listing->fresh = false;
    return rc;
}

/* Partition ids have no gaps as Kafka assigns them, but records may come in any
 * order: the array has room for every id up to the highest seen. */
static int make_slot(struct metadata_topic *topic, int32_t id, struct err *err)
{
    if (id < 0 || id > PARTITION_ID_MAX)
        return err_set(err, ERR_CORRUPT, "topic '%s' with a partition %d", topic->name,
                       id);
    if (id >= topic->partition_cap) {
        /* One partition is common, and exact; then by halves. */
        int32_t cap = topic->partition_cap + topic->partition_cap / 2;
        if (cap <= id)
            cap = id + 1;
        void *bigger =
            realloc(topic->partitions, (size_t)cap * sizeof(*topic->partitions));
        if (bigger == NULL)
            return err_nomem(err);
        topic->partitions = bigger;
        topic->partition_cap = cap;
    }
    for (; topic->partition_count <= id; topic->partition_count++)
        topic->partitions[topic->partition_count] =
            (struct metadata_partition){.leader = NO_LEADER};
    return 0;
}

/* A null list of a record: -1, and nothing here. */
static struct broker_ids ids_of(const int32_t *ids, int32_t count)
{
    return (struct broker_ids){ids, count < 0 ? 0 : count};
}

int metadata_apply_partition(struct metadata_image *image, const void *message,
                             struct metadata_delta *delta, struct err *err)
{
    const struct partition_record *r = message;
    struct metadata_topic *topic;
    int rc = find_or_corrupt(image, r->topic_id, "a PartitionRecord", &topic, err);
    if (rc == 0)
        rc = make_slot(topic, r->partition_id, err);
    if (rc != 0)
        return rc;

    struct metadata_partition *p = &topic->partitions[r->partition_id];
    struct partition_parts parts = {
        .lists = {[PARTITION_REPLICAS] = ids_of(r->replicas, r->replicas_count),
                  [PARTITION_ISR] = ids_of(r->isr, r->isr_count),
                  [PARTITION_REMOVING_REPLICAS] =
                      ids_of(r->removing_replicas, r->removing_replicas_count),
                  [PARTITION_ADDING_REPLICAS] =
                      ids_of(r->adding_replicas, r->adding_replicas_count),
                  [PARTITION_ELR] = ids_of(r->eligible_leader_replicas,
                                           r->eligible_leader_replicas_count),
                  [PARTITION_LAST_KNOWN_ELR] =
                      ids_of(r->last_known_elr, r->last_known_elr_count)},
        .directories = r->directories,
        .directory_count = r->directories_count};
    rc = metadata_partition_pack(p, &parts, err);
    if (rc != 0)
        return rc;
    bool added = !p->present;
    image->partition_count += added;
    p->present = true;
    p->leader = r->leader;
    p->leader_epoch = r->leader_epoch;
    p->partition_epoch = r->partition_epoch;
    p->leader_recovery_state = r->leader_recovery_state;
    return metadata_delta_partition(delta, r->topic_id, r->partition_id, added, err);
}

static void override_list(struct broker_ids *list, const int32_t *ids, int32_t count)
{
    if (count >= 0)
        *list = (struct broker_ids){ids, count};
}

static int change_lists(struct metadata_partition *p,
                        const struct partition_change_record *r, struct err *err)
{
    struct uuid few[4];
    struct uuid *directories = few;
    if (p->directory_count > sizeof(few) / sizeof(few[0]))
        directories = malloc(p->directory_count * sizeof(*directories));
    if (directories == NULL)
        return err_nomem(err);

    struct partition_parts parts;
    metadata_partition_unpack(p, &parts, directories);
    struct broker_ids *lists = parts.lists;
    override_list(&lists[PARTITION_REPLICAS], r->replicas, r->replicas_count);
    override_list(&lists[PARTITION_ISR], r->isr, r->isr_count);
    override_list(&lists[PARTITION_REMOVING_REPLICAS], r->removing_replicas,
                  r->removing_replicas_count);
    override_list(&lists[PARTITION_ADDING_REPLICAS], r->adding_replicas,
                  r->adding_replicas_count);
    override_list(&lists[PARTITION_ELR], r->eligible_leader_replicas,
                  r->eligible_leader_replicas_count);
    override_list(&lists[PARTITION_LAST_KNOWN_ELR], r->last_known_elr,
                  r->last_known_elr_count);
    if (r->directories_count >= 0) {
        parts.directories = r->directories;
        parts.directory_count = r->directories_count;
    }
    int rc = metadata_partition_pack(p, &parts, err);
    if (directories != few)
        free(directories);
    return rc;
}

/* A record that names a leader, even the same, begins a new leader epoch; every
 * record begins a new partition epoch (Kafka: PartitionRegistration.merge). */
int metadata_apply_partition_change(struct metadata_image *image, const void *message,
                                    struct metadata_delta *delta, struct err *err)
{
    const struct partition_change_record *r = message;
    struct metadata_topic *topic;
    int rc =
        find_or_corrupt(image, r->topic_id, "a PartitionChangeRecord", &topic, err);
    if (rc != 0)
        return rc;
    if (metadata_topic_partition(topic, r->partition_id) == NULL)
        return err_set(err, ERR_CORRUPT,
                       "a PartitionChangeRecord for %s-%d, which is none", topic->name,
                       r->partition_id);
    struct metadata_partition *p = &topic->partitions[r->partition_id];
    rc = change_lists(p, r, err);
    if (rc != 0)
        return rc;
    if (r->leader != NO_LEADER_CHANGE) {
        p->leader = r->leader;
        p->leader_epoch++;
    }
    if (r->leader_recovery_state >= 0)
        p->leader_recovery_state = r->leader_recovery_state;
    p->partition_epoch++;
    return metadata_delta_partition(delta, r->topic_id, r->partition_id, false, err);
}

static int clear_elr(struct metadata_topic *topic, struct metadata_delta *delta,
                     struct err *err)
{
    static const int32_t none[1] = {0};
    struct partition_change_record nothing = {.isr_count = -1,
                                              .replicas_count = -1,
                                              .removing_replicas_count = -1,
                                              .adding_replicas_count = -1,
                                              .directories_count = -1,
                                              .eligible_leader_replicas =
                                                  (int32_t *)none,
                                              .last_known_elr = (int32_t *)none};
    for (int32_t i = 0; i < topic->partition_count; i++) {
        struct metadata_partition *p = &topic->partitions[i];
        if (p->list_count[PARTITION_ELR] == 0 &&
            p->list_count[PARTITION_LAST_KNOWN_ELR] == 0)
            continue;
        int rc = change_lists(p, &nothing, err);
        if (rc == 0)
            rc = metadata_delta_partition(delta, topic->id, i, false, err);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* No name: of every topic (Kafka: TopicsDelta). */
int metadata_apply_clear_elr(struct metadata_image *image, const void *message,
                             struct metadata_delta *delta, struct err *err)
{
    const struct clear_elr_record *record = message;
    if (record->topic_name.len > 0) {
        struct metadata_topic *topic = find_by_name(image, record->topic_name);
        if (topic == NULL)
            return err_set(err, ERR_CORRUPT,
                           "a ClearElrRecord for topic '%.*s', which is none",
                           STR_ARGS(record->topic_name));
        return clear_elr(topic, delta, err);
    }
    int rc = 0;
    struct metadata_topic *topic = image->topics_by_id;
    for (; topic != NULL && rc == 0; topic = topic->by_id.next)
        rc = clear_elr(topic, delta, err);
    return rc;
}
