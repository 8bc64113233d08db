/* tests/unit/broker/test_consumer_reconcile.c
 *
 * One step of a member, case by case: where it is, what it says, what is wanted, what
 * others hold, and where it is then. Targets are of epoch 7; a member that is at rest
 * there has that epoch, any other has 5. */
#include "broker/group/consumer_reconcile.h"

#include "tests/support/check_main.h"
#include "tests/support/group_world.h"

#define AT_REST 7
#define BEHIND 5

struct situation {
    const char *name;
    enum member_state state;
    int32_t epoch;
    const char *assigned, *pending;
    const char *target;
    const char *owned;  /* NULL: it does not say */
    const char *others; /* what another member holds */
    bool changed;       /* the subscription */
    bool only_a;        /* it subscribes to "a" alone, else to "b", too */
};

struct outcome {
    enum member_state state;
    int32_t epoch, previous;
    const char *assigned, *pending;
};

struct transition {
    struct situation from;
    struct outcome to;
};

/* ---- machinery ----------------------------------------------------------- */

static void occupy(struct group_world *w, struct consumer_group *g, const char *member,
                   const char *held)
{
    struct member_assignment current = {.member_epoch = BEHIND};
    current.assigned = group_world_partitions(w, held);
    ck_assert(consumer_group_set_current(g, str_of(member), &current));
    member_assignment_free(&current);
}

/* Each partition since an epoch of its own, so that it can be told apart. */
static struct partition_set assigned_before(const struct group_world *w,
                                            const char *text)
{
    struct partition_set set = group_world_partitions(w, text);
    for (int32_t i = 0; i < set.count; i++)
        set.items[i].epoch = 3;
    return set;
}

static enum kafka_error step(struct group_world *w, const struct situation *s,
                             struct member_assignment *out)
{
    struct consumer_group *g = consumer_group_create(&w->env, WORLD_GROUP);
    struct uuid ids[] = {metadata_image_topic(w->image, STR_LITERAL("a"))->id,
                         metadata_image_topic(w->image, STR_LITERAL("b"))->id};
    struct partition_set target = group_world_partitions(w, s->target);
    struct partition_set owned =
        group_world_partitions(w, s->owned == NULL ? "" : s->owned);
    struct member_assignment current = {
        .member_epoch = s->epoch,
        .previous_member_epoch = s->epoch - 1,
        .state = s->state,
        .assigned = assigned_before(w, s->assigned),
        .pending_revocation = assigned_before(w, s->pending),
    };
    if (memcmp(ids[0].bytes, ids[1].bytes, sizeof(ids[0].bytes)) > 0 && !s->only_a) {
        struct uuid first = ids[0];
        ids[0] = ids[1];
        ids[1] = first;
    }
    occupy(w, g, "other", s->others == NULL ? "" : s->others);
    ck_assert(consumer_group_set_current(g, STR_LITERAL("m"), &current));
    struct reconciliation r = {
        .group = g,
        .current = &current,
        .assignment_epoch = AT_REST,
        .target = &target,
        .subscribed = {ids, s->only_a ? 1 : 2},
        .subscription_changed = s->changed,
        .owned = s->owned == NULL ? NULL : &owned,
    };
    enum kafka_error error = consumer_reconcile(&r, out);
    partition_set_free(&target);
    partition_set_free(&owned);
    member_assignment_free(&current);
    consumer_group_destroy(g);
    return error;
}

static void world_open(struct group_world *w)
{
    group_world_open(w, NULL);
    group_world_topic(w, "a", 8);
    group_world_topic(w, "b", 8);
}

/* As text, so that a failure can be read. */
static void describe(const char *name, const struct outcome *o, char *out, size_t size)
{
    snprintf(out, size, "%s: state %d epoch %d previous %d has [%s] gives up [%s]",
             name, o->state, o->epoch, o->previous, o->assigned, o->pending);
}

static void check(struct group_world *w, const struct transition *t)
{
    struct member_assignment is = {0};
    char assigned[200], pending[200], text[800], wanted[800];
    ck_assert_int_eq(step(w, &t->from, &is), KAFKA_NONE);
    struct outcome outcome = {
        is.state, is.member_epoch, is.previous_member_epoch,
        group_world_text(w, &is.assigned, assigned, sizeof(assigned)),
        group_world_text(w, &is.pending_revocation, pending, sizeof(pending))};
    describe(t->from.name, &outcome, text, sizeof(text));
    describe(t->from.name, &t->to, wanted, sizeof(wanted));
    ck_assert_str_eq(text, wanted);
    member_assignment_free(&is);
}

static void check_all(const struct transition *all, size_t count)
{
    struct group_world w;
    world_open(&w);
    for (size_t i = 0; i < count; i++)
        check(&w, &all[i]);
    group_world_close(&w);
}

