#include "storage/quorum_state.h"

#include <jansson.h>
#include <stdlib.h>

#include "storage/replace_file.h"

#define FILE_LIMIT 65536
#define NO_DIRECTORY "AAAAAAAAAAAAAAAAAAAAAA"

static int take(json_t *root, const char *key, int64_t min, int64_t *out)
{
    json_t *value = json_object_get(root, key);
    if (!json_is_integer(value) || json_integer_value(value) < min ||
        json_integer_value(value) > INT32_MAX)
        return ERR_CORRUPT;
    *out = json_integer_value(value);
    return 0;
}

static int take_voters(json_t *root, struct quorum_state *out)
{
    json_t *voters = json_object_get(root, "currentVoters");
    for (size_t i = 0; i < json_array_size(voters); i++) {
        int64_t id;
        if (take(json_array_get(voters, i), "voterId", 0, &id) != 0)
            return ERR_CORRUPT;
        if (i < QUORUM_VOTERS_KEPT)
            out->voters[i] = (int32_t)id;
        out->voter_count++;
    }
    return 0;
}

static int parse(json_t *root, struct quorum_state *out, struct err *err)
{
    int64_t version, leader_id, leader_epoch;
    if (take(root, "data_version", 0, &version) != 0 ||
        take(root, "leaderId", -1, &leader_id) != 0 ||
        take(root, "leaderEpoch", 0, &leader_epoch) != 0)
        return err_set(err, ERR_CORRUPT, "it says no leader and epoch");
    if (version > 1)
        return err_set(err, ERR_UNSUPPORTED_VERSION, "its data_version is %lld",
                       (long long)version);
    *out = (struct quorum_state){.data_version = (int)version,
                                 .leader_id = (int32_t)leader_id,
                                 .leader_epoch = (int32_t)leader_epoch};
    return take_voters(root, out) == 0
               ? 0
               : err_set(err, ERR_CORRUPT, "one of its voters has no id");
}

int quorum_state_read(struct disk *disk, const char *path, struct quorum_state *out,
                      struct err *err)
{
    struct buf in = BUF_INIT;
    int rc = disk_read_file(disk, path, FILE_LIMIT, &in, err);
    if (rc == 0) {
        json_t *root = json_loadb((const char *)in.data, in.len, 0, NULL);
        rc = parse(root, out, err);
        if (rc != 0)
            rc = err_context(err, "%s", path);
        json_decref(root);
    }
    buf_free(&in);
    return rc;
}

static json_t *as_json(const struct quorum_state *s)
{
    if (s->data_version == 0)
        return json_pack("{s:s, s:i, s:i, s:i, s:i, s:[{s:i}], s:i}", "clusterId", "",
                         "leaderId", s->leader_id, "leaderEpoch", s->leader_epoch,
                         "votedId", -1, "appliedOffset", 0, "currentVoters", "voterId",
                         s->leader_id, "data_version", s->data_version);
    return json_pack("{s:i, s:i, s:i, s:s, s:i}", "leaderId", s->leader_id,
                     "leaderEpoch", s->leader_epoch, "votedId", -1, "votedDirectoryId",
                     NO_DIRECTORY, "data_version", s->data_version);
}

int quorum_state_write(struct disk *disk, const char *path,
                       const struct quorum_state *state, struct err *err)
{
    json_t *root = as_json(state);
    char *text = root == NULL ? NULL : json_dumps(root, JSON_COMPACT);
    int rc = text == NULL ? err_nomem(err)
                          : replace_file(disk, path, text, strlen(text), err);
    free(text);
    json_decref(root);
    return rc;
}
