#include "protocol/base/uuid.h"

static const char ALPHABET[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

#define TEXT_LEN (UUID_TEXT_SIZE - 1)

/* Ids whose first 8 bytes are zero and whose last are below 100 are Kafka's
 * own (Uuid.RESERVED); a version 4 id is never one of them. */
struct uuid uuid_random(const struct random *random)
{
    struct uuid id;
    do {
        random_fill(random, id.bytes, sizeof(id.bytes));
        id.bytes[6] = (uint8_t)((id.bytes[6] & 0x0f) | 0x40);
        id.bytes[8] = (uint8_t)((id.bytes[8] & 0x3f) | 0x80);
    } while (ALPHABET[id.bytes[0] >> 2] == '-');
    return id;
}

char *uuid_text(struct uuid id, char out[UUID_TEXT_SIZE])
{
    uint32_t bits = 0;
    int have = 0;
    size_t n = 0;
    for (size_t i = 0; i < sizeof(id.bytes); i++) {
        bits = bits << 8 | id.bytes[i];
        have += 8;
        while (have >= 6) {
            have -= 6;
            out[n++] = ALPHABET[bits >> have & 63];
        }
    }
    out[n++] = ALPHABET[bits << (6 - have) & 63];
    out[n] = '\0';
    return out;
}

int uuid_parse(struct str text, struct uuid *out, struct err *err)
{
    uint32_t bits = 0;
    int have = 0;
    size_t n = 0;
    for (int32_t i = 0; i < text.len && text.len == TEXT_LEN; i++) {
        const char *at = text.data[i] == '\0' ? NULL : strchr(ALPHABET, text.data[i]);
        if (at == NULL)
            break;
        bits = bits << 6 | (uint32_t)(at - ALPHABET);
        have += 6;
        if (have >= 8) {
            have -= 8;
            out->bytes[n++] = (uint8_t)(bits >> have);
        }
        if (i == TEXT_LEN - 1)
            return 0;
    }
    return err_set(err, ERR_INVALID, "'%.*s' is not an id (22 characters of base64url)",
                   STR_ARGS(text));
}
