#include "tools/inspect/inspect_internal.h"

#include <stdlib.h>

#include "storage/log_folder.h"

static void print_row(struct inspection *in, const struct partition_view *p)
{
    char leader[SIZE_TEXT], size[SIZE_TEXT], offsets[4][SIZE_TEXT];
    fprintf(in->out, "  %9d  %6s", p->partition,
            p->known == NULL ? "-" : offset_text(p->known->leader, leader));
    if (!p->here) {
        fprintf(in->out, "  no folder here\n");
        return;
    }
    fprintf(in->out, "  %8d  %10s  %10s  %10s  %14s  %14s%s\n", p->segment_count,
            size_text(p->size, size), offset_text(p->log_start_offset, offsets[0]),
            offset_text(p->log_end_offset, offsets[1]),
            offset_text(p->checkpointed.high_watermark, offsets[2]),
            offset_text(p->checkpointed.recovery_point, offsets[3]),
            p->known == NULL ? "  not in the metadata" : "");
}

static int print_partitions(struct inspection *in, const struct topic_view *t,
                            struct err *err)
{
    fprintf(in->out,
            "\n  partition  leader  segments        size   log start     log end  "
            "high watermark  recovery point\n");
    for (int32_t i = 0; i < t->partition_count; i++) {
        struct partition_view p;
        int rc = partition_view_read(in, t, i, &p, err);
        if (rc == 0 && (p.here || p.known != NULL))
            print_row(in, &p);
        partition_view_free(&p);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static void print_topic(struct inspection *in, const struct topic_view *t)
{
    char id[UUID_TEXT_SIZE];
    fprintf(in->out, "%.*s\n", STR_ARGS(t->name));
    print_label(in, "topic id");
    fprintf(in->out, "%s\n",
            t->known == NULL ? "none: not in the metadata"
                             : uuid_text(t->known->id, id));
    print_directory(in);
    print_configs(in, t->name);
}

int inspect_topic(struct inspection *in, struct str name, struct err *err)
{
    struct topic_view t;
    int rc = topic_view_read(in, name, &t, err);
    if (rc == 0) {
        struct buf start = BUF_INIT;
        print_topic(in, &t);
        rc = print_partitions(in, &t, err);
        buf_printf(&start, "%.*s-", STR_ARGS(name));
        if (!start.failed)
            print_folders_aside(in,
                                (struct str){(char *)start.data, (int32_t)start.len});
        buf_free(&start);
    }
    topic_view_free(&t);
    return rc;
}

/* ---- the whole directory ------------------------------------------------- */

static int compare_name(const void *name, const void *file)
{
    return strcmp(name, ((const struct listed_file *)file)->name);
}

/* How many of its partitions have a folder here; *size: what those hold. */
static int32_t count_here(struct inspection *in, const struct metadata_topic *t,
                          int64_t *size)
{
    int32_t count = 0;
    *size = 0;
    for (int32_t i = 0; i < t->partition_count; i++) {
        char name[FOLDER_NAME_SIZE], path[PATH_MAX];
        log_folder_name(name, metadata_topic_name(t), i);
        if (in->folders.count == 0 ||
            bsearch(name, in->folders.files, in->folders.count,
                    sizeof(in->folders.files[0]), compare_name) == NULL)
            continue;
        snprintf(path, sizeof(path), "%s/%s", in->dir.path, name);
        int64_t bytes = log_folder_size(in->disk, path, NULL);
        *size += bytes > 0 ? bytes : 0;
        count++;
    }
    return count;
}

static void print_topic_row(struct inspection *in, const struct metadata_topic *t)
{
    char id[UUID_TEXT_SIZE], size[SIZE_TEXT];
    struct str name = metadata_topic_name(t);
    int64_t bytes;
    int32_t here = count_here(in, t, &bytes);
    fprintf(in->out, "  %-32.*s  %-22s  %10d  %4d  %10s\n", STR_ARGS(name),
            uuid_text(t->id, id), t->partition_count, here, size_text(bytes, size));
}

int inspect_directory(struct inspection *in, struct err *err)
{
    int32_t count;
    const struct metadata_topic *const *topics =
        metadata_image_topics(in->metadata.image, &count);
    if (count < 0)
        return err_nomem(err);
    fprintf(in->out, "%s\n", in->dir.path);
    print_directory(in);
    print_label(in, "metadata");
    fprintf(in->out, "to offset %lld, %d topics with %d partitions\n",
            (long long)in->metadata.end_offset, count,
            metadata_image_partition_count(in->metadata.image));
    if (count > 0)
        fprintf(in->out, "\n  %-32s  %-22s  %10s  %4s  %10s\n", "topic", "topic id",
                "partitions", "here", "size");
    for (int32_t i = 0; i < count; i++)
        print_topic_row(in, topics[i]);
    print_folders_aside(in, STR_LITERAL(""));
    return 0;
}
