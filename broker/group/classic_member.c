#include "broker/group/classic_group_internal.h"

#include <stdlib.h>

#include "broker/group/consumer_protocol.h"
#include "protocol/base/arena.h"

bool owned_str(struct str s, struct str *out)
{
    char *copy = NULL;
    if (s.data != NULL) {
        copy = malloc((size_t)s.len + 1);
        if (copy == NULL)
            return false;
        memcpy(copy, s.data, (size_t)s.len);
        copy[s.len] = '\0';
    }
    free((char *)out->data);
    *out = (struct str){copy, copy == NULL ? 0 : s.len};
    return true;
}

bool owned_bytes(struct bytes b, struct bytes *out)
{
    struct str copy = STR_NULL;
    if (!owned_str((struct str){(const char *)b.data, b.len}, &copy))
        return false;
    free((uint8_t *)out->data);
    *out = (struct bytes){(const uint8_t *)copy.data, copy.len};
    return true;
}

/* ---- one member ---------------------------------------------------------- */

static void on_session_over(struct deadline *d)
{
    struct classic_member *m =
        (struct classic_member *)((char *)d - offsetof(struct classic_member, session));
    struct classic_group *g = m->group;
    /* Who waits for the group is alive, as long as it has joined once before. */
    if (!m->is_new && (m->join != NULL || m->sync != NULL))
        return;
    trace_info(g->env->trace, "group %.*s: member %.*s is silent for too long",
               STR_ARGS(g->id), STR_ARGS(m->id));
    group_remove_member(g, m);
    group_member_left(g, "a member's session is over");
    g->env->settled(g->env);
}

struct classic_member *classic_member_create(struct classic_group *g, struct str id,
                                             struct str instance_id)
{
    struct classic_member *m = calloc(1, sizeof(*m));
    if (m == NULL)
        return NULL;
    m->group = g;
    m->session.expired = on_session_over;
    if (owned_str(id, &m->id) && owned_str(instance_id, &m->instance_id))
        return m;
    classic_member_destroy(m);
    return NULL;
}

void classic_member_destroy(struct classic_member *m)
{
    free((char *)m->id.data);
    free((char *)m->instance_id.data);
    free((char *)m->client_id.data);
    free((char *)m->client_host.data);
    free((uint8_t *)m->assignment.data);
    free((uint8_t *)m->next_assignment.data);
    free(m->protocols);
    free(m);
}

/* One block: the array, then the bytes that it points to. */
bool classic_member_set_protocols(struct classic_member *m,
                                  const join_protocol *protocols, int32_t count)
{
    size_t size = (size_t)count * sizeof(*m->protocols);
    for (int32_t i = 0; i < count; i++)
        size += (size_t)protocols[i].name.len + (size_t)protocols[i].metadata.len;
    struct classic_protocol *copy = malloc(size == 0 ? 1 : size);
    if (copy == NULL)
        return false;
    char *at = (char *)(copy + count);
    for (int32_t i = 0; i < count; i++) {
        struct str name = protocols[i].name;
        struct bytes metadata = protocols[i].metadata;
        copy[i].name = (struct str){memcpy(at, name.data, (size_t)name.len), name.len};
        at += name.len;
        copy[i].metadata = (struct bytes){(uint8_t *)at, metadata.len};
        if (metadata.len > 0)
            memcpy(at, metadata.data, (size_t)metadata.len);
        at += metadata.len;
    }
    free(m->protocols);
    m->protocols = copy;
    m->protocol_count = count;
    return true;
}

bool classic_member_matches(const struct classic_member *m,
                            const join_protocol *protocols, int32_t count)
{
    if (m->protocol_count != count)
        return false;
    for (int32_t i = 0; i < count; i++) {
        struct bytes a = m->protocols[i].metadata, b = protocols[i].metadata;
        if (!str_equal(m->protocols[i].name, protocols[i].name) || a.len != b.len ||
            (a.len > 0 && memcmp(a.data, b.data, (size_t)a.len) != 0))
            return false;
    }
    return true;
}

bool classic_member_supports(const struct classic_member *m, struct str protocol)
{
    return classic_member_metadata(m, protocol).data != NULL;
}

struct bytes classic_member_metadata(const struct classic_member *m,
                                     struct str protocol)
{
    for (int32_t i = 0; i < m->protocol_count; i++) {
        if (str_equal(m->protocols[i].name, protocol))
            return m->protocols[i].metadata;
    }
    return BYTES_NULL;
}

void classic_member_end_join(struct classic_member *m, const struct join_result *r)
{
    struct classic_join *join = m->join;
    if (join == NULL)
        return;
    m->join = NULL;
    m->group->awaiting_join--;
    join->done(join, r);
}

