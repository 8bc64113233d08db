#include "replication/metadata_unused.h"

#include "protocol/messages.h"
#include "replication/metadata_image_internal.h"

#define SHARE_STATE_TOPIC "__share_group_state"
#define REMOTE_STORAGE "remote.storage.enable"

/* How many there are, and the first, to name one. */
struct tally {
    int32_t count;
    struct str topic;
    int32_t partition;
};

static void note(struct tally *t, const struct metadata_topic *topic, int32_t partition)
{
    if (t->count++ > 0)
        return;
    t->topic = metadata_topic_name(topic);
    t->partition = partition;
}

struct tallies {
    struct tally shared;    /* partitions with replicas here and elsewhere */
    struct tally elsewhere; /* partitions without a replica here */
    struct tally remote;    /* topics with tiered storage */
};

static void look_at_partition(struct tallies *t, const struct metadata_topic *topic,
                              int32_t partition, struct broker_ids here)
{
    const struct metadata_partition *p = metadata_topic_partition(topic, partition);
    if (p == NULL)
        return;
    struct broker_ids replicas = metadata_partition_replicas(p);
    int32_t ours = 0;
    for (int32_t i = 0; i < replicas.count; i++)
        ours += broker_ids_have(here, replicas.ids[i]);
    if (ours == 0)
        note(&t->elsewhere, topic, partition);
    else if (ours < replicas.count)
        note(&t->shared, topic, partition);
}

static void look_at_topic(struct tallies *t, const struct metadata_image *image,
                          const struct metadata_topic *topic, struct broker_ids here)
{
    struct str remote = metadata_image_config(
        image, CONFIG_RESOURCE_TOPIC, metadata_topic_name(topic), REMOTE_STORAGE);
    if (str_is(remote, "true"))
        note(&t->remote, topic, 0);
    for (int32_t i = 0; i < topic->partition_count; i++)
        look_at_partition(t, topic, i, here);
}

static void report_topics(const struct tallies *t, const struct trace *trace)
{
    if (t->shared.count > 0)
        trace_warn(
            trace,
            "%d partitions, such as %.*s-%d, have replicas on other brokers too: "
            "those here are served alone, and the others left where they are",
            t->shared.count, STR_ARGS(t->shared.topic), t->shared.partition);
    if (t->elsewhere.count > 0)
        trace_warn(
            trace,
            "%d partitions, such as %.*s-%d, have replicas on other brokers only, "
            "and are not served",
            t->elsewhere.count, STR_ARGS(t->elsewhere.topic), t->elsewhere.partition);
    if (t->remote.count > 0)
        trace_warn(trace,
                   "%d topics, such as %.*s, have tiered storage (" REMOTE_STORAGE
                   "): what lies here is served, and the remote storage left alone",
                   t->remote.count, STR_ARGS(t->remote.topic));
}

static void report_kept(const struct metadata_image *image, const struct trace *trace)
{
    static const struct {
        const struct message_type *type;
        const char *what;
    } kinds[] = {
        {&access_control_entry_record_type, "ACLs"},
        {&client_quota_record_type, "client quotas"},
        {&user_scram_credential_record_type, "SCRAM credentials"},
        {&delegation_token_record_type, "delegation tokens"},
    };
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        int32_t count = metadata_kept_count(image, kinds[i].type);
        if (count > 0)
            trace_warn(trace, "%d %s are kept, and not enforced", count, kinds[i].what);
    }
}

void metadata_unused_report(const struct metadata_image *image, struct broker_ids here,
                            const struct trace *trace)
{
    struct tallies t = {{0}};
    int32_t count;
    const struct metadata_topic *const *topics = metadata_image_topics(image, &count);
    for (int32_t i = 0; i < count; i++)
        look_at_topic(&t, image, topics[i], here);
    report_topics(&t, trace);
    if (metadata_image_topic(image, STR_LITERAL(SHARE_STATE_TOPIC)) != NULL)
        trace_warn(trace, "the state of share groups (" SHARE_STATE_TOPIC
                          ") is kept, and no share group served");
    report_kept(image, trace);
}
