"""Topics made, grown, deleted and described: the answers are Apache Kafka's.

See harness/compare.py for how they are compared.
"""

import uuid

import pytest

from harness.compare import Accepted, Id
from harness.messages import NO_ID

NOBODY = uuid.UUID("01234567-89ab-cdef-0123-456789abcdef")


# What is meant to differ. Elsewhere in this file nothing may.
NAMELESS = Accepted(
    "a topic without name and id makes Kafka stumble (UNKNOWN_SERVER_ERROR); it is "
    "an invalid request",
    ".Topics[0].ErrorCode: 42 | -1",
    ".ErrorCode: 0 | -1",
)
EMPTY_NAME = Accepted(
    "an empty name makes Kafka stumble; it is an invalid one",
    ".Topics[0].ErrorCode: 17 | -1",
    ".Topics[0].TopicAuthorizedOperations: 3576 | -2147483648",
)
NOT_MADE = Accepted(
    "Kafka tells nobody why a topic could not be made by asking for it",
    ".Topics[1].ErrorCode: 42 | 3",
)
TOO_MANY = Accepted(
    "a request for very many partitions breaks a bound inside Kafka, which then makes "
    "10,000 of them and answers UNKNOWN_SERVER_ERROR; here the bound is told",
    ".Results[0].ErrorCode: 44 | -1",
)
# Not asked, since Kafka's answer depends on the moment or is an overflow of its own:
# a timeout of 0, where Kafka may or may not have made the topic by the time it
# answers REQUEST_TIMED_OUT; a cursor near 2^31, to which Kafka adds the page's size;
# the settings of a topic that Kafka keeps for its own tests (internal.segment.bytes).


def config(**pairs):
    return [{"Name": k.replace("_", "."), "Value": v} for k, v in pairs.items()]


def wanted(name, partitions=1, factor=1, assignments=(), configs=()):
    return {
        "Name": name,
        "NumPartitions": partitions,
        "ReplicationFactor": factor,
        "Assignments": [
            {"PartitionIndex": i, "BrokerIds": list(ids)} for i, ids in assignments
        ],
        "Configs": list(configs),
    }


def create(*topics, validate_only=False):
    return {
        "Topics": list(topics),
        "timeoutMs": 30000,
        "validateOnly": validate_only,
    }


# -- CreateTopics ----------------------------------------------------------------------

BAD_NAMES = ["", ".", "..", "a b", "ä", "x" * 250, "a/b", "__cluster_metadata", "\n"]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_topic_name_that_is_none(pair, name):
    pair.same("CreateTopics", create(wanted(name)))


