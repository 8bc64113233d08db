/* How a directory is judged before anything in it is touched:
 *
 *   missing or empty                  ours to set up (fresh)
 *   meta.properties                   ours, if its ids are
 *   neither, but files are in it      somebody's photographs: refused
 *
 * The lock comes before the judgement, since two brokers may start at once; it
 * is taken only where there is nothing to spoil: its file is not made in a
 * directory that is refused. A broker killed during its first start may leave
 * .lock and meta.properties.tmp alone behind: that counts as empty.
 *
 * The clean-shutdown marker is read, then removed: from here on a crash is one.
 *
 * None of that waits for the device. log_dir_sync() does, in a job, before the first
 * log is opened and before the first change of metadata is acknowledged; a power
 * cut earlier finds the directory as it was, or new and without a promise to
 * anybody. Then meta.properties may even be empty, which counts as missing. */
#include "storage/log_dir.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/properties.h"
#include "storage/replace_file.h"

#define LOCK_FILE ".lock"
#define META_FILE "meta.properties"
#define CLEAN_FILE ".kafka_cleanshutdown"
#define META_VERSION "1"
#define CLEAN_VERSION 0
#define SMALL_FILE_LIMIT 65536

static const char *path_in(struct buf *out, const struct log_dir *d, const char *name,
                           struct err *err)
{
    out->len = 0;
    buf_printf(out, "%s/%s", d->path, name);
    if (out->failed)
        err_nomem(err);
    return out->failed ? NULL : (const char *)out->data;
}

/* ---- what is there ------------------------------------------------------- */

struct survey {
    bool has_meta;
    bool has_others;
};

static int survey_entry(void *context, const struct disk_entry *entry)
{
    struct survey *s = context;
    if (strcmp(entry->name, META_FILE) == 0)
        s->has_meta = true;
    else if (strcmp(entry->name, LOCK_FILE) != 0 &&
             strcmp(entry->name, META_FILE ".tmp") != 0)
        s->has_others = true;
    return 0;
}

static int make_with_parents(struct log_dir *d, struct err *err)
{
    int rc = 0;
    for (char *at = d->path + 1; rc == 0 && *at != '\0'; at++) {
        if (*at != '/')
            continue;
        *at = '\0';
        rc = d->disk->ops->mkdir(d->disk, d->path, err);
        *at = '/';
    }
    return rc != 0 ? rc : d->disk->ops->mkdir(d->disk, d->path, err);
}

static int survey(struct log_dir *d, bool make, struct survey *out, struct err *err)
{
    *out = (struct survey){0};
    int rc = d->disk->ops->list(d->disk, d->path, survey_entry, out, err);
    if (rc == ERR_NOT_FOUND && make)
        rc = make_with_parents(d, err);
    if (rc != 0)
        return err_context(err, "data directory %s", d->path);
    if (!out->has_meta && out->has_others)
        return err_set(err, ERR_INVALID,
                       "%s is not empty and holds no meta.properties: it is no data "
                       "directory of Kafka's, so it is left as it is",
                       d->path);
    return 0;
}

int log_dir_lock(struct log_dir *d, struct err *err)
{
    struct buf path = BUF_INIT;
    const char *name = path_in(&path, d, LOCK_FILE, err);
    int rc =
        name == NULL ? ERR_NOMEM : d->disk->ops->lock(d->disk, name, &d->lock_fd, err);
    buf_free(&path);
    if (rc == ERR_BUSY)
        return err_set(err, ERR_BUSY, "another broker uses the data directory %s",
                       d->path);
    return rc;
}

/* ---- meta.properties ----------------------------------------------------- */

static int check_version(const struct log_dir *d, const struct properties *p,
                         struct err *err)
{
    const struct property *version = properties_find(p, "version");
    if (version != NULL && str_is(version->value, META_VERSION))
        return 0;
    return err_set(err, ERR_MISMATCH,
                   "%s/" META_FILE " is of version %s, this broker reads version %s",
                   d->path, version == NULL ? "0" : version->value.data, META_VERSION);
}

static int require(const struct log_dir *d, const struct properties *p, const char *key,
                   const char **out, struct err *err)
{
    const struct property *found = properties_find(p, key);
    if (found == NULL || found->value.len == 0)
        return err_set(err, ERR_CORRUPT, "%s/" META_FILE " lacks %s", d->path, key);
    *out = found->value.data;
    return 0;
}

