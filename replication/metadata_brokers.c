/* replication/metadata_brokers.c
 *
 * Registrations of brokers and controllers. A registration with all its strings
 * lives in one arena; a new one of the same id takes its place. */
#include <stdlib.h>

#include "replication/metadata_image_internal.h"

struct registration {
    struct metadata_broker broker; /* first: what the list points to */
    struct arena arena;
};

static void registration_free(struct metadata_broker *broker)
{
    struct registration *r = (struct registration *)broker;
    arena_reset(&r->arena);
    free(r);
}

void metadata_registrations_free(struct registrations *list)
{
    for (int32_t i = 0; i < list->count; i++)
        registration_free(list->items[i]);
    free(list->items);
    *list = (struct registrations){0};
}

/* The index of an id, or of the place where it belongs. */
static int32_t index_of(const struct registrations *list, int32_t id, bool *found)
{
    int32_t at = 0;
    while (at < list->count && list->items[at]->id < id)
        at++;
    *found = at < list->count && list->items[at]->id == id;
    return at;
}

static struct metadata_broker *find(const struct registrations *list, int32_t id)
{
    bool found;
    int32_t at = index_of(list, id, &found);
    return found ? list->items[at] : NULL;
}

static int put(struct registrations *list, struct registration *r, struct err *err)
{
    bool found;
    int32_t at = index_of(list, r->broker.id, &found);
    if (found) {
        registration_free(list->items[at]);
        list->items[at] = &r->broker;
        return 0;
    }
    if (!metadata_grow((void **)&list->items, list->count, &list->cap,
                       sizeof(struct metadata_broker *)))
        return err_nomem(err);
    memmove(&list->items[at + 1], &list->items[at],
            (size_t)(list->count - at) * sizeof(struct metadata_broker *));
    list->items[at] = &r->broker;
    list->count++;
    return 0;
}

const struct metadata_broker *metadata_image_broker(const struct metadata_image *image,
                                                    int32_t id)
{
    return find(&image->brokers, id);
}

const struct metadata_broker *const *metadata_image_brokers(
    const struct metadata_image *image, int32_t *count)
{
    *count = image->brokers.count;
    return (const struct metadata_broker *const *)image->brokers.items;
}

const struct metadata_broker *metadata_image_controller(
    const struct metadata_image *image, int32_t id)
{
    return find(&image->controllers, id);
}

const struct metadata_endpoint *metadata_broker_endpoint(
    const struct metadata_broker *b, struct str listener)
{
    for (int32_t i = 0; i < b->endpoint_count; i++)
        if (str_equal(b->endpoints[i].name, listener))
            return &b->endpoints[i];
    return NULL;
}

static struct uuid *copy_uuids(struct arena *arena, const struct uuid *ids,
                               int32_t count)
{
    struct uuid *copy = arena_array(arena, (size_t)count, sizeof(*copy));
    if (copy != NULL && count > 0)
        memcpy(copy, ids, (size_t)count * sizeof(*copy));
    return copy;
}

/* The record's nested structs are types of their own for brokers and for
 * controllers, but hold the same. */
#define COPY_ENDPOINTS(r, from, count)                                            \
    do {                                                                          \
        (r)->broker.endpoints = arena_array(&(r)->arena, (size_t)(count),         \
                                            sizeof(struct metadata_endpoint));    \
        (r)->broker.endpoint_count = (r)->broker.endpoints == NULL ? 0 : (count); \
        for (int32_t i = 0; i < (r)->broker.endpoint_count; i++)                  \
            (r)->broker.endpoints[i] = (struct metadata_endpoint){                \
                .name = arena_str(&(r)->arena, (from)[i].name),                   \
                .host = arena_str(&(r)->arena, (from)[i].host),                   \
                .port = (from)[i].port,                                           \
                .security_protocol = (from)[i].security_protocol};                \
    } while (0)

#define COPY_FEATURES(r, from, count)                                              \
    do {                                                                           \
        (r)->broker.features = arena_array(&(r)->arena, (size_t)(count),           \
                                           sizeof(struct metadata_feature_range)); \
        (r)->broker.feature_count = (r)->broker.features == NULL ? 0 : (count);    \
        for (int32_t i = 0; i < (r)->broker.feature_count; i++)                    \
            (r)->broker.features[i] = (struct metadata_feature_range){             \
                .name = arena_str(&(r)->arena, (from)[i].name),                    \
                .min = (from)[i].min_supported_version,                            \
                .max = (from)[i].max_supported_version};                           \
    } while (0)

/* Whether every copy found memory. */
static bool copied(const struct registration *r)
{
    const struct metadata_broker *b = &r->broker;
    if (b->endpoints == NULL || b->features == NULL || b->directories == NULL ||
        b->cordoned_directories == NULL)
        return false;
    for (int32_t i = 0; i < b->endpoint_count; i++)
        if (b->endpoints[i].name.data == NULL || b->endpoints[i].host.data == NULL)
            return false;
    for (int32_t i = 0; i < b->feature_count; i++)
        if (b->features[i].name.data == NULL)
            return false;
    return true;
}

static int add(struct registrations *list, struct registration *r, struct err *err)
{
    int rc = copied(r) ? put(list, r, err) : err_nomem(err);
    if (rc != 0)
        registration_free(&r->broker);
    return rc;
}

static void copy_directories(struct registration *r, const struct uuid *ids,
                             int32_t count)
{
    r->broker.directories = copy_uuids(&r->arena, ids, count);
    r->broker.directory_count = count;
}

