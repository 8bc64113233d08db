#include "tools/inspect/inspect_internal.h"

#include <time.h>

#include "storage/log_folder.h"

#define LABEL_WIDTH 16

void print_label(struct inspection *in, const char *label)
{
    fprintf(in->out, "  %-*s", LABEL_WIDTH, label);
}

const char *size_text(int64_t bytes, char out[SIZE_TEXT])
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
    if (bytes < 10000) {
        snprintf(out, SIZE_TEXT, "%lld B", (long long)bytes);
        return out;
    }
    double amount = (double)bytes / 1024;
    int unit = 0;
    while (amount >= 1024 && unit < 3) {
        amount /= 1024;
        unit++;
    }
    snprintf(out, SIZE_TEXT, "%.1f %s", amount, units[unit]);
    return out;
}

const char *time_text(int64_t timestamp, char out[TIME_TEXT])
{
    time_t seconds = (time_t)(timestamp / 1000);
    struct tm utc;
    if (timestamp < 0 || gmtime_r(&seconds, &utc) == NULL || utc.tm_year > 8099) {
        snprintf(out, TIME_TEXT, timestamp < 0 ? "-" : "%lld", (long long)timestamp);
        return out;
    }
    size_t len = strftime(out, TIME_TEXT, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(out + len, TIME_TEXT - len, ".%03dZ", (int)(timestamp % 1000));
    return out;
}

const char *offset_text(int64_t offset, char out[SIZE_TEXT])
{
    snprintf(out, SIZE_TEXT, offset < 0 ? "-" : "%lld", (long long)offset);
    return out;
}

void print_ids(struct inspection *in, struct broker_ids ids)
{
    for (int32_t i = 0; i < ids.count; i++)
        fprintf(in->out, "%s%d", i == 0 ? "" : ", ", ids.ids[i]);
    if (ids.count == 0)
        fputs("none", in->out);
}

void print_directory(struct inspection *in)
{
    print_label(in, "data directory");
    fprintf(in->out, "%s: node %d of cluster %s, %s\n", in->dir.path, in->dir.node_id,
            in->dir.cluster_id,
            in->dir.clean ? "stopped cleanly" : "in use, or not stopped cleanly");
}

void print_configs(struct inspection *in, struct str topic)
{
    struct metadata_configs c =
        metadata_image_configs(in->metadata.image, CONFIG_RESOURCE_TOPIC, topic);
    for (int32_t i = 0; i < c.count; i++) {
        print_label(in, i == 0 ? "settings" : "");
        fprintf(in->out, "%.*s=%.*s\n", STR_ARGS(c.items[i].name),
                STR_ARGS(c.items[i].value));
    }
}

static const char *why_aside(enum folder_kind kind)
{
    return kind == FOLDER_DELETED  ? "deleted, to be removed"
           : kind == FOLDER_STRAY  ? "a stray, kept aside"
           : kind == FOLDER_FUTURE ? "a move to another directory, not finished"
                                   : NULL;
}

void print_folders_aside(struct inspection *in, struct str start)
{
    bool first = true;
    folder_listing_each(&in->folders, f)
    {
        struct str topic;
        int32_t partition;
        char path[PATH_MAX], size[SIZE_TEXT];
        if (!f->is_dir || strncmp(f->name, start.data, (size_t)start.len) != 0)
            continue;
        const char *why = why_aside(log_folder_parse(f->name, &topic, &partition));
        if (why == NULL)
            continue;
        snprintf(path, sizeof(path), "%s/%s", in->dir.path, f->name);
        int64_t bytes = log_folder_size(in->disk, path, NULL);
        fprintf(in->out, "%s  %s: %s, %s\n", first ? "\n" : "", f->name, why,
                bytes < 0 ? "unreadable" : size_text(bytes, size));
        first = false;
    }
}
