/* KIP-227, as Kafka's FetchSessionTest has it. */
#include "broker/api/fetch_session.h"

#include <stdio.h>

#include "tests/support/check_main.h"

#define MINUTES 60000
#define BY_NAME 12
#define BY_ID 13

typedef struct fetch_request_fetch_partition wanted;
typedef struct fetch_response_partition_data answer;

/* Ids 1, 2, 3, …: the numbers that random_fill() gives. */
static void count_up(const struct random *random, void *out, size_t len)
{
    static int32_t next = 1;
    (void)random;
    ck_assert_uint_eq(len, sizeof(next));
    memcpy(out, &next, len);
    next++;
}

static const struct random counting = {.fill = count_up};

struct fixture {
    struct fetch_session_cache *cache;
    struct fetch_session *session; /* of the last begin() */
    int64_t now_ms;
    int16_t version;
    /* The next request. */
    struct fetch_request_fetch_topic topics[8];
    wanted partitions[8];
    struct fetch_request_forgotten_topic forgotten[8];
    int32_t forgotten_ids[8];
    int32_t count, forgotten_count;
};

static void open_fixture(struct fixture *f, int slots)
{
    *f = (struct fixture){.version = BY_NAME};
    f->cache = fetch_session_cache_create(slots, &counting);
    ck_assert_ptr_nonnull(f->cache);
}

static void release(struct fixture *f)
{
    fetch_session_release(f->cache, f->session);
    f->session = NULL;
}

static void close_fixture(struct fixture *f)
{
    release(f);
    fetch_session_cache_destroy(f->cache);
}

static struct uuid id_of(const char *name)
{
    struct uuid id = UUID_ZERO;
    memcpy(id.bytes, name, strlen(name));
    return id;
}

static void want(struct fixture *f, const char *topic, int32_t partition,
                 int64_t offset)
{
    int32_t n = f->count++;
    f->partitions[n] = (wanted)FETCH_REQUEST_FETCH_PARTITION_INIT;
    f->partitions[n].partition = partition;
    f->partitions[n].fetch_offset = offset;
    f->topics[n] = (struct fetch_request_fetch_topic)FETCH_REQUEST_FETCH_TOPIC_INIT;
    if (f->version >= BY_ID)
        f->topics[n].topic_id = id_of(topic);
    else
        f->topics[n].topic = str_of(topic);
    f->topics[n].partitions = &f->partitions[n];
    f->topics[n].partitions_count = 1;
}

static void forget(struct fixture *f, const char *topic, int32_t partition)
{
    int32_t n = f->forgotten_count++;
    f->forgotten_ids[n] = partition;
    f->forgotten[n] =
        (struct fetch_request_forgotten_topic)FETCH_REQUEST_FORGOTTEN_TOPIC_INIT;
    if (f->version >= BY_ID)
        f->forgotten[n].topic_id = id_of(topic);
    else
        f->forgotten[n].topic = str_of(topic);
    f->forgotten[n].partitions = &f->forgotten_ids[n];
    f->forgotten[n].partitions_count = 1;
}

/* Sends the request that was put together, and drops the session before. */
static enum kafka_error begin(struct fixture *f, int32_t id, int32_t epoch)
{
    struct fetch_request m = FETCH_REQUEST_INIT;
    m.session_id = id;
    m.session_epoch = epoch;
    m.topics = f->topics;
    m.topics_count = f->count;
    m.forgotten_topics_data = f->forgotten;
    m.forgotten_topics_data_count = f->forgotten_count;
    release(f);
    f->count = f->forgotten_count = 0;
    return fetch_session_begin(f->cache, &m, f->version, f->now_ms, &f->session);
}

static void must_begin(struct fixture *f, int32_t id, int32_t epoch)
{
    ck_assert_int_eq(begin(f, id, epoch), KAFKA_NONE);
}

/* A new session of one partition; its id. */
static int32_t new_session(struct fixture *f, const char *topic)
{
    want(f, topic, 0, 0);
    must_begin(f, 0, 0);
    return f->session == NULL ? 0 : f->session->id;
}

