#include "storage/offset_checkpoint.h"

#include "storage/replace_file.h"

struct reading {
    int (*each)(void *context, struct str topic, int32_t partition, int64_t offset);
    void *context;
};

static int read_line(void *context, struct str line, struct err *err)
{
    struct reading *r = context;
    struct str whole = line;
    struct str topic, rest;
    int64_t partition, offset;
    if (!checkpoint_take_word(&line, &topic) ||
        !checkpoint_take_int64(&line, &partition) ||
        !checkpoint_take_int64(&line, &offset) || checkpoint_take_word(&line, &rest) ||
        partition < 0 || partition > INT32_MAX || offset < 0)
        return err_set(err, ERR_CORRUPT, "\"%.*s\" is no topic, partition and offset",
                       whole.len > 100 ? 100 : whole.len, whole.data);
    return r->each(r->context, topic, (int32_t)partition, offset);
}

int offset_checkpoint_read(struct disk *disk, const char *path,
                           int (*each)(void *context, struct str topic,
                                       int32_t partition, int64_t offset),
                           void *context, struct err *err)
{
    struct reading r = {each, context};
    int64_t size = 0;
    int fd;
    int rc = disk->ops->open(disk, path, DISK_READ, &fd, err);
    if (rc == 0) {
        size = disk->ops->size(disk, fd, err);
        disk->ops->close(disk, fd);
    }
    if (rc == ERR_NOT_FOUND || (rc == 0 && size == 0))
        return 0;
    return rc != 0 ? rc : checkpoint_file_read(disk, path, read_line, &r, err);
}

void offset_checkpoint_add(struct offset_checkpoint *c, struct str topic,
                           int32_t partition, int64_t offset)
{
    buf_printf(&c->lines, "%.*s %d %lld\n", STR_ARGS(topic), partition,
               (long long)offset);
    c->count++;
}

int offset_checkpoint_write(const struct offset_checkpoint *c, struct disk *disk,
                            const char *path, struct err *err)
{
    struct buf out = BUF_INIT;
    checkpoint_file_begin(&out, c->count);
    buf_append(&out, c->lines.data, c->lines.len);
    int rc = c->lines.failed || out.failed
                 ? err_nomem(err)
                 : replace_file_synced(disk, path, out.data, out.len, err);
    buf_free(&out);
    return rc;
}

void offset_checkpoint_free(struct offset_checkpoint *c)
{
    buf_free(&c->lines);
    c->count = 0;
}
