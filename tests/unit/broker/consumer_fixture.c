#include "tests/unit/broker/consumer_fixture.h"

#include "broker/group/consumer_protocol.h"
#include "broker/group/consumer_regex.h"

typedef struct join_group_request_join_group_request_protocol join_protocol;

void consumer_fixture_open(struct group_world *w, const char *settings)
{
    char text[512];
    snprintf(text, sizeof(text),
             "group.consumer.min.assignment.interval.ms=0\n"
             "group.consumer.assignment.interval.ms=0\n%s",
             settings == NULL ? "" : settings);
    group_world_open(w, text);
    group_world_topic(w, "a", 4);
    group_world_topic(w, "b", 2);
}

static struct str said(const char *text)
{
    return text == NULL ? STR_NULL : str_of(text);
}

/* ---- ConsumerGroupHeartbeat ---------------------------------------------- */

static struct consumer_group_heartbeat_request request_of(struct group_world *w,
                                                          struct beat b,
                                                          struct arena *arena)
{
    struct consumer_group_heartbeat_request m = CONSUMER_GROUP_HEARTBEAT_REQUEST_INIT;
    m.group_id = WORLD_GROUP;
    m.member_id = b.member == NULL ? STR_LITERAL("") : str_of(b.member);
    m.member_epoch = b.epoch;
    m.instance_id = said(b.instance);
    m.rack_id = said(b.rack);
    m.rebalance_timeout_ms = b.rebalance_ms == 0 ? -1 : b.rebalance_ms;
    m.subscribed_topic_regex = said(b.regex);
    m.server_assignor = said(b.assignor);
    if (b.topics != NULL) {
        struct name_array names = request_names(b.topics, arena);
        m.subscribed_topic_names = names.items;
        m.subscribed_topic_names_count = names.count;
    }
    if (b.owned != NULL) {
        struct partition_set owned = group_world_partitions(w, b.owned);
        request_say_owned(&m, &owned, arena);
        partition_set_free(&owned);
    }
    return m;
}

enum kafka_error consumer_validate(struct group_world *w, struct beat b,
                                   int16_t version, char message[256])
{
    struct arena arena = ARENA_INIT;
    struct consumer_group_heartbeat_request m = request_of(w, b, &arena);
    struct group_refusal refusal = {0};
    bool ok = consumer_heartbeat_is_valid(w->config, &m, version, &arena, &refusal);
    snprintf(message, 256, "%.*s", STR_ARGS(refusal.message));
    arena_reset(&arena);
    return ok ? KAFKA_NONE : refusal.error;
}

/* Its memory is gone when the answer is told, but for what it is told. */
struct told {
    struct group_write base; /* first: on_told() casts back */
    struct beaten *out;
};

static void on_told(struct group_write *write, enum kafka_error error)
{
    struct told *t = (struct told *)write;
    t->out->told = true;
    if (error != KAFKA_NONE)
        t->out->error = error;
    free(t);
}

static void take_response(struct group_world *w,
                          const struct consumer_group_heartbeat_response *r,
                          struct beaten *out)
{
    struct partition_set assigned = PARTITION_SET_INIT;
    *out = (struct beaten){
        .error = (enum kafka_error)r->error_code,
        .epoch = r->member_epoch,
        .interval_ms = r->heartbeat_interval_ms,
        .has_assignment = r->assignment != NULL,
    };
    snprintf(out->message, sizeof(out->message), "%.*s", STR_ARGS(r->error_message));
    snprintf(out->member, sizeof(out->member), "%.*s", STR_ARGS(r->member_id));
    request_assigned(r, &assigned);
    group_world_text(w, &assigned, out->assignment, sizeof(out->assignment));
    partition_set_free(&assigned);
}

/* As the handler does in the pool. */
static void check_regex(struct group_world *w,
                        const struct consumer_group_heartbeat_request *m,
                        struct regex_check *check, struct consumer_client *who)
{
    *check = (struct regex_check){.pattern = m->subscribed_topic_regex, .valid = true};
    if (consumer_regex_is_new(&w->env, m->group_id, check->pattern))
        consumer_regex_check(&check->job);
    if (!check->valid)
        who->regex_fault = str_of(check->err.message);
}

