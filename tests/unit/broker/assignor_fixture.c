#include "tests/unit/broker/assignor_fixture.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

void assignor_fixture_free(struct assignor_fixture *f)
{
    for (int32_t i = 0; i < f->member_count; i++)
        partition_set_free(&f->members[i].target);
    f->member_count = 0;
}

/* The place of the member, or where it would go. */
static int32_t place_of(const struct assignor_fixture *f, const char *id)
{
    int32_t place = 0;
    while (place < f->member_count && strcmp(f->members[place].id, id) < 0)
        place++;
    return place;
}

struct fixture_member *assignor_fixture_member(struct assignor_fixture *f,
                                               const char *id)
{
    int32_t place = place_of(f, id);
    bool found = place < f->member_count && strcmp(f->members[place].id, id) == 0;
    return found ? &f->members[place] : NULL;
}

void assignor_fixture_join(struct assignor_fixture *f, const char *id,
                           const char *topics)
{
    struct fixture_member *m = assignor_fixture_member(f, id);
    if (m == NULL) {
        ck_assert_int_lt(f->member_count, FIXTURE_MEMBERS);
        m = &f->members[place_of(f, id)];
        memmove(m + 1, m, (size_t)(&f->members[f->member_count++] - m) * sizeof(*m));
        memset(m, 0, sizeof(*m));
        snprintf(m->id, sizeof(m->id), "%s", id);
    }
    snprintf(m->topics, sizeof(m->topics), "%s", topics);
}

void assignor_fixture_leave(struct assignor_fixture *f, const char *id)
{
    struct fixture_member *m = assignor_fixture_member(f, id);
    ck_assert_ptr_nonnull(m);
    partition_set_free(&m->target);
    memmove(m, m + 1, (size_t)(&f->members[--f->member_count] - m) * sizeof(*m));
}

/* Half of the ids have their first bit set. */
struct uuid assignor_fixture_topic(char name)
{
    return (struct uuid){.bytes = {(uint8_t)((name - 'A') * 20), (uint8_t)name}};
}

bool fixture_member_subscribes(const struct fixture_member *m, char topic)
{
    return strchr(m->topics, topic) != NULL;
}

bool fixture_member_has(const struct fixture_member *m, char topic, int32_t partition)
{
    struct uuid id = assignor_fixture_topic(topic);
    return partition_set_find(&m->target, id, partition) != NULL;
}

/* ---- assigning -------------------------------------------------------------- */

static bool is_sorted(const struct partition_set *s)
{
    for (int32_t i = 1; i < s->count; i++) {
        if (topic_partition_compare(&s->items[i - 1], &s->items[i]) >= 0)
            return false;
    }
    return true;
}

/* The happy path calls nothing of Check's: it notes each of its calls. */
static void check_partition(struct assignor_fixture *f, char topic, int32_t partition,
                            const struct assignor_member *outcome)
{
    struct uuid id = assignor_fixture_topic(topic);
    int owners = 0, subscribers = 0;
    for (int32_t i = 0; i < f->member_count; i++) {
        bool subscribes = fixture_member_subscribes(&f->members[i], topic);
        bool has = partition_set_find(&outcome[i].assigned, id, partition) != NULL;
        if (has && !subscribes)
            ck_abort_msg("%s has %c%d", f->members[i].id, topic, partition);
        f->stayed += has && fixture_member_has(&f->members[i], topic, partition);
        owners += has;
        subscribers += subscribes;
    }
    if (owners != (subscribers > 0))
        ck_abort_msg("%c%d has %d owners", topic, partition, owners);
    f->total += owners;
}

static void check_outcome(struct assignor_fixture *f,
                          const struct assignor_member *outcome)
{
    int32_t assigned = 0, sorted = 0;
    f->total = f->stayed = 0;
    for (int t = 0; t < FIXTURE_TOPICS; t++) {
        for (int32_t p = 0; p < f->partitions[t]; p++)
            check_partition(f, (char)('A' + t), p, outcome);
    }
    for (int32_t i = 0; i < f->member_count; i++) {
        sorted += is_sorted(&outcome[i].assigned);
        assigned += outcome[i].assigned.count;
    }
    ck_assert_int_eq(sorted, f->member_count);
    ck_assert_int_eq(assigned, f->total);
}

