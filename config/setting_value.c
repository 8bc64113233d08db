/* Judging the text of a setting: first its type, then what its "valid" column
 * asks. Both follow Kafka's ConfigDef (parseType and the validators), which a
 * client sees through the sentences of failed CreateTopics and
 * IncrementalAlterConfigs. Departures: a CLASS is any name, since there is
 * nothing to load; a duration may not hold negative parts; NaN and hexadecimal are no
 * numbers to set anything to. */
#include "config/setting.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/* Leaves room in struct err for the rest of the sentence. */
#define SHOWN_VALUE_MAX 96

static int refuse(const struct setting *setting, struct str value, struct err *err,
                  const char *format, ...) __attribute__((format(printf, 4, 5)));

static int refuse(const struct setting *setting, struct str value, struct err *err,
                  const char *format, ...)
{
    char reason[200];
    va_list args;
    va_start(args, format);
    vsnprintf(reason, sizeof(reason), format, args);
    va_end(args);
    bool cut = value.len > SHOWN_VALUE_MAX;
    if (cut)
        value.len = SHOWN_VALUE_MAX;
    if (value.data == NULL)
        value = STR_LITERAL("null");
    return err_set(err, ERR_INVALID_CONFIG,
                   "Invalid value %.*s%s for configuration %s: %s", STR_ARGS(value),
                   cut ? "..." : "", setting->name, reason);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool all_digits(struct str s)
{
    for (int32_t i = 0; i < s.len; i++) {
        if (!is_digit(s.data[i]))
            return false;
    }
    return s.len > 0;
}

bool setting_integer(struct str s, int64_t min, int64_t max, int64_t *out)
{
    bool negative = s.len > 0 && s.data[0] == '-';
    if (s.len > 0 && (negative || s.data[0] == '+')) {
        s.data++;
        s.len--;
    }
    if (!all_digits(s))
        return false;
    int64_t value = 0;
    for (int32_t i = 0; i < s.len; i++) {
        int digit = s.data[i] - '0';
        /* Counts downwards, where there is room for the smallest one. */
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_sub_overflow(value, digit, &value))
            return false;
    }
    if (!negative && __builtin_mul_overflow(value, -1, &value))
        return false;
    *out = value;
    return value >= min && value <= max;
}

/* As Java's parseDouble for what people write: strtod, in the C locale whatever
 * the process is set to, without its "inf" and "nan" in any case. */
static bool parse_double(struct str s, double *out)
{
    char text[64];
    if (s.len == 0 || (size_t)s.len >= sizeof(text))
        return false;
    memcpy(text, s.data, (size_t)s.len);
    text[s.len] = '\0';
    if (memchr("0123456789+-.", text[0], 13) == NULL)
        return false;
    char first = text[strspn(text, "+-")];
    if ((!is_digit(first) && first != '.') || strpbrk(text, "xX") != NULL)
        return false;
    locale_t c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (c_locale == (locale_t)0)
        return false;
    char *end;
    *out = strtod_l(text, &end, c_locale);
    freelocale(c_locale);
    /* Java lets a literal's suffix stand. */
    if (end != text && *end != '\0' && strchr("fFdD", *end) != NULL)
        end++;
    return end != text && *end == '\0';
}

static bool equal_ignoring_case(struct str a, const char *b)
{
    return (size_t)a.len == strlen(b) && strncasecmp(a.data, b, (size_t)a.len) == 0;
}

static int parse_number(const struct setting *setting, struct str text,
                        struct setting_value *out, struct err *err)
{
    static const struct {
        const char *name;
        int64_t min, max;
    } kinds[] = {
        [SETTING_SHORT] = {"SHORT", INT16_MIN, INT16_MAX},
        [SETTING_INT] = {"INT", INT32_MIN, INT32_MAX},
        [SETTING_LONG] = {"LONG", INT64_MIN, INT64_MAX},
    };
    enum setting_type type = setting->type;
    if (setting_integer(text, kinds[type].min, kinds[type].max, &out->integer))
        return 0;
    return refuse(setting, text, err, "Not a number of type %s", kinds[type].name);
}

