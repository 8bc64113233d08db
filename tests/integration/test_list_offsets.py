"""ListOffsets and OffsetForLeaderEpoch: where a log begins, ends, and was when."""

import pytest

from harness import messages, wire
from harness.messages import errors
from harness.wire import Connection

VERSIONS = messages.versions["ListOffsets"]
LATEST, EARLIEST, MAX, EARLIEST_LOCAL, LATEST_TIERED, PENDING_UPLOAD = range(-1, -7, -1)
FIRST_VERSION = {MAX: 7, EARLIEST_LOCAL: 8, LATEST_TIERED: 9, PENDING_UPLOAD: 11}
NEWEST = VERSIONS[-1]
PARTITION = ("PartitionIndex", "Timestamp", "CurrentLeaderEpoch")


@pytest.fixture
def connection(broker):
    with Connection(broker.address) as open_connection:
        yield open_connection


@pytest.fixture
def filled(connection, topic):
    """Offsets 0 to 5, two records each at 1000, 3000, 2000."""
    wire.make_topic(connection, topic)
    for timestamp in (1000, 3000, 2000):
        records = wire.batch([b"a", b"b"], timestamp=timestamp)
        assert wire.produce(connection, topic, 0, records)[0] == wire.NONE
    return topic


def ask(connection, version, topics, replica=-1, isolation=None):
    """topics: {name: [(partition, timestamp), …]}, or with a leader epoch third"""
    values = {
        "ReplicaId": replica,
        "Topics": [
            {
                "Name": name,
                "Partitions": [
                    dict(zip(PARTITION, partition)) for partition in partitions
                ],
            }
            for name, partitions in topics.items()
        ],
    }
    if isolation is not None:
        values["IsolationLevel"] = isolation
    return messages.ask(connection, "ListOffsets", version, values)


def one(connection, topic, timestamp, version=NEWEST, partition=0, epoch=-1, **more):
    """(error, timestamp, offset, leader epoch)"""
    answer = ask(connection, version, {topic: [(partition, timestamp, epoch)]}, **more)
    (found,) = answer["Topics"][0]["Partitions"]
    assert found["PartitionIndex"] == partition
    return (
        found["ErrorCode"],
        found["Timestamp"],
        found["Offset"],
        found.get("LeaderEpoch", 0),
    )


NOTHING = (errors.NONE, -1, -1, -1)


def failed(error):
    return (error, -1, -1, -1)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version(connection, filled, version):
    answers = {
        LATEST: (errors.NONE, -1, 6, 0),
        EARLIEST: (errors.NONE, -1, 0, 0),
        2500: (errors.NONE, 3000, 2, 0),
        MAX: (errors.NONE, 3000, 2, 0),
        EARLIEST_LOCAL: (errors.NONE, -1, 0, 0),
        LATEST_TIERED: NOTHING,
        PENDING_UPLOAD: NOTHING,
        -7: failed(errors.UNSUPPORTED_VERSION),
    }
    told = 4 if version >= 4 else 3  # leader epochs came with version 4
    for timestamp, answer in answers.items():
        if version < FIRST_VERSION.get(timestamp, 1):
            answer = failed(errors.UNSUPPORTED_VERSION)
        assert one(connection, filled, timestamp, version)[:told] == answer[:told]


@pytest.mark.parametrize(
    "timestamp, found",
    [(0, (1000, 0)), (1000, (1000, 0)), (1001, (3000, 2)), (3000, (3000, 2))],
)
def test_the_first_record_at_or_after_a_time(connection, filled, timestamp, found):
    assert one(connection, filled, timestamp) == (errors.NONE, *found, 0)


def test_after_the_last_time_there_is_none(connection, filled):
    assert one(connection, filled, 3001) == NOTHING


def test_within_a_batch_the_record_is_found(connection, topic):
    wire.make_topic(connection, topic)
    records = b"".join(
        wire.record(i, b"x", timestamp_delta=10 * i) for i in range(5)
    )
    batch = wire.batch([b"x"] * 5, timestamp=1000, records=records, max_timestamp=1040)
    assert wire.produce(connection, topic, 0, batch)[0] == wire.NONE
    assert one(connection, topic, 1011) == (errors.NONE, 1020, 2, 0)
    assert one(connection, topic, MAX) == (errors.NONE, 1040, 4, 0)


@pytest.mark.parametrize("timestamp", [LATEST, EARLIEST, EARLIEST_LOCAL])
def test_an_empty_log_begins_and_ends_at_0(connection, topic, timestamp):
    wire.make_topic(connection, topic)
    assert one(connection, topic, timestamp) == (errors.NONE, -1, 0, 0)


@pytest.mark.parametrize("timestamp", [MAX, 0, 1000, LATEST_TIERED])
def test_an_empty_log_has_no_record(connection, topic, timestamp):
    wire.make_topic(connection, topic)
    assert one(connection, topic, timestamp) == NOTHING


