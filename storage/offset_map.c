/* A hash table of fixed size, open addressing, one step at a time:
 *
 *   slot   hash (16 bytes)    offset + 1 (8)
 *    …     …                  …
 *    i     h(a)               18              home of a
 *   i+1    h(b)               41              home i as well: one step further
 *   i+2    -                  0               free
 *
 * Nothing is ever taken out, so a search ends at the first free slot, and there
 * always is one.
 *
 * Two keys with the same 128 bits would be taken for one, and the older record of
 * the two be lost. By accident that does not happen: among ten thousand million
 * keys the odds are one in 10^19. Nor can a producer make it happen on purpose,
 * though XXH3 is no cryptographic hash: it is keyed with random bytes, drawn for
 * each map and never shown, without which nobody can tell what collides. (Kafka
 * takes MD5 here, for which colliding keys can be had ready-made.) */
#include "storage/offset_map.h"

#include <stdlib.h>
#include <sys/mman.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

struct slot {
    uint64_t low;
    uint64_t high;
    int64_t after; /* the offset, plus one; 0: free */
};

_Static_assert(sizeof(struct slot) == OFFSET_MAP_ENTRY, "an entry has 24 bytes");

struct offset_map {
    struct slot *slots;
    uint64_t slot_count;
    int64_t count;
    int64_t limit;
    uint8_t secret[XXH3_SECRET_SIZE_MIN];
};

/* Half of the slots stay free where memory allows: searches are short then. */
static int64_t slots_for(const struct offset_map_options *o)
{
    int64_t most = o->memory_bytes / OFFSET_MAP_ENTRY;
    int64_t wanted = o->keys_at_most < INT64_MAX / 4 ? o->keys_at_most * 2 : INT64_MAX;
    int64_t count = wanted < most ? wanted : most;
    return count < 2 ? 2 : count;
}

static int64_t limit_for(int64_t slots, double load_factor)
{
    double most = (double)slots * load_factor;
    int64_t limit = most < (double)(slots - 1) ? (int64_t)most : slots - 1;
    return limit < 1 ? 1 : limit;
}

/* Straight from the kernel, which gives it zeroed and takes all of it back at the end.
 * Large pages, where there are any, spare half of the time of a look into a large
 * map. */
static struct slot *map_slots(int64_t count)
{
    size_t size = (size_t)count * sizeof(struct slot);
    void *slots =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (slots == MAP_FAILED)
        return NULL;
    madvise(slots, size, MADV_HUGEPAGE);
    return slots;
}

int offset_map_create(const struct offset_map_options *options, struct offset_map **out,
                      struct err *err)
{
    struct offset_map *m = malloc(sizeof(*m));
    if (m == NULL)
        return err_nomem(err);
    int64_t count = slots_for(options);
    *m = (struct offset_map){
        .slots = map_slots(count),
        .slot_count = (uint64_t)count,
        .limit = limit_for(count, options->load_factor),
    };
    if (m->slots == NULL) {
        free(m);
        return err_nomem(err);
    }
    random_fill(options->random, m->secret, sizeof(m->secret));
    *out = m;
    return 0;
}

void offset_map_destroy(struct offset_map *m)
{
    if (m == NULL)
        return;
    munmap(m->slots, m->slot_count * sizeof(struct slot));
    free(m);
}

static XXH128_hash_t hash_of(const struct offset_map *m, struct bytes key)
{
    return XXH3_128bits_withSecret(key.data, (size_t)key.len, m->secret,
                                   sizeof(m->secret));
}

/* The upper half of a product spreads evenly without a division. */
static uint64_t home_of(const struct offset_map *m, XXH128_hash_t h)
{
    return (uint64_t)(((unsigned __int128)h.high64 * m->slot_count) >> 64);
}

void offset_map_announce(const struct offset_map *m, struct bytes key)
{
    __builtin_prefetch(&m->slots[home_of(m, hash_of(m, key))]);
}

/* The key's slot, or the free one where it belongs. */
static struct slot *find(const struct offset_map *m, struct bytes key, XXH128_hash_t *h)
{
    *h = hash_of(m, key);
    uint64_t at = home_of(m, *h);
    for (;;) {
        struct slot *s = &m->slots[at];
        if (s->after == 0 || (s->low == h->low64 && s->high == h->high64))
            return s;
        if (++at == m->slot_count)
            at = 0;
    }
}

bool offset_map_put(struct offset_map *m, struct bytes key, int64_t offset)
{
    XXH128_hash_t hash;
    if (m->count >= m->limit)
        return false;
    struct slot *s = find(m, key, &hash);
    if (s->after == 0)
        m->count++;
    *s = (struct slot){hash.low64, hash.high64, offset + 1};
    return true;
}

int64_t offset_map_get(const struct offset_map *m, struct bytes key)
{
    XXH128_hash_t hash;
    return find(m, key, &hash)->after - 1;
}

int64_t offset_map_count(const struct offset_map *m)
{
    return m->count;
}

int64_t offset_map_limit(const struct offset_map *m)
{
    return m->limit;
}

int64_t offset_map_memory(const struct offset_map *m)
{
    return (int64_t)(m->slot_count * sizeof(struct slot));
}
