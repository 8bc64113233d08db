"""Groups of both protocols: what members and tools hear is what Apache Kafka says.

Questions that change nothing are asked with harness/compare.py; what members live
through is told as stories (harness/story.py).
"""

import uuid

import pytest

from harness.compare import Id
from harness.consumer import LEAVE, LEAVE_FOR_A_WHILE, settle
from harness.group import in_background, subscription
from harness.messages import errors, versions
from harness.story import same_story

CONSUMER_VERSIONS = versions["ConsumerGroupHeartbeat"]
NOBODY = uuid.UUID("01234567-89ab-cdef-0123-456789abcdef")


def within(api, version):
    """A version of an API for a story that is told in the versions of another."""
    return min(version, versions[api][-1])


@pytest.fixture(scope="module")
def topics(pair, coordinated):
    made = pair.make("six", 6), pair.make("four", 4)
    pair.settle()
    return made


# -- FindCoordinator -------------------------------------------------------------------


@pytest.mark.parametrize("kind", [0, 2, 3, -1])
def test_who_coordinates(pair, coordinated, kind):
    for keys in ["g"], [""], ["a", "b", "a"], []:
        pair.same(
            "FindCoordinator",
            {"Key": (keys or ["g"])[0], "KeyType": kind, "CoordinatorKeys": keys},
        )


# -- the classic protocol --------------------------------------------------------------


def test_a_member_of_a_classic_group(pair, topics, topic):
    def story(s):
        def ask(call, *args, **more):
            api = {
                "join": "JoinGroup",
                "sync": "SyncGroup",
                "heartbeat": "Heartbeat",
                "leave": "LeaveGroup",
                "describe": "DescribeGroups",
                "listed": "ListGroups",
                "delete": "DeleteGroups",
            }[call]
            return getattr(one, call)(*args, version=within(api, s.version), **more)

        one = s.classic("one")
        ask("describe")
        ask("delete")
        ask("join", topics=topics)
        ask("describe")
        ask("sync", {one.member: b"mine"})
        ask("sync")
        for wrong in (
            {},
            {"GenerationId": 7},
            {"GenerationId": 0},
            {"GenerationId": -1},
            {"MemberId": "nobody"},
            {"MemberId": ""},
            {"GroupId": ""},
            {"GroupId": "no such group"},
            {"GroupInstanceId": "i"},
        ):
            if "GroupInstanceId" in wrong and s.version < 5:
                continue
            ask("heartbeat", **wrong)
            ask("sync", **wrong)
            if "GroupInstanceId" not in wrong:
                one.commit("six", 4, min(max(s.version, 2), 9), **as_commit(wrong))
        ask("describe")
        ask("delete")
        ask("join", topics=topics)
        ask("sync", {one.member: b"again"})
        ask("leave")
        ask("leave")
        ask("describe")
        ask("heartbeat")
        one.fetch(None)
        ask("delete")
        ask("delete")
        ask("describe")

    same_story(pair, story, topic, only=versions["JoinGroup"])


def as_commit(fields):
    names = {"GenerationId": "GenerationIdOrMemberEpoch"}
    return {names.get(key, key): value for key, value in fields.items()}


def until_rebalance(s, member):
    s.until(member, lambda: member.heartbeat() != errors.NONE)
    member.heartbeat()


def test_two_members_of_a_classic_group(pair, topics, topic):
    def story(s):
        one, two = s.classic("one"), s.classic("two")
        version = s.version
        one.join(version, topics=topics)
        one.sync({one.member: b"all"})
        joined = in_background(lambda: two.join(version, topics=["six"]))
        until_rebalance(s, one)
        one.describe()
        one.sync()
        one.commit("six", 1)
        one.join(version, topics=topics)
        joined()
        one.commit("six", 1)
        two.describe()
        synced = in_background(two.sync)
        one.sync({one.member: b"left", two.member: b"right"})
        synced()
        one.describe()
        one.commit("six", 2)
        two.commit("four", 3)
        two.join(version, topics=["six"])  # as it was: nobody is disturbed
        one.leave()
        until_rebalance(s, two)
        two.join(version, topics=["six"])
        two.describe()
        two.sync({two.member: b"all"})
        two.leave()
        two.describe()
        two.fetch(None)

    same_story(pair, story, topic, only=versions["JoinGroup"])


