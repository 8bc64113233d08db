#include "broker/group/group_table.h"

#include <stdlib.h>
#include <utlist.h>

#include "broker/group/consumer_replay.h"
#include "broker/group/group_records.h"

struct pending_offset {
    struct pending_offset *prev, *next;
    struct group *group;
    int64_t producer_id;
    struct committed_offset offset; /* its metadata lies behind the topic's name */
    struct uuid topic_id;
    struct str topic;
    char bytes[];
};

void group_table_init(struct group_table *t, struct group_env *env)
{
    *t = (struct group_table){.env = env};
}

static void drop_pending(struct group_table *t, struct pending_offset *p)
{
    DL_DELETE(t->pending, p);
    p->group->pending_offsets--;
    free(p);
}

static void drop_pending_of(struct group_table *t, const struct group *g)
{
    struct pending_offset *p, *next;
    DL_FOREACH_SAFE (t->pending, p, next) {
        if (p->group == g)
            drop_pending(t, p);
    }
}

void group_table_remove(struct group_table *t, struct group *g)
{
    if (g->pending_offsets > 0)
        drop_pending_of(t, g);
    HASH_DEL(t->groups, g);
    classic_group_destroy(g->classic);
    consumer_group_destroy(g->consumer);
    group_offsets_free(&g->offsets);
    free(g);
}

void group_table_free(struct group_table *t)
{
    while (t->groups != NULL)
        group_table_remove(t, t->groups);
}

struct group *group_table_find(const struct group_table *t, struct str id)
{
    struct group *g = NULL;
    HASH_FIND(hh, t->groups, id.data, (unsigned)id.len, g);
    return g;
}

static struct group *add_group(struct group_table *t, struct str id,
                               enum group_kind kind)
{
    struct group *g = calloc(1, sizeof(*g) + (size_t)id.len + 1);
    if (g == NULL)
        return NULL;
    g->kind = kind;
    g->id_len = id.len;
    if (id.len > 0)
        memcpy(g->id, id.data, (size_t)id.len);
    HASH_ADD_KEYPTR(hh, t->groups, g->id, (unsigned)g->id_len, g);
    if (hash_added(g))
        return g;
    free(g);
    return NULL;
}

struct group *group_table_make(struct group_table *t, struct str id)
{
    struct group *g = group_table_find(t, id);
    if (g != NULL)
        return g;
    g = add_group(t, id, GROUP_CLASSIC);
    if (g == NULL)
        return NULL;
    g->classic = classic_group_create(t->env, group_id(g));
    if (g->classic != NULL)
        return g;
    group_table_remove(t, g);
    return NULL;
}

/* ---- offsets ------------------------------------------------------------- */

bool group_table_offset_is_pending(const struct group_table *t, const struct group *g,
                                   struct str topic, int32_t partition)
{
    if (g->pending_offsets == 0)
        return false;
    const struct pending_offset *p;
    DL_FOREACH (t->pending, p) {
        if (p->group == g && p->offset.partition == partition &&
            str_equal(p->topic, topic))
            return true;
    }
    return false;
}

static bool add_pending(struct group_table *t, struct group *g, struct str topic,
                        struct uuid topic_id, int64_t producer_id,
                        const struct committed_offset *offset)
{
    struct pending_offset *p =
        calloc(1, sizeof(*p) + (size_t)topic.len + (size_t)offset->metadata.len);
    if (p == NULL)
        return false;
    p->group = g;
    p->producer_id = producer_id;
    p->topic_id = topic_id;
    p->offset = *offset;
    memcpy(p->bytes, topic.data, (size_t)topic.len);
    p->topic = (struct str){p->bytes, topic.len};
    if (offset->metadata.len > 0)
        memcpy(p->bytes + topic.len, offset->metadata.data,
               (size_t)offset->metadata.len);
    p->offset.metadata = (struct str){p->bytes + topic.len, offset->metadata.len};
    DL_APPEND(t->pending, p);
    g->pending_offsets++;
    return true;
}

static int replay_offset(struct group_table *t, const struct record_batch *batch,
                         const struct offset_commit_key *key, struct uuid topic_id,
                         const struct committed_offset *offset, struct err *err)
{
    struct group *g = group_table_make(t, key->group);
    if (g == NULL)
        return err_nomem(err);
    bool ok = batch->transactional
                  ? add_pending(t, g, key->topic, topic_id, batch->producer_id, offset)
                  : group_offsets_put(&g->offsets, key->topic, topic_id, offset);
    return ok ? 0 : err_nomem(err);
}