REFUSED = {
    "no partitions": wanted("t", 0),
    "fewer than none": wanted("t", -2),
    "more partitions than are allowed": wanted("t", 10_001),
    "as many as there are numbers": wanted("t", 2**31 - 1),
    "no replicas": wanted("t", 1, 0),
    "fewer replicas than none": wanted("t", 1, -2),
    "more replicas than brokers": wanted("t", 1, 2),
    "as many replicas as there are numbers": wanted("t", 1, 32767),
    "assignment and counts": wanted("t", 1, 1, [(0, [1])]),
    "assignment and a partition count": wanted("t", 1, -1, [(0, [1])]),
    "assignment and a factor": wanted("t", -1, 1, [(0, [1])]),
    "assigned to an unknown broker": wanted("t", -1, -1, [(0, [7])]),
    "assigned to nobody": wanted("t", -1, -1, [(0, [])]),
    "assigned twice to one broker": wanted("t", -1, -1, [(0, [1, 1])]),
    "assigned to a negative broker": wanted("t", -1, -1, [(0, [-1])]),
    "assigned with a gap": wanted("t", -1, -1, [(0, [1]), (2, [1])]),
    "assigned from 1": wanted("t", -1, -1, [(1, [1])]),
    "assigned below 0": wanted("t", -1, -1, [(-1, [1])]),
    "one partition assigned twice": wanted("t", -1, -1, [(0, [1]), (0, [1])]),
    "assigned unevenly": wanted("t", -1, -1, [(0, [1]), (1, [1, 2])]),
}
REFUSED_CONFIGS = {
    "unknown": config(no_such_key="1"),
    "not a number": config(retention_ms="soon"),
    "empty": config(retention_ms=""),
    "null": config(retention_ms=None),
    "below the minimum": config(segment_bytes="1"),
    "above the maximum": config(segment_bytes="2147483648"),
    "above int64": config(retention_ms="9223372036854775808"),
    "not in the list": config(cleanup_policy="wash"),
    "cleanup policy twice": config(cleanup_policy="compact,compact"),
    "no such codec": config(compression_type="brotli"),
    "codec in capitals": config(compression_type="ZSTD"),
    "gzip level": config(compression_gzip_level="10"),
    "gzip level 0": config(compression_gzip_level="0"),
    "lz4 level": config(compression_lz4_level="0"),
    "zstd level": config(compression_zstd_level="23"),
    "ratio": config(min_cleanable_dirty_ratio="1.5"),
    "ratio not a number": config(min_cleanable_dirty_ratio="much"),
    "boolean": config(preallocate="yes"),
    "timestamp type": config(message_timestamp_type="Now"),
    "min in-sync replicas": config(min_insync_replicas="0"),
    "local retention above retention": config(
        local_retention_bytes="10", retention_bytes="5"
    ),
    "local retention ms above retention": config(
        local_retention_ms="10", retention_ms="5"
    ),
    "compaction lag": config(min_compaction_lag_ms="10", max_compaction_lag_ms="5"),
    "remote storage": config(remote_storage_enable="true"),
    "remote copy disabled": config(remote_log_copy_disable="true"),
    "remote delete": config(remote_log_delete_on_disable="true"),
    "throttled replicas": config(leader_replication_throttled_replicas="x"),
    "segment.ms 0": config(segment_ms="0"),
    "jitter below 0": config(segment_jitter_ms="-1"),
    "message format": config(message_format_version="2.0"),
    "max message bytes below 0": config(max_message_bytes="-1"),
    "two wrong": config(retention_ms="soon", no_such_key="1"),
    "empty name": [{"Name": "", "Value": "1"}],
    "unclean leader election": config(unclean_leader_election_enable="maybe"),
    "diskless": config(diskless_enable="true"),
    "errors deadletterqueue": config(errors_deadletterqueue_group_enable="maybe"),
}


@pytest.mark.parametrize("validate_only", [False, True])
@pytest.mark.parametrize("topic", REFUSED.values(), ids=REFUSED)
def test_a_topic_that_is_refused(pair, topic, validate_only):
    pair.same("CreateTopics", create(topic, validate_only=validate_only))
    metadata_of(pair, "t", versions=[12])


@pytest.mark.parametrize("configs", REFUSED_CONFIGS.values(), ids=REFUSED_CONFIGS)
def test_a_topic_config_that_is_refused(pair, configs):
    refused = wanted("t", configs=configs)
    # One that is accepted after all is not there then.
    pair.same("CreateTopics", create(refused, validate_only=True))


ACCEPTED_CONFIGS = {
    "spaces around a number": config(retention_ms=" 5 "),
    "plus sign": config(retention_ms="+5"),
    "list": config(cleanup_policy="compact,delete"),
    "list with spaces": config(cleanup_policy=" compact , delete "),
    "no cleanup": config(cleanup_policy=""),
    "boolean in capitals": config(preallocate="TRUE"),
    "boolean with spaces": config(preallocate=" true "),
    "uncompressed": config(compression_type="uncompressed"),
    "a key twice": [*config(retention_ms="5"), *config(retention_ms="6")],
    "ratio 0": config(min_cleanable_dirty_ratio="0"),
    "ratio with exponent": config(min_cleanable_dirty_ratio="5e-1"),
    "throttled": config(leader_replication_throttled_replicas="*"),
    "throttled two": config(leader_replication_throttled_replicas="0:1,1:1"),
    "negative retention": config(retention_ms="-1", retention_bytes="-1"),
    "min in-sync above the factor": config(min_insync_replicas="3"),
    "LogAppendTime": config(message_timestamp_type="LogAppendTime"),
    "all": config(
        compression_type="zstd",
        compression_zstd_level="-5",
        flush_ms="0",
        flush_messages="1",
        index_interval_bytes="0",
        max_message_bytes="0",
    ),
}


