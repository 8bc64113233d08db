/* Opening, recovery, strays, deletion. */
#include "tests/unit/storage/log_manager_fixture.h"

/* ---- opening ------------------------------------------------------------- */

START_TEST(adding_a_replica_touches_no_disk)
{
    struct fixture f;
    struct log_handle handles[100];
    open_fixture(&f);
    unsigned opens = f.disk.opens;
    for (int i = 0; i < 100; i++)
        add(&f, &handles[i], "t", 1, i);
    ck_assert_uint_eq(f.disk.opens, opens);
    ck_assert_int_eq(f.executor.total, 0);
    ck_assert_ptr_eq(log_manager_find(f.m, id_of(1), 99), &handles[99]);
    ck_assert_ptr_null(log_manager_find(f.m, id_of(1), 100));
    ck_assert_int_eq(log_manager_add(f.m, &handles[0], STR_LITERAL("t"), id_of(1), 5,
                                     &f.config, &f.err),
                     ERR_EXISTS);
    ck_assert_uint_le(sizeof(struct log_handle), 128);
    close_fixture(&f);
}
END_TEST

START_TEST(a_created_log_takes_records_and_keeps_them)
{
    struct fixture f;
    struct log_handle h;
    open_fixture(&f);
    create(&f, &h, "t", 1, 0);
    ck_assert_int_eq(h.state, LOG_CLOSED);
    ck_assert(fake_disk_has(&f.disk, DATA "/t-0/partition.metadata"));
    must_open(&f, &h);
    must_append(&f, &h, 3);
    stop(&f);
    ck_assert(fake_disk_has(&f.disk, MARKER));

    start(&f);
    add(&f, &h, "t", 1, 0);
    log_manager_start(f.m);
    ck_assert_int_eq(partition_log_end_offset(must_open(&f, &h)), 3);
    ck_assert_str_eq(f.traced, "");
    close_fixture(&f);
}
END_TEST

START_TEST(callers_share_one_opening)
{
    struct fixture f;
    struct log_handle h;
    struct reply a = reply(), b = reply();
    open_fixture(&f);
    create(&f, &h, "t", 1, 0);
    int before = f.executor.total;
    ck_assert_int_eq(log_manager_ensure_open(f.m, &h, &a.request, &f.err), 0);
    ck_assert_int_eq(log_manager_ensure_open(f.m, &h, &b.request, &f.err), 0);
    ck_assert_int_eq(a.calls + b.calls, 0);
    run(&f);
    expect(&a, 0);
    expect(&b, 0);
    ck_assert_int_eq(f.executor.total, before + 1);
    ck_assert_int_eq(log_manager_ensure_open(f.m, &h, &a.request, &f.err), 1);
    close_fixture(&f);
}
END_TEST

START_TEST(a_replica_may_be_opened_while_it_is_made)
{
    struct fixture f;
    struct log_handle h;
    struct reply made = reply(), opened = reply();
    struct log_handle *handles[] = {&h};
    open_fixture(&f);
    add(&f, &h, "t", 1, 0);
    ck_assert_int_eq(log_manager_create(f.m, handles, 1, &made.request, &f.err), 0);
    ck_assert_int_eq(log_manager_ensure_open(f.m, &h, &opened.request, &f.err), 0);
    run(&f);
    expect(&made, 0);
    expect(&opened, 0);
    ck_assert_ptr_nonnull(log_handle_log(&h));
    close_fixture(&f);
}
END_TEST

START_TEST(a_log_that_cannot_be_opened_is_offline_and_others_go_on)
{
    struct fixture f;
    struct log_handle bad, good;
    struct reply r = reply();
    open_fixture(&f);
    create(&f, &bad, "bad", 1, 0);
    create(&f, &good, "good", 2, 0);
    ck_assert_int_eq(log_manager_ensure_open(f.m, &bad, &r.request, &f.err), 0);
    fake_disk_fail_nth(&f.disk, 1);
    run(&f);
    fake_disk_fail_nth(&f.disk, 0);
    expect(&r, ERR_IO);
    ck_assert_int_eq(bad.state, LOG_OFFLINE);
    ck_assert_int_eq(log_manager_ensure_open(f.m, &bad, &r.request, &f.err),
                     ERR_OFFLINE);
    ck_assert_ptr_nonnull(strstr(f.traced, "log bad-0 is offline"));
    must_open(&f, &good);
    must_append(&f, &good, 1);
    close_fixture(&f);
}
END_TEST