/* "a-0@5 b-1@0": the session's partitions in their order with their offsets. */
static void check_partitions(const struct fixture *f, const char *expected)
{
    char have[256] = "";
    ck_assert_ptr_nonnull(f->session);
    for (struct session_partition *p = f->session->partitions; p != NULL;
         p = p->hh.next) {
        size_t len = strlen(have);
        const struct session_topic *t = p->key.topic;
        snprintf(have + len, sizeof(have) - len, "%s%s-%d@%d", len == 0 ? "" : " ",
                 f->version >= BY_ID ? (const char *)t->id.bytes : t->name.data,
                 p->wanted.partition, (int)p->wanted.fetch_offset);
    }
    ck_assert_str_eq(have, expected);
}

static struct session_partition_key key_of(const struct fixture *f, const char *topic)
{
    for (struct session_partition *p = f->session->partitions; p != NULL;
         p = p->hh.next) {
        if (str_is(p->key.topic->name, topic))
            return p->key;
    }
    ck_abort_msg("%s is not in the session", topic);
    return (struct session_partition_key){0};
}

static answer answer_of(int64_t high_watermark, int64_t log_start_offset)
{
    answer a = FETCH_RESPONSE_PARTITION_DATA_INIT;
    a.high_watermark = high_watermark;
    a.log_start_offset = log_start_offset;
    a.records.data = (const uint8_t *)"";
    return a;
}

static bool tell(struct fixture *f, const char *topic, answer a)
{
    return fetch_session_must_tell(f->session, key_of(f, topic), &a);
}

START_TEST(a_full_fetch_begins_a_session)
{
    struct fixture f;
    open_fixture(&f, 10);
    want(&f, "a", 0, 5);
    want(&f, "b", 1, 7);
    must_begin(&f, 0, 0);
    check_partitions(&f, "a-0@5 b-1@7");
    ck_assert_int_gt(f.session->id, 0);
    ck_assert_int_eq(f.session->next_epoch, 1);
    ck_assert_int_eq(fetch_session_count(f.cache), 1);
    close_fixture(&f);
}
END_TEST

START_TEST(an_incremental_fetch_names_only_what_changes)
{
    struct fixture f;
    open_fixture(&f, 10);
    want(&f, "a", 0, 5);
    want(&f, "b", 0, 7);
    must_begin(&f, 0, 0);
    int32_t id = f.session->id;
    want(&f, "a", 0, 6);
    want(&f, "c", 3, 1);
    forget(&f, "b", 0);
    forget(&f, "nobody", 0);
    must_begin(&f, id, 1);
    check_partitions(&f, "a-0@6 c-3@1");
    ck_assert_int_eq(f.session->id, id);
    must_begin(&f, id, 2);
    check_partitions(&f, "a-0@6 c-3@1");
    close_fixture(&f);
}
END_TEST

START_TEST(what_is_wanted_and_forgotten_at_once_is_forgotten)
{
    struct fixture f;
    open_fixture(&f, 10);
    want(&f, "a", 0, 0);
    want(&f, "b", 0, 0);
    must_begin(&f, 0, 0);
    want(&f, "b", 0, 9);
    forget(&f, "b", 0);
    must_begin(&f, f.session->id, 1);
    check_partitions(&f, "a-0@0");
    close_fixture(&f);
}
END_TEST

START_TEST(a_session_id_that_is_none_is_an_error)
{
    struct fixture f;
    open_fixture(&f, 10);
    int32_t id = new_session(&f, "a");
    ck_assert_int_eq(begin(&f, id + 1, 1), KAFKA_FETCH_SESSION_ID_NOT_FOUND);
    ck_assert_ptr_null(f.session);
    ck_assert_int_eq(begin(&f, 0, 1), KAFKA_FETCH_SESSION_ID_NOT_FOUND);
    ck_assert_int_eq(begin(&f, -7, 1), KAFKA_FETCH_SESSION_ID_NOT_FOUND);
    must_begin(&f, id, 1); /* the session did not suffer */
    close_fixture(&f);
}
END_TEST

