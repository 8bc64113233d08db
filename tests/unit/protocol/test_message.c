/* What the golden vectors do not show: defaults, refusals, gaps, lookups. */
#include "protocol/messages.h"

#include "protocol/api_keys.h"
#include "protocol/kafka_error.h"
#include "tests/support/check_main.h"

static struct bytes written(const struct wire_writer *w)
{
    return (struct bytes){w->out.data, (int32_t)w->out.len};
}

START_TEST(init_and_the_init_macro_give_the_schema_defaults)
{
    struct fetch_request by_macro = FETCH_REQUEST_INIT;
    struct fetch_request by_call;
    memset(&by_call, 0xa5, sizeof(by_call));
    fetch_request_type.init(&by_call);
    const struct fetch_request *both[] = {&by_macro, &by_call};
    for (size_t i = 0; i < 2; i++) {
        const struct fetch_request *r = both[i];
        ck_assert_ptr_null(r->cluster_id.data);
        ck_assert_int_eq(r->replica_id, -1);
        ck_assert_int_eq(r->replica_state.replica_id, -1);
        ck_assert_int_eq(r->replica_state.replica_epoch, -1);
        ck_assert_int_eq(r->max_bytes, INT32_MAX);
        ck_assert_int_eq(r->session_epoch, -1);
        ck_assert(str_is(r->rack_id, ""));
        ck_assert_int_eq(r->topics_count, 0);
    }
    struct fetch_request_fetch_partition p = FETCH_REQUEST_FETCH_PARTITION_INIT;
    ck_assert_int_eq(p.high_watermark, INT64_MAX);
}
END_TEST

/* Defaults by macro and by table come from one schema through two emitters. */
START_TEST(init_agrees_with_the_macro_on_the_wire)
{
    struct wire_writer a = WIRE_WRITER_INIT;
    struct wire_writer b = WIRE_WRITER_INIT;
    struct create_topics_request by_macro = CREATE_TOPICS_REQUEST_INIT;
    struct create_topics_request by_call;
    create_topics_request_type.init(&by_call);
    ck_assert_int_eq(create_topics_request_type.encode(&a, 7, &by_macro, NULL), 0);
    ck_assert_int_eq(create_topics_request_type.encode(&b, 7, &by_call, NULL), 0);
    ck_assert_int_eq(by_macro.timeout_ms, 60000);
    ck_assert_uint_eq(a.out.len, b.out.len);
    ck_assert_mem_eq(a.out.data, b.out.data, a.out.len);
    wire_writer_free(&a);
    wire_writer_free(&b);
}
END_TEST

START_TEST(fields_outside_the_version_read_get_their_defaults)
{
    /* v0: replica, wait, min bytes, no topics. */
    static const uint8_t bytes[16] = {0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0, 2};
    struct arena arena = ARENA_INIT;
    struct fetch_request r;
    memset(&r, 0xa5, sizeof(r));
    ck_assert_int_eq(message_decode(&fetch_request_type, 0,
                                    (struct bytes){bytes, sizeof(bytes)}, &arena, &r,
                                    NULL),
                     0);
    ck_assert_int_eq(r.replica_id, 7);
    ck_assert_int_eq(r.min_bytes, 2);
    ck_assert_int_eq(r.max_bytes, INT32_MAX);
    ck_assert_int_eq(r.session_epoch, -1);
    ck_assert_int_eq(r.forgotten_topics_data_count, 0);
    ck_assert(str_is(r.rack_id, ""));
    arena_reset(&arena);
}
END_TEST

static int try_encode(const struct message_type *type, int16_t version,
                      const void *message, struct err *err)
{
    struct wire_writer w = WIRE_WRITER_INIT;
    int rc = type->encode(&w, version, message, err);
    wire_writer_free(&w);
    return rc;
}