@pytest.mark.parametrize("configs", ACCEPTED_CONFIGS.values(), ids=ACCEPTED_CONFIGS)
def test_a_topic_config_that_is_taken(pair, topic, configs):
    made = wanted(topic, configs=configs)
    pair.same("CreateTopics", create(made, validate_only=True))
    pair.same("CreateTopics", create(made), only=[7])
    describe = {"Resources": [{"ResourceType": 2, "ResourceName": topic}]}
    pair.same("DescribeConfigs", {**describe, "IncludeSynonyms": True}, only=[4])


def test_topics_that_are_made(pair, topic):
    def several(version):
        name = f"{topic}-{version}"
        return create(
            wanted(name, 3),
            wanted(f"{name}-assigned", -1, -1, [(0, [1]), (1, [1])]),
            wanted(f"{name}-configured", 2, configs=config(retention_ms="5")),
            wanted(f"{name}-dot.ted"),
        )

    pair.same("CreateTopics", several)
    pair.same("CreateTopics", several)  # each exists now
    pair.same("CreateTopics", lambda v: {**several(v), "validateOnly": True})
    pair.same("CreateTopics", create(wanted(f"{topic}-7-dot_ted")))
    for name in ["", "-assigned", "-configured", "-dot.ted"]:
        metadata_of(pair, f"{topic}-7{name}")


def test_default_counts(pair, topic):
    defaults = lambda v: create(wanted(f"{topic}-{v}", -1, -1))  # noqa: E731
    pair.same("CreateTopics", defaults)
    metadata_of(pair, f"{topic}-7")


def test_one_name_twice_in_a_request(pair, topic):
    twice = create(wanted(topic), wanted(topic, 2), wanted(f"{topic}-other"))
    pair.same("CreateTopics", lambda v: {**twice, "validateOnly": True})
    pair.same("CreateTopics", create(wanted(topic), wanted(topic)))


def test_names_that_collide_in_one_request(pair, topic):
    both = create(wanted(f"{topic}.a"), wanted(f"{topic}_a"))
    pair.same("CreateTopics", both, only=[7])


def test_no_topics(pair):
    pair.same("CreateTopics", create())


def test_good_and_bad_together(pair, topic):
    pair.same(
        "CreateTopics",
        create(wanted("a b"), wanted(topic), wanted(f"{topic}-0", 0)),
        only=[7],
    )
    metadata_of(pair, topic)


# -- Metadata --------------------------------------------------------------------------


def metadata_of(pair, *names, versions=None, auto=False, **more):
    topics = [{"Name": name} for name in names]
    asked = {"Topics": topics, "AllowAutoTopicCreation": auto, **more}
    # Before version 4 asking makes the topic.
    pair.same("Metadata", asked, only=versions or range(4, 14))


def test_metadata_of_topics(pair, topic):
    pair.make(topic, 3)
    metadata_of(pair, topic, versions=range(14))
    metadata_of(pair, topic, topic, "nobody", "a b", "", "x" * 250)
    metadata_of(pair, topic, IncludeTopicAuthorizedOperations=True)
    metadata_of(pair, topic, IncludeClusterAuthorizedOperations=True)
    metadata_of(pair)


def test_metadata_by_id(pair, topic):
    pair.make(topic, 2)
    for name in None, "", "x":
        for wanted_id in Id(topic), NOBODY, NO_ID:
            asked = [{"TopicId": wanted_id, "Name": name}]
            stumbles = name is None and wanted_id == NO_ID
            wanted = {"Topics": asked, "AllowAutoTopicCreation": False}
            pair.same("Metadata", wanted, only=[10, 11])
            pair.same(
                "Metadata",
                wanted,
                only=[12, 13],
                but=NAMELESS if stumbles else None,
            )
    mixed = [{"TopicId": Id(topic), "Name": None}, {"TopicId": NOBODY, "Name": None}]
    pair.same("Metadata", {"Topics": mixed}, only=range(10, 14))
    pair.same("Metadata", {"Topics": mixed + [{"Name": topic}]}, only=range(10, 14))