START_TEST(an_epoch_out_of_step_is_an_error_and_changes_nothing)
{
    struct fixture f;
    open_fixture(&f, 10);
    int32_t id = new_session(&f, "a");
    must_begin(&f, id, 1);
    want(&f, "b", 0, 0);
    ck_assert_int_eq(begin(&f, id, 1), KAFKA_INVALID_FETCH_SESSION_EPOCH); /* again */
    ck_assert_int_eq(begin(&f, id, 3), KAFKA_INVALID_FETCH_SESSION_EPOCH);
    ck_assert_int_eq(begin(&f, id, -2), KAFKA_INVALID_FETCH_SESSION_EPOCH);
    must_begin(&f, id, 2);
    check_partitions(&f, "a-0@0");
    close_fixture(&f);
}
END_TEST

START_TEST(the_epoch_wraps_to_one)
{
    struct fixture f;
    open_fixture(&f, 10);
    int32_t id = new_session(&f, "a");
    f.session->next_epoch = INT32_MAX;
    must_begin(&f, id, INT32_MAX);
    ck_assert_int_eq(f.session->next_epoch, 1);
    must_begin(&f, id, 1);
    close_fixture(&f);
}
END_TEST

START_TEST(a_full_fetch_ends_the_session_it_names)
{
    struct fixture f;
    open_fixture(&f, 10);
    int32_t first = new_session(&f, "a");
    want(&f, "b", 0, 0);
    must_begin(&f, first, 0);
    ck_assert_int_ne(f.session->id, first);
    ck_assert_int_eq(fetch_session_count(f.cache), 1);
    ck_assert_int_eq(begin(&f, first, 1), KAFKA_FETCH_SESSION_ID_NOT_FOUND);
    close_fixture(&f);
}
END_TEST

START_TEST(a_final_fetch_ends_the_session_and_begins_none)
{
    struct fixture f;
    open_fixture(&f, 10);
    int32_t id = new_session(&f, "a");
    want(&f, "a", 0, 0);
    must_begin(&f, id, -1);
    ck_assert_ptr_null(f.session);
    ck_assert_int_eq(fetch_session_count(f.cache), 0);
    want(&f, "a", 0, 0);
    must_begin(&f, 0, -1); /* a client that wants no sessions */
    ck_assert_ptr_null(f.session);
    close_fixture(&f);
}
END_TEST

START_TEST(a_session_without_partitions_ends)
{
    struct fixture f;
    open_fixture(&f, 10);
    int32_t id = new_session(&f, "a");
    forget(&f, "a", 0);
    must_begin(&f, id, 1);
    ck_assert_ptr_null(f.session);
    ck_assert_int_eq(fetch_session_count(f.cache), 0);
    ck_assert_int_eq(begin(&f, id, 2), KAFKA_FETCH_SESSION_ID_NOT_FOUND);
    close_fixture(&f);
}
END_TEST

START_TEST(names_and_ids_do_not_mix_in_a_session)
{
    struct fixture f;
    open_fixture(&f, 10);
    int32_t by_name = new_session(&f, "a");
    f.version = BY_ID;
    ck_assert_int_eq(begin(&f, by_name, 1), KAFKA_FETCH_SESSION_TOPIC_ID_ERROR);
    int32_t by_id = new_session(&f, "a");
    want(&f, "b", 2, 4);
    must_begin(&f, by_id, 1);
    check_partitions(&f, "a-0@0 b-2@4");
    forget(&f, "a", 0);
    must_begin(&f, by_id, 2);
    check_partitions(&f, "b-2@4");
    f.version = BY_NAME;
    ck_assert_int_eq(begin(&f, by_id, 3), KAFKA_FETCH_SESSION_TOPIC_ID_ERROR);
    must_begin(&f, by_name, 1);
    close_fixture(&f);
}
END_TEST

