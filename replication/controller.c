/* replication/controller.c
 *
 * The queue, and the way of one change through log, image and nodes. What a request
 * means is judged by its operation in controller_*.c.
 *
 * One request at a time has records under way (`current`); the image does not change
 * meanwhile but by those. Requests that need no records are answered in passing. All
 * of it starts from a job's done(), the append's callback or a publisher's, so that an
 * answer never comes within the call that asked. */
#include "replication/controller.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "replication/controller_internal.h"
#include "replication/metadata_image_internal.h"

/* Kafka's sentence for UNKNOWN_SERVER_ERROR. */
#define UNEXPECTED \
    "The server experienced an unexpected error when processing the request."

static void run(struct controller *c);

static void wake_work(struct job *job)
{
    (void)job; /* only the later turn is wanted */
}

static void wake_done(struct job *job)
{
    struct controller *c =
        (struct controller *)((char *)job - offsetof(struct controller, wake));
    c->waking = false;
    run(c);
}

static void wake(struct controller *c)
{
    if (c->waking || c->current != NULL)
        return;
    c->waking = true;
    executor_submit(c->options.executor, &c->wake);
}

static void on_appended(struct metadata_append *append, int rc, const struct err *err);

int controller_create(const struct controller_options *options, struct controller **out,
                      struct err *err)
{
    struct controller *c = calloc(1, sizeof(*c));
    if (c == NULL)
        return err_nomem(err);
    c->options = *options;
    c->wake = (struct job){.work = wake_work, .done = wake_done};
    c->append.done = on_appended;
    c->wait.controller = c;
    *out = c;
    return 0;
}

void controller_destroy(struct controller *c)
{
    if (c == NULL)
        return;
    assert(c->current == NULL && c->first == NULL && !c->waking);
    metadata_delta_clear(&c->delta);
    arena_reset(&c->arena);
    free(c->records);
    free(c);
}

void controller_add_publisher(struct controller *c, struct metadata_publisher *p)
{
    struct metadata_publisher **at = &c->publishers;
    while (*at != NULL)
        at = &(*at)->next;
    p->next = NULL;
    *at = p;
}

void controller_remove_publisher(struct controller *c, struct metadata_publisher *p)
{
    struct metadata_publisher **at = &c->publishers;
    while (*at != NULL && *at != p)
        at = &(*at)->next;
    if (*at != NULL)
        *at = p->next;
}

int64_t controller_metadata_offset(const struct controller *c)
{
    struct metadata_writer *writer = c->options.writer;
    return writer->next_offset(writer) - 1;
}

void controller_submit(struct controller *c, struct controller_request *r,
                       const struct controller_operation *operation, const void *input,
                       void *output)
{
    r->operation = operation;
    r->input = input;
    r->output = output;
    r->next = NULL;
    if (c->last == NULL)
        c->first = r;
    else
        c->last->next = r;
    c->last = r;
    wake(c);
}

void *controller_record(struct controller *c, const struct message_type *type)
{
    void *message = arena_alloc(&c->arena, type->size);
    if (message == NULL || !metadata_grow((void **)&c->records, c->record_count,
                                          &c->record_cap, sizeof(*c->records)))
        return NULL;
    type->init(message);
    int16_t level = metadata_version_of_image(c->options.image);
    c->records[c->record_count++] =
        (struct metadata_record){.type = type,
                                 .version = metadata_version_of_record(level, type),
                                 .message = message};
    return message;
}

void controller_drop_records(struct controller *c, int32_t count)
{
    assert(count <= c->record_count);
    c->record_count = count;
}

static void end_change(struct controller *c)
{
    metadata_delta_clear(&c->delta);
    arena_reset(&c->arena);
    c->record_count = 0;
    c->current = NULL;
}

static void answer(struct controller_request *r, int rc, const struct err *err)
{
    static const struct err nothing = {0};
    r->done(r, rc, err == NULL ? &nothing : err);
}

/* Answers a request that was judged well, but whose records will not come to be. */
static void answer_failed(struct controller_request *r, int rc, const struct err *err)
{
    if (r->operation->fail == NULL) {
        answer(r, rc, err);
        return;
    }
    struct str message = arena_str(r->arena, str_of(err->message));
    if (message.data == NULL || message.len == 0)
        message = STR_LITERAL(UNEXPECTED);
    r->operation->fail(r, message);
    answer(r, 0, NULL);
}

static void answer_current(struct controller *c, int rc, const struct err *err)
{
    struct controller_request *r = c->current;
    end_change(c);
    if (rc != 0)
        answer_failed(r, rc, err);
    else
        answer(r, 0, NULL);
}

void metadata_publish_done(struct metadata_publish_wait *wait)
{
    assert(wait->pending > 0);
    if (--wait->pending > 0)
        return;
    struct controller *c = wait->controller;
    answer_current(c, 0, NULL);
    run(c);
}

