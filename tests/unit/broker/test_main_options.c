#include "broker/main_options.h"

#include "tests/support/check_main.h"

#define ARGC(argv) ((int)(sizeof(argv) / sizeof((argv)[0])) - 1)
#define ARGV(...)                   \
    {                               \
        "gregor", __VA_ARGS__, NULL \
    }

static void refused(const char *one, const char *two, const char *three,
                    const char *why)
{
    char *argv[] = {"gregor", (char *)one, (char *)two, (char *)three, NULL};
    char error[GREGOR_ERROR_SIZE];
    struct main_options o;
    int argc = 1 + (one != NULL) + (two != NULL) + (three != NULL);
    ck_assert_msg(main_options_read(argc, argv, &o, error) == -1, "%s", one);
    ck_assert_msg(strstr(error, why) != NULL, "%s", error);
}

START_TEST(without_options_all_is_default)
{
    char *argv[] = {"gregor", NULL};
    char error[GREGOR_ERROR_SIZE];
    struct main_options o;
    ck_assert_int_eq(main_options_read(1, argv, &o, error), 0);
    ck_assert_uint_eq(o.broker.size, sizeof(o.broker));
    ck_assert_int_eq(o.broker.log_level, GREGOR_LOG_WARN);
    ck_assert_ptr_null(o.broker.data_dir);
    ck_assert_ptr_null(o.ready_file);
    ck_assert(!o.broker.ephemeral && !o.help && !o.version && !o.print_config);
    main_options_free(&o);
}
END_TEST

START_TEST(every_option_reaches_its_place)
{
    char *argv[] = ARGV("--config", "c.properties", "--set", "a=1", "--set=b=2=3",
                        "--profile", "kafka", "--data=dir", "--ephemeral", "--listen",
                        "h:1", "--advertise=h:2", "--topic", "t:1:k=v", "--topic=u",
                        "--ready-file", "ready", "--exit-with-parent", "--print-config",
                        "--version", "--help", "--log", "debug");
    char error[GREGOR_ERROR_SIZE];
    struct main_options o;
    ck_assert_msg(main_options_read(ARGC(argv), argv, &o, error) == 0, "%s", error);
    ck_assert_str_eq(o.broker.config_file, "c.properties");
    ck_assert_uint_eq(o.broker.setting_count, 2);
    ck_assert_str_eq(o.broker.settings[0], "a=1");
    ck_assert_str_eq(o.broker.settings[1], "b=2=3");
    ck_assert_str_eq(o.broker.profile, "kafka");
    ck_assert_str_eq(o.broker.data_dir, "dir");
    ck_assert(o.broker.ephemeral);
    ck_assert_str_eq(o.broker.listen, "h:1");
    ck_assert_str_eq(o.broker.advertise, "h:2");
    ck_assert_uint_eq(o.broker.topic_count, 2);
    ck_assert_str_eq(o.broker.topics[0], "t:1:k=v");
    ck_assert_str_eq(o.broker.topics[1], "u");
    ck_assert_str_eq(o.ready_file, "ready");
    ck_assert(o.exit_with_parent && o.print_config && o.version && o.help);
    ck_assert_int_eq(o.broker.log_level, GREGOR_LOG_DEBUG);
    main_options_free(&o);
}
END_TEST

START_TEST(an_empty_value_is_a_value)
{
    char *argv[] = ARGV("--data=", "--config", "");
    char error[GREGOR_ERROR_SIZE];
    struct main_options o;
    ck_assert_int_eq(main_options_read(ARGC(argv), argv, &o, error), 0);
    ck_assert_str_eq(o.broker.data_dir, "");
    ck_assert_str_eq(o.broker.config_file, "");
    main_options_free(&o);
}
END_TEST

START_TEST(bad_options_are_told_in_one_sentence)
{
    refused("--nonsense", NULL, NULL, "'--nonsense'");
    refused("--dat", "x", NULL, "'--dat'"); /* no abbreviations */
    refused("--dataX", NULL, NULL, "'--dataX'");
    refused("topic", NULL, NULL, "'topic'");
    refused("", NULL, NULL, "unknown option");
    refused("--data", NULL, NULL, "--data wants a value");
    refused("--topic", NULL, NULL, "--topic wants a value");
    refused("--ephemeral=yes", NULL, NULL, "--ephemeral takes no value");
    refused("--data=a", "--data", "b", "--data is given twice");
    refused("--log", "loud", NULL, "'loud'");
    refused("--set", "a=b", "--help=1", "--help takes no value"); /* frees the lists */
}
END_TEST

START_TEST(the_help_names_every_option)
{
    const char *const names[] = {
        "--data",   "--ephemeral",    "--listen",  "--advertise",  "--topic",
        "--config", "--set",          "--profile", "--ready-file", "--exit-with-parent",
        "--log",    "--print-config", "--version", "--help"};
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    main_options_help(out);
    fclose(out);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        ck_assert_msg(strstr(text, names[i]) != NULL, "%s", names[i]);
    free(text);
}
END_TEST

GREGOR_TESTS("main_options", without_options_all_is_default,
             every_option_reaches_its_place, an_empty_value_is_a_value,
             bad_options_are_told_in_one_sentence, the_help_names_every_option)
