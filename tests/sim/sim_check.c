/* What holds after every step, whatever has happened. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "broker/group/classic_group_internal.h"
#include "broker/group/consumer_group_internal.h"
#include "tests/sim/sim.h"
#include "tests/support/group_text.h"

/* ---- who owns what ------------------------------------------------------- */

/* Not a zombie: the coordinator would not turn it away if it spoke now. One that has
 * not heard the last answer comes with the epoch before. */
static bool is_in(const struct sim_client *c, const struct group *g)
{
    if (c->state == CLIENT_STOPPED || c->id[0] == '\0' || c->epoch < 0)
        return false;
    if (g->classic != NULL)
        return classic_group_member(g->classic, str_of(c->id)) != NULL &&
               c->epoch == g->classic->generation_id;
    const struct consumer_member *m = consumer_group_member(g->consumer, str_of(c->id));
    if (m == NULL || c->epoch == 0)
        return false;
    return c->epoch == m->current.member_epoch ||
           (c->protocol == SIM_CONSUMER &&
            c->epoch == m->current.previous_member_epoch);
}

static void check_pair(const struct sim *s, const struct sim_client *a,
                       const struct sim_client *b)
{
    for (int32_t i = 0; i < a->owned.count; i++) {
        const struct topic_partition *p = &a->owned.items[i];
        if (partition_set_find(&b->owned, p->topic_id, p->partition) == NULL)
            continue;
        sim_tell(s);
        ck_abort_msg("%s in epoch %d and %s in epoch %d own the same partition", a->id,
                     a->epoch, b->id, b->epoch);
    }
}

static void check_owned_once(const struct sim *s, const struct group *g)
{
    for (int i = 0; i < SIM_CLIENTS; i++) {
        for (int j = 0; j < i && is_in(&s->clients[i], g); j++) {
            if (is_in(&s->clients[j], g))
                check_pair(s, &s->clients[i], &s->clients[j]);
        }
    }
}

static void check_disjoint(const struct partition_set *a, const struct partition_set *b,
                           const char *what)
{
    for (int32_t i = 0; i < a->count; i++) {
        if (partition_set_find(b, a->items[i].topic_id, a->items[i].partition) != NULL)
            ck_abort_msg("two members have partition %d %s", a->items[i].partition,
                         what);
    }
}

static void check_members_disjoint(const struct consumer_group *g)
{
    const struct consumer_member *a = NULL;
    while ((a = consumer_group_next(g, a)) != NULL) {
        const struct consumer_member *b = a;
        check_disjoint(&a->current.assigned, &a->current.pending_revocation, "twice");
        while ((b = consumer_group_next(g, b)) != NULL) {
            check_disjoint(&a->target, &b->target, "in their targets");
            check_disjoint(&a->current.assigned, &b->current.assigned, "assigned");
            check_disjoint(&a->current.assigned, &b->current.pending_revocation,
                           "assigned, or pending");
            check_disjoint(&b->current.assigned, &a->current.pending_revocation,
                           "assigned, or pending");
        }
    }
}

/* ---- nothing is forgotten ------------------------------------------------ */

static bool is_assigned(const struct consumer_group *g, struct uuid topic_id, int32_t p)
{
    const struct consumer_member *m = consumer_group_owner(g, topic_id, p);
    return m != NULL && partition_set_find(&m->current.assigned, topic_id, p) != NULL;
}

/* What a member that has changed to another regular expression had is to be shared out
 * when its topics are known. */
static bool is_resolved(const struct consumer_group *g)
{
    const struct consumer_member *m = NULL;
    while ((m = consumer_group_next(g, m)) != NULL) {
        if (m->regex.len > 0 && consumer_group_regex(g, m->regex) == NULL)
            return false;
    }
    return true;
}

static void check_complete(const struct sim *s, const struct consumer_group *g)
{
    int32_t count;
    if (consumer_group_state(g) != CONSUMER_GROUP_STABLE ||
        g->topics_version != s->world.env.topics_version || !is_resolved(g))
        return;
    const struct metadata_topic *const *topics =
        metadata_image_topics(s->world.image, &count);
    for (int32_t t = 0; t < count; t++) {
        if (!consumer_group_subscribes(g, metadata_topic_name(topics[t])))
            continue;
        for (int32_t p = 0; p < topics[t]->partition_count; p++) {
            if (is_assigned(g, topics[t]->id, p))
                continue;
            sim_tell(s);
            ck_abort_msg("%s%d is forgotten in a stable group", topics[t]->name, p);
        }
    }
}

static bool has_owner(const struct sim *s, struct uuid topic_id, int32_t p)
{
    for (int i = 0; i < SIM_CLIENTS; i++) {
        if (partition_set_find(&s->clients[i].owned, topic_id, p) != NULL)
            return true;
    }
    return false;
}

static bool is_wanted(const struct sim *s, const char *topic)
{
    for (int i = 0; i < SIM_CLIENTS; i++) {
        if (s->clients[i].state != CLIENT_STOPPED &&
            sim_client_subscribes(&s->clients[i], topic))
            return true;
    }
    return false;
}

