#include "tools/dump/record_decoder.h"

#include "protocol/messages.h"
#include "tests/support/check_main.h"

static struct bytes bytes_of(const char *text)
{
    struct bytes none = BYTES_NULL;
    return text == NULL ? none
                        : (struct bytes){(const uint8_t *)text, (int32_t)strlen(text)};
}

/* NULL: there is no such text. */
static void check_text(bool there, const struct buf *text, const char *expected)
{
    ck_assert_int_eq(there, expected != NULL);
    if (expected != NULL)
        ck_assert_msg(
            text->len == strlen(expected) &&
                (text->len == 0 || memcmp(text->data, expected, text->len) == 0),
            "%.*s", (int)text->len, (char *)text->data);
}

static void decodes(enum record_decoder decoder, struct bytes key, struct bytes value,
                    const char *expected_key, const char *expected_value, bool faulty)
{
    struct decoded_record d = DECODED_RECORD_INIT;
    struct record record = {.offset = 9, .key = key, .value = value};
    /* What is left of the record before must not show. */
    struct record before = {.key = bytes_of("old key"), .value = bytes_of("old value")};
    record_decode(DECODE_TEXT, &before, &d);
    d.faulty = true;
    record_decode(decoder, &record, &d);
    check_text(d.has_key, &d.key, expected_key);
    check_text(d.has_value, &d.value, expected_value);
    ck_assert_int_eq(d.faulty, faulty);
    decoded_record_free(&d);
}

/* The int16 and the message behind it, in `w`. */
static struct bytes framed(struct wire_writer *w, int16_t number,
                           const struct message_type *type, int16_t version,
                           const void *message)
{
    *w = WIRE_WRITER_INIT;
    wire_write_int16(&w->out, number);
    ck_assert_int_eq(type->encode(w, version, message, NULL), 0);
    return (struct bytes){w->out.data, (int32_t)w->out.len};
}

START_TEST(text_is_shown_as_it_is)
{
    decodes(DECODE_TEXT, bytes_of("k"), bytes_of("v"), "k", "v", false);
    decodes(DECODE_TEXT, bytes_of(NULL), bytes_of(""), NULL, "", false);
    decodes(DECODE_TEXT, bytes_of(""), bytes_of(NULL), "", NULL, false);
    decodes(DECODE_TEXT, bytes_of("\xff"), bytes_of("\xff"), "\xef\xbf\xbd",
            "\xef\xbf\xbd", false);
}
END_TEST

START_TEST(a_share_groups_state)
{
    struct wire_writer key, value;
    struct share_update_key k = SHARE_UPDATE_KEY_INIT;
    struct share_update_value v = SHARE_UPDATE_VALUE_INIT;
    k.group_id = STR_LITERAL("g");
    k.partition = 3;
    v.start_offset = 7;
    struct bytes in = framed(&key, 1, &share_update_key_type, 0, &k);
    struct decoded_record d = DECODED_RECORD_INIT;
    struct record record = {
        .key = in, .value = framed(&value, 0, &share_update_value_type, 0, &v)};
    record_decode(DECODE_SHARE_STATE, &record, &d);
    check_text(d.has_key, &d.key,
               "{\"type\":\"1\",\"data\":{\"groupId\":\"g\",\"topicId\":"
               "\"AAAAAAAAAAAAAAAAAAAAAA\",\"partition\":3}}");
    buf_append(&d.value, "", 1);
    ck_assert_ptr_nonnull(strstr((char *)d.value.data, "\"startOffset\":7"));
    decoded_record_free(&d);
    wire_writer_free(&key);
    wire_writer_free(&value);
}
END_TEST

START_TEST(a_group_that_is_no_consumers_keeps_its_members_bytes)
{
    struct wire_writer key, value;
    struct group_metadata_key k = GROUP_METADATA_KEY_INIT;
    struct group_metadata_value v = GROUP_METADATA_VALUE_INIT;
    struct group_metadata_value_member_metadata m =
        GROUP_METADATA_VALUE_MEMBER_METADATA_INIT;
    k.group = STR_LITERAL("connect");
    v.protocol_type = STR_LITERAL("connect");
    m.subscription = (struct bytes){(const uint8_t *)"\0\0", 2};
    v.members = &m;
    v.members_count = 1;
    struct decoded_record d = DECODED_RECORD_INIT;
    struct record record = {.key = framed(&key, 2, &group_metadata_key_type, 0, &k),
                            .value =
                                framed(&value, 3, &group_metadata_value_type, 3, &v)};
    record_decode(DECODE_OFFSETS, &record, &d);
    buf_append(&d.value, "", 1);
    ck_assert_ptr_nonnull(strstr((char *)d.value.data, "\"subscription\":\"AAA=\""));
    ck_assert(!d.faulty);
    decoded_record_free(&d);
    wire_writer_free(&key);
    wire_writer_free(&value);
}
END_TEST

START_TEST(a_tombstone_says_so)
{
    struct wire_writer key;
    struct group_metadata_key k = GROUP_METADATA_KEY_INIT;
    k.group = STR_LITERAL("g");
    struct bytes in = framed(&key, 2, &group_metadata_key_type, 0, &k);
    decodes(DECODE_OFFSETS, in, BYTES_NULL,
            "{\"type\":\"2\",\"data\":{\"group\":\"g\"}}", "<DELETE>", false);
    wire_writer_free(&key);
}
END_TEST

START_TEST(what_cannot_be_decoded_is_a_sentence)
{
    struct bytes short_key = {(const uint8_t *)"\0\2\0\5g", 5};
    struct bytes later_type = {(const uint8_t *)"\0\77", 2};
    decodes(DECODE_OFFSETS, later_type, BYTES_NULL,
            "Unknown record type 63 at offset 9, skipping.", NULL, false);
    decodes(DECODE_OFFSETS, BYTES_NULL, BYTES_NULL,
            "Error at offset 9, skipping. the key has no version", NULL, true);
    decodes(DECODE_OFFSETS, short_key, BYTES_NULL,
            "Error at offset 9, skipping. GroupMetadataKey version 0 cannot be read: "
            "the bytes end too early",
            NULL, true);
    decodes(DECODE_CLUSTER_METADATA, BYTES_NULL, bytes_of("\1"), NULL,
            "Error at 9, skipping. a metadata record is too short", true);
    decodes(DECODE_CLUSTER_METADATA, BYTES_NULL, BYTES_NULL, NULL,
            "Error at 9, skipping. a metadata record is too short", true);
}
END_TEST

START_TEST(a_value_of_a_later_version_is_a_sentence)
{
    struct wire_writer key;
    struct transaction_log_key k = TRANSACTION_LOG_KEY_INIT;
    k.transactional_id = STR_LITERAL("t");
    struct bytes in = framed(&key, 0, &transaction_log_key_type, 0, &k);
    decodes(DECODE_TRANSACTIONS, in, (struct bytes){(const uint8_t *)"\0\x63", 2},
            "Error at offset 9, skipping. TransactionLogValue has no version 99", NULL,
            true);
    wire_writer_free(&key);
}
END_TEST

GREGOR_TESTS("record_decoder", text_is_shown_as_it_is, a_share_groups_state,
             a_group_that_is_no_consumers_keeps_its_members_bytes, a_tombstone_says_so,
             what_cannot_be_decoded_is_a_sentence,
             a_value_of_a_later_version_is_a_sentence)
