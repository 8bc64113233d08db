"""What clients of before Kafka 0.11 send and receive: messages of magic 0 and 1.

tests/interop/test_old_same.py asks Apache Kafka 3.9.1 the same; here is what needs no
other broker.
"""

import struct
import time

import pytest

from harness import messages, wire
from harness.message_set import CODECS, golden, message, parse, wrapper
from harness.message_set import messages as set_of
from harness.messages import errors
from harness.wire import Connection, batch

GOLDEN = golden()
ALL = 1 << 30
OLD = [0, 1, 2, 3]


@pytest.fixture
def connection(broker):
    with Connection(broker.address) as open_connection:
        yield open_connection


@pytest.fixture
def made(connection, topic):
    wire.make_topic(connection, topic)
    return topic


def produce_request(topic, records, acks=-1):
    data = [{"Name": topic, "PartitionData": [{"Index": 0, "Records": records}]}]
    return {"Acks": acks, "TimeoutMs": 30000, "TopicData": data}


def produce(connection, topic, records, version=2):
    """The answer for the partition."""
    asked = produce_request(topic, records)
    answer = messages.ask(connection, "Produce", version, asked)
    return answer["Responses"][0]["PartitionResponses"][0]


def fetch_request(topics, offset=0, size=ALL, max_bytes=ALL, wait=0, minimum=0):
    part = {"Partition": 0, "FetchOffset": offset, "PartitionMaxBytes": size}
    return {
        "ReplicaId": -1,
        "MaxWaitMs": wait,
        "MinBytes": minimum,
        "MaxBytes": max_bytes,
        "Topics": [{"Topic": topic, "Partitions": [part]} for topic in topics],
    }


def parts_of(answer):
    return [part for topic in answer["Responses"] for part in topic["Partitions"]]


def fetch(connection, topic, version, *where, **how):
    """The answer for the partition."""
    asked = fetch_request([topic], *where, **how)
    (part,) = parts_of(messages.ask(connection, "Fetch", version, asked))
    return part


def seen(connection, topic, version, *where, **how):
    part = fetch(connection, topic, version, *where, **how)
    assert part["ErrorCode"] == errors.NONE
    return [(m.offset, m.key, m.value) for m in parse(part["Records"])]


# -- in ----------------------------------------------------------------------------


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4"])
@pytest.mark.parametrize("magic", [0, 1])
def test_a_set_becomes_one_batch_of_magic_2(connection, made, magic, codec):
    for version in range(3):
        answer = produce(connection, made, GOLDEN[codec][2 + magic], version)
        assert answer["ErrorCode"] == errors.NONE
        assert answer["BaseOffset"] == 4 * version
    batches = list(wire.split_batches(wire.fetch_all(connection, made, 0, 0)))
    assert [(first, last) for first, last, _ in batches] == [(0, 3), (4, 7), (8, 11)]
    for _, _, raw in batches:
        assert raw[16] == 2 and raw[22] & 7 == CODECS.index(codec)


@pytest.mark.parametrize("codec", CODECS[1:])
def test_the_topics_codec_is_applied(connection, topic, codec):
    wire.make_topic(connection, topic, configs={"compression.type": codec})
    produce(connection, topic, set_of([b"compress me " * 50] * 20))
    (served,) = wire.split_batches(wire.fetch_all(connection, topic, 0, 0))
    assert served[2][22] & 7 == CODECS.index(codec) and len(served[2]) < 1000


def test_append_time(connection, topic):
    configs = {"message.timestamp.type": "LogAppendTime"}
    wire.make_topic(connection, topic, configs=configs)
    before = int(time.time() * 1000)
    stamp = produce(connection, topic, message(b"x"))["LogAppendTimeMs"]
    assert before <= stamp <= int(time.time() * 1000)
    (found,) = parse(fetch(connection, topic, 3)["Records"])
    assert (found.timestamp, found.attributes) == (stamp, 8)
    (found,) = parse(fetch(connection, topic, 1)["Records"])
    assert (found.magic, found.timestamp, found.attributes) == (0, -1, 0)


def test_what_is_refused_leaves_nothing(connection, made):
    for records in (
        message(b"x", crc=1),
        set_of([b"a", b"b"]) + message(b"x", crc=1),
        wrapper(message(b"x", crc=1)),
    ):
        answer = produce(connection, made, records)
        assert answer["ErrorCode"] == errors.CORRUPT_MESSAGE
        assert answer["BaseOffset"] == -1
    assert wire.fetch_all(connection, made, 0, 0) == b""


