"""Kafka's dump tool reads every file that Gregor writes, with no complaint.

It does not end with an error when it finds a fault: it prints a line about it.
So each line that it prints must be one of those that tell no fault.
"""

import json
import re
import shutil

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from harness import kafka, wire
from harness.admin import create
from harness.broker import AGAINST_KAFKA, ApacheKafka, Started, free_port
from harness.command import gregor
from harness.consumer import LEAVE_FOR_A_WHILE, Consumer
from harness.group import Client
from harness.member import Members
from harness.messages import errors
from harness.sample import SAMPLE

GOOD = [
    r"Dumping \S+",
    r"Log starting offset: \d+",
    r"Snapshot end offset: \d+, epoch: \d+",
    r"baseOffset: \d+ .* magic: 2 compresscodec: \w+ crc: \d+ isvalid: true",
    r"\| offset: \d+ .*",
    r"offset: \d+ position: \d+",
    r"timestamp: \d+ offset: \d+",
    r"\S+ passed sanity check\.",
    r"\S+\.index is empty\.",
    r"KRaft bootstrap snapshot",
    # The tool says this of the first record of every segment but the first; a
    # gap has another number in place of -1.
    r"Non-consecutive offsets in \S+",
    r"  -1 is followed by \d+",
    r"producerId: \d+ producerEpoch: -?\d+ .*",
]
LINE = re.compile("|".join(f"(?:{pattern})" for pattern in GOOD))


def complaints(*arguments, files):
    """The lines of the dump tool that tell a fault, or that nobody knows."""
    names = ",".join(map(str, files))
    done = kafka.run("kafka-dump-log", *arguments, "--files", names, check=False)
    bad = [s for s in done.stdout.splitlines() if not LINE.fullmatch(s) and s]
    bad += [s for s in done.stderr.splitlines() if not LINE.fullmatch(s)]
    dumped = done.stdout.count("Dumping ")
    if done.returncode != 0 or dumped != len(files):
        bad.append(f"exit {done.returncode}, {dumped} of {len(files)} dumped")
    return bad


def files_of(data, suffix, metadata=False):
    """Files of this kind in the partitions' folders, or in the metadata log's;
    not in those on their way out, whose names have a further suffix."""
    return [
        path
        for path in sorted(data.glob(f"*-*/*.{suffix}"))
        if re.search(r"-\d+$", path.parent.name)
        and (path.parent.name == "__cluster_metadata-0") == metadata
    ]


def load(broker):
    """Every codec, an idempotent producer, deleted topics, rolled segments."""
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    small = {"segment_bytes": "1048576", "index_interval_bytes": "512"}
    for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
        create(admin, f"codec-{codec}", 2, **small)
        producer = Producer(
            {
                "bootstrap.servers": broker.bootstrap,
                "compression.type": codec,
                "enable.idempotence": True,
                "batch.num.messages": 10,
            }
        )
        for i in range(3000):
            producer.produce(
                f"codec-{codec}",
                value=None if i % 11 == 0 else b"%d" % i * 200,
                key=b"k%d" % i,
                partition=i % 2,
                timestamp=1_700_000_000_000 + (i * 7919 % 3000) * 1000,
                headers={"h": "1"} if i % 7 == 0 else None,
            )
            producer.poll(0)
        assert producer.flush(60) == 0
    create(admin, "recompressed", compression_type="zstd", **small)
    create(admin, "append-time", message_timestamp_type="LogAppendTime", **small)
    create(admin, "compacted", cleanup_policy="compact", **small)
    create(admin, "gone", 3)
    producer = Producer({"bootstrap.servers": broker.bootstrap})
    for topic in ("recompressed", "append-time", "compacted", "gone"):
        for i in range(200):
            producer.produce(topic, b"v%d" % i * 10, b"k%d" % (i % 20))
        assert producer.flush(60) == 0
    admin.delete_topics(["gone"])["gone"].result(30)


def load_groups(broker):
    """Members that commit, come, leave and stay; offsets deleted; a group deleted."""
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    create(admin, "for-members", 2)
    producer = Producer({"bootstrap.servers": broker.bootstrap})
    for i in range(100):
        producer.produce("for-members", b"%d" % i, partition=i % 2)
    assert producer.flush(60) == 0
    with Members("confluent-kafka", broker, "for-members", "with-members") as members:
        members.join("range", "stays")
        leaves = members.join("range")
        members.until_shared(2)
        members.until_read(100)
        members.leave(leaves)
        members.until_shared(2)
    load_consumer_group(broker)
    for group in ("simple", "deleted"):
        at = [TopicPartition("codec-lz4", n, 7, metadata="a note") for n in (0, 1)]
        asked = ConsumerGroupTopicPartitions(group, at)
        admin.alter_consumer_group_offsets([asked])[group].result(30)
    admin.delete_consumer_groups(["deleted"])["deleted"].result(30)


