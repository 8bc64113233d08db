/* FindCoordinator (Kafka: KafkaApis.getCoordinator)
 *
 * For a group: the leader of its partition of __consumer_offsets. That topic is made
 * when it is first needed. Kafka sends clients away while it makes the topic, and
 * again while the groups are loaded; here they wait for both, and find the
 * coordinator ready. */
#include "broker/api/groups.h"
#include "broker/api/leaders.h"

enum key_type { KEY_GROUP = 0, KEY_TRANSACTION = 1, KEY_SHARE = 2 };

typedef struct find_coordinator_response_coordinator found;

struct creation {
    struct controller_request base; /* first: on_created() casts back */
    struct request *request;
    struct controller_auto_create topics;
    struct create_topics_response response;
    struct str name;
};

static void handle(struct request *r);

/* Whatever came of it, the topic is there now or it is not. */
static void on_created(struct controller_request *base, int rc, const struct err *err)
{
    (void)rc;
    (void)err;
    handle(((struct creation *)base)->request);
}

/* True: `r` is handled again when the topic has been made. Once is enough. */
static bool create_topic(struct request *r)
{
    struct creation *c = r->state == NULL ? arena_alloc(&r->arena, sizeof(*c)) : NULL;
    if (c == NULL)
        return false;
    r->state = c;
    c->request = r;
    c->name = STR_LITERAL("__consumer_offsets");
    c->topics = (struct controller_auto_create){&c->name, 1};
    c->response = CREATE_TOPICS_RESPONSE_INIT;
    c->base = (struct controller_request){
        .done = on_created, .arena = &r->arena, .node_id = r->node->id};
    controller_auto_create_topics(r->node->controller, &c->base, &c->topics,
                                  &c->response);
    return true;
}

static void find_group(struct request *r, found *f)
{
    int32_t leader;
    struct leader_endpoint endpoint;
    enum kafka_error error = group_coordinator_leader(r->node->groups, f->key, &leader);
    if (error != KAFKA_NONE || !leaders_endpoint(r, leader, &endpoint)) {
        f->error_code = KAFKA_COORDINATOR_NOT_AVAILABLE;
        return;
    }
    f->node_id = endpoint.id;
    f->host = endpoint.host;
    f->port = endpoint.port;
}

/* There are no transactions yet. On COORDINATOR_NOT_AVAILABLE producers would ask again
 * until they time out, and on UNSUPPORTED_VERSION librdkafka does too; this is the
 * error on which all of them give up at once. */
static void find_transaction(struct request *r, found *f)
{
    f->error_code = KAFKA_TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
    f->error_message = STR_LITERAL("transactions are not served by this broker yet");
    trace_warn(r->node->env.trace,
               "%s asked for the coordinator of transactional id \"%.*s\": "
               "transactions are not served yet",
               request_peer(r), STR_ARGS(f->key));
}

static void refuse_type(struct request *r, int8_t type, found *f)
{
    f->error_code = KAFKA_INVALID_REQUEST;
    f->error_message =
        arena_printf(&r->arena, "There are no coordinators of type %d here.", type);
}

/* Share groups are not served: as by a Kafka where they are switched off. */
static void find(struct request *r, int8_t type, struct str key, found *f)
{
    *f = FIND_COORDINATOR_RESPONSE_COORDINATOR_INIT;
    f->key = key;
    f->node_id = -1;
    f->port = -1;
    if (type == KEY_GROUP)
        find_group(r, f);
    else if (type == KEY_TRANSACTION)
        find_transaction(r, f);
    else
        refuse_type(r, type, f);
}

static void respond_one(struct request *r, const struct find_coordinator_request *m)
{
    struct find_coordinator_response response = FIND_COORDINATOR_RESPONSE_INIT;
    found f;
    find(r, m->key_type, m->key, &f);
    response.error_code = f.error_code;
    response.error_message =
        f.error_message.len > 0
            ? f.error_message
            : str_of(kafka_error_name((enum kafka_error)f.error_code));
    response.node_id = f.node_id;
    response.host = f.host;
    response.port = f.port;
    groups_respond(r, &response);
}

static void respond_all(struct request *r, const struct find_coordinator_request *m)
{
    struct find_coordinator_response response = FIND_COORDINATOR_RESPONSE_INIT;
    int32_t count = m->coordinator_keys_count;
    response.coordinators =
        arena_array(&r->arena, (size_t)count, sizeof(*response.coordinators));
    if (response.coordinators == NULL) {
        request_refuse(r, "no memory for its answer");
        return;
    }
    response.coordinators_count = count;
    for (int32_t i = 0; i < count; i++)
        find(r, m->key_type, m->coordinator_keys[i], &response.coordinators[i]);
    groups_respond(r, &response);
}

/* True: `r` is handled again when the groups in question are ready. */
static bool wait_for_groups(struct request *r, const struct str *keys, int32_t count)
{
    int32_t leader;
    for (int32_t i = 0; i < count; i++) {
        enum kafka_error error =
            group_coordinator_leader(r->node->groups, keys[i], &leader);
        if (error == KAFKA_UNKNOWN_TOPIC_OR_PARTITION && create_topic(r))
            return true;
        if (error == KAFKA_NONE && group_coordinator_wait(r->node->groups, r, keys[i]))
            return true;
    }
    return false;
}

static void handle(struct request *r)
{
    const struct find_coordinator_request *m = r->message;
    bool many = r->version >= 4;
    if (m->key_type == KEY_GROUP &&
        wait_for_groups(r, many ? m->coordinator_keys : &m->key,
                        many ? m->coordinator_keys_count : 1))
        return;
    if (many)
        respond_all(r, m);
    else
        respond_one(r, m);
}

const struct api api_find_coordinator = {
    .key = API_FIND_COORDINATOR,
    .min_version = 0,
    .max_version = 6,
    .request = &find_coordinator_request_type,
    .response = &find_coordinator_response_type,
    .handle = handle,
};
