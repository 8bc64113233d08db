"""What the broker offers, and to whom."""

import pytest

from harness import messages
from harness.messages import errors
from harness.wire import Connection

NAMED = {"ClientSoftwareName": "a-client", "ClientSoftwareVersion": "1.0"}


@pytest.fixture
def connection(broker):
    with Connection(broker.address) as open_connection:
        yield open_connection


def ask(connection, version, values=NAMED):
    return messages.ask(
        connection, "ApiVersions", version, values if version >= 3 else {}
    )


def levels(features):
    return {f["Name"]: f["MaxVersionLevel"] for f in features}


@pytest.mark.parametrize("version", messages.versions["ApiVersions"])
def test_every_version_offers_the_same(connection, version):
    answer = ask(connection, version)
    assert answer["ErrorCode"] == errors.NONE
    assert answer["ApiKeys"] == ask(connection, 0)["ApiKeys"]


def test_each_offer_is_what_kafka_offers_or_did(connection):
    keys = {messages.known()[f"{api}Request"].key: api for api in messages.versions}
    offers = ask(connection, 4)["ApiKeys"]
    assert offers
    for offer in offers:
        offered = range(offer["MinVersion"], offer["MaxVersion"] + 1)
        assert offered == messages.offered[keys[offer["ApiKey"]]]


@pytest.mark.parametrize("text", ["", " ", "a b", "-a", "a-", ".a", "a.", "a_b", "ä"])
@pytest.mark.parametrize("field", NAMED)
@pytest.mark.parametrize("version", [3, 4])
def test_a_client_must_say_well_what_it_is(connection, version, field, text):
    answer = ask(connection, version, {**NAMED, field: text})
    assert answer["ErrorCode"] == errors.INVALID_REQUEST
    assert answer["ApiKeys"] == []


@pytest.mark.parametrize("text", ["a", "7", "a-b.c", "a--b..c", "0.1-rc1"])
def test_what_a_client_may_be_called(connection, text):
    answer = ask(
        connection, 3, {"ClientSoftwareName": text, "ClientSoftwareVersion": text}
    )
    assert answer["ErrorCode"] == errors.NONE


def test_features(connection):
    answer = ask(connection, 4)
    assert levels(answer["FinalizedFeatures"])["metadata.version"] == 30
    assert levels(answer["FinalizedFeatures"])["transaction.version"] == 2
    assert answer["FinalizedFeaturesEpoch"] >= 0
    supported = {f["Name"]: f for f in answer["SupportedFeatures"]}
    assert supported["metadata.version"]["MinVersion"] == 7
    assert supported["kraft.version"]["MinVersion"] == 0


def test_ranges_from_0_are_kept_from_clients_that_cannot_read_them(connection):
    """KAFKA-17492"""
    supported = ask(connection, 3)["SupportedFeatures"]
    assert [f["Name"] for f in supported] == ["metadata.version"]
