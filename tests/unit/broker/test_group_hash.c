/* tests/unit/broker/test_group_hash.c */
#include "broker/group/group_hash.h"

#include "tests/support/check_main.h"

START_TEST(every_group_has_a_partition)
{
    ck_assert_int_eq(group_partition_of(STR_LITERAL("polygenelubricants"), 50), 0);
    ck_assert_int_eq(group_partition_of(STR_LITERAL("hello"), 50), 22);
    ck_assert_int_eq(group_partition_of(STR_LITERAL("classic-group"), 50), 34);
    ck_assert_int_eq(group_partition_of(STR_LITERAL("classic-group"), 1), 0);
}
END_TEST

GREGOR_TESTS("group_hash", every_group_has_a_partition)
