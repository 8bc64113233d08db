#include "tools/dump/dump_internal.h"

#include <stdarg.h>
#include <stdlib.h>

#include "storage/leader_epoch_cache.h"
#include "storage/log_path.h"
#include "storage/metadata_snapshot.h"
#include "storage/offset_checkpoint.h"
#include "storage/partition_metadata.h"

#define BATCH_LIMIT ((int32_t)256 << 20)
#define EXPAND_LEAST ((size_t)64 << 20)
#define EXPAND_MOST ((size_t)1 << 30)
#define EXPAND_TIMES 64 /* as the broker takes it from producers */
#define READ_BYTES 8192

void dump_init(struct dump *d, struct disk *disk, FILE *out, FILE *complaints,
               const struct dump_options *options)
{
    *d = (struct dump){
        .o = *options,
        .disk = disk,
        .out = out,
        .complaints = complaints,
    };
}

void dump_free(struct dump *d)
{
    buf_free(&d->batch);
    decoded_record_free(&d->decoded);
}

/* What stdout has goes first, so that both are in order on a terminal. */
void dump_complain(struct dump *d, const struct dump_source *s, const struct err *err)
{
    fflush(d->out);
    fprintf(d->complaints, "%s: %s\n", s->path, err->message);
    d->faulty = true;
}

void dump_optional(struct dump *d, bool there, int64_t value)
{
    if (there)
        fprintf(d->out, "OptionalLong[%lld]", (long long)value);
    else
        fputs("OptionalLong.empty", d->out);
}

/* ---- findings ------------------------------------------------------------ */

void findings_add(struct findings *f, const char *format, ...)
{
    char line[256];
    va_list args;
    if (f->count++ >= FINDINGS_KEPT)
        return;
    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    buf_printf(&f->lines, "%s\n", line);
}

void findings_end(struct findings *f, struct dump *d, const struct dump_source *s)
{
    if (f->count > 0) {
        fflush(d->out);
        fprintf(d->complaints, "%s%s\n%.*s", f->title, s->path, (int)f->lines.len,
                (char *)f->lines.data);
    }
    if (f->count > FINDINGS_KEPT)
        fprintf(d->complaints, "  and %d more\n", f->count - FINDINGS_KEPT);
    buf_free(&f->lines);
}

/* ---- reading ------------------------------------------------------------- */

int dump_each_entry(struct dump *d, const struct dump_source *s, int entry_size,
                    int (*each)(void *context, const uint8_t *entry, struct err *err),
                    void *context, struct err *err)
{
    uint8_t chunk[READ_BYTES];
    int64_t whole = s->size - s->size % entry_size;
    int64_t room = READ_BYTES - READ_BYTES % entry_size;
    for (int64_t at = 0; at < whole;) {
        int64_t want = whole - at < room ? whole - at : room;
        int64_t got = d->disk->ops->read(d->disk, s->fd, chunk, (size_t)want, at, err);
        if (got < 0)
            return (int)got;
        if (got < want)
            return err_set(err, ERR_CORRUPT, "the file is shorter than it was");
        for (int64_t i = 0; i < want; i += entry_size) {
            int rc = each(context, chunk + i, err);
            if (rc != 0)
                return rc;
        }
        at += want;
    }
    return 0;
}

int dump_read_batch(struct dump *d, int fd, const struct record_batch *batch,
                    int64_t position, struct err *err)
{
    if (batch->size > BATCH_LIMIT)
        return err_set(err, ERR_MESSAGE_TOO_LARGE,
                       "position %lld: a batch of %d bytes is larger than any broker "
                       "takes, and not read",
                       (long long)position, batch->size);
    d->batch.len = 0;
    if (!buf_reserve_exact(&d->batch, (size_t)batch->size)) {
        d->batch.failed = false; /* the next may be smaller */
        return err_nomem(err);
    }
    int64_t got = d->disk->ops->read(d->disk, fd, d->batch.data, (size_t)batch->size,
                                     position, err);
    if (got < 0)
        return (int)got;
    if (got < batch->size)
        return err_set(err, ERR_CORRUPT, "the file is shorter than it was");
    d->batch.len = (size_t)got;
    return 0;
}

int dump_open_records(struct dump *d, const struct record_batch *batch,
                      struct record_iter *out, struct err *err)
{
    size_t limit = (size_t)batch->size * EXPAND_TIMES;
    if (limit < EXPAND_LEAST)
        limit = EXPAND_LEAST;
    if (limit > EXPAND_MOST)
        limit = EXPAND_MOST;
    return record_iter_open(out, d->batch.data, d->batch.len, limit, err);
}

