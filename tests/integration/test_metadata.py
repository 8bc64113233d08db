"""Metadata: which topics a client is shown, and how."""

import uuid

import pytest

from harness import messages, wire
from harness.broker import AGAINST_KAFKA
from harness.messages import errors
from harness.wire import Connection

VERSIONS = messages.versions["Metadata"]
ALL_TOPIC_OPERATIONS = 0b1101_1111_1000
ALL_CLUSTER_OPERATIONS = 0b1_1111_1010_0000


@pytest.fixture
def connection(broker):
    with Connection(broker.address) as open_connection:
        yield open_connection


def ask(connection, version, names=None, ids=(), create=False, **more):
    """Without names and ids: all topics."""
    topics = [{"Name": name} for name in names or ()]
    topics += [{"Name": None, "TopicId": topic_id} for topic_id in ids]
    if names is None and not ids:
        topics = None if version >= 1 else []
    values = {"Topics": topics, **more}
    if version >= 4:
        values["AllowAutoTopicCreation"] = create
    return messages.ask(connection, "Metadata", version, values)


def by_name(answer):
    found = {topic["Name"]: topic for topic in answer["Topics"]}
    assert len(found) == len(answer["Topics"]), "a topic came twice"
    return found


def codes(answer):
    return {name: topic["ErrorCode"] for name, topic in by_name(answer).items()}


@pytest.mark.parametrize("version", VERSIONS)
def test_a_topic_in_every_version(broker, connection, topic, version):
    wire.make_topic(connection, topic, partitions=3)
    answer = ask(connection, version, [topic])
    host, port = broker.address
    (node,) = answer["Brokers"]
    assert (node["Host"], node["Port"]) == (host, port)
    assert answer.get("ControllerId", node["NodeId"]) == node["NodeId"]
    assert answer.get("ErrorCode", errors.NONE) == errors.NONE
    found = by_name(answer)[topic]
    assert found["ErrorCode"] == errors.NONE
    assert not found.get("IsInternal", False)
    assert found.get("TopicId", True) != messages.NO_ID
    partitions = sorted(found["Partitions"], key=lambda p: p["PartitionIndex"])
    assert [p["PartitionIndex"] for p in partitions] == [0, 1, 2]
    for partition in partitions:
        assert partition["ErrorCode"] == errors.NONE
        assert partition["LeaderId"] == node["NodeId"]
        assert partition["ReplicaNodes"] == [node["NodeId"]]
        assert partition["IsrNodes"] == [node["NodeId"]]
        assert partition.get("OfflineReplicas", []) == []
        assert partition.get("LeaderEpoch", 0) == 0


@pytest.mark.parametrize("version", VERSIONS)
def test_all_topics_in_every_version(connection, topic, version):
    wire.make_topic(connection, f"{topic}-a")
    wire.make_topic(connection, f"{topic}-b", partitions=2)
    found = by_name(ask(connection, version))
    assert len(found[f"{topic}-a"]["Partitions"]) == 1
    assert len(found[f"{topic}-b"]["Partitions"]) == 2


@pytest.mark.parametrize("version", VERSIONS[1:])
def test_an_empty_list_asks_for_none(connection, topic, version):
    wire.make_topic(connection, topic)
    answer = ask(connection, version, [])
    assert answer["Topics"] == []
    assert len(answer["Brokers"]) == 1


@pytest.mark.parametrize("version", VERSIONS[4:])
def test_what_is_missing_or_misnamed_is_said(connection, topic, version):
    wire.make_topic(connection, topic)
    names = [topic, f"{topic}-missing", "b ad", "", "..", topic, f"{topic}-missing"]
    assert codes(ask(connection, version, names)) == {
        topic: errors.NONE,
        f"{topic}-missing": errors.UNKNOWN_TOPIC_OR_PARTITION,
        "b ad": errors.INVALID_TOPIC_EXCEPTION,
        "": errors.INVALID_TOPIC_EXCEPTION,
        "..": errors.INVALID_TOPIC_EXCEPTION,
    }


@pytest.mark.parametrize("version", VERSIONS[12:])
def test_by_topic_id(connection, topic, version):
    wire.make_topic(connection, topic)
    topic_id = by_name(ask(connection, version, [topic]))[topic]["TopicId"]
    unknown = uuid.UUID(int=77)
    answer = ask(connection, version, ids=[topic_id, unknown, topic_id])
    found = by_name(answer)
    assert found[topic]["TopicId"] == topic_id
    assert len(found[topic]["Partitions"]) == 1
    assert found[None]["ErrorCode"] == errors.UNKNOWN_TOPIC_ID
    assert found[None]["TopicId"] == unknown
    assert len(found) == 2


