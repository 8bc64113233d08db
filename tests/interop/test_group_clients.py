"""Consumer groups with clients of every family: assignments, commits, handovers.

The members are programs of their own; see harness/member.py.
"""

import threading

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, Producer

from harness.admin import create
from harness.member import CLIENTS, CannotBeHad, Members

PARTITIONS = 6
# A client, and the strategy it is told to use if it can be told.
KINDS = [
    ("confluent-kafka", "range"),
    ("confluent-kafka", "roundrobin"),
    ("confluent-kafka", "cooperative-sticky"),
    ("kafka-python", None),
    ("kafkajs", None),
    ("franz-go", None),
    ("sarama", None),
]
# kafkajs gives up the rest of a batch, or its commit, when it hears of a rebalance.
AT_LEAST_ONCE = {"kafkajs"}


@pytest.fixture(params=KINDS, ids=lambda kind: "-".join(filter(None, kind)))
def kind(request):
    client, strategy = request.param
    return client, [strategy] if strategy else []


@pytest.fixture
def group(admin, broker, topic):
    """group(client): its members, none yet, in a group of the topic's name."""
    create(admin, topic, PARTITIONS)
    opened = []

    def of(client):
        try:
            CLIENTS[client]()
        except CannotBeHad as why:
            pytest.skip(str(why))
        opened.append(Members(client, broker, topic, topic))
        return opened[-1]

    yield of
    for members in opened:
        members.__exit__()


@pytest.fixture
def source(broker, topic):
    return Source(broker, topic)


class Source:
    """Values that are numbered, over all partitions in turn."""

    def __init__(self, broker, topic):
        self.topic = topic
        self.sent = 0
        self.producer = Producer(
            {"bootstrap.servers": broker.bootstrap, "linger.ms": 0}
        )

    def send(self, count):
        for number in range(self.sent, self.sent + count):
            self.producer.produce(
                self.topic, f"{number}", partition=number % PARTITIONS
            )
        self.sent += count
        assert self.producer.flush(30) == 0

    def all(self):
        return {f"{number}" for number in range(self.sent)}


def committed(admin, group):
    asked = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])
    answer = asked[group].result(30)
    return {p.partition: p.offset for p in answer.topic_partitions}


def test_members_share_hand_over_and_resume(kind, group, source, admin, topic):
    client, strategy = kind
    members = group(client)
    source.send(60)
    first = members.join(*strategy)
    members.until_shared(PARTITIONS)
    members.until_read(60)
    second = members.join(*strategy)
    members.until_shared(PARTITIONS)
    source.send(60)
    members.until_read(120)
    assert len(second.records) == 30, "half of what came after it"
    members.leave(second)
    members.until_shared(PARTITIONS)
    source.send(60)
    members.until_read(180)
    members.leave(first)
    assert committed(admin, topic) == {n: 30 for n in range(PARTITIONS)}
    source.send(6)
    members.join(*strategy)
    members.until_read(186)
    members.leave(members.present[0])
    assert members.values() == dict.fromkeys(source.all(), 1), "each, and once"
    assert committed(admin, topic) == {n: 31 for n in range(PARTITIONS)}


class Flow:
    """A source that runs by itself for as long as the `with` lasts."""

    def __init__(self, source):
        self.source = source
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.ending.wait(0.005):
            self.source.send(PARTITIONS)

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *_):
        self.ending.set()
        self.thread.join()


def test_joining_and_leaving_under_load(kind, group, source):
    client, strategy = kind
    members = group(client)
    stays = members.join(*strategy)
    members.until_shared(PARTITIONS)
    with Flow(source):
        for _ in range(2):
            comes = members.join(*strategy)
            members.until_shared(PARTITIONS)
            seen = len(comes.records)
            members.until("it reads", lambda: len(comes.records) > seen + 20)
            members.leave(comes)
            members.until_shared(PARTITIONS)
    members.until("all is read", lambda: members.values().keys() >= source.all())
    members.leave(stays)
    read = members.values()
    assert read.keys() == source.all(), "at least once"
    assert source.sent > 200
    if client not in AT_LEAST_ONCE:
        assert read.total() == source.sent, "nobody died: exactly once"


def test_a_killed_members_records_are_read_by_others(group, source):
    members = group("confluent-kafka")
    stays, dies = members.join(), members.join()
    members.until_shared(PARTITIONS)
    with Flow(source):
        members.until("it reads", lambda: len(dies.records) > 20)
        members.present.remove(dies)
        dies.kill()
        members.until_shared(PARTITIONS)  # after its session has timed out
    members.until("all is read", lambda: members.values().keys() >= source.all())
    members.leave(stays)


def test_static_members_come_back_without_a_rebalance(group, source):
    members = group("confluent-kafka")
    one = members.join("range", "one")
    two = members.join("range", "two")
    members.until_shared(PARTITIONS)
    source.send(60)
    members.until_read(60)
    before, heard = two.owned, len(one.assignments)
    members.leave(two)
    again = members.join("range", "two")
    members.until("its old partitions", lambda: again.owned == before)
    source.send(60)
    members.until_read(120)
    assert len(one.assignments) == heard, "the other one heard of nothing"
    assert members.values() == dict.fromkeys(source.all(), 1)


def test_eight_members_join_and_leave(group, source):
    """At once, as far as the machine allows: rebalances meet rebalances."""
    members = group("franz-go")
    with Flow(source):
        for _ in range(8):
            members.join()
        members.until_shared(PARTITIONS)
        for member in members.present[2:]:
            member.close_input()
        for member in members.present[2:]:
            member.left()
        del members.present[2:]
        members.until_shared(PARTITIONS)
    members.until("all is read", lambda: members.values().keys() >= source.all())
    for member in list(members.present):
        members.leave(member)
    assert members.values() == dict.fromkeys(source.all(), 1)
