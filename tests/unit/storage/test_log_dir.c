#include "storage/log_dir.h"
#include "tests/support/check_main.h"
#include "tests/support/temp_dir.h"

struct fixture {
    struct temp_dir t;
    struct log_dir_options options;
    struct log_dir dir;
    struct err err;
};

static void open_fixture(struct fixture *f)
{
    *f = (struct fixture){0};
    temp_dir_open(&f->t);
    f->options = (struct log_dir_options){.path = temp_dir_path(&f->t, "deep/data"),
                                          .disk = &f->t.disk,
                                          .random = &random_system,
                                          .node_id = 1};
}

static void close_fixture(struct fixture *f)
{
    log_dir_close(&f->dir);
    temp_dir_close(&f->t);
}

static int open_dir(struct fixture *f)
{
    log_dir_close(&f->dir);
    return log_dir_open(&f->options, &f->dir, &f->err);
}

static void must_open(struct fixture *f)
{
    ck_assert_msg(open_dir(f) == 0, "%s", f->err.message);
}

static void must_refuse(struct fixture *f, int code, const char *saying)
{
    ck_assert_int_eq(open_dir(f), code);
    ck_assert_msg(strstr(f->err.message, saying) != NULL, "%s", f->err.message);
    ck_assert_ptr_nonnull(strstr(f->err.message, f->options.path));
}

START_TEST(a_missing_directory_is_made_and_known_again)
{
    struct fixture f;
    open_fixture(&f);
    must_open(&f);
    ck_assert(f.dir.fresh && f.dir.clean);
    ck_assert(temp_dir_has(&f.t, "deep/data/.lock"));
    struct log_dir first = f.dir;
    must_open(&f);
    ck_assert(!f.dir.fresh);
    ck_assert(!f.dir.clean); /* nobody marked the stop */
    ck_assert_str_eq(f.dir.cluster_id, first.cluster_id);
    ck_assert(uuid_equal(f.dir.directory_id, first.directory_id));
    close_fixture(&f);
}
END_TEST

START_TEST(a_wanted_cluster_id_is_taken)
{
    struct fixture f;
    open_fixture(&f);
    f.options.cluster_id = "NP9KOU1lR9yX4cbhZBRs8w";
    must_open(&f);
    ck_assert_str_eq(f.dir.cluster_id, "NP9KOU1lR9yX4cbhZBRs8w");
    close_fixture(&f);
}
END_TEST

START_TEST(the_clean_marker_holds_for_one_start)
{
    struct fixture f;
    open_fixture(&f);
    must_open(&f);
    ck_assert_int_eq(log_dir_mark_clean(&f.dir, 12, &f.err), 0);
    struct buf marker = temp_dir_read(&f.t, "deep/data/.kafka_cleanshutdown");
    ck_assert_str_eq((char *)marker.data, "{\"version\":0,\"brokerEpoch\":12}");
    buf_free(&marker);
    must_open(&f);
    ck_assert(f.dir.clean);
    ck_assert_int_eq(f.dir.last_broker_epoch, 12);
    ck_assert(!temp_dir_has(&f.t, "deep/data/.kafka_cleanshutdown"));
    must_open(&f);
    ck_assert(!f.dir.clean);
    ck_assert_int_eq(f.dir.last_broker_epoch, -1);
    close_fixture(&f);
}
END_TEST

START_TEST(two_brokers_cannot_share_a_directory)
{
    struct fixture f;
    struct log_dir second;
    open_fixture(&f);
    must_open(&f);
    ck_assert_int_eq(log_dir_open(&f.options, &second, &f.err), ERR_BUSY);
    ck_assert_ptr_nonnull(strstr(f.err.message, "another broker uses"));
    ck_assert_ptr_nonnull(strstr(f.err.message, f.options.path));
    must_open(&f); /* closes the first */
    close_fixture(&f);
}
END_TEST

START_TEST(a_folder_of_something_else_is_left_untouched)
{
    struct fixture f;
    open_fixture(&f);
    f.options.path = temp_dir_path(&f.t, "");
    temp_dir_write(&f.t, "holiday.jpg", "sun");
    must_refuse(&f, ERR_INVALID, "is not empty");
    ck_assert(!temp_dir_has(&f.t, ".lock"));
    ck_assert(!temp_dir_has(&f.t, "meta.properties"));
    close_fixture(&f);
}
END_TEST

START_TEST(what_a_killed_first_start_left_counts_as_empty)
{
    struct fixture f;
    open_fixture(&f);
    f.options.path = temp_dir_path(&f.t, "");
    temp_dir_write(&f.t, ".lock", "");
    temp_dir_write(&f.t, "meta.properties.tmp", "versi");
    must_open(&f);
    ck_assert(f.dir.fresh);
    close_fixture(&f);
}
END_TEST

