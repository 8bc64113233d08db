/* broker/api/producer_ids.h
 *
 * The producer ids that a node gives out. They come from the controller in
 * blocks, so that no two nodes and no two runs of a node ever give the same one
 * (Kafka: RPCProducerIdManager). What a stop leaves of a block is lost.
 *
 * Kafka tells clients to come again while it asks for a block; here they wait.
 *
 * Loop thread. */
#ifndef GREGOR_BROKER_API_PRODUCER_IDS_H
#define GREGOR_BROKER_API_PRODUCER_IDS_H

#include "broker/node.h"

struct producer_ids;

/* Who waits for an id. Memory of the caller, kept until its callback. */
struct producer_id_request {
    /* rc 0: the id is the caller's. Else the controller has none to give. */
    void (*done)(struct producer_id_request *request, int rc, int64_t producer_id);
    struct producer_id_request *next;
};

/* Asks the node's controller; borrowed. NULL: no memory. */
struct producer_ids *producer_ids_create(struct node *node);

/* Only when nobody waits, which the controller's stop sees to. Accepts NULL. */
void producer_ids_destroy(struct producer_ids *ids);

/* Calls back at once, or on a later turn when a block must be fetched first. */
void producer_ids_take(struct producer_ids *ids, struct producer_id_request *request);

#endif
