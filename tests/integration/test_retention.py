"""Retention: old records go when the settings say so, and nothing else does.

Whether something stays is not waited for: a second topic, whose records must go, says
that a check has come and gone.
"""

import contextlib
import os
import time

import pytest

from harness import messages, wire
from harness.broker import AGAINST_KAFKA, ApacheKafka, Started
from harness.group import Client
from harness.messages import errors
from harness.wire import Connection

LATEST, EARLIEST = -1, -2
HOUR = 3_600_000
SEGMENT = {"segment.bytes": "1048576"}  # Kafka takes no smaller one
BIG = 700_000  # of which each has a segment to itself
CHECKS = {
    "log.initial.task.delay.ms": "0",
    "log.retention.check.interval.ms": "200",
    "log.segment.delete.delay.ms": "500",
}
if AGAINST_KAFKA:
    CHECKS["log.cleaner.backoff.ms"] = "200"  # there it looks after compact,delete
TOPIC_RESOURCE, BROKER_RESOURCE = 2, 4
SET, DELETE = 0, 1


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    """One that looks for old segments five times a second."""
    with started(tmp_path_factory, CHECKS) as broker:
        yield broker


@contextlib.contextmanager
def started(tmp_path_factory, settings):
    if AGAINST_KAFKA:
        kafka = ApacheKafka(tmp_path_factory.mktemp("kafka"), settings).start()
        yield kafka
        kafka.close()
        return
    brokers = Started(tmp_path_factory)
    yield brokers(settings=settings)
    brokers.close()


@pytest.fixture
def connection(broker):
    with Connection(broker.address) as open_connection:
        yield open_connection


def now_ms():
    return int(time.time() * 1000)


def produce(connection, topic, timestamp, size=BIG):
    batch = wire.batch([b"x" * size], timestamp=timestamp)
    code, offset = wire.produce(connection, topic, 0, batch)
    assert code == wire.NONE
    return offset


def bounds(connection, topic):
    return tuple(
        wire.list_offset(connection, topic, 0, t)[2] for t in (EARLIEST, LATEST)
    )


def eventually(holds, what, seconds=60):
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def await_start(connection, topic, offset):
    eventually(
        lambda: bounds(connection, topic)[0] >= offset, f"{topic} still begins earlier"
    )


def await_check(connection, topic, rounds=2):
    """Until all logs have been looked at since this was called."""
    witness = f"{topic}-witness"
    made = wire.create_topic(connection, witness, configs={"retention.ms": "1"})
    assert made in (wire.NONE, errors.TOPIC_ALREADY_EXISTS)
    wire.metadata(connection, [witness])
    for _ in range(rounds):
        offset = produce(connection, witness, now_ms() - 1000, size=10)
        await_start(connection, witness, offset + 1)


def alter(connection, topic, operation, name, value=None, kind=TOPIC_RESOURCE):
    config = {"Name": name, "ConfigOperation": operation, "Value": value}
    resource = {"ResourceType": kind, "ResourceName": topic, "Configs": [config]}
    values = {"Resources": [resource], "ValidateOnly": False}
    answer = messages.ask(connection, "IncrementalAlterConfigs", 1, values)
    assert answer["Responses"][0]["ErrorCode"] == errors.NONE


def size_on_disk(connection, topic):
    values = {"Topics": [{"Topic": topic, "Partitions": [0]}]}
    answer = messages.ask(connection, "DescribeLogDirs", 4, values)
    return answer["Results"][0]["Topics"][0]["Partitions"][0]["PartitionSize"]


def names(broker, topic):
    return sorted(path.name for path in (broker.data / f"{topic}-0").iterdir())


# -- which ---------------------------------------------------------------------


def test_by_time(connection, topic):
    wire.make_topic(connection, topic, configs={**SEGMENT, "retention.ms": str(HOUR)})
    for age in (3 * HOUR, 2 * HOUR, 0):
        produce(connection, topic, now_ms() - age)
    await_start(connection, topic, 2)
    await_check(connection, topic)
    assert bounds(connection, topic) == (2, 3)
    assert wire.fetch(connection, topic, 0, 1)[0] == wire.OFFSET_OUT_OF_RANGE
    code, _, records = wire.fetch(connection, topic, 0, 2)
    assert code == wire.NONE
    assert next(wire.split_batches(records))[:2] == (2, 2)
    assert size_on_disk(connection, topic) == len(records)


