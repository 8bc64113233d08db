"""confluent-kafka, that is librdkafka: what applications do."""

import time

import pytest
from confluent_kafka import (
    TIMESTAMP_CREATE_TIME,
    TIMESTAMP_LOG_APPEND_TIME,
    Consumer,
    KafkaError,
    KafkaException,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import (
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    OffsetSpec,
    ResourceType,
)

from harness.admin import create, partition

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]


class Sent(list):
    """Deliveries in the order in which they were reported."""

    def __call__(self, error, message):
        assert error is None, error
        self.append((message.partition(), message.offset()))


def produce(broker, topic, values, keys=None, number=0, **settings):
    config = {key.replace("_", "."): value for key, value in settings.items()}
    producer = Producer({"bootstrap.servers": broker.bootstrap, **config})
    sent = Sent()
    for i, value in enumerate(values):
        key = keys[i] if keys else None
        producer.produce(topic, value, key, partition=number, on_delivery=sent)
        producer.poll(0)
    assert producer.flush(60) == 0
    assert len(sent) == len(values)
    return sent


def consumer_of(broker, *partitions, **settings):
    config = {key.replace("_", "."): value for key, value in settings.items()}
    consumer = Consumer(
        {
            "bootstrap.servers": broker.bootstrap,
            "group.id": "assigned by hand",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "error",
            **config,
        }
    )
    consumer.assign(list(partitions))
    return consumer


def consume(broker, *partitions, **settings):
    """Every message of these partitions up to their ends."""
    consumer = consumer_of(broker, *partitions, **settings)
    messages, ended = [], 0
    while ended < len(partitions):
        message = consumer.poll(60)
        assert message is not None, "nothing for a minute"
        if message.error() is None:
            messages.append(message)
        elif message.error().code() == KafkaError._PARTITION_EOF:
            ended += 1
        else:
            raise KafkaException(message.error())
    consumer.close()
    return messages


# -- records ----------------------------------------------------------------------


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("idempotent", [False, True])
def test_every_codec(broker, made, codec, idempotent):
    values = [b"value %d " % i * 10 for i in range(2000)]
    sent = produce(
        broker,
        made,
        values,
        compression_type=codec,
        enable_idempotence=idempotent,
        linger_ms=5,
    )
    assert sent == [(0, i) for i in range(2000)]
    assert [m.value() for m in consume(broker, partition(made))] == values


@pytest.mark.parametrize("acks", ["1", "all"])
def test_acks(broker, made, acks):
    assert produce(broker, made, [b"a", b"b"], acks=acks) == [(0, 0), (0, 1)]
    assert [m.value() for m in consume(broker, partition(made))] == [b"a", b"b"]


def test_keys_headers_timestamps_and_nulls(broker, made):
    producer = Producer({"bootstrap.servers": broker.bootstrap})
    headers = [("h", b"1"), ("h", b"2"), ("empty", b""), ("null", None)]
    stamp = int(time.time() * 1000) - 12345
    producer.produce(made, b"v", b"k", headers=headers, timestamp=stamp, partition=0)
    producer.produce(made, None, b"tombstone", partition=0)
    producer.produce(made, b"", b"", partition=0)
    assert producer.flush(30) == 0
    first, second, third = consume(broker, partition(made))
    assert (first.key(), first.value(), first.headers()) == (b"k", b"v", headers)
    assert first.timestamp() == (TIMESTAMP_CREATE_TIME, stamp)
    assert (second.key(), second.value()) == (b"tombstone", None)
    assert (third.key(), third.value()) == (b"", b"")


def test_log_append_time(broker, admin, topic):
    create(admin, topic, message_timestamp_type="LogAppendTime")
    before = int(time.time() * 1000)
    produce(broker, topic, [b"v"])
    (message,) = consume(broker, partition(topic))
    kind, stamp = message.timestamp()
    assert kind == TIMESTAMP_LOG_APPEND_TIME
    assert before <= stamp <= time.time() * 1000


@pytest.mark.parametrize("codec", CODECS[1:])
@pytest.mark.parametrize("sent_as", ["none", "gzip"])
def test_recompression_by_the_broker(broker, admin, topic, codec, sent_as):
    create(admin, topic, compression_type=codec)
    values = [b"compressible " * 20] * 500
    produce(broker, topic, values, compression_type=sent_as, linger_ms=20)
    assert [m.value() for m in consume(broker, partition(topic))] == values


@pytest.mark.parametrize("size", [1_000_000, 5_000_000])
def test_large_messages(broker, admin, topic, size):
    create(admin, topic, max_message_bytes=str(8 << 20))
    values = [bytes([65 + i]) * size for i in range(3)]
    produce(broker, topic, values, message_max_bytes=8 << 20)
    assert [m.value() for m in consume(broker, partition(topic))] == values


