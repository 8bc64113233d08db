/* The records of a consumer group, applied and written: what the log says is what the
 * group is. */
#include <stdlib.h>

#include "broker/group/consumer_group_internal.h"
#include "broker/group/consumer_records.h"

/* ---- parts of a group ---------------------------------------------------- */

struct consumer_member *consumer_group_entry(const struct consumer_group *g,
                                             struct str id)
{
    struct consumer_member *m = NULL;
    if (id.len > 0)
        HASH_FIND(hh, g->members, id.data, (unsigned)id.len, m);
    return m;
}

struct partition_owner *consumer_group_place(const struct consumer_group *g,
                                             const struct topic_partition *place)
{
    struct partition_owner *o = NULL;
    HASH_FIND(hh, g->owners, place, PLACE_KEY_SIZE, o);
    return o;
}

static void disarm_all(struct consumer_member *m)
{
    struct group_env *env = m->group->env;
    env->disarm(env, &m->session);
    env->disarm(env, &m->rebalance);
    env->disarm(env, &m->join);
    env->disarm(env, &m->sync);
}

void consumer_group_drop_member(struct consumer_group *g, struct consumer_member *m)
{
    disarm_all(m);
    HASH_DEL(g->members, m);
    consumer_member_destroy(m);
}

void consumer_group_drop_regex(struct consumer_group *g, struct group_regex *r)
{
    HASH_DEL(g->regexes, r);
    arena_reset(&r->arena);
    free(r);
}

void consumer_group_drop_owner(struct consumer_group *g, struct partition_owner *o)
{
    HASH_DEL(g->owners, o);
    free(o);
}

/* ---- records, applied ---------------------------------------------------- */

/* The entry of a member, made if there is none. NULL: no memory. */
static struct consumer_member *entry_of(struct consumer_group *g, struct str id)
{
    struct consumer_member *m = consumer_group_entry(g, id);
    if (m != NULL)
        return m;
    m = consumer_member_create(g, id);
    if (m == NULL)
        return NULL;
    m->session.expired = consumer_member_on_session_over;
    m->rebalance.expired = consumer_member_on_rebalance_over;
    m->join.expired = consumer_member_on_join_over;
    m->sync.expired = consumer_member_on_sync_over;
    HASH_ADD_KEYPTR(hh, g->members, m->id.data, (unsigned)m->id.len, m);
    if (hash_added(m))
        return m;
    consumer_member_destroy(m);
    return NULL;
}

static void become_present(struct consumer_group *g, struct consumer_member *m)
{
    g->member_count += !m->present;
    m->present = true;
}

/* An entry without anything in the log is none. */
static void drop_if_empty(struct consumer_group *g, struct consumer_member *m)
{
    if (!m->present && !m->has_target)
        consumer_group_drop_member(g, m);
}

bool consumer_group_set_member(struct consumer_group *g, struct str member_id,
                               const member_metadata *value)
{
    struct consumer_member *m = entry_of(g, member_id);
    if (m == NULL || !consumer_member_set_metadata(m, value))
        return false;
    become_present(g, m);
    return true;
}

bool consumer_group_set_target(struct consumer_group *g, struct str member_id,
                               const struct partition_set *target)
{
    struct consumer_member *m = entry_of(g, member_id);
    if (m == NULL || !partition_set_copy(target, &m->target))
        return false;
    m->has_target = true;
    return true;
}

void consumer_group_remove_target(struct consumer_group *g, struct str member_id)
{
    struct consumer_member *m = consumer_group_entry(g, member_id);
    if (m == NULL)
        return;
    partition_set_free(&m->target);
    m->has_target = false;
    drop_if_empty(g, m);
}

static void release(struct consumer_group *g, const struct consumer_member *m,
                    const struct partition_set *held)
{
    for (int32_t i = 0; i < held->count; i++) {
        struct partition_owner *o = consumer_group_place(g, &held->items[i]);
        if (o != NULL && o->member == m)
            consumer_group_drop_owner(g, o);
    }
}

static bool occupy(struct consumer_group *g, struct consumer_member *m,
                   const struct partition_set *held)
{
    for (int32_t i = 0; i < held->count; i++) {
        struct partition_owner *o = consumer_group_place(g, &held->items[i]);
        if (o == NULL) {
            o = calloc(1, sizeof(*o));
            if (o == NULL)
                return false;
            o->place = held->items[i];
            HASH_ADD(hh, g->owners, place, PLACE_KEY_SIZE, o);
            if (!hash_added(o)) {
                free(o);
                return false;
            }
        }
        o->member = m;
    }
    return true;
}

static void release_all(struct consumer_group *g, struct consumer_member *m)
{
    release(g, m, &m->current.assigned);
    release(g, m, &m->current.pending_revocation);
}

bool consumer_group_set_current(struct consumer_group *g, struct str member_id,
                                const struct member_assignment *current)
{
    struct consumer_member *m = entry_of(g, member_id);
    if (m == NULL)
        return false;
    release_all(g, m);
    become_present(g, m);
    return member_assignment_copy(current, &m->current) &&
           occupy(g, m, &m->current.assigned) &&
           occupy(g, m, &m->current.pending_revocation);
}

