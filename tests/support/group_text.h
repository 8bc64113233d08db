/* tests/support/group_text.h
 *
 * What a log of groups must give back, as text, so that two tables can be compared and
 * the difference be read. Of a classic group that is what it stores when its members
 * have their assignments; while it rebalances, its memory is ahead. */
#ifndef GREGOR_TESTS_SUPPORT_GROUP_TEXT_H
#define GREGOR_TESTS_SUPPORT_GROUP_TEXT_H

#include "broker/group/group_table.h"

/* Groups, members and partitions are sorted. The caller frees it. `with_classic`:
 * what classic groups store, too. */
char *group_table_text(const struct group_table *t, bool with_classic);

#endif
