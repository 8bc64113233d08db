/* broker/ready_file.h
 *
 * The file that tells other programs that the broker is ready, and where. */
#ifndef GREGOR_BROKER_READY_FILE_H
#define GREGOR_BROKER_READY_FILE_H

#include "broker/gregor.h"

/* JSON with bootstrap, data, pid and version, written beside and renamed, so that
 * whoever sees the file sees all of it. 0, or -1 with one sentence in `error`. */
int ready_file_write(const char *path, const struct gregor *g, char *error);

#endif
