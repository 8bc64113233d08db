"""Consumer groups of the consumer protocol (KIP-848): members and what they are told."""

import uuid

import pytest

from harness import wire
from harness.broker import AGAINST_KAFKA
from harness.consumer import LEAVE_FOR_A_WHILE, Consumer, by_topic, settle
from harness.group import Client
from harness.messages import errors, versions

VERSIONS = versions["ConsumerGroupHeartbeat"]
NOBODY = uuid.UUID("01234567-89ab-cdef-0123-456789abcdef")


@pytest.fixture
def member(broker, topic):
    """member(name, …) is one of a group of this test."""
    group = f"{topic}-{uuid.uuid4().hex[:6]}"
    members = []

    def make(name, **claims):
        made = Consumer(broker, group, name, **claims)
        while (
            made.coordinate()["ErrorCode"] != errors.NONE
            or made.describe_consumers()["ErrorCode"] == errors.NOT_COORDINATOR
        ):
            assert AGAINST_KAFKA  # Gregor is ready when it answers
        if not members:
            assert made.configure(assignment_interval_ms=0) == errors.NONE
        members.append(made)
        return made

    yield make
    for m in members:
        m.close()


@pytest.fixture
def six(broker, topic):
    with wire.Connection(broker.address) as connection:
        wire.make_topic(connection, topic, 6)
    return topic


def told(consumer):
    """The numbers of the partitions, of whichever topics."""
    return sorted(p for partitions in consumer.assigned.values() for p in partitions)


# ---- members --------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_a_member_is_assigned_what_there_is(member, six, version):
    one = member("one" if version else "")
    joined = one.join(six, version=version)
    assert joined["ErrorCode"] == errors.NONE
    assert joined["ErrorMessage"] is None
    assert joined["MemberId"] == one.member != ""
    assert joined["MemberEpoch"] > 0
    assert joined["HeartbeatIntervalMs"] in (1000, 5000)  # dev, and Kafka
    assert one.assigned == {one.topic_id(six): [0, 1, 2, 3, 4, 5]}
    again = one.beat(version)
    assert again["ErrorCode"] == errors.NONE
    assert again["MemberEpoch"] == joined["MemberEpoch"]
    assert again["Assignment"] is None, "it is as it was"


@pytest.mark.parametrize("version", versions["ConsumerGroupDescribe"])
def test_a_group_described(member, six, version):
    one = member("one", RackId="here", InstanceId="i", ServerAssignor="range")
    one.join(six)
    group = one.describe_consumers(version)
    assert group["ErrorCode"] == errors.NONE
    assert (group["GroupId"], group["GroupState"]) == (one.group, "Stable")
    assert group["GroupEpoch"] == group["AssignmentEpoch"] == one.generation
    assert group["AssignorName"] == "range"
    (described,) = group["Members"]
    assert described["MemberId"] == "one"
    assert (described["InstanceId"], described["RackId"]) == ("i", "here")
    assert described["MemberEpoch"] == one.generation
    assert (described["ClientId"], described["ClientHost"]) == ("wire", "/127.0.0.1")
    assert described["SubscribedTopicNames"] == [six]
    assert not described["SubscribedTopicRegex"]
    for assignment in described["Assignment"], described["TargetAssignment"]:
        (found,) = assignment["TopicPartitions"]
        assert (found["TopicId"], found["TopicName"]) == (one.topic_id(six), six)
        assert sorted(found["Partitions"]) == [0, 1, 2, 3, 4, 5]
    if version >= 1:
        assert described["MemberType"] == 1


def test_a_partition_is_given_up_before_it_is_given_away(member, six):
    one, two = member("one"), member("two")
    one.join(six)
    one.own()
    two.join(six)
    assert told(two) == []
    one.beat()
    kept, epoch = told(one), one.generation
    assert len(kept) == 3
    assert epoch < two.generation, "it is not there yet"
    two.beat()
    assert told(two) == [], "the first may still read them"
    assert one.describe_consumers()["GroupState"] == "Reconciling"
    one.own()
    assert one.generation == two.generation
    two.beat()
    assert sorted(told(two) + kept) == [0, 1, 2, 3, 4, 5]
    two.own()
    assert settle(one, two)["GroupState"] == "Stable"


