"""kill -9 while retention deletes: what is left is the end of the log, whole and without
a gap, and never less than the settings keep. SEED repeats a run; KILL_ROUNDS makes it
longer."""

import os
import random
import time

from harness import wire
from harness.broker import free_port
from harness.wire import Connection

ROUNDS = int(os.environ.get("KILL_ROUNDS", 50))
SETTINGS = {
    "log.initial.task.delay.ms": "0",
    "log.retention.check.interval.ms": "10",
    "log.segment.delete.delay.ms": "30",
}
KEPT_BYTES = 3 << 20
CONFIG = f"segment.bytes=1048576,retention.bytes={KEPT_BYTES}"
PARTITIONS = 3
EARLIEST = -2


def produce(connection, partition, offset):
    value = b"%d " % offset + b"." * 300_000
    batch = wire.batch([value], timestamp=int(time.time() * 1000))
    code, got = wire.produce(connection, "t", partition, batch)
    assert (code, got) == (wire.NONE, offset)


def read(connection, partition):
    """(start offset, what the log holds from there on); again when it was deleted from
    under the reading, which a check after a restart may do."""
    start = wire.list_offset(connection, "t", partition, EARLIEST)[2]
    offset, data = start, b""
    while True:
        code, end, records = wire.fetch(connection, "t", partition, offset)
        if code == wire.OFFSET_OUT_OF_RANGE:
            assert wire.list_offset(connection, "t", partition, EARLIEST)[2] > offset
            return read(connection, partition)
        assert code == wire.NONE
        if offset >= end:
            return start, data
        for _, last, raw in wire.split_batches(records):
            data += raw
            offset = last + 1


def check(connection, partition, acknowledged):
    """Each record there says which it is; (start, end offset)"""
    start, data = read(connection, partition)
    end = start
    for base, last, raw in wire.split_batches(data):
        assert (base, last) == (end, end)
        assert b"%d ." % end in raw[61:100]
        end += 1
    assert acknowledged <= end <= acknowledged + 1
    assert start == 0 or len(data) >= KEPT_BYTES, "more than was to go is gone"
    return start, end


def test_retention(gregor):
    seed = int(os.environ.get("SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"SEED={seed}")
    rng = random.Random(seed)
    topics = [f"t:{PARTITIONS}:{CONFIG}"]
    broker = gregor(settings=SETTINGS, topics=topics, port=free_port())
    ends = dict.fromkeys(range(PARTITIONS), 0)
    for _ in range(ROUNDS):
        with Connection(broker.address) as connection:
            for _ in range(rng.randrange(1, 30)):
                partition = rng.randrange(PARTITIONS)
                produce(connection, partition, ends[partition])
                ends[partition] += 1
            # Checks and removals are some milliseconds apart: hit any moment of them.
            time.sleep(rng.random() * 0.05)
        if rng.random() < 0.2:
            broker.stop()
        else:
            broker.kill()
        broker.start()
        with Connection(broker.address) as connection:
            for partition in ends:
                ends[partition] = check(connection, partition, ends[partition])[1]
    with Connection(broker.address) as connection:
        starts = [check(connection, partition, end)[0] for partition, end in ends.items()]
    assert ROUNDS < 20 or min(starts) > 0, "nothing was ever deleted"
