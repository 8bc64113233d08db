"""Consumer groups of the classic protocol: members, generations, offsets."""

import threading
import uuid

import pytest

from harness import messages, wire
from harness.broker import AGAINST_KAFKA
from harness.group import SESSION_MS, Client, in_background, subscription
from harness.messages import errors, versions
from harness.wire import Connection


@pytest.fixture
def client(broker, topic):
    with_group = Client(broker, f"{topic}-{uuid.uuid4().hex[:6]}")
    while (
        with_group.coordinate()["ErrorCode"] != errors.NONE
        or with_group.heartbeat(MemberId="x") == errors.NOT_COORDINATOR
    ):
        assert AGAINST_KAFKA  # Gregor is ready when it answers
    yield with_group
    with_group.close()


@pytest.fixture
def another(broker, client):
    clients = []

    def make():
        clients.append(Client(broker, client.group))
        return clients[-1]

    yield make
    for c in clients:
        c.close()


@pytest.fixture
def a_topic(client, topic):
    wire.make_topic(client.connection, topic, 2)
    return topic


# ---- FindCoordinator ------------------------------------------------------


@pytest.mark.parametrize("version", versions["FindCoordinator"])
def test_a_group_has_a_coordinator(broker, client, version):
    if version >= 4:
        values = {"KeyType": 0, "CoordinatorKeys": ["one", "two"]}
        found = client.ask("FindCoordinator", values, version)["Coordinators"]
        assert [c["Key"] for c in found] == ["one", "two"]
    else:
        found = [client.ask("FindCoordinator", {"Key": "one"}, version)]
    for coordinator in found:
        assert coordinator["ErrorCode"] == errors.NONE
        assert (coordinator["Host"], coordinator["Port"]) == broker.address


# ---- joining --------------------------------------------------------------


@pytest.mark.parametrize("version", versions["JoinGroup"])
def test_a_member_joins_and_is_assigned(client, version):
    joined = client.join(version)
    assert joined["ErrorCode"] == errors.NONE
    assert joined["Leader"] == joined["MemberId"] == client.member
    assert joined["GenerationId"] == 1
    assert joined["ProtocolName"] == "range"
    assert [m["MemberId"] for m in joined["Members"]] == [client.member]
    assert joined["Members"][0]["Metadata"] == subscription("t")
    assert client.state() == "CompletingRebalance"
    for sync_version in versions["SyncGroup"]:
        synced = client.sync({client.member: b"mine"}, sync_version)
        assert synced["ErrorCode"] == errors.NONE
        assert synced["Assignment"] == b"mine"
    assert client.state() == "Stable"
    for heartbeat_version in versions["Heartbeat"]:
        assert client.heartbeat(heartbeat_version) == errors.NONE


def test_a_member_gets_its_id_before_it_joins(client):
    values = {
        "GroupId": client.group,
        "SessionTimeoutMs": SESSION_MS,
        "RebalanceTimeoutMs": 3000,
        "ProtocolType": "consumer",
        "Protocols": [{"Name": "range", "Metadata": b""}],
    }
    answer = client.ask("JoinGroup", values)
    assert answer["ErrorCode"] == errors.MEMBER_ID_REQUIRED
    name, _, number = answer["MemberId"].partition("-")
    assert name and uuid.UUID(number)
    assert client.state() == "Empty"


@pytest.mark.parametrize(
    "values, error",
    [
        ({"GroupId": ""}, "INVALID_GROUP_ID"),
        ({"SessionTimeoutMs": 5999}, "INVALID_SESSION_TIMEOUT"),
        ({"SessionTimeoutMs": 1800001}, "INVALID_SESSION_TIMEOUT"),
        ({"MemberId": "nobody"}, "UNKNOWN_MEMBER_ID"),
        ({"ProtocolType": ""}, "INCONSISTENT_GROUP_PROTOCOL"),
        ({"Protocols": []}, "INCONSISTENT_GROUP_PROTOCOL"),
    ],
)
def test_who_may_not_join(client, values, error):
    answer = client.join(**values)
    assert answer["ErrorCode"] == getattr(errors, error)
    assert answer["GenerationId"] == -1


