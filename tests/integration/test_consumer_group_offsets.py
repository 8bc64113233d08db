"""Offsets of consumer groups: who may commit what, and when they go."""

import uuid

import pytest

from harness import wire
from harness.broker import AGAINST_KAFKA
from harness.consumer import Consumer, settle
from harness.group import GroupClient
from harness.messages import errors, versions

# Members of consumer groups can be told of a stale epoch from these on.
COMMIT_VERSIONS = range(9, versions["OffsetCommit"][-1] + 1)
FETCH_VERSIONS = range(9, versions["OffsetFetch"][-1] + 1)


@pytest.fixture
def pair_of_members(broker, topic):
    """Two of a group without a pause between its assignments; its topic has six
    partitions."""
    group = f"{topic}-{uuid.uuid4().hex[:6]}"
    one, two = Consumer(broker, group, "one"), Consumer(broker, group, "two")
    while (
        one.coordinate()["ErrorCode"] != errors.NONE
        or one.describe_consumers()["ErrorCode"] == errors.NOT_COORDINATOR
    ):
        assert AGAINST_KAFKA  # Gregor is ready when it answers
    one.configure(assignment_interval_ms=0)
    wire.make_topic(one.connection, topic, 6)
    yield one, two
    one.close()
    two.close()


def commit(client, topic, partition, offset=7, version=9, **more):
    """The error, in every version."""
    part = {"PartitionIndex": partition, "CommittedOffset": offset}
    name = {"TopicId": client.topic_id(topic)} if version >= 10 else {"Name": topic}
    more = {"Topics": [{**name, "Partitions": [part]}], **more}
    return client.commit(topic, offset, version, **more)


@pytest.mark.parametrize("version", COMMIT_VERSIONS)
def test_a_member_commits_with_its_epoch(pair_of_members, topic, version):
    one, _ = pair_of_members
    one.join(topic)
    assert commit(one, topic, 0, 5, version) == errors.NONE
    for wrong, error in (
        ({"GenerationIdOrMemberEpoch": one.generation + 1}, "STALE_MEMBER_EPOCH"),
        ({"GenerationIdOrMemberEpoch": 0}, "STALE_MEMBER_EPOCH"),
        ({"MemberId": "nobody"}, "UNKNOWN_MEMBER_ID"),
    ):
        found = commit(one, topic, 0, 6, version, **wrong)
        assert found == getattr(errors, error), wrong
    assert one.committed(topic) == (errors.NONE, 5, "")


@pytest.mark.parametrize("version", range(2, COMMIT_VERSIONS[0]))
def test_a_member_does_not_commit_in_versions_without_epochs(
    pair_of_members, topic, version
):
    one, _ = pair_of_members
    one.join(topic)
    assert commit(one, topic, 0, 5, version) == errors.UNSUPPORTED_VERSION
    assert one.committed(topic)[1] == -1


@pytest.mark.parametrize("version", versions["OffsetCommit"])
def test_simple_consumers_commit_while_there_are_no_members(
    pair_of_members, topic, version
):
    one, _ = pair_of_members
    alone = {"MemberId": "", "GenerationIdOrMemberEpoch": -1}
    one.join(topic)
    assert commit(one, topic, 0, 4, version, **alone) == errors.UNKNOWN_MEMBER_ID
    assert one.committed(topic)[1] == -1
    one.leave()
    assert commit(one, topic, 0, 6, version, **alone) == errors.NONE
    assert one.committed(topic)[1] == 6
    assert one.listed()["GroupType"] == "consumer"


@pytest.mark.parametrize("version", COMMIT_VERSIONS)
def test_a_stale_epoch_counts_for_what_was_not_given_up(pair_of_members, topic, version):
    """KIP-1251: a partition is its owner's since the epoch that gave it."""
    one, two = pair_of_members
    one.join(topic)
    one.own()
    before = one.generation
    two.join(topic)
    one.beat()
    kept = sum(one.assigned.values(), [])
    gone = sorted(set(range(6)) - set(kept))
    old = {"GenerationIdOrMemberEpoch": before}
    for partition in range(6):  # it still has all
        assert commit(one, topic, partition, 1, version, **old) == errors.NONE
    one.own()
    assert one.generation == before + 1
    two.beat()
    two.own()
    for partition in kept:
        assert commit(one, topic, partition, 2, version, **old) == errors.NONE
    for partition in gone:
        stale = commit(one, topic, partition, 3, version, **old)
        assert stale == errors.STALE_MEMBER_EPOCH
        assert commit(two, topic, partition, 4, version) == errors.NONE
        assert one.committed(topic, partition)[1] == 4
    assert commit(one, topic, gone[0], 5, version) == errors.NONE, "its epoch is new"
    earlier = {"GenerationIdOrMemberEpoch": before - 1}
    assert commit(one, topic, kept[0], 6, version, **earlier) == errors.STALE_MEMBER_EPOCH


