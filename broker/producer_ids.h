/* broker/producer_ids.h
 *
 * The producer ids that a node gives out. They come from the controller in
 * blocks, so that no two nodes and no two runs of a node ever give the same one
 * (Kafka: RPCProducerIdManager). What a stop leaves of a block is lost.
 *
 * Kafka tells clients to come again while it asks for a block; here they wait.
 *
 * Loop thread. */
#ifndef GREGOR_BROKER_PRODUCER_IDS_H
#define GREGOR_BROKER_PRODUCER_IDS_H

#include "replication/controller.h"

/* Who waits for an id. Memory of the caller, kept until its callback. */
struct producer_id_request {
    /* rc 0: the id is the caller's. Else the controller has none to give. */
    void (*done)(struct producer_id_request *request, int rc, int64_t producer_id);
    struct producer_id_request *next;
};

/* All zeroes but for controller and node_id is a good beginning: no ids, nobody
 * waits. It needs no end: the controller's stop ends the wait. */
struct producer_ids {
    struct controller *controller; /* borrowed */
    int32_t node_id;
    int64_t next;
    int64_t end; /* exclusive */
    struct producer_id_request *waiting; /* in the order they came */
    bool asking;
    struct controller_request request;
    struct producer_id_block block; /* what was asked for */
    struct arena arena;
};

/* Calls back at once, or on a later turn when a block must be fetched first. */
void producer_ids_take(struct producer_ids *ids, struct producer_id_request *request);

#endif
