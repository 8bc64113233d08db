#include "storage/log_file.h"

#include <stdlib.h>

struct log_file *log_file_create(struct disk *disk, int fd)
{
    struct log_file *f = malloc(sizeof(*f));
    if (f == NULL)
        return NULL;
    *f = (struct log_file){.disk = disk, .fd = fd, .refs = 1};
    return f;
}

struct log_file *log_file_acquire(struct log_file *f)
{
    f->refs++;
    return f;
}

void log_file_release(struct log_file *f)
{
    if (f == NULL || --f->refs > 0)
        return;
    f->disk->ops->close(f->disk, f->fd);
    free(f);
}
