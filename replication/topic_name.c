#include "replication/topic_name.h"

static bool is_legal(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '.' || c == '_' || c == '-';
}

int topic_name_check(struct str name, struct err *err)
{
    if (name.len == 0)
        return err_set(err, ERR_INVALID_TOPIC,
                       "Topic name is invalid: the empty string is not allowed");
    if (str_is(name, ".") || str_is(name, ".."))
        return err_set(err, ERR_INVALID_TOPIC,
                       "Topic name is invalid: '%.*s' is not allowed", STR_ARGS(name));
    if (name.len > TOPIC_NAME_MAX_LENGTH)
        return err_set(
            err, ERR_INVALID_TOPIC,
            "Topic name is invalid: its length %d is longer than the max allowed "
            "length %d",
            name.len, TOPIC_NAME_MAX_LENGTH);
    for (int32_t i = 0; i < name.len; i++) {
        if (!is_legal(name.data[i]))
            return err_set(
                err, ERR_INVALID_TOPIC,
                "Topic name is invalid: '%.*s' contains one or more characters "
                "other than ASCII alphanumerics, '.', '_' and '-'",
                STR_ARGS(name));
    }
    return 0;
}
