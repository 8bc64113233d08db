/* replication/metadata_partition.c
 *
 * A partition in 64 bytes: ten thousand of them should not cost more than what
 * they hold. All lists lie packed in one run of words,
 *
 *   replicas | isr | removing | adding | elr | last known elr | directories × 4
 *
 * which fits into the struct itself while there is one replica, and is allocated
 * otherwise. A change packs a new run and drops the old one. */
#include <stdlib.h>

#include "replication/metadata_image_internal.h"

#define WORDS_PER_UUID (sizeof(struct uuid) / sizeof(int32_t))

static const int32_t *words_of(const struct metadata_partition *p)
{
    return p->word_count > PARTITION_INLINE_WORDS ? p->words.away : p->words.here;
}

void metadata_partition_free(struct metadata_partition *p)
{
    if (p->word_count > PARTITION_INLINE_WORDS)
        free(p->words.away);
    p->word_count = 0;
}

struct broker_ids metadata_partition_list(const struct metadata_partition *p,
                                          enum partition_list list)
{
    int32_t at = 0;
    for (int before = 0; before < (int)list; before++)
        at += p->list_count[before];
    return (struct broker_ids){words_of(p) + at, p->list_count[list]};
}

static const int32_t *directory_words(const struct metadata_partition *p)
{
    return words_of(p) + p->word_count - WORDS_PER_UUID * p->directory_count;
}

struct uuid metadata_partition_directory(const struct metadata_partition *p,
                                         int32_t index)
{
    struct uuid id = UUID_ZERO;
    if (index >= 0 && index < p->directory_count)
        memcpy(&id, directory_words(p) + WORDS_PER_UUID * (size_t)index, sizeof(id));
    return id;
}

void metadata_partition_unpack(const struct metadata_partition *p,
                               struct partition_parts *parts, struct uuid *directories)
{
    for (int list = 0; list < PARTITION_LISTS; list++)
        parts->lists[list] = metadata_partition_list(p, list);
    if (p->directory_count > 0)
        memcpy(directories, directory_words(p),
               p->directory_count * sizeof(struct uuid));
    parts->directories = directories;
    parts->directory_count = p->directory_count;
}

static int count_words(const struct partition_parts *parts, int32_t *total,
                       struct err *err)
{
    *total = 0;
    for (int list = 0; list < PARTITION_LISTS; list++) {
        int32_t count = parts->lists[list].count;
        if (count > INT16_MAX)
            return err_set(err, ERR_CORRUPT, "a partition with %d replicas", count);
        *total += count;
    }
    int32_t replicas = parts->lists[PARTITION_REPLICAS].count;
    if (parts->directory_count != 0 && parts->directory_count != replicas)
        return err_set(err, ERR_CORRUPT,
                       "a partition with %d directories for %d replicas",
                       parts->directory_count, replicas);
    *total += (int32_t)WORDS_PER_UUID * parts->directory_count;
    if (*total > UINT16_MAX)
        return err_set(err, ERR_CORRUPT, "a partition with %d replicas", replicas);
    return 0;
}

static void pack_words(int32_t *out, const struct partition_parts *parts)
{
    for (int list = 0; list < PARTITION_LISTS; list++) {
        size_t count = (size_t)parts->lists[list].count;
        if (count > 0)
            memcpy(out, parts->lists[list].ids, count * sizeof(int32_t));
        out += count;
    }
    if (parts->directory_count > 0)
        memcpy(out, parts->directories,
               (size_t)parts->directory_count * sizeof(struct uuid));
}

int metadata_partition_pack(struct metadata_partition *p,
                            const struct partition_parts *parts, struct err *err)
{
    int32_t total;
    int rc = count_words(parts, &total, err);
    if (rc != 0)
        return rc;

    int32_t here[PARTITION_INLINE_WORDS];
    int32_t *out = here;
    if (total > PARTITION_INLINE_WORDS) {
        out = malloc((size_t)total * sizeof(*out));
        if (out == NULL)
            return err_nomem(err);
    }
    pack_words(out, parts); /* before the old words go: parts may view them */

    metadata_partition_free(p);
    if (total > PARTITION_INLINE_WORDS)
        p->words.away = out;
    else
        memcpy(p->words.here, here, (size_t)total * sizeof(*here));
    for (int list = 0; list < PARTITION_LISTS; list++)
        p->list_count[list] = (uint16_t)parts->lists[list].count;
    p->directory_count = (uint16_t)parts->directory_count;
    p->word_count = (uint16_t)total;
    return 0;
}
