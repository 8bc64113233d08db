#include "tools/inspect/inspect_internal.h"

#include <stdlib.h>

#include "storage/log_folder.h"
#include "storage/log_path.h"
#include "storage/offset_checkpoint.h"

/* ---- the checkpoints ----------------------------------------------------- */

struct checkpoint_reading {
    struct topic_view *topic;
    size_t field; /* offset of the number in struct checkpointed_offsets */
};

static int take_offset(void *context, struct str topic, int32_t partition,
                       int64_t offset)
{
    struct checkpoint_reading *r = context;
    if (partition < r->topic->partition_count && str_equal(topic, r->topic->name)) {
        char *to = (char *)&r->topic->checkpointed[partition];
        memcpy(to + r->field, &offset, sizeof(offset));
    }
    return 0;
}

static void read_checkpoints(struct inspection *in, struct topic_view *t)
{
    static const struct {
        const char *file;
        size_t field;
    } checkpoints[] = {
        {RECOVERY_POINT_CHECKPOINT,
         offsetof(struct checkpointed_offsets, recovery_point)},
        {HIGH_WATERMARK_CHECKPOINT,
         offsetof(struct checkpointed_offsets, high_watermark)},
        {LOG_START_CHECKPOINT, offsetof(struct checkpointed_offsets, log_start_offset)},
    };
    struct err err;
    for (size_t i = 0; i < sizeof(checkpoints) / sizeof(checkpoints[0]); i++) {
        char path[PATH_MAX];
        struct checkpoint_reading r = {t, checkpoints[i].field};
        snprintf(path, sizeof(path), "%s/%s", in->dir.path, checkpoints[i].file);
        if (offset_checkpoint_read(in->disk, path, take_offset, &r, &err) != 0)
            inspect_complain(in, checkpoints[i].file, &err);
    }
}

/* ---- the topic ----------------------------------------------------------- */

/* One more than the highest partition that has a folder here. */
static int32_t count_folders(const struct inspection *in, struct str name)
{
    int32_t count = 0;
    folder_listing_each(&in->folders, f)
    {
        struct str topic;
        int32_t partition;
        if (f->is_dir &&
            log_folder_parse(f->name, &topic, &partition) == FOLDER_PARTITION &&
            str_equal(topic, name) && partition >= count && partition < INT32_MAX)
            count = partition + 1;
    }
    return count;
}

int topic_view_read(struct inspection *in, struct str name, struct topic_view *out,
                    struct err *err)
{
    *out = (struct topic_view){.name = name};
    out->known = metadata_image_topic(in->metadata.image, name);
    out->partition_count = count_folders(in, name);
    if (out->known == NULL && out->partition_count == 0)
        return err_set(err, ERR_NOT_FOUND, "there is no topic %.*s in %s",
                       STR_ARGS(name), in->dir.path);
    if (out->known != NULL && out->known->partition_count > out->partition_count)
        out->partition_count = out->known->partition_count;
    size_t count = (size_t)out->partition_count;
    out->checkpointed = malloc((count + 1) * sizeof(*out->checkpointed));
    if (out->checkpointed == NULL)
        return err_nomem(err);
    for (size_t i = 0; i < count; i++)
        out->checkpointed[i] = (struct checkpointed_offsets){-1, -1, -1};
    read_checkpoints(in, out);
    return 0;
}

void topic_view_free(struct topic_view *t)
{
    free(t->checkpointed);
    *t = (struct topic_view){0};
}

/* ---- a partition --------------------------------------------------------- */

static void count_segments(struct partition_view *p)
{
    folder_listing_each(&p->files, f)
    {
        if (!listed_file_is(f, LOG_SUFFIX))
            continue;
        if (p->segment_count++ == 0)
            p->log_start_offset = f->base_offset;
        p->newest.base_offset = f->base_offset;
        p->size += f->size > 0 ? f->size : 0;
    }
    if (p->checkpointed.log_start_offset > p->log_start_offset)
        p->log_start_offset = p->checkpointed.log_start_offset;
}

static int look_into(struct inspection *in, struct partition_view *p, struct err *err)
{
    count_segments(p);
    if (p->segment_count == 0)
        return 0;
    int rc =
        segment_view_read(in->disk, p->folder, p->newest.base_offset, &p->newest, err);
    p->log_end_offset =
        p->newest.last_offset < 0 ? p->newest.base_offset : p->newest.last_offset + 1;
    return rc;
}

int partition_view_read(struct inspection *in, const struct topic_view *t,
                        int32_t partition, struct partition_view *out, struct err *err)
{
    char name[FOLDER_NAME_SIZE];
    *out = (struct partition_view){.partition = partition,
                                   .checkpointed = t->checkpointed[partition]};
    if (t->known != NULL)
        out->known = metadata_topic_partition(t->known, partition);
    log_folder_name(name, t->name, partition);
    if (snprintf(out->folder, sizeof(out->folder), "%s/%s", in->dir.path, name) >
        LOG_DIR_MAX)
        return err_set(err, ERR_INVALID, "the path %s/%s is too long", in->dir.path,
                       name);
    int rc = folder_listing_read(in->disk, out->folder, &out->files, err);
    out->here = rc == 0;
    if (rc == ERR_NOT_FOUND)
        return 0;
    if (rc == 0)
        rc = look_into(in, out, err);
    if (rc == ERR_NOMEM)
        return rc;
    if (rc != 0)
        inspect_complain(in, name, err);
    return 0;
}

void partition_view_free(struct partition_view *p)
{
    folder_listing_free(&p->files);
}
