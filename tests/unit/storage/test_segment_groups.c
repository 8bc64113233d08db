/* Which segments become one. */
#include <stdio.h>

#include "storage/segment_groups.h"
#include "tests/support/check_main.h"

/* "2 1 3": how many segments each group of them all has. */
static const char *groups_of(const struct dirty_segment *segments, int count,
                             struct group_limits limits)
{
    static char text[64];
    int used = 0;
    for (int at = 0; at < count;) {
        int n = segment_groups_next(segments + at, count - at, &limits);
        used += snprintf(text + used, sizeof(text) - (size_t)used, "%s%d",
                         at == 0 ? "" : " ", n);
        at += n;
    }
    return text;
}

static const struct group_limits wide = {1000, 1000, 1000};

START_TEST(small_neighbours_are_one_up_to_segment_bytes)
{
    struct dirty_segment s[] = {{0, 400, 8, 12, false},
                                {10, 400, 8, 12, false},
                                {20, 200, 8, 12, false},
                                {30, 1, 8, 12, false}};
    ck_assert_str_eq(groups_of(s, 4, wide), "3 1");
    ck_assert_str_eq(groups_of(s, 4, (struct group_limits){999, 1000, 40}), "2 2");
    ck_assert_str_eq(groups_of(s, 4, (struct group_limits){100, 1000, 40}),
                     "1 1 1 1"); /* one that is too large stays alone */
}
END_TEST

START_TEST(either_index_is_kept_small_too)
{
    struct dirty_segment s[] = {{0, 1, 16, 12, false},
                                {10, 1, 16, 12, false},
                                {20, 1, 16, 40, false},
                                {30, 1, 8, 12, false}};
    ck_assert_str_eq(groups_of(s, 4, (struct group_limits){1000, 48, 40}), "2 1 1");
    ck_assert_str_eq(groups_of(s, 4, (struct group_limits){1000, 33, 40}), "2 1 1");
    ck_assert_str_eq(groups_of(s, 4, (struct group_limits){1000, 64, 40}), "3 1");
}
END_TEST

/* Offsets in a segment are relative to its base, and have 31 bits. */
START_TEST(offsets_of_a_group_fit_one_segment)
{
    const int64_t far = INT32_MAX;
    struct dirty_segment s[] = {
        {0, 1, 8, 12, false}, {far - 10, 1, 8, 12, false}, {far + 2, 1, 8, 12, false}};
    struct group_limits limits = {1000, 1000, far + 20};
    /* The second reaches up to the third's base, which is one too far. */
    ck_assert_str_eq(groups_of(s, 3, limits), "1 2");
    s[2].base_offset = far + 1;
    ck_assert_str_eq(groups_of(s, 3, limits), "2 1");
    limits.uncleanable_offset = far + 1;
    ck_assert_str_eq(groups_of(s, 2, limits), "2");
    limits.uncleanable_offset = far + 2;
    ck_assert_str_eq(groups_of(s, 2, limits), "1 1");
    s[1].size_bytes = 0; /* nothing in it needs a place */
    ck_assert_str_eq(groups_of(s, 2, limits), "2");
}
END_TEST

GREGOR_TESTS("segment_groups", small_neighbours_are_one_up_to_segment_bytes,
             either_index_is_kept_small_too, offsets_of_a_group_fit_one_segment)
