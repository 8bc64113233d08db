/* replication/topic_name.h
 *
 * Which names a topic may have (Kafka: Topic.validate). Any thread. */
#ifndef GREGOR_REPLICATION_TOPIC_NAME_H
#define GREGOR_REPLICATION_TOPIC_NAME_H

#include "protocol/base/err.h"
#include "protocol/base/view.h"

#define TOPIC_NAME_MAX_LENGTH 249 /* with "-partition.uniqueid-delete" a file name */

/* ERR_INVALID_TOPIC, with a sentence as Kafka's clients know it. */
int topic_name_check(struct str name, struct err *err);

#endif
