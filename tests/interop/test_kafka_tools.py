"""Apache Kafka's own command-line tools, as its scripts run them."""

import json
import re

import pytest
from confluent_kafka import Producer

from harness import kafka
from harness.admin import create


@pytest.fixture
def tool(broker):
    """tool("kafka-topics", "--list", …) runs it against the broker; its output."""

    def run(name, *arguments, input=None, check=True):
        done = kafka.run(
            name,
            "--bootstrap-server",
            broker.bootstrap,
            *arguments,
            input=input,
            check=check,
        )
        return done.stdout if check else done

    return run


def fill(broker, topic, values, number=0):
    producer = Producer({"bootstrap.servers": broker.bootstrap})
    for value in values:
        producer.produce(topic, value, partition=number)
    assert producer.flush(30) == 0


def produce_lines(tool, topic, lines, *arguments):
    text = "".join(f"{line}\n" for line in lines)
    tool("kafka-console-producer", "--topic", topic, *arguments, input=text)


def consume_lines(tool, topic, count, *arguments):
    return tool(
        "kafka-console-consumer",
        *("--topic", topic, "--partition", 0, "--offset", "earliest"),
        *("--max-messages", count, "--timeout-ms", 30000),
        *arguments,
    ).splitlines()


# -- console producer and consumer ---------------------------------------------------


def test_lines_come_back(tool, made):
    lines = [f"line {i}" for i in range(200)]
    produce_lines(tool, made, lines)
    assert consume_lines(tool, made, 200) == lines


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
def test_every_codec(tool, made, codec):
    lines = [f"line {i} of many, much alike" for i in range(200)]
    produce_lines(tool, made, lines, "--compression-codec", codec)
    assert consume_lines(tool, made, 200) == lines


def test_keys_headers_timestamps_offsets(tool, made):
    properties = ["parse.key=true", "key.separator=:", "parse.headers=true"]
    arguments = [part for p in properties for part in ("--reader-property", p)]
    produce_lines(tool, made, ["a:1,b:2\tk:v"], *arguments)
    shown = ["print.key", "print.headers", "print.offset", "print.timestamp"]
    arguments = [p for s in shown for p in ("--formatter-property", f"{s}=true")]
    (line,) = consume_lines(tool, made, 1, *arguments)
    assert re.fullmatch(r"CreateTime:\d+\tOffset:0\ta:1,b:2\tk\tv", line)


def test_a_consumer_starts_at_an_offset(tool, broker, made):
    fill(broker, made, [str(i) for i in range(50)])
    seen = tool(
        "kafka-console-consumer",
        *("--topic", made, "--partition", 0, "--offset", 45, "--max-messages", 5),
    )
    assert seen.split() == ["45", "46", "47", "48", "49"]


# -- topics ----------------------------------------------------------------------------


def test_topics_are_made_listed_described_grown_deleted(tool, topic):
    made = tool(
        "kafka-topics",
        *("--create", "--topic", topic, "--partitions", 2),
        *("--config", "retention.ms=1000000", "--config", "cleanup.policy=compact"),
    )
    assert f"Created topic {topic}." in made
    assert topic in tool("kafka-topics", "--list").split()
    described = tool("kafka-topics", "--describe", "--topic", topic)
    assert "PartitionCount: 2" in described and "ReplicationFactor: 1" in described
    assert "retention.ms=1000000" in described and "cleanup.policy=compact" in described
    assert len(re.findall(r"Leader: \d+\tReplicas: \d+\tIsr: \d+", described)) == 2
    assert re.search(r"TopicId: [\w-]{22}\b", described)
    tool("kafka-topics", "--alter", "--topic", topic, "--partitions", 4)
    described = tool("kafka-topics", "--describe", "--topic", topic)
    assert "PartitionCount: 4" in described
    tool("kafka-topics", "--delete", "--topic", topic)
    assert topic not in tool("kafka-topics", "--list").split()