void classic_member_end_sync(struct classic_member *m, const struct sync_result *r)
{
    struct classic_sync *sync = m->sync;
    if (sync == NULL)
        return;
    m->sync = NULL;
    sync->done(sync, r);
}

/* ---- the members of a group ---------------------------------------------- */

struct classic_member *classic_group_member(const struct classic_group *g,
                                            struct str member_id)
{
    struct classic_member *m = NULL;
    if (member_id.len > 0)
        HASH_FIND(hh, g->members, member_id.data, (unsigned)member_id.len, m);
    return m;
}

int32_t classic_group_member_count(const struct classic_group *g)
{
    return (int32_t)HASH_COUNT(g->members);
}

static bool link_member(struct classic_group *g, struct classic_member *m)
{
    HASH_ADD_KEYPTR(hh, g->members, m->id.data, (unsigned)m->id.len, m);
    return hash_added(m);
}

/* The first member gives the group its type of protocol, and leads until a join
 * phase ends without it. */
bool group_add_member(struct classic_group *g, struct classic_member *m)
{
    if (!link_member(g, m))
        return false;
    if (g->leader == NULL)
        g->leader = m;
    return true;
}

void group_remove_member(struct classic_group *g, struct classic_member *m)
{
    struct join_result joined = join_failed(KAFKA_UNKNOWN_MEMBER_ID, STR_LITERAL(""));
    struct sync_result synced = {.error = KAFKA_UNKNOWN_MEMBER_ID};
    classic_member_end_join(m, &joined);
    classic_member_end_sync(m, &synced);
    g->env->disarm(g->env, &m->session);
    HASH_DEL(g->members, m);
    if (g->leader == m)
        g->leader = g->members;
    classic_member_destroy(m);
}

struct classic_member *group_static_member(const struct classic_group *g,
                                           struct str instance_id)
{
    for (struct classic_member *m = g->members; m != NULL; m = m->hh.next) {
        if (m->instance_id.data != NULL && str_equal(m->instance_id, instance_id))
            return m;
    }
    return NULL;
}

bool group_rename_member(struct classic_group *g, struct classic_member *m,
                         struct str id)
{
    struct str fresh = STR_NULL;
    if (!owned_str(id, &fresh))
        return false;
    HASH_DEL(g->members, m);
    struct str old = m->id;
    m->id = fresh;
    if (link_member(g, m)) {
        free((char *)old.data);
        return true;
    }
    /* The table had this member a moment ago, and has room for it again. */
    free((char *)fresh.data);
    m->id = old;
    link_member(g, m);
    return false;
}

/* ---- members that have an id and must still join -------------------------- */

struct pending_member *group_pending(const struct classic_group *g, struct str id)
{
    struct pending_member *p = NULL;
    if (id.len > 0)
        HASH_FIND(hh, g->pending_joins, id.data, (unsigned)id.len, p);
    return p;
}

static void on_pending_over(struct deadline *d)
{
    struct pending_member *p =
        (struct pending_member *)((char *)d - offsetof(struct pending_member, session));
    struct classic_group *g = p->group;
    trace_info(g->env->trace, "group %.*s: pending member %.*s has not joined",
               STR_ARGS(g->id), p->id_len, p->id);
    group_remove_pending(g, p);
    if (g->state == GROUP_PREPARING_REBALANCE && group_all_joined(g))
        group_complete_join(g);
    g->env->settled(g->env);
}

bool group_add_pending(struct classic_group *g, struct str id, int64_t timeout_ms)
{
    struct pending_member *p = calloc(1, sizeof(*p) + (size_t)id.len);
    if (p == NULL)
        return false;
    p->group = g;
    p->session.expired = on_pending_over;
    p->id_len = id.len;
    memcpy(p->id, id.data, (size_t)id.len);
    HASH_ADD_KEYPTR(hh, g->pending_joins, p->id, (unsigned)p->id_len, p);
    if (!hash_added(p)) {
        free(p);
        return false;
    }
    g->env->arm(g->env, &p->session, timeout_ms);
    return true;
}

void group_remove_pending(struct classic_group *g, struct pending_member *p)
{
    g->env->disarm(g->env, &p->session);
    HASH_DEL(g->pending_joins, p);
    free(p);
}

/* ---- what members say ---------------------------------------------------- */

/* A static member is known by its instance; another id there is an older self. */
enum kafka_error group_check_member(const struct classic_group *g, struct str member_id,
                                    struct str instance_id)
{
    if (instance_id.data != NULL) {
        const struct classic_member *m = group_static_member(g, instance_id);
        if (m == NULL)
            return KAFKA_UNKNOWN_MEMBER_ID;
        return str_equal(m->id, member_id) ? KAFKA_NONE : KAFKA_FENCED_INSTANCE_ID;
    }
    return classic_group_member(g, member_id) == NULL ? KAFKA_UNKNOWN_MEMBER_ID
                                                      : KAFKA_NONE;
}

