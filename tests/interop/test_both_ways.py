"""One data directory, in turn of Gregor, of Apache Kafka, of Gregor again, of Kafka.

Each begins by showing all that clients can see of it, which must be what the other
left; then it is used: written, emptied, changed in every way that the broker has.
Kafka is started with what `gregor graduate` writes.
"""

import pytest
from confluent_kafka import (
    Consumer,
    ConsumerGroupTopicPartitions,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from harness import kafka, messages
from harness.admin import create
from harness.broker import AGAINST_KAFKA, ApacheKafka, Gregor, free_port, free_port_after
from harness.command import gregor
from harness.contents import BROKER, GROUP, Contents, differences
from harness.messages import errors
from harness.wire import Connection

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
# Kafka's controller takes Gregor's registration for a broker that is still there until
# its session ends.
SETTINGS = """
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
listeners=PLAINTEXT://127.0.0.1:{port}
log.cleaner.enable=false
num.partitions=2
offsets.topic.replication.factor=3
transaction.state.log.num.partitions=1
share.coordinator.state.topic.num.partitions=1
log.retention.hours=200
"""

pytestmark = [
    pytest.mark.skipif(AGAINST_KAFKA, reason="of Gregor and Kafka, not of one"),
    pytest.mark.timeout(400),
]


class Graduated(ApacheKafka):
    """Kafka as `gregor graduate` would have it started."""

    def __init__(self, workdir, data, config, port):
        super().__init__(workdir, data=data, heap=("-Xmx512M", "-XX:TieredStopAtLevel=1"))
        self.config = config
        self.port = port

    def configure(self):
        self.workdir.mkdir(parents=True, exist_ok=True)
        self.properties.unlink(missing_ok=True)
        told = gregor(
            *("graduate", "--data", self.data, "--config", self.config),
            *("--write", self.properties),
        )
        assert told.stdout == f"kafka-server-start.sh {self.properties}\n"


class Directory:
    """The directory and who has it now."""

    def __init__(self, folder):
        self.folder = folder
        self.data = folder / "data"
        self.port = free_port()
        while free_port_after(self.port) != self.port + 1:
            self.port += 2
        self.config = folder / "gregor.properties"
        self.config.write_text(SETTINGS.format(port=self.port))
        self.broker = None
        self.admin = None
        self.left = None  # what the last one showed

    def hand_to_gregor(self):
        self.begin(
            Gregor(
                self.folder / "gregor",
                data=self.data,
                options=["--config", str(self.config)],
                listen=False,
            )
        )

    def hand_to_kafka(self):
        self.begin(
            Graduated(self.folder / "kafka", self.data, self.config, self.port)
        )

    def begin(self, broker):
        """The next broker starts, and has to show what the last one left."""
        self.leave()
        self.broker = broker.start()
        self.admin = AdminClient(self.servers)
        if self.left is not None:
            assert differences(self.left, Contents(broker)) == []

    def leave(self):
        if self.broker is not None:
            self.left = Contents(self.broker)
            self.broker.close()
            self.broker = None

    @property
    def servers(self):
        return {"bootstrap.servers": self.broker.bootstrap}


@pytest.fixture
def directory(tmp_path):
    made = Directory(tmp_path)
    yield made
    if made.broker is not None:
        made.broker.close()


# -- what is done in each stage ----------------------------------------------------


def produce(directory, topic, words, count=600, **settings):
    producer = Producer({**directory.servers, "batch.num.messages": 10, **settings})
    for i in range(count):
        producer.produce(
            topic,
            key=None if i % 5 == 0 and topic != "compacted" else f"key-{i % 17}",
            value=None if i % 13 == 0 else f"{words} {i} " * 500,
            partition=i % 2,
            headers={"h": "1"} if i % 7 == 0 else None,
            timestamp=1_700_000_000_000 + i * 7,
        )
        producer.poll(0)
    assert producer.flush(60) == 0


def produce_everywhere(directory, words):
    for codec in CODECS:
        produce(
            directory,
            f"codec-{codec}",
            words,
            **{"compression.type": codec, "enable.idempotence": True},
        )
    produce(directory, "append-time", words)
    produce(directory, "made-again", words)


def alter(directory, kind, name, **changes):
    """Settings are spelled with underscores; None takes one back."""
    configs = [
        {
            "Name": key.replace("_", "."),
            "ConfigOperation": 1 if value is None else 0,
            "Value": value,
        }
        for key, value in changes.items()
    ]
    resource = {"ResourceType": kind, "ResourceName": name, "Configs": configs}
    with Connection(directory.broker.address) as connection:
        answer = messages.ask(
            connection, "IncrementalAlterConfigs", 1, {"Resources": [resource]}
        )
    assert [r["ErrorCode"] for r in answer["Responses"]] == [errors.NONE]


def alter_topic(directory, topic, name, value):
    entry = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    (future,) = directory.admin.incremental_alter_configs([resource]).values()
    future.result(30)


def commit(directory, group, topic, offset):
    at = [TopicPartition(topic, n, offset + n, metadata=f"of {group}") for n in (0, 1)]
    asked = ConsumerGroupTopicPartitions(group, at)
    directory.admin.alter_consumer_group_offsets([asked])[group].result(30)


def delete_records(directory, topic, offset):
    before = [TopicPartition(topic, 0, offset)]
    (future,) = directory.admin.delete_records(before).values()
    future.result(30)


def delete_topic(directory, topic):
    directory.admin.delete_topics([topic])[topic].result(30)


def consume(directory, topic, group, count, **settings):
    """Reads so many records with a group, and commits."""
    consumer = Consumer(
        {
            **directory.servers,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            **settings,
        }
    )
    consumer.subscribe([topic])
    values = []
    while len(values) < count:
        message = consumer.poll(60)
        assert message is not None and message.error() is None, message
        values.append(message.value())
        consumer.commit(message, asynchronous=False)
    consumer.close()
    return values


def transact(directory):
    """One transaction that was committed, one that was not."""
    producer = Producer({**directory.servers, "transactional.id": "both-ways"})
    producer.init_transactions(60)
    for word, end in (
        ("committed", producer.commit_transaction),
        ("aborted", producer.abort_transaction),
    ):
        producer.begin_transaction()
        for i in range(20):
            producer.produce("transactions", f"{word} {i}")
        producer.flush(60)
        end(60)


def share(directory, count):
    """Reads with a share group, which acknowledges what it has read."""
    done = kafka.run(
        "org.apache.kafka.tools.consumer.ConsoleShareConsumer",
        *("--bootstrap-server", directory.broker.bootstrap),
        *("--topic", "shared", "--group", "sharers"),
        *("--max-messages", count, "--timeout-ms", 60000),
    )
    return done.stdout.split()


def first_of_gregor(directory):
    small = {"segment_bytes": "1048576", "index_interval_bytes": "512"}
    admin = directory.admin
    for codec in CODECS:
        create(admin, f"codec-{codec}", 2, **small)
    create(admin, "append-time", 2, message_timestamp_type="LogAppendTime", **small)
    create(admin, "compacted", 2, cleanup_policy="compact", min_compaction_lag_ms="9")
    create(admin, "deleted", 2)
    create(admin, "made-again", 2, cleanup_policy="compact", retention_ms="7")
    delete_topic(directory, "made-again")
    create(admin, "made-again", 2)
    create(admin, "by-gregor-only", 1)
    create(admin, "shared", 1)
    produce_everywhere(directory, "by Gregor")
    produce(directory, "deleted", "by Gregor", 10)
    produce(directory, "compacted", "by Gregor")
    delete_topic(directory, "deleted")
    delete_records(directory, "codec-none", 70)
    alter_topic(directory, "codec-gzip", "retention.bytes", "123456789")
    alter(directory, BROKER, "", message_max_bytes="2000000")
    alter(directory, BROKER, "1", log_cleaner_threads="2")
    alter(directory, GROUP, "sharers", share_auto_offset_reset="earliest")
    commit(directory, "simple", "codec-lz4", 7)
    commit(directory, "gone", "codec-lz4", 7)
    admin.delete_consumer_groups(["gone"])["gone"].result(30)
    consume(directory, "codec-zstd", "classic", 30)
    producer = Producer(directory.servers)
    for i in range(10):
        producer.produce("shared", f"shared-{i}")
    assert producer.flush(30) == 0


def then_of_kafka(directory):
    create(directory.admin, "transactions", 1)
    create(directory.admin, "by-kafka", 3, compression_type="zstd")
    produce_everywhere(directory, "by Kafka")
    produce(directory, "by-kafka", "by Kafka", 100)
    transact(directory)
    delete_topic(directory, "compacted")
    delete_topic(directory, "by-gregor-only")
    delete_records(directory, "codec-lz4", 30)
    delete_records(directory, "codec-none", 90)
    alter_topic(directory, "codec-gzip", "retention.bytes", "987654321")
    alter_topic(directory, "codec-zstd", "max.message.bytes", "77777")
    alter(directory, BROKER, "", message_max_bytes=None, num_io_threads="9")
    commit(directory, "simple", "codec-lz4", 70)
    commit(directory, "of-kafka", "by-kafka", 3)
    consume(directory, "by-kafka", "modern", 5, **{"group.protocol": "consumer"})
    assert share(directory, 4) == [f"shared-{i}" for i in range(4)]


def again_of_gregor(directory):
    create(directory.admin, "by-gregor-only", 1)
    produce_everywhere(directory, "by Gregor again")
    produce(directory, "by-kafka", "by Gregor again", 100)
    delete_records(directory, "by-kafka", 5)
    alter_topic(directory, "codec-snappy", "retention.ms", "1234567890")
    commit(directory, "simple", "codec-lz4", 90)
    directory.admin.delete_consumer_groups(["of-kafka"])["of-kafka"].result(30)
    consume(directory, "codec-snappy", "classic-again", 20)


# -- the stages -----------------------------------------------------------------------


def test_a_directory_goes_from_one_to_the_other_and_back(directory):
    directory.hand_to_gregor()
    first_of_gregor(directory)
    assert len(list(directory.data.glob("codec-none-0/*.log"))) > 1

    directory.hand_to_kafka()
    assert directory.left.records["codec-none", 0][0] == 70
    assert "deleted" not in directory.left.topics
    assert directory.left.groups["simple"] == ("classic", "", "Empty")
    then_of_kafka(directory)

    directory.hand_to_gregor()
    assert directory.left.groups["modern"] == ("consumer", "consumer", "Empty")
    assert "__share_group_state" in directory.left.topics
    read = {"isolation.level": "read_committed"}
    values = consume(directory, "transactions", "committed-only", 20, **read)
    assert values == [b"committed %d" % i for i in range(20)]
    again_of_gregor(directory)

    directory.hand_to_kafka()
    # Both go on behind what they had read before Gregor had the directory.
    assert share(directory, 6) == [f"shared-{i}" for i in range(4, 10)]
    modern = consume(directory, "by-kafka", "modern", 5, **{"group.protocol": "consumer"})
    assert len(modern) == 5
    produce_everywhere(directory, "by Kafka again")