#define CHECK_ALL(all) check_all(all, sizeof(all) / sizeof((all)[0]))

/* ---- stable --------------------------------------------------------------- */

START_TEST(a_stable_member_stays_as_long_as_its_target_does)
{
    static const struct transition all[] = {
        {{"nothing said", MEMBER_STABLE, AT_REST, "a0 a1", "", "a0 a1", NULL},
         {MEMBER_STABLE, AT_REST, AT_REST - 1, "a0 a1", ""}},
        {{"less said", MEMBER_STABLE, AT_REST, "a0 a1", "", "a0 a1", "a0"},
         {MEMBER_STABLE, AT_REST, AT_REST - 1, "a0 a1", ""}},
        {{"nothing owned", MEMBER_STABLE, AT_REST, "a0 a1", "", "a0 a1", ""},
         {MEMBER_STABLE, AT_REST, AT_REST - 1, "a0 a1", ""}},
        {{"others hold the rest", MEMBER_STABLE, AT_REST, "a0", "", "a0", NULL, "a1"},
         {MEMBER_STABLE, AT_REST, AT_REST - 1, "a0", ""}},
        {{"nothing at all", MEMBER_STABLE, AT_REST, "", "", "", ""},
         {MEMBER_STABLE, AT_REST, AT_REST - 1, "", ""}},
    };
    CHECK_ALL(all);
}
END_TEST

START_TEST(a_stable_member_gives_up_first_and_then_gets_more)
{
    static const struct transition all[] = {
        {{"same, new epoch", MEMBER_STABLE, BEHIND, "a0", "", "a0", NULL},
         {MEMBER_STABLE, AT_REST, BEHIND, "a0", ""}},
        {{"more, free", MEMBER_STABLE, BEHIND, "a0", "", "a0 a1", NULL},
         {MEMBER_STABLE, AT_REST, BEHIND, "a0 a1", ""}},
        {{"more, some held", MEMBER_STABLE, BEHIND, "a0", "", "a0 a1 a2", "a0", "a2"},
         {MEMBER_UNRELEASED_PARTITIONS, AT_REST, BEHIND, "a0 a1", ""}},
        {{"more, all held", MEMBER_STABLE, BEHIND, "a0", "", "a0 a1", NULL, "a1"},
         {MEMBER_UNRELEASED_PARTITIONS, AT_REST, BEHIND, "a0", ""}},
        {{"less, does not say", MEMBER_STABLE, BEHIND, "a0 a1", "", "a0", NULL},
         {MEMBER_UNREVOKED_PARTITIONS, BEHIND, BEHIND, "a0", "a1"}},
        {{"less, still owned", MEMBER_STABLE, BEHIND, "a0 a1", "", "a0", "a0 a1"},
         {MEMBER_UNREVOKED_PARTITIONS, BEHIND, BEHIND, "a0", "a1"}},
        {{"less, not owned", MEMBER_STABLE, BEHIND, "a0 a1", "", "a0", "a0"},
         {MEMBER_STABLE, AT_REST, BEHIND, "a0", ""}},
        {{"less of two, one owned", MEMBER_STABLE, BEHIND, "a0 a1 a2", "", "a0", "a2"},
         {MEMBER_UNREVOKED_PARTITIONS, BEHIND, BEHIND, "a0", "a1 a2"}},
        {{"another, still owned", MEMBER_STABLE, BEHIND, "a0", "", "a1", "a0"},
         {MEMBER_UNREVOKED_PARTITIONS, BEHIND, BEHIND, "", "a0"}},
        {{"another, not owned", MEMBER_STABLE, BEHIND, "a0", "", "a1", ""},
         {MEMBER_STABLE, AT_REST, BEHIND, "a1", ""}},
        {{"another, held", MEMBER_STABLE, BEHIND, "a0", "", "a1", "", "a1"},
         {MEMBER_UNRELEASED_PARTITIONS, AT_REST, BEHIND, "", ""}},
        {{"nothing any more", MEMBER_STABLE, BEHIND, "a0 b1", "", "", "a0 b1"},
         {MEMBER_UNREVOKED_PARTITIONS, BEHIND, BEHIND, "", "a0 b1"}},
    };
    CHECK_ALL(all);
}
END_TEST

