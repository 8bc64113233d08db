/* Many members of groups at once, for which client libraries are too heavy: fifty of
 * librdkafka's would be fifty times its threads on the two cores of the broker.
 *
 * A member asks again as soon as it is answered, where a real one
 * waits for its heartbeat interval: what is left is what the broker takes. */
#include "tests/bench/client.h"

#include "tests/bench/client_peer.h"

#include <stdio.h>
#include <string.h>

/* The version of each API that is spoken here. */
enum {
    OFFSET_COMMIT_VERSION = 9,
    JOIN_GROUP = 11,
    JOIN_GROUP_VERSION = 4,
    HEARTBEAT = 12,
    HEARTBEAT_VERSION = 2,
    SYNC_GROUP = 14,
    SYNC_GROUP_VERSION = 2,
    CONSUMER_GROUP_HEARTBEAT_VERSION = 1,

    REBALANCE_IN_PROGRESS = 27,
    MEMBER_ID_REQUIRED = 79,

    SESSION_MS = 300000,
    REBALANCE_MS = 60000,
};

/* ---- a member of a classic group ---------------------------------------------- */

/* The bytes that range assigns to the member at this place in the order; what a
 * consumer's assignment looks like: version 0, one topic, no user data. */
static void put_assignment(struct frame *f, const struct run *r, int place, int members)
{
    int first = r->partitions * place / members;
    int end = r->partitions * (place + 1) / members;

    put32(f,
          (int32_t)(2 + 4 + 2 + strlen(r->topic) + 4 + 4 * (size_t)(end - first) + 4));
    put16(f, 0);
    put32(f, 1);
    put_string(f, r->topic);
    put32(f, end - first);
    for (int i = first; i < end; i++)
        put32(f, i);
    put32(f, -1);
}

static void join(struct peer *p)
{
    struct frame *f = &p->run->out;

    p->settled = false;
    put_header(f, JOIN_GROUP, JOIN_GROUP_VERSION);
    put_string(f, p->group);
    put32(f, SESSION_MS);
    put32(f, REBALANCE_MS);
    put_string(f, p->id);
    put_string(f, "consumer");
    put32(f, 1);
    put_string(f, "range");
    put32(f, (int32_t)(2 + 4 + 2 + strlen(p->run->topic) + 4)); /* the subscription */
    put16(f, 0);
    put32(f, 1);
    put_string(f, p->run->topic);
    put32(f, -1);
    peer_send(p, JOIN_GROUP);
}

static void joined(struct peer *p)
{
    struct frame *in = &p->in, *f = &p->run->out;
    char protocol[NAME_SIZE], leader[NAME_SIZE], id[NAME_SIZE];

    get32(in); /* throttled */
    int error = get16(in);
    p->generation_id = get32(in);
    get_string(in, protocol);
    get_string(in, leader);
    get_string(in, p->id);
    if (error == MEMBER_ID_REQUIRED) {
        join(p);
        return;
    }
    if (error != 0)
        die("JoinGroup: error %d", error);
    int32_t members = get32(in);
    put_header(f, SYNC_GROUP, SYNC_GROUP_VERSION);
    put_string(f, p->group);
    put32(f, p->generation_id);
    put_string(f, p->id);
    put32(f, members); /* none but for the leader */
    for (int32_t i = 0; i < members; i++) {
        get_string(in, id);
        get(in, (size_t)get32(in));
        put_string(f, id);
        put_assignment(f, p->run, i, members);
    }
    peer_send(p, SYNC_GROUP);
}

static void beat(struct peer *p)
{
    struct frame *f = &p->run->out;

    put_header(f, HEARTBEAT, HEARTBEAT_VERSION);
    put_string(f, p->group);
    put32(f, p->generation_id);
    put_string(f, p->id);
    peer_send(p, HEARTBEAT);
}

/* SyncGroup or Heartbeat: whether this is still the generation. */
static void went_on(struct peer *p, int api)
{
    get32(&p->in); /* throttled */
    int error = get16(&p->in);
    if (error == REBALANCE_IN_PROGRESS) {
        join(p);
        return;
    }
    if (error != 0)
        die("API %d: error %d", api, error);
    if (api == SYNC_GROUP) {
        p->settled = true;
        get(&p->in, 4 + 2 + 4 + 2 + strlen(p->run->topic)); /* up to the partitions */
        p->owned_count = get32(&p->in);
    }
    p->run->go_on(p);
}