@pytest.mark.parametrize("version", FETCH_VERSIONS)
def test_members_fetch_with_their_epoch(pair_of_members, topic, version):
    one, two = pair_of_members
    one.join(topic)
    commit(one, topic, 0, 5)

    def fetch(**who):
        found = one.fetch(None, version, **who)
        if found["ErrorCode"] == errors.NONE:
            assert found["Topics"][0]["Partitions"][0]["CommittedOffset"] == 5
        return found["ErrorCode"]

    assert fetch() == errors.NONE
    assert fetch(MemberId="one", MemberEpoch=one.generation) == errors.NONE
    two.join(topic)
    settle(one, two)
    for member, epoch, error in (
        ("one", one.generation, "NONE"),
        ("one", one.generation - 1, "STALE_MEMBER_EPOCH"),
        ("one", one.generation + 1, "STALE_MEMBER_EPOCH"),
        ("nobody", one.generation, "UNKNOWN_MEMBER_ID"),
    ):
        assert fetch(MemberId=member, MemberEpoch=epoch) == getattr(errors, error)


def test_offsets_of_subscribed_topics_are_not_deleted(pair_of_members, topic):
    one, _ = pair_of_members
    other = f"{topic}-other"
    wire.make_topic(one.connection, other)
    one.join(topic)
    commit(one, topic, 0)
    commit(one, other, 0)

    def delete():
        part = [{"PartitionIndex": 0}]
        topics = [{"Name": name, "Partitions": part} for name in (topic, other)]
        answer = one.ask("OffsetDelete", {"GroupId": one.group, "Topics": topics})
        assert answer["ErrorCode"] == errors.NONE
        found = {t["Name"]: t["Partitions"][0]["ErrorCode"] for t in answer["Topics"]}
        return found[topic], found[other]

    assert delete() == (errors.GROUP_SUBSCRIBED_TO_TOPIC, errors.NONE)
    assert one.committed(topic)[1] == 7
    assert one.committed(other)[1] == -1
    one.leave()
    assert delete() == (errors.NONE, errors.NONE)
    assert one.committed(topic)[1] == -1


def test_a_deleted_topic_takes_its_offsets_along(pair_of_members, topic):
    one, _ = pair_of_members
    other = f"{topic}-other"
    wire.make_topic(one.connection, other)
    one.join(topic, other)
    commit(one, topic, 0)
    commit(one, other, 0)
    wire.delete_topic(one.connection, topic)
    while any(t["Name"] == topic for t in one.fetch(None)["Topics"]):
        pass
    assert one.committed(other)[1] == 7


# ---- Gregor alone, with settings of its own -------------------------------


def test_offsets_expire_but_for_topics_that_members_read(gregor):
    broker = gregor(
        topics=["read", "left"], settings={"offsets.retention.check.interval.ms": 20}
    )
    one, alone = Consumer(broker, "g", "one"), GroupClient(broker, "g")
    assert one.coordinate()["ErrorCode"] == errors.NONE
    for topic in "read", "left":
        assert alone.commit(topic, 3, 4, RetentionTimeMs=3000) == errors.NONE
    assert one.join("read")["ErrorCode"] == errors.NONE
    assert one.committed("left")[1] == 3, "the member came in time"
    while one.committed("left")[1] != -1:
        pass
    assert one.committed("read")[1] == 3, "its time was over before the other's"
    one.leave()
    while one.describe_consumers()["ErrorCode"] == errors.NONE:
        pass  # with its last offset the group goes
    broker.restart()
    alone.connection = wire.Connection(broker.address)
    assert alone.coordinate()["ErrorCode"] == errors.NONE
    assert alone.committed("read")[1] == alone.committed("left")[1] == -1
    assert alone.listed() is None
