/* protocol/record_fault.h
 *
 * What a topic's rules find wrong with a single record of a producer (Kafka:
 * LogValidator.validateRecord). Faults are collected, since the producer is told
 * of each. Private to protocol/. */
#ifndef GREGOR_PROTOCOL_RECORD_FAULT_H
#define GREGOR_PROTOCOL_RECORD_FAULT_H

#include "protocol/record_internal.h"

enum fault {
    FAULT_NONE,
    FAULT_MAGIC,
    FAULT_KEY,
    FAULT_RANGE,
    FAULT_TYPE,
    FAULT_NEGATIVE,
};

struct faults {
    int32_t count;
    bool bad_timestamp;
};

/* Keeps it in the verdict as far as that has room. */
void fault_note(struct record_verdict *out, struct faults *faults, int32_t index,
                enum fault fault);

/* 0 if there were none; else ERR_INVALID_TIMESTAMP or ERR_INVALID_RECORD. */
int faults_report(const struct faults *faults, const struct record_verdict *out,
                  struct err *err);

/* Kafka's subtraction wraps; its default bound lets everything pass only so. */
static inline bool timestamp_out_of_range(int64_t timestamp,
                                          const struct record_rules *rules)
{
    int64_t age = subtract_wrapping(rules->now_ms, timestamp);
    return age > rules->timestamp_before_max_ms ||
           subtract_wrapping(0, age) > rules->timestamp_after_max_ms;
}

/* `type` is what the batch says, or the message that the record lies in. */
static inline enum fault record_fault(struct bytes key, int64_t timestamp,
                                      enum timestamp_type type,
                                      const struct record_rules *rules)
{
    if (rules->compacted && key.data == NULL)
        return FAULT_KEY;
    if (rules->timestamp_type == TIMESTAMP_CREATE_TIME && timestamp != NO_TIMESTAMP)
        return timestamp_out_of_range(timestamp, rules) ? FAULT_RANGE : FAULT_NONE;
    return type == TIMESTAMP_LOG_APPEND_TIME ? FAULT_TYPE : FAULT_NONE;
}

#endif