static void copy_cordoned(struct registration *r, const struct uuid *ids, int32_t count)
{
    r->broker.cordoned_directories = copy_uuids(&r->arena, ids, count < 0 ? 0 : count);
    r->broker.cordoned_directory_count = count;
}

int metadata_apply_register_broker(struct metadata_image *image, const void *message,
                                   struct metadata_delta *delta, struct err *err)
{
    const struct register_broker_record *record = message;
    struct registration *r = calloc(1, sizeof(*r));
    if (r == NULL)
        return err_nomem(err);
    r->broker.id = record->broker_id;
    r->broker.epoch = record->broker_epoch;
    r->broker.incarnation = record->incarnation_id;
    r->broker.rack = arena_str(&r->arena, record->rack);
    bool rack_copied = (r->broker.rack.data == NULL) == (record->rack.data == NULL);
    r->broker.fenced = record->fenced;
    r->broker.in_controlled_shutdown = record->in_controlled_shutdown;
    COPY_ENDPOINTS(r, record->end_points, record->end_points_count);
    COPY_FEATURES(r, record->features, record->features_count);
    copy_directories(r, record->log_dirs, record->log_dirs_count);
    copy_cordoned(r, record->cordoned_log_dirs, record->cordoned_log_dirs_count);
    if (!rack_copied) {
        registration_free(&r->broker);
        return err_nomem(err);
    }
    if (delta != NULL)
        delta->brokers_changed = true;
    return add(&image->brokers, r, err);
}

int metadata_apply_register_controller(struct metadata_image *image,
                                       const void *message,
                                       struct metadata_delta *delta, struct err *err)
{
    (void)delta;
    const struct register_controller_record *record = message;
    struct registration *r = calloc(1, sizeof(*r));
    if (r == NULL)
        return err_nomem(err);
    r->broker.id = record->controller_id;
    r->broker.incarnation = record->incarnation_id;
    COPY_ENDPOINTS(r, record->end_points, record->end_points_count);
    COPY_FEATURES(r, record->features, record->features_count);
    copy_directories(r, NULL, 0);
    copy_cordoned(r, NULL, -1);
    return add(&image->controllers, r, err);
}

int metadata_apply_unregister_broker(struct metadata_image *image, const void *message,
                                     struct metadata_delta *delta, struct err *err)
{
    const struct unregister_broker_record *record = message;
    struct registrations *list = &image->brokers;
    bool found;
    int32_t at = index_of(list, record->broker_id, &found);
    if (!found)
        return err_set(err, ERR_CORRUPT,
                       "broker %d is unregistered, but was not registered",
                       record->broker_id);
    registration_free(list->items[at]);
    list->count--;
    memmove(&list->items[at], &list->items[at + 1],
            (size_t)(list->count - at) * sizeof(struct metadata_broker *));
    if (delta != NULL)
        delta->brokers_changed = true;
    return 0;
}

static int find_of_epoch(struct metadata_image *image, int32_t id, int64_t epoch,
                         struct metadata_broker **out, struct err *err)
{
    *out = find(&image->brokers, id);
    if (*out == NULL)
        return err_set(err, ERR_CORRUPT,
                       "a change of broker %d, which is not registered", id);
    if ((*out)->epoch != epoch)
        return err_set(err, ERR_CORRUPT,
                       "a change of broker %d in epoch %lld, not %lld", id,
                       (long long)epoch, (long long)(*out)->epoch);
    return 0;
}

static int set_fenced(struct metadata_image *image, int32_t id, int64_t epoch,
                      bool fenced, struct metadata_delta *delta, struct err *err)
{
    struct metadata_broker *broker;
    int rc = find_of_epoch(image, id, epoch, &broker, err);
    if (rc != 0)
        return rc;
    broker->fenced = fenced;
    if (delta != NULL)
        delta->brokers_changed = true;
    return 0;
}

int metadata_apply_fence_broker(struct metadata_image *image, const void *message,
                                struct metadata_delta *delta, struct err *err)
{
    const struct fence_broker_record *record = message;
    return set_fenced(image, record->id, record->epoch, true, delta, err);
}

int metadata_apply_unfence_broker(struct metadata_image *image, const void *message,
                                  struct metadata_delta *delta, struct err *err)
{
    const struct unfence_broker_record *record = message;
    return set_fenced(image, record->id, record->epoch, false, delta, err);
}

/* fenced: 1 fences, -1 unfences, 0 leaves; in_controlled_shutdown: 1 begins it. Empty
 * directories, null cordoned ones: no change. */
int metadata_apply_broker_change(struct metadata_image *image, const void *message,
                                 struct metadata_delta *delta, struct err *err)
{
    const struct broker_registration_change_record *record = message;
    struct metadata_broker *broker;
    int rc =
        find_of_epoch(image, record->broker_id, record->broker_epoch, &broker, err);
    if (rc != 0)
        return rc;
    struct registration *r = (struct registration *)broker;
    if (record->fenced != 0)
        broker->fenced = record->fenced > 0;
    if (record->in_controlled_shutdown > 0)
        broker->in_controlled_shutdown = true;
    if (record->log_dirs_count > 0)
        copy_directories(r, record->log_dirs, record->log_dirs_count);
    if (record->cordoned_log_dirs_count >= 0)
        copy_cordoned(r, record->cordoned_log_dirs, record->cordoned_log_dirs_count);
    if (!copied(r)) {
        broker->directory_count = 0;
        broker->cordoned_directory_count = -1;
        return err_nomem(err);
    }
    if (delta != NULL)
        delta->brokers_changed = true;
    return 0;
}