def test_without_acks_nobody_is_answered(connection, made):
    """Requests are answered in order, so what comes first is of the next one."""
    asked = produce_request(made, set_of([b"a", b"b"]), acks=0)
    messages.send(connection, "Produce", 2, asked)
    assert produce(connection, made, message(b"c"))["BaseOffset"] == 2


def test_without_acks_a_failure_ends_the_connection(connection, made):
    asked = produce_request(made, message(b"x", crc=1), acks=0)
    messages.send(connection, "Produce", 1, asked)
    connection.await_close()


def test_later_versions_take_batches_alone(connection, made):
    for version in range(3, 13):
        answer = produce(connection, made, message(b"x"), version)
        assert answer["ErrorCode"] == errors.INVALID_RECORD


def test_many_partitions_each_with_its_own_end(connection, topic):
    wire.make_topic(connection, topic, 3)
    sets = [set_of([b"a", b"b"]), message(b"x", crc=1), b""]
    data = [{"Index": i, "Records": records} for i, records in enumerate(sets)]
    asked = produce_request(topic, b"")
    asked["TopicData"][0]["PartitionData"] = data
    answer = messages.ask(connection, "Produce", 2, asked)["Responses"][0]
    ends = [(p["ErrorCode"], p["BaseOffset"]) for p in answer["PartitionResponses"]]
    assert ends == [(errors.NONE, 0), (errors.CORRUPT_MESSAGE, -1), (errors.NONE, -1)]


# -- out ---------------------------------------------------------------------------


@pytest.fixture
def three(connection, made):
    """Three batches of two records each."""
    for i in range(3):
        wire.produce(connection, made, 0, batch([b"a%d" % i, b"b%d" % i], key=b"k"))
    return made


@pytest.mark.parametrize("version", OLD)
def test_magic_0_before_version_2_and_1_from_there_on(connection, three, version):
    found = parse(fetch(connection, three, version)["Records"])
    assert {m.magic for m in found} == {int(version >= 2)}
    assert {m.timestamp for m in found} == {-1 if version < 2 else 1_700_000_000_000}


@pytest.mark.parametrize("version", OLD)
def test_records_below_the_offset_are_left_out(connection, three, version):
    assert seen(connection, three, version, 3)[0] == (3, b"k", b"b1")
    assert seen(connection, three, version, 6) == []


@pytest.mark.parametrize("version", OLD)
def test_the_first_batch_comes_whole_however_small_the_limit(
    connection, three, version
):
    for size in 0, 1, 100:
        found = seen(connection, three, version, 2, size)
        assert [offset for offset, _, _ in found] == [2, 3]


@pytest.mark.parametrize("version", OLD)
def test_of_several_partitions_each_has_one_before_version_3(
    connection, topic, version
):
    """Their clients have no other partition to get on with."""
    names = [f"{topic}-{i}" for i in range(3)]
    for name in names:
        wire.make_topic(connection, name)
        wire.produce(connection, name, 0, batch([b"x" * 100]))
    asked = fetch_request(names, size=50)
    answer = messages.ask(connection, "Fetch", version, asked)
    counts = [len(parse(p["Records"])) for p in parts_of(answer)]
    assert counts == ([1, 1, 1] if version < 3 else [1, 0, 0])


@pytest.mark.parametrize("version", OLD)
def test_messages_are_no_larger_than_the_batches_unless_one_is(
    connection, made, version
):
    """Small records are larger as messages, by far."""
    for _ in range(50):
        wire.produce(connection, made, 0, batch([b""] * 20))
    in_log = len(wire.fetch_all(connection, made, 0, 0))
    offset = 0
    while offset < 1000:
        data = fetch(connection, made, version, offset)["Records"]
        found = parse(data)
        assert [m.offset for m in found] == [*range(offset, found[-1].offset + 1)]
        assert len(data) <= max(in_log, 20 * 40)
        offset = found[-1].offset + 1


