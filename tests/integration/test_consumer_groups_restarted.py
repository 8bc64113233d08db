"""Consumer groups over ends of the broker, asked for and not: as acknowledged."""

import threading

import pytest

from harness import wire
from harness.broker import free_port
from harness.consumer import Consumer, settle
from harness.group import Client
from harness.messages import errors


def reconnect(broker, *clients):
    for client in clients:
        client.close()
        client.connection = wire.Connection(broker.address)
        assert client.coordinate()["ErrorCode"] == errors.NONE


def end(broker, how):
    if how == "stop":
        broker.restart()
    else:
        broker.kill()
        broker.start()


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_members_go_on_where_they_were(gregor, how):
    broker = gregor(topics=["t:4"], port=free_port())
    one, two = Consumer(broker, "g", "one", RackId="r"), Consumer(broker, "g", "two")
    assert one.coordinate()["ErrorCode"] == errors.NONE
    one.configure(assignment_interval_ms=0)
    one.join("t")
    two.join(SubscribedTopicNames=None, SubscribedTopicRegex="t")
    while two.owns() != 2:
        one.own()
        two.own()
    before = settle(one, two)
    assert one.commit("t", 5) == errors.NONE
    end(broker, how)
    reconnect(broker, one, two)
    after = one.describe_consumers()
    assert by_member(after) == by_member(before)
    assert one.committed("t")[1] == 5
    for member in one, two:
        epoch = member.generation
        assert member.beat()["ErrorCode"] == errors.NONE
        assert member.own()["Assignment"] is None, "as it was"
        assert member.generation == epoch
    assert one.commit("t", 6) == errors.NONE
    two.leave()
    end(broker, how)
    reconnect(broker, one)
    settle(one)
    assert one.owns() == 4


def by_member(group):
    """The order of members is nobody's."""
    members = {m["MemberId"]: m for m in group["Members"]}
    return {**group, "Members": members}


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_a_rebalance_goes_on(gregor, how):
    broker = gregor(topics=["t:4"], port=free_port())
    one, two = Consumer(broker, "g", "one"), Consumer(broker, "g", "two")
    assert one.coordinate()["ErrorCode"] == errors.NONE
    one.configure(assignment_interval_ms=0)
    one.join("t")
    one.own()
    two.join("t")
    one.beat()
    assert (one.owns(), two.owns()) == (2, 0)
    end(broker, how)
    reconnect(broker, one, two)
    assert one.describe_consumers()["GroupState"] == "Reconciling"
    assert two.beat()["ErrorCode"] == errors.NONE
    assert two.owns() == 0, "the first has not given them up"
    settle(one, two)
    assert one.owns() == two.owns() == 2


def test_a_session_begins_anew(gregor):
    """Who is not there any more when the broker is back, is missed."""
    settings = {
        "group.consumer.min.heartbeat.interval.ms": 10,
        "group.consumer.heartbeat.interval.ms": 10,
        "group.consumer.min.session.timeout.ms": 100,
        "group.consumer.session.timeout.ms": 2000,
        "group.consumer.assignment.interval.ms": 0,
        "group.consumer.min.assignment.interval.ms": 0,
    }
    broker = gregor(topics=["t:4"], settings=settings, port=free_port())
    one, lost = Consumer(broker, "g", "one"), Consumer(broker, "g", "lost")
    assert one.coordinate()["ErrorCode"] == errors.NONE
    one.join("t")
    lost.join("t")
    settle(one, lost)
    broker.kill()
    broker.start()
    reconnect(broker, one)
    while one.owns() != 4:
        assert one.own()["ErrorCode"] == errors.NONE
    assert len(one.describe_consumers()["Members"]) == 1


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_both_protocols_in_one_group(gregor, how):
    broker = gregor(topics=["t:4"], port=free_port())
    old, new = Client(broker, "g"), Consumer(broker, "g", "new")
    assert old.coordinate()["ErrorCode"] == errors.NONE
    old.configure(assignment_interval_ms=0)
    old.join(topics=["t"])
    old.sync({})
    new.join("t")
    assert old.heartbeat() == errors.REBALANCE_IN_PROGRESS
    end(broker, how)
    reconnect(broker, old, new)
    group = new.describe_consumers()
    assert {m["MemberId"]: m["MemberType"] for m in group["Members"]} == {
        old.member: 0,
        "new": 1,
    }
    assert old.heartbeat() == errors.REBALANCE_IN_PROGRESS
    while new.owns() != 2 or old.heartbeat() != errors.NONE:
        assert old.join(topics=["t"])["ErrorCode"] == errors.NONE
        assert old.sync()["ErrorCode"] == errors.NONE
        assert new.own()["ErrorCode"] == errors.NONE
    end(broker, how)
    reconnect(broker, old, new)
    assert old.heartbeat() == errors.NONE
    new.leave()  # the group is a classic one again
    assert old.listed()["GroupType"] == "classic"
    end(broker, how)
    reconnect(broker, old)
    assert old.listed()["GroupType"] == "classic"
    found = old.describe()
    assert [m["MemberId"] for m in found["Members"]] == [old.member]
    assert old.join(topics=["t"])["ErrorCode"] == errors.NONE
    assert old.sync({old.member: b"all"})["Assignment"] == b"all"


def test_what_was_acknowledged_survives_every_kill(gregor):
    """Members come, go and commit while the broker is killed."""
    broker = gregor(topics=["t:4"], port=free_port())
    members = [Consumer(broker, "g", f"m{i}") for i in range(3)]
    assert members[0].coordinate()["ErrorCode"] == errors.NONE
    members[0].configure(assignment_interval_ms=0)
    committed = {}
    for round_number in range(6):
        reconnect(broker, *members)
        check_acknowledged(members, committed, round_number)
        killer = threading.Timer(0.1, broker.kill)
        killer.start()
        try:
            live(members, committed)
        except (OSError, wire.Closed):
            pass
        killer.join()
        broker.start()
    assert committed


def check_acknowledged(members, committed, round_number):
    asked = members[0]
    group = {m["MemberId"]: m for m in asked.describe_consumers()["Members"]}
    for member in members:
        if member.generation > 0:
            found = group[member.member]["MemberEpoch"]
            # A heartbeat that was not answered may have made a step.
            assert found >= member.generation, (round_number, member.member)
    for partition, offset in committed.items():
        found = asked.committed("t", partition)[1]
        assert found in (offset, offset + 1), (round_number, partition)
        committed[partition] = found


def live(members, committed):
    for step in range(1000000):
        member = members[step % len(members)]
        if member.generation <= 0 or step % 50 == 49:
            member.join("t")
        answer = member.own()
        if answer["ErrorCode"] != errors.NONE:
            member.join("t")
        for partition in sum(member.assigned.values(), []):
            offset = committed.get(partition, -1) + 1
            if member.commit("t", offset, partition=partition) == errors.NONE:
                committed[partition] = offset
