/* tools/graduate/kafka_properties.h
 *
 * The server.properties with which Apache Kafka 4.3 goes on where Gregor stopped: one
 * node in combined mode, with what the user had set. Any thread. */
#ifndef GREGOR_TOOLS_GRADUATE_KAFKA_PROPERTIES_H
#define GREGOR_TOOLS_GRADUATE_KAFKA_PROPERTIES_H

#include "config/setting.h"
#include "protocol/base/buf.h"

struct kafka_properties {
    const char *data; /* absolute path of the data directory */
    int32_t node_id;
    int16_t kraft_version; /* 0: the voters are a setting; 1: they stand in the log */
    struct str host;       /* where clients found Gregor; data NULL: unknown */
    uint16_t port;
    const struct setting_override *settings; /* the user's; the last of a name counts */
    size_t count;
};

/* Appends the file. ERR_INVALID_CONFIG if the user's settings leave no port for the
 * controller. */
int kafka_properties_append(const struct kafka_properties *k, struct buf *out,
                            struct err *err);

#endif
