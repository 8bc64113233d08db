#include "broker/api/fetch_session.h"

#include <stdlib.h>

#define EPOCH_INITIAL 0
#define EPOCH_FINAL (-1)

/* A full cache gives a slot to a newcomer only if somebody left his unused for
 * longer than this (Kafka: MIN_INCREMENTAL_FETCH_SESSION_EVICTION_MS). Kafka would
 * also let a larger session push out a smaller one of that age that is in use. */
#define EVICTION_MS 120000

struct fetch_session_cache {
    int slots;
    const struct random *random;
    struct fetch_session *sessions; /* by id; least recently used first */
};

struct fetch_session_cache *fetch_session_cache_create(int slots,
                                                       const struct random *random)
{
    struct fetch_session_cache *c = calloc(1, sizeof(*c));
    if (c != NULL) {
        c->slots = slots;
        c->random = random;
    }
    return c;
}

static void session_free(struct fetch_session *s)
{
    struct session_partition *p, *next;
    HASH_ITER (hh, s->partitions, p, next) {
        HASH_DEL(s->partitions, p);
        free(p);
    }
    struct session_topic *t, *next_topic;
    HASH_ITER (hh, s->topics, t, next_topic) {
        HASH_DEL(s->topics, t);
        free(t);
    }
    free(s);
}

static void session_end(struct fetch_session_cache *c, struct fetch_session *s)
{
    HASH_DEL(c->sessions, s);
    s->ended = true;
    if (s->references == 0)
        session_free(s);
}

void fetch_session_cache_destroy(struct fetch_session_cache *c)
{
    if (c == NULL)
        return;
    struct fetch_session *s, *next;
    HASH_ITER (hh, c->sessions, s, next) {
        session_end(c, s);
    }
    free(c);
}

int fetch_session_count(const struct fetch_session_cache *c)
{
    return (int)HASH_COUNT(c->sessions);
}

void fetch_session_release(struct fetch_session_cache *c, struct fetch_session *s)
{
    (void)c;
    if (s != NULL && --s->references == 0 && s->ended)
        session_free(s);
}

static struct fetch_session *find(struct fetch_session_cache *c, int32_t id)
{
    struct fetch_session *s = NULL;
    HASH_FIND(hh, c->sessions, &id, sizeof(id), s);
    return s;
}

static int32_t unused_id(struct fetch_session_cache *c)
{
    int32_t id;
    do {
        random_fill(c->random, &id, sizeof(id));
        id &= INT32_MAX;
    } while (id == 0 || find(c, id) != NULL);
    return id;
}

static int32_t epoch_after(int32_t epoch)
{
    return epoch == INT32_MAX ? 1 : epoch + 1;
}

/* The table keeps the order of insertion: using a session puts it at the end. */
static void touch(struct fetch_session_cache *c, struct fetch_session *s,
                  int64_t now_ms)
{
    HASH_DEL(c->sessions, s);
    HASH_ADD(hh, c->sessions, id, sizeof(s->id), s);
    s->used_ms = now_ms;
}

static struct session_topic *topic_of(struct fetch_session *s, struct str name,
                                      struct uuid id, bool make)
{
    const void *key = s->by_topic_id ? (const void *)id.bytes : name.data;
    size_t len = s->by_topic_id ? sizeof(id.bytes) : (size_t)name.len;
    struct session_topic *t = NULL;
    HASH_FIND(hh, s->topics, key, len, t);
    if (t != NULL || !make)
        return t;
    t = calloc(1, sizeof(*t) + len + 1);
    if (t == NULL)
        return NULL;
    memcpy(t->key, key, len);
    t->id = id;
    t->name = s->by_topic_id ? STR_LITERAL("")
                             : (struct str){(const char *)t->key, (int32_t)len};
    HASH_ADD_KEYPTR(hh, s->topics, t->key, len, t);
    s->has_unused_topics = true;
    return t;
}

/* A consumer of changing topics must not collect their names for ever. An answer
 * under way may still point at them: then they go with a later request. */
static void drop_unused_topics(struct fetch_session *s)
{
    if (s->references > 0 || !s->has_unused_topics)
        return;
    struct session_topic *t, *next;
    HASH_ITER (hh, s->topics, t, next) {
        if (t->partitions > 0)
            continue;
        HASH_DEL(s->topics, t);
        free(t);
    }
    s->has_unused_topics = false;
}

static struct session_partition *partition_find(struct fetch_session *s,
                                                struct session_partition_key key)
{
    struct session_partition *p = NULL;
    HASH_FIND(hh, s->partitions, &key, sizeof(key), p);
    return p;
}

static bool partition_want(struct fetch_session *s, struct session_topic *topic,
                           const struct fetch_request_fetch_partition *wanted)
{
    struct session_partition_key key = {topic, wanted->partition};
    struct session_partition *p = partition_find(s, key);
    if (p == NULL) {
        p = calloc(1, sizeof(*p));
        if (p == NULL)
            return false;
        p->key = key;
        p->told_high_watermark = -1;
        p->told_log_start_offset = -1;
        HASH_ADD(hh, s->partitions, key, sizeof(p->key), p);
        topic->partitions++;
    }
    p->wanted = *wanted;
    return true;
}

