"""How many connections, for how long, and with how much memory."""

import time

from harness import wire
from harness.wire import Connection


def serves(connection):
    return connection.ask(wire.API_VERSIONS, 0).int16() == wire.NONE


def test_max_connections_makes_the_next_one_wait(gregor):
    broker = gregor(settings={"max.connections": 2})
    with Connection(broker.address) as first, Connection(broker.address) as second:
        assert serves(first) and serves(second)
        with Connection(broker.address) as third:
            asked = third.send(wire.API_VERSIONS, 0)
            for _ in range(20):
                assert serves(first) and serves(second)
            assert not third.answered(0.1)
            first.close()
            assert third.receive(asked).int16() == wire.NONE


def test_max_connections_per_ip_closes_the_next_one(gregor):
    broker = gregor(settings={"max.connections.per.ip": 2})
    with Connection(broker.address) as first, Connection(broker.address) as second:
        assert serves(first) and serves(second)
        with Connection(broker.address) as third:
            third.await_close()
        assert serves(first) and serves(second)


def test_max_connections_per_ip_overrides_exempts_an_address(gregor):
    broker = gregor(
        settings={
            "max.connections.per.ip": 1,
            "max.connections.per.ip.overrides": "127.0.0.1:3",
        }
    )
    with Connection(broker.address) as a, Connection(broker.address) as b:
        assert serves(a) and serves(b)


def test_idle_connection_is_closed(gregor):
    broker = gregor(settings={"connections.max.idle.ms": 300})
    with Connection(broker.address) as idle:
        assert serves(idle)
        began = time.monotonic()
        idle.await_close()
        assert 0.25 < time.monotonic() - began < 10


def test_busy_connection_is_not_idle(gregor):
    broker = gregor(settings={"connections.max.idle.ms": 400}, topics=["t"])
    with Connection(broker.address) as busy:
        began = time.monotonic()
        while time.monotonic() - began < 1.2:
            # A fetch that waits is a request in flight, not idleness.
            code, _, _ = wire.fetch(busy, "t", 0, 0, max_wait_ms=150, min_bytes=1)
            assert code == wire.NONE


def test_slow_reader_gets_back_pressure_not_memory(gregor):
    """A client that asks for 1 GiB and reads nothing must not cost a GiB."""
    broker = gregor(topics=["t"])
    value = b"v" * 1000
    with Connection(broker.address) as writer:
        for _ in range(16):
            batch = wire.batch([value] * 1000)
            assert wire.produce(writer, "t", 0, batch)[0] == wire.NONE
    before = broker.rss_bytes()
    readers = [Connection(broker.address, receive_buffer=4096) for _ in range(8)]
    asked = 0
    for reader in readers:
        for _ in range(8):
            body = wire.fetch_body("t", 0, 0, max_bytes=16 << 20)
            reader.send(wire.FETCH, 4, body)
            asked += 16 << 20
    with Connection(broker.address) as other:
        for _ in range(200):
            assert serves(other)
    grown = broker.rss_bytes() - before
    assert grown < 32 << 20, f"{grown >> 20} MiB for {asked >> 20} MiB asked for"
    # It was slow, not dead: everything comes once it reads.
    for correlation in range(1, 9):
        code, _, records = wire.fetch_result(readers[0].receive(correlation))
        assert code == wire.NONE and len(records) > 15 << 20
    for reader in readers:
        reader.close()


def test_pipelining_without_reading_is_held_up(gregor):
    """Requests sent without end and never read must be left in the socket."""
    broker = gregor()
    with Connection(broker.address, receive_buffer=4096) as flood:
        flood.socket.settimeout(1)
        before = broker.rss_bytes()
        request = b"\0\0\0\x0e\0\x12\0\0\0\0\0\0\0\4wire" * 4096
        sent = 0
        try:
            while sent < 256 << 20:
                sent += flood.socket.send(request)
        except TimeoutError:
            pass
        grown = broker.rss_bytes() - before
        assert sent < 256 << 20, "the broker read on, with its answers unread"
        assert grown < 32 << 20, f"{grown >> 20} MiB"
    with Connection(broker.address) as other:
        assert serves(other)


def test_readers_that_leave_amid_an_answer_harm_nobody(gregor):
    broker = gregor(topics=["t"])
    with Connection(broker.address) as writer:
        for _ in range(8):
            batch = wire.batch([b"v" * 1000] * 1000)
            assert wire.produce(writer, "t", 0, batch)[0] == wire.NONE
        for _ in range(30):
            leaving = Connection(broker.address, receive_buffer=4096)
            leaving.send(wire.FETCH, 4, wire.fetch_body("t", 0, 0, max_bytes=8 << 20))
            leaving.receive_bytes(100)  # the answer is on its way
            leaving.close()
            assert serves(writer)
