"""DescribeTopicPartitions page by page, DescribeCluster, and partitions that grow."""

import pytest

from harness import messages, wire
from harness.broker import AGAINST_KAFKA
from harness.messages import errors
from harness.wire import Connection

ALL_TOPIC_OPERATIONS = 0b1101_1111_1000
ALL_CLUSTER_OPERATIONS = 0b1_1111_1010_0000
CONTROLLERS = 2
TIMEOUT_MS = 30000


@pytest.fixture
def connection(broker):
    with Connection(broker.address) as open_connection:
        yield open_connection


def describe(connection, names, limit=2000, cursor=None):
    if cursor is not None:
        cursor = {"TopicName": cursor[0], "PartitionIndex": cursor[1]}
    return messages.ask(
        connection,
        "DescribeTopicPartitions",
        0,
        {
            "Topics": [{"Name": name} for name in names],
            "ResponsePartitionLimit": limit,
            "Cursor": cursor,
        },
    )


def shape(answer):
    """[(topic, its partitions)], and the next cursor"""
    topics = [
        (t["Name"], [p["PartitionIndex"] for p in t["Partitions"]])
        for t in answer["Topics"]
    ]
    cursor = answer["NextCursor"]
    return topics, cursor and (cursor["TopicName"], cursor["PartitionIndex"])


def test_a_topic_with_all_it_is(connection, topic):
    assert wire.create_topic(connection, topic, partitions=2) == errors.NONE
    answer = describe(connection, [topic])
    (found,) = answer["Topics"]
    assert found["ErrorCode"] == errors.NONE
    assert found["TopicId"].int != 0
    assert not found["IsInternal"]
    assert found["TopicAuthorizedOperations"] == ALL_TOPIC_OPERATIONS
    for index, partition in enumerate(found["Partitions"]):
        assert partition["ErrorCode"] == errors.NONE
        assert partition["PartitionIndex"] == index
        assert partition["LeaderEpoch"] == 0
        assert partition["ReplicaNodes"] == partition["IsrNodes"]
        assert partition["LeaderId"] in partition["ReplicaNodes"]
        assert partition["EligibleLeaderReplicas"] == []
        assert partition["LastKnownElr"] == []
        assert partition["OfflineReplicas"] == []
    assert answer["NextCursor"] is None


def test_pages_follow_each_other_without_gap(connection, topic):
    a, b, c = f"{topic}-a", f"{topic}-b", f"{topic}-c"
    for name, partitions in ((a, 3), (b, 1), (c, 2)):
        assert wire.create_topic(connection, name, partitions) == errors.NONE
    names = [c, a, b, a]
    assert shape(describe(connection, names, 2)) == ([(a, [0, 1])], (a, 2))
    assert shape(describe(connection, names, 2, (a, 2))) == (
        [(a, [2]), (b, [0])],
        (c, 0),
    )
    assert shape(describe(connection, names, 2, (c, 0))) == ([(c, [0, 1])], None)
    assert shape(describe(connection, names, 0)) == ([(a, [0])], (a, 1))
    assert shape(describe(connection, names)) == (
        [(a, [0, 1, 2]), (b, [0]), (c, [0, 1])],
        None,
    )


def test_all_topics_from_a_cursor_on(connection, topic):
    first, last = f"zz-{topic}-1", f"zz-{topic}-2"
    for name in (first, last):
        assert wire.create_topic(connection, name) == errors.NONE
    everything, cursor = shape(describe(connection, []))
    assert (first, [0]) in everything and (last, [0]) in everything and cursor is None
    assert everything == sorted(everything)
    rest, _ = shape(describe(connection, [], cursor=(last, 0)))
    assert (last, [0]) in rest and (first, [0]) not in rest


def test_topics_that_are_none(connection):
    answer = describe(connection, ["no/name", "nowhere"])
    assert [(t["Name"], t["ErrorCode"]) for t in answer["Topics"]] == [
        ("no/name", errors.INVALID_TOPIC_EXCEPTION),
        ("nowhere", errors.UNKNOWN_TOPIC_OR_PARTITION),
    ]


@pytest.mark.parametrize("cursor", [("elsewhere", 0), ("here", -1)])
def test_cursors_that_cannot_be(connection, cursor):
    answer = describe(connection, ["here"], cursor=cursor)
    assert [t["ErrorCode"] for t in answer["Topics"]] == [errors.INVALID_REQUEST]


@pytest.mark.parametrize("version", messages.versions["DescribeCluster"])
def test_the_cluster(broker, connection, version):
    asked = {"IncludeClusterAuthorizedOperations": True}
    answer = messages.ask(connection, "DescribeCluster", version, asked)
    assert answer["ErrorCode"] == errors.NONE
    assert len(answer["ClusterId"]) == 22
    assert answer["ClusterAuthorizedOperations"] == ALL_CLUSTER_OPERATIONS
    (only,) = answer["Brokers"]
    assert (only["Host"], only["Port"]) == broker.address
    assert answer["ControllerId"] == only["BrokerId"]


