#include "storage/disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static int system_open(struct disk *d, const char *path, int flags, int *fd,
                       struct err *err)
{
    (void)d;
    int how = O_CLOEXEC | (flags & DISK_WRITE ? O_RDWR : O_RDONLY);
    if (flags & DISK_CREATE)
        how |= O_CREAT;
    if (flags & DISK_EXCLUSIVE)
        how |= O_EXCL;
    if (flags & DISK_TRUNCATE)
        how |= O_TRUNC;
    int got;
    do {
        got = open(path, how, 0644);
    } while (got < 0 && errno == EINTR);
    if (got < 0)
        return err_errno(err, errno, "cannot open %s", path);
    *fd = got;
    return 0;
}

static void system_close(struct disk *d, int fd)
{
    (void)d;
    close(fd);
}

static int64_t system_read(struct disk *d, int fd, void *out, size_t len, int64_t at,
                           struct err *err)
{
    (void)d;
    size_t done = 0;
    while (done < len) {
        ssize_t n = pread(fd, (char *)out + done, len - done, at + (int64_t)done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_errno(err, errno, "cannot read %zu bytes at %lld", len,
                             (long long)at);
        if (n == 0)
            break;
        done += (size_t)n;
    }
    return (int64_t)done;
}

/* Drops the first `n` bytes from what is still to be written. */
static void advance(struct iovec **parts, int *count, size_t n)
{
    while (*count > 0 && n >= (*parts)->iov_len) {
        n -= (*parts)->iov_len;
        (*parts)++;
        (*count)--;
    }
    if (*count > 0) {
        (*parts)->iov_base = (char *)(*parts)->iov_base + n;
        (*parts)->iov_len -= n;
    }
}

static int write_few(int fd, struct iovec *parts, int count, int64_t *at,
                     struct err *err)
{
    advance(&parts, &count, 0); /* empty parts in front */
    while (count > 0) {
        ssize_t n = pwritev(fd, parts, count, *at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_errno(err, errno, "cannot write at %lld", (long long)*at);
        if (n == 0)
            return err_set(err, ERR_IO, "cannot write at %lld: nothing was taken",
                           (long long)*at);
        *at += n;
        advance(&parts, &count, (size_t)n);
    }
    return 0;
}

static int system_write(struct disk *d, int fd, const struct iovec *parts, int count,
                        int64_t at, struct err *err)
{
    (void)d;
    enum { FEW = 16 };
    struct iovec few[FEW];
    while (count > 0) {
        int n = count < FEW ? count : FEW;
        memcpy(few, parts, (size_t)n * sizeof(*few));
        int rc = write_few(fd, few, n, &at, err);
        if (rc != 0)
            return rc;
        parts += n;
        count -= n;
    }
    return 0;
}

static int system_sync(struct disk *d, int fd, struct err *err)
{
    (void)d;
    /* Not tried again, whatever errno says: after a failed sync the kernel
     * may have dropped the pages, and a second call would lie. */
    if (fdatasync(fd) != 0)
        return err_errno(err, errno, "cannot sync");
    return 0;
}

static int system_truncate(struct disk *d, int fd, int64_t size, struct err *err)
{
    (void)d;
    int rc;
    do {
        rc = ftruncate(fd, size);
    } while (rc != 0 && errno == EINTR);
    if (rc != 0)
        return err_errno(err, errno, "cannot truncate to %lld bytes", (long long)size);
    return 0;
}

static int64_t system_size(struct disk *d, int fd, struct err *err)
{
    (void)d;
    struct stat st;
    if (fstat(fd, &st) != 0)
        return err_errno(err, errno, "cannot stat");
    return st.st_size;
}

static int system_modified_ms(struct disk *d, const char *path, int64_t *ms,
                              struct err *err)
{
    (void)d;
    struct stat st;
    if (stat(path, &st) != 0)
        return err_errno(err, errno, "cannot stat %s", path);
    *ms = (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
    return 0;
}

static bool byte_cached(int fd, int64_t at)
{
    char byte;
    struct iovec one = {.iov_base = &byte, .iov_len = 1};
    return preadv2(fd, &one, 1, at, RWF_NOWAIT) >= 0;
}

static bool system_cached(struct disk *d, int fd, int64_t at, size_t len)
{
    (void)d;
    if (len == 0)
        return true;
    /* Pages leave the cache in file order as a rule, so the ends speak for
     * what lies between. A wrong guess costs one wait, not correctness. */
    return byte_cached(fd, at) && byte_cached(fd, at + (int64_t)len - 1);
}

static int system_rename(struct disk *d, const char *from, const char *to,
                         struct err *err)
{
    (void)d;
    if (rename(from, to) != 0)
        return err_errno(err, errno, "cannot rename %s to %s", from, to);
    return 0;
}

static int system_remove(struct disk *d, const char *path, struct err *err)
{
    (void)d;
    if (remove(path) != 0)
        return err_errno(err, errno, "cannot remove %s", path);
    return 0;
}

static int system_mkdir(struct disk *d, const char *path, struct err *err)
{
    (void)d;
    struct stat st;
    if (mkdir(path, 0755) == 0)
        return 0;
    int errnum = errno;
    if (errnum == EEXIST && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return 0;
    return err_errno(err, errnum, "cannot make the folder %s", path);
}

static int system_sync_dir(struct disk *d, const char *path, struct err *err)
{
    (void)d;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, errno, "cannot open the folder %s", path);
    int rc = 0;
    /* Some file systems cannot sync a folder and say so with EINVAL. */
    if (fsync(fd) != 0 && errno != EINVAL)
        rc = err_errno(err, errno, "cannot sync the folder %s", path);
    close(fd);
    return rc;
}

static bool entry_is_dir(DIR *dir, const struct dirent *e)
{
    struct stat st;
    if (e->d_type != DT_UNKNOWN && e->d_type != DT_LNK)
        return e->d_type == DT_DIR;
    return fstatat(dirfd(dir), e->d_name, &st, 0) == 0 && S_ISDIR(st.st_mode);
}

static int system_list(struct disk *d, const char *path,
                       int (*each)(void *context, const struct disk_entry *entry),
                       void *context, struct err *err)
{
    (void)d;
    DIR *dir = opendir(path);
    if (dir == NULL)
        return err_errno(err, errno, "cannot list %s", path);
    int rc = 0;
    while (rc == 0) {
        errno = 0;
        struct dirent *e = readdir(dir);
        if (e == NULL) {
            if (errno != 0)
                rc = err_errno(err, errno, "cannot list %s", path);
            break;
        }
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        struct disk_entry entry = {.name = e->d_name, .is_dir = entry_is_dir(dir, e)};
        rc = each(context, &entry);
    }
    closedir(dir);
    return rc;
}

static int system_lock(struct disk *d, const char *path, int *fd, struct err *err)
{
    int got = -1;
    int rc = system_open(d, path, DISK_WRITE | DISK_CREATE, &got, err);
    if (rc != 0)
        return rc;
    /* Of the open file, not of the process: two brokers in one process keep
     * each other out, and so does a Kafka, whose lock is the process kind. */
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(got, F_OFD_SETLK, &lock) != 0) {
        if (errno == EAGAIN || errno == EACCES)
            rc = err_set(err, ERR_BUSY, "%s is locked by another process", path);
        else
            rc = err_errno(err, errno, "cannot lock %s", path);
        close(got);
        return rc;
    }
    *fd = got;
    return 0;
}

static int system_space(struct disk *d, const char *path, int64_t *free_bytes,
                        int64_t *total_bytes, struct err *err)
{
    (void)d;
    struct statvfs st;
    if (statvfs(path, &st) != 0)
        return err_errno(err, errno, "cannot ask for the space of %s", path);
    *free_bytes = (int64_t)st.f_bavail * (int64_t)st.f_frsize;
    *total_bytes = (int64_t)st.f_blocks * (int64_t)st.f_frsize;
    return 0;
}

const struct disk_ops disk_system_ops = {
    .open = system_open,
    .close = system_close,
    .read = system_read,
    .write = system_write,
    .sync = system_sync,
    .truncate = system_truncate,
    .size = system_size,
    .modified_ms = system_modified_ms,
    .cached = system_cached,
    .rename = system_rename,
    .remove = system_remove,
    .mkdir = system_mkdir,
    .sync_dir = system_sync_dir,
    .list = system_list,
    .lock = system_lock,
    .space = system_space,
};

int disk_read_file(struct disk *d, const char *path, size_t limit, struct buf *out,
                   struct err *err)
{
    int fd;
    int rc = d->ops->open(d, path, DISK_READ, &fd, err);
    if (rc != 0)
        return rc;
    int64_t size = d->ops->size(d, fd, err);
    if (size < 0) {
        rc = err_context(err, "%s", path);
    } else if ((uint64_t)size > limit) {
        rc = err_set(err, ERR_CORRUPT, "%s has %lld bytes, more than the %zu allowed",
                     path, (long long)size, limit);
    } else if (size > 0) {
        size_t before = out->len;
        uint8_t *to = buf_extend(out, (size_t)size);
        if (to == NULL) {
            rc = err_nomem(err);
        } else {
            int64_t got = d->ops->read(d, fd, to, (size_t)size, 0, err);
            if (got < 0)
                rc = err_context(err, "%s", path);
            out->len = before + (got < 0 ? 0 : (size_t)got);
        }
    }
    d->ops->close(d, fd);
    return rc;
}

/* The folder that `path` lies in, into `out` of PATH_MAX bytes. */
static void parent_of(const char *path, char *out)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        snprintf(out, PATH_MAX, ".");
    else if (slash == path)
        snprintf(out, PATH_MAX, "/");
    else
        snprintf(out, PATH_MAX, "%.*s", (int)(slash - path), path);
}

static int write_and_sync(struct disk *d, const char *path, const void *data,
                          size_t len, struct err *err)
{
    int fd;
    int rc = d->ops->open(d, path, DISK_WRITE | DISK_CREATE | DISK_TRUNCATE, &fd, err);
    if (rc != 0)
        return rc;
    struct iovec part = {.iov_base = (void *)data, .iov_len = len};
    rc = d->ops->write(d, fd, &part, 1, 0, err);
    if (rc == 0)
        rc = d->ops->sync(d, fd, err);
    d->ops->close(d, fd);
    if (rc != 0)
        err_context(err, "%s", path);
    return rc;
}

int disk_write_file_atomically(struct disk *d, const char *path, const void *data,
                               size_t len, struct err *err)
{
    char temporary[PATH_MAX];
    char parent[PATH_MAX];
    if (snprintf(temporary, sizeof(temporary), "%s.tmp", path) >= PATH_MAX)
        return err_set(err, ERR_INVALID, "the path is too long: %s", path);
    parent_of(path, parent);

    int rc = write_and_sync(d, temporary, data, len, err);
    if (rc == 0)
        rc = d->ops->rename(d, temporary, path, err);
    if (rc != 0) {
        /* What failed is already told; the next write replaces what stays. */
        d->ops->remove(d, temporary, NULL);
        return rc;
    }
    return d->ops->sync_dir(d, parent, err);
}

int disk_need_space(struct disk *d, const char *path, int64_t bytes, struct err *err)
{
    int64_t free_bytes, total_bytes;
    int rc = d->ops->space(d, path, &free_bytes, &total_bytes, err);
    if (rc != 0 || free_bytes >= bytes)
        return rc;
    return err_set(err, ERR_NO_SPACE, "%lld bytes are free, %lld are needed",
                   (long long)free_bytes, (long long)bytes);
}

int disk_sync_file(struct disk *d, const char *path, struct err *err)
{
    int fd;
    int rc = d->ops->open(d, path, DISK_WRITE, &fd, err);
    if (rc != 0)
        return rc == ERR_NOT_FOUND ? 0 : rc;
    rc = d->ops->sync(d, fd, err);
    d->ops->close(d, fd);
    return rc == 0 ? 0 : err_context(err, "%s", path);
}

struct name_list {
    struct buf names; /* a byte 'd' or 'f', the name, a zero; and so on */
};

static int collect_name(void *context, const struct disk_entry *entry)
{
    struct name_list *list = context;
    buf_append(&list->names, entry->is_dir ? "d" : "f", 1);
    buf_append(&list->names, entry->name, strlen(entry->name) + 1);
    return 0;
}

/* Names are collected first: removing while listing may skip entries. */
int disk_remove_tree(struct disk *d, const char *path, struct err *err)
{
    struct name_list list = {.names = BUF_INIT};
    int rc = d->ops->list(d, path, collect_name, &list, err);
    if (rc == 0 && list.names.failed)
        rc = err_nomem(err);
    char *inner = rc == 0 ? malloc(PATH_MAX) : NULL; /* not on a deep stack */
    if (rc == 0 && inner == NULL)
        rc = err_nomem(err);
    for (size_t at = 0; rc == 0 && at < list.names.len;) {
        bool is_dir = list.names.data[at] == 'd';
        const char *name = (const char *)list.names.data + at + 1;
        at += 1 + strlen(name) + 1;
        if (snprintf(inner, PATH_MAX, "%s/%s", path, name) >= PATH_MAX)
            rc = err_set(err, ERR_INVALID, "the path is too long: %s/%s", path, name);
        else if (is_dir)
            rc = disk_remove_tree(d, inner, err);
        else
            rc = d->ops->remove(d, inner, err);
    }
    free(inner);
    buf_free(&list.names);
    return rc != 0 ? rc : d->ops->remove(d, path, err);
}
