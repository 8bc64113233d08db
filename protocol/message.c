#include "protocol/message.h"

#include <string.h>

#include "protocol/api_keys.h"
#include "protocol/codec.h"

int message_decode(const struct message_type *type, int16_t version, struct bytes data,
                   struct arena *arena, void *message, struct err *err)
{
    struct wire_reader r = wire_reader_of(data.data, (size_t)data.len, arena);
    type->decode(&r, version, message);
    if (!r.failed && wire_left(&r) > 0)
        wire_fail(&r, "bytes are left over");
    if (!r.failed)
        return 0;
    return err_set(err, ERR_MALFORMED, "%s version %d cannot be read: %s", type->name,
                   version, r.why);
}

static const struct message_type *by_key(const struct message_type *const types[],
                                         size_t count, int16_t key)
{
    return key < 0 || (size_t)key >= count ? NULL : types[key];
}

const struct message_type *message_request_type(int16_t api_key)
{
    return by_key(codec_requests, codec_requests_count, api_key);
}

const struct message_type *message_response_type(int16_t api_key)
{
    return by_key(codec_responses, codec_responses_count, api_key);
}

const struct message_type *message_metadata_record_type(int16_t api_key)
{
    return by_key(codec_metadata_records, codec_metadata_records_count, api_key);
}

const struct message_type *message_type_by_name(const char *name)
{
    size_t low = 0;
    size_t high = message_type_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(name, message_types[middle]->name);
        if (order == 0)
            return message_types[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

int16_t message_request_header_version(const struct message_type *type, int16_t version)
{
    return version >= type->first_flexible ? 2 : 1;
}

/* A client that does not know yet which versions the broker speaks must be able
 * to read the answer to its ApiVersions request (KIP-511). */
int16_t message_response_header_version(const struct message_type *type,
                                        int16_t version)
{
    if (type->api_key == API_API_VERSIONS)
        return 0;
    return version >= type->first_flexible ? 1 : 0;
}