void consumer_beat(struct group_world *w, struct beat b, struct beaten *out)
{
    struct arena arena = ARENA_INIT;
    struct consumer_group_heartbeat_request m = request_of(w, b, &arena);
    struct consumer_client who = {STR_LITERAL("client"), STR_LITERAL("/host"),
                                  STR_NULL};
    struct consumer_group_heartbeat_response response;
    struct regex_check check;
    check_regex(w, &m, &check, &who);
    struct told *t = calloc(1, sizeof(*t));
    ck_assert_ptr_nonnull(t);
    t->base.done = on_told;
    t->out = out;
    bool made = consumer_heartbeat(&w->env, &who, &m, &arena, &response, &t->base);
    take_response(w, &response, out);
    ck_assert_int_eq(made, out->error == KAFKA_NONE);
    if (made)
        w->env.commit(&w->env, &t->base);
    else
        on_told(&t->base, KAFKA_NONE);
    arena_reset(&arena);
}

static void take(struct member *m)
{
    if (m->last.error != KAFKA_NONE)
        return;
    m->epoch = m->last.epoch;
    if (m->last.has_assignment)
        memcpy(m->owned, m->last.assignment, sizeof(m->owned));
}

void member_join(struct group_world *w, struct member *m)
{
    m->owned[0] = '\0';
    consumer_beat(w,
                  (struct beat){.member = m->id,
                                .instance = m->instance,
                                .topics = m->topics,
                                .owned = "",
                                .rebalance_ms = REBALANCE_MS},
                  &m->last);
    take(m);
}

void member_beat(struct group_world *w, struct member *m)
{
    consumer_beat(w,
                  (struct beat){.member = m->id,
                                .epoch = m->epoch,
                                .instance = m->instance,
                                .owned = m->owned},
                  &m->last);
    take(m);
}

void member_beat_shortly(struct group_world *w, struct member *m)
{
    consumer_beat(
        w, (struct beat){.member = m->id, .epoch = m->epoch, .instance = m->instance},
        &m->last);
    if (m->last.error == KAFKA_NONE)
        m->epoch = m->last.epoch;
}

void member_leave(struct group_world *w, struct member *m, int32_t epoch)
{
    consumer_beat(
        w, (struct beat){.member = m->id, .epoch = epoch, .instance = m->instance},
        &m->last);
}

void members_settle(struct group_world *w, struct member *members, int count)
{
    int appends = -1;
    while (appends != w->appends) {
        appends = w->appends;
        for (int i = 0; i < count; i++) {
            member_beat(w, &members[i]);
            ck_assert_int_eq(members[i].last.error, KAFKA_NONE);
        }
    }
    ck_assert_int_eq(consumer_group_state(group_world_consumer(w)),
                     CONSUMER_GROUP_STABLE);
}

/* ---- the classic protocol ------------------------------------------------- */

static void take_join(struct peer *p, enum kafka_error error, struct str id,
                      int32_t generation)
{
    char text[sizeof(p->id)]; /* `id` may be p->id itself */
    snprintf(text, sizeof(text), "%.*s", STR_ARGS(id));
    if (id.len > 0)
        memcpy(p->id, text, sizeof(text));
    p->waits = false;
    p->error = error;
    if (error == KAFKA_NONE)
        p->generation = generation;
}

static void on_joined(struct classic_join *join, const struct join_result *r)
{
    struct peer *p = (struct peer *)((char *)join - offsetof(struct peer, join));
    take_join(p, r->error, r->member_id, r->generation_id);
    p->leads = r->error == KAFKA_NONE && str_equal(r->leader, r->member_id);
}

static void on_committed(struct group_write *write, enum kafka_error error)
{
    struct peer *p = (struct peer *)((char *)write - offsetof(struct peer, write));
    p->waits = false;
    if (error != KAFKA_NONE)
        p->error = error;
}

