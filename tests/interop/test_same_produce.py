"""Produced batches, good and bad: the answers and the log are Apache Kafka's.

After each case the whole log is fetched from both and compared, too.
"""

import gzip
import struct
import uuid
import zlib

import crc32c
import pytest

from harness import wire
from harness.compare import Accepted, Id, known_fields
from harness.messages import NO_ID
from harness.wire import batch, record

NOW = 1_700_000_000_000
NOBODY = uuid.UUID("01234567-89ab-cdef-0123-456789abcdef")
SPREAD = [3, 5, 7, 8, 9, 12, 13]
LOG_APPEND_TIME, TRANSACTIONAL, CONTROL, HORIZON = 8, 16, 32, 64


def produce(topic, *parts, acks=-1, transactional_id=None, topic_id=None):
    """Each part: (partition, records)."""
    return {
        "TransactionalId": transactional_id,
        "Acks": acks,
        "TimeoutMs": 30000,
        "TopicData": [
            {
                "Name": topic,
                "TopicId": topic_id or Id(topic),
                "PartitionData": [{"Index": i, "Records": data} for i, data in parts],
            }
        ],
    }


def everything_of(topic, number=0):
    part = {"Partition": number, "FetchOffset": 0, "PartitionMaxBytes": 1 << 30}
    topics = [{"Topic": topic, "Partitions": [part]}]
    return {"ReplicaId": -1, "MaxBytes": 1 << 30, "Topics": topics}


def log_of(pair, topic, number=0):
    """The whole log, in both the same."""
    pair.same("Fetch", everything_of(topic, number), only=[11])


def check(pair, topic, records, acks=-1, versions=SPREAD, but=None):
    pair.same("Produce", produce(topic, (0, records), acks=acks), versions, but=but)
    log_of(pair, topic)


def broken(data, at, value):
    return data[:at] + value + data[at + len(value) :]


def sealed(data):
    """The batch with a CRC that is right again."""
    return broken(data, 17, struct.pack(">I", crc32c.crc32c(data[21:])))


def compressed(payload, codec=1, count=1, **more):
    return batch([], records=payload, count=count, attributes=codec, **more)


def old_message(magic, value=b"x"):
    """A message set of magic 0 or 1, as clients wrote before 0.11."""
    body = struct.pack(">bb", magic, 0) + (struct.pack(">q", NOW) if magic else b"")
    body += struct.pack(">i", -1) + struct.pack(">i", len(value)) + value
    message = struct.pack(">I", zlib.crc32(body)) + body
    return struct.pack(">qi", 0, len(message)) + message


GOOD = batch([b"x"])
THREE = batch([b"a", b"b", b"c"])

# What is meant to differ, as protocol/record_validate.c has it. Elsewhere in this
# file nothing may. Not asked: null records, which Kafka never answers; a partition
# named twice, of which Kafka forgets the first.
CODE = ".Responses[0].PartitionResponses[0].ErrorCode: "
START = ".Responses[0].PartitionResponses[0].LogStartOffset: "
UNREADABLE = Accepted(
    "what Kafka's decompressors throw reaches the client as UNKNOWN_SERVER_ERROR, "
    "which it would repeat; here the record is called invalid",
    CODE + "87 | -1",
)
UNKNOWN_CODEC = Accepted(
    "an unknown codec makes Kafka stumble (UNKNOWN_SERVER_ERROR), before version 7 "
    "while it looks for zstd; here the codec is named",
    CODE + "76 | -1",
    START + "0 | -1",
)
BUT = {
    "codec 5": UNKNOWN_CODEC,
    "codec 7": UNKNOWN_CODEC,
    "gzip cut short": UNREADABLE,
    "gzip of rubbish": UNREADABLE,
    "snappy of rubbish": UNREADABLE,
    "lz4 of rubbish": UNREADABLE,
    "zstd of rubbish": UNREADABLE,
}