def load_consumer_group(broker):
    """Members of the consumer protocol, one of them by an expression, one static, one
    that has come with the classic protocol and brought the group along."""
    old = Client(broker, "consumers")
    assert old.coordinate()["ErrorCode"] == errors.NONE
    old.configure(assignment_interval_ms=0)
    old.join(topics=["for-members"])
    old.sync({})
    one = Consumer(broker, "consumers", "one", InstanceId="i", RackId="r")
    two = Consumer(broker, "consumers", "two", SubscribedTopicRegex="for-.*")
    one.join("for-members")
    old.leave()
    two.join()
    while one.owns() != 1 or two.owns() != 1:
        one.own(InstanceId="i")
        two.own()
    assert one.commit("for-members", 7) == errors.NONE
    one.leave(LEAVE_FOR_A_WHILE, InstanceId="i")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A directory after a load, a kill, more of the load, and a clean end."""
    started = Started(tmp_path_factory)
    if AGAINST_KAFKA:
        broker = ApacheKafka(tmp_path_factory.mktemp("kafka")).start()
    else:
        broker = started(port=free_port())
    load(broker)
    load_groups(broker)
    broker.kill()
    broker.start()
    producer = Producer({"bootstrap.servers": broker.bootstrap, "linger.ms": 0})
    for i in range(100):
        producer.produce("codec-none", b"after the kill")
        producer.poll(0)
    assert producer.flush(60) == 0
    broker.stop()
    yield broker.data
    started.close()


def test_logs(written):
    # Keys and values as they are: of groups those are not text.
    files = [f for f in files_of(written, "log") if "__consumer_offsets" not in str(f)]
    assert len(files) > 12, "segments were rolled"
    assert complaints("--deep-iteration", "--print-data-log", files=files) == []


@pytest.mark.parametrize("suffix", ["index", "timeindex"])
def test_indexes_agree_with_their_logs(written, suffix):
    files = files_of(written, suffix)
    assert sum(path.stat().st_size for path in files) > 0
    assert complaints(files=files) == []


@pytest.mark.parametrize("suffix", ["index", "timeindex"])
def test_indexes_pass_the_sanity_check(written, suffix):
    files = files_of(written, suffix)
    assert complaints("--index-sanity-check", files=files) == []


def test_producer_snapshots(written):
    files = files_of(written, "snapshot")
    assert len(files) >= 10, "one a log, at least, after a clean end"
    assert complaints(files=files) == []


def test_the_metadata_log(written):
    files = files_of(written, "log", metadata=True)
    files += files_of(written, "checkpoint", metadata=True)
    files.append(written / "bootstrap.checkpoint")
    assert complaints("--cluster-metadata-decoder", files=files) == []
    for suffix in ("index", "timeindex", "snapshot"):
        files = files_of(written, suffix, metadata=True)
        assert not files or complaints(files=files) == []


@pytest.fixture(scope="module")
def group_records(written):
    """[(type, key, value or None)] of __consumer_offsets, as the tool decodes them. It
    does not complain here: what it cannot decode it shows otherwise."""
    files = [f for f in files_of(written, "log") if "__consumer_offsets" in str(f)]
    assert complaints("--offsets-decoder", "--deep-iteration", files=files) == []
    names = ",".join(map(str, files))
    shown = kafka.run("kafka-dump-log", "--offsets-decoder", "--files", names).stdout
    records = []
    for line in shown.splitlines():
        if line.startswith("| offset"):
            found = RECORD_OF_GROUP.search(line)
            assert found, line
            key, value = json.loads(found["key"]), found["value"]
            value = None if value == "<DELETE>" else json.loads(value)["data"]
            records.append((key["type"], key["data"], value))
    return records


RECORD_OF_GROUP = re.compile(
    r'key: (?P<key>{"type":"\d+","data":{.*}})'
    r' payload: (?P<value><DELETE>|{"version":"\d+","data":{.*}})$'
)
# Of an offset, a classic group; of a consumer group its epoch, a member, the epoch and
# what a member is to have of its target, what a member has, and an expression.
OFFSET, CLASSIC, EPOCH, MEMBER, TARGET, SHARE, CURRENT, REGEX = map(
    str, (1, 2, 3, 5, 6, 7, 8, 16)
)


def values(records, kind, group):
    named = [
        (key, value)
        for found, key, value in records
        if found == kind and group in (key.get("group"), key.get("groupId"))
    ]
    return [value for _, value in named]


def test_the_log_of_groups(group_records):
    known = {OFFSET, CLASSIC, EPOCH, MEMBER, TARGET, SHARE, CURRENT, REGEX}
    assert {kind for kind, _, _ in group_records} == known
    groups = values(group_records, CLASSIC, "with-members")
    members = [m for group in groups for m in group["members"]]
    assert any(m["memberId"].startswith("stays-") for m in members)
    assigned = [m["assignment"].get("assignedPartitions") for m in members]
    assert any(a and a[0]["topic"] == "for-members" for a in assigned)
    simple = values(group_records, OFFSET, "simple")
    assert [(v["offset"], v["leaderEpoch"]) for v in simple] == [(7, -1)] * 2
    assert all(v["metadata"].startswith("a note") for v in simple)
    gone = values(group_records, OFFSET, "deleted") + values(
        group_records, CLASSIC, "deleted"
    )
    assert gone.count(None) == 3, "two offsets and the group"


def test_the_log_of_a_consumer_group(group_records):
    def of(kind):
        return values(group_records, kind, "consumers")

    classic = of(CLASSIC)
    assert classic[-1] is None, "it has become a consumer group"
    members = [m for m in of(MEMBER) if m]
    assert any(m["classicMemberMetadata"] for m in members)
    (one, *_) = (m for m in members if m["instanceId"] == "i")
    assert (one["rackId"], one["clientId"], one["clientHost"]) == (
        "r",
        "wire",
        "/127.0.0.1",
    )
    assert one["subscribedTopicNames"] == ["for-members"]
    assert any(m["subscribedTopicRegex"] == "for-.*" for m in members)
    epochs = [v["epoch"] for v in of(EPOCH)]
    assert epochs == sorted(epochs)
    assert of(TARGET)[-1]["assignmentEpoch"] == epochs[-1]
    assert of(REGEX)[-1]["topics"] == ["for-members"]
    owned = [v for v in of(CURRENT) if v]
    assert owned[-1]["memberEpoch"] == -2, "the static one is away"
    (part,) = owned[-1]["assignedPartitions"]
    assert len(part["partitions"]) == len(part["assignmentEpochs"]) == 1
    assert None in of(SHARE), "the classic member has left"
    assert [v["offset"] for v in of(OFFSET)] == [7]


def blocks(stderr):
    """What is told of each file: a line without indent, and those behind it. Kafka's
    tool has them in no order."""
    found = {}
    for line in stderr.splitlines():
        if line.startswith("  "):
            found[title].append(line)
        else:
            title = line
            found[title] = []
    return found


# Option, suffix, and whether of the metadata log.
KINDS = [
    (["--print-data-log"], "log", False),
    (["--offsets-decoder"], "log", False),
    (["--cluster-metadata-decoder"], "log", True),
    (["--cluster-metadata-decoder", "--skip-record-metadata"], "checkpoint", True),
    (["--deep-iteration", "--max-bytes", "5000"], "log", False),
    ([], "index", False),
    ([], "timeindex", False),
    (["--verify-index-only"], "timeindex", False),
    (["--index-sanity-check"], "index", False),
    ([], "snapshot", False),
]


@pytest.mark.parametrize("arguments, suffix, metadata", KINDS)
def test_gregors_tool_prints_the_same(written, arguments, suffix, metadata):
    files = files_of(written, suffix, metadata)
    if "--offsets-decoder" in arguments:
        files = [file for file in files if "__consumer_offsets" in str(file)]
    elif "--print-data-log" in arguments:
        # What is no text is decoded to signs that Java's output may not have.
        files = [file for file in files if "__consumer_offsets" not in str(file)]
    assert files or suffix == "checkpoint"
    files = ",".join(map(str, files or [written / "bootstrap.checkpoint"]))
    kafkas = kafka.run("kafka-dump-log", *arguments, "--files", files)
    ours = gregor("dump-log", *arguments, "--files", files)
    assert ours.stdout.splitlines() == kafkas.stdout.splitlines()
    assert blocks(ours.stderr) == blocks(kafkas.stderr)


def test_the_tool_would_complain(tmp_path):
    """That the checks above can fail: the sample, damaged."""
    folder = tmp_path / "segments-0"
    shutil.copytree(SAMPLE / "segments-0", folder)
    base = folder / "00000000000000000010"
    log, index, stamps = (base.with_suffix(s) for s in (".log", ".index", ".timeindex"))
    assert complaints(files=[log, index, stamps]) == []
    whole = log.read_bytes()
    log.write_bytes(whole[:-30] + b"!" + whole[-29:])
    assert complaints("--deep-iteration", files=[log]) != []
    log.write_bytes(whole)
    index.write_bytes(b"\0\0\0\2\0\0\0\1" + index.read_bytes()[8:])
    assert complaints(files=[index]) != []
    entry = wire.struct.pack(">qi", 5, 9)
    stamps.write_bytes(entry + stamps.read_bytes()[12:])
    assert complaints(files=[stamps]) != []