static int open_source(struct dump *d, const char *path, int *fd, int64_t *size,
                       struct err *err)
{
    int rc = d->disk->ops->open(d->disk, path, DISK_READ, fd, err);
    if (rc != 0)
        return rc;
    *size = d->disk->ops->size(d->disk, *fd, err);
    if (*size >= 0)
        return 0;
    d->disk->ops->close(d->disk, *fd);
    return (int)*size;
}

int dump_open_log(struct dump *d, const struct dump_source *index, int *fd,
                  int64_t *size, struct err *err)
{
    char path[PATH_MAX];
    int len = snprintf(path, sizeof(path), "%.*s%020lld%s%s",
                       (int)(index->name - index->path), index->path,
                       (long long)index->base_offset, LOG_SUFFIX, index->departure);
    if (len >= (int)sizeof(path))
        return err_set(err, ERR_INVALID, "the path is too long");
    return open_source(d, path, fd, size, err);
}

/* ---- which kind it is ---------------------------------------------------- */

static const struct {
    const char *name;   /* the whole of it, or NULL */
    const char *suffix; /* behind a base offset */
    dump_printer print;
} kinds[] = {
    {LEADER_EPOCH_CHECKPOINT, NULL, dump_leader_epochs},
    {RECOVERY_POINT_CHECKPOINT, NULL, dump_offset_checkpoint},
    {HIGH_WATERMARK_CHECKPOINT, NULL, dump_offset_checkpoint},
    {LOG_START_CHECKPOINT, NULL, dump_offset_checkpoint},
    {CLEANER_CHECKPOINT, NULL, dump_offset_checkpoint},
    {PARTITION_METADATA_FILE, NULL, dump_partition_metadata},
    {NULL, LOG_SUFFIX, dump_batches},
    {NULL, OFFSET_INDEX_SUFFIX, dump_offset_index},
    {NULL, TIME_INDEX_SUFFIX, dump_time_index},
    {NULL, TXN_INDEX_SUFFIX, dump_txn_index},
    {NULL, SNAPSHOT_SUFFIX, dump_producers},
};

/* The end of a name that says that the file is on its way out, or in. */
static const char *departure_of(const char *name)
{
    static const char *const endings[] = {DELETED_SUFFIX, CLEANED_SUFFIX, SWAP_SUFFIX};
    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++)
        if (ends_with(name, endings[i]))
            return endings[i];
    return "";
}

static bool is_of_kind(size_t kind, const struct dump_source *s)
{
    if (kinds[kind].name != NULL)
        return strcmp(s->name, kinds[kind].name) == 0;
    size_t len = strlen(kinds[kind].suffix);
    const char *suffix = strrchr(s->name, '.');
    if (s->departure[0] != '\0')
        suffix = s->name + strlen(s->name) - strlen(s->departure) - len;
    return suffix != NULL && suffix >= s->name &&
           strncmp(suffix, kinds[kind].suffix, len) == 0 &&
           strcmp(suffix + len, s->departure) == 0;
}

static dump_printer printer_of(const struct dump_source *s)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (is_of_kind(i, s))
            return kinds[i].print;
    return ends_with(s->name, METADATA_SNAPSHOT_SUFFIX) ? dump_snapshot_of_metadata
                                                        : NULL;
}

static int print(struct dump *d, struct dump_source *s, dump_printer printer,
                 struct err *err)
{
    int rc = open_source(d, s->path, &s->fd, &s->size, err);
    if (rc != 0)
        return rc;
    rc = printer(d, s, err);
    d->disk->ops->close(d->disk, s->fd);
    return rc;
}

static struct dump_source source_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *suffix;
    struct dump_source s = {.path = path, .name = slash == NULL ? path : slash + 1};
    if (!log_path_parse(s.name, &s.base_offset, &suffix))
        s.base_offset = -1;
    s.departure = departure_of(s.name);
    return s;
}

bool dump_knows(const char *path)
{
    struct dump_source s = source_of(path);
    return printer_of(&s) != NULL;
}

void dump_file(struct dump *d, const char *path)
{
    struct err err;
    struct dump_source s = source_of(path);
    dump_printer printer = printer_of(&s);
    fprintf(d->out, "Dumping %s\n", path);
    if (printer == NULL) {
        fflush(d->out);
        fprintf(d->complaints, "Ignoring unknown file %s\n", path);
        d->faulty = true;
    } else if (print(d, &s, printer, &err) != 0) {
        dump_complain(d, &s, &err);
    }
}
