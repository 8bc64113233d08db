/* broker/api/controller_call.h
 *
 * A request that the controller answers: it fills a response of the API's type, and
 * that is sent.
 *
 * Loop thread. */
#ifndef GREGOR_BROKER_API_CONTROLLER_CALL_H
#define GREGOR_BROKER_API_CONTROLLER_CALL_H

#include "broker/api/api.h"

struct controller_call {
    struct controller_request base; /* first: the callback casts back */
    struct request *request;
    void *response; /* of the API's type, with its defaults */
};

/* For the handler to hand to the controller; it answers by itself. NULL: no memory,
 * and the request has ended. */
struct controller_call *controller_call_begin(struct request *r);

#endif
