#include "broker/producer_ids.h"

#include <utlist.h>

static void on_block(struct controller_request *request, int rc, const struct err *err);

static void ask_for_block(struct producer_ids *ids)
{
    ids->asking = true;
    ids->block = (struct producer_id_block){.broker_id = ids->node_id};
    ids->request = (struct controller_request){.done = on_block, .arena = &ids->arena};
    controller_allocate_producer_ids(ids->controller, &ids->request, &ids->block);
}

static void serve_waiting(struct producer_ids *ids, int rc)
{
    while (ids->waiting != NULL && (rc != 0 || ids->next < ids->end)) {
        struct producer_id_request *request = ids->waiting;
        LL_DELETE(ids->waiting, request);
        request->done(request, rc, rc == 0 ? ids->next++ : -1);
    }
}

static void on_block(struct controller_request *request, int rc, const struct err *err)
{
    (void)err; /* the controller has said why */
    struct producer_ids *ids = (struct producer_ids *)((char *)request - offsetof(struct producer_ids, request));
    arena_reset(&ids->arena);
    if (rc == 0) {
        ids->next = ids->block.first_producer_id;
        ids->end = ids->next + ids->block.count;
    }
    /* Still asking: who comes back for an id during a callback only queues. */
    serve_waiting(ids, rc);
    ids->asking = false;
    if (ids->waiting != NULL)
        ask_for_block(ids);
}

void producer_ids_take(struct producer_ids *ids, struct producer_id_request *request)
{
    LL_APPEND(ids->waiting, request);
    if (ids->asking)
        return;
    serve_waiting(ids, 0);
    if (ids->waiting != NULL)
        ask_for_block(ids);
}