def test_the_partitions_of_who_leaves_go_to_who_stays(member, six):
    one, two, three = member("one"), member("two"), member("three")
    for consumer in one, two, three:
        consumer.join(six)
    settle(one, two, three)
    assert [c.owns() for c in (one, two, three)] == [2, 2, 2]
    kept = told(one)
    left = two.leave()
    assert (left["ErrorCode"], left["MemberEpoch"]) == (errors.NONE, -1)
    settle(one, three)
    assert one.owns() == three.owns() == 3
    assert set(kept) < set(told(one)), "what it had stays where it was"
    assert two.beat(MemberEpoch=1)["ErrorCode"] == errors.UNKNOWN_MEMBER_ID


def test_a_subscription_changes(member, six):
    one = member("one")
    one.join(six)
    other = f"{six}-other"
    wire.make_topic(one.connection, other, 2)
    one.beat(SubscribedTopicNames=[six, other])
    settle(one)
    assert one.owns() == 8
    one.beat(SubscribedTopicNames=[other])
    settle(one)
    assert one.assigned == {one.topic_id(other): [0, 1]}
    one.beat(SubscribedTopicNames=[])
    settle(one)
    assert one.assigned == {}


def test_a_topic_that_comes_later_and_goes(member, six):
    one = member("one")
    later = f"{six}-later"
    one.join(six, later)
    assert one.owns() == 6
    wire.make_topic(one.connection, later, 3)
    while one.owns() != 9:
        assert one.own()["ErrorCode"] == errors.NONE
    wire.delete_topic(one.connection, later)
    while one.owns() != 6:
        assert one.own()["ErrorCode"] == errors.NONE


def test_range_gives_each_a_run_of_partitions(member, six):
    one = member("one", ServerAssignor="range")
    two = member("two", ServerAssignor="range")
    one.join(six)
    two.join(six)
    assert settle(one, two)["AssignorName"] == "range"
    assert (told(one), told(two)) == ([0, 1, 2], [3, 4, 5])


def test_most_members_choose_the_assignor(member, six):
    one, two, three = (member(n, ServerAssignor="range") for n in ("1", "2", "3"))
    three.claims = {"ServerAssignor": "uniform"}
    for consumer in three, one, two:
        consumer.join(six)
    assert settle(one, two, three)["AssignorName"] == "range"


def test_a_member_that_lost_an_answer_comes_again(member, six):
    one, two = member("one"), member("two")
    one.join(six)
    one.own()
    two.join(six)
    one.beat()
    one.own()
    before = one.generation - 1
    again = one.beat(MemberEpoch=before, TopicPartitions=by_topic(one.assigned))
    assert again["ErrorCode"] == errors.NONE
    assert again["MemberEpoch"] == one.generation == before + 1
    foreign = {one.topic_id(six): [0, 1, 2, 3, 4, 5]}
    refused = one.beat(MemberEpoch=before, TopicPartitions=by_topic(foreign))
    assert refused["ErrorCode"] == errors.FENCED_MEMBER_EPOCH


# ---- who is refused, and why ----------------------------------------------


