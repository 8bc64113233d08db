"""A data directory that Apache Kafka 4.3.0 wrote, opened and served."""

import struct

import pytest

from harness import messages, wire
from harness.sample import SAMPLE
from harness.wire import Connection


def is_partition(folder):
    return folder.is_dir() and (folder / "partition.metadata").exists()


PARTITIONS = sorted(
    folder.name
    for folder in SAMPLE.iterdir()
    if is_partition(folder) and not folder.name.startswith("__cluster_metadata")
)


def on_disk(partition):
    """The bytes of all segments in offset order."""
    return b"".join(p.read_bytes() for p in sorted((SAMPLE / partition).glob("*.log")))


def name_and_number(partition):
    name, _, number = partition.rpartition("-")
    return name, int(number)


def test_there_is_a_sample():
    assert len(PARTITIONS) >= 12


@pytest.mark.parametrize("partition", PARTITIONS)
def test_every_batch_is_served_byte_for_byte(sample, partition):
    expected = on_disk(partition)
    name, number = name_and_number(partition)
    with Connection(sample.address) as connection:
        first = struct.unpack_from(">q", expected)[0] if expected else 0
        assert wire.fetch_all(connection, name, number, first) == expected


def test_topics_are_those_of_the_metadata_log(sample):
    names = {name_and_number(partition)[0] for partition in PARTITIONS}
    with Connection(sample.address) as connection:
        assert set(wire.all_topics(connection)) == names


def test_it_can_be_written_on(sample):
    with Connection(sample.address) as connection:
        _, _, end = wire.list_offset(connection, "plain", 1, -1)
        code, offset = wire.produce(connection, "plain", 1, wire.batch([b"new"]))
        assert (code, offset) == (wire.NONE, end)


# Of the groups that clients of that Kafka used, as its dump tool tells.
COMMITTED = {
    "classic-group": {0: (4, ""), 1: (3, "")},
    "modern-group": {0: (4, ""), 1: (3, "")},
    "offsets-only": {0: (2, "meta\0")},
}


def test_the_groups_have_their_offsets(sample):
    with Connection(sample.address) as connection:
        values = {"CoordinatorKeys": list(COMMITTED)}
        messages.ask(connection, "FindCoordinator", 6, values)
        values = {"Groups": [{"GroupId": g, "Topics": None} for g in COMMITTED]}
        answer = messages.ask(connection, "OffsetFetch", 9, values)
    found = {
        g["GroupId"]: {
            p["PartitionIndex"]: (p["CommittedOffset"], p["Metadata"])
            for topic in g["Topics"]
            for p in topic["Partitions"]
        }
        for g in answer["Groups"]
    }
    assert found == COMMITTED


def test_the_groups_are_listed(sample):
    with Connection(sample.address) as connection:
        answer = messages.ask(connection, "ListGroups", 5, {})
    found = {
        g["GroupId"]: (g["GroupType"], g["ProtocolType"], g["GroupState"])
        for g in answer["Groups"]
    }
    assert found == {
        "classic-group": ("classic", "consumer", "Empty"),
        "modern-group": ("consumer", "consumer", "Empty"),
        "offsets-only": ("classic", "", "Empty"),
    }
