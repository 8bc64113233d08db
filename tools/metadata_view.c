#include "tools/metadata_view.h"

#include "protocol/messages.h"
#include "storage/batch_walk.h"
#include "storage/log_path.h"
#include "storage/metadata_log.h"
#include "tools/folder_listing.h"

struct reading {
    struct metadata_view *view;
    struct disk *disk;
    const char *folder;
    struct metadata_visitor visitor;
};

static int apply(void *context, const struct metadata_record *record, int64_t offset,
                 struct err *err)
{
    struct reading *r = context;
    (void)offset;
    return metadata_image_apply(r->view->image, record, NULL, err);
}

static int note_version(void *context, int type, struct bytes value, struct err *err)
{
    struct reading *r = context;
    struct arena arena = ARENA_INIT;
    struct kraft_version_record record;
    if (type != CONTROL_KRAFT_VERSION)
        return 0;
    int rc = message_decode(&kraft_version_record_type, 0, value, &arena, &record, err);
    if (rc == 0)
        r->view->kraft_version = record.kraft_version;
    arena_reset(&arena);
    return rc;
}

static int read_snapshot(struct reading *r, const struct folder_listing *files,
                         struct err *err)
{
    char path[PATH_MAX];
    const char *newest = NULL;
    struct metadata_snapshot_id id;
    folder_listing_each(files, f)
    {
        /* By name, so by offset and epoch: the last one counts. */
        if (metadata_snapshot_parse_name(f->name, &id)) {
            newest = f->name;
            r->view->end_offset = id.end_offset;
        }
    }
    if (newest == NULL)
        return 0;
    snprintf(path, sizeof(path), "%s/%s", r->folder, newest);
    return metadata_snapshot_read(r->disk, path, &r->visitor, err);
}

static int read_batches(struct reading *r, struct batch_walk *walk, struct err *err)
{
    struct record_batch batch;
    const uint8_t *data;
    int rc;
    while ((rc = batch_walk_next_whole(walk, &batch, &data, err)) == 1) {
        size_t used;
        if (batch.last_offset < r->view->end_offset)
            continue; /* the snapshot has it */
        if (batch.base_offset > r->view->end_offset)
            return err_set(err, ERR_CORRUPT, "nothing says what is at offset %lld",
                           (long long)r->view->end_offset);
        rc = metadata_batches_visit(data, (size_t)batch.size, &r->visitor, &used, err);
        if (rc != 0)
            return rc;
        r->view->end_offset = batch.last_offset + 1;
    }
    return batch_walk_is_corrupt(rc)
               ? err_set(err, ERR_CORRUPT, "no batch at position %lld",
                         (long long)walk->position)
               : rc;
}

static int read_segment(struct reading *r, const struct listed_file *f, struct err *err)
{
    char path[PATH_MAX];
    struct batch_walk walk;
    int fd;
    snprintf(path, sizeof(path), "%s/%s", r->folder, f->name);
    int rc = r->disk->ops->open(r->disk, path, DISK_READ, &fd, err);
    if (rc != 0)
        return rc;
    rc = batch_walk_open(&walk, r->disk, fd, 0, f->size, err);
    if (rc == 0) {
        rc = read_batches(r, &walk, err);
        batch_walk_close(&walk);
    }
    r->disk->ops->close(r->disk, fd);
    return rc == 0 ? 0 : err_context(err, "%s", path);
}

static int read_all(struct reading *r, const struct folder_listing *files,
                    struct err *err)
{
    r->view->image = metadata_image_create(err);
    if (r->view->image == NULL)
        return ERR_NOMEM;
    int rc = read_snapshot(r, files, err);
    folder_listing_each(files, f)
    {
        if (rc == 0 && listed_file_is(f, LOG_SUFFIX) && f->size > 0)
            rc = read_segment(r, f, err);
    }
    return rc;
}

int metadata_view_read(struct disk *disk, const char *data, struct metadata_view *out,
                       struct err *err)
{
    char folder[PATH_MAX];
    struct folder_listing files;
    struct metadata_view view = METADATA_VIEW_INIT;
    struct reading r = {
        .view = &view,
        .disk = disk,
        .folder = folder,
        .visitor = {.record = apply, .control = note_version, .context = &r},
    };
    if (snprintf(folder, sizeof(folder), "%s/" METADATA_LOG_FOLDER, data) > LOG_DIR_MAX)
        return err_set(err, ERR_INVALID, "the path %s is too long", data);
    int rc = folder_listing_read(disk, folder, &files, err);
    if (rc == 0)
        rc = read_all(&r, &files, err);
    folder_listing_free(&files);
    if (rc != 0) {
        metadata_view_free(&view);
        return rc;
    }
    *out = view;
    return 0;
}

void metadata_view_free(struct metadata_view *v)
{
    metadata_image_destroy(v->image);
    *v = METADATA_VIEW_INIT;
}