def test_static_members_of_a_classic_group(pair, topics, topic):
    def story(s):
        me = {"GroupInstanceId": "i"}
        one, again = s.classic("one"), s.classic("again")
        version = s.version
        one.join(version, topics=topics, **me)
        one.sync({one.member: b"all"}, **me)
        one.describe()
        again.join(version, topics=topics, **me)
        again.sync(**me)
        one.heartbeat(**me)
        one.sync(**me)
        one.join(version, **me)
        one.commit("six", 1, **me)
        one.leave(**me)
        again.heartbeat(**me)
        again.heartbeat()
        again.heartbeat(GroupInstanceId="j")
        again.commit("six", 1, **me)
        again.describe()
        again.join(version, protocols=["range", "other"], topics=["six"], **me)
        again.sync({again.member: b"new"}, **me)
        again.leave(MemberId="", **me)
        again.describe()

    same_story(pair, story, topic, only=range(5, 10))


@pytest.mark.parametrize(
    "wrong",
    [
        {"GroupId": ""},
        {"SessionTimeoutMs": 5999},
        {"SessionTimeoutMs": 1800001},
        {"SessionTimeoutMs": -1},
        {"MemberId": "nobody"},
        {"ProtocolType": ""},
        {"Protocols": []},
        {"ProtocolType": "connect"},
        {"Protocols": [{"Name": "", "Metadata": b""}]},
        {"GroupInstanceId": ""},
        {"GroupInstanceId": "a b"},
        {"GroupInstanceId": "."},
    ],
    ids=str,
)
def test_who_may_not_join_a_classic_group(pair, coordinated, topic, wrong):
    def story(s):
        one, other = s.classic("one"), s.classic("other")
        if one.join(s.version, **wrong)["ErrorCode"] != errors.NONE:
            # Kafka tells of a group when its records are safe, and refuses at once;
            # whoever joins is answered after that.
            other.join()
        one.describe()

    only = range(5, 10) if "GroupInstanceId" in wrong else versions["JoinGroup"]
    same_story(pair, story, f"not-{uuid.uuid4()}", only=only)


def test_protocols_that_do_not_agree(pair, coordinated, topic):
    def story(s):
        one, two = s.classic("one"), s.classic("two")
        one.join(s.version, protocols=["range", "sticky"])
        one.sync({one.member: b"all"})
        two.join(s.version, protocols=["roundrobin"])
        two.join(s.version, ProtocolType="connect")
        one.sync(ProtocolType="connect", version=within("SyncGroup", s.version))
        one.sync(ProtocolName="sticky", version=within("SyncGroup", s.version))
        one.sync(ProtocolName=None)
        one.describe()

    same_story(pair, story, topic, only=versions["JoinGroup"])


