#include "broker/group/partition_set.h"

#include <stdlib.h>

void partition_set_free(struct partition_set *s)
{
    free(s->items);
    *s = PARTITION_SET_INIT;
}

int topic_partition_compare(const struct topic_partition *a,
                            const struct topic_partition *b)
{
    int order = memcmp(&a->topic_id, &b->topic_id, sizeof(a->topic_id));
    return order != 0 ? order
                      : (a->partition > b->partition) - (a->partition < b->partition);
}

static bool resize(struct partition_set *s, int32_t cap)
{
    struct topic_partition *items = realloc(s->items, (size_t)cap * sizeof(*items));
    if (items == NULL)
        return false;
    s->items = items;
    s->cap = cap;
    return true;
}

bool partition_set_reserve(struct partition_set *s, int32_t more)
{
    return more <= s->cap - s->count || resize(s, s->count + more);
}

bool partition_set_append(struct partition_set *s, struct topic_partition p)
{
    if (s->count == s->cap && !resize(s, s->cap == 0 ? 4 : s->cap * 2))
        return false;
    s->items[s->count++] = p;
    return true;
}

/* ---- sorting ---------------------------------------------------------------
 *
 * A merge sort in place: which of two equals came first matters, so qsort() will not
 * do, and there is no memory to ask for. Sets are mostly appended in order, or as a
 * few stretches in order; merge() sees that and is done. */

static void reverse(struct topic_partition *items, int32_t count)
{
    for (int32_t i = 0, j = count - 1; i < j; i++, j--) {
        struct topic_partition kept = items[i];
        items[i] = items[j];
        items[j] = kept;
    }
}

/* Puts items[middle, count) before items[0, middle). */
static void rotate(struct topic_partition *items, int32_t middle, int32_t count)
{
    reverse(items, middle);
    reverse(items + middle, count - middle);
    reverse(items, count);
}

/* How many come before `p`; with `after_equals` those that equal it, too. */
static int32_t count_before(const struct topic_partition *items, int32_t count,
                            const struct topic_partition *p, bool after_equals)
{
    int32_t low = 0, high = count;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        int order = topic_partition_compare(&items[middle], p);
        if (order < 0 || (after_equals && order == 0))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Merges the sorted items[0, middle) and items[middle, count): halves the longer one,
 * swaps what is on the wrong side of that, and merges both sides. */
static void merge(struct topic_partition *items, int32_t middle, int32_t count)
{
    if (middle == 0 || middle == count ||
        topic_partition_compare(&items[middle - 1], &items[middle]) <= 0)
        return;
    int32_t left = middle / 2, right = middle + (count - middle) / 2;
    if (middle >= count - middle)
        right =
            middle + count_before(items + middle, count - middle, &items[left], false);
    else
        left = count_before(items, middle, &items[right], true);
    rotate(items + left, middle - left, right - left);
    int32_t border = left + right - middle;
    merge(items, left, border);
    merge(items + border, right - border, count - border);
}

static void sort(struct topic_partition *items, int32_t count)
{
    if (count < 2)
        return;
    int32_t middle = count / 2;
    sort(items, middle);
    sort(items + middle, count - middle);
    merge(items, middle, count);
}

void partition_set_sort(struct partition_set *s)
{
    sort(s->items, s->count);
    int32_t kept = 0;
    for (int32_t i = 0; i < s->count; i++) {
        if (kept == 0 ||
            topic_partition_compare(&s->items[kept - 1], &s->items[i]) != 0)
            s->items[kept++] = s->items[i];
    }
    s->count = kept;
}

/* ---- whole sets ------------------------------------------------------------ */

bool partition_set_copy(const struct partition_set *from, struct partition_set *to)
{
    struct partition_set copy = PARTITION_SET_INIT;
    if (!partition_set_reserve(&copy, from->count))
        return false;
    if (from->count > 0)
        memcpy(copy.items, from->items, (size_t)from->count * sizeof(*copy.items));
    copy.count = from->count;
    partition_set_free(to);
    *to = copy;
    return true;
}

const struct topic_partition *partition_set_find(const struct partition_set *s,
                                                 struct uuid topic_id,
                                                 int32_t partition)
{
    struct topic_partition wanted = {.topic_id = topic_id, .partition = partition};
    int32_t place = count_before(s->items, s->count, &wanted, false);
    if (place == s->count || topic_partition_compare(&s->items[place], &wanted) != 0)
        return NULL;
    return &s->items[place];
}

bool partition_set_equal(const struct partition_set *a, const struct partition_set *b)
{
    if (a->count != b->count)
        return false;
    for (int32_t i = 0; i < a->count; i++) {
        if (topic_partition_compare(&a->items[i], &b->items[i]) != 0)
            return false;
    }
    return true;
}

int32_t partition_set_run(const struct partition_set *s, int32_t from)
{
    int32_t end = from + 1;
    while (end < s->count &&
           uuid_equal(s->items[end].topic_id, s->items[from].topic_id))
        end++;
    return end - from;
}
