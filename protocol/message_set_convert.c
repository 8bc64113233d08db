/* From a producer's set of messages to the batch that goes into the log
 *
 *   as they lie ── size, CRC, codec, one magic
 *      │
 *      ├─ uncompressed: any number of messages ──┐
 *      │                                         ├─ each: key, timestamp ─► batch
 *      └─ compressed: one, expanded ── CRC, magic┘
 *
 * Offsets are the broker's to give, so those of the producer only have to make
 * sense. Of uncompressed messages the first at fault ends it, of compressed ones all
 * are looked at; which error is answered when several are at fault depends on that.
 *
 * Where Kafka 3.9 answers with an unknown server error (a codec that is none, lengths
 * that lead astray, a negative timestamp, what a decompressor throws), the error here
 * is the one that record_validate() has for it. */
#include "protocol/message_set_internal.h"

#include "protocol/record_fault.h"

struct intake {
    const struct record_rules *rules;
    struct record_verdict *out;
    struct record_batch_builder builder;
    struct faults faults;
    int32_t index; /* of the next message */
};

/* What the messages have in common, as they lie in the set. */
struct shallow {
    int32_t count;
    uint8_t magic;
    enum compression compression; /* of the compressed one, if any is */
};

static int check_message(const struct message *m, const struct shallow *before,
                         int32_t max_message_bytes, struct err *err)
{
    int32_t size = m->body.len + MESSAGE_PREFIX;
    if (size > max_message_bytes)
        return err_set(err, ERR_MESSAGE_TOO_LARGE,
                       "a message has %d bytes; max.message.bytes is %d", size,
                       max_message_bytes);
    if (before->count > 0 && m->magic != before->magic)
        return err_set(err, ERR_INVALID_RECORD,
                       "a message of magic %d among those of magic %d", m->magic,
                       before->magic);
    if (!message_crc_ok(m))
        return err_set(err, ERR_CORRUPT_MESSAGE, "the message at index %d is corrupt",
                       before->count);
    if (compression_name(m->compression) == NULL)
        return err_set(err, ERR_UNSUPPORTED_COMPRESSION_TYPE,
                       "compression type %d is unknown", m->compression);
    return 0;
}

/* Takes the next message off the set: 1, 0 when no whole one is left, or
 * ERR_CORRUPT_MESSAGE. */
static int next_message(struct bytes *left, struct message *out, struct err *err)
{
    int32_t size;
    int rc = message_set_peek(left->data, (size_t)left->len, &size, err);
    if (rc != 0 || size == 0)
        return rc;
    message_read(left->data, size, out);
    *left = (struct bytes){left->data + size, left->len - size};
    return 1;
}

static int look_through(struct bytes set, int32_t max_message_bytes,
                        struct shallow *out, struct err *err)
{
    struct message m;
    int rc;
    *out = (struct shallow){.compression = COMPRESSION_NONE};
    while ((rc = next_message(&set, &m, err)) == 1) {
        rc = check_message(&m, out, max_message_bytes, err);
        if (rc != 0)
            return rc;
        out->magic = m.magic;
        out->count++;
        if (m.compression != COMPRESSION_NONE)
            out->compression = m.compression;
    }
    return rc;
}

/* Puts a message into the batch, or notes what is wrong with it. */
static int take(struct intake *in, struct message *m, const struct message *wrapper,
                struct err *err)
{
    int rc = message_read_fields(m, err);
    if (rc != 0)
        return rc;
    enum timestamp_type type = m->timestamp_type;
    if (wrapper != NULL) {
        type = wrapper->timestamp_type;
        if (type == TIMESTAMP_LOG_APPEND_TIME)
            m->timestamp = wrapper->timestamp;
    }
    enum fault fault = record_fault(m->key, m->timestamp, type, in->rules);
    if (fault == FAULT_NONE && m->timestamp < NO_TIMESTAMP)
        fault = FAULT_NEGATIVE;
    if (fault != FAULT_NONE)
        fault_note(in->out, &in->faults, in->index, fault);
    else if (in->faults.count == 0)
        record_batch_builder_add(&in->builder, m->timestamp, m->key, m->value, NULL, 0);
    in->index++;
    return 0;
}

static int take_each(struct intake *in, struct bytes set, struct err *err)
{
    struct message m;
    int rc;
    while ((rc = next_message(&set, &m, err)) == 1) {
        rc = take(in, &m, NULL, err);
        if (rc != 0 || in->faults.count > 0)
            return rc;
    }
    return rc;
}

/* ---- inside of a wrapper ------------------------------------------------- */

