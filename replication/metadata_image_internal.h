/* replication/metadata_image_internal.h
 *
 * The inside of the image, shared by metadata_*.c. Loop thread. */
#ifndef GREGOR_REPLICATION_METADATA_IMAGE_INTERNAL_H
#define GREGOR_REPLICATION_METADATA_IMAGE_INTERNAL_H

#include "protocol/messages.h"
#include "replication/metadata_delta.h"
#include "replication/metadata_image.h"

/* The topics by name, made on demand. */
struct topic_listing {
    const struct metadata_topic **items;
    int32_t cap;
    bool fresh;
};

/* Brokers or controllers, by id. The strings of each are in one arena with it. */
struct registrations {
    struct metadata_broker **items;
    int32_t count;
    int32_t cap;
};

struct config_entry; /* metadata_configs.c */
struct kept_record;  /* metadata_kept.c */
struct held_record;  /* metadata_transaction.c */

struct metadata_image {
    struct metadata_topic *topics_by_name;
    struct metadata_topic *topics_by_id;
    int32_t partition_count;
    struct topic_listing *listing;

    struct registrations brokers;
    struct registrations controllers;

    struct config_entry *configs;

    struct metadata_feature *features; /* by name, names owned */
    int32_t feature_count;
    int32_t feature_cap;

    int64_t next_producer_id; /* -1: no block was given out */

    struct kept_record *kept;

    struct held_record *held;
    int32_t held_count;
    int32_t held_cap;
    bool in_transaction;
};

typedef int (*metadata_emit)(void *context, const struct metadata_record *record,
                             struct err *err);

/* One record type's change of the image. */
typedef int (*metadata_apply)(struct metadata_image *image, const void *message,
                              struct metadata_delta *delta, struct err *err);

/* Makes room for one more item of `size` bytes; false without memory. */
bool metadata_grow(void **items, int32_t count, int32_t *cap, size_t size);

/* An owned, terminated copy; data NULL without memory. */
struct str metadata_str_copy(struct str s);

/* metadata_image.c: applies without looking at transactions. */
int metadata_apply_now(struct metadata_image *image,
                       const struct metadata_record *record,
                       struct metadata_delta *delta, struct err *err);

/* metadata_transaction.c */
int metadata_transaction_begin(struct metadata_image *image, struct err *err);
int metadata_transaction_end(struct metadata_image *image, struct metadata_delta *delta,
                             struct err *err);
int metadata_transaction_abort(struct metadata_image *image, struct err *err);
int metadata_transaction_hold(struct metadata_image *image,
                              const struct metadata_record *record, struct err *err);
void metadata_transaction_drop(struct metadata_image *image);

/* metadata_topics.c */
int metadata_apply_topic(struct metadata_image *image, const void *message,
                         struct metadata_delta *delta, struct err *err);
int metadata_apply_remove_topic(struct metadata_image *image, const void *message,
                                struct metadata_delta *delta, struct err *err);
int metadata_apply_partition(struct metadata_image *image, const void *message,
                             struct metadata_delta *delta, struct err *err);
int metadata_apply_partition_change(struct metadata_image *image, const void *message,
                                    struct metadata_delta *delta, struct err *err);
int metadata_apply_clear_elr(struct metadata_image *image, const void *message,
                             struct metadata_delta *delta, struct err *err);
void metadata_topics_free(struct metadata_image *image);

/* metadata_partition.c: what a partition is made of, before it is packed. */
struct partition_parts {
    struct broker_ids lists[PARTITION_LISTS];
    const struct uuid *directories; /* one a replica, unless the count is 0 */
    int32_t directory_count;
};

void metadata_partition_free(struct metadata_partition *p);

/* Views into `p`, which is changed by no one meanwhile; `directories` has room
 * for those of every replica. */
void metadata_partition_unpack(const struct metadata_partition *p,
                               struct partition_parts *parts, struct uuid *directories);

/* Replaces the lists; the parts may be views into `p`. ERR_CORRUPT for lists that
 * cannot be, ERR_NOMEM; then `p` is unchanged. */
int metadata_partition_pack(struct metadata_partition *p,
                            const struct partition_parts *parts, struct err *err);

/* metadata_brokers.c */
int metadata_apply_register_broker(struct metadata_image *image, const void *message,
                                   struct metadata_delta *delta, struct err *err);
int metadata_apply_unregister_broker(struct metadata_image *image, const void *message,
                                     struct metadata_delta *delta, struct err *err);
int metadata_apply_fence_broker(struct metadata_image *image, const void *message,
                                struct metadata_delta *delta, struct err *err);
int metadata_apply_unfence_broker(struct metadata_image *image, const void *message,
                                  struct metadata_delta *delta, struct err *err);
int metadata_apply_broker_change(struct metadata_image *image, const void *message,
                                 struct metadata_delta *delta, struct err *err);
int metadata_apply_register_controller(struct metadata_image *image,
                                       const void *message,
                                       struct metadata_delta *delta, struct err *err);
void metadata_registrations_free(struct registrations *list);

/* metadata_configs.c */
int metadata_apply_config(struct metadata_image *image, const void *message,
                          struct metadata_delta *delta, struct err *err);
void metadata_configs_remove(struct metadata_image *image,
                             enum config_resource_type type, struct str name);
void metadata_configs_free(struct metadata_image *image);

/* metadata_kept.c */
int metadata_apply_quota(struct metadata_image *image, const void *message,
                         struct metadata_delta *delta, struct err *err);
int metadata_apply_scram(struct metadata_image *image, const void *message,
                         struct metadata_delta *delta, struct err *err);
int metadata_apply_remove_scram(struct metadata_image *image, const void *message,
                                struct metadata_delta *delta, struct err *err);
int metadata_apply_acl(struct metadata_image *image, const void *message,
                       struct metadata_delta *delta, struct err *err);
int metadata_apply_remove_acl(struct metadata_image *image, const void *message,
                              struct metadata_delta *delta, struct err *err);
int metadata_apply_token(struct metadata_image *image, const void *message,
                         struct metadata_delta *delta, struct err *err);
int metadata_apply_remove_token(struct metadata_image *image, const void *message,
                                struct metadata_delta *delta, struct err *err);
int metadata_kept_write(const struct metadata_image *image,
                        const struct message_type *type, metadata_emit emit,
                        void *context, struct err *err);
int32_t metadata_kept_count(const struct metadata_image *image,
                            const struct message_type *type);
void metadata_kept_free(struct metadata_image *image);

#endif
