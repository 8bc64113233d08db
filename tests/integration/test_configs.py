"""Configs: described, altered in both ways, listed, in every version."""

import pytest

from harness import messages, wire
from harness.broker import AGAINST_KAFKA
from harness.messages import errors
from harness.wire import Connection

TOPIC, BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP = 2, 4, 8, 16, 32
SOURCE_TOPIC, SOURCE_DYNAMIC_BROKER, SOURCE_DYNAMIC_DEFAULT = 1, 2, 3
SOURCE_STATIC, SOURCE_DEFAULT, SOURCE_CLIENT_METRICS, SOURCE_GROUP = 4, 5, 7, 8
LONG, LIST, PASSWORD = 5, 7, 9  # types of values
SET, DELETE, APPEND, SUBTRACT = range(4)


# Kafka's broker follows its controller with a delay, and a test would have to wait.
at_once = pytest.mark.skipif(AGAINST_KAFKA, reason="Kafka shows changes later")


@pytest.fixture
def connection(broker):
    with Connection(broker.address) as open_connection:
        yield open_connection


def describe(connection, kind, name, keys=None, version=4, **more):
    resource = {"ResourceType": kind, "ResourceName": name, "ConfigurationKeys": keys}
    answer = messages.ask(
        connection, "DescribeConfigs", version, {"Resources": [resource], **more}
    )
    (result,) = answer["Results"]
    assert (result["ResourceType"], result["ResourceName"]) == (kind, name)
    return result


def entries(connection, kind, name, keys=None, version=4, **more):
    result = describe(connection, kind, name, keys, version, **more)
    assert result["ErrorCode"] == errors.NONE, result["ErrorMessage"]
    found = {entry["Name"]: entry for entry in result["Configs"]}
    assert len(found) == len(result["Configs"]), "a setting came twice"
    return found


def alter(connection, kind, name, changes, version=1, validate_only=False):
    """changes: (key, operation, value); returns the error and its sentence."""
    configs = [
        {"Name": key, "ConfigOperation": operation, "Value": value}
        for key, operation, value in changes
    ]
    resource = {"ResourceType": kind, "ResourceName": name, "Configs": configs}
    answer = messages.ask(
        connection,
        "IncrementalAlterConfigs",
        version,
        {"Resources": [resource], "ValidateOnly": validate_only},
    )
    (result,) = answer["Responses"]
    assert (result["ResourceType"], result["ResourceName"]) == (kind, name)
    return result["ErrorCode"], result["ErrorMessage"]


def set_config(connection, kind, name, key, value):
    assert alter(connection, kind, name, [(key, SET, value)]) == (errors.NONE, None)


def broker_id(connection):
    answer = messages.ask(connection, "DescribeCluster", 2, {})
    return str(answer["Brokers"][0]["BrokerId"])


# -- describing ----------------------------------------------------------------


@pytest.mark.parametrize("version", messages.versions["DescribeConfigs"])
def test_a_topics_settings_with_their_sources(connection, topic, version):
    configs = {"retention.ms": "12345"}
    assert wire.create_topic(connection, topic, configs=configs) == errors.NONE
    found = entries(connection, TOPIC, topic, version=version, IncludeSynonyms=True)
    own, inherited = found["retention.ms"], found["cleanup.policy"]
    assert own["Value"] == "12345"
    assert own["ConfigSource"] == SOURCE_TOPIC
    assert not own["ReadOnly"] and not own["IsSensitive"]
    assert own["Synonyms"][0] == {
        "Name": "retention.ms",
        "Value": "12345",
        "Source": SOURCE_TOPIC,
    }
    assert inherited["Value"] == "delete"
    assert inherited["ConfigSource"] == SOURCE_DEFAULT
    assert inherited["Synonyms"] == [
        {"Name": "log.cleanup.policy", "Value": "delete", "Source": SOURCE_DEFAULT}
    ]
    if version >= 3:
        assert own["ConfigType"] == LONG and inherited["ConfigType"] == LIST
        assert own["Documentation"] is None


