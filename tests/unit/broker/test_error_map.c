#include "broker/error_map.h"

#include "tests/support/check_main.h"

/* No default: the compiler refuses a code that err.h has and this has not. */
static enum kafka_error intended(enum err_code code)
{
    switch (code) {
    case ERR_NONE:
        return KAFKA_NONE;
    case ERR_IO:
    case ERR_NO_SPACE:
    case ERR_PERMISSION:
    case ERR_OFFLINE:
    case ERR_CORRUPT:
        return KAFKA_KAFKA_STORAGE_ERROR;
    case ERR_NOMEM:
    case ERR_NOT_FOUND:
    case ERR_EXISTS:
    case ERR_BUSY:
    case ERR_CANCELED:
    case ERR_MISMATCH:
        return KAFKA_UNKNOWN_SERVER_ERROR;
    case ERR_MALFORMED:
    case ERR_INVALID:
    case ERR_INVALID_REQUEST:
        return KAFKA_INVALID_REQUEST;
    case ERR_UNSUPPORTED_VERSION:
        return KAFKA_UNSUPPORTED_VERSION;
    case ERR_CORRUPT_MESSAGE:
        return KAFKA_CORRUPT_MESSAGE;
    case ERR_INVALID_RECORD:
        return KAFKA_INVALID_RECORD;
    case ERR_INVALID_TIMESTAMP:
        return KAFKA_INVALID_TIMESTAMP;
    case ERR_MESSAGE_TOO_LARGE:
        return KAFKA_MESSAGE_TOO_LARGE;
    case ERR_RECORD_LIST_TOO_LARGE:
        return KAFKA_RECORD_LIST_TOO_LARGE;
    case ERR_UNSUPPORTED_COMPRESSION_TYPE:
        return KAFKA_UNSUPPORTED_COMPRESSION_TYPE;
    case ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT:
        return KAFKA_UNSUPPORTED_FOR_MESSAGE_FORMAT;
    case ERR_OFFSET_OUT_OF_RANGE:
        return KAFKA_OFFSET_OUT_OF_RANGE;
    case ERR_OUT_OF_ORDER_SEQUENCE_NUMBER:
        return KAFKA_OUT_OF_ORDER_SEQUENCE_NUMBER;
    case ERR_INVALID_PRODUCER_EPOCH:
        return KAFKA_INVALID_PRODUCER_EPOCH;
    case ERR_UNKNOWN_PRODUCER_ID:
        return KAFKA_UNKNOWN_PRODUCER_ID;
    case ERR_INVALID_TXN_STATE:
        return KAFKA_INVALID_TXN_STATE;
    case ERR_UNKNOWN_LEADER_EPOCH:
        return KAFKA_UNKNOWN_LEADER_EPOCH;
    case ERR_FENCED_LEADER_EPOCH:
        return KAFKA_FENCED_LEADER_EPOCH;
    case ERR_NOT_LEADER_OR_FOLLOWER:
        return KAFKA_NOT_LEADER_OR_FOLLOWER;
    case ERR_UNKNOWN_TOPIC_OR_PARTITION:
        return KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    case ERR_UNKNOWN_TOPIC_ID:
        return KAFKA_UNKNOWN_TOPIC_ID;
    case ERR_TOPIC_ALREADY_EXISTS:
        return KAFKA_TOPIC_ALREADY_EXISTS;
    case ERR_INVALID_TOPIC:
        return KAFKA_INVALID_TOPIC_EXCEPTION;
    case ERR_INVALID_PARTITIONS:
        return KAFKA_INVALID_PARTITIONS;
    case ERR_INVALID_REPLICATION_FACTOR:
        return KAFKA_INVALID_REPLICATION_FACTOR;
    case ERR_INVALID_REPLICA_ASSIGNMENT:
        return KAFKA_INVALID_REPLICA_ASSIGNMENT;
    case ERR_INVALID_CONFIG:
        return KAFKA_INVALID_CONFIG;
    case ERR_TIMED_OUT:
        return KAFKA_REQUEST_TIMED_OUT;
    case ERR_TOPIC_DELETION_DISABLED:
        return KAFKA_TOPIC_DELETION_DISABLED;
    case ERR_POLICY_VIOLATION:
        return KAFKA_POLICY_VIOLATION;
    }
    return KAFKA_UNKNOWN_SERVER_ERROR; /* no code of ours */
}

START_TEST(every_code_is_told_as_intended)
{
    for (int code = 0; code > -200; code--)
        ck_assert_msg(error_to_kafka(code) == intended((enum err_code)code),
                      "%d is told as %s", code, kafka_error_name(error_to_kafka(code)));
}
END_TEST

GREGOR_TESTS("error_map", every_code_is_told_as_intended)