START_TEST(the_markers_removal_is_durable_before_a_log_is_opened)
{
    struct fixture f;
    struct log_handle h;
    open_fixture(&f);
    create(&f, &h, "t", 1, 0);
    stop(&f);
    start(&f);
    add(&f, &h, "t", 1, 0);
    fake_disk_crash(&f.disk);
    ck_assert(fake_disk_has(&f.disk, MARKER)); /* not yet: nothing was written */
    log_manager_destroy(f.m);
    log_dir_close(&f.dir);
    start(&f);
    add(&f, &h, "t", 1, 0);
    must_open(&f, &h);
    fake_disk_crash(&f.disk);
    ck_assert(!fake_disk_has(&f.disk, MARKER));
    close_fixture(&f);
}
END_TEST

START_TEST(creation_waits_for_no_device)
{
    struct fixture f;
    struct log_handle h;
    open_fixture(&f);
    unsigned before = f.disk.syncs;
    create(&f, &h, "t", 1, 0);
    ck_assert_uint_eq(f.disk.syncs, before);
    close_fixture(&f);
}
END_TEST

START_TEST(the_first_flush_makes_the_folder_durable_too)
{
    struct fixture f;
    struct log_handle h;
    struct reply r = reply();
    open_fixture(&f);
    create(&f, &h, "t", 1, 0);
    must_open(&f, &h);
    must_append(&f, &h, 3);
    ck_assert_int_eq(log_manager_flush(f.m, &h, &r.request, &f.err), 0);
    run(&f);
    expect(&r, 0);
    kill_broker(&f);
    fake_disk_crash(&f.disk);
    start(&f);
    add(&f, &h, "t", 1, 0);
    r = reply();
    ck_assert_int_eq(log_manager_recover_all(f.m, &r.request, &f.err), 0);
    run(&f);
    ck_assert_int_eq(partition_log_end_offset(log_handle_log(&h)), 3);
    close_fixture(&f);
}
END_TEST

START_TEST(a_power_cut_after_the_stop_takes_nothing)
{
    struct fixture f;
    struct log_handle h, empty;
    open_fixture(&f);
    create(&f, &h, "t", 1, 0);
    create(&f, &empty, "empty", 2, 0);
    must_open(&f, &h);
    must_open(&f, &empty);
    must_append(&f, &h, 3);
    stop(&f);
    fake_disk_crash(&f.disk);
    start(&f);
    ck_assert(f.dir.clean);
    add(&f, &h, "t", 1, 0);
    add(&f, &empty, "empty", 2, 0);
    log_manager_start(f.m);
    ck_assert_int_eq(partition_log_end_offset(must_open(&f, &h)), 3);
    ck_assert_int_eq(partition_log_end_offset(must_open(&f, &empty)), 0);
    must_append(&f, &empty, 1);
    close_fixture(&f);
}
END_TEST

/* ---- recovery ------------------------------------------------------------ */

START_TEST(after_a_kill_all_logs_are_recovered_in_parallel)
{
    struct fixture f;
    struct log_handle handles[10];
    struct reply r = reply();
    size_t len;
    open_fixture(&f);
    for (int i = 0; i < 10; i++) {
        create(&f, &handles[i], "t", 1, i);
        must_open(&f, &handles[i]);
        must_append(&f, &handles[i], 2);
    }
    kill_broker(&f);
    /* The last batch of one of them was torn. */
    uint8_t *log =
        fake_disk_content(&f.disk, DATA "/t-3/00000000000000000000.log", &len);
    log[len - 1] ^= 1;

    f.traced[0] = '\0';
    start(&f);
    for (int i = 0; i < 10; i++)
        add(&f, &handles[i], "t", 1, i);
    ck_assert_int_eq(log_manager_recover_all(f.m, &r.request, &f.err), 0);
    ck_assert_int_eq(f.executor.count, 5); /* the scan, and four lanes */
    run(&f);
    expect(&r, 0);
    for (int i = 0; i < 10; i++) {
        ck_assert_int_eq(handles[i].state, LOG_ONLINE);
        ck_assert_int_eq(partition_log_end_offset(handles[i].log), i == 3 ? 1 : 2);
    }
    ck_assert_ptr_nonnull(strstr(f.traced, "log t-3: "));
    ck_assert_ptr_eq(strchr(f.traced, '\n'), strrchr(f.traced, '\n')); /* one line */
    close_fixture(&f);
}
END_TEST

START_TEST(recovery_of_nothing_ends_too)
{
    struct fixture f;
    struct reply r = reply();
    open_fixture(&f);
    ck_assert_int_eq(log_manager_recover_all(f.m, &r.request, &f.err), 0);
    ck_assert_int_eq(r.calls, 0);
    run(&f);
    expect(&r, 0);
    close_fixture(&f);
}
END_TEST

