"""DescribeLogDirs: what lies on the disk, and how much."""

from pathlib import Path

import pytest

from harness import messages, wire
from harness.broker import AGAINST_KAFKA
from harness.messages import errors
from harness.wire import Connection

VERSIONS = messages.versions["DescribeLogDirs"]


@pytest.fixture
def connection(broker):
    with Connection(broker.address) as open_connection:
        yield open_connection


def ask(connection, wanted=None, version=VERSIONS[-1]):
    """The one directory; wanted: {topic: [partition, …]}, None for all."""
    topics = wanted and [{"Topic": t, "Partitions": p} for t, p in wanted.items()]
    if wanted == {}:
        topics = []
    values = {"Topics": topics}
    answer = messages.ask(connection, "DescribeLogDirs", version, values)
    assert answer.get("ErrorCode", errors.NONE) == errors.NONE
    (found,) = answer["Results"]
    assert found["ErrorCode"] == errors.NONE
    return found


def sizes(found):
    names = [topic["Name"] for topic in found["Topics"]]
    assert len(set(names)) == len(names), "a topic came twice"
    return {
        (topic["Name"], partition["PartitionIndex"]): partition["PartitionSize"]
        for topic in found["Topics"]
        for partition in topic["Partitions"]
    }


def log_bytes(broker, topic, partition):
    folder = Path(broker.data) / f"{topic}-{partition}"
    return sum(f.stat().st_size for f in folder.glob("*.log"))


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version(broker, connection, topic, version):
    wire.make_topic(connection, topic, partitions=2)
    assert wire.produce(connection, topic, 1, wire.batch([b"x" * 1000]))[0] == wire.NONE
    found = ask(connection, version=version)
    assert found["LogDir"] == str(broker.data)
    assert sizes(found)[topic, 0] == 0
    assert sizes(found)[topic, 1] == log_bytes(broker, topic, 1) > 1000
    for listed in found["Topics"]:
        for partition in listed["Partitions"]:
            assert partition["OffsetLag"] == 0
            assert not partition["IsFutureKey"]
    if version >= 4:
        assert found["TotalBytes"] >= found["UsableBytes"] > 0
    assert not found.get("IsCordoned", False)


def test_only_what_is_asked_for(connection, topic):
    wire.make_topic(connection, f"{topic}-a", partitions=3)
    wire.make_topic(connection, f"{topic}-b")
    wanted = {
        f"{topic}-a": [2, 0, 2, 9, -1],
        f"{topic}-missing": [0],
        f"{topic}-b": [],
    }
    found = sizes(ask(connection, wanted))
    assert found == {(f"{topic}-a", 0): 0, (f"{topic}-a", 2): 0}


def test_in_any_order(connection, topic):
    wire.make_topic(connection, topic, partitions=20)
    wanted = {"a-missing": [0], topic: list(reversed(range(1, 20)))}
    assert sizes(ask(connection, wanted)) == {(topic, p): 0 for p in range(1, 20)}


def test_nothing_is_asked_for(connection, topic):
    wire.make_topic(connection, topic)
    found = ask(connection, {})
    assert found["Topics"] == []
    assert found["TotalBytes"] > 0


def test_a_topic_that_grew_is_listed_once(connection, topic):
    wire.make_topic(connection, f"{topic}-a")
    wire.make_topic(connection, f"{topic}-b")
    grown = {"Name": f"{topic}-a", "Count": 3, "Assignments": None}
    values = {"Topics": [grown], "TimeoutMs": 10000}
    messages.ask(connection, "CreatePartitions", 3, values)
    found = sizes(ask(connection))
    while (f"{topic}-a", 2) not in found:
        assert AGAINST_KAFKA  # which answers before it is there
        found = sizes(ask(connection))
    assert (f"{topic}-b", 0) in found


def test_a_deleted_topic_is_gone(connection, topic):
    wire.make_topic(connection, topic)
    assert (topic, 0) in sizes(ask(connection))
    assert wire.delete_topic(connection, topic) == wire.NONE
    if not AGAINST_KAFKA:  # which answers before it is gone
        assert (topic, 0) not in sizes(ask(connection, {topic: [0]}))


def test_logs_that_are_not_open_have_their_size_too(gregor, topic):
    broker = gregor(topics=[f"{topic}:3"])
    with Connection(broker.address) as connection:
        batch = wire.batch([b"x" * 500])
        assert wire.produce(connection, topic, 2, batch)[0] == wire.NONE
        before = sizes(ask(connection))
    broker.restart()
    with Connection(broker.address) as connection:
        assert sizes(ask(connection)) == before
        assert before[topic, 2] > 500
