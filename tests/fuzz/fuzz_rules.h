/* tests/fuzz/fuzz_rules.h
 *
 * Rules of a topic that one byte of a fuzzer's input chooses. */
#ifndef GREGOR_TESTS_FUZZ_FUZZ_RULES_H
#define GREGOR_TESTS_FUZZ_FUZZ_RULES_H

#include "protocol/record_batch.h"

#define LIMIT ((size_t)256 * 1024)

static inline struct record_rules fuzz_rules(uint8_t choice)
{
    return (struct record_rules){
        .now_ms = 1700000000000,
        .timestamp_type = choice & 1,
        .timestamp_before_max_ms = INT64_MAX,
        .timestamp_after_max_ms = (choice & 2) != 0 ? INT64_MAX : 3600000,
        .compacted = (choice & 4) != 0,
        .keep_codec = (choice & 8) != 0,
        .compression = (choice >> 4) % 5,
        .compression_level = COMPRESSION_LEVEL_DEFAULT,
        .expand_limit = LIMIT,
    };
}

#endif
