#include "broker/group/consumer_regex.h"

#include <stdlib.h>

#include "broker/group/consumer_records.h"
#include "broker/group/topic_regex.h"

/* A group is matched anew no sooner than this (Kafka:
 * REGEX_BATCH_REFRESH_MIN_INTERVAL_MS). */
#define REFRESH_MIN_INTERVAL_MS 10000

typedef struct consumer_group_regular_expression_value regex_value;

/* ---- when it is due ------------------------------------------------------ */

static bool check_valid(struct consumer_change *c, struct str pattern)
{
    if (c->regex_fault.data == NULL)
        return true;
    return consumer_change_refuse(
        c, KAFKA_INVALID_REGULAR_EXPRESSION,
        "SubscribedTopicRegex `%.*s` is not a valid regular expression: %.*s.",
        STR_ARGS(pattern), STR_ARGS(c->regex_fault));
}

static bool change_pattern(struct consumer_change *c, struct str old, struct str new)
{
    c->regex_changed = true;
    if (old.len > 0 && consumer_group_regex_subscribers(c->group, old) == 1)
        consumer_records_regex(&c->records, c->group_id, old, NULL);
    if (new.len == 0)
        c->regex_resolved = true; /* to no topics at all */
    else if (consumer_group_regex_subscribers(c->group, new) > 0)
        c->regex_resolved = consumer_group_regex(c->group, new) != NULL;
    else
        return check_valid(c, new);
    return true;
}

/* The expressions that members will subscribe to. */
static bool list_patterns(struct consumer_change *c, struct topic_names *out)
{
    const struct consumer_member *m = NULL;
    size_t most = (size_t)c->group->member_count + 1;
    *out = (struct topic_names){arena_array(c->arena, most, sizeof(*out->items)), 0};
    if (out->items == NULL)
        return false;
    while ((m = consumer_group_next(c->group, m)) != NULL) {
        if (m != c->known && m->regex.len > 0)
            out->items[out->count++] = m->regex;
    }
    if (c->after.subscribed_topic_regex.len > 0)
        out->items[out->count++] = c->after.subscribed_topic_regex;
    topic_names_sort(out);
    return true;
}

/* All are matched together, so one of them tells when that was. */
static bool is_due(const struct consumer_change *c, const struct topic_names *patterns)
{
    const struct group_regex *last = c->group->regexes;
    int64_t now_ms = group_now_ms(c->env);
    int64_t interval_ms = c->env->config->group_consumer_regex_refresh_interval_ms;
    if (last == NULL)
        return true;
    if (now_ms <= last->timestamp + REFRESH_MIN_INTERVAL_MS)
        return false;
    return (int32_t)HASH_COUNT(c->group->regexes) != patterns->count ||
           last->version < c->env->new_topics_version ||
           now_ms > last->timestamp + interval_ms;
}

static struct str pattern_of(const member_metadata *said)
{
    return said->subscribed_topic_regex.len == 0 ? STR_LITERAL("")
                                                 : said->subscribed_topic_regex;
}

bool consumer_regex_change(struct consumer_change *c)
{
    struct str old = pattern_of(&c->before), new = pattern_of(&c->after);
    struct topic_names patterns;
    if (!str_equal(old, new) && !change_pattern(c, old, new))
        return false;
    if (!list_patterns(c, &patterns))
        return consumer_change_no_memory(c);
    c->resolve_regexes =
        patterns.count > 0 && !c->group->resolving && is_due(c, &patterns);
    return true;
}

/* ---- checking ------------------------------------------------------------ */

bool consumer_regex_is_new(struct group_env *env, struct str group_id,
                           struct str pattern)
{
    struct group_table *table = env->table(env, group_id);
    const struct group *g = table == NULL ? NULL : group_table_find(table, group_id);
    return pattern.len > 0 &&
           (g == NULL || g->consumer == NULL ||
            consumer_group_regex_subscribers(g->consumer, pattern) == 0);
}