/* 1, 0 at the end, which may cut a message short, or ERR_CORRUPT_MESSAGE. */
static int next_inside(struct bytes *left, struct message *out, struct err *err)
{
    if (left->len < MESSAGE_PREFIX)
        return 0;
    int32_t length = (int32_t)load_be32(left->data + MESSAGE_LENGTH_AT);
    if (length < MESSAGE_OVERHEAD_0)
        return err_set(err, ERR_CORRUPT_MESSAGE, "a message cannot have length %d",
                       length);
    if (length > left->len - MESSAGE_PREFIX)
        return 0;
    int32_t size = length + MESSAGE_PREFIX;
    message_read(left->data, size, out);
    *left = (struct bytes){left->data + size, left->len - size};
    return 1;
}

/* The wrapper's offset must not be below those inside, unless it is 0. */
static int check_offsets(const struct message *wrapper, struct bytes inside,
                         struct err *err)
{
    struct message m = {0};
    int32_t count = 0;
    int rc;
    while ((rc = next_inside(&inside, &m, err)) == 1)
        count++;
    if (rc != 0)
        return rc;
    if (count == 0)
        return err_set(err, ERR_INVALID_RECORD, "a compressed set without a message");
    if (wrapper->magic > 0 && wrapper->offset != 0 && wrapper->offset < m.offset)
        return err_set(err, ERR_INVALID_RECORD,
                       "a compressed set with offset %lld holds offset %lld",
                       (long long)wrapper->offset, (long long)m.offset);
    return 0;
}

static int take_inside(struct intake *in, const struct message *wrapper,
                       struct bytes inside, struct err *err)
{
    struct message m;
    int rc;
    while ((rc = next_inside(&inside, &m, err)) == 1) {
        if (m.compression != COMPRESSION_NONE)
            return err_set(err, ERR_INVALID_RECORD,
                           "a compressed message inside a compressed one");
        if (m.magic != wrapper->magic) {
            fault_note(in->out, &in->faults, in->index++, FAULT_MAGIC);
            continue;
        }
        if (!message_crc_ok(&m))
            return err_set(err, ERR_CORRUPT_MESSAGE,
                           "the message at index %d is corrupt", in->index);
        rc = take(in, &m, wrapper, err);
        if (rc != 0)
            return rc;
    }
    return rc;
}

static int expand(struct intake *in, const struct message *wrapper, struct buf *inside,
                  struct err *err)
{
    size_t limit = in->rules->expand_limit;
    if (wrapper->value.data == NULL || wrapper->compression == COMPRESSION_ZSTD)
        return err_set(err, ERR_INVALID_RECORD,
                       "a compressed set of magic %d without data, or by zstd",
                       wrapper->magic);
    int rc = wrapper->magic > 0
                 ? compression_expand(wrapper->compression, wrapper->value, limit,
                                      inside, err)
                 : compression_expand_magic_0(wrapper->compression, wrapper->value,
                                              limit, inside, err);
    if (rc == ERR_MALFORMED)
        rc = err_set(err, ERR_INVALID_RECORD, "the messages cannot be decompressed");
    return rc;
}

static int take_wrapper(struct intake *in, struct bytes set, struct err *err)
{
    struct message wrapper;
    struct buf expanded = BUF_INIT;
    int rc = next_message(&set, &wrapper, err);
    if (rc != 1)
        return rc;
    rc = message_read_fields(&wrapper, err);
    if (rc == 0)
        rc = expand(in, &wrapper, &expanded, err);
    struct bytes inside = {expanded.data, (int32_t)expanded.len};
    if (rc == 0)
        rc = check_offsets(&wrapper, inside, err);
    if (rc == 0)
        rc = take_inside(in, &wrapper, inside, err);
    buf_free(&expanded);
    return rc;
}

/* ---- both ---------------------------------------------------------------- */

static int take_all(struct intake *in, struct bytes set, const struct shallow *found,
                    struct err *err)
{
    if (found->compression == COMPRESSION_NONE)
        return take_each(in, set, err);
    if (found->count > 1)
        return err_set(err, ERR_INVALID_RECORD,
                       "a compressed message must be the only one; there are %d",
                       found->count);
    return take_wrapper(in, set, err);
}

int message_set_convert(struct bytes set, const struct record_rules *rules,
                        int32_t max_message_bytes, struct record_verdict *out,
                        struct err *err)
{
    struct shallow found;
    *out = RECORD_VERDICT_INIT;
    int rc = look_through(set, max_message_bytes, &found, err);
    if (rc != 0 || found.count == 0)
        return rc;
    struct intake in = {.rules = rules, .out = out};
    record_batch_builder_init(&in.builder, 0);
    rc = take_all(&in, set, &found, err);
    if (rc != 0)
        out->record_error_count = 0; /* the set is at fault, not they */
    else
        rc = faults_report(&in.faults, out, err);
    if (rc != 0) {
        record_batch_builder_free(&in.builder);
        return rc;
    }
    return record_verdict_build(out, &in.builder, rules, found.compression, err);
}
