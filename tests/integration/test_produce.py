"""Which batches a broker takes, and what it says of the others."""

import struct

import pytest

from harness import wire
from harness.wire import Connection, batch, produce

INVALID_REQUIRED_ACKS = 21


@pytest.fixture
def connection(broker):
    with Connection(broker.address) as open_connection:
        yield open_connection


@pytest.fixture
def made(connection, topic):
    """A topic with one partition."""
    wire.make_topic(connection, topic)
    return topic


def configured(connection, topic, **configs):
    settings = {key.replace("_", "."): value for key, value in configs.items()}
    wire.make_topic(connection, topic, configs=settings)


def test_offsets_count_records(connection, made):
    assert produce(connection, made, 0, batch([b"a", b"b"])) == (wire.NONE, 0)
    assert produce(connection, made, 0, batch([b"c"])) == (wire.NONE, 2)


@pytest.mark.parametrize("acks", [1, -1])
def test_a_batch_acknowledged_is_served_as_it_came(connection, made, acks):
    sent = batch([b"one", b"two", b"three"], key=b"k")
    assert produce(connection, made, 0, sent, acks=acks) == (wire.NONE, 0)
    served = wire.fetch_all(connection, made, 0, 0)
    # Offset and leader epoch are the broker's to set; CRC and all behind are not.
    assert served[16:] == sent[16:]


@pytest.mark.parametrize("acks", [2, -2, 5])
def test_no_other_acks(connection, made, acks):
    code, _ = produce(connection, made, 0, batch([b"x"]), acks=acks)
    assert code == INVALID_REQUIRED_ACKS


def test_an_unknown_topic_is_not_made_by_produce(connection, topic):
    code, _ = produce(connection, topic, 0, batch([b"x"]))
    assert code == wire.UNKNOWN_TOPIC_OR_PARTITION


def test_an_unknown_partition(connection, made):
    code, _ = produce(connection, made, 1, batch([b"x"]))
    assert code == wire.UNKNOWN_TOPIC_OR_PARTITION


def corrupted():
    data = bytearray(batch([b"precious"]))
    data[-3] ^= 1
    return bytes(data)


@pytest.mark.parametrize(
    "lie,code",
    [
        (corrupted(), wire.CORRUPT_MESSAGE),
        (batch([b"x"], count=2, last_offset_delta=1), wire.INVALID_RECORD),
        (batch([b"x", b"y"], last_offset_delta=5), wire.INVALID_RECORD),
        (batch([b"x"]) + batch([b"y"]), wire.INVALID_RECORD),
        (batch([b"x"], attributes=1 << 5), wire.INVALID_RECORD),
        (batch([b"x"], base_offset=99), wire.INVALID_RECORD),
        (batch([], count=0, last_offset_delta=0), wire.INVALID_RECORD),
    ],
    ids=["crc", "count", "last-offset", "two-batches", "control", "base-offset", "no-records"],
)
def test_a_batch_that_lies_is_refused_whole(connection, made, lie, code):
    assert produce(connection, made, 0, lie)[0] == code
    # Nothing of it was kept, and the log goes on.
    assert produce(connection, made, 0, batch([b"after"])) == (wire.NONE, 0)


def test_too_large_for_the_topic(connection, topic):
    configured(connection, topic, max_message_bytes="1000")
    fits, too_large = batch([b"x" * 800]), batch([b"x" * 1000])
    assert produce(connection, topic, 0, too_large)[0] == wire.MESSAGE_TOO_LARGE
    assert produce(connection, topic, 0, fits) == (wire.NONE, 0)


def test_a_compacted_topic_demands_keys(connection, topic):
    configured(connection, topic, cleanup_policy="compact")
    assert produce(connection, topic, 0, batch([b"x"]))[0] == wire.INVALID_RECORD
    assert produce(connection, topic, 0, batch([b"x"], key=b"k")) == (wire.NONE, 0)


def test_log_append_time_is_the_brokers(connection, topic):
    configured(connection, topic, message_timestamp_type="LogAppendTime")
    assert produce(connection, topic, 0, batch([b"x"], timestamp=5)) == (wire.NONE, 0)
    served = wire.fetch_all(connection, topic, 0, 0)
    attributes, _, _, max_timestamp = struct.unpack_from(">hiqq", served, 21)
    assert attributes & 8 and max_timestamp > 1_700_000_000_000
    assert wire.crc32c.crc32c(served[21:]) == struct.unpack_from(">I", served, 17)[0]