def test_by_size(connection, topic):
    wire.make_topic(
        connection, topic, configs={**SEGMENT, "retention.bytes": "1048576"}
    )
    for _ in range(5):
        produce(connection, topic, now_ms())
    # Two segments of 700 kB are the fewest that hold retention.bytes.
    await_start(connection, topic, 3)
    await_check(connection, topic)
    assert bounds(connection, topic) == (3, 5)
    assert 2 * BIG < size_on_disk(connection, topic) < 2 * BIG + 1000


def test_the_active_segment_goes_too(connection, topic):
    wire.make_topic(connection, topic, configs={"retention.ms": str(HOUR)})
    produce(connection, topic, now_ms() - 2 * HOUR)
    await_start(connection, topic, 1)
    assert bounds(connection, topic) == (1, 1)
    assert size_on_disk(connection, topic) == 0
    assert wire.fetch(connection, topic, 0, 1)[0] == wire.NONE
    assert produce(connection, topic, now_ms()) == 1


def test_an_old_segment_behind_a_young_one_stays(connection, topic):
    wire.make_topic(connection, topic, configs={**SEGMENT, "retention.ms": str(HOUR)})
    produce(connection, topic, now_ms())
    produce(connection, topic, now_ms() - 5 * HOUR)
    produce(connection, topic, now_ms())
    await_check(connection, topic)
    assert bounds(connection, topic) == (0, 3)


def test_a_timestamp_in_the_future_keeps_its_segment(connection, topic):
    configs = {
        **SEGMENT,
        "retention.ms": str(HOUR),
        "message.timestamp.after.max.ms": str(100 * HOUR),
    }
    wire.make_topic(connection, topic, configs=configs)
    produce(connection, topic, now_ms() - 5 * HOUR)
    produce(connection, topic, now_ms() + 50 * HOUR)
    produce(connection, topic, now_ms() - 5 * HOUR)
    await_start(connection, topic, 1)
    await_check(connection, topic)
    assert bounds(connection, topic) == (1, 3)


def test_without_timestamps_the_time_of_writing_counts(connection, topic):
    wire.make_topic(connection, topic, configs={**SEGMENT, "retention.ms": str(HOUR)})
    for _ in range(3):
        produce(connection, topic, -1)
    await_check(connection, topic)
    assert bounds(connection, topic) == (0, 3)
    alter(connection, topic, SET, "retention.ms", "1")
    await_start(connection, topic, 3)


@pytest.mark.parametrize(
    "policy, goes", [("compact", False), ("compact,delete", True), ("delete", True)]
)
def test_cleanup_policy(connection, topic, policy, goes):
    configs = {**SEGMENT, "retention.ms": str(HOUR), "cleanup.policy": policy}
    wire.make_topic(connection, topic, configs=configs)
    for i in range(3):
        batch = wire.batch(
            [b"x" * BIG], key=b"%d" % i, timestamp=now_ms() - 5 * HOUR
        )
        assert wire.produce(connection, topic, 0, batch) == (wire.NONE, i)
    if goes:
        await_start(connection, topic, 3)
    else:
        await_check(connection, topic)
        assert bounds(connection, topic) == (0, 3)


# -- settings while it runs ------------------------------------------------------


def test_topic_settings_take_effect_without_a_restart(connection, topic):
    wire.make_topic(connection, topic, configs={**SEGMENT, "retention.ms": "-1"})
    for age in (5 * HOUR, 2 * HOUR, 0):
        produce(connection, topic, now_ms() - age)
    await_check(connection, topic)
    assert bounds(connection, topic) == (0, 3)
    alter(connection, topic, SET, "retention.ms", str(3 * HOUR))
    await_start(connection, topic, 1)
    await_check(connection, topic)
    assert bounds(connection, topic) == (1, 3)
    alter(connection, topic, SET, "retention.bytes", "0")
    await_start(connection, topic, 3)


