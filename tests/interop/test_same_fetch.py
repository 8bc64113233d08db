"""Fetched records, sizes, waits and sessions: the answers are Apache Kafka's."""

import uuid

import pytest

from harness.compare import Id, Session
from harness.messages import NO_ID
from harness.wire import batch

# Not asked, since Kafka stumbles over it (UNKNOWN_SERVER_ERROR): isolation levels
# but 0 and 1, negative sizes. Of a partition named twice Kafka forgets the first.
NOBODY = uuid.UUID("01234567-89ab-cdef-0123-456789abcdef")
ALL = 1 << 30


def part(number=0, offset=0, size=ALL, epoch=-1, last=-1, start=-1):
    return {
        "Partition": number,
        "FetchOffset": offset,
        "PartitionMaxBytes": size,
        "CurrentLeaderEpoch": epoch,
        "LastFetchedEpoch": last,
        "LogStartOffset": start,
    }


def of(topic, *parts, topic_id=None):
    return {"Topic": topic, "TopicId": topic_id or Id(topic), "Partitions": list(parts)}


def fetch(*topics, wait=0, minimum=0, size=ALL, isolation=0, session=None, **more):
    """`session`: (id, epoch)."""
    session_id, epoch = session or (0, -1)
    return {
        "ReplicaId": -1,
        "MaxWaitMs": wait,
        "MinBytes": minimum,
        "MaxBytes": size,
        "IsolationLevel": isolation,
        "SessionId": session_id,
        "SessionEpoch": epoch,
        "Topics": list(topics),
        **more,
    }


def produce(pair, topic, records, number=0):
    data = [{"Name": topic, "PartitionData": [{"Index": number, "Records": records}]}]
    pair.same("Produce", {"Acks": -1, "TimeoutMs": 9999, "TopicData": data}, [9])


@pytest.fixture(scope="module")
def full(pair):
    """Ten batches of two records in each of two partitions, none in a third."""
    pair.make("full", 3)
    for number in 0, 1:
        for i in range(10):
            produce(pair, "full", batch([b"%d" % i, b"y" * 100]), number)
    return "full"


OFFSETS = [0, 1, 2, 5, 19, 20, 21, -1, -2, 2**63 - 1, -(2**63)]


@pytest.mark.parametrize("offset", OFFSETS)
@pytest.mark.parametrize("isolation", [0, 1])
def test_from_an_offset(pair, full, offset, isolation):
    pair.same("Fetch", fetch(of(full, part(offset=offset)), isolation=isolation))
    pair.same("Fetch", fetch(of(full, part(2, offset)), isolation=isolation))


@pytest.mark.parametrize("size", [0, 1, 100, 180, 360, 400, 1000, ALL, 2**31 - 1])
def test_no_more_than_asked_for(pair, full, size):
    both = part(0), part(1)
    pair.same("Fetch", fetch(of(full, *both), size=size))
    pair.same("Fetch", fetch(of(full, part(0, 3, size), part(1, 4, size))))
    pair.same("Fetch", fetch(of(full, part(1, 3, size), part(0, 4, size)), size=500))
    pair.same("Fetch", fetch(of(full, part(2), part(0, 3, size)), size=size))
    pair.same("Fetch", fetch(of(full, part(1, 20), part(0, 3, size)), size=1))


@pytest.mark.parametrize("minimum", [0, 1, 10_000_000, -1, 2**31 - 1])
def test_waits(pair, full, minimum):
    for wait in 0, 5, -1:
        asked = fetch(of(full, part(0, 18)), wait=wait, minimum=minimum)
        pair.same("Fetch", asked, only=[4, 7, 12, 18])
        asked = fetch(of(full, part(0, 20)), wait=wait, minimum=minimum)
        pair.same("Fetch", asked, only=[4, 7, 12, 18])
        # An error is not waited with.
        asked = fetch(of(full, part(0, 99)), wait=20_000, minimum=minimum)
        pair.same("Fetch", asked, only=[4, 7, 12, 18])


@pytest.mark.parametrize("epoch", [-2, -1, 0, 1, 2**31 - 1])
@pytest.mark.parametrize("last", [-2, -1, 0, 1, 2**31 - 1])
def test_epochs(pair, full, epoch, last):
    for offset in 0, 7, 20, 21:
        asked = of(full, part(0, offset, epoch=epoch, last=last))
        pair.same("Fetch", fetch(asked), only=[9, 11, 12, 15, 18])