def test_a_topic_made_twice_is_named(tool, made):
    done = tool("kafka-topics", "--create", "--topic", made, check=False)
    assert done.returncode == 1
    assert f"Topic '{made}' already exists" in done.stdout + done.stderr
    tool("kafka-topics", "--create", "--topic", made, "--if-not-exists")


def test_replication_beyond_the_brokers(gregor):
    """The profile dev makes do with the brokers there are; kafka refuses."""
    arguments = ("--create", "--topic", "t", "--replication-factor", 3)
    server = "--bootstrap-server"
    lenient = gregor()
    kafka.run("kafka-topics", server, lenient.bootstrap, *arguments)
    strict = gregor(options=["--profile", "kafka"])
    done = kafka.run(
        "kafka-topics", server, strict.bootstrap, *arguments, check=False
    )
    assert done.returncode == 1
    assert "only 1 broker(s) are registered" in done.stdout + done.stderr


def test_replica_assignments_are_taken(tool, topic):
    node = re.search(r"id: (\d+)", tool("kafka-broker-api-versions"))[1]
    tool(
        "kafka-topics",
        *("--create", "--topic", topic, "--replica-assignment", f"{node},{node}"),
    )
    described = tool("kafka-topics", "--describe", "--topic", topic)
    assert "PartitionCount: 2" in described


# -- configs ---------------------------------------------------------------------------


def test_topic_configs(tool, made):
    entity = ("--entity-type", "topics", "--entity-name", made)

    def described(*more):
        return tool("kafka-configs", "--describe", *entity, *more)

    tool("kafka-configs", "--alter", *entity, "--add-config", "retention.ms=5000000")
    tool(
        "kafka-configs",
        *("--alter", *entity),
        *("--add-config", "cleanup.policy=[compact,delete],segment.ms=60000"),
    )
    shown = described()
    assert "retention.ms=5000000" in shown and "segment.ms=60000" in shown
    assert "cleanup.policy=compact,delete" in shown
    assert "DYNAMIC_TOPIC_CONFIG:retention.ms=5000000" in shown
    tool("kafka-configs", "--alter", *entity, "--delete-config", "retention.ms")
    assert "retention.ms" not in described()
    everything = described("--all")
    assert "retention.ms=604800000" in everything and "DEFAULT_CONFIG" in everything


def test_a_topic_config_that_is_none(tool, made):
    done = tool(
        "kafka-configs",
        *("--alter", "--entity-type", "topics", "--entity-name", made),
        *("--add-config", "no.such.key=1"),
        check=False,
    )
    assert done.returncode != 0
    assert "Unknown topic config name: no.such.key" in done.stdout + done.stderr


def test_broker_configs(tool):
    node = re.search(r"id: (\d+)", tool("kafka-broker-api-versions"))[1]
    entity = ("--entity-type", "brokers", "--entity-name", node)
    shown = tool("kafka-configs", "--describe", *entity, "--all")
    assert "log.segment.bytes=" in shown and "STATIC_BROKER_CONFIG" in shown
    tool("kafka-configs", "--alter", *entity, "--add-config", "log.flush.interval.ms=7777")
    shown = tool("kafka-configs", "--describe", *entity)
    assert "log.flush.interval.ms=7777" in shown
    tool("kafka-configs", "--alter", *entity, "--delete-config", "log.flush.interval.ms")
    shown = tool("kafka-configs", "--describe", *entity)
    assert "log.flush.interval.ms" not in shown


def test_broker_configs_for_all(tool):
    entity = ("--entity-type", "brokers", "--entity-default")
    tool("kafka-configs", "--alter", *entity, "--add-config", "log.retention.ms=86400000")
    shown = tool("kafka-configs", "--describe", *entity)
    assert "DYNAMIC_DEFAULT_BROKER_CONFIG:log.retention.ms=86400000" in shown
    tool("kafka-configs", "--alter", *entity, "--delete-config", "log.retention.ms")


