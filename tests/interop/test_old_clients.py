"""Clients of before Kafka 0.11, and some of after: they produce, new ones consume, and
the other way round.

Apache Kafka's own tools are the real ones of their time. kafka-python and librdkafka
still speak as they did to brokers of that time, if they are told that this is one.
"""

import re
import shutil
import subprocess

import kafka as kafka_python
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from kafka.admin import NewTopic

from harness import kafka

OLD_CODECS = ["none", "gzip", "snappy", "lz4"]
LINES = 20

# These speak magic 0, 1 and 2: a JVM takes seconds, so what depends on that is asked
# of them alone.
EACH_MAGIC = [
    kafka.old("0.9.0.1", "2.11"),
    kafka.old("0.10.2.2", "2.11"),
    kafka.old("0.11.0.3", "2.12"),
]
RELEASES = [*EACH_MAGIC, kafka.old("1.0.2", "2.12"), kafka.old("2.5.1", "2.13")]
# Whose console consumer is the Scala one, which needs ZooKeeper, unless it is told.
BEFORE_0_11 = EACH_MAGIC[:2]
# Whose offset tool asks ListOffsets 0; the first has a producer but no new consumer.
WITH_SIMPLE_CONSUMER = [kafka.old("0.8.2.2", "2.11"), *EACH_MAGIC[1:]]


@pytest.fixture
def needs():
    def check(release):
        why = release.available()
        if why:
            pytest.skip(f"{release}: {why}")
        return release

    return check


@pytest.fixture(params=EACH_MAGIC, ids=repr)
def release(request, needs):
    return needs(request.param)


def lines_of(what):
    return [f"line {i} of {what}, much like the others" for i in range(LINES)]


# -- what new clients send and see ---------------------------------------------------


def send_new(broker, topic, lines, codec):
    producer = Producer(
        {
            "bootstrap.servers": broker.bootstrap,
            "compression.type": codec,
            "linger.ms": 1000,
        }
    )
    for line in lines:
        producer.produce(topic, line, key=b"new", headers={"h": b"x"}, partition=0)
    assert producer.flush(30) == 0


def see_new(broker, topic, count):
    """(key, value) of the first records, which have no headers."""
    consumer = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": "new"})
    consumer.assign([TopicPartition(topic, 0, 0)])
    found = []
    while len(found) < count:
        (record,) = consumer.consume(1, timeout=30)
        assert record.error() is None and not record.headers()
        found.append(((record.key() or b"").decode(), record.value().decode()))
    consumer.close()
    return found


def values(found):
    return [value for _, value in found]


# -- Apache Kafka's tools ------------------------------------------------------------


def console_produce(release, broker, topic, lines, codec):
    release.run(
        "kafka.tools.ConsoleProducer",
        *("--broker-list", broker.bootstrap, "--topic", topic),
        *("--compression-codec", codec, "--sync"),
        input="".join(f"{line}\n" for line in lines),
    )


def console_consume(release, broker, topic, count, *arguments):
    new = ("--new-consumer",) if release in BEFORE_0_11 else ()
    done = release.run(
        "kafka.tools.ConsoleConsumer",
        *new,
        *("--bootstrap-server", broker.bootstrap, "--topic", topic),
        *("--max-messages", count, "--timeout-ms", 30000),
        *arguments,
    )
    assert f"Processed a total of {count} messages" in done.stdout + done.stderr
    return [line for line in done.stdout.splitlines() if "Processed" not in line]


CONSOLES = [(r, c) for r in EACH_MAGIC for c in OLD_CODECS]
CONSOLES += [(r, "lz4") for r in RELEASES[3:]]


@pytest.mark.parametrize("release, codec", CONSOLES, ids=str)
def test_kafkas_console_both_ways(release, needs, broker, made, codec):
    needs(release)
    lines = lines_of(release)
    console_produce(release, broker, made, lines, codec)
    assert values(see_new(broker, made, LINES)) == lines
    send_new(broker, made, lines_of("new"), codec)
    seen = console_consume(release, broker, made, 2 * LINES, "--from-beginning")
    assert seen == lines + lines_of("new")


