"""The consumer protocol: members and tools hear what Apache Kafka's do.

See harness/story.py for how stories are told and compared.
"""

import uuid

import pytest

from harness.consumer import LEAVE_FOR_A_WHILE
from harness.messages import errors, versions
from harness.story import same_story

CONSUMER_VERSIONS = versions["ConsumerGroupHeartbeat"]
NOBODY = uuid.UUID("01234567-89ab-cdef-0123-456789abcdef")


# -- the consumer protocol -------------------------------------------------------------


def counts_only(api, answer):
    """How many partitions: which of them `uniform` gives to whom depends on the order
    of Java's hash tables."""
    if isinstance(answer, dict):
        return {
            k: len(v) if k == "Partitions" and api in COUNTED else counts_only(api, v)
            for k, v in answer.items()
        }
    if isinstance(answer, list):
        return [counts_only(api, item) for item in answer]
    return answer


COUNTED = ("ConsumerGroupHeartbeat", "ConsumerGroupDescribe")


def one_member(s, *topics, **claims):
    one = s.consumer("one", **claims)
    one.describe_consumers(s.version)
    one.join(*topics, version=s.version)
    one.describe_consumers(s.version)
    one.own(version=s.version)
    one.beat(s.version)
    one.describe_consumers(s.version)
    one.describe()
    one.listed()
    one.delete()
    return one


@pytest.mark.parametrize("assignor", [None, "uniform", "range"])
def test_a_member_of_a_consumer_group(pair, topics, topic, assignor):
    def story(s):
        one = one_member(s, *topics, ServerAssignor=assignor)
        one.beat(s.version, SubscribedTopicNames=["four"])
        one.describe_consumers(s.version)
        one.own(version=s.version)
        one.beat(s.version, SubscribedTopicNames=["four", "not there"])
        one.beat(s.version, SubscribedTopicNames=[])
        one.own(version=s.version)
        one.describe_consumers(s.version)
        one.beat(s.version, SubscribedTopicNames=["six", "six", "four"])
        one.own(version=s.version, RebalanceTimeoutMs=9, RackId="here")
        one.describe_consumers(s.version)
        one.leave(version=s.version)
        one.describe_consumers(s.version)
        one.beat(s.version)
        one.listed()
        one.delete()
        one.describe_consumers(s.version)
        one.beat(s.version)

    same_story(pair, story, topic, only=CONSUMER_VERSIONS)


def three_members(s, *topics, **claims):
    one, two, three = (s.consumer(n, **claims) for n in ("one", "two", "three"))
    one.join(*topics, version=s.version)
    two.join(*topics, version=s.version)
    two.describe_consumers(s.version)
    one.beat(s.version)  # hears what to give up
    one.describe_consumers(s.version)
    two.beat(s.version)
    one.own(version=s.version)  # has given it up
    two.beat(s.version)  # has it now
    two.describe_consumers(s.version)
    two.own(version=s.version)
    three.join(topics[0], version=s.version)
    for _ in range(3):
        for member in one, two, three:
            member.own(version=s.version)
    three.describe_consumers(s.version)
    two.leave(version=s.version)
    for _ in range(3):
        for member in one, three:
            member.own(version=s.version)
    three.describe_consumers(s.version)
    one.leave(version=s.version)
    three.beat(s.version)
    three.leave(version=s.version)
    three.describe_consumers(s.version)


def test_three_members_with_range(pair, topics, topic):
    def story(s):
        three_members(s, *topics, ServerAssignor="range")

    same_story(pair, story, topic, only=CONSUMER_VERSIONS)


def test_three_members_with_uniform(pair, topics, topic):
    """Of one topic: with several, whose come first is a matter of Java's hashes."""

    def story(s):
        three_members(s, topics[0])

    same_story(pair, story, topic, only=CONSUMER_VERSIONS, change=counts_only)


JOIN = {
    "RebalanceTimeoutMs": 3000,
    "TopicPartitions": [],
    "SubscribedTopicNames": ["six"],
}


@pytest.mark.parametrize(
    "wrong",
    [
        {"GroupId": ""},
        {"MemberId": ""},
        {"MemberId": "", "MemberEpoch": 1},
        {"MemberId": "", "MemberEpoch": -1},
        {"MemberEpoch": -1},
        {"MemberEpoch": -2},
        {"MemberEpoch": -2, "InstanceId": "i"},
        {"MemberEpoch": -3},
        {"MemberEpoch": 1},
        {"InstanceId": ""},
        {"RackId": ""},
        {"RebalanceTimeoutMs": -1},
        {"RebalanceTimeoutMs": 0},
        {"RebalanceTimeoutMs": -2},
        {"TopicPartitions": None},
        {"TopicPartitions": [{"TopicId": NOBODY, "Partitions": [0]}]},
        {"SubscribedTopicNames": None},
        {"SubscribedTopicNames": []},
        {"SubscribedTopicNames": [""]},
        {"SubscribedTopicNames": ["a b"]},
        {"SubscribedTopicNames": ["six"] * 3},
        {"ServerAssignor": ""},
        {"ServerAssignor": "sticky"},
        {"SubscribedTopicNames": None, "SubscribedTopicRegex": ""},
        {"SubscribedTopicRegex": "["},
        {"SubscribedTopicRegex": ""},
    ],
    ids=str,
)
def test_a_first_heartbeat(pair, topics, wrong):
    def story(s):
        if s.version == 0 and "SubscribedTopicRegex" in wrong:
            return
        one = s.consumer("one")
        one.beat(s.version, **{**JOIN, **wrong})
        one.describe_consumers()
        one.listed()

    same_story(pair, story, f"first-{uuid.uuid4()}", only=CONSUMER_VERSIONS)


