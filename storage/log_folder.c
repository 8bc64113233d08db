#include "storage/log_folder.h"

#include <limits.h>
#include <stdio.h>

#include "storage/log_path.h"
#include "storage/partition_metadata.h"

static bool take_partition(const char *name, struct str *topic, int32_t *partition)
{
    const char *dash = strrchr(name, '-');
    if (dash == NULL || dash == name || dash[1] == '\0')
        return false;
    int64_t number = 0;
    for (const char *at = dash + 1; *at != '\0'; at++) {
        if (*at < '0' || *at > '9')
            return false;
        number = number * 10 + (*at - '0');
        if (number > INT32_MAX)
            return false;
    }
    *topic = (struct str){name, (int32_t)(dash - name)};
    *partition = (int32_t)number;
    return true;
}

/* A topic's name may hold dots, dashes and the very suffixes; a partition's folder
 * ends in digits all the same, and the others have a dot before their HEX. */
enum folder_kind log_folder_parse(const char *name, struct str *topic,
                                  int32_t *partition)
{
    if (take_partition(name, topic, partition))
        return FOLDER_PARTITION;
    if (strchr(name, '.') == NULL)
        return FOLDER_OTHER;
    if (ends_with(name, FOLDER_DELETE_SUFFIX))
        return FOLDER_DELETED;
    if (ends_with(name, FOLDER_STRAY_SUFFIX))
        return FOLDER_STRAY;
    return ends_with(name, FOLDER_FUTURE_SUFFIX) ? FOLDER_FUTURE : FOLDER_OTHER;
}

void log_folder_name(char out[FOLDER_NAME_SIZE], struct str topic, int32_t partition)
{
    snprintf(out, FOLDER_NAME_SIZE, "%.*s-%d", STR_ARGS(topic), partition);
}

void log_folder_aside_name(char out[FOLDER_NAME_SIZE], struct str topic,
                           int32_t partition, const struct random *random,
                           const char *suffix)
{
    char tail[80];
    struct uuid id = uuid_random(random);
    int len = snprintf(tail, sizeof(tail), "-%d.", partition);
    for (size_t i = 0; i < sizeof(id.bytes); i++)
        len += snprintf(tail + len, sizeof(tail) - (size_t)len, "%02x", id.bytes[i]);
    len += snprintf(tail + len, sizeof(tail) - (size_t)len, "%s", suffix);
    int room = FOLDER_NAME_SIZE - 1 - len;
    snprintf(out, FOLDER_NAME_SIZE, "%.*s%s", topic.len < room ? topic.len : room,
             topic.data, tail);
}

static int folder_path(char out[PATH_MAX], const struct log_folder *folder,
                       struct err *err)
{
    char name[FOLDER_NAME_SIZE];
    log_folder_name(name, folder->topic, folder->partition);
    if (snprintf(out, PATH_MAX, "%s/%s", folder->parent, name) > LOG_DIR_MAX)
        return err_set(err, ERR_INVALID, "the path %s/%s is too long", folder->parent,
                       name);
    return 0;
}

int log_folder_set_aside(const struct log_folder *folder, const char *why,
                         struct disk *disk, const struct random *random,
                         const struct trace *trace, struct err *err)
{
    char from[PATH_MAX], to[PATH_MAX], name[FOLDER_NAME_SIZE];
    int rc = folder_path(from, folder, err);
    if (rc != 0)
        return rc;
    log_folder_aside_name(name, folder->topic, folder->partition, random,
                          FOLDER_STRAY_SUFFIX);
    snprintf(to, sizeof(to), "%s/%s", folder->parent, name);
    rc = disk->ops->rename(disk, from, to, err);
    if (rc == 0)
        trace_warn(trace, "%s %s: kept aside as %s", from, why, name);
    return rc;
}

static int ignore_entry(void *context, const struct disk_entry *entry)
{
    (void)context;
    (void)entry;
    return 1;
}

/* Kafka writes partition.metadata before the first record, so a folder without
 * it holds none of this topic's: it is a stray as well. */
static int make_way(const struct log_folder *folder, const char *path, int why,
                    struct disk *disk, const struct random *random,
                    const struct trace *trace, struct err *err)
{
    if (why == ERR_NOT_FOUND) {
        int rc = disk->ops->list(disk, path, ignore_entry, NULL, err);
        if (rc == ERR_NOT_FOUND || rc == 0)
            return 0; /* missing, or empty */
        if (rc < 0)
            return rc;
    }
    return log_folder_set_aside(folder,
                                why == 0               ? "belongs to another topic id"
                                : why == ERR_NOT_FOUND ? "has no partition.metadata"
                                                       : "has no readable topic id",
                                disk, random, trace, err);
}

int log_folder_prepare(const struct log_folder *folder, struct disk *disk,
                       const struct random *random, const struct trace *trace,
                       bool *fresh, struct err *err)
{
    char path[PATH_MAX];
    struct uuid found;
    *fresh = false;
    int rc = folder_path(path, folder, err);
    if (rc != 0)
        return rc;
    int why = partition_metadata_read(disk, path, &found, err);
    if (why == 0 && uuid_equal(found, folder->topic_id))
        return 0;
    if (why != 0 && why != ERR_NOT_FOUND && why != ERR_CORRUPT)
        return why;
    rc = make_way(folder, path, why, disk, random, trace, err);
    if (rc == 0)
        rc = disk->ops->mkdir(disk, path, err);
    if (rc == 0)
        rc = partition_metadata_write(disk, path, folder->topic_id, err);
    *fresh = rc == 0;
    return rc;
}

struct sizing {
    struct disk *disk;
    const char *path;
    struct err *err;
    int64_t total;
};

static int add_size(void *context, const struct disk_entry *entry)
{
    struct sizing *s = context;
    char path[PATH_MAX];
    int fd;
    if (entry->is_dir || !ends_with(entry->name, LOG_SUFFIX))
        return 0;
    snprintf(path, sizeof(path), "%s/%s", s->path, entry->name);
    int rc = s->disk->ops->open(s->disk, path, DISK_READ, &fd, s->err);
    if (rc == ERR_NOT_FOUND)
        return 0; /* deleted meanwhile */
    if (rc != 0)
        return rc;
    int64_t size = s->disk->ops->size(s->disk, fd, s->err);
    s->disk->ops->close(s->disk, fd);
    if (size < 0)
        return (int)size;
    s->total += size;
    return 0;
}

int64_t log_folder_size(struct disk *disk, const char *path, struct err *err)
{
    struct sizing s = {.disk = disk, .path = path, .err = err};
    int rc = disk->ops->list(disk, path, add_size, &s, err);
    return rc == 0 || rc == ERR_NOT_FOUND ? s.total : rc;
}
