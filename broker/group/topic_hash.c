/* hash4j, which Kafka hashes with, feeds XXH3 with numbers in little-endian order. Of a
 * string it feeds the UTF-16 units, and behind them how many these are. */
#include "broker/group/topic_hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "broker/group/java_string.h"
#include "protocol/base/buf.h"

#define VERSION 0 /* of what is hashed; it comes first */

static void feed(XXH3_state_t *state, uint64_t number, size_t size)
{
    uint8_t bytes[sizeof(number)];
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(number >> 8 * i);
    XXH3_64bits_update(state, bytes, size);
}

static void feed_string(XXH3_state_t *state, struct str s)
{
    struct java_string units = JAVA_STRING(s);
    uint16_t unit;
    uint32_t length = 0;
    for (; java_string_next(&units, &unit); length++)
        feed(state, unit, sizeof(unit));
    feed(state, length, sizeof(length));
}

/* Kafka puts the length before each rack, so that two cannot be taken for one. */
static void feed_racks(XXH3_state_t *state, const struct partition_racks *racks)
{
    for (int32_t i = 0; i < racks->count; i++) {
        feed(state, (uint32_t)java_string_length(racks->racks[i]), sizeof(int32_t));
        feed_string(state, racks->racks[i]);
    }
}

int64_t topic_hash(struct uuid id, struct str name, int32_t partition_count,
                   const struct partition_racks *racks)
{
    XXH3_state_t state;
    XXH3_64bits_reset(&state);
    feed(&state, VERSION, 1);
    feed(&state, load_be64(id.bytes), sizeof(uint64_t));
    feed(&state, load_be64(id.bytes + 8), sizeof(uint64_t));
    feed_string(&state, name);
    feed(&state, (uint32_t)partition_count, sizeof(partition_count));
    for (int32_t p = 0; p < partition_count; p++) {
        feed(&state, (uint32_t)p, sizeof(p));
        if (racks != NULL)
            feed_racks(&state, &racks[p]);
    }
    return (int64_t)XXH3_64bits_digest(&state);
}

int64_t topic_hash_of_group(const int64_t *topics, int32_t count)
{
    if (count == 0)
        return 0;
    XXH3_state_t state;
    XXH3_64bits_reset(&state);
    for (int32_t i = 0; i < count; i++)
        feed(&state, (uint64_t)topics[i], sizeof(topics[i]));
    return (int64_t)XXH3_64bits_digest(&state);
}
