"""Versions that Apache Kafka 4.0 gave up and clients of before 2.1 ask with. What they
answer is compared with 3.9.1 in tests/interop/test_old_same.py.
"""

import os
import time

import pytest

from harness import messages, wire
from harness.messages import errors
from harness.wire import Connection, batch

LATEST, EARLIEST = -1, -2


@pytest.fixture
def connection(broker):
    with Connection(broker.address) as open_connection:
        yield open_connection


@pytest.fixture
def made(connection, topic):
    wire.make_topic(connection, topic)
    return topic


def offsets(connection, topic, timestamp, most=100):
    """ListOffsets, version 0."""
    part = {"PartitionIndex": 0, "Timestamp": timestamp, "MaxNumOffsets": most}
    asked = {"ReplicaId": -1, "Topics": [{"Name": topic, "Partitions": [part]}]}
    answer = messages.ask(connection, "ListOffsets", 0, asked)
    (found,) = answer["Topics"][0]["Partitions"]
    assert found["ErrorCode"] == errors.NONE
    return found["OldStyleOffsets"]


def test_segments_and_the_end_are_listed_latest_first(connection, topic):
    configs = {"segment.bytes": "1048576"}
    wire.make_topic(connection, topic, configs=configs)
    assert offsets(connection, topic, LATEST) == [0]
    for _ in range(5):
        wire.produce(connection, topic, 0, batch([b"x" * 500_000]))
    assert offsets(connection, topic, LATEST) == [5, 4, 2, 0]
    assert offsets(connection, topic, LATEST, 2) == [5, 4]
    assert offsets(connection, topic, LATEST, 0) == []
    assert offsets(connection, topic, EARLIEST) == [0]


def test_by_when_their_files_were_written(gregor):
    broker = gregor(topics=["t:1:segment.bytes=1048576"])
    with Connection(broker.address) as connection:
        for _ in range(5):
            wire.produce(connection, "t", 0, batch([b"x" * 500_000]))
        for age, base in ((300, 0), (200, 2), (100, 4)):
            path = broker.data / "t-0" / f"{base:020}.log"
            stamp = 1_700_000_000 - age
            os.utime(path, (stamp, stamp))
        at = 1_700_000_000_000
        assert offsets(connection, "t", at - 300_001) == []
        assert offsets(connection, "t", at - 300_000) == [0]
        assert offsets(connection, "t", at - 150_000) == [2, 0]
        assert offsets(connection, "t", at - 150_000, 1) == [2]
        assert offsets(connection, "t", int(time.time() * 1000) + 1000) == [5, 4, 2, 0]


def test_what_was_deleted_is_not_listed(connection, made):
    for value in b"a", b"b", b"c":
        wire.produce(connection, made, 0, batch([value]))
    part = {"PartitionIndex": 0, "Offset": 2}
    asked = {"Topics": [{"Name": made, "Partitions": [part]}], "TimeoutMs": 30000}
    messages.ask(connection, "DeleteRecords", 0, asked)
    assert offsets(connection, made, LATEST) == [3, 2]


@pytest.mark.parametrize("version", [0, 1])
def test_topics_come_and_go(connection, topic, version):
    wanted = {"Name": topic, "NumPartitions": 2, "ReplicationFactor": 1}
    asked = {"Topics": [wanted], "timeoutMs": 30000}
    codes = []
    for _ in range(2):
        answer = messages.ask(connection, "CreateTopics", version, asked)
        codes.append(answer["Topics"][0]["ErrorCode"])
    assert codes == [errors.NONE, errors.TOPIC_ALREADY_EXISTS]
    assert wire.metadata(connection, [topic]) == {topic: (errors.NONE, [0, 1])}
    asked = {"TopicNames": [topic], "TimeoutMs": 30000}
    answer = messages.ask(connection, "DeleteTopics", 0, asked)
    assert answer["Responses"] == [{"Name": topic, "ErrorCode": errors.NONE}]
    assert topic not in wire.all_topics(connection)


def test_settings_say_whether_they_are_defaults(connection, topic):
    wire.make_topic(connection, topic, configs={"retention.ms": "777"})
    keys = ["retention.ms", "segment.bytes"]
    resource = {"ResourceType": 2, "ResourceName": topic, "ConfigurationKeys": keys}
    asked = {"Resources": [resource]}
    answer = messages.ask(connection, "DescribeConfigs", 0, asked)
    found = {c["Name"]: c["IsDefault"] for c in answer["Results"][0]["Configs"]}
    assert found == {"retention.ms": False, "segment.bytes": True}


def test_directories(connection, made):
    asked = {"Topics": [{"Topic": made, "Partitions": [0]}]}
    answer = messages.ask(connection, "DescribeLogDirs", 0, asked)
    assert [t["Name"] for t in answer["Results"][0]["Topics"]] == [made]


def test_offsets_committed_with_a_time_of_the_client(connection, made):
    part = {"PartitionIndex": 0, "CommittedOffset": 7, "CommitTimestamp": 1000}
    asked = {"GroupId": made, "Topics": [{"Name": made, "Partitions": [part]}]}
    while messages.ask(connection, "FindCoordinator", 0, {"Key": made})["ErrorCode"]:
        pass
    answer = messages.ask(connection, "OffsetCommit", 1, asked)
    assert answer["Topics"][0]["Partitions"][0]["ErrorCode"] == errors.NONE
    asked = {"GroupId": made, "Topics": [{"Name": made, "PartitionIndexes": [0]}]}
    answer = messages.ask(connection, "OffsetFetch", 1, asked)
    assert answer["Topics"][0]["Partitions"][0]["CommittedOffset"] == 7
