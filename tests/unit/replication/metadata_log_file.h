/* tests/unit/replication/metadata_log_file.h
 *
 * Reads the records of a metadata log's segment file, for tests that want what a real
 * Kafka wrote and nothing of our own way of reading it at start-up. */
#ifndef GREGOR_TESTS_UNIT_REPLICATION_METADATA_LOG_FILE_H
#define GREGOR_TESTS_UNIT_REPLICATION_METADATA_LOG_FILE_H

#include "replication/metadata_image.h"

/* Hands every record (control records apart) to `visit`; returns how many there
 * were. Anything unexpected fails the test. */
int metadata_log_file_replay(const char *path,
                             int (*visit)(void *context,
                                          const struct metadata_record *record,
                                          struct err *err),
                             void *context);

#endif
