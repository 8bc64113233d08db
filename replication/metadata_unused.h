/* replication/metadata_unused.h
 *
 * What a Kafka has left in the metadata that Gregor keeps and does not use yet: whoever
 * starts on such a directory is told, once. Loop thread. */
#ifndef GREGOR_REPLICATION_METADATA_UNUSED_H
#define GREGOR_REPLICATION_METADATA_UNUSED_H

#include "protocol/base/trace.h"
#include "replication/metadata_image.h"

/* A warning for each kind that the image has: replicas on brokers other than those
 * `here`, tiered storage, share groups' state, ACLs, quotas, SCRAM credentials,
 * delegation tokens. Nothing for a cluster of Gregor's own. */
void metadata_unused_report(const struct metadata_image *image, struct broker_ids here,
                            const struct trace *trace);

#endif
