"""What settings of groups and of the broker make of consumer groups."""

import pytest

from harness import messages
from harness.broker import free_port
from harness.consumer import Consumer, settle
from harness.group import Client
from harness.messages import errors

DYNAMIC_GROUP_CONFIG, DEFAULT_CONFIG = 8, 5

# What lets a session end within a test.
SHORT = {
    "group.consumer.min.heartbeat.interval.ms": 10,
    "group.consumer.min.session.timeout.ms": 50,
    "group.min.session.timeout.ms": 50,
}


def member(broker, name="one", group="g", **claims):
    made = Consumer(broker, group, name, **claims)
    assert made.coordinate()["ErrorCode"] == errors.NONE
    return made


def gone(client, name):
    members = client.describe_consumers()["Members"]
    return name not in [m["MemberId"] for m in members]


# ---- settings of a group --------------------------------------------------


def test_a_group_has_settings_of_its_own(gregor):
    broker = gregor(topics=["t"])
    one, other = member(broker), member(broker, group="other")
    defaults = one.configured()
    assert {source for _, source in defaults.values()} <= {DEFAULT_CONFIG, 4}
    assert one.configure(heartbeat_interval_ms=7000) == errors.NONE
    name = "consumer.heartbeat.interval.ms"
    assert one.configured()[name] == ("7000", DYNAMIC_GROUP_CONFIG)
    assert other.configured() == defaults
    assert one.join("t")["HeartbeatIntervalMs"] == 7000
    assert other.join("t")["HeartbeatIntervalMs"] == int(defaults[name][0])
    broker.restart()
    one = member(broker)
    assert one.configured()[name] == ("7000", DYNAMIC_GROUP_CONFIG)
    one.join("t")
    assert one.configure(1, heartbeat_interval_ms=None) == errors.NONE
    assert one.configured() == defaults
    assert one.beat()["HeartbeatIntervalMs"] == int(defaults[name][0])


@pytest.mark.parametrize(
    "wrong",
    [
        {"heartbeat_interval_ms": 4999},
        {"heartbeat_interval_ms": 15001},
        {"session_timeout_ms": 44999},
        {"session_timeout_ms": 60001},
        {"assignment_interval_ms": 15001},
        {"assignment_interval_ms": -1},
        {"session_timeout_ms": "soon"},
        {"heartbeat_interval_ms": ""},
    ],
    ids=str,
)
def test_settings_out_of_bounds(gregor, wrong):
    one = member(gregor(options=["--profile", "kafka"], settings=ONE_REPLICA))
    before = one.configured()
    assert one.configure(**wrong) == errors.INVALID_CONFIG
    assert one.configured() == before


ONE_REPLICA = {"offsets.topic.replication.factor": 1}


def test_a_session_as_long_as_the_group_says(gregor):
    broker = gregor(topics=["t:2"], settings=SHORT)
    one, two = member(broker), member(broker, "two")
    assert one.configure(heartbeat_interval_ms=10, assignment_interval_ms=0) == 0
    one.join("t")
    assert one.configure(session_timeout_ms=100) == errors.NONE
    two.join("t")  # which begins its session; the first's is as long as it was
    while not gone(one, "two"):
        assert one.own()["ErrorCode"] == errors.NONE
    while one.owns() != 2:
        assert one.own()["ErrorCode"] == errors.NONE
    refused = two.beat()
    assert refused["ErrorCode"] == errors.UNKNOWN_MEMBER_ID


def test_who_does_not_give_up_its_partitions_in_time_is_fenced(gregor):
    broker = gregor(topics=["t:2"])
    one, two = member(broker), member(broker, "two")
    one.configure(assignment_interval_ms=0)
    one.join("t", RebalanceTimeoutMs=200)
    two.join("t")
    assert one.beat()["Assignment"] is not None
    while two.owns() != 2:  # the first says that it lives, and keeps both
        one.beat()
        assert two.own()["ErrorCode"] == errors.NONE
    assert one.beat()["ErrorCode"] == errors.UNKNOWN_MEMBER_ID