@pytest.mark.parametrize("version", OLD)
def test_zstd_is_not_for_them(connection, made, version):
    """Nor is what lies behind it; what lies before is."""
    wire.produce(connection, made, 0, batch([b"before"]))
    wire.produce(connection, made, 0, batch([b"x"]))
    configs = [{"Name": "compression.type", "Value": "zstd"}]
    resource = {"ResourceType": 2, "ResourceName": made, "Configs": configs}
    messages.ask(connection, "AlterConfigs", 0, {"Resources": [resource]})
    wire.produce(connection, made, 0, batch([b"packed"]))
    assert len(seen(connection, made, version)) == 2
    part = fetch(connection, made, version, 2)
    assert part["ErrorCode"] == errors.UNSUPPORTED_COMPRESSION_TYPE
    assert part["Records"] == b"" and part["HighWatermark"] == -1
    assert fetch(connection, made, 4, 2)["ErrorCode"] == errors.NONE


@pytest.mark.parametrize("version", OLD)
def test_a_waiting_fetch_is_woken(broker, connection, made, version):
    asked = fetch_request([made], wait=60000, minimum=1)
    waiting = messages.send(connection, "Fetch", version, asked)
    with Connection(broker.address) as other:
        assert not connection.answered(0.05)
        produce(other, made, message(b"at last"))
    (part,) = parts_of(messages.receive(connection, "Fetch", version, waiting))
    assert [m.value for m in parse(part["Records"])] == [b"at last"]


def test_a_corrupt_batch_is_not_made_good(gregor):
    broker = gregor()
    with Connection(broker.address) as connection:
        wire.make_topic(connection, "t")
        wire.produce(connection, "t", 0, batch([b"good"]))
        wire.produce(connection, "t", 0, batch([b"bad"]))
    broker.stop()
    path = broker.data / "t-0" / f"{0:020}.log"
    data = bytearray(path.read_bytes())
    data[-2] ^= 1
    path.write_bytes(data)
    broker.start()
    with Connection(broker.address) as connection:
        for version in OLD:
            assert [v for _, _, v in seen(connection, "t", version)] == [b"good"]
            part = fetch(connection, "t", version, 1)
            assert part["ErrorCode"] == errors.CORRUPT_MESSAGE


# -- transactions and compaction, as Apache Kafka left them ------------------------


def consume(connection, topic, version, offset):
    """The offsets of all that a reader gets to from there."""
    found = []
    while True:
        more = [o for o, _, _ in seen(connection, topic, version, offset)]
        more = [o for o in more if o >= offset]
        if not more:
            return found
        found += more
        offset = found[-1] + 1


READABLE = {"txn": [0, 1, 2, 4, 5, 7], "compacted": [9, 11, 12, 13]}


@pytest.mark.parametrize("version", OLD)
@pytest.mark.parametrize("topic", READABLE)
def test_gaps_and_markers_are_passed_over(sample, topic, version):
    with Connection(sample.address) as connection:
        first = 9 if topic == "compacted" else 0
        end = fetch(connection, topic, version, first)["HighWatermark"]
        for offset in range(first, end + 1):
            expected = [o for o in READABLE[topic] if o >= offset]
            assert consume(connection, topic, version, offset) == expected


def marker_at_the_end(connection):
    (last,) = list(wire.split_batches(wire.fetch_all(connection, "txn", 0, 0)))[-1:]
    assert struct.unpack_from(">h", last[2], 21)[0] & 0x20
    return last[0]


@pytest.mark.parametrize("version", OLD)
def test_behind_the_last_marker_a_reader_waits(sample, version):
    """Kafka 3.9 sends a message cut short, at which consumers give up."""
    with Connection(sample.address) as connection:
        asked = fetch_request(["txn"], marker_at_the_end(connection), wait=300)
        asked["MinBytes"] = 1
        began = time.monotonic()
        (part,) = parts_of(messages.ask(connection, "Fetch", version, asked))
        assert 0.29 < time.monotonic() - began < 10
        assert (part["ErrorCode"], part["Records"]) == (errors.NONE, b"")


def test_a_reader_that_waits_behind_a_marker_is_woken(sample):
    with Connection(sample.address) as connection, Connection(sample.address) as other:
        offset = marker_at_the_end(connection)
        asked = fetch_request(["txn"], offset, wait=60000, minimum=1)
        waiting = messages.send(connection, "Fetch", 2, asked)
        assert not connection.answered(0.2)
        produce(other, "txn", message(b"after"))
        (part,) = parts_of(messages.receive(connection, "Fetch", 2, waiting))
        assert [(m.offset, m.value) for m in parse(part["Records"])] == [
            (offset + 1, b"after")
        ]
