/* The topics of the world, and partitions as text. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "protocol/messages.h"
#include "tests/support/group_world.h"

static void apply(struct group_world *w, const struct message_type *type,
                  const void *message)
{
    struct metadata_record record = {type, type->max_version, message};
    struct err err = {0};
    ck_assert_int_eq(metadata_image_apply(w->image, &record, NULL, &err), 0);
}

static struct uuid topic_id(int n)
{
    /* Spread, so that the order of ids is not that of names. */
    struct uuid id = {.bytes = {(uint8_t)(n * 151), (uint8_t)n, (uint8_t)(n >> 8), 1}};
    return id;
}

static void add_partition(struct group_world *w, struct uuid id, int32_t partition)
{
    int32_t replicas[] = {1};
    struct uuid directory = topic_id(0xFFFF);
    struct partition_record record = PARTITION_RECORD_INIT;
    record.topic_id = id;
    record.partition_id = partition;
    record.replicas = record.isr = replicas;
    record.replicas_count = record.isr_count = 1;
    record.directories = &directory;
    record.directories_count = 1;
    record.leader = 1;
    record.leader_epoch = record.partition_epoch = 0;
    apply(w, &partition_record_type, &record);
}

void group_world_topic(struct group_world *w, const char *name, int32_t partitions)
{
    const struct metadata_topic *t = metadata_image_topic(w->image, str_of(name));
    w->env.topics_version++;
    if (t == NULL) {
        struct topic_record record = {str_of(name), topic_id(++w->topic_ids)};
        apply(w, &topic_record_type, &record);
        w->env.new_topics_version = w->env.topics_version;
        t = metadata_image_topic(w->image, str_of(name));
    }
    struct uuid id = t->id;
    for (int32_t p = t->partition_count; p < partitions; p++)
        add_partition(w, id, p);
}

void group_world_remove_topic(struct group_world *w, const char *name)
{
    const struct metadata_topic *t = metadata_image_topic(w->image, str_of(name));
    struct remove_topic_record record = {.topic_id = t->id};
    apply(w, &remove_topic_record_type, &record);
    w->env.topics_version++;
}

void group_world_group_setting(struct group_world *w, const char *name,
                               const char *value)
{
    struct config_record record = {.resource_type = CONFIG_RESOURCE_GROUP,
                                   .resource_name = WORLD_GROUP,
                                   .name = str_of(name),
                                   .value = str_of(value)};
    apply(w, &config_record_type, &record);
}

struct partition_set group_world_partitions(const struct group_world *w,
                                            const char *text)
{
    struct partition_set set = PARTITION_SET_INIT;
    while (*text != '\0') {
        int32_t name_len = (int32_t)strcspn(text, "0123456789");
        char *end;
        const struct metadata_topic *t =
            metadata_image_topic(w->image, (struct str){text, name_len});
        ck_assert_ptr_nonnull(t);
        struct topic_partition p = {.topic_id = t->id};
        p.partition = (int32_t)strtol(text + name_len, &end, 10);
        ck_assert(partition_set_append(&set, p));
        for (text = end; *text == ' '; text++)
            ;
    }
    partition_set_sort(&set);
    return set;
}

struct named_partition {
    char text[32];
};

static int compare_named(const void *a, const void *b)
{
    return strcmp(((const struct named_partition *)a)->text,
                  ((const struct named_partition *)b)->text);
}

const char *group_world_text(const struct group_world *w, const struct partition_set *s,
                             char *out, size_t size)
{
    struct named_partition *named = calloc((size_t)s->count + 1, sizeof(*named));
    ck_assert_ptr_nonnull(named);
    for (int32_t i = 0; i < s->count; i++) {
        const struct metadata_topic *t =
            metadata_image_topic_by_id(w->image, s->items[i].topic_id);
        snprintf(named[i].text, sizeof(named[i].text), "%s%d",
                 t == NULL ? "?" : t->name, s->items[i].partition);
    }
    qsort(named, (size_t)s->count, sizeof(*named), compare_named);
    out[0] = '\0';
    for (int32_t i = 0; i < s->count; i++) {
        size_t used = strlen(out);
        snprintf(out + used, size - used, "%s%s", i == 0 ? "" : " ", named[i].text);
    }
    free(named);
    return out;
}