def test_a_protocol_that_nobody_else_supports(client, another):
    client.become_stable()
    other = another()
    assert (
        other.join(protocols=["roundrobin"])["ErrorCode"]
        == errors.INCONSISTENT_GROUP_PROTOCOL
    )
    assert (
        other.join(ProtocolType="connect")["ErrorCode"]
        == errors.INCONSISTENT_GROUP_PROTOCOL
    )


def test_a_second_member_makes_the_first_join_again(client, another):
    client.become_stable()
    other = another()
    second = in_background(other.join)
    while client.heartbeat() == errors.NONE:
        pass
    assert client.heartbeat() == errors.REBALANCE_IN_PROGRESS
    assert client.state() == "PreparingRebalance"
    assert client.sync()["ErrorCode"] == errors.REBALANCE_IN_PROGRESS
    first = client.join()
    assert first["GenerationId"] == second()["GenerationId"] == 2
    assert first["Leader"] == second()["Leader"] == client.member
    assert {m["MemberId"] for m in first["Members"]} == {client.member, other.member}
    assert second()["Members"] == []
    follower = in_background(other.sync)
    shares = {client.member: b"left", other.member: b"right"}
    assert client.sync(shares)["Assignment"] == b"left"
    assert follower()["Assignment"] == b"right"


def test_the_protocol_with_the_most_votes_wins(client, another):
    client.join(protocols=["range", "sticky", "own"])
    client.sync({})
    other = another()
    joined = in_background(lambda: other.join(protocols=["sticky", "range"]))
    while client.heartbeat() == errors.NONE:
        pass
    assert client.join(protocols=["sticky", "range"])["ProtocolName"] == "sticky"
    assert joined()["ProtocolName"] == "sticky"


def test_generation_and_member_are_checked(client):
    client.become_stable()
    assert client.heartbeat(GenerationId=7) == errors.ILLEGAL_GENERATION
    assert client.heartbeat(MemberId="x") == errors.UNKNOWN_MEMBER_ID
    assert client.heartbeat(GroupId="") == errors.INVALID_GROUP_ID
    assert client.sync(GenerationId=7)["ErrorCode"] == errors.ILLEGAL_GENERATION
    assert client.sync(MemberId="x")["ErrorCode"] == errors.UNKNOWN_MEMBER_ID
    for wrong in {"ProtocolType": "x"}, {"ProtocolName": "x"}, {"ProtocolName": None}:
        answer = client.sync(**wrong)
        assert answer["ErrorCode"] == errors.INCONSISTENT_GROUP_PROTOCOL


def test_a_member_that_joins_again_without_change_disturbs_nobody(client, another):
    client.become_stable()
    other = another()
    joined = in_background(other.join)
    while client.heartbeat() == errors.NONE:
        pass
    client.join()
    joined()
    client.sync({})
    other.sync()
    assert other.join()["GenerationId"] == 2
    assert client.heartbeat() == errors.NONE


@pytest.mark.parametrize("version", versions["LeaveGroup"])
def test_the_last_member_leaves_an_empty_group(client, version):
    client.become_stable()
    left = client.leave(version)
    assert left["ErrorCode"] == errors.NONE
    if version >= 3:
        assert [m["ErrorCode"] for m in left["Members"]] == [errors.NONE]
    assert client.heartbeat() == errors.UNKNOWN_MEMBER_ID
    assert client.state() == "Empty"
    again = client.leave(version)
    error = again["Members"][0]["ErrorCode"] if version >= 3 else again["ErrorCode"]
    assert error == errors.UNKNOWN_MEMBER_ID