def test_keys_and_null_values(release, broker, made):
    properties = ["parse.key=true", "key.separator=:"]
    release.run(
        "kafka.tools.ConsoleProducer",
        *("--broker-list", broker.bootstrap, "--topic", made),
        *(part for p in properties for part in ("--property", p)),
        input="a:1\nb:\n",
    )
    assert see_new(broker, made, 2) == [("a", "1"), ("b", "")]
    producer = Producer({"bootstrap.servers": broker.bootstrap})
    producer.produce(made, key=b"gone", value=None, partition=0)
    assert producer.flush(30) == 0
    shown = ("--from-beginning", "--property", "print.key=true")
    seen = console_consume(release, broker, made, 3, *shown)
    assert seen == ["a\t1", "b\t", "gone\tnull"]


def test_a_group_goes_on_where_it_was(release, broker, made, tmp_path):
    config = tmp_path / "consumer.properties"
    config.write_text(f"group.id={made}\n")
    # Where there is no committed offset, that is.
    arguments = ("--from-beginning", "--consumer.config", config)
    for part in "first", "second":
        send_new(broker, made, lines_of(part), "gzip")
        seen = console_consume(release, broker, made, LINES, *arguments)
        assert seen == lines_of(part)


@pytest.mark.parametrize("release", WITH_SIMPLE_CONSUMER, ids=repr)
def test_offsets_by_the_tool_of_the_simple_consumer(release, needs, broker, made):
    needs(release)
    lines = lines_of(release)
    console_produce(release, broker, made, lines, "none")
    assert values(see_new(broker, made, LINES)) == lines

    def offsets(time):
        done = release.run(
            "kafka.tools.GetOffsetShell",
            *("--broker-list", broker.bootstrap, "--topic", made),
            *("--time", time, "--offsets", 5),
        )
        return re.search(r":0:([\d,]*)$", done.stdout, re.M)[1]

    assert offsets(-1) == f"{LINES},0"
    assert offsets(-2) == "0"
    assert offsets(1000) == ""


def test_the_tools_of_2_5(needs, broker, topic):
    release = needs(RELEASES[-1])
    where = ("--bootstrap-server", broker.bootstrap)
    release.run(
        "kafka.admin.TopicCommand",
        *(*where, "--create", "--topic", topic),
        *("--partitions", 2, "--replication-factor", 1),
        *("--config", "retention.ms=12345"),
    )
    told = release.run("kafka.admin.TopicCommand", *where, "--describe").stdout
    assert re.search(rf"Topic: {re.escape(topic)}\tPartitionCount: 2\t", told)
    assert "retention.ms=12345" in told
    group = ("--group", topic)
    send_new(broker, topic, lines_of("new"), "zstd")
    console_consume(
        release, broker, topic, LINES, "--from-beginning", "--group", topic
    )
    told = release.run(
        "kafka.admin.ConsumerGroupCommand", *where, *group, "--describe"
    ).stdout
    assert re.search(rf"{re.escape(topic)}\s+0\s+{LINES}\s+{LINES}\s+0\s", told)
    release.run("kafka.admin.TopicCommand", *where, "--delete", "--topic", topic)


def test_directories_by_the_tool_of_1_0(needs, broker, made):
    release = needs(RELEASES[-2])
    told = release.run(
        "kafka.admin.LogDirsCommand",
        *("--bootstrap-server", broker.bootstrap, "--describe"),
        *("--topic-list", made),
    ).stdout
    assert f'"partition":"{made}-0"' in told


# -- kafka-python ----------------------------------------------------------------------

VERSIONS = [(0, 8, 2), (0, 9), (0, 10, 0), (0, 10, 1), (0, 10, 2), (0, 11), (1, 0)]


@pytest.fixture(params=VERSIONS, ids=lambda v: ".".join(map(str, v)))
def spoken(request, broker):
    """What kafka-python is told of the broker."""
    return {"bootstrap_servers": broker.bootstrap, "api_version": request.param}