void consumer_group_remove_current(struct consumer_group *g, struct str member_id)
{
    struct consumer_member *m = consumer_group_member(g, member_id);
    if (m == NULL)
        return;
    release_all(g, m);
    member_assignment_free(&m->current);
    m->current.member_epoch = LEAVE_GROUP_MEMBER_EPOCH;
    m->current.previous_member_epoch = LEAVE_GROUP_MEMBER_EPOCH;
}

void consumer_group_remove_member(struct consumer_group *g, struct str member_id)
{
    struct consumer_member *m = consumer_group_member(g, member_id);
    if (m == NULL)
        return;
    release_all(g, m);
    member_assignment_free(&m->current);
    disarm_all(m);
    g->member_count--;
    m->present = false;
    drop_if_empty(g, m);
}

void consumer_group_remove_regex(struct consumer_group *g, struct str pattern)
{
    struct group_regex *r = (struct group_regex *)consumer_group_regex(g, pattern);
    if (r != NULL)
        consumer_group_drop_regex(g, r);
}

static bool fill_regex(struct group_regex *r, struct str pattern,
                       const struct consumer_group_regular_expression_value *value)
{
    r->version = value->version;
    r->timestamp = value->timestamp;
    r->pattern = arena_str(&r->arena, pattern);
    r->topics = arena_array(&r->arena, (size_t)value->topics_count, sizeof(*r->topics));
    if (r->pattern.data == NULL || r->topics == NULL)
        return false;
    while (r->topic_count < value->topics_count) {
        struct str copy = arena_str(&r->arena, value->topics[r->topic_count]);
        if (copy.data == NULL)
            return false;
        r->topics[r->topic_count++] = copy;
    }
    return true;
}

bool consumer_group_set_regex(
    struct consumer_group *g, struct str pattern,
    const struct consumer_group_regular_expression_value *value)
{
    consumer_group_remove_regex(g, pattern);
    struct group_regex *r = calloc(1, sizeof(*r));
    if (r == NULL)
        return false;
    bool ok = fill_regex(r, pattern, value);
    if (ok) {
        HASH_ADD_KEYPTR(hh, g->regexes, r->pattern.data, (unsigned)r->pattern.len, r);
        ok = hash_added(r);
    }
    if (!ok) {
        arena_reset(&r->arena);
        free(r);
    }
    return ok;
}

/* ---- records, written ---------------------------------------------------- */

static void write_member_tombstones(const struct consumer_group *g,
                                    struct group_records *w,
                                    const struct consumer_member *renamed,
                                    struct str renamed_to, enum group_record_type which)
{
    for (const struct consumer_member *m = g->members; m != NULL; m = m->hh.next) {
        struct str id = m == renamed ? renamed_to : m->id;
        if (which == GROUP_RECORD_CONSUMER_CURRENT)
            consumer_records_current(w, g->id, id, NULL);
        else if (which == GROUP_RECORD_CONSUMER_TARGET_MEMBER)
            consumer_records_target_member(w, g->id, id, NULL);
        else
            consumer_records_member(w, g->id, id, NULL);
    }
}

void consumer_group_write_tombstones(const struct consumer_group *g,
                                     struct group_records *w,
                                     const struct consumer_member *renamed,
                                     struct str renamed_to)
{
    write_member_tombstones(g, w, renamed, renamed_to, GROUP_RECORD_CONSUMER_CURRENT);
    write_member_tombstones(g, w, renamed, renamed_to,
                            GROUP_RECORD_CONSUMER_TARGET_MEMBER);
    consumer_records_target(w, g->id, NULL);
    write_member_tombstones(g, w, renamed, renamed_to, GROUP_RECORD_CONSUMER_MEMBER);
    for (const struct group_regex *r = g->regexes; r != NULL; r = r->hh.next)
        consumer_records_regex(w, g->id, r->pattern, NULL);
    consumer_records_partition_metadata_gone(w, g->id);
    consumer_records_group(w, g->id, NULL);
}

static void write_member(const struct consumer_member *m, struct group_records *w)
{
    struct arena arena = ARENA_INIT;
    member_metadata said;
    if (consumer_member_metadata(m, &arena, &said))
        consumer_records_member(w, m->group->id, m->id, &said);
    else
        group_records_fail(w);
    arena_reset(&arena);
}

void consumer_group_write(const struct consumer_group *g, struct group_records *w)
{
    struct consumer_group_metadata_value group = {g->group_epoch, g->metadata_hash};
    struct consumer_group_target_assignment_metadata_value target = {
        g->assignment_epoch, g->assignment_timestamp};
    const struct consumer_member *m = NULL;
    while ((m = consumer_group_next(g, m)) != NULL)
        write_member(m, w);
    consumer_records_group(w, g->id, &group);
    while ((m = consumer_group_next(g, m)) != NULL)
        consumer_records_target_member(w, g->id, m->id, &m->target);
    consumer_records_target(w, g->id, &target);
    while ((m = consumer_group_next(g, m)) != NULL)
        consumer_records_current(w, g->id, m->id, &m->current);
}