static int take_ids(struct log_dir *d, const struct properties *p,
                    const struct log_dir_options *options, struct err *err)
{
    const char *cluster_id = "", *node_id = "", *directory_id = "";
    int rc = check_version(d, p, err);
    if (rc == 0)
        rc = require(d, p, "cluster.id", &cluster_id, err);
    if (rc == 0)
        rc = require(d, p, "node.id", &node_id, err);
    if (rc == 0)
        rc = require(d, p, "directory.id", &directory_id, err);
    if (rc != 0)
        return rc;
    char *end;
    long id = strtol(node_id, &end, 10);
    if (*end != '\0' || id < 0 || id > INT32_MAX)
        return err_set(err, ERR_CORRUPT, "%s/" META_FILE ": node.id %s is no id",
                       d->path, node_id);
    if (options->node_id >= 0 && options->node_id != id)
        return err_set(err, ERR_MISMATCH,
                       "%s belongs to node %ld, not to node %" PRId32, d->path, id,
                       options->node_id);
    d->node_id = (int32_t)id;
    if (options->cluster_id != NULL && strcmp(options->cluster_id, cluster_id) != 0)
        return err_set(err, ERR_MISMATCH, "%s belongs to cluster %s, not to cluster %s",
                       d->path, cluster_id, options->cluster_id);
    if (strlen(cluster_id) >= sizeof(d->cluster_id))
        return err_set(err, ERR_CORRUPT, "%s/" META_FILE ": cluster.id is too long",
                       d->path);
    strcpy(d->cluster_id, cluster_id);
    if (uuid_parse(str_of(directory_id), &d->directory_id, err) != 0)
        return err_set(err, ERR_CORRUPT, "%s/" META_FILE ": directory.id %s is no id",
                       d->path, directory_id);
    return 0;
}

/* ERR_NOT_FOUND: it is empty. */
static int read_meta(struct log_dir *d, const struct log_dir_options *options,
                     struct err *err)
{
    struct buf path = BUF_INIT;
    struct buf in = BUF_INIT;
    struct properties p = PROPERTIES_INIT;
    const char *name = path_in(&path, d, META_FILE, err);
    int rc = name == NULL ? ERR_NOMEM
                          : disk_read_file(d->disk, name, SMALL_FILE_LIMIT, &in, err);
    if (rc == 0 && in.len == 0)
        rc = ERR_NOT_FOUND;
    if (rc == 0) {
        struct str text = {(const char *)in.data, (int32_t)in.len};
        rc = properties_parse(text, &p, err);
        if (rc != 0)
            rc = err_context(err, "%s", name);
    }
    if (rc == 0)
        rc = take_ids(d, &p, options, err);
    properties_free(&p);
    buf_free(&in);
    buf_free(&path);
    return rc;
}

static void append(struct buf *out, const char *key, const char *value)
{
    properties_append(out, str_of(key), str_of(value));
}

static int write_meta(struct log_dir *d, const struct log_dir_options *options,
                      struct err *err)
{
    char text[UUID_TEXT_SIZE];
    char node_id[16];
    struct buf path = BUF_INIT;
    struct buf out = BUF_INIT;
    if (options->cluster_id != NULL &&
        strlen(options->cluster_id) >= LOG_DIR_CLUSTER_ID_SIZE)
        return err_set(err, ERR_INVALID, "the cluster id %s is too long",
                       options->cluster_id);
    strcpy(d->cluster_id, options->cluster_id != NULL
                              ? options->cluster_id
                              : uuid_text(uuid_random(options->random), text));
    d->directory_id = uuid_random(options->random);
    d->node_id = options->node_id >= 0 ? options->node_id : LOG_DIR_FIRST_NODE_ID;
    snprintf(node_id, sizeof(node_id), "%" PRId32, d->node_id);
    append(&out, "version", META_VERSION);
    append(&out, "cluster.id", d->cluster_id);
    append(&out, "node.id", node_id);
    append(&out, "directory.id", uuid_text(d->directory_id, text));
    const char *name = path_in(&path, d, META_FILE, err);
    int rc;
    if (name == NULL || out.failed)
        rc = err_nomem(err);
    else
        rc = replace_file(d->disk, name, out.data, out.len, err);
    buf_free(&out);
    buf_free(&path);
    return rc;
}

/* ---- the clean-shutdown marker ------------------------------------------- */

/* What cannot be read still proves a clean stop: Kafka's older markers are
 * empty files. */
static int64_t parse_broker_epoch(const struct buf *in)
{
    json_t *root = json_loadb((const char *)in->data, in->len, 0, NULL);
    json_t *epoch = json_object_get(root, "brokerEpoch");
    int64_t value = json_is_integer(epoch) ? json_integer_value(epoch) : -1;
    json_decref(root);
    return value;
}