def test_a_message_too_large_is_refused(broker, made):
    failed = []
    producer = Producer(
        {"bootstrap.servers": broker.bootstrap, "message.max.bytes": 4 << 20}
    )
    producer.produce(
        made, b"x" * (2 << 20), on_delivery=lambda error, _: failed.append(error)
    )
    assert producer.flush(30) == 0
    assert failed[0].code() == KafkaError.MSG_SIZE_TOO_LARGE


def test_many_partitions(broker, admin, topic):
    create(admin, topic, partitions=100)
    keys = [b"key %d" % i for i in range(5000)]
    sent = produce(broker, topic, keys, keys, number=-1)
    assert {number for number, _ in sent} == set(range(100))
    messages = consume(broker, *(partition(topic, n) for n in range(100)))
    assert sorted(m.value() for m in messages) == sorted(keys)
    home = {}
    for message in messages:
        assert home.setdefault(message.key(), message.partition()) is not None
    assert len(home) == 5000


# -- positions -----------------------------------------------------------------------


def test_a_consumer_starts_where_it_is_told(broker, made):
    produce(broker, made, [b"%d" % i for i in range(100)])
    tail = consume(broker, partition(made, offset=90))
    assert [m.offset() for m in tail] == list(range(90, 100))


def test_an_offset_out_of_range_resets_as_asked(broker, made):
    produce(broker, made, [b"only"])
    messages = consume(
        broker, partition(made, offset=1000), auto_offset_reset="earliest"
    )
    assert [m.value() for m in messages] == [b"only"]


def test_seek_and_read_again(broker, made):
    produce(broker, made, [b"%d" % i for i in range(10)])
    consumer = consumer_of(broker, partition(made))
    seen = [consumer.poll(30).offset() for _ in range(5)]
    consumer.seek(partition(made, offset=2))
    seen += [consumer.poll(30).offset() for _ in range(3)]
    consumer.close()
    assert seen == [0, 1, 2, 3, 4, 2, 3, 4]


def test_offsets_for_times(broker, made):
    producer = Producer({"bootstrap.servers": broker.bootstrap})
    now = int(time.time() * 1000)
    for i in range(10):
        producer.produce(made, b"x", partition=0, timestamp=now - 10_000 + i * 1000)
    assert producer.flush(30) == 0
    consumer = consumer_of(broker, partition(made))
    asked = [TopicPartition(made, 0, now - 7_500)]
    (found,) = consumer.offsets_for_times(asked, timeout=30)
    assert found.offset == 3
    assert consumer.get_watermark_offsets(partition(made), timeout=30) == (0, 10)
    consumer.close()


def test_records_arrive_as_they_are_produced(broker, made):
    """A consumer waiting in a long fetch is woken by each record."""
    consumer = consumer_of(broker, partition(made), fetch_wait_max_ms=10000)
    assert consumer.poll(30).error().code() == KafkaError._PARTITION_EOF
    producer = Producer({"bootstrap.servers": broker.bootstrap, "linger.ms": 0})
    began = time.monotonic()
    for i in range(20):
        producer.produce(made, b"%d" % i, partition=0)
        assert producer.flush(30) == 0
        message = consumer.poll(30)
        while message.error():
            message = consumer.poll(30)
        assert message.value() == b"%d" % i
    assert time.monotonic() - began < 10, "woken, not timed out"
    consumer.close()


def test_clients_come_back_after_a_restart(broker, made):
    producer = Producer(
        {
            "bootstrap.servers": broker.bootstrap,
            "enable.idempotence": True,
            "reconnect.backoff.ms": 10,
            "reconnect.backoff.max.ms": 100,
        }
    )
    sent = Sent()
    for i in range(3):
        for j in range(10):
            producer.produce(made, b"%d-%d" % (i, j), partition=0, on_delivery=sent)
        assert producer.flush(30) == 0
        broker.restart()
    expected = [b"%d-%d" % (i, j) for i in range(3) for j in range(10)]
    assert [m.value() for m in consume(broker, partition(made))] == expected


# -- administration ------------------------------------------------------------------


def test_topics_are_made_grown_and_deleted(broker, admin, topic):
    create(admin, topic, partitions=2)
    assert len(admin.list_topics(topic, 30).topics[topic].partitions) == 2
    grown = admin.create_partitions([NewPartitions(topic, 5)])
    grown[topic].result(30)
    produce(broker, topic, [b"x"], number=4)
    with pytest.raises(KafkaException) as refused:
        admin.create_partitions([NewPartitions(topic, 3)])[topic].result(30)
    assert refused.value.args[0].code() == KafkaError.INVALID_PARTITIONS
    admin.delete_topics([topic])[topic].result(30)
    assert topic not in admin.list_topics(timeout=30).topics