START_TEST(a_field_set_outside_its_version_is_refused_unless_ignorable)
{
    struct err err = {0};
    struct produce_request r = PRODUCE_REQUEST_INIT;
    r.transactional_id = STR_LITERAL("t"); /* since v3, not ignorable */
    ck_assert_int_eq(try_encode(&produce_request_type, 2, &r, &err),
                     ERR_UNSUPPORTED_VERSION);
    ck_assert_ptr_nonnull(strstr(err.message, "transactionalId"));
    ck_assert_int_eq(try_encode(&produce_request_type, 3, &r, &err), 0);

    struct produce_response answer = PRODUCE_RESPONSE_INIT;
    answer.throttle_time_ms = 5; /* since v1, ignorable */
    ck_assert_int_eq(try_encode(&produce_response_type, 0, &answer, &err), 0);
}
END_TEST

START_TEST(a_struct_set_outside_its_version_is_refused)
{
    struct err err = {0};
    struct fetch_request r = FETCH_REQUEST_INIT;
    ck_assert_int_eq(try_encode(&fetch_request_type, 14, &r, &err), 0);
    r.replica_state.replica_epoch = 3; /* a tagged struct since v15 */
    ck_assert_int_eq(try_encode(&fetch_request_type, 14, &r, &err),
                     ERR_UNSUPPORTED_VERSION);
    ck_assert_int_eq(try_encode(&fetch_request_type, 15, &r, &err), 0);
}
END_TEST

START_TEST(a_null_that_the_version_cannot_say_is_refused)
{
    struct err err = {0};
    struct metadata_request r = METADATA_REQUEST_INIT;
    r.topics_count = -1; /* nullable since v1 */
    ck_assert_int_eq(try_encode(&metadata_request_type, 0, &r, &err), ERR_INVALID);
    ck_assert_int_eq(try_encode(&metadata_request_type, 1, &r, &err), 0);

    struct heartbeat_request h = HEARTBEAT_REQUEST_INIT;
    h.group_id = STR_NULL;
    ck_assert_int_eq(try_encode(&heartbeat_request_type, 0, &h, &err), ERR_INVALID);
    ck_assert_ptr_nonnull(strstr(err.message, "groupId"));
}
END_TEST

START_TEST(a_null_element_is_refused)
{
    struct err err = {0};
    struct str names[] = {STR_LITERAL("g"), STR_NULL};
    struct delete_groups_request r = DELETE_GROUPS_REQUEST_INIT;
    r.groups_names = names;
    r.groups_names_count = 1;
    ck_assert_int_eq(try_encode(&delete_groups_request_type, 2, &r, &err), 0);
    r.groups_names_count = 2;
    ck_assert_int_eq(try_encode(&delete_groups_request_type, 2, &r, &err), ERR_INVALID);
}
END_TEST

START_TEST(a_string_too_long_for_the_wire_is_refused)
{
    struct err err = {0};
    static char text[INT16_MAX + 1];
    struct heartbeat_request h = HEARTBEAT_REQUEST_INIT;
    h.group_id = (struct str){text, INT16_MAX};
    ck_assert_int_eq(try_encode(&heartbeat_request_type, 4, &h, &err), 0);
    h.group_id.len++;
    ck_assert_int_eq(try_encode(&heartbeat_request_type, 4, &h, &err), ERR_INVALID);
}
END_TEST

START_TEST(a_version_that_is_none_is_refused_both_ways)
{
    struct err err = {0};
    struct heartbeat_request h = HEARTBEAT_REQUEST_INIT;
    ck_assert_int_eq(try_encode(&heartbeat_request_type, 5, &h, &err),
                     ERR_UNSUPPORTED_VERSION);
    ck_assert_int_eq(
        message_decode(&heartbeat_request_type, 5, BYTES_EMPTY, NULL, &h, &err),
        ERR_MALFORMED);
}
END_TEST