@pytest.mark.parametrize("codec", ["none", "gzip"])
def test_kafka_python_both_ways(spoken, broker, made, codec):
    lines = lines_of("kafka-python")
    packed = {} if codec == "none" else {"compression_type": codec}
    producer = kafka_python.KafkaProducer(
        **spoken, **packed, linger_ms=1000, enable_idempotence=False
    )
    for line in lines:
        producer.send(made, line.encode(), partition=0)
    producer.flush(30)
    producer.close()
    assert values(see_new(broker, made, LINES)) == lines
    send_new(broker, made, lines_of("new"), codec)
    consumer = kafka_python.KafkaConsumer(
        made, **spoken, auto_offset_reset="earliest", consumer_timeout_ms=30000
    )
    seen = [next(consumer).value.decode() for _ in range(2 * LINES)]
    consumer.close()
    assert seen == lines + lines_of("new")


def test_kafka_python_commits(spoken, broker, made):
    send_new(broker, made, lines_of("new"), "none")
    for half in range(2):
        consumer = kafka_python.KafkaConsumer(
            **spoken,
            group_id=made,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            max_poll_records=LINES // 2,
            consumer_timeout_ms=30000,
        )
        if spoken["api_version"] < (0, 9):  # no groups yet, but committed offsets
            consumer.assign([kafka_python.TopicPartition(made, 0)])
        else:
            consumer.subscribe([made])
        seen = [next(consumer).value.decode() for _ in range(LINES // 2)]
        assert seen == lines_of("new")[half * LINES // 2 :][: LINES // 2]
        consumer.commit()
        consumer.close()


@pytest.mark.parametrize("version", [(0, 10, 1), (0, 10, 2), (0, 11), (1, 0)])
def test_kafka_python_makes_topics(broker, topic, version):
    admin = kafka_python.KafkaAdminClient(
        bootstrap_servers=broker.bootstrap, api_version=version
    )
    admin.create_topics([NewTopic(topic, num_partitions=2, replication_factor=1)])
    assert topic in admin.list_topics()
    admin.delete_topics([topic])
    assert topic not in admin.list_topics()
    admin.close()


# -- librdkafka ------------------------------------------------------------------------

FALLBACKS = ["0.8.2.2", "0.9.0.1", "0.10.0.1", "0.10.2.2", "0.11.0.3"]


@pytest.mark.parametrize("codec", OLD_CODECS)
@pytest.mark.parametrize("fallback", FALLBACKS)
def test_kcat_both_ways(broker, made, fallback, codec):
    if not shutil.which("kcat"):
        pytest.skip("kcat is not installed")

    def kcat(*arguments, input=None):
        done = subprocess.run(
            ["kcat", "-b", broker.bootstrap, "-t", made]
            + ["-X", "api.version.request=false"]
            + ["-X", f"broker.version.fallback={fallback}", *arguments],
            input=input,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done
        return done.stdout.splitlines()

    lines = lines_of("kcat")
    kcat("-P", "-z", codec, input="".join(f"{line}\n" for line in lines))
    assert values(see_new(broker, made, LINES)) == lines
    send_new(broker, made, lines_of("new"), codec)
    assert kcat("-C", "-q", "-e", "-o", "beginning") == lines + lines_of("new")


@pytest.mark.parametrize("codec", OLD_CODECS)
@pytest.mark.parametrize("fallback", FALLBACKS[2:])
def test_confluent_both_ways(broker, made, fallback, codec):
    """Its librdkafka cannot read Metadata 0 any more."""
    old = {
        "bootstrap.servers": broker.bootstrap,
        "api.version.request": False,
        "broker.version.fallback": fallback,
    }
    producer = Producer({**old, "compression.type": codec, "linger.ms": 1000})
    lines = lines_of("confluent-kafka")
    for line in lines:
        producer.produce(made, line, partition=0)
    assert producer.flush(30) == 0
    assert values(see_new(broker, made, LINES)) == lines
    send_new(broker, made, lines_of("new"), codec)
    reset = {"auto.offset.reset": "earliest"}
    consumer = Consumer({**old, "group.id": made, **reset})
    consumer.subscribe([made])
    seen = []
    while len(seen) < 2 * LINES:
        seen += [r.value().decode() for r in consumer.consume(1, timeout=30)]
    consumer.close()
    assert seen == lines + lines_of("new")