def test_a_topic_made_twice(admin, topic):
    create(admin, topic)
    with pytest.raises(KafkaException) as refused:
        create(admin, topic)
    assert refused.value.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS


def configs_of(admin, resource):
    return admin.describe_configs([resource])[resource].result(30)


def test_topic_configs_are_described_and_altered(broker, admin, topic):
    create(admin, topic, retention_ms="1234567")
    resource = ConfigResource(ResourceType.TOPIC, topic)
    configs = configs_of(admin, resource)
    assert configs["retention.ms"].value == "1234567"
    assert not configs["retention.ms"].is_default
    assert configs["segment.bytes"].is_default
    resource = ConfigResource(ResourceType.TOPIC, topic)
    for key, value, operation in (
        ("max.message.bytes", "2000", AlterConfigOpType.SET),
        ("retention.ms", None, AlterConfigOpType.DELETE),
        ("cleanup.policy", "compact", AlterConfigOpType.APPEND),
    ):
        resource.add_incremental_config(
            ConfigEntry(key, value, incremental_operation=operation)
        )
    admin.incremental_alter_configs([resource])[resource].result(30)
    configs = configs_of(admin, ConfigResource(ResourceType.TOPIC, topic))
    assert configs["max.message.bytes"].value == "2000"
    assert configs["retention.ms"].is_default
    assert configs["cleanup.policy"].value == "delete,compact"
    # It counts at once.
    failed = []
    producer = Producer({"bootstrap.servers": broker.bootstrap})
    producer.produce(
        topic, b"x" * 3000, b"k", on_delivery=lambda error, _: failed.append(error)
    )
    assert producer.flush(30) == 0
    assert failed[0].code() == KafkaError.MSG_SIZE_TOO_LARGE


def test_an_invalid_config_changes_nothing(admin, made):
    resource = ConfigResource(ResourceType.TOPIC, made)
    resource.add_incremental_config(
        ConfigEntry(
            "retention.ms", "soon", incremental_operation=AlterConfigOpType.SET
        )
    )
    with pytest.raises(KafkaException) as refused:
        admin.incremental_alter_configs([resource])[resource].result(30)
    assert refused.value.args[0].code() == KafkaError.INVALID_CONFIG
    resource = ConfigResource(ResourceType.TOPIC, made)
    assert configs_of(admin, resource)["retention.ms"].is_default


def test_broker_configs_are_described(admin):
    (node,) = admin.list_topics(timeout=30).brokers
    resource = ConfigResource(ResourceType.BROKER, str(node))
    configs = configs_of(admin, resource)
    assert "log.segment.bytes" in configs and "num.partitions" in configs


def test_records_are_deleted(broker, admin, made):
    produce(broker, made, [b"%d" % i for i in range(20)])
    asked = partition(made, offset=12)
    (done,) = admin.delete_records([asked]).values()
    assert done.result(30).low_watermark == 12
    messages = consume(broker, partition(made), auto_offset_reset="earliest")
    assert messages[0].offset() == 12 and len(messages) == 8


def test_offsets_are_listed(broker, admin, made):
    produce(broker, made, [b"x"] * 7)

    def listed(spec):
        at = TopicPartition(made, 0)
        return admin.list_offsets({at: spec})[at].result(30).offset

    assert listed(OffsetSpec.earliest()) == 0
    assert listed(OffsetSpec.latest()) == 7
    assert listed(OffsetSpec.for_timestamp(0)) == 0
    assert 0 <= listed(OffsetSpec.max_timestamp()) < 7


def test_the_cluster_and_its_topics_are_described(broker, admin, topic):
    from confluent_kafka import TopicCollection

    create(admin, topic, partitions=3)
    cluster = admin.describe_cluster().result(30)
    assert len(cluster.cluster_id) == 22
    assert [f"{n.host}:{n.port}" for n in cluster.nodes] == [broker.bootstrap]
    collection = TopicCollection([topic])
    described = admin.describe_topics(collection)[topic].result(30)
    assert [p.id for p in described.partitions] == [0, 1, 2]


# -- transactions -------------------------------------------------------------------


def test_a_transactional_producer_is_refused_at_once(broker, topic):
    producer = Producer(
        {"bootstrap.servers": broker.bootstrap, "transactional.id": topic}
    )
    begun = time.monotonic()
    with pytest.raises(KafkaException) as refused:
        producer.init_transactions(20)
    code = refused.value.args[0].code()
    assert code == KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
    assert time.monotonic() - begun < 5
