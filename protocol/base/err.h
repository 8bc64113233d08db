/* protocol/base/err.h
 *
 * How every module reports failure: it returns 0 or a negative enum
 * err_code, and leaves one sentence for humans in the caller's struct err.
 * Lower layers add context and return; whoever decides what follows logs,
 * once. broker/error_map.c alone turns these codes into Kafka's.
 *
 * Any thread. */
#ifndef GREGOR_PROTOCOL_BASE_ERR_H
#define GREGOR_PROTOCOL_BASE_ERR_H

#include <stdarg.h>

enum err_code {
    ERR_NONE = 0,

    /* The machine. */
    ERR_NOMEM = -1,
    ERR_IO = -2,       /* the disk or the socket failed */
    ERR_NO_SPACE = -3, /* ENOSPC, EDQUOT, EFBIG */
    ERR_NOT_FOUND = -4,
    ERR_EXISTS = -5,
    ERR_PERMISSION = -6,
    ERR_BUSY = -7,     /* locked by another process */
    ERR_OFFLINE = -8,  /* the log failed before and awaits recovery */
    ERR_CANCELED = -9, /* stopped before it was done */

    /* Bytes from elsewhere. */
    ERR_CORRUPT = -20,   /* a file does not hold what it must */
    ERR_MALFORMED = -21, /* a message on the wire cannot be decoded */
    ERR_UNSUPPORTED_VERSION = -22,
    ERR_INVALID = -23,  /* a bad option, setting or argument */
    ERR_MISMATCH = -24, /* of another cluster, node or format */

    /* Records and logs. */
    ERR_CORRUPT_MESSAGE = -40, /* CRC, length or structure of a batch */
    ERR_INVALID_RECORD = -41,
    ERR_INVALID_TIMESTAMP = -42,
    ERR_MESSAGE_TOO_LARGE = -43,
    ERR_RECORD_LIST_TOO_LARGE = -44, /* larger than a segment may be */
    ERR_UNSUPPORTED_COMPRESSION_TYPE = -45,
    ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT = -46,
    ERR_OFFSET_OUT_OF_RANGE = -47,
    ERR_OUT_OF_ORDER_SEQUENCE_NUMBER = -48,
    ERR_INVALID_PRODUCER_EPOCH = -49,
    ERR_UNKNOWN_PRODUCER_ID = -50,
    ERR_INVALID_TXN_STATE = -51,
    ERR_UNKNOWN_LEADER_EPOCH = -52,
    ERR_FENCED_LEADER_EPOCH = -53,
    ERR_NOT_LEADER_OR_FOLLOWER = -54,

    /* The controller. */
    ERR_UNKNOWN_TOPIC_OR_PARTITION = -70,
    ERR_UNKNOWN_TOPIC_ID = -71,
    ERR_TOPIC_ALREADY_EXISTS = -72,
    ERR_INVALID_TOPIC = -73,
    ERR_INVALID_PARTITIONS = -74,
    ERR_INVALID_REPLICATION_FACTOR = -75,
    ERR_INVALID_REPLICA_ASSIGNMENT = -76,
    ERR_INVALID_CONFIG = -77,
    ERR_INVALID_REQUEST = -78,
    ERR_TIMED_OUT = -79,
    ERR_TOPIC_DELETION_DISABLED = -80,
    ERR_POLICY_VIOLATION = -81,
};

struct err {
    int code; /* enum err_code; 0 when nothing was said */
    char message[252];
};

/* Says what went wrong; returns `code`. Accepts err == NULL. */
int err_set(struct err *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* As err_set, with ": " and strerror(errnum) behind the sentence; returns the
 * code that fits errnum. */
int err_errno(struct err *err, int errnum, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

int err_nomem(struct err *err);

/* Puts "context: " before what err already says; returns err's code. */
int err_context(struct err *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
