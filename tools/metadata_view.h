/* tools/metadata_view.h
 *
 * What __cluster_metadata-0 of a data directory says: the newest snapshot and the log
 * behind it, read and left as they are, while a broker may be writing. May block; one
 * owner. */
#ifndef GREGOR_TOOLS_METADATA_VIEW_H
#define GREGOR_TOOLS_METADATA_VIEW_H

#include "replication/metadata_image.h"
#include "storage/disk.h"

struct metadata_view {
    struct metadata_image *image; /* owned */
    int64_t end_offset;           /* what the image covers */
    int16_t kraft_version;        /* 1: the voters stand in the log */
};

#define METADATA_VIEW_INIT ((struct metadata_view){0})

/* `data` is the data directory. A batch that is cut short at the end is not there yet.
 * ERR_NOT_FOUND: there is no metadata log; ERR_CORRUPT, ERR_UNSUPPORTED_VERSION, …. On
 * failure there is nothing to free. */
int metadata_view_read(struct disk *disk, const char *data, struct metadata_view *out,
                       struct err *err);
void metadata_view_free(struct metadata_view *v);

#endif