/* The first half: by type. `text` is trimmed and not null. */
static int parse_type(const struct setting *setting, struct str text,
                      struct setting_value *out, struct err *err)
{
    out->text = text;
    switch (setting->type) {
    case SETTING_BOOLEAN:
        out->boolean = equal_ignoring_case(text, "true");
        if (out->boolean || equal_ignoring_case(text, "false"))
            return 0;
        return refuse(setting, text, err, "Expected value to be either true or false");
    case SETTING_SHORT:
    case SETTING_INT:
    case SETTING_LONG:
        return parse_number(setting, text, out, err);
    case SETTING_DOUBLE:
        if (parse_double(text, &out->real))
            return 0;
        return refuse(setting, text, err, "Not a number of type DOUBLE");
    case SETTING_STRING:
    case SETTING_LIST:
    case SETTING_CLASS:
    case SETTING_PASSWORD:
        break;
    }
    return 0;
}

static int check_range(const struct setting *setting, const struct setting_value *value,
                       struct err *err)
{
    double number =
        setting->type == SETTING_DOUBLE ? value->real : (double)value->integer;
    if (value->is_null)
        return refuse(setting, STR_NULL, err, "Value must be non-null");
    if (setting->has_other) {
        if (number == setting->other ||
            (number >= setting->min && number <= setting->max))
            return 0;
        return refuse(setting, value->text, err,
                      "Value must be between %.10g and %.10g or equal to %.10g",
                      setting->min, setting->max, setting->other);
    }
    if (number < setting->min)
        return refuse(setting, value->text, err, "Value must be at least %.10g",
                      setting->min);
    if (number > setting->max)
        return refuse(setting, value->text, err, "Value must be no more than %.10g",
                      setting->max);
    return 0;
}

static int check_word(const struct setting *setting, struct str word, struct err *err)
{
    bool any_case = setting->check == SETTING_CHECK_ONE_OF_ANY_CASE;
    char all[160] = "";
    for (size_t i = 0; setting->words[i] != NULL; i++) {
        const char *allowed = setting->words[i];
        if (word.data != NULL &&
            (any_case ? equal_ignoring_case(word, allowed) : str_is(word, allowed)))
            return 0;
        size_t used = strlen(all);
        snprintf(all + used, sizeof(all) - used, "%s%s", i == 0 ? "" : ", ", allowed);
    }
    return refuse(setting, word, err, "String must be one of%s: %s",
                  any_case ? " (case insensitive)" : "", all);
}

/* Host and port apart at the last colon; the host may stand in brackets. */
static bool is_host_port(struct str s)
{
    const char *colon = memrchr(s.data, ':', (size_t)s.len);
    if (colon == NULL || colon == s.data)
        return false;
    struct str host = {s.data, (int32_t)(colon - s.data)};
    struct str port = {colon + 1, s.len - host.len - 1};
    for (int32_t i = 0; i < host.len; i++) {
        char c = host.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && !is_digit(c) && strchr("-._:%[]", c) == NULL)
            return false;
    }
    int64_t number;
    return all_digits(port) && setting_integer(port, 0, 65535, &number);
}

static bool is_voter(struct str s)
{
    const char *at = memchr(s.data, '@', (size_t)s.len);
    if (at == NULL)
        return false;
    struct str id = {s.data, (int32_t)(at - s.data)};
    int64_t number;
    return setting_integer(id, INT32_MIN, INT32_MAX, &number) &&
           is_host_port((struct str){at + 1, s.len - id.len - 1});
}

/* "", "1:2": Kafka takes an empty entry for nothing. */
static bool is_throttled_replica(struct str s)
{
    if (s.len == 0)
        return true;
    const char *colon = memchr(s.data, ':', (size_t)s.len);
    if (colon == NULL)
        return false;
    struct str partition = {s.data, (int32_t)(colon - s.data)};
    struct str broker = {colon + 1, s.len - partition.len - 1};
    return all_digits(partition) && all_digits(broker);
}