def test_what_is_not_there(pair, full):
    for number in 3, -1, 2**31 - 1:
        pair.same("Fetch", fetch(of(full, part(number))))
    for name in "nobody", "", "a b", "__cluster_metadata":
        pair.same("Fetch", fetch(of(name, part(), topic_id=NOBODY)))
        pair.same("Fetch", fetch(of(name, part(), topic_id=NO_ID)))
    nobody = of("nobody", part(), topic_id=NOBODY)
    pair.same("Fetch", fetch(of(full, part(0, 18)), nobody))
    pair.same("Fetch", fetch())
    pair.same("Fetch", fetch(of(full)))


@pytest.mark.parametrize("replica", [-2, 0, 1, 7])
def test_as_a_replica(pair, full, replica):
    state = {"ReplicaId": replica, "ReplicaEpoch": -1}
    asked = fetch(of(full, part(0, 18)), ReplicaId=replica, ReplicaState=state)
    pair.same("Fetch", asked)


def test_racks(pair, full):
    pair.same("Fetch", fetch(of(full, part(0, 18)), RackId="somewhere"))


# -- sessions --------------------------------------------------------------------------

SESSIONS = [7, 11, 12, 13, 14, 17, 18]


@pytest.mark.parametrize("version", SESSIONS)
def test_a_session(pair, topic, version):
    pair.make(topic, 3)

    def ask(*topics, session, **more):
        return pair.same("Fetch", fetch(*topics, session=session, **more), only=[version])

    produce(pair, topic, batch([b"x"]))
    ask(of(topic, part(0), part(1), part(2)), session=(0, 0))
    ask(session=(Session(), 1))  # as before
    ask(of(topic, part(0, 1)), session=(Session(), 2))  # consumed: nothing is new
    ask(session=(Session(), 3))
    produce(pair, topic, batch([b"y"]), 1)
    ask(session=(Session(), 4))
    ask(of(topic, part(1, 1)), session=(Session(), 5))
    forgotten = {"Topic": topic, "TopicId": Id(topic), "Partitions": [0, 2, 9]}
    ask(session=(Session(), 6), ForgottenTopicsData=[forgotten])
    produce(pair, topic, batch([b"z"]), 2)
    ask(session=(Session(), 7))
    ask(of(topic, part(2), part(9)), session=(Session(), 8))
    ask(session=(Session(), 9))
    ask(session=(Session(), 9))  # that epoch is over
    ask(session=(Session(), 11))
    ask(session=(Session(), 10))
    ask(of(topic, part(0, 99)), session=(Session(), 10))
    ask(session=(Session(), 11))
    ask(session=(Session(), 12))
    ask(of(topic, part(0)), session=(Session(), 0))  # a new one in its place
    ask(of(topic, part(0, 0)), session=(Session(), -1))  # ended
    ask(session=(Session(), 1))


@pytest.mark.parametrize("version", SESSIONS)
def test_sessions_that_are_none(pair, topic, version):
    pair.make(topic)
    produce(pair, topic, batch([b"x"]))
    for session in (0, 1), (12345, 1), (-1, 1), (12345, -1), (12345, 0), (0, -2), (0, 5):
        asked = fetch(of(topic, part()), session=session)
        pair.same("Fetch", asked, only=[version])
    pair.same("Fetch", fetch(session=(0, 0)), only=[version])


@pytest.mark.parametrize("version", [7, 12, 13, 18])
def test_a_session_with_strangers(pair, topic, version):
    nobody = of("nobody", part(), topic_id=NOBODY)
    pair.make(topic)

    def ask(*topics, session, **more):
        return pair.same("Fetch", fetch(*topics, session=session, **more), only=[version])

    ask(of(topic, part()), nobody, session=(0, 0))
    ask(session=(Session(), 1))
    produce(pair, topic, batch([b"x"]))
    ask(session=(Session(), 2))
    ask(of(topic, part(4)), session=(Session(), 3))
    ask(session=(Session(), 4))
    if version >= 13:
        return
    # A topic that goes while the session lasts. With ids, Kafka's session still
    # knows the name that the id had and answers UNKNOWN_TOPIC_OR_PARTITION; here it
    # is UNKNOWN_TOPIC_ID, as without a session.
    names = {"Topics": [{"Name": topic}], "TopicNames": [topic], "TimeoutMs": 9999}
    pair.same("DeleteTopics", names, only=[5])
    ask(session=(Session(), 5))
    ask(session=(Session(), 6))