def test_metadata_of_no_topics(pair):
    pair.same("Metadata", {"Topics": []}, only=range(1, 14))


def test_metadata_makes_topics(pair, topic):
    bad = [{"Name": name} for name in ("a b", "", "__cluster_metadata")]
    pair.same("Metadata", {"Topics": bad}, but=NOT_MADE)
    for name in "-a", "-b":
        asked = {"Topics": [{"Name": topic + name}]}
        # The first answer depends on the moment: either there yet, or not.
        pair.both(lambda side: side.ask("Metadata", 12, asked))
        while pair.other.ask("Metadata", 12, asked)["Topics"][0]["ErrorCode"]:
            pass
        pair.same("Metadata", asked)


# -- CreatePartitions ------------------------------------------------------------------


def grow(name, count, assignments=None, validate_only=False):
    if assignments is not None:
        assignments = [{"BrokerIds": ids} for ids in assignments]
    return {
        "Topics": [{"Name": name, "Count": count, "Assignments": assignments}],
        "TimeoutMs": 30000,
        "ValidateOnly": validate_only,
    }


GROWTH = {
    "none more": (2, None),
    "fewer": (1, None),
    "zero": (0, None),
    "negative": (-1, None),
    "assigned too few": (4, [[1]]),
    "assigned too many": (3, [[1], [1]]),
    "assigned none": (3, []),
    "assigned to nobody": (3, [[]]),
    "assigned to a stranger": (3, [[9]]),
    "assigned twice": (3, [[1, 1]]),
    "assigned with another factor": (3, [[1, 2]]),
    "assigned negative": (3, [[-1]]),
    "same, assigned": (2, [[1]]),
    "same, assigned none": (2, []),
}


@pytest.fixture(scope="module")
def two(pair):
    return pair.make("two-partitions", 2)


@pytest.mark.parametrize("validate_only", [False, True])
@pytest.mark.parametrize("growth", GROWTH.values(), ids=GROWTH)
def test_partitions_that_are_refused(pair, two, growth, validate_only):
    pair.same("CreatePartitions", grow(two, *growth, validate_only))
    metadata_of(pair, two, versions=[12])


def test_very_many_partitions(pair, two):
    asked = grow(two, 2**31 - 1, validate_only=True)
    pair.same("CreatePartitions", asked, but=TOO_MANY)


def test_partitions_of_unknown_topics(pair):
    for name in "nobody", "", "a b", "__cluster_metadata":
        pair.same("CreatePartitions", grow(name, 3))


def test_partitions_are_added(pair, topic):
    pair.make(topic, 1)
    pair.same("CreatePartitions", grow(topic, 9, validate_only=True))
    pair.same("CreatePartitions", lambda version: grow(topic, 2 + version))
    pair.same("CreatePartitions", lambda version: grow(topic, 6 + version, [[1]]))
    metadata_of(pair, topic)


def test_one_topic_twice(pair, two):
    topics = [{"Name": two, "Count": n, "Assignments": None} for n in (3, 4)]
    asked = {"Topics": topics, "TimeoutMs": 30000, "ValidateOnly": True}
    pair.same("CreatePartitions", asked)
    pair.same("CreatePartitions", {**asked, "Topics": []})
    others = topics[:1] + [{"Name": "nobody", "Count": 3, "Assignments": None}]
    pair.same("CreatePartitions", {**asked, "Topics": others})


# -- DeleteTopics ----------------------------------------------------------------------


def delete(*names, ids=()):
    return {
        "Topics": [{"Name": n} for n in names]
        + [{"Name": None, "TopicId": i} for i in ids],
        "TopicNames": list(names),
        "TimeoutMs": 30000,
    }