@pytest.mark.parametrize(
    "wrong, error, said",
    [
        ({"GroupId": ""}, "INVALID_REQUEST", "GroupId"),
        ({"MemberId": ""}, "INVALID_REQUEST", "MemberId"),
        ({"InstanceId": ""}, "INVALID_REQUEST", "InstanceId"),
        ({"RackId": ""}, "INVALID_REQUEST", "RackId"),
        ({"MemberEpoch": -2}, "INVALID_REQUEST", "InstanceId"),
        ({"MemberEpoch": -3}, "INVALID_REQUEST", "MemberEpoch"),
        ({"RebalanceTimeoutMs": -1}, "INVALID_REQUEST", "RebalanceTimeoutMs"),
        (
            {"TopicPartitions": [{"TopicId": NOBODY, "Partitions": [0]}]},
            "INVALID_REQUEST",
            "TopicPartitions",
        ),
        ({"SubscribedTopicNames": None}, "INVALID_REQUEST", "SubscribedTopicNames"),
        ({"ServerAssignor": "sticky"}, "UNSUPPORTED_ASSIGNOR", "sticky"),
        ({"SubscribedTopicRegex": "["}, "INVALID_REGULAR_EXPRESSION", "["),
        ({"MemberEpoch": 1}, "GROUP_ID_NOT_FOUND", "not found"),
        ({"MemberEpoch": -1}, "GROUP_ID_NOT_FOUND", "not found"),
    ],
    ids=str,
)
def test_a_first_heartbeat_that_is_refused(member, wrong, error, said):
    answer = member("one").join("t", **wrong)
    assert answer["ErrorCode"] == getattr(errors, error)
    assert said in answer["ErrorMessage"]
    assert (answer["MemberEpoch"], answer["Assignment"]) == (0, None)


def test_fenced_epochs_and_strangers(member, six):
    one = member("one")
    one.join(six)
    for wrong, error in (
        ({"MemberEpoch": one.generation + 1}, errors.FENCED_MEMBER_EPOCH),
        ({"MemberEpoch": one.generation - 1}, errors.FENCED_MEMBER_EPOCH),
        ({"MemberId": "nobody"}, errors.UNKNOWN_MEMBER_ID),
        ({"MemberId": "nobody", "MemberEpoch": -1}, errors.UNKNOWN_MEMBER_ID),
        ({"InstanceId": "i"}, errors.UNKNOWN_MEMBER_ID),
    ):
        answer = one.beat(**wrong)
        assert answer["ErrorCode"] == error
        assert answer["ErrorMessage"]
    assert one.beat()["ErrorCode"] == errors.NONE, "it is still a member"


def test_a_heartbeat_to_a_classic_group_of_another_kind(broker, member, six):
    one = member("one")
    with_connect = Client(broker, one.group)
    with_connect.join(ProtocolType="connect")
    answer = one.join(six)
    assert answer["ErrorCode"] == errors.GROUP_ID_NOT_FOUND
    assert one.group in answer["ErrorMessage"]
    with_connect.close()


# ---- static members -------------------------------------------------------


def test_a_static_member_comes_back_to_what_it_had(member, six):
    one, two = member("one", InstanceId="i"), member("two", InstanceId="j")
    one.join(six)
    two.join(six)
    epoch = settle(one, two)["GroupEpoch"]
    had = told(one)
    left = one.leave(LEAVE_FOR_A_WHILE, InstanceId="i")
    assert (left["ErrorCode"], left["MemberEpoch"]) == (errors.NONE, LEAVE_FOR_A_WHILE)
    again = member("again", InstanceId="i")
    assert again.join(six)["ErrorCode"] == errors.NONE
    assert told(again) == had
    assert two.beat()["ErrorCode"] == errors.NONE
    group = two.describe_consumers()
    assert group["GroupEpoch"] == epoch, "there was no rebalance"
    assert {m["MemberId"] for m in group["Members"]} == {"again", "two"}
    assert one.beat(MemberEpoch=epoch)["ErrorCode"] == errors.UNKNOWN_MEMBER_ID
    assert (
        one.beat(MemberEpoch=epoch, InstanceId="i")["ErrorCode"]
        == errors.FENCED_INSTANCE_ID
    )


def test_an_instance_that_is_still_there_is_not_replaced(member, six):
    one, other = member("one", InstanceId="i"), member("other", InstanceId="i")
    one.join(six)
    refused = other.join(six)
    assert refused["ErrorCode"] == errors.UNRELEASED_INSTANCE_ID
    assert "one" in refused["ErrorMessage"]
    assert one.beat(InstanceId="i")["ErrorCode"] == errors.NONE


# ---- regular expressions --------------------------------------------------


def until_told(consumer, count):
    while consumer.owns() != count:
        assert consumer.own()["ErrorCode"] == errors.NONE


