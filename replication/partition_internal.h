/* replication/partition_internal.h
 *
 * What partition.c and replica_manager.c tell each other. */
#ifndef GREGOR_REPLICATION_PARTITION_INTERNAL_H
#define GREGOR_REPLICATION_PARTITION_INTERNAL_H

#include "replication/replica_manager.h"

struct moved_list {
    struct partition *first, *last; /* through next_moved */
};

/* The manager's parts that a partition needs. */
struct partition_context {
    int32_t node_id;
    struct log_manager *logs;
    const struct trace *trace;
    struct moved_list moved;
};

/* The first member of struct replica_manager. */
static inline struct partition_context *partition_context_of(const struct partition *p)
{
    return (struct partition_context *)p->manager;
}

/* Whether this node leads it and no other replica is in sync. */
bool partition_commits_alone(const struct partition *p);

/* Before a partition is freed: ends its watches, and a flush forgets it. */
void partition_detach(struct partition *p);

/* Tells the watches of one partition; each may stop itself or be freed. */
void partition_tell_watches(struct partition *p);

#endif
