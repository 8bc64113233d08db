#include "storage/replace_file.h"

static int write_new(struct disk *disk, const char *path, const void *data, size_t len,
                     bool sync, struct err *err)
{
    int fd;
    int rc =
        disk->ops->open(disk, path, DISK_WRITE | DISK_CREATE | DISK_TRUNCATE, &fd, err);
    if (rc != 0)
        return rc;
    struct iovec part = {(void *)data, len};
    rc = disk->ops->write(disk, fd, &part, 1, 0, err);
    if (rc == 0 && sync)
        rc = disk->ops->sync(disk, fd, err);
    disk->ops->close(disk, fd);
    return rc;
}

static int replace(struct disk *disk, const char *path, const void *data, size_t len,
                   bool sync, struct err *err)
{
    struct buf beside = BUF_INIT;
    buf_printf(&beside, "%s.tmp", path);
    int rc = beside.failed ? err_nomem(err) : 0;
    const char *tmp = (const char *)beside.data;
    if (rc == 0) {
        rc = write_new(disk, tmp, data, len, sync, err);
        if (rc == 0)
            rc = disk->ops->rename(disk, tmp, path, err);
        if (rc != 0) /* what failed is told; the space may be missed elsewhere */
            disk->ops->remove(disk, tmp, NULL);
    }
    buf_free(&beside);
    return rc;
}

int replace_file(struct disk *disk, const char *path, const void *data, size_t len,
                 struct err *err)
{
    return replace(disk, path, data, len, false, err);
}

int replace_file_synced(struct disk *disk, const char *path, const void *data,
                        size_t len, struct err *err)
{
    return replace(disk, path, data, len, true, err);
}
