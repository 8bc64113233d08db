"""What was acknowledged is there after any end, and after some damage."""

import shutil
import struct
import time

import pytest

from harness import messages, wire
from harness.messages import errors
from harness.wire import Connection, batch, produce

SMALL_SEGMENTS = "segment.bytes=1048576,index.interval.bytes=100"


def fill(broker, topic="t", batches=50, first=0, size=200):
    """Produces batches of two records each and returns all that is served."""
    with Connection(broker.address) as connection:
        for i in range(first, first + batches):
            values = [b"%d-%d " % (i, j) + b"." * size for j in range(2)]
            assert produce(connection, topic, 0, batch(values)) == (wire.NONE, 2 * i)
        return wire.fetch_all(connection, topic, 0, 0)


def served(broker, topic="t"):
    with Connection(broker.address) as connection:
        return wire.fetch_all(connection, topic, 0, 0)


def latest(broker, topic="t"):
    with Connection(broker.address) as connection:
        return wire.list_offset(connection, topic, 0, -1)[2]


def segments(broker, suffix, topic="t"):
    return sorted((broker.data / f"{topic}-0").glob(f"*.{suffix}"))


def test_a_restart_keeps_everything(gregor):
    broker = gregor(topics=["t"])
    before = fill(broker)
    broker.restart()
    assert served(broker) == before
    assert fill(broker, first=50)[: len(before)] == before


def test_a_kill_keeps_what_was_acknowledged(gregor):
    broker = gregor(topics=["t"])
    before = fill(broker)
    broker.kill()
    broker.start()
    assert served(broker) == before
    assert fill(broker, first=50)[: len(before)] == before


def test_topics_and_their_settings_survive(gregor):
    broker = gregor()
    with Connection(broker.address) as connection:
        wire.make_topic(connection, "kept", 3, {"cleanup.policy": "compact"})
        wire.make_topic(connection, "gone")
        assert wire.delete_topic(connection, "gone") == wire.NONE
    for end in (broker.stop, broker.kill):
        end()
        broker.start()
        with Connection(broker.address) as connection:
            assert wire.all_topics(connection) == ["kept"]
            keyless = batch([b"x"])
            assert produce(connection, "kept", 2, keyless)[0] == wire.INVALID_RECORD


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_producers_sequences_survive(gregor, end):
    broker = gregor(topics=["t"])
    with Connection(broker.address) as connection:
        producer_id, epoch = wire.init_producer_id(connection)

    def numbered(sequence):
        return batch(
            [b"n"],
            timestamp=int(time.time() * 1000),  # an old producer is forgotten
            producer_id=producer_id,
            producer_epoch=epoch,
            base_sequence=sequence,
        )

    with Connection(broker.address) as connection:
        for sequence in range(3):
            assert produce(connection, "t", 0, numbered(sequence)) == (0, sequence)
    getattr(broker, end)()
    broker.start()
    with Connection(broker.address) as connection:
        assert produce(connection, "t", 0, numbered(2)) == (wire.NONE, 2)
        assert produce(connection, "t", 0, numbered(3)) == (wire.NONE, 3)
        code, _ = produce(connection, "t", 0, numbered(5))
        assert code == wire.OUT_OF_ORDER_SEQUENCE_NUMBER
        assert wire.init_producer_id(connection)[0] != producer_id


def test_several_segments_survive_a_kill(gregor):
    broker = gregor(topics=[f"t:1:{SMALL_SEGMENTS}"])
    before = fill(broker, batches=40, size=50_000)
    assert len(segments(broker, "log")) > 2
    broker.kill()
    broker.start()
    assert served(broker) == before


# -- a torn tail ---------------------------------------------------------------


def whole_batches(data):
    return [raw for _, _, raw in wire.split_batches(data)]


@pytest.mark.parametrize("cut", [1, 30, 61, 100])
def test_half_a_batch_at_the_end_is_cut_off(gregor, cut):
    broker = gregor(topics=["t"])
    before = fill(broker)
    broker.kill()
    with open(segments(broker, "log")[-1], "r+b") as log:
        log.truncate(len(before) - cut)
    broker.start()
    expected = whole_batches(before)[:-1]
    assert whole_batches(served(broker)) == expected
    assert latest(broker) == 2 * len(expected)


@pytest.mark.parametrize(
    "tail", [b"\0" * 4096, b"\xff" * 100, b"junk", struct.pack(">qi", 100, 2**31 - 1)]
)
def test_rubbish_behind_the_last_batch_is_cut_off(gregor, tail):
    broker = gregor(topics=["t"])
    before = fill(broker)
    broker.kill()
    with open(segments(broker, "log")[-1], "ab") as log:
        log.write(tail)
    broker.start()
    assert served(broker) == before
    assert fill(broker, first=50)[: len(before)] == before


def test_a_flipped_bit_in_the_last_batch_cuts_it_off(gregor):
    broker = gregor(topics=["t"])
    before = fill(broker)
    broker.kill()
    path = segments(broker, "log")[-1]
    data = bytearray(path.read_bytes())
    data[-10] ^= 1
    path.write_bytes(data)
    broker.start()
    assert whole_batches(served(broker)) == whole_batches(before)[:-1]


