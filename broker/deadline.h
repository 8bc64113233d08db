/* broker/deadline.h
 *
 * Many deadlines behind one timer: a binary heap, earliest first. What waits in
 * a purgatory has one each; adding and removing cost O(log n) and no memory of
 * their own, beyond the heap's array.
 *
 * Loop thread. */
#ifndef GREGOR_BROKER_DEADLINE_H
#define GREGOR_BROKER_DEADLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct deadline {
    int64_t at_ms; /* monotonic */
    size_t place;  /* in the heap, from 1; 0: not in it */
    void (*expired)(struct deadline *d);
};

struct deadline_heap {
    struct deadline **items; /* items[1..count] */
    size_t count;
    size_t cap;
};

void deadline_heap_free(struct deadline_heap *h);

/* `d` is kept until it expires or is removed. False when out of memory. */
bool deadline_add(struct deadline_heap *h, struct deadline *d, int64_t at_ms);

/* Takes it out; nothing happens if it is not in. */
void deadline_remove(struct deadline_heap *h, struct deadline *d);

/* Calls expired() of all that are due, each taken out before. */
void deadline_run(struct deadline_heap *h, int64_t now_ms);

/* When the next one is due; INT64_MAX: never. */
int64_t deadline_next_ms(const struct deadline_heap *h);

#endif
