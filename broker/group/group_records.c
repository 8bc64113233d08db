#include "broker/group/group_records.h"

/* Versions of values that Kafka 4.3 writes. One with an expire timestamp needs the
 * only version that has it. */
#define OFFSET_VALUE_VERSION 4
#define OFFSET_VALUE_WITH_EXPIRY 1
#define GROUP_VALUE_VERSION 3

void group_records_init(struct group_records *w, int64_t now_ms)
{
    *w = (struct group_records){.now_ms = now_ms};
    record_batch_builder_init(&w->builder, 0);
}

void group_records_free(struct group_records *w)
{
    record_batch_builder_free(&w->builder);
    wire_writer_free(&w->key);
    wire_writer_free(&w->value);
}

static void write_part(struct group_records *w, struct wire_writer *part,
                       const struct message_type *type, int16_t prefix, int16_t version,
                       const void *message)
{
    part->out.len = 0;
    wire_write_int16(&part->out, prefix);
    int rc = type->encode(part, version, message, &w->err);
    if (rc == 0 && part->out.failed)
        rc = err_nomem(&w->err);
    if (w->rc == 0)
        w->rc = rc;
}

static struct bytes part_bytes(const struct wire_writer *part)
{
    return (struct bytes){part->out.data, (int32_t)part->out.len};
}

void group_records_add(struct group_records *w, const struct group_record *r)
{
    write_part(w, &w->key, r->key_type, (int16_t)r->type, 0, r->key);
    if (r->value != NULL)
        write_part(w, &w->value, r->value_type, r->version, r->version, r->value);
    if (w->rc != 0)
        return;
    record_batch_builder_add(&w->builder, w->now_ms, part_bytes(&w->key),
                             r->value == NULL ? BYTES_NULL : part_bytes(&w->value),
                             NULL, 0);
    w->count++;
}

void group_records_fail(struct group_records *w)
{
    if (w->rc == 0)
        w->rc = err_nomem(&w->err);
}

static void add_offset(struct group_records *w, const struct offset_commit_key *key,
                       int16_t version, const struct offset_commit_value *value)
{
    struct group_record r = {GROUP_RECORD_OFFSET,
                             &offset_commit_key_type,
                             key,
                             &offset_commit_value_type,
                             version,
                             value};
    group_records_add(w, &r);
}

static void add_group(struct group_records *w, struct str group,
                      const struct group_metadata_value *value)
{
    struct group_metadata_key key = {group};
    struct group_record r = {
        GROUP_RECORD_GROUP,         &group_metadata_key_type, &key,
        &group_metadata_value_type, GROUP_VALUE_VERSION,      value};
    group_records_add(w, &r);
}

void group_records_offset(struct group_records *w, struct str group, struct str topic,
                          struct uuid topic_id, const struct committed_offset *offset)
{
    struct offset_commit_value value = {
        .offset = offset->offset,
        .leader_epoch = offset->leader_epoch,
        .metadata = offset->metadata.data == NULL ? STR_LITERAL("") : offset->metadata,
        .commit_timestamp = offset->commit_timestamp,
        .expire_timestamp = offset->expire_timestamp,
        .topic_id = topic_id,
    };
    struct offset_commit_key key = {group, topic, offset->partition};
    bool expires = offset->expire_timestamp != NO_EXPIRE_TIMESTAMP;
    add_offset(w, &key, expires ? OFFSET_VALUE_WITH_EXPIRY : OFFSET_VALUE_VERSION,
               &value);
}

void group_records_offset_gone(struct group_records *w, struct str group,
                               struct str topic, int32_t partition)
{
    struct offset_commit_key key = {group, topic, partition};
    add_offset(w, &key, 0, NULL);
}

void group_records_group(struct group_records *w, struct str group,
                         const struct group_metadata_value *value)
{
    add_group(w, group, value);
}

void group_records_group_gone(struct group_records *w, struct str group)
{
    add_group(w, group, NULL);
}

int group_records_finish(struct group_records *w, struct err *err)
{
    if (w->rc != 0) {
        if (err != NULL)
            *err = w->err;
        return w->rc;
    }
    return record_batch_builder_finish(&w->builder, err);
}