START_TEST(a_damaged_checkpoint_matters_only_after_a_clean_stop)
{
    struct fixture f;
    struct log_handle h;
    struct log_manager *m;
    open_fixture(&f);
    create(&f, &h, "t", 1, 0);
    must_open(&f, &h);
    must_append(&f, &h, 2);
    stop(&f);
    fake_disk_put(&f.disk, DATA "/" RECOVERY_POINT_CHECKPOINT, "0\n9\n", 4);

    struct log_dir_options dir = {
        .path = DATA, .disk = &f.disk.disk, .random = &random_system, .node_id = 1};
    ck_assert_int_eq(log_dir_open(&dir, &f.dir, &f.err), 0);
    struct log_manager_options options = {
        .dir = &f.dir, .disk = &f.disk.disk, .trace = &f.trace};
    ck_assert_int_eq(log_manager_open(&options, &m, &f.err), ERR_CORRUPT);
    log_dir_close(&f.dir);

    start(&f); /* the marker is gone by now */
    ck_assert_ptr_nonnull(strstr(f.traced, RECOVERY_POINT_CHECKPOINT));
    struct reply r = reply();
    add(&f, &h, "t", 1, 0);
    ck_assert_int_eq(log_manager_recover_all(f.m, &r.request, &f.err), 0);
    run(&f);
    ck_assert_int_eq(partition_log_end_offset(log_handle_log(&h)), 2);
    close_fixture(&f);
}
END_TEST

/* ---- strays and leftovers ------------------------------------------------ */

START_TEST(folders_that_nobody_knows_are_set_aside_not_deleted)
{
    struct fixture f;
    struct log_handle known, unknown, renumbered;
    open_fixture(&f);
    create(&f, &known, "known", 1, 0);
    create(&f, &unknown, "unknown", 2, 0);
    create(&f, &renumbered, "known", 1, 7);
    stop(&f);
    start(&f);
    add(&f, &known, "known", 1, 0);
    log_manager_start(f.m);
    run(&f);
    ck_assert_int_eq(find_folder(&f, "known-0", "-0").count, 1);
    ck_assert_int_eq(find_folder(&f, "unknown-0.", "-stray").count, 1);
    ck_assert_int_eq(find_folder(&f, "known-7.", "-stray").count, 1);
    ck_assert_int_eq(find_folder(&f, "unknown-0", "-0").count, 0);
    ck_assert_ptr_nonnull(strstr(f.traced, "unknown-0"));
    close_fixture(&f);
}
END_TEST

START_TEST(a_folder_of_another_topic_id_is_a_stray)
{
    struct fixture f;
    struct log_handle before, after;
    open_fixture(&f);
    create(&f, &before, "t", 1, 0);
    must_open(&f, &before);
    must_append(&f, &before, 5);
    stop(&f);
    start(&f);
    add(&f, &after, "t", 2, 0);
    log_manager_start(f.m);
    ck_assert_int_eq(partition_log_end_offset(must_open(&f, &after)), 0);
    ck_assert_int_eq(partition_log_high_watermark(log_handle_log(&after)), 0);
    struct search stray = find_folder(&f, "t-0.", "-stray");
    ck_assert_int_eq(stray.count, 1);
    ck_assert_uint_eq(strlen(stray.found), strlen("t-0.") + 32 + strlen("-stray"));
    char path[512];
    snprintf(path, sizeof(path), DATA "/%s/00000000000000000000.log", stray.found);
    ck_assert_int_gt(fake_disk_size(&f.disk, path), 0);
    ck_assert_ptr_nonnull(strstr(f.traced, "another topic id"));
    close_fixture(&f);
}
END_TEST

START_TEST(a_folder_without_partition_metadata_is_a_stray)
{
    struct fixture f;
    struct log_handle h;
    open_fixture(&f);
    create(&f, &h, "t", 1, 0);
    must_open(&f, &h);
    stop(&f);
    fake_disk_drop(&f.disk, DATA "/t-0/partition.metadata");
    start(&f);
    add(&f, &h, "t", 1, 0);
    must_open(&f, &h);
    ck_assert_int_eq(find_folder(&f, "t-0.", "-stray").count, 1);
    close_fixture(&f);
}
END_TEST

