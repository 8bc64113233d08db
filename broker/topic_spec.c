#include "broker/topic_spec.h"

#include <ctype.h>
#include <stdlib.h>

#include "replication/topic_name.h"

/* As many as a request may be asked for at once by Kafka's controller. */
#define PARTITIONS_MAX 10000

typedef struct create_topics_request_creatable_topic topic_entry;
typedef struct create_topics_request_creatable_topic_config config_entry;

/* The end of a value: a comma behind which another key= begins, or the end. */
static const char *value_end(const char *at, const char *end)
{
    for (const char *comma = at;
         (comma = memchr(comma, ',', (size_t)(end - comma))) != NULL; comma++) {
        const char *next = comma + 1;
        const char *stop = memchr(next, ',', (size_t)(end - next));
        const char *equals = memchr(next, '=', (size_t)(end - next));
        if (equals != NULL && (stop == NULL || equals < stop))
            return comma;
    }
    return end;
}

static int parse_configs(const char *spec, const char *text, struct arena *arena,
                         topic_entry *topic, struct err *err)
{
    const char *end = text + strlen(text);
    size_t most = 1;
    for (const char *p = text; *p != '\0'; p++)
        most += *p == '=';
    config_entry *configs = arena_array(arena, most, sizeof(*configs));
    if (configs == NULL)
        return err_nomem(err);
    int32_t count = 0;
    for (const char *at = text; at < end;) {
        const char *stop = value_end(at, end);
        const char *equals = memchr(at, '=', (size_t)(stop - at));
        if (equals == NULL || equals == at)
            return err_set(err, ERR_INVALID, "--topic %s: '%.*s' is not key=value",
                           spec, (int)(stop - at), at);
        configs[count].name = (struct str){at, (int32_t)(equals - at)};
        configs[count].value = (struct str){equals + 1, (int32_t)(stop - equals - 1)};
        count++;
        at = stop < end ? stop + 1 : end;
    }
    topic->configs = configs;
    topic->configs_count = count;
    return 0;
}

static int check_configs(const char *spec, const topic_entry *topic,
                         const struct broker_config *config, struct arena *arena,
                         struct err *err)
{
    struct setting_override *overrides =
        arena_array(arena, (size_t)topic->configs_count, sizeof(*overrides));
    if (overrides == NULL)
        return err_nomem(err);
    for (int32_t i = 0; i < topic->configs_count; i++) {
        overrides[i].name = topic->configs[i].name;
        overrides[i].value = topic->configs[i].value;
    }
    if (topic_config_validate(config, overrides, (size_t)topic->configs_count, err) ==
        0)
        return 0;
    err_context(err, "--topic %s", spec);
    return ERR_INVALID;
}

static int parse_count(const char *spec, const char *text, size_t len,
                       topic_entry *topic, struct err *err)
{
    char *end;
    long count = strtol(text, &end, 10);
    /* strtol() would take blanks and a sign. */
    if (!isdigit((unsigned char)*text) || end != text + len || count < 1 ||
        count > PARTITIONS_MAX)
        return err_set(err, ERR_INVALID,
                       "--topic %s: '%.*s' is not a number of partitions (1 to %d)",
                       spec, (int)len, text, PARTITIONS_MAX);
    topic->num_partitions = (int32_t)count;
    return 0;
}

static int parse_one(const char *spec, const struct broker_config *config,
                     struct arena *arena, topic_entry *topic, struct err *err)
{
    *topic = CREATE_TOPICS_REQUEST_CREATABLE_TOPIC_INIT;
    topic->num_partitions = -1; /* num.partitions */
    topic->replication_factor = -1;
    struct str copy = arena_str(arena, str_of(spec)); /* outlives the caller's */
    if (copy.data == NULL)
        return err_nomem(err);
    const char *colon = strchr(copy.data, ':');
    topic->name = copy;
    if (colon != NULL)
        topic->name.len = (int32_t)(colon - copy.data);
    if (topic_name_check(topic->name, err) != 0) {
        err_context(err, "--topic %s", spec);
        return ERR_INVALID;
    }
    if (colon == NULL)
        return 0;
    const char *second = strchr(colon + 1, ':');
    size_t len = second == NULL ? strlen(colon + 1) : (size_t)(second - colon - 1);
    int rc = parse_count(spec, colon + 1, len, topic, err);
    if (rc == 0 && second != NULL)
        rc = parse_configs(spec, second + 1, arena, topic, err);
    return rc == 0 ? check_configs(spec, topic, config, arena, err) : rc;
}

int topic_specs_parse(const char *const *specs, size_t count,
                      const struct broker_config *config, struct arena *arena,
                      struct create_topics_request *out, struct err *err)
{
    out->topics = arena_array(arena, count, sizeof(topic_entry));
    if (out->topics == NULL)
        return err_nomem(err);
    for (size_t i = 0; i < count; i++) {
        int rc = parse_one(specs[i], config, arena, &out->topics[i], err);
        if (rc != 0)
            return rc;
        for (size_t n = 0; n < i; n++) {
            if (str_equal(out->topics[n].name, out->topics[i].name))
                return err_set(err, ERR_INVALID, "--topic %s is given twice", specs[i]);
        }
    }
    out->topics_count = (int32_t)count;
    return 0;
}
