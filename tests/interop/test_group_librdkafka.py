"""Consumer groups as applications use them: confluent-kafka (librdkafka), and
Kafka's own tools."""

import time

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer

from harness import kafka
from harness.admin import create

COOPERATIVE = "cooperative-sticky"


def produce(broker, topic, values, partitions):
    producer = Producer({"bootstrap.servers": broker.bootstrap})
    for i, value in enumerate(values):
        producer.produce(topic, value, partition=i % partitions)
    assert producer.flush(30) == 0


class Member:
    """A consumer that subscribes, and what it was given."""

    def __init__(self, broker, topic, strategy="range", **settings):
        config = {key.replace("_", "."): value for key, value in settings.items()}
        self.values = []
        self.committed = 0  # so many of them
        self.owned = set()
        self.cooperative = strategy == COOPERATIVE
        self.consumer = Consumer(
            {
                "bootstrap.servers": broker.bootstrap,
                "group.id": f"{topic}-group",
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "heartbeat.interval.ms": 200,
                "session.timeout.ms": 6000,
                "partition.assignment.strategy": strategy,
                **config,
            }
        )
        self.consumer.subscribe(
            [topic], on_assign=self.assigned, on_revoke=self.revoked
        )

    def assigned(self, consumer, partitions):
        self.owned |= {p.partition for p in partitions}
        if self.cooperative:
            consumer.incremental_assign(partitions)
        else:
            consumer.assign(partitions)

    def revoked(self, consumer, partitions):
        self.commit()
        self.owned -= {p.partition for p in partitions}
        if self.cooperative:
            consumer.incremental_unassign(partitions)
        else:
            consumer.unassign()

    def poll(self):
        message = self.consumer.poll(0.05)
        if message is not None:
            assert message.error() is None, message.error()
            self.values.append(message.value())

    def commit(self):
        if len(self.values) > self.committed:
            self.consumer.commit(asynchronous=False)
        self.committed = len(self.values)

    def close(self):
        self.consumer.close()


def until(members, condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, [m.owned for m in members]
        for member in members:
            member.poll()


@pytest.fixture
def split(admin, topic):
    create(admin, topic, 4)
    return topic


def values(count, prefix="v"):
    return [f"{prefix}{i}".encode() for i in range(count)]


def test_a_group_goes_on_where_it_stopped(broker, split):
    produce(broker, split, values(20), 4)
    first = Member(broker, split)
    until([first], lambda: len(first.values) == 20)
    first.commit()
    first.close()
    produce(broker, split, values(8, "w"), 4)
    second = Member(broker, split)
    until([second], lambda: len(second.values) == 8)
    second.close()
    assert sorted(second.values) == sorted(values(8, "w"))


@pytest.mark.parametrize("strategy", ["range", "roundrobin", COOPERATIVE])
def test_two_members_share_the_partitions(broker, split, strategy):
    a = Member(broker, split, strategy)
    until([a], lambda: a.owned == {0, 1, 2, 3})
    b = Member(broker, split, strategy)
    both = [a, b]
    until(both, lambda: len(a.owned) == len(b.owned) == 2)
    assert a.owned | b.owned == {0, 1, 2, 3}
    produce(broker, split, values(40), 4)
    until(both, lambda: len(a.values) + len(b.values) >= 40)
    assert sorted(a.values + b.values) == sorted(values(40))
    b.close()
    until([a], lambda: a.owned == {0, 1, 2, 3})
    a.close()


def test_a_static_member_that_comes_back_keeps_its_partitions(broker, split):
    def member(name):
        return Member(broker, split, group_instance_id=name)

    a, b = member("a"), member("b")
    until([a, b], lambda: len(a.owned) == len(b.owned) == 2)
    kept, owned = set(a.owned), set(b.owned)
    b.close()  # a static member leaves without saying so
    again = member("b")
    until([a, again], lambda: again.owned == owned)
    assert a.owned == kept
    a.close()
    again.close()


def test_a_transactional_producer_is_refused_at_once(broker, topic):
    producer = Producer(
        {"bootstrap.servers": broker.bootstrap, "transactional.id": topic}
    )
    begun = time.monotonic()
    with pytest.raises(KafkaException) as refused:
        producer.init_transactions(20)
    assert refused.value.args[0].code() == KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
    assert time.monotonic() - begun < 5


def tool(broker, *args):
    done = kafka.run(
        "kafka-consumer-groups", "--bootstrap-server", broker.bootstrap, *args
    )
    return done.stdout


@pytest.fixture(scope="module")
def tools():
    why = kafka.available()
    if why:
        pytest.skip(why)


def test_kafkas_tool_lists_describes_resets_and_deletes(tools, broker, split):
    produce(broker, split, values(20), 4)
    member = Member(broker, split)
    until([member], lambda: len(member.values) == 20)
    member.commit()
    group = f"{split}-group"
    assert group in tool(broker, "--list").split()
    lines = tool(broker, "--describe", "--group", group).splitlines()
    rows = [line.split() for line in lines if line.startswith(group)]
    assert sorted(row[2] for row in rows) == ["0", "1", "2", "3"]
    assert {(row[3], row[4], row[5]) for row in rows} == {("5", "5", "0")}
    state = tool(broker, "--describe", "--group", group, "--state")
    assert "Stable" in state
    member.close()
    to = ["--reset-offsets", "--group", group, "--topic", split, "--to-offset", "2"]
    tool(broker, *to, "--execute")
    again = Member(broker, split)
    until([again], lambda: len(again.values) == 12)
    again.close()
    assert "successful" in tool(broker, "--delete", "--group", group)
    assert group not in tool(broker, "--list").split()


def test_kafkas_dump_tool_reads_the_groups(tools, gregor):
    broker = gregor(topics=["t:4"])
    produce(broker, "t", values(8), 4)
    member = Member(broker, "t")
    until([member], lambda: len(member.values) == 8)
    member.commit()
    member.close()
    broker.stop()
    segment = broker.data / "__consumer_offsets-0" / "00000000000000000000.log"
    dumped = kafka.run("kafka-dump-log", "--offsets-decoder", "--files", segment).stdout
    assert dumped.count('"group":"t-group","topic":"t"') == 4
    assert '"protocolType":"consumer","generation":1,"protocol":"range"' in dumped
    assert '"protocolType":"consumer","generation":2,"protocol":null' in dumped
    assert "isvalid: false" not in dumped
