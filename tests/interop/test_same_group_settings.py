"""Settings of groups: the answers are Apache Kafka's.

See harness/story.py for how stories are told and compared.
"""

import uuid

import pytest

from harness.story import same_story

GROUP = 32
SET, DELETE, APPEND, SUBTRACT = 0, 1, 2, 3


def described(*names, keys=None):
    return {
        "Resources": [
            {"ResourceType": GROUP, "ResourceName": name, "ConfigurationKeys": keys}
            for name in names
        ],
        "IncludeSynonyms": True,
        "IncludeDocumentation": False,
    }


def altered(name, *changes, validate_only=False):
    configs = [{"Name": k, "ConfigOperation": op, "Value": v} for op, k, v in changes]
    one = {"ResourceType": GROUP, "ResourceName": name, "Configs": configs}
    return {"Resources": [one], "ValidateOnly": validate_only}


def test_settings_of_a_group_described(pair, coordinated):
    for name in "nobody", "", "a b", "x" * 300:
        pair.same("DescribeConfigs", described(name), change=consumer_only)
    keys = ["consumer.session.timeout.ms", "no.such"]
    pair.same("DescribeConfigs", described("nobody", keys=keys))


def consumer_only(answer):
    """Gregor has no share and streams groups, nor an assignor in a thread of its own."""
    for result in answer["Results"]:
        result["Configs"] = [
            c
            for c in result["Configs"]
            if c["Name"].startswith("consumer.") and "offload" not in c["Name"]
        ]
    return answer


@pytest.mark.parametrize(
    "key", ["session.timeout", "heartbeat.interval", "assignment.interval"]
)
@pytest.mark.parametrize("operation", [SET, DELETE, APPEND, SUBTRACT])
@pytest.mark.parametrize(
    "value",
    ["", None, "no", "-1", "0", "4999", "5000", "5001", "15001", "46000", "61000"],
)
def test_settings_of_a_group_altered(pair, coordinated, key, operation, value):
    change = operation, f"consumer.{key}.ms", value
    group = f"altered-{uuid.uuid4()}"
    pair.same("IncrementalAlterConfigs", altered(group, change, validate_only=True))
    pair.same("IncrementalAlterConfigs", altered(group, change))
    pair.same("DescribeConfigs", described(group), change=consumer_only)


def test_settings_of_a_group_that_do_not_fit_together(pair, coordinated):
    session, heartbeat = "consumer.session.timeout.ms", "consumer.heartbeat.interval.ms"
    for changes in (
        [(SET, session, "50000"), (SET, heartbeat, "6000")],
        [(SET, session, "45000"), (SET, "no.such", "6000")],
        [(SET, "retention.ms", "1")],
        [(SET, session, "50000"), (SET, session, "50001")],
        [],
    ):
        group = f"fit-{uuid.uuid4()}"
        pair.same("IncrementalAlterConfigs", altered(group, *changes))
        pair.same("DescribeConfigs", described(group), change=consumer_only)
    pair.same("IncrementalAlterConfigs", altered("", (SET, session, "50000")))


def test_a_heartbeat_interval_of_ones_own(pair, topics, topic):
    change = SET, "consumer.heartbeat.interval.ms", "6000"
    pair.same("IncrementalAlterConfigs", altered(topic, change))

    def story(s):
        one = s.consumer("one")
        one.join("six")

    same_story(pair, story, topic)
