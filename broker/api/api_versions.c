/* ApiVersions (Kafka: KafkaApis.handleApiVersionsRequest, DefaultApiVersionManager)
 *
 * The first request of most connections. A version that is too new never comes
 * here: request.c answers it (KIP-511). */
#include "broker/api/api.h"

#include <stdio.h>

typedef struct api_versions_response_api_version api_version;
typedef struct api_versions_response_supported_feature_key supported_feature;
typedef struct api_versions_response_finalized_feature_key finalized_feature;

static bool is_alphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Letters and digits, inside also '-' and '.'. */
static bool software_text_is_valid(struct str s)
{
    if (s.len <= 0 || !is_alphanumeric(s.data[0]) ||
        !is_alphanumeric(s.data[s.len - 1]))
        return false;
    for (int32_t i = 0; i < s.len; i++) {
        if (!is_alphanumeric(s.data[i]) && s.data[i] != '-' && s.data[i] != '.')
            return false;
    }
    return true;
}

/* Since version 3 a client says what it is. */
static bool note_software(struct request *r, const struct api_versions_request *m)
{
    struct connection_links *links = connection_links(r->connection);
    if (r->version < 3)
        return true;
    if (!software_text_is_valid(m->client_software_name) ||
        !software_text_is_valid(m->client_software_version))
        return false;
    snprintf(links->client_software, sizeof(links->client_software), "%.*s %.*s",
             STR_ARGS(m->client_software_name), STR_ARGS(m->client_software_version));
    return true;
}

static bool list_apis(struct request *r, struct api_versions_response *response)
{
    response->api_keys = arena_array(&r->arena, api_table_count, sizeof(api_version));
    if (response->api_keys == NULL)
        return false;
    for (size_t i = 0; i < api_table_count; i++) {
        response->api_keys[i] = (api_version){
            .api_key = (int16_t)api_table[i]->key,
            .min_version = api_table[i]->min_version,
            .max_version = api_table[i]->max_version,
        };
    }
    response->api_keys_count = (int32_t)api_table_count;
    return true;
}

/* Clients of before version 4 cannot read a range that begins at 0
 * (KAFKA-17492): such features are kept from them. */
static bool list_supported(struct request *r, struct api_versions_response *response)
{
    const struct metadata_broker *self =
        metadata_image_broker(r->node->image, r->node->id);
    if (self == NULL)
        return true;
    response->supported_features =
        arena_array(&r->arena, (size_t)self->feature_count, sizeof(supported_feature));
    if (response->supported_features == NULL)
        return false;
    for (int32_t i = 0; i < self->feature_count; i++) {
        const struct metadata_feature_range *f = &self->features[i];
        if (f->min == 0 && r->version < 4)
            continue;
        response->supported_features[response->supported_features_count++] =
            (supported_feature){
                .name = f->name, .min_version = f->min, .max_version = f->max};
    }
    return true;
}

/* Level 0 is the same as not finalized. */
static bool list_finalized(struct request *r, struct api_versions_response *response)
{
    int32_t count;
    const struct metadata_feature *features =
        metadata_image_features(r->node->image, &count);
    response->finalized_features_epoch =
        controller_metadata_offset(r->node->controller);
    response->finalized_features =
        arena_array(&r->arena, (size_t)count, sizeof(finalized_feature));
    if (response->finalized_features == NULL)
        return false;
    for (int32_t i = 0; i < count; i++) {
        if (features[i].level == 0)
            continue;
        response->finalized_features[response->finalized_features_count++] =
            (finalized_feature){.name = features[i].name,
                                .min_version_level = features[i].level,
                                .max_version_level = features[i].level};
    }
    return true;
}

static void handle(struct request *r)
{
    struct api_versions_response response = API_VERSIONS_RESPONSE_INIT;
    if (!note_software(r, r->message)) {
        response.error_code = KAFKA_INVALID_REQUEST;
        request_respond(r, &response);
        return;
    }
    if (!list_apis(r, &response) || !list_supported(r, &response) ||
        !list_finalized(r, &response)) {
        request_refuse(r, "no memory for its answer");
        return;
    }
    request_respond(r, &response);
}

const struct api api_api_versions = {
    .key = API_API_VERSIONS,
    .min_version = 0,
    .max_version = 4,
    .request = &api_versions_request_type,
    .response = &api_versions_response_type,
    .handle = handle,
};