def test_who_does_not_join_again_in_time_is_out(client, another):
    client.become_stable()
    other = another()
    joined = other.join()  # waits for the rebalance time-out of the first, 3 s
    assert joined["ErrorCode"] == errors.NONE
    assert [m["MemberId"] for m in joined["Members"]] == [other.member]
    assert client.heartbeat() == errors.UNKNOWN_MEMBER_ID


def test_a_client_that_goes_away_while_it_waits_stays_a_member(client, another):
    client.become_stable()
    gone = another()
    values = {
        "GroupId": client.group,
        "SessionTimeoutMs": SESSION_MS,
        "RebalanceTimeoutMs": 3000,
        "ProtocolType": "consumer",
        "Protocols": [{"Name": "range", "Metadata": subscription("t")}],
    }
    messages.send(gone.connection, "JoinGroup", 3, values)
    while client.heartbeat() == errors.NONE:
        pass
    gone.close()
    joined = client.join()
    assert joined["GenerationId"] == 2
    assert len(joined["Members"]) == 2
    assert client.sync({})["ErrorCode"] == errors.NONE


# ---- static members -------------------------------------------------------


def test_a_static_member_comes_back_without_a_rebalance(client, another):
    client.join(GroupInstanceId="one")
    client.sync({client.member: b"mine"}, GroupInstanceId="one")
    again = another()
    joined = again.join(GroupInstanceId="one")
    assert joined["ErrorCode"] == errors.NONE
    assert joined["GenerationId"] == client.generation
    assert joined["SkipAssignment"] is True
    assert again.member != client.member
    synced = again.sync(GroupInstanceId="one")
    assert synced["Assignment"] == b"mine"
    fenced = errors.FENCED_INSTANCE_ID
    assert client.heartbeat(GroupInstanceId="one") == fenced
    assert client.sync(GroupInstanceId="one")["ErrorCode"] == fenced
    assert client.join(GroupInstanceId="one")["ErrorCode"] == fenced
    assert client.leave(GroupInstanceId="one")["Members"][0]["ErrorCode"] == fenced


def test_a_static_member_leaves_by_its_instance(client):
    client.join(GroupInstanceId="one")
    client.sync({}, GroupInstanceId="one")
    gone = client.leave(MemberId="", GroupInstanceId="one")["Members"][0]
    assert gone["ErrorCode"] == errors.NONE
    assert client.state() == "Empty"


# ---- offsets --------------------------------------------------------------


@pytest.mark.parametrize("version", versions["OffsetCommit"])
def test_offsets_are_committed_without_being_a_member(client, a_topic, version):
    if version >= 10:
        topics = [
            {
                "TopicId": client.topic_id(a_topic),
                "Partitions": [{"PartitionIndex": 0, "CommittedOffset": version}],
            }
        ]
        assert client.commit(a_topic, 0, version, Topics=topics) == errors.NONE
    else:
        assert client.commit(a_topic, version, version) == errors.NONE
    assert client.committed(a_topic) == (errors.NONE, version, "")
    assert client.committed(a_topic, 1) == (errors.NONE, -1, "")
    assert client.state() == "Empty"


@pytest.mark.parametrize("version", versions["OffsetFetch"])
def test_offsets_in_every_version(client, a_topic, version):
    client.commit(a_topic, 5, metadata="five")
    named = {"Name": a_topic, "PartitionIndexes": [0]}
    if version >= 10:
        named["TopicId"] = client.topic_id(a_topic)
    for topics in [named], None:
        if topics is None and version < 2:
            continue
        if version >= 8:
            found = client.fetch(topics, version)
        else:
            values = {"GroupId": client.group, "Topics": topics}
            found = client.ask("OffsetFetch", values, version)
        (t,) = found["Topics"]
        (p,) = t["Partitions"]
        assert found.get("ErrorCode", errors.NONE) == p["ErrorCode"] == errors.NONE
        assert (p["CommittedOffset"], p["Metadata"]) == (5, "five")


