/* Who leads each partition once the brokers of a start are there.
 *
 *   leader among them, in sync with those alone   stays
 *   in-sync replicas that are not there           leave the ISR: they will lack what is
 *                                                 acknowledged from now on
 *   leader not there                              the first replica that is, of those
 * in sync or eligible; none: no leader, and the ISR stays, for who comes back an
 * unclean stop                               a new leader epoch in any case */
#include "replication/controller_internal.h"

struct election {
    struct controller *c;
    const struct controller_broker *brokers;
    int32_t broker_count;
};

bool controller_broker_begins(const struct controller_broker *brokers, int32_t count,
                              int32_t id)
{
    for (int32_t i = 0; i < count; i++)
        if (brokers[i].id == id)
            return true;
    return false;
}

static bool is_there(const struct election *e, int32_t id)
{
    return controller_broker_begins(e->brokers, e->broker_count, id);
}

static int32_t count_there(const struct election *e, struct broker_ids ids)
{
    int32_t count = 0;
    for (int32_t i = 0; i < ids.count; i++)
        count += is_there(e, ids.ids[i]);
    return count;
}

/* The first replica, in order of preference, of those that may lead without losing
 * anything: in sync, or eligible since they were the last that were. */
static int32_t elect(const struct election *e, const struct metadata_partition *p)
{
    struct broker_ids replicas = metadata_partition_replicas(p);
    struct broker_ids isr = metadata_partition_isr(p);
    struct broker_ids elr = metadata_partition_list(p, PARTITION_ELR);
    for (int32_t i = 0; i < replicas.count; i++) {
        int32_t id = replicas.ids[i];
        if ((broker_ids_have(isr, id) || broker_ids_have(elr, id)) && is_there(e, id))
            return id;
    }
    return NO_LEADER;
}

/* Of the in-sync replicas, those that are there. */
static int shrink_isr(const struct election *e, struct broker_ids isr,
                      struct partition_change_record *r, struct err *err)
{
    r->isr = controller_array(e->c, isr.count, sizeof(*r->isr));
    if (r->isr == NULL)
        return err_nomem(err);
    r->isr_count = 0;
    for (int32_t i = 0; i < isr.count; i++)
        if (is_there(e, isr.ids[i]))
            r->isr[r->isr_count++] = isr.ids[i];
    return 0;
}

/* Every replica of an empty ISR was eligible; the one that leads begins it again, and
 * the others join by fetching. */
static int begin_isr(const struct election *e, const struct metadata_partition *p,
                     struct partition_change_record *r, struct err *err)
{
    struct broker_ids elr = metadata_partition_list(p, PARTITION_ELR);
    r->isr = controller_array(e->c, 1, sizeof(*r->isr));
    r->eligible_leader_replicas =
        controller_array(e->c, elr.count, sizeof(*r->eligible_leader_replicas));
    if (r->isr == NULL || r->eligible_leader_replicas == NULL)
        return err_nomem(err);
    r->isr[0] = r->leader;
    r->isr_count = 1;
    if (elr.count > 0)
        r->eligible_leader_replicas_count = 0;
    for (int32_t i = 0; i < elr.count; i++)
        if (elr.ids[i] != r->leader)
            r->eligible_leader_replicas[r->eligible_leader_replicas_count++] =
                elr.ids[i];
    if (metadata_partition_list(p, PARTITION_LAST_KNOWN_ELR).count > 0)
        r->last_known_elr_count = 0;
    return 0;
}

static int add_election(const struct election *e, const struct metadata_topic *topic,
                        int32_t partition, int32_t leader, struct err *err)
{
    const struct metadata_partition *p = &topic->partitions[partition];
    struct broker_ids isr = metadata_partition_isr(p);
    struct partition_change_record *r =
        controller_record(e->c, &partition_change_record_type);
    if (r == NULL)
        return err_nomem(err);
    r->partition_id = partition;
    r->topic_id = topic->id;
    r->leader = leader;
    if (leader == NO_LEADER)
        return 0;
    if (!broker_ids_have(isr, leader))
        return begin_isr(e, p, r, err);
    return count_there(e, isr) < isr.count ? shrink_isr(e, isr, r, err) : 0;
}

static bool any_unclean(const struct election *e, struct broker_ids replicas)
{
    for (int32_t i = 0; i < e->broker_count; i++)
        if (e->brokers[i].unclean && broker_ids_have(replicas, e->brokers[i].id))
            return true;
    return false;
}

/* Partitions without a leader get one; after an unclean stop every partition of that
 * broker gets a new leader epoch, mostly with the leader that it had. */
static int elect_partition(const struct election *e, const struct metadata_topic *topic,
                           int32_t partition, struct err *err)
{
    const struct metadata_partition *p = metadata_topic_partition(topic, partition);
    if (p == NULL)
        return 0;
    struct broker_ids isr = metadata_partition_isr(p);
    int32_t there = count_there(e, isr);
    bool whole = there == 0 || there == isr.count;
    bool leads = p->leader != NO_LEADER && is_there(e, p->leader);
    if (leads && whole && !any_unclean(e, metadata_partition_replicas(p)))
        return 0;
    int32_t leader = leads ? p->leader : elect(e, p);
    if (leader == p->leader && leader == NO_LEADER)
        return 0;
    return add_election(e, topic, partition, leader, err);
}

int controller_elect(struct controller *c, const struct controller_broker *brokers,
                     int32_t count, struct err *err)
{
    struct election e = {c, brokers, count};
    int32_t topic_count;
    const struct metadata_topic *const *topics =
        metadata_image_topics(controller_image(c), &topic_count);
    if (topic_count < 0)
        return err_nomem(err);
    for (int32_t i = 0; i < topic_count; i++)
        for (int32_t j = 0; j < topics[i]->partition_count; j++) {
            int rc = elect_partition(&e, topics[i], j, err);
            if (rc != 0)
                return rc;
        }
    return 0;
}
