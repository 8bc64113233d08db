/* broker/group/topic_regex.h
 *
 * The expressions by which members of consumer groups subscribe (KIP-848:
 * SubscribedTopicRegex). Kafka compiles them with RE2/J, and so RE2 stands behind this:
 * the same syntax, time that is linear in a topic's name, and neither backreferences
 * nor lookaround. What it refuses it refuses in RE2/J's words.
 *
 * Other than in Kafka an expression is refused that is longer than 32 KiB, has more
 * than 256 Unicode classes (\p), is not UTF-8, repeats something more than 1,000 times
 * in all ("(x{1000}){2}"), or comes to more than 2 MiB. A hostile one takes a second or
 * two and some 20 MiB to compile, and tenths of a second for a name.
 *
 * Pool job; one thread at a time for each expression. */
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