START_TEST(nulls_and_leftovers_on_the_wire_are_errors)
{
    struct err err = {0};
    struct sasl_handshake_request r;
    static const uint8_t null_mechanism[] = {0xff, 0xff};
    static const uint8_t with_more[] = {0, 1, 'P', 9};
    const struct message_type *type = &sasl_handshake_request_type;
    ck_assert_int_eq(
        message_decode(type, 0, (struct bytes){null_mechanism, 2}, NULL, &r, &err),
        ERR_MALFORMED);
    ck_assert_int_eq(
        message_decode(type, 0, (struct bytes){with_more, 4}, NULL, &r, &err),
        ERR_MALFORMED);
    ck_assert_int_eq(
        message_decode(type, 0, (struct bytes){with_more, 3}, NULL, &r, &err), 0);
    ck_assert(str_is(r.mechanism, "P"));

    struct metadata_request m;
    static const uint8_t null_topics[] = {0xff, 0xff, 0xff, 0xff};
    struct bytes bytes = {null_topics, 4};
    ck_assert_int_eq(message_decode(&metadata_request_type, 0, bytes, NULL, &m, &err),
                     ERR_MALFORMED);
    ck_assert_int_eq(message_decode(&metadata_request_type, 1, bytes, NULL, &m, &err),
                     0);
    ck_assert_int_eq(m.topics_count, -1);
}
END_TEST

START_TEST(a_count_beyond_the_bytes_allocates_nothing)
{
    /* v1: 2^31 - 1 topics, in four bytes more. */
    static const uint8_t bytes[] = {0x7f, 0xff, 0xff, 0xff, 0, 1, 'a', 0};
    struct arena arena = ARENA_INIT;
    struct metadata_request m;
    ck_assert_int_eq(message_decode(&metadata_request_type, 1,
                                    (struct bytes){bytes, sizeof(bytes)}, &arena, &m,
                                    NULL),
                     ERR_MALFORMED);
    ck_assert_uint_eq(arena.used, 0);
    ck_assert_int_eq(m.topics_count, 0);
    arena_reset(&arena);
}
END_TEST

START_TEST(the_limit_of_the_arena_ends_a_decode)
{
    struct metadata_request_metadata_request_topic topics[100];
    for (int i = 0; i < 100; i++)
        topics[i] = METADATA_REQUEST_METADATA_REQUEST_TOPIC_INIT;
    struct metadata_request m = METADATA_REQUEST_INIT;
    m.topics = topics;
    m.topics_count = 100;
    struct wire_writer w = WIRE_WRITER_INIT;
    ck_assert_int_eq(metadata_request_type.encode(&w, 1, &m, NULL), 0);

    struct arena arena = {.limit = 512};
    struct err err = {0};
    ck_assert_int_eq(
        message_decode(&metadata_request_type, 1, written(&w), &arena, &m, &err),
        ERR_MALFORMED);
    arena_reset(&arena);
    wire_writer_free(&w);
}
END_TEST

START_TEST(a_tagged_field_must_fill_its_size)
{
    /* ApiVersionsResponse v3: no error, no keys, no throttling, one tag: 1, the
     * epoch of the finalized features, in 8 bytes, said to be 8 and then 9. */
    uint8_t bytes[] = {0, 0, 1, 0, 0, 0, 0, 1, 1, 8, 0, 0, 0, 0, 0, 0, 0, 42, 0};
    struct api_versions_response r;
    ck_assert_int_eq(message_decode(&api_versions_response_type, 3,
                                    (struct bytes){bytes, sizeof(bytes) - 1}, NULL, &r,
                                    NULL),
                     0);
    ck_assert_int_eq(r.finalized_features_epoch, 42);
    bytes[9] = 9;
    ck_assert_int_eq(message_decode(&api_versions_response_type, 3,
                                    (struct bytes){bytes, sizeof(bytes)}, NULL, &r,
                                    NULL),
                     ERR_MALFORMED);
}
END_TEST

START_TEST(unknown_tags_are_skipped)
{
    static const uint8_t bytes[] = {2, 'c', 2, 'v', 2, 7, 3, 'x', 'y', 'z', 99, 0};
    struct api_versions_request r;
    ck_assert_int_eq(message_decode(&api_versions_request_type, 3,
                                    (struct bytes){bytes, sizeof(bytes)}, NULL, &r,
                                    NULL),
                     0);
    ck_assert(str_is(r.client_software_name, "c"));
    ck_assert(str_is(r.client_software_version, "v"));
}
END_TEST

