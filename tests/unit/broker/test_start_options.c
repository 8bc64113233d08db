#include "broker/start_options.h"

#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/check_main.h"
#include "tests/support/temp_dir.h"

struct fixture {
    struct temp_dir dir;
    struct gregor_options asked;
    const char *settings[4];
    const char *topics[4];
    struct start_options o;
    struct err err;
};

static void open_fixture(struct fixture *f)
{
    *f = (struct fixture){.asked = GREGOR_OPTIONS_INIT};
    temp_dir_open(&f->dir);
    f->asked.settings = f->settings;
    f->asked.topics = f->topics;
}

static void end(struct fixture *f)
{
    start_options_free(&f->o, &f->dir.disk);
    f->o = (struct start_options){0};
}

static void close_fixture(struct fixture *f)
{
    end(f);
    temp_dir_close(&f->dir);
}

static int read_options(struct fixture *f)
{
    end(f);
    f->err = (struct err){0};
    return start_options_read(&f->asked, &f->o, &f->err);
}

static void must_read(struct fixture *f)
{
    ck_assert_msg(read_options(f) == 0, "%s", f->err.message);
}

static void refused(struct fixture *f, const char *why)
{
    int rc = read_options(f);
    ck_assert_msg(rc == ERR_INVALID || rc == ERR_INVALID_CONFIG, "%d: %s", rc,
                  f->err.message);
    ck_assert_msg(strstr(f->err.message, why) != NULL, "%s", f->err.message);
    f->asked = (struct gregor_options)GREGOR_OPTIONS_INIT;
    f->asked.settings = f->settings;
    f->asked.topics = f->topics;
}

static void set(struct fixture *f, const char *setting)
{
    f->settings[f->asked.setting_count++] = setting;
}

START_TEST(defaults_are_those_of_the_dev_profile)
{
    struct fixture f;
    open_fixture(&f);
    must_read(&f);
    ck_assert_int_eq(f.o.config->profile, PROFILE_DEV);
    ck_assert_uint_eq(f.o.config->listeners.count, 1);
    ck_assert_str_eq(f.o.config->listeners.items[0].host, "127.0.0.1");
    ck_assert_int_eq(f.o.config->listeners.items[0].port, 9092);
    ck_assert_ptr_nonnull(strstr(f.o.data_dir, "gregor-data"));
    ck_assert_int_eq(f.o.topics.topics_count, 0);
    f.asked.profile = "kafka";
    must_read(&f);
    ck_assert_int_eq(f.o.config->profile, PROFILE_KAFKA);
    close_fixture(&f);
}
END_TEST

START_TEST(a_setting_is_stronger_than_the_file_and_an_option_than_a_setting)
{
    struct fixture f;
    open_fixture(&f);
    temp_dir_write(
        &f.dir, "server.properties",
        "num.partitions=2\nlog.dirs=/from/file\nlog.segment.bytes=2000000\n");
    f.asked.config_file = temp_dir_path(&f.dir, "server.properties");
    must_read(&f);
    ck_assert_int_eq(f.o.config->num_partitions, 2);
    ck_assert_str_eq(f.o.data_dir, "/from/file");
    set(&f, "num.partitions=3");
    set(&f, "log.dirs=/from/set");
    must_read(&f);
    ck_assert_int_eq(f.o.config->num_partitions, 3);
    ck_assert_str_eq(f.o.data_dir, "/from/set");
    f.asked.data_dir = "/from/option";
    f.asked.listen = "[::1]:0";
    f.asked.advertise = "outside:1234";
    must_read(&f);
    ck_assert_str_eq(f.o.data_dir, "/from/option");
    ck_assert_str_eq(f.o.config->listeners.items[0].host, "::1");
    ck_assert_int_eq(f.o.config->listeners.items[0].port, 0);
    ck_assert_str_eq(f.o.config->advertised.items[0].host, "outside");
    ck_assert_int_eq(f.o.config->advertised.items[0].port, 1234);
    close_fixture(&f);
}
END_TEST

START_TEST(a_wildcard_address_is_advertised_as_this_machine)
{
    struct fixture f;
    open_fixture(&f);
    f.asked.listen = "0.0.0.0:0";
    must_read(&f);
    ck_assert_str_eq(f.o.config->listeners.items[0].host, "");
    f.asked.listen = "[::]:0";
    must_read(&f);
    ck_assert_str_eq(f.o.config->listeners.items[0].host, "");
    close_fixture(&f);
}
END_TEST

START_TEST(bad_options_are_told_and_touch_nothing)
{
    struct fixture f;
    open_fixture(&f);
    f.asked.profile = "production";
    refused(&f, "--profile");
    f.asked.listen = "nonsense";
    refused(&f, "--listen");
    f.asked.advertise = "host:99999";
    refused(&f, "--advertise");
    set(&f, "no-equals-sign");
    refused(&f, "--set");
    set(&f, "=value");
    refused(&f, "--set");
    set(&f, "num.partitions=many");
    refused(&f, "num.partitions");
    set(&f, "log.dirs=/a,/b");
    refused(&f, "log.dirs");
    set(&f, "log.dirs=");
    refused(&f, "");
    f.asked.data_dir = "";
    refused(&f, "");
    f.asked.config_file = temp_dir_path(&f.dir, "missing.properties");
    refused(&f, "missing.properties");
    f.asked.config_file = f.dir.path;
    refused(&f, "--config");
    f.asked.data_dir = "x";
    f.asked.ephemeral = true;
    refused(&f, "--ephemeral");
    f.topics[f.asked.topic_count++] = "bad name";
    refused(&f, "--topic");
    f.asked.size--;
    refused(&f, "GREGOR_OPTIONS_INIT");
    close_fixture(&f);
}
END_TEST

