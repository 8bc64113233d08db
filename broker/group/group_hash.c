#include "broker/group/group_hash.h"

#include "broker/group/java_string.h"

int32_t group_partition_of(struct str group_id, int32_t partition_count)
{
    int32_t hash = java_string_hash(group_id);
    if (hash == INT32_MIN)
        return 0;
    return (hash < 0 ? -hash : hash) % partition_count;
}