/* ---- a member of the consumer protocol ------------------------------------------ */

static void consumer_beat(struct peer *p)
{
    struct frame *f = &p->run->out;
    bool joins = p->generation_id == 0;

    put_header(f, CONSUMER_GROUP_HEARTBEAT, CONSUMER_GROUP_HEARTBEAT_VERSION);
    put_compact(f, p->group);
    put_compact(f, p->id);
    put32(f, p->generation_id);
    put8(f, 0); /* no instance, */
    put8(f, 0); /* no rack */
    put32(f, joins ? REBALANCE_MS : -1);
    put8(f, joins ? 2 : 0); /* one topic, or: as before */
    if (joins)
        put_compact(f, p->run->topic);
    put8(f, 0); /* no expression, */
    put8(f, 0); /* the default assignor */
    bool tells = joins || p->owned_changed;
    put8(f, !tells ? 0 : p->owned_count == 0 ? 1 : 2);
    if (tells && p->owned_count > 0) {
        put(f, p->topic_id, sizeof(p->topic_id));
        put_uvarint(f, (uint32_t)p->owned_count + 1);
        for (int32_t i = 0; i < p->owned_count; i++)
            put32(f, p->owned[i]);
        put8(f, 0);
    }
    put8(f, 0);
    p->owned_changed = false;
    peer_send(p, CONSUMER_GROUP_HEARTBEAT);
}

static void take_assignment(struct peer *p)
{
    struct frame *in = &p->in;

    p->owned_count = 0;
    p->owned_changed = true;
    for (uint32_t topics = get_uvarint(in); topics > 1; topics--) {
        memcpy(p->topic_id, get(in, sizeof(p->topic_id)), sizeof(p->topic_id));
        uint32_t count = get_uvarint(in) - 1;
        if (count > OWNED_MAX)
            die("%u partitions", count);
        for (uint32_t i = 0; i < count; i++)
            p->owned[i] = get32(in);
        p->owned_count = (int32_t)count;
        get8(in);
    }
}

static void consumer_beaten(struct peer *p)
{
    struct frame *in = &p->in;

    get32(in); /* throttled */
    int error = get16(in);
    if (error != 0)
        die("ConsumerGroupHeartbeat: error %d", error);
    get_uvarint(in);              /* no message */
    get(in, get_uvarint(in) - 1); /* its own id */
    p->generation_id = get32(in);
    get32(in); /* the interval, which is not waited for */
    if ((int8_t)get8(in) >= 0)
        take_assignment(p);
    p->settled = !p->owned_changed;
    p->run->go_on(p);
}

/* ---- fifty settle ------------------------------------------------------------- */

static void member_answered(struct peer *p, int api)
{
    if (api == JOIN_GROUP)
        joined(p);
    else if (api == CONSUMER_GROUP_HEARTBEAT)
        consumer_beaten(p);
    else
        went_on(p, api);
}

/* All have what they are told to have, of one generation, and it is everything. */
static bool is_settled(const struct run *r)
{
    int owned = 0;

    for (int i = 0; i < r->count; i++) {
        const struct peer *p = &r->peers[i];
        if (!p->settled || p->generation_id != r->peers[0].generation_id)
            return false;
        if (p->owned_count != r->partitions / r->count)
            return false;
        owned += p->owned_count;
    }
    return owned == r->partitions;
}

/* Both kinds of members begin and go on with their only request. */
static void member_beat(struct peer *p)
{
    if (p->run->classic)
        beat(p);
    else
        consumer_beat(p);
}

static void member_begin(struct peer *p, const char *group, const char *id)
{
    snprintf(p->group, sizeof(p->group), "%s", group);
    p->generation_id = 0;
    p->owned_count = 0;
    if (p->run->classic) {
        p->id[0] = '\0';
        join(p);
    } else {
        snprintf(p->id, sizeof(p->id), "%s", id);
        consumer_beat(p);
    }
}