static int check_each(const struct setting *setting, struct str list,
                      bool (*good)(struct str), const char *form, struct err *err)
{
    struct setting_items items = setting_items(list);
    struct str item;
    while (setting_next(&items, &item)) {
        if (!good(item))
            return refuse(setting, list, err, "each entry must be of the form %s",
                          form);
    }
    return 0;
}

static int check_throttled(const struct setting *setting, struct str list,
                           struct err *err)
{
    if (str_is(list, "*"))
        return 0;
    struct setting_items items = setting_items(list);
    struct str item;
    while (setting_next(&items, &item)) {
        if (!is_throttled_replica(item))
            return refuse(setting, list, err,
                          "it must be the literal '*' or a list of replicas in the "
                          "following format: %s",
                          setting->valid);
    }
    return 0;
}

/* A run of digits, then (for seconds) a fraction, then one of the units, each at
 * most once and in order: what is left behind the last is returned. */
static struct str skip_units(struct str s, const char *units, int *found)
{
    for (; *units != '\0'; units++) {
        int32_t i = 0;
        while (i < s.len && is_digit(s.data[i]))
            i++;
        if (i == 0)
            return s;
        if (*units == 'S' && i < s.len && (s.data[i] == '.' || s.data[i] == ',')) {
            i++;
            while (i < s.len && is_digit(s.data[i]))
                i++;
        }
        if (i < s.len && (s.data[i] & ~0x20) == *units) {
            s.data += i + 1;
            s.len -= i + 1;
            (*found)++;
        }
    }
    return s;
}

/* ISO 8601 days and time, as Java's Duration reads it: PnDTnHnMn.nS. */
static bool is_duration(struct str s)
{
    int found = 0;
    if (s.len < 2 || (s.data[0] & ~0x20) != 'P')
        return false;
    s = skip_units((struct str){s.data + 1, s.len - 1}, "D", &found);
    if (s.len > 0 && (s.data[0] & ~0x20) == 'T') {
        int before = found;
        s = skip_units((struct str){s.data + 1, s.len - 1}, "HMS", &found);
        if (found == before)
            return false;
    }
    return s.len == 0 && found > 0;
}

static int check_offset_reset(const struct setting *setting, struct str text,
                              struct err *err)
{
    static const char prefix[] = "by_duration:";
    const int32_t prefix_len = sizeof(prefix) - 1;
    if (str_is(text, "latest") || str_is(text, "earliest"))
        return 0;
    if (text.len > prefix_len && memcmp(text.data, prefix, sizeof(prefix) - 1) == 0 &&
        is_duration((struct str){text.data + prefix_len, text.len - prefix_len}))
        return 0;
    return refuse(setting, text, err,
                  "The value must be either 'earliest', 'latest' or of the format "
                  "'by_duration:<PnDTnHnMn.nS>'.");
}