@pytest.mark.parametrize("version", [1, 2])
def test_endpoints_of_another_type(connection, version):
    asked = {"EndpointType": CONTROLLERS}
    answer = messages.ask(connection, "DescribeCluster", version, asked)
    assert answer["ErrorCode"] == errors.MISMATCHED_ENDPOINT_TYPE
    answer = messages.ask(connection, "DescribeCluster", version, {"EndpointType": 9})
    assert answer["ErrorCode"] == errors.UNSUPPORTED_ENDPOINT_TYPE


def grow(connection, name, count, version=3, **more):
    topic = {"Name": name, "Count": count, "Assignments": None, **more}
    asked = {"Topics": [topic], "TimeoutMs": TIMEOUT_MS}
    answer = messages.ask(connection, "CreatePartitions", version, asked)
    (result,) = answer["Results"]
    return result["ErrorCode"], result["ErrorMessage"]


@pytest.mark.skipif(AGAINST_KAFKA, reason="Kafka shows changes later")
@pytest.mark.parametrize("version", messages.versions["CreatePartitions"])
def test_a_topic_grows_and_its_new_partitions_serve(connection, topic, version):
    assert wire.create_topic(connection, topic) == errors.NONE
    assert grow(connection, topic, 3, version) == (errors.NONE, None)
    assert wire.produce(connection, topic, 2, wire.batch([b"x"])) == (errors.NONE, 0)


def test_growth_that_cannot_be(connection, topic):
    assert wire.create_topic(connection, topic, partitions=2) == errors.NONE
    assert grow(connection, "nowhere", 3)[0] == errors.UNKNOWN_TOPIC_OR_PARTITION
    assert grow(connection, topic, 2) == (
        errors.INVALID_PARTITIONS,
        "Topic already has 2 partition(s).",
    )
    assert grow(connection, topic, 1) == (
        errors.INVALID_PARTITIONS,
        f"The topic {topic} currently has 2 partition(s); 1 would not be an increase.",
    )
    code, _ = grow(connection, topic, 4, Assignments=[{"BrokerIds": [1]}])
    assert code == errors.INVALID_REPLICA_ASSIGNMENT


# -- topics, in every version ----------------------------------------------------


@pytest.mark.parametrize("version", messages.versions["CreateTopics"])
def test_creation_tells_what_was_made(connection, topic, version):
    new = {
        "Name": topic,
        "NumPartitions": 2,
        "ReplicationFactor": 1,
        "Configs": [{"Name": "retention.ms", "Value": "5"}],
    }
    answer = messages.ask(connection, "CreateTopics", version, {"Topics": [new]})
    (result,) = answer["Topics"]
    assert (result["Name"], result["ErrorCode"]) == (topic, errors.NONE)
    assert result["ErrorMessage"] is None
    if version >= 5:
        configs = {c["Name"]: c for c in result["Configs"]}
        assert configs["retention.ms"]["Value"] == "5"
        assert configs["retention.ms"]["ConfigSource"] == 1
        assert (result["NumPartitions"], result["ReplicationFactor"]) == (2, 1)
    if version >= 7:
        assert result["TopicId"].int != 0


@pytest.mark.parametrize("version", messages.versions["DeleteTopics"])
def test_deletion_in_every_version(connection, topic, version):
    assert wire.create_topic(connection, topic) == errors.NONE
    if version >= 6:
        asked = {"Topics": [{"Name": topic}, {"Name": "nowhere"}]}
    else:
        asked = {"TopicNames": [topic, "nowhere"]}
    asked["TimeoutMs"] = TIMEOUT_MS
    answer = messages.ask(connection, "DeleteTopics", version, asked)
    codes = {r["Name"]: r["ErrorCode"] for r in answer["Responses"]}
    assert codes == {topic: errors.NONE, "nowhere": errors.UNKNOWN_TOPIC_OR_PARTITION}


def test_deletion_by_id(connection, topic):
    assert wire.create_topic(connection, topic) == errors.NONE
    topic_id = describe(connection, [topic])["Topics"][0]["TopicId"]
    asked = {"Topics": [{"Name": None, "TopicId": topic_id}], "TimeoutMs": TIMEOUT_MS}
    answer = messages.ask(connection, "DeleteTopics", 6, asked)
    (result,) = answer["Responses"]
    assert (result["ErrorCode"], result["Name"]) == (errors.NONE, topic)
    answer = messages.ask(connection, "DeleteTopics", 6, asked)
    (result,) = answer["Responses"]
    assert (result["ErrorCode"], result["Name"]) == (errors.UNKNOWN_TOPIC_ID, None)
