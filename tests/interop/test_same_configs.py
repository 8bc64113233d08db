"""Settings described and altered: the answers are Apache Kafka's."""

import pytest

from harness.compare import MARKER, Accepted

# What is meant to differ. Elsewhere in this file nothing may.
NO_OPERATION = Accepted(
    "an operation that is none makes Kafka stumble (UNKNOWN_SERVER_ERROR); it is an "
    "invalid request",
    ".Responses[0].ErrorCode: 42 | -1",
)
# Not asked: AlterConfigs of one resource twice, which Kafka never answers.

TOPIC, BROKER = 2, 4
SET, DELETE, APPEND, SUBTRACT = 0, 1, 2, 3


@pytest.fixture(scope="module")
def plain(pair):
    return pair.make("plain")


# -- DescribeConfigs -------------------------------------------------------------------


def describe(*resources, synonyms=True, documentation=False):
    """Each resource: (type, name) or (type, name, keys)."""
    return {
        "Resources": [
            {
                "ResourceType": kind,
                "ResourceName": name,
                "ConfigurationKeys": keys[0] if keys else None,
            }
            for kind, name, *keys in resources
        ],
        "IncludeSynonyms": synonyms,
        "IncludeDocumentation": documentation,
    }


@pytest.mark.parametrize("synonyms", [False, True])
def test_all_settings_of_a_topic(pair, plain, synonyms):
    pair.same("DescribeConfigs", describe((TOPIC, plain), synonyms=synonyms))


def test_settings_by_name(pair, plain):
    for keys in [], ["retention.ms"], ["no.such"], ["retention.ms", "retention.ms"], [""]:
        pair.same("DescribeConfigs", describe((TOPIC, plain, keys)))
        pair.same("DescribeConfigs", describe((BROKER, "1", keys)), change=shared)


def test_settings_of_what_is_not_there(pair, plain):
    for kind in -1, 0, 1, 2, 3, 4, 5, 8, 127:
        for name in "", "nobody", "1", "2", "-1", "a b", "x" * 250:
            if (kind, name) == (BROKER, "1"):
                continue
            pair.same("DescribeConfigs", describe((kind, name, ["retention.ms"])))
    pair.same("DescribeConfigs", describe())
    twice = describe((TOPIC, plain, ["retention.ms"]), (TOPIC, plain, ["segment.ms"]))
    pair.same("DescribeConfigs", twice)
    pair.same("DescribeConfigs", describe((TOPIC, plain, ["a"]), (TOPIC, "nobody", ["a"])))


# What the two brokers are told apart by.
OWN = {
    "advertised.listeners",
    "listeners",
    "log.dir",
    "log.dirs",
    "controller.quorum.voters",
    "controller.listener.names",
    "process.roles",
    "node.id",
    "broker.id",
    "offsets.topic.replication.factor",
    "transaction.state.log.replication.factor",
    "transaction.state.log.min.isr",
    "group.initial.rebalance.delay.ms",
}


def shared(answer):
    for result in answer["Results"]:
        result["Configs"] = [c for c in result["Configs"] if c["Name"] not in OWN]
    return answer


def test_all_settings_of_the_broker(pair):
    pair.same("DescribeConfigs", describe((BROKER, "1")), change=by_name)


def by_name(answer):
    """Keyed by the settings' names, so that one that is missing is said to be."""
    shared(answer)
    for result in answer["Results"]:
        result["Configs"] = {c["Name"]: c for c in result["Configs"]}
    return answer


# -- IncrementalAlterConfigs -----------------------------------------------------------


def alter(kind, name, *changes, validate_only=False):
    """Each change: (operation, key, value)."""
    configs = [{"Name": k, "ConfigOperation": op, "Value": v} for op, k, v in changes]
    resource = {"ResourceType": kind, "ResourceName": name, "Configs": configs}
    return {"Resources": [resource], "ValidateOnly": validate_only}