def test_many_partitions_are_answered_in_one(connection, topic):
    wire.make_topic(connection, topic, partitions=20)
    for partition in range(20):
        for i in range(partition + 1):
            batch = wire.batch([b"x"], timestamp=1000 + i)
            assert wire.produce(connection, topic, partition, batch)[0] == wire.NONE
    wanted = [(p, 1000 + p if p % 2 else LATEST) for p in range(20)]
    answer = ask(connection, NEWEST, {topic: wanted})
    found = answer["Topics"][0]["Partitions"]
    offsets = {p["PartitionIndex"]: p["Offset"] for p in found}
    assert offsets == {p: p if p % 2 else p + 1 for p in range(20)}


def test_what_is_not_there(connection, filled):
    unknown = failed(errors.UNKNOWN_TOPIC_OR_PARTITION)
    assert one(connection, f"{filled}-missing", LATEST) == unknown
    assert one(connection, filled, LATEST, partition=1) == unknown
    assert one(connection, filled, LATEST, partition=-1) == unknown
    assert one(connection, "", LATEST) == unknown


@pytest.mark.parametrize(
    "epoch, error",
    [
        (-1, errors.NONE),
        (0, errors.NONE),
        (1, errors.UNKNOWN_LEADER_EPOCH),
        (-2, errors.FENCED_LEADER_EPOCH),
    ],
)
def test_the_leader_epoch_is_checked(connection, filled, epoch, error):
    assert one(connection, filled, LATEST, epoch=epoch)[0] == error
    assert one(connection, filled, 1000, epoch=epoch)[0] == error


def test_a_partition_named_twice_is_refused_once(connection, filled):
    wire.make_topic(connection, f"{filled}-2", partitions=2)
    answer = ask(
        connection,
        NEWEST,
        {
            filled: [(0, LATEST), (0, EARLIEST), (0, LATEST)],
            f"{filled}-2": [(0, LATEST), (1, LATEST)],
        },
    )
    found = {t["Name"]: t["Partitions"] for t in answer["Topics"]}
    assert [p["ErrorCode"] for p in found[filled]] == [errors.INVALID_REQUEST]
    assert [p["ErrorCode"] for p in found[f"{filled}-2"]] == [errors.NONE] * 2


@pytest.mark.parametrize("isolation", [0, 1])
def test_isolation_levels(connection, filled, isolation):
    assert one(connection, filled, LATEST, isolation=isolation)[2] == 6
    assert one(connection, filled, 2500, isolation=isolation)[2] == 2


def test_an_isolation_level_that_is_none(connection, filled):
    found = one(connection, filled, LATEST, isolation=2)
    assert found == failed(errors.UNKNOWN_SERVER_ERROR)


@pytest.mark.parametrize("replica", [-2, 1])
def test_replicas_may_ask(connection, filled, replica):
    assert one(connection, filled, LATEST, replica=replica)[:3] == (errors.NONE, -1, 6)


def test_a_deleted_start_counts(connection, filled):
    values = {
        "TimeoutMs": 1000,
        "Topics": [
            {"Name": filled, "Partitions": [{"PartitionIndex": 0, "Offset": 3}]}
        ],
    }
    messages.ask(connection, "DeleteRecords", 2, values)
    assert one(connection, filled, EARLIEST) == (errors.NONE, -1, 3, 0)
    assert one(connection, filled, 0) == (errors.NONE, 3000, 3, 0)


# -- leader epochs ---------------------------------------------------------------


def end_of_epoch(connection, topic, epoch, version=4, current=-1, partition=0):
    """(error, leader epoch, end offset)"""
    asked = {
        "Partition": partition,
        "CurrentLeaderEpoch": current,
        "LeaderEpoch": epoch,
    }
    values = {"Topics": [{"Topic": topic, "Partitions": [asked]}]}
    answer = messages.ask(connection, "OffsetForLeaderEpoch", version, values)
    (found,) = answer["Topics"][0]["Partitions"]
    assert answer["Topics"][0]["Topic"] == topic
    assert found["Partition"] == partition
    return found["ErrorCode"], found["LeaderEpoch"], found["EndOffset"]


@pytest.mark.parametrize("version", messages.versions["OffsetForLeaderEpoch"])
def test_where_an_epoch_ends(connection, filled, version):
    assert end_of_epoch(connection, filled, 0, version) == (errors.NONE, 0, 6)
    assert end_of_epoch(connection, filled, -1, version) == NOTHING[:3]
    assert end_of_epoch(connection, filled, 1, version) == NOTHING[:3]


def test_where_an_epoch_without_records_ends(connection, topic):
    wire.make_topic(connection, topic)
    assert end_of_epoch(connection, topic, 0) == (errors.NONE, 0, 0)


def test_the_current_epoch_is_checked(connection, filled):
    assert end_of_epoch(connection, filled, 0, current=0) == (errors.NONE, 0, 6)
    unknown = failed(errors.UNKNOWN_LEADER_EPOCH)[:3]
    assert end_of_epoch(connection, filled, 0, current=1) == unknown


def test_epochs_of_what_is_not_there(connection, filled):
    unknown = failed(errors.UNKNOWN_TOPIC_OR_PARTITION)[:3]
    assert end_of_epoch(connection, f"{filled}-missing", 0) == unknown
    assert end_of_epoch(connection, filled, 0, partition=9) == unknown
