/* replication/controller_placement.c
 *
 * Where replicas go (Kafka: StripedReplicaPlacer). Brokers are striped over racks:
 * the first replica of each partition comes from the next rack, further ones from the
 * racks behind it, and within a rack from the next broker, beginning at random.
 * Fenced brokers get followers when there are not enough others, never the first
 * replica. After as many partitions as there are unfenced brokers the orders are
 * shuffled, so that no two brokers always lead together. */
#include <stdlib.h>

#include "replication/controller_internal.h"

struct broker_list {
    int32_t *ids;
    int32_t count;
    int32_t index; /* of those already taken for this partition */
    int32_t offset;
    int32_t round; /* the partition that `index` belongs to */
};

struct rack {
    struct str name;
    struct broker_list unfenced;
    struct broker_list fenced;
};

struct placement {
    const struct random *random;
    struct rack *racks;
    int32_t rack_count;
    int32_t rack_offset;
    int32_t replication_factor;
    int32_t unfenced_count;
    int32_t round;
};

/* Below `bound`, which is positive. */
static int32_t random_below(const struct random *random, int32_t bound)
{
    uint32_t value;
    random_fill(random, &value, sizeof(value));
    return (int32_t)(value % (uint32_t)bound);
}

static struct rack *rack_of(struct placement *p, struct str name)
{
    for (int32_t i = 0; i < p->rack_count; i++)
        if (str_equal(p->racks[i].name, name))
            return &p->racks[i];
    struct rack *rack = &p->racks[p->rack_count++];
    rack->name = name;
    return rack;
}

/* Every broker might be in one list: each has room for all. */
static bool list_add(struct arena *arena, struct broker_list *list, int32_t id,
                     int32_t room)
{
    if (list->ids == NULL)
        list->ids = arena_array(arena, (size_t)room, sizeof(*list->ids));
    if (list->ids == NULL)
        return false;
    list->ids[list->count++] = id;
    return true;
}

static void list_begin(struct broker_list *list, const struct random *random)
{
    if (list->count > 0)
        list->offset = random_below(random, list->count);
}

static int32_t list_next(struct broker_list *list, int32_t round)
{
    if (list->count == 0)
        return -1;
    if (list->round != round) {
        list->round = round;
        list->index = 0;
        list->offset = (list->offset + 1) % list->count;
    }
    if (list->index >= list->count)
        return -1;
    return list->ids[(list->index++ + list->offset) % list->count];
}

static void list_shuffle(struct broker_list *list, const struct random *random)
{
    for (int32_t i = list->count - 1; i > 0; i--) {
        int32_t other = random_below(random, i + 1);
        int32_t id = list->ids[i];
        list->ids[i] = list->ids[other];
        list->ids[other] = id;
    }
}

static void shuffle(struct placement *p)
{
    for (int32_t i = p->rack_count - 1; i > 0; i--) {
        int32_t other = random_below(p->random, i + 1);
        struct rack rack = p->racks[i];
        p->racks[i] = p->racks[other];
        p->racks[other] = rack;
    }
    for (int32_t i = 0; i < p->rack_count; i++) {
        list_shuffle(&p->racks[i].unfenced, p->random);
        list_shuffle(&p->racks[i].fenced, p->random);
    }
}

static int compare_racks(const void *a, const void *b)
{
    const struct rack *one = a, *other = b;
    int32_t common = one->name.len < other->name.len ? one->name.len : other->name.len;
    int order =
        common == 0 ? 0 : memcmp(one->name.data, other->name.data, (size_t)common);
    return order != 0 ? order : one->name.len - other->name.len;
}

static int check_factor(int32_t factor, int32_t brokers, int32_t unfenced,
                        struct err *err)
{
    if (factor <= 0)
        return err_set(err, ERR_INVALID_REPLICATION_FACTOR,
                       "Invalid replication factor %d: the replication factor must be "
                       "positive.",
                       factor);
    if (unfenced == 0)
        return err_set(err, ERR_INVALID_REPLICATION_FACTOR,
                       "All brokers are currently fenced.");
    if (factor > brokers)
        return err_set(err, ERR_INVALID_REPLICATION_FACTOR,
                       "The target replication factor of %d cannot be reached because "
                       "only %d broker(s) are registered.",
                       factor, brokers);
    return 0;
}

int placement_begin(struct arena *arena, const struct metadata_image *image,
                    const struct random *random, int32_t replication_factor,
                    struct placement **out, struct err *err)
{
    int32_t count;
    const struct metadata_broker *const *brokers =
        metadata_image_brokers(image, &count);
    struct placement *p = arena_alloc(arena, sizeof(*p));
    if (p != NULL)
        p->racks = arena_array(arena, (size_t)count, sizeof(*p->racks));
    if (p == NULL || p->racks == NULL)
        return err_nomem(err);
    p->random = random;
    p->replication_factor = replication_factor;
    for (int32_t i = 0; i < count; i++) {
        struct rack *rack = rack_of(p, brokers[i]->rack);
        struct broker_list *list = brokers[i]->fenced ? &rack->fenced : &rack->unfenced;
        if (!list_add(arena, list, brokers[i]->id, count))
            return err_nomem(err);
        p->unfenced_count += !brokers[i]->fenced;
    }
    int rc = check_factor(replication_factor, count, p->unfenced_count, err);
    if (rc != 0)
        return rc;
    qsort(p->racks, (size_t)p->rack_count, sizeof(*p->racks), compare_racks);
    for (int32_t i = 0; i < p->rack_count; i++) {
        list_begin(&p->racks[i].unfenced, random);
        list_begin(&p->racks[i].fenced, random);
    }
    p->rack_offset = random_below(random, p->rack_count);
    *out = p;
    return 0;
}

void placement_next(struct placement *p, int32_t *replicas)
{
    if (p->round == p->unfenced_count && p->unfenced_count > 1) {
        shuffle(p);
        p->round = 0;
    }
    if (p->rack_offset == p->rack_count)
        p->rack_offset = 0;

    int32_t first_rack = p->rack_offset;
    while ((replicas[0] = list_next(&p->racks[first_rack].unfenced, p->round)) < 0)
        first_rack = (first_rack + 1) % p->rack_count;

    int32_t at = p->rack_offset;
    for (int32_t i = 1; i < p->replication_factor; i++) {
        int32_t id = -1;
        while (id < 0) {
            if (at == first_rack) {
                first_rack = -1; /* it has given one; skip it this once */
            } else {
                id = list_next(&p->racks[at].unfenced, p->round);
                if (id < 0)
                    id = list_next(&p->racks[at].fenced, p->round);
            }
            at = (at + 1) % p->rack_count;
        }
        replicas[i] = id;
    }
    p->round++;
    p->rack_offset++;
}