CHANGES = {
    "set": [(SET, "retention.ms", "5")],
    "set what it was": [(SET, "retention.ms", "604800000")],
    "set null": [(SET, "retention.ms", None)],
    "set empty": [(SET, "retention.ms", "")],
    "set wrong": [(SET, "retention.ms", "soon")],
    "set too small": [(SET, "segment.bytes", "1")],
    "set unknown": [(SET, "no.such", "1")],
    "set nothing": [(SET, "", "1")],
    "delete": [(DELETE, "retention.ms", None)],
    "delete with a value": [(DELETE, "retention.ms", "5")],
    "delete unknown": [(DELETE, "no.such", None)],
    "append": [(APPEND, "cleanup.policy", "compact")],
    "append what is there": [(APPEND, "cleanup.policy", "delete")],
    "append two": [(APPEND, "cleanup.policy", "compact,delete")],
    "append wrong": [(APPEND, "cleanup.policy", "wash")],
    "append null": [(APPEND, "cleanup.policy", None)],
    "append empty": [(APPEND, "cleanup.policy", "")],
    "append to a number": [(APPEND, "retention.ms", "5")],
    "append to unknown": [(APPEND, "no.such", "5")],
    "append a replica": [(APPEND, "leader.replication.throttled.replicas", "0:1")],
    "subtract": [(SUBTRACT, "cleanup.policy", "delete")],
    "subtract what is not there": [(SUBTRACT, "cleanup.policy", "compact")],
    "subtract from a number": [(SUBTRACT, "retention.ms", "5")],
    "subtract null": [(SUBTRACT, "cleanup.policy", None)],
    "one key twice": [(SET, "retention.ms", "5"), (SET, "retention.ms", "6")],
    "set and delete": [(SET, "retention.ms", "5"), (DELETE, "retention.ms", None)],
    "two": [(SET, "retention.ms", "5"), (SET, "segment.ms", "6")],
    "good and bad": [(SET, "retention.ms", "5"), (SET, "segment.ms", "soon")],
    "min in-sync above the factor": [(SET, "min.insync.replicas", "5")],
    "remote storage": [(SET, "remote.storage.enable", "true")],
    "none": [],
}


@pytest.mark.parametrize("changes", CHANGES.values(), ids=CHANGES)
def test_a_topic_altered(pair, topic, changes):
    pair.make(topic)
    pair.same("IncrementalAlterConfigs", alter(TOPIC, topic, *changes, validate_only=True))
    pair.same("IncrementalAlterConfigs", alter(TOPIC, topic, *changes))
    pair.same("DescribeConfigs", describe((TOPIC, topic)), only=[4])


@pytest.mark.parametrize("operation", [4, -1])
def test_an_operation_that_is_none(pair, plain, operation):
    asked = alter(TOPIC, plain, (operation, "retention.ms", "5"))
    pair.same("IncrementalAlterConfigs", asked, but=NO_OPERATION)


def test_appended_and_subtracted_in_turn(pair, topic):
    pair.make(topic, configs={"cleanup.policy": "compact"})
    for change in (
        (APPEND, "cleanup.policy", "delete"),
        (APPEND, "cleanup.policy", "delete"),
        (SUBTRACT, "cleanup.policy", "compact"),
        (SUBTRACT, "cleanup.policy", "delete"),
        (DELETE, "cleanup.policy", None),
    ):
        pair.same("IncrementalAlterConfigs", alter(TOPIC, topic, change))
        pair.same("DescribeConfigs", describe((TOPIC, topic, ["cleanup.policy"])))


BROKER_CHANGES = {
    "set": [(SET, "log.retention.ms", "86400000")],
    "read-only": [(SET, "node.id", "5")],
    "read-only deleted": [(DELETE, "log.dirs", None)],
    "wrong": [(SET, "log.retention.ms", "soon")],
    "unknown": [(SET, "no.such", "1")],
    "threads": [(SET, "num.io.threads", "0")],
    "append": [(APPEND, "log.cleanup.policy", "compact")],
    "append to a number": [(APPEND, "log.retention.ms", "5")],
    "max message": [(SET, "message.max.bytes", "99999")],
    "listener prefix": [(SET, "listener.name.x.no.such", "1")],
    "flush": [(SET, "log.flush.interval.ms", "7777")],
    "one key twice": [(SET, "log.retention.ms", "5"), (SET, "log.retention.ms", "6")],
    "min in-sync": [(SET, "min.insync.replicas", "1")],
}


