#include "broker/deadline.h"

#include <stdlib.h>

static void put(struct deadline_heap *h, size_t place, struct deadline *d)
{
    h->items[place] = d;
    d->place = place;
}

static void sift_up(struct deadline_heap *h, size_t place, struct deadline *d)
{
    while (place > 1 && h->items[place / 2]->at_ms > d->at_ms) {
        put(h, place, h->items[place / 2]);
        place /= 2;
    }
    put(h, place, d);
}

static void sift_down(struct deadline_heap *h, size_t place, struct deadline *d)
{
    for (;;) {
        size_t child = place * 2;
        if (child > h->count)
            break;
        if (child < h->count && h->items[child + 1]->at_ms < h->items[child]->at_ms)
            child++;
        if (h->items[child]->at_ms >= d->at_ms)
            break;
        put(h, place, h->items[child]);
        place = child;
    }
    put(h, place, d);
}

void deadline_heap_free(struct deadline_heap *h)
{
    free(h->items);
    *h = (struct deadline_heap){0};
}

bool deadline_add(struct deadline_heap *h, struct deadline *d, int64_t at_ms)
{
    if (h->count + 1 >= h->cap) {
        size_t cap = h->cap == 0 ? 64 : h->cap * 2;
        struct deadline **items = realloc(h->items, cap * sizeof(struct deadline *));
        if (items == NULL)
            return false;
        h->items = items;
        h->cap = cap;
    }
    d->at_ms = at_ms;
    h->count++;
    sift_up(h, h->count, d);
    return true;
}

void deadline_remove(struct deadline_heap *h, struct deadline *d)
{
    if (d->place == 0)
        return;
    size_t place = d->place;
    struct deadline *last = h->items[h->count--];
    d->place = 0;
    if (last == d)
        return;
    if (place > 1 && h->items[place / 2]->at_ms > last->at_ms)
        sift_up(h, place, last);
    else
        sift_down(h, place, last);
}

void deadline_run(struct deadline_heap *h, int64_t now_ms)
{
    while (h->count > 0 && h->items[1]->at_ms <= now_ms) {
        struct deadline *d = h->items[1];
        deadline_remove(h, d);
        d->expired(d);
    }
}

int64_t deadline_next_ms(const struct deadline_heap *h)
{
    return h->count == 0 ? INT64_MAX : h->items[1]->at_ms;
}
