"""Classic groups, and who coordinates: members hear what Apache Kafka's do.

See harness/story.py for how stories are told and compared.
"""

import uuid

import pytest

from harness.group import in_background
from harness.messages import errors, versions
from harness.story import same_story, within

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