static int read_clean_marker(struct log_dir *d, bool take, struct err *err)
{
    struct buf path = BUF_INIT;
    struct buf in = BUF_INIT;
    const char *name = path_in(&path, d, CLEAN_FILE, err);
    int rc = name == NULL ? ERR_NOMEM
                          : disk_read_file(d->disk, name, SMALL_FILE_LIMIT, &in, err);
    if (rc == 0) {
        d->clean = true;
        d->last_broker_epoch = parse_broker_epoch(&in);
        if (take)
            rc = d->disk->ops->remove(d->disk, name, err);
    } else if (rc == ERR_NOT_FOUND) {
        rc = 0;
    }
    buf_free(&in);
    buf_free(&path);
    return rc;
}

int log_dir_mark_clean(struct log_dir *d, int64_t broker_epoch, struct err *err)
{
    struct buf path = BUF_INIT;
    char text[80];
    int len =
        snprintf(text, sizeof(text), "{\"version\":%d,\"brokerEpoch\":%" PRId64 "}",
                 CLEAN_VERSION, broker_epoch);
    const char *name = path_in(&path, d, CLEAN_FILE, err);
    int rc = name == NULL
                 ? ERR_NOMEM
                 : disk_write_file_atomically(d->disk, name, text, (size_t)len, err);
    buf_free(&path);
    return rc;
}

int log_dir_sync(const struct log_dir *d, struct err *err)
{
    struct buf path = BUF_INIT;
    int fd;
    const char *name = path_in(&path, d, META_FILE, err);
    int rc = name == NULL ? ERR_NOMEM
                          : d->disk->ops->open(d->disk, name, DISK_WRITE, &fd, err);
    if (rc == 0) {
        rc = d->disk->ops->sync(d->disk, fd, err);
        d->disk->ops->close(d->disk, fd);
    }
    if (rc == 0)
        rc = d->disk->ops->sync_dir(d->disk, d->path, err);
    buf_free(&path);
    return rc == 0 ? 0 : err_context(err, "data directory %s", d->path);
}

/* ---- open and close ------------------------------------------------------ */

int log_dir_open(const struct log_dir_options *options, struct log_dir *out,
                 struct err *err)
{
    struct survey found;
    struct log_dir d = {.disk = options->disk,
                        .lock_fd = -1,
                        .node_id = options->node_id,
                        .last_broker_epoch = -1};
    d.path = strdup(options->path);
    int rc = d.path == NULL ? err_nomem(err) : survey(&d, true, &found, err);
    if (rc == 0)
        rc = log_dir_lock(&d, err);
    /* Looked at again under the lock: whoever held it may just have set up the
     * directory. */
    if (rc == 0)
        rc = survey(&d, true, &found, err);
    if (rc != 0)
        goto fail;
    rc = found.has_meta ? read_meta(&d, options, err) : ERR_NOT_FOUND;
    if (rc == ERR_NOT_FOUND) {
        d.fresh = true;
        d.clean = !found.has_others;
        rc = write_meta(&d, options, err);
    }
    if (rc == 0)
        rc = read_clean_marker(&d, true, err);
    if (rc != 0)
        goto fail;
    *out = d;
    return 0;
fail:
    log_dir_close(&d);
    return rc;
}

int log_dir_look(struct disk *disk, const char *path, struct log_dir *out,
                 struct err *err)
{
    static const struct log_dir_options anybody = {.node_id = -1};
    struct survey found;
    struct log_dir d = {
        .disk = disk, .lock_fd = -1, .node_id = -1, .last_broker_epoch = -1};
    d.path = strdup(path);
    int rc = d.path == NULL ? err_nomem(err) : survey(&d, false, &found, err);
    if (rc == 0) {
        rc = found.has_meta ? read_meta(&d, &anybody, err) : ERR_NOT_FOUND;
        if (rc == ERR_NOT_FOUND)
            rc = err_set(err, ERR_INVALID, "%s has no " META_FILE ", or an empty one",
                         path);
    }
    if (rc == 0)
        rc = read_clean_marker(&d, false, err);
    if (rc != 0) {
        log_dir_close(&d);
        return rc;
    }
    *out = d;
    return 0;
}

void log_dir_close(struct log_dir *d)
{
    if (d->path == NULL)
        return;
    if (d->lock_fd >= 0)
        d->disk->ops->close(d->disk, d->lock_fd);
    free(d->path);
    *d = (struct log_dir){.lock_fd = -1};
}