def test_a_broker_config_that_may_not_change(tool):
    node = re.search(r"id: (\d+)", tool("kafka-broker-api-versions"))[1]
    done = tool(
        "kafka-configs",
        *("--alter", "--entity-type", "brokers", "--entity-name", node),
        *("--add-config", "node.id=9"),
        check=False,
    )
    assert done.returncode != 0
    assert "node.id" in done.stdout + done.stderr


# -- offsets, records, directories -----------------------------------------------------


def test_get_offsets_by_every_time(tool, broker, admin, topic):
    create(admin, topic, partitions=2)
    fill(broker, topic, ["x"] * 9)
    fill(broker, topic, ["x"] * 4, number=1)

    def offsets(*arguments):
        shown = tool("kafka-get-offsets", "--topic", topic, *arguments)
        rows = (line.split(":") for line in shown.split())
        return {int(number): int(offset) for _, number, offset in rows}

    assert offsets() == {0: 9, 1: 4}
    assert offsets("--time", "latest") == offsets("--time", -1) == {0: 9, 1: 4}
    assert offsets("--time", "earliest") == offsets("--time", -2) == {0: 0, 1: 0}
    assert offsets("--time", 1) == {0: 0, 1: 0}
    newest = offsets("--time", "max-timestamp")
    assert newest == offsets("--time", -3)
    assert 0 <= newest[0] < 9 and 0 <= newest[1] < 4
    assert offsets("--time", "earliest-local") == offsets("--time", -4) == {0: 0, 1: 0}
    # Without tiered storage there is no latest tiered offset.
    assert offsets("--time", "latest-tiered") == offsets("--time", -5)
    assert offsets("--partitions", 1) == {1: 4}


def test_delete_records(tool, broker, made, tmp_path):
    fill(broker, made, [str(i) for i in range(30)])
    asked = {"partitions": [{"topic": made, "partition": 0, "offset": 21}], "version": 1}
    path = tmp_path / "delete.json"
    path.write_text(json.dumps(asked))
    shown = tool("kafka-delete-records", "--offset-json-file", path)
    assert f"partition: {made}-0\tlow_watermark: 21" in shown
    assert consume_lines(tool, made, 9) == [str(i) for i in range(21, 30)]


def test_log_dirs(tool, broker, made):
    fill(broker, made, ["x" * 1000] * 10)
    shown = tool("kafka-log-dirs", "--describe", "--topic-list", made)
    (report,) = [json.loads(line) for line in shown.splitlines() if line[:1] == "{"]
    (node,) = report["brokers"]
    (directory,) = node["logDirs"]
    (replica,) = directory["partitions"]
    assert directory["logDir"] == str(broker.data) and directory["error"] is None
    assert replica["partition"] == f"{made}-0" and not replica["isFuture"]
    assert replica["size"] > 10_000 and replica["offsetLag"] == 0


def test_producer_perf_test(broker, made):
    shown = kafka.run(
        "kafka-producer-perf-test",
        *("--topic", made, "--num-records", 20000, "--record-size", 100),
        *("--throughput", -1, "--bootstrap-server", broker.bootstrap),
    ).stdout
    assert re.search(r"^20000 records sent, .* ms 99.9th\.?$", shown, re.M), shown


def test_broker_api_versions(tool):
    shown = tool("kafka-broker-api-versions")
    for line in (
        "Produce(0): 0 to 13 [usable: 13]",
        "Fetch(1): 0 to 18 [usable: 18]",
        "ListOffsets(2): 0 to 11 [usable: 11]",
        "Metadata(3): 0 to 13 [usable: 13]",
        "CreateTopics(19): 0 to 7 [usable: 7]",
        "IncrementalAlterConfigs(44): 0 to 1 [usable: 1]",
        "DescribeTopicPartitions(75): 0 [usable: 0]",
    ):
        assert line in shown
