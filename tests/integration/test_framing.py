"""Frames and versions: what a broker does with bytes that no client sends."""

import struct

import pytest

from harness import wire
from harness.wire import Closed, Connection


@pytest.fixture
def connection(broker):
    with Connection(broker.address) as open_connection:
        yield open_connection


def still_serves(broker):
    with Connection(broker.address) as other:
        return other.ask(wire.API_VERSIONS, 0).int16() == wire.NONE


def test_api_versions_0_lists_produce_and_fetch(connection):
    reader = connection.ask(wire.API_VERSIONS, 0)
    assert reader.int16() == wire.NONE
    offered = {key: (low, high) for key, low, high in api_triples(reader)}
    reader.end()
    assert offered[wire.PRODUCE] == (0, 13)
    assert offered[wire.FETCH] == (0, 18)


def api_triples(reader):
    return reader.array(lambda: (reader.int16(), reader.int16(), reader.int16()))


@pytest.mark.parametrize("version", [5, 99, -1])
def test_unknown_version_of_api_versions_is_answered_with_version_0(
    connection, version
):
    # The header is still the flexible one, and the body could hold anything.
    request = connection.send(
        wire.API_VERSIONS, version, b"\x04abc\x041.0\x00", flexible=True
    )
    reader = connection.receive(request)
    assert reader.int16() == wire.UNSUPPORTED_VERSION
    triples = api_triples(reader)
    reader.end()
    # What the client needs to try again, and nothing else.
    assert [key for key, _, _ in triples] == [wire.API_VERSIONS]
    # The connection goes on.
    assert connection.ask(wire.API_VERSIONS, 0).int16() == wire.NONE


@pytest.mark.parametrize("api_key", [-1, 93, 999, 32767])
def test_unknown_api_key_closes(broker, connection, api_key):
    connection.send(api_key, 0)
    connection.await_close()
    assert still_serves(broker)


@pytest.mark.parametrize(
    "api_key,version",
    [(wire.PRODUCE, 14), (wire.FETCH, 3), (wire.METADATA, 99), (wire.FETCH, -1)],
)
def test_unsupported_version_of_another_api_closes(
    broker, connection, api_key, version
):
    connection.send(api_key, version)
    connection.await_close()
    assert still_serves(broker)


@pytest.mark.parametrize("size", [-1, -(2**31), 2**31 - 1, 104857601])
def test_impossible_size_closes(broker, connection, size):
    connection.send_bytes(struct.pack(">i", size))
    connection.await_close()
    assert still_serves(broker)


@pytest.mark.parametrize(
    "data,culprit",
    [
        (struct.pack(">i", -7), "-7"),
        (struct.pack(">i", 104857601), "104857601"),
        (struct.pack(">ihhih", 10, 999, 0, 1, -1), "999"),
        (struct.pack(">ihhih", 10, wire.PRODUCE, 99, 1, -1), "ProduceRequest version 99"),
        (struct.pack(">ihhih", 10, wire.METADATA, 1, 1, -1), "MetadataRequest version 1"),
    ],
    ids=["negative", "too-large", "unknown-key", "unknown-version", "cut-short"],
)
def test_one_line_says_why_a_connection_was_closed(gregor, data, culprit):
    broker = gregor()
    with Connection(broker.address) as connection:
        connection.send_bytes(data)
        connection.await_close()
    assert still_serves(broker)
    assert broker.stderr().count("\n") == 1 and culprit in broker.stderr()


@pytest.mark.parametrize("payload", [b"", b"\0", b"\0\x12\0\0", b"\0\x12\0\0\0\0\0"])
def test_a_frame_too_short_for_its_header_closes(broker, connection, payload):
    connection.send_frame(payload)
    connection.await_close()
    assert still_serves(broker)


def test_a_body_cut_short_closes(broker, connection):
    body = wire.fetch_body("none", 0, 0)
    connection.send(wire.FETCH, 4, body[:-3])
    connection.await_close()
    assert still_serves(broker)


def test_an_array_longer_than_the_frame_closes(broker, connection):
    connection.send(wire.METADATA, 1, struct.pack(">i", 2**31 - 1))
    connection.await_close()
    assert still_serves(broker)


def test_bytes_behind_a_request_are_passed_over(connection):
    """librdkafka sends some when it asks for the metadata of all topics."""
    reader = connection.ask(wire.METADATA, 1, wire.array([]) + b"\0\0\0")
    wire.metadata_result(reader)


def test_requests_are_answered_in_order(connection, topic):
    """A fetch that waits holds up what was sent behind it on its connection."""
    wire.make_topic(connection, topic)
    waiting = connection.send(
        wire.FETCH, 4, wire.fetch_body(topic, 0, 0, max_wait_ms=300, min_bytes=1)
    )
    behind = [connection.send(wire.API_VERSIONS, 0) for _ in range(50)]
    code, high_watermark, records = wire.fetch_result(connection.receive(waiting))
    assert (code, high_watermark, records) == (wire.NONE, 0, b"")
    for correlation in behind:
        assert connection.receive(correlation).int16() == wire.NONE


def test_a_request_may_come_byte_by_byte(connection):
    header = struct.pack(">hhi", wire.API_VERSIONS, 0, 7) + wire.string("slow")
    for byte in struct.pack(">i", len(header)) + header:
        connection.send_bytes(bytes([byte]))
    assert connection.receive(7).int16() == wire.NONE


def test_many_requests_may_come_in_one_packet(connection):
    header = wire.string("many")
    data = b""
    for i in range(200):
        frame = struct.pack(">hhi", wire.API_VERSIONS, 0, i) + header
        data += struct.pack(">i", len(frame)) + frame
    connection.send_bytes(data)
    for i in range(200):
        assert connection.receive(i).int16() == wire.NONE


def test_acks_0_is_not_answered(connection, topic):
    wire.make_topic(connection, topic)
    body = wire.produce_body(topic, 0, wire.batch([b"quiet"]), acks=0)
    connection.send(wire.PRODUCE, 3, body)
    assert connection.ask(wire.API_VERSIONS, 0).int16() == wire.NONE
    assert b"quiet" in wire.fetch_all(connection, topic, 0, 0)


def test_acks_0_that_fails_closes(connection, topic):
    """The only way to tell the client, and the one that Kafka takes."""
    body = wire.produce_body(topic, 7, wire.batch([b"lost"]), acks=0)
    connection.send(wire.PRODUCE, 3, body)
    connection.await_close()


def test_a_client_that_leaves_amid_a_frame_is_forgotten(broker):
    for _ in range(20):
        with Connection(broker.address) as leaving:
            leaving.send_bytes(struct.pack(">i", 1000) + b"x" * 100)
    assert still_serves(broker)


def test_socket_request_max_bytes_is_the_limit(gregor):
    small = gregor(settings={"socket.request.max.bytes": 1000}, topics=["t"])
    with Connection(small.address) as connection:
        pad = wire.produce_body("t", 0, wire.batch([b"x" * 700]))
        connection.send(wire.PRODUCE, 3, pad)
        assert wire.produce_result(connection.receive(1))[0] == wire.NONE
        connection.send_bytes(struct.pack(">i", 1001))
        with pytest.raises(Closed):
            connection.receive_frame()
    assert "1001" in small.stderr(), "one log line says why"