/* A tag means something only from its version on. */
START_TEST(a_tag_of_a_later_version_is_skipped)
{
    /* Broker 1, epoch 2, and tag 1, in_controlled_shutdown since v1: 5. */
    static const uint8_t bytes[] = {0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 1, 1, 1, 5};
    const struct message_type *type = &broker_registration_change_record_type;
    struct bytes data = {bytes, sizeof(bytes)};
    struct broker_registration_change_record r;
    ck_assert_int_eq(message_decode(type, 0, data, NULL, &r, NULL), 0);
    ck_assert_int_eq(r.in_controlled_shutdown, 0);
    ck_assert_int_eq(message_decode(type, 1, data, NULL, &r, NULL), 0);
    ck_assert_int_eq(r.in_controlled_shutdown, 5);
}
END_TEST

/* Encodes a fetch response of two partitions whose records are not here. */
static void check_gaps(int16_t version)
{
    int files[2];
    struct fetch_response_partition_data parts[2] = {
        FETCH_RESPONSE_PARTITION_DATA_INIT, FETCH_RESPONSE_PARTITION_DATA_INIT};
    parts[0].records = (struct records){.source = &files[0], .len = 1000};
    parts[1].records = (struct records){.source = &files[1], .len = 0};
    struct fetch_response_fetchable_topic_response topic =
        FETCH_RESPONSE_FETCHABLE_TOPIC_RESPONSE_INIT;
    topic.partitions = parts;
    topic.partitions_count = 2;
    struct fetch_response r = FETCH_RESPONSE_INIT;
    r.responses = &topic;
    r.responses_count = 1;

    struct wire_writer w = WIRE_WRITER_INIT;
    ck_assert_int_eq(fetch_response_type.encode(&w, version, &r, NULL), 0);
    ck_assert_uint_eq(w.gap_count, 2);
    ck_assert_ptr_eq(w.gaps[0].source, &files[0]);
    ck_assert_ptr_eq(w.gaps[1].source, &files[1]);
    ck_assert_uint_eq(w.gaps[0].len, 1000);
    ck_assert_uint_eq(fetch_response_type.encoded_size(version, &r), w.out.len + 1000);

    /* With the bytes put in, it is the message that has them. */
    static const uint8_t records[1000] = {1, 2, 3};
    struct buf whole = BUF_INIT;
    buf_append(&whole, w.out.data, w.gaps[0].at);
    buf_append(&whole, records, sizeof(records));
    buf_append(&whole, w.out.data + w.gaps[0].at, w.out.len - w.gaps[0].at);
    struct arena arena = ARENA_INIT;
    struct fetch_response got;
    struct err err = {0};
    int rc = message_decode(&fetch_response_type, version,
                            (struct bytes){whole.data, (int32_t)whole.len}, &arena,
                            &got, &err);
    ck_assert_msg(rc == 0, "%s", err.message);
    const struct fetch_response_partition_data *p = got.responses[0].partitions;
    ck_assert_int_eq(p[0].records.len, 1000);
    ck_assert_mem_eq(p[0].records.data, records, 1000);
    ck_assert(p[1].records.data != NULL && p[1].records.len == 0);
    arena_reset(&arena);
    buf_free(&whole);
    wire_writer_free(&w);
}

/* Kafka always writes this one: null, which is not its default, for a member of the
 * new protocol. */
static const uint8_t member_of_new_protocol[] = {0, 0, 2,    'c',  2, 'h', 2, 2, 't', 1,
                                                 0, 4, 0x93, 0xe0, 0, 1,   0, 1, 0};

START_TEST(a_null_that_is_not_the_default_is_a_tagged_field)
{
    struct arena arena = ARENA_INIT;
    struct err err;
    struct wire_writer w = WIRE_WRITER_INIT;
    struct buf json = BUF_INIT;
    struct consumer_group_member_metadata_value v;
    const struct message_type *type = &consumer_group_member_metadata_value_type;
    struct bytes in = {member_of_new_protocol, sizeof(member_of_new_protocol)};
    ck_assert_msg(message_decode(type, 0, in, &arena, &v, &err) == 0, "%s",
                  err.message);
    ck_assert_ptr_null(v.classic_member_metadata);
    ck_assert_uint_eq(type->encoded_size(0, &v), sizeof(member_of_new_protocol));
    ck_assert_int_eq(type->encode(&w, 0, &v, &err), 0);
    ck_assert_uint_eq(w.out.len, sizeof(member_of_new_protocol));
    ck_assert_mem_eq(w.out.data, member_of_new_protocol, w.out.len);
    type->to_json(&json, 0, &v);
    buf_append(&json, "", 1);
    ck_assert_ptr_nonnull(strstr((char *)json.data, "\"classicMemberMetadata\":null"));
    buf_free(&json);
    wire_writer_free(&w);
    arena_reset(&arena);
}
END_TEST

