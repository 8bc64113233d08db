/* config/setting.h
 *
 * What Kafka 4.3 says of each setting: name, type, default, allowed values.
 * The tables are generated from the .tsv files by tools/codegen/settings.py and
 * are constant; this module looks settings up and judges values by them.
 *
 * Judgement follows Kafka's ConfigDef, its sentences included where clients
 * get to read them ("Invalid value 0 for configuration num.partitions: Value
 * must be at least 1"): tools and tests look for these words.
 *
 * Any thread. */
#ifndef GREGOR_CONFIG_SETTING_H
#define GREGOR_CONFIG_SETTING_H

#include "protocol/base/buf.h"
#include "protocol/base/err.h"
#include "protocol/base/view.h"

enum setting_type {
    SETTING_BOOLEAN,
    SETTING_STRING,
    SETTING_INT,
    SETTING_SHORT,
    SETTING_LONG,
    SETTING_DOUBLE,
    SETTING_LIST,
    SETTING_CLASS,
    SETTING_PASSWORD,
};

enum setting_importance { SETTING_HIGH, SETTING_MEDIUM, SETTING_LOW };

/* What the "valid" column asks, beyond the type. */
enum setting_check {
    SETTING_CHECK_NONE,
    SETTING_CHECK_RANGE,           /* min to max, both allowed, or `other` */
    SETTING_CHECK_ONE_OF,          /* each item of a list, or the string */
    SETTING_CHECK_ONE_OF_ANY_CASE, /* the same, a = A */
    SETTING_CHECK_NON_EMPTY,
    SETTING_CHECK_NON_NULL,
    SETTING_CHECK_VOTERS,             /* id@host:port,… */
    SETTING_CHECK_HOST_PORTS,         /* host:port,… */
    SETTING_CHECK_THROTTLED_REPLICAS, /* * or partition:broker,… */
    SETTING_CHECK_OFFSET_RESET,       /* latest, earliest, by_duration:… */
};

/* How a broker setting may be changed while the broker runs
 * (Kafka: DynamicBrokerConfig). */
enum setting_update {
    SETTING_READ_ONLY,
    SETTING_PER_LISTENER, /* only as listener.name.<listener>.<name> */
    SETTING_PER_BROKER,
    SETTING_CLUSTER_WIDE, /* for one broker or as default for all */
};

/* Where a value comes from. A larger one wins over a smaller one. */
enum setting_source {
    SETTING_SOURCE_DEFAULT,         /* Kafka's own */
    SETTING_SOURCE_PROFILE,         /* --profile */
    SETTING_SOURCE_FILE,            /* server.properties */
    SETTING_SOURCE_COMMAND_LINE,    /* --set, and options that stand for one */
    SETTING_SOURCE_DYNAMIC_DEFAULT, /* altered at runtime, for every broker */
    SETTING_SOURCE_DYNAMIC_BROKER,  /* altered at runtime, for this broker */
    SETTING_SOURCE_TOPIC,           /* set on the topic itself */
};

struct setting {
    const char *name;
    const char *default_value; /* NULL: null, or required */
    const char *valid;         /* for people; "" when anything goes */
    const char *const *words;  /* of ONE_OF, NULL-terminated */
    /* Topic settings: the broker settings a default is taken from; the first
     * that is not null counts. NULL-terminated, or NULL for none. */
    const char *const *server_defaults;
    const char *all_value; /* what both profiles say, or NULL */
    const char *dev_value; /* what the dev profile says, or NULL */
    double min, max, other;
    enum setting_type type;
    enum setting_importance importance;
    enum setting_check check;
    enum setting_update update;
    bool has_other;
    bool required;
    bool internal;      /* Kafka keeps it out of its documents and listings */
    bool no_empty_list; /* a list that needs an item */
    bool dev_clamp;     /* dev profile: no larger than the number of brokers */
};

struct setting_table {
    const struct setting *items; /* sorted by name */
    size_t count;
};

extern const struct setting_table broker_settings;
extern const struct setting_table topic_settings;
extern const struct setting_table group_settings;
extern const struct setting_table client_metrics_settings;

/* NULL when there is no such setting. */
const struct setting *setting_find(const struct setting_table *table, struct str name);

/* One value by its type. SHORT, INT and LONG are all in `integer`; STRING,
 * LIST, CLASS and PASSWORD in `text`, a trimmed view into what was parsed. */
struct setting_value {
    bool is_null;
    bool boolean;
    int64_t integer;
    double real;
    struct str text;
};

/* Parses and judges `text` (STR_NULL: null). `out` may be NULL. ERR_INVALID_CONFIG
 * with a sentence that names key, value and what is allowed. A CLASS is not
 * looked for: there are none here. */
int setting_parse(const struct setting *setting, struct str text,
                  struct setting_value *out, struct err *err);

/* Appends `text`, already found good, in the one way Kafka prints it: trimmed,
 * lists joined by bare commas, "true" in lower case, +7 as 7. */
void setting_canonical(const struct setting *setting, struct str text, struct buf *out);

/* One override of a resource's setting. A null value means "remove". */
struct setting_override {
    struct str name;
    struct str value;
};

/* Judges overrides of a group or a client-metrics resource: known names, good
 * values, no nulls. `what` names the kind in errors ("group"). */
int setting_check_overrides(const struct setting_table *table, const char *what,
                            const struct setting_override *overrides, size_t count,
                            struct err *err);

/* Walks a comma-separated list: "" has no items, "a," has two, the last empty. */
struct setting_items {
    struct str rest;
    bool more;
};

static inline struct setting_items setting_items(struct str list)
{
    return (struct setting_items){list, list.len > 0};
}

/* The next item, trimmed; false at the end. */
bool setting_next(struct setting_items *items, struct str *item);

/* Whether `item` is in the list. */
bool setting_list_has(struct str list, const char *item);

/* As Java's parseLong: an optional sign, then digits only; false when it is none, or
 * not from min to max. */
bool setting_integer(struct str s, int64_t min, int64_t max, int64_t *out);

/* Drops blanks and control characters from both ends, as Java's trim(). */
struct str setting_trim(struct str s);

/* "default", "profile", "file", …: for people. */

/* Kafka's number for it on the wire (DescribeConfigsResponse.ConfigSource). Profile,
 * file and command line are all STATIC_BROKER_CONFIG. */
int8_t setting_source_kafka_id(enum setting_source source);

/* Kafka's number for the type on the wire (DescribeConfigsResponse.ConfigType). */
int8_t setting_type_kafka_id(enum setting_type type);

#endif