@pytest.mark.parametrize(
    "wrong",
    [
        {"MemberEpoch": 7},
        {"MemberEpoch": 1},
        {"MemberId": "nobody"},
        {"MemberId": "nobody", "MemberEpoch": 0},
        {"MemberId": "nobody", "MemberEpoch": -1},
        {"MemberEpoch": -2},
        {"MemberEpoch": -2, "InstanceId": "i"},
        {"InstanceId": "i"},
        {"MemberEpoch": 0},
        {"MemberEpoch": 0, **JOIN},
        {"TopicPartitions": [{"TopicId": NOBODY, "Partitions": [0]}]},
        {"TopicPartitions": [{"TopicId": NOBODY, "Partitions": []}]},
        {"TopicPartitions": []},
        {"ServerAssignor": "range"},
        {"ServerAssignor": "nothing"},
        {"RackId": "r"},
        {"SubscribedTopicNames": ["four"]},
        {"GroupId": "no such group"},
    ],
    ids=str,
)
def test_a_later_heartbeat(pair, topics, wrong):
    def story(s):
        one = s.consumer("one")
        one.join("six", version=s.version)
        one.own(version=s.version)
        one.beat(s.version, SubscribedTopicNames=["six", "four"])
        one.beat(s.version, **wrong)
        one.describe_consumers()
        one.beat(s.version)

    same_story(pair, story, f"later-{uuid.uuid4()}", only=CONSUMER_VERSIONS)


def test_static_members(pair, topics, topic):
    def story(s):
        one = s.consumer("one", InstanceId="i")
        again = s.consumer("again", InstanceId="i")
        me = {"InstanceId": "i", "version": s.version}
        one.join("six", version=s.version)
        one.own(**me)
        one.describe_consumers(s.version)
        again.join("six", version=s.version)  # the first is still there
        one.beat(**me)
        one.leave(LEAVE_FOR_A_WHILE, **me)
        one.describe_consumers(s.version)
        one.beat(**me)
        again.join("six", version=s.version)
        again.describe_consumers(s.version)
        again.own(**me)
        one.beat(**me)
        one.leave(**me)
        one.leave(LEAVE_FOR_A_WHILE, **me)
        again.leave(LEAVE_FOR_A_WHILE, **me)
        one.join("six", "four", version=s.version)
        one.own(**me)
        one.describe_consumers(s.version)
        one.leave(**me)
        one.describe_consumers(s.version)

    same_story(pair, story, topic, only=CONSUMER_VERSIONS)


def test_consumer_groups_described(pair, topics, topic):
    def story(s):
        one = s.consumer("one")
        one.join("six")
        old = s.classic("old")
        old.group = f"{s.group}-classic"
        old.become_stable()
        for groups in (
            [],
            [s.group],
            [s.group, s.group],
            [old.group, "no such group", "", s.group],
        ):
            one.ask("ConsumerGroupDescribe", {"GroupIds": groups}, s.version)
            one.ask(
                "ConsumerGroupDescribe",
                {"GroupIds": groups, "IncludeAuthorizedOperations": True},
                s.version,
            )
        for version in versions["DescribeGroups"]:
            one.describe(version)

    same_story(pair, story, topic, only=versions["ConsumerGroupDescribe"])


STATES = "Stable", " eMPTY", "Assigning", "Reconciling", "nothing", "PreparingRebalance"
TYPES = "consumer", "Classic", "share", "STREAMS", "nothing"


def test_groups_listed_by_state_and_type(pair, topics, topic):
    def listed(client, version):
        client.listed(version)
        if version >= 4:
            for state in STATES:
                client.listed(version, StatesFilter=[state, "Dead"])
        if version >= 5:
            for kind in TYPES:
                client.listed(version, TypesFilter=[kind])
                client.listed(version, TypesFilter=[kind], StatesFilter=["Stable"])

    def story(s):
        one, two = s.consumer("one"), s.consumer("two")
        old = s.classic("old")
        old.become_stable()
        listed(old, s.version)
        old.leave()
        listed(old, s.version)
        one.join("six")
        listed(one, s.version)
        two.join("six")
        one.beat()
        listed(one, s.version)
        two.leave()
        one.leave()
        listed(one, s.version)

    same_story(pair, story, topic, only=versions["ListGroups"])


# -- regular expressions ---------------------------------------------------------------


def until_owning(s, member, count):
    def done():
        assert member.own()["ErrorCode"] == errors.NONE
        return member.owns() == count

    s.until(member, done)


def test_a_regular_expression(pair, topics, topic):
    def story(s):
        one = s.consumer("one")
        one.join(SubscribedTopicNames=None, SubscribedTopicRegex="(six|fou.)")
        until_owning(s, one, 10)
        one.own()
        one.describe_consumers()
        one.beat(SubscribedTopicRegex="")
        one.own()
        one.describe_consumers()
        one.beat(SubscribedTopicNames=["six"], SubscribedTopicRegex="f.ur")
        one.beat(SubscribedTopicRegex="(")
        one.describe_consumers()
        one.leave()

    same_story(pair, story, topic)


@pytest.mark.parametrize(
    "pattern",
    ["si", "six", "^six$", "f.*", "s.x|f.*r", "[", "(?i)SIX", r"\x73ix", r"\p{L}+"]
    + ["a{1001}", "(?=six)six", r"(s)ix\1", "*", "six)", "(?P<n>six)", r"\bsix\b"]
    + [r"six\z", "six.*+"],
)
def test_patterns(pair, topics, pattern):
    def story(s):
        one = s.consumer("one")
        one.join(SubscribedTopicNames=[], SubscribedTopicRegex=f"four|{pattern}")
        if one.generation:
            s.until(one, lambda: one.own() and one.owns())
        one.describe_consumers()

    same_story(pair, story, f"pattern-{uuid.uuid4()}")