static void publish(struct controller *c)
{
    /* One more than there are publishers: some are done within their call, and the
     * last of all is to be this function. */
    c->wait.pending = 1;
    struct metadata_publisher *p =
        metadata_delta_is_empty(&c->delta) ? NULL : c->publishers;
    for (; p != NULL; p = p->next) {
        c->wait.pending++;
        p->publish(p, &c->delta, &c->wait);
    }
    metadata_publish_done(&c->wait);
}

static int apply_records(struct controller *c, struct err *err)
{
    for (int32_t i = 0; i < c->record_count; i++) {
        int rc = metadata_image_apply(c->options.image, &c->records[i], &c->delta, err);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static void on_appended(struct metadata_append *append, int rc, const struct err *err)
{
    struct controller *c =
        (struct controller *)((char *)append - offsetof(struct controller, append));
    struct err problem = {0};
    if (rc == 0) {
        rc = apply_records(c, &problem);
        if (rc == 0) {
            publish(c);
            return;
        }
        c->broken = true;
        trace_error(c->options.trace, "controller: durable records do not apply: %s",
                    problem.message);
        err = &problem;
    }
    answer_current(c, rc, err);
    run(c);
}

static struct controller_request *take_first(struct controller *c)
{
    struct controller_request *r = c->first;
    c->first = r->next;
    if (c->first == NULL)
        c->last = NULL;
    return r;
}

/* Whether changes are refused, and why. */
static int refuses(const struct controller *c, struct err *err)
{
    if (c->stopped)
        return err_set(err, ERR_CANCELED, "The controller is shutting down.");
    if (c->broken)
        return err_set(err, ERR_OFFLINE, UNEXPECTED);
    return 0;
}

/* Sets c->current if records are on their way, otherwise answers. */
static void begin(struct controller *c, struct controller_request *r)
{
    struct err err = {0};
    int rc = r->operation->build(c, r, &err);
    if (rc != 0) {
        end_change(c);
        answer(r, rc, &err);
        return;
    }
    if (c->record_count == 0) {
        end_change(c);
        answer(r, 0, NULL);
        return;
    }
    rc = refuses(c, &err);
    if (rc == 0) {
        c->current = r;
        c->base_offset = c->options.writer->next_offset(c->options.writer);
        rc = c->options.writer->append(c->options.writer, c->records, c->record_count,
                                       &c->append, &err);
    }
    if (rc != 0) {
        end_change(c);
        answer_failed(r, rc, &err);
    }
}

static void run(struct controller *c)
{
    while (c->current == NULL && c->first != NULL && c->stop == NULL)
        begin(c, take_first(c));
    if (c->current != NULL || c->stop == NULL)
        return;

    /* A stop goes before what still waits; that is then refused. */
    struct controller_request *stop = c->stop;
    c->stop = NULL;
    c->stopped = true;
    while (c->first != NULL)
        begin(c, take_first(c));
    answer(stop, 0, NULL);
}

void controller_stop(struct controller *c, struct controller_request *r)
{
    assert(c->stop == NULL);
    c->stop = r;
    wake(c);
}

struct verdict verdict_of(struct arena *arena, enum kafka_error code,
                          const char *format, ...)
{
    char few[512];
    va_list args;
    va_start(args, format);
    vsnprintf(few, sizeof(few), format, args);
    va_end(args);
    /* Without memory the code has to say it all. */
    return (struct verdict){code, arena_str(arena, str_of(few))};
}

struct verdict verdict_too_large(struct arena *arena)
{
    return verdict_of(arena, KAFKA_POLICY_VIOLATION,
                      "Unable to perform excessively large batch operation.");
}

struct named {
    struct str name;
    int32_t index;
};

static int compare_named(const void *a, const void *b)
{
    const struct named *one = a, *other = b;
    int order = str_compare(one->name, other->name);
    if (order != 0)
        return order;
    return (one->index > other->index) - (one->index < other->index);
}

int controller_name_uses(struct arena *arena, const struct str *names, int32_t count,
                         uint8_t **uses, struct err *err)
{
    struct named *sorted = arena_array(arena, (size_t)count, sizeof(*sorted));
    *uses = arena_alloc(arena, (size_t)count);
    if (sorted == NULL || *uses == NULL)
        return err_nomem(err);
    for (int32_t i = 0; i < count; i++)
        sorted[i] = (struct named){names[i], i};
    qsort(sorted, (size_t)count, sizeof(*sorted), compare_named);
    for (int32_t i = 1; i < count; i++) {
        if (str_compare(sorted[i - 1].name, sorted[i].name) != 0)
            continue;
        if ((*uses)[sorted[i - 1].index] == NAME_ONCE)
            (*uses)[sorted[i - 1].index] = NAME_FIRST;
        (*uses)[sorted[i].index] = NAME_AGAIN;
    }
    return 0;
}
