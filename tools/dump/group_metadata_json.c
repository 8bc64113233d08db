#include "tools/dump/group_metadata_json.h"

#include <jansson.h>

/* The message in `in`, an int16 of its version before it, as a JSON tree; NULL if it
 * cannot be read. Bytes behind it are of a later version, and left alone. */
static json_t *message_tree(const struct message_type *type, struct bytes in)
{
    struct arena arena = ARENA_INIT;
    struct buf text = BUF_INIT;
    struct wire_reader r = wire_reader_of(in.data, (size_t)in.len, &arena);
    json_t *tree = NULL;
    int16_t version = wire_read_int16(&r);
    void *message = arena_alloc(&arena, type->size);
    if (message != NULL && !r.failed) {
        type->decode(&r, version, message);
        if (!r.failed)
            type->to_json(&text, version, message);
        if (text.len > 0 && !text.failed)
            tree = json_loadb((const char *)text.data, text.len, 0, NULL);
    }
    buf_free(&text);
    arena_reset(&arena);
    return tree;
}

static void replace(json_t *member, const char *field, const struct message_type *type,
                    struct bytes in)
{
    json_t *tree = message_tree(type, in);
    if (tree != NULL)
        json_object_set_new(member, field, tree);
}

static int append(const char *text, size_t len, void *out)
{
    buf_append(out, text, len);
    return 0;
}

void group_metadata_json(struct buf *out, int16_t version,
                         const struct group_metadata_value *value)
{
    if (!str_is(value->protocol_type, "consumer")) {
        group_metadata_value_type.to_json(out, version, value);
        return;
    }
    struct buf plain = BUF_INIT;
    group_metadata_value_type.to_json(&plain, version, value);
    json_t *root =
        plain.failed ? NULL : json_loadb((const char *)plain.data, plain.len, 0, NULL);
    json_t *members = json_object_get(root, "members");
    for (int32_t i = 0; i < value->members_count; i++) {
        json_t *member = json_array_get(members, (size_t)i);
        replace(member, "subscription", &consumer_protocol_subscription_type,
                value->members[i].subscription);
        replace(member, "assignment", &consumer_protocol_assignment_type,
                value->members[i].assignment);
    }
    if (root == NULL || json_dump_callback(root, append, out, JSON_COMPACT) != 0)
        out->failed = true;
    json_decref(root);
    buf_free(&plain);
}
