#include "tools/graduate/directory_check.h"

#include <stdarg.h>

#include "replication/metadata_version.h"
#include "storage/log_folder.h"
#include "storage/log_path.h"
#include "storage/partition_metadata.h"
#include "tools/dump/dump.h"
#include "tools/folder_listing.h"

/* Kafka's tiered storage keeps it; LogManager passes it by. */
#define REMOTE_INDEX_CACHE "remote-log-index-cache"

struct check {
    const struct log_dir *dir;
    const struct metadata_view *metadata;
    struct directory_faults *faults;
    struct dump dump; /* whose readers find what is damaged */
};

static void fault(struct check *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void fault(struct check *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vfprintf(c->faults->out, format, args);
    va_end(args);
    fputc('\n', c->faults->out);
    c->faults->count++;
}

/* ---- files --------------------------------------------------------------- */

/* A .log that is named otherwise keeps Kafka from loading the partition at all. */
static bool check_name(struct check *c, const char *folder, const struct listed_file *f)
{
    if (!ends_with(f->name, LOG_SUFFIX) || listed_file_is(f, LOG_SUFFIX))
        return true;
    fault(c, "%s/%s: its name is no base offset", folder, f->name);
    return false;
}

static void check_files(struct check *c, const char *folder,
                        const struct folder_listing *files)
{
    folder_listing_each(files, f)
    {
        char path[PATH_MAX];
        if (f->is_dir || !check_name(c, folder, f))
            continue;
        if (snprintf(path, sizeof(path), "%s/%s", folder, f->name) >=
                (int)sizeof(path) ||
            !dump_knows(path))
            continue;
        c->dump.faulty = false;
        dump_file(&c->dump, path);
        if (c->dump.faulty)
            fault(c, "%s is damaged, or cannot be read", path);
    }
}

static int check_folder(struct check *c, const char *name, struct err *err)
{
    char path[PATH_MAX];
    struct folder_listing files;
    snprintf(path, sizeof(path), "%s/%s", c->dir->path, name);
    int rc = folder_listing_read(c->dir->disk, path, &files, err);
    if (rc == 0)
        check_files(c, path, &files);
    else if (rc != ERR_NOMEM)
        fault(c, "%s cannot be read: %s", path, err->message);
    folder_listing_free(&files);
    return rc == ERR_NOMEM ? rc : 0;
}

/* ---- folders ------------------------------------------------------------- */

/* A folder whose name Kafka cannot take apart ends its start. */
static bool kafka_knows(const char *name)
{
    struct str topic;
    int32_t partition;
    return strcmp(name, REMOTE_INDEX_CACHE) == 0 ||
           log_folder_parse(name, &topic, &partition) != FOLDER_OTHER;
}

static int check_all(struct check *c, const struct folder_listing *files,
                     struct err *err)
{
    check_files(c, c->dir->path, files);
    folder_listing_each(files, f)
    {
        struct str topic;
        int32_t partition;
        if (!f->is_dir)
            continue;
        if (!kafka_knows(f->name)) {
            fault(c, "%s/%s is no folder of a partition: Kafka does not start with it",
                  c->dir->path, f->name);
            continue;
        }
        if (log_folder_parse(f->name, &topic, &partition) != FOLDER_PARTITION)
            continue;
        int rc = check_folder(c, f->name, err);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* ---- what the metadata says of them -------------------------------------- */

/* Whether the replica of this node, if it has one, is of this directory. */
static bool is_here(const struct check *c, const struct metadata_partition *p)
{
    struct broker_ids replicas = metadata_partition_replicas(p);
    for (int32_t i = 0; i < replicas.count; i++) {
        struct uuid directory = metadata_partition_directory(p, i);
        if (replicas.ids[i] == c->dir->node_id)
            return uuid_is_zero(directory) ||
                   uuid_equal(directory, c->dir->directory_id);
    }
    return false;
}

static void check_partition(struct check *c, const struct metadata_topic *t,
                            int32_t partition)
{
    char name[FOLDER_NAME_SIZE], path[PATH_MAX];
    struct uuid found;
    struct err err;
    log_folder_name(name, metadata_topic_name(t), partition);
    snprintf(path, sizeof(path), "%s/%s", c->dir->path, name);
    int rc = partition_metadata_read(c->dir->disk, path, &found, &err);
    if (rc != 0)
        fault(c, "%s: no topic id can be read, so Kafka would begin it empty: %s", path,
              err.message);
    else if (!uuid_equal(found, t->id))
        fault(c, "%s is of another topic than the metadata says", path);
}

static int check_metadata(struct check *c, struct err *err)
{
    int32_t count;
    const struct metadata_topic *const *topics =
        metadata_image_topics(c->metadata->image, &count);
    if (count < 0)
        return err_nomem(err);
    for (int32_t i = 0; i < count; i++) {
        for (int32_t n = 0; n < topics[i]->partition_count; n++) {
            const struct metadata_partition *p = metadata_topic_partition(topics[i], n);
            if (p != NULL && is_here(c, p))
                check_partition(c, topics[i], n);
        }
    }
    int16_t level = metadata_version_of_image(c->metadata->image);
    if (level < METADATA_VERSION_MIN || level > METADATA_VERSION_LATEST)
        fault(c, "%s: metadata.version is %d, and Kafka 4.3 reads %d to %d",
              c->dir->path, level, METADATA_VERSION_MIN, METADATA_VERSION_LATEST);
    return 0;
}

int directory_check(const struct log_dir *dir, const struct metadata_view *metadata,
                    struct directory_faults *faults, struct err *err)
{
    struct dump_options options = DUMP_OPTIONS_INIT;
    struct folder_listing files;
    struct check c = {.dir = dir, .metadata = metadata, .faults = faults};
    /* What the files say is of no interest here, but whether they say it. */
    FILE *nowhere = fopen("/dev/null", "w");
    if (nowhere == NULL)
        return err_set(err, ERR_IO, "/dev/null cannot be opened");
    options.verify_index_only = true;
    dump_init(&c.dump, dir->disk, nowhere, faults->out, &options);
    int rc = folder_listing_read(dir->disk, dir->path, &files, err);
    if (rc == 0)
        rc = check_all(&c, &files, err);
    if (rc == 0)
        rc = check_metadata(&c, err);
    folder_listing_free(&files);
    dump_free(&c.dump);
    fclose(nowhere);
    return rc;
}
