"""Compacted topics lose what a later record of the same key supersedes, and nothing
else: not through restarts and kills, not while clients write."""

import time

from harness import messages, wire
from harness.group import Client
from harness.messages import errors
from harness.wire import Connection, produce

COMPACT = "cleanup.policy=compact,segment.bytes=1048576,min.cleanable.dirty.ratio=0.01"
CLEANER = {"log.cleaner.backoff.ms": "20", "log.cleaner.min.cleanable.ratio": "0.01"}
BIG = 100_000  # ten values fill a segment


def await_true(condition, what, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.02)


def cleaned_to(broker, topic, partition=0):
    """What cleaner-offset-checkpoint says; 0 where it says nothing."""
    path = broker.data / "cleaner-offset-checkpoint"
    lines = path.read_text().splitlines()[2:] if path.exists() else []
    entries = {(t, int(p)): int(offset) for t, p, offset in map(str.split, lines)}
    return entries.get((topic, partition), 0)


def keyed(key, value):
    body = wire.record(0, value, key)
    return wire.batch([value], records=body)


def value_of(number):
    return b"%d " % number + b"." * BIG


def fill(broker, keys, count, first=0, topic="t"):
    """Writes keys in turn; the value of each begins with its number."""
    with Connection(broker.address) as connection:
        for i in range(first, first + count):
            key = b"k%d" % (i % keys)
            assert produce(connection, topic, 0, keyed(key, value_of(i)))[0] == 0


def offsets(broker, topic="t"):
    """Those of the records that are served; each batch had one."""
    with Connection(broker.address) as connection:
        data = wire.fetch_all(connection, topic, 0, 0)
    counted = [(base, raw[57:61]) for base, _, raw in wire.split_batches(data)]
    return [base for base, count in counted if count != bytes(4)]


def end(broker, topic="t"):
    with Connection(broker.address) as connection:
        return wire.list_offset(connection, topic, 0, -1)[2]


def test_superseded_records_go_and_the_latest_stay(gregor):
    broker = gregor(topics=[f"t:1:{COMPACT}"], settings=CLEANER)
    fill(broker, keys=5, count=43)
    await_true(lambda: cleaned_to(broker, "t") >= 30, "cleaning")
    # Whatever lies in the active segment stays; below it, the latest of each key.
    active = max(int(p.stem) for p in (broker.data / "t-0").glob("*.log"))
    await_true(lambda: cleaned_to(broker, "t") == active, "cleaning")
    left = offsets(broker)
    assert left == list(range(active - 5, 43))
    assert end(broker) == 43
    for stop in (broker.stop, broker.kill):
        stop()
        broker.start()
        assert offsets(broker) == left
        assert end(broker) == 43
    fill(broker, keys=5, count=20, first=43)
    await_true(lambda: cleaned_to(broker, "t") > active, "cleaning again")
    assert offsets(broker)[-5:] == list(range(58, 63))
    assert len(offsets(broker)) < 30
    assert not list((broker.data / "t-0").glob("*.cleaned"))


def test_compaction_goes_on_while_clients_write_and_brokers_are_killed(gregor):
    broker = gregor(topics=[f"t:1:{COMPACT}"], settings=CLEANER)
    written = 0
    for _ in range(4):
        fill(broker, keys=3, count=25, first=written)
        written += 25
        broker.kill()
        broker.start()
        assert end(broker) == written
        assert offsets(broker)[-3:] == [written - 3, written - 2, written - 1]
    await_true(lambda: cleaned_to(broker, "t") > 80, "cleaning")
    assert len(offsets(broker)) < 25


def test_the_policy_takes_effect_without_a_restart(gregor):
    plain = COMPACT.replace("compact", "delete", 1)
    broker = gregor(topics=[f"t:1:{plain}"], settings=CLEANER)
    fill(broker, keys=2, count=30)
    assert offsets(broker) == list(range(30))
    change = {"Name": "cleanup.policy", "ConfigOperation": 0, "Value": "compact"}
    topic = {"ResourceType": 2, "ResourceName": "t", "Configs": [change]}
    with Connection(broker.address) as connection:
        answer = messages.ask(
            connection, "IncrementalAlterConfigs", 1, {"Resources": [topic]}
        )
    assert answer["Responses"][0]["ErrorCode"] == errors.NONE
    await_true(lambda: len(offsets(broker)) < 15, "cleaning")


def test_a_closed_log_is_cleaned_after_a_restart(gregor):
    broker = gregor(
        topics=[f"t:1:{COMPACT}"], settings={**CLEANER, "log.cleaner.enable": "false"}
    )
    fill(broker, keys=2, count=30)
    broker.settings["log.cleaner.enable"] = "true"
    broker.restart()
    # Nobody asks for the topic.
    await_true(lambda: cleaned_to(broker, "t") >= 20, "cleaning")
    assert len(offsets(broker)) < 15


def test_a_log_that_cannot_be_cleaned_is_named_and_the_others_go_on(gregor):
    broker = gregor(
        topics=[f"bad:1:{COMPACT}", f"good:1:{COMPACT}"],
        settings={**CLEANER, "log.cleaner.enable": "false"},
    )
    fill(broker, keys=2, count=30, topic="bad")
    fill(broker, keys=2, count=30, topic="good")
    broker.stop()
    first = broker.data / "bad-0" / f"{0:020}.log"
    data = bytearray(first.read_bytes())
    data[5000] ^= 1
    first.write_bytes(data)
    broker.settings["log.cleaner.enable"] = "true"
    broker.start()
    await_true(lambda: cleaned_to(broker, "good") >= 20, "cleaning")
    await_true(lambda: "log bad-0 cannot be cleaned" in broker.stderr(), "telling")
    assert broker.stderr().count("bad-0 cannot be cleaned") == 1
    assert f"{first.name}: the batch at offset 0" in broker.stderr()
    assert cleaned_to(broker, "bad") == 0
    fill(broker, keys=2, count=2, first=30, topic="bad")


def test_groups_find_their_offsets_in_a_compacted_log(gregor):
    broker = gregor(
        topics=["t"],
        settings={**CLEANER, "offsets.topic.segment.bytes": "1048576"},
    )
    client = Client(broker, "g")
    await_true(lambda: client.coordinate()["ErrorCode"] == errors.NONE, "coordinator")
    for i in range(1200):
        assert client.commit("t", i, metadata="m" * 4000) == errors.NONE
    client.close()
    await_true(lambda: cleaned_to(broker, "__consumer_offsets") > 700, "cleaning")
    for stop in (broker.stop, broker.kill):
        stop()
        broker.start()
        client = Client(broker, "g")
        await_true(lambda: client.coordinate()["ErrorCode"] == errors.NONE, "loading")
        await_true(lambda: client.fetch([])["ErrorCode"] == errors.NONE, "loading")
        assert client.committed("t")[:2] == (errors.NONE, 1199)
        client.close()
    size = sum(p.stat().st_size for p in broker.data.glob("__consumer_offsets-0/*.log"))
    assert size < 3 << 20