def test_an_unknown_topic_is_no_obstacle(client, a_topic):
    assert client.commit("none", 1) == errors.UNKNOWN_TOPIC_OR_PARTITION
    no_partition = client.commit(a_topic, 1, partition=2)
    assert no_partition == errors.UNKNOWN_TOPIC_OR_PARTITION
    unknown = {"TopicId": uuid.uuid4(), "Partitions": [{"PartitionIndex": 0}]}
    assert client.commit("", 1, 10, Topics=[unknown]) == errors.UNKNOWN_TOPIC_ID
    found = client.fetch([{"TopicId": unknown["TopicId"], "PartitionIndexes": [0]}], 10)
    assert found["Topics"][0]["Partitions"][0]["ErrorCode"] == errors.UNKNOWN_TOPIC_ID


def test_metadata_has_a_limit(client, a_topic):
    assert client.commit(a_topic, 1, metadata="ä" * 4096) == errors.NONE
    too_long = client.commit(a_topic, 2, metadata="a" * 4097)
    assert too_long == errors.OFFSET_METADATA_TOO_LARGE
    assert client.committed(a_topic)[1] == 1


def test_who_may_commit(client, another, a_topic):
    stranger = another()
    stranger.generation = 3
    assert stranger.commit(a_topic, 1) == errors.GROUP_ID_NOT_FOUND
    assert stranger.commit(a_topic, 1, 8) == errors.ILLEGAL_GENERATION
    client.join()
    assert client.commit(a_topic, 1) == errors.REBALANCE_IN_PROGRESS
    client.sync({})
    assert client.commit(a_topic, 1) == errors.NONE
    assert stranger.commit(a_topic, 1) == errors.UNKNOWN_MEMBER_ID
    stranger.member, stranger.generation = client.member, 9
    assert stranger.commit(a_topic, 1) == errors.ILLEGAL_GENERATION
    stranger.member, stranger.generation = "", -1
    assert stranger.commit(a_topic, 1) == errors.UNKNOWN_MEMBER_ID


def test_deleting_offsets(client, a_topic):
    client.join(topics=[a_topic])
    client.sync({})
    client.commit(a_topic, 4)
    values = {
        "GroupId": client.group,
        "Topics": [
            {"Name": a_topic, "Partitions": [{"PartitionIndex": 0}]},
            {"Name": "none", "Partitions": [{"PartitionIndex": 0}]},
        ],
    }

    def delete():
        answer = client.ask("OffsetDelete", values)
        assert answer["ErrorCode"] == errors.NONE
        topics = {t["Name"]: t["Partitions"] for t in answer["Topics"]}
        assert topics["none"][0]["ErrorCode"] == errors.UNKNOWN_TOPIC_OR_PARTITION
        return topics[a_topic][0]["ErrorCode"]

    assert delete() == errors.GROUP_SUBSCRIBED_TO_TOPIC
    assert client.committed(a_topic)[1] == 4
    client.leave()
    assert delete() == errors.NONE
    assert client.committed(a_topic)[1] == -1
    missing = client.ask("OffsetDelete", {**values, "GroupId": "no such group"})
    assert missing["ErrorCode"] == errors.GROUP_ID_NOT_FOUND


def test_a_deleted_topic_takes_its_offsets_along(client, a_topic):
    client.commit(a_topic, 4)
    wire.delete_topic(client.connection, a_topic)
    wire.make_topic(client.connection, a_topic)
    assert client.committed(a_topic) == (errors.NONE, -1, "")


# ---- groups ---------------------------------------------------------------


@pytest.mark.parametrize("version", versions["DescribeGroups"])
def test_a_group_described(client, version):
    client.become_stable()
    found = client.describe(version)
    assert found["ErrorCode"] == errors.NONE
    assert found["GroupState"] == "Stable"
    assert (found["ProtocolType"], found["ProtocolData"]) == ("consumer", "range")
    (member,) = found["Members"]
    assert member["MemberId"] == client.member
    assert member["ClientHost"] == "/127.0.0.1"
    assert member["MemberMetadata"] == subscription("t")
    assert member["MemberAssignment"] == b"all"


