/* A client of the classic protocol (Java: ConsumerCoordinator), eager or cooperative.
 * An eager one gives all up before it joins; a cooperative one keeps what it has, says
 * so, gives up what is not assigned to it any more, and joins once more if there was
 * any. The leader hands out nothing that another one still owns. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "broker/group/consumer_classic.h"
#include "broker/group/consumer_protocol.h"
#include "tests/sim/sim.h"
#include "tests/support/group_requests.h"

typedef struct join_group_request_join_group_request_protocol join_protocol;

/* One of an answer's kinds; the others are not used. */
struct answer {
    struct classic_join join;
    struct classic_sync sync;
    struct group_write write;
    struct sim_client *client; /* NULL: it is gone */
    struct consumer_join_result result;
    char member_id[80];
};

static struct answer *begin(struct sim_client *c)
{
    struct answer *a = calloc(1, sizeof(*a));
    ck_assert_ptr_nonnull(a);
    a->client = c;
    c->waits = a;
    return a;
}

/* NULL: nobody hears it, or it is lost. */
static struct sim_client *end(struct answer *a)
{
    struct sim_client *c = a->client;
    free(a);
    if (c == NULL)
        return NULL;
    c->waits = NULL;
    return sim_loses(c->sim) ? NULL : c;
}

void sim_classic_forget(struct sim_client *c)
{
    ((struct answer *)c->waits)->client = NULL;
}

static void take_error(struct sim_client *c, enum kafka_error error)
{
    switch (error) {
    case KAFKA_UNKNOWN_MEMBER_ID:
        sim_client_lose(c);
        c->id[0] = '\0';
        break;
    case KAFKA_ILLEGAL_GENERATION:
        sim_client_lose(c);
        break;
    case KAFKA_REBALANCE_IN_PROGRESS:
    case KAFKA_NOT_COORDINATOR:
    case KAFKA_COORDINATOR_NOT_AVAILABLE:
        c->rejoins = true;
        break;
    /* A static member whose new id was not yet stored when the broker ended. */
    case KAFKA_FENCED_INSTANCE_ID:
        sim_client_crash(c);
        break;
    default:
        ck_abort_msg("a classic member is answered with %s", kafka_error_name(error));
    }
}

/* ---- the leader ---------------------------------------------------------- */

struct claim {
    struct consumer_protocol_subscription says;
    struct partition_set owned;
};

/* The latest generation counts, if several say that they own it. */
static int claimer_of(const struct claim *claims, int count,
                      const struct topic_partition *p)
{
    int best = -1;
    for (int i = 0; i < count; i++) {
        if (partition_set_find(&claims[i].owned, p->topic_id, p->partition) != NULL &&
            (best < 0 ||
             claims[i].says.generation_id > claims[best].says.generation_id))
            best = i;
    }
    return best;
}

static bool subscribes(const struct claim *claim, struct str topic)
{
    for (int32_t i = 0; i < claim->says.topics_count; i++) {
        if (str_equal(claim->says.topics[i], topic))
            return true;
    }
    return false;
}

/* Round and round among those who subscribe. */
static void share_topic(struct sim_client *c, const struct claim *claims,
                        const struct metadata_topic *t)
{
    int takers[SIM_CLIENTS * 2], count = 0;
    for (int i = 0; i < c->share_count; i++) {
        if (subscribes(&claims[i], metadata_topic_name(t)))
            takers[count++] = i;
    }
    for (int32_t n = 0; count > 0 && n < t->partition_count; n++) {
        struct topic_partition p = {.topic_id = t->id, .partition = n};
        int taker = takers[n % count];
        int owner = claimer_of(claims, c->share_count, &p);
        if (owner < 0 || owner == taker)
            ck_assert(partition_set_append(&c->shares[taker].partitions, p));
    }
}

static void share_out(struct sim_client *c, const struct classic_group *g)
{
    const struct metadata_image *image = c->sim->world.image;
    struct claim claims[SIM_CLIENTS * 2] = {0};
    struct arena arena = ARENA_INIT;
    int32_t topic_count;
    for (const struct classic_member *m = g->members; m != NULL; m = m->hh.next) {
        struct claim *claim = &claims[c->share_count];
        struct sim_share *share = &c->shares[c->share_count++];
        ck_assert_int_le(c->share_count, SIM_CLIENTS * 2);
        snprintf(share->member_id, sizeof(share->member_id), "%.*s", STR_ARGS(m->id));
        ck_assert(consumer_protocol_subscription(
            classic_member_metadata(m, g->protocol_name), &arena, &claim->says));
        ck_assert(consumer_protocol_owned(&claim->says, image, &claim->owned));
    }
    const struct metadata_topic *const *topics =
        metadata_image_topics(image, &topic_count);
    for (int32_t i = 0; i < topic_count; i++)
        share_topic(c, claims, topics[i]);
    for (int i = 0; i < c->share_count; i++) {
        partition_set_sort(&c->shares[i].partitions);
        partition_set_free(&claims[i].owned);
    }
    arena_reset(&arena);
}