START_TEST(topics_become_a_request)
{
    struct fixture f;
    open_fixture(&f);
    f.topics[0] = "a:3";
    f.topics[1] = "b";
    f.asked.topic_count = 2;
    must_read(&f);
    ck_assert_int_eq(f.o.topics.topics_count, 2);
    ck_assert_int_eq(f.o.topics.topics[0].num_partitions, 3);
    close_fixture(&f);
}
END_TEST

START_TEST(a_relative_directory_becomes_absolute)
{
    struct fixture f;
    char expected[PATH_MAX];
    open_fixture(&f);
    ck_assert_int_eq(chdir(f.dir.path), 0);
    f.asked.data_dir = "./here";
    must_read(&f);
    ck_assert_int_eq(start_options_prepare_dir(&f.o, &f.err), 0);
    char cwd[PATH_MAX / 2];
    ck_assert_ptr_nonnull(getcwd(cwd, sizeof(cwd)));
    snprintf(expected, sizeof(expected), "%s/here", cwd);
    ck_assert_str_eq(f.o.data_dir, expected);
    ck_assert(!temp_dir_has(&f.dir, "here")); /* making it is not our business */
    close_fixture(&f);
}
END_TEST

static void check_ephemeral(struct fixture *f, const char *tmpdir)
{
    char path[PATH_MAX], inside[PATH_MAX + 8];
    setenv("TMPDIR", tmpdir, 1);
    f->asked.ephemeral = true;
    must_read(f);
    ck_assert_int_eq(start_options_prepare_dir(&f->o, &f->err), 0);
    ck_assert_int_eq(f->o.data_dir[0], '/');
    snprintf(path, sizeof(path), "%s", f->o.data_dir);
    struct stat st;
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_eq(st.st_mode & 0777, 0700); /* private */
    snprintf(inside, sizeof(inside), "%s/topic-0", path);
    ck_assert_int_eq(mkdir(inside, 0700), 0);
    end(f);
    ck_assert_int_ne(stat(path, &st), 0); /* gone, with all that was in it */
}

START_TEST(an_ephemeral_directory_is_private_and_goes_again)
{
    struct fixture f;
    open_fixture(&f);
    ck_assert_int_eq(chdir(f.dir.path), 0);
    check_ephemeral(&f, f.dir.path);
    check_ephemeral(&f, "."); /* a relative TMPDIR */
    close_fixture(&f);
}
END_TEST

START_TEST(a_temporary_folder_that_cannot_be_made_is_told)
{
    struct fixture f;
    open_fixture(&f);
    setenv("TMPDIR", temp_dir_path(&f.dir, "missing"), 1);
    f.asked.ephemeral = true;
    must_read(&f);
    ck_assert_int_ne(start_options_prepare_dir(&f.o, &f.err), 0);
    ck_assert_ptr_nonnull(strstr(f.err.message, "missing"));
    close_fixture(&f);
}
END_TEST

struct heard {
    int count;
    enum gregor_log_level level;
    char line[512];
};

static void hear(void *context, enum gregor_log_level level, const char *line)
{
    struct heard *h = context;
    h->count++;
    h->level = level;
    snprintf(h->line, sizeof(h->line), "%s", line);
}

START_TEST(the_callers_function_gets_the_lines_of_its_level)
{
    struct fixture f;
    struct heard heard = {0};
    struct caller_log log;
    open_fixture(&f);
    f.asked.log = hear;
    f.asked.log_context = &heard;
    f.asked.log_level = GREGOR_LOG_INFO;
    struct trace trace = start_options_trace(&f.asked, &log);
    trace_info(&trace, "line %d", 1);
    trace_debug(&trace, "line %d", 2);
    ck_assert_int_eq(heard.count, 1);
    ck_assert_int_eq(heard.level, GREGOR_LOG_INFO);
    ck_assert_str_eq(heard.line, "line 1");
    trace_error(&trace, "name '%s'", "a\nforged line\x7f");
    ck_assert_str_eq(heard.line, "name 'a?forged line?'");
    ck_assert_int_eq(heard.level, GREGOR_LOG_ERROR);
    set(&f, "no.such.setting=1");
    must_read(&f);
    start_options_report(&f.o, &trace);
    ck_assert_ptr_nonnull(strstr(heard.line, "no.such.setting"));
    ck_assert_int_eq(heard.level, GREGOR_LOG_WARN);
    close_fixture(&f);
}
END_TEST

GREGOR_TESTS("start_options", defaults_are_those_of_the_dev_profile,
             a_setting_is_stronger_than_the_file_and_an_option_than_a_setting,
             a_wildcard_address_is_advertised_as_this_machine,
             bad_options_are_told_and_touch_nothing, topics_become_a_request,
             a_relative_directory_becomes_absolute,
             an_ephemeral_directory_is_private_and_goes_again,
             a_temporary_folder_that_cannot_be_made_is_told,
             the_callers_function_gets_the_lines_of_its_level)