START_TEST(a_full_cache_serves_newcomers_without_a_session)
{
    struct fixture f;
    open_fixture(&f, 2);
    int32_t first = new_session(&f, "a");
    int32_t second = new_session(&f, "b");
    f.now_ms = 2 * MINUTES; /* not yet longer than two minutes */
    ck_assert_int_eq(new_session(&f, "c"), 0);
    ck_assert_int_eq(fetch_session_count(f.cache), 2);
    must_begin(&f, first, 1);
    must_begin(&f, second, 1);
    close_fixture(&f);
}
END_TEST

START_TEST(the_session_unused_for_longest_gives_way_after_two_minutes)
{
    struct fixture f;
    open_fixture(&f, 2);
    int32_t first = new_session(&f, "a");
    f.now_ms = 1000;
    int32_t second = new_session(&f, "b");
    f.now_ms = 2000;
    must_begin(&f, first, 1); /* used: now the second is the oldest */
    f.now_ms = 1001 + 2 * MINUTES;
    ck_assert_int_ne(new_session(&f, "c"), 0);
    ck_assert_int_eq(begin(&f, second, 1), KAFKA_FETCH_SESSION_ID_NOT_FOUND);
    must_begin(&f, first, 2);
    close_fixture(&f);
}
END_TEST

START_TEST(without_slots_there_are_no_sessions)
{
    struct fixture f;
    open_fixture(&f, 0);
    ck_assert_int_eq(new_session(&f, "a"), 0);
    close_fixture(&f);
}
END_TEST

START_TEST(a_session_that_ends_lives_on_for_the_answer_under_way)
{
    struct fixture f;
    open_fixture(&f, 10);
    int32_t id = new_session(&f, "a");
    struct fetch_session *held = f.session;
    f.session = NULL; /* its answer is still under way */
    must_begin(&f, id, -1);
    f.session = held;
    check_partitions(&f, "a-0@0");
    ck_assert(tell(&f, "a", answer_of(1, 0)));
    ck_assert_int_eq(fetch_session_count(f.cache), 0);
    close_fixture(&f);
}
END_TEST

START_TEST(names_that_no_partition_uses_are_dropped_but_not_under_an_answer)
{
    struct fixture f;
    open_fixture(&f, 10);
    want(&f, "a", 0, 0);
    want(&f, "b", 0, 0);
    must_begin(&f, 0, 0);
    int32_t id = f.session->id;
    struct fetch_session *held = f.session;
    struct session_topic *b = key_of(&f, "b").topic;
    f.session = NULL;
    forget(&f, "b", 0);
    must_begin(&f, id, 1);
    ck_assert(str_is(b->name, "b")); /* the first answer may still name it */
    fetch_session_release(f.cache, held);
    must_begin(&f, id, 2);
    ck_assert_uint_eq(HASH_COUNT(f.session->topics), 1);
    want(&f, "b", 0, 3);
    must_begin(&f, id, 3);
    check_partitions(&f, "a-0@0 b-0@3");
    close_fixture(&f);
}
END_TEST

START_TEST(only_what_moved_is_told)
{
    struct fixture f;
    open_fixture(&f, 10);
    new_session(&f, "a");
    ck_assert(tell(&f, "a", answer_of(10, 0)));
    ck_assert(!tell(&f, "a", answer_of(10, 0)));
    ck_assert(tell(&f, "a", answer_of(11, 0)));
    ck_assert(tell(&f, "a", answer_of(11, 3)));
    ck_assert(!tell(&f, "a", answer_of(11, 3)));
    close_fixture(&f);
}
END_TEST

START_TEST(records_errors_divergence_and_other_replicas_are_always_told)
{
    struct fixture f;
    open_fixture(&f, 10);
    new_session(&f, "a");
    answer plain = answer_of(10, 0);
    ck_assert(tell(&f, "a", plain));
    answer records = plain, diverging = plain, elsewhere = plain;
    records.records.len = 1;
    diverging.diverging_epoch.epoch = 0;
    elsewhere.preferred_read_replica = 2;
    for (int i = 0; i < 2; i++) {
        ck_assert(tell(&f, "a", records));
        ck_assert(tell(&f, "a", diverging));
        ck_assert(tell(&f, "a", elsewhere));
        ck_assert(!tell(&f, "a", plain));
    }
    close_fixture(&f);
}
END_TEST