@pytest.mark.parametrize("version", versions["DescribeGroups"])
def test_no_such_group(client, version):
    client.group = "no such group"
    found = client.describe(version)
    assert found["GroupState"] == "Dead"
    expected = errors.GROUP_ID_NOT_FOUND if version >= 6 else errors.NONE
    assert found["ErrorCode"] == expected


@pytest.mark.parametrize("version", versions["ListGroups"])
def test_groups_listed(client, a_topic, version):
    client.become_stable()

    def listed(**filters):
        answer = client.ask("ListGroups", filters, version)
        assert answer["ErrorCode"] == errors.NONE
        return {g["GroupId"]: g for g in answer["Groups"]}.get(client.group)

    found = listed()
    assert found["ProtocolType"] == "consumer"
    if version >= 4:
        assert found["GroupState"] == "Stable"
        assert listed(StatesFilter=[" stABLE "]) and not listed(StatesFilter=["Empty"])
    if version >= 5:
        assert found["GroupType"] == "classic"
        assert listed(TypesFilter=["Classic"]) and not listed(TypesFilter=["consumer"])


@pytest.mark.parametrize("version", versions["DeleteGroups"])
def test_groups_are_deleted_when_they_are_empty(client, a_topic, version):
    client.become_stable()
    client.commit(a_topic, 3)

    def delete():
        names = [client.group, "no such group", client.group]
        results = client.ask("DeleteGroups", {"GroupsNames": names}, version)["Results"]
        found = {r["GroupId"]: r["ErrorCode"] for r in results}
        assert len(results) == 2
        assert found["no such group"] == errors.GROUP_ID_NOT_FOUND
        return found[client.group]

    assert delete() == errors.NON_EMPTY_GROUP
    client.leave()
    assert delete() == errors.NONE
    assert client.state() == "Dead"
    assert client.fetch(None)["Topics"] == []


# ---- restarts -------------------------------------------------------------


def test_groups_and_offsets_outlive_a_kill(gregor):
    broker = gregor(topics=["t:2"])
    member = Client(broker, "g")
    alone = Client(broker, "offsets alone")
    assert member.coordinate()["ErrorCode"] == errors.NONE
    member.become_stable()
    for offset in range(50):
        assert member.commit("t", offset) == errors.NONE
        assert alone.commit("t", offset, metadata=f"m{offset}") == errors.NONE
    broker.kill()
    broker.start()
    for client in member, alone:
        client.connection = Connection(broker.address)
        assert client.coordinate()["ErrorCode"] == errors.NONE
    assert member.committed("t")[1] == 49
    assert alone.committed("t") == (errors.NONE, 49, "m49")
    assert member.heartbeat() == errors.NONE
    assert member.sync()["Assignment"] == b"all"
    assert member.leave()["Members"][0]["ErrorCode"] == errors.NONE
    broker.restart()
    member.connection = Connection(broker.address)
    assert member.coordinate()["ErrorCode"] == errors.NONE
    assert member.state() == "Empty"
    assert member.committed("t")[1] == 49


def test_a_stop_does_not_wait_for_members_that_wait(gregor):
    broker = gregor()
    first, second = Client(broker, "g"), Client(broker, "g")
    assert first.coordinate()["ErrorCode"] == errors.NONE
    first.become_stable()
    joined = in_background(second.join)
    while first.heartbeat() == errors.NONE:
        pass
    broker.stop()
    assert joined()["ErrorCode"] == errors.NOT_COORDINATOR


