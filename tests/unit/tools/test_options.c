#include "tools/options.h"

#include "tests/support/check_main.h"

static const char *const words[] = {"red", "green", "blue", NULL};

struct got {
    bool flag;
    const char *text;
    const char *list[8];
    size_t listed;
    int32_t number;
    int choice;
    const char *operands[8];
    size_t operand_count;
    struct err err;
};

static int read_all(struct got *g, bool operands, const char *const *arguments)
{
    const struct option options[] = {
        {"--choice", OPTION_CHOICE, .choices = words, .choice = &g->choice},
        {"--flag", OPTION_FLAG, .flag = &g->flag},
        {"--list", OPTION_LIST, .list = g->list, .count = &g->listed},
        {"--number", OPTION_NUMBER, .number = &g->number},
        {"--text", OPTION_TEXT, .text = &g->text},
        {NULL},
    };
    char *argv[9] = {"command"};
    int argc = 1;
    while (arguments[argc - 1] != NULL) {
        argv[argc] = (char *)arguments[argc - 1];
        argc++;
    }
    argv[argc] = NULL;
    *g = (struct got){.number = -1};
    return options_read(options, argc, argv, operands ? g->operands : NULL,
                        operands ? &g->operand_count : NULL, &g->err);
}

#define READ(g, operands, ...) \
    read_all((g), (operands), (const char *const[]){__VA_ARGS__, NULL})

static void refused(const char *why, bool operands, const char *one, const char *two)
{
    struct got g;
    ck_assert_int_eq(READ(&g, operands, one, two), ERR_INVALID);
    ck_assert_msg(strstr(g.err.message, why) != NULL, "%s", g.err.message);
}

START_TEST(each_kind_reaches_its_place)
{
    struct got g;
    int rc = READ(&g, true, "--flag", "a", "--text=t=u", "--list", "1", "--list=2");
    ck_assert_int_eq(rc, 0);
    ck_assert(g.flag);
    ck_assert_str_eq(g.text, "t=u");
    ck_assert_uint_eq(g.listed, 2);
    ck_assert_str_eq(g.list[1], "2");
    ck_assert_int_eq(READ(&g, true, "--number", "2147483647", "b", "--choice=blue"), 0);
    ck_assert_int_eq(g.number, INT32_MAX);
    ck_assert_int_eq(g.choice, 2);
    ck_assert_uint_eq(g.operand_count, 1);
    ck_assert_str_eq(g.operands[0], "b");
}
END_TEST

START_TEST(what_is_no_option_is_an_operand_where_there_may_be_some)
{
    struct got g;
    ck_assert_int_eq(READ(&g, true, "a", "", "b"), 0);
    ck_assert_uint_eq(g.operand_count, 3);
    refused("unknown option 'a'", false, "a", NULL);
}
END_TEST

START_TEST(bad_values_are_told)
{
    refused("unknown option '--fla'", true, "--fla", NULL);
    refused("unknown option '-f'", true, "-f", NULL);
    refused("--flag takes no value", true, "--flag=1", NULL);
    refused("--text wants a value", true, "--text", NULL);
    refused("--text is given twice", true, "--text=a", "--text=b");
    refused("--choice is red, green or blue, not 'grey'", true, "--choice", "grey");
    const char *const numbers[] = {"", "-1", " 1", "1x", "2147483648", "0x10"};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        refused("--number wants a number", true, "--number", numbers[i]);
}
END_TEST

GREGOR_TESTS("options", each_kind_reaches_its_place,
             what_is_no_option_is_an_operand_where_there_may_be_some,
             bad_values_are_told)
