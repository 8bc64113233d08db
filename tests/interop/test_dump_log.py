"""Kafka's dump tool reads every file that Gregor writes, with no complaint.

It does not end with an error when it finds a fault: it prints a line about it.
So each line that it prints must be one of those that tell no fault.
"""

import re
import shutil

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from harness import kafka, wire
from harness.admin import create
from harness.broker import AGAINST_KAFKA, ApacheKafka, Started, free_port
from harness.command import gregor
from harness.member import Members
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
    for group in ("simple", "deleted"):
        at = [TopicPartition("codec-lz4", n, 7, metadata="a note") for n in (0, 1)]
        asked = ConsumerGroupTopicPartitions(group, at)
        admin.alter_consumer_group_offsets([asked])[group].result(30)
    admin.delete_consumer_groups(["deleted"])["deleted"].result(30)


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


def test_the_log_of_groups(written):
    """Here the tool does not complain: what it cannot decode it shows otherwise."""
    files = [f for f in files_of(written, "log") if "__consumer_offsets" in str(f)]
    assert complaints("--offsets-decoder", "--deep-iteration", files=files) == []
    names = ",".join(map(str, files))
    shown = kafka.run("kafka-dump-log", "--offsets-decoder", "--files", names).stdout
    records = [line for line in shown.splitlines() if line.startswith("| offset")]
    seen = [RECORD_OF_GROUP.search(line) for line in records]
    assert all(seen), records[seen.index(None)]
    assert {m["type"] for m in seen} == {"1", "2"}
    values = {m["value"] for m in seen if m["group"] == "with-members"}
    assert any('"members":[{"memberId":"stays-' in value for value in values)
    assert any('"assignedPartitions":[{"topic":"for-members"' in v for v in values)
    simple = [m["value"] for m in seen if m["group"] == "simple"]
    assert sum('"offset":7,"leaderEpoch":-1,"metadata":"a note' in v for v in simple) == 2
    gone = [m["value"] for m in seen if m["group"] == "deleted"]
    assert gone[-3:] == ["<DELETE>"] * 3, "two offsets and the group"


# Of type 1 an offset, of type 2 a group with its members.
RECORD_OF_GROUP = re.compile(
    r'key: {"type":"(?P<type>[12])","data":{"group":"(?P<group>[^"]+)"'
    r'.* payload: (?P<value><DELETE>|{"version":"[34]","data":{.*}})$'
)


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
