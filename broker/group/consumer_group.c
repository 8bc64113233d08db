/* The epochs of a consumer group
 *
 *   members subscribe,            the assignor               each member, at its
 *   come and go, topics change    has decided                own pace
 *        │                            │                          │
 *        ▼                            ▼                          ▼
 *   group_epoch        ≥       assignment_epoch        ≥       member_epoch
 *   (what is asked)            (target)                        (what it holds)
 *
 *   EMPTY         no members
 *   ASSIGNING     group_epoch > assignment_epoch
 *   RECONCILING   some member has not reached assignment_epoch
 *   STABLE        all have
 *
 * Nothing happens to a group by itself: each step is taken when a member's heartbeat
 * comes, or a timer takes a member out.
 *
 * What holds at any time: a partition is held by one member at most, assigned to it or
 * pending revocation; another member is assigned it only when that one has said that
 * it is given up, or is out. The targets of all members are disjoint. */
#include "broker/group/consumer_group.h"

#include <stdlib.h>

#include "broker/group/consumer_group_internal.h"

/* A new group's, before its first member is in (Kafka: ModernGroup,
 * TargetAssignmentMetadata.INITIAL). */
#define FIRST_EPOCH 1

const char *consumer_group_state_name(enum consumer_group_state state)
{
    static const char *const names[] = {
        [CONSUMER_GROUP_EMPTY] = "Empty",
        [CONSUMER_GROUP_ASSIGNING] = "Assigning",
        [CONSUMER_GROUP_RECONCILING] = "Reconciling",
        [CONSUMER_GROUP_STABLE] = "Stable",
    };
    return names[state];
}

/* ---- birth and end ------------------------------------------------------- */

struct consumer_group *consumer_group_create(struct group_env *env, struct str id)
{
    struct consumer_group *g = calloc(1, sizeof(*g));
    if (g == NULL)
        return NULL;
    g->env = env;
    g->id = id;
    g->group_epoch = FIRST_EPOCH;
    g->assignment_epoch = FIRST_EPOCH;
    g->topics_version = -1;
    return g;
}

void consumer_group_destroy(struct consumer_group *g)
{
    if (g == NULL)
        return;
    while (g->owners != NULL)
        consumer_group_drop_owner(g, g->owners);
    while (g->members != NULL)
        consumer_group_drop_member(g, g->members);
    while (g->regexes != NULL)
        consumer_group_drop_regex(g, g->regexes);
    free(g);
}

void consumer_group_start(struct consumer_group *g)
{
    struct group_env *env = g->env;
    struct consumer_member *m = NULL;
    while ((m = consumer_group_next(g, m)) != NULL) {
        env->arm(env, &m->session, consumer_group_session_timeout_ms(g));
        if (m->current.state == MEMBER_UNREVOKED_PARTITIONS)
            env->arm(env, &m->rebalance, m->rebalance_timeout_ms);
    }
}

/* ---- questions ----------------------------------------------------------- */

enum consumer_group_state consumer_group_state(const struct consumer_group *g)
{
    const struct consumer_member *m = NULL;
    if (g->member_count == 0)
        return CONSUMER_GROUP_EMPTY;
    if (g->group_epoch > g->assignment_epoch)
        return CONSUMER_GROUP_ASSIGNING;
    while ((m = consumer_group_next(g, m)) != NULL) {
        if (!consumer_member_is_reconciled(m, g->assignment_epoch))
            return CONSUMER_GROUP_RECONCILING;
    }
    return CONSUMER_GROUP_STABLE;
}

struct consumer_member *consumer_group_member(const struct consumer_group *g,
                                              struct str member_id)
{
    struct consumer_member *m = consumer_group_entry(g, member_id);
    return m != NULL && m->present ? m : NULL;
}

struct consumer_member *consumer_group_next(const struct consumer_group *g,
                                            const struct consumer_member *m)
{
    struct consumer_member *next = m == NULL ? g->members : m->hh.next;
    while (next != NULL && !next->present)
        next = next->hh.next;
    return next;
}

struct consumer_member *consumer_group_static_member(const struct consumer_group *g,
                                                     struct str instance_id)
{
    struct consumer_member *m = NULL;
    if (instance_id.data == NULL)
        return NULL;
    while ((m = consumer_group_next(g, m)) != NULL) {
        if (str_equal(m->instance_id, instance_id))
            return m;
    }
    return NULL;
}

struct consumer_member *consumer_group_owner(const struct consumer_group *g,
                                             struct uuid topic_id, int32_t partition)
{
    struct topic_partition place = {.topic_id = topic_id, .partition = partition};
    struct partition_owner *o = consumer_group_place(g, &place);
    return o == NULL ? NULL : o->member;
}

const struct group_regex *consumer_group_regex(const struct consumer_group *g,
                                               struct str pattern)
{
    struct group_regex *r = NULL;
    HASH_FIND(hh, g->regexes, pattern.data, (unsigned)pattern.len, r);
    return r;
}

int32_t consumer_group_regex_subscribers(const struct consumer_group *g,
                                         struct str pattern)
{
    const struct consumer_member *m = NULL;
    int32_t count = 0;
    while ((m = consumer_group_next(g, m)) != NULL)
        count += str_equal(m->regex, pattern);
    return count;
}

