/* protocol/base/hash.h
 *
 * uthash, set up so that a full memory is an error and not an exit: after
 * HASH_ADD the caller asks hash_added(entry), and if not, the entry is still
 * its own and in no table. Any thread, one owner. */
#ifndef GREGOR_PROTOCOL_BASE_HASH_H
#define GREGOR_PROTOCOL_BASE_HASH_H

#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(entry) ((void)(entry))
#include <uthash.h>

#define hash_added(entry) ((entry)->hh.tbl != NULL)

#endif
