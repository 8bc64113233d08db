"""DeleteRecords: the front of a log goes."""

import time

import pytest

from harness import messages, wire
from harness.broker import AGAINST_KAFKA
from harness.messages import errors
from harness.wire import Connection

VERSIONS = messages.versions["DeleteRecords"]
HIGH_WATERMARK = -1
LATEST, EARLIEST = -1, -2


@pytest.fixture
def connection(broker):
    with Connection(broker.address) as open_connection:
        yield open_connection


@pytest.fixture
def filled(connection, topic):
    """Offsets 0 to 9, two a batch."""
    wire.make_topic(connection, topic)
    fill(connection, topic)
    return topic


def fill(connection, topic):
    for _ in range(5):
        batch = wire.batch([b"a", b"b"])
        assert wire.produce(connection, topic, 0, batch)[0] == wire.NONE


def delete(connection, topic, offset, partition=0, version=2):
    """(error, low watermark)"""
    wanted = {"PartitionIndex": partition, "Offset": offset}
    values = {
        "TimeoutMs": 10000,
        "Topics": [{"Name": topic, "Partitions": [wanted]}],
    }
    answer = messages.ask(connection, "DeleteRecords", version, values)
    (found,) = answer["Topics"][0]["Partitions"]
    assert found["PartitionIndex"] == partition
    return found["ErrorCode"], found["LowWatermark"]


def bounds(connection, topic):
    return tuple(
        wire.list_offset(connection, topic, 0, t)[2] for t in (EARLIEST, LATEST)
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_up_to_an_offset(connection, filled, version):
    assert delete(connection, filled, 3, version=version) == (errors.NONE, 3)
    assert bounds(connection, filled) == (3, 10)


def test_up_to_the_high_watermark(connection, filled):
    assert delete(connection, filled, HIGH_WATERMARK) == (errors.NONE, 10)
    assert bounds(connection, filled) == (10, 10)
    batch = wire.batch([b"x"])
    assert wire.produce(connection, filled, 0, batch) == (wire.NONE, 10)


def test_what_is_deleted_cannot_be_fetched(connection, filled):
    delete(connection, filled, 3)
    assert wire.fetch(connection, filled, 0, 2)[0] == wire.OFFSET_OUT_OF_RANGE
    code, _, records = wire.fetch(connection, filled, 0, 3)
    assert code == wire.NONE
    # The batch that holds offset 3 comes whole.
    assert next(wire.split_batches(records))[:2] == (2, 3)


def test_back_does_nothing(connection, filled):
    assert delete(connection, filled, 6) == (errors.NONE, 6)
    assert delete(connection, filled, 2) == (errors.NONE, 6)
    assert bounds(connection, filled) == (6, 10)


@pytest.mark.parametrize("offset", [11, 1 << 62, -2, -(1 << 62)])
def test_an_offset_that_is_none(connection, filled, offset):
    assert delete(connection, filled, offset) == (errors.OFFSET_OUT_OF_RANGE, -1)
    assert bounds(connection, filled) == (0, 10)


def test_what_is_not_there(connection, filled):
    unknown = (errors.UNKNOWN_TOPIC_OR_PARTITION, -1)
    assert delete(connection, f"{filled}-missing", 0) == unknown
    assert delete(connection, filled, 0, partition=1) == unknown
    assert delete(connection, "__transaction_state", 0) == unknown


@pytest.mark.parametrize(
    "policy, error",
    [
        ("compact", errors.POLICY_VIOLATION),
        ("compact,delete", errors.NONE),
        ("delete", errors.NONE),
    ],
)
def test_only_where_the_policy_is_delete(connection, topic, policy, error):
    wire.make_topic(connection, topic, configs={"cleanup.policy": policy})
    low_watermark = 0 if error == errors.NONE else -1
    assert delete(connection, topic, HIGH_WATERMARK) == (error, low_watermark)


def test_internal_topics_are_kept(connection):
    wire.metadata(connection, ["__consumer_offsets"])
    while wire.list_offset(connection, "__consumer_offsets", 0, LATEST)[0] != wire.NONE:
        assert AGAINST_KAFKA  # which makes it a little later
    refused = delete(connection, "__consumer_offsets", 0)
    assert refused == (errors.INVALID_TOPIC_EXCEPTION, -1)


def test_it_outlives_a_clean_stop_and_a_kill(gregor, topic):
    broker = gregor(topics=[topic])
    with Connection(broker.address) as connection:
        fill(connection, topic)
        assert delete(connection, topic, 3) == (errors.NONE, 3)
    broker.restart()
    with Connection(broker.address) as connection:
        assert bounds(connection, topic) == (3, 10)
    broker.kill()
    broker.start()
    with Connection(broker.address) as connection:
        assert bounds(connection, topic) == (3, 10)


def test_the_files_of_what_was_deleted_go_after_their_delay(gregor, topic):
    """At once they only get another name, for readers that are still at them."""
    broker = gregor()
    with Connection(broker.address) as connection:
        config = {"segment.bytes": "1048576", "file.delete.delay.ms": "1500"}
        wire.make_topic(connection, topic, 1, config)
        for _ in range(4):
            batch = wire.batch([b"x" * 700_000])
            assert wire.produce(connection, topic, 0, batch)[0] == wire.NONE
        assert delete(connection, topic, 3) == (wire.NONE, 3)
        folder = broker.data / f"{topic}-0"
        deadline = time.monotonic() + 20
        while len(list(folder.glob("*.log.deleted"))) < 3:
            assert time.monotonic() < deadline, "they have their old names"
            time.sleep(0.05)
        while list(folder.glob("*.deleted")):
            assert time.monotonic() < deadline, "they are still there"
            time.sleep(0.05)
        assert bounds(connection, topic) == (3, 4)
    assert [path.name for path in folder.glob("*.log")] == [f"{3:020}.log"]


def test_several_partitions_in_one_request(connection, topic):
    wire.make_topic(connection, topic, partitions=2)
    batch = wire.batch([b"x"] * 4)
    for partition in range(2):
        assert wire.produce(connection, topic, partition, batch)[0] == wire.NONE
    wanted = [
        {"PartitionIndex": 0, "Offset": 1},
        {"PartitionIndex": 1, "Offset": 9},
        {"PartitionIndex": 2, "Offset": 0},
    ]
    values = {"TimeoutMs": 10000, "Topics": [{"Name": topic, "Partitions": wanted}]}
    answer = messages.ask(connection, "DeleteRecords", 2, values)
    found = {
        p["PartitionIndex"]: (p["ErrorCode"], p["LowWatermark"])
        for p in answer["Topics"][0]["Partitions"]
    }
    assert found == {
        0: (errors.NONE, 1),
        1: (errors.OFFSET_OUT_OF_RANGE, -1),
        2: (errors.UNKNOWN_TOPIC_OR_PARTITION, -1),
    }