def test_a_retention_in_milliseconds_stands_for_one_in_hours(connection, topic):
    assert wire.create_topic(connection, topic) == errors.NONE
    found = entries(connection, TOPIC, topic, ["retention.ms"], IncludeSynonyms=True)
    assert found["retention.ms"]["Value"] == "604800000"
    assert found["retention.ms"]["ConfigSource"] == SOURCE_DEFAULT


def test_only_the_keys_that_are_asked_for(connection, topic):
    assert wire.create_topic(connection, topic) == errors.NONE
    keys = ["segment.bytes", "no.such.key"]
    assert entries(connection, TOPIC, topic, keys).keys() == {"segment.bytes"}
    assert len(entries(connection, TOPIC, topic, [])) > 20


def test_synonyms_only_if_asked_for(connection, topic):
    assert wire.create_topic(connection, topic) == errors.NONE
    found = entries(connection, TOPIC, topic, ["cleanup.policy"])
    assert found["cleanup.policy"]["Synonyms"] == []


def test_topics_that_are_none(connection):
    assert (
        describe(connection, TOPIC, "nowhere")["ErrorCode"]
        == errors.UNKNOWN_TOPIC_OR_PARTITION
    )
    result = describe(connection, TOPIC, "a b")
    assert result["ErrorCode"] == errors.INVALID_TOPIC_EXCEPTION
    assert result["Configs"] == []


def test_this_broker(connection):
    name = broker_id(connection)
    found = entries(connection, BROKER, name, IncludeSynonyms=True)
    assert found["num.partitions"]["Value"] == "1"
    assert found["num.partitions"]["ReadOnly"]
    assert not found["log.cleaner.threads"]["ReadOnly"]
    assert found["ssl.keystore.password"]["IsSensitive"]
    assert found["ssl.keystore.password"]["Value"] is None
    assert found["ssl.keystore.password"]["ConfigType"] == PASSWORD
    assert found["node.id"]["ConfigSource"] in (SOURCE_STATIC, SOURCE_DEFAULT)


def test_brokers_that_are_others(connection):
    result = describe(connection, BROKER, "77")
    assert result["ErrorCode"] == errors.INVALID_REQUEST
    assert result["ErrorMessage"].endswith("or empty string, but received 77")
    result = describe(connection, BROKER, "me")
    assert result["ErrorMessage"] == "Broker id must be an integer, but it is: me"
    result = describe(connection, BROKER_LOGGER, "")
    assert result["ErrorMessage"] == "Broker id must not be empty"


def test_groups_and_client_metrics_without_a_name(connection):
    result = describe(connection, GROUP, "")
    assert result["ErrorCode"] == errors.INVALID_REQUEST
    assert result["ErrorMessage"] == "Group name must not be empty"
    result = describe(connection, CLIENT_METRICS, "")
    missing = "Client metrics subscription name must not be empty"
    assert result["ErrorMessage"] == missing


def test_a_group_takes_its_defaults_from_the_broker(connection, topic):
    set_config(connection, GROUP, topic, "consumer.session.timeout.ms", "50000")
    found = entries(connection, GROUP, topic, IncludeSynonyms=True)
    own = found["consumer.session.timeout.ms"]
    assert (own["Value"], own["ConfigSource"]) == ("50000", SOURCE_GROUP)
    assert [s["Name"] for s in own["Synonyms"]] == [
        "consumer.session.timeout.ms",
        "group.consumer.session.timeout.ms",
    ]
    assert found["share.auto.offset.reset"]["Value"] == "latest"
    assert found["share.auto.offset.reset"]["ConfigSource"] == SOURCE_DEFAULT


