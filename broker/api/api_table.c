#include "broker/api/api.h"

const struct api *const api_table[] = {
    &api_produce,
    &api_fetch,
    &api_list_offsets,
    &api_metadata,
    &api_offset_commit,
    &api_offset_fetch,
    &api_find_coordinator,
    &api_join_group,
    &api_heartbeat,
    &api_leave_group,
    &api_sync_group,
    &api_describe_groups,
    &api_list_groups,
    &api_api_versions,
    &api_create_topics,
    &api_delete_topics,
    &api_delete_records,
    &api_init_producer_id,
    &api_offset_for_leader_epoch,
    &api_describe_configs,
    &api_alter_configs,
    &api_describe_log_dirs,
    &api_create_partitions,
    &api_delete_groups,
    &api_incremental_alter_configs,
    &api_offset_delete,
    &api_describe_cluster,
    &api_consumer_group_heartbeat,
    &api_consumer_group_describe,
    &api_list_config_resources,
    &api_describe_topic_partitions,
};

const size_t api_table_count = sizeof(api_table) / sizeof(api_table[0]);

const struct api *api_find(int16_t key)
{
    for (size_t i = 0; i < api_table_count; i++) {
        if ((int16_t)api_table[i]->key == key)
            return api_table[i];
    }
    return NULL;
}