void consumer_regex_check(struct job *job)
{
    struct regex_check *check = (struct regex_check *)job;
    struct topic_regex *regex;
    check->valid = topic_regex_compile(check->pattern, &regex, &check->err) == 0;
    if (check->valid)
        topic_regex_destroy(regex);
}

/* ---- matching ------------------------------------------------------------ */

struct resolution {
    struct job job; /* first: its callbacks cast back */
    struct group_env *env;
    struct arena arena; /* of all that follows */
    struct str group_id;
    struct topic_names topics; /* all that there are */
    regex_value *values;       /* of each pattern */
    struct str *patterns;
    int32_t count;
};

static void resolution_free(struct resolution *r)
{
    arena_reset(&r->arena);
    free(r);
}

static bool matches_add(struct resolution *r, const struct topic_regex *regex,
                        regex_value *value)
{
    value->topics =
        arena_array(&r->arena, (size_t)r->topics.count, sizeof(*value->topics));
    for (int32_t t = 0; value->topics != NULL && t < r->topics.count; t++) {
        if (topic_regex_matches(regex, r->topics.items[t]))
            value->topics[value->topics_count++] = r->topics.items[t];
    }
    return value->topics != NULL && !topic_regex_failed(regex);
}

/* An expression that was valid once and is not here (another Kafka's) matches nothing,
 * and one that takes more memory than there is, only what it has matched before. */
static void resolve(struct job *job)
{
    struct resolution *r = (struct resolution *)job;
    for (int32_t i = 0; i < r->count; i++) {
        struct topic_regex *regex;
        struct err err = {0};
        if (topic_regex_compile(r->patterns[i], &regex, &err) != 0) {
            trace_error(r->env->trace, "group %.*s: `%.*s` cannot be matched: %s",
                        STR_ARGS(r->group_id), STR_ARGS(r->patterns[i]), err.message);
            continue;
        }
        if (!matches_add(r, regex, &r->values[i]))
            trace_error(r->env->trace, "group %.*s: no memory for the topics of `%.*s`",
                        STR_ARGS(r->group_id), STR_ARGS(r->patterns[i]));
        topic_regex_destroy(regex);
    }
}

static bool list_topics(struct resolution *r)
{
    int32_t count;
    const struct metadata_topic *const *topics =
        metadata_image_topics(r->env->image, &count);
    if (count < 0)
        return false;
    r->topics.items = arena_array(&r->arena, (size_t)count, sizeof(struct str));
    if (r->topics.items == NULL)
        return false;
    while (r->topics.count < count) {
        struct str name =
            arena_str(&r->arena, metadata_topic_name(topics[r->topics.count]));
        if (name.data == NULL)
            return false;
        r->topics.items[r->topics.count++] = name;
    }
    return true;
}

static bool add_pattern(struct resolution *r, struct str pattern)
{
    for (int32_t i = 0; i < r->count; i++) {
        if (str_equal(r->patterns[i], pattern))
            return true;
    }
    regex_value *value = &r->values[r->count];
    *value = CONSUMER_GROUP_REGULAR_EXPRESSION_VALUE_INIT;
    value->version = r->env->new_topics_version;
    value->timestamp = group_now_ms(r->env);
    r->patterns[r->count] = arena_str(&r->arena, pattern);
    return r->patterns[r->count++].data != NULL;
}

static struct resolution *resolution_create(const struct consumer_group *g)
{
    struct resolution *r = calloc(1, sizeof(*r));
    const struct consumer_member *m = NULL;
    if (r == NULL)
        return NULL;
    r->env = g->env;
    r->group_id = arena_str(&r->arena, g->id);
    r->patterns = arena_array(&r->arena, (size_t)g->member_count, sizeof(*r->patterns));
    r->values = arena_array(&r->arena, (size_t)g->member_count, sizeof(*r->values));
    bool ok = r->group_id.data != NULL && r->patterns != NULL && r->values != NULL &&
              list_topics(r);
    while (ok && (m = consumer_group_next(g, m)) != NULL)
        ok = m->regex.len == 0 || add_pattern(r, m->regex);
    if (ok)
        return r;
    resolution_free(r);
    return NULL;
}

