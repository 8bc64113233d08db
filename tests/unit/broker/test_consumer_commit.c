/* tests/unit/broker/test_consumer_commit.c
 *
 * Who may commit and fetch offsets of a consumer group, and for which partitions
 * (Kafka: ConsumerGroup.validateOffsetCommit, validateOffsetFetch). */
#include "tests/unit/broker/consumer_fixture.h"

#define V9 9 /* of OffsetCommit: the first that knows members' epochs */

/* "m1" and "m2" have settled in epoch 3; what "m1" kept it has had since epoch 2. */
static void settle_two(struct group_world *w, struct member m[2])
{
    consumer_fixture_open(w, NULL);
    m[0] = (struct member){.id = "m1", .topics = "a"};
    m[1] = (struct member){.id = "m2", .topics = "a"};
    member_join(w, &m[0]);
    member_join(w, &m[1]);
    members_settle(w, m, 2);
}

static enum kafka_error may_commit(struct group_world *w, const char *id, int32_t epoch,
                                   int16_t version)
{
    return consumer_group_may_commit(group_world_consumer(w), str_of(id), epoch,
                                     version);
}

static enum kafka_error may_commit_one(struct group_world *w, const char *id,
                                       int32_t epoch, const char *partition)
{
    struct partition_set set = group_world_partitions(w, partition);
    enum kafka_error error = consumer_group_may_commit_partition(
        group_world_consumer(w), str_of(id), epoch, set.items[0].topic_id,
        set.items[0].partition);
    partition_set_free(&set);
    return error;
}

START_TEST(a_member_commits_in_its_epoch)
{
    struct group_world w;
    struct member m[2];
    settle_two(&w, m);
    ck_assert_int_eq(may_commit(&w, "m1", 3, V9), KAFKA_NONE);
    ck_assert_int_eq(may_commit(&w, "m1", 4, V9), KAFKA_STALE_MEMBER_EPOCH);
    ck_assert_int_eq(may_commit(&w, "m3", 3, V9), KAFKA_UNKNOWN_MEMBER_ID);
    ck_assert_int_eq(may_commit(&w, "", -1, V9), KAFKA_UNKNOWN_MEMBER_ID);
    ck_assert_int_eq(may_commit(&w, "m1", 3, V9 - 1), KAFKA_UNSUPPORTED_VERSION);
    group_world_close(&w);
}
END_TEST

START_TEST(with_an_older_epoch_it_commits_what_it_has_had_since)
{
    struct group_world w;
    struct member m[2];
    char kept[3] = "", got[3] = "";
    settle_two(&w, m);
    memcpy(kept, m[0].owned, 2);
    memcpy(got, m[1].owned, 2);
    ck_assert_int_eq(may_commit(&w, "m1", 2, V9), KAFKA_NONE);
    ck_assert_int_eq(may_commit_one(&w, "m1", 2, kept), KAFKA_NONE);
    ck_assert_int_eq(may_commit_one(&w, "m1", 1, kept), KAFKA_STALE_MEMBER_EPOCH);
    ck_assert_int_eq(may_commit_one(&w, "m1", 2, got), KAFKA_STALE_MEMBER_EPOCH);
    ck_assert_int_eq(may_commit_one(&w, "m2", 2, got), KAFKA_STALE_MEMBER_EPOCH);
    ck_assert_int_eq(may_commit_one(&w, "m2", 3, got), KAFKA_NONE);
    group_world_close(&w);
}
END_TEST

START_TEST(what_it_is_giving_up_it_may_still_commit)
{
    struct group_world w;
    struct member m[2] = {{.id = "m1", .topics = "a"}, {.id = "m2", .topics = "a"}};
    consumer_fixture_open(&w, NULL);
    member_join(&w, &m[0]);
    member_join(&w, &m[1]);
    member_beat_shortly(&w, &m[0]);
    const struct consumer_member *is =
        consumer_group_member(group_world_consumer(&w), STR_LITERAL("m1"));
    ck_assert_int_eq(is->current.pending_revocation.count, 2);
    const struct topic_partition *p = &is->current.pending_revocation.items[0];
    ck_assert_int_eq(consumer_group_may_commit_partition(group_world_consumer(&w),
                                                         STR_LITERAL("m1"), 2,
                                                         p->topic_id, p->partition),
                     KAFKA_NONE);
    group_world_close(&w);
}
END_TEST

START_TEST(a_classic_member_hears_of_its_generation)
{
    struct group_world w;
    struct member m[2];
    struct peer p = {.topics = "a"};
    settle_two(&w, m);
    peer_join(&w, &p);
    ck_assert_int_eq(may_commit(&w, p.id, p.generation, 1), KAFKA_NONE);
    ck_assert_int_eq(may_commit(&w, p.id, p.generation + 1, 1),
                     KAFKA_ILLEGAL_GENERATION);
    ck_assert_int_eq(may_commit_one(&w, p.id, p.generation - 1, "a0"),
                     KAFKA_ILLEGAL_GENERATION);
    group_world_close(&w);
}
END_TEST

START_TEST(anybody_may_commit_while_there_are_no_members)
{
    struct group_world w;
    struct member m = {.id = "m1", .topics = "a"};
    consumer_fixture_open(&w, NULL);
    member_join(&w, &m);
    member_leave(&w, &m, LEAVE_GROUP_MEMBER_EPOCH);
    ck_assert_int_eq(may_commit(&w, "", -1, 2), KAFKA_NONE);
    ck_assert_int_eq(may_commit(&w, "m1", 2, V9), KAFKA_UNKNOWN_MEMBER_ID);
    group_world_close(&w);
}
END_TEST

START_TEST(a_member_fetches_in_its_epoch_and_others_without_a_name)
{
    struct group_world w;
    struct member m[2];
    settle_two(&w, m);
    const struct consumer_group *g = group_world_consumer(&w);
    ck_assert_int_eq(consumer_group_may_fetch(g, STR_NULL, -1), KAFKA_NONE);
    ck_assert_int_eq(consumer_group_may_fetch(g, STR_LITERAL("m1"), 3), KAFKA_NONE);
    ck_assert_int_eq(consumer_group_may_fetch(g, STR_LITERAL("m1"), 2),
                     KAFKA_STALE_MEMBER_EPOCH);
    ck_assert_int_eq(consumer_group_may_fetch(g, STR_LITERAL("m3"), 3),
                     KAFKA_UNKNOWN_MEMBER_ID);
    group_world_close(&w);
}
END_TEST

GREGOR_TESTS("consumer_commit", a_member_commits_in_its_epoch,
             with_an_older_epoch_it_commits_what_it_has_had_since,
             what_it_is_giving_up_it_may_still_commit,
             a_classic_member_hears_of_its_generation,
             anybody_may_commit_while_there_are_no_members,
             a_member_fetches_in_its_epoch_and_others_without_a_name)