def test_topics_that_are_not_there(pair):
    pair.same("DeleteTopics", delete("nobody"))
    pair.same("DeleteTopics", delete("nobody", "somebody"))
    pair.same("DeleteTopics", delete("a b"))
    pair.same("DeleteTopics", delete(""))
    pair.same("DeleteTopics", delete())
    pair.same("DeleteTopics", delete("__cluster_metadata"))
    for unknown in NOBODY, NO_ID:
        pair.same("DeleteTopics", delete(ids=[unknown]), only=[6])
        pair.same("DeleteTopics", delete(ids=[unknown, unknown]), only=[6])


def test_topics_are_deleted(pair, topic):
    for version in pair.offered("DeleteTopics"):
        name = f"{topic}-{version}"
        pair.make(name)
        pair.same("DeleteTopics", delete(name, "nobody"), only=[version])
        pair.same("DeleteTopics", delete(name), only=[version])
        metadata_of(pair, name, versions=[12])


def test_topics_are_deleted_by_id(pair, topic):
    pair.make(topic)
    pair.same("DeleteTopics", delete(ids=[Id(topic), NOBODY]), only=[6])
    pair.same("DeleteTopics", delete(ids=[Id(topic)]), only=[6])
    metadata_of(pair, topic, versions=[12])


def test_named_twice(pair, topic):
    pair.make(topic)
    pair.same("DeleteTopics", delete("nobody", "nobody"))
    pair.same("DeleteTopics", delete(topic, topic), only=[6])
    pair.same("DeleteTopics", delete(topic, ids=[Id(topic)]), only=[6])
    both = {"Topics": [{"Name": topic, "TopicId": Id(topic)}], "TimeoutMs": 1}
    pair.same("DeleteTopics", both, only=[6])
    neither = {"Topics": [{"Name": None}], "TimeoutMs": 1}
    pair.same("DeleteTopics", neither, only=[6])
    metadata_of(pair, topic, versions=[12])


# -- DescribeTopicPartitions -----------------------------------------------------------


def page(*names, limit=2000, cursor=None):
    return {
        "Topics": [{"Name": name} for name in names],
        "ResponsePartitionLimit": limit,
        "Cursor": cursor and {"TopicName": cursor[0], "PartitionIndex": cursor[1]},
    }


@pytest.fixture(scope="module")
def pages(pair):
    for name, partitions in ("pages-a", 3), ("pages-b", 2), ("pages-c", 1):
        pair.make(name, partitions)
    return ["pages-b", "pages-a", "pages-c"]


@pytest.mark.parametrize("limit", [2000, 1, 2, 3, 4, 5, 6, 7, 0, -1, 2001, 2**31 - 1])
def test_a_page_of_partitions(pair, pages, limit):
    pair.same("DescribeTopicPartitions", page(*pages, limit=limit))


CURSORS = [
    ("pages-a", 0),
    ("pages-a", 2),
    ("pages-a", 3),
    ("pages-a", -1),
    ("pages-a", -2),
    ("pages-b", 1),
    ("pages-c", 1),
    ("pages-c", 1_000_000),
    ("pages-aa", 0),
    ("pages-aa", 5),
    ("zzz", 0),
    ("", 0),
    ("a b", 0),
]


@pytest.mark.parametrize("cursor", CURSORS, ids=str)
@pytest.mark.parametrize("limit", [2000, 2])
def test_a_page_from_a_cursor(pair, pages, cursor, limit):
    pair.same("DescribeTopicPartitions", page(*pages, limit=limit, cursor=cursor))


def test_pages_of_unknown_topics(pair, pages):
    pair.same("DescribeTopicPartitions", page(""), but=EMPTY_NAME)
    for names in ["nobody"], ["a b"], ["x" * 250], ["nobody", *pages, "a b"]:
        for limit in 2000, 1:
            pair.same("DescribeTopicPartitions", page(*names, limit=limit))
    for cursor in ("nobody", 0), ("pages-a", 1):
        pair.same("DescribeTopicPartitions", page("nobody", *pages, cursor=cursor))
    pair.same("DescribeTopicPartitions", page("pages-a", "pages-a"))
    pair.same("DescribeTopicPartitions", page("__cluster_metadata"))
