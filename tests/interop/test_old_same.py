"""What clients of before 0.11 ask, put to Apache Kafka 3.9.1, the last that answers
them, and to Gregor: the answers are the same, and so are the records kept."""

import gzip
import struct
import zlib

import pytest

from harness import kafka
from harness.compare import Accepted, started_pair
from harness.message_set import (
    LOG_APPEND_TIME,
    NOW,
    golden,
    message,
    messages,
    parse,
    wrapper,
)
from harness.messages import errors
from harness.wire import batch, split_batches

ALL = 1 << 30
PRODUCE = [0, 1, 2]
FETCH = [0, 1, 2, 3]
GOLDEN = golden()
SETTINGS = {
    "message.max.bytes": "100000",
    "offsets.topic.replication.factor": "1",
    # Without limit in 3.9, an hour since 4.0.
    "log.message.timestamp.after.max.ms": "3600000",
}


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """In place of the pair with the current Apache Kafka."""
    release = kafka.LAST_TO_CONVERT
    with started_pair(tmp_path_factory, SETTINGS, release) as compared:
        yield compared


# -- asking ------------------------------------------------------------------------


def produce(topic, records, acks=-1):
    data = [{"Name": topic, "PartitionData": [{"Index": 0, "Records": records}]}]
    return {"Acks": acks, "TimeoutMs": 30000, "TopicData": data}


def fetch(topic, offset=0, size=ALL, partitions=(0,), max_bytes=ALL):
    parts = [
        {"Partition": i, "FetchOffset": offset, "PartitionMaxBytes": size}
        for i in partitions
    ]
    return {
        "ReplicaId": -1,
        "MaxBytes": max_bytes,
        "Topics": [{"Topic": topic, "Partitions": parts}],
    }


def each_partition(answer, do):
    if isinstance(answer, dict):
        for topic in answer["Responses"]:
            for part in topic["Partitions"]:
                part["Records"] = do(part["Records"])
    return answer


def readable(data):
    """Sets and batches without what compressors do differently. Beside an error
    Apache Kafka 3.9 has null, which the oldest clients cannot read, 4.3 nothing."""
    data = data or b""
    if len(data) > 16 and data[16] == 2:
        return [
            (first, last, struct.unpack_from(">hiqqqhii", raw, 21), unpacked(raw))
            for first, last, raw in split_batches(data)
        ]
    found = parse(data)
    return [m._replace(value=None) if m.attributes & 7 else m for m in found]


def unpacked(raw):
    codec = raw[22] & 7
    if codec == 1:
        return gzip.decompress(raw[61:])
    return raw[61:] if codec == 0 else None


def read(answer):
    return each_partition(answer, readable)


def consume(side, topic, version, offset=0):
    """All messages that a consumer sees. How many come at once differs: Apache Kafka
    cuts the last one short where converted ones are larger than those in the log."""
    seen = []
    while True:
        answer = side.ask("Fetch", version, fetch(topic, offset))
        ((part,),) = [topic["Partitions"] for topic in answer["Responses"]]
        found = [m for m in readable(part["Records"]) if m.offset >= offset]
        if not found:
            return seen, part["ErrorCode"], part["HighWatermark"]
        seen += found
        offset = found[-1].offset + 1


def same_from(pair, topic, offset=0):
    for version in FETCH:
        one, other = pair.both(lambda side: consume(side, topic, version, offset))
        assert one == other, f"Fetch {version}"


def same_log(pair, topic):
    same_from(pair, topic)
    pair.same("Fetch", fetch(topic), only=[4], change=read)


def check(pair, topic, records, acks=-1, versions=PRODUCE, but=None):
    pair.same("Produce", produce(topic, records, acks), versions, but=but)
    same_log(pair, topic)


# -- in ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", GOLDEN)
def test_sets_that_kafka_made(pair, name):
    topic = pair.make(f"made-{name}")
    if "append-time" not in name:
        check(pair, topic, GOLDEN[name][2])
    check(pair, topic, GOLDEN[name][3])


TOPICS = {
    **{c: {"compression.type": c} for c in ("uncompressed", "gzip", "snappy", "lz4")},
    "append-time": {"message.timestamp.type": "LogAppendTime"},
    "compacted": {"cleanup.policy": "compact"},
    "in-time": {"message.timestamp.before.max.ms": "1000"},
}


def without_append_time(answer):
    """When a broker appended is its own."""

    def clear(batches):
        return [(a, b, fields[:3] + fields[4:], c) for a, b, fields, c in batches]

    return each_partition(read(answer), clear)