START_TEST(what_a_stable_member_no_longer_subscribes_to_is_given_up)
{
    static const struct transition all[] = {
        {{"still owned", MEMBER_STABLE, AT_REST, "a0 b0", "", "a0 b0", "a0 b0", NULL,
          true, true},
         {MEMBER_UNREVOKED_PARTITIONS, AT_REST, AT_REST, "a0", "b0"}},
        {{"does not say", MEMBER_STABLE, AT_REST, "a0 b0", "", "a0 b0", NULL, NULL,
          true, true},
         {MEMBER_UNREVOKED_PARTITIONS, AT_REST, AT_REST, "a0", "b0"}},
        {{"not owned", MEMBER_STABLE, AT_REST, "a0 b0", "", "a0 b0", "a0", NULL, true,
          true},
         {MEMBER_STABLE, AT_REST, AT_REST, "a0", ""}},
        {{"had none of it", MEMBER_STABLE, AT_REST, "a0", "", "a0", "a0", NULL, true,
          true},
         {MEMBER_STABLE, AT_REST, AT_REST - 1, "a0", ""}},
        {{"behind: the target counts for what is left", MEMBER_STABLE, BEHIND, "a0 b0",
          "", "a0 a1 b0 b1", "a0 b0", NULL, true, true},
         {MEMBER_UNREVOKED_PARTITIONS, BEHIND, BEHIND, "a0", "b0"}},
        {{"behind, given up", MEMBER_STABLE, BEHIND, "a0 b0", "", "a0 a1 b0 b1", "a0",
          NULL, true, true},
         {MEMBER_STABLE, AT_REST, BEHIND, "a0 a1", ""}},
        {{"unchanged, but the topic is gone", MEMBER_STABLE, AT_REST, "a0 b0", "",
          "a0 b0", NULL, NULL, false, true},
         {MEMBER_STABLE, AT_REST, AT_REST - 1, "a0 b0", ""}},
    };
    CHECK_ALL(all);
}
END_TEST

/* ---- partitions to be given up -------------------------------------------- */

START_TEST(who_must_give_up_partitions_waits_until_it_has)
{
    static const struct transition all[] = {
        {{"does not say", MEMBER_UNREVOKED_PARTITIONS, BEHIND, "a0", "a1", "a0 a2",
          NULL},
         {MEMBER_UNREVOKED_PARTITIONS, BEHIND, BEHIND - 1, "a0", "a1"}},
        {{"still owned", MEMBER_UNREVOKED_PARTITIONS, BEHIND, "a0", "a1 a2", "a0",
          "a0 a2"},
         {MEMBER_UNREVOKED_PARTITIONS, BEHIND, BEHIND - 1, "a0", "a1 a2"}},
        {{"still owned at the target's epoch", MEMBER_UNREVOKED_PARTITIONS, AT_REST,
          "a0", "a1", "a0", "a0 a1"},
         {MEMBER_UNREVOKED_PARTITIONS, AT_REST, AT_REST - 1, "a0", "a1"}},
        {{"given up", MEMBER_UNREVOKED_PARTITIONS, BEHIND, "a0", "a1", "a0 a2", "a0"},
         {MEMBER_STABLE, AT_REST, BEHIND, "a0 a2", ""}},
        {{"given up, more held", MEMBER_UNREVOKED_PARTITIONS, BEHIND, "a0", "a1",
          "a0 a2", "", "a2"},
         {MEMBER_UNRELEASED_PARTITIONS, AT_REST, BEHIND, "a0", ""}},
        {{"given up, and more to give up", MEMBER_UNREVOKED_PARTITIONS, BEHIND, "a0 a2",
          "a1", "a0", "a0 a2"},
         {MEMBER_UNREVOKED_PARTITIONS, BEHIND, BEHIND, "a0", "a2"}},
        {{"given up, and gets it back", MEMBER_UNREVOKED_PARTITIONS, BEHIND, "a0", "a1",
          "a0 a1", "a0"},
         {MEMBER_STABLE, AT_REST, BEHIND, "a0 a1", ""}},
    };
    CHECK_ALL(all);
}
END_TEST

START_TEST(who_must_give_up_partitions_may_have_to_give_up_more_topics)
{
    static const struct transition all[] = {
        {{"both still owned", MEMBER_UNREVOKED_PARTITIONS, BEHIND, "a0 b0", "a1",
          "a0 b0", "a0 a1 b0", NULL, true, true},
         {MEMBER_UNREVOKED_PARTITIONS, BEHIND, BEHIND, "a0", "a1 b0"}},
        {{"does not say", MEMBER_UNREVOKED_PARTITIONS, BEHIND, "a0 b0", "a1", "a0 b0",
          NULL, NULL, true, true},
         {MEMBER_UNREVOKED_PARTITIONS, BEHIND, BEHIND, "a0", "a1 b0"}},
        {{"no more topics concerned", MEMBER_UNREVOKED_PARTITIONS, BEHIND, "a0", "a1",
          "a0", "a0 a1", NULL, true, true},
         {MEMBER_UNREVOKED_PARTITIONS, BEHIND, BEHIND - 1, "a0", "a1"}},
        {{"first given up, the topic not", MEMBER_UNREVOKED_PARTITIONS, BEHIND, "a0 b0",
          "a1", "a0 b0", "a0 b0", NULL, true, true},
         {MEMBER_UNREVOKED_PARTITIONS, BEHIND, BEHIND, "a0", "b0"}},
    };
    CHECK_ALL(all);
}
END_TEST

