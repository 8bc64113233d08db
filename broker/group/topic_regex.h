/* broker/group/topic_regex.h
 *
 * The expressions by which members of consumer groups subscribe (KIP-848:
 * SubscribedTopicRegex). Kafka compiles them with RE2/J, and so RE2 stands behind this:
 * the same syntax, time that is linear in a topic's name, and neither backreferences
 * nor lookaround. What it refuses it refuses in RE2/J's words.
 *
 * Other than in Kafka an expression is refused that is longer than 256 KiB, is not
 * UTF-8, repeats in all more than 1,000 times ("(x{1000}){2}"), or would need more than
 * 8 MiB; nor does one ever take more, compiled or matching.
 *
 * Hostile ones can keep it busy for a while: pool job, or any thread that may take
 * that long; one thread at a time for each expression. */
#ifndef GREGOR_BROKER_GROUP_TOPIC_REGEX_H
#define GREGOR_BROKER_GROUP_TOPIC_REGEX_H

#include "protocol/base/err.h"
#include "protocol/base/view.h"

struct topic_regex;

/* On success the caller owns *out. ERR_INVALID: err says what is wrong with the
 * expression, without repeating it, as in "missing closing ]". ERR_NOMEM. */
int topic_regex_compile(struct str pattern, struct topic_regex **out, struct err *err);

/* Whether it matches the whole name. */
bool topic_regex_matches(const struct topic_regex *r, struct str topic);

/* Whether a match ran out of memory, and said false for that alone: the owner looks
 * once, at the end. */
bool topic_regex_failed(const struct topic_regex *r);

/* Accepts NULL. */
void topic_regex_destroy(struct topic_regex *r);

#endif