static void join_consumer(struct group_world *w, struct peer *p,
                          const struct join_group_request *r, int16_t version,
                          struct arena *arena)
{
    struct consumer_client who = {STR_LITERAL("client"), STR_LITERAL("/host")};
    p->write.done = on_committed;
    bool made = consumer_classic_join(group_world_consumer(w), version, &who, r, arena,
                                      &p->result, &p->write);
    take_join(p, p->result.error, p->result.member_id, p->result.generation_id);
    p->waits = made;
    if (made)
        w->env.commit(&w->env, &p->write);
}

static void join_classic(struct group_world *w, struct peer *p,
                         const struct join_group_request *r, int16_t version)
{
    struct group *g = group_table_make(&w->table, WORLD_GROUP);
    struct classic_client who = {version, STR_LITERAL("client"), STR_LITERAL("/host")};
    p->join.done = on_joined;
    p->waits = true;
    classic_group_join(g->classic, &who, r, &p->join);
}

void peer_ask_to_join(struct group_world *w, struct peer *p, int16_t version)
{
    struct arena arena = ARENA_INIT;
    struct partition_set owned = group_world_partitions(w, p->owned);
    join_protocol protocol = {
        .name = str_of(p->protocol == NULL ? "range" : p->protocol),
        .metadata = request_subscription(request_names(p->topics, &arena), &owned,
                                         w->image, p->generation, &arena)};
    struct join_group_request r = JOIN_GROUP_REQUEST_INIT;
    r.group_id = WORLD_GROUP;
    r.session_timeout_ms = CLASSIC_SESSION_MS;
    r.rebalance_timeout_ms = REBALANCE_MS;
    r.member_id = str_of(p->id);
    r.group_instance_id = said(p->instance);
    r.protocol_type = str_of(p->type == NULL ? CONSUMER_PROTOCOL : p->type);
    r.protocols = &protocol;
    r.protocols_count = 1;
    if (group_world_consumer(w) != NULL)
        join_consumer(w, p, &r, version, &arena);
    else
        join_classic(w, p, &r, version);
    partition_set_free(&owned);
    arena_reset(&arena);
}

void peer_join(struct group_world *w, struct peer *p)
{
    peer_ask_to_join(w, p, 9);
    if (!p->waits && p->error == KAFKA_MEMBER_ID_REQUIRED)
        peer_ask_to_join(w, p, 9);
}

static void take_sync(struct group_world *w, struct peer *p, enum kafka_error error,
                      struct bytes assignment)
{
    struct arena arena = ARENA_INIT;
    struct consumer_protocol_assignment says = {0};
    struct partition_set set = PARTITION_SET_INIT;
    p->waits = false;
    p->error = error;
    if (error == KAFKA_NONE && assignment.len > 0)
        ck_assert(consumer_protocol_assignment(assignment, &arena, &says));
    ck_assert(consumer_protocol_assigned(&says, w->image, &set));
    if (error == KAFKA_NONE)
        group_world_text(w, &set, p->owned, sizeof(p->owned));
    partition_set_free(&set);
    arena_reset(&arena);
}

struct waiting_sync {
    struct classic_sync base; /* first: on_synced() casts back */
    struct group_world *world;
    struct peer *peer;
};

static void on_synced(struct classic_sync *sync, const struct sync_result *r)
{
    struct waiting_sync *waiting = (struct waiting_sync *)sync;
    take_sync(waiting->world, waiting->peer, r->error, r->assignment);
    free(waiting);
}

static void send_sync(struct group_world *w, struct peer *p,
                      struct sync_group_request *r, struct arena *arena)
{
    struct group *g = group_world_group(w);
    r->group_id = WORLD_GROUP;
    r->generation_id = p->generation;
    r->member_id = str_of(p->id);
    r->group_instance_id = said(p->instance);
    if (g->consumer != NULL) {
        struct bytes assignment = BYTES_NULL;
        enum kafka_error error =
            consumer_classic_sync(g->consumer, r, arena, &assignment);
        take_sync(w, p, error, assignment);
        return;
    }
    struct waiting_sync *waiting = calloc(1, sizeof(*waiting));
    ck_assert_ptr_nonnull(waiting);
    *waiting = (struct waiting_sync){{on_synced}, w, p};
    p->waits = true;
    classic_group_sync(g->classic, r, &waiting->base);
}

