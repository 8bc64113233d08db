"""Settings of topics and of the broker, seen at what they do to logs."""

import random
import struct
import time

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from harness import messages, wire
from harness.wire import Connection, batch, produce

WAIT_SECONDS = 30
BROKER, SET = 4, 0


def log_files(broker, topic, suffix="log"):
    return sorted((broker.data / f"{topic}-0").glob(f"*.{suffix}"))


def base_offsets(broker, topic):
    return [int(path.stem) for path in log_files(broker, topic)]


def eventually(condition, what):
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, what


# -- rolling -------------------------------------------------------------------


@pytest.mark.parametrize("key", ["segment.bytes", "log.segment.bytes"])
def test_a_segment_is_full(gregor, key):
    size = {key: 1 << 20}
    broker = (
        gregor(settings=size, topics=["t"])
        if key.startswith("log.")
        else gregor(topics=[f"t:1:{key}={1 << 20}"])
    )
    with Connection(broker.address) as connection:
        for i in range(5):
            sent = batch([b"x" * 400_000])
            assert produce(connection, "t", 0, sent) == (wire.NONE, i)
        assert base_offsets(broker, "t") == [0, 2, 4]
        # Each roll leaves what the next start needs of the producers.
        assert [int(p.stem) for p in log_files(broker, "t", "snapshot")] == [2, 4]
        assert len(list(wire.split_batches(wire.fetch_all(connection, "t", 0, 0)))) == 5


@pytest.mark.parametrize("topics", [["t:1:segment.ms=60000"], ["t"]])
def test_a_segment_is_old_by_the_records_timestamps(gregor, topics):
    """Of the topic's own setting, or of log.roll.ms for all topics."""
    settings = {"log.roll.ms": 60000} if topics == ["t"] else {}
    broker = gregor(topics=topics, settings=settings)
    now = int(time.time() * 1000) - 3_600_000
    with Connection(broker.address) as connection:
        for i, later in enumerate([0, 59_000, 61_000, 62_000, 200_000]):
            sent = batch([b"x"], timestamp=now + later)
            assert produce(connection, "t", 0, sent) == (wire.NONE, i)
    assert base_offsets(broker, "t") == [0, 2, 4]


@pytest.mark.parametrize(
    "settings,config",
    [
        ({}, "segment.index.bytes=24,index.interval.bytes=0"),
        ({"log.index.size.max.bytes": 24, "log.index.interval.bytes": 0}, ""),
    ],
)
def test_an_index_is_full(gregor, settings, config):
    broker = gregor(topics=[f"t:1:{config}" if config else "t"], settings=settings)
    with Connection(broker.address) as connection:
        for i in range(12):
            sent = batch([b"x"], timestamp=1_700_000_000_000 + i)
            assert produce(connection, "t", 0, sent) == (wire.NONE, i)
        assert len(base_offsets(broker, "t")) > 1
        for path in log_files(broker, "t", "index") + log_files(broker, "t", "timeindex"):
            assert path.stat().st_size <= 24
        assert len(list(wire.split_batches(wire.fetch_all(connection, "t", 0, 0)))) == 12


# -- flushing ------------------------------------------------------------------


@pytest.mark.parametrize("acks", [1, -1])
@pytest.mark.parametrize("timeout_ms", [0, 1, 30000])
def test_a_sync_that_is_due_is_no_time_out(gregor, acks, timeout_ms):
    """A request's time is that of replication; an append includes its sync."""
    broker = gregor(topics=["t:1:flush.messages=1"])
    with Connection(broker.address) as connection:
        for i in range(5):
            body = wire.produce_body("t", 0, batch([b"x"]), acks, timeout_ms)
            answer = connection.ask(wire.PRODUCE, 3, body)
            assert wire.produce_result(answer) == (wire.NONE, i)


# -- producers that were silent for long -----------------------------------------


def numbered(producer_id, epoch, sequence):
    return batch(
        [b"n"],
        timestamp=int(time.time() * 1000),
        producer_id=producer_id,
        producer_epoch=epoch,
        base_sequence=sequence,
    )