@pytest.mark.parametrize("name", [n for n in GOLDEN if "middle" not in n])
@pytest.mark.parametrize("kind", TOPICS)
def test_topics_that_want_it_otherwise(pair, kind, name):
    topic = pair.make(f"other-{kind}-{name}", configs=TOPICS[kind])
    for records in GOLDEN[name][2:]:
        if kind != "append-time":
            check(pair, topic, records)
            continue
        pair.same("Produce", produce(topic, records), PRODUCE)
        pair.same("Fetch", fetch(topic), only=[4], change=without_append_time)


def test_nothing(pair):
    topic = pair.make("nothing")
    check(pair, topic, b"")
    check(pair, topic, b"\0" * 11)
    check(pair, topic, message(b"x")[:-1])


def test_several_messages(pair):
    topic = pair.make("several")
    for magic in 0, 1:
        check(pair, topic, messages([b"a", b"b", b"c"], magic))
        check(pair, topic, messages([b"a", b"b", b"c"], magic)[:-1])
        check(pair, topic, messages([b"a", None, b""], magic, key=None))
        check(pair, topic, wrapper(messages([b"a", b"b", b"c"], magic), magic, 2))


@pytest.mark.parametrize("acks", [0, 1, -1, 2])
def test_acks(pair, acks):
    topic = pair.make(f"acks{acks}")
    for magic in 0, 1:
        if acks != 0:
            check(pair, topic, messages([b"a"], magic), acks)


def test_batches_of_magic_2(pair):
    """Clients that send what their version does not know are let be."""
    topic = pair.make("newer")
    check(pair, topic, batch([b"a", b"b"]))
    check(pair, topic, batch([b"a"]) + batch([b"b"]))
    check(pair, topic, batch([b"a"]) + message(b"b"))
    check(pair, topic, message(b"a") + batch([b"b"]))
    for later in 3, 9:
        pair.same("Produce", produce(topic, message(b"a")), [later])