BATCHES = {
    "one record": GOOD,
    "three records": THREE,
    "no value": batch([None]),
    "with a key": batch([b"x"], key=b"k"),
    "an offset of its own": batch([b"x"], base_offset=1000),
    "a negative offset": batch([b"x"], base_offset=-1),
    "no bytes": b"",
    "a few bytes": b"\0" * 10,
    "a header cut short": GOOD[:40],
    "a record cut short": GOOD[:-1],
    "two batches": GOOD + GOOD,
    "bytes behind": GOOD + b"\0\0\0",
    "many bytes behind": GOOD + b"\0" * 100,
    "size too small": broken(GOOD, 8, struct.pack(">i", 10)),
    "size too large": broken(GOOD, 8, struct.pack(">i", 10_000)),
    "size negative": broken(GOOD, 8, struct.pack(">i", -1)),
    "wrong CRC": broken(GOOD, 17, b"\0\0\0\0"),
    "magic 3": broken(GOOD, 16, b"\3"),
    "magic -1": broken(GOOD, 16, b"\xff"),
    "magic 1 in a batch": broken(GOOD, 16, b"\1"),
    "magic 0 message": old_message(0),
    "magic 1 message": old_message(1),
    "leader epoch 5": broken(GOOD, 12, struct.pack(">i", 5)),
    "control": batch([b"x"], attributes=CONTROL),
    "transactional without an id": batch([b"x"], attributes=TRANSACTIONAL),
    "LogAppendTime set": batch([b"x"], attributes=LOG_APPEND_TIME),
    "delete horizon": batch([b"x"], attributes=HORIZON),
    "unknown attribute": batch([b"x"], attributes=1 << 8),
    "all attributes": batch([b"x"], attributes=0x7F80),
    "count too large": batch([b"x"], count=2),
    "count too small": batch([b"x", b"y"], count=1, last_offset_delta=0),
    "count 0": batch([], records=b""),
    "count 0, one offset": batch([], records=b"", last_offset_delta=0),
    "count -1": batch([b"x"], count=-1, last_offset_delta=0),
    "count huge": batch([b"x"], count=2**31 - 1),
    "last offset too large": batch([b"x"], last_offset_delta=5),
    "last offset negative": batch([b"x"], last_offset_delta=-1),
    "bytes behind the records": batch([b"x"], records=record(0, b"x") + b"\0"),
    "record longer than the batch": batch([b"x"], records=wire.varint(100) + b"\0" * 9),
    "record of no bytes": batch([b"x"], records=wire.varint(0)),
    "record of negative size": batch([b"x"], records=wire.varint(-1)),
    "no timestamp": batch([b"x"], timestamp=-1),
    "timestamp 0": batch([b"x"], timestamp=0),
    "negative timestamp": batch([b"x"], timestamp=-2),
    "timestamp in far future": batch([b"x"], timestamp=1 << 60),
    "max timestamp lies": batch([b"x"], max_timestamp=NOW + 5),
    "max timestamp below": batch([b"x"], max_timestamp=1),
    "max timestamp none": batch([b"x"], max_timestamp=-1),
    "timestamps fall": batch(
        [b"a", b"b"], records=record(0, b"a", None, 50) + record(1, b"b", None, -50)
    ),
    "producer without epoch": batch([b"x"], producer_id=99999, base_sequence=0),
    "producer without sequence": batch([b"x"], producer_id=99999, producer_epoch=0),
    "unknown producer": batch([b"x"], producer_id=99999, producer_epoch=0, base_sequence=0),
    "unknown producer at 5": batch(
        [b"x"], producer_id=99998, producer_epoch=0, base_sequence=5
    ),
    "epoch without producer": batch([b"x"], producer_epoch=0, base_sequence=0),
    "codec 5": batch([b"x"], attributes=5),
    "codec 7": batch([b"x"], attributes=7),
    "gzip": compressed(gzip.compress(record(0, b"x"), mtime=0)),
    "gzip of three": compressed(
        gzip.compress(b"".join(record(i, b"x") for i in range(3)), mtime=0), count=3
    ),
    "gzip of too few": compressed(gzip.compress(record(0, b"x")), count=2),
    "gzip of too many": compressed(
        gzip.compress(record(0, b"x") + record(1, b"y"), mtime=0),
        count=1,
    ),
    "gzip of nothing": compressed(gzip.compress(b"", mtime=0)),
    "gzip cut short": compressed(gzip.compress(record(0, b"x" * 99))[:-12]),
    "gzip of rubbish": compressed(b"rubbish"),
    "snappy of rubbish": compressed(b"rubbish", 2),
    "lz4 of rubbish": compressed(b"rubbish", 3),
    "zstd of rubbish": compressed(b"rubbish", 4),
    "snappy bare": compressed(b"\x08\x1c" + record(0, b"x"), 2),
    "as large as may be": batch([b"x" * 99_900]),
    "too large": batch([b"x" * 100_001]),
    "far too large": batch([b"x" * 1_000_000]),
}


@pytest.mark.parametrize("name", BATCHES)
def test_a_batch(pair, topic, name):
    pair.make(topic)
    check(pair, topic, BATCHES[name], but=BUT.get(name))


def test_offset_deltas_are_mended(pair, topic):
    """Kafka stores them as they are: consumers stumble over them."""
    pair.make(topic)
    wrong = batch([b"x"], records=record(5, b"x"))
    pair.same("Produce", produce(topic, (0, wrong)), SPREAD)