def test_a_timestamp_too_far_away_is_refused(connection, topic):
    configured(connection, topic, message_timestamp_before_max_ms="60000")
    old = batch([b"x"], timestamp=1000)
    assert produce(connection, topic, 0, old)[0] == wire.INVALID_TIMESTAMP
    far = batch([b"x"], timestamp=1 << 50)
    assert produce(connection, topic, 0, far)[0] == wire.INVALID_TIMESTAMP


@pytest.mark.parametrize(
    "codec,number", [("gzip", 1), ("snappy", 2), ("lz4", 3), ("zstd", 4)]
)
def test_the_topics_codec_is_applied_by_the_broker(
    connection, topic, codec, number
):
    configured(connection, topic, compression_type=codec)
    sent = batch([b"compress me " * 50] * 20)
    assert produce(connection, topic, 0, sent) == (wire.NONE, 0)
    served = wire.fetch_all(connection, topic, 0, 0)
    (attributes,) = struct.unpack_from(">h", served, 21)
    assert attributes & 7 == number and len(served) < len(sent)
    assert struct.unpack_from(">i", served, 57) == (20,)


# -- idempotence -------------------------------------------------------------------


@pytest.fixture
def producer(connection):
    producer_id, epoch = wire.init_producer_id(connection)

    def numbered(sequence, count=1, epoch=epoch):
        return batch(
            [b"%d" % (sequence + i) for i in range(count)],
            producer_id=producer_id,
            producer_epoch=epoch,
            base_sequence=sequence,
        )

    return numbered


def test_producer_ids_are_not_given_twice(broker):
    given = set()
    for _ in range(20):
        with Connection(broker.address) as connection:
            given.add(wire.init_producer_id(connection)[0])
    assert len(given) == 20


def test_a_batch_sent_twice_is_kept_once(connection, made, producer):
    assert produce(connection, made, 0, producer(0, 3)) == (wire.NONE, 0)
    assert produce(connection, made, 0, producer(0, 3)) == (wire.NONE, 0)
    assert produce(connection, made, 0, producer(3)) == (wire.NONE, 3)
    served = wire.fetch_all(connection, made, 0, 0)
    assert [base for base, _, _ in wire.split_batches(served)] == [0, 3]


def test_each_of_the_last_five_batches_is_recognised(connection, made, producer):
    for sequence in range(8):
        assert produce(connection, made, 0, producer(sequence)) == (0, sequence)
    for sequence in range(3, 8):
        assert produce(connection, made, 0, producer(sequence)) == (0, sequence)


def test_a_duplicate_older_than_that_is_out_of_order(connection, made, producer):
    for sequence in range(8):
        produce(connection, made, 0, producer(sequence))
    code, _ = produce(connection, made, 0, producer(0))
    assert code == wire.OUT_OF_ORDER_SEQUENCE_NUMBER


def test_a_gap_is_refused(connection, made, producer):
    assert produce(connection, made, 0, producer(0)) == (wire.NONE, 0)
    code, _ = produce(connection, made, 0, producer(2))
    assert code == wire.OUT_OF_ORDER_SEQUENCE_NUMBER
    assert produce(connection, made, 0, producer(1)) == (wire.NONE, 1)


def test_an_older_epoch_is_refused(connection, made, producer):
    assert produce(connection, made, 0, producer(0, epoch=1)) == (wire.NONE, 0)
    code, _ = produce(connection, made, 0, producer(1, epoch=0))
    assert code == wire.INVALID_PRODUCER_EPOCH


def test_a_newer_epoch_begins_at_0(connection, made, producer):
    assert produce(connection, made, 0, producer(0, epoch=0)) == (wire.NONE, 0)
    code, _ = produce(connection, made, 0, producer(5, epoch=1))
    assert code == wire.OUT_OF_ORDER_SEQUENCE_NUMBER
    assert produce(connection, made, 0, producer(0, epoch=1)) == (wire.NONE, 1)
