#include "replication/partition.h"

#include "replication/partition_internal.h"
#include "tests/support/check_main.h"
#include "tests/support/log_fixture.h"
#include "tests/unit/replication/replica_fixture.h"

/* Somebody who waits, and what he does when told. */
struct waiter {
    struct partition_watch watch; /* first */
    int told;
    struct waiter *stops[2];
    struct waiter *starts;
    struct replica_fixture *appends;
    bool leaves;
    bool saw_gone;
};

static void on_moved(struct partition_watch *watch)
{
    struct waiter *w = (struct waiter *)watch;
    struct partition *p = watch->partition;
    ck_assert_ptr_nonnull(p);
    w->told++;
    w->saw_gone = p->gone;
    for (int i = 0; i < 2; i++) {
        if (w->stops[i] != NULL)
            partition_watch_stop(&w->stops[i]->watch);
    }
    if (w->starts != NULL)
        partition_watch_start(&w->starts->watch, p);
    w->starts = NULL;
    if (w->appends != NULL)
        ck_assert_int_eq(append_one(w->appends, p), 0);
    w->appends = NULL;
    if (w->leaves)
        partition_watch_stop(watch);
}

static void wait_for(struct waiter *w, struct partition *p)
{
    *w = (struct waiter){.watch = {.moved = on_moved}};
    if (p != NULL)
        partition_watch_start(&w->watch, p);
}

static struct partition *open_fixture(struct replica_fixture *f, const char *setting,
                                      const char *value)
{
    replica_fixture_open(f);
    put_topic(f, 1, "t");
    if (setting != NULL)
        put_config(f, CONFIG_RESOURCE_TOPIC, "t", setting, value);
    put_partition(f, 1, 0, REPLICA_NODE, 0);
    publish_and_run(f);
    return open_partition(f, 1, 0);
}

static int64_t high_watermark(const struct partition *p)
{
    return partition_log_high_watermark(partition_log_of(p));
}

static void must_append(struct replica_fixture *f, struct partition *p)
{
    int rc = append_one(f, p);
    ck_assert_msg(rc == 0, "%s", f->err.message);
}

START_TEST(the_high_watermark_follows_each_append)
{
    struct replica_fixture f;
    struct partition *p = open_fixture(&f, NULL, NULL);
    ck_assert_int_eq(high_watermark(p), 0);
    must_append(&f, p);
    ck_assert_int_eq(high_watermark(p), 1);
    ck_assert(partition_is_committed(p, 0));
    ck_assert(!partition_is_committed(p, 1));
    ck_assert_int_eq(partition_fetch_bound(p, FETCH_HIGH_WATERMARK), 1);
    ck_assert_int_eq(partition_fetch_bound(p, FETCH_COMMITTED), 1);
    ck_assert_int_eq(partition_fetch_bound(p, FETCH_LOG_END), 1);
    replica_fixture_close(&f);
}
END_TEST

START_TEST(a_due_flush_holds_the_high_watermark_back)
{
    struct replica_fixture f;
    struct partition *p = open_fixture(&f, "flush.messages", "2");
    struct waiter w;
    wait_for(&w, p);
    must_append(&f, p);
    ck_assert_int_eq(high_watermark(p), 1);
    must_append(&f, p); /* the second: a flush is due */
    struct partition_flush *flush = p->flushing;
    must_append(&f, p); /* must not overtake the one before */
    ck_assert_ptr_eq(p->flushing, flush);
    ck_assert_int_eq(high_watermark(p), 1);
    ck_assert_int_eq(partition_fetch_bound(p, FETCH_LOG_END), 3);
    ck_assert_int_eq(partition_check_leader(p, -1, NULL), 0);
    ck_assert_int_eq(high_watermark(p), 1); /* asking does not move it either */
    replica_manager_run_watches(f.m);
    w.told = 0;
    ck_assert(fake_executor_run_one(&f.executor));
    ck_assert_int_eq(high_watermark(p), 2); /* as of the flush's begin */
    replica_manager_run_watches(f.m);
    ck_assert_int_eq(w.told, 1);
    fake_executor_run(&f.executor); /* the one that followed by itself */
    ck_assert_int_eq(high_watermark(p), 3);
    ck_assert_int_eq(partition_log_recovery_point(partition_log_of(p)), 3);
    partition_watch_stop(&w.watch);
    replica_fixture_close(&f);
}
END_TEST

/* Sent again because its connection broke: no answer may overtake the first one's. */
START_TEST(a_duplicate_waits_for_the_flush_under_way)
{
    struct replica_fixture f;
    struct partition *p = open_fixture(&f, "flush.messages", "1");
    struct log_fixture *builder = calloc(1, sizeof(*builder));
    struct append_result result;
    struct fixture_batch wanted = {.timestamp = f.clock.wall_now_ms, .producer_id = 7};
    for (int sent = 1; sent <= 3; sent++) {
        if (sent == 3)
            fake_executor_run(&f.executor);
        struct buf batch = fixture_build(builder, wanted);
        int rc = partition_append(p, batch.data, (int32_t)batch.len, APPEND_CLIENT,
                                  &result, &f.err);
        ck_assert_msg(rc == 0, "%s", f.err.message);
        ck_assert_int_eq(result.duplicate, sent > 1);
        ck_assert_int_eq(result.flush_due, sent < 3);
        buf_free(&batch);
    }
    free(builder);
    replica_fixture_close(&f);
}
END_TEST

