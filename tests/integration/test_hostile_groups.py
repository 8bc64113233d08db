"""Requests of groups that no client would send: an error each, and no harm done."""

import struct
import uuid

import pytest

from harness import messages, wire
from harness.consumer import Consumer
from harness.group import Client, subscription
from harness.messages import NO_ID, errors, versions
from harness.wire import Closed, Connection


@pytest.fixture
def one(broker, topic):
    """A member of a consumer group, which must not notice anything."""
    consumer = Consumer(broker, f"{topic}-{uuid.uuid4().hex[:6]}", "one")
    assert consumer.coordinate()["ErrorCode"] == errors.NONE
    wire.make_topic(consumer.connection, topic, 3)
    assert consumer.join(topic)["ErrorCode"] == errors.NONE
    yield consumer
    assert consumer.beat()["ErrorCode"] == errors.NONE
    assert consumer.owns() == 3
    consumer.close()


def ask_anyway(broker, api, values, version=None):
    """On a connection of its own; None if that is closed."""
    version = versions[api][-1] if version is None else version
    with Connection(broker.address) as connection:
        try:
            return messages.ask(connection, api, version, values)
        except Closed:
            return None


JOIN = {
    "MemberId": "hostile",
    "RebalanceTimeoutMs": 3000,
    "TopicPartitions": [],
    "SubscribedTopicNames": ["t"],
}


@pytest.mark.parametrize("field", ["GroupId", "MemberId", "InstanceId", "RackId"])
def test_names_that_no_record_can_hold(broker, one, field):
    """Strings of Kafka end at 32,767 bytes, those of its records, too."""
    for length in 32768, 70000, 1 << 20:
        values = {"GroupId": one.group, **JOIN, field: "x" * length}
        answer = ask_anyway(broker, "ConsumerGroupHeartbeat", values)
        assert answer is None or answer["ErrorCode"] != errors.NONE
    assert len(one.describe_consumers()["Members"]) == 1


def test_the_longest_names(broker, one):
    other = Consumer(broker, "g" * 32767, "m" * 32767, RackId="r" * 32767)
    assert other.join("t" * 249)["ErrorCode"] == errors.NONE
    assert other.describe_me()["RackId"] == "r" * 32767
    assert other.leave()["ErrorCode"] == errors.NONE
    assert other.delete() == errors.NONE
    other.close()


def test_more_subscriptions_than_a_record_can_hold(broker, one):
    names = [f"{i:0>200}" for i in range(20000)]  # 4 MB
    values = {"GroupId": one.group, **JOIN, "SubscribedTopicNames": names}
    answer = ask_anyway(broker, "ConsumerGroupHeartbeat", values)
    assert answer["ErrorCode"] not in (errors.NONE, None)
    assert len(one.describe_consumers()["Members"]) == 1
    fresh = {**values, "GroupId": f"{one.group}-fresh"}
    answer = ask_anyway(broker, "ConsumerGroupHeartbeat", fresh)
    assert answer["ErrorCode"] != errors.NONE
    listed = one.ask("ListGroups", {})["Groups"]
    assert fresh["GroupId"] not in [g["GroupId"] for g in listed]


def test_partitions_that_nobody_has(broker, one, topic):
    mine = one.topic_id(topic)
    for partitions in (
        [{"TopicId": mine, "Partitions": [-1, 2**31 - 1, -(2**31)]}],
        [{"TopicId": mine, "Partitions": [0] * 100000}],
        [{"TopicId": mine, "Partitions": []}] * 10000,
        [{"TopicId": NO_ID, "Partitions": list(range(100000))}],
        [{"TopicId": uuid.uuid4(), "Partitions": [0]} for _ in range(10000)],
    ):
        answer = one.beat(TopicPartitions=partitions)
        assert answer["ErrorCode"] == errors.NONE
        assert one.owns() == 3