START_TEST(a_tagged_struct_that_is_left_out_has_its_default)
{
    uint8_t bytes[sizeof(member_of_new_protocol) - 3];
    struct arena arena = ARENA_INIT;
    struct err err;
    struct wire_writer w = WIRE_WRITER_INIT;
    struct consumer_group_member_metadata_value v;
    const struct message_type *type = &consumer_group_member_metadata_value_type;
    memcpy(bytes, member_of_new_protocol, sizeof(bytes));
    bytes[sizeof(bytes) - 1] = 0; /* no tagged field */
    struct bytes in = {bytes, sizeof(bytes)};
    ck_assert_int_eq(message_decode(type, 0, in, &arena, &v, &err), 0);
    ck_assert_ptr_nonnull(v.classic_member_metadata);
    ck_assert_int_eq(v.classic_member_metadata->session_timeout_ms, 0);
    ck_assert_int_eq(type->encode(&w, 0, &v, &err), 0);
    ck_assert_uint_eq(w.out.len, sizeof(bytes));
    ck_assert_mem_eq(w.out.data, bytes, sizeof(bytes));
    wire_writer_free(&w);
    arena_reset(&arena);
}
END_TEST

START_TEST(json_has_fields_in_the_order_of_the_schema)
{
    struct buf json = BUF_INIT;
    struct transaction_log_value v = TRANSACTION_LOG_VALUE_INIT;
    v.previous_producer_id = 7; /* declared second, and tagged */
    transaction_log_value_type.to_json(&json, 1, &v);
    buf_append(&json, "", 1);
    const char *start = "{\"producerId\":0,\"previousProducerId\":7,\"producerEpoch\"";
    ck_assert_msg(strncmp((char *)json.data, start, strlen(start)) == 0, "%s",
                  (char *)json.data);
    buf_free(&json);
}
END_TEST

START_TEST(records_with_a_source_become_gaps)
{
    check_gaps(4);
    check_gaps(12);
}
END_TEST

START_TEST(json_is_valid_whatever_the_strings_hold)
{
    struct heartbeat_request h = HEARTBEAT_REQUEST_INIT;
    h.group_id = STR_LITERAL("a\"\n\xff\xc3\xa9");
    h.member_id = STR_LITERAL("\xc3\xa9");
    struct buf out = BUF_INIT;
    heartbeat_request_type.to_json(&out, 0, &h);
    buf_append(&out, "", 1);
    ck_assert_str_eq((char *)out.data,
                     "{\"groupId\":\"a\\\"\\n???\",\"generationId\":0,"
                     "\"memberId\":\"\xc3\xa9\"}");
    buf_free(&out);
}
END_TEST

START_TEST(types_are_found_by_key_and_by_name)
{
    ck_assert_ptr_eq(message_request_type(API_FETCH), &fetch_request_type);
    ck_assert_ptr_eq(message_response_type(API_FETCH), &fetch_response_type);
    ck_assert_ptr_eq(message_metadata_record_type(2), &topic_record_type);
    ck_assert_ptr_null(message_request_type(-1));
    ck_assert_ptr_null(message_request_type(4)); /* LeaderAndIsr, gone since 4.0 */
    ck_assert_ptr_null(message_request_type(INT16_MAX));
    for (size_t i = 0; i < message_type_count; i++)
        ck_assert_ptr_eq(message_type_by_name(message_types[i]->name),
                         message_types[i]);
    ck_assert_ptr_null(message_type_by_name(""));
    ck_assert_ptr_null(message_type_by_name("Zzz"));
    ck_assert(init_producer_id_request_type.latest_unstable);
}
END_TEST

