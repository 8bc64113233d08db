#include "tools/dump/dump_internal.h"

#include "protocol/messages.h"

/* The control records that hold a message whose first field is its version. */
static const struct {
    int type;
    const char *label;
    const struct message_type *message;
} control_messages[] = {
    {CONTROL_LEADER_CHANGE, "LeaderChange:", &leader_change_message_type},
    {CONTROL_SNAPSHOT_HEADER, "SnapshotHeader", &snapshot_header_record_type},
    {CONTROL_SNAPSHOT_FOOTER, "SnapshotFooter", &snapshot_footer_record_type},
    {CONTROL_KRAFT_VERSION, "KRaftVersion", &kraft_version_record_type},
    {CONTROL_KRAFT_VOTERS, "KRaftVoters", &voters_record_type},
};

/* Later versions only add to a message, and are read as far as they are known. */
static int take_message(const struct message_type *type, struct bytes value,
                        struct buf *out, struct err *err)
{
    struct arena arena = ARENA_INIT;
    struct wire_reader r = wire_reader_of(value.data, (size_t)value.len, &arena);
    void *message = arena_alloc(&arena, type->size);
    int16_t version = value.len < 2 ? -1 : (int16_t)load_be16(value.data);
    if (version > type->max_version)
        version = type->max_version;
    int rc = message == NULL ? err_nomem(err) : 0;
    if (rc == 0) {
        type->decode(&r, version, message);
        if (r.failed)
            rc =
                err_set(err, ERR_CORRUPT, "a %s cannot be read: %s", type->name, r.why);
        else
            type->to_json(out, version, message);
    }
    arena_reset(&arena);
    return rc;
}

static int print_message(struct dump *d, int type, struct bytes value, struct err *err)
{
    for (size_t i = 0; i < sizeof(control_messages) / sizeof(control_messages[0]);
         i++) {
        if (control_messages[i].type != type)
            continue;
        struct buf text = BUF_INIT;
        int rc = take_message(control_messages[i].message, value, &text, err);
        if (rc == 0)
            fprintf(d->out, " %s %.*s", control_messages[i].label, (int)text.len,
                    (char *)text.data);
        buf_free(&text);
        return rc;
    }
    fprintf(d->out, " controlType: UNKNOWN(%d)", type);
    return 0;
}

static int print_control(struct dump *d, const struct record *record, struct err *err)
{
    int type = record_control_type(record);
    if (type < 0)
        return err_set(err, ERR_CORRUPT, "its key tells no type of control record");
    if (type != CONTROL_ABORT && type != CONTROL_COMMIT)
        return print_message(d, type, record->value, err);
    if (record->value.len < 6 || load_be16(record->value.data) > INT16_MAX)
        return err_set(err, ERR_CORRUPT, "a transaction's marker cannot be read");
    fprintf(d->out, " endTxnMarker: %s coordinatorEpoch: %d",
            type == CONTROL_COMMIT ? "COMMIT" : "ABORT",
            (int32_t)load_be32(record->value.data + 2));
    return 0;
}

static int print_header_keys(struct dump *d, const struct record *record,
                             struct err *err)
{
    struct bytes left = record->raw_headers;
    struct record_header header;
    const char *before = "";
    int rc;
    struct buf text = BUF_INIT;
    while ((rc = record_header_next(&left, &header, err)) == 1) {
        buf_printf(&text, "%s%.*s", before, STR_ARGS(header.key));
        before = ",";
    }
    fprintf(d->out, " headerKeys: [%.*s]", (int)text.len, (char *)text.data);
    buf_free(&text);
    return rc;
}

static int print_metadata(struct dump *d, const struct record_batch *batch,
                          const struct record *record, struct err *err)
{
    fprintf(d->out, "| offset: %lld %s: %lld keySize: %d valueSize: %d sequence: %d",
            (long long)record->offset, timestamp_type_name(batch->timestamp_type),
            (long long)record->timestamp,
            record->key.data == NULL ? -1 : record->key.len,
            record->value.data == NULL ? -1 : record->value.len,
            record_sequence(batch, record));
    int rc = print_header_keys(d, record, err);
    return rc == 0 && batch->control ? print_control(d, record, err) : rc;
}

static void print_text(struct dump *d, const char *before, const char *label,
                       const struct buf *text)
{
    fprintf(d->out, "%s%s: ", before, label);
    if (text->len > 0)
        fwrite(text->data, 1, text->len, d->out);
}

static void print_contents(struct dump *d, const struct record *record)
{
    struct decoded_record *text = &d->decoded;
    const char *before = d->o.skip_record_metadata ? "| " : " ";
    record_decode(d->o.decoder, record, text);
    if (text->has_key) {
        print_text(d, before, "key", &text->key);
        before = " ";
    }
    if (text->has_value)
        print_text(d, before, "payload", &text->value);
    d->faulty = d->faulty || text->faulty;
}

int dump_record(struct dump *d, const struct record_batch *batch,
                const struct record *record, struct err *err)
{
    int rc = 0;
    if (!d->o.skip_record_metadata)
        rc = print_metadata(d, batch, record, err);
    if (d->o.print_data_log && !batch->control)
        print_contents(d, record);
    fputc('\n', d->out);
    if (d->decoded.key.failed || d->decoded.value.failed)
        rc = err_nomem(err);
    return rc == 0 ? 0 : err_context(err, "offset %lld", (long long)record->offset);
}