/* ---- JoinGroup ----------------------------------------------------------- */

static void take_join(struct sim_client *c, enum kafka_error error,
                      struct str member_id, int32_t generation_id)
{
    if (member_id.len > 0 && (error == KAFKA_NONE || error == KAFKA_MEMBER_ID_REQUIRED))
        snprintf(c->id, sizeof(c->id), "%.*s", STR_ARGS(member_id));
    if (error == KAFKA_INCONSISTENT_GROUP_PROTOCOL)
        sim_client_crash(c);
    else if (error != KAFKA_NONE && error != KAFKA_MEMBER_ID_REQUIRED)
        take_error(c, error);
    if (error != KAFKA_NONE)
        return;
    c->epoch = generation_id;
    c->state = CLIENT_JOINED;
    c->delay = (int)sim_random(c->sim, sim_random(c->sim, 4) == 0 ? 20 : 2);
}

static void on_joined(struct classic_join *join, const struct join_result *r)
{
    struct sim_client *c = end((struct answer *)join);
    if (c == NULL)
        return;
    sim_client_forget_shares(c);
    c->leads = r->error == KAFKA_NONE && str_equal(r->leader, r->member_id);
    if (r->members != NULL && !r->skip_assignment)
        share_out(c, r->members);
    if (c->leads)
        c->topics_version = c->sim->world.env.topics_version;
    take_join(c, r->error, r->member_id, r->generation_id);
}

static void on_consumer_joined(struct group_write *write, enum kafka_error error)
{
    struct answer *a =
        (struct answer *)((char *)write - offsetof(struct answer, write));
    struct consumer_join_result result = a->result;
    char id[80];
    snprintf(id, sizeof(id), "%s", a->member_id);
    struct sim_client *c = end(a);
    if (c == NULL)
        return;
    sim_client_forget_shares(c);
    c->leads = false;
    take_join(c, error != KAFKA_NONE ? error : result.error, str_of(id),
              result.generation_id);
}

/* As the broker does it before a group is asked (JoinGroup's handler). NULL: the
 * answer is *error. */
static struct group *group_to_join(struct sim_client *c, enum kafka_error *error)
{
    struct group_world *w = &c->sim->world;
    struct group *g = group_world_group(w);
    struct group_write ignored = {0};
    struct group_records records;
    *error = KAFKA_NONE;
    if (g != NULL && g->consumer != NULL && g->consumer->member_count == 0) {
        group_records_init(&records, group_now_ms(&w->env));
        group_write_tombstones(g, &records);
        *error = w->env.change(&w->env, WORLD_GROUP, &records, &ignored);
        g = group_world_group(w);
    }
    if (g != NULL || *error != KAFKA_NONE)
        return *error == KAFKA_NONE ? g : NULL;
    if (c->id[0] != '\0') {
        *error = KAFKA_UNKNOWN_MEMBER_ID;
        return NULL;
    }
    struct group_metadata_value value = {
        .protocol_type = STR_LITERAL(""), .protocol = STR_NULL, .leader = STR_NULL};
    group_records_init(&records, group_now_ms(&w->env));
    group_records_group(&records, WORLD_GROUP, &value);
    *error = w->env.change(&w->env, WORLD_GROUP, &records, &ignored);
    return *error == KAFKA_NONE ? group_world_group(w) : NULL;
}

static void join_consumer(struct sim_client *c, struct consumer_group *g,
                          const struct join_group_request *r, struct arena *arena)
{
    struct group_env *env = &c->sim->world.env;
    struct consumer_client who = {STR_LITERAL("client"), STR_LITERAL("/host")};
    struct answer *a = begin(c);
    a->write.done = on_consumer_joined;
    bool made = consumer_classic_join(g, 9, &who, r, arena, &a->result, &a->write);
    snprintf(a->member_id, sizeof(a->member_id), "%.*s", STR_ARGS(a->result.member_id));
    if (made)
        env->commit(env, &a->write);
    else
        on_consumer_joined(&a->write, KAFKA_NONE);
}

static void join(struct sim_client *c)
{
    struct arena arena = ARENA_INIT;
    enum kafka_error error;
    char topics[SIM_TOPICS_TEXT];
    if (!c->sim->cooperative)
        partition_set_free(&c->owned);
    c->state = CLIENT_OUT;
    c->rejoins = false;
    join_protocol protocol = {
        .name = str_of(c->sim->cooperative ? "cooperative-sticky" : "range"),
        .metadata =
            request_subscription(request_names(sim_topics(c, topics), &arena),
                                 &c->owned, c->sim->world.image, c->epoch, &arena)};
    struct join_group_request r = JOIN_GROUP_REQUEST_INIT;
    r.group_id = WORLD_GROUP;
    r.session_timeout_ms = SIM_CLASSIC_SESSION_MS;
    r.rebalance_timeout_ms = SIM_REBALANCE_MS;
    r.member_id = str_of(c->id);
    r.group_instance_id = sim_instance(c);
    r.protocol_type = STR_LITERAL(CONSUMER_PROTOCOL);
    r.protocols = &protocol;
    r.protocols_count = 1;
    struct group *g = group_to_join(c, &error);
    if (g == NULL) {
        take_error(c, error);
    } else if (g->consumer != NULL) {
        join_consumer(c, g->consumer, &r, &arena);
    } else {
        struct classic_client who = {9, STR_LITERAL("client"), STR_LITERAL("/host")};
        struct answer *a = begin(c);
        a->join.done = on_joined;
        classic_group_join(g->classic, &who, &r, &a->join);
    }
    arena_reset(&arena);
}

