/* storage/offset_map.h
 *
 * From the keys of a log's dirty part to the offset of each one's latest record
 * (Kafka: SkimpyOffsetMap). Not the keys are kept but 128 bits of a hash of each,
 * so an entry has 24 bytes whatever the length of the key, and the memory is
 * given out in one piece, never to grow.
 *
 * Pool job, one owner. */
#ifndef GREGOR_STORAGE_OFFSET_MAP_H
#define GREGOR_STORAGE_OFFSET_MAP_H

#include "protocol/base/err.h"
#include "protocol/base/random.h"
#include "protocol/base/view.h"

#define OFFSET_MAP_ENTRY 24 /* bytes */

struct offset_map;

struct offset_map_options {
    int64_t memory_bytes; /* at most; log.cleaner.dedupe.buffer.size for one log */
    double load_factor; /* how full it may become; log.cleaner.io.buffer.load.factor */
    int64_t keys_at_most; /* so many there can be: no more memory is taken than these
                             need */
    const struct random *random; /* for what the hash is keyed with */
};

int offset_map_create(const struct offset_map_options *options, struct offset_map **out,
                      struct err *err);
void offset_map_destroy(struct offset_map *m); /* accepts NULL */

/* Says that the key will be asked for soon: the memory where it lies is fetched
 * meanwhile. A map is larger than the caches, and waiting is most of what a look into
 * it costs; so callers announce as many keys as OFFSET_MAP_AHEAD, then ask. */
#define OFFSET_MAP_AHEAD 16
void offset_map_announce(const struct offset_map *m, struct bytes key);

/* Notes that the key's latest record is at `offset`. False, and nothing changed:
 * the map is as full as it may become. At least one key fits. */
bool offset_map_put(struct offset_map *m, struct bytes key, int64_t offset);

/* The offset noted last for the key; -1: none. */
int64_t offset_map_get(const struct offset_map *m, struct bytes key);

int64_t offset_map_count(const struct offset_map *m);
int64_t offset_map_limit(const struct offset_map *m); /* of keys */
int64_t offset_map_memory(const struct offset_map *m);

#endif