START_TEST(an_empty_meta_properties_of_a_power_cut_counts_as_missing)
{
    struct fixture f;
    open_fixture(&f);
    f.options.path = temp_dir_path(&f.t, "");
    temp_dir_write(&f.t, "meta.properties", "");
    must_open(&f);
    ck_assert(f.dir.fresh);
    ck_assert_int_eq(log_dir_sync(&f.dir, &f.err), 0);
    close_fixture(&f);
}
END_TEST

START_TEST(directories_of_others_are_refused)
{
    struct fixture f;
    open_fixture(&f);
    must_open(&f);
    f.options.node_id = 2;
    must_refuse(&f, ERR_MISMATCH, "belongs to node 1, not to node 2");
    f.options.node_id = 1;
    f.options.cluster_id = "another";
    must_refuse(&f, ERR_MISMATCH, "not to cluster another");
    close_fixture(&f);
}
END_TEST

START_TEST(meta_properties_must_be_whole)
{
    static const struct {
        const char *text;
        int code;
        const char *saying;
    } bad[] = {
        {"cluster.id=c\nnode.id=1\n", ERR_MISMATCH, "version 0"},
        {"version=2\ncluster.id=c\nnode.id=1\n", ERR_MISMATCH, "version 2"},
        {"version=1\nnode.id=1\n", ERR_CORRUPT, "lacks cluster.id"},
        {"version=1\ncluster.id=c\n", ERR_CORRUPT, "lacks node.id"},
        {"version=1\ncluster.id=c\nnode.id=1\n", ERR_CORRUPT, "lacks directory.id"},
        {"version=1\ncluster.id=c\nnode.id=1\ndirectory.id=x\n", ERR_CORRUPT, "no id"},
    };
    struct fixture f;
    open_fixture(&f);
    must_open(&f);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        temp_dir_write(&f.t, "deep/data/meta.properties", bad[i].text);
        must_refuse(&f, bad[i].code, bad[i].saying);
    }
    close_fixture(&f);
}
END_TEST

START_TEST(apache_kafkas_directory_is_opened)
{
    struct fixture f;
    open_fixture(&f);
    temp_dir_copy(&f.t, SAMPLE_DATA, "sample");
    f.options.path = temp_dir_path(&f.t, "sample");
    must_open(&f);
    char text[UUID_TEXT_SIZE];
    ck_assert(f.dir.clean && !f.dir.fresh);
    ck_assert_int_eq(f.dir.last_broker_epoch, 12);
    ck_assert_str_eq(f.dir.cluster_id, "NP9KOU1lR9yX4cbhZBRs8w");
    ck_assert_str_eq(uuid_text(f.dir.directory_id, text), "j677plo9svUdzEbE86FWOA");
    close_fixture(&f);
}
END_TEST

START_TEST(looking_changes_nothing_and_needs_no_lock)
{
    struct fixture f;
    struct log_dir seen;
    open_fixture(&f);
    ck_assert_int_eq(log_dir_look(&f.t.disk, f.options.path, &seen, &f.err),
                     ERR_NOT_FOUND);
    ck_assert(!temp_dir_has(&f.t, "deep"));
    must_open(&f);
    ck_assert_int_eq(log_dir_look(&f.t.disk, f.options.path, &seen, &f.err), 0);
    ck_assert(uuid_equal(seen.directory_id, f.dir.directory_id));
    ck_assert_int_eq(seen.node_id, 1);
    ck_assert(!seen.clean);
    ck_assert_int_eq(log_dir_lock(&seen, &f.err), ERR_BUSY);
    log_dir_close(&seen);
    ck_assert_int_eq(log_dir_mark_clean(&f.dir, 7, &f.err), 0);
    log_dir_close(&f.dir);
    ck_assert_int_eq(log_dir_look(&f.t.disk, f.options.path, &seen, &f.err), 0);
    ck_assert(seen.clean);
    ck_assert_int_eq(seen.last_broker_epoch, 7);
    ck_assert(temp_dir_has(&f.t, "deep/data/.kafka_cleanshutdown"));
    ck_assert_int_eq(log_dir_lock(&seen, &f.err), 0);
    ck_assert_int_eq(open_dir(&f), ERR_BUSY);
    log_dir_close(&seen);
    temp_dir_write(&f.t, "deep/data/meta.properties", "");
    ck_assert_int_eq(log_dir_look(&f.t.disk, f.options.path, &seen, &f.err),
                     ERR_INVALID);
    close_fixture(&f);
}
END_TEST

GREGOR_TESTS("log_dir", a_missing_directory_is_made_and_known_again,
             a_wanted_cluster_id_is_taken, the_clean_marker_holds_for_one_start,
             two_brokers_cannot_share_a_directory,
             a_folder_of_something_else_is_left_untouched,
             what_a_killed_first_start_left_counts_as_empty,
             an_empty_meta_properties_of_a_power_cut_counts_as_missing,
             directories_of_others_are_refused, meta_properties_must_be_whole,
             apache_kafkas_directory_is_opened,
             looking_changes_nothing_and_needs_no_lock)
