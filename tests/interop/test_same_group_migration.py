"""Members of both protocols in one group: what they hear is what Apache Kafka says.

See harness/story.py for how stories are told and compared.
"""

import struct
import uuid

import pytest

from harness import wire
from harness.group import assignment, in_background, subscription, topic_partitions
from harness.messages import errors, versions
from harness.story import same_story, within


@pytest.fixture(scope="module")
def topics(pair, coordinated):
    made = pair.make("up", 6), pair.make("down", 2)
    pair.settle()
    return made


COUNTED = "Assignment", "TargetAssignment", "MemberAssignment"


def counts(api, answer):
    """How many partitions of each topic: `range` gives them out in the order of the
    members' ids, and those of classic members are each broker's own."""
    if isinstance(answer, list):
        return [counts(api, item) for item in answer]
    if not isinstance(answer, dict):
        return answer
    return {
        key: count(value) if key in COUNTED else counts(api, value)
        for key, value in answer.items()
    }


def count(assigned):
    if isinstance(assigned, bytes):
        return {t: len(partitions) for t, partitions in assignment(assigned).items()}
    topics = assigned["TopicPartitions"] if assigned else []
    return assigned and {t["TopicId"]: len(t["Partitions"]) for t in topics}


def tell(pair, story, group, **more):
    __tracebackhide__ = True
    same_story(pair, story, group, change=counts, **more)


def by_range(s, name, **claims):
    return s.consumer(name, ServerAssignor="range", **claims)


def classic_member(s, name, version, *topics):
    """Joins, is alone, and is stable."""
    member = s.classic(name)
    member.join(version, topics=topics)
    member.sync({member.member: assigned_to(*topics)})
    return member


def assigned_to(*topics, partitions=(0,)):
    named = [topic_partitions(topic, partitions) for topic in topics]
    return struct.pack(">h", 0) + wire.array(named) + struct.pack(">i", -1)


def rejoin(member, *topics, version=None):
    member.join(version, topics=topics)
    member.sync()


def described(client):
    client.describe_consumers()
    client.describe()
    client.listed()


@pytest.mark.parametrize("names", [["up"], ["up", "down"]], ids=len)
def test_a_classic_group_becomes_a_consumer_group(pair, topics, topic, names):
    def story(s):
        old, new = classic_member(s, "old", s.version, *names), by_range(s, "new")
        old.commit("up", 3)
        new.join(*names)
        described(new)
        old.commit("up", 4)
        old.heartbeat()
        old.sync()
        rejoin(old, *names, version=s.version)
        new.own()
        described(new)
        old.heartbeat()
        new.own()
        old.commit("up", 5)
        old.commit("up", 5, GenerationIdOrMemberEpoch=old.generation + 1)
        old.commit("up", 5, GenerationIdOrMemberEpoch=1)
        new.commit("up", 5, partition=1)
        old.heartbeat(GenerationId=77)
        old.sync(GenerationId=77)
        old.sync(ProtocolName="other")
        old.leave(within("LeaveGroup", s.version))
        described(new)
        new.own()
        new.own()
        described(new)
        new.fetch(None)
        new.leave()
        described(new)

    tell(pair, story, topic, only=versions["JoinGroup"])


def test_a_consumer_group_becomes_a_classic_group(pair, topics, topic):
    def story(s):
        old, new = classic_member(s, "old", s.version, "up"), by_range(s, "new")
        new.join("up")
        old.heartbeat()
        rejoin(old, "up", version=s.version)
        new.own()
        old.heartbeat()
        new.own()
        new.leave()  # the last of its protocol
        described(new)
        old.heartbeat()
        old.describe()
        old.join(s.version, topics=["up"])
        old.sync({old.member: assigned_to("up")})
        old.heartbeat()
        described(new)
        old.leave()
        described(new)

    tell(pair, story, topic, only=versions["JoinGroup"])


def test_a_classic_member_joins_a_consumer_group(pair, topics, topic):
    def story(s):
        new, old = by_range(s, "new"), s.classic("old")
        new.join("up")
        new.own()
        old.join(s.version, topics=["up"])
        old.heartbeat()
        old.sync()
        described(new)
        new.beat()
        new.own()
        old.heartbeat()
        rejoin(old, "up", version=s.version)
        described(new)
        old.heartbeat()
        old.join(s.version, topics=["up", "down"])
        old.sync()
        old.join(s.version, topics=["up", "down"], ProtocolType="connect")
        old.join(s.version, topics=["up"], protocols=["own"])
        old.sync()
        old.join(s.version, Protocols=[])
        old.join(s.version, Protocols=[{"Name": "range", "Metadata": b""}])
        old.join(s.version, Protocols=[{"Name": "range", "Metadata": b"\0\1\0\0"}])
        old.join(s.version, MemberId="nobody")
        old.join(s.version, MemberId="new")
        old.heartbeat(MemberId="new")
        old.sync(MemberId="new")
        old.heartbeat(MemberId="nobody")
        old.heartbeat(GenerationId=0)
        old.leave(within("LeaveGroup", s.version), MemberId="nobody")
        old.leave(within("LeaveGroup", s.version))
        old.heartbeat()
        new.own()
        described(new)

    tell(pair, story, topic, only=versions["JoinGroup"])


