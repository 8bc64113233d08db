/* The settings of consumer groups (KIP-848) that depend on each other (Kafka:
 * GroupCoordinatorConfig). */
#include "config/broker_config_internal.h"

/* What comes with the broker; classes of one's own cannot be loaded. */
static const char *const assignors[] = {"uniform", "range"};

static bool is_assignor(struct str name)
{
    for (size_t i = 0; i < sizeof(assignors) / sizeof(assignors[0]); i++) {
        if (str_is(name, assignors[i]))
            return true;
    }
    return false;
}

static int check_assignors(const struct name_list *list, struct err *err)
{
    for (size_t i = 0; i < list->count; i++) {
        if (!is_assignor(str_of(list->items[i])))
            return err_set(err, ERR_INVALID_CONFIG,
                           "Invalid value %s for configuration "
                           "group.consumer.assignors: the assignors are uniform and "
                           "range",
                           list->items[i]);
    }
    return 0;
}

struct at_most {
    const char *smaller, *larger;
    int smaller_value, larger_value;
};

static int check_all(const struct at_most *rules, size_t count, struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        if (rules[i].smaller_value > rules[i].larger_value)
            return err_set(
                err, ERR_INVALID_CONFIG,
                "Invalid value %d for configuration %s: it must be less than "
                "or equal to %s (%d)",
                rules[i].smaller_value, rules[i].smaller, rules[i].larger,
                rules[i].larger_value);
    }
    return 0;
}

#define AT_MOST(small_name, small, large_name, large)                      \
    {                                                                      \
        "group.consumer." small_name, "group.consumer." large_name,        \
            config->group_consumer_##small, config->group_consumer_##large \
    }

int broker_groups_check(const struct broker_config *config, struct err *err)
{
    const struct at_most rules[] = {
        AT_MOST("min.heartbeat.interval.ms", min_heartbeat_interval_ms,
                "heartbeat.interval.ms", heartbeat_interval_ms),
        AT_MOST("heartbeat.interval.ms", heartbeat_interval_ms,
                "max.heartbeat.interval.ms", max_heartbeat_interval_ms),
        AT_MOST("min.session.timeout.ms", min_session_timeout_ms, "session.timeout.ms",
                session_timeout_ms),
        AT_MOST("session.timeout.ms", session_timeout_ms, "max.session.timeout.ms",
                max_session_timeout_ms),
        AT_MOST("min.assignment.interval.ms", min_assignment_interval_ms,
                "assignment.interval.ms", assignment_interval_ms),
        AT_MOST("assignment.interval.ms", assignment_interval_ms,
                "max.assignment.interval.ms", max_assignment_interval_ms),
    };
    int rc = check_all(rules, sizeof(rules) / sizeof(rules[0]), err);
    if (rc == 0)
        rc = check_assignors(&config->group_consumer_assignors, err);
    if (rc == 0 && config->group_consumer_heartbeat_interval_ms >=
                       config->group_consumer_session_timeout_ms)
        rc = err_set(err, ERR_INVALID_CONFIG,
                     "Invalid value %d for configuration "
                     "group.consumer.heartbeat.interval.ms: it must be less than "
                     "group.consumer.session.timeout.ms (%d)",
                     config->group_consumer_heartbeat_interval_ms,
                     config->group_consumer_session_timeout_ms);
    return rc;
}

struct group_setting {
    const char *name;
    int value; /* in force */
    int min, max;
};

static int32_t override_of(const char *name, const struct setting_override *overrides,
                           size_t count, int32_t otherwise)
{
    int64_t value;
    for (size_t i = 0; i < count; i++) {
        if (str_is(overrides[i].name, name) &&
            setting_integer(overrides[i].value, INT32_MIN, INT32_MAX, &value))
            return (int32_t)value;
    }
    return otherwise;
}

#define GROUP_SETTING(name, field)                                                 \
    {                                                                              \
        "consumer." name, config->group_consumer_##field,                          \
            config->group_consumer_min_##field, config->group_consumer_max_##field \
    }

int broker_config_check_group(const struct broker_config *config,
                              const struct setting_override *overrides, size_t count,
                              struct err *err)
{
    struct group_setting settings[] = {
        GROUP_SETTING("session.timeout.ms", session_timeout_ms),
        GROUP_SETTING("heartbeat.interval.ms", heartbeat_interval_ms),
        GROUP_SETTING("assignment.interval.ms", assignment_interval_ms),
    };
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        struct group_setting *s = &settings[i];
        s->value = override_of(s->name, overrides, count, s->value);
        if (s->value < s->min || s->value > s->max)
            return err_set(err, ERR_INVALID_CONFIG,
                           "%s is %d; the broker's group.consumer.min and max settings "
                           "allow %d to %d",
                           s->name, s->value, s->min, s->max);
    }
    if (settings[0].value > settings[1].value)
        return 0;
    return err_set(err, ERR_INVALID_CONFIG, "%s (%d) must be greater than %s (%d)",
                   settings[0].name, settings[0].value, settings[1].name,
                   settings[1].value);
}
