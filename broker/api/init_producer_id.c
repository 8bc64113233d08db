/* InitProducerId
 *
 * A producer without a transactional id gets a new id with epoch 0, whatever it
 * says of the one it had (Kafka: TransactionCoordinator.handleInitProducerId).
 *
 * There are no transactions yet. FindCoordinator, which comes first, says so; who
 * asks here all the same gets UNSUPPORTED_VERSION. Kafka's own NOT_COORDINATOR would
 * make clients look for another coordinator for ever. */
#include "broker/api/api.h"
#include "broker/api/producer_ids.h"

#define NO_PRODUCER_ID (-1)
#define NO_PRODUCER_EPOCH (-1)

struct waiting_producer {
    struct producer_id_request base;
    struct request *request;
};

static void respond(struct request *r, enum kafka_error error, int64_t producer_id,
                    int16_t producer_epoch)
{
    struct init_producer_id_response response = INIT_PRODUCER_ID_RESPONSE_INIT;
    response.error_code = error;
    response.producer_id = producer_id;
    response.producer_epoch = producer_epoch;
    request_respond(r, &response);
}

static void on_producer_id(struct producer_id_request *base, int rc,
                           int64_t producer_id)
{
    struct request *r = ((struct waiting_producer *)base)->request;
    /* The client tries again, here or elsewhere. */
    if (rc != 0)
        respond(r, KAFKA_COORDINATOR_NOT_AVAILABLE, NO_PRODUCER_ID, NO_PRODUCER_EPOCH);
    else
        respond(r, KAFKA_NONE, producer_id, 0);
}

static enum kafka_error check(struct request *r,
                              const struct init_producer_id_request *m)
{
    if ((m->producer_id == NO_PRODUCER_ID) != (m->producer_epoch == NO_PRODUCER_EPOCH))
        return KAFKA_INVALID_REQUEST;
    if (m->transactional_id.data == NULL)
        return KAFKA_NONE;
    if (m->transactional_id.len == 0)
        return KAFKA_INVALID_REQUEST;
    if (m->transaction_timeout_ms <= 0 ||
        m->transaction_timeout_ms > r->node->config->transaction_max_timeout_ms)
        return KAFKA_INVALID_TRANSACTION_TIMEOUT;
    trace_warn(r->node->env.trace,
               "%s asked for the transactional id \"%.*s\": "
               "transactions are not served yet",
               request_peer(r), STR_ARGS(m->transactional_id));
    return KAFKA_UNSUPPORTED_VERSION;
}

static void handle(struct request *r)
{
    enum kafka_error error = check(r, r->message);
    if (error != KAFKA_NONE) {
        respond(r, error, NO_PRODUCER_ID, NO_PRODUCER_EPOCH);
        return;
    }
    struct waiting_producer *waiting = arena_alloc(&r->arena, sizeof(*waiting));
    if (waiting == NULL) {
        request_refuse(r, "no memory for its answer");
        return;
    }
    waiting->base.done = on_producer_id;
    waiting->request = r;
    producer_ids_take(r->node->producer_ids, &waiting->base);
}

const struct api api_init_producer_id = {
    .key = API_INIT_PRODUCER_ID,
    .min_version = 0,
    .max_version = 5,
    .request = &init_producer_id_request_type,
    .response = &init_producer_id_response_type,
    .handle = handle,
};