def test_leaving_a_classic_group_in_numbers(pair, coordinated, topic):
    def story(s):
        one = s.classic("one")
        one.join(topics=["six"], GroupInstanceId="i")
        one.sync({})
        me = {"MemberId": one.member}
        for members in (
            [],
            [{"MemberId": "nobody"}, {"MemberId": "", "GroupInstanceId": "j"}],
            [{"MemberId": "", "GroupInstanceId": ""}],
            [{**me, "GroupInstanceId": "j"}, {"MemberId": "x", "GroupInstanceId": "i"}],
            [{"MemberId": ""}],
            [{**me, "GroupInstanceId": "i", "Reason": "enough"}, me],
        ):
            one.ask("LeaveGroup", {"GroupId": s.group, "Members": members}, s.version)
        one.ask("LeaveGroup", {"GroupId": "", "Members": [me]}, s.version)
        one.ask("LeaveGroup", {"GroupId": "no such", "Members": [me]}, s.version)
        one.describe()

    same_story(pair, story, topic, only=range(3, 6))


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
    def story(s):
        three_members(s, *topics)

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
    ["si", "six", "^six$", "f.*", "s.x|f.*r", "[", "(?i)SIX", r"\x73ix", r"\p{L}+", "a{1001}"]
    + ["(?=six)six", r"(s)ix\1", "*", "six)", "(?P<n>six)", r"\bsix\b", r"six\z", "six.*+"],
)
def test_patterns(pair, topics, pattern):
    def story(s):
        one = s.consumer("one")
        one.join(SubscribedTopicNames=[], SubscribedTopicRegex=f"four|{pattern}")
        if one.generation:
            s.until(one, lambda: one.own() and one.owns())
        one.describe_consumers()

    same_story(pair, story, f"pattern-{uuid.uuid4()}")


# -- offsets ---------------------------------------------------------------------------


@pytest.mark.parametrize("version", versions["OffsetCommit"])
def test_offsets_of_a_consumer_group(pair, topics, topic, version):
    def commit(s, client, generation, member, **more):
        parts = [{"PartitionIndex": 0, "CommittedOffset": 5, "CommittedMetadata": "m"}]
        named = {"Name": "six", "TopicId": s.side.id_of("six"), "Partitions": parts}
        if version >= 10:
            del named["Name"]
        values = {
            "GroupId": s.group,
            "GenerationIdOrMemberEpoch": generation,
            "MemberId": member,
            "Topics": [named],
            **more,
        }
        if version < 1:
            values = {k: values[k] for k in ("GroupId", "Topics")}
        client.ask("OffsetCommit", values, version)

    def story(s):
        alone, one, two = s.client("alone"), s.consumer("one"), s.consumer("two")
        commit(s, alone, -1, "")
        one.join("six")
        one.own()
        for generation in -2, -1, 0, 1, 2, 3, 7:
            for member in "one", "nobody", "":
                commit(s, one, generation, member)
        two.join("six")
        one.beat()
        for member in one, two:
            for generation in range(-1, 6):
                commit(s, member, generation, member.member)
        one.own()
        two.beat()
        one.own()
        two.own()
        for member in one, two:
            for generation in range(-1, 6):
                commit(s, member, generation, member.member)
        if version >= 7:
            commit(s, one, one.generation, "one", GroupInstanceId="i")
        one.leave()
        two.leave()
        commit(s, one, one.generation, "one")
        commit(s, alone, -1, "")
        alone.fetch(None)

    same_story(pair, story, topic)


@pytest.mark.parametrize("version", range(9, versions["OffsetFetch"][-1] + 1))
def test_offsets_fetched_of_a_consumer_group(pair, topics, topic, version):
    def story(s):
        def fetch(client, **who):
            parts = {"PartitionIndexes": [0, 1, 9]}
            named = [
                {"Name": "six", "TopicId": s.side.id_of("six"), **parts},
                {"Name": "not there", "TopicId": NOBODY, **parts},
            ]
            for topics in named, [], None:
                client.fetch(topics, version, **who)

        one, two = s.consumer("one"), s.consumer("two")
        fetch(one)
        one.join("six")
        one.own()
        one.commit("six", 3)
        for generation in -1, 0, 1, 2, 3:
            # Not null: at that Kafka stumbles, unless the epoch is negative.
            for member in "one", "nobody", "":
                fetch(one, MemberId=member, MemberEpoch=generation)
        two.join("six")
        fetch(two, MemberId="two", MemberEpoch=two.generation)
        fetch(two)

    same_story(pair, story, topic)