def test_a_cooperative_classic_member(pair, topics, topic):
    """Which tells what it owns, and keeps that while it joins again."""

    def join(member, s, owned, generation):
        metadata = subscription(
            "up", version=s.version, owned=owned, generation=generation, rack="here"
        )
        protocols = [{"Name": "cooperative-sticky", "Metadata": metadata}]
        member.join(Protocols=protocols)
        synced = member.sync(ProtocolName="cooperative-sticky")
        return assignment(synced["Assignment"])

    def story(s):
        old, new = s.classic("old"), by_range(s, "new")
        metadata = subscription("up", version=s.version)
        protocols = [{"Name": "cooperative-sticky", "Metadata": metadata}]
        old.join(Protocols=protocols)
        mine = {old.member: assigned_to("up", partitions=range(6))}
        synced = old.sync(mine, ProtocolName="cooperative-sticky")
        owned = assignment(synced["Assignment"])
        new.join("up")
        described(new)
        for _ in range(3):
            old.heartbeat()
            owned = join(old, s, owned, old.generation)
            new.own()
            described(new)

    tell(pair, story, topic, only=range(4))


def test_static_members_change_their_protocol(pair, topics, topic):
    def story(s):
        me = {"GroupInstanceId": "i"}
        old, other = s.classic("old"), s.classic("other")
        new, again = by_range(s, "new", InstanceId="i"), s.classic("again")
        other.join(topics=["up"])
        other.sync({})
        joined = in_background(lambda: old.join(topics=["up"], **me))
        s.until(other, lambda: other.heartbeat() != errors.NONE)
        other.join(topics=["up"])
        joined()
        synced = in_background(lambda: old.sync(**me))
        other.sync({})
        synced()
        # Did it bring no topic, Kafka would keep to what the classic members had, which
        # was nothing. Gregor works out a target whenever a group is upgraded.
        new.join("up", "down")
        described(new)
        old.heartbeat(**me)
        other.heartbeat()
        rejoin(other, "up")
        new.own(InstanceId="i")
        described(new)
        again.join(topics=["up"], **me)
        again.sync(**me)
        described(new)
        new.beat(InstanceId="i")
        other.heartbeat()
        other.join(topics=["up"])

    tell(pair, story, topic)


# Not one that counts more topics than it names: such a JoinGroup Kafka never answers.
@pytest.mark.parametrize("metadata", [b"", b"\0", b"\xff\xff", b"\0\1"])
def test_embedded_subscriptions_that_nobody_can_read(pair, topics, metadata):
    def story(s):
        old, new = s.classic("old"), by_range(s, "new")
        old.join(Protocols=[{"Name": "range", "Metadata": metadata}])
        old.sync({})
        new.join("up")
        described(new)
        old.heartbeat()

    tell(pair, story, f"unread-{uuid.uuid4()}")


def test_user_data_is_no_obstacle(pair, topics, topic):
    """But for assignors that Kafka does not know: they may need it."""

    def story(s):
        old, new = s.classic("old"), by_range(s, "new")
        metadata = subscription("up")[:-4] + struct.pack(">i", 4) + b"user"
        old.join(Protocols=[{"Name": s.version, "Metadata": metadata}])
        old.sync({}, ProtocolName=s.version)
        new.join("up")
        described(new)

    tell(pair, story, topic, only=("range", "own"))


def test_groups_that_cannot_become_consumer_groups(pair, topics, topic):
    def story(s):
        old, new = s.classic("old"), by_range(s, "new")
        old.join(ProtocolType="connect", protocols=["default"])
        new.join("up")
        old.sync({}, ProtocolType="connect", ProtocolName="default")
        new.join("up")
        described(new)
        old.leave()
        new.join("up")  # nobody is there
        described(new)

    tell(pair, story, topic)


def test_empty_groups_take_the_protocol_of_who_comes(pair, topics, topic):
    def story(s):
        alone, new, old = s.client("alone"), by_range(s, "new"), s.classic("old")
        alone.commit("up", 1)
        described(new)
        new.join("up")
        described(new)
        new.leave()
        described(new)
        new.fetch(None)
        old.join(s.version, topics=["up"])
        described(new)
        old.sync({old.member: assigned_to("up")})
        described(new)
        old.fetch(None)
        old.leave()
        described(new)
        new.join("up")
        described(new)

    tell(pair, story, topic, only=versions["JoinGroup"])


def test_a_join_phase_ends_when_a_consumer_comes(pair, topics, topic):
    def story(s):
        old, other, new = s.classic("old"), s.classic("other"), by_range(s, "new")
        old.join(topics=["up"])
        old.sync({old.member: assigned_to("up")})
        joined = in_background(lambda: other.join(topics=["up"]))
        s.until(old, lambda: old.heartbeat() != errors.NONE)
        new.join("up")
        joined()
        described(new)
        old.heartbeat()
        other.heartbeat()
        rejoin(old, "up")
        rejoin(other, "up")
        new.own()
        old.heartbeat()
        described(new)

    tell(pair, story, topic)