void assignor_fixture_assign(struct assignor_fixture *f)
{
    struct assignor_topic topics[FIXTURE_TOPICS];
    struct assignor_member members[FIXTURE_MEMBERS];
    struct uuid subscribed[FIXTURE_MEMBERS][FIXTURE_TOPICS];
    struct assignor_spec spec = {topics, 0, members, f->member_count};
    memset(members, 0, sizeof(members));
    for (int32_t i = 0; i < f->member_count; i++) {
        const struct fixture_member *m = &f->members[i];
        members[i] = (struct assignor_member){
            .member_id = str_of(m->id),
            .instance_id = m->instance_id[0] == 0 ? STR_NULL : str_of(m->instance_id),
            .topics = subscribed[i],
            .current = &m->target};
    }
    for (int t = 0; t < FIXTURE_TOPICS; t++) {
        if (f->partitions[t] == 0)
            continue;
        char name = (char)('A' + t);
        struct uuid id = assignor_fixture_topic(name);
        topics[spec.topic_count++] = (struct assignor_topic){id, f->partitions[t]};
        for (int32_t i = 0; i < f->member_count; i++) {
            if (fixture_member_subscribes(&f->members[i], name))
                subscribed[i][members[i].topic_count++] = id;
        }
    }
    struct err err = {0};
    ck_assert_int_eq(f->assignor->assign(&spec, &err), 0);
    check_outcome(f, members);
    for (int32_t i = 0; i < f->member_count; i++) {
        partition_set_free(&f->members[i].target);
        f->members[i].target = members[i].assigned;
    }
}

void assignor_fixture_expect(struct assignor_fixture *f, const char *id,
                             const char *partitions)
{
    const struct partition_set *s = &assignor_fixture_member(f, id)->target;
    char text[400] = "";
    for (int32_t i = 0; i < s->count; i++) {
        size_t used = strlen(text);
        snprintf(text + used, sizeof(text) - used, "%s%c%d", i == 0 ? "" : " ",
                 s->items[i].topic_id.bytes[1], s->items[i].partition);
    }
    ck_assert_str_eq(text, partitions);
}

/* ---- random groups ---------------------------------------------------------- */

static void random_topics(unsigned *seed, char out[FIXTURE_TOPICS + 1])
{
    int count = 0;
    unsigned wanted = (unsigned)rand_r(seed) | (unsigned)rand_r(seed) % 4096;
    for (int t = 0; t < FIXTURE_TOPICS; t++) {
        if (wanted >> t & 1)
            out[count++] = (char)('A' + t);
    }
    out[count] = '\0';
}

static void change_members(struct assignor_fixture *f, unsigned *seed,
                           const char *topics)
{
    char own[FIXTURE_TOPICS + 1], id[24];
    random_topics(seed, own);
    if (f->member_count > 0 && rand_r(seed) % 5 < 2) {
        struct fixture_member *m = &f->members[rand_r(seed) % f->member_count];
        if (rand_r(seed) % 2 == 0 && topics == NULL)
            assignor_fixture_join(f, m->id, own);
        else
            assignor_fixture_leave(f, m->id);
    } else if (f->member_count < FIXTURE_MEMBERS) {
        snprintf(id, sizeof(id), "member-%d", rand_r(seed));
        assignor_fixture_join(f, id, topics == NULL ? own : topics);
        if (rand_r(seed) % 4 == 0)
            snprintf(assignor_fixture_member(f, id)->instance_id, sizeof(id),
                     "instance-%d", rand_r(seed));
    }
}

static void change_topics(struct assignor_fixture *f, unsigned *seed)
{
    int32_t *partitions = &f->partitions[rand_r(seed) % FIXTURE_TOPICS];
    if (*partitions > 0 && rand_r(seed) % 3 == 0)
        *partitions = 0;
    else if (*partitions < 30)
        *partitions += 1 + rand_r(seed) % 8;
}

void assignor_fixture_change(struct assignor_fixture *f, unsigned *seed,
                             const char *topics)
{
    if (rand_r(seed) % 3 == 0)
        change_topics(f, seed);
    else
        change_members(f, seed, topics);
}