START_TEST(leftovers_of_deletions_are_removed_at_start)
{
    struct fixture f;
    open_fixture(&f);
    struct disk *d = &f.disk.disk;
    const char *path = DATA "/t-0.00112233445566778899aabbccddeeff-delete";
    d->ops->mkdir(d, path, &f.err);
    fake_disk_put(&f.disk,
                  DATA "/t-0.00112233445566778899aabbccddeeff-delete/"
                       "00000000000000000000.log",
                  "x", 1);
    log_manager_start(f.m);
    run(&f);
    ck_assert_int_eq(find_folder(&f, "t-0", "-delete").count, 0);
    close_fixture(&f);
}
END_TEST

/* ---- deletion ------------------------------------------------------------ */

START_TEST(a_deleted_log_is_renamed_first_and_removed_later)
{
    struct fixture f;
    struct log_handle h;
    struct reply r;
    open_fixture(&f);
    create(&f, &h, "t", 1, 0);
    must_open(&f, &h);
    must_append(&f, &h, 1);
    ck_assert_int_eq(delete_one(&f, &h, &r), 0);
    ck_assert_int_eq(r.calls, 0);
    run(&f);
    expect(&r, 0);
    ck_assert_ptr_null(log_manager_find(f.m, id_of(1), 0));
    ck_assert_int_eq(find_folder(&f, "t-0.", "-delete").count, 1);
    ck_assert_int_eq(find_folder(&f, "t-0", "-0").count, 0);
    expect_checkpoint(&f, RECOVERY_POINT_CHECKPOINT, "");

    int64_t now = clock_mono_ms(&f.clock.clock);
    log_manager_tick(f.m, now + 59999);
    run(&f);
    ck_assert_int_eq(find_folder(&f, "t-0.", "-delete").count, 1);
    log_manager_tick(f.m, now + 60000);
    run(&f);
    ck_assert_int_eq(find_folder(&f, "t-0.", "-delete").count, 0);
    close_fixture(&f);
}
END_TEST

START_TEST(a_name_may_be_made_anew_at_once)
{
    struct fixture f;
    struct log_handle old, new;
    struct reply deleted, made = reply();
    struct log_handle *handles[] = {&new};
    open_fixture(&f);
    create(&f, &old, "t", 1, 0);
    must_open(&f, &old);
    must_append(&f, &old, 4);
    ck_assert_int_eq(delete_one(&f, &old, &deleted), 0);
    add(&f, &new, "t", 2, 0);
    ck_assert_int_eq(log_manager_create(f.m, handles, 1, &made.request, &f.err), 0);
    run(&f);
    expect(&deleted, 0);
    expect(&made, 0);
    ck_assert_int_eq(partition_log_end_offset(must_open(&f, &new)), 0);
    ck_assert_int_eq(find_folder(&f, "t-0.", "-stray").count, 0);
    close_fixture(&f);
}
END_TEST

/* A log that the checkpoints say something of. */
static void create_checkpointed(struct fixture *f, struct log_handle *h)
{
    create(f, h, "t", 1, 0);
    struct partition_log *log = must_open(f, h);
    must_append(f, h, 4);
    partition_log_set_high_watermark(log, 4);
    ck_assert_int_eq(partition_log_delete_records(log, 3, &f->err), 0);
}

START_TEST(no_checkpoint_tells_of_a_deleted_log_once_its_name_is_free)
{
    struct fixture f;
    struct log_handle old, new;
    struct reply deleted;
    open_fixture(&f);
    create_checkpointed(&f, &old);
    log_manager_checkpoint(f.m);
    run(&f);
    expect_checkpoint(&f, LOG_START_CHECKPOINT, "t-0=3 ");
    ck_assert_int_eq(delete_one(&f, &old, &deleted), 0);
    while (deleted.calls == 0)
        ck_assert(fake_executor_run_one(&f.executor));
    expect_checkpoint(&f, LOG_START_CHECKPOINT, "");
    create(&f, &new, "t", 2, 0);
    must_open(&f, &new);
    must_append(&f, &new, 2);
    kill_broker(&f);

    start(&f);
    add(&f, &new, "t", 2, 0);
    ck_assert_int_eq(partition_log_end_offset(must_open(&f, &new)), 2);
    close_fixture(&f);
}
END_TEST

START_TEST(a_deletion_waits_for_the_checkpoint_under_way)
{
    struct fixture f;
    struct log_handle old;
    struct reply deleted;
    open_fixture(&f);
    create_checkpointed(&f, &old);
    log_manager_checkpoint(f.m);
    ck_assert_int_eq(delete_one(&f, &old, &deleted), 0);
    fake_executor_work(&f.executor);
    expect_checkpoint(&f, LOG_START_CHECKPOINT, "t-0=3 ");
    ck_assert_int_eq(find_folder(&f, "t-0.", "-delete").count, 0);
    run(&f);
    expect(&deleted, 0);
    expect_checkpoint(&f, LOG_START_CHECKPOINT, "");
    close_fixture(&f);
}
END_TEST