def test_client_metrics_show_what_is_set_and_the_defaults(connection, topic):
    set_config(connection, CLIENT_METRICS, topic, "interval.ms", "1000")
    found = entries(connection, CLIENT_METRICS, topic, IncludeSynonyms=True)
    assert found.keys() == {"interval.ms", "metrics", "match"}
    assert found["interval.ms"]["Value"] == "1000"
    assert found["interval.ms"]["ConfigSource"] == SOURCE_CLIENT_METRICS
    assert found["metrics"]["ConfigSource"] == SOURCE_DEFAULT
    assert found["metrics"]["Synonyms"] == []


# -- altering ------------------------------------------------------------------


@at_once
@pytest.mark.parametrize("version", messages.versions["IncrementalAlterConfigs"])
def test_a_change_is_seen_at_once(connection, topic, version):
    assert wire.create_topic(connection, topic) == errors.NONE
    changes = [("retention.ms", SET, "5"), ("cleanup.policy", APPEND, "compact")]
    assert alter(connection, TOPIC, topic, changes, version) == (errors.NONE, None)
    found = entries(connection, TOPIC, topic)
    assert found["retention.ms"]["Value"] == "5"
    assert found["cleanup.policy"]["Value"] == "delete,compact"
    changes = [("retention.ms", DELETE, None), ("cleanup.policy", SUBTRACT, "delete")]
    assert alter(connection, TOPIC, topic, changes, version) == (errors.NONE, None)
    found = entries(connection, TOPIC, topic)
    assert found["retention.ms"]["ConfigSource"] == SOURCE_DEFAULT
    assert found["cleanup.policy"]["Value"] == "compact"


@at_once
@pytest.mark.parametrize("version", messages.versions["AlterConfigs"])
def test_the_old_way_replaces_all(connection, topic, version):
    configs = {"segment.ms": "600000"}
    assert wire.create_topic(connection, topic, configs=configs) == errors.NONE
    resource = {
        "ResourceType": TOPIC,
        "ResourceName": topic,
        "Configs": [{"Name": "retention.ms", "Value": "5"}],
    }
    asked = {"Resources": [resource]}
    answer = messages.ask(connection, "AlterConfigs", version, asked)
    assert answer["Responses"][0]["ErrorCode"] == errors.NONE
    found = entries(connection, TOPIC, topic)
    assert found["retention.ms"]["Value"] == "5"
    assert found["segment.ms"]["ConfigSource"] == SOURCE_DEFAULT


def test_what_is_refused(connection, topic):
    assert wire.create_topic(connection, topic) == errors.NONE

    def code(kind, name, *changes):
        return alter(connection, kind, name, changes)[0]

    set_it = ("retention.ms", SET, "5")
    assert code(TOPIC, topic, ("retention.ms", SET, "soon")) == errors.INVALID_CONFIG
    assert code(TOPIC, topic, ("no.such.key", SET, "1")) == errors.INVALID_CONFIG
    assert code(TOPIC, topic, ("retention.ms", APPEND, "1")) == errors.INVALID_CONFIG
    assert code(TOPIC, topic, set_it, set_it) == errors.INVALID_REQUEST
    assert code(TOPIC, topic, ("retention.ms", SET, None)) == errors.INVALID_REQUEST
    assert code(TOPIC, "nowhere", set_it) == errors.UNKNOWN_TOPIC_OR_PARTITION
    assert code(TOPIC, "", set_it) == errors.INVALID_REQUEST
    for kind, name, change in (
        (BROKER, "77", ("log.cleaner.threads", SET, "1")),
        (BROKER, "", ("log.dirs", SET, "/x")),
        (GROUP, "", ("consumer.session.timeout.ms", SET, "1")),
        (CLIENT_METRICS, "m", ("interval.ms", SET, "1")),
        (77, "x", set_it),
    ):
        assert code(kind, name, change) == errors.INVALID_REQUEST
    found = entries(connection, TOPIC, topic)
    assert found["retention.ms"]["ConfigSource"] == SOURCE_DEFAULT


