/* broker/topic_spec.h
 *
 * Topics asked for on the command line: NAME[:PARTITIONS[:key=value,…]]. A comma
 * that no key= follows belongs to the value before it, so that
 * cleanup.policy=compact,delete can be said.
 *
 * Any thread. */
#ifndef GREGOR_BROKER_TOPIC_SPEC_H
#define GREGOR_BROKER_TOPIC_SPEC_H

#include "config/topic_config.h"
#include "protocol/base/arena.h"
#include "protocol/messages.h"

/* Parses and checks name, count and settings of all, as CreateTopics would, and
 * adds them to a request. Everything lives in `arena`. ERR_INVALID names the
 * entry at fault. */
int topic_specs_parse(const char *const *specs, size_t count,
                      const struct broker_config *config, struct arena *arena,
                      struct create_topics_request *out, struct err *err);

#endif
