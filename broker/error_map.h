/* broker/error_map.h
 *
 * The one place where our error codes become Kafka's. Any thread. */
#ifndef GREGOR_BROKER_ERROR_MAP_H
#define GREGOR_BROKER_ERROR_MAP_H

#include "protocol/base/err.h"
#include "protocol/kafka_error.h"

/* 0 is KAFKA_NONE; what only we could have caused is UNKNOWN_SERVER_ERROR. */
enum kafka_error error_to_kafka(int code);

#endif
