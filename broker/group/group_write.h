/* broker/group/group_write.h
 *
 * A change of a group that is in the log and waits to be committed: until then
 * nobody hears of it. Memory of whoever waits, kept until its callback.
 *
 * Loop thread. */
#ifndef GREGOR_BROKER_GROUP_GROUP_WRITE_H
#define GREGOR_BROKER_GROUP_GROUP_WRITE_H

#include "broker/deadline.h"
#include "protocol/kafka_error.h"

struct group_shard;

struct group_write {
    /* KAFKA_NONE: committed. Else it may or may not survive, and the client is told
     * this error, which makes it ask again. Called exactly once. */
    void (*done)(struct group_write *write, enum kafka_error error);

    /* The shard's. */
    struct group_shard *shard;
    int64_t last_offset;
    struct deadline deadline; /* offsets.commit.timeout.ms */
    struct group_write *prev, *next;
};

#endif