static bool names_topic(const struct consumer_member *m, struct str topic)
{
    struct arena arena = ARENA_INIT;
    member_metadata said;
    bool found = false;
    if (consumer_member_metadata(m, &arena, &said)) {
        for (int32_t i = 0; !found && i < said.subscribed_topic_names_count; i++)
            found = str_equal(said.subscribed_topic_names[i], topic);
    }
    arena_reset(&arena);
    return found;
}

bool consumer_group_subscribes(const struct consumer_group *g, struct str topic)
{
    for (const struct group_regex *r = g->regexes; r != NULL; r = r->hh.next) {
        for (int32_t i = 0; i < r->topic_count; i++) {
            if (str_equal(r->topics[i], topic))
                return true;
        }
    }
    const struct consumer_member *m = NULL;
    while ((m = consumer_group_next(g, m)) != NULL) {
        if (names_topic(m, topic))
            return true;
    }
    return false;
}

int32_t consumer_group_classic_count(const struct consumer_group *g)
{
    const struct consumer_member *m = NULL;
    int32_t count = 0;
    while ((m = consumer_group_next(g, m)) != NULL)
        count += m->uses_classic_protocol;
    return count;
}

/* ---- settings ------------------------------------------------------------ */

struct setting_bounds {
    const char *name; /* of the group's own setting */
    int broker;       /* what the broker says, without one */
    int min, max;     /* what the group may say; else it counts as these */
};

static int32_t setting_of(const struct consumer_group *g, struct setting_bounds s)
{
    struct str text =
        metadata_image_config(g->env->image, CONFIG_RESOURCE_GROUP, g->id, s.name);
    int64_t value;
    if (text.data == NULL || !setting_integer(text, INT32_MIN, INT32_MAX, &value))
        return s.broker;
    if (value < s.min)
        return s.min;
    return value > s.max ? s.max : (int32_t)value;
}

int32_t consumer_group_session_timeout_ms(const struct consumer_group *g)
{
    const struct broker_config *c = g->env->config;
    return setting_of(
        g, (struct setting_bounds){"consumer.session.timeout.ms",
                                   c->group_consumer_session_timeout_ms,
                                   c->group_consumer_min_session_timeout_ms,
                                   c->group_consumer_max_session_timeout_ms});
}

int32_t consumer_group_heartbeat_interval_ms(const struct consumer_group *g)
{
    const struct broker_config *c = g->env->config;
    return setting_of(
        g, (struct setting_bounds){"consumer.heartbeat.interval.ms",
                                   c->group_consumer_heartbeat_interval_ms,
                                   c->group_consumer_min_heartbeat_interval_ms,
                                   c->group_consumer_max_heartbeat_interval_ms});
}

int32_t consumer_group_assignment_interval_ms(const struct consumer_group *g)
{
    const struct broker_config *c = g->env->config;
    return setting_of(
        g, (struct setting_bounds){"consumer.assignment.interval.ms",
                                   c->group_consumer_assignment_interval_ms,
                                   c->group_consumer_min_assignment_interval_ms,
                                   c->group_consumer_max_assignment_interval_ms});
}

/* ---- offsets ------------------------------------------------------------- */

static enum kafka_error stale(const struct consumer_member *m)
{
    return m->uses_classic_protocol ? KAFKA_ILLEGAL_GENERATION
                                    : KAFKA_STALE_MEMBER_EPOCH;
}

enum kafka_error consumer_group_may_commit(const struct consumer_group *g,
                                           struct str member_id, int32_t member_epoch,
                                           int16_t version)
{
    /* Who assigns partitions to itself may commit while there are no members. */
    if (member_epoch < 0 && g->member_count == 0)
        return KAFKA_NONE;
    const struct consumer_member *m = consumer_group_member(g, member_id);
    if (m == NULL)
        return KAFKA_UNKNOWN_MEMBER_ID;
    if (!m->uses_classic_protocol && version < 9)
        return KAFKA_UNSUPPORTED_VERSION;
    return member_epoch > m->current.member_epoch ? stale(m) : KAFKA_NONE;
}

enum kafka_error consumer_group_may_commit_partition(const struct consumer_group *g,
                                                     struct str member_id,
                                                     int32_t member_epoch,
                                                     struct uuid topic_id,
                                                     int32_t partition)
{
    const struct consumer_member *m = consumer_group_member(g, member_id);
    if (m == NULL || member_epoch == m->current.member_epoch)
        return KAFKA_NONE;
    const struct topic_partition *p =
        partition_set_find(&m->current.assigned, topic_id, partition);
    if (p == NULL)
        p = partition_set_find(&m->current.pending_revocation, topic_id, partition);
    return p == NULL || member_epoch < p->epoch ? stale(m) : KAFKA_NONE;
}

enum kafka_error consumer_group_may_fetch(const struct consumer_group *g,
                                          struct str member_id, int32_t member_epoch)
{
    if (member_id.data == NULL && member_epoch < 0)
        return KAFKA_NONE;
    const struct consumer_member *m = consumer_group_member(g, member_id);
    if (m == NULL)
        return KAFKA_UNKNOWN_MEMBER_ID;
    return member_epoch == m->current.member_epoch ? KAFKA_NONE : stale(m);
}
