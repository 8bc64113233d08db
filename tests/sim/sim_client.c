#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/sim/sim.h"

static void forget_answer(struct sim_client *c)
{
    if (c->waits == NULL)
        return;
    if (c->protocol == SIM_CONSUMER)
        sim_consumer_forget(c);
    else
        sim_classic_forget(c);
    c->waits = NULL;
}

void sim_client_forget_shares(struct sim_client *c)
{
    while (c->share_count > 0)
        partition_set_free(&c->shares[--c->share_count].partitions);
}

void sim_client_start(struct sim_client *c, enum sim_protocol protocol)
{
    struct sim *s = c->sim;
    ck_assert_int_eq(c->state, CLIENT_STOPPED);
    c->protocol = protocol;
    c->state = CLIENT_OUT;
    c->stalled = 0;
    c->id[0] = '\0';
    if (protocol == SIM_CONSUMER)
        snprintf(c->id, sizeof(c->id), "%08x", sim_random(s, UINT32_MAX));
    c->epoch = protocol == SIM_CONSUMER ? 0 : -1;
    if (protocol == SIM_CLASSIC)
        c->regex = NULL;
}

void sim_client_lose(struct sim_client *c)
{
    partition_set_free(&c->owned);
    partition_set_free(&c->assigned);
    sim_client_forget_shares(c);
    c->state = CLIENT_OUT;
    c->epoch = c->protocol == SIM_CONSUMER ? 0 : -1;
    c->leads = c->rejoins = false;
    c->delay = 0;
}

void sim_client_crash(struct sim_client *c)
{
    forget_answer(c);
    sim_client_lose(c);
    c->state = CLIENT_STOPPED;
}

/* Who waits for an answer has nobody to say it to. */
void sim_client_leave(struct sim_client *c)
{
    forget_answer(c);
    if (c->protocol == SIM_CONSUMER)
        sim_consumer_leave(c);
    else
        sim_classic_leave(c);
    sim_client_crash(c);
}

void sim_client_turn(struct sim_client *c)
{
    if (c->state == CLIENT_STOPPED || (c->stalled > 0 && c->stalled-- > 0))
        return;
    if (c->protocol == SIM_CONSUMER)
        sim_consumer_turn(c);
    else
        sim_classic_turn(c);
}

void sim_client_subscribe(struct sim_client *c, uint32_t topics, const char *regex)
{
    c->topics = topics;
    c->regex = c->protocol == SIM_CONSUMER ? regex : NULL;
    c->full = true;
    c->rejoins = true;
}

bool sim_client_subscribes(const struct sim_client *c, const char *topic)
{
    if (c->regex == NULL)
        return (c->topics >> (topic[0] - 'a') & 1) != 0;
    return strcmp(c->regex, ".*") == 0 || strchr(c->regex, topic[0]) != NULL;
}

const char *sim_topics(const struct sim_client *c, char out[SIM_TOPICS_TEXT])
{
    int len = 0;
    for (int t = 0; t < SIM_TOPICS; t++) {
        if ((c->topics >> t & 1) != 0)
            len += snprintf(out + len, SIM_TOPICS_TEXT - (size_t)len, "%s%c",
                            len == 0 ? "" : ",", 'a' + t);
    }
    out[len] = '\0';
    return out;
}

bool sim_client_is_settled(const struct sim_client *c)
{
    if (c->state == CLIENT_STOPPED)
        return true;
    if (c->waits != NULL || c->state != CLIENT_STABLE)
        return false;
    return c->protocol == SIM_CLASSIC
               ? !c->rejoins
               : (!c->full && c->told && partition_set_equal(&c->owned, &c->assigned));
}

/* ---- commits ------------------------------------------------------------- */

static enum kafka_error may_commit(const struct sim_client *c, const struct group *g,
                                   const struct topic_partition *p)
{
    struct str id = str_of(c->id);
    if (g->classic != NULL)
        return classic_group_may_commit(g->classic, id, sim_instance(c), c->epoch);
    enum kafka_error error = consumer_group_may_commit(g->consumer, id, c->epoch, 9);
    return error != KAFKA_NONE
               ? error
               : consumer_group_may_commit_partition(g->consumer, id, c->epoch,
                                                     p->topic_id, p->partition);
}

static void write_offset(struct sim *s, const struct metadata_topic *t,
                         int32_t partition, int64_t offset)
{
    struct group_records records;
    struct group_write ignored = {0};
    struct committed_offset o = {.partition = partition,
                                 .leader_epoch = -1,
                                 .offset = offset,
                                 .expire_timestamp = NO_EXPIRE_TIMESTAMP};
    group_records_init(&records, group_now_ms(&s->world.env));
    group_records_offset(&records, WORLD_GROUP, metadata_topic_name(t), t->id, &o);
    if (s->world.env.change(&s->world.env, WORLD_GROUP, &records, &ignored) ==
        KAFKA_NONE)
        s->offsets[t->name[0] - 'a'][partition] = offset;
}

/* A member that commits what it owns is the only one that the coordinator lets. */
void sim_client_commit(struct sim_client *c)
{
    struct sim *s = c->sim;
    const struct group *g = group_world_group(&s->world);
    if (g == NULL || c->epoch < 0 || c->owned.count == 0)
        return;
    const struct topic_partition *p =
        &c->owned.items[sim_random(s, (uint32_t)c->owned.count)];
    const struct metadata_topic *t =
        metadata_image_topic_by_id(s->world.image, p->topic_id);
    if (t == NULL || may_commit(c, g, p) != KAFKA_NONE)
        return;
    if (g->consumer != NULL) {
        const struct consumer_member *owner =
            consumer_group_owner(g->consumer, p->topic_id, p->partition);
        ck_assert_ptr_nonnull(owner);
        ck_assert(str_is(owner->id, c->id));
    }
    write_offset(s, t, p->partition, s->offsets[t->name[0] - 'a'][p->partition] + 1);
}
