"""ListOffsets, OffsetForLeaderEpoch, DeleteRecords: answers as Apache Kafka's."""

import pytest

from harness.wire import batch

NOW = 1_700_000_000_000


def produce(pair, topic, *batches, number=0):
    for records in batches:
        part = {"Index": number, "Records": records}
        data = [{"Name": topic, "PartitionData": [part]}]
        pair.same("Produce", {"Acks": -1, "TimeoutMs": 9999, "TopicData": data}, [9])


@pytest.fixture(scope="module")
def filled(pair):
    """Three batches, the newest record in the middle; partition 1 is empty; 2
    begins at offset 2."""
    pair.make("filled", 3)
    for number in 0, 2:
        produce(
            pair,
            "filled",
            batch([b"a", b"b"], timestamp=NOW),
            batch([b"c"], timestamp=NOW + 2000),
            batch([b"d"], timestamp=NOW + 1000),
            number=number,
        )
    asked = delete_records(("filled", 2, 2))
    pair.same("DeleteRecords", asked)
    return "filled"


# -- ListOffsets -----------------------------------------------------------------------


def list_offsets(*parts, isolation=0, replica=-1, epoch=-1):
    """Each part: (topic, partition, timestamp)."""
    topics = {}
    for topic, number, timestamp in parts:
        topics.setdefault(topic, []).append(
            {
                "PartitionIndex": number,
                "Timestamp": timestamp,
                "CurrentLeaderEpoch": epoch,
            }
        )
    return {
        "ReplicaId": replica,
        "IsolationLevel": isolation,
        "TimeoutMs": 1000,
        "Topics": [{"Name": t, "Partitions": p} for t, p in topics.items()],
    }


TIMES = [*range(-8, 2), NOW - 1, NOW, NOW + 1, NOW + 1000, NOW + 2000, NOW + 2001]


@pytest.mark.parametrize("timestamp", [*TIMES, 2**63 - 1, -(2**63)])
def test_the_offset_of_a_time(pair, filled, timestamp):
    for number in 0, 1, 2:
        for isolation in 0, 1:
            pair.same(
                "ListOffsets", list_offsets((filled, number, timestamp), isolation=isolation)
            )


@pytest.mark.parametrize("replica", [-1, -2, 0, 1, 7])
@pytest.mark.parametrize("epoch", [-2, -1, 0, 1, 1000])
def test_who_asks_and_with_which_epoch(pair, filled, replica, epoch):
    for timestamp in -1, -2, -3, NOW:
        asked = list_offsets((filled, 0, timestamp), replica=replica, epoch=epoch)
        pair.same("ListOffsets", asked)


def test_offsets_of_what_is_not_there(pair, filled):
    for name, number in (filled, 3), (filled, -1), ("nobody", 0), ("", 0), ("a b", 0):
        for timestamp in -1, -2, -3, NOW:
            pair.same("ListOffsets", list_offsets((name, number, timestamp)))
    pair.same("ListOffsets", list_offsets())
    pair.same("ListOffsets", list_offsets((filled, 0, -1), isolation=2))


def test_one_partition_twice(pair, filled):
    pair.same("ListOffsets", list_offsets((filled, 0, -1), (filled, 0, -1)))
    pair.same("ListOffsets", list_offsets((filled, 0, -1), (filled, 0, -2)))
    pair.same("ListOffsets", list_offsets((filled, 1, -1), (filled, 0, -2), ("nobody", 0, 1)))


# -- OffsetForLeaderEpoch --------------------------------------------------------------


@pytest.mark.parametrize("epoch", [-2, -1, 0, 1, 2**31 - 1])
@pytest.mark.parametrize("current", [-2, -1, 0, 1, 2**31 - 1])
def test_where_an_epoch_ended(pair, filled, epoch, current):
    for number in 0, 1, 2, 3, -1:
        for replica in -2, -1, 1:
            part = {
                "Partition": number,
                "CurrentLeaderEpoch": current,
                "LeaderEpoch": epoch,
            }
            topics = [
                {"Topic": filled, "Partitions": [part]},
                {"Topic": "nobody", "Partitions": [part]},
            ]
            pair.same("OffsetForLeaderEpoch", {"ReplicaId": replica, "Topics": topics})


def test_no_epochs(pair):
    pair.same("OffsetForLeaderEpoch", {"ReplicaId": -1, "Topics": []})


# -- DeleteRecords ---------------------------------------------------------------------


def delete_records(*parts, timeout=30000):
    """Each part: (topic, partition, offset)."""
    topics = {}
    for topic, number, offset in parts:
        topics.setdefault(topic, []).append({"PartitionIndex": number, "Offset": offset})
    return {
        "Topics": [{"Name": t, "Partitions": p} for t, p in topics.items()],
        "TimeoutMs": timeout,
    }


@pytest.mark.parametrize("offset", [0, 1, 3, -1, 5, -2, 2**63 - 1, -(2**63)])
def test_records_deleted_up_to(pair, topic, offset):
    pair.make(topic)
    produce(pair, topic, batch([b"a", b"b"]), batch([b"c", b"d"]))
    pair.same("DeleteRecords", delete_records((topic, 0, offset)))
    pair.same("DeleteRecords", delete_records((topic, 0, 0)))
    for timestamp in -1, -2, -4:
        pair.same("ListOffsets", list_offsets((topic, 0, timestamp)))


def test_records_deleted_where_nothing_is(pair, filled):
    for name, number in (filled, 3), (filled, -1), ("nobody", 0), ("", 0), ("a b", 0):
        pair.same("DeleteRecords", delete_records((name, number, 0)))
    pair.same("DeleteRecords", delete_records())
    pair.same("DeleteRecords", delete_records((filled, 1, 0), (filled, 9, 0), ("no", 0, 0)))
    pair.same("DeleteRecords", delete_records((filled, 1, 0), timeout=0))
    pair.same("DeleteRecords", delete_records((filled, 1, 0), timeout=-1))


def test_records_deleted_of_a_compacted_topic(pair, topic):
    pair.make(topic, configs={"cleanup.policy": "compact"})
    produce(pair, topic, batch([b"a", b"b"], key=b"k"))
    pair.same("DeleteRecords", delete_records((topic, 0, 1)))
    both = f"{topic}-both"
    pair.make(both, configs={"cleanup.policy": "compact,delete"})
    produce(pair, both, batch([b"a", b"b"], key=b"k"))
    pair.same("DeleteRecords", delete_records((both, 0, 1)))


def test_records_deleted_of_the_metadata(pair):
    pair.same("DeleteRecords", delete_records(("__cluster_metadata", 0, 0)))