def test_with_one_id_the_names_do_not_count(connection, topic):
    wire.make_topic(connection, topic)
    topic_id = by_name(ask(connection, 12, [topic]))[topic]["TopicId"]
    assert codes(ask(connection, 12, ["other"], [topic_id])) == {topic: errors.NONE}


@pytest.mark.parametrize("version", [10, 11])
def test_ids_are_not_served_where_they_first_appeared(connection, topic, version):
    wire.make_topic(connection, topic)
    answer = ask(connection, version, [topic], ids=[uuid.UUID(int=77)])
    assert codes(answer) == {topic: errors.INVALID_REQUEST, "": errors.INVALID_REQUEST}
    assert answer["Brokers"] == []


@pytest.mark.parametrize("version", VERSIONS[8:])
def test_operations_are_told_to_who_asks(connection, topic, version):
    wire.make_topic(connection, topic)
    names = [topic, f"{topic}-missing"]
    asked = ask(connection, version, names, IncludeTopicAuthorizedOperations=True)
    for found in asked["Topics"]:
        assert found["TopicAuthorizedOperations"] == ALL_TOPIC_OPERATIONS
    for found in ask(connection, version, names)["Topics"]:
        assert found["TopicAuthorizedOperations"] == -(1 << 31)


@pytest.mark.parametrize("version", [8, 9, 10])
def test_operations_on_the_cluster(connection, version):
    asked = ask(connection, version, [], IncludeClusterAuthorizedOperations=True)
    assert asked["ClusterAuthorizedOperations"] == ALL_CLUSTER_OPERATIONS
    not_asked = ask(connection, version, [])
    assert not_asked["ClusterAuthorizedOperations"] == -(1 << 31)


@pytest.mark.parametrize("version", [1, 4, 9, 13])
def test_asking_makes_the_topic(connection, topic, version):
    answer = by_name(ask(connection, version, [topic], create=True))[topic]
    if AGAINST_KAFKA:  # which answers before the topic is there
        assert answer["ErrorCode"] == errors.UNKNOWN_TOPIC_OR_PARTITION
        return
    assert answer["ErrorCode"] == errors.NONE
    assert len(answer["Partitions"]) == 1
    assert wire.produce(connection, topic, 0, wire.batch([b"x"])) == (wire.NONE, 0)


def test_many_are_made_at_once_and_the_rest_is_answered(connection, topic):
    wire.make_topic(connection, topic)
    new = [f"{topic}-{i}" for i in range(10)]
    answer = codes(ask(connection, 9, [topic, "b ad", *new, new[0]], create=True))
    assert answer[topic] == errors.NONE
    assert answer["b ad"] == errors.INVALID_TOPIC_EXCEPTION
    assert len(answer) == 12
    if not AGAINST_KAFKA:
        assert [answer[name] for name in new] == [errors.NONE] * 10


def test_two_clients_that_make_the_same_topic_both_get_it(broker, connection, topic):
    if AGAINST_KAFKA:
        pytest.skip("Kafka answers before the topic is there")
    body = {"Topics": [{"Name": topic}], "AllowAutoTopicCreation": True}
    with Connection(broker.address) as other:
        clients = (connection, other)
        asked = [messages.send(client, "Metadata", 9, body) for client in clients]
        for client, correlation in zip(clients, asked):
            answer = messages.receive(client, "Metadata", 9, correlation)
            assert codes(answer) == {topic: errors.NONE}


def test_a_name_that_collides_is_not_made(connection, topic):
    wire.make_topic(connection, f"{topic}.a")
    answer = ask(connection, 9, [f"{topic}_a"], create=True)
    assert codes(answer)[f"{topic}_a"] != errors.NONE
    assert codes(ask(connection, 9, [f"{topic}_a"]))[f"{topic}_a"] == (
        errors.UNKNOWN_TOPIC_OR_PARTITION
    )


def test_internal_topics_are_marked(connection):
    ask(connection, 9, ["__consumer_offsets"], create=True)
    found = by_name(ask(connection, 9, ["__consumer_offsets"]))
    assert found["__consumer_offsets"]["IsInternal"]


def test_asking_makes_nothing_where_that_is_off(gregor, topic):
    broker = gregor(settings={"auto.create.topics.enable": "false"})
    with Connection(broker.address) as connection:
        answer = ask(connection, 9, [topic], create=True)
        assert codes(answer) == {topic: errors.UNKNOWN_TOPIC_OR_PARTITION}
        assert wire.all_topics(connection) == []


def test_num_partitions_counts_for_what_is_made(gregor, topic):
    broker = gregor(settings={"num.partitions": "7"})
    with Connection(broker.address) as connection:
        answer = ask(connection, 9, [topic], create=True)
        assert len(by_name(answer)[topic]["Partitions"]) == 7
