"""A data directory that Apache Kafka 4.3.0 wrote, opened and served."""

import base64
import json
import re
import shutil
import struct
import uuid

import pytest

from harness import messages, wire
from harness.broker import Started
from harness.consumer import Consumer
from harness.group import GroupClient
from harness.messages import errors, versions
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


# ---- groups, as Kafka's dump tool shows their records ---------------------

DUMP = SAMPLE.parent / "dumps" / "__consumer_offsets-0_00000000000000000000.log.txt"
RECORD = re.compile(r"\| offset: .* key: (?P<key>{.*}) payload: (?P<value><DELETE>|{.*})$")
OFFSET, CLASSIC_GROUP, CONSUMER_GROUP, MEMBER, TARGET = "1", "2", "3", "5", "6"


def last_records():
    """{(type of the key, its values): the last value, unless it was deleted}"""
    last = {}
    for line in DUMP.read_text().splitlines():
        found = RECORD.match(line)
        if found:
            key = json.loads(found["key"])
            last[key["type"], *key["data"].values()] = found["value"]
    return {
        key: json.loads(value)["data"]
        for key, value in last.items()
        if value != "<DELETE>"
    }


def of_type(kind):
    return {key[1:]: v for key, v in last_records().items() if key[0] == kind}


def test_the_dump_tells_of_groups_of_both_kinds():
    assert of_type(CLASSIC_GROUP).keys() == {("classic-group",)}
    assert of_type(CONSUMER_GROUP).keys() == {("modern-group",)}
    assert len(of_type(OFFSET)) == 5
    assert of_type(MEMBER) == {}, "all had left"


@pytest.mark.parametrize("version", range(8, versions["OffsetFetch"][-1] + 1))
def test_the_groups_have_their_offsets(sample, version):
    groups = sorted({group for group, _, _ in of_type(OFFSET)})
    with Connection(sample.address) as connection:
        values = {"CoordinatorKeys": groups}
        messages.ask(connection, "FindCoordinator", 6, values)
        values = {"Groups": [{"GroupId": g, "Topics": None} for g in groups]}
        answer = messages.ask(connection, "OffsetFetch", version, values)
    names = {
        uuid.UUID(bytes=base64.urlsafe_b64decode(v["topicId"] + "==")): topic
        for (_, topic, _), v in of_type(OFFSET).items()
    }
    found = {
        (
            g["GroupId"],
            names[t["TopicId"]] if version >= 10 else t["Name"],
            p["PartitionIndex"],
        ): (p["CommittedOffset"], p["CommittedLeaderEpoch"], p["Metadata"])
        for g in answer["Groups"]
        for t in g["Topics"]
        for p in t["Partitions"]
    }
    assert found == {
        key: (v["offset"], v["leaderEpoch"], v["metadata"])
        for key, v in of_type(OFFSET).items()
    }


def ask_of_group(sample, api, group, version=None):
    client = GroupClient(sample, group)
    assert client.coordinate()["ErrorCode"] == errors.NONE
    described = getattr(client, api)(version)
    client.close()
    return described


@pytest.mark.parametrize("version", versions["DescribeGroups"])
def test_its_classic_group_described(sample, version):
    (((group,), record),) = of_type(CLASSIC_GROUP).items()
    found = ask_of_group(sample, "describe", group, version)
    assert found["ErrorCode"] == errors.NONE
    assert found["GroupState"] == "Empty"
    assert found["ProtocolType"] == record["protocolType"]
    assert found["ProtocolData"] == (record["protocol"] or "")
    assert found["Members"] == record["members"] == []


@pytest.mark.parametrize("version", versions["ConsumerGroupDescribe"])
def test_its_consumer_group_described(sample, version):
    (((group,), record),) = of_type(CONSUMER_GROUP).items()
    found = ask_of_group(sample, "describe_consumers", group, version)
    assert found["ErrorCode"] == errors.NONE
    assert found["GroupState"] == "Empty"
    assert found["GroupEpoch"] == record["epoch"]
    assert found["AssignmentEpoch"] == of_type(TARGET)[group,]["assignmentEpoch"]
    assert found["AssignorName"] == "uniform"
    assert found["Members"] == []


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


def test_its_consumer_group_takes_members_again(sample):
    """It goes on from the epoch that Kafka left it with."""
    (((group,), record),) = of_type(CONSUMER_GROUP).items()
    member = Consumer(sample, group, "new")
    assert member.join("plain")["ErrorCode"] == errors.NONE
    assert member.generation == record["epoch"] + 1
    assert member.assigned == {member.topic_id("plain"): [0, 1]}
    assert member.leave()["ErrorCode"] == errors.NONE
    member.close()
