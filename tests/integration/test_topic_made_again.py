"""A topic that is deleted and made again at once shares nothing but the name."""

import uuid

from harness import messages, wire
from harness.messages import errors
from harness.wire import Connection, batch, produce

FETCH_BY_NAME, FETCH_BY_ID = 12, 17


def topic_id(connection, topic):
    answer = messages.ask(connection, "Metadata", 12, {"Topics": [{"Name": topic}]})
    (found,) = answer["Topics"]
    assert found["ErrorCode"] == errors.NONE
    return found["TopicId"]


def make_again(broker, topic):
    """Without a pause, over a connection of its own."""
    with Connection(broker.address) as connection:
        assert wire.delete_topic(connection, topic) == wire.NONE
        assert wire.create_topic(connection, topic) == wire.NONE


def fetch(connection, version, name=None, id=None, session=(0, 0), offset=0, **more):
    """name or id: what is asked for; neither: what the session holds."""
    topics = []
    if name is not None or id is not None:
        wanted = {"Partition": 0, "FetchOffset": offset, "PartitionMaxBytes": 1 << 20}
        named = {"Topic": name} if id is None else {"TopicId": id}
        topics = [{**named, "Partitions": [wanted]}]
    return messages.ask(
        connection,
        "Fetch",
        version,
        {
            "MinBytes": 1,
            "MaxWaitMs": 0,
            "SessionId": session[0],
            "SessionEpoch": session[1],
            "Topics": topics,
            **more,
        },
    )


def only(answer):
    assert answer["ErrorCode"] == errors.NONE
    (topic,) = answer["Responses"]
    (partition,) = topic["Partitions"]
    return partition


def test_it_has_another_id_and_none_of_the_data(gregor):
    broker = gregor(topics=["t"])
    with Connection(broker.address) as connection:
        ids = [topic_id(connection, "t")]
        for round in range(5):
            for i in range(3):
                old = batch([b"of round %d" % round])
                assert produce(connection, "t", 0, old) == (wire.NONE, i)
            make_again(broker, "t")
            assert wire.fetch(connection, "t", 0, 0) == (wire.NONE, 0, b"")
            assert wire.fetch(connection, "t", 0, 3)[0] == wire.OFFSET_OUT_OF_RANGE
            ids.append(topic_id(connection, "t"))
        assert len(set(ids)) == 6 and uuid.UUID(int=0) not in ids
        for old_id in ids[:-1]:
            gone = only(fetch(connection, FETCH_BY_ID, id=old_id))
            assert gone["ErrorCode"] == errors.UNKNOWN_TOPIC_ID


def test_a_session_by_name_goes_on_with_the_new_one(gregor):
    broker = gregor(topics=["t"])
    with Connection(broker.address) as connection:
        assert produce(connection, "t", 0, batch([b"old"])) == (wire.NONE, 0)
        first = fetch(connection, FETCH_BY_NAME, name="t")
        assert b"old" in only(first)["Records"]
        session = first["SessionId"]
        assert session != 0
        make_again(broker, "t")
        assert produce(connection, "t", 0, batch([b"new"])) == (wire.NONE, 0)
        second = only(fetch(connection, FETCH_BY_NAME, session=(session, 1)))
        assert b"new" in second["Records"] and b"old" not in second["Records"]


def test_a_session_by_id_learns_that_its_topic_is_gone(gregor):
    broker = gregor(topics=["t"])
    with Connection(broker.address) as connection:
        assert produce(connection, "t", 0, batch([b"old"])) == (wire.NONE, 0)
        first = fetch(connection, FETCH_BY_ID, id=topic_id(connection, "t"))
        assert b"old" in only(first)["Records"]
        session = first["SessionId"]
        make_again(broker, "t")
        assert produce(connection, "t", 0, batch([b"new"])) == (wire.NONE, 0)
        gone = only(fetch(connection, FETCH_BY_ID, session=(session, 1)))
        assert gone["ErrorCode"] == errors.UNKNOWN_TOPIC_ID
        # The client forgets it and asks for the new one, in the same session.
        new_id = topic_id(connection, "t")
        forgotten = [{"TopicId": first["Responses"][0]["TopicId"], "Partitions": [0]}]
        third = fetch(
            connection,
            FETCH_BY_ID,
            id=new_id,
            session=(session, 2),
            ForgottenTopicsData=forgotten,
        )
        assert b"new" in only(third)["Records"]


def test_what_it_holds_survives_a_kill(gregor):
    """The old log's offsets, which files keep by name, are not the new one's."""
    broker = gregor(topics=["t"])
    with Connection(broker.address) as connection:
        for i in range(5):
            assert produce(connection, "t", 0, batch([b"old"])) == (wire.NONE, i)
        partition = {"PartitionIndex": 0, "Offset": 4}
        deleted = messages.ask(
            connection,
            "DeleteRecords",
            2,
            {"TimeoutMs": 30000, "Topics": [{"Name": "t", "Partitions": [partition]}]},
        )
        assert deleted["Topics"][0]["Partitions"][0]["ErrorCode"] == errors.NONE
    broker.restart()  # the checkpoints tell where the log starts
    make_again(broker, "t")
    with Connection(broker.address) as connection:
        assert produce(connection, "t", 0, batch([b"new"])) == (wire.NONE, 0)
    broker.kill()
    broker.start()
    with Connection(broker.address) as connection:
        assert b"new" in wire.fetch_all(connection, "t", 0, 0)