def test_topics_of_a_regular_expression(member, six):
    one = member("one")
    wire.make_topic(one.connection, f"{six}-more", 2)
    wire.make_topic(one.connection, f"not-{six}", 3)
    one.join(SubscribedTopicNames=None, SubscribedTopicRegex=f"{six}.*")
    until_told(one, 8)
    described = one.describe_me()
    assert described["SubscribedTopicRegex"] == f"{six}.*"
    assert described["SubscribedTopicNames"] == []
    one.beat(SubscribedTopicNames=[f"not-{six}"])
    until_told(one, 11)
    one.beat(SubscribedTopicRegex="")
    until_told(one, 3)


def test_a_topic_that_an_expression_meets_later(member, six):
    """Ten seconds pass before topics are matched again, in Kafka too."""
    one, two = member("one"), member("two")
    one.join(SubscribedTopicRegex=f"{six}.*")
    until_told(one, 6)
    two.join(SubscribedTopicRegex=f"{six}.*")
    settle(one, two)
    wire.make_topic(one.connection, f"{six}-later", 4)
    while one.owns() + two.owns() != 10:
        assert one.own()["ErrorCode"] == errors.NONE
        assert two.own()["ErrorCode"] == errors.NONE
    assert one.owns() == two.owns() == 5
    wire.delete_topic(one.connection, f"{six}-later")
    while one.owns() + two.owns() != 6:
        assert one.own()["ErrorCode"] == errors.NONE
        assert two.own()["ErrorCode"] == errors.NONE


# ---- tools ----------------------------------------------------------------


@pytest.mark.parametrize("version", versions["ConsumerGroupDescribe"])
def test_groups_that_cannot_be_described(member, six, version):
    one = member("one")
    missing = one.describe_consumers(version)
    assert missing["ErrorCode"] == errors.GROUP_ID_NOT_FOUND
    assert missing["ErrorMessage"] == f"Group {one.group} not found."
    one.commit(six, 1, GenerationIdOrMemberEpoch=-1, MemberId="")
    classic = one.describe_consumers(version)
    assert classic["ErrorCode"] == errors.GROUP_ID_NOT_FOUND
    assert one.group in classic["ErrorMessage"]
    answer = one.ask("ConsumerGroupDescribe", {"GroupIds": [""]}, version)
    assert answer["Groups"][0]["ErrorCode"] == errors.INVALID_GROUP_ID


@pytest.mark.parametrize("version", versions["DescribeGroups"])
def test_a_consumer_group_is_none_to_describe_groups(member, six, version):
    one = member("one")
    one.join(six)
    found = one.describe(version)
    assert (found["GroupState"], found["Members"]) == ("Dead", [])
    expected = errors.GROUP_ID_NOT_FOUND if version >= 6 else errors.NONE
    assert found["ErrorCode"] == expected


@pytest.mark.parametrize("version", versions["ListGroups"])
def test_groups_listed(member, six, version):
    one = member("one")
    one.join(six)
    found = one.listed(version)
    assert found["ProtocolType"] == "consumer"
    if version >= 4:
        assert found["GroupState"] == "Stable"
        assert one.listed(version, StatesFilter=["STABLE"])
        assert not one.listed(version, StatesFilter=["Empty", "Reconciling"])
    if version >= 5:
        assert found["GroupType"] == "consumer"
        assert one.listed(version, TypesFilter=["Consumer"])
        assert not one.listed(version, TypesFilter=["classic"])
    one.leave()
    if version >= 4:
        assert one.listed(version)["GroupState"] == "Empty"


@pytest.mark.parametrize("version", versions["DeleteGroups"])
def test_a_group_is_deleted_when_it_is_empty(member, six, version):
    one = member("one")
    one.join(six)
    assert one.commit(six, 3) == errors.NONE
    assert one.delete(version) == errors.NON_EMPTY_GROUP
    one.leave()
    assert one.delete(version) == errors.NONE
    assert one.describe_consumers()["ErrorCode"] == errors.GROUP_ID_NOT_FOUND
    assert one.fetch(None)["Topics"] == []
    assert one.delete(version) == errors.GROUP_ID_NOT_FOUND
    one.join(six)
    assert one.owns() == 6, "it may begin anew"
