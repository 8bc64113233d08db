/* broker/api/api.h
 *
 * The table of what this broker serves. Each API is a file in this folder that
 * defines one `const struct api`; api_table.c lists them. ApiVersions offers
 * the table and nothing else.
 *
 * Loop thread. */
#ifndef GREGOR_BROKER_API_API_H
#define GREGOR_BROKER_API_API_H

#include "broker/error_map.h"
#include "broker/request.h"
#include "protocol/api_keys.h"
#include "protocol/messages.h"

struct api {
    enum api_key key;
    int16_t min_version;
    int16_t max_version;
    const struct message_type *request;
    const struct message_type *response;
    void (*handle)(struct request *r);
};

extern const struct api api_alter_configs;
extern const struct api api_api_versions;
extern const struct api api_consumer_group_describe;
extern const struct api api_consumer_group_heartbeat;
extern const struct api api_create_partitions;
extern const struct api api_create_topics;
extern const struct api api_delete_groups;
extern const struct api api_delete_records;
extern const struct api api_delete_topics;
extern const struct api api_describe_cluster;
extern const struct api api_describe_configs;
extern const struct api api_describe_groups;
extern const struct api api_describe_log_dirs;
extern const struct api api_describe_topic_partitions;
extern const struct api api_fetch;
extern const struct api api_find_coordinator;
extern const struct api api_heartbeat;
extern const struct api api_incremental_alter_configs;
extern const struct api api_init_producer_id;
extern const struct api api_join_group;
extern const struct api api_leave_group;
extern const struct api api_list_config_resources;
extern const struct api api_list_groups;
extern const struct api api_list_offsets;
extern const struct api api_metadata;
extern const struct api api_offset_commit;
extern const struct api api_offset_delete;
extern const struct api api_offset_fetch;
extern const struct api api_offset_for_leader_epoch;
extern const struct api api_produce;
extern const struct api api_sync_group;

/* All of them, in ascending order of key. */
extern const struct api *const api_table[];
extern const size_t api_table_count;

/* NULL: not served. */
const struct api *api_find(int16_t key);

#endif