def test_validate_only_changes_nothing(connection, topic):
    assert wire.create_topic(connection, topic) == errors.NONE
    change = [("retention.ms", SET, "5")]
    result = alter(connection, TOPIC, topic, change, validate_only=True)
    assert result == (errors.NONE, None)
    assert entries(connection, TOPIC, topic)["retention.ms"]["Value"] == "604800000"


@at_once
def test_the_default_of_all_brokers(connection):
    name = broker_id(connection)
    set_config(connection, BROKER, "", "log.retention.ms", "777000")
    found = entries(connection, BROKER, "", IncludeSynonyms=True)
    assert found["log.retention.ms"]["ConfigSource"] == SOURCE_DYNAMIC_DEFAULT
    assert found["log.retention.ms"]["Value"] == "777000"
    found = entries(connection, BROKER, name, ["log.retention.ms"])
    assert found["log.retention.ms"]["ConfigSource"] == SOURCE_DYNAMIC_DEFAULT
    delete = [("log.retention.ms", DELETE, None)]
    assert alter(connection, BROKER, "", delete) == (errors.NONE, None)
    assert "log.retention.ms" not in entries(connection, BROKER, "")


@at_once
def test_a_brokers_own_setting_wins(connection):
    name = broker_id(connection)
    set_config(connection, BROKER, "", "log.cleaner.threads", "2")
    set_config(connection, BROKER, name, "log.cleaner.threads", "1")
    found = entries(connection, BROKER, name, IncludeSynonyms=True)
    threads = found["log.cleaner.threads"]
    assert threads["Value"] == "1"
    assert [s["Source"] for s in threads["Synonyms"]] == [
        SOURCE_DYNAMIC_BROKER,
        SOURCE_DYNAMIC_DEFAULT,
        SOURCE_DEFAULT,
    ]


# -- listing -------------------------------------------------------------------


def resources(connection, version, kinds):
    answer = messages.ask(
        connection, "ListConfigResources", version, {"ResourceTypes": kinds}
    )
    assert answer["ErrorCode"] == errors.NONE
    listed = answer["ConfigResources"]
    return {(r["ResourceType"], r["ResourceName"]) for r in listed}


def test_resources_are_listed_by_type(connection, topic):
    assert wire.create_topic(connection, topic) == errors.NONE
    group, metrics = f"{topic}-group", f"{topic}-metrics"
    set_config(connection, GROUP, group, "consumer.session.timeout.ms", "50000")
    set_config(connection, CLIENT_METRICS, metrics, "interval.ms", "1000")
    name = broker_id(connection)
    everything = resources(connection, 1, [])
    assert {
        (TOPIC, topic),
        (GROUP, group),
        (CLIENT_METRICS, metrics),
        (BROKER, name),
        (BROKER_LOGGER, name),
    } <= everything
    only_groups = resources(connection, 1, [GROUP])
    assert {kind for kind, _ in only_groups} == {GROUP}
    old = messages.ask(connection, "ListConfigResources", 0, {})
    names = {r["ResourceName"] for r in old["ConfigResources"]}
    assert metrics in names and topic not in names


def test_types_that_are_none_are_not_listed(connection):
    asked = {"ResourceTypes": [77]}
    answer = messages.ask(connection, "ListConfigResources", 1, asked)
    assert answer["ErrorCode"] == errors.UNSUPPORTED_VERSION
    assert answer["ConfigResources"] == []


@pytest.mark.skipif(AGAINST_KAFKA, reason="of Gregor alone")
def test_altered_settings_are_there_after_a_restart(broker, topic):
    with Connection(broker.address) as connection:
        assert wire.create_topic(connection, topic) == errors.NONE
        set_config(connection, TOPIC, topic, "retention.ms", "5")
    broker.stop()
    broker.start()
    with Connection(broker.address) as connection:
        assert entries(connection, TOPIC, topic)["retention.ms"]["Value"] == "5"