/* ---- the outcome --------------------------------------------------------- */

static bool same_topics(const struct group_regex *known, const regex_value *value)
{
    if (known->topic_count != value->topics_count)
        return false;
    for (int32_t i = 0; i < known->topic_count; i++) {
        if (!str_equal(known->topics[i], value->topics[i]))
            return false;
    }
    return true;
}

/* Those of all members, as far as expressions are concerned by the new outcome. */
static bool hash_topics(struct consumer_change *c, const struct resolution *r,
                        int64_t *hash)
{
    struct subscribers all;
    struct topic_names names;
    size_t more = 0;
    for (int32_t i = 0; i < r->count; i++)
        more += (size_t)r->values[i].topics_count;
    if (!subscribers_list(c->group, NULL, NULL, c->arena, &all))
        return false;
    for (int32_t i = 0; i < all.count; i++)
        all.items[i].said.subscribed_topic_regex = STR_NULL;
    if (!subscribers_names(&all, c->arena, &names))
        return false;
    struct topic_names both = {
        arena_array(c->arena, (size_t)names.count + more, sizeof(*both.items)), 0};
    if (both.items == NULL)
        return false;
    for (int32_t i = 0; i < names.count; i++)
        both.items[both.count++] = names.items[i];
    for (int32_t i = 0; i < r->count; i++) {
        if (consumer_group_regex_subscribers(c->group, r->patterns[i]) == 0)
            continue;
        for (int32_t t = 0; t < r->values[i].topics_count; t++)
            both.items[both.count++] = r->values[i].topics[t];
    }
    topic_names_sort(&both);
    return subscribed_hash(c->env->image, &both, c->arena, hash);
}

/* One rebalance for all that has changed. */
static bool write_outcome(struct consumer_change *c, const struct resolution *r)
{
    struct consumer_group_metadata_value group = {c->group_epoch + 1, 0};
    bool changed = false;
    for (int32_t i = 0; i < r->count; i++) {
        struct str pattern = r->patterns[i];
        if (consumer_group_regex_subscribers(c->group, pattern) == 0)
            continue;
        /* Who has just changed to it has let go of what it had, whatever it matches. */
        const struct group_regex *known = consumer_group_regex(c->group, pattern);
        changed |= known == NULL || !same_topics(known, &r->values[i]);
        consumer_records_regex(&c->records, c->group_id, pattern, &r->values[i]);
    }
    if (!hash_topics(c, r, &group.metadata_hash))
        return consumer_change_no_memory(c);
    c->topics_seen = true;
    if (changed || group.metadata_hash != c->group->metadata_hash)
        consumer_records_group(&c->records, c->group_id, &group);
    return true;
}

static void apply(struct resolution *r)
{
    struct consumer_change c;
    struct group_write ignored = {0};
    struct arena arena = ARENA_INIT;
    if (consumer_change_begin(&c, r->env, &arena, r->group_id, false)) {
        c.group->resolving = false;
        if (!write_outcome(&c, r) || !consumer_change_make(&c, &ignored))
            trace_warn(r->env->trace,
                       "group %.*s: the topics of its regular expressions could not "
                       "be stored: %s",
                       STR_ARGS(r->group_id), kafka_error_name(c.refusal.error));
    }
    consumer_change_end(&c);
    arena_reset(&arena);
}

static void on_resolved(struct job *job)
{
    struct resolution *r = (struct resolution *)job;
    struct group_env *env = r->env;
    apply(r);
    resolution_free(r);
    env->settled(env);
    env->release(env);
}

void consumer_regex_resolve(struct consumer_group *g)
{
    struct resolution *r = resolution_create(g);
    if (r == NULL) {
        trace_warn(g->env->trace, "group %.*s: no memory to match topics",
                   STR_ARGS(g->id));
        return; /* a later heartbeat tries again */
    }
    g->resolving = true;
    r->job = (struct job){.work = resolve, .done = on_resolved};
    g->env->hold(g->env);
    executor_submit(g->env->executor, &r->job);
}