def test_offsets_deleted_of_a_consumer_group(pair, topics, topic):
    def story(s):
        def delete(*names):
            parts = [{"PartitionIndex": n} for n in (0, 7)]
            wanted = [{"Name": name, "Partitions": parts} for name in names]
            values = {"GroupId": s.group, "Topics": wanted}
            one.ask("OffsetDelete", values)

        one = s.consumer("one")
        delete("six")
        one.commit("four", 1, GenerationIdOrMemberEpoch=-1, MemberId="")
        one.commit("six", 1, GenerationIdOrMemberEpoch=-1, MemberId="")
        one.join("six")
        delete("six", "four", "not there")
        one.fetch(None)
        delete()
        one.beat(SubscribedTopicNames=["four"])
        one.own()
        delete("six")
        one.leave()
        delete("four")
        one.fetch(None)
        one.delete()
        delete("four")

    same_story(pair, story, topic)


# -- settings --------------------------------------------------------------------------

GROUP = 32
SET, DELETE, APPEND, SUBTRACT = 0, 1, 2, 3


def described(*names, keys=None):
    return {
        "Resources": [
            {"ResourceType": GROUP, "ResourceName": name, "ConfigurationKeys": keys}
            for name in names
        ],
        "IncludeSynonyms": True,
        "IncludeDocumentation": False,
    }


def altered(name, *changes, validate_only=False):
    configs = [{"Name": k, "ConfigOperation": op, "Value": v} for op, k, v in changes]
    one = {"ResourceType": GROUP, "ResourceName": name, "Configs": configs}
    return {"Resources": [one], "ValidateOnly": validate_only}


def test_settings_of_a_group_described(pair, coordinated):
    for name in "nobody", "", "a b", "x" * 300:
        pair.same("DescribeConfigs", described(name), change=consumer_only)
    keys = ["consumer.session.timeout.ms", "no.such"]
    pair.same("DescribeConfigs", described("nobody", keys=keys))


def consumer_only(answer):
    """Gregor has no share and streams groups, nor an assignor in a thread of its own."""
    for result in answer["Results"]:
        result["Configs"] = [
            c
            for c in result["Configs"]
            if c["Name"].startswith("consumer.") and "offload" not in c["Name"]
        ]
    return answer


@pytest.mark.parametrize("key", ["session.timeout", "heartbeat.interval", "assignment.interval"])
@pytest.mark.parametrize("operation", [SET, DELETE, APPEND, SUBTRACT])
@pytest.mark.parametrize(
    "value",
    ["", None, "no", "-1", "0", "4999", "5000", "5001", "15001", "46000", "61000"],
)
def test_settings_of_a_group_altered(pair, coordinated, key, operation, value):
    change = operation, f"consumer.{key}.ms", value
    group = f"altered-{uuid.uuid4()}"
    pair.same("IncrementalAlterConfigs", altered(group, change, validate_only=True))
    pair.same("IncrementalAlterConfigs", altered(group, change))
    pair.same("DescribeConfigs", described(group), change=consumer_only)


def test_settings_of_a_group_that_do_not_fit_together(pair, coordinated):
    session, heartbeat = "consumer.session.timeout.ms", "consumer.heartbeat.interval.ms"
    for changes in (
        [(SET, session, "50000"), (SET, heartbeat, "6000")],
        [(SET, session, "45000"), (SET, "no.such", "6000")],
        [(SET, "retention.ms", "1")],
        [(SET, session, "50000"), (SET, session, "50001")],
        [],
    ):
        group = f"fit-{uuid.uuid4()}"
        pair.same("IncrementalAlterConfigs", altered(group, *changes))
        pair.same("DescribeConfigs", described(group), change=consumer_only)
    pair.same("IncrementalAlterConfigs", altered("", (SET, session, "50000")))


def test_a_heartbeat_interval_of_ones_own(pair, topics, topic):
    change = SET, "consumer.heartbeat.interval.ms", "6000"
    pair.same("IncrementalAlterConfigs", altered(topic, change))

    def story(s):
        one = s.consumer("one")
        one.join("six")

    same_story(pair, story, topic)