int run_settle(char **arguments)
{
    static struct run r; /* large */
    char id[NAME_SIZE];

    r.classic = strcmp(arguments[1], "classic") == 0;
    r.topic = arguments[3];
    r.partitions = (int)number(arguments[5]);
    r.answered = member_answered;
    r.go_on = member_beat;
    run_begin(&r, number(arguments[0]), (int)number(arguments[4]));
    int64_t began = now_us();
    for (int i = 0; i < r.count; i++) {
        snprintf(id, sizeof(id), "%s-%d", arguments[2], i);
        member_begin(&r.peers[i], arguments[2], id);
    }
    run_loop(&r, is_settled);
    printf("{\"ms\": %.3f}\n", (double)(now_us() - began) / 1000);
    run_end(&r);
    return 0;
}

/* ---- many groups -------------------------------------------------------------- */

static void name_next(const struct run *r, char out[NAME_SIZE])
{
    snprintf(out, NAME_SIZE, "group-%d", r->started % r->groups);
}

/* By a member, or by nobody. */
static void commit(struct peer *p)
{
    struct frame *f = &p->run->out;

    put_header(f, OFFSET_COMMIT, OFFSET_COMMIT_VERSION);
    put_compact(f, p->group);
    put32(f, p->id[0] == '\0' ? -1 : p->generation_id);
    put_compact(f, p->id);
    put8(f, 0); /* no instance */
    put8(f, 2); /* one topic, */
    put_compact(f, p->run->topic);
    put8(f, 2); /* one partition: 0 */
    put32(f, 0);
    put64(f, p->run->started);
    put32(f, -1); /* no leader epoch */
    put_compact(f, "");
    put(f, (uint8_t[3]){0}, 3); /* no tags of the three structures */
    peer_send(p, OFFSET_COMMIT);
}

static void committed(struct peer *p)
{
    struct frame *in = &p->in;

    get32(in); /* throttled */
    get8(in);  /* one topic, */
    get(in, get_uvarint(in) - 1);
    get8(in); /* one partition: 0 */
    get32(in);
    int error = get16(in);
    if (error != 0)
        die("OffsetCommit: error %d", error);
    p->run->done++;
}

static bool is_done(const struct run *r)
{
    return r->done == r->wanted;
}

static void commit_next(struct peer *p)
{
    if (p->run->started == p->run->wanted)
        return;
    name_next(p->run, p->group);
    commit(p);
    p->run->started++;
}

static void commit_answered(struct peer *p, int api)
{
    (void)api;
    committed(p);
    commit_next(p);
}

int run_commits(char **arguments)
{
    static struct run r;

    r.answered = commit_answered;
    r.topic = arguments[1];
    r.groups = (int)number(arguments[3]);
    r.wanted = (int)number(arguments[4]);
    run_begin(&r, number(arguments[0]), (int)number(arguments[2]));
    int64_t began = now_us();
    for (int i = 0; i < r.count; i++)
        commit_next(&r.peers[i]);
    run_loop(&r, is_done);
    printf("{\"commits\": %d, \"seconds\": %.6f}\n", r.done,
           (double)(now_us() - began) / 1e6);
    run_end(&r);
    return 0;
}

static void enter_next(struct peer *p)
{
    char group[NAME_SIZE];

    if (p->run->started == p->run->wanted)
        return;
    name_next(p->run, group);
    member_begin(p, group, group);
    p->run->started++;
}

static void entered(struct peer *p, int api)
{
    if (api == OFFSET_COMMIT) {
        committed(p);
        enter_next(p);
    } else {
        member_answered(p, api);
    }
}

/* The one member has its partition, and commits. */
static void commit_once(struct peer *p)
{
    if (p->owned_count > 0)
        commit(p);
    else
        member_beat(p);
}

int run_groups(char **arguments)
{
    static struct run r;

    r.classic = strcmp(arguments[1], "classic") == 0;
    r.topic = arguments[2];
    r.partitions = 1;
    r.groups = r.wanted = (int)number(arguments[4]);
    r.answered = entered;
    r.go_on = commit_once;
    run_begin(&r, number(arguments[0]), (int)number(arguments[3]));
    for (int i = 0; i < r.count; i++)
        enter_next(&r.peers[i]);
    run_loop(&r, is_done);
    printf("{\"groups\": %d}\n", r.done);
    run_end(&r);
    return 0;
}