def test_the_brokers_defaults_take_effect_too(connection, topic):
    wire.make_topic(connection, topic, configs=SEGMENT)
    produce(connection, topic, now_ms() - 5 * HOUR)
    produce(connection, topic, now_ms())
    await_check(connection, topic)
    assert bounds(connection, topic) == (0, 2)  # seven days
    try:
        alter(connection, "", SET, "log.retention.ms", str(HOUR), BROKER_RESOURCE)
        await_start(connection, topic, 1)
    finally:
        alter(connection, "", DELETE, "log.retention.ms", kind=BROKER_RESOURCE)
    await_check(connection, topic)
    assert bounds(connection, topic) == (1, 2)


@pytest.mark.parametrize(
    "settings",
    [
        {"log.retention.hours": "1"},
        {"log.retention.hours": "-1", "log.retention.minutes": "60"},
        {"log.retention.minutes": "-1", "log.retention.ms": str(HOUR)},
    ],
)
def test_the_smallest_unit_counts(tmp_path_factory, topic, settings):
    with (
        started(tmp_path_factory, {**CHECKS, **settings}) as broker,
        Connection(broker.address) as connection,
    ):
        wire.make_topic(connection, topic, configs=SEGMENT)
        produce(connection, topic, now_ms() - 2 * HOUR)
        produce(connection, topic, now_ms() - HOUR // 2)
        await_start(connection, topic, 1)
        await_check(connection, topic)
        assert bounds(connection, topic) == (1, 2)


# -- files and readers -------------------------------------------------------------


def test_files_get_another_name_and_go_later(broker, connection, topic):
    configs = {**SEGMENT, "retention.ms": str(HOUR), "file.delete.delay.ms": "3000"}
    wire.make_topic(connection, topic, configs=configs)
    for age in (3 * HOUR, 2 * HOUR, 0):
        produce(connection, topic, now_ms() - age)
    await_start(connection, topic, 2)
    deleted = [f"{base:020}.log.deleted" for base in (0, 1)]
    eventually(
        lambda: set(deleted) <= set(names(broker, topic)), "they were not renamed"
    )
    assert f"{0:020}.log" not in names(broker, topic)
    eventually(
        lambda: not any(n.endswith(".deleted") for n in names(broker, topic)),
        "they were not removed",
    )
    assert [n for n in names(broker, topic) if n.endswith(".log")] == [f"{2:020}.log"]


def test_a_reader_in_the_middle_of_a_deleted_segment_finishes(broker, topic):
    """The answer to a fetch is longer than what fits the sockets, and the file that it
    comes from is gone before the rest of it is read. Apache Kafka ends the connection
    then."""
    if AGAINST_KAFKA:
        pytest.skip("of Gregor alone")
    size, count = 10_000_000, 4
    with Connection(broker.address) as writer, Connection(broker.address) as reader:
        configs = {
            "retention.ms": str(HOUR),
            "file.delete.delay.ms": "0",
            "max.message.bytes": str(2 * size),
        }
        wire.make_topic(writer, topic, configs=configs)
        alter(writer, topic, SET, "retention.ms", "-1")
        for _ in range(count):
            produce(writer, topic, now_ms() - 2 * HOUR, size)
        body = wire.fetch_body(topic, 0, 0, max_bytes=1 << 30)
        asked = reader.send(wire.FETCH, 4, body)
        assert reader.answered(60)
        alter(writer, topic, SET, "retention.ms", str(HOUR))
        await_start(writer, topic, count)
        eventually(
            lambda: not any(n.startswith(f"{0:020}") for n in names(broker, topic)),
            "the files are still there",
        )
        code, _, records = wire.fetch_result(reader.receive(asked))
        assert code == wire.NONE
        batches = list(wire.split_batches(records))
        assert [b[:2] for b in batches] == [(i, i) for i in range(count)]
        assert all(raw.endswith(b"x" * 1000 + b"\0") for *_, raw in batches)


def test_a_fetch_that_waits_hears_of_it(broker, topic):
    """It asked for more than there is, and then what there was is gone."""
    with Connection(broker.address) as writer, Connection(broker.address) as reader:
        wire.make_topic(writer, topic, configs={"retention.ms": "-1"})
        produce(writer, topic, now_ms() - 2 * HOUR, size=10)
        body = wire.fetch_body(topic, 0, 0, max_wait_ms=3000, min_bytes=1 << 20)
        asked = reader.send(wire.FETCH, 4, body)
        alter(writer, topic, SET, "retention.ms", str(HOUR))
        await_start(writer, topic, 1)
        code, _, records = wire.fetch_result(reader.receive(asked))
        assert (code, records) == (wire.OFFSET_OUT_OF_RANGE, b"")


# -- over restarts -------------------------------------------------------------------


def test_the_start_outlives_a_stop_and_a_kill(gregor, topic):
    broker = gregor(settings=CHECKS)
    with Connection(broker.address) as connection:
        wire.make_topic(connection, topic, configs={"retention.ms": str(HOUR)})
        produce(connection, topic, now_ms() - 2 * HOUR)
        await_start(connection, topic, 1)
        produce(connection, topic, now_ms())
    # The files follow in a job; a kill before that has the next check do it again.
    eventually(
        lambda: f"{0:020}.log" not in names(broker, topic), "they were not renamed"
    )
    for end in (broker.kill, broker.stop, broker.kill):
        end()
        broker.start()
        with Connection(broker.address) as connection:
            assert bounds(connection, topic) == (1, 2)


def test_logs_that_nobody_opens_are_looked_after(gregor, topic):
    """After a clean stop a log is opened on first use; its old records do not wait for
    that."""
    broker = gregor(settings={**CHECKS, "log.retention.check.interval.ms": "3600000"})
    count = 20
    with Connection(broker.address) as connection:
        configs = {**SEGMENT, "retention.ms": str(HOUR)}
        wire.make_topic(connection, topic, count, configs)
        for partition in range(count):
            for age in (2 * HOUR, 0) if partition % 2 else (2 * HOUR,):
                batch = wire.batch([b"x" * BIG], timestamp=now_ms() - age)
                assert wire.produce(connection, topic, partition, batch)[0] == wire.NONE
    broker.stop()
    broker.settings["log.retention.check.interval.ms"] = "200"
    broker.start()

    def logs(partition):
        folder = broker.data / f"{topic}-{partition}"
        return sorted(p.name for p in folder.glob("*.log*"))

    for partition in range(count):
        eventually(
            lambda p=partition: logs(p) == [f"{1:020}.log"], f"{partition} has the old"
        )
    eventually(lambda: not open_files(broker.pid, topic), "they are open still")
    broker.restart()
    with Connection(broker.address) as connection:
        for partition in range(count):
            found = [
                wire.list_offset(connection, topic, partition, t)[2]
                for t in (EARLIEST, LATEST)
            ]
            assert found == [1, 1 + partition % 2]


def open_files(pid, topic):
    found = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(OSError):
            path = os.readlink(f"/proc/{pid}/fd/{fd}")
            if topic in path and path.endswith(".log"):
                found.append(path)
    return found


def test_group_offsets_are_not_old_records(gregor):
    """__consumer_offsets is compacted: however short retention is, offsets stay."""
    broker = gregor(settings={**CHECKS, "log.retention.ms": "1"}, topics=["t"])
    client = Client(broker, "g")
    assert client.coordinate()["ErrorCode"] == errors.NONE
    assert client.commit("t", 42) == errors.NONE
    await_check(client.connection, "t")
    offsets = "__consumer_offsets"
    assert wire.list_offset(client.connection, offsets, 0, EARLIEST)[2] == 0
    client.close()
    broker.restart()
    client = Client(broker, "g")
    await_check(client.connection, "t")
    assert client.coordinate()["ErrorCode"] == errors.NONE
    assert client.committed("t") == (errors.NONE, 42, "")
    client.close()


def test_deleting_a_topic_ends_with_the_next_start(gregor, topic):
    """Killed between the renaming of the folder and its removal."""
    broker = gregor(topics=[topic])
    with Connection(broker.address) as connection:
        produce(connection, topic, now_ms())
        assert wire.delete_topic(connection, topic) == wire.NONE
    (folder,) = broker.data.glob("*-delete")
    broker.kill()
    # As if the removal had been under way, too.
    (folder / f"{0:020}.index").unlink()
    broker.topics = []
    broker.start()
    eventually(lambda: not folder.exists(), "it is still there")
    with Connection(broker.address) as connection:
        assert wire.create_topic(connection, topic) == wire.NONE
        assert bounds(connection, topic) == (0, 0)