def test_a_group_has_a_largest_size(gregor):
    broker = gregor(settings={"group.max.size": 1})
    first, second = Client(broker, "g"), Client(broker, "g")
    assert first.coordinate()["ErrorCode"] == errors.NONE
    first.become_stable()
    assert second.join()["ErrorCode"] == errors.GROUP_MAX_SIZE_REACHED
    assert first.heartbeat() == errors.NONE


def test_groups_work_where_each_message_is_synced(gregor):
    """Every answer waits then for a sync in the pool."""
    broker = gregor(topics=["t"], settings={"log.flush.interval.messages": 1})
    client = Client(broker, "g")
    assert client.coordinate()["ErrorCode"] == errors.NONE
    client.become_stable()
    for offset in range(20):
        assert client.commit("t", offset) == errors.NONE
        assert client.committed("t")[1] == offset
    broker.kill()
    broker.start()
    client.connection = Connection(broker.address)
    assert client.coordinate()["ErrorCode"] == errors.NONE
    assert client.committed("t")[1] == 19
    assert client.leave()["Members"][0]["ErrorCode"] == errors.NONE


def test_what_was_acknowledged_survives_every_kill(gregor):
    broker = gregor(topics=["t:4"])
    clients = [Client(broker, f"g{i}") for i in range(4)]
    acknowledged = {}
    for round_number in range(8):
        for client in clients:
            client.connection = Connection(broker.address)
            assert client.coordinate()["ErrorCode"] == errors.NONE
            for partition in range(4):
                key = client.group, partition
                found = client.committed("t", partition)[1]
                assert found == acknowledged.get(key, -1), (round_number, key)
        killer = threading.Timer(0.05, broker.kill)
        killer.start()
        try:
            for n in range(1000000):
                client, partition = clients[n % 4], n // 4 % 4
                offset = acknowledged.get((client.group, partition), -1) + 1
                pending = client.group, partition, offset
                assert client.commit("t", offset, partition=partition) == errors.NONE
                acknowledged[client.group, partition] = offset
        except (OSError, wire.Closed):
            pass
        killer.join()
        broker.start()
        # The last one may have been written without being acknowledged.
        group, partition, offset = pending
        probe = Client(broker, group)
        assert probe.coordinate()["ErrorCode"] == errors.NONE
        if probe.committed("t", partition)[1] == offset:
            acknowledged[group, partition] = offset
        probe.close()
    assert len(acknowledged) == 16


def test_offsets_go_when_they_expire(gregor):
    broker = gregor(
        topics=["t:2"], settings={"offsets.retention.check.interval.ms": 20}
    )
    client = Client(broker, "g")
    assert client.coordinate()["ErrorCode"] == errors.NONE
    assert client.commit("t", 7, 4, 0, RetentionTimeMs=600000) == errors.NONE
    assert client.commit("t", 8, 4, 1, RetentionTimeMs=1) == errors.NONE
    while client.committed("t", 1)[1] != -1:
        pass
    assert client.committed("t", 0)[1] == 7
    other = Client(broker, "short")
    assert other.commit("t", 9, 4, RetentionTimeMs=1) == errors.NONE
    while other.state() != "Dead":  # with its last offset the group goes
        pass
    broker.restart()
    client.connection = other.connection = Connection(broker.address)
    assert client.coordinate()["ErrorCode"] == errors.NONE
    assert client.committed("t", 0)[1] == 7
    assert client.committed("t", 1)[1] == -1
    assert other.state() == "Dead"


def test_offsets_of_a_topic_deleted_while_nobody_looked_are_gone(gregor):
    broker = gregor(topics=["t"])
    client = Client(broker, "g")
    assert client.coordinate()["ErrorCode"] == errors.NONE
    assert client.commit("t", 7) == errors.NONE
    broker.restart()
    with Connection(broker.address) as connection:
        wire.delete_topic(connection, "t")
        wire.make_topic(connection, "t")
    client.connection = Connection(broker.address)
    assert client.coordinate()["ErrorCode"] == errors.NONE
    assert client.committed("t") == (errors.NONE, -1, "")
