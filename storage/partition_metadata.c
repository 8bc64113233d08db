#include "storage/partition_metadata.h"

#include <stdio.h>

#include "storage/replace_file.h"

#define FILE_LIMIT 4096
#define VERSION_LINE "version: 0\n"
#define ID_LABEL "topic_id: "

static int metadata_path(struct buf *out, const char *dir, struct err *err)
{
    buf_printf(out, "%s/" PARTITION_METADATA_FILE, dir);
    return out->failed ? err_nomem(err) : 0;
}

static bool take_prefix(struct str *text, const char *prefix)
{
    struct str p = str_of(prefix);
    if (text->len < p.len || memcmp(text->data, p.data, (size_t)p.len) != 0)
        return false;
    *text = (struct str){text->data + p.len, text->len - p.len};
    return true;
}

static int parse(struct str text, struct uuid *topic_id, struct err *err)
{
    if (!take_prefix(&text, VERSION_LINE))
        return err_set(err, ERR_CORRUPT, "it does not begin with version 0");
    if (!take_prefix(&text, ID_LABEL))
        return err_set(err, ERR_CORRUPT, "it names no topic id");
    while (text.len > 0 &&
           (text.data[text.len - 1] == '\n' || text.data[text.len - 1] == '\r'))
        text.len--;
    struct uuid id;
    if (uuid_parse(text, &id, NULL) != 0 || uuid_is_zero(id))
        return err_set(err, ERR_CORRUPT, "its topic id is none");
    *topic_id = id;
    return 0;
}

int partition_metadata_read(struct disk *disk, const char *dir, struct uuid *topic_id,
                            struct err *err)
{
    struct buf path = BUF_INIT;
    struct buf in = BUF_INIT;
    int rc = metadata_path(&path, dir, err);
    if (rc == 0)
        rc = disk_read_file(disk, (const char *)path.data, FILE_LIMIT, &in, err);
    if (rc == 0) {
        struct str text = {(const char *)in.data, (int32_t)in.len};
        rc = parse(text, topic_id, err);
        if (rc != 0)
            rc = err_context(err, "%s", (const char *)path.data);
    }
    buf_free(&in);
    buf_free(&path);
    return rc;
}

int partition_metadata_write(struct disk *disk, const char *dir, struct uuid topic_id,
                             struct err *err)
{
    struct buf path = BUF_INIT;
    char id[UUID_TEXT_SIZE];
    char text[128];
    /* Kafka ends the file without a line break. */
    int len = snprintf(text, sizeof(text), VERSION_LINE ID_LABEL "%s",
                       uuid_text(topic_id, id));
    int rc = metadata_path(&path, dir, err);
    if (rc == 0)
        rc = replace_file(disk, (const char *)path.data, text, (size_t)len, err);
    buf_free(&path);
    return rc;
}

int partition_metadata_sync(struct disk *disk, const char *dir, struct err *err)
{
    struct buf path = BUF_INIT;
    int fd;
    int rc = metadata_path(&path, dir, err);
    if (rc == 0)
        rc = disk->ops->open(disk, (const char *)path.data, DISK_WRITE, &fd, err);
    if (rc == 0) {
        rc = disk->ops->sync(disk, fd, err);
        disk->ops->close(disk, fd);
    }
    buf_free(&path);
    return rc == 0 ? 0 : err_context(err, "%s/" PARTITION_METADATA_FILE, dir);
}