START_TEST(a_name_is_not_made_anew_while_the_old_log_is_busy)
{
    struct fixture f;
    struct log_handle old, new;
    struct reply opened = reply(), deleted, made = reply();
    struct log_handle *handles[] = {&new};
    open_fixture(&f);
    create(&f, &old, "t", 1, 0);
    ck_assert_int_eq(log_manager_ensure_open(f.m, &old, &opened.request, &f.err), 0);
    ck_assert_int_eq(delete_one(&f, &old, &deleted), 0);
    add(&f, &new, "t", 2, 0);
    ck_assert_int_eq(log_manager_create(f.m, handles, 1, &made.request, &f.err), 0);
    run(&f);
    expect(&deleted, 0);
    expect(&made, 0);
    ck_assert_int_eq(find_folder(&f, "t-0.", "-delete").count, 1);
    ck_assert_int_eq(find_folder(&f, "t-0.", "-stray").count, 0);
    close_fixture(&f);
}
END_TEST

START_TEST(deletion_waits_for_the_job_under_way_and_tells_those_who_wait)
{
    struct fixture f;
    struct log_handle h;
    struct reply opened = reply(), deleted;
    open_fixture(&f);
    create(&f, &h, "t", 1, 0);
    ck_assert_int_eq(log_manager_ensure_open(f.m, &h, &opened.request, &f.err), 0);
    fake_executor_work(&f.executor); /* open, but nobody knows yet */
    ck_assert_int_eq(delete_one(&f, &h, &deleted), 0);
    struct reply late = reply();
    ck_assert_int_eq(log_manager_ensure_open(f.m, &h, &late.request, &f.err),
                     ERR_NOT_FOUND);
    run(&f);
    expect(&opened, ERR_NOT_FOUND);
    expect(&deleted, 0);
    ck_assert_int_eq(find_folder(&f, "t-0.", "-delete").count, 1);
    ck_assert_int_eq(f.disk.open_descriptors, 1); /* the lock */
    close_fixture(&f);
}
END_TEST

START_TEST(long_names_are_cut_to_what_a_folder_may_have)
{
    char topic[250];
    struct fixture f;
    struct log_handle h;
    struct reply r;
    memset(topic, 'x', 249);
    topic[249] = '\0';
    open_fixture(&f);
    create(&f, &h, topic, 1, 12345);
    ck_assert_int_eq(delete_one(&f, &h, &r), 0);
    run(&f);
    expect(&r, 0);
    struct search s = find_folder(&f, "xxx", "-delete");
    ck_assert_int_eq(s.count, 1);
    ck_assert_uint_eq(strlen(s.found), 255);
    const char *tail = s.found + 255 - strlen("-12345.") - 32 - strlen("-delete");
    ck_assert_mem_eq(tail, "-12345.", 7);
    close_fixture(&f);
}
END_TEST

GREGOR_TESTS("log_manager", adding_a_replica_touches_no_disk,
             a_created_log_takes_records_and_keeps_them, callers_share_one_opening,
             a_replica_may_be_opened_while_it_is_made,
             a_log_that_cannot_be_opened_is_offline_and_others_go_on,
             the_markers_removal_is_durable_before_a_log_is_opened,
             creation_waits_for_no_device, the_first_flush_makes_the_folder_durable_too,
             a_power_cut_after_the_stop_takes_nothing,
             after_a_kill_all_logs_are_recovered_in_parallel,
             recovery_of_nothing_ends_too,
             a_damaged_checkpoint_matters_only_after_a_clean_stop,
             folders_that_nobody_knows_are_set_aside_not_deleted,
             a_folder_of_another_topic_id_is_a_stray,
             a_folder_without_partition_metadata_is_a_stray,
             leftovers_of_deletions_are_removed_at_start,
             a_deleted_log_is_renamed_first_and_removed_later,
             a_name_may_be_made_anew_at_once,
             no_checkpoint_tells_of_a_deleted_log_once_its_name_is_free,
             a_deletion_waits_for_the_checkpoint_under_way,
             a_name_is_not_made_anew_while_the_old_log_is_busy,
             deletion_waits_for_the_job_under_way_and_tells_those_who_wait,
             long_names_are_cut_to_what_a_folder_may_have)