static void partition_forget(struct fetch_session *s, struct session_topic *topic,
                             int32_t partition)
{
    struct session_partition *p =
        partition_find(s, (struct session_partition_key){topic, partition});
    if (p == NULL)
        return;
    HASH_DEL(s->partitions, p);
    free(p);
    if (--topic->partitions == 0)
        s->has_unused_topics = true;
}

/* What is both wanted and forgotten is forgotten, as by Kafka. */
static bool apply(struct fetch_session *s, const struct fetch_request *m)
{
    for (int32_t i = 0; i < m->topics_count; i++) {
        const struct fetch_request_fetch_topic *t = &m->topics[i];
        struct session_topic *topic = topic_of(s, t->topic, t->topic_id, true);
        if (topic == NULL)
            return false;
        for (int32_t n = 0; n < t->partitions_count; n++) {
            if (!partition_want(s, topic, &t->partitions[n]))
                return false;
        }
    }
    for (int32_t i = 0; i < m->forgotten_topics_data_count; i++) {
        const struct fetch_request_forgotten_topic *f = &m->forgotten_topics_data[i];
        struct session_topic *topic = topic_of(s, f->topic, f->topic_id, false);
        for (int32_t n = 0; topic != NULL && n < f->partitions_count; n++)
            partition_forget(s, topic, f->partitions[n]);
    }
    drop_unused_topics(s);
    return true;
}

static bool make_slot(struct fetch_session_cache *c, int64_t now_ms)
{
    if ((int)HASH_COUNT(c->sessions) < c->slots)
        return true;
    struct fetch_session *oldest = c->sessions;
    if (oldest == NULL || now_ms - oldest->used_ms <= EVICTION_MS)
        return false;
    session_end(c, oldest);
    return true;
}

/* No slot or no memory for a session: the fetch is served without. */
static struct fetch_session *session_create(struct fetch_session_cache *c,
                                            const struct fetch_request *m,
                                            int16_t version, int64_t now_ms)
{
    if (!make_slot(c, now_ms))
        return NULL;
    struct fetch_session *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return NULL;
    s->by_topic_id = version >= 13;
    if (!apply(s, m)) {
        session_free(s);
        return NULL;
    }
    s->id = unused_id(c);
    s->next_epoch = 1;
    s->references = 1;
    s->used_ms = now_ms;
    HASH_ADD(hh, c->sessions, id, sizeof(s->id), s);
    return s;
}

enum kafka_error fetch_session_begin(struct fetch_session_cache *c,
                                     const struct fetch_request *m, int16_t version,
                                     int64_t now_ms, struct fetch_session **session)
{
    *session = NULL;
    struct fetch_session *s = m->session_id == 0 ? NULL : find(c, m->session_id);
    if (m->session_epoch == EPOCH_FINAL || m->session_epoch == EPOCH_INITIAL) {
        if (s != NULL)
            session_end(c, s);
        if (m->session_epoch == EPOCH_INITIAL)
            *session = session_create(c, m, version, now_ms);
        return KAFKA_NONE;
    }
    if (s == NULL)
        return KAFKA_FETCH_SESSION_ID_NOT_FOUND;
    if (s->next_epoch != m->session_epoch)
        return KAFKA_INVALID_FETCH_SESSION_EPOCH;
    if (s->by_topic_id != (version >= 13))
        return KAFKA_FETCH_SESSION_TOPIC_ID_ERROR;
    if (!apply(s, m)) {
        session_end(c, s);
        return KAFKA_FETCH_SESSION_ID_NOT_FOUND;
    }
    if (s->partitions == NULL) {
        session_end(c, s); /* nothing left to fetch: the answer is empty */
        return KAFKA_NONE;
    }
    s->next_epoch = epoch_after(s->next_epoch);
    s->references++;
    touch(c, s, now_ms);
    *session = s;
    return KAFKA_NONE;
}

bool fetch_session_must_tell(struct fetch_session *s, struct session_partition_key key,
                             const struct fetch_response_partition_data *answer)
{
    struct session_partition *p = partition_find(s, key);
    if (p == NULL)
        return false;
    bool has_records = answer->records.len > 0;
    bool failed = answer->error_code != KAFKA_NONE;
    bool tell = has_records || failed || answer->diverging_epoch.epoch >= 0 ||
                answer->preferred_read_replica >= 0 ||
                answer->high_watermark != p->told_high_watermark ||
                answer->log_start_offset != p->told_log_start_offset;
    /* After an error the next good answer must be told, whatever it says. */
    p->told_high_watermark = failed ? -1 : answer->high_watermark;
    p->told_log_start_offset = answer->log_start_offset;
    if (has_records) {
        HASH_DEL(s->partitions, p);
        HASH_ADD(hh, s->partitions, key, sizeof(p->key), p);
    }
    return tell;
}