@pytest.mark.parametrize("name", ["1", ""])
@pytest.mark.parametrize("changes", BROKER_CHANGES.values(), ids=BROKER_CHANGES)
def test_a_broker_altered(pair, name, changes):
    keys = [key for _, key, _ in changes]
    pair.same(
        "IncrementalAlterConfigs", alter(BROKER, name, *changes, validate_only=True)
    )
    pair.same("IncrementalAlterConfigs", alter(BROKER, name, *changes))
    undo = [(DELETE, key, None) for key in dict.fromkeys(keys)]
    pair.same("IncrementalAlterConfigs", alter(BROKER, name, *undo))


def test_what_each_broker_has_of_its_own_is_not_for_all(pair):
    change = (SET, "advertised.listeners", "PLAINTEXT://127.0.0.1:1")
    pair.same("IncrementalAlterConfigs", alter(BROKER, "", change))


def test_altered_what_is_not_there(pair, plain):
    change = (SET, "retention.ms", "5")
    for kind in -1, 0, 1, 2, 3, 5, 127:
        for name in "", "nobody", "7", "a b", "x" * 250:
            pair.same("IncrementalAlterConfigs", alter(kind, name, change))
    change = (SET, "log.retention.ms", "5")
    for name in "7", "-1", "nobody", "01":
        pair.same("IncrementalAlterConfigs", alter(BROKER, name, change))
    pair.same("IncrementalAlterConfigs", {"Resources": []})
    twice = alter(TOPIC, plain, (SET, "retention.ms", "5"))
    twice["Resources"] *= 2
    pair.same("IncrementalAlterConfigs", twice)
    others = alter(TOPIC, plain, (SET, "segment.ms", "5"))
    others["Resources"] += alter(TOPIC, "nobody", (SET, "segment.ms", "5"))["Resources"]
    pair.same("IncrementalAlterConfigs", others)


# -- AlterConfigs ----------------------------------------------------------------------


def replace(kind, name, validate_only=False, **configs):
    pairs = [{"Name": k.replace("_", "."), "Value": v} for k, v in configs.items()]
    resource = {"ResourceType": kind, "ResourceName": name, "Configs": pairs}
    return {"Resources": [resource], "ValidateOnly": validate_only}


REPLACEMENTS = {
    "one": {"segment_ms": "6"},
    "none": {},
    "wrong": {"retention_ms": "soon"},
    "unknown": {"no_such": "1"},
    "null": {"retention_ms": None},
    "two": {"retention_ms": "7", "cleanup_policy": "compact,delete"},
}


@pytest.mark.parametrize("configs", REPLACEMENTS.values(), ids=REPLACEMENTS)
def test_a_topics_settings_replaced(pair, topic, configs):
    pair.make(topic, configs={"retention.ms": "5", "flush.ms": "9"})
    pair.same("AlterConfigs", replace(TOPIC, topic, True, **configs))
    pair.same("AlterConfigs", replace(TOPIC, topic, **configs))
    pair.same("DescribeConfigs", describe((TOPIC, topic)), only=[4])


def test_replaced_what_is_not_there(pair, plain):
    for kind in -1, 0, 1, 2, 3, 5, 127:
        for name in "", "nobody", "7":
            pair.same("AlterConfigs", replace(kind, name, retention_ms="5"))
    pair.same("AlterConfigs", {"Resources": []})
    pair.same("AlterConfigs", replace(BROKER, "1", node_id="5"))
    pair.same("AlterConfigs", replace(BROKER, "7", log_retention_ms="5"))


# -- ListConfigResources ---------------------------------------------------------------


def without_marker(answer):
    if isinstance(answer, dict):
        answer["ConfigResources"] = [
            r
            for r in answer["ConfigResources"]
            if r.get("ResourceType") != TOPIC or r["ResourceName"] != MARKER
        ]
    return answer


@pytest.mark.parametrize("kinds", [[], [2], [4], [8], [16], [32], [2, 4], [2, 2], [1], [-1]])
def test_the_resources_that_have_settings(pair, plain, kinds):
    pair.same("ListConfigResources", {"ResourceTypes": kinds}, only=[1], change=without_marker)
    pair.same("ListConfigResources", {}, only=[0], change=without_marker)