BAD_CRC = message(b"x", crc=1)
SHORT = message(b"x")[:8] + struct.pack(">i", 13) + message(b"x")[12:]
LARGE = message(b"x" * 100_000)
REFUSED = {
    "crc": BAD_CRC,
    "second crc": message(b"a") + BAD_CRC,
    "length": SHORT,
    "second length": message(b"a") + SHORT,
    "magic 3": message(b"x", magic=3),
    "large": LARGE,
    "large in large": wrapper(messages([b"x" * 60_000] * 3)),
    "many": messages([b"x" * 30_000] * 4),
    "both magics": message(b"a", magic=0) + message(b"b", magic=1, offset=1),
    "wrapper and more": wrapper(message(b"a")) + message(b"b", offset=1),
    "more and wrapper": message(b"a") + wrapper(message(b"b"), offset=1),
    "wrapper in wrapper": wrapper(wrapper(message(b"a"))),
    "other magic inside": wrapper(message(b"a", magic=0)),
    "other magic inside 0": wrapper(message(b"a", magic=1), magic=0),
    "crc inside": wrapper(message(b"a") + BAD_CRC),
    "length inside": wrapper(message(b"a") + SHORT),
    "cut inside": wrapper(messages([b"a", b"b"])[:-1]),
    "nothing inside": wrapper(b""),
    "no value": message(None, None, attributes=1),
    "zstd": message(b"x", None, attributes=4),
    "wrapper's offset": wrapper(messages([b"a", b"b", b"c"]), offset=1),
    "wrapper's offset 0": wrapper(messages([b"a", b"b", b"c"]), offset=0),
    "wrapper's offset far": wrapper(messages([b"a", b"b", b"c"]), offset=99),
    "offsets inside": wrapper(message(b"a", offset=4) + message(b"b"), offset=0),
    "no timestamp": message(b"x", timestamp=-1),
    "future": message(b"x", timestamp=1 << 45),
    "future inside": wrapper(message(b"x", timestamp=1 << 45)),
    "keys and times": message(b"x", None) + message(b"x", timestamp=1 << 45),
    "keys and times inside": wrapper(
        message(b"x", None) + message(b"x", timestamp=1 << 45)
    ),
    "append time": message(b"x", attributes=LOG_APPEND_TIME),
    "append time without": message(b"x", timestamp=-1, attributes=LOG_APPEND_TIME),
    "append time around": wrapper(
        message(b"x", timestamp=5), attributes=LOG_APPEND_TIME, timestamp=NOW
    ),
    "append time inside": wrapper(message(b"x", attributes=LOG_APPEND_TIME)),
    "key alone": message(None),
    "no key": message(b"x", None),
    "no key 0": message(b"x", None, magic=0),
    "no key inside": wrapper(message(b"x", None)),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("kind", ["", "compacted", "gzip"])
def test_sets_good_and_bad(pair, kind, name):
    topic = f"set-{kind}-{name}".replace(" ", "-").replace("'", "")
    pair.make(topic, configs=TOPICS.get(kind))
    check(pair, topic, REFUSED[name])


def lying_about_its_key():
    """The length leads out of the message, whose CRC is right."""
    said = message(b"x")
    body = said[16:26] + struct.pack(">i", 99) + said[30:]
    return said[:12] + struct.pack(">I", zlib.crc32(body)) + body


# Java's exceptions are no answers; Gregor says what is wrong.
STUMBLES = {
    "codec 5": (message(b"x", attributes=5), 76),
    "not gzip": (message(b"x", None, attributes=1), 87),
    "negative time": (message(b"x", timestamp=-2), 32),
    "key too long": (lying_about_its_key(), 87),
}


@pytest.mark.parametrize("name", STUMBLES)
def test_what_kafka_stumbles_over(pair, name):
    topic = pair.make("stumbles-" + name.replace(" ", "-"))
    records, code = STUMBLES[name]
    but = Accepted(
        "an error that says what is wrong",
        f".Responses[0].PartitionResponses[0].ErrorCode: {code} | -1",
    )
    check(pair, topic, records, but=but)


# -- out ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mixed(pair):
    """Batches of three records each, of every kind that old readers can have."""
    topic = pair.make("mixed")
    for i in range(4):
        values = [b"%d-%d" % (i, n) for n in range(3)]
        keep(pair, topic, batch(values, key=b"k"))
        keep(pair, topic, batch(values, timestamp=NOW + i))
        keep(pair, topic, packed(values))
    return topic


def packed(values):
    plain = batch(values)
    return batch(values, attributes=1, records=gzip.compress(plain[61:]))


def keep(pair, topic, records, number=0):
    data = [{"Name": topic, "PartitionData": [{"Index": number, "Records": records}]}]
    wanted = {"Acks": -1, "TimeoutMs": 9999, "TopicData": data}
    pair.same("Produce", wanted, [9])


@pytest.mark.parametrize("offset", [*range(14), 35, 36, 37, -1, 1 << 40])
def test_from_an_offset(pair, mixed, offset):
    same_from(pair, mixed, offset)


def test_a_wrapper_below_the_offset_comes_whole(pair, mixed):
    """Its reader passes over what it has not asked for."""
    for offset in 6, 7, 8:
        pair.same("Fetch", fetch(mixed, offset, size=1), only=[3], change=read)


@pytest.mark.parametrize("name", [n for n in GOLDEN if "append-time" not in n])
def test_batches_that_kafka_made(pair, name):
    topic = pair.make(f"out-{name}")
    raw = GOLDEN[name][0]
    if raw[22] & 7 == 0:
        return  # its offsets have gaps, which no producer may send
    pair.same("Produce", produce(topic, raw), [9])
    same_log(pair, topic)


def test_the_first_batch_comes_whole_with_version_3(pair, mixed):
    for size in 0, 1, 50, 100:
        pair.same("Fetch", fetch(mixed, 6, size), only=[3], change=read)
        pair.same(
            "Fetch", fetch(mixed, 6, max_bytes=size), only=[3], change=read
        )


def test_partitions_that_are_none(pair, mixed):
    pair.same("Fetch", fetch("nowhere"), only=FETCH, change=read)
    pair.same("Fetch", fetch(mixed, 36, partitions=[1, 0]), only=FETCH, change=read)


def test_zstd_is_refused(pair):
    topic = pair.make("zstd", configs={"compression.type": "zstd"})
    keep(pair, topic, batch([b"x"]))
    pair.same("Fetch", fetch(topic), only=FETCH, change=read)


# -- other APIs --------------------------------------------------------------------


def listing(topic, timestamp, most=1, replica=-1):
    part = {"PartitionIndex": 0, "Timestamp": timestamp, "MaxNumOffsets": most}
    return {"ReplicaId": replica, "Topics": [{"Name": topic, "Partitions": [part]}]}


@pytest.fixture(scope="module")
def segments(pair):
    """A log of three segments, of at most eleven batches each."""
    topic = pair.make("segments", configs={"segment.bytes": "1048576"})
    for _ in range(25):
        keep(pair, topic, batch([b"x" * 45_000, b"y" * 45_000]))
    return topic


@pytest.mark.parametrize("timestamp", [-1, -2, -3, -4, -99, 0, 1000, 1 << 50])
@pytest.mark.parametrize("most", [0, 1, 2, 3, 100])
def test_offsets_to_begin_at(pair, segments, timestamp, most):
    for replica in -1, -2:
        wanted = listing(segments, timestamp, most, replica)
        pair.same("ListOffsets", wanted, only=[0])


def test_offsets_of_an_empty_log_and_of_none(pair):
    topic = pair.make("no-offsets")
    for name in topic, "nowhere":
        for timestamp in -1, -2, 5, 1 << 50:
            pair.same("ListOffsets", listing(name, timestamp, 9), only=[0])


def test_a_partition_named_twice(pair, segments):
    wanted = listing(segments, -1, 5)
    wanted["Topics"] *= 2
    pair.same("ListOffsets", wanted, only=[0])


@pytest.mark.parametrize("version", [0, 1])
def test_topics_come_and_go(pair, version):
    config = [{"Name": "retention.ms", "Value": "12345"}]
    topics = [
        {"Name": f"old-{version}", "NumPartitions": 2, "ReplicationFactor": 1},
        {"Name": "bad name", "NumPartitions": 2, "ReplicationFactor": 1},
        {"Name": f"old-{version}-b", "NumPartitions": 1, "ReplicationFactor": 1}
        | {"Configs": config},
        {"Name": "none-of-it", "NumPartitions": 0, "ReplicationFactor": 1},
    ]
    wanted = {"Topics": topics, "timeoutMs": 30000}
    pair.same("CreateTopics", wanted, only=[version])
    pair.same("CreateTopics", wanted, only=[version])
    pair.same("Metadata", {"Topics": [{"Name": f"old-{version}-b"}]}, only=[0, 1])
    names = [f"old-{version}", f"old-{version}-b", "nowhere"]
    wanted = {"TopicNames": names, "TimeoutMs": 30000}
    pair.same("DeleteTopics", wanted, only=[version])


def test_settings(pair):
    """Apache Kafka forgets to say what is a default there."""
    topic = pair.make("settings", configs={"retention.ms": "777"})
    keys = ["retention.ms", "cleanup.policy", "segment.bytes"]
    resource = {"ResourceType": 2, "ResourceName": topic, "ConfigurationKeys": keys}
    but = Accepted(
        "IsDefault as brokers of before 2.5 told it",
        ".Results[0].Configs[0].IsDefault: True | False",
        ".Results[0].Configs[2].IsDefault: True | False",
    )
    pair.same("DescribeConfigs", {"Resources": [resource]}, only=[0], but=but)


def test_directories(pair):
    topic = pair.make("dirs")
    keep(pair, topic, batch([b"x" * 500]))
    wanted = {"Topics": [{"Topic": topic, "Partitions": [0]}]}
    pair.same("DescribeLogDirs", wanted, only=[0, 1])


@pytest.mark.parametrize("generation", [-1, 5])
@pytest.mark.parametrize("timestamp", [-1, NOW])
def test_committed_offsets(pair, generation, timestamp):
    topic = pair.make(f"committed{generation}{timestamp}")
    group = f"group{generation}{timestamp}"
    part = {
        "PartitionIndex": 0,
        "CommittedOffset": 7,
        "CommitTimestamp": timestamp,
        "CommittedMetadata": "here",
    }
    wanted = {
        "GroupId": group,
        "GenerationIdOrMemberEpoch": generation,
        "Topics": [{"Name": topic, "Partitions": [part, {**part, "PartitionIndex": 1}]}],
    }
    pair.both(lambda side: wait_for_group(side, group))
    pair.same("OffsetCommit", wanted, only=[1], change=in_order)
    asked = {"GroupId": group, "Topics": [{"Name": topic, "PartitionIndexes": [0]}]}
    pair.same("OffsetFetch", asked, only=[1])


def in_order(answer):
    """Apache Kafka lists those that failed first."""
    for topic in answer["Topics"]:
        topic["Partitions"].sort(key=lambda part: part["PartitionIndex"])
    return answer


def wait_for_group(side, group):
    """The topic of groups is made on demand, and then loaded."""
    while side.ask("FindCoordinator", 0, {"Key": group})["ErrorCode"] != errors.NONE:
        pass
    code = None
    while code != errors.NONE:
        (described,) = side.ask("DescribeGroups", 0, {"Groups": [group]})["Groups"]
        code = described["ErrorCode"]
