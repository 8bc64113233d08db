/* tools/graduate/directory_check.h
 *
 * Whether Apache Kafka 4.3 could open a data directory that was stopped: what its
 * start refuses (LogManager, LogLoader, UnifiedLog.parseTopicPartitionName), and all
 * that is damaged. Every batch is read and its checksum looked at. Changes nothing;
 * whoever asks holds the directory's lock. May block for as long as reading takes. */
#ifndef GREGOR_TOOLS_GRADUATE_DIRECTORY_CHECK_H
#define GREGOR_TOOLS_GRADUATE_DIRECTORY_CHECK_H

#include <stdio.h>

#include "storage/log_dir.h"
#include "tools/metadata_view.h"

struct directory_faults {
    FILE *out; /* a line for each */
    int32_t count;
};

/* Negative: the check itself failed. */
int directory_check(const struct log_dir *dir, const struct metadata_view *metadata,
                    struct directory_faults *faults, struct err *err);

#endif