/* What Kafka asks of nearly every list: no empty items, and for some, an item. */
static int check_list(const struct setting *setting, struct str list, struct err *err)
{
    if (list.len == 0) {
        if (!setting->no_empty_list)
            return 0;
        return err_set(err, ERR_INVALID_CONFIG,
                       "Configuration '%s' must not be empty. Valid values include: %s",
                       setting->name,
                       setting->valid[0] == '\0' ? "any non-empty value"
                                                 : setting->valid);
    }
    struct setting_items items = setting_items(list);
    struct str item;
    while (setting_next(&items, &item)) {
        if (item.len == 0)
            return err_set(err, ERR_INVALID_CONFIG,
                           "Configuration '%s' values must not be empty.",
                           setting->name);
    }
    if (setting->check != SETTING_CHECK_ONE_OF)
        return 0;
    items = setting_items(list);
    while (setting_next(&items, &item)) {
        int rc = check_word(setting, item, err);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* The second half: by the "valid" column. */
static int check_value(const struct setting *setting, const struct setting_value *value,
                       struct err *err)
{
    struct str text = value->text;
    switch (setting->check) {
    case SETTING_CHECK_RANGE:
        return check_range(setting, value, err);
    case SETTING_CHECK_NON_NULL:
        if (value->is_null)
            return refuse(setting, STR_NULL, err, "entry must be non null");
        return 0;
    case SETTING_CHECK_NON_EMPTY:
        if (!value->is_null && text.len == 0)
            return refuse(setting, text, err, "String must be non-empty");
        return 0;
    case SETTING_CHECK_VOTERS:
        return check_each(setting, text, is_voter, "{id}@{host}:{port}", err);
    case SETTING_CHECK_HOST_PORTS:
        return check_each(setting, text, is_host_port, "{host}:{port}", err);
    case SETTING_CHECK_THROTTLED_REPLICAS:
        return check_throttled(setting, text, err);
    case SETTING_CHECK_OFFSET_RESET:
        return check_offset_reset(setting, text, err);
    case SETTING_CHECK_ONE_OF:
    case SETTING_CHECK_ONE_OF_ANY_CASE:
    case SETTING_CHECK_NONE:
        break;
    }
    if (setting->type == SETTING_LIST)
        return value->is_null ? 0 : check_list(setting, text, err);
    if (setting->check != SETTING_CHECK_NONE)
        return check_word(setting, text, err);
    return 0;
}

int setting_parse(const struct setting *setting, struct str text,
                  struct setting_value *out, struct err *err)
{
    struct setting_value value = {.is_null = text.data == NULL};
    if (!value.is_null) {
        /* Values become C strings and lines of files. */
        if (memchr(text.data, '\0', (size_t)text.len) != NULL)
            return refuse(setting, text, err, "Value must not hold a zero byte");
        int rc = parse_type(setting, setting_trim(text), &value, err);
        if (rc != 0)
            return rc;
    }
    int rc = check_value(setting, &value, err);
    if (rc != 0)
        return rc;
    if (out != NULL)
        *out = value;
    return 0;
}

/* The fewest digits that read back as the same number. */
static int shortest_digits(double number)
{
    char text[32];
    int digits = 1;
    for (; digits < 17; digits++) {
        snprintf(text, sizeof(text), "%.*e", digits - 1, number);
        double back;
        if (parse_double(str_of(text), &back) && back == number)
            break;
    }
    return digits;
}

/* As Java's Double.toString: 0.5, 1.0, 1.7976931348623157E308. */
static void print_double(struct buf *out, double number)
{
    char text[32];
    int digits = shortest_digits(number);
    snprintf(text, sizeof(text), "%.*e", digits - 1, number);
    char *e = strchr(text, 'e');
    int exponent = e == NULL ? 0 : atoi(e + 1);
    if (exponent >= -3 && exponent < 7) {
        int behind = digits - 1 - exponent;
        buf_printf(out, "%.*f", behind < 1 ? 1 : behind, number);
    } else if (e != NULL) {
        buf_printf(out, "%.*e", digits < 2 ? 1 : digits - 1, number);
        char *at = (char *)out->data + out->len;
        while (*--at != 'e')
            ;
        out->len = (size_t)(at - (char *)out->data);
        buf_printf(out, "E%d", exponent);
    }
}

void setting_canonical(const struct setting *setting, struct str text, struct buf *out)
{
    struct setting_value value = {0};
    text = setting_trim(text);
    switch (setting->type) {
    case SETTING_BOOLEAN:
        buf_printf(out, "%s", equal_ignoring_case(text, "true") ? "true" : "false");
        return;
    case SETTING_SHORT:
    case SETTING_INT:
    case SETTING_LONG:
        parse_number(setting, text, &value, NULL);
        buf_printf(out, "%lld", (long long)value.integer);
        return;
    case SETTING_LIST: {
        struct setting_items items = setting_items(text);
        struct str item;
        const char *comma = "";
        while (setting_next(&items, &item)) {
            buf_printf(out, "%s%.*s", comma, STR_ARGS(item));
            comma = ",";
        }
        return;
    }
    case SETTING_DOUBLE:
        if (parse_double(text, &value.real))
            print_double(out, value.real);
        return;
    case SETTING_STRING:
    case SETTING_CLASS:
    case SETTING_PASSWORD:
        buf_append(out, text.data, (size_t)text.len);
    }
}
