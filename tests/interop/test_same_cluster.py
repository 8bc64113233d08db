"""The cluster, its directories and producer ids; requests that no broker knows."""

import struct

import pytest

from harness.compare import Accepted
from harness.messages import OLDER, offered, versions
from harness.wire import Closed, batch

# What Gregor offers so far; ApiVersions is compared within these.
OFFERED = {
    "Produce": 0,
    "Fetch": 1,
    "ListOffsets": 2,
    "Metadata": 3,
    "ApiVersions": 18,
    "CreateTopics": 19,
    "DeleteTopics": 20,
    "DeleteRecords": 21,
    "InitProducerId": 22,
    "OffsetForLeaderEpoch": 23,
    "DescribeConfigs": 32,
    "AlterConfigs": 33,
    "DescribeLogDirs": 35,
    "CreatePartitions": 37,
    "IncrementalAlterConfigs": 44,
    "DescribeCluster": 60,
    "ListConfigResources": 74,
    "DescribeTopicPartitions": 75,
}


def of_these(answer):
    if isinstance(answer, dict):
        answer["ApiKeys"] = [
            k for k in answer["ApiKeys"] if k["ApiKey"] in OFFERED.values()
        ]
    return answer


def older():
    """4.0 gave up what clients of before 2.1 ask; Gregor goes on to serve them."""
    # Compared in this order; see identity() in compare.py.
    for place, api in enumerate(sorted(OFFERED, key=lambda api: repr([OFFERED[api]]))):
        if api in OLDER:
            was, is_now = OLDER[api], versions[api].start
            yield f".ApiKeys[{place}].MinVersion: {was} | {is_now}"


def test_versions(pair):
    asked = {"ClientSoftwareName": "same", "ClientSoftwareVersion": "1.0"}
    but = Accepted(older.__doc__, *older())
    pair.same("ApiVersions", asked, change=of_these, but=but)


def any_offer(answer):
    answer["ApiKeys"] = bool(answer["ApiKeys"])
    return answer


@pytest.mark.parametrize("name", ["", "a b", "-a", "a-", "a.b-c9", "ä", "x" * 300])
def test_who_the_client_says_it_is(pair, name):
    asked = {"ClientSoftwareName": name, "ClientSoftwareVersion": "1.0"}
    pair.same("ApiVersions", asked, only=[3, 4], change=any_offer)
    asked = {"ClientSoftwareName": "same", "ClientSoftwareVersion": name}
    pair.same("ApiVersions", asked, only=[3, 4], change=any_offer)


def raw(side, key, version, body=b"", flexible=False):
    """The bytes behind the correlation id, or that there are none."""
    try:
        correlation = side.connection.send(key, version, body, flexible=flexible)
        reader = side.connection.receive(correlation)
    except Closed:
        side.connect()
        return "closed"
    return reader.data[4:6]


@pytest.mark.parametrize("version", [-1, 5, 99, 32767])
def test_versions_of_a_version_that_is_none(pair, version):
    flexible = version > 4
    one, other = pair.both(lambda side: raw(side, 18, version, flexible=flexible))
    assert one == other == struct.pack(">h", 35)


@pytest.mark.parametrize("api", [a for a in OFFERED if a != "ApiVersions"])
def test_a_version_that_is_none(pair, api):
    key = OFFERED[api]
    for version in offered[api].start - 1, offered[api].stop, 1000:
        one, other = pair.both(lambda side: raw(side, key, version))
        assert one == other, f"{api} {version}"


@pytest.mark.parametrize("key", [-1, 4, 5, 6, 7, 1000, 32767])
def test_an_api_that_is_none(pair, key):
    one, other = pair.both(lambda side: raw(side, key, 0))
    assert one == other


@pytest.mark.parametrize("api", OFFERED)
def test_a_request_cut_short(pair, api):
    key, version = OFFERED[api], versions[api].stop - 1
    one, other = pair.both(lambda side: raw(side, key, version, b"", flexible=True))
    assert one == other


# -- DescribeCluster -------------------------------------------------------------------


@pytest.mark.parametrize("operations", [False, True])
@pytest.mark.parametrize("endpoint", [0, 1, 2, 3, -1])
def test_the_cluster(pair, operations, endpoint):
    asked = {
        "IncludeClusterAuthorizedOperations": operations,
        "EndpointType": endpoint,
    }
    pair.same("DescribeCluster", asked)
    pair.same("DescribeCluster", {**asked, "IncludeFencedBrokers": True}, only=[2])


# -- DescribeLogDirs -------------------------------------------------------------------


def test_directories(pair):
    pair.make("dirs", 2)
    part = {"Index": 1, "Records": batch([b"x" * 500])}
    data = [{"Name": "dirs", "PartitionData": [part]}]
    pair.same("Produce", {"Acks": -1, "TimeoutMs": 9999, "TopicData": data}, [9])
    for wanted in (
        [{"Topic": "dirs", "Partitions": [0, 1]}],
        [{"Topic": "dirs", "Partitions": [1]}],
        [{"Topic": "dirs", "Partitions": [7]}],
        [{"Topic": "dirs", "Partitions": []}],
        [{"Topic": "nobody", "Partitions": [0]}],
        [],
    ):
        pair.same("DescribeLogDirs", {"Topics": wanted})


# -- InitProducerId --------------------------------------------------------------------


def producer(transactional_id=None, timeout=60000, producer_id=-1, epoch=-1):
    return {
        "TransactionalId": transactional_id,
        "TransactionTimeoutMs": timeout,
        "ProducerId": producer_id,
        "ProducerEpoch": epoch,
    }


def test_producer_ids(pair):
    # Kafka may ask for a second try while it reserves its first ids.
    while pair.other.ask("InitProducerId", 4, producer())["ErrorCode"]:
        pass
    pair.one.ask("InitProducerId", 4, producer())
    pair.same("InitProducerId", producer(), change=without_id)
    for timeout in 0, -1, 2**31 - 1:
        pair.same("InitProducerId", producer(timeout=timeout), change=without_id)
    for producer_id, epoch in (5, 0), (5, 3), (-1, 3), (5, -1), (-2, -2), (2**62, 32767):
        asked = producer(producer_id=producer_id, epoch=epoch)
        pair.same("InitProducerId", asked, change=without_id)


def test_an_empty_transactional_id(pair):
    pair.same("InitProducerId", producer(transactional_id=""))


def without_id(answer):
    if isinstance(answer, dict) and answer["ProducerId"] >= 0:
        answer["ProducerId"] = "an id"
    return answer