START_TEST(with_others_in_sync_the_high_watermark_waits_for_them)
{
    struct replica_fixture f;
    open_fixture(&f, NULL, NULL);
    put_topic(&f, 2, "two");
    put_partition(&f, 2, 0, REPLICA_NODE, 2);
    publish_and_run(&f);
    struct partition *p = open_partition(&f, 2, 0);
    must_append(&f, p);
    ck_assert_int_eq(high_watermark(p), 0);
    ck_assert(!partition_is_committed(p, 0));
    replica_fixture_close(&f);
}
END_TEST

START_TEST(leadership_is_checked_as_the_request_says_it)
{
    struct replica_fixture f;
    struct partition *p = open_fixture(&f, NULL, NULL);
    p->leader_epoch = 4;
    ck_assert_int_eq(partition_check_leader(p, -1, &f.err), 0);
    ck_assert_int_eq(partition_check_leader(p, 4, &f.err), 0);
    ck_assert_int_eq(partition_check_leader(p, 3, &f.err), ERR_FENCED_LEADER_EPOCH);
    ck_assert_int_eq(partition_check_leader(p, 5, &f.err), ERR_UNKNOWN_LEADER_EPOCH);
    p->leader_id = 2;
    ck_assert_int_eq(partition_check_leader(p, 4, &f.err), ERR_NOT_LEADER_OR_FOLLOWER);
    ck_assert_int_eq(append_one(&f, p), ERR_NOT_LEADER_OR_FOLLOWER);
    p->gone = true;
    ck_assert_int_eq(partition_check_leader(p, 4, &f.err),
                     ERR_UNKNOWN_TOPIC_OR_PARTITION);
    ck_assert_ptr_null(partition_log_of(p));
    replica_fixture_close(&f);
}
END_TEST

START_TEST(watches_are_told_once_a_turn)
{
    struct replica_fixture f;
    struct partition *p = open_fixture(&f, NULL, NULL);
    struct waiter w, other;
    wait_for(&w, p);
    wait_for(&other, p);
    replica_manager_run_watches(f.m);
    ck_assert_int_eq(w.told, 0);
    must_append(&f, p);
    must_append(&f, p);
    ck_assert_int_eq(w.told, 0); /* not inside the append */
    ck_assert(replica_manager_has_moved(f.m));
    replica_manager_run_watches(f.m);
    ck_assert_int_eq(w.told, 1);
    ck_assert_int_eq(other.told, 1);
    ck_assert(!replica_manager_has_moved(f.m));
    replica_manager_run_watches(f.m);
    ck_assert_int_eq(w.told, 1);
    partition_watch_stop(&w.watch);
    partition_watch_stop(&w.watch); /* nothing, twice */
    must_append(&f, p);
    replica_manager_run_watches(f.m);
    ck_assert_int_eq(w.told, 1);
    ck_assert_int_eq(other.told, 2);
    partition_watch_stop(&other.watch);
    replica_fixture_close(&f);
}
END_TEST

START_TEST(who_is_told_may_end_other_watches_and_its_own)
{
    struct replica_fixture f;
    struct partition *p = open_fixture(&f, NULL, NULL);
    struct waiter first, second, third, fourth;
    wait_for(&first, p);
    wait_for(&second, p);
    wait_for(&third, p);
    wait_for(&fourth, p);
    second.stops[0] = &first; /* told already */
    second.stops[1] = &third; /* not told yet */
    second.leaves = true;
    must_append(&f, p);
    replica_manager_run_watches(f.m);
    ck_assert_int_eq(first.told, 1);
    ck_assert_int_eq(second.told, 1);
    ck_assert_int_eq(third.told, 0);
    ck_assert_int_eq(fourth.told, 1);
    must_append(&f, p);
    replica_manager_run_watches(f.m);
    ck_assert_int_eq(first.told + second.told + third.told, 2);
    ck_assert_int_eq(fourth.told, 2);
    partition_watch_stop(&fourth.watch);
    replica_fixture_close(&f);
}
END_TEST

START_TEST(a_watch_begun_while_others_are_told_hears_of_the_next_move)
{
    struct replica_fixture f;
    struct partition *p = open_fixture(&f, NULL, NULL);
    struct waiter w, late;
    wait_for(&w, p);
    wait_for(&late, NULL);
    w.starts = &late;
    w.appends = &f;
    must_append(&f, p);
    replica_manager_run_watches(f.m);
    ck_assert_int_eq(w.told, 1);
    ck_assert_int_eq(late.told, 0);
    ck_assert(replica_manager_has_moved(f.m)); /* what the told one appended */
    replica_manager_run_watches(f.m);
    ck_assert_int_eq(w.told, 2);
    ck_assert_int_eq(late.told, 1);
    partition_watch_stop(&w.watch);
    partition_watch_stop(&late.watch);
    replica_fixture_close(&f);
}
END_TEST