# -- indexes and snapshots can be made again --------------------------------------


def damaged_indexes(broker, damage):
    for suffix in ("index", "timeindex"):
        for path in segments(broker, suffix):
            damage(path)


DAMAGES = {
    "gone": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "torn": lambda path: path.write_bytes(path.read_bytes()[:-3]),
    "preallocated": lambda path: path.write_bytes(path.read_bytes() + b"\0" * 10_000),
    "nonsense": lambda path: path.write_bytes(b"\x55" * 4096),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_indexes_are_made_again_after_a_kill(gregor, damage):
    broker = gregor(topics=[f"t:1:{SMALL_SEGMENTS}"])
    before = fill(broker, batches=60, size=30_000)
    broker.kill()
    damaged_indexes(broker, DAMAGES[damage])
    broker.start()
    assert served(broker) == before
    with Connection(broker.address) as connection:
        for offset in range(0, 120, 7):
            code, _, records = wire.fetch(connection, "t", 0, offset, max_bytes=1)
            first, last, _ = next(wire.split_batches(records))
            assert code == wire.NONE and first <= offset <= last
        time_found = wire.list_offset(connection, "t", 0, 1_700_000_000_000)
        assert time_found == (wire.NONE, 1_700_000_000_000, 0)


@pytest.mark.parametrize("damage", ["gone", "empty", "torn", "nonsense"])
def test_damaged_producer_snapshots_are_made_again(gregor, damage):
    broker = gregor(topics=["t"])
    with Connection(broker.address) as connection:
        producer_id, epoch = wire.init_producer_id(connection)
        one = batch(
            [b"n"],
            timestamp=int(time.time() * 1000),
            producer_id=producer_id,
            producer_epoch=epoch,
            base_sequence=0,
        )
        assert produce(connection, "t", 0, one) == (wire.NONE, 0)
    broker.restart()
    broker.kill()
    snapshots = segments(broker, "snapshot")
    assert snapshots
    for path in snapshots:
        DAMAGES[damage](path)
    broker.start()
    with Connection(broker.address) as connection:
        assert produce(connection, "t", 0, one) == (wire.NONE, 0)
        assert wire.list_offset(connection, "t", 0, -1)[2] == 1


@pytest.mark.parametrize(
    "name",
    [
        "recovery-point-offset-checkpoint",
        "replication-offset-checkpoint",
        "log-start-offset-checkpoint",
    ],
)
def test_a_checkpoint_may_be_missing(gregor, name):
    broker = gregor(topics=["t"])
    before = fill(broker)
    broker.stop()
    (broker.data / name).unlink(missing_ok=True)
    broker.start()
    assert served(broker) == before


def test_a_directory_can_be_copied_and_served_elsewhere(gregor, tmp_path):
    broker = gregor(topics=["t"])
    before = fill(broker)
    broker.stop()
    shutil.copytree(broker.data, tmp_path / "copy")
    copy = gregor(data=tmp_path / "copy")
    assert served(copy) == before


# -- the disk refuses --------------------------------------------------------------


def fetched_error(connection, topic, version):
    part = {"Partition": 0, "FetchOffset": 0, "PartitionMaxBytes": 1 << 20}
    asked = {"Topics": [{"Topic": topic, "Partitions": [part]}]}
    answer = messages.ask(connection, "Fetch", version, asked)
    return answer["Responses"][0]["Partitions"][0]["ErrorCode"]


def test_a_log_that_cannot_be_written_goes_offline_and_the_others_serve(gregor):
    """A file may grow to 1 MiB here; what is beyond is refused by the disk."""
    broker = gregor(topics=["full", "fine"], file_size_limit=1 << 20)
    value = b"x" * 100_000
    with Connection(broker.address) as connection:
        for i in range(20):
            code, offset = produce(connection, "full", 0, batch([value]))
            if code != wire.NONE:
                break
            assert offset == i
        assert code == wire.KAFKA_STORAGE_ERROR and i >= 9
        # It stays refused, and is not served in halves.
        code, _ = produce(connection, "full", 0, batch([b"small"]))
        assert code == wire.KAFKA_STORAGE_ERROR
        for version in range(13):
            # Which readers of before version 6 do not know (KIP-112).
            old = errors.NOT_LEADER_OR_FOLLOWER
            known = wire.KAFKA_STORAGE_ERROR if version > 5 else old
            assert fetched_error(connection, "full", version) == known
        assert produce(connection, "fine", 0, batch([b"y"])) == (wire.NONE, 0)
    said = [line for line in broker.stderr().splitlines() if "full-0" in line]
    assert len(said) == 1, broker.stderr()
    # With room again, everything acknowledged is there.
    broker.kill()
    broker.file_size_limit = None
    broker.start()
    assert latest(broker, "full") == i
    with Connection(broker.address) as connection:
        assert produce(connection, "full", 0, batch([b"more"])) == (wire.NONE, i)
