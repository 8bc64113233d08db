"""Consumer groups with clients of every family: assignments, commits, handovers.

The members are programs of their own; see harness/member.py.
"""

import pytest

from harness.admin import committed, type_of
from harness.member import QUICK
from harness.source import PARTITIONS, Flow

# A client, and the strategy it is told to use if it can be told.
KINDS = [
    ("confluent-kafka", "range"),
    ("confluent-kafka", "roundrobin"),
    ("confluent-kafka", "cooperative-sticky"),
    ("confluent-kafka", "consumer"),
    ("kafka-python", None),
    ("kafkajs", None),
    ("java", "Range"),
    ("java", "CooperativeSticky"),
    ("java", "consumer"),
    ("franz-go", None),
    ("franz-go", "consumer"),
    ("sarama", None),
]
# kafkajs gives up the rest of a batch, or its commit, when it hears of a rebalance.
AT_LEAST_ONCE = {"kafkajs"}
PROTOCOLS = ["range", "consumer"]


@pytest.fixture(scope="module")
def settings():
    return QUICK


@pytest.fixture(params=KINDS, ids=lambda kind: "-".join(filter(None, kind)))
def kind(request):
    client, strategy = request.param
    return client, [strategy] if strategy else []


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
    assert type_of(admin, topic) == ("CONSUMER" if "consumer" in strategy else "CLASSIC")
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


@pytest.mark.parametrize("strategy", PROTOCOLS)
def test_a_killed_members_records_are_read_by_others(group, source, strategy):
    members = group("confluent-kafka")
    stays, dies = members.join(strategy), members.join(strategy)
    members.until_shared(PARTITIONS)
    with Flow(source):
        members.until("it reads", lambda: len(dies.records) > 20)
        members.present.remove(dies)
        dies.kill()
        members.until_shared(PARTITIONS)  # after its session has timed out
    members.until("all is read", lambda: members.values().keys() >= source.all())
    members.leave(stays)


STATIC = [
    ("confluent-kafka", "range"),
    ("confluent-kafka", "consumer"),
    ("java", "Range"),
    ("java", "consumer"),
]


@pytest.mark.parametrize("client, strategy", STATIC)
def test_static_members_come_back_without_a_rebalance(group, source, client, strategy):
    members = group(client)
    one = members.join(strategy, "one")
    two = members.join(strategy, "two")
    members.until_shared(PARTITIONS)
    source.send(60)
    members.until_read(60)
    before, heard = two.owned, len(one.assignments)
    members.leave(two)
    again = members.join(strategy, "two")
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