START_TEST(after_an_error_the_next_good_answer_is_told)
{
    struct fixture f;
    open_fixture(&f, 10);
    new_session(&f, "a");
    answer good = answer_of(10, -1), bad = good;
    bad.error_code = KAFKA_NOT_LEADER_OR_FOLLOWER;
    ck_assert(tell(&f, "a", good));
    ck_assert(tell(&f, "a", bad));
    ck_assert(tell(&f, "a", bad));
    ck_assert(tell(&f, "a", good));
    ck_assert(!tell(&f, "a", good));
    close_fixture(&f);
}
END_TEST

START_TEST(a_partition_with_records_goes_behind_the_others)
{
    struct fixture f;
    open_fixture(&f, 10);
    want(&f, "a", 0, 0);
    want(&f, "b", 0, 0);
    want(&f, "c", 0, 0);
    must_begin(&f, 0, 0);
    answer records = answer_of(10, 0);
    records.records.len = 1;
    tell(&f, "a", records);
    tell(&f, "b", answer_of(1, 0)); /* told, but without records */
    check_partitions(&f, "b-0@0 c-0@0 a-0@0");
    want(&f, "b", 0, 2); /* an update keeps the place */
    must_begin(&f, f.session->id, 1);
    check_partitions(&f, "b-0@2 c-0@0 a-0@0");
    close_fixture(&f);
}
END_TEST

START_TEST(a_partition_forgotten_meanwhile_is_not_told)
{
    struct fixture f;
    open_fixture(&f, 10);
    want(&f, "a", 0, 0);
    want(&f, "b", 0, 0);
    must_begin(&f, 0, 0);
    struct fetch_session *held = f.session;
    struct session_partition_key b = key_of(&f, "b");
    f.session = NULL;
    forget(&f, "b", 0);
    must_begin(&f, held->id, 1);
    answer a = answer_of(10, 0);
    ck_assert(!fetch_session_must_tell(held, b, &a));
    fetch_session_release(f.cache, held);
    close_fixture(&f);
}
END_TEST

START_TEST(a_partition_that_comes_back_is_told_afresh)
{
    struct fixture f;
    open_fixture(&f, 10);
    want(&f, "a", 0, 0);
    want(&f, "b", 0, 0);
    must_begin(&f, 0, 0);
    int32_t id = f.session->id;
    ck_assert(tell(&f, "b", answer_of(10, 0)));
    forget(&f, "b", 0);
    must_begin(&f, id, 1);
    want(&f, "b", 0, 0);
    must_begin(&f, id, 2);
    ck_assert(tell(&f, "b", answer_of(10, 0)));
    close_fixture(&f);
}
END_TEST

GREGOR_TESTS("fetch_session", a_full_fetch_begins_a_session,
             an_incremental_fetch_names_only_what_changes,
             what_is_wanted_and_forgotten_at_once_is_forgotten,
             a_session_id_that_is_none_is_an_error,
             an_epoch_out_of_step_is_an_error_and_changes_nothing,
             the_epoch_wraps_to_one, a_full_fetch_ends_the_session_it_names,
             a_final_fetch_ends_the_session_and_begins_none,
             a_session_without_partitions_ends, names_and_ids_do_not_mix_in_a_session,
             a_full_cache_serves_newcomers_without_a_session,
             the_session_unused_for_longest_gives_way_after_two_minutes,
             without_slots_there_are_no_sessions,
             a_session_that_ends_lives_on_for_the_answer_under_way,
             names_that_no_partition_uses_are_dropped_but_not_under_an_answer,
             only_what_moved_is_told,
             records_errors_divergence_and_other_replicas_are_always_told,
             after_an_error_the_next_good_answer_is_told,
             a_partition_with_records_goes_behind_the_others,
             a_partition_forgotten_meanwhile_is_not_told,
             a_partition_that_comes_back_is_told_afresh)