def test_a_silent_producer_is_forgotten(gregor):
    broker = gregor(
        topics=["t"],
        settings={
            "producer.id.expiration.ms": 200,
            "producer.id.expiration.check.interval.ms": 50,
        },
    )
    with Connection(broker.address) as connection:
        producer = wire.init_producer_id(connection)
        assert produce(connection, "t", 0, numbered(*producer, 0)) == (wire.NONE, 0)
        # Sequence 7 is out of order until nobody knows the producer any more.
        taken = (wire.NONE, 1)
        eventually(
            lambda: produce(connection, "t", 0, numbered(*producer, 7)) == taken,
            "the producer was never forgotten",
        )


def test_when_it_is_forgotten_may_be_altered_at_runtime(gregor):
    broker = gregor(
        topics=["t"], settings={"producer.id.expiration.check.interval.ms": 50}
    )
    change = {
        "Name": "producer.id.expiration.ms",
        "ConfigOperation": SET,
        "Value": "200",
    }
    resource = {"ResourceType": BROKER, "ResourceName": "", "Configs": [change]}
    with Connection(broker.address) as connection:
        producer = wire.init_producer_id(connection)
        assert produce(connection, "t", 0, numbered(*producer, 0)) == (wire.NONE, 0)
        answer = messages.ask(
            connection, "IncrementalAlterConfigs", 1, {"Resources": [resource]}
        )
        assert answer["Responses"][0]["ErrorCode"] == wire.NONE
        eventually(
            lambda: produce(connection, "t", 0, numbered(*producer, 7))[0] == wire.NONE,
            "the log open at the time goes on with the old setting",
        )


# -- levels of compression ---------------------------------------------------------


def stored(broker, topic, values):
    """Produces with another codec; (codec, bytes) that the log then holds."""
    producer = Producer(
        {
            "bootstrap.servers": broker.bootstrap,
            "compression.type": "snappy",
            "linger.ms": 5000,
            "batch.num.messages": len(values),
        }
    )
    for i, value in enumerate(values):
        producer.produce(topic, value, key=b"k%d" % i, headers=[("h", b"%d" % i)])
    # No flush(): it sends what has gathered, and sizes of several batches tell nothing.
    deadline = time.monotonic() + WAIT_SECONDS
    while len(producer) > 0 and time.monotonic() < deadline:
        producer.poll(0.1)
    with Connection(broker.address) as connection:
        data = wire.fetch_all(connection, topic, 0, 0)
    ((_, _, raw),) = wire.split_batches(data)
    return struct.unpack_from(">h", raw, 21)[0] & 7, len(data)


def consumed(broker, topic, count):
    consumer = Consumer(
        {
            "bootstrap.servers": broker.bootstrap,
            "group.id": "none",
            "enable.auto.commit": False,
            "check.crcs": True,
        }
    )
    consumer.assign([TopicPartition(topic, 0, 0)])
    got = consumer.consume(count, WAIT_SECONDS)
    consumer.close()
    assert all(m.error() is None for m in got)
    return [(m.key(), m.value(), m.headers()) for m in got]


@pytest.mark.parametrize(
    "codec,number,low,high", [("gzip", 1, 1, 9), ("lz4", 3, 1, 17), ("zstd", 4, 1, 19)]
)
def test_a_higher_level_compresses_more_and_changes_nothing(
    gregor, codec, number, low, high
):
    words = [bytes(random.Random(i).choices(b"abcdefgh", k=7)) for i in range(500)]
    draw = random.Random(1)
    values = [b" ".join(draw.choices(words, k=60)) for _ in range(200)]
    both = f"compression.type={codec},compression.{codec}.level="
    broker = gregor(
        # The broker's own setting is the topic's default.
        topics=[f"low:1:{both}{low}", f"high:1:compression.type={codec}"],
        settings={f"compression.{codec}.level": high},
    )
    sizes = {}
    for topic in ("low", "high"):
        used, sizes[topic] = stored(broker, topic, values)
        assert used == number
        assert consumed(broker, topic, len(values)) == [
            (b"k%d" % i, value, [("h", b"%d" % i)]) for i, value in enumerate(values)
        ]
    assert sizes["high"] < sizes["low"]
