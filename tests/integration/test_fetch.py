"""What a fetch gives, how much of it, and when."""

import time

import pytest

from harness import wire
from harness.wire import Connection, batch, fetch, list_offset, produce

EARLIEST, LATEST = -2, -1


@pytest.fixture
def connection(broker):
    with Connection(broker.address) as open_connection:
        yield open_connection


@pytest.fixture
def made(connection, topic):
    wire.make_topic(connection, topic)
    return topic


@pytest.fixture
def ten(connection, made):
    """A topic with ten batches of two records, a second apart."""
    for i in range(10):
        records = batch([b"a%d" % i, b"b%d" % i], timestamp=1_700_000_000_000 + i * 1000)
        assert produce(connection, made, 0, records) == (wire.NONE, 2 * i)
    return made


def first_offset(records):
    return next(wire.split_batches(records))[0]


def test_from_the_middle_of_a_batch_the_whole_batch_comes(connection, ten):
    code, high_watermark, records = fetch(connection, ten, 0, 7)
    assert (code, high_watermark, first_offset(records)) == (wire.NONE, 20, 6)


def test_at_the_end_there_is_nothing(connection, ten):
    assert fetch(connection, ten, 0, 20) == (wire.NONE, 20, b"")


@pytest.mark.parametrize("offset", [21, 1 << 60, -1])
def test_outside_the_log(connection, ten, offset):
    assert fetch(connection, ten, 0, offset)[0] == wire.OFFSET_OUT_OF_RANGE


def test_the_first_batch_comes_though_it_is_larger_than_asked_for(connection, ten):
    code, _, records = fetch(connection, ten, 0, 4, max_bytes=1)
    assert code == wire.NONE
    assert [base for base, _, _ in wire.split_batches(records)] == [4]


def test_no_more_comes_than_asked_for(connection, ten):
    _, _, everything = fetch(connection, ten, 0, 0)
    three = sum(len(raw) for _, _, raw in list(wire.split_batches(everything))[:3])
    _, _, records = fetch(connection, ten, 0, 0, max_bytes=three)
    assert len(records) <= three
    assert [base for base, _, _ in wire.split_batches(records)] == [0, 2, 4]


def test_an_unknown_topic(connection, topic):
    assert fetch(connection, topic, 0, 0)[0] == wire.UNKNOWN_TOPIC_OR_PARTITION


def test_a_waiting_fetch_is_woken_by_a_produce(broker, connection, made):
    body = wire.fetch_body(made, 0, 0, max_wait_ms=60000, min_bytes=1)
    waiting = connection.send(wire.FETCH, 4, body)
    with Connection(broker.address) as other:
        assert not connection.answered(0.05)
        began = time.monotonic()
        assert produce(other, made, 0, batch([b"at last"])) == (wire.NONE, 0)
        code, _, records = wire.fetch_result(connection.receive(waiting))
        assert time.monotonic() - began < 10
    assert code == wire.NONE and b"at last" in records


def test_a_fetch_waits_for_min_bytes(broker, connection, made):
    body = wire.fetch_body(made, 0, 0, max_wait_ms=60000, min_bytes=1000)
    waiting = connection.send(wire.FETCH, 4, body)
    with Connection(broker.address) as other:
        assert produce(other, made, 0, batch([b"x" * 100])) == (wire.NONE, 0)
        assert not connection.answered(0.05)
        assert produce(other, made, 0, batch([b"x" * 1000])) == (wire.NONE, 1)
    code, _, records = wire.fetch_result(connection.receive(waiting))
    assert code == wire.NONE and len(list(wire.split_batches(records))) == 2


def test_a_fetch_waits_no_longer_than_max_wait(connection, made):
    began = time.monotonic()
    answer = fetch(connection, made, 0, 0, max_wait_ms=200, min_bytes=1)
    took = time.monotonic() - began
    assert answer == (wire.NONE, 0, b"")
    assert 0.19 < took < 5


def test_an_error_is_not_waited_for(connection, made):
    began = time.monotonic()
    answer = fetch(connection, made, 0, 99, max_wait_ms=60000, min_bytes=1)
    assert answer[0] == wire.OFFSET_OUT_OF_RANGE
    assert time.monotonic() - began < 10


# -- ListOffsets -------------------------------------------------------------------


def test_earliest_and_latest(connection, ten):
    assert list_offset(connection, ten, 0, EARLIEST) == (wire.NONE, -1, 0)
    assert list_offset(connection, ten, 0, LATEST) == (wire.NONE, -1, 20)


@pytest.mark.parametrize(
    "timestamp,found",
    [
        (0, (1_700_000_000_000, 0)),
        (1_700_000_000_000, (1_700_000_000_000, 0)),
        (1_700_000_000_001, (1_700_000_001_000, 2)),
        (1_700_000_009_000, (1_700_000_009_000, 18)),
        (1_700_000_009_001, (-1, -1)),
    ],
)
def test_the_first_record_as_new_as_a_timestamp(connection, ten, timestamp, found):
    assert list_offset(connection, ten, 0, timestamp) == (wire.NONE, *found)


def test_offsets_of_an_empty_log(connection, made):
    assert list_offset(connection, made, 0, EARLIEST) == (wire.NONE, -1, 0)
    assert list_offset(connection, made, 0, LATEST) == (wire.NONE, -1, 0)
    assert list_offset(connection, made, 0, 5) == (wire.NONE, -1, -1)


def test_offsets_of_an_unknown_topic(connection, topic):
    code, _, _ = list_offset(connection, topic, 0, LATEST)
    assert code == wire.UNKNOWN_TOPIC_OR_PARTITION
