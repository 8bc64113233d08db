/* broker/group/consumer_regex.h
 *
 * Topics by regular expression: what members subscribe to is matched with the topics
 * that there are, in the pool, and the outcome is stored in the group, so that a
 * new topic reaches all members in one rebalance (KIP-848; Kafka:
 * GroupMetadataManager.maybeUpdateRegularExpressions, TopicRegexResolver).
 *
 * Loop thread. */
#ifndef GREGOR_BROKER_GROUP_CONSUMER_REGEX_H
#define GREGOR_BROKER_GROUP_CONSUMER_REGEX_H

#include "broker/group/consumer_change.h"

/* A step of a change, between c->before and c->after: checks a new expression, writes
 * the tombstone of one that nobody wants any more, and lets all be matched anew where
 * that is due. False: c->refusal. */
bool consumer_regex_change(struct consumer_change *c);

/* Whether no member of the group subscribes to the expression yet: then it is to be
 * checked before the change, for which a job is. */
bool consumer_regex_is_new(struct group_env *env, struct str group_id,
                           struct str pattern);

struct regex_check {
    struct job job; /* first: its work casts back */
    struct str pattern;
    bool valid;     /* the outcome; */
    struct err err; /* if not: why */
};

/* The job's work. */
void consumer_regex_check(struct job *job);

/* Matches all of the group's expressions, in the pool. */
void consumer_regex_resolve(struct consumer_group *g);

#endif