/* ---- SyncGroup ----------------------------------------------------------- */

static void take_sync(struct sim_client *c, enum kafka_error error,
                      struct bytes assignment)
{
    struct arena arena = ARENA_INIT;
    struct consumer_protocol_assignment says = {0};
    struct partition_set assigned = PARTITION_SET_INIT;
    if (error != KAFKA_NONE) {
        take_error(c, error);
        return;
    }
    if (assignment.len > 0)
        ck_assert(consumer_protocol_assignment(assignment, &arena, &says));
    ck_assert(consumer_protocol_assigned(&says, c->sim->world.image, &assigned));
    for (int32_t i = 0; i < c->owned.count && !c->rejoins; i++)
        c->rejoins = partition_set_find(&assigned, c->owned.items[i].topic_id,
                                        c->owned.items[i].partition) == NULL;
    partition_set_free(&c->owned);
    c->owned = assigned;
    c->state = CLIENT_STABLE;
    arena_reset(&arena);
}

static void on_synced(struct classic_sync *sync, const struct sync_result *r)
{
    struct sim_client *c =
        end((struct answer *)((char *)sync - offsetof(struct answer, sync)));
    if (c != NULL)
        take_sync(c, r->error, r->assignment);
}

static void sync_classic(struct sim_client *c, struct classic_group *g,
                         struct sync_group_request *r, struct arena *arena)
{
    struct answer *a = begin(c);
    a->sync.done = on_synced;
    r->assignments =
        arena_array(arena, (size_t)c->share_count, sizeof(*r->assignments));
    for (int i = 0; i < c->share_count; i++) {
        r->assignments[i].member_id = str_of(c->shares[i].member_id);
        r->assignments[i].assignment = consumer_protocol_write(
            &c->shares[i].partitions, c->sim->world.image, 1, arena);
        r->assignments_count++;
    }
    classic_group_sync(g, r, &a->sync);
}

static void synchronise(struct sim_client *c, struct group *g)
{
    struct arena arena = ARENA_INIT;
    struct sync_group_request r = SYNC_GROUP_REQUEST_INIT;
    r.group_id = WORLD_GROUP;
    r.generation_id = c->epoch;
    r.member_id = str_of(c->id);
    r.group_instance_id = sim_instance(c);
    if (g->classic != NULL) {
        sync_classic(c, g->classic, &r, &arena);
    } else {
        struct bytes assignment = BYTES_NULL;
        enum kafka_error error =
            consumer_classic_sync(g->consumer, &r, &arena, &assignment);
        take_sync(c, error, assignment);
    }
    arena_reset(&arena);
}

/* ---- its turn ------------------------------------------------------------ */

static void beat(struct sim_client *c, struct group *g)
{
    struct heartbeat_request r = {.group_id = WORLD_GROUP,
                                  .generation_id = c->epoch,
                                  .member_id = str_of(c->id),
                                  .group_instance_id = sim_instance(c)};
    enum kafka_error error = g->classic != NULL
                                 ? classic_group_heartbeat(g->classic, &r)
                                 : consumer_classic_heartbeat(g->consumer, &r);
    if (error != KAFKA_NONE)
        take_error(c, error);
}

void sim_classic_turn(struct sim_client *c)
{
    struct group *g = group_world_group(&c->sim->world);
    if (c->waits != NULL)
        return;
    if (c->leads && c->state == CLIENT_STABLE &&
        c->topics_version != c->sim->world.env.topics_version)
        c->rejoins = true;
    if (c->state == CLIENT_OUT || c->rejoins)
        join(c);
    else if (g == NULL)
        take_error(c, KAFKA_UNKNOWN_MEMBER_ID);
    else if (c->state == CLIENT_JOINED && c->delay-- <= 0)
        synchronise(c, g);
    else
        beat(c, g);
}

void sim_classic_leave(struct sim_client *c)
{
    struct group *g = group_world_group(&c->sim->world);
    struct leave_group_request_member_identity who = {
        .member_id = str_of(c->id), .group_instance_id = sim_instance(c)};
    struct arena arena = ARENA_INIT;
    struct group_write ignored = {0};
    enum kafka_error error;
    /* Java's static members do not say that they go. */
    if (g == NULL || c->instance[0] != '\0' || c->id[0] == '\0')
        return;
    if (g->classic != NULL)
        classic_group_leave(g->classic, &who, 1, &error);
    else
        consumer_classic_leave(g->consumer, &who, 1, &arena, &error, &ignored);
    arena_reset(&arena);
}
