#include "storage/metadata_snapshot.h"

#include <stdio.h>
#include <stdlib.h>

#include "protocol/messages.h"
#include "storage/log_path.h"

#define BATCH_BYTES ((size_t)1 << 20) /* Kafka's largest has 8 MiB */
#define FILE_LIMIT ((size_t)1 << 30)

/* ---- names --------------------------------------------------------------- */

void metadata_snapshot_name(char out[METADATA_SNAPSHOT_NAME_SIZE],
                            struct metadata_snapshot_id id)
{
    snprintf(out, METADATA_SNAPSHOT_NAME_SIZE, "%020lld-%010d" METADATA_SNAPSHOT_SUFFIX,
             (long long)id.end_offset, id.leader_epoch);
}

bool metadata_snapshot_parse_name(const char *name, struct metadata_snapshot_id *out)
{
    char again[METADATA_SNAPSHOT_NAME_SIZE];
    struct metadata_snapshot_id id;
    if (strlen(name) < 31 || name[20] != '-')
        return false;
    id.end_offset = strtoll(name, NULL, 10);
    id.leader_epoch = (int32_t)strtol(name + 21, NULL, 10);
    metadata_snapshot_name(again, id);
    if (strcmp(again, name) != 0)
        return false;
    *out = id;
    return true;
}

/* ---- writing ------------------------------------------------------------- */

static void begin_batch(struct metadata_snapshot_writer *w)
{
    record_batch_builder_init(&w->batch, w->next_offset);
    w->batch.batch.leader_epoch = w->leader_epoch;
    w->record_count = 0;
}

static int end_batch(struct metadata_snapshot_writer *w, struct err *err)
{
    int rc = record_batch_builder_finish(&w->batch, err);
    if (rc == 0) {
        buf_append(&w->out, w->batch.out.data, w->batch.out.len);
        w->next_offset += w->record_count;
    }
    record_batch_builder_free(&w->batch);
    if (rc == 0 && w->out.failed)
        rc = err_nomem(err);
    if (rc == 0)
        begin_batch(w);
    return rc;
}

static void add_quorum(struct metadata_snapshot_writer *w,
                       const struct metadata_quorum_records *quorum)
{
    if (quorum == NULL || quorum->kraft_version.data == NULL)
        return;
    metadata_control_add_raw(&w->batch, w->now_ms, CONTROL_KRAFT_VERSION,
                             quorum->kraft_version);
    w->record_count++;
    if (quorum->voters.data == NULL)
        return;
    metadata_control_add_raw(&w->batch, w->now_ms, CONTROL_KRAFT_VOTERS,
                             quorum->voters);
    w->record_count++;
}

int metadata_snapshot_begin(struct metadata_snapshot_writer *w, int32_t leader_epoch,
                            int64_t last_contained_timestamp, int64_t now_ms,
                            const struct metadata_quorum_records *quorum,
                            struct err *err)
{
    struct snapshot_header_record header = SNAPSHOT_HEADER_RECORD_INIT;
    *w = (struct metadata_snapshot_writer){.now_ms = now_ms,
                                           .leader_epoch = leader_epoch};
    begin_batch(w);
    header.last_contained_log_timestamp = last_contained_timestamp;
    int rc = metadata_control_add(&w->batch, now_ms, CONTROL_SNAPSHOT_HEADER,
                                  &snapshot_header_record_type, 0, &header, err);
    if (rc != 0)
        return rc;
    w->record_count++;
    add_quorum(w, quorum);
    return end_batch(w, err);
}

int metadata_snapshot_add(struct metadata_snapshot_writer *w,
                          const struct metadata_record *record, struct err *err)
{
    struct buf value = BUF_INIT;
    int rc = metadata_record_encode(record, &value, err);
    if (rc == 0) {
        record_batch_builder_add(&w->batch, w->now_ms, BYTES_NULL,
                                 (struct bytes){value.data, (int32_t)value.len}, NULL,
                                 0);
        w->record_count++;
    }
    buf_free(&value);
    if (rc == 0 && w->batch.out.len >= BATCH_BYTES)
        rc = end_batch(w, err);
    return rc;
}

int metadata_snapshot_finish(struct metadata_snapshot_writer *w, struct err *err)
{
    struct snapshot_footer_record footer = SNAPSHOT_FOOTER_RECORD_INIT;
    int rc = w->record_count == 0 ? 0 : end_batch(w, err);
    if (rc == 0)
        rc = metadata_control_add(&w->batch, w->now_ms, CONTROL_SNAPSHOT_FOOTER,
                                  &snapshot_footer_record_type, 0, &footer, err);
    if (rc != 0)
        return rc;
    w->record_count++;
    return end_batch(w, err);
}

void metadata_snapshot_free(struct metadata_snapshot_writer *w)
{
    record_batch_builder_free(&w->batch);
    buf_free(&w->out);
}

/* ---- reading ------------------------------------------------------------- */

struct frame {
    bool header;
    bool footer;
};

static int note_frame(void *context, int type, struct bytes value, struct err *err)
{
    struct frame *f = context;
    (void)value;
    if (f->footer)
        return err_set(err, ERR_CORRUPT, "it goes on behind its footer");
    if (type == CONTROL_SNAPSHOT_HEADER)
        f->header = true;
    else if (!f->header)
        return err_set(err, ERR_CORRUPT, "it does not begin with a header");
    if (type == CONTROL_SNAPSHOT_FOOTER)
        f->footer = true;
    return 0;
}

static int check_whole(const struct buf *in, struct err *err)
{
    struct frame f = {0};
    struct metadata_visitor look = {.control = note_frame, .context = &f};
    size_t used;
    int rc = metadata_batches_visit(in->data, in->len, &look, &used, err);
    if (rc == 0 && (used != in->len || !f.footer))
        rc = err_set(err, ERR_CORRUPT, "it is cut short");
    return rc;
}

int metadata_snapshot_read(struct disk *disk, const char *path,
                           struct metadata_visitor *v, struct err *err)
{
    struct buf in = BUF_INIT;
    size_t used;
    int rc = disk_read_file(disk, path, FILE_LIMIT, &in, err);
    if (rc == 0) {
        rc = check_whole(&in, err);
        if (rc == 0)
            rc = metadata_batches_visit(in.data, in.len, v, &used, err);
        if (rc != 0)
            rc = err_context(err, "snapshot %s", path);
    }
    buf_free(&in);
    return rc;
}