static bool all_support(const struct classic_group *g, struct str protocol)
{
    for (struct classic_member *m = g->members; m != NULL; m = m->hh.next) {
        if (!classic_member_supports(m, protocol))
            return false;
    }
    return true;
}

bool group_supports(const struct classic_group *g, struct str protocol_type,
                    const join_protocol *protocols, int32_t count)
{
    if (g->state == GROUP_EMPTY)
        return protocol_type.len > 0 && count > 0;
    if (g->protocol_type.data == NULL || !str_equal(g->protocol_type, protocol_type))
        return false;
    for (int32_t i = 0; i < count; i++) {
        if (all_support(g, protocols[i].name))
            return true;
    }
    return false;
}

static struct str vote_of(const struct classic_group *g, const struct classic_member *m)
{
    for (int32_t i = 0; i < m->protocol_count; i++) {
        if (all_support(g, m->protocols[i].name))
            return m->protocols[i].name;
    }
    return STR_NULL;
}

/* Each member votes for the first on its list that all support; most votes win, and
 * among equals the one named first by the oldest member. */
struct str group_select_protocol(const struct classic_group *g)
{
    const struct classic_member *first = g->members;
    struct str best = STR_NULL;
    int32_t most = 0;
    for (int32_t i = 0; first != NULL && i < first->protocol_count; i++) {
        struct str candidate = first->protocols[i].name;
        int32_t votes = 0;
        for (struct classic_member *m = g->members; m != NULL; m = m->hh.next)
            votes += str_equal(vote_of(g, m), candidate);
        if (votes > most) {
            most = votes;
            best = candidate;
        }
    }
    return best;
}

/* ---- subscriptions ------------------------------------------------------- */

static int compare_topics(const void *a, const void *b)
{
    return str_compare(*(const struct str *)a, *(const struct str *)b);
}

static void forget_subscribed(struct classic_group *g)
{
    free(g->subscribed);
    g->subscribed = NULL;
    g->subscribed_count = -1;
}

/* All that members subscribe to, as views, one behind the other. */
static bool collect_topics(const struct classic_group *g, struct arena *arena,
                           struct buf *out)
{
    for (struct classic_member *m = g->members; m != NULL; m = m->hh.next) {
        struct bytes metadata = classic_member_metadata(m, g->protocol_name);
        struct str *topics;
        int32_t count;
        if (!consumer_protocol_topics(metadata, arena, &topics, &count))
            return false;
        if (count > 0)
            buf_append(out, topics, (size_t)count * sizeof(*topics));
    }
    return !out->failed;
}

/* One block: the array, then the names. Members come and go, the topics of the
 * generation stay. */
static bool keep_topics(struct classic_group *g, struct str *topics, size_t count)
{
    size_t size = count * sizeof(*topics);
    for (size_t i = 0; i < count; i++)
        size += (size_t)topics[i].len;
    struct str *kept = malloc(size == 0 ? 1 : size);
    if (kept == NULL)
        return false;
    char *at = (char *)(kept + count);
    for (size_t i = 0; i < count; i++) {
        memcpy(at, topics[i].data, (size_t)topics[i].len);
        kept[i] = (struct str){at, topics[i].len};
        at += topics[i].len;
    }
    g->subscribed = kept;
    g->subscribed_count = (int32_t)count;
    return true;
}

void group_compute_subscribed(struct classic_group *g)
{
    forget_subscribed(g);
    if (!classic_group_is_consumer(g) ||
        (g->members != NULL && g->protocol_name.data == NULL))
        return;
    struct arena arena = ARENA_INIT;
    struct buf views = BUF_INIT;
    if (collect_topics(g, &arena, &views)) {
        size_t count = views.len / sizeof(struct str);
        if (count > 0)
            qsort(views.data, count, sizeof(struct str), compare_topics);
        if (!keep_topics(g, (struct str *)(void *)views.data, count))
            forget_subscribed(g);
    } else {
        trace_warn(g->env->trace,
                   "group %.*s: its members' subscriptions cannot be read",
                   STR_ARGS(g->id));
    }
    buf_free(&views);
    arena_reset(&arena);
}

bool classic_group_is_consumer(const struct classic_group *g)
{
    return str_is(g->protocol_type, CONSUMER_PROTOCOL);
}

/* While that is not known, a consumer may subscribe to anything. */
bool classic_group_subscribes(const struct classic_group *g, struct str topic)
{
    if (g->subscribed_count < 0)
        return classic_group_is_consumer(g);
    return g->subscribed_count > 0 &&
           bsearch(&topic, g->subscribed, (size_t)g->subscribed_count,
                   sizeof(*g->subscribed), compare_topics) != NULL;
}