START_TEST(every_version_that_kafka_offers_has_a_schema)
{
    int offered = 0;
    for (int16_t key = 0; key < 256; key++) {
        int16_t min;
        int16_t max;
        if (!api_key_offered(key, &min, &max))
            continue;
        offered++;
        const struct message_type *both[] = {message_request_type(key),
                                             message_response_type(key)};
        for (size_t i = 0; i < 2; i++) {
            ck_assert_ptr_nonnull(both[i]);
            ck_assert_int_ge(min, both[i]->min_version);
            ck_assert_int_le(max, both[i]->max_version);
        }
    }
    ck_assert_int_gt(offered, 0);
}
END_TEST

START_TEST(header_versions_follow_flexibility)
{
    ck_assert_int_eq(message_request_header_version(&fetch_request_type, 11), 1);
    ck_assert_int_eq(message_request_header_version(&fetch_request_type, 12), 2);
    ck_assert_int_eq(message_response_header_version(&fetch_response_type, 11), 0);
    ck_assert_int_eq(message_response_header_version(&fetch_response_type, 12), 1);
    ck_assert_int_eq(message_request_header_version(&api_versions_request_type, 3), 2);
    ck_assert_int_eq(message_response_header_version(&api_versions_response_type, 3),
                     0);
    ck_assert_int_eq(message_request_header_version(&sasl_handshake_request_type, 1),
                     1);
}
END_TEST

/* The client id of a flexible header stays a plain string (KIP-482). */
START_TEST(the_client_id_is_never_compact)
{
    static const uint8_t bytes[] = {0, 18, 0, 3, 0, 0, 0, 7, 0, 2, 'm', 'e', 0};
    struct request_header h;
    ck_assert_int_eq(message_decode(&request_header_type, 2,
                                    (struct bytes){bytes, sizeof(bytes)}, NULL, &h,
                                    NULL),
                     0);
    ck_assert_int_eq(h.correlation_id, 7);
    ck_assert(str_is(h.client_id, "me"));
}
END_TEST

START_TEST(errors_and_keys_have_names)
{
    ck_assert_str_eq(kafka_error_name(KAFKA_OFFSET_OUT_OF_RANGE),
                     "OFFSET_OUT_OF_RANGE");
    ck_assert_str_eq(kafka_error_name(12345), "UNKNOWN_SERVER_ERROR");
    ck_assert(kafka_error_retriable(KAFKA_NOT_LEADER_OR_FOLLOWER));
    ck_assert(!kafka_error_retriable(KAFKA_NONE));
    ck_assert_str_eq(api_key_name(API_API_VERSIONS), "ApiVersions");
    ck_assert_ptr_null(api_key_name(4));
    int16_t min = -1;
    int16_t max = -1;
    ck_assert(api_key_offered(API_FETCH, &min, &max));
    ck_assert_int_eq(min, 4);
    ck_assert_int_eq(max, 18);
    ck_assert(!api_key_offered(API_VOTE, &min, &max));
}
END_TEST

GREGOR_TESTS("message", init_and_the_init_macro_give_the_schema_defaults,
             init_agrees_with_the_macro_on_the_wire,
             fields_outside_the_version_read_get_their_defaults,
             a_field_set_outside_its_version_is_refused_unless_ignorable,
             a_struct_set_outside_its_version_is_refused,
             a_null_that_the_version_cannot_say_is_refused, a_null_element_is_refused,
             a_string_too_long_for_the_wire_is_refused,
             a_version_that_is_none_is_refused_both_ways,
             nulls_and_leftovers_on_the_wire_are_errors,
             a_count_beyond_the_bytes_allocates_nothing,
             the_limit_of_the_arena_ends_a_decode, a_tagged_field_must_fill_its_size,
             unknown_tags_are_skipped, a_null_that_is_not_the_default_is_a_tagged_field,
             a_tagged_struct_that_is_left_out_has_its_default,
             json_has_fields_in_the_order_of_the_schema,
             a_tag_of_a_later_version_is_skipped, records_with_a_source_become_gaps,
             json_is_valid_whatever_the_strings_hold,
             types_are_found_by_key_and_by_name,
             every_version_that_kafka_offers_has_a_schema,
             header_versions_follow_flexibility, the_client_id_is_never_compact,
             errors_and_keys_have_names)