static void replay_offset_gone(struct group_table *t,
                               const struct offset_commit_key *key)
{
    struct group *g = group_table_find(t, key->group);
    if (g == NULL)
        return;
    group_offsets_remove(&g->offsets, key->topic, key->partition);
    struct pending_offset *p, *next;
    DL_FOREACH_SAFE (t->pending, p, next) {
        if (p->group == g && p->offset.partition == key->partition &&
            str_equal(p->topic, key->topic))
            drop_pending(t, p);
    }
}

/* What was committed later wins, also over a transaction that ends after it. */
static int commit_pending(struct pending_offset *p, struct err *err)
{
    struct group_offsets *offsets = &p->group->offsets;
    const struct committed_offset *known =
        group_offsets_find(offsets, p->topic, p->offset.partition);
    if (known != NULL && known->record_offset > p->offset.record_offset)
        return 0;
    return group_offsets_put(offsets, p->topic, p->topic_id, &p->offset)
               ? 0
               : err_nomem(err);
}

static int replay_marker(struct group_table *t, const struct record_batch *batch,
                         const struct record *record, struct err *err)
{
    int type = record_control_type(record);
    if (type != CONTROL_COMMIT && type != CONTROL_ABORT)
        return 0;
    struct pending_offset *p, *next;
    DL_FOREACH_SAFE (t->pending, p, next) {
        if (p->producer_id != batch->producer_id)
            continue;
        int rc = type == CONTROL_COMMIT ? commit_pending(p, err) : 0;
        drop_pending(t, p);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* ---- groups -------------------------------------------------------------- */

static void become_classic(struct group *g, struct classic_group *fresh)
{
    classic_group_destroy(g->classic);
    consumer_group_destroy(g->consumer);
    g->consumer = NULL;
    g->classic = fresh;
    g->kind = GROUP_CLASSIC;
}

static int replay_group(struct group_table *t, struct str id,
                        const struct group_metadata_value *value, struct err *err)
{
    struct group *g = group_table_make(t, id);
    if (g == NULL)
        return err_nomem(err);
    struct classic_group *fresh = classic_group_load(t->env, group_id(g), value);
    if (fresh == NULL)
        return err_nomem(err);
    become_classic(g, fresh);
    return 0;
}

int group_table_retire(struct group_table *t, struct group *g, struct err *err)
{
    if (g->offsets.count == 0 && g->pending_offsets == 0) {
        group_table_remove(t, g);
        return 0;
    }
    struct classic_group *fresh = classic_group_create(t->env, group_id(g));
    if (fresh == NULL)
        return err_nomem(err);
    become_classic(g, fresh);
    return 0;
}

static int replay_group_gone(struct group_table *t, struct str id, struct err *err)
{
    struct group *g = group_table_find(t, id);
    return g == NULL || g->kind != GROUP_CLASSIC ? 0 : group_table_retire(t, g, err);
}

static struct consumer_group *become_consumer(struct group_table *t, struct group *g)
{
    struct consumer_group *fresh = consumer_group_create(t->env, group_id(g));
    if (fresh == NULL)
        return NULL;
    classic_group_destroy(g->classic);
    g->classic = NULL;
    g->consumer = fresh;
    g->kind = GROUP_CONSUMER;
    return fresh;
}

struct consumer_group *group_table_make_consumer(struct group_table *t, struct str id,
                                                 bool *failed)
{
    struct group *g = group_table_find(t, id);
    *failed = false;
    if (g != NULL && g->kind != GROUP_CLASSIC)
        return g->consumer;
    if (g == NULL)
        g = add_group(t, id, GROUP_CONSUMER);
    struct consumer_group *made = g == NULL ? NULL : become_consumer(t, g);
    *failed = made == NULL;
    return made;
}

/* -1: no such type. */
static int foreign_kind(int16_t type)
{
    if (type >= 9 && type <= 15)
        return GROUP_SHARE;
    return type >= 17 && type <= 23 ? GROUP_STREAMS : -1;
}

/* The records that say that there is such a group, and in which epoch it is. */
static bool is_foreign_group(int16_t type)
{
    return type == 11 || type == 17;
}

/* All of their keys begin with the group's id. */
static int replay_foreign(struct group_table *t, int16_t type, struct wire_reader *key,
                          const struct record *record, struct err *err)
{
    struct str id = wire_read_string(key, false);
    t->foreign_records++;
    if (key->failed || id.data == NULL || !is_foreign_group(type))
        return 0;
    struct group *g = group_table_find(t, id);
    if (record->value.data == NULL) {
        if (g != NULL && g->classic == NULL && g->consumer == NULL)
            group_table_remove(t, g);
        return 0;
    }
    if (g == NULL)
        g = add_group(t, id, (enum group_kind)foreign_kind(type));
    if (g == NULL)
        return err_nomem(err);
    classic_group_destroy(g->classic);
    consumer_group_destroy(g->consumer);
    g->classic = NULL;
    g->consumer = NULL;
    g->kind = (enum group_kind)foreign_kind(type);
    return 0;
}

/* ---- records ------------------------------------------------------------- */

bool group_record_value(const struct message_type *type, const struct record *record,
                        struct arena *arena, void *out)
{
    struct wire_reader r =
        wire_reader_of(record->value.data, (size_t)record->value.len, arena);
    int16_t version = wire_read_int16(&r);
    if (r.failed || version < type->min_version || version > type->max_version)
        return false;
    type->decode(&r, version, out);
    return !r.failed;
}

/* Keys of type 0 and 1 look alike; the values of type 0 are the oldest. */
static int replay_offset_record(struct group_table *t, const struct record_batch *batch,
                                const struct record *record, int16_t type,
                                struct wire_reader *reader, struct err *err)
{
    struct offset_commit_key key;
    struct offset_commit_value value = OFFSET_COMMIT_VALUE_INIT;
    offset_commit_key_type.decode(reader, 0, &key);
    if (reader->failed) {
        t->unreadable_records++;
        return 0;
    }
    if (record->value.data == NULL) {
        replay_offset_gone(t, &key);
        return 0;
    }
    struct legacy_offset_commit_value legacy = LEGACY_OFFSET_COMMIT_VALUE_INIT;
    bool ok;
    if (type == GROUP_RECORD_LEGACY_OFFSET) {
        ok = group_record_value(&legacy_offset_commit_value_type, record, reader->arena,
                                &legacy);
        value.offset = legacy.offset;
        value.metadata = legacy.metadata;
        value.commit_timestamp = legacy.commit_timestamp;
    } else {
        ok = group_record_value(&offset_commit_value_type, record, reader->arena,
                                &value);
    }
    if (!ok) {
        t->unreadable_records++;
        return 0;
    }
    struct committed_offset offset = {
        .partition = key.partition,
        .leader_epoch = value.leader_epoch,
        .offset = value.offset,
        .commit_timestamp = value.commit_timestamp,
        .expire_timestamp = value.expire_timestamp,
        .record_offset = record->offset,
        .metadata = value.metadata,
    };
    return replay_offset(t, batch, &key, value.topic_id, &offset, err);
}

static int replay_group_record(struct group_table *t, const struct record *record,
                               struct wire_reader *reader, struct err *err)
{
    struct group_metadata_key key;
    struct group_metadata_value value = GROUP_METADATA_VALUE_INIT;
    group_metadata_key_type.decode(reader, 0, &key);
    bool ok = !reader->failed;
    if (ok && record->value.data == NULL)
        return replay_group_gone(t, key.group, err);
    if (ok &&
        group_record_value(&group_metadata_value_type, record, reader->arena, &value))
        return replay_group(t, key.group, &value, err);
    t->unreadable_records++;
    return 0;
}

static int replay_record(struct group_table *t, const struct record_batch *batch,
                         const struct record *record, struct arena *arena,
                         struct err *err)
{
    struct wire_reader key =
        wire_reader_of(record->key.data, (size_t)record->key.len, arena);
    int16_t type = wire_read_int16(&key);
    if (!key.failed &&
        (type == GROUP_RECORD_LEGACY_OFFSET || type == GROUP_RECORD_OFFSET))
        return replay_offset_record(t, batch, record, type, &key, err);
    if (!key.failed && type == GROUP_RECORD_GROUP)
        return replay_group_record(t, record, &key, err);
    if (!key.failed && consumer_replay_is_for(type))
        return consumer_replay(t, type, &key, record, err);
    if (!key.failed && foreign_kind(type) >= 0)
        return replay_foreign(t, type, &key, record, err);
    t->unreadable_records++;
    return 0;
}

int group_table_replay(struct group_table *t, const struct record_batch *batch,
                       const struct record *record, struct err *err)
{
    if (batch->control)
        return replay_marker(t, batch, record, err);
    struct arena arena = ARENA_INIT;
    int rc = replay_record(t, batch, record, &arena, err);
    arena_reset(&arena);
    return rc;
}