@pytest.mark.parametrize("acks", [0, 1, -1, 2, -2, 32767])
def test_acks(pair, topic, acks):
    pair.make(topic)
    if acks == 0:
        for version in SPREAD:
            asked = produce(topic, (0, GOOD), acks=0)
            asked = known_fields("ProduceRequest", version, asked)
            pair.both(lambda side: side.send("Produce", version, asked))
            # Answered after what has no answer.
            pair.same("ApiVersions", {}, only=[0], change=lambda answer: None)
    else:
        check(pair, topic, GOOD, acks=acks, versions=None)
    log_of(pair, topic)


def test_every_version(pair, topic):
    pair.make(topic, 2)
    pair.same("Produce", produce(topic, (0, GOOD), (1, THREE)))
    for number in 0, 1:
        log_of(pair, topic, number)


def test_topics_and_partitions_that_are_not_there(pair, topic):
    pair.make(topic)
    for number in 1, -1, 2**31 - 1:
        pair.same("Produce", produce(topic, (number, GOOD)))
    for name in "nobody", "", "a b", "x" * 250:
        pair.same("Produce", produce(name, (0, GOOD), topic_id=NOBODY))
        pair.same("Produce", produce(name, (0, GOOD), topic_id=NO_ID))
    pair.same("Produce", produce(topic, (0, GOOD), (5, GOOD)))
    pair.same("Produce", produce("__cluster_metadata", (0, GOOD), topic_id=NOBODY))


def test_nothing_to_produce(pair, topic):
    pair.make(topic)
    pair.same("Produce", produce(topic))
    pair.same("Produce", {**produce(topic), "TopicData": []})
    for acks in 1, 2:
        pair.same("Produce", {**produce(topic, acks=acks), "TopicData": []})


def test_good_and_bad_partitions_together(pair, topic):
    pair.make(topic, 3)
    asked = produce(topic, (0, GOOD), (1, BATCHES["wrong CRC"]), (2, THREE), (3, GOOD))
    pair.same("Produce", asked, SPREAD)


def test_a_transactional_id_without_a_transaction(pair, topic):
    pair.make(topic)
    for transactional_id in "t", "":
        asked = produce(topic, (0, GOOD), transactional_id=transactional_id)
        pair.same("Produce", asked, SPREAD)
    log_of(pair, topic)


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
def test_what_kafka_compressed(pair, topic, codec):
    source = pair.make(f"{topic}-source", configs={"compression.type": codec})
    pair.same("Produce", produce(source, (0, THREE)), [9])
    records = pair.other.ask("Fetch", 11, everything_of(source))
    records = records["Responses"][0]["Partitions"][0]["Records"]
    pair.make(topic)
    check(pair, topic, records, versions=range(7, 14))
    pair.same("Produce", produce(topic, (0, records)), range(3, 7))
    plain = pair.make(f"{topic}-plain", configs={"compression.type": "uncompressed"})
    check(pair, plain, records, versions=[9])


# -- idempotent producers --------------------------------------------------------------

# What one producer sends, one after the other: (epoch, first sequence, records).
SEQUENCES = {
    "in order": [(0, 0, 1), (0, 1, 3), (0, 4, 1)],
    "duplicate": [(0, 0, 2), (0, 2, 1), (0, 0, 2), (0, 2, 1), (0, 3, 1)],
    "duplicate of the fifth last": [(0, i, 1) for i in range(6)] + [(0, 1, 1)],
    "older than the fifth last": [(0, i, 1) for i in range(6)] + [(0, 0, 1)],
    "duplicate with another count": [(0, 0, 2), (0, 0, 1), (0, 1, 1)],
    "gap": [(0, 0, 1), (0, 5, 1), (0, 1, 1)],
    "first not 0": [(0, 7, 1), (0, 8, 1)],
    "first is the last number": [(0, 2**31 - 1, 1), (0, 0, 1)],
    "old epoch": [(5, 0, 1), (4, 0, 1), (4, 1, 1), (5, 1, 1)],
    "new epoch at 0": [(0, 0, 2), (1, 0, 1), (1, 1, 1)],
    "new epoch not at 0": [(0, 0, 2), (1, 2, 1), (1, 0, 1)],
    "epoch far ahead": [(0, 0, 1), (32767, 0, 1)],
    "wraps in a batch": [(0, 2**31 - 2, 3), (0, 1, 1)],
    "negative sequence": [(0, -5, 1)],
    "negative epoch": [(-5, 0, 1)],
    "epoch -1": [(-1, 0, 1), (-1, 1, 1)],
}


