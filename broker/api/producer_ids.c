#include "broker/api/producer_ids.h"

#include <assert.h>
#include <stdlib.h>
#include <utlist.h>

struct producer_ids {
    struct controller_request request; /* first: on_block() casts back */
    struct arena arena;
    struct producer_id_block block; /* what is asked for */
    struct node *node;
    bool asking;
    int64_t next;
    int64_t end;                         /* exclusive */
    struct producer_id_request *waiting; /* in the order they came */
};

struct producer_ids *producer_ids_create(struct node *node)
{
    struct producer_ids *ids = calloc(1, sizeof(*ids));
    if (ids == NULL)
        return NULL;
    ids->node = node;
    return ids;
}

void producer_ids_destroy(struct producer_ids *ids)
{
    if (ids == NULL)
        return;
    assert(!ids->asking && ids->waiting == NULL);
    arena_reset(&ids->arena);
    free(ids);
}

static void on_block(struct controller_request *request, int rc, const struct err *err);

static void ask_for_block(struct producer_ids *ids)
{
    ids->asking = true;
    ids->block = (struct producer_id_block){.broker_id = ids->node->id};
    ids->request = (struct controller_request){
        .done = on_block, .arena = &ids->arena, .node_id = ids->node->id};
    controller_allocate_producer_ids(ids->node->controller, &ids->request, &ids->block);
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
    (void)err; /* who waits is told that there is none, and says so */
    struct producer_ids *ids = (struct producer_ids *)request;
    arena_reset(&ids->arena);
    if (rc == 0) {
        ids->next = ids->block.first_producer_id;
        ids->end = ids->next + ids->block.count;
    }
    /* Still `asking`: who comes for an id during a callback only queues. */
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