@pytest.mark.parametrize(
    "pattern",
    ["(" * 1000, "(" * 1000 + ")" * 1000, "((a{100}){100}){100}", "(a*)*" * 100 + "b"]
    + ["a|" * 16000, "[" + "a-z" * 10000, "\\", "\0", "x" * 30000, "(?i)" * 1000 + "é"],
    ids=lambda p: repr(p[:12]),
)
def test_patterns_that_cost(broker, one, topic, pattern):
    values = {"GroupId": one.group, **JOIN, "SubscribedTopicRegex": pattern}
    answer = ask_anyway(broker, "ConsumerGroupHeartbeat", values)
    refused = errors.INVALID_REGULAR_EXPRESSION
    assert answer["ErrorCode"] in (errors.NONE, refused)
    if answer["ErrorCode"] == errors.NONE:
        leave = {"GroupId": one.group, "MemberId": "hostile", "MemberEpoch": -1}
        ask_anyway(broker, "ConsumerGroupHeartbeat", leave)
        while one.owns() != 3:
            one.own()


@pytest.mark.parametrize("version", versions["ConsumerGroupHeartbeat"])
def test_a_heartbeat_cut_off_anywhere(broker, one, version):
    values = {
        "GroupId": one.group,
        **JOIN,
        "TopicPartitions": [{"TopicId": NO_ID, "Partitions": [1, 2]}],
        "InstanceId": "i",
    }
    whole = messages.encode("ConsumerGroupHeartbeatRequest", version, values)
    key = messages.known()["ConsumerGroupHeartbeatRequest"].key
    for end in range(len(whole)):
        with Connection(broker.address) as connection:
            connection.send(key, version, whole[:end], flexible=True)
            connection.await_close()
    for at in range(len(whole)):  # lengths that lie, among others
        with Connection(broker.address) as connection:
            data = whole[:at] + b"\xff" + whole[at + 1 :]
            connection.send(key, version, data, flexible=True)
            connection.answered(10)


GOOD = subscription("t", version=3, owned={"t": [0]}, generation=1, rack="r")


def malformed():
    yield from (GOOD[:end] for end in range(len(GOOD)))
    for count in -2, 2**31 - 1, 1 << 20, -(2**31):
        at = struct.pack(">i", count)
        yield GOOD[:2] + at + GOOD[6:]  # topics
        yield GOOD[:9] + at + GOOD[13:]  # user data
        yield GOOD[:13] + at + GOOD[17:]  # partitions
    yield struct.pack(">h", 32767) + GOOD[2:]
    yield struct.pack(">h", -1) + GOOD[2:]
    yield subscription(*["t"] * 30000)


def test_embedded_subscriptions_of_all_kinds(broker, one):
    """Into a consumer group, and into a classic one that a consumer comes to."""
    for i, metadata in enumerate(malformed()):
        protocols = [{"Name": "range", "Metadata": metadata}]
        into = Client(broker, one.group)
        answer = into.join(Protocols=protocols)
        if answer["ErrorCode"] == errors.NONE:
            into.leave()
        classic = Client(broker, f"{one.group}-{i}")
        assert classic.join(Protocols=protocols)["ErrorCode"] == errors.NONE
        consumer = Consumer(broker, classic.group, "new")
        upgraded = consumer.join("t")["ErrorCode"]
        assert upgraded in (errors.NONE, errors.GROUP_ID_NOT_FOUND)
        for client in into, classic, consumer:
            client.close()
    while one.owns() != 3:
        one.own()


def test_very_many_names_at_once(broker, one):
    many = [f"{one.group}-{i}" for i in range(50000)]
    described = one.ask("ConsumerGroupDescribe", {"GroupIds": many + [one.group]})
    assert len(described["Groups"]) == 50001
    assert described["Groups"][-1]["ErrorCode"] == errors.NONE
    assert described["Groups"][0]["ErrorCode"] == errors.GROUP_ID_NOT_FOUND
    assert one.listed(StatesFilter=many, TypesFilter=many) is None


@pytest.mark.release
def test_large_requests_leave_no_memory_behind(broker, one):
    names = [f"{i:0>40}" for i in range(20000)]
    values = {"GroupId": one.group, **JOIN, "SubscribedTopicNames": names}

    def ask_often():
        for i in range(40):
            ask_anyway(broker, "ConsumerGroupHeartbeat", values)
            leave = {"GroupId": one.group, "MemberId": "hostile", "MemberEpoch": -1}
            ask_anyway(broker, "ConsumerGroupHeartbeat", leave)

    ask_often()
    before = broker.rss_bytes()
    ask_often()
    assert broker.rss_bytes() - before < 16 << 20