START_TEST(a_failed_append_takes_the_log_offline_and_tells)
{
    struct replica_fixture f;
    struct partition *p = open_fixture(&f, NULL, NULL);
    struct waiter w;
    wait_for(&w, p);
    fake_disk_fail_nth(&f.disk, 1);
    ck_assert_int_eq(append_one(&f, p), ERR_IO);
    fake_disk_fail_nth(&f.disk, 0);
    ck_assert_ptr_null(partition_log_of(p));
    ck_assert_int_eq(partition_check_leader(p, -1, &f.err), ERR_OFFLINE);
    ck_assert_int_eq(append_one(&f, p), ERR_OFFLINE);
    ck_assert(!partition_is_committed(p, 0));
    replica_manager_run_watches(f.m);
    ck_assert_int_eq(w.told, 1);
    partition_watch_stop(&w.watch);
    replica_fixture_close(&f);
}
END_TEST

START_TEST(a_failed_flush_commits_nothing_and_tells)
{
    struct replica_fixture f;
    struct partition *p = open_fixture(&f, "flush.messages", "1");
    struct waiter w;
    wait_for(&w, p);
    must_append(&f, p);
    fake_disk_fail_nth(&f.disk, 1);
    fake_executor_run(&f.executor);
    fake_disk_fail_nth(&f.disk, 0);
    ck_assert(!partition_is_committed(p, 0));
    ck_assert_int_eq(partition_check_leader(p, -1, &f.err), ERR_OFFLINE);
    replica_manager_run_watches(f.m);
    ck_assert_int_eq(w.told, 1);
    partition_watch_stop(&w.watch);
    replica_fixture_close(&f);
}
END_TEST

START_TEST(deletion_tells_the_watches_and_lets_go_of_those_who_stay)
{
    struct replica_fixture f;
    struct partition *p = open_fixture(&f, NULL, NULL);
    struct waiter leaves, stays;
    wait_for(&leaves, p);
    wait_for(&stays, p);
    leaves.leaves = true;
    put_removal(&f, 1);
    publish(&f);
    replica_manager_run_watches(f.m);
    ck_assert_int_eq(leaves.told, 1);
    ck_assert(leaves.saw_gone);
    ck_assert_int_eq(stays.told, 1);
    fake_executor_run(&f.executor);
    ck_assert_int_eq(f.published, 2);
    ck_assert_ptr_null(stays.watch.partition); /* the memory is gone */
    replica_fixture_close(&f);
}
END_TEST

START_TEST(a_partition_may_be_deleted_while_it_is_flushed)
{
    struct replica_fixture f;
    struct partition *p = open_fixture(&f, "flush.messages", "1");
    must_append(&f, p);
    must_append(&f, p);
    ck_assert_ptr_nonnull(p->flushing);
    put_removal(&f, 1);
    publish_and_run(&f);
    ck_assert_ptr_null(replica_manager_find(f.m, replica_topic_id(1), 0));
    replica_manager_run_watches(f.m);
    replica_fixture_close(&f);
}
END_TEST

START_TEST(records_are_deleted_up_to_the_high_watermark)
{
    struct replica_fixture f;
    struct partition *p = open_fixture(&f, NULL, NULL);
    struct waiter w;
    wait_for(&w, p);
    for (int i = 0; i < 3; i++)
        must_append(&f, p);
    replica_manager_run_watches(f.m);
    ck_assert_int_eq(partition_delete_records(p, 4, &f.err), ERR_OFFSET_OUT_OF_RANGE);
    ck_assert_int_eq(partition_delete_records(p, -2, &f.err), ERR_OFFSET_OUT_OF_RANGE);
    ck_assert(!replica_manager_has_moved(f.m));
    ck_assert_int_eq(partition_delete_records(p, 2, &f.err), 0);
    ck_assert_int_eq(partition_log_start_offset(partition_log_of(p)), 2);
    replica_manager_run_watches(f.m);
    ck_assert_int_eq(w.told, 2);
    ck_assert_int_eq(partition_delete_records(p, -1, &f.err), 0);
    ck_assert_int_eq(partition_log_start_offset(partition_log_of(p)), 3);
    partition_watch_stop(&w.watch);
    replica_fixture_close(&f);
}
END_TEST

GREGOR_TESTS("partition", the_high_watermark_follows_each_append,
             a_due_flush_holds_the_high_watermark_back,
             a_duplicate_waits_for_the_flush_under_way,
             with_others_in_sync_the_high_watermark_waits_for_them,
             leadership_is_checked_as_the_request_says_it, watches_are_told_once_a_turn,
             who_is_told_may_end_other_watches_and_its_own,
             a_watch_begun_while_others_are_told_hears_of_the_next_move,
             a_failed_append_takes_the_log_offline_and_tells,
             a_failed_flush_commits_nothing_and_tells,
             deletion_tells_the_watches_and_lets_go_of_those_who_stay,
             a_partition_may_be_deleted_while_it_is_flushed,
             records_are_deleted_up_to_the_high_watermark)