/* ---- partitions that others hold ------------------------------------------ */

START_TEST(who_waits_for_others_gets_what_they_give_up)
{
    static const struct transition all[] = {
        {{"still held", MEMBER_UNRELEASED_PARTITIONS, AT_REST, "a0", "", "a0 a1", NULL,
          "a1"},
         {MEMBER_UNRELEASED_PARTITIONS, AT_REST, AT_REST, "a0", ""}},
        {{"free now", MEMBER_UNRELEASED_PARTITIONS, AT_REST, "a0", "", "a0 a1", "a0"},
         {MEMBER_STABLE, AT_REST, AT_REST, "a0 a1", ""}},
        {{"one of two", MEMBER_UNRELEASED_PARTITIONS, AT_REST, "a0", "", "a0 a1 a2",
          "a0", "a2"},
         {MEMBER_UNRELEASED_PARTITIONS, AT_REST, AT_REST, "a0 a1", ""}},
        {{"not wanted any more", MEMBER_UNRELEASED_PARTITIONS, BEHIND, "a0", "", "a0",
          "a0", "a1"},
         {MEMBER_STABLE, AT_REST, BEHIND, "a0", ""}},
        {{"a new target takes some away", MEMBER_UNRELEASED_PARTITIONS, BEHIND, "a0 a1",
          "", "a1", "a0 a1", "a2"},
         {MEMBER_UNREVOKED_PARTITIONS, BEHIND, BEHIND, "a1", "a0"}},
        {{"the topic is not subscribed to any more", MEMBER_UNRELEASED_PARTITIONS,
          AT_REST, "a0", "", "a0 b0", "a0", "b0", true, true},
         {MEMBER_STABLE, AT_REST, AT_REST, "a0", ""}},
    };
    CHECK_ALL(all);
}
END_TEST

/* ---- of a later Kafka ------------------------------------------------------ */

START_TEST(who_is_in_an_unknown_state_must_come_back_without_partitions)
{
    static const struct situation refused[] = {
        {"does not say", MEMBER_UNKNOWN, BEHIND, "a0", "", "a0", NULL},
        {"owns some", MEMBER_UNKNOWN, BEHIND, "a0", "", "a0", "a0"},
    };
    static const struct transition begins_anew = {
        {"owns none", MEMBER_UNKNOWN, BEHIND, "a0", "", "a1", ""},
        {MEMBER_STABLE, AT_REST, BEHIND, "a1", ""}};
    struct group_world w;
    world_open(&w);
    for (int i = 0; i < 2; i++) {
        struct member_assignment out = {0};
        ck_assert_int_eq(step(&w, &refused[i], &out), KAFKA_FENCED_MEMBER_EPOCH);
        ck_assert_int_eq(out.assigned.count, 0);
        member_assignment_free(&out);
    }
    check(&w, &begins_anew);
    group_world_close(&w);
}
END_TEST

/* ---- epochs of partitions -------------------------------------------------- */

START_TEST(a_partition_keeps_the_epoch_in_which_it_was_assigned)
{
    static const struct situation s = {"more", MEMBER_STABLE, BEHIND, "a0",
                                       "",     "a0 a1",       NULL};
    struct group_world w;
    struct member_assignment out = {0};
    world_open(&w);
    ck_assert_int_eq(step(&w, &s, &out), KAFKA_NONE);
    ck_assert_int_eq(out.assigned.items[0].epoch, 3);
    ck_assert_int_eq(out.assigned.items[1].epoch, AT_REST);
    struct member_assignment other = {0};
    ck_assert(member_assignment_copy(&out, &other));
    ck_assert(member_assignment_equal(&out, &other));
    other.assigned.items[0].epoch = 4;
    ck_assert(!member_assignment_equal(&out, &other));
    member_assignment_free(&out);
    member_assignment_free(&other);
    group_world_close(&w);
}
END_TEST

GREGOR_TESTS("consumer_reconcile", a_stable_member_stays_as_long_as_its_target_does,
             a_stable_member_gives_up_first_and_then_gets_more,
             what_a_stable_member_no_longer_subscribes_to_is_given_up,
             who_must_give_up_partitions_waits_until_it_has,
             who_must_give_up_partitions_may_have_to_give_up_more_topics,
             who_waits_for_others_gets_what_they_give_up,
             who_is_in_an_unknown_state_must_come_back_without_partitions,
             a_partition_keeps_the_epoch_in_which_it_was_assigned)
