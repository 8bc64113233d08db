"""Topics come and go at once: no answer before it is true."""

import pytest

from harness import wire
from harness.wire import Connection, batch, produce

INVALID_PARTITIONS, INVALID_CONFIG = 37, 40


@pytest.fixture
def connection(broker):
    with Connection(broker.address) as open_connection:
        yield open_connection


def test_a_topic_serves_once_its_creation_is_answered(connection, topic):
    for i in range(20):
        name = f"{topic}-{i}"
        assert wire.create_topic(connection, name, partitions=3) == wire.NONE
        assert produce(connection, name, 2, batch([b"x"])) == (wire.NONE, 0)
        assert wire.fetch(connection, name, 2, 0)[1] == 1


def test_every_connection_sees_it(broker, connection, topic):
    with Connection(broker.address) as other:
        assert wire.create_topic(connection, topic) == wire.NONE
        assert produce(other, topic, 0, batch([b"x"])) == (wire.NONE, 0)


def test_deleted_and_made_again_at_once_it_is_empty(connection, topic):
    for _ in range(5):
        assert wire.create_topic(connection, topic) == wire.NONE
        assert produce(connection, topic, 0, batch([b"x"])) == (wire.NONE, 0)
        assert wire.delete_topic(connection, topic) == wire.NONE
        code, _ = produce(connection, topic, 0, batch([b"x"]))
        assert code == wire.UNKNOWN_TOPIC_OR_PARTITION


def test_a_fetch_that_waits_on_a_deleted_topic_is_told(broker, connection, topic):
    assert wire.create_topic(connection, topic) == wire.NONE
    body = wire.fetch_body(topic, 0, 0, max_wait_ms=60000, min_bytes=1)
    waiting = connection.send(wire.FETCH, 4, body)
    with Connection(broker.address) as other:
        assert not connection.answered(0.05)
        assert wire.delete_topic(other, topic) == wire.NONE
    code, _, _ = wire.fetch_result(connection.receive(waiting))
    assert code == wire.UNKNOWN_TOPIC_OR_PARTITION


def test_a_name_taken(connection, topic):
    assert wire.create_topic(connection, topic) == wire.NONE
    assert wire.create_topic(connection, topic) == wire.TOPIC_ALREADY_EXISTS


@pytest.mark.parametrize("name", ["", ".", "..", "a b", "ä", "x" * 250, "a/b"])
def test_a_name_that_is_none(connection, name):
    code = wire.create_topic(connection, name)
    assert code == wire.INVALID_TOPIC_EXCEPTION


def test_names_that_differ_in_dot_and_underscore_collide(connection):
    assert wire.create_topic(connection, "colliding.name") == wire.NONE
    code = wire.create_topic(connection, "colliding_name")
    assert code == wire.INVALID_TOPIC_EXCEPTION


def test_no_partitions(connection, topic):
    code = wire.create_topic(connection, topic, partitions=0)
    assert code == INVALID_PARTITIONS


@pytest.mark.parametrize(
    "configs",
    [{"no.such.key": "1"}, {"retention.ms": "soon"}, {"segment.bytes": "-5"}],
)
def test_a_config_that_is_none(connection, topic, configs):
    assert wire.create_topic(connection, topic, configs=configs) == INVALID_CONFIG
    assert topic not in wire.all_topics(connection)


def test_validate_only_makes_nothing(connection, topic):
    assert wire.create_topic(connection, topic, validate_only=True) == wire.NONE
    assert topic not in wire.all_topics(connection)


def test_deleting_what_is_not_there(connection, topic):
    assert wire.delete_topic(connection, topic) == wire.UNKNOWN_TOPIC_OR_PARTITION


def test_metadata_makes_topics_if_it_may(gregor):
    broker = gregor(settings={"num.partitions": 4})
    with Connection(broker.address) as connection:
        wire.metadata(connection, ["made"])
        assert produce(connection, "made", 3, batch([b"x"])) == (wire.NONE, 0)


def test_metadata_makes_no_topics_if_it_may_not(gregor):
    broker = gregor(settings={"auto.create.topics.enable": "false"})
    with Connection(broker.address) as connection:
        code, _ = wire.metadata(connection, ["never"])["never"]
        assert code == wire.UNKNOWN_TOPIC_OR_PARTITION
        assert wire.all_topics(connection) == []


def test_a_deleted_topic_leaves_no_folder(gregor):
    broker = gregor(topics=["kept", "gone:3"])
    with Connection(broker.address) as connection:
        assert wire.delete_topic(connection, "gone") == wire.NONE
    broker.stop()
    broker.topics = ["kept"]
    broker.start()
    broker.stop()
    folders = [f for f in broker.data.iterdir() if f.name.startswith("gone")]
    assert folders == []