const char *sim_forgotten(const struct sim *s)
{
    int32_t count;
    const struct metadata_topic *const *topics =
        metadata_image_topics(s->world.image, &count);
    for (int32_t t = 0; t < count; t++) {
        for (int32_t p = 0; p < topics[t]->partition_count; p++) {
            if (is_wanted(s, topics[t]->name) && !has_owner(s, topics[t]->id, p))
                return topics[t]->name;
        }
    }
    return NULL;
}

/* ---- epochs and generations ---------------------------------------------- */

static void check_member_epochs(const struct consumer_group *g)
{
    const struct consumer_member *m = NULL;
    while ((m = consumer_group_next(g, m)) != NULL)
        ck_assert_int_le(m->current.member_epoch, g->assignment_epoch);
}

static void check_epochs(struct sim *s, const struct consumer_group *g)
{
    ck_assert_int_le(g->assignment_epoch, g->group_epoch);
    if (g == s->known_consumer) {
        ck_assert_int_ge(g->group_epoch, s->group_epoch);
        ck_assert_int_ge(g->assignment_epoch, s->assignment_epoch);
    }
    check_member_epochs(g);
    s->known_consumer = g;
    s->group_epoch = g->group_epoch;
    s->assignment_epoch = g->assignment_epoch;
}

static void check_generation(struct sim *s, const struct classic_group *g)
{
    if (g == s->known_classic)
        ck_assert_int_ge(g->generation_id, s->generation_id);
    s->known_classic = g;
    s->generation_id = g->generation_id;
}

/* ---- timers -------------------------------------------------------------- */

static size_t count_armed(const struct deadline *d)
{
    return d->place > 0;
}

/* A member lives as long as its session; what it gives up has its time, too. Nothing is
 * left of one that is gone. */
static size_t check_consumer_timers(const struct consumer_group *g)
{
    size_t armed = 0;
    for (const struct consumer_member *m = g->members; m != NULL; m = m->hh.next) {
        bool gives_up = m->current.state == MEMBER_UNREVOKED_PARTITIONS;
        bool away = m->current.member_epoch == LEAVE_GROUP_STATIC_MEMBER_EPOCH;
        armed += count_armed(&m->session) + count_armed(&m->rebalance) +
                 count_armed(&m->join) + count_armed(&m->sync);
        ck_assert(m->present);
        ck_assert_uint_eq(count_armed(&m->session), 1);
        if (!m->uses_classic_protocol && !away)
            ck_assert_uint_eq(count_armed(&m->rebalance), gives_up);
    }
    return armed;
}

static size_t check_classic_timers(const struct classic_group *g)
{
    size_t armed = count_armed(&g->rebalance) + count_armed(&g->sync);
    for (const struct classic_member *m = g->members; m != NULL; m = m->hh.next) {
        armed += count_armed(&m->session);
        /* Who waits for the group need not show that it lives. */
        ck_assert(m->session.place > 0 || m->join != NULL || m->sync != NULL);
    }
    for (const struct pending_member *p = g->pending_joins; p != NULL; p = p->hh.next)
        armed += count_armed(&p->session);
    return armed;
}

/* ---- the log ------------------------------------------------------------- */

static void check_offsets(const struct sim *s, const struct group *g)
{
    for (int t = 0; t < SIM_TOPICS; t++) {
        char name[2] = {(char)('a' + t), '\0'};
        for (int32_t p = 0; p < SIM_PARTITIONS; p++) {
            const struct committed_offset *o =
                g == NULL ? NULL : group_offsets_find(&g->offsets, str_of(name), p);
            ck_assert_int_eq(o == NULL ? -1 : o->offset, s->offsets[t][p]);
        }
    }
}

static bool classic_is_stored(const struct sim *s)
{
    const struct classic_group *g = group_world_classic(&s->world);
    return g == NULL || ((g->state == GROUP_STABLE || g->state == GROUP_EMPTY) &&
                         !s->world.classic_is_ahead);
}

/* The log, read while it is written, gives what is in memory. */
static void check_replay(struct sim *s)
{
    bool with_classic = classic_is_stored(s);
    group_world_replay_more(&s->world, &s->mirror, &s->mirrored);
    char *is = group_table_text(&s->world.table, with_classic);
    char *replayed = group_table_text(&s->mirror, with_classic);
    ck_assert_str_eq(replayed, is);
    ck_assert_int_eq(s->mirror.unreadable_records, 0);
    free(is);
    free(replayed);
}

/* ---- all of it ----------------------------------------------------------- */

void sim_check(struct sim *s)
{
    const struct group *g = group_world_group(&s->world);
    size_t armed = 0;
    if (g == NULL || g->consumer == NULL)
        s->known_consumer = NULL;
    if (g == NULL || g->classic == NULL)
        s->known_classic = NULL;
    if (g != NULL)
        check_owned_once(s, g);
    if (g != NULL && g->consumer != NULL) {
        check_members_disjoint(g->consumer);
        check_complete(s, g->consumer);
        check_epochs(s, g->consumer);
        armed = check_consumer_timers(g->consumer);
    } else if (g != NULL) {
        check_generation(s, g->classic);
        armed = check_classic_timers(g->classic);
    }
    ck_assert_uint_eq(armed, s->world.deadlines.count);
    check_offsets(s, g);
    check_replay(s);
}
