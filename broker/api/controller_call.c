#include "broker/api/controller_call.h"

static void on_done(struct controller_request *base, int rc, const struct err *err)
{
    struct controller_call *call = (struct controller_call *)base;
    if (rc != 0)
        request_refuse(call->request, "the controller cannot answer: %s", err->message);
    else
        request_respond(call->request, call->response);
}

struct controller_call *controller_call_begin(struct request *r)
{
    const struct message_type *type = r->api->response;
    struct controller_call *call = arena_alloc(&r->arena, sizeof(*call));
    if (call != NULL)
        call->response = arena_alloc(&r->arena, type->size);
    if (call == NULL || call->response == NULL) {
        request_refuse(r, "no memory for its answer");
        return NULL;
    }
    type->init(call->response);
    call->request = r;
    call->base = (struct controller_request){
        .done = on_done, .arena = &r->arena, .node_id = r->node->id};
    return call;
}