void peer_sync(struct group_world *w, struct peer *p)
{
    struct arena arena = ARENA_INIT;
    struct sync_group_request r = SYNC_GROUP_REQUEST_INIT;
    send_sync(w, p, &r, &arena);
    arena_reset(&arena);
}

void peer_lead(struct group_world *w, struct peer *leader, const struct peer *peers,
               const char *const *assignments, int count)
{
    struct arena arena = ARENA_INIT;
    struct sync_group_request r = SYNC_GROUP_REQUEST_INIT;
    r.assignments = arena_array(&arena, (size_t)count, sizeof(*r.assignments));
    for (r.assignments_count = 0; r.assignments_count < count; r.assignments_count++) {
        int i = r.assignments_count;
        struct partition_set set = group_world_partitions(w, assignments[i]);
        r.assignments[i].member_id = str_of(peers[i].id);
        r.assignments[i].assignment =
            consumer_protocol_write(&set, w->image, 3, &arena);
        partition_set_free(&set);
    }
    send_sync(w, leader, &r, &arena);
    arena_reset(&arena);
}

enum kafka_error peer_beat(struct group_world *w, const struct peer *p)
{
    struct group *g = group_world_group(w);
    struct heartbeat_request r = {.group_id = WORLD_GROUP,
                                  .generation_id = p->generation,
                                  .member_id = str_of(p->id),
                                  .group_instance_id = said(p->instance)};
    return g->consumer != NULL ? consumer_classic_heartbeat(g->consumer, &r)
                               : classic_group_heartbeat(g->classic, &r);
}

enum kafka_error peer_leave(struct group_world *w, const struct peer *p)
{
    struct group *g = group_world_group(w);
    struct leave_group_request_member_identity who = {
        .member_id = str_of(p->id), .group_instance_id = said(p->instance)};
    struct arena arena = ARENA_INIT;
    struct group_write ignored = {0};
    enum kafka_error each = KAFKA_NONE, all = KAFKA_NONE;
    if (g->consumer != NULL)
        all = consumer_classic_leave(g->consumer, &who, 1, &arena, &each, &ignored);
    else
        classic_group_leave(g->classic, &who, 1, &each);
    arena_reset(&arena);
    return all != KAFKA_NONE ? all : each;
}

/* ---- questions ------------------------------------------------------------ */

static void expect_set(struct group_world *w, const struct partition_set *s,
                       const char *text)
{
    char is[256];
    ck_assert_str_eq(group_world_text(w, s, is, sizeof(is)), text);
}

void expect_member(struct group_world *w, const char *id, enum member_state state,
                   const char *assigned, const char *pending_revocation)
{
    const struct consumer_member *m =
        consumer_group_member(group_world_consumer(w), str_of(id));
    ck_assert_ptr_nonnull(m);
    ck_assert_int_eq(m->current.state, state);
    expect_set(w, &m->current.assigned, assigned);
    expect_set(w, &m->current.pending_revocation, pending_revocation);
}

void expect_target(struct group_world *w, const char *id, const char *target)
{
    const struct consumer_member *m =
        consumer_group_member(group_world_consumer(w), str_of(id));
    ck_assert_ptr_nonnull(m);
    expect_set(w, &m->target, target);
}

void expect_unchanged(struct group_world *w, char *before)
{
    char *is = group_table_text(&w->table, true);
    ck_assert_str_eq(is, before);
    free(is);
    free(before);
}

void expect_replayed(struct group_world *w)
{
    struct group_table replayed;
    group_world_replay(w, &replayed);
    expect_unchanged(w, group_table_text(&replayed, true));
    group_table_free(&replayed);
}
