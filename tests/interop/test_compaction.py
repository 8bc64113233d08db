"""One directory, cleaned by Gregor and by Apache Kafka: the same records are left, at
the same offsets; Kafka's dump tool finds nothing amiss in Gregor's; and Kafka goes on
with it."""

import os
import shutil
import time

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient

from harness import kafka
from harness.admin import create, partition
from harness.broker import ApacheKafka, Started
from interop.test_dump_log import complaints, files_of

pytestmark = pytest.mark.timeout(600)

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
COMPACT = {
    "cleanup_policy": "compact",
    "segment_bytes": "1048576",
    "index_interval_bytes": "512",
    "min_cleanable_dirty_ratio": "0.001",
}
QUIET = {"log.cleaner.enable": "false"}
CLEANING = {"log.cleaner.enable": "true", "log.cleaner.backoff.ms": "50"}
KEYS = 200


def value_of(i):
    """A tombstone now and then; nothing that a codec could make smaller."""
    return None if i % 13 == 0 else b"%d " % i + os.urandom(320)


def write_plain(broker, codec, topic):
    producer = Producer(
        {
            "bootstrap.servers": broker.bootstrap,
            "compression.type": codec,
            "enable.idempotence": codec != "none",
            "batch.num.messages": 17,
        }
    )
    for i in range(12000):
        producer.produce(topic, value_of(i), b"k%d" % (i * 7919 % KEYS), partition=0)
        producer.poll(0)
    assert producer.flush(120) == 0


def write_transactions(broker, topic):
    """Committed and aborted in turn, by two producers; one that never wrote again."""
    for name in ("first", "second", "last"):
        producer = Producer(
            {
                "bootstrap.servers": broker.bootstrap,
                "transactional.id": name,
                "batch.num.messages": 17,
            }
        )
        producer.init_transactions(60)
        for number in range(30 if name != "last" else 3):
            producer.begin_transaction()
            for i in range(150):
                key = b"k%d" % ((number * 150 + i) * 7919 % KEYS)
                producer.produce(topic, value_of(i + 1), key, partition=0)
            assert producer.flush(60) == 0  # or an abort would drop them unsent
            if number % 3 == 1:
                producer.abort_transaction(60)
            else:
                producer.commit_transaction(60)


def topics():
    return [f"codec-{codec}" for codec in CODECS] + ["transactions"]


@pytest.fixture(scope="module")
def dirty(tmp_path_factory):
    """What Apache Kafka wrote and did not clean. Transactions are its, too."""
    why = kafka.available()
    if why:
        pytest.skip(why)
    broker = ApacheKafka(tmp_path_factory.mktemp("kafka"), settings=QUIET).start()
    try:
        admin = AdminClient({"bootstrap.servers": broker.bootstrap})
        for topic in topics():
            create(admin, topic, **COMPACT)
        for codec in CODECS:
            write_plain(broker, codec, f"codec-{codec}")
        write_transactions(broker, "transactions")
        broker.stop()
    finally:
        broker.close()
    return broker.data


def cleaned_to(data):
    path = data / "cleaner-offset-checkpoint"
    lines = path.read_text().splitlines()[2:] if path.exists() else []
    return {line.split()[0]: int(line.split()[2]) for line in lines}


def active_segments(data):
    return {
        topic: max(int(p.stem) for p in (data / f"{topic}-0").glob("*.log"))
        for topic in topics()
    }


def await_cleaned(broker):
    deadline = time.monotonic() + 120
    wanted = active_segments(broker.data)
    while any(cleaned_to(broker.data).get(t, 0) < wanted[t] for t in wanted):
        assert time.monotonic() < deadline, (cleaned_to(broker.data), wanted)
        time.sleep(0.1)


def records(broker, topic, isolation):
    """(offset, key, value) of all that a consumer gets."""
    consumer = Consumer(
        {
            "bootstrap.servers": broker.bootstrap,
            "group.id": "reader",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": isolation,
            "check.crcs": True,
        }
    )
    consumer.assign([partition(topic)])
    found = []
    while True:
        message = consumer.poll(30)
        assert message is not None, f"{topic} does not end"
        if message.error():
            break
        found.append((message.offset(), message.key(), message.value()))
    consumer.close()
    return found


def everything(broker):
    return {
        (topic, isolation): records(broker, topic, isolation)
        for topic in topics()
        for isolation in ("read_uncommitted", "read_committed")
    }


@pytest.fixture(scope="module")
def cleaned(dirty, tmp_path_factory):
    """Two copies of it, each cleaned by one of the two, and what they serve then."""
    started = Started(tmp_path_factory)
    served = {}
    folders = {}
    for make, name in ((started.make, "Gregor"), (ApacheKafka, "Apache Kafka")):
        data = tmp_path_factory.mktemp(name.replace(" ", "-")) / "data"
        shutil.copytree(dirty, data)
        if name == "Gregor":
            broker = make(data=data, settings=CLEANING)
        else:
            broker = make(data.parent, data=data, settings=CLEANING)
        try:
            broker.start()
            await_cleaned(broker)
            served[name] = everything(broker)
            broker.stop()
        finally:
            broker.close()
        folders[name] = data
    return served, folders


@pytest.mark.parametrize("topic", topics())
@pytest.mark.parametrize("isolation", ["read_uncommitted", "read_committed"])
def test_the_same_records_are_left(cleaned, topic, isolation):
    served, _ = cleaned
    ours = served["Gregor"][topic, isolation]
    theirs = served["Apache Kafka"][topic, isolation]
    assert ours == theirs
    assert 0 < len(ours) < 6000, "it was cleaned"


def test_segments_and_indexes_are_of_the_same_names_and_sizes(cleaned):
    """Not the same bytes: the horizons of tombstones tell when a broker cleaned."""
    _, folders = cleaned

    def sizes(data, topic):
        files = [p for s in ("log", "txnindex") for p in data.glob(f"{topic}-0/*.{s}")]
        return {p.name: p.stat().st_size for p in files}

    for topic in ("codec-none", "transactions"):
        ours = sizes(folders["Gregor"], topic)
        assert ours == sizes(folders["Apache Kafka"], topic)
        assert len(ours) > 1


def test_kafkas_dump_tool_reads_what_was_cleaned(cleaned):
    _, folders = cleaned
    data = folders["Gregor"]

    def files(suffix):
        return [p for p in files_of(data, suffix) if p.parent.name[:-2] in topics()]

    bad = complaints("--deep-iteration", files=files("log"))
    # Offsets that compaction took are gaps, of which the tool tells.
    assert [line for line in bad if "is followed by" not in line] == []
    for suffix in ("index", "timeindex"):
        assert complaints("--verify-index-only", files=files(suffix)) == []
    assert complaints(files=files("snapshot")) == []
    entries = complaints(files=files("txnindex"))
    assert entries and all(e.startswith("version: 0 producerId: ") for e in entries)


def test_kafka_goes_on_with_it(cleaned, tmp_path_factory):
    served, folders = cleaned
    broker = ApacheKafka(
        tmp_path_factory.mktemp("after"), data=folders["Gregor"], settings=QUIET
    )
    try:
        broker.start()
        assert everything(broker) == served["Gregor"]
    finally:
        broker.close()
