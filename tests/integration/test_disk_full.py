"""The disk is full, and later it is not: what was acknowledged is there, and logs come
back without a restart."""

import os
import subprocess
import time

import pytest

from harness import wire
from harness.group import Client
from harness.messages import errors
from harness.wire import Connection, batch, produce

VALUE = b"x" * 100_000
BACK_SECONDS = 90  # tries are a minute apart at the most


def fill(connection, topic, base=0):
    """Produces until it is refused; how many batches the log has then."""
    for i in range(base, base + 10_000):
        code, offset = produce(connection, topic, 0, batch([VALUE]))
        if code != wire.NONE:
            assert code == wire.KAFKA_STORAGE_ERROR
            return i
        assert offset == i
    raise AssertionError("the disk is never full")


def await_back(connection, topic, offset):
    """Produces until it is taken, at the offset behind all that was acknowledged."""

    def taken():
        code, got = produce(connection, topic, 0, batch([b"back"]))
        assert code in (wire.NONE, wire.KAFKA_STORAGE_ERROR)
        assert code != wire.NONE or got == offset
        return code == wire.NONE

    eventually(taken, f"{topic} is offline still")


def eventually(holds, what):
    deadline = time.monotonic() + BACK_SECONDS
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def check_values(connection, topic, values):
    """Those of the log, one a batch."""
    found = wire.fetch_all(connection, topic, 0, 0)
    batches = list(wire.split_batches(found))
    assert [b[:2] for b in batches] == [(i, i) for i in range(len(values))]
    for (*_, raw), value in zip(batches, values):
        assert raw.endswith(value + b"\0")


def lines(broker, words):
    return [line for line in broker.stderr().splitlines() if words in line]


def test_a_log_comes_back_when_a_limit_is_lifted(gregor):
    """A file may grow to 1 MiB, and then as it likes."""
    broker = gregor(topics=["full", "fine"], file_size_limit=1 << 20)
    with Connection(broker.address) as connection:
        count = fill(connection, "full")
        assert produce(connection, "fine", 0, batch([b"y"])) == (wire.NONE, 0)
        broker.lift_file_size_limit()
        await_back(connection, "full", count)
        check_values(connection, "full", [VALUE] * count + [b"back"])
    assert len(lines(broker, "full-0 goes offline")) == 1
    assert len(lines(broker, "log full-0 is back online")) == 1
    # A clean stop, after which nothing has to be recovered.
    broker.restart()
    with Connection(broker.address) as connection:
        check_values(connection, "full", [VALUE] * count + [b"back"])


def test_producers_and_readers_wait_and_go_on(gregor):
    """Refused as retriable, so that clients try again: with the same sequence, which
    is neither lost nor taken twice."""
    broker = gregor(topics=["full"], file_size_limit=1 << 20)
    with Connection(broker.address) as connection:
        producer_id, epoch = wire.init_producer_id(connection)
        acknowledged, lifted = 0, False
        deadline = time.monotonic() + BACK_SECONDS
        while acknowledged < 15:
            sent = batch(
                [VALUE],
                producer_id=producer_id,
                producer_epoch=epoch,
                base_sequence=acknowledged,
            )
            code, offset = produce(connection, "full", 0, sent)
            if code == wire.NONE:
                assert offset == acknowledged
                acknowledged += 1
                continue
            assert code == wire.KAFKA_STORAGE_ERROR
            assert time.monotonic() < deadline
            if not lifted:
                broker.lift_file_size_limit()
                lifted = True
            time.sleep(0.05)
        assert lifted
        check_values(connection, "full", [VALUE] * acknowledged)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 16 MiB."""
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", tmp_path],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode != 0:
        pytest.skip(f"no file system can be mounted: {made.stderr.strip()}")
    yield tmp_path
    subprocess.run(["umount", "-l", tmp_path], check=True)


def take_space(path, leave):
    """A file that leaves so many bytes on the disk."""
    space = os.statvfs(path.parent)
    size = space.f_bavail * space.f_frsize - leave
    with open(path, "wb") as ballast:
        if size > 0:
            os.posix_fallocate(ballast.fileno(), 0, size)


def test_a_full_file_system_and_then_space(small_disk, gregor):
    """Appends, rolls, commits of offsets and checkpoints, all on the same disk."""
    settings = {"log.flush.offset.checkpoint.interval.ms": "200"}
    broker = gregor(
        data=small_disk / "data", settings=settings, topics=["a", "b:1:flush.messages=1"]
    )
    ballast = small_disk / "ballast"
    client = Client(broker, "g")
    connection = client.connection
    assert client.coordinate()["ErrorCode"] == errors.NONE
    assert client.commit("a", 1) == errors.NONE
    produce(connection, "a", 0, batch([VALUE]))
    produce(connection, "b", 0, batch([VALUE]))
    take_space(ballast, 1_000_000)
    counts = {"a": fill(connection, "a", 1)}
    # Not a byte for the others either.
    take_space(small_disk / "rest", 0)
    code, _ = produce(connection, "b", 0, batch([VALUE]))
    assert code == wire.KAFKA_STORAGE_ERROR
    counts["b"] = 1
    refused = 0
    while wire.create_topic(connection, f"refused-{refused}") == wire.NONE:
        refused += 1  # while there is room in the metadata log's last page
        assert refused < 1000
    committed = 1
    if client.commit("a", 2) == errors.NONE:
        committed = 2  # its page was there already
    eventually(lambda: lines(broker, "cannot write a checkpoint"), "they can be")
    ballast.unlink()
    (small_disk / "rest").unlink()
    for topic, count in counts.items():
        await_back(connection, topic, count)
        check_values(connection, topic, [VALUE] * count + [b"back"])
        assert len(lines(broker, f"log {topic}-0 is back online")) == 1
    assert wire.create_topic(connection, "made") == wire.NONE
    eventually(
        lambda: client.commit("a", 3) == errors.NONE, "offsets cannot be committed"
    )
    eventually(
        lambda: lines(broker, "checkpoints can be written again"), "they cannot be"
    )
    assert committed in (1, 2)
    assert client.committed("a")[:2] == (errors.NONE, 3)
    client.close()
    broker.restart()
    client = Client(broker, "g")
    assert client.coordinate()["ErrorCode"] == errors.NONE
    assert client.committed("a")[:2] == (errors.NONE, 3)
    for topic, count in counts.items():
        check_values(client.connection, topic, [VALUE] * count + [b"back"])
    client.close()