def test_a_pause_between_assignments(gregor):
    broker = gregor(topics=["t:4"])
    one, two = member(broker), member(broker, "two")
    assert one.configure(assignment_interval_ms=15000) == errors.NONE
    one.join("t")
    two.join("t")
    for _ in range(5):
        one.own()
        two.own()
    group = one.describe_consumers()
    assert (group["GroupState"], one.owns(), two.owns()) == ("Assigning", 4, 0)
    assert group["AssignmentEpoch"] < group["GroupEpoch"]
    assert one.configure(assignment_interval_ms=0) == errors.NONE
    settle(one, two)
    assert one.owns() == two.owns() == 2


# ---- settings of the broker -----------------------------------------------


def test_a_group_has_a_largest_size(gregor):
    broker = gregor(topics=["t"], settings={"group.consumer.max.size": 1})
    one, two, old = member(broker), member(broker, "two"), Client(broker, "g")
    assert one.join("t")["ErrorCode"] == errors.NONE
    refused = two.join("t")
    assert refused["ErrorCode"] == errors.GROUP_MAX_SIZE_REACHED
    assert "1" in refused["ErrorMessage"]
    assert old.join(topics=["t"])["ErrorCode"] == errors.GROUP_MAX_SIZE_REACHED
    assert one.beat()["ErrorCode"] == errors.NONE
    assert one.join("t")["ErrorCode"] == errors.NONE, "it is in already"


def test_the_assignors_that_a_broker_offers(gregor):
    broker = gregor(topics=["t:2"], settings={"group.consumer.assignors": "range"})
    one = member(broker)
    refused = one.join("t", ServerAssignor="uniform")
    assert refused["ErrorCode"] == errors.UNSUPPORTED_ASSIGNOR
    assert "range" in refused["ErrorMessage"]
    assert one.join("t")["ErrorCode"] == errors.NONE
    assert one.describe_consumers()["AssignorName"] == "range"


def test_a_broker_of_the_classic_protocol_alone(gregor):
    settings = {"group.coordinator.rebalance.protocols": "classic"}
    broker = gregor(topics=["t"], settings=settings)
    one, old = member(broker), Client(broker, "g")
    assert one.join("t")["ErrorCode"] == errors.UNSUPPORTED_VERSION
    assert one.describe_consumers()["ErrorCode"] == errors.UNSUPPORTED_VERSION
    assert old.join(topics=["t"])["ErrorCode"] == errors.NONE
    assert old.listed()["GroupType"] == "classic"
    assert one.join("t")["ErrorCode"] == errors.UNSUPPORTED_VERSION
    assert old.sync({})["ErrorCode"] == errors.NONE


def test_the_protocol_is_a_feature_of_the_cluster(gregor):
    client = Client(gregor(), "g")
    who = {"ClientSoftwareName": "wire", "ClientSoftwareVersion": "1"}
    answer = client.ask("ApiVersions", who, 3)
    features = {f["Name"]: f["MaxVersionLevel"] for f in answer["FinalizedFeatures"]}
    assert features["group.version"] == 1
    assert key_of("ConsumerGroupHeartbeat") in {k["ApiKey"] for k in answer["ApiKeys"]}


def key_of(api):
    return messages.known()[api + "Request"].key


@pytest.mark.parametrize(
    "policy, up, down",
    [
        ("disabled", False, False),
        ("UPGRADE", True, False),
        ("downgrade", False, True),
        ("bidirectional", True, True),
    ],
)
def test_the_policy_of_migration(gregor, policy, up, down):
    settings = {"group.consumer.migration.policy": policy}
    broker = gregor(topics=["t:2"], settings=settings, port=free_port())
    old, one = Client(broker, "up"), member(broker, group="up")
    old.join(topics=["t"])
    old.sync({})
    joined = one.join("t")
    assert joined["ErrorCode"] == (errors.NONE if up else errors.GROUP_ID_NOT_FOUND)
    assert old.listed()["GroupType"] == ("consumer" if up else "classic")
    assert old.heartbeat() == (errors.REBALANCE_IN_PROGRESS if up else errors.NONE)

    # The other way: a classic member comes to a consumer group in any case.
    old, one = Client(broker, "down"), member(broker, group="down")
    one.join("t")
    assert old.join(topics=["t"])["ErrorCode"] == errors.NONE
    one.leave()
    assert old.listed()["GroupType"] == ("classic" if down else "consumer")
    assert old.join(topics=["t"])["ErrorCode"] == errors.NONE
    assert old.sync({old.member: b"all"})["Assignment"]
    assert old.heartbeat() == errors.NONE