@pytest.mark.parametrize("steps", SEQUENCES.values(), ids=SEQUENCES)
def test_sequences_of_a_producer(pair, topic, steps):
    pair.make(topic)
    for producer, version in (4000, 3), (4001, 7), (4002, 13):
        for epoch, sequence, count in steps:
            records = batch(
                [b"x"] * count,
                producer_id=producer,
                producer_epoch=epoch,
                base_sequence=sequence,
            )
            pair.same("Produce", produce(topic, (0, records)), only=[version])
    log_of(pair, topic)


# -- topics with rules ------------------------------------------------------------------

KEYED = batch([b"x"], key=b"k")
RULES = {
    "compacted, no key": ({"cleanup.policy": "compact"}, GOOD),
    "compacted, with key": ({"cleanup.policy": "compact"}, KEYED),
    "compacted, three without": ({"cleanup.policy": "compact"}, THREE),
    "compacted, one without": (
        {"cleanup.policy": "compact,delete"},
        batch([0, 0], records=record(0, b"a", b"k") + record(1, b"b")),
    ),
    "timestamp before": ({"message.timestamp.before.max.ms": "1000"}, GOOD),
    "timestamps before": ({"message.timestamp.before.max.ms": "1000"}, THREE),
    "timestamp after": (
        {"message.timestamp.after.max.ms": "1000"},
        batch([b"x"], timestamp=4_000_000_000_000),
    ),
    "no timestamp, bounds": (
        {"message.timestamp.before.max.ms": "1000"},
        batch([b"x"], timestamp=-1),
    ),
    "too large": ({"max.message.bytes": "100"}, batch([b"x" * 100])),
    "just fits": ({"max.message.bytes": "100"}, batch([b"x" * 31])),
    "one byte too large": ({"max.message.bytes": "100"}, batch([b"x" * 33])),
    "larger than a segment": (
        {"segment.bytes": "1048576", "max.message.bytes": "2000000"},
        batch([b"x" * 1_100_000]),
    ),
    "min in-sync": ({"min.insync.replicas": "2"}, GOOD),
    "uncompressed, from gzip": (
        {"compression.type": "uncompressed"},
        BATCHES["gzip of three"],
    ),
    "uncompressed": ({"compression.type": "uncompressed"}, THREE),
}


@pytest.mark.parametrize(("configs", "records"), RULES.values(), ids=RULES)
def test_a_topic_with_rules(pair, topic, configs, records):
    pair.make(topic, configs=configs)
    check(pair, topic, records)
    check(pair, topic, records, acks=1, versions=[9])


def heads(answer):
    """Fetched batches without what depends on when and how each broker wrote
    them: sizes, checksums, times, and what was compressed anew."""
    for response in answer["Responses"]:
        for partition in response["Partitions"]:
            data = partition["Records"] or b""
            partition["Records"] = [
                struct.unpack_from(">q", raw)
                + struct.unpack_from(">ib", raw, 12)
                + struct.unpack_from(">hi", raw, 21)
                + struct.unpack_from(">qhii", raw, 43)
                for _, _, raw in wire.split_batches(data)
            ]
    return answer


REWRITTEN = {
    "LogAppendTime": ({"message.timestamp.type": "LogAppendTime"}, THREE),
    "LogAppendTime, gzip": (
        {"message.timestamp.type": "LogAppendTime"},
        BATCHES["gzip of three"],
    ),
    "LogAppendTime set already": (
        {"message.timestamp.type": "LogAppendTime"},
        batch([b"x"], attributes=LOG_APPEND_TIME),
    ),
    "LogAppendTime, without time": (
        {"message.timestamp.type": "LogAppendTime"},
        batch([b"x"], timestamp=-1),
    ),
    **{
        f"to {codec}": ({"compression.type": codec}, THREE)
        for codec in ("gzip", "snappy", "lz4", "zstd")
    },
    "gzip to zstd": ({"compression.type": "zstd"}, BATCHES["gzip of three"]),
    "gzip to gzip": ({"compression.type": "gzip"}, BATCHES["gzip of three"]),
    "to gzip, with a producer": (
        {"compression.type": "gzip"},
        batch([b"x"], producer_id=5000, producer_epoch=0, base_sequence=0),
    ),
}


@pytest.mark.parametrize(("configs", "records"), REWRITTEN.values(), ids=REWRITTEN)
def test_a_batch_written_anew(pair, topic, configs, records):
    pair.make(topic, configs=configs)
    pair.same("Produce", produce(topic, (0, records)), SPREAD)
    pair.same("Fetch", everything_of(topic), only=[11], change=heads)
