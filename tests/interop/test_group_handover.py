"""Apache Kafka goes on with Gregor's groups, and Gregor with Kafka's."""

import pytest

from harness import wire
from harness.broker import ApacheKafka, Started
from harness.consumer import Consumer
from harness.group import Client, GroupClient
from harness.kafka import available
from harness.messages import errors

ONE = {"group.consumer.assignment.interval.ms": "0"}


@pytest.fixture
def started(tmp_path_factory):
    why = available()
    if why:
        pytest.skip(why)
    brokers = Started(tmp_path_factory)
    yield brokers
    brokers.close()


def ready(client):
    """Kafka answers while it still loads its groups."""
    while client.coordinate()["ErrorCode"] != errors.NONE or client.describe_consumers()[
        "ErrorCode"
    ] in (errors.NOT_COORDINATOR, errors.COORDINATOR_LOAD_IN_PROGRESS):
        pass
    return client


def fill(broker):
    """Groups of every kind; all members have left but for one that is static."""
    with wire.Connection(broker.address) as connection:
        for topic in "t", "u":
            wire.make_topic(connection, topic, 4)
    one = ready(Consumer(broker, "consumers", "one", ServerAssignor="range"))
    two = ready(Consumer(broker, "consumers", "two", SubscribedTopicRegex="u|t"))
    one.join("t", "u")
    two.join()
    while one.owns() != 4 or two.owns() != 4:
        one.own()
        two.own()
    for partition in range(4):
        assert one.commit("t", 10 + partition, partition=partition) == errors.NONE
    one.leave()
    two.leave()

    old, new = Client(broker, "came down"), Consumer(broker, "came down", "new")
    ready(old).join(topics=["t"])
    old.sync({})
    new.join("t")
    assert old.join(topics=["t"])["ErrorCode"] == errors.NONE
    old.sync()
    assert old.commit("t", 5) == errors.NONE
    new.leave()
    old.leave()

    up = ready(Client(broker, "went up"))
    up.become_stable()
    up.leave()
    Consumer(broker, "went up", "new").join("t")
    Consumer(broker, "went up", "new").leave()

    alone = ready(GroupClient(broker, "offsets alone"))
    assert alone.commit("u", 3, metadata="a note") == errors.NONE


GROUPS = "consumers", "came down", "went up", "offsets alone"


def told(broker):
    """What a broker says of the groups; that, not how members differ, must last."""
    answers = {}
    for group in GROUPS:
        client = ready(GroupClient(broker, group))
        consumers = client.describe_consumers()
        consumers["ErrorMessage"] = classic_message = None
        classic = {**client.describe(), "ErrorMessage": classic_message}
        offsets = {
            (t["Name"], p["PartitionIndex"]): (p["CommittedOffset"], p["Metadata"])
            for t in client.fetch(None)["Topics"]
            for p in t["Partitions"]
        }
        answers[group] = (client.listed(), consumers, classic, offsets)
        client.close()
    return answers


def check(before, after):
    for group in GROUPS:
        assert after[group] == before[group]
    assert before["consumers"][3][("t", 3)] == (13, "")
    assert before["consumers"][1]["GroupState"] == "Empty"
    assert before["went up"][0]["GroupType"] == "consumer"
    assert before["came down"][0]["GroupType"] == "classic"


def goes_on(broker):
    one = ready(Consumer(broker, "consumers", "one"))
    epoch = one.describe_consumers()["GroupEpoch"]
    assert one.join("t")["ErrorCode"] == errors.NONE
    assert one.generation > epoch
    assert one.owns() == 4
    assert one.commit("t", 20) == errors.NONE
    one.leave()


@pytest.mark.timeout(240)
def test_gregors_groups_in_kafka_and_back(started, tmp_path):
    ours = started(settings=ONE)
    fill(ours)
    before = told(ours)
    ours.stop()
    theirs = ApacheKafka(tmp_path, data=ours.data, settings=ONE)
    try:
        theirs.start()
        check(before, told(theirs))
        goes_on(theirs)
        after = told(theirs)
    finally:
        theirs.close()
    ours.start()
    assert told(ours) == after
    goes_on(ours)


@pytest.mark.timeout(240)
def test_kafkas_groups_in_gregor(started, tmp_path):
    theirs = ApacheKafka(tmp_path, settings=ONE)
    try:
        theirs.start()
        fill(theirs)
        before = told(theirs)
    finally:
        theirs.close()
    ours = started(data=theirs.data, settings=ONE)
    check(before, told(ours))
    goes_on(ours)
