#include "protocol/record_fault.h"

static const char *fault_text(enum fault fault)
{
    switch (fault) {
    case FAULT_MAGIC:
        return "Message has another magic than the one it lies in.";
    case FAULT_KEY:
        return "Compacted topic cannot accept message without key.";
    case FAULT_RANGE:
        return "Timestamp of message is out of range.";
    case FAULT_TYPE:
        return "Producer should not set timestamp type to LogAppendTime.";
    default:
        return "Timestamp of message is negative.";
    }
}

__attribute__((cold)) void fault_note(struct record_verdict *out, struct faults *faults,
                                      int32_t index, enum fault fault)
{
    if (out->record_error_count < RECORD_ERRORS_KEPT)
        out->record_errors[out->record_error_count++] =
            (struct record_error){index, fault_text(fault)};
    faults->count++;
    if (fault != FAULT_KEY && fault != FAULT_MAGIC)
        faults->bad_timestamp = true;
}

int faults_report(const struct faults *faults, const struct record_verdict *out,
                  struct err *err)
{
    if (faults->count == 0)
        return 0;
    return err_set(
        err, faults->bad_timestamp ? ERR_INVALID_TIMESTAMP : ERR_INVALID_RECORD,
        "%d records were rejected, the first one at index %d: %s", faults->count,
        out->record_errors[0].batch_index, out->record_errors[0].message);
}
