/* broker/api/fetch_session.h
 *
 * Incremental fetch sessions (KIP-227; Kafka: FetchManager, FetchSession). A
 * session remembers which partitions a client wants and what it was told last,
 * so that requests name only changes and answers only what moved.
 *
 *   session id, epoch of the request        what it is
 *   any, -1 (FINAL)                         no session; an old one ends
 *   any,  0 (INITIAL)                       all partitions; begins a session
 *   id,   n > 0                             changes to the session, if n fits
 *
 * Loop thread. */
#ifndef GREGOR_BROKER_API_FETCH_SESSION_H
#define GREGOR_BROKER_API_FETCH_SESSION_H

#include <uthash.h>

#include "protocol/base/clock.h"
#include "protocol/base/random.h"
#include "protocol/base/uuid.h"
#include "protocol/kafka_error.h"
#include "protocol/messages.h"

struct fetch_session_cache;

/* A topic as the client names it: by id, or by name before version 13. Lives as
 * long as its session. */
struct session_topic {
    struct uuid id;
    struct str name; /* empty when by id */
    int partitions;  /* in the session */
    UT_hash_handle hh;
    uint8_t key[]; /* the id, or the name */
};

struct session_partition_key {
    struct session_topic *topic;
    int64_t partition; /* 64 bits: no padding in a hashed key */
};

struct session_partition {
    struct session_partition_key key;
    struct fetch_request_fetch_partition wanted;
    int64_t told_high_watermark; /* -1: nothing yet, or an error */
    int64_t told_log_start_offset;
    UT_hash_handle hh; /* in the order in which they are served */
};

struct fetch_session {
    int32_t id;
    int32_t next_epoch; /* what the next request must say */
    bool by_topic_id;
    bool ended; /* out of the cache; lives while references are held */
    bool has_unused_topics;
    int references;
    int64_t used_ms;
    struct session_topic *topics;
    struct session_partition *partitions;
    UT_hash_handle hh;
};

/* NULL: out of memory. `slots`: max.incremental.fetch.session.cache.slots. */
struct fetch_session_cache *fetch_session_cache_create(int slots,
                                                       const struct random *random);
void fetch_session_cache_destroy(struct fetch_session_cache *c); /* accepts NULL */

/* What the request's session fields mean. KAFKA_NONE: *session is the session to
 * serve, with the request's changes applied and one reference for the caller, or
 * NULL: serve the partitions of the request itself. Otherwise the answer consists
 * of this error. */
enum kafka_error fetch_session_begin(struct fetch_session_cache *c,
                                     const struct fetch_request *m, int16_t version,
                                     int64_t now_ms, struct fetch_session **session);

void fetch_session_release(struct fetch_session_cache *c, struct fetch_session *s);

/* Whether an incremental answer must name this partition, given what it would
 * say; remembers it as told, and moves a partition with records behind the others,
 * so that each gets its share of max_bytes. False too when it was forgotten
 * meanwhile. */
bool fetch_session_must_tell(struct fetch_session *s, struct session_partition_key key,
                             const struct fetch_response_partition_data *answer);

int fetch_session_count(const struct fetch_session_cache *c);

#endif
